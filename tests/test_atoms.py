"""Potentials of atoms, averaged over rotations, in ASE."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("ase")

from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from symkernel import diagnostics, groups
from symkernel.diagnostics import SymmetrizedCalculator, dynamics_report

rng = np.random.default_rng(0)
CUBIC = rng.standard_normal((3, 3, 3))
STRESS = np.array([1.0, 2.0, -0.5, 0.3, 0.7, -0.2])


class Broken(Calculator):
    """A potential that knows neither rotations nor translations.

    E = sum_i c(x_i, x_i, x_i) / 3 + sum_i<j |x_i - x_j|^2 / 2, c a cubic form of the laboratory.
    """

    implemented_properties = ("energy", "forces", "stress", "dipole")
    calls = 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        x = self.atoms.positions
        n = len(x)
        symmetric = sum(np.transpose(CUBIC, p) for p in ((0, 1, 2), (1, 2, 0), (2, 0, 1))) / 3
        symmetric = (symmetric + np.transpose(symmetric, (0, 2, 1))) / 2
        difference = x[:, None] - x[None]
        self.results = {
            "energy": float(
                np.einsum("abc,ia,ib,ic->", symmetric, x, x, x) / 3 + (difference**2).sum() / 4
            ),
            "forces": -np.einsum("abc,ib,ic->ia", symmetric, x, x) - (n * x - x.sum(axis=0)),
            "stress": STRESS.copy(),
            "dipole": np.array([0.1, 0.2, -0.3]) + x[0] - x[1],
        }


def cluster(calculator, n=4):
    positions = np.random.default_rng(1).standard_normal((n, 3)) + np.array([0.3, -0.2, 0.1])
    return Atoms(f"Ar{n}", positions, calculator=calculator)


def numerical_forces(atoms, step=1e-4):
    forces = np.zeros((len(atoms), 3))
    for place in np.ndindex(*forces.shape):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = atoms.calc
            positions = moved.positions.copy()
            positions[place] += sign * step
            moved.positions = positions
            energies.append(moved.get_potential_energy())
        forces[place] = (energies[1] - energies[0]) / (2 * step)
    return forces


@pytest.mark.parametrize("grid", ["0", "i", "2", "3i", "T", 5])
def test_forces_are_the_gradient_of_the_averaged_energy(grid):
    atoms = cluster(SymmetrizedCalculator(Broken(), grid))
    np.testing.assert_allclose(atoms.get_forces(), numerical_forces(atoms), atol=1e-7)


def test_the_average_is_the_invariant_part_and_its_spread_is_told():
    # the cubic form has degree 3: its average about the centroid is c(m, m, m) and terms in m
    atoms = cluster(SymmetrizedCalculator(Broken(), 3))
    energy, std = atoms.get_potential_energy(), atoms.calc.results["energy_std"]
    turned = atoms.copy()
    turned.rotate(77, (1, 2, 3), center=turned.positions.mean(axis=0))
    turned.calc = SymmetrizedCalculator(Broken(), 3)
    assert abs(turned.get_potential_energy() - energy) < 1e-12
    assert std > 0.1
    atoms.get_forces()
    assert atoms.calc.results["forces_std"] > 0.1
    plain = cluster(Broken())
    turned.calc = Broken()
    assert abs(plain.get_potential_energy() - turned.get_potential_energy()) > 1e-2


def test_energy_comes_with_forces():
    inner = Broken()
    atoms = cluster(SymmetrizedCalculator(inner, "2"))
    atoms.get_forces()
    assert inner.calls == 18
    atoms.get_potential_energy()
    assert inner.calls == 18


def test_stress_and_dipole_are_turned_back():
    atoms = cluster(SymmetrizedCalculator(Broken(), "2"))
    trace = STRESS[:3].mean()
    np.testing.assert_allclose(atoms.get_stress(), [trace] * 3 + [0.0] * 3, atol=1e-13)
    moment = atoms.positions[0] - atoms.positions[1]  # what is fixed in the lab averages out
    np.testing.assert_allclose(atoms.get_dipole_moment(), moment, atol=1e-13)
    one = diagnostics.orbit_grid(groups.SO(3), n_random=1, random_state=3)
    R = one.matrix(0, 3)
    atoms = cluster(SymmetrizedCalculator(Broken(), one))
    expected = R.T @ voigt_6_to_full_3x3_stress(STRESS) @ R
    np.testing.assert_allclose(atoms.get_stress(), full_3x3_to_voigt_6_stress(expected), atol=1e-13)


@pytest.mark.parametrize("grid", ["2i", "O"])
def test_invariant_potentials_of_periodic_crystals_are_left_as_they_are(grid):
    atoms = bulk("Ar", "fcc", a=1.6).repeat(2)
    atoms.rattle(0.03, seed=0)
    atoms.calc = LennardJones(rc=2.0)
    expected = (atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress())
    atoms.calc = SymmetrizedCalculator(LennardJones(rc=2.0), grid)
    found = (atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress())
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert atoms.calc.results["energy_std"] < 1e-9
    np.testing.assert_array_equal(atoms.cell, bulk("Ar", "fcc", a=1.6).repeat(2).cell)


def test_random_rotations_are_drawn_anew_for_every_arrangement():
    inner = Broken()
    atoms = cluster(SymmetrizedCalculator(inner, n_random=2, random_state=0))
    energy = atoms.get_potential_energy()
    forces = atoms.get_forces()
    assert abs(atoms.get_potential_energy() - energy) < 1e-12  # the same rotations
    again = []
    for k in range(400):
        atoms.positions[0, 0] += 1e-9 * (-1) ** k
        again.append(atoms.get_forces())
    assert np.abs(again[0] - again[1]).max() > 1e-3
    exact = cluster(SymmetrizedCalculator(Broken(), 3)).get_forces()
    error = np.std(again, axis=0) / np.sqrt(len(again))
    assert (np.abs(np.mean(again, axis=0) - exact) < 5 * error + 1e-9).all()
    assert np.abs(forces - exact).max() > 1e-3


def test_groups_and_grids():
    assert len(SymmetrizedCalculator(LennardJones()).grid) == 60
    assert len(SymmetrizedCalculator(LennardJones(), "3i").grid) == 150
    assert len(SymmetrizedCalculator(LennardJones(), 2, reflections=True).grid) == 24
    with pytest.raises(ValueError, match="grid must turn vectors of space"):
        SymmetrizedCalculator(LennardJones(), diagnostics.orbit_grid(groups.SO(2)))
    with pytest.raises(ValueError, match="has reflections"):
        SymmetrizedCalculator(LennardJones(), "3i", reflections=False)
    with pytest.raises(ValueError, match="n_random must be at least 1"):
        SymmetrizedCalculator(LennardJones(), n_random=0)


def test_reports_on_calculators():
    atoms = cluster(Broken())
    clouds = np.random.default_rng(4).standard_normal((5, 4, 3))
    group = groups.SO(3).along(1, (4, 3))
    for wanted, output in (("energy", None), ("forces", "same"), ("dipole", "vector")):
        model = diagnostics.calculator_model(atoms, wanted)
        report = diagnostics.invariance_report(model, clouds, group=group, grid=6, output=output)
        assert report.std > 0.1
        assert not report.too_small
    expected = np.abs(np.array([0.1, 0.2, -0.3]) / np.sqrt(3))
    np.testing.assert_allclose(report.std, np.linalg.norm(expected))
    assert list(report.by_irrep) == ["l=1", "l=2", "l=3"]
    np.testing.assert_allclose(report.by_irrep["l=1"], report.std**2)
    with pytest.raises(ValueError, match="must not be periodic"):
        diagnostics.calculator_model(Atoms("Ar", pbc=True, calculator=LennardJones()))
    with pytest.raises(ValueError, match="wanted must be"):
        diagnostics.calculator_model(atoms, "stress")


# ---- dynamics ------------------------------------------------------------------------------------


def moving(calculator):
    atoms = Atoms("Ar3", [[0, 0, 0], [1.12, 0, 0], [0.5, 0.98, 0]], calculator=calculator)
    velocities = np.random.default_rng(2).standard_normal((3, 3))
    atoms.set_momenta(0.3 * velocities)
    return atoms


def test_dynamics_of_an_invariant_potential_conserve():
    atoms = moving(LennardJones(rc=20.0))
    before = atoms.positions.copy()
    report = dynamics_report(atoms, n_steps=40, timestep=1.0)
    np.testing.assert_array_equal(atoms.positions, before)
    assert report.times.tolist() == list(range(41))
    assert report.angular_momentum_drift < 1e-12
    assert report.rms_torque < 1e-12
    assert report.rms_force < 1e-12
    assert np.ptp(report.energy) < 1e-2
    np.testing.assert_allclose(report.momentum, report.momentum[:1] + 0 * report.momentum)
    text = str(report)
    for piece in ("40 steps, 40 fs", "angular momentum", "net torque"):
        assert piece in text
    assert len(report.plot().axes) == 2


class Trapped(LennardJones):
    """Lennard-Jones atoms in a weak field that turns with nothing."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, ["energy", "forces"], system_changes)
        x = self.atoms.positions - self.atoms.positions.mean(axis=0)
        self.results["energy"] += 0.05 * (x[:, 2] ** 2).sum()
        self.results["forces"][:, 2] -= 0.1 * x[:, 2]


