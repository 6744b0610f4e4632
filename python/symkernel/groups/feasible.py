"""Tell which permutations of like atoms the motion of a molecule can bring about."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.bonds import Floats, Integers, atom_name
from symkernel.groups.elements import SignedPermutation
from symkernel.groups.graph_automorphisms import orbits_of
from symkernel.groups.permutation_group import PermutationGroup

__all__ = ["Arrangement"]

# Four directions span a volume, six times their tetrahedron's, of 3.1 at an sp3 carbon and three of
# them with their atom one of 0.77; a smaller one than this is flat.
_FLAT = 0.4
# Double bonds are shorter than this, in sums of (single-bond) radii; a bond is straight, and has no
# sides, where the sine of its angle is below the next; ends are twisted where the cosine is.
_DOUBLE, _STRAIGHT, _TWISTED = 0.9, 0.34, 0.5
# Atoms with more neighbours have no hand.
_MOST = 6
# Nitrogen and oxygen turn inside out with three neighbours.
_INVERTING = (7, 8)


class Arrangement:
    """What keeps its hand or its side while a molecule moves, and how permutations change it.

    Parameters
    ----------
    numbers : ndarray of int of shape (n,)
    frames : ndarray of float64 of shape (m, n, 3)
    bonded : ndarray of bool of shape (n, n)
    lengths : ndarray of float64 of shape (n, n)
        Mean distances in sums of covalent radii.
    generators : ndarray of int of shape (k, n)
        Of all automorphisms of the bond graph.
    """

    # corners: (atom, a, b, c, d), four neighbours of an atom, or three and itself; hands: the sign
    # of their volume. paths: (a, u, v, b) along double bonds u = v; sides: 1 for cis.
    def __init__(
        self,
        numbers: Integers,
        frames: Floats,
        bonded: NDArray[np.bool_],
        lengths: Floats,
        generators: Integers,
    ) -> None:
        self._numbers, self._frames = numbers, frames
        self._generators = generators
        self._near = [np.flatnonzero(row).tolist() for row in bonded]
        self._orbits = orbits_of(generators, len(numbers))
        self._find_corners()
        self._find_paths(lengths)
        self._places = {corner: k for k, corner in enumerate(self._corners)}
        self._rows = {path: k for k, path in enumerate(self._paths)}

    def _find_corners(self) -> None:
        self._corners: list[tuple[int, ...]] = []
        hands = []
        self._flat = np.ones(len(self._numbers), bool)  # of atoms with three neighbours
        threes = {}
        for atom, near in enumerate(self._near):
            if len(near) == 3:
                threes[atom] = self._volume(atom, (*near, atom))
            for four in combinations(near, 4) if len(near) <= _MOST else ():
                volume = self._volume(atom, four)
                self._corners.append((atom, *four))
                hands.append(0 if abs(volume) < _FLAT else int(np.sign(volume)))
        for atom, volume in threes.items():
            like = [abs(v) for a, v in threes.items() if self._orbits[a] == self._orbits[atom]]
            self._flat[atom] = np.mean(like) < _FLAT
            if not self._flat[atom] and self._numbers[atom] not in _INVERTING:
                self._corners.append((atom, *self._near[atom], atom))
                hands.append(int(np.sign(volume)))
        self._hands = np.array(hands, np.int64)

    # Mean over frames of det(a - d, b - d, c - d), of directions from an atom, itself at 0.
    def _volume(self, atom: int, four: tuple[int, ...]) -> float:
        rays = self._frames[:, list(four)] - self._frames[:, [atom]]
        norms = np.linalg.norm(rays, axis=-1, keepdims=True)
        rays = rays / np.where(norms > 0, norms, 1.0)
        return float(np.linalg.det(rays[:, :3] - rays[:, 3:]).mean())

    def _find_paths(self, lengths: Floats) -> None:
        n = len(self._numbers)
        self._paths: list[tuple[int, ...]] = []
        sides = []
        bonds = [(u, v) for u in range(n) for v in self._near[u] if u < v and self._doubles(u, v)]
        kinds = {(u, v): self._kind(u, v) for u, v in bonds}
        for u, v in bonds:
            like = [lengths[bond] for bond in bonds if kinds[bond] == kinds[u, v]]
            if np.mean(like) >= _DOUBLE:
                continue
            for a in self._near[u]:
                for b in self._near[v]:
                    if a != v and b != u:
                        self._paths.append(_forward((a, u, v, b)))
                        cosine = self._cosine(a, u, v, b)
                        sides.append(0 if abs(cosine) < _TWISTED else int(np.sign(cosine)))
        self._sides = np.array(sides, np.int64)

    def _doubles(self, u: int, v: int) -> bool:
        return all(self._lies_flat(atom) for atom in (u, v))

    # Two neighbours at an angle, or three in a plane.
    def _lies_flat(self, atom: int) -> bool:
        near = self._near[atom]
        if len(near) == 2:
            like = [a for a, o in enumerate(self._orbits) if o == self._orbits[atom]]
            return bool(np.mean([self._bend(a) for a in like]) > _STRAIGHT)
        return len(near) == 3 and bool(self._flat[atom])

    def _bend(self, atom: int) -> float:
        one, other = (self._frames[:, b] - self._frames[:, atom] for b in self._near[atom])
        area = np.linalg.norm(np.cross(one, other), axis=-1)
        return float((area / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)).mean())

    # Bonds that a permutation takes to each other are of one kind (and some that none does).
    def _kind(self, u: int, v: int) -> tuple[int, ...]:
        return tuple(sorted((int(self._orbits[u]), int(self._orbits[v]))))

    def _cosine(self, a: int, u: int, v: int, b: int) -> float:
        R = self._frames
        axis = R[:, v] - R[:, u]
        axis = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
        arms = []
        for arm in (R[:, a] - R[:, u], R[:, b] - R[:, v]):
            across = arm - (arm * axis).sum(axis=-1, keepdims=True) * axis
            arms.append(across / np.linalg.norm(across, axis=-1, keepdims=True))
        return float((arms[0] * arms[1]).sum(axis=-1).mean())

    # -- what permutations do -----------------------------------------------------------------

    def _turned(self, image: Integers) -> tuple[Integers, Integers, Integers]:
        """Return where corners go, with which sign of their order, and where paths go."""
        to = image.tolist()
        places, signs = [], []
        for atom, *four in self._corners:
            moved = [to[a] for a in four]
            fixed = 3 if four[3] == atom else 4  # the atom itself stays the last
            ordered = sorted(moved[:fixed]) + moved[fixed:]
            places.append(self._places[(to[atom], *ordered)])
            signs.append(-1 if _odd(moved[:fixed]) else 1)
        rows = [self._rows[_forward(tuple(to[a] for a in path))] for path in self._paths]
        return np.array(places, np.int64), np.array(signs, np.int64), np.array(rows, np.int64)

    def keep(self, mirrored: bool) -> PermutationGroup:
        """Return the permutations that keep all hands and sides.

        Parameters
        ----------
        mirrored : bool
            Whether permutations that reverse every hand belong to them.
        """
        n, corners = len(self._numbers), 2 * len(self._corners)
        first = corners + len(self._paths)  # hands and sides come first, to cut the search early
        found = []
        for image in self._generators:
            places, signs, rows = self._turned(image)
            hands = 2 * places[:, None] + np.stack([signs < 0, signs > 0], axis=1)
            found.append(np.concatenate([hands.reshape(-1), corners + rows, first + image]))
        if mirrored and self._hands.any():
            mirror = np.arange(first + n)
            mirror[:corners] ^= 1
            found.append(mirror)
        acting = PermutationGroup(map(SignedPermutation._trusted, found), degree=first + n)
        hands = np.stack([self._hands, -self._hands], axis=1).reshape(-1)
        # Atoms, hands and sides never meet in an orbit.
        try:
            kept = acting._fixing(np.concatenate([hands, self._sides, np.zeros(n, np.int64)]))
        except ValueError:
            raise ValueError(
                f"the feasible permutations among those of {n} atoms are too hard to find: take "
                'include="all", or give permutations'
            ) from None
        atoms = [
            SignedPermutation._trusted(g.indices[first:] - first)
            for g in kept.generators
            if isinstance(g, SignedPermutation)
        ]
        return PermutationGroup._known(atoms, n, int(kept.order))

    def objection(self, image: Integers, mirrored: bool) -> str:
        """Return what a permutation does that no motion does, in words; "" where nothing."""
        places, signs, rows = self._turned(image)
        for path, side, row in zip(self._paths, self._sides, rows, strict=True):
            if side != self._sides[row]:
                u, v = (atom_name(self._numbers[a], a) for a in path[1:3])
                return f"exchanges the sides of the double bond {u}={v}"
        products = self._hands * signs * self._hands[places]
        if (abs(products) < abs(self._hands)).any():
            return "takes neighbours that span a volume to some in a plane"
        odd = [corner[0] for corner, s in zip(self._corners, products, strict=True) if s < 0]
        even = [corner[0] for corner, s in zip(self._corners, products, strict=True) if s > 0]
        if not odd or (mirrored and not even):
            return ""
        inside = f"turns {self._listed(odd)} inside out"
        return f"{inside} and not {self._listed(even)}" if even else f"{inside}: a mirror image"

    def _listed(self, atoms: list[int]) -> str:
        return " ".join(atom_name(self._numbers[a], a) for a in dict.fromkeys(atoms))


def _forward(path: tuple[int, ...]) -> tuple[int, ...]:
    return min(path, path[::-1])


def _odd(listed: list[int]) -> bool:
    """Return whether sorting different numbers takes an odd number of exchanges."""
    return sum(a > b for a, b in combinations(listed, 2)) % 2 == 1
