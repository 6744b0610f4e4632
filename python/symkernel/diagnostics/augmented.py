"""Train on random images of the samples as well: the symmetry taught by example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from symkernel.diagnostics._wrapping import Frame, as_given, checked_samples, wrapped_tags
from symkernel.groups import Group
from symkernel.groups.random_action import RandomAction
from symkernel.groups.registry import bind, names_of
from symkernel.validation import RandomState, as_count, as_generator, check_samples

__all__ = ["Augmented"]

Array = NDArray[Any]


def _offers(name: str) -> Callable[[Any], bool]:
    """Whether the estimator inside has a method."""

    def check(wrapper: Any) -> bool:
        getattr(getattr(wrapper, "estimator_", wrapper.estimator), name)
        return True

    return check


class Augmented(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Fit an estimator on samples and random images of them.

    It is a classifier or a regressor as the estimator inside is.

    Parameters
    ----------
    estimator : scikit-learn regressor or classifier
        Fitted on ``(n_images + 1) n`` samples.
    group : Group or str
        Group that acts on the samples, or the name of one.
    n_images : int, default=4
        Random images of each sample, beside the sample itself.
    output : None, "same" or "vector", default=None
        How targets turn with the samples: not at all, as labels, like them (forces), or each
        vector in the last axis by the rotation of the group (dipoles).
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of the images.

    Attributes
    ----------
    estimator_ : object
        The fitted clone.
    classes_ : ndarray of shape (n_classes,)
        Labels, of classifiers alone.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from symkernel import diagnostics, groups
    >>> X = np.random.default_rng(0).standard_normal((30, 2))
    >>> model = diagnostics.Augmented(KNeighborsRegressor(1), groups.SO(2), n_images=9)
    >>> model.fit(X, np.hypot(*X.T)).estimator_.n_samples_fit_
    300
    """

    def __init__(
        self,
        estimator: Any,
        group: Group | str,
        n_images: int = 4,
        *,
        output: str | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.group = group
        self.n_images = n_images
        self.output = output
        self.random_state = random_state

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Fit a clone of the estimator on the samples and their images.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
        y : array-like of shape (n, ...)
        **fit_params
            Passed on to the estimator.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X or y does not fit the group, a parameter is out of range, or labels should turn.
        """
        count = as_count(self.n_images, "n_images", 0)
        if self.output not in (None, "same", "vector"):
            raise ValueError(f"output must be None, 'same' or 'vector', got {self.output!r}")
        if self.output is not None and is_classifier(self.estimator):
            raise ValueError(f"output={self.output!r} turns targets, but labels do not turn")
        if y is None:
            raise ValueError("Augmented requires y to be passed, but the target y is None")
        names = names_of(X)
        self._frame = Frame.of(X)
        X = checked_samples(self, X, reset=True)
        group = bind(self.group, int(np.prod(X.shape[1:])), names)
        samples = check_samples(X, group=group)
        targets = np.asarray(y)
        if targets.ndim == 0 or len(targets) != len(samples):
            raise ValueError(f"y must have {len(samples)} rows like X, got shape {targets.shape}")
        rng = as_generator(self.random_state)
        all_samples, all_targets = [samples], [targets]
        for _ in range(count):
            action = RandomAction(group, len(samples), rng)
            all_samples.append(action.act(samples))
            all_targets.append(self._turned(action, targets, group))
        augmented = np.concatenate(all_samples)
        given = as_given(self._frame, augmented.reshape(-1, *X.shape[1:]))
        self.estimator_ = clone(self.estimator).fit(
            given, np.concatenate(all_targets), **fit_params
        )
        return self

    def _turned(self, action: RandomAction, targets: Array, group: Group) -> Array:
        if self.output is None:
            return targets
        if self.output == "vector":
            return action.turn(targets)
        flat = targets.reshape(len(targets), -1)
        if flat.shape[1] != group.degree:
            raise ValueError(
                f"output='same' needs targets of {group.degree} numbers per sample, like the "
                f"samples, got shape {targets.shape}"
            )
        return action.act(flat, linear=True).reshape(targets.shape)

    def predict(self, X: Any) -> Array:
        """Predict with the fitted estimator.

        Parameters
        ----------
        X : array-like of shape (n, n_features)

        Returns
        -------
        ndarray of shape (n, ...)
        """
        return np.asarray(self._fitted().predict(self._given(X)))

    @available_if(_offers("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (n, n_classes) of the fitted classifier, if it has them."""
        return np.asarray(self._fitted().predict_proba(self._given(X)))

    @available_if(_offers("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Array:
        """Return the decision values of the fitted classifier, if it has them."""
        return np.asarray(self._fitted().decision_function(self._given(X)))

    @property
    def classes_(self) -> Array:
        """Labels, in the order of the columns of ``predict_proba``."""
        return np.asarray(self._fitted().classes_)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of a classifier, R^2 of a regressor.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_targets)
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        float
        """
        measure = accuracy_score if is_classifier(self) else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    def _given(self, X: Any) -> Any:
        """Samples as fit was given them."""
        check_is_fitted(self, "estimator_")
        return as_given(self._frame, checked_samples(self, X, reset=False))

    def _fitted(self) -> Any:
        check_is_fitted(self, "estimator_")
        return self.estimator_

    def __sklearn_tags__(self) -> Tags:
        """Tags of scikit-learn: the kind of the estimator inside and its number of targets."""
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier" if is_classifier(self.estimator) else "regressor"
        tags.target_tags.required = True
        return wrapped_tags(tags, self.estimator)
