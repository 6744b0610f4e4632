"""Permutations of points beside rotations: permanents at the nodes of a rotation rule."""

from __future__ import annotations

import itertools
import math
import signal
import threading
import warnings

import numpy as np
import pytest
from covering import covered
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from symkernel import InvariantKernel, groups
from symkernel.exceptions import ApproximationWarning, NotApplicableError
from symkernel.kernels import ArcCosine
from symkernel.kernels import Quadrature as Nodes
from symkernel.plans import permanent_nodes
from symkernel.plans.base import BaseSpec
from symkernel.plans.quadrature import Quadrature
from symkernel.plans.rotation_problem import rotation_problem
from symkernel.plans.rotation_rules import rotation_rule
from symkernel.plans.weighted_tables import WeightedTables

KERNELS = {
    "rbf": BaseSpec("rbf", (1.3,)),
    "matern12": BaseSpec("matern12", (1.6,)),
    "matern32": BaseSpec("matern32", (1.3,)),
    "rational_quadratic": BaseSpec("rational_quadratic", (0.8, 1.2)),
}


def beside(rotations, permutations):
    """Rotations of points of R^r beside permutations of the points."""
    shape = (permutations.degree, rotations.degree)
    return rotations.along(1, shape) * permutations.along(0, shape)


GROUPS = {
    "SO3 x S5": beside(groups.SO(3), groups.Symmetric(5)),
    "O3 x S5": beside(groups.O(3), groups.Symmetric(5)),
    "SE3 x S5": beside(groups.SE(3), groups.Symmetric(5)),
    "SO3 x S4 x S3": beside(groups.SO(3), groups.Young("ababaab")),
    "SO3 x B4": beside(groups.SO(3), groups.Hyperoctahedral(4)),
    "SO2 x S5": beside(groups.SO(2), groups.Symmetric(5)),
    "E2 x S5": beside(groups.E(2), groups.Symmetric(5)),
    "coordinates first": groups.SO(3).along(0, (3, 5)) * groups.Symmetric(5).along(1, (3, 5)),
    "two vectors a point": groups.SO(3).along(2, (5, 2, 3))
    * groups.Symmetric(5).along(0, (5, 2, 3)),
    "SO4 x S5": beside(groups.SO(4), groups.Symmetric(5)),
}


def samples(group, n, seed=0, scale=0.5):
    return np.random.default_rng(seed).standard_normal((n, group.degree)) * scale


def planned(*args, **options):
    """A plan that uses permanents."""
    plan = Quadrature(*args, **options)
    assert "permanent of" in str(plan)
    return plan


