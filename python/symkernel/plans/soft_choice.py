"""Choose how a kernel is averaged with weights that prefer elements near the identity."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.backends.forms import FormTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Trivial
from symkernel.groups.by_group import ByGroup
from symkernel.groups.role import Kind
from symkernel.groups.structure import product_of
from symkernel.plans.base import Array, BaseSpec, Plan
from symkernel.plans.centred import Centred
from symkernel.plans.planner import make_plan
from symkernel.plans.recognise import MAX_PERMANENT
from symkernel.plans.soft_form import Augmented, SoftForm
from symkernel.plans.soft_limit import Limit
from symkernel.plans.soft_pieces import Elements, Piece, elements_of, pieces_of
from symkernel.plans.soft_sum import SoftSum, element_weights
from symkernel.plans.weighted_tables import Table

__all__ = ["soft_pieces", "soft_plan"]

# From here on elements are not listed only to see whether their sum would be cheaper.
_MANY = 1000

# Takes numbers of pieces, and whether matrices may act on points, to the elements of their product.
Listed = Callable[[tuple[int, ...], bool], Elements[Table]]


# Pieces of a group, and the elements of some of them, kept with the group.
def _pieces(group: Group) -> tuple[Piece, ...]:
    return pieces_of(group.structure.rest)


soft_pieces = ByGroup(_pieces)


def _no_elements(group: Group) -> dict[Hashable, Elements[Table]]:
    return {}


_elements = ByGroup(_no_elements)


def soft_plan(
    base: BaseSpec, group: Group, kappas: NDArray[np.float64], slopes: bool = True
) -> Plan:
    """Plan for averaging a kernel over a group with weights exp(sum of kappa tr T(g)).

    Parameters
    ----------
    base : BaseSpec
        Base kernel; the caller has checked that the group leaves it invariant.
    group : Group
        Group that acts on the samples; its translations are removed exactly.
    kappas : ndarray of shape (pieces,)
        Concentration at the identity of every one of ``soft_pieces(group)``: 0 is the plain mean,
        infinity leaves the identity alone.
    slopes : bool, default=True
        Whether derivatives for kappa are asked for at a limit, where values do without weights.

    Returns
    -------
    Plan
        Its ``gradient`` and ``diag_gradient`` have a plane for every kappa behind those of the
        hyperparameters: nan for kappa of a continuous group that is 0 or infinite.

    Raises
    ------
    NotApplicableError
        If weights over the group have no closed form here and cannot be summed.
    GroupTooLargeError
        If there are too many elements for a sum.
    """
    pieces = soft_pieces(group)
    count = len(pieces)
    kept = np.flatnonzero(np.isfinite(kappas))
    planes: list[int | float] = [0.0 if p.group.is_finite else math.nan for p in pieces]
    if not kept.size:
        return Limit(make_plan(base, _translations(group)), planes)
    if kept.size == count and not kappas.any():
        hard = make_plan(base, group)
        if not slopes:
            return Limit(hard, [math.nan] * count)
        kept_plan: list[Plan] = []

        def weighted() -> Plan:
            if not kept_plan:
                kept_plan.append(_weighted(base, group, kappas, kept))
            return kept_plan[0]

        return Limit(hard, [k - count for k in range(count)], weighted)
    plan = _weighted(base, group, kappas, kept)
    if kept.size == count:
        return plan
    for place, k in enumerate(kept):
        planes[k] = place - kept.size
    return Limit(plan, planes, lambda: plan, own=kept.size)


def _translations(group: Group) -> Group:
    """What is left of a group whose elements other than translations weigh nothing."""
    structure = group.structure
    if len(structure.centring) > len(structure.centres):
        raise NotApplicableError(
            f"{group!r} has translations on some columns, which softness=1 does not keep here: use "
            "softness below 1, or InvariantKernel with these translations alone"
        )
    return product_of(structure.centres) if structure.centres else Trivial(group.degree)


def _weighted(
    base: BaseSpec, group: Group, kappas: NDArray[np.float64], kept: NDArray[np.intp]
) -> Plan:
    """Plan for the pieces that have a finite kappa, whose planes are those of these pieces."""
    pieces = tuple(soft_pieces(group)[k] for k in kept)
    known = _elements(group)

    def listed(at: tuple[int, ...], on_points: bool) -> Elements[Table]:
        key = (*(int(kept[k]) for k in at), on_points)
        if key not in known:
            known[key] = elements_of(tuple(pieces[k] for k in at), group.degree, on_points)
        return known[key]

    return _of_pieces(base, group, pieces, kappas[kept], listed)


def _of_pieces(
    base: BaseSpec, group: Group, pieces: tuple[Piece, ...], kappas: Array, listed: Listed
) -> Plan:
    infinite = [k for k, p in enumerate(pieces) if not p.group.is_finite]
    if infinite:
        return SoftForm(base, group, _turned(group, pieces, kappas, infinite, listed))
    many = sum(p.group.log_order for p in pieces) > math.log(_MANY)
    form: SoftForm | None = None
    if base.traits.mixture and not base.traits.manhattan:
        found = _closed(base, group, pieces, kappas, listed)
        try:
            form = None if found is None else SoftForm(base, group, found)
        except NotApplicableError:  # a mixture that no rule is known for
            if many:
                raise
    if form is not None and many:
        return form
    every = tuple(range(len(pieces)))
    structure = group.structure

    def all_listed(on_points: bool) -> Elements[Table]:
        return listed(every, on_points)

    plan = SoftSum(base, structure.rest, pieces, all_listed, kappas)
    # (the form has no derivative for kappa at 0)
    if form is not None and kappas.all() and form.cost.total < plan.cost.total:
        return form
    return Centred(structure, plan) if structure.translates else plan


def _closed(
    base: BaseSpec, group: Group, pieces: tuple[Piece, ...], kappas: Array, listed: Listed
) -> Augmented | None:
    """The closed form of a finite group, if there is one."""
    if len(pieces) == 1:
        found = _exchanged(pieces[0], float(kappas[0]))
        if found is not None:
            return found
    own = [k for k, p in enumerate(pieces) if p.group.role.kind is Kind.OCTAHEDRAL and p.covers]
    if len(own) != 1 or base.traits.kink:
        return None
    return _with_permutations(group, pieces, kappas, own[0], listed)


def _turned(
    group: Group, pieces: tuple[Piece, ...], kappas: Array, infinite: list[int], listed: Listed
) -> Augmented:
    """Rotations of clouds in two or three dimensions, beside permutations of the points."""
    piece = pieces[infinite[0]]
    role, r = piece.group.role, piece.group.degree
    if len(infinite) > 1 or not role.rotates or r not in (2, 3) or not piece.covers:
        raise NotApplicableError(
            f"weights over {group!r} have no closed form here: of continuous groups those known "
            "are SO(2), O(2), SO(3) and O(3) on all features, one of them, beside permutations of "
            "points. ChainKernel(base, [None, group]) mixes the plain and the invariant kernel "
            "for every group; a finite subgroup, such as PointGroup or Cyclic, can be soft"
        )
    found = _with_permutations(group, pieces, kappas, infinite[0], listed)
    if found is None:
        raise NotApplicableError(
            f"weights over {group!r} have no closed form here: beside {piece.group!r} "
            "something does more than permute points. Give softness=0 or 1 to one of them in a "
            "kernel of its own, or mix averages with ChainKernel"
        )
    return found


def _with_permutations(
    group: Group, pieces: tuple[Piece, ...], kappas: Array, own: int, listed: Listed
) -> Augmented | None:
    """A piece that turns all points in closed form, if the others permute the points."""
    piece = pieces[own]
    role, r, points = piece.group.role, piece.group.degree, len(piece.places)
    others = tuple(k for k in range(len(pieces)) if k != own)
    found = listed(others, False)
    rows = _rows(piece, found.table)
    if rows is None:
        return None
    if role.kind is Kind.OCTAHEDRAL:
        name = "octahedral" if role.reflections else "octahedral_rotations"
    else:
        name = f"{'orthogonal' if role.reflections else 'rotations'}_{r}"
    added = np.arange(r * r) + group.degree
    layout = np.concatenate([piece.places.ravel(), added])
    fixed = np.tile(np.arange(points, points + r), (len(rows), 1))
    whole = np.ascontiguousarray(np.hstack([rows, fixed]), np.int32)
    # the form gives its permutations equal weight: one table for each of their classes
    _, which = np.unique(found.traces, axis=0, return_inverse=True)
    members = [np.flatnonzero(which.ravel() == c) for c in range(which.max() + 1)]
    tables = [FormTable(name, whole[m], ((points + r, r),), layout) for m in members]
    each, inner = element_weights(found.traces, kappas[list(others)])
    weights = np.array([each[m].sum() for m in members])
    slopes = np.zeros((len(members), len(pieces)))
    slopes[:, list(others)] = [inner[m].sum(axis=0) for m in members]
    block = np.eye(r).ravel()
    return Augmented(tuple(tables), weights, slopes, block, float(kappas[own]), own)


def _rows(piece: Piece, table: Any) -> Array | None:
    """Elements as permutations of the points of a piece; None if they are not."""
    if not isinstance(table, SignedPermutationTable) or table.signs is not None:
        return None
    rows = piece.places
    point = np.empty(piece.degree, np.int64)
    point[rows.ravel()] = np.repeat(np.arange(len(rows)), rows.shape[1])
    moved = point[table.indices[:, rows[:, 0]]]
    return moved if np.array_equal(rows[moved], table.indices[:, rows]) else None


def _exchanged(piece: Piece, kappa: float) -> Augmented | None:
    """Permutations of points within blocks, with signs or without, and changes of sign."""
    role, d = piece.group.role, piece.degree
    if role.kind is not Kind.EXCHANGES or role.even or not piece.covers:
        return None
    first = piece.places.T  # (points, coordinates)
    points, rest = first.shape
    if role.flips:
        added = d + np.arange(points)[:, None]
        layout = np.hstack([first, added]).ravel()
        blocks: tuple[tuple[int, int], ...] = ((1, rest + 1),) * points
        rows, block = np.zeros((1, points), np.int64), np.ones(points)
    elif not role.blocks or max(map(len, role.blocks)) > MAX_PERMANENT:
        return None
    else:
        parts, values, at = [], [], d
        for members in role.blocks:
            size = len(members)
            own = at + np.arange(size * size).reshape(size, size)
            parts.append(np.hstack([first[list(members)], own]).ravel())
            values.append(np.eye(size).ravel())
            at += size * size
        layout, block = np.concatenate(parts), np.concatenate(values)
        blocks = tuple((len(b), rest + len(b)) for b in role.blocks)
        rows = np.concatenate([np.arange(len(b)) for b in role.blocks])[None]
    form = "signed_permanents" if role.signs else "permanents"
    table = FormTable(form, rows, blocks, layout)
    return Augmented((table,), np.ones(1), np.zeros((1, 1)), block, kappa, 0)
