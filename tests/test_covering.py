"""The covering of the catalog: every pair is in it, and little else."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from catalog import CASES, CASES_BY_METHOD, EVERY, KERNELS, METHODS
from covering import covering
from hypothesis import given
from hypothesis import strategies as st

FACTORS = [(c.group_name, c.kernel_name, m, n) for c, m in CASES_BY_METHOD for n in (False, True)]


def met(rows, strength):
    return {values for row in rows for values in combinations(enumerate(row), strength)}


def check(rows, strength=2):
    chosen = covering(rows, strength)
    assert chosen == sorted(set(chosen))
    assert met((rows[i] for i in chosen), strength) == met(rows, strength)
    return chosen


def test_every_pair_of_the_catalog_meets():
    chosen = check(FACTORS)
    # Not fewer than the pairs of groups and kernels, and not many more.
    assert len(CASES) <= len(chosen) <= 1.5 * len(CASES)
    assert {FACTORS[i][0] for i in chosen} == set(EVERY)
    assert {FACTORS[i][1] for i in chosen} == set(KERNELS)
    assert {FACTORS[i][2] for i in chosen} == set(METHODS)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), max_size=60), st.integers(1, 4))
def test_every_pair_of_any_rows_meets(rows, strength):
    check(rows, strength)


@given(st.lists(st.integers(2, 5), min_size=2, max_size=4))
def test_a_covering_is_small(sizes):
    rows = list(product(*map(range, sizes)))
    largest = sorted(sizes)[-2:]
    # Greedy needs no more than the least number times the logarithm of what is to be covered.
    assert largest[0] * largest[1] <= len(check(rows)) <= 2 * largest[0] * largest[1] + 4


def test_one_factor_keeps_every_value():
    assert check([(0,), (1,), (1,), (2,)]) == [0, 1, 3]


def test_two_factors_are_kept_whole():
    rows = list(product(range(3), "ab"))
    assert check(rows) == list(range(6))


@pytest.mark.parametrize("rows", [[], [()]])
def test_nothing_to_cover(rows):
    assert len(covering(rows)) == len(rows)
