"""Make groups by name, on all features."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

import numpy as np

from symkernel.groups.base import Group
from symkernel.groups.euclidean import SE, E
from symkernel.groups.named import Alternating, Cyclic, Dihedral, Symmetric, Trivial
from symkernel.groups.orthogonal import SO, O
from symkernel.groups.shifts import Torus, Translations
from symkernel.groups.signed import Hyperoctahedral, SignFlips
from symkernel.groups.unbound import OnColumns
from symkernel.validation import in_order

__all__ = [
    "NAMES",
    "bind",
    "bound_to",
    "from_name",
    "is_by_name",
    "is_group",
    "is_unbound",
    "names_of",
    "require_group",
    "with_columns",
]

_NAMED: dict[str, Callable[[int], Group]] = {
    "trivial": Trivial,
    "symmetric": Symmetric,
    "alternating": Alternating,
    "cyclic": Cyclic,
    "dihedral": Dihedral,
    "sign_flips": SignFlips,
    "hyperoctahedral": Hyperoctahedral,
    "SO": SO,
    "O": O,
    "Torus": Torus,
    "Translations": Translations,
    "SE": SE,
    "E": E,
}

#: Names that ``from_name`` knows.
NAMES = tuple(_NAMED)


def from_name(name: str, n: int) -> Group:
    """Return the named group on n features.

    Parameters
    ----------
    name : {"trivial", "symmetric", "alternating", "cyclic", "dihedral", "sign_flips", \
"hyperoctahedral", "SO", "O", "Torus", "Translations", "SE", "E"}
    n : int
        Number of features.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.

    Examples
    --------
    >>> from_name("cyclic", 5)
    Cyclic(5)
    """
    if name not in _NAMED:
        raise ValueError(f"unknown group {name!r}; known: {', '.join(_NAMED)}")
    return _NAMED[name](n)


def is_unbound(group: Any) -> TypeGuard[str | OnColumns]:
    """Return whether a group is known only once the number of features is: a name, or columns."""
    return isinstance(group, str | OnColumns)


def is_by_name(group: Any) -> TypeGuard[OnColumns]:
    """Return whether a group acts on columns that only a data frame tells the places of."""
    return isinstance(group, OnColumns) and group.by_name


def is_group(group: Any) -> TypeGuard[str | Group | OnColumns]:
    """Return whether this is what estimators take as a group."""
    return isinstance(group, Group) or is_unbound(group)


def bind(
    group: str | Group | OnColumns, n_features: int, names: Iterable[str] | None = None
) -> Group:
    """Return the group on samples of so many features; one that is bound as it is.

    Parameters
    ----------
    group : str, Group or what ``Group.on`` returns
    n_features : int
    names : iterable of str, optional
        Names of the features.

    Raises
    ------
    ValueError
        If the name is unknown, or columns are not those of the samples.
    """
    if isinstance(group, str):
        return from_name(group, n_features)
    return group.bind(n_features, names) if isinstance(group, OnColumns) else group


def bound_to(group: Any, X: Any) -> Any:
    """Return a group on columns bound to a table; whatever else it is as it is.

    Raises
    ------
    ValueError
        If the columns are not those of the table.
    """
    if not isinstance(group, OnColumns) or np.ndim(X) != 2:
        return group
    return group.bind(np.shape(X)[1], names_of(X))


def with_columns(Y: Any, names: Any, own: Any) -> Any:
    """Return a table that has columns of its own names in the order of the names of another.

    Raises
    ------
    ValueError
        If its names are others, or samples that are kept have them in another order.
    """
    if names is not None and own is not None:
        ordered = hasattr(Y, "columns") or list(names) == list(own)
        if sorted(names) != sorted(own) or not ordered:
            raise ValueError(
                f"X and Y have other columns, or in another order: {', '.join(names)} and "
                f"{', '.join(own)}"
            )
        return in_order(Y, names)
    return Y


def require_group(group: Any, name: str = "group") -> None:
    """Raise TypeError unless this is a group, and one that is bound where it acts on columns."""
    if isinstance(group, Group):
        return
    text = f"{name} must be a Group, got {type(group).__name__}"
    if isinstance(group, OnColumns):
        text = f"{name} must be a Group: {group.unknown}"
    raise TypeError(text)


def names_of(X: Any) -> list[str] | None:
    """Return the names of the columns of a data frame; None where they are no strings."""
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(column, str) for column in columns):
        return None
    return list(columns)
