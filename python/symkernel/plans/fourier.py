"""Compute inner products with a whole orbit from irreducible blocks, by Fourier analysis."""

from __future__ import annotations

import math
import weakref
from dataclasses import replace

import numpy as np

from symkernel.backends import cpu, cuda
from symkernel.backends.element_tables import ActionTable
from symkernel.backends.fourier_tables import BlockTable, ShiftTable
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.groups.grid_shifts import shift_table
from symkernel.groups.mixing import feature_orbits
from symkernel.plans.base import Array, BaseSpec, Cost, Plan
from symkernel.plans.irreps import isotypic_decomposition
from symkernel.plans.orbit_sum import MAX_ELEMENTS, OrbitSum, require_native
from symkernel.plans.table_sum import TableSum

# Multiply-adds of a search for irreducible representations: where they are asked for, some
# seconds; where they may only turn out cheaper than another plan, what is not felt.
_MAX_SEARCH, _UNFELT_SEARCH = 2e8, 3e6

_decompositions: weakref.WeakKeyDictionary[ActionTable, BlockTable | None] = (
    weakref.WeakKeyDictionary()
)


class Shifts(TableSum):
    """Orbit sum over the cyclic shifts of a grid, all of them from one Fourier transform per pair.

    The inner products ``x . g y`` over the shifts g are a cross-correlation: O(n log n) operations
    on n grid points instead of n^2. Reflections and quarter turns of the grid permute the spectrum.

    Parameters
    ----------
    base : BaseSpec
        Base kernel; not one of the L1 distance.
    group : Group
        Cyclic, Dihedral or Image group with translations, along any axes, or a product of such
        groups along different axes.

    Raises
    ------
    NotApplicableError
        If the base kernel depends on more than inner products, or the group is not of that kind.
    """

    method = "fourier"

    def __init__(self, base: BaseSpec, group: Group) -> None:
        require_inner_products(base)
        table = shift_table(group)
        if table is None:
            raise NotApplicableError(f"{group!r} does not consist of all shifts of a grid")
        channels = len(table.layout)
        try:
            transform = cpu.shift_cost(table.grid, channels)
        except ValueError as error:
            raise NotApplicableError(f"no transform of a grid {table.grid}: {error}") from error
        self.base = base
        self.group = group
        self._shifts = table
        self.cost = Cost(len(table.maps) * transform, float(group.order), base.native)
        grid = " x ".join(map(str, table.grid))
        parts = f" for each of {len(table.maps)} maps of the grid" if len(table.maps) > 1 else ""
        on_gpu = ""
        if not cuda.transforms_shifts(table):
            on_gpu = " (on a GPU inner products one by one: there are too few for a transform)"
        self.steps = (
            f"one Fourier transform of the {grid} grid per pair{parts}{on_gpu}",
            f"sum over {group.order:,} elements",
        )

    @property
    def _table(self) -> ShiftTable:
        return self._shifts

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs, element by element."""
        return OrbitSum(self.base, self.group).diag(X, n_jobs)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        if self.base.scale is not None:  # derivatives per feature need the features themselves
            return OrbitSum(self.base, self.group).gradient(X, n_jobs)
        return super().gradient(X, n_jobs)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p), element by element."""
        return OrbitSum(self.base, self.group).diag_gradient(X, n_jobs)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X, element by element."""
        return OrbitSum(self.base, self.group).diag_gradient_x(X, n_jobs)


def require_inner_products(base: BaseSpec) -> None:
    """Raise NotApplicableError for kernels that are no native function of inner products."""
    require_native(base)
    if base.traits.manhattan:
        raise NotApplicableError(
            "a kernel of the L1 distance is not a function of inner products, which is what "
            "Fourier analysis provides"
        )


def fourier(base: BaseSpec, group: Group, below: float = math.inf) -> Plan:
    """The cheaper of the two Fourier routes that apply.

    Parameters
    ----------
    base : BaseSpec
        Base kernel.
    group : Group
        Finite group.
    below : float, default=inf
        Cost of a plan in hand: irreducible representations that cannot undercut it are not sought.

    Raises
    ------
    NotApplicableError
        If neither does.
    """
    if not group.is_finite:
        raise NotApplicableError(
            f"{group!r} has infinitely many elements: method='fourier' sums over finite groups"
        )
    try:
        return Shifts(base, group)  # never dearer than the other route, and needs no search
    except NotApplicableError as reason:
        shifts = str(reason)
    try:
        return Irreps(base, group, below)
    except NotApplicableError as reason:
        raise NotApplicableError("; ".join(dict.fromkeys((shifts, str(reason))))) from None


class Irreps(TableSum):
    """Orbit sum through irreducible representations, for any finite group and base kernel.

    In a basis that splits the features into irreducible representations, ``x . g y`` is a sum of
    traces ``<A_rho, rho(g)>``; all A_rho together take ``sum of m_rho d_rho^2`` multiply-adds a
    pair, instead of ``|G| d`` for the inner products one by one. See ``plans/irreps.py``.

    Parameters
    ----------
    base : BaseSpec
        Base kernel; not one of the L1 distance.
    group : Group
        Finite group.
    below : float, default=inf
        Cost of a plan in hand, which this one has to undercut.

    Raises
    ------
    NotApplicableError
        If the base kernel depends on more than inner products, the group is too large, or the plan
        would not be cheaper than the one in hand. A search takes at most 2e8 multiply-adds and
        5e7 numbers, or 3e6 multiply-adds beside a plan in hand.
    """

    method = "fourier"

    def __init__(self, base: BaseSpec, group: Group, below: float = math.inf) -> None:
        require_inner_products(base)
        # Every element takes at least one term and one value of the kernel.
        if group.log_order > 0 and math.log(Cost(1.0, 1.0).total) + group.log_order >= _log(below):
            raise NotApplicableError("irreducible representations would not be cheaper")
        found = decomposition(group, below)
        if found is None:
            raise NotApplicableError(
                f"no accurate irreducible representations of {group!r} were found"
            )
        self.base = base
        self.group = group
        self._blocks = found
        self.cost = replace(block_cost(found), kernel=base.native)
        products = sum(m * r * r for m, r in found.blocks)
        self.steps = (
            f"change to {len(found.blocks)} irreducible representations "
            f"({products:,} multiply-adds per pair instead of {group.order * group.degree:,})",
            f"sum over {group.order:,} elements",
        )

    @property
    def _table(self) -> BlockTable:
        return self._blocks

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        if self.base.scale is not None:  # derivatives per feature need the features themselves
            return OrbitSum(self.base, self.group).gradient(X, n_jobs)
        return super().gradient(X, n_jobs)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        if self.base.scale is not None:
            return OrbitSum(self.base, self.group).diag_gradient(X, n_jobs)
        return super().diag_gradient(X, n_jobs)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        # what lies between close samples needs their features, to more digits than a change of
        # basis keeps
        if self.base.traits.kink:
            return OrbitSum(self.base, self.group).gradient_x(X, Y, V, n_jobs)
        return super().gradient_x(X, Y, V, n_jobs)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        if self.base.traits.kink:
            return OrbitSum(self.base, self.group).diag_gradient_x(X, n_jobs)
        return super().diag_gradient_x(X, n_jobs)


def decomposition(group: Group, below: float = math.inf) -> BlockTable | None:
    """Isotypic decomposition of a group's action, found once per group.

    Raises
    ------
    NotApplicableError
        If it would take too long to find, or cannot undercut a cost.
    """
    work = _MAX_SEARCH if math.isinf(below) else _UNFELT_SEARCH
    if group.log_order > math.log(MAX_ELEMENTS) or _search(group) > work:
        raise NotApplicableError(
            f"the irreducible representations of {group!r} would take too long to find"
        )
    table = group.table(MAX_ELEMENTS)
    if table not in _decompositions:
        _decompositions[table] = isotypic_decomposition(table, below=below, work=work)
    return _decompositions[table]


def _search(group: Group) -> float:
    """Multiply-adds that the first step of a search takes: commuting matrices, eigenvectors."""
    sizes = np.bincount(feature_orbits(group)).astype(float)
    return float(group.order) * float((sizes**2).sum()) + float((sizes**3).sum())


def _log(number: float) -> float:
    return math.log(number) if number < math.inf else math.inf


def block_cost(table: BlockTable) -> Cost:
    """Cost per pair of the block route: blocks, then one short product per element."""
    products = sum(m * r * r for m, r in table.blocks)
    order, entries = table.matrices.shape
    per_element = entries if table.terms is None else table.terms
    return Cost(float(products + order * per_element), float(order))
