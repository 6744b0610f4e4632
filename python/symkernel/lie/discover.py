"""Find the continuous symmetries of a function."""

from __future__ import annotations

import warnings as python_warnings
from collections import Counter
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups._checks import RandomState, as_count, as_generator
from symkernel.lie.discovery import Discovery
from symkernel.lie.fields import Fields, as_points
from symkernel.lie.models import Differentiable, GradientError, as_differentiable
from symkernel.lie.operator import as_output_action
from symkernel.lie.spectrum import (
    Rows,
    Spectrum,
    block_size,
    lie_rows,
    null_representatives,
    spectrum_of,
)
from symkernel.lie.tangent import Frame, frame_of
from symkernel.lie.threshold import Threshold, as_threshold, by_gap, by_noise, by_rounding

__all__ = ["discover"]

Array = NDArray[Any]

# A function whose gradient, times the spread of the samples, is below this share of its values.
_CONSTANT = 1e-10
# Samples of a bootstrap repetition, at most, and per field.
_RESAMPLED, _PER_FIELD = 500, 3


def discover(
    model: Any,
    X: ArrayLike,
    algebra: Fields,
    *,
    output: ArrayLike | None = None,
    threshold: float | str = "auto",
    noise: float | None = None,
    modulo_normal: bool = True,
    n_bootstrap: int = 20,
    random_state: RandomState = 0,
) -> Discovery:
    r"""Find the vector fields under which a function does not change.

    Parameters
    ----------
    model : fitted regressor, callable, pair of callables or Differentiable
        The function F. Kernel ridge regression, Gaussian processes and support vector regression,
        with kernels of this library or of scikit-learn, also behind a StandardScaler, have analytic
        derivatives; so have objects with ``predict`` and ``jacobian``, ``DictionaryFunction`` and
        the pair (f, df), where df returns (n, d) or (n, p, d). Other functions get finite
        differences, with a warning.
    X : array-like of shape (n, d) or (n, ...)
        Samples, at which the derivatives are taken; callables get them in the shape given.
    algebra : Fields
        Vector fields among which symmetries are looked for, such as ``affine(d)``.
    output : array-like of shape (q, p, p), optional
        B_q, how the p outputs move with each field of ``algebra``; None: they stay. For vectors
        that turn with the samples it is ``algebra.linear_parts``.
    threshold : float or "auto", default="auto"
        Residual in [0, sqrt 2] up to which a direction counts as a symmetry. "auto": for exact
        derivatives, rounding; for kernel ridge regression and Gaussian processes, twice the
        residual that noise and smoothing make alone, from fits to the model's own predictions
        plus noise; for other fitted models, the widest gap of the spectrum.
    noise : float, optional
        Standard deviation of the noise in the targets of a kernel model; None: from its residuals.
        For other models, the relative error of their derivatives.
    modulo_normal : bool, default=True
        Whether to look for a set that the samples lie on, flat or a level set of polynomials, and
        use derivatives along it alone.
    n_bootstrap : int, default=20
        Repetitions behind ``confidence``: fits to fresh noise, or else samples drawn again.
    random_state : int, numpy Generator, numpy RandomState or None, default=0

    Returns
    -------
    Discovery
        Dimension, generators, spectrum, threshold and its reason; prints well.

    Raises
    ------
    TypeError
        If the model is not a function.
    ValueError
        If shapes do not fit, derivatives are not finite, or there are too few samples for the
        number of fields; the message says how many are needed.

    Warns
    -----
    UserWarning
        If the samples lie on a submanifold, the function is constant on them, there are few
        samples, or derivatives are finite differences or too noisy. ``Discovery.warnings`` has the
        same texts.

    Notes
    -----
    ``L_q F(x) = DF(x) xi_q(x) - B_q F(x)`` is linear in xi. The symmetries are the combinations c
    with ``sum_i |sum_q c_q L_q F(x_i)|^2`` small against ``sum_i |DF|^2 |xi|^2 + |B F|^2``, by a
    singular value decomposition: O(n p d q + n (p + d) q^2) operations. Source: Otto, Zolman, Kutz
    and Brunton, A unified framework to enforce, discover, and promote symmetry in machine learning,
    JMLR 26 (2025).

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> f = lambda X: (X**2).sum(axis=1)
    >>> df = lambda X: 2 * X
    >>> found = lie.discover((f, df), X, lie.affine(3))
    >>> found.dimension, found.name, found.group()
    (3, 'so(3), acting on columns 0-2', SO(3))
    """
    if not isinstance(algebra, Fields):
        raise TypeError(f"algebra must be an Algebra or other Fields, got {type(algebra).__name__}")
    points = as_points(X, algebra.n_features)
    action = None if output is None else as_output_action(output, algebra.dim)
    count = as_count(n_bootstrap, "n_bootstrap", 0)
    rng = as_generator(random_state)
    given = as_threshold(threshold)
    _check_noise(noise)
    if len(points) < 2:
        raise ValueError(f"X must hold at least 2 samples, got {len(points)}")
    function = as_differentiable(model, points, tuple(np.shape(X)[1:]))
    values = function.values(points)
    jacobians = _jacobians(function, points)
    if action is not None and action.shape[1] != values.shape[1]:
        raise ValueError(
            f"output must have shape ({algebra.dim}, {values.shape[1]}, {values.shape[1]}) for a "
            f"model of {values.shape[1]} outputs, got {action.shape}"
        )
    frame = frame_of(points, curved=modulo_normal)
    notes = []
    if not modulo_normal and not frame.is_full:
        frame = _ambient(frame, points)
    if not frame.is_full:
        notes.append(
            f"the samples lie on {frame.reason}: derivatives across it mean nothing, and fields "
            "are symmetries modulo its normal directions"
        )
    rows_of = _RowsOf(algebra, points, values, action, frame)
    check_samples(len(points) * values.shape[1], algebra.dim, values.shape[1], notes)
    spectrum = spectrum_of(rows_of.blocks(jacobians), algebra.dim)
    constant = action is None and _is_constant(jacobians, values, frame)
    if constant:
        notes.append(
            "the function is constant on the samples: every field is a symmetry, which says "
            "nothing about a group"
        )
        spectrum = _all_symmetric(rows_of, algebra.dim)
    redrawn = None
    if count and not constant and function.fitted:
        redrawn = function.redraws(points, count, noise, rng)
    limit = given or _limit(function, spectrum, rows_of, jacobians, redrawn, noise)
    if limit.warning:
        notes.append(limit.warning)
    dimension = int((spectrum.values <= limit.value).sum())
    counts = _repeated(rows_of, jacobians, redrawn, limit, spectrum, count, rng)
    subspace = null_representatives(spectrum, dimension)
    for text in notes:
        python_warnings.warn(text, UserWarning, stacklevel=2)
    return Discovery(
        searched=algebra,
        singular_values=spectrum.values,
        subspace=subspace,
        algebra=algebra.combine(subspace.T),
        threshold=limit.value,
        reason=limit.reason,
        confidence=counts[dimension] / sum(counts.values()) if counts else float("nan"),
        dimensions=dict(sorted(counts.items())),
        n_samples=len(points),
        vanishing=spectrum.vanishing.shape[1],
        warnings=tuple(notes),
        points=points[:_RESAMPLED],
    )


