"""Evaluate dictionaries: fixed functions of the features, with derivatives; monomials."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.validation import as_count, as_rows

__all__ = ["Dictionary", "Monomials", "as_dictionary", "as_rows", "monomials"]

Array = NDArray[Any]

# Largest number of functions: their values at a thousand points fill a gigabyte.
_MAX_TERMS = 2**17


class Dictionary(ABC):
    """Functions phi_1 ... phi_m of n features, with derivatives."""

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of features n."""

    @property
    @abstractmethod
    def n_terms(self) -> int:
        """Number of functions m."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Every function written out; the constant is an empty string."""

    @abstractmethod
    def values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return phi_m(x_i), shape (n_samples, m)."""

    @abstractmethod
    def jacobians(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return d phi_m(x_i) / dx_j, shape (n_samples, m, n)."""

    def bind(self, n_features: int) -> Dictionary:
        """Return the dictionary for a number of features.

        Raises
        ------
        ValueError
            If it is for another number.
        """
        if n_features != self.n_features:
            raise ValueError(
                f"the dictionary is of {self.n_features} features, the samples have {n_features}"
            )
        return self


class Monomials(Dictionary):
    """All monomials of at most a total degree, the constant first, then by degree.

    Parameters
    ----------
    degree : int
        Largest total degree, at least 0.
    n_features : int, optional
        Number of features; None until ``bind``.

    Raises
    ------
    ValueError
        If a number is out of range or there would be more than 131072 monomials.

    Notes
    -----
    Values cost one multiplication each: a monomial is one of lower degree times a feature.

    Examples
    --------
    >>> Monomials(2, 2).names
    ('', 'x0', 'x1', 'x0^2', 'x0 x1', 'x1^2')
    """

    def __init__(self, degree: int, n_features: int | None = None) -> None:
        self.degree = as_count(degree, "degree", 0)
        self._n = None if n_features is None else as_count(n_features, "n_features", 1)
        if self._n is not None and math.comb(self._n + self.degree, self.degree) > _MAX_TERMS:
            raise ValueError(
                f"there are {math.comb(self._n + self.degree, self.degree)} monomials of degree "
                f"{self.degree} in {self._n} features; at most {_MAX_TERMS} are supported"
            )

    def bind(self, n_features: int) -> Monomials:
        """Return the dictionary for a number of features; see ``Dictionary.bind``."""
        if self._n is None:
            return Monomials(self.degree, n_features)
        super().bind(n_features)
        return self

    @property
    def n_features(self) -> int:
        """Number of features; raises ValueError while it is not known."""
        if self._n is None:
            raise ValueError("the number of features is not known yet: use bind(n_features)")
        return self._n

    @property
    def n_terms(self) -> int:
        """Number of monomials."""
        return math.comb(self.n_features + self.degree, self.degree)

    # Each monomial as the sorted tuple of its features, x0^2 x3 = (0, 0, 3).
    @cached_property
    def _words(self) -> list[tuple[int, ...]]:
        features = range(self.n_features)
        words: list[tuple[int, ...]] = []
        for k in range(self.degree + 1):
            words.extend(itertools.combinations_with_replacement(features, k))
        return words

    @cached_property
    def index(self) -> dict[tuple[int, ...], int]:
        """Place of each monomial, given as the sorted tuple of its features."""
        return {word: i for i, word in enumerate(self._words)}

    @cached_property
    def exponents(self) -> NDArray[np.int64]:
        """Exponents, shape (m, n)."""
        table = np.zeros((self.n_terms, self.n_features), np.int64)
        for i, word in enumerate(self._words):
            for j in word:
                table[i, j] += 1
        return table

    # For each degree: its slice, the monomial without its last feature, and that feature.
    @cached_property
    def _levels(self) -> list[tuple[slice, NDArray[np.int64], NDArray[np.int64]]]:
        levels, start = [], 1
        for k in range(1, self.degree + 1):
            words = [w for w in self._words[start:] if len(w) == k]
            parents = np.array([self.index[w[:-1]] for w in words], np.int64)
            last = np.array([w[-1] for w in words], np.int64)
            levels.append((slice(start, start + len(words)), parents, last))
            start += len(words)
        return levels

    # The derivatives that do not vanish: rows, features, exponents, and the monomials left.
    @cached_property
    def derivative_table(self) -> tuple[NDArray[np.int64], ...]:
        """Arrays (term, feature, factor, rest): d x^term / dx_feature = factor x^rest."""
        found = []
        for i, word in enumerate(self._words):
            for j in sorted(set(word)):
                rest = list(word)
                rest.remove(j)
                found.append((i, j, word.count(j), self.index[tuple(rest)]))
        table = np.array(found, np.int64).reshape(-1, 4).T
        return tuple(np.ascontiguousarray(column) for column in table)

    @property
    def names(self) -> tuple[str, ...]:
        """Every monomial written out; the constant is an empty string."""
        return tuple(
            " ".join(f"x{j}" + (f"^{e}" if e > 1 else "") for j, e in enumerate(row) if e)
            for row in self.exponents.tolist()
        )

    def values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return phi_m(x_i), shape (n_samples, m)."""
        # Transposed, so that every monomial is one contiguous row.
        columns = np.ascontiguousarray(as_rows(X, "X", self.n_features, flatten=False).T)
        table = np.empty((self.n_terms, columns.shape[1]))
        table[0] = 1.0
        for level, parents, last in self._levels:
            np.multiply(table[parents], columns[last], out=table[level])
        return table.T

    def jacobians(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return d phi_m(x_i) / dx_j, shape (n_samples, m, n)."""
        phi = self.values(X)
        slopes = np.zeros((len(phi), self.n_terms, self.n_features))
        term, feature, factor, rest = self.derivative_table
        slopes[:, term, feature] = phi[:, rest] * factor
        return slopes

    def __repr__(self) -> str:
        return f"monomials({self.degree}, {self._n})"


