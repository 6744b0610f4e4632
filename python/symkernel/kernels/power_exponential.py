"""The power exponential kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter

from symkernel.groups import Group
from symkernel.kernels.base import Bounds, NativeKernel
from symkernel.kernels.length_scales import stationary
from symkernel.plans.base import BaseSpec
from symkernel.validation import as_number


class PowerExponential(NativeKernel):
    r"""Power exponential kernel ``exp(-(|x - y| / l)^p)``, also called stretched exponential.

    Parameters
    ----------
    length_scale : float or array-like of shape (n_features,), default=1.0
        Length scale l in the units of X, positive: one, or one for each feature, which divides it.
    exponent : float, default=1.0
        Exponent p, 0 < p <= 2. The kernel is ``RBF(l / sqrt(2))`` for p = 2 and
        ``Matern(l, nu=0.5)`` for p = 1; the functions it makes are as rough as p is small.
    length_scale_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Bounds for hyperparameter optimisation.
    exponent_bounds : pair of floats or "fixed", default=(0.1, 2.0)
        Bounds for hyperparameter optimisation, within (0, 2].

    Raises
    ------
    ValueError
        On call, for a length scale that is not positive or an exponent outside (0, 2].

    Notes
    -----
    O(n m n_features). Positive semidefinite in every dimension, as a mixture of Gaussians over
    stable laws. Averages over finite groups are sums over their elements; there is no closed form
    here. Its gradient in x where x meets y is taken as 0: it vanishes for p > 1, and is the mean
    over opposite directions of a kink for p <= 1. For p < 1 values near there are as sensitive to
    rounding of the samples as ``eps^p``. Source: Rasmussen & Williams, Gaussian Processes for
    Machine Learning (2006), equation 4.18.

    Examples
    --------
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel.kernels import PowerExponential
    >>> X = [[0.0, 1.0], [2.0, 0.5]]
    >>> bool(np.allclose(PowerExponential(2**0.5, exponent=2.0)(X), RBF(1.0)(X)))
    True
    >>> round(float(PowerExponential(2.0, exponent=1.5)(X)[0, 1]), 6)
    0.351158
    """

    def __init__(
        self,
        length_scale: Any = 1.0,
        exponent: float = 1.0,
        length_scale_bounds: Bounds = (1e-5, 1e5),
        exponent_bounds: Bounds = (0.1, 2.0),
    ) -> None:
        self.length_scale = length_scale
        self.exponent = exponent
        self.length_scale_bounds = length_scale_bounds
        self.exponent_bounds = exponent_bounds

    @property
    def hyperparameter_exponent(self) -> Hyperparameter:
        """Description of the exponent for optimisers."""
        return Hyperparameter("exponent", "numeric", self.exponent_bounds)

    @property
    def hyperparameter_length_scale(self) -> Hyperparameter:
        """Description of the length scale, or of those for each feature, for optimisers."""
        bounds = self.length_scale_bounds
        size = np.size(self.length_scale)
        if np.ndim(self.length_scale) == 0 or size == 1:
            return Hyperparameter("length_scale", "numeric", bounds)
        return Hyperparameter("length_scale", "numeric", bounds, size)

    def _spec(self, group: Group) -> BaseSpec:
        exponent = as_number(self.exponent, "exponent", 0.0, strict=True)
        if exponent > 2.0 * (1.0 + 1e-12):  # the logarithm of a bound may round
            raise ValueError(
                f"exponent must be at most 2, got {self.exponent!r}: exp(-r^p) is not positive "
                "semidefinite beyond"
            )
        before = (min(float(exponent), 2.0),)
        return stationary("power_exponential", self.length_scale, group, before)

    def is_stationary(self) -> bool:
        """Whether the kernel depends on x - y only."""
        return True
