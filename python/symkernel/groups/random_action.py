"""Every sample moved by a random element of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups._checks import RandomState, as_generator, as_real, as_scale
from symkernel.groups.elements import Element, SignedPermutation

if TYPE_CHECKING:
    from symkernel.groups.base import Group

__all__ = ["RandomAction", "move_randomly"]

# Entries of random elements that are held at a time.
_BLOCK_ENTRIES = 2**22


def move_randomly(
    group: Group, X: ArrayLike, random_state: RandomState = None, scale: float = 1.0
) -> NDArray[Any]:
    """Act on every sample with an independent random element, uniform on the group.

    Parameters
    ----------
    group : Group
        Any group.
    X : array-like of shape (n, degree)
        Samples, real. Integers and booleans are taken as float64, float16 as float32.
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of the elements.
    scale : float, default=1.0
        Standard deviation of shifts of R^n, which have no uniform distribution.

    Returns
    -------
    ndarray of shape (n, degree)
        A new array, float32 where X is, else float64.

    Raises
    ------
    TypeError
        If X does not hold real numbers.
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
    samples = as_real(X, "X")
    if samples.ndim != 2 or samples.shape[1] != group.degree:
        raise ValueError(
            f"X must have shape (n_samples, {group.degree}) for {group!r}, got {samples.shape}"
        )
    rng, spread = as_generator(random_state), as_scale(scale)
    moved = np.empty_like(samples, order="C")
    step = max(1, _BLOCK_ENTRIES // sum(_entries(f.group) for f in group.factors()))
    for start in range(0, len(samples), step):
        part = samples[start : start + step]
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
        self._parts = [(f, f.group._draw(size, rng, scale)) for f in reversed(group.factors())]

    def act(self, X: NDArray[Any], linear: bool = False, inverse: bool = False) -> NDArray[Any]:
        """Images of the rows of X, (n, degree); without shifts if ``linear``.

        With ``inverse`` every element acts by its inverse.
        """
        moved = X
        for factor, elements in reversed(self._parts) if inverse else self._parts:
            if inverse:
                elements = [g.inverse() for g in elements]
            samples = moved.reshape(len(X), *factor.shape)
            axes = tuple(a + 1 for a in factor.axes)
            front = tuple(range(1, 1 + len(axes)))
            degree = factor.group.degree
            columns = self._group.degree // degree
            rows = np.moveaxis(samples, axes, front).reshape(len(X), degree, columns)
            rows = _applied(elements, rows, linear)
            lengths = [factor.shape[a] for a in factor.axes]
            others = [n for a, n in enumerate(factor.shape) if a not in factor.axes]
            placed = np.moveaxis(rows.reshape(len(X), *lengths, *others), front, axes)
            moved = np.ascontiguousarray(placed).reshape(X.shape)
        return moved

    def turn(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Images of vectors (n, ..., r) under the factors that turn vectors of length r.

        Raises
        ------
        ValueError
            If no factor does.
        """
        length = vectors.shape[-1]
        turned = vectors.reshape(len(vectors), -1, length)
        found = False
        for factor, elements in self._parts:
            if factor.group.degree == length and not factor.group.is_permutation:
                matrices = np.stack([g._parts()[0].as_matrix() for g in elements])
                turned = turned @ np.swapaxes(matrices.astype(vectors.dtype), 1, 2)
                found = True
        if not found:
            raise ValueError(f"no factor of {self._group!r} turns vectors of length {length}")
        return turned.reshape(vectors.shape)


def _entries(group: Group) -> int:
    """Numbers that one element of an atomic group takes."""
    n = group.degree
    return n if group.is_signed_permutation and group.is_linear else n * n


def _applied(elements: list[Element], rows: NDArray[Any], linear: bool) -> NDArray[Any]:
    """Each (degree, c) of rows moved along its first axis by an element of its own."""
    if not elements:
        return rows
    parts = [g._parts() for g in elements]
    maps = [g for g, _ in parts]
    if all(isinstance(g, SignedPermutation) for g in maps):
        rows = _permuted(maps, rows)  # type: ignore[arg-type]
    else:
        matrices = np.stack([g.as_matrix() for g in maps]).astype(rows.dtype)
        rows = matrices @ rows
    if not linear and any(shift is not None for _, shift in parts):
        zero = np.zeros(rows.shape[1])
        shifts = np.stack([zero if shift is None else shift for _, shift in parts])
        rows = rows + shifts.astype(rows.dtype)[:, :, None]
    return rows


def _permuted(elements: list[SignedPermutation], rows: NDArray[Any]) -> NDArray[Any]:
    indices = np.stack([g.indices for g in elements])
    moved = np.take_along_axis(rows, indices[:, :, None], axis=1)
    if all(g.signs is None for g in elements):
        return moved
    plain = np.ones(rows.shape[1], np.int8)
    signs = np.stack([plain if g.signs is None else g.signs for g in elements])
    flipped: NDArray[Any] = moved * signs.astype(rows.dtype)[:, :, None]
    return flipped
