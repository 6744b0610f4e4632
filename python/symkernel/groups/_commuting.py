"""Tell when two groups have a product, and take an element of one apart again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from symkernel.groups._arrays import outside
from symkernel.groups._checks import SAME_TOLERANCE
from symkernel.groups.along import places
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation

__all__ = [
    "Tensor",
    "check_commuting",
    "check_lattice",
    "check_shifts",
    "on_different_axes",
    "split",
]

# Entries of matrices that commute agree to this.
_COMMUTING_TOLERANCE = 1e-9

Tensor = tuple[Group, tuple[int, ...], tuple[int, ...]]


def on_different_axes(left: Group, right: Group) -> bool:
    """Return whether linear groups act along different axes of the same array."""
    one, other = left._tensor(), right._tensor()
    return (
        one is not None
        and other is not None
        and one[2] == other[2]
        and not set(one[1]) & {*other[1]}
    )


def check_commuting(left: Group, right: Group) -> None:
    """Raise ValueError unless all elements of two linear groups commute."""
    for g in left._probes:
        for h in right._probes:
            if not _commute(g, h):
                raise ValueError(
                    f"a product needs groups that commute: {g!r} of {left!r} does not commute "
                    f"with {h!r} of {right!r}"
                )


def check_shifts(left: Group, right: Group) -> None:
    """Raise ValueError unless each group maps the shifts of the other to each other.

    Angles allow less than coordinates do: of the linear maps, only signed permutations.
    """
    for shifting, acting in ((left, right), (right, left)):
        basis = shifting._shift_basis
        if shifting._on_angles:
            if not acting.is_linear and not acting._on_angles:
                raise ValueError(
                    f"a product needs one kind of features: {shifting!r} acts on angles, "
                    f"{acting!r} on coordinates"
                )
            if not acting._linear.is_signed_permutation:
                raise ValueError(
                    f"{shifting!r} acts on angles, which only signed permutations map to angles: "
                    f"it has no product with {acting!r}"
                )
        for h in acting._linear._probes:
            if len(basis) and outside(h.apply(basis), basis) > _COMMUTING_TOLERANCE:
                raise ValueError(
                    f"a product needs groups that commute, or translations that the other group "
                    f"maps to each other: {h!r} of {acting!r} takes shifts of {shifting!r} to "
                    "others"
                )


def check_lattice(left: Group, right: Group) -> None:
    """Raise ValueError unless two groups commute, of which one moves fractional coordinates."""
    for moving, other in ((left, right), (right, left)):
        if moving._on_lattice and not (other._on_lattice or _permutes(other)):
            raise ValueError(
                f"{moving!r} acts on fractional coordinates, of period 1, which only signed "
                f"permutations and other such groups do: it has no product with {other!r}"
            )
    for g in left.generators:
        for h in right.generators:
            if g @ h != h @ g:
                raise ValueError(
                    f"a product needs groups that commute: {g!r} of {left!r} does not commute "
                    f"with {h!r} of {right!r}"
                )


def _permutes(group: Group) -> bool:
    return group.is_finite and group.is_linear and group.is_signed_permutation


def _commute(g: Element, h: Element) -> bool:
    if isinstance(g, SignedPermutation) and isinstance(h, SignedPermutation):
        return g @ h == h @ g
    a, b = g.as_matrix(), h.as_matrix()
    return bool(np.abs(a @ b - b @ a).max() <= _COMMUTING_TOLERANCE)


def split(element: Element, axes: tuple[int, ...], shape: tuple[int, ...]) -> list[Element]:
    """Return the maps along the axes that are left of an element of a product, at most two.

    On an array, g along the axes and h along the others give A[(i, a), (j, b)] = h[i, j] g[a, b]
    for the positions i, j on the other axes. So every block of fixed i, j is g up to a factor,
    and g is known up to its sign.
    """
    rows = places(axes, shape)
    blocks: NDArray[np.float64] = element.as_matrix()[rows[0]][:, rows]  # (r, p, r)
    norms = np.linalg.norm(blocks, axis=(0, 2))
    largest = int(norms.argmax())
    r = rows.shape[1]
    block = blocks[:, largest] * (np.sqrt(r) / norms[largest])
    if np.abs(block.T @ block - np.eye(r)).max() > SAME_TOLERANCE:
        return []
    matrix = np.zeros((rows.size, rows.size))
    matrix[rows[:, :, None], rows[:, None, :]] = block
    return [OrthogonalMatrix._trusted(matrix), OrthogonalMatrix._trusted(-matrix)]
