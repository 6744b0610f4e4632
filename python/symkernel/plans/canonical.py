"""Compare the representatives of two orbits by a base kernel."""

from __future__ import annotations

import math

from symkernel.backends.arrays import is_on_device, like, namespace, to_host
from symkernel.canonical import CanonicalForm, canonical_form
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Trivial
from symkernel.plans.angles import Angles
from symkernel.plans.base import Array, BaseSpec
from symkernel.plans.lifted import Lifted, WayBack
from symkernel.plans.orbit_sum import OrbitSum

__all__ = ["Canonical"]


class Canonical(Lifted):
    """``k(c(x), c(y))`` for a canonical form c of the group.

    Positive semidefinite for every base kernel, because it is that kernel at other points, and
    invariant, because c is the same all over an orbit. It is not the average over the group, so
    that ``exact`` is False and ``error`` nan; where c jumps, at ties and degenerate frames, the
    kernel jumps with it. One representative a sample is found, after which the group costs nothing.

    Parameters
    ----------
    base : BaseSpec
        Base kernel.
    group : Group
        Any group that has a canonical form.

    Raises
    ------
    NotApplicableError
        If the group has none, or for a Matern kernel whose nu has no elementary form.
    """

    def __init__(self, base: BaseSpec, group: Group) -> None:
        try:
            form: CanonicalForm = canonical_form(group)
        except ValueError as reason:
            raise NotApplicableError(f"no canonical form: {reason}") from None
        alone = Trivial(group.degree)
        super().__init__(
            OrbitSum(base, alone)
            if base.traits.family != "circle"
            else Angles(base, alone, "sum", lambda rbf, points, _: OrbitSum(rbf, points)),
            form.steps,
        )
        self.method, self.exact, self.error = "canonical", False, math.nan
        self.steps = (*form.steps, "base kernel of the representatives")
        self.group = group
        self._form = form

    # A finite group carries x to c(x) = g x by an element that stays the same near x, off ties:
    # the gradient in x is g^T times that in c(x).
    def _lift_and_back(self, X: Array, n_jobs: int | None) -> tuple[Array, WayBack]:
        self._require_constant_elements()
        forms = self._form.canonicalize(X, n_jobs)
        return forms.representative, forms.transporter.pull_back

    def _require_constant_elements(self) -> None:
        if not self.group.is_finite:
            raise NotApplicableError(
                f"the frame that turns a sample into its representative under {self.group!r} "
                "depends on the sample, and its derivative is not known here: kernels that average "
                "over the group (method='auto') have gradients"
            )

    def _lift(self, X: Array, n_jobs: int | None) -> Array:
        """c(x) where the samples live; found on the host."""
        if is_on_device(X):
            there: Array = like(self._lift(to_host(X), n_jobs), X)
            return namespace(X).ascontiguousarray(there)  # type: ignore[no-any-return]
        return self._form.representatives(X, n_jobs)

    @property
    def _how(self) -> str:
        return "an invariant kernel of its own, not the group average"
