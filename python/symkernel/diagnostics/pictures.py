"""Draw broken symmetry. Needs matplotlib (the extra ``demo``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from symkernel.diagnostics.convergence import Convergence
    from symkernel.diagnostics.dynamics import DynamicsReport
    from symkernel.diagnostics.evidence import SymmetryEvidence
    from symkernel.diagnostics.report import InvarianceReport

__all__ = ["draw_convergence", "draw_dynamics", "draw_evidence", "draw_report"]

_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#999999"


def draw_report(report: InvarianceReport) -> Figure:
    """Draw the spread of every sample in order of size, and the variance by representation."""
    import matplotlib.pyplot as plt

    panels = 2 if report.by_irrep else 1
    figure, axes = plt.subplots(
        1, panels, figsize=(4.2 * panels, 3.4), layout="constrained", squeeze=False
    )
    left = axes[0, 0]
    ordered = np.sort(report.spread)[::-1]
    left.plot(np.arange(1, len(ordered) + 1), ordered, color=_BLUE)
    left.axhline(report.std, color=_ORANGE, linestyle="--", label=f"std {report.std:.3g}")
    left.set_xlabel("sample, the worst first")
    left.set_ylabel("spread over the orbit")
    left.set_ylim(bottom=0)
    left.legend(frameon=False)
    if report.by_irrep:
        right = axes[0, 1]
        names = [*report.by_irrep, "not resolved"]
        total = report.std**2 or 1.0
        shares = [power / total for power in report.by_irrep.values()]
        shares.append(report.unresolved)
        colours = [_BLUE] * len(report.by_irrep) + [_GREY]
        right.barh(range(len(names)), np.multiply(100, shares), color=colours)
        right.set_yticks(range(len(names)), names)
        right.invert_yaxis()
        right.set_xlabel("share of the variance, %")
    return figure


def draw_convergence(table: Convergence) -> Figure:
    """Draw the change of the averaged predictions, and spread, against the number of elements."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(4.8, 3.6), layout="constrained")
    places = np.arange(len(table.names))
    axes.plot(places, table.change, "o-", color=_BLUE, label="distance from the finest grid")
    # a grid of one element has no spread, and none is drawn
    seen = np.where(np.greater(table.sizes, 1), table.std, np.nan)
    axes.plot(places, seen, "s--", color=_ORANGE, label="spread over the grid")
    labels = [f"{n}\n{size}" for n, size in zip(table.names, table.sizes, strict=True)]
    axes.set_xticks(places, labels)
    axes.set_xlabel("grid, and its number of elements")
    if (table.change > 0).any() or (table.std > 0).any():
        axes.set_yscale("log")
    axes.legend(frameon=False)
    return figure


def draw_dynamics(runs: Mapping[str, DynamicsReport]) -> Figure:
    """Draw the change of the total energy and of the angular momentum against time, run by run."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    colours = (_ORANGE, _BLUE, _GREEN)
    for k, (name, run) in enumerate(runs.items()):
        colour = colours[k % len(colours)]
        left.plot(run.times, 1000.0 * (run.energy - run.energy[0]), color=colour, label=name)
        change = np.linalg.norm(run.angular_momentum - run.angular_momentum[0], axis=1)
        right.plot(run.times[1:], change[1:], color=colour, label=name)
    left.set_ylabel("change of the total energy, meV")
    right.set_ylabel("change of the angular momentum")
    right.set_yscale("log")
    for axes in (left, right):
        axes.set_xlabel("time, fs")
    if any(runs):
        right.legend(frameon=False)  # on the left it would lie on the lines
    return figure


def draw_evidence(found: SymmetryEvidence) -> Figure:
    """Draw the evidence of every model, and the likelihood against the softness."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    names = list(found.log_evidence)
    values = np.array([found.log_evidence[name] for name in names])
    best = int(np.argmax(values))
    colours = [_ORANGE if k == best else _BLUE for k in range(len(names))]
    left.barh(range(len(names)), values - values.max(), color=colours)
    left.set_yticks(range(len(names)), [n if len(n) <= 24 else f"{n[:21]}..." for n in names])
    left.invert_yaxis()
    left.set_xlabel("log evidence, less that of the best")
    right.axvspan(*found.interval, color=_GREY, alpha=0.3, label="95 %")
    shown = found.log_likelihoods - found.log_likelihoods.max()
    right.plot(found.softness, shown, "o-", color=_BLUE)
    right.set_xlabel("softness: 0 symmetric, 1 not")
    right.set_ylabel("log likelihood, less the largest")
    right.legend(frameon=False)
    return figure
