"""Recognises groups that contain all cyclic shifts of a grid, and writes them as a ShiftTable."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.tables import ShiftTable
from symkernel.groups import Cyclic, Dihedral, Group, Image
from symkernel.groups.factor import Factor

Maps = NDArray[np.int64]


def shift_table(group: Group) -> ShiftTable | None:
    """The group as shifts of a grid times automorphisms of the grid, or None if it is not that.

    Parameters
    ----------
    group : Group
        Cyclic, Dihedral or Image groups (with translations), along any axes, and their products
        along different axes of one array.

    Returns
    -------
    ShiftTable or None
        Its ``len(maps) * size`` elements are those of the group.

    Notes
    -----
    A coset T h of the translations T has the same average whichever of its elements h is, so h is
    taken to fix the origin: reflections become p -> -p.
    """
    factors = group.factors()
    pieces = [_piece(factor) for factor in factors]
    shape = factors[0].shape
    axes = [axis for factor in factors for axis in factor.axes]
    if (
        any(piece is None for piece in pieces)
        or any(factor.shape != shape for factor in factors)
        or len(set(axes)) != len(axes)
    ):
        return None
    known = [piece for piece in pieces if piece is not None]
    grid = tuple(n for piece_grid, _ in known for n in piece_grid)
    maps = np.array([_joint(choice) for choice in product(*(m for _, m in known))])
    size = maps.shape[1]
    if len(maps) * size != group.order:  # tiny grids, where some of these maps coincide
        return None
    features = np.arange(group.degree).reshape(shape)
    rest = [axis for axis in range(len(shape)) if axis not in axes]
    layout = features.transpose(*rest, *axes).reshape(-1, size)
    return ShiftTable(grid, maps, layout)


def _piece(factor: Factor) -> tuple[tuple[int, ...], list[Maps]] | None:
    """Grid of one factor and its automorphisms, each a map of the grid's points."""
    group = factor.group
    lengths = tuple(factor.shape[axis] for axis in factor.axes)
    if isinstance(group, Cyclic) and lengths == (group.degree,):
        return lengths, [np.arange(group.degree)]
    if isinstance(group, Dihedral) and lengths == (group.degree,):
        p = np.arange(group.degree)
        return lengths, [p, -p % group.degree]
    if isinstance(group, Image) and lengths == group.shape and group.kind in _IMAGE_PARTS:
        i, j = np.indices(lengths)
        h, w = lengths
        return lengths, [
            (((a * i + b * j) % h) * w + (c * i + d * j) % w).ravel()
            for a, b, c, d in _IMAGE_PARTS[group.kind]
        ]
    return None


_TURNS = ((1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0))
_MIRRORED = ((1, 0, 0, -1), (0, 1, 1, 0), (-1, 0, 0, 1), (0, -1, -1, 0))
_IMAGE_PARTS = {"translations": _TURNS[:1], "p4": _TURNS, "p4m": _TURNS + _MIRRORED}


def _joint(maps: tuple[Maps, ...]) -> Maps:
    """Maps of several grids as one map of their product grid."""
    joint = np.zeros(1, dtype=np.int64)
    for m in maps:
        joint = (joint[:, None] * len(m) + m).ravel()
    return joint
