"""Compute the Lie derivative of functions that are linear in a dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups.elements import Element
from symkernel.lie.algebra import Algebra
from symkernel.lie.dictionary import Dictionary, Monomials, as_dictionary
from symkernel.lie.fields import Fields
from symkernel.validation import as_array, as_rows

__all__ = [
    "LieOperator",
    "as_output_action",
    "coefficient_operator",
    "dictionary_operator",
    "finite_rows",
]

Array = NDArray[Any]

# Numbers of a block of rows.
_BLOCK = 2**22


class LieOperator:
    r"""The Lie derivative of F(x) = W phi(x), sampled: a bilinear map of fields and weights.

    ``(L_q F)(x) = W D phi(x) xi_q(x) - B_q W phi(x)``. Weights are W of shape (p, m) read in C
    order; for scalar functions without output action p = 1. Rows are samples, and outputs within
    samples when p > 1, divided by ``sqrt(n_samples)``: sums over rows are means over samples.

    Parameters
    ----------
    dictionary : Dictionary or object with values(X) and jacobians(X)
        phi, m functions.
    algebra : Fields
        xi, q vector fields, such as an ``Algebra``.
    X : array-like of shape (n, n_features)
        Samples.
    output : array-like of shape (q, p, p), optional
        B_q, how outputs move; None: they stay.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is not finite.

    Notes
    -----
    ``reduced()`` keeps at most q m p rows however many samples there are, m p for monomials and
    affine fields, with the same sums of squares. Samples are read in blocks.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> from symkernel.lie.operator import LieOperator
    >>> X = np.random.default_rng(0).standard_normal((50, 2))
    >>> L = LieOperator(lie.monomials(2), lie.special_orthogonal(2), X)
    >>> w = np.array([1.0, 0, 0, 2.0, 0, 2.0])  # 1 + 2 |x|^2
    >>> float(np.abs(L.columns(w)).max()) < 1e-14
    True
    """

    def __init__(
        self, dictionary: Any, algebra: Fields, X: ArrayLike, output: ArrayLike | None = None
    ) -> None:
        self.algebra = algebra
        self._X = as_rows(X, "X", algebra.n_features)
        self.dictionary: Dictionary = as_dictionary(dictionary, self._X.shape[1])
        self.output = None if output is None else as_output_action(output, algebra.dim)
        self.n_outputs = 1 if self.output is None else self.output.shape[1]

    @property
    def n_weights(self) -> int:
        """Number of weights p m."""
        return self.n_outputs * self.dictionary.n_terms

    def _rows(self) -> Iterable[NDArray[np.float64]]:
        """Blocks of the tensor, (rows, q, p m)."""
        q, m, p = self.algebra.dim, self.dictionary.n_terms, self.n_outputs
        each = max(1, q * p * p * m, m * self._X.shape[1])
        size = max(1, _BLOCK // each)
        weight = 1 / np.sqrt(max(1, len(self._X)))
        for start in range(0, len(self._X), size):
            points = self._X[start : start + size]
            slopes = self.dictionary.jacobians(points)
            moved = weight * np.matmul(self.algebra.values(points), slopes.transpose(0, 2, 1))
            if self.output is None:
                yield moved
                continue
            phi = weight * self.dictionary.values(points)
            block = -np.einsum("qab,im->iaqbm", self.output, phi)
            for a in range(p):
                block[:, a, :, a, :] += moved
            yield block.reshape(len(points) * p, q, p * m)

    def tensor(self) -> NDArray[np.float64]:
        """Return L of shape (q, n p, p m): L[q] @ w is L_q F at the samples, over sqrt(n)."""
        blocks = list(self._rows())
        empty = np.zeros((0, self.algebra.dim, self.n_weights))
        return np.concatenate([empty, *blocks]).transpose(1, 0, 2)

    @cached_property
    def _factor(self) -> NDArray[np.float64]:
        if isinstance(self.dictionary, Monomials) and isinstance(self.algebra, Algebra):
            return self._polynomial_factor(self.dictionary, self.algebra)
        q, size = self.algebra.dim, self.n_weights
        kept = np.zeros((0, q * size))
        for block in self._rows():
            stacked = np.concatenate([kept, block.reshape(len(block), q * size)])
            kept = triangle(stacked) if len(stacked) > q * size else stacked
        return kept.reshape(-1, q, size)

    # Polynomials stay polynomials: L_q phi = phi C_q, and the rows of phi reduce to m.
    def _polynomial_factor(self, terms: Monomials, algebra: Algebra) -> NDArray[np.float64]:
        m, q, p = terms.n_terms, algebra.dim, self.n_outputs
        size = max(2 * m, _BLOCK // m)
        R = np.zeros((0, m))
        for start in range(0, len(self._X), size):
            phi = terms.values(self._X[start : start + size]) / np.sqrt(len(self._X))
            R = triangle(np.concatenate([R, phi]))
        moved = np.matmul(R, coefficient_operator(terms, algebra))
        if self.output is None:
            return np.asarray(moved.transpose(1, 0, 2))
        full = np.einsum("ab,qim->iaqbm", np.eye(p), moved)
        full -= np.einsum("qab,im->iaqbm", self.output, R)
        return np.asarray(full.reshape(-1, q, p * m))

    def reduced(self) -> NDArray[np.float64]:
        """Return R of shape (q, r, p m) with ``sum_ab (R_a w).(R_b w')`` those of ``tensor()``."""
        return np.ascontiguousarray(self._factor.transpose(1, 0, 2))

    def columns(self, weights: ArrayLike) -> NDArray[np.float64]:
        """Return M_w of shape (n p, q), whose columns are L_q F at the samples, over sqrt(n)."""
        w = self._as_weights(weights)
        return np.concatenate([np.zeros((0, self.algebra.dim)), *(b @ w for b in self._rows())])

    def constraint(self) -> NDArray[np.float64]:
        """Return C of shape (q r, p m) with C w = 0 exactly when F is invariant on the samples."""
        reduced = self.reduced()
        return reduced.reshape(-1, self.n_weights)

    def _as_weights(self, weights: ArrayLike) -> NDArray[np.float64]:
        w = np.asarray(weights, dtype=np.float64).reshape(-1)
        if len(w) != self.n_weights:
            raise ValueError(f"weights must be {self.n_weights} numbers, got {len(w)}")
        return w


def dictionary_operator(
    dictionary: Any, algebra: Fields, X: ArrayLike, output: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the Lie derivatives of the functions of a dictionary at samples, as one tensor.

    Parameters
    ----------
    dictionary : Dictionary or object with values(X) and jacobians(X)
    algebra : Fields
        q vector fields.
    X : array-like of shape (n, n_features)
    output : array-like of shape (q, p, p), optional
        How outputs move.

    Returns
    -------
    ndarray of shape (q, n p, p m)
        ``L[q] @ w`` is L_q F at the samples divided by sqrt(n); see ``LieOperator``, which keeps
        fewer rows.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> from symkernel.lie.operator import dictionary_operator
    >>> X = np.random.default_rng(0).standard_normal((5, 2))
    >>> dictionary_operator(lie.monomials(2), lie.affine(2), X).shape
    (6, 5, 6)
    """
    return LieOperator(dictionary, algebra, X, output).tensor()


def coefficient_operator(dictionary: Monomials, algebra: Algebra) -> NDArray[np.float64]:
    """Return the Lie derivative of polynomials under affine fields, exactly, in coefficients.

    Parameters
    ----------
    dictionary : Monomials
        m monomials; an affine field maps polynomials of a degree to such.
    algebra : Algebra
        q affine fields.

    Returns
    -------
    ndarray of shape (q, m, m)
        ``C[q] @ w`` are the coefficients of D F(x) xi_q(x), where F has the coefficients w.

    Raises
    ------
    TypeError
        If the dictionary is not of monomials or the fields are not affine.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> from symkernel.lie.operator import coefficient_operator
    >>> C = coefficient_operator(lie.monomials(2), lie.special_orthogonal(2))
    >>> int(np.linalg.matrix_rank(C.reshape(-1, 6)))  # 6 monomials, two invariants: 1, |x|^2
    4
    """
    if not isinstance(dictionary, Monomials):
        raise TypeError(f"dictionary must be monomials, got {type(dictionary).__name__}")
    if not isinstance(algebra, Algebra):
        raise TypeError(f"algebra must be an Algebra, got {type(algebra).__name__}")
    terms = dictionary.bind(algebra.n_features)
    m, n = terms.n_terms, terms.n_features
    C = np.zeros((algebra.dim, m, m))
    words = sorted(terms.index, key=terms.index.__getitem__)
    for term, feature, factor, rest in zip(*terms.derivative_table, strict=True):
        C[:, rest, term] += factor * algebra.shifts[:, feature]
        for k in range(n):
            place = terms.index[tuple(sorted((*words[rest], k)))]
            C[:, place, term] += factor * algebra.linear_parts[:, feature, k]
    return C


def finite_rows(
    dictionary: Any,
    elements: Iterable[Element | ArrayLike],
    X: ArrayLike,
    output: Iterable[ArrayLike] | None = None,
) -> NDArray[np.float64]:
    """Return rows whose product with the weights vanishes where F(g x) = g F(x) for elements g.

    Parameters
    ----------
    dictionary : Dictionary or object with values(X) and jacobians(X)
    elements : iterable of Element, or of arrays of shape (d, d) or (d, d + 1)
        The maps g, such as one from each component of a group.
    X : array-like of shape (n, d)
    output : iterable of array-like of shape (p, p), optional
        How each element moves outputs; None: they stay.

    Returns
    -------
    ndarray of shape (number of elements * n * p, p m)
        Divided by sqrt(n), like the rows of ``LieOperator``.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import groups, lie
    >>> from symkernel.lie.operator import finite_rows
    >>> X = np.random.default_rng(0).standard_normal((20, 1))
    >>> rows = finite_rows(lie.monomials(3), groups.O(1).elements(), X)
    >>> [bool(np.abs(rows[:, k]).max() < 1e-12) for k in range(4)]
    [True, False, True, False]
    """
    points = as_rows(X)
    terms = as_dictionary(dictionary, points.shape[1])
    maps = list(elements)
    turns = [np.eye(1)] * len(maps) if output is None else [np.asarray(B) for B in output]
    if len(turns) != len(maps):
        raise ValueError(f"output must have one matrix per element, {len(maps)}, got {len(turns)}")
    p = len(turns[0]) if turns else 1
    phi = terms.values(points) / np.sqrt(max(1, len(points)))
    blocks = [np.zeros((0, p * terms.n_terms))]
    for g, B in zip(maps, turns, strict=True):
        if B.shape != (p, p) or not np.isfinite(B).all():
            raise ValueError(f"output must be finite matrices of shape ({p}, {p}), got {B.shape}")
        moved = terms.values(_apply(g, points)) / np.sqrt(max(1, len(points)))
        rows = np.einsum("ab,im->iabm", np.eye(p), moved) - np.einsum("ab,im->iabm", B, phi)
        blocks.append(rows.reshape(-1, p * terms.n_terms))
    return np.concatenate(blocks)


def as_output_action(output: ArrayLike, dim: int) -> NDArray[np.float64]:
    """Return B of shape (q, p, p), checked.

    Raises
    ------
    ValueError
        If it is not of that shape or not finite.
    """
    B = np.asarray(as_array(output, "output"), np.float64)
    if B.ndim != 3 or len(B) != dim or B.shape[1] != B.shape[2] or B.shape[1] == 0:
        raise ValueError(
            f"output must have shape ({dim}, p, p), one matrix per vector field, got {B.shape}"
        )
    if not np.isfinite(B).all():
        raise ValueError("output contains NaN or infinity")
    return B


def triangle(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return R with R^T R = rows^T rows and at most as many rows as columns."""
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _apply(g: Element | ArrayLike, points: NDArray[np.float64]) -> NDArray[np.float64]:
    d = points.shape[1]
    if isinstance(g, Element):
        return np.asarray(g.apply(points))
    matrix = np.asarray(as_array(g, "elements"), np.float64)
    if matrix.shape not in ((d, d), (d, d + 1)):
        raise ValueError(
            f"elements must be Elements or have shape ({d}, {d}) or ({d}, {d + 1}), got "
            f"{matrix.shape}"
        )
    return np.asarray(points @ matrix[:, :d].T + (matrix[:, d] if matrix.shape[1] > d else 0.0))
