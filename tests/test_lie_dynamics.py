"""Symmetries of dynamics and of sets of points."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from symkernel import groups, lie

FOLDER = Path(os.environ.get("SYMKERNEL_DATA", Path(__file__).parents[2] / "shared" / "data"))
ODES = FOLDER / "dynamics" / "odes.npz"
needs_data = pytest.mark.skipif(not ODES.exists(), reason="needs the dynamics data")


def samples(n=300, d=2, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def hopf(X):
    x, y = X.T
    return np.stack([x - y - x * (x**2 + y**2), x + y - y * (x**2 + y**2)], axis=1)


class Central:
    """1, x, v and x / |x|^p: forces towards a centre among others."""

    powers = (1, 2, 3, 4)

    def values(self, X):
        r = np.linalg.norm(X[:, :3], axis=1, keepdims=True)
        return np.hstack([np.ones_like(r), X, *(X[:, :3] / r**p for p in self.powers)])

    def jacobians(self, X):
        x = X[:, :3]
        r = np.linalg.norm(x, axis=1)[:, None, None]
        J = np.zeros((len(X), 7 + 3 * len(self.powers), 6))
        J[:, 1:7] = np.eye(6)
        for i, p in enumerate(self.powers):
            rows = slice(7 + 3 * i, 10 + 3 * i)
            J[:, rows, :3] = np.eye(3) / r**p - p * x[:, :, None] * x[:, None] / r ** (p + 2)
        return J


# ---- the data sets -------------------------------------------------------------------------------


@pytest.mark.data
@needs_data
@pytest.mark.parametrize("algebra", [lie.linear(3), lie.affine(3), lie.polynomial_fields(3, 1)])
def test_the_finite_symmetry_of_lorenz_is_not_taken_for_a_continuous_one(algebra):
    data = np.load(ODES)
    X, dX = data["lorenz_X"], data["lorenz_dX"]
    found = lie.discover_dynamics(X, dX, algebra)
    assert found.dimension == 0 and found.confidence == 1
    assert found.singular_values[0] > 0.05
    noisy = dX + 0.01 * dX.std() * np.random.default_rng(0).standard_normal(dX.shape)
    assert lie.discover_dynamics(X, noisy, algebra).dimension == 0


@pytest.mark.data
@needs_data
def test_hopf_has_so2():
    data = np.load(ODES)
    X, dX = data["hopf_X"], data["hopf_dX"]
    found = lie.discover_dynamics(X, dX, lie.affine(2))
    assert found.dimension == 1 and found.angle(lie.special_orthogonal(2)) <= 1e-7
    assert found.group() == groups.SO(2)
    noisy = dX + 0.01 * dX.std() * np.random.default_rng(0).standard_normal(dX.shape)
    found = lie.discover_dynamics(list(X), list(noisy), lie.affine(2))
    assert found.dimension == 1 and found.angle(lie.special_orthogonal(2)) <= 1e-2
    assert "noise" in found.reason


@pytest.mark.data
@needs_data
def test_kepler_has_the_rotations_of_space():
    data = np.load(ODES)
    X, dX = data["kepler_X"], data["kepler_dX"]
    rotations = lie.special_orthogonal(3).along(1, (2, 3))
    for algebra in (lie.linear(3).along(1, (2, 3)), lie.affine(6)):
        found = lie.discover_dynamics(X, dX, algebra, Central())
        assert found.dimension == 3 and found.angle(rotations) <= 1e-7
        assert found.group() == groups.SO(3).along(1, (2, 3))


# ---- laws ----------------------------------------------------------------------------------------


def test_linear_dynamics_commute_with_themselves():
    A = np.array([[0.0, 1], [-2, -0.1]])
    X = samples()
    found = lie.discover_dynamics(X, X @ A.T, lie.linear(2))
    expected = lie.Algebra([A, np.eye(2)])
    assert found.dimension == 2 and found.angle(expected) < 1e-7


def test_dynamics_that_do_not_depend_on_a_feature_may_be_shifted_along_it():
    X = samples(d=2)
    dX = np.stack([np.ones(len(X)), X[:, 1] ** 2], axis=1)
    found = lie.discover_dynamics(X, dX, lie.translations(2))
    assert found.dimension == 1
    np.testing.assert_allclose(np.abs(found.generators[0, :, 2]), [1, 0], atol=1e-9)


def test_brackets_against_an_oracle_by_flows():
    """Pushing F forward along xi changes it by t times the bracket."""
    X, algebra, t = samples(60), lie.affine(2), 1e-5
    M, N = np.zeros((6, 6)), np.zeros((6, 6))
    L = np.zeros((6, 60, 2))
    for q, (A, b) in enumerate(zip(algebra.linear_parts, algebra.shifts, strict=True)):
        ends = []
        for s in (t, -t):
            D = np.eye(2) + s * A
            ends.append(hopf(X @ D.T + s * b) @ np.linalg.inv(D).T)
        L[q] = (ends[0] - ends[1]) / (2 * t)
    metric = np.linalg.inv(np.cov(X.T, bias=True))
    root = np.linalg.cholesky(metric).T
    M = np.einsum("qia,ab,rib->qr", L, metric, L)
    x, y = X.T
    DF = np.empty((60, 2, 2))
    DF[:, 0] = np.stack([1 - 3 * x**2 - y**2, -1 - 2 * x * y], axis=1)
    DF[:, 1] = np.stack([1 - 2 * x * y, 1 - x**2 - 3 * y**2], axis=1)
    for i in range(60):
        steep = (np.linalg.norm(root @ DF[i] @ np.linalg.inv(root))) ** 2
        fast = np.linalg.norm(root @ hopf(X[i : i + 1])[0]) ** 2
        xi = algebra.values(X[i : i + 1])[0] @ root.T
        bent = (root @ algebra.linear_parts @ np.linalg.inv(root)).reshape(6, -1)
        N += steep * xi @ xi.T + fast * bent @ bent.T
    expected = np.sqrt(np.maximum(np.sort(np.linalg.eigvals(np.linalg.solve(N, M)).real), 0))
    found = lie.discover_dynamics(X, hopf(X), algebra)
    np.testing.assert_allclose(found.singular_values, expected, atol=1e-5)
    assert found.singular_values.max() <= np.sqrt(2)


def test_models_of_dynamics():
    X = samples(400)
    model = KernelRidge(kernel="rbf", gamma=0.2, alpha=1e-6).fit(X, hopf(X))
    found = lie.discover_dynamics(X, hopf(X), lie.affine(2), model=model)
    assert found.dimension == 1 and found.angle(lie.special_orthogonal(2)) < 0.03
    with pytest.warns(UserWarning, match="finite differences"):
        found = lie.discover_dynamics(X, hopf(X), lie.affine(2), model=hopf)
    assert found.dimension == 1
    with pytest.warns(UserWarning) as caught:
        lie.discover_dynamics(X, 2 * hopf(X), lie.affine(2), model=hopf)
    assert any("does not fit" in str(w.message) for w in caught)


def test_poor_dictionaries_say_so():
    X = samples(300)
    dX = np.stack([np.sin(9 * X[:, 0]), np.cos(7 * X[:, 1])], axis=1)
    with pytest.warns(UserWarning) as caught:
        lie.discover_dynamics(X, dX, lie.linear(2), lie.monomials(1))
    assert any("unexplained" in str(w.message) for w in caught)


def test_states_on_a_subspace_say_so():
    X = np.c_[samples(200), np.zeros(200)]
    dX = np.c_[hopf(X[:, :2]), np.zeros(200)]
    with pytest.warns(UserWarning, match="subspace"):
        lie.discover_dynamics(X, dX, lie.special_orthogonal(3))


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"dX": samples(299)}, ValueError, "shape of X"),
        ({"dX": samples(300, 3)}, ValueError, r"dX must have shape \(n, 2\)"),
        ({"X": np.full((300, 2), np.inf)}, ValueError, "X contains infinity"),
        ({"dictionary": lie.monomials(1), "model": hopf}, ValueError, "not both"),
        ({"dictionary": lie.monomials(20)}, ValueError, "at least 462"),
        ({"dictionary": "sine"}, TypeError, "dictionary"),
        ({"algebra": groups.SO(2)}, TypeError, "algebra"),
        ({"X": samples(1), "dX": samples(1)}, ValueError, "at least 2"),
    ],
)
def test_bad_dynamics(words, error, message):
    given = {"X": samples(), "dX": hopf(samples()), "algebra": lie.affine(2)} | words
    with pytest.raises(error, match=message):
        lie.discover_dynamics(**given)


# ---- sets of points ------------------------------------------------------------------------------


def sphere(n=300, d=3):
    X = samples(n, d)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def torus(n=500):
    a, b = np.random.default_rng(0).uniform(0, 2 * np.pi, (2, n))
    r = 2 + 0.7 * np.cos(b)
    return np.stack([r * np.cos(a), r * np.sin(a), 0.7 * np.sin(b)], axis=1)


ABOUT_Z = lie.Algebra([[[0.0, -1, 0], [1, 0, 0], [0, 0, 0]]])


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (sphere(), lie.special_orthogonal(3)),
        (sphere(d=2), lie.special_orthogonal(2)),
        (sphere() + np.array([1.0, 2, 3]), None),
        (torus(), ABOUT_Z),
        (sphere() * [1.0, 1.0, 2.0], None),
        (np.c_[sphere(d=2), samples(300, 1)],
         ABOUT_Z + lie.Algebra(np.eye(3, 4)[None] * [0, 0, 1.0, 0])
         + lie.Algebra([np.eye(4)[3] * np.array([[0], [0], [1.0]])])),
    ],
)  # fmt: skip
def test_level_sets_are_exact(points, expected):
    found = lie.discover_tangent(points, lie.affine(points.shape[1]))
    assert found.singular_values.max() <= 1 + 1e-12
    if expected is None:  # a conjugate of so(3)
        assert found.dimension == 3 and found.closure().compact
    elif found.dimension == expected.dim:
        assert found.angle(expected) <= 1e-7
    else:  # the cylinder: fields along the axis may depend on x and y as well
        assert found.dimension == 5
        inside = np.linalg.svd(
            found.generators.reshape(5, -1) @ expected.generators.reshape(3, -1).T
        )[1]
        np.testing.assert_allclose(inside, 1, atol=1e-7)


def test_planes_keep_their_own_motions():
    plane = np.c_[samples(200), np.zeros(200)]
    found = lie.discover_tangent(plane, lie.special_euclidean(3))
    assert found.name == "se(2), acting on columns 0-1"
    assert lie.discover_tangent(plane, lie.linear(3)).vanishing == 3


def test_given_normals():
    S = sphere()
    found = lie.discover_tangent(S, lie.affine(3), normals=-5 * S)
    assert found.angle(lie.special_orthogonal(3)) <= 1e-7
    curve = np.c_[sphere(d=2), np.zeros(300)]
    normals = np.stack([curve, np.tile([0.0, 0, 1], (300, 1))], axis=1)
    found = lie.discover_tangent(curve, lie.special_orthogonal(3), normals=normals)
    assert found.dimension == 1 and found.angle(ABOUT_Z) < 1e-7


@pytest.mark.parametrize("words", [{"dimension": 2}, {"n_neighbors": 12}])
def test_principal_axes_of_neighbours(words):
    noise = 0.002 * np.random.default_rng(1).standard_normal((800, 3))
    found = lie.discover_tangent(sphere(800) + noise, lie.affine(3), **words)
    assert found.dimension == 3
    assert found.angle(lie.special_orthogonal(3)) < 0.02
    assert "neighbours" in found.reason and found.name.startswith("so(3)")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"points": samples(300, 3)}, "fill all 3 dimensions"),
        ({"points": samples(300, 2)}, "3"),
        ({"normals": np.ones((300, 2))}, "normals must have shape"),
        ({"normals": np.zeros((300, 3))}, "not zero"),
        ({"normals": np.ones((300, 2, 3))}, "independent"),
        ({"normals": np.full((300, 3), np.nan)}, "NaN"),
        ({"n_neighbors": 400}, "more than the 300 points"),
        ({"dimension": 3}, "fill"),
        ({"points": sphere(5), "normals": sphere(5)}, "At least 12"),
    ],
)
def test_bad_sets(words, message):
    given = {"points": sphere(), "algebra": lie.affine(3)} | words
    with pytest.raises(ValueError, match=message):
        lie.discover_tangent(**given)
