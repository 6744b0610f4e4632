"""Samples of any shape as rows, where a group knows the shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from symkernel.groups import Group

__all__ = ["flat_samples", "kind_of"]


def flat_samples(X: Any, group: Group, name: str) -> Any:
    """Samples (n, *group.shape) as rows (n, degree); two-dimensional input stays as it is.

    Raises
    ------
    ValueError
        For samples of another shape.
    """
    if issparse(X) or hasattr(X, "columns"):  # of a data frame scikit-learn reads the names
        return X
    array = X if hasattr(X, "ndim") else np.asarray(X)
    if array.ndim <= 2:
        return X
    shape = tuple(array.shape[1:])
    if shape != tuple(group.shape):
        raise ValueError(
            f"{name} has samples of shape {shape}; {group!r} acts on samples of shape "
            f"{tuple(group.shape)}"
        )
    return array.reshape(len(array), group.degree)


def kind_of(value: object) -> str:
    """Return what a value is, for errors: the name of its type, or that it is a class."""
    if isinstance(value, type):
        return f"the class {value.__name__}, not an object made by calling it"
    return type(value).__name__
