"""What acts: finite groups of orthogonal maps of R^d.

A permutation acts by gathering, (g.x)[i] = x[g[i]]; ``g @ h`` acts as g after h;
``G.along(axis, shape)`` acts along an axis of an array; ``G * H`` is the product of commuting
actions.

Examples
--------
>>> from symkernel import groups
>>> G = groups.Symmetric(4).along(0, (4, 3)) * groups.PointGroup("O").along(1, (4, 3))
>>> G.degree, G.order
(12, 576)
"""

from symkernel.groups.along import Along
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, OrthogonalMatrix, Permutation, SignedPermutation
from symkernel.groups.image import Image
from symkernel.groups.matrix_group import MatrixGroup
from symkernel.groups.named import Alternating, Cyclic, Dihedral, Symmetric, Trivial
from symkernel.groups.permutation_group import PermutationGroup
from symkernel.groups.point_group import PointGroup
from symkernel.groups.product import Product
from symkernel.groups.registry import from_name
from symkernel.groups.signed import Hyperoctahedral, SignFlips
from symkernel.groups.table import (
    ActionTable,
    GroupTooLargeError,
    MatrixTable,
    PointTable,
    SignedPermutationTable,
)

__all__ = [
    "ActionTable",
    "Along",
    "Alternating",
    "Cyclic",
    "Dihedral",
    "Element",
    "Group",
    "GroupTooLargeError",
    "Hyperoctahedral",
    "Image",
    "MatrixGroup",
    "MatrixTable",
    "OrthogonalMatrix",
    "Permutation",
    "PermutationGroup",
    "PointGroup",
    "PointTable",
    "Product",
    "SignFlips",
    "SignedPermutation",
    "SignedPermutationTable",
    "Symmetric",
    "Trivial",
    "from_name",
]
