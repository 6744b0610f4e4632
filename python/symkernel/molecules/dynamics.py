"""Run molecular dynamics with a force field, and stop where it means nothing: needs ASE."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.bonds import atom_name, find_bonds
from symkernel.molecules.force_field import ForceField
from symkernel.molecules.frames import Frames
from symkernel.molecules.progress import Stages
from symkernel.validation import as_count, as_number

try:
    from ase import Atoms, units
    from ase.io import write
    from ase.io.trajectory import Trajectory
    from ase.md.langevin import Langevin
    from ase.md.verlet import VelocityVerlet
except ImportError as missing:
    raise ImportError(
        "symkernel.molecules.dynamics needs ASE: pip install 'symkernel[ase]'"
    ) from missing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DynamicsRun", "run_dynamics"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DynamicsRun:
    """Outcome of ``run_dynamics``.

    Attributes
    ----------
    times : ndarray of shape (n,)
        Of what is recorded, in femtoseconds.
    potential_energy, kinetic_energy : ndarray of shape (n,)
        In eV.
    temperature : ndarray of shape (n,)
        In kelvin, over 3 n_atoms degrees of freedom, or 3 n_atoms - 6 at constant energy.
    distances : ndarray of shape (n,)
        To the nearest training structure; 1 between typical neighbours in the training data.
    angular_momentum : ndarray of shape (n, 3)
        In ASE's units, amu A^2 by its unit of time.
    frames : Frames
        Recorded structures with their energies.
    thermostat : bool
        Whether there was one; the total energy is conserved where there was none.
    n_steps : int
        Steps that were taken.
    stopped : str
        Why the run ended early; empty where it did not.
    """

    times: Array
    potential_energy: Array
    kinetic_energy: Array
    temperature: Array
    distances: Array
    angular_momentum: Array
    frames: Frames
    thermostat: bool
    n_steps: int
    stopped: str

    @property
    def total_energy(self) -> Array:
        """Potential and kinetic energy, eV, (n,)."""
        return self.potential_energy + self.kinetic_energy

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds, without the structures."""
        total = self.total_energy
        change = float(np.abs(total - total[0]).max() / self.frames.n_atoms)
        return {
            "n_steps": self.n_steps,
            "femtoseconds": float(self.times[-1]),
            "stopped": self.stopped,
            "temperature": float(self.temperature.mean()),
            "energy_change_per_atom": None if self.thermostat else change,
            "largest_distance": float(self.distances.max()),
        }

    def __str__(self) -> str:
        told = self.to_dict()
        change = told["energy_change_per_atom"]
        energy = "" if change is None else f"total energy within {1000 * change:.3g} meV/atom, "
        text = (
            f"{self.n_steps} steps, {told['femtoseconds'] / 1000:.4g} ps, mean temperature "
            f"{told['temperature']:.0f} K, {energy}at most {told['largest_distance']:.2g} from the "
            "training data"
        )
        return f"{text}\nstopped: {self.stopped}" if self.stopped else text

    def plot(self) -> Figure:
        """Draw energy, temperature and distance from the data against time; needs matplotlib."""
        from symkernel.molecules.pictures import draw_run

        return draw_run(self)


