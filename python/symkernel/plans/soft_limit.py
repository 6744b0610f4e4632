"""Follow a plan at a limit of the weights, and give derivatives for these beside its own."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from symkernel.backends.arrays import namespace
from symkernel.plans.base import Array, Plan
from symkernel.plans.lifted import Lifted, WayBack

__all__ = ["Limit"]


class Limit(Lifted):
    """The plan of a kernel without some weights, whose derivatives have planes for all of them.

    Parameters
    ----------
    inner : Plan
        What computes, digit by digit.
    planes : sequence of int or float
        For every weight: which plane of the plan of derivatives, counted from its end as -1, -2,
        ..., holds its derivative, or the number that the derivative is, nan where it has none.
    differentiated : callable, optional
        Makes the plan of derivatives where any plane is one of its.
    own : int, default=0
        Planes at the end of the inner plan's derivatives that are not for hyperparameters.
    """

    _prepares = True

    def __init__(
        self,
        inner: Plan,
        planes: Sequence[int | float],
        differentiated: Callable[[], Plan] | None = None,
        own: int = 0,
    ) -> None:
        super().__init__(inner, ())
        self._planes = tuple(planes)
        self._differentiated = differentiated
        self._own = own

    def _lift(self, X: Array, n_jobs: int | None) -> Array:
        return X

    def _lift_and_back(self, X: Array, n_jobs: int | None) -> tuple[Array, WayBack]:
        return X, lambda gradient: gradient

    @property
    def preparation(self) -> Hashable:
        """What the inner plan does."""
        return self._inner.preparation

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives, for logarithms of hyperparameters and then every weight."""
        found = self._inner.gradient(X, n_jobs)
        return self._with_planes(found, lambda plan: plan.gradient(X, n_jobs)[1])

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, as `gradient`."""
        found = self._inner.diag_gradient(X, n_jobs)
        return self._with_planes(found, lambda plan: plan.diag_gradient(X, n_jobs)[1])

    def _with_planes(
        self, found: tuple[Array, Array], compute: Callable[[Plan], Array]
    ) -> tuple[Array, Array]:
        K, gradient = found
        xp = namespace(K)
        other: Array | None = None
        if self._differentiated is not None:
            plan = self._differentiated()
            other = gradient if plan is self._inner else compute(plan)
        planes = []
        for plane in self._planes:
            if isinstance(plane, int):
                assert other is not None
                planes.append(other[..., plane])
            else:
                planes.append(xp.full(K.shape, plane, dtype=K.dtype))
        if not planes:
            return found
        theta = gradient[..., : gradient.shape[-1] - self._own]
        return K, np.asarray(xp.concatenate([theta, xp.stack(planes, axis=-1)], axis=-1))
