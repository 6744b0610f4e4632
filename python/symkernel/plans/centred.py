"""Average over translations by centring, and over a finite group beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symkernel.backends.arrays import namespace
from symkernel.backends.prepared import Prepared
from symkernel.groups import Group
from symkernel.groups.structure import Structure
from symkernel.plans.base import Array, BaseSpec, Plan
from symkernel.plans.lifted import Lifted, WayBack


class Centred(Lifted):
    """The plan of a group without its translations, which centring has removed.

    Translations have no average, being not compact; a kernel of centred samples is one of the
    orbits under translations. Centring is linear and commutes with what is left of the group.

    Parameters
    ----------
    structure : Structure
        The group, taken apart.
    inner : Plan
        Plan for ``structure.rest``.
    """

    _prepares = True

    def __init__(self, structure: Structure, inner: Plan) -> None:
        super().__init__(inner, structure.centring)
        self._structure = structure

    def _lift(self, X: Array, n_jobs: int | None) -> Array:
        centred: Array = namespace(X).ascontiguousarray(self._structure.centred(X))
        return centred

    # Centring is an orthogonal projection: gradients go through it as samples do.
    def _lift_and_back(self, X: Any, n_jobs: int | None) -> tuple[Any, WayBack]:
        there = X if isinstance(X, Prepared) else self._lift(X, n_jobs)
        return there, self._projected

    def _projected(self, gradient: Array) -> Array:
        flat = self._structure.centred(gradient.reshape(-1, gradient.shape[-1]))
        return flat.reshape(gradient.shape)


def on_centred(
    make: Callable[[BaseSpec, Group], Plan],
) -> Callable[[BaseSpec, Group], Plan]:
    """Extend what plans for finite groups to their products with translations.

    Parameters
    ----------
    make : callable
        Makes a plan from a base kernel and a finite group.

    Returns
    -------
    callable
        The same for finite groups, beside translations or not; other groups are left to `make`,
        which refuses them.
    """

    def made(base: BaseSpec, group: Group) -> Plan:
        if group.is_finite:
            return make(base, group)
        structure = group.structure
        if not structure.translates or not structure.rest.is_finite:
            return make(base, group)
        return Centred(structure, make(base, structure.rest))

    return made
