"""Apply rigid motions: orthogonal maps followed by a shift."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups._checks import as_orthogonal, as_vector, read_only
from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation

__all__ = ["Motion"]

# Most entries shown in full by repr.
_SHOWN = 48


class Motion(Element):
    """The map g.x = matrix @ x + shift.

    Two are equal, and hash alike, when their entries fall into the same cells of width 1.5e-8;
    a matrix that is the identity to that width counts as None. A motion is never equal to an
    element of another type, as a matrix is never equal to a signed permutation.

    Parameters
    ----------
    matrix : array-like of float, shape (d, d), or None
        An orthogonal matrix; None is the identity.
    shift : array-like of float, shape (d,)

    Raises
    ------
    ValueError
        If ``matrix`` is not square, not finite or max |A^T A - I| > 1e-8, or if ``shift`` is not
        finite or of another length.

    Examples
    --------
    >>> g = Motion([[0.0, -1.0], [1.0, 0.0]], [10.0, 20.0])
    >>> g.apply([3.0, 4.0])
    array([ 6., 23.])
    >>> (g.inverse() @ g).apply([3.0, 4.0])
    array([3., 4.])
    """

    __slots__ = ("_matrix", "_shift")

    _matrix: NDArray[np.float64] | None
    _shift: NDArray[np.float64]

    def __init__(self, matrix: ArrayLike | None, shift: ArrayLike) -> None:
        given = None if matrix is None else as_orthogonal(matrix, "matrix")
        vector = as_vector(shift, "shift")
        if given is not None and len(given) != len(vector):
            raise ValueError(
                f"shift must have shape ({len(given)},) like the rows of matrix, got shape "
                f"{vector.shape}"
            )
        self._set(given, vector)

    def _set(self, matrix: NDArray[np.float64] | None, shift: NDArray[np.float64]) -> None:
        self._matrix = None if matrix is None else read_only(matrix)
        self._shift = read_only(shift)

    @classmethod
    def _trusted(cls, matrix: NDArray[np.float64] | None, shift: NDArray[np.float64]) -> Motion:
        """Return an element from arrays known to be right, which nobody else writes to."""
        element = object.__new__(cls)
        element._set(
            None if matrix is None else np.ascontiguousarray(matrix, dtype=np.float64),
            np.ascontiguousarray(shift, dtype=np.float64),
        )
        return element

    @property
    def degree(self) -> int:
        """Number of features d."""
        return len(self._shift)

    @property
    def matrix(self) -> NDArray[np.float64] | None:
        """The orthogonal matrix, float64 (d, d), read only; None for the identity."""
        return self._matrix

    @property
    def shift(self) -> NDArray[np.float64]:
        """The shift, float64 (d,), read only."""
        return self._shift

    def inverse(self) -> Motion:
        """Return the element that undoes this one: x -> A^T x - A^T b."""
        if self._matrix is None:
            return self._trusted(None, -self._shift)
        return self._trusted(self._matrix.T, -self._shift @ self._matrix)

    def as_matrix(self) -> NDArray[np.float64]:
        """Return the matrix A (d, d) with g.x = A x, which exists when the shift is zero.

        Raises
        ------
        ValueError
            If the shift is not zero; ``as_affine()`` is then the matrix that acts on (x, 1).
        """
        if self._shift.any():
            raise ValueError(
                f"{self!r} moves the origin, so that no {self.degree} x {self.degree} matrix acts "
                "like it: use as_affine(), or matrix and shift"
            )
        return np.eye(self.degree) if self._matrix is None else self._matrix.copy()

    def _parts(self) -> tuple[Element, NDArray[np.float64] | None]:
        if self._matrix is None:
            return SignedPermutation._trusted(np.arange(self.degree)), self._shift
        return OrthogonalMatrix._trusted(self._matrix), self._shift

    def _act(self, X: NDArray[Any]) -> NDArray[Any]:
        floating = np.issubdtype(X.dtype, np.inexact)
        shift = self._shift.astype(X.dtype) if floating else self._shift
        if self._matrix is None:
            return np.asarray(X + shift)
        matrix = self._matrix.astype(X.dtype) if floating else self._matrix
        return np.asarray(X @ matrix.T + shift)

    # g.(h.x) = A (A' x + b') + b
    def _after(self, other: Element) -> Motion:
        linear, shift = other._parts()
        moved = self._shift
        if shift is not None:
            moved = moved + (shift if self._matrix is None else self._matrix @ shift)
        return self._trusted(_product(self._matrix, _dense(linear)), moved)

    # Motions have rules of their own, so that the other element is linear: B (A x + b).
    def _before(self, other: Element) -> Motion:
        return self._trusted(_product(_dense(other), self._matrix), other._act(self._shift))

    def _cells(self) -> tuple[bytes, bytes]:
        identity = SignedPermutation._trusted(np.arange(self.degree))
        turn = OrthogonalMatrix._trusted(
            identity.as_matrix() if self._matrix is None else self._matrix
        )
        # Floats, because shifts have no bound; + 0.0 makes one zero of two.
        return turn._cells(), (np.floor(self._shift * 2.0**26 + 0.38196601125) + 0.0).tobytes()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Motion):
            return NotImplemented
        return self.degree == other.degree and self._cells() == other._cells()

    def __hash__(self) -> int:
        return hash(self._cells())

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self)._trusted, (self._matrix, self._shift))

    def __repr__(self) -> str:
        if self._shift.size + (0 if self._matrix is None else self._matrix.size) > _SHOWN:
            matrix = "None" if self._matrix is None else f"<{self.degree} x {self.degree}>"
            return f"Motion({matrix}, <{self.degree}>)"
        matrix = "None" if self._matrix is None else repr(self._matrix.tolist())
        return f"Motion({matrix}, {self._shift.tolist()})"


def _product(
    a: NDArray[np.float64] | None, b: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    if a is None or b is None:
        return b if a is None else a
    return np.asarray(a @ b)


def _dense(element: Element) -> NDArray[np.float64] | None:
    """Return the matrix of a linear element; None for the permutation that moves nothing."""
    identity = SignedPermutation._trusted(np.arange(element.degree))
    return None if element == identity else element.as_matrix()
