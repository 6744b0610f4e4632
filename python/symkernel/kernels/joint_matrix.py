"""Multiply the joint matrix of values and derivatives with columns, without storing it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.packed import diagonal
from symkernel.kernels.joint import JointKernel, Observations

Array = NDArray[Any]


class JointMatrix:
    """Covariances of all observations, by sums over pairs of samples.

    Parameters
    ----------
    joint : JointKernel
    observed : Observations
        N in all, of n samples.
    n_jobs : int, optional
        Threads.

    Notes
    -----
    A column of a product takes 4 |G| d multiply-adds for each of n^2 pairs of samples, where its
    N^2 entries would take about m^2 as many for m directions a sample; nothing of the size of the
    matrix is formed. A column of the matrix itself takes n pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import InvariantKernel, groups
    >>> from symkernel.kernels.joint import JointKernel
    >>> from symkernel.kernels.joint_matrix import JointMatrix
    >>> joint = JointKernel(InvariantKernel(RBF(2.0), groups.Trivial(1)))
    >>> K = JointMatrix(joint, joint.observe(np.zeros((1, 1))))  # f(0) and f'(0)
    >>> K.matvec(np.eye(2))
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    """

    def __init__(
        self, joint: JointKernel, observed: Observations, n_jobs: int | None = None
    ) -> None:
        self._joint, self._observed, self._n_jobs = joint, observed, n_jobs

    def __len__(self) -> int:
        return len(self._observed)

    def matvec(self, V: Array) -> Array:
        """Return the product (N, k) with columns V (N, k)."""
        found = np.empty(V.shape)
        for j, column in enumerate(V.T):
            found[:, j] = self._joint.apply(
                self._observed, self._observed, np.ascontiguousarray(column), self._n_jobs
            )
        return found

    def diag(self) -> Array:
        """Return the diagonal, (N,): the covariances of every sample with itself."""
        found = np.empty(len(self))
        for rows in self._rows_of_samples():
            some = self._some(rows[:1])
            own = self._joint.gram_packed(some, self._n_jobs)
            found[rows] = np.concatenate(diagonal(own, len(rows)))
        return found

    def columns(self, indices: NDArray[np.intp]) -> Array:
        """Return the columns of these numbers, (N, b), in Fortran order."""
        found = np.empty((len(self), len(indices)), order="F")
        for j, index in enumerate(indices):
            rows = np.array([index])
            one = self._some(rows)
            found[:, j] = self._joint.apply(
                self._observed, one, self._unit(one, rows), self._n_jobs
            )
        return found

    def block(self, indices: NDArray[np.intp]) -> Array:
        """Return the entries in rows and columns of these numbers, (b, b)."""
        wanted, inverse = np.unique(indices, return_inverse=True)
        some = self._some(wanted)
        place = self._place(some, wanted)
        found = np.empty((len(wanted), len(wanted)))
        for j, index in enumerate(wanted):
            rows = np.array([index])
            one = self._some(rows)
            column = self._joint.apply(some, one, self._unit(one, rows), self._n_jobs)
            found[:, j] = column[place]
        return found[np.ix_(inverse, inverse)]

    @property
    def columns_of(self) -> JointMatrix:
        """The matrix, which tells its own columns."""
        return self

    # ---- parts ----------------------------------------------------------------------------------

    def _samples(self, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        """Samples of observations, and which of their directions; -1 for the value."""
        observed = self._observed
        count, m = len(observed.valued), observed.directions.shape[1]
        slope = np.maximum(rows - count, 0)
        of_value = rows < count
        valued = observed.valued[np.minimum(rows, max(0, count - 1))] if count else rows
        sloped = observed.sloped[slope // m] if len(observed.sloped) else rows
        return np.where(of_value, valued, sloped), np.where(of_value, -1, slope % m)

    def _some(self, rows: NDArray[np.intp]) -> Observations:
        """All observations at the samples that these are of."""
        samples = np.unique(self._samples(rows)[0])
        observed = self._observed
        valued = np.flatnonzero(np.isin(samples, observed.valued))
        at = np.searchsorted(observed.sloped, samples)
        known = at < len(observed.sloped)
        known[known] = observed.sloped[at[known]] == samples[known]
        sloped = np.flatnonzero(known)
        return Observations(
            np.ascontiguousarray(observed.X[samples]),
            observed.directions[at[sloped]],
            valued,
            sloped,
        )

    def _place(self, some: Observations, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Where observations stand among all at their samples."""
        samples, direction = self._samples(rows)
        own = np.searchsorted(np.unique(samples), samples)
        count, m = len(some.valued), some.directions.shape[1]
        of_value = np.searchsorted(some.valued, own)
        of_slope = count + m * np.searchsorted(some.sloped, own) + direction
        return np.where(direction < 0, of_value, of_slope)

    def _unit(self, some: Observations, rows: NDArray[np.intp]) -> Array:
        unit = np.zeros(len(some))
        unit[self._place(some, rows)] = 1.0
        return unit

    def _rows_of_samples(self) -> list[NDArray[np.intp]]:
        """Observations of every sample, values first."""
        samples = self._samples(np.arange(len(self)))[0]
        order = np.argsort(samples, kind="stable")
        ends = np.flatnonzero(np.diff(samples[order])) + 1
        bounds = [0, *ends.tolist(), len(order)]
        return [order[a:b] for a, b in pairwise(bounds) if b > a]
