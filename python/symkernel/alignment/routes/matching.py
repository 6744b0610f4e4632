"""Solve a linear assignment problem for every pair of samples."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from symkernel.alignment.base import Array, Pairs, Route
from symkernel.alignment.transporters import PointTransporters
from symkernel.backends import pairs
from symkernel.backends.element_tables import table_matrices
from symkernel.canonical.transporters import (
    ComposedTransporters,
    PermutationTransporters,
    Transporters,
)
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.groups.structure import other_axes, product_along

__all__ = ["Matching", "matching_cost"]

# Elements of the factor on coordinates, each of which takes an assignment of its own.
_MOST_MATRICES = 20_000


class Matching(Route):
    """Points matched one to one: Hungarian, by shortest augmenting paths, O(p^3) for p points.

    Beside the permutations a finite group may act on the coordinates of the points; each of its
    elements has an assignment of its own.

    Parameters
    ----------
    group : Group
        Symmetric, Young or Hyperoctahedral on points, and perhaps a finite group on coordinates.

    Raises
    ------
    NotApplicableError
        For other groups.

    Notes
    -----
    Jonker and Volgenant, Computing 38 (1987). Costs are squares of differences, never of norms and
    inner products: sets that differ in the order of their points alone are at distance 0.
    """

    name = "matching"

    def __init__(self, group: Group) -> None:
        structure = group.structure
        heads = [f for f in structure.factors if f.group.role.exchanges]
        shape = structure.shape
        if not group.is_finite or len(heads) != 1 or shape is None:
            raise NotApplicableError(
                f"{group!r} is not one group of all permutations of points (Symmetric, Young, "
                "Hyperoctahedral) beside finite groups that act on coordinates"
            )
        head = heads[0]
        others = structure.beside(head)
        rest = other_axes(head.axes, shape)
        if any(set(f.axes) & set(head.axes) for f in others):
            raise NotApplicableError(
                f"{group!r} permutes points along an axis on which more than that acts"
            )
        role = head.group.role
        self._signed = role.signs
        self._blocks = tuple(map(len, role.blocks))
        order = [point for block in role.blocks for point in block]
        # (points, coordinates), the points of a block next to each other
        self._places = places(head.axes, shape).T[order]
        r = prod(shape[a] for a in rest)
        on_coordinates = product_along(others, rest, shape) if rest else None
        if on_coordinates is not None and on_coordinates.order > _MOST_MATRICES:
            raise NotApplicableError(
                f"{group!r} has {on_coordinates.order:,} elements on coordinates, each of which "
                f"takes an assignment; at most {_MOST_MATRICES:,} are tried"
            )
        self._matrices: Array = (
            np.eye(r)[None]
            if on_coordinates is None
            else np.ascontiguousarray(table_matrices(on_coordinates.table(_MOST_MATRICES)))
        )
        self.steps = (_words(self._blocks, len(self._matrices), self._signed),)

    def squares(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Array:
        """Squared distances of all pairs, (n, m); ``Y=None`` means X."""
        points = self._points(X)
        others = None if Y is None else self._points(Y)
        found = pairs.match(points, others, self._blocks, self._matrices, self._signed, n_jobs)
        return found.astype(X.dtype, copy=False)

    def pairs(self, X: Array, Y: Array, n_jobs: int | None = None) -> Pairs:
        """Row i of X aligned with row i of Y."""
        x, y = self._points(X), self._points(Y)
        squares, match, numbers = pairs.match_rows(
            x, y, self._blocks, self._matrices, self._signed, n_jobs
        )
        squares = squares.astype(X.dtype, copy=False)
        indices = np.empty(X.shape, dtype=np.int64)
        indices[:, self._places] = self._places[match]
        parts: list[Transporters] = []
        if len(self._matrices) > 1:
            matrices = self._matrices[numbers]
            parts.append(PointTransporters(matrices, self._places))
            y = np.einsum("nab,npb->npa", matrices, y)
        signs = None
        if self._signed:
            matched = np.take_along_axis(y, match[:, :, None].astype(np.intp), axis=1)
            towards = np.where((x * matched).sum(axis=2) < 0, -1, 1).astype(np.int8)
            signs = np.empty(X.shape, dtype=np.int8)
            signs[:, self._places] = towards[:, :, None]
        parts.append(PermutationTransporters(indices, signs))
        element = parts[0] if len(parts) == 1 else ComposedTransporters(tuple(parts))
        return Pairs(squares, element, squares)

    def _points(self, X: Array) -> Array:
        return np.ascontiguousarray(X[:, self._places], dtype=np.float64)


def matching_cost(route: Matching) -> float:
    """Multiply-adds per pair that an assignment takes as long as, about."""
    return 40.0 * sum(n**3 + 20 * n for n in route._blocks) * len(route._matrices)


def _words(blocks: Sequence[int], matrices: int, signed: bool) -> str:
    sizes = ", ".join(map(str, blocks)) if len(blocks) < 6 else f"{len(blocks)} blocks of"
    what = f"assign {sizes} points" + (" up to sign" if signed else "")
    return what if matrices == 1 else f"{what}, for each of {matrices} elements on coordinates"
