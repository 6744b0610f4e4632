"""Make groups by name, on all features."""

from __future__ import annotations

from collections.abc import Callable

from symkernel.groups.base import Group
from symkernel.groups.euclidean import SE, E
from symkernel.groups.named import Alternating, Cyclic, Dihedral, Symmetric, Trivial
from symkernel.groups.orthogonal import SO, O
from symkernel.groups.shifts import Torus, Translations
from symkernel.groups.signed import Hyperoctahedral, SignFlips

__all__ = ["NAMES", "from_name"]

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
