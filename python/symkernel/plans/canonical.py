"""Kernels of canonical forms: a base kernel between the representatives of two orbits."""

from __future__ import annotations

import math

from symkernel.backends.arrays import is_on_device, like, namespace, to_host
from symkernel.canonical import CanonicalForm, canonical_form
from symkernel.groups import Group, Trivial
from symkernel.plans.angles import Angles
from symkernel.plans.base import Array, BaseSpec, NotApplicableError, Plan
from symkernel.plans.orbit_sum import OrbitSum

__all__ = ["Canonical"]


class Canonical(Plan):
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

    method = "canonical"
    exact = False
    error = math.nan
    packs = True

    def __init__(self, base: BaseSpec, group: Group) -> None:
        try:
            self._form: CanonicalForm = canonical_form(group)
        except ValueError as reason:
            raise NotApplicableError(f"no canonical form: {reason}") from None
        alone = Trivial(group.degree)
        self._inner: Plan = (
            OrbitSum(base, alone)
            if base.traits.family != "circle"
            else Angles(base, alone, "sum", lambda rbf, points, _: OrbitSum(rbf, points))
        )
        self.group = group
        self.cost = self._inner.cost
        self.steps = (*self._form.steps, "base kernel of the representatives")

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        other = None if Y is None else self._representatives(Y, n_jobs)
        return self._inner.gram(self._representatives(X, n_jobs), other, n_jobs)

    def gram_packed(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(X, X) in LAPACK's rectangular full packed format, shape (n (n + 1) / 2,)."""
        return self._inner.gram_packed(self._representatives(X, n_jobs), n_jobs)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,)."""
        return self._inner.diag(self._representatives(X, n_jobs), n_jobs)

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        X, Y = self._representatives(X, n_jobs), self._representatives(Y, n_jobs)
        return self._inner.matvec(X, Y, V, n_jobs)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        return self._inner.gradient(self._representatives(X, n_jobs), n_jobs)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        return self._inner.diag_gradient(self._representatives(X, n_jobs), n_jobs)

    # A finite group carries x to c(x) = g x by an element that stays the same near x, off ties:
    # the gradient in x is g^T times that in c(x).
    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        self._require_constant_elements()
        forms = self._form.canonicalize(X, n_jobs)
        Y = self._representatives(Y, n_jobs)
        gradient = self._inner.gradient_x(forms.representative, Y, V, n_jobs)
        return forms.transporter.pull_back(gradient)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        self._require_constant_elements()
        forms = self._form.canonicalize(X, n_jobs)
        gradient = self._inner.diag_gradient_x(forms.representative, n_jobs)
        return forms.transporter.pull_back(gradient[:, None])[:, 0]

    def _require_constant_elements(self) -> None:
        if not self.group.is_finite:
            raise NotApplicableError(
                f"the frame that turns a sample into its representative under {self.group!r} "
                "depends on the sample, and its derivative is not known here: kernels that average "
                "over the group (method='auto') have gradients"
            )

    def _representatives(self, X: Array, n_jobs: int | None) -> Array:
        """c(x) where the samples live; found on the host."""
        if is_on_device(X):
            there: Array = like(self._representatives(to_host(X), n_jobs), X)
            return namespace(X).ascontiguousarray(there)  # type: ignore[no-any-return]
        return self._form.representatives(X, n_jobs)

    @property
    def _how(self) -> str:
        return "an invariant kernel of its own, not the group average"
