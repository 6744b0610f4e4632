"""Joint covariances of values and directional derivatives of invariant functions."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest
from catalog import GROUPS, KERNELS, leaves_invariant, samples
from covering import covered
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, RationalQuadratic
from symkernel import InvariantKernel, groups
from symkernel.backends.packed import pack, unpack, write_rows
from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.kernels import (
    ArcCosine,
    Laplacian,
    PowerExponential,
    Quadrature,
    VonMises,
    joint,
    joint_sum,
)
from symkernel.kernels.joint import JointKernel

RNG = np.random.default_rng(11)
SMOOTH = ("rbf", "matern32", "matern52", "matern_inf", "rational_quadratic")
FINITE = [g for g in GROUPS if leaves_invariant(GROUPS[g], "rbf")]
SMALL = [g for g in FINITE if GROUPS[g].degree <= 9 and GROUPS[g].order <= 120]
CENTRED = groups.Symmetric(3).along(0, (3, 2)) * groups.Translations(2).along(1, (3, 2))


def differences(f, x, step=2e-3):
    """Derivatives of sixth order of a function of one sample, along every axis, last."""
    found = []
    for h in step * np.eye(len(x)):
        sides = [(c, (f(x + k * h) - f(x - k * h)) / step) for k, c in ((1, 45), (2, -9), (3, 1))]
        found.append(sum(c * side for c, side in sides) / 60)
    return np.stack(found, axis=-1)


def blocks(K, n, d):
    """Values (n, n), slopes (n, d, n) and mixed (n, d, n, d) of a joint matrix."""
    return K[:n, :n], K[n:, :n].reshape(n, d, n), K[n:, n:].reshape(n, d, n, d)


def joint_matrix(kernel, group, X, **words):
    joint = JointKernel(InvariantKernel(kernel, group))
    observed = joint.observe(X, **words)
    return unpack(joint.gram_packed(observed), len(observed))


@cache
def distinct(group):
    """Samples without coincidences, where Matern 3/2 has a kink in its gradient."""
    return samples(group, 8, seed=3)[5:]


# ---- packed storage ----------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("step", [1, 2, 3, 12])
def test_rows_are_written_where_they_belong(n, step):
    K = RNG.normal(size=(n, n))
    K += K.T
    packed = np.full(n * (n + 1) // 2, np.nan)
    for i in range(0, n, step):
        rows = K[i : i + step].copy()
        for k, row in enumerate(rows, i):
            row[k + 1 :] = np.nan  # beyond the diagonal: not read
        write_rows(packed, n, i, rows)
    np.testing.assert_array_equal(packed, pack(K))
    np.testing.assert_array_equal(unpack(packed, n), K)


# ---- elements ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FINITE)
def test_tables_move_rows_and_bring_them_back(name):
    group = GROUPS[name]
    table, X = group.table(2000), samples(group, 3)
    matrices = np.stack([g.as_matrix() for g in group.elements()])
    moved = table.moved(X)
    np.testing.assert_allclose(moved, np.einsum("gij,nj->gni", matrices, X), atol=1e-13)
    Z = RNG.normal(size=moved.shape)
    back = np.einsum("gni,gij->nj", Z, matrices)
    np.testing.assert_allclose(table.moved_back(Z), back, atol=1e-11 * len(table))
    part = table.part(0, 2)
    np.testing.assert_array_equal(part.moved(X), moved[:2])


# ---- blocks ------------------------------------------------------------------------------------


@covered("name, kernel", itertools.product(SMALL, SMOOTH))
def test_blocks_are_derivatives_of_the_kernel(name, kernel):
    group, base = GROUPS[name], KERNELS[kernel]
    k, X = InvariantKernel(base, group), distinct(group)
    n, d = X.shape
    K = joint_matrix(base, group, X)
    values, slopes, mixed = blocks(K, n, d)
    np.testing.assert_allclose(values, k(X), atol=1e-13)
    for i, j in itertools.product(range(n), repeat=2):
        want = differences(lambda x: k(x[None], X[j : j + 1])[0, 0], X[i])  # noqa: B023
        if kernel != "matern32" or i != j:
            np.testing.assert_allclose(slopes[i, :, j], want, atol=1e-8)
            want = differences(
                lambda y: k.gradient_x(X[i : i + 1], y[None], [1.0])[0],  # noqa: B023
                X[j],
            )
            np.testing.assert_allclose(mixed[i, :, j], want, atol=1e-7)


@covered("name, kernel", itertools.product(SMALL, SMOOTH))
def test_the_matrix_is_positive_semidefinite(name, kernel):
    """Coincident samples, fixed ones and zero among them."""
    group = GROUPS[name]
    X = samples(group, 6)
    K = joint_matrix(KERNELS[kernel], group, X)
    assert np.isfinite(K).all()
    assert np.linalg.eigvalsh(K)[0] > -1e-12 * len(K)
    # the repeated sample has the rows of its twin
    n, d = X.shape
    rows = [0, *range(n, n + d)], [2, *range(n + 2 * d, n + 3 * d)]
    np.testing.assert_array_equal(X[0], X[2])
    np.testing.assert_allclose(K[rows[0]], K[rows[1]], atol=1e-13)


@pytest.mark.parametrize(
    ("base", "curvature"),
    [
        (RBF(0.7), 1.0),
        (Matern(0.7, nu=1.5), 3.0),
        (Matern(0.7, nu=2.5), 5 / 3),
        (RationalQuadratic(0.7, alpha=0.4), 1.0),
    ],
)
def test_gradients_of_a_plain_kernel_at_one_point(base, curvature):
    """Their covariance is curvature / l^2, of Matern nu / (nu - 1)."""
    K = joint_matrix(base, groups.Trivial(2), np.full((1, 2), 3.0))
    np.testing.assert_allclose(K, np.diag([1.0, curvature / 0.49, curvature / 0.49]), rtol=1e-14)


def test_matern_of_seven_halves_where_values_have_it():
    """Its values are a closed form, of a mixture; derivatives here are those of the sum."""
    base, group = Matern(1.3, nu=3.5), groups.Symmetric(3)
    X = distinct(group)

    def mean(x, y):
        return np.mean([base(x[None], g.apply(y)[None])[0, 0] for g in group.elements()])

    values, slopes, mixed = blocks(joint_matrix(base, group, X), *X.shape)
    np.testing.assert_allclose(values, InvariantKernel(base, group)(X), atol=1e-9)
    np.testing.assert_allclose(
        slopes[0, :, 1], differences(lambda x: mean(x, X[1]), X[0]), atol=1e-8
    )
    np.testing.assert_allclose(
        mixed[0, :, 1],
        differences(lambda y: differences(lambda x: mean(x, y), X[0]), X[1]),
        atol=1e-7,
    )
    with pytest.raises(NotApplicableError, match="has no closed form"):
        JointKernel(InvariantKernel(base, groups.Cyclic(3)))


def test_length_scales_per_feature():
    base, group = RBF([0.8, 0.8, 2.0]), groups.Symmetric(2).on([0, 1], 3)
    k, X = InvariantKernel(base, group), distinct(group)
    values, slopes, mixed = blocks(joint_matrix(base, group, X), *X.shape)
    np.testing.assert_allclose(values, k(X), atol=1e-13)
    want = differences(lambda y: k.gradient_x(X[:1], y[None], [1.0])[0], X[1])
    np.testing.assert_allclose(mixed[0, :, 1], want, atol=1e-8)
    np.testing.assert_allclose(slopes[0, :, 1], k.gradient_x(X[:1], X[1:2], [1.0])[0], atol=1e-13)
    with pytest.raises(ValueError, match="must be constant on the features"):
        JointKernel(InvariantKernel(RBF([0.8, 0.9, 2.0]), group))


def test_translations_are_centred_away():
    k, X = InvariantKernel(RBF(1.4), CENTRED), distinct(CENTRED)
    values, slopes, mixed = blocks(joint_matrix(RBF(1.4), CENTRED, X), *X.shape)
    np.testing.assert_allclose(values, k(X), atol=1e-13)
    want = differences(lambda y: k.gradient_x(X[:1], y[None], [1.0])[0], X[1])
    np.testing.assert_allclose(mixed[0, :, 1], want, atol=1e-8)
    np.testing.assert_allclose(slopes.reshape(3, 3, 2, 3).sum(axis=1), 0.0, atol=1e-13)


def test_extreme_length_scales():
    """Units are those of the length scale: squares neither overflow nor vanish."""
    for scale in (1e-30, 1e30):
        X = distinct(GROUPS["cyclic"])
        K = joint_matrix(Matern(1.9, nu=2.5), GROUPS["cyclic"], X)
        far = joint_matrix(Matern(1.9 * scale, nu=2.5), GROUPS["cyclic"], X * scale)
        units = np.r_[np.ones(3), np.full(len(K) - 3, scale)]
        np.testing.assert_allclose(far * np.outer(units, units), K, atol=1e-13)


@pytest.mark.parametrize("name", ["hyperoctahedral", "S3 x C5", "D3d on points"])
def test_tiles_do_not_change_the_numbers(name, monkeypatch):
    group, base = GROUPS[name], Matern(1.9, nu=2.5)
    X, Z = samples(group, 6), samples(group, 3, seed=8)
    kernel = JointKernel(InvariantKernel(base, group))
    observed = kernel.observe(X)
    c = RNG.normal(size=len(observed))
    want = kernel.gram_packed(observed), kernel.cross(Z, observed)
    want += kernel.evaluate(Z, observed, c, True)
    monkeypatch.setattr(joint_sum, "_IN_MEMORY", 5 * group.degree**2)
    got = kernel.gram_packed(observed), kernel.cross(Z, observed)
    got += kernel.evaluate(Z, observed, c, True)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11 * max(1.0, np.abs(other).max()))


# ---- some observations, some directions --------------------------------------------------------


def test_a_part_of_the_observations_is_a_part_of_the_matrix():
    group, base = GROUPS["dihedral"], RBF(1.7)
    X = samples(group, 5)
    n, d = X.shape
    full = joint_matrix(base, group, X)
    directions = RNG.normal(size=(2, 3, d))
    valued = np.array([True, False, True, True, False])
    sloped = np.array([False, True, False, True, False])
    got = joint_matrix(base, group, X, directions=directions, valued=valued, sloped=sloped)
    along = np.zeros((3 + 2 * 3, len(full)))
    along[[0, 1, 2], [0, 2, 3]] = 1.0
    for k, i in enumerate((1, 3)):
        along[3 + 3 * k : 6 + 3 * k, n + d * i : n + d * (i + 1)] = directions[k]
    np.testing.assert_allclose(got, along @ full @ along.T, atol=1e-12)


@pytest.mark.parametrize("which", ["values", "derivatives"])
def test_one_kind_alone(which):
    group, X = GROUPS["cyclic"], samples(GROUPS["cyclic"], 4)
    none = np.zeros(4, bool)
    full = joint_matrix(RBF(1.7), group, X)
    if which == "values":
        got, want = joint_matrix(RBF(1.7), group, X, sloped=none), full[:4, :4]
    else:
        got, want = joint_matrix(RBF(1.7), group, X, valued=none), full[4:, 4:]
    np.testing.assert_allclose(got, want, atol=1e-14)


# ---- the function ------------------------------------------------------------------------------


@covered("name, kernel", itertools.product(FINITE, SMOOTH))
def test_the_function_and_its_gradient(name, kernel):
    group = GROUPS[name]
    X, Z = samples(group, 5), samples(group, 9, seed=4)[6:]
    k = JointKernel(InvariantKernel(KERNELS[kernel], group))
    observed = k.observe(X)
    c = RNG.normal(size=len(observed))
    values, gradient = k.evaluate(Z, observed, c, True)
    # a point among the samples is a row of the matrix
    together = k.observe(np.concatenate([X, Z]))
    K = unpack(k.gram_packed(together), len(together))
    n, d = X.shape
    own = np.r_[:5, len(together.X) : len(together.X) + n * d]
    scale = np.abs(c).sum()
    np.testing.assert_allclose(values, (K[:, own] @ c)[5:8], atol=1e-13 * scale)
    want = (K[:, own] @ c)[8 + n * d :].reshape(3, d)
    np.testing.assert_allclose(gradient, want, atol=1e-12 * scale)
    np.testing.assert_allclose(k.cross(Z, observed) @ c, values, atol=1e-13 * scale)
    assert k.evaluate(Z, observed, c)[1] is None
    # grad f(g x) = g grad f(x)
    for g in group.sample(3, random_state=1):
        moved = k.evaluate(g.apply(Z), observed, c, True)
        np.testing.assert_allclose(moved[0], values, atol=1e-11 * scale)
        np.testing.assert_allclose(moved[1], g.apply(gradient), atol=1e-11 * scale)


@pytest.mark.parametrize("name", ["cyclic", "S3 x C5", "sign_flips"])
@pytest.mark.parametrize("rowwise", [False, True])
def test_derivatives_with_all_observations(name, rowwise, monkeypatch):
    """Those of samples among the observed ones are rows of the matrix."""
    group, base = GROUPS[name], Matern(1.9, nu=2.5)
    X = samples(group, 6)
    n, d = X.shape
    k = JointKernel(InvariantKernel(base, group))
    observed = k.observe(X, None, np.arange(n) < 4, np.arange(n) > 1)
    if rowwise:
        monkeypatch.setattr(joint_sum, "_IN_MEMORY", 5 * d * d)
    K = unpack(k.gram_packed(observed), len(observed)).reshape(len(observed), -1)
    A = RNG.normal(size=(n - 2, 3, d))
    variances, covariances = k.along(X[2:], A, observed)
    rows = K[4:].reshape(n - 2, d, len(observed))
    scale = np.abs(K).max() * np.abs(A).sum(axis=2).max()
    np.testing.assert_allclose(covariances, A @ rows, atol=1e-13 * scale)
    for i in range(n - 2):
        own = A[i] @ rows[i, :, 4 + d * i : 4 + d * (i + 1)] @ A[i].T
        np.testing.assert_allclose(variances[i], np.diagonal(own), atol=1e-12 * scale)


# ---- refusals ----------------------------------------------------------------------------------

C3 = groups.Cyclic(3)
REFUSED = {
    "Matern 1/2": (Matern(nu=0.5), C3, {}, "no second derivatives where samples coincide"),
    "Laplacian": (Laplacian(), C3, {}, "no second derivatives"),
    "ArcCosine 0": (ArcCosine(0), C3, {}, "no second derivatives"),
    "power 1.5": (PowerExponential(exponent=1.5), C3, {}, "no second derivatives"),
    "power 2": (PowerExponential(exponent=2.0), C3, {}, "does not learn from gradients"),
    "ArcCosine 2": (ArcCosine(2), C3, {}, "does not learn from gradients"),
    "DotProduct": (DotProduct(), C3, {}, "does not learn from gradients"),
    "VonMises": (VonMises(1.0), C3, {}, "does not learn from gradients"),
    "any nu": (Matern(nu=1.7), groups.Symmetric(3), {}, "does not learn from gradients"),
    "nu below 1": (Matern(nu=0.8), groups.Symmetric(3), {}, "no second derivatives"),
    "rotations": (RBF(), groups.SO(3), {}, "finite group.*turns samples continuously"),
    "motions": (RBF(), groups.E(3).along(1, (2, 3)), {}, "InversePairDistances"),
    "normalize": (RBF(), C3, {"normalize": True}, "normalize=False"),
    "canonical": (RBF(), C3, {"method": "canonical"}, "method='canonical'"),
    "sample": (RBF(), C3, {"method": "sample"}, "method='sample'"),
    "quadrature": (RBF(), C3, {"method": Quadrature(3)}, "method='quadrature'"),
    "no closed form": (RBF(), C3, {"method": "closed_form"}, "has no closed form"),
    "cuda": (RBF(), C3, {"device": "cuda"}, "computed on the host"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_reason(name):
    base, group, words, reason = REFUSED[name]
    with pytest.raises(NotApplicableError, match=reason):
        JointKernel(InvariantKernel(base, group, **words))


def test_large_groups_are_refused():
    with pytest.raises(GroupTooLargeError, match=r"at most 20000.*use a smaller group") as error:
        JointKernel(InvariantKernel(RBF(), groups.Symmetric(8)))
    assert error.value.order == math.factorial(8)


def test_a_matrix_that_does_not_fit_is_not_begun(monkeypatch):
    kernel = JointKernel(InvariantKernel(RBF(), groups.Trivial(3)))
    observed = kernel.observe(np.zeros((100, 3)))
    monkeypatch.setattr(
        joint, "require_memory", lambda *a: (_ for _ in ()).throw(MemoryError(a[2]))
    )
    with pytest.raises(MemoryError, match="400 values and derivatives"):
        kernel.gram_packed(observed)
