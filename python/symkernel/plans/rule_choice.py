"""Choose a rotation rule: of a given degree, by an a-priori bound, or by measured errors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from symkernel.backends import cpu
from symkernel.backends.element_tables import MatrixTable
from symkernel.plans.averaged import Scheme, typical
from symkernel.plans.base import Array, BaseSpec
from symkernel.plans.polynomial_tail import polynomial_degree, polynomial_tail
from symkernel.plans.rotation_sums import RotationSums

# A one-sided sum is as good as its limit, and as positive, when its error is bounded by this.
_ROUNDING = 1e-13

# Degrees of rules that errors are measured against while schemes are compared, and how many times
# the degrees of these they have to be. One more is prime: equal steps have no divisor in common.
_REFERENCE_DEGREES = (10, 12, 16, 22, 28)
_REFERENCE_DISTANCE = 1.4
_PLANAR_REFERENCE = 520

# Averages below this share of k(x, x) are too small for a bound: it is not computed to more digits.
_LEAST_SHARE = 1e-9

# A relative error beyond which a rule of both sides gives way to one of one side that reaches the
# tolerance.
_POOR = 1e-2

# Times the largest error that a few values show: averages of a sample and of its image may err to
# either side, and others a little more.
_MARGIN = 2.5


@dataclass(frozen=True)
class RuleChoice:
    """Chooses among schemes for one base kernel and one group.

    Parameters
    ----------
    base : BaseSpec
        Base kernel.
    sums : RotationSums
        How nodes are summed, and how many may be.
    two_sided : bool, optional
        Whether both sides have to be averaged (True), or one (False).
    tol : float
        Relative error to aim at.
    """

    base: BaseSpec
    sums: RotationSums
    two_sided: bool | None
    tol: float

    def of_degree(self, degree: int) -> Scheme:
        """Scheme of a degree; NotApplicableError if it takes too many terms."""
        rule = self.sums.problem.rule(degree)
        polynomial = polynomial_degree(self.base)
        exact = polynomial is not None and polynomial <= rule.degree
        one = Scheme(rule, False, exact)
        if self.two_sided is False or exact or rule.is_group:
            return self.sums.require_affordable(one, degree)
        both = Scheme(self.sums.problem.rule(degree, True), True)
        if self.two_sided is None and both.terms > self.sums.tried:
            return self.sums.require_affordable(one, degree)
        return self.sums.require_affordable(both, degree)

    def of_radius(self, radius: float, share: float = 1.0) -> Scheme | None:
        """Cheapest scheme whose bound is below the tolerance; None if none is affordable.

        Parameters
        ----------
        radius : float
            Largest norm of a sample.
        share : float, default=1.0
            Largest average relative to k(x, x), which the bound is relative to.
        """
        tail = polynomial_tail(self.base, radius) / share
        enough = _least(tail, self.tol)
        rounding = enough if self.two_sided is False else _least(tail, _ROUNDING)
        found = [
            scheme
            for scheme in (
                self._affordable(enough, self.two_sided is not False),
                None if self.two_sided else self._affordable(rounding, False),
            )
            if scheme is not None
        ]
        return min(found, key=lambda scheme: scheme.terms) if found else None

    def of_data(self, X: Array, Y: Array, n_jobs: int | None) -> Scheme:
        """Scheme by the bound, or by measured errors where the bound asks for many terms.

        If none reaches the tolerance, the last that is positive semidefinite and not too dear.
        """
        sums = self.sums
        bounded: Scheme | None = None
        if sums.trusted > 0:
            bounded = self._bounded(X, Y, n_jobs)
            if bounded is not None and bounded.terms <= sums.trusted:
                return bounded
        schemes = self._candidates(sums.tried if bounded is None else bounded.terms)
        best, best_error = Scheme(sums.problem.rule(0), False), 1.0
        one_sided: Scheme | None = None
        reference = sums.on_typical(self._reference(schemes), X, Y, n_jobs)
        for scheme in schemes:
            error = relative_error(sums.on_typical(scheme, X, Y, n_jobs), reference)
            suffices = scheme.positive or self.two_sided is False
            if error <= (self.tol if suffices else _ROUNDING):
                return scheme
            if one_sided is None and error <= self.tol:
                one_sided = scheme
            if suffices and scheme.terms <= sums.unreached:
                best, best_error = scheme, error
        # Both sides take far more permanents; and what errs in the second digit is no average,
        # positive as it may be.
        if one_sided is not None and (sums.permanents is not None or best_error > _POOR):
            return one_sided
        return replace(best, reached=False) if bounded is None else bounded

    def _bounded(self, X: Array, Y: Array, n_jobs: int | None) -> Scheme | None:
        radius = _rounded_radius(X, Y)
        scheme = self.of_radius(radius)
        if scheme is None or scheme.terms > self.sums.trusted:
            return scheme
        K = self.sums.on_typical(scheme, X, Y, n_jobs)
        return self.of_radius(radius, self._share(K, X, Y))

    def _share(self, K: Array, X: Array, Y: Array) -> float:
        """Largest average relative to the largest k(x, x), on a few samples."""
        identity = MatrixTable(np.eye(X.shape[1])[None])
        largest = float(np.abs(K).max())
        peak = largest
        for Z in (X, Y):
            few = np.ascontiguousarray(Z[typical(Z)], dtype=np.float64)
            peak = max(peak, float(np.diag(cpu.gram(self.base.native, identity, few, None)).max()))
        return max(largest / peak, _LEAST_SHARE) if peak > 0 else 1.0

    def _candidates(self, most: int) -> list[Scheme]:
        """Schemes to be measured, those with few terms first; at least one."""
        found: dict[tuple[int, bool], Scheme] = {}
        for degree in self._degrees():
            for two_sided in {self.two_sided is not False, self.two_sided is True}:
                scheme = self._affordable(degree, two_sided)
                if scheme is not None and scheme.terms <= most:
                    found.setdefault((scheme.rule.degree, scheme.two_sided), scheme)
        return sorted(found.values(), key=lambda scheme: scheme.terms)

    def _degrees(self) -> Iterable[int]:
        """Degrees that a measured rule may have."""
        last = _REFERENCE_DEGREES[-1]
        if self.sums.problem.n == 2:
            return (*range(last), *range(last, int(_PLANAR_REFERENCE / _REFERENCE_DISTANCE), 16))
        if self.sums.problem.n == 3:
            return range(int(last / _REFERENCE_DISTANCE) + 1)
        return range(self._finest())

    def _reference(self, schemes: list[Scheme]) -> Scheme:
        """A rule far beyond those of the schemes: less so in higher dimensions."""
        problem = self.sums.problem
        if problem.n == 2:
            return Scheme(problem.rule(_PLANAR_REFERENCE), False)
        if problem.n == 3:
            largest = max(scheme.rule.degree for scheme in schemes)
            least = min(_REFERENCE_DISTANCE * largest, _REFERENCE_DEGREES[-1])
            degree = next(d for d in _REFERENCE_DEGREES if d >= least)
            return Scheme(problem.rule(degree), False)
        return Scheme(problem.rule(self._finest()), False)

    def _finest(self) -> int:
        """Highest degree that is built in higher dimensions, up to 4."""
        for degree in (4, 3, 2):
            try:
                self.sums.problem.rule(degree)
            except ValueError:
                continue
            return degree
        return 1

    def _affordable(self, degree: int | None, two_sided: bool) -> Scheme | None:
        """Scheme of that degree, on both sides unless the rule is a group; None if too dear."""
        if degree is None:
            return None
        try:
            rule = self.sums.problem.rule(degree, two_sided)
        except ValueError:
            return None
        scheme = Scheme(rule, two_sided and not rule.is_group)
        return scheme if scheme.terms <= self.sums.most else None


def relative_error(K: Array, limit: Array, added: float = 0.0) -> float:
    """What K(gx, y) and K(x, y) may differ by, relative to the largest value; at most 1.

    The largest error of values, and what is added to it, with a margin. A kernel may be so sharp
    that no node of one rule sees it, or of both: 1 then.
    """
    largest = float(max(np.abs(K).max(), np.abs(limit).max()))
    if largest == 0.0:
        return 1.0
    return min(_MARGIN * (float(np.abs(K - limit).max()) + added) / largest, 1.0)


def _least(tail: Array, bound: float) -> int | None:
    below = tail <= bound
    return int(np.argmax(below)) if below.any() else None


def _rounded_radius(X: Array, Y: Array) -> float:
    """Largest norm of a sample, rounded up by at most a factor 2^(1/4)."""
    largest = max(
        float(np.einsum("ij,ij->i", Z, Z, dtype=np.float64).max(initial=0.0)) for Z in (X, Y)
    )
    return 2.0 ** (math.ceil(2.0 * math.log2(largest)) / 4.0) if largest > 0 else 0.0
