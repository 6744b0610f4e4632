"""Differentiate stationary kernels twice: k(x, y) = phi(s), with s = |x - y|^2 / l^2."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import NotApplicableError
from symkernel.plans.base import BaseSpec

Array = NDArray[Any]
# From s to phi, its first and its second derivative.
Radial = Callable[[Array], tuple[Array, Array, Array]]

_KNOWN = (
    "RBF, Matern (nu 1.5, 2.5, inf, and 3.5 where the group has a closed form) and "
    "RationalQuadratic"
)


def radial_of(spec: BaseSpec, base: Any) -> Radial:
    """Return phi and its derivatives for a base kernel, in units of its length scale.

    Parameters
    ----------
    spec : BaseSpec
        Description of the kernel.
    base : object
        The kernel, for messages.

    Raises
    ------
    NotApplicableError
        If the kernel has no second derivatives, or none that are known here.

    Notes
    -----
    d/ds of a Matern kernel is -nu / (2 (nu - 1)) times that of nu - 1 with the same argument
    a = sqrt(2 nu s). Second derivatives enter as phi''(s) d d^T with |d|^2 = s: for nu = 3/2, where
    phi'' is 9 exp(-a) / (4 a), that vanishes at s = 0, where 0 stands for phi''.
    """
    name, parameters = spec.name, spec.parameters
    if name == "rational_quadratic":
        return _rational_quadratic(parameters[0])
    if name == "matern" and parameters[1] == 3.5:
        return _matern72
    if name in _BY_NAME:
        return _BY_NAME[name]
    rough = (name == "power_exponential" and parameters[0] < 2.0) or (
        name == "matern" and parameters[1] <= 1.0
    )
    if rough or spec.traits.kink:
        raise NotApplicableError(
            f"{base!r} has no second derivatives where samples coincide, so that gradients have no "
            f"finite covariance; kernels that learn from gradients are {_KNOWN}"
        )
    raise NotApplicableError(
        f"{base!r} does not learn from gradients; kernels that do are {_KNOWN}"
    )


def _rbf(s: Array) -> tuple[Array, Array, Array]:
    phi = np.exp(-0.5 * s)
    return phi, -0.5 * phi, 0.25 * phi


def _matern32(s: Array) -> tuple[Array, Array, Array]:
    a = np.sqrt(3.0 * s)
    e = np.exp(-a)
    second = np.divide(2.25 * e, a, out=np.zeros_like(a), where=a > 0.0)
    return (1.0 + a) * e, -1.5 * e, second


def _matern52(s: Array) -> tuple[Array, Array, Array]:
    a = np.sqrt(5.0 * s)
    e = np.exp(-a)
    linear = (1.0 + a) * e
    return linear + (5.0 / 3.0) * s * e, (-5.0 / 6.0) * linear, (25.0 / 12.0) * e


def _matern72(s: Array) -> tuple[Array, Array, Array]:
    a = np.sqrt(7.0 * s)
    e = np.exp(-a)
    linear = (1.0 + a) * e
    value = (1.0 + a * (1.0 + a * (0.4 + a / 15.0))) * e
    return value, -0.7 * (linear + (7.0 / 3.0) * s * e), (49.0 / 60.0) * linear


def _rational_quadratic(alpha: float) -> Radial:
    def radial(s: Array) -> tuple[Array, Array, Array]:
        log = np.log1p(s / (2.0 * alpha))
        factor = np.exp(-log)
        phi = np.exp(-alpha * log)
        first = -0.5 * phi * factor
        return phi, first, -0.5 * (alpha + 1.0) / alpha * first * factor

    return radial


_BY_NAME: dict[str, Radial] = {"rbf": _rbf, "matern32": _matern32, "matern52": _matern52}


def length_of(spec: BaseSpec) -> Array | float:
    """Return the length scale of a kernel of distances, one number or one per feature."""
    length = math.ldexp(spec.length_scale, spec.exponent)
    return length if spec.scale is None else spec.scale * length
