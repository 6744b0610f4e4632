"""Find the point symmetries of a linear differential equation, from solutions on a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.lie.discovery import Discovery
from symkernel.lie.fields import Fields
from symkernel.lie.judge import Options, check_samples, report, resampled
from symkernel.lie.rows import RowMaker, Rows, Sampled
from symkernel.lie.spectrum import spectrum_of
from symkernel.lie.tangent import usual_frame
from symkernel.lie.threshold import as_threshold, by_noise
from symkernel.validation import RandomState, as_array, as_count, as_generator

__all__ = ["discover_equation"]

Array = NDArray[Any]

# Half widths of the difference stencils; the second, less accurate, tells the error.
_WIDTHS = (4, 3)
# Grid points that are used, at most, and relative size at which samples solve no equation.
_POINTS, _UNSOLVED = 20_000, 0.05


class StoredRows(RowMaker):
    """Rows that were computed before."""

    def __init__(
        self,
        algebra: Fields,
        points: NDArray[np.float64],
        derivative: NDArray[np.float64],
        size: NDArray[np.float64],
    ) -> None:
        super().__init__(algebra, points, usual_frame(points))
        self._derivative, self._size = derivative, size

    @property
    def width(self) -> int:
        """Number of rows of a sample."""
        return 1 + int(self._size.shape[1])

    def at(self, data: Sampled, rows: Any) -> Rows:
        """Return the rows of some of the samples."""
        size = self._size[rows]
        return Rows(self._derivative[rows], size, np.zeros((len(size), 0, self.algebra.dim)))


def discover_equation(
    solutions: ArrayLike,
    coordinates: Sequence[ArrayLike],
    operator: Mapping[tuple[int, ...], float],
    algebra: Fields,
    *,
    threshold: float | str = "auto",
    n_bootstrap: int = 20,
    random_state: RandomState = 0,
) -> Discovery:
    r"""Find the vector fields whose flows take solutions of a linear equation to solutions.

    Parameters
    ----------
    solutions : array-like of shape (s, N_1, ..., N_d)
        s smooth solutions u on a uniform grid of d independent variables. As few as possible have
        symmetries of their own: travelling waves or separate products alone mislead.
    coordinates : sequence of d array-like of shape (N_i,)
        Values of each independent variable, equally spaced.
    operator : mapping of tuple of int to float
        The equation sum_a c_a D^a u = 0, as orders of derivatives and coefficients: with (t, x),
        ``{(1, 0): 1.0, (0, 2): -1.0}`` is the heat equation.
    algebra : Fields
        Vector fields on d + 1 features: the independent variables, then u.
    threshold, n_bootstrap, random_state
        As in ``discover``; "auto" is a few times the error of differences, from two stencils.

    Returns
    -------
    Discovery
        The residual compares the equation applied to the characteristic with its terms.

    Raises
    ------
    ValueError
        If shapes do not fit, a grid is not uniform or too small, or the samples do not solve the
        equation.

    Notes
    -----
    A field xi^i d/dx_i + eta d/du moves a solution u by its characteristic
    ``Q = eta(x, u) - sum_i xi^i(x, u) du/dx_i``; it is a symmetry of a linear equation if Q solves
    it whenever u does, which is the prolonged criterion in evolutionary form (Olver, Applications
    of Lie Groups to Differential Equations, section 5.1). Derivatives are central differences of
    order 8.

    Examples
    --------
    The wave equation has the boost t d/dx + x d/dt, among eight affine symmetries:

    >>> import numpy as np
    >>> from symkernel import lie
    >>> t, x = np.linspace(0, 1, 41), np.linspace(-1, 1, 61)
    >>> rng = np.random.default_rng(0)
    >>> T, X = np.meshgrid(t, x, indexing="ij")
    >>> u = [np.sin(a * (X - T) + b) + c * np.cos(d * (X + T)) for a, b, c, d in
    ...      rng.uniform(0.5, 2, (6, 4))]
    >>> found = lie.discover_equation(u, (t, x), {(2, 0): 1.0, (0, 2): -1.0}, lie.affine(3))
    >>> found.dimension
    8
    """
    U, grids, steps = _grid(solutions, coordinates)
    d = len(grids)
    if not isinstance(algebra, Fields):
        raise TypeError(f"algebra must be an Algebra or other Fields, got {type(algebra).__name__}")
    if algebra.n_features != d + 1:
        raise ValueError(
            f"algebra must be on {d + 1} features, {d} independent variables and u, got "
            f"{algebra.n_features}"
        )
    terms = _terms(operator, d)
    count = as_count(n_bootstrap, "n_bootstrap", 0)
    options = Options(as_threshold(threshold), None, count, as_generator(random_state))
    margin = 2 * _WIDTHS[0]
    inner = tuple(n - 2 * margin for n in U.shape[1:])
    if min(inner) < 1:
        raise ValueError(
            f"every axis of the grid must have more than {2 * margin} points, got {U.shape[1:]}"
        )
    total = len(U) * math.prod(inner)
    chosen = np.arange(total)
    if total > _POINTS:
        chosen = np.sort(options.rng.choice(total, _POINTS, replace=False))
    derivative, parts, points, rate = _applied(U, grids, steps, terms, algebra, _WIDTHS[0], chosen)
    rough, *_ = _applied(U, grids, steps, terms, algebra, _WIDTHS[1], chosen)
    scale = math.sqrt(len(terms) / 2)  # |sum of k terms|^2 <= k sum of squares, at most 2 sizes
    size = scale * np.concatenate([rate * parts[:, :1], parts[:, 1:]], axis=1)
    maker = StoredRows(algebra, points, derivative, size)
    data = Sampled(points, points)
    notes: list[str] = []
    check_samples(total, algebra.dim, 1, notes)
    spectrum = spectrum_of(maker.blocks(data), algebra.dim)
    error = (rough - derivative)[:, 0] @ spectrum.vectors
    floor = float(np.linalg.norm(error, 2)) if error.size else 0.0
    limit = options.threshold or by_noise(
        floor, "two difference stencils differ by", spectrum.values
    )
    return report(maker, spectrum, limit, resampled(maker, data, limit, options), notes)


def _applied(
    U: NDArray[np.float64],
    grids: list[NDArray[np.float64]],
    steps: list[float],
    terms: list[tuple[tuple[int, ...], float]],
    algebra: Fields,
    width: int,
    chosen: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Apply the equation to the characteristics.

    Returns the result (n, 1, q), the characteristics and their terms (n, 1 + k, q), the points
    (n, d + 1), and the rate at which the terms change u.
    """
    d = len(grids)
    first = _WIDTHS[0]
    once = (slice(None), *(slice(first, n - first) for n in U.shape[1:]))
    slopes = [
        _trimmed(_difference(U, 1 + i, 1, width, steps[i]), 1 + i, first, width) for i in range(d)
    ]
    slopes = [
        slope[tuple(slice(None) if a == 1 + i else once[a] for a in range(d + 1))]
        for i, slope in enumerate(slopes)
    ]
    u = U[once]
    mesh = np.meshgrid(*(g[first : len(g) - first] for g in grids), indexing="ij")
    places = np.stack([np.broadcast_to(m, u.shape) for m in mesh] + [u], axis=-1)
    fields = algebra.values(places.reshape(-1, d + 1))
    Q = fields[:, :, -1] - sum(
        fields[:, :, i] * slope.reshape(-1, 1) for i, slope in enumerate(slopes)
    )
    Q = Q.reshape(*u.shape, algebra.dim)
    centre = tuple(slice(first, n - first) for n in u.shape[1:])
    kept = [_flat(Q[(slice(None), *centre)], chosen)]
    size = float(np.sqrt((U**2).mean()))
    rate, equation = 0.0, np.zeros(())
    for orders, c in terms:
        kept.append(c * _flat(_derivative(Q, orders, steps, width, first), chosen))
        term = c * _derivative(u, orders, steps, width, first)
        equation = equation + term
        rate += float(np.sqrt((term**2).mean())) / size
    if float(np.sqrt((equation**2).mean())) > _UNSOLVED * rate * size:
        raise ValueError("solutions do not solve the equation that operator gives, on this grid")
    parts = np.stack(kept, axis=1)
    inner = places[(slice(None), *centre)].reshape(-1, d + 1)[chosen]
    return parts[:, 1:].sum(axis=1, keepdims=True), parts, inner, rate


