"""Chooses how a kernel is averaged over a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from symkernel.groups import Group, GroupTooLargeError
from symkernel.plans.angles import Angles
from symkernel.plans.base import (
    BaseSpec,
    Cost,
    NotApplicableError,
    Plan,
    warn_of_approximation,
)
from symkernel.plans.canonical import Canonical
from symkernel.plans.centred import on_centred
from symkernel.plans.closed_form import ClosedForm
from symkernel.plans.fourier import fourier
from symkernel.plans.frame import FramePlan
from symkernel.plans.moments import Moments
from symkernel.plans.normal_form import normal_form
from symkernel.plans.orbit_distance import OrbitDistance
from symkernel.plans.orbit_sum import OrbitSum
from symkernel.plans.permanent_sum import PermanentSum
from symkernel.plans.polynomial_sum import PATIENT, UNFELT, Limits, PolynomialSum
from symkernel.plans.polynomial_tail import polynomial_degree
from symkernel.plans.quadrature import Quadrature
from symkernel.plans.sampled import Sampled


def closed_form(base: BaseSpec, group: Group, limits: Limits = PATIENT) -> Plan:
    """Cheapest closed form of a polynomial kernel, or of a mixture of RBF kernels."""
    plans: list[Plan] = []
    reasons = []
    polynomial = polynomial_degree(base) is not None
    invariant = partial(PolynomialSum, limits=limits)
    for form in (Moments, invariant) if polynomial else (ClosedForm, PermanentSum):
        if plans and plans[0].cost.total <= _WORTH_A_SEARCH * Cost.MAP_WEIGHT:
            break
        try:
            plans.append(form(base, group))
        except NotApplicableError as reason:
            reasons.append(reason)
    if not plans:
        raise reasons[-1 if polynomial else 0]
    return min(plans, key=lambda plan: plan.cost.total)


def _plain_closed_form(base: BaseSpec, group: Group) -> Plan:
    """Closed form that needs neither tables of polynomials nor elements of another group."""
    return (ClosedForm if polynomial_degree(base) is None else Moments)(base, group)


# Exact methods by name. Each entry makes a plan or raises NotApplicableError (or, for a group too
# large to enumerate, GroupTooLargeError) with the reason.
_EXACT: dict[str, Callable[[BaseSpec, Group], Plan]] = {
    "sum": on_centred(OrbitSum),
    "closed_form": closed_form,
    "fourier": on_centred(fourier),
}

# Other methods, approximate or kernels of their own, each with the options it takes.
_APPROXIMATE: dict[str, tuple[Callable[..., Plan], tuple[str, ...]]] = {
    "quadrature": (Quadrature, ("degree", "resumed")),
    "sample": (Sampled, ("n_samples", "random_state")),
    "frame": (FramePlan, ()),
}

# Invariant kernels that are no averages: asked for by name, never chosen.
_NO_AVERAGE: dict[str, Callable[[BaseSpec, Group], Plan]] = {
    "canonical": on_centred(Canonical),
    "orbit_distance": OrbitDistance,
}

METHODS = ("auto", *_EXACT, *_APPROXIMATE, *_NO_AVERAGE)


# Below this many multiply-adds per pair no search for irreducible representations is worth it, and
# below this many elements no closed form that has to be set up.
_WORTH_A_SEARCH = _FEW_ELEMENTS = 128


def make_plan(
    base: BaseSpec, group: Group, method: str = "auto", options: Mapping[str, Any] | None = None
) -> Plan:
    """Plan for averaging a base kernel over a group.

    Parameters
    ----------
    base : BaseSpec
        Base kernel; the caller has checked that the group leaves it invariant.
    group : Group
        Group that acts on the samples.
    method : str, default="auto"
        "sum" is the orbit sum over all elements; "closed_form" a formula for the whole average;
        "fourier" takes the inner products from a transform of the grid that the group shifts, or
        from its irreducible representations; "auto" takes the cheapest of these, which are exact.
        "quadrature" and "sample" are approximate. No averages are "frame", a kernel of weighted
        frames, "canonical", one of canonical forms, and "orbit_distance", one of min over g of
        |x - g y|, for reflection groups.

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
    # Angles count modulo 2 pi, so that canonical forms under a finite group are those of points.
    angles = base.traits.family == "circle"
    if method in _NO_AVERAGE and not (angles and method == "canonical" and group.is_finite):
        return _NO_AVERAGE[method](base, group)
    if angles:
        return Angles(base, group, method, make_plan)
    if method in _APPROXIMATE:
        make_approximate, names = _APPROXIMATE[method]
        given = {k: v for k, v in (options or {}).items() if k in names}
        return make_approximate(base, group, **given)
    if method != "auto":
        try:
            return _EXACT[method](base, group)
        except GroupTooLargeError as reason:
            raise _with_advice(reason, base, group) from None
    plans: list[Plan] = []
    reasons: list[ValueError] = []
    for name in ("closed_form", "sum", "fourier"):
        cheapest = min((p.cost.total for p in plans), default=math.inf)
        # Both other methods take a value of the kernel for every element.
        if plans and least_of_a_sum(group) >= cheapest:
            break
        make = _EXACT[name]
        if name == "closed_form":
            make = partial(closed_form, limits=UNFELT)
        if name == "closed_form" and least_of_a_sum(group) <= _FEW_ELEMENTS * Cost.MAP_WEIGHT:
            make = _plain_closed_form
        if name == "fourier" and plans:
            if min(p.cost.multiply_adds for p in plans) <= _WORTH_A_SEARCH:
                break
            make = on_centred(partial(fourier, below=cheapest))
        try:
            plans.append(make(base, group))
        except (NotApplicableError, GroupTooLargeError) as reason:
            reasons.append(reason)
    if not plans and polynomial_degree(base) is not None:
        try:
            plans.append(closed_form(base, group))
        except NotApplicableError as reason:
            reasons.append(reason)
    if plans:
        return min(plans, key=lambda plan: plan.cost.total)
    if not group.is_finite:
        try:
            plan = Quadrature(base, group)
        except NotApplicableError as reason:
            raise NotApplicableError(
                f"{reasons[0]}; {reason}; method='sample' averages over random elements"
            ) from None
        if not plan.exact:
            error = plan.tolerance if math.isnan(plan.error) else plan.error
            warn_of_approximation(
                f"no exact average of this kernel over {group!r} is within reach: a quadrature is "
                f"used, which aims at an error of {error:.0e}. Ask for it with method='quadrature' "
                "to silence this"
            )
        return plan
    # The orbit sum's reason says how large the group is; the others what else was tried.
    too_large = [r for r in reasons if isinstance(r, GroupTooLargeError)]
    raise _with_advice(too_large[0], base, group) if too_large else reasons[0]


def least_of_a_sum(group: Group) -> float:
    """Return a lower bound of the cost per pair of every plan that takes elements one by one."""
    rest = group if group.is_finite else normal_form(group).rest
    return Cost.MAP_WEIGHT * (math.exp(rest.log_order) if rest.log_order < 700.0 else math.inf)


def _with_advice(reason: GroupTooLargeError, base: BaseSpec, group: Group) -> GroupTooLargeError:
    """The same error, which names a method that would work."""
    if reason.advice:
        return reason
    for name, make in _EXACT.items():
        try:
            make(base, group)
        except ValueError:
            continue
        advice = f"method={name!r} averages over it exactly"
        break
    else:
        advice = "method='sample' averages over random elements, to a stated error"
    return GroupTooLargeError(reason.group, reason.order, reason.limit, advice)
