"""The von Mises kernel of angles: alone, over permutations, and over shifts of a torus."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, DotProduct
from symkernel import InvariantKernel, groups
from symkernel.kernels import VonMises

KAPPA = 1.7
FINITE = {
    "trivial": groups.Trivial(4),
    "symmetric": groups.Symmetric(4),
    "cyclic": groups.Cyclic(5),
    "sign flips": groups.SignFlips(3),
    "hyperoctahedral": groups.Hyperoctahedral(3),
    "points": groups.Symmetric(3).along(0, (3, 2)),
}
TORUS = {
    "one angle": groups.Torus(1).along(1, (4, 1)),
    "three angles": groups.Torus(3).along(1, (5, 3)),
    "angles first": groups.Torus(2).along(0, (2, 4)),
    "free": groups.Torus(3),
    "permuted points": groups.Torus(2).along(1, (3, 2)) * groups.Symmetric(3).along(0, (3, 2)),
}


def angles(group, n, seed):
    return np.random.default_rng(seed).uniform(-4, 4, (n, group.degree))


def von_mises(X, Y, kappa=KAPPA):
    return np.exp(kappa * (np.cos(X[:, None] - Y[None]) - 1).sum(axis=2))


def torus_average(group, x, y, kappa=KAPPA):
    """Product over angles of I0, in 30 digits, mean over the permutations of points."""
    (torus,) = [f for f in group.factors() if isinstance(f.group, groups.Torus)]
    others = [f for f in group.factors() if not isinstance(f.group, groups.Torus)]
    rows = [g.indices for g in others[0].group.elements()] if others else [slice(None)]
    n = torus.group.degree
    a, b = (np.moveaxis(z.reshape(torus.shape), torus.axes[0], -1).reshape(-1, n) for z in (x, y))
    with mpmath.workdps(30):
        total = mpmath.mpf(0)
        for row in rows:
            value = mpmath.exp(-mpmath.mpf(kappa) * x.size)
            for j in range(n):
                turns = [
                    mpmath.expj(mpmath.mpf(u) - v) for u, v in zip(a[:, j], b[row, j], strict=True)
                ]
                value *= mpmath.besseli(0, kappa * abs(mpmath.fsum(turns)))
            total += value
        return float(total / len(rows))


@pytest.mark.parametrize("name", FINITE)
def test_finite_groups_agree_with_brute_force(name):
    group = FINITE[name]
    X, Y = angles(group, 5, 0), angles(group, 6, 1)
    want = np.mean([von_mises(X, g.apply(Y)) for g in group.elements()], axis=0)
    k = InvariantKernel(VonMises(KAPPA), group)
    np.testing.assert_allclose(k(X, Y), want, rtol=1e-13)
    got = k(X.astype(np.float32), Y.astype(np.float32))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=2e-5)


@pytest.mark.parametrize("kappa", [0.1, 1.7, 60.0])
@pytest.mark.parametrize("name", TORUS)
def test_torus_agrees_with_thirty_digits(name, kappa):
    group = TORUS[name]
    X, Y = angles(group, 4, 0), angles(group, 3, 1)
    want = np.array([[torus_average(group, x, y, kappa) for y in Y] for x in X])
    k = InvariantKernel(VonMises(kappa), group)
    np.testing.assert_allclose(k(X, Y), want, rtol=1e-12)
    assert "points of circles" in str(k.plan())
    assert k.plan().exact


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name", FINITE | TORUS)
def test_laws(name, normalize):
    group = (FINITE | TORUS)[name]
    X, Y = angles(group, 6, 2), angles(group, 5, 3)
    k = InvariantKernel(VonMises(KAPPA), group, normalize=normalize)
    for g in group.sample(4, random_state=0):
        np.testing.assert_allclose(k(g.apply(X), Y), k(X, Y), rtol=1e-12)
    np.testing.assert_allclose(k(X + 2 * np.pi, Y), k(X, Y), rtol=1e-12)
    np.testing.assert_allclose(k.diag(X), np.diag(k(X)), rtol=1e-13)
    V = np.random.default_rng(0).standard_normal((5, 2))
    np.testing.assert_allclose(k.matvec(X, Y, V), k(X, Y) @ V, rtol=1e-11, atol=1e-13)
    _, gradient = k(X, eval_gradient=True)
    moved = [k.clone_with_theta(k.theta + s * 1e-5)(X) for s in (-1, 1)]
    want = (moved[1] - moved[0]) / 2e-5
    np.testing.assert_allclose(gradient[:, :, 0], want, rtol=1e-6, atol=1e-9)


def test_is_a_scikit_learn_kernel():
    k = VonMises(0.7)
    assert clone(k) == k
    assert k.theta == pytest.approx(np.log(0.7))
    X = angles(FINITE["trivial"], 5, 0)
    np.testing.assert_allclose(k(X), von_mises(X, X, 0.7), rtol=1e-13)
    assert k(X, eval_gradient=True)[1].shape == (5, 5, 1)
    np.testing.assert_allclose(k.diag(X), 1.0, rtol=1e-14)
    assert k.is_stationary()
    with pytest.raises(ValueError, match="kappa must be positive and finite"):
        VonMises(0.0)(X)


@pytest.mark.parametrize(
    ("base", "group", "method", "message"),
    [
        (RBF(), groups.Torus(2), "auto", "does not have the period 2 pi"),
        (DotProduct(), TORUS["three angles"], "auto", "does not have the period 2 pi"),
        (VonMises(), groups.O(3), "auto", r"kernel of angles, which O\(3\)"),
        (VonMises(), groups.PointGroup("I"), "auto", "kernel of angles"),
        (VonMises(), groups.Translations(3), "auto", "shifts of a Torus"),
        (VonMises(), groups.Torus(2), "sum", "method='closed_form' does"),
        (
            VonMises(),
            groups.Torus(2).along(1, (3, 2)) * groups.Cyclic(2).along(1, (3, 2)),
            "auto",
            "has no closed form for the von Mises kernel",
        ),
    ],
)
def test_refusals(base, group, method, message):
    with pytest.raises(ValueError, match=message):
        InvariantKernel(base, group, method).plan()
