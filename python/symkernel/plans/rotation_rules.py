"""Make quadrature rules with positive weights for Haar measure on SO(n) and O(n).

A rule of degree L integrates every polynomial of degree at most L in the entries of the matrix;
on SO(3) these are the Wigner functions D^l with l <= L. Two kinds of rules are used.

* Finite groups. The mean over a group is exact on every irreducible representation in which the
  group fixes no vector: C_(L+1) on the circle and D_(L+1) for O(2); D2, T, O and I with 4, 12, 24
  and 60 rotations for degree 1, 2, 3 and 5.
* Product rules. With R' in SO(n-1), ``R = F(w) diag(R', 1)``, F(w) a rotation that takes the last
  axis to the point w of the sphere: the mean over R' leaves a polynomial of the same degree in w,
  and a sphere rule is Gauss-Gegenbauer in the last coordinate times a rule for the sphere below.
  For n = 3 these are z-x-z Euler angles: L + 1 equal steps about each z axis and ceil((L+1)/2)
  Gauss-Legendre nodes in cos(beta). (Other orders of axes, such as x-y-z, are not exact at all.)

-1 takes a homogeneous polynomial of degree p to (-1)^p times itself. So O(n) with n odd, which is
SO(n) times {1, -1}, needs a rule of SO(n) for even degrees only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_gegenbauer

from symkernel.groups import PointGroup

__all__ = ["GRIDS", "RotationRule", "rotation_grid", "rotation_rule"]

Array = NDArray[np.float64]

# Finite rotation groups of space, and the degree to which their means are exact.
_POLYHEDRAL = ((1, "D2"), (2, "T"), (3, "O"), (5, "I"))

# Named grids: L, and whether each rotation comes with its product with -1.
GRIDS = {
    "0": (1, False),
    "i": (1, True),
    "2": (2, False),
    "2i": (2, True),
    "3": (3, False),
    "3i": (3, True),
}

# Rules beyond this many nodes are refused rather than built.
MAX_NODES = 250_000


@dataclass(frozen=True, eq=False)
class RotationRule:
    """Nodes and weights on SO(n) or O(n): all products of a finite group and coset nodes.

    Parameters
    ----------
    group : ndarray of shape (g, n, n)
        A finite group, which acts after the coset nodes.
    cosets : ndarray of shape (m, n, n)
        Orthogonal matrices; the identity alone for a rule that is a group.
    coset_weights : ndarray of shape (m,)
        Positive, of sum 1.
    degree : int
        Polynomials up to this degree in the entries of the matrix are integrated exactly.
    name : str
        What the rule is, in words.
    """

    group: Array
    cosets: Array
    coset_weights: Array
    degree: int
    name: str

    @property
    def is_group(self) -> bool:
        """Whether the nodes form a group: then a one-sided average is a projection."""
        return len(self.cosets) == 1

    def __len__(self) -> int:
        return len(self.group) * len(self.cosets)

    @property
    def matrices(self) -> Array:
        """Nodes, shape (N, n, n)."""
        n = self.group.shape[1]
        return np.asarray((self.group[:, None] @ self.cosets[None]).reshape(-1, n, n))

    @property
    def weights(self) -> Array:
        """Weights, shape (N,), of sum 1."""
        return np.tile(self.coset_weights / len(self.group), len(self.group))

    @property
    def n_pairs(self) -> int:
        """Number of distinct R^-1 R' that the two-sided average needs."""
        return len(self.group) * len(self.cosets) ** 2

    def pairs(self) -> tuple[Array, Array]:
        """Return R^-1 R' over all pairs of nodes, shape (n_pairs, n, n), and their weights.

        The group in the middle appears once, ``R^-1 R' = B^-1 (g^-1 g') B'``.
        """
        n = self.group.shape[1]
        moved = self.group[:, None] @ self.cosets[None]  # (g, m, n, n)
        product = np.einsum("aji,gbjk->gabik", self.cosets, moved, optimize=True)
        weights = np.multiply.outer(self.coset_weights, self.coset_weights) / len(self.group)
        return product.reshape(-1, n, n), np.tile(weights.ravel(), len(self.group))


