"""Compute frames of clouds of points natively: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.native import _cpu
from symkernel.backends.threads import resolve_jobs

__all__ = ["FrameTable", "Frames", "PermutedFrames", "labelled_frames", "permuted_frames"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class FrameTable:
    """What the clouds of a batch have in common.

    Parameters
    ----------
    weights : ndarray of float64 of shape (points,)
        Masses, positive, the largest 1.
    centred : bool
        Whether clouds are moved to their centres of mass.
    proper : bool
        Rotations alone, or reflections as well.
    band : float
        A moment or a difference of eigenvalues within this of zero, in relative terms, decides
        nothing.
    null : float
        Directions in which a cloud is thinner than this, relative to its size, have no axis.
    """

    weights: NDArray[np.float64]
    centred: bool
    proper: bool
    band: float
    null: float


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of n clouds: coordinates = (points - centres) @ axes.T.

    Parameters
    ----------
    coordinates : ndarray of shape (n, points, d)
    axes : ndarray of float64 of shape (n, d, d)
        Orthogonal matrices.
    centres : ndarray of float64 of shape (n, d)
        Centres of mass; zeros unless ``centred``.
    margins : ndarray of float64 of shape (n,)
        Estimated distance to the nearest cloud with another choice of frame, relative to the size.
    ranks : ndarray of int32 of shape (n,)
        Dimension that the points span.
    undecided : ndarray of bool of shape (n,)
        Whether moments left the frame undecided, so that points were taken.
    """

    coordinates: Array
    axes: NDArray[np.float64]
    centres: NDArray[np.float64]
    margins: NDArray[np.float64]
    ranks: NDArray[np.int32]
    undecided: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PermutedFrames(Frames):
    """Frames of n clouds whose points may be exchanged; place i of a result takes ``order[i]``.

    Parameters
    ----------
    order : ndarray of int32 of shape (n, points)
    coincident : ndarray of bool of shape (n, points)
        Whether a member of a kind lies where the one before it does.
    symmetries : ndarray of int64 of shape (n,)
        Turns of the space that the points span which permute the points.
    """

    order: NDArray[np.int32]
    coincident: NDArray[np.bool_]
    symmetries: NDArray[np.int64]


def labelled_frames(
    clouds: Array, table: FrameTable, method: Literal["moment", "qr"], n_jobs: int | None = None
) -> Frames:
    """Return the frames of clouds (n, points, d) whose points keep their labels."""
    return Frames(
        *_cpu.labelled_frames(
            clouds,
            table.weights,
            table.centred,
            table.proper,
            method,
            table.band,
            table.null,
            resolve_jobs(n_jobs),
        )
    )


def permuted_frames(
    clouds: Array,
    table: FrameTable,
    blocks: tuple[tuple[int, ...], ...],
    tie: float,
    rounding: float,
    n_jobs: int | None = None,
) -> PermutedFrames:
    """Return the frames of clouds (n, points, d) up to exchanges of points within each block.

    Coordinates that agree to ``tie``, relative to the size of a cloud, are equal; of clouds that
    do, the least to within ``rounding`` is taken.
    """
    members = np.array([i for block in blocks for i in block], dtype=np.int32)
    kinds = np.repeat(np.arange(len(blocks), dtype=np.int32), [len(block) for block in blocks])
    return PermutedFrames(
        *_cpu.permuted_frames(
            clouds,
            table.weights,
            members,
            kinds,
            table.centred,
            table.proper,
            table.band,
            table.null,
            tie,
            rounding,
            resolve_jobs(n_jobs),
        )
    )
