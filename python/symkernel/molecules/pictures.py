"""Draw errors of force fields, and dynamics with them. Needs matplotlib (the extra ``demo``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from symkernel.molecules.frames import Frames
from symkernel.molecules.units import Units
from symkernel.plotting import plot_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from symkernel.molecules.curves import ForceFieldCurve
    from symkernel.molecules.dynamics import DynamicsRun

__all__ = ["draw_curve", "draw_predictions", "draw_run"]

Array = NDArray[np.float64]

_ORANGE, _BLUE, _GREEN, _GREY = "#D55E00", "#0072B2", "#009E73", "#999999"
# More points than this are drawn as pixels in vector formats.
_FEW = 2000
# Windows of running means in a run.
_WINDOWS = 50
# Errors below this share of their median are off the picture: they happen to be small.
_TINY = 1e-2


def draw_predictions(
    frames: Frames, energies: Array, forces: Array, distances: Array, units: Units
) -> Figure:
    """Draw predictions against energies and forces, and errors against the distance from the data.

    Parameters
    ----------
    frames : Frames
    energies, forces : ndarray of shape (n,), (n, n_atoms, 3)
        Predicted, in eV and Angstrom.
    distances : ndarray of shape (n,)
        To the nearest training structure.
    units : Units
        In which they are drawn.
    """
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(12.6, 3.9), layout="constrained", width_ratios=(1, 1, 1.15)
    )
    energy_unit, force_unit, times = units.fine
    valued, pushed = frames.has_energy, frames.has_forces
    E = units.energies_from_ev(frames.energies)[valued]
    E_hat = units.energies_from_ev(energies)[valued]
    lowest = E.min() if E.size else 0.0
    dE = times * np.abs(E_hat - E)
    F, F_hat = units.forces_from_ev(frames.forces)[pushed], units.forces_from_ev(forces)[pushed]
    dF = times * np.abs(F_hat - F)
    length = "Å" if units.length == "Angstrom" else units.length
    force_name = f"{units.energy}/{length}"
    _parity(left, E - lowest, E_hat - lowest, f"energy above the lowest, {units.energy}", _BLUE)
    _parity(middle, F.ravel(), F_hat.ravel(), f"components of forces, {force_name}", _ORANGE)
    fine_force = force_unit.replace("/A", "/Å") if units.length == "Angstrom" else force_unit
    if dE.size:
        left.set_title(f"energies: MAE {dE.mean():.3g} {energy_unit}", fontsize=10)
    if dF.size:
        middle.set_title(f"forces: MAE {dF.mean():.3g} {fine_force}", fontsize=10)
    each = dF.mean(axis=(1, 2))
    for x, y, name, colour, marker in (
        (distances[pushed], each, f"forces, {fine_force}", _ORANGE, "o"),
        (distances[valued], dE, f"energies, {energy_unit}", _BLUE, "D"),
    ):
        if y.size:
            rastered, alpha = y.size > _FEW, float(np.clip(150.0 / y.size, 0.1, 0.4))
            right.plot(
                x, y, marker, ms=3, alpha=alpha, color=colour, mec="none", rasterized=rastered
            )
            middles, medians = _binned(x, y)
            right.plot(middles, medians, "-" + marker, color=colour, mec="black", label=name)
    right.set_yscale("log")
    medians_of = [float(np.median(y)) for y in (each, dE) if y.size]
    if medians_of and min(medians_of) > 0.0:
        right.set_ylim(bottom=_TINY * min(medians_of))
    right.set_xlabel("distance from the training data (1: typical neighbours)")
    right.set_ylabel("mean absolute error of a structure")
    right.set_title("errors by distance; lines: medians", fontsize=10)
    if dE.size or dF.size:
        right.legend(frameon=False)
    _plain(left, middle, right)
    return figure


def draw_curve(curve: ForceFieldCurve) -> Figure:
    """Draw errors of energies and forces against the number of training structures."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.5), layout="constrained")
    for panel, name, values, unit in (
        (axes[0], "energy", curve.energy_mae, curve.energy_unit),
        (axes[1], "forces", curve.force_mae, curve.force_unit),
    ):
        label = f"error of {name} (MAE), {unit}"
        plot_curves(panel, curve.sizes, {name: values}, ylabel=label)
        panel.set_xlabel("training structures")
    return figure


