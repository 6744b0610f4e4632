"""Draw spectra. Needs matplotlib (the extra ``demo``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from symkernel.lie.discovery import Discovery

__all__ = ["draw_spectrum", "draw_spectrum_on"]

_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#999999"
# Residuals of rounding size are drawn at this height.
_FLOOR = 1e-16


def draw_spectrum(found: Discovery) -> Figure:
    """Draw the residuals in ascending order, the threshold, and which are symmetries."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.0, 3.4), layout="constrained")
    draw_spectrum_on(axes, found)
    axes.set_title(found.name, fontsize="medium")
    return figure


def draw_spectrum_on(axes: Axes, found: Discovery) -> None:
    """Draw the spectrum on given axes."""
    from matplotlib.ticker import MaxNLocator

    s, k = np.maximum(found.singular_values, _FLOOR), found.dimension
    at = np.arange(1, len(s) + 1)
    axes.semilogy(at[:k], s[:k], "o", color=_BLUE, label=f"symmetries, {k}")
    axes.semilogy(at[k:], s[k:], "o", color=_GREY, label="broken")
    axes.axhline(found.threshold, color=_ORANGE, linestyle="--", label="threshold")
    least = min(s.min(initial=1.0), found.threshold or 1.0)
    axes.set_ylim(max(least, _FLOOR) / 3, 3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("direction")
    axes.set_ylabel("residual")
    axes.legend(frameon=False)
