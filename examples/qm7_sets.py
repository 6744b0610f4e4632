"""Energies of molecules as sets of atoms: a learning curve on QM7 beside sorted bags of bonds.

A molecule is a set of atoms of any number, and its energy is nearly a sum over them. Every atom is
described by how far its neighbours of each element are; two molecules are compared by a kernel
between like atoms, added up over all pairs of them (``SetKernel``). The peer is the bag of bonds of
Hansen et al. (2015): charges over distances, sorted by size for each pair of elements and padded,
under the Laplacian kernel. Both see energies beside a linear fit in the numbers of atoms, and both
choose length scale and regularisation by leave-one-out, on training molecules alone.

    python examples/qm7_sets.py [folder] [--quick] [--output picture.png]

`folder` holds qm7/qm7_5000.npz, 5000 molecules of QM7 (Rupp et al., 2012); by default the
environment variable SYMKERNEL_DATA, else ../shared/data beside the repository. Takes about a
minute and a quarter on two cores, with --quick some seconds.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernelRidge, InvariantKernelRidgeCV, Ragged
from symkernel.kernels import Laplacian, SetKernel

Array = NDArray[Any]

ELEMENTS = (1, 6, 7, 8, 16)
GRID = np.linspace(0.8, 6.0, 20)  # Angstrom
WIDTH, CUTOFF, DECAY = 0.25, 6.5, 1.8
SIZES = (100, 200, 500, 1000, 2000)
N_TEST = 3000
SPLITS = 5
LENGTH_SCALES = (2.0, 4.0, 8.0, 16.0, 32.0)
GAMMAS = 10.0 ** np.arange(-6.5, -2.9, 0.5)
ALPHAS = 10.0 ** np.arange(-11.0, 1.1, 0.5)


def default_folder() -> Path:
    """Folder of the data sets: SYMKERNEL_DATA, else ../shared/data beside the repository."""
    given = os.environ.get("SYMKERNEL_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Molecules:
    """Charges (n, 23) and positions (n, 23, 3) in Angstrom, padded by zeros; energies (n,)."""

    z: Array
    R: Array
    energy: Array  # kcal/mol


def load(folder: Path) -> Molecules:
    """Read the molecules."""
    path = folder / "qm7" / "qm7_5000.npz"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Give the folder that holds qm7/qm7_5000.npz as an argument or "
            "in the environment variable SYMKERNEL_DATA."
        )
    with np.load(path) as data:
        return Molecules(data["Z"].astype(int), data["R"], data["E_hof"])


def surroundings(z: Array, R: Array) -> Array:
    """Densities of neighbours of each element around every atom, (n_atoms, 5 * 20).

    Gaussians on a grid of distances, weighted by a power of the distance and cut off smoothly.
    """
    r = np.linalg.norm(R[:, None] - R, axis=-1)
    np.fill_diagonal(r, np.inf)
    weight = 0.5 * (1 + np.cos(np.pi * np.minimum(r, CUTOFF) / CUTOFF)) / r**DECAY
    bump = np.exp(-((r[..., None] - GRID) ** 2) / (2 * WIDTH**2)) * weight[..., None]
    return np.concatenate([bump[:, z == element].sum(axis=1) for element in ELEMENTS], axis=1)


def as_sets(molecules: Molecules) -> Ragged:
    """Molecules as sets of atoms, which are labelled by their element."""
    there = molecules.z > 0
    parts = [
        surroundings(z[atom], R[atom])
        for z, R, atom in zip(molecules.z, molecules.R, there, strict=True)
    ]
    labels = [z[atom] for z, atom in zip(molecules.z, there, strict=True)]
    return Ragged.from_sets(parts, labels)


def as_bags(molecules: Molecules) -> Array:
    """Bags of bonds: z_i z_j / r_ij of each pair of elements, sorted and padded by zeros."""
    columns = []
    i, j = np.triu_indices(molecules.z.shape[1], 1)
    charges = molecules.z[:, i] * molecules.z[:, j]
    r = np.linalg.norm(molecules.R[:, i] - molecules.R[:, j], axis=-1)
    force = np.where(charges > 0, charges / np.where(charges > 0, r, 1.0), 0.0)
    low = np.minimum(molecules.z[:, i], molecules.z[:, j])
    high = np.maximum(molecules.z[:, i], molecules.z[:, j])
    for a, b in itertools.combinations_with_replacement(ELEMENTS, 2):
        bag = np.where((low == a) & (high == b), force, 0.0)
        longest = int((bag > 0).sum(axis=1).max())
        columns.append(np.sort(bag, axis=1)[:, ::-1][:, :longest])
    return np.concatenate(columns, axis=1)


def composition(molecules: Molecules) -> Array:
    """Numbers of atoms of every element, (n, 5)."""
    return np.stack([(molecules.z == element).sum(axis=1) for element in ELEMENTS], axis=1)


MODELS = {"sorted bags": as_bags, "sets of atoms": as_sets}


def search(name: str) -> InvariantKernelRidgeCV:
    """Model that chooses its hyperparameters by leave-one-out."""
    if name == "sorted bags":
        return InvariantKernelRidgeCV(
            ALPHAS, gammas=GAMMAS, kernel="laplacian", scoring="neg_mean_absolute_error"
        )
    return InvariantKernelRidgeCV(
        ALPHAS,
        length_scales=LENGTH_SCALES,
        kernel=SetKernel(RBF(1.0)),
        scoring="neg_mean_absolute_error",
    )


def chosen(name: str, found: InvariantKernelRidgeCV) -> InvariantKernelRidge:
    """Model with the hyperparameters that were found."""
    if name == "sorted bags":
        return InvariantKernelRidge(found.alpha_, kernel=Laplacian(found.gamma_))
    return InvariantKernelRidge(found.alpha_, kernel=SetKernel(RBF(found.length_scale_)))


def learning_curve(
    name: str, molecules: Molecules, sizes: Sequence[int], splits: int, n_test: int
) -> Array:
    """Mean absolute errors in kcal/mol, (splits, sizes).

    Hyperparameters are chosen for every size on the training molecules of the first split, and
    kept for the others.
    """
    X, atoms = MODELS[name](molecules), composition(molecules)
    errors = np.empty((splits, len(sizes)))
    for at, size in enumerate(sizes):
        model = None
        for split in range(splits):
            order = np.random.default_rng(split).permutation(len(molecules.energy))
            train, test = order[:size], order[-n_test:]
            linear = np.linalg.lstsq(atoms[train], molecules.energy[train], rcond=None)[0]
            y = molecules.energy - atoms @ linear
            if model is None:
                model = chosen(name, search(name).fit(X[train], y[train]))
            model.fit(X[train], y[train])
            errors[split, at] = np.abs(model.predict(X[test]) - y[test]).mean()
    return errors


def table(sizes: Sequence[int], curves: dict[str, Array]) -> str:
    """Mean errors and their standard deviations over splits, and the last ratio, as text."""
    lines = [f"{'training molecules':<20}" + "".join(f"{size:>14}" for size in sizes)]
    for name, errors in curves.items():
        cells = zip(
            errors.mean(axis=0), errors.std(axis=0, ddof=min(1, len(errors) - 1)), strict=True
        )
        lines.append(f"{name:<20}" + "".join(f"{m:>8.2f} ± {s:.2f}" for m, s in cells))
    bags, sets = (errors[:, -1].mean() for errors in curves.values())
    lines.append(f"sets / bags at {sizes[-1]}: {sets / bags:.3f} (mean absolute error, kcal/mol)")
    return "\n".join(lines)


def plot(sizes: Sequence[int], curves: dict[str, Array], output: Path) -> None:
    """Draw the learning curves with their spread."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.2, 3.8), layout="constrained")
    for (name, errors), marker in zip(curves.items(), "so", strict=True):
        spread = errors.std(axis=0, ddof=min(1, len(errors) - 1))
        axes.errorbar(sizes, errors.mean(axis=0), spread, marker=marker, capsize=3, label=name)
    axes.set(xscale="log", yscale="log", xlabel="training molecules")
    axes.set_ylabel("mean absolute error, kcal/mol")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    axes.minorticks_off()
    axes.legend(frameon=False)
    figure.savefig(output, dpi=150)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute both learning curves, print the table, and draw it where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--quick", action="store_true", help="two splits, at most 500 molecules")
    parser.add_argument("--output", type=Path, help="picture of the learning curves")
    options = parser.parse_args(arguments)
    try:
        molecules = load(options.folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    sizes, splits, n_test = (SIZES[:3], 2, 1000) if options.quick else (SIZES, SPLITS, N_TEST)
    curves = {}
    for name in MODELS:
        start = time.perf_counter()
        curves[name] = learning_curve(name, molecules, sizes, splits, n_test)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print(table(sizes, curves))
    if options.output is not None:
        plot(sizes, curves, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
