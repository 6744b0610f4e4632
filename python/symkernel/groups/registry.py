"""Make groups by name, on all features."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

from symkernel.groups.base import Group
from symkernel.groups.euclidean import SE, E
from symkernel.groups.named import Alternating, Cyclic, Dihedral, Symmetric, Trivial
from symkernel.groups.orthogonal import SO, O
from symkernel.groups.shifts import Torus, Translations
from symkernel.groups.signed import Hyperoctahedral, SignFlips
from symkernel.groups.unbound import OnColumns

__all__ = ["NAMES", "bind", "from_name", "is_group", "is_unbound", "names_of"]

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


def names_of(X: Any) -> list[str] | None:
    """Return the names of the columns of a data frame; None where they are no strings."""
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(column, str) for column in columns):
        return None
    return list(columns)
