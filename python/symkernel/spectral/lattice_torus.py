"""Evaluate Fourier modes on the torus of a lattice, in fractional coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups import Group, SignedPermutation
from symkernel.groups.lattice import as_lattice, check_metric
from symkernel.spectral.manifold import Level, as_level
from symkernel.spectral.periodic import Periodic, motions_of, words_of
from symkernel.spectral.subspace import ModeSubspace
from symkernel.validation import as_rows

__all__ = ["LatticeTorus"]

Array = NDArray[np.float64]
Metric = tuple[tuple[float, ...], ...]

# Eigenvalues that agree to this are one level.
_SAME = 1e-8
# Largest relative change of the metric under a rotation of a group that acts.
_KEPT = 1e-9
# Modes that are listed at most.
_MOST_MODES = 20_000_000


class LatticeTorus(Periodic):
    """The torus R^d / L of a lattice L: the unit cell of a crystal, with its metric.

    Samples are fractional coordinates, read modulo 1. Eigenfunctions are the Fourier modes
    exp(2 pi i k.x) of integer k; the eigenvalue, which is also the level, is 4 pi^2 k^T G^-1 k
    with the metric G = L L^T: the squared length of the wave vector, in the inverse square of the
    unit of the lattice. Modes of one length make a level; ``max_level`` bounds this number, and
    not |k|^2 as on ``Torus``: of a cubic cell of length a, the first level is (2 pi / a)^2.

    Motions of the lattice act that keep its metric: ``groups.SpaceGroup``, signed permutations,
    and ``groups.Translations``. For several atoms give the lattice once for each,
    ``scipy.linalg.block_diag(L, L)``, and ``G.along(1, (2, 3))``.

    Parameters
    ----------
    lattice : array-like of float, shape (d, d)
        The rows are the vectors of the basis, Cartesian, in any unit: eigenvalues are in its
        inverse square.

    Raises
    ------
    ValueError
        If the lattice is not square, not finite, or its rows are not independent.

    Notes
    -----
    Invariant functions are found by joining modes that the generators map to each other, with
    their phases, in integers: orbits whose phases disagree drop out, as systematic absences do.
    O(modes log(modes)) for every generator. Source: International Tables for Crystallography B
    (2010), chapter 1.4.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.groups import SpaceGroup
    >>> from symkernel.spectral import InvariantBasis, LatticeTorus
    >>> torus = LatticeTorus([[1, 0], [-0.5, 0.75**0.5]])  # hexagonal
    >>> [level.multiplicity for level in torus.levels(250)]
    [1, 6, 6, 6]
    >>> G = SpaceGroup.from_generators([[[1, -1], [1, 0]]])  # a sixfold axis
    >>> InvariantBasis(torus, G, max_level=250).dimensions
    array([1, 1, 1, 1])
    >>> float(np.round(torus.to_cartesian([[0.0, 1.0]])[0, 1], 3))
    0.866
    """

    _levels_are = "eigenvalues 4 pi^2 |k|^2, k in the reciprocal lattice"

    def __init__(self, lattice: ArrayLike) -> None:
        basis = as_lattice(lattice)
        self._d = len(basis)
        self._period = 1.0
        self._lattice: Metric = tuple(tuple(row) for row in basis.tolist())
        self._metric = basis @ basis.T
        wave = 4.0 * math.pi**2 * np.linalg.inv(self._metric)
        self._wave: Metric = tuple(tuple(row) for row in ((wave + wave.T) / 2.0).tolist())

    @property
    def lattice(self) -> Array:
        """The rows are the vectors of the basis, float64 (d, d)."""
        return np.array(self._lattice)

    def to_cartesian(self, X: ArrayLike) -> Array:
        """Return fractional coordinates (n, d) as Cartesian ones, X L."""
        return np.asarray(as_rows(X, "X", self._d, of=self, flatten=False) @ self.lattice)

    def to_fractional(self, X: ArrayLike) -> Array:
        """Return Cartesian coordinates (n, d) as fractional ones, X L^-1, in [-1/2, 1/2)."""
        rows = as_rows(X, "X", self._d, of=self, flatten=False)
        found = np.linalg.solve(self.lattice.T, rows.T).T
        return np.asarray(found - np.floor(found + 0.5))

    def all_levels(self) -> Iterator[Level]:
        """Yield all lengths of modes, without end."""
        done = 0
        bound = self._enough(0.0)
        while True:
            values, starts, sizes = _shells(self._wave, bound)[1:]
            whole = values[starts] <= bound * (1.0 - 1e-6)  # that none of its modes lies beyond
            for k in range(done, int(whole.sum())):
                level = float(values[starts[k]])
                yield Level(level, level, int(sizes[k]))
            done = int(whole.sum())
            bound *= 2.0

    # A bound beyond a level; of few values, so that lists of modes are found again.
    def _enough(self, level: float) -> float:
        bound = 4.0 * max(row[i] for i, row in enumerate(self._wave))
        while bound * (1.0 - 1e-5) <= level:
            bound *= 2.0
        return bound

    def _level(self, level: int | float) -> Level:
        bound = as_level(level, "level")
        _, values, starts, sizes = _shells(self._wave, self._enough(bound))
        k = int(np.abs(values[starts] - bound).argmin())
        found = float(values[starts[k]])
        if abs(found - bound) > 1e-12 * bound:
            raise ValueError(f"level must be one of those of {self!r}, got {level!r}")
        return Level(found, found, int(sizes[k]))

    def _words(self, level: int | float) -> tuple[NDArray[np.int32], int]:
        modes, values, starts, sizes = _shells(self._wave, self._enough(float(level)))
        k = int(np.abs(values[starts] - level).argmin())
        return words_of(modes[starts[k] : starts[k] + sizes[k]])

    def check(self, group: Group) -> None:
        """Raise unless the group keeps the metric of the lattice."""
        self._check_group(group)
        for g in group.generators:
            linear, shift = g._parts()
            if not (group._on_lattice or isinstance(linear, SignedPermutation)):
                raise ValueError(
                    f"group must act on fractional coordinates, as SpaceGroup and signed "
                    f"permutations do: {g!r} does not map the lattice to itself"
                )
            if not group._on_lattice and shift is not None and shift.any():
                raise ValueError(f"group must be given by linear generators and shifts, got {g!r}")
        if any(xi.matrix.any() for xi in group.lie_algebra):
            raise ValueError(f"group must not turn coordinates of a torus, {group!r} does")
        check_metric(motions_of(group), self._metric, _KEPT, repr(group))

    def invariants(self, group: Group, level: int | float, tol: float = 1e-9) -> ModeSubspace:
        """Return the invariant functions of one level: sums of Fourier modes with phases.

        ``tol`` is not used: there is no linear algebra.
        """
        self.check(group)
        return self._phased(group, self._listed_level(level))

    def _arguments(self) -> tuple[Any, ...]:
        return (self._lattice,)

    def __repr__(self) -> str:
        return f"LatticeTorus({[list(row) for row in self._lattice]})"


# Kept, for every level asks for its modes.
@lru_cache(maxsize=32)
def _shells(
    wave: Metric, bound: float
) -> tuple[NDArray[np.int64], Array, NDArray[np.int64], NDArray[np.int64]]:
    """List modes up to an eigenvalue by levels: modes, eigenvalues, starts and sizes of levels."""
    modes = _ball(np.array(wave), bound)
    # Sums entry by entry: the eigenvalue of a mode is the same in every list.
    values = np.zeros(len(modes))
    for i, row in enumerate(wave):
        for j, entry in enumerate(row):
            values += entry * (modes[:, i] * modes[:, j])
    order = np.argsort(values, kind="stable")
    modes, values = modes[order], values[order]
    starts = np.flatnonzero(np.diff(values, prepend=-math.inf) > _SAME * values)
    starts = starts if len(starts) and starts[0] == 0 else np.concatenate([[0], starts])
    return modes, values, starts, np.diff(starts, append=len(values))


def _ball(wave: Array, bound: float) -> NDArray[np.int64]:
    """List integer k with k^T Q k <= bound, coordinate by coordinate from the last one.

    With Q = R^T R, R upper triangular, the last coordinates bound the next (Fincke and Pohst 1985).
    """
    R = np.linalg.cholesky(wave).T
    d = len(R)
    limit = bound * (1.0 + 1e-9)
    tails, sums = np.zeros((1, 0), np.int64), np.zeros(1)
    for i in range(d - 1, -1, -1):
        offset = tails @ R[i, i + 1 :] / R[i, i]
        reach = np.sqrt(np.maximum(limit - sums, 0.0)) / R[i, i]
        low = np.ceil(-offset - reach - 1e-9).astype(np.int64)
        high = np.floor(-offset + reach + 1e-9).astype(np.int64)
        counts = np.maximum(high - low + 1, 0)
        if counts.sum() > _MOST_MODES:
            raise ValueError(
                f"there are more than {_MOST_MODES:,} modes up to level {bound:.3g}: use a smaller "
                "max_level"
            )
        rows = np.repeat(np.arange(len(tails)), counts)
        entry = low[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        sums = sums[rows] + (R[i, i] * (entry + offset[rows])) ** 2
        tails = np.concatenate([entry[:, None], tails[rows]], axis=1)
    return tails[np.lexsort(tails.T)]
