"""Compare sets of points of unequal size by a kernel between their points."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from symkernel.groups import Trivial
from symkernel.kernels.invariant import InvariantKernel
from symkernel.kernels.normalized import (
    inverse_root,
    normalized_gradient,
    scale_sides,
    set_diagonal,
)
from symkernel.kernels.ragged import as_ragged
from symkernel.kernels.set_blocks import (
    KeptSets,
    own_sums,
    pair_sums,
    pair_sums_and_gradients,
    products,
    slopes,
)
from symkernel.kernels.text import written
from symkernel.kernels.translate import spec_of
from symkernel.validation import as_array, check_flag, kind_of

Array = NDArray[Any]


class SetKernel(Kernel):  # type: ignore[misc]
    r"""Kernel between sets of points: ``K(A, B) = sum of k(a, b) over a in A and b in B``.

    Over pairs of one kind only, where points have labels: like atoms of two molecules, like parts
    of two machines. It does not depend on the order of points, sets may have any size, and a group
    that acts on points makes it invariant in each of them by itself:
    ``SetKernel(InvariantKernel(RBF(), H))``.

    Parameters
    ----------
    part : sklearn.gaussian_process.kernels.Kernel
        Kernel k between points: an ``InvariantKernel``, or any kernel of vectors. Those that
        symkernel averages are computed natively.
    reduction : {"sum", "mean"}, default="sum"
        Whether the sum is divided by the numbers of points of A and of B: sums suit quantities
        that grow with the set, such as energies.
    normalize : bool, default=False
        Divide by ``sqrt(K(A, A) K(B, B))``.

    Raises
    ------
    TypeError, ValueError
        On call, for samples that are no sets of points, numbers of features that differ, labels on
        one side only, and what `part` refuses.
    MemoryError
        If the Gram matrix would not fit; raised before it is allocated.

    Notes
    -----
    Samples are a ``Ragged``, a list of arrays or an array (n, n_points, n_features). A set without
    points, or without any point of a kind that the other has, gives 0, also when normalized.
    Cost: that of the kernel of points, once a pair of points of one kind, in blocks that stay in
    cache; a product with a vector or a gradient at the points holds no matrix.

    Estimators of symkernel, ``GaussianProcessRegressor`` and ``SVC(kernel=k)`` take it;
    ``KernelRidge`` takes its Gram matrix as ``kernel="precomputed"``. Source: D. Haussler,
    Convolution kernels on discrete structures, UCSC-CRL-99-10 (1999); T. Gaertner, P. Flach,
    A. Kowalczyk, A. Smola, Multi-instance kernels, ICML 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import Ragged
    >>> from symkernel.kernels import SetKernel
    >>> rng = np.random.default_rng(0)
    >>> X = Ragged.from_sets([rng.normal(size=(size, 3)) for size in (4, 1, 7)])
    >>> k = SetKernel(RBF(2.0))
    >>> K = k(X)
    >>> K.shape
    (3, 3)
    >>> bool(np.isclose(k([X[0][::-1]], X)[0, 2], K[0, 2]))  # in any order
    True
    """

    def __init__(
        self,
        part: Kernel,
        reduction: Literal["sum", "mean"] = "sum",
        normalize: bool = False,
    ) -> None:
        self.part = part
        self.reduction = reduction
        self.normalize = normalize

    # ---- hyperparameters: those of the kernel of points --------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of this kernel, and with `deep` those of the part as ``part__<name>``."""
        params = {"part": self.part, "reduction": self.reduction, "normalize": self.normalize}
        if deep:
            params.update((f"part__{k}", v) for k, v in self.part.get_params().items())
        return params

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """Hyperparameters of the part, with its name before theirs."""
        return [
            Hyperparameter(f"part__{h.name}", h.value_type, h.bounds, h.n_elements, h.fixed)
            for h in self.part.hyperparameters
        ]

    @property
    def theta(self) -> Array:
        """Logarithms of the free hyperparameters of the part."""
        return np.asarray(self.part.theta)

    @theta.setter
    def theta(self, theta: Array) -> None:
        self.part.theta = theta

    @property
    def bounds(self) -> Array:
        """Logarithms of their bounds, shape (n_dims, 2)."""
        return np.asarray(self.part.bounds)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_params(False) == other.get_params(False)

    __hash__ = None  # type: ignore[assignment]

    def is_stationary(self) -> bool:
        """Whether the kernel depends on differences only: there are none of sets."""
        return False

    @property
    def requires_vector_input(self) -> bool:
        """Whether samples are feature vectors: they are sets of them."""
        return False

    def __repr__(self) -> str:
        options = "" if self.reduction == "sum" else f", reduction={self.reduction!r}"
        options += ", normalize=True" if self.normalize is True else ""
        return f"SetKernel({written(self.part)}{options})"

    # ---- samples -----------------------------------------------------------------------------

    def prepare(self, X: Any) -> KeptSets:
        """Sort sets by the kinds of their points and bring these into the form that calls take.

        Parameters
        ----------
        X : Ragged, or what can be read as one
            Sets, which must not change as long as what comes is in use. What comes stands for X or
            Y in every method of this kernel, whatever its hyperparameters.

        Returns
        -------
        KeptSets
        """
        sets = as_ragged(X)
        return KeptSets(sets, self._point_kernel(sets.n_features))

    def _point_kernel(self, n_features: int) -> Kernel:
        """Kernel of points, as an average over the trivial group where that is native."""
        part = self.part
        if not isinstance(part, Kernel):
            raise TypeError(f"part must be a kernel object, such as RBF(1.0), got {kind_of(part)}")
        if not part.requires_vector_input:
            raise TypeError(f"part must be a kernel of vectors, the points of sets, got {part!r}")
        if isinstance(part, InvariantKernel):
            return part
        group = Trivial(n_features)
        try:
            spec_of(part, group)
        except TypeError:
            return part
        return InvariantKernel(part, group)

    def _kernel_of(self, kept: KeptSets) -> Kernel:
        return self._point_kernel(kept.sets.n_features)

    def _kept(self, X: Any, Y: Any) -> tuple[KeptSets, KeptSets]:
        check_flag(self.normalize, "normalize")
        if self.reduction not in ("sum", "mean"):
            raise ValueError(
                f"reduction must be 'sum' or 'mean', got {self.reduction!r}; a group acts on "
                "points within part, SetKernel(InvariantKernel(base, group))"
            )
        first = X if isinstance(X, KeptSets) else self.prepare(X)
        if Y is None:
            return first, first
        others = Y.sets if isinstance(Y, KeptSets) else as_ragged(Y, "Y")
        if first.sets.n_features != others.n_features:
            raise ValueError(
                f"X has points of {first.sets.n_features} features and Y of {others.n_features}; "
                "they must agree"
            )
        if (first.sets.labels is None) != (others.labels is None):
            named, other = ("X", "Y") if others.labels is None else ("Y", "X")
            raise ValueError(f"points of {named} have labels and those of {other} have none")
        _require_one_kind_of_labels(first.sets.labels, others.labels)
        if isinstance(Y, KeptSets):
            return first, Y
        return first, KeptSets(others, self._point_kernel(others.n_features))

    def _scale(self, sets: KeptSets) -> Array:
        """What every set is divided by, before norms."""
        sizes = sets.sets.sizes if self.reduction == "mean" else np.ones(len(sets), int)
        return 1.0 / np.maximum(sizes, 1)

    # ---- values ------------------------------------------------------------------------------

    @overload
    def __call__(self, X: Any, Y: Any = None, eval_gradient: Literal[False] = False) -> Array: ...

    @overload
    def __call__(
        self, X: Any, Y: Any = None, *, eval_gradient: Literal[True]
    ) -> tuple[Array, Array]: ...

    def __call__(
        self, X: Any, Y: Any = None, eval_gradient: bool = False
    ) -> Array | tuple[Array, Array]:
        """Gram matrix, and its gradient for theta when asked.

        Parameters
        ----------
        X : Ragged, or what can be read as one, n sets
        Y : Ragged, or what can be read as one, m sets, optional
            X when None, at half the cost.
        eval_gradient : bool, default=False
            Whether to return the gradient as well; only for `Y=None`.

        Returns
        -------
        K : ndarray of shape (n, m)
        K_gradient : ndarray of shape (n, n, n_dims)
            Derivatives for the logarithms of the free hyperparameters; only if `eval_gradient`.
        """
        if not eval_gradient:
            return self.gram(X, Y)
        if Y is not None:
            raise ValueError("Gradient can only be evaluated when Y is None.")
        kept, _ = self._kept(X, None)
        sums = pair_sums_and_gradients(self._kernel_of(kept), kept)
        scale = self._scale(kept).astype(sums.dtype)
        sums *= scale[:, None] * scale
        K, gradient = sums[0], np.moveaxis(sums[1:], 0, -1)
        if not self.normalize:
            return K, np.ascontiguousarray(gradient)
        return normalized_gradient(K, gradient, np.diagonal(K), np.diagonal(gradient).T)

    def gram(self, X: Any, Y: Any = None, *, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m), as calling the kernel, with a number of threads.

        Parameters
        ----------
        X, Y : Ragged, or what can be read as one
            Sets; `Y=None` means X.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.
        """
        kept, others = self._kept(X, Y)
        K = pair_sums(self._kernel_of(kept), kept, None if Y is None else others, n_jobs)
        left = self._scale(kept)
        right = left if Y is None else self._scale(others)
        if self.normalize:
            roots = inverse_root(np.diagonal(K)) if Y is None else self._roots(kept)
            left, right = roots, roots if Y is None else self._roots(others)
        elif self.reduction == "sum":
            return K
        scale_sides(K, left.astype(K.dtype), right.astype(K.dtype))
        if self.normalize and Y is None:
            set_diagonal(K, left > 0)
        return K

    def diag(self, X: Any) -> Array:
        """K(A, A) of every set, shape (n,), without the Gram matrix."""
        kept, _ = self._kept(X, None)
        values = own_sums(self._kernel_of(kept), kept)
        if self.normalize:
            return (values > 0).astype(values.dtype)
        scale = self._scale(kept)
        diagonal: Array = values * (scale * scale)
        return diagonal.astype(values.dtype)

    def _roots(self, kept: KeptSets) -> Array:
        return inverse_root(own_sums(self._kernel_of(kept), kept))

    def matvec(self, X: Any, Y: Any, V: Any, *, n_jobs: int | None = None) -> Array:
        """K(X, Y) V without storing K.

        Parameters
        ----------
        X : Ragged, or what can be read as one, n sets
        Y : Ragged, or what can be read as one, m sets, or None for X
        V : array-like of shape (m,) or (m, c)
            Vectors to multiply.
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        ndarray of shape (n,) or (n, c)

        Raises
        ------
        ValueError
            If V does not have m rows, or is not finite.
        """
        kept, others = self._kept(X, Y)
        columns, tail = self._weights(V, "V", others)
        product = products(self._kernel_of(kept), kept, others, columns, n_jobs)
        product *= self._left(kept)[:, None]
        single = kept.sets.points.dtype == np.float32 == others.sets.points.dtype
        return product.astype(np.float32 if single else np.float64).reshape(len(kept), *tail)

    def gradient_x(self, X: Any, Y: Any, weights: Any, *, n_jobs: int | None = None) -> Array:
        """Gradient of ``f(A) = sum_j weights[j] K(A, B_j)`` for the coordinates of every point.

        Parameters
        ----------
        X : Ragged, or what can be read as one
            Sets at whose points gradients are wanted.
        Y : Ragged, or what can be read as one, m sets
        weights : array-like of shape (m,)
        n_jobs : int, optional
            Threads: None for as many as OpenMP is set to, -1 for all.

        Returns
        -------
        ndarray of shape (n_points, n_features)
            One row a point of X, in the order of ``Ragged.points``.

        Raises
        ------
        ValueError
            If weights do not have m rows or are not finite, or the kernel is normalized.
        TypeError
            For a kernel of points that is not computed natively, which has no such gradient.
        """
        kept, others = self._kept(X, Y)
        if self.normalize:
            raise ValueError("gradient_x needs normalize=False: norms depend on the points as well")
        kernel = self._kernel_of(kept)
        if not isinstance(kernel, InvariantKernel):
            raise TypeError(f"gradient_x needs a native kernel of points; {kernel!r} is called")
        columns, _ = self._weights(weights, "weights", others)
        if columns.shape[1] != 1:
            raise ValueError(f"weights must have shape ({len(others)},), got {np.shape(weights)}")
        gradient = slopes(kernel, kept, others, columns[:, 0], n_jobs)
        gradient *= np.repeat(self._scale(kept), kept.sets.sizes)[:, None]
        return gradient.astype(kept.sets.points.dtype)

    def _left(self, kept: KeptSets) -> Array:
        scale: Array = self._roots(kept) if self.normalize else self._scale(kept)
        return scale

    def _weights(self, V: Any, name: str, sets: KeptSets) -> tuple[Array, tuple[int, ...]]:
        """Vectors as columns that the sets of Y are multiplied with, and the shape they came in."""
        vectors = as_array(V, name)
        if vectors.ndim not in (1, 2) or len(vectors) != len(sets):
            raise ValueError(
                f"{name} must have shape ({len(sets)},) or ({len(sets)}, c), got {vectors.shape}"
            )
        if not np.isfinite(vectors).all():
            raise ValueError(f"{name} contains NaN or infinity")
        columns = vectors.reshape(len(vectors), -1) * self._left(sets)[:, None]
        return columns.astype(np.float64), vectors.shape[1:]


def _require_one_kind_of_labels(first: Array | None, second: Array | None) -> None:
    """Raise where labels are text on one side and numbers on the other: none would match."""
    if first is None or second is None or not (len(first) and len(second)):
        return
    if (first.dtype.kind in "US") != (second.dtype.kind in "US"):
        text, number = ("X", "Y") if first.dtype.kind in "US" else ("Y", "X")
        raise TypeError(
            f"labels of {text} are text and those of {number} integers, of which none are equal: "
            "give both alike, such as symbols or atomic numbers"
        )
