"""Fit one program to samples on disk, in a process of its own: time, memory and error."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..memory import watched
from ..timing import threads
from . import samples
from .programs import BY_NAME, PROGRAMS
from .tasks import TASKS, Task

# Samples up to which X is read into memory; more are mapped.
MAPPED_FROM = 1_000_000
# A program's error may be larger than the library's of the same kernel and number of centres, or
# smaller, by this factor: centres are chosen at random.
AGREEMENT = 1.25


def growth(
    task: Task,
    sizes: Sequence[int],
    M: int,
    n_threads: int,
    only: Sequence[str],
    tell: Callable[[str], None],
    apart: bool = True,
) -> list[dict[str, Any]]:
    """Fit every program that takes so many samples; the files are removed afterwards.

    Each in a process of its own if `apart`: memory that one left free is not lent to the next.

    Raises
    ------
    AssertionError
        If errors of programs that solve the same problem disagree.
    """
    rows = []
    for n in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            samples.write(folder, task.parts(n), n)
            for program in PROGRAMS:
                if (only and program.name not in only) or not program.installed:
                    continue
                if program.takes(task, n):
                    tell(f"{task.name}, n = {n:,}: {program.name}")
                    fit = _apart if apart else here
                    rows.append(fit(task, program.name, folder, M, n_threads))
        _agree(task, [row for row in rows if row["n"] == n])
    return rows


def _agree(task: Task, rows: Sequence[dict[str, Any]]) -> None:
    """Compare errors of fits with the average: on centres, and on all samples."""
    for on_centers in (True, False):
        errors = {
            row["program"]: row["error"]
            for row in rows
            if BY_NAME[row["program"]].averaged and BY_NAME[row["program"]].on_centers == on_centers
        }
        if errors and not max(errors.values()) <= AGREEMENT * min(errors.values()):
            raise AssertionError(f"errors on {task.name} differ: {errors}")


def _apart(task: Task, program: str, folder: Path, M: int, n_threads: int) -> dict[str, Any]:
    arguments = [task.name, program, str(folder), str(M), str(n_threads)]
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __name__, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise RuntimeError(f"{program} failed on {task.name}:\n{finished.stderr}")
    return json.loads(finished.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def here(task: Task, program: str, folder: Path, M: int, n_threads: int) -> dict[str, Any]:
    """Fit in this process. What imports and a first small fit take is not counted, nor X is."""
    X, y = samples.read(folder, mapped=True)
    n = len(X)
    if n <= MAPPED_FROM:
        X, y = np.array(X), np.array(y)
    fit = BY_NAME[program].fit
    with threads(n_threads):
        fit(task, np.array(X[:20]), np.array(y[:20]), 5, n_threads).predict(np.array(X[:2]))
        took, fitted = watched(lambda: fit(task, X, y, M, n_threads))
        new, truth = task.test()
        error = task.error(fitted.predict(new), truth)
    return {
        "task": task.name,
        "program": program,
        "n": n,
        "centers": None if fitted.centers is None else len(fitted.centers),
        "seconds": took.seconds,
        "cpu_seconds": took.cpu_seconds,
        "peak_bytes": took.peak_bytes,
        "error": error,
    }


def _main() -> None:
    task, program, folder, M, n_threads = sys.argv[1:]
    print(json.dumps(here(TASKS[task](), program, Path(folder), int(M), int(n_threads))))


if __name__ == "__main__":
    _main()
