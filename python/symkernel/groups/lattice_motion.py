"""Move points of a lattice's torus: integer matrices and rational shifts, modulo 1."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups._checks import read_only
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.validation import as_array, as_floats

__all__ = [
    "LARGEST_DENOMINATOR",
    "LatticeMotion",
    "as_rotations",
    "as_shifts",
    "rational",
    "wrapped",
]

#: Largest denominator of a shift. Those of space groups in their usual settings divide 12.
LARGEST_DENOMINATOR = 96

# Most entries shown in full by repr.
_SHOWN = 48


class LatticeMotion(Element):
    """The map g.x = rotation @ x + shift modulo 1 of fractional coordinates.

    Arithmetic is exact: shifts are fractions, and products, inverses and comparisons have no
    rounding. The rotation is orthogonal in the metric of the lattice, not in that of its matrix.

    Parameters
    ----------
    rotation : array-like of int, shape (d, d)
        Of determinant +1 or -1.
    shift : array-like of float, shape (d,), default=None
        Fractions of small denominators to within ``tol``, read modulo 1; None for 0.
    tol : float, default=1e-5
        Largest distance of an entry of ``shift`` from a fraction.

    Raises
    ------
    ValueError
        If entries are not finite, ``rotation`` is not square, not of integers or has another
        determinant, ``shift`` has another length or is not rational.

    Examples
    --------
    >>> g = LatticeMotion([[0, -1, 0], [1, 0, 0], [0, 0, 1]], [0, 0, 0.25])  # a screw axis
    >>> g.apply([0.25, 0.5, 0.875])
    array([0.5  , 0.25 , 0.125])
    >>> g @ g @ g @ g == g.inverse() @ g
    True
    """

    __slots__ = ("_denominator", "_numerators", "_rotation")

    _rotation: NDArray[np.int64]
    _numerators: NDArray[np.int64]
    _denominator: int

    def __init__(
        self, rotation: ArrayLike, shift: ArrayLike | None = None, *, tol: float = 1e-5
    ) -> None:
        given = as_array(rotation, "rotation")
        matrix = as_rotations(given[None] if given.ndim == 2 else given, "rotation")[0]
        vector = np.zeros(len(matrix)) if shift is None else as_array(shift, "shift")
        shifts = as_shifts(vector[None], (1, len(matrix)), "shift")
        numerators, denominator = rational(shifts, tol, "shift")
        self._set(matrix, numerators[0], denominator)

    def _set(
        self, rotation: NDArray[np.int64], numerators: NDArray[np.int64], denominator: int
    ) -> None:
        numerators = numerators % denominator
        common = math.gcd(denominator, *numerators.tolist())
        self._rotation = read_only(np.ascontiguousarray(rotation, np.int64))
        self._numerators = read_only(numerators // common)
        self._denominator = denominator // common

    @classmethod
    def _trusted(
        cls, rotation: NDArray[Any], numerators: NDArray[Any], denominator: int
    ) -> LatticeMotion:
        """Return an element from arrays known to be right, which nobody else writes to."""
        element = object.__new__(cls)
        element._set(rotation, np.asarray(numerators, np.int64), denominator)
        return element

    @classmethod
    def of(cls, element: Element) -> LatticeMotion | None:
        """Return a signed permutation of coordinates as such a map; None for other elements."""
        if isinstance(element, LatticeMotion):
            return element
        if isinstance(element, SignedPermutation):
            zero = np.zeros(element.degree, np.int64)
            return cls._trusted(element.as_matrix().astype(np.int64), zero, 1)
        return None

    @property
    def degree(self) -> int:
        """Number of features d."""
        return len(self._rotation)

    @property
    def rotation(self) -> NDArray[np.int64]:
        """The integer matrix, int64 (d, d), read only."""
        return self._rotation

    @property
    def shift(self) -> NDArray[np.float64]:
        """The shift, float64 (d,), in [0, 1)."""
        return self._numerators / self._denominator

    @property
    def fractions(self) -> tuple[NDArray[np.int64], int]:
        """The shift as numerators (d,) and their least common denominator."""
        return self._numerators, self._denominator

    def inverse(self) -> LatticeMotion:
        """Return the element that undoes this one: x -> W^-1 x - W^-1 w."""
        back = _inverse(self._rotation)
        return self._trusted(back, -back @ self._numerators, self._denominator)

    def as_matrix(self) -> NDArray[np.float64]:
        """Return the matrix W (d, d) with g.x = W x modulo 1, which exists when the shift is zero.

        Raises
        ------
        ValueError
            If the shift is not zero; ``rotation`` and ``shift`` are then what there is.
        """
        if self._numerators.any():
            raise ValueError(
                f"{self!r} moves the origin, so that no {self.degree} x {self.degree} matrix acts "
                "like it: use rotation and shift"
            )
        return self._rotation.astype(np.float64)

    def _parts(self) -> tuple[Element, NDArray[np.float64] | None]:
        still = np.zeros_like(self._numerators)
        return LatticeMotion._trusted(self._rotation, still, 1), self.shift

    def as_affine(self) -> NDArray[np.float64]:
        """Return the matrix (d + 1, d + 1) that takes (x, 1) to (g.x, 1), modulo 1."""
        affine = np.eye(self.degree + 1)
        affine[:-1, :-1] = self._rotation
        affine[:-1, -1] = self.shift
        return affine

    def _act(self, X: NDArray[Any]) -> NDArray[Any]:
        dtype = X.dtype if np.issubdtype(X.dtype, np.inexact) else np.dtype(np.float64)
        return wrapped(X @ self._rotation.T.astype(dtype) + self.shift.astype(dtype))

    # g.(h.x) = W (W' x + w') + w
    def _after(self, other: Element) -> LatticeMotion:
        first = LatticeMotion.of(other)
        if first is None:
            raise ValueError(
                f"{self!r} acts on fractional coordinates, modulo 1: it has no product with "
                f"{other!r}"
            )
        common = math.lcm(self._denominator, first._denominator)
        moved = self._rotation @ first._numerators * (common // first._denominator)
        return self._trusted(
            self._rotation @ first._rotation,
            moved + self._numerators * (common // self._denominator),
            common,
        )

    def _before(self, other: Element) -> LatticeMotion:
        last = LatticeMotion.of(other)
        if last is None:
            raise ValueError(
                f"{self!r} acts on fractional coordinates, modulo 1: it has no product with "
                f"{other!r}"
            )
        return last._after(self)

    def _key(self) -> tuple[bytes, bytes, int]:
        return self._rotation.tobytes(), self._numerators.tobytes(), self._denominator

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LatticeMotion):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self)._trusted, (self._rotation, self._numerators, self._denominator))

    def __repr__(self) -> str:
        if self._rotation.size > _SHOWN:
            return f"LatticeMotion(<{self.degree} x {self.degree}>, <{self.degree}>)"
        return f"LatticeMotion({self._rotation.tolist()}, {self.shift.tolist()})"


def _inverse(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """Inverse of an integer matrix of determinant +-1, which is of integers too."""
    rough, still = np.linalg.inv(matrix), np.eye(len(matrix), dtype=np.int64)
    back = np.rint(rough).astype(np.int64)
    for _ in range(8):  # rounding of large entries goes by what is left of the product
        left = still - matrix @ back
        if not left.any():
            return back
        back = back + np.rint(rough @ left).astype(np.int64)
    raise ValueError(f"rotation has entries too large to be inverted: {matrix.tolist()}")


def wrapped(X: NDArray[Any]) -> NDArray[Any]:
    """Return numbers modulo 1, in [0, 1)."""
    rest = X - np.floor(X)
    rest[rest >= 1.0] = 0.0  # what lies just below 0 rounds up
    return np.asarray(rest)


def as_rotations(value: Any, name: str) -> NDArray[np.int64]:
    """Read integer matrices of determinant +1 or -1, (n, d, d)."""
    array = as_array(value, name)
    if array.ndim != 3 or array.shape[1] != array.shape[2] or not array.size:
        raise ValueError(f"{name} must be square matrices (n, d, d), got shape {array.shape}")
    floats = np.asarray(as_floats(array, name, finite=True), np.float64)
    exact = np.rint(floats)
    worst = np.abs(floats - exact).max(axis=(1, 2))
    if worst.max() > 1e-9:
        k = int(worst.argmax())
        raise ValueError(
            f"{name} must hold integers, as rotations in fractional coordinates do; matrix {k} is "
            f"{floats[k].tolist()}: bring a matrix R on Cartesian columns to them by "
            "inv(L.T) @ R @ L.T, the rows of L being the basis"
        )
    if np.abs(exact).max() > 1e6:
        raise ValueError(f"{name} must hold integers up to 1e6, got {np.abs(exact).max():.3g}")
    determinants = np.linalg.det(exact)
    odd = np.abs(np.abs(determinants) - 1.0) > 1e-6
    if odd.any():
        k = int(odd.argmax())
        raise ValueError(
            f"{name} must have determinant +1 or -1 to map the lattice onto itself; matrix {k}, "
            f"{exact[k].astype(int).tolist()}, has {determinants[k]:.6g}"
        )
    return exact.astype(np.int64)


def as_shifts(value: Any, shape: tuple[int, int], name: str) -> NDArray[np.float64]:
    """Read finite shifts (n, d), one for each rotation."""
    array = as_array(value, name)
    if array.shape != shape:
        one = shape[0] == 1 and name == "shift"
        wanted, got = (shape[1:], array.shape[1:]) if one else (shape, array.shape)
        raise ValueError(f"{name} must have shape {wanted} like the rotations, got shape {got}")
    return np.asarray(as_floats(array, name, finite=True), np.float64)


def rational(
    shifts: NDArray[np.float64], tolerance: float, name: str
) -> tuple[NDArray[np.int64], int]:
    """Return shifts modulo 1 as numerators and their common denominator."""
    values, places = np.unique(wrapped(shifts), return_inverse=True)
    found = []
    for value in values.tolist():
        near = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
        if abs(float(near) - value) > tolerance:
            raise ValueError(
                f"{name} must hold fractions of denominators up to {LARGEST_DENOMINATOR} to "
                f"within {tolerance:g}: {value!r} is {abs(float(near) - value):.2g} from {near}"
            )
        found.append(near)
    common = math.lcm(*(near.denominator for near in found))
    if common > 2**31:
        raise ValueError(f"{name} must have a common denominator below 2^31, got {common}")
    numerators = np.array([near.numerator * (common // near.denominator) for near in found])
    return numerators.astype(np.int64)[places].reshape(shifts.shape) % common, common
