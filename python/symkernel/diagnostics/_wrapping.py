"""Check samples for estimators that wrap others, as scikit-learn does, of any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags, get_tags

from symkernel.validation import as_floats, check_data, check_kind

__all__ = ["Frame", "as_given", "checked_samples", "draw_seed", "kept_state", "wrapped_tags"]


Array = NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """What kind of data frame samples came in, to hand their images to a model in the same.

    Parameters
    ----------
    kind : type
        Of pandas or polars.
    columns : tuple of str
    """

    kind: type
    columns: tuple[Any, ...]

    @classmethod
    def of(cls, X: Any) -> Frame | None:
        """Return the kind of a data frame; None for what is none."""
        columns = getattr(X, "columns", None)
        if columns is None or not all(isinstance(c, str | int | tuple) for c in columns):
            return None
        return cls(type(X), tuple(columns))

    def filled(self, rows: Array) -> Any:
        """Return a data frame that holds rows (n, n_features)."""
        word = "schema" if hasattr(self.kind, "schema") else "columns"
        return self.kind(rows, **{word: list(self.columns)})


def as_given(frame: Frame | None, samples: Array) -> Any:
    """Return samples in a data frame where they came in one, else as they are."""
    return samples if frame is None else frame.filled(samples)


def checked_samples(wrapper: Any, X: Any, *, reset: bool) -> NDArray[Any]:
    """Check samples as an array (n, ...) as scikit-learn does, and remember their features.

    The estimator inside is given what came in fit, in predictions at images too: a data frame of
    the same columns (``Frame``), or arrays.

    Parameters
    ----------
    wrapper : estimator
        Learns ``n_features_in_`` and ``feature_names_in_`` if ``reset``, and is compared with them
        otherwise, unless it has not been fitted.
    X : array-like of shape (n, n_features) or (n, ...)
    reset : bool

    Raises
    ------
    ValueError
        If X is sparse, not finite, empty or of another number of features.
    """
    check_kind(X)
    if getattr(X, "ndim", 2) <= 2:
        if not reset and not hasattr(wrapper, "n_features_in_"):
            return as_floats(X)  # a model that was fitted before it was wrapped
        flat = check_data(wrapper, X, reset=reset)
        return np.asarray(flat)
    samples = np.asarray(X)
    flat = checked_samples(wrapper, samples.reshape(len(samples), -1), reset=reset)
    return flat.reshape(samples.shape)


def kept_state(wrapper: Any) -> Any:
    """Return ``random_state``, or in place of None a seed that is drawn once in every fit."""
    if wrapper.random_state is not None:
        return wrapper.random_state
    if not hasattr(wrapper, "_seed"):  # a model that was fitted before it was wrapped
        draw_seed(wrapper)
    return wrapper._seed


def draw_seed(wrapper: Any) -> None:
    """Draw the seed that stands for ``random_state=None`` until the next fit."""
    wrapper._seed = int(np.random.default_rng().integers(2**31))


def wrapped_tags(tags: Tags, estimator: Any) -> Tags:
    """Return the tags of a wrapper: as many targets as the estimator inside takes."""
    if hasattr(estimator, "__sklearn_tags__"):
        inner = get_tags(estimator)
        tags.target_tags.multi_output = inner.target_tags.multi_output
        tags.target_tags.single_output = inner.target_tags.single_output
        tags.regressor_tags = inner.regressor_tags
        tags.classifier_tags = inner.classifier_tags
    return tags
