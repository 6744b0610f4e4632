"""Hold a report on broken symmetry, and write it as text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symkernel.diagnostics.orbit_grid import OrbitGrid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["InvarianceReport"]

Array = NDArray[Any]

# Below this share of the error a break does not matter, above the other it does.
_IMMATERIAL, _MATERIAL = 0.01, 0.1
# A variance of which more than this share has no representation is not resolved by the grid.
_UNRESOLVED = 1e-3
# Shares from which representations are printed, and how many of them at most.
_SHOWN, _ROWS = 5e-5, 12
# Relative size of rounding: a smaller spread is none.
_ROUNDING = 1e-12

NORM = (
    "spread of a sample: root of the mean over outputs of the variance over its orbit; std: root "
    "mean square of the spreads over samples"
)


@dataclass(frozen=True, eq=False)
class InvarianceReport:
    """Outcome of ``invariance_report``.

    Attributes
    ----------
    grid : OrbitGrid
        Elements that stood for the group.
    n_samples : int
        Number of samples.
    std : float
        Root mean square over samples of the standard deviation over the orbit.
    std_interval : tuple of float
        95 % bootstrap interval of ``std`` over samples.
    mean : ndarray of shape (n, ...)
        Orbit means of the predictions: the predictions of the symmetrised model.
    spread : ndarray of shape (n,)
        Standard deviation over the orbit of each sample, root mean square over outputs.
    largest : ndarray of shape (n,)
        Largest distance of a prediction on the orbit from the orbit mean.
    by_irrep : dict of str to float
        ``std**2`` split by irreducible representation, where the grid resolves them.
    unresolved : float
        Share of the variance in representations that the grid does not resolve; nan where no
        split was made.
    error, averaged_error : dict of str to float or None
        "rmse" and "mae" of the predictions and of their orbit means, if y was given.
    orbit_error : float or None
        Root mean square error of the predictions at all images of the samples.
    share_of_error : float or None
        Share of the mean squared error over orbits that averaging would remove.
    share_interval : tuple of float or None
        95 % bootstrap interval of ``share_of_error`` over samples.
    worst : ndarray of int
        Samples of the largest spread, the worst first.
    distance_correlation : float or None
        Spearman correlation of the spread and the distance to the nearest training sample.
    spread_by_distance : ndarray of shape (4, 2) or None
        For the quarter of the samples nearest to the training samples, the next and so on: the
        largest distance, and the root mean square of the spreads.
    net_force, net_torque : float or None
        Root mean squares over samples, for forces on points in space.
    seconds, model_seconds : float
        Time of the report, and that spent in the model.
    calls : int
        Number of calls of the model.
    variation : float
        Standard deviation of the orbit means over samples, the largest over outputs.
    """

    grid: OrbitGrid
    n_samples: int
    std: float
    std_interval: tuple[float, float]
    mean: Array
    spread: Array
    largest: Array
    by_irrep: dict[str, float]
    unresolved: float
    error: dict[str, float] | None
    averaged_error: dict[str, float] | None
    orbit_error: float | None
    share_of_error: float | None
    share_interval: tuple[float, float] | None
    worst: NDArray[np.int64]
    distance_correlation: float | None
    spread_by_distance: Array | None
    net_force: float | None
    net_torque: float | None
    seconds: float
    model_seconds: float
    calls: int
    variation: float

    @property
    def too_small(self) -> bool:
        """Whether the grid is too small for the variance that it measures."""
        return self.std > 0 and self.unresolved > _UNRESOLVED

    @property
    def verdict(self) -> str:
        """What the numbers say, in one sentence."""
        if len(self.grid) == 1 and self.grid.group.order != 1:
            return "not measured: a grid of one element shows no spread"
        if self.std <= _ROUNDING * max(self.variation, float(np.abs(self.mean).max())):
            if math.isfinite(self.grid.degree):
                return f"invariant up to rounding, as far as degree {self.grid.degree:g} tells"
            return "invariant up to rounding"
        if self.share_of_error is not None:
            share = f"{self.share_of_error:.2%} of the squared error"
            if self.share_of_error < _IMMATERIAL:
                return f"broken, but it hardly matters: the break makes {share}"
            if self.share_of_error > _MATERIAL:
                return f"broken, and it matters: the break makes {share}"
            return f"broken: the break makes {share}"
        if self.variation > _ROUNDING**0.5 * self.std:
            return (
                f"broken: the spread is {self.std / self.variation:.2%} of how much orbits differ"
            )
        return "broken"

    def __str__(self) -> str:
        low, high = self.std_interval
        lines = [
            f"{self.grid.group!r}: {self.n_samples} samples, {len(self.grid)} elements "
            f"({self.grid.name})",
            f"  verdict: {self.verdict}",
            f"  std over orbits   {self.std:.4g}   95% interval {low:.4g} to {high:.4g}",
            f"  largest deviation {self.largest.max():.4g}, at sample {int(self.largest.argmax())}",
            f"  worst samples     {', '.join(map(str, self.worst.tolist()))}",
            *self._error_lines(),
            *self._irrep_lines(),
            *self._distance_lines(),
        ]
        if self.net_force is not None:
            lines.append(
                f"  net force {self.net_force:.4g}, net torque {self.net_torque:.4g} "
                "(root mean square over samples)"
            )
        lines.append(
            f"  {self.calls} calls of the model took {self.model_seconds:.3g} of "
            f"{self.seconds:.3g} s"
        )
        lines.append(f"  ({NORM})")
        return "\n".join(lines)

    def _error_lines(self) -> list[str]:
        if self.error is None or self.averaged_error is None:
            return []
        lines = []
        for word, error in (("as it is", self.error), ("averaged", self.averaged_error)):
            lines.append(f"  error {word:<11} RMSE {error['rmse']:.4g}   MAE {error['mae']:.4g}")
        if self.orbit_error is not None:
            lines.insert(1, f"  error on images   RMSE {self.orbit_error:.4g}")
        if self.share_interval is not None:
            low, high = self.share_interval
            lines.append(
                f"  averaging removes {self.share_of_error:.2%} of the squared error on images   "
                f"95% interval {low:.2%} to {high:.2%}"
            )
        return lines

    def _irrep_lines(self) -> list[str]:
        if not self.by_irrep and self.grid.group.order == 1:
            return []
        if not self.by_irrep:
            where = "random elements" if self.grid.is_random else "this group or so large a grid"
            return [f"  no split by representation over {where}"]
        total = self.std**2
        shares = {k: power / total if total else 0.0 for k, power in self.by_irrep.items()}
        shown = {k: share for k, share in shares.items() if share >= _SHOWN} or shares
        rows = sorted(shown, key=lambda k: -shares[k])[:_ROWS]
        lines = ["  share of the variance by representation"]
        lines += [f"    {name:<28} {shares[name]:7.2%}" for name in rows]
        lines.append(f"    {'not resolved by the grid':<28} {self.unresolved:7.2%}")
        if self.too_small:
            lines.append(
                "  the grid is too small for this variance: a function of degree L needs a grid "
                f"of degree 2 L, this one has {self.grid.degree:g}"
            )
        return lines

    def _distance_lines(self) -> list[str]:
        if self.spread_by_distance is None:
            return []
        quarters = ", ".join(f"{s:.3g} to {d:.3g}" for d, s in self.spread_by_distance)
        return [
            "  spread by distance to the training data, from the nearest quarter of the samples",
            f"  to the farthest: {quarters}",
            f"  (rank correlation {self.distance_correlation:.2f})",
        ]

    def plot(self) -> Figure:
        """Draw the spread of every sample, and its share by representation.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If matplotlib is not installed (the extra ``demo``).
        """
        from symkernel.diagnostics.pictures import draw_report

        return draw_report(self)
