"""Fit the constant of a regressor, and predict with standard deviations and gradients."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from symkernel.backends.arrays import is_on_device, like, namespace
from symkernel.estimators import _device as on_device
from symkernel.estimators._blocks import is_dask_array
from symkernel.estimators._kernel import KernelSpec
from symkernel.estimators._machine import KernelMachine
from symkernel.estimators._predictions import predict_blocks
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Trivial
from symkernel.kernels import InvariantKernel
from symkernel.solvers.centring import weighted_mean

Array = NDArray[Any]

# Kernel values between samples and training samples held at once.
_BLOCK_ENTRIES = 2**23
# A mean this many times the spread is what a fit without a constant spends itself on.
_DWARFS = 100.0


class KernelRegressor(KernelMachine):
    """Mixin of regressors f(x) = m + sum_i c_i K(x, x_i); the first of their bases."""

    normalize_y: bool | None
    intercept_: Any

    def _fit(
        self, spec: KernelSpec, X: Any, y: Array, alpha: Any, weights: Array | None, centred: bool
    ) -> None:
        """Fit the dual coefficients, and the constant if asked for."""
        mean = weighted_mean(y, weights) if centred else np.zeros(y.shape[1:])
        if centred:
            y = (y - mean).astype(y.dtype if y.dtype == np.float32 else np.float64, copy=False)
        elif spec.invariant:
            warn_uncentred(y, weights)
        self._solve(spec, X, y, alpha, weights)
        self.intercept_ = float(mean) if mean.ndim == 0 else mean

    def predict(self, X: Any, return_std: bool = False, return_gradient: bool = False) -> Any:
        r"""Predict targets, how far from them the truth may be, and how they change with X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples; if ``kernel="precomputed"``, kernel values of shape
            (n_samples, n_samples_fitted). An array of Dask gives arrays of Dask, and nothing is
            computed yet.
        return_std : bool, default=False
            Whether to return standard deviations as well.
        return_gradient : bool, default=False
            Whether to return the derivatives of the predictions for the features of X as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        std : ndarray of the same shape
            Standard deviations of the Gaussian process whose mean was predicted, without the noise;
            only if `return_std`. In the units of the kernel: multiply by a scale of the targets.
        gradient : ndarray of the shape of X, or (n_samples, n_targets, ...)
            Gradients in X's own features, through a descriptor too; only if `return_gradient`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit, or if nothing was refitted.
        ValueError
            If the samples do not have the shape of those in fit, or contain NaN or infinity; if
            standard deviations are asked for and the kernel is "precomputed".
        NotApplicableError
            If gradients are asked for and the kernel has none at samples.
        MemoryError
            If the factor that standard deviations need does not fit in memory.

        Warns
        -----
        ApproximationWarning
            If standard deviations with ``solver="pcg"`` are not exact.
        UserWarning
            If a variance is negative beyond rounding, for a kernel that is not positive definite;
            its standard deviation is 0.

        Notes
        -----
        With :math:`k_i = K(x, x_i)` and weights :math:`w` of the samples,

        .. math::
            \sigma^2(x) = K(x, x) - k^T S (S K S + \alpha I)^{-1} S k,
            \qquad S = \operatorname{diag}(\sqrt{w}):

        noise of variance :math:`\alpha / w_i` on sample i, the numbers of scikit-learn's
        ``GaussianProcessRegressor(kernel, alpha=alpha / w, optimizer=None)``. With one alpha per
        target, each target has its own. The mean that ``normalize_y`` subtracts counts as known.
        Of a fit with gradients, K is the joint matrix and k the covariances with all it observed.

        The first call that asks for standard deviations computes the Gram matrix again and factors
        it, at the cost of fit; the factor is kept then, n (n + 1) / 2 numbers (n^2 with several
        alphas, on a GPU, and for singular systems), but not in pickles and copies. After that a
        sample costs n |G| kernel values and n^2 / 2 multiply-adds. Source: C. E. Rasmussen,
        C. K. I. Williams, Gaussian Processes for Machine Learning, 2006, equation 2.26.

        With ``solver="pcg"`` up to 64 samples have exact standard deviations, each at the price of
        a target; more have those of the preconditioner, and with "nystroem" all have those of the
        centres: :math:`K(x, x) - |b|^2 + \alpha b^T (G + \alpha I)^{-1} b` with features b. What
        few samples do not tell of x then counts as unknown, so that deviations are too large: 1.2
        times in one trial of "pcg", two to three times where centres are few.

        ``grad f(g x) = g grad f(x)`` for every element g of the group; a gradient costs two to
        three times what its prediction does. A transformer before the estimator in a pipeline makes
        gradients those of what it returns: use ``descriptor`` instead.
        """
        check_is_fitted(self)
        if is_dask_array(X):
            return predict_blocks(self, X, return_std, return_gradient)
        mean, gradient = self._evaluate(X, return_gradient)
        if np.any(self.intercept_):
            mean = mean + like(np.asarray(self.intercept_, dtype=mean.dtype), mean)
        if not (return_std or return_gradient):
            return mean
        std = (self._deviations(X),) if return_std else ()
        return (mean, *std, gradient) if return_gradient else (mean, *std)

    def _evaluate(self, X: Any, gradient: bool) -> tuple[Any, Any]:
        """Predictions without the constant, and their gradients or None, where X lives."""
        return self._decide(X), self._gradient(X) if gradient else None

    def _gradient(self, X: Any) -> Any:
        """Gradients in the samples, of their shape."""
        fitted = self._fitted
        if fitted.spec.of_sets:
            raise NotApplicableError(
                "gradients at sets of points are ragged as the sets are: "
                "model.kernel_.gradient_x(X, model.X_fit_, model.dual_coef_) returns them"
            )
        rows = self._check_samples(fitted.spec, X)
        kernel = fitted.bound.kernel
        if not isinstance(kernel, InvariantKernel):
            spec = averaged(fitted.spec, rows.shape[1], "return_gradient=True")
            kernel = spec.bind(rows.shape[1]).kernel
        computed = on_device.placed(rows, self.device)
        V = on_device.beside(self.dual_coef_, computed)
        found = kernel.gradient_x(computed, self._training(computed), V, n_jobs=self.n_jobs)
        return self._back(X, found if computed is rows else on_device.beside(found, rows))

    def _back(self, X: Any, gradient: Array) -> Array:
        """Gradients (n, ..., n_features) as those of samples of the shape of X."""
        names, own = getattr(self, "feature_names_in_", None), getattr(X, "columns", None)
        if names is not None and own is not None and list(own) != list(names):
            place = {name: k for k, name in enumerate(names)}
            gradient = gradient[..., [place[name] for name in own]]
        shape = X.shape if hasattr(X, "shape") else np.shape(X)
        return gradient.reshape(*gradient.shape[:-1], *shape[1:])

    def _cross(self, X: Any, centres: Any) -> Any:
        """Covariances (m, n) of the values at some samples with what was fitted."""
        return self._fitted.bound.cross(X, centres, self.n_jobs)

    def _deviations(self, X: Any) -> Any:
        """Standard deviations, of the shape of the predictions, where X lives."""
        fitted = self._fitted
        X = self._check_samples(fitted.spec, X)
        computed = on_device.placed(X, self.device)
        factor, centres = self._explaining(X.shape[0])
        centres = on_device.beside(centres, computed)
        prior = fitted.bound.diag(computed)
        xp = namespace(prior)
        rows = max(1, _BLOCK_ENTRIES // self.dual_coef_.shape[0])
        computed = computed.tocsr() if issparse(computed) else computed
        blocks = [
            factor.explained(self._cross(computed[i : i + rows], centres))
            for i in range(0, X.shape[0], rows)
        ]
        variance = prior[:, None] - xp.concatenate(blocks)
        rounding = max(np.sqrt(np.finfo(variance.dtype).eps), factor.error)
        if bool((variance < -rounding * xp.abs(prior)[:, None]).any()):
            warnings.warn(
                "Variances are negative, so that the kernel is not positive definite; their "
                "standard deviations are set to 0.",
                UserWarning,
                stacklevel=3,
            )
        std = xp.sqrt(xp.maximum(variance, 0.0))
        targets = int(np.prod(self.dual_coef_.shape[1:]))
        std = xp.repeat(std, targets // std.shape[1], axis=1)
        std = std.reshape(X.shape[0], *self.dual_coef_.shape[1:])
        return std if is_on_device(X) == is_on_device(std) else on_device.beside(std, X)


def in_order_of(columns: Any, frame: Any) -> Any:
    """Return a data frame with its columns in an order, if they are the same; else what came."""
    own = getattr(frame, "columns", None)
    if columns is None or own is None or list(own) == list(columns):
        return frame
    same = set(own) == set(columns) and len(own) == len(columns)
    return frame[list(columns)] if same else frame


def averaged(spec: KernelSpec, n_features: int, what: str) -> KernelSpec:
    """Return words for a kernel with derivatives: a plain one is averaged over one element.

    Raises
    ------
    NotApplicableError
        If there is no such kernel, for `what` is wanted.
    """
    if spec.invariant:
        return spec
    with_group = replace(spec, group=Trivial(n_features))
    try:
        with_group.check()
    except ValueError as error:
        raise NotApplicableError(
            f"{what} needs a kernel with derivatives at samples; kernel={spec.kernel!r} has none: "
            "use a kernel object, or a name that a group would take"
        ) from error
    return with_group


def check_normalize_y(value: Any, unset: bool | None = None) -> bool:
    """Return whether targets are to be centred; `unset` is what None stands for, if it may be.

    Raises
    ------
    TypeError
        If the value is something else.
    """
    if value is None and unset is not None:
        return unset
    if not isinstance(value, bool | np.bool_):
        expected = "True, False or None" if unset is not None else "True or False"
        raise TypeError(f"normalize_y must be {expected}; got {value!r}")
    return bool(value)


def warn_uncentred(y: Array, weights: Array | None) -> None:
    """Warn where a mean of targets dwarfs their spread, and nothing subtracts it."""
    mean = weighted_mean(y, weights)
    warn_dwarfing(mean, np.sqrt(weighted_mean((y - mean) ** 2, weights)))


def warn_dwarfing(mean: Array, spread: Array) -> None:
    """Warn where means dwarf standard deviations."""
    dwarfs = (spread > 0) & (np.abs(mean) > _DWARFS * spread)
    if np.any(dwarfs):
        worst = int(np.argmax(np.where(dwarfs, np.abs(mean) / np.where(dwarfs, spread, 1.0), 0.0)))
        warnings.warn(
            f"The mean of y, {np.ravel(mean)[worst]:.6g}, dwarfs its standard deviation, "
            f"{np.ravel(spread)[worst]:.3g}: without a constant the fit spends itself on the mean. "
            "Use normalize_y=True, or subtract the mean.",
            UserWarning,
            stacklevel=5,
        )
