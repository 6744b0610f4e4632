"""Spectral estimators: least squares, leave-one-out and Algorithm 1, exactly invariant."""

import functools
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from symkernel import groups
from symkernel.solvers.feature_ridge import factor_columns, factor_rows
from symkernel.spectral import (
    SO3,
    InvariantBasis,
    LatticeTorus,
    Polynomials,
    SpectralClassifier,
    SpectralRegressor,
    Sphere,
    Torus,
    ToSphere,
)
from symkernel.spectral import features as feature_blocks
from threadpoolctl import threadpool_limits

RNG = np.random.default_rng(0)

# Pnma, of its axes of screws and the inversion.
PNMA = groups.SpaceGroup.from_generators(
    [np.diag(signs) for signs in ([-1, -1, -1], [-1, -1, 1], [1, -1, -1])],
    [[0, 0, 0], [0.5, 0, 0.5], [0.5, 0.5, 0.5]],
)


# ---- least squares in blocks --------------------------------------------------------------------


def ridge_by_hand(Z, Y, alpha):
    centred, targets = Z - Z.mean(axis=0), Y - Y.mean(axis=0)
    c = np.linalg.solve(centred.T @ centred + alpha * np.eye(Z.shape[1]), centred.T @ targets)
    return c, Y.mean(axis=0) - Z.mean(axis=0) @ c


def errors_by_hand(Z, Y, alpha):
    errors = np.empty_like(Y)
    for i in range(len(Z)):
        rest = np.arange(len(Z)) != i
        c, intercept = ridge_by_hand(Z[rest], Y[rest], alpha)
        errors[i] = Y[i] - Z[i] @ c - intercept
    return np.square(errors).mean(axis=0)


def split(Z, axis):
    pieces = np.array_split(Z, 4, axis=axis)
    return lambda: iter(pieces)


@pytest.mark.parametrize(
    ("n", "D", "route"),
    [(30, D, "rows") for D in (1, 7, 28, 29)]
    + [(n, D, "columns") for n, D in ((30, 1), (30, 7), (30, 29), (30, 30), (30, 80), (2, 3))],
)
def test_ridge_and_leave_one_out(n, D, route):
    Z, Y = RNG.standard_normal((n, D)) + 2.0, RNG.standard_normal((n, 3)) - 1.0
    if route == "rows":
        [(width, factored)] = factor_rows(split(Z, 0), Y, [D])
        assert width == D
    else:
        factored = factor_columns(split(Z, 1), Y)
    alphas = np.array([1e-2, 1.0, 100.0])
    for alpha in alphas:
        c, intercept = factored.coefficients(alpha)
        expected, expected_intercept = ridge_by_hand(Z, Y, alpha)
        np.testing.assert_allclose(c, expected, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(intercept, expected_intercept, rtol=1e-9, atol=1e-11)
    expected = np.array([errors_by_hand(Z, Y, alpha) for alpha in alphas])
    np.testing.assert_allclose(factored.leave_one_out(alphas), expected, rtol=1e-9)
    each, _ = factored.coefficients(alphas)
    together = [factored.coefficients(a)[0][:, t] for t, a in enumerate(alphas)]
    np.testing.assert_allclose(each.T, together, rtol=1e-13)


def test_leading_features_share_one_decomposition():
    Z, Y = RNG.standard_normal((40, 20)), RNG.standard_normal((40, 1))
    for width, factored in factor_rows(split(Z, 0), Y, [0, 1, 7, 20]):
        c, intercept = factored.coefficients(0.5)
        expected, expected_intercept = ridge_by_hand(Z[:, :width], Y, 0.5)
        np.testing.assert_allclose(c, expected, atol=1e-12)
        np.testing.assert_allclose(intercept, expected_intercept, atol=1e-12)
        expected = errors_by_hand(Z[:, :width], Y, 0.5)
        np.testing.assert_allclose(factored.leave_one_out(np.array([0.5]))[0], expected, rtol=1e-10)


def test_ill_conditioned_features_keep_half_the_digits():
    # the square of the condition number, 1e20, is out of reach
    U = np.linalg.qr(RNG.standard_normal((60, 8)))[0]
    V = np.linalg.qr(RNG.standard_normal((8, 8)))[0]
    Z = U * np.logspace(0, -10, 8) @ V
    c = V.T @ np.ones(8)
    y = (Z @ c)[:, None]
    [(_, factored)] = factor_rows(split(Z, 0), y, [8])
    found, _ = factored.coefficients(0.0)
    np.testing.assert_allclose(found.ravel(), c, atol=1e-4)
    np.testing.assert_allclose(
        factor_columns(split(Z, 1), y).coefficients(0.0)[0], found, atol=1e-4
    )


def test_repeated_features_get_the_smallest_coefficients():
    Z, y = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 1))
    double = np.concatenate([Z, Z], axis=1)
    [(_, factored)] = factor_rows(split(double, 0), y, [6])
    expected, _ = ridge_by_hand(Z, y, 0.0)
    np.testing.assert_allclose(
        factored.coefficients(0.0)[0], np.tile(expected / 2, (2, 1)), atol=1e-12
    )


