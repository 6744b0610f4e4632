"""Classify in the invariant functions of a manifold, by regression on +-1 targets."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from symkernel.groups import Group
from symkernel.spectral._fit import SpectralFit
from symkernel.spectral.manifold import Manifold

__all__ = ["SpectralClassifier"]

Array = NDArray[Any]


class SpectralClassifier(
    SpectralFit,
    ClassifierMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Classifier of the largest of several combinations of invariant functions.

    Every class becomes a column of targets, +1 for its samples and -1 for the others (one column
    for two classes), all fitted as by ``SpectralRegressor``. The class predicted for x and g x is
    the same, up to rounding at ties.

    Parameters
    ----------
    manifold : Manifold or {"torus", "sphere", "polynomials"}, default="polynomials"
        Where samples live; a name is bound to their number of features in ``fit``.
    group : Group, str or None, default=None
        Group that acts on the manifold, or the name of one that acts on all features.
    max_level : int, float, "cv" or None, default=None
        As for ``SpectralRegressor``, like all parameters below.
    n_components : int, "theory" or None, default=None
        Number of invariant functions.
    smoothness : float, default=None
        For ``n_components="theory"``.
    coef : {"ridge", "empirical"}, default="ridge"
        How coefficients are found.
    alpha : float or "cv", default="cv"
        Regularisation strength, the same for all classes; "cv" chooses it by the leave-one-out
        squared error.
    alphas : array-like of shape (n_alphas,), default=None
        Values that "cv" tries.
    tol : float, default=1e-9
        Of the null spaces.
    n_jobs : int, default=None
        Threads for eigenfunctions.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    coef_ : ndarray of shape (n_functions,) or (n_functions, n_classes)
        Coefficients of the invariant functions; one column for two classes.
    basis_, max_level_, alpha_, best_score_, alphas_, levels_tried_, leave_one_out_
        As for ``SpectralRegressor``.

    Raises
    ------
    TypeError, ValueError
        In ``fit``: as ``SpectralRegressor``, and if y has one class only or is not discrete.

    Notes
    -----
    Cost as ``SpectralRegressor`` with a target per class. Formula: regularised least-squares
    classification, R. Rifkin, G. Yeo, T. Poggio, 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import groups
    >>> from symkernel.spectral import SpectralClassifier, Sphere
    >>> X = Sphere(3).random_points(200, random_state=0)
    >>> y = np.where((X**4).sum(axis=1) > 0.6, "near an axis", "far")
    >>> model = SpectralClassifier(Sphere(3), groups.PointGroup("O"), max_level=8).fit(X, y)
    >>> model.score(X[:, [1, 2, 0]], y) > 0.95
    True
    """

    classes_: Array

    def __init__(
        self,
        manifold: Manifold | str = "polynomials",
        group: Group | str | None = None,
        *,
        max_level: int | float | Literal["cv"] | None = None,
        n_components: int | Literal["theory"] | None = None,
        smoothness: float | None = None,
        coef: Literal["ridge", "empirical"] = "ridge",
        alpha: float | Literal["cv"] = "cv",
        alphas: ArrayLike | None = None,
        tol: float = 1e-9,
        n_jobs: int | None = None,
    ) -> None:
        self.manifold = manifold
        self.group = group
        self.max_level = max_level
        self.n_components = n_components
        self.smoothness = smoothness
        self.coef = coef
        self.alpha = alpha
        self.alphas = alphas
        self.tol = tol
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the coefficients of every class.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
            Samples on the manifold.
        y : array-like of shape (n,)
            Class labels, at least two different ones.

        Returns
        -------
        self
        """
        X, y = self._check_training(X, y)
        check_classification_targets(y)
        if np.size(self.alpha) != 1:
            raise ValueError(f"alpha must be one number for a classifier, got {self.alpha!r}")
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes, got one class, {y[0]!r}")
        count = len(self.classes_)
        columns = np.array([1]) if count == 2 else np.arange(count)
        targets = np.where(codes[:, None] == columns, 1.0, -1.0)
        self._solve(X, targets, () if count == 2 else (count,))
        return self

    def decision_function(self, X: Any) -> Array:
        """Return the values of the fitted functions.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
            Samples on the manifold.

        Returns
        -------
        ndarray of shape (n,) or (n, n_classes)
            For two classes, positive where the second is predicted; otherwise one column per
            class, the largest of which is predicted.
        """
        return self._decide(X)

    def predict(self, X: Any) -> Array:
        """Predict classes, shape (n,), of samples (n, n_features) on the manifold."""
        values = self.decision_function(X)
        codes = values.argmax(axis=1) if values.ndim == 2 else (values > 0).astype(int)
        return np.asarray(self.classes_[codes])
