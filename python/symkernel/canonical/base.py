"""Define what every canonical form offers, and what it returns for a batch of samples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.canonical.transporters import Transporters
from symkernel.groups import Group

__all__ = ["CanonicalForm", "CanonicalForms", "default_tolerance", "norms"]


# Sums of squares this large have lost nothing to underflow.
_LEAST_SQUARE = 1e-250


def norms(X: NDArray[Any]) -> NDArray[np.float64]:
    """Euclidean norms along the last axis, whose squares neither overflow nor vanish."""
    wide = X.astype(np.float64, copy=False)
    with np.errstate(over="ignore", under="ignore"):
        squares = np.asarray(np.einsum("...i,...i->...", wide, wide))
    lengths: NDArray[np.float64] = np.asarray(np.sqrt(squares))
    extreme = ~((squares > _LEAST_SQUARE) & (squares < 1 / _LEAST_SQUARE))
    if extreme.any():  # among them zeros
        rows = wide[extreme]
        largest = np.abs(rows).max(axis=-1, initial=0.0)
        unit = np.where(largest > 0, largest, 1.0)[..., None]
        lengths[extreme] = largest * np.sqrt(np.square(rows / unit).sum(axis=-1))
    return lengths


def default_tolerance(dtype: np.dtype[Any]) -> float:
    """Gap up to which a sample counts as degenerate: what rounding of its coordinates can do."""
    return 1e-8 if dtype.itemsize == 8 else 1e-5


@dataclass(frozen=True, eq=False)
class CanonicalForms:
    """Canonical forms of a batch of samples.

    Parameters
    ----------
    representative : ndarray of shape (n, d)
        The same point for all samples of one orbit, and itself a point of that orbit.
    transporter : Transporters
        ``transporter[i]`` is an element g with g . x_i = representative[i].
    stabilizer_order : ndarray of shape (n,), of Python integers
        Number of elements that fix the sample, exact; -1 where infinitely many do.
    gap : ndarray of shape (n,)
        Distance of the sample from those where the form is not continuous, relative to the size
        of the sample and at most 1; ``inf`` where the form is continuous everywhere.
    degenerate : ndarray of bool of shape (n,)
        Whether the gap is within the tolerance of the form: there a representative is a choice
        that rounding can change.
    """

    representative: NDArray[Any]
    transporter: Transporters
    stabilizer_order: NDArray[np.object_]
    gap: NDArray[np.float64]
    degenerate: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.representative)

    @staticmethod
    def joined(parts: Sequence[CanonicalForms]) -> CanonicalForms:
        """Join batches, at least one, that one form has made."""
        if len(parts) == 1:
            return parts[0]
        return CanonicalForms(
            np.concatenate([part.representative for part in parts]),
            parts[0].transporter.joined([part.transporter for part in parts[1:]]),
            np.concatenate([part.stabilizer_order for part in parts]),
            np.concatenate([part.gap for part in parts]),
            np.concatenate([part.degenerate for part in parts]),
        )


class CanonicalForm(ABC):
    """One representative per orbit of a group.

    Attributes
    ----------
    group : Group
        The group whose orbits are told apart.
    steps : tuple of str
        What is done, in order, in words.
    exact : bool
        Whether c(g x) = c(x) holds bit for bit; else up to rounding, off degenerate samples.
    """

    group: Group
    steps: tuple[str, ...]
    exact: bool

    @abstractmethod
    def canonicalize(self, X: NDArray[Any], n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d), float32 or float64 and finite."""

    def representatives(self, X: NDArray[Any], n_jobs: int | None = None) -> NDArray[Any]:
        """Only the representatives, (n, d); cheaper than ``canonicalize`` for some forms."""
        return self.canonicalize(X, n_jobs).representative
