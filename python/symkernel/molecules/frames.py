"""Hold structures of one molecule with their energies and forces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.bonds import atomic_numbers
from symkernel.groups.molecule_words import formula
from symkernel.molecules.units import EV_ANGSTROM, Units
from symkernel.validation import as_array, as_count, as_floats, as_generator

__all__ = ["Frames"]

Array = NDArray[np.float64]


class Frames:
    """Structures of one molecule, in eV and Angstrom, its atoms in one order.

    Parameters
    ----------
    numbers : array-like of shape (n_atoms,)
        Atomic numbers or symbols.
    positions : array-like of shape (n, n_atoms, 3) or (n_atoms, 3)
        Finite.
    energies : array-like of shape (n,), optional
        NaN where unknown.
    forces : array-like of shape (n, n_atoms, 3), optional
        A structure without some of its forces counts as one without forces: all are then NaN.
    units : pair of str, default=("eV", "Angstrom")
        Those of the arguments, which are converted: eV, meV, kcal/mol, kJ/mol or Hartree, and
        Angstrom, Bohr or nm.

    Attributes
    ----------
    numbers : ndarray of int of shape (n_atoms,)
    positions : ndarray of shape (n, n_atoms, 3)
    energies : ndarray of shape (n,)
    forces : ndarray of shape (n, n_atoms, 3)
    n_half : int
        How many structures had some forces, but not all.

    Raises
    ------
    TypeError, ValueError
        If an argument has another kind or shape, or holds infinity, or positions hold NaN.

    See Also
    --------
    read_structures : Frames from files.

    Examples
    --------
    >>> from symkernel.molecules import Frames
    >>> R = [[[0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]]] * 3
    >>> units = ("kcal/mol", "Angstrom")
    >>> frames = Frames(["O", "H", "H"], R, energies=[1.0, 2.0, 4.0], units=units)
    >>> frames
    Frames(H2O, 3 structures, 3 energies, 0 forces)
    >>> frames[1:].energies.round(4)
    array([0.0867, 0.1735])
    >>> len(frames + frames[[0]])
    4
    """

    def __init__(
        self,
        numbers: Any,
        positions: Any,
        energies: Any = None,
        forces: Any = None,
        *,
        units: Any = EV_ANGSTROM,
    ) -> None:
        own = Units.of(units)
        self.numbers = atomic_numbers(numbers, "numbers")
        N = len(self.numbers)
        R = _floats(positions, "positions")
        if R.shape == (N, 3):
            R = R[None]
        if R.ndim != 3 or R.shape[1:] != (N, 3):
            raise ValueError(
                f"positions must have shape (n, {N}, 3) for {N} atoms, got {np.shape(positions)}"
            )
        _no_infinity(R, "positions")
        if np.isnan(R).any():
            bad = np.isnan(R).any(axis=(1, 2))
            raise ValueError(
                f"positions contain NaN in {bad.sum()} of {len(R)} structures, the first is "
                f"{bad.argmax()}: leave these out"
            )
        n = len(R)
        E = np.full(n, np.nan) if energies is None else _floats(energies, "energies")
        if E.shape in ((n, 1), ()) and E.size == n:
            E = E.reshape(n)
        if E.shape != (n,):
            raise ValueError(
                f"energies must have shape ({n},), one for each structure, got {E.shape}"
            )
        F = np.full((n, N, 3), np.nan) if forces is None else _floats(forces, "forces")
        if F.shape == (N, 3) and n == 1:
            F = F[None]
        if F.shape != (n, N, 3):
            raise ValueError(
                f"forces must have the shape of positions, {(n, N, 3)}, got {F.shape}; rows of NaN "
                "where they are unknown"
            )
        _no_infinity(E, "energies")
        _no_infinity(F, "forces")
        self.positions = own.lengths_to_angstrom(R)
        self.energies = own.energies_to_ev(E)
        missing = np.asarray(np.isnan(F).any(axis=(1, 2)))
        self.n_half = int((missing & ~np.isnan(F).all(axis=(1, 2))).sum())
        self.forces = own.forces_to_ev(np.where(missing[:, None, None], np.nan, F))

    # ---- counts ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def n_atoms(self) -> int:
        """Atoms of a structure."""
        return len(self.numbers)

    @property
    def formula(self) -> str:
        """The composition, such as C2H6O."""
        return formula(self.numbers)

    @property
    def has_energy(self) -> NDArray[np.bool_]:
        """Which structures have an energy, (n,)."""
        known: NDArray[np.bool_] = ~np.isnan(self.energies)
        return known

    @property
    def has_forces(self) -> NDArray[np.bool_]:
        """Which structures have forces, (n,)."""
        known: NDArray[np.bool_] = ~np.isnan(self.forces[:, 0, 0])
        return known

    def __repr__(self) -> str:
        return (
            f"Frames({self.formula}, {len(self)} structure{'s' * (len(self) != 1)}, "
            f"{self.has_energy.sum()} energies, {self.has_forces.sum()} forces)"
        )

    # ---- parts ----------------------------------------------------------------------------------

    def __getitem__(self, rows: Any) -> Self:
        if isinstance(rows, int | np.integer):
            if not -len(self) <= rows < len(self):
                raise IndexError(f"structure {rows} of {len(self)}")
            rows = [int(rows)]
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            if rows.size == 0:
                rows = rows.astype(np.intp)
        return self._made(self.positions[rows], self.energies[rows], self.forces[rows])

    def __iter__(self) -> Iterator[Self]:
        for k in range(len(self)):
            yield self[k]

    def __add__(self, other: Any) -> Self:
        if not isinstance(other, Frames):
            return NotImplemented
        return self.concatenate([self, other])

    @classmethod
    def concatenate(cls, parts: Sequence[Frames]) -> Self:
        """Return all structures of several frames, which must have the same atoms in one order.

        Raises
        ------
        ValueError
            If there is none, or atoms differ.
        """
        if not parts:
            raise ValueError("concatenate needs at least one Frames, got none")
        first = parts[0]
        for part in parts:
            if not np.array_equal(part.numbers, first.numbers):
                raise ValueError(
                    f"frames must hold the same atoms in one order, got {part.formula} beside "
                    f"{first.formula}"
                    + (", in another order" if part.formula == first.formula else "")
                )
        return cls(
            first.numbers,
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("positions", "energies", "forces")
            ),
        )

    def split(self, n: int, random_state: Any = 0) -> tuple[Self, Self]:
        """Return n structures drawn at random, and the others in their order.

        Raises
        ------
        ValueError
            If there are fewer than n.
        """
        n = as_count(n, "n")
        if n > len(self):
            raise ValueError(f"n must be at most {len(self)}, the number of structures, got {n}")
        order = as_generator(random_state).permutation(len(self))
        return self[order[:n]], self[np.sort(order[n:])]

    def reordered(self, atoms: Any) -> Self:
        """Return the structures with their atoms in another order, ``atoms[i]`` at place i.

        Parameters
        ----------
        atoms : array-like of int of shape (n_atoms,)
            Every atom once.

        Raises
        ------
        ValueError
            If that is no order of the atoms.
        """
        order = np.asarray(atoms)
        if not np.array_equal(np.sort(order), np.arange(self.n_atoms)):
            raise ValueError(f"atoms must be an order of {self.n_atoms} atoms, got {atoms!r}")
        made = self._made(self.positions[:, order], self.energies, self.forces[:, order])
        made.numbers = self.numbers[order]
        return made

    def to_ase(self) -> list[Any]:
        """Return a list of ``ase.Atoms``, their energies and forces in a calculator.

        Raises
        ------
        ImportError
            If ASE is not installed.
        """
        try:
            from ase import Atoms
            from ase.calculators.singlepoint import SinglePointCalculator
        except ImportError as missing:
            raise ImportError("to_ase needs ASE: pip install 'symkernel[ase]'") from missing
        structures = []
        for R, E, F in zip(self.positions, self.energies, self.forces, strict=True):
            atoms = Atoms(self.numbers, R)
            known: dict[str, Any] = {} if np.isnan(E) else {"energy": float(E)}
            if not np.isnan(F).any():
                known["forces"] = F
            if known:
                atoms.calc = SinglePointCalculator(atoms, **known)
            structures.append(atoms)
        return structures

    def _made(self, positions: Array, energies: Array, forces: Array) -> Self:
        """Structures of the same atoms, trusted."""
        made = object.__new__(type(self))
        made.numbers, made.positions = self.numbers, positions
        made.energies, made.forces, made.n_half = energies, forces, 0
        return made


def _floats(values: Any, name: str) -> Array:
    # a copy: who holds the array may change it
    return np.array(as_floats(as_array(values, name), name), np.float64)


def _no_infinity(values: Array, name: str) -> None:
    if np.isinf(values).any():
        raise ValueError(f"{name} contain infinity; NaN is what is unknown")
