"""Find exact leave-one-out residuals of kernel ridge regression for many alphas at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from symkernel.solvers.rounding import is_rounding

Array = NDArray[Any]


def leave_one_out_residuals(
    K: Array, y: Array, alphas: Array, sample_weight: Array | None = None
) -> Array:
    r"""Return :math:`y_i - f_{-i}(x_i)`, where sample i was left out of the fit.

    With :math:`K = Q \Lambda Q^T` and :math:`c = Q (\Lambda + \alpha)^{-1} Q^T y`,

    .. math:: y_i - f_{-i}(x_i) = \frac{c_i}{[Q (\Lambda + \alpha)^{-1} Q^T]_{ii}},

    so one eigendecomposition serves every alpha and every target [1]_. With weights the same
    holds for :math:`S K S` and :math:`S y`, :math:`S = \operatorname{diag}(\sqrt{w})`, whose
    residuals are :math:`\sqrt{w_i}` times those wanted.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Symmetric Gram matrix. It is overwritten.
    y : ndarray of shape (n, t)
        Targets, one per column.
    alphas : ndarray of shape (a,)
        Regularisation strengths, not negative.
    sample_weight : ndarray of shape (n,), optional
        Positive weights.

    Returns
    -------
    ndarray of shape (a, n, t)
        Residuals for every alpha, sample and target; NaN for an alpha that leaves the system
        singular to working precision, where rounding decides and not the data.

    Raises
    ------
    ValueError
        If the shapes do not match, if `K` contains NaN or infinity, or if a weight is not
        positive.

    Notes
    -----
    About 9 n^3 operations for the eigendecomposition, then n^2 a (t + 1); two further n x n
    matrices of workspace.

    References
    ----------
    .. [1] R. Rifkin, R. Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025,
       section 3; G. Wahba, "Spline models for observational data", SIAM 1990, section 4.2.

    Examples
    --------
    Two unrelated samples predict nothing about each other, so the residuals are the targets:

    >>> import numpy as np
    >>> from symkernel.solvers.leave_one_out import leave_one_out_residuals
    >>> leave_one_out_residuals(np.eye(2), np.array([[3.0], [5.0]]), np.array([0.1])).round(12)
    array([[[3.],
            [5.]]])
    """
    n, t = y.shape
    if K.shape != (n, n):
        raise ValueError(f"K must have shape ({n}, {n}), as many rows as y; got {K.shape}")
    dtype = np.result_type(K.dtype, y.dtype, np.float32)
    A = np.require(K.T, dtype=dtype, requirements=["F", "W"])
    targets = y.astype(dtype)
    if sample_weight is not None:
        if not np.all(sample_weight > 0):
            raise ValueError("sample_weight must be positive: leave samples of weight 0 out")
        root = np.sqrt(sample_weight).astype(dtype)
        A *= root
        A *= root[:, None]
        targets *= root[:, None]
    if not np.isfinite(A.sum()):
        raise ValueError("the Gram matrix contains NaN or infinity")
    values, Q = eigh(A, overwrite_a=True, check_finite=False, driver="evd")
    inverse = inverse_shifted(values, np.asarray(alphas, dtype=dtype))  # (n, a)
    a = inverse.shape[1]
    rotated = inverse[:, :, None] * (Q.T @ targets)[:, None, :]  # (n, a, t)
    c = (Q @ rotated.reshape(n, a * t)).reshape(n, a, t)
    np.square(Q, out=Q)
    residuals = c / (Q @ inverse)[:, :, None]
    if sample_weight is not None:
        residuals /= root[:, None, None]
    return np.ascontiguousarray(residuals.transpose(1, 0, 2))


def inverse_shifted(values: Array, alphas: Array) -> Array:
    """Return 1 / (Lambda + alpha), (n, a); a column of NaN where the system is singular."""
    # A positive semidefinite K has eigenvalues under zero by rounding alone, and those must not
    # cancel a small alpha. Truly negative ones (an indefinite kernel) are kept.
    shifted = np.where(is_rounding(values), np.abs(values), values)[:, None] + alphas
    shifted[:, is_rounding(shifted).any(axis=0)] = np.nan
    return 1.0 / shifted
