"""Find the least of all images, for any group whose elements can be listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.canonical import ImageTable, LeastImages, least_images
from symkernel.backends.element_tables import MatrixTable, PointTable, SignedPermutationTable
from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.points import features_of, orders_as_integers
from symkernel.canonical.sorting import ROUNDINGS
from symkernel.canonical.transporters import PermutationTransporters, Transporters
from symkernel.groups import Group
from symkernel.groups.elements import Element, element_at, point_element_at
from symkernel.groups.registry import require_group

__all__ = ["EnumeratedForm", "TableTransporters"]

#: Most numbers of the list of elements: order times features.
MAX_NUMBERS = 50_000_000
#: Values of images that are computed at a time.
_BLOCK_VALUES = 1 << 22
#: Rows of matrices whose entries all agree to this many bits are the same.
_CELLS = 2.0**26


@dataclass(frozen=True, eq=False, repr=False)
class TableTransporters(Transporters):
    """Elements of a list, one per sample.

    Parameters
    ----------
    table : MatrixTable or PointTable
        All elements.
    rows : ndarray of int of shape (n,)
        Which one for each sample; of a PointTable, row permutation times number of matrices plus
        matrix.
    """

    table: MatrixTable | PointTable
    rows: NDArray[np.integer[Any]]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def degree(self) -> int:
        """Number of features d that the elements act on."""
        points = len(self.table.rows[0]) if isinstance(self.table, PointTable) else 1
        return points * int(self.table.matrices.shape[1])

    def _element(self, i: int) -> Element:
        return self._listed(int(self.rows[i]))

    def _listed(self, row: int) -> Element:
        if isinstance(self.table, MatrixTable):
            return element_at(self.table, row)
        return point_element_at(self.table, *divmod(row, len(self.table.matrices)))

    def _apply(self, X: NDArray[Any]) -> NDArray[Any]:
        moved = np.empty_like(X)
        for row in np.unique(self.rows):
            chosen = self.rows == row
            moved[chosen] = self._listed(int(row)).apply(X[chosen])
        return moved

    def pull_back(self, V: NDArray[Any]) -> NDArray[Any]:
        """Apply the transposed linear part of element i to the rows of V[i], (n, c, d)."""
        back = np.empty_like(V)
        for row in np.unique(self.rows):
            chosen = self.rows == row
            back[chosen] = self._listed(int(row)).inverse().apply(V[chosen])
        return back

    def take(self, rows: NDArray[np.integer[Any]]) -> TableTransporters:
        """Return the elements of some of the samples."""
        return TableTransporters(self.table, self.rows[rows])

    def joined(self, others: Sequence[Transporters]) -> TableTransporters:
        """Return the elements of this batch and of others that the same form has made."""
        more = [other.rows for other in others if isinstance(other, TableTransporters)]
        return TableTransporters(self.table, np.concatenate([self.rows, *more]))


class EnumeratedForm(CanonicalForm):
    """The lexicographically least of all images g.x, over a list of the elements.

    Numbers are compared in the order of the features; where matrices act along an axis of an array,
    point after point.

    Parameters
    ----------
    group : Group
        Any finite group with few enough elements: order times features up to 5e7.
    tolerance : float, default=None
        For matrices: numbers of images closer than this times the largest one are tied. By default
        1e-10 in float64 and 1e-4 in float32. Permutations, with signs or without, compare exactly
        and take none.

    Raises
    ------
    TypeError
        If ``group`` is no group.
    GroupTooLargeError
        If it has too many elements.
    ValueError
        If ``tolerance`` is negative or not finite, or given for a group of permutations.

    Notes
    -----
    Elements are kept in a trie by the places their images read from, so that those that agree
    on their first places are compared once: a sample without ties visits one branch, at most one
    with ties every element, O(order * features).

    **Permutations** are exact: representatives are the same bit for bit all over an orbit, and the
    stabiliser is counted. **Matrices** make images by products, which round. There c(g x) = c(x) up
    to rounding, and the stabiliser counts images that agree within the tolerance, off samples
    where two images that differ agree within it up to the number that tells them apart: those are
    flagged as ``degenerate``.

    The gap is how much further the second least is than the least where an image is decided, at
    least, over twice the norm: no sample closer than that makes the form jump.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.canonical.enumerated import EnumeratedForm
    >>> from symkernel.groups import PermutationGroup, PointGroup
    >>> form = EnumeratedForm(PermutationGroup([[1, 0, 3, 2]]))
    >>> found = form.canonicalize(np.array([[5.0, 4.0, 1.0, 2.0]]))
    >>> found.representative, found.transporter[0]
    (array([[4., 5., 2., 1.]]), Permutation([1, 0, 3, 2]))
    >>> EnumeratedForm(PointGroup("Oh")).representatives(np.array([[1.0, -3.0, 2.0]]))
    array([[-3., -2., -1.]])
    """

    def __init__(self, group: Group, tolerance: float | None = None) -> None:
        require_group(group)
        self.group = group
        self.exact = group.is_signed_permutation
        if tolerance is not None and self.exact:
            raise ValueError(f"tolerance must be None for {group!r}, whose images do not round")
        if tolerance is not None and not (np.isfinite(tolerance) and tolerance >= 0):
            raise ValueError(f"tolerance must be finite and not negative, got {tolerance!r}")
        self.tolerance = tolerance
        limit = max(1, MAX_NUMBERS // group.degree)
        advice = "canonical forms by enumeration are for small groups"
        self._points = None if self.exact else group.point_table(limit, advice)
        self._table = self._points or group.table(limit, advice)
        self._rows: NDArray[np.float64] | None = None
        if isinstance(self._table, SignedPermutationTable):
            places: NDArray[np.int32] = self._table.indices
            if self._table.signs is not None:
                negated = places + np.int32(group.degree)
                places = np.where(self._table.signs < 0, negated, places).astype(np.int32)
            signed = self._table.signs is not None
            self._images = ImageTable(places, group.degree * (1 + signed), signed)
        else:
            self._rows, self._images = _matrix_images(self._table)
        self.steps = (f"take the least of {group.order} images",)

    def _values(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return all numbers that images of the rows of X are made of."""
        if self._rows is None:
            return X
        if self._points is not None and self._points.layout is not None:
            X = X[:, self._points.layout]
        rows = self._rows.astype(X.dtype)
        points = self.group.degree // rows.shape[1]
        values = X.reshape(len(X), points, rows.shape[1]) @ rows.T
        return np.ascontiguousarray(values.reshape(len(X), self._images.width))

    def _least(self, X: NDArray[Any], details: bool, n_jobs: int | None) -> LeastImages:
        X = features_of(X, self.group.degree)
        tolerance = 0.0 if self.exact else self._tolerance(X.dtype)
        step = len(X) if self.exact else max(1, _BLOCK_VALUES // self._images.width)
        parts = [
            least_images(
                self._images,
                self._values(X[start : start + step]),
                tolerance=tolerance,
                details=details,
                n_jobs=n_jobs,
            )
            for start in range(0, max(1, len(X)), max(1, step))
        ]
        if len(parts) == 1:
            return parts[0]
        return LeastImages(
            np.concatenate([p.images for p in parts]),
            np.concatenate([p.elements for p in parts]),
            np.concatenate([p.orders for p in parts if p.orders is not None]) if details else None,
            np.concatenate([p.gaps for p in parts if p.gaps is not None]) if details else None,
        )

    def _tolerance(self, dtype: np.dtype[Any]) -> float:
        if self.tolerance is not None:
            return float(self.tolerance)
        return 1e-10 if dtype == np.float64 else 1e-4

    def _join(self, images: NDArray[Any]) -> NDArray[Any]:
        layout = None if self._points is None else self._points.layout
        if layout is None:
            return images
        X = np.empty_like(images)
        X[:, layout] = images
        return X

    def canonicalize(self, X: NDArray[Any], n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d), and what carries them there.

        Raises
        ------
        ValueError
            If X has another number of features or is not finite.
        """
        found = self._least(X, True, n_jobs)
        assert found.orders is not None and found.gaps is not None
        dtype = found.images.dtype
        transporter: Transporters
        if isinstance(self._table, SignedPermutationTable):
            signs = None if self._table.signs is None else self._table.signs[found.elements]
            transporter = PermutationTransporters(self._table.indices[found.elements], signs)
            tolerance = float(ROUNDINGS * np.finfo(dtype).eps)
        else:
            transporter = TableTransporters(self._table, found.elements)
            tolerance = self._tolerance(dtype)
        gap = np.full(len(found.gaps), np.inf) if self.group.order == 1 else found.gaps
        return CanonicalForms(
            self._join(found.images),
            transporter,
            orders_as_integers(found.orders),
            gap,
            gap <= tolerance,
        )

    def representatives(self, X: NDArray[Any], n_jobs: int | None = None) -> NDArray[Any]:
        """Only the representatives, (n, d)."""
        return self._join(self._least(X, False, n_jobs).images)


def _matrix_images(table: MatrixTable | PointTable) -> tuple[NDArray[np.float64], ImageTable]:
    """Return the distinct rows (u, r) of all matrices, and elements as places among their values.

    Value i * u + k is row k times point i. Elements that share rows share values, so that they
    tie exactly.
    """
    matrices = table.matrices
    order, r, _ = matrices.shape
    rows = matrices.reshape(-1, r)
    # The offset keeps 0, 1, 1/2 and short decimals away from the edges of the cells.
    cells = np.floor(rows * _CELLS + 0.38196601125).astype(np.int64)
    _, first, which = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    distinct = rows[first]
    by_matrix: NDArray[np.int32] = which.reshape(order, r).astype(np.int32)
    if isinstance(table, MatrixTable):
        return distinct, ImageTable(by_matrix, len(distinct))
    count = np.int32(len(distinct))
    points = table.rows  # (s, p)
    places = points[:, None, :, None] * count + by_matrix[None, :, None, :]
    listed = places.reshape(len(points) * order, -1).astype(np.int32)
    return distinct, ImageTable(listed, int(count) * points.shape[1])
