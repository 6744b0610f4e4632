r"""The matrix of Lie derivatives :math:`M_w` as a linear map of the weights, made small.

Column q of :math:`M_w` is the function :math:`L_q F_w`, written in coordinates in which the
inner product of functions is the dot product. Its singular values therefore depend on the
measure behind that inner product, while its rank, the number of broken symmetries, does not.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

Array = NDArray[Any]


class PenaltyOperator:
    """A linear map from p weights to matrices of shape (rows, q).

    Parameters
    ----------
    matrix : ndarray or scipy.sparse.csr_array of shape (rows * q, p)
        The map, its matrices flattened in C order.
    rows : int
        Rows of a matrix.
    columns : int
        Columns of a matrix, one per generator of the algebra.
    """

    def __init__(self, matrix: Array | sparse.csr_array, rows: int, columns: int) -> None:
        if matrix.shape[0] != rows * columns:
            raise ValueError(
                f"matrix must have rows * columns = {rows * columns} rows, got {matrix.shape[0]}"
            )
        self.matrix = matrix
        self.shape = (rows, columns)
        # Transposed products of a CSR matrix are slow; a copy in the other order is not.
        self._transposed = (
            sparse.csr_array(matrix.T) if sparse.issparse(matrix) else np.asarray(matrix).T
        )

    @classmethod
    def from_array(cls, array: Array, *, compress: bool = True) -> Self:
        """Build the operator from its values.

        Parameters
        ----------
        array : ndarray of shape (rows, q, p)
            ``array[i, a, k]`` is entry (i, a) of the matrix of weight k.
        compress : bool, default=True
            Whether to replace the rows by coordinates in an orthonormal basis of what they span,
            which leaves every singular value as it is.

        Returns
        -------
        PenaltyOperator
            Sparse if less than a fifth of the entries are nonzero.

        Notes
        -----
        Compression is O(rows q p min(rows, q p)), once. Derivatives of polynomials of degree d on
        any number of samples shrink to the dimension of that space of polynomials.
        """
        array = np.asarray(array, dtype=float)
        if array.ndim != 3:
            raise ValueError(f"array must have shape (rows, q, p), got {array.shape}")
        rows, columns, weights = array.shape
        if compress and array.size:
            flat = array.reshape(rows, columns * weights)
            if rows > columns * weights:
                flat = linalg.qr(flat, mode="r", check_finite=False)[0][: columns * weights]
            # Rows are few now: their Gram matrix tells the rank, its eigenvectors a basis.
            left, values, right = linalg.svd(flat, full_matrices=False, check_finite=False)
            rank = int(np.count_nonzero(values > 1e-13 * max(values[0], np.finfo(float).tiny)))
            if rank < rows:
                array = (values[:rank, None] * right[:rank]).reshape(rank, columns, weights)
                rows = rank
        flat = array.reshape(rows * columns, weights)
        if flat.size and np.count_nonzero(flat) < 0.2 * flat.size:
            return cls(sparse.csr_array(flat), rows, columns)
        return cls(np.ascontiguousarray(flat), rows, columns)

    @property
    def n_weights(self) -> int:
        """Number p of weights."""
        return int(self.matrix.shape[1])

    @cached_property
    def gram(self) -> Array:
        """Inner products of the matrices of any two weights, of shape (p, p)."""
        product = self._transposed @ self.matrix
        return product.toarray() if sparse.issparse(product) else np.asarray(product)

    @cached_property
    def norm(self) -> float:
        """Largest Frobenius norm of the matrix of weights of length one."""
        return float(np.sqrt(max(linalg.eigvalsh(self.gram)[-1], 0.0))) if self.n_weights else 0.0

    def apply(self, weights: Array) -> Array:
        """Return the matrix of some weights.

        Parameters
        ----------
        weights : ndarray of shape (p,)
            Weights of the model.

        Returns
        -------
        ndarray of shape (rows, q)
            Column q holds the coordinates of the derivative along generator q.
        """
        return np.asarray(self.matrix @ weights).reshape(self.shape)

    def adjoint(self, matrix: Array) -> Array:
        """Return the inner products of a matrix with the matrix of every weight.

        Parameters
        ----------
        matrix : ndarray of shape (rows, q)
            Any matrix.

        Returns
        -------
        ndarray of shape (p,)
            ``sum(matrix * apply(e_k))`` for every k.
        """
        return np.asarray(self._transposed @ np.ravel(matrix))
