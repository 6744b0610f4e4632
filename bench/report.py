"""Results as text: the table of a run, the comparison of two, those of the documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .gpu import tables as gpu
from .programs import OURS
from .runner import SCHEMA
from .text import duration as _time
from .text import markdown as _markdown
from .text import memory as _memory

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"

PEERS = {
    "numpy": "NumPy loop",
    "numpy-tuned": "NumPy loop, tuned",
    "torch": "torch loop, tuned",
    "scikit-learn": "scikit-learn loop",
}
FORMULA_PEERS = {
    "numpy + scipy": "the formula in NumPy",
    "rotation grid": "fused rotation grid",
    "thewalrus": "thewalrus",
}

BATCH_PEERS = {"numpy": "NumPy", "plain C++": "plain C++, one thread"}


def load(path: str | Path) -> dict[str, Any]:
    """Read results, refusing files of another schema."""
    try:
        results = json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(results, dict) or results.get("schema") != SCHEMA:
        raise ValueError(f"{path} holds no results of `symkernel bench` (schema {SCHEMA})")
    return results


def save(results: dict[str, Any], path: str | Path) -> None:
    """Write results as JSON."""
    Path(path).write_text(json.dumps(results, indent=2) + "\n")


def describe_machine(results: dict[str, Any]) -> str:
    """Return one sentence about the machine and the versions."""
    m = results["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in m["versions"].items())
    return f"{m['cpu']}, {m['cores']} cores, {m['isa']}; Python {m['python']}, {versions}; " + (
        f"{m['date']}" + (f", commit {m['commit']}" if m["commit"] else "")
    )


def format_results(results: dict[str, Any]) -> str:
    """Return the tables of a run as text for the terminal (and valid Markdown)."""
    if results.get("gpu"):
        return gpu.format_results(results)
    parts = []
    if results["grams"]:
        parts.append(_gram_table(results["grams"]))
    if results.get("closed_forms"):  # absent from files of earlier versions
        parts.append(_form_table(results["closed_forms"]))
    if results.get("canonical"):
        parts.append(_canonical_table(results["canonical"]))
    parts.extend(_program_table(program) for program in results["programs"])
    if results.get("group_orders"):
        parts.append(_order_table(results["group_orders"]))
    parts.extend(_solve_table(solve) for solve in results.get("solves", ()))
    parts.extend(_planning_table(row) for row in results.get("planning", ()))
    if results["quick"]:
        parts.append("Quick run: tiny inputs, no measurement.")
    parts.append(describe_machine(results))
    return "\n\n".join(parts)


def _of_one_thread(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(r["case"], r["dtype"]): r for r in rows if r["threads"] == 1}


def _of_most_threads(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    most: dict[tuple[str, str], dict[str, Any]] = {}
    for r in rows:
        key = (r["case"], r["dtype"])
        if key not in most or r["threads"] > most[key]["threads"]:
            most[key] = r
    return most


def _gram_table(rows: Sequence[dict[str, Any]]) -> str:
    header = (
        "Gram matrix", "dtype", "threads", "symkernel", *PEERS.values(), "multiply-adds/s",
        "exps/s", "of the machine", "efficiency",
    )  # fmt: skip
    single = _of_one_thread(rows)
    table = []
    for r in rows:
        one = single.get((r["case"], r["dtype"]))
        table.append((
            f"{r['title']}, n = {r['samples']}",
            r["dtype"],
            str(r["threads"]),
            _time(r["results"][OURS]["median"]),
            *(_versus(r["results"], peer) for peer in PEERS),
            f"{r['multiply_adds_per_second'] / 1e9:.1f} G",
            f"{r['exps_per_second'] / 1e9:.2f} G",
            f"{r['fraction_of_machine']:.2f}",
            f"{_efficiency(one, r):.2f}" if one is not None and r["threads"] > 1 else "",
        ))  # fmt: skip
    return _markdown(header, table)


def _form_table(rows: Sequence[dict[str, Any]], most_threads_only: bool = False) -> str:
    """Times per pair of samples: slow peers are timed on fewer samples."""
    header = (
        "closed form, time per pair", "dtype", "threads", "symkernel", *FORMULA_PEERS.values(),
        "of the machine's peak", "efficiency from 1 thread",
    )  # fmt: skip
    single = _of_one_thread(rows)
    table = []
    for r in _of_most_threads(rows).values() if most_threads_only else rows:
        one = single.get((r["case"], r["dtype"]))
        ours = _per_pair(r["results"][OURS])
        theirs = {p: _per_pair(r["results"][p]) for p in FORMULA_PEERS if p in r["results"]}
        table.append((
            f"{r['title']}, n = {r['samples']}",
            r["dtype"],
            str(r["threads"]),
            _time(ours),
            *(
                f"{_time(theirs[p])} ({theirs[p] / ours:.1f}x)" if p in theirs else ""
                for p in FORMULA_PEERS
            ),
            f"{r['fraction_of_machine']:.2f}",
            f"{_efficiency(one, r):.2f}" if one is not None and r["threads"] > 1 else "",
        ))  # fmt: skip
    return _markdown(header, table)


def _canonical_table(rows: Sequence[dict[str, Any]], most_threads_only: bool = False) -> str:
    """Times per sample: slow peers are timed on fewer samples."""
    header = ("canonical form, time per sample", "threads", "symkernel", *BATCH_PEERS.values())
    if most_threads_only:
        most = {r["case"]: r["threads"] for r in sorted(rows, key=lambda r: int(r["threads"]))}
        rows = [r for r in rows if r["threads"] == most[r["case"]]]
    table = []
    for r in rows:
        times = {p: m["median"] / m["samples"] for p, m in r["results"].items()}
        ours = times[OURS]
        table.append((
            f"{r['title']}, n = {r['samples']}",
            str(r["threads"]),
            _time(ours),
            *(
                f"{_time(times[p])} ({times[p] / ours:.1f}x)" if p in times else ""
                for p in BATCH_PEERS
            ),
        ))  # fmt: skip
    return _markdown(header, table)


def _per_pair(result: dict[str, Any]) -> float:
    return float(result["median"] / result["pairs"])


def _efficiency(one: dict[str, Any], many: dict[str, Any]) -> float:
    """Speed-up from one thread to many, divided by their number."""
    speedup = one["results"][OURS]["median"] / many["results"][OURS]["median"]
    return float(speedup / many["threads"])


def _program_table(program: dict[str, Any]) -> str:
    measured = program["results"]
    ours = measured[OURS]
    rows = [
        (
            name,
            _time(r["median"]),
            f"{r['median'] / ours['median']:.1f}x",
            _memory(r["peak_bytes"]),
            f"{r['peak_bytes'] / ours['peak_bytes']:.1f}x" if ours["peak_bytes"] else "",
            f"{r['error']:.4g}",
        )
        for name, r in measured.items()
    ]
    count = program["threads"]
    title = f"fit + predict: {program['title']}, {count} thread{'s' * (count > 1)}"
    return _markdown((title, "time", "", "peak memory", "", "test error"), rows)


def _order_table(rows: Sequence[dict[str, Any]]) -> str:
    table = [
        (
            r["title"],
            str(r["points"]),
            _time(r["results"][OURS]["median"]),
            _versus(r["results"], "sympy"),
        )
        for r in rows
    ]
    return _markdown(("order of a group", "points", "symkernel", "sympy"), table)


def _solve_table(solve: dict[str, Any]) -> str:
    ours = solve["results"][OURS]
    rows = [
        (name, _time(r["median"]), f"{r['median'] / ours['median']:.1f}x", f"{r['error']:.1e}")
        for name, r in solve["results"].items()
    ]
    count = solve["threads"]
    title = f"{solve['title']}, n = {solve['samples']}, {count} thread{'s' * (count > 1)}"
    return _markdown((title, "time", "", "error of coefficients"), rows)


def _planning_table(row: dict[str, Any]) -> str:
    title = f"{row['title']}, the slowest of {row['plans']:,}"
    rows = [(name, _time(seconds)) for name, seconds in row["slowest"]]
    return (
        _markdown((title, "time"), rows)
        + f"\n\nMedian {_time(row['median'])}; memory grew by {_memory(row['grown_bytes'])}; "
        f"{row['compared']:,} values compared, {row['refused']:,} groups refused as too large."
    )


def _versus(results: dict[str, Any], peer: str) -> str:
    if peer not in results:
        return ""
    seconds, ours = results[peer]["median"], results[OURS]["median"]
    return f"{_time(seconds)} ({seconds / ours:.1f}x)"


def _timings(results: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Name of every measured program of every case, and its median."""
    for r in results.get("group_orders", ()):
        for program, measured in r["results"].items():
            yield f"order of {r['title']}: {program}", measured["median"]
    shared = ("grams", "closed_forms", "canonical", "programs", "solves")
    for r in (row for key in shared for row in results.get(key, ())):
        for program, measured in r["results"].items():
            dtype = f", {r['dtype']}" if "dtype" in r else ""
            yield f"{r['case']}{dtype}, {r['threads']} threads: {program}", measured["median"]
    for r in results.get("gpu", ()):
        for program in r["results"]:
            yield f"{r['case']} on a GPU, {r['dtype']}: {program}", gpu.whole(r, program)


