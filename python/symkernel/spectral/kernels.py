"""Compute kernels of manifolds that are given by their spectrum: Sobolev and heat kernels."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from symkernel.groups import Group, Trivial
from symkernel.kernels.text import expression
from symkernel.spectral.basis import kept_basis
from symkernel.spectral.manifold import Manifold, as_level, is_trivial
from symkernel.spectral.plan import SpectralPlan, SpectrumPart
from symkernel.spectral.polynomials import Polynomials
from symkernel.spectral.reproducing import ReproducingPlan
from symkernel.spectral.subspace import InvariantSubspace
from symkernel.validation import as_number, check_pair, check_samples

__all__ = ["HeatKernel", "SobolevKernel", "SpectralKernel"]

Array = NDArray[np.float64]
Bounds = tuple[float, float] | str

# Levels that are summed one by one beyond the last one used; the rest follows Weyl's law.
_LEVELS_SUMMED = 2000
# Functions that are evaluated together.
_TOGETHER = 2000


class SpectralKernel(Kernel):  # type: ignore[misc]
    """A kernel ``sum_k p(lambda_k) phi_k(x) phi_k(y)`` over the eigenfunctions of a manifold.

    The base of ``SobolevKernel`` and ``HeatKernel``. ``InvariantKernel(kernel, group)`` is its
    average over the group: the same sum over the invariant functions alone.
    """

    manifold: Manifold
    max_level: int | float

    def __repr__(self) -> str:
        return expression(self)

    @abstractmethod
    def _spectrum(self, eigenvalue: Array) -> tuple[Array, Array]:
        """Values at eigenvalues (k,), and derivatives (p, k) for the logarithms of parameters."""

    def _check_parameters(self) -> None:
        if not isinstance(self.manifold, Manifold):
            raise TypeError(f"manifold must be a Manifold, got {type(self.manifold).__name__}")
        if isinstance(self.manifold, Polynomials):
            raise ValueError(
                "manifold must be compact: polynomials on R^d have no Laplacian spectrum; use "
                "PolynomialKernel"
            )
        as_level(self.max_level, "max_level")

    def spectral_plan(self, group: Group) -> SpectralPlan:
        """Tell how the average over a group is computed; what ``InvariantKernel`` asks for.

        Parameters
        ----------
        group : Group
            It must act on the manifold.

        Returns
        -------
        SpectralPlan
            Its ``error`` is what the levels beyond ``max_level`` add to the diagonal of the plain
            kernel, relative to that diagonal: it bounds what they add to K(x, y), invariant or not.

        Raises
        ------
        TypeError, ValueError
            If a parameter is not what is expected, or the group does not act on the manifold.

        Notes
        -----
        Without a group the sum over a level has a closed form (the addition theorem on spheres,
        characters on rotations, theta functions on tori), which is used where it is less work.
        """
        self._check_parameters()
        used, beyond = self._traces()
        if is_trivial(group):
            self.manifold.check(group)
            levels = self.manifold.levels(self.max_level)
            work = self.manifold._pair_work(self.max_level)
            if work < sum(known.multiplicity for known in levels):
                eigenvalues = np.array([known.eigenvalue for known in levels])
                return ReproducingPlan(
                    self.manifold,
                    levels,
                    *self._spectrum(eigenvalues),
                    beyond / (used + beyond),
                    partial(self._by_functions, group),
                )
        return self._by_functions(group)

    def _by_functions(self, group: Group) -> SpectralPlan:
        basis = kept_basis(self, self.manifold, group, self.max_level)
        parts = [self._part(some) for some in _grouped(basis._solve())]
        count = sum(part.width for part in parts)
        used, beyond = self._traces()
        steps = (
            f"{count} functions of {self.manifold!r} to level {self.max_level} that {group!r} "
            "leaves as they are",
            "product of features",
        )
        return SpectralPlan(parts, beyond / (used + beyond), steps, self.manifold.check_points)

    def _part(self, subspaces: list[InvariantSubspace]) -> SpectrumPart:
        widths = [subspace.dimension for subspace in subspaces]
        value, slopes = self._spectrum(np.array([subspace.eigenvalue for subspace in subspaces]))
        return SpectrumPart(
            partial(_evaluate, self.manifold, subspaces),
            sum(widths),
            np.repeat(value, widths),
            np.repeat(slopes, widths, axis=1),
        )

    def truncation(self) -> float:
        """Tell what levels beyond ``max_level`` add to K(x, x), of the plain kernel.

        The sum of p(lambda) times multiplicity, which bounds what they add to K(x, y) and to its
        averages. Summed level by level, and from the 2000th further level on by Weyl's law.

        Examples
        --------
        >>> import numpy as np
        >>> from symkernel.spectral import HeatKernel, Torus
        >>> round(HeatKernel(Torus(1, 2 * np.pi), 1.0, max_level=4).truncation(), 10)
        0.0002470447
        >>> float(round(2 * np.exp(-9) + 2 * np.exp(-16), 10))
        0.0002470447
        """
        self._check_parameters()
        return self._traces()[1]

    def _traces(self) -> tuple[float, float]:
        """Sums of p times multiplicity: of the levels used, and of those beyond."""
        eigenvalues, multiplicities, used = _levels(self.manifold, float(self.max_level))
        terms = self._spectrum(eigenvalues)[0] * multiplicities
        beyond = math.fsum(terms[used:])
        return math.fsum(terms[:used]), beyond + self._rest(multiplicities.sum(), eigenvalues[-1])

    # N(x) = N (x / lambda)^(d/2) from there on, so that the rest is the integral of p dN.
    def _rest(self, functions: float, eigenvalue: float) -> float:
        half = self.manifold.dim / 2.0

        def density(t: float) -> float:  # x = lambda exp(t)
            value = self._spectrum(np.array([eigenvalue * math.exp(t)]))[0][0]
            return float(value) * math.exp(half * t) * half * functions

        return float(quad(density, 0.0, 200.0 / half, limit=200)[0])

    def _plain(self) -> SpectralPlan:
        self._check_parameters()
        return self.spectral_plan(Trivial(self.manifold.n_features))

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
            Samples on the manifold.
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
        plan = self._plain()
        if not eval_gradient:
            return plan.gram(X, Y)
        if Y is not None:
            raise ValueError("Gradient can only be evaluated when Y is None.")
        K, gradient = plan.gradient(X)
        return K, gradient[:, :, [not h.fixed for h in self.hyperparameters]]

    def diag(self, X: Any) -> Array:
        """Return K(x_i, x_i), shape (n,), without the Gram matrix."""
        return self._plain().diag(check_samples(X))

    def is_stationary(self) -> bool:
        """Tell whether the kernel depends on x - y only."""
        return False


@lru_cache(maxsize=16)
def _levels(manifold: Manifold, max_level: float) -> tuple[Array, Array, int]:
    """Eigenvalues and multiplicities of levels, and how many of them are used."""
    used = len(manifold.levels(max_level))
    listed = list(itertools.islice(manifold.all_levels(), used + _LEVELS_SUMMED))
    eigenvalues = np.array([known.eigenvalue for known in listed])
    return eigenvalues, np.array([float(known.multiplicity) for known in listed]), used


def _grouped(subspaces: list[InvariantSubspace]) -> Iterator[list[InvariantSubspace]]:
    """Levels that are evaluated together, which shares work but takes room for their functions."""
    group: list[InvariantSubspace] = []
    for subspace in subspaces:
        if not subspace.dimension:
            continue
        if group and sum(one.dimension for one in group) + subspace.dimension > _TOGETHER:
            yield group
            group = []
        group.append(subspace)
    if group:
        yield group


def _evaluate(
    manifold: Manifold, subspaces: list[InvariantSubspace], X: Array, n_jobs: int | None
) -> Array:
    return manifold._evaluate(subspaces, X, n_jobs)


class HeatKernel(SpectralKernel):
    """Heat kernel ``sum_k exp(-time lambda_k) phi_k(x) phi_k(y)`` of a compact manifold.

    The density at y, with respect to the uniform probability measure, of a diffusion from x:
    for small times close to a Gaussian of variance 2 ``time``. Truncated at ``max_level``.

    Parameters
    ----------
    manifold : Manifold
        ``Torus``, ``LatticeTorus``, ``Sphere``, ``SO3`` or ``Product``.
    time : float, default=0.1
        Positive.
    max_level : int or float, default=10
        Use all levels up to this; see ``truncation`` and ``InvariantKernel.plan`` for what is left.
    time_bounds : pair of floats or "fixed", default=(1e-5, 1e5)
        Bounds for hyperparameter optimisation.

    Raises
    ------
    TypeError, ValueError
        On call, if a parameter is not what is expected, or samples are not on the manifold.

    Notes
    -----
    n D work for D functions, and n m D multiply-adds; without a group n m times the number of
    levels, by the addition theorem. Source: Grigor'yan, Heat Kernel and Analysis
    on Manifolds (2009), chapter 10.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import InvariantKernel, groups
    >>> from symkernel.spectral import HeatKernel, Sphere
    >>> k = InvariantKernel(HeatKernel(Sphere(3), 0.1, max_level=15), groups.PointGroup("I"))
    >>> X = Sphere(3).random_points(4, random_state=0)
    >>> k(X).shape
    (4, 4)
    >>> k.plan().n_features  # of 256
    5
    """

    def __init__(
        self,
        manifold: Manifold,
        time: float = 0.1,
        *,
        max_level: int | float = 10,
        time_bounds: Bounds = (1e-5, 1e5),
    ) -> None:
        self.manifold = manifold
        self.time = time
        self.max_level = max_level
        self.time_bounds = time_bounds

    @property
    def hyperparameter_time(self) -> Hyperparameter:
        """Description of the time for optimisers."""
        return Hyperparameter("time", "numeric", self.time_bounds)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        as_number(self.time, "time", 0.0, strict=True)

    def _spectrum(self, eigenvalue: Array) -> tuple[Array, Array]:
        exponent = self.time * eigenvalue
        with np.errstate(under="ignore"):
            value = np.exp(-exponent)
            return value, -(exponent * value)[None]


class SobolevKernel(SpectralKernel):
    """Sobolev kernel ``sum_k (1 + length_scale^2 lambda_k)^-smoothness phi_k(x) phi_k(y)``.

    The reproducing kernel of the Sobolev space of that smoothness, truncated at ``max_level``:
    kernel ridge regression with it penalises sum_k (1 + length_scale^2 lambda_k)^smoothness c_k^2.

    Parameters
    ----------
    manifold : Manifold
        ``Torus``, ``LatticeTorus``, ``Sphere``, ``SO3`` or ``Product``.
    smoothness : float
        More than half the dimension of the manifold, or the sum diverges.
    length_scale : float, default=1.0
        Positive.
    max_level : int or float, default=10
        Use all levels up to this; see ``truncation`` and ``InvariantKernel.plan`` for what is left.
    length_scale_bounds, smoothness_bounds : pair of floats or "fixed"
        Bounds for hyperparameter optimisation; (1e-5, 1e5) and "fixed" by default.

    Raises
    ------
    TypeError, ValueError
        On call, if a parameter is not what is expected, or samples are not on the manifold.

    Notes
    -----
    n D work for D functions, and n m D multiply-adds; without a group n m times the number of
    levels, by the addition theorem. Source: De Vito, Muecke & Rosasco,
    Reproducing kernel Hilbert spaces on manifolds: Sobolev and diffusion spaces (2021).

    Examples
    --------
    >>> from symkernel import InvariantKernel, groups
    >>> from symkernel.spectral import SobolevKernel, Torus
    >>> base = SobolevKernel(Torus(3), smoothness=4.0, max_level=12)
    >>> print(InvariantKernel(base, groups.Symmetric(3), method="spectral").plan())
    47 functions of Torus(3, 2.0) to level 12 that Symmetric(3) leaves as they are -> product of \
