"""One-pass Nystroem against dense formulas, refits and QR of the stacked problem."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning, qr
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups
from symkernel.solvers.chunks import chunks_of
from symkernel.solvers.nystroem import NystroemSums
from symkernel.solvers.nystroem_pass import nystroem_sums
from symkernel.solvers.rpcholesky import SampleColumns, factor_at
from symkernel.solvers.whitening import Whitening, whiten
from threadpoolctl import threadpool_info

KERNEL = InvariantKernel(RBF(2.0), groups.PointGroup("Oh").along(1, (3, 3)))
RNG = np.random.default_rng(7)
X = RNG.normal(size=(300, 9))
Y = np.stack([np.linalg.norm(X, axis=1), np.prod(X, axis=1) ** 2], axis=1)
Y = Y + 0.1 * RNG.normal(size=Y.shape) + [1e3, -2.0]
WEIGHTS = RNG.uniform(0.0, 2.0, 300) * (RNG.random(300) > 0.1)
CENTRES = X[::15].copy()
ALPHAS = np.array([1e-8, 1e-4, 1.0, 100.0])
WHITENING = whiten(KERNEL(CENTRES))


def cross(A):
    return KERNEL.gram(CENTRES, A).T


def one_pass(x=X, y=Y, w=None, rows=64, **options):
    return nystroem_sums(chunks_of(x, y, w, rows=rows), cross, WHITENING, y.shape[1], **options)


def features(x=X, whitening=WHITENING):
    return np.linalg.solve(whitening.triangle, KERNEL.gram(CENTRES, x)).T


def refit(B, y, alpha, w=None, centred=True):
    """Coefficients, intercept and fitted values by QR of the stacked, weighted problem."""
    w = np.ones(len(y)) if w is None else w
    mean = np.average(y, axis=0, weights=w) if centred else np.zeros(y.shape[1])
    root, M = np.sqrt(w)[:, None], B.shape[1]
    stacked = np.concatenate([root * B, np.sqrt(alpha) * np.eye(M)])
    right = np.concatenate([root * (y - mean), np.zeros((M, y.shape[1]))])
    Q, R = qr(stacked, mode="economic")
    c = np.linalg.solve(R, Q.T @ right)
    return c, mean, B @ c + mean


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("w", [None, WEIGHTS], ids=["even", "weighted"])
def test_every_alpha_is_that_of_a_refit(w, centred):
    system = one_pass(w=w).system(centred)
    B = features()
    weights = np.ones(len(X)) if w is None else w
    scores, squares = system.gcv(ALPHAS[1:]), system.residual_squares(ALPHAS[1:])
    for a, alpha in enumerate(ALPHAS[1:]):
        c, mean, fitted = refit(B, Y, alpha, w, centred)
        got, intercept = system.coefficients(alpha)
        np.testing.assert_allclose(got, c, rtol=1e-8, atol=1e-9 * abs(c).max())
        np.testing.assert_allclose(intercept, mean, rtol=1e-13)
        rss = (weights[:, None] * (Y - fitted) ** 2).sum(axis=0)
        if centred:
            np.testing.assert_allclose(squares[a], rss, rtol=1e-6)
        # The trace of what takes targets to fitted values, column by column.
        df = np.trace(refit(B, np.eye(len(X)), alpha, w, centred)[2])
        assert system.effective_dimension(alpha)[0] == pytest.approx(df, rel=1e-9)
        if centred:
            n = (weights > 0).sum()
            np.testing.assert_allclose(scores[a], n * rss / (n - df) ** 2, rtol=1e-6)


def test_an_alpha_for_each_target():
    system = one_pass().system()
    w, _ = system.coefficients(np.array([0.1, 10.0]))
    for t, alpha in enumerate([0.1, 10.0]):
        np.testing.assert_allclose(w[:, t], system.coefficients(alpha)[0][:, t], rtol=1e-14)


@pytest.mark.parametrize("alpha", [1e-8, 1e-7, 1e-6])
def test_whitened_chunks_equal_qr_where_unwhitened_sums_are_lost(alpha):
    """Smooth kernel, centres nearly dependent: the kernel matrix has a condition of 4e15."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(2000, 3))
    y = np.sin(x.sum(axis=1, keepdims=True)) + 0.01 * rng.normal(size=(2000, 1))
    z = x[:150]
    k = lambda A: np.exp(-((A[:, None] - z) ** 2).sum(axis=2) / 8)  # noqa: E731
    whitening = whiten(k(z))
    assert np.linalg.cond(whitening.triangle) > 1e7
    sums = nystroem_sums(chunks_of(x, y, rows=256), lambda A: np.asfortranarray(k(A)), whitening, 1)
    got = sums.system().coefficients(alpha)
    B = whitening.apply(k(x))
    _, mean, fitted = refit(B, y, alpha)
    predicted = B @ got[0] + got[1]
    assert np.abs(predicted - fitted).max() < 1e-8 * np.abs(y).max()
    # The trap: K^T K summed first and whitened at the end.
    L, K = whitening.triangle, k(x)
    late = np.linalg.solve(L, np.linalg.solve(L, K.T @ K).T)
    right = np.linalg.solve(L, K.T @ (y - mean))
    values = B @ np.linalg.solve(late + alpha * np.eye(150), right) + mean
    assert np.abs(values - fitted).max() > 1e-3 * np.abs(y).max()


