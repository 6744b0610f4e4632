"""Slow, obvious NumPy truth: one loop over the group's elements, one formula per base kernel."""

from __future__ import annotations

import math
from functools import cache
from itertools import product

import mpmath
import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import i0e
from sklearn.gaussian_process import kernels as skl
from symkernel import kernels as sym
from symkernel.groups import Torus, Trivial


def angles(X, Y):
    """Angle theta between rows and pi - theta, each with all its digits (Kahan).

    Both are pi/2 where a row is zero.
    """
    unit = []
    for Z in (X, Y):
        norm = np.linalg.norm(Z, axis=1, keepdims=True)
        unit.append(np.divide(Z, norm, out=np.zeros_like(Z), where=norm > 0))
    difference = np.linalg.norm(unit[0][:, None] - unit[1][None], axis=2)
    total = np.linalg.norm(unit[0][:, None] + unit[1][None], axis=2)
    zero = (difference == 0) & (total == 0)
    theta = np.where(zero, np.pi / 2, 2 * np.arctan2(difference, total))
    return theta, np.where(zero, np.pi / 2, 2 * np.arctan2(total, difference))


def arc_cosine_angular(phi, order):
    """J_n(pi - phi); in 40 digits for small phi, where its terms cancel in double precision."""
    s, c = np.sin(phi), -np.cos(phi)
    result = [phi, s + phi * c, 3 * s * c + phi * (1 + 2 * c * c)][order]
    if order > 0:
        small = phi < 0.8
        result[small] = [precise_arc_cosine_angular(p, order) for p in phi[small]]
    return result


@cache
def precise_arc_cosine_angular(phi, order):
    with mpmath.workdps(40):
        phi = mpmath.mpf(float(phi))
        s, c = mpmath.sin(phi), -mpmath.cos(phi)
        return float([phi, s + phi * c, 3 * s * c + phi * (1 + 2 * c * c)][order])


def arc_cosine(X, Y, order):
    norms = np.linalg.norm(X, axis=1)[:, None] * np.linalg.norm(Y, axis=1)
    return norms**order * arc_cosine_angular(angles(X, Y)[1], order) / np.pi


def base_kernel(base, X, Y):
    """The base kernel between rows of X and Y, from differences rather than inner products."""
    X, Y = np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64)
    if isinstance(base, skl.Matern):
        r = cdist(X / base.length_scale, Y / base.length_scale)
        if base.nu == math.inf:
            return np.exp(-(r**2) / 2)
        s = math.sqrt(2 * base.nu) * r
        return {0.5: 1 + 0 * s, 1.5: 1 + s, 2.5: 1 + s + s * s / 3}[base.nu] * np.exp(-s)
    if isinstance(base, skl.RBF):
        return np.exp(-cdist(X / base.length_scale, Y / base.length_scale, "sqeuclidean") / 2)
    if isinstance(base, skl.RationalQuadratic):
        square = cdist(X, Y, "sqeuclidean")
        return (1 + square / (2 * base.alpha * base.length_scale**2)) ** -base.alpha
    if isinstance(base, skl.DotProduct):
        return X @ Y.T + base.sigma_0**2
    if isinstance(base, sym.Polynomial):
        return (base.gamma * (X @ Y.T) + base.coef0) ** base.degree
    if isinstance(base, sym.Laplacian):
        return np.exp(-base.gamma * cdist(X, Y, "cityblock"))
    if isinstance(base, sym.ArcCosine):
        return arc_cosine(X, Y, base.order)
    if isinstance(base, sym.PowerExponential):
        return np.exp(-(cdist(X / base.length_scale, Y / base.length_scale) ** base.exponent))
    if isinstance(base, sym.VonMises):
        return np.exp(base.kappa * (np.cos(_turns(base, X[:, None] - Y[None])) - 1).sum(axis=2))
    raise TypeError(type(base))


