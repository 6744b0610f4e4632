"""Differentiate models: what the Lie derivative needs of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.exceptions import GradientError
from symkernel.lie.dictionary import as_dictionary
from symkernel.lie.rows import Sampled
from symkernel.validation import as_array

__all__ = ["DictionaryFunction", "Differentiable"]

Array = NDArray[Any]

# Rounding of analytic gradients, relative to their size.
_EXACT = 1e-11
# Steps of finite differences, relative to the spread of a feature: cube root of rounding, doubled
# once for the check.
_STEP = 2e-5
#: Disagreement of two steps above which differences are no derivatives.
ROUGH = 1e-2
# Points at which a user's gradient is compared with differences.
_CHECKED = 16


class Differentiable(ABC):
    """A function R^n -> R^p with derivatives.

    Attributes
    ----------
    error : float
        Relative error of the derivatives that rounding or differences cause.
    how : str
        Where the derivatives come from.
    fitted : bool
        Whether the function was fitted to data, so that a true symmetry holds only about.
    margin : tuple of float
        Multiples of the residual that redraws show, between which the threshold is sought.
    """

    error: float = _EXACT
    fitted: bool = False
    how: str = "analytic"
    # Errors have a spread, and smoothing adds a bias that redraws show in part.
    margin: tuple[float, float] = (1.5, 4.0)

    @abstractmethod
    def values(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return F(x_i), shape (n_samples, p)."""

    @abstractmethod
    def jacobians(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return DF(x_i), shape (n_samples, p, n)."""

    def redraws(
        self, X: NDArray[np.float64], size: int, noise: float | None, rng: np.random.Generator
    ) -> list[Sampled] | None:
        """Yield values and derivatives at X of fits to the own predictions plus fresh noise.

        Their distance from the model's is what noise and smoothing do together. None where the
        model does not tell.
        """
        return None

    @property
    def noise(self) -> float | None:
        """Standard deviation of the noise in the targets, where the model tells; else None."""
        return None

    @property
    def caveat(self) -> str:
        """What makes the derivatives doubtful beyond the noise; an empty string if nothing."""
        return ""

    def cause(self, noise: float | None) -> str:
        """Tell what makes the redraws differ from the model, after "which", with a verb."""
        sigma = self.noise if noise is None else noise
        source = "estimated" if noise is None else "given"
        return f"noise of {sigma:.2g} in the targets ({source}) and smoothing make"


class DictionaryFunction(Differentiable):
    """The function F(x) = W phi(x) of a dictionary.

    Parameters
    ----------
    dictionary : Dictionary or object with values(X) and jacobians(X)
        phi, m functions.
    weights : array-like of shape (m,) or (p, m)
        W.
    n_features : int, optional
        Needed where the dictionary does not know it.

    Raises
    ------
    ValueError
        If the weights do not fit the dictionary or are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> from symkernel.lie.models import DictionaryFunction
    >>> F = DictionaryFunction(lie.monomials(2, 2), [0.0, 0.0, 0.0, 1.0, 0.0, 1.0])
    >>> F.values(np.array([[3.0, 4.0]])), F.jacobians(np.array([[3.0, 4.0]]))
    (array([[25.]]), array([[[6., 8.]]]))
    """

    how = "analytic, from the dictionary"

    def __init__(self, dictionary: Any, weights: ArrayLike, n_features: int | None = None) -> None:
        n = dictionary.n_features if n_features is None else n_features
        self.dictionary = as_dictionary(dictionary, n)
        self.weights = np.atleast_2d(np.asarray(as_array(weights, "weights"), np.float64))
        if self.weights.ndim != 2 or self.weights.shape[1] != self.dictionary.n_terms:
            raise ValueError(
                f"weights must have shape (m,) or (p, m) with m = {self.dictionary.n_terms}, got "
                f"{np.shape(weights)}"
            )
        if not np.isfinite(self.weights).all():
            raise ValueError("weights contain NaN or infinity")

    def values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return F(x_i), shape (n_samples, p)."""
        return np.asarray(self.dictionary.values(X) @ self.weights.T)

    def jacobians(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return DF(x_i), shape (n_samples, p, n)."""
        return np.asarray(
            np.tensordot(self.weights, self.dictionary.jacobians(X), ([1], [1]))
        ).transpose(1, 0, 2)


class Pair(Differentiable):
    """A function and its derivatives, as the user gives them."""

    how = "given"

    def __init__(self, f: Callable[..., Any], df: Callable[..., Any], unflatten: Any) -> None:
        self._f, self._df, self._unflatten = f, df, unflatten

    def values(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return F(x_i), shape (n_samples, p)."""
        return as_values(self._f(self._unflatten(X)), len(X))

    def jacobians(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return DF(x_i), shape (n_samples, p, n)."""
        p = self.values(X[:1]).shape[1]
        slopes = np.asarray(self._df(self._unflatten(X)), dtype=np.float64)
        if slopes.size != len(X) * p * X.shape[1] or len(slopes) != len(X):
            raise GradientError(
                f"the gradient must have shape ({len(X)}, {X.shape[1]}) or "
                f"({len(X)}, {p}, {X.shape[1]}), got {slopes.shape}"
            )
        return slopes.reshape(len(X), p, X.shape[1])

    def check(self, X: NDArray[np.float64]) -> None:
        """Raise GradientError if the derivatives are not those of the function."""
        rows = some_rows(X)
        compared = Differences(self._f, self._unflatten, np.maximum(X.std(axis=0), 1e-8))
        given, found = self.jacobians(rows), compared.jacobians(rows)
        apart = np.linalg.norm(given - found, axis=(1, 2))
        size = np.linalg.norm(found, axis=(1, 2)).max()
        if size > 0 and np.median(apart) > ROUGH * size:
            raise GradientError(
                "the gradient is not that of the function: it differs from finite differences by "
                f"{np.median(apart) / size:.2g} of its size"
            )


class Differences(Differentiable):
    """Central differences of a function with two steps, the second as a check."""

    how = "finite differences"

    def __init__(self, f: Callable[..., Any], unflatten: Any, scale: NDArray[np.float64]) -> None:
        self._f, self._unflatten, self._scale = f, unflatten, scale
        self.error = 1e-9

    def values(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return F(x_i), shape (n_samples, p)."""
        return as_values(self._f(self._unflatten(X)), len(X))

    def jacobians(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return DF(x_i), shape (n_samples, p, n); sets ``error`` to the steps' disagreement."""
        fine, coarse = self._central(X, _STEP), self._central(X, 2 * _STEP)
        # Richardson: the error of a step h is about a third of the change from 2 h to h.
        slopes: NDArray[np.float64] = fine + (fine - coarse) / 3
        weight = self._scale
        size = float(np.sqrt(np.mean((slopes * weight) ** 2)))
        change = float(np.sqrt(np.mean(((fine - coarse) * weight) ** 2)))
        self.error = max(1e-9, change / size) if size > 0 else 1e-9
        return slopes

    def _central(self, X: NDArray[np.float64], step: float) -> NDArray[np.float64]:
        slopes = []
        for j, scale in enumerate(self._scale):
            ahead, behind = X.copy(), X.copy()
            ahead[:, j] += step * scale
            behind[:, j] -= step * scale
            width = (ahead[:, j] - behind[:, j])[:, None]  # as rounded
            slopes.append((self.values(ahead) - self.values(behind)) / width)
        return np.stack(slopes, axis=-1)


def as_values(result: Any, n: int) -> NDArray[np.float64]:
    """Return what a function gave as finite rows (n, p).

    Raises
    ------
    ValueError
        If it has not one row per sample, or is not finite.
    """
    found = np.asarray(result, dtype=np.float64)
    if found.ndim == 0 or len(found) != n:
        raise ValueError(f"the model must return one row per sample, {n}, got {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError("the model returned NaN or infinity")
    return found.reshape(n, -1)


def some_rows(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at most 16 of the samples, spread over all of them."""
    return X[:: max(1, len(X) // _CHECKED)][:_CHECKED]
