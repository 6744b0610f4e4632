"""Native assignments of points against SciPy's, ties and nasty costs included."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from symkernel import align, orbit_distance
from symkernel.backends import cpu, pairs
from symkernel.groups import Symmetric, Young

EYE = np.eye(1)[None]


def costs(x, y):
    """Squares of differences of all points."""
    return np.square(x[:, None] - y[None]).sum(axis=2)


def scipy_square(x, y):
    cost = costs(x, y)
    return cost[linear_sum_assignment(cost)].sum()


@pytest.fixture(params=cpu.info()["available_isas"])
def isa(request):
    before = cpu.info()["isa"]
    cpu.set_isa(request.param)
    yield request.param
    cpu.set_isa(before)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("p", [1, 2, 3, 7, 8, 9, 16, 33, 60])
def test_optimal_on_random_points(isa, p, d):
    rng = np.random.default_rng(p)
    X, Y = rng.standard_normal((5, p, d)), rng.standard_normal((4, p, d))
    truth = [[scipy_square(x, y) for y in Y] for x in X]
    eye = np.eye(d)[None]
    found = pairs.match(X, Y, [p], eye, False)
    np.testing.assert_allclose(found, truth, rtol=1e-13)
    squares, match, _ = pairs.match_rows(X[:4], Y, [p], eye, False)
    for i in range(4):
        assert sorted(match[i]) == list(range(p))
        np.testing.assert_allclose(np.square(X[i] - Y[i][match[i]]).sum(), squares[i], rtol=1e-13)
    np.testing.assert_allclose(squares, np.diag(truth), rtol=1e-13)


@pytest.mark.parametrize("kind", ["grid", "repeated", "all equal", "two values", "zero", "wide"])
def test_ties_and_degenerate_costs(isa, kind):
    rng = np.random.default_rng(0)
    for p in (2, 5, 12, 30):
        make = {
            "grid": lambda p=p: rng.integers(0, 3, (6, p, 2)).astype(float),
            "repeated": lambda p=p: np.repeat(rng.standard_normal((6, 1, 2)), p, axis=1),
            "all equal": lambda p=p: np.full((6, p, 2), 3.0),
            "two values": lambda p=p: rng.integers(0, 2, (6, p, 2)) * 1e8 + 1.0,
            "zero": lambda p=p: np.zeros((6, p, 2)),
            "wide": lambda p=p: 10.0 ** rng.uniform(-12, 12, (6, p, 2)),
        }[kind]
        X, Y = make(), make()
        truth = [[scipy_square(x, y) for y in Y] for x in X]
        found = pairs.match(X, Y, [p], np.eye(2)[None], False)
        np.testing.assert_allclose(found, truth, rtol=1e-12)


def test_blocks_are_matched_apart():
    rng = np.random.default_rng(1)
    labels = "abacabbba"
    group = Young(labels).along(0, (9, 2))
    X, Y = rng.standard_normal((6, 9, 2)), rng.standard_normal((6, 9, 2))
    truth = np.zeros(6)
    for kind in "abc":
        own = [i for i, label in enumerate(labels) if label == kind]
        truth += [scipy_square(x[own], y[own]) for x, y in zip(X, Y, strict=True)]
    found = align(X, Y, group=group, method="matching")
    np.testing.assert_allclose(found.distance, np.sqrt(truth), rtol=1e-13)
    assert all(group.contains(g) for g in found.element)


def test_the_same_points_in_another_order():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((10, 50, 3)) + 1e4
    Y = rng.permuted(np.arange(50), axis=0)
    group = Symmetric(50).along(0, (50, 3))
    found = align(X, X[:, Y], group=group)
    assert found.method == "matching"
    assert found.distance.max() == 0.0
    np.testing.assert_array_equal(found.element.apply(X[:, Y].reshape(10, -1)), X.reshape(10, -1))


def test_threads_agree():
    X = np.random.default_rng(3).standard_normal((60, 9, 3))
    group = Symmetric(9).along(0, (9, 3))
    one, two = (orbit_distance(X, group=group, n_jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, one.T)
    np.testing.assert_allclose(one, orbit_distance(X, X, group=group), atol=1e-14)


def test_bad_calls_are_refused():
    X, rows = np.zeros((2, 3, 3)), np.arange(3, dtype=np.int32)[None]
    for blocks in ([2], [2, 2], [3, 0], [-1, 4]):
        with pytest.raises(ValueError, match="blocks must"):
            pairs.match(X, X, blocks, np.eye(3)[None], False)
    with pytest.raises(ValueError, match="matrices must have shape"):
        pairs.match(X, X, [3], EYE, False)
    with pytest.raises(ValueError, match="as many rows"):
        pairs.match_rows(X, X[:1], [3], np.eye(3)[None], False)
    with pytest.raises(ValueError, match="permutation of the points"):
        pairs.rotate(X, X, rows * 0, False)
    with pytest.raises(ValueError, match="two or three coordinates"):
        pairs.rotate(np.zeros((2, 3, 4)), None, rows, False)
