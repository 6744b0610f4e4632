"""Find the continuous symmetries of a function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.lie.differentiable import as_differentiable
from symkernel.lie.discovery import Discovery
from symkernel.lie.fields import Fields
from symkernel.lie.judge import Options, everything, judge, report, sampled
from symkernel.lie.operator import as_output_action
from symkernel.lie.refits import fitted_again, given_refits
from symkernel.lie.rows import FunctionRows, Sampled
from symkernel.lie.tangent import Frame, frame_of, usual_frame
from symkernel.lie.threshold import Threshold, as_threshold
from symkernel.validation import RandomState, as_count, as_generator, as_number, as_rows

__all__ = ["discover"]

Array = NDArray[Any]

# A function whose gradient, times the spread of the samples, is below this share of its values.
_CONSTANT = 1e-10


def discover(
    model: Any,
    X: ArrayLike,
    algebra: Fields,
    *,
    output: ArrayLike | None = None,
    threshold: float | str = "auto",
    noise: float | None = None,
    y: ArrayLike | None = None,
    refits: Iterable[Any] | None = None,
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
        plus noise; with ``y`` or ``refits``, the same from those fits; for other fitted models,
        such as neural networks, the widest gap of the spectrum. See Notes.
    noise : float, optional
        Standard deviation of the noise in the targets of a kernel model; None: from its residuals.
        For other models, the relative error of their derivatives.
    y : array-like of shape (n,) or (n, p), optional
        Targets at X. A model of scikit-learn's kind is then fitted again ``n_bootstrap`` times, to
        samples drawn with replacement and with other seeds, which takes as long as that; how far
        those fits differ from the model is taken for its error.
    refits : sequence of models, optional
        At least two other fits of the same function, such as networks with other seeds, better
        also with samples drawn again, in the place of ``y``. Give one of noise, y and refits.
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
        If the model is not a function, or y is given and it cannot be fitted again.
    ValueError
        If shapes do not fit, derivatives are not finite, or there are too few samples for the
        number of fields, where the message says how many are needed; if more than one of noise, y
        and refits are given, or fewer than two refits.

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

    *What a residual is held against.* A gradient that knows nothing of the fields has the residual
    ``g = 1 / sqrt(r)`` in every direction, r the dimension of the set that the samples lie on, and
    at least ``g0 = g (1 - sqrt(q / (n p)))`` in the smallest of q directions (Marchenko and Pastur,
    1967). Gradients of a symmetric function with the relative error e leave residuals of about
    ``e g``. Three cases:

    * Errors known to make residuals up to f: symmetries lie below a threshold in the widest gap
      between 1.5 f and 4 f, and never above 0.35 or g0 / 2; what is above is none, unless it is
      below 2 f, which is undecided. With ``y`` or ``refits``, whose differences hold the errors of
      two fits, it lies between f and 1.5 f. If even the lower bound exceeds 0.35 or g0 / 2, errors
      look like any function: all below 4 f is undecided. Breaking that makes residuals below f
      does not show: the finding is "symmetric up to the errors of this model".
    * Errors not known: symmetries lie below 0.15, below g0 / 4, and below a gap of a factor of 4
      to the next residual; or all candidates lie below 0.15 and g0 / 3. Otherwise residuals below
      g / 2, which gradients wrong by half of their size can make, are undecided. This compares
      sizes and controls no error rate: a function that is nearly symmetric passes for symmetric.
      Of 100 random smooth functions with the length scale of the samples' spread, in 2 and 3
      dimensions, with so(d), linear and affine candidates, none passed with 300 samples and at most
      7 with 5 q; with ten times that length scale functions are almost linear on the samples, and
      up to 96 passed, as the symmetries of linear functions are nearly theirs.
    * Functions with exact derivatives: symmetries lie below rounding.

    If no symmetry is found and some direction is undecided, ``Discovery.name`` is "cannot tell".

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
    points = as_rows(X, "X", algebra.n_features)
    action = None if output is None else as_output_action(output, algebra.dim)
    count = as_count(n_bootstrap, "n_bootstrap", 0)
    rng = as_generator(random_state)
    given = as_threshold(threshold)
    check_noise(noise)
    if sum(source is not None for source in (noise, y, refits)) > 1:
        raise ValueError(
            "noise, y and refits each tell how sure the derivatives are; give one of them"
        )
    if len(points) < 2:
        raise ValueError(f"X must hold at least 2 samples, got {len(points)}")
    shape = tuple(np.shape(X)[1:])
    function = as_differentiable(model, points, shape)
    if refits is not None:
        function, count = given_refits(function, refits, points, shape), max(count, 1)
    elif y is not None:
        function = fitted_again(function, model, points, y, shape, count, rng)
    data = sampled(function, points)
    values = data.values
    if action is not None and action.shape[1] != values.shape[1]:
        raise ValueError(
            f"output must have shape ({algebra.dim}, {values.shape[1]}, {values.shape[1]}) for a "
            f"model of {values.shape[1]} outputs, got {action.shape}"
        )
    frame = frame_of(points, curved=modulo_normal)
    notes = []
    if not modulo_normal and not frame.is_full:
        frame = usual_frame(points)
    if not frame.is_full:
        notes.append(
            f"the samples lie on {frame.reason}: derivatives across it mean nothing, and fields "
            "are symmetries modulo its normal directions"
        )
    outputs = values.shape[1]
    maker = FunctionRows(algebra, points, frame, action, outputs)
    if action is None and _is_constant(data, frame):
        notes.append(
            "the function is constant on the samples: every field is a symmetry, which says "
            "nothing about a group"
        )
        spectrum = everything(algebra.dim)
        return report(maker, spectrum, Threshold(0.0, "the function is constant"), Counter(), notes)
    return judge(
        maker,
        data,
        function,
        Options(given, noise, count, rng),
        outputs,
        notes,
    )


def _is_constant(data: Sampled, frame: Frame) -> bool:
    change = float(np.sqrt((frame.slopes(data.jacobians) ** 2).sum(axis=(1, 2)).mean()))
    size = float(np.sqrt((data.values**2).sum(axis=1).mean()))
    return change <= _CONSTANT * size or change == 0.0


def check_noise(noise: Any) -> None:
    if noise is not None:
        as_number(noise, "noise", 0.0)