def quietly(call):
    """Value of a call that may miss its tolerance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        return call()


# ---- the sum itself ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(GROUPS))
@pytest.mark.parametrize("name", list(KERNELS))
def test_it_is_the_rule_summed_over_all_permutations(kind, name):
    base, group = KERNELS[name], GROUPS[kind]
    problem = rotation_problem(group)
    degree = 1 if problem.n > 3 else 3
    rule = problem.rule(degree)
    X, Y = samples(group, 4) + 0.3, samples(group, 3, seed=1)
    left, right = (np.ascontiguousarray(problem.structure.centred(Z)) for Z in (X, Y))
    parts = tuple(
        (w, problem.table(R[None])) for R, w in zip(rule.matrices, rule.weights, strict=True)
    )
    want = WeightedTables(parts).gram(base, left, right, 1)
    plan = planned(base, group, degree, two_sided=False)
    tolerance = 1e-12 if name == "rbf" else 1e-10  # mixtures have an error of their own
    np.testing.assert_allclose(plan.gram(X, Y), want, rtol=0, atol=tolerance * want.max())


def test_both_sides_are_averaged_at_degree_six():
    group = beside(groups.SO(3), groups.Symmetric(4))
    X = samples(group, 2)
    rule = rotation_rule(3, 6, two_sided=True)
    turned = np.einsum("rab,npb->rnpa", rule.matrices, X.reshape(2, 4, 3)).reshape(-1, 4, 3)
    square = ((turned[:, None, :, None] - turned[None, :, None, :]) ** 2).sum(axis=-1)
    k = np.exp(-square / (2 * 1.3**2))
    permanents = sum(
        k[:, :, range(4), list(s)].prod(axis=-1) for s in itertools.permutations(range(4))
    )
    blocks = permanents.reshape(len(rule), 2, len(rule), 2) / 24
    want = np.einsum("a,aibj,b->ij", rule.weights, blocks, rule.weights)
    plan = planned(KERNELS["rbf"], group, 6)
    np.testing.assert_allclose(plan.gram(X), want, rtol=1e-12)
    assert plan.steps == (
        "quadrature over SO(3) of degree 6 (Euler product rule, 7 x 4 x 7 angles, 196 nodes, both "
        "sides averaged: positive semidefinite)",
        "permanent of k(x_i, R y_j) for all 24 permutations",
    )
    assert plan.cost.maps == 2744 * 16
    assert not plan.exact and "approximate" in str(plan)


@pytest.mark.parametrize("kind", list(GROUPS))
@pytest.mark.parametrize("name", ["rbf", "rational_quadratic"])
def test_plan_is_consistent(kind, name, monkeypatch):
    """gram, diag, matvec and derivatives agree, in blocks of samples and of nodes too."""
    base, group = KERNELS[name], GROUPS[kind]
    X = samples(group, 7) + 0.2
    degree = 1 if kind == "SO4 x S5" else 3
    plan = planned(base, group, degree, two_sided=False)
    K = plan.gram(X)
    np.testing.assert_array_equal(K, K.T)
    first = plan.gradient(X)
    monkeypatch.setattr(permanent_nodes, "_BLOCK", 3)
    monkeypatch.setattr(permanent_nodes, "_ENTRIES", 1000)
    again = plan.gram(X)
    np.testing.assert_array_equal(again, again.T)
    np.testing.assert_allclose(again, K, rtol=1e-12)
    np.testing.assert_allclose(plan.gram(X, X.copy()), K, rtol=1e-12)
    np.testing.assert_allclose(plan.diag(X), np.diag(K), rtol=1e-12)
    V = np.random.default_rng(0).standard_normal((4, 2))
    np.testing.assert_allclose(plan.matvec(X, X[:4], V), K[:, :4] @ V, atol=1e-12 * K.max())
    value, slope = plan.gradient(X)
    np.testing.assert_allclose(value, K, rtol=1e-12)
    np.testing.assert_allclose(slope, first[1], atol=1e-12 * K.max())
    d, dslope = plan.diag_gradient(X)
    np.testing.assert_allclose(d, np.diag(K), rtol=1e-12)
    np.testing.assert_allclose(dslope, np.einsum("iip->ip", slope), atol=1e-11 * K.max())
    for p in range(slope.shape[2]):
        h = 1e-5
        up, down = (
            Quadrature(
                BaseSpec(
                    base.name,
                    tuple(
                        v * math.exp(s * h) if q == p else v for q, v in enumerate(base.parameters)
                    ),
                ),
                group,
                degree,
                two_sided=False,
            ).gram(X)
            for s in (1, -1)
        )
        np.testing.assert_allclose(slope[:, :, p], (up - down) / (2 * h), atol=1e-6 * K.max())


def test_nothing_one_and_single_precision():
    group = GROUPS["SE3 x S5"]
    plan = planned(KERNELS["matern32"], group, 5)
    X = samples(group, 5)
    assert plan.gram(X[:0], X).shape == (0, 5)
    assert plan.gram(X, X[:0]).shape == (5, 0)
    assert plan.diag(X[:0]).shape == (0,)
    assert plan.matvec(X, X[:0], np.ones((0, 2))).tolist() == np.zeros((5, 2)).tolist()
    K = plan.gram(X)
    np.testing.assert_allclose(plan.gram(X[:1], X), K[:1], rtol=1e-12)
    single = X.astype(np.float32)
    for got, want in (
        (plan.gram(single), K),
        (plan.diag(single), np.diag(K)),
        (plan.matvec(single, single, np.ones((5, 1), dtype=np.float32)), K.sum(axis=1)[:, None]),
        (plan.gradient(single)[1], plan.gradient(X)[1]),
        (plan.diag_gradient(single)[1], plan.diag_gradient(X)[1]),
    ):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=5e-6, atol=1e-6)
    plan = planned(KERNELS["rbf"], GROUPS["SO3 x S5"], 5)
    far = (6 * X).astype(np.float32)  # exponents that single precision gives to few digits
    want = plan.gram(far.astype(np.float64))
    assert want.min() < 1e-12
    np.testing.assert_allclose(plan.gram(far), want, rtol=1e-6)


# ---- the average -------------------------------------------------------------------------------


def exact(base, rotations, X, Y, p):
    """Mean over all permutations of the closed form over rotations."""
    k = InvariantKernel(base, rotations, method="closed_form")
    clouds = Y.reshape(len(Y), p, -1)
    permutations = [list(s) for s in itertools.permutations(range(p))]
    return np.mean([k(X, clouds[:, s].reshape(len(Y), -1)) for s in permutations], axis=0)


@covered(
    "base, kind, p",
    itertools.product(
        [RBF(1.1), Matern(1.4, nu=1.5), RationalQuadratic(1.2, alpha=0.8)],
        ["SO(3)", "O(3)", "SO(2)", "O(2)"],
        [4, 5],
    ),
)
def test_it_agrees_with_the_exact_average_to_the_stated_error(base, kind, p):
    r = int(kind[-2])
    rotations = (groups.SO if kind[0] == "S" else groups.O)(r).along(1, (p, r))
    group = rotations * groups.Symmetric(p).along(0, (p, r))
    for scale in (0.2, 0.5, 1.0):
        X, Y = samples(group, 6, scale=scale), samples(group, 4, seed=1, scale=scale)
        k = InvariantKernel(base, group, method="quadrature")
        K = quietly(lambda k=k, X=X: k(X))
        plan = k.plan()
        assert not plan.exact
        want, cross = exact(base, rotations, X, X, p), exact(base, rotations, X, Y, p)
        bound = (3 * plan.error + 1e-12) * want.max()
        assert np.abs(K - want).max() <= bound
        assert np.abs(k.matvec(X, Y, np.eye(4)) - cross).max() <= bound
        if scale < 0.4:
            assert plan.error < 3e-5  # of images of samples too: Matern 3/2 has a kink
        for degree in (2, 5, 7):
            given = InvariantKernel(base, group, method=Nodes(degree))
            K = given(X)
            error = np.abs(K - want).max() / want.max()
            assert error <= 3 * given.plan().error + 1e-12
            assert np.linalg.eigvalsh(K)[0] > -1e-12 * K.max()


@pytest.mark.parametrize("kind", ["SO(3)", "O(3)", "SE(3)", "E(3)"])
def test_nine_points_however_placed_turned_and_numbered(kind):
    """The default reaches its tolerance; the permutations are exact whatever the rule."""
    motions = {"SO(3)": groups.SO, "O(3)": groups.O, "SE(3)": groups.SE, "E(3)": groups.E}[kind](3)
    group = beside(motions, groups.Symmetric(9))
    k = InvariantKernel(RBF(1.0), group)
    X = samples(group, 6, scale=0.4)
    with pytest.warns(ApproximationWarning, match=r"is within reach: a quadrature is used"):
        K = k(X)
    plan = k.plan()
    assert plan.method == "quadrature" and plan.error < 1e-6
    assert "for all 362,880 permutations" in str(plan)
    assert ("centre along axis 1" in str(plan)) == (kind in ("SE(3)", "E(3)"))
    assert np.linalg.eigvalsh(K)[0] > -len(X) * plan.error * K.max()
    (g,) = group.sample(1, random_state=3)
    np.testing.assert_allclose(k(g.apply(X), X), K, atol=3 * plan.error * K.max())
    (s,) = groups.Symmetric(9).along(0, (9, 3)).sample(1, random_state=3)
    np.testing.assert_allclose(k(s.apply(X), X), K, rtol=1e-10)


def test_a_young_subgroup_of_many_points():
    group = beside(groups.E(3), groups.Young("CCOHHHHHH" + "N" * 4))
    k = InvariantKernel(RBF(2.0), group, method="quadrature")
    X = samples(group, 4)
    K = k(X)
    assert "for all 34,560 permutations" in str(k.plan()) and k.plan().error < 1e-6
    (g,) = group.sample(1, random_state=3)
    np.testing.assert_allclose(k(g.apply(X), X), K, atol=3 * k.plan().error * K.max())


def test_mirror_images_are_told_apart_by_rotations_alone():
    X = samples(GROUPS["SO3 x S5"], 1, scale=1.0)
    mirrored = X * np.tile([1, 1, -1], 5)
    for kind, same in (("SO3 x S5", False), ("O3 x S5", True)):
        k = InvariantKernel(RBF(1.5), GROUPS[kind], method="quadrature")
        K = quietly(lambda k=k: k(np.concatenate([X, mirrored])))
        assert (abs(K[0, 1] / K[0, 0] - 1) < 1e-5) == same


def test_normalized_and_per_feature():
    group = GROUPS["SE3 x S5"]
    X = samples(group, 4)
    k = InvariantKernel(Matern(1.2, nu=1.5), group, Nodes(3), normalize=True)
    K, gradient = k(X, eval_gradient=True)
    np.testing.assert_allclose(np.diag(K), 1.0)
    moved = [k.clone_with_theta(k.theta + s * 1e-5)(X) for s in (-1, 1)]
    np.testing.assert_allclose(gradient[:, :, 0], (moved[1] - moved[0]) / 2e-5, atol=1e-7)
    scales = np.full(15, 1.2)
    per_feature = InvariantKernel(RBF(scales), group, Nodes(3))
    one = InvariantKernel(RBF(1.2), group, Nodes(3))
    np.testing.assert_allclose(per_feature(X), one(X), rtol=1e-12)
    # all features are mixed: one hyperparameter, as with one length scale
    got, want = (k(X, eval_gradient=True)[1] for k in (per_feature, one))
    np.testing.assert_allclose(got, want, rtol=1e-12)
    young = GROUPS["SO3 x S4 x S3"]
    two_scales = InvariantKernel(RBF(1.0 + young.mixed_features), young, Nodes(3))
    with pytest.raises(ValueError, match="no derivatives for a length scale per feature"):
        two_scales(samples(young, 2), eval_gradient=True)


# ---- which route, and what is refused ----------------------------------------------------------


def test_sums_where_they_are_cheaper():
    for permutations in (groups.Symmetric(2), groups.Young("aabbc")):
        group = beside(groups.SO(3), permutations)
        assert "elements of the finite part" in str(Quadrature(KERNELS["matern32"], group, 5))
    few = beside(groups.SO(3), groups.Symmetric(4))
    assert "permanent" in str(Quadrature(KERNELS["rbf"], few, 5))
    assert "elements of the finite part" in str(Quadrature(KERNELS["matern32"], few, 5))
    # an exact plan comes first where there is one
    assert InvariantKernel(RBF(), beside(groups.SO(3), groups.Symmetric(7))).plan().exact


def test_degrees_asked_for():
    group = beside(groups.SO(3), groups.Symmetric(9))
    assert "both sides" in str(planned(KERNELS["rbf"], group, 7))
    assert "one side averaged: symmetric" in str(planned(KERNELS["rbf"], group, 20))
    with pytest.raises(NotApplicableError, match=r"666,792 permanents of 9 points .* a lower deg"):
        planned(KERNELS["rbf"], group, 20, two_sided=True)
    many = beside(groups.SO(3), groups.Symmetric(24))
    with pytest.raises(NotApplicableError, match=r"60 permanents of 24 points per pair; at most"):
        planned(KERNELS["rbf"], many, 5)
    assert "6.20e+23 permutations" in str(planned(KERNELS["rbf"], many, 1))


@pytest.mark.parametrize(
    ("base", "group", "method", "message"),
    [
        (ArcCosine(1), beside(groups.SO(3), groups.Symmetric(9)), "quadrature", "362,880 elements"),
        (RBF(), beside(groups.SO(3), groups.Symmetric(25)), "auto", "method='sample' averages"),
        (
            RBF(),
            beside(groups.SE(3), groups.Symmetric(9)),
            "closed_form",
            r"summed over 362,880 permutations of the points; at most 100,000",
        ),
        (
            RBF(),
            beside(groups.SO(3), groups.Symmetric(9)),
            "sum",
            r"infinitely many elements .*: method='quadrature'",
        ),
    ],
)
def test_refusals(base, group, method, message):
    with pytest.raises(ValueError, match=message):
        InvariantKernel(base, group, method).plan()


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals need the main thread"
)
def test_an_interrupt_stops_it():
    def stop(signum, frame):
        raise KeyboardInterrupt

    group = beside(groups.SO(3), groups.Symmetric(12))
    plan = planned(KERNELS["rbf"], group, 20)  # minutes of work
    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            plan.gram(samples(group, 400))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("kind", ["O3 x S5", "SE3 x S5", "SO2 x S5"])
def test_gradients_in_samples_against_finite_differences(kind, normalize):
    group = GROUPS[kind]
    k = InvariantKernel(RBF(1.3), group, method=Nodes(4), normalize=normalize)
    X, Y = samples(group, 2, seed=1), samples(group, 3, seed=2)
    W = np.random.default_rng(3).standard_normal((3, 2))
    got, step = quietly(lambda: k.gradient_x(X, Y, W)), 1e-5
    for i, h in enumerate(step * np.eye(group.degree)):
        ahead, behind = (quietly(lambda s=s: k.matvec(X + s * h, Y, W)) for s in (1, -1))  # noqa: B023
        want = (ahead - behind) / (2 * step)
        assert np.allclose(got[:, :, i], want, rtol=1e-6, atol=1e-8)
