"""Move every sample by a random element of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import MatrixTable, SignedPermutationTable, table_matrices
from symkernel.groups._checks import as_scale
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.validation import RandomState, as_floats, as_generator, as_movable

if TYPE_CHECKING:
    from symkernel.groups.base import Group

__all__ = ["RandomAction", "move_randomly"]

# Entries of random elements that are held at a time.
_BLOCK_ENTRIES = 2**22


def move_randomly(
    group: Group, X: NDArray[Any], random_state: RandomState = None, scale: float = 1.0
) -> NDArray[Any]:
    """Act on every sample with an independent random element, uniform on the group.

    Parameters
    ----------
    group : Group
        Any group.
    X : ndarray of shape (n, degree)
        Samples, of a floating type.
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of the elements.
    scale : float, default=1.0
        Standard deviation of shifts of R^n, which have no uniform distribution.

    Returns
    -------
    ndarray of shape (n, degree)
        A new array: float32 for float32, int64 for integers that are only permuted or change sign,
        else float64.

    Raises
    ------
    ValueError
        If X has another number of features or is not an array of samples.

    Notes
    -----
    Factors that act along some axes of a sample are drawn and applied there one after the other:
    the image of a product of uniform distributions is uniform on the product group. O(n r^2) for
    matrices of r rows, O(n degree) for permutations.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.groups import Cyclic, move_randomly
    >>> X = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    >>> moved = move_randomly(Cyclic(3), X, random_state=0)
    >>> np.sort(moved, axis=1)
    array([[1., 2., 3.],
           [1., 2., 3.]])
    """
    exact = group.is_signed_permutation and group.is_linear
    X = as_movable(X) if exact else as_floats(X)
    if X.ndim != 2 or X.shape[1] != group.degree:
        raise ValueError(
            f"X must have shape (n_samples, {group.degree}) for {group!r}, got {X.shape}"
        )
    rng, spread = as_generator(random_state), as_scale(scale)
    moved = np.empty_like(X, order="C")
    step = max(1, _BLOCK_ENTRIES // sum(_entries(f.group) for f in group.factors()))
    for start in range(0, len(X), step):
        part = X[start : start + step]
        moved[start : start + step] = RandomAction(group, len(part), rng, spread).act(part)
    return moved


class RandomAction:
    """Independent random elements of a group, one for each of n samples.

    Parameters
    ----------
    group : Group
        Any group.
    size : int
        Number n of samples.
    rng : numpy Generator
        Source of the elements.
    scale : float, default=1.0
        Standard deviation of shifts of R^n.
    """

    def __init__(
        self, group: Group, size: int, rng: np.random.Generator, scale: float = 1.0
    ) -> None:
        # Linear maps come before shifts: factors() lists the shifts of a group of motions first.
        self._group = group
        self._parts = [(f, _drawn(f.group, size, rng, scale)) for f in reversed(group.factors())]

    def act(self, X: NDArray[Any], linear: bool = False, inverse: bool = False) -> NDArray[Any]:
        """Return images of the rows of X, (n, degree); without shifts if ``linear``.

        With ``inverse`` every element acts by its inverse.
        """
        moved = X
        for factor, maps in reversed(self._parts) if inverse else self._parts:
            if inverse:
                maps = maps.inverses()
            samples = moved.reshape(len(X), *factor.shape)
            axes = tuple(a + 1 for a in factor.axes)
            front = tuple(range(1, 1 + len(axes)))
            degree = factor.group.degree
            columns = self._group.degree // degree
            rows = np.moveaxis(samples, axes, front).reshape(len(X), degree, columns)
            rows = maps.act(rows, linear)
            lengths = [factor.shape[a] for a in factor.axes]
            others = [n for a, n in enumerate(factor.shape) if a not in factor.axes]
            placed = np.moveaxis(rows.reshape(len(X), *lengths, *others), front, axes)
            moved = np.ascontiguousarray(placed).reshape(X.shape)
        return moved

    def turn(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Turn vectors (n, ..., r) by the factors that turn vectors of length r.

        Raises
        ------
        ValueError
            If no factor does.
        """
        length = vectors.shape[-1]
        turned = vectors.reshape(len(vectors), -1, length)
        found = False
        for factor, maps in self._parts:
            turns = not (factor.group.is_permutation or factor.group.role.moves_lattice)
            if factor.group.degree == length and turns:
                turned = turned @ np.swapaxes(maps.matrices().astype(vectors.dtype), 1, 2)
                found = True
        if not found:
            raise ValueError(f"no factor of {self._group!r} turns vectors of length {length}")
        return turned.reshape(vectors.shape)


