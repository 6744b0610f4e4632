"""Apply linear group elements: signed permutations and orthogonal matrices acting on R^d."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.backends.element_tables import (
    ActionTable,
    MatrixTable,
    PointTable,
    SignedPermutationTable,
)
from symkernel.groups._checks import as_indices, as_orthogonal, read_only
from symkernel.validation import as_array, as_movable

__all__ = [
    "Element",
    "OrthogonalMatrix",
    "Permutation",
    "SignedPermutation",
    "element_at",
    "point_element_at",
]

# Longest index list shown in full by repr.
_SHOWN = 48


class Element(ABC):
    """A rigid map of R^d: an orthogonal map, perhaps followed by a shift.

    ``g @ h`` acts as g after h. Immutable and hashable.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def degree(self) -> int:
        """Number of features d."""

    @abstractmethod
    def inverse(self) -> Element:
        """Return the element that undoes this one."""

    @abstractmethod
    def as_matrix(self) -> NDArray[np.float64]:
        """Return the matrix A (d, d) with g.x = A x."""

    def as_affine(self) -> NDArray[np.float64]:
        """Return the matrix (d + 1, d + 1) that takes (x, 1) to (g.x, 1)."""
        linear, shift = self._parts()
        affine = np.eye(self.degree + 1)
        affine[:-1, :-1] = linear.as_matrix()
        if shift is not None:
            affine[:-1, -1] = shift
        return affine

    # A linear map, and the shift after it; None for none.
    def _parts(self) -> tuple[Element, NDArray[np.float64] | None]:
        return self, None

    @abstractmethod
    def _act(self, X: NDArray[Any]) -> NDArray[Any]:
        """Act on the last axis of an array that fits."""

    def apply(self, X: ArrayLike) -> NDArray[Any]:
        """Act on the last axis of ``X`` (..., d); floating dtypes are kept.

        Raises ValueError when the last axis does not have length d.
        """
        array = as_movable(X)
        found = array.shape[-1] if array.ndim else 0
        if found != self.degree:
            raise ValueError(f"X has {found} features; {self!r} acts on {self.degree}")
        return self._act(array)

    def __matmul__(self, other: object) -> Element:
        if not isinstance(other, Element):
            return NotImplemented
        if other.degree != self.degree:
            raise ValueError(f"cannot compose elements of degree {self.degree} and {other.degree}")
        return self._after(other)

    def _after(self, other: Element) -> Element:
        return other._before(self)

    # This element first, then the other: asked when the type of the other has no rule of its own.
    def _before(self, other: Element) -> Element:
        return OrthogonalMatrix._trusted(other.as_matrix() @ self.as_matrix())


class SignedPermutation(Element):
    """The map (g.x)[i] = signs[i] * x[indices[i]].

    Parameters
    ----------
    indices : array-like of int, shape (d,)
        A permutation of 0..d-1.
    signs : array-like of +1 and -1, shape (d,), default=None
        None stands for +1 everywhere.

    Raises
    ------
    ValueError
        If ``indices`` is not a permutation or ``signs`` are not all +1 or -1.

    Examples
    --------
    >>> g = SignedPermutation([1, 2, 0], [1, 1, -1])
    >>> g.apply([10.0, 20.0, 30.0])
    array([ 20.,  30., -10.])
    >>> (g @ g.inverse()).apply([10.0, 20.0, 30.0])
    array([10., 20., 30.])
    """

    __slots__ = ("_indices", "_signs")

    _indices: NDArray[np.int64]
    _signs: NDArray[np.int8] | None

    def __init__(self, indices: ArrayLike, signs: ArrayLike | None = None) -> None:
        self._set(as_indices(indices, "indices"), None)
        if signs is not None:
            array = as_array(signs, "signs")
            if array.shape != self._indices.shape:
                raise ValueError(
                    f"signs must have shape {self._indices.shape}, got shape {array.shape}"
                )
            if not np.isin(array, (-1, 1)).all():
                raise ValueError("signs must all be +1 or -1")
            self._set(self._indices, array.astype(np.int8))

    def _set(self, indices: NDArray[np.int64], signs: NDArray[np.int8] | None) -> None:
        self._indices = read_only(indices)
        self._signs = None if signs is None or (signs > 0).all() else read_only(signs)

    @classmethod
    def _trusted(
        cls, indices: NDArray[Any], signs: NDArray[np.int8] | None = None
    ) -> SignedPermutation:
        """Return an element from arrays known to be right, which nobody else writes to."""
        element = object.__new__(cls)
        element._set(
            np.ascontiguousarray(indices, dtype=np.int64),
            None if signs is None else np.ascontiguousarray(signs, dtype=np.int8),
        )
        return element

    @property
    def degree(self) -> int:
        """Number of features d."""
        return self._indices.size

    @property
    def indices(self) -> NDArray[np.int64]:
        """Where each entry is gathered from, int64 (d,), read only."""
        return self._indices

    @property
    def signs(self) -> NDArray[np.int8] | None:
        """Signs int8 (d,), read only; None when all are +1."""
        return self._signs

    def inverse(self) -> SignedPermutation:
        """Return the element that undoes this one."""
        indices = np.empty_like(self._indices)
        indices[self._indices] = np.arange(self.degree)
        return self._trusted(indices, None if self._signs is None else self._signs[indices])

    def as_matrix(self) -> NDArray[np.float64]:
        """Return the matrix A (d, d) with g.x = A x."""
        matrix = np.zeros((self.degree, self.degree))
        matrix[np.arange(self.degree), self._indices] = 1.0 if self._signs is None else self._signs
        return matrix

    def _act(self, X: NDArray[Any]) -> NDArray[Any]:
        gathered: NDArray[Any] = X[..., self._indices]
        if self._signs is None:
            return gathered
        floating = np.issubdtype(X.dtype, np.inexact)
        signed: NDArray[Any] = gathered * (self._signs.astype(X.dtype) if floating else self._signs)
        return signed

    def _after(self, other: Element) -> Element:
        if not isinstance(other, SignedPermutation):
            return super()._after(other)
        # (g.(h.x))[i] = s_g[i] (h.x)[g[i]] = s_g[i] s_h[g[i]] x[h[g[i]]]
        indices = other._indices[self._indices]
        if self._signs is None and other._signs is None:
            return self._trusted(indices)
        signs = np.ones(self.degree, np.int8) if self._signs is None else self._signs
        return self._trusted(
            indices, signs if other._signs is None else signs * other._signs[self._indices]
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SignedPermutation):
            return NotImplemented
        same_signs = (self._signs is None) == (other._signs is None) and (
            self._signs is None or np.array_equal(self._signs, other._signs)  # type: ignore[arg-type]
        )
        return same_signs and np.array_equal(self._indices, other._indices)

    def __hash__(self) -> int:
        signs = b"" if self._signs is None else self._signs.tobytes()
        return hash((self._indices.tobytes(), signs))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self)._trusted, (self._indices, self._signs))

    def __repr__(self) -> str:
        if self._signs is None:
            return f"Permutation({_shown(self._indices)})"
        return f"SignedPermutation({_shown(self._indices)}, {_shown(self._signs)})"


