r"""Compress the matrix of Lie derivatives :math:`M_w`, a linear map of the weights.

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
from scipy.linalg.blas import dtrmm, dtrsm
from scipy.linalg.lapack import dpotrf

from symkernel.lie._threads import few_threads
from symkernel.lie.algebra import Algebra
from symkernel.lie.dictionary import Dictionary, Monomials
from symkernel.lie.fields import Fields
from symkernel.lie.operator import LieOperator

Array = NDArray[Any]

# Largest number of entries of a matrix that is kept for many products.
_KEPT = 2**23


class PenaltyOperator:
    """A linear map from p weights to matrices of shape (rows, q).

    Parameters
    ----------
    matrix : ndarray or scipy.sparse.csr_array of shape (inner * q, p)
        The map, its matrices flattened in C order.
    columns : int
        Columns q of a matrix, one per generator of the algebra.
    left : ndarray of shape (rows, inner) or None, default=None
        What multiplies every matrix from the left; None for nothing. Derivatives of polynomials
        are few numbers in coefficients, and become dense only by the measure, which is this.
    """

    def __init__(
        self, matrix: Array | sparse.csr_array, columns: int, left: Array | None = None
    ) -> None:
        inner, rest = divmod(matrix.shape[0], columns) if columns else (0, matrix.shape[0])
        if rest or (left is not None and left.shape[1] != inner):
            raise ValueError(
                f"matrix of shape {matrix.shape} does not fit {columns} columns"
                + ("" if left is None else f" and left of shape {left.shape}")
            )
        self.matrix = matrix
        self.left = left
        self._inner = (inner, columns)
        self.shape = (inner if left is None else len(left), columns)
        # Products with the transpose of a CSR matrix are slow; with a copy they are not.
        # Half of the products with a triangular matrix are left out, by its transpose: BLAS wants
        # Fortran's order, numpy's matrices are in C's.
        self._triangle = None
        if left is not None and left.shape[0] == left.shape[1] and not np.tril(left, -1).any():
            self._triangle = np.asfortranarray(left)
        self._transposed = (
            sparse.csr_array(matrix.T) if sparse.issparse(matrix) else np.asarray(matrix).T
        )

    @classmethod
    def from_array(cls, array: Array) -> Self:
        """Build the operator from its values at samples, with the fewest rows.

        Parameters
        ----------
        array : ndarray of shape (rows, q, p)
            ``array[i, a, k]`` is entry (i, a) of the matrix of weight k.

        Returns
        -------
        PenaltyOperator
            Its rows are coordinates in an orthonormal basis of what the rows of ``array`` span,
            which leaves every singular value as it is.

        Notes
        -----
        O(rows q p min(rows, q p)), once.
        """
        array = np.asarray(array, dtype=float)
        if array.ndim != 3:
            raise ValueError(f"array must have shape (rows, q, p), got {array.shape}")
        rows, columns, weights = array.shape
        if array.size:
            flat = array.reshape(rows, columns * weights)
            if rows > columns * weights:
                flat = np.asarray(np.linalg.qr(flat, mode="r"))
            _, values, right = linalg.svd(flat, full_matrices=False, check_finite=False)
            rank = int(np.count_nonzero(values > 1e-13 * max(values[0], np.finfo(float).tiny)))
            array = (values[:rank, None] * right[:rank]).reshape(rank, columns, weights)
        return cls(np.ascontiguousarray(array.reshape(-1, weights)), columns)

    @classmethod
    @few_threads
    def of_dictionary(cls, dictionary: Dictionary, algebra: Fields, points: Array) -> Self:
        """Build the operator of the functions of a dictionary, averaged over points.

        Parameters
        ----------
        dictionary : Dictionary
            p functions.
        algebra : Fields
            q vector fields.
        points : ndarray of shape (n, n_features)
            The inner product of two functions is the mean of their product over these.

        Returns
        -------
        PenaltyOperator
            Sparse in coefficients for monomials and affine fields.
        """
        if isinstance(dictionary, Monomials) and isinstance(algebra, Algebra):
            values = dictionary.values(points) / np.sqrt(len(points))
            return cls.of_polynomials(
                dictionary, algebra, np.asarray(np.linalg.qr(values, mode="r"))
            )
        reduced = LieOperator(dictionary, algebra, points).reduced()
        return cls.from_array(reduced.transpose(1, 0, 2))

    @classmethod
    def of_polynomials(cls, dictionary: Monomials, algebra: Algebra, factor: Array) -> Self:
        r"""Build the operator of monomials and affine fields for a given inner product.

        Parameters
        ----------
        dictionary : Monomials
            p monomials.
        algebra : Algebra
            q affine fields.
        factor : ndarray of shape (rows, p)
            R with :math:`R^T R` the inner products of the monomials.

        Returns
        -------
        PenaltyOperator
            :math:`M_w = R C_w` with the sparse coefficients :math:`C_w` of the derivatives.
        """
        q = algebra.dim
        place, field, term, value = _polynomial_derivatives(dictionary, algebra)
        # Only some monomials are reached: translations lower the degree.
        reached, row = np.unique(place, return_inverse=True)
        left = factor[:, reached]
        if len(left) > len(reached):
            left = np.asarray(np.linalg.qr(left, mode="r"))
        shape = (len(reached) * q, dictionary.n_terms)
        matrix = sparse.csr_array((value, (row * q + field, term)), shape=shape)
        return cls(matrix, q, np.ascontiguousarray(left))

    @property
    def n_weights(self) -> int:
        """Number p of weights."""
        return int(self.matrix.shape[1])

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape (p,) of the weights."""
        return (self.n_weights,)

    @cached_property
    def gram(self) -> Array:
        """Inner products of the matrices of any two weights, of shape (p, p)."""
        if self.left is None or not sparse.issparse(self.matrix):
            return self.weighted_gram(None)
        # A generator changes few monomials into few: one small block for each.
        inner = self.left.T @ self.left
        entries: Any = sparse.coo_array(self.matrix)
        row, field = np.divmod(entries.row, self.shape[1])
        gram = np.zeros((self.n_weights, self.n_weights))
        order = np.argsort(field, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(field[order])) + 1):
            rows, i = _distinct(row[part])
            columns, k = _distinct(entries.col[part])
            block = np.zeros((len(rows), len(columns)))
            block[i, k] = entries.data[part]  # no entry appears twice: the matrix was in CSR
            gram[np.ix_(columns, columns)] += block.T @ inner[np.ix_(rows, rows)] @ block
        return gram

    def weighted_gram(self, precision: Array | None) -> Array:
        r"""Return :math:`tr(P^{-1} M_j^T M_k)` for the matrices of any two weights j, k.

        Parameters
        ----------
        precision : ndarray of shape (q, q) or None
            P, symmetric and positive definite; None for the identity.

        Returns
        -------
        ndarray of shape (p, p)
            Symmetric and positive semidefinite.

        Raises
        ------
        numpy.linalg.LinAlgError
            If ``precision`` is not positive definite.

        Notes
        -----
        O(rows q p (q + p)) after a first call that keeps the operator as a dense array.
        """
        columns = self.shape[1]
        flat = self._by_column
        if precision is not None and flat.size:
            factor, failed = dpotrf(precision, lower=1)
            if failed:
                raise linalg.LinAlgError("precision must be positive definite")
            # With P = C C^T the rows of C^-1 T are those of a root: no inverse, no eigenvectors.
            flat = dtrsm(1.0, factor, flat.T, side=1, lower=1, trans_a=1).T
        flat = flat.reshape(self.shape[0] * columns, self.n_weights)
        return np.asarray(flat.T @ flat)

    def squares(self, weights: Array) -> Array:
        """Return M_w^T M_w for many weights at once.

        Parameters
        ----------
        weights : ndarray of shape (count, p) or (count, p, t)
            Weights; the matrices of t targets are stacked, so that their squares add up.

        Returns
        -------
        ndarray of shape (count, q, q)
        """
        rows, q = self.shape
        count = len(weights)
        tensor = self._by_column.reshape(q * rows, self.n_weights)
        flat = weights.reshape(count, self.n_weights, -1).transpose(0, 2, 1)
        moved = flat.reshape(-1, self.n_weights) @ tensor.T
        columns = moved.reshape(count, -1, q, rows).transpose(0, 2, 1, 3).reshape(count, q, -1)
        return np.asarray(columns @ columns.transpose(0, 2, 1))

    def weighted_grams(self, precisions: Array) -> Array:
        """Return ``weighted_gram`` of many precisions at once.

        Parameters
        ----------
        precisions : ndarray of shape (count, q, q)
            Symmetric and positive definite.

        Returns
        -------
        ndarray of shape (count, p, p)

        Notes
        -----
        The result is linear in the inverses: with its matrix, kept if it is not too large, one
        product serves all, in O(count q^2 p^2 / 4).
        """
        q, p = self.shape[1], self.n_weights
        if q * (q + 1) * p * (p + 1) > 4 * _KEPT or not self._by_column.size:
            return np.array([self.weighted_gram(each) for each in precisions]).reshape(-1, p, p)
        a, b = np.triu_indices(q)
        inverses = np.linalg.inv(precisions)
        # Entries beside the diagonal stand for two.
        halves = (inverses + inverses.transpose(0, 2, 1))[:, a, b] * np.where(a == b, 0.5, 1.0)
        full = np.empty((p, p), int)
        j, k = np.triu_indices(p)
        full[j, k] = full[k, j] = np.arange(len(j))
        return np.asarray((halves @ self._pairs_of_columns)[:, full])

    @cached_property
    def _pairs_of_columns(self) -> Array:
        """Symmetric inner products of the weights in columns a <= b, (pairs, p (p + 1) / 2)."""
        q, p = self.shape[1], self.n_weights
        j, k = np.triu_indices(p)
        columns = self._by_column.reshape(q, self.shape[0], p)
        found = []
        for a in range(q):
            products = columns[a].T @ columns[a:]
            found.append(((products + products.transpose(0, 2, 1)) / 2)[:, j, k])
        return np.concatenate(found)

    @cached_property
    def _by_column(self) -> Array:
        """The operator as a dense array of shape (q, rows p)."""
        inner, columns = self._inner
        matrix: Any = self.matrix
        tensor = np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix).reshape(
            inner, columns, self.n_weights
        )
        if self.left is not None:
            tensor = np.tensordot(self.left, tensor, axes=1)
        return np.ascontiguousarray(tensor.transpose(1, 0, 2)).reshape(columns, -1)

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
        matrix = np.asarray(self.matrix @ weights).reshape(self._inner)
        if self._triangle is not None and matrix.size:
            return np.asarray(dtrmm(1.0, self._triangle, matrix.T, side=1, trans_a=1).T)
        return matrix if self.left is None else np.asarray(self.left @ matrix)

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
        inner = matrix if self.left is None else self.left.T @ matrix
        return np.asarray(self._transposed @ np.ravel(inner))

    def adjoint_of_product(self, left: Array, right: Array) -> Array:
        """Return ``adjoint(left @ right)``, at the cost of its rank.

        Parameters
        ----------
        left : ndarray of shape (rows, rank)
        right : ndarray of shape (rank, q)
            Factors of a matrix.

        Returns
        -------
        ndarray of shape (p,)
        """
        inner = left if self.left is None else self.left.T @ left
        return np.asarray(self._transposed @ np.ravel(inner @ right))


