"""Make a classifier invariant after training, by averaging its probabilities."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from symkernel.diagnostics._wrapping import (
    Frame,
    as_given,
    checked_samples,
    draw_seed,
    kept_state,
    wrapped_tags,
)
from symkernel.diagnostics.orbit_grid import OrbitGrid, orbit_grid
from symkernel.diagnostics.orbit_values import BATCH, OrbitValues, as_samples
from symkernel.groups import Group
from symkernel.groups.registry import bind, names_of
from symkernel.validation import RandomState

__all__ = ["SymmetrizedClassifier"]

Array = NDArray[Any]


class SymmetrizedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Average the probabilities of a classifier over a group.

    Parameters
    ----------
    estimator : classifier with predict_proba
        A fitted one can be used at once; ``fit`` fits a clone.
    group : Group or str
        Group without translations, or the name of one.
    grid : str, int or OrbitGrid, default=None
        Elements to average over; see ``orbit_grid``.
    n_random : int, default=None
        Average over so many random elements instead, the same in all calls.
    batch_size : int, default=8192
        Rows per call of the classifier.
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of random elements.
    progress : bool, default=False
        Whether to show a progress bar in predictions.

    Attributes
    ----------
    estimator_ : object
        The fitted clone, after ``fit``.
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of ``predict_proba``.

    Notes
    -----
    The mean of probabilities is the prediction of an ensemble with one member per element; by
    Jensen's inequality its log loss and Brier score on a test set of all images are at most the
    mean of those of its members.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from symkernel import diagnostics, groups
    >>> X = np.random.default_rng(0).standard_normal((60, 3))
    >>> model = diagnostics.SymmetrizedClassifier(LogisticRegression(), groups.Cyclic(3))
    >>> model = model.fit(X, X.sum(axis=1) > 0)
    >>> bool(np.allclose(model.predict_proba(X), model.predict_proba(np.roll(X, 1, axis=1))))
    True
    """

    def __init__(
        self,
        estimator: Any,
        group: Group | str,
        grid: str | int | OrbitGrid | None = None,
        *,
        n_random: int | None = None,
        batch_size: int = BATCH,
        random_state: RandomState = None,
        progress: bool = False,
    ) -> None:
        self.estimator = estimator
        self.group = group
        self.grid = grid
        self.n_random = n_random
        self.batch_size = batch_size
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Fit a clone of the classifier.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,)
            Labels.
        **fit_params
            Passed on to the classifier.

        Returns
        -------
        self
        """
        samples = checked_samples(self, X, reset=True)
        draw_seed(self)
        self._frame = Frame.of(X)
        given = as_given(self._frame, samples)
        self.estimator_ = clone(self.estimator).fit(given, y, **fit_params)
        return self

    @property
    def classes_(self) -> Array:
        """Labels, in the order of the columns of ``predict_proba``."""
        return np.asarray(self._model().classes_)

    def predict_proba(self, X: Any, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Average probabilities, and tell their standard deviation over the elements if asked.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
        return_std : bool, default=False

        Returns
        -------
        mean : ndarray of shape (n, n_classes)
        std : ndarray of shape (n, n_classes)
            Only if ``return_std``.

        Raises
        ------
        NotFittedError
            If the classifier has not been fitted.
        TypeError
            If it has no predict_proba.
        ValueError
            If X does not fit the group.
        """
        model = self._model()
        names = names_of(X)
        frame = getattr(self, "_frame", Frame.of(X))  # of fit, or the model was fitted before
        X = checked_samples(self, X, reset=False)
        group = bind(self.group, int(np.prod(np.shape(X)[1:])), names)
        grid = self.grid
        if not isinstance(grid, OrbitGrid):
            state = kept_state(self)
            grid = orbit_grid(group, grid, n_random=self.n_random, random_state=state)
        samples, shape = as_samples(X, grid)
        values = OrbitValues(
            model.predict_proba, grid, shape, batch_size=self.batch_size, frame=frame
        )
        mean, std = values.averages(samples, self.progress)
        return (mean, std) if return_std else mean

    def predict(self, X: Any) -> Array:
        """Predict the label of the largest averaged probability.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)

        Returns
        -------
        ndarray of shape (n,)
        """
        probabilities = self.predict_proba(X)
        assert isinstance(probabilities, np.ndarray)
        labels: Array = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def _model(self) -> Any:
        model = getattr(self, "estimator_", self.estimator)
        if not hasattr(model, "predict_proba"):
            raise TypeError(
                f"{type(model).__name__} has no predict_proba, whose average is wanted; "
                "CalibratedClassifierCV of scikit-learn gives it one"
            )
        check_is_fitted(model)
        return model

    def __sklearn_tags__(self) -> Tags:
        """Tags of scikit-learn; the number of targets is that of the estimator inside."""
        return wrapped_tags(super().__sklearn_tags__(), self.estimator)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a classifier to predict with."""
        return hasattr(getattr(self, "estimator_", self.estimator), "classes_")