def run_dynamics(
    force_field: ForceField,
    start: Any = None,
    *,
    temperature: float = 300.0,
    n_steps: int = 2000,
    timestep: float = 0.5,
    friction: float | None = 0.01,
    record_every: int = 10,
    stretch: float = 1.5,
    far: float = 10.0,
    trajectory: str | Path | None = None,
    random_state: int = 0,
    progress: bool = False,
) -> DynamicsRun:
    """Run a molecule in a thermostat or at constant energy, as long as it stays one.

    Parameters
    ----------
    force_field : ForceField
        Fitted.
    start : ase.Atoms, Frames or array-like of shape (n_atoms, 3), optional
        Where to start: Angstrom; of frames the first. By default the training structure of the
        lowest energy. Velocities of atoms are kept if they have any.
    temperature : float, default=300.0
        Kelvin, of random velocities at the start and of the thermostat.
    n_steps : int, default=2000
    timestep : float, default=0.5
        Femtoseconds.
    friction : float or None, default=0.01
        Of a Langevin thermostat, per femtosecond; None is constant energy, by velocity Verlet.
    record_every : int, default=10
        Steps between records.
    stretch : float, default=1.5
        Bonds of the start may be this many times as long as there (or as 1.3 sums of covalent
        radii, if that is longer); beyond, the run stops.
    far : float, default=10.0
        Distance from the training data beyond which the run stops, looked at as it is recorded.
    trajectory : path, optional
        File for the recorded structures: .traj, or .xyz and .extxyz.
    random_state : int, default=0
        Seed of velocities and thermostat.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DynamicsRun
        With ``stopped`` a sentence if the molecule broke or left the data.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or atoms are not those of the model.
    ImportError
        If ASE is not installed.

    Notes
    -----
    One force call a step. Velocities at the start have no net or angular momentum.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.molecules import ForceField, run_dynamics
    >>> r = np.linspace(0.6, 0.95, 15)
    >>> R, F = np.zeros((15, 2, 3)), np.zeros((15, 2, 3))
    >>> R[:, 1, 0], F[:, 1, 0], F[:, 0, 0] = r, 35 * (0.74 - r), 35 * (r - 0.74)
    >>> ff = ForceField(verbose=False)
    >>> ff = ff.fit(z=["H", "H"], positions=R, energies=35 * (r - 0.74) ** 2 / 2, forces=F)
    >>> run = run_dynamics(ff, temperature=100, n_steps=100, timestep=0.2, friction=None)
    >>> run.stopped, bool(abs(run.total_energy - run.total_energy[0]).max() < 1e-3)
    ('', True)
    """
    n_steps, every = as_count(n_steps, "n_steps"), as_count(record_every, "record_every")
    kelvin = as_number(temperature, "temperature", 0.0)
    step = as_number(timestep, "timestep", 0.0, strict=True)
    limit = as_number(stretch, "stretch", 1.0, strict=True)
    furthest = as_number(far, "far", 0.0, strict=True)
    rng = np.random.RandomState(random_state)
    atoms = _start(force_field, start)
    atoms.calc = force_field.calculator(far=furthest)
    if not atoms.get_momenta().any() and kelvin > 0.0:
        atoms.set_momenta(_thermal_momenta(atoms, kelvin, rng))
    if friction is None:
        mover: Any = VelocityVerlet(atoms, step * units.fs)
    else:
        rate = as_number(friction, "friction", 0.0, strict=True) / units.fs
        # By default the centre of mass is held, which disturbs the distribution; going away.
        free = {"fixcm": False} if "fixcm" in signature(Langevin).parameters else {}
        mover = Langevin(
            atoms, step * units.fs, temperature_K=kelvin, friction=rate, rng=rng, **free
        )
    degrees = 3 * len(atoms) - (6 if friction is None and len(atoms) > 2 else 0)
    bonds = _Bonds(atoms, limit)
    kept = _Recorder(atoms, force_field, trajectory)
    stopped, taken = "", 0
    with Stages(show=progress) as tell, kept:
        for taken in _steps(mover, n_steps):
            stopped = bonds.objection(atoms.arrays["positions"])
            last = bool(stopped) or taken == n_steps
            if (last or taken % every == 0) and np.isfinite(atoms.positions).all():
                distance = kept.record(taken * step)
                if distance > furthest and not stopped:
                    stopped = (
                        f"the structure is {distance:.3g} times as far from the training data as "
                        "typical neighbours there are from each other"
                    )
                tell("dynamics", taken, n_steps, f"{kept.kelvin(degrees):.0f} K")
            if stopped:
                stopped = f"after {taken * step:g} fs {stopped}"
                break
    return kept.run(degrees, friction is not None, taken, stopped)


def _steps(mover: Any, n_steps: int) -> Iterator[int]:
    """Count steps as they are taken; ends where positions are no numbers, which are refused."""
    taken = 0
    try:
        for taken, _ in enumerate(mover.irun(n_steps)):
            yield taken
    except ValueError:
        if np.isfinite(mover.atoms.positions).all():
            raise
        yield taken + 1


def _thermal_momenta(atoms: Any, kelvin: float, rng: np.random.RandomState) -> Array:
    """Momenta (n_atoms, 3) drawn by Maxwell and Boltzmann, of no net and no angular momentum."""
    masses = atoms.get_masses()[:, None]
    momenta = rng.normal(size=(len(atoms), 3)) * np.sqrt(masses * units.kB * kelvin)
    momenta -= masses / masses.sum() * momenta.sum(axis=0)
    ways = atoms.positions - (masses * atoms.positions).sum(axis=0) / masses.sum()
    inertia = (masses * (ways**2).sum(axis=1, keepdims=True)).sum() * np.eye(3)
    inertia -= (masses * ways).T @ ways
    # of a linear molecule, which has no moment about its axis, the pseudo-inverse
    turning = np.linalg.pinv(inertia, hermitian=True) @ np.cross(ways, momenta).sum(axis=0)
    return np.asarray(momenta - masses * np.cross(turning, ways))


