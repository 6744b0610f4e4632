"""Fits by conjugate gradients and on centres, beside Cholesky: the option solver."""

from __future__ import annotations

import pickle
import warnings
from itertools import pairwise, product

import numpy as np
import pytest
from catalog import GROUPS, samples
from covering import covered
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator
from symkernel import (
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    groups,
)
from symkernel.backends import memory
from symkernel.estimators import _pcg_run
from symkernel.estimators._nystroem import find_centres
from symkernel.exceptions import ApproximationWarning, NotApplicableError
from symkernel.kernels import SetKernel
from symkernel.solvers import choose
from symkernel.solvers.choose import SolverPlan, Task, choose_solver
from threadpoolctl import threadpool_limits

RNG = np.random.default_rng(7)
X = RNG.normal(size=(300, 4))
Y = X.max(axis=1) + 0.05 * RNG.normal(size=300)
BOTH = np.stack([Y, X.min(axis=1)], axis=1)
W = RNG.uniform(0.0, 2.0, 300)
W[:7] = 0.0
T = RNG.normal(size=(40, 4))
KIND = {"alpha": 1e-2, "group": "symmetric", "gamma": 0.2}
PCG = {"solver": "pcg", "tol": 1e-10, "random_state": 0}
NYSTROEM = {"solver": "nystroem", "n_components": 300, "random_state": 0}  # all: no approximation


def ridge(**words):
    return InvariantKernelRidge(**{**KIND, **words})


def classifier(**words):
    return InvariantKernelClassifier(**{**KIND, **words})


def seed_of(random_state):
    """Seed that a fit draws from a random state."""
    return int(np.random.default_rng(random_state).integers(2**31))


# ---- the same answers --------------------------------------------------------------------------


@covered(
    "group_name, kernel",
    product(
        ("symmetric", "Td", "translations", "Oh on points", "S3 x C5"),
        (RBF(1.7), Matern(1.9, nu=2.5), Matern(1.3, nu=0.5)),
    ),
    strength=1,
)
def test_kernels_and_groups(group_name, kernel):
    group = GROUPS[group_name]
    points = samples(group, 60, seed=1)
    y = np.random.default_rng(0).normal(size=60)
    exact = InvariantKernelRidge(1e-3, kernel=kernel, group=group).fit(points, y)
    for words in (PCG, {**NYSTROEM, "n_components": 60}):
        model = InvariantKernelRidge(1e-3, kernel=kernel, group=group, **words).fit(points, y)
        np.testing.assert_allclose(model.predict(points), exact.predict(points), atol=1e-6)


@pytest.mark.parametrize("words", [PCG, NYSTROEM], ids=["pcg", "nystroem"])
@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize("y", [Y, BOTH], ids=["one", "two"])
@pytest.mark.parametrize("normalize_y", [False, True])
def test_what_goes_with_every_solver(words, weights, y, normalize_y):
    exact = ridge(normalize_y=normalize_y).fit(X, y, weights)
    model = ridge(normalize_y=normalize_y, **words).fit(X, y, weights)
    mean, std, gradient = exact.predict(T, return_std=True, return_gradient=True)
    found = model.predict(T, return_std=True, return_gradient=True)
    np.testing.assert_allclose(found[0], mean, atol=1e-6)
    np.testing.assert_allclose(found[1], std, atol=1e-5)
    np.testing.assert_allclose(found[2], gradient, atol=1e-5)
    again = pickle.loads(pickle.dumps(model)).predict(T, return_std=True)
    np.testing.assert_allclose(again[0], found[0], atol=1e-12)
    np.testing.assert_allclose(again[1], found[1], atol=1e-9)
    assert repr(clone(model)) == repr(model)
    assert model.solver_plan_.method == words["solver"] and model.n_iter_ >= 1
    if weights is not None and words is PCG:
        assert (model.dual_coef_[:7] == 0.0).all()


@pytest.mark.parametrize("words", [PCG, NYSTROEM], ids=["pcg", "nystroem"])
def test_one_alpha_per_target(words):
    exact = ridge(alpha=[1e-3, 1.0]).fit(X, BOTH, W)
    model = ridge(alpha=[1e-3, 1.0], **words).fit(X, BOTH, W)
    np.testing.assert_allclose(model.predict(T), exact.predict(T), atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)  # of the low-rank variances
        found = model.predict(T, return_std=True)[1]
    want = exact.predict(T, return_std=True)[1]
    assert (found > 0.9 * want).all() and (found.mean(axis=0) > 0.999 * want.mean(axis=0)).all()
    with pytest.raises(ValueError, match="alpha must be a number or one number per target"):
        ridge(alpha=[1.0, 2.0, 3.0], **words).fit(X, BOTH)


