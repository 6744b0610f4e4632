"""Average approximately by a rule, as all approximate plans do.

Which sums are kernels. Let P = sum_i w_i R_i act on functions of the sample, w_i > 0.

* Both sides, ``sum_ij w_i w_j k(R_i x, R_j y)``: the kernel of the averaged features. Symmetric and
  positive semidefinite whatever the nodes. So is its error: with P_G the exact average,
  ``P P_G = P_G P = P_G`` and hence ``P* P - P_G = (P - P_G)* (P - P_G)``.
* One side, ``sum_i w_i k(x, R_i y)``: equal to the former if the nodes are a group (then P is a
  projection), or if the rule integrates k exactly. Otherwise it is symmetric when nodes and weights
  are closed under inversion, but its eigenvalues may be as low as -n times its error. It takes N
  terms where both sides take about N^(5/3).

So one side is used where the nodes are a group, where the rule is exact for a polynomial kernel,
where the error is at the level of rounding, and where both sides would take too many terms; else
both.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from symkernel.backends.arrays import is_on_device
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.plans.base import Array, BaseSpec, Plan
from symkernel.plans.rotation_rules import RotationRule
from symkernel.plans.weighted_tables import Table, WeightedTables

# Samples on either side of the pairs on which errors are measured.
_MEASURED = 4


@dataclass(frozen=True, eq=False)
class Scheme:
    """A rule and the way it is used."""

    rule: RotationRule
    two_sided: bool
    exact: bool = False
    reached: bool = True

    @property
    def terms(self) -> int:
        """Matrices per pair of samples."""
        return self.rule.n_pairs if self.two_sided else len(self.rule)

    @property
    def positive(self) -> bool:
        """Whether the result is positive semidefinite whatever its error."""
        return self.two_sided or self.rule.is_group

    @property
    def guarantee(self) -> str:
        """What is known of the result, in words."""
        if self.exact:
            return "exact for this polynomial kernel"
        if self.two_sided:
            return "both sides averaged: positive semidefinite"
        if self.rule.is_group:
            return "the nodes form a group: positive semidefinite"
        return "one side averaged: symmetric, eigenvalues above -n times the error"


class Nodes(Protocol):
    """A weighted sum over group elements, closed under inversion, of some base kernel."""

    def gram(self, base: BaseSpec, X: Array, Y: Array | None, n_jobs: int | None) -> Array:
        """Gram matrix; `Y=None` means X."""

    def matvec(self, base: BaseSpec, X: Array, Y: Array, V: Array, n_jobs: int | None) -> Array:
        """K(X, Y) V."""

    def gradient(self, base: BaseSpec, X: Array, n_jobs: int | None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives."""

    def diagonal(
        self, base: BaseSpec, X: Array, gradient: bool, n_jobs: int | None
    ) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives."""

    def gradient_x(self, base: BaseSpec, X: Array, Y: Array, V: Array, n_jobs: int | None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X."""

    def diagonal_gradient_x(self, base: BaseSpec, X: Array, n_jobs: int | None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""


class Averaged(Plan):
    """What quadrature and sampling share: weighted sums over elements."""

    exact = False

    def __init__(self, base: BaseSpec, group: Group) -> None:
        if base.traits.manhattan and not group.is_signed_permutation:
            raise NotApplicableError(
                f"a kernel of the L1 distance is not invariant under {group!r}: it needs a group "
                "of permutations or signed permutations"
            )
        self.base = base
        self.group = group
        self._structure = group.structure
        self.error = math.nan

    @abstractmethod
    def _tables(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Nodes:
        """What to sum over for these prepared samples."""

    @abstractmethod
    def _measure(self, X: Array, Y: Array, n_jobs: int | None = None) -> None:
        """Set ``error`` from a few of these prepared samples, after ``_tables``."""

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost. Sets ``error``."""
        X = self._prepared(X)
        Y = None if Y is None else self._prepared(Y)
        K = self._tables(X, Y, n_jobs).gram(self.base, X, Y, n_jobs)
        if not self.exact and K.size:
            self._measure(X, X if Y is None else Y, n_jobs)
        return K

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs."""
        X = self._prepared(X)
        return self._tables(X, None, n_jobs).diagonal(self.base, X, False, n_jobs)[0]

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        X, Y = self._prepared(X), self._prepared(Y)
        return self._tables(X, Y, n_jobs).matvec(self.base, X, Y, V, n_jobs)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        X = self._prepared(X)
        return self._tables(X, None, n_jobs).gradient(self.base, X, n_jobs)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        X = self._prepared(X)
        return self._tables(X, None, n_jobs).diagonal(self.base, X, True, n_jobs)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        X, Y = self._prepared(X), self._prepared(Y)
        return self._unprepared(self._tables(X, Y).gradient_x(self.base, X, Y, V, n_jobs))

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        X = self._prepared(X)
        return self._unprepared(self._tables(X, None).diagonal_gradient_x(self.base, X, n_jobs))

    def _unprepared(self, gradient: Array) -> Array:
        """Gradients in samples as they were given; centring is an orthogonal projection."""
        flat = gradient.reshape(-1, gradient.shape[-1])
        return self.base.unscaled_gradient(self._structure.centred(flat)).reshape(gradient.shape)

    def _prepared(self, X: Array) -> Array:
        if is_on_device(X):
            raise NotApplicableError(
                f"method={self.method!r} computes on the CPU only: give NumPy arrays, or use an "
                "exact method"
            )
        return np.ascontiguousarray(self._structure.centred(self.base.scaled(X)))

    def _values(self, table: Table, X: Array, Y: Array) -> Array:
        """Mean over a table, in double precision."""
        tables = WeightedTables(((1.0, table),))
        return tables.gram(self.base, np.ascontiguousarray(X), np.ascontiguousarray(Y), 1)

    def __str__(self) -> str:
        return self._readable(super().__str__())

    def _repr_html_(self) -> str:
        return self._readable(super()._repr_html_())

    @staticmethod
    def _readable(text: str) -> str:
        """What is not known yet, in words."""
        text = text.replace("error about nan", "error nan")
        text = text.replace("error nan", "error measured by its gram(X)")
        return text.replace("nan multiply-adds + nan kernel maps per pair", "cost set by the data")


def typical(X: Array, count: int = _MEASURED) -> Array:
    """Indices of a few samples: half those of largest norm, which are hardest, half in between."""
    order = np.argsort(-np.einsum("ij,ij->i", X, X), kind="stable")
    half = min(count // 2, len(X))
    spread = np.linspace(0, len(X) - 1, count - half).round().astype(np.intp)
    return np.unique(np.concatenate([order[:half], order[spread]]))
