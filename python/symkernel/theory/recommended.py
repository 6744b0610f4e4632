"""Recommend a level for a number of samples and a smoothness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symkernel.groups import Group
from symkernel.spectral import Manifold
from symkernel.theory.counts import as_manifold, dimension_counts
from symkernel.theory.weyl import quotient
from symkernel.validation import as_count

__all__ = ["Recommendation", "recommended_level"]

# Levels are looked at in rounds of this many; as many without an invariant function end the search.
_ROUND = 16


@dataclass(frozen=True)
class Recommendation:
    """How many functions n samples can carry.

    Attributes
    ----------
    budget : float
        D = n^(1 / (1 + 2 s/d)) with d the dimension of the manifold, as in Algorithm 1 of spectral
        averaging, which lets D bound *all* eigenfunctions.
    level : int or float
        The highest level with at most D eigenfunctions in all.
    functions, invariants : int
        All, and invariant, eigenfunctions up to that level.
    invariant_budget : float
        n^(1 / (1 + 2 s/d')) with d' the dimension of the space of orbits.
    invariant_level : int or float
        The highest level with at most that many *invariant* functions, which are all that is
        fitted. At least ``level`` where d' = d.
    """

    budget: float
    level: int | float
    functions: int
    invariants: int
    invariant_budget: float
    invariant_level: int | float


def recommended_level(
    n: int, smoothness: float, manifold: Manifold, group: Group | None = None
) -> Recommendation:
    """Recommend a number of functions and a level for n samples and a smoothness.

    Parameters
    ----------
    n : int
        Number of samples.
    smoothness : float
        Number s of square integrable derivatives of the target; more than half the dimension for
        the theory to hold.
    manifold : Manifold
        A compact one.
    group : Group or None, default=None

    Returns
    -------
    Recommendation

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the counts or the dimension of the space of orbits are
        not known; see ``dimension_counts`` and ``quotient``.

    References
    ----------
    A. Soleymani, B. Tahmasebi, S. Jegelka and P. Jaillet, "Learning with exact invariances in
    polynomial time", ICML 2025.

    Examples
    --------
    >>> from symkernel import groups, theory
    >>> from symkernel.spectral import Sphere
    >>> found = theory.recommended_level(1000, 2.0, Sphere(3), groups.PointGroup("O"))
    >>> found.level, found.functions, found.invariant_level
    (2, 9, 13)
    """
    count = as_count(n, "n")
    s = _positive(smoothness)
    as_manifold(manifold)
    folded = quotient(manifold, group).dim
    budget = count ** (1.0 / (1.0 + 2.0 * s / manifold.dim))
    invariant_budget = count ** (1.0 / (1.0 + 2.0 * s / folded)) if folded else 1.0
    levels = manifold.all_levels()
    top: int | float = 0
    rounds = 0
    while True:
        rounds += 1
        for _ in range(_ROUND):
            top = next(levels).level
        counts = dimension_counts(manifold, group, top)
        enough = counts.cumulative_total[-1] > budget
        more = counts.cumulative_invariant[-1] > invariant_budget
        # Only constants are left where the group moves every point to every other one.
        if enough and (more or folded == 0):
            break
    best = _last(counts.cumulative_total, budget)
    other = _last(counts.cumulative_invariant, invariant_budget) if folded else 0
    return Recommendation(
        budget,
        counts.levels[best],
        counts.cumulative_total[best],
        counts.cumulative_invariant[best],
        invariant_budget,
        counts.levels[other],
    )


def _last(numbers: tuple[int, ...], bound: float) -> int:
    """Index of the last number up to a bound; the first one is 1."""
    return max(k for k, number in enumerate(numbers) if number <= bound)


def _positive(smoothness: Any) -> float:
    try:
        value = float(smoothness)
    except (TypeError, ValueError):
        raise TypeError(f"smoothness must be a number, got {smoothness!r}") from None
    if not 0.0 < value < float("inf"):
        raise ValueError(f"smoothness must be positive and finite, got {smoothness!r}")
    return value
