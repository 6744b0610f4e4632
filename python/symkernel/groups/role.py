"""Declare what an atomic group does, for formulas that know it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symkernel.groups.base import Group

__all__ = ["Kind", "Role"]


class Kind(Enum):
    """What a group does to its n features."""

    LISTED = "known by its elements alone"
    ROTATIONS = "all rotations of R^n"
    TRANSLATIONS = "all translations of R^n"
    ANGLES = "independent shifts of n angles"
    EXCHANGES = "permutations within blocks, or changes of sign"
    RING = "cyclic shifts"
    NESTED = "a group within every block, and permutations of the blocks"
    COLUMNS = "groups on columns of their own, and columns that stay as they are"
    LATTICE = "motions of fractional coordinates, modulo 1"
    OCTAHEDRAL = "the rotations of the cube along the axes of R^3"
    GRAPH = "permutations of the nodes of a graph, of rows and columns at once"
    TENSORS = "rotations of R^r, on every axis of a tensor at once"


@dataclass(frozen=True)
class Role:
    """What an atomic group does to its features, as far as formulas are known for it.

    A group class overrides ``Group.role``; plans, canonical forms, alignments, grids and reports
    ask here and never for a class.

    Parameters
    ----------
    kind : Kind
    reflections : bool, default=False
        Of rotations, rings and the cube: whether reflections belong to the group.
    blocks : tuple of sequences of int, default=()
        Of exchanges: features that change places, a block of one or more each, together all of
        them; none where every feature stays.
    signs : bool, default=False
        Of exchanges: whether every feature may change its sign.
    even : bool, default=False
        Of exchanges: whether permutations are even ones only.
    nested : (Group, Group), optional
        Of nested groups: what acts within a block, and what permutes the blocks.
    parts : tuple of (Group, tuple of int), default=()
        Of groups on columns: each group and the columns that are its features, none twice; columns
        that are in none of them stay as they are.
    nodes : tuple of sequences of int, default=()
        Of graphs: nodes that change places, a block of one or more each, together all n of them.
        Samples are (n, n + f): an adjacency matrix, then f numbers of every node.
    power : (Group, int), optional
        Of tensors: SO(r) or O(r), and the number of axes that it turns.

    Examples
    --------
    >>> from symkernel.groups import O, SignFlips, Young
    >>> O(3).role.rotates, O(3).role.reflections
    (True, True)
    >>> Young("CCO").role.blocks
    ((0, 1), (2,))
    >>> SignFlips(2).role.flips
    True
    """

    kind: Kind
    reflections: bool = False
    blocks: tuple[Sequence[int], ...] = ()
    signs: bool = False
    even: bool = False
    nested: tuple[Group, Group] | None = None
    parts: tuple[tuple[Group, tuple[int, ...]], ...] = ()
    nodes: tuple[Sequence[int], ...] = ()
    power: tuple[Group, int] | None = None

    @property
    def rotates(self) -> bool:
        """Whether the group is SO(n) or O(n)."""
        return self.kind is Kind.ROTATIONS

    @property
    def translates(self) -> bool:
        """Whether the group is that of all translations."""
        return self.kind is Kind.TRANSLATIONS

    @property
    def turns_angles(self) -> bool:
        """Whether the group shifts angles."""
        return self.kind is Kind.ANGLES

    @property
    def moves_lattice(self) -> bool:
        """Whether the group moves fractional coordinates, modulo 1."""
        return self.kind is Kind.LATTICE

    @property
    def exchanges(self) -> bool:
        """Whether the group holds all permutations within its blocks, with signs or without."""
        return bool(self.blocks) and not self.even

    @property
    def sorts(self) -> bool:
        """Whether it holds these and nothing else, so that sorting is all there is to do."""
        return self.exchanges and not self.signs

    @property
    def flips(self) -> bool:
        """Whether changes of sign are all that the group holds."""
        return self.signs and not self.blocks