@pytest.mark.parametrize("labels", [Y > 1, np.digitize(Y, [0.5, 1.2])], ids=["two", "three"])
def test_probabilities(labels):
    weights = np.where(W > 0, 1.0 + (W > 1), 0.0)
    exact = classifier(alpha=0.1).fit(X, labels, weights)
    on_centres = classifier(alpha=0.1, **{**NYSTROEM}).fit(X, labels, weights)
    want = exact.predict_proba(T)
    np.testing.assert_allclose(on_centres.predict_proba(T), want, atol=1e-6)
    solved = classifier(alpha=0.1, **PCG).fit(X, labels, weights)
    found = pickle.loads(pickle.dumps(solved)).predict_proba(T)
    assert np.abs(found - want).max() < 0.08  # 128 of the left-out values make the slope
    few = classifier(alpha=0.1, **PCG).fit(X[:100], labels[:100])
    whole = classifier(alpha=0.1).fit(X[:100], labels[:100])  # all 100
    np.testing.assert_allclose(few.predict_proba(T), whole.predict_proba(T), atol=1e-6)


def test_identical_samples_are_left_out_together():
    twice = np.concatenate([X[:60], X[:20]])
    labels = np.concatenate([Y[:60], Y[:20]]) > 1
    exact = classifier(alpha=0.1).fit(twice, labels)
    for words in (PCG, NYSTROEM):
        model = classifier(alpha=0.1, **words).fit(twice, labels)
        np.testing.assert_allclose(model.predict_proba(T), exact.predict_proba(T), atol=1e-6)


def test_other_kernels():
    gram = InvariantKernel(RBF(1.5), "symmetric")(X)
    sets = [x.reshape(2, 2) for x in X[:60]]
    for kernel, data, y in (
        ("precomputed", gram, Y),
        (SetKernel(RBF(1.0)), sets, Y[:60]),
        ("laplacian", X, Y),
        (lambda a, b: np.exp(-np.abs(a - b).sum()), X[:50], Y[:50]),
    ):
        exact = InvariantKernelRidge(0.1, kernel=kernel).fit(data, y)
        model = InvariantKernelRidge(0.1, kernel=kernel, **PCG).fit(data, y)
        np.testing.assert_allclose(model.predict(data), exact.predict(data), atol=1e-6)
    for kernel, data in (("precomputed", gram), (SetKernel(RBF(1.0)), sets)):
        with pytest.raises(NotApplicableError, match=r"takes centres.*use solver="):
            InvariantKernelRidge(0.1, kernel=kernel, **NYSTROEM).fit(data, Y[: len(data)])


def test_the_default_is_what_it_was():
    for words in ({}, {"solver": "cholesky"}):
        model = ridge(**words).fit(X, Y, W)
        assert model.solver_plan_.method == "cholesky" and model.n_iter_ == 1
        np.testing.assert_array_equal(model.dual_coef_, ridge().fit(X, Y, W).dual_coef_)


# ---- scikit-learn ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # the checks fit odd data on purpose
@covered(
    "make, group, solver",
    product(
        (InvariantKernelRidge, InvariantKernelClassifier), (None, "cyclic"), ("pcg", "nystroem")
    ),
    strength=1,
)
def test_check_estimator(make, group, solver):
    words = {"solver": "pcg", "tol": 1e-11} if solver == "pcg" else {"solver": solver}
    with threadpool_limits(1):
        results = check_estimator(make(group=group, random_state=0, **words), on_skip=None)
    assert len(results) > 40


def test_grid_search_over_solvers():
    space = {"solver": ["cholesky", "pcg", "nystroem"], "alpha": [1e-2]}
    found = GridSearchCV(ridge(n_components=300, tol=1e-10, random_state=0), space, cv=3).fit(X, Y)
    np.testing.assert_allclose(np.ptp(found.cv_results_["mean_test_score"]), 0.0, atol=1e-6)


# ---- centres -----------------------------------------------------------------------------------


