"""Define what every manifold offers: eigenfunctions of its Laplacian, level by level."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups import Group
from symkernel.groups.registry import require_group
from symkernel.spectral.subspace import InvariantSubspace
from symkernel.validation import RandomState, as_number, as_rows

__all__ = ["GradedByDegree", "Level", "Manifold", "as_level", "is_trivial"]


class Level(NamedTuple):
    """One whole eigenspace: what isometries map to itself."""

    #: What ``max_level`` bounds: the degree, the sum of squared frequencies, or the eigenvalue.
    level: int | float
    #: Eigenvalue of minus the Laplacian.
    eigenvalue: float
    #: Dimension of the eigenspace.
    multiplicity: int


class Manifold(ABC):
    """A space of samples with a basis of functions, graded by levels.

    Eigenfunctions are real and orthonormal for the uniform probability measure. Objects are
    immutable and equal when they were made alike.
    """

    # What max_level is compared with, in words.
    _levels_are = "eigenvalues of the Laplacian"

    # -- what a manifold has to say -----------------------------------------------------------

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension of the manifold."""

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of features of a sample."""

    @abstractmethod
    def all_levels(self) -> Iterator[Level]:
        """Return all levels in ascending order, without end."""

    @abstractmethod
    def random_points(self, n: int, random_state: RandomState = None) -> NDArray[np.float64]:
        """Return ``n`` independent uniform samples, (n, n_features)."""

    @abstractmethod
    def check(self, group: Group) -> None:
        """Raise unless the group acts here by isometries.

        Raises
        ------
        TypeError
            If it is not a group.
        ValueError
            If it does not act; the message says why.
        """

    @abstractmethod
    def invariants(self, group: Group, level: int | float, tol: float = 1e-9) -> InvariantSubspace:
        """Return the functions of one level that the group leaves as they are.

        Parameters
        ----------
        group : Group
            Only its generators and its Lie algebra are looked at.
        level : int or float
            One of ``levels``.
        tol : float, default=1e-9
            Singular values of the generators' equations up to this count as zero; see
            ``InvariantBasis``.
        """

    @abstractmethod
    def _eigenfunctions(self, X: NDArray[np.float64], level: int | float) -> NDArray[np.float64]:
        """Return the basis of one level at points known to be right."""

    @abstractmethod
    def _evaluate(
        self, parts: Sequence[InvariantSubspace], X: NDArray[np.float64], n_jobs: int | None
    ) -> NDArray[np.float64]:
        """Return the functions of several levels at samples, side by side."""

    @abstractmethod
    def _defect(self, X: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
        """How far each sample is from the manifold, and what it should be, in words."""

    @abstractmethod
    def _arguments(self) -> tuple[Any, ...]:
        """Return what repr shows and what makes two manifolds of one class equal."""

    def _search_work(self, group: Group, known: Level) -> float:
        """Multiply-adds, roughly, that ``invariants`` of a level takes."""
        return 1e3 * known.multiplicity

    def _reproducing(
        self, X: NDArray[np.float64], Y: NDArray[np.float64], top: int | float
    ) -> Iterator[NDArray[np.float64]]:
        """Yield the sums of phi(x) phi(y) over each level up to ``top``, (n, m) each."""
        for known in self.levels(top):
            left = self._eigenfunctions(X, known.level)
            yield left @ self._eigenfunctions(Y, known.level).T

    def _pair_work(self, top: int | float) -> float:
        """Multiply-adds of ``_reproducing`` for one pair of samples."""
        return float(self.count(top))

    # -- levels -------------------------------------------------------------------------------

    def levels(self, max_level: float) -> list[Level]:
        """Return the levels up to ``max_level``, in ascending order.

        Raises
        ------
        ValueError
            If ``max_level`` is negative or not finite, or if there are over 100,000 levels.

        Examples
        --------
        >>> from symkernel.spectral import Sphere
        >>> Sphere(3).levels(2)[-1]
        Level(level=2, eigenvalue=6.0, multiplicity=5)
        """
        bound = as_level(max_level, "max_level")
        found: list[Level] = []
        for level in self.all_levels():
            # Eigenvalues of products are sums of floats: equal up to rounding.
            if level.level > bound * (1.0 + 1e-12):
                break
            if len(found) == _MOST_LEVELS:
                raise ValueError(
                    f"max_level={max_level!r} takes in more than {_MOST_LEVELS:,} levels of "
                    f"{self!r}: use a smaller one"
                )
            found.append(level)
        return found

    def count(self, max_level: float) -> int:
        """Return the total number of eigenfunctions up to ``max_level``.

        Examples
        --------
        >>> from symkernel.spectral import Torus
        >>> Torus(10).count(5)
        12965
        """
        return sum(level.multiplicity for level in self.levels(max_level))

    def _level(self, level: int | float) -> Level:
        bound = as_level(level, "level")
        for known in self.all_levels():
            if abs(known.level - bound) <= 1e-12 * bound:
                return known
            if known.level > bound:
                break
        raise ValueError(f"level must be one of those of {self!r}, got {level!r}")

    # -- functions ----------------------------------------------------------------------------

    def eigenfunctions(self, X: ArrayLike, level: int | float) -> NDArray[np.float64]:
        """Return the orthonormal basis of one level at samples.

        Parameters
        ----------
        X : array-like of float, shape (n, n_features)
        level : int or float
            One of ``levels``.

        Returns
        -------
        float64, shape (n, multiplicity)

        Raises
        ------
        ValueError
            If samples are not on the manifold, or there is no such level.
        """
        return self._eigenfunctions(self.check_points(X), self._level(level).level)

    def check_points(self, X: ArrayLike) -> NDArray[np.float64]:
        """Read ``X`` as float64 (n, n_features) on the manifold to within 1e-6.

        Raises
        ------
        ValueError
            If the shape is wrong, entries are not finite, or samples are off the manifold.
        """
        array = as_rows(X, "X", self.n_features, of=self, flatten=False)
        defect, words = self._defect(array)
        if defect.size and defect.max() > _ON_MANIFOLD:
            row = int(defect.argmax())
            raise ValueError(
                f"X must lie on {self!r}: {words}; sample {row} is off by {defect[row]:.3g}"
            )
        return array

    def _listed_level(self, level: int | float) -> Level:
        """Return a level whose modes can be listed one by one."""
        known = self._level(level)
        if known.multiplicity > _MOST_MODES:
            raise ValueError(
                f"level {known.level} of {self!r} has {known.multiplicity} functions; at most "
                f"{_MOST_MODES} can be listed"
            )
        return known

    def _check_group(self, group: Any) -> None:
        require_group(group)
        if group.degree != self.n_features:
            raise ValueError(
                f"group must act on the {self.n_features} features of {self!r}: {group!r} acts on "
                f"{group.degree}"
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Manifold):
            return NotImplemented
        return type(self) is type(other) and self._arguments() == other._arguments()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._arguments()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._arguments()))})"


class GradedByDegree(Manifold):
    """A manifold whose levels are the degrees 0, 1, 2, ...: each is known without the others."""

    _levels_are = "degrees"

    @abstractmethod
    def _of_degree(self, degree: int) -> Level:
        """Level of a degree."""

    @abstractmethod
    def _total(self, degree: int) -> int:
        """Return the number of functions up to a degree."""

    def all_levels(self) -> Iterator[Level]:
        """Return all degrees, without end."""
        return map(self._of_degree, itertools.count())

    def count(self, max_level: float) -> int:
        """Return the total number of eigenfunctions up to ``max_level``, in closed form.

        Examples
        --------
        >>> from symkernel.spectral import Sphere
        >>> Sphere(3).count(10**6)
        1000002000001
        """
        return self._total(math.floor(as_level(max_level, "max_level") * (1.0 + 1e-12)))

    def _level(self, level: int | float) -> Level:
        bound = as_level(level, "level")
        if abs(round(bound) - bound) > 1e-12 * bound:
            raise ValueError(f"level must be one of those of {self!r}, got {level!r}")
        return self._of_degree(round(bound))


# More functions in one level than this cannot be listed as modes.
_MOST_MODES = 100_000_000
# Levels that are listed at most.
_MOST_LEVELS = 100_000
# Largest distance at which a sample counts as lying on the manifold.
_ON_MANIFOLD = 1e-6


def as_level(value: Any, name: str) -> float:
    """Return ``value`` as a number that is finite and not negative."""
    return as_number(value, name, 0.0)


def is_trivial(group: Group | None) -> bool:
    """Tell whether a group is given by no map at all, so that every function is invariant."""
    return group is None or not (group.generators or group.lie_algebra)