def radial(kernel, s, alpha=1.0):
    """phi(s) of a kernel of s = |x - y|^2 / l^2, and three derivatives, which are 0 if infinite."""
    s = np.asarray(s, dtype=np.float64)
    if kernel == "rbf":
        e = np.exp(-s / 2)
        return e, -e / 2, e / 4, -e / 8
    if kernel == "rational_quadratic":
        u, a = 1 + s / (2 * alpha), alpha
        second, third = (a + 1) / (4 * a), -(a + 1) * (a + 2) / (8 * a * a)
        return u**-a, -0.5 * u ** (-a - 1), second * u ** (-a - 2), third * u ** (-a - 3)
    nu = {"matern32": 3, "matern52": 5, "matern72": 7}[kernel]
    a = np.sqrt(nu * s)
    e, over = np.exp(-a), np.divide(1.0, a, out=np.zeros_like(a), where=a > 1e-99)
    if nu == 3:
        return (1 + a) * e, -1.5 * e, 2.25 * e * over, -3.375 * e * (1 + a) * over * over * over
    if nu == 5:
        linear = (1 + a) * e
        return linear + a * a * e / 3, -5 / 6 * linear, 25 / 12 * e, -125 / 24 * e * over
    linear = (1 + a) * e
    value, first = linear + (2 / 5 + a / 15) * a * a * e, linear + a * a * e / 3
    return value, -7 / 10 * first, 49 / 60 * linear, -343 / 120 * e


def _turns(base, difference):
    """Angles of the modes of a von Mises kernel, from differences of coordinates."""
    if base.modes is not None:
        k = np.array(base.modes)
        points = difference.reshape(*difference.shape[:-1], -1, k.shape[1])
        difference = (points @ k.T).reshape(*difference.shape[:-1], -1)
    return difference * (2 * np.pi / base.period)


def base_gradient(base, x, Y):
    """Gradients in x of the base kernel between one row x and the rows of Y; kinks have their mean.

    Of a kernel with a kink the term of a coincident row is 0, as symmetric differences see it.
    """
    x, Y = np.asarray(x, dtype=np.float64), np.asarray(Y, dtype=np.float64)
    difference = x - Y
    if isinstance(base, skl.Matern | skl.RBF) and getattr(base, "nu", math.inf) == math.inf:
        return -base_kernel(base, x[None], Y).T * difference / np.square(base.length_scale)
    if isinstance(base, skl.Matern):
        c = 2 * base.nu / np.square(base.length_scale)
        s = np.sqrt(np.sum(c * difference**2, axis=1, keepdims=True))
        # dk/ds / s for (1), (1 + s), (1 + s + s^2/3) times exp(-s); rounding has no direction
        safe = np.where(s > 1e-13, s, np.inf)
        slope = {0.5: -1 / safe, 1.5: -1 + 0 * s, 2.5: -(1 + s) / 3}[base.nu] * np.exp(-s)
        return slope * c * difference
    if isinstance(base, skl.RationalQuadratic):
        scale = 2 * base.alpha * base.length_scale**2
        base_ = 1 + np.sum(difference**2, axis=1, keepdims=True) / scale
        return -2 * base.alpha / scale * difference * base_ ** (-base.alpha - 1)
    if isinstance(base, skl.DotProduct):
        return Y.copy()
    if isinstance(base, sym.Polynomial):
        inner = base.gamma * (Y @ x)[:, None] + base.coef0
        return base.degree * base.gamma * inner ** (base.degree - 1) * Y
    if isinstance(base, sym.Laplacian):
        return -base.gamma * np.sign(difference) * base_kernel(base, x[None], Y).T
    if isinstance(base, sym.ArcCosine):
        return arc_cosine_gradient(x, Y, base.order)
    if isinstance(base, sym.PowerExponential):
        p, scaled = base.exponent, difference / base.length_scale
        r = np.linalg.norm(scaled, axis=1, keepdims=True)
        power = np.where(r > 1e-13, r, np.inf) ** (p - 2) if p < 2 else 1.0  # as above
        return -p * power * np.exp(-(r**p)) * scaled / base.length_scale
    if isinstance(base, sym.VonMises):
        slopes = -base.kappa * np.sin(_turns(base, difference)) * base_kernel(base, x[None], Y).T
        rate = 2 * np.pi / base.period
        if base.modes is None:
            return rate * slopes
        k = np.array(base.modes)
        return rate * (slopes.reshape(len(Y), -1, len(k)) @ k).reshape(Y.shape)
    raise TypeError(type(base))