def draw_run(run: DynamicsRun) -> Figure:
    """Draw energy, temperature and distance from the training data against time."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12.6, 3.4), layout="constrained")
    late = run.times[-1] > 2000.0
    t, unit = (run.times / 1000.0, "ps") if late else (run.times, "fs")
    total = run.total_energy
    change = 1000.0 * (total - total[0])
    if run.thermostat:
        potential = 1000.0 * (run.potential_energy - run.potential_energy[0])
        axes[0].plot(t, potential, color=_GREY, lw=0.8, label="potential")
        axes[0].plot(t, change, color=_ORANGE, lw=1.4, label="total")
        axes[0].set_ylabel("energy above the start, meV")
        axes[0].legend(frameon=False)
    else:
        _smoothed(axes[0], t, change / run.frames.n_atoms, _ORANGE)
        axes[0].set_ylabel("change of the total energy, meV/atom")
    _smoothed(axes[1], t, run.temperature, _BLUE)
    axes[1].axhline(run.temperature.mean(), color="black", ls="--", lw=1)
    axes[1].set_ylabel(f"temperature, K (mean {run.temperature.mean():.0f})")
    _smoothed(axes[2], t, run.distances, _GREEN)
    axes[2].set_ylabel("distance from the training data")
    axes[2].set_ylim(bottom=0)
    for panel in axes:
        panel.set_xlabel(f"time, {unit}")
        if run.stopped:
            panel.axvline(t[-1], color="black", ls=":", lw=1)
    if run.stopped:
        figure.suptitle(f"stopped: {run.stopped}", fontsize=10)
    _plain(*axes)
    return figure


def _parity(axes: Axes, known: Array, predicted: Array, label: str, colour: str) -> None:
    if not known.size:
        axes.text(0.5, 0.5, "none known", ha="center", va="center", transform=axes.transAxes)
        return
    both = np.concatenate([known, predicted])
    low, high = float(both.min()), float(both.max())
    margin = 0.04 * (high - low or 1.0)
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color=_GREY, lw=1)
    rastered = known.size > _FEW
    axes.plot(known, predicted, "o", ms=3, alpha=0.4, color=colour, mec="none", rasterized=rastered)
    axes.set_xlim(ends)
    axes.set_ylim(ends)
    axes.set_aspect("equal")
    axes.set_xlabel(label)
    axes.set_ylabel("predicted")


def _smoothed(axes: Axes, t: Array, values: Array, colour: str) -> None:
    """Draw values as they are; many of them pale, beneath the mean of those around each."""
    width = len(values) // _WINDOWS
    if width < 2:
        axes.plot(t, values, color=colour, lw=0.8)
        return
    axes.plot(t, values, color=colour, lw=0.4, alpha=0.35)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    axes.plot(
        t[width // 2 :][: len(sums) - width],
        (sums[width:] - sums[:-width]) / width,
        color=colour,
        lw=1.6,
    )


def _binned(x: Array, y: Array, bins: int = 8) -> tuple[Array, Array]:
    """Means of x and medians of y in bins of equally many."""
    order = np.argsort(x)
    parts = [p for p in np.array_split(order, min(bins, max(1, len(x) // 5))) if len(p)]
    return np.array([x[p].mean() for p in parts]), np.array([np.median(y[p]) for p in parts])


def _plain(*panels: Axes) -> None:
    for panel in panels:
        panel.grid(True, which="major", color="0.9")
        panel.set_axisbelow(True)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
