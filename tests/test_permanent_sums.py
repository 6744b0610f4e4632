"""Permanents summed over a finite group beside the permutations, against the sum over elements."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.exceptions import NotApplicableError
from symkernel.kernels.translate import spec_of
from symkernel.plans.permanent_sum import PermanentSum
from symkernel.plans.planner import make_plan

POINTS = groups.PointGroup
PRODUCTS = {
    "S3 x S4": groups.Symmetric(3).along(0, (3, 4)) * groups.Symmetric(4).along(1, (3, 4)),
    "B3 x D3": groups.Hyperoctahedral(3).along(0, (3, 3)) * POINTS("D3").along(1, (3, 3)),
    "young x C2": groups.Young("aab").along(0, (3, 2)) * groups.Cyclic(2).along(1, (3, 2)),
    "middle axis": groups.Symmetric(3).along(1, (2, 3, 2))
    * groups.Cyclic(2).along(0, (2, 3, 2))
    * groups.SignFlips(2).along(2, (2, 3, 2)),
    "one axis free": groups.Symmetric(3).along(1, (2, 3, 2)) * groups.Cyclic(2).along(2, (2, 3, 2)),
    "centred": groups.Symmetric(3).along(0, (3, 2))
    * POINTS("C5", degree=2).along(1, (3, 2))
    * groups.Translations(2).along(1, (3, 2)),
}
BASES = [RBF(1.3), Matern(1.1, nu=2.5), RationalQuadratic(1.0, alpha=2.0)]


@pytest.mark.parametrize("base", BASES, ids=repr)
@pytest.mark.parametrize("name", PRODUCTS)
def test_everything_equals_the_sum_over_elements(name, base):
    group = PRODUCTS[name]
    rng = np.random.default_rng(0)
    X, Y, V = (rng.standard_normal(s) for s in ((5, group.degree), (4, group.degree), (4, 2)))
    X[1] = 1.0
    spec = spec_of(base, group)
    plan, direct = PermanentSum(spec, group), make_plan(spec, group, "sum")
    assert plan.exact and plan.error <= 1e-13
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
        got, want = use(plan), use(direct)
        assert got.shape == want.shape
        assert np.abs(got - want).max() < 5e-12
    assert plan.gram(X.astype(np.float32)).dtype == np.float32


def test_length_scales_per_feature():
    group = PRODUCTS["one axis free"]
    base = RBF([0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 1.7, 1.7, 1.7, 1.7, 1.7, 1.7])
    X = np.random.default_rng(1).standard_normal((4, 12))
    spec = spec_of(base, group)
    plan, direct = PermanentSum(spec, group), make_plan(spec, group, "sum")
    assert np.allclose(plan.gram(X), direct.gram(X), rtol=1e-13)
    for got, want in zip(plan.gradient(X), direct.gradient(X), strict=True):
        assert np.allclose(got, want, rtol=1e-12, atol=1e-15)
    for got, want in zip(plan.diag_gradient(X), direct.diag_gradient(X), strict=True):
        assert np.allclose(got, want, rtol=1e-12, atol=1e-15)


def test_half_a_million_permutations_of_rows_and_columns():
    group = groups.Symmetric(6).along(0, (6, 6)) * groups.Symmetric(6).along(1, (6, 6))
    k = InvariantKernel(RBF(2.0), group)
    assert k.plan().method == "closed_form"
    assert k.plan().steps[0] == "sum over 720 elements of the other factors"
    X = np.random.default_rng(2).standard_normal((6, 36))
    moved = group.sample(1, random_state=0)[0].apply(X)
    assert np.allclose(k(moved, X), k(X), rtol=1e-11, atol=0.0)
    model = InvariantKernelRidge(kernel=RBF(2.0), group=group).fit(X, X.sum(axis=1))
    assert np.allclose(model.predict(moved), model.predict(X), rtol=1e-10)


def test_what_has_no_permanents_is_refused_with_the_reason():
    same_axis = groups.Symmetric(3) * groups.SignFlips(1).along(1, (3, 1))
    for group in (groups.Symmetric(4), groups.Image((3, 3), "D4"), same_axis):
        with pytest.raises(NotApplicableError, match="no product of permutations of points"):
            PermanentSum(spec_of(RBF(), group), group)
    wide = groups.Symmetric(12).along(0, (12, 8)) * groups.Alternating(8).along(1, (12, 8))
    with pytest.raises(NotApplicableError, match="multiply-adds per pair; at most 5e"):
        PermanentSum(spec_of(RBF(), wide), wide)
