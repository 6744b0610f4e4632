"""Decide which residuals count as zero: by rounding, by noise, or by the gap in the spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Generic",
    "Threshold",
    "as_threshold",
    "by_gap",
    "by_noise",
    "by_rounding",
    "generic_residuals",
]

Array = NDArray[Any]

# Multiples of what errors alone make, between which the threshold is put into the widest gap.
_MARGIN = (1.5, 4.0)
# Multiple of what errors make, below which a direction that no gap sets apart is undecided.
_HIDDEN = 2.0
# Residuals above this are no symmetry, whatever the noise.
_LARGEST = 0.35
# Smallest gap, and largest residual below it, that tell symmetries of a fitted model.
_GAP, _BELOW = 4.0, 0.15
# The same gap where all candidates are symmetries, which chance makes more rarely.
_APART = 3.0
# Rounding: analytic derivatives of sums of thousands of terms.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Generic:
    """Residuals of a function that knows nothing of the fields.

    A gradient of random direction in r dimensions has the mean squared cosine 1 / r with any field,
    so that every direction has the residual ``1 / sqrt(r)``. Of q directions on N rows, the
    smallest has ``(1 - sqrt(q / N)) / sqrt(r)`` (the lower edge of Marchenko and Pastur, 1967).

    Attributes
    ----------
    typical : float
        Residual of one direction; sqrt 2, the largest there is, where it is not known.
    least : float
        Smallest residual of all directions.
    """

    typical: float = float(np.sqrt(2))
    least: float = float(np.sqrt(2))


def generic_residuals(dimension: int, directions: int, rows: int) -> Generic:
    """Return the residuals of a generic function in so many dimensions."""
    typical = 1 / np.sqrt(max(1, dimension))
    return Generic(
        float(typical), float(typical * max(0.0, 1 - np.sqrt(directions / max(1, rows))))
    )


@dataclass(frozen=True)
class Threshold:
    """Residual up to which a direction is a symmetry, and why.

    Attributes
    ----------
    value : float
    reason : str
    warning : str
    unsure : float
        Residual up to which directions above ``value`` may be symmetries too: no one can tell.
    """

    value: float
    reason: str
    warning: str = ""
    unsure: float = 0.0


def as_threshold(value: Any) -> Threshold | None:
    """Return a user's threshold; None for "auto".

    Raises
    ------
    TypeError, ValueError
        If it is neither "auto" nor a number in [0, sqrt 2].
    """
    if isinstance(value, str):
        if value != "auto":
            raise ValueError(f"threshold must be 'auto' or a number, got {value!r}")
        return None
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"threshold must be 'auto' or a number, got {value!r}")
    if not 0 <= float(value) <= np.sqrt(2):
        raise ValueError(f"threshold must be in [0, sqrt 2], got {value}")
    return Threshold(float(value), "given")


def by_rounding(error: float, how: str) -> Threshold:
    """Return the threshold of exact derivatives: a hundred times their relative error."""
    value = max(_ROUNDING, 100 * error)
    return Threshold(
        min(value, _LARGEST), f"derivatives are {how}, with a relative error of {error:.1g}"
    )


def by_noise(
    floor: float,
    cause: str,
    values: NDArray[np.float64],
    generic: Generic = Generic(),
    margin: tuple[float, float] = _MARGIN,
) -> Threshold:
    """Return the threshold from the residual that errors alone make, a few times that.

    Errors have a spread, and fits have a bias of their own: within the margin the widest gap of
    the spectrum decides. Errors that make residuals like those of a generic function hide
    symmetries and feign them: then nothing is claimed.
    """
    largest = min(_LARGEST, generic.least / 2)
    if margin[0] * floor > largest:
        return Threshold(
            0.0,
            f"no symmetry is claimed: {floor:.2g}, which {cause}",
            "the derivatives are too noisy to tell symmetries from chance: errors alone make "
            f"residuals of {floor:.2g}, so that none is claimed; use more samples, a smoother "
            "model, or give threshold",
            unsure=_MARGIN[1] * floor,
        )
    low, high = (max(_ROUNDING, min(largest, m * floor)) for m in margin)
    inside = values[(values > low) & (values < high)]
    edges = np.concatenate([[low], inside, [high]])
    least = max(_ROUNDING, floor)  # residuals below what errors make are all alike
    s = np.concatenate([[least], values[values > least], [np.sqrt(2)]])
    places = np.clip(np.searchsorted(s, edges[:-1], side="right"), 1, len(s) - 1)
    at = int(np.argmax(s[places] / s[places - 1]))
    value = float(np.sqrt(edges[at] * edges[at + 1]))
    reason = f"{value / floor:.2g} times the {floor:.2g}, which {cause}" if floor else cause
    return Threshold(value, reason, unsure=_HIDDEN * floor)


def by_gap(values: NDArray[np.float64], generic: Generic) -> Threshold:
    """Return the threshold in the widest gap of a spectrum whose errors are not known.

    The spectrum ends with the least residual of a generic function, so that a gap below that counts
    where all candidates are symmetries. Whatever the gap, symmetries lie as far below it.
    Where there are none, gradients with an error of half their size would hide symmetries up to
    half of the typical residual.
    """
    s = np.maximum(np.append(values, generic.least), _ROUNDING)
    ratios = s[1:] / s[:-1]
    needed = np.where(np.arange(len(ratios)) < len(values) - 1, _GAP, _APART)
    below = np.maximum(_ROUNDING, np.minimum(_BELOW, generic.least / needed))
    ratios = np.where((s[:-1] <= below) & (ratios >= needed), ratios, 0.0)
    if ratios.any():
        at = int(np.argmax(ratios))
        place = (
            "in the widest gap of the spectrum"
            if at + 1 < len(values)
            else f"in the gap below the {generic.least:.2g} of a generic function"
        )
        return Threshold(
            float(np.sqrt(s[at] * s[at + 1])),
            f"{place}, a factor of {ratios[at]:.2g}; the noise is not known",
        )
    return Threshold(
        _ROUNDING,
        f"the noise is not known, and no gap in the spectrum exceeds {_GAP:g}",
        unsure=generic.typical / 2,
    )
