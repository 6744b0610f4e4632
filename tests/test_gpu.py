"""The GPU against the CPU: every group, kernel and method of the catalog, and the door for arrays.

Needs a GPU and CuPy, or the module built with SYMKERNEL_CUDA=EMULATE, which runs the same device
code on the host with a stand-in for CuPy.
"""

from __future__ import annotations

import importlib
import pickle

import numpy as np
import pytest
from catalog import CASES_BY_METHOD, GROUPS, samples
from covering import covered
from scipy.linalg import LinAlgWarning
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel import (
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    cuda,
    groups,
)
from symkernel.backends import cuda as execute_cuda
from symkernel.backends import device


def why_not():
    if not cuda.is_available():
        return cuda.why_unavailable()
    try:
        importlib.import_module("cupy")
    except ImportError as error:
        return str(error)
    return ""


REASON = why_not()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(REASON), reason=REASON or "-")]

TOLERANCE = {np.float64: 1e-13, np.float32: 2e-6}


@pytest.fixture
def cp():
    return importlib.import_module("cupy")


def close(got, want, tolerance, scale=None):
    scale = np.maximum(np.abs(want), 1e-300) if scale is None else scale
    return np.max(np.abs(got.astype(np.float64) - want) / scale, initial=0.0) <= tolerance


def magnitude(case, X, Y):
    """What rounding is relative to: sums of kernels of inner products may cancel."""
    K = np.abs(InvariantKernel(case.kernel, case.group)(X, Y))
    if case.kernel_name in ("dot_product", "polynomial"):
        norms = np.linalg.norm(X, axis=1)[:, None] * np.linalg.norm(Y, axis=1)
        K = K + (1.1 + norms) ** 3
    return np.maximum(K, 1e-300)


@covered("case, method", CASES_BY_METHOD)
def test_agrees_with_the_cpu(cp, case, method):
    k = InvariantKernel(case.kernel, case.group, method=method)
    for dtype, tolerance in TOLERANCE.items():
        X = samples(case.group, 29, seed=1).astype(dtype)
        Y = samples(case.group, 35, seed=2).astype(dtype)
        Y[5] = X[0]
        dX, dY = cp.asarray(X), cp.asarray(Y)
        if dtype == np.float32 and (method == "closed_form" or case.kernel_name == "von_mises"):
            tolerance = 5e-6
        if dtype == np.float64 and method == "closed_form":
            tolerance = 1e-12
        X64, Y64 = X.astype(np.float64), Y.astype(np.float64)
        for left, right in ((Y64, Y), (None, None)):
            want = k(X64, left)
            got = k(dX, None if right is None else dY)
            assert isinstance(got, cp.ndarray)
            assert got.dtype == dtype
            scale = magnitude(case, X64, X64 if left is None else left)
            assert close(cp.asnumpy(got), want, 2 * tolerance, scale)
        assert np.array_equal(cp.asnumpy(got), cp.asnumpy(got).T)
        diagonal = cp.asnumpy(k.diag(dX))
        assert close(diagonal, np.diag(want), 2 * tolerance, np.diag(scale))
        V = np.random.default_rng(0).standard_normal((35, 3)).astype(dtype)
        product = cp.asnumpy(k.matvec(dX, dY, cp.asarray(V)))
        bound = magnitude(case, X64, Y64) @ np.abs(V) + 1e-300
        assert close(product, k(X64, Y64) @ V.astype(np.float64), 2 * tolerance, bound)


@covered("case, method", CASES_BY_METHOD)
def test_gradient_agrees_with_the_cpu(cp, case, method):
    X = samples(case.group, 19, seed=3)
    k = InvariantKernel(case.kernel, case.group, method=method, normalize=True)
    want_K, want = k(X, eval_gradient=True)
    K, got = k(cp.asarray(X), eval_gradient=True)
    assert close(cp.asnumpy(K), want_K, 1e-11, 1.0)
    assert close(cp.asnumpy(got), want, 1e-10, 1.0)


@pytest.mark.parametrize("n, m", [(0, 3), (3, 0), (1, 1), (63, 65), (64, 128), (130, 1)])
def test_shapes_and_remainders(cp, n, m):
    rng = np.random.default_rng(n + m)
    for name in ("C12 on 2 channels", "Oh on points", "I", "sign_flips", "hyperoctahedral"):
        G = GROUPS[name]
        X, Y = rng.standard_normal((n, G.degree)), rng.standard_normal((m, G.degree))
        k = InvariantKernel(RBF(1.3), G)
        got = k(cp.asarray(X), cp.asarray(Y))
        assert got.shape == (n, m)
        assert close(cp.asnumpy(got), k(X, Y), 1e-12)
        assert close(cp.asnumpy(k(cp.asarray(X))), k(X), 1e-12)
        assert k.diag(cp.asarray(X)).shape == (n,)


