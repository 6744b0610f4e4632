"""Results of the benchmark of many samples as tables."""

from __future__ import annotations

from typing import Any

from ..report import describe_machine
from ..text import duration, markdown, memory
from .programs import OURS
from .runner import slope


def format_results(results: dict[str, Any]) -> str:
    """Return the tables as text for the terminal (and valid Markdown)."""
    parts = [_fits(results, task) for task in results["titles"]]
    if results["iterations"]:
        parts.append(_iterations(results))
    if results["molecules"]:
        parts.append(_molecules(results["molecules"]))
    if results["quick"]:
        parts.append("Quick run: tiny inputs, no measurement.")
    parts.append(describe_machine(results))
    return "\n\n".join(parts)


def _fits(results: dict[str, Any], task: str) -> str:
    rows = [row for row in results["fits"] if row["task"] == task]
    table = [
        (
            f"{row['n']:,}",
            row["program"],
            "" if row["centers"] is None else f"{row['centers']:,}",
            f"{row['error']:.4f}",
            duration(row["seconds"]),
            duration(row["cpu_seconds"]),
            memory(row["peak_bytes"]),
        )
        for row in rows
    ]
    header = ("n", "program", "centres", "error", "fit", "processor", "memory over X")
    text = (
        f"{results['titles'][task]}; {results['threads']} thread(s); "
        f"error: {results['error_words'][task]}\n\n" + markdown(header, table)
    )
    ours = [row for row in rows if row["program"] == OURS]
    if len(ours) > 1:
        power = slope([row["n"] for row in ours], [row["cpu_seconds"] for row in ours])
        text += f"\n\n{OURS} grows as n^{power:.2f} (processor time)."
    return text


def _iterations(results: dict[str, Any]) -> str:
    rows = results["iterations"]
    table = [
        (
            f"{row['n']:,}",
            duration(row["computed"]),
            duration(row["stored"]) if "stored" in row else "",
        )
        for row in rows
    ]
    header = ("a step of conjugate gradients, n", "kernel computed", "kernel stored")
    power = slope([row["n"] for row in rows], [row["computed"] for row in rows])
    return markdown(header, table) + f"\n\nComputed, it grows as n^{power:.2f} (processor time)."


def _molecules(found: dict[str, Any]) -> str:
    return (
        f"Energies of {found['source']}, n = {found['n']:,}, alpha = {found['alpha']:g}, "
        f"{found['n'] // 10} components: 1.05 times the exact test error after "
        f"{found['iterations']} iterations."
    )
