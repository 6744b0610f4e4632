"""Choose the canonical form that serves a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from numbers import Real
from operator import mul

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.canonical.base import CanonicalForm
from symkernel.canonical.chain import ChainForm
from symkernel.canonical.clouds import cloud_action
from symkernel.canonical.columns import ColumnForm
from symkernel.canonical.compose import FlaggedForm, SequenceForm, TrivialForm, WreathForm
from symkernel.canonical.enumerated import MAX_NUMBERS, EnumeratedForm
from symkernel.canonical.frames import FrameForm, PermutedFrameForm
from symkernel.canonical.graphs import GraphForm
from symkernel.canonical.least import LeastForm
from symkernel.canonical.rotation import RotationForm
from symkernel.canonical.shifts import ShiftForm
from symkernel.canonical.sorting import SortForm
from symkernel.exceptions import GroupTooLargeError
from symkernel.groups import Group, SignedPermutation
from symkernel.groups.factor import Factor
from symkernel.groups.registry import require_group
from symkernel.groups.role import Kind
from symkernel.groups.structure import product_of

__all__ = ["canonical_form"]

METHODS = ("auto", "chain", "enumerate")
ORDERS = ("lexicographic", "hilbert")

# Most elements of one factor of a product that are listed beside a form of the other.
_MAX_ELEMENTS = 100_000
# Elements, and numbers of all of them, that are rather listed than searched by a chain.
_FEW = 1000
_FEW_NUMBERS = 5_000_000


def canonical_form(
    group: Group,
    method: str = "auto",
    *,
    order: str = "lexicographic",
    weights: ArrayLike | None = None,
    tol: float | None = None,
) -> CanonicalForm:
    """Canonical form of the orbits of a group.

    Parameters
    ----------
    group : Group
        Group that acts on samples.
    method : {"auto", "chain", "enumerate"}, default="auto"
        "enumerate" compares the images of a sample under all elements; "chain" searches for the
        lexicographic minimum along a chain of stabilisers; "auto" takes what serves the group.
    order : {"lexicographic", "hilbert"}, default="lexicographic"
        How rows of vectors are sorted where permutations exchange them.
    weights : array-like of shape (n_points,), optional
        Weights of the points of a cloud, for rotations and motions; equal if None.
    tol : float, optional
        Gap up to which samples are flagged as degenerate, which changes nothing else. By default
        1e-8, and 1e-5 in single precision; a few units of rounding where the form is exact.

    Returns
    -------
    CanonicalForm
        Its ``steps`` say what it does.

    Raises
    ------
    TypeError, ValueError
        For arguments that are not what is expected, and for a group without a canonical form here;
        the message gives the reason and what would work.
    GroupTooLargeError
        If the group would have to be enumerated and has too many elements.

    Examples
    --------
    >>> from symkernel.canonical import canonical_form
    >>> from symkernel.groups import Symmetric
    >>> canonical_form(Symmetric(4)).exact
    True
    """
    require_group(group)
    if group._on_lattice:
        raise ValueError(
            f"{group!r} acts on fractional coordinates modulo 1, whose orbits have no canonical "
            "form here: kernels of VonMises(period=1.0) take method='canonical', that of the "
            "cosines and sines"
        )
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; known methods: {_listed(METHODS)}")
    if order not in ORDERS:
        raise ValueError(f"order={order!r} is unknown; known orders: {_listed(ORDERS)}")
    if tol is not None and not (isinstance(tol, Real) and 0 <= tol < 1):
        raise ValueError(f"tol must be a number in [0, 1), got {tol!r}")
    words = _Words(order, weights)
    words.check_order(group)
    if method == "auto":
        form = _chosen(group, words)
    else:
        if order != "lexicographic":
            raise ValueError(f"order={order!r} needs method='auto', got method={method!r}")
        words.refuse_weights(group)
        form = _enumerated(group) if method == "enumerate" else _chain(group)
    return form if tol is None else FlaggedForm(form, float(tol))


@dataclass(frozen=True)
class _Words:
    """What the user said about the form."""

    order: str
    weights: ArrayLike | None

    def sorts(self, group: Group) -> bool:
        """Whether points of the group are to be sorted along a curve."""
        return self.order == "hilbert" and _sorts(group)

    def check_order(self, group: Group) -> None:
        """Raise where an order along a curve was asked for and nothing is sorted."""
        if self.order == "hilbert" and not (group.is_finite and self.sorts(group)):
            raise ValueError(
                "order='hilbert' is for finite groups with a factor Symmetric or Young, whose "
                f"points are sorted; got {group!r}"
            )

    def refuse_weights(self, group: Group) -> None:
        if self.weights is not None:
            raise ValueError(
                f"weights are those of points that rotations or motions move as one; {group!r} "
                "has a canonical form that does not depend on any"
            )


def _sorts(group: Group) -> bool:
    """Whether some factor, or a group on some of the columns, does nothing but exchange points."""
    return any(f.group.role.sorts for f in group.factors()) or any(
        _sorts(part) for part, _ in group.structure.by_columns if part.order > 1
    )


def _chosen(group: Group, words: _Words) -> CanonicalForm:
    if group.order == 1:
        words.refuse_weights(group)
        return TrivialForm(group)
    if group.structure.by_columns:
        return _by_columns(group, words)
    factors = group.structure.nontrivial
    if not group.is_finite:
        return _continuous(group, factors, words)
    words.refuse_weights(group)
    if len(factors) > 1:
        return _product(group, factors, words)
    if len(group.factors()) > 1:  # beside trivial groups
        factor = factors[0]
        group = factor.action
    return _single(group, factors[0], words)


def _by_columns(group: Group, words: _Words) -> CanonicalForm:
    """Forms of groups on columns of their own, after the centring of all."""
    structure = group.structure
    if words.weights is not None:
        raise ValueError(
            f"weights are those of points that rotations or motions move as one; {group!r} acts on "
            "columns by parts: put the canonical form of each part beside the others"
        )
    forms = [(_chosen(part, words), at) for part, at in structure.by_columns]
    form = ColumnForm(structure.factors[0].action, forms)
    if not structure.centres:
        return ColumnForm(group, forms)
    return SequenceForm(group, [ShiftForm(product_of(structure.centres), None), form])


# -- finite groups ----------------------------------------------------------------------------


def _single(group: Group, factor: Factor, words: _Words) -> CanonicalForm:
    """Form of an atomic group along some axes."""
    role = factor.group.role
    if role.kind is Kind.EXCHANGES:
        return SortForm(group, words.order if role.sorts else "lexicographic")
    if role.kind is Kind.RING:
        return RotationForm(group)
    if role.kind is Kind.GRAPH:
        return GraphForm(group)
    if role.nested is not None and factor.axes == tuple(range(len(factor.shape))):
        return _blocks(group, *role.nested, words)
    return _listed_or_searched(group)


def _blocks(group: Group, inner: Group, outer: Group, words: _Words) -> CanonicalForm:
    """Form of a wreath product on all features: of every block, then of the blocks."""
    shape = (outer.degree, inner.degree)
    arranged = _chosen(outer.along(0, shape), words)
    return WreathForm(group, shape, _chosen(inner, words), arranged)


def _listed_or_searched(group: Group) -> CanonicalForm:
    if group.order * group.degree <= _FEW_NUMBERS or not group.is_signed_permutation:
        return _enumerated(group)
    return _chain(group)


def _product(group: Group, factors: Sequence[Factor], words: _Words) -> CanonicalForm:
    """Form of a product of finite groups that commute."""
    parts = [f.action for f in factors]
    apart = _apart(parts)
    if len(apart) > 1:
        return SequenceForm(group, [_chosen(reduce(mul, some), words) for some in apart])
    if group.order <= _FEW and words.order == "lexicographic":
        return _enumerated(group)
    inner = max(parts, key=lambda part: (words.sorts(part), part.order))
    rest = reduce(mul, [part for part in parts if part is not inner])
    if rest.order <= _FEW or words.sorts(inner) or not group.is_signed_permutation:
        return LeastForm(group, _chosen(inner, words), rest, _MAX_ELEMENTS)
    return _chain(group)


def _apart(parts: Sequence[Group]) -> list[list[Group]]:
    """The groups in parcels that move different features."""
    parcels: list[tuple[NDArray[np.bool_], list[Group]]] = []
    for part in parts:
        moved, group = _moved(part), [part]
        for other in [parcel for parcel in parcels if (parcel[0] & moved).any()]:
            parcels.remove(other)
            moved, group = moved | other[0], other[1] + group
        parcels.append((moved, group))
    return [group for _, group in parcels]


def _moved(group: Group) -> NDArray[np.bool_]:
    """Which features some element of a finite group changes."""
    moved = np.zeros(group.degree, bool)
    for g in group.generators:
        if isinstance(g, SignedPermutation):
            moved |= g.indices != np.arange(group.degree)
            if g.signs is not None:
                moved |= g.signs < 0
        else:
            moved |= (g.as_matrix() != np.eye(group.degree)).any(axis=1)
    return moved


def _fits(group: Group) -> bool:
    """Whether the elements of a finite group can be listed."""
    return group.order * group.degree <= MAX_NUMBERS


def _enumerated(group: Group) -> CanonicalForm:
    if not group.is_finite:
        raise ValueError(f"method='enumerate' serves finite groups, and {group!r} is none")
    if group.is_signed_permutation and not _fits(group):
        limit = MAX_NUMBERS // group.degree
        raise GroupTooLargeError(repr(group), group.order, limit, "method='auto' lists nothing")
    return EnumeratedForm(group)


def _chain(group: Group) -> CanonicalForm:
    if not (group.is_finite and group.is_signed_permutation):
        raise ValueError(
            f"method='chain' serves finite groups of (signed) permutations, and {group!r} is none"
        )
    return ChainForm(group)


# -- continuous groups ------------------------------------------------------------------------


def _continuous(group: Group, factors: Sequence[Factor], words: _Words) -> CanonicalForm:
    """Form of shifts, rotations and motions, beside finite groups or not."""
    heads = [f for f in factors if not f.group.is_finite]
    for f in heads:
        if f.group.role.power is not None:
            raise ValueError(
                f"{f.action!r} has no canonical form here: those known of rotations are of points; "
                "of tensors, finite groups have one"
            )
    finite = group.structure.finite
    turning = any(f.group.role.rotates for f in heads)
    if turning and finite and _exchanges_points(group):
        return PermutedFrameForm(group, words.weights)
    if finite and words.weights is not None:
        raise ValueError(
            "weights are for rotations and motions alone, or beside Symmetric or Young along all "
            f"other axes; got weights and {group!r}"
        )
    motions = product_of(heads)
    form = FrameForm(motions, words.weights) if turning else ShiftForm(motions, words.weights)
    if not finite:
        return form
    rest = product_of(finite)
    # Orthogonal maps that take shifts to shifts commute with centring; angles have a mean direction
    # that permutations leave where it is.
    if not turning and (rest.is_permutation or heads[0].group.role.translates):
        return SequenceForm(group, [form, _chosen(rest, words)])
    return LeastForm(group, form, rest, _MAX_ELEMENTS)


def _exchanges_points(group: Group) -> bool:
    try:
        return cloud_action(group).blocks is not None
    except ValueError:
        return False


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
