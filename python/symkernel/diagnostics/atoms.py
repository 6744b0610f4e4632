"""Make potentials of atoms invariant to rotations: needs ASE (the extra ``ase``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from symkernel.diagnostics.orbit_grid import OrbitGrid, orbit_grid
from symkernel.groups import SO, Group, O
from symkernel.validation import RandomState, as_count, as_generator

try:
    from ase.calculators.calculator import Calculator, all_changes
    from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
except ImportError as missing:
    raise ImportError(
        "symkernel.diagnostics.atoms needs ASE: pip install 'symkernel[ase]'"
    ) from missing

__all__ = ["SymmetrizedCalculator"]

Array = NDArray[Any]


class SymmetrizedCalculator(Calculator):  # type: ignore[misc]
    r"""Average the energy, forces, stress and dipole of any calculator over rotations.

    ``E = sum_k w_k E(R_k x)`` and ``F = sum_k w_k R_k^-1 F(R_k x)``: the forces are the gradient
    of the averaged energy, so that energy is conserved. Atoms are turned about their centroid,
    with their cell.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator
        A potential, which need not be invariant to rotations.
    grid : str, int or OrbitGrid, default=5
        Rotations; see ``orbit_grid``: 5 are the 60 of the icosahedron, "3" the 75 of Langer et al.
        Names with "i" average over reflections too.
    n_random : int, default=None
        Use so many random rotations, drawn anew for every arrangement of the atoms, instead: one
        a step is often enough in a thermostatted run, and cheapest.
    reflections : bool, default=None
        Whether the group is O(3) rather than SO(3); by default whether the grid has reflections.
    random_state : int, numpy Generator, numpy RandomState or None, default=0
        Source of random rotations.
    **options
        Passed on to ASE's ``Calculator``.

    Attributes
    ----------
    results : dict
        ASE's results, with ``energy_std`` (eV) and ``forces_std`` (eV/A, root mean square over
        components): standard deviations over the rotations.

    Raises
    ------
    ValueError
        If the grid is unknown, or not one of rotations of space.
    PropertyNotImplementedError
        On use, if the calculator does not offer what is asked for.

    Notes
    -----
    As many calculations as rotations. Source: Langer, Pozdnyakov, Ceriotti, Mach. Learn.: Sci.
    Technol. 5 (2024), arXiv:2406.17747.

    Examples
    --------
    >>> from ase import Atoms
    >>> from ase.calculators.lj import LennardJones
    >>> from symkernel.diagnostics import SymmetrizedCalculator
    >>> atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 1.1]])
    >>> atoms.calc = SymmetrizedCalculator(LennardJones(), grid="3i")
    >>> round(atoms.get_potential_energy(), 6), atoms.calc.results["energy_std"] < 1e-12
    (-0.977893, True)
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress", "dipole"]

    def __init__(
        self,
        calculator: Any,
        grid: str | int | OrbitGrid = 5,
        *,
        n_random: int | None = None,
        reflections: bool | None = None,
        random_state: RandomState = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.calculator = calculator
        if reflections is None:
            reflections = isinstance(grid, str) and grid.endswith("i")
        self._group: Group = O(3) if reflections else SO(3)
        self._n_random = None if n_random is None else as_count(n_random, "n_random")
        self._rng = as_generator(random_state)
        self._drawn: OrbitGrid | None = None
        if isinstance(grid, OrbitGrid):
            if grid.group.degree != 3:
                raise ValueError(f"grid must turn vectors of space, got {grid!r}")
            self.grid = grid
        else:
            self.grid = orbit_grid(self._group, grid)

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Fill ``results``; ASE calls this when a property is asked for."""
        super().calculate(atoms, list(properties), list(system_changes))
        if self._n_random is not None and (system_changes or self._drawn is None):
            # once for all properties of one arrangement of the atoms
            count, rng = self._n_random, self._rng
            self._drawn = orbit_grid(self._group, n_random=count, random_state=rng)
        grid = self.grid if self._drawn is None else self._drawn
        names = list(properties)
        if "forces" in names and "energy" in self.calculator.implemented_properties:
            names = list(dict.fromkeys(["energy", *names]))  # comes with the forces at no cost
        centre = self.atoms.positions.mean(axis=0)
        turned = self.atoms.copy()
        turned.calc = self.calculator
        cell = np.asarray(self.atoms.cell)
        periodic = bool(self.atoms.pbc.any())
        found: dict[str, list[Array]] = {name: [] for name in names}
        for k in range(len(grid)):
            R = grid.matrix(k, 3)
            turned.positions = (self.atoms.positions - centre) @ R.T + centre
            if periodic or cell.any():
                turned.set_cell(cell @ R.T)
            for name in names:
                value = np.asarray(self.calculator.get_property(name, turned))
                found[name].append(_back(name, value, R))
        for name, values in found.items():
            stack = np.stack(values)
            mean = np.tensordot(grid.weights, stack, axes=1)
            self.results[name] = float(mean) if mean.ndim == 0 else mean
            if name in ("energy", "forces"):
                variance = np.tensordot(grid.weights, (stack - mean) ** 2, axes=1)
                self.results[f"{name}_std"] = float(np.sqrt(np.mean(variance)))


def _back(name: str, value: Array, R: Array) -> Array:
    """A property of turned atoms, turned back."""
    if name == "forces":
        back = value @ R
        # The centroid, about which atoms are turned, moves with every atom: a potential that
        # is not invariant to translations has a net force, which is not turned.
        back += (value.sum(axis=0) - back.sum(axis=0)) / len(value)
        return np.asarray(back)
    if name == "stress":
        return np.asarray(full_3x3_to_voigt_6_stress(R.T @ voigt_6_to_full_3x3_stress(value) @ R))
    if name == "dipole":
        return np.asarray(value @ R)
    return value
