"""Nystroem features of invariant kernels, as a transformer."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from symkernel import InvariantKernel, InvariantNystroem, groups
from symkernel.estimators import _centers
from symkernel.kernels import SetKernel
from symkernel.solvers import choose
from test_chunks import OnDisk

GROUP = groups.PointGroup("Oh").along(1, (4, 3))
KERNEL = InvariantKernel(RBF(3.0), GROUP)
X = np.random.default_rng(0).normal(size=(200, 12))
NEW = np.random.default_rng(1).normal(size=(30, 12))
CENTERS = ("rpcholesky", "uniform", X[:10])
IDS = ("rpcholesky", "uniform", "given")


@pytest.mark.parametrize(("centers", "group"), [("rpcholesky", "cyclic"), ("uniform", None)])
def test_scikit_learn_contract(centers, group):
    results = check_estimator(InvariantNystroem(group=group, centers=centers), on_skip=None)
    assert {r["status"] for r in results} <= {"passed", "skipped"}


@pytest.mark.parametrize("centers", CENTERS, ids=IDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_inner_products_are_the_closest_to_the_kernel(centers, dtype):
    x, new = X.astype(dtype), NEW.astype(dtype)
    given = centers if isinstance(centers, str) else centers.astype(dtype)
    model = InvariantNystroem(KERNEL, 10, centers=given, random_state=0).fit(x)
    Z = model.transform(new)
    assert Z.dtype == dtype
    C = model.components_.astype(np.float64)
    K = KERNEL(NEW, C)
    want = K @ np.linalg.solve(KERNEL(C), K.T)
    tolerance = 1e-10 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(Z @ Z.T, want, atol=tolerance)
    np.testing.assert_allclose(Z @ model.triangle_.T, K, atol=tolerance)
    if isinstance(centers, str):
        np.testing.assert_array_equal(x[model.component_indices_], model.components_)
        assert len(set(model.component_indices_.tolist())) == 10
    else:
        assert model.component_indices_ is None


def test_the_residual_share_is_that_of_the_features():
    model = InvariantNystroem(KERNEL, 25, random_state=0).fit(X)
    Z = model.transform(X)
    share = 1.0 - np.square(Z).sum() / KERNEL.diag(X).sum()
    assert model.residual_share_ == pytest.approx(share, abs=1e-9)
    assert model.stopped_ == "columns"
    assert np.isnan(InvariantNystroem(KERNEL, 5, centers="uniform").fit(X).residual_share_)


def test_features_are_the_same_for_all_samples_of_an_orbit():
    model = InvariantNystroem(KERNEL, 20, random_state=0).fit(X)
    moved = _moved(NEW)
    np.testing.assert_allclose(model.transform(moved), model.transform(NEW), atol=1e-9)


def _moved(x):
    """Turned about an axis by a right angle and reflected: an element of O_h."""
    points = x.reshape(-1, 4, 3)
    return np.stack([-points[..., 1], points[..., 0], -points[..., 2]], axis=-1).reshape(len(x), 12)


def test_words_name_the_kernel_as_elsewhere():
    named = InvariantNystroem("rbf", 12, group=GROUP, gamma=1 / 18, random_state=0).fit(X)
    given = InvariantNystroem(KERNEL, 12, random_state=0).fit(X)
    np.testing.assert_allclose(named.transform(NEW), given.transform(NEW), rtol=1e-10, atol=1e-12)
    plain = InvariantNystroem("rbf", 12, gamma=0.1, random_state=0).fit(X)
    assert plain.group_ is None


@pytest.mark.parametrize("centers", CENTERS, ids=IDS)
def test_a_seed_gives_the_same_features(centers):
    model = InvariantNystroem(KERNEL, 10, centers=centers, random_state=3)
    first = model.fit_transform(X)
    np.testing.assert_array_equal(first, clone(model).fit_transform(X))
    np.testing.assert_array_equal(first, pickle.loads(pickle.dumps(model)).transform(X))


def test_equal_to_scikit_learn_with_the_same_centres():
    ours = InvariantNystroem(KERNEL, 15, centers="uniform", random_state=0).fit(X)
    theirs = Nystroem(KERNEL, n_components=15).fit(ours.components_)
    A, B = ours.transform(NEW), theirs.transform(NEW)
    np.testing.assert_allclose(A @ A.T, B @ B.T, atol=1e-9)


def test_more_centres_than_samples_and_duplicates():
    few = InvariantNystroem(KERNEL, 500, random_state=0).fit(X[:7])
    assert few.components_.shape == (7, 12)
    assert few.stopped_ in ("columns", "rank")
    np.testing.assert_allclose(
        few.transform(X[:7]) @ few.transform(X[:7]).T, KERNEL(X[:7]), atol=1e-9
    )
    twice = np.tile(X[:6], (4, 1))
    model = InvariantNystroem(KERNEL, 20, random_state=0).fit(twice)
    assert (len(model.components_), model.stopped_, model.jitter_) == (6, "rank", 0.0)
    assert model.get_feature_names_out().tolist() == [f"invariantnystroem{i}" for i in range(6)]
    drawn = InvariantNystroem(KERNEL, 20, centers="uniform", random_state=0).fit(twice)
    assert drawn.jitter_ > 0.0
    Z = drawn.transform(twice)
    np.testing.assert_allclose(Z @ Z.T, KERNEL(twice), atol=1e-6)
    one = InvariantNystroem(KERNEL, random_state=0).fit_transform(X[:1])
    assert one.shape == (1, 1)


@pytest.mark.parametrize("centers", CENTERS, ids=IDS)
@pytest.mark.parametrize("kind", ["memmap", "zarr"])
def test_data_on_disk(kind, centers, tmp_path, monkeypatch):
    if kind == "memmap":
        disk = np.memmap(tmp_path / "x", dtype=np.float64, mode="w+", shape=X.shape)
        disk[:] = X
    else:
        disk = OnDisk(X, stored=64)
    model = InvariantNystroem(KERNEL, 10, centers=centers, random_state=0)
    memory = clone(model).fit(X)
    model.fit(disk)
    np.testing.assert_array_equal(model.components_, memory.components_)
    monkeypatch.setattr("symkernel.estimators.nystroem.rows_per_chunk", lambda *a: 70)
    np.testing.assert_allclose(model.transform(disk), memory.transform(X), rtol=1e-12, atol=1e-13)
    if kind == "zarr":
        assert disk.most <= 200
    bad = X.copy()
    bad[150] = np.nan
    with pytest.raises(ValueError, match=r"chunk 2 \(rows 128 to 191\).*NaN.*\(row 150\)"):
        model.transform(OnDisk(bad, stored=64))
    with pytest.raises(ValueError, match="X has 11 features"):
        model.transform(OnDisk(X[:, 1:]))
    if isinstance(centers, str):
        with pytest.raises(ValueError, match="X contains NaN"):
            clone(model).fit(OnDisk(np.full_like(X, np.nan)))
    with pytest.raises(ValueError, match="must have a sample at least"):
        model.fit(OnDisk(X[:0]))


def test_no_more_rows_than_memory_allows_are_looked_at(monkeypatch):
    monkeypatch.setattr(choose, "_AMONG_ENTRIES", 60 * 5)
    monkeypatch.setattr(choose, "_AMONG_EACH", 2)
    asked = []
    real = _centers.KernelMatrix
    monkeypatch.setattr(
        _centers, "KernelMatrix", lambda *given: asked.append(len(given[1])) or real(*given)
    )
    for data in (X, OnDisk(X, stored=16)):
        model = InvariantNystroem(KERNEL, 5, random_state=0).fit(data)
        np.testing.assert_array_equal(X[model.component_indices_], model.components_)
    assert asked == [60, 60]


def test_in_a_pipeline_with_a_linear_model():
    y = np.linalg.norm(X, axis=1)
    model = make_pipeline(InvariantNystroem(KERNEL, 60, random_state=0), Ridge(1e-3)).fit(X, y)
    assert model.score(NEW, np.linalg.norm(NEW, axis=1)) > 0.5


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (InvariantNystroem(KERNEL, 0), "n_components must be at least 1"),
        (InvariantNystroem(KERNEL, centers="kmeans"), "centers must be 'rpcholesky', 'uniform' or"),
        (InvariantNystroem(KERNEL, centers=X[:, :5]), "centers has 5 features"),
        (InvariantNystroem("precomputed"), "kernel='precomputed' has no samples"),
        (InvariantNystroem("rbf", centers=X[:3, :4]), "centers have 4 features and X has 12"),
        (InvariantNystroem(KERNEL, group="cyclic"), "give the group once"),
    ],
)
def test_what_cannot_be_done(model, words):
    with pytest.raises(ValueError, match=words):
        model.fit(X)


def test_kernels_of_sets_are_refused():
    with pytest.raises(TypeError, match="compares sets of points"):
        InvariantNystroem(SetKernel(KERNEL)).fit(X)