def test_averaging_restores_the_angular_momentum():
    reports = [
        dynamics_report(moving(c), n_steps=60, timestep=1.0)
        for c in (Trapped(rc=20.0), SymmetrizedCalculator(Trapped(rc=20.0), "2"))
    ]
    assert reports[0].angular_momentum_drift > 1e-4
    assert reports[1].angular_momentum_drift < 1e-8
    # the drift is the torque, summed over the run
    impulse = np.cumsum(reports[0].torque, axis=0) * units.fs
    change = reports[0].angular_momentum[-1] - reports[0].angular_momentum[0]
    np.testing.assert_allclose(impulse[-1], change, rtol=0.1, atol=0.02 * np.abs(change).max())


def test_dynamics_refuse_what_they_cannot_run():
    with pytest.raises(ValueError, match="atoms must have a calculator"):
        dynamics_report(Atoms("Ar"))
    with pytest.raises(ValueError, match="timestep must be positive"):
        dynamics_report(moving(LennardJones()), timestep=0.0)


# ---- ASE is optional -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SymmetrizedCalculator", "dynamics_report"])
def test_without_ase_the_extra_is_named(name):
    program = (
        "import sys; sys.modules['ase'] = None\n"
        "from symkernel import diagnostics\n"
        f"try: diagnostics.{name}\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'symkernel[ase]'" in done.stdout, done.stderr
