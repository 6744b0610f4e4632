"""Solve the ridge system (K + alpha I) c = y by Cholesky, in the memory of K."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning, eigh
from scipy.linalg.lapack import get_lapack_funcs

from symkernel.solvers.rounding import is_rounding

Array = NDArray[Any]


def solve_ridge(
    K: Array, y: Array, alpha: float | Array, sample_weight: Array | None = None
) -> Array:
    r"""Solve for the dual coefficients of kernel ridge regression.

    Without weights, :math:`c = (K + \alpha I)^{-1} y`. With weights :math:`W = S^2`, the minimiser
    of :math:`\sum_i w_i (y_i - f(x_i))^2 + \alpha |f|^2` has
    :math:`c = S (S K S + \alpha I)^{-1} S y`, which stays symmetric and allows zero weights.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Symmetric Gram matrix. It is overwritten.
    y : ndarray of shape (n, t)
        Targets, one per column.
    alpha : float or ndarray of shape (t,)
        Regularisation of all targets, or of each.
    sample_weight : ndarray of shape (n,), optional
        Non-negative weights.

    Returns
    -------
    ndarray of shape (n, t)
        Dual coefficients, in the wider dtype of `K` and `y`.

    Raises
    ------
    ValueError
        If `K` is not square, if its size does not match `y`, if it contains NaN or infinity, or
        if `alpha` has neither one value nor one per target.

    Warns
    -----
    scipy.linalg.LinAlgWarning
        If the system is singular to working precision or not positive definite; the
        least-squares solution of smallest norm is returned for that alpha.

    Notes
    -----
    n^3 / 3 multiply-adds for each distinct alpha, no second n x n matrix unless the system is
    singular. Weighting as in [1]_.

    References
    ----------
    .. [1] C. Saunders, A. Gammerman, V. Vovk, "Ridge regression learning algorithm in dual
       variables", ICML 1998; weights enter as the square root on both sides of K.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.ridge import solve_ridge
    >>> solve_ridge(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([[6.0], [4.0]]), 1.0)
    array([[2.],
           [2.]])
    """
    n = len(y)
    if K.shape != (n, n):
        raise ValueError(f"K must have shape ({n}, {n}), as many rows as y; got {K.shape}")
    alphas = np.broadcast_to(one_per_target(alpha, y.shape[1]), (y.shape[1],))
    dtype = np.result_type(K.dtype, y.dtype, np.float32)
    # LAPACK works in place on Fortran order; K is symmetric, so its transpose is K in that order.
    A = np.require(K.T, dtype=dtype, requirements=["F", "W"])
    b = np.array(y, dtype=dtype, order="F")
    if sample_weight is not None:
        root = np.sqrt(sample_weight).astype(dtype)
        A *= root
        A *= root[:, None]
        b *= root[:, None]
    c = _solve_shifted(A, b, alphas)
    if sample_weight is not None:
        c *= root[:, None]
    return c


def one_per_target(alpha: float | Array, n_targets: int) -> Array:
    """Read regularisation as an array of one value, or one per target."""
    alphas = np.atleast_1d(np.asarray(alpha, dtype=np.float64))
    if alphas.shape not in ((1,), (n_targets,)):
        raise ValueError(
            f"alpha must be a number or one number per target; got shape {alphas.shape} "
            f"for {n_targets} target{'s' if n_targets != 1 else ''}"
        )
    return alphas


def _solve_shifted(A: Array, b: Array, alphas: Array) -> Array:
    """Solve (A + alphas[t] I) c[:, t] = b[:, t]; A is Fortran-ordered and overwritten."""
    potrf, potrs, lange = get_lapack_funcs(("potrf", "potrs", "lange"), (A,))
    diagonal = A.diagonal().copy()
    c = np.empty_like(b)
    # Largest alpha first: once the system is singular it is singular for every smaller alpha too.
    for step, alpha in enumerate(np.unique(alphas)[::-1]):
        if step:
            _restore_lower(A)
        np.fill_diagonal(A, diagonal + A.dtype.type(alpha))
        chosen = alphas == alpha
        # clean=False keeps the strict upper triangle, from which A is restored.
        factor, info = potrf(A, lower=True, overwrite_a=True, clean=False)
        if info == 0:
            c[:, chosen] = potrs(factor, b[:, chosen], lower=True)[0]
            # No eigenvalue of a positive definite matrix exceeds its trace.
            trace = float(diagonal.sum() + len(A) * alpha)
            if is_meaningful(c[:, chosen], b[:, chosen], trace):
                continue
        # Doubtful: the matrix itself is looked at, which costs a pass over it.
        _restore_lower(A)
        np.fill_diagonal(A, diagonal + A.dtype.type(alpha))
        norm = lange("1", A)
        if not np.isfinite(norm):
            raise ValueError("the Gram matrix contains NaN or infinity")
        if info != 0 or not is_meaningful(c[:, chosen], b[:, chosen], norm):
            np.fill_diagonal(A, diagonal)
            return _least_squares(A, b, alphas, c, alpha, definite=info == 0)
    return c


def is_meaningful(c: Array, b: Array, norm: float) -> bool:
    """Tell whether the fitted values stand above their rounding, about eps |A| |c|.

    A large condition number alone does no harm: Cholesky is backward stable, and smooth kernels
    with a small alpha are ill-conditioned and predict well. But zero pivots that rounding made
    positive give coefficients of size 1 / eps, whose fitted values are all rounding.
    """
    with np.errstate(invalid="ignore"):  # infinite norms may meet coefficients of 0
        rounding = np.finfo(c.dtype).eps * norm * np.abs(c).max(axis=0, initial=0.0)
    return bool((rounding <= np.abs(b).max(axis=0, initial=0.0)).all())


def _restore_lower(A: Array) -> None:
    """Copy the strict upper triangle, which Cholesky left alone, on the lower one."""
    for j in range(len(A) - 1):
        A[j + 1 :, j] = A[j, j + 1 :]


def _least_squares(
    A: Array, b: Array, alphas: Array, c: Array, start: float, definite: bool
) -> Array:
    """Least squares of smallest norm for every alpha <= start, from one eigendecomposition."""
    values, Q = eigh(A, overwrite_a=True, check_finite=False, driver="evd")
    Qb = Q.T @ b
    for alpha in np.unique(alphas[alphas <= start])[::-1]:
        shifted = values + alpha
        kept = ~is_rounding(shifted)
        if not kept.all() or not definite:
            warn_singular(alpha, int(len(kept) - kept.sum()), len(kept))
        inverse = np.zeros_like(shifted)
        inverse[kept] = 1.0 / shifted[kept]
        chosen = alphas == alpha
        c[:, chosen] = Q @ (inverse[:, None] * Qb[:, chosen])
    return c


def warn_singular(alpha: float, n_zero: int, n: int) -> None:
    """Tell the user that least squares take over, and why."""
    found = f"{n_zero} of {n} eigenvalues are zero up to rounding" if n_zero else "it is indefinite"
    warnings.warn(
        f"The Gram matrix plus alpha={alpha:g} on its diagonal is not positive definite: {found}. "
        "Using the least-squares solution of smallest norm instead; a larger alpha makes the "
        "system regular.",
        LinAlgWarning,
        stacklevel=5,
    )
