"""Compute joint covariances of functions invariant under rotations of clouds, in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.forms import FormTable
from symkernel.backends.joint_rotations import RotationAverage
from symkernel.backends.packed import write_rows
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.kernels.joint_flips import FlipPairs
from symkernel.kernels.joint_mixture import joint_mixture
from symkernel.kernels.joint_observations import Observations
from symkernel.kernels.joint_rows import RowByRow
from symkernel.plans.base import BaseSpec
from symkernel.plans.recognise import recognise

Array = NDArray[Any]

# Samples whose rows of a joint matrix are computed together, and numbers of them held at once.
_TOGETHER = 16
_HELD = 2**22


class FormPairs(RowByRow):
    r"""Pairs of clouds under SO(2), O(2), SO(3) or O(3), with permutations of their points or not.

    Parameters
    ----------
    table : FormTable
        Points, and the permutations of them.
    weights, rates : ndarray of shape (r,)
        Of the base kernel as a sum of Gaussians of squared distances.

    Notes
    -----
    For one Gaussian K is ``exp(-t (|X|^2 + |Y|^2)) c(2t M)``, c the normalising constant of the
    matrix Fisher distribution and M = X^T Y, with derivatives

    .. math::
        \partial_a \partial_b K = \operatorname{E}_g\, k\,
            (4t^2\, a \cdot (x - g y)\; b \cdot (y - g^{-1} x) + 2t\, a \cdot g b).

    The expectation needs moments of g to the second, which in the singular frames of M are fourth
    moments of Bingham's distribution: sums over the poles from which c itself is computed (A. T. A.
    Wood, Austral. J. Statist. 35, 1993; cpp/include/symkernel/forms/joint_rotations.hpp). All are
    sums of positive terms, and samples are subtracted only where they are aligned, so that nothing
    cancels and nothing overflows. A pair costs, per permutation, one 3 x 3 singular value
    decomposition, about 800 multiply-adds per Gaussian, and about 4 d^2 for a block. The relative
    error is that of the moments, 2e-12, and for what is no Gaussian itself that of the sum
    (`joint_mixture`).
    """

    def __init__(self, table: FormTable, weights: Array, rates: Array) -> None:
        ((points, dimension),) = table.blocks
        if table.form not in _ROTATIONS or dimension not in (2, 3):
            raise NotApplicableError(f"the closed form {table.form!r} has no derivatives here")
        rows = np.ascontiguousarray(table.rows, np.int32).reshape(-1, points)
        # of one vector, rotations alone reach as far as all orthogonal maps
        reflections = table.form.startswith("orthogonal")
        self._average = RotationAverage(rows, dimension, reflections, rates, weights)
        self._layout = np.asarray(table.layout, np.intp)

    def values(self, x: Array, Y: Array, n_jobs: int | None = None) -> Array:
        """See ``RowByRow.values``."""
        found = self._average.blocks(self._ordered(x[None]), self._ordered(Y), False, n_jobs)[0]
        row: Array = found[0]
        return row

    def slopes(self, x: Array, A: Array, Y: Array, n_jobs: int | None = None) -> Array:
        """See ``RowByRow.slopes``."""
        found = self._average.blocks(self._ordered(x[None]), self._ordered(Y), True, n_jobs)[1]
        along: Array = self._ordered(A) @ found[0].T
        return along

    def mixed(self, x: Array, A: Array, Y: Array, B: Array, n_jobs: int | None = None) -> Array:
        """See ``RowByRow.mixed``."""
        A, B, x = self._ordered(A), self._ordered(B), self._ordered(x[None])
        found: Array = self._average.mixed(x, A[None], self._ordered(Y), B, n_jobs)[0]
        return found

    def fields(self, Y: Array, a: Array, b: Array) -> Any:
        """See ``Pairs.fields``."""
        return self._ordered(Y), a, self._ordered(b)

    def apply(
        self, X: Array, fields: Any, gradient: bool, n_jobs: int | None
    ) -> tuple[Array, Array | None]:
        """See ``Pairs.apply``."""
        Y, a, b = fields
        values, slopes = self._average.field(self._ordered(X), Y, a, b, gradient, n_jobs)
        if slopes is not None:
            ordered, slopes = slopes, np.empty_like(slopes)
            slopes[:, self._layout] = ordered
        return values, slopes

    def fill(self, packed: Array, observed: Observations, n_jobs: int | None) -> None:
        """See ``Pairs.fill``."""
        X = self._ordered(observed.X)
        values, points = X[observed.valued], X[observed.sloped]
        total, count, m = len(observed), len(values), observed.directions.shape[1]
        directions = self._ordered(observed.directions)
        # some rows at a time: what belongs to the others is brought into place once for all of them
        step = max(1, min(_TOGETHER, _HELD // (max(1, m) * max(1, total))))
        for start in range(0, count, step):
            end = min(start + step, count)
            K = self._average.blocks(values[start:end], values[:end], False, n_jobs)[0]
            write_rows(packed, total, start, K)
        for start in range(0, len(points), step):
            end = min(start + step, len(points))
            x, A = points[start:end], directions[start:end]
            rows = np.empty((end - start, m, total))
            slopes = self._average.blocks(x, values, True, n_jobs)[1]
            rows[:, :, :count] = A @ slopes.transpose(0, 2, 1)
            mixed = self._average.mixed(x, A, points[:end], directions[:end], n_jobs)
            rows[:, :, count : count + m * end] = mixed.reshape(end - start, m, m * end)
            write_rows(packed, total, count + m * start, rows.reshape(-1, total))

    def cross(self, X: Array, observed: Observations, n_jobs: int | None) -> Array:
        """See ``Pairs.cross``."""
        X, samples = self._ordered(X), self._ordered(observed.X)
        values, points = samples[observed.valued], samples[observed.sloped]
        count, m = len(values), observed.directions.shape[1]
        K = np.empty((len(X), len(observed)))
        K[:, :count] = self._average.blocks(X, values, False, n_jobs)[0]
        step = max(1, _HELD // max(1, X.size))
        for start in range(0, len(points), step):
            at = slice(start, min(start + step, len(points)))
            slopes = self._average.blocks(points[at], X, True, n_jobs)[1]
            along = self._ordered(observed.directions[at]) @ slopes.transpose(0, 2, 1)
            K[:, count + m * start : count + m * at.stop] = along.reshape(-1, len(X)).T
        return K

    def _ordered(self, rows: Array) -> Array:
        """Features of rows (..., d) in the order of the points."""
        ordered: Array = rows[..., self._layout]
        return ordered


_ROTATIONS = ("rotations_2", "orthogonal_2", "rotations_3", "orthogonal_3", "sphere")


def form_pairs(group: Group, spec: BaseSpec) -> tuple[RowByRow, int]:
    """Closed form of the pairs of a group, and of how many Gaussians the kernel is made.

    Raises
    ------
    NotApplicableError
        If the group has none with derivatives here, or the kernel is no sum of Gaussians.
    """
    table = recognise(group.structure)
    weights, rates = joint_mixture(spec)
    if table.form == "sign_flips" or (
        table.form == "signed_permanents" and all(points == 1 for points, _ in table.blocks)
    ):
        return FlipPairs(table, weights, rates), len(rates)
    if table.form not in _ROTATIONS or table.blocks[0][1] > 3:
        raise NotApplicableError(f"the closed form of {group!r} has no derivatives here")
    return FormPairs(table, weights, rates), len(rates)
