"""Measure errors of force fields by the number of training structures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from symkernel.molecules.arguments import known_frames
from symkernel.molecules.units import Units
from symkernel.validation import as_count, as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ForceFieldCurve", "curve_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ForceFieldCurve:
    """Outcome of ``ForceField.learning_curve``.

    Attributes
    ----------
    sizes : tuple of int
        Numbers of training structures.
    energy_mae, force_mae : ndarray of shape (n_repeats, n_sizes)
        Mean absolute errors on the test structures.
    seconds : ndarray of shape (n_repeats, n_sizes)
        Of training.
    energy_unit, force_unit : str
    """

    sizes: tuple[int, ...]
    energy_mae: Array
    force_mae: Array
    seconds: Array
    energy_unit: str
    force_unit: str

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in self.__dict__.items()
        }

    def __str__(self) -> str:
        head = f"{'structures':>10}  {'E MAE, ' + self.energy_unit:>18}"
        lines = [f"{head}  {'F MAE, ' + self.force_unit:>20}  {'seconds':>8}"]
        rows = zip(
            self.sizes,
            self.energy_mae.mean(axis=0),
            self.force_mae.mean(axis=0),
            self.seconds.mean(axis=0),
            strict=True,
        )
        lines += [f"{n:>10}  {e:>18.3g}  {f:>20.3g}  {s:>8.2g}" for n, e, f, s in rows]
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Draw both errors against the number of structures; needs matplotlib."""
        from symkernel.molecules.pictures import draw_curve

        return draw_curve(self)


def curve_of(
    estimator: Any, frames: Any, sizes: Sequence[int], test: Any, n_repeats: int, units: Any
) -> ForceFieldCurve:
    """Return what ``ForceField.learning_curve`` does; the estimator is cloned."""
    data = known_frames(frames)
    held = None if test is None else known_frames(test, data.numbers)
    counts = sorted({as_count(n, "sizes") for n in sizes})
    most = len(data) - (held is None)
    if not counts or counts[-1] > most:
        raise ValueError(
            f"sizes must be up to {most}, of {len(data)} structures, got {list(sizes)}"
        )
    rng = as_generator(estimator.random_state)
    own = Units.of(units)
    energy, force, seconds = np.empty((3, n_repeats, len(counts)))
    for i in range(n_repeats):
        order = rng.permutation(len(data))
        tested = data[order[counts[-1] :]] if held is None else held
        for j, n in enumerate(counts):
            start = time.perf_counter()
            model = clone(estimator).fit(data[order[:n]])
            seconds[i, j] = time.perf_counter() - start
            scores = model.score_table(tested, own)
            energy[i, j], force[i, j] = scores.energy.mae, scores.force.mae
    return ForceFieldCurve(tuple(counts), energy, force, seconds, *own.fine[:2])