@lru_cache(maxsize=64)
def rotation_rule(
    n: int, degree: int, reflections: bool = False, two_sided: bool = False
) -> RotationRule:
    """Cheapest rule at hand for SO(n), or O(n), that is exact to a degree.

    Parameters
    ----------
    n : int
        Dimension, at least 1.
    degree : int
        Degree of exactness, at least 0; the rule's own ``degree`` may be higher.
    reflections : bool, default=False
        Whether the group is O(n).
    two_sided : bool, default=False
        False: nodes and weights are closed under inversion, so that one-sided averages of kernels
        are symmetric, and ``len(rule)`` is small. True: ``rule.n_pairs`` is small instead.

    Returns
    -------
    RotationRule

    Raises
    ------
    ValueError
        If n or degree is out of range, or the rule would have more than 250,000 nodes.

    Notes
    -----
    Nodes on SO(3): 4, 12, 24, 60, 60, 196, 256, 405, 500, 726 for degree 1 to 10, about
    (degree + 1)^3 / 2 beyond. O(3): 2, 24, 24, 120, 120, 392, 392, 810, 810 for degree 1 to 9.
    SO(n): about 2^-(n-2) (degree + 1)^(n (n - 1) / 2) times two for n > 3.

    Examples
    --------
    >>> rule = rotation_rule(3, 5)
    >>> rule.name, len(rule), rule.is_group
    ('icosahedral group', 60, True)
    >>> rule = rotation_rule(3, 8)
    >>> x = rule.weights @ rule.matrices[:, 0, 2] ** 8      # mean of x^8 on the sphere is 1/9
    >>> round(float(x) * 9, 12)
    1.0
    """
    _require_count("n", n, 1)
    _require_count("degree", degree, 0)
    if not reflections:
        return _special(n, degree, two_sided)
    if n % 2 == 1:
        # -1 removes odd degrees: an even degree is exact one degree further
        even = degree - degree % 2
        half = _special(n, even, two_sided)
        group = np.concatenate([half.group, -half.group])
        return RotationRule(
            group,
            half.cosets,
            half.coset_weights,
            half.degree + 1 - half.degree % 2,
            f"{half.name} with inversion",
        )
    if n == 2:
        group = _planar_rotations(degree + 1)
        mirror = np.diag([1.0, -1.0])
        return _of_group(np.concatenate([group, group @ mirror]), degree, f"D{degree + 1}")
    half = _special(n, degree, True)
    mirror = np.diag([1.0] * (n - 1) + [-1.0])
    rule = RotationRule(
        half.group,
        np.concatenate([half.cosets, half.cosets @ mirror]),
        np.tile(half.coset_weights / 2.0, 2),
        degree,
        f"{half.name} with a reflection",
    )
    return rule if two_sided else _closed(rule)


def rotation_grid(name: str) -> tuple[Array, Array]:
    """Named grid of rotations as used to measure broken rotational symmetry.

    Parameters
    ----------
    name : {"0", "i", "2", "2i", "3", "3i"}
        1, 2, 18, 36, 75, 150 matrices: (2L-1)^2 Euler angles times L Gauss-Legendre nodes for
        L = 1, 2, 3, exact to degree 2L-2; "i" adds the product of each with -1.

    Returns
    -------
    matrices : ndarray of shape (N, 3, 3)
    weights : ndarray of shape (N,)
        Positive, of sum 1.

    Raises
    ------
    ValueError
        For an unknown name.

    Notes
    -----
    Source: Langer, Pozdnyakov, Ceriotti, Probing the effects of broken symmetries in machine
    learning, Machine Learning: Science and Technology (2024), arXiv 2406.17747.

    Examples
    --------
    >>> matrices, weights = rotation_grid("3i")
    >>> len(matrices)
    150
    """
    if name not in GRIDS:
        known = ", ".join(repr(g) for g in GRIDS)
        raise ValueError(f"unknown grid {name!r}; known grids: {known}")
    L, inversion = GRIDS[name]
    if L == 1:
        matrices, weights = np.eye(3)[None], np.ones(1)
    else:
        rule = _euler(2 * L - 1, L, 2 * L - 2)
        matrices, weights = rule.matrices, rule.weights
    if inversion:
        matrices, weights = np.concatenate([matrices, -matrices]), np.tile(weights / 2.0, 2)
    return matrices, weights


def _special(n: int, degree: int, two_sided: bool) -> RotationRule:
    """Rule for SO(n)."""
    if n == 1 or degree == 0:
        return _of_group(np.eye(n)[None], 0 if n > 1 else 1_000_000, "identity")
    if n == 2:
        return _of_group(_planar_rotations(degree + 1), degree, f"C{degree + 1}")
    if n == 3:
        for exact, symbol in _POLYHEDRAL:
            if degree <= exact:
                names = {"D2": "D2", "T": "tetrahedral", "O": "octahedral", "I": "icosahedral"}
                return _of_group(_elements(symbol), exact, f"{names[symbol]} group")
        gauss = (degree + 2) // 2
        _require_size(3, degree, (degree + 1) ** 2 * gauss)
        return (_dihedral_euler if two_sided else _euler)(degree + 1, gauss, degree)
    rule = _general(n, degree)
    return rule if two_sided else _closed(rule)


def _of_group(group: Array, degree: int, name: str) -> RotationRule:
    return RotationRule(group, np.eye(group.shape[1])[None], np.ones(1), degree, name)


def _elements(symbol: str) -> Array:
    return np.stack([g.as_matrix() for g in PointGroup(symbol).elements()])


def _euler(steps: int, gauss: int, degree: int) -> RotationRule:
    """z-x-z: equal steps about both z axes, Gauss-Legendre nodes in cos(beta).

    The inverse of (a, b, c) is (pi - c, b, -pi - a), because turning by pi about z changes the sign
    of beta. Equal steps that start at 0 and at pi (modulo the step) are closed under it.
    """
    cosine, weight = np.polynomial.legendre.leggauss(gauss)
    start = 0.0 if steps % 2 == 0 else math.pi / steps
    third = _about_z(_planar_rotations(steps, start))
    middle = _about_x(cosine)
    cosets = (middle[:, None] @ third[None]).reshape(-1, 3, 3)
    weights = np.repeat(weight / (2.0 * steps), steps)
    name = f"Euler product rule, {steps} x {gauss} x {steps} angles"
    return RotationRule(_about_z(_planar_rotations(steps)), cosets, weights, degree, name)