class _Given(Dictionary):
    """Someone else's object with ``values`` and ``jacobians``, checked."""

    def __init__(self, functions: Any, n_features: int) -> None:
        self._functions, self._n = functions, n_features
        # Only the shape matters, at a point where hardly any function is singular.
        with np.errstate(all="ignore"):
            self._m = int(self.values(np.linspace(0.3, 0.7, n_features)[None]).shape[1])

    @property
    def n_features(self) -> int:
        return self._n

    @property
    def n_terms(self) -> int:
        return self._m

    @property
    def names(self) -> tuple[str, ...]:
        given = getattr(self._functions, "names", None)
        return tuple(given) if given is not None else tuple(f"f{i}" for i in range(self._m))

    def values(self, X: ArrayLike) -> NDArray[np.float64]:
        points = as_rows(X, "X", self._n, flatten=False)
        table = np.asarray(self._functions.values(points), dtype=np.float64)
        if table.ndim != 2 or len(table) != len(points):
            raise ValueError(
                f"values(X) of the dictionary must have shape ({len(points)}, m), got {table.shape}"
            )
        return table

    def jacobians(self, X: ArrayLike) -> NDArray[np.float64]:
        points = as_rows(X, "X", self._n, flatten=False)
        slopes = np.asarray(self._functions.jacobians(points), dtype=np.float64)
        if slopes.shape != (len(points), self._m, self._n):
            raise ValueError(
                f"jacobians(X) of the dictionary must have shape ({len(points)}, {self._m}, "
                f"{self._n}), got {slopes.shape}"
            )
        return slopes

    def __repr__(self) -> str:
        return f"{self._functions!r}"


def monomials(degree: int, n_features: int | None = None) -> Monomials:
    """Return all monomials of at most a total degree; see ``Monomials``.

    Parameters
    ----------
    degree : int
    n_features : int, optional
        None: taken from the samples.

    Returns
    -------
    Monomials

    Examples
    --------
    >>> monomials(3, 2).n_terms
    10
    """
    return Monomials(degree, n_features)


def as_dictionary(functions: Any, n_features: int) -> Dictionary:
    """Return a dictionary of ``n_features`` features from one, or from any object like it.

    Raises
    ------
    TypeError
        If it has no methods ``values`` and ``jacobians``.
    ValueError
        If it is for another number of features, or returns arrays of another shape.
    """
    if isinstance(functions, Dictionary):
        return functions.bind(n_features)
    if not (hasattr(functions, "values") and hasattr(functions, "jacobians")):
        raise TypeError(
            "dictionary must have values(X) -> (n, m) and jacobians(X) -> (n, m, d), got "
            f"{type(functions).__name__}"
        )
    return _Given(functions, n_features)
