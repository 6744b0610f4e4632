"""Draw learning curves and orbits. Needs matplotlib (the extra ``demo``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from symkernel.groups import Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_curves", "plot_orbit"]

# Okabe and Ito's colours, told apart by colour-blind readers too; markers carry the rest.
_STYLES = (
    {"color": "#D55E00", "marker": "o"},
    {"color": "#0072B2", "marker": "D"},
    {"color": "#009E73", "marker": "s"},
    {"color": "#CC79A7", "marker": "^"},
)


def plot_curves(
    axes: Axes,
    sizes: Sequence[int],
    curves: Mapping[str, npt.NDArray[np.float64]],
    *,
    ylabel: str,
    average: Callable[..., npt.NDArray[np.float64]] = np.mean,
    hollow: Sequence[str] = (),
) -> None:
    """Draw one quantity against the number of training samples, both axes logarithmic.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    sizes : sequence of int
        Numbers of training samples.
    curves : mapping of str to ndarray of shape (n_repeats, n_sizes)
        Values by label. The line is their average over repeats, the band their range.
    ylabel : str
        Label of the vertical axis.
    average : callable, default=numpy.mean
        ``numpy.mean`` or ``numpy.median``.
    hollow : sequence of str, default=()
        Labels drawn as open markers without a line, for curves that lie on another.
    """
    for style, (label, values) in zip(_STYLES, curves.items(), strict=False):
        middle = average(values, axis=0)
        if label in hollow:
            axes.plot(
                sizes,
                middle,
                label=label,
                linestyle="none",
                marker=style["marker"],
                markersize=11,
                markerfacecolor="none",
                markeredgewidth=1.4,
                markeredgecolor=style["color"],
            )
            continue
        axes.plot(sizes, middle, label=label, linewidth=2, markersize=6, **style)  # type: ignore[arg-type]
        axes.fill_between(
            sizes, np.min(values, axis=0), np.max(values, axis=0), color=style["color"], alpha=0.15
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(list(sizes), [str(n) for n in sizes])
    axes.minorticks_on()
    axes.tick_params(axis="x", which="minor", bottom=False)
    axes.grid(True, which="major", color="0.88")
    axes.set_axisbelow(True)
    axes.set_xlabel("training samples")
    axes.set_ylabel(ylabel)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def plot_orbit(axes: Sequence[Axes], group: Group, image: npt.NDArray[np.float64]) -> None:
    """Draw the first elements of the orbit of a grey image, one a panel.

    Parameters
    ----------
    axes : sequence of matplotlib.axes.Axes
        Panels; as many elements are drawn as there are panels.
    group : Group
        A group that acts on the pixels.
    image : ndarray of shape (height, width)
        The image.
    """
    for panel, element in zip(axes, group.elements(), strict=False):
        moved = element.apply(image.reshape(-1)).reshape(image.shape)
        panel.imshow(moved, cmap="gray_r", interpolation="nearest")
        panel.set_xticks([])
        panel.set_yticks([])
