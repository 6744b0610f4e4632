"""Mean rotations under kernels between clouds, natively: vectors that turn with their samples."""

from __future__ import annotations

import numpy as np
import pytest
from covering import covered
from scipy.special import i0e, i1e
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel.backends import cpu
from symkernel.backends.joint_rotations import RotationAverage
from symkernel.groups import SO, O, Symmetric
from symkernel.kernels import EquivariantKernel

ISAS = cpu.info()["available_isas"]
POINTS = 4
NODES, WEIGHTS = np.polynomial.legendre.leggauss(240)
ANGLES = 2 * np.pi * np.arange(240) / 240


@pytest.fixture(autouse=True)
def instruction_set(request):
    """That of the test's argument, or the best."""
    before = cpu.info()["isa"]
    if "isa" in request.fixturenames:
        cpu.set_isa(request.getfixturevalue("isa"))
    yield
    cpu.set_isa(before)


def rotations_of_space(x, y, t):
    """E exp(-t |x - R y|^2) R over rotations, by singular values and an integral of Bessel's.

    With c = 1/2 int I0((s1 - s2)(1 - u) / 2) I0((s1 + s2)(1 + u) / 2) exp(s3 u) du it is
    exp(-t |x - R* y|^2) exp(-s1 - s2 - s3) U diag(grad c) V^T, R* = U V^T the best alignment.
    """
    U, s, Vt = np.linalg.svd(2 * t * (x.T @ y))
    signs = np.array([1.0, 1.0, np.linalg.det(U) * np.linalg.det(Vt)])
    U = U * np.array([1.0, 1.0, np.linalg.det(U)])
    V = Vt.T * np.array([1.0, 1.0, np.linalg.det(Vt)])
    s = s * np.round(signs)
    # 1 - u = width (1 - cos theta): where exp(-(s2 + s3)(1 - u)) matters, and both ends resolved
    width = min(1.0, 20.0 / max(s[1] + s[2], 1e-300))
    theta = np.pi * (1 + NODES) / 2
    gap = 2 * width * np.sin(theta / 2) ** 2
    scale = WEIGHTS * (np.pi / 2) * np.sin(theta) * (width / 2) * np.exp(-(s[1] + s[2]) * gap)
    a, b = (s[0] - s[1]) * gap / 2, (s[0] + s[1]) * (1 - gap / 2)
    one, other = i1e(a) * i0e(b) * gap / 2, i0e(a) * i1e(b) * (1 - gap / 2)
    third = i0e(a) * i0e(b) * (1 - gap)
    slopes = [scale @ (one + other), scale @ (other - one), scale @ third]
    residual = ((x @ U - y @ V) ** 2).sum()
    return np.exp(-t * residual) * (U * slopes) @ V.T


def rotations_of_plane(x, y, t):
    """The same in the plane, by equally spaced angles about the best."""
    M = x.T @ y
    best = np.arctan2(M[1, 0] - M[0, 1], M[0, 0] + M[1, 1])
    c, s = np.cos(best + ANGLES), np.sin(best + ANGLES)
    R = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)
    k = np.exp(-t * ((x - np.einsum("gab,pb->gpa", R, y)) ** 2).sum((1, 2)))
    return np.einsum("g,gab->ab", k, R) / len(R)


def mean(average, x, y):
    """The mean over rotations, row permutations and Gaussians, of improper maps as well."""
    alone = rotations_of_space if average.dimension == 3 else rotations_of_plane
    mirror = -np.eye(3) if average.dimension == 3 else np.diag([1.0, -1.0])
    total = np.zeros((average.dimension, average.dimension))
    for t, w in zip(average.rates, average.weights, strict=True):
        for row in average.rows:
            total += w * alone(x, y[row], t)
            if average.reflections:
                total += w * alone(x, y[row] @ mirror, t) @ mirror
    return total / (len(average.rows) * (2 if average.reflections else 1))


def oracle(average, X, Y):
    r = average.dimension
    blocks = [[mean(average, x.reshape(-1, r), y.reshape(-1, r)) for y in Y] for x in X]
    return np.array(blocks).reshape(len(X), len(Y), r, r).transpose(0, 2, 1, 3)


def average_of(dimension=3, reflections=False, rates=(0.5,), weights=(1.0,), rows=None):
    rows = np.arange(POINTS)[None] if rows is None else rows
    return RotationAverage(
        np.ascontiguousarray(rows, np.int32),
        dimension,
        reflections,
        np.array(rates, float),
        np.array(weights, float),
    )


