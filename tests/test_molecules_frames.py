"""Structures of molecules: what is held, read, matched, converted and refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from force_fields import ETHANOL, WATER, ethanol, water
from symkernel.molecules import Frames, read_structures
from symkernel.molecules.matching import AtomMatcher
from symkernel.molecules.units import ENERGIES, LENGTHS, Units

ase = pytest.importorskip("ase")
from ase import Atoms, units  # noqa: E402
from ase.calculators.singlepoint import SinglePointCalculator  # noqa: E402
from ase.io import write  # noqa: E402

RMD17 = Path(os.environ.get("SYMKERNEL_DATA", "../shared/data")) / "rmd17" / "ethanol.npz"
needs_data = pytest.mark.skipif(
    not RMD17.is_file(), reason=f"{RMD17} is absent; set SYMKERNEL_DATA"
)


def same(one, other, tol=0.0):
    for name in ("numbers", "positions", "energies", "forces"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=tol)


# ---- units --------------------------------------------------------------------------------------


def test_constants_are_those_of_ase():
    of_ase = {
        "eV": units.eV,
        "meV": units.eV / 1000,
        "kcal/mol": units.kcal / units.mol,
        "kJ/mol": units.kJ / units.mol,
        "Hartree": units.Hartree,
    }
    assert pytest.approx(of_ase, rel=1e-14) == ENERGIES
    assert pytest.approx({"Angstrom": 1.0, "Bohr": units.Bohr, "nm": units.nm}) == LENGTHS


@pytest.mark.parametrize("energy", ENERGIES)
@pytest.mark.parametrize("length", LENGTHS)
def test_units_go_there_and_back(energy, length):
    own = Units.of((energy, length))
    x = np.array([1.0, -2.5, 1e5])
    for there, back in (("energies", "energies"), ("forces", "forces")):
        ev = getattr(own, f"{there}_to_ev")(x)
        np.testing.assert_allclose(getattr(own, f"{back}_from_ev")(ev), x, rtol=1e-15)
    np.testing.assert_allclose(own.lengths_from_angstrom(own.lengths_to_angstrom(x)), x, rtol=1e-15)
    forces = own.forces_to_ev(1.0) * own.lengths_to_angstrom(1.0)
    np.testing.assert_allclose(forces, own.energies_to_ev(1.0), rtol=1e-15)


def test_spellings_of_units():
    for given in (("KCAL/MOL", "ang"), "kcal/mol", ["kcal", "A"], Units("kcal/mol")):
        assert Units.of(given) == Units("kcal/mol", "Angstrom")
    with pytest.raises(ValueError, match=r"energy must be one of eV, meV.*got 'Joule'"):
        Units.of(("Joule", "Angstrom"))
    with pytest.raises(ValueError, match="length must be one of Angstrom, Bohr, nm, got 'foot'"):
        Units.of(("eV", "foot"))
    with pytest.raises(TypeError, match="units must be a pair"):
        Units.of(3)
    with pytest.raises(TypeError, match="unit of energy"):
        Units.of((1, 2))


# ---- frames -------------------------------------------------------------------------------------


def test_parts_and_sums_of_frames():
    frames = water(6)
    assert len(frames) == 6
    assert frames.formula == "H2O"
    assert len(frames[1:3]) == 2
    same(frames[[4, 1]], Frames(frames.numbers, *(getattr(frames, name)[[4, 1]]
         for name in ("positions", "energies", "forces"))))  # fmt: skip
    same(frames[-1], frames[5:])
    assert len(frames[frames.energies > np.median(frames.energies)]) == 3
    assert len(frames[[]]) == 0
    same(frames[:2] + frames[2:], frames)
    same(Frames.concatenate([one for one in frames]), frames)  # noqa: C416
    training, rest = frames.split(4, random_state=3)
    assert (len(training), len(rest)) == (4, 2)
    found = np.sort(np.concatenate([training.energies, rest.energies]))
    np.testing.assert_array_equal(found, np.sort(frames.energies))
    same(frames.reordered([1, 0, 2]).reordered([1, 0, 2]), frames)
    with pytest.raises(IndexError):
        frames[6]
    with pytest.raises(ValueError, match="at most 6"):
        frames.split(7)
    with pytest.raises(ValueError, match=r"same atoms in one order.*another order"):
        frames + frames.reordered([1, 0, 2])
    with pytest.raises(ValueError, match="at least one"):
        Frames.concatenate([])
    with pytest.raises(ValueError, match="order of 3 atoms"):
        frames.reordered([0, 0, 1])
    with pytest.raises(TypeError):
        frames + 3


def test_frames_copy_what_they_are_given():
    R = np.array([WATER[1]])
    frames = Frames(WATER[0], R)
    R += 1.0
    np.testing.assert_array_equal(frames.positions[0], WATER[1])


def test_a_structure_with_some_forces_has_none():
    frames = water(4)
    F = frames.forces.copy()
    F[1, 0] = np.nan
    F[2] = np.nan
    found = Frames(frames.numbers, frames.positions, frames.energies, F)
    np.testing.assert_array_equal(found.has_forces, [True, False, False, True])
    assert np.isnan(found.forces[1]).all()
    assert found.n_half == 1
    assert found.has_energy.all()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"positions": np.zeros((2, 4, 3))}, ValueError, r"positions must have shape \(n, 3, 3\)"),
        ({"positions": np.full((2, 3, 3), np.nan)}, ValueError, "NaN in 2 of 2 structures"),
        ({"positions": np.full((2, 3, 3), np.inf)}, ValueError, "positions contain infinity"),
        ({"energies": np.zeros(3)}, ValueError, r"energies must have shape \(2,\)"),
        ({"energies": [0.0, np.inf]}, ValueError, "energies contain infinity"),
        ({"forces": np.zeros((2, 3))}, ValueError, "forces must have the shape of positions"),
        ({"numbers": ["O", "H", "Xx"]}, ValueError, r"numbers\[2\] must be an element"),
        ({"numbers": "OHH"}, TypeError, "numbers must be a sequence of atomic numbers"),
        ({"energies": ["a", "b"]}, (TypeError, ValueError), "energies"),
        ({"units": "stone"}, ValueError, "units: the unit of energy"),
    ],
)
def test_refused_frames(change, error, words):
    given = {"numbers": WATER[0], "positions": np.array([WATER[1]] * 2), **change}
    with pytest.raises(error, match=words):
        Frames(**given)


# ---- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["w.xyz", "w.extxyz", "w.traj", "w.db"])
def test_files_of_ase(tmp_path, name):
    frames = water(5)
    if name.endswith(".db"):
        from ase.db import connect

        with connect(tmp_path / name) as db:
            for atoms in frames.to_ase():
                db.write(atoms)
    else:
        write(tmp_path / name, frames.to_ase())
    found = read_structures(tmp_path / name)
    same(found, frames, tol=2e-8)  # digits that text keeps
    assert len(read_structures(str(tmp_path / name), ":2")) == 2
    same(read_structures(tmp_path / name, 3), found[3])
    same(read_structures([tmp_path / name, tmp_path / name], "1::2"), found[1::2] + found[1::2])


def test_atoms_of_ase_are_read_as_files_are():
    frames = water(4)
    same(read_structures(frames.to_ase()), frames)
    same(read_structures(frames.to_ase()[1]), frames[1])


@pytest.mark.parametrize("keys", [("z", "R", "E", "F"),
                                  ("nuclear_charges", "coords", "energies", "forces")])  # fmt: skip
def test_npz(tmp_path, keys):
    frames = ethanol(4)
    own = Units.of(("kcal/mol", "Bohr"))
    values = (
        frames.numbers,
        own.lengths_from_angstrom(frames.positions),
        own.energies_from_ev(frames.energies)[:, None],
        own.forces_from_ev(frames.forces),
    )
    np.savez(tmp_path / "e.npz", **dict(zip(keys, values, strict=True)))
    same(read_structures(tmp_path / "e.npz", units=("kcal/mol", "bohr")), frames, tol=1e-12)
    stated = {"e_unit": "kcal/mol", "r_unit": "bohr", "name": "ethanol"}
    np.savez(tmp_path / "s.npz", **dict(zip(keys, values, strict=True)), **stated)
    same(read_structures(tmp_path / "s.npz"), frames, tol=1e-12)
    stated = {"e_unit": b"stones", "r_unit": b"bohr"}
    np.savez(tmp_path / "o.npz", **dict(zip(keys, values, strict=True)), **stated)
    same(read_structures(tmp_path / "o.npz", units=("kcal/mol", "bohr")), frames, tol=1e-12)
    with pytest.raises(ValueError, match=r"units that .*o\.npz states.* got 'stones'"):
        read_structures(tmp_path / "o.npz")


def test_plain_xyz_of_sgdml(tmp_path):
    frames = water(3)
    lines = []
    for R, E, F in zip(frames.positions, frames.energies, frames.forces, strict=True):
        lines += ["3", repr(float(E))]
        lines += [
            " ".join([s, *(repr(float(v)) for v in (*r, *f))])
            for s, r, f in zip("OHH", R, F, strict=True)
        ]
    (tmp_path / "w.xyz").write_text("\n".join(lines) + "\n")
    same(read_structures(tmp_path / "w.xyz"), frames, tol=1e-12)
    same(read_structures(tmp_path / "w.xyz", "1:"), frames[1:], tol=1e-12)


def test_other_names_of_energies_and_forces(tmp_path):
    frames = water(3)
    structures = []
    for atoms in frames.to_ase():
        bare = Atoms(atoms.numbers, atoms.positions)
        bare.info["REF_energy"] = atoms.get_potential_energy()
        bare.arrays["REF_forces"] = atoms.get_forces()
        bare.info["mine"], bare.arrays["ours"] = 1.0, np.ones((3, 3))
        structures.append(bare)
    write(tmp_path / "w.xyz", structures, format="extxyz")
    same(read_structures(tmp_path / "w.xyz"), frames, tol=2e-8)
    found = read_structures(tmp_path / "w.xyz", energy_key="mine", forces_key="ours")
    assert (found.energies == 1.0).all()
    assert (found.forces == 1.0).all()
    with pytest.raises(ValueError, match=r"no structure of .* has 'yours'"):
        read_structures(tmp_path / "w.xyz", energy_key="yours")


def test_energies_and_forces_may_be_missing():
    structures = water(3).to_ase()
    structures[0].calc = None
    structures[1].calc = SinglePointCalculator(structures[1], energy=2.0)
    found = read_structures(structures)
    np.testing.assert_array_equal(found.has_energy, [False, True, True])
    np.testing.assert_array_equal(found.has_forces, [False, False, True])


def test_cells():
    structures = water(2).to_ase()
    structures[0].cell = np.zeros((3, 3))
    structures[0].pbc = True  # of no cell
    structures[1].cell = 10 * np.eye(3)  # no pbc
    assert len(read_structures(structures)) == 2
    structures[1].pbc = True
    with pytest.raises(ValueError, match=r"structure 1 of the list is periodic.*pbc = False"):
        read_structures(structures)


def test_structures_that_are_not_finite_are_left_out_with_a_count():
    structures = water(5).to_ase()
    structures[1].positions[0, 0] = np.nan
    structures[3].calc.results["forces"][1, 1] = np.nan
    structures[4].calc.results["energy"] = np.inf
    with (
        pytest.warns(UserWarning, match="2 of 5 structures are left out"),
        pytest.warns(UserWarning, match="1 structures lack some"),
    ):
        found = read_structures(structures)
    assert len(found) == 3
    np.testing.assert_array_equal(found.has_forces, [True, True, False])
    for atoms in structures:
        atoms.positions[:] = np.nan
    with pytest.warns(UserWarning, match="5 of 5"), pytest.raises(ValueError, match="no structure"):
        read_structures(structures)


def test_refused_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.xyz does not exist"):
        read_structures(tmp_path / "no.xyz")
    with pytest.raises(ValueError, match="at least one file"):
        read_structures([])
    (tmp_path / "bad.xyz").write_text("hello\nworld\n")
    with pytest.raises(ValueError, match=r"bad\.xyz cannot be read by ase"):
        read_structures(tmp_path / "bad.xyz")
    np.savez(tmp_path / "a.npz", a=1)
    with pytest.raises(ValueError, match=r"a\.npz must hold R and z.*got a"):
        read_structures(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", z=[1, 1], R=np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match=r"R must have shape \(n, 2, 3\)"):
        read_structures(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", z=[1, 1], R=np.zeros((2, 2, 3)), E=[1.0])
    with pytest.raises(ValueError, match="need energies"):
        read_structures(tmp_path / "c.npz")
    with pytest.raises(ValueError, match="index must be such as"):
        read_structures(tmp_path / "c.npz", "first")
    other = water(1).to_ase() + ethanol(1).to_ase()
    with pytest.raises(ValueError, match="one molecule, got C2H6O beside H2O"):
        read_structures(other)


# ---- atoms in another order ---------------------------------------------------------------------


def test_atoms_in_another_order_are_matched():
    frames = ethanol(6)
    rng = np.random.default_rng(1)
    structures = frames.to_ase()
    for k in (1, 2, 5):
        p = rng.permutation(9)
        forces = structures[k].get_forces()[p]
        energy = structures[k].get_potential_energy()
        structures[k] = structures[k][p]
        structures[k].calc = SinglePointCalculator(structures[k], energy=energy, forces=forces)
    with pytest.warns(UserWarning, match="3 structures list their atoms in another order"):
        found = read_structures(structures)
    for R, F, own, forces in zip(
        found.positions, found.forces, frames.positions, frames.forces, strict=True
    ):
        place = [int(np.argmin(np.linalg.norm(own - r, axis=1))) for r in R]
        np.testing.assert_array_equal(own[place], R)
        np.testing.assert_array_equal(forces[place], F)
        # bonds are where they were
        near = np.linalg.norm(R[:, None] - R, axis=-1) < 1.3
        np.testing.assert_array_equal(
            near, np.linalg.norm(ETHANOL[1][:, None] - ETHANOL[1], axis=-1) < 1.3
        )
    with pytest.raises(ValueError, match="match_atoms=True"):
        read_structures(structures, match_atoms=False)


def test_hydrogens_in_another_order_are_found_by_bonds():
    structures = ethanol(2).to_ase()
    p = [0, 1, 2, 5, 4, 3, 6, 7, 8]  # one of CH2 for one of CH3
    structures[1].positions = structures[1].positions[p]
    structures[1].calc.results["forces"] = structures[1].calc.results["forces"][p]
    structures[1].calc.atoms = structures[1].copy()
    with pytest.warns(UserWarning, match="1 structures list"):
        found = read_structures(structures)
    assert np.linalg.norm(found.positions[1, 0] - found.positions[1, 3]) < 1.3


def test_of_all_isomorphisms_the_nearest_is_taken():
    numbers, R = ETHANOL
    matcher = AtomMatcher(numbers, R)
    rng = np.random.default_rng(0)
    moved = R + 0.02 * rng.normal(size=R.shape)
    for _ in range(5):
        p = rng.permutation(9)
        found = matcher.order(numbers[p], moved[p])
        apart = np.abs(np.linalg.norm(moved[p][found] - moved, axis=1))
        # the mirror image has the same distances at rest
        mirrored = moved[[0, 1, 2, 4, 3, 6, 5, 7, 8]]
        other = np.linalg.norm(moved[p][found] - mirrored, axis=1)
        assert min(apart.max(), other.max()) == 0.0


def test_other_bonds_are_refused():
    numbers, R = ETHANOL
    dimethyl = np.array(  # C2H6O as well
        [[-1.17, 0.2, 0], [1.17, 0.2, 0], [0, -0.6, 0], [-1.2, 0.83, 0.89], [-1.2, 0.83, -0.89],
         [-2.02, -0.49, 0], [1.2, 0.83, 0.89], [1.2, 0.83, -0.89], [2.02, -0.49, 0]]
    )  # fmt: skip
    assert AtomMatcher(numbers, R).order(numbers, dimethyl) is None
    p = [1, 2, 0, 3, 4, 5, 6, 7, 8]
    with pytest.raises(ValueError, match="its bonds are other ones"):
        read_structures([Atoms(numbers, R), Atoms(numbers[p], dimethyl[p])])


@pytest.mark.data
@needs_data
def test_rmd17():
    frames = read_structures(RMD17, ":100", units="kcal/mol")
    assert len(frames) == 100
    assert frames.formula == "C2H6O"
    assert 0.8 < np.sqrt((frames.forces**2).mean()) < 2.0
