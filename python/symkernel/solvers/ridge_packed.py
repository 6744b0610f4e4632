"""Solve the ridge system (K + alpha I) c = y by Cholesky, in one triangle of K."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import get_lapack_funcs

from symkernel.backends.packed import diagonal, scale
from symkernel.solvers.ridge import is_meaningful

Array = NDArray[Any]


def solve_ridge_packed(
    packed: Array, y: Array, alpha: float, sample_weight: Array | None = None
) -> Array | None:
    r"""Solve for the dual coefficients of kernel ridge regression, of a packed Gram matrix.

    As ``solve_ridge`` for one alpha, in half the memory; but since the factor takes the place of
    the matrix, a system that proves singular, indefinite or full of NaN is left to ``solve_ridge``.

    Parameters
    ----------
    packed : ndarray of shape (n (n + 1) / 2,)
        Gram matrix in LAPACK's rectangular full packed format (``transr="N", uplo="L"``), n at most
        ``symkernel.backends.packed.LARGEST_FACTORED``. It is overwritten.
    y : ndarray of shape (n, t)
        Targets, one per column.
    alpha : float
        Regularisation.
    sample_weight : ndarray of shape (n,), optional
        Non-negative weights.

    Returns
    -------
    ndarray of shape (n, t) or None
        Dual coefficients, in the wider dtype of `packed` and `y`; None if Cholesky fails or leaves
        doubt.

    Raises
    ------
    ValueError
        If the size of `packed` does not match `y`.

    Notes
    -----
    n^3 / 3 multiply-adds, by LAPACK's ``?pftrf``. Doubt is measured as in ``solve_ridge``, by the
    trace.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.backends.packed import pack
    >>> from symkernel.solvers.ridge_packed import solve_ridge_packed
    >>> K = np.array([[2.0, 0.0], [0.0, 1.0]])
    >>> solve_ridge_packed(pack(K), np.array([[6.0], [4.0]]), 1.0)
    array([[2.],
           [2.]])
    """
    n = len(y)
    if packed.shape != (n * (n + 1) // 2,):
        raise ValueError(
            f"packed must have shape ({n * (n + 1) // 2},) for {n} rows of y; got {packed.shape}"
        )
    dtype = np.result_type(packed.dtype, y.dtype, np.float32)
    A = np.require(packed, dtype=dtype, requirements=["C", "W"])
    b = np.array(y, dtype=dtype, order="F")
    if sample_weight is not None:
        root = np.sqrt(sample_weight).astype(dtype)
        scale(A, root)
        b *= root[:, None]
    trace = n * alpha
    for part in diagonal(A, n):
        trace += float(part.sum())
        part += A.dtype.type(alpha)
    pftrf, pftrs = get_lapack_funcs(("pftrf", "pftrs"), (A,))
    factor, info = pftrf(n, A, transr="N", uplo="L", overwrite_a=True)
    if info != 0:
        return None
    c: Array = pftrs(n, factor, b, transr="N", uplo="L")[0]
    if not is_meaningful(c, b, trace):
        return None
    if sample_weight is not None:
        c *= root[:, None]
    return c
