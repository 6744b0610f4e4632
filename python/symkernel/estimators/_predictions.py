"""Predict for arrays of Dask chunk by chunk, when what comes is computed."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.validation import _check_n_features

from symkernel.exceptions import NotApplicableError


def map_method(
    model: Any, method: str, X: Any, tail: tuple[int, ...], dtype: Any, **options: Any
) -> Any:
    """Return what a method makes of an array of Dask, lazily, after a check of its features."""
    from symkernel.estimators import _dask  # only where an array of Dask has come

    if X.ndim < 2:
        raise ValueError(f"X must have shape (n_samples, n_features), got {tuple(X.shape)}")
    stand_in = np.broadcast_to(0.0, (1, math.prod(int(size) for size in X.shape[1:])))
    _check_n_features(model, stand_in, reset=False)
    return _dask.mapped(model, method, X, tail, dtype, **options)


def float_type(model: Any, X: Any) -> np.dtype[Any]:
    """Type of predictions: float32 where samples are so, of fit and these."""
    given = np.float32 if X.dtype == np.float32 else np.float64
    return np.result_type(given, getattr(model.X_fit_, "dtype", np.float64))


def machine_to_send(machine: Any, deviations: bool = False) -> Any:
    """Return a machine without what only standard deviations and probabilities need."""
    fitted = machine._fitted
    if fitted.spec.of_sets:
        raise NotApplicableError(
            "X is a Dask array, and a SetKernel compares sets of points: predict lists of them, "
            "with dask.delayed(model.predict)(part)"
        )
    sent = copy.copy(machine)
    if not deviations and type(fitted).__name__ == "Fitted":
        sent._fitted = replace(fitted, large=None, weights=None)
    return sent


def predict_blocks(model: Any, X: Any, return_std: bool, return_gradient: bool) -> Any:
    """Predictions of a regressor as arrays of Dask; with deviations and gradients if asked for."""
    targets = tuple(int(size) for size in model.dual_coef_.shape[1:])
    dtype = float_type(model, X)
    lean = machine_to_send(model)
    found = [map_method(lean, "predict", X, targets, dtype)]
    if return_std:
        whole = machine_to_send(model, deviations=True)
        found.append(map_method(whole, "predict", X, targets, dtype, return_std=True))
    if return_gradient:
        tail = (*targets, *(int(size) for size in X.shape[1:]))
        found.append(map_method(lean, "predict", X, tail, dtype, return_gradient=True))
    return found[0] if len(found) == 1 else tuple(found)
