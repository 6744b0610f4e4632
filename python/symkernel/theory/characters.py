"""Compute characters of isometries on the eigenspaces of manifolds."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from symkernel.spectral import SO3, Manifold, Polynomials, Product, Sphere, Torus
from symkernel.spectral.manifold import Level
from symkernel.theory.classes import CycleType

__all__ = ["complete_sums", "cycle_series", "level_characters", "reach"]

Array = NDArray[np.float64]


def cycle_series(manifold: Manifold, cycles: CycleType, top: int) -> list[int]:
    """Return the trace of a signed permutation on levels 0..top of a manifold.

    On polynomials the coefficients of prod 1/(1 - s t^m) over its cycles, of length m and sign s
    (Molien); on tori modes that it leaves alone: one frequency for each positive cycle.
    """
    out = [1] + [0] * top
    for length, sign, count in cycles:
        if isinstance(manifold, Torus):
            if sign < 0:
                continue
            roots = range(1, math.isqrt(top // length) + 1)
            for _ in range(count):
                out = [
                    n + 2 * sum(out[k - length * r * r] for r in roots if length * r * r <= k)
                    for k, n in enumerate(out)
                ]
        else:
            for _ in range(count):
                for k in range(length, top + 1):
                    out[k] += sign * out[k - length]
    if isinstance(manifold, Sphere):
        return [n - (out[k - 2] if k > 1 else 0) for k, n in enumerate(out)]
    return out


def complete_sums(power_sums: Array) -> Array:
    """Return traces h_l on homogeneous polynomials of degree l, (c, top + 1), from p_k = tr g^k.

    Newton: l h_l = sum_(k=1..l) p_k h_(l-k).
    """
    out = np.ones_like(power_sums)
    for degree in range(1, power_sums.shape[1]):
        terms = power_sums[:, 1 : degree + 1] * out[:, degree - 1 :: -1][:, :degree]
        out[:, degree] = terms.sum(axis=1) / degree
    return out


def level_characters(manifold: Manifold, matrices: Array, levels: Sequence[Level]) -> Array:
    """Return the traces of isometries, matrices (c, d, d), on levels of a manifold: (c, n_levels).

    Raises
    ------
    ValueError
        If the character is not known: of maps that mix factors otherwise than by exchanging them.
    """
    if isinstance(manifold, (Sphere, Polynomials)):
        top = max(int(known.level) for known in levels)
        angles = np.angle(np.linalg.eigvals(matrices))
        powers = np.stack([np.cos(k * angles).sum(axis=1) for k in range(top + 1)], axis=1)
        sums = complete_sums(powers)
        if isinstance(manifold, Sphere):
            sums[:, 2:] -= sums[:, :-2].copy()
        return sums[:, [int(known.level) for known in levels]]
    if isinstance(manifold, Torus):
        top = max(int(known.level) for known in levels)
        found = [cycle_series(manifold, _cycles(matrix), top) for matrix in matrices]
        return np.array(found, np.float64)[:, [int(known.level) for known in levels]]
    if isinstance(manifold, SO3):
        return np.stack([_rotation_characters(matrix, levels) for matrix in matrices])
    if isinstance(manifold, Product):
        return _product_characters(manifold, matrices, levels)
    raise ValueError(f"manifold must be one of symkernel.spectral, got {manifold!r}")


def _cycles(matrix: Array) -> CycleType:
    """Cycles of a matrix that is a signed permutation."""
    places = np.abs(matrix).argmax(axis=1)
    signs = np.rint(matrix[np.arange(len(matrix)), places]).astype(int)
    seen = np.zeros(len(matrix), bool)
    found = []
    for start in range(len(matrix)):
        length, sign, place = 0, 1, start
        while not seen[place]:
            seen[place] = True
            length, sign, place = length + 1, sign * int(signs[place]), int(places[place])
        if length:
            found.append((length, sign, 1))
    return tuple(found)


_EXCHANGE = np.eye(9)[np.arange(9).reshape(3, 3).T.reshape(-1)]  # R -> R^T


def _rotation_characters(matrix: Array, levels: Sequence[Level]) -> Array:
    """Traces on Wigner functions of R -> A R B^T, chi(A) chi(B), or of R -> A R^T B^T, chi(A B)."""
    sides = _sides(matrix)
    if sides is not None:
        a, b = _half_turns(sides[0]), _half_turns(sides[1])
        return np.array([_chi(a, known.level) * _chi(b, known.level) for known in levels])
    sides = _sides(matrix @ _EXCHANGE)
    if sides is None:
        raise ValueError("group must take rotations to rotations by products from both sides")
    # f -> f(A R^T B^T) takes the coefficients C of <C, D(R)> to D(A)^T C^T D(B), up to transposes.
    angle = _half_turns(sides[0] @ sides[1])
    return np.array([_chi(angle, known.level) for known in levels])


def _sides(matrix: Array) -> tuple[Array, Array] | None:
    """Rotations A, B with matrix = A x B (Kronecker), or None."""
    tensor = matrix.reshape(3, 3, 3, 3).transpose(0, 2, 1, 3).reshape(9, 9)
    u, values, vt = np.linalg.svd(tensor)
    if values[1] > 1e-6:
        return None
    left, right = u[:, 0].reshape(3, 3) * math.sqrt(3.0), vt[0].reshape(3, 3) * math.sqrt(3.0)
    sign = np.sign(np.linalg.det(left))
    return left * sign, right * sign


def _half_turns(rotation: Array) -> float:
    """Angle of a rotation of space."""
    skew = rotation - rotation.T
    sine = math.sqrt(float(skew[0, 1] ** 2 + skew[0, 2] ** 2 + skew[1, 2] ** 2)) / 2.0
    return math.atan2(sine, (float(np.trace(rotation)) - 1.0) / 2.0)


def _chi(angle: float, degree: float) -> float:
    return 1.0 + 2.0 * sum(math.cos(m * angle) for m in range(1, int(degree) + 1))


def _product_characters(manifold: Product, matrices: Array, levels: Sequence[Level]) -> Array:
    """Traces of maps that move the factors and exchange equal ones.

    Of products of functions only those count that a cycle of factors maps to themselves: the same
    level in each, with the trace of the product of the maps along the cycle.
    """
    factors = manifold.factors
    ends = np.cumsum([0, *(f.n_features for f in factors)]).tolist()
    blocks = [slice(a, b) for a, b in itertools.pairwise(ends)]
    size = np.array(
        [[np.abs(matrices[:, a, b]).max(axis=(1, 2), initial=0.0) for b in blocks] for a in blocks]
    )
    image = size.argmax(axis=1).T  # (c, factors): which factor each one is gathered from
    if (np.sort(size, axis=1)[:, :-1] > 1e-6).any():
        raise ValueError(f"group must move the factors of {manifold!r} or exchange them")
    top = max(known.level for known in levels)
    own_levels = [f.levels(reach(f, float(top))) for f in factors]
    out = np.zeros((len(matrices), len(levels)))
    rows: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, order in enumerate(image.tolist()):
        rows[tuple(order)].append(row)
    for order, chosen in rows.items():
        total: dict[float, Array] = {0.0: np.ones(len(chosen))}
        for cycle in _index_cycles(order):
            around = matrices[chosen][:, blocks[cycle[0]], blocks[order[cycle[0]]]]
            for place in cycle[1:]:
                around = around @ matrices[chosen][:, blocks[place], blocks[order[place]]]
            first = cycle[0]
            characters = level_characters(factors[first], around, own_levels[first])
            following: dict[float, Array] = {}
            for value, so_far in total.items():
                for column, known in enumerate(own_levels[first]):
                    key = round(value + len(cycle) * known.eigenvalue, 9)
                    if key <= top * (1.0 + 1e-9):
                        term = so_far * characters[:, column]
                        following[key] = following.get(key, 0.0) + term
            total = following
        for value, found in total.items():
            near = min(range(len(levels)), key=lambda k: abs(levels[k].level - value))
            out[chosen, near] += found
    return out


def reach(factor: Manifold, eigenvalue: float) -> float:
    """Return the largest level of a factor with at most this eigenvalue."""
    below = itertools.takewhile(
        lambda known: known.eigenvalue <= eigenvalue * (1.0 + 1e-9), factor.all_levels()
    )
    return float(max(known.level for known in below))


def _index_cycles(order: tuple[int, ...]) -> list[list[int]]:
    seen: set[int] = set()
    found = []
    for start in range(len(order)):
        cycle, place = [], start
        while place not in seen:
            seen.add(place)
            cycle.append(place)
            place = order[place]
        if cycle:
            found.append(cycle)
    return found
