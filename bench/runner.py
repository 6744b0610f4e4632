"""Runs cases and gathers what was measured in one dictionary, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from . import formulas, machine, peers, planning
from .canonical import CANONICAL_CASES, CANONICAL_PEERS, CanonicalCase
from .closed_forms import FORM_CASES, FormCase
from .grams import GRAM_CASES, GramCase
from .group_orders import ORDER_CASES, ORDER_PEERS, OrderCase
from .memory import peak_of
from .nuclear import NUCLEAR_CASES, SCS, NuclearCase
from .planning import PLANNING_CASES, PlanningCase
from .programs import OURS, PROGRAM_CASES, ProgramCase
from .timing import QUICK, Effort, interleave, threads

SCHEMA = 1
Case: TypeAlias = (
    GramCase | FormCase | CanonicalCase | ProgramCase | OrderCase | NuclearCase | PlanningCase
)
# What is timed, given the number of threads.
Program: TypeAlias = Callable[[int], Any]
CASES: tuple[Case, ...] = (
    *GRAM_CASES, *FORM_CASES, *CANONICAL_CASES, *PROGRAM_CASES, *ORDER_CASES, *NUCLEAR_CASES,
    *PLANNING_CASES,
)  # fmt: skip

# Largest relative difference from NumPy's answer in float64 that an answer may have.
GRAM_TOLERANCE = {"float64": 1e-12, "float32": 2e-5}
# Of predictions, relative to the largest one: the condition of K + alpha I multiplies rounding.
PROGRAM_TOLERANCE = 1e-7


def run(
    names: Sequence[str] = (),
    *,
    n_threads: Sequence[int] = (),
    dtypes: Sequence[str] = ("float64",),
    only: Sequence[str] = (),
    quick: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run benchmark cases.

    Parameters
    ----------
    names : sequence of str, default=()
        Names of cases; all of them when empty.
    n_threads : sequence of int, default=()
        Numbers of threads; one and all cores when empty.
    dtypes : sequence of str, default=("float64",)
        "float64", "float32" or both, for the Gram matrices.
    only : sequence of str, default=()
        Peers to compare with; all that are installed when empty.
    quick : bool, default=False
        Tiny inputs and two repeats: a test of the benchmark, not a measurement.
    tell : callable, optional
        Called with a line of text for every step.

    Returns
    -------
    dict
        Machine facts, peaks and results; see ``bench/README.md`` for the fields.

    Raises
    ------
    ValueError
        If a case, a peer or a number of threads is unknown or cannot be had.
    AssertionError
        If an answer differs from the peer's.
    """
    chosen = _choose(names)
    counts = sorted(set(n_threads)) or sorted({1, machine.available_cores()})
    if counts[0] < 1:
        raise ValueError(f"threads must be at least 1; got {counts[0]}")
    known = (
        *peers.GRAM_PEERS,
        *formulas.FORMULA_PEERS,
        *CANONICAL_PEERS[1:],
        *peers.PROGRAM_PEERS,
        *ORDER_PEERS,
        SCS,
    )
    for peer in only:
        if peer not in known:
            raise ValueError(f"unknown peer {peer!r}; known: {', '.join(known)}")
    allowed = [p for p in known if peers.installed(p) and (not only or p in only)]
    effort = QUICK if quick else Effort()
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "quick": quick,
        "machine": machine.facts(),
        "grams": [],
        "closed_forms": [],
        "canonical": [],
        "programs": [],
        "group_orders": [],
        "solves": [],
        "planning": [],
    }
    for case in chosen:
        if isinstance(case, ProgramCase):
            tell(f"{case.name}, {_threads(counts[-1:])}")
            results["programs"].append(_run_program(case, counts[-1], allowed, effort, quick))
            continue
        if isinstance(case, CanonicalCase):
            tell(f"{case.name}, {_threads(counts)}")
            results["canonical"] += _run_canonical(case, counts, allowed, effort, quick)
            continue
        if isinstance(case, OrderCase):
            tell(case.name)
            results["group_orders"] += _run_orders(case, allowed, effort, quick)
            continue
        if isinstance(case, NuclearCase):
            tell(f"{case.name}, {_threads(counts[-1:])}")
            results["solves"].append(_run_nuclear(case, counts[-1], allowed, effort, quick))
            continue
        if isinstance(case, PlanningCase):
            tell(case.name)
            results["planning"].append(planning.run(case, quick))
            continue
        for dtype in dtypes:
            tell(f"{case.name}, {dtype}, {_threads(counts)}")
            if isinstance(case, GramCase):
                results["grams"] += _run_gram(case, dtype, counts, allowed, effort, quick)
            else:
                results["closed_forms"] += _run_form(case, dtype, counts, allowed, effort, quick)
    return results


