"""Ask spglib for the operations of space groups by number."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from symkernel.validation import as_count

__all__ = ["operations_of"]

# Settings of space groups that spglib numbers.
_HALL_NUMBERS = 530


def operations_of(number: int, hall_number: int | None) -> tuple[Any, Any, int | None]:
    """Operations of a space group, and its setting where that is not the first one."""
    if not 1 <= number <= 230:
        raise ValueError(f"operations must be a number from 1 to 230, or matrices; got {number}")
    try:
        spglib = importlib.import_module("spglib")
    except ImportError:
        raise ModuleNotFoundError(
            f"SpaceGroup({number}) needs spglib for its operations: pip install "
            "'symkernel[crystals]'; SpaceGroup(rotations, translations) does not"
        ) from None

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of how spglib will tell errors
        halls = range(1, _HALL_NUMBERS + 1)
        own = [hall for hall in halls if spglib.get_spacegroup_type(hall).number == number]
        hall = own[0] if hall_number is None else as_count(hall_number, "hall_number")
        if hall not in own:
            raise ValueError(
                f"hall_number must be one of {number}'s settings, {own}; got {hall_number!r}"
            )
        found = spglib.get_symmetry_from_database(hall)
    return found["rotations"], found["translations"], None if hall == own[0] else hall
