"""Average exactly by closed forms, whose cost does not grow with the group."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from symkernel.backends import execute
from symkernel.backends.arrays import namespace
from symkernel.backends.forms import FormTable, Powers, Rates, scratch_bytes
from symkernel.backends.prepared import Prepared
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.groups.by_group import ByGroup
from symkernel.groups.structure import Structure
from symkernel.plans import rounded
from symkernel.plans.base import Array, BaseSpec, Cost, Plan
from symkernel.plans.mixtures import Mixture, mixture_of
from symkernel.plans.recognise import recognise

# The permanents of all minors take a table of 2^(n+1) vectors: 128 MiB for 20 points.
MAX_MINORS = 20

# Forms of inner products cancel |x|^2 + |y|^2 against them: beyond this many squared length scales
# (relative rounding 1e-4; in single precision 0.015) their values have no meaning, and the
# invariants of degree six that the matrix Fisher constant is made of come near overflow.
_LARGEST_EXPONENT = {np.dtype(np.float64): 1e12, np.dtype(np.float32): 2.5e5}
# Values of a single Gaussian come from differences there, up to where its length scale is the
# rounding of the samples; a smaller one tells no more.
_SHARPEST_EXPONENT = 1e30
# Up to here derivatives for length scales per feature have a relative error of 1e-3; beyond, they
# are taken as what they are there relative to the kernel.
_LARGEST_PER_FEATURE = 1e10

# Rounding makes a relative error of eps times the exponent: single precision keeps 5e-6 up to here;
# beyond, its samples are computed with in double precision and results are rounded.
LARGEST_SINGLE_EXPONENT = 24.0

# Longest distances in length scales that mixtures are made for.
_SHORTEST, _LONGEST = 1e-6, 1e100
# The same where the cost of a mixture is asked for that has too long a tail without one.
_TYPICAL = 1e3

# Multiply-adds and exponentials per pair, rate and row permutation, beside the products of points
# (counted from the native code; a reciprocal root counts as four multiply-adds).
_PAIR_COST = {
    "rotations_3": (330.0, 1.0),
    "orthogonal_3": (660.0, 2.0),
    "rotations_2": (40.0, 1.0),
    "orthogonal_2": (80.0, 2.0),
    "sphere": (45.0, 1.0),
    "octahedral": (30.0, 9.0),
    "octahedral_rotations": (60.0, 9.0),
}

_DESCRIPTION = {
    "rotations_3": "matrix Fisher constant of SO(3)",
    "orthogonal_3": "matrix Fisher constants of O(3)",
    "rotations_2": "Bessel function of SO(2)",
    "orthogonal_2": "Bessel functions of O(2)",
    "sphere": "spherical average of one vector",
    "octahedral": "permanent of 2 cosh M for the 48 elements of Oh",
    "octahedral_rotations": "signed permanents of M for the 24 elements of O",
    "sign_flips": "product of one factor per feature for all sign flips",
    "permanents": "permanent of k(x_i, y_j) for all permutations",
    "signed_permanents": "permanent of (k(x_i, y_j) + k(x_i, -y_j))/2 for all signed permutations",
}


class ClosedForm(Plan):
    """Average of an RBF kernel, a mixture of RBF kernels or a Laplacian, by a formula.

    Sign flips: a product over features or points. Symmetric and hyperoctahedral groups on points:
    a permanent. SO(2), O(2), SO(3), O(3) on clouds, SO(d) and O(d) on one vector: Bessel functions
    and the matrix Fisher constant. Oh and O on clouds: the permanent of a 3 x 3 matrix.
    Translations are removed by centring; a finite group of permutations of the points is summed
    over. Formulas and sources stand in ``cpp/include/symkernel``. The Laplacian, a product over
    features, has its closed forms under sign flips and under permutations.

    Parameters
    ----------
    base : BaseSpec
        RBF, Matern, rational quadratic or Laplacian.
    group : Group
        Group whose normal form is one of those above.
    tol : float, default=1e-13
        Largest error of a mixture, relative to k(x, x).

    Raises
    ------
    NotApplicableError
        If the base kernel is none of these, or has no closed form over the group.
    """

    method = "closed_form"
    exact = True
    packs = True

    def __init__(self, base: BaseSpec, group: Group, tol: float = 1e-13) -> None:
        self.base = base
        self.group = group
        self._structure, self._table = self._recognised(group)
        traits = base.traits
        if self._table.form in _PAIR_COST and traits.mixture and traits.kink:
            raise NotApplicableError(
                "a kernel with a kink at distance 0 (such as Laplacian or Matern with nu < 1) "
                "needs distances, and this closed form has inner products only"
            )
        self._tolerance = tol
        self.error = 1e-14
        mixture = None if base.traits.manhattan else self._mixture(math.inf)
        # Rates that do not depend on the samples, and those of the last call in its unit.
        self._fixed: Rates | None = None
        if mixture is None:
            self._fixed = _laplacian(base)
        elif len(mixture) == 1 and mixture.error == 0.0:
            self._fixed = weighted_rates(mixture)
        self._last: tuple[Rates, float, float, Rates] | None = None
        if mixture is not None:
            self.error = max(mixture.error, self.error)
        self.cost = form_cost(self._table, 1 if mixture is None else len(mixture))
        self.scratch = scratch_bytes(self._table)
        self.steps = (
            *self._structure.centring,
            *sum_step(self._table),
            *_mixture_step(mixture),
            *_scratch_step(self.scratch),
            _description(self._table),
        )

    def _recognised(self, group: Group) -> tuple[Structure, FormTable]:
        return group.structure, _form_table(group)

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        ready, other, rates = self._prepared(X, Y)
        return rounded.gram(self._table, rates, ready, other, X.dtype, n_jobs)

    def gram_packed(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(X, X) in LAPACK's rectangular full packed format, shape (n (n + 1) / 2,)."""
        ready, _, rates = self._prepared(X)
        if ready.dtype != X.dtype:  # computed in double precision, rounded block by block
            return super().gram_packed(X, n_jobs)
        return execute.form_packed(self._table, rates, ready, n_jobs)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs (on the CPU about sixteen times as many)."""
        ready, _, rates = self._prepared(X)
        values = execute.form_diagonal(self._table, rates, ready, n_jobs=n_jobs)[0]
        return values.astype(X.dtype, copy=False)

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        ready, other, rates = self._prepared(X, None if Y is X else Y)
        return rounded.matvec(self._table, rates, ready, other, V, n_jobs)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        per_feature = self._per_feature()
        ready, _, rates = self._prepared(X)
        blunt = self._blunt(ready, rates) if per_feature else None
        if blunt is None:
            return rounded.gram_gradient(self._table, rates, ready, X.dtype, n_jobs, per_feature)
        K = rounded.gram(self._table, rates, ready, None, X.dtype, n_jobs)
        broad, slopes = rounded.gram_gradient(self._table, blunt, ready, X.dtype, n_jobs, True)
        slopes *= _ratio(K, broad)[:, :, None]
        return K, slopes

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        per_feature = self._per_feature()
        ready, _, rates = self._prepared(X)
        blunt = self._blunt(ready, rates) if per_feature else None
        values, gradient = execute.form_diagonal(
            self._table, blunt or rates, ready, True, per_feature, n_jobs
        )
        if blunt is not None:
            sharp = execute.form_diagonal(self._table, rates, ready, n_jobs=n_jobs)[0]
            values, gradient = sharp, gradient * _ratio(sharp, values)[:, None]
        return values.astype(X.dtype, copy=False), gradient.astype(X.dtype, copy=False)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        self._require_minors("samples")
        ready, other, rates, unit = self._in_units(X, Y, sharp=False)
        assert other is not None
        weights = V.astype(ready.dtype, copy=False)
        gradient = execute.form_gradient_x(self._table, rates, ready, other, weights, n_jobs)
        return self._unprepared(gradient, unit).astype(V.dtype, copy=False)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        self._require_minors("samples")
        ready, _, rates, unit = self._in_units(X, sharp=False)
        gradient = execute.form_diagonal_gradient_x(self._table, rates, ready, n_jobs)
        return self._unprepared(gradient, unit).astype(X.dtype, copy=False)

    def _unprepared(self, gradient: Array, unit: float) -> Array:
        """Gradients in samples as they were given; centring is an orthogonal projection."""
        flat = gradient.reshape(-1, gradient.shape[-1]) * gradient.dtype.type(1.0 / unit)
        return self.base.unscaled_gradient(self._structure.centred(flat)).reshape(gradient.shape)

    def _require_minors(self, what: str) -> None:
        most = max((p for p, _ in self._table.blocks), default=0)
        if self._table.form in ("permanents", "signed_permanents") and most > MAX_MINORS:
            raise NotApplicableError(
                f"derivatives for {what} need the permanents of all minors, which {most} points "
                f"put out of reach: at most {MAX_MINORS} are supported"
            )

    def _prepared(
        self, X: Array, Y: Array | None = None
    ) -> tuple[Array, Array | None, Rates | Powers]:
        """Centred samples, and rates that they allow."""
        return self._in_units(X, Y)[:3]

    @property
    def preparation(self) -> Hashable:
        """The units of the samples; centring goes with the group."""
        return "closed", self.base.units

    def prepare(self, X: Array) -> Array | Prepared:
        """Centre samples, in units of the length scales, for more than one call."""
        return self._kept(X)

    def _kept(self, X: Array) -> Prepared:
        rows = self._structure.centred(self.base.scaled(X.astype(np.float64, copy=False)))
        return Prepared(rows, X.dtype)

    def _in_units(
        self, X: Array, Y: Array | None = None, sharp: bool = True
    ) -> tuple[Array, Array | None, Rates | Powers, float]:
        """Centred samples, rates that they allow, and the unit that X was divided by.

        Of inner products, the rates of a mixture are capped: a Gaussian narrower than the rounding
        of distances has a weight in a mixture without a kink that is below the tolerance. A single
        rate is capped where its length scale is the rounding of the samples; it is refused far
        below that unless `sharp`. Samples are brought to a radius near 1 by a power of two, for
        squares of inner products and of rates must not overflow in single precision. Samples in
        single precision become double where that cannot give their exponents.
        """
        given = [Z for Z in (X, Y) if Z is not None]
        samples = [Z if isinstance(Z, Prepared) else self._kept(Z) for Z in given]
        radii = [Z.radius for Z in samples]
        reach = radii[0] + radii[-1]  # no distance exceeds it
        dtype = X.dtype
        if dtype != np.float64 and self._needs_double(reach):
            dtype = np.dtype(np.float64)
        unit = 1.0
        rates = self._fixed or weighted_rates(self._mixture(reach))
        if self._table.form in _PAIR_COST:
            radius = max(radii)
            unit = 2.0 ** round(math.log2(radius)) if 0 < radius < math.inf else 1.0
            most = _LARGEST_EXPONENT[dtype]
            limit = most * (unit / radius) ** 2 if radius > 0 else math.inf
            if len(rates.rates) == 1 and rates.rates[0] * unit * unit > limit:
                if not sharp:
                    raise ValueError(
                        f"the length scale {np.sqrt(0.5 / rates.rates[0]):.3g} is too small for "
                        f"data of radius {radius:.3g}: rounding exceeds the gradients in samples"
                    )
                limit = _SHARPEST_EXPONENT * (unit / radius) ** 2
            rates = self._capped(rates, unit, limit)
        ready = [
            _in_unit(kept, dtype, unit, isinstance(Z, Prepared))
            for kept, Z in zip(samples, given, strict=True)
        ]
        return ready[0], ready[1] if len(ready) > 1 else None, rates, unit

    def _capped(self, rates: Rates, unit: float, limit: float) -> Rates:
        """Rates in a unit, up to a limit; one object as long as nothing changes."""
        if rates.rates[-1] * unit * unit <= limit:
            limit = math.inf
        last = self._last
        if last is None or last[0] is not rates or last[1:3] != (unit, limit):
            capped = np.minimum(rates.rates * unit * unit, limit)
            last = rates, unit, limit, replace(rates, rates=capped)
            self._last = last
        return last[3]

    def _blunt(self, ready: Any, rates: Rates | Powers) -> Rates | None:
        """The rate that derivatives per feature bear, if that is not the one asked for.

        They are then taken relative to the kernel, which falls as a power of the length scale.
        """
        if self._table.form not in _PAIR_COST or not isinstance(rates, Rates):
            return None
        most = _LARGEST_PER_FEATURE
        square = ready.radius**2 if isinstance(ready, Prepared) else largest_square(ready)
        if len(rates.rates) > 1 or rates.rates[0] * square <= most * (1.0 + 1e-9):
            return None
        return replace(rates, rates=np.array([most / square]))

    def _per_feature(self) -> bool:
        """Whether derivatives are those for a length scale per feature."""
        if self.base.scale is None:
            return False
        self._require_minors("a length scale per feature")
        return True

    def _needs_double(self, reach: float) -> bool:
        """Whether exponents at distances up to reach are too large for single precision."""
        if self.base.traits.manhattan:
            farthest = math.sqrt(self.group.degree) * reach  # |x|_1 <= sqrt(d) |x|_2
            return self.base.parameters[0] * farthest > LARGEST_SINGLE_EXPONENT
        return reach / self.base.length_scale > math.sqrt(2.0 * LARGEST_SINGLE_EXPONENT)

    def _mixture(self, reach: float) -> Mixture:
        return mixture_within(self.base, self._tolerance, reach)


def mixture_within(base: BaseSpec, tolerance: float, reach: float) -> Mixture:
    """Return the mixture for distances up to reach; infinity asks for what to expect."""
    if math.isfinite(reach):
        scale = base.length_scale
        reach = min(max(reach / scale, _SHORTEST), _LONGEST) * scale
    try:
        return mixture_of(base, tolerance, reach)
    except NotApplicableError:
        raise
    except ValueError as error:
        if math.isinf(reach):
            return mixture_within(base, tolerance, _TYPICAL * base.length_scale)
        raise NotApplicableError(str(error)) from None


def _recognised_table(group: Group) -> FormTable:
    return recognise(group.structure)


_form_table = ByGroup(_recognised_table)


def _in_unit(samples: Prepared, dtype: np.dtype[Any], unit: float, kept: bool) -> Any:
    """Samples over a unit, contiguous; prepared for more calls where they are kept."""

    def scaled() -> Array:
        rows: Array = samples.rows.astype(dtype, copy=False)
        if unit != 1.0:
            rows = rows * dtype.type(1.0 / unit)
        contiguous: Array = namespace(rows).ascontiguousarray(rows)
        return contiguous

    return samples.derived((dtype, unit), scaled) if kept else scaled()


def _description(table: FormTable) -> str:
    if table.form == "signed_permanents" and max(p for p, _ in table.blocks) == 1:
        return "product over points of (k(x_i, y_i) + k(x_i, -y_i))/2 for all their sign flips"
    return _DESCRIPTION[table.form]


def _ratio(values: Array, others: Array) -> Array:
    """Divide values by others, 0 where those vanish."""
    xp = namespace(values)
    ratio: Array = values / xp.where(others > 0, others, 1)
    return xp.where(others > 0, ratio, 0).astype(values.dtype)  # type: ignore[no-any-return]


def largest_square(X: Array) -> float:
    """Largest |x|^2, which single precision may not hold."""
    if not X.size:
        return 0.0
    return float(namespace(X).einsum("ij,ij->i", X, X, dtype=np.float64).max())


def _laplacian(base: BaseSpec) -> Rates:
    """The Laplacian itself, one rate, and its derivative for log gamma."""
    rate = np.array([base.parameters[0]])
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    return Rates(rate, np.vstack([one, zero]), np.vstack([zero, one]), "laplacian")


def weighted_rates(mixture: Mixture) -> Rates:
    """Weights of the kernel and of its derivatives.

    With K = sum_m w_m F(t_m): dK/dp = sum_m (dw_m/dp) F(t_m) + w_m (dt_m/dp / t_m) t_m F'(t_m).
    """
    weights, rates = mixture.weights, mixture.rates
    values = np.vstack([weights, mixture.weight_gradient.T])
    slopes = (weights / rates)[:, None] * mixture.rate_gradient
    return Rates(rates, values, np.vstack([np.zeros_like(weights), slopes.T]))


def form_cost(table: FormTable, n_rates: int) -> Cost:
    """Cost per pair of samples of a closed form at that many rates."""
    products = sum(p * r * r for p, r in table.blocks)
    features = sum(p * r for p, r in table.blocks)
    if table.form == "sign_flips":
        return Cost(2.0 * features * n_rates, (features + 1.0) * n_rates)
    if table.form in ("permanents", "signed_permanents"):
        entries = float(sum(p * p for p, _ in table.blocks))
        distances = float(sum(p * p * r for p, r in table.blocks))
        signs = 2.0 if table.form == "signed_permanents" else 1.0
        work = sum(p * 2.0 ** (p - 1) for p, _ in table.blocks)
        return Cost(2 * signs * distances + work * n_rates, signs * entries * n_rates)
    adds, maps = _PAIR_COST[table.form]
    s = len(table.rows)
    products = 0 if table.form == "sphere" else products
    return Cost(s * (products + adds * n_rates), s * maps * n_rates)


def sum_step(table: FormTable) -> tuple[str, ...]:
    """What is summed over beside the closed form, in words."""
    s = len(table.rows)
    return (f"sum over {s:,} permutations of points",) if s > 1 else ()


def _scratch_step(size: int) -> tuple[str, ...]:
    return (f"tables of up to {size / 1e6:.0f} MB per thread",) if size else ()


def _mixture_step(mixture: Mixture | None) -> tuple[str, ...]:
    if mixture is None or len(mixture) == 1:
        return ()
    return (f"mixture of at most {len(mixture)} Gaussians, error {mixture.error:.0e}",)
