"""Factor the ridge matrix A = S K S + alpha I, for variances and left-out residuals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.linalg.lapack import get_lapack_funcs

from symkernel.backends.arrays import like, namespace, to_host
from symkernel.backends.packed import LARGEST_FACTORED, column, diagonal, scale
from symkernel.exceptions import NotApplicableError
from symkernel.solvers.rounding import is_rounding

Array = NDArray[Any]

# Pivots of Cholesky this many eps of the trace are rounding, as eigenvalues are.
_FEW = 10


class Explains(ABC):
    """What tells how much of a variance the samples explain.

    Attributes
    ----------
    error : float
        What answers may be off by beside rounding, relative to K(x, x).
    """

    error: float = 0.0

    @abstractmethod
    def explained(self, cross: Any) -> Any:
        """Return k^T S A^-1 S k for the rows k of ``cross`` (m, n): (m, 1), or one per target."""


class RidgeFactor(Explains):
    """What answers questions about A^-1, with S = diag(sqrt(w)) and w the sample weights."""

    @abstractmethod
    def inverse_diagonal(self) -> Array:
        """Return the diagonal of A^-1 on the host: (n, 1), or one column per target."""

    def inverse_blocks(self, blocks: Sequence[NDArray[np.intp]]) -> Iterator[Array]:
        """Yield A^-1 restricted to each of some sets of k rows, on the host: (1 or t, k, k).

        Raises
        ------
        NotApplicableError
            Of a factor that stands for A, and of which no inverse is kept.
        """
        raise NotApplicableError(
            'rows are left out together of an exact factor alone: fit with solver="cholesky"'
        )


def factor_ridge(
    packed: Callable[[], Array] | None,
    full: Callable[[], Any],
    n: int,
    alpha: Array,
    sample_weight: Array | None = None,
) -> RidgeFactor:
    r"""Factor :math:`A = S K S + \alpha I`, by Cholesky where that is safe.

    Parameters
    ----------
    packed : callable or None
        Returns the Gram matrix as LAPACK's rectangular full packed format, to be overwritten; None
        where only the full matrix is to be had.
    full : callable
        Returns the Gram matrix of shape (n, n), to be overwritten; on a GPU perhaps.
    n : int
        Number of samples.
    alpha : ndarray of shape (t,)
        Regularisation, one for all targets or one for each.
    sample_weight : ndarray of shape (n,), optional
        Non-negative weights.

    Returns
    -------
    RidgeFactor
        n (n + 1) / 2 numbers from Cholesky; n^2 from an eigendecomposition, which serves several
        alphas, GPUs, and matrices singular to working precision. Of those the pseudo-inverse is
        meant.

    Raises
    ------
    ValueError
        If the Gram matrix contains NaN or infinity.

    Notes
    -----
    n^3 / 3 multiply-adds by Cholesky, about 9 n^3 operations by eigenvectors.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.ridge_factor import factor_ridge
    >>> K = np.array([[2.0, 0.0], [0.0, 1.0]])
    >>> factor = factor_ridge(None, lambda: K, 2, np.array([1.0]))
    >>> factor.explained(np.array([[3.0, 4.0]])).round(12)
    array([[11.]])
    """
    root = None if sample_weight is None else np.sqrt(sample_weight)
    if packed is not None and len(alpha) == 1 and n <= LARGEST_FACTORED:
        found = _cholesky(packed(), n, float(alpha[0]), root)
        if found is not None:
            return found
    return _eigen(full(), alpha, root)


class CholeskyFactor(RidgeFactor):
    """A = L L^T in packed form."""

    def __init__(self, factor: Array, n: int, root: Array | None) -> None:
        self._factor, self._n, self._root = factor, n, root

    def explained(self, cross: Any) -> Any:
        """Return |L^-1 S k|^2, (m, 1)."""
        right = np.array(cross.T, dtype=self._factor.dtype, order="F")
        if self._root is not None:
            right *= self._root[:, None]
        (tfsm,) = get_lapack_funcs(("tfsm",), (self._factor,))
        V = tfsm(1.0, self._factor, right, side="L", uplo="L", trans="N", overwrite_b=True)
        return np.einsum("nm,nm->m", V, V)[:, None]

    def inverse_diagonal(self) -> Array:
        """Return the diagonal of A^-1, (n, 1): 2 n^3 / 3 multiply-adds."""
        return np.concatenate(diagonal(self._inverse(), self._n))[:, None]

    def inverse_blocks(self, blocks: Sequence[NDArray[np.intp]]) -> Iterator[Array]:
        """Yield A^-1 restricted to sets of rows, (1, k, k), at the cost of its diagonal.

        It takes as much memory as the factor.
        """
        inverse = self._inverse()
        for rows in blocks:
            found = np.empty((1, len(rows), len(rows)), inverse.dtype)
            for place, c in enumerate(rows):
                below = rows >= c
                found[0, below, place] = column(inverse, self._n, int(c))[rows[below] - c]
                found[0, place, below] = found[0, below, place]
            yield found

    def _inverse(self) -> Array:
        (pftri,) = get_lapack_funcs(("pftri",), (self._factor,))
        inverse: Array = pftri(self._n, self._factor, uplo="L")[0]
        return inverse


class EigenFactor(RidgeFactor):
    """A = Q diag(values) Q^T, for several alphas; arrays of NumPy or CuPy."""

    def __init__(self, Q: Any, inverse: Any, root: Any) -> None:
        self._Q, self._inverse, self._root = Q, inverse, root

    def explained(self, cross: Any) -> Any:
        """Return |(values + alpha)^-1/2 Q^T S k|^2, (m, t)."""
        rotated = (cross if self._root is None else cross * self._root) @ self._Q
        rotated *= rotated
        return rotated @ self._inverse

    def inverse_diagonal(self) -> Array:
        """Return the diagonal of A^-1, (n, t)."""
        found: Array = to_host(self._Q**2 @ self._inverse)
        return found

    def inverse_blocks(self, blocks: Sequence[NDArray[np.intp]]) -> Iterator[Array]:
        """Yield A^-1 restricted to sets of rows, (t, k, k)."""
        for rows in blocks:
            Q = self._Q[rows]
            yield to_host((Q * self._inverse.T[:, None]) @ Q.T)


def _cholesky(A: Array, n: int, alpha: float, root: Array | None) -> CholeskyFactor | None:
    if root is not None:
        scale(A, root.astype(A.dtype))
    trace = n * alpha
    for part in diagonal(A, n):
        trace += float(part.sum())
        part += A.dtype.type(alpha)
    (pftrf,) = get_lapack_funcs(("pftrf",), (A,))
    factor, info = pftrf(n, A, transr="N", uplo="L", overwrite_a=True)
    if info != 0:
        return None
    pivot = min(float(part.min(initial=np.inf)) for part in diagonal(factor, n))
    # NaN compares false.
    if not pivot**2 > _FEW * np.finfo(A.dtype).eps * trace:
        return None
    return CholeskyFactor(factor, n, None if root is None else root.astype(A.dtype))


def _eigen(K: Any, alpha: Array, root: Array | None) -> EigenFactor:
    xp = namespace(K)
    weights = None if root is None else like(root.astype(K.dtype), K)
    if weights is not None:
        K = K * weights * weights[:, None]
    if not np.isfinite(float(K.sum())):
        raise ValueError("the Gram matrix contains NaN or infinity")
    if xp is np:
        values, Q = eigh(K, overwrite_a=True, check_finite=False, driver="evd")
    else:
        values, Q = xp.linalg.eigh(K)
        values = to_host(values)
    shifted = values[:, None] + alpha.astype(values.dtype)
    kept = ~is_rounding(shifted)
    inverse = np.where(kept, 1.0 / np.where(kept, shifted, 1.0), 0.0).astype(values.dtype)
    return EigenFactor(Q, like(inverse, K), weights)
