"""What kernels state of themselves, against what their values do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalog import KERNELS
from numpy.testing import assert_allclose
from symkernel import InvariantKernel, groups
from symkernel.backends.traits import kernel_names, native_traits
from symkernel.exceptions import NotApplicableError
from symkernel.kernels.translate import spec_of
from symkernel.plans.base import BaseSpec
from symkernel.plans.mixtures import mixture_of

ALONE = groups.Trivial(3)
SPECS = {name: spec_of(kernel, ALONE) for name, kernel in KERNELS.items()}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 3))
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]


def of(name):
    return InvariantKernel(KERNELS[name], ALONE)


def along(name, r):
    """Values at pairs along the first axis, at distances r."""
    x = np.zeros((1, 3)) if SPECS[name].traits.family != "angle" else np.eye(3)[:1]
    step = np.eye(3)[1]
    return of(name)(x, x + np.asarray(r)[:, None] * step)[0]


def test_the_catalog_has_every_native_kernel():
    assert {spec.name for spec in SPECS.values() if spec.traits.native} == set(kernel_names())
    with pytest.raises(ValueError, match="unknown base kernel"):
        native_traits("matern11", ())
    with pytest.raises(ValueError, match="number of kernel parameters"):
        native_traits("rbf", ())


@pytest.mark.parametrize("name", KERNELS)
def test_the_family_is_what_leaves_the_kernel_alone(name):
    family = SPECS[name].traits.family
    k, K = of(name), of(name)(X)
    changes = {
        "shift": np.allclose(k(X + 0.7), K),
        "turn": np.allclose(k(X @ TURN), K),
        "period": np.allclose(k(X + 2 * np.pi * RNG.integers(-2, 3, size=X.shape)), K),
        "swap": np.allclose(k(2.0 * X, 0.5 * X), k(X, X)),
    }
    assert (
        changes
        == {
            "distance": {"shift": True, "turn": True, "period": False, "swap": False},
            "manhattan": {"shift": True, "turn": False, "period": False, "swap": False},
            "product": {"shift": False, "turn": True, "period": False, "swap": True},
            "angle": {"shift": False, "turn": True, "period": False, "swap": True},
            "circle": {"shift": True, "turn": False, "period": True, "swap": False},
        }[family]
    )
    assert SPECS[name].traits.unit_rows == (family == "angle")
    assert SPECS[name].traits.manhattan == (family == "manhattan")


@pytest.mark.parametrize("name", KERNELS)
def test_a_kink_is_an_unbounded_slope_in_the_square(name):
    r = np.array([0.0, 1e-5, 1e-3])
    if SPECS[name].traits.family == "product":
        assert not SPECS[name].traits.kink
        return
    values = along(name, r)
    if SPECS[name].traits.family == "angle":  # a kernel of norms as well
        values = values / (1 + r**2) ** (int(name[-1]) / 2)
    near, far = (values[0] - values[1:]) / r[1:] ** 2
    assert (near > 1.5 * far) == SPECS[name].traits.kink


@pytest.mark.parametrize("name", [n for n, s in SPECS.items() if s.traits.mixture])
def test_mixtures_are_completely_monotone(name):
    t = np.linspace(0.2, 6.0, 9)
    r = t if SPECS[name].traits.family == "manhattan" else np.sqrt(t)
    values = along(name, r)
    for order in range(5):
        assert ((-1) ** order * np.diff(values, order) > 0).all()


@pytest.mark.parametrize("name", KERNELS)
def test_gradients_are_as_many_as_stated_and_the_last_is_the_length_scale(name):
    spec = SPECS[name]
    _, gradient = of(name).plan().gradient(X)
    assert gradient.shape[2] == spec.traits.gradients
    if spec.traits.family == "distance":
        assert spec.length_scale == KERNELS[name].length_scale
        grid = np.exp(1e-5 * np.array([-1, 1]))
        low, high = (InvariantKernel(KERNELS[name], ALONE)(X / s) for s in grid)
        assert_allclose(gradient[:, :, -1], (high - low) / 2e-5, atol=1e-9)


@pytest.mark.parametrize("name", KERNELS)
def test_length_scales_per_feature_come_after_the_other_hyperparameters(name):
    spec = SPECS[name]
    if not spec.traits.per_feature:
        return
    lengths = np.array([0.9, 1.4, 2.0])
    others = spec.parameters[:-1]

    def plan(scale):
        base = BaseSpec(spec.name, (*others, 1.0), scale=scale)
        return InvariantKernel(KERNELS[name], ALONE).plan().__class__(base, ALONE)

    K, gradient = plan(lengths).gradient(X)
    diagonal, slopes = plan(lengths).diag_gradient(X)
    assert gradient.shape[2] == slopes.shape[1] == len(others) + 3
    assert_allclose(np.diag(K), diagonal)
    assert_allclose(np.einsum("iik->ik", gradient), slopes, atol=1e-13)
    for k, step in enumerate(1e-5 * np.eye(3)):
        low, high = (plan(lengths * np.exp(sign * step)).gram(X) for sign in (-1, 1))
        assert_allclose(gradient[:, :, len(others) + k], (high - low) / 2e-5, atol=1e-9)


def test_polynomials_are_what_they_say():
    inner = X @ X.T
    for name, spec in SPECS.items():
        polynomial = spec.traits.polynomial
        assert (polynomial is not None) == (spec.traits.family == "product")
        if polynomial is not None:
            degree, constant, factor = polynomial
            assert_allclose(of(name)(X), (factor * inner + constant) ** degree)


def test_kernels_without_a_native_map():
    assert BaseSpec("matern", (1.0, 0.9)).traits.kink
    assert not BaseSpec("matern", (1.0, 1.1)).traits.kink
    assert BaseSpec("matern", (1.3, 1.1)).length_scale == 1.3
    assert not BaseSpec("von_mises", (1.0,)).traits.native
    with pytest.raises(NotApplicableError, match="is not a mixture of RBF kernels"):
        mixture_of(BaseSpec("arccosine1", ()))
    assert math.isclose(mixture_of(BaseSpec("rbf", (2.0,))).rates[0], 0.125)
