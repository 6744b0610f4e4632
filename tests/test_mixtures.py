"""Gaussian scale mixtures against the kernels they stand for."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy.special import gamma, kv
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from symkernel.exceptions import NotApplicableError
from symkernel.plans.base import BaseSpec
from symkernel.plans.mixtures import (
    matern_mixture,
    mixture_of,
    rational_quadratic_mixture,
    rbf_mixture,
)

TOLERANCES = (1e-6, 1e-10, 1e-13)
NUS = (0.3, 0.5, 0.75, 1.5, 2.0, 2.5, 7.3)
ALPHAS = (0.1, 0.3, 0.8, 1.0, 2.5, 20.0, 300.0)
# scikit-learn replaces r = 0 by a rounding unit, which for small nu is far from 0
R = np.geomspace(1e-7, 80.0, 1500)


def at(kernel, r):
    return kernel(np.asarray(r)[:, None], [[0.0]])[:, 0]


def rounding(k):
    """What the reference itself may be wrong by."""
    return 2e-14 + 1e-14 * np.abs(k)


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("nu", NUS)
def test_matern_of_any_nu(nu, tolerance):
    mixture = matern_mixture(nu, 1.3, tolerance)
    k = at(Matern(1.3, nu=nu), R)
    assert (np.abs(mixture(R) - k) <= tolerance + rounding(k)).all()
    assert abs(mixture(0.0) - 1) < 1e-14
    assert mixture.error <= tolerance
    assert (mixture.weights > 0).all() and (np.diff(mixture.rates) > 0).all()
    assert mixture.rates[0] > 0 and np.isfinite(mixture.rates).all()


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("r_max", [math.inf, 4.0])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_rational_quadratic(alpha, r_max, tolerance):
    mixture = rational_quadratic_mixture(alpha, 0.7, tolerance, r_max)
    r = R[r_max >= R]
    k = at(RationalQuadratic(0.7, alpha=alpha), r)
    assert (np.abs(mixture(r) - k) <= tolerance + rounding(k) * max(1.0, alpha / 10)).all()
    assert abs(mixture(0.0) - 1) < 1e-14
    assert (mixture.weights > 0).all() and (np.diff(mixture.rates) > 0).all()


@pytest.mark.parametrize("alpha", [1e-5, 1e-3, 0.05])
@pytest.mark.parametrize("r_max", [0.1, 10.0, 1e4])
def test_rational_quadratic_of_tiny_alpha(alpha, r_max):
    mixture = rational_quadratic_mixture(alpha, 0.7, 1e-12, r_max)
    r = np.geomspace(1e-8, r_max, 500)
    k = at(RationalQuadratic(0.7, alpha=alpha), r)
    assert np.abs(mixture(r) - k).max() < 1e-12
    assert len(mixture) < 110
    slopes = rational_quadratic_slopes(alpha, 0.7, r)
    assert np.abs(mixture.gradient(r) - slopes).max() < 5e-11


@pytest.mark.parametrize("nu", [0.1, 0.5, 1.5, 7.3, 30.0, 200.0])
def test_matern_in_thirty_digits(nu):
    mixture = matern_mixture(nu, 1.3, 1e-13)
    with mpmath.workdps(30):
        for r in np.geomspace(1e-8, 15.0, 25):
            z = mpmath.sqrt(2 * mpmath.mpf(nu)) * mpmath.mpf(float(r)) / mpmath.mpf(1.3)
            k = 2 ** (1 - mpmath.mpf(nu)) / mpmath.gamma(nu) * z**nu * mpmath.besselk(nu, z)
            assert abs(float(k - mpmath.mpf(float(mixture(r))))) < 1.2e-13


def test_number_of_terms():
    counts = [[len(matern_mixture(nu, 1.0, t)) for t in TOLERANCES] for nu in (0.3, 0.5, 1.5, 7.3)]
    limits = [[48, 115, 190], [32, 76, 125], [15, 34, 52], [9, 16, 23]]
    assert (np.array(counts) <= np.array(limits)).all(), counts
    # a bounded range takes fewer
    assert len(rational_quadratic_mixture(0.3, 1.0, 1e-10, r_max=5.0)) < 45
    assert len(matern_mixture(0.5, 1.0, 1e-10, r_max=5.0, r_min=0.1)) < 35
    assert len(matern_mixture(0.5, 1.0, 1e-10, r_max=1e-3)) < len(matern_mixture(0.5, 1.0, 1e-10))


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("nu", [0.3, 0.5, 2.5])
def test_pruned_for_a_range(nu, tolerance):
    mixture = matern_mixture(nu, 1.3, tolerance, r_max=6.0, r_min=0.2)
    r = np.linspace(0.2, 6.0, 400)
    k = at(Matern(1.3, nu=nu), r)
    error = np.abs(mixture(r) - k)
    assert (error <= tolerance + rounding(k)).all()
    assert (error / k <= 2 * mixture.relative_error + 1e-13).all()


def rational_quadratic_slopes(alpha, length_scale, r):
    c = r**2 / (2 * alpha * length_scale**2)
    k = (1 + c) ** -alpha
    by_alpha = k * (alpha * c / (1 + c) - alpha * np.log1p(c))
    return np.stack([by_alpha, k * 2 * alpha * c / (1 + c)], axis=1)


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("r_max", [math.inf, 4.0])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_gradient_of_rational_quadratic(alpha, r_max, tolerance):
    mixture = rational_quadratic_mixture(alpha, 0.7, tolerance, r_max)
    assert mixture.hyperparameters == ("alpha", "length_scale")
    r = np.concatenate([[0.0], R[r_max >= R]])
    slopes = rational_quadratic_slopes(alpha, 0.7, r)
    assert np.abs(mixture.gradient(r) - slopes).max() < 100 * tolerance


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("nu", NUS)
def test_gradient_of_matern(nu, tolerance):
    mixture = matern_mixture(nu, 1.3, tolerance)
    assert mixture.hyperparameters == ("length_scale",)
    z = math.sqrt(2 * nu) * R / 1.3  # dk/dlog l = z^(nu+1) K_(nu-1)(z) 2^(1-nu) / Gamma(nu)
    slope = 2 ** (1 - nu) / gamma(nu) * z ** (nu + 1) * kv(nu - 1, z)
    assert np.abs(mixture.gradient(R)[:, 0] - slope).max() < 40 * tolerance


@pytest.mark.parametrize("kind", ["matern", "rational_quadratic"])
def test_gradients_are_derivatives_of_the_sum_itself(kind):
    r = np.linspace(0.0, 4.0, 50)

    def value(log_alpha, log_scale):
        if kind == "matern":
            return matern_mixture(0.8, math.exp(log_scale), 1e-13)(r)
        return rational_quadratic_mixture(math.exp(log_alpha), math.exp(log_scale), 1e-13)(r)

    h = 1e-3
    by_alpha = (value(0.2 + h, 0.1) - value(0.2 - h, 0.1)) / (2 * h)
    by_scale = (value(0.2, 0.1 + h) - value(0.2, 0.1 - h)) / (2 * h)
    if kind == "matern":
        gradient = matern_mixture(0.8, math.exp(0.1), 1e-13).gradient(r)
        assert np.abs(gradient[:, 0] - by_scale).max() < 1e-6
    else:
        gradient = rational_quadratic_mixture(math.exp(0.2), math.exp(0.1), 1e-13).gradient(r)
        assert np.abs(gradient - np.stack([by_alpha, by_scale], axis=1)).max() < 1e-6


def test_gradient_of_merged_terms():
    """The rate of merged terms depends on alpha through their weights as well.

    Below alpha = 0.1 the nodes do not depend on alpha, so that rates can be compared.
    """
    alpha, h = 0.05, 1e-6
    mixture, up, down = (
        rational_quadratic_mixture(alpha * math.exp(s), 1.0, 1e-6, r_max=1.1) for s in (0, h, -h)
    )
    assert len(up) == len(down) == len(mixture)
    rates = (up.rates - down.rates) / (2 * h)
    np.testing.assert_allclose(mixture.rate_gradient[:, 0], rates, rtol=1e-5)
    assert abs(mixture.rate_gradient[0, 0] / mixture.rates[0] + 1) > 0.01
    weights = (up.weights - down.weights) / (2 * h)
    np.testing.assert_allclose(mixture.weight_gradient[:, 0], weights, rtol=1e-5, atol=1e-9)


def test_mixture_of_base_kernels():
    r = np.linspace(0.0, 5.0, 200)
    rbf = mixture_of(BaseSpec("rbf", (1.4,)))
    np.testing.assert_allclose(rbf(r), at(RBF(1.4), r), rtol=1e-14)
    assert len(rbf) == 1 and rbf.error == 0
    np.testing.assert_allclose(rbf.gradient(r)[:, 0], (r / 1.4) ** 2 * rbf(r), atol=1e-15)
    for name, nu in (("matern12", 0.5), ("matern32", 1.5), ("matern52", 2.5)):
        k = at(Matern(1.4, nu=nu), r)
        assert np.abs(mixture_of(BaseSpec(name, (1.4,)), 1e-12)(r) - k).max() < 1e-12
    general = mixture_of(BaseSpec("matern", (1.4, 0.9)), 1e-12)
    assert np.abs(general(r[1:]) - at(Matern(1.4, nu=0.9), r[1:])).max() < 1.1e-12
    quadratic = mixture_of(BaseSpec("rational_quadratic", (0.6, 1.4)), 1e-12)
    assert np.abs(quadratic(r) - at(RationalQuadratic(1.4, alpha=0.6), r)).max() < 1e-12
    assert len(matern_mixture(math.inf, 2.0)) == 1
    with pytest.raises(NotApplicableError, match="'arccosine1' is not a mixture of RBF kernels"):
        mixture_of(BaseSpec("arccosine1", ()))


def test_refusals():
    with pytest.raises(ValueError, match="nu must be positive and finite, got -1"):
        matern_mixture(-1)
    with pytest.raises(ValueError, match=r"nu must be at least 0\.1 for a sum of Gaussians"):
        matern_mixture(0.01)
    with pytest.raises(ValueError, match=r"alpha must be at least 0\.1 with r_max=inf"):
        rational_quadratic_mixture(0.01)
    with pytest.raises(ValueError, match=r"tol must be in \[1e-14, 1\), got 0"):
        matern_mixture(1.5, tol=0)
    with pytest.raises(ValueError, match="length_scale must be positive and finite"):
        rbf_mixture(0.0)
    with pytest.raises(ValueError, match="0 <= r_min < r_max"):
        matern_mixture(1.5, r_max=1.0, r_min=2.0)
