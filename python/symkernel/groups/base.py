"""Define what every group offers: a group here is an action, by rigid maps of R^d."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.backends.element_tables import ActionTable, PointSizes, PointTable
from symkernel.exceptions import GroupTooLargeError
from symkernel.groups._advice import advice_for
from symkernel.groups._built import Built
from symkernel.groups._checks import as_vector, count_from_log
from symkernel.groups._orbits import (
    fixing_matrices,
    infinite_orbit,
    infinite_stabilizer,
    mixed_features,
    signed_labels,
)
from symkernel.groups.building import Building
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.groups.factor import Factor
from symkernel.groups.lie import LieGenerator, shifting
from symkernel.validation import as_array

if TYPE_CHECKING:
    from symkernel.groups.permutation_group import PermutationGroup
    from symkernel.groups.structure import Structure

__all__ = ["Group"]

# Orders whose logarithm exceeds this, 40,000 digits, are not written out where an estimate serves.
_WRITTEN_OUT = 1e5
# Most features of a group whose order is part of its hash.
_HASHED_BY_ORDER = 1000


class Group(Building):
    """A group of orthogonal maps of R^d, perhaps with shifts: finite, or continuous.

    A permutation acts by gathering, (g.x)[i] = x[g[i]], and ``g @ h`` acts as g after h.
    Groups are immutable: copies share one object, and pickles carry no derived tables.
    """

    # -- orbits -------------------------------------------------------------------------------

    def stabilizer(self, x: ArrayLike) -> Group:
        """Return the elements that leave a sample as it is, as a group on the same features.

        Parameters
        ----------
        x : array-like of shape (degree,) or of the shape of a sample
            Finite. Signed permutations keep it when entries are equal, as numbers (-0.0 is 0.0);
            matrices when no entry changes by more than 1e-6 of the largest.

        Returns
        -------
        Group
            Named groups answer from their structure, other signed permutations by a search of
            their stabiliser chain, large matrix groups by one among permutations of an orbit,
            small ones by enumeration.

        Raises
        ------
        ValueError
            If x does not fit or is not finite, or a search takes too many steps. Of an infinite
            group: unless all of it keeps the sample, since no other answer has a name here; the
            message says whether infinitely many elements do.
        GroupTooLargeError
            If a product of matrix groups has more than 1e6 elements.

        Examples
        --------
        >>> from symkernel.groups import PermutationGroup, Symmetric
        >>> Symmetric(5).stabilizer([1.0, 2.0, 1.0, 2.0, 1.0]).order
        12
        >>> PermutationGroup([[(0, 1, 2, 3)]]).stabilizer([1.0, 2.0, 1.0, 2.0]).order
        2
        """
        return self._stabilizer(self._check_sample(x)[:, None])

    def orbit_size(self, x: ArrayLike) -> int | float:
        """Return the number of different samples g.x, exactly; ``math.inf`` for infinitely many.

        Parameters
        ----------
        x : array-like of shape (degree,) or of the shape of a sample
            As for ``stabilizer``, whose errors it raises on finite groups.

        Notes
        -----
        |G| over the order of the stabiliser. An orbit of an infinite group is infinite when the
        Lie algebra moves the sample; when not, the generators list it, up to 1e4 samples.

        Examples
        --------
        >>> from symkernel.groups import SO, Cyclic, Symmetric
        >>> Cyclic(6).orbit_size([1, 2, 1, 2, 1, 2])
        2
        >>> Symmetric(20).orbit_size(range(20)) == Symmetric(20).order
        True
        >>> SO(3).orbit_size([0, 0, 1])
        inf
        """
        sample = self._check_sample(x)
        if not self.is_finite:
            return infinite_orbit(self, sample)
        order = self.order
        assert isinstance(order, int)
        return order // int(self._stabilizer(sample[:, None]).order)

    def _check_sample(self, x: ArrayLike) -> NDArray[np.float64]:
        array = as_array(x, "x")
        if array.shape not in ((self.degree,), self.shape):
            text = f"x must be one sample of {self.degree} features"
            if len(self.shape) > 1:
                text += f" or of shape {self.shape}"
            raise ValueError(f"{text}, got shape {array.shape}")
        return as_vector(array.reshape(-1), "x")

    # Of several vectors at once, the columns of X (d, k).
    def _stabilizer(self, X: NDArray[np.float64]) -> Group:
        if not self.is_finite:
            return infinite_stabilizer(self, X)
        if self._on_lattice:
            return Built.SpaceGroup._fixing_points(self, X)
        if self.is_signed_permutation:
            return self._fixing(signed_labels(X))
        return fixing_matrices(self, X)

    # Of signed permutations: those with labels[indices] * signs == labels, integers (d,).
    def _fixing(self, labels: NDArray[np.int64]) -> Group:
        return self._as_permutations()._fixing(labels)

    # A group of signed permutations, with a chain of stabilisers to search.
    def _as_permutations(self) -> PermutationGroup:
        own = [g for g in self.generators if isinstance(g, SignedPermutation)]
        return Built.PermutationGroup(own, degree=self.degree)

    # -- tables -------------------------------------------------------------------------------

    def table(self, limit: int, advice: str = "") -> ActionTable:
        """Return all elements as arrays, in the order of ``elements()``. Kept for reuse.

        Parameters
        ----------
        limit : int
            Largest order that may be enumerated.
        advice : str, default=""
            A sentence for the error: what to do instead.

        Raises
        ------
        GroupTooLargeError
            If the group has more than ``limit`` elements. For an infinite group the default
            advice names the method that averages over it.
        """
        self.check_order(limit, advice)
        return self._cached_table

    def point_table(self, limit: int, advice: str = "") -> PointTable | None:
        """Return the elements as matrices acting on points, or None without that form.

        The form exists for ``H.along(axis, shape)`` where H acts on r < degree coordinates (at
        most 64), and for products of such groups with permutations along the other axes. Signed
        permutations have it where it can save work: r^2 < degree, the cost of a gather.

        Raises
        ------
        GroupTooLargeError
            If the group has the form and more than ``limit`` elements, or is infinite.
        """
        if self.is_finite and not self._has_points:
            return None
        self.check_order(limit, advice)
        return self._cached_point_table

    def check_order(self, limit: int, advice: str = "") -> None:
        """Raise GroupTooLargeError if there are more elements than ``limit``; makes no table."""
        if not self.is_finite:
            raise self._infinite(advice)
        if self.log_order > _WRITTEN_OUT:
            order: int | float | Decimal = count_from_log(self.log_order)
        else:
            order = self.order
        if order > limit:
            raise GroupTooLargeError(repr(self), order, limit, advice)

    def point_sizes(self) -> PointSizes | None:
        """Return the sizes that ``point_table`` would have; None without that form."""
        return None

    def _check_finite(self) -> None:
        if not self.is_finite:
            raise self._infinite()

    def _infinite(self, advice: str = "") -> GroupTooLargeError:
        return GroupTooLargeError(repr(self), self.order, None, advice or advice_for(self))

    # Of groups that say themselves how their elements are told apart: see ``groups.traces``.
    def _small_traces(self, limit: int) -> NDArray[np.float64] | None:
        return None

    @cached_property
    def _cached_table(self) -> ActionTable:
        return self._table()

    @cached_property
    def _cached_point_table(self) -> PointTable | None:
        return self._point_table()

    @property
    def _has_points(self) -> bool:
        return False

    def _point_table(self) -> PointTable | None:
        return None

    # -- structure ----------------------------------------------------------------------------

    @cached_property
    def mixed_features(self) -> NDArray[np.intp]:
        """Label of every feature, equal for two that the group mixes, (d,).

        Labels count from 0 in the order of first members. A metric with a weight per feature is
        invariant when the weights are constant where labels are equal.
        """
        return mixed_features(self)

    @cached_property
    def lie_algebra(self) -> tuple[LieGenerator, ...]:
        """Basis of the velocities x -> A x + b of the group, ``dim`` of them; () if finite.

        Orthonormal for the inner product tr(A^T A') + b . b'; shifts come first.
        """
        return (*(shifting(row) for row in self._shift_basis), *self._rotations())

    def factors(self) -> tuple[Factor, ...]:
        """Return the normal form: atomic groups, each along some axes of an array.

        The group is the product of ``f.action`` over the factors f. Atomic
        are all groups except those made by ``along`` and ``*``, and SE(n) and E(n), which are
        Translations(n) and then SO(n) or O(n). An image group of (height, width, channels) acts
        along the first two axes.

        Examples
        --------
        >>> from symkernel.groups import O, Symmetric
        >>> G = Symmetric(9).along(0, (9, 3)) * O(3).along(1, (9, 3))
        >>> [(f.group, f.axes) for f in G.factors()]
        [(Symmetric(9), (0,)), (O(3), (1,))]
        """
        tensor = self._tensor()
        assert tensor is not None  # products have their own
        return (Factor(*tensor),)

    @cached_property
    def structure(self) -> Structure:
        """What the group is made of: translations, rotations, angles and finite parts."""
        return Built.Structure(self)

    # Of a group that holds all cyclic shifts of the grid ``shape``: the automorphisms of the grid
    # beside them, each as a map (size,) of its points that fixes the first, the identity first.
    def _grid_maps(self) -> Sequence[NDArray[np.int64]] | None:
        return None

    @property
    def _linear(self) -> Group:
        """The linear maps of the group, as a group; itself when there are no shifts."""
        return self

    def _rotations(self) -> tuple[LieGenerator, ...]:
        """Return the linear part of the Lie algebra."""
        return () if self._linear is self else self._linear._rotations()

    # A group commutes with another, or lies in it, when these elements do: generators of a dense
    # subgroup, up to multiples of the shifts.
    @property
    def _probes(self) -> tuple[Element, ...]:
        return self.generators

    @property
    def _on_angles(self) -> bool:
        """Whether features are angles, so that 2 pi is no shift."""
        return False

    def check_rows(self, X: NDArray[Any], name: str = "X") -> None:
        """Raise ValueError where samples are not what the group claims; most claim nothing."""

    @property
    def _claims(self) -> bool:
        """Whether ``check_rows`` has something to check."""
        return False

    # (group, axes, shape) when the action is that of `group` along some axes of an array.
    def _tensor(self) -> tuple[Group, tuple[int, ...], tuple[int, ...]] | None:
        return self, tuple(range(len(self.shape))), self.shape

    # What plans have found for this group, which lives as long as it does; by who found it.
    @cached_property
    def _found(self) -> dict[Any, Any]:
        return {}

    # -- comparison and copies ----------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        """Whether both are the same set of maps of R^d, however they were described.

        Products of matrix groups too large to look into are equal when they were made alike.
        """
        if not isinstance(other, Group):
            return NotImplemented
        if self is other:
            return True
        if self.degree != other.degree:
            return False
        if type(self) is type(other) and self._arguments() == other._arguments():
            return True
        if (self.dim, self._on_angles) != (other.dim, other._on_angles):
            return False
        if self.is_finite and not math.isclose(self.log_order, other.log_order, abs_tol=1e-9):
            return False
        if self.is_finite and self.log_order < _WRITTEN_OUT and self.order != other.order:
            return False
        try:
            # Of equal finite orders one inclusion is enough.
            return all(self.contains(g) for g in other._probes) and (
                self.is_finite or all(other.contains(g) for g in self._probes)
            )
        except GroupTooLargeError:
            return False

    def __hash__(self) -> int:
        # The order of a group on many features may be too long to be written out.
        known = self.order if self.degree <= _HASHED_BY_ORDER else 0
        return hash((self.degree, known, self.dim))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._arguments()))})"

    def _repr_along(self, axes: tuple[int, ...], shape: tuple[int, ...]) -> str:
        inner = repr(self)
        if " * " in inner:
            inner = f"({inner})"
        return f"{inner}.along({axes[0] if len(axes) == 1 else axes}, {shape})"

    def __getstate__(self) -> dict[str, Any]:
        derived = {
            name
            for cls in type(self).__mro__
            for name, value in vars(cls).items()
            if isinstance(value, cached_property)
        }
        return {name: value for name, value in self.__dict__.items() if name not in derived}

    def __copy__(self) -> Group:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Group:
        # Immutable; scikit-learn's clone copies deeply and would drop the tables at every turn.
        return self
