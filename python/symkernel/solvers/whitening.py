"""Turn kernel values with centres into features whose inner products are the Nystroem kernel.

With K_MM = L L^T the features of a sample x are the row L^-1 K(centres, x): their inner products
are K(x, centres) K_MM^-1 K(centres, y).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from symkernel.backends.triangular import solve_lower

__all__ = ["Whitening", "whiten"]

Array = NDArray[Any]

# The first jitter, in eps of the dtype of the kernel values times the mean of the diagonal: 1e-14
# for float64. Ten times as much after every failure.
_FIRST_JITTER = 45.0


class Whitening:
    """The triangle that turns kernel values with centres into features.

    Parameters
    ----------
    triangle : ndarray of shape (M, M)
        L, lower triangular, with a positive diagonal.
    jitter : float, default=0
        What was added to the diagonal of K_MM before it was factored.

    Attributes
    ----------
    triangle : float64, shape (M, M)
    jitter : float

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.whitening import Whitening
    >>> whitening = Whitening(np.array([[2.0, 0.0], [1.0, 1.0]]))
    >>> whitening.apply(np.array([[2.0, 2.0]]))
    array([[1., 1.]])
    """

    def __init__(self, triangle: Any, jitter: float = 0.0) -> None:
        self.triangle: NDArray[np.float64] = np.ascontiguousarray(triangle, dtype=np.float64)
        self.jitter = float(jitter)

    def __len__(self) -> int:
        return len(self.triangle)

    def apply(self, K: Array, n_jobs: int | None = None) -> NDArray[np.float64]:
        """Return the features K L^-T.

        Parameters
        ----------
        K : ndarray of shape (c, M)
            Kernel values of samples with the centres. Overwritten where it is float64, in Fortran
            order.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        float64, shape (c, M)
            Features, in Fortran order.

        Notes
        -----
        c M^2 / 2 multiply-adds. Anything but float64 in Fortran order is copied first; that is what
        ``kernel.gram(centres, X).T`` has.
        """
        B = np.require(K, dtype=np.float64, requirements=["F", "W"])
        solve_lower(self.triangle, B.T, n_jobs)
        return B

    def coefficients(self, w: Array) -> NDArray[np.float64]:
        """Return L^-T w, (M, t): what multiplies kernel values instead of features."""
        if len(self) == 0:
            return np.zeros_like(w, dtype=np.float64)
        return np.asarray(
            solve_triangular(self.triangle, w, trans="T", lower=True, check_finite=False)
        )


def whiten(K: Array) -> Whitening:
    """Factor the kernel matrix of the centres.

    Parameters
    ----------
    K : ndarray of shape (M, M)
        Kernel values of the centres with one another.

    Returns
    -------
    Whitening
        Its `jitter`, added to the diagonal, is 0 if Cholesky succeeds as it is, with pivots above
        rounding; else 1e-14 times the mean of the diagonal (5e-6 for float32), or ten times as much
        as often as needed.

    Raises
    ------
    ValueError
        If `K` contains NaN or infinity, or no jitter up to the mean of its diagonal makes it
        positive definite.

    Notes
    -----
    M^3 / 6 multiply-adds a try. Duplicates among the centres need jitter; ``rpcholesky`` and
    ``factor_at`` leave them out instead.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.whitening import whiten
    >>> whiten(np.eye(2)).jitter
    0.0
    >>> whiten(np.ones((2, 2))).jitter  # the same centre twice
    1e-14
    """
    A = np.asarray(K, dtype=np.float64)
    if not np.isfinite(A).all():
        raise ValueError("the kernel matrix of the centres contains NaN or infinity")
    M = len(A)
    scale = float(np.trace(A)) / max(1, M)
    eps = float(np.finfo(np.result_type(np.asarray(K).dtype, np.float32)).eps)
    first = float(f"{_FIRST_JITTER * eps:.0e}") * scale
    jitter = 0.0
    while jitter <= scale:
        shifted = A.copy()
        shifted[np.diag_indices(M)] += jitter
        try:
            L = cholesky(shifted, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            L = None
        # Pivots that rounding alone made positive give features that are noise.
        if L is not None and (np.diagonal(L) ** 2 >= max(0.5 * jitter, eps * scale)).all():
            return Whitening(L, jitter)
        jitter = 10.0 * jitter if jitter else first
        if not math.isfinite(jitter) or scale <= 0.0:
            break
    raise ValueError(
        "the kernel matrix of the centres is not positive definite, with up to the mean of its "
        f"diagonal, {scale:.3g}, added to it: the kernel is not positive definite"
    )
