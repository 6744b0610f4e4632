"""Look for wrong signs and mixed units in training data."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from symkernel.groups.bonds import BOND
from symkernel.groups.covalent_radii import RADII
from symkernel.molecules.frames import Frames
from symkernel.molecules.units import ENERGIES, LENGTHS

__all__ = [
    "BondTension",
    "WorkAlongForces",
    "bond_tension",
    "check_frames",
    "work_along_forces",
]

Array = NDArray[Any]

# Fewer pairs, or bonds, say too little.
_FEWEST = 8
# At most so many structures are compared.
_COMPARED = 500
# Correlations that tell, of bonds (0.86 to 0.93 on rMD17) and of pairs of structures.
_BONDS_TELL, _PAIRS_TELL = 0.6, 0.8
# Ratios of scale that count as units; those of the units known here start at 1.89 (Bohr).
_OFF = 1.6
# Stiffness of covalent bonds in eV/Angstrom^2: 30 to 38 on rMD17, 143 of N2 (Herzberg 1950).
_SOFT, _STIFF = 4.0, 200.0
_COVALENT = (1, 6, 7, 8, 9)
# Spread of energies by the root mean square norm of forces, Angstrom: 0.016 to 0.031 on rMD17.
_LEAST_SPREAD, _USUAL_SPREAD, _LARGEST_SPREAD = 2e-3, 0.025, 0.35


class BondTension(NamedTuple):
    """Lengths of bonds against the forces along them.

    Attributes
    ----------
    n : int
        Bonds times structures.
    correlation : float
        1 where a stretched bond is pulled together, -1 where forces have the wrong sign.
    stiffness : float
        Slope in eV/Angstrom^2.
    """

    n: int
    correlation: float
    stiffness: float


class WorkAlongForces(NamedTuple):
    """Differences of energies against the work of forces between neighbouring structures.

    Attributes
    ----------
    n : int
        Pairs of structures.
    correlation : float
        1 where energies fall along forces, -1 where forces have the wrong sign.
    ratio : float
        Median of differences of energies over works; 1 where units agree.
    """

    n: int
    correlation: float
    ratio: float


def work_along_forces(frames: Frames) -> WorkAlongForces:
    r"""Compare energies with forces, between every structure and its nearest one.

    Parameters
    ----------
    frames : Frames
        Those with energy and forces count, 500 of them at most.

    Returns
    -------
    WorkAlongForces

    Notes
    -----
    Of structures i and j, turned onto each other (Kabsch, Acta Cryst. A 32, 1976), the trapezoid

    .. math:: E_j - E_i \approx - \tfrac12 (F_i + F_j) \cdot (R_j - R_i)

    is exact for quadratic energies. O(n^2) distances, 500^2 at most.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.molecules import Frames
    >>> from symkernel.molecules.checks import work_along_forces
    >>> r = np.linspace(0.7, 0.9, 9)
    >>> R, F = np.zeros((9, 2, 3)), np.zeros((9, 2, 3))
    >>> R[:, 1, 0], F[:, 1, 0], F[:, 0, 0] = r, 0.74 - r, r - 0.74
    >>> found = work_along_forces(Frames(["H", "H"], R, (r - 0.74) ** 2 / 2, F))
    >>> found.n, round(found.correlation, 9), round(found.ratio, 9)
    (9, 1.0, 1.0)
    """
    rows = _spread(np.flatnonzero(frames.has_energy & frames.has_forces))
    part = frames[rows]
    n = len(part)
    if n < 2 or part.n_atoms < 2:
        return WorkAlongForces(0, np.nan, np.nan)
    i, j = np.triu_indices(part.n_atoms, 1)
    R, F = part.positions, part.forces
    features = np.linalg.norm(R[:, i] - R[:, j], axis=-1)
    apart = cdist(features, features)
    apart[apart < 1e-9] = np.inf  # repeated ones, and each itself
    near = apart.argmin(axis=1)
    k = np.flatnonzero(np.isfinite(apart[np.arange(n), near]))
    if len(k) < 2:
        return WorkAlongForces(len(k), np.nan, np.nan)
    near = near[k]
    centred = R - R.mean(axis=1, keepdims=True)
    turns = _turns(centred[near], centred[k])
    step = np.einsum("kab,knb->kna", turns, centred[near]) - centred[k]
    mean = (np.einsum("kab,knb->kna", turns, F[near]) + F[k]) / 2
    work = -(mean * step).sum(axis=(1, 2))
    change = part.energies[near] - part.energies[k]
    weight = np.abs(work).sum()
    norm = np.sqrt((work**2).sum() * (change**2).sum())
    if not (weight > 0.0 and norm > 0.0):
        return WorkAlongForces(len(k), np.nan, np.nan)
    ratio = float(np.sqrt((change**2).sum() / (work**2).sum()))
    return WorkAlongForces(len(k), float((work * change).sum() / norm), ratio)


def bond_tension(frames: Frames) -> BondTension:
    """Compare the lengths of covalent bonds with the forces that pull their ends together.

    Parameters
    ----------
    frames : Frames
        Those with forces count, 500 of them at most. Bonds are those of H, C, N, O and F on the
        mean of all.

    Returns
    -------
    BondTension

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.molecules import Frames
    >>> from symkernel.molecules.checks import bond_tension
    >>> r = np.linspace(0.7, 0.8, 9)
    >>> R, F = np.zeros((9, 2, 3)), np.zeros((9, 2, 3))
    >>> R[:, 1, 0], F[:, 1, 0], F[:, 0, 0] = r, 35 * (0.74 - r), 35 * (r - 0.74)
    >>> found = bond_tension(Frames(["H", "H"], R, forces=F))
    >>> found.n, round(found.correlation, 9), round(found.stiffness, 9)
    (9, 1.0, 35.0)
    """
    rows = _spread(np.flatnonzero(frames.has_forces))
    if len(rows) < 2:
        return BondTension(0, np.nan, np.nan)
    part = frames[rows]
    i, j = np.triu_indices(part.n_atoms, 1)
    radii = np.array(RADII)[part.numbers - 1]
    kept = np.isin(part.numbers, _COVALENT)[i] & np.isin(part.numbers, _COVALENT)[j]
    i, j = i[kept], j[kept]
    ways = part.positions[:, j] - part.positions[:, i]
    lengths = np.linalg.norm(ways, axis=-1)
    bonds = lengths.mean(axis=0) < BOND * (radii[i] + radii[j])
    i, j, ways, lengths = i[bonds], j[bonds], ways[:, bonds], lengths[:, bonds]
    if not lengths.size or lengths.min() == 0.0:
        return BondTension(0, np.nan, np.nan)
    pull = ((part.forces[:, i] - part.forces[:, j]) * ways).sum(axis=-1) / lengths / 2
    x, y = lengths - lengths.mean(axis=0), pull - pull.mean(axis=0)
    norm = np.sqrt((x**2).sum() * (y**2).sum())
    if not norm > 0.0:
        return BondTension(0, np.nan, np.nan)
    product = (x * y).sum()
    return BondTension(x.size, float(product / norm), float(product / (x**2).sum()))


def check_frames(frames: Frames, stacklevel: int = 3) -> None:
    """Warn where forces have the wrong sign, or units of energies, lengths and forces differ.

    Warns
    -----
    UserWarning
        Says what was found and what it is likely to be.
    """
    bonds, pairs = bond_tension(frames), work_along_forces(frames)
    bonds_tell = bonds.n >= _FEWEST and abs(bonds.correlation) > _BONDS_TELL
    pairs_tell = pairs.n >= _FEWEST and abs(pairs.correlation) > _PAIRS_TELL
    if (bonds_tell and bonds.correlation < 0.0) or (pairs_tell and pairs.correlation < 0.0):
        what = (
            f"stretched bonds are pulled further apart (correlation {bonds.correlation:.2f} over "
            f"{bonds.n} bonds)"
            if bonds_tell and bonds.correlation < 0.0
            else f"energies rise along them (correlation {pairs.correlation:.2f} over {pairs.n} "
            "pairs of neighbouring structures)"
        )
        _warn(
            f"forces have the wrong sign: {what}. Forces are minus the gradient of the energy: "
            "give -gradient",
            stacklevel,
        )
    stiff = abs(bonds.stiffness)
    if bonds_tell and not _SOFT < stiff < _STIFF:
        _warn(
            "forces or positions are not in eV and Angstrom: bonds have a stiffness of "
            f"{stiff:.3g} eV/Angstrom^2, where chemical ones have 10 to 140"
            f"{_likely_forces(stiff)}. State units",
            stacklevel,
        )
    elif pairs_tell and not 1.0 / _OFF < pairs.ratio < _OFF:
        words = f"{pairs.ratio:.3g} times the work of the forces"
        _warn_of_energies(words, _likely(pairs.ratio, bonds_tell), stacklevel)
    elif not pairs_tell and pairs.n >= _FEWEST:
        known = frames[frames.has_energy & frames.has_forces]
        size = float(np.sqrt((known.forces**2).sum(axis=(1, 2)).mean()))
        spread = float(known.energies.std()) / size if size > 0.0 else 0.0
        if spread > 0.0 and not _LEAST_SPREAD < spread < _LARGEST_SPREAD:
            ratio = spread / _USUAL_SPREAD
            words = f"{ratio:.2g} times what forces let expect"
            _warn_of_energies(words, _likely(ratio, bonds_tell), stacklevel)


def _warn_of_energies(words: str, likely: str, stacklevel: int) -> None:
    _warn(
        f"energies and forces have different scales: differences of energies are {words}{likely}. "
        "State units, or convert one of them",
        stacklevel + 1,
    )


def _spread(rows: Array) -> Array:
    """At most as many rows as are compared, spread evenly."""
    if len(rows) <= _COMPARED:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, _COMPARED).astype(int)])


def _turns(A: Array, B: Array) -> Array:
    """Rotations (k, 3, 3) that bring centred clouds A (k, n, 3) nearest to B."""
    U, _, V = np.linalg.svd(np.einsum("kna,knb->kab", B, A))
    U[:, :, 2] *= np.sign(np.linalg.det(U @ V))[:, None]
    return np.asarray(U @ V)


def _likely(ratio: float, forces_right: bool) -> str:
    """Name units of energies, or of forces, that would explain a ratio of scales."""
    others = {name: 1.0 / value for name, value in ENERGIES.items() if name not in ("eV", "meV")}
    words = {f"energies in {name}": factor for name, factor in others.items()}
    if not forces_right:
        words |= {f"forces in {name}/Angstrom": 1.0 / factor for name, factor in others.items()}
        words["forces in Hartree/Bohr"] = ENERGIES["Hartree"] / LENGTHS["Bohr"]
    off = {name: abs(np.log(ratio / factor)) for name, factor in words.items()}
    best = min(off, key=lambda name: off[name])
    return f", as with {best} and the rest in eV and Angstrom" if off[best] < np.log(1.6) else ""


def _likely_forces(stiffness: float) -> str:
    """Name units of forces that would explain the stiffness of bonds."""
    words = {f"{e}/{g}": ENERGIES[e] / LENGTHS[g] for e in ENERGIES for g in ("Angstrom", "Bohr")}
    off = {name: abs(np.log(stiffness * value / 33.0)) for name, value in words.items()}
    best = min(off, key=lambda name: off[name])
    return f", as with forces in {best}" if off[best] < np.log(2.5) else ""


def _warn(text: str, stacklevel: int) -> None:
    warnings.warn(f"{text}.", UserWarning, stacklevel=stacklevel + 1)
