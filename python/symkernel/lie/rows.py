"""Make rows of the Lie derivative at samples: of functions, of sets of points, of dynamics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.lie.fields import Fields
from symkernel.lie.tangent import Frame

__all__ = ["DynamicsRows", "FunctionRows", "RowMaker", "Rows", "Sampled", "TangentRows"]

Array = NDArray[Any]

# Numbers of a block of rows.
_BLOCK = 2**22


@dataclass(frozen=True)
class Rows:
    """Rows whose sums of squares are the Lie derivative, and the size to measure it by.

    Attributes
    ----------
    derivative : ndarray of shape (n, p, q)
        L_q F at each sample.
    size : ndarray of shape (n, r, q)
        What the derivative is measured by.
    normal : ndarray of shape (n, s, q)
        Part of xi_q across the set that the samples lie on.
    """

    derivative: NDArray[np.float64]
    size: NDArray[np.float64]
    normal: NDArray[np.float64]


@dataclass(frozen=True)
class Sampled:
    """A function at the samples: values (n, p) and derivatives (n, p, d)."""

    values: NDArray[np.float64]
    jacobians: NDArray[np.float64]

    def __sub__(self, other: Sampled) -> Sampled:
        return Sampled(self.values - other.values, self.jacobians - other.jacobians)


class RowMaker(ABC):
    """Makes rows for one function or another at fixed samples."""

    def __init__(self, algebra: Fields, points: NDArray[np.float64], frame: Frame) -> None:
        self.algebra, self.points, self.frame = algebra, points, frame

    @abstractmethod
    def at(self, data: Sampled, rows: Any) -> Rows:
        """Return the rows of some of the samples; the derivative is linear in the data."""

    # Numbers per sample and field.
    @property
    @abstractmethod
    def width(self) -> int:
        """Number of rows of a sample."""

    def blocks(self, data: Sampled) -> Iterator[Rows]:
        """Yield the rows of all samples, a block at a time."""
        for rows in self._slices():
            yield self.at(data, rows)

    def alone(self, errors: list[Sampled], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest residual of each error by itself, in combinations of size 1 (q, k)."""
        k = vectors.shape[1]
        gram = np.zeros((len(errors), k, k))
        for rows in self._slices():
            for b, error in enumerate(errors):
                derivative = self.at(error, rows).derivative @ vectors
                flat = derivative.reshape(-1, k)
                gram[b] += flat.T @ flat
        largest = [max(0.0, float(np.linalg.eigvalsh(matrix)[-1])) for matrix in gram]
        return np.asarray(np.sqrt(largest))

    def _slices(self) -> Iterator[slice]:
        size = max(1, _BLOCK // max(1, self.algebra.dim * self.width))
        for start in range(0, len(self.points), size):
            yield slice(start, start + size)


class FunctionRows(RowMaker):
    """DF xi_q - B_q F, measured by |DF| |xi| and |B F|."""

    def __init__(
        self,
        algebra: Fields,
        points: NDArray[np.float64],
        frame: Frame,
        output: NDArray[np.float64] | None,
        outputs: int,
    ) -> None:
        super().__init__(algebra, points, frame)
        self._output, self._outputs = output, outputs

    @property
    def width(self) -> int:
        """Number of rows of a sample."""
        return 2 * self._outputs + int(self.points.shape[1])

    def at(self, data: Sampled, rows: Any) -> Rows:
        """Return the rows of some of the samples."""
        frame, jacobians = self.frame.rows(rows), data.jacobians[rows]
        fields = self.algebra.values(self.points[rows])
        moved = frame.components(fields)
        along = frame.slopes(jacobians)
        if frame.is_full:  # without a change of coordinates, to the last digit
            derivative = np.matmul(jacobians, fields.transpose(0, 2, 1))
        else:
            derivative = np.matmul(along, moved.transpose(0, 2, 1))
        steep = np.sqrt((along**2).sum(axis=(1, 2)))
        size = steep[:, None, None] * moved.transpose(0, 2, 1)
        if self._output is not None:
            turned = np.einsum("qab,nb->naq", self._output, data.values[rows])
            derivative = derivative - turned
            size = np.concatenate([size, turned], axis=1)
        return Rows(derivative, size, frame.normal(fields).transpose(0, 2, 1))


class DynamicsRows(RowMaker):
    """The bracket DF xi_q - D xi_q F of vector fields, measured by |DF| |xi| and |D xi| |F|."""

    @property
    def width(self) -> int:
        """Number of rows of a sample."""
        return int(self.points.shape[1]) * (int(self.points.shape[1]) + 2)

    def at(self, data: Sampled, rows: Any) -> Rows:
        """Return the rows of some of the samples."""
        to, back = self.frame.to, self.frame.back
        fields = self.algebra.values(self.points[rows])
        slopes = self.algebra.jacobians(self.points[rows])
        F, DF = data.values[rows], data.jacobians[rows]
        bracket = np.matmul(fields, DF.transpose(0, 2, 1)) - np.einsum("nqab,nb->nqa", slopes, F)
        derivative = (bracket @ to.T).transpose(0, 2, 1)
        steep = np.linalg.norm(to @ DF @ back, axis=(1, 2))
        fast = np.linalg.norm(F @ to.T, axis=1)
        bent = (to @ slopes @ back).reshape(*slopes.shape[:2], -1)
        parts = [steep[:, None, None] * (fields @ to.T), fast[:, None, None] * bent]
        size = np.concatenate(parts, axis=2).transpose(0, 2, 1)
        return Rows(derivative, size, np.zeros((len(F), 0, self.algebra.dim)))


class TangentRows(RowMaker):
    """The part of xi_q along normals, measured by |xi|. ``data.jacobians`` are the normals."""

    @property
    def width(self) -> int:
        """Number of rows of a sample."""
        return 2 * int(self.points.shape[1])

    def at(self, data: Sampled, rows: Any) -> Rows:
        """Return the rows of some of the samples."""
        fields = (self.algebra.values(self.points[rows]) @ self.frame.to.T).transpose(0, 2, 1)
        derivative = np.matmul(data.jacobians[rows], fields)
        return Rows(derivative, fields, np.zeros((len(fields), 0, self.algebra.dim)))
