"""Bind what regressors are given by name to the samples of a fit."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.lie.algebra import (
    affine,
    linear,
    lorentz,
    scalings,
    special_euclidean,
    special_orthogonal,
    symplectic,
    translations,
)
from symkernel.lie.dictionary import Dictionary, as_dictionary, monomials
from symkernel.lie.fields import Fields
from symkernel.validation import as_rows

Array = NDArray[Any]

_NAMED = {
    "affine": affine,
    "linear": linear,
    "lorentz": lorentz,
    "scalings": scalings,
    "special_euclidean": special_euclidean,
    "special_orthogonal": special_orthogonal,
    "symplectic": symplectic,
    "translations": translations,
}


def bind_dictionary(dictionary: Any, n_features: int) -> Dictionary:
    """Return the dictionary for a number of features; None is all monomials up to degree 2."""
    return as_dictionary(monomials(2) if dictionary is None else dictionary, n_features)


def bind_algebra(algebra: Any, n_features: int) -> Fields:
    """Return an algebra given by itself or by name.

    Raises
    ------
    TypeError
        If it is neither a name nor vector fields.
    ValueError
        If the name is unknown or the fields live on another number of features.
    """
    if isinstance(algebra, str):
        if algebra not in _NAMED:
            raise ValueError(f"algebra must be one of {', '.join(_NAMED)}, got {algebra!r}")
        return _NAMED[algebra](n_features)
    if not isinstance(algebra, Fields):
        raise TypeError(
            f"algebra must be an Algebra, other Fields or a name, got {type(algebra).__name__}"
        )
    if algebra.n_features != n_features:
        raise ValueError(
            f"algebra acts on {algebra.n_features} features, the samples have {n_features}"
        )
    return algebra


def bind_candidates(algebra: Any, n_features: int) -> dict[str, Fields]:
    """Return candidate algebras by name: one, a list of them, or a mapping from names."""
    if isinstance(algebra, Mapping):
        given = {str(name): value for name, value in algebra.items()}
    elif isinstance(algebra, list | tuple):
        given = {value if isinstance(value, str) else repr(value): value for value in algebra}
    else:
        given = {algebra if isinstance(algebra, str) else repr(algebra): algebra}
    if not given:
        raise ValueError("algebra must name at least one candidate, got none")
    return {name: bind_algebra(value, n_features) for name, value in given.items()}


def measure_points(measure: Any, X: Array, n_terms: int) -> Array:
    """Return the points whose mean is the inner product of functions.

    Raises
    ------
    ValueError
        If the measure is an unknown name, or points of another number of features.
    """
    if isinstance(measure, str):
        if measure == "data":
            return X
        if measure != "gaussian":
            raise ValueError(f"measure must be 'gaussian', 'data' or points, got {measure!r}")
        # As invariant as a measure can be under rotations about the mean, and with the scale of
        # the data. The seed is fixed: the points are part of the definition of the penalty.
        half = np.random.default_rng(0).standard_normal((max(5 * n_terms, 500), X.shape[1]))
        spread = float(np.sqrt(np.mean(np.var(X, axis=0)))) or 1.0
        return np.asarray(X.mean(axis=0) + spread * np.concatenate([half, -half]))
    return as_rows(measure, "measure", X.shape[1], flatten=False)


def warn_of_flat_samples(X: Array) -> None:
    """Warn if samples lie in an affine subspace: fields normal to it are not seen there."""
    if len(X) <= X.shape[1]:
        return
    centred = X - X.mean(axis=0)
    rank = int(np.linalg.matrix_rank(centred, tol=1e-9 * max(float(np.abs(X).max()), 1e-300)))
    if rank < X.shape[1]:
        warnings.warn(
            f"the samples lie in an affine subspace of dimension {rank} of {X.shape[1]} features: "
            "what the function does outside it, and with that symmetries that leave it, is not "
            "determined by the data",
            UserWarning,
            stacklevel=3,
        )
