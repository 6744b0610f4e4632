"""Choose which structures to compute: a force field that asks for what it knows least.

A cluster of five copper atoms moves at 700 K under a potential of ASE (EMT), which stands for an
expensive calculation. A pool of structures from that run costs nothing but positions; energies and
forces are computed for the few that are chosen. In every round the force field asks for the
structures that would tell it most, each given those before it (``ForceField.select``); beside it,
as many are drawn at random. Errors on other structures are told by the number of calculations.

    python examples/active_learning.py [--output active_learning.png]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.emt import EMT
from ase.md.langevin import Langevin
from ase.optimize import BFGS
from numpy.typing import NDArray
from symkernel.molecules import ForceField, Frames, read_structures

Array = NDArray[Any]

TEMPERATURE = 700.0  # K
START = 5


def cluster() -> Any:
    """Five copper atoms at rest: a trigonal bipyramid."""
    angles = 2 * np.pi * np.arange(3) / 3
    ring = 1.4 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    atoms = Atoms("Cu5", [*ring, [0, 0, 1.95], [0, 0, -1.95]], calculator=EMT())
    BFGS(atoms, logfile=None).run(fmax=0.01)
    return atoms


def visited(n: int, every: int, seed: int) -> Array:
    """Positions (n, 5, 3) of a run at constant temperature."""
    atoms = cluster()
    rng = np.random.RandomState(seed)
    friction = 0.02 / units.fs
    run = Langevin(
        atoms, 2 * units.fs, temperature_K=TEMPERATURE, friction=friction, fixcm=False, rng=rng
    )
    found = []
    for _ in range(n):
        run.run(every)
        found.append(atoms.positions - atoms.positions.mean(axis=0))
    return np.array(found)


def computed(positions: Array) -> Frames:
    """The expensive part: energies and forces of some structures."""
    structures = [Atoms("Cu5", R, calculator=EMT()) for R in positions]
    for atoms in structures:
        atoms.get_forces()
    return read_structures(structures, match_atoms=False)


@dataclass(frozen=True)
class Learned:
    """Errors of forces (meV/A) after each round."""

    sizes: list[int]
    mean: list[float]
    largest: list[float]


def learn(
    choose: Callable[[ForceField, Array, int], Array],
    pool: Array,
    test: Frames,
    rounds: int,
    batch: int,
) -> Learned:
    """Start from the first structures of the pool, and compute a batch of chosen ones a round."""
    taken = list(range(START))
    found = Learned([], [], [])
    frames = computed(pool[taken])
    for round_ in range(rounds + 1):
        # five atoms that exchange places keep no bonds: all permutations, known beforehand
        model = ForceField(permutations=[[1, 0, 2, 3, 4], [1, 2, 3, 4, 0]], verbose=False)
        model.fit(frames)
        scores = model.score_table(test)
        found.sizes.append(len(frames))
        found.mean.append(scores.force.mae)
        found.largest.append(scores.force.largest)
        if round_ < rounds:
            left = np.setdiff1d(np.arange(len(pool)), taken)
            new = left[choose(model, pool[left], batch)]
            taken += new.tolist()
            frames = frames + computed(pool[new])
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, Learned]:
    """Compare both ways to choose, print a table and draw it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pool", type=int, default=400, help="structures to choose from (400)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of calculations (7)")
    parser.add_argument("--batch", type=int, default=5, help="calculations a round (5)")
    parser.add_argument("--output", type=Path, default=Path("active_learning.png"))
    options = parser.parse_args(arguments)
    pool = visited(options.pool, every=20, seed=0)
    test = computed(visited(200, every=20, seed=1))
    rng = np.random.default_rng(0)
    ways: dict[str, Callable[[ForceField, Array, int], Array]] = {
        "select": lambda model, rest, k: model.select(rest, k),
        "at random": lambda model, rest, k: rng.choice(len(rest), k, replace=False),
    }
    found = {
        name: learn(choose, pool, test, options.rounds, options.batch)
        for name, choose in ways.items()
    }
    print("errors of forces, meV/A: mean, largest")
    print(f"{'calculations':>12}" + "".join(f"{name:>20}" for name in found))
    for k, n in enumerate(found["select"].sizes):
        cells = "".join(f"{one.mean[k]:>12.1f}{one.largest[k]:>8.0f}" for one in found.values())
        print(f"{n:>12}{cells}")
    draw(found, options.output)
    print(f"picture: {options.output}")
    return found


def draw(found: dict[str, Learned], path: Path) -> None:
    """Draw mean and largest errors against the number of calculations."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.5), layout="constrained")
    for (name, one), colour in zip(found.items(), ("#0072B2", "#D55E00"), strict=True):
        for panel, values in zip(axes, (one.mean, one.largest), strict=True):
            panel.plot(one.sizes, values, "o-", color=colour, label=name)
    for panel, label in zip(axes, ("mean", "largest"), strict=True):
        panel.set_yscale("log")
        panel.set_xlabel("calculations")
        panel.set_ylabel(f"{label} error of forces, meV/Å")
        panel.grid(True, color="0.9")
        panel.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