def test_the_number_of_centres_is_found():
    easy = ridge(solver="nystroem", random_state=0, alpha=1e4).fit(X, Y)
    hard = ridge(solver="nystroem", random_state=0, alpha=1e-6, gamma=3.0).fit(X, Y)
    assert easy.solver_plan_.n_components == 100 < hard.solver_plan_.n_components
    assert easy.X_fit_.shape == (easy.solver_plan_.n_components, 4)
    assert len(ridge(solver="nystroem").fit(X[:1], Y[:1]).X_fit_) == 1
    several = ridge(solver="nystroem", n_components=10**6, random_state=0).fit(X, Y)
    assert len(several.X_fit_) <= 300  # no more than samples
    few = ridge(solver="nystroem", n_components=5, centers="uniform", random_state=0).fit(X, Y)
    assert len(few.X_fit_) == 5
    assert {tuple(x) for x in few.X_fit_} <= {tuple(x) for x in X}


def test_the_number_of_centres_is_doubled_while_that_helps():
    """As written down: centres, passes and errors at held-out samples, in NumPy."""
    rng = np.random.default_rng(3)
    A = rng.normal(size=(900, 4))
    b = np.sin(2.0 * A.max(axis=1)) + 0.05 * rng.normal(size=900)
    model = ridge(solver="nystroem", random_state=0, alpha=1e-3, gamma=0.5).fit(A, b)
    plan, fit = model.solver_plan_, model._fitted.large
    # The rule is checked on the numbers that were tried, each fitted by itself.
    order = np.random.default_rng(seed_of(0)).permutation(900)
    held, rest = order[:90], np.sort(order[90:])
    errors, traces = [], []
    for m in fit.tried:
        centres = find_centres(model._fitted.bound, A, m, "rpcholesky", seed_of(0), None)
        K = model.kernel_(centres.samples)
        root = np.linalg.cholesky(K + 1e-12 * np.eye(len(K)))
        B = np.linalg.solve(root, model.kernel_(A, centres.samples).T).T
        w = np.linalg.solve(B[rest].T @ B[rest] + 1e-3 * np.eye(m), B[rest].T @ b[rest])
        errors.append(np.mean((b[held] - B[held] @ w) ** 2))
        traces.append(model.kernel_.diag(A[rest]).sum() - np.sum(B[rest] ** 2))
    gains = [after < 0.99 * before for before, after in pairwise(errors)]
    assert all(gains[:-1]) and all(trace > 1e-4 for trace in traces[:-1])
    assert not gains[-1] or traces[-1] <= 1e-4
    assert fit.tried == tuple(100 * 2**i for i in range(len(fit.tried)))
    assert len(fit.tried) > 1 and plan.n_components == fit.tried[-1] == len(model.X_fit_)
    assert plan.pairs == sum(m * (900 + choose.searched(900, m)) for m in fit.tried)
    assert plan.bytes >= 8 * 4 * fit.tried[-1] ** 2


def test_centres_that_are_tried_fit_in_memory():
    task = Task(10**6, 1e-8, 24)
    whole = choose.most_centres(task, np.inf)
    assert choose.most_centres(Task(50, 1e-8), np.inf) == 50
    limit = 3e7
    few = choose.most_centres(task, limit)
    assert few < whole and choose.most_centres(task, 1.0) < few
    assert choose.tried_centres(choose_solver(task, "nystroem"), task, (few,)).bytes <= limit
    rng = np.random.default_rng(3)
    A = rng.normal(size=(900, 4))
    words = {"solver": "nystroem", "random_state": 0, "alpha": 1e-6, "gamma": 3.0}
    with pytest.warns(ApproximationWarning, match="still falls"):
        found = ridge(**words, memory_limit=4e6).fit(A, A.max(axis=1))
    assert found.solver_plan_.bytes <= 4e6


def test_centres_that_repeat():
    same = np.repeat(X[:20], 4, axis=0)
    y = np.repeat(Y[:20], 4)
    exact = ridge().fit(same, y)
    for words in (PCG, NYSTROEM, {**NYSTROEM, "centers": "uniform"}, {**PCG, "centers": "uniform"}):
        model = ridge(**words).fit(same, y)
        np.testing.assert_allclose(model.predict(T), exact.predict(T), atol=1e-6)
    assert len(ridge(**NYSTROEM).fit(same, y).X_fit_) <= 20


