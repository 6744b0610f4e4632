"""Choose alpha and gamma for targets that turn with their samples by exact leave-one-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.gaussian_process.kernels import Kernel

from symkernel.estimators._equivariant_fit import EquivariantRegressor, Given
from symkernel.estimators._equivariant_search import BlockSearch
from symkernel.estimators._grid import make_grid
from symkernel.estimators._grid_scores import DEFAULT_ALPHAS, choose_best, scores_over
from symkernel.estimators._machine import check_alpha
from symkernel.estimators._regression import check_normalize_y
from symkernel.estimators._scoring import make_score
from symkernel.groups import Group, Representation
from symkernel.kernels.equivariant import EquivariantKernel


class EquivariantKernelRidgeCV(
    EquivariantRegressor,
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""Equivariant kernel ridge regression with leave-one-out choice of alpha and gamma.

    For each kernel hyperparameter one eigendecomposition of the matrix of blocks gives the exact
    predictions of every sample by all the others, for every alpha; the best pair is then fitted as
    by ``EquivariantKernelRidge``.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,), default=None
        Regularisation strengths to try, not negative. None means 31 values from 1e-10 to 1e2,
        evenly spaced on a logarithmic scale.
    gammas : array-like of shape (n_gammas,), default=None
        Values of gamma to try, for kernels with that parameter. None means what it means in
        ``InvariantKernelRidgeCV``, for samples less their translations.
    length_scales : array-like of shape (n_length_scales,), default=None
        Values set on the ``length_scale`` of a kernel object or of "matern", in place of `gammas`;
        None likewise.
    group : Group, str or None, default=None
        As in ``EquivariantKernelRidge``.
    output : Representation or str, default="vector"
        How targets turn; see ``EquivariantKernelRidge``.
    kernel : str or kernel object, default="rbf"
        As in ``EquivariantKernelRidge``.
    degree : float, default=3
        Of the polynomial kernel.
    coef0 : float, default=1
        Of the polynomial kernel.
    kernel_params : dict or None, default=None
        Parameters of "matern" and "arc_cosine".
    normalize_y : bool or None, default=None
        Whether to subtract what the group leaves of the mean of the targets, weighted as the
        samples are, before the fit and to add it to predictions; in leave-one-out of the mean of
        the samples that are left. None means True with a group and False without.
    scoring : str, callable or None, default=None
        Score of the leave-one-out predictions, larger is better, as in ``InvariantKernelRidgeCV``.
        Only the mean squared error, which None means, is that of turned samples as well.
    store_cv_results : bool, default=False
        Whether to keep `cv_results_`.
    refit : bool, default=True
        Whether to fit with the best pair; without it only the search is done.
    verbose : int, default=0
        Show a progress bar if positive.
    n_jobs : int or None, default=None
        Threads for kernel values; None means the default of OpenMP, -1 all processors.

    Attributes
    ----------
    alpha_ : float
        Best alpha.
    gamma_ : float or None
        Best gamma; None if the kernel's default was used. Only for kernels with gamma.
    length_scale_ : float or None
        Best length scale; None if the kernel's own was kept. Only for kernels with a length scale.
    best_score_ : float
        Leave-one-out score of the best pair.
    cv_results_ : dict
        If `store_cv_results`: arrays "param_alpha", "param_gamma" or "param_length_scale",
        "mean_test_score" and "rank_test_score" of length n_gammas * n_alphas, gamma-major, and
        the list "params" of the same, as in ``GridSearchCV``.
    dual_coef_ : ndarray of shape (n_samples, p) or (n_samples,)
        Weights c of the training samples, f(x) = sum_i K(x, x_i) c_i + intercept.
    intercept_ : ndarray of shape (p,), or float
        What was subtracted; 0 if nothing was.
    X_fit_ : ndarray of shape (n_samples, n_features)
        Training samples.
    group_ : Group
        The group, bound to the number of features; the trivial one if None was given.
    output_ : Representation
        How the p targets turn.
    kernel_ : EquivariantKernel
        The kernel used, with the best hyperparameter.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features, if X was a data frame with string columns.

    See Also
    --------
    EquivariantKernelRidge : The same with given alpha and gamma.
    InvariantKernelRidgeCV : For targets that stay as they are.

    Notes
    -----
    All p targets of a sample are left out together:

    .. math:: y_i - f_{-i}(x_i) = [(A^{-1})_{ii}]^{-1} (A^{-1} y)_i, \qquad A = K + \alpha I,

    with blocks of p rows. For each gamma 9 (n p)^3 operations and memory for four matrices of n p
    rows; then (n p)^2 (p + 1) for every alpha. Parts of a direct sum are systems of their own, of
    fewer rows, and share alpha and gamma. A weight multiplies the squared error of its sample in
    fit and in score. Source: G. Wahba, Spline models for observational data, SIAM 1990, section
    4.2, for blocks.

    Examples
    --------
    Dipoles of charges that depend on distances, with noise:

    >>> import numpy as np
    >>> from symkernel import EquivariantKernelRidgeCV, groups
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 3, 3))
    >>> bonds = X[:, 1:] - X[:, :1]
    >>> charges = np.exp(-np.linalg.norm(bonds, axis=2) / 3)
    >>> dipoles = np.einsum("np,npa->na", charges, bonds) + 0.1 * rng.standard_normal((40, 3))
    >>> G = groups.SE(3).along(1, (3, 3))
    >>> search = EquivariantKernelRidgeCV([1e-4, 1e-3, 1e-2, 1e-1], [0.01, 0.03, 0.1, 0.3], group=G)
    >>> search.fit(X, dipoles).alpha_, search.gamma_
    (0.001, 0.1)
    >>> R = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> bool(np.allclose(search.predict(X @ R.T), search.predict(X) @ R.T, rtol=0, atol=1e-8))
    True
    """

    alpha_: float
    best_score_: float

    def __init__(
        self,
        alphas: ArrayLike | None = None,
        gammas: ArrayLike | None = None,
        *,
        length_scales: ArrayLike | None = None,
        group: Group | str | None = None,
        output: Representation | str = "vector",
        kernel: str | Kernel = "rbf",
        degree: float = 3,
        coef0: float = 1,
        kernel_params: Mapping[str, Any] | None = None,
        normalize_y: bool | None = None,
        scoring: str | Callable[..., float] | None = None,
        store_cv_results: bool = False,
        refit: bool = True,
        verbose: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.alphas = alphas
        self.gammas = gammas
        self.length_scales = length_scales
        self.group = group
        self.output = output
        self.kernel = kernel
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.normalize_y = normalize_y
        self.scoring = scoring
        self.store_cv_results = store_cv_results
        self.refit = refit
        self.verbose = verbose
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search the grid by leave-one-out and fit with the best pair.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Training samples, at least two.
        y : array-like of shape (n_samples, p)
            Targets, p as many as the representation has; (n_samples,) will do for one.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the squared errors of a sample.

        Returns
        -------
        EquivariantKernelRidgeCV
            The fitted estimator itself.

        Raises
        ------
        TypeError, ValueError
            As ``EquivariantKernelRidge.fit``; also for a grid that does not suit the kernel, and if
            no pair has a finite score.
        NotApplicableError, GroupTooLargeError
            If the group has no such kernel; says what is needed.
        MemoryError
            If the matrix and the workspace of its eigendecomposition do not fit in memory.

        Warns
        -----
        GridEdgeWarning
            If the best alpha, gamma or length scale is at the edge of its grid, and the score still
            rises there.
        """
        alphas = DEFAULT_ALPHAS if self.alphas is None else check_alpha(self.alphas, "alphas")
        centred = check_normalize_y(self.normalize_y, unset=self.group is not None)
        spec = self._spec()
        given = self._read(spec.group, X, y, sample_weight, ensure_min_samples=2)
        rows = given.group.structure.centred(given.X)
        grid = make_grid(spec, self.gammas, self.length_scales, rows, given.weights)
        seen = _weighted(given)
        targets = seen.y.reshape(len(seen.y), -1)
        search = BlockSearch(seen.X, targets, alphas, seen.weights, centred, self.n_jobs)
        score = make_score(self.scoring, seen.y, seen.weights)

        def scores_of(value: Any) -> list[float]:
            base = grid.place(spec, value)._base(seen.X.shape[1])
            residuals = search.residuals(EquivariantKernel(base, seen.group, seen.output))
            return [score(r.reshape(seen.y.shape)) for r in residuals]

        choose_best(self, grid, alphas, scores_over(grid, alphas, scores_of, self.verbose > 0))
        if self.refit:
            best = getattr(self, f"{grid.name}_", None)
            self._fit(grid.place(spec, best), given, self.alpha_, centred)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is something to predict with."""
        return hasattr(self, "dual_coef_")


def _weighted(given: Given) -> Given:
    """Return what counts in the search: samples of weight 0 are neither in a fit nor scored."""
    if given.weights is None or given.weights.all():
        return given
    used = np.flatnonzero(given.weights)
    if len(used) < 2:
        raise ValueError("leave-one-out needs 2 samples of positive weight; got 1 sample")
    return given._replace(X=given.X[used], y=given.y[used], weights=given.weights[used])
