"""What a group is made of: one answer for all who ask, which no one finds out from classes."""

import ast
import copy
import math
import pickle
from functools import reduce
from operator import mul
from pathlib import Path

import numpy as np
import pytest
import symkernel
from catalog import CRYSTALS, GROUPS, MOVING_METHANE, TURNED_TENSORS
from oracles import orbit_mean
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups, orbit_distance
from symkernel.canonical import canonical_form
from symkernel.groups.along import places
from symkernel.groups.role import Kind, Role

CONTINUOUS = {
    "E(3)": groups.E(3),
    "SE(2)": groups.SE(2),
    "O(1)": groups.O(1),
    "Translations(2)": groups.Translations(2),
    "molecule": groups.Young("CCH").along(0, (3, 3)) * groups.E(3).along(1, (3, 3)),
    "moving methane": MOVING_METHANE,
    "turned tensors": TURNED_TENSORS,
    "Oh and shifts": groups.PointGroup("Oh").along(1, (2, 3))
    * groups.Translations(3).along(1, (2, 3)),
    "about z": groups.SO(2).on([0, 1], 3),
    "cloud and temperature": groups.E(3).along(1, (3, 3)).on(range(9), 10),
    "two kinds": groups.SO(3).on([4, 0, 2], 6) * groups.SignFlips(2).on([1, 3], 6),
    "trivial beside": groups.Trivial(2).along(0, (2, 3)) * groups.SO(3).along(1, (2, 3)),
}
ALL = {**GROUPS, **CONTINUOUS, **CRYSTALS}


@pytest.fixture(params=list(ALL))
def group(request):
    return ALL[request.param]


# ---- the parts are the group -------------------------------------------------------------------


def test_the_parts_make_up_the_group(group):
    structure = group.structure
    parts = [f.group.along(f.axes, f.shape) for f in structure.centres + structure.factors]
    whole = reduce(mul, parts) if parts else groups.Trivial(group.degree)
    assert whole == group
    assert sum(f.group.dim for f in structure.centres + structure.continuous) == group.dim
    assert all(f.group.order > 1 for f in structure.nontrivial)
    assert len(structure.finite) + len(structure.continuous) == len(structure.factors)
    assert set(structure.rotations + structure.angles) <= set(structure.factors)


def test_centring_takes_out_the_translations_and_nothing_else(group):
    structure = group.structure
    X = np.random.default_rng(0).standard_normal((4, group.degree))
    moved = X
    for f in structure.centres:
        shifts = f.group.along(f.axes, f.shape)
        moved = shifts.apply(shifts.sample(1, random_state=1, scale=3.0)[0], moved)
    np.testing.assert_allclose(structure.centred(moved), structure.centred(X), atol=1e-12)
    if not group._on_angles:
        shifted = X + 3.0 * group._shift_basis.sum(axis=0)
        np.testing.assert_allclose(structure.centred(shifted), structure.centred(X), atol=1e-12)
        assert bool(structure.centring) == structure.translates == (len(group._shift_basis) > 0)
    if not structure.by_columns:
        assert len(structure.centring) == len(structure.centres)
    shifts = 0 if group._on_angles else len(group._shift_basis)
    assert structure.rest.dim == group.dim - shifts
    if not structure.translates:
        assert structure.rest is group
        assert structure.centred(X) is X


def test_it_is_computed_once_and_copies_and_pickles_find_it_again(group):
    structure = group.structure
    assert group.structure is structure
    assert copy.deepcopy(structure) is structure
    back = pickle.loads(pickle.dumps(structure))
    assert back is back.group.structure
    assert back.group == group


def test_permutations_of_points_do_to_points_what_the_group_does(group):
    for head in group.structure.factors:
        acting = group.structure.point_permutations(head)
        if acting is None:
            continue
        at = places(head.axes, head.shape)
        assert acting.degree == len(at)
        for g in acting.generators:
            moved = np.empty(group.degree, int)
            moved[at] = at[g.indices]
            assert group.contains(groups.SignedPermutation(moved))


# ---- what a group declares is so ---------------------------------------------------------------


