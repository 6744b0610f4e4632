"""Split a candidate algebra into what a fitted model keeps and what it breaks."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from symkernel.lie._candidates import Candidate
from symkernel.lie.dictionary import Dictionary
from symkernel.lie.fields import Fields

Array = NDArray[Any]


class Verdict(NamedTuple):
    """What is kept and what is broken.

    Attributes
    ----------
    singular_values : ndarray of shape (q,)
        Relative derivatives along ``directions``, descending.
    directions : ndarray of shape (q, q)
        Rows are combinations of the generators.
    kept, broken : Fields
        Their spans.
    """

    singular_values: Array
    directions: Array
    kept: Fields
    broken: Fields


def split_candidate(
    candidate: Candidate,
    weights: Array,
    dictionary: Dictionary,
    points: Array,
    tol: float,
) -> Verdict:
    """Return what of a candidate the model with these weights keeps.

    Parameters
    ----------
    candidate : Candidate
    weights : ndarray
        In the shape of the operator's weights.
    dictionary : Dictionary
    points : ndarray of shape (n, n_features)
        What the penalty averages over.
    tol : float
        Largest relative derivative that counts as kept.

    Returns
    -------
    Verdict
    """
    matrix, q = candidate.matrices.apply(weights), candidate.algebra.dim
    _, values, right = linalg.svd(matrix, full_matrices=True)
    values = np.concatenate([values, np.zeros(q - len(values))])
    size = _size(candidate, candidate.coefficients(weights), dictionary, points)
    if size <= 1e-10 * max(float(np.abs(weights).max(initial=0.0)), np.finfo(float).tiny):
        warnings.warn(
            "the fitted model is constant: every transformation is a symmetry of it",
            UserWarning,
            stacklevel=3,
        )
        values = np.zeros(q)
    else:
        values = values / size
    kept = values <= tol
    algebra = candidate.algebra
    return Verdict(values, right, algebra.combine(right[kept]), algebra.combine(right[~kept]))


def _size(candidate: Candidate, coef: Array, dictionary: Dictionary, points: Array) -> float:
    """Root mean square of a derivative along a field that nothing keeps."""
    algebra, output = candidate.algebra, candidate.output
    gradient = field = value = 0.0
    size = max(1, 2**22 // max(1, dictionary.n_terms * points.shape[1]))
    for start in range(0, len(points), size):
        block = points[start : start + size]
        slopes = np.tensordot(dictionary.jacobians(block), coef, ([1], [0]))
        gradient += float(np.sum(slopes**2)) / len(points)
        field += float(np.sum(algebra.values(block) ** 2)) / len(points)
        if output is not None:
            value += float(np.sum((dictionary.values(block) @ coef) ** 2)) / len(points)
    q = max(1, algebra.dim)
    # A derivative along a field pairs one of n components of each, on average.
    square = gradient * (field / q / points.shape[1] or 1.0)
    if output is not None:
        square += value * float(np.sum(output**2)) / q / candidate.n_targets
    return float(np.sqrt(square))
