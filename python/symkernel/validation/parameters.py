"""Validate numbers, flags, axes and random states."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from symkernel.validation.kinds import as_array

RandomState: TypeAlias = "int | np.random.Generator | np.random.RandomState | None"


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


def as_count(value: Any, name: str, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    return number


def as_shape(value: Any, name: str = "shape") -> tuple[int, ...]:
    """Return ``value`` as a non-empty tuple of positive ints."""
    try:
        items = tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a tuple of integers, got {value!r}") from None
    if not items:
        raise ValueError(f"{name} must have at least one axis, got ()")
    return tuple(as_count(n, f"{name}[{i}]") for i, n in enumerate(items))


def as_axes(value: Any, ndim: int) -> tuple[int, ...]:
    """Read ``value``, an int or a sequence of ints, as distinct axes in range(ndim)."""
    items: Sequence[Any] = value if isinstance(value, (tuple, list)) else (value,)
    if not items:
        raise ValueError("axis must name at least one axis, got ()")
    axes = []
    for item in items:
        axis = as_count(item, "axis", -ndim)
        if axis >= ndim:
            raise ValueError(f"axis {axis} is out of range for an array with {ndim} axes")
        axes.append(axis % ndim)
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis names the same axis twice: {value!r}")
    return tuple(axes)


def as_generator(random_state: RandomState) -> np.random.Generator:
    """Return a NumPy generator; a legacy RandomState is advanced and seeds one."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31 - 1, size=4))
    return np.random.default_rng(random_state)
