"""Average exactly over permutations of points beside a finite group: sums of permanents.

    K(x, y) = 1/|H| sum over h in H of per[k(x_i, h y_j)] / n!

for the symmetric group (or a Young subgroup, or signed permutations) of the points along some axes
and a finite group H along others: |H| permanents instead of |H| n! terms. It holds for kernels that
are products over points, and mixtures of such kernels.
"""

from __future__ import annotations

import math
from functools import cached_property, reduce
from operator import mul

import numpy as np

from symkernel.backends.arrays import is_on_device, like, to_host
from symkernel.backends.element_tables import table_matrices
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.groups.along import places
from symkernel.groups.factor import Factor
from symkernel.groups.structure import Structure
from symkernel.plans.base import Array, BaseSpec, Cost, Plan
from symkernel.plans.orbit_sum import OrbitSum
from symkernel.plans.permanent_nodes import PermanentNodes, Permanents, permanents

# Elements of the other group, and multiply-adds per pair, that are spent.
_MOST_ELEMENTS, _MOST_WORK = 100_000, 5e8
# Largest error of a mixture relative to k(x, x).
_TOLERANCE = 1e-13


class PermanentSum(Plan):
    """Sum over one finite group of the closed form, a permanent, of another.

    Samples on a GPU are brought to the host, and the result back.

    Parameters
    ----------
    base : BaseSpec
        RBF, Matern or rational quadratic.
    group : Group
        Product of Symmetric, Young or Hyperoctahedral along some axes and finite groups along
        others, beside translations or not.

    Raises
    ------
    NotApplicableError
        If the group or the kernel is none of these, or the sum would take too long: more than
        100,000 elements or 5e8 multiply-adds per pair.
    """

    method = "closed_form"
    exact = True

    def __init__(self, base: BaseSpec, group: Group) -> None:
        self.base = base
        self.group = group
        self._structure = group.structure
        found = [_Split(base, self._structure, f) for f in self._heads()]
        if not found:
            raise NotApplicableError(
                f"{group!r} is no product of permutations of points and a finite group along other "
                "axes"
            )
        self._split = min(found, key=lambda split: split.cost.total)
        self.cost = self._split.cost
        if self.cost.total > _MOST_WORK:
            raise NotApplicableError(
                f"a sum of permanents over {group!r} takes {self.cost.total:.1e} multiply-adds per "
                f"pair; at most {_MOST_WORK:.0e} are spent"
            )
        form, head = self._split.form, self._split.head
        self.error = max(1e-14, form.error)
        self.steps = (
            *self._structure.centring,
            f"sum over {self._split.order:,} elements of the other factors",
            *form.steps(head.group.order if head.group.log_order < 50.0 else math.inf, "h"),
        )

    def _heads(self) -> list[Factor]:
        """Factors whose average is a permanent, and from which all others stay apart."""
        factors = self._structure.factors
        if len(factors) < 2 or len({f.shape for f in factors}) > 1:
            return []
        heads = []
        for head in factors:
            others = [f for f in factors if f is not head]
            apart = all(not set(f.axes) & set(head.axes) for f in others)
            count = sum(f.group.log_order for f in others)
            if not apart or count > math.log(_MOST_ELEMENTS):
                continue
            try:
                permanents(self.base, head.action, _TOLERANCE)
            except ValueError:
                continue
            heads.append(head)
        return heads

    @cached_property
    def _nodes(self) -> PermanentNodes:
        return self._split.nodes()

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        ready, other = self._ready(X), None if Y is None else self._ready(Y)
        return _beside(self._nodes.gram(self.base, ready, other, n_jobs), X)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs."""
        return _beside(self._nodes.diagonal(self.base, self._ready(X), False, n_jobs)[0], X)

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        V = to_host(V)
        return _beside(self._nodes.matvec(self.base, self._ready(X), self._ready(Y), V, n_jobs), X)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        if self.base.scale is not None:  # derivatives per feature need the features themselves
            return self._summed().gradient(self._structure.centred(X), n_jobs)
        K, slopes = self._nodes.gradient(self.base, self._ready(X), n_jobs)
        return _beside(K, X), _beside(slopes, X)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        if self.base.scale is not None:
            return self._summed().diag_gradient(self._structure.centred(X), n_jobs)
        values, slopes = self._nodes.diagonal(self.base, self._ready(X), True, n_jobs)
        return _beside(values, X), _beside(slopes, X)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        V = to_host(V)
        ready = self._ready(X), self._ready(Y)
        return self._unready(self._nodes.gradient_x(self.base, *ready, V, n_jobs), X)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        return self._unready(self._nodes.diagonal_gradient_x(self.base, self._ready(X), n_jobs), X)

    def _summed(self) -> OrbitSum:
        return OrbitSum(self.base, self._structure.rest)

    def _ready(self, X: Array) -> Array:
        host = to_host(X) if is_on_device(X) else X
        return np.ascontiguousarray(self._structure.centred(self.base.scaled(host)))

    def _unready(self, gradient: Array, X: Array) -> Array:
        """Gradients in samples as they were given; centring is an orthogonal projection."""
        flat = gradient.reshape(-1, gradient.shape[-1])
        flat = self.base.unscaled_gradient(self._structure.centred(flat))
        return _beside(flat.reshape(gradient.shape), X)


class _Split:
    """One factor by permanents, the others by a sum."""

    def __init__(self, base: BaseSpec, structure: Structure, head: Factor) -> None:
        self.head = head
        self.others = structure.beside(head)
        self.form: Permanents = permanents(base, head.action, _TOLERANCE)
        self.order = math.prod(int(f.group.order) for f in self.others)
        one = self.form.cost
        self.cost = Cost(self.order * one.multiply_adds, self.order * one.maps)

    def nodes(self) -> PermanentNodes:
        """The elements of the other factors, on the coordinates along all their axes."""
        shape = self.head.shape
        axes = tuple(sorted({a for f in self.others for a in f.axes}))
        lengths = tuple(shape[a] for a in axes)
        acting = reduce(
            mul, (f.group.along(tuple(map(axes.index, f.axes)), lengths) for f in self.others)
        )
        matrices = table_matrices(acting.table(_MOST_ELEMENTS))
        weights = np.full(len(matrices), 1.0 / len(matrices))
        finite = self.head.action
        return PermanentNodes(finite, places(axes, shape), matrices, weights, _TOLERANCE)


def _beside(values: Array, X: Array) -> Array:
    """Return values in the precision of the samples and where they live."""
    placed: Array = like(values, X)
    return placed
