"""Compare ways to repair a broken symmetry, side by side."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    CompoundKernel,
    Exponentiation,
    Kernel,
    KernelOperator,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC, SVR

from symkernel.diagnostics.augmented import Augmented
from symkernel.diagnostics.measure import invariance_report
from symkernel.diagnostics.orbit_grid import OrbitGrid, orbit_grid
from symkernel.diagnostics.orbit_values import BATCH
from symkernel.diagnostics.symmetrized import Symmetrized
from symkernel.diagnostics.symmetrized_classifier import SymmetrizedClassifier
from symkernel.estimators.ridge import InvariantKernelRidge
from symkernel.groups import Group
from symkernel.groups.registry import bind, names_of
from symkernel.kernels import InvariantKernel
from symkernel.validation import RandomState, as_floats, check_kind

# Random elements over which the spread is measured.
_RANDOM = 128

__all__ = ["Repair", "Repairs", "compare_repairs", "invariant_version"]


@dataclass(frozen=True, eq=False)
class Repair:
    """One row of a comparison.

    Attributes
    ----------
    name : str
    model : object
        The fitted model.
    rmse : float
        Root mean square error on the test samples; of a classifier the share of wrong labels.
    std : float
        Root mean square over test samples of the standard deviation over the orbit; of a classifier
        that of its probabilities or decision values.
    fit_seconds, predict_seconds : float
    """

    name: str
    model: Any
    rmse: float
    std: float
    fit_seconds: float
    predict_seconds: float


@dataclass(frozen=True, eq=False)
class Repairs:
    """Outcome of ``compare_repairs``: ``print`` it, or take a row by name with ``[]``.

    Attributes
    ----------
    rows : tuple of Repair
    grid : OrbitGrid
        Elements over which the spread was measured.
    labels : bool
        Whether the models are classifiers.
    """

    rows: tuple[Repair, ...]
    grid: OrbitGrid
    labels: bool = False

    def __getitem__(self, name: str) -> Repair:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no row {name!r}; rows: {', '.join(r.name for r in self.rows)}")

    def __str__(self) -> str:
        error = "error rate" if self.labels else "RMSE"
        head = f"{'':<12} {error:>10} {'spread':>10} {'fit s':>9} {'predict s':>10}"
        lines = [
            f"{r.name:<12} {r.rmse:>10.4g} {r.std:>10.3g} {r.fit_seconds:>9.3g} "
            f"{r.predict_seconds:>10.3g}"
            for r in self.rows
        ]
        return "\n".join([head, *lines, f"spread over {len(self.grid)} elements: {self.grid.name}"])


def compare_repairs(
    estimator: Any,
    X: Any,
    y: Any,
    X_test: Any,
    y_test: Any,
    *,
    group: Group | str,
    grid: str | int | None = None,
    n_images: int = 4,
    invariant: Any = None,
    batch_size: int = BATCH,
    random_state: RandomState = 0,
) -> Repairs:
    """Fit a model as it is, on augmented data, averaged afterwards, and invariant by construction.

    Parameters
    ----------
    estimator : scikit-learn regressor or classifier
        The model, which need not know the symmetry. A classifier needs predict_proba.
    X, X_test : array-like of shape (n, n_features)
        Training and test samples.
    y, y_test : array-like of shape (n,) or (n, n_targets)
        Their targets, or labels.
    group : Group or str
        Group without translations, or the name of one.
    grid : str or int, default=None
        Elements that are averaged over; see ``orbit_grid``. The spread is measured over 128 random
        elements if the group is infinite.
    n_images : int, default=4
        Images per sample in the augmented data.
    invariant : scikit-learn regressor or classifier, default=None
        An invariant model; by default ``invariant_version(estimator, group)``, and no such row
        where there is none.
    batch_size : int, default=8192
        Rows per call of a model.
    random_state : int, numpy Generator, numpy RandomState or None, default=0
        Source of the images, and of the elements over which the spread is measured.

    Returns
    -------
    Repairs
        Rows "plain", "augmented", "symmetrized" and "invariant".

    Raises
    ------
    TypeError
        If a classifier has no predict_proba, whose average is wanted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.kernel_ridge import KernelRidge
    >>> from symkernel import diagnostics, groups
    >>> X = np.random.default_rng(0).standard_normal((300, 3))
    >>> y = np.exp(-(X**2).sum(axis=1))
    >>> table = diagnostics.compare_repairs(
    ...     KernelRidge(alpha=1e-6, kernel="rbf", gamma=0.5),
    ...     X[:50], y[:50], X[50:], y[50:], group=groups.O(3)
    ... )
    >>> bool(table["invariant"].rmse < 0.1 * table["plain"].rmse)
    True
    """
    group = bind(group, int(np.prod(np.shape(X)[1:])), names_of(X))
    # A grid that a model has been averaged over shows too little of what is left of the break.
    n_random = None if group.is_finite else _RANDOM
    elements = orbit_grid(group, n_random=n_random, random_state=random_state)
    check_kind(X)
    check_kind(X_test, "X_test")
    plain = clone(estimator)
    labels = is_classifier(estimator)
    averaged = SymmetrizedClassifier if labels else Symmetrized
    models: dict[str, Any] = {
        "plain": plain,
        "augmented": Augmented(estimator, group, n_images, random_state=random_state),
        "symmetrized": averaged(
            estimator, group, grid, batch_size=batch_size, random_state=random_state
        ),
    }
    if invariant is None:
        try:
            invariant = invariant_version(estimator, group)
        except TypeError:
            invariant = None
    if invariant is not None:
        models["invariant"] = clone(invariant)
    targets = np.asarray(y_test) if labels else as_floats(y_test, "y_test", finite=True)
    rows = []
    for name, model in models.items():
        start = time.perf_counter()
        model.fit(X, y)
        fitted = time.perf_counter()
        predicted = np.asarray(model.predict(X_test))
        done = time.perf_counter()
        report = invariance_report(
            model, X_test, group=group, grid=elements, batch_size=batch_size, n_bootstrap=1
        )
        predicted = predicted.reshape(targets.shape)
        error = float(
            (predicted != targets).mean()
            if labels
            else np.sqrt(((predicted - targets) ** 2).mean())
        )
        rows.append(Repair(name, model, error, report.std, fitted - start, done - fitted))
    return Repairs(tuple(rows), elements, labels)


def invariant_version(estimator: Any, group: Group | str) -> Any:
    """Return the same kernel machine with its kernel averaged over a group, not fitted.

    Parameters
    ----------
    estimator : KernelRidge, InvariantKernelRidge, GaussianProcessRegressor, SVR or SVC
        Its other parameters are kept.
    group : Group or str
        Group that acts on the samples, or the name of one.

    Returns
    -------
    object
        An estimator of the same kind; ``InvariantKernelRidge`` for ``KernelRidge``.

    Raises
    ------
    TypeError
        If the estimator is no kernel machine of these, or its kernel cannot be averaged.

    Examples
    --------
    >>> from sklearn.kernel_ridge import KernelRidge
    >>> from symkernel import diagnostics, groups
    >>> model = diagnostics.invariant_version(KernelRidge(kernel="rbf"), groups.Cyclic(3))
    >>> model.kernel, model.group
    ('rbf', Cyclic(3))
    """
    if isinstance(estimator, InvariantKernelRidge):
        model = clone(estimator)
        return model.set_params(group=group)
    if isinstance(estimator, KernelRidge):
        p = estimator.get_params(deep=False)
        names = ("alpha", "kernel", "gamma", "degree", "coef0")
        return InvariantKernelRidge(**{k: p[k] for k in names}, group=group)
    if isinstance(estimator, GaussianProcessRegressor):
        kernel = RBF(1.0, "fixed") if estimator.kernel is None else estimator.kernel
        return clone(estimator).set_params(kernel=_averaged(kernel, group))
    if isinstance(estimator, SVR | SVC) and isinstance(estimator.kernel, Kernel):
        return clone(estimator).set_params(kernel=_averaged(estimator.kernel, group))
    raise TypeError(
        f"{type(estimator).__name__} has no kernel that can be averaged: use KernelRidge, "
        "GaussianProcessRegressor, or SVR and SVC with a kernel object of scikit-learn"
    )


def _averaged(kernel: Kernel, group: Group | str) -> Kernel:
    """Average every kernel of an expression that depends on more than x = y."""
    if isinstance(kernel, InvariantKernel):
        return kernel
    if isinstance(kernel, KernelOperator):
        return type(kernel)(_averaged(kernel.k1, group), _averaged(kernel.k2, group))
    if isinstance(kernel, CompoundKernel | Exponentiation):
        raise TypeError(f"{type(kernel).__name__} cannot be averaged part by part")
    if type(kernel).__name__ in ("ConstantKernel", "WhiteKernel"):
        return kernel
    return InvariantKernel(kernel, group)
