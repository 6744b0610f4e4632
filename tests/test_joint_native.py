"""Native joint operators over images that are given, with metrics and amplitudes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from covering import covered
from oracles import radial
from symkernel.backends import cpu
from symkernel.backends import joint as native
from symkernel.backends.packed import pack

RNG = np.random.default_rng(16)
# n, m, images, features, directions at x and at y, components: every remainder of a tile, and one.
SHAPES = [
    (1, 1, 1, 1, 1, 1, 1),
    (3, 9, 2, 5, 3, 2, 1),
    (9, 17, 3, 7, 9, 4, 3),
    (2, 5, 5, 3, 21, 25, 9),
    (4, 6, 40, 10, 2, 70, 2),
    (2, 3, 1, 19, 33, 5, 20),
    (2, 9, 1, 4, 17, 3, 70),
]
ISAS = cpu.info()["available_isas"]
EVERY = list(itertools.product(native.RADIAL_KERNELS, SHAPES, ISAS, (1, 2)))


@pytest.fixture(autouse=True)
def instruction_set(request):
    """That of the test's argument, or the best."""
    before = cpu.info()["isa"]
    if "isa" in request.fixturenames:
        cpu.set_isa(request.getfixturevalue("isa"))
    yield
    cpu.set_isa(before)


def problem(kernel, shape, scale=1.0, seed=0):
    """Components and samples, of which the last of y lies on an image of the first of x."""
    n, m, order, p, r, s, count = shape
    rng = np.random.default_rng(seed)
    metrics = rng.uniform(0, 2, size=(count, p))
    metrics[0, 0] = 0.0
    components = native.Components(kernel, metrics, rng.uniform(0.5, 1, size=count), 0.7)
    images, Y = rng.normal(size=(n, order, p)) * scale, rng.normal(size=(m, p)) * scale
    Y[-1] = images[0, 0]
    return components, images, rng.normal(size=(n, order, r, p)), Y, rng.normal(size=(m, s, p))


def formula(components, images, A, Y, B):
    """Covariances of values, slopes, cross slopes and mixed, term by term."""
    (n, order, _), m, r, s = images.shape, len(Y), A.shape[2], B.shape[1]
    values, slopes = np.zeros((n, m)), np.zeros((n, r, m))
    across, mixed = np.zeros((n, m, s)), np.zeros((n, r, m, s))
    for i, j, g in np.ndindex(n, m, order):
        d = images[i, g] - Y[j]
        for W, amplitude in zip(components.metrics, components.amplitudes, strict=True):
            phi = radial(components.kernel, W @ d**2, components.parameter)
            f0, f1, f2 = (amplitude * part for part in phi[:3])
            values[i, j] += f0
            slopes[i, :, j] += 2 * f1 * A[i, g] @ (W * d)
            across[i, j] -= 2 * f1 * B[j] @ (W * d)
            mixed[i, :, j] -= 2 * f1 * (A[i, g] * W) @ B[j].T
            mixed[i, :, j] -= 4 * f2 * np.outer(A[i, g] @ (W * d), B[j] @ (W * d))
    return values, slopes.reshape(n * r, m), across.reshape(n, m * s), mixed.reshape(n * r, m * s)


def blocks(components, images, A, Y, B, **words):
    n, m, r, s = len(images), len(Y), A.shape[2], B.shape[1]
    out = [np.full(shape, np.nan) for shape in ((n, m), (n * r, m), (n, m * s), (n * r, m * s))]
    values, slopes, across, mixed = map(native.Dense, out)
    native.values(components, images, Y, values, **words)
    native.slopes(components, images, A, Y, slopes, **words)
    native.cross_slopes(components, images, Y, B, across, **words)
    native.mixed(components, images, A, Y, B, mixed, **words)
    return out


def close(got, want, tolerance=1e-13):
    np.testing.assert_allclose(got, want, atol=tolerance * max(1.0, np.abs(want).max(initial=0.0)))


def axes(images):
    return np.broadcast_to(np.eye(images.shape[2]), (*images.shape, images.shape[2]))