def arc_cosine_gradient(x, Y, order):
    """|x|^n |y|^n J_n / pi along x, and through the angle; at x = 0 the mean over directions."""
    norm, norms = np.linalg.norm(x), np.linalg.norm(Y, axis=1, keepdims=True)
    if norm == 0:
        return {0: 0.0, 1: 0.5, 2: 0.0}[order] * Y
    u = x / norm
    v = np.divide(Y, norms, out=np.zeros_like(Y), where=norms > 0)
    theta, phi = (a.T for a in angles(x[None], Y))
    # the part of v orthogonal to u, from the smaller of v - u and v + u
    near = np.where(theta < np.pi / 2, v - u, v + u)
    tangent = near - (near @ u)[:, None] * u
    tangent -= (tangent @ u)[:, None] * u
    sine = np.linalg.norm(tangent, axis=1, keepdims=True)
    # no direction at angles 0 and pi, where rounding would give one, and for rows that are zero
    there = (sine > 1e-14) & (norms > 0)
    direction = np.divide(tangent, sine, out=np.zeros_like(tangent), where=there)
    slope = {0: 1.0, 1: phi * sine, 2: 4 * sine * arc_cosine_angular(phi, 1)}[order]
    radial = order * arc_cosine_angular(phi, order) * u
    return norm ** (order - 1) * norms**order * (radial + slope * direction) / np.pi


def orbit_gradient(base, group, X, Y, W):
    """Gradients of ``sum_j w_j K(x, y_j)`` over a group: see mean_gradient."""
    return mean_gradient(base, moved(group, np.asarray(Y, dtype=np.float64)), X, W)


def mean_gradient(base, orbit, X, W, shares=None):
    """Gradients (n, c, d) of sum_j w_j (mean of k(x, gy_j)), and the magnitude of every row.

    That is the size of its terms, which may cancel. The orbit has all y_j moved by one g after the
    other, of equal shares or of those given.
    """
    X, W = np.asarray(X, dtype=np.float64), np.asarray(W, dtype=np.float64)
    total = np.zeros((len(X), W.shape[1], X.shape[1]))
    magnitude = np.zeros(len(X))
    orbit = list(orbit)
    for k, gY in enumerate(orbit):
        share = 1.0 / len(orbit) if shares is None else shares[k]
        for i, x in enumerate(X):
            terms = share * base_gradient(base, x, gY)
            total[i] += W.T @ terms
            magnitude[i] += np.abs(W).max(axis=1, initial=0.0) @ np.linalg.norm(terms, axis=1)
    return total, magnitude


def orbit_mean(base, group, X, Y=None):
    """(1/|G|) sum over g of k(x, g y)."""
    Y = X if Y is None else Y
    X, Y = np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64)
    total, count = np.zeros((len(X), len(Y))), 0
    for gY in moved(group, Y):
        total += base_kernel(base, X, gY)
        count += 1
    assert count == group.order or not group.is_finite
    return total / count


def magnitude(base, group, X, Y=None):
    """What the rounding of an orbit sum is relative to: the mean of its terms' magnitudes.

    Kernels of the inner product cancel inside it already, so there rows enter by absolute value.
    """
    Y = X if Y is None else Y
    X, Y = np.asarray(X, dtype=np.float64), np.asarray(Y, dtype=np.float64)
    total, count = np.zeros((len(X), len(Y))), 0
    for gY in moved(group, Y):
        if isinstance(base, skl.DotProduct | sym.Polynomial):
            total += base_kernel(base, np.abs(X), np.abs(gY))
        else:
            total += np.abs(base_kernel(base, X, gY))
        count += 1
    return total / count


# Equal steps about a circle: a sum over them is the mean of exp(z cos) to rounding for z <= 4.
SHIFTS = 24


