"""Hold batches of group elements that carry samples to their representatives."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation
from symkernel.groups.motion import Motion
from symkernel.validation import as_floats

__all__ = [
    "ComposedTransporters",
    "ListedTransporters",
    "MotionTransporters",
    "PermutationTransporters",
    "Transporters",
    "composed",
]


class Transporters(ABC):
    """One group element per sample, as a sequence of elements.

    ``transporters[i]`` is the element of sample i, and ``apply(X)`` acts with each element on its
    own row of X.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def degree(self) -> int:
        """Number of features d that the elements act on."""

    @abstractmethod
    def _element(self, i: int) -> Element:
        """Element of sample i, 0 <= i < n."""

    @abstractmethod
    def _apply(self, X: NDArray[Any]) -> NDArray[Any]:
        """Act with element i on row i of X, (n, d), float32 or float64."""

    @overload
    def __getitem__(self, i: slice) -> Transporters: ...

    @overload
    def __getitem__(self, i: SupportsIndex) -> Element: ...

    def __getitem__(self, i: SupportsIndex | slice) -> Element | Transporters:
        if isinstance(i, slice):
            return self.take(np.arange(len(self))[i])
        place = operator.index(i)
        if not -len(self) <= place < len(self):
            raise IndexError(f"there are {len(self)} elements, got index {place}")
        return self._element(place % len(self))

    def __iter__(self) -> Iterator[Element]:
        return (self._element(i) for i in range(len(self)))

    def __repr__(self) -> str:
        noun = "element" if len(self) == 1 else "elements"
        return f"<{len(self)} {noun} on {self.degree} features, {type(self).__name__}>"

    def apply(self, X: ArrayLike) -> NDArray[Any]:
        """Act with element i on row i of X.

        Parameters
        ----------
        X : array-like of shape (n, d)
            As many samples as there are elements.

        Returns
        -------
        ndarray of shape (n, d)
            float32 if X is, else float64.

        Raises
        ------
        ValueError
            If X has another shape.
        """
        samples = as_floats(X)
        if samples.shape != (len(self), self.degree):
            raise ValueError(
                f"X must have shape ({len(self)}, {self.degree}), one flat sample for each element;"
                f" got shape {samples.shape}"
            )
        return self._apply(samples)

    def pull_back(self, V: NDArray[Any]) -> NDArray[Any]:
        """Apply the transposed linear part of element i to the rows of V[i], (n, c, d).

        What takes gradients at g x to gradients at x, where g does not depend on x.
        """
        back = np.empty_like(V)
        for i, element in enumerate(self):
            linear, _ = element._parts()
            back[i] = linear.inverse().apply(V[i])
        return back

    def take(self, rows: NDArray[np.integer[Any]]) -> Transporters:
        """Return the elements of some of the samples."""
        return ListedTransporters([self._element(i) for i in rows.tolist()])

    def joined(self, others: Sequence[Transporters]) -> Transporters:
        """Return the elements of this batch and of others that the same form has made."""
        return ListedTransporters([element for batch in (self, *others) for element in batch])


@dataclass(frozen=True, eq=False, repr=False)
class ListedTransporters(Transporters):
    """Elements of any kind, one by one.

    Parameters
    ----------
    elements : sequence of Element
        One for each sample.
    """

    elements: Sequence[Element]

    def __len__(self) -> int:
        return len(self.elements)

    @property
    def degree(self) -> int:
        """Number of features d that the elements act on; 0 where there is no element."""
        return self.elements[0].degree if self.elements else 0

    def _element(self, i: int) -> Element:
        return self.elements[i]

    def _apply(self, X: NDArray[Any]) -> NDArray[Any]:
        moved = np.empty_like(X)
        for i, element in enumerate(self.elements):
            moved[i] = element.apply(X[i])
        return moved


@dataclass(frozen=True, eq=False, repr=False)
class PermutationTransporters(Transporters):
    """Signed permutations: (g_i . x)[j] = signs[i, j] * x[indices[i, j]].

    Parameters
    ----------
    indices : ndarray of shape (n, d)
        Integers.
    signs : ndarray of int8 of shape (n, d), optional
        +1 or -1; None where no element changes a sign.
    """

    indices: NDArray[np.integer[Any]]
    signs: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def degree(self) -> int:
        """Number of features d that the elements act on."""
        return int(self.indices.shape[1])

    def _element(self, i: int) -> SignedPermutation:
        row = self.indices[i].astype(np.int64)
        return SignedPermutation._trusted(row, None if self.signs is None else self.signs[i])

    def _apply(self, X: NDArray[Any]) -> NDArray[Any]:
        moved = np.take_along_axis(X, self.indices.astype(np.intp, copy=False), axis=1)
        return moved if self.signs is None else moved * self.signs.astype(X.dtype)

    def pull_back(self, V: NDArray[Any]) -> NDArray[Any]:
        """Apply the transposed linear part of element i to the rows of V[i], (n, c, d)."""
        signed = V if self.signs is None else V * self.signs.astype(V.dtype)[:, None]
        back = np.empty_like(signed)
        places = np.broadcast_to(self.indices.astype(np.intp, copy=False)[:, None], V.shape)
        np.put_along_axis(back, places, signed, axis=2)
        return back

    def take(self, rows: NDArray[np.integer[Any]]) -> PermutationTransporters:
        """Return the elements of some of the samples."""
        signs = None if self.signs is None else self.signs[rows]
        return PermutationTransporters(self.indices[rows], signs)

    def joined(self, others: Sequence[Transporters]) -> PermutationTransporters:
        """Return the elements of this batch and of others that the same form has made."""
        batches = (self, *(other for other in others if isinstance(other, PermutationTransporters)))
        signs = None
        if any(batch.signs is not None for batch in batches):
            ones = (np.ones(batch.indices.shape, np.int8) for batch in batches)
            pairs = zip(batches, ones, strict=True)
            signs = np.concatenate([one if b.signs is None else b.signs for b, one in pairs])
        return PermutationTransporters(np.concatenate([b.indices for b in batches]), signs)