class _Bonds:
    """Bonds of a structure, and how long they may be."""

    def __init__(self, atoms: Any, stretch: float) -> None:
        self._numbers = atoms.numbers
        bonded, lengths = find_bonds(atoms.numbers.astype(np.int64), atoms.positions[None])
        self._i, self._j = np.nonzero(np.triu(bonded))
        own = self._lengths(atoms.positions)
        sums = own / lengths[self._i, self._j]
        self._limits = stretch * np.maximum(own, 1.3 * sums / stretch)

    def _lengths(self, positions: Array) -> Array:
        return np.asarray(np.linalg.norm(positions[self._i] - positions[self._j], axis=1))

    def objection(self, positions: Array) -> str:
        """Say which bond broke, if one did; positions that are not numbers break all."""
        lengths = self._lengths(positions)
        if np.isfinite(positions).all() and (lengths < self._limits).all():
            return ""
        if not np.isfinite(positions).all():
            return "positions are not finite: the molecule flew apart"
        worst = int((lengths / self._limits).argmax())
        i, j = int(self._i[worst]), int(self._j[worst])
        names = f"{atom_name(self._numbers[i], i)}-{atom_name(self._numbers[j], j)}"
        return f"the bond {names} is {lengths[worst]:.3g} Angstrom long: the molecule broke"


class _Recorder:
    """What is kept of a run, and written to its trajectory."""

    def __init__(self, atoms: Any, force_field: ForceField, path: str | Path | None) -> None:
        self._atoms, self._potential = atoms, force_field.potential_
        self._path = None if path is None else Path(path)
        self._writer: Any = None
        if self._path is not None and self._path.suffix == ".traj":
            self._writer = Trajectory(str(self._path), "w")
        elif self._path is not None:
            if self._path.suffix not in (".xyz", ".extxyz"):
                raise ValueError(f"trajectory must end in .traj, .xyz or .extxyz, got {self._path}")
            self._path.unlink(missing_ok=True)
        self._rows: list[tuple[float, float, float, float]] = []
        self._turns: list[Array] = []
        self._positions: list[Array] = []
        self._forces: list[Array] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:  # a run that is interrupted leaves its trajectory
            self._writer.close()

    def record(self, time: float) -> float:
        """Keep the structure as it is; return its distance from the training data."""
        atoms = self._atoms
        distance = float(self._potential.distances(atoms.positions[None])[0])
        energies = atoms.get_potential_energy(), atoms.get_kinetic_energy()
        self._rows.append((time, *energies, distance))
        self._turns.append(atoms.get_angular_momentum())
        self._positions.append(atoms.positions.copy())
        self._forces.append(atoms.get_forces())
        if self._writer is not None:
            self._writer.write(atoms)
        elif self._path is not None:
            write(self._path, atoms, format="extxyz", append=True)
        return distance

    def kelvin(self, degrees: int) -> float:
        """Temperature of the last record."""
        return float(2.0 * self._rows[-1][2] / (degrees * units.kB))

    def run(self, degrees: int, thermostat: bool, n_steps: int, stopped: str) -> DynamicsRun:
        """Everything that was kept."""
        times, potential, kinetic, distances = np.array(self._rows).T
        return DynamicsRun(
            times=times,
            potential_energy=potential,
            kinetic_energy=kinetic,
            temperature=2.0 * kinetic / (degrees * units.kB),
            distances=distances,
            angular_momentum=np.array(self._turns),
            frames=Frames(
                self._atoms.numbers, np.array(self._positions), potential, np.array(self._forces)
            ),
            thermostat=thermostat,
            n_steps=n_steps,
            stopped=stopped,
        )


def _start(force_field: ForceField, start: Any) -> Any:
    """Atoms to run, a copy without constraints or cell."""
    numbers = force_field.numbers_
    if start is None:
        return Atoms(numbers, force_field.reference_)
    if isinstance(start, Frames):
        start = start.to_ase()[0]
    if not hasattr(start, "get_momenta"):
        positions = Frames(numbers, start).positions
        return Atoms(numbers, positions[0])
    if not np.array_equal(start.numbers, numbers):
        raise ValueError(
            f"start must have the atoms of the model, {numbers.tolist()}, got "
            f"{start.numbers.tolist()}"
        )
    atoms = Atoms(numbers, start.positions, masses=start.get_masses())
    atoms.set_momenta(start.get_momenta())
    return atoms
