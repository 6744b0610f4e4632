"""Sum over the nodes of a rotation rule, with the finite group beside the rotations.

The elements of the finite group are summed over at every node, or, where they are permutations of
points and the kernel is a mixture of products over points, replaced by a permanent at every node.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.plans.averaged import Nodes, Scheme, typical
from symkernel.plans.base import Array, BaseSpec, Cost
from symkernel.plans.permanent_nodes import PermanentNodes, Permanents, permanents
from symkernel.plans.recognise import format_order
from symkernel.plans.rotation_problem import MAX_TERMS, RotationProblem, rotation_problem
from symkernel.plans.rotation_rules import RotationRule
from symkernel.plans.weighted_tables import WeightedTables

# Finite groups of more elements go by permanents where they can: summed over, they would leave too
# few nodes for the rotations.
_FEW_ELEMENTS = 40

# Multiply-adds per pair of samples that sums of permanents may take by default, and if asked for:
# about one and fifty milliseconds per pair and core.
_PERMANENT_WORK, _MOST_PERMANENT_WORK = 5e7, 2e9
# Samples whose K(x, x) is among the values that errors are measured on, and images of every sample
# there: more in the plane, where errors depend on the place between two steps, fewer of permanents.
_DIAGONAL, _IMAGES = 12, 4
_PLANAR_IMAGES = 48
_DIAGONAL_PERMANENTS, _IMAGES_PERMANENTS = 8, 1
# Terms that sums over elements may take: at once, after cheaper schemes were measured.
_TRUSTED_TERMS, _TRIED_TERMS = 5_000, 50_000


class RotationSums:
    """Sums over the nodes of rules for one base kernel and one group.

    Parameters
    ----------
    base : BaseSpec
        Base kernel.
    group : Group
        Rotations, finite groups and translations, as ``rotation_problem`` takes them apart.

    Raises
    ------
    NotApplicableError
        If the group has no such form, or its finite part is too large to be summed over and has
        no permanents.

    Attributes
    ----------
    problem : RotationProblem
        The group, taken apart.
    permanents : Permanents or None
        What is computed at every node; None for a sum over the elements of the finite part.
    trusted : int
        Terms per pair up to which an a-priori bound is trusted at once.
    tried : int
        Terms per pair up to which schemes are measured, and both sides are averaged if only a
        degree is given.
    unreached : int
        Terms per pair that are spent without reaching the tolerance.
    most : int
        Terms per pair that are spent on whatever is asked for.
    """

    def __init__(self, base: BaseSpec, group: Group) -> None:
        self._base = base
        self._group = group
        self.problem: RotationProblem = rotation_problem(group)
        self.permanents = self._form()
        if self.permanents is None:
            self.most = MAX_TERMS // self.problem.n_others
            self.trusted = self.unreached = min(_TRUSTED_TERMS, self.most)
            self.tried = min(_TRIED_TERMS, self.most)
        else:
            unit = self.permanents.cost.total
            least = 120 if self.problem.reflections else 60  # the icosahedral group
            self.most = min(MAX_TERMS, int(_MOST_PERMANENT_WORK / unit))
            self.trusted = 0  # bounds know nothing of what averages over permutations smooth
            self.tried = self.unreached = min(max(least, int(_PERMANENT_WORK / unit)), self.most)

    def _form(self) -> Permanents | None:
        """Permanents, if the finite part has them and they are cheaper than its sum."""
        problem = self.problem
        form: Permanents | None = None
        if len(problem.others) == 1 and problem.turns_points:
            try:
                form = permanents(self._base, problem.finite)
            except ValueError:
                form = None
        if form is not None and problem.log_others <= math.log(_FEW_ELEMENTS):
            one = problem.n_others * (problem.size**2 + Cost.MAP_WEIGHT)
            if self._base.scale is not None or one <= form.cost.total:
                form = None
        if form is None and problem.log_others > math.log(MAX_TERMS) + 1e-9:
            raise NotApplicableError(
                f"quadrature sums over the finite part of {self._group!r} as well, which has "
                f"{format_order(problem.log_others)} elements; at most {MAX_TERMS:,} are summed"
            )
        return form

    def nodes(self, rule: RotationRule, two_sided: bool = False) -> Nodes:
        """Nodes of a rule, or all R^-1 R'."""
        make = _tables if self.permanents is None else _permanent_nodes
        return make(self._group, rule, two_sided)

    def on_typical(self, scheme: Scheme, X: Array, Y: Array, n_jobs: int | None) -> Array:
        """Values, in double precision, for a few pairs of prepared samples, shape (pairs,).

        Pairs of a sample with itself are always among them, and pairs of images under a rotation:
        of averages over both sides no entry of a Gram matrix errs more than its diagonal does,
        whether or not the pairs (x, g x) are asked for together.
        """
        nodes = self.nodes(scheme.rule, scheme.two_sided)
        left, right = (Z[typical(Z)].astype(np.float64) for Z in (X, Y))
        values = nodes.gram(self._base, self._with_images(left), right, n_jobs).ravel()
        sides = (X,) if Y is X else (X, Y)
        count = _DIAGONAL if self.permanents is None else _DIAGONAL_PERMANENTS
        own = [Z[typical(Z, count // len(sides))].astype(np.float64) for Z in sides]
        more = self._with_images(np.concatenate(own))
        return np.concatenate([values, nodes.diagonal(self._base, more, False, n_jobs)[0]])

    def _with_images(self, Z: Array) -> Array:
        """Samples, and their images under a few elements that belong to no rule."""
        head = self.problem.head
        count = _PLANAR_IMAGES if self.problem.n == 2 else _IMAGES
        if self.permanents is not None:
            count = _IMAGES_PERMANENTS
        turns = head.action.sample(count, 0)
        return np.ascontiguousarray(np.concatenate([Z, *(turn.apply(Z) for turn in turns)]))

    def require_affordable(self, scheme: Scheme, degree: int) -> Scheme:
        """Return the scheme; NotApplicableError if its terms are too many."""
        if scheme.terms <= self.most:
            return scheme
        if self.permanents is None:
            what = f"{scheme.terms * self.problem.n_others:,} terms"
            most = f"{MAX_TERMS:,} are summed"
        else:
            what = f"{scheme.terms:,} permanents of {self.permanents.n_points} points"
            most = f"{self.most:,} are computed"
        raise NotApplicableError(
            f"degree={degree} takes {what} per pair; at most {most}: give a lower degree"
        )

    def cost(self, terms: int) -> Cost:
        """Cost per pair of samples at that many nodes."""
        if self.permanents is None:
            return self.problem.cost(terms)
        one = self.permanents.cost
        return Cost(one.multiply_adds * terms, one.maps * terms)

    def steps(self, rotations: str) -> tuple[str, ...]:
        """What is done beside the rotations, in words."""
        problem = self.problem
        if self.permanents is not None:
            inner = self.permanents.steps(problem.n_others)
            return (*problem.structure.centring, rotations, *inner)
        if problem.n_others == 1:
            return (*problem.structure.centring, rotations)
        finite = f"sum over {problem.n_others:,} elements of the finite part"
        return (*problem.structure.centring, finite, rotations)


@lru_cache(maxsize=32)
def _permanent_nodes(group: Group, rule: RotationRule, two_sided: bool) -> PermanentNodes:
    """Nodes of a rule, or all R^-1 R'."""
    matrices, weights = rule.pairs() if two_sided else (rule.matrices, rule.weights)
    problem = rotation_problem(group)
    at = places(problem.head.axes, problem.head.shape)
    return PermanentNodes(problem.finite, at, matrices, weights)


@lru_cache(maxsize=32)
def _tables(group: Group, rule: RotationRule, two_sided: bool) -> WeightedTables:
    """Nodes of a rule, or all R^-1 R', grouped by weight, each with the finite elements."""
    matrices, weights = rule.pairs() if two_sided else (rule.matrices, rule.weights)
    problem = rotation_problem(group)
    keys = np.round(weights / weights.max(), 13)
    parts = []
    for key in np.unique(keys):
        chosen = keys == key
        parts.append((float(weights[chosen].sum()), problem.table(matrices[chosen])))
    return WeightedTables(tuple(parts))
