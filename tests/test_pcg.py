"""Preconditioned conjugate gradients on stored and on computed matrices, beside exact solutions."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process.kernels import Matern
from symkernel import InvariantKernel, groups
from symkernel.backends.packed import pack
from symkernel.descriptors import InversePairDistances
from symkernel.solvers.matrices import FullMatrix, PackedMatrix
from symkernel.solvers.pcg import solve_pcg, warn_unconverged
from symkernel.solvers.preconditioner import Preconditioner
from symkernel.solvers.ridge_packed import solve_ridge_packed
from symkernel.solvers.rpcholesky import SampleColumns, rpcholesky


def partial_cholesky(K, rank, rng):
    """Draw pivots by the residual diagonal, one at a time: the factor and what it leaves."""
    left = K.diagonal().copy()
    F, pivots = np.zeros((len(K), rank)), []
    for j in range(rank):
        if left.sum() <= 1e-13 * K.trace():
            break
        s = rng.choice(len(K), p=left / left.sum())
        column = (K[:, s] - F @ F[s]) / np.sqrt(left[s])
        column[pivots] = 0.0
        F[:, j] = column
        pivots.append(s)
        left = np.maximum(left - column**2, 0.0)
        left[s] = 0.0
    r = len(pivots)
    return SimpleNamespace(factor=F[:, :r], residual=left, pivots=np.array(pivots, int))


def smooth(n, seed=0, length=1.0):
    X = np.random.default_rng(seed).normal(size=(n, 2))
    square = ((X[:, None] - X[None]) ** 2).sum(axis=2)
    return X, np.exp(-square / (2 * length**2))


def exact(K, y, alpha, w=None):
    root = np.ones(len(K)) if w is None else np.sqrt(w)
    A = root[:, None] * K * root + alpha * np.eye(len(K))
    return root[:, None] * np.linalg.solve(A, root[:, None] * y)


RNG = np.random.default_rng(3)


# ---- matrices ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 255, 256, 257, 511, 512, 513, 700, 1025])
@pytest.mark.parametrize("k", [0, 1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_packed_products(n, k, dtype):
    A = RNG.normal(size=(n, n)).astype(dtype)
    A = A + A.T
    V = RNG.normal(size=(n, k))
    chosen = RNG.integers(0, n, size=k)
    for matrix in (PackedMatrix(pack(A), n), FullMatrix(A)):
        assert len(matrix) == n
        product = matrix.matvec(V)
        assert product.shape == (n, k) and product.dtype == dtype
        rounding = 30 * np.finfo(dtype).eps * np.abs(A).sum(axis=1).max()
        np.testing.assert_allclose(product, A.astype(float) @ V, atol=rounding)
        np.testing.assert_array_equal(matrix.diag(), A.diagonal())
        np.testing.assert_array_equal(matrix.columns(chosen), A[:, chosen])
        np.testing.assert_array_equal(matrix.block(chosen), A[np.ix_(chosen, chosen)])


# ---- solutions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alpha", "rank"),
    [(1e-2, None), (10.0, 0), (0.1, 1), (1e-3, 30), (1e-6, 80), (1e-6, 200), (10.0, 200)],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_exact_solution(alpha, rank, weighted):
    X, K = smooth(200)
    y = np.column_stack([np.sin(X[:, 0]), X[:, 1] ** 2, RNG.choice([-1.0, 1.0], 200)])
    w = RNG.uniform(0.0, 3.0, 200) if weighted else None
    if weighted:
        w[:5] = 0.0
    low_rank = None if rank is None else partial_cholesky(K, rank, RNG)
    tol = max(1e-10, 1e-12 / alpha)  # rounding in products with coefficients of size 1 / alpha
    packed = PackedMatrix(pack(K), 200)
    found = solve_pcg(packed, y, alpha, w, low_rank=low_rank, tol=tol, max_iter=2000)
    want = exact(K, y, alpha, w)
    assert found.converged and not found.indefinite
    root = np.ones(200) if w is None else np.sqrt(w)
    apart = np.linalg.norm(root[:, None] * (K @ (found.solution - want)), axis=0)
    assert (apart <= 2 * tol * np.linalg.norm(root[:, None] * y, axis=0)).all()
    if weighted:
        assert (found.solution[:5] == 0.0).all()
    assert len(found.history) == found.iterations + 1


def test_one_ridge_a_column():
    X, K = smooth(150)
    y = np.tile(np.sin(X[:, :1]), (1, 4))
    alphas = np.array([1e-5, 1e-3, 1e-1, 10.0])
    low_rank = partial_cholesky(K, 70, RNG)
    found = solve_pcg(FullMatrix(K), y, alphas, low_rank=low_rank, tol=1e-10)
    assert found.converged
    for j, alpha in enumerate(alphas):
        want = np.linalg.solve(K + alpha * np.eye(150), y[:, j])
        np.testing.assert_allclose(K @ found.solution[:, j], K @ want, atol=1e-8)


def test_mu_counts_what_the_factor_leaves():
    """With alpha in place of mu, the trailing eigenvalues would be taken for noise."""
    X = np.random.default_rng(0).uniform(-1, 1, size=(600, 3))
    K = np.exp(-np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2)))  # eigenvalues fall slowly
    y = np.sin(3 * X).prod(axis=1)[:, None]
    low_rank = partial_cholesky(K, 60, np.random.default_rng(1))
    naive = SimpleNamespace(factor=low_rank.factor, residual=np.zeros(600), pivots=low_rank.pivots)
    few = {"tol": 0.0, "max_iter": 25}
    ours = solve_pcg(FullMatrix(K), y, 1e-8, low_rank=low_rank, **few)
    theirs = solve_pcg(FullMatrix(K), y, 1e-8, low_rank=naive, **few)
    assert ours.mu[0] == pytest.approx(1e-8 + low_rank.residual.sum() / 600)
    want = exact(K, y, 1e-8)
    errors = [np.linalg.norm(K @ (f.solution - want)) for f in (ours, theirs)]
    assert 5 * errors[0] < errors[1]


def test_the_start_is_the_fit_in_the_span_of_the_pivots():
    X, K = smooth(120)
    y = np.column_stack([np.sin(X[:, 0]), X[:, 1]])
    w = RNG.uniform(0.5, 2.0, 120)
    low_rank = partial_cholesky(K, 15, RNG)
    for weights in (None, w):
        W = np.eye(120) if weights is None else np.diag(weights)
        pivots = low_rank.pivots
        KnM, KMM = K[:, pivots], K[np.ix_(pivots, pivots)]
        want = np.linalg.solve(KnM.T @ W @ KnM + 0.1 * KMM, KnM.T @ W @ y)
        root = None if weights is None else np.sqrt(weights)
        b = y if root is None else y * root[:, None]
        found = Preconditioner(low_rank, np.full(2, 0.1), root, 120).start(b)
        np.testing.assert_allclose(K @ found, KnM @ want, atol=1e-8)
        assert set(np.flatnonzero(found.any(axis=1))) <= set(pivots)
        one = solve_pcg(FullMatrix(K), y, 0.1, weights, low_rank=low_rank, max_iter=0)
        np.testing.assert_allclose(one.solution, found, atol=1e-12)
        assert (one.residuals < 0.9).all() and one.iterations == 0
        done = solve_pcg(FullMatrix(K), y, 0.1, weights, start=found, tol=1e-10)
        np.testing.assert_allclose(K @ done.solution, K @ exact(K, y, 0.1, weights), atol=1e-8)


@pytest.mark.parametrize("alpha", [1e-2, 1e-12])  # F^T F will do, and will not
def test_the_preconditioner_inverts_what_it_says(alpha):
    _, K = smooth(150)
    w = RNG.uniform(0.0, 2.0, 150)
    w[7] = 0.0
    low_rank = partial_cholesky(K, 90, RNG)
    R = RNG.normal(size=(150, 2))
    for root in (None, np.sqrt(w)):
        P = Preconditioner(low_rank, np.array([alpha, 10 * alpha]), root, 150)
        S = np.eye(150) if root is None else np.diag(root)
        for j in range(2):
            found = P.apply(R[:, [j]], np.array([j])) / P.mu[j]
            back = S @ low_rank.factor @ (low_rank.factor.T @ (S @ found)) + P.mu[j] * found
            scale = np.linalg.norm(K, 2) * np.abs(found).max()
            np.testing.assert_allclose(back, R[:, [j]], atol=1e-14 * scale + 1e-9)


# ---- bad input ---------------------------------------------------------------------------------


def test_one_sample_and_zero_targets():
    one = solve_pcg(FullMatrix(np.array([[2.0]])), np.array([[3.0]]), 1.0)
    np.testing.assert_allclose(one.solution, [[1.0]])
    _, K = smooth(20)
    y = np.zeros((20, 2))
    y[:, 1] = 1.0
    found = solve_pcg(FullMatrix(K), y, 0.1, tol=1e-9)
    assert found.converged and (found.solution[:, 0] == 0.0).all()
    empty = solve_pcg(FullMatrix(K), y[:, :0], 0.1)
    assert empty.solution.shape == (20, 0) and empty.iterations == 0


def test_duplicates_and_no_ridge():
    X, K = smooth(60)
    twice = np.repeat(np.arange(60), 2)
    K2 = K[np.ix_(twice, twice)]
    low_rank = partial_cholesky(K2, 100, RNG)  # of rank 60
    assert len(low_rank.pivots) <= 60
    y = np.sin(X[twice, :1])
    found = solve_pcg(PackedMatrix(pack(K2), 120), y, 1e-4, low_rank=low_rank, tol=1e-10)
    np.testing.assert_allclose(K2 @ found.solution, K2 @ exact(K2, y, 1e-4), atol=1e-8)
    bare = solve_pcg(PackedMatrix(pack(K2), 120), y, 0.0, low_rank=low_rank)
    left = np.linalg.norm(y - K2 @ bare.solution) / np.linalg.norm(y)
    assert bare.converged and bare.residuals[0] == pytest.approx(left, rel=1e-3, abs=1e-9)
    assert left <= 1e-4  # interpolates


def test_an_indefinite_matrix_is_found_out():
    y = np.ones((30, 1))
    found = solve_pcg(FullMatrix(np.diag(np.linspace(-1.0, 2.0, 30))), y, 0.0)
    assert found.indefinite and not found.converged
    with pytest.warns(ConvergenceWarning, match="indefinite up to rounding"):
        warn_unconverged(found, 0.0)


def test_what_does_not_converge_warns():
    X, K = smooth(200)
    found = solve_pcg(FullMatrix(K), np.sin(3 * X[:, :1]), 1e-7, tol=1e-9, max_iter=3)
    assert not found.converged and found.iterations == 3
    words = r"residual of .* above tol=1e-09: of 3 iterations .*n_components.*max_iter"
    with pytest.warns(ConvergenceWarning, match=words):
        warn_unconverged(found, 1e-7)


def test_refusals():
    _, K = smooth(10)
    y = np.ones((10, 2))
    with pytest.raises(ValueError, match=r"operator must have 10 rows.* has 9"):
        solve_pcg(FullMatrix(K[:9, :9]), y, 1.0)
    with pytest.raises(ValueError, match="alpha must be a number or one number per target"):
        solve_pcg(FullMatrix(K), y, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"start must have shape \(10, 2\)"):
        solve_pcg(FullMatrix(K), y, 1.0, start=np.ones((10, 1)))
    K[3, 4] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        solve_pcg(FullMatrix(K), y, 1.0)


# ---- interruption ------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [1, 7, 10, 13])
def test_an_interrupted_run_gives_the_same_digits(stop):
    X, K = smooth(300)
    y = np.column_stack([np.sin(X[:, 0]), np.ones(300), X[:, 1]])
    low_rank = partial_cholesky(K, 50, RNG)
    operator = PackedMatrix(pack(K), 300)
    whole = solve_pcg(operator, y, 1e-4, low_rank=low_rank, tol=1e-9)
    assert whole.converged and whole.iterations > 13
    kept = []

    def interrupt(state):
        if state.iteration == stop:
            kept.append(copy.deepcopy(state))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve_pcg(operator, y, 1e-4, low_rank=low_rank, tol=1e-9, callback=interrupt)
    again = solve_pcg(operator, y, 1e-4, low_rank=low_rank, tol=1e-9, resume=kept[0])
    np.testing.assert_array_equal(again.solution, whole.solution)
    np.testing.assert_array_equal(again.history, whole.history)
    with pytest.raises(ValueError, match="resume must be of a run with y of shape"):
        solve_pcg(operator, y[:, :2], 1e-4, resume=kept[0])


# ---- how far, and how fast -----------------------------------------------------------------------

FILE = Path(os.environ.get("SYMKERNEL_DATA", "../shared/data")) / "rmd17" / "ethanol.npz"


@pytest.mark.data
@pytest.mark.skipif(not FILE.exists(), reason="needs rMD17's ethanol")
def test_energies_of_molecules_with_a_tiny_ridge():
    """Rank n / 10 and alpha 1e-8: 40 iterations predict as well as the exact solution."""
    n, n_test = 4000, 1000
    with np.load(FILE) as found:
        order = np.random.default_rng(0).permutation(len(found["E"]))[: n + n_test]
        R, E, z = found["R"][order], found["E"][order], found["z"]
    X = InversePairDistances(9).value(R.reshape(len(R), -1))
    y = (E - E.mean()) / E.std()
    k = InvariantKernel(Matern(3.0, nu=2.5), groups.molecule(z, R[0]).on_pairs())
    packed, cross = k.gram_packed(X[:n]), k(X[n:], X[:n])
    samples = SampleColumns(X[:n], k.gram, k.diag)
    low_rank = rpcholesky(samples, n // 10, random_state=0)
    found = solve_pcg(
        PackedMatrix(packed, n), y[:n, None], 1e-8, low_rank=low_rank, max_iter=40, tol=0.0
    )
    exact = solve_ridge_packed(packed, y[:n, None], 1e-8)
    errors = [np.sqrt(np.mean((cross @ c[:, 0] - y[n:]) ** 2)) for c in (found.solution, exact)]
    assert errors[0] <= 1.05 * errors[1] < 0.2
