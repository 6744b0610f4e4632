"""Fit the energy of a molecule, as a function of its distances, to energies and forces."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.molecules._geometry import Geometry
from symkernel.molecules._metrics import pairs_of
from symkernel.molecules._posterior import Posterior, scales_of
from symkernel.molecules._search import Hyperparameters, Known, Progress, search
from symkernel.molecules._solve import solve
from symkernel.molecules._system import Function, System, images_of
from symkernel.solvers.checkpoint import Checkpoint, fingerprint

Array = NDArray[Any]

# Structures moved and evaluated at once.
_AT_ONCE = 256
# Structures whose posterior stands for that of all.
_SUBSET = 200
# Squared distances below this share of squared norms are rounding.
_ROUNDING = 1e-13


class Potential:
    """Energy and forces of one molecule, in eV and Angstrom.

    Parameters
    ----------
    numbers : ndarray of int of shape (n_atoms,)
        Atomic numbers.
    permutations : ndarray of int of shape (G, n_atoms)
        All elements of the group.
    hyperparameters : Hyperparameters
        Kernel and noise.
    known : Known
        Structures that were fitted; of energies and forces only where they are known counts.
    positions : ndarray of shape (n, n_atoms, 3)
        Their positions.
    coefficients : tuple of ndarray of shapes (n,), (n, p)
        Of values and of derivatives.
    constant : float
        Added to energies.
    subset : ndarray of int
        Structures whose posterior is taken for standard deviations.
    scales : ndarray of shape (2,)
        What the deviations of that posterior are multiplied by, of energies and of forces.
    summary : mapping
        What the fit was and found.
    """

    def __init__(
        self,
        numbers: Array,
        permutations: Array,
        hyperparameters: Hyperparameters,
        known: Known,
        positions: Array,
        coefficients: tuple[Array, Array],
        constant: float,
        subset: Array,
        scales: Array,
        summary: Mapping[str, Any],
        n_jobs: int | None = None,
    ) -> None:
        self.numbers, self.permutations = numbers, permutations
        self.hyperparameters, self.summary = hyperparameters, dict(summary)
        self._known, self._positions = known, positions
        self._coefficients, self._constant = coefficients, constant
        self._subset, self._scales, self._n_jobs = subset, scales, n_jobs
        self._pairs = pairs_of(permutations)

    @property
    def n_structures(self) -> int:
        """How many structures were fitted."""
        return len(self._positions)

    @cached_property
    def _function(self) -> Function:
        own = self._known.geometry.features, *self._coefficients
        return Function(self.hyperparameters.components, self._pairs, *own, n_jobs=self._n_jobs)

    def __getstate__(self) -> dict[str, Any]:
        derived = ("_function", "_posterior", "_near")  # remade after a copy or a pickle
        return {name: value for name, value in self.__dict__.items() if name not in derived}

    def evaluate(self, positions: Array, forces: bool = True) -> tuple[Array, Array | None]:
        """Return energies (n,) and forces (n, n_atoms, 3) of structures."""
        energies = np.empty(len(positions))
        found = np.empty(positions.shape) if forces else None
        for start in range(0, len(positions), _AT_ONCE):
            at = slice(start, start + _AT_ONCE)
            geometry = Geometry(positions[at])
            values, slopes = self._function(geometry.features, forces)
            energies[at] = values + self._constant
            if found is not None:
                np.negative(geometry.to_positions(slopes), out=found[at])
        return energies, found

    # ---- how sure it is --------------------------------------------------------------------------

    @cached_property
    def _posterior(self) -> Posterior:
        part = self._known.take(self._subset)
        return Posterior(part, self._pairs, self.hyperparameters, self._n_jobs)

    def deviations(self, positions: Array, forces: bool = False) -> tuple[Array, Array | None]:
        """Return standard deviations of energies (n,) and of forces (n, n_atoms, 3).

        Notes
        -----
        Those of the posterior of at most 200 of the structures, in proportion: errors of other
        structures, by a fit to all but them, have unit variance in their units.
        """
        values, slopes = self._posterior.variances(Geometry(positions), forces)
        energies = self._scales[0] * np.sqrt(values)
        return energies, None if slopes is None else self._scales[1] * np.sqrt(slopes)

    def covariance(self, positions: Array) -> Array:
        """Return the posterior covariance (n, n) of energies."""
        covariance: Array = self._scales[0] ** 2 * self._posterior.covariance(Geometry(positions))
        return covariance

    @cached_property
    def _near(self) -> tuple[Array, Array, Array, float]:
        """Weights of features, features of the fit in their units, their squares, and a unit."""
        own = self.hyperparameters.components
        root = np.sqrt(own.amplitudes @ own.metrics / own.amplitudes.sum())
        Y = self._known.geometry.features * root
        squares = np.einsum("np,np->n", Y, Y)
        some = np.random.default_rng(0).permutation(len(Y))[:_SUBSET]
        nearest = self._least_squares(Y[some] / root, root, Y, squares, some)
        apart = nearest > _ROUNDING * squares[some]  # repeats, and one alone, are no neighbours
        unit = float(np.sqrt(np.median(nearest[apart]))) if apart.any() else 1.0
        return root, Y, squares, unit

    def distances(self, positions: Array) -> Array:
        """Return how far structures (n,) are from those that were fitted.

        1 is the median distance of one of them to the nearest other, in the mean metric; a length
        scale where there is no other.
        """
        root, Y, squares, unit = self._near
        found = self._least_squares(Geometry(positions).features, root, Y, squares)
        distances: Array = np.sqrt(found) / unit
        return distances

    def _least_squares(
        self, features: Array, root: Array, Y: Array, squares: Array, own: Array | None = None
    ) -> Array:
        """Return the least squared distance (n,) under the group, but to a structure's `own`."""
        images = images_of(features * root, self._pairs)
        s = squares - 2.0 * (images @ Y.T) + np.einsum("ngp,ngp->ng", images, images)[:, :, None]
        if own is not None and len(Y) > 1:
            s[np.arange(len(own)), :, own] = np.inf
        least: Array = np.maximum(s.min(axis=(1, 2)), 0.0)
        return least

    # ---- to a file and back ----------------------------------------------------------------------

    def state(self) -> dict[str, Array]:
        """Return everything as arrays."""
        own = self.hyperparameters
        return {
            "numbers": self.numbers,
            "permutations": self.permutations,
            **own.arrays(),
            "positions": self._positions,
            "energies": self._known.energies,
            "forces": self._known.forces,
            "value_coefficients": self._coefficients[0],
            "slope_coefficients": self._coefficients[1],
            "constant": np.array(self._constant),
            "subset": self._subset,
            "scales": self._scales,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Array], n_jobs: int | None = None) -> Potential:
        """Return the potential of a state."""
        positions = state["positions"]
        known = Known(Geometry(positions), state["energies"], state["forces"])
        return cls(
            state["numbers"],
            state["permutations"],
            Hyperparameters.from_arrays(state),
            known,
            positions,
            (state["value_coefficients"], state["slope_coefficients"]),
            float(state["constant"]),
            state["subset"],
            state["scales"],
            {},
            n_jobs,
        )


