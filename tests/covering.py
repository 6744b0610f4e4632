"""Few cases in which every two values of different factors meet: pairwise covering.

A law over the product of several lists repeats itself: what is wrong with one group, one kernel,
one method, or with two of them together, shows wherever these meet. The default run covers all
pairs; the rest of the product is marked ``full`` and made only where ``-m`` asks for it.
"""

from __future__ import annotations

import heapq
from itertools import combinations

import pytest

_asked = {"full": False}


def ask(marks):
    """Make the rest of every product too if an expression of marks (pytest's -m) names it."""
    _asked["full"] = "full" in marks


def covered(names, rows, *, ids=str):
    """Parametrize a test by the rows of a product: a pairwise covering, the rest marked ``full``.

    Parameters
    ----------
    names : str
        Names of the arguments, separated by commas.
    rows : iterable of tuples
        The product, or what of it a law holds for: one value per name. A value with an attribute
        ``factors`` (a Case: its group and its kernel) stands for several factors.
    ids : callable, default=str
        From a value to its part of the test's name.

    Examples
    --------
    @covered("case, normalize", itertools.product(CASES, (False, True)))
    def test_law(case, normalize): ...
    """
    rows = list(rows)
    keys = [tuple(k for value in row for k in _keys(value)) for row in rows]
    default = set(pairwise(keys))
    parameters = [
        pytest.param(
            *row,
            id="-".join(str(ids(value)) for value in row),
            marks=() if i in default else pytest.mark.full,
        )
        for i, row in enumerate(rows)
        if _asked["full"] or i in default
    ]
    return pytest.mark.parametrize([name.strip() for name in names.split(",")], parameters)


def pairwise(rows):
    """Choose rows in which every two values meet that meet in any row.

    Parameters
    ----------
    rows : sequence of tuples of hashable values
        One value per factor; the same number of factors everywhere.

    Returns
    -------
    list of int
        Indices, ascending. The same rows give the same choice: greedily the row that brings the
        most pairs that have not met yet, the first of several.
    """
    fresh = [set(combinations(enumerate(row), 2)) or {row} for row in rows]
    # Gains only fall: a row whose gain, counted anew, still leads is the best.
    queue = [(-len(pairs), i) for i, pairs in enumerate(fresh)]
    heapq.heapify(queue)
    met, chosen = set(), []
    while queue:
        gain, i = heapq.heappop(queue)
        fresh[i] -= met
        if len(fresh[i]) == -gain:
            chosen.append(i)
            met |= fresh[i]
        elif fresh[i]:
            heapq.heappush(queue, (-len(fresh[i]), i))
    return sorted(chosen)


def _keys(value):
    """The factors that a value stands for, as something to compare."""
    if hasattr(value, "factors"):
        return value.factors
    try:
        hash(value)
    except TypeError:  # kernels of scikit-learn
        return (repr(value),)
    return (value,)
