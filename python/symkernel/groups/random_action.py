"""Every sample moved by a random element of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups._checks import RandomState, as_generator, as_scale
from symkernel.groups.elements import Element, SignedPermutation

if TYPE_CHECKING:
    from symkernel.groups.base import Group

__all__ = ["move_randomly"]

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
        A new array of the type of X.

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
    if X.ndim != 2 or X.shape[1] != group.degree:
        raise ValueError(
            f"X must have shape (n_samples, {group.degree}) for {group!r}, got {X.shape}"
        )
    rng, spread = as_generator(random_state), as_scale(scale)
    moved = np.array(X, order="C")
    # Linear maps come before shifts: factors() lists the shifts of a group of motions first.
    for factor in reversed(group.factors()):
        samples = moved.reshape(len(X), *factor.shape)
        axes = tuple(a + 1 for a in factor.axes)
        front = tuple(range(1, 1 + len(axes)))
        degree = factor.group.degree
        rows = np.moveaxis(samples, axes, front).reshape(len(X), degree, group.degree // degree)
        rows = _moved_rows(factor.group, rows, rng, spread)
        lengths = [factor.shape[a] for a in factor.axes]
        others = [n for a, n in enumerate(factor.shape) if a not in factor.axes]
        placed = np.moveaxis(rows.reshape(len(X), *lengths, *others), front, axes)
        moved = np.ascontiguousarray(placed).reshape(X.shape)
    return moved


def _moved_rows(
    group: Group, rows: NDArray[Any], rng: np.random.Generator, scale: float
) -> NDArray[Any]:
    """Each (degree, c) of rows moved along its first axis by an element of its own."""
    n, degree, _ = rows.shape
    entries = degree if group.is_signed_permutation and group.is_linear else degree * degree
    step = max(1, _BLOCK_ENTRIES // max(1, entries))
    moved = np.empty_like(rows)
    for start in range(0, n, step):
        part = rows[start : start + step]
        moved[start : start + step] = _applied(group._draw(len(part), rng, scale), part)
    return moved


def _applied(elements: list[Element], rows: NDArray[Any]) -> NDArray[Any]:
    if not elements:
        return rows
    parts = [g._parts() for g in elements]
    linear = [g for g, _ in parts]
    if all(isinstance(g, SignedPermutation) for g in linear):
        rows = _permuted(linear, rows)  # type: ignore[arg-type]
    else:
        matrices = np.stack([g.as_matrix() for g in linear]).astype(rows.dtype)
        rows = matrices @ rows
    if any(shift is not None for _, shift in parts):
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
