"""Energies of clusters of seven Lennard-Jones atoms, learned from their raw coordinates.

All seven atoms are alike: the energy does not change under any of 5040 permutations, nor when the
cluster is moved, turned or mirrored. The average of an RBF kernel over all of that has no closed
form as a whole, but each permutation leaves a matrix Fisher constant: the exact kernel is a sum of
5040 such terms, affordable for a few hundred clusters. The script draws learning curves without
symmetry, with rotations, reflections and translations, and with permutations as well; length scale
and regularisation are chosen by leave-one-out for every point.

    python examples/lj7_clusters.py [folder] [--output lj7.png]

`folder` holds lj/lj7_mc.npz; by default the environment variable SYMKERNEL_DATA, else
../shared/data beside the repository. About a minute on one core; needs matplotlib and tqdm (the
extra ``demo``).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rmd17_ethanol import default_folder
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, InvariantKernelRidgeCV
from symkernel.exceptions import GridEdgeWarning
from symkernel.groups import Group, O, Symmetric, Translations

Array = NDArray[np.float64]

SHAPE = (7, 3)
SIZES = (25, 50, 100, 200)
TEST = 300
LENGTH_SCALES = (0.35, 0.6, 1.0, 1.7)  # in units of sigma
ALPHAS = 10.0 ** np.arange(-10.0, 1.0)


def symmetries() -> dict[str, Group | None]:
    """No symmetry, motions of space, and motions with permutations of the atoms."""
    motions = O(3).along(1, SHAPE) * Translations(3).along(1, SHAPE)
    return {
        "plain": None,
        "motions": motions,
        "motions and permutations": Symmetric(7).along(0, SHAPE) * motions,
    }


def load(folder: Path) -> tuple[Array, Array]:
    """Coordinates (n, 21) in units of sigma, and energies (n,) in units of epsilon."""
    path = folder / "lj" / "lj7_mc.npz"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Give the folder that holds lj/lj7_mc.npz as an argument "
            "or in the environment variable SYMKERNEL_DATA."
        )
    with np.load(path) as data:
        R = data["R"].astype(np.float64)
        return R.reshape(len(R), -1), data["E"].astype(np.float64)


def learning_curves(
    X: Array,
    y: Array,
    sizes: Sequence[int] = SIZES,
    test: int = TEST,
    length_scales: Sequence[float] = LENGTH_SCALES,
    seed: int = 0,
) -> dict[str, Array]:
    """Mean absolute error by symmetry, for every number of training clusters."""
    rows = np.random.default_rng(seed).permutation(len(y))
    held, rest = rows[:test], rows[test:]
    if max(sizes) > len(rest):
        raise ValueError(f"sizes must be at most {len(rest)}, got {max(sizes)}")
    errors: dict[str, Array] = {}
    for name, group in symmetries().items():
        start, found = time.perf_counter(), []
        for n in sizes:
            train = rest[:n]
            centre = y[train].mean()
            model = InvariantKernelRidgeCV(
                ALPHAS,
                length_scales=length_scales,
                kernel=RBF(),
                group=group,
                scoring="neg_mean_absolute_error",
            )
            with warnings.catch_warnings():  # without symmetry the best length is "anything"
                warnings.simplefilter("ignore", GridEdgeWarning)
                model.fit(X[train], y[train] - centre)
            predicted = model.predict(X[held]) + centre
            found.append(float(np.abs(predicted - y[held]).mean()))
        errors[name] = np.array(found)
        print(f"{name}: {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    return errors


def table(sizes: Sequence[int], errors: Mapping[str, Array], spread: float) -> str:
    """Errors in units of epsilon, as text."""
    lines = [f"mean absolute error of the energy / epsilon (mean deviation {spread:.3f})"]
    lines.append(f"{'clusters':>8}  " + "  ".join(errors))
    for i, n in enumerate(sizes):
        lines.append(f"{n:>8}  " + "  ".join(f"{e[i]:>{len(k)}.4f}" for k, e in errors.items()))
    return "\n".join(lines)


def draw(sizes: Sequence[int], errors: Mapping[str, Array], path: Path) -> None:
    """Write the learning curves as a picture."""
    from matplotlib.figure import Figure
    from symkernel.plotting import plot_curves

    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    axes = figure.add_subplot()
    plot_curves(
        axes, sizes, {k: e[None] for k, e in errors.items()}, ylabel="mean absolute error / ε"
    )
    axes.yaxis.set_major_formatter("{x:.2g}")
    axes.yaxis.set_minor_formatter("{x:.2g}")
    axes.legend(frameon=False)
    axes.set_title("Energy of LJ$_7$ clusters from coordinates")
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="training clusters")
    parser.add_argument("--test", type=int, default=TEST, help="clusters held back (300)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split (0)")
    parser.add_argument("--output", type=Path, default=Path("lj7.png"), help="picture (lj7.png)")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    try:
        X, y = load(options.folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    sizes = sorted(set(options.sizes))
    print(InvariantKernel(RBF(), symmetries()["motions and permutations"]).plan())
    errors = learning_curves(X, y, sizes, options.test, seed=options.seed)
    print(table(sizes, errors, float(np.abs(y - y.mean()).mean())))
    draw(sizes, errors, options.output)
    print(f"learning curve: {options.output}   ({time.perf_counter() - start:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