def test_no_ridge_and_one_sample():
    for words in (PCG, NYSTROEM):
        one = ridge(**words).fit(X[:1], Y[:1])
        np.testing.assert_allclose(one.predict(T), ridge().fit(X[:1], Y[:1]).predict(T))
        model = ridge(alpha=0.0, gamma=3.0, **words).fit(X[:30], Y[:30])
        np.testing.assert_allclose(model.predict(X[:30]), Y[:30], atol=1e-5)


@pytest.mark.parametrize("normalize_y", [False, True])
@pytest.mark.parametrize("y", [Y + 3.0, BOTH], ids=["one", "two"])
@pytest.mark.filterwarnings("ignore:The mean of y")
def test_parts_add_up(y, normalize_y):
    words = {**NYSTROEM, "normalize_y": normalize_y}
    parts = [slice(0, 120), slice(120, 121), slice(121, 300)]
    centres = ridge(**words).fit(X[:120], y[:120])  # the same centres: all of the first part
    model = ridge(**words)
    for part in parts:
        model.partial_fit(X[part], y[part], W[part] + 0.1)
    K = InvariantKernel(RBF(np.sqrt(2.5)), "symmetric")
    root = np.sqrt(W + 0.1)[:, None]
    m = np.average(y, axis=0, weights=W + 0.1) if normalize_y else np.zeros(y.shape[1:])
    A, B = K(X, X[:120]), K(X[:120])
    values, vectors = np.linalg.eigh(B)
    penalty = 0.1 * np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    inner = root * (y - m).reshape(300, -1)
    stacked = np.concatenate([root * A, penalty]), np.concatenate([inner, 0.0 * inner[:120]])
    beta = np.linalg.lstsq(*stacked, rcond=None)[0]
    want = m + (K(T, X[:120]) @ beta).reshape(-1, *y.shape[1:])
    np.testing.assert_allclose(model.predict(T), want, atol=2e-4)  # two lie outside the data
    np.testing.assert_allclose(model.intercept_, m, atol=1e-12)
    assert len(model.X_fit_) <= 120 and model.predict(T, return_std=True)[1].shape == want.shape
    centres.partial_fit(X[120:], y[120:])  # goes on from a fit
    both = ridge(**words)
    for part in (slice(0, 120), slice(120, 300)):
        both.partial_fit(X[part], y[part])
    np.testing.assert_allclose(centres.predict(T), both.predict(T), atol=1e-5)
    with pytest.raises(ValueError, match="y must have"):
        both.partial_fit(X, np.ones((300, 5)))


def test_partial_fit_is_for_centres_only():
    for solver in ("auto", "cholesky", "pcg"):
        assert not hasattr(ridge(solver=solver), "partial_fit")
        with pytest.raises(AttributeError, match="partial_fit"):
            ridge(solver=solver).partial_fit(X, Y)


# ---- conjugate gradients -----------------------------------------------------------------------


def test_what_does_not_converge_is_told():
    with pytest.warns(ConvergenceWarning, match=r"residual of .*2 iterations.*n_components"):
        model = ridge(alpha=1e-9, solver="pcg", max_iter=2, n_components=5).fit(X, Y)
    assert model.n_iter_ == 2


def test_many_variances_come_from_the_preconditioner():
    model = ridge(**PCG).fit(X, Y)
    exact = ridge().fit(X, Y)
    many = np.tile(T, (2, 1))
    with pytest.warns(ApproximationWarning, match=r"of 80 samples.*are too large"):
        found = model.predict(many, return_std=True)[1]
    want = exact.predict(many, return_std=True)[1]
    assert (found > 0.9 * want).all() and want.mean() < found.mean() < 2 * want.mean()


def test_single_precision_by_the_ridge():
    points = X.astype(np.float32)
    y = Y.astype(np.float32)
    coarse = ridge(**{**PCG, "tol": 1e-5}).fit(points, y)
    assert coarse.dual_coef_.dtype == coarse.X_fit_.dtype == np.float32
    assert np.abs(coarse.predict(points) - ridge().fit(X, Y).predict(X)).max() < 1e-3
    fine = ridge(alpha=1e-8, **{**PCG, "tol": 1e-6, "n_components": 300})
    found = fine.fit(points, y)
    assert found.dual_coef_.dtype == found.X_fit_.dtype == np.float64  # or it would be wrong
    exact = ridge(alpha=1e-8).fit(points.astype(float), y.astype(float))
    assert np.abs(found.predict(points) - exact.predict(points)).max() < 1e-4
    with pytest.raises(ValueError, match=r'precision="float32" needs alpha of at least 2\^-23'):
        fine.set_params(precision="float32").fit(X, Y)
    double = ridge(precision="float64", **PCG).fit(points, y)
    assert double.dual_coef_.dtype == np.float64
    single = ridge(precision="float32", **{**PCG, "tol": 1e-5}).fit(X, Y)
    assert np.abs(single.predict(T) - ridge().fit(X, Y).predict(T)).max() < 1e-3


