"""Fit energies and forces of one molecule by one kernel of inverse distances."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import Matern

from symkernel.descriptors import InversePairDistances
from symkernel.estimators.ridge import InvariantKernelRidge
from symkernel.groups import PermutationGroup

Array = NDArray[Any]
_STEP = 1e-2  # Angstrom, of the differences that give deviations of forces


class Potential:
    """A fitted potential in eV and Angstrom; see ``fit_potential``."""

    def __init__(
        self,
        numbers: Array,
        permutations: Array,
        positions: Array,
        energies: Array,
        forces: Array,
        noise: float,
        length: float,
    ) -> None:
        start = time.perf_counter()
        self.numbers, self.permutations, self.n_structures = numbers, permutations, len(positions)
        self._data = positions, energies, forces
        self._noise, self._length = noise, length
        n, N = positions.shape[:2]
        i, j = np.triu_indices(N, 1)
        place = np.zeros((N, N), int)
        place[i, j] = place[j, i] = np.arange(len(i))
        self._pairs = np.array([place[p[i], p[j]] for p in permutations])
        moving = [p for p in self._pairs.tolist() if p != list(range(len(i)))]
        group = PermutationGroup(moving, degree=len(i))
        self._descriptor = InversePairDistances(N)
        self._model = InvariantKernelRidge(
            noise,
            group=group,
            kernel=Matern(length, nu=2.5),
            descriptor=self._descriptor,
            normalize_y=True,
        )
        slopes = -forces.reshape(n, -1)
        self._model.fit(positions.reshape(n, -1), energies, gradient=slopes)
        self._features = self._descriptor.value(positions.reshape(n, -1))
        moved = self._features[:, self._pairs]  # (n, G, p)
        self._moved = moved.reshape(-1, len(i))
        apart = cdist(self._features, self._moved).reshape(n, n, -1).min(axis=2)
        np.fill_diagonal(apart, np.inf)
        self._typical = float(np.median(apart.min(axis=1))) if n > 1 else 1.0
        self._factor: Any = None
        self.summary: dict[str, Any] = {
            "noise": noise,
            "length": length,
            "seconds": time.perf_counter() - start,
        }

    def evaluate(self, positions: Array, forces: bool = True) -> tuple[Array, Array | None]:
        """Energies (n,) and forces (n, N, 3)."""
        flat = positions.reshape(len(positions), -1)
        if not forces:
            return self._model.predict(flat), None
        energies, slopes = self._model.predict(flat, return_gradient=True)
        return energies, -slopes.reshape(positions.shape)

    def covariance(self, positions: Array) -> Array:
        """Posterior covariances (n, n) of energies."""
        system = self._model._fitted.system  # type: ignore[attr-defined]
        if self._factor is None:
            A = system.full()
            A[np.diag_indices(len(A))] += self._noise
            factor = cho_factor(A, lower=True)
            values, slopes = self._data[1], -self._data[2]
            seen = slopes[~np.isnan(slopes[:, 0, 0])]
            along = system.reduced(seen.reshape(len(seen), -1)).ravel()
            known = values[~np.isnan(values)]
            y = np.concatenate([known - (known.mean() if len(known) else 0.0), along])
            self._factor = factor, float(y @ cho_solve(factor, y)) / len(y)
        factor, scale = self._factor
        rows = self._descriptor.value(positions.reshape(len(positions), -1))
        cross = system.joint.cross(rows, system.observed)
        return np.asarray(scale * (self._model.kernel_(rows) - cross @ cho_solve(factor, cross.T)))

    def deviations(self, positions: Array, forces: bool = False) -> tuple[Array, Array | None]:
        """Standard deviations of energies (n,) and forces (n, N, 3)."""
        variances = np.diag(self.covariance(positions))
        energies = np.sqrt(np.maximum(variances, 0.0))
        if not forces:
            return energies, None
        steps = _STEP * np.eye(positions[0].size).reshape(-1, *positions.shape[1:])
        found = []
        for one in positions:
            C = self.covariance(np.concatenate([one + steps, one - steps]))
            k = len(steps)
            own = np.diag(C[:k, :k]) + np.diag(C[k:, k:]) - 2 * np.diag(C[:k, k:])
            found.append(np.sqrt(np.maximum(own, 0.0)) / (2 * _STEP))
        return energies, np.array(found).reshape(positions.shape)

    def distances(self, positions: Array) -> Array:
        """Distances (n,) to the nearest training structure, 1 between typical neighbours."""
        rows = self._descriptor.value(positions.reshape(len(positions), -1))
        return np.asarray(cdist(rows, self._moved).min(axis=1) / self._typical)

    def state(self) -> dict[str, Array]:
        """Arrays that ``from_state`` makes the same potential of."""
        names = ("positions", "energies", "forces")
        return {
            "numbers": self.numbers,
            "permutations": self.permutations,
            "noise": np.array(self._noise),
            "length": np.array(self._length),
            **dict(zip(names, self._data, strict=True)),
        }

    @classmethod
    def from_state(cls, state: dict[str, Array]) -> Self:
        """Return the potential whose ``state`` this is."""
        return cls(
            state["numbers"],
            state["permutations"],
            state["positions"],
            state["energies"],
            state["forces"],
            float(state["noise"]),
            float(state["length"]),
        )


def fit_potential(
    numbers: Array,
    positions: Array,
    energies: Array,
    forces: Array,
    permutations: Array,
    *,
    n_search: int | None = None,
    noise: float | None = None,
    length: float | None = None,
    local: float | None = None,
    solver: str = "auto",
    random_state: int = 0,
    n_jobs: int | None = None,
    checkpoint: str | Path | None = None,
    progress: Callable[[str, int, int, str], None] | None = None,
) -> Potential:
    """Fit a potential to energies (n,) and forces (n, N, 3), NaN where unknown."""
    if progress is not None:
        progress("solve", 0, 1, "Cholesky")
    found = Potential(
        numbers,
        permutations,
        positions,
        energies,
        forces,
        1e-9 if noise is None else noise,
        5.0 if length is None else length,
    )
    if progress is not None:
        progress("solve", 1, 1, "Cholesky")
    return found
