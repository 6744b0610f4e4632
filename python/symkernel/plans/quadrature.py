"""Average over SO(n) and O(n), with finite groups and translations beside, by quadrature."""

from __future__ import annotations

import math

from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group
from symkernel.plans.averaged import Averaged, Nodes, Scheme
from symkernel.plans.base import Array, BaseSpec, Cost, warn_of_approximation
from symkernel.plans.polynomial_tail import polynomial_degree
from symkernel.plans.rotation_sums import RotationSums
from symkernel.plans.rule_choice import RuleChoice, relative_error

# Times the tolerance that a rule may err by on other samples than those that have chosen it.
_SLACK = 3.0


class Quadrature(Averaged):
    """Average over SO(n) or O(n), with finite groups and translations beside it, by quadrature.

    Parameters
    ----------
    base : BaseSpec
        Any base kernel of inner products or distances.
    group : Group
        One factor SO(n) or O(n) along an axis, or along each of two, finite factors that commute
        with it, translations.
        Finite factors are summed over; where that is one factor Symmetric, Young or Hyperoctahedral
        on points, of up to 24 points each kind, and the kernel RBF, Matern or rational quadratic,
        a permanent at every node takes the place of the sum if that is cheaper.
    degree : int, optional
        Degree of exactness of the rule, as for polynomials of inner products of samples: tensors
        take a rule of twice the degree in the rotation. None takes what a polynomial kernel needs,
        and for other kernels what brings the error below the tolerance on the samples of the first
        call: by the a-priori bound, or, if that asks for more than 5,000 terms or terms are
        permanents, as measured on a few pairs.
    two_sided : bool, optional
        None: both sides are averaged unless one side gives a positive semidefinite result, or both
        sides would take too many terms. False: always one side, which takes far fewer
        terms; the result is symmetric, but its smallest eigenvalue may be negative, down to -n
        times ``error``. True: both sides.
    tol : float, default=1e-6
        Relative error to aim at for ``degree=None``.
    radius : float, optional
        Largest norm of a sample, in units of the length scales per feature and after centring; None
        takes it from the samples of the first call.
    resumed : (int, bool), optional
        What ``chosen`` was in a plan that this one goes on with.

    Raises
    ------
    NotApplicableError
        If the group has no such form, or the rule would need too many terms.
    ValueError
        If a parameter is out of range.

    Warns
    -----
    ApproximationWarning
        For ``degree=None``, if the tolerance is not reached; at most 5,000 terms are used then, or
        permanents of 5e7 multiply-adds per pair.

    Notes
    -----
    Terms per pair of samples on SO(3): 60 at degree 5 (the icosahedral group); at degree 6, 7, 8,
    10 on both sides 2,744, 4,096, 13,122, 23,958, on one side 196, 256, 405, 726.
    ``error`` is measured in ``gram`` against a rule of about twice the degree, on a few pairs with
    the largest samples among them, samples with themselves and images of these: where a kernel has
    a kink at x = y, the terms of two nodes at one place err most. It is what K(gx, y) and K(x, y)
    may differ by, relative to the largest kernel value, those of samples with themselves included.
    For kernels with a kink (Matern with nu < 1) one side of degree 20 takes as many terms as both
    of degree 7, and errs a hundred times less. A degree whose both sides take more than 50,000
    terms (SO(3): 12) has one side averaged.
    Training and prediction have to use one rule: once chosen from samples it stays that of the
    plan, except where ``gram`` of one set of samples finds that it does not serve them.

    Examples
    --------
    >>> from symkernel import groups
    >>> plan = Quadrature(BaseSpec("polynomial", (1.0, 0.5, 3.0)), groups.SO(3).along(1, (4, 3)))
    >>> plan.exact
    True
    """

    method = "quadrature"

    def __init__(
        self,
        base: BaseSpec,
        group: Group,
        degree: int | None = None,
        *,
        two_sided: bool | None = None,
        tol: float = 1e-6,
        radius: float | None = None,
        resumed: tuple[int, bool] | None = None,
    ) -> None:
        super().__init__(base, group)
        if not 0 < tol < 1:
            raise ValueError(f"tol must be between 0 and 1, got {tol!r}")
        if radius is not None and not (math.isfinite(radius) and radius >= 0):
            raise ValueError(f"radius must be a finite number of at least 0, got {radius!r}")
        self.degree = degree
        self.two_sided = two_sided
        self.tol = tol
        self.radius = radius
        self._sums = RotationSums(base, group)
        self._choice = RuleChoice(base, self._sums, two_sided, tol)
        polynomial = polynomial_degree(base)
        if degree is None and polynomial is not None:
            degree = polynomial
        self._scheme: Scheme | None = None
        if degree is not None:
            self._scheme = self._choice.of_degree(degree)
        elif radius is not None:
            self._scheme = self._choice.of_radius(radius)
            if self._scheme is None:
                raise NotApplicableError(
                    f"no affordable rule is known to reach tol={tol:.0e} for samples "
                    f"of norm up to {radius:g}: give a degree, or leave out radius to have the "
                    "error measured on the samples"
                )
        self._given = self._scheme is not None
        if not self._given and resumed is not None:
            degree, both = resumed
            self._scheme = RuleChoice(base, self._sums, both, tol).of_degree(degree)
        self._explain()

    @property
    def chosen(self) -> tuple[int, bool] | None:
        """Degree and whether both sides are averaged, if samples have chosen that."""
        if self._given or self._scheme is None:
            return None
        return self._scheme.rule.degree, self._scheme.two_sided

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost. Sets ``error``.

        A rule that other samples have chosen is chosen again if it does not serve X with itself.
        """
        K = super().gram(X, Y, n_jobs)
        if Y is None and self._scheme is not None and self._scheme.reached and self._misses():
            self._scheme = None
            K = super().gram(X, None, n_jobs)
        if self._scheme is not None and self._misses():
            degree = self._scheme.rule.degree
            warn_of_approximation(
                f"quadrature of degree {degree} over {self.group!r} has a relative error of about "
                f"{self.error:.1e}, above the {self.tol:.0e} aimed at; degree={degree + 1} "
                "or more is more accurate, and takes more terms"
            )
        return K

    def _misses(self) -> bool:
        """Whether the error measured last is above the tolerance, where that was aimed at."""
        slack = _SLACK if self._scheme is not None and self._scheme.reached else 1.0
        return not self._given and self.error > slack * self.tol

    def _tables(self, X: Array, Y: Array | None, n_jobs: int | None = None) -> Nodes:
        if self._scheme is None:
            Y = X if Y is None else Y
            if not (X.any() and Y.any()):  # every rule is exact, and nothing is to be learnt
                return self._sums.nodes(self._sums.problem.rule(0))
            self._scheme = self._choice.of_data(X, Y, n_jobs)
            self._explain()
        return self._sums.nodes(self._scheme.rule, self._scheme.two_sided)

    def _measure(self, X: Array, Y: Array, n_jobs: int | None = None) -> None:
        if self._scheme is None:
            self.error = 1e-15
            return
        fine = self._finer(self._scheme.rule.degree)
        if fine is None:
            return
        K, limit = (self._sums.on_typical(s, X, Y, n_jobs) for s in (self._scheme, fine))
        form = self._sums.permanents
        self.error = max(relative_error(K, limit, 0.0 if form is None else form.error), 1e-15)

    def _finer(self, degree: int) -> Scheme | None:
        """A one-sided rule to measure against; None if that would be too large to build.

        Its 2N + 1 (or N + 1, in the plane 8N + 1) equal steps have no divisor in common with the N
        steps of the rule: the errors of both would agree in part, and not be seen, if one refined
        the other.
        """
        planar = (8 * degree + 8,) if self._sums.problem.n == 2 else ()
        for finer in (*planar, 2 * degree + 2, degree + 1):
            try:
                scheme = Scheme(self._sums.problem.rule(finer), False)
                self._sums.nodes(scheme.rule)
            except ValueError:
                continue
            return scheme
        return None

    def _explain(self) -> None:
        head, scheme = self._sums.problem.turning, self._scheme
        if scheme is None:
            self.cost = Cost(math.nan, math.nan)
            self.steps = self._sums.steps(
                f"quadrature over {head!r}, degree chosen from the data for an error of "
                f"{self.tol:.0e}"
            )
            return
        if scheme.exact:
            self.exact, self.error = True, 1e-15
        self.cost = self._sums.cost(scheme.terms)
        self.steps = self._sums.steps(
            f"quadrature over {head!r} of degree {scheme.rule.degree} ({scheme.rule.name}, "
            f"{len(scheme.rule):,} nodes, {scheme.guarantee})"
        )