def _flat(values: NDArray[np.float64], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    return values.reshape(-1, values.shape[-1])[chosen]


def _derivative(
    values: NDArray[np.float64],
    orders: tuple[int, ...],
    steps: list[float],
    width: int,
    margin: int,
) -> NDArray[np.float64]:
    """Mixed derivative, ``margin`` points shorter at each end of every axis."""
    for i, order in enumerate(orders):
        if order:
            values = _difference(values, 1 + i, order, width, steps[i])
            values = _trimmed(values, 1 + i, margin, width)
        else:
            values = _trimmed(values, 1 + i, margin, 0)
    return values


def _difference(
    values: NDArray[np.float64], axis: int, order: int, width: int, step: float
) -> NDArray[np.float64]:
    """Central difference with 2 width + 1 points, shorter by width at each end."""
    offsets = np.arange(-width, width + 1.0)
    powers = np.vander(offsets, increasing=True).T
    weights = np.linalg.solve(powers, np.eye(len(offsets))[order]) * math.factorial(order)
    n = values.shape[axis] - 2 * width
    moved = np.moveaxis(values, axis, 0)
    total = sum(w * moved[k : k + n] for k, w in enumerate(weights))
    return np.moveaxis(np.asarray(total), 0, axis) / step**order


def _trimmed(values: NDArray[np.float64], axis: int, margin: int, done: int) -> NDArray[np.float64]:
    """Drop what is left of the margin at both ends of an axis."""
    more = margin - done
    return np.moveaxis(np.moveaxis(values, axis, 0)[more : values.shape[axis] - more], 0, axis)


def _grid(
    solutions: ArrayLike, coordinates: Sequence[ArrayLike]
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], list[float]]:
    U = np.asarray(as_array(solutions, "solutions"), np.float64)
    grids = [
        np.asarray(as_array(g, f"coordinates[{i}]"), np.float64) for i, g in enumerate(coordinates)
    ]
    if not grids or U.shape[1:] != tuple(g.size for g in grids) or not len(U):
        raise ValueError(
            f"solutions must have shape (s, {', '.join(str(g.size) for g in grids)}), one axis per "
            f"coordinate, got {U.shape}"
        )
    if not np.isfinite(U).all():
        raise ValueError("solutions contain NaN or infinity")
    if not U.any():
        raise ValueError("solutions are zero everywhere")
    steps = []
    for i, g in enumerate(grids):
        gaps = np.diff(g)
        if g.ndim != 1 or len(gaps) == 0 or not (gaps[0] > 0 and np.ptp(gaps) < 1e-6 * gaps[0]):
            raise ValueError(f"coordinates[{i}] must be ascending and equally spaced")
        steps.append(float((g[-1] - g[0]) / len(gaps)))
    return U, grids, steps


def _terms(
    operator: Mapping[tuple[int, ...], float], d: int
) -> list[tuple[tuple[int, ...], float]]:
    terms = []
    for orders, c in operator.items():
        key = tuple(orders)
        if len(key) != d or min(key) < 0 or max(key) > _WIDTHS[1]:
            raise ValueError(
                f"operator must have keys of {d} orders from 0 to {_WIDTHS[1]}, got {orders!r}"
            )
        if not np.isfinite(c):
            raise ValueError(f"operator must have finite coefficients, got {c!r}")
        if c:
            terms.append((key, float(c)))
    if not terms:
        raise ValueError("operator must have a term that is not zero")
    return terms