def cube_factor(dictionary: Monomials) -> Array:
    r"""Return the exact inner products of monomials on the cube :math:`[-1, 1]^n`, factored.

    Parameters
    ----------
    dictionary : Monomials
        p monomials of n features.

    Returns
    -------
    ndarray of shape (p, p)
        Upper triangular R with :math:`(R^T R)_{jk} = 2^{-n} \int x^{e_j + e_k} dx`.
    """
    total = dictionary.exponents[:, None, :] + dictionary.exponents[None, :, :]
    moments = np.where(total % 2 == 0, 1.0 / (total + 1), 0.0)
    return np.asarray(linalg.cholesky(moments.prod(axis=2)))


def _polynomial_derivatives(
    dictionary: Monomials, algebra: Algebra
) -> tuple[Array, Array, Array, Array]:
    """Entries (monomial, generator, term, value) of the derivatives of monomials along fields."""
    term, feature, factor, rest = dictionary.derivative_table
    n, lower = dictionary.n_features, int(rest.max(initial=-1)) + 1
    # Where a monomial of lower degree goes when it is multiplied by a feature.
    times = np.array(
        [
            [dictionary.index[tuple(sorted((*word, k)))] for k in range(n)]
            for word in list(dictionary.index)[:lower]
        ]
    )
    found: list[tuple[Array, Array, Array, Array]] = []
    # The affine field is a sum over features, times a power of a feature or none.
    for j in range(n):
        here = np.flatnonzero(feature == j)
        for k in range(n + 1):
            coefficients = algebra.generators[:, j, k]
            fields = np.flatnonzero(coefficients)
            if not len(fields) or not len(here):
                continue
            places = rest[here] if k == n else times[rest[here], k]
            found.append((
                np.repeat(places, len(fields)),
                np.tile(fields, len(here)),
                np.repeat(term[here], len(fields)),
                np.outer(factor[here], coefficients[fields]).ravel(),
            ))  # fmt: skip
    empty = np.zeros(0, int)
    if not found:
        return empty, empty, empty, np.zeros(0)
    place, field, terms, value = (np.concatenate(column) for column in zip(*found, strict=True))
    return place, field, terms, value


def _distinct(numbers: Array) -> tuple[Array, Array]:
    """Return distinct small numbers, ascending, and the place of each among them."""
    values = np.flatnonzero(np.bincount(numbers))
    return values, np.searchsorted(values, numbers)
