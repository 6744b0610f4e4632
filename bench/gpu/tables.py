"""Results of a GPU as text: the tables of a run, and that of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..programs import OURS
from ..text import duration, markdown, memory, rate

BEGIN = "<!-- bench-gpu:begin -->"
END = "<!-- bench-gpu:end -->"
COMMAND = "bench/gpu.sh"

# Names of programs in results, beside the library's.
KERNELS, TORCH, CHOLESKY = "kernels alone", "torch loop", "cupy cholesky"

_DTYPES = ("float32", "float64")
_CEILINGS = {
    "multiply_adds": ("multiply-adds, arithmetic units", "FMA"),
    "matrix_multiply_adds": ("multiply-adds, matrix units (float32: TF32)", "FMA"),
    "special": ("exponentials, special-function units", "exp"),
    "polynomial_exps": ("exponentials, polynomials", "exp"),
}


def ratio(row: dict[str, Any], program: str) -> float | None:
    """How many times longer a program takes than the library, pair by pair; None if not timed."""
    if program not in row["results"] or OURS not in row["results"]:
        return None
    return whole(row, program) / whole(row, OURS)


def describe_card(results: dict[str, Any]) -> str:
    """Return one sentence about the card and the versions."""
    c, m = results["card"], results["machine"]
    clock = results["ceilings"]["sm_clock_hz"]["float32"] / 1e9
    driver = f"driver {c['driver']}, " if c["driver"] else ""
    versions = ", ".join(f"{name} {v}" for name, v in m["versions"].items())
    commit = f", commit {m['commit']}" if m["commit"] else ""
    return (
        f"{c['name']}, {c['multiprocessors']} multiprocessors at {clock:.2f} GHz under load, "
        f"{driver}CUDA {c['cuda_runtime']}; Python {m['python']}, {versions}; {m['date']}{commit}"
    )


def ceilings_table(results: dict[str, Any]) -> str:
    """Return the measured rates of the card, also per clock and multiprocessor."""
    c, count = results["ceilings"], results["card"]["multiprocessors"]
    copy = rate(c["copy_bytes_per_second"], "B")
    rows = [("copy, bytes read and written", copy, copy)]

    def cell(dtype: str, key: str, unit: str) -> str:
        per_second = c[dtype][key]
        per_clock = per_second / (c["sm_clock_hz"][dtype] * count)
        return f"{rate(per_second, unit)} ({per_clock:.3g} a clock and SM)" if per_second else ""

    for key, (name, unit) in _CEILINGS.items():
        rows.append((name, cell("float32", key, unit), cell("float64", key, unit)))
    return markdown(("ceilings of the card", *_DTYPES), rows)


def results_table(rows: Sequence[dict[str, Any]], brief: bool = False) -> str:
    """Return one line a workload and precision; `brief` leaves out what only tuning needs."""
    details = ["limited by", "way", "kernels alone", "of the floor", "error", "memory"]
    header = [
        "on the GPU", "n", "dtype", "symkernel", "floor", "of the floor",
        *([] if brief else details), "torch loop", "CuPy's Cholesky",
    ]  # fmt: skip
    table = []
    for row in rows:
        rows_timed = row.get("rows", row["samples"])
        part = f" ({rows_timed:,} rows)" if rows_timed < row["samples"] else ""
        start = [row["title"], f"{row['samples']:,}{part}", row["dtype"]]
        if "failed" in row:
            if not brief:
                table.append([*start, "failed", *[""] * (len(header) - 4)])
            continue
        table.append([
            *start,
            duration(whole(row, OURS)),
            duration(row["floor_seconds"]),
            f"{row['fraction_of_floor']:.2f}",
            *([] if brief else _details(row)),
            _versus(row, TORCH),
            _versus(row, CHOLESKY),
        ])  # fmt: skip
    return markdown(header, table)


def _details(row: dict[str, Any]) -> list[str]:
    alone = KERNELS in row["results"]
    return [
        row["bound"],
        next(iter(row["floors"])),
        duration(whole(row, KERNELS)) if alone else "",
        f"{row['fraction_of_floor_kernels']:.2f}" if alone else "",
        f"{row['error']:.0e}",
        memory(row["peak_bytes"]) if "peak_bytes" in row else "",
    ]


def _versus(row: dict[str, Any], program: str) -> str:
    times = ratio(row, program)
    if times is None:
        return ""
    digits = 0 if times >= 100 else 1 if times >= 10 else 2
    return f"{duration(whole(row, program))} ({times:.{digits}f}x)"


def whole(row: dict[str, Any], program: str) -> float:
    """Seconds for all pairs of samples: slow programs are timed on fewer rows."""
    result = row["results"][program]
    return float(result["median"] / result["pairs"] * row["pairs"])


def failures(results: dict[str, Any]) -> list[str]:
    """Sentences about what was not measured."""
    return [
        f"{row['case']}, {row['dtype']}: {row[key]}"
        for row in results["gpu"]
        for key in ("failed", "peer_failed")
        if key in row
    ]


def format_results(results: dict[str, Any]) -> str:
    """Return the tables of a run as text for the terminal (and valid Markdown)."""
    parts = [ceilings_table(results), results_table(results["gpu"])]
    parts += [f"not measured: {sentence}" for sentence in failures(results)]
    if results["quick"]:
        parts.append("Quick run: small inputs, no measurement.")
    parts.append(describe_card(results))
    return "\n\n".join(parts)


def page_section(results: dict[str, Any]) -> str:
    """Return the documentation's table of a GPU.

    Raises
    ------
    ValueError
        If the results come from a quick run, or hold nothing that was measured.
    """
    if results["quick"]:
        raise ValueError("these results come from a quick run, which measures nothing")
    rows = [row for row in results["gpu"] if "failed" not in row]
    if not rows:
        raise ValueError("these results hold no workload that was measured on a GPU")
    return (
        f"{results_table(rows, brief=True)}\n\n"
        f"Medians of one run of `{COMMAND}`, timed by CUDA events: {describe_card(results)}."
    )
