"""Take models as functions with derivatives."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import GradientError
from symkernel.lie.kernel_models import as_kernel_model
from symkernel.lie.models import (
    ROUGH,
    DictionaryFunction,
    Differences,
    Differentiable,
    Pair,
    some_rows,
)

__all__ = ["as_differentiable"]


def as_differentiable(model: Any, X: NDArray[np.float64], shape: tuple[int, ...]) -> Differentiable:
    """Return a model as a function with derivatives.

    Parameters
    ----------
    model : object
        What ``discover`` takes.
    X : ndarray of shape (n, n_features)
        Samples, from which steps of differences are chosen.
    shape : tuple of int
        Shape of one sample as callables take it.

    Raises
    ------
    TypeError
        If it is neither a model nor a function.
    GradientError
        If derivatives are wrong or there are none.
    """

    def unflatten(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return points.reshape(len(points), *shape)

    if isinstance(model, Differentiable):
        return model
    owner = getattr(model, "__self__", None)
    if owner is not None and model == getattr(owner, "predict", None):
        model = owner  # a fitted model, not a formula
    if isinstance(model, tuple):
        if len(model) != 2 or not all(map(callable, model)):
            raise TypeError("model as a tuple must be the pair (f, df) of functions")
        pair = Pair(*model, unflatten)
        pair.check(X)
        return pair
    expansion = as_kernel_model(model, X.shape[1])
    if expansion is not None:
        return expansion
    linear = _in_dictionary(model, X.shape[1])
    if linear is not None:
        return linear
    predict = getattr(model, "predict", None)
    jacobian = getattr(model, "jacobian", None)
    if callable(predict) and callable(jacobian):
        fitted = Pair(predict, jacobian, unflatten)
        fitted.fitted = True
        return fitted
    function = predict if callable(predict) else model
    if not callable(function):
        raise TypeError(
            "model must be a fitted regressor, a function f, the pair (f, df) or a "
            f"Differentiable, got {type(model).__name__}"
        )
    # Never zero: a constant feature is stepped by its own size.
    spread = X.std(axis=0)
    scale = np.where(spread > 0, spread, np.maximum(1.0, np.abs(X).max(axis=0)))
    differences = Differences(function, unflatten, scale)
    differences.fitted = callable(predict)
    differences.jacobians(some_rows(X))
    name = type(model).__name__ if callable(predict) else "the function"
    if differences.error > ROUGH:
        raise GradientError(
            f"{name} has no derivatives: finite differences with steps h and 2 h differ by "
            f"{differences.error:.2g} of their size; give the pair (f, df), or a smooth model"
        )
    warnings.warn(
        f"derivatives of {name} are finite differences (relative error "
        f"{differences.error:.1g}); give the pair (f, df) for exact ones",
        UserWarning,
        stacklevel=3,
    )
    return differences


def _in_dictionary(model: Any, n_features: int) -> DictionaryFunction | None:
    """A fitted regressor with ``dictionary_`` and ``coef_`` of shape (m,) or (m, p); else None."""
    functions, weights = getattr(model, "dictionary_", None), getattr(model, "coef_", None)
    if functions is None or weights is None:
        return None
    function = DictionaryFunction(functions, np.asarray(weights).T, n_features)
    function.fitted = True
    return function