@covered("kernel, shape, isa, n_jobs", EVERY)
def test_blocks_and_sums(kernel, shape, isa, n_jobs):
    components, images, A, Y, B = problem(kernel, shape)
    want = formula(components, images, A, Y, B)
    for one, other in zip(blocks(components, images, A, Y, B, n_jobs=n_jobs), want, strict=True):
        close(one, other)
    a, b = RNG.normal(size=len(Y)), RNG.normal(size=Y.shape)
    fields = native.Fields(components, Y, a, b)
    values, gradients = fields.apply(images, True, n_jobs)
    total = 0.0
    for g in range(images.shape[1]):  # of every image its own gradient
        one = images[:, g : g + 1]
        K, S, T, M = formula(components, one, axes(one), Y, b[:, None])
        total = total + K @ a + T.sum(axis=1)
        close(gradients[:, g], (S @ a + M.sum(axis=1)).reshape(one[:, 0].shape), 1e-12)
    close(values, total, 1e-12)
    np.testing.assert_array_equal(fields.apply(images, False, n_jobs)[0], values)
    assert fields.apply(images)[1] is None


def sum_of(components, images, a, b, Y, a2, b2):
    values, gradients = native.Fields(components, Y, a2, b2).apply(images, True)
    return a @ values + (b * gradients).sum()


@covered("kernel, shape, isa, n_jobs", EVERY)
def test_contractions_are_derivatives(kernel, shape, isa, n_jobs):
    components, images, _, Y, _ = problem(kernel, shape)
    a, b = RNG.normal(size=len(images)), RNG.normal(size=images.shape)
    fields = Y, RNG.normal(size=len(Y)), RNG.normal(size=Y.shape)
    form = native.contract(components, images, a, b, *fields, n_jobs=n_jobs)[0]
    close(form, sum_of(components, images, a, b, *fields), 1e-12)
    images = images + 0.3  # no coincidence, where Matern 3/2 has a kink
    form, metrics, amplitudes = native.contract(components, images, a, b, *fields, n_jobs=n_jobs)
    scale = max(1.0, np.abs(metrics).max())

    def at(metric, amplitude):
        moved = native.Components(kernel, metric, amplitude, components.parameter)
        return sum_of(moved, images, a, b, *fields)

    W, sizes = components.metrics, components.amplitudes
    for _ in range(3):
        c, q = RNG.integers(len(W)), RNG.integers(W.shape[1])
        step = np.zeros_like(W)
        step[c, q] = h = 2e-3 * W[c, q]
        near, far = at(W + step, sizes) - at(W - step, sizes), at(W + 2 * step, sizes)
        far -= at(W - 2 * step, sizes)
        if h > 0:
            assert abs((8 * near - far) / (12 * h) - metrics[c, q]) < 1e-7 * scale
        one = np.eye(len(W))[c]
        assert abs(at(W, one) - amplitudes[c]) < 1e-12 * max(1.0, np.abs(amplitudes).max())
    close(form, sizes @ amplitudes, 1e-12)


@pytest.mark.parametrize("kernel", native.RADIAL_KERNELS)
def test_third_derivatives(kernel):
    s = np.array([0.01, 0.3, 2.0, 30.0])
    h = 1e-4 * s
    rates = [
        (8 * (u - v) - (x - z)) / (12 * h)
        for u, v, x, z in zip(
            *(radial(kernel, s + k * h, 0.7)[:3] for k in (1, -1, 2, -2)), strict=True
        )
    ]
    for got, want in zip(radial(kernel, s, 0.7)[1:], rates, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-8)


