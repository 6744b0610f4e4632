"""Describe a molecule by the distances of its atoms, or by their inverses."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from symkernel.validation import as_count, as_floats, check_data, flat_samples

__all__ = ["InversePairDistances", "PairDistances"]

Array = NDArray[Any]


class _OfDistances(
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """A function of the distance of every pair of atoms."""

    _word: str

    def __init__(self, n_atoms: int) -> None:
        self.n_atoms = n_atoms

    @staticmethod
    @abstractmethod
    def _function(r: Array) -> tuple[Array, Array]:
        """Return the function of distances, and its derivative over the distance."""

    def value(self, X: ArrayLike) -> Array:
        """Return the features of structures.

        Parameters
        ----------
        X : array-like of shape (n, 3 n_atoms) or (n, n_atoms, 3)
            Positions.

        Returns
        -------
        ndarray of shape (n, n_atoms (n_atoms - 1) / 2)
            One for each pair, in the order of ``np.triu_indices(n_atoms, 1)``; float32 if X is.

        Raises
        ------
        TypeError, ValueError
            If X is not of this shape or not finite, or two atoms of a structure overlap.
        """
        return self._function(self._pairs(X)[1])[0]

    def jacobian(self, X: ArrayLike) -> Array:
        """Return the derivatives of the features for the positions.

        Parameters
        ----------
        X : array-like of shape (n, 3 n_atoms) or (n, n_atoms, 3)
            Positions.

        Returns
        -------
        ndarray of shape (n, n_atoms (n_atoms - 1) / 2, 3 n_atoms)
            Row k belongs to feature k; float32 if X is.

        Raises
        ------
        TypeError, ValueError
            As for ``value``.
        """
        edges, r = self._pairs(X)
        slopes = self._function(r)[1][:, :, None] * edges
        n, p = r.shape
        rows, columns = np.triu_indices(self.n_atoms, 1)
        J = np.zeros((n, p, self.n_atoms, 3), dtype=r.dtype)
        J[:, np.arange(p), rows] = slopes
        J[:, np.arange(p), columns] = -slopes
        return J.reshape(n, p, 3 * self.n_atoms)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check structures; there is nothing to learn.

        Parameters
        ----------
        X : array-like of shape (n, 3 n_atoms) or (n, n_atoms, 3)
            Positions.
        y : object, default=None
            Ignored.
        """
        self.value(self._checked(X, reset=True))
        return self

    def transform(self, X: Any) -> Array:
        """Return the features of structures, as ``value``."""
        check_is_fitted(self, "n_features_in_")
        return self.value(self._checked(X, reset=False))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return a name for each pair, such as "distance0_1".

        Parameters
        ----------
        input_features : object, default=None
            Ignored.
        """
        pairs = zip(*np.triu_indices(self._atoms(), 1), strict=True)
        return np.array([f"{self._word}{i}_{j}" for i, j in pairs], dtype=object)

    def _checked(self, X: Any, reset: bool) -> Array:
        X = flat_samples(X, None)
        if not hasattr(X, "columns"):
            X = X if hasattr(X, "ndim") else np.asarray(X)
            X = X.reshape(len(X), -1) if X.ndim > 2 else X
        return np.asarray(check_data(self, X, reset=reset))

    def _atoms(self) -> int:
        return as_count(self.n_atoms, "n_atoms", 2)

    def _pairs(self, X: ArrayLike) -> tuple[Array, Array]:
        """Return the edges (n, p, 3) of pairs, of length 1, and their lengths (n, p)."""
        n_atoms = self._atoms()
        positions = as_floats(X, finite=True)
        if positions.ndim == 2 and positions.shape[1] == 3 * n_atoms:
            positions = positions.reshape(-1, n_atoms, 3)
        if positions.shape[1:] != (n_atoms, 3):
            raise ValueError(
                f"X must have shape (n, {3 * n_atoms}) or (n, {n_atoms}, 3) for "
                f"n_atoms={n_atoms}, got shape {np.shape(X)}"
            )
        rows, columns = np.triu_indices(n_atoms, 1)
        edges = positions[:, rows] - positions[:, columns]
        r = np.linalg.norm(edges, axis=2)
        overlapping = r <= np.cbrt(np.finfo(r.dtype).tiny)  # whose derivatives overflow
        if overlapping.any():
            i, k = np.argwhere(overlapping)[0]
            raise ValueError(
                f"X: atoms {rows[k]} and {columns[k]} of sample {i} overlap, where their distance "
                "has no derivative"
            )
        return edges / r[:, :, None], r

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class PairDistances(_OfDistances):
    """Distances of all pairs of atoms, which rotations, reflections and shifts leave as they are.

    Parameters
    ----------
    n_atoms : int
        Number of atoms, at least 2.

    Attributes
    ----------
    n_features_in_ : int
        3 n_atoms.

    See Also
    --------
    InversePairDistances : Smoother where atoms are far from each other.
    symkernel.groups.molecule : ``molecule(z, R).on_pairs()`` permutes these features.

    Notes
    -----
    Features are in the order of ``np.triu_indices(n_atoms, 1)``: (0, 1), (0, 2), ..., (1, 2), ...
    Jacobians take 3 n_atoms times the memory of the features.

    Examples
    --------
    >>> from symkernel.descriptors import PairDistances
    >>> water = [[[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]]
    >>> PairDistances(3).value(water).round(3)
    array([[1.   , 1.   , 1.414]])
    >>> PairDistances(3).jacobian(water).shape
    (1, 3, 9)
    """

    _word = "distance"

    @staticmethod
    def _function(r: Array) -> tuple[Array, Array]:
        return r, np.ones_like(r)


class InversePairDistances(_OfDistances):
    """Inverse distances of all pairs of atoms: near pairs count most.

    Parameters
    ----------
    n_atoms : int
        Number of atoms, at least 2.

    Attributes
    ----------
    n_features_in_ : int
        3 n_atoms.

    See Also
    --------
    PairDistances : The distances themselves.
    symkernel.groups.molecule : ``molecule(z, R).on_pairs()`` permutes these features.

    Notes
    -----
    As for ``PairDistances``. Source: S. Chmiela et al., Machine learning of accurate
    energy-conserving molecular force fields, Science Advances 3, 2017.

    Examples
    --------
    >>> from symkernel.descriptors import InversePairDistances
    >>> water = [[[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]]
    >>> InversePairDistances(3).fit_transform(water).round(3)
    array([[1.   , 1.   , 0.707]])
    >>> InversePairDistances(3).get_feature_names_out()
    array(['inverse_distance0_1', 'inverse_distance0_2',
           'inverse_distance1_2'], dtype=object)
    """

    _word = "inverse_distance"

    @staticmethod
    def _function(r: Array) -> tuple[Array, Array]:
        inverse = 1.0 / r
        return inverse, -inverse * inverse
