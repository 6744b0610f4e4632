"""Draw counts and learning curves. Needs matplotlib (the extra ``demo``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import Group
from symkernel.spectral import Manifold
from symkernel.theory.counts import DimensionCounts, dimension_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_counts", "draw_curve", "plot_dimension_counts"]

_MARKERS = ("o", "s", "D", "^", "v", "P")
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def draw_counts(counts: DimensionCounts) -> Figure:
    """Draw the cumulative counts of one group beside their ratio."""
    return _draw({"invariant": counts})


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


def plot_dimension_counts(
    manifold: Manifold, groups: Group | Mapping[str, Group], max_level: float
) -> Figure:
    """Draw how many functions are left by each group, and the ratio to all of them.

    Parameters
    ----------
    manifold : Manifold
    groups : Group, or mapping of str to Group
        Groups by label.
    max_level : int or float

    Returns
    -------
    matplotlib.figure.Figure
        Left, functions up to each level, all and invariant; right, their ratio with the order of
        each finite group as a dashed line.

    Raises
    ------
    TypeError, ValueError
        As ``dimension_counts``.

    Examples
    --------
    >>> from symkernel import groups, theory
    >>> from symkernel.spectral import Sphere
    >>> from symkernel.theory.pictures import plot_dimension_counts
    >>> named = {name: groups.PointGroup(name) for name in "TOI"}
    >>> figure = plot_dimension_counts(Sphere(3), named, 20)
    >>> len(figure.axes)
    2
    """
    named = {repr(groups): groups} if isinstance(groups, Group) else dict(groups)
    if not named:
        raise ValueError("groups must name at least one group")
    return _draw({k: dimension_counts(manifold, g, max_level) for k, g in named.items()})


def _draw(counts: Mapping[str, DimensionCounts]) -> Figure:
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
