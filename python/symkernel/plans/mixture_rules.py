"""Find short positive sums for E exp(-c u) and E exp(-c / u) over a Gamma distribution.

With ``u = exp(tau)`` the integrand is ``exp(a tau - exp(tau) - c exp(-+tau))``: analytic in the
strip |Im tau| < pi/2, so the trapezoidal rule of step h errs by about exp(-pi^2/h), and every
weight is positive, so the sum is positive definite. To the left the integrand falls only as
``exp(a tau)``, but there a coarser step is enough: an error exp(-pi^2/h(tau)) is multiplied by that
amplitude. A step that grows as ``1/(1 + kappa tau)`` keeps the error level and needs
``log(1/tol)^2 / (2 a pi^2)`` nodes there, half of what equal steps need. It is the trapezoidal rule
in s, ``s = tau + kappa tau^2/2``.

Near the Gaussian limit, a >> 1, u lies within a few sqrt(a) of its mean a, where the integrand is
nearly a polynomial: there the Gauss rule of the Gamma distribution, which has its first 2 m moments
in m terms, takes over. With ``u = a (1 + v / sqrt(a))`` its Jacobi matrix in v has the diagonal
``2 k / sqrt(a)``, k = 0, 1, ..., and beside it ``sqrt(k (1 + (k - 1) / a))``, k = 1, 2, ...:
generalised Laguerre polynomials, which turn into Hermite polynomials as a grows. For the rational
quadratic kernel it errs by ``c^(2m) exp(-c u') m! a (a + 1) ... (a + m - 1) / (2m)!`` at some u',
of order a^-m. (Golub & Welsch, Calculation of Gauss quadrature rules, 1969; Gautschi, Orthogonal
Polynomials (2004), table 1.1 and theorem 1.48.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal

__all__ = ["Rule", "mixture_rule", "window"]

Array = NDArray[np.float64]

# Shares of the tolerance spent on dropping tails, merging and on pruning; the rule takes the rest.
_LEFT_TAIL, _RIGHT_TAIL, _MERGE, _PRUNE = 0.25, 0.05, 0.1, 0.1
# Grading of the step: 0 is an equal step, 1 one that would reach infinity where the tail ends.
_GRADINGS = (0.85, 0.8, 0.7, 0.9, 0.6, 0.5, 0.3, 0.0)
# From this exponent on a Gauss rule takes fewer terms than a trapezoidal one.
_NEAR_GAUSSIAN = 30.0
_MOST_GAUSS_NODES = 40
# Below this exponent the tail is too long to be written out.
_SMALLEST_EXPONENT = 0.1
# Rounding of a sum of positive terms: no tolerance below it can be promised.
_SMALLEST_TOLERANCE = 1e-14


@dataclass(frozen=True, eq=False)
class Rule:
    """Nodes of E exp(-c u^sign): weights, factors = u^sign, and their derivatives for a."""

    weights: Array
    factors: Array
    weight_slopes: Array
    factor_slopes: Array
    error: float
    relative_error: float


def window(tol: float, r_min: float, r_max: float, scale: float) -> tuple[float, float, float]:
    """Tolerance and range of c = scale r^2, widened to powers of two so that rules are reused."""
    if not _SMALLEST_TOLERANCE <= tol < 1:
        raise ValueError(f"tol must be in [{_SMALLEST_TOLERANCE}, 1), got {tol!r}")
    if not (0 <= r_min < r_max and math.isfinite(r_min)):
        raise ValueError(f"r_min and r_max must satisfy 0 <= r_min < r_max, got {r_min}, {r_max}")
    low = 2.0 ** math.floor(math.log2(scale * r_min**2)) if r_min > 0 else 0.0
    high = 2.0 ** math.ceil(math.log2(scale * r_max**2)) if math.isfinite(r_max) else math.inf
    return tol, low, high


@lru_cache(maxsize=256)
def mixture_rule(sign: int, a: float, tol: float, c_min: float, c_max: float) -> Rule:
    """Fewest nodes over gradings and steps whose measured error is below the tolerance."""
    cut = a < _SMALLEST_EXPONENT  # the tail becomes one term: only where u -> 0 means rate -> 0
    if cut and (sign < 0 or math.isinf(c_max)):
        name, range_ = ("nu", "") if sign < 0 else ("alpha", " with r_max=inf")
        raise ValueError(
            f"{name} must be at least {_SMALLEST_EXPONENT}{range_} for a sum of Gaussians, got {a}"
        )
    if a >= _NEAR_GAUSSIAN:
        rule = _gauss_rule(sign, a, tol, c_min, c_max)
        if rule is not None:
            return rule
    c = _probes(sign, a, tol, c_min, c_max, 0.1)
    exact = _exact(sign, a, c)
    best: _Nodes | None = None
    for grading in (0.0,) if cut else _GRADINGS:
        kappa = grading * a / math.log(1.0 / tol)
        h = 1.2 * math.pi**2 / math.log(1.0 / tol) * min(1.0, 2.2 / math.sqrt(a))
        for _ in range(60):
            nodes = _cut_nodes(a, tol, c_max, h) if cut else _nodes(a, tol, kappa, h)
            if best is not None and len(nodes.tau) >= len(best.tau):
                break  # smaller steps only add nodes
            error = np.abs(_sum(sign, c, nodes) - exact).max()
            if error <= (1.0 - _MERGE - _PRUNE) * tol:
                best = nodes
                break
            h *= 0.96
    if best is None:
        raise ValueError(
            f"no mixture with exponent {a!r} reaches tol={tol!r}: ask for a larger one"
        )
    return _shortened(sign, a, tol, c_min, c_max, best)


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


def _nodes(a: float, tol: float, kappa: float, h: float) -> _Nodes:
    """Trapezoidal rule in s = x + kappa x^2/2 with x = tau - max(log a, 0)."""
    right = _right_end(a)
    if kappa > 0:
        last = right + kappa * right * right / 2.0
        first = -0.5 / kappa  # where the step becomes infinite
        s = h * np.arange(math.floor(first / h) + 1, math.ceil(last / h))
        root = np.sqrt(np.maximum(1.0 + 2.0 * kappa * s, 1e-300))
        x, step = (root - 1.0) / kappa, h / root
    else:
        left = (math.log(tol) - 5.0) / a - 5.0
        x = h * np.arange(math.floor(left / h), math.ceil(right / h))
        step = np.full_like(x, h)
    center, logs = _log_density(a, x)
    w = np.exp(logs) * step
    w /= w.sum()
    kept = (np.cumsum(w) > _LEFT_TAIL * tol) & (np.cumsum(w[::-1])[::-1] > _RIGHT_TAIL * tol)
    x, w = x[kept], w[kept] / w[kept].sum()
    return _Nodes(x + center, w, x - x @ w)


def _gauss_rule(sign: int, a: float, tol: float, c_min: float, c_max: float) -> Rule | None:
    """Fewest nodes of a Gauss rule whose measured error is below the tolerance; None if too many.

    Nodes and weights are differentiated as eigenvalues and eigenvectors of the Jacobi matrix.
    """
    c = _probes(sign, a, tol, c_min, c_max, 0.03)
    exact = _exact(sign, a, c)
    root = math.sqrt(a)
    for count in range(1, _MOST_GAUSS_NODES + 1):
        k = np.arange(count, dtype=np.float64)
        beside = np.sqrt(k[1:] * (1.0 + (k[1:] - 1.0) / a))
        v, vectors = eigh_tridiagonal(2.0 * k / root, beside)
        first = vectors[0]
        w, u = first**2, a + root * v
        if u[0] <= 0.0 or w.min() <= 0.0:
            return None
        factor = u if sign > 0 else 1.0 / u
        error = np.abs(np.exp(-np.minimum(c[:, None] * factor, 800.0)) @ w - exact)
        if error.max() > tol:
            continue
        change = np.diag(-k / (a * root))
        slope = -k[1:] * (k[1:] - 1.0) / (2.0 * a * a * beside)
        change += np.diag(slope, 1) + np.diag(slope, -1)
        turned = vectors.T @ change @ vectors
        apart = v[:, None] - v
        np.fill_diagonal(apart, np.inf)
        w_slope = 2.0 * first * ((turned / apart) @ first)
        u_slope = 1.0 + 0.5 * v / root + root * np.diag(turned)
        visible = exact > tol
        relative = float((error[visible] / exact[visible]).max(initial=0.0))
        factor_slope = u_slope if sign > 0 else -u_slope / u**2
        # Both signs leave the order of u: the caller of the inverse turns its rates round.
        return Rule(w, factor, w_slope, factor_slope, float(error.max()), relative)
    return None


def _cut_nodes(a: float, tol: float, c_max: float, h: float) -> _Nodes:
    """Equal steps, the tail of terms with c_max u < tolerance / 100 summed as one of them."""
    first = math.floor((math.log(tol / 100.0) - max(math.log(c_max), 0.0)) / h)
    x = h * np.arange(first, math.ceil(_right_end(a) / h), dtype=np.float64)
    _, logs = _log_density(a, x)
    w, slope = np.exp(logs), x.copy()
    # sum over k >= 0 of exp(a (x - k h)) = exp(a x) / (1 - exp(-a h))
    w[0] /= -math.expm1(-a * h)
    slope[0] -= h / math.expm1(a * h)
    kept = np.cumsum(w[::-1])[::-1] > _RIGHT_TAIL * tol * w.sum()
    x, w, slope = x[kept], w[kept] / w[kept].sum(), slope[kept]
    return _Nodes(x, w, slope - slope @ w)


def _shortened(
    sign: int,
    a: float,
    tol: float,
    c_min: float,
    c_max: float,
    nodes: _Nodes,
) -> Rule:
    """Drop terms that vanish over the whole range and merge those that are alike on it."""
    w, slope, factor = nodes.w, nodes.w * nodes.slope, np.exp(sign * nodes.tau)
    factor_slope = np.zeros_like(factor)
    order = np.argsort(factor)
    w, slope, factor = w[order], slope[order], factor[order]
    if c_min > 0:
        kept = c_min * factor < math.log(1.0 / (_PRUNE * tol))
        kept[0] = True
        w, slope, factor, factor_slope = w[kept], slope[kept], factor[kept], factor_slope[kept]
    if math.isfinite(c_max):
        # |sum w exp(-c f) - W exp(-c F)| <= c^2/2 sum w (f - F)^2 for the mean F
        total, first = np.cumsum(w), np.cumsum(w * factor)
        spread = np.cumsum(w * factor**2) - first**2 / total
        alike = c_max**2 / 2.0 * spread <= _MERGE * tol
        count = int(np.argmin(alike)) if not alike.all() else len(w)
        if count > 1:
            mean = first[count - 1] / total[count - 1]
            turn = (slope[:count] @ (factor[:count] - mean)) / total[count - 1]
            w = np.concatenate([[total[count - 1]], w[count:]])
            slope = np.concatenate([[slope[:count].sum()], slope[count:]])
            factor = np.concatenate([[mean], factor[count:]])
            factor_slope = np.concatenate([[turn], np.zeros(len(w) - 1)])
    c = _probes(sign, a, tol, c_min, c_max, 0.03)
    exact = _exact(sign, a, c)
    error = np.abs(np.exp(-np.minimum(c[:, None] * factor, 800.0)) @ w - exact)
    visible = exact > tol
    relative = float((error[visible] / exact[visible]).max(initial=0.0))
    if sign < 0:  # rates increase with decreasing u: the caller turns them round
        w, slope, factor, factor_slope = w[::-1], slope[::-1], factor[::-1], factor_slope[::-1]
    return Rule(w, factor, slope, factor_slope, float(error.max()), relative)


def _probes(sign: int, a: float, tol: float, c_min: float, c_max: float, spacing: float) -> Array:
    """Values of c where the error is measured: evenly in log c where the kernel is neither 1 nor 0.

    The error of a trapezoidal rule oscillates in log c with the period of its step.
    """
    depth = math.log(1.0 / tol) + 3.0
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
    left = min(-40.0 / a, -8.0)
    if a >= _NEAR_GAUSSIAN:  # where the density has fallen to exp(-45)
        left = -math.sqrt(90.0 / a)
        for _ in range(8):
            left -= (math.expm1(left) - left - 45.0 / a) / math.expm1(left)
    x = np.arange(left, _right_end(a), h, dtype=np.float64)
    center, logs = _log_density(a, x)
    w = np.exp(logs)
    return _sum(sign, c, _Nodes(x + center, w / w.sum(), x))


def _sum(sign: int, c: Array, nodes: _Nodes) -> Array:
    exponent = np.minimum(c[:, None] * np.exp(sign * nodes.tau), 800.0)
    return np.asarray(np.exp(-exponent) @ nodes.w)
