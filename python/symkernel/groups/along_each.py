"""Let one element of a group act on several axes of an array at once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import ActionTable, MatrixTable, SignedPermutationTable
from symkernel.groups._built import enter
from symkernel.groups._checks import SAME_TOLERANCE, read_only
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation
from symkernel.groups.lie import LieGenerator, turning
from symkernel.groups.lifted import Lifted, negative, row_leads
from symkernel.groups.role import Kind, Role

__all__ = ["AlongEach"]


@enter
class AlongEach(Lifted):
    """The tensor power of a group: one element on each of k axes; see ``Group.along_each``.

    Parameters
    ----------
    group : Group
        Linear maps of r features.
    count : int
        Number k of axes, of length r each, at least 2.
    """

    def __init__(self, group: Group, count: int) -> None:
        if not group.is_linear:
            raise ValueError(
                f"along_each takes groups of linear maps, and {group!r} shifts: one shift has no "
                "meaning on several axes at once"
            )
        super().__init__(group)
        self._count = count

    @property
    def degree(self) -> int:
        """Number of features, r^k."""
        return int(self._group.degree**self._count)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample, (r, ..., r)."""
        return (self._group.degree,) * self._count

    @property
    def role(self) -> Role:
        """Two axes of a group that sorts are those of a graph; rotations turn tensors."""
        inner = self._group.role
        if inner.sorts and self._count == 2:
            return Role(Kind.GRAPH, nodes=inner.blocks)
        if inner.rotates and self._group.dim:
            return Role(Kind.TENSORS, power=(self._group, self._count))
        return super().role

    # An even power does not change when all signs do.
    @cached_property
    def _forgets_sign(self) -> bool:
        if self._count % 2 or self._group.is_permutation:
            return False
        return self._group.contains(negative(self._group.identity))

    def _lift(self, element: Element) -> Element:
        if not isinstance(element, SignedPermutation):
            return OrthogonalMatrix._trusted(self._power(element.as_matrix()))
        signs = None if element.signs is None else element.signs[None]
        indices, signs = self._signed(element.indices[None], signs)
        return SignedPermutation._trusted(indices[0], None if signs is None else signs[0])

    def _signed(
        self, indices: NDArray[np.int64], signs: NDArray[np.int8] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int8] | None]:
        count, r = indices.shape
        lifted, signed = indices, signs
        for _ in range(self._count - 1):
            lifted = (lifted[:, :, None] * r + indices[:, None]).reshape(count, -1)
            if signs is not None and signed is not None:
                signed = (signed[:, :, None] * signs[:, None]).reshape(count, -1)
        plain = signed is None or bool((signed > 0).all())
        return lifted, None if plain else signed

    def _power(self, matrices: NDArray[np.float64]) -> NDArray[np.float64]:
        return tensor_power(matrices, self._count)

    def _lift_table(self, table: ActionTable) -> ActionTable:
        if isinstance(table, SignedPermutationTable):
            indices, signs = table.indices, table.signs
            if self._forgets_sign and signs is not None:
                kept = signs[:, 0] > 0
                indices, signs = indices[kept], signs[kept]
            lifted, signs = self._signed(indices.astype(np.int64), signs)
            return SignedPermutationTable(lifted.astype(np.int32), signs)
        matrices = table.matrices
        if self._forgets_sign:
            matrices = matrices[[row_leads(m[0]) for m in matrices]]
        return MatrixTable(self._power(matrices))

    def _restrict(self, element: Element) -> Element | None:
        r, k = self._group.degree, self._count
        if isinstance(element, SignedPermutation):
            # Of (i, 0, ..., 0), whose sign is s_i s_0^(k - 1): one of the two where k is even.
            at = np.arange(r) * r ** (k - 1)
            indices = element.indices[at] // r ** (k - 1)
            if (np.bincount(indices, minlength=r) != 1).any():
                return None
            signs = None if element.signs is None else element.signs[at]
            inner: Element = SignedPermutation._trusted(indices, signs)
            return inner if self._lift(inner) == element else None
        power = element.as_matrix().reshape((r,) * (2 * k))
        diagonal = np.einsum(f"{'a' * k}{'b' * k}->ab", power)  # entries to the power of k
        i, j = np.unravel_index(np.abs(diagonal).argmax(), (r, r))
        lead = float(np.sign(diagonal[i, j]) * np.abs(diagonal[i, j]) ** (1 / k))
        if lead == 0.0 or (lead < 0 and k % 2 == 0):
            return None
        where: list[Any] = [slice(None), *[i] * (k - 1), slice(None), *[j] * (k - 1)]
        matrix = power[tuple(where)] / lead ** (k - 1)
        same = np.abs(self._power(matrix) - element.as_matrix()).max() <= SAME_TOLERANCE
        return OrthogonalMatrix._trusted(matrix) if same else None

    # d/dt of exp(tA) on every axis; of antisymmetric A, whose traces vanish, the terms of different
    # axes are orthogonal, and each has the norm of A times r^((k - 1) / 2).
    def _rotations(self) -> tuple[LieGenerator, ...]:
        r, k = self._group.degree, self._count
        found = []
        for xi in self._group._rotations():
            total = np.zeros((self.degree, self.degree))
            for axis in range(k):
                left, right = np.eye(r**axis), np.eye(r ** (k - 1 - axis))
                total += np.kron(np.kron(left, xi.matrix), right)
            found.append(turning(read_only(total / np.sqrt(k * r ** (k - 1)))))
        return tuple(found)

    def _arguments(self) -> tuple[Any, ...]:
        return (self._group, self._count)

    # Axes in any order: the same element acts on each.
    def _repr_along(self, axes: tuple[int, ...], shape: tuple[int, ...]) -> str:
        inner = repr(self._group)
        if " * " in inner:
            inner = f"({inner})"
        return f"{inner}.along_each({axes}, {shape})"

    def __repr__(self) -> str:
        return self._repr_along(tuple(range(self._count)), self.shape)


def tensor_power(matrices: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return Kronecker products of matrices (..., r, r) with themselves, (..., r^k, r^k)."""
    *some, r, _ = matrices.shape
    power = matrices
    for _ in range(count - 1):
        wide = power[..., :, None, :, None] * matrices[..., None, :, None, :]
        power = wide.reshape(*some, power.shape[-1] * r, power.shape[-1] * r)
    return power
