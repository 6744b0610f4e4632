"""Find canonical forms of products: the least that one factor reaches by way of another's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.canonical.base import CanonicalForm, CanonicalForms, default_tolerance, norms
from symkernel.canonical.compose import TrivialForm
from symkernel.canonical.points import features_of
from symkernel.canonical.transporters import (
    MotionTransporters,
    PermutationTransporters,
    Transporters,
    composed,
)
from symkernel.groups import Group

__all__ = ["LeastForm"]

Array = NDArray[Any]

# Entries of transformed samples that are held at once: as many as stay in the caches.
_BLOCK_ENTRIES = 2**18


class LeastForm(CanonicalForm):
    r"""The least representative that a group H reaches by way of the form of a group G.

    .. math:: c(x) = \min_{h \in H} c_G(h x)

    with the lexicographic order of features. It is a canonical form of the product G H whenever
    the two commute: g in G changes no term, since :math:`h g x = g h x`, and h' in H permutes the
    terms. Doing one factor after the other is none: rows sorted, then columns sorted, depends on
    the order in which they came.

    Parameters
    ----------
    group : Group
        The product.
    inner : CanonicalForm
        The form of G, the factor that is not enumerated.
    outer : Group
        The finite factor H.
    limit : int
        Largest order of H.
    tolerance : float, optional
        Entries that agree to this, relative to the size of the sample, count as equal where
        representatives carry rounding errors, and samples are degenerate up to this gap; 1e-8 by
        default, 1e-5 in single precision.

    Raises
    ------
    GroupTooLargeError
        If H has more than ``limit`` elements.

    Notes
    -----
    O(\|H\|) forms of G per sample. The stabiliser counts the pairs (g, h) that fix a sample: the
    elements of G that fix the representative, times the number of h that reach it, over the number
    of elements that G and H share.
    """

    def __init__(
        self,
        group: Group,
        inner: CanonicalForm,
        outer: Group,
        limit: int,
        tolerance: float | None = None,
    ) -> None:
        self.group, self._inner, self._outer = group, inner, outer
        self._table = outer.table(limit, "a canonical form of a product lists one of its factors")
        self.exact = inner.exact and isinstance(self._table, SignedPermutationTable)
        self._tolerance = tolerance
        self.steps = (
            f"move by each of the {outer.order:,} elements of {outer!r}",
            *(() if isinstance(inner, TrivialForm) else inner.steps),
            "keep what comes first in lexicographic order",
        )
        self._shared = 1
        if group.is_finite:
            self._shared = int(inner.group.order) * int(outer.order) // int(group.order)

    def canonicalize(self, X: Array, n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d)."""
        X = features_of(X, self.group.degree)
        rows = max(1, _BLOCK_ENTRIES // (len(self._table) * X.shape[1]))
        blocks = [X[i : i + rows] for i in range(0, max(1, len(X)), rows)]
        return CanonicalForms.joined([self._block(block, n_jobs) for block in blocks])

    def representatives(self, X: Array, n_jobs: int | None = None) -> Array:
        """Only the representatives, (n, d)."""
        X = features_of(X, self.group.degree)
        (n, d), count = X.shape, len(self._table)
        best = np.empty_like(X)
        rows = max(1, _BLOCK_ENTRIES // (count * d))
        for start in range(0, n, rows):
            block = X[start : start + rows]
            images = self._moved(block).reshape(len(block) * count, d)
            reached = self._inner.representatives(images, n_jobs).reshape(len(block), count, d)
            winner = _least(reached, self._ties(norms(block), X.dtype)).argmax(axis=1)
            best[start : start + rows] = reached[np.arange(len(block)), winner]
        return best

    def _ties(self, size: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
        """Differences of entries up to which samples of a size are tied, (n,)."""
        return np.zeros(len(size)) if self.exact else self._share(dtype) * size

    def _share(self, dtype: np.dtype[Any]) -> float:
        return default_tolerance(dtype) if self._tolerance is None else self._tolerance

    def _block(self, X: Array, n_jobs: int | None) -> CanonicalForms:
        (n, d), count = X.shape, len(self._table)
        found = self._inner.canonicalize(self._moved(X).reshape(n * count, d), n_jobs)
        reached = found.representative.reshape(n, count, d)
        size = norms(X)
        equal = self._ties(size, X.dtype)
        least = _least(reached, equal)
        winner = least.argmax(axis=1)
        each = np.arange(n)
        rows = each * count + winner
        best = reached[each, winner]
        moved = self._elements(np.tile(np.arange(count), n))
        transporter = composed(moved, found.transporter)
        if isinstance(transporter, PermutationTransporters):  # which entry came to which place
            source = transporter.indices
            if transporter.signs is not None:
                source = (source + np.int32(1)) * transporter.signs
            source = source.reshape(n, count, d)
            apart = source != source[each, winner][:, None]
        else:
            apart = np.abs(reached - best[:, None]) > equal[:, None, None]
        distance = _first_difference(reached, best, apart, least)
        distance = np.divide(distance, size, out=np.full(n, np.inf), where=size > 0)
        gap = np.minimum(found.gap[rows], distance)
        order = np.empty(n, dtype=object)
        fixed = found.stabilizer_order[rows]
        for i, times in enumerate(least.sum(axis=1).tolist()):
            order[i] = -1 if fixed[i] < 0 else int(fixed[i]) * times // self._shared
        degenerate = found.degenerate[rows] | (gap <= self._share(X.dtype))
        return CanonicalForms(best, transporter.take(rows), order, gap, degenerate)

    def _moved(self, X: Array) -> Array:
        """Images of samples under every element of H, (n, order, d); zeros without a sign."""
        if isinstance(self._table, SignedPermutationTable):
            moved: Array = X[:, self._table.indices]
            if self._table.signs is not None:
                moved = moved * self._table.signs.astype(X.dtype)
            moved += X.dtype.type(0)
            return moved
        images: Array = np.einsum("hij,nj->nhi", self._table.matrices.astype(X.dtype), X)
        return images

    def _elements(self, ranks: Array) -> Transporters:
        if isinstance(self._table, SignedPermutationTable):
            signs = None if self._table.signs is None else self._table.signs[ranks]
            return PermutationTransporters(self._table.indices[ranks], signs)
        return MotionTransporters(self._table.matrices[ranks])


def _least(reached: Array, equal: Array) -> NDArray[np.bool_]:
    """Which of the points (n, m, d) are the first in lexicographic order, (n, m)."""
    alive = np.ones(reached.shape[:2], bool)
    tied = np.arange(len(reached))  # samples that are not decided yet
    for j in range(reached.shape[2]):
        some = alive[tied]
        column = np.where(some, reached[tied, :, j], np.inf)
        some &= column <= column.min(axis=1, keepdims=True) + equal[tied, None]
        alive[tied] = some
        tied = tied[np.count_nonzero(some, axis=1) > 1]
        if tied.size == 0:
            break
    return alive


def _first_difference(
    reached: Array, best: Array, apart: NDArray[np.bool_], least: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """How far the first entry that tells others from the least one is from a tie, (n,)."""
    first = apart.argmax(axis=2)[:, :, None]
    other = np.take_along_axis(reached, first, axis=2)[:, :, 0]
    own = np.take_along_axis(best[:, None], first, axis=2)[:, :, 0]
    margin = np.where(least, np.inf, np.abs(other.astype(np.float64) - own))
    smallest: NDArray[np.float64] = margin.min(axis=1)
    return smallest
