"""Runs the parts of the benchmark of many samples, and gathers what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import machine, solvers
from ..timing import threads
from .arguments import PARTS
from .measure import growth
from .programs import BY_NAME, check
from .tasks import Task, digits_file, digits_task, octahedral_task

SCHEMA = 1
SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000, 10_000_000), (50, 400)
DIGITS, QUICK_DIGITS = (500, 2000, 10_000), (200,)
# Products with the kernel matrix of so many molecules, one a step of conjugate gradients.
STEPS, QUICK_STEPS = (2000, 5000, 10_000, 20_000, 50_000), (200, 400)
# Energies of molecules: samples and ridge of the study of iterations.
MOLECULES, QUICK_MOLECULES, TINY = 4000, 200, 1e-8


def run(
    parts: Sequence[str] = (),
    *,
    sizes: Sequence[int] = (),
    M: int = 200,
    n_threads: int = 1,
    only: Sequence[str] = (),
    quick: bool = False,
    tell: Callable[[str], None] = lambda text: None,
    keep: Callable[[dict[str, Any]], None] = lambda results: None,
) -> dict[str, Any]:
    """Compare answers, then measure.

    Parameters
    ----------
    parts : sequence of str, default=()
        Of ``arguments.PARTS``; all where empty. "digits" is left out where its data are missing,
        unless it is asked for.
    sizes : sequence of int, default=()
        Numbers of octahedral samples.
    M : int, default=200
        Centres.
    n_threads : int, default=1
    only : sequence of str, default=()
        Names of programs; all that are installed where empty.
    quick : bool, default=False
        Tiny inputs: a test of the benchmark, not a measurement.
    tell : callable, optional
        Called with a line of text for every step.
    keep : callable, optional
        Called with what has been measured so far, after every number of samples.

    Returns
    -------
    dict
        Ready for JSON: ``fits`` with seconds, processor seconds, bytes and error of every program
        and n, ``answers`` with the differences that were found first, ``iterations`` and
        ``molecules``.

    Raises
    ------
    ValueError
        If a program is unknown.
    FileNotFoundError
        If digits are asked for and missing.
    AssertionError
        If an answer is wrong.
    """
    for name in only:
        if name not in BY_NAME:
            raise ValueError(f"unknown program {name!r}; known: {', '.join(BY_NAME)}")
    chosen = list(parts or PARTS)
    if not digits_file().exists():
        if "digits" in parts:
            raise FileNotFoundError(
                f"{digits_file()} is missing; set SYMKERNEL_DATA to the folder that holds it"
            )
        chosen = [part for part in chosen if part != "digits"]
    M = min(M, 50) if quick else M
    results: dict[str, Any] = {
        "schema": SCHEMA, "large": True, "quick": quick, "machine": machine.facts(),
        "threads": n_threads, "centers": M, "titles": {}, "error_words": {}, "answers": {},
        "fits": [], "iterations": [], "molecules": None,
    }  # fmt: skip
    for name, make, usual in (
        ("octahedral", octahedral_task, QUICK_SIZES if quick else SIZES),
        ("digits", digits_task, QUICK_DIGITS if quick else DIGITS),
    ):
        if name in chosen:
            at = sizes if sizes and name == "octahedral" else usual
            _fits(make(), at, M, n_threads, only, quick, tell, keep, results)
    source, X, y, group = solvers.data(quick)
    with threads(n_threads):
        if "iterations" in chosen:
            for n in QUICK_STEPS if quick else STEPS:
                tell(f"a step of conjugate gradients, n = {n:,}")
                results["iterations"].append(solvers.iteration(n, X, group, 1))
                keep(results)
        if "molecules" in chosen:
            n = QUICK_MOLECULES if quick else MOLECULES
            tell(f"iterations, n = {n:,}")
            found = solvers.to_test_error(n, X, y, group, TINY)
            results["molecules"] = {"source": source, **found}
    return results


def _fits(
    task: Task,
    sizes: Sequence[int],
    M: int,
    n_threads: int,
    only: Sequence[str],
    quick: bool,
    tell: Callable[[str], None],
    keep: Callable[[dict[str, Any]], None],
    results: dict[str, Any],
) -> None:
    tell(f"{task.name}: answers")
    with threads(n_threads):
        results["answers"][task.name] = check(task, 30 if quick else 400, 20, tuple(only))
    results["titles"][task.name] = task.title
    results["error_words"][task.name] = task.error_words
    for n in sizes:
        results["fits"] += growth(task, [n], M, n_threads, only, tell, not quick)
        keep(results)


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Exponent of the growth from the first size to the last."""
    return float(np.log(seconds[-1] / seconds[0]) / np.log(sizes[-1] / sizes[0]))
