"""Average over the nodes of a rotation rule and, in closed form, over permutations.

    K(x, y) = sum_a w_a per[k(x_i, R_a y_j)] / n!

for kernels that are products over points, and mixtures of such kernels. Each node takes
n 2^(n-1) multiply-adds instead of n! terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from symkernel.backends import forms
from symkernel.backends.forms import FormTable, Rates
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.plans.base import Array, BaseSpec, Cost
from symkernel.plans.closed_form import form_cost, weighted_rates
from symkernel.plans.mixtures import mixture_of
from symkernel.plans.recognise import recognise

# Numbers held at once: turned samples, or values that are averaged over nodes.
_ENTRIES = 2**20
# Most samples on either side of one native call.
_BLOCK = 256
# Largest error of a mixture relative to k(x, x): well below what is asked of a quadrature.
_MIXTURE_TOLERANCE = 1e-11


@dataclass(frozen=True, eq=False)
class Permanents:
    """Average of a kernel over permutations of points, as a mixture of permanents.

    Parameters
    ----------
    table : FormTable
        Points, and the form of their permanents.
    rates : Rates
        Rates of the mixture, with the weights of the kernel and of its derivatives.
    error : float
        Error of the mixture relative to k(x, x); 0 for RBF, which is none.
    """

    table: FormTable
    rates: Rates
    error: float

    @property
    def n_rates(self) -> int:
        """Permanents per node."""
        return len(self.rates.rates)

    @property
    def n_derivatives(self) -> int:
        """Number of hyperparameters."""
        return len(self.rates.values) - 1

    @property
    def n_points(self) -> int:
        """Points of the largest permanent."""
        return max(points for points, _ in self.table.blocks)

    def steps(self, order: int | float, turn: str = "R") -> tuple[str, ...]:
        """What is done at every node, in words, for that many permutations (inf: not said)."""
        count = "" if order == math.inf else f"{order:,} " if order < 10**12 else f"{order:.2e} "
        signed = self.table.form == "signed_permanents"
        entry, what = (f"(k(x_i, {turn} y_j) + k(x_i, -{turn} y_j))/2", "signed permutations")
        if not signed:
            entry, what = f"k(x_i, {turn} y_j)", "permutations"
        mixture: tuple[str, ...] = ()
        if self.n_rates > 1:
            mixture = (f"mixture of {self.n_rates} Gaussians, error {self.error:.0e}",)
        return (*mixture, f"permanent of {entry} for all {count}{what}")

    @property
    def cost(self) -> Cost:
        """Cost per pair of samples and node."""
        return form_cost(self.table, self.n_rates)


def permanents(base: BaseSpec, group: Group, tol: float = _MIXTURE_TOLERANCE) -> Permanents:
    """Average over permutations, of samples in units of the length scales of the base kernel.

    Raises
    ------
    NotApplicableError
        If the kernel is no mixture of RBF kernels, or the group's closed form is no permanent.
    """
    return _permanents(replace(base, scale=None, exponent=0), group, tol)


@lru_cache(maxsize=32)
def _permanents(base: BaseSpec, group: Group, tol: float) -> Permanents:
    table = recognise(group.structure)
    if table.form not in ("permanents", "signed_permanents"):
        raise NotApplicableError(f"the average over {group!r} is not a permanent")
    mixture = mixture_of(base, tol=tol)
    return Permanents(table, weighted_rates(mixture), mixture.error)


@dataclass(frozen=True, eq=False)
class PermanentNodes:
    """``sum of weight * (mean over the permutations at the node)``.

    Single precision samples are computed with in double precision.

    Parameters
    ----------
    group : Group
        Permutations of the points.
    places : ndarray of shape (p, r)
        Features of the vectors that are turned.
    matrices : ndarray of shape (N, r, r)
        Nodes; with the weights they are closed under inversion.
    weights : ndarray of shape (N,)
        Positive, of sum 1.
    tol : float, default=1e-11
        Largest error of a mixture relative to k(x, x).
    """

    group: Group
    places: Array
    matrices: Array
    weights: Array
    tol: float = _MIXTURE_TOLERANCE

    def _form(self, base: BaseSpec) -> Permanents:
        return permanents(base, self.group, self.tol)

    def gram(self, base: BaseSpec, X: Array, Y: Array | None, n_jobs: int | None) -> Array:
        """Gram matrix; `Y=None` means X, at half the cost."""
        form, left = self._form(base), _double(X)
        right = left if Y is None else _double(Y)
        total = np.empty((len(left), len(right)), dtype=X.dtype)
        for rows, columns in _blocks(*total.shape, Y is None):
            value = np.zeros((rows.stop - rows.start, columns.stop - columns.start))
            for Z, w in self._turned(right[columns], len(value)):
                K = forms.gram(form.table, form.rates, left[rows], Z, n_jobs)
                value += np.einsum("iam,a->im", K.reshape(len(value), len(w), -1), w)
            _place(total, rows, columns, value, Y is None)
        return total

    def matvec(self, base: BaseSpec, X: Array, Y: Array, V: Array, n_jobs: int | None) -> Array:
        """K(X, Y) V."""
        form, left, right, V = (
            self._form(base),
            _double(X),
            _double(Y),
            _double(V),
        )
        total = np.zeros((len(X), V.shape[1]))
        for at in range(0, len(Y), _BLOCK):
            part = slice(at, at + _BLOCK)
            for Z, w in self._turned(right[part], V.shape[1]):
                shares = (w[:, None, None] * V[part]).reshape(len(Z), V.shape[1])
                total += forms.matvec(form.table, form.rates, left, Z, shares, n_jobs)
        return total.astype(X.dtype, copy=False)

    def gradient(self, base: BaseSpec, X: Array, n_jobs: int | None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives."""
        _require_one_scale(base)
        form, samples, n = self._form(base), _double(X), len(X)
        total = np.empty((n, n), dtype=X.dtype)
        slopes = np.empty((n, n, form.n_derivatives), dtype=X.dtype)
        for rows, columns in _blocks(n, n, True):
            value = np.zeros((rows.stop - rows.start, columns.stop - columns.start))
            slope = np.zeros((*value.shape, form.n_derivatives))
            for Z, w in self._turned(samples[columns], len(value) * (1 + form.n_derivatives)):
                K, dK = _gradient_between(form, samples[rows], Z, n_jobs)
                shape = (len(value), len(w), value.shape[1])
                value += np.einsum("iam,a->im", K.reshape(shape), w)
                slope += np.einsum("iamp,a->imp", dK.reshape(*shape, form.n_derivatives), w)
            _place(total, rows, columns, value, True)
            _place(slopes, rows, columns, slope, True)
        return total, slopes

    def diagonal(
        self, base: BaseSpec, X: Array, gradient: bool, n_jobs: int | None
    ) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, from one pair per sample and node."""
        if gradient:
            _require_one_scale(base)
        form, samples = self._form(base), _double(X)
        values = np.zeros(len(X))
        slopes = np.zeros((len(X), form.n_derivatives if gradient else 0))
        for i in range(len(X)):
            x = samples[i : i + 1]
            for Z, w in self._turned(x, 1 + form.n_derivatives):
                if gradient:
                    K, dK = _gradient_between(form, x, Z, n_jobs)
                    slopes[i] += w @ dK[0]
                else:
                    K = forms.gram(form.table, form.rates, x, Z, n_jobs)
                values[i] += K[0] @ w
        return values.astype(X.dtype, copy=False), slopes.astype(X.dtype, copy=False)

    def gradient_x(self, base: BaseSpec, X: Array, Y: Array, V: Array, n_jobs: int | None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X."""
        form, left, right, V = (
            self._form(base),
            _double(X),
            _double(Y),
            _double(V),
        )
        total = np.zeros((len(X), V.shape[1], X.shape[1]))
        for at in range(0, len(Y), _BLOCK):
            part = slice(at, at + _BLOCK)
            for Z, w in self._turned(right[part], V.shape[1]):
                shares = (w[:, None, None] * V[part]).reshape(len(Z), V.shape[1])
                total += forms.gradient_x(form.table, form.rates, left, Z, shares, n_jobs)
        return total.astype(X.dtype, copy=False)

    def diagonal_gradient_x(self, base: BaseSpec, X: Array, n_jobs: int | None) -> Array:
        """Gradients (n, d) of K(x_i, x_i): twice those on one side, for the nodes are symmetric."""
        parts = [
            self.gradient_x(base, X[i : i + 1], X[i : i + 1], np.full((1, 1), 2.0), n_jobs)[:, 0]
            for i in range(len(X))
        ]
        return np.concatenate([np.empty((0, X.shape[1]), dtype=X.dtype), *parts])

    def _turned(self, Y: Array, numbers: int) -> Iterator[tuple[Array, Array]]:
        """Some nodes at a time: all samples turned by each of them in turn, and the weights.

        So many nodes that the samples, and as many numbers per turned sample, stay in bounds.
        """
        m, d = Y.shape
        p, r = self.places.shape
        vectors = Y[:, self.places].reshape(m * p, r)
        back = np.argsort(self.places, axis=None)  # from vector after vector to features
        step = max(1, _ENTRIES // max(1, m * max(d, numbers)))
        for at in range(0, len(self.weights), step):
            matrices = self.matrices[at : at + step].transpose(2, 0, 1).reshape(r, -1)
            turned = (vectors @ matrices).reshape(m, p, -1, r).transpose(2, 0, 1, 3).reshape(-1, d)
            yield np.take(turned, back, axis=1), self.weights[at : at + step]


def _gradient_between(
    form: Permanents, X: Array, Y: Array, n_jobs: int | None
) -> tuple[Array, Array]:
    return forms.gram_gradient(form.table, form.rates, X, Y=Y, n_jobs=n_jobs)


def _double(X: Array) -> Array:
    return np.ascontiguousarray(X, dtype=np.float64)


def _blocks(n: int, m: int, symmetric: bool) -> Iterator[tuple[slice, slice]]:
    """Blocks of rows and columns; of a symmetric matrix those on and above the diagonal."""
    for row in range(0, n, _BLOCK):
        for column in range(row if symmetric else 0, m, _BLOCK):
            yield slice(row, min(row + _BLOCK, n)), slice(column, min(column + _BLOCK, m))


def _place(total: Array, rows: slice, columns: slice, value: Array, symmetric: bool) -> None:
    """Write a block, and in a symmetric matrix its mirror image."""
    if symmetric and rows == columns:
        value = (value + value.swapaxes(0, 1)) / 2.0
    total[rows, columns] = value
    if symmetric:
        total[columns, rows] = value.swapaxes(0, 1)


def _require_one_scale(base: BaseSpec) -> None:
    if base.scale is not None:
        raise ValueError(
            "a quadrature of permanents has no derivatives for a length scale per feature; give "
            "one length_scale, or fix it with length_scale_bounds='fixed'"
        )
