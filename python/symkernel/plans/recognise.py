"""Find the closed form of a group's average from its structure."""

from __future__ import annotations

from math import exp, log, prod

import numpy as np

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.backends.forms import FormTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.groups._advice import brief
from symkernel.groups.along import places
from symkernel.groups.factor import Factor
from symkernel.groups.role import Kind
from symkernel.groups.structure import Structure
from symkernel.plans.base import Array

# Row permutations that are summed over beside a closed form; more would take too long.
MAX_ROWS = 100_000
# Permanents of more points are out of reach: 24 take 2e8 multiply-adds a pair.
MAX_PERMANENT = 24


def recognise(structure: Structure) -> FormTable:
    """Return the table of the closed form for what a group is made of, less its translations.

    Raises
    ------
    NotApplicableError
        If there is none; the message says what was looked for.
    """
    factors, shape = structure.factors, structure.shape
    if shape is None:
        raise _none(structure.group)
    table = _single(factors[0], shape) if len(factors) == 1 else None
    if table is not None:
        return table
    heads = [f for f in factors if _point_form(f) is not None]
    if len(heads) != 1:
        raise _none(structure.group)
    head = heads[0]
    form = _point_form(head)
    assert form is not None
    rows = row_permutations(structure, head)
    if rows is None:
        others = structure.beside(head)
        log_count = sum(f.group.log_order for f in others)
        if log_count > log(MAX_ROWS) and structure.point_permutations(head) is not None:
            raise NotApplicableError(
                f"{structure.group!r} has a closed form to be summed over "
                f"{format_order(log_count)} permutations of the points; at most {MAX_ROWS:,} are "
                "summed over"
            )
        raise _none(structure.group)
    at = places(head.axes, shape)
    return FormTable(form, rows, (at.shape,), at.ravel())


def format_order(log_order: float) -> str:
    """Number of elements, given its logarithm, in words: in full below 10^10."""
    if log_order < log(1e10):
        return f"{exp(log_order):,.0f}"
    return f"about 10^{log_order / log(10):.0f}"


def _none(group: Group) -> NotApplicableError:
    return NotApplicableError(
        f"{brief(group)} has no closed form here; those known are SignFlips, Symmetric, "
        "Young and Hyperoctahedral on points, SO(2), O(2), SO(3), O(3), PointGroup('O') and "
        "PointGroup('Oh') on clouds (with permutations of their points), SO(d) and O(d) on one "
        "vector, each with Translations"
    )


def _point_form(factor: Factor) -> str | None:
    """Closed form of a group that turns the points of a cloud."""
    role = factor.group.role
    if role.rotates and factor.group.degree in (2, 3):
        name = "orthogonal" if role.reflections else "rotations"
        return f"{name}_{factor.group.degree}"
    if role.kind is Kind.OCTAHEDRAL:
        return "octahedral" if role.reflections else "octahedral_rotations"
    return None


def _single(factor: Factor, shape: tuple[int, ...]) -> FormTable | None:
    """Closed forms of a group that stands alone."""
    role, points, d = factor.group.role, factor.group.degree, prod(shape)
    if role.rotates and points == d and d >= 2:
        return FormTable("sphere", np.zeros((1, 1), dtype=np.int32), ((1, d),), np.arange(d))
    if role.flips and points == d:
        return FormTable("sign_flips", np.arange(d)[None], ((d, 1),), np.arange(d))
    first = places(factor.axes, shape).T  # (points, coordinates)
    rest = d // points
    if role.flips:  # of whole points: a signed permutation of each one alone
        blocks = ((1, rest),) * points
        return FormTable("signed_permanents", np.zeros((1, points), int), blocks, first.ravel())
    if role.exchanges and max(map(len, role.blocks)) <= MAX_PERMANENT:
        form = "signed_permanents" if role.signs else "permanents"
        order = [place for block in role.blocks for place in block]
        rows = np.concatenate([np.arange(len(block)) for block in role.blocks])[None]
        blocks = tuple((len(block), rest) for block in role.blocks)
        return FormTable(form, rows, blocks, first[order].ravel())
    return None


def row_permutations(structure: Structure, head: Factor) -> Array | None:
    """Permutations of the points by the other factors; None if they are too many or have signs."""
    group = structure.point_permutations(head)
    if group is None or group.order > MAX_ROWS:
        return None
    table = group.table(MAX_ROWS)
    assert isinstance(table, SignedPermutationTable)
    return np.asarray(table.indices)
