"""Eigenfunctions: orthonormal by quadrature, of the right eigenvalue by addition theorems."""

import itertools

import numpy as np
import pytest
from scipy.special import eval_gegenbauer, roots_jacobi
from symkernel import groups
from symkernel.spectral import SO3, Polynomials, Product, Sphere, Torus
from symkernel.spectral.manifold import Level


def torus_rule(torus, nodes):
    line = (np.arange(nodes) / nodes - 0.5) * torus.period
    return np.array(list(itertools.product(line, repeat=torus.dim))), None


def sphere_rule(d, degree):
    """Points and weights exact to `degree`: circles of every height in turn."""
    count = degree + 1
    angles = 2 * np.pi * np.arange(count) / count
    points, weights = np.stack([np.cos(angles), np.sin(angles)], 1), np.full(count, 1 / count)
    for j in range(3, d + 1):
        heights, own = roots_jacobi(degree // 2 + 1, (j - 3) / 2, (j - 3) / 2)
        radius = np.sqrt(1 - heights**2)
        spread = radius[:, None, None] * points[None]
        tops = np.broadcast_to(heights[:, None, None], (len(heights), len(points), 1))
        points = np.concatenate([spread, tops], axis=2).reshape(-1, j)
        weights = np.outer(own / own.sum(), weights).reshape(-1)
    return points, weights


def rotation_rule(degree):
    angles = 2 * np.pi * np.arange(degree + 1) / (degree + 1)
    heights, own = roots_jacobi(degree // 2 + 1, 0, 0)
    points, weights = [], []
    for a, (h, w), c in itertools.product(angles, zip(heights, own, strict=True), angles):
        s = np.sqrt(1 - h * h)
        turn = np.array([[h, 0, s], [0, 1, 0], [-s, 0, h]])
        points.append((about_z(a) @ turn @ about_z(c)).reshape(-1))
        weights.append(w)
    return np.array(points), np.array(weights) / np.sum(weights)


def about_z(a):
    return np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])


def assert_orthonormal(manifold, top, points, weights):
    values = np.concatenate(
        [manifold.eigenfunctions(points, level.level) for level in manifold.levels(top)], axis=1
    )
    weights = np.full(len(points), 1 / len(points)) if weights is None else weights
    gram = (values * weights[:, None]).T @ values
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)
    assert len(gram) == manifold.count(top)


@pytest.mark.parametrize(("d", "period", "top"), [(1, 2.0, 25), (2, 2 * np.pi, 8), (3, 0.7, 3)])
def test_torus(d, period, top):
    torus = Torus(d, period)
    assert_orthonormal(torus, top, *torus_rule(torus, 2 * int(top**0.5) + 1))


@pytest.mark.parametrize(("d", "top"), [(2, 9), (3, 12), (4, 5), (5, 4), (7, 2)])
def test_sphere(d, top):
    assert_orthonormal(Sphere(d), top, *sphere_rule(d, 2 * top))


@pytest.mark.parametrize(("d", "level"), [(3, 30), (3, 100), (4, 20), (6, 5), (10, 3)])
def test_addition_theorem(d, level):
    sphere = Sphere(d)
    X, Y = sphere.random_points(7, 0), sphere.random_points(5, 1)
    X[0] = np.eye(d)[-1]  # the pole
    X[1] = -np.eye(d)[-1]
    X[2] = np.eye(d)[0]
    half = (d - 2) / 2
    expected = eval_gegenbauer(level, half, np.clip(X @ Y.T, -1, 1)) * (2 * level + d - 2) / (d - 2)
    found = sphere.eigenfunctions(X, level) @ sphere.eigenfunctions(Y, level).T
    np.testing.assert_allclose(found, expected, atol=1e-11 * sphere._level(level).multiplicity)


def test_circle_is_cosines():
    angles = np.linspace(-3, 3, 9)
    values = Sphere(2).eigenfunctions(np.stack([np.cos(angles), np.sin(angles)], 1), 5)
    expected = np.sqrt(2) * np.stack([np.cos(5 * angles), np.sin(5 * angles)], 1)
    np.testing.assert_allclose(values, expected, atol=1e-13)