def nasty(dimension=3):
    """Clouds that are regular, flat, on a line, at one place, zero, mirrored, almost the same."""
    rng = np.random.default_rng(5)
    some = rng.standard_normal((3, POINTS, 3))
    regular = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]]) / np.sqrt(3)
    line = rng.standard_normal((POINTS, 1)) * rng.standard_normal(3)
    axis = np.zeros((POINTS, 3))
    axis[0, 0] = 1.0
    clouds = [
        *some,
        regular,
        -regular,
        regular * [1, 1, 1.0001],
        line,
        -line,
        axis,
        some[0] * [1, 1, 0],
        np.zeros((POINTS, 3)),
        np.tile(some[0, 0], (POINTS, 1)),
        some[0] * [1, 1, -1],
        some[0] + 1e-9 * some[1],
        some[1] * 1e-3,
    ]
    return np.stack(clouds)[:, :, :dimension].reshape(len(clouds), -1)


SCALES = [0.0, 1e-150, 1e-8, 1e-3, 0.3, 1.0, 2.0, 4.0, 8.0, 14.0, 40.0, 1e3]


@covered("scale, reflections, isa", [(s, f, i) for s in SCALES for f in (0, 1) for i in ISAS])
def test_degenerate_clouds_of_any_size(scale, reflections, isa):
    average, X = average_of(reflections=bool(reflections)), scale * nasty()
    found = average.turns(X, X)
    np.testing.assert_allclose(found, oracle(average, X, X), rtol=0, atol=2e-12)
    half = average.turns(X, None)
    np.testing.assert_allclose(half, found, rtol=0, atol=2e-12)
    matrix = half.reshape(3 * len(X), -1)
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -2e-12


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("reflections", [False, True])
@pytest.mark.parametrize("dimension", [2, 3])
def test_sums_of_gaussians_and_permutations(dimension, reflections, isa):
    rows = [[0, 1, 2, 3], [1, 0, 2, 3]]
    average = average_of(dimension, reflections, (3.0, 0.02, 0.7), (0.2, 0.5, 0.3), rows)
    X = nasty(dimension)
    np.testing.assert_allclose(average.turns(X, X), oracle(average, X, X), rtol=0, atol=2e-12)


@pytest.mark.parametrize("isa", ISAS)
def test_sharp_terms_beside_broad_ones(isa):
    average = average_of(rates=(1e-3, 1.0, 1e3, 1e6), weights=(0.4, 0.3, 0.2, 0.1))
    X = 3.0 * nasty()
    np.testing.assert_allclose(average.turns(X, X), oracle(average, X, X), rtol=0, atol=2e-12)


@covered(
    "sizes, isa, n_jobs",
    [
        (sizes, isa, n_jobs)
        for sizes in [(0, 3), (3, 0), (0, 0), (1, 1), (2, 9), (9, 17), (33, 40), (17, 5)]
        for isa in ISAS
        for n_jobs in (1, 3)
    ],
)
def test_any_number_of_samples_on_any_number_of_threads(sizes, isa, n_jobs):
    n, m = sizes
    average, rng = average_of(), np.random.default_rng(n)
    X, Y = rng.standard_normal((n, 12)), rng.standard_normal((m, 12))
    found = average.turns(X, Y, n_jobs)
    assert found.shape == (n, 3, m, 3)
    np.testing.assert_array_equal(found, average.turns(X, Y, 1))
    np.testing.assert_allclose(found, oracle(average, X, Y), rtol=0, atol=1e-12)
    half = average.turns(X, None, n_jobs)
    np.testing.assert_array_equal(half, average.turns(X, None, 1))
    np.testing.assert_allclose(half, average.turns(X, X), rtol=0, atol=1e-13)
    i, j = np.triu_indices(n, 1)
    np.testing.assert_array_equal(half[j, :, i], half[i, :, j].transpose(0, 2, 1))


@covered(
    "base, reflections, output, isa",
    [
        (base, f, output, isa)
        for base in (RBF(1.5), Matern(2.0, nu=0.5), Matern(1.0, nu=2.5))
        for f in (0, 1)
        for output in ("vector", "pseudovector")
        for isa in ISAS
    ],
)
def test_blocks_turn_with_their_samples(base, reflections, output, isa):
    rotations = (O if reflections else SO)(3).along(1, (POINTS, 3))
    group = Symmetric(POINTS).along(0, (POINTS, 3)) * rotations
    X = nasty()
    kernel = EquivariantKernel(base, group, output)
    K = kernel.gram(X)
    assert np.linalg.eigvalsh(K).min() > -5e-12
    np.testing.assert_allclose(K, kernel.gram(X, X.copy()), rtol=0, atol=5e-12)
    for g in group.sample(3, random_state=1):
        (rho,) = kernel.output.matrices(group, [g])
        moved = kernel.gram(g.apply(X), X).reshape(len(X), 3, -1)
        np.testing.assert_allclose(moved, rho @ K.reshape(len(X), 3, -1), rtol=0, atol=1e-11)


def test_permutations_are_checked():
    with pytest.raises(ValueError, match="permutation of the points"):
        average_of(rows=[[0, 0, 1, 2]]).turns(np.ones((1, 12)), None)
