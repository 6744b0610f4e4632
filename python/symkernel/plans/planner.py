"""Chooses how a kernel is averaged over a group."""

from __future__ import annotations

from collections.abc import Callable

from symkernel.groups import Group, GroupTooLargeError
from symkernel.plans.base import BaseSpec, NotApplicableError, Plan
from symkernel.plans.closed_form import ClosedForm
from symkernel.plans.fourier import fourier
from symkernel.plans.orbit_sum import OrbitSum

# Exact methods by name. Each entry makes a plan or raises NotApplicableError (or, for a group too
# large to enumerate, GroupTooLargeError) with the reason.
_EXACT: dict[str, Callable[[BaseSpec, Group], Plan]] = {
    "sum": OrbitSum,
    "closed_form": ClosedForm,
    "fourier": fourier,
}

METHODS = ("auto", *_EXACT)

# Below this many multiply-adds per pair no search for irreducible representations is worth it.
_WORTH_A_SEARCH = 128


def make_plan(base: BaseSpec, group: Group, method: str = "auto") -> Plan:
    """Plan for averaging a base kernel over a group.

    Parameters
    ----------
    base : BaseSpec
        Base kernel; the caller has checked that the group leaves it invariant.
    group : Group
        Group that acts on the samples.
    method : {"auto", "sum", "closed_form", "fourier"}, default="auto"
        "sum" is the orbit sum over all elements; "closed_form" a formula for the whole average;
        "fourier" takes the inner products from a transform of the grid that the group shifts, or
        from its irreducible representations; "auto" takes the cheapest exact method.

    Returns
    -------
    Plan
        Object that computes Gram matrices and explains itself.

    Raises
    ------
    ValueError
        If the method is unknown.
    NotApplicableError
        If the method asked for cannot be used, or no method can, with the reasons.
    GroupTooLargeError
        If the group has too many elements to enumerate and there is no other way; the message says
        how many.
    """
    if method not in METHODS:
        known = ", ".join(repr(m) for m in METHODS)
        raise ValueError(f"method={method!r} is unknown; known methods: {known}")
    if method != "auto":
        return _EXACT[method](base, group)
    plans: list[Plan] = []
    reasons: list[ValueError] = []
    for make in (ClosedForm, OrbitSum):
        try:
            plans.append(make(base, group))
        except (NotApplicableError, GroupTooLargeError) as reason:
            reasons.append(reason)
    if not plans or min(p.cost.multiply_adds for p in plans) > _WORTH_A_SEARCH:
        try:
            plans.append(fourier(base, group))
        except (NotApplicableError, GroupTooLargeError) as reason:
            reasons.append(reason)
    if base.scale is not None and len(plans) > 1:  # closed forms lack derivatives per feature
        plans = [p for p in plans if not isinstance(p, ClosedForm)]
    if plans:
        return min(plans, key=lambda plan: plan.cost.total)
    # The orbit sum's reason says how large the group is; the others what else was tried.
    raise next((r for r in reasons if isinstance(r, GroupTooLargeError)), reasons[0])
