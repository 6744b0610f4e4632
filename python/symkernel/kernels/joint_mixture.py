"""Write kernels as sums of Gaussians that are differentiated twice."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import NotApplicableError
from symkernel.plans.base import BaseSpec
from symkernel.plans.closed_form import mixture_within
from symkernel.plans.mixtures import matern_mixture

Array = NDArray[Any]

_TOLERANCE = 1e-13
_MATERN = {"matern32": 1.5, "matern52": 2.5}


def joint_mixture(spec: BaseSpec) -> tuple[Array, Array]:
    r"""Weights and rates of ``phi(s) = sum_m weights[m] exp(-rates[m] s)``, s = (r / l)^2.

    Parameters
    ----------
    spec : BaseSpec
        RBF, Matern of nu above 1, or rational quadratic; its length scale does not matter.

    Returns
    -------
    weights, rates : ndarray of shape (m,)
        Positive.

    Raises
    ------
    NotApplicableError
        If the kernel is another.

    Notes
    -----
    A sum that has the values of a Matern kernel to a tolerance has its derivatives at short
    distances to far less: those are made of its narrowest terms, which values hardly feel (for
    nu = 3/2 and 1e-13, 5e-5). As phi' of nu is that of nu - 1, ``-nu / (2 (nu - 1))`` times its
    value at the same argument, a sum for nu - 1 with weights over rates has both. Largest errors of
    phi, phi' and s phi'' over all s: nu = 3/2 5e-13, 5/2 2e-13, 7/2 2e-13 (of 119, 49 and 35
    terms); rational quadratic 1e-11 (alpha = 0.15, 89 terms) to 1e-12 (alpha = 1, 57 terms).

    Examples
    --------
    >>> from symkernel.plans.base import BaseSpec
    >>> weights, rates = joint_mixture(BaseSpec("matern52", (1.0,)))
    >>> round(float(weights.sum()), 12), round(float(weights @ rates), 12)  # phi(0), -phi'(0)
    (1.0, 0.833333333333)
    """
    nu = _MATERN.get(spec.name, spec.parameters[-1] if spec.name == "matern" else None)
    if nu is None:
        if spec.name == "rational_quadratic":
            spec = BaseSpec(spec.name, (spec.parameters[0], 1.0))
        elif spec.name == "rbf":
            spec = BaseSpec(spec.name, (1.0,))
        mixture = mixture_within(spec, _TOLERANCE, math.inf)
        return mixture.weights, mixture.rates
    if nu <= 1.0:
        raise NotApplicableError(f"Matern kernels of nu={nu} have no second derivatives")
    rough = matern_mixture(nu - 1.0, math.sqrt((nu - 1.0) / nu), _TOLERANCE)
    return nu / (2.0 * (nu - 1.0)) * rough.weights / rough.rates, np.asarray(rough.rates)
