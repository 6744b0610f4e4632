r"""Matern and rational quadratic kernels as short positive sums of Gaussians, error controlled.

Both are Gaussian scale mixtures, so every closed form that holds for Gaussians holds for them, one
term at a time. With u distributed as Gamma(a), density ``u^(a-1) exp(-u) / Gamma(a)``,

    Matern:              k(r) = E exp(-nu r^2 / (2 l^2 u)),    a = nu
    rational quadratic:  k(r) = E exp(-u r^2 / (2 alpha l^2)),  a = alpha.

The first is the integral ``K_nu(z) = (z/2)^nu / 2 int_0^inf exp(-v - z^2/(4v)) v^(-nu-1) dv`` at
``z = sqrt(2 nu) r / l``, with ``u = z^2/(4v)``; the second is the Laplace transform of a gamma
density. (DLMF 10.32.10; Rasmussen & Williams, Gaussian Processes for Machine Learning (2006),
equations 4.14 and 4.19.)

With ``u = exp(tau)`` the integrand is ``exp(a tau - exp(tau) - c exp(-+tau))``: analytic in the
strip |Im tau| < pi/2, so the trapezoidal rule of step h errs by about exp(-pi^2/h), and every
weight is positive, so the sum is positive definite. To the left the integrand falls only as
``exp(a tau)``, but there a coarser step is enough: an error exp(-pi^2/h(tau)) is multiplied by that
amplitude. A step that grows as ``1/(1 + kappa tau)`` keeps the error level and needs
``log(1/tol)^2 / (2 a pi^2)`` nodes there, half of what equal steps need. It is the trapezoidal rule
in s, ``s = tau + kappa tau^2/2``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.plans.base import BaseSpec, NotApplicableError
from symkernel.validation import as_number

__all__ = ["Mixture", "matern_mixture", "mixture_of", "rational_quadratic_mixture", "rbf_mixture"]

Array = NDArray[np.float64]

# Shares of the tolerance spent on dropping tails, merging and on pruning; the rule takes the rest.
_LEFT_TAIL, _RIGHT_TAIL, _MERGE, _PRUNE = 0.25, 0.05, 0.1, 0.1
# Grading of the step: 0 is an equal step, 1 one that would reach infinity where the tail ends.
_GRADINGS = (0.85, 0.8, 0.7, 0.9, 0.6, 0.5, 0.3, 0.0)
# Below this exponent the tail is too long to be written out.
_SMALLEST_EXPONENT = 0.1
# Rates are squared lengths to the power -1: beyond this they would overflow.
_LARGEST_RATE = 1e300
# Rounding of a sum of positive terms: no tolerance below it can be promised.
_SMALLEST_TOLERANCE = 1e-14


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
    >>> mixture = matern_mixture(nu=0.75, length_scale=2.0, tolerance=1e-6)
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
    tolerance: float = 1e-10,
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
    tolerance : float, default=1e-10
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
    >>> k = matern_mixture(nu=1.5, tolerance=1e-12)
    >>> bool(abs(k(1.0) - (1 + 3**0.5) * math.exp(-(3**0.5))) < 1e-12)
    True
    """
    _require_positive("length_scale", length_scale)
    if nu == math.inf:
        return rbf_mixture(length_scale)
    _require_positive("nu", nu)
    scale = nu / (2.0 * length_scale**2)
    rule = _rule(-1, float(nu), *_window(tolerance, r_min, r_max, scale))
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
    tolerance: float = 1e-10,
    r_max: float = math.inf,
    r_min: float = 0.0,
) -> Mixture:
    """Rational quadratic kernel as a positive sum of Gaussians.

    Parameters
    ----------
    alpha : float
        Scale mixture parameter, positive; at least 0.1 unless r_max is finite. The number of terms
        grows as 1/alpha below 1, or with the logarithm of r_max.
    length_scale, tolerance, r_max, r_min
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
    >>> k = rational_quadratic_mixture(alpha=0.8, r_max=5.0, tolerance=1e-12)
    >>> bool(abs(k(2.0) - (1 + 4 / 1.6) ** -0.8) < 1e-12)
    True
    """
    _require_positive("length_scale", length_scale)
    _require_positive("alpha", alpha)
    scale = 0.5 / (alpha * length_scale**2)
    rule = _rule(+1, float(alpha), *_window(tolerance, r_min, r_max, scale))
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
    base: BaseSpec, tolerance: float = 1e-10, r_max: float = math.inf, r_min: float = 0.0
) -> Mixture:
    """The mixture that a base kernel is, in units of its length scales per feature.

    Parameters
    ----------
    base : BaseSpec
        "rbf", "matern12", "matern32", "matern52", "rational_quadratic", or "matern" with parameters
        (length_scale, nu).
    tolerance, r_max, r_min
        As in :func:`matern_mixture`.

    Raises
    ------
    NotApplicableError
        If the kernel is no mixture of Gaussians.
    ValueError
        If a parameter is out of range.
    """
    p = base.parameters
    if base.name == "rbf":
        return rbf_mixture(p[0])
    if base.name == "rational_quadratic":
        return rational_quadratic_mixture(p[0], p[1], tolerance, r_max, r_min)
    nu = {"matern12": 0.5, "matern32": 1.5, "matern52": 2.5}.get(base.name)
    if base.name == "matern":
        nu = p[1]
    if nu is None:
        raise NotApplicableError(
            f"the base kernel {base.name!r} is not a mixture of RBF kernels; RBF, Matern and "
            "RationalQuadratic are"
        )
    return matern_mixture(nu, p[0], tolerance, r_max, r_min)


