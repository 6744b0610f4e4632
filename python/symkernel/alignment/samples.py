"""The door for samples to be aligned: every check once, with messages that say what came."""

from __future__ import annotations

from typing import Any

import numpy as np

from symkernel.alignment.base import Array
from symkernel.backends.arrays import is_on_device
from symkernel.backends.cpu import as_float_array
from symkernel.groups import Group

__all__ = ["check_group", "check_rows", "check_two", "scale_of"]

# Samples whose largest entry lies within 2^-bound .. 2^bound are used as they are: squares of their
# differences neither overflow nor vanish.
_BOUND = {"float64": 200, "float32": 25}


def check_group(group: Any) -> None:
    """Raise TypeError unless this is a group."""
    if not isinstance(group, Group):
        raise TypeError(f"group must be a Group, got {type(group).__name__}")


def check_rows(X: Any, name: str, group: Group) -> Array:
    """Samples as a C-ordered, finite array (n, d) of float32 or float64.

    Raises
    ------
    TypeError
        For an array on a GPU.
    ValueError
        For another shape, complex numbers, NaN or infinity.
    """
    if is_on_device(X):
        raise TypeError(
            f"{name} lives on a GPU; alignments are computed on the host: copy it there"
        )
    array = np.asarray(X)
    if array.dtype.kind == "c":
        raise ValueError(f"{name} must be real, got complex numbers")
    if array.ndim > 2 and array.shape[1:] == tuple(group.shape):
        array = array.reshape(len(array), group.degree)
    if array.ndim != 2 or array.shape[1] != group.degree:
        shapes = f"(n, {group.degree})"
        if len(group.shape) > 1:
            shapes += f" or (n, {', '.join(map(str, group.shape))})"
        raise ValueError(f"{name} must have shape {shapes} for {group!r}; got {array.shape}")
    samples = as_float_array(array)
    if not np.isfinite(samples).all():
        what = "NaN" if np.isnan(samples).any() else "infinity"
        raise ValueError(f"{name} contains {what}")
    return samples


def check_two(X: Any, Y: Any, group: Group) -> tuple[Array, Array | None]:
    """Check both sample sets and bring them to one dtype; ``Y=None`` stays None."""
    first = check_rows(X, "X", group)
    if Y is None:
        return first, None
    second = check_rows(Y, "Y", group)
    if first.dtype != second.dtype:
        return first.astype(np.float64), second.astype(np.float64)
    return first, second


def scale_of(X: Array, Y: Array | None) -> int:
    """Exponent of a power of two to divide samples by; 0 unless squares would leave their range."""
    largest = max((float(np.abs(Z).max(initial=0.0)) for Z in (X, Y) if Z is not None), default=0.0)
    exponent = int(np.frexp(largest)[1])
    return exponent if abs(exponent) > _BOUND[X.dtype.name] and largest > 0 else 0
