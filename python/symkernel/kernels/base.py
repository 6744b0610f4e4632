"""Compute the base kernels that scikit-learn lacks, as scikit-learn kernels."""

from __future__ import annotations

import math
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from symkernel.backends.arrays import namespace
from symkernel.groups import Group, Trivial
from symkernel.kernels.text import expression
from symkernel.plans.base import BaseSpec, Plan
from symkernel.plans.planner import make_plan
from symkernel.validation import as_floats, as_number, check_pair, check_samples

Array = NDArray[Any]
Bounds = tuple[float, float] | str


class NativeKernel(Kernel):  # type: ignore[misc]
    """A scikit-learn kernel whose arithmetic is native: the average over the trivial group."""

    def _spec(self, group: Group) -> BaseSpec:
        """Native description of this kernel, to be averaged over a group."""
        raise AttributeError("a kernel describes itself to the native core")

    def _check_range(self, X: Array, Y: Array | None) -> None:
        """Raise ValueError where values leave the range of numbers; most kernels are bounded."""

    def _plan(self, n_features: int) -> Plan:
        alone = Trivial(n_features)
        return make_plan(self._spec(alone), alone)

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
        X : array-like of shape (n, n_features)
            Samples.
        Y : array-like of shape (m, n_features), optional
            Second set of samples; X when None.
        eval_gradient : bool, default=False
            Whether to return the gradient as well; only for `Y=None`.

        Returns
        -------
        K : ndarray of shape (n, m)
            Gram matrix.
        K_gradient : ndarray of shape (n, n, n_dims)
            Only if `eval_gradient`.
        """
        X, Y = check_pair(X, Y)
        self._check_range(X, Y)
        plan = self._plan(X.shape[1])
        if not eval_gradient:
            return plan.gram(X, Y)
        if Y is not None:
            raise ValueError("Gradient can only be evaluated when Y is None.")
        K, gradient = plan.gradient(X)
        every = self.hyperparameters
        free = np.repeat([not h.fixed for h in every], [h.n_elements for h in every])
        return K, gradient[:, :, free]

    def diag(self, X: Any) -> Array:
        """K(x_i, x_i), shape (n,), without the Gram matrix."""
        X = check_samples(X)
        self._check_range(X, None)
        return self._plan(X.shape[1]).diag(X)

    def is_stationary(self) -> bool:
        """Whether the kernel depends on x - y only."""
        return False

    def __repr__(self) -> str:
        return expression(self)


class Polynomial(NativeKernel):
    """Polynomial kernel ``(gamma x.y + coef0)^degree``.

    Parameters
    ----------
    degree : int, default=3
        Degree, at least 0; fixed.
    gamma : float, default=1.0
        Factor of the inner product, positive.
    coef0 : float, default=1.0
        Constant, at least 0 (negative constants are not positive semidefinite). Use
        ``coef0_bounds="fixed"`` with 0, whose logarithm does not exist.
    gamma_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Bounds for hyperparameter optimisation.
    coef0_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Bounds for hyperparameter optimisation.

    Raises
    ------
    ValueError
        On call, for a degree that is not a non-negative integer, gamma <= 0 or coef0 < 0.

    Notes
    -----
    O(n m n_features). Sources: Rasmussen & Williams, Gaussian Processes for Machine Learning
    (2006), section 4.2.2.

    Examples
    --------
    >>> from symkernel.kernels import Polynomial
    >>> Polynomial(degree=2)([[1.0, 2.0]], [[3.0, 1.0]])
    array([[36.]])
    """

    def __init__(
        self,
        degree: int = 3,
        gamma: float = 1.0,
        coef0: float = 1.0,
        gamma_bounds: Bounds = (1e-5, 1e5),
        coef0_bounds: Bounds = (1e-5, 1e5),
    ) -> None:
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.gamma_bounds = gamma_bounds
        self.coef0_bounds = coef0_bounds

    @property
    def hyperparameter_coef0(self) -> Hyperparameter:
        """Description of coef0 for optimisers."""
        return Hyperparameter("coef0", "numeric", self.coef0_bounds)

    @property
    def hyperparameter_gamma(self) -> Hyperparameter:
        """Description of gamma for optimisers."""
        return Hyperparameter("gamma", "numeric", self.gamma_bounds)

    def _spec(self, group: Group) -> BaseSpec:
        if as_number(self.degree, "degree", 0.0) != int(self.degree):
            raise ValueError(f"degree must be a non-negative integer, got {self.degree!r}")
        as_number(self.gamma, "gamma", 0.0, strict=True)
        as_number(self.coef0, "coef0", 0.0)
        return BaseSpec(
            "polynomial", (float(self.coef0), float(self.gamma), float(int(self.degree)))
        )

    # |x.y| <= |x| |y|, and K(x, x) reaches the bound.
    def _check_range(self, X: Array, Y: Array | None) -> None:
        self._spec(Trivial(X.shape[1]))  # checks parameters
        xp = namespace(X)
        sizes = [
            float(xp.sqrt(xp.square(Z, dtype=np.float64).sum(axis=1).max()))
            for Z in (X, X if Y is None else Y)
            if Z.size
        ]
        largest = self.gamma * math.prod(sizes) + self.coef0
        digits = self.degree * math.log10(largest) if largest > 0 else 0.0
        if digits >= math.log10(float(np.finfo(X.dtype).max)):
            raise ValueError(
                f"degree={self.degree} is too large for these samples: (gamma |x| |y| + coef0)^"
                f"degree reaches 1e{digits:.0f}, beyond {X.dtype}; scale the samples, or lower "
                "gamma or degree"
            )


class Laplacian(NativeKernel):
    """Laplacian kernel ``exp(-gamma |x - y|_1)`` of the L1 distance.

    Only permutations and signed permutations leave the L1 distance invariant, so only their
    groups can be averaged over.

    Parameters
    ----------
    gamma : float, default=1.0
        Inverse length, positive.
    gamma_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Bounds for hyperparameter optimisation.

    Raises
    ------
    ValueError
        On call, for gamma <= 0.

    Notes
    -----
    O(n m n_features). Equals ``sklearn.metrics.pairwise.laplacian_kernel``.

    Examples
    --------
    >>> from symkernel.kernels import Laplacian
    >>> float(Laplacian(gamma=0.5)([[0.0, 1.0]], [[0.0, 1.0]])[0, 0])
    1.0
    """

    def __init__(self, gamma: float = 1.0, gamma_bounds: Bounds = (1e-5, 1e5)) -> None:
        self.gamma = gamma
        self.gamma_bounds = gamma_bounds

    @property
    def hyperparameter_gamma(self) -> Hyperparameter:
        """Description of gamma for optimisers."""
        return Hyperparameter("gamma", "numeric", self.gamma_bounds)

    def _spec(self, group: Group) -> BaseSpec:
        as_number(self.gamma, "gamma", 0.0, strict=True)
        return BaseSpec("laplacian", (float(self.gamma),))

    def is_stationary(self) -> bool:
        """Whether the kernel depends on x - y only."""
        return True


class ArcCosine(NativeKernel):
    r"""Arc-cosine kernel of order 0, 1 or 2.

    ``|x|^n |y|^n J_n(theta) / pi`` with theta the angle between x and y and

    - ``J_0 = pi - theta``
    - ``J_1 = sin(theta) + (pi - theta) cos(theta)``
    - ``J_2 = 3 sin(theta) cos(theta) + (pi - theta) (1 + 2 cos(theta)^2)``

    A zero vector is taken at right angles to everything.

    Parameters
    ----------
    order : {0, 1, 2}, default=1
        Order n: the kernel of an infinitely wide layer of step, rectified linear or rectified
        quadratic units.

    Raises
    ------
    ValueError
        On call, for any other order.

    Notes
    -----
    O(n m n_features), no hyperparameters. Source: Cho & Saul, Kernel Methods for Deep Learning,
    NeurIPS 2009, equations 3 to 6.

    Examples
    --------
    >>> from symkernel.kernels import ArcCosine
    >>> ArcCosine(order=0)([[1.0, 0.0]], [[0.0, 2.0]])
    array([[0.5]])
    """

    def __init__(self, order: int = 1) -> None:
        self.order = order

    def _spec(self, group: Group) -> BaseSpec:
        if self.order not in (0, 1, 2):
            raise ValueError(f"order must be 0, 1 or 2, got {self.order!r}")
        return BaseSpec(f"arccosine{int(self.order)}", ())


class VonMises(NativeKernel):
    """Von Mises kernel of angles, ``exp(kappa sum_i (cos(x_i - y_i) - 1))``.

    Features are angles in radians, or of another period. Shifts of angles (``groups.Torus``),
    permutations and changes of sign leave the kernel invariant, and so do motions of a lattice
    (``groups.SpaceGroup``) for ``period=1.0``; other groups are refused.

    Parameters
    ----------
    kappa : float, default=1.0
        Concentration, positive: near x it is the RBF kernel of length scale ``kappa^(-1/2)``.
    kappa_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Bounds for hyperparameter optimisation.
    period : float, default=2 pi
        Of every feature, positive; 1.0 for fractional coordinates.
    modes : sequence of sequences of int, default=None
        Frequencies k: the kernel is then ``exp(kappa sum_k (cos(w k.(x - y)) - 1))`` with w = 2 pi
        / period, summed over points of as many coordinates as each k has entries, which follow one
        another in a sample. None compares every coordinate by itself. ``SpaceGroup.star()`` gives
        those that a space group maps to each other.

    Raises
    ------
    ValueError
        On call, for kappa <= 0 or period <= 0, for modes that are no integers, or whose length
        does not divide the number of features.

    Notes
    -----
    O(n m n_features). The average over a torus is a product of Bessel functions, that over a space
    group a sum over matrices on cosines and sines. Source: Mardia &
    Jupp, Directional Statistics (2000), section 3.5.4.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import InvariantKernel, groups
    >>> from symkernel.kernels import VonMises
    >>> float(VonMises(0.5)([[0.0]], [[2 * np.pi]])[0, 0])
    1.0
    >>> k = InvariantKernel(VonMises(2.0), groups.Torus(1).along(1, (3, 1)))
    >>> bool(np.isclose(k([[0.1, 1.0, 2.0]], [[5.1, 6.0, 7.0]]), k([[0.1, 1.0, 2.0]]))[0, 0])
    True
    """

    def __init__(
        self,
        kappa: float = 1.0,
        kappa_bounds: Bounds = (1e-5, 1e5),
        period: float = 2.0 * math.pi,
        modes: Any = None,
    ) -> None:
        self.kappa = kappa
        self.kappa_bounds = kappa_bounds
        self.period = period
        self.modes = modes

    @property
    def hyperparameter_kappa(self) -> Hyperparameter:
        """Description of kappa for optimisers."""
        return Hyperparameter("kappa", "numeric", self.kappa_bounds)

    def _spec(self, group: Group) -> BaseSpec:
        as_number(self.kappa, "kappa", 0.0, strict=True)
        as_number(self.period, "period", 0.0, strict=True)
        parameters = (float(self.kappa), float(self.period))
        return BaseSpec("von_mises", parameters, modes=self._listed_modes(group.degree))

    def _listed_modes(self, n_features: int) -> tuple[tuple[int, ...], ...] | None:
        if self.modes is None:
            return None
        array = as_floats(self.modes, "modes", finite=True)
        if array.ndim != 2 or not array.size or not (array == np.rint(array)).all():
            raise ValueError(f"modes must be integers of shape (m, d), got {self.modes!r}")
        if n_features % array.shape[1]:
            raise ValueError(
                f"modes act on points of {array.shape[1]} coordinates, which samples of "
                f"{n_features} features are not made of"
            )
        listed = tuple(tuple(int(entry) for entry in row) for row in array)
        opposite = {tuple(-entry for entry in row) for row in listed}
        if len(set(listed)) < len(listed) or opposite & set(listed):
            raise ValueError(
                f"modes must be different, not 0, and one of each pair +-k, whose cosines are "
                f"equal; got {self.modes!r}"
            )
        return listed

    def is_stationary(self) -> bool:
        """Whether the kernel depends on x - y only."""
        return True
