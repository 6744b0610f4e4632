"""Bind manifolds and groups that are given by name to a number of features."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from symkernel.groups import Group
from symkernel.groups.registry import bind
from symkernel.spectral.manifold import Manifold
from symkernel.spectral.polynomials import Polynomials
from symkernel.spectral.sphere import Sphere
from symkernel.spectral.torus import Torus

__all__ = ["bound_group", "bound_manifold"]

_MANIFOLDS: dict[str, Callable[[int], Manifold]] = {
    "torus": Torus,
    "sphere": Sphere,
    "polynomials": Polynomials,
}


def bound_manifold(manifold: Manifold | str, n_features: int) -> Manifold:
    """Return the manifold that a name stands for at a number of features.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is neither a name nor a manifold.
    """
    if isinstance(manifold, str):
        if manifold not in _MANIFOLDS:
            known = ", ".join(map(repr, _MANIFOLDS))
            raise ValueError(f"unknown manifold {manifold!r}; known: {known}")
        manifold = _MANIFOLDS[manifold](n_features)
    if not isinstance(manifold, Manifold):
        raise TypeError(f"manifold must be a Manifold or a name, got {type(manifold).__name__}")
    return manifold


def bound_group(
    group: Group | str | None, n_features: int, names: Iterable[str] | None = None
) -> Group | None:
    """Return the group that a name or columns stand for at a number of features.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    return None if group is None else bind(group, n_features, names)
