"""Translations beside finite groups: removed by centring, whatever averages over the rest."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern
from symkernel import InvariantKernel, groups

SHAPE = (5, 3)
SHIFTS = groups.Translations(3).along(1, SHAPE)
FINITE = {
    "nothing": groups.Trivial(15),
    "ring": groups.Cyclic(5).along(0, SHAPE),
    "icosahedral": groups.PointGroup("I").along(1, SHAPE),
    "octahedral": groups.PointGroup("Oh").along(1, SHAPE),
    "permutations": groups.Young("aabbb").along(0, SHAPE),
    "both": groups.Cyclic(5).along(0, SHAPE) * groups.PointGroup("C3").along(1, SHAPE),
}
KERNELS = {
    "rbf": RBF(1.7),
    "matern12": Matern(1.9, nu=0.5),
    "dot product": DotProduct(0.7),
    "scales": RBF(np.tile([1.5, 1.5, 1.5], 5)),
}


def beside(name):
    return SHIFTS if name == "nothing" else SHIFTS * FINITE[name]


def centred(X):
    clouds = X.reshape(-1, *SHAPE)
    return (clouds - clouds.mean(axis=1, keepdims=True)).reshape(X.shape)


def samples(n, seed):
    return np.random.default_rng(seed).standard_normal((n, 15)) + 3.0


@pytest.mark.parametrize("method", ["auto", "sum", "fourier"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", FINITE)
def test_is_the_average_of_centred_samples(name, kernel, method):
    X, Y, base = samples(6, 0), samples(4, 1), KERNELS[kernel]
    k = InvariantKernel(base, beside(name), method)
    assert str(k.plan()).startswith("centre along axis 1 -> ")
    assert k.plan().exact
    want = oracles.orbit_mean(base, FINITE[name], centred(X), centred(Y))
    np.testing.assert_allclose(k(X, Y), want, rtol=1e-12, atol=1e-14)
    for g in beside(name).sample(3, random_state=0):
        np.testing.assert_allclose(k(g.apply(X), Y), want, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(k.diag(X), np.diag(k(X)), rtol=1e-13)
    V = np.ones((4, 2))
    np.testing.assert_allclose(k.matvec(X, Y, V), want @ V, rtol=1e-11, atol=1e-13)
    for normalize in (False, True):
        k = InvariantKernel(base, beside(name), method, normalize=normalize)
        plain = InvariantKernel(base, FINITE[name], method, normalize=normalize)
        K, gradient = k(X, eval_gradient=True)
        want, slopes = plain(centred(X), eval_gradient=True)
        np.testing.assert_allclose(K, want, rtol=1e-11, atol=1e-13)
        # translations tie length scales that the finite group does not: their sum stays
        got, slopes = (dK.sum(axis=2) if kernel == "scales" else dK for dK in (gradient, slopes))
        np.testing.assert_allclose(got, slopes, rtol=1e-11, atol=1e-13)


def test_two_axes_of_translations():
    shape = (3, 4)
    both = groups.Translations(4).along(1, shape) * groups.Translations(3).along(0, shape)
    X = np.random.default_rng(0).standard_normal((5, 12))
    array = X.reshape(5, *shape)
    rest = array - array.mean(axis=1, keepdims=True)
    rest = (rest - rest.mean(axis=2, keepdims=True)).reshape(5, 12)
    np.testing.assert_allclose(InvariantKernel(RBF(), both)(X), RBF()(rest), rtol=1e-13)


@pytest.mark.parametrize(
    "group", [SHIFTS, SHIFTS * FINITE["ring"], groups.SE(3).along(1, SHAPE)], ids=repr
)
def test_length_scales_must_be_the_same_for_all_points(group):
    per_point = InvariantKernel(RBF(np.repeat([1.0, 1.0, 1.0, 2.0, 1.0], 3)), group)
    with pytest.raises(ValueError, match="length_scale per feature must be constant on the feat"):
        per_point(samples(3, 0))


def test_length_scales_per_axis_are_allowed_without_rotations():
    scale = np.tile([1.0, 2.0, 3.0], 5)
    X = samples(5, 0)
    k = InvariantKernel(RBF(scale), SHIFTS)
    np.testing.assert_allclose(k(X), RBF()(centred(X) / scale), rtol=1e-12)
    _, gradient = k(X, eval_gradient=True)
    assert gradient.shape == (5, 5, 3)  # tied over points
    shifted = [k.clone_with_theta(k.theta + s * np.array([0, 1, 0]))(X) for s in (-1e-5, 1e-5)]
    want = (shifted[1] - shifted[0]) / 2e-5
    np.testing.assert_allclose(gradient[:, :, 1], want, rtol=1e-6, atol=1e-9)