@dataclass(frozen=True, eq=False)
class _Rule:
    """Nodes of E exp(-c u^sign): weights, factors = u^sign, and their derivatives for a."""

    weights: Array
    factors: Array
    weight_slopes: Array
    factor_slopes: Array
    error: float
    relative_error: float


def _window(
    tolerance: float, r_min: float, r_max: float, scale: float
) -> tuple[float, float, float]:
    """Tolerance and range of c = scale r^2, widened to powers of two so that rules are reused."""
    if not _SMALLEST_TOLERANCE <= tolerance < 1:
        raise ValueError(f"tolerance must be in [{_SMALLEST_TOLERANCE}, 1), got {tolerance!r}")
    if not (0 <= r_min < r_max and math.isfinite(r_min)):
        raise ValueError(f"r_min and r_max must satisfy 0 <= r_min < r_max, got {r_min}, {r_max}")
    low = 2.0 ** math.floor(math.log2(scale * r_min**2)) if r_min > 0 else 0.0
    high = 2.0 ** math.ceil(math.log2(scale * r_max**2)) if math.isfinite(r_max) else math.inf
    return tolerance, low, high


@lru_cache(maxsize=256)
def _rule(sign: int, a: float, tolerance: float, c_min: float, c_max: float) -> _Rule:
    """Fewest nodes over gradings and steps whose measured error is below the tolerance."""
    cut = a < _SMALLEST_EXPONENT  # the tail becomes one term: only where u -> 0 means rate -> 0
    if cut and (sign < 0 or math.isinf(c_max)):
        name, range_ = ("nu", "") if sign < 0 else ("alpha", " with r_max=inf")
        raise ValueError(
            f"{name} must be at least {_SMALLEST_EXPONENT}{range_} for a sum of Gaussians, got {a}"
        )
    c = _probes(sign, a, tolerance, c_min, c_max, 0.1)
    exact = _exact(sign, a, c)
    best: _Nodes | None = None
    for grading in (0.0,) if cut else _GRADINGS:
        kappa = grading * a / math.log(1.0 / tolerance)
        h = 1.2 * math.pi**2 / math.log(1.0 / tolerance) * min(1.0, 2.2 / math.sqrt(a))
        for _ in range(60):
            nodes = _cut_nodes(a, tolerance, c_max, h) if cut else _nodes(a, tolerance, kappa, h)
            if best is not None and len(nodes.tau) >= len(best.tau):
                break  # smaller steps only add nodes
            error = np.abs(_sum(sign, c, nodes) - exact).max()
            if error <= (1.0 - _MERGE - _PRUNE) * tolerance:
                best = nodes
                break
            h *= 0.96
    if best is None:
        raise ValueError(
            f"no mixture with exponent {a!r} reaches tolerance={tolerance!r}: ask for a larger one"
        )
    return _shortened(sign, a, tolerance, c_min, c_max, best)


