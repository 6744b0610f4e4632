"""Convert energies, lengths and forces to eV and Angstrom, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENERGIES", "EV_ANGSTROM", "LENGTHS", "Units"]

Array = NDArray[Any]

#: In eV and Angstrom: the constants of ase.units (CODATA 2014), which tests compare with.
ENERGIES = {
    "eV": 1.0,
    "meV": 1e-3,
    "kcal/mol": 0.04336410390059322,
    "kJ/mol": 0.010364269574711572,
    "Hartree": 27.211386024367243,
}
LENGTHS = {"Angstrom": 1.0, "Bohr": 0.5291772105638411, "nm": 10.0}
# Other spellings, in small letters.
_ALIASES = {
    "ev": "eV",
    "electronvolt": "eV",
    "mev": "meV",
    "kcal/mol": "kcal/mol",
    "kcal": "kcal/mol",
    "kj/mol": "kJ/mol",
    "kj": "kJ/mol",
    "hartree": "Hartree",
    "ha": "Hartree",
    "eh": "Hartree",
    "angstrom": "Angstrom",
    "ang": "Angstrom",
    "a": "Angstrom",
    "å": "Angstrom",
    "bohr": "Bohr",
    "a0": "Bohr",
    "au": "Bohr",
    "nm": "nm",
}


@dataclass(frozen=True)
class Units:
    """A unit of energy and one of length; forces are the one by the other.

    Parameters
    ----------
    energy : {"eV", "meV", "kcal/mol", "kJ/mol", "Hartree"}, default="eV"
    length : {"Angstrom", "Bohr", "nm"}, default="Angstrom"

    Notes
    -----
    The constants are those of ``ase.units``, CODATA 2014.

    Examples
    --------
    >>> from symkernel.molecules.units import Units
    >>> units = Units("kcal/mol", "Angstrom")
    >>> float(units.energies_to_ev(1.0)).__round__(6)
    0.043364
    >>> Units.of(("hartree", "bohr"))
    Units(energy='Hartree', length='Bohr')
    """

    energy: str = "eV"
    length: str = "Angstrom"

    @classmethod
    def of(cls, value: Any, name: str = "units") -> Self:
        """Read units given as a pair, as ``"kcal/mol"`` alone, as Units, or None for eV, Angstrom.

        Raises
        ------
        TypeError, ValueError
            If they are something else; the message lists those that are known.
        """
        if value is None:
            return cls()
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            value = (value, "Angstrom")
        try:
            first, second = value
        except (TypeError, ValueError):
            raise TypeError(
                f'{name} must be a pair such as ("kcal/mol", "Angstrom"), got {value!r}'
            ) from None
        return cls(_known(first, ENERGIES, name, "energy"), _known(second, LENGTHS, name, "length"))

    def __str__(self) -> str:
        return f"{self.energy}, {self.length}"

    @property
    def ev(self) -> float:
        """One unit of energy in eV."""
        return ENERGIES[self.energy]

    @property
    def angstrom(self) -> float:
        """One unit of length in Angstrom."""
        return LENGTHS[self.length]

    @property
    def fine(self) -> tuple[str, str, float]:
        """Names of the units in which errors are told, and how many a unit of energy is."""
        energy, times = ("meV", 1e3) if self.energy == "eV" else (self.energy, 1.0)
        return energy, f"{energy}/{'A' if self.length == 'Angstrom' else self.length}", times

    def energies_to_ev(self, energies: Any) -> Array:
        """Energies in these units as eV."""
        return _times(energies, self.ev)

    def energies_from_ev(self, energies: Any) -> Array:
        """Energies in eV as these units."""
        return _over(energies, self.ev)

    def lengths_to_angstrom(self, lengths: Any) -> Array:
        """Positions in these units as Angstrom."""
        return _times(lengths, self.angstrom)

    def lengths_from_angstrom(self, lengths: Any) -> Array:
        """Positions in Angstrom as these units."""
        return _over(lengths, self.angstrom)

    def forces_to_ev(self, forces: Any) -> Array:
        """Forces in these units as eV/Angstrom."""
        return _times(forces, self.ev / self.angstrom)

    def forces_from_ev(self, forces: Any) -> Array:
        """Forces in eV/Angstrom as these units."""
        return _over(forces, self.ev / self.angstrom)


EV_ANGSTROM = Units()


def _known(value: Any, table: dict[str, float], name: str, kind: str) -> str:
    listed = ", ".join(table)
    if not isinstance(value, str):
        raise TypeError(f"{name}: the unit of {kind} must be one of {listed}, got {value!r}")
    found = _ALIASES.get(value.strip().lower())
    if found not in table:
        raise ValueError(f"{name}: the unit of {kind} must be one of {listed}, got {value!r}")
    return found


# Digits stay as they are where nothing is converted.
def _times(values: Any, factor: float) -> Array:
    array = np.asarray(values, np.float64)
    return array if factor == 1.0 else array * factor


def _over(values: Any, factor: float) -> Array:
    array = np.asarray(values, np.float64)
    return array if factor == 1.0 else array / factor
