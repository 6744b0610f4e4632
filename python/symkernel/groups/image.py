"""Make the symmetries of images: turns, mirror images and cyclic translations of pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, SignedPermutation
from symkernel.validation import as_shape

__all__ = ["Image"]

_KINDS = ("C4", "D4", "translations", "p4", "p4m")
# Maps of pixels (i, j) beside the translations: ((a, b), (c, d)) of (a i + b j, c i + d j).
_TURNS = ((1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0))
_MIRRORED = ((1, 0, 0, -1), (0, 1, 1, 0), (-1, 0, 0, 1), (0, -1, -1, 0))
_GRID_PARTS = {"translations": _TURNS[:1], "p4": _TURNS, "p4m": _TURNS + _MIRRORED}


class Image(Group):
    """Turns, mirror images and cyclic translations of an image.

    Parameters
    ----------
    shape : tuple of int
        (height, width), or (height, width, channels): all channels move alike.
    kind : {"C4", "D4", "translations", "p4", "p4m"}
        "C4": turns by 90 degrees, the powers of ``np.rot90``. "D4": these and ``np.fliplr``.
        "translations": ``np.roll`` along both axes. "p4": translations and C4. "p4m":
        translations and D4. All but the translations need a square.

    Raises
    ------
    ValueError
        For an unknown kind, a shape without two or three axes, or turns of a rectangle.

    Notes
    -----
    Orders are 4, 8, hw, 4hw and 8hw. Images of one or two pixels a side have fewer symmetries,
    because several of these maps coincide; the order is that of the maps.

    Examples
    --------
    >>> import numpy as np
    >>> G = Image((8, 8), "D4")
    >>> G.order
    8
    >>> x = np.arange(64.0).reshape(8, 8)
    >>> np.array_equal(G.apply(G.generators[0], x), np.rot90(x))
    True
    """

    def __init__(self, shape: Sequence[int], kind: str) -> None:
        self._shape = as_shape(shape)
        if len(self._shape) not in (2, 3):
            raise ValueError(
                f"shape must be (height, width) or (height, width, channels), got {self._shape}"
            )
        if kind not in _KINDS:
            raise ValueError(f"unknown kind {kind!r} of image group; known: {', '.join(_KINDS)}")
        self._kind = kind
        if kind != "translations" and self._shape[0] != self._shape[1]:
            raise ValueError(
                f"turns by 90 degrees need a square image, got shape {self._shape} for kind "
                f"{kind!r}"
            )

    @property
    def degree(self) -> int:
        """Number of features: pixels times channels."""
        return int(np.prod(self._shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return self._shape

    @property
    def kind(self) -> str:
        """Which symmetries."""
        return self._kind

    @property
    def order(self) -> int:
        """Exact number of elements."""
        return len(self._turns) * self._shifts

    @property
    def _shifts(self) -> int:
        h, w = self._shape[:2]
        return 1 if self._kind in ("C4", "D4") else h * w

    # The pixels as an array, so that NumPy's own functions say what the group does.
    @cached_property
    def _pixels(self) -> NDArray[np.int64]:
        return np.arange(self.degree).reshape(self._shape)

    @cached_property
    def _turns(self) -> list[NDArray[np.int64]]:
        """One array per element up to translations, identity first."""
        turns = [self._pixels]
        if self._kind != "translations":
            turns = [np.rot90(self._pixels, k) for k in range(4)]
        if self._kind in ("D4", "p4m"):
            turns += [np.fliplr(turn) for turn in turns]
        if self._shape[0] > 2:
            return turns
        # Tiny images: keep one of those that are equal, up to translations if there are any.
        kept: list[NDArray[np.int64]] = []
        for turn in turns:
            images = [self._rolled(turn, k) for k in range(self._shifts)]
            if not any(np.array_equal(image, other) for image in images for other in kept):
                kept.append(turn)
        return kept

    def _rolled(self, turn: NDArray[np.int64], k: int) -> NDArray[np.int64]:
        return np.roll(turn, divmod(k, self._shape[1]), axis=(0, 1)) if k else turn

    def _element(self, rank: int) -> SignedPermutation:
        turn, shift = divmod(rank, self._shifts)
        return SignedPermutation._trusted(self._rolled(self._turns[turn], shift).reshape(-1))

    @cached_property
    def generators(self) -> tuple[Element, ...]:
        """Of np.roll along each axis, np.rot90 and np.fliplr, those that the kind has."""
        maps = []
        if self._kind != "translations":
            maps.append(np.rot90(self._pixels))
        if self._kind in ("D4", "p4m"):
            maps.append(np.fliplr(self._pixels))
        if self._shifts > 1:
            maps += [np.roll(self._pixels, 1, axis=axis) for axis in (0, 1)]
        found = [SignedPermutation._trusted(m.reshape(-1).copy()) for m in maps]
        return tuple(g for g in dict.fromkeys(found) if g != self.identity)

    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time: all translations for each turn."""
        return (self._element(rank) for rank in range(self.order))

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        return [self._element(rank) for rank in rng.integers(self.order, size=size).tolist()]

    def _contains(self, element: Element) -> bool:
        if not isinstance(element, SignedPermutation) or element.signs is not None:
            return False
        indices = element.indices.reshape(self._shape)
        for turn in self._turns:
            # The translation that would bring the first pixel to where it is found.
            place = np.argwhere(indices == turn[(0,) * turn.ndim])[0]
            if (self._shifts > 1 or not place.any()) and np.array_equal(
                np.roll(turn, tuple(place[:2]), axis=(0, 1)), indices
            ):
                return True
        return False

    def _table(self) -> SignedPermutationTable:
        h, w = self._shape[:2]
        rows = np.stack(self._turns).astype(np.int32)
        if self._shifts > 1:
            y, x = np.arange(h), np.arange(w)
            down = (y[None] - y[:, None]) % h  # np.roll(a, s)[i] = a[i - s]
            right = (x[None] - x[:, None]) % w
            rows = rows[:, down[:, None, :, None], right[None, :, None, :]]
        return SignedPermutationTable(np.ascontiguousarray(rows.reshape(-1, self.degree)), None)

    def _small_traces(self, limit: int) -> NDArray[np.float64] | None:
        self.check_order(limit)
        h, w = self._shape[:2]
        if min(h, w) < 2 or (self._shifts > 1 and min(h, w) < 3) or len(self._shape) > 2:
            return None  # several of the maps coincide
        indices = self._table().indices
        corners = [np.stack(np.divmod(indices[:, k], w), axis=1) for k in (0, w, 1)]
        if self._shifts == 1:  # turns about the middle: edges of the picture
            sides = [indices[:, (h - 1) * w], indices[:, w - 1]]
            down, right = (np.stack(np.divmod(k, w), axis=1) - corners[0] for k in sides)
            return np.asarray((down[:, 0] + right[:, 1]) / (h - 1), np.float64)
        # pixels go to A i + b modulo the size; the wave of frequency k to that of A^T k
        size, half = np.array([h, w]), np.array([h, w]) // 2
        columns = [(corner - corners[0] + half) % size - half for corner in corners[1:]]
        total = np.zeros(len(indices))
        for axis in (0, 1):
            kept = np.array([0, 0])
            kept[axis] = 1
            row = np.stack([column[:, axis] for column in columns], axis=1)  # A^T e_axis
            phase = np.cos(2.0 * np.pi * corners[0][:, axis] / size[axis])
            total += np.where((row == kept).all(axis=1), phase, 0.0)
        if self._kind != "translations":
            total += columns[0][:, 0] + columns[1][:, 1]
        return total

    def _tensor(self) -> tuple[Group, tuple[int, ...], tuple[int, ...]] | None:
        if len(self._shape) == 2:
            return super()._tensor()
        return Image(self._shape[:2], self._kind), (0, 1), self._shape

    def _grid_maps(self) -> Sequence[NDArray[np.int64]] | None:
        if len(self._shape) != 2 or self._kind not in _GRID_PARTS:
            return None
        i, j = np.indices(self._shape)
        h, w = self._shape
        return [
            (((a * i + b * j) % h) * w + (c * i + d * j) % w).ravel()
            for a, b, c, d in _GRID_PARTS[self._kind]
        ]

    def _arguments(self) -> tuple[Any, ...]:
        return (self._shape, self._kind)
