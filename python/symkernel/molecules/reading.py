"""Read structures of one molecule from files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.molecule_words import formula
from symkernel.molecules.frames import Frames
from symkernel.molecules.matching import AtomMatcher
from symkernel.molecules.units import Units

__all__ = ["read_structures"]

Array = NDArray[Any]

_ENERGY_KEYS = (
    "energy", "free_energy", "REF_energy", "ref_energy", "DFT_energy", "dft_energy",
    "total_energy", "potential_energy", "Energy", "E",
)  # fmt: skip
_FORCES_KEYS = (
    "forces", "force", "REF_forces", "ref_forces", "DFT_forces", "dft_forces", "Forces", "F",
)  # fmt: skip
# Of arrays in npz: numbers, positions, energies, forces.
_LAYOUTS = (
    ("z", "R", "E", "F"),
    ("nuclear_charges", "coords", "energies", "forces"),
    ("numbers", "positions", "energies", "forces"),
)


class _Part(NamedTuple):
    """Structures with their atoms in one order, as read."""

    numbers: Array
    positions: Array
    energies: Array
    forces: Array


def read_structures(
    path: Any,
    index: str | int | slice = ":",
    *,
    units: Any = None,
    energy_key: str | None = None,
    forces_key: str | None = None,
    match_atoms: bool = True,
) -> Frames:
    """Read structures of one molecule with their energies and forces.

    Parameters
    ----------
    path : path or sequence of paths, or of ase.Atoms
        Files that ``ase.io.read`` knows (xyz, extended xyz, db, traj, ...), with the energies and
        forces of calculators or under the usual names (energy, REF_energy, forces, REF_forces,
        ...); plain xyz of sGDML, its energy as comment and its forces in columns; npz with R, E,
        F and z (rMD17, sGDML), or coords, energies, forces and nuclear_charges. In any of them
        energies or forces may be missing. Atoms of ASE are read as those of files are.
    index : str, int or slice, default=":"
        Which structures of every file, such as ":100" or "::10".
    units : pair of str, optional
        Of the files, such as ("kcal/mol", "Angstrom"). By default those that an npz of sGDML
        states, and eV and Angstrom otherwise.
    energy_key, forces_key : str, optional
        Names of energies and forces, where they have others.
    match_atoms : bool, default=True
        Whether atoms that come in another order than in the first structure are matched by elements
        and bonds; otherwise such structures are refused where elements tell.

    Returns
    -------
    Frames
        In eV and Angstrom.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    ImportError
        If ASE is needed and not installed.
    ValueError
        If there is no structure, structures are of different molecules or periodic, atoms cannot be
        matched, or arrays lack.

    Warns
    -----
    UserWarning
        If structures are left out, as their positions are not finite; if their forces are known in
        part, and taken as unknown; if atoms were matched.

    Notes
    -----
    Time in proportion to the size of the files; O(n_atoms^2) per structure for bonds.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from symkernel.molecules import read_structures
    >>> R = np.array([[[0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]]] * 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/water.npz", z=[8, 1, 1], R=R, E=[0.0, 1.0], F=0 * R)
    ...     read_structures(f"{folder}/water.npz", units=("kcal/mol", "Angstrom"))
    Frames(H2O, 2 structures, 2 energies, 2 forces)
    """
    single = isinstance(path, str | os.PathLike) or hasattr(path, "numbers")
    paths = [path] if single else list(path)
    if not paths:
        raise ValueError("path must name at least one file, got none")
    rows = _slice(index)
    given = None if units is None else Units.of(units)
    keys = (
        (energy_key,) if energy_key else _ENERGY_KEYS,
        (forces_key,) if forces_key else _FORCES_KEYS,
    )
    parts: list[_Part] = []
    if all(hasattr(one, "numbers") for one in paths):
        listed = list(paths)[rows]
        units_ = Units() if given is None else given
        parts = [_converted(part, units_) for part in _from_ase(listed, "the list", *keys, None)]
        paths = []
    for name in map(Path, paths):
        if not name.exists():
            raise FileNotFoundError(f"{name} does not exist")
        read = _read_npz if name.suffix == ".npz" else _read_ase
        own, found = read(name, rows, *keys)
        in_units = own if given is None else given
        if isinstance(in_units, tuple):
            in_units = Units.of(in_units[:2], in_units[2])
        parts += [_converted(part, in_units) for part in found]
    what = ", ".join(str(p) for p in paths[:3]) or "the list"
    parts = _finite(parts, what)
    if not parts:
        raise ValueError(f"{what} holds no structure (index={index!r})")
    return _joined(parts, match_atoms)


# ---- files --------------------------------------------------------------------------------------


def _read_npz(
    path: Path, rows: slice, energy_keys: Sequence[str], forces_keys: Sequence[str]
) -> tuple[Any, list[_Part]]:
    with np.load(path, allow_pickle=False) as data:
        names = set(data.files)
        layout = next((one for one in _LAYOUTS if {one[0], one[1]} <= names), None)
        if layout is None:
            raise ValueError(
                f"{path} must hold R and z, or coords and nuclear_charges, or positions "
                f"and numbers; got {', '.join(sorted(names)) or 'nothing'}"
            )
        numbers = np.asarray(data[layout[0]], np.int64)
        R = np.asarray(data[layout[1]], np.float64)
        if numbers.ndim != 1 or R.ndim != 3 or R.shape[1:] != (len(numbers), 3):
            raise ValueError(
                f"{path}: {layout[1]} must have shape (n, {numbers.size}, 3), one place for each "
                f"of the atoms in {layout[0]}; got {R.shape} and {numbers.shape}"
            )
        energy = next((k for k in (layout[2], *energy_keys) if k in names), None)
        forces = next((k for k in (layout[3], *forces_keys) if k in names), None)
        if energy_keys is not _ENERGY_KEYS:
            energy = _present(energy_keys[0], names, path)
        if forces_keys is not _FORCES_KEYS:
            forces = _present(forces_keys[0], names, path)
        E = np.full(len(R), np.nan) if energy is None else np.asarray(data[energy], np.float64)
        F = np.full(R.shape, np.nan) if forces is None else np.asarray(data[forces], np.float64)
        stated = [_text(data[k]) for k in ("e_unit", "r_unit") if k in names]
    if E.size != len(R) or F.shape != R.shape:
        raise ValueError(
            f"{path}: {len(R)} structures need energies ({len(R)},) and forces {R.shape}, got "
            f"{E.shape} and {F.shape}"
        )
    units: Any = Units()
    if len(stated) == 2:
        units = (*stated, f"the units that {path} states")  # read where no others are given
    return units, [_Part(numbers, R[rows], E.reshape(-1)[rows], F[rows])]


def _text(value: Array) -> str:
    """Text of an array of text or bytes without axes."""
    item = value.item()
    return item.decode() if isinstance(item, bytes) else str(item)


def _present(key: str, names: set[str], path: Path) -> str:
    if key not in names:
        raise ValueError(f"{path} has no {key!r}, but {', '.join(sorted(names))}")
    return key


def _read_ase(
    path: Path, rows: slice, energy_keys: Sequence[str], forces_keys: Sequence[str]
) -> tuple[Units, list[_Part]]:
    try:
        from ase.io import read
    except ImportError as missing:
        raise ImportError(f"reading {path} needs ASE: pip install 'symkernel[ase]'") from missing
    try:
        # ASE's databases know no steps
        structures = read(path, index=rows) if rows.step is None else read(path, index=":")[rows]
    except (PermissionError, IsADirectoryError, MemoryError):
        raise
    except Exception as error:  # of any kind, from dozens of readers
        raise ValueError(f"{path} cannot be read by ase.io.read: {error}") from error
    columns = _columns(path) if path.suffix == ".xyz" else None
    told = None if columns is None else columns[rows]
    return Units(), _from_ase(structures, str(path), energy_keys, forces_keys, told)


def _from_ase(
    structures: Sequence[Any],
    what: str,
    energy_keys: Sequence[str],
    forces_keys: Sequence[str],
    columns: list[tuple[float, Array]] | None,
) -> list[_Part]:
    """Structures of ASE, with the energies and forces of their calculators, info and arrays."""
    parts = []
    for k, atoms in enumerate(structures):
        if atoms.pbc.any() and abs(atoms.cell.volume) > 0.0:
            raise ValueError(
                f"structure {k} of {what} is periodic: molecules are modelled without a cell; set "
                "atoms.pbc = False if the cell means nothing"
            )
        results = getattr(atoms.calc, "results", {})
        E = _first(energy_keys, results, atoms.info)
        F = _first(forces_keys, results, atoms.arrays)
        if E is None and F is None and columns is not None and len(columns) == len(structures):
            E, F = columns[k]
        N = len(atoms)
        forces = np.full((N, 3), np.nan) if F is None else np.asarray(F, np.float64)
        if forces.shape != (N, 3):
            raise ValueError(
                f"structure {k} of {what}: forces must have shape ({N}, 3), got {forces.shape}"
            )
        energy = np.nan if E is None else float(np.ravel(E)[0])
        parts.append(_Part(atoms.numbers, atoms.positions[None], np.array([energy]), forces[None]))
    for keys, name, usual in (
        (energy_keys, "energies", _ENERGY_KEYS),
        (forces_keys, "forces", _FORCES_KEYS),
    ):
        if keys is not usual and all(np.isnan(getattr(part, name)).all() for part in parts):
            raise ValueError(f"no structure of {what} has {keys[0]!r}")
    return _grouped(parts)


def _first(keys: Iterable[str], *places: Any) -> Any:
    for key in keys:
        for place in places:
            if place.get(key) is not None:
                return place[key]
    return None


def _columns(path: Path) -> list[tuple[float, Array]] | None:
    """Energies and forces of sGDML's xyz: the energy is the comment, columns 5 to 7 the forces."""
    lines = path.read_text().splitlines()
    found, at = [], 0
    try:
        while at < len(lines) and lines[at].strip():
            count = int(lines[at])
            energy = float(lines[at + 1])
            block = [line.split() for line in lines[at + 2 : at + 2 + count]]
            found.append((energy, np.array([row[4:7] for row in block], np.float64)))
            at += 2 + count
    except (ValueError, IndexError):  # of another form
        return None
    return found if all(F.ndim == 2 and F.shape[1] == 3 for _, F in found) else None


def _grouped(parts: list[_Part]) -> list[_Part]:
    """Join neighbours whose atoms come in the same order."""
    found: list[list[_Part]] = []
    for part in parts:
        if found and np.array_equal(found[-1][0].numbers, part.numbers):
            found[-1].append(part)
        else:
            found.append([part])
    return [
        _Part(same[0].numbers, *(np.concatenate(c) for c in list(zip(*same, strict=True))[1:]))
        for same in found
    ]


def _slice(index: Any) -> slice:
    if isinstance(index, slice):
        return index
    if isinstance(index, str):
        try:
            parts = [int(p) if p.strip() else None for p in index.split(":")]
        except ValueError:
            parts = []
        if 1 < len(parts) <= 3:
            return slice(*parts)
        if len(parts) == 1 and parts[0] is not None:
            index = parts[0]
    if isinstance(index, int | np.integer) and not isinstance(index, bool):
        return slice(int(index), int(index) + 1 or None)
    raise ValueError(f'index must be such as ":100", "::10", 3 or a slice, got {index!r}')


# ---- structures ---------------------------------------------------------------------------------


def _converted(part: _Part, units: Units) -> _Part:
    return _Part(
        part.numbers,
        units.lengths_to_angstrom(part.positions),
        units.energies_to_ev(part.energies),
        units.forces_to_ev(part.forces),
    )


def _finite(parts: list[_Part], what: str) -> list[_Part]:
    """Leave out structures whose positions are not finite, or that hold infinity."""
    kept, dropped, total = [], 0, 0
    for part in parts:
        good = np.isfinite(part.positions).all(axis=(1, 2))
        good &= ~np.isinf(part.energies) & ~np.isinf(part.forces).any(axis=(1, 2))
        dropped, total = dropped + int((~good).sum()), total + len(good)
        if good.any():
            kept.append(_Part(part.numbers, *(values[good] for values in part[1:])))
    if dropped:
        warnings.warn(
            f"{what}: {dropped} of {total} structures are left out, as they hold NaN positions or "
            "infinity",
            stacklevel=3,
        )
    return kept


def _joined(parts: list[_Part], match_atoms: bool) -> Frames:
    """All structures with their atoms in the order of the first."""
    first = parts[0]
    matcher = AtomMatcher(first.numbers, first.positions[0])
    matched = 0
    ordered = []
    for part in parts:
        if not np.array_equal(np.sort(part.numbers), np.sort(first.numbers)):
            raise ValueError(
                "all structures must be of one molecule, got "
                f"{formula(part.numbers)} beside {formula(first.numbers)}: give one composition"
            )
        same = np.array_equal(part.numbers, first.numbers)
        if not same and not match_atoms:
            raise ValueError(
                "structures list their atoms in another order than the first: use match_atoms=True"
            )
        R, F = part.positions.copy(), part.forces.copy()
        fits = matcher.agrees(R) if same else np.zeros(len(R), bool)
        for k in np.flatnonzero(~fits) if match_atoms else ():
            p = matcher.order(part.numbers, part.positions[k])
            if p is None and same:
                continue  # bonds that are stretched are no other order
            if p is None:
                raise ValueError(
                    "a structure lists its atoms in another order than the first, and its bonds "
                    "are other ones: bring its atoms to the order of the first"
                )
            matched += 1
            R[k], F[k] = part.positions[k][p], part.forces[k][p]
        ordered.append((R, part.energies, F))
    if matched:
        warnings.warn(
            f"{matched} structures list their atoms in another order than the first; they were "
            "matched by elements and bonds",
            stacklevel=3,
        )
    frames = Frames(first.numbers, *(np.concatenate(c) for c in zip(*ordered, strict=True)))
    if frames.n_half:
        warnings.warn(
            f"{frames.n_half} structures lack some of their forces, and count as without any",
            stacklevel=3,
        )
    return frames
