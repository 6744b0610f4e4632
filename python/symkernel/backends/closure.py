"""Close groups natively: stabiliser chains of permutations, and all products of matrices."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.memory import available_bytes
from symkernel.backends.native import _cpu

__all__ = [
    "OrderedChain",
    "PermutationChain",
    "close_matrices",
    "ordered_chain",
    "permutation_chain",
]

# Of the memory there is, the part that a chain may take.
_SHARE = 0.5
_UNKNOWN = 1 << 62
# Most points of which no chain needs more than 100 MB.
_SMALL = 256


Images: TypeAlias = tuple[
    NDArray[Any],
    NDArray[np.int32],
    NDArray[np.int8] | None,
    NDArray[np.int32],
    NDArray[np.int32],
]


class PermutationChain(Protocol):
    """Base and strong generating set of a permutation group, held by the native module."""

    @property
    def degree(self) -> int:
        """Number of points."""
        ...

    @property
    def base(self) -> list[int]:
        """Base points, one per level."""
        ...

    @property
    def orbit_lengths(self) -> list[int]:
        """Orbit length of each level; the order of the group is their product."""
        ...

    def contains(self, permutation: NDArray[np.int32]) -> bool:
        """Tell whether the permutation lies in the group, O(levels x degree)."""
        ...

    def elements(self, digits: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return elements (m, degree) named by digits (m, levels), each below its orbit length."""
        ...


class OrderedChain(Protocol):
    """Stabiliser chain along the points in their own order, held by the native module."""

    @property
    def degree(self) -> int:
        """Number of points."""
        ...

    def least_images(self, X: NDArray[Any], limit: int, n_jobs: int) -> Images:
        """Return the least rearrangements of the rows of X (m, d), float32 or float64 and finite.

        d is the degree, or half of it for signed permutations, which act on (x, -x). Returns
        representatives (m, d), indices int32 (m, d), signs int8 (m, d) or None, and two int32
        arrays, rows and factors: the order of the stabiliser of row i is the product of the factors
        where rows == i. ValueError for a row that needs more than ``limit`` steps.
        """
        ...

    def stabilizer(
        self, colours: NDArray[np.int32], limit: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the generators (k, degree) of the elements that keep colours (degree,).

        Their order is the product of the second array. ValueError beyond ``limit`` steps.
        """
        ...


def permutation_chain(generators: NDArray[np.int32], seed: int = 0) -> PermutationChain:
    """Return the stabiliser chain of the group that the rows of ``generators`` generate.

    The chain is exact whatever the seed, and the same for the same seed. MemoryError where it
    would need more than half of the memory there is.
    """
    chain: PermutationChain = _cpu.permutation_chain(
        generators, seed, _max_bytes(generators.shape[1])
    )
    return chain


def ordered_chain(chain: PermutationChain) -> OrderedChain:
    """Return the chain of the same group along its points in order.

    MemoryError, before it is built, where its elements may need more than half of the memory
    there is.
    """
    assert isinstance(chain, _cpu.PermutationChain)
    ordered: OrderedChain = _cpu.ordered_chain(chain, _max_bytes(chain.degree))
    return ordered


def _max_bytes(degree: int) -> int:
    if degree <= _SMALL:  # asking costs more than many a chain
        return _UNKNOWN
    available = available_bytes()
    return _UNKNOWN if available is None else int(available * _SHARE)


def close_matrices(
    generators: NDArray[np.float64], limit: int, tolerance: float
) -> NDArray[np.float64]:
    """Return all elements (order, d, d) of a group of orthogonal matrices, identity first.

    Two matrices are the same element when their entries agree within ``tolerance``. Raises
    ValueError beyond ``limit`` elements.
    """
    matrices: NDArray[np.float64] = _cpu.close_matrices(generators, limit, tolerance)
    return matrices