features
    method='spectral', levels beyond add about 4.9e-07 of the plain kernel's diagonal, \
47 multiply-adds + 0 kernel maps per pair
    """

    def __init__(
        self,
        manifold: Manifold,
        smoothness: float,
        length_scale: float = 1.0,
        *,
        max_level: int | float = 10,
        length_scale_bounds: Bounds = (1e-5, 1e5),
        smoothness_bounds: Bounds = "fixed",
    ) -> None:
        self.manifold = manifold
        self.smoothness = smoothness
        self.length_scale = length_scale
        self.max_level = max_level
        self.length_scale_bounds = length_scale_bounds
        self.smoothness_bounds = smoothness_bounds

    @property
    def hyperparameter_length_scale(self) -> Hyperparameter:
        """Description of the length scale for optimisers."""
        return Hyperparameter("length_scale", "numeric", self.length_scale_bounds)

    @property
    def hyperparameter_smoothness(self) -> Hyperparameter:
        """Description of the smoothness for optimisers."""
        return Hyperparameter("smoothness", "numeric", self.smoothness_bounds)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        as_number(self.length_scale, "length_scale", 0.0, strict=True)
        as_number(self.smoothness, "smoothness", 0.0, strict=True)
        if 2.0 * self.smoothness <= self.manifold.dim:
            raise ValueError(
                f"smoothness must be more than half the dimension {self.manifold.dim} of "
                f"{self.manifold!r}, got {self.smoothness!r}"
            )

    def _spectrum(self, eigenvalue: Array) -> tuple[Array, Array]:
        scaled = self.length_scale**2 * eigenvalue
        logs = np.log1p(scaled)
        with np.errstate(under="ignore"):
            value = np.exp(-self.smoothness * logs)
            slopes = [-2.0 * self.smoothness * scaled / (1.0 + scaled), -self.smoothness * logs]
            return value, np.array(slopes) * value