def test_no_leave_one_out_of_an_interpolant():
    Z, y = RNG.standard_normal((10, 9)), RNG.standard_normal((10, 1))
    [(_, factored)] = factor_rows(split(Z, 0), y, [9])
    assert np.isinf(factored.leave_one_out(np.array([0.0]))).all()
    assert np.isfinite(factored.leave_one_out(np.array([1e-6]))).all()


# ---- the experiment of the paper ----------------------------------------------------------------


def quadratic(X):
    return (X**2) @ np.arange(1, 11) / 10


@functools.cache
def mean_risk(**words):
    risks = []
    for seed in range(10):
        X, T = np.split(Torus(10).random_points(5000, seed), [1000])
        model = SpectralRegressor(Torus(10), groups.SignFlips(10), **words).fit(X, quadratic(X))
        risks.append(np.mean((model.predict(T) - quadratic(T)) ** 2))
        assert len(model.coef_) == 176
    return np.mean(risks)


def test_empirical_coefficients_have_the_risk_of_the_paper():
    assert abs(mean_risk(n_components=176, coef="empirical") - 0.75) < 0.05


@pytest.mark.parametrize("alpha", [0.0, "cv"])
def test_least_squares_in_the_same_functions_are_far_better(alpha):
    assert mean_risk(max_level=3, coef="ridge", alpha=alpha) <= 0.04


def test_leave_one_out_over_levels_is_better_still():
    X, T = np.split(Torus(10).random_points(3000, 1), [1000])
    model = SpectralRegressor(Torus(10), groups.SignFlips(10)).fit(X, quadratic(X))
    assert model.levels_tried_.tolist() == [0, 1, 2, 3, 4, 5]
    assert model.max_level_ == 4
    risk = np.mean((model.predict(T) - quadratic(T)) ** 2)
    assert risk < 0.02
    assert 0.5 < -model.best_score_ / risk < 2.0


def test_theory_counts_invariant_functions():
    X = Torus(10).random_points(1000, 0)
    words = {"coef": "empirical", "n_components": "theory"}
    model = SpectralRegressor(Torus(10), groups.SignFlips(10), smoothness=6, **words)
    model.fit(X, quadratic(X))
    assert model.max_level_ == 1  # 1 + 10 invariant ones of 1000^(1/2.2) = 23.1
    assert len(model.coef_) == 11
    assert model.set_params(smoothness=5.1).fit(X, quadratic(X)).max_level_ == 1
    assert model.set_params(smoothness=8).fit(X, quadratic(X)).max_level_ == 1  # 14.2
    assert model.set_params(smoothness=11).fit(X, quadratic(X)).max_level_ == 0  # 8.7
    # a quadrature rule in place of samples has no variance: the sum is the projection
    angles = np.arange(64) / 32 - 1.0
    y = 1.0 + 3.0 * np.cos(2 * np.pi * angles)
    exact = SpectralRegressor(Torus(1), "sign_flips", n_components=9, coef="empirical")
    exact.fit(angles[:, None], y)
    np.testing.assert_allclose(exact.predict(angles[:, None]), y, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "level"),
    [
        ({"max_level": 3}, 3),
        ({"max_level": 3, "n_components": 176}, 3),
        ({"max_level": 3, "n_components": 175}, 2),
        ({"max_level": 1, "n_components": 175}, 1),
        ({"max_level": 3, "n_components": "theory", "smoothness": 6}, 1),
        ({"max_level": 0, "n_components": "theory", "smoothness": 6}, 0),
        ({"n_components": 1}, 0),
    ],
)
@pytest.mark.parametrize("coef", ["ridge", "empirical"])
def test_bounds_of_levels(words, level, coef):
    X = Torus(10).random_points(1000, 0)
    model = SpectralRegressor(Torus(10), groups.SignFlips(10), coef=coef, alpha=0.1, **words)
    model.fit(X, quadratic(X))
    assert model.max_level_ == level == model.basis_.max_level
    assert len(model.coef_) == [1, 11, 56, 176][level]
    if level == 0 and coef == "ridge":
        np.testing.assert_allclose(model.predict(X[:2]), quadratic(X).mean())


