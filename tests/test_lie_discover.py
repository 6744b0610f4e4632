"""Symmetries of functions: exact cases, noisy fits, and bad input."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from symkernel import InvariantKernel, InvariantKernelRidge, groups, lie
from symkernel.exceptions import GradientError

ETA = np.diag([-1.0, 1, 1, 1])


def samples(n=200, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def radial(X):
    return np.exp(-0.5 * (X**2).sum(axis=1))


def radial_gradient(X):
    return -X * radial(X)[:, None]


def pair_energy(P):
    gaps = P[:, :, None] - P[:, None]
    return np.exp(-(gaps**2).sum(axis=-1)).sum(axis=(1, 2))


def pair_gradient(P):
    gaps = P[:, :, None] - P[:, None]
    return (-4 * np.exp(-(gaps**2).sum(axis=-1))[..., None] * gaps).sum(axis=2)


def check(found, expected):
    assert found.dimension == expected.dim
    assert found.angle(expected) <= 1e-7
    assert found.confidence == 1.0
    assert ((found.singular_values >= 0) & (found.singular_values <= np.sqrt(2))).all()
    assert (np.diff(found.singular_values) >= 0).all()
    assert found.gap > 1e6
    flat = found.subspace
    np.testing.assert_allclose(flat.T @ flat, np.eye(found.dimension), atol=1e-12)


# ---- exact cases ---------------------------------------------------------------------------------


@pytest.mark.parametrize("algebra", [lie.linear(3), lie.affine(3), lie.special_euclidean(3)])
def test_radial_functions_have_so3(algebra):
    found = lie.discover((radial, radial_gradient), samples(), algebra)
    check(found, lie.special_orthogonal(3))
    assert found.name == "so(3), acting on columns 0-2"
    assert found.group() == groups.SO(3)
    assert found.closure().compact


def test_the_minkowski_form_has_so13():
    f, df = lambda X: np.einsum("ni,ij,nj->n", X, ETA, X), lambda X: 2 * X @ ETA
    found = lie.discover((f, df), samples(d=4), lie.affine(4))
    check(found, lie.lorentz(4))
    assert found.name == "so(1, 3), acting on columns 0-3"
    facts = found.closure()
    assert facts.semisimple and not facts.compact and facts.signature == (3, 3, 0)
    with pytest.raises(ValueError, match="keep distances"):
        found.group()


def test_homogeneous_functions_have_scalings():
    X = 3 + np.random.default_rng(0).uniform(-1, 1, (200, 3))
    f = lambda X: np.sin(X[:, 0] * X[:, 1] / X[:, 2] ** 2)  # noqa: E731

    def df(X):
        x, y, z = X.T
        inner = np.stack([y / z**2, x / z**2, -2 * x * y / z**3], axis=1)
        return np.cos(x * y / z**2)[:, None] * inner

    found = lie.discover((f, df), X, lie.scalings(3))
    # a x + b y = 2 c z: a + b = 2 c.
    expected = np.zeros((2, 3, 4))
    expected[:, [0, 1, 2], [0, 1, 2]] = [[1.0, -1.0, 0.0], [1.0, 1.0, 1.0]]
    check(found, lie.Algebra(expected))
    assert found.closure().abelian


def test_functions_of_a_plane_wave_have_translations():
    a = np.array([1.0, 2, -1])
    f, df = lambda X: np.sin(X @ a), lambda X: np.cos(X @ a)[:, None] * a
    found = lie.discover((f, df), samples(), lie.translations(3))
    expected = np.zeros((2, 3, 4))
    expected[:, :, -1] = np.linalg.svd(a[None])[2][1:]
    check(found, lie.Algebra(expected))
    everything = lie.discover((f, df), samples(), lie.affine(3))
    assert everything.dimension == 8
    assert "does not depend" in everything.name


def test_pair_potentials_have_se2():
    P = samples(400, 8).reshape(400, 4, 2)
    expected = lie.special_euclidean(2).along(1, (4, 2))
    found = lie.discover((pair_energy, pair_gradient), P, lie.affine(2).along(1, (4, 2)))
    check(found, expected)
    assert found.group() == groups.SE(2).along(1, (4, 2))
    assert "se(2)" in found.name and "(4, 2)" in found.name
    # Rotations about any centre are found among all linear maps of the eight features.
    rotations = lie.discover(
        (
            lambda P: pair_energy(P) + ((P**2).sum(axis=2) ** 2).sum(axis=1),
            lambda P: pair_gradient(P) + 4 * (P**2).sum(axis=2, keepdims=True) * P,
        ),
        P,
        lie.affine(8),
    )
    check(rotations, lie.special_orthogonal(2).along(1, (4, 2)))
    assert rotations.group() == groups.SO(2).along(1, (4, 2))


def test_vectors_that_turn_with_the_samples():
    f = lambda X: X * (X**2).sum(axis=1)[:, None]  # noqa: E731

    def df(X):
        return 2 * X[:, :, None] * X[:, None] + (X**2).sum(axis=1)[:, None, None] * np.eye(3)

    algebra = lie.affine(3)
    found = lie.discover((f, df), samples(), algebra, output=algebra.linear_parts)
    check(found, lie.special_orthogonal(3))
    assert lie.discover((f, df), samples(), algebra).dimension == 0


def test_nonlinear_fields():
    """f = y - x^2 is constant along the parabolas that d/dx + 2 x d/dy draws."""
    f, df = lambda X: X[:, 1] - X[:, 0] ** 2, lambda X: np.c_[-2 * X[:, 0], np.ones(len(X))]
    fields = lie.polynomial_fields(2, 1)
    found = lie.discover((f, df), samples(d=2), fields)
    assert found.dimension == 1
    np.testing.assert_allclose(
        np.abs(found.generators[0] / found.generators[0, 0, 0]).round(9), [[1, 0, 0], [0, 2, 0]]
    )
    assert lie.discover((f, df), samples(d=2), lie.polynomial_fields(2, 2)).dimension == 3
    assert found.closure().closes
    with pytest.raises(ValueError, match="nonlinear"):
        found.group()


def test_the_residual_knows_no_units_and_no_basis():
    rng = np.random.default_rng(3)
    X, A = samples(d=3), rng.standard_normal((3, 3)) * [[1.0], [1e3], [1e-3]]
    b = rng.standard_normal(3)
    f, df = (lambda X: np.sin(X[:, 0]) + X[:, 1] * X[:, 2]), None
    df = lambda X: np.stack([np.cos(X[:, 0]), X[:, 2], X[:, 1]], axis=1)  # noqa: E731
    one = lie.discover((f, df), X, lie.affine(3)).singular_values
    B = np.linalg.inv(A)
    back = lambda Y: (Y - b) @ B.T  # noqa: E731
    moved = (lambda Y: 1e6 * f(back(Y)), lambda Y: 1e6 * df(back(Y)) @ B)
    other = lie.discover(moved, X @ A.T + b, lie.affine(3)).singular_values
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-10)
    turned = lie.affine(3).combine(np.linalg.qr(rng.standard_normal((12, 12)))[0])
    np.testing.assert_allclose(lie.discover((f, df), X, turned).singular_values, one, atol=1e-12)


def test_residuals_against_a_plain_oracle():
    X = samples(60, 2)
    algebra = lie.affine(2)
    values = algebra.values(X)
    J = np.stack([2 * X[:, 0], 0.5 * np.cos(X[:, 1])], axis=1)
    f = lambda X: X[:, 0] ** 2 + 0.5 * np.sin(X[:, 1])  # noqa: E731
    df = lambda X: np.stack([2 * X[:, 0], 0.5 * np.cos(X[:, 1])], axis=1)  # noqa: E731
    metric = np.linalg.inv(np.cov(X.T, bias=True))
    M, N = np.zeros((6, 6)), np.zeros((6, 6))
    for i in range(60):
        L = values[i] @ J[i]
        M += np.outer(L, L)
        N += (J[i] @ np.linalg.inv(metric) @ J[i]) * values[i] @ metric @ values[i].T
    expected = np.sqrt(np.maximum(np.sort(np.linalg.eigvals(np.linalg.solve(N, M)).real), 0))
    found = lie.discover((f, df), X, algebra)
    np.testing.assert_allclose(found.singular_values, expected, atol=1e-7)


# ---- models fitted to noise ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        KernelRidge(kernel="rbf", gamma=0.5, alpha=1e-3),
        KernelRidge(kernel=RBF(1.0), alpha=1e-2),
        InvariantKernelRidge(kernel="rbf", gamma=0.5, alpha=1e-3),
        make_pipeline(StandardScaler(), KernelRidge(kernel="rbf", gamma=0.5, alpha=1e-3)),
        GaussianProcessRegressor(RBF(1.0) + WhiteKernel(1e-3), normalize_y=True, optimizer=None),
    ],
    ids=lambda m: type(m).__name__,
)
@pytest.mark.parametrize("seed", [0, 1])
def test_so2_from_one_percent_of_noise(model, seed):
    X = samples(500, 2, seed)
    y = radial(X)
    y = y + 0.01 * y.std() * np.random.default_rng(seed + 10).standard_normal(500)
    found = lie.discover(model.fit(X, y), X, lie.affine(2))
    assert found.dimension == 1
    assert found.angle(lie.special_orthogonal(2)) <= 1e-2
    assert found.group() == groups.SO(2)
    assert found.confidence >= 0.9
    assert "noise" in found.reason and found.singular_values[0] > 1e-4
    assert not found.warnings


def test_no_symmetry_where_there_is_none():
    X = samples(500, 2)
    y = X[:, 0] ** 3 - X[:, 0] * X[:, 1] + X[:, 1] ** 2 + np.sin(X[:, 1])
    y = y + 0.01 * y.std() * np.random.default_rng(1).standard_normal(500)
    found = lie.discover(
        KernelRidge(kernel="rbf", gamma=0.5, alpha=1e-3).fit(X, y), X, lie.affine(2)
    )
    assert found.dimension == 0 and np.isnan(found.gap)
    assert found.name == "no continuous symmetry"
    with pytest.raises(ValueError, match="no continuous symmetry"):
        found.group()
    assert "no residual below" in str(found)


def test_models_that_do_not_tell_their_noise_are_judged_by_the_gap():
    X = samples(500, 2)
    model = SVR(C=100.0, epsilon=1e-3, gamma=0.5).fit(X, radial(X))
    found = lie.discover(model, X, lie.affine(2))
    assert found.dimension == 1 and "gap" in found.reason
    assert found.angle(lie.special_orthogonal(2)) < 0.02
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 2))
    model = SVR(C=100.0, epsilon=1e-3, gamma=0.5).fit(X, X[:, 0] ** 2 + np.sin(X[:, 1]))
    found = lie.discover(model, X, lie.affine(2))
    assert found.dimension == 0 and "no gap" in found.reason


def test_noise_that_drowns_the_gradient_claims_nothing():
    X = samples(60, 2)
    y = radial(X) + np.random.default_rng(0).standard_normal(60)
    model = KernelRidge(kernel="rbf", gamma=2.0, alpha=1e-2).fit(X, y)
    with pytest.warns(UserWarning, match="too noisy"):
        found = lie.discover(model, X, lie.affine(2), noise=1.0)
    assert found.dimension == 0
    assert "too noisy" in str(found)


def test_a_threshold_and_a_noise_of_ones_own():
    f = (lambda X: X[:, 0] ** 2 + 1.1 * X[:, 1] ** 2, lambda X: 2 * X * [1.0, 1.1])
    X, so2 = samples(d=2), lie.special_orthogonal(2)
    assert lie.discover(f, X, so2).dimension == 0
    given = lie.discover(f, X, so2, threshold=0.2)
    assert given.dimension == 1 and given.reason == "given"
    assert lie.discover(f, X, so2, noise=0.05).dimension == 1


def test_an_invariant_kernel_gives_an_invariant_model():
    X = samples(80, 6).reshape(80, 2, 3)
    kernel = InvariantKernel(RBF(2.0), groups.SO(3).along(1, (2, 3)))
    y = (X**2).sum(axis=(1, 2)) + X[:, 0, 0] ** 2
    model = InvariantKernelRidge(kernel=kernel, alpha=1e-6).fit(X, y)
    found = lie.discover(model, X, lie.linear(3).along(1, (2, 3)), threshold=1e-6)
    assert found.dimension == 3
    assert found.angle(lie.special_orthogonal(3).along(1, (2, 3))) < 1e-7


# ---- samples that tell little --------------------------------------------------------------------


def test_a_plane_in_space_shows_one_rotation_and_not_six_fields():
    X = np.c_[samples(200, 2), np.zeros(200)]
    pair = (lambda X: (X**2).sum(axis=1), lambda X: 2 * X)
    with pytest.warns(UserWarning, match="flat subspace of dimension 2"):
        found = lie.discover(pair, X, lie.linear(3))
    assert found.dimension == 1 and found.vanishing == 5
    expected = lie.Algebra([[[0.0, -1, 0], [1, 0, 0], [0, 0, 0]]])
    assert found.angle(expected) < 1e-7
    assert found.name == "so(2), acting on columns 0-1"
    assert found.group() == groups.SO(2).on([0, 1], 3)


def test_a_sphere_is_noticed():
    S = samples(300)
    S /= np.linalg.norm(S, axis=1, keepdims=True)
    height = (lambda X: X[:, 2], lambda X: np.tile([0.0, 0, 1], (len(X), 1)))
    with pytest.warns(UserWarning, match="level set of polynomials of degree 2"):
        found = lie.discover(height, S, lie.linear(3))
    assert found.dimension == 1
    assert found.angle(lie.Algebra([[[0.0, -1, 0], [1, 0, 0], [0, 0, 0]]])) < 1e-7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ambient = lie.discover(height, S, lie.linear(3), modulo_normal=False)
    assert ambient.dimension == 6  # all that leave the third coordinate alone


def test_constants_have_every_symmetry_and_say_so():
    zero = (lambda X: np.full(len(X), 3.0), np.zeros_like)
    with pytest.warns(UserWarning, match="constant"):
        found = lie.discover(zero, samples(), lie.affine(3))
    assert found.dimension == 12 and any("constant" in text for text in found.warnings)
    S = samples(300)
    S /= np.linalg.norm(S, axis=1, keepdims=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lie.discover((lambda X: (X**2).sum(axis=1), lambda X: 2 * X), S, lie.linear(3))
    texts = [str(warning.message) for warning in caught]
    assert any("level set" in text for text in texts)
    assert any("constant on the samples" in text for text in texts)
    assert {warning.filename for warning in caught} == {__file__}


def test_too_few_samples_say_how_many_are_needed():
    pair = (radial, radial_gradient)
    with pytest.raises(ValueError, match="At least 12 samples are needed, better 24"):
        lie.discover(pair, samples(11), lie.affine(3))
    with pytest.warns(UserWarning, match="24 or more"):
        found = lie.discover(pair, samples(20), lie.affine(3))
    assert found.dimension == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X": samples(50, 2)}, ValueError, r"shape \(n, 3\), got shape \(50, 2\)"),
        ({"X": np.full((50, 3), np.nan)}, ValueError, "NaN"),
        ({"X": samples(1)}, ValueError, "at least 2"),
        ({"X": np.zeros(5)}, ValueError, "shape"),
        ({"algebra": groups.SO(3)}, TypeError, "algebra"),
        ({"output": np.zeros((3, 1, 1))}, ValueError, "output"),
        ({"output": np.zeros((12, 2, 2))}, ValueError, "1 outputs"),
        ({"threshold": 2.0}, ValueError, "sqrt 2"),
        ({"threshold": "most"}, ValueError, "auto"),
        ({"threshold": None}, TypeError, "threshold"),
        ({"noise": -1.0}, ValueError, "noise"),
        ({"noise": "small"}, TypeError, "noise"),
        ({"n_bootstrap": -1}, ValueError, "n_bootstrap"),
        ({"model": (radial, lambda X: np.where(X > 2, np.nan, radial_gradient(X)))},
         GradientError, "not finite at"),
        ({"model": lambda X: np.log(X[:, 0])}, ValueError, "NaN or infinity"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_input(change, error, message):
    words = {
        "model": (radial, radial_gradient),
        "X": samples(50),
        "algebra": lie.affine(3),
    } | change
    with pytest.raises(error, match=message):
        lie.discover(**words)


def test_no_repetitions_no_confidence():
    found = lie.discover((radial, radial_gradient), samples(), lie.affine(3), n_bootstrap=0)
    assert np.isnan(found.confidence) and not found.dimensions
    assert "repetitions" not in str(found)


def test_printing_and_pictures():
    pytest.importorskip("matplotlib")
    found = lie.discover((radial, radial_gradient), samples(), lie.affine(3))
    text = str(found)
    assert "so(3)" in text and "x0 ∂1 - x1 ∂0" in text and "semisimple, compact" in text
    figure = found.plot()
    assert len(figure.axes[0].lines) == 3