def compare(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, float]:
    """Compare two runs.

    Returns
    -------
    text : str
        A table of the timings both have.
    slowdown : float
        The largest ratio after / before of the library's own timings; 0 if none is shared.

    Raises
    ------
    ValueError
        If the runs share no timing.
    """
    old, new = dict(_timings(before)), dict(_timings(after))
    shared = [name for name in new if name in old]
    if not shared:
        raise ValueError("the two files share no case, data type, number of threads and program")
    rows = [
        (name, _time(old[name]), _time(new[name]), f"{new[name] / old[name]:.2f}")
        for name in shared
    ]
    text = _markdown(("median", "before", "after", "after / before"), rows)
    for key in ("cpu", "cores", "isa", "gpu"):
        a, b = before["machine"].get(key), after["machine"].get(key)
        if a != b:
            text += f"\n\nNot the same machine: {key} was {a}, now {b}."
    ratios = [new[name] / old[name] for name in shared if name.endswith(f": {OURS}")]
    return text, max(ratios, default=0.0)


def page_section(results: dict[str, Any], command: str) -> str:
    """Return the benchmark tables of the documentation."""
    if results["quick"]:
        raise ValueError("these results come from a quick run, which measures nothing")
    parts = [_page_grams(results["grams"])] if results["grams"] else []
    if results.get("closed_forms"):
        parts.append(_form_table(results["closed_forms"], most_threads_only=True))
    if results.get("canonical"):
        parts.append(_canonical_table(results["canonical"], most_threads_only=True))
    parts.extend(_program_table(program) for program in results["programs"])
    if results.get("group_orders"):
        parts.append(_order_table(results["group_orders"]))
    parts.extend(_solve_table(solve) for solve in results.get("solves", ()))
    parts.append(f"Medians of `{command}` on an idle machine: {describe_machine(results)}.")
    return "\n\n".join(parts)


