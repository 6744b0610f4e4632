"""Recognise stationary kernels that have second derivatives: phi(s), s = |x - y|^2 / l^2."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from numpy.typing import NDArray

from symkernel.exceptions import NotApplicableError
from symkernel.plans.base import BaseSpec

Array = NDArray[Any]
# Name of a kernel in symkernel.backends.joint, and its parameter.
Radial: TypeAlias = tuple[str, float]

_KNOWN = (
    "RBF, Matern (nu 1.5, 2.5, inf, and 3.5 where the group has a closed form) and "
    "RationalQuadratic"
)


def radial_of(spec: BaseSpec, base: Any) -> Radial:
    """Return by which name native code knows phi of a base kernel, and its parameter.

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
    """
    name, parameters = spec.name, spec.parameters
    if name == "rational_quadratic":
        return name, float(parameters[0])
    if name == "matern" and parameters[1] == 3.5:
        return "matern72", 1.0
    if name in ("rbf", "matern32", "matern52"):
        return name, 1.0
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


def length_of(spec: BaseSpec) -> Array | float:
    """Return the length scale of a kernel of distances, one number or one per feature."""
    length = math.ldexp(spec.length_scale, spec.exponent)
    return length if spec.scale is None else spec.scale * length
