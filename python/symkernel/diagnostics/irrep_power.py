"""Split the variance over an orbit by the irreducible representations of the group.

The component of a function f on a compact group in an irreducible representation rho of dimension
d has the squared norm d E_{g,h} chi_rho(g^-1 h) f(g) f(h), chi_rho being the character (Serre,
Linear Representations of Finite Groups, section 2.6). Conjugate pairs are taken together.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.diagnostics.orbit_grid import OrbitGrid
from symkernel.groups.elements import Element, OrthogonalMatrix
from symkernel.groups.factor import Factor
from symkernel.groups.lattice_motion import LatticeMotion
from symkernel.groups.motion import Motion

__all__ = ["IrrepPower", "irrep_powers"]

Array = NDArray[Any]

# Finite factors of a larger order are not split.
_LARGEST_ORDER = 512
# Larger grids are not split: every form would take 32 MB and more.
_LARGEST_GRID = 2048
# Eigenvalues of a random class function that agree within this share belong together.
_SAME = 1e-8


@dataclass(frozen=True, eq=False)
class IrrepPower:
    """Quadratic form of the squared norm in one representation.

    Parameters
    ----------
    name : str
        The representation, in words.
    trivial : bool
        Whether it is the trivial one, whose component is the orbit mean.
    form : ndarray of shape (q, q)
        The squared norm of values v on a grid of q elements is ``v . form v``.
    """

    name: str
    trivial: bool
    form: Array

    def of(self, values: Array) -> Array:
        """Return the squared norms of the columns of values (q, b)."""
        norms: Array = (values * (self.form @ values)).sum(axis=0)
        return norms


def irrep_powers(grid: OrbitGrid) -> list[IrrepPower]:
    """Return forms for every representation that a grid resolves; none for a random grid.

    A rotation rule that is exact to degree L resolves l up to L/2. A continuous factor other than
    SO(2), O(2), SO(3), O(3) and Torus(1), or a finite one of more than 512 elements, is not split.
    """
    if grid.is_random or len(grid) > _LARGEST_GRID:
        return []
    # A degree that is not resolved has no form, so that shares need not add up to one.
    depth = int(min(grid.degree, 2**20)) // 2
    split = [
        _of_factor(factor, elements, _part_weights(grid, p), depth)
        for p, (factor, elements) in enumerate(grid.parts)
    ]
    if not any(len(part) > 1 for part in split):
        return []
    powers = []
    for combination in itertools.product(*split):
        form = combination[0][2]
        for _, _, more in combination[1:]:
            form = np.kron(form, more)
        names = [name for name, trivial, _ in combination if not trivial and name]
        trivial = all(t for _, t, _ in combination)
        powers.append(IrrepPower(" x ".join(names) or "invariant", trivial, form))
    return powers


_Split = list[tuple[str, bool, Array]]  # name, whether trivial, form


def _part_weights(grid: OrbitGrid, p: int) -> Array:
    weights: Array = np.bincount(
        grid.choices[:, p], weights=grid.weights, minlength=len(grid.parts[p][1])
    )
    return weights


def _of_factor(factor: Factor, elements: tuple[Element, ...], weights: Array, depth: int) -> _Split:
    group = factor.group
    if len(group.role.parts) == 1:  # on some columns: by what it does there
        ((group, columns),) = group.role.parts
        factor = Factor(group, (0,), (group.degree,))
        elements = tuple(_on_columns(g, columns) for g in elements)
    outer = np.multiply.outer(weights, weights)
    if len(elements) == 1:
        return [("", True, outer)]
    if group.is_finite:
        if len(elements) <= _LARGEST_ORDER:
            return _finite(type(group).__name__, elements)
    elif group.role.turns_angles and group.degree == 1:
        angles = np.concatenate([g.as_affine()[:1, -1] for g in elements])
        return _circle(np.subtract.outer(angles, angles), outer, depth)
    elif group.role.rotates and group.degree in (2, 3):
        matrices = np.stack([g.as_matrix() for g in elements])
        relative = np.einsum("aji,bjk->abik", matrices, matrices)
        determinants = np.sign(np.linalg.det(matrices))
        same = np.multiply.outer(determinants, determinants)
        make = _plane if group.degree == 2 else _space
        # a grid of rotations alone cannot tell parities apart
        return make(relative, same, outer, bool((determinants < 0).any()), depth)
    return [("", True, np.diag(weights))]  # the whole function, not split


def _on_columns(element: Element, columns: tuple[int, ...]) -> Element:
    linear, shift = element._parts()
    at = np.array(columns)
    matrix = linear.as_matrix()[np.ix_(at, at)]
    if shift is None:
        return OrthogonalMatrix._trusted(matrix)
    return Motion._trusted(matrix, shift[at])


def _circle(turn: Array, outer: Array, depth: int) -> _Split:
    forms: _Split = [("", True, outer)]
    forms += [(f"m={m}", False, 2.0 * np.cos(m * turn) * outer) for m in range(1, depth + 1)]
    return forms


def _plane(relative: Array, same: Array, outer: Array, reflections: bool, depth: int) -> _Split:
    turn = np.arctan2(relative[:, :, 1, 0], relative[:, :, 0, 0])
    if not reflections:
        return _circle(turn, outer, depth)
    forms: _Split = [("", True, outer), ("det", False, same * outer)]
    rotation = (same > 0) * outer
    forms += [(f"m={m}", False, 4.0 * np.cos(m * turn) * rotation) for m in range(1, depth + 1)]
    return forms


def _space(relative: Array, same: Array, outer: Array, reflections: bool, depth: int) -> _Split:
    # of the rotation R^-1 R', times -1 where one of them reflects: the trace is 1 + 2 cos(angle)
    cosine = np.clip((same * np.einsum("abii->ab", relative) - 1.0) / 2.0, -1.0, 1.0)
    forms: _Split = []
    # chi_l = 1 + 2 sum_{0 < m <= l} cos(m angle), by the recurrence of Chebyshev polynomials
    before, now = np.ones_like(cosine), cosine
    character = np.ones_like(cosine)
    for degree in range(depth + 1):
        weighted = (2 * degree + 1) * character * outer
        if reflections:
            for parity, word in ((1.0, "even"), (same, "odd")):
                trivial = degree == 0 and word == "even"
                name = "" if trivial else f"l={degree} {word}"
                forms.append((name, trivial, weighted * parity))
        else:
            forms.append((f"l={degree}" if degree else "", degree == 0, weighted))
        character = character + 2.0 * now
        before, now = now, 2.0 * cosine * now - before
    return forms


def _finite(label: str, elements: tuple[Element, ...]) -> _Split:
    """Forms of a finite group, from the eigenspaces of a random class function."""
    n = len(elements)
    table = _quotients(elements)
    inverse = table[0]  # of the identity, which comes first, and g
    values = np.random.default_rng(0).standard_normal(n)
    values = values[_conjugates(table)].mean(axis=0)
    values = (values + values[inverse]) / 2.0
    spectrum, vectors = np.linalg.eigh(values[table])
    edges = np.flatnonzero(np.diff(spectrum) > _SAME * np.abs(spectrum).max()) + 1
    spaces = np.split(vectors, edges, axis=1)
    # the trivial representation first, then by size
    spaces.sort(key=lambda space: (bool(np.ptp(space) > 1e-6), space.shape[1]))
    forms: _Split = [("", True, spaces[0] @ spaces[0].T / n)]
    for k, space in enumerate(spaces[1:], 1):
        name = f"{label} irrep {k} ({space.shape[1]} functions)"
        forms.append((name, False, space @ space.T / n))
    return forms


def _quotients(elements: tuple[Element, ...]) -> NDArray[np.int64]:
    """Index of g_a g_b^-1 at [a, b]."""
    n = len(elements)
    if isinstance(elements[0], LatticeMotion):  # exact, and without matrices
        rank = {g: k for k, g in enumerate(elements)}
        undone = [g.inverse() for g in elements]
        return np.array([[rank[g @ h] for h in undone] for g in elements])
    matrices = np.stack([g.as_matrix() for g in elements])
    flat = matrices.reshape(n, -1)
    table = np.empty((n, n), np.int64)
    for a in range(n):
        products = np.einsum("ij,bkj->bik", matrices[a], matrices).reshape(n, -1)
        # orthogonal matrices: the nearest is the one of largest inner product
        table[a] = (products @ flat.T).argmax(axis=1)
    return table


def _conjugates(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of h g h^-1 at [h, g]."""
    product = table[:, table[0]]  # g_a g_b
    return table[product, np.arange(len(table))[:, None]]
