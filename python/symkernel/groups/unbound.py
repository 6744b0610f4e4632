"""Name the columns that groups act on before the table is known: fit binds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from symkernel.groups._built import enter
from symkernel.groups.base import Group
from symkernel.groups.columns import Columns, written
from symkernel.validation import as_count

__all__ = [
    "OnColumns",
]

Column = int | str


@enter
class OnColumns:
    """Groups on columns of a table that is not known yet; written ``G.on(columns)`` and ``*``.

    Estimators bind it in ``fit``, kernels to the number of features of their samples. Immutable;
    copies share one object.

    Parameters
    ----------
    parts : sequence of (Group, tuple of int or str)
        Groups, and the positions or names of the columns that their features are.
    n_features : int, optional
        Number of columns that the table must have.

    Examples
    --------
    >>> from symkernel.groups import Cyclic, Symmetric
    >>> G = Symmetric(2).on(["a", "b"]) * Cyclic(3).on([-3, -2, -1])
    >>> G.bind(6, ["t", "b", "a", "x", "y", "z"])
    Symmetric(2).on([2, 1], 6) * Cyclic(3).on([3, 4, 5], 6)
    """

    @classmethod
    def of(cls, group: Group, columns: Any, n_features: Any = None) -> OnColumns | Columns:
        """Return a group on some columns; see ``Group.on``."""
        own = _as_columns(columns)
        if len(own) != group.degree:
            raise ValueError(
                f"{group!r} acts on {group.degree} features, and columns has {len(own)}: give one "
                "column for each feature"
            )
        size = None if n_features is None else as_count(n_features, "n_features")
        return _bound_if_known(((group, own),), size)

    def __init__(
        self, parts: Sequence[tuple[Group, tuple[Column, ...]]], n_features: int | None = None
    ) -> None:
        self._parts = tuple(parts)
        self._n_features = n_features
        _refuse_twice([column for _, columns in self._parts for column in columns])

    @property
    def by_name(self) -> bool:
        """Whether columns have names, so that only a data frame tells where they are."""
        return any(isinstance(column, str) for _, columns in self._parts for column in columns)

    @property
    def unknown(self) -> str:
        """What is missing, and the way out, in words."""
        way = (
            "give positions and n_features, as G.on([0, 2], 5), or .bind(n_features, names)"
            if self.by_name
            else "give n_features as the second argument of .on"
        )
        return f"{self!r} is not bound to a table yet: {way}"

    @property
    def order(self) -> float:
        """Number of elements, which does not depend on the table."""
        return math.prod(group.order for group, _ in self._parts)

    # What only a bound group has. Names with underscores are asked for by copy, pickle and NumPy.
    def __getattr__(self, name: str) -> Any:
        text = f"{type(self).__name__} has no attribute {name!r}"
        if not name.startswith("_") and hasattr(Columns, name):
            text += f": {self.unknown}"
        raise AttributeError(text)

    # One bound group for each table, which keeps what plans find for it.
    @cached_property
    def _bound(self) -> dict[tuple[int, tuple[str, ...] | None], Columns]:
        return {}

    def bind(self, n_features: int, names: Iterable[str] | None = None) -> Columns:
        """Return the group on the columns of a table.

        Parameters
        ----------
        n_features : int
            Number of columns.
        names : iterable of str, optional
            Their names, where they have names.

        Raises
        ------
        ValueError
            If a column is not among them, is meant twice, or another number of columns was given
            to ``on``.
        """
        known = None if names is None else tuple(map(str, names))
        key = (n_features, known if self.by_name else None)
        if key not in self._bound:
            self._bound[key] = self._made(n_features, known)
        return self._bound[key]

    def _made(self, n_features: int, names: tuple[str, ...] | None) -> Columns:
        if self._n_features not in (None, n_features):
            raise ValueError(f"X has {n_features} features; {self!r} acts on {self._n_features}")
        if self.by_name and names is None:
            raise ValueError(
                f"{self!r} names its columns, and X has no names: give a pandas or polars data "
                "frame whose columns have names, or positions such as .on([0, 1]). A transformer "
                'hands names on after .set_output(transform="pandas")'
            )
        parts = [
            (group, [self._place(column, n_features, names) for column in columns])
            for group, columns in self._parts
        ]
        places = [place for _, columns in parts for place in columns]
        if len(set(places)) < len(places):
            twice = next(place for i, place in enumerate(places) if place in places[:i])
            own = [c for _, columns in self._parts for c in columns]
            meant = [c for c, place in zip(own, places, strict=True) if place == twice]
            raise ValueError(
                f"{self!r} needs every column once: {meant[0]!r} and {meant[1]!r} are both column "
                f"{twice} of {n_features}"
            )
        return Columns(parts, n_features)

    def _place(self, column: Column, n_features: int, names: tuple[str, ...] | None) -> int:
        if isinstance(column, str):
            assert names is not None
            found = [i for i, name in enumerate(names) if name == column]
            if len(found) != 1:
                what = "has no" if not found else f"has {len(found)} columns of the name"
                word = " column" if not found else ""
                raise ValueError(
                    f"X {what}{word} {column!r}, which {self!r} acts on; its columns are "
                    f"{', '.join(map(repr, names))}"
                )
            return found[0]
        if not -n_features <= column < n_features:
            raise ValueError(
                f"column {column} is out of range for {n_features} features; {self!r} acts on it"
            )
        return column % n_features

    def __mul__(self, other: object) -> OnColumns | Columns:
        if isinstance(other, Columns):
            other = OnColumns(_parts_of(other), other.degree)
        if not isinstance(other, OnColumns):
            if isinstance(other, Group):
                raise ValueError(
                    f"{self!r} acts on columns, {other!r} on all features: say on which columns it "
                    "acts, with .on(columns)"
                )
            return NotImplemented
        sizes = {self._n_features, other._n_features} - {None}
        if len(sizes) > 1:
            raise ValueError(
                f"a product needs groups on the same features: {self!r} acts on "
                f"{self._n_features}, {other!r} on {other._n_features}"
            )
        return _bound_if_known((*self._parts, *other._parts), sizes.pop() if sizes else None)

    def __rmul__(self, other: object) -> OnColumns | Columns:
        if isinstance(other, Columns):
            return OnColumns(_parts_of(other), other.degree) * self
        if isinstance(other, Group):
            return self * other  # which says what is missing
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OnColumns):
            return NotImplemented
        return (self._parts, self._n_features) == (other._parts, other._n_features)

    def __hash__(self) -> int:
        return hash((self._parts, self._n_features))

    def __repr__(self) -> str:
        size = "" if self._n_features is None else f", {self._n_features}"
        return " * ".join(
            f"{written(group)}.on({list(columns)}{size})" for group, columns in self._parts
        )

    def __copy__(self) -> OnColumns:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> OnColumns:
        # Immutable; scikit-learn's clone copies deeply and would drop the bound groups.
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_bound"}


def _bound_if_known(
    parts: tuple[tuple[Group, tuple[Column, ...]], ...], n_features: int | None
) -> OnColumns | Columns:
    unbound = OnColumns(parts, n_features)
    return unbound if n_features is None or unbound.by_name else unbound.bind(n_features)


def _parts_of(group: Columns) -> tuple[tuple[Group, tuple[int, ...]], ...]:
    return tuple((block.group, tuple(block.columns.tolist())) for block in group.blocks)


def _as_columns(value: Any) -> tuple[Column, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        way = ": list(range(start, stop)) has positions" if isinstance(value, slice) else ""
        raise TypeError(f"columns must be a list of positions or of names, got {value!r}{way}")
    found: list[Column] = []
    for item in value:
        if isinstance(item, str):
            found.append(str(item))
        elif isinstance(item, int | np.integer) and not isinstance(item, bool):
            found.append(int(item))
        else:
            mask = isinstance(item, bool | np.bool_)
            way = ": np.flatnonzero(mask) has the positions of a mask" if mask else ""
            raise TypeError(f"columns must be integers or names, got {item!r} among {value!r}{way}")
    if not found:
        raise ValueError("columns must name at least one column, got none")
    return tuple(found)


def _refuse_twice(columns: Sequence[Column]) -> None:
    for i, column in enumerate(columns):
        if column in columns[:i]:
            raise ValueError(
                f"columns must be different ones, and a product of groups needs different columns: "
                f"{column!r} comes twice"
            )
