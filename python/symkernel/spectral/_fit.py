"""Choose levels and fit coefficients, for the spectral regressor and classifier."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from symkernel.groups import Group
from symkernel.solvers.feature_ridge import FactoredFeatures, factor_columns, factor_rows
from symkernel.spectral.basis import InvariantBasis
from symkernel.spectral.features import FeatureBlocks
from symkernel.spectral.manifold import Manifold, as_level
from symkernel.spectral.names import bound_group, bound_manifold
from symkernel.spectral.polynomials import Polynomials
from symkernel.validation import as_count, as_numbers, check_data

__all__ = ["SpectralFit", "theory_budget"]

Array = NDArray[np.float64]

# Ridge strengths tried, relative to the largest eigenvalue of the centred features' Gram matrix.
_ALPHAS = np.logspace(-14.0, 1.0, 31)

# All functions of the levels that max_level="cv" looks at, unless n_components says how far.
_MOST_FUNCTIONS = 50_000
# Levels and functions beyond max_level that are looked at where there is nothing below.
_LEVELS_BEYOND, _FUNCTIONS_BEYOND = 30, 1000
# Multiply-adds of the search for them, roughly.
_MOST_WORK = 5e10


class SpectralFit:
    """Mixin of estimators that are linear in invariant functions; the first of their bases."""

    manifold: Any
    group: Any
    max_level: Any
    n_components: Any
    smoothness: Any
    coef: str
    alpha: Any
    alphas: Any
    tol: float
    n_jobs: int | None

    basis_: InvariantBasis
    coef_: Array
    manifold_: Manifold
    group_: Group | None
    max_level_: int | float
    n_features_in_: int

    def _check_training(self, X: Any, y: Any, **options: Any) -> tuple[Array, Any]:
        """Samples on the manifold and targets; sets ``manifold_`` and ``group_``."""
        self._check_words()
        X, y = check_data(self, X, y, **options)
        self.manifold_ = self._bound_manifold(X.shape[1])
        names = getattr(self, "feature_names_in_", None)
        self.group_ = bound_group(self.group, X.shape[1], names)
        points = self.manifold_.check_points(X)
        return points, y

    def _check_words(self) -> None:
        if self.coef not in ("empirical", "ridge"):
            raise ValueError(f'coef must be "empirical" or "ridge", got {self.coef!r}')
        words = (("alpha", ("cv",)), ("max_level", ("cv",)), ("n_components", ("theory",)))
        for name, known in words:
            value = getattr(self, name)
            if isinstance(value, str) and value not in known:
                raise ValueError(f'{name} must be a number or "{known[0]}", got {value!r}')
        if not isinstance(self.alpha, str):
            as_numbers(self.alpha, "alpha", 0.0)
        if self.coef == "empirical" and self._searches:
            raise ValueError(
                "coef='empirical' needs a number for max_level or n_components, or "
                "n_components='theory' with smoothness: leave-one-out goes with coef='ridge'"
            )

    @property
    def _searches(self) -> bool:
        """Whether leave-one-out chooses the level."""
        neither = self.max_level is None and self.n_components is None
        return neither or isinstance(self.max_level, str)

    def _bound_manifold(self, n_features: int) -> Manifold:
        manifold = bound_manifold(self.manifold, n_features)
        if self.coef == "empirical" and isinstance(manifold, Polynomials):
            raise ValueError(
                "coef='empirical' needs functions that are orthonormal for the distribution of "
                "the samples, which polynomials on R^d are not: use coef='ridge'"
            )
        return manifold

    def _make_basis(self, **words: Any) -> InvariantBasis:
        return InvariantBasis(
            self.manifold_, self.group_, tol=self.tol, n_jobs=self.n_jobs, **words
        )

    def _solve(self, X: Array, targets: Array, shape: tuple[int, ...]) -> None:
        """Fit coefficients to targets (n, t) and set the fitted attributes; ``coef_`` has shape."""
        n = len(X)
        basis = self._largest_basis(n).fit(X)
        if self.n_components is None and not self._searches and self.max_level > 0:
            self._warn_of_a_constant(basis)
        if self.coef == "empirical":
            found, count = self._empirical(basis, X, targets), len(basis.levels_)
        else:
            found, count = self._ridge(basis, X, targets)
        self.basis_ = basis._of(basis.subspaces_[:count]).fit(X)
        self.max_level_ = self.basis_.levels_[-1].level
        self.coef_ = found.reshape(len(found), *shape)

    def _warn_of_a_constant(self, basis: InvariantBasis) -> None:
        if sum(part.dimension for part in basis.subspaces_) > 1:
            return
        manifold, group = basis._bound()
        first = len(basis.levels_)
        total = 0
        beyond = ""
        for looked, known in enumerate(itertools.islice(manifold.all_levels(), first, None)):
            total += known.multiplicity
            if looked == _LEVELS_BEYOND or total > _FUNCTIONS_BEYOND:
                beyond = f", nor in the {looked} levels beyond"
                break
            if basis._subspace(known, self.tol).dimension:
                beyond = f"; the next is of level {known.level:.6g}"
                break
        warnings.warn(
            f"max_level={self.max_level!r} leaves a constant: {group!r} has no other invariant "
            f"function on {manifold!r} up to there{beyond}. Levels are {manifold._levels_are}",
            stacklevel=4,
        )

    # Algorithm 1 of Soleymani et al.: coefficients (1/n) sum_i y_i phi(x_i), projected on the
    # invariant functions, are those of the invariant functions themselves.
    def _empirical(self, basis: InvariantBasis, X: Array, targets: Array) -> Array:
        blocks = FeatureBlocks(self.manifold_, basis.subspaces_, X, self.n_jobs)
        total, first = np.zeros((blocks.width, targets.shape[1])), 0
        for block in blocks.rows():
            total += block.T @ targets[first : first + len(block)]
            first += len(block)
        return total / len(X)

    def _ridge(self, basis: InvariantBasis, X: Array, targets: Array) -> tuple[Array, int]:
        """Coefficients, and the number of levels that they belong to."""
        searched = self._searches
        dimensions = [part.dimension for part in basis.subspaces_]
        levels = [known.level for known in basis.levels_]
        # Levels without invariant functions change nothing, and neither does the constant alone.
        ends = np.cumsum(dimensions).tolist()
        tried = [k for k, dimension in enumerate(dimensions) if dimension] if searched else []
        tried = tried or [len(levels) - 1]
        given = not isinstance(self.alpha, str)
        best: tuple[float, float | Array, int, FactoredFeatures] | None = None
        grid, errors = np.zeros(0), list[Array]()
        # The most levels first: they set the grid, and one decomposition is held at a time.
        for k, factored in self._factored(basis, X, targets, [(k, ends[k]) for k in tried[::-1]]):
            if not searched and given:
                best = (math.nan, self.alpha, k, factored)
                break
            if not errors:
                grid = self._grid(factored.singular.max(initial=0.0))
            squares = factored.leave_one_out(grid)
            # An alpha for each target is one choice, and several alphas are as many.
            one_each = given and len(grid) > 1
            scores = squares.diagonal().mean(keepdims=True) if one_each else squares.mean(axis=1)
            errors.append(scores)
            at = int(scores.argmin())
            if best is None or scores[at] <= best[0]:
                best = (float(scores[at]), grid if one_each else float(grid[at]), k, factored)
        assert best is not None
        score, alpha, k, factored = best
        found, intercept = factored.coefficients(alpha)
        constant = self.manifold_._evaluate(basis.subspaces_[:1], X[:1], self.n_jobs)[0, 0]
        self.alpha_ = alpha
        if errors:
            self.alphas_ = grid
            self.levels_tried_ = np.array([levels[k] for k in tried])
            self.leave_one_out_ = np.array(errors[::-1])
            self.best_score_ = -score
        return np.concatenate([intercept[None] / constant, found]), k + 1

    def _factored(
        self, basis: InvariantBasis, X: Array, targets: Array, ends: list[tuple[int, int]]
    ) -> Iterator[tuple[int, FactoredFeatures]]:
        """Decompositions of all levels up to some; these come with their numbers of functions."""

        def features(last: int) -> FeatureBlocks:
            parts = basis.subspaces_[: last + 1]
            return FeatureBlocks(self.manifold_, parts, X, self.n_jobs, skip=1)

        narrow = [end for end in ends if end[1] <= len(X)]
        for last, _ in ends[: len(ends) - len(narrow)]:
            yield last, factor_columns(features(last).columns, targets)
        if narrow:
            widths = [width - 1 for _, width in narrow]
            found = factor_rows(features(narrow[0][0]).rows, targets, widths)
            for (last, _), (_, factored) in zip(narrow, found, strict=True):
                yield last, factored

    def _grid(self, largest: float) -> Array:
        if not isinstance(self.alpha, str):
            return np.atleast_1d(np.asarray(self.alpha, np.float64))
        if self.alphas is None:
            return _ALPHAS * (largest**2 or 1.0)
        alphas = np.atleast_1d(np.asarray(self.alphas, np.float64))
        if not (alphas.size and np.isfinite(alphas).all() and (alphas >= 0.0).all()):
            raise ValueError(f"alphas must be finite and not negative, got {self.alphas!r}")
        return alphas

    def _largest_basis(self, n: int) -> InvariantBasis:
        """Return all levels within the bounds, or those that leave-one-out chooses from."""
        top = None if self.max_level in (None, "cv") else self.max_level
        if top is not None:
            as_level(top, "max_level")
        budget = None
        if not (self.n_components is None or self.n_components == "theory"):
            budget = as_count(self.n_components, "n_components")
            if top is None and not self._searches:
                return self._make_basis(n_components=budget)
        if self.n_components == "theory":
            budget = theory_budget(self.manifold_, n, self.smoothness)
            if top is None:
                basis = self._make_basis(n_components=budget)
                return basis._of(basis._largest(*basis._bound(), budget, all_there_are=True))
        if top is None:
            return self._levels_to_try(n if budget is None else budget)
        return self._make_basis(max_level=top, n_components=budget)

    # One level beyond what the budget allows is looked at, if that does not take long.
    def _levels_to_try(self, budget: int) -> InvariantBasis:
        basis = self._make_basis(max_level=0)
        parts = basis._solve().copy()
        _, group = basis._bound()
        total = invariant = 1
        work = 0.0
        for known in itertools.islice(self.manifold_.all_levels(), 1, None):
            total += known.multiplicity
            work += self.manifold_._search_work(group, known)
            if total > _MOST_FUNCTIONS or work > _MOST_WORK:
                break
            parts.append(basis._subspace(known, self.tol))
            invariant += parts[-1].dimension
            if invariant > budget:
                parts.pop()
                break
        return basis._of(parts)

    def _decide(self, X: Any) -> Array:
        """Values of the fitted functions, (n,) or (n, n_targets)."""
        check_is_fitted(self)
        array = check_data(self, X, reset=False)
        points = self.manifold_.check_points(array)
        coef = self.coef_.reshape(len(self.coef_), -1)
        blocks = FeatureBlocks(self.manifold_, self.basis_.subspaces_, points, self.n_jobs)
        values = [block @ coef for block in blocks.rows()]
        joined = np.concatenate(values) if values else np.zeros((0, coef.shape[1]))
        return joined.reshape(len(points), *self.coef_.shape[1:]).astype(array.dtype, copy=False)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        # An invariant function cannot follow a target that is not.
        for kind in (tags.regressor_tags, tags.classifier_tags):
            if kind is not None:
                kind.poor_score = self.group is not None
        return tags


def theory_budget(manifold: Manifold, n: int, smoothness: Any) -> int:
    """Return how many functions Algorithm 1 fits: n^(1 / (1 + 2 s / d)).

    A function of Sobolev smoothness s is estimated from n noisy values with variance D / n and
    squared bias D^(-2 s/d) in D functions of an expansion, which in that of an invariant function
    are the invariant ones (Tahmasebi and Jegelka, NeurIPS 2023).

    Parameters
    ----------
    manifold : Manifold
    n : int
        Number of samples.
    smoothness : float
        Sobolev smoothness s of the target, positive.

    Raises
    ------
    TypeError, ValueError
        If smoothness is no positive number.

    Examples
    --------
    >>> from symkernel.spectral import Torus
    >>> theory_budget(Torus(10), 1000, 6)
    23
    """
    if smoothness is None:
        raise ValueError("n_components='theory' needs smoothness, the s of the target's H^s")
    s = as_level(smoothness, "smoothness")
    if s == 0.0:
        raise ValueError(f"smoothness must be positive, got {smoothness!r}")
    bound: float = float(n) ** (1.0 / (1.0 + 2.0 * s / manifold.dim))
    return math.floor(bound * (1.0 + 1e-12))
