"""From a file of structures to molecular dynamics with a force field learned from it.

Given an xyz file (or anything else ASE reads) with energies and forces of one molecule, this script
draws training structures, learns their energies and forces, tells and draws the errors on the
others, stores the model, and uses it as a calculator of ASE: it relaxes the molecule, computes its
vibrations, and runs dynamics at constant energy.

    python examples/force_field.py [molecule.xyz] [--n-train 200] [--output folder]

Without a file, ethanol.xyz is written first from the revised MD17 data set (Christensen & von
Lilienfeld, 2020), in the folder that SYMKERNEL_DATA names, else ../shared/data beside the
repository.
Two commands do about the same:

    symkernel train ethanol.xyz --n-train 200 --evaluate rest --plot errors.png -o ethanol.npz
    symkernel md ethanol.npz --temperature 1000 --time 10 --nve --plot run.png
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import write
from ase.optimize import BFGS
from ase.vibrations import Vibrations
from symkernel.molecules import ForceField, read_structures, run_dynamics


def default_folder() -> Path:
    """Folder of the data sets: SYMKERNEL_DATA, else ../shared/data beside the repository."""
    given = os.environ.get("SYMKERNEL_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def write_ethanol(path: Path, n: int = 2000) -> None:
    """Write structures of ethanol at 500 K, with energies and forces, in eV and Angstrom."""
    source = default_folder() / "rmd17" / "ethanol.npz"
    if not source.is_file():
        raise FileNotFoundError(
            f"{source} does not exist: give a file of structures, or set SYMKERNEL_DATA to the "
            "folder that holds rmd17/ethanol.npz"
        )
    frames = read_structures(source, units=("kcal/mol", "Angstrom"))
    write(path, frames.split(n, random_state=0)[0].to_ase(), format="extxyz")


def relaxed(model: ForceField) -> Any:
    """The molecule at the nearest minimum of the learned energy."""
    atoms = Atoms(model.numbers_, model.reference_, calculator=model.calculator())
    BFGS(atoms, logfile=None).run(fmax=1e-3, steps=500)
    return atoms


def frequencies(atoms: Any) -> Any:
    """Wavenumbers of the vibrations in 1/cm, motions left out."""
    with tempfile.TemporaryDirectory() as folder:
        vibrations = Vibrations(atoms, name=str(Path(folder) / "vib"))
        vibrations.run()
        return vibrations.get_frequencies().real[6:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Learn, test, draw and run; everything is written to one folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", nargs="?", type=Path, help="structures (ethanol of rMD17)")
    parser.add_argument("--n-train", type=int, default=200, help="training structures (200)")
    parser.add_argument("--picoseconds", type=float, default=10.0, help="of dynamics (10)")
    parser.add_argument("--temperature", type=float, default=500.0, help="kelvin (500)")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for what is written")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    data = options.data
    if data is None:
        data = options.output / "ethanol.xyz"
        try:
            write_ethanol(data)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 1

    frames = read_structures(data)
    training, test = frames.split(options.n_train, random_state=0)
    print(f"{frames}, {len(training)} of them for training")
    model = ForceField().fit(training)
    print(f"{model.summary_['molecule']}\ntrained in {model.summary_['seconds']:.1f} s\n")
    print(model.score_table(test))
    model.plot(test).savefig(options.output / "errors.png", dpi=150)
    path = options.output / f"{frames.formula}.npz"
    model.save(path)

    model = ForceField.load(path).set_params(verbose=False)
    atoms = relaxed(model)
    depth = frames.energies.min() - atoms.get_potential_energy()
    found = frequencies(atoms)
    print(f"\nrelaxed: {depth:.3f} eV below the lowest structure of the file; vibrations (1/cm):")
    print(" ".join(f"{f:.0f}" for f in found))

    # Kinetic energy that is put into a structure at rest goes half into its springs.
    start = time.perf_counter()
    run = run_dynamics(
        model,
        atoms,
        temperature=2.0 * options.temperature,
        n_steps=round(2000.0 * options.picoseconds),
        timestep=0.5,
        friction=None,
        trajectory=options.output / "run.traj",
        progress=True,
    )
    seconds = time.perf_counter() - start
    print(f"\n{run}\n{1000 * seconds / run.n_steps:.2f} ms a step")
    run.plot().savefig(options.output / "run.png", dpi=150)
    momentum = np.abs(run.angular_momentum - run.angular_momentum[0]).max()
    print(f"angular momentum within {momentum:.1e} of its start (amu A^2 / ASE time)")
    print(f"written: errors.png, {path.name}, run.traj, run.png in {options.output.resolve()}")
    return 1 if run.stopped else 0


if __name__ == "__main__":
    sys.exit(main())
