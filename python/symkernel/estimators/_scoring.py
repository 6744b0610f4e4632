"""Score leave-one-out predictions, by residuals or by scorers of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import get_scorer

Array = NDArray[Any]


class _Echo(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Estimator whose predictions are its input: it lets scorers judge given predictions."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn nothing."""
        return self

    def predict(self, X: Array) -> Array:
        """Return the input."""
        return X

    def __sklearn_is_fitted__(self) -> bool:
        return True


def make_score(scoring: Any, y: Array, weights: Array | None) -> Callable[[Array], float]:
    """Make a score, as a function of the leave-one-out residuals."""
    if scoring in (None, "neg_mean_squared_error"):
        return lambda r: -float(np.average(_mean_target(r**2), weights=weights))
    if scoring == "neg_mean_absolute_error":
        return lambda r: -float(np.average(_mean_target(np.abs(r)), weights=weights))
    if not isinstance(scoring, str) and not callable(scoring):
        raise TypeError(f"scoring must be a name, a callable or None; got {scoring!r}")
    scorer = get_scorer(scoring)
    options = {} if weights is None else {"sample_weight": weights}
    return lambda r: float(scorer(_Echo(), y - r, y, **options))


def _mean_target(errors: Array) -> Array:
    return np.asarray(errors.reshape(len(errors), -1).mean(axis=1))
