"""Residuals with several rows left out together: those of refits."""

from __future__ import annotations

import numpy as np
import pytest
from catalog import GROUPS, samples
from sklearn.gaussian_process.kernels import Matern
from symkernel import InvariantKernel, InvariantKernelRidge
from symkernel.backends.packed import column, pack
from symkernel.kernels.joint import JointKernel
from symkernel.solvers.leave_blocks_out import leave_blocks_out_residuals
from symkernel.solvers.ridge_factor import CholeskyFactor, EigenFactor, factor_ridge

RNG = np.random.default_rng(4)


def refits(K, y, alphas, weights, blocks):
    """Residuals of rows b of a model of the other rows."""
    found = np.full(y.shape, np.nan)
    for rows in blocks:
        kept = np.setdiff1d(np.arange(len(y)), rows)
        for t, alpha in enumerate(np.broadcast_to(alphas, y.shape[1])):
            A = K[np.ix_(kept, kept)] + np.diag(alpha / weights[kept])
            f = K[np.ix_(rows, kept)] @ np.linalg.solve(A, y[kept, t])
            found[rows, t] = y[rows, t] - f
    return found


@pytest.mark.parametrize("n", [1, 2, 7, 12])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alphas", [[0.1], [0.1, 2.0]])
def test_equal_to_refits(n, weighted, alphas):
    V = RNG.normal(size=(n, n + 2))
    K, y = V @ V.T / n, RNG.normal(size=(n, 2))
    w = RNG.uniform(0.2, 3.0, size=n) if weighted else np.ones(n)
    blocks = np.array_split(RNG.permutation(n), max(1, n // 3))
    alphas = np.array(alphas)
    factor = factor_ridge(lambda: pack(K), K.copy, n, alphas, w if weighted else None)
    assert isinstance(factor, CholeskyFactor if len(alphas) == 1 else EigenFactor)
    c = np.column_stack(
        [
            np.linalg.solve(K + np.diag(a / w), y[:, t])
            for t, a in enumerate(np.broadcast_to(alphas, 2))
        ]
    )
    words = {"sample_weight": w} if weighted else {}
    found = leave_blocks_out_residuals(factor, c, blocks, **words)
    np.testing.assert_allclose(found, refits(K, y, alphas, w, blocks), atol=1e-10)
    one = leave_blocks_out_residuals(factor, c, blocks[:1], **words)
    np.testing.assert_allclose(one[blocks[0]], found[blocks[0]], atol=1e-12)
    assert np.isnan(np.delete(one, blocks[0], axis=0)).all()


def test_several_targets_for_each_alpha():
    V, Y = RNG.normal(size=(7, 9)), RNG.normal(size=(7, 3))
    w, alphas = RNG.uniform(0.2, 3.0, size=7), np.array([0.1, 2.0])
    blocks = [np.arange(3), np.arange(3, 7)]
    factor = factor_ridge(None, lambda: V @ V.T, 7, alphas, w)
    c = np.stack([factor.coefficients(y) for y in Y.T], axis=2)
    found = leave_blocks_out_residuals(factor, c, blocks, w)
    for t in range(3):
        y = np.repeat(Y[:, [t]], 2, axis=1)
        want = refits(V @ V.T, y, alphas, w, blocks)
        np.testing.assert_allclose(found[:, :, t], want, atol=1e-10)


def test_rows_of_weight_zero_are_refused():
    factor = factor_ridge(None, lambda: np.eye(2), 2, np.array([1.0]), np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="must be positive"):
        leave_blocks_out_residuals(factor, np.ones((2, 1)), [np.arange(2)], np.array([1.0, 0.0]))


@pytest.mark.parametrize("n", range(1, 8))
def test_columns_of_packed_matrices(n):
    K = RNG.normal(size=(n, n))
    K += K.T
    packed = pack(K)
    for c in range(n):
        np.testing.assert_array_equal(column(packed, n, c), K[c:, c])


def test_a_structure_is_left_out_with_its_gradient():
    group, base = GROUPS["dihedral"], Matern(1.9, nu=2.5)
    X = samples(group, 7)[3:]
    y, dy = RNG.normal(size=4), RNG.normal(size=X.shape)
    y[1], dy[2] = np.nan, np.nan
    model = InvariantKernelRidge(1e-2, kernel=base, group=group).fit(X, y, gradient=dy)
    joint = JointKernel(InvariantKernel(base, group))
    observed = joint.observe(X, None, ~np.isnan(y), ~np.isnan(dy[:, 0]))
    K = lambda: joint.gram_packed(observed)  # noqa: E731
    factor = factor_ridge(K, lambda: None, len(observed), np.array([1e-2]))
    blocks = observed.rows_of_samples()
    assert [len(rows) for rows in blocks] == [1 + len(X[0]), len(X[0]), 1, 1 + len(X[0])]
    found = leave_blocks_out_residuals(factor, model.dual_coef_[:, None], blocks)[:, 0]
    for i, rows in enumerate(blocks):
        values, slopes = y.copy(), dy.copy()
        values[i], slopes[i] = np.nan, np.nan
        other = InvariantKernelRidge(1e-2, kernel=base, group=group)
        value, gradient = other.fit(X, values, gradient=slopes).predict(
            X[i : i + 1], return_gradient=True
        )
        want = np.concatenate([y[i] - value, dy[i] - gradient[0]])
        np.testing.assert_allclose(found[rows], want[~np.isnan(want)], atol=1e-9)