RINGS = {
    "64 shifts": groups.Cyclic(64),
    "dihedral, 64": groups.Dihedral(64),
    "ring of 3 channels": groups.Cyclic(20).along(0, (20, 3)),
    "a prime": groups.Cyclic(31),
    "few lanes": groups.Cyclic(600),
    "images": groups.Image((8, 8), "p4m"),
    "oblong images": groups.Image((6, 10), "translations"),
    "rings": groups.Cyclic(5).along(0, (5, 12)) * groups.Dihedral(12).along(1, (5, 12)),
}


@pytest.mark.parametrize("name", RINGS)
def test_shifts_by_transforms(cp, name):
    G = RINGS[name]
    X, Y = samples(G, 37, seed=6), samples(G, 34, seed=7)
    Y[3] = X[1]
    V = np.random.default_rng(8).standard_normal((34, 3))
    for base in (RBF(0.9 * G.degree**0.5), Matern(0.8, nu=1.5)):
        k = InvariantKernel(base, G, method="fourier")
        assert "on a GPU inner products one by one" not in str(k.plan())
        for dtype, tolerance in TOLERANCE.items():
            x, y, v = (Z.astype(dtype) for Z in (X, Y, V))
            dx, dy, dv = (cp.asarray(z) for z in (x, y, v))
            want = k(x.astype(np.float64), y.astype(np.float64))
            size = np.abs(want) + 1e-12
            got = cp.asnumpy(k(dx, dy))
            assert close(got, want, 2 * tolerance, size)
            product = cp.asnumpy(k.matvec(dx, dy, dv))
            assert close(product, want @ v, 2 * tolerance, size @ np.abs(v))
            own = cp.asnumpy(k(dx))
            assert np.array_equal(own, own.T)
            assert close(own, k(x.astype(np.float64)), 2 * tolerance, 1.0)
            K, dK = k(dx, eval_gradient=True)
            want_K, want_dK = k(x.astype(np.float64), eval_gradient=True)
            assert close(cp.asnumpy(K), want_K, 2 * tolerance, 1.0)
            assert close(cp.asnumpy(dK), want_dK, 20 * tolerance, 1.0)


def test_shifts_write_every_entry_and_no_other(cp):
    X = cp.asarray(samples(RINGS["64 shifts"], 45, seed=9).astype(np.float32))
    plan = InvariantKernel(RBF(8.0), RINGS["64 shifts"], method="fourier").plan()
    want = cp.asnumpy(plan.gram(X))
    memory = cp.asarray(np.full((47, 45), np.nan, dtype=np.float32))
    execute_cuda.gram(plan.base.native, plan._table, plan.base.scaled(X), None, memory[1:46])
    after = cp.asnumpy(memory)
    assert np.array_equal(after[1:46], want)
    assert np.isnan(after[[0, 46]]).all()


def test_few_shifts_are_summed_one_by_one_and_the_plan_says_so():
    assert device.module().max_direct_products == execute_cuda.MAX_DIRECT_PRODUCTS
    few = InvariantKernel(RBF(1.0), groups.Cyclic(16), method="fourier").plan()
    many = InvariantKernel(RBF(1.0), groups.Cyclic(17), method="fourier").plan()
    assert "on a GPU inner products one by one" in str(few)
    assert "on a GPU" not in str(many)


def test_continuous_groups(cp):
    rng = np.random.default_rng(0)
    shape = (4, 3)
    X, Y = rng.standard_normal((21, 12)), rng.standard_normal((17, 12))
    X[3] = 0
    X[4].reshape(shape)[:, 2] = 0  # planar
    Y[2] = (X[0].reshape(shape) * [1, 1, -1]).ravel()  # mirror images
    for G in (
        groups.SO(3).along(1, shape),
        groups.O(3).along(1, shape) * groups.Translations(3).along(1, shape),
        groups.SE(3).along(1, shape) * groups.Symmetric(4).along(0, shape),
        groups.O(2).along(1, (6, 2)),
        groups.SO(12),
    ):
        for base in (RBF(1.1), Matern(1.4, nu=2.5)):
            k = InvariantKernel(base, G)
            got = k(cp.asarray(X), cp.asarray(Y))
            assert close(cp.asnumpy(got), k(X, Y), 1e-11, np.abs(k(X, Y)) + 1e-12)


def test_arrays_of_other_libraries(cp):
    X = np.random.default_rng(0).standard_normal((6, 4))
    k = InvariantKernel(RBF(1.0), groups.Symmetric(4))
    if device.module().emulated:
        pytest.skip("another library's arrays need a real device")
    torch = pytest.importorskip("torch")
    tensor = torch.as_tensor(X, device="cuda")
    assert close(cp.asnumpy(k(tensor)), k(X), 1e-13)


