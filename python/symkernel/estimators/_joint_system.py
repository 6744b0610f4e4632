"""Hold what was observed of samples, values and gradients, and the matrix of its covariances."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.memory import require_memory
from symkernel.backends.packed import unpack
from symkernel.estimators import _described as described
from symkernel.estimators._kernel import BoundKernel, KernelSpec
from symkernel.estimators._regression import warn_uncentred
from symkernel.kernels import InvariantKernel
from symkernel.kernels.joint import JointKernel, Observations
from symkernel.kernels.joint_matrix import JointMatrix
from symkernel.solvers.centring import weighted_mean
from symkernel.solvers.row_spaces import row_spaces
from symkernel.validation import as_floats, check_kind

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
        basis = row_spaces(J.astype(np.float64))
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


@dataclass(frozen=True)
class Seen:
    """Samples (n, p), with values (n,) and gradients (n, d), NaN where there are none.

    Attributes
    ----------
    bound : BoundKernel
        The kernel, bound to the features.
    rows, values, slopes : ndarray
    weights : ndarray of shape (n,) or None
    descriptor, inputs
        As of ``JointSystem``.
    """

    bound: BoundKernel
    rows: Array
    values: Array
    slopes: Array
    weights: Array | None
    descriptor: Any = None
    inputs: Array | None = None

    @property
    def valued(self) -> NDArray[np.bool_]:
        """Which samples have a value."""
        return ~np.isnan(self.values)

    @property
    def sloped(self) -> NDArray[np.bool_]:
        """Which samples have a gradient."""
        return ~np.isnan(self.slopes[:, 0])

    def system(self, kernel: InvariantKernel) -> JointSystem:
        """Return the system of what was observed."""
        own = self.descriptor, self.inputs
        return JointSystem(kernel, self.rows, self.valued, self.sloped, *own)

    def take(self, chosen: NDArray[np.bool_]) -> Seen:
        """Return some of the samples."""
        return Seen(
            self.bound,
            self.rows[chosen],
            self.values[chosen],
            self.slopes[chosen],
            part_of(self.weights, chosen),
            self.descriptor,
            part_of(self.inputs, chosen),
        )


def shares_of(
    weights: Array | None,
    valued: NDArray[np.bool_],
    sloped: NDArray[np.bool_],
    m: int,
    ratio: float,
) -> Array | None:
    """Return weights of all observations, whose ridge is then alpha."""
    if weights is None and ratio == 1.0:
        return None
    w = np.ones(len(valued)) if weights is None else weights.astype(np.float64)
    shares: Array = np.concatenate([w[valued], np.repeat(ratio * w[sloped], m)])
    if not shares.any():
        raise ValueError("sample_weight is zero for every sample with an observation")
    return shares


def constant_of(spec: KernelSpec, values: Array, weights: Array | None, centred: bool) -> float:
    """Return the weighted mean of the values where they are centred, 0 of none."""
    if len(values) == 0 or (weights is not None and not weights.any()):
        return 0.0
    if not centred and spec.invariant:
        warn_uncentred(values, weights)
    return float(weighted_mean(values, weights)) if centred else 0.0


def read_values(y: Any, n: int) -> Array:
    """Return targets (n,) in float64; NaN where there are none."""
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


def read_gradient(gradient: Any, rows: tuple[int, ...], shapes: set[tuple[int, ...]]) -> Array:
    """Return gradients (n, d) in float64; rows of NaN where there are none."""
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


def part_of(weights: Array | None, chosen: NDArray[np.bool_]) -> Array | None:
    """Return some of the entries, or None of None."""
    return None if weights is None else weights[chosen]
