"""Make the plan of an invariant kernel once, and keep it while nothing changes."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from symkernel.backends.arrays import is_on_device
from symkernel.groups import Group
from symkernel.groups.registry import is_by_name, is_unbound, names_of, with_columns
from symkernel.kernels.base import NativeKernel
from symkernel.kernels.kept import KeptSamples
from symkernel.kernels.methods import integer, name_and_options
from symkernel.kernels.moving import must_move
from symkernel.kernels.parameters import BaseParameters
from symkernel.kernels.remembered import RememberedPlan
from symkernel.kernels.translate import spec_of
from symkernel.plans.base import BaseSpec, Plan
from symkernel.plans.planner import make_plan
from symkernel.validation import check_flag, check_pair, check_samples

Array = NDArray[Any]


class PlannedKernel(BaseParameters):
    """Asks the planner how the base is averaged over the group."""

    def plan(
        self, n_features: int | None = None, *, n: int | None = None, m: int | None = None
    ) -> Plan:
        """Say how the average will be computed: method, exactness, cost per pair.

        Parameters
        ----------
        n_features : int, optional
            Number of features; needed only for a group given by name, or on columns by position.
            Columns by name are known from the last call, of a data frame.
        n, m : int, optional
            Numbers of samples: the plan then says what their Gram matrix takes on the CPU, in
            seconds and bytes, as its ``estimate``. `m=None` stands for the symmetric matrix.

        Returns
        -------
        Plan
            Its ``str`` is readable. After a call it is the plan of that call, and knows the error
            measured there.

        Raises
        ------
        ValueError
            If the group is a name and `n_features` is missing, the method does not apply, or n or
            m is no positive integer.

        Notes
        -----
        The estimate takes rates of this machine, measured once a process in about 15 ms, and leaves
        out what is done once a sample or once a call.

        Examples
        --------
        >>> from sklearn.gaussian_process.kernels import RBF
        >>> from symkernel import InvariantKernel, groups
        >>> plan = InvariantKernel(RBF(2.0), groups.Cyclic(20)).plan(n=2000)
        >>> plan.estimate.gram  # bytes; plan.estimate.seconds is measured
        32000000
        """
        names = self._names_of_last_call(n_features) if is_by_name(self.group) else None
        if names is not None:
            n_features = len(names)
        if m is not None and n is None:
            raise ValueError(
                f"n must be an integer of at least 1, got None: plan(m={m!r}) lacks the number of "
                "samples in X"
            )
        if n is not None:
            n, m = integer("n", n, 1), None if m is None else integer("m", m, 1)
            degree = self._bound_group(n_features, names).degree
            return self._planned(n_features, names).sized(n, m, degree)
        return self._planned(n_features, names)

    def _planned(self, n_features: int | None, names: tuple[str, ...] | None) -> Plan:
        if is_unbound(self.group) and n_features is None and not is_by_name(self.group):
            what = "is a name" if isinstance(self.group, str) else "is bound to samples"
            raise ValueError(f"group={self.group!r} {what}: plan(n_features) needs a number")
        group = self._bound_group(n_features, names)
        method, options = name_and_options(self.method)
        table = (n_features, names) if is_unbound(self.group) else None
        words = (method, *options.values(), *self._own_words())
        last = self._remembered
        if last is None or not last.serves(self.base, self.group, words, table):
            plan = self._make_plan(group, method, options)
            self._remembered = RememberedPlan(self.base, self.group, words, table, plan)
            return plan
        if last.plan is None:  # it comes from a pickle
            last.plan = make_plan(
                spec_of(self.base, group), group, "quadrature", {"resumed": last.chosen}
            )
        return last.plan

    def _own_words(self) -> tuple[Any, ...]:
        """All that the plan depends on beside base, group and method."""
        return ()

    def _make_plan(self, group: Group, method: str, options: dict[str, Any]) -> Plan:
        # A kernel that is given by its spectrum says itself how it is averaged.
        own = getattr(self.base, "spectral_plan", None)
        if own is not None and method in ("auto", "spectral"):
            spec = BaseSpec("spectrum", (), average=own)
        else:
            spec = spec_of(self.base, group)
        return make_plan(spec, group, method, options)

    def prepare(self, X: Any) -> KeptSamples:
        """Check samples and bring them into the form that calls take, for more than one of them.

        What comes stands for X or Y in every method of this kernel, and keeps what does not depend
        on hyperparameters: the samples centred and packed for native code.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples, which must not change as long as what comes is in use.

        Returns
        -------
        KeptSamples
            The samples; `len` and `shape` are theirs.

        Raises
        ------
        ValueError
            If the samples do not fit the group, or contain NaN or infinity.

        Notes
        -----
        Memory: about three times that of the samples, from the first call on. Samples on a GPU are
        checked once and kept as they are.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.gaussian_process.kernels import RBF
        >>> from symkernel import InvariantKernel, groups
        >>> rng = np.random.default_rng(0)
        >>> X, weights = rng.normal(size=(2000, 8)), rng.normal(size=2000)
        >>> k = InvariantKernel(RBF(2.0), groups.Cyclic(8))
        >>> training = k.prepare(X)
        >>> one = k.matvec(X[:1], training, weights)  # packs one sample, not 2000
        >>> bool(np.allclose(one, k.matvec(X[:1], X, weights)))
        True
        """
        group = None if is_unbound(self.group) else self._bound_group(None)
        return KeptSamples(check_samples(X, "X", group), self._names(X))

    def _prepare(self, X: Any, Y: Any) -> tuple[Any, Any, Plan]:
        check_flag(self.normalize, "normalize")
        names = self._names(X)
        if names is not None and Y is not None:
            Y = with_columns(Y, names, self._names(Y))
        if isinstance(X, KeptSamples) or isinstance(Y, KeptSamples):
            return self._prepare_kept(X, Y, names)
        return self._checked(X, Y, names)

    def _checked(self, X: Any, Y: Any, names: tuple[str, ...] | None) -> tuple[Any, Any, Plan]:
        if is_unbound(self.group):
            X, Y = check_pair(X, Y)
        else:
            X, Y = check_pair(X, Y, self._bound_group(None))
        if isinstance(self.base, NativeKernel):
            self.base._check_range(X, Y)
        return X, Y, self._planned(X.shape[1], names)

    def _names(self, X: Any) -> tuple[str, ...] | None:
        """Names of the columns of samples, where the group needs them."""
        if not is_by_name(self.group):
            return None
        names = X.names if isinstance(X, KeptSamples) else names_of(X)
        return None if names is None else tuple(names)

    def _prepare_kept(self, X: Any, Y: Any, names: tuple[str, ...] | None) -> tuple[Any, Any, Plan]:
        """As `_prepare`, of samples that were checked before; X kept and Y not is as two arrays."""
        if Y is not None and not isinstance(Y, KeptSamples):
            return self._checked(X.rows, Y, names)
        first = X if Y is None else Y
        group = None if is_unbound(self.group) else self._bound_group(None)
        if group is not None and first.shape[1] != group.degree:
            name = "X" if Y is None else "Y"
            raise ValueError(
                f"{name} has {first.shape[1]} features; {group!r} acts on {group.degree}"
            )
        rows = first.rows
        if Y is not None:
            X = X.rows if isinstance(X, KeptSamples) else check_samples(X, "X", group)
            if X.shape[1] != rows.shape[1] or X.dtype != rows.dtype:
                return self._checked(
                    X, rows, names
                )  # which says what is wrong, or brings both together
        if isinstance(self.base, NativeKernel):
            self.base._check_range(rows if Y is None else X, rows)
        plan = self._planned(rows.shape[1], names)
        if is_on_device(rows) or must_move(self.device, rows):
            return (rows, None, plan) if Y is None else (X, rows, plan)
        ready = first.ready(plan, group if group is not None else self.group)
        return (ready, None, plan) if Y is None else (X, ready, plan)
