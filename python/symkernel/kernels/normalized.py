"""Divide a kernel by its norms, ``K(x, y) / sqrt(K(x, x) K(y, y))``, with derivatives."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from symkernel.backends.arrays import namespace

Array = NDArray[Any]

# Entries of a Gram matrix that are scaled at a time.
_BLOCK_ENTRIES = 2**18


def inverse_root(diagonal: Array) -> Array:
    """1/sqrt(K(x, x)), and 0 where the average vanishes (K(x, .) is then 0 as well)."""
    xp = namespace(diagonal)
    positive = diagonal > 0
    root: Array = xp.where(positive, 1 / xp.sqrt(xp.where(positive, diagonal, 1)), 0)
    return root.astype(diagonal.dtype)


def set_diagonal(K: Array, values: Array) -> None:
    """Write the diagonal of a C-ordered matrix in place, on whatever device."""
    K.reshape(-1)[:: len(K) + 1] = values


def scale_sides(K: Array, left: Array, right: Array) -> None:
    """Multiply a matrix by ``left[i] right[j]``, in place and a few rows at a time.

    The product of both comes first: what is symmetric stays so to the last digit.
    """
    rows = max(1, _BLOCK_ENTRIES // max(1, K.shape[1]))
    for i in range(0, len(K), rows):
        K[i : i + rows] *= left[i : i + rows, None] * right


def normalized_gradient(
    K: Array, gradient: Array, diagonal: Array, diagonal_gradient: Array
) -> tuple[Array, Array]:
    """Quotient rule for K_ij / sqrt(K_ii K_jj)."""
    root = inverse_root(diagonal)
    K = K * (root[:, None] * root)
    set_diagonal(K, root > 0)
    slope = diagonal_gradient * (root * root)[:, None] / 2
    gradient = gradient * (root[:, None] * root)[:, :, None]
    gradient -= K[:, :, None] * (slope[:, None, :] + slope[None, :, :])
    return K, gradient
