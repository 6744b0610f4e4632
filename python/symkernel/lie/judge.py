"""Judge rows of the Lie derivative: the spectrum, its threshold, and how stable it is."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import GradientError
from symkernel.lie.discovery import Discovery
from symkernel.lie.models import Differentiable
from symkernel.lie.rows import RowMaker, Sampled
from symkernel.lie.spectrum import Spectrum, null_representatives, spectrum_of
from symkernel.lie.threshold import Threshold, by_gap, by_noise, by_rounding, generic_residuals

__all__ = ["Options", "check_samples", "everything", "judge", "report", "resampled", "sampled"]

Array = NDArray[Any]

# Samples of a bootstrap repetition: at least so many, and so many per field.
_RESAMPLED, _PER_FIELD = 500, 3
# Agreement of repetitions below which the outcome is called uncertain.
_SURE = 0.5


@dataclass(frozen=True)
class Options:
    """What the user said about the threshold and the repetitions."""

    threshold: Threshold | None
    noise: float | None
    n_bootstrap: int
    rng: np.random.Generator


def judge(
    maker: RowMaker,
    data: Sampled,
    function: Differentiable,
    options: Options,
    outputs: int,
    notes: list[str],
) -> Discovery:
    """Decide which directions are symmetries of a function.

    Parameters
    ----------
    maker : RowMaker
    data : Sampled
        The function at the samples.
    function : Differentiable
        Tells how accurate its derivatives are.
    options : Options
    outputs : int
        Number of equations per sample.
    notes : list of str
        Warnings so far.

    Returns
    -------
    Discovery
    """
    check_samples(len(maker.points), maker.algebra.dim, outputs, notes)
    spectrum = spectrum_of(maker.blocks(data), maker.algebra.dim)
    redrawn = None
    if options.n_bootstrap and function.fitted and len(spectrum.values):
        redrawn = function.redraws(maker.points, options.n_bootstrap, options.noise, options.rng)
    limit = options.threshold or _limit(
        maker, data, function, spectrum, redrawn, options.noise, outputs
    )
    if redrawn is not None:
        notes += [function.caveat] * bool(function.caveat and options.noise is None)
        counts: Counter[int] = Counter()
        for other in redrawn:
            values = spectrum_of(maker.blocks(other), maker.algebra.dim).values
            # A fit to a fit has the errors of both.
            counts[int((values <= np.sqrt(2) * limit.value).sum())] += 1
    else:
        counts = resampled(maker, data, limit, options)
    return report(maker, spectrum, limit, counts, notes, above=4)


def report(
    maker: RowMaker,
    spectrum: Spectrum,
    limit: Threshold,
    counts: Counter[int],
    notes: list[str],
    above: int = 3,
) -> Discovery:
    """Return the outcome, and issue its warnings for the caller so many calls above."""
    notes = notes + [limit.warning] * bool(limit.warning)
    dimension = int((spectrum.values <= limit.value).sum())
    undecided = max(0, int((spectrum.values <= limit.unsure).sum()) - dimension)
    confidence = counts[dimension] / sum(counts.values()) if counts else float("nan")
    if confidence < _SURE:
        others = ", ".join(f"{k} ({c} times)" for k, c in counts.most_common(3))
        notes.append(
            f"the number of symmetries is uncertain: {dimension} were found here, and {others} in "
            "repetitions; look at singular_values"
        )
    subspace = null_representatives(spectrum, dimension)
    for text in notes:
        warnings.warn(text, UserWarning, stacklevel=above)
    return Discovery(
        searched=maker.algebra,
        singular_values=spectrum.values,
        subspace=subspace,
        algebra=maker.algebra.combine(subspace.T),
        threshold=limit.value,
        reason=limit.reason,
        confidence=confidence,
        dimensions=dict(sorted(counts.items())),
        n_samples=len(maker.points),
        vanishing=spectrum.vanishing.shape[1],
        undecided=undecided,
        warnings=tuple(notes),
        points=maker.points[:_RESAMPLED],
    )


def sampled(function: Differentiable, points: NDArray[np.float64]) -> Sampled:
    """Return values and derivatives at samples.

    Raises
    ------
    GradientError
        If a derivative is not finite.
    """
    values, jacobians = function.values(points), function.jacobians(points)
    bad = ~np.isfinite(jacobians).all(axis=(1, 2))
    if bad.any():
        raise GradientError(
            f"derivatives of the model are not finite at {int(bad.sum())} of {len(points)} "
            f"samples, first at sample {int(np.argmax(bad))}"
        )
    return Sampled(values, jacobians)


def resampled(maker: RowMaker, data: Sampled, limit: Threshold, options: Options) -> Counter[int]:
    """Count the symmetries in samples drawn again with replacement."""
    n, dim = len(maker.points), maker.algebra.dim
    size = min(n, max(_RESAMPLED, _PER_FIELD * dim))
    counts: Counter[int] = Counter()
    for _ in range(options.n_bootstrap):
        rows = options.rng.integers(0, n, size)
        values = spectrum_of([maker.at(data, rows)], dim).values
        counts[int((values <= limit.value).sum())] += 1
    return counts


def everything(dim: int) -> Spectrum:
    """Return the spectrum of a function that every field leaves alone."""
    return Spectrum(np.zeros(dim), np.eye(dim), np.zeros((dim, 0)), np.zeros((0, dim)))


def check_samples(n: int, dim: int, outputs: int, notes: list[str]) -> None:
    """Raise if there are fewer equations than fields, and note it if hardly more.

    Raises
    ------
    ValueError
        If a field would be a symmetry for want of samples.
    """
    needed = -(-dim // outputs)
    if n * outputs < dim:
        raise ValueError(
            f"X has {n} samples, too few for {dim} vector fields: combinations would be "
            f"symmetries by chance. At least {needed} samples are needed, better {2 * needed}"
        )
    if n * outputs < 2 * dim:
        notes.append(
            f"{n} samples are few for {dim} vector fields; {2 * needed} or more make chance "
            "symmetries unlikely"
        )


def _limit(
    maker: RowMaker,
    data: Sampled,
    function: Differentiable,
    spectrum: Spectrum,
    redrawn: list[Sampled] | None,
    noise: float | None,
    outputs: int,
) -> Threshold:
    generic = generic_residuals(
        maker.frame.dimension, len(spectrum.values), len(maker.points) * outputs
    )
    if redrawn is not None:
        errors = [other - data for other in redrawn]
        floor = float(np.median(maker.alone(errors, spectrum.vectors)))
        cause = function.cause(noise)
        return by_noise(floor, cause, spectrum.values, generic, function.margin)
    if noise is not None:
        return by_noise(noise, "is given for the derivatives", spectrum.values, generic)
    if function.fitted:
        return by_gap(spectrum.values, generic)
    return by_rounding(function.error, function.how)
