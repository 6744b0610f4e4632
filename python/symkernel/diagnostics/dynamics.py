"""Tell what a potential conserves in a short run: needs ASE (the extra ``ase``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symkernel.diagnostics.forces import net_force, net_torque
from symkernel.estimators._progress import Progress
from symkernel.validation import as_count

try:
    from ase import units
    from ase.md.verlet import VelocityVerlet
except ImportError as missing:
    raise ImportError(
        "symkernel.diagnostics.dynamics needs ASE: pip install 'symkernel[ase]'"
    ) from missing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DynamicsReport", "dynamics_report"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class DynamicsReport:
    """Outcome of ``dynamics_report``.

    Attributes
    ----------
    times : ndarray of shape (n_steps + 1,)
        In femtoseconds.
    energy : ndarray of shape (n_steps + 1,)
        Total energy in eV.
    angular_momentum : ndarray of shape (n_steps + 1, 3)
        About the centre of mass, in ASE's units (amu A^2 per ASE's unit of time).
    momentum : ndarray of shape (n_steps + 1, 3)
    force, torque : ndarray of shape (n_steps + 1, 3)
        Net force (eV/A) and net torque about the centre of mass (eV).
    """

    times: Array
    energy: Array
    angular_momentum: Array
    momentum: Array
    force: Array
    torque: Array

    @property
    def energy_drift(self) -> float:
        """Slope of a line through the total energy, eV per picosecond."""
        return float(np.polyfit(self.times / 1000.0, self.energy, 1)[0])

    @property
    def angular_momentum_drift(self) -> float:
        """Root mean square distance of the angular momentum from that at the start."""
        change = self.angular_momentum - self.angular_momentum[0]
        return float(np.sqrt((change**2).sum(axis=1).mean()))

    @property
    def rms_torque(self) -> float:
        """Root mean square of the net torque, eV."""
        return float(np.sqrt((self.torque**2).sum(axis=1).mean()))

    @property
    def rms_force(self) -> float:
        """Root mean square of the net force, eV/A."""
        return float(np.sqrt((self.force**2).sum(axis=1).mean()))

    def __str__(self) -> str:
        start = float(np.linalg.norm(self.angular_momentum[0]))
        return (
            f"{len(self.times) - 1} steps, {self.times[-1]:g} fs\n"
            f"  energy           drift {self.energy_drift:.3g} eV/ps, spread "
            f"{self.energy.std():.3g} eV\n"
            f"  angular momentum drift {self.angular_momentum_drift:.3g} of {start:.3g} at the "
            "start (amu A^2 / ASE time)\n"
            f"  net torque {self.rms_torque:.3g} eV, net force {self.rms_force:.3g} eV/A (root "
            "mean squares)"
        )

    def plot(self) -> Figure:
        """Draw energy and angular momentum against time; needs matplotlib (the extra ``demo``)."""
        from symkernel.diagnostics.pictures import draw_dynamics

        return draw_dynamics({"": self})


def dynamics_report(
    atoms: Any, *, n_steps: int = 500, timestep: float = 0.5, progress: bool = False
) -> DynamicsReport:
    """Run atoms at constant energy and report what is conserved.

    Parameters
    ----------
    atoms : ase.Atoms
        A molecule or cluster with velocities and a calculator; a copy is moved.
    n_steps : int, default=500
        Steps of velocity Verlet.
    timestep : float, default=0.5
        In femtoseconds.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DynamicsReport

    Raises
    ------
    ValueError
        If atoms have no calculator, or the time step is not positive.

    Notes
    -----
    An exact potential of isolated atoms conserves momentum and angular momentum; velocity Verlet
    conserves both exactly for exact forces, so that all drift of the angular momentum is due to
    the net torque of the model.

    Examples
    --------
    >>> from ase import Atoms
    >>> from ase.calculators.lj import LennardJones
    >>> from symkernel import diagnostics
    >>> atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 1.1]], calculator=LennardJones())
    >>> diagnostics.dynamics_report(atoms, n_steps=10).angular_momentum_drift < 1e-12
    True
    """
    count = as_count(n_steps, "n_steps")
    if not timestep > 0:
        raise ValueError(f"timestep must be positive, got {timestep!r}")
    if atoms.calc is None:
        raise ValueError("atoms must have a calculator")
    moving = atoms.copy()
    moving.calc = atoms.calc
    momenta = atoms.get_momenta()
    moving.set_momenta(momenta)
    rows: list[tuple[float, Array, Array, Array, Array]] = []

    def observe() -> None:
        forces = moving.get_forces()
        arms = moving.positions - moving.get_center_of_mass()
        rows.append(
            (
                float(moving.get_total_energy()),
                moving.get_angular_momentum(),
                moving.get_momenta().sum(axis=0),
                net_force(forces),
                net_torque(arms, forces),
            )
        )

    observe()
    run = VelocityVerlet(moving, timestep=timestep * units.fs)
    with Progress(count, "steps", progress) as bar:
        for _ in range(count):
            run.run(1)
            observe()
            bar.step("")
    energy, angular, momentum, force, torque = (np.array(c) for c in zip(*rows, strict=True))
    times = timestep * np.arange(count + 1)
    return DynamicsReport(times, energy, angular, momentum, force, torque)