def _threads(counts: Sequence[int]) -> str:
    return f"{' and '.join(map(str, counts))} thread{'s' * (counts[-1] > 1)}"


def _choose(names: Sequence[str]) -> list[Case]:
    by_name = {case.name: case for case in CASES}
    for name in names:
        if name not in by_name:
            raise ValueError(f"unknown case {name!r}; known: {', '.join(by_name)}")
    return [by_name[name] for name in names] if names else list(CASES)


def _run_gram(
    case: GramCase,
    dtype: str,
    counts: Sequence[int],
    allowed: Sequence[str],
    effort: Effort,
    quick: bool,
) -> list[dict[str, Any]]:
    """One result for every number of threads."""
    X, Y = case.data(np.dtype(dtype).type, quick)
    X64, Y64 = case.data(np.float64, quick)
    orbit, gamma, kernel = case.orbit(), case.gamma, case.kernel()
    programs: dict[str, Program] = {OURS: lambda count: kernel.gram(X, Y, n_jobs=count)}
    for name in peers.GRAM_PEERS:
        if name in allowed:
            programs[name] = _bind(peers.gram_peer(name), X, Y, orbit, gamma)
    with threads(counts[-1]):
        truth = peers.numpy_gram(X64, Y64, orbit, gamma)

    def check(name: str, answer: Any) -> None:
        _require_equal(case.name, name, answer, truth, GRAM_TOLERANCE[dtype])

    measured = _side_by_side(programs, check, dtype, counts, effort)
    n = len(X)
    pairs = n * (n + 1) // 2 if case.symmetric else n * len(X if Y is None else Y)
    plan = kernel.plan(X.shape[1])
    return [
        {
            "case": case.name,
            "title": case.title,
            "dtype": dtype,
            "threads": count,
            "samples": n,
            "symmetric": case.symmetric,
            "order": len(orbit),
            "features": X.shape[1],
            "method": plan.method,
            "results": _summary(times),
            **_rates(plan.cost, pairs, median(times[OURS]), peak),
        }
        for count, (times, peak) in measured.items()
    ]


def _run_form(
    case: FormCase,
    dtype: str,
    counts: Sequence[int],
    allowed: Sequence[str],
    effort: Effort,
    quick: bool,
) -> list[dict[str, Any]]:
    """One result for every number of threads."""
    X, Y = case.data(np.dtype(dtype).type, quick)
    kernel = case.kernel()
    rivals = {name: rival for name, rival in case.rivals.items() if name in allowed}
    programs: dict[str, Program] = {OURS: lambda count: kernel.gram(X, Y, n_jobs=count)}
    for name, rival in rivals.items():
        programs[name] = partial(rival.gram, X[: rival.rows], Y, case.length_scale)
    with threads(counts[-1]):
        # Of the rounded samples: the exponents of float32 would differ by more than rounding.
        truth = case.truth(X.astype(np.float64), Y.astype(np.float64), case.length_scale)

    def check(name: str, answer: Any) -> None:
        tolerance = GRAM_TOLERANCE[dtype]
        if name in rivals:
            tolerance = rivals[name].tolerance.get(dtype, tolerance)
        _require_equal(case.name, name, answer, truth[: len(answer)], tolerance)

    measured = _side_by_side(programs, check, dtype, counts, effort)
    plan = kernel.plan(X.shape[1])
    results = []
    for count, (times, peak) in measured.items():
        summary = _summary(times)
        for name, result in summary.items():
            rows = min(rivals[name].rows, len(X)) if name in rivals else len(X)
            result["pairs"] = rows * len(Y)
        results.append({
            "case": case.name,
            "title": case.title,
            "dtype": dtype,
            "threads": count,
            "samples": len(X),
            "features": X.shape[1],
            "method": plan.method,
            "results": summary,
            **_rates(plan.cost, X.shape[0] * len(Y), median(times[OURS]), peak),
        })  # fmt: skip
    return results