def moved(group, Y):
    """Yield g Y for every element; for equally spaced shifts where a Torus shifts the angles."""
    if group.is_finite:
        yield from (g.apply(Y) for g in group.elements())
        return
    parts = group.factors()[0].group.role.parts
    if parts:  # groups on columns of their own, one after the other
        (own, columns), *others = parts
        for part in moved(own, Y[:, list(columns)]):
            gY = Y.copy()
            gY[:, list(columns)] = part
            rest = Trivial(group.degree)
            for other, at in others:
                new = other.on(at, group.degree)
                rest = new if rest.order == 1 else rest * new
            yield from moved(rest, gY)
        return
    (torus,) = (f for f in group.factors() if isinstance(f.group, Torus))
    finite = [f.group.along(f.axes, f.shape) for f in group.factors() if f.group.is_finite]
    (axis,) = torus.axes
    steps = np.linspace(0, 2 * np.pi, SHIFTS, endpoint=False)
    shape = [-1 if a == axis else 1 for a in range(len(torus.shape))]
    for shift in product(steps, repeat=torus.group.degree):
        shifted = (Y.reshape(len(Y), *torus.shape) + np.reshape(shift, shape)).reshape(Y.shape)
        yield from moved(finite[0], shifted) if finite else [shifted]


def cloud(p, d, a):
    """Points of full rank, without randomness: sin(a (i+1)(j+1) + 0.4 j)."""
    i, j = np.arange(p)[:, None], np.arange(d)[None, :]
    return np.sin(a * (i + 1) * (j + 1) + 0.4 * j)


def relative_error(got, want, scale=None):
    """Largest error of an entry relative to it, or to `scale` where terms of a sum cancel."""
    want = np.asarray(want, dtype=np.float64)
    scale = np.abs(want) if scale is None else np.asarray(scale)
    error = np.abs(np.asarray(got, dtype=np.float64) - want)
    safe = np.where(scale > 0, scale, 1.0)
    return float((np.where(scale > 0, error / safe, error)).max(initial=0.0))


def matrix_fisher(M):
    """Mean of exp(tr M^T R) over SO(3), by Wood's integral of Bessel functions (1993).

    The integral itself has no cancellation and is done in double precision; singular values and
    the exponential before it have all digits.
    """
    M = mpmath.matrix(M)
    s = sorted(mpmath.svd_r(M, compute_uv=False), reverse=True)
    minors = [M[1, i] * M[2, j] - M[1, j] * M[2, i] for i, j in ((1, 2), (2, 0), (0, 1))]
    positive = M[0, 0] * minors[0] + M[0, 1] * minors[1] + M[0, 2] * minors[2] >= 0
    s1, s2, s3 = s[0], s[1], s[2] if positive else -s[2]
    t, weights = np.polynomial.legendre.leggauss(40)  # more lose digits
    # v = 1 - u, in panels that halve towards 0: the integrand falls within 1 / (s2 + s3)
    ends = np.concatenate([[0.0], 2.0 ** np.arange(-40.0, 2.0)])
    half = np.diff(ends)[:, None] / 2
    v, w = (ends[:-1, None] + half * (1 + t)).ravel(), (half * weights).ravel()
    left, right = float(s1 - s2) * v / 2, float(s1 + s2) * (2 - v) / 2
    decay = np.exp(-float(s2 + s3) * v)
    return mpmath.exp(s1 + s2 + s3) * mpmath.mpf(float(w @ (i0e(left) * i0e(right) * decay) / 2))


def rbf_average(mean, X, Y, length_scale):
    """Average of an RBF kernel over linear maps g, from mean(M) of exp(tr M^T g), M = X^T Y / l^2.

    X and Y are samples (n, p, d); everything in 40 digits.
    """
    result = np.empty((len(X), len(Y)))
    with mpmath.workdps(40):
        square = mpmath.mpf(length_scale) ** 2
        for i, x in enumerate(X):
            for j, y in enumerate(Y):
                a, b = mpmath.matrix(x.tolist()), mpmath.matrix(y.tolist())
                norms = sum(v * v for v in a) + sum(v * v for v in b)
                M = a.T * b / square
                result[i, j] = mpmath.exp(-norms / (2 * square)) * mean(M)
    return result


def mean_rotations_3(M):
    return matrix_fisher(M)


def mean_orthogonal_3(M):
    return (matrix_fisher(M) + matrix_fisher(-M)) / 2


