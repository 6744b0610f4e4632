r"""Warn where targets of an invariant model turn with the samples.

Let samples be in random orientations, x_i = h_i s_i with h_i drawn from the group, and let targets
y_i be functions of s_i and noise, as an invariant model takes them to be. Then, for a vector v(x)
that turns with samples, :math:`y_i \cdot v(x_i) = \operatorname{tr}(h_i^T M_i)` with
:math:`M_i = y_i v(s_i)^T`; its mean over h_i is zero, and its variance is known:

.. math:: \operatorname{E} \operatorname{tr}(h^T M) \operatorname{tr}(h^T N)
    = \operatorname{vec}(M)^T A \operatorname{vec}(N), \qquad
    A = \operatorname{E} \operatorname{vec}(h) \operatorname{vec}(h)^T,

1/r times the inner product of M and N for rotations of r coordinates. So the sums
:math:`g_k = \sum_i y_i \cdot v_k(x_i)` of K vectors have a known covariance S, whatever the targets
are, and for any number of samples :math:`g^T S^{-1} g > c (K + 2 \sqrt{K t} + 2 t)` has a
probability less than :math:`e^{-t}`, where :math:`\operatorname{tr}(h^T M)` is sub-Gaussian with c
times its variance. Under all rotations of one vector it is uniform in an interval, or a cosine, and
c = 1. A search over M found up to 1.22 for one vector under point groups (T and D2), and up to 1.88
for several points (T, M the identity).
Source of the bound: D. Hsu, S. Kakade, T. Zhang, A tail inequality for quadratic forms of
subgaussian random vectors, Electron. Commun. Probab. 17, 2012.

In samples that are all oriented alike, such as structures of a molecule that does not turn, vectors
are functions of invariants. So what linear functions of inner products of vectors explain is
subtracted from the targets first, which leaves the argument as it is; and not only must there be
evidence that something turns, but it must be a tenth of the variance of the targets, as far as
vectors fitted to one half of the samples predict those of the other. Targets may depend on the axes
of space in another way, y = C v with any matrix C; then neither kind of model is theirs.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import namespace, to_host
from symkernel.backends.element_tables import table_matrices
from symkernel.estimators._kernel import KernelSpec
from symkernel.estimators._turning_features import PAIRS, fields_of, vectors_of
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.groups.registry import bind

Array = NDArray[np.float64]

# Samples that are looked at, and as few as that where their points are many.
_SAMPLES = 256
_FEW_SAMPLES = 64
# Samples for each vector, and for each invariant, that is tried.
_FOR_VECTOR = 8
_FOR_INVARIANT = 4
# Elements of a finite group of rotations that are enumerated.
_LISTED = 1000
# t: of the chance of a false alarm, 1e-4, shared by two sets of vectors.
_T = math.log(2e4)
# Variances of tr(h^T M) that bound its tails, M of rank 1 and any.
_OF_VECTORS, _OF_FIELDS = 1.25, 2.0
# Share of the variance of targets from which on they are said to turn.
_SHARE = 0.1
# What else depends on the axes of space, at most, as a part of what turns.
_OTHERS = 0.25
# Singular values below this, relative to the largest, are rounding.
_ROUNDING = 1e-7


@dataclass(frozen=True)
class Turns:
    """How a group turns the points of a sample.

    Parameters
    ----------
    points : ndarray of int of shape (P, r)
        Features that are coordinates of a point.
    labels : ndarray of int of shape (P,)
        Equal for points that the group may exchange.
    maps : ndarray of shape (k, r, r) or None
        What turns them, if there are finitely many.
    moments : ndarray of shape (r^2, r^2)
        A, the mean of vec(h) vec(h)^T.
    stays : ndarray of shape (r, r)
        The mean of h, the projection on vectors that stay.
    proper : bool
        Whether no map is a reflection.
    """

    points: NDArray[np.intp]
    labels: NDArray[np.intp]
    maps: Array | None
    moments: Array
    stays: Array
    proper: bool


def warn_turning(spec: KernelSpec, X: Any, y: Array, sample_weight: Any, names: Any) -> None:
    """Warn where targets (n, r) or (n, d) of an invariant model turn with samples (n, d).

    At most 256 samples are looked at; of P points that takes 256 P operations for vectors, and
    256 P^2 for targets at every point.
    """
    if not spec.invariant or y.ndim != 2 or y.shape[1] < 2:
        return
    group = bind(spec.named_group, X.shape[1], names)
    turns = turns_of(group) if group.degree == X.shape[1] else None
    if turns is None or y.shape[1] not in (turns.points.shape[1], group.degree):
        return
    P = len(turns.points)
    whole = y.shape[1] == group.degree and P > 1
    rows = np.arange(len(y)) if sample_weight is None else np.flatnonzero(to_host(sample_weight))
    most = max(_FEW_SAMPLES, PAIRS // P**2) if whole else _SAMPLES
    count = min(len(rows), most, _SAMPLES)
    rows = rows[np.linspace(0, len(rows) - 1, count).astype(np.intp)]
    seen = np.asarray(to_host(X[namespace(X).asarray(rows)]), np.float64)
    Y = np.asarray(y[rows], np.float64)
    share = turning_share(turns, group.structure.centred(seen), Y, whole)
    if share >= _SHARE:
        of = "vectors at the points of X" if whole else "a vector that is made of X"
        warnings.warn(
            f"y turns with the samples: as {of}, {share:.0%} of its variance does, which models "
            f"that are invariant under {group!r} cannot predict. Use EquivariantKernelRidge("
            f'group=..., output="{"same" if whole else "vector"}"), whose predictions turn.',
            UserWarning,
            stacklevel=3,
        )


def turns_of(group: Group) -> Turns | None:
    """Return how a group turns points in the plane or in space; None of those that do not."""
    if group._on_lattice or group.structure.angles:
        return None
    heads = [f for f in group.structure.factors if not f.group.is_permutation]
    if len(heads) != 1 or heads[0].group.degree not in (2, 3):
        return None
    (head,) = heads
    exchanges = group.structure.point_permutations(head)
    if exchanges is None:
        return None
    r, role = head.group.degree, head.group.role
    maps, moments, stays = None, np.eye(r * r) / r, np.zeros((r, r))
    if role.rotates:
        proper = not role.reflections
        if proper and r == 2:  # three turns have the same moments
            turn = np.array([[-0.5, -math.sqrt(0.75)], [math.sqrt(0.75), -0.5]])
            moments = _moments(np.stack([np.eye(2), turn, turn.T]))
    elif head.group.is_finite and head.group.log_order <= math.log(_LISTED):
        maps = np.asarray(table_matrices(head.group.table(_LISTED)), np.float64)
        moments, stays = _moments(maps), maps.mean(axis=0)
        proper = bool((np.linalg.det(maps) > 0).all())
    else:
        return None
    points = np.asarray(places(head.axes, head.shape))
    return Turns(points, exchanges.mixed_features, maps, moments, stays, proper)


def turning_share(turns: Turns, Z: Array, Y: Array, whole: bool) -> float:
    """Return the share of the variance of targets that turns; 0 if there is no evidence of any.

    Parameters
    ----------
    turns : Turns
        Of the group.
    Z : ndarray of shape (n, d)
        Samples less their translations.
    Y : ndarray of shape (n, r) or (n, d)
        Targets.
    whole : bool
        Whether they are a vector for every point.
    """
    n, r = len(Z), turns.points.shape[1]
    points = Z[:, turns.points]
    targets = Y[:, turns.points] if whole else Y[:, None]
    targets = targets - targets.mean(axis=0)
    scale, spread = np.abs(points).max(initial=0.0), np.abs(targets).max(initial=0.0)
    if n < _FOR_VECTOR or scale == 0.0 or spread == 0.0:
        return 0.0
    points, targets = points / scale, targets / spread
    few, vectors = vectors_of(points, turns.labels, turns.maps, turns.proper)
    if whole:
        tried, variances = [fields_of(points, turns.labels, turns.proper)], _OF_FIELDS
    else:
        tried, variances = [few[:, :, None], vectors[:, :, None]], _OF_VECTORS
    moving, basis = np.eye(r) - turns.stays, _invariants(vectors)
    left = _apart(targets @ moving, basis)
    following = 0.0
    for features in tried:
        V = _orthonormal(features @ moving, n // _FOR_VECTOR)
        following = max(following, _following(left, V, basis, variances * turns.moments))
    # Functions of invariants explain of what turns at random as much as their leverage is.
    total = (1 - (basis**2).sum(axis=1)) @ (targets**2).sum(axis=(1, 2))
    return min(1.0, following / float(total)) if following else 0.0


def _following(targets: Array, V: Array, basis: Array, moments: Array) -> float:
    """Return which part of the squared norm of targets (n, Q, r) follows vectors (K, n, Q, r).

    Targets are apart from the columns of a basis (n, s). 0 if there is no evidence of any.
    """
    n, r = len(targets), targets.shape[-1]
    g = np.einsum("iqa,kiqa->k", targets, V)
    M = np.einsum("iqa,kiqb->kiab", targets, V, optimize=True).reshape(len(V), n, r * r)
    S = np.einsum("kix,xy,liy->kl", M, moments, M, optimize=True)
    values, Q = np.linalg.eigh(S)
    kept = values > _ROUNDING * values.max(initial=0.0)
    K = int(kept.sum())
    if ((g @ Q[:, kept]) ** 2 / values[kept]).sum() <= K + 2 * math.sqrt(K * _T) + 2 * _T:
        return 0.0
    own = np.stack([_apart(v, basis) for v in V])
    following = _gained(targets, own)
    # Of what depends on axes of space other matrices tell as much, of what turns none does.
    few = own[: max(1, n // (_FOR_VECTOR * r))]
    free = np.einsum("kiqb,ac->kabiqc", few, np.eye(r)).reshape(-1, *targets.shape)
    others = _gained(targets, free) - _gained(targets, few)
    return following if others < _OTHERS * following else 0.0


def _gained(targets: Array, V: Array) -> float:
    """Return how much of the squared norm of targets vectors predict that halves of them learn.

    Neighbours may be alike, as in a trajectory: what follows is told by the other half.
    """
    n, gained = len(targets), 0.0
    halves = (slice(0, n // 2), slice(n // 2, n))
    for half, other in (halves, halves[::-1]):
        c = np.linalg.lstsq(V[:, half].reshape(len(V), -1).T, targets[half].ravel())[0]
        wanted = targets[other].ravel()
        missed = wanted - V[:, other].reshape(len(V), -1).T @ c
        gained += float(wanted @ wanted - missed @ missed)
    return max(0.0, gained)


def _moments(maps: Array) -> Array:
    flat = maps.reshape(len(maps), -1)
    return np.asarray(flat.T @ flat / len(maps))


def _invariants(vectors: Array) -> Array:
    """Orthonormal functions (n, s) of inner products of vectors (n, K, r), constants included."""
    n, k = len(vectors), vectors.shape[1]
    while k and k * (k + 1) // 2 >= n // _FOR_INVARIANT:
        k -= 1
    first = _orthonormal(vectors[:, :, None], k)[:, :, 0]
    inner = np.einsum("kia,lia->ikl", first, first)
    i, j = np.triu_indices(len(first))
    numbers = inner[:, i, j]
    numbers = np.column_stack([np.ones(n), numbers - numbers.mean(axis=0)])
    norms = np.sqrt((numbers**2).sum(axis=0))
    Q, values, _ = np.linalg.svd(numbers / np.where(norms > 0, norms, 1.0), full_matrices=False)
    return np.asarray(Q[:, values > _ROUNDING * values[0]])


def _apart(values: Array, basis: Array) -> Array:
    """Values (n, ...) less what the columns of a basis explain."""
    flat = values.reshape(len(values), -1)
    return np.asarray((flat - basis @ (basis.T @ flat)).reshape(values.shape))


def _orthonormal(features: Array, most: int) -> Array:
    """At most so many principal, orthonormal sums (k, n, Q, r) of features (n, K, Q, r)."""
    n, K = features.shape[:2]
    flat = features.swapaxes(0, 1).reshape(K, -1)
    norms = np.sqrt((flat**2).sum(axis=1))
    flat = flat[norms > 0] / norms[norms > 0, None]
    _, values, V = np.linalg.svd(flat, full_matrices=False)
    V = V[values > _ROUNDING * values.max(initial=0.0)][:most]
    return np.asarray(V.reshape(len(V), n, *features.shape[2:]))
