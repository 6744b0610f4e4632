"""Canonicalizer among scikit-learn's tools, and at its own door."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import check_estimator
from symkernel import Canonicalizer, groups
from symkernel.estimators import canonicalizer
from threadpoolctl import threadpool_limits

RNG = np.random.default_rng(2)
X = RNG.normal(size=(80, 5))
Y = np.sort(X, axis=1) @ np.arange(5.0)


@pytest.mark.filterwarnings("ignore")  # the checks fit odd data on purpose
@pytest.mark.parametrize("group", ["trivial", "symmetric", "cyclic", "sign_flips", "O"])
def test_check_estimator(group):
    with threadpool_limits(1):
        results = check_estimator(Canonicalizer(group), on_skip=None)
    assert len(results) > 40


def test_learners_behind_it_are_invariant():
    model = make_pipeline(Canonicalizer("symmetric"), HistGradientBoostingRegressor(max_iter=10))
    model.fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), model.predict(X[:, ::-1]))
    search = GridSearchCV(
        make_pipeline(Canonicalizer("cyclic"), DecisionTreeRegressor(random_state=0)),
        {"canonicalizer__group": ["trivial", "cyclic", "symmetric"]},
    ).fit(X, Y)
    assert search.best_params_ == {"canonicalizer__group": "symmetric"}


@pytest.mark.parametrize(
    "group",
    [
        groups.Dihedral(5),
        groups.PermutationGroup([[1, 0, 2, 3, 4]]),
        groups.MatrixGroup([-np.eye(5)]),
        groups.Symmetric(5) * groups.MatrixGroup([-np.eye(5)]),
        groups.PermutationGroup([[1, 2, 3, 4, 0]]) * groups.O(1).along(0, (1, 5)),
        groups.O(5),
    ],
    ids=str,
)
def test_clone_and_pickle(group):
    fitted = Canonicalizer(group, n_jobs=1).fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copied.transform(X)


def test_names_and_data_frames():
    frame = pd.DataFrame(X, columns=list("abcde"))
    fitted = Canonicalizer("cyclic").set_output(transform="pandas").fit(frame)
    assert fitted.feature_names_in_.tolist() == list("abcde")
    out = fitted.transform(frame)
    assert out.columns.tolist() == [f"canonicalizer{i}" for i in range(5)]
    assert out.columns.tolist() == fitted.get_feature_names_out().tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(frame.rename(columns={"a": "z"}))


def test_attributes_and_forms():
    fitted = Canonicalizer("symmetric").fit(X)
    assert fitted.group_ == groups.Symmetric(5) and fitted.n_features_in_ == 5
    assert fitted.exact_ and fitted.steps_
    forms = fitted.canonicalize([[3, 1, 3, 1, 3]])  # integers
    assert forms.representative.tolist() == [[1.0, 1.0, 3.0, 3.0, 3.0]]
    assert forms.stabilizer_order.tolist() == [12] and len(forms) == 1
    np.testing.assert_array_equal(
        forms.transporter[0].apply([3.0, 1.0, 3.0, 1.0, 3.0]), forms.representative[0]
    )


def test_samples_as_arrays():
    group = groups.Symmetric(4).along(0, (4, 3))
    Z = RNG.normal(size=(6, 4, 3))
    fitted = Canonicalizer(group).fit(Z)
    np.testing.assert_array_equal(fitted.transform(Z), fitted.transform(Z.reshape(6, 12)))
    assert fitted.canonicalize(Z).representative.shape == (6, 12)
    with pytest.raises(ValueError, match=r"samples of shape \(3, 4\).*acts on samples of shape"):
        fitted.transform(Z.swapaxes(1, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int, np.uint8, bool])
def test_dtypes(dtype):
    Z = RNG.integers(0, 2, (7, 5)).astype(dtype)
    out = Canonicalizer("cyclic").fit(Z).transform(Z)
    assert out.dtype == (np.float32 if dtype is np.float32 else np.float64)
    np.testing.assert_array_equal(out, Canonicalizer("cyclic").fit(Z).transform(np.roll(Z, 2, 1)))


def test_signed_zeros_are_one_number():
    out = Canonicalizer("sign_flips").fit_transform([[0.0, -0.0, -1.0], [-0.0, 0.0, 1.0]])
    assert not np.signbit(out).any() or not np.signbit(out[out == 0]).any()
    assert out[0].tobytes() == out[1].tobytes()


def test_chunks_and_progress(monkeypatch, capsys):
    whole = Canonicalizer("dihedral", progress=True).fit(X)
    want = whole.canonicalize(X)
    assert capsys.readouterr().err == ""  # one chunk: nothing to show
    monkeypatch.setattr(canonicalizer, "_CHUNK_ENTRIES", 35)
    got = whole.canonicalize(X)
    assert "canonicalize" in capsys.readouterr().err
    for name in ("representative", "stabilizer_order", "gap", "degenerate"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
    assert [*got.transporter] == [*want.transporter]
    np.testing.assert_array_equal(whole.transform(X), want.representative)
    assert "80 samples" in capsys.readouterr().err
    Canonicalizer("dihedral").fit(X).transform(X)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"group": None}, TypeError, "group must be a Group or a name; got NoneType"),
        ({"group": "cubic"}, ValueError, "unknown group 'cubic'; known: trivial"),
        ({"group": groups.Cyclic(4)}, ValueError, r"X has 5 features; Cyclic\(4\) acts on 4"),
        ({"group": "cyclic", "method": "best"}, ValueError, "method='best' is unknown"),
        ({"group": "cyclic", "order": "any"}, ValueError, "order='any' is unknown"),
        ({"group": "cyclic", "tol": np.nan}, ValueError, "tol must be a number"),
        ({"group": "cyclic", "n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"group": "cyclic", "weights": np.ones(5)}, ValueError, "weights are those of points"),
    ],
)
def test_errors(words, error, message):
    with pytest.raises(error, match=message):
        Canonicalizer(**words).fit(X)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers(value):
    Z = X.copy()
    Z[3, 2] = value
    fitted = Canonicalizer("cyclic").fit(X)
    for call in (fitted.transform, fitted.canonicalize):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            call(Z)


def test_samples_of_any_shape():
    group = groups.Symmetric(5).along(0, (5, 3)) * groups.O(3).along(1, (5, 3))
    clouds = RNG.normal(size=(4, 5, 3))
    fitted = Canonicalizer(group).fit(clouds)
    np.testing.assert_array_equal(fitted.transform(clouds), fitted.transform(clouds.reshape(4, 15)))
    for call in (fitted.fit, fitted.transform):
        with pytest.raises(
            ValueError, match=r"samples of shape \(3, 5\).* samples of shape \(5, 3\)"
        ):
            call(clouds.transpose(0, 2, 1))
        with pytest.raises(ValueError, match=r"0 sample\(s\)"):
            call(clouds[:0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"group": groups.Symmetric}, TypeError, "got the class Symmetric, not an object"),
        ({"group": groups.SO(5), "weights": "mass"}, TypeError, "weights must hold numbers"),
    ],
)
def test_mistakes_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Canonicalizer(**arguments).fit(X)