@pytest.mark.parametrize("alpha", [1e-3, 1.0])
def test_equal_to_the_dense_subset_of_regressors(alpha):
    K_nm, K_mm = KERNEL(X, CENTRES), KERNEL(CENTRES)
    dense = np.linalg.solve(K_nm.T @ K_nm + alpha * K_mm, K_nm.T @ Y)
    w, _ = one_pass().system(centred=False).coefficients(alpha)
    beta = WHITENING.coefficients(w)
    fresh = RNG.normal(size=(20, 9))
    np.testing.assert_allclose(
        KERNEL(fresh, CENTRES) @ beta, KERNEL(fresh, CENTRES) @ dense, rtol=1e-7
    )


def test_all_samples_as_centres_give_kernel_ridge():
    K = KERNEL(X)
    factor = factor_at(SampleColumns(X, KERNEL.gram, KERNEL.diag), np.arange(len(X)))
    assert factor.rank == len(X)
    sums = NystroemSums.zeros(len(X), 2)
    sums.add(Whitening(factor.triangle).apply(K.copy()), Y, diagonal=K.diagonal())
    w, _ = sums.system(centred=False).coefficients(0.1)
    want = K @ np.linalg.solve(K + 0.1 * np.eye(len(X)), Y)
    got = K @ Whitening(factor.triangle).coefficients(w)
    np.testing.assert_allclose(got, want, rtol=1e-8)
    assert sums.residual_trace < 1e-9 * sums.trace


def same(a, b, rtol=1e-12):
    for name, value in a.with_offset(np.zeros(2)).arrays().items():
        other = b.with_offset(np.zeros(2)).arrays()[name]
        if name == "gram":
            value, other = np.tril(value), np.tril(other)
        np.testing.assert_allclose(value, other, rtol=rtol, atol=1e-10 * abs(value).max())


