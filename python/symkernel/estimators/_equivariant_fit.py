"""Fit and predict targets that turn with their samples, for estimators."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from symkernel.backends.arrays import is_on_device
from symkernel.backends.packed import LARGEST_FACTORED
from symkernel.estimators._equivariant import System, systems
from symkernel.estimators._kernel import KernelSpec
from symkernel.estimators._machine import check_weights
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Representation
from symkernel.groups.registry import bind
from symkernel.groups.representations import read_output
from symkernel.kernels.equivariant import EquivariantKernel
from symkernel.solvers.centring import weighted_mean
from symkernel.solvers.leave_blocks_out import leave_blocks_out_residuals
from symkernel.solvers.ridge import solve_ridge
from symkernel.solvers.ridge_factor import RidgeFactor, factor_ridge
from symkernel.solvers.ridge_packed import solve_ridge_packed
from symkernel.validation import check_data, check_n_jobs

Array = NDArray[Any]

# Numbers of a matrix of covariances held at once in predict.
_HELD = 2**22


class Given(NamedTuple):
    """Checked samples, targets and weights, and how the targets turn."""

    X: Array
    y: Array
    weights: Array | None
    group: Group
    output: Representation


class EquivariantRegressor:
    """Mixin of regressors f(x) = m + sum_i K(x, x_i) c_i of vectors; the first of their bases."""

    kernel: Any
    group: Any
    output: Representation | str
    degree: float
    coef0: float
    kernel_params: Any
    n_jobs: int | None

    kernel_: EquivariantKernel
    group_: Group
    output_: Representation
    dual_coef_: Array
    intercept_: Any
    X_fit_: Array

    def predict(self, X: Any, return_std: bool = False) -> Any:
        r"""Predict targets, and how far from them the truth may be.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        mean : ndarray of shape (n_samples, p) or (n_samples,)
            Predictions.
        std : ndarray of the same shape
            Standard deviations of each component, of the Gaussian process whose mean was predicted,
            without the noise; only if `return_std`. In the units of the kernel: multiply by a scale
            of the targets.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit.
        ValueError
            If the samples do not have the shape of those in fit, or contain NaN or infinity.

        Notes
        -----
        A prediction costs what a row of the kernel does. The first call that asks for standard
        deviations factors the system again, at the cost of fit; the factor is kept then, but not in
        pickles and copies. Deviations are the roots of the diagonal of
        ``K(x, x) - k^T (K + alpha I)^{-1} k``: a representation turns that matrix, and so mixes
        deviations of components.
        """
        check_is_fitted(self)
        _refuse_device(self, X)
        rows = check_data(self, X, reset=False, group=self._named).astype(np.float64, copy=False)
        p = self.kernel_.size
        C = self.dual_coef_.reshape(-1, p)
        shape = (len(rows), *self.dual_coef_.shape[1:])
        found = np.empty((len(rows), p))
        for system in self._systems:
            q = system.kernel.size
            columns = system.targets(C).reshape(-1, q, len(system.places))
            values = system.kernel.matvec(rows, self.X_fit_, columns, n_jobs=self.n_jobs)
            system.write(found, values.reshape(-1, len(system.places)))
        mean = found.reshape(shape) + self.intercept_
        if not return_std:
            return mean
        std = np.empty((len(rows), p))
        for system in self._systems:
            deviations = self._deviations(system, rows).reshape(-1, 1)
            system.write(std, np.repeat(deviations, len(system.places), axis=1))
        return mean, std.reshape(shape)

    def leave_one_out(self) -> Array:
        r"""Predict every training sample by the fit to all the others, without refitting.

        Returns
        -------
        ndarray of shape (n_samples, p) or (n_samples,)
            Predictions; all targets of a sample are left out together. The constant that
            `normalize_y` subtracts counts as known.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit.
        ValueError
            If a sample has the weight 0.
        scipy.linalg.LinAlgError
            If the system is singular, as with equal samples and alpha=0.

        Notes
        -----
        :math:`y_i - [(A^{-1})_{ii}]^{-1} c_i` with blocks of p rows of the inverse of
        :math:`A = K + \alpha I`, at three times the cost of fit.
        """
        check_is_fitted(self)
        p = self.kernel_.size
        C = self.dual_coef_.reshape(-1, p)
        found = np.empty(C.shape)
        alpha, weights, _ = self._fitted
        for system in self._systems:
            q = system.kernel.size
            blocks = list(np.arange(len(C) * q).reshape(-1, q))
            repeated = None if weights is None else np.repeat(weights, q)
            own = system.targets(C)
            left = leave_blocks_out_residuals(self._factor(system), own, blocks, repeated)
            # A c = y: what a fit leaves of a target is alpha c / w
            fitted = own * alpha / (1.0 if repeated is None else repeated[:, None])
            system.write(found, fitted - left)
        inside = np.asarray(self.predict(self.X_fit_)).reshape(C.shape)
        return (inside + found).reshape(self.dual_coef_.shape)

    def _spec(self) -> KernelSpec:
        """Words about the kernel, checked."""
        check_n_jobs(self.n_jobs)
        spec = KernelSpec(
            kernel=self.kernel,
            gamma=getattr(self, "gamma", None),
            degree=self.degree,
            coef0=self.coef0,
            kernel_params=self.kernel_params,
            group="trivial" if self.group is None else self.group,
            method="auto",
        )
        spec.check()
        return spec

    def _read(self, named: Any, X: Any, y: Any, sample_weight: Any, **options: Any) -> Given:
        """Training samples and targets, checked, in float64."""
        _refuse_device(self, X)
        X, y = check_data(self, X, y, group=named, multi_output=True, y_numeric=True, **options)
        X, y = X.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
        weights = check_weights(sample_weight, X)
        group = bind(named, X.shape[1], getattr(self, "feature_names_in_", None))
        return Given(X, y, weights, group, self._output(group, 1 if y.ndim == 1 else y.shape[1]))

    def _fit(self, spec: KernelSpec, given: Given, alpha: float, centred: bool) -> None:
        """Fit the dual coefficients, and the constant if asked for."""
        X, y, weights, group, output = given
        self.kernel_ = EquivariantKernel(spec._base(X.shape[1]), group, output)
        self.group_, self.output_, self.X_fit_, self._named = group, output, X, spec.group
        Y = y.reshape(len(y), -1)
        mean = np.zeros(Y.shape[1])
        if centred:
            mean = weighted_mean(Y, weights) @ output.mean(group)
        coefficients = np.empty_like(Y)
        self._systems = systems(self.kernel_)
        self._fitted = alpha, weights, self.n_jobs
        for system in self._systems:
            columns = system.targets(Y - mean)
            system.write(coefficients, self._solve(system, columns))
        self.dual_coef_ = coefficients.reshape(y.shape)
        self.intercept_ = float(mean[0]) if y.ndim == 1 else mean

    def _output(self, group: Group, targets: int) -> Representation:
        """How targets turn, after a check of their number."""
        if self.group is None:
            return targets * Representation("trivial")
        output = read_output(self.output)
        size = output.size(group)
        if size != targets:
            raise ValueError(
                f"y must have shape (n_samples, {size}): output={self.output!r} has {size} "
                f"components under {group!r}; got {targets} for each sample. A direct sum takes "
                'more, such as 2 * Representation("vector")'
            )
        return output

    def _solve(self, system: System, columns: Array) -> Array:
        """Coefficients (n q, c) of a system."""
        alpha, weights, n_jobs = self._fitted
        if weights is not None:
            weights = np.repeat(weights, system.kernel.size)
        found = None
        if len(columns) <= LARGEST_FACTORED:
            packed = system.kernel.gram_packed(self.X_fit_, n_jobs=n_jobs)
            found = solve_ridge_packed(packed, columns, alpha, weights)
        if found is None:
            full = system.kernel.gram(self.X_fit_, n_jobs=n_jobs)
            found = solve_ridge(full, columns, np.array([alpha]), weights)
        return found

    def _factor(self, system: System) -> RidgeFactor:
        """The factored system, made at the first call."""
        if system.factor is None:
            alpha, weights, n_jobs = self._fitted
            q = system.kernel.size
            system.factor = factor_ridge(
                lambda: system.kernel.gram_packed(self.X_fit_, n_jobs=n_jobs),
                lambda: system.kernel.gram(self.X_fit_, n_jobs=n_jobs),
                len(self.X_fit_) * q,
                np.array([alpha]),
                None if weights is None else np.repeat(weights, q),
            )
        return system.factor

    def _deviations(self, system: System, rows: Array) -> Array:
        """Standard deviations (n, q) of a part."""
        factor, q = self._factor(system), system.kernel.size
        prior = np.einsum("naa->na", system.kernel.diag(rows, n_jobs=self.n_jobs))
        step = max(1, _HELD // max(1, len(self.X_fit_) * q * q))
        explained = [
            factor.explained(
                system.kernel.gram(rows[i : i + step], self.X_fit_, n_jobs=self.n_jobs)
            )
            for i in range(0, len(rows), step)
        ]
        variance = prior - np.concatenate(explained).reshape(prior.shape)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        # what turns with a group cannot follow the targets of scikit-learn's checks
        tags.regressor_tags.poor_score = self.group is not None
        return tags


def _refuse_device(estimator: Any, X: Any) -> None:
    if is_on_device(X):
        raise NotApplicableError(
            f"{type(estimator).__name__} computes on the host: give X as an array of NumPy"
        )
