"""Add up averages over several groups, with weights that are learned."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from symkernel.groups import Group, Trivial
from symkernel.groups.registry import is_group
from symkernel.kernels.invariant import InvariantKernel
from symkernel.kernels.parameters import BaseParameters
from symkernel.kernels.text import written
from symkernel.validation import as_array, check_samples

__all__ = ["ChainKernel"]

Array = NDArray[Any]


class ChainKernel(BaseParameters):
    r"""Sum of the averages of one base kernel over several groups: ``sum_i a_i K_{G_i}``.

    A Gaussian process with this kernel is a sum of functions, each invariant under one of the
    groups, whose shares ``a_i`` are hyperparameters. With a group, a subgroup and None it says how
    much of a target has which symmetry.

    Parameters
    ----------
    base : sklearn.gaussian_process.kernels.Kernel
        Base kernel, as ``InvariantKernel`` takes for each of the groups; all share it. Length
        scales per feature must be equal on features that any of the groups mixes.
    groups : sequence of Group, str or None
        One or more groups that act on the samples; None for the base kernel itself.
    weights : array-like of shape (n_groups,), default=None
        Shares, positive; None for 1 / n_groups each, the mean of the averages.
    weights_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Bounds for hyperparameter optimisation.

    Raises
    ------
    TypeError, ValueError
        On call, as ``InvariantKernel``; for no groups, or weights of another length or not
        positive.

    Notes
    -----
    Costs what the invariant kernels of all groups cost together. ``theta`` holds the logarithms of
    the base's hyperparameters, then those of the weights.

    Examples
    --------
    The mean of the averages over a group and a subgroup:

    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import ChainKernel, InvariantKernel, groups
    >>> G, H = groups.Symmetric(3), groups.Cyclic(3)
    >>> X = np.random.default_rng(0).normal(size=(4, 3))
    >>> both = InvariantKernel(RBF(), G)(X) + InvariantKernel(RBF(), H)(X)
    >>> bool(np.allclose(ChainKernel(RBF(), [G, H])(X), both / 2))
    True
    """

    method = "auto"
    normalize = False
    device = "auto"

    _members: list[InvariantKernel] | None = None

    def __init__(
        self,
        base: Kernel,
        groups: Any,
        weights: Any = None,
        weights_bounds: tuple[float, float] | str = (1e-5, 1e5),
    ) -> None:
        self.base = base
        self.groups = groups
        self.weights = weights
        self.weights_bounds = weights_bounds

    @property
    def group(self) -> Any:  # type: ignore[override]
        """The groups, for what names them in messages."""
        return self.groups

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of this kernel, and with `deep` those of the base as ``base__<name>``."""
        names = ("base", "groups", "weights", "weights_bounds")
        params = {name: getattr(self, name) for name in names}
        if deep and hasattr(self.base, "get_params"):
            params.update((f"base__{k}", v) for k, v in self.base.get_params().items())
        return params

    # -- hyperparameters ----------------------------------------------------------------------

    @property
    def hyperparameter_weights(self) -> Hyperparameter:
        """Description of the weights for optimisers."""
        return Hyperparameter("weights", "numeric", self.weights_bounds, self._weights().size)

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """Hyperparameters of the base, and the weights."""
        return [*super().hyperparameters, self.hyperparameter_weights]

    @property
    def theta(self) -> Array:
        """Logarithms of the free hyperparameters: those of the base, then the weights."""
        own = np.zeros(0) if self.hyperparameter_weights.fixed else np.log(self._weights())
        return np.concatenate([super().theta, own])

    @theta.setter
    def theta(self, theta: Array) -> None:
        theta = np.asarray(theta)
        own = 0 if self.hyperparameter_weights.fixed else self._weights().size
        if len(theta) < own:
            raise ValueError(f"theta must have {self.n_dims} entries, got {len(theta)}")
        self._set_base_theta(theta[: len(theta) - own])
        if own:
            self.weights = np.exp(theta[len(theta) - own :])

    @property
    def bounds(self) -> Array:
        """Logarithms of the bounds of theta, shape (n_dims, 2)."""
        h = self.hyperparameter_weights
        own = np.zeros((0, 2))
        if not h.fixed:
            own = np.log(np.broadcast_to(h.bounds, (h.n_elements, 2)))
        return np.vstack([super().bounds, own])

    def __repr__(self) -> str:
        listed = ", ".join("None" if G is None else repr(G) for G in self.groups)
        options = ""
        if self.weights is not None:
            options += f", weights={written(np.asarray(self.weights, float).tolist())}"
        if self.weights_bounds != (1e-5, 1e5):
            options += f", weights_bounds={self.weights_bounds!r}"
        return f"ChainKernel({written(self.base)}, [{listed}]{options})"

    def _weights(self) -> NDArray[np.float64]:
        if isinstance(self.groups, str | Group) or not len(self.groups):
            raise ValueError(
                f"groups must be a sequence of one or more groups or None, got {self.groups!r}"
            )
        count = len(self.groups)
        if self.weights is None:
            return np.full(count, 1.0 / count)
        weights = np.asarray(as_array(self.weights, "weights"), np.float64)
        if weights.shape != (count,):
            raise ValueError(f"weights must have shape ({count},), got {weights.shape}")
        if not (np.isfinite(weights).all() and (weights > 0).all()):
            raise ValueError(
                f"weights must be positive and finite, got {self.weights!r}: leave out a group "
                "that shall not count"
            )
        return weights

    # -- members ------------------------------------------------------------------------------

    def _kernels(self, n_features: int) -> list[InvariantKernel]:
        """Invariant kernels of the groups, which keep their plans from call to call."""
        self._weights()
        known = self._members
        stale = known is None or len(known) != len(self.groups)
        if stale or any(
            m.group is not G and not (G is None and m.group.degree == n_features)  # type: ignore[union-attr]
            for m, G in zip(known or [], self.groups, strict=False)
        ):
            for G in self.groups:
                if G is not None and not is_group(G):
                    raise TypeError(
                        f"groups must hold groups, names or None, got {type(G).__name__}"
                    )
            known = [
                InvariantKernel(self.base, Trivial(n_features) if G is None else G)
                for G in self.groups
            ]
            self._members = known
        assert known is not None
        for member in known:
            member.base = self.base
        return known

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_members": None}

    def _labels(self, h: Hyperparameter) -> Array | None:
        """Label features equal that any of the groups mixes."""
        if h.name != "length_scale" or h.n_elements == 1:
            return None
        d = h.n_elements
        # features of the same label, in each of the groups, as edges of a graph
        rows, columns, offset = [], [], d
        for member in self._kernels(d):
            labels = member._labels(h)
            assert labels is not None
            rows.append(np.arange(d))
            columns.append(offset + labels)
            offset += int(labels.max()) + 1
        ones = np.ones(d * len(rows))
        graph = coo_array((ones, (np.concatenate(rows), np.concatenate(columns))), (offset, offset))
        found = connected_components(graph, directed=False)[1][:d]
        _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
        return np.asarray(np.argsort(np.argsort(first))[inverse])

    def _onto_shared(self, member: InvariantKernel) -> Array:
        """Matrix (own dims, dims) that takes derivatives for a member's theta to those for ours."""
        blocks = []
        for (h, shared), (_, own) in zip(self._described(), member._described(), strict=True):
            if h.fixed:
                continue
            if shared is None or own is None:
                blocks.append(np.eye(h.n_elements))
                continue
            block = np.zeros((int(own.max()) + 1, int(shared.max()) + 1))
            block[own, shared] = 1.0
            blocks.append(block)
        total = np.zeros((sum(len(b) for b in blocks), sum(b.shape[1] for b in blocks)))
        i = j = 0
        for block in blocks:
            total[i : i + len(block), j : j + block.shape[1]] = block
            i, j = i + len(block), j + block.shape[1]
        return total

    def _checked(self, X: Any) -> tuple[Array, list[InvariantKernel]]:
        self._weights()
        bound = next((G for G in self.groups if isinstance(G, Group)), None)
        rows = check_samples(X, "X", bound)
        return rows, self._kernels(rows.shape[1])

    # -- values -------------------------------------------------------------------------------

    @overload
    def __call__(self, X: Any, Y: Any = None, eval_gradient: Literal[False] = False) -> Array: ...

    @overload
    def __call__(
        self, X: Any, Y: Any = None, *, eval_gradient: Literal[True]
    ) -> tuple[Array, Array]: ...

    def __call__(
        self, X: Any, Y: Any = None, eval_gradient: bool = False
    ) -> Array | tuple[Array, Array]:
        """Gram matrix (n, m), and its gradient (n, n, n_dims) for theta when asked.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples.
        Y : array-like of shape (m, n_features) or (m, *group.shape), optional
            Second set of samples; X when None.
        eval_gradient : bool, default=False
            Whether to return the gradient as well; only for `Y=None`.
        """
        if not eval_gradient:
            return self.gram(X, Y)
        if Y is not None:
            raise ValueError("Gradient can only be evaluated when Y is None.")
        X, kernels = self._checked(X)
        free = not self.hyperparameter_weights.fixed
        total: Any = 0.0
        planes: Any = 0.0
        parts = []
        for weight, kernel in zip(self._weights(), kernels, strict=True):
            K, gradient = kernel(X, eval_gradient=True)
            share = float(weight) * K
            total = total + share
            onto = self._onto_shared(kernel).astype(K.dtype)
            planes = planes + float(weight) * (gradient @ onto)
            parts.append(share[:, :, None])
        return np.asarray(total), np.concatenate([planes, *(parts if free else [])], axis=2)

    def gram(self, X: Any, Y: Any = None, *, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m), as calling the kernel, with a number of threads.

        Parameters
        ----------
        X, Y, n_jobs
            As in ``InvariantKernel.gram``.

        Raises
        ------
        TypeError, ValueError
            If samples are not what the groups act on, or weights are not positive, one a group.
        """
        X, kernels = self._checked(X)
        if Y is not None:
            Y = self._checked(Y)[0]
        return self._sum(kernels, lambda kernel: kernel.gram(X, Y, n_jobs=n_jobs))

    def diag(self, X: Any) -> Array:
        """K(x_i, x_i), shape (n,), at n pairs and without the Gram matrix."""
        X, kernels = self._checked(X)
        return self._sum(kernels, lambda kernel: kernel.diag(X))

    def matvec(self, X: Any, Y: Any, V: Any, *, n_jobs: int | None = None) -> Array:
        """K(X, Y) V without storing K, for V of shape (m,) or (m, c); Y=None means X."""
        X, kernels = self._checked(X)
        Y = None if Y is None else self._checked(Y)[0]
        return self._sum(kernels, lambda kernel: kernel.matvec(X, Y, V, n_jobs=n_jobs))

    def gradient_x(self, X: Any, Y: Any, weights: Any, *, n_jobs: int | None = None) -> Array:
        """Gradient of ``sum_j weights[j] K(x, y_j)`` at every row of X, of the shape of X.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples at which gradients are wanted.
        Y : array-like of shape (m, n_features) or (m, *group.shape), or None for X
            Samples that the function is made of.
        weights : array-like of shape (m,) or (m, c)
            Weights of one function, or of c; their gradients have shape (n, c, ...).
        n_jobs : int, optional
            Threads: None for as many as OpenMP takes, -1 for all.
        """
        shape = tuple(np.shape(X)[1:])
        X, kernels = self._checked(X)
        Y = None if Y is None else self._checked(Y)[0]
        total = self._sum(kernels, lambda k: k.gradient_x(X, Y, weights, n_jobs=n_jobs))
        return total.reshape(*total.shape[:-1], *shape)

    def _sum(self, kernels: list[InvariantKernel], compute: Any) -> Array:
        terms = zip(self._weights(), kernels, strict=True)
        return np.asarray(sum(float(weight) * compute(kernel) for weight, kernel in terms))