def _page_grams(rows: Sequence[dict[str, Any]]) -> str:
    """One row a case: the most threads that were run, and one thread for the efficiency."""
    most, single = _of_most_threads(rows), _of_one_thread(rows)
    several = len({dtype for _, dtype in most}) > 1
    header = (
        "Gram matrix", "threads", "symkernel", *PEERS.values(), "of the machine's peak",
        "efficiency from 1 thread",
    )  # fmt: skip
    table = []
    for key, r in most.items():
        one = single.get(key)
        table.append((
            f"{r['title']}, n = {r['samples']}" + (f", {r['dtype']}" if several else ""),
            str(r["threads"]),
            _time(r["results"][OURS]["median"]),
            *(_versus(r["results"], peer) for peer in PEERS),
            f"{r['fraction_of_machine']:.2f}",
            f"{_efficiency(one, r):.2f}" if one is not None and r["threads"] > 1 else "",
        ))  # fmt: skip
    return _markdown(header, table)


def write_page(results: dict[str, Any], page: str | Path, command: str) -> None:
    """Replace what stands between the markers of a page; results of a GPU have their own.

    Raises
    ------
    ValueError
        If the file has no markers, or the results come from a quick run.
    """
    path = Path(page)
    text = path.read_text()
    on_gpu = bool(results.get("gpu"))
    first, last = (gpu.BEGIN, gpu.END) if on_gpu else (BEGIN, END)
    head, begin, rest = text.partition(first)
    _, end, tail = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{path.name} has no markers {first} and {last}")
    section = gpu.page_section(results) if on_gpu else page_section(results, command)
    path.write_text(f"{head}{first}\n{section}\n{last}{tail}")
