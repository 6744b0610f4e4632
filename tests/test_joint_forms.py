"""Joint covariances of functions invariant under rotations of clouds, in closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from joint_cases import (
    BASES,
    FLIPS,
    ROTATIONS,
    blocks,
    cases,
    differences,
    distinct,
    flip_pairs,
    in_layout,
    joint_matrix,
    nasty,
    on_points,
    oracle,
    radial,
)
from oracles import cloud
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.backends import cpu
from symkernel.backends.packed import unpack
from symkernel.kernels.joint import JointKernel
from symkernel.kernels.joint_forms import FormPairs
from symkernel.kernels.joint_mixture import joint_mixture
from symkernel.kernels.translate import spec_of

RNG = np.random.default_rng(17)


def on_every_isa(check):
    before = cpu.info()["isa"]
    try:
        for isa in cpu.info()["available_isas"]:
            cpu.set_isa(isa)
            check()
    finally:
        cpu.set_isa(before)


# ---- kernels as sums of Gaussians ---------------------------------------------------------------


@pytest.mark.parametrize("name", BASES)
def test_sums_of_gaussians_have_the_derivatives(name):
    spec = spec_of(BASES[name], groups.Trivial(2))
    weights, rates = joint_mixture(spec)
    s = np.r_[0.0, np.geomspace(1e-12, 1e4, 400)]
    terms = np.exp(-s[:, None] * rates)
    phi, first, second = radial(BASES[name], s)
    np.testing.assert_allclose(terms @ weights, phi, rtol=0, atol=1e-12)
    np.testing.assert_allclose(terms @ (weights * -rates), first, rtol=0, atol=1e-12)
    np.testing.assert_allclose(s * (terms @ (weights * rates**2)), s * second, rtol=0, atol=1e-11)
    assert (weights > 0).all()


# ---- blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROTATIONS)
def test_blocks_agree_with_a_rule_over_rotations(name):
    group, points, dimension, _ = ROTATIONS[name]
    X = nasty(points, dimension)
    if " x " in name:  # orders of magnitude more elements
        X = X[[0, 3, 5, 6, 7]]
    n, d = X.shape
    want = oracle(name, BASES["rbf"], X)
    order = in_layout(name, np.arange(d)[None])[0]

    def check():
        joint = JointKernel(InvariantKernel(BASES["rbf"], group))
        assert isinstance(joint._pairs, FormPairs)
        values, slopes, mixed = blocks(joint_matrix(joint, in_layout(name, X)), n, d)
        np.testing.assert_allclose(values, want[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(slopes, want[1][:, order], rtol=0, atol=2e-12)
        np.testing.assert_allclose(mixed, want[2][:, order][..., order], rtol=0, atol=5e-12)

    on_every_isa(check)


@pytest.mark.parametrize(("name", "kernel"), cases(ROTATIONS, ["O(2) x C4", "SO(3)"]))
def test_blocks_are_derivatives_of_the_kernel(name, kernel):
    group, points, dimension, _ = ROTATIONS[name]
    k, X = InvariantKernel(BASES[kernel], group), in_layout(name, distinct(points, dimension))
    n, d = X.shape
    values, slopes, mixed = blocks(joint_matrix(JointKernel(k), X), n, d)
    np.testing.assert_allclose(values, k(X), rtol=0, atol=2e-12)
    for i, j in itertools.product(range(n), repeat=2):
        if kernel == "matern32" and i == j:
            continue  # a kink in the gradient
        want = differences(lambda x: k(x[None], X[j : j + 1])[0, 0], X[i])  # noqa: B023
        np.testing.assert_allclose(slopes[i, :, j], want, rtol=0, atol=1e-8)
        want = differences(
            lambda y: k.gradient_x(X[i : i + 1], y[None], [1.0])[0],  # noqa: B023
            X[j],
        )
        np.testing.assert_allclose(mixed[i, :, j], want, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("name", "kernel"), cases(ROTATIONS, ["O(2) x C4", "SO(3)"]))
def test_the_matrix_is_positive_semidefinite(name, kernel):
    group, points, dimension, _ = ROTATIONS[name]
    X = in_layout(name, nasty(points, dimension))
    K = joint_matrix(JointKernel(InvariantKernel(BASES[kernel], group)), X)
    assert np.isfinite(K).all()
    assert np.linalg.eigvalsh(K)[0] > -1e-11 * len(K)


@pytest.mark.parametrize(
    ("base", "curvature"),
    [
        (RBF(0.7), 1.0),
        (Matern(0.7, nu=1.5), 1.5 / 2),
        (Matern(0.7, nu=2.5), 2.5 / 3),
        (Matern(0.7, nu=3.5), 3.5 / 4),
        (RationalQuadratic(0.7, alpha=4.0), 2.5 / 4),
    ],
)
def test_gradients_at_one_sample_of_a_large_orbit(base, curvature):
    """Their covariance is that of the kernel averaged over the flat space that the orbit is at
    length scales, of three dimensions: across it a Matern kernel of nu + 3/2, or a rational
    quadratic one of alpha - 3/2, and along it none."""
    x = cloud(4, 3, 0.4) * 3e4
    joint = JointKernel(InvariantKernel(base, ROTATIONS["SO(3)"][0]))
    value, _, mixed = blocks(joint_matrix(joint, x.reshape(1, -1)), 1, 12)
    turns = np.zeros((3, 3, 3))
    turns[[0, 1, 2], [1, 2, 0], [2, 0, 1]] = 1.0
    turns -= turns.transpose(0, 2, 1)
    along = np.linalg.qr(np.stack([(x @ G.T).ravel() for G in turns]).T)[0]
    want = curvature / 0.49 * (np.eye(12) - along @ along.T)
    np.testing.assert_allclose(mixed[0, :, 0] / value[0, 0], want, rtol=0, atol=1e-6)


@pytest.mark.parametrize("radius", [30.0, 1e4, 1e6])
@pytest.mark.parametrize("name", ["SO(3)", "O(3) x S3", "SO(2)", "O(2)"])
def test_large_samples_neither_overflow_nor_lose_their_digits(name, radius):
    """Blocks at 30 and more length scales against central differences of the values."""
    group, points, dimension, _ = ROTATIONS[name]
    x = cloud(points, dimension, 0.4)
    x = (radius * x / np.linalg.norm(x)).ravel()
    y = x + 0.6 * cloud(points, dimension, 1.3).ravel()
    joint = JointKernel(InvariantKernel(RBF(1.0), group))
    pairs = joint._pairs
    K = pairs.values(x, y[None])[0]
    assert K > 0.0
    moved = 1e-13 * radius  # what rounding the samples makes of a step
    slope = pairs.slopes(x, np.eye(len(x)), y[None])[:, 0]
    want = differences(lambda u: pairs.values(u, y[None])[0], x, 1e-2)
    np.testing.assert_allclose(slope, want, rtol=0, atol=(1e-8 + moved) * K)
    mixed = pairs.mixed(x, np.eye(len(x)), y[None], np.eye(len(x))[None])[:, 0]
    want = differences(lambda v: pairs.slopes(x, np.eye(len(x)), v[None])[:, 0], y, 1e-2)
    np.testing.assert_allclose(mixed, want, rtol=0, atol=(1e-7 + moved) * K)
    K = joint_matrix(joint, np.stack([x, y, -x]))
    assert np.isfinite(K).all()
    assert np.linalg.eigvalsh(K)[0] > -(1e-12 + moved) * np.abs(K).max()


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 17])
@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_samples(n, threads):
    """Every remainder of a vector; two threads as one."""
    group, points, dimension, _ = ROTATIONS["O(3) x S3"]
    X = RNG.normal(size=(n, points * dimension))
    pairs = JointKernel(InvariantKernel(RBF(1.3), group))._pairs
    x, B = RNG.normal(size=points * dimension), np.eye(points * dimension)
    values, slopes = pairs.values(x, X, threads), pairs.slopes(x, B, X, threads)
    mixed = pairs.mixed(x, B, X, np.broadcast_to(B, (n, *B.shape)), threads)
    assert (values.shape, slopes.shape, mixed.shape) == ((n,), (9, n), (9, n, 9))
    for j, y in enumerate(X):
        alone = pairs.slopes(x, B, y[None])[:, 0], pairs.mixed(x, B, y[None], B[None])[:, 0]
        np.testing.assert_allclose(values[j], pairs.values(x, y[None])[0], rtol=1e-13)
        np.testing.assert_allclose(slopes[:, j], alone[0], rtol=0, atol=1e-13)
        np.testing.assert_allclose(mixed[:, j], alone[1], rtol=0, atol=1e-13)
    a, b = RNG.normal(size=n), RNG.normal(size=X.shape)
    fields = pairs.fields(X, a, b)
    for count in (0, 1, 3):
        f, gradient = pairs.apply(RNG.normal(size=(count, 9)), fields, True, threads)
        assert f.shape == (count,) and gradient.shape == (count, 9)
    f, gradient = pairs.apply(x[None], fields, True, threads)
    want = values @ a + np.einsum("nd,dn->", b, pairs_slopes_at_y(pairs, x, X))
    np.testing.assert_allclose(f[0], want, rtol=0, atol=1e-11)
    want = slopes @ a + np.einsum("dne,ne->d", mixed, b)
    np.testing.assert_allclose(gradient[0], want, rtol=0, atol=1e-11)


def pairs_slopes_at_y(pairs, x, Y):
    """Derivatives (d, n) of K(x, y_j) at y_j."""
    axes = np.eye(len(x))
    found = [pairs.slopes(y, axes, x[None])[:, 0] for y in Y]
    return np.stack(found, axis=1) if found else np.zeros((len(x), 0))


def test_a_length_scale_per_point():
    group, base = on_points(groups.SO(3), 3, 3), RBF(np.repeat([0.8, 1.1, 1.7], 3))
    k, X = InvariantKernel(base, group), distinct(3, 3)
    joint = JointKernel(k)
    values, slopes, mixed = blocks(joint_matrix(joint, X), *X.shape)
    np.testing.assert_allclose(values, k(X), rtol=0, atol=1e-12)
    np.testing.assert_allclose(slopes[0, :, 1], k.gradient_x(X[:1], X[1:2], [1.0])[0], atol=1e-12)
    want = differences(lambda y: k.gradient_x(X[:1], y[None], [1.0])[0], X[1])
    np.testing.assert_allclose(mixed[0, :, 1], want, rtol=0, atol=1e-8)
    seen = joint.seen_directions(X)
    assert seen.shape == (3, 6, 9)
    rest = mixed[:, :, 1] - seen.transpose(0, 2, 1) @ (seen @ mixed[:, :, 1])
    np.testing.assert_allclose(rest, 0.0, atol=1e-12)  # there is nothing along orbits


# ---- the function -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kernel"), cases([*ROTATIONS, *FLIPS], ["SO(2) x S3", "SE(3)", "points"])
)
def test_the_function_and_its_gradient(name, kernel):
    if name in FLIPS:
        group = FLIPS[name]
        X, Z = RNG.normal(size=(2, 5, group.degree))
        Z = Z[:3]
    else:
        group, points, dimension, _ = ROTATIONS[name]
        X = in_layout(name, nasty(points, dimension))
        Z = in_layout(name, distinct(points, dimension))
    k = JointKernel(InvariantKernel(BASES[kernel], group))
    if name in FLIPS:
        k._pairs = flip_pairs(group, BASES[kernel])
    observed = k.observe(X)
    c = RNG.normal(size=len(observed))
    values, gradient = k.evaluate(Z, observed, c, True)
    scale = np.abs(c).sum()
    np.testing.assert_allclose(k.cross(Z, observed) @ c, values, rtol=0, atol=1e-12 * scale)
    want = [differences(lambda z: k.evaluate(z[None], observed, c)[0][0], z) for z in Z]
    if kernel != "matern32":  # Z comes near X
        np.testing.assert_allclose(gradient, want, rtol=0, atol=1e-8 * scale)
    assert k.evaluate(Z, observed, c)[1] is None
    # f(g x) = f(x), and grad f(g x) = g grad f(x)
    for g in group.sample(4, random_state=1):
        moved = k.evaluate(g.apply(Z), observed, c, True)
        linear = g.apply(gradient) - g.apply(0.0 * gradient)  # a shift moves no gradient
        np.testing.assert_allclose(moved[0], values, rtol=0, atol=1e-11 * scale)
        np.testing.assert_allclose(moved[1], linear, rtol=0, atol=1e-11 * scale)


# ---- directions that count ----------------------------------------------------------------------


SEEN = {"SO(3)": 9, "SE(3)": 6, "O(2)": 5, "SE(2)": 3, "E(3) x S3": 3, "coordinates first": 9}


@pytest.mark.parametrize("name", SEEN)
def test_directions_along_orbits_are_left_out_exactly(name):
    """The same predictions from fewer rows; a sample on a line among them."""
    group, points, dimension, _ = ROTATIONS[name]
    X, Z = in_layout(name, nasty(points, dimension)), in_layout(name, distinct(points, dimension))
    joint = JointKernel(InvariantKernel(RBF(1.3), group))
    assert joint.seen_directions(Z).shape == (3, SEEN[name], points * dimension)
    y, slopes = RNG.normal(size=len(X)), RNG.normal(size=X.shape)
    found = []
    for directions in (None, joint.seen_directions(X)):
        along = slopes if directions is None else (directions @ slopes[:, :, None])[:, :, 0]
        observed = joint.observe(X, directions)
        K = unpack(joint.gram_packed(observed), len(observed))
        c = np.linalg.solve(K + 1e-3 * np.eye(len(K)), np.concatenate([y, along.ravel()]))
        found.append(joint.evaluate(Z, observed, c, True))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


def test_all_directions_count_without_orbits():
    flips = JointKernel(InvariantKernel(RBF(), groups.SignFlips(3)))
    assert flips.seen_directions(np.ones((2, 3))) is None
    rotations = JointKernel(InvariantKernel(RBF(), ROTATIONS["SO(3)"][0]))
    assert rotations.seen_directions(np.ones((0, 12))) is None
    one_point = JointKernel(InvariantKernel(RBF(), on_points(groups.SE(3), 1, 3)))
    assert one_point.seen_directions(np.ones((2, 3))) is None
    shifts = groups.Symmetric(3).along(0, (3, 2)) * groups.Translations(2).along(1, (3, 2))
    shifted = JointKernel(InvariantKernel(RBF(), shifts))
    assert shifted.seen_directions(np.ones((2, 6))).shape == (2, 4, 6)


# ---- a cluster of atoms -------------------------------------------------------------------------


def lennard_jones(R):
    """Energies (n,) and gradients (n, 12) of four atoms."""
    R = R.reshape(len(R), 4, 3)
    apart = R[:, :, None] - R[:, None]
    square = (apart**2).sum(axis=3) + np.eye(4)
    inverse = np.where(np.eye(4, dtype=bool), 0.0, 1.0 / square**3)
    energy = 2.0 * (inverse**2 - inverse).sum(axis=(1, 2))
    slope = (-48.0 * inverse**2 + 24.0 * inverse) / square
    return energy, (slope[..., None] * apart).sum(axis=2).reshape(len(R), 12)


def clusters(n, seed):
    rng = np.random.default_rng(seed)
    side = 2 ** (1 / 6) / np.sqrt(8.0)  # every distance at the minimum of the pair potential
    tetrahedron = side * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]])
    return (tetrahedron + 0.03 * rng.normal(size=(n, 4, 3))).reshape(n, 12)


def test_a_cluster_is_learnt_from_energies_and_gradients():
    group = groups.E(3).along(1, (4, 3)) * groups.Symmetric(4).along(0, (4, 3))
    X, Z = clusters(25, 0), clusters(40, 1)
    (y, dY), (energies, gradients) = lennard_jones(X), lennard_jones(Z)
    errors, slope_errors = [], []
    for gradient in (None, dY):
        model = InvariantKernelRidge(group=group, kernel=RBF(0.4), alpha=1e-4)
        model.fit(X, y, gradient=gradient)
        got, slope = model.predict(Z, return_gradient=True)
        errors.append(np.abs(got - energies).mean())
        slope_errors.append(np.abs(slope - gradients).mean())
    assert errors[1] < 0.4 * errors[0]
    assert slope_errors[1] < 0.5 * slope_errors[0]
    # forces turn with the cluster
    for g in group.sample(4, random_state=0):
        moved, turned = model.predict(g.apply(Z), return_gradient=True)
        linear = g.apply(slope) - g.apply(0.0 * slope)
        np.testing.assert_allclose(moved, got, rtol=0, atol=1e-11 * np.abs(got).max())
        np.testing.assert_allclose(turned, linear, rtol=0, atol=1e-11 * np.abs(slope).max())
    deviations = model.predict(np.concatenate([X, 2.0 * Z]), return_std=True)[1]
    assert deviations[: len(X)].max() < 0.5 * deviations[len(X) :].min()
    shifted = model.predict(Z + np.tile([1.0, -2.0, 0.5], 4))
    np.testing.assert_allclose(shifted, got, rtol=0, atol=1e-9)
