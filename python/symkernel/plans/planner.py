"""Chooses how a kernel is averaged over a group."""

from __future__ import annotations

from symkernel.groups import Group
from symkernel.plans.base import BaseSpec, Plan
from symkernel.plans.orbit_sum import OrbitSum

METHODS = ("auto", "sum")


def make_plan(base: BaseSpec, group: Group, method: str = "auto") -> Plan:
    """Plan for averaging a base kernel over a group.

    Parameters
    ----------
    base : BaseSpec
        Base kernel; the caller has checked that the group leaves it invariant.
    group : Group
        Group that acts on the samples.
    method : {"auto", "sum"}, default="auto"
        "sum" is the orbit sum over all elements; "auto" takes the cheapest exact method.

    Returns
    -------
    Plan
        Object that computes Gram matrices and explains itself.

    Raises
    ------
    ValueError
        If the method is unknown.
    GroupTooLargeError
        If the group has too many elements to enumerate; the message says how many.
    """
    if method not in METHODS:
        known = ", ".join(repr(m) for m in METHODS)
        raise ValueError(f"method={method!r} is unknown; known methods: {known}")
    return OrbitSum(base, group)
