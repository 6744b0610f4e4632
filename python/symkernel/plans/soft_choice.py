"""Choose how a kernel is averaged with weights that prefer elements near the identity."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.forms import FormTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Trivial
from symkernel.groups.by_group import ByGroup
from symkernel.groups.role import Kind
from symkernel.groups.structure import product_of
from symkernel.plans.base import Array, BaseSpec, Plan
from symkernel.plans.planner import make_plan
from symkernel.plans.recognise import MAX_PERMANENT
from symkernel.plans.soft_form import Augmented, SoftForm
from symkernel.plans.soft_limit import Limit
from symkernel.plans.soft_pieces import Class, Piece, classes, pieces_of
from symkernel.plans.soft_sum import SoftSum, class_weights

__all__ = ["soft_pieces", "soft_plan"]

# Up to here a sum over the elements is cheaper than a permanent.
_FEW = 1000

# Takes numbers of pieces to the classes of their elements.
Listed = Callable[[tuple[int, ...]], tuple[Class, ...]]


# Pieces of a group, and the classes of some of them, kept with the group.
def _pieces(group: Group) -> tuple[Piece, ...]:
    return pieces_of(group.structure.rest)


soft_pieces = ByGroup(_pieces)


def _no_classes(group: Group) -> dict[Hashable, tuple[Class, ...]]:
    return {}


_classes = ByGroup(_no_classes)


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
    known = _classes(group)

    def listed(at: tuple[int, ...]) -> tuple[Class, ...]:
        key = tuple(int(kept[k]) for k in at)
        if key not in known:
            known[key] = classes(tuple(pieces[k] for k in at), group.degree)
        return known[key]

    return _of_pieces(base, group, pieces, kappas[kept], listed)


def _of_pieces(
    base: BaseSpec, group: Group, pieces: tuple[Piece, ...], kappas: Array, listed: Listed
) -> Plan:
    infinite = [k for k, p in enumerate(pieces) if not p.group.is_finite]
    if infinite:
        return SoftForm(base, group, _turned(group, pieces, kappas, infinite, listed))
    alone = pieces[0] if len(pieces) == 1 else None
    many = alone is not None and alone.group.log_order > math.log(_FEW)
    if alone is not None and many and base.traits.mixture and not base.traits.manhattan:
        found = _exchanged(alone, float(kappas[0]))
        if found is not None:
            return SoftForm(base, group, found)
    return SoftSum(base, group, listed(tuple(range(len(pieces)))), kappas)


def _turned(
    group: Group, pieces: tuple[Piece, ...], kappas: Array, infinite: list[int], listed: Listed
) -> Augmented:
    """Rotations of clouds in two or three dimensions, beside permutations of the points."""
    own = infinite[0]
    piece = pieces[own]
    role, r = piece.group.role, piece.group.degree
    if len(infinite) > 1 or not role.rotates or r not in (2, 3) or not piece.covers:
        raise NotApplicableError(
            f"weights over {group!r} have no closed form here: of continuous groups those known "
            "are SO(2), O(2), SO(3) and O(3) on all features, one of them, beside permutations of "
            "points. ChainKernel(base, [None, group]) mixes the plain and the invariant kernel "
            "for every group; a finite subgroup, such as PointGroup or Cyclic, can be soft"
        )
    points = len(piece.places)
    others = tuple(k for k in range(len(pieces)) if k != own)
    found = listed(others)
    tables = []
    name = f"{'orthogonal' if role.reflections else 'rotations'}_{r}"
    added = np.arange(r * r) + group.degree
    layout = np.concatenate([piece.places.ravel(), added])
    for c in found:
        rows = _rows(piece, c)
        if rows is None:
            raise NotApplicableError(
                f"weights over {group!r} have no closed form here: beside {piece.group!r} "
                "something does more than permute points. Give softness=0 or 1 to one of them in a "
                "kernel of its own, or mix averages with ChainKernel"
            )
        fixed = np.tile(np.arange(points, points + r), (len(rows), 1))
        whole = np.ascontiguousarray(np.hstack([rows, fixed]), np.int32)
        tables.append(FormTable(name, whole, ((points + r, r),), layout))
    weights, inner = class_weights(found, kappas[list(others)])
    slopes = np.zeros((len(found), len(pieces)))
    slopes[:, list(others)] = inner
    block = np.eye(r).ravel()
    return Augmented(tuple(tables), weights, slopes, block, float(kappas[own]), own)


def _rows(piece: Piece, found: Class) -> Array | None:
    """Elements of a class as permutations of the points of a piece; None if they are not."""
    indices = getattr(found.table, "indices", None)
    if indices is None or found.table.signs is not None:  # type: ignore[union-attr]
        return None
    rows = piece.places
    point = np.empty(piece.degree, np.int64)
    point[rows.ravel()] = np.repeat(np.arange(len(rows)), rows.shape[1])
    moved = point[indices[:, rows[:, 0]]]
    return moved if np.array_equal(rows[moved], indices[:, rows]) else None


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
