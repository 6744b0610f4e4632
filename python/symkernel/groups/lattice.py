"""Read lattices, and compare what motions do with their metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups.elements import OrthogonalMatrix
from symkernel.groups.lattice_motion import LatticeMotion
from symkernel.validation import as_array, as_floats

__all__ = ["as_lattice", "cartesian", "check_metric"]


def as_lattice(value: Any, d: int | None = None) -> NDArray[np.float64]:
    """Read the basis of a lattice, rows that are linearly independent, float64 (d, d)."""
    array = as_array(value, "lattice")
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise ValueError(f"lattice must be a square matrix of basis rows, got shape {array.shape}")
    if d is not None and len(array) != d:
        raise ValueError(f"lattice must have {d} basis vectors, got shape {array.shape}")
    basis = np.asarray(as_floats(array, "lattice", finite=True), np.float64)
    lengths = np.linalg.norm(basis, axis=1, keepdims=True)
    if not lengths.all() or abs(np.linalg.det(basis / lengths)) < 1e-8:
        raise ValueError(f"lattice must have independent rows, got {basis.tolist()}")
    return basis


def check_metric(
    motions: Sequence[LatticeMotion], metric: NDArray[np.float64], tolerance: float, words: str
) -> None:
    """Raise ValueError unless motions keep a metric of fractional coordinates."""
    for motion in motions:
        defect = _metric_defect(motion.rotation, metric)
        if defect > tolerance:
            raise ValueError(
                f"the lattice has not the symmetry of {words}: {motion.rotation.tolist()} changes "
                f"its metric by {defect:.2g} of its largest entry, at most {tolerance:g} is "
                "accepted; SpaceGroup.symmetrize(lattice) is one near to it that has it"
            )


def _metric_defect(rotation: NDArray[np.int64], metric: NDArray[np.float64]) -> float:
    """Return how far a rotation is from keeping lengths: max |W^T G W - G| over max |G|."""
    moved = rotation.T @ metric @ rotation
    return float(np.abs(moved - metric).max() / np.abs(metric).max())


def cartesian(rotation: NDArray[np.int64], lattice: NDArray[np.float64]) -> OrthogonalMatrix:
    """Return a rotation as it acts on Cartesian columns, of a lattice with basis rows."""
    matrix = lattice.T @ rotation @ np.linalg.inv(lattice.T)
    left, _, right = np.linalg.svd(matrix)  # orthogonal to rounding
    return OrthogonalMatrix._trusted(left @ right)