def Permutation(indices: ArrayLike) -> SignedPermutation:  # noqa: N802 (reads as a type)
    """Return the element (g.x)[i] = x[indices[i]].

    Examples
    --------
    >>> Permutation([1, 2, 0]).apply([10, 20, 30])
    array([20, 30, 10])
    """
    return SignedPermutation(indices)


class OrthogonalMatrix(Element):
    """The map g.x = matrix @ x.

    Two are equal, and hash alike, when their entries fall into the same cells of width 1.5e-8, so
    that rounding in products does not tell elements of a finite group apart.

    Parameters
    ----------
    matrix : array-like of float, shape (d, d)

    Raises
    ------
    ValueError
        If ``matrix`` is not square, not finite, or max |A^T A - I| > 1e-8.

    Examples
    --------
    >>> OrthogonalMatrix([[0.0, -1.0], [1.0, 0.0]]).apply([3.0, 4.0])
    array([-4.,  3.])
    """

    __slots__ = ("_matrix",)

    _matrix: NDArray[np.float64]

    def __init__(self, matrix: ArrayLike) -> None:
        self._matrix = read_only(as_orthogonal(matrix, "matrix"))

    @classmethod
    def _trusted(cls, matrix: NDArray[np.float64]) -> OrthogonalMatrix:
        element = object.__new__(cls)
        element._matrix = read_only(np.ascontiguousarray(matrix, dtype=np.float64))
        return element

    @property
    def degree(self) -> int:
        """Number of features d."""
        return len(self._matrix)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The matrix, float64 (d, d), read only."""
        return self._matrix

    def inverse(self) -> OrthogonalMatrix:
        """Return the element that undoes this one: the transpose."""
        return self._trusted(self._matrix.T)

    def as_matrix(self) -> NDArray[np.float64]:
        """Return a copy of the matrix."""
        return self._matrix.copy()

    def _act(self, X: NDArray[Any]) -> NDArray[Any]:
        floating = np.issubdtype(X.dtype, np.inexact)
        matrix = self._matrix.astype(X.dtype) if floating else self._matrix
        # one product of matrices: NumPy takes a stack of small ones one after the other
        moved: NDArray[Any] = (X.reshape(-1, self.degree) @ matrix.T).reshape(X.shape)
        return moved

    def _cells(self) -> bytes:
        # The offset keeps 0, 1, 1/2 and short decimals away from the edges of the cells.
        return np.floor(self._matrix * 2.0**26 + 0.38196601125).astype(np.int64).tobytes()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OrthogonalMatrix):
            return NotImplemented
        return self.degree == other.degree and self._cells() == other._cells()

    def __hash__(self) -> int:
        return hash(self._cells())

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self)._trusted, (self._matrix,))

    def __repr__(self) -> str:
        if self._matrix.size > _SHOWN:
            return f"OrthogonalMatrix(<{self.degree} x {self.degree}>)"
        return f"OrthogonalMatrix({self._matrix.tolist()})"


@overload
def element_at(table: SignedPermutationTable, k: int) -> SignedPermutation: ...
@overload
def element_at(table: MatrixTable, k: int) -> OrthogonalMatrix: ...
def element_at(table: ActionTable, k: int) -> SignedPermutation | OrthogonalMatrix:
    """Return row k of a table as an element."""
    if isinstance(table, SignedPermutationTable):
        signs = None if table.signs is None else table.signs[k].copy()
        return SignedPermutation._trusted(table.indices[k], signs)
    return OrthogonalMatrix._trusted(table.matrices[k].copy())


def point_element_at(table: PointTable, s: int, h: int) -> OrthogonalMatrix:
    """Return the element of row permutation s and matrix h of a table, as it acts on x."""
    p, r = table.rows.shape[1], table.matrices.shape[1]
    layout = np.arange(p * r) if table.layout is None else table.layout
    places = layout.reshape(p, r)
    matrix = np.zeros((p * r, p * r))
    matrix[places[:, :, None], places[table.rows[s]][:, None, :]] = table.matrices[h]
    return OrthogonalMatrix._trusted(matrix)


def _shown(values: NDArray[Any]) -> str:
    if values.size <= _SHOWN:
        return repr(values.tolist())
    return f"[{values[0]}, {values[1]}, {values[2]}, ..., {values[-1]}]"
