"""Fit regression in the invariant functions of a manifold: spectral averaging."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin

from symkernel.groups import Group
from symkernel.spectral._fit import SpectralFit
from symkernel.spectral.manifold import Manifold

__all__ = ["SpectralRegressor"]

Array = NDArray[np.float64]


class SpectralRegressor(
    SpectralFit,
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""A linear combination of the eigenfunctions that a group leaves as they are.

    Predictions are exactly invariant. The functions come from the generators of the group alone,
    in time that does not grow with its order; see ``InvariantBasis``.

    Parameters
    ----------
    manifold : Manifold or {"torus", "sphere", "polynomials"}, default="polynomials"
        Where samples live; a name is bound to their number of features in ``fit`` ("torus" has
        period 2).
    group : Group, str or None, default=None
        Group that acts on the manifold, or the name of one that acts on all features (see
        ``symkernel.groups.from_name``); None for all eigenfunctions.
    max_level : int, float, "cv" or None, default=None
        Use all levels up to this, as ``InvariantBasis``. "cv" chooses it by leave-one-out, and so
        does None where ``n_components`` is None too: among levels of at most ``n_components``
        invariant functions or, where that is None, of at most as many invariant functions as
        samples and 50,000 functions in all. In the unit of the manifold's levels: degrees, |k|^2 on
        ``Torus``, the eigenvalue 4 pi^2 |k|^2 on ``LatticeTorus``.
    n_components : int, "theory" or None, default=None
        Use the largest set of whole levels with at most that many invariant functions; "theory"
        with at most n^(1 / (1 + 2 s/d)) of them, where d is the dimension of the manifold and s is
        ``smoothness``. Where ``max_level`` is given too, both bound.
    smoothness : float, default=None
        Sobolev smoothness s of the target; for ``n_components="theory"`` only.
    coef : {"ridge", "empirical"}, default="ridge"
        "ridge" is least squares with the penalty alpha on the squared coefficients, except that of
        the constant. "empirical" is Algorithm 1 of [1]_: the coefficient of phi is the mean of
        y_i phi(x_i), for samples uniform on the manifold. It is weak: see Notes.
    alpha : float, array-like of shape (n_targets,) or "cv", default="cv"
        Regularisation strength of "ridge", not negative; "cv" chooses it by exact leave-one-out.
        With 0, least squares of smallest norm.
    alphas : array-like of shape (n_alphas,), default=None
        Values that "cv" tries; None for 31 between 1e-14 and 10 times the largest eigenvalue of
        the Gram matrix of the centred features.
    tol : float, default=1e-9
        Of the null spaces; see ``InvariantBasis``.
    n_jobs : int, default=None
        Threads for eigenfunctions; None for as many as OpenMP would take, -1 for all processors.

    Attributes
    ----------
    coef_ : ndarray of shape (n_functions,) or (n_functions, n_targets)
        Coefficients of the invariant functions, the first of which is constant.
    basis_ : InvariantBasis
        The invariant functions.
    max_level_ : int or float
        The highest level used.
    alpha_ : float or array-like
        Regularisation strength used; only of "ridge".
    best_score_ : float
        Minus the mean squared leave-one-out error; only if something was chosen by it, as are the
        next three.
    alphas_ : ndarray of shape (n_alphas,)
        Regularisation strengths tried.
    levels_tried_ : ndarray of shape (n_levels,)
        Highest levels tried.
    leave_one_out_ : ndarray of shape (n_levels, n_alphas)
        Mean squared leave-one-out errors over samples and targets; infinite where the fit leaves
        no error but rounding.
    manifold_, group_ : Manifold, Group or None
        Bound to the number of features.
    n_features_in_ : int
        Number of features seen in fit.

    Raises
    ------
    TypeError, ValueError
        In ``fit``: if a parameter is not what is expected, if levels are given twice or, for
        "empirical", not at all, if the group does not act on the manifold or samples are not on
        it, or for "empirical" on polynomials, which are not orthonormal.

    Warns
    -----
    UserWarning
        In ``fit``, if the constant is the only invariant function up to ``max_level``.

    See Also
    --------
    InvariantBasis : The functions as features, for other linear models.
    SpectralClassifier : The same machine for classes.

    Notes
    -----
    With n samples and D functions, fitting takes 2 n D min(n, D) multiply-adds beside the
    functions themselves, and per level and alpha tried a pass over them. They are held in blocks,
    and computed again for every pass where they take more than 256 MB.

    Empirical coefficients have the variance of y phi(x) / n, even for targets without noise. On
    the experiment of [1]_, the torus of dimension 10 under changes of sign with n = 1000, their
    mean squared error is 0.75 with D = 176, that of least squares in the same functions 0.034.

    References
    ----------
    .. [1] A. Soleymani, B. Tahmasebi, S. Jegelka, P. Jaillet, "Learning with exact invariances in
       polynomial time", ICML 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import groups
    >>> from symkernel.spectral import SpectralRegressor, Torus
    >>> X = Torus(10).random_points(1000, random_state=0)
    >>> y = (X**2) @ np.arange(1, 11) / 10
    >>> model = SpectralRegressor(Torus(10), groups.SignFlips(10), max_level=3).fit(X, y)
    >>> model.coef_.shape
    (176,)
    >>> bool(np.allclose(model.predict(-X), model.predict(X), atol=1e-12))
    True
    """

    def __init__(
        self,
        manifold: Manifold | str = "polynomials",
        group: Group | str | None = None,
        *,
        max_level: int | float | Literal["cv"] | None = None,
        n_components: int | Literal["theory"] | None = None,
        smoothness: float | None = None,
        coef: Literal["ridge", "empirical"] = "ridge",
        alpha: float | ArrayLike | Literal["cv"] = "cv",
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
        """Fit the coefficients.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
            Samples on the manifold.
        y : array-like of float, shape (n,) or (n, n_targets)
            Targets.

        Returns
        -------
        self
        """
        X, y = self._check_training(X, y, multi_output=True, y_numeric=True)
        targets = np.asarray(y, np.float64).reshape(len(X), -1)
        if not isinstance(self.alpha, str) and np.size(self.alpha) not in (1, targets.shape[1]):
            raise ValueError(
                f"alpha must be one number or one for each of {targets.shape[1]} targets, got "
                f"{np.size(self.alpha)}"
            )
        self._solve(X, targets, y.shape[1:])
        return self

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
            Samples on the manifold.

        Returns
        -------
        ndarray of shape (n,) or (n, n_targets)
            float32 for samples in float32.
        """
        return self._decide(X)
