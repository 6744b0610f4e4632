"""Compute values of an invariant kernel: Gram matrices, products with them, and gradients."""

from __future__ import annotations

from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from symkernel.backends.arrays import is_on_device, like, namespace
from symkernel.backends.execute import require_room
from symkernel.backends.memory import require_memory
from symkernel.backends.packed import diagonal, packed_shape, scale
from symkernel.kernels import moving
from symkernel.kernels.kept import KeptSamples
from symkernel.kernels.normalized import (
    inverse_root,
    normalized_gradient,
    scale_sides,
    set_diagonal,
)
from symkernel.kernels.planned import PlannedKernel
from symkernel.validation import as_array

Array = NDArray[Any]

_ADVICE = (
    "matvec multiplies with the matrix without storing it; InvariantKernelRidge(solver='pcg') fits "
    "all samples so, solver='nystroem' in one pass; float32 samples halve the matrix."
)


class KernelValues(PlannedKernel):
    """Computes what the plan of an invariant kernel says, and divides by norms when asked."""

    def _where_samples_live(self) -> Self:
        """Copy that computes on the device it is given samples of."""
        here: Self = clone(self)
        here.device = "auto"
        return here

    @overload
    def __call__(self, X: Any, Y: Any = None, eval_gradient: Literal[False] = False) -> Array: ...

    @overload
    def __call__(
        self, X: Any, Y: Any = None, *, eval_gradient: Literal[True]
    ) -> tuple[Array, Array]: ...

    @overload
    def __call__(
        self, X: Any, Y: Any = None, eval_gradient: bool = False
    ) -> Array | tuple[Array, Array]: ...

    def __call__(
        self, X: Any, Y: Any = None, eval_gradient: bool = False
    ) -> Array | tuple[Array, Array]:
        """Gram matrix, and its gradient for theta when asked.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples.
        Y : array-like of shape (m, n_features) or (m, *group.shape), optional
            Second set of samples; X when None, at half the cost.
        eval_gradient : bool, default=False
            Whether to return the gradient as well; only for `Y=None`.

        Returns
        -------
        K : ndarray of shape (n, m)
            Gram matrix.
        K_gradient : ndarray of shape (n, n, n_dims)
            Derivatives for the logarithms of the free hyperparameters; only if `eval_gradient`.
        """
        if not eval_gradient:
            return self.gram(X, Y)
        if Y is not None:
            raise ValueError("Gradient can only be evaluated when Y is None.")
        X, _, plan = self._prepare(X, None)
        if moving.must_move(self.device, X):
            there = self._where_samples_live()(moving.moved(X), eval_gradient=True)
            return moving.back(there, X)  # type: ignore[no-any-return]
        n = X.shape[0]
        planes = 1 + sum(h.n_elements for h in self.base.hyperparameters)
        require_room(X, (n, n, planes), X.dtype.itemsize, "the Gram matrix and gradient", _ADVICE)
        K, gradient = plan.gradient(X)
        if self.normalize:
            K, gradient = normalized_gradient(K, gradient, *plan.diag_gradient(X))
        return K, self._tied_gradient(gradient)

    def gram(self, X: Any, Y: Any = None, *, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m), as calling the kernel, with a number of threads.

        Parameters
        ----------
        X, Y : array-like of shape (n, n_features) and (m, n_features)
            Samples; `Y=None` means X.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.
        """
        X, Y, plan = self._prepare(X, Y)
        if moving.must_move(self.device, X):
            there = self._where_samples_live()
            K: Array = moving.gram(lambda A, B: there.gram(A, B, n_jobs=n_jobs), X, Y)
            return K
        m = X.shape[0] if Y is None else Y.shape[0]
        require_room(X, (X.shape[0], m), X.dtype.itemsize, "the Gram matrix", _ADVICE)
        K = plan.gram(X, Y, n_jobs)
        if not self.normalize:
            return K
        left = inverse_root(plan.diag(X, n_jobs))
        right = left if Y is None else inverse_root(plan.diag(Y, n_jobs))
        scale_sides(K, left, right)
        if Y is None:
            set_diagonal(K, left > 0)
        return K

    def gram_packed(self, X: Any, *, n_jobs: int | None = None) -> Array:
        """K(X, X) as the numbers of its lower triangle, in half the memory.

        The numbers are in LAPACK's rectangular full packed format, ``transr="N", uplo="L"``, which
        ``?pftrf`` and ``?pftrs`` of ``scipy.linalg.lapack`` take.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        ndarray of shape (n (n + 1) / 2,)
            The lower triangle.

        Raises
        ------
        ValueError
            If the samples live on a GPU.
        MemoryError
            If it does not fit in memory; raised before it is allocated. Methods "quadrature" and
            "sample" need room for the full matrix.

        Examples
        --------
        >>> import numpy as np
        >>> from scipy.linalg.lapack import dpftrf, dpftrs
        >>> from sklearn.gaussian_process.kernels import RBF
        >>> from symkernel import InvariantKernel, groups
        >>> X = np.random.default_rng(0).normal(size=(5, 3))
        >>> y = np.ones((5, 1))
        >>> k = InvariantKernel(RBF(1.0), groups.Cyclic(3))
        >>> factor, info = dpftrf(5, k.gram_packed(X), transr="N", uplo="L")
        >>> c, info = dpftrs(5, factor, y, transr="N", uplo="L")
        >>> bool(np.allclose(k(X) @ c, y))
        True
        """
        X, _, plan = self._prepare(X, None)
        if is_on_device(X):
            raise ValueError("X lives on a GPU, where no solver takes the packed form; use gram")
        n = X.shape[0]
        require_memory(
            packed_shape(n) if plan.packs else (n, n),
            X.dtype.itemsize,
            f"the Gram matrix of {n} samples" + (", in packed form" if plan.packs else ""),
            _ADVICE,
        )
        packed = plan.gram_packed(X, n_jobs)
        if self.normalize:
            root = inverse_root(plan.diag(X, n_jobs))
            scale(packed, root)
            first, rest = diagonal(packed, n)
            first[:] = root[: len(first)] > 0
            rest[:] = root[len(first) :] > 0
        return packed

    def diag(self, X: Any) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs and without the Gram matrix."""
        X, _, plan = self._prepare(X, None)
        if moving.must_move(self.device, X):
            there: Array = moving.back(self._where_samples_live().diag(moving.moved(X)), X)
            return there
        diagonal = plan.diag(X)
        return (diagonal > 0).astype(X.dtype) if self.normalize else diagonal

    def matvec(self, X: Any, Y: Any, V: Any, *, n_jobs: int | None = None) -> Array:
        """K(X, Y) V without storing K: memory O(n + m).

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Samples.
        Y : array-like of shape (m, n_features), or None for X
            Samples.
        V : array-like of shape (m,) or (m, c)
            Vectors to multiply.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        ndarray of shape (n,) or (n, c)
            The product.

        Raises
        ------
        ValueError
            If V does not have m rows, or is not finite.
        """
        X, Y, plan = self._prepare(X, Y)
        Y = X if Y is None else Y
        if moving.must_move(self.device, X):
            samples = (moving.moved(Z) for Z in (X, Y, like(V, X)))
            there: Array = self._where_samples_live().matvec(*samples, n_jobs=n_jobs)
            return moving.back(there, X)  # type: ignore[no-any-return]
        columns, tail = _as_columns(V, "V", Y.shape[0], X)
        if self.normalize:
            columns = columns * inverse_root(plan.diag(Y, n_jobs))[:, None]
        product = plan.matvec(X, Y, columns, n_jobs)
        if self.normalize:
            product *= inverse_root(plan.diag(X, n_jobs))[:, None]
        return product.reshape(X.shape[0], *tail)

    def gradient_x(self, X: Any, Y: Any, weights: Any, *, n_jobs: int | None = None) -> Array:
        """Gradient of ``f(x) = sum_j weights[j] K(x, y_j)`` at every row of X.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples at which gradients are wanted.
        Y : array-like of shape (m, n_features) or (m, *group.shape), or None for X
            Samples that f is made of, for instance those of training.
        weights : array-like of shape (m,) or (m, c)
            Weights of one function, or of c functions that share the values of the kernel.
        n_jobs : int, optional
            Threads: None for as many as OpenMP takes, -1 for all.

        Returns
        -------
        ndarray of shape (n, n_features) or (n, c, n_features)
            Derivatives for the features of X, as samples of the shape in which X came: for X of
            shape (n, *group.shape) they have shape (n, *group.shape) or (n, c, *group.shape).

        Raises
        ------
        ValueError
            If weights do not have m rows or are not finite, or the samples do not fit the group.
        NotApplicableError
            For permanents of more than 20 points.
        MemoryError
            If the result would not fit; raised before it is allocated.

        Notes
        -----
        The cost per pair of samples is that of ``plan()`` and as much again, two to three times the
        time of ``matvec`` for all features together; every further column of weights adds d
        multiply-adds per pair and element. Memory O((n c + m) d) beside tiles.

        Where a kernel has a kink, at coincident points for Matern 1/2, equal features for
        Laplacian, angles 0 and pi for ArcCosine(0) and the origin for ArcCosine(1), the gradient is
        the mean over opposite directions, to which the kinked term adds nothing.

        ``grad f(g x) = g grad f(x)`` for every element g of the group.

        Examples
        --------
        Forces of a model of energies that is invariant under rotations and translations:

        >>> import numpy as np
        >>> from sklearn.gaussian_process.kernels import RBF
        >>> from symkernel import InvariantKernel, groups
        >>> k = InvariantKernel(RBF(1.0), groups.SE(3).along(1, (4, 3)))
        >>> X = np.random.default_rng(0).standard_normal((5, 4, 3))
        >>> alpha = np.array([1.0, -0.5, 0.3, 0.8, -1.2])
        >>> forces = -k.gradient_x(X, X, alpha)
        >>> forces.shape
        (5, 4, 3)
        >>> bool(np.allclose(forces.sum(axis=1), 0.0))  # translations: no net force
        True
        """
        known = is_on_device(X) or isinstance(X, KeptSamples)
        shape = tuple(X.shape[1:]) if known else np.shape(X)[1:]
        X, Y, plan = self._prepare(X, Y)
        Y = X if Y is None else Y
        columns, tail = _as_columns(weights, "weights", Y.shape[0], X)
        n, c = X.shape[0], columns.shape[1]
        if moving.must_move(self.device, X):
            there = self._where_samples_live()
            moved: Array = moving.gradient_x(
                lambda A, B, V: there.gradient_x(A, B, V, n_jobs=n_jobs), X, Y, columns
            )
            return moved.reshape(n, *tail, *shape)
        advice = "Call it with some rows of X at a time: rows of the result are independent."
        require_room(X, (n, c, X.shape[1]), X.dtype.itemsize, "the gradient", advice)
        if self.normalize:
            columns = columns * inverse_root(plan.diag(Y, n_jobs))[:, None]
        gradient = plan.gradient_x(X, Y, columns, n_jobs)
        if self.normalize:  # f = r (K w) with r = K(x, x)^(-1/2), grad r = -r grad K(x, x) / 2 K
            diagonal = plan.diag(X, n_jobs)
            root = inverse_root(diagonal)
            safe = namespace(X).where(root > 0, diagonal, 1)
            slope = plan.diag_gradient_x(X, n_jobs) / (2 * safe)[:, None]
            values = plan.matvec(X, Y, columns, n_jobs)
            gradient -= values[:, :, None] * slope[:, None, :]
            gradient *= root[:, None, None]
        return gradient.reshape(n, *tail, *shape)


def _as_columns(V: Any, name: str, m: int, X: Array) -> tuple[Array, tuple[int, ...]]:
    """Vectors of length m as columns (m, c) beside X, and the shape () or (c,) they came in."""
    xp = namespace(X)
    vectors = as_array(V, name)
    if vectors.ndim not in (1, 2) or len(vectors) != m:
        raise ValueError(f"{name} must have shape ({m},) or ({m}, c), got {vectors.shape}")
    vectors = like(vectors, X)
    columns = vectors if vectors.ndim == 2 else vectors[:, None]
    if not bool(xp.isfinite(columns).all()):
        raise ValueError(f"{name} contains NaN or infinity")
    return xp.ascontiguousarray(columns), vectors.shape[1:]
