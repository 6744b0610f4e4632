"""Force fields beside sGDML on the same rows: python -m symkernel.bench.force_fields.

Ethanol of the revised MD17 data set, published split 0: each program trains on the first 200 of the
training rows, choosing its hyperparameters and with those given, predicts the test rows, and is
timed on single structures. Every run is a process of its own, and programs take turns. sGDML is
looked for in this Python, then in the one that --sgdml or SYMKERNEL_SGDML names.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from . import machine

OURS, SGDML = "symkernel", "sgdml"
FEW, ONE = "symkernel, n_search=50", "symkernel, local=False"
# What is run by which name, with which options: `ForceField` untouched, and faster searches.
_RUN: dict[str, tuple[str, dict[str, Any]]] = {
    OURS: ("symkernel", {}),
    FEW: ("symkernel", {"n_search": 50}),
    ONE: ("symkernel", {"local": False}),
    SGDML: ("sgdml", {}),
}
# Chosen: hyperparameters are found; given: they are those that the first chosen run found.
CHOSEN, GIVEN, CALL = "chosen", "given", "call"
KCAL_PER_MOL = 43.364  # meV
# Mean absolute errors that no answer may exceed, meV and meV/Angstrom; a constant has 180 and 900.
LEVELS, QUICK_LEVELS = (20.0, 80.0), (150.0, 300.0)
N_TRAIN, N_VALID, N_TEST, CALLS = 200, 500, 1000, 200
_PROGRAMS = Path(__file__).with_name("force_programs.py")


def default_data() -> Path:
    """File of ethanol, in the folder that SYMKERNEL_DATA names."""
    return Path(os.environ.get("SYMKERNEL_DATA", "../shared/data")) / "rmd17" / "ethanol.npz"


def sgdml_python(named: str | None = None) -> str | None:
    """Return a Python that imports sGDML, None where there is none."""
    for python in (sys.executable, named or os.environ.get("SYMKERNEL_SGDML")):
        if not python:
            continue
        try:
            found = subprocess.run([python, "-c", "import sgdml"], capture_output=True, check=False)
        except OSError:
            continue
        if found.returncode == 0:
            return python
    return None


def rows_of(file: Path, n_train: int, n_valid: int, n_test: int) -> dict[str, Any]:
    """Rows of split 0: training rows, the last of its training rows to validate, and test rows.

    Raises
    ------
    ValueError
        If training and validation rows would overlap.
    """
    with np.load(file) as found:
        training, test = found["train_idx"][0], found["test_idx"][0][:n_test]
        if n_train + n_valid > len(training):
            raise ValueError(
                f"{n_train} rows to train on and {n_valid} to validate on are more than the "
                f"{len(training)} of the split"
            )
        split = {"train": training[:n_train], "valid": training[-n_valid:], "test": test}
        arrays = {name: found[name] for name in ("R", "E", "F")}
        rows = {f"{k}_{s}": v[index] for k, v in arrays.items() for s, index in split.items()}
        return {"z": found["z"], **rows}


class _Runs:
    """Jobs of both programs on the same rows, in processes of their own."""

    def __init__(
        self, folder: Path, rows: dict[str, Any], pythons: dict[str, str], levels: Sequence[float]
    ) -> None:
        self._folder, self._rows = folder, rows
        self._pythons, self._levels = pythons, levels
        np.savez(folder / "rows.npz", **rows)

    def run(self, program: str, what: str, n_threads: int, calls: int = 0) -> dict[str, Any]:
        """Do one job, and check its answers."""
        folder = self._folder
        kind, options = _RUN[program]
        stem = f"{list(_RUN).index(program)}"
        chosen = str(folder / f"{stem}-{CHOSEN}.npz")
        job = {
            "data": str(folder / "rows.npz"),
            "answers": str(folder / "answers.npz"),
            "threads": n_threads,
            "options": options,
            "calls": calls,
            "given": chosen if what == GIVEN else None,
            "model": str(folder / f"{stem}-{GIVEN}.npz") if what == GIVEN else chosen,
        }
        path = folder / "job.json"
        path.write_text(json.dumps(job))
        names = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"
        own = os.environ | dict.fromkeys(names, str(n_threads))
        action = "call" if what == CALL else "train"
        finished = subprocess.run(
            [self._pythons[program], str(_PROGRAMS), kind, action, str(path)],
            capture_output=True,
            text=True,
            check=False,
            env=own,
        )
        if finished.returncode != 0:
            raise RuntimeError(f"{program} failed:\n{finished.stderr}")
        told: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
        return told | self._errors(program, folder / "answers.npz")

    def _errors(self, program: str, path: Path) -> dict[str, float]:
        with np.load(path) as answers:
            E, F = answers["energies"], answers["forces"]
        n = len(E)
        true = self._rows["E_test"][:n], self._rows["F_test"][:n].reshape(n, -1)
        energy, force = (
            KCAL_PER_MOL * float(np.abs(a - b).mean()) for a, b in zip((E, F), true, strict=True)
        )
        if not (energy <= self._levels[0] and force <= self._levels[1]):
            raise AssertionError(
                f"errors of {program} are {energy:.3g} meV and {force:.3g} meV/Angstrom; at most "
                f"{self._levels[0]:g} and {self._levels[1]:g} are allowed"
            )
        return {"energy_error": energy, "force_error": force}


def run(
    data: Path | None = None,
    n_threads: int = 1,
    rounds: int = 3,
    sgdml: str | None = None,
    sizes: Sequence[int] = (N_TRAIN, N_VALID, N_TEST),
    levels: Sequence[float] = LEVELS,
    calls: int = CALLS,
    programs: Sequence[str] = tuple(_RUN),
) -> dict[str, Any]:
    """Train, check and time.

    Raises
    ------
    AssertionError
        If errors are not finite, or above a level that both programs stay far below.
    """
    rows = rows_of(data or default_data(), *sizes)
    pythons = {name: sys.executable for name in programs if name != SGDML}
    if SGDML in programs and (python := sgdml_python(sgdml)) is not None:
        pythons[SGDML] = python
    found: dict[str, dict[str, list[dict[str, Any]]]] = {p: {} for p in pythons}
    with tempfile.TemporaryDirectory() as folder:
        runs = _Runs(Path(folder), rows, pythons, levels)
        for _ in range(rounds):
            for what in (CHOSEN, GIVEN, CALL):
                for program in pythons:
                    count = 1 if what == CALL else n_threads
                    told = runs.run(program, what, count, calls)
                    found[program].setdefault(what, []).append(told)
    n_train, n_valid, n_test = sizes
    return {
        "n_train": n_train,
        "n_valid": n_valid,
        "n_test": n_test,
        "threads": n_threads,
        "rounds": rounds,
        "programs": list(programs),
        "results": {
            program: {what: _medians(told) for what, told in kinds.items()}
            for program, kinds in found.items()
        },
    }


def _medians(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Median of every number of some runs; lists are those of the first."""
    first = told[0]
    return {
        name: value if isinstance(value, list) else median(one[name] for one in told)
        for name, value in first.items()
    }


