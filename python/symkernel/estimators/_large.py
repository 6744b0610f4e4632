"""Say what fits to many samples have in common: options, and what they keep for later."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.estimators._kernel import BoundKernel
from symkernel.kernels import InvariantKernel, SetKernel
from symkernel.solvers.checkpoint import Checkpoint, fingerprint
from symkernel.solvers.matrices import FullMatrix, PackedMatrix
from symkernel.solvers.pcg import SymmetricOperator
from symkernel.solvers.ridge_factor import Explains
from symkernel.solvers.rpcholesky import SampleColumns
from symkernel.solvers.whitening import Whitening

Array = NDArray[Any]


@dataclass(frozen=True)
class Options:
    """Solver options, checked; see ``InvariantKernelRidge`` for the meanings."""

    solver: str
    n_components: int | None
    centers: str
    tol: float
    max_iter: int
    precision: str
    memory_limit: float | None
    checkpoint: str | Path | None
    verbose: int
    random_state: Any
    n_jobs: int | None

    def seed(self) -> int:
        """Draw the seed of a fit from the random state."""
        state = self.random_state
        if isinstance(state, np.random.RandomState):
            return int(state.randint(2**31))
        return int(np.random.default_rng(state).integers(2**31))

    def kept(self, bound: BoundKernel, words: str, *arrays: Any) -> Checkpoint | None:
        """Return the checkpoint of a fit, if there is to be one."""
        return self.kept_as(f"{words} {bound.kernel!r} {sorted(bound.params.items())}", *arrays)

    def kept_as(self, words: str, *arrays: Any) -> Checkpoint | None:
        """Return the checkpoint of a fit that these words and arrays tell from others."""
        if self.checkpoint is None:
            return None
        return Checkpoint(self.checkpoint, fingerprint(f"{words} {self.centers}", *arrays))


class LargeFit(ABC):
    """What a fit to many samples keeps beside its coefficients; it is pickled."""

    @property
    @abstractmethod
    def n_components(self) -> int:
        """Columns of the preconditioner or of the approximation."""

    @property
    def n_iter(self) -> int:
        """Iterations; 1 of what does not iterate."""
        return 1

    @abstractmethod
    def explaining(self, machine: Any, m: int) -> tuple[Explains, Any]:
        """Return what tells variances at m samples, and the samples it takes covariances with."""

    @abstractmethod
    def left_out(self, machine: Any, targets: Array) -> tuple[NDArray[np.intp], Array]:
        """Return some of the training samples (s,), and the values there of a fit without them.

        `targets` (n, t) are those of the fit.
        """


class KernelMatrix:
    """The kernel matrix of samples, by products that compute its entries.

    Parameters
    ----------
    bound : BoundKernel
    X : ndarray, sparse matrix or sets
        Samples.
    n_jobs : int or None
        Threads.
    """

    def __init__(self, bound: BoundKernel, X: Any, n_jobs: int | None) -> None:
        self.bound, self.n_jobs = bound, n_jobs
        self.X = X.tocsr() if hasattr(X, "tocsr") else X
        prepares = isinstance(bound.kernel, InvariantKernel | SetKernel)
        self.kept = bound.kernel.prepare(X) if prepares else self.X

    def __len__(self) -> int:
        return int(self.X.shape[0])

    def matvec(self, V: Array) -> Array:
        """Return the product (n, k) with columns V (n, k)."""
        V = np.ascontiguousarray(V, getattr(self.X, "dtype", np.float64))
        if isinstance(self.bound.kernel, InvariantKernel):
            return np.asarray(self.bound.kernel.matvec(self.kept, None, V, n_jobs=self.n_jobs))
        return self.bound.product(self.kept, self.kept, V, self.n_jobs)

    def diag(self) -> Array:
        """Return the diagonal, (n,)."""
        if isinstance(self.bound.kernel, str) and self.bound.kernel == "precomputed":
            return np.asarray(self.X.diagonal())
        return np.asarray(self.bound.diag(self.X))

    def cross(self, A: Any, B: Any) -> Array:
        """Return kernel values of samples with samples."""
        return np.asarray(self.bound.cross(A, B, self.n_jobs))

    def stored(self) -> SymmetricOperator:
        """Return the matrix with its entries in memory, one triangle where the kernel packs."""
        if self.bound.packs:
            return PackedMatrix(self.bound.gram_packed(self.kept, self.n_jobs), len(self))
        return FullMatrix(self.bound.gram(self.kept, self.n_jobs))

    @property
    def columns_of(self) -> Any:
        """Columns, as ``rpcholesky`` takes them."""
        if isinstance(self.bound.kernel, str) and self.bound.kernel == "precomputed":
            return _Given(self.X)
        return SampleColumns(self.X, self.cross, self.bound.diag, self.kept)


class _Given:
    """Columns of a matrix that is given."""

    def __init__(self, K: Array) -> None:
        self._K = K

    def diag(self) -> Array:
        return np.asarray(self._K.diagonal())

    def columns(self, indices: Any) -> Array:
        return np.array(self._K[:, indices], order="F")

    def block(self, indices: Any) -> Array:
        return self._K[np.ix_(indices, indices)]


class NystroemFactor(Explains):
    r"""Variances from centres: what the features of a Nystroem fit explain.

    With features b = L^-1 k_M and G = B^T W B over the training samples, in its eigenvectors,
    :math:`|b|^2 - \\alpha b^T (G + \\alpha I)^{-1} b`: what the centres leave of K(x, x) counts as
    unexplained, so that variances are too large where it is not small beside alpha.

    Parameters
    ----------
    whitening : Whitening
        Of the M centres.
    values, vectors : ndarray of shape (M,) and (M, M)
        Eigenvalues and eigenvectors of G.
    alpha : ndarray of shape (t,)
        Ridges, one for all targets or one for each.
    """

    def __init__(self, whitening: Whitening, values: Array, vectors: Array, alpha: Array) -> None:
        self.whitening, self._values, self._vectors = whitening, values, vectors
        self.alpha = np.asarray(alpha, np.float64)

    def leverage(self, B: Array) -> Array:
        """Return b^T (G + alpha I)^-1 b for features B (m, M): (m, t)."""
        shifted = self._values[:, None] + self.alpha
        floor = np.finfo(np.float64).eps * max(self._values.max(initial=0.0), 1e-300)
        inverse = np.where(shifted > floor, 1.0 / np.maximum(shifted, floor), 0.0)
        return np.asarray(np.square(B @ self._vectors) @ inverse)

    def explained(self, cross: Any) -> Any:
        """Return what is explained of the variance, (m, t)."""
        B = self.whitening.apply(np.array(cross, np.float64, order="F"))
        return np.einsum("mr,mr->m", B, B)[:, None] - self.alpha * self.leverage(B)
