r"""Covariances of values and derivatives of sums of stationary kernels over given images, natively.

For phi of s, metrics W (C, p) and amplitudes (C,),

.. math::
    K(x, y) = \sum_g \sum_c \mathrm{amplitude}_c\, \phi(s_{gc}),
    \qquad s_{gc} = \sum_q W_{cq} (g x - y)_q^2

is a sum over the images g x that are given, of shape (n, order, p): for a mean the amplitudes are
divided by the order. All is computed in float64, and doesn't depend on the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.native import _cpu
from symkernel.backends.threads import resolve_jobs

__all__ = [
    "RADIAL_KERNELS",
    "Components",
    "Dense",
    "Fields",
    "Packed",
    "contract",
    "cross_slopes",
    "mixed",
    "slopes",
    "values",
]

Array: TypeAlias = NDArray[np.float64]

# In the order of cpp/include/symkernel/radial_kernel.hpp.
RADIAL_KERNELS = ("rbf", "matern32", "matern52", "matern72", "rational_quadratic")


@dataclass(frozen=True, eq=False)
class Components:
    """A sum of stationary kernels: of each phi, a metric and an amplitude.

    Parameters
    ----------
    kernel : str
        One of `RADIAL_KERNELS`, with a length scale of 1: phi(s) is exp(-s / 2) for "rbf".
    metrics : ndarray of shape (C, p)
        W, not negative.
    amplitudes : ndarray of shape (C,)
        Factors.
    parameter : float, default=1.0
        alpha of "rational_quadratic".
    """

    kernel: str
    metrics: Array
    amplitudes: Array
    parameter: float = 1.0

    def over(self, order: int) -> Components:
        """Return the kernels of a mean over so many images."""
        return Components(self.kernel, self.metrics, self.amplitudes / order, self.parameter)

    @cached_property
    def native(self) -> tuple[int, float, Array, Array]:
        """The arguments of native functions."""
        if self.kernel not in RADIAL_KERNELS:
            raise ValueError(f"kernel must be one of {RADIAL_KERNELS}, got {self.kernel!r}")
        number = RADIAL_KERNELS.index(self.kernel)
        return number, float(self.parameter), _plain(self.metrics), _plain(self.amplitudes)


@dataclass(frozen=True, eq=False)
class Packed:
    """A place in a matrix in packed form, of which the lower triangle is written.

    Parameters
    ----------
    array : ndarray of shape (n (n + 1) / 2,)
        See `symkernel.backends.packed`.
    n : int
        Rows of the matrix.
    row, column : int, default=0
        Where a block begins.
    """

    array: Array
    n: int
    row: int = 0
    column: int = 0


@dataclass(frozen=True, eq=False)
class Dense:
    """A place in a matrix (rows, columns), C-ordered.

    Parameters
    ----------
    array : ndarray of shape (rows, columns)
        The matrix.
    row, column : int, default=0
        Where a block begins.
    """

    array: Array
    row: int = 0
    column: int = 0


Target: TypeAlias = Packed | Dense


class Fields:
    """The function ``sum_j [a_j + b_j . grad_y] K(x, y_j)``, packed for many calls.

    Parameters
    ----------
    components : Components
        The kernel.
    Y : ndarray of shape (m, p)
        Samples.
    a : ndarray of shape (m,)
        Coefficients of values.
    b : ndarray of shape (m, p)
        Coefficients of gradients.

    Notes
    -----
    A pair of a sample and an image costs 2 C p multiply-adds, C exponentials, and twice as many
    multiply-adds with a gradient. Memory 2 m p numbers; nothing of size n m is kept.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> f = Fields(Components("rbf", one, np.ones(1)), 0.0 * one, np.ones(1), one)
    >>> value, gradient = f.apply(np.ones((1, 1, 1)), gradient=True)
    >>> np.round(value / np.exp(-0.5), 12)  # (1 + x) exp(-x^2 / 2) at x = 1
    array([2.])
    >>> np.round(gradient / np.exp(-0.5), 12)
    array([[[-1.]]])
    """

    def __init__(self, components: Components, Y: Array, a: Array, b: Array) -> None:
        native = components.native
        self._native = _cpu.JointFields(*native, _plain(Y), _plain(a), _plain(b))

    def apply(
        self, images: Array, gradient: bool = False, n_jobs: int | None = None
    ) -> tuple[Array, Array | None]:
        """Compute values and gradients at samples.

        Parameters
        ----------
        images : ndarray of shape (n, order, p)
            Samples, moved by all elements.
        gradient : bool, default=False
            Whether to return gradients.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        values : ndarray of shape (n,)
        gradients : ndarray of shape (n, order, p) or None
            Of the terms of each image, with respect to it; moved back and added up they are the
            gradients in x.
        """
        found: tuple[Array, Array | None] = self._native.apply(
            _plain(images), gradient, resolve_jobs(n_jobs)
        )
        return found

    def contract(
        self, images: Array, a: Array, b: Array, n_jobs: int | None = None
    ) -> tuple[float, Array, Array]:
        """Contract the function with coefficients: see `contract`."""
        found: tuple[float, Array, Array] = self._native.contract(
            _plain(images), _plain(a), _plain(b), resolve_jobs(n_jobs)
        )
        return found


def contract(
    components: Components,
    images: Array,
    a: Array,
    b: Array,
    Y: Array,
    a2: Array,
    b2: Array,
    n_jobs: int | None = None,
) -> tuple[float, Array, Array]:
    r"""Differentiate a bilinear form in the metrics and amplitudes.

    .. math::
        F = \sum_{ij} [a_i + b_i \cdot \nabla_x] [a'_j + b'_j \cdot \nabla_y] K(x_i, y_j)

    Parameters
    ----------
    components : Components
        The kernel.
    images : ndarray of shape (n, order, p)
        Samples x, moved by all elements.
    a : ndarray of shape (n,)
        Coefficients of their values.
    b : ndarray of shape (n, order, p)
        Coefficients of their gradients, moved with them.
    Y : ndarray of shape (m, p)
        Samples y.
    a2, b2 : ndarray of shape (m,) and (m, p)
        Their coefficients.
    n_jobs : int, optional
        Threads: None for as many as OpenMP is set to, -1 for all.

    Returns
    -------
    F : float
    metrics : ndarray of shape (C, p)
        Derivatives of F in the metrics. Where a metric vanishes along all that tells x from y, and
        the derivative is infinite (Matern 3/2 and 5/2), that pair is left out.
    amplitudes : ndarray of shape (C,)
        Derivatives of F in the amplitudes.

    Notes
    -----
    A pair costs 8 C p multiply-adds and C exponentials for every image.
    """
    return Fields(components, Y, a2, b2).contract(images, a, b, n_jobs)


def values(
    components: Components,
    images: Array,
    Y: Array,
    target: Target,
    *,
    first: int | None = None,
    add: bool = False,
    n_jobs: int | None = None,
) -> None:
    """Write covariances (n, m) of the values at x and at y.

    Parameters
    ----------
    components : Components
        The kernel.
    images : ndarray of shape (n, order, p)
        Samples x, moved by all elements.
    Y : ndarray of shape (m, p)
        Samples y.
    target : Packed or Dense
        Where they go.
    first : int, optional
        Where x_i is y of first + i, of which those beyond are left out: a lower triangle.
    add : bool, default=False
        Whether they are added to what is there.
    n_jobs : int, optional
        Threads: None for as many as OpenMP is set to, -1 for all.
    """
    _write(components, images, None, Y, None, target, first, add, n_jobs)


def slopes(
    components: Components,
    images: Array,
    A: Array,
    Y: Array,
    target: Target,
    *,
    add: bool = False,
    n_jobs: int | None = None,
) -> None:
    """Write covariances (n r, m) of derivatives at x, along A (n, order, r, p), with values at y.

    The directions A are moved with their sample. Other parameters are those of `values`.
    """
    _write(components, images, A, Y, None, target, None, add, n_jobs)


def cross_slopes(
    components: Components,
    images: Array,
    Y: Array,
    B: Array,
    target: Target,
    *,
    add: bool = False,
    n_jobs: int | None = None,
) -> None:
    """Write covariances (n, m s) of the values at x with derivatives at y along B (m, s, p).

    Other parameters are those of `values`.
    """
    _write(components, images, None, Y, B, target, None, add, n_jobs)


def mixed(
    components: Components,
    images: Array,
    A: Array,
    Y: Array,
    B: Array,
    target: Target,
    *,
    first: int | None = None,
    add: bool = False,
    n_jobs: int | None = None,
) -> None:
    """Write covariances (n r, m s) of derivatives at x along A with those at y along B.

    A has shape (n, order, r, p), moved with its samples, and B (m, s, p). Other parameters are
    those of `values`.

    Notes
    -----
    A pair costs order p (r + C (r + s)) + r s (p + order C) multiply-adds.
    """
    _write(components, images, A, Y, B, target, first, add, n_jobs)


def _write(
    components: Components,
    images: Array,
    A: Array | None,
    Y: Array,
    B: Array | None,
    target: Target,
    first: int | None,
    add: bool,
    n_jobs: int | None,
) -> None:
    _cpu.joint_blocks(
        *components.native,
        _plain(images),
        None if A is None else _plain(A),
        _plain(Y),
        None if B is None else _plain(B),
        target.array,
        target.n if isinstance(target, Packed) else -1,
        target.row,
        target.column,
        add,
        -1 if first is None else first,
        resolve_jobs(n_jobs),
    )


def _plain(a: Any) -> Array:
    return np.ascontiguousarray(a, np.float64)
