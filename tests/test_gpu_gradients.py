"""Gradients in samples and for length scales per feature: the GPU against the CPU.

Runs where tests/test_gpu.py does.
"""

from __future__ import annotations

import importlib
import itertools

import catalog
import numpy as np
import pytest
import test_closed_forms
import test_gpu
from catalog import GROUPS, NORMALIZED, samples
from covering import covered
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from symkernel import InvariantKernel, groups
from symkernel.kernels import ArcCosine, Laplacian, Polynomial

pytestmark = test_gpu.pytestmark

CASES_BY_METHOD = [(c, m) for c, m in catalog.CASES_BY_METHOD if m != "auto"]
# Of the largest entry. In single precision the rounding of inner products is magnified by
# exponents, and by the sum over samples.
TOLERANCE = {np.float64: 1e-11, np.float32: 2e-5}


@pytest.fixture
def cp():
    return importlib.import_module("cupy")


def agrees(cp, k, X, Y, W, dtype):
    """Whether gradients on the device are those of the CPU in double precision."""
    X, Y, W = (Z.astype(dtype) for Z in (X, Y, W))
    want = k.gradient_x(*(Z.astype(np.float64) for Z in (X, Y, W)))
    got = k.gradient_x(*(cp.asarray(Z) for Z in (X, Y, W)))
    assert isinstance(got, cp.ndarray)
    assert got.dtype == dtype
    assert got.shape == want.shape
    error = np.abs(cp.asnumpy(got) - want).max(initial=0.0)
    return error <= TOLERANCE[dtype] * np.abs(want).max(initial=1.0)


def _is_affordable(case, method):
    """Mixtures on columns take a launch a row, Gaussian and block: RBF is one of the Gaussians."""
    mixture = case.kernel_name.startswith(("matern", "rational"))
    return not (mixture and method == "closed_form" and case.group.structure.by_columns)


@covered(
    "case, method, normalize",
    [row for row in NORMALIZED if row[1] != "auto" and _is_affordable(*row[:2])],
)
def test_agrees_with_the_cpu(cp, case, method, normalize):
    X, Y = samples(case.group, 19, seed=1), samples(case.group, 35, seed=2)
    W = np.random.default_rng(3).standard_normal((35, 2))
    k = InvariantKernel(case.kernel, case.group, method=method, normalize=normalize)
    assert agrees(cp, k, X, Y, W, np.float64)
    assert agrees(cp, k, X, Y, W, np.float32)


@covered(
    "name, base, normalize",
    itertools.product(
        test_closed_forms.GROUPS,
        [RBF(1.1), Matern(1.4, nu=2.5), RationalQuadratic(1.2, alpha=0.8), Polynomial(0.4, 3, 1.0)],
        [False, True],
    ),
)
def test_closed_forms_agree_with_the_cpu(cp, name, base, normalize):
    group = test_closed_forms.GROUPS[name]
    try:
        k = InvariantKernel(base, group, method="closed_form", normalize=normalize)
        k.plan(group.degree)
    except ValueError:
        pytest.skip("this kernel has no closed form over this group")
    X = test_closed_forms.samples(group, (1.3, 0.7))
    Y = test_closed_forms.samples(group, (0.45, 1.6))
    W = np.random.default_rng(0).standard_normal((len(Y), 3))
    assert agrees(cp, k, X, Y, W, np.float64)
    assert agrees(cp, k, X, Y, W, np.float32)


@pytest.mark.parametrize("n, m, c", [(0, 3, 1), (3, 0, 2), (1, 1, 0), (1, 70, 1), (33, 17, 5)])
def test_shapes_and_remainders(cp, n, m, c):
    rng = np.random.default_rng(n + m)
    for name in ("C12 on 2 channels", "Oh on points", "I", "sign_flips", "hyperoctahedral"):
        G = GROUPS[name]
        X, Y = rng.standard_normal((n, G.degree)), rng.standard_normal((m, G.degree))
        k = InvariantKernel(RBF(1.3), G)
        assert agrees(cp, k, X, Y, rng.standard_normal((m, c)), np.float64)


def test_kinks_coincidences_and_zero_rows(cp):
    G = groups.Cyclic(6)
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((9, 6)), rng.standard_normal((20, 6))
    Y[0], Y[1], Y[2], Y[3] = X[0], -X[1], np.roll(X[2], 2), 0
    X[4] = 0
    W = rng.standard_normal((20, 2))
    bases = [Matern(0.8, nu=0.5), Laplacian(0.4), *(ArcCosine(order) for order in (0, 1, 2))]
    for base in bases:
        for method in ("sum", "fourier"):
            if method == "fourier" and isinstance(base, Laplacian):
                continue
            assert agrees(cp, InvariantKernel(base, G, method=method), X, Y, W, np.float64)


