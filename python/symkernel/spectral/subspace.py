"""Hold the invariant functions of one level: orbit sums of modes, or combinations."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.modes import mode_sums

__all__ = [
    "DenseSubspace",
    "InvariantSubspace",
    "JoinedModes",
    "ModeSubspace",
    "evaluate_levels",
]

Array = NDArray[np.float64]

# Entries of an intermediate array that are held at once.
_BLOCK_ENTRIES = 2**22


@dataclass(frozen=True, eq=False, kw_only=True)
class InvariantSubspace(ABC):
    """An orthonormal basis of the invariant functions of one level.

    Attributes
    ----------
    level : int or float
    eigenvalue : float
    multiplicity : int
        Dimension of the whole level.
    gap : float
        Smallest singular value of the generators' equations that counts as positive; ``math.inf``
        where none was needed.
    residual : float
        Largest singular value that counts as zero.
    """

    level: int | float
    eigenvalue: float
    multiplicity: int
    gap: float = math.inf
    residual: float = 0.0

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Number of invariant functions."""

    @cached_property
    @abstractmethod
    def coefficients(self) -> Array:
        """Orthonormal columns (multiplicity, dimension) over ``eigenfunctions`` of the level."""

    @abstractmethod
    def evaluate(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return the functions at samples of the manifold, (n, dimension)."""

    @property
    def projector(self) -> Array:
        """The average over the group on the level, (multiplicity, multiplicity)."""
        return np.asarray(self.coefficients @ self.coefficients.T)


@dataclass(frozen=True, eq=False, kw_only=True)
class DenseSubspace(InvariantSubspace):
    """Combinations of the basis of the level, given by their coefficients.

    Attributes
    ----------
    combinations : float64, shape (multiplicity, dimension), or None
        None for the whole basis.
    basis : callable
        Returns the basis at samples.
    """

    combinations: Array | None
    basis: Callable[[Array], Array]

    @property
    def dimension(self) -> int:
        """Number of invariant functions."""
        return self.multiplicity if self.combinations is None else self.combinations.shape[1]

    @cached_property
    def coefficients(self) -> Array:
        """Orthonormal columns (multiplicity, dimension) over ``eigenfunctions`` of the level."""
        return np.eye(self.multiplicity) if self.combinations is None else self.combinations

    def combined(self, values: Array) -> Array:
        """Return the functions where the basis has ``values``, (n, multiplicity)."""
        return values if self.combinations is None else values @ self.combinations

    def evaluate(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return the functions at samples of the manifold, (n, dimension)."""
        out = np.empty((len(X), self.dimension))
        step = max(1, _BLOCK_ENTRIES // max(1, self.multiplicity))
        for start in range(0, len(X), step):
            rows = slice(start, start + step)
            out[rows] = self.combined(self.basis(X[rows]))
        return out


@dataclass(frozen=True, eq=False, kw_only=True)
class ModeSubspace(InvariantSubspace):
    """Sums of modes over orbits, or combinations of such sums.

    Attributes
    ----------
    words : int32, shape (modes, width)
        Letters as in ``symkernel.backends.modes``; one row for each mode that occurs.
    weights : float64, shape (modes,)
    real, imaginary : int32, shape (modes,)
        The sum that takes the real part of a mode, and the imaginary part; -1 for none. Without
        imaginary parts the modes are monomials.
    sums : int
        Number of sums.
    largest : int
        Largest exponent that letters number.
    frequency : float
        Of Fourier modes, 2 pi / period.
    mixing : float64, shape (sums, dimension), or None
        The functions as combinations of the sums; None for the sums themselves.
    express : callable
        Returns the coefficients over the eigenfunctions of the level.
    """

    words: NDArray[np.int32]
    weights: Array
    real: NDArray[np.int32]
    imaginary: NDArray[np.int32] | None = None
    sums: int
    largest: int
    frequency: float = 0.0
    mixing: Array | None = None
    express: Callable[[ModeSubspace], Array] = field(repr=False)

    @property
    def dimension(self) -> int:
        """Number of invariant functions."""
        return self.sums if self.mixing is None else int(self.mixing.shape[1])

    @cached_property
    def coefficients(self) -> Array:
        """Orthonormal columns (multiplicity, dimension) over ``eigenfunctions`` of the level."""
        return self.express(self)

    def evaluate(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return the functions at samples of the manifold, (n, dimension)."""
        return JoinedModes([self])(X, n_jobs)


class JoinedModes:
    """Mode subspaces of one manifold, evaluated together in one native pass.

    Parameters
    ----------
    subspaces : list of ModeSubspace
    """

    def __init__(self, subspaces: list[ModeSubspace]) -> None:
        self._parts = [part for part in subspaces if part.dimension]
        self._largest = max((part.largest for part in self._parts), default=1)
        self._width = max((part.words.shape[1] for part in self._parts), default=0)
        self._fourier = any(part.imaginary is not None for part in self._parts)
        starts = np.cumsum([0, *(part.sums for part in self._parts)]).tolist()
        self._starts, self._sums = starts[:-1], starts[-1]
        self._words = _stacked([self._renumbered(p).reshape(-1) for p in self._parts], np.int32)
        self._weights = _stacked([part.weights for part in self._parts], np.float64)
        self._words = self._words.reshape(len(self._weights), self._width)
        shifted = zip(self._parts, self._starts, strict=True)
        pairs = [(_shifted(p.real, s), _shifted(p.imaginary, s)) for p, s in shifted]
        self._real = _stacked([real for real, _ in pairs], np.int32)
        self._imaginary = _stacked([imaginary for _, imaginary in pairs], np.int32)

    # Letters of all levels with the same largest exponent, rows of the same length.
    def _renumbered(self, part: ModeSubspace) -> NDArray[np.int32]:
        fourier = part.imaginary is not None
        step = 2 * part.largest if fourier else part.largest
        coordinate, place = np.divmod(part.words, step)
        shift = self._largest - part.largest if fourier else 0
        wider = 2 * self._largest if fourier else self._largest
        words = np.where(part.words < 0, -1, coordinate * wider + place + shift)
        padded = np.full((len(words), self._width), -1, np.int32)
        padded[:, : words.shape[1]] = words
        return padded

    def __call__(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return all functions at samples, (n, total dimension)."""
        if all(part.mixing is None for part in self._parts):
            return self._evaluate(X, n_jobs)
        out = np.empty((len(X), sum(part.dimension for part in self._parts)))
        step = max(1, _BLOCK_ENTRIES // max(1, self._sums))
        for first in range(0, len(X), step):
            rows = slice(first, first + step)
            values = self._evaluate(X[rows], n_jobs)
            column = 0
            for part, start in zip(self._parts, self._starts, strict=True):
                own = values[:, start : start + part.sums]
                columns = slice(column, column + part.dimension)
                out[rows, columns] = own if part.mixing is None else own @ part.mixing
                column = columns.stop
        return out

    def _evaluate(self, X: Array, n_jobs: int | None) -> Array:
        return mode_sums(
            X,
            self._words,
            self._weights,
            self._real,
            self._imaginary if self._fourier else None,
            self._sums,
            self._largest,
            self._parts[0].frequency if self._parts else 0.0,
            n_jobs,
        )


def evaluate_levels(
    parts: Sequence[InvariantSubspace], X: Array, n_jobs: int | None = None
) -> Array:
    """Return the functions of several levels side by side, all modes in one pass."""
    modes = [part for part in parts if isinstance(part, ModeSubspace)]
    if len(modes) == len(parts):
        return JoinedModes(modes)(X, n_jobs)
    out = np.empty((len(X), sum(part.dimension for part in parts)))
    is_mode = [isinstance(part, ModeSubspace) for part in parts for _ in range(part.dimension)]
    out[:, np.array(is_mode, bool)] = JoinedModes(modes)(X, n_jobs)
    first = 0
    for part in parts:
        if not isinstance(part, ModeSubspace):
            out[:, first : first + part.dimension] = part.evaluate(X, n_jobs)
        first += part.dimension
    return out


def _stacked(parts: list[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)


def _shifted(columns: NDArray[np.int32] | None, start: int) -> NDArray[np.int32]:
    if columns is None:
        return np.zeros(0, np.int32)
    return np.where(columns < 0, -1, columns + start).astype(np.int32)