def test_empirical_is_the_projected_plain_mean():
    manifold, group = Sphere(3), groups.PointGroup("O")
    X, T = manifold.random_points(50, 0), manifold.random_points(9, 1)
    y = RNG.standard_normal(50)
    expected = np.zeros(9)
    for level in range(7):
        projector = InvariantBasis(manifold, group, max_level=6).projector(level)
        plain = manifold.eigenfunctions(X, level).T @ y / 50
        expected += manifold.eigenfunctions(T, level) @ projector @ plain
    model = SpectralRegressor(manifold, group, max_level=6, coef="empirical").fit(X, y)
    np.testing.assert_allclose(model.predict(T), expected, atol=1e-12)


# ---- against scikit-learn -----------------------------------------------------------------------


@pytest.mark.parametrize("n", [15, 200])
def test_same_as_ridge_on_the_features(n):
    manifold, group = Torus(3), groups.Cyclic(3)
    X, T = manifold.random_points(n, 0), manifold.random_points(20, 1)
    Y = np.stack([X.sum(axis=1), np.abs(X).max(axis=1)], axis=1)
    basis = InvariantBasis(manifold, group, max_level=5).fit(X)
    assert 15 < basis.dimensions.sum() < 200
    features = basis.transform(X)[:, 1:]
    for alpha in (0.3, np.array([0.1, 2.0])):
        model = SpectralRegressor(manifold, group, max_level=5, alpha=alpha).fit(X, Y)
        plain = Ridge(alpha).fit(features, Y)
        np.testing.assert_allclose(
            model.predict(T), plain.predict(basis.transform(T)[:, 1:]), atol=1e-10
        )
    alphas = [0.01, 0.1, 1.0, 10.0]
    chosen = SpectralRegressor(manifold, group, max_level=5, alphas=alphas).fit(X, Y)
    errors = [
        np.mean((cross_val_predict(Ridge(a), features, Y, cv=LeaveOneOut()) - Y) ** 2)
        for a in alphas
    ]
    np.testing.assert_allclose(chosen.leave_one_out_[0], errors, rtol=1e-8)
    assert chosen.alpha_ == alphas[np.argmin(errors)]
    assert chosen.best_score_ == pytest.approx(-min(errors))


def test_levels_beyond_the_samples_can_be_tried():
    X = Torus(2).random_points(30, 0)
    y = np.cos(3 * np.pi * X[:, 0]) + np.cos(3 * np.pi * X[:, 1])
    model = SpectralRegressor(Torus(2), "symmetric", max_level="cv", n_components=60)
    model.fit(X, y)
    dims = InvariantBasis(Torus(2), groups.Symmetric(2), n_components=60).dimensions
    assert dims.sum() > 30
    assert len(model.leave_one_out_) == np.count_nonzero(dims)
    assert model.max_level_ == 9
    assert -model.best_score_ < 1e-8
    each = model.set_params(alpha=[1e-8, 1e-6]).fit(X, np.stack([y, -2 * y], axis=1))
    assert each.max_level_ == 9
    assert each.leave_one_out_.shape == (np.count_nonzero(dims), 1)