def test_rotations():
    assert_orthonormal(SO3(), 3, *rotation_rule(6))


@pytest.mark.parametrize("degree", [1, 2, 7, 30])
def test_matrix_elements_multiply(degree):
    manifold, size = SO3(), 2 * degree + 1
    points = manifold.random_points(6, 0)
    special = [np.eye(3), np.diag([1.0, -1, -1]), np.diag([-1.0, -1, 1]), about_z(0.3)]
    points[:4] = np.array(special).reshape(4, 9)

    def elements(rotations):
        values = manifold.eigenfunctions(rotations, degree)
        return values.reshape(-1, size, size) / np.sqrt(size)

    first, second = points, points[::-1]
    product = (first.reshape(-1, 3, 3) @ second.reshape(-1, 3, 3)).reshape(-1, 9)
    np.testing.assert_allclose(
        elements(product), elements(first) @ elements(second), atol=1e-12 * size
    )
    np.testing.assert_allclose(elements(points)[0], np.eye(size), atol=1e-13)


def test_matrix_elements_move_harmonics():
    degree, sphere = 4, Sphere(3)
    rotations, points = SO3().random_points(5, 0), sphere.random_points(8, 1)
    matrices = SO3().eigenfunctions(rotations, degree).reshape(5, 9, 9) / 3
    for rotation, matrix in zip(rotations.reshape(5, 3, 3), matrices, strict=True):
        moved = sphere.eigenfunctions(points @ rotation.T, degree)
        np.testing.assert_allclose(
            moved, sphere.eigenfunctions(points, degree) @ matrix.T, atol=1e-13
        )


def test_product():
    pair = Product(Sphere(3), Torus(1, 2 * np.pi))
    points, weights = sphere_rule(3, 6)
    line = 2 * np.pi * np.arange(7) / 7 - np.pi
    joined = np.concatenate([np.repeat(points, 7, axis=0), np.tile(line, len(points))[:, None]], 1)
    assert_orthonormal(pair, 9, joined, np.repeat(weights, 7) / 7)
    # l (l + 1) + k^2
    assert [level.eigenvalue for level in pair.levels(9)] == [0, 1, 2, 3, 4, 6, 7, 9]


def test_product_of_tori_is_a_torus():
    pair, torus = Product(Torus(1, 2 * np.pi), Torus(2, 2 * np.pi)), Torus(3, 2 * np.pi)
    X, Y = torus.random_points(6, 0), torus.random_points(6, 1)
    for known in torus.levels(6):
        ours = pair.eigenfunctions(X, known.level) @ pair.eigenfunctions(Y, known.level).T
        theirs = torus.eigenfunctions(X, known.level) @ torus.eigenfunctions(Y, known.level).T
        np.testing.assert_allclose(ours, theirs, atol=1e-12 * known.multiplicity)


@pytest.mark.parametrize(("d", "degree"), [(1, 4), (3, 6), (6, 4), (2, 160)])
def test_polynomials_reproduce_powers(d, degree):
    manifold = Polynomials(d)
    rng = np.random.default_rng(0)
    X, Y = rng.uniform(0.1, 1, (6, d)), rng.uniform(0.1, 1, (5, d))
    X[:2, 0] *= -1.0 if degree < 50 else 1.0  # cancellation in high powers is the data's
    found = manifold.eigenfunctions(X, degree) @ manifold.eigenfunctions(Y, degree).T
    np.testing.assert_allclose(found, (X @ Y.T) ** degree, rtol=1e-10, atol=1e-12)


MANIFOLDS = [Torus(2), Sphere(2), Sphere(5), SO3(), Polynomials(4), Product(Sphere(3), Torus(2))]


