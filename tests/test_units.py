"""Samples and length scales in other units: powers of two, by which nothing is rounded."""

from __future__ import annotations

import catalog
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, Matern, RationalQuadratic
from symkernel import (
    ChainKernel,
    InvariantKernel,
    InvariantKernelRidge,
    SoftInvariantKernel,
    groups,
)

BASES = {
    "rbf": RBF,
    "matern": lambda length: Matern(length, nu=2.5),
    "rational_quadratic": lambda length: RationalQuadratic(length, alpha=1.5),
}
# Angles have no units.
GROUPS = {n: G for n, G in catalog.GROUPS.items() if not G._on_angles}
GROUPS |= {
    "SO(3)": groups.SO(3),
    "O(2) on points": groups.O(2).along(1, (3, 2)),
    "E(3) x S3": groups.E(3).along(1, (3, 3)) * groups.Symmetric(3).along(0, (3, 3)),
    "many flips": groups.SignFlips(30),
}
UNITS = [2.0**60, 2.0**-60]


def drawn(group):
    rng = np.random.default_rng(5)
    return rng.normal(size=(4, group.degree)), rng.normal(size=4)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", GROUPS)
def test_gradients_are_those_of_the_units(name, base, unit):
    group = GROUPS[name]
    X, w = drawn(group)
    expected = InvariantKernel(BASES[base](1.0), group).gradient_x(X, None, w)
    found = InvariantKernel(BASES[base](unit), group).gradient_x(unit * X, None, w)
    np.testing.assert_allclose(unit * found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", [SoftInvariantKernel, lambda k, G: ChainKernel(k, [None, G])])
@pytest.mark.parametrize("name", ["cyclic", "symmetric", "Td", "O(2) on points"])
def test_sums_of_averages_are_in_units_too(name, kind, unit):
    group = GROUPS[name]
    X, w = drawn(group)
    expected = kind(RBF(1.0), group).gradient_x(X, None, w)
    found = kind(RBF(unit), group).gradient_x(unit * X, None, w)
    np.testing.assert_allclose(unit * found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("unit", UNITS)
def test_predicted_gradients_are_in_the_units_of_the_samples(unit):
    X = np.random.default_rng(0).normal(size=(12, 3))
    y = X.sum(axis=1) ** 2
    expected = InvariantKernelRidge(0.1, group="symmetric", kernel=RBF(1.0)).fit(X, y)
    model = InvariantKernelRidge(0.1, group="symmetric", kernel=RBF(unit)).fit(unit * X, y)
    found = model.predict(unit * X, return_gradient=True)[1]
    np.testing.assert_allclose(
        unit * found, expected.predict(X, return_gradient=True)[1], rtol=1e-10
    )
