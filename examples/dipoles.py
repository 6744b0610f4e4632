"""Dipoles of ethanol from few structures: a model that turns with the molecule, beside others.

A dipole turns with its molecule, so that an invariant model cannot learn it, and one that knows no
symmetry has to see all orientations. Here structures of the revised MD17 data set (Christensen &
von Lilienfeld, 2020), in random orientations, are given dipoles by a formula, as the data set has
none: point charges that flow along each bond with its length,

    q_i = sum_j 0.4 (chi_i - chi_j) / 2 exp((1.2 - r_ij) / 0.5),    mu = sum_i q_i R_i,

over atoms j bonded to i, with Pauling's electronegativities chi. What is learnt is that formula and
no measurement. Three models choose length scale and regularisation by leave-one-out, on training
structures alone: one ridge per component on positions, one under rotations and translations, and
one under reflections and exchanges of like hydrogens too, 12 permutations.

    python examples/dipoles.py [folder] [--quick] [--output picture.png]

`folder` holds rmd17/ethanol.npz; by default the environment variable SYMKERNEL_DATA, else
../shared/data beside the repository.
"""

from __future__ import annotations

import argparse
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
from symkernel import EquivariantKernelRidge
from symkernel.groups import SE, SO, E, Group, PermutationGroup, Representation, Translations

Array = NDArray[Any]

SIZES = (25, 50, 100, 200, 400)
N_TEST = 500
ELECTRONEGATIVITY = {1: 2.20, 6: 2.55, 8: 3.44}  # L. Pauling
LONGEST_BOND = 1.8  # Angstrom
DEBYE = 4.8032  # of one elementary charge at one Angstrom
LENGTH_SCALES = (2.0, 4.0, 8.0, 16.0, 32.0)
_THREE = 3 * Representation("trivial")  # components that no rotation mixes
ALPHAS = (1e-9, 1e-7, 1e-5, 1e-3)


def default_folder() -> Path:
    """Folder of the data sets: SYMKERNEL_DATA, else ../shared/data beside the repository."""
    given = os.environ.get("SYMKERNEL_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Structures:
    """Charges (a,) of nuclei, positions (n, a, 3) in Angstrom and dipoles (n, 3) in Debye."""

    z: Array
    R: Array
    dipole: Array


def dipoles(z: Array, R: Array) -> Array:
    """Dipoles (n, 3) in Debye of point charges, by the formula above."""
    r = np.linalg.norm(R[:, :, None] - R[:, None], axis=-1)
    bonded = (r.mean(axis=0) < LONGEST_BOND) & ~np.eye(len(z), dtype=bool)
    chi = np.array([ELECTRONEGATIVITY[int(one)] for one in z])
    pull = np.where(bonded, 0.2 * (chi[None] - chi[:, None]), 0.0)  # electrons go to the greater
    charges = (pull * np.exp((1.2 - r) / 0.5)).sum(axis=2)
    return DEBYE * np.einsum("ni,nia->na", charges, R)


def load(folder: Path) -> Structures:
    """Read structures and turn each at random."""
    path = folder / "rmd17" / "ethanol.npz"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Give the folder that holds rmd17/ethanol.npz as an argument "
            "or in the environment variable SYMKERNEL_DATA."
        )
    with np.load(path) as data:
        z, R = data["z"], data["R"]
    rng = np.random.default_rng(0)
    R = R[rng.permutation(len(R))[: max(SIZES) + N_TEST]]
    R = R @ np.array([g.as_matrix() for g in SO(3).sample(len(R), random_state=rng)])
    return Structures(z, R, dipoles(z, R))


def hydrogens(z: Array, R: Array) -> PermutationGroup:
    """Exchanges of hydrogens on one atom."""
    r = np.linalg.norm(R[:, :, None] - R[:, None], axis=-1).mean(axis=0)
    bonded = (r < LONGEST_BOND) & (z == 1) & ~np.eye(len(z), dtype=bool)
    swaps = [own[[0, k]] for own in map(np.flatnonzero, bonded) for k in range(1, len(own))]
    return PermutationGroup([[tuple(swap.tolist())] for swap in swaps], degree=len(z))


def models(structures: Structures) -> dict[str, Group]:
    """Groups of the three models."""
    z, R = structures.z, structures.R
    shape = (len(z), 3)
    return {
        "one ridge per component": Translations(3).along(1, shape),
        "SE(3), dipole turns": SE(3).along(1, shape),
        "E(3) and like hydrogens": hydrogens(z, R).along(0, shape) * E(3).along(1, shape),
    }


def chosen(group: Group, X: Array, Y: Array) -> EquivariantKernelRidge:
    """Model with the length scale and regularisation of least error of leave-one-out."""
    output = Representation("vector") if group.structure.rotations else _THREE
    best, found = np.inf, None
    for length_scale in LENGTH_SCALES:
        for alpha in ALPHAS:
            model = EquivariantKernelRidge(
                alpha, group=group, output=output, kernel=RBF(length_scale)
            ).fit(X, Y)
            error = float(((model.leave_one_out() - Y) ** 2).mean())
            if error < best:
                best, found = error, model
    assert found is not None
    return found


def learning_curves(structures: Structures, sizes: Sequence[int]) -> dict[str, Array]:
    """Root mean square errors of a component in Debye, on structures that no model has seen."""
    X, Y = structures.R, structures.dipole
    errors = {}
    for name, group in models(structures).items():
        start = time.perf_counter()
        found = []
        for n in sizes:
            model = chosen(group, X[:n], Y[:n])
            found.append(np.sqrt(((model.predict(X[-N_TEST:]) - Y[-N_TEST:]) ** 2).mean()))
        errors[name] = np.array(found)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return errors


def table(sizes: Sequence[int], curves: dict[str, Array], spread: float) -> str:
    """Errors in milli-Debye, and how much less the last is, as text."""
    lines = [f"{'training structures':<26}" + "".join(f"{n:>9}" for n in sizes)]
    for name, errors in curves.items():
        lines.append(f"{name:<26}" + "".join(f"{1000 * error:>9.2f}" for error in errors))
    blind, *_, last = (errors[-1] for errors in curves.values())
    lines.append(
        f"RMSE in milli-Debye, of components that spread by {1000 * spread:.0f}; at {sizes[-1]} "
        f"structures {blind / last:.0f} times less than without symmetry. Dipoles by formula."
    )
    return "\n".join(lines)


def plot(sizes: Sequence[int], curves: dict[str, Array], spread: float, output: Path) -> None:
    """Draw the learning curves."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.2, 3.8), layout="constrained")
    for (name, errors), marker in zip(curves.items(), "^so", strict=True):
        axes.plot(sizes, 1000 * errors, marker=marker, label=name)
    axes.axhline(1000 * spread, color="0.6", linestyle=":", label="spread of the dipoles")
    axes.set(xscale="log", yscale="log", xlabel="training structures of ethanol")
    axes.set_ylabel("error of a dipole's component, mD")
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.minorticks_off()
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(output, dpi=150)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute the learning curves, print the table, and draw it where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--quick", action="store_true", help="at most 100 structures")
    parser.add_argument("--output", type=Path, help="picture of the learning curves")
    options = parser.parse_args(arguments)
    try:
        structures = load(options.folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    sizes = SIZES[:3] if options.quick else SIZES
    curves, spread = learning_curves(structures, sizes), float(structures.dipole.std())
    print(table(sizes, curves, spread))
    if options.output is not None:
        plot(sizes, curves, spread, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