def fit_potential(
    numbers: Array,
    positions: Array,
    energies: Array,
    forces: Array,
    permutations: Array,
    *,
    hyperparameters: Hyperparameters | None = None,
    n_search: int | None = None,
    local: bool = True,
    noise: float | None = None,
    solver: str = "auto",
    random_state: int = 0,
    n_jobs: int | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
) -> Potential:
    """Fit a potential to energies and forces, and choose its hyperparameters.

    Parameters
    ----------
    numbers : ndarray of int of shape (n_atoms,)
        Atomic numbers.
    positions : ndarray of shape (n, n_atoms, 3)
        In Angstrom.
    energies : ndarray of shape (n,)
        In eV; NaN where unknown.
    forces : ndarray of shape (n, n_atoms, 3)
        In eV / Angstrom; NaN where unknown.
    permutations : ndarray of int of shape (G, n_atoms)
        All elements of a group that keeps the energy.
    hyperparameters : Hyperparameters, optional
        Where they are known; there is no search then.
    n_search, local, noise, random_state
        See ``search``.
    solver : {"auto", "cholesky", "pcg"}, default="auto"
        How coefficients are found: "auto" by Cholesky where memory allows.
    n_jobs : int or None
        Threads of kernel values; BLAS has its own.
    checkpoint : str, Path or None
        Where to keep what the search found, and with ".iterations" appended the state of conjugate
        gradients; a fit that was interrupted goes on from there, and removes both when it is done.
    progress : callable or None
        Told of every step.

    Notes
    -----
    With N rows, one for each energy and 3 n_atoms - 6 for the forces of each structure, N^2 / 2
    numbers and N^3 / 3 multiply-adds by Cholesky; the search takes some eighty factors of 3300
    rows twice.
    """
    began = time.perf_counter()
    offset = 0.0 if np.isnan(energies).all() else float(np.nanmean(energies))
    known = Known(Geometry(positions), energies - offset, forces)
    words = f"{n_search} {local} {noise} {solver} {random_state} {numbers.tolist()}"
    given = () if hyperparameters is None else tuple(hyperparameters.arrays().values())
    fitted = permutations, known.geometry.features, known.energies, known.forces, *given
    kept = _checkpoint(checkpoint, "", words, fitted)
    arrays = None if kept is None else kept.load()  # refuses a file of another fit
    if hyperparameters is None:
        if arrays is None:
            hyperparameters = search(
                known,
                numbers,
                permutations,
                n_search=n_search,
                local=local,
                noise=noise,
                random_state=random_state,
                n_jobs=n_jobs,
                progress=progress,
            )
        else:
            hyperparameters = Hyperparameters.from_arrays(arrays)
        if kept is not None:
            kept.save(hyperparameters.arrays())
    searched = time.perf_counter()
    pairs = pairs_of(permutations)
    system = System(known.geometry, pairs, known.valued, known.sloped, n_jobs)
    drawn = np.random.default_rng(random_state).permutation(len(known.energies))
    subset, others = _split(drawn, solver)
    solved = solve(
        system,
        known,
        hyperparameters,
        others,
        solver=solver,
        checkpoint=_checkpoint(checkpoint, ".iterations", words, fitted),
        random_state=random_state,
        progress=progress,
    )
    hyperparameters = replace(hyperparameters, noise=solved.noise)
    if len(subset) == len(drawn) and solved.left_out:  # the posterior is that of all structures
        scales = scales_of(system, solved.left_out, solved.variances)
    else:
        posterior = Posterior(known.take(subset), pairs, hyperparameters, n_jobs)
        left_out = solved.left_out or posterior.left_out(system, known, others)
        scales = posterior.scales(system, left_out)
    if checkpoint is not None:
        for suffix in ("", ".iterations"):
            Path(f"{checkpoint}{suffix}").unlink(missing_ok=True)
    ended = time.perf_counter()
    summary = {
        "n_structures": len(known.energies),
        "n_rows": len(system),
        "n_components": len(hyperparameters.components.amplitudes),
        "noise": solved.noise.tolist(),
        "seconds": {"search": searched - began, "fit": ended - searched},
        "solver": solved.solver,
        **solved.told,
        **solved.errors(system),
    }
    return Potential(
        numbers,
        permutations,
        hyperparameters,
        known,
        positions,
        system.fields(solved.coefficients),
        solved.constant + offset,
        subset,
        scales,
        summary,
        n_jobs,
    )


def _split(drawn: Array, solver: str) -> tuple[Array, Array]:
    """Return structures whose posterior is kept, and those that it is tried on.

    Of few structures the factor of all tells both, and each is left out of it.
    """
    if len(drawn) <= _SUBSET and solver != "pcg":
        return np.sort(drawn), drawn
    kept = min(_SUBSET, len(drawn) - len(drawn) // 8)
    return np.sort(drawn[:kept]), drawn[kept:]


def _checkpoint(
    path: str | Path | None, suffix: str, words: str, fitted: tuple[Array, ...]
) -> Checkpoint | None:
    if path is None:
        return None
    return Checkpoint(f"{path}{suffix}", fingerprint(words + suffix, *fitted))
