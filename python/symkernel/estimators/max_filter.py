"""Make invariant features: largest inner products of a sample with moved templates."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.base import ClassNamePrefixFeaturesOutMixin as PrefixedNames
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from symkernel.alignment.functions import orbit_distance
from symkernel.groups import Group, Trivial
from symkernel.groups.registry import NAMES, bind, is_group
from symkernel.validation import (
    as_count,
    as_generator,
    check_data,
    check_n_jobs,
    check_samples,
    kind_of,
)

__all__ = ["MaxFilter"]

Array = NDArray[Any]


class MaxFilter(PrefixedNames, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Invariant features max over g of <x, g t_k>, one for every template t_k.

    The features are the same for all samples of an orbit, and change by at most |t_k| times the
    orbit distance of two samples.

    Parameters
    ----------
    templates : array-like, "gaussian" or "samples", default="gaussian"
        The templates, of shape (k, n_features) or (k, *group.shape); or what ``fit`` draws:
        standard normal vectors of length one, or samples of its data, without repetition while
        there are enough.
    group : Group or str, optional
        Group that acts on the samples by orthogonal maps, or the name of one on all features, or
        ``G.on(columns)``; None is the trivial one. Continuous groups are SO and O on points, beside
        permutations or not.
    n_templates : int, optional
        How many to draw; None draws twice the number of features. Twice as many generic templates
        as features tell all orbits of a finite group apart.
    method : str, default="auto"
        How the nearest element is found; see ``orbit_distance``.
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of the templates.
    n_jobs : int, optional
        Number of threads; None takes as many as OpenMP is set to, -1 all processors.

    Attributes
    ----------
    templates_ : ndarray of shape (k, n_features)
    group_ : Group
        The group on the features seen in fit.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where the samples had names.

    Raises
    ------
    ValueError
        In fit, for templates of another length, NaN or infinity, and groups with translations or
        shifts of angles: <x, g t> then grows without bound, or is no inner product.

    Notes
    -----
    <x, g t> = |x| |t| (1 - |x/|x| - g t/|t||^2 / 2), so that what finds the nearest point of an
    orbit finds the largest inner product; the error is some eps |x| |t|. The cost of a sample and a
    template is that of one ``orbit_distance``.

    Source: Cahill, Iverson, Mixon, Packer, Group-invariant max filtering, Foundations of
    Computational Mathematics 25 (2025).

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import MaxFilter
    >>> X = np.array([[1.0, 2.0, 4.0], [4.0, 1.0, 2.0], [2.0, 1.0, 4.0]])
    >>> MaxFilter([[1.0, 2.0, 0.0]], group="cyclic").fit_transform(X).round(12)
    array([[10.],
           [10.],
           [ 9.]])
    """

    templates_: Array
    group_: Group
    n_features_in_: int

    def __init__(
        self,
        templates: ArrayLike | str = "gaussian",
        group: Group | str | None = None,
        *,
        n_templates: int | None = None,
        method: str = "auto",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.templates = templates
        self.group = group
        self.n_templates = n_templates
        self.method = method
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Draw the templates, or take those given.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples; used for their number of features, and as templates where that was asked for.
        y : ignored

        Returns
        -------
        self
        """
        check_n_jobs(self.n_jobs)
        samples = self._validate(X, reset=True)
        self.group_ = self._bound_group(samples.shape[1])
        self.templates_ = self._templates(samples)
        self._n_features_out = len(self.templates_)
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Return the largest inner products with the orbits of the templates.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)

        Returns
        -------
        ndarray of shape (n, k)
            float32 for float32 samples, else float64.
        """
        check_is_fitted(self)
        samples = self._validate(X, reset=False)
        units, norms = _units(samples)
        others, lengths = _units(self.templates_.astype(samples.dtype, copy=False))
        squares = orbit_distance(
            units, others, group=self.group_, squared=True, method=self.method, n_jobs=self.n_jobs
        )
        cosines = 1.0 - 0.5 * squares
        features: Array = (norms[:, None] * cosines * lengths).astype(samples.dtype, copy=False)
        return features

    def _validate(self, X: Any, reset: bool) -> Array:
        named = isinstance(self.templates, str) and self.templates in NAMES
        if named or isinstance(self.templates, Group):
            raise (ValueError if named else TypeError)(
                f"templates must be an array, 'gaussian' or 'samples'; got {self.templates!r}: a "
                f"group is given as MaxFilter(group={self.templates!r})"
            )
        samples: Array = check_data(self, X, group=self.group, reset=reset, order="C")
        return samples

    def _bound_group(self, n_features: int) -> Group:
        if self.group is None:
            return Trivial(n_features)
        if not is_group(self.group):
            raise TypeError(f"group must be a Group, a name or None; got {kind_of(self.group)}")
        group = bind(self.group, n_features, getattr(self, "feature_names_in_", None))
        if group.degree != n_features:
            raise ValueError(f"X has {n_features} features; {group!r} acts on {group.degree}")
        if not group.is_linear:
            raise ValueError(
                f"{group!r} shifts samples, so that inner products with the orbit of a template "
                "have no maximum, or no meaning: centre the samples and leave the shifts out"
            )
        return group

    def _templates(self, samples: Array) -> Array:
        n, d = samples.shape
        if not isinstance(self.templates, str):
            return check_samples(self.templates, "templates", self.group_)
        count = 2 * d if self.n_templates is None else as_count(self.n_templates, "n_templates")
        rng = as_generator(self.random_state)
        if self.templates == "samples":
            return samples[rng.choice(n, count, replace=count > n)]
        if self.templates != "gaussian":
            raise ValueError(
                f"templates must be an array, 'gaussian' or 'samples'; got {self.templates!r}"
            )
        drawn = rng.standard_normal((count, d))
        units: Array = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        return units.astype(samples.dtype)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _units(X: Array) -> tuple[Array, Array]:
    """Rows of length one (zero rows stay) and their norms, without overflow."""
    largest = np.abs(X).max(axis=1, keepdims=True, initial=0.0)
    scaled = np.divide(X, largest, out=np.zeros_like(X), where=largest > 0)
    norms = np.sqrt(np.square(scaled).sum(axis=1, keepdims=True, dtype=np.float64))
    units = np.divide(scaled, norms, out=np.zeros_like(X), where=norms > 0, casting="same_kind")
    return np.ascontiguousarray(units), (norms * largest)[:, 0]