@pytest.mark.parametrize("manifold", MANIFOLDS, ids=repr)
def test_what_all_manifolds_share(manifold):
    X = manifold.random_points(9, 0)
    assert X.shape == (9, manifold.n_features)
    np.testing.assert_array_equal(manifold.check_points(X), X)
    np.testing.assert_array_equal(manifold.random_points(9, 0), X)
    assert manifold.random_points(0).shape == (0, manifold.n_features)
    levels = manifold.levels(8)
    assert levels[0] == Level(0, 0.0, 1)
    np.testing.assert_allclose(manifold.eigenfunctions(X, 0), 1.0)
    for known in levels:
        assert manifold.eigenfunctions(X, known.level).shape == (9, known.multiplicity)
        assert manifold.eigenfunctions(X[:0], known.level).shape == (0, known.multiplicity)
    assert manifold.count(8) == sum(known.multiplicity for known in levels)
    assert manifold == type(manifold)(*manifold._arguments())
    assert hash(manifold) == hash(type(manifold)(*manifold._arguments()))
    assert manifold != Sphere(9)


@pytest.mark.parametrize("manifold", MANIFOLDS, ids=repr)
def test_wrong_input_is_named(manifold):
    X = manifold.random_points(3, 0)
    with pytest.raises(ValueError, match="max_level must be finite and not negative"):
        manifold.levels(-1)
    with pytest.raises(TypeError, match="max_level must be a number"):
        manifold.count("three")
    with pytest.raises(ValueError, match="level must be one of those"):
        manifold.eigenfunctions(X, 0.5)
    with pytest.raises(ValueError, match=r"X must have shape \(n, "):
        manifold.eigenfunctions(X[:, :-1], 0)
    with pytest.raises(ValueError, match="NaN"):
        manifold.check_points(np.full_like(X, np.nan))
    with pytest.raises(TypeError, match="group must be a Group"):
        manifold.check("symmetric")
    with pytest.raises(ValueError, match="group must act on the"):
        manifold.check(groups.Symmetric(manifold.n_features + 1))


@pytest.mark.parametrize(
    ("manifold", "X", "words"),
    [
        (Sphere(3), [[1.0, 1.0, 0.0]], "unit vectors"),
        (SO3(), [[1.0, 0, 0, 0, 1, 0, 0, 0, -1]], "rotation matrices"),
        (SO3(), [[2.0, 0, 0, 0, 1, 0, 0, 0, 1]], "rotation matrices"),
        (Product(Sphere(2), Torus(1)), [[1.0, 1.0, 0.0]], "unit vectors"),
    ],
)
def test_samples_off_the_manifold_are_refused(manifold, X, words):
    with pytest.raises(ValueError, match=f"X must lie on .*{words}.*; sample 0 is off"):
        manifold.check_points(X)


@pytest.mark.parametrize(
    ("manifold", "group", "words"),
    [
        (Torus(2), groups.PointGroup("C3", degree=2), "does not map the torus"),
        (Torus(2), groups.SO(2), "must not turn coordinates"),
        (Sphere(3), groups.Translations(3), "fix the origin"),
        (Polynomials(3), groups.E(3), "centre the samples"),
        (SO3(), groups.Cyclic(9), "takes samples off"),
        (SO3(), groups.PointGroup("Ci").along(0, (3, 3)), "takes samples off"),
        (Product(Sphere(3), Sphere(3)), groups.Cyclic(6), "takes samples off"),
        (Product(Torus(2), Sphere(2)), groups.SO(2).along(1, (2, 2)), "by isometries"),
    ],
)
def test_groups_that_do_not_act_are_refused(manifold, group, words):
    with pytest.raises(ValueError, match=words):
        manifold.check(group)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Torus(0), ValueError, "n_features must be at least 1"),
        (lambda: Torus(2, 0.0), ValueError, "period must be positive"),
        (lambda: Torus(2, "x"), TypeError, "period must be a number"),
        (lambda: Sphere(1), ValueError, "n_features must be at least 2"),
        (lambda: Product(Sphere(3)), ValueError, "at least two"),
        (lambda: Product(Sphere(3), Polynomials(2)), TypeError, r"factors\[1\]"),
    ],
)
def test_manifolds_that_cannot_be(make, error, words):
    with pytest.raises(error, match=words):
        make()
