"""Average over groups on columns of their own: sums of products of the averages on each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symkernel.backends.arrays import is_on_device, namespace
from symkernel.backends.prepared import Prepared
from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.groups import Group
from symkernel.plans.base import Array, BaseSpec, Cost, Plan
from symkernel.plans.column_terms import ColumnTerm, column_terms

__all__ = ["ColumnSum"]

# Numbers of a block of rows of the Gram matrix, in products that do not store it.
_TILE = 2**21
# Inner products round squared distances: rates beyond this over the squared radius tell no more.
_FINEST = 1e11
# Multiply-adds that the product of two matrices takes as long as, entry by entry.
_PASS = 60.0
# Exact methods that may serve a block, and the cost below which the others are not looked at.
_EXACT = ("closed_form", "sum", "fourier")
_CHEAP = 4000.0
# Plans of factors that a block keeps.
_KEPT = 256

Maker = Callable[[BaseSpec, Group, str], Plan]


class ColumnSum(Plan):
    """Average over groups that act on different columns, plain columns beside them.

    The average of a product over columns is the product of the averages over the groups. RBF,
    Laplacian and von Mises kernels are such products, Matern and rational quadratic kernels
    mixtures of the first, and polynomials of the inner product sums of products of powers.

    Parameters
    ----------
    base : BaseSpec
        One of these kernels.
    group : Group
        What ``structure.by_columns`` takes apart, beside translations.
    make_plan : callable
        Makes the plan of a kernel over the group of one block by a method.
    tolerance : float, default=1e-13
        Largest error of a mixture, relative to k(x, x).

    Raises
    ------
    NotApplicableError
        If the kernel is none of these, or a group on columns has no exact average.

    Notes
    -----
    Costs add up, for every term of a mixture: a Gram matrix takes terms times blocks matrices, two
    of which are kept. Computed in double precision.

    Examples
    --------
    >>> from symkernel import groups
    >>> from symkernel.plans.planner import make_plan
    >>> G = groups.SO(3).on([0, 1, 2], 7) * groups.Cyclic(3).on([3, 4, 5], 7)
    >>> print(make_plan(BaseSpec("rbf", (1.0,)), G).steps)  # doctest: +ELLIPSIS
    ('product over 3 blocks of columns', 'SO(3): spherical average of one vector', ...)
    """

    method = "closed_form"
    exact = True

    def __init__(
        self, base: BaseSpec, group: Group, make_plan: Maker, tolerance: float = 1e-13
    ) -> None:
        self.base = base
        self.group = group
        self._structure = group.structure
        parts = self._structure.by_columns
        if not parts:
            raise NotApplicableError(f"{group!r} does not act on columns by parts")
        self._columns = [at for _, at in parts]
        self._tolerance = tolerance
        terms, error = column_terms(base, len(parts), math.inf, tolerance)
        self._blocks = [
            _Block(inner, terms, b, base, make_plan) for b, (inner, _) in enumerate(parts)
        ]
        self.error = max(1e-14, error, *(block.plan.error for block in self._blocks))
        costs = [(block.plan.cost, block.count(terms)) for block in self._blocks]
        products = sum(len(term.factors) - term.factors.count(None) for term in terms)
        self.cost = Cost(
            sum(cost.multiply_adds * count for cost, count in costs) + _PASS * products,
            sum(cost.maps * count for cost, count in costs),
        )
        self.scratch = max(block.plan.scratch for block in self._blocks)
        self.steps = (*self._structure.centring, *self._described(terms, error))

    def _described(self, terms: Sequence[ColumnTerm], error: float) -> Iterator[str]:
        what = f"product over {len(self._blocks)} blocks of columns"
        if error:
            what += f", in a mixture of at most {len(terms)} Gaussians, error {error:.0e}"
        elif len(terms) > 1:
            what = f"sum of {len(terms)} products of powers over {len(self._blocks)} blocks"
        yield what
        for block in self._blocks:
            if block.group.order == 1:
                yield f"{block.group.degree} plain column" + "s" * (block.group.degree > 1)
            else:
                yield f"{block.group!r}: {', '.join(block.plan.steps)}"

    # -- samples ------------------------------------------------------------------------------

    def _scaled(self, X: Array) -> Array:
        """Samples in units of the length scales, centred, in double precision."""
        return self._structure.centred(self.base.scaled(X.astype(np.float64, copy=False)))

    def _taken(self, Z: Array) -> list[Array]:
        """The columns of every block."""
        xp = namespace(Z)
        return [xp.ascontiguousarray(Z[:, at]) for at in self._columns]

    def _terms(self, *samples: Array) -> list[ColumnTerm]:
        """Terms for samples that lie as far apart as these."""
        radius = max(Prepared(Z).radius for Z in samples)
        rounded = [
            at for block, at in zip(self._blocks, self._columns, strict=True) if block.rounds
        ]
        turned = max((Prepared(Z[:, at]).radius for Z in samples for at in rounded), default=0.0)
        finest = _FINEST / turned**2 if turned > 0 else math.inf
        return column_terms(self.base, len(self._blocks), 2 * radius, self._tolerance, finest)[0]

    # -- values -------------------------------------------------------------------------------

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        left = self._scaled(X)
        right = None if Y is None else self._scaled(Y)
        terms = self._terms(left) if right is None else self._terms(left, right)
        others = None if right is None else self._ready(right)
        return self._gram(terms, self._ready(left), others, n_jobs).astype(X.dtype, copy=False)

    def _ready(self, Z: Array) -> list[Any]:
        blocks = zip(self._blocks, self._taken(Z), strict=True)
        return [block.ready(part) for block, part in blocks]

    def _gram(
        self, terms: Sequence[ColumnTerm], X: list[Any], Y: list[Any] | None, n_jobs: int | None
    ) -> Array:
        def values(b: int, plan: Plan) -> Array:
            return plan.gram(X[b], None if Y is None else Y[b], n_jobs)

        total: Any = 0.0
        for term, found in self._each(terms, values):
            total = total + term.weight * _product(found)
        return self._full(total, X, Y)

    # A sum of no products, and products of nothing, as arrays.
    def _full(self, total: Any, X: list[Any], Y: list[Any] | None) -> Array:
        rows = X[0].rows if isinstance(X[0], Prepared) else X[0]
        shape = (len(X[0]), len(X[0] if Y is None else Y[0]))
        return namespace(rows).zeros(shape) + total  # type: ignore[no-any-return]

    def _each(
        self,
        terms: Sequence[ColumnTerm],
        values: Callable[[int, Plan], Any],
        per_feature: bool = False,
    ) -> Iterator[tuple[ColumnTerm, list[Any]]]:
        """Values of every factor, term by term; None where a factor is 1."""
        kept: dict[tuple[int, BaseSpec], Any] = {}
        for term in terms:
            found: list[Any] = []
            for b, spec in enumerate(term.factors):
                if spec is None:
                    found.append(None)
                    continue
                plan = self._blocks[b].plan_of(spec, per_feature)
                if spec.name != "polynomial":  # powers come again, rates do not
                    found.append(values(b, plan))
                    continue
                if (b, spec) not in kept:
                    kept[b, spec] = values(b, plan)
                found.append(kept[b, spec])
            yield term, found

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,)."""
        Z = self._scaled(X)
        parts = self._taken(Z)
        total: Any = namespace(Z).zeros(len(Z))
        for term, found in self._each(self._terms(Z), lambda b, plan: plan.diag(parts[b], n_jobs)):
            total = total + term.weight * _product(found)
        return total.astype(X.dtype, copy=False)  # type: ignore[no-any-return]

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), a block of rows of K at a time."""
        left, right = self._scaled(X), self._scaled(Y)
        terms, others = self._terms(left, right), self._ready(right)
        out = namespace(left).empty((len(left), V.shape[1]))
        for rows in _tiles(len(left), len(right)):
            tile = self._ready(left[rows])
            out[rows] = self._gram(terms, tile, others, n_jobs) @ V
        return out.astype(V.dtype, copy=False)  # type: ignore[no-any-return]

    # -- derivatives --------------------------------------------------------------------------

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        Z = self._scaled(X)
        parts = self._taken(Z) if self.base.scale is not None else self._ready(Z)
        return self._derived(
            X, Z, (len(Z), len(Z)), lambda b, plan: plan.gradient(parts[b], n_jobs)
        )

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        Z = self._scaled(X)
        parts = self._taken(Z)
        return self._derived(X, Z, (len(Z),), lambda b, plan: plan.diag_gradient(parts[b], n_jobs))

    def _derived(
        self,
        X: Array,
        Z: Array,
        shape: tuple[int, ...],
        values: Callable[[int, Plan], tuple[Array, Array]],
    ) -> tuple[Array, Array]:
        xp = namespace(Z)
        per_feature = self.base.scale is not None
        terms = self._terms(Z)
        width = self.group.degree if per_feature else len(terms[0].inner_slopes)
        total, slopes = xp.zeros(shape), xp.zeros((*shape, width))
        for term, found in self._each(terms, values, per_feature):
            factors = [None if one is None else one[0] for one in found]
            product = _product(factors)
            total = total + term.weight * product
            if not per_feature:
                for k in np.flatnonzero(term.weight_slopes):
                    slopes[..., k] += term.weight_slopes[k] * product
            if not term.inner_slopes.any():
                continue
            for b, rest in enumerate(_products_of_others(factors)):
                grown = found[b][1] * (term.weight * rest)[..., None]
                if per_feature:
                    slopes[..., self._columns[b]] += grown
                    continue
                for k in np.flatnonzero(term.inner_slopes):
                    slopes[..., k] += term.inner_slopes[k] * grown[..., 0]
        return total.astype(X.dtype, copy=False), slopes.astype(X.dtype, copy=False)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c).

        The factors of the other blocks weigh the samples of Y anew for every row of X, which is
        taken by itself.
        """
        left, right = self._scaled(X), self._scaled(Y)
        parts, others = self._taken(left), self._ready(right)
        xp = namespace(left)
        V = V.astype(np.float64, copy=False)
        out = xp.zeros((len(left), V.shape[1], self.group.degree))
        for rows in _tiles(len(left), len(right)):
            tile = [part[rows] for part in parts]

            def values(b: int, plan: Plan, tile: list[Array] = tile) -> Array:
                return plan.gram(tile[b], others[b], n_jobs)

            for term, found in self._each(self._terms(left, right), values):
                for b, rest in enumerate(_products_of_others(found)):
                    spec = term.factors[b]
                    if spec is None:
                        continue
                    plan = self._blocks[b].plan_of(spec)
                    for i, x in enumerate(tile[b]):
                        row = rest if isinstance(rest, float) else rest[i][:, None]
                        weights = xp.ascontiguousarray(term.weight * row * V)
                        moved = plan.gradient_x(x[None], others[b], weights, n_jobs)[0]
                        out[rows.start + i][:, self._columns[b]] += moved
        return self._unscaled(out).astype(V.dtype, copy=False).astype(X.dtype, copy=False)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        Z = self._scaled(X)
        parts = self._taken(Z)
        out = namespace(Z).zeros(Z.shape)
        terms = self._terms(Z)
        for term, found in self._each(terms, lambda b, plan: plan.diag(parts[b], n_jobs)):
            for b, rest in enumerate(_products_of_others(found)):
                spec = term.factors[b]
                if spec is None:
                    continue
                moved = self._blocks[b].plan_of(spec).diag_gradient_x(parts[b], n_jobs)
                factor = term.weight * (rest if isinstance(rest, float) else rest[:, None])
                out[:, self._columns[b]] += factor * moved
        return self._unscaled(out).astype(X.dtype, copy=False)

    def _unscaled(self, gradient: Array) -> Array:
        """Gradients in samples as they were given; centring is an orthogonal projection."""
        flat = self._structure.centred(gradient.reshape(-1, gradient.shape[-1]))
        gradient = self.base.unscaled_gradient(flat).reshape(gradient.shape)
        return gradient * 2.0**-self.base.exponent if self.base.exponent else gradient