def test_blocks_change_nothing(monkeypatch):
    manifold, group = Sphere(3), groups.PointGroup("T")
    X, y = manifold.random_points(400, 0), RNG.standard_normal(400)

    def fitted(n):
        model = SpectralRegressor(manifold, group, max_level=14).fit(X[:n], y[:n])
        return model.predict(X), model.leave_one_out_

    whole = [fitted(400), fitted(10)]
    monkeypatch.setattr(feature_blocks, "_KEPT_ENTRIES", 0)
    monkeypatch.setattr(feature_blocks, "_BLOCK_ENTRIES", 100)
    for (values, errors), (in_blocks, block_errors) in zip(
        whole, [fitted(400), fitted(10)], strict=True
    ):
        np.testing.assert_allclose(in_blocks, values, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(block_errors, errors, rtol=1e-6)


# ---- invariance ---------------------------------------------------------------------------------

ACTIONS = [
    (Torus(10), groups.SignFlips(10), 2),
    (Torus(4), groups.Hyperoctahedral(4), 6),
    (Torus(3, 2 * np.pi), groups.Torus(1).along(1, (3, 1)), 4),
    (Sphere(3), groups.PointGroup("I"), 12),
    (Sphere(6), groups.SO(3).along(1, (2, 3)), 4),
    (SO3(), groups.PointGroup("T").along(0, (3, 3)), 4),
    (Polynomials(5), groups.Symmetric(5), 4),
    (Polynomials(6), groups.O(2).along(1, (3, 2)), 4),
]


@pytest.mark.parametrize(
    ("manifold", "group", "level", "coef"),
    [(*action, "ridge") for action in ACTIONS] + [(*action, "empirical") for action in ACTIONS[:6]],
    ids=str,
)
def test_predictions_are_invariant(manifold, group, level, coef):
    X, y = manifold.random_points(80, 0), RNG.standard_normal(80)
    model = SpectralRegressor(manifold, group, max_level=level, coef=coef, alpha=1.0).fit(X, y)
    values = model.predict(X)
    assert np.ptp(values) > 1e-3
    rng = np.random.default_rng(1)
    elements = [*group.generators, *group.sample(4, rng)]
    for g in elements:
        moved = model.predict(group.apply(g, X))
        np.testing.assert_allclose(moved, values, rtol=0, atol=1e-12 * np.abs(values).max())


def test_groups_beyond_enumeration():
    # halves of 30 points, each with two random permutations: 15! x 15! elements or a half of it
    rng = np.random.default_rng(5)
    generators = []
    for half in np.array_split(rng.permutation(30), 2):
        for _ in range(2):
            indices = np.arange(30)
            indices[half] = rng.permutation(half)
            generators.append(groups.SignedPermutation(indices))
    group = groups.PermutationGroup(generators)
    assert group.order > 10**18
    cases = [(Polynomials(30), group, 4), (Sphere(20), groups.Symmetric(20), 6)]
    for manifold, large, level in cases:
        X = manifold.random_points(120, 0)
        y = (X**3).sum(axis=1) + X.sum(axis=1)
        model = SpectralRegressor(manifold, large, max_level=level).fit(X[:80], y[:80])
        values = model.predict(X)
        np.testing.assert_allclose(values, y, atol=1e-8 * np.abs(y).max())
        word = large.generators[0]
        for i in rng.integers(len(large.generators), size=20):
            word = large.compose(word, large.generators[i])
            moved = model.predict(large.apply(word, X))
            np.testing.assert_allclose(moved, values, rtol=0, atol=1e-12 * np.abs(values).max())


# ---- classifier ---------------------------------------------------------------------------------


def test_classifier_is_regression_on_signs():
    X = Sphere(3).random_points(300, 0)
    height = (X**4).sum(axis=1)
    words = {"group": groups.PointGroup("O"), "max_level": 6, "alpha": 0.1}
    two = SpectralClassifier(Sphere(3), **words).fit(X, height > 0.6)
    signs = SpectralRegressor(Sphere(3), **words).fit(X, np.where(height > 0.6, 1.0, -1.0))
    np.testing.assert_allclose(two.decision_function(X), signs.predict(X), atol=1e-12)
    assert two.score(X[:, [2, 0, 1]], height > 0.6) > 0.9
    names = np.array(["low", "middle", "high"])[np.digitize(height, [0.45, 0.7])]
    three = SpectralClassifier(Sphere(3), groups.PointGroup("O")).fit(X, names)
    assert three.classes_.tolist() == ["high", "low", "middle"]
    assert three.decision_function(X).shape == (300, 3)
    assert three.score(X, names) > 0.85
    assert three.coef_.shape == (len(three.basis_.transform(X[:1])[0]), 3)


# ---- conventions --------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # the checks fit odd data on purpose
@pytest.mark.parametrize(
    "model",
    [
        SpectralRegressor("polynomials", "symmetric", max_level=2, alpha=0.1),
        SpectralRegressor("torus", "symmetric"),
        SpectralRegressor("torus", "sign_flips", max_level=1, coef="empirical"),
        SpectralRegressor("polynomials", max_level=1, alpha=1e-3),
        SpectralClassifier("polynomials", "cyclic", max_level=2, alpha=0.1),
        SpectralClassifier("polynomials", max_level=1),
    ],
    ids=str,
)
def test_check_estimator(model):
    with threadpool_limits(1):
        results = check_estimator(model, on_skip=None)
    assert len(results) > 40


def test_clone_pickle_pipeline_and_precision():
    X = RNG.standard_normal((60, 4))
    y = np.sort(X, axis=1)[:, -1] / np.linalg.norm(X, axis=1)
    model = SpectralRegressor(Sphere(4), groups.Symmetric(4), max_level=4)
    line = make_pipeline(ToSphere(), model).fit(X, y)
    assert line.score(X, y) > 0.8
    assert clone(model).get_params() == model.get_params()
    again = pickle.loads(pickle.dumps(line))
    np.testing.assert_array_equal(again.predict(X), line.predict(X))
    unit = ToSphere().fit_transform(X)
    single = unit.astype(np.float32)
    values = model.fit(single, y).predict(single)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, model.predict(unit), atol=1e-5)
    named = SpectralRegressor("sphere", "symmetric", max_level=4).fit(unit, y)
    assert named.group_.degree == 4 and named.manifold_ == Sphere(4)


