"""Let ASE compute energies and forces with a force field: needs ASE (the extra ``ase``)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.molecule_words import formula

try:
    from ase import Atoms
    from ase.calculators.calculator import Calculator, all_changes
    from ase.outputs import Properties, all_outputs
except ImportError as missing:
    raise ImportError(
        "symkernel.molecules.calculator needs ASE: pip install 'symkernel[ase]'"
    ) from missing

if TYPE_CHECKING:
    from symkernel.molecules._model import Potential

__all__ = ["ForceFieldCalculator"]

Array = NDArray[Any]

# The distance from the data is looked at in the first call and in every so many.
_EVERY = 10


class ForceFieldCalculator(Calculator):  # type: ignore[misc]
    """ASE's calculator of a force field, in eV and Angstrom; see ``ForceField.calculator``.

    Parameters
    ----------
    potential : Potential
        What was fitted.
    std : bool, default=False
        Whether every calculation leaves ``energy_std``, the standard deviation of the energy, in
        ``results``; ``get_property("energy_std")`` and ``get_property("forces_std")`` compute them
        when asked in any case.
    far : float, default=3.0
        Distance from the nearest training structure beyond which a warning is given, once; that
        between typical neighbours in the training data is 1. Looked at in the first call and in
        every tenth.

    Raises
    ------
    ValueError
        On use, for atoms of other elements or in another order, and for periodic cells.
    """

    implemented_properties: ClassVar[list[str]] = [
        "energy",
        "free_energy",
        "forces",
        "energy_std",
        "forces_std",
    ]

    def __init__(self, potential: Potential, *, std: bool = False, far: float = 3.0) -> None:
        self._seen: tuple[Array, Array] | None = None
        super().__init__()
        # What ASE would keep is a copy of the atoms, which takes twice as long as all else here.
        self.use_cache = False
        self.results: dict[str, Any] = {}
        self._potential, self._std, self._far = potential, std, far
        self._numbers = np.asarray(potential.numbers)
        self._calls = 0
        self._warned = False

    @property
    def atoms(self) -> Any:
        """The atoms of the last calculation, or None."""
        if self._seen is None:
            return None
        positions, numbers = self._seen
        return Atoms(numbers, positions)

    @atoms.setter
    def atoms(self, atoms: Any) -> None:
        self._seen = None if atoms is None else _copied(atoms)

    def __deepcopy__(self, memo: dict[int, Any]) -> ForceFieldCalculator:
        # Images of a band share what was fitted, which nobody changes.
        return type(self)(self._potential, std=self._std, far=self._far)

    def check_state(self, atoms: Any, tol: float = 0.0) -> list[str]:
        """Say what changed since the last calculation that a molecule's energy depends on.

        ASE's own comparison of eight properties takes as long as a small model.
        """
        if self._seen is None:
            return list(all_changes)
        positions, numbers = self._seen
        arrays = atoms.arrays
        if not np.array_equal(arrays["numbers"], numbers):
            return list(all_changes)
        if not np.array_equal(arrays["positions"], positions):
            return ["positions"]
        return ["cell", "pbc"] if _is_periodic(atoms) else []

    def export_properties(self) -> Any:
        """Return the results as ASE's ``Properties``, which know no standard deviations."""
        known = {name: value for name, value in self.results.items() if name in all_outputs}
        return Properties(known)

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Fill ``results``; ASE calls this when a property is asked for."""
        if atoms is None:
            if self._seen is None:
                raise ValueError("atoms must be given: nothing was calculated before")
            positions, numbers = self._seen
        else:
            if _is_periodic(atoms):
                raise ValueError(
                    "atoms are periodic, and the force field is that of a molecule: set "
                    "atoms.pbc = False"
                )
            positions, numbers = _copied(atoms)
        if not np.array_equal(numbers, self._numbers):
            self._refuse(numbers)
        if not np.isfinite(positions).all():
            raise ValueError("positions of atoms are not finite: the molecule broke apart")
        R = positions[None]
        if "energy" not in self.results or system_changes:
            energies, forces = self._potential.evaluate(R, True)
            energy = float(energies[0])
            assert forces is not None
            self.results = {"energy": energy, "free_energy": energy, "forces": forces[0]}
            self._look(R)
        self._seen = positions, numbers
        if "forces_std" in properties:
            std, of_forces = self._potential.deviations(R, True)
            assert of_forces is not None
            self.results |= {"energy_std": float(std[0]), "forces_std": of_forces[0]}
        elif self._std or "energy_std" in properties:
            self.results["energy_std"] = float(self._potential.deviations(R, False)[0][0])

    def _look(self, R: Array) -> None:
        """Warn, once, where structures are far from the training data."""
        calls, self._calls = self._calls, self._calls + 1
        if self._warned or calls % _EVERY:
            return
        distance = float(self._potential.distances(R)[0])
        if distance > self._far:
            self._warned = True
            warnings.warn(
                f"the structure is {distance:.3g} times as far from the nearest training structure "
                "as typical neighbours in the training data are from each other: energies and "
                "forces are extrapolated",
                UserWarning,
                stacklevel=2,
            )

    def _refuse(self, numbers: Array) -> None:
        own = formula(self._numbers)
        if np.array_equal(np.sort(numbers), np.sort(self._numbers)):
            raise ValueError(
                f"atoms are those of {own} in another order than in the training data: order them "
                f"as {self._numbers.tolist()}, or match them by read_structures"
            )
        raise ValueError(f"the force field is of {own}, and atoms are {formula(numbers)}")


def _copied(atoms: Any) -> tuple[Array, Array]:
    """Positions and numbers that who holds the atoms does not change."""
    positions = np.array(atoms.arrays["positions"], np.float64)
    return positions, np.array(atoms.arrays["numbers"])


def _is_periodic(atoms: Any) -> bool:
    return bool(atoms.pbc.any()) and abs(atoms.cell.volume) > 0.0
