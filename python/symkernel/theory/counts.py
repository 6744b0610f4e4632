"""Count functions, and how many of them a group leaves as they are, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import Group
from symkernel.groups.registry import require_group
from symkernel.spectral import LatticeTorus, Manifold, Polynomials, Product, Sphere, Torus
from symkernel.spectral.manifold import Level
from symkernel.theory.characters import complete_sums, cycle_series, level_characters, reach
from symkernel.theory.classes import cycle_types, representatives, spectra
from symkernel.theory.lattice_modes import lattice_characters
from symkernel.theory.orbit_counts import named_series
from symkernel.theory.reflections import reflection_series
from symkernel.theory.shifted_modes import shifted_series
from symkernel.validation import as_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "DimensionCounts",
    "dimension_counts",
    "invariant_dimension",
    "molien_series",
    "plot_dimension_counts",
    "total_dimension",
]

Array = NDArray[np.float64]

# Averages of characters are integers; further from one than this they are rounding errors.
_INTEGER = 1e-3


@dataclass(frozen=True, eq=False)
class DimensionCounts:
    """Numbers of eigenfunctions and of invariant ones, level by level.

    Attributes
    ----------
    levels : tuple of int or float
        What ``max_level`` bounds on the manifold.
    eigenvalues : float64, shape (n_levels,)
    total : tuple of int
        Multiplicity of each level; Python integers, of any size.
    invariant : tuple of int
        Of these, how many functions are invariant.
    order : int or float
        Order of the group, which ``ratio`` tends to when it is finite.
    """

    levels: tuple[int | float, ...]
    eigenvalues: Array
    total: tuple[int, ...]
    invariant: tuple[int, ...]
    order: int | float

    @property
    def cumulative_total(self) -> tuple[int, ...]:
        """Eigenfunctions up to each level."""
        return tuple(sum(self.total[: k + 1]) for k in range(len(self.total)))

    @property
    def cumulative_invariant(self) -> tuple[int, ...]:
        """Invariant functions up to each level."""
        return tuple(sum(self.invariant[: k + 1]) for k in range(len(self.invariant)))

    @property
    def ratio(self) -> Array:
        """Eigenfunctions per invariant function up to each level: the gain in dimensions."""
        pairs = zip(self.cumulative_total, self.cumulative_invariant, strict=True)
        return np.array([a / b for a, b in pairs])

    def __str__(self) -> str:
        lines = [
            f"{'level':>8} {'functions':>12} {'invariant':>12} {'up to here':>12} {'ratio':>9}"
        ]
        columns = zip(
            self.levels,
            self.total,
            self.invariant,
            self.cumulative_invariant,
            self.ratio,
            strict=True,
        )
        lines += [f"{a:>8g} {b:>12} {c:>12} {d:>12} {e:>9.4g}" for a, b, c, d, e in columns]
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Draw both counts and their ratio; needs matplotlib (the extra ``demo``)."""
        from symkernel.theory.pictures import draw_counts

        return draw_counts({"invariant": self})


def total_dimension(manifold: Manifold, max_level: float) -> int:
    """Count the eigenfunctions up to a level, exactly.

    Parameters
    ----------
    manifold : Manifold
    max_level : int or float
        As for ``InvariantBasis``: the degree on spheres and polynomials, the sum of squared
        frequencies on tori, the eigenvalue on products.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If the manifold is none.
    ValueError
        If the level is negative or not finite.

    Examples
    --------
    >>> from symkernel import theory
    >>> from symkernel.spectral import Torus
    >>> from symkernel.theory.counts import total_dimension
    >>> total_dimension(Torus(10), max_level=3)
    1161
    """
    return as_manifold(manifold).count(max_level)


def plot_dimension_counts(
    manifold: Manifold, groups: Group | Mapping[str, Group], max_level: float
) -> Figure:
    """Draw how many functions are left by each group, and the ratio to all of them.

    Parameters
    ----------
    manifold : Manifold
    groups : Group, or mapping of str to Group
        Groups by label.
    max_level : int or float

    Returns
    -------
    matplotlib.figure.Figure
        Left, functions up to each level, all and invariant; right, their ratio with the order of
        each finite group as a dashed line.

    Raises
    ------
    TypeError, ValueError
        As ``dimension_counts``.

    Examples
    --------
    >>> from symkernel import groups, theory
    >>> from symkernel.spectral import Sphere
    >>> from symkernel.theory.counts import plot_dimension_counts
    >>> named = {name: groups.PointGroup(name) for name in "TOI"}
    >>> figure = plot_dimension_counts(Sphere(3), named, 20)
    >>> len(figure.axes)
    2
    """
    from symkernel.theory.pictures import draw_counts

    named = {repr(groups): groups} if isinstance(groups, Group) else dict(groups)
    if not named:
        raise ValueError("groups must name at least one group")
    return draw_counts({k: dimension_counts(manifold, g, max_level) for k, g in named.items()})


def invariant_dimension(manifold: Manifold, group: Group | None, max_level: float) -> int:
    """Count the invariant eigenfunctions up to a level, exactly, without computing any.

    Parameters
    ----------
    manifold : Manifold
    group : Group or None
        Finite or compact; it must act on the manifold. None for the trivial one.
    max_level : int or float

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If the manifold or the group is none.
    ValueError
        If the group does not act there, or its classes are not known (``GroupTooLargeError`` when
        listing more than 200,000 elements would be needed: ``InvariantBasis`` counts from
        generators), or rounding could hide an integer.

    See Also
    --------
    dimension_counts : The same level by level, with all functions beside.

    Examples
    --------
    >>> from symkernel import groups, theory
    >>> from symkernel.spectral import Sphere, Torus
    >>> theory.invariant_dimension(Torus(10), groups.SignFlips(10), max_level=3)
    176
    >>> theory.invariant_dimension(Sphere(3), groups.PointGroup("I"), max_level=12)
    4
    """
    return sum(dimension_counts(manifold, group, max_level).invariant)


