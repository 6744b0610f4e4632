"""Learn from samples that come in parts, by sums over all of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, check_classification_targets

from symkernel.backends.arrays import is_on_device
from symkernel.estimators._calibration import Calibration
from symkernel.estimators._centers import find_centres
from symkernel.estimators._fit_blocks import bound_blocks, fit_blocks
from symkernel.estimators._kernel import KernelSpec
from symkernel.estimators._large import Options
from symkernel.estimators._machine import Fitted, KernelMachine, check_alpha, check_weights
from symkernel.estimators._nystroem import (
    NystroemFit,
    add_samples,
    solved_from_sums,
)
from symkernel.estimators._regression import KernelRegressor, check_normalize_y, warn_dwarfing
from symkernel.estimators._solvers import read_options, refuse_method
from symkernel.exceptions import NotApplicableError
from symkernel.solvers.choose import SolverPlan
from symkernel.solvers.nystroem import NystroemSums

Array = NDArray[Any]


# Centres of a fit in parts where their number is not given, at most.
_CENTRES = 500


def _sums(estimator: Any) -> bool:
    if estimator.solver != "nystroem":
        raise AttributeError(
            f"partial_fit needs solver='nystroem', whose sums can be added to; it is "
            f"solver={estimator.solver!r}"
        )
    return True


class LearnsInParts(KernelRegressor):
    """Mixin of regressors with ``partial_fit``."""

    alpha: Any

    @available_if(_sums)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add samples to a fit with ``solver="nystroem"``, and solve anew.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Further samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        InvariantKernelRidge
            The fitted estimator itself.

        Raises
        ------
        TypeError, ValueError
            As ``fit``; also if the targets have another number of columns than before.

        Notes
        -----
        The first call chooses the centres among its samples, `n_components` or else up to 500, so
        that it should hold a fair selection; ``fit`` chooses among all, and may come first. What
        is fitted then equals a fit to all samples with these centres, whatever the parts: only
        sums are kept, M^2 numbers for M centres. A part of c samples takes c M kernel values, c M^2
        multiply-adds, and 9 M^3 operations to solve.

        Examples
        --------
        >>> import numpy as np
        >>> from symkernel import InvariantKernelRidge
        >>> X = np.random.default_rng(0).normal(size=(3000, 4))
        >>> y = X.max(axis=1)
        >>> model = InvariantKernelRidge(1e-2, group="symmetric", solver="nystroem")
        >>> for part in range(0, 3000, 1000):
        ...     model = model.partial_fit(X[part : part + 1000], y[part : part + 1000])
        >>> bool(model.score(X, y) > 0.99)
        True
        """
        alpha = check_alpha(self.alpha)
        centred = check_normalize_y(self.normalize_y)
        spec, first = _begun(self)
        described: Any = self
        if first and hasattr(described, "_read_descriptor"):
            described._read_descriptor(spec)
        X, y = self._check_training(spec, X, y, multi_output=True, y_numeric=True, reset=first)
        weights = check_weights(sample_weight, X)
        targets = y.reshape(len(y), -1)
        dual_coef, intercept = _learn(self, spec, X, targets, weights, alpha, centred)
        self.dual_coef_ = dual_coef.reshape(-1, *y.shape[1:])
        mean = intercept.reshape(y.shape[1:])
        self.intercept_ = float(mean) if mean.ndim == 0 else mean
        return self

    def _fit_blocks(
        self, spec: Any, X: Any, y: Any, sample_weight: Any, alpha: Array, centred: bool
    ) -> None:
        """Fit to samples that stay in blocks, and the constant if asked for."""
        bound, blocks, y = bound_blocks(self, spec, X, y, sample_weight)
        tail = tuple(int(size) for size in y.shape[1:])
        large, constants, _ = fit_blocks(self, spec, bound, blocks, tail, alpha, centred)
        if spec.invariant and not centred:
            sums = large.sums.with_offset(large.sums.mean)
            warn_dwarfing(sums.mean, np.sqrt(np.maximum(sums.squares, 0.0) / sums.weight))
        mean = constants.reshape(tail)
        self.intercept_ = float(mean) if mean.ndim == 0 else mean


