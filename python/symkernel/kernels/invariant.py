"""The group average of a base kernel, as a scikit-learn kernel."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from symkernel.backends.arrays import is_on_device, like, namespace
from symkernel.backends.execute import require_room
from symkernel.backends.memory import require_memory
from symkernel.backends.packed import diagonal, packed_shape, scale
from symkernel.groups import Group, from_name
from symkernel.kernels import moving
from symkernel.kernels.base import NativeKernel
from symkernel.kernels.remembered import RememberedPlan
from symkernel.kernels.translate import spec_of, tie_gradient
from symkernel.plans import NotApplicableError, Plan, make_plan
from symkernel.validation import as_array, check_flag, check_pair

Array = NDArray[Any]

# Entries of a Gram matrix that are scaled at a time.
_BLOCK_ENTRIES = 2**18

_NYSTROEM = (
    "sklearn.kernel_approximation.Nystroem(kernel=InvariantKernel(...)) and a linear model need no "
    "square matrix."
)
_ADVICE = f"Use fewer samples, float32, or matvec, which never stores the matrix; {_NYSTROEM}"


class InvariantKernel(Kernel):  # type: ignore[misc]
    r"""Average of a base kernel over a group: ``K_G(x, y) = mean over g of k(x, g y)``.

    The average is invariant in each argument, symmetric and positive semidefinite whenever the
    group leaves the base kernel invariant, ``k(g x, g y) = k(x, y)``; a base kernel that it does
    not is refused. It is an ordinary scikit-learn kernel, with hyperparameters those of the base:
    use it in ``GaussianProcessRegressor``, ``KernelRidge(kernel=...)``, ``SVC(kernel=...)``, and in
    arithmetic such as ``ConstantKernel() * InvariantKernel(RBF(), G) + WhiteKernel()``.

    Parameters
    ----------
    base : sklearn.gaussian_process.kernels.Kernel
        RBF, Matern (nu 0.5, 1.5, 2.5, inf; any nu where the group has a closed form),
        RationalQuadratic or DotProduct of scikit-learn; Polynomial, Laplacian, ArcCosine or
        VonMises of symkernel.kernels; HeatKernel, SobolevKernel or PolynomialKernel of
        symkernel.spectral. A length scale per feature is allowed where the group
        leaves that metric invariant.
    group : Group or str
        Group that acts on the samples, or the name of one that acts on all features, such as
        "symmetric" (see ``symkernel.groups.from_name``).
    method : str, default="auto"
        How to average: "sum", "closed_form" or "fourier", which are exact, "quadrature" or
        "sample", which are not and say so; "spectral" for base kernels of symkernel.spectral,
        which are given by their spectrum; "auto" takes the cheapest exact method, and a
        quadrature, with a warning, only where there is none. ``plan()`` says which. No averages,
        but invariant kernels of their own, are "frame", of a few points of every orbit and
        continuous everywhere, "canonical", of one point of every orbit, and "orbit_distance": the
        base kernel of min over g of |x - g y|, for reflection groups alone.
    normalize : bool, default=False
        Divide by ``sqrt(K(x, x) K(y, y))``, which makes the diagonal one: without it points with
        a large stabiliser have a larger diagonal.
    degree : int, optional
        Degree of exactness for ``method="quadrature"``. None has it chosen from the samples of the
        first call, and kept for later ones, so that a model predicts with the kernel that it was
        fitted with: until a parameter changes, and in pickles, but not in clones.
    n_samples : int, default=32
        Number of random elements for ``method="sample"``.
    random_state : int, default=0
        Seed of ``method="sample"``; a fixed one, so that all calls average over the same elements.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where to compute: "auto" where the samples live; "cuda" and "cpu" move them, and bring the
        result back to where the samples live.

    Raises
    ------
    TypeError, ValueError
        On call, for a base kernel that cannot be averaged over the group, samples that do not fit
        the group, NaN or infinity; the message names the argument and what came.
    MemoryError
        If the Gram matrix would not fit; raised before it is allocated.

    Notes
    -----
    Cost per pair: |G| inner products and |G| base-kernel values for the orbit sum; see ``plan()``.
    float32 samples give float32 results. Source: Haasdonk & Burkhardt, Invariant kernel functions
    for pattern analysis and machine learning, Machine Learning 68 (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import InvariantKernel, groups
    >>> k = InvariantKernel(RBF(1.0), groups.Cyclic(3))
    >>> X = np.array([[0.0, 1.0, 2.0]])
    >>> bool(np.isclose(k(X, X)[0, 0], k(X, np.roll(X, 1, axis=1))[0, 0]))
    True
    """

    _remembered: RememberedPlan | None = None

    def __init__(
        self,
        base: Kernel,
        group: Group | str,
        method: str = "auto",
        normalize: bool = False,
        degree: int | None = None,
        n_samples: int = 32,
        random_state: int = 0,
        device: Literal["auto", "cpu", "cuda"] = "auto",
    ) -> None:
        self.base = base
        self.group = group
        self.method = method
        self.normalize = normalize
        self.degree = degree
        self.n_samples = n_samples
        self.random_state = random_state
        self.device = device

    # ---- hyperparameters are those of the base ------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of this kernel, and with `deep` those of the base as ``base__<name>``."""
        params = {
            "base": self.base,
            "group": self.group,
            "method": self.method,
            "normalize": self.normalize,
            "degree": self.degree,
            "n_samples": self.n_samples,
            "random_state": self.random_state,
            "device": self.device,
        }
        if deep and hasattr(self.base, "get_params"):
            params.update((f"base__{k}", v) for k, v in self.base.get_params().items())
        return params

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """Hyperparameters of the base, named ``base__<name>``."""
        return [
            Hyperparameter(f"base__{h.name}", h.value_type, h.bounds, h.n_elements)
            for h in self.base.hyperparameters
        ]

    @property
    def theta(self) -> Array:
        """Logarithms of the free hyperparameters."""
        return np.asarray(self.base.theta)

    @theta.setter
    def theta(self, theta: Array) -> None:
        self.base.theta = theta

    @property
    def bounds(self) -> Array:
        """Logarithms of the bounds of the free hyperparameters, shape (n_dims, 2)."""
        return np.asarray(self.base.bounds)

    def is_stationary(self) -> bool:
        """Whether the kernel depends on x - y only: an average never does."""
        return False

    @property
    def requires_vector_input(self) -> bool:
        """Whether samples are feature vectors: always."""
        return True

    def __repr__(self) -> str:
        options = "" if self.method == "auto" else f", method={self.method!r}"
        options += ", normalize=True" if self.normalize else ""
        options += "" if self.device == "auto" else f", device={self.device!r}"
        return f"InvariantKernel({self.base!r}, {self.group!r}{options})"

    # ---- plan ----------------------------------------------------------------------------------

    def plan(self, n_features: int | None = None) -> Plan:
        """How the average will be computed: method, exactness, cost per pair.

        Parameters
        ----------
        n_features : int, optional
            Number of features; needed only for a group given by name.

        Returns
        -------
        Plan
            Its ``str`` is readable. After a call it is the plan of that call, and knows the error
            measured there.

        Raises
        ------
        ValueError
            If the group is a name and `n_features` is missing, or the method does not apply.
        """
        if isinstance(self.group, str) and n_features is None:
            raise ValueError(f"group={self.group!r} is a name: plan(n_features) needs a number")
        group = self._bound_group(n_features)
        options = {
            "degree": self.degree,
            "n_samples": self.n_samples,
            "random_state": self.random_state,
        }
        named = n_features if isinstance(self.group, str) else None
        words = (self.method, *options.values(), named)
        last = self._remembered
        if last is None or not last.serves(self.base, self.group, words):
            plan = self._make_plan(group, options)
            self._remembered = RememberedPlan(self.base, self.group, words, plan)
            return plan
        if last.plan is None:  # it comes from a pickle
            last.plan = make_plan(
                spec_of(self.base, group), group, "quadrature", {"resumed": last.chosen}
            )
        return last.plan

    def _make_plan(self, group: Group, options: dict[str, Any]) -> Plan:
        # A kernel that is given by its spectrum averages itself: over invariant functions.
        spectral = getattr(self.base, "spectral_plan", None)
        if self.method == "spectral" and spectral is None:
            raise NotApplicableError(
                "method='spectral' needs a base kernel that is given by its spectrum, such as "
                f"HeatKernel, SobolevKernel or PolynomialKernel of symkernel.spectral, not "
                f"{self.base!r}"
            )
        if spectral is not None and self.method in ("auto", "spectral"):
            plan: Plan = spectral(group)
            return plan
        return make_plan(spec_of(self.base, group), group, self.method, options)

    def _bound_group(self, n_features: int | None) -> Group:
        if isinstance(self.group, str):
            if n_features is None:
                raise ValueError(f"group={self.group!r} is a name and needs n_features")
            return from_name(self.group, n_features)
        if not isinstance(self.group, Group):
            raise TypeError(f"group must be a Group or a name, got {type(self.group).__name__}")
        return self.group

    def _prepare(self, X: Any, Y: Any) -> tuple[Array, Array | None, Plan]:
        check_flag(self.normalize, "normalize")
        if isinstance(self.group, str):
            X, Y = check_pair(X, Y)
        else:
            X, Y = check_pair(X, Y, self._bound_group(None))
        if isinstance(self.base, NativeKernel):
            self.base._check_range(X, Y)
        return X, Y, self.plan(X.shape[1])

    def _where_samples_live(self) -> Self:
        """Copy that computes on the device it is given samples of."""
        here: Self = clone(self)
        here.device = "auto"
        return here

    # ---- values --------------------------------------------------------------------------------

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
        free = self._free_entries()
        require_room(X, (n, n, 1 + len(free)), X.itemsize, "the Gram matrix and gradient", _ADVICE)
        K, gradient = plan.gradient(X)
        if self.normalize:
            K, gradient = _normalized_gradient(K, gradient, *plan.diag_gradient(X))
        return K, tie_gradient(self.base, self._bound_group(X.shape[1]), gradient)[:, :, free]

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
        require_room(X, (X.shape[0], m), X.itemsize, "the Gram matrix", _ADVICE)
        K = plan.gram(X, Y, n_jobs)
        if not self.normalize:
            return K
        left = _inverse_root(plan.diag(X, n_jobs))
        right = left if Y is None else _inverse_root(plan.diag(Y, n_jobs))
        rows = max(1, _BLOCK_ENTRIES // max(1, m))
        for i in range(0, len(K), rows):  # l_i l_j first: K(X, X) stays symmetric to the last digit
            K[i : i + rows] *= left[i : i + rows, None] * right
        if Y is None:
            _set_diagonal(K, left > 0)
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
            X.itemsize,
            f"the Gram matrix of {n} samples" + (", in packed form" if plan.packs else ""),
            f"Use fewer samples{'' if X.dtype == np.float32 else ', or float32'}; {_NYSTROEM}",
        )
        packed = plan.gram_packed(X, n_jobs)
        if self.normalize:
            root = _inverse_root(plan.diag(X, n_jobs))
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
            columns = columns * _inverse_root(plan.diag(Y, n_jobs))[:, None]
        product = plan.matvec(X, Y, columns, n_jobs)
        if self.normalize:
            product *= _inverse_root(plan.diag(X, n_jobs))[:, None]
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
        shape = tuple(X.shape[1:]) if is_on_device(X) else np.shape(X)[1:]
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
        require_room(X, (n, c, X.shape[1]), X.itemsize, "the gradient", "Use fewer samples.")
        if self.normalize:
            columns = columns * _inverse_root(plan.diag(Y, n_jobs))[:, None]
        gradient = plan.gradient_x(X, Y, columns, n_jobs)
        if self.normalize:  # f = r (K w) with r = K(x, x)^(-1/2), grad r = -r grad K(x, x) / 2 K
            diagonal = plan.diag(X, n_jobs)
            root = _inverse_root(diagonal)
            safe = namespace(X).where(root > 0, diagonal, 1)
            slope = plan.diag_gradient_x(X, n_jobs) / (2 * safe)[:, None]
            values = plan.matvec(X, Y, columns, n_jobs)
            gradient -= values[:, :, None] * slope[:, None, :]
            gradient *= root[:, None, None]
        return gradient.reshape(n, *tail, *shape)

    def _free_entries(self) -> list[int]:
        """Positions of the free hyperparameters among the native derivatives."""
        entries: list[int] = []
        at = 0
        for h in self.base.hyperparameters:
            if not h.fixed:
                entries.extend(range(at, at + h.n_elements))
            at += h.n_elements
        return entries


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


def _inverse_root(diagonal: Array) -> Array:
    """1/sqrt(K(x, x)), and 0 where the average vanishes (K(x, .) is then 0 as well)."""
    xp = namespace(diagonal)
    positive = diagonal > 0
    root: Array = xp.where(positive, 1 / xp.sqrt(xp.where(positive, diagonal, 1)), 0)
    return root.astype(diagonal.dtype)


def _set_diagonal(K: Array, values: Array) -> None:
    """Write the diagonal of a C-ordered matrix in place, on whatever device."""
    K.reshape(-1)[:: len(K) + 1] = values


def _normalized_gradient(
    K: Array, gradient: Array, diagonal: Array, diagonal_gradient: Array
) -> tuple[Array, Array]:
    """Quotient rule for K_ij / sqrt(K_ii K_jj)."""
    root = _inverse_root(diagonal)
    K = K * (root[:, None] * root)
    _set_diagonal(K, root > 0)
    slope = diagonal_gradient * (root * root)[:, None] / 2
    gradient = gradient * (root[:, None] * root)[:, :, None]
    gradient -= K[:, :, None] * (slope[:, None, :] + slope[None, :, :])
    return K, gradient
