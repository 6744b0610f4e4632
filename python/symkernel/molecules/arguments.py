"""Read what force fields are given: training data, positions, structures to compare with."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.molecules.checks import check_frames
from symkernel.molecules.frames import Frames
from symkernel.molecules.reading import read_structures
from symkernel.molecules.repeats import without_repeats
from symkernel.molecules.units import Units

__all__ = ["known_frames", "positions_of", "training_frames"]

Array = NDArray[Any]


def training_frames(
    frames: Any, z: Any, positions: Any, energies: Any, forces: Any, units: Units
) -> Frames:
    """Return checked training structures, in eV and Angstrom, of what ``fit`` was given.

    Raises
    ------
    TypeError, ValueError
        If there are none, or neither energies nor forces, or single atoms.

    Warns
    -----
    UserWarning
        Where structures are left out, or look wrong.
    """
    if frames is None:
        if z is None or positions is None:
            raise TypeError("fit needs frames, or z and positions with energies or forces")
        data = Frames(z, positions, energies, forces, units=units)
        if data.n_half:
            _warn(f"{data.n_half} structures lack some of their forces, and count as without any")
    elif any(value is not None for value in (z, positions, energies, forces)):
        raise TypeError("give frames, or z, positions, energies and forces, not both")
    else:
        data = frames if isinstance(frames, Frames) else read_structures(frames)
    if data.n_atoms < 2:
        raise ValueError("a force field needs at least two atoms: one has no distances")
    useful = data.has_energy | data.has_forces
    if not useful.any():
        raise ValueError(
            f"none of the {len(data)} structures has an energy or forces: there is nothing to fit"
        )
    if not useful.all():
        _warn(f"{(~useful).sum()} structures have neither energy nor forces, and are left out")
        data = data[useful]
    data = without_repeats(data, stacklevel=4)
    check_frames(data, stacklevel=3)
    return data


def positions_of(R: Any, numbers: Array, units: Units) -> tuple[Array, bool]:
    """Return positions (n, n_atoms, 3) in Angstrom, and whether one structure was meant.

    Parameters
    ----------
    R : array-like in `units`, Frames, or an object or list of objects with numbers and positions
    numbers : ndarray of int of shape (n_atoms,)
        The atoms there must be.
    units : Units

    Raises
    ------
    TypeError, ValueError
        If they are other atoms, or positions have another shape or are not finite.
    """
    several = isinstance(R, list | tuple) and bool(R) and all(hasattr(a, "numbers") for a in R)
    if not several and not hasattr(R, "numbers"):
        return Frames(numbers, R, units=units).positions, np.ndim(R) == 2
    parts = R if several else [R]
    for part in parts:
        _check_numbers(part.numbers, numbers)
    shape = (-1, len(numbers), 3)
    positions = np.concatenate([np.reshape(part.positions, shape) for part in parts])
    if not np.isfinite(positions).all():
        raise ValueError("positions must be finite")
    single = not several and not isinstance(R, Frames)
    return np.ascontiguousarray(positions, np.float64), single


def known_frames(frames: Any, numbers: Array | None = None) -> Frames:
    """Return structures with energies or forces, of these atoms.

    Raises
    ------
    ValueError
        If none is known, or atoms are others.
    """
    data = frames if isinstance(frames, Frames) else read_structures(frames)
    if numbers is not None:
        _check_numbers(data.numbers, numbers)
    if not (data.has_energy | data.has_forces).any():
        raise ValueError("no energy and no forces are known of these structures")
    return data


def _check_numbers(found: Any, numbers: Array) -> None:
    if not np.array_equal(found, numbers):
        raise ValueError(
            f"structures must have the atoms of the training data in their order, "
            f"{numbers.tolist()}, got {np.asarray(found).tolist()}"
        )


def _warn(text: str) -> None:
    warnings.warn(f"{text}.", UserWarning, stacklevel=4)
