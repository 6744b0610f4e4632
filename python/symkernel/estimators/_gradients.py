"""Fit values and gradients together: a sum over observations of both kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import is_on_device
from symkernel.backends.memory import require_memory
from symkernel.backends.packed import unpack
from symkernel.estimators import _described as described
from symkernel.estimators._joint_solve import solve_jointly
from symkernel.estimators._kernel import BoundKernel, KernelSpec
from symkernel.estimators._machine import Fitted, check_alpha, check_weights
from symkernel.estimators._regression import KernelRegressor, averaged, in_order_of, warn_uncentred
from symkernel.estimators._solvers import read_options
from symkernel.exceptions import NotApplicableError
from symkernel.kernels import InvariantKernel
from symkernel.kernels.joint import JointKernel, Observations
from symkernel.kernels.joint_matrix import JointMatrix
from symkernel.solvers.centring import weighted_mean
from symkernel.solvers.ridge_factor import RidgeFactor, factor_ridge
from symkernel.validation import as_floats, check_data, check_kind

Array = NDArray[Any]


class JointSystem:
    """What was observed at which samples, and the matrix of its covariances.

    Parameters
    ----------
    kernel : InvariantKernel
        Bound to the features.
    rows : ndarray of shape (n, p)
        Samples, as the kernel takes them.
    valued, sloped : ndarray of bool of shape (n,)
        Which samples have a value, and which a gradient.
    descriptor : object or None
        What made the features.
    inputs : ndarray of shape (n, d) or None
        What it made them of.
    """

    def __init__(
        self,
        kernel: InvariantKernel,
        rows: Array,
        valued: NDArray[np.bool_],
        sloped: NDArray[np.bool_],
        descriptor: Any = None,
        inputs: Array | None = None,
    ) -> None:
        self._kernel, self._rows = kernel, rows
        self._valued, self._sloped = valued, sloped
        self._descriptor, self._inputs = descriptor, inputs
        # Coefficients, and what is prepared from them; kept from the first prediction on.
        self._fields: tuple[Array, Any] | None = None

    # Derived, and remade after a copy or a pickle.
    @cached_property
    def joint(self) -> JointKernel:
        """The kernel of values and derivatives."""
        return JointKernel(self._kernel)

    @cached_property
    def _seen(self) -> tuple[Observations, Array | None]:
        """Samples and directions in units of the length scale, and what gave the directions."""
        if self._inputs is None:
            seen = self.joint.seen_directions(self._rows[self._sloped])
            return self.joint.observe(self._rows, seen, self._valued, self._sloped), seen
        points = self._inputs[self._sloped]
        J = described.jacobian(self._descriptor, points, self._rows.shape[1])
        basis = _row_spaces(J.astype(np.float64))
        directions = basis @ J.transpose(0, 2, 1)
        return self.joint.observe(self._rows, directions, self._valued, self._sloped), basis

    @property
    def observed(self) -> Observations:
        """Samples and the directions of their derivatives."""
        return self._seen[0]

    def reduced(self, slopes: Array) -> Array:
        """Numbers (k, d) for the inputs as those (k, m) for the directions that features see."""
        basis = self._seen[1]
        return slopes if basis is None else (basis @ slopes[:, :, None])[:, :, 0]

    def restored(self, along: Array) -> Array:
        """Numbers (k, m) for the directions as those (k, d) for the inputs."""
        basis = self._seen[1]
        return along if basis is None else (along[:, None] @ basis)[:, 0]

    def __getstate__(self) -> dict[str, Any]:
        derived = ("joint", "_seen")
        state = {name: value for name, value in self.__dict__.items() if name not in derived}
        return {**state, "_fields": None}

    def packed(self, n_jobs: int | None) -> Array:
        """The joint matrix, in packed form."""
        return self.joint.gram_packed(self.observed, n_jobs)

    def full(self, n_jobs: int | None) -> Array:
        """The joint matrix, all of it."""
        n = len(self.observed)
        require_memory(
            (n, n),
            8,
            f"the joint matrix of {n} values and derivatives",
            "A larger alpha lets one triangle of it do, and solver='pcg' products with it.",
        )
        return unpack(self.packed(n_jobs), n)

    def operator(self, n_jobs: int | None) -> JointMatrix:
        """The joint matrix, by products with it."""
        return JointMatrix(self.joint, self.observed, n_jobs)

    def evaluate(
        self, X: Array, coefficients: Array, gradient: bool, n_jobs: int | None
    ) -> tuple[Array, Array | None]:
        """Values (n,) and gradients (n, p) of the sum with these coefficients, kept as fields."""
        kept = self._fields
        if kept is None or kept[0] is not coefficients:
            count = int(self._valued.sum())
            width = (self._rows if self._inputs is None else self._inputs).shape[1]
            slopes = coefficients[count:].reshape(-1, width)
            own = np.concatenate([coefficients[:count], self.reduced(slopes).ravel()])
            kept = self._fields = coefficients, self.joint.prepare(self.observed, own)
        return self.joint.evaluate_fields(X, kept[1], gradient, n_jobs)


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
        slopes = _read_gradient(gradient, inputs.shape, {shape, (len(rows), *_shape(bound))})
        values = _read_values(y, len(rows))
        valued, sloped = ~np.isnan(values), ~np.isnan(slopes[:, 0])
        if not (valued.any() or sloped.any()):
            raise ValueError("y and gradient are NaN everywhere: there is nothing to fit")
        weights = check_weights(sample_weight, rows)
        mean = _constant(spec, values[valued], _of(weights, valued), centred)
        own = inputs if self._descriptor is not None else None
        system = JointSystem(bound.kernel, rows, valued, sloped, self._descriptor, own)
        along = system.reduced(slopes[sloped])
        shares = _shares(weights, valued, sloped, along.shape[1], ratio)
        targets = np.concatenate([values[valued] - mean, along.ravel()])
        solved = solve_jointly(read_options(self), system, targets, alpha, shares)
        found, self.solver_plan_, self.n_iter_ = solved.coefficients, solved.plan, solved.n_iter
        count = int(valued.sum())
        restored = system.restored(found[count:].reshape(along.shape))
        self.dual_coef_ = np.concatenate([found[:count], restored.ravel()])
        self.intercept_ = float(mean)
        self._fitted = FittedJointly(
            spec, bound, np.array([alpha]), shares, large=solved.large, system=system
        )
        self.kernel_, self.group_, self.X_fit_ = bound.kernel, bound.group, rows

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


def _row_spaces(J: Array) -> Array:
    """Orthonormal rows (k, m, d) that span those of each of the matrices J (k, p, d).

    Derivatives along what is orthogonal to them are zero for every function of the features: of
    distances those of 6 motions, of 5 on a line. Dropping them changes nothing that is predicted.
    The number m is the largest rank.
    """
    if len(J) == 0:
        return np.empty((0, 1, J.shape[2]))
    if J.shape[1] > J.shape[2]:
        J = np.asarray(np.linalg.qr(J, mode="r"))  # of the same rows
    _, values, rows = np.linalg.svd(J, full_matrices=False)
    bound = max(J.shape[1:]) * np.finfo(np.float64).eps * values[:, :1]
    return np.asarray(rows[:, : max(1, int((values > bound).sum(axis=1).max()))])


def _of(weights: Array | None, chosen: NDArray[np.bool_]) -> Array | None:
    return None if weights is None else weights[chosen]


def _constant(spec: KernelSpec, values: Array, weights: Array | None, centred: bool) -> float:
    """Weighted mean of the values where they are centred, 0 of none."""
    if len(values) == 0 or (weights is not None and not weights.any()):
        return 0.0
    if not centred and spec.invariant:
        warn_uncentred(values, weights)
    return float(weighted_mean(values, weights)) if centred else 0.0


def _shares(
    weights: Array | None,
    valued: NDArray[np.bool_],
    sloped: NDArray[np.bool_],
    m: int,
    ratio: float,
) -> Array | None:
    """Weights of all observations, whose ridge is then alpha."""
    if weights is None and ratio == 1.0:
        return None
    w = np.ones(len(valued)) if weights is None else weights.astype(np.float64)
    shares: Array = np.concatenate([w[valued], np.repeat(ratio * w[sloped], m)])
    if not shares.any():
        raise ValueError("sample_weight is zero for every sample with an observation")
    return shares


def _read_values(y: Any, n: int) -> Array:
    """Targets (n,) in float64; NaN where there are none."""
    if y is None:
        return np.full(n, np.nan)
    check_kind(y, "y")
    values = np.asarray(as_floats(y, "y"), np.float64)
    if values.shape != (n,):
        raise ValueError(
            f"y must have shape ({n},) where gradients are fitted, one target for each sample of "
            f"X; got shape {values.shape}"
        )
    if np.isinf(values).any():
        raise ValueError("y contains infinity; NaN is what was not observed")
    return values


def _read_gradient(gradient: Any, rows: tuple[int, ...], shapes: set[tuple[int, ...]]) -> Array:
    """Gradients (n, d) in float64; rows of NaN where there are none."""
    check_kind(gradient, "gradient")
    slopes = np.asarray(as_floats(gradient, "gradient"), np.float64)
    if slopes.shape not in {rows, *shapes} or slopes.size != rows[0] * rows[1]:
        raise ValueError(
            f"gradient must have the shape of X, {rows}, one derivative for each feature of each "
            f"sample; got shape {slopes.shape}"
        )
    slopes = slopes.reshape(rows)
    missing = np.isnan(slopes)
    partly = missing.any(axis=1) & ~missing.all(axis=1)
    if partly.any():
        i = int(np.argmax(partly))
        raise ValueError(
            f"gradient of sample {i} is NaN in {int(missing[i].sum())} of {rows[1]} features; a "
            "gradient that was not observed is NaN in all of them"
        )
    if np.isinf(slopes).any():
        raise ValueError("gradient contains infinity; rows of NaN are what was not observed")
    return slopes
