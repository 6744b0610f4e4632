"""List the ways to average a kernel over a group: what the planner asks, and what they answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.groups import Group
from symkernel.plans.angles import Angles
from symkernel.plans.base import BaseSpec, Cost, Plan
from symkernel.plans.canonical import Canonical
from symkernel.plans.centred import on_centred
from symkernel.plans.closed_form import ClosedForm
from symkernel.plans.column_sum import ColumnSum
from symkernel.plans.fourier import fourier
from symkernel.plans.frame import FramePlan
from symkernel.plans.moments import Moments
from symkernel.plans.orbit_distance import OrbitDistance
from symkernel.plans.orbit_sum import OrbitSum
from symkernel.plans.permanent_sum import PermanentSum
from symkernel.plans.polynomial_sum import PATIENT, UNFELT, PolynomialSum
from symkernel.plans.polynomial_tail import polynomial_degree
from symkernel.plans.quadrature import Quadrature
from symkernel.plans.sampled import Sampled

# Below this many multiply-adds per pair no search for irreducible representations is worth it, and
# below this many elements no closed form that has to be set up.
_WORTH_A_SEARCH = _FEW_ELEMENTS = 128


@dataclass(frozen=True)
class Question:
    """A kernel to be averaged over a group, as an entry is asked for it.

    Parameters
    ----------
    base : BaseSpec
        Base kernel.
    group : Group
        Group.
    method : str
        Name of the method that was asked for, or "auto".
    make_plan : callable
        The planner, for entries that ask for a plan of another kernel over another group.
    options : mapping
        Options of the method.
    hand : tuple of Plan
        Plans that would do; an answer has to be cheaper.
    patient : bool
        Whether a search may be felt, as nothing else is known to do.
    """

    base: BaseSpec
    group: Group
    method: str
    make_plan: Callable[..., Plan]
    options: Mapping[str, Any] = field(default_factory=dict)
    hand: tuple[Plan, ...] = ()
    patient: bool = True

    @property
    def below(self) -> float:
        """Cost of the cheapest plan in hand."""
        return min((plan.cost.total for plan in self.hand), default=math.inf)


def _always(base: BaseSpec, group: Group) -> bool:
    return True


def _never(base: BaseSpec, group: Group) -> bool:
    return False


def _of_points(base: BaseSpec, group: Group) -> bool:
    """Whether the kernel is one of points of R^d, by its values."""
    return base.average is None and base.traits.family != "circle"


@dataclass(frozen=True)
class Entry:
    """A way to average kernels over groups.

    Parameters
    ----------
    methods : tuple of str
        Names it can be asked for by.
    make : callable
        Makes the plan, or raises NotApplicableError or GroupTooLargeError with the reason.
    serves : callable
        Tells from the base kernel and the group, at no cost, whether this is the entry to ask.
    chosen : bool
        Whether method="auto" takes it where it is the cheapest: it is exact.
    resort : callable
        Whether method="auto" may fall back on it where nothing else applies.
    least : callable
        Lower bound of the cost per pair for a group, at no cost.
    does : str
        What is advised of it where a group is too large for another.
    needs : str
        What it is for, in words; for those that do not serve every kernel.
    """

    methods: tuple[str, ...]
    make: Callable[[Question], Plan]
    serves: Callable[[BaseSpec, Group], bool] = _of_points
    chosen: bool = False
    resort: Callable[[BaseSpec, Group], bool] = _never
    least: Callable[[Group], float] = lambda group: 0.0
    does: str = ""
    needs: str = "another base kernel"

    def applies(self, asked: Question) -> Plan | NotApplicableError | GroupTooLargeError:
        """Answer with the plan, which says its cost, or with the reason why there is none."""
        if asked.hand and self.least(asked.group) >= asked.below:
            return NotApplicableError(f"{self.methods[0]!r} would not be cheaper")
        try:
            return self.make(asked)
        except (NotApplicableError, GroupTooLargeError) as reason:
            return reason


def least_of_a_sum(group: Group) -> float:
    """Return a lower bound of the cost per pair of every plan that takes elements one by one."""
    rest = group if group.is_finite else group.structure.rest
    return Cost.MAP_WEIGHT * (math.exp(rest.log_order) if rest.log_order < 700.0 else math.inf)


def _closed_form(asked: Question) -> Plan:
    """Cheapest closed form of a polynomial kernel, or of a mixture of RBF kernels."""
    base, group = asked.base, asked.group
    if group.structure.by_columns:
        return ColumnSum(base, group, asked.make_plan)
    polynomial = polynomial_degree(base) is not None
    forms: tuple[Callable[[BaseSpec, Group], Plan], ...] = (ClosedForm, PermanentSum)
    if polynomial:
        limits = PATIENT if asked.patient else UNFELT
        forms = (Moments, partial(PolynomialSum, limits=limits))
    if not asked.patient and least_of_a_sum(group) <= _FEW_ELEMENTS * Cost.MAP_WEIGHT:
        return forms[0](base, group)  # needs neither tables of polynomials nor other elements
    plans: list[Plan] = []
    reasons = []
    for form in forms:
        if plans and plans[0].cost.total <= _WORTH_A_SEARCH * Cost.MAP_WEIGHT:
            break
        try:
            plans.append(form(base, group))
        except NotApplicableError as reason:
            reasons.append(reason)
    if not plans:
        raise reasons[-1 if polynomial else 0]
    return min(plans, key=lambda plan: plan.cost.total)


def _fourier(asked: Question) -> Plan:
    """Fourier route; no search beside a plan that takes next to nothing."""
    if any(plan.cost.multiply_adds <= _WORTH_A_SEARCH for plan in asked.hand):
        raise NotApplicableError("a search for irreducible representations is not worth it")
    return on_centred(partial(fourier, below=asked.below))(asked.base, asked.group)


def _angles(asked: Question) -> Plan:
    """The RBF kernel of angles as points of circles, by the method that was asked for.

    Of groups on columns of their own, the product over these columns.
    """
    if asked.group.structure.by_columns and asked.method in ("auto", "closed_form"):
        return ColumnSum(asked.base, asked.group, asked.make_plan)
    make = partial(asked.make_plan, options=asked.options)
    return Angles(asked.base, asked.group, asked.method, make)


def _own_average(asked: Question) -> Plan:
    """What a kernel that is given by its spectrum says itself."""
    assert asked.base.average is not None  # it serves no others
    plan: Plan = asked.base.average(asked.group)
    return plan


def _plain(make: Callable[..., Plan], *options: str) -> Callable[[Question], Plan]:
    """An entry's maker, from one that takes the kernel, the group and these options."""

    def made(asked: Question) -> Plan:
        given = {name: asked.options[name] for name in options if name in asked.options}
        return make(asked.base, asked.group, **given)

    return made


