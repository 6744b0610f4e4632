"""Sum a base kernel over a finite group with weights that grow with the trace of the element."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from symkernel.backends import cpu
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.plans.averaged import Averaged
from symkernel.plans.base import Array, BaseSpec, Cost
from symkernel.plans.soft_pieces import Class
from symkernel.plans.weighted_tables import Table, WeightedTables, balanced

__all__ = ["SoftSum", "class_weights"]


def class_weights(found: tuple[Class, ...], kappas: Array) -> tuple[Array, Array]:
    """Return weights of classes, (c,), and their derivatives for every kappa, (c, pieces).

    An element weighs in proportion to ``exp(sum over pieces of kappa tr T(g))``.
    """
    logits = np.array([math.log(c.count) + float(kappas @ c.traces) for c in found])
    weights = np.exp(logits - logits.max())
    weights /= weights.sum()
    values = np.array([c.traces for c in found])
    return weights, weights[:, None] * (values - weights @ values)


class SoftSum(Averaged):
    """``sum over g of w(g) k(x, g y)`` for a finite group, w(g) ~ exp(sum of kappa tr T(g)).

    One native orbit sum for every set of elements that weigh the same, so that the whole costs
    what the invariant kernel costs.

    Parameters
    ----------
    base : BaseSpec
        Base kernel that the group leaves invariant.
    group : Group
        The group, with translations or not.
    found : tuple of Class
        What is summed over: elements of finite pieces.
    kappas : ndarray of shape (pieces,)
        Concentration of the weights of each piece at the identity, at least 0.

    Raises
    ------
    NotApplicableError
        For kernels that no native sum computes.
    """

    method = "sum"
    exact = True

    def __init__(
        self, base: BaseSpec, group: Group, found: tuple[Class, ...], kappas: Array
    ) -> None:
        super().__init__(base, group)
        if not base.traits.native:
            raise NotApplicableError(
                "weighted sums are computed for Matern with nu = 0.5, 1.5, 2.5 or inf, "
                "RationalQuadratic and kernels of distances and inner products, not for "
                f"{base.name!r}; angles may be given as their cosines and sines, with an RBF kernel"
            )
        self._classes = found
        self._weights, self._slopes = class_weights(self._classes, kappas)
        self.error = 1e-15
        order = float(sum(c.count for c in self._classes))
        self.cost = Cost(order * group.degree, order, kernel=base.native)
        self.steps = (
            *self._structure.centring,
            f"weighted sum over {order:,.0f} elements in {len(self._classes)} classes",
        )
        self._nodes = WeightedTables(
            tuple(
                (float(w), c.table)
                for w, c in zip(self._weights, self._classes, strict=True)
                if w > 0.0
            )
        )

    def _tables(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> WeightedTables:
        return self._nodes

    def _measure(self, X: Array, Y: Array, n_jobs: int | None = None) -> None:
        self.error = 1e-15  # of sums that are exact there is nothing to measure

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives, for logarithms of hyperparameters and then every kappa."""
        rows = self._prepared(X)
        n, scaled = len(rows), self.base.scale is not None
        extended = balanced(self.base, rows)
        return self._collected(
            lambda table: cpu.gram_gradient(self.base.native, table, extended, scaled, n_jobs),
            lambda values: values[:n, :n],
        )

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, as `gradient`, shapes (n,) and (n, p + kappas)."""
        rows = self._prepared(X)
        n, scaled = len(rows), self.base.scale is not None
        extended = balanced(self.base, rows)
        return self._collected(
            lambda table: cpu.diagonal(self.base.native, table, extended, True, scaled, n_jobs),
            lambda values: values[:n],
        )

    def _collected(
        self,
        compute: Callable[[Table], tuple[Array, Array]],
        cut: Callable[[Array], Array],
    ) -> tuple[Array, Array]:
        every = WeightedTables(tuple((1.0, c.table) for c in self._classes))
        parts = (every._full() if self.base.scale is not None else every).parts
        K: Array | float = 0.0
        planes: Array | float = 0.0
        soft: list[Array | float] = [0.0] * self._slopes.shape[1]
        for (_, table), w, slopes in zip(parts, self._weights, self._slopes, strict=True):
            found = compute(table)
            values, gradient = cut(found[0]), cut(found[1])
            K = K + float(w) * values
            planes = planes + float(w) * gradient
            soft = [s + float(slope) * values for s, slope in zip(soft, slopes, strict=True)]
        total = np.asarray(K)
        columns = [np.asarray(s)[..., None] for s in soft]
        return total, np.concatenate([np.asarray(planes), *columns], axis=-1)
