"""List conjugacy classes of a group with the eigenvalues that characters need."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.groups import Group
from symkernel.groups.factor import Factor
from symkernel.theory.haar import haar_classes

__all__ = ["CycleTypes", "Spectra", "cycle_types", "representatives", "spectra"]

Array = NDArray[np.float64]
#: (length, sign, how many) of the cycles of a signed permutation, in ascending order.
CycleType = tuple[tuple[int, int, int], ...]

# More elements than this are not listed to find their classes.
_LIMIT = 200_000
# Nor more numbers than this in their matrices.
_MOST_NUMBERS = 20_000_000
# More representatives than this of a continuous group, or of a product, do not pay.
_MOST_CLASSES = 2_000_000

_ADVICE = (
    "counting by characters lists the elements of groups without a formula; count by generators "
    "instead, with symkernel.spectral.InvariantBasis(...).dimensions"
)


@dataclass(frozen=True)
class CycleTypes:
    """How many elements of a finite group of signed permutations have each cycle type.

    A cycle x_1 -> x_2 -> ... -> x_m -> s x_1 has length m and sign s; its eigenvalues are the
    m-th roots of s.
    """

    counts: dict[CycleType, int]

    @property
    def order(self) -> int:
        """Number of elements counted."""
        return sum(self.counts.values())


@dataclass(frozen=True, eq=False)
class Spectra:
    """Power sums p_k = tr g^k of one element of each class, and the share of the class.

    Attributes
    ----------
    weights : float64, shape (c,)
        They sum to 1.
    power_sums : float64, shape (c, top + 1)
    """

    weights: Array
    power_sums: Array


def cycle_types(group: Group) -> CycleTypes | None:
    """Return the cycle types of a finite group of signed permutations, or None of other groups.

    Raises
    ------
    GroupTooLargeError
        If a part without a formula has more than 200,000 elements.
    """
    if not (group.is_finite and group.is_linear and group.is_signed_permutation):
        return None
    parts = _independent(group)
    if parts is None:
        return CycleTypes(_listed(group))
    counts: dict[CycleType, int] = {((1, 1, _rest(parts)),): 1}
    for part in parts:
        together: Counter[CycleType] = Counter()
        for (a, n), (b, m) in itertools.product(counts.items(), _atomic(part.group).items()):
            together[_kronecker(a, b)] += n * m
        counts = together
    return CycleTypes(counts)


def spectra(group: Group, top: int) -> Spectra:
    """Return classes of any compact group of orthogonal maps, with power sums p_0 .. p_top.

    Of SO(n) and O(n) the classes are nodes of a quadrature that is exact for characters of degree
    ``top``, such as those of polynomials of that degree.

    Raises
    ------
    GroupTooLargeError
        If a part without a formula has more than 200,000 elements, or is not compact.
    ValueError
        If the quadrature would have more than two million nodes.
    """
    types = cycle_types(group)
    if types is not None:
        return _from_types(types.counts, top)
    parts = _independent(group)
    if parts is None:
        return _from_matrices(_table_matrices(group), top)
    weights, sums = np.ones(1), np.full((1, top + 1), float(_rest(parts)))
    for part in parts:
        own = _atomic_spectra(part.group, top)
        if len(weights) * len(own.weights) > _MOST_CLASSES:
            raise ValueError(
                f"group has more than {_MOST_CLASSES} classes at degree {top}: {group!r}; {_ADVICE}"
            )
        # tr (g x h)^k = tr g^k tr h^k for the Kronecker product of two maps.
        weights = np.multiply.outer(weights, own.weights).reshape(-1)
        sums = (sums[:, None] * own.power_sums[None]).reshape(-1, top + 1)
    return Spectra(weights, sums)


def representatives(group: Group, top: int) -> tuple[Array, Array]:
    """Return shares (c,) of classes and a matrix (c, d, d) of each.

    Elements of finite parts stand for themselves.
    """
    parts = _independent(group)
    if parts is None:
        matrices = _table_matrices(group)
        return np.full(len(matrices), 1.0 / len(matrices)), matrices
    shape = parts[0].shape
    weights, matrices = np.ones(1), np.eye(1)[None]
    order: list[int] = []
    for part in parts:
        if part.group.role.rotates:
            own_weights, own = haar_classes(part.group, top)
        else:
            own = _table_matrices(part.group)
            own_weights = np.full(len(own), 1.0 / len(own))
        if len(weights) * len(own) * group.degree**2 > 50 * _MOST_CLASSES:
            raise ValueError(f"group has too many classes at level {top}: {group!r}; {_ADVICE}")
        weights = np.multiply.outer(weights, own_weights).reshape(-1)
        matrices = _kron(matrices, own)
        order += part.axes
    still = [axis for axis in range(len(shape)) if axis not in order]
    size = math.prod(shape[axis] for axis in still)
    matrices = _kron(matrices, np.eye(size)[None])
    # Features in the order of the factors' axes, back to C order.
    order += still
    places = np.arange(group.degree).reshape([shape[axis] for axis in order])
    gather = places.transpose(np.argsort(order)).reshape(-1)
    return weights, matrices[:, gather[:, None], gather[None, :]]


def _kron(a: Array, b: Array) -> Array:
    size = a.shape[1] * b.shape[1]
    both = a[:, None, :, None, :, None] * b[None, :, None, :, None, :]
    return np.ascontiguousarray(both).reshape(-1, size, size)


def _independent(group: Group) -> list[Factor] | None:
    """Return the factors, if each has axes of its own of one array."""
    parts = list(group.factors())
    shapes = {part.shape for part in parts}
    axes = [axis for part in parts for axis in part.axes]
    return parts if len(shapes) == 1 and len(set(axes)) == len(axes) else None


def _rest(parts: list[Factor]) -> int:
    """Return the number of entries over the axes on which nothing acts."""
    used = {axis for part in parts for axis in part.axes}
    return math.prod(n for axis, n in enumerate(parts[0].shape) if axis not in used)


def _atomic(group: Group) -> dict[CycleType, int]:
    role = group.role
    everything = role.exchanges and len(role.blocks) == 1
    if everything and not role.signs:
        return {
            tuple((m, 1, k) for m, k in sorted(parts.items())): _class_size(parts, group.degree)
            for parts in _partitions(group.degree, group.degree)
        }
    if everything:
        return dict(_signed_types(group.degree))
    return _listed(group)


def _partitions(n: int, largest: int) -> Iterator[dict[int, int]]:
    """Partitions of n into parts of at most ``largest``: how many there are of each size."""
    if n == 0:
        yield {}
        return
    if largest == 0:
        return
    for count in range(n // largest + 1):
        for rest in _partitions(n - count * largest, largest - 1):
            yield ({**rest, largest: count} if count else rest)


def _class_size(parts: dict[int, int], n: int) -> int:
    centralizer = 1
    for m, k in parts.items():
        centralizer *= m**k * math.factorial(k)
    return math.factorial(n) // centralizer


def _signed_types(n: int) -> Iterator[tuple[CycleType, int]]:
    """Classes of the hyperoctahedral group: centralizers prod (2 m)^k k! over pairs (m, sign)."""
    for parts in _partitions(n, n):
        sizes = sorted(parts.items())
        for negative in itertools.product(*(range(k + 1) for _, k in sizes)):
            found, centralizer = [], 1
            for (m, k), minus in zip(sizes, negative, strict=True):
                for sign, count in ((-1, minus), (1, k - minus)):
                    if count:
                        found.append((m, sign, count))
                        centralizer *= (2 * m) ** count * math.factorial(count)
            yield tuple(found), (math.factorial(n) << n) // centralizer


def _listed(group: Group) -> dict[CycleType, int]:
    """Cycle types of all elements of a table of signed permutations."""
    table = group.table(_LIMIT, _ADVICE)
    assert isinstance(table, SignedPermutationTable)
    count, d = table.indices.shape
    start = np.broadcast_to(np.arange(d, dtype=np.int32), (count, d))
    # Follow every feature at once until each has come back to itself.
    place = table.indices.copy()
    sign = np.ones((count, d), np.int8) if table.signs is None else table.signs.copy()
    codes = np.zeros((count, d), np.int64)
    for length in range(1, d + 1):
        back = (place == start) & (codes == 0)
        codes[back] = length * sign[back]
        if codes.all():
            break
        if table.signs is not None:
            sign = sign * np.take_along_axis(table.signs, place.astype(np.int64), 1)
        place = np.take_along_axis(table.indices, place.astype(np.int64), 1)
    codes.sort(axis=1)
    rows, numbers = np.unique(codes, axis=0, return_counts=True)
    found: dict[CycleType, int] = {}
    for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
        cycles = [(abs(c), 1 if c > 0 else -1, k // abs(c)) for c, k in Counter(row).items()]
        found[tuple(sorted(cycles))] = number
    return found


def _kronecker(a: CycleType, b: CycleType) -> CycleType:
    """Cycle type on pairs of features: lengths m, n give gcd(m, n) cycles of length lcm(m, n)."""
    found: Counter[tuple[int, int]] = Counter()
    for (m, s, j), (n, t, k) in itertools.product(a, b):
        length = math.lcm(m, n)
        found[length, s ** (length // m) * t ** (length // n)] += math.gcd(m, n) * j * k
    return tuple((length, sign, k) for (length, sign), k in sorted(found.items()))


def _from_types(counts: dict[CycleType, int], top: int) -> Spectra:
    order = sum(counts.values())
    sums = np.zeros((len(counts), top + 1))
    for row, cycles in enumerate(counts):
        for length, sign, k in cycles:
            for power in range(0, top + 1, length):
                sums[row, power] += k * length * sign ** (power // length)
    return Spectra(np.array([n / order for n in counts.values()]), sums)


def _atomic_spectra(group: Group, top: int) -> Spectra:
    if group.role.rotates:
        weights, matrices = haar_classes(group, top)
        return _from_matrices(matrices, top, weights)
    types = cycle_types(group)
    if types is not None:
        return _from_types(types.counts, top)
    return _from_matrices(_table_matrices(group), top)


def _from_matrices(matrices: Array, top: int, weights: Array | None = None) -> Spectra:
    if weights is None:
        weights = np.full(len(matrices), 1.0 / len(matrices))
    angles = np.angle(np.linalg.eigvals(matrices))
    sums = np.stack([np.cos(k * angles).sum(axis=1) for k in range(top + 1)], axis=1)
    return Spectra(weights, sums)


def _table_matrices(group: Group) -> Array:
    table = group.table(min(_LIMIT, _MOST_NUMBERS // group.degree**2), _ADVICE)
    if isinstance(table, SignedPermutationTable):
        return table.as_matrices()
    return table.matrices
