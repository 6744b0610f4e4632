"""Choose alpha and gamma of invariant kernel ridge regression by exact leave-one-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.gaussian_process.kernels import Kernel

from symkernel.backends.arrays import is_on_device, namespace
from symkernel.estimators import _device as on_device
from symkernel.estimators._gradients import GradientRegressor
from symkernel.estimators._grid import Grid, make_grid
from symkernel.estimators._grid_scores import DEFAULT_ALPHAS, choose_best, scores_over
from symkernel.estimators._joint_search import JointSearch, check_joint_search
from symkernel.estimators._kernel import BoundKernel, KernelSpec
from symkernel.estimators._machine import MATRICES_OF_EIGENSOLVER, check_alpha, check_weights
from symkernel.estimators._regression import averaged, check_normalize_y
from symkernel.estimators._scoring import make_score
from symkernel.estimators._search import Search, searches_on_centres
from symkernel.estimators._solvers import read_options
from symkernel.estimators._turning_targets import warn_turning
from symkernel.groups import Group
from symkernel.kernels import Quadrature, Sample
from symkernel.solvers.centring import centred_residuals
from symkernel.solvers.leave_one_out import leave_one_out_residuals
from symkernel.validation import RandomState

Array = NDArray[Any]


class InvariantKernelRidgeCV(
    GradientRegressor,
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""Invariant kernel ridge regression with leave-one-out choice of alpha and gamma.

    For each kernel hyperparameter one eigendecomposition of the Gram matrix gives the exact
    leave-one-out predictions for every alpha; the best pair is then fitted as by
    ``InvariantKernelRidge``.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,), default=None
        Regularisation strengths to try, not negative. None means 31 values from 1e-10 to 1e2,
        evenly spaced on a logarithmic scale.
    gammas : array-like of shape (n_gammas,), default=None
        Values of gamma to try, for kernels with that parameter. None means nine values around
        the spread of the data for "rbf" (1 / l^2) and "laplacian" (1 / (l sqrt(n_features))),
        with l from 0.18 to 18 times the root mean squared distance of two samples; the default
        gamma alone for other kernels.
    length_scales : array-like of shape (n_length_scales,), default=None
        Values set on the ``length_scale`` of a kernel object (RBF, Matern, RationalQuadratic) or
        of "matern", in place of `gammas`. None means nine values, the l above; a kernel object
        with one length per feature keeps its own.
    group : Group, str or None, default=None
        Group that acts on the features, or the name of one that acts on all of them, or
        ``G.on(columns)``, a group on some of them.
    kernel : str, kernel object or callable, default="rbf"
        As for ``InvariantKernelRidge``.
    degree : float, default=3
        Of the polynomial kernel.
    coef0 : float, default=1
        Of the polynomial and sigmoid kernels.
    kernel_params : dict or None, default=None
        Further parameters of a callable kernel, or of "matern" and "arc_cosine".
    method : str, Quadrature or Sample, default="auto"
        How the average is computed, see ``InvariantKernel``.
    normalize_y : bool or None, default=None
        Whether to subtract the mean of every target, weighted as the samples are, before the fit
        and to add it to predictions; in leave-one-out the mean of the samples that are left. None
        means True with a group and False without.
    scoring : str, callable or None, default=None
        Score of the leave-one-out predictions, larger is better. None means
        "neg_mean_squared_error"; any name of a regression scorer of scikit-learn; or a scorer
        ``scorer(estimator, X, y)``, which receives the leave-one-out predictions as X and an
        estimator that returns them. Sample weights are passed on if given.
    store_cv_results : bool, default=False
        Whether to keep `cv_results_`.
    refit : bool, default=True
        Whether to fit with the best pair; without it only the search is done.
    verbose : int, default=0
        Show a progress bar if positive.
    solver, n_components, centers, tol, max_iter, precision, memory_limit, checkpoint, random_state
        As for ``InvariantKernelRidge``. With "nystroem" all alphas are scored on centres after one
        pass over the samples for each gamma, at most 500 centres where their number is not given;
        the best pair is fitted by the same solver. "auto" leaves out each sample where the matrices
        for that fit in memory. "pcg" is refused: it has no leave-one-out errors.
    cv : {"gcv", "holdout"} or None, default=None
        Score with ``solver="nystroem"``: generalised cross-validation, of the mean squared error,
        or `scoring` of a fifth of the samples, at most 10,000, held out by `random_state`. None
        means "gcv", but "holdout" where residuals of tiny alphas have cancelled, where more than a
        tenth of the samples are centres, or where there is another scoring.
    n_jobs : int or None, default=None
        Threads for kernel values.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where to compute: "auto" where the samples live, "cuda" on a GPU (needs CuPy). What is
        fitted, and predictions, are arrays of the kind that was given.

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
    dual_coef_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Weights of the training samples.
    intercept_ : float or ndarray of shape (n_targets,)
        The mean that was subtracted; 0 if none was.
    X_fit_ : ndarray or sparse matrix of shape (n_samples, n_features)
        Training samples.
    group_ : Group or None
        The group, bound to the number of features.
    kernel_ : InvariantKernel, Kernel, str or callable
        The kernel used, with the best hyperparameter.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features, if X was a data frame with string columns.

    See Also
    --------
    InvariantKernelRidge : The same with given alpha and gamma.

    Notes
    -----
    For each gamma: n^2 |G| / 2 kernel values and about 9 n^3 operations, whatever the number of
    alphas; memory for four n x n matrices. A weight multiplies the squared error of its sample
    in fit and in score; a sample of integer weight is left out whole, so it is not the same as
    its repetition, of which one at a time is left out.

    References
    ----------
    .. [1] R. Rifkin, R. Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import InvariantKernelRidgeCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 3))
    >>> y = np.abs(X).sum(axis=1) + 0.1 * rng.normal(size=60)
    >>> search = InvariantKernelRidgeCV(
    ...     alphas=[1e-6, 1e-5, 1e-4, 1e-3], gammas=[0.01, 0.1, 1.0], group="sign_flips"
    ... )
    >>> search.fit(X, y).alpha_, search.gamma_
    (1e-05, 0.1)
    >>> bool(np.allclose(search.predict(-X), search.predict(X)))
    True
    """

    alpha_: float
    best_score_: float
    gradient_alpha = None
    descriptor = None

    def __init__(
        self,
        alphas: ArrayLike | None = None,
        gammas: ArrayLike | None = None,
        *,
        length_scales: ArrayLike | None = None,
        group: Group | str | None = None,
        kernel: str | Kernel | Callable[..., float] = "rbf",
        degree: float = 3,
        coef0: float = 1,
        kernel_params: Mapping[str, Any] | None = None,
        method: str | Quadrature | Sample = "auto",
        normalize_y: bool | None = None,
        scoring: str | Callable[..., float] | None = None,
        store_cv_results: bool = False,
        refit: bool = True,
        solver: Literal["auto", "cholesky", "pcg", "nystroem"] = "auto",
        n_components: int | None = None,
        centers: Literal["rpcholesky", "uniform"] = "rpcholesky",
        tol: float = 1e-4,
        max_iter: int = 200,
        precision: Literal["auto", "float32", "float64"] = "auto",
        memory_limit: float | None = None,
        checkpoint: str | Path | None = None,
        cv: Literal["gcv", "holdout"] | None = None,
        verbose: int = 0,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
    ) -> None:
        self.alphas = alphas
        self.gammas = gammas
        self.length_scales = length_scales
        self.group = group
        self.kernel = kernel
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.method = method
        self.normalize_y = normalize_y
        self.scoring = scoring
        self.store_cv_results = store_cv_results
        self.refit = refit
        self.solver = solver
        self.n_components = n_components
        self.centers = centers
        self.tol = tol
        self.max_iter = max_iter
        self.precision = precision
        self.memory_limit = memory_limit
        self.checkpoint = checkpoint
        self.cv = cv
        self.verbose = verbose
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, gradient: Any = None
    ) -> Self:
        """Search the grid by leave-one-out and fit with the best pair.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Training samples, at least two.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets; all share alpha and gamma. With `gradient` one for each sample, NaN where it
            was not observed, or None.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the squared errors.
        gradient : array-like of the shape of X, optional
            Derivatives of the target for the features of X, with the same alpha; rows of NaN where
            they were not observed. A sample is left out with its gradient, and the score is minus
            the mean squared error of values over the variance of y (its mean square, if it is not
            centred), and of gradients over their mean square, averaged over both.

        Returns
        -------
        InvariantKernelRidgeCV
            The fitted estimator itself.

        Raises
        ------
        TypeError, ValueError
            As ``InvariantKernelRidge.fit``; also for a grid that does not suit the kernel, and if
            no pair has a finite score.
        NotApplicableError
            As ``InvariantKernelRidge.fit``; also if gradients do not go with solver, scoring or cv.
        MemoryError
            If the Gram matrix and the workspace of its eigendecomposition do not fit in memory.

        Warns
        -----
        GridEdgeWarning
            If the best alpha, gamma or length scale is at the edge of its grid, and the score still
            rises there.
        UserWarning
            If targets turn with the samples, as in ``InvariantKernelRidge.fit``.
        """
        alphas = DEFAULT_ALPHAS if self.alphas is None else check_alpha(self.alphas, "alphas")
        spec = self._spec()
        centred = check_normalize_y(self.normalize_y, unset=spec.invariant)
        if gradient is not None:
            given = X, y, gradient, sample_weight
            grid, scores = self._search_jointly(spec, alphas, given, centred)
            choose_best(self, grid, alphas, scores)
            if self.refit:
                self._fit_jointly(grid.place(spec, self._best(grid)), *given, centred)
            return self
        X, y = self._check_training(
            spec, X, y, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        weights = check_weights(sample_weight, X)
        warn_turning(spec, X, y, weights, getattr(self, "feature_names_in_", None))
        computed = on_device.placed(X, self.device)
        grid = make_grid(spec, self.gammas, self.length_scales, computed, weights)
        options = read_options(self)
        if searches_on_centres(options, self.cv, computed):
            names = getattr(self, "feature_names_in_", None)
            search = Search(
                options,
                grid,
                alphas,
                lambda value: grid.place(spec, value).bind(computed.shape[1], names),
                centred,
            )
            scores = search.scores(computed, y, weights, self.cv, self.scoring)
        else:
            scores = self._search(spec, grid, alphas, computed, y, weights, centred)
        choose_best(self, grid, alphas, scores)
        if self.refit:
            best = grid.place(spec, self._best(grid))
            self._fit(best, X, y, self.alpha_, weights, centred)
        return self

    def _search_jointly(
        self, spec: KernelSpec, alphas: Array, given: tuple[Any, Any, Any, Any], centred: bool
    ) -> tuple[Grid, Array]:
        """Scores of samples left out together with their gradients."""
        check_joint_search(read_options(self).solver, self.scoring, self.cv)
        seen = self._read_jointly(spec, *given)
        grid = make_grid(spec, self.gammas, self.length_scales, seen.rows, seen.weights)
        search = JointSearch(seen, alphas, centred, self.n_jobs)

        def scores_of(value: Any) -> Array:
            placed = averaged(grid.place(spec, value), seen.rows.shape[1], "gradient observations")
            return search.scores(self._bind(placed, seen.rows).kernel)

        return grid, scores_over(grid, alphas, scores_of, self.verbose > 0)

    def _best(self, grid: Grid) -> Any:
        return getattr(self, f"{grid.name}_", None)

    def _alphas(self) -> tuple[float, float]:
        return self.alpha_, 1.0

    def _search(
        self,
        spec: KernelSpec,
        grid: Grid,
        alphas: Array,
        X: Any,
        y: Array,
        weights: Array | None,
        centred: bool,
    ) -> Array:
        """Leave-one-out scores of shape (n_values, n_alphas)."""
        if weights is not None and not weights.all():  # weight 0: not in the fit, not in the score
            used = np.flatnonzero(weights)
            rows = namespace(X).asarray(used)
            if len(used) < 2:
                raise ValueError("leave-one-out needs 2 samples of positive weight; got 1 sample")
            X = X.tocsr()[used] if issparse(X) else X[rows]
            X = X[:, used] if spec.precomputed else X
            y, weights = y[used], weights[used]
        targets = y.reshape(len(y), -1)
        score = make_score(self.scoring, y, weights)

        def scores_of(value: Any) -> list[float]:
            bound = self._bind(grid.place(spec, value), X)
            residuals = self._residuals(bound, X, targets, alphas, weights, centred)
            return [score(r.reshape(y.shape)) for r in residuals]

        return scores_over(grid, alphas, scores_of, self.verbose > 0)

    def _residuals(
        self,
        bound: BoundKernel,
        X: Any,
        targets: Array,
        alphas: Array,
        weights: Array | None,
        centred: bool,
    ) -> Array:
        """Leave-one-out residuals of shape (n_alphas, n, n_targets), on the host."""
        if centred:
            return centred_residuals(
                lambda y: self._residuals(bound, X, y, alphas, weights, centred=False),
                targets,
                weights,
            )
        if is_on_device(X):
            return on_device.leave_one_out(bound, X, targets, alphas, weights)
        K = self._gram(bound, X, copies=MATRICES_OF_EIGENSOLVER)
        return leave_one_out_residuals(K, targets, alphas, weights)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is something to predict with."""
        return hasattr(self, "dual_coef_")
