"""Compute net force and torque: zero for forces that come from an invariant potential."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.validation import as_array

__all__ = ["net_force", "net_torque"]

Array = NDArray[Any]


def net_force(forces: ArrayLike) -> Array:
    """Sum the forces on all points; zero if the potential is invariant to translations.

    Parameters
    ----------
    forces : array-like of shape (n, p, 3) or (p, 3)

    Returns
    -------
    ndarray of shape (n, 3) or (3,)

    Examples
    --------
    >>> net_force([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    array([0., 0., 0.])
    """
    values = _clouds(forces, "forces")
    total: Array = values.sum(axis=-2)
    return total


def net_torque(positions: ArrayLike, forces: ArrayLike) -> Array:
    """Sum r x F about the origin; zero if the potential is invariant to rotations about it.

    Parameters
    ----------
    positions : array-like of shape (n, p, 3) or (p, 3)
    forces : array-like of the same shape

    Returns
    -------
    ndarray of shape (n, 3) or (3,)
        Where the net force is zero, the torque about every other point as well.

    Raises
    ------
    ValueError
        If the shapes differ or the last axis is not of length 3.

    Examples
    --------
    >>> net_torque([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    array([0., 0., 2.])
    """
    places, values = _clouds(positions, "positions"), _clouds(forces, "forces")
    if places.shape != values.shape:
        raise ValueError(
            f"positions and forces must have one shape, got {places.shape} and {values.shape}"
        )
    total: Array = np.cross(places, values).sum(axis=-2)
    return total


def _clouds(values: ArrayLike, name: str) -> Array:
    array = np.asarray(as_array(values, name), np.float64)
    if array.ndim not in (2, 3) or array.shape[-1] != 3:
        raise ValueError(f"{name} must have shape (n, p, 3) or (p, 3), got {array.shape}")
    return array
