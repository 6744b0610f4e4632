"""Energies of ethanol from raw Cartesian coordinates: no descriptor, the kernel knows the symmetry.

Energies do not change when a molecule is moved, turned or mirrored, nor when like atoms change
places. The average of an RBF kernel over all of that, O(3) x translations x the six permutations
of ethanol's hydrogens, is exact and has a closed form: positions are centred, and each permutation
takes two matrix Fisher constants. Length scale and regularisation are chosen by exact
leave-one-out on the training structures alone.

    python examples/ethanol_cartesian.py [folder]

`folder` holds rmd17/ethanol.npz; by default the environment variable SYMKERNEL_DATA, else
../shared/data beside the repository.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rmd17_ethanol import (
    Molecules,
    Result,
    atom_permutations,
    default_folder,
    evaluate,
    load,
    table,
)
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel
from symkernel.groups import Group, O, PermutationGroup, Translations

Array = NDArray[np.float64]

LENGTH_SCALES = (0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 16.0)  # Angstrom
ALPHAS = 10.0 ** np.arange(-13.0, -0.5, 0.5)


def motions(atoms: int) -> Group:
    """Rotations, reflections and translations of all atoms together."""
    shape = (atoms, 3)
    return O(3).along(1, shape) * Translations(3).along(1, shape)


def symmetry(permutations: Sequence[Array]) -> Group:
    """All that leaves the energy unchanged: motions, and the permutations of like atoms."""
    atoms = len(permutations[0])
    like = PermutationGroup([p.tolist() for p in permutations])
    return motions(atoms) * like.along(0, (atoms, 3))


def positions(R: Array) -> Array:
    """Coordinates as they are, one row per structure."""
    return np.ascontiguousarray(R.reshape(len(R), -1))


def compare(
    train: Molecules,
    test: Molecules,
    length_scales: Sequence[float] = LENGTH_SCALES,
    alphas: Sequence[float] | Array = ALPHAS,
    verbose: int = 0,
) -> list[Result]:
    """Errors without symmetry, with motions, and with motions and permutations."""
    atoms = len(train.z)
    groups = {
        "plain": None,
        "motions": motions(atoms),
        "invariant": symmetry(atom_permutations(train.z, train.R)),
    }
    return [
        evaluate(
            name,
            group,
            train,
            test,
            features=positions,
            kernel=RBF(),
            length_scales=length_scales,
            alphas=alphas,
            verbose=verbose,
        )
        for name, group in groups.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print plan, table and time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--train", type=int, default=1000, help="training structures, at most 1000")
    parser.add_argument("--split", type=int, default=0, choices=range(5), help="published split")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        train, test = load(options.folder, options.split)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    train = train.take(np.arange(min(options.train, len(train.R))))
    print(f"ethanol: {len(train.R)} training and {len(test.R)} test structures, energies only")
    group = symmetry(atom_permutations(train.z, train.R))
    print(InvariantKernel(RBF(), group).plan())
    print(table(*compare(train, test, verbose=1)))
    print(f"{time.perf_counter() - start:.1f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
