"""Sums of averages over several groups: values, derivatives, tied length scales, refusals."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern, WhiteKernel
from symkernel import ChainKernel, InvariantKernel, InvariantKernelRidge, groups

G, H = groups.Cyclic(3).on([0, 1, 2], 5), groups.Symmetric(2).on([2, 3], 5)
X = np.random.default_rng(0).standard_normal((8, 5))
Z = np.random.default_rng(1).standard_normal((3, 5))
LENGTHS = [1.2, 1.2, 1.2, 1.2, 0.7]  # what G mixes and what H mixes share a feature


def test_values_are_weighted_sums_of_averages():
    k = ChainKernel(RBF(1.3), [G, H, None], weights=[0.5, 2.0, 0.1])
    parts = [InvariantKernel(RBF(1.3), g) for g in (G, H, groups.Trivial(5))]
    truth = sum(w * part(X, Z) for w, part in zip(k.weights, parts, strict=True))
    assert np.allclose(k(X, Z), truth, rtol=0, atol=1e-15)
    assert np.allclose(k.diag(X), np.diag(k(X)), rtol=0, atol=1e-14)
    weights = np.array([1.0, -2.0, 0.5])
    assert np.allclose(k.matvec(X, Z, weights), k(X, Z) @ weights, rtol=0, atol=1e-14)
    assert np.allclose(k.matvec(X, None, X[:, 0]), k(X) @ X[:, 0], rtol=0, atol=1e-14)
    plain = ChainKernel(RBF(1.3), ["cyclic", None])
    half = (InvariantKernel(RBF(1.3), groups.Cyclic(5))(X) + RBF(1.3)(X)) / 2
    assert np.allclose(plain(X), half, rtol=0, atol=1e-14)


@pytest.mark.parametrize("listed", [[G, H, None], [H], [None], [None, G]])
@pytest.mark.parametrize("base", [RBF(1.3), RBF(LENGTHS), Matern(np.ones(5), nu=1.5)])
@pytest.mark.parametrize("bounds", ["fixed", (1e-3, 1e3)])
def test_derivatives_are_differences(listed, base, bounds):
    k = ChainKernel(base, listed, weights_bounds=bounds)
    K, gradient = k(X, eval_gradient=True)
    assert np.allclose(K, k(X), rtol=0, atol=1e-14)
    assert gradient.shape[2] == len(k.theta) == len(k.bounds)
    for j in range(len(k.theta)):
        step = 1e-5 * np.eye(len(k.theta))[j]
        up, down = k.clone_with_theta(k.theta + step), k.clone_with_theta(k.theta - step)
        assert np.allclose((up(X) - down(X)) / 2e-5, gradient[..., j], rtol=0, atol=1e-8)
    slopes = k.gradient_x(X, Z, np.ones(3))
    for j in range(5):
        e = 1e-5 * np.eye(5)[j]
        numeric = (k(X + e, Z) - k(X - e, Z)).sum(axis=1) / 2e-5
        assert np.allclose(numeric, slopes[:, j], rtol=0, atol=1e-8)


def test_length_scales_are_tied_over_all_groups():
    k = ChainKernel(RBF(LENGTHS), [G, H, None])
    assert np.allclose(k.theta, np.log([1.2, 0.7, 1 / 3, 1 / 3, 1 / 3]))
    k.theta = [0.0, 1.0, 0.0, 0.0, 0.0]
    assert np.allclose(k.base.length_scale, [1, 1, 1, 1, np.e]) and np.allclose(k.weights, 1.0)
    with pytest.raises(ValueError, match="mixes"):
        ChainKernel(RBF([1.0, 1.0, 1.0, 2.0, 1.0]), [G, H]).theta  # noqa: B018
    with pytest.raises(ValueError, match="theta must have 5 entries"):
        k.theta = [0.0]


def test_samples_of_shape_and_copies():
    turning = groups.SE(3).along(1, (3, 3))
    k = ChainKernel(RBF(1.5), [turning, None], weights=[1.0, 2.0])
    clouds = np.random.default_rng(2).standard_normal((4, 3, 3))
    assert np.array_equal(k(clouds), k(clouds.reshape(4, 9)))
    assert k.gradient_x(clouds, clouds, np.ones(4)).shape == (4, 3, 3)
    assert np.array_equal(pickle.loads(pickle.dumps(k))(clouds), k(clouds))
    assert np.array_equal(clone(k)(clouds), k(clouds))
    names = vars(groups) | {"RBF": RBF, "ChainKernel": ChainKernel}
    assert repr(eval(repr(k), names)) == repr(k)
    k.set_params(base__length_scale=3.0, weights=None)
    half = (InvariantKernel(RBF(3.0), turning)(clouds) + RBF(3.0)(clouds.reshape(4, 9))) / 2
    assert np.allclose(k(clouds), half, rtol=0, atol=1e-14)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # at its bounds
def test_weights_are_learned():
    rng = np.random.default_rng(0)
    many = rng.standard_normal((60, 4))
    ring = groups.Cyclic(4)
    shares = []
    for y in (np.cos(many).sum(axis=1), many[:, 0]):
        kernel = ChainKernel(RBF(2.0), [ring, None]) + WhiteKernel(1e-3, "fixed")
        weights = GaussianProcessRegressor(kernel).fit(many, y - y.mean()).kernel_.k1.weights
        shares.append(weights[1] / weights.sum())
    assert shares[0] < 0.05 < 0.5 < shares[1]
    model = InvariantKernelRidge(0.1, kernel=ChainKernel(RBF(2.0), [ring, None])).fit(many, y)
    assert np.corrcoef(model.predict(many), y)[0, 1] > 0.9


def test_what_is_refused():
    for listed, weights, words in (
        ([], None, "one or more groups"),
        (G, None, "one or more groups"),
        ([G, None], [1.0], "shape \\(2,\\)"),
        ([G, None], [1.0, -1.0], "positive"),
        ([G, None], [1.0, np.inf], "positive"),
        ([G, 3], None, "got int"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            ChainKernel(RBF(), listed, weights=weights)(X)
    with pytest.raises(ValueError, match="Gradient can only be evaluated"):
        ChainKernel(RBF(), [G])(X, X, eval_gradient=True)
    with pytest.raises(ValueError, match="features"):
        ChainKernel(RBF(), [G])(X[:, :4])
