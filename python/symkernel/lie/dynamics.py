"""Find the symmetries of dynamics, from states and their time derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.lie.dictionary import Dictionary, as_dictionary, monomials
from symkernel.lie.differentiable import as_differentiable
from symkernel.lie.discover import check_noise
from symkernel.lie.discovery import Discovery
from symkernel.lie.fields import Fields
from symkernel.lie.judge import Options, judge, sampled
from symkernel.lie.models import Differentiable
from symkernel.lie.rows import DynamicsRows, Sampled
from symkernel.lie.tangent import frame_of, usual_frame
from symkernel.lie.threshold import as_threshold
from symkernel.validation import RandomState, as_count, as_floats, as_generator, as_rows

__all__ = ["discover_dynamics"]

Array = NDArray[Any]

# Degrees of monomials that are tried, the residual at which a fit counts as exact, and the share of
# the number of samples that the number of functions may be.
_DEGREES, _EXACT, _SHARE = range(1, 6), 1e-7, 1 / 4
# Share of the spread of dX that a dictionary may leave unexplained without a warning.
_POOR = 0.1


class FittedDictionary(Differentiable):
    """Least squares fit of dX in a dictionary: xdot = W phi(x)."""

    fitted = True
    how = "analytic, from the dictionary"

    def __init__(
        self, dictionary: Dictionary, X: NDArray[np.float64], dX: NDArray[np.float64]
    ) -> None:
        self.dictionary = dictionary
        phi = dictionary.values(X)
        if len(X) < 2 * phi.shape[1]:
            raise ValueError(
                f"X has {len(X)} samples, too few for a dictionary of {phi.shape[1]} functions: at "
                f"least {2 * phi.shape[1]} are needed"
            )
        # Functions of size one, or the small ones would be cut off by rounding.
        self._scale = np.sqrt((phi**2).mean(axis=0))
        self._scale[self._scale == 0] = 1.0
        self._phi = phi / self._scale
        self._weights = np.linalg.lstsq(self._phi, dX, rcond=1e-13)[0]
        left = dX - self._phi @ self._weights
        freedom = len(X) - phi.shape[1]
        self._noise = float(np.sqrt((left**2).sum() / (freedom * dX.shape[1])))
        spread = float(np.sqrt((dX**2).mean()))
        self.residual = self._noise / spread if spread > 0 else 0.0
        self.error = max(1e-11, self.residual)

    @property
    def noise(self) -> float | None:
        """Standard deviation of what the dictionary leaves of dX."""
        return self._noise

    def values(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the velocities, shape (n, d)."""
        return np.asarray(self.dictionary.values(X) / self._scale @ self._weights)

    def jacobians(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the derivatives of the velocities, shape (n, d, d)."""
        return self._slopes(X, self._weights)

    def _slopes(self, X: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        slopes = self.dictionary.jacobians(X) / self._scale[:, None]
        return np.asarray(np.matmul(weights.T, slopes))

    @cached_property
    def _solver(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.pinv(self._phi, rcond=1e-13))

    def redraws(
        self, X: NDArray[np.float64], size: int, noise: float | None, rng: np.random.Generator
    ) -> list[Sampled] | None:
        """Yield fits to the velocities plus fresh noise; see ``Differentiable``."""
        sigma = self._noise if noise is None else noise
        if sigma <= _EXACT * float(np.sqrt((self.values(X) ** 2).mean())):
            return None
        phi = self.dictionary.values(X) / self._scale
        found = []
        for _ in range(size):
            step = self._solver @ (
                sigma * rng.standard_normal((len(self._phi), self._weights.shape[1]))
            )
            weights = self._weights + step
            found.append(Sampled(phi @ weights, self._slopes(X, weights)))
        return found


def discover_dynamics(
    X: ArrayLike | Sequence[ArrayLike],
    dX: ArrayLike | Sequence[ArrayLike],
    algebra: Fields,
    dictionary: Any = None,
    *,
    model: Any = None,
    threshold: float | str = "auto",
    noise: float | None = None,
    n_bootstrap: int = 20,
    random_state: RandomState = 0,
) -> Discovery:
    r"""Find the vector fields whose flows take solutions of xdot = F(x) to solutions.

    Parameters
    ----------
    X : array-like of shape (n, d) or (runs, times, d), or iterable of arrays (times, d)
        States, as pysindy takes them.
    dX : like X
        Their time derivatives.
    algebra : Fields
        Vector fields among which symmetries are looked for.
    dictionary : Dictionary or object with values(X) and jacobians(X), optional
        Functions of which F is a combination, fitted by least squares. None: monomials of the
        lowest degree up to 5 that fits exactly, or of the degree that leaves least in every fourth
        sample, held out.
    model : fitted regressor, callable, pair or Differentiable, optional
        F itself, in place of a dictionary; see ``discover``.
    threshold, noise, n_bootstrap, random_state
        As in ``discover``; ``noise`` is the standard deviation of dX about the fit.

    Returns
    -------
    Discovery
        The residual of a direction is the root mean square of the bracket over that of
        |DF| |xi| and |D xi| |F|.

    Raises
    ------
    ValueError
        If shapes or runs do not fit, numbers are not finite, there are too few samples, or both a
        dictionary and a model are given.

    Warns
    -----
    UserWarning
        If the dictionary leaves more than a tenth of dX, or states lie on a subspace.

    Notes
    -----
    A symmetry satisfies ``DF(x) xi(x) - D xi(x) F(x) = 0``. Finite symmetries have no vector
    field and do not show: reflections and turns by fixed angles are none. For linear dynamics all
    linear fields that commute with F are symmetries, F itself among them.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> X = np.random.default_rng(0).standard_normal((200, 2))
    >>> x, y = X.T
    >>> r2 = x**2 + y**2
    >>> dX = np.stack([x - y - x * r2, x + y - y * r2], axis=1)
    >>> found = lie.discover_dynamics(X, dX, lie.affine(2))
    >>> found.name
    'so(2), acting on columns 0-1'
    """
    if not isinstance(algebra, Fields):
        raise TypeError(f"algebra must be an Algebra or other Fields, got {type(algebra).__name__}")
    points, speeds = _together(X, dX, algebra.n_features)
    if len(points) < 2:
        raise ValueError(f"X must hold at least 2 states, got {len(points)}")
    if dictionary is not None and model is not None:
        raise ValueError("give a dictionary or a model, not both")
    check_noise(noise)
    count = as_count(n_bootstrap, "n_bootstrap", 0)
    options = Options(as_threshold(threshold), noise, count, as_generator(random_state))
    notes: list[str] = []
    function: Differentiable
    if model is not None:
        function = as_differentiable(model, points, points.shape[1:])
    else:
        fit = _fit(points, speeds, dictionary)
        if fit.residual > _POOR:
            notes.append(
                f"the dictionary leaves {fit.residual:.0%} of dX unexplained: symmetries are those "
                "of the fit; give functions that fit, or a model"
            )
        function = fit
    data = sampled(function, points)
    if data.values.shape != speeds.shape:
        raise ValueError(f"the model must return {speeds.shape[1]} velocities per state")
    if model is not None:
        apart = np.sqrt(((data.values - speeds) ** 2).mean())
        if apart > _POOR * np.sqrt((speeds**2).mean()):
            notes.append("the model does not fit dX: symmetries are those of the model")
    frame = frame_of(points, curved=False)
    if not frame.is_full:
        notes.append(
            f"the states lie on {frame.reason}: what dynamics do off it is not known, and "
            "symmetries that leave it are spurious"
        )
        frame = usual_frame(points)
    maker = DynamicsRows(algebra, points, frame)
    if isinstance(function, FittedDictionary) and function.residual <= _EXACT:
        function.fitted = False
    return judge(maker, data, function, options, points.shape[1], notes)


def _fit(X: NDArray[np.float64], dX: NDArray[np.float64], dictionary: Any) -> FittedDictionary:
    d = X.shape[1]
    if dictionary is not None:
        return FittedDictionary(as_dictionary(dictionary, d), X, dX)
    held = np.arange(len(X)) % 4 == 3
    best, least = monomials(1, d), np.inf
    for degree in _DEGREES:
        terms = monomials(degree, d)
        if terms.n_terms > _SHARE * len(X):
            break
        fit = FittedDictionary(terms, X[~held], dX[~held])
        left = float(((fit.values(X[held]) - dX[held]) ** 2).mean())
        if left < 0.5 * least:
            best, least = terms, left
        if fit.residual <= _EXACT:
            break
    return FittedDictionary(best, X, dX)


def _runs(states: Any, name: str, d: int) -> list[NDArray[np.float64]]:
    """Return runs of states, each (times, d); one array (n, d) is a single run."""
    if not hasattr(states, "ndim") and isinstance(states, Iterable):
        states = list(states)
    apart = isinstance(states, list) and len({np.shape(run) for run in states}) > 1
    if apart or (isinstance(states, np.ndarray) and states.dtype == object and states.ndim == 1):
        return [_rows(run, f"{name}[{i}]", d) for i, run in enumerate(states)]
    array = as_floats(states, name)
    if array.ndim < 2 or array.shape[-1] != d:
        raise ValueError(
            f"{name} must have shape (n, {d}) or (runs, times, {d}), got {array.shape}"
        )
    runs = array[None] if array.ndim == 2 else array.reshape(-1, *array.shape[-2:])
    return [as_rows(run, name, d) for run in runs]


def _rows(run: Any, name: str, d: int) -> NDArray[np.float64]:
    return as_rows(run, name, d, flatten=False)


def _together(X: Any, dX: Any, d: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return states and velocities as arrays (n, d), of runs that match one by one."""
    runs, speeds = _runs(X, "X", d), _runs(dX, "dX", d)
    if len(runs) != len(speeds):
        raise ValueError(f"X has {len(runs)} runs and dX has {len(speeds)}; they must match")
    for i, (run, speed) in enumerate(zip(runs, speeds, strict=True)):
        if len(run) != len(speed):
            raise ValueError(
                f"dX must have the shape of X: run {i} has {len(run)} states in X and "
                f"{len(speed)} velocities in dX"
            )
    if not runs:
        raise ValueError("X must hold at least 2 states, got no run")
    return np.concatenate(runs), np.concatenate(speeds)
