"""Advise which method averages over an infinite group."""

from __future__ import annotations

import math

from symkernel.groups.base import Group
from symkernel.groups.factor import Factor
from symkernel.groups.orthogonal import RotationGroup
from symkernel.groups.shifts import Torus, Translations

__all__ = ["advice_for"]

# Most elements of a finite factor over which a closed form is summed.
_SUMMABLE = 100_000


def advice_for(group: Group) -> str:
    """Return a sentence for the error that refuses to enumerate an infinite group.

    Translations are removed by centring; a closed form exists for one torus, for SO(n) and O(n)
    on sets of points in two or three dimensions, and on one vector in any. Finite factors are
    summed over.
    """
    factors = [f for f in group.factors() if not isinstance(f.group, Translations)]
    finite = math.prod(f.group.order for f in factors if f.group.is_finite)
    infinite = [f for f in factors if not f.group.is_finite]
    closed = len(infinite) <= 1 and all(map(_has_closed_form, infinite))
    if closed and finite <= _SUMMABLE:
        return "method='closed_form' averages over it exactly"
    return "method='quadrature' averages over it to a stated error"


def _has_closed_form(factor: Factor) -> bool:
    if isinstance(factor.group, Torus):
        return True
    one_vector = math.prod(factor.shape) == factor.group.degree
    return isinstance(factor.group, RotationGroup) and (factor.group.degree <= 3 or one_vector)
