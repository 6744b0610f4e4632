"""Polynomial kernels averaged over rotations: moments against quadrature of exact degree."""

from __future__ import annotations

import warnings
from math import prod

import mpmath
import numpy as np
import oracles
import pytest
from oracles import cloud
from sklearn.gaussian_process.kernels import RBF, DotProduct
from symkernel import InvariantKernel, groups
from symkernel.kernels import Polynomial
from symkernel.plans.rotation_rules import rotation_rule

SHAPES = {"SO(2)": (5, 2), "O(2)": (5, 2), "SO(3)": (4, 3), "O(3)": (4, 3)}
DEGREES = range(1, 11)


def head(name):
    return {"SO": groups.SO, "O": groups.O}[name.split("(")[0]](int(name[-2]))


def on_cloud(name):
    return head(name).along(1, SHAPES[name])


def samples(p, r):
    """Clouds of full rank and their mirror images; zero, a point, a line, a plane, a frame."""
    rng = np.random.default_rng(0)
    line, frame, plane = np.zeros((3, p, r))
    line[:, 0] = np.arange(p) - 1.0
    frame[:r] = np.eye(r)[: min(p, r)]
    plane[:, :2] = cloud(p, 2, 0.9)
    shapes = [cloud(p, r, a) for a in (1.3, 0.7, 0.45, 2.1)]
    shapes += [s * np.array([1.0] * (r - 1) + [-1.0]) for s in shapes[:2]]
    shapes += [np.zeros((p, r)), np.tile(rng.standard_normal(r), (p, 1)), line, frame, -frame]
    shapes += [plane, 1e-5 * shapes[0], 4.0 * shapes[1]]
    return np.stack([s.ravel() for s in shapes])


def inner_products(X, Y, name, degree, rows=None):
    """x . g y for all nodes of a rule of exact degree, and permutations of points; weights."""
    p, n = SHAPES[name]
    rule = rotation_rule(n, degree, reflections=name.startswith("O"))
    x, y = X.reshape(-1, p, n).astype(np.float64), Y.reshape(-1, p, n).astype(np.float64)
    rows = [np.arange(p)] if rows is None else rows
    z = [np.einsum("ipa,jpb,rab->ijr", x, y[:, s], rule.matrices) for s in rows]
    return np.concatenate(z, axis=2), np.tile(rule.weights, len(rows)) / len(rows)


def error_in_range(got, want, size):
    """Error relative to magnitudes, where single precision has the range for their powers."""
    seen = size >= (1e-30 if got.dtype == np.float32 else 0) * size.max()
    return oracles.relative_error(got[seen], want[seen], size[seen])


def polynomial(z, degree, gamma, coef0):
    """The kernel, and its derivatives for log coef0 and log gamma."""
    value = (gamma * z + coef0) ** degree
    slope = degree * (gamma * z + coef0) ** (degree - 1)
    return value, slope * coef0, slope * gamma * z


@pytest.mark.parametrize("coef0", [0.0, 0.8])
@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("name", SHAPES)
def test_values_and_gradients_agree_with_quadrature(name, degree, coef0):
    X = samples(*SHAPES[name])
    base = Polynomial(
        degree, gamma=0.4, coef0=coef0, coef0_bounds="fixed" if coef0 == 0 else (1, 2)
    )
    k = InvariantKernel(base, on_cloud(name), method="closed_form")
    for dtype, allowed in ((np.float64, 1e-12), (np.float32, 5e-6)):
        X, Y = X.astype(dtype), X[::-1][:9].astype(dtype)
        z, w = inner_products(X, Y, name, degree)
        size = polynomial(np.abs(z), degree, 0.4, coef0)
        want = polynomial(z, degree, 0.4, coef0)
        got = k(X, Y)
        assert got.dtype == dtype
        assert error_in_range(got, want[0] @ w, size[0] @ w) < allowed
        z, w = inner_products(X, X, name, degree)
        K, gradient = k(X, eval_gradient=True)
        np.testing.assert_array_equal(K, K.T)
        planes = [K, gradient[:, :, 0]] if coef0 == 0 else [K, *np.moveaxis(gradient, 2, 0)]
        want, size = (polynomial(t, degree, 0.4, coef0) for t in (z, np.abs(z)))
        if coef0 == 0:
            want, size = (want[0], want[2]), (size[0], size[2])
        for got, value, magnitude in zip(planes, want, size, strict=True):
            assert error_in_range(got, value @ w, magnitude @ w) < allowed


