"""Choose weighted elements of a group to average over, and apply them axis by axis."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import Group, OrthogonalMatrix, PointGroup, SignedPermutation
from symkernel.groups.columns import Columns, lifted
from symkernel.groups.elements import Element
from symkernel.groups.factor import Factor
from symkernel.groups.lattice_motion import LatticeMotion
from symkernel.groups.motion import Motion
from symkernel.groups.registry import require_group
from symkernel.plans.rotation_rules import GRIDS, rotation_grid, rotation_rule
from symkernel.validation import RandomState, as_count, as_generator

__all__ = ["OrbitGrid", "orbit_grid"]

Array = NDArray[Any]

# Degree of exactness that continuous groups get unasked: that of the grids "3" and "3i".
_DEGREE = 4
# Finite groups up to this order are taken whole.
_WHOLE = 4096
# Random elements taken of larger ones.
_RANDOM = 64
# Rotation groups that are designs, with the degree to which their means are exact.
_POLYHEDRAL = {"T": 2, "O": 3, "I": 5}


@dataclass(frozen=True, eq=False)
class OrbitGrid:
    """Elements of a group with weights, for averages of functions over orbits.

    Parameters
    ----------
    group : Group
        Group that acts on the samples.
    name : str
        What the grid is, in words.
    parts : tuple of (Factor, tuple of Element)
        The factors of the group with the elements used of each.
    choices : ndarray of int of shape (q, n_parts)
        Element k of the grid is the product of ``parts[p][1][choices[k, p]]``.
    weights : ndarray of shape (q,)
        Positive, of sum 1.
    degree : float
        Polynomials in the matrix entries of a rotation are averaged exactly up to this degree;
        ``inf`` for a whole finite group, ``nan`` for random elements.
    """

    group: Group
    name: str
    parts: tuple[tuple[Factor, tuple[Element, ...]], ...]
    choices: NDArray[np.int64]
    weights: Array
    degree: float

    def __len__(self) -> int:
        return len(self.choices)

    @property
    def is_random(self) -> bool:
        """Whether the elements are independent random ones."""
        return math.isnan(self.degree)

    def act(self, k: int, X: Array, *, inverse: bool = False, linear: bool = False) -> Array:
        """Return the images g_k . x of the rows of X, (n, d); of their inverses if asked.

        With ``linear`` shifts are left out, as for vectors and forces.
        """
        steps = list(zip(self.parts, self.choices[k].tolist(), strict=True))
        for (factor, elements), which in steps:
            X = _along(factor, _oriented(elements[which], inverse, linear), X)
        return X

    def matrix(self, k: int, length: int) -> Array:
        """Return the orthogonal matrix by which element k turns vectors of a length.

        Raises
        ------
        ValueError
            If no factor of the group acts on vectors of that length.
        """
        turned = [
            elements[which]
            for (factor, elements), which in zip(self.parts, self.choices[k], strict=True)
            if factor.group.degree == length
            and not (factor.group.is_permutation or factor.group.role.moves_lattice)
        ]
        if not turned:
            raise ValueError(
                f"no factor of {self.group!r} turns vectors of length {length}: pass a callable "
                "as output, or output='same'"
            )
        product = np.eye(length)
        for element in turned:
            product = element._parts()[0].as_matrix() @ product
        return product

    def __repr__(self) -> str:
        return f"<OrbitGrid of {len(self)} elements: {self.name}>"


def orbit_grid(
    group: Group,
    grid: str | int | None = None,
    *,
    n_random: int | None = None,
    random_state: RandomState = None,
) -> OrbitGrid:
    """Return the elements of a group, and weights, for averages over orbits.

    Parameters
    ----------
    group : Group
        Any group without translations. Finite factors are taken whole.
    grid : str or int, default=None
        For factors SO(n), O(n) and Torus(n): the degree of exactness, an int, for the cheapest
        rule at hand (in space: rotations of polyhedra up to degree 5, Euler angles beyond); or for
        rotations of space a name: "0", "i", "2", "2i", "3", "3i" are the 1, 2, 18, 36, 75, 150
        matrices of Langer et al., exact to degree 0, 0, 2, 2, 4, 4, those with "i" for O(3) only;
        "T", "O", "I" are the 12, 24, 60 rotations of the polyhedra, exact to degree 2, 3, 5. By
        default "3" for SO(3), "3i" for O(3), degree 4 for other continuous groups. Finite groups
        are taken whole up to 4096 elements, larger ones by 64 random elements.
    n_random : int, default=None
        Take this many independent uniform elements instead.
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of random elements.

    Returns
    -------
    OrbitGrid

    Raises
    ------
    ValueError
        If the grid is unknown or not one of this group, the group has translations, or the grid
        would have more than 250,000 elements.

    Notes
    -----
    Averages are exact for functions whose restriction to an orbit is a polynomial of at most the
    degree in the entries of the rotation; their *variance* has twice the degree. Source: Langer,
    Pozdnyakov, Ceriotti, Mach. Learn.: Sci. Technol. 5 (2024), arXiv:2406.17747.

    Examples
    --------
    >>> from symkernel import diagnostics, groups
    >>> diagnostics.orbit_grid(groups.O(3).along(1, (5, 3)), "2i")
    <OrbitGrid of 36 elements: grid '2i', exact to degree 2>
    >>> len(diagnostics.orbit_grid(groups.Dihedral(4)))
    8
    """
    require_group(group)
    if grid is not None and n_random is not None:
        raise ValueError("pass either grid or n_random, not both")
    factors = tuple(part for factor in group.factors() for part in _parts_of(factor))
    if group.structure.translates:
        raise ValueError(
            f"{group!r} has translations, over which there is no average: use its rotations, "
            "and centre the samples if the model is not invariant to shifts"
        )
    continuous = [f for f in factors if not f.group.is_finite]
    finite_order = math.prod(int(f.group.order) for f in factors if f.group.is_finite)
    if n_random is None and grid is None and finite_order > _WHOLE:
        n_random = _RANDOM
    if n_random is not None:
        return _random(group, factors, as_count(n_random, "n_random"), random_state)
    if grid is not None and not continuous:
        raise ValueError(f"grid={grid!r} is for continuous groups; {group!r} is taken whole")
    if len(continuous) > 1:
        found = ", ".join(repr(f.group) for f in continuous)
        raise ValueError(f"{group!r} has several continuous factors ({found}): pass n_random")
    parts: list[tuple[Factor, tuple[Element, ...]]] = []
    weights: list[Array] = []
    name, degree = f"all of {group!r}", math.inf
    for factor in factors:
        if factor.group.is_finite:
            if finite_order > _WHOLE:
                raise ValueError(
                    f"the finite part of {group!r} has {finite_order} elements: pass n_random"
                )
            elements = tuple(factor.group.elements())
            weights.append(np.full(len(elements), 1.0 / len(elements)))
        else:
            elements, nodes, degree, name = _rule(factor.group, grid)
            weights.append(nodes)
            if finite_order > 1:
                name += f" times {finite_order} elements"
        parts.append((factor, elements))
    choices = np.array(list(itertools.product(*(range(len(e)) for _, e in parts))), np.int64)
    product = weights[0]
    for more in weights[1:]:
        product = np.multiply.outer(product, more).ravel()
    return OrbitGrid(group, name, tuple(parts), choices, product, degree)


def _random(
    group: Group, factors: tuple[Factor, ...], count: int, random_state: RandomState
) -> OrbitGrid:
    rng = as_generator(random_state)
    parts = tuple((f, tuple(f.group._draw(count, rng, 1.0))) for f in factors)
    choices = np.tile(np.arange(count)[:, None], (1, len(parts)))
    name = f"{count} random elements of {group!r}"
    return OrbitGrid(group, name, parts, choices, np.full(count, 1.0 / count), math.nan)


def _rule(group: Group, grid: str | int | None) -> tuple[tuple[Element, ...], Array, float, str]:
    """Elements, weights, degree and name for one continuous factor."""
    n, role = group.degree, group.role
    if role.parts:
        ((part, columns),) = role.parts
        inner = orbit_grid(part, grid)
        lifted_to = np.array(columns)
        own = tuple(lifted(g, lifted_to, n) for g in _elements(inner))
        return own, inner.weights, inner.degree, inner.name
    if role.turns_angles:
        degree = _DEGREE if grid is None else _as_degree(grid, group)
        steps = 2.0 * math.pi / (degree + 1) * np.arange(degree + 1)
        shifts = np.stack(np.meshgrid(*[steps] * n, indexing="ij"), axis=-1).reshape(-1, n)
        elements = tuple(Motion._trusted(None, t) for t in shifts)
        weights = np.full(len(shifts), 1.0 / len(shifts))
        return elements, weights, degree, f"{len(shifts)} shifts, exact to degree {degree}"
    if not role.rotates:
        raise ValueError(f"no grid is known for {group!r}: pass n_random")
    reflections = role.reflections
    if grid is None and n == 3:
        # The 60 rotations of the icosahedron are cheaper and better by a degree. But being a group
        # they show no spread of a model that has been averaged over them.
        grid = "3i" if reflections else "3"
    if isinstance(grid, str):
        return _named(group, grid)
    degree = _DEGREE if grid is None else _as_degree(grid, group)
    # -1 doubles the rotations of an odd dimension: all representations are resolved, whereas the
    # cheapest rule for O(n) is exact on polynomials in the entries only.
    inversion = reflections and n % 2 == 1
    rule = rotation_rule(n, degree, reflections and not inversion)
    matrices, weights, what = rule.matrices, rule.weights, rule.name
    if inversion:
        matrices, weights = np.concatenate([matrices, -matrices]), np.tile(weights / 2.0, 2)
        what += " with inversion"
    return _matrices(matrices), weights, rule.degree, f"{what}, exact to degree {rule.degree}"


def _parts_of(factor: Factor) -> tuple[Factor, ...]:
    """Groups on columns of their own as one factor each, as long as one of them is infinite."""
    group = factor.group
    if len(group.role.parts) < 2 or group.is_finite:
        return (factor,)
    return tuple(
        Factor(Columns([(part, columns)], group.degree), factor.axes, factor.shape)
        for part, columns in group.role.parts
    )


def _elements(grid: OrbitGrid) -> tuple[Element, ...]:
    """The elements of a grid, as maps of all features."""
    d = grid.group.degree
    found: list[Element] = []
    for k in range(len(grid)):
        shift = grid.act(k, np.zeros((1, d)))[0]
        matrix = (grid.act(k, np.eye(d)) - shift).T
        if shift.any():
            found.append(Motion._trusted(matrix, shift))
        else:
            found.append(OrthogonalMatrix._trusted(matrix))
    return tuple(found)


def _named(group: Group, grid: str) -> tuple[tuple[Element, ...], Array, float, str]:
    if group.degree != 3:
        raise ValueError(f"grid={grid!r} names rotations of space; for {group!r} pass a degree")
    if grid in _POLYHEDRAL:
        elements = tuple(PointGroup(grid).elements())
        weights = np.full(len(elements), 1.0 / len(elements))
        degree = _POLYHEDRAL[grid]
        return elements, weights, degree, f"rotation group {grid}, exact to degree {degree}"
    if grid not in GRIDS:
        known = ", ".join(repr(g) for g in (*GRIDS, *_POLYHEDRAL))
        raise ValueError(f"unknown grid {grid!r}; known grids: {known}, or a degree")
    L, inversion = GRIDS[grid]
    if inversion and not group.role.reflections:
        raise ValueError(f"grid={grid!r} has reflections, which {group!r} does not: use O(3)")
    matrices, weights = rotation_grid(grid)
    return _matrices(matrices), weights, 2 * L - 2, f"grid {grid!r}, exact to degree {2 * L - 2}"


def _as_degree(grid: Any, group: Group) -> int:
    if isinstance(grid, str):
        raise ValueError(f"grid={grid!r} names rotations of space; for {group!r} pass a degree")
    return as_count(grid, "grid", 0)


def _matrices(stack: Array) -> tuple[Element, ...]:
    return tuple(OrthogonalMatrix._trusted(np.ascontiguousarray(m)) for m in stack)


def _oriented(element: Element, inverse: bool, linear: bool) -> Element:
    if linear and isinstance(element, LatticeMotion):
        raise ValueError(
            f"{element!r} turns vectors in the metric of its lattice only: pass a callable as "
            "output"
        )
    chosen = element._parts()[0] if linear else element
    return chosen.inverse() if inverse else chosen


def _along(factor: Factor, element: Element, X: Array) -> Array:
    """Act with an element of a factor on the rows of X, along the axes of the factor."""
    if isinstance(element, SignedPermutation) and element == SignedPermutation._trusted(
        np.arange(element.degree)
    ):
        return X
    if factor.axes == tuple(range(len(factor.shape))):
        return element.apply(X)
    axes = tuple(a + 1 for a in factor.axes)
    last = tuple(range(-len(axes), 0))
    rows = np.moveaxis(X.reshape(len(X), *factor.shape), axes, last)
    moved = element.apply(rows.reshape(*rows.shape[: -len(axes)], factor.group.degree))
    return np.moveaxis(moved.reshape(rows.shape), last, axes).reshape(X.shape)
