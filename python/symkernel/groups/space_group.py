"""Make space groups: finite groups of motions of a lattice's torus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.backends.element_tables import ActionTable
from symkernel.groups._arrays import exact_element
from symkernel.groups._built import enter
from symkernel.groups._checks import SAME_TOLERANCE, read_only
from symkernel.groups._spglib import operations_of
from symkernel.groups.base import Group
from symkernel.groups.elements import Element
from symkernel.groups.lattice import as_lattice, cartesian, check_metric
from symkernel.groups.lattice_closure import add_products, generators_of
from symkernel.groups.lattice_maps import LatticeMaps
from symkernel.groups.lattice_motion import (
    LatticeMotion,
    as_rotations,
    as_shifts,
    rational,
)
from symkernel.groups.matrix_group import MatrixGroup
from symkernel.groups.named import Trivial
from symkernel.groups.role import Kind, Role
from symkernel.validation import as_array, as_count

__all__ = ["SpaceGroup"]

# Most elements that are tried one by one.
_LISTED_ELEMENTS = 1_000_000
# Largest relative change of a squared length under a rotation that keeps the lattice.
_KEPT = 1e-6


@enter
class SpaceGroup(Group):
    """A space group on fractional coordinates, modulo the translations of the lattice.

    Its elements are x -> W x + w modulo 1 with integer matrices W and fractions w: the operations
    of one cell, centring translations included. It acts on the torus of d fractional coordinates,
    on several atoms by ``along``.

    Parameters
    ----------
    operations : int or array-like of int, shape (n, d, d)
        The number of a space group, 1 to 230, whose operations spglib then gives
        (``pip install 'symkernel[crystals]'``); or the matrices W of all operations of a cell, as
        spglib calls ``rotations``.
    translations : array-like of float, shape (n, d), default=None
        The shifts w that go with matrices W: fractions of denominators up to 96; None for zeros.
    hall_number : int, default=None
        Of a number: which of its settings, by spglib's count from 1 to 530. By default the first:
        unique axis b, origin choice 1, hexagonal axes.
    tol : float, default=1e-5
        How far shifts may be from fractions.

    Raises
    ------
    ImportError
        If a number is given and spglib is not installed.
    TypeError, ValueError
        If shapes do not agree, entries are not finite, W is not of integers or its determinant is
        not +1 or -1, w is not rational, or the operations do not close: the message names two of
        them and their product.

    Notes
    -----
    Exact: shifts are fractions and arithmetic is in integers. O(order) products are formed.

    Kernels of R^d have no average here. ``VonMises(period=1.0)`` has, exactly; where W is no
    signed permutation (hexagonal and trigonal groups, primitive cells) with ``modes=G.star()``.
    ``spectral.LatticeTorus`` has heat and Sobolev kernels in the metric of the lattice, and
    invariant functions.

    Source: International Tables for Crystallography A (2016), chapter 1.2.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import InvariantKernel, groups
    >>> from symkernel.kernels import VonMises
    >>> W = [np.eye(3), np.diag([-1, 1, -1])]  # P2_1, number 4: a screw axis along b
    >>> G = groups.SpaceGroup(W, [[0, 0, 0], [0, 0.5, 0]])
    >>> G.order, G.orbit_size([0.1, 0.2, 0.3])
    (2, 2)
    >>> G.generators[0].apply([0.125, 0.25, 0.375])
    array([0.875, 0.75 , 0.625])
    >>> k = InvariantKernel(VonMises(2.0, period=1.0), G)
    >>> x, y = np.array([[0.125, 0.25, 0.375]]), np.array([[0.5, 0.0, 0.875]])
    >>> bool(np.isclose(k(G.generators[0].apply(x), y), k(x, y))[0, 0])
    True
    >>> atoms = groups.Symmetric(2).along(0, (2, 3)) * G.along(1, (2, 3))  # two like atoms
    >>> atoms.order
    4
    """

    def __init__(
        self,
        operations: int | ArrayLike,
        translations: ArrayLike | None = None,
        *,
        hall_number: int | None = None,
        tol: float = 1e-5,
    ) -> None:
        if not 0.0 <= float(tol) <= 1e-3:
            raise ValueError(f"tol must lie in [0, 1e-3], got {tol!r}")
        self._number = self._hall_number = None
        if isinstance(operations, str):
            raise TypeError(
                "operations must be the number of a space group, 1 to 230, or its matrices, got "
                f"{operations!r}"
            )
        if np.ndim(operations) == 0:
            self._number = as_count(operations, "operations")
            if translations is not None:
                raise ValueError("translations go with matrices; a number has its own")
            operations, translations, self._hall_number = operations_of(self._number, hall_number)
        elif hall_number is not None:
            raise ValueError("hall_number goes with a number; matrices have their own setting")
        rotations = as_rotations(operations, "operations")
        if translations is None:
            translations = np.zeros(rotations.shape[:2])
        shifts = as_shifts(translations, rotations.shape[:2], "translations")
        numerators, denominator = rational(shifts, float(tol), "translations")
        given = dict.fromkeys(
            LatticeMotion._trusted(W, w, denominator)
            for W, w in zip(rotations, numerators, strict=True)
        )
        self._degree = int(rotations.shape[1])
        self._generators = generators_of(list(given), self._degree)
        still = next(g for g in given if g == self.identity)
        self._listed: tuple[LatticeMotion, ...] = tuple(dict.fromkeys((still, *given)))

    @classmethod
    def from_generators(
        cls, operations: ArrayLike, translations: ArrayLike | None = None, *, limit: int = 20_000
    ) -> SpaceGroup:
        """Return the group that some operations generate.

        Parameters
        ----------
        operations, translations
            As for the group itself; they need not close.
        limit : int, default=20000
            Largest order that is accepted.

        Raises
        ------
        ValueError
            As for the group itself, and if there are more than ``limit`` elements.

        Examples
        --------
        >>> from symkernel.groups import SpaceGroup
        >>> SpaceGroup.from_generators([[[1, 0], [0, 1]]], [[0.25, 0.5]]).order  # shifts of a torus
        4
        """
        rotations = as_rotations(operations, "operations")
        if translations is None:
            translations = np.zeros(rotations.shape[:2])
        shifts = as_shifts(translations, rotations.shape[:2], "translations")
        numerators, denominator = rational(shifts, 1e-5, "translations")
        given = [
            LatticeMotion._trusted(W, w, denominator)
            for W, w in zip(rotations, numerators, strict=True)
        ]
        still = given[0]._after(given[0].inverse())
        reached: dict[LatticeMotion, None] = {still: None}
        most = as_count(limit, "limit")
        add_products(reached, [still], given, None, most)
        return cls._of(list(reached), tuple(dict.fromkeys(g for g in given if g != still)))

    # Of any group of motions of fractional coordinates.
    @classmethod
    def _fixing_points(cls, group: Group, X: NDArray[np.float64]) -> SpaceGroup:
        """Return the elements of a group that move the columns of X (d, k) by multiples of 1."""
        group.check_order(_LISTED_ELEMENTS, "its elements are tried one by one")
        kept = []
        for g in group.elements():
            assert isinstance(g, LatticeMotion)
            moved = g.rotation @ X + g.shift[:, None] - X
            if np.abs(moved - np.rint(moved)).max() <= SAME_TOLERANCE:
                kept.append(g)
        return cls._of(kept, generators_of(kept, group.degree))

    @classmethod
    def _of(cls, listed: Sequence[LatticeMotion], generators: tuple[Element, ...]) -> SpaceGroup:
        """Return a group from all its elements, the identity first, and some that generate it."""
        group = object.__new__(cls)
        group._number = group._hall_number = None
        group._degree = listed[0].degree
        group._listed = tuple(listed)
        group._generators = generators
        return group

    @property
    def role(self) -> Role:
        """Moves a lattice."""
        return Role(Kind.LATTICE)

    @property
    def degree(self) -> int:
        """Number of fractional coordinates d."""
        return self._degree

    @property
    def order(self) -> int:
        """Exact number of elements, modulo the lattice."""
        return len(self._listed)

    @property
    def is_linear(self) -> bool:
        """False: coordinates count modulo 1."""
        return False

    @property
    def is_signed_permutation(self) -> bool:
        """False."""
        return False

    @property
    def generators(self) -> tuple[Element, ...]:
        """Some of the operations that generate all."""
        return self._generators

    @cached_property
    def rotations(self) -> NDArray[np.int64]:
        """The matrices W of all elements, in their order, int64 (order, d, d), read only."""
        return read_only(np.stack([g.rotation for g in self._listed]))

    @cached_property
    def translations(self) -> NDArray[np.float64]:
        """The shifts w of all elements, in their order, float64 (order, d), in [0, 1)."""
        return read_only(np.stack([g.shift for g in self._listed]))

    def elements(self) -> Iterator[Element]:
        """Return all elements: the identity first, then in the order given."""
        return iter(self._listed)

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return [self._listed[k] for k in rng.integers(self.order, size=size).tolist()]

    @cached_property
    def _known(self) -> frozenset[LatticeMotion]:
        return frozenset(self._listed)

    def _contains(self, element: Element) -> bool:
        return element in self._known

    def _table(self) -> ActionTable:
        raise ValueError(
            f"{self!r} acts on fractional coordinates modulo 1, on which its elements are no "
            "orthogonal maps: what needs these has no answer for it"
        )

    @property
    def _on_angles(self) -> bool:
        return True

    @property
    def _on_lattice(self) -> bool:
        return True

    # -- the lattice --------------------------------------------------------------------------

    def symmetrize(self, lattice: ArrayLike) -> NDArray[np.float64]:
        """Return a lattice near to one given whose metric all rotations keep to rounding.

        The mean of W^T G W over the group, of the metric G = L L^T, is invariant; the basis
        returned is lower triangular, which turns the crystal but changes no fractional coordinate.

        Parameters
        ----------
        lattice : array-like of float, shape (d, d)
            The rows are the vectors of the basis, Cartesian. ``numpy.eye(d)`` gives some lattice
            that has the symmetry.

        Returns
        -------
        float64, shape (d, d)

        Examples
        --------
        >>> import numpy as np
        >>> from symkernel.groups import SpaceGroup
        >>> G = SpaceGroup.from_generators([[[0, -1], [1, -1]]])  # a threefold axis
        >>> L = G.symmetrize(np.eye(2))
        >>> float(np.round(L[0] @ L[1] / (L[0] @ L[0]), 12))  # 120 degrees
        -0.5
        """
        basis = as_lattice(lattice, self._degree)
        W = self.rotations.astype(np.float64)
        metric = np.einsum("gji,jk,gkl->il", W, basis @ basis.T, W) / self.order
        return np.asarray(np.linalg.cholesky((metric + metric.T) / 2.0))

    def point_group(self, lattice: ArrayLike) -> Group:
        """Return the point group: the rotations without their shifts, on Cartesian vectors.

        Parameters
        ----------
        lattice : array-like of float, shape (d, d)
            The rows are the vectors of the basis.

        Returns
        -------
        Group
            On d features.

        Raises
        ------
        ValueError
            If a rotation changes lengths by more than 1e-6: the lattice has not the symmetry.

        Examples
        --------
        >>> import numpy as np
        >>> from symkernel.groups import SpaceGroup
        >>> G = SpaceGroup([np.eye(3), np.diag([-1, 1, -1])], [[0, 0, 0], [0, 0.5, 0]])
        >>> G.point_group(np.diag([3.0, 4.0, 5.0])).order
        2
        """
        basis = as_lattice(lattice, self._degree)
        check_metric(self._listed, basis @ basis.T, _KEPT, repr(self))
        found = dict.fromkeys(
            exact_element(cartesian(g.rotation, basis).as_matrix())
            for g in self._generators
            if isinstance(g, LatticeMotion) and not np.array_equal(g.rotation, np.eye(self._degree))
        )
        return MatrixGroup(found) if found else Trivial(self._degree)

    def star(self, modes: ArrayLike | None = None) -> tuple[tuple[int, ...], ...]:
        """Return frequencies and all that the rotations make of them, one of each pair +-k.

        Modes exp(2 pi i k.x) go to such with W^T k: kernels of all these are invariant.

        Parameters
        ----------
        modes : array-like of int, shape (m, d), default=None
            Frequencies k, not 0; those of the single coordinates by default.

        Returns
        -------
        tuple of tuples of int
            What ``VonMises`` takes as ``modes``.

        Examples
        --------
        >>> from symkernel.groups import SpaceGroup
        >>> SpaceGroup.from_generators([[[0, -1], [1, -1]]]).star()
        ((1, 0), (0, 1), (1, -1))
        """
        given = as_array(np.eye(self._degree) if modes is None else modes, "modes")
        if given.ndim != 2 or given.shape[1] != self._degree or not (given == np.rint(given)).all():
            raise ValueError(f"modes must be integers of shape (m, {self._degree}), got {modes!r}")
        if not given.any(axis=1).all():
            raise ValueError("modes must not hold 0, which is constant")
        W = np.unique(self.rotations, axis=0)
        found: dict[tuple[int, ...], None] = {}
        for k in given.astype(np.int64):
            images = {_leading(image) for image in (k @ W)}
            # that of k itself first, then the others in descending order
            for image in (_leading(k), *sorted(images, reverse=True)):
                found.setdefault(image)
        return tuple(sorted(found, key=lambda k: (sum(map(abs, k)), [-abs(x) for x in k], k[::-1])))

    # -- random images ------------------------------------------------------------------------

    def _drawn_maps(self, size: int, rng: np.random.Generator) -> LatticeMaps:
        return LatticeMaps(self, rng.integers(self.order, size=size))

    # -- comparison ---------------------------------------------------------------------------

    def _arguments(self) -> tuple[Any, ...]:
        return (self._listed,)

    def __repr__(self) -> str:
        if self._number is not None:
            first = self._hall_number is None
            return (
                f"SpaceGroup({self._number})"
                if first
                else f"SpaceGroup({self._number}, hall_number={self._hall_number})"
            )
        if self.order * self._degree**2 <= 36:
            return f"SpaceGroup({self.rotations.tolist()}, {self.translations.tolist()})"
        return f"SpaceGroup(<{self.order} operations on {self._degree} coordinates>)"


def _leading(k: NDArray[np.int64]) -> tuple[int, ...]:
    """Return k or -k, whichever has a positive first entry that is not 0."""
    sign = 1 if k[np.flatnonzero(k)[0]] > 0 else -1
    return tuple((sign * k).tolist())
