"""Count invariants of permutations and signs of copies, by generating functions of orbits."""

from __future__ import annotations

import math

from symkernel.groups import Group
from symkernel.groups.role import Kind
from symkernel.spectral import Manifold, Polynomials, Sphere, Torus

__all__ = ["named_series"]

Series = list[int]


def named_series(manifold: Manifold, group: Group, top: int) -> Series | None:
    """Return invariants of levels 0..top of groups that permute copies or change their signs.

    The group permutes n copies of R^r, as ``Symmetric(n).along(0, (n, r))`` does. Functions of all
    copies are products of one function of each, so an invariant is a multiset of functions under
    permutations, of even ones when signs change as well. On tori functions are Fourier modes, on
    R^d and spheres monomials. Homogeneous polynomials are harmonic ones and abs(x)^2 times
    polynomials of a degree two lower, which gives the sphere. None for other groups.

    For n copies of R these are the Hilbert series prod_(i<=n) 1/(1 - t^i) of S_n and
    prod_(i<=n) 1/(1 - t^(2i)) of B_n.
    """
    factors = group.factors()
    if len(factors) != 1 or not group.is_finite:
        return None
    named, shape, axes = factors[0].group, factors[0].shape, factors[0].axes
    copies = math.prod(shape[axis] for axis in axes)
    r = math.prod(shape) // copies
    if isinstance(manifold, Torus):
        one = [1] + [0] * top
        squares = [0] * (top + 1)
        for k in range(-math.isqrt(top), math.isqrt(top) + 1):
            squares[k * k] += 1
        for _ in range(r):
            one = product(one, squares)
        # Of modes k and -k an even function has one combination; k = 0 is even.
        even = [(n + (level == 0)) // 2 for level, n in enumerate(one)]
    elif isinstance(manifold, (Polynomials, Sphere)):
        one = [math.comb(level + r - 1, level) for level in range(top + 1)]
        even = [n if level % 2 == 0 else 0 for level, n in enumerate(one)]
    else:
        return None
    found = _of_copies(named, copies, one, even)
    if found is None or not isinstance(manifold, Sphere):
        return found
    return [n - (found[k - 2] if k > 1 else 0) for k, n in enumerate(found)]


def _of_copies(named: Group, copies: int, one: Series, even: Series) -> Series | None:
    role = named.role
    if role.kind is not Kind.EXCHANGES:
        return None
    own = even if role.signs else one
    if role.even:
        if copies == 1:
            return own
        # An orbit of all permutations is two of even ones where no two copies are alike.
        both = zip(multisets(own, copies), subsets(own, copies), strict=True)
        return [a + b for a, b in both]
    # Features that stay in place are copies by themselves.
    sizes = list(map(len, role.blocks)) or [1] * copies
    out = [1] + [0] * (len(one) - 1)
    for size in sizes:
        out = product(out, own if size == 1 else multisets(own, size))
    return out


def product(a: Series, b: Series) -> Series:
    """Return the product of two series, as long as the first."""
    out = [0] * len(a)
    for i, x in enumerate(a):
        if x:
            for j, y in enumerate(b[: len(a) - i]):
                out[i + j] += x * y
    return out


def multisets(one: Series, n: int) -> Series:
    """Count multisets of n things by total level, when ``one`` counts things by level.

    The coefficient of z^n in prod_l (1 - z q^l)^(-a_l), whose logarithm is
    sum_k z^k a(q^k) / k: n h_n = sum_k a(q^k) h_(n-k), in exact integers.
    """
    return _symmetric(one, n, 1)


def subsets(one: Series, n: int) -> Series:
    """Count sets of n different things by total level: the z^n in prod (1 + z q^l)^a_l."""
    return _symmetric(one, n, -1)


def _symmetric(one: Series, n: int, sign: int) -> Series:
    size = len(one)
    found = [[1] + [0] * (size - 1)]
    for m in range(1, n + 1):
        total = [0] * size
        for k in range(1, m + 1):
            spread = [0] * size
            for level in range(0, size, k):
                spread[level] = one[level // k]
            term = product(found[m - k], spread)
            factor = sign ** (k - 1)
            total = [a + factor * b for a, b in zip(total, term, strict=True)]
        found.append([a // m for a in total])
    return found[n]
