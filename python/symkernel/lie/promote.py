"""Fit regression that keeps candidate symmetries unless the data speak against them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import check_is_fitted

from symkernel.lie._binding import (
    bind_candidates,
    bind_dictionary,
    measure_points,
    warn_of_flat_samples,
)
from symkernel.lie._candidates import (
    bind_outputs,
    make_candidate,
    warn_of_few_samples,
    with_grid,
)
from symkernel.lie._kept import split_candidate
from symkernel.lie._paths import Samples, Solver, choose, make_folds
from symkernel.lie._sparse import threshold_weights
from symkernel.lie.dictionary import Dictionary
from symkernel.validation import check_data

Array = NDArray[Any]


class SymmetryPromotingRegressor(
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""Least squares in a dictionary, with a penalty on the number of broken symmetries.

    .. math::

        \min_w \frac{1}{2n} |\Theta w - y|^2 + \gamma\, P(M_w),

    where column q of :math:`M_w` is the Lie derivative of the model along generator q of a
    candidate algebra, those of several targets one below the other. The rank of :math:`M_w` is the
    number of candidate dimensions that the model breaks; the penalty makes it small [1]_.

    Parameters
    ----------
    dictionary : Dictionary, object with values(X) and jacobians(X), or None, default=None
        Functions that the model is a sum of; None means ``monomials(2)``.
    algebra : Fields, str, or list or dict of them, default="special_euclidean"
        Candidate symmetries, by themselves or by the name of the function that makes them. Of
        several, cross-validation chooses.
    output : "vector", array-like of shape (q, t, t), dict of them, or None, default=None
        How the generators of ``algebra`` move t targets: along a symmetry
        :math:`DF(x)\, \xi_q(x) = B_q F(x)`. "vector": as the samples move, by the linear parts of
        affine fields, for maps from a space to itself and for velocities, whose symmetries take
        solutions to solutions. None: every target is invariant. A dict has one action for every
        name in a dict of algebras.
    penalty : {"nuclear", "log-det"}, default="nuclear"
        "nuclear" is the sum of the singular values: convex, with a certificate. Under noise it
        shrinks the fit, and the weight that predicts best rarely makes a symmetry exact. "log-det"
        (experimental) counts the singular values: it is not convex, but found planted
        symmetries exactly where the nuclear norm did not (``examples/promote_under_noise.py``).
    gamma : float or "cv", default="cv"
        Weight of the penalty; "cv" chooses the largest whose error over the folds exceeds the least
        by no more than one standard error of the difference. 0 asks for the interpolant of least
        nuclear norm.
    gammas : array-like or None, default=None
        Weights to choose from; None means ``n_gammas`` of them on a logarithmic grid.
    n_gammas : int, default=20
        Length of the grid.
    threshold : float, default=0.0
        Weights smaller in size are set to zero and the others fitted again, with the same penalty,
        until no more are: sparse regression (SINDy [2]_) with promoted symmetry. 0 keeps all.
    cv : int or cross-validator, default=5
        Number of shuffled folds, or a splitter such as ``LeaveOneOut()``.
    measure : {"gaussian", "data"} or array-like of shape (n, n_features), default="gaussian"
        Points that functions are averaged over in the penalty: normal ones about the mean of the
        samples, with their mean variance; the samples; or yours. A measure that a candidate group
        does not leave invariant biases the nuclear norm.
    symmetry_tol : float, default=1e-3
        Largest relative derivative along a direction that counts as kept.
    tol : float, default=1e-6
        Duality gap, as a part of the objective, or relative change of the weights, to stop at.
    max_iter : int, default=5000
        Iterations of one solve at most.
    random_state : int or None, default=None
        Of the shuffled folds.

    Attributes
    ----------
    coef_ : ndarray of shape (n_terms,) or (n_terms, n_targets)
        Weights of the dictionary.
    singular_values_ : ndarray of shape (q,)
        Of :math:`M_w` relative to the size of the gradient times that of the fields, and of
        :math:`B_q` times that of the values, descending: 0 is a symmetry, 1 a generic direction.
    directions_ : ndarray of shape (q, q)
        Rows are the right singular vectors: combinations of the generators of ``algebra_``.
    kept_, broken_ : Fields
        What of ``algebra_`` is a symmetry of the fitted model up to ``symmetry_tol``, and the
        orthogonal complement.
    algebra_ : Fields
        The candidate used, bound to the number of features; ``algebra_name_`` is its name.
    algebra_name_ : str
        See above.
    gamma_ : float
        Weight used.
    n_iter_ : int
        Iterations of the last solve.
    gap_ : float or None
        Certified distance of the objective from its optimum (nuclear norm), else None.
    cv_results_ : dict or None
        Arrays "algebra", "gamma", "mean_mse" and "std_mse", if anything was chosen.
    dictionary_ : Dictionary
        Bound to the number of features.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray
        Their names, if X was a data frame with string columns.

    Raises
    ------
    ValueError
        In fit: parameters out of range, algebra or dictionary for another number of features,
        output for another number of targets, or gamma=0 and targets that the dictionary cannot
        interpolate.
    TypeError
        In fit: output="vector" and fields that are not affine.

    Warns
    -----
    UserWarning
        If so few samples are given that invariant functions interpolate anything, if the samples
        lie in a subspace, or if the model found is constant.
    ConvergenceWarning
        If an iteration stopped at ``max_iter``.

    See Also
    --------
    EnforcedRegressor : Symmetry that is known.

    Notes
    -----
    One solve costs, per iteration, a singular value decomposition of a matrix with at most
    n_terms rows (monomials) or q n_terms and q columns, however many samples there are; t times as
    many rows and, where ``output`` couples them, weights for t targets. The inner product of
    functions is a mean over ``measure`` and a sum over targets.

    With ``output="vector"`` linear dynamics are a symmetry of themselves. Finite symmetries, such
    as that of the Lorenz system, are not among the candidates.

    References
    ----------
    .. [1] S. E. Otto, N. Zolman, J. N. Kutz, S. L. Brunton, "A unified framework to enforce,
       discover, and promote symmetry in machine learning", JMLR 2025.
    .. [2] S. L. Brunton, J. L. Proctor, J. N. Kutz, "Discovering governing equations from data by
       sparse identification of nonlinear dynamical systems", PNAS 113, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (100, 2))
    >>> y = (X**2).sum(axis=1) + 0.05 * rng.standard_normal(100)
    >>> model = lie.SymmetryPromotingRegressor(
    ...     lie.monomials(3), lie.special_euclidean(2), penalty="log-det"
    ... ).fit(X, y)
    >>> model.kept_.dim, model.broken_.dim
    (1, 2)

    Dynamics: velocities move as states do. Those of a Hopf bifurcation turn with the plane.

    >>> r2 = (X**2).sum(axis=1, keepdims=True)
    >>> dX = X @ [[1, 1], [-1, 1]] - X * r2 + 0.01 * rng.standard_normal((100, 2))
    >>> model = lie.SymmetryPromotingRegressor(
    ...     lie.monomials(3), "affine", output="vector", penalty="log-det", threshold=0.1
    ... ).fit(X, dX)
    >>> model.kept_.dim, int((model.coef_ != 0).sum())
    (1, 8)
    """

    def __init__(
        self,
        dictionary: Any = None,
        algebra: Any = "special_euclidean",
        *,
        output: Any = None,
        penalty: Literal["nuclear", "log-det"] | str = "nuclear",
        gamma: float | Literal["cv"] | str = "cv",
        gammas: ArrayLike | None = None,
        n_gammas: int = 20,
        threshold: float = 0.0,
        cv: int | BaseCrossValidator = 5,
        measure: ArrayLike | str = "gaussian",
        symmetry_tol: float = 1e-3,
        tol: float = 1e-6,
        max_iter: int = 5000,
        random_state: int | None = None,
    ) -> None:
        self.dictionary = dictionary
        self.algebra = algebra
        self.output = output
        self.penalty = penalty
        self.gamma = gamma
        self.gammas = gammas
        self.n_gammas = n_gammas
        self.threshold = threshold
        self.cv = cv
        self.measure = measure
        self.symmetry_tol = symmetry_tol
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the weights, and choose the penalty and the candidate where there is a choice.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.

        Returns
        -------
        SymmetryPromotingRegressor
            The fitted model.
        """
        self._check_parameters()
        X, y = check_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        y = np.asarray(y, dtype=float)
        warn_of_flat_samples(X)
        self.dictionary_: Dictionary = bind_dictionary(self.dictionary, X.shape[1])
        samples = Samples(self.dictionary_.values(X), y.reshape(len(y), -1))
        points = measure_points(self.measure, X, self.dictionary_.n_terms)
        algebras = bind_candidates(self.algebra, X.shape[1])
        n_targets = samples.targets.shape[1]
        candidates = []
        for name, output in bind_outputs(self.output, algebras, n_targets).items():
            candidate = make_candidate(
                name, algebras[name], output, self.dictionary_, points, n_targets
            )
            warn_of_few_samples(candidate, len(y))
            gammas = self._given_gammas()
            if gammas is None:
                candidate = with_grid(candidate, *samples, self.penalty, int(self.n_gammas))
            else:
                candidate = replace(candidate, gammas=gammas)
            candidates.append(candidate)
        solver = Solver(self.penalty, int(self.max_iter))
        self.cv_results_: dict[str, Any] | None = None
        # A sample cannot be left out of one: the largest weight keeps most symmetry.
        chosen, self.gamma_ = candidates[0], float(candidates[0].gammas[0])
        if len(candidates) > 1 or len(chosen.gammas) > 1:
            folds = make_folds(self.cv, len(y), self.random_state)
            if folds is not None:
                # Errors on folds need few digits of the weights.
                rough = max(float(self.tol), 1e-3)
                chosen, self.gamma_, self.cv_results_ = choose(
                    solver, candidates, samples, folds, rough
                )
        self.algebra_, self.algebra_name_ = chosen.algebra, chosen.name
        # Warm starts of the path above gamma make the last solve of the nuclear norm short.
        path = chosen.gammas[chosen.gammas >= self.gamma_]
        if self.penalty == "log-det":
            path = path[-1:]
        tol = float(self.tol)
        solution = solver.paths(chosen, [samples], path, tol)[0][-1]
        if self.threshold:
            if n_targets > 1 and chosen.output is None:
                still = np.zeros((chosen.algebra.dim, n_targets, n_targets))
                chosen = make_candidate(
                    chosen.name, chosen.algebra, still, self.dictionary_, points, n_targets
                )
                solution = solution._replace(weights=solution.coef.T.ravel())
            solution = threshold_weights(
                solver, chosen, samples, self.gamma_, tol, float(self.threshold), solution
            )
        self.gap_, self.n_iter_ = solution.gap, solution.n_iter
        if not solution.converged:
            warnings.warn(
                f"no convergence within max_iter={self.max_iter} iterations at "
                f"gamma={self.gamma_:.3g}",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.coef_: Array = solution.coef[:, 0] if y.ndim == 1 else solution.coef
        verdict = split_candidate(
            chosen, solution.weights, self.dictionary_, points, float(self.symmetry_tol)
        )
        self.singular_values_: Array = verdict.singular_values
        self.directions_: Array = verdict.directions
        self.kept_, self.broken_ = verdict.kept, verdict.broken
        return self

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Values of the model.
        """
        check_is_fitted(self)
        X = check_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(self.dictionary_.values(X) @ self.coef_)

    def report(self) -> str:
        """Return what is kept and what is broken, with the evidence.

        Returns
        -------
        str
            One line per direction of the candidate algebra, the most broken first.
        """
        check_is_fitted(self)
        kept, q = self.kept_.dim, self.algebra_.dim
        lines = [
            f"{self.algebra_name_}: {kept} of {q} dimensions kept (penalty {self.penalty}, "
            f"gamma {self.gamma_:.3g})"
        ]
        for value, row in zip(self.singular_values_, self.directions_, strict=True):
            verdict = "kept  " if value <= self.symmetry_tol else "broken"
            name = self.algebra_.combine(row[None]).names[0]
            lines.append(f"  {verdict} {value:9.2e}  {name}")
        return "\n".join(lines)

    def _check_parameters(self) -> None:
        if self.penalty not in ("nuclear", "log-det"):
            raise ValueError(f"penalty must be 'nuclear' or 'log-det', got {self.penalty!r}")
        if isinstance(self.gamma, str):
            if self.gamma != "cv":
                raise ValueError(f"gamma must be a number or 'cv', got {self.gamma!r}")
        elif not isinstance(self.gamma, Real) or not 0 <= float(self.gamma) < np.inf:
            raise ValueError(f"gamma must be finite and not negative, got {self.gamma!r}")
        elif float(self.gamma) == 0 and self.penalty == "log-det":
            raise ValueError("gamma=0 interpolates with penalty='nuclear' only, got 'log-det'")
        if not isinstance(self.threshold, Real) or not 0 <= float(self.threshold) < np.inf:
            raise ValueError(f"threshold must be finite and not negative, got {self.threshold!r}")
        if self.threshold and not isinstance(self.gamma, str) and float(self.gamma) == 0:
            raise ValueError(
                "threshold needs a positive gamma: without small weights nothing interpolates, got "
                f"gamma=0 and threshold={self.threshold!r}"
            )
        for name in ("n_gammas", "max_iter"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        for name in ("symmetry_tol", "tol"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 < float(value) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")

    def _given_gammas(self) -> Array | None:
        """Weights that the user gave, descending; None if they are to be found."""
        if not isinstance(self.gamma, str):
            return np.array([float(self.gamma)])
        if self.gammas is None:
            return None
        given = np.unique(np.asarray(self.gammas, dtype=float))[::-1]
        if given.ndim != 1 or not len(given) or not (given > 0).all() or np.isinf(given).any():
            raise ValueError(f"gammas must be positive and finite, got {self.gammas!r}")
        return given
