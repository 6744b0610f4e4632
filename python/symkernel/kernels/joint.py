"""Compute joint covariances of values and directional derivatives of an invariant function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import ActionTable
from symkernel.backends.memory import require_memory
from symkernel.backends.packed import packed_shape, write_rows
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.kernels.invariant import InvariantKernel
from symkernel.kernels.methods import name_and_options
from symkernel.kernels.radial import length_of, radial_of
from symkernel.kernels.translate import spec_of

Array = NDArray[Any]

# Elements that are summed over, one by one.
_MAX_ORDER = 20_000
# Numbers held at once beside the result: what a core's cache holds, and moved directions.
_IN_CACHE = 2**17
_IN_MEMORY = 2**20
# Products of four such numbers, summed over features, stay finite.
_LARGEST = 1e75
# Methods that compute the average itself.
_EXACT = ("auto", "sum", "fourier", "closed_form")
_DISTANCES = (
    "functions of the distances of a molecule, whatever its place and orientation, are those of "
    "descriptor=InversePairDistances(n_atoms) with group=molecule(z, R).on_pairs()"
)


@dataclass(frozen=True)
class Observations:
    """What is known of a function: values at some samples, derivatives at some.

    The rows of a joint matrix are the values, in the order of their samples, and then for one
    sample after the other its derivatives along each of its m directions.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples, in units of the length scale.
    directions : ndarray of shape (k, m, d)
        Of the samples with derivatives, in the same units.
    valued : ndarray of int of shape (v,)
        Samples with values, ascending.
    sloped : ndarray of int of shape (k,)
        Samples with derivatives, ascending.
    """

    X: Array
    directions: Array
    valued: NDArray[np.intp]
    sloped: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.valued) + len(self.sloped) * int(self.directions.shape[1])


class JointKernel:
    r"""Covariances of f and its gradient, for f of a Gaussian process with an invariant kernel.

    Parameters
    ----------
    kernel : InvariantKernel
        With a base kernel that has second derivatives, and a finite group of at most 20,000
        elements, beside translations or not.

    Raises
    ------
    NotApplicableError
        If the kernel or the group is another; the message says what is needed.
    GroupTooLargeError
        If the group has more elements.

    Notes
    -----
    With phi of s = |x - g y|^2, phi' and phi'' its derivatives, d = g x - y, and h = -2 phi',

    .. math::
        \partial_a \partial_b K(x, y) = \operatorname{mean}_g\;
            h\, (g a) \cdot b - 4 \phi''\, (g a \cdot d)(d \cdot b)

    for a direction a at x and b at y. Of m directions at each of two samples the first term is one
    product of m x d matrices for all elements together, ``sum_g h_g g A`` with ``B^T``. A pair of
    samples costs 3 |G| m d + m^2 d multiply-adds. All is computed in float64. Source: E. Solak et
    al., Derivative observations in Gaussian process models of dynamic systems, NIPS 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import InvariantKernel, groups
    >>> from symkernel.backends.packed import unpack
    >>> from symkernel.kernels.joint import JointKernel
    >>> joint = JointKernel(InvariantKernel(RBF(2.0), groups.Trivial(1)))
    >>> unpack(joint.gram_packed(joint.observe(np.zeros((1, 1)))), 2)  # of f(0) and f'(0)
    array([[1.  , 0.  ],
           [0.  , 0.25]])
    """

    def __init__(self, kernel: InvariantKernel) -> None:
        method = name_and_options(kernel.method)[0]
        if method not in _EXACT:
            raise NotApplicableError(
                f"method={method!r} is no sum over the group that could be differentiated twice; "
                'gradient observations need method="auto" or "sum"'
            )
        if kernel.normalize:
            raise NotApplicableError("gradient observations need a kernel with normalize=False")
        if kernel.device == "cuda":
            raise NotApplicableError(
                'gradient observations are computed on the host: give the kernel device="auto"'
            )
        group = kernel._bound_group(None)
        spec = spec_of(kernel.base, group)
        self._radial = radial_of(spec, kernel.base)
        if spec.name == "matern" or method != "auto":
            kernel.plan()  # says why there is none
        self._length = length_of(spec)
        self._structure = group.structure
        self._table = _table_of(group)
        self._degree = group.degree

    def observe(
        self,
        X: Array,
        directions: Array | None = None,
        valued: NDArray[np.bool_] | None = None,
        sloped: NDArray[np.bool_] | None = None,
    ) -> Observations:
        """Bring samples and directions into the units of the kernel.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Samples.
        directions : ndarray of shape (k, m, d), optional
            Along which derivatives are known, at each of the samples with such; None for the axes.
        valued, sloped : ndarray of bool of shape (n,), optional
            Where values, and where derivatives are known; everywhere by default.
        """
        everywhere = np.ones(len(X), bool)
        at = np.flatnonzero(everywhere if sloped is None else sloped)
        if directions is None:
            axes = self._in_units(np.eye(self._degree))
            directions = np.broadcast_to(axes, (len(at), *axes.shape))
        else:
            flat = directions.reshape(-1, self._degree)
            directions = self._in_units(flat).reshape(directions.shape)
        known = np.flatnonzero(everywhere if valued is None else valued)
        return Observations(self._in_units(X), directions, known, at)

    # ---- the matrix -----------------------------------------------------------------------------

    def gram_packed(self, observed: Observations) -> Array:
        """Covariances of all observations in LAPACK's rectangular full packed format.

        Parameters
        ----------
        observed : Observations
            N in all.

        Returns
        -------
        ndarray of shape (N (N + 1) / 2,)
            The lower triangle; see ``InvariantKernel.gram_packed``.

        Raises
        ------
        MemoryError
            If it does not fit; raised before it is allocated.
        """
        total, count = len(observed), len(observed.valued)
        m = observed.directions.shape[1]
        require_memory(
            packed_shape(total),
            8,
            f"the joint matrix of {total} values and derivatives, in packed form",
            "Use fewer samples, or gradients of fewer of them.",
        )
        packed = np.empty(total * (total + 1) // 2)
        values = observed.X[observed.valued]
        points = observed.X[observed.sloped]
        for i, x in enumerate(values):
            write_rows(packed, total, i, self._values(x, values[: i + 1])[None])
        rows = np.empty((m, total))
        for i, (x, A) in enumerate(zip(points, observed.directions, strict=True)):
            self._slopes(x, A, values, rows[:, :count])
            mixed = rows[:, count : count + m * (i + 1)].reshape(m, i + 1, m)
            self._mixed(x, A, points[: i + 1], observed.directions[: i + 1], mixed)
            write_rows(packed, total, count + m * i, rows)
        return packed

    def cross(self, X: Array, observed: Observations) -> Array:
        """Covariances (n, N) of the values at n samples with all observations."""
        values, points = observed.X[observed.valued], observed.X[observed.sloped]
        K = np.empty((len(X), len(observed)))
        for row, x in zip(K, self._in_units(X), strict=True):
            row[: len(values)] = self._values(x, values)
            fields = np.zeros_like(points)
            for table, at in self._tiles(len(points), self._degree):
                d, s = _differences(table.moved(x[None]), points[at])
                fields[at] -= 2.0 * np.einsum("gk,gkd->kd", self._radial(s)[1], d)
            slopes = observed.directions @ fields[:, :, None]
            row[len(values) :] = slopes.ravel() / len(self._table)
        return K

    def _values(self, x: Array, Y: Array) -> Array:
        found = np.zeros(len(Y))
        for table, at in self._tiles(len(Y), self._degree):
            found[at] += self._radial(_differences(table.moved(x[None]), Y[at])[1])[0].sum(axis=0)
        return found / len(self._table)

    def _slopes(self, x: Array, A: Array, Y: Array, out: Array) -> None:
        """Write the covariances (m, k) of derivatives along A at x with the values at Y."""
        out[:] = 0.0
        for table, at in self._tiles(len(Y), A.size):
            d, s = _differences(table.moved(x[None]), Y[at])
            along = d @ table.moved(A).transpose(0, 2, 1)
            out[:, at] += np.einsum("gk,gkm->mk", 2.0 * self._radial(s)[1], along)
        out /= len(self._table)

    def _mixed(self, x: Array, A: Array, Y: Array, B: Array, out: Array) -> None:
        """Write the covariances (m, k, m) of derivatives along A at x with those along B at Y."""
        out[:] = 0.0
        for table, at in self._tiles(len(Y), A.size):
            moved = table.moved(A)
            d, s = _differences(table.moved(x[None]), Y[at])
            _, first, second = self._radial(s)
            straight = (first.T @ moved.reshape(len(table), -1)).reshape(-1, *A.shape)
            along = (d @ moved.transpose(0, 2, 1)) * second[:, :, None]
            across = d.transpose(1, 0, 2) @ B[at].transpose(0, 2, 1)  # (k, g, m)
            block = -2.0 * (straight @ B[at].transpose(0, 2, 1))
            block -= 4.0 * (along.transpose(1, 2, 0) @ across)
            out[:, at] += block.transpose(1, 0, 2)
        out /= len(self._table)

    # ---- the function ---------------------------------------------------------------------------

    def evaluate(
        self, X: Array, observed: Observations, coefficients: Array, gradient: bool = False
    ) -> tuple[Array, Array | None]:
        r"""Values of ``sum_j [a_j + b_j . grad_y] K(x, y_j)`` and their gradients.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Where.
        observed : Observations
            N in all, with the samples y.
        coefficients : ndarray of shape (N,)
            One of each observation, in the order of the joint matrix.
        gradient : bool, default=False
            Whether to return gradients.

        Returns
        -------
        values : ndarray of shape (n,)
        gradients : ndarray of shape (n, d) or None

        Notes
        -----
        Six to eight passes over |G| numbers d per pair of samples; memory O(N d) and a cache. The
        directions take part once a call, in ``b_j``.
        """
        a, b = self.fields(observed, coefficients)
        return self.evaluate_fields(X, observed.X, a, b, gradient)

    def fields(self, observed: Observations, coefficients: Array) -> tuple[Array, Array]:
        """Coefficients of each sample: a of its value (n,), and b of its gradient (n, d)."""
        count = len(observed.valued)
        a, b = np.zeros(len(observed.X)), np.zeros_like(observed.X)
        a[observed.valued] = coefficients[:count]
        k, m, _ = observed.directions.shape
        along = coefficients[count:].reshape(k, 1, m)
        b[observed.sloped] = (along @ observed.directions)[:, 0]
        return a, b

    def evaluate_fields(
        self, X: Array, Y: Array, a: Array, b: Array, gradient: bool
    ) -> tuple[Array, Array | None]:
        """As ``evaluate``, of samples Y in units of the length scale and `fields` at them."""
        order = len(self._table)
        values = np.zeros(len(X))
        slopes = np.zeros((len(X), self._degree)) if gradient else None
        units = self._in_units(X)
        for i, x in enumerate(units):
            for table, at in self._tiles(len(Y), self._degree):
                d, s = _differences(table.moved(x[None]), Y[at])
                phi, first, second = self._radial(s)
                inward = np.einsum("gkd,kd->gk", d, b[at])
                values[i] += (phi @ a[at]).sum() - 2.0 * np.vdot(first, inward)
                if slopes is not None:
                    weights = 2.0 * a[at] * first - 4.0 * second * inward
                    turned = (weights[:, None] @ d)[:, 0] - 2.0 * (first @ b[at])
                    slopes[i] += table.moved_back(turned[:, None])[0]
        if slopes is not None:
            slopes = self._structure.centred(slopes / self._length) / order
        return values / order, slopes

    # ---- parts ----------------------------------------------------------------------------------

    def _in_units(self, rows: Array) -> Array:
        """Rows (n, d), samples or directions, without their translations, over the length scale."""
        units = np.ascontiguousarray(self._structure.centred(rows) / self._length)
        largest = float(np.abs(units).max(initial=0.0))
        if not largest < _LARGEST:
            raise ValueError(
                f"samples, or derivatives of features, reach {largest:.3g} length scales, whose "
                "squares overflow; scale the data, or take a larger length_scale"
            )
        return units

    def _tiles(self, n: int, width: int) -> Iterator[tuple[ActionTable, slice]]:
        """Yield some elements and some of n samples, so that what is held at once is bounded.

        `width` is how many numbers an element moves.
        """
        held = _IN_CACHE if width == self._degree else _IN_MEMORY
        elements = max(1, min(len(self._table), held // (4 * max(1, width))))
        rows = max(1, held // (elements * self._degree + width))
        for start in range(0, len(self._table), elements):
            table = self._table.part(start, start + elements)
            for first in range(0, n, rows):
                yield table, slice(first, min(first + rows, n))


def _table_of(group: Group) -> ActionTable:
    structure = group.structure
    rest = structure.rest if structure.translates else group
    if not rest.is_finite:
        raise NotApplicableError(
            "gradient observations need a finite group, beside translations or not; "
            f"{group!r} turns samples continuously: {_DISTANCES}"
        )
    advice = "gradient observations sum over all of them; use a smaller group"
    return rest.table(_MAX_ORDER, advice)


def _differences(moved: Array, Y: Array) -> tuple[Array, Array]:
    """Return g x - y (g, k, d) of a moved sample (g, 1, d), and the squares (g, k) of its length.

    Differences, not products: near samples keep their digits.
    """
    d = moved - Y
    return d, np.einsum("gkd,gkd->gk", d, d)
