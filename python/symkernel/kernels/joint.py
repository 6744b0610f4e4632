"""Compute joint covariances of values and directional derivatives of an invariant function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.memory import require_memory
from symkernel.backends.packed import packed_shape
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.kernels.invariant import InvariantKernel
from symkernel.kernels.joint_directions import seen_directions
from symkernel.kernels.joint_forms import form_pairs
from symkernel.kernels.joint_observations import Observations
from symkernel.kernels.joint_rows import Pairs
from symkernel.kernels.joint_sum import OrbitPairs
from symkernel.kernels.methods import name_and_options
from symkernel.kernels.radial import length_of, radial_of
from symkernel.kernels.translate import spec_of
from symkernel.plans.base import BaseSpec

__all__ = ["JointKernel", "Observations"]

Array = NDArray[Any]

# Products of four such numbers, summed over features, stay finite.
_LARGEST = 1e75
# Elements that are summed over in the time of one Gaussian of a closed form.
_ELEMENTS_PER_TERM = 4
# Methods that compute the average itself.
_EXACT = ("auto", "sum", "fourier", "closed_form")


class JointKernel:
    r"""Covariances of f and its gradient, for f of a Gaussian process with an invariant kernel.

    Parameters
    ----------
    kernel : InvariantKernel
        With a base kernel that has second derivatives, and a group that has a closed form with
        derivatives (SignFlips, and SO(2), O(2), SO(3) or O(3) on clouds, with permutations of their
        points or not), or is finite with at most 20,000 elements; beside translations or not.

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
    samples costs 3 |G| m d + m^2 d multiply-adds. Closed forms do that for the whole group at once
    (`FormPairs`, `FlipPairs`). All is computed in float64. Source: E. Solak et al., Derivative
    observations in Gaussian process models of dynamic systems, NIPS 2002.

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
        self._pairs = _pairs_of(kernel, group, spec)
        if spec.name == "matern" or method != "auto":
            kernel.plan()  # says why there is none
        self._length = length_of(spec)
        self._structure = group.structure
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

    def seen_directions(self, X: Array) -> Array | None:
        """Directions (n, m, d) along which an invariant function can change at X, None for all."""
        return seen_directions(self._structure, X)

    # ---- the matrix -----------------------------------------------------------------------------

    def gram_packed(self, observed: Observations, n_jobs: int | None = None) -> Array:
        """Covariances of all observations in LAPACK's rectangular full packed format.

        Parameters
        ----------
        observed : Observations
            N in all.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        ndarray of shape (N (N + 1) / 2,)
            The lower triangle; see ``InvariantKernel.gram_packed``.

        Raises
        ------
        MemoryError
            If it does not fit; raised before it is allocated.
        """
        total = len(observed)
        require_memory(
            packed_shape(total),
            8,
            f"the joint matrix of {total} values and derivatives, in packed form",
            "solver='pcg' fits without storing it; or give rows of NaN for some gradients.",
        )
        packed = np.empty(total * (total + 1) // 2)
        self._pairs.fill(packed, observed, n_jobs)
        return packed

    def cross(self, X: Array, observed: Observations, n_jobs: int | None = None) -> Array:
        """Covariances (n, N) of the values at n samples with all observations."""
        return self._pairs.cross(self._in_units(X), observed, n_jobs)

    def apply(
        self, at: Observations, observed: Observations, coefficients: Array, n_jobs: int | None
    ) -> Array:
        """Product (M,) of the covariances of M observations with N others and coefficients (N,)."""
        fields = self._pairs.fields(observed.X, *_fields(observed, coefficients))
        values, slopes = self._pairs.apply(at.X, fields, len(at.sloped) > 0, n_jobs)
        if slopes is None:
            return np.asarray(values[at.valued])
        along = np.einsum("kmd,kd->km", at.directions, slopes[at.sloped])
        return np.concatenate([values[at.valued], along.ravel()])

    def along(
        self, X: Array, directions: Array, observed: Observations, n_jobs: int | None = None
    ) -> tuple[Array, Array]:
        """Variances of derivatives along directions, and covariances with all observations.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Samples.
        directions : ndarray of shape (n, m, d)
            At each of them.
        observed : Observations
            N in all.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        variances : ndarray of shape (n, m)
        covariances : ndarray of shape (n, m, N)
        """
        points = self._in_units(X)
        A = self._in_units(directions.reshape(-1, self._degree)).reshape(directions.shape)
        return self._pairs.variances(points, A), self._pairs.along(points, A, observed, n_jobs)

    # ---- the function ---------------------------------------------------------------------------

    def evaluate(
        self,
        X: Array,
        observed: Observations,
        coefficients: Array,
        gradient: bool = False,
        n_jobs: int | None = None,
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
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        values : ndarray of shape (n,)
        gradients : ndarray of shape (n, d) or None

        Notes
        -----
        A pair of samples costs 4 |G| d multiply-adds, half of them without gradients; memory
        O(N d). The directions take part once, in ``b_j``.
        """
        return self.evaluate_fields(X, self.prepare(observed, coefficients), gradient, n_jobs)

    def prepare(self, observed: Observations, coefficients: Array) -> Any:
        """Prepare the sum of `evaluate` for many calls of `evaluate_fields`."""
        return self._pairs.fields(observed.X, *_fields(observed, coefficients))

    def evaluate_fields(
        self, X: Array, fields: Any, gradient: bool, n_jobs: int | None = None
    ) -> tuple[Array, Array | None]:
        """As ``evaluate``, of what `prepare` returned."""
        values, slopes = self._pairs.apply(self._in_units(X), fields, gradient, n_jobs)
        if slopes is not None:
            slopes = self._structure.centred(slopes / self._length)
        return values, slopes

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


def _pairs_of(kernel: InvariantKernel, group: Group, spec: BaseSpec) -> Pairs:
    """Choose how pairs of samples are computed: by a closed form, or by a sum that is shorter."""
    radial = radial_of(spec, kernel.base)
    if name_and_options(kernel.method)[0] != "sum":
        try:
            pairs, terms = form_pairs(group, spec)
        except NotApplicableError:
            return OrbitPairs(group, radial)
        structure = group.structure
        rest = structure.rest if structure.translates else group
        if not rest.is_finite or rest.order > _ELEMENTS_PER_TERM * terms:
            return pairs
    return OrbitPairs(group, radial)


def _fields(observed: Observations, coefficients: Array) -> tuple[Array, Array]:
    """Coefficients of each sample: a of its value (n,), and b of its gradient (n, d)."""
    count = len(observed.valued)
    a, b = np.zeros(len(observed.X)), np.zeros_like(observed.X)
    a[observed.valued] = coefficients[:count]
    k, m, _ = observed.directions.shape
    along = coefficients[count:].reshape(k, 1, m)
    b[observed.sloped] = (along @ observed.directions)[:, 0]
    return a, b
