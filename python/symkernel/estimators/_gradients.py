"""Fit values and gradients together: a sum over observations of both kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import is_on_device
from symkernel.estimators import _described as described
from symkernel.estimators._joint_solve import solve_jointly
from symkernel.estimators._joint_system import (
    JointSystem,
    Seen,
    constant_of,
    part_of,
    read_gradient,
    read_values,
    shares_of,
)
from symkernel.estimators._kernel import BoundKernel, KernelSpec
from symkernel.estimators._machine import Fitted, check_alpha, check_weights
from symkernel.estimators._regression import KernelRegressor, averaged, in_order_of
from symkernel.estimators._solvers import read_options
from symkernel.exceptions import NotApplicableError
from symkernel.solvers.ridge_factor import RidgeFactor, factor_ridge
from symkernel.validation import check_data

Array = NDArray[Any]


@dataclass
class FittedJointly(Fitted):
    """A system of values and gradients that was fitted."""

    system: JointSystem = field(kw_only=True)


class GradientRegressor(KernelRegressor):
    """Mixin of regressors that learn from gradients, perhaps through a descriptor."""

    alpha: Any
    gradient_alpha: float | None
    descriptor: Any

    # The descriptor of the last fit.
    _descriptor: Any = None

    @property
    def _sums_kernel(self) -> bool:
        return self._descriptor is None and not isinstance(self._fitted, FittedJointly)

    def _read_descriptor(self, spec: KernelSpec) -> None:
        described.check_descriptor(self.descriptor, spec, self.device)
        self._descriptor = self.descriptor

    # ---- samples through the descriptor ----------------------------------------------------------

    def _check_training(
        self, spec: KernelSpec, X: Any, y: Any, **options: Any
    ) -> tuple[Any, Array]:
        if self._descriptor is None:
            return super()._check_training(spec, X, y, **options)
        X, y = described.check_inputs(self, X, y, **options)
        return described.features(self._descriptor, X), y

    def _check_samples(self, spec: KernelSpec, X: Any) -> Any:
        if self._descriptor is None:
            rows = super()._check_samples(spec, X)
        else:
            inputs = described.check_inputs(self, X, reset=False)
            rows = described.features(self._descriptor, inputs)
        if not isinstance(self._fitted, FittedJointly):
            return rows
        if is_on_device(rows):
            raise NotApplicableError(_ON_HOST)
        return np.asarray(rows, np.float64)

    def _bind(self, spec: KernelSpec, X: Any) -> BoundKernel:
        if self._descriptor is None:
            return super()._bind(spec, X)
        return spec.bind(X.shape[1])  # names are those of the inputs

    def _back(self, X: Any, gradient: Array) -> Array:
        if self._descriptor is None:
            return super()._back(X, gradient)
        inputs = described.check_inputs(self, X, reset=False)
        return super()._back(X, described.back(self._descriptor, inputs, gradient))

    # ---- fit ------------------------------------------------------------------------------------

    def _fit_jointly(
        self, spec: KernelSpec, X: Any, y: Any, gradient: Any, sample_weight: Any, centred: bool
    ) -> None:
        """Fit the coefficients of values and gradients, and set the fitted attributes."""
        alpha, ratio = self._alphas()
        seen = self._read_jointly(spec, X, y, gradient, sample_weight)
        weights, valued, sloped = seen.weights, seen.valued, seen.sloped
        mean = constant_of(spec, seen.values[valued], part_of(weights, valued), centred)
        system = seen.system(seen.bound.kernel)
        along = system.reduced(seen.slopes[sloped])
        shares = shares_of(weights, valued, sloped, along.shape[1], ratio)
        targets = np.concatenate([seen.values[valued] - mean, along.ravel()])
        solved = solve_jointly(read_options(self), system, targets, alpha, shares)
        found, self.solver_plan_, self.n_iter_ = solved.coefficients, solved.plan, solved.n_iter
        count = int(valued.sum())
        restored = system.restored(found[count:].reshape(along.shape))
        self.dual_coef_ = np.concatenate([found[:count], restored.ravel()])
        self.intercept_ = float(mean)
        self._fitted = FittedJointly(
            spec, seen.bound, np.array([alpha]), shares, large=solved.large, system=system
        )
        self.kernel_, self.group_, self.X_fit_ = seen.bound.kernel, seen.bound.group, seen.rows

    def _read_jointly(
        self, spec: KernelSpec, X: Any, y: Any, gradient: Any, sample_weight: Any
    ) -> Seen:
        """Check samples, values, gradients and weights, and bind the kernel to them."""
        if is_on_device(X) or self.device == "cuda" or is_on_device(gradient):
            raise NotApplicableError(_ON_HOST)
        if spec.precomputed or spec.of_sets:
            raise NotApplicableError(
                f"gradient observations need samples that are rows of features; "
                f"kernel={spec.kernel!r} has none"
            )
        shape = np.shape(X)
        if self._descriptor is None:
            inputs = check_data(self, X, group=spec.named_group)
            rows = inputs
        else:
            inputs = described.check_inputs(self, X)
            rows = described.features(self._descriptor, inputs)
        inputs, rows = inputs.astype(np.float64), rows.astype(np.float64)
        bound = self._bind(averaged(spec, rows.shape[1], "gradient observations"), rows)
        gradient = in_order_of(getattr(X, "columns", None), gradient)
        slopes = read_gradient(gradient, inputs.shape, {shape, (len(rows), *_shape(bound))})
        values = read_values(y, len(rows))
        if np.isnan(values).all() and np.isnan(slopes).all():
            raise ValueError("y and gradient are NaN everywhere: there is nothing to fit")
        weights = check_weights(sample_weight, rows)
        own = inputs if self._descriptor is not None else None
        return Seen(bound, rows, values, slopes, weights, self._descriptor, own)

    def _alphas(self) -> tuple[float, float]:
        """The ridge of values, and what the weights of gradients are multiplied by."""
        alpha = check_alpha(self.alpha)
        other = alpha if self.gradient_alpha is None else check_alpha(self.gradient_alpha, _NAME)
        for name, ridge in (("alpha", alpha), (_NAME, other)):
            if ridge.size != 1:
                raise ValueError(
                    f"{name} must be one number where gradients are fitted, got {ridge.size}"
                )
        first, second = float(alpha.ravel()[0]), float(other.ravel()[0])
        if (first > 0.0) != (second > 0.0):
            raise ValueError(
                f"alpha={first:g} and gradient_alpha={second:g} must both be positive, or both 0"
            )
        return first, first / second if first > 0.0 else 1.0

    # ---- predict --------------------------------------------------------------------------------

    def _evaluate(self, X: Any, gradient: bool) -> tuple[Any, Any]:
        fitted = self._fitted
        if not isinstance(fitted, FittedJointly):
            return super()._evaluate(X, gradient)
        rows = self._check_samples(fitted.spec, X)
        values, slopes = fitted.system.evaluate(rows, self.dual_coef_, gradient, self.n_jobs)
        return values, None if slopes is None else self._back(X, slopes)

    def _cross(self, X: Any, centres: Any) -> Any:
        fitted = self._fitted
        if not isinstance(fitted, FittedJointly):
            return super()._cross(X, centres)
        return fitted.system.joint.cross(X, fitted.system.observed, self.n_jobs)

    def _factor(self) -> RidgeFactor:
        fitted = self._fitted
        if not isinstance(fitted, FittedJointly):
            return super()._factor()
        if fitted.factor is None:
            system = fitted.system
            n = len(system.observed)
            fitted.factor = factor_ridge(
                partial(system.packed, self.n_jobs),
                partial(system.full, self.n_jobs),
                n,
                fitted.alpha,
                fitted.weights,
            )
        return fitted.factor


_NAME = "gradient_alpha"
_ON_HOST = (
    "gradient observations are computed on the host: give X and gradient as NumPy arrays, and "
    'device="auto"'
)


def _shape(bound: BoundKernel) -> tuple[int, ...]:
    return () if bound.group is None else tuple(bound.group.shape)
