"""Learning curves: repeats, bands, equal-risk gains, resumption."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from symkernel import groups, theory
from symkernel.spectral import Sphere


class PowerLaw(RegressorMixin, BaseEstimator):
    """Predicts zero for targets of one with an error of (n / scale)^(-1/2)."""

    fits = 0

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y):
        type(self).fits += 1
        self.error_ = (len(X) / self.scale) ** -0.5
        return self

    def predict(self, X):
        return np.ones(len(X)) - self.error_


class Exact(PowerLaw):
    """Makes no error."""

    def predict(self, X):
        return np.ones(len(X))


def ones(n, rng):
    return rng.standard_normal((n, 2)), np.ones(n)


def curve(**options):
    sizes = {"slow": [16, 64, 256, 1024], "fast": [4, 8, 16]}
    models = {"slow": PowerLaw(12.0), "fast": PowerLaw(1.0)}
    return theory.LearningCurve(models, ones, sizes, n_repeats=3, n_test=5, **options)


def test_gain_of_power_laws():
    found = curve().run()
    np.testing.assert_allclose(found.mean("fast"), [1 / 4, 1 / 8, 1 / 16])
    for average in ("mean", "median", "geometric"):
        np.testing.assert_allclose(found.gain("slow", "fast", average=average), 12)
    # of the risks of the slow one only that at 64 lies between those of the fast one
    expected = [np.nan, 1 / 12, np.nan, np.nan]
    np.testing.assert_allclose(found.gain("fast", "slow"), expected)


def test_perfect_models_have_no_infinite_logarithms():
    sizes = {"slow": [16, 64, 256, 1024], "fast": [1]}
    models = {"slow": PowerLaw(12.0), "fast": Exact()}
    found = theory.LearningCurve(models, ones, sizes, n_repeats=2, n_test=5).run()
    assert 0 <= found.mean("fast", average="geometric")[0] < 1e-300
    assert np.isnan(found.gain("slow", "fast")).all()


def test_repeats_are_nested_and_bands_contain_the_mean():
    seen = {}

    def draw(n, rng):
        X = rng.standard_normal((n, 3))
        return X, X[:, 0]

    class Spy(KernelRidge):
        def fit(self, X, y):
            seen.setdefault(len(X), []).append(X)
            return super().fit(X, y)

    found = theory.LearningCurve(
        {"ridge": Spy(alpha=0.1, kernel="rbf")}, draw, [5, 20], n_repeats=4, n_test=50
    ).run()
    for small, large in zip(seen[5], seen[20], strict=True):
        np.testing.assert_array_equal(small, large[:5])
    assert not np.array_equal(seen[5][0], seen[5][1])
    assert found.risks("ridge").shape == (4, 2)
    lower, upper = found.band("ridge")
    assert (lower < found.mean("ridge")).all()
    assert (found.mean("ridge") < upper).all()
    narrow = found.band("ridge", 0.5)
    assert (narrow[0] >= lower).all()
    assert (narrow[1] <= upper).all()


def test_a_data_set_is_split():
    X = np.arange(40.0)[:, None]
    rows = []

    class Spy(PowerLaw):
        def fit(self, X, y):
            rows.append(set(X[:, 0]))
            return super().fit(X, y)

        def predict(self, X):
            rows.append(set(X[:, 0]))
            return super().predict(X)

    theory.LearningCurve({"spy": Spy()}, (X, X[:, 0]), [30], n_repeats=2, n_test=10).run()
    for train, test in zip(rows[::2], rows[1::2], strict=True):
        assert (len(train), len(test)) == (30, 10)
        assert not train & test


def test_a_stopped_run_goes_on(tmp_path):
    path = tmp_path / "curve.csv"
    whole = curve().run()

    class Stops(PowerLaw):
        def fit(self, X, y):
            if PowerLaw.fits >= start + 4:
                raise KeyboardInterrupt
            return PowerLaw.fit(self, X, y)

    start = PowerLaw.fits
    Stops.fits = start
    broken = curve(path=path)
    stopping = Stops(1.0)
    broken.models["fast"] = stopping
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    lines = path.read_text().splitlines()
    assert lines[1] == "model,samples,repeat,risk,seconds"
    assert len(lines) == 2 + 4
    with path.open("a") as stream:
        stream.write("fast,8,")  # half a line
    PowerLaw.fits = 0
    resumed = curve(path=path).run()
    assert PowerLaw.fits == 7 * 3 - 4
    for name in ("slow", "fast"):
        np.testing.assert_array_equal(resumed.risks(name), whole.risks(name))
    PowerLaw.fits = 0
    again = curve(path=path).run()
    assert PowerLaw.fits == 0
    np.testing.assert_array_equal(again.risks("slow"), whole.risks("slow"))
    again.save_csv(tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_text() == path.read_text()
    with pytest.raises(ValueError, match="other results"):
        curve(path=path, random_state=1)


def test_pictures_and_tables(tmp_path, capsys):
    found = curve(progress=True).run()
    assert "learning curve" in capsys.readouterr().err
    found.save_png(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"
    axes = found.plot().axes[0]
    assert [line.get_label() for line in axes.get_lines()] == ["slow", "fast"]
    rows = str(found).splitlines()
    assert len(rows) == 1 + 6
    assert "0.0625" in rows[3]


def test_the_standard_models_learn_an_invariant_target():
    group = groups.PointGroup("T")

    def draw(n, rng):
        X = Sphere(3).random_points(n, rng)
        return X, X.prod(axis=1)

    models = theory.standard_models(RBF(0.7), group, alpha=1e-8, manifold=Sphere(3), max_level=4)
    found = theory.LearningCurve(models, draw, [24, 48], n_repeats=3, n_test=200).run()
    risk = {name: found.mean(name)[-1] for name in models}
    assert list(models) == ["plain", "augmented", "invariant", "spectral"]
    assert risk["invariant"] < risk["augmented"] < risk["plain"]
    assert risk["spectral"] < 1e-10  # the target is one of its three functions


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"models": {}}, ValueError, "models"),
        ({"sizes": []}, ValueError, "sizes"),
        ({"sizes": [8, 4]}, ValueError, "increasing"),
        ({"sizes": {"b": [3]}}, ValueError, "'a'"),
        ({"n_repeats": 0}, ValueError, "n_repeats"),
        ({"n_test": 0}, ValueError, "n_test"),
        ({"draw": 3}, TypeError, "callable"),
        ({"draw": (np.ones((12, 2)), np.ones(12)), "draw_test": ones}, ValueError, "draw_test"),
        ({"draw": (np.ones((9, 2)), np.ones(8))}, ValueError, "as many rows"),
        ({"draw": (np.ones((9, 2)), np.ones(9))}, ValueError, "must have 12 samples"),
    ],
)
def test_errors(change, error, words):
    arguments = {"models": {"a": PowerLaw()}, "draw": ones, "sizes": [4], "n_test": 8, **change}
    with pytest.raises(error, match=words):
        theory.LearningCurve(**arguments)


def test_errors_of_results():
    found = curve()
    with pytest.raises(ValueError, match="run"):
        found.mean("slow")
    with pytest.raises(ValueError, match="slow, fast"):
        found.mean("plain")
    found.run()
    with pytest.raises(ValueError, match="average"):
        found.mean("slow", average="best")
    with pytest.raises(ValueError, match="confidence"):
        found.band("slow", 1.0)
