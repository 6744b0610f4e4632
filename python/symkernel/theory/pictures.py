"""Draw counts and learning curves. Needs matplotlib (the extra ``demo``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from symkernel.theory.counts import DimensionCounts

__all__ = ["draw_counts", "draw_curve"]

_MARKERS = ("o", "s", "D", "^", "v", "P")
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def draw_curve(
    axes: Axes,
    place: int,
    label: str,
    sizes: Sequence[int],
    mean: NDArray[np.float64],
    band: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """Draw one learning curve, the ``place``-th of its axes."""
    colour = _COLOURS[place % len(_COLOURS)]
    marker = _MARKERS[place % len(_MARKERS)]
    axes.plot(sizes, mean, color=colour, marker=marker, markersize=5, label=label)
    axes.fill_between(sizes, *band, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.grid(True, color="0.9")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_counts(counts: Mapping[str, DimensionCounts]) -> Figure:
    """Draw the cumulative counts of groups, by label, beside their ratio."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    first = next(iter(counts.values()))
    left.plot(first.levels, first.cumulative_total, "-", color="0.4", label="all")
    for k, (label, found) in enumerate(counts.items()):
        colour = _COLOURS[k % len(_COLOURS)]
        left.plot(found.levels, found.cumulative_invariant, "o-", ms=3, color=colour, label=label)
        right.plot(found.levels, found.ratio, "o-", ms=3, color=colour, label=label)
        if found.order < float("inf"):
            right.axhline(float(found.order), color=colour, linestyle="--", linewidth=1)
    left.set_ylabel("functions up to this level")
    right.set_ylabel("all functions / invariant ones")
    right.set_title("dashed: order of the group", fontsize="medium")
    for axes in (left, right):
        axes.set_yscale("log")
        axes.set_xlabel("level")
        axes.legend(frameon=False)
        _tidy(axes)
    return figure