# ---- interruption ------------------------------------------------------------------------------


class StoppedError(Exception):
    pass


def test_an_interrupted_run_of_conjugate_gradients(tmp_path, monkeypatch):
    words = {"alpha": 1e-3, "solver": "pcg", "tol": 1e-8, "n_components": 20, "gamma": 0.5}
    whole = ridge(**words, random_state=3).fit(X, Y)
    assert whole.n_iter_ > 25
    step, steps = _pcg_run.Progress.step, []

    def stop(self, note):
        steps.append(note)
        if len(steps) == 25:
            raise StoppedError
        step(self, note)

    monkeypatch.setattr(_pcg_run.Progress, "step", stop)
    path = tmp_path / "fit"
    model = ridge(**words, random_state=3, checkpoint=path)
    with pytest.raises(StoppedError):
        model.fit(X, Y)
    assert path.exists()
    model.set_params(random_state=99)  # the draws are those of the interrupted fit
    steps.clear()
    steps.extend([""] * 100)  # no further interruption
    model.fit(X, Y)
    assert len(steps) - 100 == whole.n_iter_ - 20
    np.testing.assert_array_equal(model.dual_coef_, whole.dual_coef_)
    assert not path.exists()


def test_an_interrupted_pass_over_the_samples(tmp_path, monkeypatch):
    from symkernel.estimators import _nystroem

    monkeypatch.setattr(_nystroem, "rows_per_chunk", lambda *arguments: 64)
    words = {"solver": "nystroem", "n_components": 40}
    whole = ridge(**words, random_state=3).fit(X, Y)
    step, steps = _nystroem.Progress.step, []

    def stop(self, note):
        steps.append(note)
        if len(steps) == 3:
            raise StoppedError
        step(self, note)

    path = tmp_path / "fit"
    model = ridge(**words, random_state=3, checkpoint=path)
    with monkeypatch.context() as patch:
        patch.setattr(_nystroem.Progress, "step", stop)
        with pytest.raises(StoppedError):
            model.fit(X, Y)
    assert path.exists()
    model.set_params(random_state=99).fit(X, Y)
    np.testing.assert_array_equal(model.dual_coef_, whole.dual_coef_)
    np.testing.assert_array_equal(model.X_fit_, whole.X_fit_)
    assert not path.exists()


def test_a_checkpoint_of_another_fit_is_refused(tmp_path):
    path = tmp_path / "fit"
    path.write_bytes(b"not one")
    with pytest.raises(ValueError, match="is no checkpoint of a fit"):
        ridge(**PCG, checkpoint=path).fit(X, Y)
    np.savez(tmp_path / "other.npz", key=np.array("another"))
    for words in (PCG, NYSTROEM):
        with pytest.raises(ValueError, match=r"is of a fit to other samples.*delete it"):
            ridge(**words, checkpoint=str(tmp_path / "other.npz")).fit(X, Y)


# ---- gradients ---------------------------------------------------------------------------------


def test_gradients_by_conjugate_gradients():
    points, dY = X[:40], np.cos(X[:40])
    y = np.sin(points).sum(axis=1)
    y[3], dY[5:9] = np.nan, np.nan
    exact = ridge(alpha=1e-5).fit(points, y, gradient=dY)
    want = exact.predict(T, return_std=True, return_gradient=True)
    for limit in (None, 450_000):
        model = ridge(alpha=1e-5, memory_limit=limit, **PCG).fit(points, y, gradient=dY)
        assert model.solver_plan_.stored == (limit is None)
        for found, expected in zip(
            model.predict(T, return_std=True, return_gradient=True), want, strict=True
        ):
            np.testing.assert_allclose(found, expected, atol=1e-6)
        again = pickle.loads(pickle.dumps(model)).predict(T, return_std=True)
        np.testing.assert_allclose(again[1], want[1], atol=1e-6)
    assert exact.solver_plan_.method == "cholesky"
    with pytest.warns(ApproximationWarning, match="too large"):
        many = model.predict(X, return_std=True)[1]
    assert (many > 0.9 * exact.predict(X, return_std=True)[1]).all()
    with pytest.raises(NotApplicableError, match="gradients are fitted by"):
        ridge(**NYSTROEM).fit(points, y, gradient=dY)
    for solver in ("auto", "pcg", "cholesky"):
        with pytest.raises(MemoryError, match="memory_limit=1000 bytes is too little"):
            ridge(solver=solver, memory_limit=1000).fit(points, y, gradient=dY)


