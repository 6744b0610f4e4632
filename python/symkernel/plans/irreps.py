"""Decompose a finite group's action into isotypic parts, numerically from its elements.

In an orthonormal basis that splits R^d into real irreducible representations, copies of one sharing
their matrices, the action is block diagonal and

    x . g y = sum over rho of <A_rho, rho(g)>,   A_rho[a, b] = sum over copies of x_a y_b.

Forming all A_rho takes sum of m_rho d_rho^2 multiply-adds instead of |G| d (m_rho copies of
dimension d_rho); the sum over rho is then a product with a fixed |G| x (sum of d_rho^2) matrix.
Source: Serre, Linear Representations of Finite Groups (1977), section 2; the random commuting
matrix is Dixon's method, Computing irreducible representations of groups (1970).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from symkernel.backends.element_tables import ActionTable, MatrixTable, SignedPermutationTable
from symkernel.backends.fourier_tables import BlockTable
from symkernel.exceptions import NotApplicableError
from symkernel.plans.base import Cost

Array = NDArray[Any]

# Matrices of irreducible representations are rounded to 0, 1 and -1 within this distance.
_SNAP = 1e-10
# Numbers of a sum over elements that are held at once: 16 MB, milliseconds between two interrupts.
_BLOCK = 2**21
# Most numbers in the matrices of all elements: 400 MB.
_MAX_ENTRIES = 5e7


def act(table: ActionTable, B: Array) -> Array:
    """G B for every element g: shape (|G|, d, columns)."""
    if isinstance(table, SignedPermutationTable):
        moved = B[table.indices]
        return moved if table.signs is None else moved * table.signs[:, :, None]
    return table.matrices @ B


@dataclass(eq=False)
class _Kind:
    """One irreducible representation: its matrices, and the bases of its copies by component."""

    matrices: Array
    copies: list[tuple[int, Array]] = field(default_factory=list)


def isotypic_decomposition(
    table: ActionTable, seed: int = 0, below: float = math.inf, work: float = math.inf
) -> BlockTable | None:
    """Decompose the action of a finite group into real irreducible representations.

    Parameters
    ----------
    table : ActionTable
        All elements of the group.
    seed : int, default=0
        Seed of the random commuting matrix; the subspaces do not depend on it.
    below : float, default=inf
        Cost per pair that a plan of the result has to undercut to be of use.
    work : float, default=inf
        Multiply-adds that the search may take.

    Returns
    -------
    BlockTable or None
        One block per irreducible representation, its copies being those of the block. None if the
        decomposition does not reproduce the action to 1e-12, which a caller must treat as "not
        available".

    Raises
    ------
    NotApplicableError
        As soon as the result cannot undercut ``below``, or would take more work, or more than
        5e7 numbers.

    Notes
    -----
    Features that the group does not mix are decomposed apart. O(|G| c^2 r + c^3) time for each set
    of c features and representations of dimension up to r, |G| r^2 memory; sets on which the
    elements act alike are done once.
    """
    rng = np.random.default_rng(seed)
    components = _components(table)
    parts, same = _distinct(table, components)
    spaces = [_irreducible_subspaces(part, rng) for part in parts]
    _require_worth(table, spaces, same, below, work)
    kinds: list[_Kind] = []
    places = [
        [_place(kinds, _matrices(part, space), rng, space) for space in own]
        for part, own in zip(parts, spaces, strict=True)
    ]
    polished = [
        _polished(part, [(kinds[k].matrices, basis) for k, basis in own])
        for part, own in zip(parts, places, strict=True)
    ]
    for number, which in enumerate(same):
        for (k, _), basis in zip(places[which], polished[which], strict=True):
            kinds[k].copies.append((number, basis))
    kinds.sort(key=lambda kind: kind.matrices.shape[1])
    basis = np.zeros((sum(map(len, components)),) * 2)
    at = 0
    for kind in kinds:
        for number, own in kind.copies:
            basis[components[number], at : at + own.shape[1]] = own
            at += own.shape[1]
    blocks = [(len(kind.copies), kind.matrices.shape[1]) for kind in kinds]
    flat = np.hstack([kind.matrices.reshape(len(kind.matrices), -1) for kind in kinds])
    nearest = np.round(flat)
    flat = np.where(np.abs(flat - nearest) < _SNAP, nearest, flat)
    result = BlockTable(tuple(blocks), flat, basis)
    return result if _reproduces(result, table, rng) else None


def _require_worth(
    table: ActionTable, spaces: list[list[Array]], same: list[int], below: float, work: float
) -> None:
    """Raise NotApplicableError unless the subspaces leave a plan that may undercut a cost."""
    order = len(table)
    dimensions = [[space.shape[1] for space in own] for own in spaces]
    products = sum(r * r for which in same for r in dimensions[which])
    # Every dimension that occurs has a representation, every row of its matrices an entry.
    terms = sum({r for own in dimensions for r in own})
    if Cost(float(products + order * terms), float(order)).total >= below:
        raise NotApplicableError("irreducible representations would not be cheaper")
    matrices = sum(r * r for own in dimensions for r in own)
    steps = sum(len(own[0]) * r * r for own, d in zip(spaces, dimensions, strict=True) for r in d)
    if order * matrices > _MAX_ENTRIES or order * steps > work:
        raise NotApplicableError("the irreducible representations would take too long to find")


def _components(table: ActionTable) -> list[NDArray[np.intp]]:
    """Sets of features that the group does not mix with others, each ascending."""
    if isinstance(table, SignedPermutationTable):
        labels = table.indices.min(axis=0)  # the least feature of the orbit
    else:
        labels = connected_components((np.abs(table.matrices) > 1e-9).any(axis=0))[1]
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def _distinct(
    table: ActionTable, components: list[NDArray[np.intp]]
) -> tuple[list[ActionTable], list[int]]:
    """Different actions on components, and for every component which of them it is."""
    known: dict[bytes, int] = {}
    parts: list[ActionTable] = []
    same = []
    for features in components:
        if isinstance(table, SignedPermutationTable):
            indices = np.searchsorted(features, table.indices[:, features]).astype(np.int32)
            signs = None if table.signs is None else table.signs[:, features]
            part: ActionTable = SignedPermutationTable(indices, signs)
            key = indices.tobytes() + (b"" if signs is None else signs.tobytes())
        else:
            part = MatrixTable(table.matrices[:, features[:, None], features])
            key = part.matrices.tobytes()
        if key not in known:
            known[key] = len(parts)
            parts.append(part)
        same.append(known[key])
    return parts, same


def _blocks(table: ActionTable, numbers: int) -> Iterator[tuple[slice, ActionTable]]:
    """Some elements at a time, so many that as many numbers each stay in bounds."""
    step = max(1, _BLOCK // max(1, numbers))
    for first in range(0, len(table), step):
        rows = slice(first, first + step)
        if isinstance(table, SignedPermutationTable):
            signs = None if table.signs is None else table.signs[rows]
            yield rows, SignedPermutationTable(table.indices[rows], signs)
        else:
            yield rows, MatrixTable(table.matrices[rows])


def _size(table: ActionTable) -> int:
    if isinstance(table, SignedPermutationTable):
        return int(table.indices.shape[1])
    return int(table.matrices.shape[1])


def _matrices(table: ActionTable, space: Array) -> Array:
    """Matrices of all elements on an invariant subspace, (|G|, r, r)."""
    d, r = space.shape
    found = np.empty((len(table), r, r))
    for rows, block in _blocks(table, d * r):
        found[rows] = np.matmul(space.T, act(block, space))
    return found


def _irreducible_subspaces(table: ActionTable, rng: np.random.Generator) -> list[Array]:
    """Eigenspaces of a random symmetric matrix averaged over the group: each is irreducible."""
    d = _size(table)
    R = rng.standard_normal((d, d))
    R = R + R.T
    total = np.zeros((d, d))
    for _, block in _blocks(table, d * d):
        if isinstance(block, SignedPermutationTable):
            moved = R[block.indices[:, :, None], block.indices[:, None, :]]
            if block.signs is not None:
                moved *= block.signs[:, :, None]
                moved *= block.signs[:, None, :]
        else:
            moved = block.matrices @ R @ block.matrices.transpose(0, 2, 1)
        total += moved.sum(axis=0)
    values, vectors = np.linalg.eigh(total / len(table))
    gaps = np.flatnonzero(np.diff(values) > 1e-8 * np.abs(values).max()) + 1
    edges = [0, *gaps.tolist(), d]
    return [vectors[:, a:b] for a, b in pairwise(edges)]


def _place(
    kinds: list[_Kind], matrices: Array, rng: np.random.Generator, space: Array
) -> tuple[int, Array]:
    """Kind of an irreducible subspace, a new one if need be, and the basis with its matrices."""
    r = space.shape[1]
    for number, kind in enumerate(kinds):
        known = kind.matrices
        if known.shape[1] != r:
            continue
        same = np.trace(known, axis1=1, axis2=2) @ np.trace(matrices, axis1=1, axis2=2)
        if same < 0.5 * len(matrices):  # characters of distinct representations are orthogonal
            continue
        A = rng.standard_normal((r, r))
        T = np.einsum("gab,bc,gdc->ad", matrices, A, known, optimize=True)
        # T^T T is symmetric and commutes with an irreducible representation: a multiple of 1.
        u, _, vt = np.linalg.svd(T)
        return number, space @ (u @ vt)
    turn = _simple_basis(matrices)
    kinds.append(_Kind(turn.T @ matrices @ turn))
    return len(kinds) - 1, space @ turn


def _polished(table: ActionTable, copies: list[tuple[Array, Array]]) -> list[Array]:
    """Orthonormal bases of all copies in a component, to rounding.

    An eigenspace is as far off as rounding over the gap between eigenvalues. That enters its
    matrices rho(g) squared, but the basis B itself, which ought to have g B = B rho(g). The mean of
    g B rho(g)^T does; the orthogonal factor of all of them together keeps that.
    """
    projected = []
    for matrices, basis in copies:
        mean = np.zeros_like(basis)
        for rows, block in _blocks(table, basis.size):
            mean += np.einsum("gdb,gcb->dc", act(block, basis), matrices[rows], optimize=True)
        projected.append(mean / len(table))
    u, _, vt = np.linalg.svd(np.hstack(projected))
    edges = np.cumsum([0, *(basis.shape[1] for _, basis in copies)]).tolist()
    return [np.ascontiguousarray((u @ vt)[:, a:b]) for a, b in pairwise(edges)]


def _simple_basis(matrices: Array) -> Array:
    """Joint eigenvectors of commuting involutions: they often make all matrices monomial."""
    r = matrices.shape[1]
    if r == 1:
        return np.eye(1)
    off = np.abs(matrices @ matrices - np.eye(r)).max(axis=(1, 2))
    off = np.maximum(off, np.abs(matrices - matrices.transpose(0, 2, 1)).max(axis=(1, 2)))
    candidates = matrices[off < 1e-9]
    chosen: list[Array] = []
    while len(candidates) and len(chosen) <= r:
        g = candidates[0]
        chosen.append(g)
        rest = candidates[1:]
        candidates = rest[np.abs(g @ rest - rest @ g).max(axis=(1, 2)) < 1e-9]
    if not chosen:
        return np.eye(r)
    mix = sum(h / (k + 2.0) ** 1.5 for k, h in enumerate(chosen))
    return np.asarray(np.linalg.eigh(mix)[1])


def _reproduces(result: BlockTable, table: ActionTable, rng: np.random.Generator) -> bool:
    """Whether x . g y by blocks equals x . g y for random x and y and every g."""
    d = result.basis.shape[0]
    if np.abs(result.basis.T @ result.basis - np.eye(d)).max() > 1e-12:
        return False
    x, y = rng.standard_normal((2, d))
    direct = np.concatenate([act(b, y[:, None])[:, :, 0] @ x for _, b in _blocks(table, d)])
    u, v = x @ result.basis, y @ result.basis
    entries, at = [], 0
    for m, r in result.blocks:
        a, b = u[at : at + m * r].reshape(m, r), v[at : at + m * r].reshape(m, r)
        entries.append((a.T @ b).ravel())
        at += m * r
    by_blocks = result.matrices @ np.concatenate(entries)
    return bool(np.abs(direct - by_blocks).max() < 1e-12 * d)