class _RowsOf:
    """Rows of the Lie derivative for derivatives of one model or another."""

    def __init__(
        self,
        algebra: Fields,
        points: NDArray[np.float64],
        values: NDArray[np.float64],
        action: NDArray[np.float64] | None,
        frame: Frame,
    ) -> None:
        self.algebra, self.points, self.values = algebra, points, values
        self.action, self.frame = action, frame

    def at(self, jacobians: NDArray[np.float64], rows: Any) -> Rows:
        """Rows of some samples; ``jacobians`` are of all."""
        return lie_rows(
            jacobians[rows],
            self.values[rows],
            self.algebra.values(self.points[rows]),
            self.action,
            self.frame.rows(rows),
        )

    def blocks(self, jacobians: NDArray[np.float64]) -> Iterator[Rows]:
        """Rows of all samples, a block at a time."""
        width = self.points.shape[1] + self.values.shape[1]
        size = block_size(self.algebra, width)
        for start in range(0, len(self.points), size):
            yield self.at(jacobians, slice(start, start + size))

    def errors(
        self, redrawn: NDArray[np.float64], jacobians: NDArray[np.float64], spectrum: Spectrum
    ) -> NDArray[np.float64]:
        """Largest residual that each redrawn error of the derivatives makes alone."""
        found = []
        size = block_size(self.algebra, self.points.shape[1] + self.values.shape[1])
        gram = np.zeros((len(redrawn), *2 * (spectrum.vectors.shape[1],)))
        for start in range(0, len(self.points), size):
            rows = slice(start, start + size)
            # Only the part in DF: outputs that move have errors that are smaller than slopes'.
            frame = self.frame.rows(rows)
            fields = frame.components(self.algebra.values(self.points[rows]))
            moved = np.matmul(fields.transpose(0, 2, 1), spectrum.vectors)
            for b, other in enumerate(redrawn):
                error = np.matmul(frame.slopes(other[rows] - jacobians[rows]), moved)
                flat = error.reshape(-1, error.shape[-1])
                gram[b] += flat.T @ flat
        for matrix in gram:
            found.append(np.sqrt(max(0.0, float(np.linalg.eigvalsh(matrix)[-1]))))
        return np.asarray(found)


