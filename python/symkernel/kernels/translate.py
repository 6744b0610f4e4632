"""Translate kernel objects into the native core's terms, and check that they qualify.

A one-sided average equals the two-sided one, and is an invariant kernel, only if
``k(g x, g y) = k(x, y)`` for the group; what fails that is refused here, with the reason.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process import kernels as skl

from symkernel.groups import Group
from symkernel.kernels.base import NativeKernel, VonMises
from symkernel.plans.base import BaseSpec
from symkernel.validation import as_array, as_number

Array = NDArray[Any]

_MATERN_NAMES = {0.5: "matern12", 1.5: "matern32", 2.5: "matern52", math.inf: "rbf"}

# Length scales up to this power of two, and down to its inverse, have squares well within the range
# of single precision.
_PLAIN_EXPONENT = 40

_KNOWN = (
    "RBF, Matern, RationalQuadratic, DotProduct (sklearn.gaussian_process.kernels), "
    "Polynomial, Laplacian, ArcCosine, VonMises (symkernel.kernels)"
)


def spec_of(base: Any, group: Group) -> BaseSpec:
    """Native description of a base kernel, checked against the group.

    Parameters
    ----------
    base : sklearn.gaussian_process.kernels.Kernel
        Base kernel.
    group : Group
        Group it will be averaged over.

    Returns
    -------
    BaseSpec
        Native name, parameters and length scale per feature.

    Raises
    ------
    TypeError
        If the kernel is not one that can be averaged; the message lists those that can.
    ValueError
        If its parameters are out of range, or the group does not leave it invariant.
    """
    _check_angles(base, group)
    if isinstance(base, skl.Matern):  # before RBF: scikit-learn derives Matern from RBF
        if base.nu not in _MATERN_NAMES:
            as_number(base.nu, "nu", 0.0, strict=True)
            spec = _stationary("matern", base.length_scale, group)
            return replace(spec, parameters=(*spec.parameters, float(base.nu)))
        return _stationary(_MATERN_NAMES[base.nu], base.length_scale, group)
    if isinstance(base, skl.RBF):
        return _stationary("rbf", base.length_scale, group)
    if isinstance(base, skl.RationalQuadratic):
        as_number(base.length_scale, "length_scale", 0.0, strict=True)
        as_number(base.alpha, "alpha", 0.0, strict=True)
        exponent = _exponent(base.length_scale)
        length_scale = math.ldexp(base.length_scale, -exponent)
        return BaseSpec("rational_quadratic", (float(base.alpha), length_scale), exponent=exponent)
    if isinstance(base, skl.DotProduct):
        as_number(base.sigma_0, "sigma_0", 0.0)
        return BaseSpec("dot_product", (float(base.sigma_0),))
    if isinstance(base, NativeKernel):
        spec = base._spec()
        if spec.manhattan and not group.is_signed_permutation:
            raise ValueError(
                f"{base!r} is a kernel of the L1 distance, which {group!r} does not leave "
                "invariant: it needs a group of permutations or signed permutations"
            )
        return spec
    if isinstance(base, skl.KernelOperator | skl.Exponentiation | skl.ConstantKernel):
        raise TypeError(
            f"base={base!r} combines kernels; average each one and combine the averages, "
            "for instance ConstantKernel() * InvariantKernel(RBF(), group) + WhiteKernel()"
        )
    if hasattr(base, "spectral_plan"):
        raise TypeError(f"base={base!r} is given by its spectrum: use method='spectral'")
    raise TypeError(f"base={base!r} cannot be averaged; known base kernels: {_KNOWN}")


def _check_angles(base: Any, group: Group) -> None:
    """Raise ValueError where angles meet what does not know their period, on either side."""
    torus = not group.is_finite and bool(group.structure.angles)
    if isinstance(base, VonMises):
        for factor in group.factors():
            if not (factor.group.role.turns_angles or factor.group.is_signed_permutation):
                raise ValueError(
                    f"{base!r} is a kernel of angles, which {factor.group!r} does not leave "
                    "invariant: it needs shifts of a Torus, permutations or signed permutations"
                )
    elif torus and isinstance(base, skl.Kernel):
        raise ValueError(
            f"base={base!r} does not have the period 2 pi of the angles that {group!r} shifts, so "
            "that it has no average over them: use VonMises (symkernel.kernels)"
        )


def _exponent(length_scale: float) -> int:
    """Power of two that brings a length scale near 1; 0 where its square is in range as it is."""
    exponent = round(math.log2(length_scale))
    return exponent if abs(exponent) > _PLAIN_EXPONENT else 0


def _stationary(name: str, length_scale: Any, group: Group) -> BaseSpec:
    if np.size(length_scale) == 1:
        length_scale = np.reshape(length_scale, ()).item()
        as_number(length_scale, "length_scale", 0.0, strict=True)
        exponent = _exponent(length_scale)
        return BaseSpec(name, (math.ldexp(length_scale, -exponent),), exponent=exponent)
    scale = np.asarray(as_array(length_scale, "length_scale"), np.float64)
    if scale.shape != (group.degree,):
        raise ValueError(
            f"length_scale has shape {scale.shape}; {group!r} acts on {group.degree} features"
        )
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(f"length_scale must be positive and finite, got {length_scale!r}")
    labels = group.mixed_features
    scale = require_tied(scale, labels, group)
    if labels.max() == 0:  # one length scale, with one derivative
        return _stationary(name, scale[0], group)
    return BaseSpec(name, (1.0,), scale=scale)


def require_tied(scale: Array, labels: Array, group: Group | str) -> Array:
    """Length scales made exactly equal on features that the group mixes; refused if they differ.

    The metric sum (x_i - y_i)^2 / l_i^2 is invariant under g iff l is constant on the features that
    g mixes. A relative difference of 1e-6 is what rounding and other software leave.
    """
    mean = np.exp(np.bincount(labels, np.log(scale)) / np.bincount(labels))[labels]
    moved = np.abs(scale / mean - 1.0) > 1e-6
    if moved.any():
        i = int(np.argmax(moved))
        others = np.flatnonzero(labels == labels[i])
        j = int(others[np.argmax(np.abs(scale[others] - scale[i]))])
        raise ValueError(
            f"length_scale per feature must be constant on the features that {group!r} mixes: it "
            f"mixes features {i} and {j}, whose length scales are {scale[i]:.6g} and {scale[j]:.6g}"
        )
    return np.asarray(mean)
