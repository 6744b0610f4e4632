"""Read samples as points that a group of permutation kind moves as whole vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.canonical.transporters import PermutationTransporters
from symkernel.groups import Group
from symkernel.groups.factor import Factor
from symkernel.groups.registry import require_group
from symkernel.groups.role import Kind
from symkernel.validation import as_floats

__all__ = ["PointLayout", "factor_of", "features_of", "orders_as_integers"]


@dataclass(frozen=True, eq=False)
class PointLayout:
    """Features of a sample, point after point.

    Attributes
    ----------
    points : int
        What the group permutes.
    channels : int
        Numbers of each point, compared lexicographically in the order of the other axes.
    features : ndarray of int64 of shape (points * channels,), or None
        Where they lie; None for their own order.
    """

    points: int
    channels: int
    features: NDArray[np.int64] | None

    @classmethod
    def along(cls, axes: tuple[int, ...], shape: tuple[int, ...]) -> PointLayout:
        """Points along the axes (C order) of an array, channels along the others."""
        points = math.prod(shape[a] for a in axes)
        grid = np.arange(math.prod(shape)).reshape(shape)
        features = np.moveaxis(grid, axes, tuple(range(len(axes)))).reshape(-1)
        own = np.array_equal(features, np.arange(features.size))
        return cls(points, features.size // points, None if own else features)

    def split(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return X (n, d) point after point, C-ordered."""
        return X if self.features is None else np.ascontiguousarray(X[:, self.features])

    def join(self, Z: NDArray[Any]) -> NDArray[Any]:
        """Undo ``split``."""
        if self.features is None:
            return Z
        X = np.empty_like(Z)
        X[:, self.features] = Z
        return X

    def transporters(
        self, indices: NDArray[np.int32], signs: NDArray[np.int8] | None
    ) -> PermutationTransporters:
        """Signed permutations of points as those of features; both arrays are (n, points)."""
        if self.channels > 1:
            steps = np.arange(self.channels, dtype=np.int32)
            moved = indices[:, :, None] * np.int32(self.channels) + steps
            indices = moved.reshape(len(indices), self.points * self.channels)
            signs = None if signs is None else np.repeat(signs, self.channels, axis=1)
        if self.features is not None:
            lifted = np.empty_like(indices)
            lifted[:, self.features] = self.features.astype(np.int32)[indices]
            indices = lifted
            signs = None if signs is None else self.join(signs)
        return PermutationTransporters(indices, signs)


def factor_of(group: Group, form: str, kind: Kind, names: str) -> Factor:
    """Return the single factor of a group, which has to be of a kind; ``names`` are its groups."""
    require_group(group)
    factors = group.factors()
    if len(factors) == 1 and factors[0].group.role.kind is kind:
        return factors[0]
    raise ValueError(f"{form} takes one of {names}, on features or along axes; got {group!r}")


def features_of(X: NDArray[Any], degree: int) -> NDArray[Any]:
    """X as a C-ordered array (n, degree) of float32 or float64."""
    array = as_floats(X)
    if array.ndim != 2 or array.shape[1] != degree:
        raise ValueError(f"X must have shape (n, {degree}), got shape {array.shape}")
    return array


def orders_as_integers(orders: NDArray[np.uint64]) -> NDArray[np.object_]:
    """Orders below 2^64 as Python integers."""
    if (orders == 1).all():  # the rule; conversion takes longer than sorting
        return np.full(len(orders), 1, dtype=object)
    return orders.astype(object)
