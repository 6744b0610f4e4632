"""Case: orders of permutation groups, from lists of images to an integer."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from symkernel import groups

from .permutation_groups import Rows


@dataclass(frozen=True)
class OrderCase:
    """The whole call, generators checked and converted, by every program; see known_orders."""

    name: str
    title: str


ORDER_CASES = (OrderCase("group-order", "order of a permutation group"),)


def our_order(rows: Rows) -> int:
    return int(groups.PermutationGroup(rows).order)


def sympy_order(rows: Rows) -> int:
    combinatorics = importlib.import_module("sympy.combinatorics")
    given = [combinatorics.Permutation(row) for row in rows]
    return int(combinatorics.PermutationGroup(given).order())


ORDER_PEERS: dict[str, Callable[[Rows], int]] = {"sympy": sympy_order}
