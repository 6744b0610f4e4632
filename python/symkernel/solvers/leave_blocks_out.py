"""Find exact residuals of kernel ridge regression with several rows left out together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from symkernel.solvers.ridge_factor import RidgeFactor

Array = NDArray[Any]


def leave_blocks_out_residuals(
    factor: RidgeFactor,
    coefficients: Array,
    blocks: Sequence[NDArray[np.intp]],
    sample_weight: Array | None = None,
) -> Array:
    r"""Return :math:`y_b - f_{-b}(x_b)` for sets b of rows, each left out of the fit as a whole.

    Rows that tell of one sample, such as a value and derivatives, are left out together:

    .. math:: e_b = [(A^{-1})_{bb}]^{-1} (A^{-1} S y)_b / \sqrt{w_b},
        \qquad A = S K S + \alpha I, \quad S = \operatorname{diag}(\sqrt{w}).

    Parameters
    ----------
    factor : RidgeFactor
        Of A, with the weights below.
    coefficients : ndarray of shape (n, t) or (n, t, c)
        Dual coefficients ``S A^-1 S y``, of t targets or, with several alphas, of t alphas; of c
        targets for each of the latter.
    blocks : sequence of ndarray of int of shape (k,)
        Rows that are left out together, k may differ.
    sample_weight : ndarray of shape (n,), optional
        Positive weights.

    Returns
    -------
    ndarray of the shape of `coefficients`
        Residuals; NaN in rows that are in no block.

    Raises
    ------
    ValueError
        If a weight is not positive.
    scipy.linalg.LinAlgError
        If a block of the inverse is singular: A is, and only a pseudo-inverse is at hand.

    Notes
    -----
    By Cholesky the inverse takes twice the operations of the factor, and as much memory; then k^3
    for a block of k rows.
    Source: G. Wahba, Spline models for observational data, SIAM 1990, section 4.2, for blocks.

    Examples
    --------
    Of three rows the first two are alike, and the third is not related to them:

    >>> import numpy as np
    >>> from symkernel.solvers.leave_blocks_out import leave_blocks_out_residuals
    >>> from symkernel.solvers.ridge_factor import factor_ridge
    >>> K, y = np.eye(3), np.array([[3.0], [3.0], [5.0]])
    >>> K[0, 1] = K[1, 0] = 1.0
    >>> factor = factor_ridge(None, K.copy, 3, np.array([1.0]))
    >>> c = np.linalg.solve(K + np.eye(3), y)
    >>> one = leave_blocks_out_residuals(factor, c, [np.array([0]), np.array([1, 2])])
    >>> one.round(12)  # what is left predicts half of the first value and of the second
    array([[1.5],
           [1.5],
           [5. ]])
    """
    root = np.ones(len(coefficients)) if sample_weight is None else np.sqrt(sample_weight)
    if not np.all(root > 0):
        raise ValueError("sample_weight must be positive: leave rows of weight 0 out")
    found = np.full(coefficients.shape, np.nan)
    root = root.reshape(-1, *(1,) * (coefficients.ndim - 1))
    for rows, inverse in zip(blocks, factor.inverse_blocks(blocks), strict=True):
        right = coefficients[rows] / root[rows]
        if right.ndim == 3:
            found[rows] = np.linalg.solve(inverse, right.swapaxes(0, 1)).swapaxes(0, 1)
        elif len(inverse) == 1:
            found[rows] = solve(inverse[0], right, assume_a="pos")
        else:
            for t, own in enumerate(inverse):
                found[rows, t] = solve(own, right[:, t], assume_a="pos")
    found /= root
    return found
