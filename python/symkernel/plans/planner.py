"""Choose how a kernel is averaged over a group."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.groups import Group
from symkernel.groups.by_group import ByGroup
from symkernel.plans.base import BaseSpec, Plan, warn_of_approximation
from symkernel.plans.entries import ENTRIES, METHODS, Entry, Question
from symkernel.plans.polynomial_tail import polynomial_degree

# Kernels whose plans cost the same for all hyperparameters that are not 0.
_SETTLED = frozenset(
    {
        "rbf",
        "matern12",
        "matern32",
        "matern52",
        "dot_product",
        "polynomial",
        "laplacian",
        "arccosine0",
        "arccosine1",
        "arccosine2",
    }
)


def _no_choices(group: Group) -> dict[Hashable, Entry]:
    return {}


# What was chosen for a group by family of kernels: a step of an optimiser is a new kernel.
_choices = ByGroup(_no_choices)


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
        |x - g y|, for reflection groups. "spectral" is for kernels given by their spectrum.
    options : mapping, optional
        Options of the method by name; those it does not take are left aside.

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
    asked = Question(base, group, method, make_plan, options or {})
    if method == "auto":
        return _chosen(replace(asked, patient=False))
    named = [entry for entry in ENTRIES if method in entry.methods]
    for entry in named:
        if entry.serves(base, group):
            answer = entry.applies(asked)
            if isinstance(answer, GroupTooLargeError):
                answer = _with_advice(answer, asked)
            return _plan_or_raise(answer)
    raise NotApplicableError(f"method={method!r} needs {named[0].needs}, not {base.name!r}")


def _chosen(asked: Question) -> Plan:
    """The cheapest exact plan; that of the entry which was cheapest before, where it applies."""
    base, group = asked.base, asked.group
    choices, family = _choices(group), _family(base)
    if family in choices:
        answer = choices[family].applies(asked)
        if isinstance(answer, Plan):
            return answer
    plans: list[Plan] = []
    entries: list[Entry] = []
    reasons: list[NotApplicableError | GroupTooLargeError] = []
    for entry in _serving(asked):
        if entry.chosen:
            answer = entry.applies(replace(asked, hand=tuple(plans)))
            if isinstance(answer, Plan):
                plans.append(answer)
                entries.append(entry)
            else:
                reasons.append(answer)
    if not plans:
        return _last_resort(asked, reasons)
    best = min(range(len(plans)), key=lambda i: plans[i].cost.total)
    if family is not None:
        choices[family] = entries[best]
    return plans[best]


def _last_resort(asked: Question, reasons: list[NotApplicableError | GroupTooLargeError]) -> Plan:
    """A plan that takes long to find, or an approximation with a warning; or the reasons."""
    last = None
    for entry in _serving(asked):
        if entry.resort(asked.base, asked.group):
            answer = entry.applies(replace(asked, patient=True))
            if isinstance(answer, Plan):
                if not answer.exact:
                    error = answer.tol if math.isnan(answer.error) else answer.error
                    warn_of_approximation(
                        f"no exact average of this kernel over {asked.group!r} is within reach: a "
                        f"{answer.method} is used, which aims at an error of {error:.0e}. Ask for "
                        f"it with method={answer.method!r} to silence this"
                    )
                return answer
            last = answer
    if not asked.group.is_finite and last is not None:
        raise NotApplicableError(
            f"method='sample' averages over random elements; {reasons[0]}; {last}"
        )
    # The orbit sum's reason says how large the group is; the others what else was tried.
    too_large = [reason for reason in reasons if isinstance(reason, GroupTooLargeError)]
    raise _with_advice(too_large[0], asked) if too_large else reasons[0]


def _serving(asked: Question) -> list[Entry]:
    return [entry for entry in ENTRIES if entry.serves(asked.base, asked.group)]


def _family(base: BaseSpec) -> Hashable:
    """What the costs of a kernel's plans depend on; None where that is not known beforehand."""
    if base.name not in _SETTLED:
        return None
    zeros = tuple(p == 0.0 for p in base.parameters)
    return base.name, polynomial_degree(base), zeros, base.scale is None


def _plan_or_raise(answer: Plan | NotApplicableError | GroupTooLargeError) -> Plan:
    if isinstance(answer, Plan):
        return answer
    raise answer


def _with_advice(reason: GroupTooLargeError, asked: Question) -> GroupTooLargeError:
    """The same error, which names a method that would work."""
    if reason.advice:
        return reason
    asked = replace(asked, options={}, hand=(), patient=True)
    for entry in _serving(asked):
        # What is not exact always applies, but drawing its elements may take long.
        if entry.does and (not entry.chosen or isinstance(entry.applies(asked), Plan)):
            advice = f"method={entry.methods[0]!r} {entry.does}"
            # to know canonical forms of groups of a million features takes their exact order
            advice += _by_representatives(asked) if isinstance(reason.order, int) else ""
            return GroupTooLargeError(reason.group, reason.order, reason.limit, advice)
    return reason


def _by_representatives(asked: Question) -> str:
    """Say so where the group has canonical forms, which give an invariant kernel, no average."""
    found = any(
        "canonical" in entry.methods and isinstance(entry.applies(asked), Plan)
        for entry in _serving(asked)
    )
    return (
        "; method='canonical' compares one representative of every orbit, an invariant kernel of "
        "its own without an error"
        if found
        else ""
    )