class SortsInParts(KernelMachine):
    """Mixin of classifiers with ``partial_fit``."""

    alpha: Any
    classes_: Array
    _calibration: Calibration

    @abstractmethod
    def _targets(self, codes: Array, dtype: Any) -> Array:
        """Targets of classes by their numbers."""

    @available_if(_sums)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Add samples to a fit with ``solver="nystroem"``, and solve anew.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Further samples.
        y : array-like of shape (n_samples,)
            Their classes.
        classes : array-like of shape (n_classes,), default=None
            All classes that any part will hold. Needed by the first call, if ``fit`` did not come
            before.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        InvariantKernelClassifier
            The fitted estimator itself.

        Raises
        ------
        TypeError, ValueError
            As ``fit``; also if `classes` are missing at first, differ from those before, or do not
            hold a class of y.

        Notes
        -----
        Centres, costs and what the result equals are those of ``InvariantKernelRidge.partial_fit``.
        Probabilities need ``fit``, which keeps samples to calibrate them on.

        Examples
        --------
        >>> import numpy as np
        >>> from symkernel import InvariantKernelClassifier
        >>> X = np.random.default_rng(0).normal(size=(600, 4))
        >>> y = np.where(X.max(axis=1) > 1, "high", "low")
        >>> model = InvariantKernelClassifier(1e-2, group="symmetric", solver="nystroem")
        >>> for part in range(0, 600, 200):
        ...     some = slice(part, part + 200)
        ...     model = model.partial_fit(X[some], y[some], classes=["high", "low"])
        >>> bool(model.score(X, y) > 0.95)
        True
        """
        alpha = one_alpha(self.alpha)
        spec, first = _begun(self)
        X, y = self._check_training(spec, X, y, reset=first)
        check_classification_targets(y)
        weights = check_weights(sample_weight, X)
        _check_partial_fit_first_call(self, classes)
        if len(self.classes_) < 2:
            raise ValueError(
                f"classes must hold at least two classes; got {self.classes_.tolist()}"
            )
        codes = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        if (unknown := self.classes_[codes] != y).any():
            raise ValueError(
                f"y holds the class {y[unknown].tolist()[0]!r}, which is not among classes "
                f"{self.classes_.tolist()}: give every class to the first call of partial_fit"
            )
        targets = self._targets(codes, np.float64)
        columns = targets.reshape(len(targets), -1)
        dual_coef, _ = _learn(self, spec, X, columns, weights, alpha, False)
        self.dual_coef_ = dual_coef.reshape(-1, *targets.shape[1:])
        self._calibration = Calibration(codes if first else self._calibration.codes)
        return self


def one_alpha(alpha: Any) -> Array:
    """Check the alpha of a classifier, which is one number; shape (1,).

    Raises
    ------
    TypeError, ValueError
        As ``check_alpha``; also if there are more.
    """
    found = check_alpha(alpha)
    if found.size != 1:
        raise ValueError(f"alpha must be one number for a classifier; got {found.size}")
    return found


def _begun(machine: Any) -> tuple[KernelSpec, bool]:
    """What is to be fitted, and whether no samples have come yet.

    Raises
    ------
    NotApplicableError
        For samples that are sets.
    """
    spec = machine._spec()
    if spec.of_sets:
        raise NotApplicableError("partial_fit needs samples that are rows of features")
    begun = hasattr(machine, "_fitted") and isinstance(machine._fitted.large, NystroemFit)
    return spec, not begun


def _learn(
    machine: Any,
    spec: KernelSpec,
    X: Array,
    targets: Array,
    weights: Array | None,
    alpha: Array,
    centred: bool,
) -> tuple[Array, Array]:
    """Add targets (n, t) to the sums: coefficients (M, t) and constants (t,).

    Raises
    ------
    ValueError
        If there are more or less targets than before.
    """
    options = read_options(machine)
    if _begun(machine)[1]:
        begin(machine, spec, options, X, targets.shape[1], alpha)
        machine._fitted.large.raw = True
    large = machine._fitted.large
    if not large.raw:  # fit has subtracted the constant before it summed
        large.sums.offset = large.sums.offset + np.ravel(getattr(machine, "intercept_", 0.0))
        large.raw = True
    if targets.shape[1] != large.sums.cross.shape[1]:
        raise ValueError(
            f"y must have {large.sums.cross.shape[1]} columns, as before; got {targets.shape[1]}"
        )
    large.alpha = alpha
    add_samples(large, X, targets, weights)
    machine._fitted.alpha = np.ravel(alpha)
    return solved_from_sums(large, centred)


def begin(
    machine: KernelMachine, spec: Any, options: Options, X: Any, n_targets: int, alpha: Array
) -> None:
    """Choose centres among the first samples, and set what does not depend on targets."""
    bound = machine._bind(spec, X)
    if is_on_device(X) or not isinstance(X, np.ndarray):
        refuse_method("nystroem", bound)
    m = min(len(X), _CENTRES) if options.n_components is None else options.n_components
    centres = find_centres(bound, X, m, options.centers, options.seed(), options.n_jobs)
    large = NystroemFit(centres, NystroemSums.zeros(len(centres), n_targets), alpha)
    machine.n_iter_ = 1
    machine._fitted = Fitted(spec, bound, np.ravel(alpha), None, large=large)
    machine.kernel_, machine.group_, machine.X_fit_ = bound.kernel, bound.group, centres.samples
    machine.solver_plan_ = SolverPlan(
        "nystroem",
        len(X),
        len(centres),
        False,
        float(len(X) * len(centres)),
        8 * 4 * len(centres) ** 2,
        float("nan"),
        "samples come in parts",
    )
