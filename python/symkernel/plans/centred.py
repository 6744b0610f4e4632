"""Average over translations by centring, and over a finite group beside them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from symkernel.backends.arrays import namespace
from symkernel.backends.prepared import Prepared
from symkernel.groups import Group
from symkernel.groups.structure import Structure
from symkernel.plans.base import Array, BaseSpec, Plan


class Centred(Plan):
    """The plan of a group without its translations, which centring has removed.

    Translations have no average, being not compact; a kernel of centred samples is one of the
    orbits under translations. Centring is linear and commutes with what is left of the group.

    Parameters
    ----------
    structure : Structure
        The group, taken apart.
    inner : Plan
        Plan for ``structure.rest``.
    """

    def __init__(self, structure: Structure, inner: Plan) -> None:
        self._structure = structure
        self._inner = inner
        self.method = inner.method
        self.exact = inner.exact
        self.error = inner.error
        self.cost = inner.cost
        self.steps = (*structure.centring, *inner.steps)
        self.packs = inner.packs

    @property
    def _how(self) -> str:
        return self._inner._how

    @property
    def preparation(self) -> Hashable:
        """Centred, and what the inner plan does."""
        inner = self._inner.preparation
        return None if inner is None else ("centred", inner)

    def prepare(self, X: Array) -> Array | Prepared:
        """Centre samples, and prepare them as the inner plan does."""
        return X if self._inner.preparation is None else self._inner.prepare(self._centred(X))

    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
        return self._inner.gram(self._centred(X), None if Y is None else self._centred(Y), n_jobs)

    def gram_packed(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(X, X) in LAPACK's rectangular full packed format, shape (n (n + 1) / 2,)."""
        return self._inner.gram_packed(self._centred(X), n_jobs)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,)."""
        return self._inner.diag(self._centred(X), n_jobs)

    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""
        centred = self._centred(X)
        return self._inner.matvec(centred, centred if Y is X else self._centred(Y), V, n_jobs)

    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""
        return self._inner.gradient(self._centred(X), n_jobs)

    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""
        return self._inner.diag_gradient(self._centred(X), n_jobs)

    # Centring is an orthogonal projection: gradients go through it as samples do.
    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
        gradient = self._inner.gradient_x(self._centred(X), self._centred(Y), V, n_jobs)
        flat = self._structure.centred(gradient.reshape(-1, X.shape[1]))
        return flat.reshape(gradient.shape)

    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""
        return self._structure.centred(self._inner.diag_gradient_x(self._centred(X), n_jobs))

    def _centred(self, X: Any) -> Any:
        if isinstance(X, Prepared):
            return X
        centred: Array = namespace(X).ascontiguousarray(self._structure.centred(X))
        return centred


def on_centred(
    make: Callable[[BaseSpec, Group], Plan],
) -> Callable[[BaseSpec, Group], Plan]:
    """Extend what plans for finite groups to their products with translations.

    Parameters
    ----------
    make : callable
        Makes a plan from a base kernel and a finite group.

    Returns
    -------
    callable
        The same for finite groups, beside translations or not; other groups are left to `make`,
        which refuses them.
    """

    def made(base: BaseSpec, group: Group) -> Plan:
        if group.is_finite:
            return make(base, group)
        structure = group.structure
        if not structure.centres or structure.continuous:
            return make(base, group)
        return Centred(structure, make(base, structure.rest))

    return made
