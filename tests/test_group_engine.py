"""Orders, membership, samples and stabilisers of groups, exact whatever their size."""

import importlib
import math
import pickle
import sys

import numpy as np
import pytest
from catalog import GROUPS
from symkernel import InvariantKernel, groups
from symkernel.backends import closure
from symkernel.groups import (
    Alternating,
    Cyclic,
    Dihedral,
    Hyperoctahedral,
    Permutation,
    PermutationGroup,
    SignedPermutation,
    SignFlips,
    Symmetric,
    Wreath,
    Young,
)

known = importlib.import_module("symkernel.bench.permutation_groups")

RUBIK = PermutationGroup(known.rubik())
M24 = PermutationGroup(known.m24())

SMALL = {name: G for name, G in GROUPS.items() if G.is_finite} | {
    "alternating 6": Alternating(6),
    "cyclic 12": Cyclic(12),
    "dihedral 1": Dihedral(1),
    "dihedral 2": Dihedral(2),
    "dihedral 6": Dihedral(6),
    "sign flips of points": SignFlips(3).along(0, (3, 2)),
    "signed permutations of coordinates": Hyperoctahedral(3).along(1, (2, 3)),
    "permutations x flips": Symmetric(4).along(0, (4, 2)) * SignFlips(2).along(1, (4, 2)),
    "turns twice": Cyclic(6) * Cyclic(6),
    "signed": PermutationGroup([SignedPermutation([1, 2, 3, 0], [1, 1, 1, -1]), [0, 1, 3, 2]]),
    "wreath of signs": Wreath(Hyperoctahedral(2), Cyclic(3)),
    "wreath of rings": Wreath(Dihedral(4), Young("aab")),
    "wreath of a wreath": Wreath(Wreath(Cyclic(2), Cyclic(2)), Symmetric(3)),
}


# -- orders -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        (known.rubik(), 43_252_003_274_489_856_000),
        (known.m24(), 244_823_040),
        (known.j1(), 175_560),
        (known.symmetric(50), math.factorial(50)),
        (known.symmetric(100), math.factorial(100)),
        (known.symmetric(1000), math.factorial(1000)),
        *((known.psl2(q), known.psl2_order(q)) for q in (3, 5, 7, 11, 13, 31, 101, 211)),
    ],
)
def test_orders_known_from_the_literature(rows, order):
    found = PermutationGroup(rows).order
    assert type(found) is int
    assert found == order


def test_janko_group_acts_on_266_points():
    assert {len(row) for row in known.j1()} == {266}
    J1 = PermutationGroup(known.j1())
    assert J1.orbit_size(np.arange(266) == 0) == 266
    # suborbits 1, 11, 12, 110, 132 of the stabiliser PSL(2, 11)
    held = J1.stabilizer(np.arange(266) == 0)
    assert held.order == 660
    sizes = {held.orbit_size(np.arange(266) == point) for point in range(266)}
    assert sizes == {1, 11, 12, 110, 132}


@pytest.mark.parametrize("n", [5, 63, 64, 65, 130])
def test_alternating_groups_are_half_the_symmetric_ones(n):
    G = PermutationGroup([g.indices for g in Alternating(n).generators])
    assert G.order == math.factorial(n) // 2
    swap = [1, 0, *range(2, n)]
    assert not G.contains(Permutation(swap))
    for g in G.sample(20, random_state=0):
        assert Alternating(n).contains(g)
        assert G.contains(g)


def test_giants_that_leave_features_alone_or_have_two_orbits():
    moved = [*range(0, 80), *range(90, 150)]
    shift = np.arange(150)
    shift[moved] = np.roll(moved, -1)
    swap, far = np.arange(150), np.arange(150)
    swap[[0, 1]] = [1, 0]
    far[[0, 90]] = [90, 0]  # 80 places apart on a cycle of 140: 20 blocks of 7 are kept
    G = PermutationGroup([shift, swap])
    assert G.order == math.factorial(140)
    assert PermutationGroup([shift, far]).order == math.factorial(7) ** 20 * 20
    assert not G.contains(Permutation([*range(85), 86, 85, *range(87, 150)]))
    two = PermutationGroup([g.indices for g in Young([0] * 70 + [1] * 70).generators])
    assert two.order == math.factorial(70) ** 2


def test_samples_of_giants_are_uniform_and_repeat():
    G = PermutationGroup(known.symmetric(70))
    rows = np.array([g.indices for g in G.sample(4000, random_state=5)])
    again = np.array([g.indices for g in G.sample(4000, random_state=5)])
    np.testing.assert_array_equal(rows, again)
    counts = np.zeros((70, 70))
    np.add.at(counts, (np.tile(np.arange(70), len(rows)), rows.ravel()), 1)
    expected = len(rows) / 70
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi2 - 69 * 69) < 6 * np.sqrt(2 * 69 * 69)


