"""Laws of invariant kernels, over every group, base kernel and method of the catalog."""

from __future__ import annotations

import itertools
import pickle
from functools import cache

import numpy as np
import oracles
import pytest
from catalog import CASES, CASES_BY_METHOD, GROUPS, KERNELS, NORMALIZED, samples
from covering import covered
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)
from symkernel import InvariantKernel, groups
from symkernel.backends import cpu
from symkernel.exceptions import GroupTooLargeError

TOLERANCE = {np.float64: 1e-13, np.float32: 2e-6}
ISAS = cpu.info()["available_isas"]


def kernel_of(case, **options):
    return InvariantKernel(case.kernel, case.group, **options)


@cache
def oracle_problem(case, dtype):
    """Samples and what the oracle says of them: K(X, Y) and K(X, X), each with its scale."""
    X = samples(case.group, 29, seed=1).astype(dtype)
    Y = samples(case.group, 35, seed=2).astype(dtype)
    Y[5] = X[0]  # a coincident pair
    pairs = [
        (oracle(case.kernel, case.group, X, other))
        for other in (Y, None)
        for oracle in (oracles.orbit_mean, oracles.magnitude)
    ]
    return X, Y, pairs


@covered("case, isa, dtype", itertools.product(CASES, ISAS, TOLERANCE))
def test_agrees_with_oracle_on_every_isa_and_dtype(case, isa, dtype):
    before = cpu.info()["isa"]
    k = kernel_of(case)
    tolerance = TOLERANCE[dtype]
    if dtype == np.float32 and case.kernel_name == "von_mises":
        tolerance = 5e-6  # the cosines and sines of angles are rounded first
    if dtype == np.float32 and case.kernel_name == "power_exponential":
        tolerance = 5e-6  # the exponent (r/l)^p is rounded as a logarithm, and grows with r
    X, Y, (cross, cross_scale, square, square_scale) = oracle_problem(case, dtype)
    try:
        cpu.set_isa(isa)
        got = k(X, Y)
        assert got.dtype == dtype
        assert oracles.relative_error(got, cross, cross_scale) <= tolerance
        got = k(X)
        assert np.array_equal(got, got.T)
        assert oracles.relative_error(got, square, square_scale) <= tolerance
        diagonal, scale = np.diag(square), np.diag(square_scale)
        assert oracles.relative_error(k.diag(X), diagonal, scale) <= tolerance
    finally:
        cpu.set_isa(before)


@covered("case, method", CASES_BY_METHOD)
def test_invariance(case, method):
    X, Y = samples(case.group, 6, seed=3), samples(case.group, 7, seed=4)
    k = kernel_of(case, method=method)
    want = oracles.orbit_mean(case.kernel, case.group, X, Y)
    scale = oracles.magnitude(case.kernel, case.group, X, Y)
    if method == "closed_form":  # a mixture is exact relative to k(x, x)
        scale = np.ones_like(scale)
    assert method == "auto" or k.plan().method == method
    assert oracles.relative_error(k(X, Y), want, scale) < 1e-12
    for g in case.group.sample(4, random_state=0):
        assert oracles.relative_error(k(g.apply(X), Y), want, scale) < 1e-12
        assert oracles.relative_error(k(X, g.apply(Y)), want, scale) < 1e-12


@covered("case, method", CASES_BY_METHOD)
def test_positive_semidefinite(case, method):
    X = samples(case.group, 24, seed=5)
    eigenvalues = np.linalg.eigvalsh(kernel_of(case, method=method)(X))
    assert eigenvalues[0] >= -1e-12 * max(eigenvalues[-1], 1e-300)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_matvec_is_gram_times_vector(case):
    X, Y = samples(case.group, 17, seed=6), samples(case.group, 41, seed=7)
    V = np.random.default_rng(0).standard_normal((41, 3))
    for normalize in (False, True):
        k = kernel_of(case, normalize=normalize)
        K = k(X, Y)
        bound = np.abs(K) @ np.abs(V) + 1e-300
        assert np.max(np.abs(k.matvec(X, Y, V) - K @ V) / bound) < 1e-13
        assert np.max(np.abs(k.matvec(X, Y, V[:, 0]) - K @ V[:, 0]) / bound[:, 0]) < 1e-13


