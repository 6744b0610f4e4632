"""Bring a group's action to normal form: centring, permutations of points, a closed form."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import exp, log, prod
from operator import mul

import numpy as np

from symkernel.backends.forms import FormTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import (
    SO,
    Group,
    Hyperoctahedral,
    O,
    PointGroup,
    SignFlips,
    Symmetric,
    Translations,
    Trivial,
    Young,
)
from symkernel.groups.factor import Factor
from symkernel.groups.table import SignedPermutationTable
from symkernel.plans.base import Array

# Row permutations that are summed over beside a closed form; more would take too long.
MAX_ROWS = 100_000
# Permanents of more points are out of reach: 24 take 2e8 multiply-adds a pair.
MAX_PERMANENT = 24


_rests: weakref.WeakKeyDictionary[Group, Group] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class NormalForm:
    """A group as translations, which centring removes, and the factors that are left.

    Parameters
    ----------
    centres : tuple of (axes, shape)
        Samples of that shape are centred over all other axes.
    factors : tuple of Factor
        What remains, in the order given.
    """

    group: Group
    centres: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    factors: tuple[Factor, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """What centring does, in words."""
        return tuple(
            f"centre along axis {axes[0] if len(axes) == 1 else axes}" for axes, _ in self.centres
        )

    @property
    def rest(self) -> Group:
        """The group without its translations, as a group of its own."""
        if not self.centres:
            return self.group
        # One object for the life of the group: tables of its elements are kept with it.
        if self.group not in _rests:
            actions: list[Group] = [f.group.along(f.axes, f.shape) for f in self.factors]
            _rests[self.group] = reduce(mul, actions or [Trivial(self.group.degree)])
        return _rests[self.group]

    def centred(self, X: Array) -> Array:
        """Samples less the mean of their points: the quotient by translations."""
        for axes, shape in self.centres:
            others = tuple(1 + a for a in range(len(shape)) if a not in axes)
            arrays = X.reshape(len(X), *shape)
            X = (arrays - arrays.mean(axis=others, keepdims=True)).reshape(X.shape)
        return X


def normal_form(group: Group) -> NormalForm:
    """Split a group into translations and the rest."""
    factors = group.factors()
    centres = tuple((f.axes, f.shape) for f in factors if isinstance(f.group, Translations))
    rest = tuple(
        f for f in factors if not isinstance(f.group, Translations) and not _is_trivial(f.group)
    )
    return NormalForm(group, centres, rest)


def _is_trivial(group: Group) -> bool:
    return isinstance(group, Trivial) or group.log_order == 0.0


def recognise(normal: NormalForm) -> FormTable:
    """Table of the closed form for a normal form.

    Raises
    ------
    NotApplicableError
        If there is none; the message says what was looked for.
    """
    factors = normal.factors
    shapes = {f.shape for f in factors}
    if not factors or len(shapes) > 1:
        raise _none(normal.group)
    shape = factors[0].shape
    table = _single(factors[0], shape) if len(factors) == 1 else None
    if table is not None:
        return table
    heads = [f for f in factors if _point_form(f) is not None]
    if len(heads) != 1:
        raise _none(normal.group)
    head = heads[0]
    form = _point_form(head)
    assert form is not None
    others = [f for f in factors if f is not head]
    if any(not f.group.is_finite or set(f.axes) & set(head.axes) for f in others):
        raise _none(normal.group)
    rows = row_permutations(others, head.axes, shape)
    if rows is None:
        log_count = sum(f.group.log_order for f in others)
        if log_count > log(MAX_ROWS) and all(f.group.is_permutation for f in others):
            raise NotApplicableError(
                f"{normal.group!r} has a closed form to be summed over {format_order(log_count)} "
                f"permutations of the points; at most {MAX_ROWS:,} are summed over"
            )
        raise _none(normal.group)
    r = prod(shape[a] for a in head.axes)
    return FormTable(form, rows, ((rows.shape[1], r),), features_by_point(shape, head.axes))


def format_order(log_order: float) -> str:
    """Number of elements, given its logarithm, in words: in full below 10^10."""
    if log_order < log(1e10):
        return f"{exp(log_order):,.0f}"
    return f"about 10^{log_order / log(10):.0f}"


def _none(group: Group) -> NotApplicableError:
    return NotApplicableError(
        f"{group!r} has no closed form here; those known are SignFlips, Symmetric, "
        "Young and Hyperoctahedral on points, SO(2), O(2), SO(3), O(3), PointGroup('O') and "
        "PointGroup('Oh') on clouds (with permutations of their points), SO(d) and O(d) on one "
        "vector, each with Translations"
    )


def features_by_point(shape: Sequence[int], axes: Sequence[int]) -> Array:
    """Features point by point: the given axes last."""
    rest = [a for a in range(len(shape)) if a not in axes]
    return np.arange(prod(shape)).reshape(shape).transpose(*rest, *axes).ravel()


def _point_form(factor: Factor) -> str | None:
    """Closed form of a group that turns the points of a cloud."""
    group = factor.group
    names = {2: ("rotations_2", "orthogonal_2"), 3: ("rotations_3", "orthogonal_3")}
    if isinstance(group, SO) and group.degree in names:
        return names[group.degree][0]
    if isinstance(group, O) and group.degree in names:
        return names[group.degree][1]
    if isinstance(group, PointGroup) and group.degree == 3:
        if group == PointGroup("Oh"):
            return "octahedral"
        if group == PointGroup("O"):
            return "octahedral_rotations"
    return None


def _single(factor: Factor, shape: tuple[int, ...]) -> FormTable | None:
    """Closed forms of a group that stands alone."""
    group, d = factor.group, prod(shape)
    first = features_by_point(shape, [a for a in range(len(shape)) if a not in factor.axes])
    points, rest = group.degree, d // group.degree
    if isinstance(group, SO | O) and group.degree == d and d >= 2:
        return FormTable("sphere", np.zeros((1, 1), dtype=np.int32), ((1, d),), np.arange(d))
    if isinstance(group, SignFlips) and points == d:
        return FormTable("sign_flips", np.arange(d)[None], ((d, 1),), np.arange(d))
    if isinstance(group, SignFlips):  # of whole points: a signed permutation of each one alone
        blocks = ((1, rest),) * points
        return FormTable("signed_permanents", np.zeros((1, points), int), blocks, first)
    if isinstance(group, Symmetric | Hyperoctahedral) and points <= MAX_PERMANENT:
        signed = isinstance(group, Hyperoctahedral)
        form = "signed_permanents" if signed else "permanents"
        return FormTable(form, np.arange(points)[None], ((points, rest),), first)
    if isinstance(group, Young) and max(map(len, group.blocks)) <= MAX_PERMANENT:
        places = [place for block in group.blocks for place in block]
        rows = np.concatenate([np.arange(len(block)) for block in group.blocks])[None]
        blocks = tuple((len(block), rest) for block in group.blocks)
        return FormTable("permanents", rows, blocks, first.reshape(points, rest)[places].ravel())
    return None


def row_permutations(
    others: Sequence[Factor], head: Sequence[int], shape: Sequence[int]
) -> Array | None:
    """Permutations of the points by the other factors; None if they are too many or have signs."""
    rest = [a for a in range(len(shape)) if a not in head]
    lengths = tuple(shape[a] for a in rest)
    points = prod(lengths)
    group: Group = Trivial(points)
    for factor in others:
        if not factor.group.is_permutation:
            return None
        action = factor.group.along(tuple(rest.index(a) for a in factor.axes), lengths)
        group = action if isinstance(group, Trivial) else group * action
    if group.order > MAX_ROWS:
        return None
    table = group.table(MAX_ROWS)
    assert isinstance(table, SignedPermutationTable)
    return np.asarray(table.indices)