@pytest.mark.parametrize("kernel", native.RADIAL_KERNELS)
@pytest.mark.parametrize("scale", [0.0, 1e-160, 1e-80, 1e-20, 1e20, 1e70])
def test_tiny_and_huge_distances(kernel, scale):
    problems = problem(kernel, (3, 9, 2, 5, 3, 2, 2), scale)
    for one, other in zip(blocks(*problems), formula(*problems), strict=True):
        assert np.isfinite(one).all()
        close(one, other)
    components, images, _, Y, _ = problems
    a, b = np.ones(3), np.ones(images.shape)
    found = native.contract(components, images, a, b, Y, np.ones(9), np.ones(Y.shape))
    assert all(np.isfinite(part).all() for part in found)
    if scale < 1.0:  # what is left is the curvature: F = sum a a' phi - 2 phi' b.W b'
        f0, f1, _, _ = radial(kernel, np.zeros(1), 0.7)
        want = 54 * (f0 - 2 * f1 * components.metrics.sum(axis=1))
        np.testing.assert_allclose(found[2], want, rtol=1e-13)
        rates = np.outer(components.amplitudes, np.full(5, -2 * 54 * f1[0]))
        np.testing.assert_allclose(found[1], rates, rtol=1e-13)


@covered("n, r, first_call, isa", itertools.product((1, 4, 9, 10), (1, 3, 8), (1, 3, 10), ISAS))
def test_lower_triangles_in_packed_form(n, r, first_call, isa):
    """Values and slopes of the same samples, some rows a call."""
    components, _, _, Y, _ = problem("matern52", (n, n, 1, 4, r, r, 2))
    B = RNG.normal(size=(n, r, 4))
    images, A = Y[:, None], B[:, None]
    want = formula(components, images, A, Y, B)
    K = np.block([[want[0], want[2]], [want[1], want[3]]])
    total = len(K)
    packed = np.full(total * (total + 1) // 2, np.nan)
    for i in range(0, n, first_call):
        at, row = slice(i, i + first_call), n + r * i
        own = images[at], A[at]
        native.values(components, own[0], Y, native.Packed(packed, total, i), first=i)
        native.slopes(components, *own, Y, native.Packed(packed, total, row))
        native.mixed(components, *own, Y, B, native.Packed(packed, total, row, n), first=i)
    close(packed, pack(K))
    twice = packed.copy()
    native.mixed(components, images, A, Y, B, native.Packed(twice, total, n, n), first=0, add=True)
    K[n:, n:] *= 2
    close(twice, pack(K))


def test_nothing_to_do():
    components, images, A, Y, B = problem("rbf", (3, 4, 2, 5, 3, 2, 2))
    for some in (slice(0), slice(None)):
        for others in (slice(0), slice(None)):
            sizes = [
                part.size
                for part in blocks(components, images[some], A[some], Y[others], B[others])
            ]
            assert (sizes == [12, 36, 24, 72]) == (some == others == slice(None))
    fields = native.Fields(components, Y[:0], np.zeros(0), Y[:0])
    values, gradients = fields.apply(images, True)
    assert not values.any() and not gradients.any()
    assert gradients.shape == images.shape
    form, metrics, amplitudes = fields.contract(images, np.ones(3), images)
    assert form == 0 and not metrics.any() and not amplitudes.any()
    fields = native.Fields(components, Y, np.ones(4), Y)
    assert fields.apply(images[:0], True)[1].shape == (0, 2, 5)
    assert fields.contract(images[:0], np.ones(0), images[:0])[0] == 0


@pytest.mark.parametrize("n", [1, 2, 70])
def test_threads_do_not_change_the_numbers(n):
    """One sample is shared out over the function, many are not; the parts are the same."""
    components, images, A, Y, B = problem("matern32", (n, 2100, 3, 12, 2, 2, 4))
    fields = native.Fields(components, Y, RNG.normal(size=2100), RNG.normal(size=Y.shape))
    one, three = fields.apply(images, True, 1), fields.apply(images, True, 3)
    np.testing.assert_array_equal(one[0], three[0])
    np.testing.assert_array_equal(one[1], three[1])
    some = native.Fields(components, Y[:20], np.ones(20), Y[:20])
    left, right = (some.contract(images, np.ones(n), images, k) for k in (1, 3))
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)
    left, right = (blocks(components, images, A, Y[:9], B[:9], n_jobs=k) for k in (1, 3))
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)
