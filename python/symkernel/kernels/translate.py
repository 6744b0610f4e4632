"""Translate kernel objects into the native core's terms, and check that they qualify.

A one-sided average equals the two-sided one, and is an invariant kernel, only if
``k(g x, g y) = k(x, y)`` for the group; what fails that is refused here, with the reason.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray
from sklearn.gaussian_process import kernels as skl

from symkernel.groups import Group
from symkernel.kernels.base import NativeKernel, VonMises
from symkernel.kernels.length_scales import exponent_of, stationary
from symkernel.plans.base import BaseSpec
from symkernel.validation import as_number

Array = NDArray[Any]

_MATERN_NAMES = {0.5: "matern12", 1.5: "matern32", 2.5: "matern52", math.inf: "rbf"}


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
            spec = stationary("matern", base.length_scale, group)
            return replace(spec, parameters=(*spec.parameters, float(base.nu)))
        return stationary(_MATERN_NAMES[base.nu], base.length_scale, group)
    if isinstance(base, skl.RBF):
        return stationary("rbf", base.length_scale, group)
    if isinstance(base, skl.RationalQuadratic):
        as_number(base.length_scale, "length_scale", 0.0, strict=True)
        as_number(base.alpha, "alpha", 0.0, strict=True)
        exponent = exponent_of(base.length_scale)
        length_scale = math.ldexp(base.length_scale, -exponent)
        return BaseSpec("rational_quadratic", (float(base.alpha), length_scale), exponent=exponent)
    if isinstance(base, skl.DotProduct):
        as_number(base.sigma_0, "sigma_0", 0.0)
        return BaseSpec("dot_product", (float(base.sigma_0),))
    if isinstance(base, NativeKernel):
        spec = base._spec(group)
        if spec.traits.manhattan and not group.is_signed_permutation:
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
    raise TypeError(f"base={base!r} cannot be averaged; known base kernels: {_known()}")


def _known() -> str:
    ours = [
        kernel.__name__
        for kernel in NativeKernel.__subclasses__()
        if kernel.__module__.startswith("symkernel.kernels.")
    ]
    return (
        "RBF, Matern, RationalQuadratic, DotProduct (sklearn.gaussian_process.kernels), "
        f"{', '.join(ours)} (symkernel.kernels)"
    )


def _check_angles(base: Any, group: Group) -> None:
    """Raise ValueError where angles meet what does not know their period, on either side."""
    torus = not group.is_finite and group._on_angles
    if isinstance(base, VonMises):
        for factor in group.factors():
            role, turned = factor.group.role, factor.group._on_angles
            if not (turned or role.moves_lattice or factor.group.is_signed_permutation):
                raise ValueError(
                    f"{base!r} is a kernel of angles, which {factor.group!r} does not leave "
                    "invariant: it needs shifts of a Torus, permutations or signed permutations"
                )
            for known, period, words in (
                (role.turns_angles, 2.0 * math.pi, "2 pi"),
                (role.moves_lattice, 1.0, "1"),
            ):
                if known and not math.isclose(base.period, period, rel_tol=1e-9):
                    raise ValueError(
                        f"{factor.group!r} acts on features of period {words}, {base!r} has the "
                        f"period {base.period:g}: give period={'2 * pi' if period > 1 else '1.0'}"
                    )
            if role.turns_angles and base.modes is not None:
                raise ValueError(
                    f"modes={base.modes!r} couple the angles that {factor.group!r} shifts one by "
                    "one; without modes there is a closed form"
                )
    elif group._on_lattice and isinstance(base, skl.Kernel):
        raise ValueError(
            f"base={base!r} does not have the period 1 of the fractional coordinates that "
            f"{group!r} moves: use VonMises(period=1.0) of symkernel.kernels, or HeatKernel on a "
            "LatticeTorus of symkernel.spectral"
        )
    elif torus and isinstance(base, skl.Kernel):
        raise ValueError(
            f"base={base!r} does not have the period 2 pi of the angles that {group!r} shifts, so "
            "that it has no average over them: use VonMises (symkernel.kernels)"
        )
