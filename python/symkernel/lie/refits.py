"""Compare a model with other fits, to see how sure its derivatives are."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from symkernel.lie.differentiable import as_differentiable
from symkernel.lie.judge import sampled
from symkernel.lie.models import Differentiable
from symkernel.lie.rows import Sampled
from symkernel.validation import as_floats

__all__ = ["Refitted", "fitted_again", "given_refits"]

Array = NDArray[Any]

# Fits from which a typical error is read.
_LEAST = 2


class Refitted(Differentiable):
    """A model beside other fits of it, whose differences stand for its errors.

    Parameters
    ----------
    model : Differentiable
    others : list of Differentiable
        Other fits.
    what : str
        What the others are.
    """

    fitted = True
    # The differences hold the errors of both fits, root two of one or more.
    margin = (1.0, 1.5)

    def __init__(self, model: Differentiable, others: list[Differentiable], what: str) -> None:
        self._model, self._others, self._what = model, others, what
        self.error, self.how = model.error, model.how

    def values(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return F(x_i), shape (n_samples, p)."""
        return self._model.values(X)

    def jacobians(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return DF(x_i), shape (n_samples, p, n)."""
        return self._model.jacobians(X)

    def redraws(
        self, X: NDArray[np.float64], size: int, noise: float | None, rng: np.random.Generator
    ) -> list[Sampled]:
        """Return values and derivatives of the other fits."""
        found = [sampled(other, X) for other in self._others]
        outputs = self.values(X[:1]).shape[1]
        for i, other in enumerate(found):
            if other.values.shape[1] != outputs:
                raise ValueError(
                    f"refits[{i}] has {other.values.shape[1]} outputs, and the model {outputs}; "
                    "give fits of the same targets"
                )
        return found

    def cause(self, noise: float | None) -> str:
        """Tell what makes the other fits differ."""
        return f"{len(self._others)} {self._what} differ by"


def given_refits(
    function: Differentiable, refits: Any, X: NDArray[np.float64], shape: tuple[int, ...]
) -> Refitted:
    """Return a model beside fits that the user made.

    Raises
    ------
    TypeError
        If they are not models.
    ValueError
        If there are fewer than two.
    """
    if not isinstance(refits, Iterable) or isinstance(refits, str | dict):
        raise TypeError(f"refits must be a sequence of models, got {type(refits).__name__}")
    others = list(refits)
    if len(others) < _LEAST:
        raise ValueError(
            f"refits must hold at least {_LEAST} other fits of the model, got {len(others)}; five "
            "or more tell its errors well"
        )
    return Refitted(function, _differentiable(others, X, shape), "other fits")


def fitted_again(
    function: Differentiable,
    model: Any,
    X: NDArray[np.float64],
    y: Any,
    shape: tuple[int, ...],
    size: int,
    rng: np.random.Generator,
) -> Refitted:
    """Return a model beside fits to samples drawn again with replacement.

    Seeds of the model, ``random_state``, are drawn again too, so that chance in the fit shows.

    Raises
    ------
    TypeError
        If the model cannot be fitted again.
    ValueError
        If y does not fit X, is not finite, or there are fewer than two repetitions.
    """
    if not callable(getattr(model, "fit", None)) or not callable(
        getattr(model, "get_params", None)
    ):
        raise TypeError(
            "y needs a model of scikit-learn's kind, with fit and get_params, to fit it again, got "
            f"{type(model).__name__}; give other fits as refits instead"
        )
    targets = as_floats(y, "y", finite=True)
    if targets.ndim not in (1, 2) or len(targets) != len(X):
        raise ValueError(
            f"y must have shape ({len(X)},) or ({len(X)}, p), one target per sample of X, got "
            f"{targets.shape}"
        )
    if size < _LEAST:
        raise ValueError(f"n_bootstrap must be at least {_LEAST} where y is given, got {size}")
    samples = X.reshape(len(X), *shape)
    others = []
    with warnings.catch_warnings():
        # What fits have to say, such as that they stopped early, the first one has said.
        warnings.simplefilter("ignore")
        for _ in range(size):
            rows = rng.integers(0, len(X), len(X))
            again = clone(model)
            names = [n for n in again.get_params() if n.split("__")[-1] == "random_state"]
            again.set_params(**{name: int(rng.integers(2**31)) for name in names})
            others.append(again.fit(samples[rows], targets[rows]))
    return Refitted(function, _differentiable(others, X, shape), "fits to samples drawn again")


def _differentiable(
    models: list[Any], X: NDArray[np.float64], shape: tuple[int, ...]
) -> list[Differentiable]:
    with warnings.catch_warnings():  # of differences the model itself has warned
        warnings.filterwarnings("ignore", message="derivatives of", category=UserWarning)
        return [as_differentiable(model, X, shape) for model in models]