def numerical_gradient(kernel, X, step=1e-5):
    columns = []
    for i in range(len(kernel.theta)):
        shifted = []
        for sign in (-1, 1):
            theta = kernel.theta.copy()
            theta[i] += sign * step
            shifted.append(kernel.clone_with_theta(theta)(X))
        columns.append((shifted[1] - shifted[0]) / (2 * step))
    return np.stack(columns, axis=2) if columns else np.empty((len(X), len(X), 0))


@covered("case, method, normalize", NORMALIZED)
def test_gradient_against_finite_differences(case, method, normalize):
    X = samples(case.group, 9, seed=8)
    k = kernel_of(case, method=method, normalize=normalize)
    K, gradient = k(X, eval_gradient=True)
    want = numerical_gradient(k, X)
    assert gradient.shape == want.shape
    assert np.allclose(K, k(X), rtol=1e-12, atol=1e-14)
    assert np.allclose(gradient, want, rtol=1e-6, atol=1e-7 * max(1.0, np.abs(K).max()))


ARD_GROUPS = {
    "cyclic pair": (groups.PermutationGroup([[1, 0, 2, 3]]), [0.7, 0.7, 1.3, 2.0]),
    "signs": (groups.SignFlips(3), [0.5, 1.0, 2.0]),
    "points": (groups.PointGroup("Oh").along(1, (2, 3)), [0.8, 0.8, 0.8, 1.6, 1.6, 1.6]),
    "icosahedral": (groups.PointGroup("I").along(1, (2, 3)), [0.8, 0.8, 0.8, 1.6, 1.6, 1.6]),
}


@pytest.mark.parametrize("base", [RBF, Matern], ids=["rbf", "matern"])
@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5])
@pytest.mark.parametrize("name", ARD_GROUPS)
def test_length_scale_per_feature(name, base, nu):
    group, scale = ARD_GROUPS[name]
    if base is RBF and nu != 0.5:
        return
    kernel = RBF(scale) if base is RBF else Matern(scale, nu=nu)
    X = samples(group, 8, seed=9)
    k = InvariantKernel(kernel, group)
    assert oracles.relative_error(k(X), oracles.orbit_mean(kernel, group, X)) < 1e-13
    for option in (False, True):
        k = InvariantKernel(kernel, group, normalize=option)
        _, gradient = k(X, eval_gradient=True)
        assert k.n_dims == gradient.shape[2] == max(group.mixed_features) + 1
        for one in range(k.n_dims):
            step = np.eye(k.n_dims)[one]
            shifted = [k.clone_with_theta(k.theta + s * step)(X) for s in (-1e-5, 1e-5)]
            want = (shifted[1] - shifted[0]) / 2e-5
            # at distance zero nu = 1/2 has a kink in the length scale, where differences see 0
            assert np.allclose(gradient[:, :, one], want, rtol=1e-5, atol=1e-7)


def test_gaussian_process_fits_tied_length_scales():
    G = groups.PermutationGroup([[1, 0, 2]])
    X = np.random.default_rng(0).standard_normal((30, 3))
    y = np.sin(X[:, 0] * X[:, 1]) + 0.01 * X[:, 2]
    kernel = InvariantKernel(RBF([1.0, 1.0, 1.0]), G) + WhiteKernel(1e-4, "fixed")
    model = GaussianProcessRegressor(kernel, random_state=0).fit(X, y)
    scale = model.kernel_.k1.base.length_scale
    assert scale[0] == pytest.approx(scale[1], rel=1e-6)
    assert scale[2] > 2 * scale[0]
    assert np.allclose(model.predict(X), model.predict(X[:, [1, 0, 2]]), atol=1e-8)


def test_length_scale_per_feature_must_be_invariant():
    k = InvariantKernel(RBF([1.0, 2.0, 1.0]), groups.Cyclic(3))
    with pytest.raises(ValueError, match=r"length_scale per feature must be constant.*Cyclic\(3\)"):
        k(np.ones((2, 3)))
    k = InvariantKernel(RBF([1.0, 2.0, 1.0]), groups.PointGroup("O"))
    with pytest.raises(ValueError, match="length_scale per feature"):
        k(np.ones((2, 3)))


def test_fixed_hyperparameters_leave_the_gradient():
    X = samples(GROUPS["cyclic"], 5)
    k = InvariantKernel(RBF(1.0, length_scale_bounds="fixed"), GROUPS["cyclic"])
    assert k.theta.size == 0
    assert k(X, eval_gradient=True)[1].shape == (5, 5, 0)