@pytest.mark.parametrize("G", [RUBIK, M24, PermutationGroup(known.psl2(11))], ids=str)
def test_samples_repeat_and_belong(G):
    first, second = (G.sample(30, random_state=3) for _ in range(2))
    assert first == second
    assert first != G.sample(30, random_state=4)
    assert all(G.contains(g) for g in first)


def test_what_a_cube_cannot_do():
    twist = np.arange(48)
    twist[[7, 24, 18]] = [24, 18, 7]
    assert not RUBIK.contains(Permutation(twist))
    swap = np.arange(48)
    swap[[1, 3]] = [3, 1]
    assert not RUBIK.contains(Permutation(swap))


def test_groups_survive_pickling():
    again = pickle.loads(pickle.dumps(M24))
    assert again == M24
    assert again.order == M24.order


# -- memory -------------------------------------------------------------------------------------


def test_a_chain_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(closure, "available_bytes", lambda: 20_000_000)
    pairs = np.arange(2000).reshape(-1, 2)
    rows = []
    for pair in pairs:
        row = np.arange(2000)
        row[pair] = pair[::-1]
        rows.append(row)
    with pytest.raises(MemoryError, match=r"needs at least 0\.01\d* GB"):
        PermutationGroup(rows).order  # noqa: B018 (the chain is built here)
    # a symmetric group needs none
    assert PermutationGroup(known.symmetric(2000)).order == math.factorial(2000)


def test_a_chain_for_searches_is_refused_before_it_is_built(monkeypatch):
    monkeypatch.setattr(closure, "available_bytes", lambda: 20_000_000)
    G = PermutationGroup([g.indices for g in Alternating(300).generators])
    assert G.order == math.factorial(300) // 2
    with pytest.raises(MemoryError, match=r"needs at least 0\.1\d* GB"):
        G.stabilizer(np.zeros(300))


# -- stabilisers and orbits ---------------------------------------------------------------------


@pytest.mark.parametrize("G", SMALL.values(), ids=SMALL)
def test_stabilisers_are_those_of_brute_force(G):
    rng = np.random.default_rng(0)
    elements = list(G.elements())
    samples = [np.zeros(G.degree), np.full(G.degree, -0.0), rng.standard_normal(G.degree)]
    for most in (1, 2, 3):
        samples += list(rng.integers(-most, most + 1, size=(6, G.degree)).astype(float))
    for x in samples:
        held = G.stabilizer(x)
        expected = [g for g in elements if np.abs(g.apply(x) - x).max() <= 1e-9]
        assert held.degree == G.degree
        assert type(held.order) is int
        assert held.order == len(expected)
        assert all(held.contains(g) for g in expected)
        # what is generated, not only what is claimed
        if held.is_signed_permutation:
            assert PermutationGroup(held.generators, degree=G.degree).order == len(expected)
        size = G.orbit_size(x)
        assert type(size) is int
        assert size == len(elements) // len(expected)


@pytest.mark.parametrize("G", [RUBIK, M24], ids=["rubik", "m24"])
@pytest.mark.parametrize("colours", [1, 2, 3, 6, 1000])
def test_stabilisers_in_large_groups(G, colours):
    rng = np.random.default_rng(colours)
    for _ in range(3):
        x = rng.integers(colours, size=G.degree).astype(float)
        held = G.stabilizer(x)
        assert all(G.contains(g) for g in held.generators)
        assert all((g.apply(x) == x).all() for g in held.generators)
        assert PermutationGroup(held.generators, degree=G.degree).order == held.order
        assert G.orbit_size(x) * held.order == G.order
        for g in G.sample(2, random_state=0):  # the stabiliser of g.x is a conjugate
            assert G.stabilizer(g.apply(x)).order == held.order


def test_stabilisers_known_from_the_literature():
    # M24 on sets of 1, 2, ..., 5 points is transitive; an octad is held by 2^4 : A8
    for k in range(6):
        assert M24.orbit_size(np.arange(24) < k) == math.comb(24, k)
    assert M24.orbit_size(np.isin(np.arange(24), [0, 1, 2, 3, 4, 7, 10, 12])) == 759
    assert M24.orbit_size(np.isin(np.arange(24), [0, 1, 2, 3, 4, 7, 10, 13])) > 759
    # a solved cube has 24 corner facelets, no two alike under the group
    colours = np.repeat(np.arange(6.0), 8)
    assert RUBIK.orbit_size(colours) == RUBIK.order