def dimension_counts(manifold: Manifold, group: Group | None, max_level: float) -> DimensionCounts:
    """Count eigenfunctions and invariant ones, exactly, level by level.

    Parameters
    ----------
    manifold : Manifold
    group : Group or None
    max_level : int or float

    Returns
    -------
    DimensionCounts

    Raises
    ------
    TypeError, ValueError
        As ``invariant_dimension``.

    Notes
    -----
    The dimension of the invariants of a level is the average over the group of its character. It
    is computed, in this order, as a number of orbits (permutations, even permutations, changes of
    sign, signed and Young permutations of copies: exact generating functions); by cycle types with
    exact integers (groups of signed permutations, their products along axes); by eigenvalues of
    every element, or of the classes of SO(n) and O(n) by Weyl's integration formula, rounded to
    integers after a check that rounding is harmless. No eigenfunction is computed and no null
    space solved, so that ``InvariantBasis`` and this function check each other.

    Examples
    --------
    >>> from symkernel import groups, theory
    >>> from symkernel.spectral import Sphere
    >>> theory.dimension_counts(Sphere(3), groups.PointGroup("O"), 6).invariant
    (1, 0, 0, 0, 1, 0, 1)
    >>> theory.dimension_counts(Sphere(6), groups.SO(3).along(1, (2, 3)), 4).invariant
    (1, 0, 2, 0, 3)
    """
    as_manifold(manifold)
    levels = manifold.levels(max_level)
    total = tuple(known.multiplicity for known in levels)
    invariant = total
    order: int | float = 1
    if group is not None:
        manifold.check(group)
        invariant, order = _invariants(manifold, group, levels), group.order
    eigenvalues = np.array([known.eigenvalue for known in levels])
    return DimensionCounts(
        tuple(known.level for known in levels), eigenvalues, total, invariant, order
    )


def molien_series(group: Group, degree: int) -> tuple[int, ...]:
    """Count the invariant homogeneous polynomials of degree 0..degree.

    The coefficients of Molien's series, the average of 1/det(1 - t g) over the group.

    Parameters
    ----------
    group : Group
        Finite, or compact with factors SO(n) and O(n); linear.
    degree : int
        The highest degree, at least 0.

    Returns
    -------
    tuple of int, of length degree + 1

    Raises
    ------
    TypeError, ValueError
        As ``invariant_dimension``.

    Examples
    --------
    >>> from symkernel import groups, theory
    >>> theory.molien_series(groups.Symmetric(6), 6)
    (1, 1, 2, 3, 5, 7, 11)
    >>> theory.molien_series(groups.PointGroup("I"), 6)
    (1, 0, 1, 0, 1, 0, 2)
    """
    require_group(group)
    top = as_count(degree, "degree", 0)
    return dimension_counts(Polynomials(group.degree), group, top).invariant


def as_manifold(manifold: Any) -> Manifold:
    """Return ``manifold``, if it is one."""
    if not isinstance(manifold, Manifold):
        raise TypeError(f"manifold must be a Manifold, got {type(manifold).__name__}")
    return manifold


def _invariants(manifold: Manifold, group: Group, levels: list[Level]) -> tuple[int, ...]:
    if group._on_lattice or isinstance(manifold, LatticeTorus):
        return _integers(*lattice_characters(manifold, group, levels), levels)
    if isinstance(manifold, (Torus, Polynomials, Sphere)):
        top = int(levels[-1].level)
        series = named_series(manifold, group, top)
        if series is None and not group.is_linear:
            series = shifted_series(group, top)
        if series is None:
            series = reflection_series(manifold, group, top)
        if series is None:
            types = cycle_types(group)
            if types is not None:
                sums = [0] * (top + 1)
                for cycles, count in types.counts.items():
                    traces = cycle_series(manifold, cycles, top)
                    sums = [a + count * b for a, b in zip(sums, traces, strict=True)]
                series = [n // types.order for n in sums]
        if series is not None:
            return tuple(series[int(known.level)] for known in levels)
    if isinstance(manifold, (Polynomials, Sphere)):
        classes = spectra(group, top)
        characters = complete_sums(classes.power_sums)
        if isinstance(manifold, Sphere):
            characters[:, 2:] -= characters[:, :-2].copy()
        return _integers(classes.weights, characters, levels)
    if not group.is_linear:
        raise ValueError(f"group must be linear to be counted on {manifold!r}, {group!r} shifts it")
    weights, matrices = representatives(group, _degree(manifold, levels))
    return _integers(weights, level_characters(manifold, matrices, levels), levels)


def _degree(manifold: Manifold, levels: list[Level]) -> int:
    """Degree in the matrix entries of the characters of the levels."""
    top = float(levels[-1].level)
    if isinstance(manifold, Product):
        # A factor's eigenvalue is at most that of the whole.
        return sum(_degree(f, f.levels(reach(f, top))) for f in manifold.factors)
    return 2 * int(top)


def _integers(weights: Array, traces: Array, levels: list[Level]) -> tuple[int, ...]:
    """Averages of characters as integers, if rounding errors leave no doubt."""
    values = weights @ traces
    nearest = np.rint(values)
    doubt = np.abs(values - nearest).max(initial=0.0)
    # The largest character is that of the identity; errors grow with it.
    largest = max(known.multiplicity for known in levels)
    if doubt > _INTEGER or largest > _INTEGER / np.finfo(np.float64).eps:
        raise ValueError(
            f"max_level must be lower: characters up to {largest} leave rounding errors "
            f"({doubt:.1e} from the next integer)"
        )
    return tuple(int(n) for n in nearest)
