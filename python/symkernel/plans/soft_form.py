"""Weight a group in closed form: by points added to every sample, on which it acts by T.

    |sE - g sE|^2 / 2 = s^2 (tr I - tr T(g))

for an orthonormal basis E of the space of T. So the average of an RBF kernel of unit length over
samples [x, sE] weighs g by exp(kappa tr T(g)) with kappa = s^2, up to a factor that the average of
[0, sE] has too. Whatever has a closed form for clouds of more points has one with weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from symkernel.backends.arrays import is_on_device
from symkernel.backends.forms import FormTable, Rates
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Trivial
from symkernel.groups.structure import Structure
from symkernel.plans.base import Array, BaseSpec, Cost, Plan
from symkernel.plans.closed_form import ClosedForm, form_cost, mixture_within, weighted_rates

__all__ = ["Augmented", "SoftForm"]

# Largest error of a mixture relative to k(x, x).
_TOLERANCE = 1e-13


@dataclass(frozen=True, eq=False)
class Augmented:
    """Closed forms over samples with points added.

    Attributes
    ----------
    tables : tuple of FormTable
        Of augmented samples, one for each class of permutations summed over beside the form.
    weights : ndarray of shape (tables,)
        Weights of the tables, which add up to 1.
    slopes : ndarray of shape (tables, pieces)
        Derivatives of these weights for kappa of every piece.
    block : ndarray of shape (extra,)
        What is added to every sample, for kappa = 1.
    kappa : float
        Concentration of the piece that has the closed form.
    own : int
        Which piece that is.
    """

    tables: tuple[FormTable, ...]
    weights: Array
    slopes: Array
    block: Array
    kappa: float
    own: int


class _Form(ClosedForm):
    """Closed form of an RBF kernel of unit length for a table that is given."""

    def __init__(self, table: FormTable, degree: int) -> None:
        self._given = table
        unit = BaseSpec("rbf", (1.0,), scale=np.ones(degree))
        super().__init__(unit, Trivial(degree))

    def _recognised(self, group: Group) -> tuple[Structure, FormTable]:
        return group.structure, self._given


class SoftForm(Plan):
    """Weighted average of an RBF kernel, or a mixture of RBF kernels, in closed form.

    Computed in double precision, whatever that of the samples.

    Parameters
    ----------
    base : BaseSpec
        RBF, Matern or RationalQuadratic.
    group : Group
        The group, with translations or not.
    found : Augmented
        Its closed form.

    Raises
    ------
    NotApplicableError
        For other kernels, and for kernels with a kink where the form takes inner products.
    """

    method = "closed_form"
    exact = True

    def __init__(self, base: BaseSpec, group: Group, found: Augmented) -> None:
        if base.traits.manhattan or not base.traits.mixture:
            raise NotApplicableError(
                f"weights over {group!r} have a closed form for RBF, Matern and RationalQuadratic, "
                f"not for {base.name!r}; ChainKernel mixes averages over groups for any kernel"
            )
        self.base = base
        self.group = group
        self._structure = group.structure
        self._found = found
        on_points = found.tables[0].form not in ("permanents", "signed_permanents")
        if on_points and base.traits.kink:
            raise NotApplicableError(
                "a kernel with a kink at distance 0 (such as Matern with nu < 1) needs distances, "
                "and this closed form has inner products only: use Matern with nu >= 1.5, or RBF"
            )
        degree = group.degree + found.block.size
        self._forms = tuple(_Form(table, degree) for table in found.tables)
        self._norm: float | None = None
        mixture = mixture_within(base, _TOLERANCE, math.inf)
        self.error = max(1e-14, mixture.error)
        each = [form_cost(table, len(mixture)) for table in found.tables]
        self.cost = Cost(sum(c.multiply_adds for c in each), sum(c.maps for c in each))
        self.steps = (
            *self._structure.centring,
            f"{found.block.size} features added to every sample, on which the group acts",
            *((f"mixture of at most {len(mixture)} Gaussians",) if len(mixture) > 1 else ()),
            self._forms[0].steps[-1],
        )

    # -- samples ------------------------------------------------------------------------------

    def _there(self, X: Array) -> Array:
        """Samples centred, in units of the length scale per feature, in double precision."""
        if is_on_device(X):
            raise NotApplicableError(
                "weighted averages are computed on the CPU only: give NumPy arrays"
            )
        scaled: Array = self.base.scaled(X.astype(np.float64, copy=False))
        return np.ascontiguousarray(self._structure.centred(scaled))

    def _augmented(self, Z: Array, unit: float) -> Array:
        extra = math.sqrt(self._found.kappa) * self._found.block
        return np.hstack([Z * unit, np.tile(extra, (len(Z), 1))])

    def _rates(self, *samples: Array) -> Rates:
        radii = [float(np.sqrt(np.square(Z).sum(axis=1).max())) for Z in samples if Z.size]
        reach = 2.0 * max(radii, default=1.0)
        return weighted_rates(mixture_within(self.base, _TOLERANCE, reach))

    def _terms(self, rates: Rates) -> Iterator[tuple[int, float, float]]:
        """Number, weight and unit of every Gaussian of a mixture."""
        for m, (rate, weight) in enumerate(zip(rates.rates, rates.values[0], strict=True)):
            yield m, float(weight), math.sqrt(2.0 * float(rate))

    @property
    def _constant(self) -> float:
        """Average of the added points alone."""
        if self._norm is None:
            nothing = self._augmented(np.zeros((1, self.group.degree)), 1.0)
            self._norm = float(self._forms[0].diag(nothing)[0])
        return self._norm

    def _summed(self, rates: Rates, compute: Callable[[_Form, float], Array]) -> Any:
        """Sum of what every form makes at every rate, less weight below rounding."""
        total: Any = 0.0
        for _, weight, unit in self._terms(rates):
            for form, share in zip(self._forms, self._found.weights, strict=True):
                if share > 0.0:
                    total = total + weight * float(share) / self._constant * compute(form, unit)
        return total

    # -- values -------------------------------------------------------------------------------

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        left = self._there(X)
        right = None if Y is None else self._there(Y)

        def values(form: _Form, unit: float) -> Array:
            other = None if right is None else self._augmented(right, unit)
            return form.gram(self._augmented(left, unit), other, n_jobs)

        rates = self._rates(left) if right is None else self._rates(left, right)
        return _as(self._summed(rates, values), X)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs."""
        Z = self._there(X)
        diagonal = self._summed(
            self._rates(Z), lambda form, unit: form.diag(self._augmented(Z, unit), n_jobs)
        )
        return _as(diagonal, X)

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        left, right = self._there(X), self._there(Y)
        weights = np.ascontiguousarray(V, np.float64)

        def values(form: _Form, unit: float) -> Array:
            pair = self._augmented(left, unit), self._augmented(right, unit)
            return form.matvec(*pair, weights, n_jobs)

        return _as(self._summed(self._rates(left, right), values), V)

    # -- derivatives --------------------------------------------------------------------------

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives, for logarithms of hyperparameters and then every kappa."""
        Z = self._there(X)
        found = self._differentiated(
            Z, lambda form, unit: form.gradient(self._augmented(Z, unit), n_jobs)
        )
        return _as(found[0], X), _as(found[1], X)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, as `gradient`, shapes (n,) and (n, p + kappas)."""
        Z = self._there(X)
        found = self._differentiated(
            Z, lambda form, unit: form.diag_gradient(self._augmented(Z, unit), n_jobs)
        )
        return _as(found[0], X), _as(found[1], X)

    def _differentiated(
        self, Z: Array, compute: Callable[[_Form, float], tuple[Array, Array]]
    ) -> tuple[Array, Array]:
        d, found, rates = self.group.degree, self._found, self._rates(Z)
        norm, norm_slope = self._constant, self._constant_slope()
        per_feature = self.base.scale is not None
        K: Any = 0.0
        soft: list[Any] = [0.0] * found.slopes.shape[1]
        planes: list[Any] = [0.0] * (d if per_feature else len(rates.values) - 1)
        for m, weight, unit in self._terms(rates):
            for form, share, slopes in zip(self._forms, found.weights, found.slopes, strict=True):
                values, slope = compute(form, unit)
                values = values / norm
                inner = slope[..., :d] / norm
                K = K + weight * float(share) * values
                for k, own in enumerate(slopes):
                    soft[k] = soft[k] + weight * float(own) * values
                if found.kappa > 0.0:
                    # kappa = s^2 / l^2 for the length l of the added features
                    outer = slope[..., d:].sum(axis=-1) / (-2.0 * found.kappa * norm)
                    change = outer - values * (norm_slope / norm)
                    soft[found.own] = soft[found.own] + weight * float(share) * change
                if per_feature:
                    planes = [
                        p + weight * float(share) * inner[..., j] for j, p in enumerate(planes)
                    ]
                    continue
                total = -0.5 * inner.sum(axis=-1)  # for the logarithm of the rate
                planes = [
                    p
                    + float(share)
                    * (float(rates.values[c, m]) * values + float(rates.slopes[c, m]) * total)
                    for c, p in enumerate(planes, 1)
                ]
        if found.kappa == 0.0:  # derivatives of the length of what is 0 do not tell that for kappa
            soft[found.own] = np.full_like(K, np.nan)
        return K, np.stack([*planes, *soft], axis=-1)

    def _constant_slope(self) -> float:
        """Derivative of the average of the added points for kappa, 0 where that is not told."""
        if self._found.kappa == 0.0:
            return 0.0
        nothing = self._augmented(np.zeros((1, self.group.degree)), 1.0)
        slope = self._forms[0].diag_gradient(nothing)[1]
        return float(slope[0, self.group.degree :].sum()) / (-2.0 * self._found.kappa)

    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        left, right = self._there(X), self._there(Y)
        weights = np.ascontiguousarray(V, np.float64)
        d = self.group.degree

        def slopes(form: _Form, unit: float) -> Array:
            pair = self._augmented(left, unit), self._augmented(right, unit)
            return unit * form.gradient_x(*pair, weights, n_jobs)[..., :d]

        return _as(self._back(self._summed(self._rates(left, right), slopes)), V)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        Z = self._there(X)
        d = self.group.degree

        def slopes(form: _Form, unit: float) -> Array:
            return unit * form.diag_gradient_x(self._augmented(Z, unit), n_jobs)[..., :d]

        return _as(self._back(self._summed(self._rates(Z), slopes)), X)

    def _back(self, gradient: Array) -> Array:
        """Gradients in samples as they were given; centring is an orthogonal projection."""
        flat = gradient.reshape(-1, gradient.shape[-1])
        return self.base.unscaled_gradient(self._structure.centred(flat)).reshape(gradient.shape)


def _as(values: Any, like: Array) -> Array:
    """Values in the precision of others."""
    return np.asarray(values).astype(like.dtype, copy=False)
