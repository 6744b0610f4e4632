"""Force fields in ASE: one call, optimisation, vibrations, paths and dynamics."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from force_fields import ETHANOL, WATER, Springs, ethanol, fitted, silent, water

pytest.importorskip("ase")

from ase import Atoms, units
from ase.calculators.calculator import PropertyNotImplementedError
from ase.constraints import FixAtoms
from ase.io import read, write
from ase.md.verlet import VelocityVerlet
from ase.mep import NEB
from ase.optimize import BFGS
from ase.vibrations import Vibrations
from symkernel.molecules import Frames, run_dynamics


@pytest.fixture(scope="module")
def ff():
    return fitted(ethanol(40), noise=1e-6)


@pytest.fixture(scope="module")
def small():
    return fitted(water(40), noise=1e-6)


class Counted:
    """A potential that counts what it is asked."""

    def __init__(self, potential):
        self.numbers, self._potential = potential.numbers, potential
        self.calls = {"evaluate": 0, "deviations": 0, "distances": 0}

    def __getattr__(self, name):
        def call(*arguments):
            self.calls[name] += 1
            return getattr(self._potential, name)(*arguments)

        return call


def counted(model, **options):
    from symkernel.molecules.calculator import ForceFieldCalculator

    potential = Counted(model.potential_)
    return ForceFieldCalculator(potential, **options), potential.calls


# ---- one call -----------------------------------------------------------------------------------


def test_the_calculator_speaks_ev_and_angstrom():
    frames = water(30)
    kcal = units.kcal / units.mol
    model = silent().fit(
        z=frames.numbers,
        positions=frames.positions,
        energies=frames.energies / kcal,
        forces=frames.forces / kcal,
        units=("kcal/mol", "Angstrom"),
    )
    atoms = Atoms(WATER[0], frames.positions[0], calculator=model.calculator())
    E, F = model.predict(frames.positions[0], units=("eV", "Angstrom"))
    assert atoms.get_potential_energy() == pytest.approx(E, abs=1e-12)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    np.testing.assert_allclose(atoms.get_forces(), F, atol=1e-12)
    np.testing.assert_allclose(atoms.get_forces(), frames.forces[0], atol=0.05)


def test_an_arrangement_is_computed_once(small):
    atoms = Atoms(*WATER)
    atoms.calc, calls = counted(small)
    forces = atoms.get_forces()
    forces[:] = 0.0  # a copy
    assert np.abs(atoms.get_forces()).max() > 0
    atoms.get_potential_energy()
    assert calls == {"evaluate": 1, "deviations": 0, "distances": 1}
    atoms.positions[0, 0] += 0.01
    moved = atoms.get_potential_energy()
    assert calls["evaluate"] == 2
    atoms.positions[0, 0] -= 0.01
    assert atoms.get_potential_energy() != moved
    kept = atoms.calc.atoms
    np.testing.assert_array_equal(kept.positions, atoms.positions)
    atoms.positions[0, 0] += 1.0
    np.testing.assert_array_equal(atoms.calc.atoms.positions, kept.positions)
    assert atoms.calc.get_potential_energy() != moved  # of what was calculated last
    assert calls["evaluate"] == 3
    other = Atoms(WATER[0], WATER[1] + 0.001, calculator=atoms.calc)
    other.get_forces()
    assert calls["evaluate"] == 4
    assert calls["distances"] == 1  # in every tenth


def test_standard_deviations_on_request_or_always(small):
    atoms = Atoms(*WATER)
    atoms.calc, calls = counted(small)
    atoms.get_forces()
    assert "energy_std" not in atoms.calc.results
    std = atoms.calc.get_property("energy_std", atoms)
    of_forces = atoms.calc.get_property("forces_std", atoms)
    assert calls["evaluate"] == 1
    _, _, expected, expected_forces = small.predict(WATER[1], return_std=True)
    assert std == pytest.approx(expected, rel=1e-9, abs=1e-8)  # a small difference of variances
    np.testing.assert_allclose(of_forces, expected_forces, rtol=1e-9)
    assert (expected_forces[:, 1:] > 0).all()  # in the plane of the molecule
    atoms.calc, calls = counted(small, std=True)
    atoms.get_forces()
    assert atoms.calc.results["energy_std"] == pytest.approx(expected, rel=1e-9, abs=1e-8)
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()


def test_programs_of_ase_keep_the_results(small, tmp_path):
    atoms = Atoms(*WATER, calculator=small.calculator(std=True))
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    found = atoms.get_properties(["energy", "forces"])
    assert found["energy"] == energy
    np.testing.assert_array_equal(found["forces"], forces)
    for name in ("w.traj", "w.xyz", "w.json", "w.db"):
        write(tmp_path / name, atoms)
        kept = read(tmp_path / name)
        assert kept.get_potential_energy() == pytest.approx(energy, abs=1e-8)
        np.testing.assert_allclose(kept.get_forces(), forces, atol=1e-7)
    for other in (copy.deepcopy(atoms.calc), pickle.loads(pickle.dumps(atoms.calc))):
        assert Atoms(*WATER, calculator=other).get_potential_energy() == energy
    frozen = Atoms(*WATER, calculator=small.calculator(), constraint=FixAtoms([0]))
    np.testing.assert_array_equal(frozen.get_forces(), [np.zeros(3), *forces[1:]])


def test_refused_atoms(small):
    def energy(atoms):
        atoms.calc = small.calculator()
        return atoms.get_potential_energy()

    with pytest.raises(ValueError, match="of H2O, and atoms are C2H6O"):
        energy(Atoms(*ETHANOL))
    with pytest.raises(ValueError, match="of H2O, and atoms are HO"):
        energy(Atoms(WATER[0][:2], WATER[1][:2]))
    with pytest.raises(ValueError, match=r"another order.*\[8, 1, 1\]"):
        energy(Atoms(WATER[0][::-1], WATER[1][::-1]))
    with pytest.raises(ValueError, match=r"periodic.*pbc = False"):
        energy(Atoms(*WATER, cell=[9, 9, 9], pbc=True))
    with pytest.raises(ValueError, match="not finite"):
        energy(Atoms(WATER[0], np.full((3, 3), np.nan)))
    boxed = energy(Atoms(*WATER, cell=[9, 9, 9]))
    assert boxed == energy(Atoms(*WATER, pbc=True)) == energy(Atoms(*WATER))
    # a cell that comes after a calculation
    atoms = Atoms(*WATER)
    energy(atoms)
    atoms.set_cell([9, 9, 9])
    atoms.pbc = True
    with pytest.raises(ValueError, match="periodic"):
        atoms.get_potential_energy()


def test_a_warning_far_from_the_data_comes_once(small):
    atoms = Atoms(*WATER, calculator=small.calculator())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        atoms.get_forces()
    far = Atoms(WATER[0], 1.5 * WATER[1], calculator=small.calculator())
    with pytest.warns(UserWarning, match=r"times as far from the nearest training structure"):
        far.get_forces()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(25):
            far.positions *= 1.001
            far.get_forces()
        Atoms(WATER[0], 1.5 * WATER[1], calculator=small.calculator(far=1e9)).get_potential_energy()


# ---- programs of ASE ----------------------------------------------------------------------------


def test_optimisation_and_vibrations(small, tmp_path):
    exact = Springs(*WATER, bond=1.3)
    atoms = Atoms(WATER[0], WATER[1] + 0.05, calculator=small.calculator())
    atoms.positions[1] *= 1.05
    BFGS(atoms, logfile=None).run(fmax=1e-3, steps=100)
    assert atoms.get_distance(0, 1) == pytest.approx(0.96, abs=0.01)
    vibrations = Vibrations(atoms, name=str(tmp_path / "vib"))
    vibrations.run()
    found = vibrations.get_frequencies().real[-3:]
    H = np.empty((9, 9))
    for k in range(9):
        step = np.zeros(9)
        step[k] = 1e-4
        moved = WATER[1].ravel() + np.array([step, -step])
        F = exact(moved.reshape(2, 3, 3))[1].reshape(2, 9)
        H[k] = (F[1] - F[0]) / 2e-4
    root = np.sqrt(np.repeat(atoms.get_masses(), 3))
    values = np.linalg.eigvalsh((H + H.T) / 2 / np.outer(root, root))[-3:]
    seconds = units._hbar * 1e10 / np.sqrt(units._e * units._amu)
    expected = seconds * np.sqrt(values) / units.invcm
    np.testing.assert_allclose(found, expected, rtol=0.03)


def test_a_path_of_images(ff):
    first = Atoms(*ETHANOL)
    last = Atoms(*ETHANOL)
    last.rotate(4, "z", center="COM")
    images = [first, *[first.copy() for _ in range(3)], last]
    for image in images:
        image.calc = ff.calculator()
    band = NEB(images, method="improvedtangent")
    band.interpolate()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        BFGS(band, logfile=None).run(fmax=0.2, steps=30)
    energies = [image.get_potential_energy() for image in images]
    assert energies[0] == pytest.approx(energies[-1], abs=1e-9)
    assert max(energies) - energies[0] < 0.5
    # one calculator for all images
    shared = NEB(
        [image.copy() for image in images], method="improvedtangent", allow_shared_calculator=True
    )
    calculator = ff.calculator()
    for image in shared.images:
        image.calc = calculator
    assert np.isfinite(shared.get_forces()).all()


def test_dynamics_of_ase_conserve_energy(small):
    atoms = Atoms(*WATER, calculator=small.calculator(far=10))
    atoms.set_momenta(np.random.default_rng(0).normal(size=(3, 3)) * [[0.5], [0.15], [0.15]])
    start = atoms.get_total_energy()
    VelocityVerlet(atoms, 0.2 * units.fs).run(300)
    assert atoms.get_total_energy() == pytest.approx(start, abs=2e-3)


# ---- our own run --------------------------------------------------------------------------------


def test_constant_energy(small):
    run = run_dynamics(small, temperature=100, n_steps=400, timestep=0.25, friction=None)
    assert run.stopped == ""
    assert len(run.times) == 41
    assert run.times[-1] == 100.0
    assert not run.thermostat
    assert np.abs(run.total_energy - run.total_energy[0]).max() < 3e-3
    np.testing.assert_allclose(run.angular_momentum, 0, atol=1e-10)
    assert len(run.frames) == 41
    np.testing.assert_allclose(
        small.predict(run.frames)[0], run.potential_energy, rtol=0, atol=1e-10
    )
    told = run.to_dict()
    assert told["energy_change_per_atom"] < 1e-3
    assert "meV/atom" in str(run)


def test_a_thermostat_holds_the_temperature(small):
    run = run_dynamics(
        small, WATER[1], temperature=150, n_steps=1500, friction=0.05, timestep=0.5, random_state=1
    )
    assert run.temperature[30:].mean() == pytest.approx(150, rel=0.35)
    assert run.to_dict()["energy_change_per_atom"] is None
    again = run_dynamics(
        small, WATER[1], temperature=150, n_steps=100, friction=0.05, timestep=0.5, random_state=1
    )
    np.testing.assert_array_equal(again.potential_energy, run.potential_energy[:11])


def test_a_molecule_that_breaks_stops_the_run(small):
    atoms = Atoms(*WATER)
    atoms.set_momenta([[0, 0, 0], [0, 0, 12.0], [0, 0, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run = run_dynamics(small, atoms, n_steps=500, friction=None, far=1e9)
    assert run.n_steps < 500
    assert "the bond O0-H1 is" in run.stopped
    assert "the molecule broke" in run.stopped
    assert run.stopped in str(run)
    # what broke is kept
    broken = run.frames.positions[-1]
    length = np.linalg.norm(broken[0] - broken[1])
    assert f"{length:.3g} Angstrom" in run.stopped


def test_a_run_whose_positions_are_no_numbers_stops(small, monkeypatch):
    from symkernel.molecules import dynamics

    class Exploding(VelocityVerlet):
        def step(self, forces=None):
            if self.nsteps == 25:
                self.atoms.positions[0] = np.nan
            return super().step(forces)

    monkeypatch.setattr(dynamics, "VelocityVerlet", Exploding)
    run = run_dynamics(small, temperature=50, n_steps=100, friction=None)
    assert run.stopped == "after 13 fs positions are not finite: the molecule flew apart"
    assert run.n_steps == 26
    assert np.isfinite(run.frames.positions).all()


def test_a_run_that_leaves_the_data_stops(small):
    atoms = Atoms(*WATER)
    atoms.set_momenta([[0, 0, 0], [0, 0, 8.0], [0, 0, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run = run_dynamics(small, atoms, n_steps=500, friction=None, far=2.0, stretch=9.0)
    assert "as far from the training data" in run.stopped
    assert run.distances[-1] > 2.0


@pytest.mark.parametrize("name", ["r.traj", "r.xyz", "r.extxyz"])
def test_trajectories(small, tmp_path, name):
    (tmp_path / name).write_text("of another run")
    start = Frames(*WATER)
    run = run_dynamics(
        small, start, temperature=50, n_steps=20, record_every=5, trajectory=tmp_path / name
    )
    structures = read(tmp_path / name, ":")
    assert len(structures) == len(run.times) == 5
    np.testing.assert_allclose(structures[-1].positions, run.frames.positions[-1], atol=1e-7)
    np.testing.assert_allclose(
        [atoms.get_potential_energy() for atoms in structures], run.potential_energy, atol=1e-7
    )


def test_refused_runs(small):
    for options, words in (
        ({"n_steps": 0}, "n_steps"),
        ({"timestep": 0.0}, "timestep"),
        ({"temperature": -1.0}, "temperature"),
        ({"friction": 0.0}, "friction"),
        ({"stretch": 0.5}, "stretch"),
        ({"record_every": 0}, "record_every"),
        ({"trajectory": "run.pdb"}, r"\.traj, \.xyz or \.extxyz"),
        ({"start": Atoms(*ETHANOL)}, "start must have the atoms of the model"),
        ({"start": ETHANOL[1]}, "positions must have shape"),
    ):
        with pytest.raises(ValueError, match=words):
            run_dynamics(small, **options)


def test_pictures_of_runs(small, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    run = run_dynamics(small, temperature=50, n_steps=40)
    figure = run.plot()
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), run.temperature)
    figure.savefig(tmp_path / "run.png")
    assert len(figure.axes[1].lines) == 2  # few records: no means beside them, but that of all
    long = run_dynamics(small, temperature=50, n_steps=300, record_every=1, friction=None)
    for panel, values in zip(
        long.plot().axes,
        (1000 * (long.total_energy - long.total_energy[0]) / 3, long.temperature, long.distances),
        strict=True,
    ):
        np.testing.assert_allclose(panel.lines[0].get_ydata(), values, atol=1e-12)
        x, y = panel.lines[1].get_data()
        np.testing.assert_array_equal(x, long.times[3:-2])  # of 301, in windows of six
        np.testing.assert_allclose(y, np.convolve(values, np.ones(6) / 6, "valid"), atol=1e-9)
    plt.close("all")