def test_named_groups_answer_from_their_structure(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a chain was built")

    for module in (closure, sys.modules["symkernel.groups.permutation_group"]):
        monkeypatch.setattr(module, "permutation_chain", refuse)
    x = np.arange(400) % 4
    zeros = int((x == 0).sum())
    block = math.factorial(100)
    assert Symmetric(400).stabilizer(x).order == block**4
    assert Young([0] * 200 + [1] * 200).stabilizer(x).order == math.factorial(50) ** 8
    assert Alternating(400).stabilizer(x).order == block**4 // 2
    assert Cyclic(400).orbit_size(x) == 4
    assert Dihedral(400).orbit_size(x) == 8
    assert Dihedral(400).orbit_size(np.arange(400) % 2) == 2
    assert SignFlips(400).stabilizer(x).order == 2**zeros
    assert Hyperoctahedral(400).stabilizer(x).order == block**4 * 2**zeros
    assert Symmetric(200).along(0, (200, 2)).stabilizer(x).order == math.factorial(100) ** 2
    assert Wreath(Symmetric(4), Symmetric(100)).order == math.factorial(4) ** 100 * block


def test_infinite_groups_say_what_they_can():
    assert groups.SO(3).orbit_size([0, 0, 1]) == math.inf
    assert groups.O(3).orbit_size([0, 0, 0]) == 1
    assert groups.O(3).stabilizer([0, 0, 0]) == groups.O(3)
    assert groups.E(2).orbit_size([0, 0]) == math.inf
    with pytest.raises(ValueError, match="its Lie algebra moves the sample"):
        groups.SO(3).stabilizer([0, 0, 1])


@pytest.mark.parametrize("bad", [[1.0, 2.0], [[1.0, 2.0, 3.0, 4.0]], [1.0, 2.0, 3.0, np.nan]])
def test_samples_that_do_not_fit_are_refused(bad):
    for G in (Symmetric(4), PermutationGroup([[1, 0, 2, 3]])):
        with pytest.raises(ValueError, match=r"x (must be|contains)"):
            G.stabilizer(bad)
        with pytest.raises(ValueError, match=r"x (must be|contains)"):
            G.orbit_size(bad)


# -- wreath products ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SMALL if name.startswith("wreath")])
def test_wreath_products_agree_with_their_generators(name):
    G = SMALL[name]
    H = PermutationGroup(G.generators, degree=G.degree)
    assert G.order == H.order
    listed = list(G.elements())
    assert listed[0] == G.identity
    assert len(set(listed)) == len(listed) == G.order
    assert all(G.contains(g) and H.contains(g) for g in listed)
    assert all(G.contains(g) for g in G.sample(20, random_state=1))
    outside = Hyperoctahedral(G.degree).sample(50, random_state=2)
    assert [G.contains(g) for g in outside] == [H.contains(g) for g in outside]


def test_wreath_products_average_kernels():
    from sklearn.gaussian_process.kernels import RBF

    G = Wreath(Cyclic(3), Symmetric(2))
    X, Y = np.random.default_rng(0).standard_normal((2, 4, 6))
    K = InvariantKernel(RBF(1.3), G)(X, Y)
    truth = np.mean([RBF(1.3)(X, g.apply(Y)) for g in G.elements()], axis=0)
    np.testing.assert_allclose(K, truth, rtol=1e-13)


def test_wreath_products_refuse_other_groups():
    with pytest.raises(ValueError, match="inner must be a finite group"):
        Wreath(groups.SO(3), Symmetric(2))
    with pytest.raises(ValueError, match="outer must be a group of permutations"):
        Wreath(Cyclic(3), SignFlips(2))
    with pytest.raises(TypeError, match="inner must be a Group"):
        Wreath([0, 1], Symmetric(2))


# -- sympy --------------------------------------------------------------------------------------


def test_sympy_groups_come_and_go():
    combinatorics = pytest.importorskip("sympy.combinatorics")
    theirs = combinatorics.PermutationGroup([combinatorics.Permutation(r) for r in known.m24()])
    assert PermutationGroup.from_sympy(theirs) == M24
    back = M24.to_sympy()
    assert back.order() == M24.order
    assert back.equals(theirs)
    trivial = PermutationGroup([], degree=4).to_sympy()
    assert trivial.order() == 1
    assert PermutationGroup.from_sympy(trivial).degree == 4
    # products go along: sympy's p * q acts p first
    p, q = (combinatorics.Permutation(row) for row in ([1, 2, 0, 3], [0, 1, 3, 2]))
    g, h = Permutation(p.array_form), Permutation(q.array_form)
    np.testing.assert_array_equal((g @ h).indices, (p * q).array_form)


def test_sympy_has_no_signs():
    with pytest.raises(ValueError, match="sympy has no signed permutations"):
        PermutationGroup([SignedPermutation([1, 0], [1, -1])]).to_sympy()
    with pytest.raises(TypeError, match="group must be a sympy PermutationGroup"):
        PermutationGroup.from_sympy([[1, 0]])
