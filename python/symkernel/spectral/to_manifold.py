"""Bring ordinary data to a manifold: scaling, normalisation, stereographic projection."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from symkernel.groups import Group, MatrixGroup, PermutationGroup, SignedPermutation, Trivial
from symkernel.groups._arrays import exact_element
from symkernel.validation import as_number, check_data

__all__ = ["Stereographic", "ToSphere", "ToTorus"]

Array = NDArray[np.float64]


class ToTorus(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Scale features into the box of a torus.

    Parameters
    ----------
    period : float, default=2.0
        Period of the torus.
    fill : float, default=0.5
        Fraction of the box that the training data take up, in (0, 1].
    shared : bool, default=True
        One centre and one scale for all features, so that permutations of the features act
        alike before and after. False scales every feature by itself, which only the trivial
        group survives.
    centered : bool, default=True
        Move the middle of the range to 0. With False the origin stays, as changes of sign need.

    Attributes
    ----------
    center_, scale_ : float64, shape (n_features,)
        Samples become ``(X - center_) * scale_``.

    Raises
    ------
    ValueError
        If ``period`` or ``fill`` are out of range.

    Notes
    -----
    On a torus the two ends of the box are neighbours, and functions of a torus are periodic.
    With ``fill=1`` a target that takes different values at both ends of a feature's range has a
    jump there, Fourier coefficients that fall like 1/k only, and errors near the ends that do
    not go away with more levels. With less the function may go back smoothly through the part
    of the box that holds no data: a least-squares fit does so by itself, while empirical
    coefficients, which take samples to be uniform on the torus, do not. New samples beyond the
    box are clipped to its ends.

    Examples
    --------
    >>> from symkernel.spectral import ToTorus
    >>> ToTorus().fit_transform([[0.0, 2.0], [4.0, 1.0]])
    array([[-0.5 ,  0.  ],
           [ 0.5 , -0.25]])
    """

    def __init__(
        self,
        period: float = 2.0,
        *,
        fill: float = 0.5,
        shared: bool = True,
        centered: bool = True,
    ) -> None:
        self.period = period
        self.fill = fill
        self.shared = shared
        self.centered = centered

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn centre and scale.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
        y : ignored

        Returns
        -------
        self
        """
        as_number(self.period, "period", 0.0, strict=True)
        if not 0.0 < as_number(self.fill, "fill") <= 1.0:
            raise ValueError(f"fill must lie in (0, 1], got {self.fill!r}")
        array = check_data(self, X, dtype=np.float64)
        low, high = array.min(axis=0), array.max(axis=0)
        if self.shared:
            low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
        self.center_ = (low + high) / 2.0 if self.centered else np.zeros_like(low)
        reach = np.maximum(high - self.center_, self.center_ - low)
        reach = np.where(reach > 0.0, reach, 1.0)  # a constant feature stays one
        self.scale_ = 0.5 * float(self.fill) * float(self.period) / reach
        return self

    def transform(self, X: Any) -> Any:
        """Return scaled samples, float64 (n, n_features), within [-period/2, period/2]."""
        check_is_fitted(self)
        array = check_data(self, X, reset=False, dtype=np.float64)
        half = 0.5 * float(self.period)
        return np.clip((array - self.center_) * self.scale_, -half, half)


class ToSphere(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Divide samples by their length; every orthogonal map acts alike before and after.

    The length is lost: add it as a feature where it matters.

    Examples
    --------
    >>> from symkernel.spectral import ToSphere
    >>> ToSphere().fit_transform([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check samples; nothing is learned.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
        y : ignored

        Returns
        -------
        self
        """
        check_data(self, X, dtype=np.float64)
        return self

    def transform(self, X: Any) -> Any:
        """Return unit vectors, float64 (n, n_features).

        Raises
        ------
        ValueError
            If a sample is zero.
        """
        check_is_fitted(self)
        array = check_data(self, X, reset=False, dtype=np.float64)
        # The largest entry first: squares of tiny and of huge samples leave the range of doubles.
        largest = np.abs(array).max(axis=1, keepdims=True)
        if not largest.all():
            row = int(np.flatnonzero(largest == 0.0)[0])
            raise ValueError(f"X must not hold zero vectors to be normalised: sample {row} is zero")
        scaled = array / largest
        return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


class Stereographic(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Wrap R^d around the sphere of R^(d+1): x -> (2x/s, |x/s|^2 - 1) / (|x/s|^2 + 1).

    The origin goes to the south pole, infinity to the north pole, the sphere |x| = s to the
    equator. Unlike with normalisation nothing is lost. Orthogonal maps of R^d become those of
    R^(d+1) that fix the last coordinate: ``lift`` gives that group.

    Parameters
    ----------
    scale : float, default=None
        The length s; None for the median length of the training samples.

    Attributes
    ----------
    scale_ : float

    Raises
    ------
    ValueError
        If ``scale`` is not positive and finite.

    Examples
    --------
    >>> from symkernel import groups
    >>> from symkernel.spectral import Stereographic
    >>> Stereographic(1.0).fit_transform([[0.0, 0.0], [1.0, 0.0]])
    array([[ 0.,  0., -1.],
           [ 1.,  0.,  0.]])
    >>> Stereographic.lift(groups.Cyclic(3)).degree
    4
    """

    def __init__(self, scale: float | None = None) -> None:
        self.scale = scale

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the scale.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
        y : ignored

        Returns
        -------
        self
        """
        array = check_data(self, X, dtype=np.float64)
        if self.scale is None:
            self.scale_ = float(np.median(np.linalg.norm(array, axis=1))) or 1.0
        else:
            self.scale_ = as_number(self.scale, "scale", 0.0, strict=True)
        self._n_features_out = array.shape[1] + 1
        return self

    def transform(self, X: Any) -> Any:
        """Return unit vectors, float64 (n, n_features + 1)."""
        check_is_fitted(self)
        array = check_data(self, X, reset=False, dtype=np.float64) / self.scale_
        square = np.einsum("ij,ij->i", array, array)[:, None]
        return np.concatenate([2.0 * array, square - 1.0], axis=1) / (square + 1.0)

    @staticmethod
    def lift(group: Group) -> Group:
        """Return the group on d + 1 features that leaves the last one as it is.

        Parameters
        ----------
        group : Group
            Finite, on d features.

        Raises
        ------
        ValueError
            If the group is infinite.
        """
        if not group.is_finite:
            raise ValueError(f"group must be finite to be lifted, got {group!r}")
        d = group.degree
        if not group.generators:
            return Trivial(d + 1)
        signed = [g for g in group.generators if isinstance(g, SignedPermutation)]
        if len(signed) < len(group.generators):
            lifted = [exact_element(block_diag(g.as_matrix(), 1.0)) for g in group.generators]
            return MatrixGroup(lifted, limit=max(20_000, int(group.order)))
        return PermutationGroup(
            [
                SignedPermutation(
                    np.append(g.indices, d), None if g.signs is None else np.append(g.signs, 1)
                )
                for g in signed
            ]
        )
