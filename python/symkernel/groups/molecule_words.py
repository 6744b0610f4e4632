"""Put permutations of the atoms of a molecule in words."""

from __future__ import annotations

from collections import Counter

from symkernel.groups.bonds import Integers, atom_name
from symkernel.groups.covalent_radii import SYMBOLS

__all__ = ["formula", "in_words"]

# Most cycles that words show.
_SHOWN = 6


def formula(numbers: Integers) -> str:
    """Return the chemical formula: carbon, hydrogen if there is carbon, others by symbol."""
    counts = Counter(SYMBOLS[number - 1] for number in numbers.tolist())
    first = [s for s in ("C", "H") if "C" in counts and s in counts]
    order = first + sorted(set(counts) - set(first))
    return "".join(f"{s}{counts[s] if counts[s] > 1 else ''}" for s in order)


def in_words(image: Integers, numbers: Integers, bonds: Integers) -> str:
    """Return what a permutation of atoms does.

    Parameters
    ----------
    image, numbers : ndarray of int of shape (n,)
    bonds : ndarray of int of shape (m, 2)

    Examples
    --------
    >>> import numpy as np
    >>> in_words(np.array([0, 2, 1]), np.array([8, 1, 1]), np.array([[0, 1], [0, 2]]))
    'swaps H1 and H2 on O0'
    """
    name = [atom_name(number, place) for place, number in enumerate(numbers.tolist())]
    near: list[list[int]] = [[] for _ in name]
    for i, j in bonds.tolist():
        near[i].append(j)
        near[j].append(i)
    to = image.tolist()
    cycles = _cycles(to)
    if len(cycles) == 1:
        atoms = cycles[0]
        held = {tuple(near[a]) for a in atoms}
        if len(held) == 1 and len(shared := held.pop()) == 1:
            verb, joint = ("swaps", " and ") if len(atoms) == 2 else ("turns", " ")
            return f"{verb} {joint.join(name[a] for a in atoms)} on {name[shared[0]]}"
    parts = _parts(near)
    moved = [part for part in parts if to[part[0]] not in part]
    if len(moved) == 2 and all(to[a] == a for part in parts if part not in moved for a in part):
        both = (f"({' '.join(name[a] for a in part)})" for part in moved)
        return f"swaps alike molecules {' and '.join(both)}"
    shown = [f"({' '.join(name[a] for a in cycle)})" for cycle in cycles[:_SHOWN]]
    more = f" and {len(cycles) - _SHOWN} more" if len(cycles) > _SHOWN else ""
    return f"moves {' '.join(shown)}{more}"


def _parts(near: list[list[int]]) -> list[list[int]]:
    """Return the atoms of every molecule, each ascending."""
    left = set(range(len(near)))
    parts = []
    while left:
        reached = [min(left)]
        left.discard(reached[0])
        for atom in reached:  # grows while it is read
            new = [other for other in near[atom] if other in left]
            left.difference_update(new)
            reached += new
        parts.append(sorted(reached))
    return parts


def _cycles(image: list[int]) -> list[tuple[int, ...]]:
    """Return the cycles of a permutation, without fixed points."""
    seen: set[int] = set()
    found = []
    for start in range(len(image)):
        if start in seen or image[start] == start:
            continue
        cycle = [start]
        while image[cycle[-1]] != start:
            cycle.append(image[cycle[-1]])
        found.append(tuple(cycle))
        seen.update(cycle)
    return found
