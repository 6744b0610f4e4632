"""The plan of an invariant kernel, made once and kept while nothing changes."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from symkernel.groups import Group
from symkernel.kernels.base import NativeKernel
from symkernel.kernels.methods import name_and_options
from symkernel.kernels.parameters import BaseParameters
from symkernel.kernels.remembered import RememberedPlan
from symkernel.kernels.translate import spec_of
from symkernel.plans import NotApplicableError, Plan, make_plan
from symkernel.validation import check_flag, check_pair

Array = NDArray[Any]


class PlannedKernel(BaseParameters):
    """Asks the planner how the base is averaged over the group."""

    _remembered: RememberedPlan | None = None

    def plan(self, n_features: int | None = None) -> Plan:
        """How the average will be computed: method, exactness, cost per pair.

        Parameters
        ----------
        n_features : int, optional
            Number of features; needed only for a group given by name.

        Returns
        -------
        Plan
            Its ``str`` is readable. After a call it is the plan of that call, and knows the error
            measured there.

        Raises
        ------
        ValueError
            If the group is a name and `n_features` is missing, or the method does not apply.
        """
        if isinstance(self.group, str) and n_features is None:
            raise ValueError(f"group={self.group!r} is a name: plan(n_features) needs a number")
        group = self._bound_group(n_features)
        method, options = name_and_options(self.method)
        named = n_features if isinstance(self.group, str) else None
        words = (method, *options.values(), named)
        last = self._remembered
        if last is None or not last.serves(self.base, self.group, words):
            plan = self._make_plan(group, method, options)
            self._remembered = RememberedPlan(self.base, self.group, words, plan)
            return plan
        if last.plan is None:  # it comes from a pickle
            last.plan = make_plan(
                spec_of(self.base, group), group, "quadrature", {"resumed": last.chosen}
            )
        return last.plan

    def _make_plan(self, group: Group, method: str, options: dict[str, Any]) -> Plan:
        # A kernel that is given by its spectrum averages itself: over invariant functions.
        spectral = getattr(self.base, "spectral_plan", None)
        if method == "spectral" and spectral is None:
            raise NotApplicableError(
                "method='spectral' needs a base kernel that is given by its spectrum, such as "
                f"HeatKernel, SobolevKernel or PolynomialKernel of symkernel.spectral, not "
                f"{self.base!r}"
            )
        if spectral is not None and method in ("auto", "spectral"):
            plan: Plan = spectral(group)
            return plan
        return make_plan(spec_of(self.base, group), group, method, options)

    def _prepare(self, X: Any, Y: Any) -> tuple[Array, Array | None, Plan]:
        check_flag(self.normalize, "normalize")
        if isinstance(self.group, str):
            X, Y = check_pair(X, Y)
        else:
            X, Y = check_pair(X, Y, self._bound_group(None))
        if isinstance(self.base, NativeKernel):
            self.base._check_range(X, Y)
        return X, Y, self.plan(X.shape[1])
