"""Read molecules, and find the bonds between their atoms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.covalent_radii import RADII, SYMBOLS
from symkernel.validation import as_array, as_floats

__all__ = ["atom_name", "atomic_numbers", "find_bonds", "read_molecule", "unbonded"]

# In units of the sum of two covalent radii: atoms closer than BOND on average are bonded. A frame
# disagrees where a bond is longer than BROKEN, or other atoms are closer than FORMED; in between
# lie vibrations. Atoms closer than OVERLAP are no two atoms.
BOND, BROKEN, FORMED, OVERLAP = 1.25, 1.6, 1.0, 0.3
# Atoms that are alone as a rule: helium to radon.
_NOBLE = (2, 10, 18, 36, 54, 86)
# Most distances held at once.
_BLOCK = 1_000_000

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def atom_name(number: int, place: int) -> str:
    """Return the name of an atom in messages: symbol and place, such as C0."""
    return f"{SYMBOLS[number - 1]}{place}"


def read_molecule(z: Any, R: Any) -> tuple[Integers, Floats]:
    """Return atomic numbers (n,) and frames (m, n, 3) of a molecule, given in one of these ways.

    Parameters
    ----------
    z : sequence of n atomic numbers or symbols, or object with ``numbers`` and ``positions``, \
or sequence of such objects
    R : array-like of shape (n, 3) or (m, n, 3), or None where z has positions
    """
    several = isinstance(z, (list, tuple)) and bool(z) and all(map(_has_atoms, z))
    if several or _has_atoms(z):
        if R is not None:
            raise TypeError("R must be left out where z has positions of its own")
        structures = list(z) if several else [z]
        read = [
            _read_arrays(s.numbers, s.positions, f"z[{k}].positions" if several else "z.positions")
            for k, s in enumerate(structures)
        ]
        numbers = read[0][0]
        for k, (other, _) in enumerate(read):
            if not np.array_equal(other, numbers):
                raise ValueError(
                    f"z must hold frames of one molecule, its atoms in one order: z[{k}] has "
                    "other atomic numbers than z[0]"
                )
        return numbers, np.concatenate([frames for _, frames in read])
    if R is None:
        raise TypeError(
            "R, the positions of the atoms, must be given where z has no positions of its own"
        )
    return _read_arrays(z, R, "R")


def _has_atoms(thing: Any) -> bool:
    return hasattr(thing, "numbers") and hasattr(thing, "positions")


def _read_arrays(z: Any, R: Any, name: str) -> tuple[Integers, Floats]:
    numbers = atomic_numbers(z)
    frames = np.array(as_floats(as_array(R, name), name, finite=True), np.float64)
    if frames.ndim not in (2, 3) or frames.shape[-2:] != (len(numbers), 3) or not len(frames):
        n = len(numbers)
        raise ValueError(
            f"{name} must have shape ({n}, 3) or (n_frames, {n}, 3) for {n} atoms, got "
            f"{frames.shape}"
        )
    return numbers, frames.reshape(-1, len(numbers), 3)


def atomic_numbers(z: Any, name: str = "z") -> Integers:
    """Return atomic numbers (n,) of atoms given by numbers or symbols.

    Raises
    ------
    TypeError, ValueError
        If they are something else; the message calls them `name`.
    """
    wanted = "a sequence of atomic numbers or symbols, one per atom"
    if isinstance(z, (str, bytes)) or np.ndim(z) != 1:
        text = f"{z!r}" if isinstance(z, (str, bytes)) else f"{np.ndim(z)} dimensions"
        raise TypeError(f"{name} must be {wanted}, got {text}")
    listed = z.tolist() if hasattr(z, "tolist") else list(z)
    if not listed:
        raise ValueError(f"{name} must be {wanted}, got no atom")
    return np.array(
        [_atomic_number(entry, f"{name}[{k}]") for k, entry in enumerate(listed)], np.int64
    )


def _atomic_number(entry: Any, place: str) -> int:
    if isinstance(entry, str):
        if entry in SYMBOLS:
            return SYMBOLS.index(entry) + 1
    elif isinstance(entry, (int, float, np.number)) and not isinstance(entry, bool):
        if entry in range(1, len(SYMBOLS) + 1):
            return int(entry)
    else:
        raise TypeError(f"{place} must be an atomic number or a symbol, got {entry!r}")
    hint = "; leave out what pads a row" if entry == 0 else ""
    raise ValueError(
        f"{place} must be an element, its number from 1 to {len(SYMBOLS)} or its symbol, got "
        f"{entry!r}{hint}"
    )


def find_bonds(numbers: Integers, frames: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Return which atoms are bonded, (n, n), and mean distances in sums of covalent radii.

    Parameters
    ----------
    numbers : ndarray of int of shape (n,)
    frames : ndarray of float64 of shape (m, n, 3)
        Angstrom.

    Raises
    ------
    ValueError
        If atoms overlap, or a frame has other bonds than the mean of all; names frame and atoms.
    """
    radii = np.array(RADII)[numbers - 1]
    sums = radii[:, None] + radii
    mean = np.zeros_like(sums)
    for _, distances in _distances(frames, sums):
        mean += distances.sum(axis=0)
    mean /= len(frames)
    bonded = mean < BOND
    np.fill_diagonal(bonded, False)
    apart = ~bonded
    np.fill_diagonal(apart, False)
    for start, distances in _distances(frames, sums):
        close = distances < OVERLAP
        close[:, np.arange(len(sums)), np.arange(len(sums))] = False
        for wrong, what in (
            (close, "overlap"),
            (bonded & (distances > BROKEN), "are apart, and bonded on the mean of all frames"),
            (apart & (distances < FORMED), "are bonded, and apart on the mean of all frames"),
        ):
            if wrong.any():
                frame, i, j = np.argwhere(wrong)[0]
                length = distances[frame, i, j] * sums[i, j]
                raise ValueError(
                    f"atoms {atom_name(numbers[i], i)} and {atom_name(numbers[j], j)} {what}: "
                    f"{length:.3g} Angstrom in frame {start + frame}; R must be in Angstrom, and "
                    "all frames of one molecule"
                )
    return bonded, mean