@dataclass(frozen=True, eq=False, repr=False)
class MotionTransporters(Transporters):
    """Orthogonal matrices, then shifts: g_i . x = matrices[i] x + shifts[i].

    Parameters
    ----------
    matrices : ndarray of shape (n, d, d), optional
        None where every element is a shift.
    shifts : ndarray of shape (n, d), optional
        None where every element is linear.
    """

    matrices: NDArray[Any] | None
    shifts: NDArray[Any] | None = None

    def __len__(self) -> int:
        values = self.shifts if self.matrices is None else self.matrices
        assert values is not None
        return len(values)

    @property
    def degree(self) -> int:
        """Number of features d that the elements act on."""
        values = self.shifts if self.matrices is None else self.matrices
        assert values is not None
        return int(values.shape[1])

    def _element(self, i: int) -> Element:
        matrix = None if self.matrices is None else self.matrices[i].astype(np.float64)
        if self.shifts is None:
            assert matrix is not None
            return OrthogonalMatrix._trusted(matrix)
        return Motion._trusted(matrix, self.shifts[i].astype(np.float64))

    def _apply(self, X: NDArray[Any]) -> NDArray[Any]:
        moved = X
        if self.matrices is not None:
            moved = np.einsum("nij,nj->ni", self.matrices.astype(X.dtype, copy=False), X)
        return moved if self.shifts is None else moved + self.shifts.astype(X.dtype, copy=False)

    def pull_back(self, V: NDArray[Any]) -> NDArray[Any]:
        """Apply the transposed linear part of element i to the rows of V[i], (n, c, d)."""
        return V if self.matrices is None else V @ self.matrices.astype(V.dtype, copy=False)

    def take(self, rows: NDArray[np.integer[Any]]) -> MotionTransporters:
        """Return the elements of some of the samples."""
        parts = (None if p is None else p[rows] for p in (self.matrices, self.shifts))
        return MotionTransporters(*parts)

    def joined(self, others: Sequence[Transporters]) -> MotionTransporters:
        """Return the elements of this batch and of others that the same form has made."""
        batches = (self, *(other for other in others if isinstance(other, MotionTransporters)))
        matrices = [b.matrices for b in batches if b.matrices is not None]
        shifts = [b.shifts for b in batches if b.shifts is not None]
        return MotionTransporters(
            np.concatenate(matrices) if matrices else None,
            np.concatenate(shifts) if shifts else None,
        )


@dataclass(frozen=True, eq=False, repr=False)
class ComposedTransporters(Transporters):
    """Products of elements: those of ``parts[0]`` act first.

    Parameters
    ----------
    parts : sequence of Transporters
        At least one, all of one length.
    """

    parts: Sequence[Transporters]

    def __len__(self) -> int:
        return len(self.parts[0])

    @property
    def degree(self) -> int:
        """Number of features d that the elements act on."""
        return self.parts[0].degree

    def _element(self, i: int) -> Element:
        product = self.parts[0]._element(i)
        for part in self.parts[1:]:
            product = part._element(i) @ product
        return product

    def _apply(self, X: NDArray[Any]) -> NDArray[Any]:
        for part in self.parts:
            X = part._apply(X)
        return X

    def pull_back(self, V: NDArray[Any]) -> NDArray[Any]:
        """Apply the transposed linear part of element i to the rows of V[i], (n, c, d)."""
        for part in reversed(self.parts):
            V = part.pull_back(V)
        return V

    def take(self, rows: NDArray[np.integer[Any]]) -> ComposedTransporters:
        """Return the elements of some of the samples."""
        return ComposedTransporters(tuple(part.take(rows) for part in self.parts))

    def joined(self, others: Sequence[Transporters]) -> ComposedTransporters:
        """Return the elements of this batch and of others that the same form has made."""
        batches = [other.parts for other in others if isinstance(other, ComposedTransporters)]
        columns = zip(*batches, strict=True) if batches else (() for _ in self.parts)
        pairs = zip(self.parts, columns, strict=True)
        return ComposedTransporters(tuple(part.joined(same) for part, same in pairs))


def composed(first: Transporters, *later: Transporters) -> Transporters:
    """Return the products of elements, those of ``first`` acting first.

    Signed permutations are multiplied, other elements kept as they are.
    """
    parts: list[Transporters] = [first]
    for part in later:
        last = parts[-1]
        if isinstance(last, PermutationTransporters) and isinstance(part, PermutationTransporters):
            parts[-1] = _after(part, last)
        else:
            parts.append(part)
    return parts[0] if len(parts) == 1 else ComposedTransporters(tuple(parts))


# (g h x)[i] = s_g[i] (h x)[g[i]] = s_g[i] s_h[g[i]] x[h[g[i]]]
def _after(g: PermutationTransporters, h: PermutationTransporters) -> PermutationTransporters:
    places = g.indices.astype(np.intp, copy=False)
    signs = g.signs
    if h.signs is not None:
        moved = np.take_along_axis(h.signs, places, axis=1)
        signs = moved if signs is None else signs * moved
    return PermutationTransporters(np.take_along_axis(h.indices, places, axis=1), signs)
