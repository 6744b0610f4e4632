"""Draw the results of the benchmark of many samples. Needs matplotlib (the extra ``demo``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .programs import OURS, PROGRAMS

# Of the program's place in the list, the same in every panel.
_COLOURS = [
    "#d62728", "#ff7f0e", "#8c564b", "#1f77b4", "#17becf", "#2ca02c", "#9467bd", "#7f7f7f",
    "#bcbd22", "#e377c2", "#393b79", "#637939", "#843c39",
]  # fmt: skip
_MARKERS = "osDv^<>PX*hdp"
_STYLE = {
    program.name: {"color": colour, "marker": marker}
    for program, colour, marker in zip(PROGRAMS, _COLOURS, _MARKERS, strict=True)
}


def draw(results: dict[str, Any], path: Path) -> None:
    """Write a picture: growth with n, error against time and against memory, iterations."""
    import matplotlib.pyplot as plt

    panels: list[Callable[[Any], None]] = []
    for task in results["titles"]:
        rows = [row for row in results["fits"] if row["task"] == task]
        words = results["error_words"][task]
        title = results["titles"][task]
        panels += [
            lambda ax, rows=rows, title=title: _growth(ax, rows, title),
            lambda ax, rows=rows, words=words: _against(
                ax, rows, "cpu_seconds", 1.0, "processor time of the fit in s", words
            ),
            lambda ax, rows=rows, words=words: _against(
                ax, rows, "peak_bytes", 1e-6, "peak of memory over X in MB", words
            ),
        ]
    if results["iterations"]:
        panels.append(lambda ax: _steps(ax, results["iterations"]))
    if results["molecules"]:
        panels.append(lambda ax: _molecules(ax, results["molecules"]))
    across = min(3, len(panels))
    down = -(-len(panels) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(5.2 * across, 4.0 * down + 1.2), squeeze=False, layout="constrained"
    )
    for ax, panel in zip(axes.flat, panels, strict=False):
        panel(ax)
        ax.grid(True, which="major", alpha=0.3)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    handles = {}
    for ax in axes.flat:
        handles.update(
            {label: handle for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
             if label in _STYLE}
        )  # fmt: skip
    if handles:
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=9
        )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _by_program(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: int(row["n"])):
        found.setdefault(row["program"], []).append(row)
    return found


def _guide(ax: Any, sizes: list[float], values: list[float], power: int) -> None:
    ends = np.array([sizes[0], sizes[-1]], dtype=float)
    line = values[-1] * (ends / ends[-1]) ** power
    ax.loglog(ends, line, color="black", linestyle=":", linewidth=1, label=f"slope {power}")


def _growth(ax: Any, rows: list[dict[str, Any]], title: str) -> None:
    for name, mine in _by_program(rows).items():
        sizes, seconds = [r["n"] for r in mine], [r["cpu_seconds"] for r in mine]
        ax.loglog(sizes, seconds, label=name, **_STYLE[name])
        if name == OURS and len(mine) > 1:
            _guide(ax, sizes, seconds, 1)
    ax.set(xlabel="training samples n", ylabel="processor time of the fit in s")
    ax.set_title(title, fontsize=9)
    handles, labels = ax.get_legend_handles_labels()
    guides = [(h, label) for h, label in zip(handles, labels, strict=True) if label not in _STYLE]
    if guides:
        ax.legend(*zip(*guides, strict=True), fontsize=8)


def _against(
    ax: Any, rows: list[dict[str, Any]], key: str, unit: float, words: str, errors: str
) -> None:
    for name, mine in _by_program(rows).items():
        values = [max(unit * r[key], 1e-3) for r in mine]
        ax.loglog(values, [max(r["error"], 1e-4) for r in mine], label=name, **_STYLE[name])
    ax.set(xlabel=words, ylabel=errors)
    ax.set_title("one point per number of samples", fontsize=9)


def _steps(ax: Any, rows: list[dict[str, Any]]) -> None:
    sizes = [row["n"] for row in rows]
    computed = [row["computed"] for row in rows]
    ax.loglog(sizes, computed, "o-", label="kernel computed")
    kept = [row for row in rows if "stored" in row]
    if kept:
        times = [row["stored"] for row in kept]
        ax.loglog([row["n"] for row in kept], times, "s-", label="kernel stored")
    _guide(ax, sizes, computed, 2)
    ax.xaxis.set_minor_formatter("")  # labels of 2e3 ... 9e3 would overlap
    ax.set(xlabel="training samples n", ylabel="processor time of a product in s")
    ax.set_title("a step of conjugate gradients, pair distances of ethanol", fontsize=9)
    ax.legend(fontsize=8)


def _molecules(ax: Any, found: dict[str, Any]) -> None:
    steps, errors = zip(*found["curve"], strict=True)
    ax.semilogy(steps, errors, "o-", markersize=3, label="conjugate gradients")
    ax.axhline(1.05, color="black", linestyle=":", linewidth=1, label="1.05")
    ax.set(xlabel="iterations", ylabel="test error / that of the exact fit")
    ax.set_title(
        f"energies of {found['source']}, n = {found['n']:,}, alpha = {found['alpha']:g}", fontsize=9
    )
    ax.legend(fontsize=8)
