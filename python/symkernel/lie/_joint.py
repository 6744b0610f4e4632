"""Diagonalise the Gram matrices of features and of a penalty together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

Array = NDArray[Any]


class JointBasis(NamedTuple):
    """A basis in which both Gram matrices are diagonal.

    Attributes
    ----------
    basis : ndarray of shape (p, r)
        Columns; directions that neither matrix sees are left out.
    data : ndarray of shape (r,)
        Diagonal of the Gram matrix of the features, between 0 and 1.
    penalty : ndarray of shape (r,)
        Diagonal of that of the penalty.
    """

    basis: Array
    data: Array
    penalty: Array


def joint_basis(data: Array, penalty: Array) -> JointBasis:
    """Return the basis for two positive semidefinite matrices of shape (p, p), in O(p^3)."""
    scale = 1.0 if not penalty.any() else float(np.trace(data)) / float(np.trace(penalty))
    values, vectors = linalg.eigh(data + scale * penalty)
    seen = values > len(values) * np.finfo(float).eps * max(float(values[-1]), 0.0)
    whitening = vectors[:, seen] / np.sqrt(values[seen])
    # Both Gram matrices are diagonal in this basis: parts, and (1 - parts) / scale.
    parts, rotation = linalg.eigh(whitening.T @ data @ whitening)
    parts = np.clip(parts, 0.0, 1.0)
    return JointBasis(whitening @ rotation, parts, (1 - parts) / scale)
