"""Sort the points of sets by kind into blocks, and add up a kernel of points over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Kernel

from symkernel.backends.memory import require_memory
from symkernel.backends.segments import add_segment_sums
from symkernel.kernels.invariant import InvariantKernel
from symkernel.kernels.kept import KeptSamples
from symkernel.kernels.ragged import Ragged

Array = NDArray[Any]

# Points of a block: the values between two blocks are held at once, and added up in cache.
_BLOCK_POINTS = 512
# Points of sets whose kernel matrix is computed for its diagonal.
_DIAGONAL_POINTS = 128


@dataclass(frozen=True)
class Block:
    """Some points of one kind, in the order of their sets."""

    rows: NDArray[np.int64]  # of the points among those of the sets
    points: Any  # an array, or samples that the kernel of points keeps
    first: int  # set of the first point
    offsets: NDArray[np.int64]  # where the part of each set begins and the last ends

    @property
    def owners(self) -> NDArray[np.int64]:
        """Set of every point."""
        return self.first + np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


class KeptSets:
    """Sets sorted by the kinds of their points, in blocks that the kernel of points has prepared.

    Parameters
    ----------
    sets : Ragged
    point_kernel : Kernel
    """

    def __init__(self, sets: Ragged, point_kernel: Kernel) -> None:
        self.sets = sets
        self.kinds: dict[Any, list[Block]] = {
            kind: list(_blocks(sets, rows, point_kernel)) for kind, rows in _kinds(sets)
        }

    def __len__(self) -> int:
        return len(self.sets)

    @property
    def shape(self) -> tuple[int]:
        """Shape of the sets, (n_sets,)."""
        return self.sets.shape


def _kinds(sets: Ragged) -> Iterator[tuple[Any, Array]]:
    """Kinds of points, and where the points of each are."""
    if sets.labels is None:
        yield None, np.arange(len(sets.points))
        return
    kinds, codes = np.unique(sets.labels, return_inverse=True)
    for code, kind in enumerate(kinds.tolist()):
        yield kind, np.flatnonzero(codes == code)


def _blocks(sets: Ragged, rows: Array, point_kernel: Kernel) -> Iterator[Block]:
    for start in range(0, len(rows), _BLOCK_POINTS):
        chosen = rows[start : start + _BLOCK_POINTS]
        first, last = np.searchsorted(sets.offsets, chosen[[0, -1]], side="right") - 1
        offsets = np.searchsorted(chosen, sets.offsets[first : last + 2]).astype(np.int64)
        points: Any = np.ascontiguousarray(sets.points[chosen])
        if isinstance(point_kernel, InvariantKernel):
            points = point_kernel.prepare(points)
        yield Block(chosen, points, int(first), offsets)


def _rows(points: Any) -> Array:
    rows: Array = points.rows if isinstance(points, KeptSamples) else points
    return rows


def pair_sums(
    kernel: Kernel, kept: KeptSets, others: KeptSets | None, n_jobs: int | None = None
) -> Array:
    """Add up a kernel over pairs of points of one kind, (n, m); `others=None` for all of `kept`.

    Raises
    ------
    MemoryError
        If the matrix would not fit; raised before it is allocated.
    """
    second = kept if others is None else others
    single = kept.sets.points.dtype == np.float32 == second.sets.points.dtype
    dtype = np.float32 if single else np.float64
    shape = (len(kept), len(second))
    require_memory(shape, np.dtype(dtype).itemsize, "the Gram matrix", "Use fewer sets.")
    K = np.zeros(shape, dtype)
    for kind, blocks in kept.kinds.items():
        for p, block in enumerate(blocks):
            for other in second.kinds.get(kind, ())[0 if others is not None else p :]:
                same = others is None and other is block
                values = _values(kernel, block.points, None if same else other.points, n_jobs)
                add_segment_sums(
                    values,
                    block.offsets,
                    other.offsets,
                    K,
                    (block.first, other.first),
                    mirrored=others is None and not same,
                    n_jobs=n_jobs,
                )
    if others is None:
        _mirror(K)
    return K


def pair_sums_and_gradients(kernel: Kernel, kept: KeptSets) -> Array:
    """Add up a kernel and its derivatives for theta, (1 + n_dims, n, n).

    Kernels give derivatives of symmetric matrices only, so those between two blocks are taken from
    the matrix of both.

    Raises
    ------
    MemoryError
        If they would not fit; raised before they are allocated.
    """
    n = len(kept)
    planes = 1 + kernel.n_dims
    dtype = kept.sets.points.dtype
    require_memory(
        (n, n, planes), dtype.itemsize, "the Gram matrix and gradient", "Use fewer sets."
    )
    sums = np.zeros((planes, n, n), dtype)
    for blocks in kept.kinds.values():
        for p, block in enumerate(blocks):
            for other in blocks[p:]:
                same = other is block
                first, second = _rows(block.points), _rows(other.points)
                both = first if same else np.concatenate([first, second])
                K, gradient = kernel(both, eval_gradient=True)
                corner = slice(None) if same else slice(len(first), None)
                for at in range(planes):
                    plane = K if at == 0 else gradient[..., at - 1]
                    add_segment_sums(
                        plane[: len(first), corner],
                        block.offsets,
                        other.offsets,
                        sums[at],
                        (block.first, other.first),
                        mirrored=not same,
                    )
    for plane in sums:
        _mirror(plane)
    return sums


def own_sums(kernel: Kernel, kept: KeptSets) -> Array:
    """Add up a kernel over the pairs of points of every set, (n,), a few sets at a time."""
    sets = kept.sets
    values = np.empty(len(sets), sets.points.dtype)
    start = 0
    while start < len(sets):
        end = int(np.searchsorted(sets.offsets, sets.offsets[start] + _DIAGONAL_POINTS, "right"))
        end = max(start + 1, min(end - 1, len(sets)))
        few = KeptSets(sets[start:end], kernel)
        values[start:end] = np.diagonal(pair_sums(kernel, few, None))
        start = end
    return values


def products(
    kernel: Kernel, kept: KeptSets, others: KeptSets, columns: Array, n_jobs: int | None = None
) -> Array:
    """Multiply the matrix of ``pair_sums`` with columns (m, c), without storing it."""
    product = np.zeros((len(kept), columns.shape[1]))
    for kind, blocks in kept.kinds.items():
        for block in blocks:
            values = np.zeros((len(block.points), columns.shape[1]))
            for other in others.kinds.get(kind, ()):
                values += _product(
                    kernel, block.points, other.points, columns[other.owners], n_jobs
                )
            np.add.at(product, block.owners, values)
    return product


def slopes(
    kernel: InvariantKernel,
    kept: KeptSets,
    others: KeptSets,
    weights: Array,
    n_jobs: int | None = None,
) -> Array:
    """Differentiate products with weights (m,) for the points of every set, (n_points, d).

    Every set is differentiated by itself: rows are derivatives of the value of the set they are in.
    """
    gradient = np.zeros(kept.sets.points.shape)
    for kind, blocks in kept.kinds.items():
        for block in blocks:
            for other in others.kinds.get(kind, ()):
                gradient[block.rows] += kernel.gradient_x(
                    _rows(block.points), other.points, weights[other.owners], n_jobs=n_jobs
                )
    return gradient


def _mirror(K: Array) -> None:
    """Make a matrix that is symmetric up to rounding symmetric, in place."""
    for i in range(0, len(K), _BLOCK_POINTS):
        end = i + _BLOCK_POINTS
        corner = K[i:end, i:end]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
        K[end:, i:end] = K[i:end, end:].T


def _values(kernel: Kernel, X: Any, Y: Any, n_jobs: int | None) -> Array:
    if isinstance(kernel, InvariantKernel):
        return kernel.gram(X, Y, n_jobs=n_jobs)
    return np.asarray(kernel(X, Y))


def _product(kernel: Kernel, X: Any, Y: Any, V: Array, n_jobs: int | None) -> Array:
    if isinstance(kernel, InvariantKernel):
        return kernel.matvec(_rows(X), Y, V, n_jobs=n_jobs)
    return np.asarray(kernel(X, Y)) @ V