def _dihedral_euler(steps: int, gauss: int, degree: int) -> RotationRule:
    """As _euler, the first angle with half a turn about x: D_steps, which halves the beta nodes.

    A turn by pi about x takes beta to pi - beta, and the Gauss nodes are symmetric.
    """
    cosine, weight = np.polynomial.legendre.leggauss(gauss)
    upper = cosine > -1e-12
    cosine, weight = (
        cosine[upper],
        np.where(np.abs(cosine[upper]) < 1e-12, 0.5, 1.0) * weight[upper],
    )
    cosets = (_about_x(cosine)[:, None] @ _about_z(_planar_rotations(steps))[None]).reshape(
        -1, 3, 3
    )
    turns = _about_z(_planar_rotations(steps))
    group = np.concatenate([turns, turns @ np.diag([1.0, -1.0, -1.0])])
    name = f"Euler product rule, {steps} x {gauss} x {steps} angles"
    return RotationRule(group, cosets, np.repeat(weight / steps, steps), degree, name)


def _general(n: int, degree: int) -> RotationRule:
    """SO(n) from a rule for the sphere and one for SO(n-1), down to the circle."""
    below = [_embedded(_planar_rotations(degree + 1), n)]  # rotations of the last subgroup
    weights = [np.full(degree + 1, 1.0 / (degree + 1))]
    size = (degree + 1) ** (n - 1) * ((degree + 2) // 2) ** ((n - 1) * (n - 2) // 2)
    _require_size(n, degree, size)
    cosets, coset_weights = below[0], weights[0]
    for m in range(3, n + 1):
        frames, frame_weights = _frames(m, degree, n)
        cosets = (frames[:, None] @ cosets[None]).reshape(-1, n, n)
        coset_weights = np.multiply.outer(frame_weights, coset_weights).ravel()
    # The frames of the last sphere begin with all turns of the circle: that group comes out.
    group = _embedded(_planar_rotations(degree + 1), n)
    count = len(cosets) // len(group)
    return RotationRule(
        group,
        cosets[:count],
        coset_weights[:count] * len(group),
        degree,
        f"product rule of {n * (n - 1) // 2} angles",
    )


def _frames(m: int, degree: int, n: int) -> tuple[Array, Array]:
    """Rotations of the first m axes that take axis m to the nodes of a sphere rule."""
    frames = _embedded(_planar_rotations(degree + 1), n)
    weights = np.full(degree + 1, 1.0 / (degree + 1))
    for k in range(3, m + 1):
        cosine, weight = roots_gegenbauer((degree + 2) // 2, (k - 2) / 2.0)
        cosine, weight = (cosine - cosine[::-1]) / 2.0, (weight + weight[::-1]) / 2.0
        turn = np.tile(np.eye(n), (len(cosine), 1, 1))
        sine = np.sqrt((1.0 - cosine) * (1.0 + cosine))
        turn[:, k - 1, k - 1] = turn[:, k - 2, k - 2] = cosine
        turn[:, k - 2, k - 1], turn[:, k - 1, k - 2] = sine, -sine
        frames = (frames[:, None] @ turn[None]).reshape(-1, n, n)
        weights = np.multiply.outer(weights, weight / weight.sum()).ravel()
    return frames, weights


def _closed(rule: RotationRule) -> RotationRule:
    """The nodes together with their inverses."""
    matrices = rule.matrices
    return RotationRule(
        np.eye(matrices.shape[1])[None],
        np.concatenate([matrices, matrices.swapaxes(1, 2)]),
        np.tile(rule.weights / 2.0, 2),
        rule.degree,
        f"{rule.name} and inverses",
    )


def _planar_rotations(count: int, start: float = 0.0) -> Array:
    angle = start + 2.0 * np.pi * np.arange(count) / count
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([c, -s], axis=1), np.stack([s, c], axis=1)], axis=1)


def _embedded(planar: Array, n: int) -> Array:
    """Rotations of the plane of the first two of n axes."""
    out = np.tile(np.eye(n), (len(planar), 1, 1))
    out[:, :2, :2] = planar
    return out


def _about_z(planar: Array) -> Array:
    return _embedded(planar, 3)


def _about_x(cosine: Array) -> Array:
    out = np.tile(np.eye(3), (len(cosine), 1, 1))
    sine = np.sqrt((1.0 - cosine) * (1.0 + cosine))
    out[:, 1, 1] = out[:, 2, 2] = cosine
    out[:, 1, 2], out[:, 2, 1] = -sine, sine
    return out


def _require_count(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def _require_size(n: int, degree: int, size: int) -> None:
    if size > MAX_NODES:
        raise ValueError(
            f"a rule of degree {degree} for SO({n}) has {size:,} nodes; at most {MAX_NODES:,} are "
            "built: ask for a lower degree"
        )
