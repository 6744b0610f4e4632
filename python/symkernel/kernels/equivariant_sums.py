"""Compute matrix-valued kernels as sums over the elements of a finite group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Kernel

from symkernel.groups import Group, Representation, Trivial
from symkernel.kernels.invariant import InvariantKernel

Array = NDArray[np.float64]

# Elements that are summed over.
MOST_ELEMENTS = 20_000
_ADVICE = (
    "Vectors and tensors have closed forms under SO(2), O(2), SO(3) and O(3) beside permutations; "
    "else take a smaller group."
)
# Kernel values, and features of moved samples, held at once.
_VALUES = 2**18
_FEATURES = 2**22


class OrbitBlocks:
    r"""Blocks ``E_g k(x, g y) rho(g)`` of a kernel of one number and a finite group.

    Parameters
    ----------
    base : Kernel
        k, with ``k(g x, g y) = k(x, y)``.
    group : Group
        Of at most 20,000 elements.
    output : Representation
        rho, of p x p matrices.

    Notes
    -----
    Values of k between samples and moved samples are computed natively, in pieces that stay in
    cache, and multiplied there with the matrices of all elements: |G| values of k and |G| p^2
    multiply-adds a pair. A product with coefficients is one of k alone, with all moved samples:
    ``sum_j sum_g k(x, g y_j) rho(g) c_j``, |G| values of k and |G| p multiply-adds a pair.
    """

    def __init__(self, base: Kernel, group: Group, output: Representation) -> None:
        group.check_order(MOST_ELEMENTS, _ADVICE)
        self._elements = list(group.elements())
        self._rho = output.matrices(group, self._elements) / len(self._elements)
        self._plain = InvariantKernel(base, Trivial(group.degree))

    def block(self, X: Array, Y: Array, n_jobs: int | None = None) -> Array:
        """Return the blocks (n, p, m, p) of n samples with m others."""
        n, m, order, p = len(X), len(Y), len(self._elements), self._rho.shape[1]
        found = np.zeros((n, p, m, p))
        together = max(1, min(order, _VALUES // 64))
        columns = max(1, min(m, _VALUES // (64 * together)))
        rows = max(64, _VALUES // (together * columns))
        for first in range(0, order, together):
            some = slice(first, first + together)
            rho = self._rho[some].reshape(-1, p * p).T
            for j in range(0, m, columns):
                moved = self._moved(Y[j : j + columns], some)
                for i in range(0, n, rows):
                    K = self._plain.gram(X[i : i + rows], moved, n_jobs=n_jobs)
                    summed = rho @ K.reshape(len(K), rho.shape[1], -1)  # (rows, p p, columns)
                    summed = summed.reshape(len(K), p, p, -1).transpose(0, 1, 3, 2)
                    found[i : i + rows, :, j : j + columns] += summed
        return found

    def matvec(self, X: Array, Y: Array, C: Array, n_jobs: int | None = None) -> Array:
        """Return sums (n, p, t) over the blocks of n samples with m, times C (m, p, t)."""
        m, p, t = C.shape
        found = np.zeros((len(X), p * t))
        step = max(1, _FEATURES // max(1, m * max(Y.shape[1], p * t)))
        for first in range(0, len(self._elements), step):
            some = slice(first, first + step)
            weights = np.einsum("gab,mbt->gmat", self._rho[some], C).reshape(-1, p * t)
            found += self._plain.matvec(X, self._moved(Y, some), weights, n_jobs=n_jobs)
        return found.reshape(len(X), p, t)

    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return the blocks (n, p, p) of n samples with themselves."""
        found = [
            np.tensordot(self._plain.gram(x[None], moved, n_jobs=n_jobs)[0], self._rho, 1)
            for x in X
            for moved in [self._moved(x[None], slice(None))]
        ]
        return np.array(found).reshape(len(X), *self._rho.shape[1:])

    def _moved(self, Y: Array, some: slice) -> Array:
        """Samples moved by some elements, (k m, d)."""
        return np.concatenate([g.apply(Y) for g in self._elements[some]])