def _run_canonical(
    case: CanonicalCase,
    counts: Sequence[int],
    allowed: Sequence[str],
    effort: Effort,
    quick: bool,
) -> list[dict[str, Any]]:
    """One result for every number of threads; answers are equal to the tolerance of the case."""
    X = case.data(quick)
    rivals = {name: rival for name, rival in case.rivals.items() if name in allowed}
    programs: dict[str, Program] = {OURS: partial(case.ours, X)}
    for name, rival in rivals.items():
        programs[name] = partial(lambda form, Z, count: form(Z), rival.form, X[: rival.rows])
    first = next(iter(case.rivals.values()))
    truth = first.form(X[: first.rows])

    def check(name: str, answer: Any) -> None:
        shared = min(len(answer), len(truth))
        difference = float(np.abs(answer[:shared] - truth[:shared]).max())
        if not difference <= case.tolerance:
            raise AssertionError(f"{name} differs from NumPy's answer on {case.name}")

    results = []
    for count, (times, _) in _side_by_side(programs, check, "float64", counts, effort).items():
        summary = _summary(times)
        for name, result in summary.items():
            result["samples"] = min(rivals[name].rows, len(X)) if name in rivals else len(X)
        results.append({
            "case": case.name,
            "title": case.title,
            "threads": count,
            "samples": len(X),
            "results": summary,
        })  # fmt: skip
    return results


def _run_orders(
    case: OrderCase, allowed: Sequence[str], effort: Effort, quick: bool
) -> list[dict[str, Any]]:
    """One result for every group; nothing here uses more than one thread."""
    results = []
    for group, (rows, order) in case.known(quick).items():
        programs = {OURS: case.ours, **{p: f for p, f in case.peers.items() if p in allowed}}
        loops = {}
        for name, program in programs.items():
            start = perf_counter()
            if program(rows) != order:
                raise AssertionError(f"{name} finds another order than {order} for {group}")
            loops[name] = 1 + int(effort.pause / (perf_counter() - start))
        calls = {name: partial(_repeat, f, rows, loops[name]) for name, f in programs.items()}
        times = {
            name: [seconds / loops[name] for seconds in measured]
            for name, measured in interleave(calls, effort).items()
        }
        results.append({
            "case": case.name,
            "title": group,
            "threads": 1,
            "points": len(rows[0]),
            "results": _summary(times),
        })  # fmt: skip
    return results


def _repeat(program: Callable[[Any], object], argument: Any, count: int) -> None:
    for _ in range(count):
        program(argument)


def _side_by_side(
    programs: Mapping[str, Program],
    check: Callable[[str, Any], None],
    dtype: str,
    counts: Sequence[int],
    effort: Effort,
) -> dict[int, tuple[dict[str, list[float]], dict[str, float]]]:
    """Check every answer on every number of threads; then time all of them in the same rounds.

    Returns times by program, and the machine's peaks, for every number of threads.
    """
    for count in counts:
        with threads(count):
            for name, program in programs.items():
                check(name, program(count))
    before = {count: machine.peaks(dtype, count, effort.probe) for count in counts}
    calls = {(c, name): partial(p, c) for c in counts for name, p in programs.items()}
    budget = effort.budget * len(counts)
    times = interleave(calls, replace(effort, budget=budget), lambda key: threads(key[0]))
    after = {count: machine.peaks(dtype, count, effort.probe) for count in counts}
    return {
        count: (
            {name: times[count, name] for name in programs},
            {key: max(before[count][key], after[count][key]) for key in before[count]},
        )
        for count in counts
    }