# The first entry that serves a kernel and a group, under the name asked for, is asked. Among those
# that may be chosen the order is that of what it takes to find out. Not chosen: approximations,
# and invariant kernels that are no averages.
ENTRIES = (
    Entry(
        ("spectral",),
        _own_average,
        serves=lambda base, group: base.average is not None,
        chosen=True,
        needs="a base kernel that is given by its spectrum, such as HeatKernel, SobolevKernel or "
        "PolynomialKernel of symkernel.spectral",
    ),
    # Angles count modulo 2 pi, so that canonical forms under a finite group are those of points.
    Entry(
        ("closed_form", "sum", "fourier", "quadrature", "sample", "frame"),
        _angles,
        serves=lambda base, group: base.traits.family == "circle",
        chosen=True,
    ),
    Entry(
        ("canonical",),
        _angles,
        serves=lambda base, group: base.traits.family == "circle" and group.is_finite,
    ),
    Entry(
        ("closed_form",),
        _closed_form,
        chosen=True,
        resort=lambda base, group: polynomial_degree(base) is not None,
        does="averages over it exactly",
    ),
    Entry(
        ("sum",),
        _plain(on_centred(OrbitSum)),
        chosen=True,
        least=least_of_a_sum,
        does="averages over it exactly",
    ),
    Entry(
        ("fourier",), _fourier, chosen=True, least=least_of_a_sum, does="averages over it exactly"
    ),
    Entry(
        ("quadrature",),
        _plain(Quadrature, "degree", "resumed"),
        resort=lambda base, group: not group.is_finite,
    ),
    Entry(
        ("sample",),
        _plain(Sampled, "n_samples", "random_state"),
        does="averages over random elements, to a stated error",
    ),
    Entry(("frame",), _plain(FramePlan)),
    Entry(("canonical",), _plain(on_centred(Canonical)), serves=_always),
    Entry(("orbit_distance",), _plain(OrbitDistance), serves=_always),
)

METHODS = tuple(dict.fromkeys(("auto", *(name for entry in ENTRIES for name in entry.methods))))
