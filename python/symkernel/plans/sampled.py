"""Average over random elements of any group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symkernel.backends.element_tables import MatrixTable, PointTable, SignedPermutationTable
from symkernel.backends.memory import require_memory
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, SignedPermutation
from symkernel.groups.elements import Element, point_element_at
from symkernel.plans.averaged import Averaged, typical
from symkernel.plans.base import Array, BaseSpec, Cost
from symkernel.plans.rotation_problem import MAX_TERMS, RotationProblem, rotation_problem
from symkernel.plans.weighted_tables import Table, WeightedTables, require_entries

# Random elements from which a standard error is estimated.
_MEASURED_ELEMENTS = 48

_UNBOUNDED = "the group is infinite, so no uniform bound applies and the standard error is measured"


class Sampled(Averaged):
    """Average over random elements, the same ones on both sides: positive semidefinite.

    ``K(x, y) = 1/m^2 sum_ij k(g_i x, g_j y)`` for m independent uniform elements. For a continuous
    group with few finite elements beside it, those are summed over exactly.

    Parameters
    ----------
    base : BaseSpec
        Base kernel that the group leaves invariant.
    group : Group
        Any group with a uniform distribution: finite of any order, SO(n), O(n) and products;
        translations are removed by centring.
    n_samples : int, default=32
        Number m of elements; the cost is m^2 per pair of samples and the error falls as 1/m.
    random_state : int, numpy Generator or RandomState, default=0
        Source of the elements. An int makes two plans the same kernel, which training and
        prediction need.
    confidence : float, default=0.95
        Probability with which the bound for finite groups holds.

    Raises
    ------
    NotApplicableError
        If the group has no uniform distribution, or the elements would not fit.
    ValueError
        If a parameter is out of range.

    Notes
    -----
    With P the mean of m random elements, ``|P - P_G| <= sqrt(8/(3m) log(2|G|/delta))`` in every
    representation with probability 1 - delta (Tahmasebi & Weber; matrix Bernstein inequality).
    Here P* P - P_G = (P - P_G)* (P - P_G), so that K - K_G is positive semidefinite and at most the
    square of that times sqrt(k(x, x) k(y, y)). It holds for finite groups. For continuous ones,
    and in ``error`` after ``gram``, the error is measured: the bias of the terms i = j plus the
    standard error of the others, on a few pairs of samples.

    Examples
    --------
    >>> from symkernel import groups
    >>> plan = Sampled(BaseSpec("rbf", (1.0,)), groups.Symmetric(16), n_samples=100)
    >>> print(plan)  # doctest: +ELLIPSIS
    100 random elements of Symmetric(16) (order 20,922,789,888,000), both sides averaged: ...
    """

    method = "sample"

    def __init__(
        self,
        base: BaseSpec,
        group: Group,
        n_samples: int = 32,
        random_state: Any = 0,
        confidence: float = 0.95,
    ) -> None:
        super().__init__(base, group)
        if isinstance(n_samples, bool) or not isinstance(n_samples, int | np.integer):
            raise ValueError(f"n_samples must be a positive integer, got {n_samples!r}")
        if n_samples < 1:
            raise ValueError(f"n_samples must be a positive integer, got {n_samples!r}")
        if not 0 < confidence < 1:
            raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}")
        self.n_samples = int(n_samples)
        self.random_state = random_state
        self.confidence = confidence
        if self.n_samples**2 > MAX_TERMS:
            raise NotApplicableError(
                f"n_samples={n_samples} takes {self.n_samples**2:,} terms per pair; at most "
                f"{MAX_TERMS:,} are summed"
            )
        for f in self._structure.factors:
            if f.group._on_angles:
                raise NotApplicableError(
                    f"{f.group!r} acts on angles, which kernels of the distance do not respect"
                )
        problem = self._rotations()
        if problem is None:
            self._draw_elements()
        else:
            self._draw_rotations(problem)

    def _rotations(self) -> RotationProblem | None:
        """The group in pieces, if its finite part is small enough to be summed over."""
        try:
            problem = rotation_problem(self.group)
        except NotApplicableError:
            return None
        if not problem.turns_points:
            return None
        terms = problem.log_others + 2.0 * math.log(self.n_samples)
        return problem if terms <= math.log(MAX_TERMS) + 1e-9 else None

    def _draw_rotations(self, problem: RotationProblem) -> None:
        drawn = problem.head.group.sample(self.n_samples, self.random_state)
        matrices = np.stack([g.as_matrix() for g in drawn])
        ratios = _ratios(matrices)
        self._parts = WeightedTables(((1.0, problem.table(ratios)),))
        alone = RotationProblem(problem.structure, problem.head, ()).table(
            matrices[:_MEASURED_ELEMENTS]
        )
        assert isinstance(alone, PointTable)
        self._elements: Sequence[Element] = [
            point_element_at(alone, 0, k) for k in range(len(alone.matrices))
        ]
        self._rest = problem.table(np.eye(problem.size)[None])
        self.cost = problem.cost(self.n_samples**2)
        steps = list(self._structure.centring)
        if problem.n_others > 1:
            steps.append(f"sum over {problem.n_others:,} elements of the finite part")
        self.steps = (
            *steps,
            f"{self.n_samples} random elements of {problem.head.group!r}, both sides averaged: "
            f"positive semidefinite, {_UNBOUNDED}",
        )

    def _draw_elements(self) -> None:
        group = self._structure.rest
        d, m = group.degree, self.n_samples
        if group.is_signed_permutation:  # indices and signs of all ratios
            require_memory((m, m, d), 5, "the table of random elements", "Use fewer n_samples.")
        drawn = group.sample(self.n_samples, self.random_state)
        if all(isinstance(g, SignedPermutation) for g in drawn):
            table: Table = _signed_ratios([g for g in drawn if isinstance(g, SignedPermutation)])
            rest: Table = SignedPermutationTable(np.arange(d, dtype=np.int32)[None], None)
        else:
            require_entries(m * m, d)
            table = MatrixTable(_ratios(np.stack([g.as_matrix() for g in drawn])))
            rest = MatrixTable(np.eye(d)[None])
        self._parts = WeightedTables(((1.0, table),))
        self._elements = drawn
        self._rest = rest
        self.cost = Cost(float(m * m * d), float(m * m))
        known = _UNBOUNDED
        if group.is_finite:
            bound = 8.0 / (3.0 * m) * self._log_elements(group.log_order)
            self.error = bound
            known = (
                f"Tahmasebi-Weber: with probability {self.confidence:g} the error is at most "
                f"{bound:.2g} (one-sided {math.sqrt(bound):.2g}) of sqrt(k(x, x) k(y, y))"
            )
        self.steps = (
            *self._structure.centring,
            f"{m} random elements of {group!r}{_order(group)}, both sides averaged: positive "
            f"semidefinite, {known}",
        )

    def _log_elements(self, log_order: float) -> float:
        return math.log(2.0) + log_order - math.log(1.0 - self.confidence)

    def _tables(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> WeightedTables:
        return self._parts

    def _measure(self, X: Array, Y: Array, n_jobs: int | None = None) -> None:
        """Bias of the terms i = j, and the standard error of the others.

        For i != j, g_i^-1 g_j is uniform and independent for different unordered pairs given
        either element, so only (i, j) and (j, i) are correlated: the variance of the mean is at
        most 2 sigma^2 / m^2.
        """
        m = self.n_samples
        own = (X,) if Y is X else (X, Y)
        # pairs of a sample with itself always among them: the terms i = j are largest there
        X = Y = np.concatenate([Z[typical(Z)] for Z in own])
        used = self._elements[:_MEASURED_ELEMENTS]
        left = np.concatenate([g.apply(X.astype(np.float64)) for g in used])
        right = np.concatenate([g.apply(Y.astype(np.float64)) for g in used])
        shape = (len(used), len(X), len(used), len(Y))
        values = self._values(self._rest, left, right).reshape(shape).transpose(0, 2, 1, 3)
        apart = ~np.eye(len(used), dtype=bool)
        same = values[~apart].mean(axis=0)
        largest = float(np.abs(values.mean(axis=(0, 1))).max())
        if largest == 0.0:
            self.error = 0.0
            return
        if m == 1:
            self.error = 1.0
            return
        bias = np.abs(same - values[apart].mean(axis=0)) / m
        spread = values[apart].std(axis=0) * math.sqrt(2.0) / m
        self.error = float((bias + spread).max()) / largest


def _order(group: Group) -> str:
    """Say the order of a finite group, in full up to 10^24."""
    if not group.is_finite:
        return ""
    digits = group.log_order / math.log(10.0)
    return f" (order {group.order:,})" if digits < 24.0 else f" (order about 1e{int(digits)})"


def _ratios(matrices: Array) -> Array:
    """All g_i^-1 g_j, shape (m^2, n, n)."""
    n = matrices.shape[1]
    product = matrices.swapaxes(1, 2)[:, None] @ matrices[None]
    return np.ascontiguousarray(product.reshape(-1, n, n))


def _signed_ratios(drawn: Sequence[SignedPermutation]) -> SignedPermutationTable:
    """All g_i^-1 g_j as one table."""
    d = drawn[0].degree
    indices = np.empty((len(drawn), len(drawn), d), dtype=np.int32)
    signs = np.ones(indices.shape, dtype=np.int8)
    for i, g in enumerate(drawn):
        inverse = g.inverse()
        for j, h in enumerate(drawn):
            ratio = inverse @ h
            assert isinstance(ratio, SignedPermutation)
            indices[i, j] = ratio.indices
            if ratio.signs is not None:
                signs[i, j] = ratio.signs
    plain = bool((signs > 0).all())
    return SignedPermutationTable(indices.reshape(-1, d), None if plain else signs.reshape(-1, d))
