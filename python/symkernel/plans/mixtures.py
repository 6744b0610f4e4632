r"""Write Matern and rational quadratic kernels as short positive sums of Gaussians.

Both are Gaussian scale mixtures, so every closed form that holds for Gaussians holds for them, one
term at a time. With u distributed as Gamma(a), density ``u^(a-1) exp(-u) / Gamma(a)``,

    Matern:              k(r) = E exp(-nu r^2 / (2 l^2 u)),    a = nu
    rational quadratic:  k(r) = E exp(-u r^2 / (2 alpha l^2)),  a = alpha.

The first is the integral ``K_nu(z) = (z/2)^nu / 2 int_0^inf exp(-v - z^2/(4v)) v^(-nu-1) dv`` at
``z = sqrt(2 nu) r / l``, with ``u = z^2/(4v)``; the second is the Laplace transform of a gamma
density. (DLMF 10.32.10; Rasmussen & Williams, Gaussian Processes for Machine Learning (2006),
equations 4.14 and 4.19.)

The rules for these expectations stand in ``mixture_rules.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.exceptions import NotApplicableError
from symkernel.plans.base import BaseSpec
from symkernel.plans.mixture_rules import mixture_rule, window
from symkernel.validation import as_number

__all__ = ["Mixture", "matern_mixture", "mixture_of", "rational_quadratic_mixture", "rbf_mixture"]

Array = NDArray[np.float64]

# Rates are squared lengths to the power -1: beyond this they would overflow.
_LARGEST_RATE = 1e300


@dataclass(frozen=True, eq=False)
class Mixture:
    """A kernel ``k(r) = sum_m weights[m] exp(-rates[m] r^2)``.

    Parameters
    ----------
    weights : ndarray of shape (m,)
        Positive.
    rates : ndarray of shape (m,)
        Positive, increasing.
    weight_gradient, rate_gradient : ndarray of shape (m, p)
        Derivatives for the logarithms of the hyperparameters.
    hyperparameters : tuple of str
        Their names, sorted as scikit-learn sorts them.
    error : float
        Largest ``|sum - k(r)|`` over the range of r, as measured; k(0) = 1.
    relative_error : float
        The same relative to k(r), over the r of the range where k(r) exceeds the tolerance.

    Examples
    --------
    >>> mixture = matern_mixture(nu=0.75, length_scale=2.0, tol=1e-6)
    >>> len(mixture), round(float(mixture(0.0)), 14)
    (23, 1.0)
    """

    weights: Array
    rates: Array
    weight_gradient: Array
    rate_gradient: Array
    hyperparameters: tuple[str, ...]
    error: float
    relative_error: float

    def __len__(self) -> int:
        return len(self.weights)

    def __call__(self, r: Any) -> Array:
        """The sum at distances r of any shape."""
        square = np.asarray(r, dtype=np.float64)[..., None] ** 2
        return np.asarray(np.exp(-square * self.rates) @ self.weights)

    def gradient(self, r: Any) -> Array:
        """Derivatives of the sum for the logarithms of the hyperparameters, shape (*r.shape, p)."""
        square = np.asarray(r, dtype=np.float64)[..., None] ** 2
        e = np.exp(-square * self.rates)
        return np.asarray(
            e @ self.weight_gradient - (square * e * self.weights) @ self.rate_gradient
        )


def rbf_mixture(length_scale: float = 1.0) -> Mixture:
    """One Gaussian: the RBF kernel ``exp(-r^2 / (2 l^2))`` itself."""
    _require_positive("length_scale", length_scale)
    rate = np.array([0.5 / length_scale**2])
    return Mixture(
        np.ones(1), rate, np.zeros((1, 1)), -2.0 * rate[:, None], ("length_scale",), 0.0, 0.0
    )


def matern_mixture(
    nu: float,
    length_scale: float = 1.0,
    tol: float = 1e-10,
    r_max: float = math.inf,
    r_min: float = 0.0,
) -> Mixture:
    """Matern kernel of any smoothness as a positive sum of Gaussians.

    Parameters
    ----------
    nu : float
        Smoothness, at least 0.1; infinity is the RBF kernel. The number of terms grows as 1/nu.
    length_scale : float, default=1.0
        Length scale l.
    tol : float, default=1e-10
        Largest absolute error for r between r_min and r_max; k(0) = 1. At least 1e-14.
    r_max : float, default=inf
        Largest distance that occurs: terms that differ only beyond it are merged.
    r_min : float, default=0.0
        Smallest distance that occurs: terms that vanish beyond it are dropped, which makes the sum
        wrong at r = 0.

    Returns
    -------
    Mixture
        Its hyperparameter is ``length_scale``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    Terms for r in [0, inf) and tolerance 1e-6 / 1e-10 / 1e-13: nu = 0.3: 45 / 109 / 182; 0.5: 30 /
    72 / 119; 1.5: 14 / 32 / 49; 2.5: 11 / 22 / 35; 7.3: 8 / 15 / 21. The rule is found by search,
    in milliseconds and once per nu, tolerance and range. Rates reach tolerance^(-1/nu) / l^2: such
    terms are felt at distances of about tolerance^(1/(2 nu)) l only.

    Examples
    --------
    >>> k = matern_mixture(nu=1.5, tol=1e-12)
    >>> bool(abs(k(1.0) - (1 + 3**0.5) * math.exp(-(3**0.5))) < 1e-12)
    True
    """
    _require_positive("length_scale", length_scale)
    if nu == math.inf:
        return rbf_mixture(length_scale)
    _require_positive("nu", nu)
    scale = nu / (2.0 * length_scale**2)
    rule = mixture_rule(-1, float(nu), *window(tol, r_min, r_max, scale))
    rates = np.minimum(scale * rule.factors, _LARGEST_RATE)
    return Mixture(
        rule.weights[::-1],
        rates[::-1],
        np.zeros((len(rates), 1)),
        -2.0 * rates[::-1, None],
        ("length_scale",),
        rule.error,
        rule.relative_error,
    )


def rational_quadratic_mixture(
    alpha: float,
    length_scale: float = 1.0,
    tol: float = 1e-10,
    r_max: float = math.inf,
    r_min: float = 0.0,
) -> Mixture:
    """Rational quadratic kernel as a positive sum of Gaussians.

    Parameters
    ----------
    alpha : float
        Scale mixture parameter, positive; at least 0.1 unless r_max is finite. The number of terms
        grows as 1/alpha below 1, or with the logarithm of r_max.
    length_scale, tol, r_max, r_min
        As in :func:`matern_mixture`.

    Returns
    -------
    Mixture
        Its hyperparameters are ``alpha`` and ``length_scale``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> k = rational_quadratic_mixture(alpha=0.8, r_max=5.0, tol=1e-12)
    >>> bool(abs(k(2.0) - (1 + 4 / 1.6) ** -0.8) < 1e-12)
    True
    """
    _require_positive("length_scale", length_scale)
    _require_positive("alpha", alpha)
    scale = 0.5 / (alpha * length_scale**2)
    rule = mixture_rule(+1, float(alpha), *window(tol, r_min, r_max, scale))
    rates = np.minimum(scale * rule.factors, _LARGEST_RATE)
    # u is held fixed: rates scale as 1/alpha, and only the weights know alpha otherwise.
    by_alpha = alpha * scale * rule.factor_slopes - rates
    return Mixture(
        rule.weights,
        rates,
        np.stack([alpha * rule.weight_slopes, np.zeros(len(rates))], axis=1),
        np.stack([by_alpha, -2.0 * rates], axis=1),
        ("alpha", "length_scale"),
        rule.error,
        rule.relative_error,
    )


def mixture_of(
    base: BaseSpec, tol: float = 1e-10, r_max: float = math.inf, r_min: float = 0.0
) -> Mixture:
    """The mixture that a base kernel is, in units of its length scales per feature.

    Parameters
    ----------
    base : BaseSpec
        "rbf", "matern12", "matern32", "matern52", "rational_quadratic", or "matern" with parameters
        (length_scale, nu).
    tol, r_max, r_min
        As in :func:`matern_mixture`.

    Raises
    ------
    NotApplicableError
        If the kernel is no mixture of Gaussians.
    ValueError
        If a parameter is out of range.
    """
    rule = _RULES.get(base.name)
    if rule is None:
        what = "is not a mixture of RBF kernels; RBF, Matern and RationalQuadratic are"
        if base.traits.mixture:
            what = (
                "is a mixture of RBF kernels for which no rule is known here, so that it has no "
                "closed form: method='sum', 'quadrature' or 'sample' take its values"
            )
        raise NotApplicableError(f"the base kernel {base.name!r} {what}")
    return rule(base.parameters, tol, r_max, r_min)


# Rules by native name, of its parameters, the tolerance, r_max and r_min.
_RULES: dict[str, Callable[[tuple[float, ...], float, float, float], Mixture]] = {
    "rbf": lambda p, *_: rbf_mixture(p[0]),
    "matern12": lambda p, *window: matern_mixture(0.5, p[0], *window),
    "matern32": lambda p, *window: matern_mixture(1.5, p[0], *window),
    "matern52": lambda p, *window: matern_mixture(2.5, p[0], *window),
    "matern": lambda p, *window: matern_mixture(p[1], p[0], *window),
    "rational_quadratic": lambda p, *window: rational_quadratic_mixture(p[0], p[1], *window),
}


def _require_positive(name: str, value: float) -> None:
    as_number(value, name, 0.0, strict=True)