# ---- the search --------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
@pytest.mark.parametrize("cv", [None, "gcv", "holdout"])
def test_search_on_centres(cv):
    grid = {"alphas": [1e-4, 1e-2, 1.0, 100.0], "gammas": [0.02, 0.2]}
    words = {"solver": "nystroem", "n_components": 30, "random_state": 0, "cv": cv}
    found = InvariantKernelRidgeCV(**grid, group="symmetric", **words).fit(X, BOTH, W)
    assert found.alpha_ < 1.0 and found.solver_plan_.method == "nystroem"
    again = InvariantKernelRidge(
        found.alpha_,
        gamma=found.gamma_,
        group="symmetric",
        normalize_y=True,
        solver="nystroem",
        n_components=30,
        random_state=0,
    ).fit(X, BOTH, W)
    np.testing.assert_array_equal(found.predict(T), again.predict(T))


@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
def test_generalised_cross_validation_is_what_it_says():
    words = {"solver": "nystroem", "n_components": 20, "random_state": 0, "cv": "gcv"}
    alphas = [1e-2, 1.0]
    search = InvariantKernelRidgeCV(
        alphas, [0.2], group="symmetric", normalize_y=False, store_cv_results=True, **words
    ).fit(X, Y)
    K = InvariantKernel(RBF(np.sqrt(2.5)), "symmetric")
    A, B = K(X, search.X_fit_), K(search.X_fit_)
    for alpha, score in zip(alphas, search.cv_results_["mean_test_score"], strict=True):
        H = A @ np.linalg.solve(A.T @ A + alpha * B, A.T)
        want = 300 * np.sum((Y - H @ Y) ** 2) / (300 - np.trace(H)) ** 2
        assert -score == pytest.approx(want, rel=1e-5)


def test_searches_that_are_refused():
    with pytest.raises(NotApplicableError, match="no leave-one-out errors"):
        InvariantKernelRidgeCV(solver="pcg").fit(X, Y)
    with pytest.raises(ValueError, match="cv='gcv' is for solver='nystroem'"):
        InvariantKernelRidgeCV(cv="gcv").fit(X, Y)
    with pytest.raises(ValueError, match="cv must be 'gcv', 'holdout' or None, got 5"):
        InvariantKernelRidgeCV(cv=5).fit(X, Y)
    with pytest.raises(ValueError, match="scoring='r2' needs cv='holdout'"):
        InvariantKernelRidgeCV(cv="gcv", solver="nystroem", scoring="r2").fit(X, Y)


# ---- plans -------------------------------------------------------------------------------------


def test_methods_by_time_and_memory():
    assert choose_solver(Task(5000, 1e-8)).method == "cholesky"
    assert choose_solver(Task(9000, 1e-8)).method == "pcg"
    assert choose_solver(Task(10**6, 1e-7)).method == "nystroem"  # hours otherwise
    stored = choose_solver(Task(9000, 1e-8), "pcg")
    assert stored.stored and not choose_solver(Task(9000, 1e-8), "pcg", 1e8).stored
    small = choose_solver(Task(4000, 1e-9), memory=2e7)  # no room for 64 MB
    assert small.method != "cholesky" and small.bytes <= 2e7
    assert choose_solver(Task(4000, 1e-9, methods=("cholesky", "pcg")), memory=2e7).method == "pcg"
    alone = choose_solver(Task(10**4, 1e-8, methods=("nystroem",)))  # of memory without a limit
    assert alone.method == "nystroem" and alone.reason == "no other method applies"
    words = str(choose_solver(Task(10**6, 1e-7, n_components=200)))
    for word in ("nystroem", "200 centres", "because", "min", "pcg", "cholesky", "GB"):
        assert word in words
    assert repr(stored).startswith("<SolverPlan: ") and len(repr(stored).splitlines()) <= 4