def unbonded(numbers: Integers, bonded: NDArray[np.bool_], lengths: Floats) -> str:
    """Say which atoms are bonded to nothing, where two or more should be; else nothing.

    Parameters
    ----------
    numbers : ndarray of int of shape (n,)
    bonded : ndarray of bool of shape (n, n)
    lengths : ndarray of float of shape (n, n)
        Mean distances in sums of covalent radii.
    """
    alone = np.flatnonzero(~bonded.any(axis=1) & ~np.isin(numbers, _NOBLE))
    if len(alone) < 2:
        return ""
    names = [atom_name(numbers[i], i) for i in alone[:4]]
    more = f" and {len(alone) - 4} more" if len(alone) > 4 else ""
    what = "no atoms are bonded" if not bonded.any() else "some atoms are bonded to nothing"
    others = lengths[alone] + np.where(np.arange(len(numbers)) == alone[:, None], np.inf, 0.0)
    i, j = np.unravel_index(others.argmin(), others.shape)
    return (
        f"{what}: {', '.join(names)}{more}, which are {others[i, j]:.3g} sums of covalent radii or "
        f"more from all others (nearest are {atom_name(numbers[alone[i]], int(alone[i]))} and "
        f"{atom_name(numbers[j], int(j))}), and bonds are below {BOND}. R must be in Angstrom: "
        "multiply bohr by 0.529177"
    )


# Distances of all pairs in sums of covalent radii, some frames at a time: (first frame, (k, n, n)).
def _distances(frames: Floats, sums: Floats) -> Iterator[tuple[int, Floats]]:
    size = max(1, _BLOCK // sums.size)
    for start in range(0, len(frames), size):
        block = frames[start : start + size]
        yield start, np.linalg.norm(block[:, :, None] - block[:, None], axis=-1) / sums