def test_errors_at_the_door(cp):
    k = InvariantKernel(RBF(1.0), groups.Symmetric(4))
    X = cp.asarray(np.ones((3, 4)))
    with pytest.raises(ValueError, match="X has 5 features"):
        k(cp.asarray(np.ones((3, 5))))
    with pytest.raises(ValueError, match="contains NaN"):
        k(cp.asarray(np.full((3, 4), np.nan)))
    with pytest.raises(ValueError, match="X lives on a GPU and Y on the host"):
        k(X, np.ones((3, 4)))
    with pytest.raises(MemoryError, match=r"needs [\d.]+ GB"):
        k(cp.asarray(np.ones((200_000, 4))))
    with pytest.raises(ValueError, match="CPU only"):
        InvariantKernel(RBF(1.0), groups.Symmetric(4), method="sample")(X)


def task(n=60, d=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.sort(X, axis=1) @ np.arange(1.0, d + 1), rng


@pytest.mark.parametrize("options", [{}, {"alpha": 1e-6, "gamma": 0.01}, {"kernel": "matern"}])
def test_ridge_agrees_with_the_cpu(cp, options):
    X, y, rng = task()
    Y = np.stack([y, y**2], axis=1)
    weights = rng.uniform(0.5, 2, len(X))
    options = {"alpha": 1e-3, "group": "symmetric", **options}
    for target in (y, Y):
        want = InvariantKernelRidge(**options).fit(X, target, weights).predict(X[:7])
        moved = InvariantKernelRidge(device="cuda", **options).fit(X, target, weights)
        got = moved.predict(X[:7])
        assert isinstance(got, np.ndarray) and not isinstance(got, cp.ndarray)
        assert np.allclose(got, want, rtol=1e-7)
        assert np.allclose(pickle.loads(pickle.dumps(moved)).predict(X[:7]), got, rtol=1e-12)
        stayed = clone(moved).set_params(device="auto")
        stayed.fit(cp.asarray(X), cp.asarray(target), cp.asarray(weights))
        on_device = stayed.predict(cp.asarray(X[:7]))
        assert isinstance(on_device, cp.ndarray)
        assert np.allclose(cp.asnumpy(on_device), want, rtol=1e-7)


def test_singular_system_warns_and_uses_least_squares(cp):
    X, y, _ = task(12)
    X[6:] = X[:6, ::-1]  # the same orbits again
    y[6:] = y[:6]
    model = InvariantKernelRidge(alpha=0.0, group="symmetric", device="cuda")
    with pytest.warns(LinAlgWarning, match="least-squares solution"):
        model.fit(X, y)
    assert np.allclose(model.predict(X), y, rtol=1e-6)


def test_cv_and_classifier_agree_with_the_cpu(cp):
    X, y, _ = task(40)
    options = {"alphas": [1e-6, 1e-3, 1.0], "gammas": [0.03, 0.1, 0.3], "group": "symmetric"}
    want = InvariantKernelRidgeCV(**options).fit(X, y)
    got = InvariantKernelRidgeCV(device="cuda", **options).fit(X, y)
    assert (got.alpha_, got.gamma_) == (want.alpha_, want.gamma_)
    assert np.isclose(got.best_score_, want.best_score_, rtol=1e-6)
    assert np.allclose(got.predict(X[:5]), want.predict(X[:5]), rtol=1e-7)
    on_device = InvariantKernelRidgeCV(**options).fit(cp.asarray(X), cp.asarray(y))
    assert (on_device.alpha_, on_device.gamma_) == (want.alpha_, want.gamma_)
    labels = np.where(y > np.median(y), "high", "low")
    plain = InvariantKernelClassifier(group="symmetric").fit(X, labels)
    moved = InvariantKernelClassifier(group="symmetric", device="cuda").fit(X, labels)
    assert np.array_equal(plain.predict(X), moved.predict(X))


def test_numpy_arrays_moved_in_tiles(cp):
    X = samples(GROUPS["p4m"], 300, seed=4)
    Y = samples(GROUPS["p4m"], 211, seed=5)
    k = InvariantKernel(Matern(1.3, nu=1.5), GROUPS["p4m"])
    moved = clone(k).set_params(device="cuda")
    for other in (Y, None):
        got = moved(X, other)
        assert not isinstance(got, cp.ndarray)
        assert close(got, k(X, other), 1e-12)
    assert close(moved.diag(X), k.diag(X), 1e-12)
    assert close(moved.matvec(X, Y, np.ones(211)), k.matvec(X, Y, np.ones(211)), 1e-12)


def test_canonical_forms_are_found_on_the_host(cp):
    X = samples(GROUPS["dihedral"], 9)
    k = InvariantKernel(RBF(1.3), "dihedral", method="canonical")
    K = k(cp.asarray(X))
    assert isinstance(K, cp.ndarray)
    assert close(cp.asnumpy(K), k(X), 1e-12, 1.0)
