"""Average kernels over a group into matrices, for functions that turn with their samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Kernel

from symkernel.backends.memory import require_memory
from symkernel.backends.packed import packed_shape, write_rows
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Representation
from symkernel.groups.representations import read_output
from symkernel.kernels.equivariant_rotations import RotationBlocks
from symkernel.kernels.equivariant_sums import OrbitBlocks
from symkernel.kernels.radial import length_of
from symkernel.kernels.translate import spec_of
from symkernel.validation import as_rows

__all__ = ["EquivariantKernel"]

Array = NDArray[np.float64]

# Numbers of a matrix that are computed before they go to their place.
_ROWS = 2**22
# Bands of rows of a triangle, each as wide as its last row: an eighth more than the triangle.
_BANDS = 8


class EquivariantKernel:
    r"""Matrix-valued kernel ``K(x, y) = E_g k(x, g y) rho(g)`` of a group.

    Functions ``f(x) = sum_i K(x, x_i) c_i`` turn with their samples: ``f(g x) = rho(g) f(x)`` for
    every element g, exactly.

    Parameters
    ----------
    base : Kernel
        Kernel k of ``sklearn.gaussian_process.kernels`` or ``symkernel.kernels`` that the group
        leaves as it is, ``k(g x, g y) = k(x, y)``: what ``InvariantKernel`` takes. Under infinite
        groups RBF, Matern or RationalQuadratic.
    group : Group
        Finite, with at most 20,000 elements; or SO(2), O(2), SO(3) or O(3) along an axis of points,
        with permutations of them or not; beside translations or not, which leave f as it is.
    output : Representation or str, default="vector"
        rho, or its name.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is expected, or the kernel changes under the group.
    NotApplicableError
        If an infinite group, or its kernel, has no closed form.
    GroupTooLargeError
        If a finite group has more elements.

    Notes
    -----
    K is positive semidefinite, as rho is orthogonal: it is the projection of k times the identity
    on functions that turn with the group. With rho = 1 it is ``InvariantKernel``. All is computed
    in float64. A pair of samples costs |G| values of k and |G| p^2 multiply-adds, or that of the
    closed form (`symkernel.kernels.equivariant_rotations`).
    Source: M. Reisert and H. Burkhardt, Learning equivariant functions with matrix valued kernels,
    J. Mach. Learn. Res. 8, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel.groups import SO
    >>> from symkernel.kernels import EquivariantKernel
    >>> K = EquivariantKernel(RBF(1.0), SO(3).along(1, (4, 3)), "vector")
    >>> x, y = np.random.default_rng(0).standard_normal((2, 1, 4, 3))
    >>> block = K.gram(x, y)
    >>> block.shape
    (3, 3)
    >>> R = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> bool(np.allclose(K.gram(x @ R.T, y), R @ block, rtol=0, atol=1e-12))
    True
    """

    def __init__(self, base: Kernel, group: Group, output: Representation | str = "vector") -> None:
        if not isinstance(group, Group):
            raise TypeError(f"group must be a Group, got {type(group).__name__}")
        output = read_output(output)
        self.base, self.group, self.output = base, group, output
        self.size = output.size(group)
        self._structure = group.structure
        rest = self._structure.rest if self._structure.translates else group
        spec = spec_of(base, group)
        self._blocks: OrbitBlocks | RotationBlocks
        self._length: Any = 1.0
        if rest.is_finite:
            if group._on_lattice:
                raise NotApplicableError(
                    f"{group!r} moves fractional coordinates, for which there are no "
                    "matrix-valued kernels here: take a PointGroup on Cartesian coordinates"
                )
            self._blocks = OrbitBlocks(base, rest, output)
        else:
            self._blocks = RotationBlocks(rest, spec, output)
            self._length = length_of(spec)

    def gram(self, X: Any, Y: Any = None, *, n_jobs: int | None = None) -> Array:
        """Compute the matrix of blocks, (n p, m p), sample by sample.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples.
        Y : array-like of shape (m, n_features) or (m, *group.shape), optional
            Second set of samples; X when None.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.
        """
        X = self._rows(X)
        Y = X if Y is None else self._rows(Y, "Y")
        n, m, p = len(X), len(Y), self.size
        require_memory((n * p, m * p), 8, f"the {p} x {p} blocks of {n} samples with {m}", _ADVICE)
        return self._blocks.block(X, Y, n_jobs).reshape(n * p, m * p)

    def gram_packed(self, X: Any, *, n_jobs: int | None = None) -> Array:
        """Compute the lower triangle of the blocks of X with itself: see ``InvariantKernel``.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        ndarray of shape (n p (n p + 1) / 2,)
            In LAPACK's rectangular full packed format, ``transr="N", uplo="L"``.
        """
        X = self._rows(X)
        n, p = len(X), self.size
        words = f"the {p} x {p} blocks of {n} samples, in packed form"
        require_memory(packed_shape(n * p), 8, words, _ADVICE)
        packed = np.empty(n * p * (n * p + 1) // 2)
        step = max(1, min(-(-n // _BANDS), _ROWS // max(1, n * p * p)))
        for start in range(0, n, step):
            end = min(start + step, n)
            rows = self._blocks.block(X[start:end], X[:end], n_jobs)
            write_rows(packed, n * p, start * p, rows.reshape((end - start) * p, end * p))
        return packed

    def matvec(self, X: Any, Y: Any, C: Any, *, n_jobs: int | None = None) -> Array:
        """Compute ``f(x) = sum_j K(x, y_j) c_j`` without the matrix.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples.
        Y : array-like of shape (m, n_features) or (m, *group.shape), or None for X
            Samples.
        C : array-like of shape (m, p) or (m, p, t)
            Coefficients.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        ndarray of shape (n, p) or (n, p, t)
        """
        X = self._rows(X)
        Y = X if Y is None else self._rows(Y, "Y")
        C = np.asarray(C, np.float64)
        if C.ndim not in (2, 3) or C.shape[:2] != (len(Y), self.size):
            raise ValueError(
                f"C must have shape ({len(Y)}, {self.size}) or ({len(Y)}, {self.size}, t), "
                f"got {C.shape}"
            )
        found = self._blocks.matvec(X, Y, C.reshape(len(Y), self.size, -1), n_jobs)
        return found.reshape(len(X), *C.shape[1:])

    def diag(self, X: Any, *, n_jobs: int | None = None) -> Array:
        """Compute K(x_i, x_i), (n, p, p), without the matrix."""
        return self._blocks.diag(self._rows(X), n_jobs)

    def _rows(self, X: Any, name: str = "X") -> Array:
        """Samples (n, d) less their translations, in units of the length scales where needed."""
        rows = as_rows(X, name, self.group.degree, of=self.group)
        return np.ascontiguousarray(self._structure.centred(rows) / self._length)


_ADVICE = "matvec computes products with it without storing it; fit on fewer samples."
