"""Make algebras of affine vector fields, given by a basis of generators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups import Group
from symkernel.groups.lie import LieGenerator
from symkernel.groups.registry import require_group
from symkernel.lie.fields import Fields, field_name, orthonormal
from symkernel.validation import as_array, as_axes, as_count, as_rows, as_shape

__all__ = [
    "Algebra",
    "affine",
    "linear",
    "lorentz",
    "scalings",
    "special_euclidean",
    "special_orthogonal",
    "symplectic",
    "translations",
]


class Algebra(Fields):
    """Affine vector fields xi_q(x) = A_q x + b_q on R^n, with an orthonormal basis.

    Parameters
    ----------
    matrices : array-like of shape (q, n, n + 1) or (q, n, n), or sequence of LieGenerator
        The matrices (A_q, b_q), or A_q for linear fields. Dependent ones are dropped and the rest
        made orthonormal, in their order, for the inner product tr(A^T A') + b.b'.
    name : str, optional
        What ``repr`` shows.

    Raises
    ------
    ValueError
        If the shapes do not fit or a number is not finite.

    Notes
    -----
    Nothing asks the span to close under brackets: this is the space in which symmetries are looked
    for. The inner product fixes what ``generators`` are, not what ``discover`` finds: its residual
    does not depend on the basis.

    Examples
    --------
    >>> from symkernel import lie
    >>> lie.special_orthogonal(3).names
    ('x0 ∂1 - x1 ∂0', 'x0 ∂2 - x2 ∂0', 'x1 ∂2 - x2 ∂1')
    >>> (lie.special_orthogonal(2) + lie.translations(2)).dim
    3
    """

    def __init__(
        self,
        matrices: ArrayLike | Sequence[LieGenerator],
        *,
        name: str | None = None,
    ) -> None:
        self._generators = orthonormal(_as_generators(matrices))
        self._name = name
        # The algebra, axes and shape that it was made of by ``along``.
        self._frame: tuple[Algebra, tuple[int, ...], tuple[int, ...]] | None = None

    @classmethod
    def from_group(cls, group: Group) -> Algebra:
        """Return the Lie algebra of a group; empty if the group is finite.

        Parameters
        ----------
        group : Group

        Returns
        -------
        Algebra

        Examples
        --------
        >>> from symkernel import groups, lie
        >>> lie.Algebra.from_group(groups.SE(3).along(1, (4, 3))).dim
        6
        """
        require_group(group)
        d = group.degree
        matrices = [xi.as_affine()[:-1] for xi in group.lie_algebra]
        return cls(np.stack(matrices) if matrices else np.zeros((0, d, d + 1)), name=repr(group))

    @property
    def generators(self) -> NDArray[np.float64]:
        """The matrices (A_q, b_q), shape (q, n, n + 1)."""
        return self._generators

    @property
    def dim(self) -> int:
        """Number of generators q."""
        return len(self._generators)

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return int(self._generators.shape[1])

    @property
    def linear_parts(self) -> NDArray[np.float64]:
        """The matrices A_q, shape (q, n, n)."""
        return self._generators[:, :, :-1]

    @property
    def shifts(self) -> NDArray[np.float64]:
        """The vectors b_q, shape (q, n)."""
        return self._generators[:, :, -1]

    def affine_matrices(self) -> NDArray[np.float64]:
        """Return the matrices that act on (x, 1), shape (q, n + 1, n + 1)."""
        n = self.n_features
        full = np.zeros((self.dim, n + 1, n + 1))
        full[:, :n] = self._generators
        return full

    def values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return xi_q(x_i), shape (n_samples, q, n)."""
        points = as_rows(X, "X", self.n_features)
        moved = np.tensordot(points, self.linear_parts, ([1], [2]))
        return np.asarray(moved + self.shifts)

    def jacobians(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return A_q at every sample, shape (n_samples, q, n, n), a view of one copy."""
        points = as_rows(X, "X", self.n_features)
        return np.broadcast_to(self.linear_parts, (len(points), *self.linear_parts.shape))

    def combine(self, coefficients: ArrayLike) -> Algebra:
        """Return the algebra spanned by sum_q c[k, q] xi_q, for c of shape (k, q)."""
        c = self._as_coefficients(coefficients)
        if self._frame is not None:  # the two bases differ by one common factor
            small, axes, shape = self._frame
            return small.combine(c).along(axes, shape)
        return Algebra(np.tensordot(c, self._generators, 1))

    def along(self, axis: int | Sequence[int], shape: Sequence[int]) -> Algebra:
        """Let the algebra act along axes of an array, alike everywhere else.

        Parameters
        ----------
        axis : int or sequence of int
            Axes whose lengths multiply to ``n_features``.
        shape : sequence of int
            Shape of one sample; features are its entries in C order.

        Returns
        -------
        Algebra
            On ``prod(shape)`` features, of the same dimension.

        Raises
        ------
        ValueError
            If the axes do not fit.

        Examples
        --------
        Motions of four points in the plane:

        >>> from symkernel import lie
        >>> lie.special_euclidean(2).along(1, (4, 2)).generators.shape
        (3, 8, 9)
        """
        lengths = as_shape(shape)
        axes = as_axes(axis, len(lengths))
        r, d = math.prod(lengths[a] for a in axes), math.prod(lengths)
        if r != self.n_features:
            raise ValueError(
                f"the algebra acts on {self.n_features} features; axes {axes} of shape {lengths} "
                f"have {r}"
            )
        places = np.moveaxis(np.arange(d).reshape(lengths), axes, range(-len(axes), 0)).reshape(
            -1, r
        )
        full = np.zeros((self.dim, d, d + 1))
        for rows in places:
            full[:, rows[:, None], rows[None, :]] = self.linear_parts
            full[:, rows, -1] = self.shifts
        large = Algebra(full, name=f"{self!r}.along({axis}, {lengths})")
        large._frame = (self, axes, lengths)
        return large

    @property
    def frame(self) -> tuple[Algebra, tuple[int, ...], tuple[int, ...]] | None:
        """The algebra, axes and shape that ``along`` made this one of; None for others."""
        return self._frame

    def __add__(self, other: Algebra) -> Algebra:
        """Return the sum of the two spans; what the second adds is made orthonormal."""
        if not isinstance(other, Algebra):
            return NotImplemented
        if other.n_features != self.n_features:
            raise ValueError(
                f"algebras on {self.n_features} and {other.n_features} features have no sum"
            )
        both = np.concatenate([self._generators, other._generators])
        return Algebra(both, name=f"{self!r} + {other!r}")

    @property
    def names(self) -> tuple[str, ...]:
        """Every generator written out; ``x0 ∂1`` moves feature 1 with speed x0."""
        functions = [*(f"x{j}" for j in range(self.n_features)), ""]
        return tuple(field_name(g, functions) for g in self._generators)

    def __repr__(self) -> str:
        return self._name or f"Algebra(dim={self.dim}, n_features={self.n_features})"


def translations(n: int) -> Algebra:
    """Return the shifts of R^n: the n fields ∂_i.

    Parameters
    ----------
    n : int
        Number of features, at least 1.

    Returns
    -------
    Algebra

    Examples
    --------
    >>> translations(2).names
    ('∂0', '∂1')
    """
    n = as_count(n, "n", 1)
    full = np.zeros((n, n, n + 1))
    full[np.arange(n), np.arange(n), -1] = 1.0
    return Algebra(full, name=f"translations({n})")


def special_orthogonal(n: int) -> Algebra:
    """Return the rotations of R^n about 0: the n (n - 1) / 2 fields x_i ∂_j - x_j ∂_i, i < j.

    Parameters
    ----------
    n : int
        Number of features, at least 1.

    Returns
    -------
    Algebra

    Examples
    --------
    >>> special_orthogonal(4).dim
    6
    """
    n = as_count(n, "n", 1)
    return Algebra(_pairs(n, -1.0), name=f"special_orthogonal({n})")


def linear(n: int) -> Algebra:
    """Return all n^2 linear fields x_j ∂_i.

    Parameters
    ----------
    n : int
        Number of features, at least 1.

    Returns
    -------
    Algebra

    Examples
    --------
    >>> linear(3).dim
    9
    """
    n = as_count(n, "n", 1)
    return Algebra(np.eye(n * n).reshape(-1, n, n), name=f"linear({n})")


def affine(n: int) -> Algebra:
    """Return all n (n + 1) affine fields: the linear ones, then the translations.

    Parameters
    ----------
    n : int
        Number of features, at least 1.

    Returns
    -------
    Algebra

    Examples
    --------
    >>> affine(3).dim
    12
    """
    return _named(linear(n) + translations(n), f"affine({n})")


def special_euclidean(n: int) -> Algebra:
    """Return the rigid motions of R^n: the rotations, then the translations.

    Parameters
    ----------
    n : int
        Number of features, at least 1.

    Returns
    -------
    Algebra

    Examples
    --------
    >>> special_euclidean(3).dim
    6
    """
    return _named(special_orthogonal(n) + translations(n), f"special_euclidean({n})")


def scalings(n: int) -> Algebra:
    """Return the scalings of each feature by itself: the n fields x_i ∂_i.

    Parameters
    ----------
    n : int
        Number of features, at least 1.

    Returns
    -------
    Algebra

    Examples
    --------
    >>> scalings(2).names
    ('x0 ∂0', 'x1 ∂1')
    """
    n = as_count(n, "n", 1)
    full = np.zeros((n, n, n))
    full[np.arange(n), np.arange(n), np.arange(n)] = 1.0
    return Algebra(full, name=f"scalings({n})")


def lorentz(n: int) -> Algebra:
    """Return the Lorentz algebra so(1, n - 1) of -x_0^2 + x_1^2 + ...: time comes first.

    Parameters
    ----------
    n : int
        Dimension of space-time, at least 2.

    Returns
    -------
    Algebra
        The boosts x_0 ∂_i + x_i ∂_0, then the rotations.

    Examples
    --------
    >>> lorentz(3).names
    ('x0 ∂1 + x1 ∂0', 'x0 ∂2 + x2 ∂0', 'x1 ∂2 - x2 ∂1')
    """
    n = as_count(n, "n", 2)
    boosts = _pairs(n, 1.0)[: n - 1]
    return Algebra(np.concatenate([boosts, _pairs(n, -1.0)[n - 1 :]]), name=f"lorentz({n})")


def symplectic(n: int) -> Algebra:
    """Return the symplectic algebra of R^n, n = 2 m: linear Hamiltonian fields.

    Parameters
    ----------
    n : int
        Number of features, even.

    Returns
    -------
    Algebra
        The n (n + 1) / 2 matrices J S, S symmetric, on features in the order (q_1..q_m, p_1..p_m).

    Raises
    ------
    ValueError
        If n is odd.

    Examples
    --------
    >>> symplectic(4).dim
    10
    """
    n = as_count(n, "n", 2)
    if n % 2:
        raise ValueError(f"n must be even: positions and momenta, got {n}")
    half = n // 2
    J = np.block([[np.zeros((half, half)), np.eye(half)], [-np.eye(half), np.zeros((half, half))]])
    symmetric = []
    for i in range(n):
        for j in range(i, n):
            S = np.zeros((n, n))
            S[i, j] = S[j, i] = 1.0
            symmetric.append(J @ S)
    return Algebra(np.stack(symmetric), name=f"symplectic({n})")


def _pairs(n: int, sign: float) -> NDArray[np.float64]:
    """x_i ∂_j + sign x_j ∂_i for i < j."""
    rows, columns = np.triu_indices(n, 1)
    full = np.zeros((len(rows), n, n))
    every = np.arange(len(rows))
    full[every, columns, rows], full[every, rows, columns] = 1.0, sign
    return full


def _named(algebra: Algebra, name: str) -> Algebra:
    return Algebra(algebra.generators, name=name)


def _as_generators(matrices: Any) -> NDArray[np.float64]:
    given = list(matrices)
    if given and all(isinstance(xi, LieGenerator) for xi in given):
        given = [xi.as_affine()[:-1] for xi in given]
    # An empty array still knows its number of features.
    full = np.asarray(as_array(given if given else matrices, "matrices"), np.float64)
    if full.ndim != 3 or full.shape[1] == 0 or full.shape[2] - full.shape[1] not in (0, 1):
        raise ValueError(
            "matrices must have shape (q, n, n) or (q, n, n + 1), or be LieGenerators; got shape "
            f"{full.shape}"
        )
    if full.shape[1] == full.shape[2]:
        full = np.concatenate([full, np.zeros((*full.shape[:2], 1))], axis=2)
    return full
