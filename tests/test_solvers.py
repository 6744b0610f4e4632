"""Ridge systems and leave-one-out residuals against slow, obvious NumPy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.metrics.pairwise import rbf_kernel
from symkernel.solvers.leave_one_out import leave_one_out_residuals
from symkernel.solvers.ridge import solve_ridge

RNG = np.random.default_rng(11)
X = RNG.normal(size=(30, 3))
K = rbf_kernel(X, gamma=0.4)
Y = RNG.normal(size=(30, 3))
WEIGHTS = RNG.uniform(0.1, 2.0, 30)


def solve(K, y, alpha, w):
    """(K + alpha W^-1)^-1 y, one target at a time."""
    alphas = np.broadcast_to(alpha, y.shape[1])
    columns = [np.linalg.solve(K + a * np.diag(1 / w), t) for a, t in zip(alphas, y.T, strict=True)]
    return np.column_stack(columns)


@pytest.mark.parametrize("alpha", [0.3, np.array([0.1, 2.0, 0.1]), np.array([3.0, 0.2, 0.01])])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_ridge(alpha, weights):
    want = solve(K, Y, alpha, np.ones(30) if weights is None else weights)
    np.testing.assert_allclose(solve_ridge(K.copy(), Y, alpha, weights), want, rtol=1e-10)


def test_ridge_works_in_the_memory_of_the_gram_matrix():
    mine = K.copy()
    solve_ridge(mine, Y, 0.1)
    upper = np.triu(mine)
    np.testing.assert_allclose(upper.T @ upper, K + 0.1 * np.eye(30), atol=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
def test_ridge_of_either_memory_order(order):
    mine = np.array(K, order=order)
    np.testing.assert_allclose(solve_ridge(mine, Y, 0.1), solve(K, Y, 0.1, np.ones(30)), rtol=1e-10)


def test_ridge_weight_zero_is_absence():
    weights = WEIGHTS.copy()
    weights[[3, 17]] = 0.0
    kept = weights > 0
    c = solve_ridge(K.copy(), Y, 0.2, weights)
    assert (c[~kept] == 0).all()
    want = solve(K[np.ix_(kept, kept)], Y[kept], 0.2, weights[kept])
    np.testing.assert_allclose(c[kept], want, rtol=1e-9, atol=1e-12)


def test_ridge_keeps_the_dtype():
    assert solve_ridge(K.astype(np.float32), Y.astype(np.float32), 0.1).dtype == np.float32
    assert solve_ridge(K.astype(np.float32), Y, 0.1).dtype == np.float64


def duplicated(n=30, copies=2):
    return np.kron(K[:n, :n], np.ones((copies, copies))), np.repeat(Y[:n], copies, axis=0)


def test_singular_system_falls_back_to_least_squares():
    big, y = duplicated()
    y = y + RNG.normal(size=y.shape)  # the copies disagree: no exact solution
    with pytest.warns(LinAlgWarning, match=r"alpha=0 .*30 of 60 eigenvalues are zero"):
        c = solve_ridge(big.copy(), y, 0.0)
    np.testing.assert_allclose(c, np.linalg.pinv(big, rcond=1e-13, hermitian=True) @ y, rtol=1e-6)


def test_only_the_singular_targets_fall_back():
    big, y = duplicated()
    alpha = np.array([0.0, 0.5, 0.0])
    with pytest.warns(LinAlgWarning) as caught:
        c = solve_ridge(big.copy(), y, alpha)
    assert len(caught) == 1
    np.testing.assert_allclose(c[:, 1:2], solve(big, y[:, 1:2], 0.5, np.ones(60)), rtol=1e-9)
    np.testing.assert_allclose(big @ c[:, [0, 2]], y[:, [0, 2]], atol=1e-9)


def test_indefinite_system_is_solved_and_reported():
    K = np.diag([2.0, -1.0, 1.0])
    with pytest.warns(LinAlgWarning, match="it is indefinite"):
        c = solve_ridge(K, np.ones((3, 1)), 0.5)
    np.testing.assert_allclose(c.ravel(), [0.4, -2.0, 2 / 3])


def test_smooth_ill_conditioned_system_is_not_a_fallback():
    """Condition number 1e17, yet the fit is good: Cholesky is backward stable."""
    line = np.linspace(0, 1, 40)[:, None]
    K = rbf_kernel(line, gamma=0.5)
    y = np.sin(3 * line)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        c = solve_ridge(K.copy(), y, 1e-13)
    np.testing.assert_allclose(K @ c, y, atol=1e-6)


@pytest.mark.parametrize(
    ("K", "y", "alpha", "match"),
    [
        (np.eye(3), np.ones((2, 1)), 1.0, r"K must have shape \(2, 2\)"),
        (np.eye(2), np.ones((2, 3)), np.ones(2), r"got shape \(2,\) for 3 targets"),
        (np.full((2, 2), np.nan), np.ones((2, 1)), 1.0, "NaN"),
    ],
)
def test_ridge_errors(K, y, alpha, match):
    with pytest.raises(ValueError, match=match):
        solve_ridge(K, y, alpha)


ALPHAS = 10.0 ** np.arange(-4, 3)


def brute_force_residuals(K, y, alpha, w):
    residuals = np.empty_like(y)
    for i in range(len(y)):
        rest = np.arange(len(y)) != i
        c = solve(K[np.ix_(rest, rest)], y[rest], alpha, w[rest])
        residuals[i] = y[i] - K[i, rest] @ c
    return residuals


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_leave_one_out_is_leaving_one_out(weights):
    got = leave_one_out_residuals(K.copy(), Y, ALPHAS, weights)
    w = np.ones(30) if weights is None else weights
    want = np.array([brute_force_residuals(K, Y, a, w) for a in ALPHAS])
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-9)


def test_leave_one_out_of_an_indefinite_kernel():
    mixed = K - 0.3 * rbf_kernel(X, gamma=2.0)
    got = leave_one_out_residuals(mixed.copy(), Y, np.array([0.05]))
    np.testing.assert_allclose(
        got[0], brute_force_residuals(mixed, Y, 0.05, np.ones(30)), rtol=1e-6, atol=1e-8
    )


def test_leave_one_out_refuses_to_judge_singular_systems():
    big, y = duplicated()
    residuals = leave_one_out_residuals(big, y, np.array([0.0, 1e-3]))
    assert np.isnan(residuals[0]).all()
    assert np.isfinite(residuals[1]).all()


@pytest.mark.parametrize(
    ("K", "weights", "match"),
    [
        (np.eye(3), None, "K must have shape"),
        (np.eye(2), np.array([1.0, 0.0]), "sample_weight must be positive"),
        (np.full((2, 2), np.inf), None, "NaN or infinity"),
    ],
)
def test_leave_one_out_errors(K, weights, match):
    with pytest.raises(ValueError, match=match):
        leave_one_out_residuals(K, np.ones((2, 1)), ALPHAS, weights)
