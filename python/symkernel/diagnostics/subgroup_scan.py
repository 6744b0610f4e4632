"""Find the largest symmetry of data among candidate subgroups, multiplicity handled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from symkernel.diagnostics.invariance_test import InvarianceTest, invariance_test
from symkernel.groups import Group, Trivial
from symkernel.validation import RandomState, as_generator

__all__ = ["SubgroupScan", "subgroup_scan"]


@dataclass(frozen=True, eq=False)
class SubgroupScan:
    """Outcome of a scan over candidate groups.

    Parameters
    ----------
    name : str
        Name of ``group``.
    group : Group
        The largest candidate that was not rejected; the trivial group if all were.
    maximal : tuple of str
        Names of all candidates not rejected that lie in no other such candidate.
    tests : dict
        Outcome by name of the candidates that had to be tested: subgroups of a group that was
        not rejected are not rejected either.
    level : float
        Probability of rejecting any true symmetry, at most.
    tested_level : float
        Level of each test: ``level`` divided by the largest number of candidates of which none
        lies in another.
    """

    name: str
    group: Group
    maximal: tuple[str, ...]
    tests: dict[str, InvarianceTest]
    level: float
    tested_level: float

    def __str__(self) -> str:
        lines = [f"largest group not rejected: {self.name} (level {self.level:g} over all tests)"]
        for name, test in self.tests.items():
            verdict = "rejected" if test.pvalue <= self.tested_level else "not rejected"
            lines.append(f"  {name}: p = {test.pvalue:.4g}, {verdict} at {self.tested_level:.3g}")
        return "\n".join(lines)


def subgroup_scan(
    X: Any,
    y: Any = None,
    *,
    candidates: Mapping[str, Group] | Sequence[Group],
    level: float = 0.05,
    random_state: RandomState = None,
    **options: Any,
) -> SubgroupScan:
    """Find the largest of candidate groups that the data do not speak against.

    Parameters
    ----------
    X : array-like of shape (n, n_features)
        Independent samples.
    y : array-like of shape (n,) or (n, n_targets), default=None
        Targets; see ``invariance_test``.
    candidates : dict of str to Group, or sequence of Group
        Compact groups that act on the features of X. The trivial group is always among them.
    level : float, default=0.05
        Bound on the probability that a true symmetry is rejected anywhere in the scan.
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of randomness.
    **options
        Passed on to ``invariance_test``: kernel, estimator, n_resamples, alternative, n_jobs,
        progress.

    Returns
    -------
    SubgroupScan

    Raises
    ------
    ValueError
        If there are no candidates, they act on different numbers of features, the level is not in
        (0, 1), or too few randomisations to reach the level of a test are asked for.

    Notes
    -----
    What leaves a law invariant is a group, and every subgroup of it does as well. So candidates
    are tested from the top: one is tested when all candidates above it have been rejected, at
    ``level / width``, width being the largest number of candidates of which none contains another
    (1 for a chain, which costs nothing; Dilworth's theorem gives it by a matching). The true
    hypotheses that can be reached first form such an antichain, hence the probability of
    rejecting any is at most ``level`` (sequential rejection: Goeman & Solari, Annals of
    Statistics 38, 2010).

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import diagnostics, groups
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 3)) + np.array([2.0, 0.0, 0.0])
    >>> X = groups.move_randomly(groups.Cyclic(3), X, rng)
    >>> found = diagnostics.subgroup_scan(
    ...     X, candidates={"C3": groups.Cyclic(3), "flips": groups.SignFlips(3)}, random_state=0
    ... )
    >>> found.name
    'C3'
    """
    named = _named(candidates)
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie in (0, 1), got {level!r}")
    names = list(named)
    below = _inclusions(list(named.values()))
    tested_level = level / _width(below)
    resamples = int(options.get("n_resamples", 199))
    if 1 / (resamples + 1) > tested_level:
        raise ValueError(
            f"n_resamples={resamples} gives no p-value below {1 / (resamples + 1):.3g}; "
            f"{len(named)} candidates are tested at {tested_level:.3g}: take at least "
            f"{int(np.ceil(1 / tested_level))}"
        )
    rng = as_generator(random_state)
    tests: dict[str, InvarianceTest] = {}
    rejected = np.zeros(len(names), bool)
    kept = np.zeros(len(names), bool)
    # Larger groups first, so that all candidates above one have been decided before it.
    for k in np.argsort(-below.sum(axis=1), kind="stable"):
        above = below[:, k] & (np.arange(len(names)) != k)
        if not rejected[above].all():
            continue
        name = names[k]
        test = invariance_test(X, y, group=named[name], random_state=rng, **options)
        tests[name] = test
        rejected[k] = test.pvalue <= tested_level
        kept[k] = not rejected[k]
    maximal = [k for k in range(len(names)) if kept[k]]
    if not maximal:
        trivial = Trivial(next(iter(named.values())).degree)
        return SubgroupScan("trivial", trivial, ("trivial",), tests, level, tested_level)
    largest = max(maximal, key=lambda k: (named[names[k]].dim, named[names[k]].order))
    return SubgroupScan(
        names[largest],
        named[names[largest]],
        tuple(names[k] for k in maximal),
        tests,
        level,
        tested_level,
    )


def _named(candidates: Mapping[str, Group] | Sequence[Group]) -> dict[str, Group]:
    if isinstance(candidates, Mapping):
        named = dict(candidates)
    else:
        named = {repr(G): G for G in candidates}
    for name, group in named.items():
        if not isinstance(group, Group):
            raise TypeError(f"candidates[{name!r}] must be a Group, got {type(group).__name__}")
    degrees = {G.degree for G in named.values()}
    if len(degrees) > 1:
        raise ValueError(f"candidates act on different numbers of features: {sorted(degrees)}")
    # The trivial group is no hypothesis: every law is invariant under it.
    proper = {name: G for name, G in named.items() if G.order != 1}
    if not proper:
        raise ValueError("candidates must hold a group other than the trivial one")
    return proper


def _inclusions(groups: list[Group]) -> NDArray[np.bool_]:
    """Whether group k contains group j, at [k, j]; equal groups contain each other once."""
    n = len(groups)
    inside = np.zeros((n, n), bool)
    for k, K in enumerate(groups):
        for j, H in enumerate(groups):
            inside[k, j] = H.dim <= K.dim and all(K.contains(h) for h in H._probes)
    for k in range(n):
        for j in range(k):
            if inside[k, j] and inside[j, k]:
                raise ValueError(f"candidates hold one group twice: {groups[j]!r}")
    return inside


def _width(inside: NDArray[np.bool_]) -> int:
    """Size of the largest antichain: n less a maximum matching of the order (Dilworth)."""
    proper = inside & ~np.eye(len(inside), dtype=bool)
    matched = maximum_bipartite_matching(csr_array(proper.astype(np.int8)), perm_type="column")
    return len(inside) - int((matched >= 0).sum())
