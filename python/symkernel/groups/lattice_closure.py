"""Close sets of motions of a lattice under products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symkernel.groups.elements import Element
from symkernel.groups.lattice_motion import LatticeMotion

__all__ = ["add_products", "generators_of"]


def generators_of(given: list[LatticeMotion], d: int) -> tuple[Element, ...]:
    """Few of the operations given that generate all of them, which must close."""
    still = LatticeMotion._trusted(np.eye(d, dtype=np.int64), np.zeros(d, np.int64), 1)
    known, reached = set(given), {still: None}
    if still not in known:
        raise ValueError("operations must close: the identity is not among them")
    chosen: list[Element] = []
    for g in given:
        if g not in reached:
            chosen.append(g)
            fresh = list(reached)
            add_products(reached, fresh, chosen, known, len(known) + 1)
    return tuple(chosen)


def add_products(
    reached: dict[LatticeMotion, None],
    fresh: list[LatticeMotion],
    generators: Sequence[Element],
    known: set[LatticeMotion] | None,
    limit: int,
) -> None:
    """Add all products of elements with generators, which must be known where that is given."""
    while fresh:
        found: list[LatticeMotion] = []
        for g in fresh:
            for h in generators:
                product = g._after(h)
                if product in reached:
                    continue
                if known is not None and product not in known:
                    raise ValueError(
                        f"operations must close: {g!r} after {h!r} is {product!r}, which is not "
                        "among them; SpaceGroup.from_generators adds what is missing"
                    )
                reached[product] = None
                found.append(product)
                if len(reached) > limit:
                    raise ValueError(
                        f"operations generate more than {limit} elements: infinitely many, if "
                        "some rotation is of no finite order, or the limit is too small"
                    )
        fresh = found