@pytest.mark.parametrize("name", KERNELS)
def test_is_a_scikit_learn_kernel(name):
    k = InvariantKernel(KERNELS[name], groups.Cyclic(4), normalize=True)
    for copy in (clone(k), pickle.loads(pickle.dumps(k)), k.clone_with_theta(k.theta)):
        assert copy == k
        assert copy is not k
    X = samples(groups.Cyclic(4), 6)
    assert np.allclose(clone(k)(X), k(X), rtol=1e-14)
    assert k.get_params()["base"] == KERNELS[name]
    assert k.bounds.size == 2 * k.n_dims
    assert "Cyclic(4)" in repr(k)
    combined = ConstantKernel(2.0) * k + WhiteKernel(0.1)
    assert np.allclose(combined(X), 2 * k(X) + 0.1 * np.eye(6))


def test_set_params_reaches_the_base():
    k = InvariantKernel(RBF(1.0), groups.Cyclic(3))
    k.set_params(base__length_scale=2.5)
    assert k.base.length_scale == 2.5
    assert k.hyperparameters[0].name == "base__length_scale"


@pytest.mark.parametrize("name", ["symmetric", "cyclic", "sign_flips"])
def test_group_by_name(name):
    X = np.random.default_rng(0).standard_normal((5, 4))
    named = InvariantKernel(RBF(1.0), name)
    assert np.array_equal(named(X), InvariantKernel(RBF(1.0), groups.from_name(name, 4))(X))
    assert named.plan(4).exact
    with pytest.raises(ValueError, match="needs a number"):
        named.plan()


def test_samples_of_the_groups_shape():
    G = groups.Image((4, 4), "D4")
    X = np.random.default_rng(0).standard_normal((5, 4, 4))
    k = InvariantKernel(RBF(2.0), G)
    assert np.array_equal(k(X), k(X.reshape(5, 16)))
    with pytest.raises(ValueError, match=r"X has samples of shape \(2, 8\).*\(4, 4\)"):
        k(X.reshape(5, 2, 8))


def test_threads_do_not_change_the_result():
    G = GROUPS["p4m"]
    X = samples(G, 150)
    k = InvariantKernel(Matern(1.0, nu=0.5), G)
    assert np.allclose(k.gram(X, n_jobs=1), k.gram(X, n_jobs=3), rtol=1e-14, atol=0)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (1, 1), (0, 0)])
def test_empty_and_single(shape):
    G = groups.Cyclic(5)
    X, Y = np.ones((shape[0], 5)), np.ones((shape[1], 5))
    k = InvariantKernel(RBF(1.0), G)
    assert k(X, Y).shape == shape
    assert np.allclose(k(X, Y), np.ones(shape), rtol=1e-14)
    assert k(X).shape == (shape[0], shape[0])
    assert k.diag(X).shape == (shape[0],)
    assert k.matvec(X, Y, np.ones((shape[1], 2))).shape == (shape[0], 2)


@pytest.mark.parametrize("scale", [1e-8, 1e3, 1e6])
def test_tiny_and_huge_data(scale):
    G = groups.Dihedral(6)
    X = samples(G, 20, scale=scale)
    for base in (RBF(scale), Matern(scale, nu=0.5), Matern(scale, nu=2.5)):
        got = InvariantKernel(base, G)(X)
        assert oracles.relative_error(got, oracles.orbit_mean(base, G, X)) < 1e-13
    assert np.isfinite(InvariantKernel(RBF(1.0), G)(X)).all()


EXTREME_GROUPS = {
    "ring": groups.Cyclic(12),
    "necklace": groups.Dihedral(12),
    "permutations": groups.Symmetric(4).along(0, (4, 3)),
    "signs": groups.SignFlips(12),
    "octahedral": groups.PointGroup("Oh").along(1, (4, 3)),
    "icosahedral": groups.PointGroup("I").along(1, (4, 3)),
    "rotations": groups.SO(3).along(1, (4, 3)),
    "motions": groups.E(3).along(1, (4, 3)),
    "sphere": groups.O(12),
}


