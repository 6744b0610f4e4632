"""Make invariant functions features: the scikit-learn transformer."""

from __future__ import annotations

import itertools
import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from symkernel.groups import Group, Trivial
from symkernel.groups.registry import is_unbound
from symkernel.spectral.manifold import Level, Manifold, as_level
from symkernel.spectral.names import bound_group, bound_manifold
from symkernel.spectral.search import found_subspace, levels_within_reach, within_reach
from symkernel.spectral.subspace import InvariantSubspace
from symkernel.validation import as_count, check_data

__all__ = ["InvariantBasis", "kept_basis"]

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
    manifold : Manifold or {"torus", "sphere", "polynomials"}, default="polynomials"
        Where samples live: ``Torus``, ``LatticeTorus``, ``Sphere``, ``SO3``, ``Product`` or
        ``Polynomials``. A name is bound to the number of features in ``fit`` ("torus" has
        period 2).
    group : Group, str or None, default=None
        It must act on the manifold; a name (see ``symkernel.groups.from_name``) stands for a group
        of all features; None for all eigenfunctions.
    max_level : int or float, default=None
        Use all levels up to this: the degree on spheres, rotations and polynomials, the sum of
        squared integer frequencies on tori, the eigenvalue on products.
    n_components : int, default=None
        Use the largest set of whole levels, from the lowest, with at most that many invariant
        functions. Where ``max_level`` is given too, both bound.
    tol : float, default=1e-9
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
        Number of invariant functions of each level, known before ``fit`` unless the manifold or
        the group is a name.
    levels_ : list of Level
        The levels used.
    gap_ : float
        Smallest singular value that counted as positive; infinite if there was none.
    subspaces_ : list of InvariantSubspace
        One for each level, with its ``coefficients`` and ``projector``.
    manifold_, group_ : Manifold, Group or None
        Bound to the number of features.
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit`` and ``dimensions``: if the group does not act on the manifold, if none of
        ``max_level`` and ``n_components`` is given, if they are negative, if ``tol``
        meets no gap, or if the search would take too long, which is known before it starts. In
        ``transform``: if samples are not on the manifold.

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
        manifold: Manifold | str = "polynomials",
        group: Group | str | None = None,
        *,
        max_level: int | float | None = None,
        n_components: int | None = None,
        tol: float = 1e-9,
        n_jobs: int | None = None,
    ) -> None:
        self.manifold = manifold
        self.group = group
        self.max_level = max_level
        self.n_components = n_components
        self.tol = tol
        self.n_jobs = n_jobs

    @property
    def dimensions(self) -> NDArray[np.int64]:
        """Number of invariant functions of each level."""
        return np.array([part.dimension for part in self._solve()], np.int64)

    def _bound(self, n_features: int | None = None) -> tuple[Manifold, Group]:
        """Return the manifold and the group, which names stand for at a number of features."""
        width = self.__dict__.get("n_features_in_") if n_features is None else n_features
        named = isinstance(self.manifold, str) or is_unbound(self.group)
        if width is None and isinstance(self.manifold, Manifold):
            width = self.manifold.n_features
        if width is None and named:
            raise ValueError(
                f"manifold={self.manifold!r} is a name and needs samples: call fit first, or give "
                "the manifold itself"
            )
        manifold = bound_manifold(self.manifold, width or 0)
        if isinstance(self.manifold, Manifold):
            width = manifold.n_features
        group = bound_group(self.group, width or 0, getattr(self, "feature_names_in_", None))
        if group is None:
            return manifold, Trivial(manifold.n_features)
        manifold.check(group)
        return manifold, group

    # Kept for as long as no parameter changes: dimensions, fit and transform share the work.
    def _solve(self, n_features: int | None = None) -> list[InvariantSubspace]:
        bound = self._bound(n_features)
        key = (*bound, self.max_level, self.n_components, self.tol)
        kept = self.__dict__.get("_solved")
        if kept is None or kept[0] != key:
            self._solved = kept = (key, self._subspaces(*bound))
        solved: list[InvariantSubspace] = kept[1]
        return solved

    def _of(self, parts: list[InvariantSubspace]) -> InvariantBasis:
        """Return the basis of the first levels, which have been solved already."""
        words = {**self.get_params(deep=False), "n_components": None, "max_level": parts[-1].level}
        basis = InvariantBasis(**words)
        key = (*basis._bound(), basis.max_level, None, basis.tol)
        basis._solved = (key, parts)
        return basis

    def _subspaces(self, manifold: Manifold, group: Group) -> list[InvariantSubspace]:
        tol = as_level(self.tol, "tol")
        if self.n_components is not None:
            budget = as_count(self.n_components, "n_components")
            return self._largest(manifold, group, budget, self.max_level is not None)
        if self.max_level is None:
            raise ValueError("give max_level, n_components or both: got neither")
        as_level(self.max_level, "max_level")
        levels = levels_within_reach(manifold, group, self.max_level)
        return [found_subspace(manifold, group, known.level, tol) for known in levels]

    def _largest(
        self, manifold: Manifold, group: Group, budget: int, all_there_are: bool = False
    ) -> list[InvariantSubspace]:
        """Return whole levels up to ``max_level`` of at most that many functions.

        Raises
        ------
        ValueError
            If the first levels seem to have all there are, and fewer; unless ``all_there_are``.
        """
        tol = as_level(self.tol, "tol")
        top = None if self.max_level is None else as_level(self.max_level, "max_level")
        found: list[InvariantSubspace] = []
        total = empty = passed = 0
        for known in within_reach(manifold, group, f"n_components={budget}", top):
            part = found_subspace(manifold, group, known.level, tol)
            total += part.dimension
            if total > budget:
                break
            found.append(part)
            empty = 0 if part.dimension else empty + 1
            passed = 0 if part.dimension else passed + known.multiplicity
            if top is None and empty >= _EMPTY_LEVELS and passed >= _EMPTY_FUNCTIONS:
                if all_there_are:
                    return found[:-empty]
                raise ValueError(
                    f"n_components={budget} was not reached: up to level {known.level} there are "
                    f"only {total} invariant functions, none in the last {empty} levels; use "
                    "max_level"
                )
        return found

    def _subspace(self, known: Level, tol: float) -> InvariantSubspace:
        return found_subspace(*self._bound(), known.level, tol)

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
        array = check_data(self, X)
        subspaces = self._solve(array.shape[1])
        self.manifold_ = bound_manifold(self.manifold, array.shape[1])
        names = getattr(self, "feature_names_in_", None)
        self.group_ = bound_group(self.group, array.shape[1], names)
        self.manifold_.check_points(array)
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
        points = self.manifold_.check_points(array)
        values = self.manifold_._evaluate(self.subspaces_, points, self.n_jobs)
        return values.astype(array.dtype, copy=False)

    def projector(self, level: int | float) -> Array:
        """Return the average over the group, a matrix on the eigenfunctions of one level.

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


def kept_basis(
    kernel: Any, manifold: Manifold, group: Group, max_level: int | float
) -> InvariantBasis:
    """Return invariant functions, kept by the kernel while only hyperparameters change."""
    kept: InvariantBasis | None = kernel.__dict__.get("_kept")
    basis = InvariantBasis(manifold, group, max_level=max_level)
    if kept is None or kept.get_params() != basis.get_params():
        kernel._kept = kept = basis
    return kept