def test_too_little_memory_says_what_the_least_is():
    words = r"memory_limit=1000 bytes is too little for 300 samples by any method: the least is .*B"
    for solver in ("auto", "pcg", "nystroem", "cholesky"):
        with pytest.raises(MemoryError, match=words):
            ridge(solver=solver, memory_limit=1000).fit(X, Y)
    with pytest.raises(MemoryError, match=r"solver='cholesky', which takes 361 kB; solver="):
        ridge(solver="cholesky", memory_limit=200_000, n_components=10).fit(X, Y)


def test_plan_before_and_after(monkeypatch):
    model = InvariantKernelRidge(group=groups.Symmetric(4))
    plan = model.solver_plan(10**7)
    assert isinstance(plan, SolverPlan) and plan.method == "nystroem" and plan.seconds > 1
    assert plan.pairs >= 10**9 and plan.bytes < 10**9
    assert model.solver_plan(100).method == "cholesky"
    assert InvariantKernelRidge(kernel="laplacian").solver_plan(10**6, 3).method == "nystroem"
    with pytest.raises(ValueError, match="n_features must be given"):
        ridge().solver_plan(100)
    with pytest.raises(NotApplicableError, match="solver_plan_ tells after fit"):
        InvariantKernelRidge(kernel="precomputed").solver_plan(100, 100)
    with pytest.raises(MemoryError, match=r"memory_limit=100 bytes is too little"):
        InvariantKernelRidge(memory_limit=100).solver_plan(10**6, 3)
    monkeypatch.setattr(choose, "_FEW", 100)
    monkeypatch.setattr(choose, "_PATIENCE", 0.0)
    with pytest.warns(ApproximationWarning, match="300 samples are fitted on centres"):
        found = ridge(n_components=20).fit(X, Y)
    assert (
        found.solver_plan_.method == "nystroem" and "takes more than" in found.solver_plan_.reason
    )
    monkeypatch.undo()
    monkeypatch.setattr(choose, "_FEW", 100)
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    assert ridge().fit(X, Y).solver_plan_.method in ("cholesky", "pcg")


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        ({"solver": "lu"}, ValueError, "solver must be one of 'auto', .* got 'lu'"),
        ({"n_components": 0}, ValueError, "n_components"),
        ({"n_components": 2.5}, TypeError, "n_components must be an integer"),
        ({"centers": "random"}, ValueError, "centers must be"),
        ({"tol": -1.0}, ValueError, "tol must be"),
        ({"max_iter": 0}, ValueError, "max_iter"),
        ({"precision": "half"}, ValueError, "precision must be"),
        ({"memory_limit": "2 GB"}, TypeError, "memory_limit must be a number"),
        ({"checkpoint": 3}, TypeError, "checkpoint must be the path"),
    ],
)
def test_options_are_checked(words, error, match):
    for make in (ridge, classifier):
        with pytest.raises(error, match=match):
            make(**words).fit(X, Y > 1)


@pytest.mark.parametrize("kernel", ["rbf", Matern(2.0, nu=1.5)])
@pytest.mark.parametrize("group", [None, "symmetric", groups.SO(2).along(1, (2, 2))])
def test_a_matrix_that_is_not_stored(kernel, group):
    exact = InvariantKernelRidge(1e-2, kernel=kernel, group=group).fit(X, BOTH, W)
    model = InvariantKernelRidge(1e-2, kernel=kernel, group=group, memory_limit=600_000, **PCG)
    model.fit(X, BOTH, W)
    assert not model.solver_plan_.stored
    np.testing.assert_allclose(model.predict(T), exact.predict(T), atol=1e-6)
    found, want = (m.predict(T, return_std=True)[1] for m in (model, exact))
    np.testing.assert_allclose(found, want, atol=1e-5)


def test_deviations_of_gradients():
    points, dY = X[:20], np.cos(X[:20])
    y = np.sin(points).sum(axis=1)
    want = ridge(alpha=1e-4).fit(points, y, gradient=dY).gradient_std(T[:10])
    model = ridge(alpha=1e-4, **PCG).fit(points, y, gradient=dY)
    np.testing.assert_allclose(model.gradient_std(T[:10]), want, atol=1e-5)
    with pytest.warns(ApproximationWarning, match="too large"):
        assert (model.gradient_std(T)[:10] > 0.9 * want).all()
