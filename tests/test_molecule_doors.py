"""What groups.molecule takes, what it refuses, and what it says."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from catalog import METHANE
from molecules import ETHYLENE, SF6, alkane
from symkernel import cli, groups
from symkernel.expressions import evaluate
from symkernel.groups import permutation_group
from symkernel.groups.covalent_radii import RADII, SYMBOLS

METHANE_Z, METHANE_R = METHANE


def test_atoms_are_given_in_many_ways():
    z, R = METHANE
    want = groups.molecule([6, 1, 1, 1, 1], R)
    thing = SimpleNamespace(numbers=np.array([6, 1, 1, 1, 1]), positions=R)
    for given in (
        (z, R.tolist()),
        (np.array([6, 1, 1, 1, 1], np.uint8), R.astype(np.float32)),
        (np.array([6.0, 1, 1, 1, 1]), R[None]),
        (np.array(z), R),
        (thing,),
        ([thing, thing],),
        ((thing, SimpleNamespace(numbers=thing.numbers, positions=1.05 * R)),),
    ):
        G = groups.molecule(*given)
        assert want == G
        assert G.explain() == want.explain()
    ase = pytest.importorskip("ase")
    assert groups.molecule(ase.Atoms("CH4", R)) == want
    assert groups.molecule([ase.Atoms("CH4", R)] * 2) == want


def test_the_command_line_reads_molecules():
    z, R = METHANE
    text = f"molecule({z}, {R.tolist()}, rotations='SO', include='feasible')"
    assert evaluate(text) == groups.molecule(z, R, rotations="SO", include="feasible")
    assert cli.main(["plan", "--group", text, "--kernel", "RBF(2.0)"]) == 0


def test_radii_are_those_that_others_copied_from_the_same_table():
    data = pytest.importorskip("ase.data")
    assert len(RADII) == len(SYMBOLS) == 96
    assert list(SYMBOLS) == data.chemical_symbols[1:97]
    np.testing.assert_array_equal(RADII, data.covalent_radii[1:97])


def test_bonds_are_those_of_the_mean_distances():
    R = np.array([[[0, 0, 0], [0, 0, x]] for x in (0.6, 0.7, 0.95)])
    assert len(groups.molecule(["H", "H"], R).bonds) == 1  # the last frame alone has none
    with pytest.warns(UserWarning, match="no atoms are bonded: H0, H1"):
        assert len(groups.molecule(["H", "H"], R[2]).bonds) == 0


def test_a_warning_where_atoms_are_bonded_to_nothing():
    z, R = METHANE
    message = r"no atoms are bonded: C0, H1, H2, H3 and 1 more.* multiply bohr by 0\.529177"
    with pytest.warns(UserWarning, match=message):
        G = groups.molecule(z, np.asarray(R) / 0.529177)
    assert len(G.bonds) == 0
    far = np.array(R, float)
    far[3:] *= 2.0
    with pytest.warns(UserWarning, match="some atoms are bonded to nothing: H3, H4, which"):
        groups.molecule(z, far)
    far[3] /= 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        groups.molecule(z, far)  # one atom that has left
        groups.molecule(["Ar"] * 3, 9.0 * np.eye(3))
        groups.molecule(["H"], np.zeros((1, 3)))


def _bad(R, **changes):
    changed = np.array(R, float)
    for place, value in changes.items():
        changed[int(place[1:])] = value
    return changed


BROKEN = np.stack([METHANE_R] * 6)
BROKEN[1, 3] *= 2.2
MEETING = np.array([[[0, 0, 0], [0, 0, x]] for x in (3.0, 3.0, 0.6)])


@pytest.mark.parametrize(
    ("z", "R", "words"),
    [
        (METHANE_Z, None, "R, the positions of the atoms, must be given"),
        ("CHHHH", METHANE_R, "numbers or symbols, one per atom, got 'CHHHH'"),
        (6, METHANE_R, "one per atom, got 0 dimensions"),
        ([6, True], np.eye(3)[:2], r"z\[1\] must be an atomic number or a symbol, got True"),
        (SimpleNamespace(numbers=[1], positions=[[0, 0, 0]]), [[0, 0, 0]], "R must be left out"),
    ],
)
def test_other_kinds_of_atoms_are_refused(z, R, words):
    with pytest.raises(TypeError, match=words):
        groups.molecule(z, R)


def _frames(*numbers):
    return [SimpleNamespace(numbers=[n], positions=[[0, 0, 0]]) for n in numbers]


@pytest.mark.parametrize(
    ("z", "R", "words"),
    [
        ([], np.zeros((0, 3)), "got no atom"),
        (["C", "Q"], np.eye(3)[:2], r"z\[1\] must be an element, .* got 'Q'"),
        ([6, 97], np.eye(3)[:2], r"z\[1\] must be an element, its number from 1 to 96"),
        ([6, 0], np.eye(3)[:2], "got 0; leave out what pads a row"),
        ([6, 1.5], np.eye(3)[:2], "got 1.5"),
        (METHANE_Z, METHANE_R[:4], r"\(5, 3\) or \(n_frames, 5, 3\) for 5 atoms, got \(4, 3\)"),
        (METHANE_Z, METHANE_R[None, None], r"got \(1, 1, 5, 3\)"),
        (METHANE_Z, np.zeros((0, 5, 3)), r"got \(0, 5, 3\)"),
        (METHANE_Z, _bad(METHANE_R, _2=np.nan), "R .*(NaN|nan|finite)"),
        (METHANE_Z, _bad(METHANE_R, _2=METHANE_R[1]), "H1 and H2 overlap: 0 Angstrom in frame 0"),
        (METHANE_Z, 0.1 * METHANE_R, "C0 and H1 overlap: .* R must be in Angstrom"),
        (METHANE_Z, BROKEN, "C0 and H3 are apart, and bonded on the mean .* in frame 1"),
        (["H", "H"], MEETING, "H0 and H1 are bonded, and apart on the mean .* in frame 2"),
        (_frames(1, 2), None, r"z\[1\] has other atomic numbers than z\[0\]"),
        ([SimpleNamespace(numbers=[1], positions=[[0, 0]])], None, r"z\[0\].positions must have"),
    ],
)
def test_bad_atoms_are_refused(z, R, words):
    with pytest.raises(ValueError, match=words):
        groups.molecule(z, R)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rotations": "SU"}, ValueError, 'rotations must be "O", "SO" or None, got \'SU\''),
        ({"rotations": ["O"]}, ValueError, 'rotations must be "O", "SO" or None'),
        ({"translations": 1}, TypeError, "translations must be True or False, got 1"),
        ({"include": "some"}, ValueError, "include must be .*, got 'some'"),
        ({"include": [[1, 0, 2, 3, 4]]}, ValueError, "permutations of like atoms"),
        ({"include": [[0, 2, 1]]}, ValueError, "include: .*same number of features"),
        ({"include": 3}, TypeError, "include: .*must be a sequence of permutations, got int"),
        ({"exclude": [9]}, ValueError, "one of 3 generators, counted from 0, got 9"),
        ({"exclude": [[0, 2, 3, 4, 1]]}, ValueError, "exclude must name generators of the group"),
        ({"exclude": 3}, TypeError, "exclude must be a sequence of generators, got 3"),
    ],
)  # fmt: skip
def test_bad_options_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        groups.molecule(*METHANE, **options)


def test_what_is_included_and_excluded():
    turn = [0, 2, 3, 1, 4]
    G = groups.molecule(*METHANE, include=[turn])
    assert G.permutations == groups.PermutationGroup([turn])
    assert "3 of the 24 automorphisms" in G.explain()
    assert "0: turns H1 H2 H3 on C0" in G.explain()
    everything = groups.molecule(*METHANE)
    first = everything.permutations.generators[0]
    for named in (0, first, first.indices):
        G = groups.molecule(*METHANE, exclude=[named])
        assert first not in G.permutations
        assert G.permutations.order == 6
        assert ": excluded" in G.explain().split("left out:")[1]
    assert groups.molecule(*METHANE, exclude=range(3)).permutations.order == 1
    z, R = alkane(2)
    with pytest.raises(ValueError, match=r"include must keep all bonds: .* breaks C.-H."):
        groups.molecule(z, R, include=[[0, 1, 5, 3, 4, 2, 6, 7]])
    swaps = [[0, 2, 1, 3, 4], [0, 1, 3, 2, 4], [0, 3, 2, 1, 4]]
    with pytest.raises(ValueError, match="exclude must leave generators that do not bring it back"):
        groups.molecule(*METHANE, include=swaps, exclude=[2])


def test_reasons_say_what_no_motion_does():
    z, R = alkane(3)
    words = groups.molecule(z, R, include="feasible").explain()
    assert words.startswith("C3H8, 11 atoms and 10 bonds: 36 of the 144 automorphisms")
    assert "swaps H6 and H7 on C1: turns C1 inside out and not C0 C2" in words
    words = groups.molecule(*ETHYLENE, include="feasible").explain()
    assert "exchanges the sides of the double bond C0=C1" in words
    words = groups.molecule(*METHANE, include="feasible", rotations="SO").explain()
    assert "turns C0 inside out: a mirror image" in words
    words = groups.molecule(*SF6, include="feasible").explain()
    assert "takes neighbours that span a volume to some in a plane" in words
    assert groups.molecule(["He"], [[0, 0, 0]]).explain() == (
        "He, 1 atom and 0 bonds: 1 of the 1 automorphisms of the bond graph"
    )


def test_a_search_that_is_too_long_is_told(monkeypatch):
    monkeypatch.setattr(permutation_group, "SEARCH_LIMIT", 0)
    with pytest.raises(ValueError, match=r'feasible permutations .* of 11 atoms .* include="all"'):
        groups.molecule(*alkane(3), include="feasible")
