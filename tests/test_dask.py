"""Samples that stay in chunks: arrays of Dask, zarr arrays and memmaps, here and on workers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import weakref
from itertools import chain

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF
from symkernel import (
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    InvariantNystroem,
    groups,
)
from symkernel.descriptors import InversePairDistances
from symkernel.estimators._blocks import is_dask_array
from symkernel.exceptions import ApproximationWarning, NotApplicableError
from symkernel.kernels import SetKernel
from symkernel.solvers.blas_threads import all_threads, blas_threads
from symkernel.solvers.tree import runs_of, tree
from threadpoolctl import threadpool_info

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

RNG = np.random.default_rng(0)
N = 1200
X = RNG.normal(size=(N, 4))
Y = np.sin(X).sum(axis=1)
W = RNG.integers(0, 3, size=N).astype(float)
UNEQUAL = (300, 0, 1, 499, 400, 0)
LABELS = np.where(X.max(axis=1) > 1.0, "high", np.where(X.max(axis=1) > 0.5, "middle", "low"))
RIDGE = InvariantKernelRidge(
    0.1, group="symmetric", solver="nystroem", n_components=40, random_state=0, n_jobs=1
)


@pytest.fixture(autouse=True)
def synchronous():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def short_runs(monkeypatch):
    """Few rows at a time, so that few samples make many tasks and a tree of several levels."""
    monkeypatch.setattr("symkernel.estimators._fit_blocks.rows_per_chunk", lambda *given: 64)


def chunked(array=X, rows=UNEQUAL, features=None):
    trailing = [(size,) for size in array.shape[1:]]
    if features is not None:
        trailing[-1] = features
    return da.from_array(array, chunks=(rows, *trailing))


def close(found, wanted, tol=1e-13):
    assert np.abs(found - wanted).max() <= tol * np.abs(wanted).max()


# ---- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_components", [40, None])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("normalize_y", [False, True])
def test_a_fit_to_chunks_is_the_fit_to_all(n_components, weighted, normalize_y, short_runs):
    model = clone(RIDGE).set_params(n_components=n_components, normalize_y=normalize_y)
    y = np.stack([Y, 2.0 * Y + X[:, 0] ** 2], axis=1)
    weights = W if weighted else None
    wanted = clone(model).fit(X, y, weights)
    lazily = clone(model).fit(
        chunked(features=(1, 3)),
        da.from_array(y, chunks=(500, 1)),
        da.from_array(W, chunks=77) if weighted else None,
    )
    assert lazily.X_fit_.shape == wanted.X_fit_.shape
    np.testing.assert_array_equal(lazily.X_fit_, wanted.X_fit_)
    close(lazily.predict(X), wanted.predict(X))
    close(np.asarray(lazily.intercept_) + 1.0, np.asarray(wanted.intercept_) + 1.0)
    assert lazily.n_features_in_ == 4 and lazily.group_ == groups.Symmetric(4)
    assert lazily.solver_plan_.method == "nystroem"


def test_targets_and_weights_may_be_in_memory():
    wanted = clone(RIDGE).fit(chunked(), chunked(Y, (N,)), chunked(W, (N,)))
    for y, weight in ((Y, W), (Y.tolist(), W.tolist()), (Y.astype(object), W.astype(int))):
        found = clone(RIDGE).fit(chunked(), y, weight)
        np.testing.assert_array_equal(found.dual_coef_, wanted.dual_coef_)
    twice = clone(RIDGE).fit(chunked(), Y, 2.0)
    close(twice.predict(X), clone(RIDGE).set_params(alpha=0.05).fit(X, Y).predict(X), 1e-12)


def test_samples_of_float32_and_of_the_shape_of_a_group(short_runs):
    single = X.astype(np.float32)
    found = clone(RIDGE).fit(chunked(single), Y)
    assert found.X_fit_.dtype == np.float32
    lazily = found.predict(chunked(single))
    assert lazily.dtype == lazily.compute().dtype == np.float32
    close(found.predict(X), clone(RIDGE).fit(single, Y).predict(X), 1e-6)
    cloud = X.reshape(N, 2, 2)
    model = clone(RIDGE).set_params(group=groups.Symmetric(2).along(0, (2, 2)))
    found = model.fit(da.from_array(cloud, chunks=(500, 1, 2)), Y)
    close(found.predict(cloud), clone(model).fit(cloud, Y).predict(cloud))
    assert found.predict(da.from_array(cloud, chunks=(200, 2, 1))).compute().shape == (N,)


def test_arrays_on_disk_go_through_the_same_executor(tmp_path, short_runs):
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(tmp_path / "x.zarr", shape=X.shape, chunks=(250, 4), dtype="f8")
    stored[:] = X
    targets = zarr.create_array(tmp_path / "y.zarr", shape=Y.shape, chunks=(99,), dtype="f8")
    targets[:] = Y
    disk = np.memmap(tmp_path / "x", dtype=np.float64, mode="w+", shape=X.shape)
    disk[:] = X
    wanted = clone(RIDGE).fit(X, Y)
    lazily = clone(RIDGE).fit(da.from_zarr(tmp_path / "x.zarr"), targets)
    here = clone(RIDGE).fit(stored, targets)
    np.testing.assert_array_equal(here.dual_coef_, lazily.dual_coef_)  # the same additions
    mapped = clone(RIDGE).fit(disk, Y)
    for model in (here, mapped):
        close(model.predict(X), wanted.predict(X))
        np.testing.assert_array_equal(model.X_fit_, wanted.X_fit_)
    kept = clone(RIDGE).set_params(checkpoint=tmp_path / "state").fit(disk, Y)
    close(kept.predict(X), wanted.predict(X))


class Counting:
    """An array on disk that counts the rows read at once."""

    shape, dtype, chunks = X.shape, X.dtype, (100, 4)

    def __init__(self):
        self.most = 0

    def __getitem__(self, rows):
        self.most = max(self.most, rows.stop - rows.start)
        return X[rows]


def test_arrays_on_disk_are_read_by_what_is_stored_together():
    disk = Counting()
    clone(RIDGE).fit(disk, Y)
    assert disk.most == 100


def test_chunks_are_never_gathered():
    alive, most, made = set(), [0], [0]

    def make(block_info=None):
        rows = np.full((9000, 2), 0.1) * np.random.default_rng(made[0]).normal(size=(9000, 2))
        made[0] += 1
        alive.add(id(rows))
        weakref.finalize(rows, alive.discard, id(rows))
        most[0] = max(most[0], len(alive))
        return rows

    samples = da.map_blocks(
        make, chunks=((9000,) * 12, (2,)), dtype=float, meta=np.empty((0, 2), float)
    )
    model = InvariantKernelRidge(
        kernel=RBF(), solver="nystroem", n_components=5, random_state=0, n_jobs=1
    )
    model.fit(samples, np.ones(12 * 9000))
    assert made[0] == 24  # once for the centres, once for the sums
    assert most[0] <= 3
    before = made[0]
    model.predict(samples).sum().compute()
    assert made[0] == before + 12 and most[0] <= 3


def test_classes():
    model = InvariantKernelClassifier(
        0.1, group="symmetric", solver="nystroem", n_components=40, random_state=0, n_jobs=1
    )
    for labels in (LABELS, LABELS == "low"):
        wanted = clone(model).fit(X, labels, W)
        lazily = clone(model).fit(chunked(), da.from_array(labels, chunks=321), W)
        assert lazily.classes_.tolist() == wanted.classes_.tolist()
        for name in ("decision_function", "predict_proba", "predict_log_proba"):
            found = getattr(lazily, name)(chunked(features=(2, 2)))
            assert is_dask_array(found)
            close(found.compute(), getattr(wanted, name)(X), 1e-11)
        found = lazily.predict(chunked())
        assert is_dask_array(found) and found.dtype == labels.dtype
        np.testing.assert_array_equal(found.compute(), wanted.predict(X))
    with pytest.raises(ValueError, match=r"at least two classes.*got one class"):
        model.fit(chunked(), np.full(N, "low"))
    with pytest.raises(ValueError, match=r"chunk \d \(rows \d+ to \d+\): .*[Uu]nknown label type"):
        model.fit(chunked(), Y)


@pytest.mark.parametrize("centers", ["rpcholesky", "uniform", X[:7]])
def test_features(centers):
    model = InvariantNystroem(
        n_components=30, group="symmetric", random_state=0, centers=centers, n_jobs=1
    )
    wanted, lazily = clone(model).fit(X), clone(model).fit(chunked(features=(1, 3)))
    np.testing.assert_array_equal(lazily.components_, wanted.components_)
    Z = lazily.transform(chunked())
    assert is_dask_array(Z) and Z.shape == (N, len(wanted.components_))
    close(Z.compute(), wanted.transform(X))


# ---- predictions ---------------------------------------------------------------------------------


def test_predictions_are_lazy():
    asked = []
    samples = chunked().map_blocks(lambda rows: asked.append(1) or rows, dtype=float)
    asked.clear()
    y = np.stack([Y, -Y], axis=1)
    for model in (clone(RIDGE), InvariantKernelRidge(0.1, group="symmetric", n_jobs=1)):
        model.fit(X, y)
        mean, std, gradient = model.predict(samples, return_std=True, return_gradient=True)
        assert not asked
        wanted = model.predict(X, return_std=True, return_gradient=True)
        for found, values in zip((mean, std, gradient), wanted, strict=True):
            assert is_dask_array(found) and found.chunks[0] == UNEQUAL
            assert found.shape == values.shape and found.dtype == values.dtype
            close(found.compute(), values, 1e-11)
        asked.clear()


def test_predictions_of_chunks_of_unknown_sizes():
    model = clone(RIDGE).fit(X, Y)
    some = chunked()[chunked()[:, 0] > 0]
    np.testing.assert_allclose(model.predict(some).compute(), model.predict(X[X[:, 0] > 0]))


def test_what_is_sent_to_predict_leaves_out_what_it_does_not_need():
    model = clone(RIDGE).set_params(n_components=300).fit(X, Y)
    graph = dict(model.predict(chunked()).__dask_graph__())
    sent = [v for v in graph.values() if isinstance(v, InvariantKernelRidge)] or [
        v.value for v in graph.values() if isinstance(getattr(v, "value", 0), InvariantKernelRidge)
    ]
    assert len(sent) == 1 and sent[0]._fitted.large is None and model._fitted.large is not None


# ---- the same digits -----------------------------------------------------------------------------


def test_sums_are_added_in_one_order():
    def added(parts):
        return "(" + "+".join(parts) + ")"

    assert [tree(n, str, added) for n in (1, 2, 3)] == ["0", "(0+1)", "((0+1)+2)"]
    assert tree(6, str, added) == "(((0+1)+(2+3))+(4+5))"
    order = []
    tree(30, lambda i: order.append(i) or [i], lambda parts: list(chain(*parts)))
    assert order == list(range(30))


@pytest.mark.parametrize("lengths", [[], [0, 0], [5], [0, 9, 0], [1] * 9, [7, 0, 1, 3, 100, 2]])
def test_runs_of_blocks_cover_all_rows(lengths):
    runs = runs_of(lengths, 8)
    rows = [sum(lengths[i] for i in run) for run in runs]
    assert sum(rows) == sum(lengths) and all(rows)
    assert all(total >= 8 for total in rows[:-1])
    assert [i for run in runs for i in run] == list(range(runs[-1].stop if runs else 0))


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
@pytest.mark.parametrize("workers", [1, 3])
def test_schedulers_give_the_same_digits(scheduler, workers, short_runs):
    wanted = clone(RIDGE).fit(chunked(), Y)
    with dask.config.set(scheduler=scheduler, num_workers=workers):
        found = clone(RIDGE).fit(chunked(), Y)
        predicted = found.predict(chunked()).compute()
    np.testing.assert_array_equal(found.dual_coef_, wanted.dual_coef_)
    np.testing.assert_array_equal(predicted, wanted.predict(chunked()).compute())


@contextlib.contextmanager
def cluster(workers, threads, processes):
    distributed = pytest.importorskip("distributed")
    with (
        dask.config.set(scheduler=None),
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=processes,
            dashboard_address=None,
        ) as made,
        distributed.Client(made) as client,
    ):
        yield client


@pytest.mark.filterwarnings("default")  # of distributed's own
def test_workers_give_the_same_answer(short_runs):
    wanted = clone(RIDGE).set_params(n_jobs=None).fit(X, Y).predict(X)
    found = []
    for workers, threads in ((1, 1), (2, 1), (1, 3)):
        with cluster(workers, threads, processes=False):
            model = clone(RIDGE).set_params(n_jobs=None).fit(chunked(), chunked(Y, (N,)))
            found.append(model.predict(chunked()).compute())
    for predicted in found:
        close(predicted, wanted)
        close(predicted, found[0])


# ---- threads -------------------------------------------------------------------------------------


class Watching(RBF):
    """A kernel that fails where libraries may take more than one thread."""

    def __call__(self, X, Y=None, eval_gradient=False):
        for library in threadpool_info():
            if library["num_threads"] != 1:
                raise RuntimeError(f"{library['num_threads']} threads: {library['filepath']}")
        return super().__call__(X, Y, eval_gradient)


@pytest.mark.filterwarnings("default")
def test_exported_threads_do_not_oversubscribe(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setattr("symkernel.estimators._solvers._seconds_per_pair", lambda *given: 1e-8)
    model = InvariantKernelRidge(
        0.1, kernel=Watching(), solver="nystroem", n_components=20, random_state=0
    )
    cores = len(os.sched_getaffinity(0))
    with cluster(1, cores, processes=True) as client:
        exported = client.submit(os.environ.get, "OMP_NUM_THREADS").result()
        assert exported == "8"
        model.fit(chunked(), Y)
        close(model.predict(chunked()).compute(), model_without_watch(model))


def model_without_watch(model):
    plain = clone(model).set_params(kernel=RBF()).fit(X, Y)
    return plain.predict(X)


def test_shares_of_the_cores(monkeypatch):
    from symkernel.estimators import _dask

    monkeypatch.setattr(_dask, "_cores", lambda: 8)
    for pool, asked, threads in ((2, None, 4), (3, -1, 2), (16, None, 1), (2, 3, 3), (2, 9, 4)):
        assert _dask.Share(asked, pool, {}).threads() == threads

    class Worker:
        address = "tcp://10.0.0.1:1234"
        state = type("State", (), {"nthreads": 2})

    pytest.importorskip("distributed")
    monkeypatch.setattr(_dask, "_worker", Worker)
    assert _dask.Share(None, 1, {}).threads() == 4  # of a worker that came later
    assert _dask.Share(None, 1, {"10.0.0.1": 4, "10.0.0.2": 8}).threads() == 2
    with dask.config.set(scheduler="threads", num_workers=5):
        assert _dask.share_of(2) == _dask.Share(2, 5, {})


def test_limits_of_calls_that_overlap_are_put_back():
    def blas():
        return {x["num_threads"] for x in threadpool_info() if x["user_api"] == "blas"}

    def openmp():
        return {x["num_threads"] for x in threadpool_info() if x["user_api"] == "openmp"}

    before = blas(), openmp()
    first, second = blas_threads(1), blas_threads(2)
    first.__enter__()
    assert blas() == {1}
    second.__enter__()
    first.__exit__(None, None, None)
    assert max(blas()) <= 2
    second.__exit__(None, None, None)
    assert (blas(), openmp()) == before
    with all_threads(1):
        assert blas() | openmp() == {1}
    assert (blas(), openmp()) == before


# ---- workers that are lost -----------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.filterwarnings("default")
def test_a_worker_killed_on_the_way_changes_nothing(tmp_path, short_runs):
    wanted = clone(RIDGE).fit(chunked(rows=(50,) * 24), Y)

    def kill(rows, block_info=None):
        """Die once, at the first reading of a late chunk in the pass."""
        if block_info[0]["chunk-location"][0] == 20:
            seen = tmp_path / "seen"
            with contextlib.suppress(FileExistsError):
                seen.touch(exist_ok=False)
                return rows
            with contextlib.suppress(FileExistsError):
                (tmp_path / "killed").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        return rows

    with cluster(2, 1, processes=True) as client:
        pids = client.run(os.getpid)
        samples = chunked(rows=(50,) * 24).map_blocks(kill, dtype=float)
        found = clone(RIDGE).fit(samples, Y)
        assert (tmp_path / "killed").exists()
        deadline = time.monotonic() + 60
        while len(after := client.run(os.getpid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert set(after.values()) != set(pids.values())
    np.testing.assert_array_equal(found.dual_coef_, wanted.dual_coef_)


# ---- bad input -----------------------------------------------------------------------------------


def broken(function, rows=UNEQUAL):
    return chunked(rows=rows).map_blocks(function, dtype=float, meta=np.empty((0, 4)))


def with_nan(rows, block_info=None):
    rows = rows.copy()
    if block_info[0]["chunk-location"][0] == 3:
        rows[7, 2] = np.nan
    return rows


def of_other_type(rows, block_info=None):
    return rows.astype(np.float32) if block_info[0]["chunk-location"][0] == 4 else rows


def shorter(rows, block_info=None):
    return rows[1:] if block_info[0]["chunk-location"][0] == 4 else rows


def narrower(rows, block_info=None):
    return rows[:, 1:] if block_info[0]["chunk-location"][0] == 4 else rows


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (with_nan, r"chunk 3 \(rows 301 to 799\): .*NaN.*\(row 308\)"),
        (
            of_other_type,
            r"chunk 4 \(rows 800 to 1199\) has dtype float32, and X float64: bring all",
        ),
        (shorter, r"chunk 4 \(rows 800 to 1199\): X has 399 rows, 400 were promised"),
        (narrower, r"chunk 4 \(rows 800 to 1199\) has samples of shape \(3,\), and X of \(4,\)"),
    ],
)
def test_bad_chunks_are_named(function, words):
    for model in (RIDGE, clone(RIDGE).set_params(n_components=None, centers="uniform")):
        with pytest.raises(ValueError, match=words):
            clone(model).fit(broken(function), Y)
    with pytest.raises(ValueError, match=words):
        InvariantNystroem("rbf", 40, group="symmetric", random_state=0).fit(broken(function))


def test_bad_chunks_are_named_by_predictions():
    model = clone(RIDGE).fit(X, Y)
    with pytest.raises(ValueError, match=r"chunk 3 \(rows 301 to 799\), row 7 of it: .*NaN"):
        model.predict(broken(with_nan)).compute()
    with pytest.raises(ValueError, match="3 features"):
        model.predict(chunked(X[:, 1:]))
    with pytest.raises(ValueError, match=r"chunk 4.* 3 features"):
        model.predict(broken(narrower)).compute()


def test_bad_targets_and_weights():
    y = Y.copy()
    y[350] = np.inf
    model = clone(RIDGE)
    with pytest.raises(ValueError, match=r"chunk 3 \(rows 301 to 799\): y contains NaN.*row 350"):
        model.fit(chunked(), da.from_array(y, chunks=200))
    with pytest.raises(ValueError, match=r"chunk 3 .*: sample_weight must be finite, not negative"):
        model.fit(chunked(), Y, np.where(np.arange(N) == 350, -1.0, 1.0))
    with pytest.raises(ValueError, match="weight above 0"):
        model.fit(chunked(), Y, np.zeros(N))
    for bad in (Y[1:], da.from_array(Y[1:])):
        with pytest.raises(ValueError, match="y has 1199 rows and X has 1200"):
            model.fit(chunked(), bad)
        with pytest.raises(ValueError, match="sample_weight has 1199 rows"):
            model.fit(chunked(), Y, bad)
    with pytest.raises(ValueError, match="y is None"):
        model.fit(chunked(), None)
    with pytest.raises(ValueError, match=r"y has chunks of unknown sizes.*compute_chunk_sizes"):
        model.fit(chunked(), chunked(Y, (N,))[chunked(Y, (N,)) > -99])
    with pytest.raises((TypeError, ValueError), match="y must hold numbers"):
        model.fit(chunked(), LABELS)
    with pytest.raises((TypeError, ValueError), match="y must hold numbers"):
        model.fit(chunked(), da.from_array(LABELS))
    with pytest.raises(TypeError, match=r"y is a Dask array.*y\.compute\(\)"):
        model.fit(X, chunked(Y, (N,)))
    with pytest.raises(TypeError, match=r"y is a Dask array and X is not"):
        model.fit(Counting(), chunked(Y, (N,)))


def test_shapes():
    model = clone(RIDGE)
    unknown = chunked()[chunked()[:, 0] > 0]
    for fit in (model.fit, InvariantNystroem(group="symmetric").fit):
        with pytest.raises(ValueError, match=r"unknown sizes.*X\.compute_chunk_sizes\(\)"):
            fit(unknown, Y)
        with pytest.raises(ValueError, match="must have a sample"):
            fit(da.zeros((0, 4)), Y[:0])
        with pytest.raises(ValueError, match="must have a feature"):
            fit(da.zeros((N, 0)), Y)
        with pytest.raises(ValueError, match=r"shape \(n_samples, n_features\)"):
            fit(da.zeros(N), Y)
    known = unknown.compute_chunk_sizes()
    wanted = clone(RIDGE).fit(X[X[:, 0] > 0], Y[X[:, 0] > 0]).predict(X)
    close(model.fit(known, Y[X[:, 0] > 0]).predict(X), wanted)
    one = clone(RIDGE).fit(chunked(X[:1], (0, 1)), Y[:1])
    close(one.predict(X[:1]), clone(RIDGE).fit(X[:1], Y[:1]).predict(X[:1]))
    with pytest.raises(MemoryError, match="too little"):
        clone(RIDGE).set_params(memory_limit=1000.0).fit(chunked(), Y)
    with pytest.raises(ValueError, match="alpha"):
        clone(RIDGE).set_params(alpha=[1.0, 2.0]).fit(chunked(), Y)


def test_what_needs_all_samples_is_refused():
    def refused(model, words, *rest):
        with pytest.raises(NotApplicableError, match=rf"X is a Dask array.*{words}"):
            model.fit(chunked(), Y, *rest)

    for solver in ("cholesky", "pcg"):
        words = rf"{solver}.*solver='nystroem'.*X\.compute\(\)"
        refused(clone(RIDGE).set_params(solver=solver), words)
        refused(InvariantKernelClassifier(solver=solver), words)
    refused(clone(RIDGE).set_params(checkpoint="state"), "checkpoint=")
    refused(clone(RIDGE).set_params(device="cuda"), "on the host")
    refused(
        clone(RIDGE).set_params(group=None, descriptor=InversePairDistances(2)),
        r"X\.map_blocks\(descriptor\.value",
    )
    for call in (
        lambda: InvariantKernelRidgeCV(solver="nystroem").fit(chunked(), Y),
        lambda: clone(RIDGE).partial_fit(chunked(), Y),
        lambda: InvariantKernelRidge(kernel=SetKernel(RBF())).fit(chunked(), Y),
        lambda: InvariantKernelRidge(0.1).fit(X, Y, gradient=chunked()),
        lambda: InvariantKernelRidge(0.1).fit(chunked(), Y, gradient=X),
    ):
        with pytest.raises((TypeError, ValueError), match=r"Dask array|sets"):
            call()


def test_auto_says_that_it_approximates():
    model = clone(RIDGE).set_params(solver="auto")
    with pytest.warns(ApproximationWarning, match=r"X is a Dask array.*solver='nystroem'"):
        model.fit(chunked(), Y)
    np.testing.assert_array_equal(model.dual_coef_, clone(RIDGE).fit(chunked(), Y).dual_coef_)
    with pytest.warns(UserWarning, match="dwarfs its standard deviation"):
        clone(RIDGE).fit(chunked(), Y + 1e4)


# ---- what comes with it --------------------------------------------------------------------------


def test_samples_are_added_to_a_fit_to_chunks():
    found = clone(RIDGE).set_params(normalize_y=True).fit(chunked(), Y)
    found.partial_fit(X[:100] + 0.1, Y[:100])
    whole = np.concatenate([X, X[:100] + 0.1]), np.concatenate([Y, Y[:100]])
    wanted = clone(found).fit(X, Y).partial_fit(X[:100] + 0.1, Y[:100])
    close(found.predict(whole[0]), wanted.predict(whole[0]))


def test_progress_is_shown(capfd):
    clone(RIDGE).fit(chunked(), Y)
    assert capfd.readouterr().out == ""
    clone(RIDGE).set_params(verbose=1).fit(chunked(), Y)
    shown = capfd.readouterr().out
    assert "40 centres" in shown and "1,200 samples" in shown and "Completed" in shown


def test_dask_is_not_imported_where_it_is_not_used():
    code = (
        "import sys, numpy as np; from symkernel import InvariantKernelRidge as R; "
        "X = np.random.default_rng(0).normal(size=(50, 3)); "
        "R(solver='nystroem', n_components=5).fit(X, X[:, 0]).predict(X); "
        "assert not {'dask', 'distributed'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
