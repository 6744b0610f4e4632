"""Bound the error of quadrature a priori, from the kernel's values on a circle.

k(x, R y) depends on R through t = x.Ry, |t| <= |x||y|, and a polynomial of degree p in t is one in
the entries of R. With k = sum_p c_p T_p(t / |x||y|), a rule Q of degree L errs on the terms p > L
only, each by at most |Q T_p| + |E T_p| <= 2 where weights are positive: in all by at most
2 sum_{p > L} |c_p|. Kernels that are positive definite on all spheres have c_p >= 0, and the tail
grows with |x| = |y|: the largest norm in the data bounds it. For RBF this is the Bessel tail
``4 sum_{p > L} exp(-s) I_p(s)``, s = |x|^2 / l^2.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

from symkernel.backends import cpu
from symkernel.backends.element_tables import MatrixTable
from symkernel.plans.base import Array, BaseSpec


def polynomial_tail(base: BaseSpec, radius: float) -> Array:
    """Bounds of the quadrature error relative to the largest kernel value, by degree of the rule.

    Parameters
    ----------
    base : BaseSpec
        Base kernel of distances or inner products; its length scales per feature are ignored.
    radius : float
        Largest norm of a sample, in units of the length scales per feature.

    Returns
    -------
    ndarray
        Entry L bounds ``|sum w k(x, R y) - E k(x, R y)| / k(x, x)`` for rules of degree L with
        positive weights and |x|, |y| <= radius. Rigorous up to rounding for kernels that are
        positive definite on spheres of every dimension: all those of this package.

    Notes
    -----
    Chebyshev coefficients of k as a function of cos(angle) at |x| = |y| = radius, from values of
    the native kernel; the bound is derived at the top of this file.

    Examples
    --------
    >>> tail = polynomial_tail(BaseSpec("rbf", (1.0,)), radius=1.0)
    >>> bool(tail[5] < 2e-4 and tail[12] < 1e-11)
    True
    """
    identity = MatrixTable(np.eye(2)[None])
    pole = np.array([[radius, 0.0]])
    peak = float(cpu.gram(base.native, identity, pole, pole.copy(), 1)[0, 0])
    if peak == 0.0:
        return np.zeros(64)
    n = 64
    while True:
        angle = np.pi * (np.arange(n) + 0.5) / n
        circle = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        values = cpu.gram(base.native, identity, pole, circle, 1)[0]
        coefficients = np.abs(dct(values, type=2)) / (n * peak)
        coefficients[0] /= 2.0
        noise = 8.0 * float(np.median(coefficients[3 * n // 4 :]))
        # They add up to the value at the pole, unless the kernel is too sharp to be seen.
        missing = abs(1.0 - float(coefficients.sum()))
        converged = noise <= 1e-12 and missing <= 1e-9
        if converged or n >= 4096:
            break
        n *= 2
    rest = 0.0
    if converged:
        coefficients[coefficients <= noise] = 0.0
    else:
        rest = max(n * float(coefficients[-16:].max()), 2.0 * missing)
    tail = np.cumsum(coefficients[::-1])[::-1]
    return np.asarray(2.0 * np.append(tail[1:], 0.0) + rest)


def polynomial_degree(base: BaseSpec) -> int | None:
    """Degree of the kernel in x.y, if it is a polynomial."""
    polynomial = base.traits.polynomial
    return None if polynomial is None else polynomial[0]
