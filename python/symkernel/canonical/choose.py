"""Which canonical form serves which group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from numbers import Real
from operator import mul

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.canonical.base import CanonicalForm
from symkernel.canonical.compose import SequenceForm, TrivialForm
from symkernel.canonical.least import LeastForm
from symkernel.groups import Factor, Group, GroupTooLargeError, SignedPermutation, Trivial

__all__ = ["canonical_form"]

METHODS = ("auto", "chain", "enumerate")
ORDERS = ("lexicographic", "hilbert")

# Elements that are listed at most, and entries of their table: 256 MB of indices.
_MAX_ELEMENTS = 100_000
_MAX_ENTRIES = 2**26
# Elements of the smaller factors of a product that are listed rather than searched by a chain.
_FEW = 1000


def canonical_form(
    group: Group,
    method: str = "auto",
    *,
    order: str = "lexicographic",
    weights: ArrayLike | None = None,
    tolerance: float = 1e-8,
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
    tolerance : float, default=1e-8
        Gap up to which a sample counts as degenerate.

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
    if not isinstance(group, Group):
        raise TypeError(f"group must be a Group, got {type(group).__name__}")
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; known methods: {_listed(METHODS)}")
    if order not in ORDERS:
        raise ValueError(f"order={order!r} is unknown; known orders: {_listed(ORDERS)}")
    if not (isinstance(tolerance, Real) and 0 <= tolerance < 1):
        raise ValueError(f"tolerance must be a number in [0, 1), got {tolerance!r}")
    words = _Words(order, weights, float(tolerance))
    if method == "enumerate":
        words.refuse_weights(group)
        return _enumerated(group, words)
    if method == "chain":
        words.refuse_weights(group)
        return _chain(group)
    return _chosen(group, words)


@dataclass(frozen=True)
class _Words:
    """What the user said about the form."""

    order: str
    weights: ArrayLike | None
    tolerance: float

    def refuse_weights(self, group: Group) -> None:
        if self.weights is not None:
            raise ValueError(
                f"weights are those of points that rotations or motions move as one; {group!r} "
                "has a canonical form that does not depend on any"
            )


def _chosen(group: Group, words: _Words) -> CanonicalForm:
    if group.order == 1:
        words.refuse_weights(group)
        return TrivialForm(group)
    factors = [f for f in group.factors() if f.group.order > 1]
    if not group.is_finite:
        return _continuous(group, factors, words)
    words.refuse_weights(group)
    if len(factors) == 1:
        return _single(group, factors[0], words)
    return _product(group, factors, words)


# -- finite groups ----------------------------------------------------------------------------


def _single(group: Group, factor: Factor, words: _Words) -> CanonicalForm:
    """Form of an atomic group along some axes."""
    if (_fits(group) and group.order <= _FEW) or not group.is_signed_permutation:
        return _enumerated(group, words)
    return _chain(group)


def _product(group: Group, factors: Sequence[Factor], words: _Words) -> CanonicalForm:
    """Form of a product of finite groups that commute."""
    parts = [f.group.along(f.axes, f.shape) for f in factors]
    apart = _apart(parts)
    if len(apart) > 1:
        return SequenceForm(group, [_chosen(reduce(mul, some), words) for some in apart])
    largest = max(parts, key=lambda part: part.order)
    rest = reduce(mul, [part for part in parts if part is not largest])
    if rest.order <= _FEW or not group.is_signed_permutation:
        return LeastForm(group, _chosen(largest, words), rest, _MAX_ELEMENTS, words.tolerance)
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
    entries = group.degree if group.is_signed_permutation else group.degree**2
    return group.order <= min(_MAX_ELEMENTS, _MAX_ENTRIES // entries)


def _enumerated(group: Group, words: _Words) -> CanonicalForm:
    if not group.is_finite or not _fits(group):
        raise GroupTooLargeError(
            repr(group),
            group.order,
            _MAX_ELEMENTS,
            "method='auto' does not list them" if group.is_signed_permutation else "",
        )
    alone = TrivialForm(Trivial(group.degree))
    return LeastForm(group, alone, group, _MAX_ELEMENTS, words.tolerance)


def _chain(group: Group) -> CanonicalForm:
    if not (group.is_finite and group.is_signed_permutation):
        raise ValueError(
            f"method='chain' serves finite groups of (signed) permutations, and {group!r} is none"
        )
    raise ValueError("no chain yet")


# -- continuous groups ------------------------------------------------------------------------


def _continuous(group: Group, factors: Sequence[Factor], words: _Words) -> CanonicalForm:
    raise ValueError("none yet")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
