"""Count Fourier modes that motions of a lattice leave as they are, by characters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import Group
from symkernel.groups.lattice_motion import LatticeMotion
from symkernel.spectral import LatticeTorus, Manifold, Torus
from symkernel.spectral.manifold import Level

__all__ = ["lattice_characters"]

# Elements that are taken one by one.
_MOST_ELEMENTS = 200_000


def lattice_characters(
    manifold: Manifold, group: Group, levels: list[Level]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (order,) of elements and their characters (order, levels).

    The trace of x -> W x + w on a level is the sum of cos(2 pi k.w) over modes with W^T k = k.

    Raises
    ------
    ValueError
        If the manifold is no torus, or the group is not finite.
    GroupTooLargeError
        If the group has more than 200,000 elements.
    """
    if not isinstance(manifold, LatticeTorus | Torus) or not group.is_finite:
        raise ValueError(
            f"group must be finite and act on a Torus or a LatticeTorus to be counted, got "
            f"{group!r} on {manifold!r}; InvariantBasis(...).dimensions counts from generators"
        )
    group.check_order(_MOST_ELEMENTS, "InvariantBasis counts from generators")
    modes = [manifold.modes(known.level) for known in levels]
    sizes = np.cumsum([0, *map(len, modes)])[:-1]
    every = np.concatenate(modes)
    found = []
    for g in group.elements():
        motion = LatticeMotion.of(g)
        assert motion is not None  # the manifold has checked the group
        numerators, denominator = motion.fractions
        kept = (every @ motion.rotation == every).all(axis=1)
        turns = (every @ numerators) % denominator / denominator
        found.append(np.add.reduceat(np.where(kept, np.cos(2.0 * np.pi * turns), 0.0), sizes))
    return np.full(len(found), 1.0 / len(found)), np.array(found)
