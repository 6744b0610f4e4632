"""Functions that turn with their samples: representations, matrix-valued kernels, the estimator."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, RationalQuadratic
from sklearn.kernel_ridge import KernelRidge
from sklearn.utils.estimator_checks import parametrize_with_checks
from symkernel import EquivariantKernelRidge, InvariantKernel, InvariantKernelRidge, groups
from symkernel.backends.packed import unpack
from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.groups import SE, SO, E, O, PointGroup, Representation, Symmetric
from symkernel.kernels import EquivariantKernel

VECTORS = ("vector", "pseudovector", "tensor", "traceless", "pseudoscalar", "same", "trivial")
SHAPE = (3, 3)
SWAPS = Symmetric(3).along(0, SHAPE)
WATER = groups.Young("OHH").along(0, SHAPE)
CLOUDS = {
    "SO(3)": SO(3).along(1, SHAPE),
    "SE(3)": SE(3).along(1, SHAPE),
    "E(3) x S3": SWAPS * E(3).along(1, SHAPE),
    "O(3) x water": WATER * O(3).along(1, SHAPE),
    "columns are points": SO(3).along(0, SHAPE),
    "octahedral x water": WATER * PointGroup("Oh").along(1, SHAPE),
    "S3": SWAPS,
}
SINGLE = {
    "one vector": SO(3),
    "O(3) on one vector": O(3),
    "tetrahedral": PointGroup("Td"),
    "a tilted triangle": groups.MatrixGroup(
        [np.eye(3)[[1, 2, 0]], 2 * np.full((3, 3), 1 / 3) - np.eye(3)]
    ),
}
PLANE = {
    "SO(2)": SO(2).along(1, (4, 2)),
    "O(2) x S4": Symmetric(4).along(0, (4, 2)) * O(2).along(1, (4, 2)),
    "square": groups.MatrixGroup([[[0, -1], [1, 0]], [[1, 0], [0, -1]]]).along(1, (4, 2)),
}
NAMED = {
    "a cycle": groups.Cyclic(4),
    "flips": groups.SignFlips(3),
    "trivial": groups.Trivial(3),
}
CASES = [
    *((g, CLOUDS[g], out) for g in CLOUDS for out in (*VECTORS, "permutation")),
    *((g, SINGLE[g], out) for g in SINGLE for out in VECTORS),
    *((g, PLANE[g], out) for g in PLANE for out in VECTORS if out != "pseudovector"),
    *((g, NAMED[g], out) for g in NAMED for out in ("same", "permutation", "trivial", "vector")),
]


def rows(group, n, seed=0, scale=0.8):
    return scale * np.random.default_rng(seed).standard_normal((n, group.degree))


def linear(element):
    return element._parts()[0]


def rho_of(representation, group, elements):
    return representation.matrices(group, elements)


@pytest.mark.parametrize(("group", "output"), [c[1:] for c in CASES], ids=lambda c: str(c)[:60])
def test_blocks_turn_and_are_positive(group, output):
    X, Y = rows(group, 3), rows(group, 4, 1)
    X[0] = 0.0
    representation = Representation(output)
    kernel = EquivariantKernel(RBF(1.5), group, representation)
    p = kernel.size
    assert p == representation.size(group)
    K = kernel.gram(X, Y)
    for g in group.sample(3, random_state=2):
        (rho,) = rho_of(representation, group, [g])
        np.testing.assert_allclose(rho @ rho.T, np.eye(p), rtol=0, atol=1e-13)
        turned = kernel.gram(g.apply(X), Y).reshape(3, p, 4 * p)
        np.testing.assert_allclose(
            turned, rho @ K.reshape(3, p, 4 * p), rtol=0, atol=1e-11, err_msg=repr(g)
        )
    full = kernel.gram(np.vstack([X, Y]))
    np.testing.assert_allclose(full, full.T, rtol=0, atol=1e-11)
    assert np.linalg.eigvalsh(full).min() > -1e-11
    np.testing.assert_allclose(full[: 3 * p, 3 * p :], K, rtol=0, atol=1e-13)
    diagonal = full.reshape(7, p, 7, p)[np.arange(7), :, np.arange(7)]
    np.testing.assert_allclose(kernel.diag(np.vstack([X, Y])), diagonal, rtol=0, atol=1e-11)
    C = np.random.default_rng(3).standard_normal((4, p, 2))
    np.testing.assert_allclose(
        kernel.matvec(X, Y, C).reshape(3 * p, 2), K @ C.reshape(4 * p, 2), rtol=0, atol=1e-11
    )


@pytest.mark.parametrize("name", [*CLOUDS, *SINGLE, *PLANE, *NAMED])
def test_representations_are_homomorphisms(name):
    group = {**CLOUDS, **SINGLE, **PLANE, **NAMED}[name]
    kinds = [k for k in VECTORS if k != "pseudovector" or name in {**CLOUDS, **SINGLE}]
    g, h = group.sample(2, random_state=0)
    for kind in kinds:
        a, b, both = Representation(kind).matrices(group, [g, h, g @ h])
        np.testing.assert_allclose(a @ b, both, rtol=0, atol=1e-13, err_msg=kind)


@pytest.mark.parametrize("base", [RBF(1.1), Matern(1.3, nu=1.5), DotProduct(0.4)])
@pytest.mark.parametrize("output", ["vector", "tensor", "same", "pseudovector"])
def test_finite_groups_are_sums_over_elements(base, output):
    group = WATER * PointGroup("Td").along(1, SHAPE)
    X, Y = rows(group, 3), rows(group, 5, 1)
    elements = list(group.elements())
    rho = Representation(output).matrices(group, elements)
    k = np.stack([base(X, g.apply(Y)) for g in elements])
    want = np.einsum("gnm,gab->namb", k, rho) / len(elements)
    kernel = EquivariantKernel(base, group, output)
    np.testing.assert_allclose(
        kernel.gram(X, Y), want.reshape(3 * kernel.size, -1), rtol=0, atol=1e-12
    )


def rotations(n=10):
    """Product rule over Euler angles: rotations and weights."""
    turns = np.pi * np.arange(2 * n) / n
    u, w = np.polynomial.legendre.leggauss(n)

    def about(axis, angle):
        R = np.zeros((*angle.shape, 3, 3))
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        R[..., axis, axis] = 1.0
        R[..., i, i] = R[..., j, j] = np.cos(angle)
        R[..., j, i] = np.sin(angle)
        R[..., i, j] = -R[..., j, i]
        return R

    z = about(2, turns)
    R = z[:, None, None] @ about(1, np.arccos(u))[None, :, None] @ z
    weights = np.broadcast_to(w[None, :, None] / (2 * (2 * n) ** 2), R.shape[:3])
    return R.reshape(-1, 3, 3), weights.ravel()


@pytest.mark.parametrize("base", [RBF(1.6), Matern(2.0, nu=2.5), RationalQuadratic(2.0, 0.4)])
@pytest.mark.parametrize("reflections", [False, True])
def test_rotations_are_quadratures(base, reflections):
    group = (O if reflections else SO)(3).along(1, SHAPE)
    X, Y = rows(group, 2, scale=0.5), rows(group, 4, 1, 0.5)
    Y[0] = 0.0
    Y[1, 3:] = 0.0  # one point beside the origin
    Y[2, 2::3] = 0.0  # a plane
    R, weights = rotations()
    if reflections:
        R, weights = np.concatenate([R, -R]), np.concatenate([weights, weights]) / 2
    moved = np.einsum("gab,mpb->gmpa", R, Y.reshape(4, 3, 3)).reshape(-1, 9)
    k = base(X, moved).reshape(2, len(R), 4) * weights[:, None]
    lifted = np.einsum("ij,gab->giajb", np.eye(3), R).reshape(-1, 9, 9)
    det = np.round(np.linalg.det(R))[:, None, None]
    basis = Representation().tensors(np.eye(6))
    tensors = np.einsum("mac,gab,gcd,nbd->gmn", basis, R, R, basis, optimize=True)
    cases = {"vector": R, "same": lifted, "pseudovector": det * R, "tensor": tensors}
    for output, rho in cases.items():
        p = rho.shape[1]
        want = np.tensordot(k.transpose(0, 2, 1), rho, 1).transpose(0, 2, 1, 3)
        found = EquivariantKernel(base, group, output).gram(X, Y)
        np.testing.assert_allclose(
            found, want.reshape(2 * p, 4 * p), rtol=0, atol=1e-10, err_msg=output
        )


def test_kernels_with_a_kink_have_moments_too():
    group, (R, weights) = CLOUDS["SO(3)"], rotations(14)
    X, Y = rows(group, 2, scale=0.3) + np.tile([2.0, 0, 0], 3), rows(group, 3, 1, 0.3)
    moved = np.einsum("gab,mpb->gmpa", R, Y.reshape(3, 3, 3)).reshape(-1, 9)
    for nu in (0.5, 0.8):
        base = Matern(2.0, nu=nu)
        k = base(X, moved).reshape(2, len(R), 3) * weights[:, None]
        want = np.tensordot(k.transpose(0, 2, 1), R, 1).transpose(0, 2, 1, 3).reshape(6, 9)
        found = EquivariantKernel(base, group).gram(X, Y)
        np.testing.assert_allclose(found, want, rtol=0, atol=1e-11)


def test_permutations_beside_rotations_exchange_outputs():
    """A mean over permutations of what rotations alone give, each with its matrix."""
    alone, group = CLOUDS["SO(3)"], WATER * SO(3).along(1, SHAPE)
    X, Y = rows(group, 2), rows(group, 3, 1)
    both = Representation("permutation") + Representation("vector").at_points()
    swaps = list(WATER.elements())
    rho = both.matrices(group, swaps)
    kernel = EquivariantKernel(RBF(1.2), alone, both)
    p = kernel.size
    want = sum(
        kernel.gram(X, s.apply(Y)).reshape(2 * p, 3, p) @ matrix
        for s, matrix in zip(swaps, rho, strict=True)
    )
    found = EquivariantKernel(RBF(1.2), group, both).gram(X, Y)
    np.testing.assert_allclose(found, want.reshape(2 * p, 3 * p) / 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-8, 1e-3, 30.0, 1e3])
def test_clouds_of_any_size_and_number(scale):
    group = CLOUDS["SE(3)"]
    X = scale * rows(group, 4)
    X[3] = X[2]  # coincident
    kernel = EquivariantKernel(RBF(1.0), group, Representation("vector") + Representation("tensor"))
    K = kernel.gram(X)
    assert np.isfinite(K).all()
    assert np.linalg.eigvalsh(K).min() > -1e-11
    np.testing.assert_array_equal(K[18:27], K[27:])
    packed = kernel.gram_packed(X)
    np.testing.assert_allclose(np.tril(unpack(packed, 36)), np.tril(K), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(kernel.gram(X, n_jobs=2), kernel.gram(X, n_jobs=1))
    assert kernel.gram(X[:0], X).shape == (0, 36)
    assert kernel.gram_packed(X[:1]).shape == (45,)
    assert kernel.diag(X[:0]).shape == (0, 9, 9)
    assert kernel.matvec(X[:0], X, np.ones((4, 9))).shape == (0, 9)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 17])
def test_packed_triangles_of_any_size(n):
    group = CLOUDS["octahedral x water"]
    kernel, X = EquivariantKernel(RBF(1.0), group), rows(group, n)
    full = kernel.gram(X)
    np.testing.assert_allclose(unpack(kernel.gram_packed(X), 3 * n), full, rtol=0, atol=1e-13)


def test_a_trivial_output_is_the_invariant_kernel():
    for group in (CLOUDS["E(3) x S3"], CLOUDS["octahedral x water"], groups.Cyclic(5)):
        X, Y = rows(group, 4), rows(group, 3, 1)
        K = InvariantKernel(RBF(1.2), group)(X, Y)
        found = EquivariantKernel(RBF(1.2), group, "trivial").gram(X, Y)
        np.testing.assert_allclose(found, K, rtol=0, atol=1e-11)


# ---- representations ----------------------------------------------------------------------------


def test_components_of_tensors_keep_norms_and_turn():
    group = PointGroup("O")
    T = np.random.default_rng(0).standard_normal((5, 3, 3))
    T += T.transpose(0, 2, 1)
    tensor = Representation("tensor")
    c = tensor.components(T)
    np.testing.assert_allclose((c**2).sum(1), (T**2).sum((1, 2)))
    np.testing.assert_allclose(tensor.tensors(c), T, atol=1e-14)
    g = group.sample(1, random_state=1)[0]
    (rho,) = tensor.matrices(group, [g])
    R = g.as_matrix()
    np.testing.assert_allclose(tensor.components(R @ T @ R.T), c @ rho.T, atol=1e-13)


def test_tensors_are_traces_and_what_has_none():
    group = CLOUDS["SO(3)"]
    (rho,) = Representation("tensor").matrices(group, group.sample(1, random_state=0))
    trace = np.r_[np.ones(3), np.zeros(3)] / np.sqrt(3)
    np.testing.assert_allclose(rho @ trace, trace, atol=1e-14)
    (five,) = Representation("traceless").matrices(group, group.sample(1, random_state=0))
    np.testing.assert_allclose(np.trace(rho), 1 + np.trace(five), atol=1e-13)


@pytest.mark.parametrize("name", ["E(3) x S3", "octahedral x water", "SE(3)"])
def test_means_project_on_what_stays(name):
    group = CLOUDS[name]
    both = Representation("tensor") + Representation("permutation") + Representation("same")
    P = both.mean(group)
    np.testing.assert_allclose(P @ P, P, atol=1e-13)
    (rho,) = both.matrices(group, group.sample(1, random_state=3))
    np.testing.assert_allclose(rho @ P, P, atol=1e-13)
    stay = {"E(3) x S3": 1 + 1, "octahedral x water": 1 + 2, "SE(3)": 1 + 3}
    assert round(np.trace(P)) == stay[name]


def test_matrices_of_generators_make_a_representation():
    group = PointGroup("O")
    vector = Representation("vector").matrices(group, group.generators)
    made = Representation.from_matrices(group, list(vector))
    everything = list(group.elements())
    np.testing.assert_allclose(
        made.matrices(group, everything),
        Representation("vector").matrices(group, everything),
        atol=1e-13,
    )
    assert clone(EquivariantKernelRidge(output=made)).output == made
    X = rows(group, 5)
    np.testing.assert_allclose(
        EquivariantKernel(RBF(), group, made).gram(X),
        EquivariantKernel(RBF(), group, "vector").gram(X),
        atol=1e-13,
    )


def test_direct_sums_are_blocks():
    group = CLOUDS["octahedral x water"]
    both = Representation("vector") + 2 * Representation("trivial")
    g = group.sample(2, random_state=0)
    a, b = Representation("vector").matrices(group, g), np.ones((2, 1, 1))
    want = [block_diag(a[i], b[i], b[i]) for i in range(2)]
    np.testing.assert_array_equal(both.matrices(group, g), want)
    assert repr(both) == (
        "Representation('vector') + Representation('trivial') + Representation('trivial')"
    )
    assert both == eval(repr(both), {"Representation": Representation})


# ---- the estimator ------------------------------------------------------------------------------


@parametrize_with_checks([EquivariantKernelRidge(0.1)])
def test_contract(estimator, check):
    check(estimator)


def test_without_a_group_it_is_kernel_ridge():
    rng = np.random.default_rng(0)
    X, Y, T = rng.standard_normal((30, 4)), rng.standard_normal((30, 3)), rng.normal(size=(6, 4))
    weights = rng.uniform(0, 2, 30)
    ours = EquivariantKernelRidge(0.3, gamma=0.4).fit(X, Y, weights)
    theirs = KernelRidge(alpha=0.3, kernel="rbf", gamma=0.4).fit(X, Y, weights)
    np.testing.assert_allclose(ours.predict(T), theirs.predict(T), atol=1e-11)
    assert ours.predict(T).shape == (6, 3)
    assert ours.fit(X, Y[:, 0]).predict(T).shape == (6,)


def test_it_equals_training_on_all_moved_samples():
    group, alpha = WATER * PointGroup("D2").along(1, SHAPE), 0.2
    X, T = rows(group, 8), rows(group, 3, 1)
    representation = Representation("vector") + Representation("permutation")
    Y = np.random.default_rng(2).standard_normal((8, 6))
    model = EquivariantKernelRidge(alpha, group=group, output=representation, gamma=0.3).fit(X, Y)
    elements = list(group.elements())
    rho = representation.matrices(group, elements)
    moved = np.concatenate([g.apply(X) for g in elements])
    targets = np.concatenate([Y @ m.T for m in rho])
    plain = KernelRidge(alpha=alpha * len(elements), kernel="rbf", gamma=0.3).fit(moved, targets)
    np.testing.assert_allclose(model.predict(T), plain.predict(T), atol=1e-11)


@pytest.mark.parametrize("name", ["E(3) x S3", "octahedral x water", "S3"])
@pytest.mark.parametrize("output", ["vector", "same", "tensor", "permutation"])
def test_predictions_turn(name, output):
    group = CLOUDS[name]
    representation = Representation(output)
    X, T = rows(group, 12), rows(group, 5, 1)
    Y = np.random.default_rng(2).standard_normal((12, representation.size(group)))
    model = EquivariantKernelRidge(
        0.1, group=group, output=output, gamma=0.3, normalize_y=True
    ).fit(X, Y)
    predicted, g = model.predict(T), group.sample(1, random_state=4)[0]
    (rho,) = representation.matrices(group, [g])
    np.testing.assert_allclose(model.predict(g.apply(T)), predicted @ rho.T, atol=1e-11)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(T), predicted)


@pytest.mark.parametrize("weighted", [False, True])
def test_leaving_one_out_is_refitting(weighted):
    group = CLOUDS["SE(3)"]
    output = Representation("vector") + 2 * Representation("trivial")
    X, rng = rows(group, 7), np.random.default_rng(2)
    Y, weights = rng.standard_normal((7, 5)), rng.uniform(0.5, 2, 7) if weighted else None
    model = EquivariantKernelRidge(0.2, group=group, output=output, gamma=0.3)
    found = model.fit(X, Y, weights).leave_one_out()
    for i in range(7):
        rest = np.arange(7) != i
        own = None if weights is None else weights[rest]
        want = clone(model).fit(X[rest], Y[rest], own).predict(X[[i]])[0]
        np.testing.assert_allclose(found[i], want, atol=1e-11)


def test_deviations_are_of_the_posterior():
    group, alpha = CLOUDS["O(3) x water"], 0.1
    output = Representation("vector") + Representation("permutation") + Representation("vector")
    X, T = rows(group, 6), rows(group, 3, 1)
    weights = np.linspace(0.5, 2, 6)
    Y = np.random.default_rng(2).standard_normal((6, 9))
    model = EquivariantKernelRidge(alpha, group=group, output=output, gamma=0.3)
    mean, std = model.fit(X, Y, weights).predict(T, return_std=True)
    K = model.kernel_
    noise = np.repeat(alpha / weights, 9)
    solved = np.linalg.solve(K.gram(X) + np.diag(noise), np.column_stack([K.gram(X, T), Y.ravel()]))
    np.testing.assert_allclose(mean.ravel(), K.gram(T, X) @ solved[:, -1], atol=1e-11)
    variance = np.diag(K.gram(T) - K.gram(T, X) @ solved[:, :-1])
    np.testing.assert_allclose(std.ravel() ** 2, variance, atol=1e-11)


def test_only_what_stays_is_subtracted():
    group = CLOUDS["SE(3)"]
    X = rows(group, 10)
    Y = np.tile([5.0, 5.0, 5.0, 1.0, 2.0, 3.0], (10, 1))
    Y[:, 0] += 3.0
    model = EquivariantKernelRidge(0.1, group=group, output="tensor", normalize_y=True).fit(X, Y)
    np.testing.assert_allclose(model.intercept_, [6, 6, 6, 0, 0, 0], atol=1e-13)
    model.set_params(output="vector").fit(X, Y[:, :3])
    np.testing.assert_allclose(model.intercept_, 0.0, atol=1e-13)


def test_names_of_columns():
    X = pd.DataFrame(rows(groups.Trivial(3), 12), columns=list("abc"))
    group = groups.Symmetric(2).on(["a", "c"])
    Y = X.to_numpy() ** 3
    model = EquivariantKernelRidge(0.1, group=group, output="same").fit(X, Y)
    np.testing.assert_allclose(model.predict(X[["b", "c", "a"]]), model.predict(X), atol=1e-14)
    swapped = X.rename(columns={"a": "c", "c": "a"})[["a", "b", "c"]]
    np.testing.assert_allclose(model.predict(swapped), model.predict(X)[:, [2, 1, 0]], atol=1e-13)


def test_vectors_on_the_cube_reach_the_trial():
    """F(x)_a = 4 x_a^3 + x_a (|x|^2 - x_a^2): 2.6e-4 of 40 samples, 3.4e-5 of 80."""

    def field(X):
        return 4 * X**3 + X * ((X**2).sum(1, keepdims=True) - X**2)

    errors = {40: [], 80: []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        T = rng.uniform(-1, 1, (1000, 3))
        for n, found in errors.items():
            X = rng.uniform(-1, 1, (n, 3))
            model = EquivariantKernelRidge(1e-6, group=PointGroup("O"), kernel=RBF(1.2))
            found.append(((model.fit(X, field(X)).predict(T) - field(T)) ** 2).mean())
    assert np.mean(errors[40]) < 2 * 2.6e-4
    assert np.mean(errors[80]) < 2 * 3.4e-5


def test_dipoles_of_small_molecules_beat_blind_ridges():
    """Charges that depend on distances, on clouds in any orientation: at least ten times less."""
    rng = np.random.default_rng(0)
    shape = np.array([[0.0, 0, 0], [1.1, 0, 0], [-0.4, 1.0, 0], [0.2, -0.6, 0.9]])
    Q = np.linalg.qr(rng.standard_normal((500, 3, 3)))[0]
    R = (shape + 0.12 * rng.standard_normal((500, 4, 3))) @ Q.transpose(0, 2, 1)
    r = np.linalg.norm(R[:, 1:] - R[:, :1], axis=2)
    charges = np.exp(-r) * [1.0, -0.5, 0.7]
    dipoles = np.einsum("np,npa->na", charges, R[:, 1:] - R[:, :1])
    train, test = slice(0, 200), slice(200, None)
    group = SE(3).along(1, (4, 3))
    model = EquivariantKernelRidge(1e-6, group=group, kernel=RBF(0.7))
    errors = model.fit(R[train], dipoles[train]).predict(R[test]) - dipoles[test]
    flat = (R - R.mean(axis=1, keepdims=True)).reshape(500, -1)
    blind = [
        InvariantKernelRidge(alpha, kernel=RBF(length)).fit(flat[train], dipoles[train])
        for alpha in (1e-6, 1e-3)
        for length in (0.7, 1.5, 3.0, 6.0)
    ]
    best = min(((b.predict(flat[test]) - dipoles[test]) ** 2).mean() for b in blind)
    assert (errors**2).mean() ** 0.5 < 0.1 * best**0.5


# ---- refusals -----------------------------------------------------------------------------------

X = rows(CLOUDS["SO(3)"], 6)
TWO = np.eye(2)[::-1]
CYCLE = groups.Cyclic(4)


def fitted(y, **options):
    return EquivariantKernelRidge(**options).fit(X, y)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: fitted(np.ones((6, 2)), group=CLOUDS["SO(3)"]),
            ValueError,
            r"y must have shape \(n_samples, 3\).*'vector'.*got 2.*direct sum",
        ),
        (lambda: fitted(np.ones(6), group=SWAPS, output=3), TypeError, "output must be a Repr"),
        (
            lambda: fitted(np.ones(6), group=SWAPS, output="vectors"),
            ValueError,
            "output must be a R",
        ),
        (
            lambda: fitted(np.ones((6, 9)), group=groups.Symmetric(9), output="same"),
            GroupTooLargeError,
            "362,?880.*smaller group",
        ),
        (
            lambda: EquivariantKernel(RBF(), SO(4), "vector"),
            NotApplicableError,
            "no closed form for vectors",
        ),
        (
            lambda: EquivariantKernel(RBF(), SO(3).along(1, SHAPE) * SO(3).along(0, SHAPE)),
            NotApplicableError,
            "closed form",
        ),
        (
            lambda: EquivariantKernel(DotProduct(), CLOUDS["SO(3)"]),
            NotApplicableError,
            "'dot_product' has no closed form.*RBF, Matern",
        ),
        (
            lambda: EquivariantKernel(RBF([1.0, 2.0, 1.0]), PointGroup("O")),
            ValueError,
            "length_scale",
        ),
        (
            lambda: EquivariantKernel(RBF(), PLANE["SO(2)"], "pseudovector"),
            NotApplicableError,
            'plane it is a "pseudoscalar"',
        ),
        (lambda: EquivariantKernel(RBF(), groups.Torus(2)), NotApplicableError, "angles"),
        (lambda: EquivariantKernel(RBF(), "cyclic"), TypeError, "group must be a Group"),
        (
            lambda: EquivariantKernel(RBF(), CYCLE).matvec(rows(CYCLE, 2), None, np.ones((2, 3))),
            ValueError,
            r"C must have shape \(2, 4\)",
        ),
        (
            lambda: fitted(np.ones(6), group=SWAPS, kernel="precomputed"),
            ValueError,
            "precomputed",
        ),
        (
            lambda: Representation.from_matrices(CYCLE, [2 * TWO]),
            ValueError,
            r"matrices\[0\]",
        ),
        (
            lambda: Representation.from_matrices(groups.Cyclic(3), [TWO]),
            ValueError,
            "do not keep to the relations.*must agree",
        ),
        (
            lambda: Representation.from_matrices(CYCLE, [TWO, TWO]),
            ValueError,
            "each of the 1 generators.*got 2",
        ),
        (
            lambda: Representation.from_matrices(SO(3), []),
            GroupTooLargeError,
            "Name a representation",
        ),
        (
            lambda: Representation.from_matrices(CYCLE, [TWO]).matrices(groups.Cyclic(3), []),
            ValueError,
            r"made of matrices for Cyclic\(4\)",
        ),
        (
            lambda: EquivariantKernel(
                RBF(), CLOUDS["SO(3)"], Representation.from_matrices(CYCLE, [TWO])
            ),
            NotApplicableError,
            "use a named representation",
        ),
        (lambda: Representation("same").at_points(), ValueError, "once for every point"),
    ],
)
def test_refusals(call, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        call()
