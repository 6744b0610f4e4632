"""Gram matrices in packed form: the same numbers as the full ones, and the same fits."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from catalog import CASES, GROUPS, METHODS, applies, samples
from oracles import packed_triangle
from scipy.linalg import LinAlgWarning
from scipy.linalg.lapack import dtrttf
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern
from sklearn.metrics.pairwise import rbf_kernel
from symkernel import (
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    groups,
)
from symkernel.backends import cpu, memory
from symkernel.backends.packed import diagonal, pack, scale
from symkernel.estimators._kernel import BoundKernel
from symkernel.kernels import Polynomial, VonMises
from symkernel.solvers.ridge import solve_ridge
from symkernel.solvers.ridge_packed import solve_ridge_packed

RNG = np.random.default_rng(5)
SIZES = (0, 1, 2, 3, 11, 12, 13, 24, 33)


def symmetric(n):
    A = RNG.normal(size=(n, n))
    return A + A.T


# ---- the format ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 12))
def test_format_is_that_of_lapack(n):
    K = symmetric(n)
    want, info = dtrttf(K, transr="N", uplo="L")
    assert info == 0
    np.testing.assert_array_equal(packed_triangle(K), want)


@pytest.mark.parametrize("n", SIZES)
def test_pack_scale_and_diagonal(n):
    K = symmetric(n)
    packed = pack(K)
    np.testing.assert_array_equal(packed, packed_triangle(K))
    np.testing.assert_array_equal(np.concatenate(diagonal(packed, n)), K.diagonal())
    factors = RNG.uniform(0.5, 2.0, n)
    scale(packed, factors)
    np.testing.assert_allclose(packed, packed_triangle(K * factors * factors[:, None]), rtol=1e-15)
    for part in diagonal(packed, n):
        part[:] = 7.0
    assert (packed == 7.0).sum() == n


# ---- plans -----------------------------------------------------------------------------------


def plans():
    """Every group by every method, with kernels in turn; then the other plans."""
    for method in METHODS:
        for at, group in enumerate(GROUPS):
            cases = [c for c in CASES if c.group_name == group and applies(method, c)]
            if cases:
                case = cases[at % len(cases)]
                yield pytest.param(case.kernel, case.group, method, id=f"{method}-{case}")
    cloud = groups.SO(3).along(1, (3, 3))
    for method in ("sample", "quadrature"):
        yield pytest.param(RBF(3.0), cloud, method, id=f"{method}-SO(3)")
    for method, group in (
        ("auto", groups.Torus(1).along(1, (4, 1))),
        ("sum", groups.Cyclic(5)),
        ("sample", groups.Cyclic(5)),
    ):
        yield pytest.param(VonMises(1.7), group, method, id=f"{method}-von_mises-{group}")
    for group in (cloud, groups.E(3).along(1, (4, 3)), groups.O(2).along(1, (3, 2)), groups.O(5)):
        yield pytest.param(Matern(2.0, nu=2.5), group, "closed_form", id=f"closed_form-{group}")


@pytest.mark.parametrize(("kernel", "group", "method"), list(plans()))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_packed_equals_full(kernel, group, method, dtype):
    plan = InvariantKernel(kernel, group, method=method).plan()
    for n in SIZES:
        X = samples(group, n, dtype=dtype)
        packed = plan.gram_packed(X)
        assert packed.dtype == dtype
        np.testing.assert_array_equal(packed, packed_triangle(plan.gram(X)))


@pytest.mark.parametrize("isa", cpu.info()["available_isas"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("group", ["cyclic", "dihedral", "I", "Oh on points", "symmetric"])
def test_packed_equals_full_on_every_isa_and_thread(isa, dtype, group):
    """Sizes of several blocks of tiles, with remainders."""
    before = cpu.info()["isa"]
    plan = InvariantKernel(RBF(1.3), GROUPS[group]).plan()
    try:
        cpu.set_isa(isa)
        for n in (95, 160, 161):
            X = samples(GROUPS[group], n, dtype=dtype)
            want = packed_triangle(plan.gram(X, n_jobs=1))
            for n_jobs in (1, 2, 5):
                np.testing.assert_array_equal(plan.gram_packed(X, n_jobs), want)
    finally:
        cpu.set_isa(before)


def test_exact_plans_need_no_full_matrix():
    for method in METHODS:
        assert InvariantKernel(RBF(), groups.Symmetric(3), method=method).plan().packs
    assert InvariantKernel(VonMises(), groups.Torus(2)).plan().packs
    assert not InvariantKernel(RBF(), groups.Symmetric(3), method="sample").plan().packs


# ---- the kernel ------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("n", [1, 2, 9, 12])
def test_kernel(normalize, n):
    kernel = InvariantKernel(DotProduct(0.0), groups.Cyclic(4), normalize=normalize)
    X = samples(groups.Cyclic(4), n)  # a zero sample: its diagonal stays 0
    np.testing.assert_allclose(
        kernel.gram_packed(X), packed_triangle(kernel(X)), rtol=1e-14, atol=1e-16
    )


def test_kernel_checks_memory_and_samples(monkeypatch):
    exact = InvariantKernel(RBF(), groups.Cyclic(2))
    sampled = InvariantKernel(RBF(), groups.Cyclic(2), method="sample")
    with pytest.raises(ValueError, match="X contains NaN"):
        exact.gram_packed([[np.nan, 0.0]])
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**6)
    X = np.zeros((40_001, 2))
    with pytest.raises(MemoryError, match=r"40001 samples, in packed form of shape 40001 x 20001 "):
        exact.gram_packed(X)
    with pytest.raises(MemoryError, match=r"needs 3.2 GB; 0.0 GB are available. matvec"):
        exact.gram_packed(X[1:].astype(np.float32))
    with pytest.raises(MemoryError, match=r"40001 samples of shape 40001 x 40001 needs 12.8 GB"):
        sampled.gram_packed(X)


# ---- the solver ------------------------------------------------------------------------------


def system(n, targets=3):
    X = RNG.normal(size=(n, 3))
    return rbf_kernel(X, gamma=0.4), RNG.normal(size=(n, targets))


@pytest.mark.parametrize("n", [1, 2, 3, 30, 61])
@pytest.mark.parametrize("weighted", [False, True])
def test_solver_equals_that_of_full_matrices(n, weighted):
    K, y = system(n)
    weights = RNG.uniform(0.1, 2.0, n) if weighted else None
    if weighted and n > 2:
        weights[1] = 0.0
    got = solve_ridge_packed(pack(K), y, 0.3, weights)
    np.testing.assert_allclose(got, solve_ridge(K.copy(), y, 0.3, weights), rtol=1e-12, atol=1e-14)


def test_solver_keeps_the_dtype():
    K, y = system(20)
    single = pack(K.astype(np.float32))
    for targets in (y, y.astype(np.float32)):
        got = solve_ridge_packed(single.copy(), targets, 0.3)
        want = solve_ridge(K.astype(np.float32), targets, 0.3)
        assert got.dtype == want.dtype == targets.dtype
        np.testing.assert_allclose(got, want, rtol=1e-12 if targets is y else 1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("K", "alpha"),
    [
        (np.diag([2.0, -1.0, 1.0]), 0.5),  # indefinite
        (np.zeros((4, 4)), 0.0),
        (np.kron(rbf_kernel(np.arange(9.0)[:, None]), np.ones((3, 3))), 0.0),  # of rank 9
        (np.full((2, 2), np.nan), 1.0),
        (np.array([[1.0, 0.0, 0.0], [0.0, 1.0, np.inf], [0.0, np.inf, 1.0]]), 1.0),
    ],
)
def test_solver_leaves_doubtful_systems_alone(K, alpha):
    assert solve_ridge_packed(pack(K), np.arange(1.0, len(K) + 1)[:, None], alpha) is None


def test_solver_errors():
    with pytest.raises(ValueError, match=r"packed must have shape \(6,\) for 3 rows of y; got \(5"):
        solve_ridge_packed(np.zeros(5), np.zeros((3, 1)), 1.0)


# ---- estimators ------------------------------------------------------------------------------

X = RNG.normal(size=(41, 6))
Y = np.stack([X.max(axis=1), X.prod(axis=1)], axis=1)
MODELS = {
    "ridge": InvariantKernelRidge(0.1, group="symmetric"),
    "closed form": InvariantKernelRidge(1e-3, group=groups.SO(3).along(1, (2, 3)), gamma=0.2),
    "normalized": InvariantKernelRidge(
        0.01, kernel=InvariantKernel(RBF(2.0), groups.Cyclic(6), normalize=True)
    ),
    "sampled": InvariantKernelRidge(0.01, group="cyclic", method="sample"),
    "cv": InvariantKernelRidgeCV([0.02, 0.1], [0.1, 0.2, 0.3], group="dihedral"),
}


def without_packed_form(monkeypatch):
    monkeypatch.setattr(BoundKernel, "packs", False)


@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
@pytest.mark.parametrize("weights", [None, RNG.uniform(0.5, 2.0, len(X))])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("n", [40, 41])
def test_predictions_do_not_depend_on_the_form(monkeypatch, name, n, weights):
    w = None if weights is None else weights[:n]
    packed = MODELS[name].fit(X[:n], Y[:n], w).predict(X)
    without_packed_form(monkeypatch)
    full = MODELS[name].fit(X[:n], Y[:n], w).predict(X)
    np.testing.assert_allclose(packed, full, rtol=1e-12, atol=1e-12 * np.abs(full).max())


def test_decisions_do_not_depend_on_the_form(monkeypatch):
    model = InvariantKernelClassifier(0.1, group="cyclic")
    classes = np.digitize(X.max(axis=1), [1.0, 1.5])
    packed = model.fit(X, classes).decision_function(X)
    without_packed_form(monkeypatch)
    np.testing.assert_allclose(packed, model.fit(X, classes).decision_function(X), rtol=1e-11)


def test_fit_takes_half_a_matrix():
    n = 1000
    many = np.random.default_rng(0).normal(size=(n, 5))
    model = InvariantKernelRidge(0.1, group="cyclic")
    model.fit(many[:10], many[:10, 0])  # the group's tables are not counted
    tracemalloc.start()
    try:
        model.fit(many, many[:, 0])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 8 * n * n / 2 <= peak < 8 * n * n * 0.55


def test_several_alphas_take_a_full_matrix():
    alpha = np.array([0.1, 2.0])
    got = InvariantKernelRidge(alpha, group="cyclic").fit(X, Y).predict(X)
    for t, a in enumerate(alpha):
        want = InvariantKernelRidge(a, group="cyclic").fit(X, Y[:, t]).predict(X)
        np.testing.assert_allclose(got[:, t], want, rtol=1e-11)


def fit_and_warnings(model, *data):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*data)
    return model.dual_coef_, [(w.category, str(w.message), w.filename) for w in caught]


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 25.0)])
def test_singular_systems_fall_back_as_from_a_full_matrix(monkeypatch, weights):
    twice, y = np.repeat(X[:12], 2, axis=0), np.arange(24.0)
    model = InvariantKernelRidge(0.0, gamma=0.1, group="cyclic")
    coefficients, caught = fit_and_warnings(model, twice, y, weights)
    assert [c[0] for c in caught] == [LinAlgWarning]
    assert "12 of 24 eigenvalues are zero" in caught[0][1]
    without_packed_form(monkeypatch)
    want, caught_full = fit_and_warnings(model, twice, y, weights)
    assert caught == caught_full
    np.testing.assert_array_equal(coefficients, want)


def test_ill_conditioned_systems_are_no_fall_back(monkeypatch):
    """Condition number 1e17, yet the fit is good: nothing is computed twice."""
    line = np.linspace(0, 1, 40)[:, None]
    model = InvariantKernelRidge(1e-13, kernel=InvariantKernel(RBF(1.0), groups.SignFlips(1)))

    def refuse(*args, **kwargs):
        raise AssertionError("a full matrix was formed")

    monkeypatch.setattr(InvariantKernel, "gram", refuse)
    _, caught = fit_and_warnings(model, line, np.cos(3 * line))
    assert not caught
    np.testing.assert_allclose(model.predict(line), np.cos(3 * line), atol=1e-6)


def test_overflow_is_the_same_error():
    huge = np.full((5, 3), 1e150)
    kernel = InvariantKernel(Polynomial(3), groups.Cyclic(3))
    for alpha, y in ((1.0, np.ones(5)), ([1.0, 2.0], np.ones((5, 2)))):  # packed, and in full
        with pytest.raises(ValueError, match="degree=3 is too large for these samples"):
            InvariantKernelRidge(alpha, kernel=kernel).fit(huge, y)


def test_memory_message_names_what_the_packed_form_needs(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**6)
    many, y = np.zeros((40_000, 2)), np.arange(40_000) % 2
    packed, full = r", in packed form of shape 40001 x 20000 needs 6.4 GB", " .* needs 12.8 GB"
    for model, needs in (
        (InvariantKernelRidge(group="symmetric"), packed),
        (InvariantKernelClassifier(group="cyclic"), packed),
        (InvariantKernelRidge([0.1], group=groups.SO(2)), packed),
        (InvariantKernelRidge(group=None), full),
        (InvariantKernelRidge(group="cyclic", method="sample"), full),
    ):
        model.set_params(solver="cholesky")
        with pytest.raises(MemoryError, match=f"the Gram matrix of 40000 samples{needs}; 0.0 GB"):
            model.fit(many, y)
    with pytest.raises(MemoryError, match=r" 40000 samples of shape 40000 x 40000 needs 12.8 GB"):
        several = InvariantKernelRidge([0.1, 0.2], group="cyclic", solver="cholesky")
        several.fit(many, np.stack([y, y], axis=1))