@dataclass(frozen=True, eq=False)
class _Nodes:
    """log u, weights that sum to 1, and derivatives of the weights' logarithms for a."""

    tau: Array
    w: Array
    slope: Array


def _log_density(a: float, x: Array) -> tuple[float, Array]:
    """Center t and a tau - exp(tau) at tau = t + x, up to a constant, without cancellation."""
    if a <= 1.0:
        return 0.0, a * x - np.exp(x)
    # a tau - exp(tau) = a log a - a - a (exp(x) - 1 - x) around the mode log a
    series = np.zeros_like(x)
    for k in range(12, 1, -1):
        series = (series + 1.0) * x / k if k > 2 else (series + 1.0) * x * x / 2.0
    near = np.abs(x) < 0.1
    return math.log(a), -a * np.where(near, series, np.expm1(x) - x)


def _right_end(a: float) -> float:
    """Beyond this x, exp(-exp(tau)) leaves nothing."""
    return math.log(a + 60.0 + 12.0 * math.sqrt(a)) - max(math.log(a), 0.0)


def _nodes(a: float, tolerance: float, kappa: float, h: float) -> _Nodes:
    """Trapezoidal rule in s = x + kappa x^2/2 with x = tau - max(log a, 0)."""
    right = _right_end(a)
    if kappa > 0:
        last = right + kappa * right * right / 2.0
        first = -0.5 / kappa  # where the step becomes infinite
        s = h * np.arange(math.floor(first / h) + 1, math.ceil(last / h))
        root = np.sqrt(np.maximum(1.0 + 2.0 * kappa * s, 1e-300))
        x, step = (root - 1.0) / kappa, h / root
    else:
        left = (math.log(tolerance) - 5.0) / a - 5.0
        x = h * np.arange(math.floor(left / h), math.ceil(right / h))
        step = np.full_like(x, h)
    center, logs = _log_density(a, x)
    w = np.exp(logs) * step
    w /= w.sum()
    kept = (np.cumsum(w) > _LEFT_TAIL * tolerance) & (
        np.cumsum(w[::-1])[::-1] > _RIGHT_TAIL * tolerance
    )
    x, w = x[kept], w[kept] / w[kept].sum()
    return _Nodes(x + center, w, x - x @ w)


def _cut_nodes(a: float, tolerance: float, c_max: float, h: float) -> _Nodes:
    """Equal steps, the tail of terms with c_max u < tolerance / 100 summed as one of them."""
    first = math.floor((math.log(tolerance / 100.0) - max(math.log(c_max), 0.0)) / h)
    x = h * np.arange(first, math.ceil(_right_end(a) / h), dtype=np.float64)
    _, logs = _log_density(a, x)
    w, slope = np.exp(logs), x.copy()
    # sum over k >= 0 of exp(a (x - k h)) = exp(a x) / (1 - exp(-a h))
    w[0] /= -math.expm1(-a * h)
    slope[0] -= h / math.expm1(a * h)
    kept = np.cumsum(w[::-1])[::-1] > _RIGHT_TAIL * tolerance * w.sum()
    x, w, slope = x[kept], w[kept] / w[kept].sum(), slope[kept]
    return _Nodes(x, w, slope - slope @ w)


