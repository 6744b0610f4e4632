"""Fit regression that keeps candidate symmetries unless the data speak against them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import BaseCrossValidator, KFold
from sklearn.utils.validation import check_is_fitted

from symkernel.lie._binding import (
    bind_candidates,
    bind_dictionary,
    measure_points,
    warn_of_flat_samples,
)
from symkernel.lie.dictionary import Dictionary
from symkernel.lie.fields import Fields
from symkernel.lie.logdet import fit_logdet
from symkernel.lie.nuclear import PenalizedLeastSquares, WarmStart, interpolate
from symkernel.lie.penalty import PenaltyOperator
from symkernel.validation import check_data

Array = NDArray[Any]


class _Candidate(NamedTuple):
    """An algebra with its penalty and the weights to try.

    Attributes
    ----------
    name : str
        What the user called it.
    algebra : Fields
        The vector fields.
    operator : PenaltyOperator
        The map from weights to Lie derivatives.
    gammas : ndarray
        Weights of the penalty, descending.
    """

    name: str
    algebra: Fields
    operator: PenaltyOperator
    gammas: Array


class SymmetryPromotingRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""Least squares in a dictionary, with a penalty on the number of broken symmetries.

    .. math::

        \min_w \frac{1}{2n} |\Theta w - y|^2 + \gamma\, P(M_w),

    where column q of :math:`M_w` is the Lie derivative of the model along generator q of a
    candidate algebra. The rank of :math:`M_w` is the number of candidate dimensions that the
    model breaks; the penalty makes it small [1]_.

    Parameters
    ----------
    dictionary : Dictionary, object with values(X) and jacobians(X), or None, default=None
        Functions that the model is a sum of; None means ``monomials(2)``.
    algebra : Fields, str, or list or dict of them, default="special_euclidean"
        Candidate symmetries, by themselves or by the name of the function that makes them. Of
        several, cross-validation chooses.
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
    coef_ : ndarray of shape (n_terms,)
        Weights of the dictionary.
    singular_values_ : ndarray of shape (q,)
        Of :math:`M_w` relative to the size of the gradient times that of the fields, descending: 0
        is a symmetry, 1 a generic direction.
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
        In fit: parameters out of range, algebra or dictionary for another number of features, or
        gamma=0 and targets that the dictionary cannot interpolate.

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
    n_terms rows (monomials) or q n_terms and q columns, however many samples there are.

    References
    ----------
    .. [1] S. E. Otto, N. Zolman, J. N. Kutz, S. L. Brunton, "A unified framework to enforce,
       discover, and promote symmetry in machine learning", JMLR 2025.

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
    """

    def __init__(
        self,
        dictionary: Any = None,
        algebra: Any = "special_euclidean",
        *,
        penalty: Literal["nuclear", "log-det"] | str = "nuclear",
        gamma: float | Literal["cv"] | str = "cv",
        gammas: ArrayLike | None = None,
        n_gammas: int = 20,
        cv: int | BaseCrossValidator = 5,
        measure: ArrayLike | str = "gaussian",
        symmetry_tol: float = 1e-3,
        tol: float = 1e-6,
        max_iter: int = 5000,
        random_state: int | None = None,
    ) -> None:
        self.dictionary = dictionary
        self.algebra = algebra
        self.penalty = penalty
        self.gamma = gamma
        self.gammas = gammas
        self.n_gammas = n_gammas
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
        y : array-like of shape (n_samples,)
            Targets.

        Returns
        -------
        SymmetryPromotingRegressor
            The fitted model.
        """
        self._check_parameters()
        X, y = check_data(self, X, y, y_numeric=True, dtype=np.float64)
        y = np.asarray(y, dtype=float)
        warn_of_flat_samples(X)
        self.dictionary_: Dictionary = bind_dictionary(self.dictionary, X.shape[1])
        features = self.dictionary_.values(X)
        points = measure_points(self.measure, X, self.dictionary_.n_terms)
        candidates = [
            self._candidate(name, algebra, features, y, points)
            for name, algebra in bind_candidates(self.algebra, X.shape[1]).items()
        ]
        self.cv_results_: dict[str, Any] | None = None
        chosen, self.gamma_ = candidates[0], float(candidates[0].gammas[0])
        if len(candidates) > 1 or len(chosen.gammas) > 1:
            chosen, self.gamma_ = self._choose(candidates, features, y)
        self.algebra_, self.algebra_name_ = chosen.algebra, chosen.name
        # Warm starts of the path above gamma make the last solve short.
        path = chosen.gammas[chosen.gammas >= self.gamma_]
        weights, self.gap_, self.n_iter_, converged = self._path(
            chosen.operator, features, y, path, float(self.tol)
        )[-1]
        if not converged:
            warnings.warn(
                f"no convergence within max_iter={self.max_iter} iterations at "
                f"gamma={self.gamma_:.3g}",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.coef_: Array = weights
        self._judge(chosen.operator, points)
        return self

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
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
        for name in ("n_gammas", "max_iter"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        for name in ("symmetry_tol", "tol"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 < float(value) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")

    def _candidate(
        self, name: str, algebra: Fields, features: Array, y: Array, points: Array
    ) -> _Candidate:
        operator = PenaltyOperator.of_dictionary(self.dictionary_, algebra, points)
        values, vectors = linalg.eigh(operator.gram)
        free = values <= 1e-10 * max(float(values[-1]), np.finfo(float).tiny)
        invariants, n = int(free.sum()), len(y)
        if n <= invariants:
            warnings.warn(
                f"{n} samples are too few for {name}: the {invariants} invariant functions of the "
                "dictionary interpolate any targets, so every candidate symmetry will be kept; "
                f"at least {invariants + 1} samples are needed",
                UserWarning,
                stacklevel=3,
            )
        if not isinstance(self.gamma, str):
            return _Candidate(name, algebra, operator, np.array([float(self.gamma)]))
        if self.gammas is not None:
            given = np.unique(np.asarray(self.gammas, dtype=float))[::-1]
            if given.ndim != 1 or not len(given) or not (given > 0).all() or np.isinf(given).any():
                raise ValueError(f"gammas must be positive and finite, got {self.gammas!r}")
            return _Candidate(name, algebra, operator, given)
        if self.penalty == "log-det":
            # In units of the variance of the targets: log-det does not know their scale.
            most, decades = float(np.var(y)), 9.0
        else:
            # From here on every symmetry is kept: a dual point that certifies it.
            kept = features @ vectors[:, free]
            residual = y - kept @ linalg.lstsq(kept, y)[0] if invariants else y
            moments = vectors[:, ~free].T @ (features.T @ residual)
            dual = operator.apply(vectors[:, ~free] @ (moments / values[~free]))
            most, decades = float(np.linalg.norm(dual, 2)) / n if dual.size else 0.0, 5.0
        if most <= 1e-14 * float(np.abs(y).max()):
            return _Candidate(name, algebra, operator, np.ones(1))
        grid = most * np.logspace(0, -decades, int(self.n_gammas))
        return _Candidate(name, algebra, operator, grid)

    def _path(
        self,
        operator: PenaltyOperator,
        features: Array,
        y: Array,
        gammas: Array,
        tol: float,
    ) -> list[tuple[Array, float | None, int, bool]]:
        """Weights, gap, iterations and convergence along descending gammas."""
        n = len(y)
        if self.penalty == "log-det":
            steps = min(int(self.max_iter), 200)
            fits = [
                fit_logdet(operator, features, y, n * g, tol=min(tol, 1e-5), max_iter=steps)
                for g in gammas
            ]
            # Where a singular value is about to vanish the steps are short for very long.
            return [(fit.coef, None, fit.n_iter, True) for fit in fits]
        found: list[tuple[Array, float | None, int, bool]] = []
        warm: WarmStart | None = None
        problem = PenalizedLeastSquares(operator, features, y)
        limits: dict[str, Any] = {"tol": tol, "max_iter": int(self.max_iter)}
        for g in gammas:
            if g == 0:
                result = interpolate(operator, features, y, **limits)
            else:
                result = problem.solve(n * float(g), warm_start=warm, **limits)
            warm = result.warm_start
            found.append((result.coef, result.gap, result.n_iter, result.converged))
        return found

    def _choose(
        self, candidates: Sequence[_Candidate], features: Array, y: Array
    ) -> tuple[_Candidate, float]:
        """Candidate of the least error over the folds, and its largest weight that is as good."""
        folds = self._folds(len(y))
        if folds is None:
            # A sample cannot be left out of one: the largest weight keeps most symmetry.
            return candidates[0], float(candidates[0].gammas[0])
        names, gammas, means, spreads = [], [], [], []
        best: tuple[float, _Candidate, float] | None = None
        for candidate in candidates:
            errors = np.empty((len(folds), len(candidate.gammas)))
            for i, (train, test) in enumerate(folds):
                # Errors on folds need few digits of the weights.
                path = self._path(
                    candidate.operator,
                    features[train],
                    y[train],
                    candidate.gammas,
                    max(float(self.tol), 1e-3),
                )
                for j, (weights, *_) in enumerate(path):
                    errors[i, j] = np.mean((features[test] @ weights - y[test]) ** 2)
            mean = errors.mean(axis=0)
            names += [candidate.name] * len(mean)
            gammas.append(candidate.gammas)
            means.append(mean)
            spreads.append(errors.std(axis=0) / np.sqrt(len(folds)))
            least = int(np.argmin(mean))
            worse = errors - errors[:, least : least + 1]
            doubt = worse.std(axis=0, ddof=1) / np.sqrt(len(folds))
            # Weights descend: the first that is as good gives symmetry the benefit of the doubt.
            j = int(np.argmax(worse.mean(axis=0) <= doubt))
            if best is None or mean[least] < best[0]:
                best = (float(mean[least]), candidate, float(candidate.gammas[j]))
        assert best is not None
        self.cv_results_ = {
            "algebra": np.array(names),
            "gamma": np.concatenate(gammas),
            "mean_mse": np.concatenate(means),
            "std_mse": np.concatenate(spreads),
        }
        return best[1], best[2]

    def _folds(self, n: int) -> list[tuple[Array, Array]] | None:
        if isinstance(self.cv, Integral):
            if int(self.cv) < 2:
                raise ValueError(f"cv must be at least 2 folds, got {self.cv}")
            if n < 2:
                return None
            splitter = KFold(min(int(self.cv), n), shuffle=True, random_state=self.random_state)
        else:
            splitter = self.cv
        if isinstance(splitter, str) or not hasattr(splitter, "split"):
            raise TypeError(f"cv must be an integer or a splitter, got {type(self.cv).__name__}")
        return list(splitter.split(np.zeros((n, 1))))

    def _judge(self, operator: PenaltyOperator, points: Array) -> None:
        """Split the candidate into what the model keeps and what it breaks."""
        matrix, q = operator.apply(self.coef_), self.algebra_.dim
        _, values, right = linalg.svd(matrix, full_matrices=True)
        values = np.concatenate([values, np.zeros(q - len(values))])
        size, field = self._sizes(points)
        if size <= 1e-10 * max(float(np.abs(self.coef_).max(initial=0.0)), np.finfo(float).tiny):
            warnings.warn(
                "the fitted model is constant: every transformation is a symmetry of it",
                UserWarning,
                stacklevel=3,
            )
            values = np.zeros(q)
        else:
            values = values / (size * field)
        self.singular_values_: Array = values
        self.directions_: Array = right
        kept = values <= self.symmetry_tol
        self.kept_ = self.algebra_.combine(right[kept])
        self.broken_ = self.algebra_.combine(right[~kept])

    def _sizes(self, points: Array) -> tuple[float, float]:
        """Root mean squares of the gradient of the model, and of the fields of the algebra."""
        gradient = field = 0.0
        size = max(1, 2**22 // max(1, self.dictionary_.n_terms * points.shape[1]))
        for start in range(0, len(points), size):
            block = points[start : start + size]
            slopes = np.tensordot(self.dictionary_.jacobians(block), self.coef_, ([1], [0]))
            gradient += float(np.sum(slopes**2))
            field += float(np.sum(self.algebra_.values(block) ** 2))
        count = len(points)
        # A derivative along a field pairs one of n components of each, on average.
        spread = field / max(1, self.algebra_.dim) / points.shape[1]
        return float(np.sqrt(gradient / count)), float(np.sqrt(spread / count)) or 1.0