def test_roles_are_what_the_elements_do(group):
    for f in group.factors():
        role, acting = f.group.role, f.group
        if role.exchanges or role.even:
            assert sorted(i for block in role.blocks for i in block) == list(range(acting.degree))
            order = math.prod(math.factorial(len(block)) for block in role.blocks)
            order <<= acting.degree if role.signs else 0
            assert acting.order == max(1, order // 2 if role.even else order)
            assert acting.is_permutation == (not role.signs)
        if role.flips:
            assert acting.order == 2**acting.degree
        if role.rotates:
            assert acting.dim == math.comb(acting.degree, 2)
            assert role.reflections == (len(acting.generators) == 1)
        if role.nested is not None:
            inner, outer = role.nested
            assert acting.order == inner.order**outer.degree * outer.order
        if role.parts:
            assert len({c for _, columns in role.parts for c in columns}) <= acting.degree
            assert acting.order == math.prod(part.order for part, _ in role.parts)
            assert acting.dim == sum(part.dim for part, _ in role.parts)
        else:
            shifts = role.translates or role.turns_angles or role.moves_lattice
            assert shifts == (not acting.is_linear)


@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (2, 0)])
@pytest.mark.parametrize("labels", ["ABBBAA", "AAAAAA"])
def test_labels_follow_the_axes_in_the_order_given(axes, labels):
    shape = {(0, 1): (2, 3, 2), (1, 0): (2, 3, 2), (2, 0): (2, 1, 3)}[axes]
    group = groups.Young(labels).along(axes, shape)
    rng = np.random.default_rng(2)
    X, Y = rng.standard_normal((2, 3, group.degree))
    found = canonical_form(group).canonicalize(X)
    assert all(g in group for g in found.transporter)
    moved = group.apply(group.sample(1, random_state=0)[0], X)
    np.testing.assert_array_equal(
        canonical_form(group).representatives(moved), found.representative
    )
    kernel = RBF(2.0)
    K = InvariantKernel(kernel, group, method="closed_form")(X, Y)
    np.testing.assert_allclose(K, orbit_mean(kernel, group, X, Y), rtol=1e-12)
    np.testing.assert_allclose(
        orbit_distance(X, Y, group=group, method="matching"),
        orbit_distance(X, Y, group=group, method="enumeration"),
        rtol=1e-12,
    )


# ---- a new group is one class ------------------------------------------------------------------


class Decks(groups.PermutationGroup):
    """Cards of two decks of n, each shuffled by itself."""

    def __init__(self, n):
        self.n = n
        swaps = [[(i, i + 1)] for deck in (0, n) for i in range(deck, deck + n - 1)]
        super().__init__(swaps, degree=2 * n)

    @property
    def role(self):
        return Role(Kind.EXCHANGES, blocks=(range(self.n), range(self.n, 2 * self.n)))


def test_a_new_group_is_served_by_all_that_knows_its_role():
    new, known = Decks(3).along(0, (6, 2)), groups.Young("aaabbb").along(0, (6, 2))
    X, Y = np.random.default_rng(3).standard_normal((2, 4, 12))
    k = InvariantKernel(RBF(1.5), new, method="closed_form")
    np.testing.assert_allclose(k(X, Y), orbit_mean(RBF(1.5), new, X, Y), rtol=1e-12)
    assert type(canonical_form(new)) is type(canonical_form(known))
    np.testing.assert_array_equal(
        canonical_form(new).representatives(X), canonical_form(known).representatives(X)
    )
    np.testing.assert_allclose(
        orbit_distance(X, Y, group=new, method="matching"),
        orbit_distance(X, Y, group=new, method="enumeration"),
        rtol=1e-12,
    )
    motions = groups.E(2).along(1, (6, 2))
    np.testing.assert_allclose(
        canonical_form(new * motions).representatives(X),
        canonical_form(known * motions).representatives(X),
    )


# ---- and no one asks for classes ---------------------------------------------------------------

CLASSES = {
    name
    for name in groups.__all__
    if isinstance(getattr(groups, name), type)
    and issubclass(getattr(groups, name), groups.Group)
    and name != "Group"
}


def _asked(source):
    """Lines that ask whether something is of a class of groups, with the name of the class."""
    tree = ast.parse(source)
    known = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("symkernel.groups")
        for alias in node.names
        if alias.name in CLASSES
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
            "isinstance",
            "issubclass",
        ):
            for part in ast.walk(node.args[1]):
                of_module = isinstance(part, ast.Attribute) and part.attr in CLASSES
                if of_module and getattr(part.value, "id", "") == "groups":
                    yield node.lineno, part.attr
                if isinstance(part, ast.Name) and part.id in known:
                    yield node.lineno, part.id


def test_the_search_for_questions_finds_them():
    found = _asked(
        "from symkernel import groups\nfrom symkernel.groups import SO, Group, O\n"
        "from symkernel.spectral import Torus\n"
        "isinstance(g, SO | O)\nisinstance(g, groups.Young)\nisinstance(m, (Torus, Group))\n"
    )
    assert sorted(found) == [(4, "O"), (4, "SO"), (5, "Young")]


def test_classes_of_groups_are_asked_for_within_groups_only():
    root = Path(symkernel.__file__).parent
    files = {
        file.relative_to(root): file.read_text()
        for file in root.rglob("*.py")
        if file.relative_to(root).parts[0] not in ("groups", "bench")
    }
    assert len(files) > 150
    assert [(str(f), *where) for f, text in files.items() for where in _asked(text)] == []
