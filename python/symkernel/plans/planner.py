"""Chooses how a kernel is averaged over a group."""

from __future__ import annotations

from collections.abc import Callable

from symkernel.groups import Group
from symkernel.plans.base import BaseSpec, NotApplicableError, Plan
from symkernel.plans.fourier import fourier
from symkernel.plans.orbit_sum import OrbitSum

# Exact methods by name. Each entry makes a plan or raises NotApplicableError (or, for a group too
# large to enumerate, GroupTooLargeError) with the reason.
_EXACT: dict[str, Callable[[BaseSpec, Group], Plan]] = {
    "sum": OrbitSum,
    "fourier": fourier,
}

METHODS = ("auto", *_EXACT)

# Below this many multiply-adds per pair the orbit sum is not worth replacing.
_WORTH_A_SEARCH = 128


def make_plan(base: BaseSpec, group: Group, method: str = "auto") -> Plan:
    """Plan for averaging a base kernel over a group.

    Parameters
    ----------
    base : BaseSpec
        Base kernel; the caller has checked that the group leaves it invariant.
    group : Group
        Group that acts on the samples.
    method : {"auto", "sum", "fourier"}, default="auto"
        "sum" is the orbit sum over all elements; "fourier" takes the inner products from a
        transform of the grid that the group shifts, or from its irreducible representations;
        "auto" takes the cheapest exact method.

    Returns
    -------
    Plan
        Object that computes Gram matrices and explains itself.

    Raises
    ------
    ValueError
        If the method is unknown.
    NotApplicableError
        If the method asked for cannot be used, with the reason.
    GroupTooLargeError
        If the group has too many elements to enumerate; the message says how many.
    """
    if method not in METHODS:
        known = ", ".join(repr(m) for m in METHODS)
        raise ValueError(f"method={method!r} is unknown; known methods: {known}")
    if method != "auto":
        return _EXACT[method](base, group)
    plan: Plan = OrbitSum(base, group)
    if plan.cost.multiply_adds > _WORTH_A_SEARCH:
        try:
            other = fourier(base, group)
        except NotApplicableError:
            return plan
        if other.cost.total < plan.cost.total:
            return other
    return plan
