"""Few cases in which every two values of different factors meet: pairwise covering.

A law over the product of several lists repeats itself: what is wrong with one group, one kernel,
one method, or with two of them together, shows wherever these meet. The default run covers all
pairs; the rest of the product is marked ``full`` and made only where ``-m`` asks for it.
"""

from __future__ import annotations

import heapq
from itertools import combinations

import pytest

_shares = []  # (i, n) if the rest of every product is asked for: every n-th of it, from the i-th on


def ask(marks, share):
    """Make the rest of products too, or a share "i/n" of it, if marks (pytest's -m) name it."""
    _shares[:] = [tuple(map(int, share.split("/")))] if "full" in marks else []


def covered(names, rows, *, strength=2, ids=None):
    """Parametrize a test by the rows of a product: a covering of them, the rest marked ``full``.

    Parameters
    ----------
    names : str
        Names of the arguments, separated by commas.
    rows : iterable of tuples
        The product, or what of it a law holds for: one value per name. A value with an attribute
        ``factors`` (a Case: its group and its kernel) stands for several factors.
    strength : int, default=2
        How many values meet in the covering: pairs, or 1 for every value once.
    ids : callable or None, default=None
        From a value to its part of the test's name; None means by ``named``.

    Examples
    --------
    @covered("case, normalize", itertools.product(CASES, (False, True)))
    def test_law(case, normalize): ...
    """
    rows = list(rows)
    keys = [tuple(k for value in row for k in _keys(value)) for row in rows]
    default = covering(keys, strength)
    rest = sorted(set(range(len(rows))) - set(default))
    parameters = [
        pytest.param(
            *rows[i],
            id="-".join((ids or named)(value) for value in rows[i]),
            marks=pytest.mark.full if full else (),
        )
        for full, chosen in [(False, default), *((True, rest[i::n]) for i, n in _shares)]
        for i in chosen
    ]
    return pytest.mark.parametrize([name.strip() for name in names.split(",")], parameters)


def named(value):
    """Name a value in the name of a test: types by their own names."""
    return getattr(value, "__name__", None) or str(value)


def covering(rows, strength=2):
    """Choose rows in which every two values (or ``strength`` of them) meet that meet in any row.

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
    fresh = [set(combinations(enumerate(row), strength)) or {row} for row in rows]
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
