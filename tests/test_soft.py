"""Soft symmetry: weights against explicit sums and quadratures, limits, definiteness, gradients."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import oracles
import pytest
from catalog import GROUPS, KERNELS, leaves_invariant
from covering import covered
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)
from symkernel import InvariantKernel, InvariantKernelRidge, SoftInvariantKernel, groups
from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.groups.traces import traces
from symkernel.kernels import VonMises
from symkernel.plans.soft_choice import soft_pieces
from symkernel.plans.soft_form import SoftForm

FINITE = [name for name in GROUPS if GROUPS[name].is_finite and name != "trivial"]
CLOUDS = {
    "SO(2)": groups.SO(2).along(1, (4, 2)),
    "SO(2) on a vector": groups.SO(2),
    "E(2)": groups.E(2).along(1, (4, 2)),
    "SO(2) x S3": groups.Symmetric(3).along(0, (3, 2)) * groups.SO(2).along(1, (3, 2)),
    "SO(3)": groups.SO(3).along(1, (4, 3)),
    "SO(3) on a vector": groups.SO(3),
    "O(3)": groups.O(3).along(1, (3, 3)),
    "SE(3) x S2": groups.Symmetric(2).along(0, (2, 3)) * groups.SE(3).along(1, (2, 3)),
}
MANY = {
    "S7": groups.Symmetric(7),
    "S3 on points": groups.Symmetric(7).along(0, (7, 2)),
    "young": groups.Young("aaaaaabb"),
    "flips": groups.SignFlips(12),
    "flips of points": groups.SignFlips(11).along(0, (11, 2)),
    "B5": groups.Hyperoctahedral(5),
}
SOFTNESS = (0.0, 1e-3 / 1.001, 0.3 / 1.3, 0.5, 0.75, 30 / 31, 1.0)  # kappa 0 to infinity


def weighted_sum(base, group, kappas, X, Y):
    """Sum over the elements of every factor, each as it acts on samples."""
    pieces = soft_pieces(group)
    lists = [list(zip(p.group.elements(), traces(p.group, 10**6), strict=True)) for p in pieces]
    most = sum(k * max(t for _, t in one) for k, one in zip(kappas, lists, strict=True))
    total, norm = 0.0, 0.0
    for chosen in itertools.product(*lists):
        moved, logit = Y.copy(), -most
        for piece, (g, trace), kappa in zip(pieces, chosen, kappas, strict=True):
            for row in piece.places:
                moved[:, row] = g.apply(moved[:, row])
            logit += kappa * trace
        total = total + np.exp(logit) * oracles.base_kernel(base, X, moved)
        norm += np.exp(logit)
    return total / norm


def turns(dimension, reflections, n=20, planar=400):
    """Nodes and weights of a quadrature over rotations, exact far beyond what is asked."""
    if dimension == 2:
        angles = 2 * np.pi * np.arange(planar) / planar
        found = [(np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]), 1.0) for a in angles]
    else:
        nodes, weights = np.polynomial.legendre.leggauss(n)
        angles = np.pi * np.arange(2 * n) / n
        zero, one = np.zeros_like(angles), np.ones_like(angles)
        about = np.array(
            [
                [np.cos(angles), -np.sin(angles), zero],
                [np.sin(angles), np.cos(angles), zero],
                [zero, zero, one],
            ]
        ).transpose(2, 0, 1)
        found = []
        for c, w in zip(nodes, weights, strict=True):
            s = np.sqrt(1 - c * c)
            tilt = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
            found += [(g, w) for g in (about[:, None] @ tilt @ about[None]).reshape(-1, 3, 3)]
    mirror = np.diag([-1.0] + [1.0] * (dimension - 1))
    return found + [(mirror @ g, w) for g, w in found] if reflections else found


def quadrature(base, group, softness, X, Y):
    """Weighted average over rotations of centred clouds, and permutations of their points."""
    pieces = soft_pieces(group)
    kappas = dict(zip(pieces, np.asarray(softness) / (1 - np.asarray(softness)), strict=True))
    (turning,) = (p for p in pieces if not p.group.is_finite)
    others = [p for p in pieces if p.group.is_finite]
    count, r = turning.places.shape
    X, Y = (group.structure.centred(Z).reshape(-1, count, r) for Z in (X, Y))
    orders = [np.arange(count)]
    if others:
        orders = [np.array(s) for s in itertools.permutations(range(count))]
    terms, weights = [], []
    for matrix, weight in turns(r, turning.group.role.reflections):
        for order in orders:
            fixed = (order == np.arange(count)).sum() - count
            logit = kappas[turning] * (np.trace(matrix) - r)
            logit += sum(kappas[p] * fixed for p in others)
            weights.append(weight * np.exp(logit))
            moved = (Y[:, order] @ matrix.T).reshape(len(Y), -1)
            terms.append(weights[-1] * oracles.base_kernel(base, X.reshape(len(X), -1), moved))
    # tens of thousands of terms: added in pairs, which NumPy does along the last axis
    return np.ascontiguousarray(np.stack(terms, axis=-1)).sum(axis=-1) / np.sum(weights)


def samples(group, n, seed=0):
    X = np.random.default_rng(seed).standard_normal((n, group.degree)) * 0.8
    if n > 3:
        X[1], X[2], X[3] = 0.7, X[0], 0.0
    return X


def spread(group):
    """One softness for every factor, no two alike."""
    return np.linspace(0.25, 0.6, len(soft_pieces(group)))


# -- traces ----------------------------------------------------------------------------------------


def test_traces_of_rings_are_those_of_the_plane():
    turned = 2 * np.cos(2 * np.pi * np.arange(7) / 7)
    assert np.allclose(np.sort(traces(groups.Cyclic(7), 100)), np.sort(turned))
    both = np.concatenate([2 * np.cos(2 * np.pi * np.arange(5) / 5), np.zeros(5)])
    assert np.allclose(np.sort(traces(groups.Dihedral(5), 100)), np.sort(both))


def test_traces_of_images_are_those_of_the_plane_and_of_shifts():
    assert sorted(traces(groups.Image((4, 4), "D4"), 100)) == [-2, 0, 0, 0, 0, 0, 0, 2]
    shifts = [
        np.cos(2 * np.pi * i / 4) + np.cos(2 * np.pi * j / 3) for i in range(4) for j in range(3)
    ]
    assert np.allclose(np.sort(traces(groups.Image((4, 3), "translations"), 100)), np.sort(shifts))


def test_traces_of_graphs_count_nodes():
    found = np.sort(traces(groups.Graph(3, features=2), 100))
    assert found.tolist() == [0, 0, 1, 1, 1, 3]


SMALL = [name for name in FINITE if GROUPS[name].order <= 130]


@pytest.mark.parametrize("name", SMALL)
def test_traces_are_positive_definite_and_largest_at_the_identity(name):
    for piece in soft_pieces(GROUPS[name]):
        group = piece.group
        elements = list(group.elements())
        values = traces(group, 1000)
        place = {g: i for i, g in enumerate(elements)}
        among = np.array([[values[place[g.inverse() @ h]] for h in elements] for g in elements])
        assert np.allclose(among, among.T)
        assert np.linalg.eigvalsh(among).min() > -1e-9 * len(elements)
        assert values[0] == values.max() and (np.abs(values - values[0]) < 1e-9).sum() == 1


# -- values ----------------------------------------------------------------------------------------


@covered(
    "name, kernel, softness",
    [
        (name, kernel, softness)
        for name in FINITE
        for kernel in KERNELS
        for softness in (0.2, 0.75)
        if leaves_invariant(GROUPS[name], kernel) and kernel != "von_mises"
    ],
    strength=1,
)
def test_finite_groups_are_explicit_weighted_sums(name, kernel, softness):
    group, base = GROUPS[name], KERNELS[kernel]
    k = SoftInvariantKernel(base, group, softness=softness)
    X, Y = samples(group, 5), samples(group, 3, seed=1)
    kappas = np.full(len(soft_pieces(group)), softness / (1 - softness))
    truth = weighted_sum(base, group, kappas, X, Y)
    scale = max(1.0, np.abs(truth).max())
    assert np.allclose(k(X, Y), truth, rtol=0, atol=1e-12 * scale)
    assert np.allclose(k(X), weighted_sum(base, group, kappas, X, X), rtol=0, atol=1e-12 * scale)
    assert np.allclose(k.diag(X), np.diag(k(X)), rtol=0, atol=1e-13 * scale)


def test_each_factor_has_its_own_softness():
    for name in ("S3 x C5", "grid of rings", "columns of two kinds", "matrices on columns"):
        group = GROUPS[name]
        X, Y = samples(group, 4), samples(group, 3, seed=1)
        for softness in ([0.2, 0.7], [0.0, 0.5], [0.6, 0.0]):
            k = SoftInvariantKernel(RBF(1.3), group, softness=softness)
            kappas = np.array(softness) / (1 - np.array(softness))
            truth = weighted_sum(RBF(1.3), group, kappas, X, Y)
            assert np.allclose(k(X, Y), truth, rtol=0, atol=1e-13)
        # softness 1 leaves the other factor alone
        other = soft_pieces(group)[0]
        k = SoftInvariantKernel(RBF(1.3), group, softness=[0.4, 1.0])(X, Y)
        total, norm = 0.0, 0.0
        for g, trace in zip(other.group.elements(), traces(other.group, 100), strict=True):
            moved = Y.copy()
            for row in other.places:
                moved[:, row] = g.apply(moved[:, row])
            w = np.exp(0.4 / 0.6 * trace)
            total, norm = total + w * oracles.base_kernel(RBF(1.3), X, moved), norm + w
        assert np.allclose(k, total / norm, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["Oh on points", "sign_flips", "symmetric", "hyperoctahedral"])
@pytest.mark.parametrize("softness", [0.0, 0.35])
def test_softness_of_what_has_a_form_has_a_derivative(name, softness):
    group, h = GROUPS[name], 1e-5
    X = samples(group, 5)
    kernel = SoftInvariantKernel(RBF(1.4), group, softness=softness, softness_bounds=(0.0, 1.0))
    _, slopes = kernel(X, eval_gradient=True)
    at = [
        clone(kernel).set_params(softness=t)(X) for t in (softness, softness + h, softness + 2 * h)
    ]
    difference = (-3 * at[0] + 4 * at[1] - at[2]) / (2 * h)
    assert np.allclose(slopes[..., -1], difference, rtol=0, atol=1e-7)


def test_the_cube_on_points_is_a_form_where_that_is_cheaper():
    group = groups.PointGroup("Oh").along(1, (4, 3))
    rough = SoftInvariantKernel(Matern(1.5, nu=0.5), group, softness=0.4)
    smooth = SoftInvariantKernel(RBF(1.5), group, softness=0.4)
    assert isinstance(smooth.plan(), SoftForm) and not isinstance(rough.plan(), SoftForm)
    X, Y = samples(group, 4), samples(group, 3, seed=1)
    for kernel in (rough, smooth):
        truth = weighted_sum(kernel.base, group, [0.4 / 0.6], X, Y)
        assert np.allclose(kernel(X, Y), truth, rtol=0, atol=1e-12)


PLANAR = [n for n in CLOUDS if "3)" not in n]


@pytest.mark.parametrize(
    "name, softness", [*itertools.product(PLANAR, [1e-3, 0.3, 0.75]), ("SO(3)", 0.5)]
)
def test_rotations_are_quadratures(name, softness):
    group = CLOUDS[name]
    X, Y = samples(group, 4), samples(group, 3, seed=1)
    softness = np.full(len(soft_pieces(group)), softness)
    softness[:-1] = 0.4
    bases = [RBF(1.7)] if "3" in name[:5] else [RBF(1.7), Matern(2.0, nu=1.5)]
    for base in bases:
        k = SoftInvariantKernel(base, group, softness=softness)
        truth = quadrature(base, group, softness, X, Y)
        assert np.allclose(k(X, Y), truth, rtol=0, atol=1e-12)


@pytest.mark.full
@pytest.mark.parametrize("name", [n for n in CLOUDS if "3)" in n])
@pytest.mark.parametrize("softness", [1e-3, 0.3, 0.75])
def test_rotations_of_space_are_quadratures(name, softness):
    group = CLOUDS[name]
    X, Y = samples(group, 4), samples(group, 3, seed=1)
    softness = np.full(len(soft_pieces(group)), softness)
    softness[:-1] = 0.4
    # smooth, unlike Matern, of which rules for rotations have too few nodes
    for base in (RBF(1.7), RationalQuadratic(2.5, alpha=1.5)):
        k = SoftInvariantKernel(base, group, softness=softness)
        truth = quadrature(base, group, softness, X, Y)
        assert np.allclose(k(X, Y), truth, rtol=0, atol=1e-12)


@pytest.mark.parametrize("base", [RBF(1.7), Matern(1.3, nu=0.5), RationalQuadratic(1.2, alpha=0.8)])
@pytest.mark.parametrize("name", MANY)
def test_permanents_and_products_are_explicit_weighted_sums(name, base):
    group = MANY[name]
    k = SoftInvariantKernel(base, group, softness=0.4)
    assert isinstance(k.plan(), SoftForm)
    X, Y = samples(group, 2), samples(group, 1, seed=1)
    truth = weighted_sum(base, group, [0.4 / 0.6], X, Y)
    assert np.allclose(k(X, Y), truth, rtol=0, atol=1e-12)


@covered(
    "name, kernel",
    itertools.product([*FINITE, *CLOUDS, *MANY], ("rbf", "matern52")),
    strength=1,
)
def test_limits_are_the_invariant_and_the_plain_kernel_bit_for_bit(name, kernel):
    group = (GROUPS | CLOUDS | MANY)[name]
    base = KERNELS[kernel]
    X, Y = samples(group, 6), samples(group, 3, seed=1)
    weights = np.arange(3.0)
    plain = groups.Trivial(group.degree)
    if group.structure.centres:
        plain = group.structure.centres[0].action
    for softness, known in ((0.0, group), (1.0, plain)):
        soft = SoftInvariantKernel(base, group, softness=softness)
        hard = InvariantKernel(base, known)
        assert np.array_equal(soft(X), hard(X)) and np.array_equal(soft(X, Y), hard(X, Y))
        assert np.array_equal(soft.diag(X), hard.diag(X))
        assert np.array_equal(soft.matvec(X, Y, weights), hard.matvec(X, Y, weights))
        assert np.array_equal(soft.gradient_x(X, Y, weights), hard.gradient_x(X, Y, weights))
        fixed = SoftInvariantKernel(base, group, softness, softness_bounds="fixed")
        assert np.array_equal(fixed(X, eval_gradient=True)[1], hard(X, eval_gradient=True)[1])


@pytest.mark.parametrize("name", [*FINITE, *CLOUDS, "S7", "flips"])
def test_positive_semidefinite_on_orbits(name):
    group = (GROUPS | CLOUDS | MANY)[name]
    moves = [None, *group.sample(6, random_state=0)]
    points = samples(group, 5)
    X = np.concatenate([points if g is None else g.apply(points) for g in moves])
    for softness in SOFTNESS:
        K = SoftInvariantKernel(RBF(1.5), group, softness=softness)(X)
        assert np.array_equal(K, K.T)
        assert np.linalg.eigvalsh(K).min() > -1e-12 * np.trace(K)


def test_softness_moves_from_one_limit_to_the_other():
    group = groups.SO(3).along(1, (4, 3))
    X = samples(group, 6)
    hard, plain = InvariantKernel(RBF(1.5), group)(X), RBF(1.5)(X)
    near = SoftInvariantKernel(RBF(1.5), group, softness=1e-6)(X)
    far = SoftInvariantKernel(RBF(1.5), group, softness=1 - 1e-5)(X)
    assert np.allclose(near, hard, atol=1e-6) and np.allclose(far, plain, atol=1e-4)


def test_single_precision_and_empty_samples():
    for group in (groups.Cyclic(5), groups.SO(3).along(1, (4, 3)), groups.Symmetric(7)):
        k = SoftInvariantKernel(RBF(1.5), group, softness=0.6)
        X = samples(group, 6)
        single = k(X.astype(np.float32))
        assert single.dtype == np.float32 and np.allclose(single, k(X), atol=1e-5)
        assert k(X[:1]).shape == (1, 1) and k(X[:0], X).shape == (0, 6)
        kept = k.prepare(X)
        assert np.array_equal(k(kept), k(X)) and np.array_equal(k(X[:2], kept), k(X[:2], X))


# -- gradients -------------------------------------------------------------------------------------


@covered(
    "name, base, normalize",
    itertools.product(
        [*SMALL, *CLOUDS, "B5"],
        ("rbf", "rational_quadratic", "per feature", "matern32"),
        (False, True),
    ),
    strength=1,
)
def test_gradients_are_differences(name, base, normalize):
    group = (GROUPS | CLOUDS | MANY)[name]
    lengths = np.array([1.2, 0.7, 1.5, 2.0])[group.mixed_features % 4]
    base = RBF(lengths) if base == "per feature" else KERNELS[base]
    count = len(soft_pieces(group))
    softness = 0.35 if count == 1 else spread(group)
    k = SoftInvariantKernel(base, group, softness=softness, normalize=normalize)
    X, Y = samples(group, 5), samples(group, 3, seed=1)
    X[3] = X[0] + 0.3
    K, gradient = k(X, eval_gradient=True)
    assert np.allclose(K, k(X), rtol=0, atol=1e-12)
    assert gradient.shape[2] == len(k.theta) == len(k.bounds) == k.n_dims
    step = 1e-5
    for j in range(k.n_dims):
        up, down = (k.clone_with_theta(k.theta + s * np.eye(k.n_dims)[j]) for s in (step, -step))
        assert np.allclose((up(X) - down(X)) / (2 * step), gradient[..., j], rtol=0, atol=1e-7)
    weights = np.array([0.5, -1.0, 2.0])
    slopes = k.gradient_x(X, Y, weights)
    assert np.allclose(k.matvec(X, Y, weights), k(X, Y) @ weights, rtol=0, atol=1e-12)
    for j in range(min(4, group.degree)):
        e = step * np.eye(group.degree)[j]
        numeric = (k(X + e, Y) - k(X - e, Y)) @ weights / (2 * step)
        assert np.allclose(numeric, slopes[:, j], rtol=0, atol=1e-6)


def test_derivative_at_softness_0_and_1():
    X = samples(groups.Dihedral(5), 5)
    for softness, steps in ((0.0, (0, 1e-7)), (1.0, (-1e-3, 0))):
        k = SoftInvariantKernel(RBF(1.5), groups.Dihedral(5), softness=softness)
        gradient = k(X, eval_gradient=True)[1][..., -1]
        low, high = (
            SoftInvariantKernel(RBF(1.5), groups.Dihedral(5), softness + s)(X) for s in steps
        )
        assert np.allclose((high - low) / (steps[1] - steps[0]), gradient, rtol=0, atol=1e-6)
    for softness in (0.0, 1.0):
        k = SoftInvariantKernel(RBF(1.5), groups.SO(2), softness=softness)
        with pytest.raises(ValueError, match="start inside"):
            k(X[:, :2], eval_gradient=True)


# -- as a kernel of scikit-learn -------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # at its bounds
def test_a_gaussian_process_learns_the_softness():
    rng = np.random.default_rng(0)
    group = groups.Cyclic(4)
    X = rng.standard_normal((60, 4))
    symmetric = np.cos(X).sum(axis=1)
    found = []
    for y in (symmetric, symmetric + 2.0 * X[:, 0]):
        kernel = ConstantKernel() * SoftInvariantKernel(RBF(2.0), group) + WhiteKernel(
            1e-3, "fixed"
        )
        model = GaussianProcessRegressor(kernel).fit(X, y - y.mean())
        again = pickle.loads(pickle.dumps(model))
        assert np.array_equal(again.predict(X), model.predict(X))
        found.append(model.kernel_.k1.k2.softness)
    assert found[0] < 0.1 < found[1]


def test_it_is_cloned_written_and_set_as_others():
    group = groups.Symmetric(3).along(0, (3, 2)) * groups.SO(2).along(1, (3, 2))
    X = samples(group, 5)
    k = SoftInvariantKernel(RBF(1.5), group, softness=[0.2, 0.6])
    assert np.array_equal(clone(k)(X), k(X))
    assert np.array_equal(pickle.loads(pickle.dumps(k))(X), k(X))
    names = vars(groups) | {"RBF": RBF, "SoftInvariantKernel": SoftInvariantKernel}
    assert eval(repr(k), names) == k
    assert k.theta.tolist() == [np.log(1.5), 0.2, 0.6]
    assert k.bounds[1:].tolist() == [[1e-3, 0.999]] * 2
    k.theta = [0.0, 0.3, 0.7]
    assert k.base.length_scale == 1.0 and k.softness.tolist() == [0.3, 0.7]
    before = k(X)
    k.set_params(softness=0.5, base__length_scale=2.0)
    assert k.theta.tolist() == [np.log(2.0), 0.5] and not np.allclose(k(X), before)
    assert not k.is_stationary()
    with pytest.raises(ValueError, match="theta must have 2 entries"):
        k.theta = [0.0]
    with pytest.raises(ValueError, match="theta must have 2 entries"):
        k.theta = [0.0, 0.1, 0.2]


def test_ridge_regression_takes_it():
    group = groups.Cyclic(4)
    X = samples(group, 20)
    y = np.sin(X).sum(axis=1)
    k = SoftInvariantKernel(RBF(1.5), group, softness=0.4)
    model = InvariantKernelRidge(0.1, kernel=k).fit(X, y)
    mean = getattr(model, "intercept_", 0.0)
    truth = k(X) @ np.linalg.solve(k(X) + 0.1 * np.eye(20), y - mean) + mean
    assert np.allclose(model.predict(X), truth)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("softness", [-0.1, 1.5, [0.2, 1.5], np.nan, [[0.2]], [-1e-9]])
def test_softness_outside_the_unit_interval_is_refused(softness):
    k = SoftInvariantKernel(RBF(), groups.Cyclic(3), softness=softness)
    with pytest.raises(ValueError, match="softness"):
        k(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="softness"):
        k.theta  # noqa: B018


def test_what_has_no_weights_here_says_what_does():
    for softness, words in (([0.1, 0.2, 0.3], "3 entries"), ("soft", "must be a number")):
        k = SoftInvariantKernel(RBF(), GROUPS["S3 x C5"], softness=softness)
        with pytest.raises((TypeError, ValueError), match=words):
            k(np.zeros((2, 6)))
    with pytest.raises(ValueError, match="softness_bounds"):
        SoftInvariantKernel(RBF(), groups.Cyclic(3), softness_bounds=(-1, 2)).theta  # noqa: B018
    turning = groups.SO(3).along(1, (2, 3))
    for base, group, words in (
        (RBF(), groups.SO(4), "ChainKernel"),
        (RBF(), turning * groups.SignFlips(2).along(0, (2, 3)), "more than permute points"),
        (DotProduct(), turning, "ChainKernel"),
        (Matern(nu=0.5), turning, "nu >= 1.5"),
        (VonMises(), groups.Torus(3), "ChainKernel"),
        (VonMises(), groups.Cyclic(3), "cosines"),
        (RBF(), groups.SE(3).on([0, 1, 2], 4), "ChainKernel"),
    ):
        with pytest.raises(NotApplicableError, match=words):
            SoftInvariantKernel(base, group)(np.zeros((2, group.degree)))
    with pytest.raises(GroupTooLargeError, match="weighted sum"):
        SoftInvariantKernel(RBF(), groups.Alternating(12))(np.zeros((2, 12)))
