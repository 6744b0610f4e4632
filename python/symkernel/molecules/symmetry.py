"""Find the permutations of like atoms that a force field averages over."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import GroupTooLargeError
from symkernel.groups import PermutationGroup
from symkernel.groups.elements import SignedPermutation
from symkernel.groups.molecule import molecule
from symkernel.groups.molecule_words import formula
from symkernel.molecules.frames import Frames

__all__ = ["found_permutations"]

Array = NDArray[np.int64]

# Every pair of structures costs as many kernel values as there are permutations.
_MOST = 20_000
_NAMES = ("feasible", "all", "none")
_WAY_OUT = 'permutations="none" uses none, and an array of permutations those that you know'


def found_permutations(value: Any, frames: Frames) -> tuple[Array, str]:
    """Return permutations of atoms (G, n_atoms), the identity among them, and what they do.

    Parameters
    ----------
    value : {"feasible", "all", "none"} or array-like of int of shape (k, n_atoms)
        Those of ``groups.molecule``, or permutations that generate them.
    frames : Frames
        Structures in which bonds are looked for.

    Raises
    ------
    ValueError
        If bonds change between structures, or permutations exchange unlike atoms.
    GroupTooLargeError
        If there are more than 20,000.
    """
    N = frames.n_atoms
    if isinstance(value, str) and value not in _NAMES:
        raise ValueError(
            f"permutations must be one of {', '.join(_NAMES)} or an array of them, got {value!r}"
        )
    if isinstance(value, str) and value == "none":
        return np.arange(N)[None], f"{frames.formula}: no permutations"
    if isinstance(value, str):
        try:
            found = molecule(frames.numbers, frames.positions, include=value)
        except ValueError as error:
            raise ValueError(f"permutations={value!r}: {error}; {_WAY_OUT}") from None
        group, words = found.permutations, found.explain()
    else:
        group = _given(value, frames)
        words = f"{frames.formula}: {group.order} permutations, as given"
    if group.order > _MOST:
        raise GroupTooLargeError(f"{frames.formula}", group.order, _MOST, _WAY_OUT)
    images = [g.indices for g in group.elements() if isinstance(g, SignedPermutation)]
    table = np.array(images, np.int64).reshape(-1, N)
    # The identity first, the others in an order that does not depend on how they were found.
    return table[np.lexsort(table.T[::-1])], words


def _given(value: Any, frames: Frames) -> PermutationGroup:
    try:
        group = PermutationGroup(np.asarray(value).tolist(), degree=frames.n_atoms)
    except (TypeError, ValueError) as error:
        raise type(error)(f"permutations: {error}") from None
    for g in group.generators:
        if not isinstance(g, SignedPermutation) or not np.array_equal(
            frames.numbers[g.indices], frames.numbers
        ):
            raise ValueError(
                f"permutations must exchange like atoms of {formula(frames.numbers)}, {g!r} "
                "does not"
            )
    return group
