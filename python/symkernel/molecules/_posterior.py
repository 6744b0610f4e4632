"""Tell how sure a potential is, from the posterior of some of its structures."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.molecules._geometry import Geometry
from symkernel.molecules._search import Hyperparameters, Known
from symkernel.molecules._system import Factor, System, factored

Array = NDArray[Any]

# Residuals of fewer rows say nothing of scales.
_FEW = 4


class Posterior:
    """Covariances of energies and forces, given those of some structures.

    Parameters
    ----------
    known : Known
        The structures.
    pairs : ndarray of int of shape (G, p)
        The group.
    hyperparameters : Hyperparameters
        Kernel and noise.
    n_jobs : int or None
        Threads.

    Notes
    -----
    The factor is made by the first question: N^2 / 2 numbers, of N rows. A structure then takes
    N^2 multiply-adds for its energy, and as many for each of its directions.
    """

    def __init__(
        self, known: Known, pairs: Array, hyperparameters: Hyperparameters, n_jobs: int | None
    ) -> None:
        self._hyperparameters, self._pairs, self._n_jobs = hyperparameters, pairs, n_jobs
        self._known = known
        self._system = System(known.geometry, pairs, known.valued, known.sloped, n_jobs)

    @cached_property
    def _factored(self) -> tuple[Factor, Array]:
        own = self._hyperparameters
        return factored(self._system, own.components, own.noise)

    @property
    def _factor(self) -> Factor:
        return self._factored[0]

    def _given(self, system: System, rows: Array, prior: Array) -> Array:
        """Return covariances of rows of a system, given the structures, from those before."""
        cross = system.rows(self._hyperparameters.components, rows, self._system)
        ones = (rows < len(system.valued)).astype(np.float64)
        # With a constant of unknown size the bordered solve is all of the posterior.
        solved, constants = self._factor.solve(cross.T, ones)
        known: Array = cross @ solved + np.outer(ones, constants)
        return prior - known

    def covariance(self, geometry: Geometry) -> Array:
        """Return covariances (n, n) of energies."""
        n = len(geometry)
        system = System(geometry, self._pairs, np.ones(n, bool), np.zeros(n, bool), self._n_jobs)
        components = self._hyperparameters.components
        return self._given(system, np.arange(n), system.rows(components, np.arange(n)))

    def variances(self, geometry: Geometry, forces: bool) -> tuple[Array, Array | None]:
        """Return variances of energies (n,), and of forces (n, n_atoms, 3) if asked for."""
        n = len(geometry)
        values = np.empty(n)
        slopes = np.empty((n, geometry.n_atoms, 3)) if forces else None
        components = self._hyperparameters.components
        everywhere = np.ones(1, bool)
        for i in range(n):
            one = geometry.take(slice(i, i + 1))
            system = System(one, self._pairs, everywhere, everywhere & forces, self._n_jobs)
            rows = np.arange(len(system) if forces else 1)
            found = self._given(system, rows, system.rows(components, rows)[:, : len(rows)])
            values[i] = found[0, 0]
            if slopes is not None:
                half = system.turned(0, found[1:, 1:]).reshape(system.m, -1)
                slopes[i] = np.diagonal(
                    system.turned(0, half.T).reshape(-1, half.shape[1])
                ).reshape(-1, 3)
        return np.maximum(values, 0.0), None if slopes is None else np.maximum(slopes, 0.0)

    def left_out(self, system: System, known: Known, others: Array) -> dict[int, Array]:
        """Return residuals of the rows of other structures of a system, by a fit to these.

        Of a fit to more structures they are smaller: deviations in proportion to them are too
        large.
        """
        own = self._system
        y = own.targets(self._known.energies, self._known.forces)
        solved, constants = self._factor.solve(y[:, None])
        function = own.function(self._hyperparameters.components, solved[:, 0])
        found = system.targets(known.energies, known.forces)
        found -= system.observe(*function(system.geometry.features))
        found[: len(system.valued)] -= constants[0]
        return {
            int(i): found[system.rows_of(int(i))] for i in others if len(system.rows_of(int(i)))
        }

    def scales(self, system: System, left_out: dict[int, Array]) -> Array:
        """Return what deviations of energies and of forces are to be multiplied by.

        Parameters
        ----------
        system : System
            Of more structures.
        left_out : dict
            Residuals of the rows of some of them.

        Returns
        -------
        ndarray of shape (2,)
            So that residuals over deviations have mean square 1; what one kind lacks is taken
            from the other, 1 if both do.
        """
        variances = {}
        for structure in left_out:
            rows = system.rows_of(structure)
            components = self._hyperparameters.components
            one = System(
                system.geometry.take(slice(structure, structure + 1)),
                self._pairs,
                np.array([bool((rows < len(system.valued)).any())]),
                np.array([bool((rows >= len(system.valued)).any())]),
                self._n_jobs,
            )
            own = np.arange(len(one))
            found = np.diagonal(self._given(one, own, one.rows(components, own)))
            variances[structure] = found + one.ridge(self._factored[1])
        return scales_of(system, left_out, variances)


def scales_of(system: System, left_out: dict[int, Array], variances: dict[int, Array]) -> Array:
    """Return the root mean square of residuals over deviations, of energies and of forces, (2,).

    What one kind lacks is taken from the other, 1 if both do.
    """
    squares: tuple[list[float], list[float]] = ([], [])
    for structure, residuals in left_out.items():
        least = np.finfo(np.float64).tiny
        ratios = residuals**2 / np.maximum(variances[structure], least)
        of_value = system.rows_of(structure) < len(system.valued)
        squares[0].extend(ratios[of_value])
        squares[1].extend(ratios[~of_value])
    found = np.array([np.sqrt(np.mean(s)) if len(s) >= _FEW else np.nan for s in squares])
    found = np.where(np.isnan(found), found[::-1], found)
    return np.where(np.isnan(found), 1.0, found)
