"""Make a kernel that computes on given data of the user's words (kernel, gamma, group, ...)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.gaussian_process.kernels import Kernel
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels

from symkernel.groups import Group, from_name
from symkernel.groups.registry import NAMES, bind, is_group
from symkernel.kernels import InvariantKernel, Quadrature, Sample, SetKernel
from symkernel.kernels.names import KERNEL_NAMES, base_kernel_from_name
from symkernel.validation import as_number

Array = NDArray[Any]

# Rows of a Gram matrix held at once while predicting with a kernel that has no matvec.
_BLOCK_ENTRIES = 2**23

# Rows whose Gram matrix is computed for its diagonal, by functions that give no less.
_DIAGONAL_ROWS = 32


@dataclass(frozen=True)
class KernelSpec:
    """What the user said about the kernel; see ``InvariantKernelRidge`` for the meanings."""

    kernel: Any
    gamma: float | None
    degree: float
    coef0: float
    kernel_params: Mapping[str, Any] | None
    group: Any
    method: str | Quadrature | Sample

    @property
    def precomputed(self) -> bool:
        """Whether X is a Gram matrix."""
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    @property
    def invariant(self) -> bool:
        """Whether the kernel is averaged over a group."""
        return self.group is not None or isinstance(self.kernel, InvariantKernel)

    @property
    def of_sets(self) -> bool:
        """Whether samples are sets of points."""
        return isinstance(self.kernel, SetKernel)

    @property
    def named_group(self) -> Any:
        """The group as given: a Group, a name, or None."""
        return self.kernel.group if isinstance(self.kernel, InvariantKernel) else self.group

    def check(self) -> None:
        """Raise if the words do not fit together; the message says which and why."""
        self._check_numbers()
        if not isinstance(self.kernel, str) and not callable(self.kernel):
            raise TypeError(
                "kernel must be a name, a kernel object or a callable; "
                f"got {type(self.kernel).__name__}"
            )
        if self.group is not None and not is_group(self.group):
            raise TypeError(
                f"group must be a Group, a name or None; got {type(self.group).__name__}"
            )
        if isinstance(self.group, str) and self.group not in NAMES:
            from_name(self.group, 1)  # says which names there are
        if self.of_sets and self.group is not None:
            raise ValueError(
                f"group={self.group!r} was given together with a SetKernel, on whose points groups "
                "act: give SetKernel(InvariantKernel(base, group))"
            )
        if isinstance(self.kernel, InvariantKernel):
            self._check_invariant_kernel(self.kernel)
        elif self.group is not None:
            self._check_averageable()
        elif isinstance(self.kernel, str) and self.kernel not in _PLAIN_NAMES:
            raise ValueError(
                f"kernel={self.kernel!r} is unknown; known names: {_list(_PLAIN_NAMES)}"
            )

    def _check_numbers(self) -> None:
        if self.gamma is not None:  # plain kernels take 0, as scikit-learn's do
            as_number(self.gamma, "gamma", 0.0, strict=self.invariant)
        as_number(self.degree, "degree", 0.0)
        as_number(self.coef0, "coef0")
        if self.kernel_params is not None and not isinstance(self.kernel_params, Mapping):
            raise TypeError(
                f"kernel_params must be a dict or None; got {type(self.kernel_params).__name__}"
            )

    def _check_invariant_kernel(self, kernel: InvariantKernel) -> None:
        if self.group is not None:
            raise ValueError(
                f"group={self.group!r} was given together with an InvariantKernel, which has "
                f"its own group {kernel.group!r}; give the group once"
            )
        if self.method != "auto":
            raise ValueError(
                f"method={self.method!r} was given together with an InvariantKernel, which has "
                f"its own method {kernel.method!r}; set the method of the kernel"
            )

    def _check_averageable(self) -> None:
        if isinstance(self.kernel, str):
            if self.precomputed:
                raise ValueError(
                    f"kernel='precomputed' cannot be averaged over group={self.group!r}: it has "
                    "no samples; average first, InvariantKernel(base, group)(X), and fit that "
                    "matrix with kernel='precomputed' and group=None"
                )
            if self.kernel not in KERNEL_NAMES:
                raise ValueError(
                    f"kernel={self.kernel!r} has no invariant form, needed for "
                    f"group={self.group!r}; known names: {_list(KERNEL_NAMES)}"
                )
        elif not isinstance(self.kernel, Kernel):
            raise ValueError(
                "a callable kernel cannot be averaged over a group; use a kernel object of "
                f"sklearn.gaussian_process.kernels or one of the names {_list(KERNEL_NAMES)}"
            )

    def bind(self, n_features: int, names: Any = None) -> BoundKernel:
        """Make the kernel for samples of `n_features` features, which may have names.

        Raises
        ------
        ValueError
            If the group does not act on that many features, or the kernel cannot be averaged.
        """
        if not self.invariant:
            return self._bind_plain(n_features)
        group = bind(self.named_group, n_features, names)
        if n_features != group.degree:
            raise ValueError(f"X has {n_features} features; {group!r} acts on {group.degree}")
        if isinstance(self.kernel, InvariantKernel):
            kernel = clone(self.kernel).set_params(group=group)
        else:
            kernel = InvariantKernel(self._base(n_features), group, method=self.method)
        return BoundKernel(kernel, group)

    def _bind_plain(self, n_features: int) -> BoundKernel:
        if isinstance(self.kernel, str) and self.kernel not in _SKLEARN_NAMES:
            return BoundKernel(self._base(n_features), None)
        if isinstance(self.kernel, str):
            params: dict[str, Any] = {"degree": self.degree, "coef0": self.coef0}
            if self.gamma is not None:  # else the default of each kernel function
                params["gamma"] = self.gamma
            return BoundKernel(self.kernel, None, params)
        kernel = clone(self.kernel) if self.of_sets else self.kernel
        return BoundKernel(kernel, None, dict(self.kernel_params or {}))

    def _base(self, n_features: int) -> Kernel:
        if not isinstance(self.kernel, str):
            return self.kernel
        return base_kernel_from_name(
            self.kernel,
            gamma=self.gamma,
            degree=self.degree,
            coef0=self.coef0,
            kernel_params=self.kernel_params,
            n_features=n_features,
        )


_SKLEARN_NAMES = frozenset(PAIRWISE_KERNEL_FUNCTIONS) | {"precomputed"}
_PLAIN_NAMES = _SKLEARN_NAMES | set(KERNEL_NAMES)


def _list(names: Any) -> str:
    return ", ".join(repr(name) for name in sorted(names))


@dataclass(frozen=True)
class BoundKernel:
    """A kernel ready to compute.

    Parameters
    ----------
    kernel : InvariantKernel, Kernel, str or callable
        What computes: an InvariantKernel, or whatever ``pairwise_kernels`` takes.
    group : Group or None
        Group that acts on the features.
    params : dict
        Further arguments of ``pairwise_kernels``.
    """

    kernel: Any
    group: Group | None
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def packs(self) -> bool:
        """Whether there is a Gram matrix in packed form."""
        return isinstance(self.kernel, InvariantKernel)

    def gram_packed(self, X: Any, n_jobs: int | None) -> Array:
        """Return the lower triangle of the Gram matrix, (n (n + 1) / 2,); checks that it fits."""
        return np.asarray(self.kernel.gram_packed(X, n_jobs=n_jobs))

    def gram(self, X: Any, n_jobs: int | None) -> Array:
        """Return the Gram matrix of shape (n, n) that the caller may overwrite."""
        if isinstance(self.kernel, InvariantKernel | SetKernel):
            return np.asarray(self.kernel.gram(X, n_jobs=n_jobs))
        K = self._pairwise(X, None, n_jobs)
        shared = K is X or np.may_share_memory(K, X) if isinstance(X, np.ndarray) else False
        return K.copy() if shared else K

    def product(self, X: Any, Y: Any, V: Array, n_jobs: int | None) -> Array:
        """Return K(X, Y) V of shape (n, t) for V of shape (m, t), by blocks of rows."""
        if isinstance(self.kernel, InvariantKernel | SetKernel):
            return np.asarray(self.kernel.matvec(X, Y, V, n_jobs=n_jobs))
        n = X.shape[0]
        rows = max(1, _BLOCK_ENTRIES // max(1, Y.shape[0]))
        if (isinstance(self.kernel, str) and self.kernel == "precomputed") or n <= rows:
            return np.asarray(self._pairwise(X, Y, n_jobs) @ V)
        X = X.tocsr() if issparse(X) else X
        blocks = [self._pairwise(X[i : i + rows], Y, n_jobs) @ V for i in range(0, n, rows)]
        return np.concatenate(blocks)

    def cross(self, X: Any, Y: Any, n_jobs: int | None) -> Any:
        """Return K(X, Y) of shape (n, m)."""
        if isinstance(self.kernel, InvariantKernel | SetKernel):
            return self.kernel.gram(X, Y, n_jobs=n_jobs)
        return self._pairwise(X, Y, n_jobs)

    def diag(self, X: Any) -> Any:
        """Return K(x, x) of every row, shape (n,).

        Raises
        ------
        ValueError
            If X is a Gram matrix, which does not say.
        """
        if isinstance(self.kernel, Kernel):
            return self.kernel.diag(X)
        if isinstance(self.kernel, str) and self.kernel == "precomputed":
            raise ValueError(
                "return_std=True needs k(x, x), which kernel='precomputed' does not tell; give the "
                "kernel itself, as an object or a callable"
            )
        X = X.tocsr() if issparse(X) else X
        rows = _DIAGONAL_ROWS if isinstance(self.kernel, str) else 1
        blocks = (X[i : i + rows] for i in range(0, X.shape[0], rows))
        return np.concatenate([self._pairwise(block, None, None).diagonal() for block in blocks])

    def _pairwise(self, X: Any, Y: Any, n_jobs: int | None) -> Array:
        return np.asarray(
            pairwise_kernels(
                X, Y, metric=self.kernel, filter_params=True, n_jobs=n_jobs, **self.params
            )
        )