def table(found: dict[str, Any]) -> str:
    """Results as lines of text."""
    lines = [
        f"{found['n_train']} structures, {found['threads']} thread(s), {found['rounds']} round(s); "
        f"errors of {found['n_test']} test structures in meV and meV/Angstrom"
    ]
    results = found["results"]
    ours = next(iter(results.values()))
    for what, words in ((CHOSEN, "hyperparameters chosen"), (GIVEN, "hyperparameters given")):
        lines.append(f"{words}:")
        for program, kinds in results.items():
            own = kinds[what]
            memory = f"{own['peak_bytes'] / 1e6:6.0f} MB"
            lines.append(
                f"  {program:24s}{_times(own, ours[what], 's', 1.0)}{memory}"
                f"   E {own['energy_error']:6.2f}  F {own['force_error']:6.2f}"
            )
    lines.append("energy and forces of one structure, 1 thread:")
    for program, kinds in results.items():
        lines.append(f"  {program:24s}{_times(kinds[CALL], ours[CALL], 'ms', 1e3)}")
    if SGDML in found["programs"] and SGDML not in results:
        lines.append("sGDML is not there: pip install sgdml, or name its Python by --sgdml")
    return "\n".join(lines)


def _times(own: dict[str, Any], ours: dict[str, Any], unit: str, scale: float) -> str:
    """Time on the wall and on processors, with the ratios to those of the first program."""
    seconds, work = own["seconds"], own["cpu_seconds"]
    return (
        f"{scale * seconds:9.3f} {unit} {seconds / ours['seconds']:7.2f} x  "
        f"{scale * work:9.3f} {unit} of processors {work / ours['cpu_seconds']:7.2f} x  "
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=machine.available_cores())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n-train", type=int, default=N_TRAIN)
    parser.add_argument("--data", type=Path, help="npz like those of revised MD17, kcal/mol")
    parser.add_argument("--sgdml", help="a Python that has sGDML")
    parser.add_argument("--program", nargs="+", choices=list(_RUN), default=list(_RUN))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    if not (given.data or default_data()).is_file():
        print(f"{given.data or default_data()} does not exist: set SYMKERNEL_DATA", file=sys.stderr)
        return 1
    small = {"sizes": (20, 20, 20), "levels": QUICK_LEVELS, "calls": 3, "rounds": 1}
    usual = {"sizes": (given.n_train, N_VALID, N_TEST), "rounds": given.rounds}
    options: dict[str, Any] = small if given.quick else usual
    found = run(given.data, given.threads, sgdml=given.sgdml, programs=given.program, **options)
    print(table(found))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "force_fields": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
