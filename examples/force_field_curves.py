"""Errors of untouched force fields on three molecules, beside published ones.

`ForceField()` without an argument, trained on the first rows of the first published split of
revised MD17 and tested on its 1000 test rows; mean absolute errors in meV and meV/Angstrom.
Published errors are for 1000 training structures: GAP and FCHL19 from Christensen and von
Lilienfeld (Mach. Learn.: Sci. Technol. 1, 045018, 2020), ACE from Kovacs et al. (J. Chem. Theory
Comput. 17, 7696, 2021), MACE from Batatia et al. (NeurIPS 2022).

    python examples/force_field_curves.py [--molecules ethanol benzene] [--sizes 50 100 200]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from rmd17_ethanol import default_folder
from symkernel.molecules import ForceField

MEV = 43.3641153  # of a kcal/mol, in which models of such data predict
PUBLISHED = {
    "ethanol": {"GAP": (3.5, 18.1), "FCHL19": (0.9, 6.2), "ACE": (1.2, 7.3), "MACE": (0.4, 2.1)},
    "benzene": {"GAP": (0.75, 6.0), "FCHL19": (0.35, 2.6), "MACE": (0.4, 0.3)},
    "aspirin": {"GAP": (17.7, 44.9), "FCHL19": (6.2, 20.9), "MACE": (2.2, 6.6)},
}
SIZES = {
    "ethanol": (50, 100, 200, 500, 1000),
    "benzene": (50, 100, 200, 500),
    "aspirin": (50, 100, 200),
}


def errors(file, n):
    """Energy and force error of a force field of n structures, and the seconds of its fit."""
    with np.load(file) as data:
        z, R, E, F = (data[k] for k in ("z", "R", "E", "F"))
        train, test = data["train_idx"][0][:n], data["test_idx"][0]
    began = time.perf_counter()
    model = ForceField().fit(
        z=z, positions=R[train], energies=E[train], forces=F[train], units=("kcal/mol", "Angstrom")
    )
    seconds = time.perf_counter() - began
    energies, forces = model.predict(R[test])
    return (
        MEV * float(np.abs(energies - E[test]).mean()),
        MEV * float(np.abs(forces - F[test]).mean()),
        seconds,
    )


def main(arguments=None):
    """Print one line a size, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--molecules", nargs="+", choices=list(PUBLISHED), default=list(PUBLISHED))
    parser.add_argument("--sizes", nargs="+", type=int, help="training structures of each")
    parser.add_argument("--json", type=Path, help="file to write results to")
    options = parser.parse_args(arguments)
    results = {}
    for name in options.molecules:
        file = default_folder() / "rmd17" / f"{name}.npz"
        if not file.exists():
            sys.exit(f"{file} is not there: set SYMKERNEL_DATA to the folder that holds rmd17/")
        print(name)
        for n in options.sizes or SIZES[name]:
            results[f"{name} {n}"] = energy, force, seconds = errors(file, n)
            print(f"  n = {n:<6}{energy:8.2f} meV{force:9.2f} meV/A{seconds:9.1f} s", flush=True)
        for program, (energy, force) in PUBLISHED[name].items():
            print(f"  {program:<10}{energy:8.2f} meV{force:9.2f} meV/A   (published, n = 1000)")
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
