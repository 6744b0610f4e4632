"""Add up what a ridge regression on Nystroem features needs of the samples, in one pass.

With features B (``whitening.apply(K(X, centres))``) the sums G = B^T W B, b = B^T W y and a few
more are all that a fit needs of the samples: they are added up chunk by chunk, by several workers
if need be, and saved. Every chunk is whitened before it is summed; whitening the sum of unwhitened
products instead squares the condition number of the centres and loses half the digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.linalg.blas import dsyrk

from symkernel.solvers.nystroem_system import NystroemSystem
from symkernel.solvers.rounding import is_rounding

__all__ = ["NystroemSums"]

Array = NDArray[np.float64]


@dataclass(eq=False)
class NystroemSums:
    """All that a fit needs of the samples: what workers add up, and what is saved to go on later.

    Attributes
    ----------
    gram : float64, shape (M, M)
        G = B^T W B, in Fortran order; above the diagonal it is not kept.
    cross : float64, shape (M, t)
        b = B^T W (y - offset).
    squares, targets : float64, shape (t,)
        Sums of w (y - offset)^2 and w (y - offset).
    features : float64, shape (M,)
        Sums of w times the features.
    offset : float64, shape (t,)
        Near the mean of the targets, so that squares do not cancel: that of the first chunk.
    weight : float
        Sum of the weights.
    n, rows : int
        Numbers of samples with a weight above 0, and of all.
    trace : float
        Sum of w K(x, x), NaN unless it was given with every sample.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.solvers.nystroem import NystroemSums
    >>> B, y = np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [4.0], [6.0]])
    >>> first, second = NystroemSums.zeros(1, 1), NystroemSums.zeros(1, 1)
    >>> first.add(B[:2], y[:2])
    >>> second.add(B[2:], y[2:])
    >>> w, intercept = (first + second).system(centred=False).coefficients(0.0)
    >>> w.round(12), intercept
    (array([[2.]]), array([0.]))
    """

    gram: Array
    cross: Array
    squares: Array
    targets: Array
    features: Array
    offset: Array
    weight: float = 0.0
    n: int = 0
    rows: int = 0
    trace: float = 0.0

    @classmethod
    def zeros(cls, n_features: int, n_targets: int) -> Self:
        """Return the sums of no samples."""
        M, t = n_features, n_targets
        vectors = (np.zeros(t), np.zeros(t), np.zeros(M), np.zeros(t))
        return cls(np.zeros((M, M), order="F"), np.zeros((M, t)), *vectors)

    def add(
        self,
        B: Array,
        y: Array | None = None,
        weight: Array | None = None,
        diagonal: Array | None = None,
    ) -> None:
        """Add samples.

        Parameters
        ----------
        B : float64, shape (c, M)
            Features, best in Fortran order. Overwritten where there are weights.
        y : float64, shape (c, t), optional
            Targets, one per column.
        weight : float64, shape (c,), optional
            Weights, not negative.
        diagonal : float64, shape (c,), optional
            K(x, x) of every sample.

        Notes
        -----
        c M^2 / 2 multiply-adds.
        """
        c, M = B.shape
        self.rows += c
        if c == 0:
            return
        t = len(self.targets)
        given = 0 if y is None else y.shape[1]
        if (M, given) != (len(self.features), t):
            raise ValueError(
                f"samples have {M} features and {given} targets; the sums have "
                f"{len(self.features)} and {t}"
            )
        y = np.zeros((c, 0)) if y is None else y
        if self.n == 0:
            self.offset = y.mean(axis=0)
        shifted = y - self.offset
        if weight is None:
            ones, total, count = np.ones(c), float(c), c
        else:
            ones, total, count = np.sqrt(weight), float(weight.sum()), int((weight > 0).sum())
            B *= ones[:, None]
            shifted *= ones[:, None]
        diagonals = np.full(1, np.nan) if diagonal is None else diagonal * ones**2
        self.trace += float(diagonals.sum(dtype=np.float64))
        if M:
            self.gram = dsyrk(1.0, B, beta=1.0, c=self.gram, trans=1, lower=1, overwrite_c=1)
        self.cross += B.T @ shifted
        self.features += B.T @ ones
        self.squares += np.einsum("it,it->t", shifted, shifted)
        self.targets += shifted.T @ ones
        self.weight += total
        self.n += count

    def __add__(self, other: NystroemSums) -> NystroemSums:
        """Return the sums of the samples of both."""
        if self.cross.shape != other.cross.shape:
            raise ValueError(
                f"sums of {self.cross.shape} features and targets were added to sums of "
                f"{other.cross.shape}"
            )
        offset = self.offset if self.n else other.offset
        a, b = self.with_offset(offset), other.with_offset(offset)
        return NystroemSums(
            a.gram + b.gram,
            a.cross + b.cross,
            a.squares + b.squares,
            a.targets + b.targets,
            a.features + b.features,
            offset,
            a.weight + b.weight,
            a.n + b.n,
            a.rows + b.rows,
            a.trace + b.trace,
        )

    def with_offset(self, offset: Array) -> NystroemSums:
        """Return the same sums for another offset of the targets."""
        d = self.offset - offset
        return NystroemSums(
            self.gram,
            self.cross + np.outer(self.features, d),
            self.squares + 2.0 * d * self.targets + self.weight * d**2,
            self.targets + self.weight * d,
            self.features,
            np.asarray(offset, dtype=np.float64),
            self.weight,
            self.n,
            self.rows,
            self.trace,
        )

    @property
    def residual_trace(self) -> float:
        """Trace of what the centres leave of the kernel matrix: tr K - tr G, not negative."""
        return max(self.trace - float(np.trace(self.gram)), 0.0) if self.n else 0.0

    @property
    def mean(self) -> Array:
        """Weighted mean of the targets, (t,)."""
        return self.offset + (self.targets / self.weight if self.weight else 0.0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return sums of what ``arrays`` has returned."""
        values: dict[str, Any] = {
            name: np.array(arrays[name], order="F") for name in cls.__dataclass_fields__
        }
        for name, kind in (("weight", float), ("trace", float), ("n", int), ("rows", int)):
            values[name] = kind(values[name])
        return cls(**values)

    def save(self, path: str | Path) -> None:
        """Write the sums to a file of NumPy (.npz); a file of that name is replaced at the end."""
        final = Path(path)
        partial = final.with_name(final.name + ".partial")
        with partial.open("wb") as stream:
            arrays: dict[str, Any] = dict(self.arrays())
            np.savez(stream, **arrays)
        partial.replace(final)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the sums of a file that ``save`` has written."""
        with np.load(path) as arrays:
            return cls.from_arrays(arrays)

    def system(self, centred: bool = True) -> NystroemSystem:
        """Decompose the sums.

        Parameters
        ----------
        centred : bool, default=True
            Whether the weighted mean of the targets is subtracted before and added after.

        Returns
        -------
        NystroemSystem
            About 9 M^3 operations.

        Raises
        ------
        ValueError
            If there are no samples of positive weight.
        """
        if self.n == 0 or self.weight <= 0.0:
            raise ValueError("there are no samples with a weight above 0 to fit")
        intercept = self.mean if centred else np.zeros(len(self.offset))
        sums = self.with_offset(intercept)
        # What is left of the mean is rounding, which the centred sums are rid of.
        left = sums.targets / sums.weight if centred else np.zeros(len(intercept))
        cross = sums.cross - np.outer(sums.features, left)
        squares = sums.squares - sums.weight * left**2
        if not np.isfinite(self.gram).all():
            raise ValueError("the sums of the features contain NaN or infinity")
        values, vectors = (
            eigh(self.gram, lower=True, check_finite=False, driver="evd")
            if len(self.gram)
            else (np.zeros(0), np.zeros((0, 0)))
        )
        values = np.where(is_rounding(values), np.maximum(values, 0.0), values)
        return NystroemSystem(
            values=np.maximum(values, 0.0),
            vectors=vectors,
            rotated=vectors.T @ cross,
            mean=vectors.T @ self.features if centred else None,
            squares=np.maximum(squares, 0.0),
            intercept=intercept,
            n=self.n,
            weight=self.weight,
        )
