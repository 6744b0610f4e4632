"""Check length scales against a group and bring them into the native core's units."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import Group
from symkernel.plans.base import BaseSpec
from symkernel.validation import as_array, as_number

Array = NDArray[Any]

# Length scales up to this power of two, and down to its inverse, have squares well within the range
# of single precision.
_PLAIN_EXPONENT = 40


def exponent_of(length_scale: float) -> int:
    """Power of two that brings a length scale near 1; 0 where its square is in range as it is."""
    exponent = round(math.log2(length_scale))
    return exponent if abs(exponent) > _PLAIN_EXPONENT else 0


def stationary(
    name: str, length_scale: Any, group: Group, before: tuple[float, ...] = ()
) -> BaseSpec:
    """Describe a kernel of distances in units of one length scale, or of one for each feature.

    Parameters
    ----------
    name : str
        Native name.
    length_scale : float or array-like of shape (n_features,)
        Length scales, positive, the same on the features that the group mixes.
    group : Group
        Group that acts on the features.
    before : tuple of float, default=()
        Native parameters other than the length scale, which stand before it.

    Raises
    ------
    ValueError
        If the length scales are anything else.
    """
    if np.size(length_scale) == 1:
        length_scale = np.reshape(length_scale, ()).item()
        as_number(length_scale, "length_scale", 0.0, strict=True)
        exponent = exponent_of(length_scale)
        own = math.ldexp(length_scale, -exponent)
        return BaseSpec(name, (*before, own), exponent=exponent)
    scale = np.asarray(as_array(length_scale, "length_scale"), np.float64)
    if scale.shape != (group.degree,):
        raise ValueError(
            f"length_scale has shape {scale.shape}; {group!r} acts on {group.degree} features"
        )
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(f"length_scale must be positive and finite, got {length_scale!r}")
    labels = group.mixed_features
    scale = require_tied(scale, labels, group)
    if labels.max() == 0:  # one length scale, with one derivative
        return stationary(name, scale[0], group, before)
    return BaseSpec(name, (*before, 1.0), scale=scale)


def require_tied(scale: Array, labels: Array, group: Group | str) -> Array:
    """Length scales made exactly equal on features that the group mixes; refused if they differ.

    The metric sum (x_i - y_i)^2 / l_i^2 is invariant under g iff l is constant on the features that
    g mixes. A relative difference of 1e-6 is what rounding and other software leave.
    """
    mean = np.exp(np.bincount(labels, np.log(scale)) / np.bincount(labels))[labels]
    moved = np.abs(scale / mean - 1.0) > 1e-6
    if moved.any():
        i = int(np.argmax(moved))
        others = np.flatnonzero(labels == labels[i])
        j = int(others[np.argmax(np.abs(scale[others] - scale[i]))])
        raise ValueError(
            f"length_scale per feature must be constant on the features that {group!r} mixes: it "
            f"mixes features {i} and {j}, whose length scales are {scale[i]:.6g} and {scale[j]:.6g}"
        )
    return np.asarray(mean)
