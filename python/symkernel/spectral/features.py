"""Evaluate invariant functions at samples in blocks, and never hold them all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from symkernel.spectral.manifold import Manifold
from symkernel.spectral.subspace import InvariantSubspace

__all__ = ["FeatureBlocks"]

Array = NDArray[np.float64]

# Entries of a block of features, and of features that are kept rather than computed again.
_BLOCK_ENTRIES = 2**22
_KEPT_ENTRIES = 2**25


class FeatureBlocks:
    """The functions of several levels at samples, in blocks.

    Parameters
    ----------
    manifold : Manifold
    parts : sequence of InvariantSubspace
        Their functions, level by level, are the features.
    X : float64, shape (n, n_features)
        Samples known to lie on the manifold.
    n_jobs : int or None
        Threads.
    skip : int, default=0
        Leave that many first features out.

    Notes
    -----
    Features of up to 256 MB are kept from one pass to the next; beyond, every pass computes them
    again, in blocks of 32 MB or twice as many samples as features.
    """

    def __init__(
        self,
        manifold: Manifold,
        parts: Sequence[InvariantSubspace],
        X: Array,
        n_jobs: int | None = None,
        skip: int = 0,
    ) -> None:
        self._manifold = manifold
        self._parts = [part for part in parts if part.dimension]
        self._X = X
        self._n_jobs = n_jobs
        self._skip = skip
        self.width = sum(part.dimension for part in self._parts) - skip
        self._kept: Array | None = None

    def _values(self, parts: Sequence[InvariantSubspace], X: Array) -> Array:
        return self._manifold._evaluate(parts, X, self._n_jobs)

    @property
    def _fits(self) -> bool:
        return len(self._X) * (self.width + self._skip) <= _KEPT_ENTRIES

    def _all(self) -> Array:
        if self._kept is None:
            self._kept = self._values(self._parts, self._X)[:, self._skip :]
        return self._kept

    def rows(self) -> Iterator[Array]:
        """Yield the blocks of samples, (k, width)."""
        if self._fits:
            yield self._all()
            return
        step = max(1, 2 * self.width, _BLOCK_ENTRIES // max(1, self.width))
        for first in range(0, len(self._X), step):
            yield self._values(self._parts, self._X[first : first + step])[:, self._skip :]

    def columns(self) -> Iterator[Array]:
        """Yield the blocks of features, (n, k), each of whole levels."""
        if self._fits:
            yield self._all()
            return
        skip = self._skip
        for parts in self._grouped(max(len(self._X), _BLOCK_ENTRIES // max(1, len(self._X)))):
            yield self._values(parts, self._X)[:, skip:]
            skip = 0

    def _grouped(self, width: int) -> Iterator[list[InvariantSubspace]]:
        group: list[InvariantSubspace] = []
        for part in self._parts:
            if group and sum(p.dimension for p in group) + part.dimension > width:
                yield group
                group = []
            group.append(part)
        if group:
            yield group
