"""Advise which method averages over an infinite group."""

from __future__ import annotations

import math

from symkernel.groups.base import Group
from symkernel.groups.factor import Factor

__all__ = ["advice_for"]

# Most elements of a finite factor over which a closed form is summed.
_SUMMABLE = 100_000


def advice_for(group: Group) -> str:
    """Return a sentence for the error that refuses to enumerate an infinite group.

    Translations are removed by centring; a closed form exists for one torus, for SO(n) and O(n)
    on sets of points in two or three dimensions, and on one vector in any. Finite factors are
    summed over. Of tensors of more than two axes there are random elements only.
    """
    structure = group.structure
    finite = math.prod(f.group.order for f in structure.finite)
    infinite = structure.continuous
    closed = len(infinite) <= 1 and all(map(_has_closed_form, infinite))
    if any(f.group.role.power is not None and f.group.role.power[1] > 2 for f in infinite):
        return "method='sample' averages over random elements"
    if closed and finite <= _SUMMABLE:
        return "method='closed_form' averages over it exactly"
    return "method='quadrature' averages over it to a stated error"


def _has_closed_form(factor: Factor) -> bool:
    role = factor.group.role
    if role.turns_angles:
        return True
    one_vector = math.prod(factor.shape) == factor.group.degree
    return role.rotates and (factor.group.degree <= 3 or one_vector)