def mean_rotations_2(M):
    return mpmath.besseli(0, mpmath.hypot(M[0, 0] + M[1, 1], M[0, 1] - M[1, 0]))


def mean_orthogonal_2(M):
    mirrored = mpmath.besseli(0, mpmath.hypot(M[0, 0] - M[1, 1], M[0, 1] + M[1, 0]))
    return (mean_rotations_2(M) + mirrored) / 2


def mean_sphere(M):
    """Mean over SO(d) for one vector; M is the outer product x y^T / l^2."""
    norm = mpmath.sqrt(sum(v * v for v in M))
    return mpmath.hyp0f1(mpmath.mpf(M.rows) / 2, norm * norm / 4)


def packed_triangle(K):
    """LAPACK's rectangular full packed format (TRANSR = 'N', UPLO = 'L'), entry by entry."""
    n = len(K)
    half, even = (n + 1) // 2, n % 2 == 0
    rectangle = np.full((n + even, half), np.nan, dtype=K.dtype)
    for i in range(n):
        for j in range(i + 1):
            if j < half:
                rectangle[i + even, j] = K[i, j]
            else:
                rectangle[j - half, i - half + (not even)] = K[i, j]
    return rectangle.ravel(order="F")


def permanent_mean(a):
    """Permanent of a matrix of mpmath numbers, by the subset recurrence, over n!."""
    n = len(a)
    table = {0: mpmath.mpf(1)}
    for row in range(n):
        following = {}
        for subset, value in table.items():
            for j in range(n):
                if not subset >> j & 1:
                    key = subset | 1 << j
                    following[key] = following.get(key, mpmath.mpf(0)) + value * a[row][j]
        table = following
    return table[2**n - 1] / mpmath.factorial(n)


def scaled_matrix_fisher(s1, s2, s3):
    """Mean of exp(tr M^T R - s1 - s2 - s3) over SO(3), from signed singular values.

    The inverse Laplace transform of ``P(z)^(-1/2)``, ``P = z (z + 2(s2 + s3)) ...``, on Talbot's
    contour (Weideman, SIAM J. Numer. Anal. 44, 2006) to 25 digits; some 20 cancel.
    """
    nodes = 90
    with mpmath.workdps(50):
        turn, left, wide, up = (mpmath.mpf(v) for v in ("0.6407", "0.4814", "0.6122", "0.2645"))
        total = mpmath.mpf(0)
        for k in range(nodes):
            angle = -mpmath.pi + (2 * k + 1) * mpmath.pi / nodes
            cotangent = mpmath.cot(turn * angle)
            z = nodes * (wide * angle * cotangent - left + mpmath.mpc(0, up) * angle)
            slope = wide * (cotangent - turn * angle * (1 + cotangent**2)) + mpmath.mpc(0, up)
            root = mpmath.sqrt(z)
            for shift in (s2 + s3, s1 + s3, s1 + s2):
                root *= mpmath.sqrt(z + 2 * shift)
            total += mpmath.exp(z) * slope / root
        return (total / mpmath.mpc(0, 1)).real


def signed_singular_values(M):
    """s1 >= s2 >= |s3| with the sign of det M on s3, of an mpmath matrix."""
    s = sorted(mpmath.svd_r(M, compute_uv=False), reverse=True)
    return s[0], s[1], s[2] if mpmath.det(M) >= 0 else -s[2]


def least_images(group, X):
    """The image of every row that comes first in lexicographic order, by listing all of them."""
    images = np.stack([[g.apply(x) for x in X] for g in group.elements()]) + 0.0
    return np.array([min(map(tuple, column)) for column in images.swapaxes(0, 1)])


def automorphisms(adjacency, colours):
    """All permutations p with adjacency[p[i], p[j]] = adjacency[i, j] that keep colours, listed."""
    A, n = np.asarray(adjacency), len(colours)
    found = [()]
    for i in range(n):
        found = [
            (*p, a)
            for p in found
            for a in range(n)
            if a not in p
            and colours[a] == colours[i]
            and all(A[a, b] == A[i, j] for j, b in enumerate((*p, a)))
        ]
    return found