def _limit(
    function: Differentiable,
    spectrum: Spectrum,
    rows_of: _RowsOf,
    jacobians: NDArray[np.float64],
    redrawn: NDArray[np.float64] | None,
    noise: float | None,
) -> Threshold:
    if redrawn is not None and spectrum.vectors.shape[1]:
        floor = float(np.median(rows_of.errors(redrawn, jacobians, spectrum)))
        sigma = function.noise if noise is None else noise
        source = "estimated" if noise is None else "given"
        return by_noise(
            floor,
            f"noise of {sigma:.2g} in the targets ({source}) and smoothing make in fits to the "
            "model's own predictions",
        )
    if noise is not None:
        return by_noise(noise, "is the relative error given for the derivatives")
    if function.fitted:
        return by_gap(spectrum.values)
    return by_rounding(function.error, function.how)


def _repeated(
    rows_of: _RowsOf,
    jacobians: NDArray[np.float64],
    redrawn: NDArray[np.float64] | None,
    limit: Threshold,
    spectrum: Spectrum,
    count: int,
    rng: np.random.Generator,
) -> Counter[int]:
    """Number of symmetries in repetitions: fits to fresh noise, or samples drawn again."""
    dim = rows_of.algebra.dim
    found: Counter[int] = Counter()
    if redrawn is not None:
        for other in redrawn:
            values = spectrum_of(rows_of.blocks(other), dim).values
            # A fit to a fit has the errors of both.
            found[int((values <= np.sqrt(2) * limit.value).sum())] += 1
        return found
    if not len(spectrum.values) or not spectrum.values.any():
        return found
    n = len(rows_of.points)
    return resampled(lambda rows: rows_of.at(jacobians, rows), n, dim, limit.value, count, rng)


def resampled(
    rows_at: Callable[[NDArray[np.int64]], Rows],
    n: int,
    dim: int,
    limit: float,
    count: int,
    rng: np.random.Generator,
) -> Counter[int]:
    """Number of symmetries in samples drawn again with replacement."""
    size = min(n, max(_RESAMPLED, _PER_FIELD * dim))
    found: Counter[int] = Counter()
    for _ in range(count):
        values = spectrum_of([rows_at(rng.integers(0, n, size))], dim).values
        found[int((values <= limit).sum())] += 1
    return found


def _all_symmetric(rows_of: _RowsOf, dim: int) -> Spectrum:
    """Spectrum of a constant function: zeros, for all fields that do not vanish."""
    slopes = np.ones((len(rows_of.points), 1, rows_of.points.shape[1]))
    found = spectrum_of(rows_of.blocks(slopes), dim)
    return Spectrum(0.0 * found.values, found.vectors, found.vanishing, found.normal)


def _is_constant(jacobians: NDArray[np.float64], values: NDArray[np.float64], frame: Frame) -> bool:
    change = float(np.sqrt((frame.slopes(jacobians) ** 2).sum(axis=(1, 2)).mean()))
    size = float(np.sqrt((values**2).sum(axis=1).mean()))
    return change <= _CONSTANT * size or change == 0.0


def _jacobians(function: Differentiable, points: NDArray[np.float64]) -> NDArray[np.float64]:
    jacobians = function.jacobians(points)
    bad = ~np.isfinite(jacobians).all(axis=(1, 2))
    if bad.any():
        raise GradientError(
            f"derivatives of the model are not finite at {int(bad.sum())} of {len(points)} "
            f"samples, first at sample {int(np.argmax(bad))}"
        )
    return jacobians


def _ambient(frame: Frame, points: NDArray[np.float64]) -> Frame:
    """Coordinates of all of the space, where the samples do not span it: the usual ones."""
    d = points.shape[1]
    spread = float(np.sqrt(points.var(axis=0).mean())) or 1.0
    return Frame(np.eye(d) / spread, np.eye(d) * spread, d)


def check_samples(rows: int, dim: int, outputs: int, notes: list[str]) -> None:
    """Raise if there are fewer equations than fields, and note it if hardly more.

    Raises
    ------
    ValueError
        If a field would be a symmetry for want of samples.
    """
    needed = -(-dim // outputs)
    if rows < dim:
        raise ValueError(
            f"X has {rows // outputs} samples, too few for {dim} vector fields: combinations would "
            f"be symmetries by chance. At least {needed} samples are needed, better {2 * needed}"
        )
    if rows < 2 * dim:
        notes.append(
            f"{rows // outputs} samples are few for {dim} vector fields; {2 * needed} or more make "
            "chance symmetries unlikely"
        )


def _check_noise(noise: Any) -> None:
    if noise is None:
        return
    if not isinstance(noise, Real) or isinstance(noise, bool):
        raise TypeError(f"noise must be None or a number, got {noise!r}")
    if not 0 <= float(noise) < np.inf:
        raise ValueError(f"noise must be finite and at least 0, got {noise!r}")