@pytest.mark.parametrize("degree", [*DEGREES, 40])
@pytest.mark.parametrize("d", range(2, 7))
@pytest.mark.parametrize("family", [groups.SO, groups.O])
def test_one_vector_agrees_with_its_moments(family, d, degree):
    X, Y = 1.5 * cloud(4, d, 1.3), cloud(3, d, 0.7)
    want = np.empty((4, 3))
    with mpmath.workdps(30):
        for i, x in enumerate(X):
            for j, y in enumerate(Y):
                q = mpmath.fsum(mpmath.mpf(v) ** 2 for v in x) * mpmath.fsum(
                    mpmath.mpf(v) ** 2 for v in y
                )
                moments = [
                    q**h * mpmath.rf(0.5, h) / mpmath.rf(mpmath.mpf(d) / 2, h)
                    for h in range(degree // 2 + 1)
                ]
                want[i, j] = mpmath.fsum(
                    mpmath.binomial(degree, 2 * h)
                    * mpmath.mpf(0.4) ** (2 * h)
                    * mpmath.mpf(0.8) ** (degree - 2 * h)
                    * m
                    for h, m in enumerate(moments)
                )
    k = InvariantKernel(Polynomial(degree, gamma=0.4, coef0=0.8), family(d), method="closed_form")
    assert oracles.relative_error(k(X, Y), want) < 1e-12  # terms are positive
    assert oracles.relative_error(k(X.astype(np.float32), Y.astype(np.float32)), want) < 1e-5


@pytest.mark.parametrize("degree", [2, 3, 6])
@pytest.mark.parametrize("name", SHAPES)
def test_permutations_are_summed_over_and_translations_centred(name, degree):
    p, n = shape = SHAPES[name]
    swaps = groups.PermutationGroup([[1, 0, *range(2, p)], [0, 1, *range(2, p - 2), p - 1, p - 2]])
    group = on_cloud(name) * swaps.along(0, shape) * groups.Translations(n).along(1, shape)
    k = InvariantKernel(Polynomial(degree, gamma=0.4, coef0=0.8), group)
    rows = [np.asarray(g.indices) for g in swaps.elements()]
    for dtype, offset, allowed in ((np.float32, 30.0, 5e-6), (np.float64, 0.0, 1e-12)):
        X, Y = ((Z + offset).astype(dtype) for Z in (samples(p, n)[:6], samples(p, n)[6:]))
        centred = [
            (Z - Z.mean(axis=1, keepdims=True)).reshape(len(Z), -1)
            for Z in (Z.astype(np.float64).reshape(-1, p, n) for Z in (X, Y))
        ]
        z, w = inner_products(*centred, name, degree, rows)
        want, size = (polynomial(t, degree, 0.4, 0.8)[0] @ w for t in (z, np.abs(z)))
        assert oracles.relative_error(k(X, Y), want, size) < allowed
    for g in group.sample(3, random_state=0):
        assert oracles.relative_error(k(g.apply(X), Y), want, size) < 1e-11
    assert k.plan().steps[0].startswith("centre along axis 1")
    assert k.plan().steps[1:] == (
        "sum over 4 permutations of points",
        f"moments of {name} to degree {degree}",
    )


@pytest.mark.parametrize("name", SHAPES)
def test_dot_product_keeps_its_constant_only(name):
    X = samples(*SHAPES[name])
    k = InvariantKernel(DotProduct(1.3), on_cloud(name))
    K, gradient = k(X, eval_gradient=True)
    np.testing.assert_allclose(K, 1.69, rtol=1e-14)
    np.testing.assert_allclose(gradient[:, :, 0], 3.38, rtol=1e-14)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_laws_of_a_kernel(name, normalize):
    X = samples(*SHAPES[name])[:6]
    Y = samples(*SHAPES[name])[8:]
    k = InvariantKernel(Polynomial(4, gamma=0.4, coef0=0.8), on_cloud(name), normalize=normalize)
    V = np.random.default_rng(0).standard_normal((len(Y), 2))
    np.testing.assert_allclose(k.diag(X), np.diag(k(X)), rtol=1e-13)
    np.testing.assert_allclose(k.matvec(X, Y, V), k(X, Y) @ V, rtol=1e-11, atol=1e-12)
    assert np.linalg.eigvalsh(k(X))[0] > -1e-12 * np.linalg.eigvalsh(k(X))[-1]
    _, gradient = k(X, eval_gradient=True)
    for i in range(2):
        step = 1e-5 * np.eye(2)[i]
        moved = [k.clone_with_theta(k.theta + s * step)(X) for s in (-1, 1)]
        want = (moved[1] - moved[0]) / 2e-5
        np.testing.assert_allclose(gradient[:, :, i], want, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("isa", ["avx512", "avx2", "baseline"])
@pytest.mark.parametrize("count", [(0, 3), (1, 1), (13, 31), (50, 7)])
def test_instruction_sets_threads_and_remainders(isa, count):
    from symkernel.backends import cpu

    if isa not in cpu.info()["available_isas"]:
        pytest.skip(f"this machine cannot run {isa}")
    rng = np.random.default_rng(0)
    X, Y = (rng.standard_normal((n, 12)) for n in count)
    k = InvariantKernel(Polynomial(5, gamma=0.4, coef0=0.8), on_cloud("SO(3)"))
    z, w = inner_products(X, Y, "SO(3)", 5)
    want, size = (polynomial(t, 5, 0.4, 0.8)[0] @ w for t in (z, np.abs(z)))
    before = cpu.info()["isa"]
    cpu.set_isa(isa)
    try:
        for n_jobs in (1, 2):
            assert oracles.relative_error(k.gram(X, Y, n_jobs=n_jobs), want, size) < 1e-13
            for dtype in (np.float32, np.float64):
                single = k.gram(X.astype(dtype), Y.astype(dtype), n_jobs=n_jobs)
                assert oracles.relative_error(single, want, size) < 5e-6
            K = k.gram(X, n_jobs=n_jobs)
            assert oracles.relative_error(K, k.gram(X, X.copy()), np.abs(K).max(initial=1)) < 1e-13
    finally:
        cpu.set_isa(before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-18, 1e-6, 1e6, 1e18])
@pytest.mark.parametrize("name", SHAPES)
def test_units_of_the_data_do_not_matter(name, scale, dtype):
    X = samples(*SHAPES[name])[:6].astype(dtype)
    k = InvariantKernel(Polynomial(7, gamma=0.4, coef0=0.8), on_cloud(name))
    scaled = InvariantKernel(Polynomial(7, gamma=0.4 / scale**2, coef0=0.8), on_cloud(name))
    np.testing.assert_allclose(
        scaled((X * scale).astype(dtype)), k(X), rtol=1e-12 if dtype is np.float64 else 2e-5
    )


def test_overflow_is_refused():
    X = 1e6 * samples(4, 3)
    k = InvariantKernel(Polynomial(7), on_cloud("SO(3)"))
    assert np.isfinite(k(X)).all()
    with pytest.raises(ValueError, match=r"degree=7 is too large .* beyond float32"):
        k(X.astype(np.float32))
    with pytest.raises(ValueError, match=r"degree=7 is too large .* beyond float64"):
        k(1e60 * X)


def test_high_degree():
    X = samples(4, 3)[:4]
    X /= np.linalg.norm(X, axis=1)[:, None]
    k = InvariantKernel(Polynomial(60, gamma=0.9, coef0=0.1), on_cloud("SO(3)"))
    z, w = inner_products(X, X, "SO(3)", 60)
    want, size = (polynomial(t, 60, 0.9, 0.1)[0] @ w for t in (z, np.abs(z)))
    assert oracles.relative_error(k(X), want, size) < 1e-11  # 1e-12 in each of z^60 and z


@pytest.mark.parametrize(("degree", "told"), [(2, False), (3, True)])
def test_the_third_moment_tells_mirror_images(degree, told):
    X = cloud(4, 3, 1.3)
    pair = np.stack([X.ravel(), (X * [1, 1, -1]).ravel()])
    rotations = InvariantKernel(Polynomial(degree), on_cloud("SO(3)"))(pair)
    assert (abs(rotations[0, 1] / rotations[0, 0] - 1) > 1e-3) == told
    orthogonal = InvariantKernel(Polynomial(degree), on_cloud("O(3)"))(pair)
    assert orthogonal[0, 1] == pytest.approx(orthogonal[0, 0], rel=1e-13)


@pytest.mark.parametrize("name", SHAPES)
def test_auto_takes_the_closed_form_without_warning(name):
    k = InvariantKernel(Polynomial(3), on_cloud(name))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan = k.plan()
    assert plan.method == "closed_form"
    assert plan.exact
    assert plan.cost.maps == 0
    assert plan.cost.total < 40 * prod(SHAPES[name])


@pytest.mark.parametrize(
    ("base", "group", "message"),
    [
        (Polynomial(201), groups.SO(3), "up to degree 200, not for degree=201"),
        (Polynomial(201), groups.SignFlips(4), "up to degree 200, not for degree=201"),
        (Polynomial(9), groups.SO(4).along(1, (30, 4)), "monomials .* are listed"),
    ],
)
def test_what_does_not_apply_is_refused_with_the_reason(base, group, message):
    with pytest.raises(ValueError, match=message):
        InvariantKernel(base, group, method="closed_form").plan()
    with pytest.raises(ValueError, match="not a polynomial"):
        from symkernel.plans.base import BaseSpec
        from symkernel.plans.moments import Moments

        Moments(BaseSpec("rbf", (1.0,)), groups.SO(3))
    assert InvariantKernel(RBF(), groups.SO(3)).plan().method == "closed_form"
