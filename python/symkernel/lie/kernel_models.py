"""Differentiate kernel machines analytically."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as skl
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from symkernel.estimators.group_scaler import GroupScaler
from symkernel.estimators.ridge import InvariantKernelRidge
from symkernel.estimators.ridge_cv import InvariantKernelRidgeCV
from symkernel.groups import Trivial
from symkernel.kernels import InvariantKernel
from symkernel.kernels.names import KERNEL_NAMES, base_kernel_from_name
from symkernel.lie.models import Differentiable
from symkernel.lie.rows import Sampled

__all__ = ["KernelFunction", "as_kernel_model"]

Array = NDArray[Any]

# Largest number of training samples for which a fit is repeated with fresh noise: n^3 / 3.
_MAX_REFITTED = 6000
# Leave-one-out error over in-sample noise above which a fit is said to interpolate.
_INTERPOLATES = 20.0


class _NoGradientError(Exception):
    """A kernel without an analytic gradient here."""


@dataclass(frozen=True)
class _Scaler:
    """x -> (x - mean) / scale, the features of the kernel."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return (X - self.mean) / self.scale


class KernelFunction(Differentiable):
    """The function F(x) = offset + sum_j w_j k(x, z_j) of a fitted kernel machine.

    Parameters
    ----------
    kernel : sklearn.gaussian_process.kernels.Kernel
        A sum of kernels with analytic gradients, constants times such, and white noise.
    centres : ndarray of shape (m, d)
        z, as the kernel takes them.
    weights : ndarray of shape (m, p)
        w.
    offset : float, default=0.0
    scaler : _Scaler, optional
        What the features go through first.
    ridge : ndarray of shape (m,), optional
        What fitting added to the diagonal of the Gram matrix; None if it was no ridge regression.
    """

    how = "analytic, from the kernel"
    fitted = True

    def __init__(
        self,
        kernel: Any,
        centres: NDArray[np.float64],
        weights: NDArray[np.float64],
        *,
        offset: NDArray[np.float64] | float = 0.0,
        scaler: _Scaler | None = None,
        ridge: NDArray[np.float64] | None = None,
    ) -> None:
        self._kernel, self._centres, self._weights = kernel, centres, weights
        self._offset, self._scaler, self._ridge = offset, scaler, ridge
        self._gram: NDArray[np.float64] | None = None
        kernel_gradient(kernel, centres[:1], centres[:1], weights[:1])  # raises _NoGradientError

    def values(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return F(x_i), shape (n_samples, p)."""
        return self._sums(X, self._weights)

    def _sums(self, X: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        points = X if self._scaler is None else self._scaler(X)
        p = self._weights.shape[1]
        offset = np.tile(np.broadcast_to(self._offset, (p,)), weights.shape[1] // p)
        return np.asarray(self._kernel(points, self._centres) @ weights + offset)

    def jacobians(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return DF(x_i), shape (n_samples, p, n)."""
        return self._slopes(X, self._weights)

    def _slopes(self, X: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        points = X if self._scaler is None else self._scaler(X)
        slopes = kernel_gradient(self._kernel, points, self._centres, weights)
        return slopes if self._scaler is None else slopes / self._scaler.scale

    # The Gram matrix without ridge, and its Cholesky factor with.
    def _factored(self) -> tuple[NDArray[np.float64], Any] | None:
        if self._ridge is None or len(self._centres) > _MAX_REFITTED or not self._ridge.all():
            return None
        if self._gram is None:
            self._gram = np.asarray(self._kernel(self._centres, self._centres), dtype=np.float64)
        ridged = self._gram + np.diag(self._ridge)
        return self._gram, cho_factor(ridged, overwrite_a=True, check_finite=False)

    # Noise, and typical size of leave-one-out residuals.
    @cached_property
    def _spread(self) -> tuple[float, float] | None:
        factored = self._factored()
        if factored is None or self._ridge is None:
            return None
        inverse = np.diag(cho_solve(factored[1], np.eye(len(self._centres)), check_finite=False))
        left = float(self._ridge @ inverse)  # n - tr H
        residuals = self._ridge[:, None] * self._weights
        noise = float(np.sqrt((residuals**2).sum() / (self._weights.shape[1] * left)))
        # The median, as a few samples at the rim tell nothing about those inside.
        return noise, float(np.median(np.abs(self._weights / inverse[:, None])) / 0.6745)

    @property
    def caveat(self) -> str:
        """What a fit that interpolates does not show of its error; else an empty string."""
        if self._spread is None or self._spread[1] <= _INTERPOLATES * self._spread[0]:
            return ""
        noise, out = self._spread
        return (
            f"the model interpolates: its error at samples left out, {out:.2g}, is "
            f"{out / noise:.2g} times the noise of {noise:.2g} that its fit shows, so that "
            "residuals above the threshold may still be errors of the model; use more samples or "
            "a larger alpha"
        )

    @property
    def noise(self) -> float | None:
        """Standard deviation of the noise in the targets: residuals over n - tr H.

        Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, section 7.6.
        """
        return None if self._spread is None else self._spread[0]

    def redraws(
        self, X: NDArray[np.float64], size: int, noise: float | None, rng: np.random.Generator
    ) -> list[Sampled] | None:
        """Yield fits to the predictions plus fresh noise; see ``Differentiable``."""
        factored = self._factored()
        sigma = self.noise if noise is None else noise
        if factored is None or sigma is None:
            return None
        gram, factor = factored
        clean = gram @ self._weights
        m, p = clean.shape
        targets = clean[:, None, :] + sigma * rng.standard_normal((m, size, p))
        weights = cho_solve(factor, targets.reshape(m, size * p), check_finite=False)
        weights = np.ascontiguousarray(weights)
        slopes = self._slopes(X, weights).reshape(len(X), size, p, X.shape[1])
        values = self._sums(X, weights).reshape(len(X), size, p)
        return [Sampled(values[:, b], slopes[:, b]) for b in range(size)]


def kernel_gradient(
    kernel: Any, X: NDArray[np.float64], Z: NDArray[np.float64], W: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the gradient of sum_j W[j] k(x, z_j), shape (n, p, d).

    Raises
    ------
    _NoGradientError
        If a part of the kernel has none here.
    """
    if isinstance(kernel, InvariantKernel):
        return np.asarray(kernel.gradient_x(X, Z, W), dtype=np.float64)
    if isinstance(kernel, skl.WhiteKernel | skl.ConstantKernel):
        return np.zeros((len(X), W.shape[1], X.shape[1]))
    if isinstance(kernel, skl.Sum):
        return kernel_gradient(kernel.k1, X, Z, W) + kernel_gradient(kernel.k2, X, Z, W)
    if isinstance(kernel, skl.Product):
        for one, other in ((kernel.k1, kernel.k2), (kernel.k2, kernel.k1)):
            if isinstance(one, skl.ConstantKernel):
                return np.asarray(one.constant_value * kernel_gradient(other, X, Z, W))
        raise _NoGradientError
    try:
        plain = InvariantKernel(kernel, Trivial(X.shape[1]), method="sum")
        return np.asarray(plain.gradient_x(X, Z, W), dtype=np.float64)
    except (TypeError, ValueError) as reason:
        raise _NoGradientError from reason


def as_kernel_model(model: Any, n_features: int) -> Differentiable | None:
    """Return a fitted kernel machine as a function; None for other models and other kernels."""
    try:
        return _function(model, n_features, None)
    except _NoGradientError:
        return None


def _function(model: Any, n_features: int, scaler: _Scaler | None) -> KernelFunction | None:
    if isinstance(model, Pipeline) and scaler is None:
        return _piped(model, n_features)
    if isinstance(model, InvariantKernelRidge | InvariantKernelRidgeCV):
        if not model._sums_kernel:
            raise _NoGradientError
        alpha = getattr(model, "alpha_", getattr(model, "alpha", 0.0))
        kernel = model.kernel_
        if isinstance(kernel, str):
            kernel = _named(model, kernel, n_features)
        constant = model.intercept_
        return _ridge(kernel, model.X_fit_, model.dual_coef_, alpha, scaler, constant)
    if isinstance(model, KernelRidge) and hasattr(model, "X_fit_"):
        kernel = model.kernel
        if isinstance(kernel, str):
            kernel = _named(model, kernel, n_features)
        return _ridge(kernel, model.X_fit_, model.dual_coef_, model.alpha, scaler)
    if isinstance(model, GaussianProcessRegressor) and hasattr(model, "alpha_"):
        return _gaussian_process(model, scaler)
    if isinstance(model, SVR) and hasattr(model, "dual_coef_"):
        return _support_vectors(model, n_features, scaler)
    return None


def _named(model: Any, name: str, n_features: int) -> Any:
    known = {"poly": "polynomial"}.get(name, name)
    if known not in KERNEL_NAMES:
        raise _NoGradientError
    return base_kernel_from_name(
        known,
        gamma=model.gamma,
        degree=model.degree,
        coef0=model.coef0,
        kernel_params=model.kernel_params,
        n_features=n_features,
    )


def _ridge(
    kernel: Any,
    X: Any,
    coefficients: Any,
    alpha: Any,
    scaler: _Scaler | None,
    constant: Any = 0.0,
) -> KernelFunction:
    if not isinstance(kernel, skl.Kernel) or not isinstance(X, np.ndarray):
        raise _NoGradientError
    weights = np.asarray(coefficients, dtype=np.float64).reshape(len(X), -1)
    strength = np.unique(np.asarray(alpha, dtype=np.float64))
    ridge = np.full(len(X), strength[0]) if len(strength) == 1 else None
    centres = np.ascontiguousarray(X, dtype=np.float64)
    return KernelFunction(kernel, centres, weights, offset=constant, scaler=scaler, ridge=ridge)


def _gaussian_process(model: GaussianProcessRegressor, scaler: _Scaler | None) -> KernelFunction:
    X = np.ascontiguousarray(model.X_train_, dtype=np.float64)
    weights = np.asarray(model.alpha_, dtype=np.float64).reshape(len(X), -1) * model._y_train_std
    white = np.diag(model.kernel_(X[:1])) - np.diag(model.kernel_(X[:1], X[:1]))
    ridge = np.broadcast_to(np.asarray(model.alpha, dtype=np.float64) + white, (len(X),))
    return KernelFunction(
        model.kernel_, X, weights, offset=model._y_train_mean, scaler=scaler, ridge=ridge
    )


def _support_vectors(model: SVR, n_features: int, scaler: _Scaler | None) -> KernelFunction:
    kernel, centres = model.kernel, model.support_vectors_
    if isinstance(kernel, str):
        known = {"poly": "polynomial"}.get(kernel, kernel)
        if known not in KERNEL_NAMES:
            raise _NoGradientError
        kernel = base_kernel_from_name(
            known,
            gamma=model._gamma,
            degree=model.degree,
            coef0=model.coef0,
            kernel_params=None,
            n_features=n_features,
        )
    elif isinstance(kernel, skl.Kernel):  # then scikit-learn keeps all samples, under this name
        fitted = getattr(model, "_BaseLibSVM__Xfit", None)
        if fitted is None:
            raise _NoGradientError
        centres = fitted[model.support_]
    if not isinstance(kernel, skl.Kernel) or not isinstance(centres, np.ndarray):
        raise _NoGradientError
    centres = np.ascontiguousarray(centres, dtype=np.float64)
    weights = np.ascontiguousarray(np.asarray(model.dual_coef_, dtype=np.float64).T)
    return KernelFunction(kernel, centres, weights, offset=model.intercept_, scaler=scaler)


def _piped(model: Pipeline, n_features: int) -> KernelFunction | None:
    steps = [step for _, step in model.steps if step not in (None, "passthrough")]
    if len(steps) == 1:
        return _function(steps[0], n_features, None)
    if len(steps) != 2 or not isinstance(steps[0], StandardScaler | GroupScaler):
        return None
    first = steps[0]
    mean = first.mean_ if first.with_mean else np.zeros(n_features)
    scale = first.scale_ if first.with_std else np.ones(n_features)
    return _function(steps[1], n_features, _Scaler(np.asarray(mean), np.asarray(scale)))
