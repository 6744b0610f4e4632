"""Invariant functions as features: the scikit-learn transformer."""

from __future__ import annotations

import itertools
import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from symkernel.groups import Group, Trivial
from symkernel.groups._checks import as_count
from symkernel.spectral.manifold import Level, Manifold, as_level
from symkernel.spectral.subspace import InvariantSubspace
from symkernel.validation import check_data

__all__ = ["InvariantBasis"]

Array = NDArray[np.float64]

# Levels in a row, with this many functions, of which none is invariant: there may be no more.
_EMPTY_LEVELS = 8
_EMPTY_FUNCTIONS = 5_000


class InvariantBasis(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Eigenfunctions of a manifold that a group leaves as they are, as features.

    Found from the generators of the group and its Lie algebra alone: the group is never
    enumerated, and may be infinite. Any linear model on these features is exactly invariant.

    Parameters
    ----------
    manifold : Manifold
        Where samples live: ``Torus``, ``Sphere``, ``SO3``, ``Product`` or ``Polynomials``.
    group : Group or None
        It must act on the manifold; None for all eigenfunctions.
    max_level : int or float, default=None
        Use all levels up to this: the degree on spheres, rotations and polynomials, the sum of
        squared integer frequencies on tori, the eigenvalue on products.
    n_components : int, default=None
        Use the largest set of whole levels, from the lowest, with at most that many invariant
        functions. Give this or ``max_level``, not both.
    tolerance : float, default=1e-9
        Singular values of the generators' equations (D(g) - I) c = 0 up to this count as zero. It
        has to lie between rounding errors and the spectral gap of the generators,
        abs(exp(2 pi i/n) - 1) for a rotation by 2 pi/n: an error says so when a singular value
        comes within a factor 100 of it. Not used for groups of signed permutations on tori,
        polynomials and spheres of R^d, d > 3, which need no linear algebra.
    n_jobs : int, default=None
        Threads of ``transform``; None for as many as OpenMP would take, -1 for all processors.

    Attributes
    ----------
    dimensions : ndarray of int
        Number of invariant functions of each level, known before ``fit``.
    levels_ : list of Level
        The levels used.
    gap_ : float
        Smallest singular value that counted as positive; infinite if there was none.
    subspaces_ : list of InvariantSubspace
        One for each level, with its ``coefficients`` and ``projector``.
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit`` and ``dimensions``: if the group does not act on the manifold, if both or none
        of ``max_level`` and ``n_components`` are given, if they are negative, if the tolerance
        meets no gap. In ``transform``: if samples are not on the manifold.

    Notes
    -----
    Per eigenspace the invariant functions are the joint 1-eigenspace of the representation
    matrices of the generators (Soleymani, Tahmasebi, Jegelka and Jaillet, ICML 2025). Time grows
    with the number of generators, not with the order of the group. ``transform`` computes
    samples in blocks and holds no non-invariant features beyond a block.

    Examples
    --------
    >>> from symkernel import groups
    >>> from symkernel.spectral import InvariantBasis, Sphere
    >>> basis = InvariantBasis(Sphere(3), groups.PointGroup("I"), max_level=12)
    >>> basis.dimensions
    array([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1])
    >>> X = Sphere(3).random_points(5, random_state=0)
    >>> basis.fit_transform(X).shape
    (5, 4)
    """

    def __init__(
        self,
        manifold: Manifold,
        group: Group | None,
        *,
        max_level: int | float | None = None,
        n_components: int | None = None,
        tolerance: float = 1e-9,
        n_jobs: int | None = None,
    ) -> None:
        self.manifold = manifold
        self.group = group
        self.max_level = max_level
        self.n_components = n_components
        self.tolerance = tolerance
        self.n_jobs = n_jobs

    @property
    def dimensions(self) -> NDArray[np.int64]:
        """Number of invariant functions of each level."""
        return np.array([part.dimension for part in self._solve()], np.int64)

    # Kept for as long as no parameter changes: dimensions, fit and transform share the work.
    def _solve(self) -> list[InvariantSubspace]:
        key = (self.manifold, self.group, self.max_level, self.n_components, self.tolerance)
        kept = self.__dict__.get("_solved")
        if kept is None or kept[0] != key:
            self._solved = kept = (key, self._subspaces())
        solved: list[InvariantSubspace] = kept[1]
        return solved

    def _of(self, parts: list[InvariantSubspace]) -> InvariantBasis:
        """Return the basis of the first levels, which have been solved already."""
        words = {**self.get_params(deep=False), "n_components": None, "max_level": parts[-1].level}
        basis = InvariantBasis(**words)
        key = (basis.manifold, basis.group, basis.max_level, None, basis.tolerance)
        basis._solved = (key, parts)
        return basis

    def _subspaces(self) -> list[InvariantSubspace]:
        if not isinstance(self.manifold, Manifold):
            raise TypeError(f"manifold must be a Manifold, got {type(self.manifold).__name__}")
        if (self.max_level is None) == (self.n_components is None):
            both = "both" if self.max_level is not None else "neither"
            raise ValueError(f"give max_level or n_components, one of them: got {both}")
        tolerance = as_level(self.tolerance, "tolerance")
        if self.group is not None:
            self.manifold.check(self.group)
        if self.max_level is not None:
            levels = self.manifold.levels(self.max_level)
            return [self._subspace(known, tolerance) for known in levels]
        budget = as_count(self.n_components, "n_components")
        found: list[InvariantSubspace] = []
        total = empty = passed = 0
        for known in self.manifold.all_levels():
            part = self._subspace(known, tolerance)
            total += part.dimension
            empty = 0 if part.dimension else empty + 1
            passed = 0 if part.dimension else passed + known.multiplicity
            if empty >= _EMPTY_LEVELS and passed >= _EMPTY_FUNCTIONS:
                raise ValueError(
                    f"n_components={budget} was not reached: up to level {known.level} there are "
                    f"only {total} invariant functions, none in the last {empty} levels; use "
                    "max_level"
                )
            if total > budget:
                break
            found.append(part)
        return found

    def _subspace(self, known: Level, tolerance: float) -> InvariantSubspace:
        group = Trivial(self.manifold.ambient) if self.group is None else self.group
        return self.manifold.invariants(group, known.level, tolerance)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the invariant functions; they do not depend on the samples.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
            Samples on the manifold; only checked.
        y : ignored

        Returns
        -------
        self
        """
        subspaces = self._solve()
        array = check_data(self, X)
        self.manifold.check_points(array)
        self.subspaces_ = subspaces
        self.levels_ = [Level(part.level, part.eigenvalue, part.multiplicity) for part in subspaces]
        self.gap_ = min((part.gap for part in subspaces), default=math.inf)
        self._n_features_out = sum(part.dimension for part in subspaces)
        return self

    def transform(self, X: Any) -> Any:
        """Return the invariant functions at samples.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
            Samples on the manifold.

        Returns
        -------
        float64, shape (n, sum of dimensions)
            Level by level; float32 for samples in float32.
        """
        check_is_fitted(self)
        array = check_data(self, X, reset=False)
        points = self.manifold.check_points(array)
        values = self.manifold._evaluate(self.subspaces_, points, self.n_jobs)
        return values.astype(array.dtype, copy=False)

    def projector(self, level: int | float) -> Array:
        """Average over the group on the eigenfunctions of one level, (multiplicity, multiplicity).

        Parameters
        ----------
        level : int or float
            One of the levels used.
        """
        for part in self._solve():
            if part.level == level:
                return part.projector
        known = ", ".join(str(part.level) for part in itertools.islice(self._solve(), 20))
        raise ValueError(f"level must be one of those used ({known}), got {level!r}")