def test_polynomials_of_standardised_data():
    X = RNG.uniform(-1, 1, (300, 5))
    y = np.prod(X, axis=1) + X.sum(axis=1)
    model = make_pipeline(StandardScaler(), SpectralRegressor("polynomials", max_level=1))
    assert model.fit(X, y).score(X, y) == pytest.approx(LinearRegression().fit(X, y).score(X, y))
    degree = SpectralRegressor("polynomials", "symmetric").fit(X, y)
    assert degree.max_level_ == 5
    assert degree.score(X, y) > 1 - 1e-12


X4, Y4 = Torus(4).random_points(20, 0), np.arange(20.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"coef": "mean"}, 'coef must be "empirical" or "ridge", got \'mean\''),
        ({"alpha": "auto"}, 'alpha must be a number or "cv"'),
        ({"alpha": -1.0}, "alpha must be finite and not negative"),
        ({"alpha": [1.0, 2.0]}, "alpha must be one number or one for each of 1 targets, got 2"),
        ({"alphas": []}, "alphas must be finite"),
        ({"max_level": "auto"}, "max_level must be a number"),
        ({"n_components": "theory"}, "needs smoothness"),
        ({"n_components": "theory", "smoothness": 0}, "smoothness must be positive"),
        ({"n_components": 0}, "n_components must be at least 1"),
        ({"coef": "empirical"}, "coef='empirical' needs a number"),
        ({"coef": "empirical", "max_level": "cv"}, "coef='empirical' needs a number"),
        ({"coef": "empirical", "max_level": 1, "manifold": Polynomials(4)}, "not: use coef='ridge"),
        ({"manifold": "klein"}, "unknown manifold 'klein'; known: 'torus', 'sphere'"),
        ({"manifold": Sphere(4)}, "must lie on Sphere"),
        ({"manifold": Torus(3)}, "X must have shape"),
        ({"group": groups.PointGroup("I")}, "group must act on the 4 features"),
        ({"group": "monster"}, "unknown group"),
    ],
)
def test_errors(words, message):
    with pytest.raises(ValueError, match=message):
        SpectralRegressor(**{"manifold": Torus(4), **words}).fit(X4, Y4)


def test_wrong_types():
    with pytest.raises(TypeError, match="manifold must be a Manifold or a name, got int"):
        SpectralRegressor(3).fit(X4, Y4)
    with pytest.raises(ValueError, match="at least two classes"):
        SpectralClassifier(Torus(4)).fit(X4, np.ones(20))
    with pytest.raises(ValueError, match="alpha must be one number for a classifier"):
        SpectralClassifier(Torus(4), alpha=[1.0, 2.0]).fit(X4, Y4 > 3)


@pytest.mark.parametrize(
    ("manifold", "group", "top", "words"),
    [
        (LatticeTorus(np.eye(3)), PNMA, 9, r"level 78\.9568\. Levels are eigenvalues 4 pi\^2"),
        (Torus(3, 1.0), PNMA, 1, r"level 2\. Levels are sums of squared integer f"),
        ("polynomials", groups.SignFlips(3), 1, r"level 2\. Levels are degrees"),
        (Sphere(3), groups.SO(3), 2, "nor in the .. levels beyond"),
    ],
)  # fmt: skip
def test_a_warning_where_nothing_but_a_constant_is_fitted(manifold, group, top, words):
    X = RNG.random((20, 3))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    for model in (SpectralRegressor, SpectralClassifier):
        with pytest.warns(
            UserWarning, match=f"max_level={top} leaves a constant: .*{words}"
        ) as seen:
            fitted = model(manifold, group, max_level=top).fit(X, np.arange(20) % 2)
        assert fitted.coef_.size == 1 and seen[0].filename == __file__
    model(manifold, group, max_level=0).fit(X, np.arange(20) % 2)  # asked for, no warning
