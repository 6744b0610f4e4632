"""Choose the route to the nearest point of an orbit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symkernel.alignment.base import Array, Route
from symkernel.alignment.routes.alternation import Alternation
from symkernel.alignment.routes.angles import Angles
from symkernel.alignment.routes.centring import Centring, Weighting
from symkernel.alignment.routes.chamber import Chamber
from symkernel.alignment.routes.columns import ColumnRoutes
from symkernel.alignment.routes.enumeration import Enumeration, enumeration_cost
from symkernel.alignment.routes.matching import Matching, matching_cost
from symkernel.alignment.routes.rotation import Rotation
from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.groups import Group

__all__ = ["METHODS", "choose_route"]

METHODS = (
    "auto",
    "chamber",
    "matching",
    "rotation",
    "enumeration",
    "angles",
    "alternation",
    "columns",
)


def choose_route(
    group: Group,
    method: str,
    weights: Array | None,
    n_restarts: int,
    random_state: np.random.Generator,
) -> Route:
    """Route for a group; "auto" takes the cheapest exact one.

    Parameters
    ----------
    group : Group
    method : str
        One of ``METHODS``.
    weights : ndarray of shape (d,) or None
        Weight of every feature; for groups that leave points where they are.
    n_restarts, random_state
        Of the alternation.

    Raises
    ------
    ValueError
        If the method is unknown.
    NotApplicableError, GroupTooLargeError
        If the method does not apply, or none does; the message gives the reasons.
    """
    if method not in METHODS:
        known = ", ".join(map(repr, METHODS))
        raise ValueError(f"method must be one of {known}; got {method!r}")
    if group._on_lattice:
        raise NotApplicableError(
            f"{group!r} acts on fractional coordinates modulo 1, to which no distance here "
            "belongs; the kernel distance of InvariantKernel(VonMises(period=1.0), group) has the "
            "period"
        )
    structure = group.structure
    on_angles = group._on_angles
    if on_angles and structure.centres:
        raise NotApplicableError(f"{group!r} shifts angles and coordinates; no route takes both")
    if structure.translates and not (structure.centres or structure.by_columns):
        raise NotApplicableError(
            f"{group!r} shifts some columns beside groups that act on all of them; no route does "
            "that"
        )
    rest = structure.rest if structure.centres else group
    makers: dict[str, Callable[[], Route]] = {
        "chamber": lambda: Chamber(rest),
        "matching": lambda: Matching(rest),
        "rotation": lambda: Rotation(rest),
        "enumeration": lambda: Enumeration(rest),
        "angles": lambda: Angles(rest),
        "alternation": lambda: Alternation(rest, n_restarts, random_state),
        "columns": lambda: _by_columns(rest, n_restarts, random_state),
    }
    route = makers[method]() if method != "auto" else _auto(rest, makers, on_angles)
    if weights is not None:
        route = Weighting(route, weights)
    return Centring(structure.centres, route, weights) if structure.centres else route


def _by_columns(group: Group, n_restarts: int, random_state: np.random.Generator) -> Route:
    parts = group.structure.by_columns
    if not parts:
        raise NotApplicableError(f"{group!r} does not act on columns by parts, as G.on(...) does")
    return ColumnRoutes(
        [(choose_route(part, "auto", None, n_restarts, random_state), at) for part, at in parts]
    )


def _auto(group: Group, makers: dict[str, Callable[[], Route]], on_angles: bool) -> Route:
    if on_angles:
        return makers["angles"]()
    if group.structure.by_columns:
        return makers["columns"]()
    reasons: list[ValueError] = []
    names = ("chamber", "matching") if group.is_finite else ("rotation", "alternation")
    for name in names:
        try:
            route = makers[name]()
        except (NotApplicableError, GroupTooLargeError) as reason:
            reasons.append(reason)
            continue
        if isinstance(route, Matching) and enumeration_cost(group) < matching_cost(route):
            break
        return route
    if not group.is_finite:
        raise NotApplicableError("; ".join(dict.fromkeys(map(str, reasons))))
    try:
        return makers["enumeration"]()
    except GroupTooLargeError as reason:
        raise NotApplicableError("; ".join(map(str, (reason, *reasons)))) from None