@pytest.mark.parametrize("w", [None, WEIGHTS], ids=["even", "weighted"])
def test_states_added_equal_one_pass(w):
    whole = one_pass(w=w, diag=KERNEL.diag)
    parts = [slice(0, 100), slice(100, 100), slice(100, 101), slice(101, 300)]
    sums = NystroemSums.zeros(20, 2)
    for part in parts:
        sums = sums + one_pass(X[part], Y[part], None if w is None else w[part], diag=KERNEL.diag)
    same(sums, whole)
    for a, b in zip(
        sums.system().coefficients(1e-3), whole.system().coefficients(1e-3), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_chunks_of_any_size_give_the_same_sums(rows):
    same(one_pass(rows=rows), one_pass(rows=128))


def test_values_of_single_precision_are_summed_in_double():
    single = X.astype(np.float32)
    values = []

    def cross32(A):
        values.append(KERNEL.gram(CENTRES.astype(np.float32), A).T)
        return values[-1]

    sums = nystroem_sums(chunks_of(single, Y, rows=64), cross32, WHITENING, 2)
    assert {v.dtype for v in values} == {np.dtype(np.float32)}
    assert sums.gram.dtype == np.float64
    B = np.linalg.solve(WHITENING.triangle, np.concatenate(values, axis=0).T.astype(float)).T
    np.testing.assert_allclose(np.tril(sums.gram), np.tril(B.T @ B), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_threads_are_those_asked_for(n_jobs):
    seen = set()

    def watched(A):
        blas = [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]
        seen.update(blas)
        return KERNEL.gram(CENTRES, A, n_jobs=n_jobs).T

    sums = nystroem_sums(chunks_of(X, Y, rows=64), watched, WHITENING, 2, n_jobs=n_jobs)
    assert seen == {n_jobs}
    same(sums, one_pass())


def test_a_pass_goes_on_where_it_was_saved_with_the_same_digits(tmp_path):
    path = tmp_path / "state"
    seen = []

    class StopError(Exception):
        pass

    def after(sums):
        sums.save(path)
        seen.append(sums.rows)
        if len(seen) == 3:
            raise StopError

    with pytest.raises(StopError):
        one_pass(diag=KERNEL.diag, after=after)
    state = NystroemSums.load(path)
    assert state.rows == 192
    rest = nystroem_sums(
        chunks_of(X[192:], Y[192:], rows=64), cross, WHITENING, 2, diag=KERNEL.diag, sums=state
    )
    whole = one_pass(diag=KERNEL.diag)
    for name, value in whole.arrays().items():
        np.testing.assert_array_equal(rest.arrays()[name], value, err_msg=name)
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("w", [None, WEIGHTS], ids=["even", "weighted"])
def test_the_residual_trace_is_exact(w):
    B = features()
    weights = np.ones(len(X)) if w is None else w
    want = weights @ (KERNEL.diag(X) - np.square(B).sum(axis=1))
    assert one_pass(w=w, diag=KERNEL.diag).residual_trace == pytest.approx(want, rel=1e-10)
    assert np.isnan(one_pass().residual_trace)


def test_hold_out_errors_and_variances():
    train, test = slice(0, 200), slice(200, 300)
    system = one_pass(X[train], Y[train], WEIGHTS[train]).system()
    B, weights = features(), WEIGHTS[test]
    errors = system.holdout(B[test], Y[test], ALPHAS, weights)
    for a, alpha in enumerate(ALPHAS):
        c, mean, _ = refit(B[train], Y[train], alpha, WEIGHTS[train])
        wrong = (B[test] @ c + mean - Y[test]) ** 2
        np.testing.assert_allclose(errors[a], np.average(wrong, axis=0, weights=weights), rtol=1e-7)
    G = B[train].T @ (WEIGHTS[train, None] * B[train])
    for alpha in ALPHAS[1:]:
        want = alpha * np.einsum(
            "im,im->i", B[test], np.linalg.solve(G + alpha * np.eye(20), B[test].T).T
        )
        np.testing.assert_allclose(system.unexplained(B[test], alpha), want, rtol=1e-7)


def test_the_mean_of_the_targets_may_dwarf_their_spread():
    far, near = one_pass(y=Y + 1e9).system(), one_pass().system()
    np.testing.assert_allclose(far.squares, near.squares, rtol=1e-5)
    np.testing.assert_allclose(far.coefficients(1.0)[0], near.coefficients(1.0)[0], rtol=1e-5)


def test_residuals_that_cancel_are_not_told():
    """Targets in the span of the features: what is left is rounding."""
    B = features()
    y = B @ np.random.default_rng(0).normal(size=(20, 2))
    system = one_pass(y=y).system(centred=False)
    assert np.isnan(system.residual_squares(1e-10)).all()
    assert np.isnan(system.gcv(1e-10)).all()
    assert (system.holdout(B, y, 1e-10) < 1e-12 * np.square(y).mean()).all()
    assert not np.isnan(system.residual_squares(10.0)).any()


def test_as_many_dimensions_as_samples_have_an_infinite_score():
    B = np.random.default_rng(0).normal(size=(5, 5))
    sums = NystroemSums.zeros(5, 1)
    sums.add(B, B[:, :1] ** 2)
    assert sums.system(centred=False).gcv(0.0) == np.inf


def test_alpha_zero_of_a_singular_system_warns():
    B = np.random.default_rng(0).normal(size=(30, 3)) @ np.ones((3, 6))
    y = B[:, :1] + 1.0
    sums = NystroemSums.zeros(6, 1)
    sums.add(B, y)
    system = sums.system(centred=False)
    with pytest.warns(LinAlgWarning, match="5 of its eigenvalues"):
        w, _ = system.coefficients(0.0)
    np.testing.assert_allclose(w, np.linalg.lstsq(B, y, rcond=1e-10)[0], atol=1e-9)
    assert system.effective_dimension(0.0) == pytest.approx(1.0)


def test_one_sample_and_none():
    sums = one_pass(X[:1], Y[:1])
    w, intercept = sums.system().coefficients(1.0)
    np.testing.assert_allclose(intercept, Y[0])
    np.testing.assert_allclose(w, 0.0, atol=1e-12)
    empty = one_pass(X[:0], Y[:0])
    assert empty.n == empty.rows == 0
    with pytest.raises(ValueError, match="no samples with a weight above 0"):
        empty.system()
    with pytest.raises(ValueError, match="no samples with a weight above 0"):
        one_pass(w=np.zeros(300)).system()


def test_sums_of_other_features_are_refused():
    sums = NystroemSums.zeros(3, 1)
    with pytest.raises(ValueError, match="samples have 4 features and 1 targets; the sums have 3"):
        sums.add(np.zeros((2, 4)), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="were added to sums of"):
        sums + NystroemSums.zeros(3, 2)
