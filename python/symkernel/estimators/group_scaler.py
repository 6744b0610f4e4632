"""Standardise features in a way that commutes with a group."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted

from symkernel.estimators._machine import check_weights
from symkernel.groups import Group, SignedPermutation, Trivial
from symkernel.groups.registry import bind, is_group
from symkernel.validation import check_data, flat_samples, kind_of

__all__ = ["GroupScaler"]

Array = NDArray[Any]

# Singular values of maps that move nothing are below this, of those that move something far above.
_FIXED = 1e-9
# Spreads of this many eps of the largest entry are rounding.
_FEW = 10


class GroupScaler(
    OneToOneFeatureMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""Standardise features as far as the symmetry allows: the result commutes with the group.

    ``StandardScaler`` gives every feature its own mean and scale, so that what was learned behind
    it is not invariant any more. Here features that the group mixes share one scale, and of the
    mean only the part is subtracted that no element of the group moves: a transformed sample moves
    as the sample does. With the trivial group this is ``StandardScaler``.

    Parameters
    ----------
    group : Group, str or None, default=None
        Group that acts on the features, or the name of one that acts on all of them, such as
        "symmetric" (see ``symkernel.groups.from_name``), or ``G.on(columns)``; None is the
        trivial one.
    with_mean : bool, default=True
        Whether to subtract the part of the mean that the group fixes.
    with_std : bool, default=True
        Whether to divide by the standard deviation that the features of an orbit share.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        What is subtracted: for permutations the mean over an orbit of features, for rotations
        and translations of the whole sample zero.
    scale_ : ndarray of shape (n_features,)
        What is divided by, the same for all features that the group mixes; 1 where nothing varies.
    group_ : Group
        The group, bound to the number of features.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features, if X was a data frame with string columns.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : One mean and one scale for every feature.

    Notes
    -----
    With g x = A x + b and the transform T x = D^{-1} (x - m), T g = g' T holds for an element g'
    of the group (g itself where nothing is shifted) when D is constant on features that some A, or
    one shift, couples, and A m = m. The mean m is the sample mean projected on these fixed vectors,
    which is its average over the group, without the directions of shifts; and D^2 is the mean
    square of x - m off those directions over the samples and the features of an orbit. Samples
    moved by the group give the same m and D.

    O(n d k) for k directions of shifts; O(d^3) once for groups that are not signed permutations.

    Examples
    --------
    Two kinds of points on a line, three of the one and two of the other, in any order:

    >>> import numpy as np
    >>> from symkernel import GroupScaler, groups
    >>> X = np.random.default_rng(0).normal(size=(50, 5)) + [0, 0, 0, 9, 9]
    >>> scaler = GroupScaler(groups.Young("aaabb")).fit(X)
    >>> scaler.mean_.round() + 0.0
    array([0., 0., 0., 9., 9.])
    >>> moved = X[:, [2, 0, 1, 4, 3]]
    >>> bool((scaler.transform(moved) == scaler.transform(X)[:, [2, 0, 1, 4, 3]]).all())
    True
    """

    mean_: Array
    scale_: Array
    group_: Group
    n_features_in_: int

    def __init__(
        self,
        group: Group | str | None = None,
        *,
        with_mean: bool = True,
        with_std: bool = True,
    ) -> None:
        self.group = group
        self.with_mean = with_mean
        self.with_std = with_std

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Find the mean that the group fixes, and the scale of every orbit of features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.
        y : object, default=None
            Ignored.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples, not negative.

        Returns
        -------
        GroupScaler
            The fitted transformer itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or the shape of X is not what is expected; for NaN and infinity; and for
            groups that act on angles, whose period no scale but 1 keeps.
        """
        for name in ("with_mean", "with_std"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise TypeError(f"{name} must be True or False; got {value!r}")
        X = self._validated(X, reset=True)
        self.group_ = group = self._bound_group(X.shape[1])
        weights = check_weights(sample_weight, X)
        samples = X.astype(np.float64)
        shifts = _shifts(group)
        mean = np.average(samples, axis=0, weights=weights)
        mean = _fixed_part(group, mean - (mean @ shifts.T) @ shifts)
        rest = samples - mean
        rest -= (rest @ shifts.T) @ shifts
        self.mean_ = mean if self.with_mean else np.zeros_like(mean)
        self.scale_ = np.ones_like(mean)
        if self.with_std:
            largest = np.abs(X).max(axis=0).astype(np.float64)
            rounding = _FEW * np.finfo(X.dtype).eps * largest
            squares = np.average(np.square(rest), axis=0, weights=weights)
            self.scale_ = _shared_scale(group, squares, 1.0 - np.square(shifts).sum(0), rounding)
        return self

    def transform(self, X: Any) -> Array:
        """Subtract the mean and divide by the scale.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            float32 if X is, else float64.

        Raises
        ------
        ValueError
            If the samples do not have the shape of those in fit, or contain NaN or infinity.
        """
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        result: Array = (X - self.mean_.astype(X.dtype)) / self.scale_.astype(X.dtype)
        return result

    def inverse_transform(self, X: Any) -> Array:
        """Multiply by the scale and add the mean.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Transformed samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            float32 if X is, else float64.

        Raises
        ------
        ValueError
            If X has another number of features, or contains NaN or infinity.
        """
        check_is_fitted(self)
        X = check_array(flat_samples(X, self.group_, "X"), dtype=[np.float64, np.float32])
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} features; fit saw {self.n_features_in_}")
        result: Array = X * self.scale_.astype(X.dtype) + self.mean_.astype(X.dtype)
        return result

    def _validated(self, X: Any, reset: bool) -> Array:
        return np.asarray(check_data(self, X, group=self.group, reset=reset))

    def _bound_group(self, n_features: int) -> Group:
        group = self.group
        if not (group is None or is_group(group)):
            raise TypeError(f"group must be a Group, a name or None; got {kind_of(group)}")
        if group is None:
            group = Trivial(n_features)
        else:
            group = bind(group, n_features, getattr(self, "feature_names_in_", None))
        if group.degree != n_features:
            raise ValueError(f"X has {n_features} features; {group!r} acts on {group.degree}")
        if group._on_angles:
            raise ValueError(
                f"{group!r} acts on angles, whose period of {'1' if group._on_lattice else '2 pi'} "
                "no mean needs and no scale keeps: leave them as they are"
            )
        return group

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _shifts(group: Group) -> Array:
    """Orthonormal directions in which the group shifts samples, (k, d)."""
    found = [xi.shift for xi in group.lie_algebra if xi.shift.any()]
    return np.stack(found) if found else np.zeros((0, group.degree))


def _fixed_part(group: Group, vector: Array) -> Array:
    """Average of a vector over the linear maps of the group: its part that they all fix."""
    turns = [xi.matrix for xi in group.lie_algebra if not xi.shift.any()]
    signed = [g for g in group.generators if isinstance(g, SignedPermutation)]
    d = group.degree
    if turns or len(signed) < len(group.generators):
        moving = sum((x.T @ x for x in turns), np.zeros((d, d)))
        for g in group.generators:
            change = g.as_matrix() - np.eye(d)
            moving += change.T @ change
        values, vectors = np.linalg.eigh(moving)
        fixed = vectors[:, values <= _FIXED]
        return np.asarray(fixed @ (fixed.T @ vector))
    # Signs double the features, to x and -x, which the maps permute: a mean over their orbits is
    # the average, and 0 where an orbit holds both.
    here = np.arange(2 * d)
    rows, columns = [here], [here]
    for g in signed:
        minus = np.zeros(d, bool) if g.signs is None else g.signs < 0
        rows.append(here)
        columns.append(np.concatenate([g.indices + d * minus, g.indices + d * ~minus]))
    i, j = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(2 * d, 2 * d))
    labels = connected_components(graph, directed=False)[1]
    both = np.concatenate([vector, -vector])
    return np.asarray((np.bincount(labels, both) / np.bincount(labels))[labels[:d]])


def _shared_scale(group: Group, squares: Array, free: Array, rounding: Array) -> Array:
    """Root mean square over the features that are mixed; 1 where it is rounding.

    ``free`` are the parts of the features that no shift takes: what the mean is taken of.
    """
    labels = group.mixed_features
    total, count = np.bincount(labels, squares), np.bincount(labels, free)
    bound = np.zeros(len(total))
    np.maximum.at(bound, labels, rounding)
    left = count > _FIXED
    scale = np.sqrt(np.divide(total, count, out=np.zeros_like(total), where=left))
    return np.asarray(np.where(scale > bound, scale, 1.0)[labels])
