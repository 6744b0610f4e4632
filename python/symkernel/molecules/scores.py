"""Tell the errors of a force field."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.covalent_radii import SYMBOLS
from symkernel.molecules.frames import Frames
from symkernel.molecules.units import Units

__all__ = ["Errors", "Scores", "scores_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """Errors of one quantity.

    Attributes
    ----------
    n : int
        Numbers compared.
    mae, rmse, largest : float
        Mean absolute, root mean square and largest error; NaN of none.
    """

    n: int
    mae: float
    rmse: float
    largest: float

    @classmethod
    def of(cls, errors: Array) -> Errors:
        """Errors of an array of differences."""
        if not errors.size:
            return cls(0, np.nan, np.nan, np.nan)
        size = np.abs(errors)
        return cls(
            errors.size,
            float(size.mean()),
            float(np.sqrt((errors**2).mean())),
            float(size.max()),
        )


@dataclass(frozen=True)
class Scores:
    """Outcome of ``ForceField.score_table``.

    Attributes
    ----------
    energy, force : Errors
        Of energies, and of the components of forces: n, mae, rmse and largest.
    by_element : dict of str to float
        Mean absolute errors of the components of forces, by the symbol of the atom.
    energy_unit, force_unit : str
        In which they are told.
    """

    energy: Errors
    force: Errors
    by_element: dict[str, float]
    energy_unit: str
    force_unit: str

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{'':<20}{'n':>8}{'MAE':>11}{'RMSE':>11}{'largest':>11}"]
        for name, unit, e in (
            ("energy", self.energy_unit, self.energy),
            ("force", self.force_unit, self.force),
        ):
            label = f"{name} ({unit})"
            if e.n:
                lines.append(f"{label:<20}{e.n:>8}{e.mae:>11.3g}{e.rmse:>11.3g}{e.largest:>11.3g}")
            else:
                lines.append(f"{label:<20}{0:>8}{'none known':>11}")
        lines += [f"  on {name:<15}{'':>8}{mae:>11.3g}" for name, mae in self.by_element.items()]
        return "\n".join(lines)


def scores_of(frames: Frames, energies: Array, forces: Array, units: Units) -> Scores:
    """Return the errors of predictions, in eV and Angstrom, told in the finer of some units."""
    energy_unit, force_unit, times = units.fine
    dE = times * units.energies_from_ev(energies - frames.energies)[frames.has_energy]
    dF = times * units.forces_from_ev(forces - frames.forces)[frames.has_forces]
    present = np.unique(frames.numbers) if len(dF) else ()
    by_element = {SYMBOLS[z - 1]: float(np.abs(dF[:, frames.numbers == z]).mean()) for z in present}
    return Scores(Errors.of(dE), Errors.of(dF), by_element, energy_unit, force_unit)
