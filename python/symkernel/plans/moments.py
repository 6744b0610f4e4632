"""Average polynomial kernels in closed form, by moments of the inner product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symkernel.backends.arrays import namespace
from symkernel.backends.forms import FormTable, Powers
from symkernel.backends.prepared import Prepared
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.plans.base import Array, BaseSpec, Cost
from symkernel.plans.closed_form import ClosedForm, largest_square, sum_step
from symkernel.plans.polynomial_tail import polynomial_degree

# Rounding grows like the square of the degree, and binomials leave the range beyond 1000.
MAX_DEGREE = 200

# Multiply-adds per pair and power, and those before (counted from the native code).
_PAIR_COST = {
    "rotations_3": (8.0, 40.0),
    "orthogonal_3": (8.0, 40.0),
    "rotations_2": (2.0, 4.0),
    "orthogonal_2": (4.0, 8.0),
    "sphere": (2.0, 1.0),
}


class Moments(ClosedForm):
    """Average of ``(gamma x.y + coef0)^p`` as a sum of moments ``E (x.gy)^k``.

    SO(2), O(2), SO(3) and O(3) on clouds, SO(d) and O(d) on one vector, beside translations and
    permutations of the points. The moments come from a recurrence of a few terms, without
    quadrature; formulas and sources stand in ``cpp/include/symkernel/moments.hpp``.

    Parameters
    ----------
    base : BaseSpec
        "dot_product" or "polynomial".
    group : Group
        Group whose normal form is one of those above.

    Raises
    ------
    NotApplicableError
        If the base kernel is no polynomial, its degree exceeds 200, or the group has no such form.

    Examples
    --------
    >>> from symkernel import groups
    >>> plan = Moments(BaseSpec("polynomial", (1.0, 0.5, 3.0)), groups.SO(3).along(1, (4, 3)))
    >>> plan.steps
    ('moments of SO(3) to degree 3',)
    """

    error = 1e-15

    def __init__(self, base: BaseSpec, group: Group) -> None:
        degree = polynomial_degree(base)
        if degree is None:
            raise NotApplicableError(f"{base.name!r} is not a polynomial of the inner product")
        if degree > MAX_DEGREE:
            raise NotApplicableError(
                f"moments are used up to degree {MAX_DEGREE}, not for degree={degree}"
            )
        self.base = base
        self.group = group
        self._structure, self._table = self._recognised(group)
        if self._table.form not in _PAIR_COST:
            raise NotApplicableError(
                f"{group!r} has no closed form for polynomial kernels: SO(2), O(2), SO(3), O(3) on "
                "clouds, SO(d) and O(d) on one vector have one"
            )
        self._degree = degree
        self.cost = _cost(self._table, degree)
        self.steps = (
            *self._structure.centring,
            *sum_step(self._table),
            f"moments of {_name(self._table)} to degree {degree}",
        )

    @property
    def preparation(self) -> None:
        """Nothing: radii of both sets of samples decide on the units."""
        return None

    def prepare(self, X: Array) -> Array | Prepared:
        """Return the samples as they are."""
        return X

    def _in_units(
        self, X: Array, Y: Array | None = None, sharp: bool = True
    ) -> tuple[Array, Array | None, Powers, float]:
        """Centred samples, the weights of the powers, and the unit that X was divided by.

        Samples are brought to a radius near 1 by powers of two, so that invariants of high degree
        neither overflow nor vanish; the weights take what that changes.
        """
        samples = [
            self._structure.centred(Z.astype(np.float64, copy=False))
            for Z in (X, Y)
            if Z is not None
        ]
        ready, weights, unit = polynomial_units(self.base, self._degree, samples, X.dtype)
        ready = [namespace(Z).ascontiguousarray(Z, dtype=X.dtype) for Z in ready]
        return ready[0], ready[1] if len(ready) > 1 else None, Powers(weights), unit


def polynomial_units(
    base: BaseSpec, degree: int, samples: Sequence[Array], dtype: np.dtype[Any]
) -> tuple[list[Array], Array, float]:
    """Bring one or two sets of samples to radii near 1, and weigh powers of inner products.

    Parameters
    ----------
    base : BaseSpec
        "dot_product" or "polynomial".
    degree : int
        Its degree.
    samples : sequence of ndarray
        X, or X and Y, in double precision.
    dtype : dtype
        In which values must not overflow.

    Returns
    -------
    samples : list of ndarray
        Divided by powers of two.
    weights : ndarray of shape (planes, degree + 1)
        Of the powers of their inner products: the kernel, its derivatives for logarithms of
        hyperparameters.
    unit : float
        What X was divided by.

    Raises
    ------
    ValueError
        If values overflow.
    """
    radii = [math.sqrt(largest_square(Z)) for Z in samples]
    polynomial = base.traits.polynomial
    assert polynomial is not None
    _, coef0, gamma = polynomial
    largest = gamma * radii[0] * radii[-1]
    with np.errstate(over="ignore"):  # the largest value and derivative
        most = max(degree, 1) * np.float64(largest + coef0) ** degree
    if not max(largest, most) <= np.finfo(dtype).max:
        raise ValueError(
            f"a polynomial kernel of degree {degree} overflows {dtype} for data of "
            f"radius {max(radii):.3g}: scale the data"
        )
    exponents = [round(math.log2(r)) if r > 0 else 0 for r in radii]
    ready = [namespace(Z).ldexp(Z, -e) for Z, e in zip(samples, exponents, strict=True)]
    weights = _weights(degree, coef0, math.ldexp(gamma, exponents[0] + exponents[-1]))
    if base.name == "dot_product":  # coef0 = sigma_0^2, gamma is no hyperparameter
        weights = weights[:2] * np.array([[1.0], [2.0]])
    return ready, weights, math.ldexp(1.0, exponents[0])


def _weights(degree: int, coef0: float, gamma: float) -> Array:
    """Weights of the powers: the kernel, its derivatives for log coef0 and log gamma.

    ``(gamma z + coef0)^p = sum_k C(p, k) gamma^k coef0^(p - k) z^k``.
    """
    k = np.arange(degree + 1)
    binomials = np.array([float(math.comb(degree, i)) for i in k])
    with np.errstate(under="ignore"):
        value = binomials * np.float64(gamma) ** k * np.float64(coef0) ** (degree - k)
    return np.stack([value, (degree - k) * value, k * value])


def _cost(table: FormTable, degree: int) -> Cost:
    per_power, fixed = _PAIR_COST[table.form]
    products = 0 if table.form == "sphere" else sum(p * r * r for p, r in table.blocks)
    return Cost(len(table.rows) * (products + fixed + per_power * degree), 0.0)


def _name(table: FormTable) -> str:
    if table.form == "sphere":
        return f"one vector of R^{table.blocks[0][1]}"
    letters, dimension = table.form.split("_")
    return f"{'SO' if letters == 'rotations' else 'O'}({dimension})"
