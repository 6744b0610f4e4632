"""Every group, base kernel and method that the laws run over: one list each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, RationalQuadratic
from symkernel import groups
from symkernel.kernels import ArcCosine, Laplacian, Polynomial, PowerExponential, VonMises

METHANE = (
    ["C", "H", "H", "H", "H"],
    0.63 * np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]),
)

# Small groups of every kind, every native route: permutations, signs, matrices, points, products.
GROUPS = {
    "trivial": groups.Trivial(3),
    "symmetric": groups.Symmetric(4),
    "alternating": groups.Alternating(4),
    "cyclic": groups.Cyclic(7),
    "dihedral": groups.Dihedral(5),
    "sign_flips": groups.SignFlips(4),
    "hyperoctahedral": groups.Hyperoctahedral(3),
    "permutation": groups.PermutationGroup([[1, 0, 2, 3, 5, 4], [0, 1, 3, 2, 4, 5]]),
    "C5 matrices": groups.MatrixGroup(
        [groups.PointGroup("C5", degree=2).generators[0].as_matrix()]
    ),
    "I": groups.PointGroup("I"),
    "Td": groups.PointGroup("Td"),
    "D4 image": groups.Image((4, 4), "D4"),
    "translations": groups.Image((2, 3), "translations"),
    "p4m": groups.Image((3, 3), "p4m"),
    "Oh on points": groups.PointGroup("Oh").along(1, (4, 3)),
    "D3d on points": groups.PointGroup("D3d").along(1, (5, 3)),
    "C4 on first axis": groups.PointGroup("C4", degree=2).along(0, (2, 4)),
    "permuted points": groups.Symmetric(3).along(0, (3, 2)),
    "S3 x C5": groups.Symmetric(3).along(0, (3, 2))
    * groups.PointGroup("C5", degree=2).along(1, (3, 2)),
    "C12 on 2 channels": groups.Cyclic(12).along(0, (12, 2)),
    "grid of rings": groups.Cyclic(3).along(0, (3, 4)) * groups.Dihedral(4).along(1, (3, 4)),
    "C2 x Td": groups.Cyclic(2).along(0, (2, 3)) * groups.PointGroup("Td").along(1, (2, 3)),
    "young": groups.Young("ababb"),
    "wreath": groups.Wreath(groups.Cyclic(3), groups.Symmetric(2)),
    "young points": groups.Young("aba").along(0, (3, 2)),
    "methane": groups.molecule(*METHANE, rotations=None, translations=False, include="feasible"),
    "some columns": groups.Symmetric(3).on([0, 2, 4], 6),
    "columns of two kinds": groups.Cyclic(3).on([4, 0, 2], 7) * groups.SignFlips(2).on([6, 1], 7),
    "matrices on columns": groups.PointGroup("C5", degree=2).on([2, 0], 4)
    * groups.Symmetric(2).on([1, 3], 4),
    "graph": groups.Graph(3, features=1),
    "labelled graph": groups.Graph(4, labels="abab"),
    "tensors": groups.PointGroup("D3").along_each((1, 2), (2, 3, 3)),
    # of angles
    "torus": groups.Torus(1).along(1, (4, 1)),
    "torus on columns": groups.Torus(2).on([3, 0], 4) * groups.SignFlips(1).on([1], 4),
    "torus x C3": groups.Torus(2).along(1, (3, 2)) * groups.Cyclic(3).along(0, (3, 2)),
}

# Infinite; what laws of continuous groups have in common.
MOVING_METHANE = groups.molecule(*METHANE)
TURNED_TENSORS = groups.O(3).along_each((1, 2), (2, 3, 3))


def reflections(normals):
    """Return the reflections in mirrors with these normals."""
    units = [np.asarray(n, float) / np.linalg.norm(n) for n in normals]
    return [np.eye(len(u)) - 2.0 * np.outer(u, u) for u in units]


def diagram(n, edges):
    """Return simple roots, rows, of the Coxeter diagram with edges (i, j, m): angles pi - pi/m."""
    gram = np.eye(n)
    for i, j, m in edges:
        gram[i, j] = gram[j, i] = -np.cos(np.pi / m)
    return np.linalg.cholesky(gram)


E8 = [*((i, i + 1, 3) for i in range(6)), (2, 7, 3)]
_TURN = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])

# Matrix groups beyond any list: too large, and infinite.
LARGE_MATRICES = {"E8": groups.MatrixGroup(reflections(diagram(8, E8)))}
CLOSURES = {
    "SO(2) on two points": groups.MatrixGroup([np.kron(np.eye(2), _TURN)], closure=True),
    "O(2)": groups.MatrixGroup([_TURN, np.diag([1.0, -1.0])], closure=True),
    "about an axis, seven components": groups.MatrixGroup(
        [
            np.block(
                [
                    [_TURN, np.zeros((2, 3))],
                    [
                        np.zeros((2, 2)),
                        groups.PointGroup("C7", degree=2).generators[0].as_matrix(),
                        np.zeros((2, 1)),
                    ],
                    [np.zeros((1, 4)), np.eye(1)],
                ]
            )
        ],
        closure=True,
    ),
}
# Of fractional coordinates, modulo 1: quarters, thirds, several atoms, shifts alone.
_P21 = groups.SpaceGroup([np.eye(3), np.diag([-1, 1, -1])], [[0, 0, 0], [0, 0.5, 0]])
CRYSTALS = {
    "P2_1": _P21,
    "P4_1": groups.SpaceGroup.from_generators([[[0, -1, 0], [1, 0, 0], [0, 0, 1]]], [[0, 0, 0.25]]),
    "P3_1": groups.SpaceGroup.from_generators(
        [[[0, -1, 0], [1, -1, 0], [0, 0, 1]]], [[0, 0, 1 / 3]]
    ),
    "p6": groups.SpaceGroup.from_generators([[[1, -1], [1, 0]]]),
    "shifts of a torus": groups.SpaceGroup.from_generators([np.eye(2)], [[1 / 5, 2 / 5]]),
    "P2_1 on atoms": groups.Symmetric(2).along(0, (2, 3)) * _P21.along(1, (2, 3)),
}
EVERY = GROUPS | CRYSTALS

KERNELS = {
    "rbf": RBF(1.7),
    "matern12": Matern(1.3, nu=0.5),
    "matern32": Matern(1.3, nu=1.5),
    "matern52": Matern(1.9, nu=2.5),
    "matern_inf": Matern(1.8, nu=np.inf),
    "rational_quadratic": RationalQuadratic(1.2, alpha=0.8),
    "dot_product": DotProduct(0.7),
    "polynomial": Polynomial(3, gamma=0.4, coef0=1.1),
    "laplacian": Laplacian(0.3),
    "arc_cosine0": ArcCosine(0),
    "arc_cosine1": ArcCosine(1),
    "arc_cosine2": ArcCosine(2),
    "von_mises": VonMises(0.9),
    "power_exponential": PowerExponential(1.4, exponent=1.3),
}

METHODS = ("auto", "sum", "fourier", "closed_form")


@dataclass(frozen=True)
class Case:
    group_name: str
    kernel_name: str

    @property
    def group(self):
        return EVERY[self.group_name]

    @property
    def kernel(self):
        if self.group_name in CRYSTALS:
            return periodic_kernel(self.group, KERNELS[self.kernel_name].kappa)
        return KERNELS[self.kernel_name]

    @property
    def factors(self):
        return (self.group_name, self.kernel_name)

    def __str__(self):
        return f"{self.kernel_name}-{self.group_name}"


MIXTURES = ("rbf", "matern12", "matern32", "matern52", "matern_inf", "rational_quadratic")
PERMANENTS = ("symmetric", "permuted points", "young", "young points", "some columns")
COLUMNS = ("columns of two kinds", "matrices on columns")
CLOSED_FORMS = (*PERMANENTS, "sign_flips", "hyperoctahedral", "Oh on points")


def applies(method, case):
    """Whether a method can serve a case."""
    if not case.group.is_finite:
        return method in ("auto", "closed_form")
    if method == "closed_form" and case.group_name in COLUMNS:
        return case.kernel_name in (
            *MIXTURES,
            "laplacian",
            "von_mises",
            "dot_product",
            "polynomial",
        )
    if method == "fourier":  # gives inner products only
        return case.kernel_name != "laplacian"
    if method == "closed_form" and case.kernel_name == "von_mises":
        return case.group_name in PERMANENTS  # an angle's sign is a reflection of its point
    if method == "closed_form":
        kernels = (*MIXTURES, "laplacian")
        kink = case.kernel_name in ("matern12", "laplacian") and case.group_name == "Oh on points"
        return case.group_name in CLOSED_FORMS and case.kernel_name in kernels and not kink
    return True


def periodic_kernel(group, kappa):
    """The von Mises kernel of fractional coordinates that a group leaves invariant."""
    modes = next(f.group.star() for f in group.factors() if f.group.role.moves_lattice)
    plain = len(modes) == len(modes[0])
    return VonMises(kappa, period=1.0, modes=None if plain else modes)


def leaves_invariant(group, kernel_name):
    """Whether the average over a group exists."""
    if kernel_name == "von_mises":
        return not (group.is_finite and group.is_linear) or group.is_signed_permutation
    if kernel_name == "laplacian":
        return group.is_finite and group.is_signed_permutation
    return group.is_finite and group.is_linear


CASES = [Case(g, k) for g in EVERY for k in KERNELS if leaves_invariant(EVERY[g], k)]
CASES_BY_METHOD = [(c, m) for c in CASES for m in METHODS if applies(m, c)]
# The same with and without normalisation, to be covered by pairs: see covering.py.
NORMALIZED = [(c, m, n) for c, m in CASES_BY_METHOD for n in (False, True)]


def samples(group, n, seed=0, scale=1.0, dtype=np.float64):
    """Random samples; one is fixed by much of the group, one repeats, one is zero."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, group.degree)) * scale
    if n > 3:
        X[1] = scale  # constant: the largest stabiliser a permutation group has
        X[2] = X[0]
        X[3] = 0.0
    return X.astype(dtype)
