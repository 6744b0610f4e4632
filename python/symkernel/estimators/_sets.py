"""Check samples that are sets of points, for the estimators."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.utils.validation import _check_y, check_consistent_length

from symkernel.kernels.ragged import Ragged, as_ragged
from symkernel.validation import check_kind, check_labels

Array = NDArray[Any]


def check_training(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    multi_output: bool = False,
    y_numeric: bool = False,
    ensure_min_samples: int = 1,
) -> tuple[Ragged, Array]:
    """Read sets and their targets; sets `n_features_in_`, the number of features of a point.

    Raises
    ------
    TypeError, ValueError
        As ``as_ragged``; for targets that are no numbers where they must be, of another number
        than the sets, or missing.
    """
    _require_host(estimator)
    sets = as_ragged(X)
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )
    if y_numeric:
        check_kind(y, "y")
    else:
        check_labels(y)
    y = _check_y(y, multi_output=multi_output, y_numeric=y_numeric, estimator=estimator)
    check_consistent_length(sets, y)
    if len(sets) < ensure_min_samples:
        raise ValueError(
            f"Found array with {len(sets)} set(s) while a minimum of {ensure_min_samples} is "
            "required"
        )
    estimator.n_features_in_ = sets.n_features
    return sets, y


def check_prediction(estimator: Any, X: Any) -> Ragged:
    """Read sets to predict for: their points have the features seen in fit.

    Raises
    ------
    TypeError, ValueError
        As ``as_ragged``, and for another number of features.
    """
    _require_host(estimator)
    sets = as_ragged(X)
    if sets.n_features != estimator.n_features_in_:
        raise ValueError(
            f"X has points of {sets.n_features} features, but {type(estimator).__name__} is "
            f"expecting {estimator.n_features_in_} features as input"
        )
    return sets


def _require_host(estimator: Any) -> None:
    if estimator.device == "cuda":
        raise ValueError(
            "device='cuda' was asked for, and sets of points are compared on the host only; use "
            "device='auto'"
        )
