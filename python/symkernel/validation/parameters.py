"""Validate numbers and flags."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.validation.kinds import as_array


def as_number(value: Any, name: str, least: float = -math.inf, *, strict: bool = False) -> float:
    """Read a finite number that is at least `least`, or larger where that is `strict`.

    Raises
    ------
    TypeError
        If it is no number; text and booleans are none.
    ValueError
        If it is not finite or too small.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < least or (strict and number == least):
        if least == 0.0:
            bound = "positive and finite" if strict else "finite and not negative"
        else:
            bound = "finite" + ("" if least == -math.inf else f" and at least {least:g}")
        raise ValueError(f"{name} must be {bound}, got {value!r}")
    return number


def as_numbers(
    values: Any, name: str, least: float = -math.inf, *, strict: bool = False
) -> NDArray[np.float64]:
    """Read a number, or a list of them, as a vector of float64.

    Raises
    ------
    TypeError, ValueError
        As `as_number`, and for more than one axis or no number.
    """
    if np.ndim(values) == 0:
        return np.array([as_number(values, name, least, strict=strict)])
    array = np.asarray(as_array(values, name), np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a number or a 1-D array, got shape {array.shape}")
    for value in array:
        as_number(float(value), name, least, strict=strict)
    return array


def check_flag(value: Any, name: str) -> None:
    """Raise TypeError unless this is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
