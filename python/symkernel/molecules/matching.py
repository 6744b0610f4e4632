"""Match the atoms of structures that list them in another order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import PermutationGroup
from symkernel.groups.bonds import BOND, BROKEN, FORMED
from symkernel.groups.covalent_radii import RADII
from symkernel.groups.elements import SignedPermutation
from symkernel.groups.graph_automorphisms import AutomorphismSearch
from symkernel.groups.graph_labelling import canonical_colours
from symkernel.groups.molecule_words import formula

__all__ = ["AtomMatcher"]

Array = NDArray[Any]
# Most automorphisms that are tried for the one that fits distances best.
_TRIED = 20_000
# Most distances held at once.
_BLOCK = 1_000_000


class AtomMatcher:
    """Find which atom of a structure is which of a reference, by elements and bonds.

    Parameters
    ----------
    numbers : ndarray of int of shape (n,)
        Atomic numbers of the reference.
    positions : ndarray of shape (n, 3)
        Its positions in Angstrom.

    Notes
    -----
    Graphs of bonds are brought to a canonical order of their atoms. Of all isomorphisms, which the
    automorphisms make of one, the one with the least squared difference of distances is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.molecules.matching import AtomMatcher
    >>> water = np.array([[0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]])
    >>> matcher = AtomMatcher(np.array([8, 1, 1]), water)
    >>> matcher.order(np.array([1, 1, 8]), water[[1, 2, 0]])
    array([2, 0, 1])
    """

    def __init__(self, numbers: Array, positions: Array) -> None:
        self._numbers = numbers
        radii = np.array(RADII)[numbers - 1]
        self._sums = radii[:, None] + radii
        self._distances = _distances(positions)
        self._bonded = _bonds(self._distances, self._sums)
        self._own: tuple[Array, list[Array]] | None = None

    def agrees(self, positions: Array) -> NDArray[np.bool_]:
        """Tell which of some structures (m, n, 3), atoms as in the reference, have its bonds."""
        others = ~self._bonded & ~np.eye(len(self._sums), dtype=bool)
        found = np.empty(len(positions), bool)
        rows = max(1, _BLOCK // self._sums.size)
        for start in range(0, len(positions), rows):
            R = positions[start : start + rows]
            lengths = np.linalg.norm(R[:, :, None] - R[:, None], axis=-1) / self._sums
            changed = ((lengths > BROKEN) & self._bonded) | ((lengths < FORMED) & others)
            found[start : start + rows] = ~changed.any(axis=(1, 2))
        return found

    def order(self, numbers: Array, positions: Array) -> Array | None:
        """Return p such that atoms ``p`` of a structure are those of the reference, or None.

        Raises
        ------
        ValueError
            If the composition is another, or the automorphisms are too many to be tried.
        """
        if not np.array_equal(np.sort(numbers), np.sort(self._numbers)):
            raise ValueError(
                f"all structures must be of one molecule, got {formula(numbers)} beside "
                f"{formula(self._numbers)}"
            )
        radii = np.array(RADII)[numbers - 1]
        distances = _distances(positions)
        bonded = _bonds(distances, radii[:, None] + radii)
        mine, automorphisms = self._labelled()
        theirs = _labels(bonded, numbers)[0]
        p = theirs[np.argsort(mine)]  # the atom with the same place in the canonical order
        same = np.array_equal(numbers[p], self._numbers)
        if not (same and np.array_equal(bonded[np.ix_(p, p)], self._bonded)):
            return None
        candidates = [p[a] for a in automorphisms]
        apart = [
            float(((distances[np.ix_(c, c)] - self._distances) ** 2).sum()) for c in candidates
        ]
        return candidates[int(np.argmin(apart))]

    def _labelled(self) -> tuple[Array, list[Array]]:
        """Atoms in the canonical order, and all automorphisms."""
        if self._own is None:
            atoms, search = _labels(self._bonded, self._numbers)
            if search.order > _TRIED:
                raise ValueError(
                    f"{formula(self._numbers)} has {search.order} automorphisms, too many to match "
                    f"atoms in another order (at most {_TRIED}): bring all structures to one order"
                )
            group = PermutationGroup._known(
                map(SignedPermutation._trusted, search.generators), len(atoms), search.order
            )
            self._own = atoms, [np.asarray(g.indices) for g in group.elements()]  # type: ignore[attr-defined]
        return self._own


def _labels(bonded: Array, numbers: Array) -> tuple[Array, AutomorphismSearch]:
    """Atoms in an order that isomorphic graphs share, and the search for automorphisms."""
    kinds = np.unique(numbers, return_inverse=True)[1]
    search = AutomorphismSearch(bonded.astype(np.int64), kinds.astype(np.int64))
    return np.argsort(canonical_colours(search)), search


def _distances(positions: Array) -> Array:
    return np.asarray(np.linalg.norm(positions[:, None] - positions, axis=-1))


def _bonds(distances: Array, sums: Array) -> NDArray[np.bool_]:
    bonded = distances < BOND * sums
    np.fill_diagonal(bonded, False)
    return np.asarray(bonded)
