"""Leave out structures that tell nothing new."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from symkernel.molecules.frames import Frames

__all__ = ["without_repeats"]

Array = NDArray[np.float64]

# Structures are the same where no distance differs by more, Angstrom, nor energy, eV, or size of a
# force, eV/Angstrom: the digits that text keeps.
_SAME, _AGREE = 1e-7, 1e-6
# Most distances held at once.
_BLOCK = 1_000_000


def without_repeats(frames: Frames, stacklevel: int = 3) -> Frames:
    """Leave out structures that repeat another with the same energy and forces.

    Structures with the same distances, and other energies or forces, are kept: the noise of the
    model averages them. Of two of which one has what the other lacks, both are kept as well.

    Parameters
    ----------
    frames : Frames
        Moved, turned and mirrored copies are the same structure, atoms in their order.
    stacklevel : int, default=3
        Of warnings.

    Warns
    -----
    UserWarning
        With the count of either.

    Notes
    -----
    Structures are sorted by one combination of their distances, and compared with those next to
    them: O(n n_atoms^2 + n log n) where few are alike.

    Examples
    --------
    >>> import warnings
    >>> from symkernel.molecules import Frames
    >>> from symkernel.molecules.repeats import without_repeats
    >>> R = [[[0, 0, 0], [0, 0, 0.74]], [[0, 0, 0], [0, 0, 0.8]], [[1, 0, 0], [1.74, 0, 0]]]
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     without_repeats(Frames(["H", "H"], R, energies=[0.0, 0.1, 0.0]))
    Frames(H2, 2 structures, 2 energies, 0 forces)
    """
    n = len(frames)
    i, j = np.triu_indices(frames.n_atoms, 1)
    weights = np.random.default_rng(0).uniform(0.5, 1.0, len(i))
    weights /= weights.sum()  # the combination moves by less than _SAME where all distances do
    keys = np.empty(n)
    rows = max(1, _BLOCK // len(i))
    for start in range(0, n, rows):
        R = frames.positions[start : start + rows]
        keys[start : start + rows] = np.linalg.norm(R[:, i] - R[:, j], axis=-1) @ weights
    order = np.argsort(keys, kind="stable")
    kept, contradicting = np.ones(n, bool), np.zeros(n, bool)
    for place, first in enumerate(order):
        if not kept[first]:
            continue
        for other in order[place + 1 :]:
            if keys[other] - keys[first] > 2 * _SAME:
                break
            if kept[other] and _same(frames.positions[[first, other]], i, j):
                one, two = sorted((first, other))
                if _agree(frames, one, two):
                    kept[two] = False
                else:
                    contradicting[two] = True
    contradicting &= kept
    for count, words in (
        ((~kept).sum(), "repeat another one, and are left out"),
        (
            contradicting.sum(),
            "repeat the positions of another one with another energy or other forces; the fit "
            "averages them",
        ),
    ):
        if count:
            text = f"{count} of {n} structures {words}."
            warnings.warn(text, UserWarning, stacklevel=stacklevel)
    return frames if kept.all() else frames[kept]


def _same(R: Array, i: NDArray[np.intp], j: NDArray[np.intp]) -> bool:
    one, other = np.linalg.norm(R[:, i] - R[:, j], axis=-1)
    return bool(np.abs(one - other).max() < _SAME)


def _agree(frames: Frames, one: int, other: int) -> bool:
    """Tell whether energies, and the sizes of forces, which turn with a structure, are the same."""
    sizes = np.linalg.norm(frames.forces[[one, other]], axis=2)
    both = np.column_stack([frames.energies[[one, other]], sizes])
    return bool(np.allclose(both[0], both[1], rtol=0, atol=_AGREE, equal_nan=True))
