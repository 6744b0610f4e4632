"""Make a calculator of ASE a function of positions, for reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["calculator_model"]

Array = NDArray[Any]


def calculator_model(
    atoms: Any, wanted: Literal["energy", "forces", "dipole"] = "energy"
) -> Callable[[Array], Array]:
    """Return the energies, forces or dipoles of a calculator, as a function of positions.

    Parameters
    ----------
    atoms : ase.Atoms
        A molecule or cluster with a calculator; it says which atoms there are, and is not moved.
    wanted : {"energy", "forces", "dipole"}, default="energy"
        What the function returns.

    Returns
    -------
    callable
        Takes positions (n, p, 3) in Angstrom, returns (n,) in eV, (n, p, 3) in eV/A, or (n, 3).
        One calculation per sample.

    Raises
    ------
    ValueError
        If the atoms have no calculator or are periodic: a cell would have to turn with them.

    Examples
    --------
    >>> import numpy as np
    >>> from ase import Atoms
    >>> from ase.calculators.lj import LennardJones
    >>> from symkernel import diagnostics, groups
    >>> atoms = Atoms("Ar3", calculator=LennardJones())
    >>> X = np.random.default_rng(0).standard_normal((4, 3, 3))
    >>> model = diagnostics.calculator_model(atoms, "forces")
    >>> group = groups.O(3).along(1, (3, 3))
    >>> diagnostics.assert_invariant(model, X, group=group, output="same", rtol=1e-9)
    """
    if wanted not in ("energy", "forces", "dipole"):
        raise ValueError(f"wanted must be 'energy', 'forces' or 'dipole', got {wanted!r}")
    if atoms.calc is None:
        raise ValueError("atoms must have a calculator")
    if atoms.pbc.any():
        raise ValueError("atoms must not be periodic: their cell would have to turn with them")
    calculator = atoms.calc
    moved = atoms.copy()

    def model(positions: Array) -> Array:
        clouds = np.reshape(positions, (len(positions), len(moved), 3))
        values = []
        for cloud in clouds:
            moved.positions = cloud
            # some calculators return an array that they go on writing to
            values.append(np.array(calculator.get_property(wanted, moved)))
        return np.array(values)

    return model
