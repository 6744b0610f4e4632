"""Polynomial kernels by invariant polynomials: any group, any order, values and derivatives."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from catalog import GROUPS
from sklearn.gaussian_process.kernels import DotProduct
from sklearn.kernel_ridge import KernelRidge
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.exceptions import NotApplicableError
from symkernel.kernels import Polynomial
from symkernel.kernels.translate import spec_of
from symkernel.plans.planner import make_plan
from symkernel.plans.polynomial_sum import UNFELT, PolynomialSum

FINITE = {name: group for name, group in GROUPS.items() if group.is_finite}
FINITE["signed points"] = groups.Hyperoctahedral(3).along(0, (3, 2))
FINITE["signed points, last axis"] = groups.Hyperoctahedral(3).along(1, (2, 3))
FINITE["S4 x D3"] = groups.Symmetric(4).along(0, (4, 3)) * groups.PointGroup("D3").along(1, (4, 3))
FINITE["A5"] = groups.Alternating(5)
BASES = [DotProduct(0.7), Polynomial(3, gamma=0.4, coef0=1.1), Polynomial(4, gamma=0.3, coef0=0.0)]
LARGE = {
    "S_30": groups.Symmetric(30),
    "S_1000": groups.Symmetric(1000),
    "B_12": groups.Hyperoctahedral(12),
    "A_13": groups.Alternating(13),
    "young": groups.Young("a" * 9 + "b" * 7),
    "wreath": groups.Wreath(groups.Cyclic(3), groups.Symmetric(10)),
    "p4m": groups.Image((8, 8), "p4m"),
    "S_6 x S_6": groups.Symmetric(6).along(0, (6, 6)) * groups.Symmetric(6).along(1, (6, 6)),
    "S_15 x SO(3)": groups.Symmetric(15).along(0, (15, 3)) * groups.SO(3).along(1, (15, 3)),
    "S_9 x O(3)": groups.Symmetric(9).along(0, (9, 3)) * groups.O(3).along(1, (9, 3)),
}


def worst(got, want):
    return np.abs(got - want).max() / max(1.0, np.abs(want).max())


@pytest.mark.parametrize("base", BASES, ids=repr)
@pytest.mark.parametrize("name", FINITE)
def test_everything_equals_the_sum_over_elements(name, base):
    group = FINITE[name]
    rng = np.random.default_rng(0)
    X, Y, V = (rng.standard_normal(s) for s in ((5, group.degree), (4, group.degree), (4, 2)))
    X[1], X[2] = 1.0, 0.0
    spec = spec_of(base, group)
    try:
        plan = PolynomialSum(spec, group, UNFELT)
    except NotApplicableError as reason:
        assert "of one degree to be combined" in str(reason)
        return
    direct = make_plan(spec, group, "sum")
    for use in (
        lambda p: p.gram(X),
        lambda p: p.gram(X, Y),
        lambda p: p.diag(X),
        lambda p: p.matvec(X, Y, V),
        lambda p: p.gradient(X)[1],
        lambda p: p.diag_gradient(X)[1],
        lambda p: p.gradient_x(X, Y, V),
        lambda p: p.diag_gradient_x(X),
        lambda p: p.gram_packed(X),
    ):
        assert worst(use(plan), use(direct)) < 1e-13
    assert np.array_equal(plan.gram(X), plan.gram(X).T)
    assert plan.gram(X.astype(np.float32)).dtype == np.float32


def test_the_linear_kernel_over_all_permutations_is_that_of_means():
    X = np.random.default_rng(1).standard_normal((20, 30))
    means = X.mean(axis=1)
    k = InvariantKernel(DotProduct(0.5), "symmetric")
    assert np.allclose(k(X), 30 * np.outer(means, means) + 0.25, rtol=1e-13, atol=1e-13)
    model = InvariantKernelRidge(group="symmetric", kernel="linear", alpha=0.1).fit(X, means)
    projected = np.repeat(means[:, None], 30, axis=1)
    plain = KernelRidge(kernel="linear", alpha=0.1).fit(projected, means)
    assert np.allclose(model.predict(X), plain.predict(projected), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LARGE)
def test_large_groups_have_invariant_kernels(name):
    group = LARGE[name]
    k = InvariantKernel(Polynomial(3, gamma=0.02), group)
    plan = k.plan()
    assert plan.exact and plan.method == "closed_form" and plan.cost.maps == 0
    X = np.random.default_rng(2).standard_normal((4, group.degree))
    K = k(X)
    for g in group.sample(3, random_state=0):
        assert worst(k(g.apply(X), X), K) < 1e-13


def test_three_powers_over_all_permutations_against_moments_of_a_random_permutation():
    # E (x . P y)^2 for n numbers from power sums, in closed form
    n = 30
    x, y = np.random.default_rng(3).standard_normal((2, n))
    squares = (x @ x) * (y @ y) / n
    pairs = (x.sum() ** 2 - x @ x) * (y.sum() ** 2 - y @ y) / (n * (n - 1))
    k = InvariantKernel(Polynomial(2, gamma=1.0, coef0=0.0), groups.Symmetric(n))
    assert k(x[None], y[None])[0, 0] == pytest.approx(squares + pairs, rel=1e-13)


def test_rotations_of_many_points_agree_with_their_own_closed_form():
    group = groups.SO(3).along(1, (3, 3))
    base = Polynomial(4, gamma=0.5, coef0=0.7)
    X = np.random.default_rng(4).standard_normal((5, 9))
    want = InvariantKernel(base, group, "closed_form")(X)
    assert worst(PolynomialSum(spec_of(base, group), group).gram(X), want) < 1e-12


def test_centred_samples_under_translations():
    group = groups.Symmetric(7).along(0, (7, 3)) * groups.E(3).along(1, (7, 3))
    k = InvariantKernel(Polynomial(4, gamma=0.1), group)
    X = np.random.default_rng(5).standard_normal((4, 21))
    moved = group.sample(1, random_state=1)[0].apply(X)
    assert worst(k(moved, X), k(X)) < 1e-12


def test_the_number_of_invariants_is_that_of_partitions():
    counts = []
    for p in range(1, 7):
        spec = spec_of(Polynomial(p), groups.Symmetric(40))
        counts.append(PolynomialSum(spec, groups.Symmetric(40)).cost.multiply_adds)
    assert [b - a for a, b in pairwise([1.0, *counts])] == [1, 2, 3, 5, 7, 11]


def test_too_many_polynomials_are_refused_with_their_number():
    group = groups.Cyclic(200)
    with pytest.raises(NotApplicableError, match=f"{math.comb(205, 5):,} monomials"):
        PolynomialSum(spec_of(Polynomial(5), group), group)
