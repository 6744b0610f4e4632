"""Put columns into canonical form, each group its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.canonical.base import CanonicalForm, CanonicalForms, norms
from symkernel.canonical.points import features_of
from symkernel.canonical.transporters import PermutationTransporters, Transporters
from symkernel.groups import Group
from symkernel.groups.columns import lifted
from symkernel.groups.elements import Element

__all__ = ["ColumnForm", "ColumnTransporters", "joined_columns"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class ColumnTransporters(Transporters):
    """Elements on columns of their own: ``parts[b]`` act on ``columns[b]``.

    Parameters
    ----------
    parts : sequence of Transporters
        At least one, all of one length.
    columns : sequence of ndarray of int
        No column twice.
    width : int
        Number of columns; what is in none of ``columns`` stays.
    """

    parts: Sequence[Transporters]
    columns: Sequence[NDArray[np.intp]]
    width: int

    def __len__(self) -> int:
        return len(self.parts[0])

    @property
    def degree(self) -> int:
        """Number of features d that the elements act on."""
        return self.width

    def _element(self, i: int) -> Element:
        pairs = zip(self.parts, self.columns, strict=True)
        first, *others = (lifted(part._element(i), at, self.width) for part, at in pairs)
        for other in others:
            first = first @ other
        return first

    def _apply(self, X: Array) -> Array:
        moved = X.copy()
        for part, at in zip(self.parts, self.columns, strict=True):
            moved[:, at] = part._apply(np.ascontiguousarray(X[:, at]))
        return moved

    def pull_back(self, V: Array) -> Array:
        """Apply the transposed linear part of element i to the rows of V[i], (n, c, d)."""
        back = V.copy()
        for part, at in zip(self.parts, self.columns, strict=True):
            back[:, :, at] = part.pull_back(np.ascontiguousarray(V[:, :, at]))
        return back

    def take(self, rows: NDArray[np.integer[Any]]) -> ColumnTransporters:
        """Return the elements of some of the samples."""
        return ColumnTransporters([p.take(rows) for p in self.parts], self.columns, self.width)

    def joined(self, others: Sequence[Transporters]) -> ColumnTransporters:
        """Return the elements of this batch and of others that the same form has made."""
        batches = [other.parts for other in others if isinstance(other, ColumnTransporters)]
        same = [part.joined([batch[b] for batch in batches]) for b, part in enumerate(self.parts)]
        return ColumnTransporters(same, self.columns, self.width)


def joined_columns(
    parts: Sequence[Transporters], columns: Sequence[NDArray[np.intp]], width: int
) -> Transporters:
    """Return elements on columns of their own as one; signed permutations as such."""
    known = [part for part in parts if isinstance(part, PermutationTransporters)]
    if len(known) < len(parts):
        return ColumnTransporters(parts, columns, width)
    n = len(parts[0])
    indices = np.tile(np.arange(width), (n, 1))
    signs = np.ones((n, width), np.int8)
    for part, at in zip(known, columns, strict=True):
        indices[:, at] = at[part.indices]
        if part.signs is not None:
            signs[:, at] = part.signs
    return PermutationTransporters(indices, None if (signs > 0).all() else signs)


class ColumnForm(CanonicalForm):
    """The canonical form of every group on its columns; the other columns stay as they are.

    Parameters
    ----------
    group : Group
        The product of the groups.
    forms : sequence of (CanonicalForm, ndarray of int)
        Form of every group, and its columns.

    Notes
    -----
    The orbit of a sample is the product of the orbits of its parts, and its stabiliser the product
    of theirs: orders multiply.
    """

    def __init__(
        self, group: Group, forms: Sequence[tuple[CanonicalForm, NDArray[np.intp]]]
    ) -> None:
        self.group = group
        self._forms = tuple(forms)
        self.steps = tuple(
            f"columns {', '.join(map(str, at.tolist()))}: {step}"
            for form, at in forms
            if form.group.order > 1
            for step in form.steps
        )
        self.exact = all(form.exact for form, _ in forms)

    def canonicalize(self, X: Array, n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d)."""
        X = features_of(X, self.group.degree)
        representative, whole = X.copy(), norms(X)
        orders = np.full(len(X), 1, dtype=object)
        gap, degenerate = np.full(len(X), np.inf), np.zeros(len(X), bool)
        moved: list[Transporters] = []
        for form, at in self._forms:
            part = np.ascontiguousarray(X[:, at])
            found = form.canonicalize(part, n_jobs)
            representative[:, at] = found.representative
            infinite = (orders < 0) | (found.stabilizer_order < 0)
            orders = np.where(infinite, -1, orders * found.stabilizer_order)
            # gaps are relative to the size of a sample, of which this is a part
            share = np.divide(norms(part), whole, out=np.ones(len(X)), where=whole > 0)
            own = np.multiply(found.gap, share, out=found.gap.copy(), where=found.gap < np.inf)
            gap = np.minimum(gap, own)
            degenerate |= found.degenerate
            moved.append(found.transporter)
        columns = [at for _, at in self._forms]
        transporter = joined_columns(moved, columns, self.group.degree)
        return CanonicalForms(representative, transporter, orders, gap, degenerate)

    def representatives(self, X: Array, n_jobs: int | None = None) -> Array:
        """Only the representatives, (n, d)."""
        X = features_of(X, self.group.degree)
        representative = X.copy()
        for form, at in self._forms:
            representative[:, at] = form.representatives(np.ascontiguousarray(X[:, at]), n_jobs)
        return representative
