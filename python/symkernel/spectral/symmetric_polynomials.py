"""Evaluate symmetric polynomials by partitions, at any number of coordinates.

The monomial symmetric function m_p(x) of a partition p = (p_1 >= ... >= p_k) is the sum of the
different monomials x_{i_1}^{p_1} ... x_{i_k}^{p_k} over distinct i. In them the average over all
n! permutations of a power of the inner product is diagonal,

    mean over P of (x . P y)^j = sum over partitions p of j with at most n parts of
        (j! / prod p_i!) / N_p(n) m_p(x) m_p(y),    N_p(n) = n! / ((n - k)! prod_a mult_a!),

where N_p(n) is the number of monomials in m_p (Diaz, Drusvyatskiy, Kendrick and Thomas,
arXiv 2502.01886). One coordinate after another gives all m_p of degree up to d at once:

    m_p(x_1, ..., x_n) = m_p(x_1, ..., x_{n-1}) + sum over distinct parts a of p of
        x_n^a m_{p without a}(x_1, ..., x_{n-1}),

n times a number of products that depends on the degree alone, without the cancellation of
formulas in power sums.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from symkernel.validation import as_count, as_rows, check_data, check_kind

__all__ = [
    "Partition",
    "SymmetricPolynomials",
    "arrangements",
    "kernel_weights",
    "monomial_counts",
    "monomial_symmetric",
    "partitions",
]

Array = NDArray[np.float64]
Partition = tuple[int, ...]

# Entries of the table of products of one coordinate.
_BLOCK_ENTRIES = 2**20


def partitions(degree: int) -> list[Partition]:
    """List the partitions of 0, 1, ..., degree, their parts descending.

    Examples
    --------
    >>> partitions(3)
    [(), (1,), (2,), (1, 1), (3,), (2, 1), (1, 1, 1)]
    """
    return [p for j in range(as_count(degree, "degree", 0) + 1) for p in _of(j, j)]


def _of(total: int, largest: int) -> Iterator[Partition]:
    if total == 0:
        yield ()
        return
    for first in range(min(total, largest), 0, -1):
        for rest in _of(total - first, first):
            yield (first, *rest)


class _Steps(NamedTuple):
    """What one more coordinate adds: powers[power] * m[source], summed over runs of one target."""

    power: NDArray[np.intp]
    source: NDArray[np.intp]
    target: NDArray[np.intp]
    start: NDArray[np.intp]


@lru_cache(maxsize=32)
def _steps(degree: int) -> _Steps:
    place = {p: k for k, p in enumerate(partitions(degree))}
    power: list[int] = []
    source: list[int] = []
    target: list[int] = []
    start: list[int] = []
    for p, k in place.items():
        if p:
            target.append(k)
            start.append(len(power))
        for part in sorted(set(p)):
            at = p.index(part)
            power.append(part)
            source.append(place[p[:at] + p[at + 1 :]])
    return _Steps(*(np.array(one, np.intp) for one in (power, source, target, start)))


def monomial_symmetric(X: ArrayLike, degree: int) -> Array:
    """Evaluate monomial symmetric functions of samples, for all partitions up to a degree.

    Parameters
    ----------
    X : array-like of float, shape (N, n)
        Samples.
    degree : int
        At least 0.

    Returns
    -------
    float64, shape (N, len(partitions(degree)))
        In the order of ``partitions``; 0 for partitions with more than n parts.

    Notes
    -----
    N n times the number of pairs of a partition and a distinct part of it: 14 up to degree 4, 75 up
    to degree 7, 284 up to degree 10.

    Examples
    --------
    >>> monomial_symmetric([[1.0, 2.0, 3.0]], 2)
    array([[ 1.,  6., 14., 11.]])
    """
    samples = as_rows(X, flatten=False)
    steps = _steps(as_count(degree, "degree", 0))
    count = len(partitions(degree))
    out = np.empty((len(samples), count))
    width = max(1, _BLOCK_ENTRIES // max(1, len(steps.power)))
    for first in range(0, len(samples), width):
        block = samples[first : first + width]
        m = np.zeros((count, len(block)))
        m[0] = 1.0
        for x in block.T if degree else ():
            powers = np.cumprod(np.broadcast_to(x, (degree, len(x))), axis=0)
            products = powers[steps.power - 1] * m[steps.source]
            m[steps.target] += np.add.reduceat(products, steps.start, axis=0)
        out[first : first + width] = m.T
    return out


def monomial_counts(n: int, degree: int) -> Array:
    """Count the monomials of each monomial symmetric function at n coordinates.

    Examples
    --------
    >>> monomial_counts(3, 2)
    array([1., 3., 3., 3.])
    """
    return np.array([float(arrangements(p, n)) for p in partitions(degree)])


def arrangements(partition: Partition, n: int) -> int:
    """Return the number of monomials of one partition at n coordinates."""
    repeated = math.prod(math.factorial(c) for c in Counter(partition).values())
    return math.perm(n, len(partition)) // repeated


def kernel_weights(n: int, degree: int) -> Array:
    """Return the weights of m_p(x) m_p(y) in the average of (x . P y)^j, j = |p|.

    Parameters
    ----------
    n : int
        Number of coordinates.
    degree : int
        Largest j.

    Returns
    -------
    float64, shape (len(partitions(degree)),)
        (j! / prod p_i!) / N_p(n), and 0 for partitions with more than n parts.

    Examples
    --------
    Over both orders of two coordinates the mean of (x . P y)^2 has x_1^2 + x_2^2 and x_1 x_2:

    >>> kernel_weights(2, 2)
    array([1. , 0.5, 0.5, 2. ])
    """
    weights = []
    for p in partitions(degree):
        count = arrangements(p, n)
        multinomial = math.factorial(sum(p)) // math.prod(math.factorial(a) for a in p)
        weights.append(multinomial / count if count else 0.0)
    return np.array(weights)


class SymmetricPolynomials(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Features of a set of numbers that do not depend on their order, at sets of any size.

    One for each partition p of 0, ..., ``degree``, from m_p, the sum of the different monomials
    with exponents p. Their number does not depend on n, so that a linear model trained at one
    number of coordinates is a function at every other.

    Parameters
    ----------
    degree : int, default=3
        Largest degree.
    normalization : {"mean", "sum"}, default="mean"
        "mean" divides m_p by its number of monomials: the mean of x_{i_1}^{p_1} ... x_{i_k}^{p_k}
        over distinct i. For independent coordinates its expectation is the product of the moments
        p_1, ..., p_k, at every n: features of a distribution, of which a sample is a set of n
        draws. It needs n >= degree. "sum" takes m_p itself, which coordinates that are 0 do not
        change: features of a set to which nothing can be added, at every n.

    Attributes
    ----------
    partitions_ : list of tuple of int
        The partition of each feature; the first is (), whose feature is 1.
    n_features_in_ : int
        Number of coordinates in ``fit``; ``transform`` takes any.

    Raises
    ------
    ValueError
        In ``fit`` and ``transform``: if ``degree`` is negative, the normalization unknown, there
        are fewer coordinates than the degree for "mean", or samples are not finite.

    Notes
    -----
    O(N n) for N samples, times a number that depends on the degree alone; see
    ``monomial_symmetric``. The number of features is that of the invariants, 1, 2, 4, 7, 12, 19, 30
    up to degree 0, 1, ..., 6, once n >= degree. Source: Diaz, Drusvyatskiy, Kendrick and Thomas,
    arXiv 2502.01886.

    Examples
    --------
    The variance of five numbers, learned, and then asked of a thousand:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from symkernel.spectral import SymmetricPolynomials
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50, 5))
    >>> model = make_pipeline(SymmetricPolynomials(2), LinearRegression())
    >>> model = model.fit(X, X.var(axis=1, ddof=1))
    >>> Z = rng.normal(size=(3, 1000))
    >>> bool(np.allclose(model.predict(Z), Z.var(axis=1, ddof=1)))
    True
    """

    def __init__(self, degree: int = 3, *, normalization: Literal["mean", "sum"] = "mean") -> None:
        self.degree = degree
        self.normalization = normalization

    def fit(self, X: Any, y: Any = None) -> Self:
        """List the partitions; samples are only checked.

        Parameters
        ----------
        X : array-like of float, shape (N, n)
            Samples.
        y : ignored

        Returns
        -------
        self
        """
        if self.normalization not in ("mean", "sum"):
            raise ValueError(f'normalization must be "mean" or "sum", got {self.normalization!r}')
        found = partitions(self.degree)
        array = check_data(self, X)
        self._check_width(array.shape[1])
        self.partitions_ = found
        self._n_features_out = len(found)
        return self

    def transform(self, X: Any) -> Any:
        """Return the features, (N, number of partitions), at any number of coordinates.

        Parameters
        ----------
        X : array-like of float, shape (N, n)
            Samples; n may differ from that of ``fit``.

        Returns
        -------
        ndarray
            float32 for samples in float32.
        """
        check_is_fitted(self)
        check_kind(X)
        array = check_array(X, dtype=[np.float64, np.float32], estimator=self)
        n = array.shape[1]
        self._check_width(n)
        values = monomial_symmetric(array, self.degree)
        if self.normalization == "mean":
            values /= monomial_counts(n, self.degree)
        return values.astype(array.dtype, copy=False)

    def _check_width(self, n: int) -> None:
        if self.normalization == "mean" and n < self.degree:
            raise ValueError(
                f"normalization='mean' of degree {self.degree} needs as many features, got {n}: "
                "the mean over distinct coordinates does not exist"
            )
