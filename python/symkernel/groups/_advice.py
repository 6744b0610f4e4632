"""Advise which method averages over an infinite group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symkernel.groups.base import Group
    from symkernel.groups.factor import Factor

__all__ = ["advice_for", "brief"]

# Longest name of a group that messages repeat in full.
_LONGEST = 120

# Most elements of a finite factor over which a closed form is summed.
_SUMMABLE = 100_000


def advice_for(group: Group) -> str:
    """Return a sentence for the error that refuses to enumerate an infinite group.

    Translations are removed by centring; a closed form exists for one torus, for SO(n) and O(n)
    on sets of points in two or three dimensions, and on one vector in any. Finite factors are
    summed over, groups on columns of their own multiplied. Of the closure of a group of matrices,
    and of tensors of more than two axes, no formula is known.
    """
    structure = group.structure
    finite = math.prod(f.group.order for f in structure.finite)
    infinite = structure.continuous
    if any(not (f.group.role.rotates or f.group.role.turns_angles) for f in infinite):
        return (
            "method='sample' averages over random elements, and symkernel.spectral finds invariant "
            "functions from the generators alone"
        )
    closed = len(infinite) <= 1 and all(map(_has_closed_form, infinite))
    if any(f.group.role.power is not None and f.group.role.power[1] > 2 for f in infinite):
        return "method='sample' averages over random elements"
    if closed and finite <= _SUMMABLE:
        return "method='closed_form' averages over it exactly"
    return "method='quadrature' averages over it to a stated error"


def brief(group: Group) -> str:
    """Return the group as it is written, or in a few words where it lists matrices."""
    text = repr(group)
    if len(text) <= _LONGEST:
        return text
    return f"{type(group).__name__}(...) on {group.degree} features"


def _has_closed_form(factor: Factor) -> bool:
    role = factor.group.role
    if role.turns_angles or role.parts:
        return True
    one_vector = math.prod(factor.shape) == factor.group.degree
    return role.rotates and (factor.group.degree <= 3 or one_vector)
