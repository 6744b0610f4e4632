r"""Find orthonormal invariant polynomials of a group, from its generators.

With u_a(x) = sqrt(j! / a!) x^a over all exponents a of degree j, (x . y)^j = sum_a u_a(x) u_a(y),
and orthogonal maps of x act on the coefficients as orthogonal matrices. Averaging over a group
projects on the invariant polynomials, so that for any orthonormal basis phi of these

    E (x . g y)^j = sum over k of phi_k(x) phi_k(y).

* Signed permutations permute the u_a up to sign: invariants are sums over orbits of monomials.
* All permutations of n points, perhaps only among points of one kind, perhaps with changes of sign
  of whole points: an orbit is a multiset of exponents of single points, whatever n. With part p the
  exponents of one point, m_P the sum of the different monomials with the multiset P of parts,

      phi_P = sqrt(j! / prod p! / N_P) m_P,   N_P = prod over kinds n! / ((n - parts)! prod mult!),

  and one point after another gives all m_P at once, m_P += sum over distinct parts p of P of
  x_i^p m_{P without p}, without the cancellation of formulas in power sums. (For points on a line:
  Diaz, Drusvyatskiy, Kendrick and Thomas, arXiv 2502.01886.)
* What other generators leave of a space of polynomials is a null space: f(g x) = f(x) at as many
  random x as there are coefficients, and a few more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from symkernel.backends.modes import enumerate_modes, mode_orbits, mode_sums
from symkernel.exceptions import NotApplicableError
from symkernel.groups import SignedPermutation
from symkernel.groups.elements import Element
from symkernel.plans.letters import bombieri, letter_maps

Array = NDArray[np.float64]
Part = tuple[int, ...]

# Numbers that are held at once: 32 MB.
_BLOCK = 2**22
# Singular values up to the first share of the largest are zero, those beyond the second are not.
_ZERO, _GAP = 1e-10, 1e-6


class Invariants(Protocol):
    """Some polynomials of known degrees."""

    degrees: NDArray[np.int64]

    def values(self, X: Array) -> Array:
        """Values (n, width) at samples (n, d)."""

    def pullback(self, X: Array, C: Array) -> Array:
        """Gradients (n, c, d) of C phi(x) at samples (n, d), for C of shape (c, width)."""


class OrbitSums:
    """Sums over orbits of monomials under signed permutations.

    Parameters
    ----------
    elements : sequence of SignedPermutation
        Generators.
    d : int
        Number of features.
    degree : int
        Largest degree.
    most : int
        Most monomials that are listed.

    Raises
    ------
    NotApplicableError
        If there are more.
    """

    def __init__(
        self, elements: Sequence[SignedPermutation], d: int, degree: int, most: int
    ) -> None:
        count = math.comb(d + degree, degree)
        if count > most:
            raise NotApplicableError(
                f"there are {count:,} monomials of {d} features to degree {degree}; at most "
                f"{most:,} are listed"
            )
        self._d, self._largest = d, max(1, degree)
        maps, signs = letter_maps(elements, d, self._largest)
        words, weights, columns, degrees = [], [], [], []
        start = 0
        for j in range(degree + 1):
            own = enumerate_modes(d, j, self._largest, fourier=False)
            labels, mode_signs, orbits = mode_orbits(own, maps, signs)
            kept = labels >= 0
            own, labels = own[kept], labels[kept]
            sizes = np.bincount(labels, minlength=orbits)
            padded = np.full((len(own), self._largest), -1, np.int32)
            padded[:, : own.shape[1]] = own
            words.append(padded)
            roots = bombieri(own, j, self._largest)
            weights.append(mode_signs[kept] * roots / np.sqrt(sizes[labels]))
            columns.append(labels + start)
            degrees += [j] * orbits
            start += orbits
        self.degrees = np.array(degrees, np.int64)
        self._words = np.concatenate(words)
        self._weights = np.concatenate(weights)
        self._columns = np.concatenate(columns).astype(np.int32)

    def values(self, X: Array) -> Array:
        """Values (n, width) at samples (n, d)."""
        width = len(self.degrees)
        return mode_sums(X, self._words, self._weights, self._columns, None, width, self._largest)

    def pullback(self, X: Array, C: Array) -> Array:
        """Gradients (n, c, d) of C phi(x) at samples (n, d), for C of shape (c, width)."""
        out = np.zeros((len(X), len(C), self._d))
        coordinate, place = np.divmod(np.maximum(self._words, 0), self._largest)
        used = self._words >= 0
        modes, length = self._words.shape
        places = [
            sparse.csr_array(
                (
                    np.ones(used[:, k].sum()),
                    (np.flatnonzero(used[:, k]), coordinate[used[:, k], k]),
                ),
                shape=(modes, self._d),
            )
            for k in range(length)
        ]
        shares = (C[:, self._columns] * self._weights)[None]
        step = max(1, _BLOCK // max(1, modes * (length + len(C))))
        for first in range(0, len(X), step):
            block = X[first : first + step]
            letters = np.where(used, block[:, coordinate], 1.0)  # (b, modes, length)
            powers = np.where(used, letters ** (place + 1), 1.0)
            for k in range(length):
                rest = np.delete(powers, k, axis=2).prod(axis=2)
                slope = (place[:, k] + 1) * letters[:, :, k] ** place[:, k] * rest * used[:, k]
                moved = (slope[:, None, :] * shares).reshape(-1, modes)
                out[first : first + step] += (moved @ places[k]).reshape(len(block), len(C), -1)
        return out


class MultisetSums:
    """Sums over all permutations of points among points of one kind.

    Parameters
    ----------
    places : ndarray of shape (points, r)
        Features of every point.
    kinds : sequence of int
        Kind of every point, counted from 0.
    even : bool
        Whether every point may change sign as well.
    degree : int
        Largest degree.
    most : int
        Most sums.

    Raises
    ------
    NotApplicableError
        If there are more.
    """

    def __init__(
        self,
        places: NDArray[np.int64],
        kinds: Sequence[int],
        even: bool,
        degree: int,
        most: int,
    ) -> None:
        self._places, self._kinds = places, list(kinds)
        r, counts = places.shape[1], Counter(self._kinds)
        exponents = [
            tuple(Counter(c)[i] for i in range(r))
            for total in range(1, degree + 1)
            if not (even and total % 2)
            for c in combinations_with_replacement(range(r), total)
        ]
        parts = [(kind, p) for kind in sorted(counts) for p in exponents]
        multisets: list[tuple[int, ...]] = []
        for found in _multisets([sum(p) for _, p in parts], degree):
            used = Counter(parts[k][0] for k in found)
            if all(used[kind] <= counts[kind] for kind in used):
                multisets.append(found)
            if len(multisets) > most:
                raise NotApplicableError(
                    f"there are more than {most:,} invariant polynomials to degree {degree}"
                )
        multisets.sort(key=lambda found: sum(sum(parts[k][1]) for k in found))
        self._exponents = np.array([p for _, p in parts], np.int64).reshape(-1, r)
        self.degrees = np.array([sum(sum(parts[k][1]) for k in m) for m in multisets], np.int64)
        self._roots = np.array([_root([parts[k] for k in m], counts) for m in multisets])
        number = {m: k for k, m in enumerate(multisets)}
        self._steps: dict[int, list[Any]] = {}
        for kind in counts:
            rows = [
                (part, number[_without(m, part)], k)
                for m, k in number.items()
                for part in dict.fromkeys(m)
                if parts[part][0] == kind
            ]
            steps = np.array(rows, np.int64).reshape(-1, 3).T
            ones, at = np.ones(steps.shape[1]), np.arange(steps.shape[1])
            widths = (len(parts), len(multisets), len(multisets))
            add = [
                sparse.csr_array((ones, (row, at)), shape=(width, len(at)))
                for row, width in zip(steps, widths, strict=True)
            ]
            self._steps[kind] = [*steps, *add]

    def values(self, X: Array) -> Array:
        """Values (n, width) at samples (n, d)."""
        out = np.empty((len(X), len(self.degrees)))
        for rows in self._blocks(len(X), 1):
            *_, last = self._forward(X[rows])  # one array, which grows in place
            out[rows] = last.T
        return np.asarray(out * self._roots)

    def pullback(self, X: Array, C: Array) -> Array:
        """Gradients (n, c, d) of C phi(x) at samples (n, d), for C of shape (c, width).

        The steps of the sum backwards: one pass for each row of C.
        """
        out = np.zeros((len(X), len(C), X.shape[1]))
        for rows in self._blocks(len(X), len(self._places)):
            states = [m.copy() for m in self._forward(X[rows])]
            for c, coefficients in enumerate(C * self._roots):
                back = np.repeat(coefficients[:, None], states[0].shape[1], axis=1)
                for i in reversed(range(len(self._places))):
                    part, source, target, to_part, to_source, _ = self._steps[self._kinds[i]]
                    x, point = X[rows][:, self._places[i]].T, states[i]
                    weights = to_part @ (back[target] * point[source])
                    out[rows, c, self._places[i]] = self._slopes(x, weights).T
                    back = back + to_source @ (back[target] * self._powers(x)[part])
        return out

    def _blocks(self, n: int, states: int) -> Iterator[slice]:
        steps = max((len(s[0]) for s in self._steps.values()), default=1)
        step = max(1, _BLOCK // max(1, len(self.degrees) * states + 4 * steps))
        for first in range(0, n, step):
            yield slice(first, first + step)

    # The sums (width, n) before each point, and after the last.
    def _forward(self, X: Array) -> Iterator[Array]:
        m = np.zeros((len(self.degrees), len(X)))
        m[0] = 1.0
        yield m
        for kind, place in zip(self._kinds, self._places, strict=True):
            part, source, _, _, _, to_target = self._steps[kind]
            m += to_target @ (self._powers(X[:, place].T)[part] * m[source])
            yield m

    # x^p for all parts, (parts, n), at x (r, n).
    def _powers(self, x: Array) -> Array:
        return np.asarray((x[None] ** self._exponents[:, :, None]).prod(axis=1))

    # sum over parts of weights (parts, n) times the gradient of x^p, (r, n).
    def _slopes(self, x: Array, weights: Array) -> Array:
        out = np.zeros_like(x)
        for axis in range(len(x)):
            lowered = self._exponents.copy()
            factor = lowered[:, axis].copy()
            lowered[:, axis] = np.maximum(factor - 1, 0)
            powers = (x[None] ** lowered[:, :, None]).prod(axis=1)
            out[axis] = (factor[:, None] * powers * weights).sum(axis=0)
        return out


class Combinations:
    """Combinations of polynomials, those of each degree apart.

    Parameters
    ----------
    inner : Invariants
        Polynomials.
    mixing : ndarray of shape (width, combinations)
        Orthonormal columns, each of one degree.
    """

    def __init__(self, inner: Invariants, mixing: Array) -> None:
        self._inner, self._mixing = inner, mixing
        self.degrees = inner.degrees[np.argmax(np.abs(mixing), axis=0)]

    def values(self, X: Array) -> Array:
        """Values (n, width) at samples (n, d)."""
        return self._inner.values(X) @ self._mixing

    def pullback(self, X: Array, C: Array) -> Array:
        """Gradients (n, c, d) of C phi(x) at samples (n, d), for C of shape (c, width)."""
        return self._inner.pullback(X, C @ self._mixing.T)


def left_fixed(inner: Invariants, elements: Sequence[Element], d: int, most: int) -> Invariants:
    """Those combinations of orthonormal polynomials that elements leave as they are.

    Parameters
    ----------
    inner : Invariants
        Polynomials whose span, degree by degree, the group of the elements maps to itself, or from
        which it has been projected.
    elements : sequence of Element
        Orthogonal maps; none leaves everything.
    d : int
        Number of features.
    most : int
        Largest number of polynomials of one degree.

    Raises
    ------
    NotApplicableError
        If there are more, or the null space is not clear.
    """
    if not elements:
        return inner
    widths = np.bincount(inner.degrees)
    if widths.max(initial=0) > most:
        raise NotApplicableError(
            f"there are {widths.max():,} polynomials of one degree to be combined into invariants; "
            f"at most {most:,} are"
        )
    rng = np.random.default_rng(0)
    X = rng.standard_normal((int(widths.max(initial=1)) + 16, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    here = inner.values(X)
    there = [inner.values(np.ascontiguousarray(g.apply(X))) for g in elements]
    columns = []
    for j in range(len(widths)):
        own = np.flatnonzero(inner.degrees == j)
        if not len(own):
            continue
        # Values at points of norm 1 are smaller than norms of coefficients by this.
        size = np.linalg.norm(here[:, own], 2)
        change = np.concatenate([(z - here)[:, own] for z in there]) / size
        _, s, vt = np.linalg.svd(change, full_matrices=False)
        free = s <= _ZERO
        if s[~free].min(initial=1.0) < _GAP:
            raise NotApplicableError(
                f"the invariant polynomials of degree {j} are not clear from the generators: some "
                "are nearly invariant"
            )
        part = np.zeros((len(inner.degrees), int(free.sum())))
        part[own] = vt[free].T
        columns.append(part)
    return Combinations(inner, np.concatenate(columns, axis=1))


def _multisets(sizes: list[int], total: int) -> Iterator[tuple[int, ...]]:
    """Ascending tuples of numbers of parts whose sizes add up to at most the total."""

    def extend(chosen: tuple[int, ...], first: int, left: int) -> Iterator[tuple[int, ...]]:
        yield chosen
        for k in range(first, len(sizes)):
            if sizes[k] <= left:
                yield from extend((*chosen, k), k, left - sizes[k])

    return extend((), 0, total)


def _without(multiset: tuple[int, ...], part: int) -> tuple[int, ...]:
    at = multiset.index(part)
    return multiset[:at] + multiset[at + 1 :]


def _root(parts: list[tuple[int, Part]], counts: Counter[int]) -> float:
    """sqrt(j! / prod p! / N_P)."""
    degree = sum(sum(p) for _, p in parts)
    below = math.prod(math.factorial(e) for _, p in parts for e in p)
    used = Counter(kind for kind, _ in parts)
    arrangements = math.prod(math.perm(counts[kind], k) for kind, k in used.items())
    arrangements //= math.prod(math.factorial(k) for k in Counter(parts).values())
    return math.sqrt(math.factorial(degree) / below / arrangements)
