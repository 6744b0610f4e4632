"""Make groups of orthogonal maps of R^d and of shifts, finite and continuous.

A permutation acts by gathering, (g.x)[i] = x[g[i]]; ``g @ h`` acts as g after h;
``G.along(axis, shape)`` acts along an axis of an array, ``G.on(columns)`` on columns of a table;
``G * H`` is the product of commuting actions.

Examples
--------
>>> from symkernel import groups
>>> G = groups.Symmetric(4).along(0, (4, 3)) * groups.PointGroup("O").along(1, (4, 3))
>>> G.degree, G.order
(12, 576)
>>> H = groups.Symmetric(4).along(0, (4, 3)) * groups.E(3).along(1, (4, 3))
>>> H.dim, H.order
(6, inf)
>>> [factor.group for factor in H.factors()]
[Symmetric(4), Translations(3), O(3)]
"""

from symkernel.groups import along, product, structure  # noqa: F401 (what groups are built into)
from symkernel.groups.base import Group
from symkernel.groups.elements import OrthogonalMatrix, Permutation, SignedPermutation
from symkernel.groups.euclidean import SE, E
from symkernel.groups.graph import Graph
from symkernel.groups.image import Image
from symkernel.groups.matrix_group import MatrixGroup
from symkernel.groups.molecule import molecule
from symkernel.groups.named import Alternating, Cyclic, Dihedral, Symmetric, Trivial
from symkernel.groups.orthogonal import SO, O
from symkernel.groups.permutation_group import PermutationGroup
from symkernel.groups.point_group import PointGroup
from symkernel.groups.random_action import move_randomly
from symkernel.groups.registry import from_name
from symkernel.groups.representations import Representation
from symkernel.groups.shifts import Torus, Translations
from symkernel.groups.signed import Hyperoctahedral, SignFlips
from symkernel.groups.space_group import SpaceGroup
from symkernel.groups.wreath import Wreath
from symkernel.groups.young import Young

__all__ = [
    "SE",
    "SO",
    "Alternating",
    "Cyclic",
    "Dihedral",
    "E",
    "Graph",
    "Group",
    "Hyperoctahedral",
    "Image",
    "MatrixGroup",
    "O",
    "OrthogonalMatrix",
    "Permutation",
    "PermutationGroup",
    "PointGroup",
    "Representation",
    "SignFlips",
    "SignedPermutation",
    "SpaceGroup",
    "Symmetric",
    "Torus",
    "Translations",
    "Trivial",
    "Wreath",
    "Young",
    "from_name",
    "molecule",
    "move_randomly",
]
