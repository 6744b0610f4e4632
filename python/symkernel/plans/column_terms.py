r"""Write base kernels as sums of products of kernels of some columns each.

With the columns in blocks b, and x_b what x has there:

* ``exp(-t |x - y|^2)``, ``exp(-gamma |x - y|_1)`` and the von Mises kernel are products over b;
* mixtures of the first are sums of such products, one for every rate;
* ``(gamma x.y + c)^p`` is the sum over powers k, one for each block, of sum |k| <= p, of
  ``p! / ((p - |k|)! prod_b k_b!) c^(p - |k|) gamma^|k| prod_b (x_b.y_b)^k_b``.

The average over a group that acts in every block by itself is then the sum of the products of the
averages of the factors, because an average of independent factors is the product of averages.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import NotApplicableError
from symkernel.plans.base import BaseSpec
from symkernel.plans.closed_form import mixture_within

__all__ = ["MOST_TERMS", "ColumnTerm", "column_terms"]

Array = NDArray[Any]

#: Most products that a polynomial kernel is expanded into.
MOST_TERMS = 2000

# Kernels that are one product over columns, and by how much the logarithm of what their factors
# depend on grows with that of their hyperparameter.
_PRODUCTS = ("rbf", "laplacian", "von_mises")


@dataclass(frozen=True, eq=False)
class ColumnTerm:
    """One product: ``weight * prod_b k_b(x_b, y_b)``.

    Parameters
    ----------
    weight : float
    weight_slopes : ndarray of shape (p,)
        Derivatives of the weight for the logarithms of the hyperparameters of the kernel.
    inner_slopes : ndarray of shape (p,)
        Derivatives, for the same, of the logarithm of the one hyperparameter of the factors.
    factors : tuple of BaseSpec or None
        Kernel of every block; None where it is 1.
    """

    weight: float
    weight_slopes: Array
    inner_slopes: Array
    factors: tuple[BaseSpec | None, ...]


def column_terms(
    base: BaseSpec, n_blocks: int, reach: float, tolerance: float, finest: float = math.inf
) -> tuple[list[ColumnTerm], float]:
    """Return the products whose sum a base kernel is, and the error of that sum.

    Parameters
    ----------
    base : BaseSpec
        Base kernel; its length scales per feature are left to the samples.
    n_blocks : int
        Number of blocks of columns.
    reach : float
        Largest distance that occurs, for mixtures; infinite to ask what to expect.
    tolerance : float
        Largest error of a mixture relative to k(x, x).
    finest : float, default=inf
        Largest rate that samples can tell from a larger one; rates of mixtures are cut there, of
        kernels without a kink only.

    Raises
    ------
    NotApplicableError
        If the kernel is no such sum, or one of too many terms.
    """
    one, zero = np.ones(1), np.zeros(1)
    if base.name in _PRODUCTS:
        spec = BaseSpec(base.name, base.parameters)
        return [ColumnTerm(1.0, zero, one, (spec,) * n_blocks)], 0.0
    if base.traits.polynomial is not None:
        return list(_expanded(base, n_blocks)), 0.0
    if base.traits.manhattan:
        raise NotApplicableError(f"{base.name!r} is no product over columns, nor a sum of such")
    mixture = mixture_within(base, tolerance, reach)
    found = []
    for weight, rate, weight_slopes, rate_slopes in zip(
        mixture.weights,
        mixture.rates,
        mixture.weight_gradient,
        mixture.rate_gradient,
        strict=True,
    ):
        cut = rate if base.traits.kink else min(rate, finest)
        spec = BaseSpec("rbf", (math.sqrt(0.5 / cut),))
        inner = -0.5 * rate_slopes / rate  # the length scale is (2 rate)^(-1/2)
        found.append(ColumnTerm(float(weight), weight_slopes, inner, (spec,) * n_blocks))
    return found, mixture.error


def _expanded(base: BaseSpec, n_blocks: int) -> Iterator[ColumnTerm]:
    polynomial = base.traits.polynomial
    assert polynomial is not None
    p, constant, factor = polynomial
    count = math.comb(p + n_blocks, n_blocks)
    if count > MOST_TERMS:
        raise NotApplicableError(
            f"a polynomial of degree {p} over {n_blocks} blocks of columns is a sum of {count:,} "
            f"products; at most {MOST_TERMS:,} are summed"
        )
    for powers in _powers(p, n_blocks):
        k = sum(powers)
        if constant == 0.0 and k < p:
            continue
        ways = math.factorial(p) // math.prod(map(math.factorial, (*powers, p - k)))
        weight = float(ways) * constant ** (p - k) * factor**k
        # sigma_0 enters a dot product as its square, and its factor is no hyperparameter
        logs = [2.0 * (p - k)] if base.name == "dot_product" else [float(p - k), float(k)]
        factors = tuple(_homogeneous(power) for power in powers)
        yield ColumnTerm(weight, weight * np.array(logs), np.zeros(len(logs)), factors)


def _homogeneous(power: int) -> BaseSpec | None:
    """The kernel (x.y)^power."""
    return BaseSpec("polynomial", (0.0, 1.0, float(power))) if power else None


def _powers(most: int, count: int) -> Iterator[Sequence[int]]:
    """Yield all ``count`` integers of sum at most ``most``."""
    for bars in itertools.combinations(range(most + count), count):
        ends = (-1, *bars)
        yield tuple(b - a - 1 for a, b in itertools.pairwise(ends))