def _entries(group: Group) -> int:
    """Numbers that one element of an atomic group takes."""
    n = group.degree
    return n if group.is_signed_permutation and group.is_linear else n * n


@dataclass(frozen=True, eq=False)
class _Maps:
    """Elements as arrays: permutations with signs, or matrices; then shifts."""

    linear: SignedPermutationTable | MatrixTable
    shifts: NDArray[np.float64] | None = None

    def act(self, rows: NDArray[Any], linear: bool) -> NDArray[Any]:
        """Move each (degree, c) of rows along its first axis by an element of its own."""
        maps = self.linear
        if isinstance(maps, MatrixTable):
            rows = maps.matrices.astype(rows.dtype) @ rows
        else:
            rows = np.take_along_axis(rows, maps.indices[:, :, None], axis=1)
            if maps.signs is not None:
                rows = rows * maps.signs.astype(rows.dtype)[:, :, None]
        if not linear and self.shifts is not None:
            rows = rows + self.shifts.astype(rows.dtype)[:, :, None]
        return rows

    def inverses(self) -> _Maps:
        """Return the elements that undo these: x -> A^-1 x - A^-1 t."""
        maps = self.linear
        inverse: SignedPermutationTable | MatrixTable
        if isinstance(maps, MatrixTable):
            inverse = MatrixTable(maps.matrices.swapaxes(1, 2))
        else:
            indices = np.argsort(maps.indices, axis=1).astype(np.int32)
            signs = None if maps.signs is None else np.take_along_axis(maps.signs, indices, axis=1)
            inverse = SignedPermutationTable(indices, signs)
        if self.shifts is None:
            return _Maps(inverse)
        return _Maps(inverse, -_Maps(inverse).act(self.shifts[:, :, None], True)[:, :, 0])

    def matrices(self) -> NDArray[np.float64]:
        """Return the linear maps as matrices."""
        return table_matrices(self.linear)


def _drawn(group: Group, size: int, rng: np.random.Generator, scale: float) -> Any:
    """Independent random elements of an atomic group."""
    own = group._drawn_maps(size, rng)
    if own is not None:
        return own
    matrices = group._drawn_matrices(size, rng)
    if matrices is not None:
        return _Maps(MatrixTable(matrices))  # without an object for each
    elements = group._draw(size, rng, scale)
    parts = [g._parts() for g in elements]
    shifts = None
    if any(shift is not None for _, shift in parts):
        zero = np.zeros(group.degree)
        shifts = np.stack([zero if shift is None else shift for _, shift in parts])
    return _Maps(_table([g for g, _ in parts], group.degree), shifts)


def _table(maps: list[Element], degree: int) -> SignedPermutationTable | MatrixTable:
    signed = [g for g in maps if isinstance(g, SignedPermutation)]
    if len(signed) < len(maps):
        return MatrixTable(np.stack([g.as_matrix() for g in maps]))
    if not signed:
        return SignedPermutationTable(np.empty((0, degree), np.int32), None)
    indices = np.stack([g.indices for g in signed]).astype(np.int32)
    if all(g.signs is None for g in signed):
        return SignedPermutationTable(indices, None)
    plain = np.ones(degree, np.int8)
    return SignedPermutationTable(
        indices, np.stack([plain if g.signs is None else g.signs for g in signed])
    )
