"""Average polynomial kernels exactly over groups of any order, by invariant polynomials."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from symkernel.backends.arrays import is_on_device, like, to_host
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, SignedPermutation
from symkernel.groups.along import places
from symkernel.groups.elements import Element
from symkernel.groups.factor import Factor
from symkernel.plans.base import Array, BaseSpec, Cost, Plan
from symkernel.plans.invariant_polynomials import Invariants, MultisetSums, OrbitSums, left_fixed
from symkernel.plans.moments import MAX_DEGREE, polynomial_units
from symkernel.plans.polynomial_tail import polynomial_degree


class Limits(NamedTuple):
    """Most monomials that are listed, polynomials over multisets, and polynomials of one degree.

    Among the last invariants are sought, by the singular values of a matrix of that size.
    """

    monomials: int
    multisets: int
    combined: int


# Largest size of the matrices that generators are, where they are no signed permutations.
_MOST_FEATURES = 2_000
# What takes a tenth of a second, and what takes some ten where there is no other way.
UNFELT, PATIENT = Limits(200_000, 3_000, 250), Limits(2_000_000, 20_000, 800)


class PolynomialSum(Plan):
    """``(gamma x.y + coef0)^p`` averaged as a sum over the invariant polynomials up to degree p.

    For groups of any order, infinite ones too, from generators: see ``invariant_polynomials.py``.
    The values of the polynomials at each sample, then one multiply-add per pair and polynomial.
    Degree 1, the linear kernel: the projection on the vectors that the group fixes. Samples on a
    GPU are brought to the host, and the result back.

    Parameters
    ----------
    base : BaseSpec
        "dot_product" or "polynomial".
    group : Group
        Linear, beside translations or not.
    limits : Limits, default=PATIENT
        How many polynomials may be looked at.

    Raises
    ------
    NotApplicableError
        If the base kernel is no polynomial, the group turns angles, or there are more polynomials
        than the limits.

    Examples
    --------
    >>> from symkernel import groups
    >>> plan = PolynomialSum(BaseSpec("dot_product", (1.0,)), groups.Symmetric(1000))
    >>> plan.steps
    ('2 invariant polynomials to degree 1', 'product of features')
    """

    method = "closed_form"
    exact = True
    error = 1e-15

    def __init__(self, base: BaseSpec, group: Group, limits: Limits = PATIENT) -> None:
        degree = polynomial_degree(base)
        if degree is None:
            raise NotApplicableError(f"{base.name!r} is not a polynomial of the inner product")
        if degree > MAX_DEGREE:
            raise NotApplicableError(
                f"invariant polynomials are used up to degree {MAX_DEGREE}, not for degree={degree}"
            )
        self.base = base
        self.group = group
        self._degree = degree
        self._structure = group.structure
        self._features: Invariants = invariants(self._structure.rest, degree, limits)
        count = len(self._features.degrees)
        self.cost = Cost(float(count), 0.0)
        self.steps = (
            *self._structure.centring,
            f"{count:,} invariant polynomials to degree {degree}",
            "product of features",
        )

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        left, right, weights, _ = self._values(X, Y)
        if right is None:  # the product of a matrix with its own transpose costs half
            left = left * np.sqrt(weights[0])
            return like(left @ left.T, X)  # type: ignore[no-any-return]
        return like((left * weights[0]) @ right.T, X)  # type: ignore[no-any-return]

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,)."""
        left, _, weights, _ = self._values(X)
        return like(left**2 @ weights[0], X)  # type: ignore[no-any-return]

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K: the polynomials cost, not the pairs."""
        left, right, weights, _ = self._values(X, Y)
        assert right is not None
        product = left @ (weights[0][:, None] * (right.T @ _double(V)))
        return like(product, X)  # type: ignore[no-any-return]

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        left, _, weights, _ = self._values(X)
        K, *slopes = ((left * row) @ left.T for row in weights)
        return like(K, X), like(np.stack(slopes, axis=-1), X)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        left, _, weights, _ = self._values(X)
        values = left**2 @ weights.T
        return like(values[:, 0], X), like(values[:, 1:], X)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        ready, other, weights, unit = self._units(X, Y)
        assert other is not None
        C = (self._features.values(other).T @ _double(V)).T * weights[0]
        return self._unready(self._features.pullback(ready, C), unit, X)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        ready, _, weights, unit = self._units(X)
        values = 2.0 * self._features.values(ready) * weights[0]
        rows = [
            self._features.pullback(ready[i : i + 1], values[i : i + 1])[0]
            for i in range(len(ready))
        ]
        gradient = np.concatenate([np.empty((0, X.shape[1])), *rows])
        return self._unready(gradient, unit, X)

    def _units(self, X: Array, Y: Array | None = None) -> tuple[Array, Array | None, Array, float]:
        """Centred samples near a radius of 1, weights of the polynomials, and the unit of X."""
        samples = [self._structure.centred(_double(Z)) for Z in (X, Y) if Z is not None]
        ready, by_power, unit = polynomial_units(self.base, self._degree, samples, X.dtype)
        other = ready[1] if len(ready) > 1 else None
        return ready[0], other, by_power[:, self._features.degrees], unit

    def _values(self, X: Array, Y: Array | None = None) -> tuple[Array, Array | None, Array, float]:
        ready, other, weights, unit = self._units(X, Y)
        right = None if other is None else self._features.values(other)
        return self._features.values(ready), right, weights, unit

    def _unready(self, gradient: Array, unit: float, X: Array) -> Array:
        """Gradients in samples as they were given; centring is an orthogonal projection."""
        flat = self._structure.centred(gradient.reshape(-1, gradient.shape[-1]) / unit)
        return like(flat.reshape(gradient.shape), X)  # type: ignore[no-any-return]


def invariants(group: Group, degree: int, limits: Limits) -> Invariants:
    """Orthonormal invariant polynomials up to a degree.

    Raises
    ------
    NotApplicableError
        If the group is not linear, or there are too many.
    """
    if not group.is_linear:
        raise NotApplicableError(f"{group!r} shifts the origin: no polynomial of it is invariant")
    d = group.degree
    if not group.is_signed_permutation and d > _MOST_FEATURES:
        raise NotApplicableError(
            f"invariant polynomials are sought by matrices of {d} x {d} numbers; at most "
            f"{_MOST_FEATURES:,} features are supported"
        )
    probes = _probes(group)
    signed = [g for g in probes if isinstance(g, SignedPermutation)]
    rest = [g for g in probes if not isinstance(g, SignedPermutation)]
    structure = group.structure
    factors = structure.factors
    alone = len(factors) == 1
    listed = math.comb(d + degree, degree) <= limits.monomials
    reasons = []
    if alone or rest or not listed:  # else sums over orbits are all there is to do
        heads = () if structure.shape is None else factors
        for head in sorted(heads, key=lambda f: -f.group.log_order):
            others = [f.action for f in structure.beside(head)]
            try:
                sums = _by_multisets(head, degree, limits.multisets)
                if sums is not None:
                    left = [g for other in others for g in _probes(other)]
                    return left_fixed(sums, left, d, limits.combined)
            except NotApplicableError as reason:
                reasons.append(reason)
    try:
        sums_of_orbits = OrbitSums(signed, d, degree, limits.monomials)
        return left_fixed(sums_of_orbits, rest, d, limits.combined)
    except NotApplicableError as reason:
        raise (reasons or [reason])[0] from None


def _probes(group: Group) -> tuple[Element, ...]:
    return group.generators if group.is_finite else group._probes


def _by_multisets(factor: Factor, degree: int, most: int) -> MultisetSums | None:
    """Sums over all permutations of points; None where a group has no such form."""
    role, n = factor.group.role, factor.group.degree
    # Two coordinates of exponent 0 are exchanged to make an odd permutation even.
    even_suffice = role.even and n >= degree + 2
    if not (even_suffice or role.exchanges):
        return None
    kinds = [0] * n
    for kind, block in enumerate(role.blocks):
        for place in block:
            kinds[place] = kind
    at = places(factor.axes, factor.shape).T
    return MultisetSums(at, kinds, role.signs, degree, most)


def _double(X: Array) -> Array:
    host = to_host(X) if is_on_device(X) else X
    return np.ascontiguousarray(host, dtype=np.float64)
