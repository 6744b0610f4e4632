"""Energies of ethanol from 1000 structures, with and without the symmetry of the molecule.

The revised MD17 data set (Christensen & von Lilienfeld, 2020) holds structures of ethanol and their
energies. Exchanging like atoms does not change an energy: the hydrogens of the methyl group may be
rotated among each other, and two of them swapped together with those of the CH2 group. This script
finds these six permutations from the bonds, lets them act on the 36 inverse distances between
atoms, and compares kernel ridge regression with and without them; both choose length scale and
regularisation by leave-one-out, on the training structures alone.

    python examples/rmd17_ethanol.py [folder]

`folder` holds rmd17/ethanol.npz; by default the environment variable SYMKERNEL_DATA, else
../shared/data beside the repository.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Kernel, Matern
from symkernel import InvariantKernelRidgeCV
from symkernel.groups import Group, PermutationGroup

Array = NDArray[Any]

MEV_PER_KCAL_PER_MOL = 43.364
LONGEST_BOND = 1.7  # Angstrom, in the mean structure
HYDROGEN = 1
LENGTH_SCALES = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0)
ALPHAS = 10.0 ** np.arange(-13.0, -5.5, 0.5)


def default_folder() -> Path:
    """Folder of the data sets: SYMKERNEL_DATA, else ../shared/data beside the repository."""
    given = os.environ.get("SYMKERNEL_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Molecules:
    """Structures of one molecule: charges (a,), positions (n, a, 3) in Angstrom, energies (n,)."""

    z: Array
    R: Array
    energy: Array  # meV

    def take(self, rows: Array) -> Molecules:
        """Select structures."""
        return Molecules(self.z, self.R[rows], self.energy[rows])


def load(folder: Path, split: int = 0) -> tuple[Molecules, Molecules]:
    """Training and test structures of a published split."""
    path = folder / "rmd17" / "ethanol.npz"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Give the folder that holds rmd17/ethanol.npz as an argument "
            "or in the environment variable SYMKERNEL_DATA."
        )
    with np.load(path) as data:
        every = Molecules(data["z"], data["R"], data["E"] * MEV_PER_KCAL_PER_MOL)
        return every.take(data["train_idx"][split]), every.take(data["test_idx"][split])


def distances(R: Array) -> Array:
    """Distances between all atoms, shape (n, a, a)."""
    return np.asarray(np.linalg.norm(R[:, :, None] - R[:, None], axis=-1))


def inverse_distances(R: Array) -> Array:
    """1 / distance for every pair of atoms i < j, shape (n, a (a - 1) / 2)."""
    i, j = np.triu_indices(R.shape[1], 1)
    return 1.0 / distances(R)[:, i, j]


def atom_permutations(z: Array, R: Array) -> list[Array]:
    """Even permutations of hydrogens that are bonded to the same atom.

    An odd one would turn a rigid group of three or more atoms into its mirror image; distances do
    not see a mirror, so that an odd permutation of one group together with an odd one of another
    is allowed, which leaves exactly the even permutations.
    """
    mean = distances(R).mean(axis=0)
    bonded = (mean < LONGEST_BOND) & ~np.eye(len(z), dtype=bool)
    clusters = [np.flatnonzero(row & (z == HYDROGEN)) for row in bonded]
    clusters = [cluster for cluster in clusters if len(cluster) > 1]
    permutations = []
    for choice in itertools.product(*(itertools.permutations(c) for c in clusters)):
        p = np.arange(len(z))
        for cluster, image in zip(clusters, choice, strict=True):
            p[cluster] = image
        if np.linalg.det(np.eye(len(z))[p]) > 0:
            permutations.append(p)
    return permutations


def pair_group(permutations: Sequence[Array]) -> PermutationGroup:
    """Let permutations of atoms act on the pairs i < j."""
    atoms = len(permutations[0])
    i, j = np.triu_indices(atoms, 1)
    pair = np.zeros((atoms, atoms), dtype=int)
    pair[i, j] = pair[j, i] = np.arange(len(i))
    return PermutationGroup([pair[p[i], p[j]].tolist() for p in permutations])


@dataclass(frozen=True)
class Result:
    """One row of the table."""

    name: str
    length_scale: float
    alpha: float
    loo_mae: float  # meV
    mae: float  # meV, on the test structures
    seconds: float


def evaluate(
    name: str,
    group: Group | None,
    train: Molecules,
    test: Molecules,
    *,
    features: Callable[[Array], Array] = inverse_distances,
    kernel: Kernel | None = None,
    length_scales: Sequence[float] = LENGTH_SCALES,
    alphas: Sequence[float] | Array = ALPHAS,
    verbose: int = 0,
) -> Result:
    """Fit on the training structures, choosing by leave-one-out; judge on the test structures.

    `features` makes samples of positions (n, a, 3); `kernel` is Matern 5/2 unless given.
    """
    start = time.perf_counter()
    centre = train.energy.mean()
    model = InvariantKernelRidgeCV(
        alphas,
        length_scales=length_scales,
        kernel=Matern(nu=2.5) if kernel is None else kernel,
        group=group,
        scoring="neg_mean_absolute_error",
        verbose=verbose,
    )
    model.fit(features(train.R), train.energy - centre)
    predicted = model.predict(features(test.R)) + centre
    return Result(
        name=name,
        length_scale=model.length_scale_,
        alpha=model.alpha_,
        loo_mae=-model.best_score_,
        mae=float(np.abs(predicted - test.energy).mean()),
        seconds=time.perf_counter() - start,
    )


def table(*results: Result) -> str:
    """Results, and the ratio of the last error to the first, as text."""
    lines = [f"{'kernel':<12}{'length':>8}{'alpha':>10}{'LOO MAE':>11}{'test MAE':>11}{'time':>9}"]
    lines.append(f"{'':<12}{'scale':>8}{'':>10}{'meV':>11}{'meV':>11}{'s':>9}")
    lines += [
        f"{r.name:<12}{r.length_scale:>8.3g}{r.alpha:>10.1e}{r.loo_mae:>11.2f}{r.mae:>11.2f}"
        f"{r.seconds:>9.1f}"
        for r in results
    ]
    first, last = results[0], results[-1]
    lines.append(f"{last.name} / {first.name}: {last.mae / first.mae:.3f}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--train", type=int, default=1000, help="training structures, at most 1000")
    parser.add_argument("--split", type=int, default=0, choices=range(5), help="published split")
    options = parser.parse_args(arguments)
    try:
        train, test = load(options.folder, options.split)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    train = train.take(np.arange(min(options.train, len(train.R))))
    permutations = atom_permutations(train.z, train.R)
    group = pair_group(permutations)
    print(
        f"ethanol: {len(train.R)} training and {len(test.R)} test structures, "
        f"{group.order} atom permutations acting on {group.degree} pair distances"
    )
    plain = evaluate("plain", None, train, test, verbose=1)
    invariant = evaluate("invariant", group, train, test, verbose=1)
    print(table(plain, invariant))
    return 0


if __name__ == "__main__":
    sys.exit(main())
