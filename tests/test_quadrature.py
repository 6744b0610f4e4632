"""Quadrature over rotations and averages over random elements, against sums written out."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from oracles import cloud
from scipy.special import ive
from symkernel import groups
from symkernel.backends import cpu
from symkernel.backends.element_tables import MatrixTable, PointTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups.elements import point_element_at
from symkernel.plans.base import BaseSpec
from symkernel.plans.polynomial_tail import polynomial_tail
from symkernel.plans.quadrature import Quadrature
from symkernel.plans.rotation_rules import rotation_rule
from symkernel.plans.sampled import Sampled
from symkernel.plans.weighted_tables import full_table

KERNELS = {
    "rbf": BaseSpec("rbf", (1.3,)),
    "matern12": BaseSpec("matern12", (1.6,)),
    "matern32": BaseSpec("matern32", (1.3,)),
    "matern52": BaseSpec("matern52", (1.3,)),
    "rational_quadratic": BaseSpec("rational_quadratic", (0.8, 1.2)),
    "dot_product": BaseSpec("dot_product", (0.7,)),
    "polynomial": BaseSpec("polynomial", (1.1, 0.4, 3.0)),
    "arccosine0": BaseSpec("arccosine0", ()),
    "arccosine1": BaseSpec("arccosine1", ()),
    "arccosine2": BaseSpec("arccosine2", ()),
}
KINDS = {
    "SO2": groups.SO(2).along(1, (4, 2)),
    "O2": groups.O(2).along(1, (4, 2)),
    "SO3": groups.SO(3).along(1, (4, 3)),
    "O3": groups.O(3).along(1, (4, 3)),
}


def clouds(count, p=4, r=3, scale=0.8):
    return scale * np.stack([cloud(p, r, 0.7 + 0.31 * k).ravel() for k in range(count)])


def plain(base, X, Y):
    """The base kernel itself, by the native orbit sum over the identity."""
    table = MatrixTable(np.eye(X.shape[1])[None])
    return cpu.gram(base.native, table, np.ascontiguousarray(X), np.ascontiguousarray(Y))


def turned(X, R):
    r = len(R)
    return np.ascontiguousarray((X.reshape(len(X), -1, r) @ R.T).reshape(X.shape))


def two_sided(base, X, Y, matrices, weights):
    """sum_ij w_i w_j k(R_i x, R_j y): one Gram matrix of all turned samples."""
    left = np.concatenate([turned(X, R) for R in matrices])
    right = np.concatenate([turned(Y, R) for R in matrices])
    K = plain(base, left, right).reshape(len(weights), len(X), len(weights), len(Y))
    return np.einsum("i,iajb,j->ab", weights, K, weights)


def one_sided(base, X, Y, matrices, weights):
    return sum(w * plain(base, X, turned(Y, R)) for R, w in zip(matrices, weights, strict=True))


@pytest.mark.parametrize("name", list(KERNELS))
@pytest.mark.parametrize("degree", [2, 5, 6, 7])
def test_it_is_the_sum_it_says(name, degree):
    """Also far from the origin, where a wrong centre would show."""
    base, G = KERNELS[name], KINDS["SO3"]
    X = clouds(5) + 0.4
    Y = clouds(3)[:, ::-1] + np.tile([0.9, -0.3, 0.5], 4)
    plan = Quadrature(base, G, degree)
    half = rotation_rule(3, degree, two_sided=True)
    both = two_sided(base, X, Y, half.matrices, half.weights)
    exact = name in ("dot_product", "polynomial") and degree >= 3
    tolerance = 1e-12 * np.abs(both).max()
    assert plan.exact == exact or name == "dot_product"  # of degree 1
    np.testing.assert_allclose(plan.gram(X, Y), both, rtol=1e-12, atol=tolerance)
    rule = rotation_rule(3, degree)
    single = Quadrature(base, G, degree, two_sided=False)
    np.testing.assert_allclose(
        single.gram(X, Y),
        one_sided(base, X, Y, rule.matrices, rule.weights),
        rtol=1e-12,
        atol=tolerance,
    )


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("name", list(KERNELS))
@pytest.mark.parametrize("sides", [None, False])
def test_plan_is_consistent(kind, name, sides):
    """gram, diag, matvec, gradient and diag_gradient agree, and X against itself is symmetric."""
    base, G = KERNELS[name], KINDS[kind]
    X = clouds(6, r=int(kind[-1])) + 0.2
    plan = Quadrature(base, G, 6, two_sided=sides)
    K = plan.gram(X)
    scale = np.abs(K).max()
    np.testing.assert_allclose(K, plan.gram(X, X.copy()), atol=2e-12 * scale)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_allclose(plan.diag(X), np.diag(K), atol=2e-12 * scale)
    V = np.random.default_rng(0).standard_normal((4, 2))
    np.testing.assert_allclose(
        plan.matvec(X, X[:4], V), plan.gram(X, X[:4]) @ V, atol=1e-11 * scale
    )
    value, slope = plan.gradient(X)
    np.testing.assert_allclose(value, K, atol=2e-12 * scale)
    d, dslope = plan.diag_gradient(X)
    np.testing.assert_allclose(d, np.diag(K), atol=2e-12 * scale)
    np.testing.assert_allclose(dslope, np.einsum("iip->ip", slope), atol=2e-11 * scale)
    for p in range(slope.shape[2]):
        h = 1e-5
        moved = [
            tuple(v * math.exp(s * h) if q == p else v for q, v in enumerate(base.parameters))
            for s in (1, -1)
        ]
        up, down = (
            Quadrature(BaseSpec(base.name, m), G, 6, two_sided=sides).gram(X) for m in moved
        )
        np.testing.assert_allclose(slope[:, :, p], (up - down) / (2 * h), atol=1e-6 * scale)


def test_values_on_record():
    """Averages over SO(3) known to sixteen digits; the mirror image has another."""
    X, Y = cloud(4, 3, 1.3).reshape(1, -1), cloud(4, 3, 0.7).reshape(1, -1)
    mirrored = (cloud(4, 3, 0.7) * [1, 1, -1]).reshape(1, -1)
    base = BaseSpec("rbf", (1.0,))
    rotations = Quadrature(base, KINDS["SO3"])
    everything = Quadrature(base, KINDS["O3"])
    left, right = 0.006275149332835945, 0.0064089692355477085
    assert abs(rotations.gram(X, Y)[0, 0] / left - 1) < 1e-11
    assert abs(rotations.gram(X, mirrored)[0, 0] / right - 1) < 1e-11
    for Z in (Y, mirrored):
        assert abs(everything.gram(X, Z)[0, 0] / ((left + right) / 2) - 1) < 1e-11


def test_one_sided_average_is_indefinite_and_two_sided_is_not():
    """Turned copies of one cloud: their exact kernel is constant, so only the error is left."""
    base, G = BaseSpec("rbf", (0.35,)), KINDS["SO3"]
    rng = np.random.default_rng(0)
    turns = groups.SO(3).sample(25, rng)
    X = np.concatenate([turned(clouds(1, scale=0.6), g.as_matrix()) for g in turns])
    one = Quadrature(base, G, 6, two_sided=False)
    K = one.gram(X)
    low = np.linalg.eigvalsh(K)[0]
    assert low < -1e-3 * K.max()
    assert low > -len(X) * one.error * K.max() * 2
    assert "eigenvalues above -n times the error" in str(one)
    both = Quadrature(base, G, 6)
    K = both.gram(X)
    assert np.linalg.eigvalsh(K)[0] > -1e-12 * K.max()
    assert "positive semidefinite" in str(both)
    group = Quadrature(base, G, 5)
    K = group.gram(X)
    assert np.linalg.eigvalsh(K)[0] > -1e-12 * K.max()
    assert "the nodes form a group" in str(group)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("name", list(KERNELS))
def test_errors_are_estimated(kind, name):
    """The error on all pairs is of the size that was measured on a few, and within the bound."""
    base, G = KERNELS[name], KINDS[kind]
    X = clouds(12, r=int(kind[-1]))
    fine = {"2": 400, "3": 26}[kind[-1]]
    limit = Quadrature(base, G, fine, two_sided=False).gram(X)
    scale = np.abs(limit).max()
    largest = np.linalg.norm(X, axis=1).max()
    tail = polynomial_tail(base, largest)
    for degree in (2, 5, 7):
        plan = Quadrature(base, G, degree)
        error = np.abs(plan.gram(X) - limit).max()
        assert error / scale <= 3 * plan.error + 1e-13
        if name in ("rbf", "matern52", "rational_quadratic"):  # of images of samples as well
            images = np.vstack([g.apply(X) for g in G.sample(40, random_state=0)])
            moved = np.abs(plan.gram(images, X) - np.tile(limit, (40, 1))).max()
            # a bound: what a few samples show, times a margin
            assert plan.error <= 3 * 2.5 * max(error, moved) / scale + 1e-13
        peak = plain(base, np.eye(1, X.shape[1]) * largest, np.eye(1, X.shape[1]) * largest)[0, 0]
        assert error <= tail[degree] * peak + 1e-12 * scale


@pytest.mark.parametrize("name", list(KERNELS))
def test_bound_is_the_bessel_tail_for_rbf_and_falls_for_all(name):
    tail = polynomial_tail(KERNELS[name], 1.7)
    assert (np.diff(tail) <= 1e-15).all() and tail[0] > tail[1]
    if name == "rbf":
        s = 1.7**2 / 1.3**2
        for L in (0, 3, 8, 15):
            want = 4 * ive(np.arange(L + 1, L + 60), s).sum()
            assert abs(tail[L] - want) < 1e-13 + 1e-9 * want
    assert (polynomial_tail(BaseSpec("rbf", (1.0,)), 0.0) == 0).all()


def test_polynomials_are_exact_at_their_degree():
    X = clouds(6)
    for power in (1, 2, 3, 4, 6):
        base = BaseSpec("polynomial", (0.5, 0.3, float(power)))
        for kind in ("SO3", "O3"):
            plan = Quadrature(base, KINDS[kind])
            assert plan.exact and "exact up to rounding" in str(plan)
            want = Quadrature(base, KINDS[kind], 20, two_sided=False).gram(X)
            np.testing.assert_allclose(plan.gram(X), want, rtol=1e-12)
    assert not Quadrature(BaseSpec("polynomial", (0.5, 0.3, 6.0)), KINDS["SO3"], 5).exact
    assert Quadrature(BaseSpec("polynomial", (0.5, 0.3, 6.0)), KINDS["SO3"]).cost.maps == 196


def test_degree_from_the_data():
    base, G = BaseSpec("rbf", (1.0,)), KINDS["SO3"]
    small, large = Quadrature(base, G), Quadrature(base, G)
    K = small.gram(clouds(5, scale=0.1))
    assert np.linalg.eigvalsh(K)[0] > -1e-14
    large.gram(clouds(5, scale=1.0))
    assert small.cost.maps < large.cost.maps
    assert max(small.error, large.error) < 1e-6
    assert "degree chosen from the data" in str(Quadrature(base, G))
    assert "nan" not in str(Quadrature(base, G)) + Quadrature(base, G)._repr_html_()
    planned = Quadrature(base, G, radius=1.5)
    assert planned.cost.maps > 0 and "degree chosen" not in str(planned)
    loose = Quadrature(base, G, tol=1e-2, radius=1.0)
    assert loose.cost.maps <= 60
    assert Quadrature(base, G).gram(np.zeros((2, 12))).tolist() == [[1, 1], [1, 1]]
    assert Quadrature(base, KINDS["SO2"], radius=30.0).cost.maps < 400


def test_the_tolerance_is_relative_to_the_average():
    """Which is far below k(x, x) for sharp kernels, and unknown to the bound."""
    for kind, scale in (("SO2", 3.0), ("O2", 6.0), ("SO3", 0.8)):
        plan = Quadrature(BaseSpec("rbf", (1.0,)), KINDS[kind])
        X = clouds(5, r=int(kind[-1]), scale=scale)
        K = plan.gram(X)
        limit = Quadrature(
            BaseSpec("rbf", (1.0,)), KINDS[kind], 500 if kind[-1] == "2" else 60, two_sided=False
        ).gram(X)
        assert np.abs(K - limit).max() < 1e-6 * np.abs(limit).max()
        assert plan.error < 1e-6


def test_a_tolerance_out_of_reach_is_announced():
    plan = Quadrature(BaseSpec("arccosine1", ()), KINDS["SO3"])
    with pytest.warns(UserWarning, match="quadrature of degree 7 .* has a relative error of about"):
        K = plan.gram(clouds(6))
    assert np.linalg.eigvalsh(K)[0] > 0
    assert 1e-6 < plan.error < 1e-3
    with pytest.raises(NotApplicableError, match="no affordable rule is known to reach"):
        Quadrature(BaseSpec("arccosine0", ()), KINDS["SO3"], radius=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Quadrature(BaseSpec("arccosine2", ()), KINDS["SO3"]).gram(clouds(6))
        Quadrature(BaseSpec("arccosine0", ()), KINDS["SO3"], tol=1e-2).gram(clouds(6))


@pytest.mark.parametrize("base", [KERNELS["rbf"], KERNELS["arccosine1"]])
def test_finite_factors_and_translations(base):
    shape = (4, 3)
    X = clouds(5)
    swap = groups.PermutationGroup([[1, 0, 2, 3], [0, 1, 3, 2]]).along(0, shape)
    G = groups.O(3).along(1, shape) * groups.Translations(3).along(1, shape) * swap
    plan = Quadrature(base, G, 5)
    K = plan.gram(X)
    centred = (X.reshape(5, 4, 3) - X.reshape(5, 4, 3).mean(axis=1, keepdims=True)).reshape(X.shape)
    inner = Quadrature(base, groups.O(3).along(1, shape), 5)
    want = np.mean([inner.gram(centred, g.apply(centred)) for g in swap.elements()], axis=0)
    np.testing.assert_allclose(K, want, rtol=1e-12)
    moved = X + np.tile([3.0, -2.0, 5.0], 4)
    np.testing.assert_allclose(plan.gram(moved, X), K, rtol=1e-11)
    assert "centre along axis 1" in str(plan)
    assert "sum over 4 elements of the finite part" in str(plan)
    # signs of points are no permutation of them: matrices on all features
    flips = groups.SignFlips(4).along(0, shape)
    signed = Quadrature(base, groups.SO(3).along(1, shape) * flips, 5)
    inner = Quadrature(base, groups.SO(3).along(1, shape), 5)
    want = np.mean([inner.gram(X, g.apply(X)) for g in flips.elements()], axis=0)
    np.testing.assert_allclose(signed.gram(X), want, rtol=1e-12)


def test_one_vector_and_the_first_axis():
    X = clouds(5, p=1) * 2
    rule = rotation_rule(3, 5)
    base = KERNELS["rbf"]
    K = Quadrature(base, groups.SO(3), 5).gram(X)
    np.testing.assert_allclose(K, one_sided(base, X, X, rule.matrices, rule.weights), rtol=1e-12)
    Z = clouds(5)  # coordinates along axis 0: the transposed arrays
    transposed = Z.reshape(5, 4, 3).swapaxes(1, 2).reshape(5, -1)
    np.testing.assert_allclose(
        Quadrature(base, groups.SO(3).along(0, (3, 4)), 5).gram(transposed),
        Quadrature(base, groups.SO(3).along(1, (4, 3)), 5).gram(Z),
        rtol=1e-12,
    )
    Q = clouds(4, p=2, r=4)
    plan = Quadrature(base, groups.SO(4).along(1, (2, 4)), 2)
    g = groups.SO(4).sample(1, 3)[0].as_matrix()
    assert np.abs(plan.gram(turned(Q, g), Q) - plan.gram(Q)).max() < 0.2
    assert np.linalg.eigvalsh(plan.gram(Q))[0] > 0


def test_length_scale_per_feature():
    scale = np.repeat([0.8, 1.1, 1.4, 2.0], 3)
    X = clouds(5)
    base, G = BaseSpec("rbf", (1.0,), scale=scale), KINDS["SO3"]
    plan = Quadrature(base, G, 6)
    np.testing.assert_allclose(
        plan.gram(X), Quadrature(BaseSpec("rbf", (1.0,)), G, 6).gram(X / scale), rtol=1e-12
    )
    K, slope = Quadrature(base, G, 5).gradient(X)
    h = 1e-5
    for point in range(4):  # the three scales of a point are tied
        step = np.where(np.arange(12) // 3 == point, h, 0.0)
        up, down = (
            Quadrature(BaseSpec("rbf", (1.0,), scale=scale * np.exp(s * step)), G, 5).gram(X)
            for s in (1, -1)
        )
        got = slope[:, :, 3 * point : 3 * point + 3].sum(axis=2)
        np.testing.assert_allclose(got, (up - down) / (2 * h), atol=1e-8)
    d, dslope = Quadrature(base, G, 5).diag_gradient(X)
    np.testing.assert_allclose(d, np.diag(K), rtol=1e-12)
    np.testing.assert_allclose(dslope, np.einsum("iip->ip", slope), atol=1e-12)


def test_single_precision():
    X = clouds(6) + 0.3
    for name in ("rbf", "matern32", "arccosine1", "polynomial"):
        for degree in (5, 6):
            K = Quadrature(KERNELS[name], KINDS["SO3"], degree).gram(X.astype(np.float32))
            want = Quadrature(KERNELS[name], KINDS["SO3"], degree).gram(X)
            assert K.dtype == np.float32
            np.testing.assert_allclose(K, want, rtol=5e-6, atol=5e-6 * np.abs(want).max())


def test_full_table_of_points():
    rows = np.array([[0, 1, 2], [2, 0, 1]], dtype=np.int32)
    table = PointTable(rows, rotation_rule(2, 2).matrices, np.array([5, 4, 3, 2, 1, 0]))
    dense = full_table(table)
    want = [point_element_at(table, s, h).as_matrix() for s in range(2) for h in range(3)]
    np.testing.assert_allclose(dense.matrices, want, atol=1e-15)


def test_refusals_of_quadrature():
    base = KERNELS["rbf"]
    with pytest.raises(
        NotApplicableError, match=r"one factor SO\(n\) or O\(n\) .* this group has none"
    ):
        Quadrature(base, groups.Symmetric(4))
    with pytest.raises(NotApplicableError, match="this group has none"):
        Quadrature(base, groups.Torus(2))
    shape = (2, 3)
    two = groups.SO(2).along(0, shape) * groups.SO(3).along(1, shape)
    with pytest.raises(NotApplicableError, match=r"factors here: SO\(2\), SO\(3\)"):
        Quadrature(base, two)
    with pytest.raises(NotApplicableError, match="L1 distance is not invariant"):
        Quadrature(BaseSpec("laplacian", (1.0,)), KINDS["SO3"])
    with pytest.raises(NotApplicableError, match=r"666,792 terms per pair.*a lower degree"):
        Quadrature(base, KINDS["SO3"], 20, two_sided=True)
    assert "one side averaged" in str(Quadrature(base, KINDS["SO3"], 20))
    big = groups.SO(3).along(1, (12, 3)) * groups.Symmetric(12).along(0, (12, 3))
    with pytest.raises(NotApplicableError, match="479,001,600 elements"):
        Quadrature(KERNELS["arccosine1"], big, 2)
    with pytest.raises(ValueError, match="tol must be between 0 and 1"):
        Quadrature(base, KINDS["SO3"], tol=0.0)
    with pytest.raises(ValueError, match="radius must be a finite number"):
        Quadrature(base, KINDS["SO3"], radius=-1.0)
    with pytest.raises(ValueError, match="degree must be an integer"):
        Quadrature(base, KINDS["SO3"], 2.5)


# ---- random elements ---------------------------------------------------------------------------


SAMPLED = {
    "S6": groups.Symmetric(6).along(0, (6, 2)),
    "B4": groups.Hyperoctahedral(4),
    "I": groups.PointGroup("I").along(1, (4, 3)),
    "SO3": KINDS["SO3"],
    "O3 x S4": groups.O(3).along(1, (4, 3)) * groups.Symmetric(4).along(0, (4, 3)),
    "SE3": groups.SE(3).along(1, (4, 3)),
    "SO2 x SO3": groups.SO(2).along(0, (2, 3)) * groups.SO(3).along(1, (2, 3)),
}


@pytest.mark.parametrize("kind", list(SAMPLED))
@pytest.mark.parametrize("name", ["rbf", "matern12", "polynomial", "arccosine1"])
def test_sampled_average(kind, name):
    base, G = KERNELS[name], SAMPLED[kind]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, G.degree)) * 0.6 + 1.0
    Y = rng.standard_normal((3, G.degree)) * 0.6 - 0.5
    plan = Sampled(base, G, 12)
    K = plan.gram(X)
    scale = np.abs(K).max()
    assert not plan.exact and "approximate" in str(plan)
    np.testing.assert_array_equal(K, K.T)
    assert np.linalg.eigvalsh(K)[0] > -1e-12 * scale
    np.testing.assert_allclose(plan.gram(X, X.copy()), K, atol=3e-12 * scale)
    np.testing.assert_allclose(plan.diag(X), np.diag(K), atol=3e-12 * scale)
    V = rng.standard_normal((3, 2))
    np.testing.assert_allclose(plan.matvec(X, Y, V), plan.gram(X, Y) @ V, atol=1e-11 * scale)
    value, slope = plan.gradient(X)
    np.testing.assert_allclose(value, K, atol=3e-12 * scale)
    np.testing.assert_allclose(
        plan.diag_gradient(X)[1], np.einsum("iip->ip", slope), atol=3e-11 * scale
    )
    # the same elements on both sides, written out
    if kind in ("S6", "B4", "I"):
        drawn = G.sample(12, 0)
        want = np.mean([plain(base, g.apply(X), h.apply(Y)) for g in drawn for h in drawn], axis=0)
        np.testing.assert_allclose(plan.gram(X, Y), want, atol=3e-12 * scale)
    again = Sampled(base, G, 12)
    np.testing.assert_array_equal(again.gram(X), K)
    other = Sampled(base, G, 12, random_state=1)
    assert np.abs(other.gram(X) - K).max() > 1e-9 * scale


@pytest.mark.parametrize("kind", ["S6", "I", "SO3"])
def test_measured_error_of_samples(kind):
    """It has the size of the true error, which falls as 1/m."""
    base, G = KERNELS["rbf"], SAMPLED[kind]
    X = np.random.default_rng(5).standard_normal((8, G.degree)) * 0.5
    if kind == "SO3":
        limit = Quadrature(base, G, 24, two_sided=False).gram(X)
    else:
        limit = cpu.gram(base.native, G.table(1000), X, None)
    previous = math.inf
    for m in (5, 20, 80):
        errors, estimates = [], []
        for seed in range(4):
            plan = Sampled(base, G, m, random_state=seed)
            K = plan.gram(X)
            errors.append(np.abs(K - limit).max() / np.abs(limit).max())
            estimates.append(plan.error)
            if G.is_finite:  # K - K_G is positive semidefinite
                assert np.linalg.eigvalsh(K - limit)[0] > -1e-12 * K.max()
        assert 0.2 * np.mean(errors) < np.mean(estimates) < 5 * np.mean(errors)
        assert np.mean(errors) < 0.6 * previous
        previous = np.mean(errors)


def test_error_of_kernels_too_sharp_for_the_nodes():
    """Only the identity contributes to K(x, x): all of it is error, and said to be."""
    X = clouds(5) * 1e3
    base = BaseSpec("rbf", (1.0,))
    plan = Sampled(base, KINDS["SO3"], 10)
    np.testing.assert_allclose(plan.gram(X), np.eye(5) / 10, atol=1e-12)
    assert plan.error == pytest.approx(1.0)
    plan = Quadrature(base, KINDS["SO3"])
    with pytest.warns(UserWarning, match="relative error of about 1"):
        plan.gram(X)
    assert plan.error == pytest.approx(1.0)


def test_bound_of_tahmasebi_and_weber():
    base = KERNELS["rbf"]
    plan = Sampled(base, groups.Symmetric(16), 100, confidence=0.9)
    order = math.factorial(16)
    bound = 8 / 300 * math.log(2 * order / 0.1)
    assert plan.error == pytest.approx(bound)
    assert f"Tahmasebi-Weber: with probability 0.9 the error is at most {bound:.2g}" in str(plan)
    assert f"one-sided {math.sqrt(bound):.2g}" in str(plan)
    G = groups.PointGroup("I").along(1, (4, 3))
    X = clouds(10)
    limit = cpu.gram(base.native, G.table(100), X, None)
    held = 0
    for seed in range(20):
        plan = Sampled(base, G, 64, random_state=seed)
        bound = plan.error
        held += np.abs(plan.gram(X) - limit).max() <= bound
    assert held >= 19
    # orders beyond every machine word
    large = Sampled(base, groups.Symmetric(300), 16)
    assert math.isfinite(large.error)
    infinite = str(Sampled(base, KINDS["SO3"], 16))
    assert "no uniform bound applies" in infinite and "error measured" in infinite


def test_sampling_sums_small_finite_factors_exactly():
    G = KINDS["SO3"] * groups.Symmetric(4).along(0, (4, 3))
    plan = Sampled(KERNELS["rbf"], G, 10)
    assert "sum over 24 elements of the finite part" in str(plan)
    X = clouds(4)
    swapped = X.reshape(4, 4, 3)[:, [2, 0, 3, 1]].reshape(4, -1)
    np.testing.assert_allclose(plan.gram(swapped, X), plan.gram(X), rtol=1e-11)
    moved = Sampled(KERNELS["rbf"], SAMPLED["SE3"], 10)
    assert "centre along axis 1" in str(moved)
    shifted = X + np.tile([4.0, 1, -2], 4)
    np.testing.assert_allclose(moved.gram(shifted, X), moved.gram(X), rtol=1e-11)


def test_sampling_the_laplacian_kernel():
    base = BaseSpec("laplacian", (0.3,))
    X = np.random.default_rng(0).standard_normal((5, 6))
    plan = Sampled(base, groups.Symmetric(6), 20)
    K = plan.gram(X)
    exact = cpu.gram(base.native, groups.Symmetric(6).table(1000), X, None)
    assert np.abs(K - exact).max() / exact.max() < 4 * plan.error


def test_refusals_of_sampling():
    base = KERNELS["rbf"]
    for bad in (0, -3, 2.5, True):
        with pytest.raises(ValueError, match="n_samples must be a positive integer"):
            Sampled(base, groups.Symmetric(4), bad)
    with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
        Sampled(base, groups.Symmetric(4), confidence=1.0)
    with pytest.raises(NotApplicableError, match="at most 200,000 are summed"):
        Sampled(base, groups.Symmetric(4), 1000)
    with pytest.raises(NotApplicableError, match="acts on angles"):
        Sampled(base, groups.Torus(3))
    with pytest.raises(NotApplicableError, match="L1 distance is not invariant"):
        Sampled(BaseSpec("laplacian", (1.0,)), KINDS["SO3"])
    one = Sampled(base, KINDS["SO3"], 1)
    one.gram(clouds(2))
    assert one.error == 1.0
