"""Tell which eigenvalues of a symmetric matrix are zero up to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# LAPACK's eigenvalues are off by a few eps |A|: at most 3 in Gram matrices of rank n / 2 with n
# from 80 to 2000.
_FEW = 10


def is_rounding(values: Array) -> Array:
    """Return the mask of eigenvalues that rounding alone may have produced.

    Parameters
    ----------
    values : ndarray of shape (n, ...)
        Eigenvalues of a matrix, along the first axis.

    Returns
    -------
    ndarray of bool, shape (n, ...)
        True where the magnitude is within rounding of zero, measured by the largest one.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.rounding import is_rounding
    >>> is_rounding(np.array([2.0, 1e-9, -1e-16]))
    array([False, False,  True])
    """
    size = np.abs(values)
    return np.asarray(size <= _FEW * np.finfo(values.dtype).eps * size.max(axis=0, initial=0.0))