def _require_equal(case: str, name: str, answer: Any, truth: Any, tolerance: float) -> None:
    difference = float(np.max(np.abs(answer - truth) / truth))
    if not difference <= tolerance:
        raise AssertionError(
            f"{name} differs from NumPy's answer by {difference:.1e} (relative) on {case}; "
            f"at most {tolerance:.0e} is allowed"
        )


def _rates(cost: Any, pairs: int, seconds: float, peak: Mapping[str, float]) -> dict[str, float]:
    """Operations per second of the library, and what the machine could do."""
    multiply_adds, exps = cost.multiply_adds * pairs, cost.maps * pairs
    least = multiply_adds / peak["multiply_adds"] + exps / peak["exps"]
    return {
        "multiply_adds_per_second": multiply_adds / seconds,
        "exps_per_second": exps / seconds,
        "peak_multiply_adds_per_second": peak["multiply_adds"],
        "peak_exps_per_second": peak["exps"],
        "fraction_of_machine": least / seconds,
    }


def _bind(peer: peers.GramPeer, X: Any, Y: Any, orbit: peers.Orbit, gamma: float) -> Program:
    return lambda count: peer(X, Y, orbit, gamma)


def _run_program(
    case: ProgramCase, n_threads: int, allowed: Sequence[str], effort: Effort, quick: bool
) -> dict[str, Any]:
    task = case.task(quick)
    names = [name for name in case.programs if name == OURS or name in allowed]
    errors: dict[str, float] = {}
    differences: dict[str, float] = {}
    for name in names:  # the first call also loads what a program imports lazily
        case.run(name, case.task(True), n_threads)
    with threads(n_threads):
        truth = case.run("numpy + scikit-learn", task, n_threads)
        for name in names:
            predictions = case.run(name, task, n_threads)
            errors[name] = case.error(task, predictions)
            differences[name] = float(np.max(np.abs(predictions - truth)) / np.max(np.abs(truth)))
            if not differences[name] <= PROGRAM_TOLERANCE:
                raise AssertionError(
                    f"predictions of {name} differ from those of NumPy + scikit-learn by "
                    f"{differences[name]:.1e} on {case.name}; at most {PROGRAM_TOLERANCE:.0e} "
                    "is allowed"
                )
        times = interleave({name: _program(case, name, task, n_threads) for name in names}, effort)
    results = _summary(times)
    for name in names:
        results[name]["error"] = errors[name]
        results[name]["difference"] = differences[name]
        results[name]["peak_bytes"] = peak_of(case.name, name, n_threads, quick)
    return {
        "case": case.name,
        "title": case.title,
        "threads": n_threads,
        "samples": len(task.X),
        "order": len(task.orbit),
        "features": task.X.shape[1],
        "results": results,
    }


def _run_nuclear(
    case: NuclearCase, n_threads: int, allowed: Sequence[str], effort: Effort, quick: bool
) -> dict[str, Any]:
    task = case.task(quick)
    names = [OURS, *(name for name in (SCS,) if name in allowed)]
    errors: dict[str, float] = {}
    with threads(n_threads):
        truth = case.solution(task)
        for name in names:
            case.run(name, case.task(True))  # loads what a program imports lazily
            errors[name] = case.error(case.run(name, task), truth)
            if not errors[name] <= case.accuracy:
                raise AssertionError(
                    f"coefficients of {name} are off by {errors[name]:.1e} on {case.name}; at "
                    f"most {case.accuracy:.0e} is allowed"
                )
        times = interleave({name: partial(case.run, name, task) for name in names}, effort)
    results = _summary(times)
    for name in names:
        results[name]["error"] = errors[name]
    return {
        "case": case.name,
        "title": case.title,
        "threads": n_threads,
        "samples": len(task.targets),
        "results": results,
    }


def _program(case: ProgramCase, name: str, task: Any, n_threads: int) -> Callable[[], Any]:
    return lambda: case.run(name, task, n_threads)


def _summary(times: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "median": median(seconds),
            "least": min(seconds),
            "most": max(seconds),
            "repeats": len(seconds),
        }
        for name, seconds in times.items()
    }