def test_samples_in_the_shape_of_the_group(cp):
    G = groups.SE(3).along(1, (4, 3)) * groups.Symmetric(4).along(0, (4, 3))
    X = np.random.default_rng(2).standard_normal((5, 4, 3))
    w = np.random.default_rng(3).standard_normal(5)
    k = InvariantKernel(RBF(1.0), G)
    want = k.gradient_x(X, None, w)
    got = k.gradient_x(cp.asarray(X), None, cp.asarray(w))
    assert got.shape == (5, 4, 3)
    assert np.abs(cp.asnumpy(got) - want).max() < 1e-12


@covered(
    "name, base, normalize",
    itertools.product(
        [*test_closed_forms.GROUPS, "Young", "centred points"], [RBF, Matern], [False, True]
    ),
)
def test_length_scale_per_feature(cp, name, base, normalize):
    group = {
        "Young": groups.Young("abab").along(0, (4, 2)),
        "centred points": groups.Translations(3).along(1, (4, 3)) * groups.O(3).along(1, (4, 3)),
    }.get(name) or test_closed_forms.GROUPS[name]
    labels = group.mixed_features
    X = test_closed_forms.samples(group, (1.3, 0.7, 0.45))
    k = InvariantKernel(base(1.0 + 0.3 * labels), group, method="closed_form", normalize=normalize)
    want_K, want = k(X, eval_gradient=True)
    K, got = (cp.asnumpy(part) for part in k(cp.asarray(X), eval_gradient=True))
    assert test_gpu.close(K, want_K, 1e-11, 1.0)
    most = max(1.0, np.abs(want).max())
    assert test_gpu.close(got, want, 1e-11, most)
    W = np.random.default_rng(5).standard_normal((len(X), 2))
    assert agrees(cp, k, X, X, W, np.float64)
    single = X.astype(np.float32)
    got = cp.asnumpy(k(cp.asarray(single), eval_gradient=True)[1])
    assert got.dtype == np.float32
    assert np.abs(got.sum(2) - want.sum(2)).max() < 3e-5 * most * group.degree


@pytest.mark.parametrize("shape", [(3,), (300,)])
def test_numpy_arrays_moved_in_tiles(cp, monkeypatch, shape):
    monkeypatch.setattr("symkernel.kernels.moving._TILE_BYTES", 2**14)
    (n,) = shape
    G = GROUPS["p4m"]
    X, Y = samples(G, n, seed=4), samples(G, 41, seed=5)
    k = InvariantKernel(Matern(1.3, nu=1.5), G, normalize=True)
    moved = clone(k).set_params(device="cuda")
    for W in (np.random.default_rng(6).standard_normal((41, 2)), np.ones(41)):
        want, got = k.gradient_x(X, Y, W), moved.gradient_x(X, Y, W)
        assert not isinstance(got, cp.ndarray)
        assert got.shape == want.shape
        assert np.abs(got - want).max() <= 1e-12 * np.abs(want).max()
    back = clone(k).set_params(device="cpu").gradient_x(cp.asarray(X), cp.asarray(Y), np.ones(41))
    assert isinstance(back, cp.ndarray)
    assert np.abs(cp.asnumpy(back) - want).max() <= 1e-12 * np.abs(want).max()


def test_runs_are_equal_to_the_last_digit(cp):
    G = GROUPS["Oh on points"]
    X, Y = cp.asarray(samples(G, 33, seed=7)), cp.asarray(samples(G, 50, seed=8))
    for base in (Matern(1.0, nu=0.5), RBF(1.0)):
        k = InvariantKernel(base, G)
        first = k.gradient_x(X, Y, cp.asarray(np.ones(50)))
        assert np.array_equal(cp.asnumpy(first), cp.asnumpy(k.gradient_x(X, Y, np.ones(50))))


def test_derivatives_of_large_permanents_are_refused_with_the_reason(cp):
    k = InvariantKernel(RBF(1.0), groups.Symmetric(21), method="closed_form")
    X = cp.asarray(np.zeros((1, 21)))
    with pytest.raises(ValueError, match="at most 20 are supported"):
        k.gradient_x(X, X, cp.asarray([1.0]))
