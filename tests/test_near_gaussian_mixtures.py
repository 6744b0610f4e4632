"""Mixtures near their Gaussian limit: few terms, the stated error, and derivatives."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy.special import roots_genlaguerre
from sklearn.gaussian_process.kernels import Matern, RationalQuadratic
from symkernel import InvariantKernel, groups
from symkernel.kernels import Quadrature
from symkernel.plans.mixture_rules import mixture_rule
from symkernel.plans.mixtures import matern_mixture, rational_quadratic_mixture

LARGE = (30.0, 50.0, 300.0, 1e4, 1e5, 1e6, 1e9, 1e12)
DISTANCES = (0.01, 0.3, 1.0, 1.5, 2.5, 4.0, 6.0, 9.0)


def rational_quadratic(alpha, r):
    return (1 + mpmath.mpf(r) ** 2 / (2 * mpmath.mpf(alpha))) ** (-mpmath.mpf(alpha))


def matern(nu, r):
    nu = mpmath.mpf(nu)
    z = mpmath.sqrt(2 * nu) * mpmath.mpf(r)
    return 2 ** (1 - nu) / mpmath.gamma(nu) * z**nu * mpmath.besselk(nu, z)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-10, 1e-13])
@pytest.mark.parametrize("a", LARGE)
@pytest.mark.parametrize(
    ("mixture", "exact", "most"),
    [(rational_quadratic_mixture, rational_quadratic, math.inf), (matern_mixture, matern, 60.0)],
)
def test_few_terms_keep_the_stated_error(mixture, exact, most, a, tolerance):
    found = mixture(a, 1.0, tolerance)
    assert found.error <= tolerance
    assert len(found) <= 25
    assert (found.weights > 0).all() and (np.diff(found.rates) > 0).all()
    assert abs(found(0.0) - 1) < 1e-14
    if a > most:  # the Bessel function of such orders takes seconds
        return
    with mpmath.workdps(60):
        errors = [abs(float(exact(a, r) - mpmath.mpf(float(found(r))))) for r in DISTANCES]
    assert max(errors) <= 1.01 * found.error + 2e-15  # measured at finitely many distances


@pytest.mark.parametrize("a", [1e6, 1e9, 1e12])
def test_the_limit_differs_by_its_first_correction(a):
    # E exp(-z u / a) = exp(-z) (1 + z^2 / (2 a) + O(a^-2)), and the same for a / u with z^2 - 2 z
    z = np.linspace(0.0, 20.0, 50)
    gauss = np.exp(-z)
    for mixture, sign in ((rational_quadratic_mixture, 0.0), (matern_mixture, 1.0)):
        value = mixture(a, 1.0, 1e-14)(np.sqrt(2.0 * z))
        want = gauss * (1.0 + (z**2 - 2.0 * sign * z) / (2.0 * a))
        assert np.abs(value - want).max() < 2e-15 + 30.0 / a**2


@pytest.mark.parametrize("a", [30.0, 100.0, 1e3])
def test_rules_are_gauss_rules_of_the_gamma_distribution(a):
    rule = mixture_rule(1, a, 1e-10, 0.0, math.inf)
    nodes, weights = roots_genlaguerre(len(rule.weights), a - 1.0) if a < 150 else (None, None)
    if nodes is not None:
        assert np.allclose(rule.factors, nodes, rtol=1e-10)
        assert np.allclose(rule.weights, weights / weights.sum(), rtol=1e-8)
    moment, scale = 1.0, 1.0
    for k in range(2 * len(rule.weights)):
        assert rule.weights @ (rule.factors / a) ** k == pytest.approx(moment, rel=1e-12)
        moment *= (a + k) / (a * scale)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-13])
@pytest.mark.parametrize("alpha", LARGE[:-1])
def test_gradient_of_the_rational_quadratic(alpha, tolerance):
    r = np.array(DISTANCES)
    found = rational_quadratic_mixture(alpha, 0.7, tolerance).gradient(r)
    with mpmath.workdps(50):
        c = [mpmath.mpf(x) ** 2 / (2 * mpmath.mpf(alpha) * mpmath.mpf(0.7) ** 2) for x in DISTANCES]
        k = [(1 + x) ** (-mpmath.mpf(alpha)) for x in c]
        by_alpha = [v * alpha * (x / (1 + x) - mpmath.log1p(x)) for v, x in zip(k, c, strict=True)]
        by_length = [v * 2 * alpha * x / (1 + x) for v, x in zip(k, c, strict=True)]
    want = np.array([by_alpha, by_length], float).T
    assert np.abs(found - want).max() < 10 * tolerance


@pytest.mark.parametrize(
    "base", [RationalQuadratic(1.3, alpha=1e5), RationalQuadratic(1.3, alpha=1e6)], ids=repr
)
def test_kernels_over_rotations_near_the_limit(base):
    group = groups.O(3).along(1, (4, 3))
    k = InvariantKernel(base, group)
    plan = k.plan()
    assert plan.exact and plan.error <= 1e-13
    assert "Gaussians, error" in str(plan)
    X = np.random.default_rng(0).standard_normal((4, 12))
    quadrature = InvariantKernel(base, group, Quadrature(30))(X)
    assert np.allclose(k(X), quadrature, rtol=0.0, atol=1e-9)


def test_matern_of_large_order_over_permutations():
    group = groups.Symmetric(4)
    X = np.random.default_rng(1).standard_normal((5, 4))
    k = InvariantKernel(Matern(1.2, nu=2e4), group)(X)
    orbit = [g.apply(X) for g in group.elements()]
    squares = [((X[:, None] - Y[None]) ** 2).sum(axis=2) / (2 * 1.2**2) for Y in orbit]
    # the Gaussian and its first correction; the next is of order nu^-2
    want = np.mean([np.exp(-z) * (1 + (z**2 - 2 * z) / (2 * 2e4)) for z in squares], axis=0)
    assert np.abs(k - want).max() < 1e-8
