"""Evaluate vector fields that a symmetry is looked for among: a basis, at points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups.lie import orthonormal_rows
from symkernel.lie.dictionary import Dictionary, monomials
from symkernel.validation import as_array, as_rows

__all__ = ["DictionaryFields", "Fields", "polynomial_fields"]

Array = NDArray[Any]

# Coefficients smaller than this share of the largest are not printed, and terms beyond this many.
_SHOWN_SHARE, _SHOWN_TERMS = 5e-3, 6


class Fields(ABC):
    """A basis xi_1 ... xi_q of a space of vector fields on R^n.

    The basis is orthonormal in the inner product of coefficients that the class states.
    """

    @property
    @abstractmethod
    def dim(self) -> int:
        """Number of basis fields q."""

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of features n of the points."""

    @abstractmethod
    def values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return xi_q(x_i), shape (n_samples, q, n)."""

    @abstractmethod
    def jacobians(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return D xi_q(x_i), shape (n_samples, q, n, n), derivatives in the last axis."""

    @abstractmethod
    def combine(self, coefficients: ArrayLike) -> Self:
        """Return the fields sum_q c[k, q] xi_q, orthonormalised, for c of shape (k, q)."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Every basis field written out; ``x0 ∂1`` moves feature 1 with speed x0."""

    def _as_coefficients(self, coefficients: ArrayLike) -> NDArray[np.float64]:
        c = np.asarray(as_array(coefficients, "coefficients"), np.float64)
        if c.ndim != 2 or c.shape[1] != self.dim:
            raise ValueError(f"coefficients must have shape (k, {self.dim}), got {c.shape}")
        return c


class DictionaryFields(Fields):
    """Vector fields with coefficients from a dictionary: xi_q(x) = C_q phi(x).

    Parameters
    ----------
    dictionary : Dictionary
        phi, with m functions of n features.
    coefficients : array-like of shape (q, n, m), optional
        The fields; dependent ones are dropped and the rest made orthonormal for
        tr(C_q^T C_q'). None for all: the n m fields phi_m(x) ∂_j.

    Raises
    ------
    ValueError
        If the shapes do not fit or a coefficient is not finite.

    Examples
    --------
    >>> from symkernel import lie
    >>> from symkernel.lie.fields import DictionaryFields
    >>> fields = DictionaryFields(lie.monomials(1, 2))
    >>> fields.dim, fields.names[:3]
    (6, ('∂0', 'x0 ∂0', 'x1 ∂0'))
    """

    def __init__(self, dictionary: Dictionary, coefficients: ArrayLike | None = None) -> None:
        n, m = dictionary.n_features, dictionary.n_terms
        if coefficients is None:
            self._coefficients = np.eye(n * m).reshape(n * m, n, m)
        else:
            given = np.asarray(as_array(coefficients, "coefficients"), np.float64)
            if given.ndim != 3 or given.shape[1:] != (n, m):
                raise ValueError(f"coefficients must have shape (q, {n}, {m}), got {given.shape}")
            self._coefficients = orthonormal(given)
        self._dictionary = dictionary

    @property
    def dictionary(self) -> Dictionary:
        """The functions phi."""
        return self._dictionary

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """C, shape (q, n, m)."""
        return self._coefficients

    @property
    def dim(self) -> int:
        """Number of basis fields q."""
        return len(self._coefficients)

    @property
    def n_features(self) -> int:
        """Number of features n of the points."""
        return self._coefficients.shape[1]

    def values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return xi_q(x_i), shape (n_samples, q, n)."""
        points = as_rows(X, "X", self.n_features)
        phi = self._dictionary.values(points)
        return np.asarray(np.tensordot(phi, self._coefficients, ([1], [2])))

    def jacobians(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return D xi_q(x_i), shape (n_samples, q, n, n), derivatives in the last axis."""
        points = as_rows(X, "X", self.n_features)
        slopes = self._dictionary.jacobians(points)
        found = np.tensordot(slopes, self._coefficients, ([1], [2]))
        return np.asarray(np.moveaxis(found, 1, -1))

    def combine(self, coefficients: ArrayLike) -> DictionaryFields:
        """Return the fields sum_q c[k, q] xi_q, orthonormalised, for c of shape (k, q)."""
        c = self._as_coefficients(coefficients)
        return DictionaryFields(self._dictionary, np.tensordot(c, self._coefficients, 1))

    @property
    def names(self) -> tuple[str, ...]:
        """Every basis field written out; ``x0 ∂1`` moves feature 1 with speed x0."""
        return tuple(field_name(c, self._dictionary.names) for c in self._coefficients)

    def __repr__(self) -> str:
        return f"DictionaryFields({self._dictionary!r}, dim={self.dim})"


def polynomial_fields(n: int, degree: int) -> DictionaryFields:
    """Return all vector fields on R^n whose components are polynomials up to a degree.

    Parameters
    ----------
    n : int
        Number of features.
    degree : int
        Largest total degree; 1 gives the affine fields.

    Returns
    -------
    DictionaryFields
        Of dimension n * binomial(n + degree, degree).

    Examples
    --------
    >>> from symkernel import lie
    >>> lie.polynomial_fields(2, 2).dim
    12
    """
    return DictionaryFields(monomials(degree, n))


def orthonormal(given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis of the span of coefficient arrays (q, ...), in their order.

    Raises
    ------
    ValueError
        If a coefficient is not finite.
    """
    if not np.isfinite(given).all():
        raise ValueError("the coefficients of the vector fields contain NaN or infinity")
    rows = given.reshape(len(given), int(np.prod(given.shape[1:])))
    lengths = np.linalg.norm(rows, axis=1)
    rows = rows[lengths > 0] / lengths[lengths > 0, None]
    if np.abs(rows @ rows.T - np.eye(len(rows))).max(initial=0.0) > 1e-15:
        rows = orthonormal_rows(rows)
    return np.ascontiguousarray(rows.reshape(-1, *given.shape[1:]))


def field_name(coefficients: NDArray[np.float64], functions: Sequence[str]) -> str:
    """Write a field out, scaled so that its largest coefficient is 1.

    ``coefficients`` (n, m) multiply the functions, whose names are given, in components n.
    """
    largest = float(np.abs(coefficients).max(initial=0.0))
    if largest == 0:
        return "0"
    flat = coefficients.T.reshape(-1)
    scaled = coefficients / flat[np.argmax(np.abs(flat) > largest * (1 - 1e-9))]
    terms = []
    for m, j in np.argwhere(np.abs(scaled.T) > _SHOWN_SHARE):
        size = f"{abs(scaled[j, m]):.3g}"
        parts = [p for p in (size, functions[m], f"∂{j}") if p not in ("1", "")]
        sign = "-" if scaled[j, m] < 0 else "+"
        terms.append(f"{sign} {' '.join(parts)}")
    text = " ".join(terms[:_SHOWN_TERMS])
    more = f" ... ({len(terms)} terms)" if len(terms) > _SHOWN_TERMS else ""
    text = text[2:] if text.startswith("+") else "-" + text[2:]
    return text + more
