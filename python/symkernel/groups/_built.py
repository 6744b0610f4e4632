"""Hold the classes that methods of groups make, and that are themselves built on ``Group``.

``G.along(0, shape)`` is an ``Along``, which is a ``Group``: the module of one would have to import
that of the other, both ways. Here the base class finds the classes that need it. Each enters itself
where it is defined, and the package imports them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from symkernel.groups.along import Along
    from symkernel.groups.along_each import AlongEach
    from symkernel.groups.matrix_group import MatrixGroup
    from symkernel.groups.permutation_group import PermutationGroup
    from symkernel.groups.product import Product
    from symkernel.groups.space_group import SpaceGroup
    from symkernel.groups.structure import Structure
    from symkernel.groups.unbound import OnColumns
    from symkernel.groups.young import Young

__all__ = ["Built", "enter"]

Class = TypeVar("Class", bound=type)


class Built:
    """The classes, by their own names."""

    Along: type[Along]
    AlongEach: type[AlongEach]
    MatrixGroup: type[MatrixGroup]
    OnColumns: type[OnColumns]
    PermutationGroup: type[PermutationGroup]
    Product: type[Product]
    SpaceGroup: type[SpaceGroup]
    Structure: type[Structure]
    Young: type[Young]


def enter(cls: Class) -> Class:
    """Enter a class that ``Built`` names, as a decorator."""
    assert cls.__name__ in Built.__annotations__
    setattr(Built, cls.__name__, cls)
    return cls