@dataclass(eq=False)
class _Block:
    """Plans of the factors of one block, all by the method that is cheapest for the first."""

    group: Group
    plan: Plan

    def __init__(
        self,
        group: Group,
        terms: Sequence[ColumnTerm],
        place: int,
        base: BaseSpec,
        make_plan: Maker,
    ) -> None:
        self.group = group
        self._place = place
        self._make = make_plan
        specs = dict.fromkeys(t.factors[place] for t in terms if t.factors[place] is not None)
        first = next(iter(specs), None)
        # A constant kernel has no factors at all: the constant of any will do for a plan.
        spec = first if first is not None else BaseSpec("polynomial", (0.0, 1.0, 1.0))
        hardest = list(specs)[-1] if specs else spec
        self.plan = self._cheapest(hardest if hardest is not None else spec)
        self._by_spec: dict[BaseSpec, Plan] = {}
        # Whether there are inner products only, which refuse kernels that are not smooth.
        self.rounds = False
        if base.traits.mixture and self.plan.method == "closed_form":
            try:
                make_plan(BaseSpec("matern12", (1.0,)), group, "closed_form")
            except NotApplicableError:
                if base.traits.kink:
                    raise
                self.rounds = True

    def count(self, terms: Sequence[ColumnTerm]) -> int:
        """Matrices of this block that the terms take."""
        return len({t.factors[self._place] for t in terms} - {None})

    def plan_of(self, spec: BaseSpec, per_feature: bool = False) -> Plan:
        """Plan of a factor, kept for the next call.

        With a length scale for every feature, all the same, where derivatives for each are asked.
        """
        if per_feature:
            scale = np.full(self.group.degree, spec.length_scale)
            one = BaseSpec(spec.name, (1.0,), scale=scale)
            return self._make(one, self.group, self.plan.method)
        if spec in self._by_spec:
            return self._by_spec[spec]
        plan = self._make(spec, self.group, self.plan.method)
        while len(self._by_spec) >= _KEPT:  # rates of a mixture change with the samples
            del self._by_spec[next(iter(self._by_spec))]
        self._by_spec[spec] = plan
        return plan

    def ready(self, Z: Array) -> Any:
        """Samples of the block, packed once for all terms."""
        return Z if is_on_device(Z) or self.plan.preparation is None else self.plan.prepare(Z)

    def _cheapest(self, spec: BaseSpec) -> Plan:
        found: list[Plan] = []
        reasons: list[NotApplicableError | GroupTooLargeError] = []
        for method in _EXACT:
            if found and min(plan.cost.total for plan in found) <= _CHEAP:
                break
            try:
                found.append(self._make(spec, self.group, method))
            except (NotApplicableError, GroupTooLargeError) as reason:
                reasons.append(reason)
        if not found:
            raise NotApplicableError(
                f"{self.group!r}, one of the groups on columns, has no exact average of this "
                f"kernel: {reasons[0]}"
            )
        return min(found, key=lambda plan: plan.cost.total)


def _product(factors: Sequence[Any]) -> Any:
    """Product of factors, of which None is 1."""
    product: Any = 1.0
    for factor in factors:
        if factor is not None:
            product = product * factor
    return product


def _products_of_others(factors: Sequence[Any]) -> Iterator[Any]:
    """Yield, for every factor, the product of the others: no division, which zeros would break."""
    for b in range(len(factors)):
        yield _product([*factors[:b], *factors[b + 1 :]])


def _tiles(n: int, m: int) -> Iterator[slice]:
    rows = max(1, _TILE // max(1, m))
    return (slice(start, min(start + rows, n)) for start in range(0, n, rows))