def _shortened(
    sign: int,
    a: float,
    tolerance: float,
    c_min: float,
    c_max: float,
    nodes: _Nodes,
) -> _Rule:
    """Drop terms that vanish over the whole range and merge those that are alike on it."""
    w, slope, factor = nodes.w, nodes.w * nodes.slope, np.exp(sign * nodes.tau)
    factor_slope = np.zeros_like(factor)
    order = np.argsort(factor)
    w, slope, factor = w[order], slope[order], factor[order]
    if c_min > 0:
        kept = c_min * factor < math.log(1.0 / (_PRUNE * tolerance))
        kept[0] = True
        w, slope, factor, factor_slope = w[kept], slope[kept], factor[kept], factor_slope[kept]
    if math.isfinite(c_max):
        # |sum w exp(-c f) - W exp(-c F)| <= c^2/2 sum w (f - F)^2 for the mean F
        total, first = np.cumsum(w), np.cumsum(w * factor)
        spread = np.cumsum(w * factor**2) - first**2 / total
        alike = c_max**2 / 2.0 * spread <= _MERGE * tolerance
        count = int(np.argmin(alike)) if not alike.all() else len(w)
        if count > 1:
            mean = first[count - 1] / total[count - 1]
            turn = (slope[:count] @ (factor[:count] - mean)) / total[count - 1]
            w = np.concatenate([[total[count - 1]], w[count:]])
            slope = np.concatenate([[slope[:count].sum()], slope[count:]])
            factor = np.concatenate([[mean], factor[count:]])
            factor_slope = np.concatenate([[turn], np.zeros(len(w) - 1)])
    c = _probes(sign, a, tolerance, c_min, c_max, 0.03)
    exact = _exact(sign, a, c)
    error = np.abs(np.exp(-np.minimum(c[:, None] * factor, 800.0)) @ w - exact)
    visible = exact > tolerance
    relative = float((error[visible] / exact[visible]).max(initial=0.0))
    if sign < 0:  # rates increase with decreasing u: the caller turns them round
        w, slope, factor, factor_slope = w[::-1], slope[::-1], factor[::-1], factor_slope[::-1]
    return _Rule(w, factor, slope, factor_slope, float(error.max()), relative)


def _probes(
    sign: int, a: float, tolerance: float, c_min: float, c_max: float, spacing: float
) -> Array:
    """Values of c where the error is measured: evenly in log c where the kernel is neither 1 nor 0.

    The error of a trapezoidal rule oscillates in log c with the period of its step.
    """
    depth = math.log(1.0 / tolerance) + 3.0
    low = -depth / min(a, 1.0) - 3.0  # 1 - k(c) is of order c^min(a, 1)
    if sign > 0:
        low, high = -depth - max(math.log(a), 0.0), depth / a
    else:
        high = math.log(depth * depth / 4.0 + a * depth)
    low = max(low, math.log(c_min)) if c_min > 0 else low
    high = min(high, math.log(c_max)) if math.isfinite(c_max) else high
    high = max(high, low)
    grid = np.exp(np.linspace(low, high, 2 + math.ceil((high - low) / spacing)))
    return grid if c_min > 0 else np.concatenate([[0.0], grid])


def _exact(sign: int, a: float, c: Array) -> Array:
    """The kernel itself at c: in closed form, or by a trapezoidal rule twice as fine as any used.

    The rule has no overflow where K_nu has (small r at large nu), and errs by exp(-pi^2/h).
    """
    if sign > 0:
        return np.exp(-a * np.log1p(c))
    h = min(0.15, 0.3 / math.sqrt(a))
    x = np.arange(min(-40.0 / a, -8.0), _right_end(a), h, dtype=np.float64)
    center, logs = _log_density(a, x)
    w = np.exp(logs)
    return _sum(sign, c, _Nodes(x + center, w / w.sum(), x))


def _sum(sign: int, c: Array, nodes: _Nodes) -> Array:
    exponent = np.minimum(c[:, None] * np.exp(sign * nodes.tau), 800.0)
    return np.asarray(np.exp(-exponent) @ nodes.w)


def _require_positive(name: str, value: float) -> None:
    as_number(value, name, 0.0, strict=True)
