"""Compute joint covariances of functions invariant under sign flips, in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.forms import FormTable
from symkernel.kernels.joint_rows import RowByRow

Array = NDArray[Any]

# Exponents beyond which a Gaussian is nothing beside rounding, whatever its rate squared.
_NEGLIGIBLE = 120.0


@dataclass(frozen=True)
class _Term:
    """One Gaussian of rate t, for x against samples y: points p of r coordinates each.

    F (n,), with its weight; x - E y (n, d) and y - E x (n, d); of the signs the mean (n, p) and
    the variance (n, p).
    """

    rate: float
    F: Array
    from_x: Array
    from_y: Array
    mean: Array
    variance: Array


class FlipPairs(RowByRow):
    r"""Pairs of samples under all sign flips of their points, or of their features.

    Parameters
    ----------
    table : FormTable
        Points that change their signs, each for itself.
    weights, rates : ndarray of shape (r,)
        Of the base kernel as a sum of Gaussians of squared distances.

    Notes
    -----
    Under the density exp(2t sum_p g_p x_p . y_p) the signs g_p are independent, with the means
    tanh(2t x_p . y_p), so that

    .. math::
        \partial_a \partial_b F = 4t^2 F\, a \cdot (x - \operatorname{E} g y)\;
            b \cdot (y - \operatorname{E} g x) + \sum_p 4t^2 F \operatorname{Var} g_p\;
            a_p \cdot y_p\; x_p \cdot b_p + 2t F \operatorname{E} g_p\; a_p \cdot b_p.

    Distances are taken after the better sign, so that nothing cancels. A pair costs a number of
    operations proportional to d per Gaussian. Source: the product formula of
    cpp/include/symkernel/sign_flips.hpp, differentiated.
    """

    def __init__(self, table: FormTable, weights: Array, rates: Array) -> None:
        self._points = len(table.blocks) if len(table.blocks) > 1 else table.blocks[0][0]
        self._layout = np.asarray(table.layout, np.intp)
        self._weights, self._rates = weights, rates

    def values(self, x: Array, Y: Array) -> Array:
        """See ``RowByRow.values``."""
        found = np.zeros(len(Y))
        for term in self._terms(x, Y):
            found += term.F
        return found

    def slopes(self, x: Array, A: Array, Y: Array) -> Array:
        """See ``RowByRow.slopes``."""
        found = np.zeros_like(Y)
        for term in self._terms(x, Y):
            found -= (2.0 * term.rate * term.F)[:, None] * term.from_x
        along: Array = A[:, self._layout] @ found.T
        return along

    def mixed(self, x: Array, A: Array, Y: Array, B: Array) -> Array:
        """See ``RowByRow.mixed``."""
        n, k, _ = B.shape
        A, B = A[:, self._layout], B[:, :, self._layout]
        found = np.zeros((n, len(A), k))
        straight, spread = np.zeros((2, n, self._points))
        for term in self._terms(x, Y):
            twice = 4.0 * term.rate**2 * term.F
            at_y = (B @ term.from_y[:, :, None])[:, :, 0] * twice[:, None]
            found += (term.from_x @ A.T)[:, :, None] * at_y[:, None]
            straight += (2.0 * term.rate * term.F)[:, None] * term.mean
            spread += twice[:, None] * term.variance
        own = self._split(A)  # (m, p, r)
        width = own.shape[2]
        found += (A * np.repeat(straight, width, axis=1)[:, None]) @ B.transpose(0, 2, 1)
        other = B.reshape(n, k, self._points, width)
        met = np.einsum("mpr,npr->nmp", own, self._split(Y[:, self._layout]))
        across = np.einsum("pr,nkpr->nkp", self._split(x[self._layout]), other)
        found += (met * spread[:, None]) @ across.transpose(0, 2, 1)
        return found.transpose(1, 0, 2)

    def apply(
        self, X: Array, fields: Any, gradient: bool, n_jobs: int | None
    ) -> tuple[Array, Array | None]:
        """See ``Pairs.apply``."""
        Y, a, b = fields
        b_points = self._split(b[:, self._layout])
        y_points = self._split(Y[:, self._layout])
        values, slopes = np.zeros(len(X)), np.zeros_like(X) if gradient else None
        for i, x in enumerate(X):
            met = np.einsum("pr,npr->np", self._split(x[self._layout]), b_points)
            total = np.zeros_like(b_points[0])
            for term in self._terms(x, Y):
                once = 2.0 * term.rate * term.F
                inward = np.einsum("nd,nd->n", term.from_y, b[:, self._layout])
                values[i] += term.F @ a - once @ inward
                if slopes is None:
                    continue
                total += ((once * (2.0 * term.rate * inward - a)) @ term.from_x).reshape(
                    total.shape
                )
                total += np.einsum("np,npr->pr", once[:, None] * term.mean, b_points)
                spread = (2.0 * term.rate * once)[:, None] * term.variance * met
                total += np.einsum("np,npr->pr", spread, y_points)
            if slopes is not None:
                slopes[i, self._layout] = total.ravel()
        return values, slopes

    def _split(self, rows: Array) -> Array:
        """Features (..., d) in the order of the points as (..., p, r)."""
        width = len(self._layout) // self._points
        return rows.reshape(*rows.shape[:-1], self._points, width)

    def _terms(self, x: Array, Y: Array) -> Iterator[_Term]:
        """Yield the Gaussians, from the broadest on, as far as any y feels them."""
        own, others = self._split(x[self._layout]), self._split(Y[:, self._layout])
        inner = np.einsum("pr,npr->np", own, others)
        sign = np.where(inner < 0.0, -1.0, 1.0)
        inner = np.abs(inner)
        apart = own - sign[:, :, None] * others
        residual = np.einsum("npr,npr->n", apart, apart)
        nearest = residual.min(initial=np.inf)
        for t, weight in sorted(zip(self._rates, self._weights, strict=True)):
            if not t * nearest < _NEGLIGIBLE:
                return
            w = np.exp(-4.0 * t * inner)
            exponent = np.log1p(w).sum(axis=1) - self._points * np.log(2.0) - t * residual
            gap = (2.0 * w / (1.0 + w))[:, :, None]  # 1 - |mean|
            from_x = apart + gap * (sign[:, :, None] * others)
            from_y = sign[:, :, None] * (gap * own - apart)
            yield _Term(
                float(t),
                weight * np.exp(exponent),
                from_x.reshape(len(Y), -1),
                from_y.reshape(len(Y), -1),
                sign * np.tanh(2.0 * t * inner),
                4.0 * w / (1.0 + w) ** 2,
            )
