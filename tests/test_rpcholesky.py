"""Randomly pivoted Cholesky, whitening and uniform centres against slow, obvious NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics.pairwise import rbf_kernel
from symkernel import InvariantKernel, groups
from symkernel.solvers.rpcholesky import SampleColumns, factor_at, rpcholesky, uniform_pivots
from symkernel.solvers.whitening import Whitening, whiten


class Matrix:
    """The columns of a matrix, and how many of them were asked for."""

    def __init__(self, K):
        self.K, self.asked = np.asarray(K), 0

    def diag(self):
        return self.K.diagonal().copy()

    def columns(self, indices):
        self.asked += len(indices)
        return np.asfortranarray(self.K[:, indices])

    def block(self, indices):
        return self.K[np.ix_(indices, indices)]


def gram(n=120, d=3, gamma=0.3, seed=0):
    return rbf_kernel(np.random.default_rng(seed).normal(size=(n, d)), gamma=gamma)


def nystroem(K, pivots):
    return K[:, pivots] @ np.linalg.pinv(K[np.ix_(pivots, pivots)]) @ K[pivots]


@pytest.mark.parametrize("block", [1, 2, 7, 64, None])
@pytest.mark.parametrize("m", [1, 2, 13, 40])
def test_the_factor_is_the_nystroem_approximation_of_its_pivots(block, m):
    K = gram()
    columns = Matrix(K)
    found = rpcholesky(columns, m, block=block, random_state=3)
    assert found.rank == m == len(set(found.pivots.tolist())) == columns.asked
    assert found.stopped == "columns"
    np.testing.assert_allclose(found.factor @ found.factor.T, nystroem(K, found.pivots), atol=1e-9)
    np.testing.assert_allclose(
        found.residual, K.diagonal() - np.square(found.factor).sum(axis=1), atol=1e-13
    )
    assert found.residual_trace == pytest.approx(np.trace(K - found.factor @ found.factor.T))
    L = found.triangle
    assert not np.triu(L, 1).any()
    assert not np.triu(found.factor[found.pivots], 1).any()
    np.testing.assert_allclose(L @ L.T, K[np.ix_(found.pivots, found.pivots)], atol=1e-13)


def test_a_seed_gives_the_same_pivots_and_another_others():
    K = Matrix(gram())
    first, again, other = (rpcholesky(K, 20, random_state=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(first.pivots, again.pivots)
    np.testing.assert_array_equal(first.factor, again.factor)
    assert set(first.pivots) != set(other.pivots)


@pytest.mark.parametrize("block", [1, 4])
def test_pivots_have_the_distribution_of_pivots_drawn_one_at_a_time(block):
    K = gram(5, gamma=0.8, seed=2) * np.array([1.0, 0.5, 2.0, 1.0, 1.5])
    K = K * np.array([1.0, 0.5, 2.0, 1.0, 1.5])[:, None]
    expected = np.zeros((5, 5))
    p = K.diagonal() / np.trace(K)
    for i in range(5):
        left = np.maximum(K.diagonal() - K[:, i] ** 2 / K[i, i], 0.0)
        left[i] = 0.0
        expected[i] = p[i] * left / left.sum()
    seen, draws = np.zeros((5, 5)), 1500
    for seed in range(draws):
        i, j = rpcholesky(Matrix(K), 2, block=block, random_state=seed).pivots
        seen[i, j] += 1
    some = expected > 0
    assert not seen[~some].any()
    assert chisquare(seen[some], draws * expected[some]).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("rank", [0, 1, 2, 5])
def test_rank_deficiency_stops_and_says_the_rank(rank, dtype):
    Z = np.random.default_rng(rank).normal(size=(60, rank))
    K = Matrix((Z @ Z.T).astype(dtype))
    found = rpcholesky(K, 30, random_state=0)
    assert (found.rank, found.stopped) == (rank, "rank")
    np.testing.assert_allclose(
        found.factor @ found.factor.T, Z @ Z.T, atol=300 * np.finfo(dtype).eps
    )
    assert found.factor.shape == (60, rank)
    again = factor_at(K, np.arange(30))
    assert (again.rank, again.stopped) == (rank, "rank")
    np.testing.assert_array_equal(again.pivots, np.arange(rank))


def test_duplicates_are_taken_once():
    K = np.tile(gram(8), (5, 5))
    found = rpcholesky(Matrix(K), 20, random_state=1)
    assert (found.rank, found.stopped) == (8, "rank")
    assert len(set(found.pivots % 8)) == 8
    twice = factor_at(Matrix(K), [3, 11, 3, 0, 8, 5])
    np.testing.assert_array_equal(twice.pivots, [3, 0, 5])
    assert twice.stopped == "columns"


def test_the_tolerance_stops():
    K = gram(gamma=0.05)
    found = rpcholesky(Matrix(K), 100, tol=0.01, block=4, random_state=0)
    assert found.stopped == "trace"
    assert found.residual_trace <= 0.01 * found.trace
    fewer = rpcholesky(Matrix(K), found.rank - 4, block=4, random_state=0)
    assert fewer.residual_trace > 0.01 * fewer.trace
    assert factor_at(Matrix(K), np.arange(100), tol=0.01, block=4).stopped == "trace"


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_samples_and_more_pivots_than_samples(n):
    K = Matrix(gram(n) if n else np.zeros((0, 0)))
    found = rpcholesky(K, 7, random_state=0)
    assert found.rank == n
    np.testing.assert_allclose(found.factor @ found.factor.T, K.K, atol=1e-15)
    assert rpcholesky(K, 0, random_state=0).rank == 0


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scales_of_the_kernel_do_not_matter(scale):
    K = gram(40)
    found, scaled = (rpcholesky(Matrix(A), 10, random_state=0) for A in (K, scale * K))
    np.testing.assert_array_equal(found.pivots, scaled.pivots)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_diagonal_that_none_has_is_refused(bad):
    K = gram(6)
    K[2, 2] = bad
    with pytest.raises(ValueError, match="positive semidefinite"):
        rpcholesky(Matrix(K), 2)


def test_columns_of_samples_are_those_of_the_kernel():
    X = np.random.default_rng(4).normal(size=(50, 12))
    kernel = InvariantKernel(RBF(3.0), groups.PointGroup("Oh").along(1, (4, 3)))
    samples = SampleColumns(X, lambda A, B: kernel.gram(A, B), kernel.diag, kernel.prepare(X))
    some, K = np.array([7, 3, 41]), kernel(X)
    np.testing.assert_allclose(samples.diag(), K.diagonal(), rtol=1e-13)
    np.testing.assert_allclose(samples.columns(some), K[:, some], rtol=1e-13)
    np.testing.assert_allclose(samples.block(some), K[np.ix_(some, some)], rtol=1e-13)
    found = rpcholesky(samples, 12, random_state=0)
    np.testing.assert_allclose(found.factor @ found.factor.T, nystroem(K, found.pivots), atol=1e-10)


def test_uniform_pivots():
    pivots = uniform_pivots(20, 7, 0)
    assert len(set(pivots.tolist())) == 7
    np.testing.assert_array_equal(pivots, uniform_pivots(20, 7, 0))
    np.testing.assert_array_equal(np.sort(uniform_pivots(5, 9, 0)), np.arange(5))
    counts = np.bincount(np.concatenate([uniform_pivots(10, 3, s) for s in range(2000)]))
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("M", [0, 1, 2, 11, 12, 13, 64, 150])
@pytest.mark.parametrize("rows", [0, 1, 3, 15, 16, 17, 100])
@pytest.mark.parametrize(("order", "n_jobs"), [("C", 1), ("F", 2)])
def test_whitening(M, rows, order, n_jobs):
    rng = np.random.default_rng(M)
    L = np.tril(rng.normal(size=(M, M))) / 10 + np.eye(M)
    K = np.array(rng.normal(size=(rows, M)), order=order)
    want = np.linalg.solve(L, K.T).T
    whitening = Whitening(L)
    w = rng.normal(size=(M, 2))
    np.testing.assert_allclose(K @ whitening.coefficients(w), want @ w, atol=1e-11)
    np.testing.assert_allclose(whitening.apply(K.astype(np.float32)), want, atol=1e-5)
    found = whitening.apply(K, n_jobs)
    np.testing.assert_allclose(found, want, atol=1e-12)
    assert not K.size or np.shares_memory(found, K) == K.flags.f_contiguous


def test_values_that_may_not_be_written_to_are_copied():
    K = np.asfortranarray(gram(5)[:, :3])
    K.flags.writeable = False
    before = K.copy()
    Whitening(2.0 * np.eye(3)).apply(K)
    np.testing.assert_array_equal(K, before)


def test_a_triangle_with_a_zero_on_its_diagonal_is_refused():
    with pytest.raises(ValueError, match="the diagonal of the triangle has a zero"):
        Whitening(np.diag([1.0, 0.0])).apply(np.ones((1, 2)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_jitter_is_raised_until_it_succeeds_and_told(dtype):
    K = gram(30, gamma=1.0).astype(dtype)
    regular = whiten(K)
    assert regular.jitter == 0.0
    np.testing.assert_allclose(regular.triangle @ regular.triangle.T, K, atol=1e-14)
    singular = np.tile(K, (2, 2))
    found = whiten(3.0 * singular)
    least = 1e-14 if dtype == np.float64 else 5e-6
    steps = np.log10(found.jitter / (3.0 * least))
    assert steps == pytest.approx(round(steps), abs=1e-6)
    assert 0 <= round(steps) <= 3
    A = found.triangle @ found.triangle.T
    np.testing.assert_allclose(A, 3.0 * singular + found.jitter * np.eye(60), atol=1e-13)


def test_what_has_no_factor_is_refused():
    with pytest.raises(ValueError, match="not positive definite"):
        whiten(np.diag([1.0, -1.0]))
    with pytest.raises(ValueError, match="not positive definite"):
        whiten(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="NaN or infinity"):
        whiten(np.full((2, 2), np.nan))
