"""Average over the weighted frames of every orbit, continuously."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from symkernel.backends.arrays import is_on_device
from symkernel.canonical.weighted import weighted_frame
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Trivial
from symkernel.plans.base import Array, BaseSpec, Cost, Plan
from symkernel.plans.orbit_sum import OrbitSum

__all__ = ["FramePlan"]

# Entries of Gram matrices of candidates that are kept at a time, and candidates of a block.
_MAX_ENTRIES = 2**24
_BLOCK_CANDIDATES = 4096

_ITS_OWN = "an invariant kernel of its own, not the group average"

_NO_GRADIENT = (
    "method='frame' has no gradient in the samples: weights of candidates are continuous, but have "
    "kinks where candidates appear; 'closed_form' and 'quadrature' have gradients"
)


class FramePlan(Plan):
    r"""The kernel :math:`\sum_{ab} w_a(x) w_b(y) k(f_a(x), f_b(y))` of a weighted frame.

    Candidates :math:`f_a(x)` with weights :math:`w_a(x)` form a measure on the orbit of x that
    depends on x continuously and is the same for all points of the orbit; the kernel is the inner
    product of the mean embeddings of two such measures. So it is invariant in each argument,
    symmetric, positive semidefinite and continuous at every input, for any base kernel, whether
    the group leaves that invariant or not. A kernel of canonical forms shares all but the
    continuity.

    It is not the average over the group: ``exact`` is False and ``error`` nan, since there is
    nothing that it approximates. What it is, is computed up to rounding.

    Parameters
    ----------
    base : BaseSpec
        Base kernel.
    group : Group
        Rotations, translations and permutations of points; see ``weighted_frame``.

    Raises
    ------
    NotApplicableError
        If there is no weighted frame for the group, or no native form of the kernel.

    Notes
    -----
    With q candidates a sample, q^2 values of the base kernel per pair. q depends on the sample;
    ``cost`` is that of Gaussian clouds, measured when the plan is made. For up to p (p - 1)
    candidates for SO(3), most clouds take a few; permutations of p points of R^d take up to
    (d - 1) p (p - 1) / 2 + 1.

    Source: Dym, Lawrence & Siegel, Equivariant frames and the impossibility of continuous
    canonicalization, arXiv 2402.16077; the frames are those of ``symkernel.canonical.weighted``.

    Examples
    --------
    >>> from symkernel import groups
    >>> plan = FramePlan(BaseSpec("rbf", (1.0,)), groups.SO(3).along(1, (5, 3)))
    >>> print(plan)  # doctest: +ELLIPSIS
    frames spanned by points, weighted by their distances -> base kernel between candidates
    method='frame', an invariant kernel of its own, not the group average, ...
    """

    method = "frame"
    exact = False
    error = math.nan

    def __init__(self, base: BaseSpec, group: Group) -> None:
        self._inner = OrbitSum(base, Trivial(group.degree))
        try:
            self._frame = weighted_frame(group)
        except ValueError as reason:
            raise NotApplicableError(f"method='frame': {reason}") from None
        self.steps = (*self._frame.steps, "base kernel between candidates")
        clouds = np.random.default_rng(0).standard_normal((16, group.degree))
        terms = float((self._frame.frames(clouds)[1] > 0).sum(axis=1).mean()) ** 2
        self.cost = Cost(terms * group.degree, terms)

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X."""
        left = _Candidates(self, X)
        right = left if Y is None else _Candidates(self, Y)
        K = np.empty((len(X), len(X) if Y is None else len(Y)), dtype=X.dtype)
        for i, A in enumerate(left.blocks):
            for j, B in enumerate(right.blocks):
                if Y is None and j < i:
                    continue
                if Y is None and i == j:
                    half = 0.5 * A.averaged(self._inner.gram(A.points, None, n_jobs), A)
                    K[A.rows, A.rows] = half + half.T  # symmetric to the last digit
                    continue
                K[A.rows, B.rows] = A.averaged(self._inner.gram(A.points, B.points, n_jobs), B)
                if Y is None:
                    K[B.rows, A.rows] = K[A.rows, B.rows].T
        return K

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,)."""
        return self._diagonal(X, False, n_jobs)[0]

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        out = np.zeros((len(X), V.shape[1]), dtype=X.dtype)
        right = _Candidates(self, Y)
        for A in _Candidates(self, X).blocks:
            for B in right.blocks:
                spread = B.weights[:, None] * V[B.rows][B.owner]
                out[A.rows] += A.gathered(self._inner.matvec(A.points, B.points, spread, n_jobs))
        return out

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        n = len(X)
        _, none = self._inner.diag_gradient(X[:1], n_jobs)
        K, gradient = np.empty((n, n), X.dtype), np.empty((n, n, none.shape[1]), X.dtype)
        blocks = list(_Candidates(self, X, none.shape[1] + 1).blocks)
        for i, A in enumerate(blocks):
            for B in blocks[i:]:
                both = A.points if A is B else np.concatenate([A.points, B.points])
                values, slopes = self._inner.gradient(both, n_jobs)
                columns = slice(None) if A is B else slice(len(A.points), None)
                part = A.averaged(values[: len(A.points), columns], B)
                K[A.rows, B.rows] = part if A is not B else 0.5 * (part + part.T)
                for k in range(gradient.shape[2]):
                    part = A.averaged(slopes[: len(A.points), columns, k], B)
                    gradient[A.rows, B.rows, k] = part
                    gradient[B.rows, A.rows, k] = part.T
                K[B.rows, A.rows] = K[A.rows, B.rows].T
        return K, gradient

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        return self._diagonal(X, True, n_jobs)

    def _diagonal(self, X: Array, slopes: bool, n_jobs: int | None) -> tuple[Array, Array]:
        values = np.empty(len(X), X.dtype)
        rows = np.empty((len(X), self._inner.diag_gradient(X[:1])[1].shape[1] if slopes else 0))
        for A in _Candidates(self, X).blocks:
            for i in range(A.rows.start, A.rows.stop):
                own = A.owner == i - A.rows.start
                w, points = A.weights[own], A.points[own]
                if slopes:
                    K, gradient = self._inner.gradient(points, n_jobs)
                    rows[i] = np.einsum("a,b,abp->p", w, w, gradient)
                else:
                    K = self._inner.gram(points, None, n_jobs)
                values[i] = w @ K @ w
        return values, rows.astype(X.dtype)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Raise NotApplicableError: weights have kinks."""
        raise NotApplicableError(_NO_GRADIENT)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Raise NotApplicableError: weights have kinks."""
        raise NotApplicableError(_NO_GRADIENT)

    @property
    def _how(self) -> str:
        return _ITS_OWN


class _Block:
    """Candidates of consecutive samples, in one array.

    Parameters
    ----------
    rows : slice
        The samples.
    points : ndarray of shape (c, d)
    weights : ndarray of shape (c,)
    owner : ndarray of int of shape (c,)
        Sample of each candidate, counted from the first of the block.
    """

    def __init__(self, rows: slice, points: Array, weights: Array, owner: Array) -> None:
        self.rows, self.points, self.weights, self.owner = rows, points, weights, owner
        # every sample has candidates, so that no sum is over nothing
        self._starts = np.flatnonzero(np.diff(owner, prepend=-1))

    def gathered(self, values: Array) -> Array:
        """Weighted sums over the candidates of each sample, along the first axis."""
        weighted = values * self.weights.reshape(-1, *(1,) * (values.ndim - 1))
        sums: Array = np.add.reduceat(weighted, self._starts, axis=0)
        return sums

    def averaged(self, K: Array, other: _Block) -> Array:
        """Weighted sums (samples, samples) of a matrix between candidates."""
        return other.gathered(self.gathered(K).T).T


class _Candidates:
    """Candidates of samples, in blocks of which a Gram matrix fits in memory."""

    def __init__(self, plan: FramePlan, X: Array, planes: int = 1) -> None:
        if is_on_device(X):
            raise NotApplicableError("method='frame' runs on the CPU: move the samples there")
        most = int(math.sqrt(_MAX_ENTRIES / planes))
        self.blocks = list(self._cut(plan, X, min(most, _BLOCK_CANDIDATES)))

    def _cut(self, plan: FramePlan, X: Array, most: int) -> Iterator[_Block]:
        start = 0
        size = 8
        while start < len(X):
            candidates, weights = plan._frame.frames(X[start : start + size])
            used = weights > 0
            ends = np.cumsum(used.sum(axis=1))
            taken = max(1, int(np.searchsorted(ends, most, side="right")))
            used = used[:taken]
            points = np.ascontiguousarray(candidates[:taken][used])
            owner = np.nonzero(used)[0]
            yield _Block(slice(start, start + taken), points, weights[:taken][used], owner)
            start += taken
            size = max(1, min(4096, 2 * most * taken // max(1, int(ends[taken - 1]))))