@pytest.mark.parametrize("exponent", [-120, -60, 55])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EXTREME_GROUPS)
def test_the_unit_of_length_does_not_matter(name, dtype, exponent):
    """Squares of these lengths, or their inverses, are beyond single precision."""
    X = samples(EXTREME_GROUPS[name], 7, dtype=dtype)
    unit = 2.0**exponent
    scaled = np.ldexp(X, exponent)
    for near, far in (
        (RBF(1.5), RBF(1.5 * unit)),
        (Matern(1.5, nu=1.5), Matern(1.5 * unit, nu=1.5)),
        (RationalQuadratic(1.5), RationalQuadratic(1.5 * unit)),
    ):
        for normalize in (False, True):
            k = InvariantKernel(near, EXTREME_GROUPS[name], normalize=normalize)
            far_k = InvariantKernel(far, EXTREME_GROUPS[name], normalize=normalize)
            np.testing.assert_allclose(far_k(scaled), k(X), rtol=1e-6)
            for got, want in zip(
                far_k(scaled, eval_gradient=True), k(X, eval_gradient=True), strict=True
            ):
                np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_length_scale_without_meaning_is_refused():
    X = samples(groups.Cyclic(12), 4, dtype=np.float32)
    k = InvariantKernel(RBF(1e-30), groups.Cyclic(12))
    with pytest.raises(ValueError, match=r"length_scale, near 2\^-100, is too small for data"):
        k(X)


ERRORS = [
    (np.full((2, 8), np.nan), r"X contains NaN"),
    (np.full((2, 8), np.inf), r"X contains infinity"),
    (np.ones((2, 10)), r"X has 10 features; Dihedral\(8\) acts on 8"),
    (np.ones(8), r"X must have shape"),
    (np.ones((2, 8), dtype=complex), r"X must be real"),
    (np.full((2, 8), 1e200), r"squares overflow"),
]


@pytest.mark.parametrize(("X", "message"), ERRORS)
def test_bad_samples_are_refused(X, message):
    k = InvariantKernel(RBF(1.0), groups.Dihedral(8))
    with pytest.raises(ValueError, match=message):
        k(X)
    with pytest.raises(ValueError, match=message.replace("X ", "Y ")):
        k(np.ones((2, 8)), X)


def test_kernels_that_do_not_qualify_are_refused():
    X = np.ones((2, 3))
    with pytest.raises(ValueError, match="L1 distance"):
        InvariantKernel(KERNELS["laplacian"], groups.PointGroup("I"))(X)
    with pytest.raises(TypeError, match="average each one"):
        InvariantKernel(RBF() + RBF(), groups.Cyclic(3))(X)
    with pytest.raises(TypeError, match="known base kernels"):
        InvariantKernel(WhiteKernel(), groups.Cyclic(3))(X)
    with pytest.raises(ValueError, match=r"nu in 0.5, 1.5, 2.5 or inf"):
        InvariantKernel(Matern(nu=2.0), groups.Cyclic(3), method="sum")(X)
    with pytest.raises(ValueError, match=r"method='magic' is unknown.*'sum'"):
        InvariantKernel(RBF(), groups.Cyclic(3), method="magic")(X)
    with pytest.raises(ValueError, match="L1 distance is not a function of inner products"):
        InvariantKernel(KERNELS["laplacian"], groups.Cyclic(3), method="fourier")(X)
    with pytest.raises(TypeError, match="group must be a Group"):
        InvariantKernel(RBF(), 3)(X)


def test_group_too_large_says_how_many():
    k = InvariantKernel(RBF(1.0), groups.Symmetric(16), method="sum")
    with pytest.raises(GroupTooLargeError, match="20922789888000 elements"):
        k(np.ones((2, 16)))


def test_gram_larger_than_memory_is_refused(monkeypatch):
    monkeypatch.setattr("symkernel.backends.memory.available_bytes", lambda: 1000)
    with pytest.raises(MemoryError, match=r"100 x 100 needs 0.0 GB.*matvec"):
        InvariantKernel(RBF(1.0), groups.Cyclic(3))(np.ones((100, 3)))


def test_stationary_points_have_a_larger_diagonal():
    G = groups.PointGroup("I")
    axis = np.array([[0.0, 0.0, 1.0]])
    fixed = axis if len({tuple(np.round(g.apply(axis)[0], 9)) for g in G.elements()}) < 60 else None
    assert fixed is not None
    k = InvariantKernel(RBF(0.1), G)
    generic = np.array([[0.3, 0.5, 0.81]])
    assert k.diag(axis)[0] > 1.9 * k.diag(generic)[0]
    assert np.allclose(InvariantKernel(RBF(0.1), G, normalize=True).diag(axis), 1.0)
