"""What the errors of a model hide: neural networks, refits, and no false "none"."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from symkernel import lie
from symkernel.lie.models import Differentiable
from symkernel.lie.threshold import Generic, by_gap, by_noise, generic_residuals

pytestmark = [
    pytest.mark.filterwarnings("ignore:derivatives of MLPRegressor"),
    pytest.mark.filterwarnings("ignore:derivatives of Pipeline"),
    pytest.mark.filterwarnings("ignore:.*(lbfgs failed|Maximum iterations|Stochastic)"),
]
SO3 = lie.special_orthogonal(3)


def samples(n=300, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def square(X):
    return (X**2).sum(axis=1)


def wave(X):
    return np.cos(np.linalg.norm(X, axis=1))


def bump(X):
    return np.exp(-0.5 * (X**2).sum(axis=1))


def hyperbola(X):
    return np.sqrt(1 + (X**2).sum(axis=1))


def bilinear(X):
    return np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.5 * X[:, 1] ** 2


def cubic(X):
    return X[:, 0] ** 3 - X[:, 0] * X[:, 1] + X[:, 2] ** 2 + np.sin(X[:, 1])


def product(X):
    return X[:, 0] * X[:, 1] * X[:, 2] + X[:, 0]


def separate(X):
    return X[:, 0] + 0.5 * X[:, 1] ** 2 + np.sin(2 * X[:, 2])


def about_an_axis(X):
    return np.sin(X[:, 0]) + X[:, 1] ** 2 + X[:, 2] ** 2


def almost_an_axis(X):
    return X @ [1.0, 2, 3] + 0.3 * X[:, 0] * X[:, 1]


def network(f, seed=0, n=300, size=(30,), **words):
    X = samples(n, seed=seed)
    options = {"solver": "lbfgs", "activation": "tanh", "max_iter": 400} | words
    model = MLPRegressor(hidden_layer_sizes=size, random_state=seed, **options)
    return model.fit(X, f(X)), X


class Fitted(Differentiable):
    """Sums of random waves of a length scale, told to be fitted: draws of a Gaussian process."""

    fitted = True

    def __init__(self, d, length, seed):
        rng = np.random.default_rng(seed)
        self.W = rng.standard_normal((d, 200)) / length
        self.b, self.a = rng.uniform(0, 2 * np.pi, 200), rng.standard_normal(200)

    def values(self, X):
        return (np.cos(X @ self.W + self.b) @ self.a)[:, None]

    def jacobians(self, X):
        return (-(np.sin(X @ self.W + self.b) * self.a) @ self.W.T)[:, None]


class Formula(Differentiable):
    """A function and its gradient, told to be fitted."""

    fitted = True

    def __init__(self, f, df):
        self.f, self.df = f, df

    def values(self, X):
        return self.f(X)[:, None]

    def jacobians(self, X):
        return self.df(X)[:, None]


# ---- neural networks -----------------------------------------------------------------------------


def dimensions(f, seeds, algebra=SO3, **words):
    found = []
    for seed in seeds:
        model, X = network(f, seed, **words)
        found.append(lie.discover(model, X, algebra, n_bootstrap=2).dimension)
    return found


def test_networks_of_radial_functions_have_all_rotations():
    found = dimensions(square, range(10))
    assert found.count(3) >= 9 and set(found) <= {0, 3}


def test_networks_of_generic_functions_have_none():
    targets = [bilinear, separate]
    assert [dimensions(targets[seed % 2], [seed])[0] for seed in range(10)] == [0] * 10


@pytest.mark.full
@pytest.mark.parametrize("f", [square, wave, bump, hyperbola])
def test_larger_networks_of_radial_functions(f):
    found = dimensions(f, range(10), n=500, size=(64, 64), max_iter=2000)
    assert found.count(3) >= 9


@pytest.mark.full
@pytest.mark.parametrize("f", [bilinear, cubic, product, separate])
@pytest.mark.parametrize(
    "words", [{"solver": "adam", "activation": "relu", "size": (64, 64)}, {"n": 500}]
)
def test_larger_networks_of_generic_functions(f, words):
    assert dimensions(f, range(10), **words) == [0] * 10


@pytest.mark.parametrize("seed", range(3))
def test_rotations_about_an_axis_are_one_of_three(seed):
    model, X = network(about_an_axis, seed)
    found = lie.discover(model, X, SO3)
    assert found.dimension == 1 and found.undecided == 0
    expected = lie.Algebra([[[0.0, 0, 0], [0, 0, -1], [0, 1, 0]]])
    assert found.angle(expected) < 0.1


def test_the_method_of_a_fitted_model_is_the_model():
    X = samples(200)
    model = KernelRidge(kernel="rbf", gamma=0.5, alpha=1e-3).fit(X, square(X))
    one, other = lie.discover(model, X, SO3), lie.discover(model.predict, X, SO3)
    np.testing.assert_array_equal(one.singular_values, other.singular_values)
    assert one.reason == other.reason and "noise" in one.reason


def test_a_poor_network_cannot_tell():
    model, X = network(bump, size=(20,))
    found = lie.discover(model, X, SO3)
    assert found.dimension == 0 and found.undecided >= 1
    assert found.name == "cannot tell"
    text = str(found)
    assert text.startswith("0 of 3") and "cannot tell" in text and "undecided" in text
    with pytest.raises(ValueError, match="cannot tell whether"):
        found.group()


# ---- fits beside the model -----------------------------------------------------------------------


def test_targets_tell_near_symmetries_from_symmetries():
    """The residual of 0.1 passes by the gap; fits to samples drawn again differ by a tenth."""
    model, X = network(almost_an_axis)
    y = almost_an_axis(X)
    assert lie.discover(model, X, SO3).dimension == 1
    found = lie.discover(model, X, SO3, y=y, n_bootstrap=4)
    assert found.dimension == 0 and found.name == "no continuous symmetry"
    assert "4 fits to samples drawn again" in found.reason and found.dimensions == {0: 4}


@pytest.mark.parametrize(("f", "expected"), [(square, 3), (about_an_axis, 1), (separate, 0)])
def test_targets_find_what_there_is(f, expected):
    X = samples()
    net = MLPRegressor(
        hidden_layer_sizes=(30,), random_state=0, solver="lbfgs", activation="tanh", max_iter=400
    )
    model = make_pipeline(StandardScaler(), net).fit(X, f(X))
    found = lie.discover(model, X, SO3, y=f(X), n_bootstrap=4)
    assert found.dimension == expected and found.undecided == 0
    assert found.confidence >= 0.5
    again = lie.discover(model, X, SO3, y=f(X), n_bootstrap=4)
    assert again.threshold == found.threshold


def test_networks_with_other_seeds():
    model, X = network(square)
    others = [
        MLPRegressor(
            hidden_layer_sizes=(30,),
            solver="lbfgs",
            activation="tanh",
            max_iter=400,
            random_state=s,
        ).fit(X, square(X))
        for s in (1, 2, 3)
    ]
    found = lie.discover(model, X, SO3, refits=iter(others), n_bootstrap=0)
    assert found.dimension == 3 and "3 other fits" in found.reason
    assert sum(found.dimensions.values()) == 3


def test_refits_of_the_threshold_against_an_oracle():
    """Gradients off by random waves: the threshold is f to 1.5 f, f their largest residual."""
    X = samples(200)

    def shifted(seed):
        off = Fitted(3, 1.0, seed)
        f = lambda X: square(X) + 0.05 * off.values(X)[:, 0]  # noqa: E731
        return Formula(f, lambda X: 2 * X + 0.05 * off.jacobians(X)[:, 0])

    model, others = shifted(0), [shifted(s) for s in range(1, 8)]
    found = lie.discover(model, X, SO3, refits=others)
    assert found.dimension == 3
    # By hand: with L of the model and of differences, in the metric of the sizes.
    to = np.linalg.inv(np.linalg.cholesky(np.cov(X.T, bias=True)))
    fields = SO3.values(X)

    def derivatives(gradients):
        return np.einsum("nd,nqd->nq", gradients, fields)

    slopes = model.jacobians(X)[:, 0]
    steep = np.linalg.norm(slopes @ np.linalg.inv(to), axis=1)
    sizes = (steep[:, None, None] * (fields @ to.T)).transpose(0, 2, 1).reshape(-1, 3)
    root = np.linalg.cholesky(sizes.T @ sizes)
    largest = [
        np.linalg.norm(
            derivatives(other.jacobians(X)[:, 0] - slopes) @ np.linalg.inv(root).T, ord=2
        )
        for other in others
    ]
    floor = np.median(largest)
    assert floor * (1 - 1e-9) <= found.threshold <= 1.5 * floor * (1 + 1e-9)


def test_noise_that_drowns_a_network_cannot_tell():
    X = samples(80)
    y = square(X) + 10 * np.random.default_rng(1).standard_normal(80)
    net = MLPRegressor(
        hidden_layer_sizes=(30,), solver="lbfgs", activation="tanh", max_iter=300, random_state=0
    )
    with pytest.warns(UserWarning, match="too noisy"):
        found = lie.discover(net.fit(X, y), X, SO3, y=y, n_bootstrap=4)
    assert found.dimension == 0 and found.undecided == 3 and found.name == "cannot tell"


def test_a_given_noise_that_is_large_cannot_tell():
    model, X = network(square)
    with pytest.warns(UserWarning, match="too noisy"):
        found = lie.discover(model, X, SO3, noise=0.3)
    assert found.name == "cannot tell" and found.undecided == 3
    assert lie.discover(model, X, SO3, noise=0.06).dimension == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": np.zeros(49)}, ValueError, r"y must have shape \(50,\)"),
        ({"y": np.full(50, np.nan)}, ValueError, "NaN"),
        ({"y": 3.0}, ValueError, "y must have shape"),
        ({"y": np.zeros(50), "n_bootstrap": 1}, ValueError, "n_bootstrap must be at least 2"),
        ({"y": np.zeros(50), "model": (square, lambda X: 2 * X)}, TypeError, "give other fits"),
        ({"y": np.zeros(50), "noise": 0.1}, ValueError, "give one of them"),
        ({"y": np.zeros(50), "refits": []}, ValueError, "give one of them"),
        ({"refits": []}, ValueError, "at least 2 other fits of the model, got 0"),
        ({"refits": [(square, lambda X: 2 * X)]}, ValueError, "at least 2"),
        ({"refits": 3}, TypeError, "sequence of models, got int"),
        ({"refits": "ab"}, TypeError, "sequence of models, got str"),
        ({"refits": [1, 2]}, TypeError, "fitted regressor"),
        ({"refits": [(lambda X: X**2, lambda X: 2 * np.eye(3) * X[:, None])] * 2},
         ValueError, r"refits\[0\] has 3 outputs, and the model 1"),
    ],
)  # fmt: skip
def test_bad_input(change, error, message):
    X = samples(50)
    model = KernelRidge(kernel="rbf", gamma=0.5, alpha=1e-3).fit(X, square(X))
    words = {"model": model, "X": X, "algebra": SO3} | change
    with pytest.raises(error, match=message):
        lie.discover(**words)


# ---- the scale of a generic function -------------------------------------------------------------


@pytest.mark.parametrize(("d", "rows"), [(2, 200), (3, 200), (6, 400), (10, 1000)])
def test_generic_residuals_against_random_gradients(d, rows):
    """Gradients drawn anew at every sample: 1 / sqrt(d) each, the smallest at the edge."""
    algebra = lie.linear(d)
    X = samples(rows, d)
    slopes = np.random.default_rng(1).standard_normal((rows, d))
    model = Formula(lambda X: X[:, 0], lambda X: slopes)
    s = lie.discover(model, X, algebra, n_bootstrap=0, modulo_normal=False).singular_values
    generic = generic_residuals(d, algebra.dim, rows)
    assert np.sqrt((s**2).mean()) == pytest.approx(generic.typical, rel=0.1)
    assert s[0] == pytest.approx(generic.least, rel=0.15)


@pytest.mark.parametrize("algebra", [lie.special_orthogonal, lie.linear, lie.affine])
@pytest.mark.parametrize("d", [2, 3])
def test_random_smooth_functions_rarely_pass(algebra, d):
    fields = algebra(d)
    for n, most in ((300, 0), (5 * fields.dim, 1)):
        passed = [
            lie.discover(
                Fitted(d, 1.0, seed), samples(n, d, 100 + seed), fields, n_bootstrap=0
            ).dimension
            for seed in range(20)
        ]
        assert np.count_nonzero(passed) <= most


def test_many_features_make_small_residuals_and_no_symmetry():
    """Any function of 30 features has residuals near 0.18, half of what three features allow."""
    model, X = Fitted(30, 5.0, 0), samples(400, 30)
    rotations = lie.special_orthogonal(3).along(1, (10, 3))
    found = lie.discover(model, X, rotations)
    assert found.dimension == 0 and found.singular_values[0] < 0.25
    assert found.name == "no continuous symmetry"
    with pytest.warns(UserWarning, match="too noisy"):
        drowned = lie.discover(model, X, rotations, noise=0.12)
    assert drowned.dimension == 0 and drowned.name == "cannot tell"


def test_as_many_samples_as_fields_cannot_tell():
    """A square system has a small singular value by chance."""
    for seed in range(20):
        with pytest.warns(UserWarning, match="samples are few"):
            found = lie.discover(
                Fitted(3, 1.0, seed), samples(3, 3, seed), SO3, n_bootstrap=0, modulo_normal=False
            )
        assert found.dimension == 0
        assert found.name == "cannot tell" or found.singular_values[0] > 0.28


# ---- nasty input ---------------------------------------------------------------------------------


def test_exactly_symmetric_models():
    model = Formula(square, lambda X: 2 * X)
    for n in (10, 300):
        found = lie.discover(model, samples(n), SO3, modulo_normal=False)
        assert found.dimension == 3 and found.name.startswith("so(3)")
    with pytest.warns(UserWarning, match="samples are few"):
        found = lie.discover(model, samples(3), SO3, n_bootstrap=0, modulo_normal=False)
    assert found.dimension == 3


@pytest.mark.parametrize(("length", "height"), [(1e8, 1.0), (1e-8, 1.0), (1.0, 1e12), (1e6, 1e-12)])
def test_units_do_not_matter(length, height):
    off = Fitted(3, 1.0, 0)

    def model(length, height):
        def f(X):
            return height * (square(X / length) + 0.02 * off.values(X / length)[:, 0])

        def df(X):
            return height / length * (2 * X / length + 0.02 * off.jacobians(X / length)[:, 0])

        return Formula(f, df)

    X = samples(200)
    one = lie.discover(model(1.0, 1.0), X, SO3)
    other = lie.discover(model(length, height), length * X, SO3)
    assert one.dimension == other.dimension == 3
    np.testing.assert_allclose(one.singular_values, other.singular_values, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:derivatives of DummyRegressor")
def test_constant_models_say_so():
    X = samples(50)
    model = DummyRegressor().fit(X, np.ones(50))
    for words in ({}, {"y": np.ones(50), "n_bootstrap": 2}, {"refits": [model, model]}):
        with pytest.warns(UserWarning, match="constant"):
            found = lie.discover(model, X, SO3, **words)
        assert found.dimension == 3 and found.undecided == 0


def test_one_sample_and_two():
    model = Formula(square, lambda X: 2 * X)
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        lie.discover(model, samples(1), SO3, y=np.zeros(1))
    with pytest.raises(ValueError, match="too few for 3 vector fields"):
        lie.discover(model, samples(2), SO3, refits=[model, model])


def test_no_candidate_and_one():
    model = Fitted(3, 1.0, 0)
    none = lie.Algebra(np.zeros((0, 3, 4)))
    for words in ({}, {"refits": [Fitted(3, 1.0, 1), Fitted(3, 1.0, 2)]}, {"noise": 0.1}):
        found = lie.discover(model, samples(), none, **words)
        assert found.dimension == 0 and found.undecided == 0
        assert found.name == "no continuous symmetry"
    one = lie.Algebra([[[0.0, -1, 0], [1, 0, 0], [0, 0, 0]]])
    assert lie.discover(model, samples(), one).name == "no continuous symmetry"
    assert lie.discover(Formula(square, lambda X: 2 * X), samples(), one).dimension == 1
    line = Fitted(1, 1.0, 0)
    assert lie.discover(line, samples(d=1), lie.translations(1)).dimension == 0


# ---- thresholds ----------------------------------------------------------------------------------

GENERIC = Generic(0.6, 0.5)


@pytest.mark.parametrize(
    ("values", "count", "undecided"),
    [
        ([0.02, 0.03, 0.05], 3, 0),  # nothing but small ones, far below generic
        ([0.12, 0.13, 0.15], 3, 0),
        ([0.02, 0.03, 0.5], 2, 0),
        ([0.02, 0.3, 0.5], 1, 0),
        ([0.35, 0.4, 0.5], 0, 0),
        ([0.2, 0.22, 0.24], 0, 3),
        ([0.13, 0.14, 0.9], 0, 2),  # a gap, but too near to generic
        ([0.05, 0.1, 0.2, 0.4], 0, 3),  # no gap
        ([0.0, 0.0, 0.0], 3, 0),
        ([], 0, 0),
    ],
)
def test_gaps(values, count, undecided):
    s = np.array(values)
    limit = by_gap(s, GENERIC)
    assert (s <= limit.value).sum() == count
    assert max(0, (s <= limit.unsure).sum() - count) == undecided
    # With no rows to spare chance makes small residuals: only rounding counts.
    square_system = by_gap(s, Generic(0.6, 0.0))
    assert (s <= square_system.value).sum() in (0, (s == 0).sum(), count if count < len(s) else 0)


@pytest.mark.parametrize(
    ("values", "floor", "count", "undecided"),
    [
        ([0.01, 0.02, 0.5], 0.02, 2, 0),
        ([0.09, 0.3, 0.5], 0.02, 0, 0),
        ([0.039, 0.06, 0.07], 0.02, 3, 0),
        ([0.2, 0.3, 0.5], 0.2, 0, 3),  # floor too near to generic
        ([0.2, 0.3, 0.9], 0.2, 0, 2),
        ([0.0, 0.3], 0.0, 1, 0),
    ],
)
def test_noise_beside_the_generic_scale(values, floor, count, undecided):
    s = np.array(values)
    limit = by_noise(floor, "is given", s, GENERIC)
    assert (s <= limit.value).sum() == count
    assert max(0, (s <= limit.unsure).sum() - count) == undecided
    assert bool(limit.warning) == (1.5 * floor > 0.25)
