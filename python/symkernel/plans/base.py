"""Define what every plan offers, and the description of a base kernel that plans work from."""

from __future__ import annotations

import copy
import html
import math
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import like, namespace
from symkernel.backends.packed import pack
from symkernel.backends.prepared import Prepared
from symkernel.exceptions import ApproximationWarning
from symkernel.groups import Group
from symkernel.plans.estimate import Cost, Estimate, estimate

__all__ = [
    "Array",
    "BaseSpec",
    "Cost",
    "Plan",
    "warn_of_approximation",
]
from symkernel.backends.traits import KernelTraits, native_traits

Array = NDArray[Any]


# Kernels that no native map computes: Matern (length_scale, nu) of any smoothness, which is known
# as a mixture, the von Mises kernel, which is an RBF kernel of other points, and kernels that are
# given by their spectrum and average themselves.
_WITHOUT_MAP: dict[str, Callable[[tuple[float, ...]], KernelTraits]] = {
    "matern": lambda p: KernelTraits("distance", 1, kink=p[1] < 1.0, mixture=True, native=False),
    "von_mises": lambda p: KernelTraits("circle", 1, kink=False, mixture=False, native=False),
    "spectrum": lambda p: KernelTraits("spectrum", 0, kink=False, mixture=False, native=False),
}


@dataclass(frozen=True)
class BaseSpec:
    """A base kernel as the native core knows it.

    Parameters
    ----------
    name : str
        Native name, for instance ``"matern52"``.
    parameters : tuple of float
        Native parameters, hyperparameters sorted by name (see ``base_kernels.hpp``).
    scale : ndarray of shape (n_features,), optional
        Length scale per feature; samples are divided by it before anything else.
    exponent : int
        Samples are divided by this power of two, and so is the length scale among the parameters:
        0 unless the length scale is so far from 1 that its square would leave single precision.
    modes : tuple of tuples of int, optional
        Of a kernel of angles: the frequencies of what it compares, for points of as many
        coordinates; None for every coordinate by itself.
    average : callable, optional
        Takes a group and returns the plan; for kernels that say themselves how they are averaged.
    """

    name: str
    parameters: tuple[float, ...]
    scale: Array | None = None
    exponent: int = 0
    modes: tuple[tuple[int, ...], ...] | None = None
    average: Callable[[Group], Plan] | None = None

    @property
    def traits(self) -> KernelTraits:
        """What is known of the kernel at these parameters."""
        if self.name in _WITHOUT_MAP:
            return _WITHOUT_MAP[self.name](self.parameters)
        return native_traits(self.name, self.parameters)

    @property
    def length_scale(self) -> float:
        """Length scale of a kernel of the distance: the last of its hyperparameters."""
        return self.parameters[self.traits.gradients - 1]

    @property
    def native(self) -> tuple[str, tuple[float, ...]]:
        """Name and parameters, as the backends take them."""
        return self.name, self.parameters

    @property
    def units(self) -> Hashable:
        """What `scaled` depends on."""
        return None if self.scale is None else self.scale.tobytes(), self.exponent

    def scaled(self, X: Any) -> Any:
        """Samples in units of the length scale per feature; X itself where there is one scale.

        Prepared samples are in these units already.

        Raises
        ------
        ValueError
            If squares of samples overflow in units of a length scale that is extremely small.
        """
        if isinstance(X, Prepared):
            return X
        xp = namespace(X)
        if self.scale is not None:
            X = xp.ascontiguousarray(X / like(self.scale, X))
        if self.exponent == 0 or X.size == 0:
            return X
        with np.errstate(over="ignore", under="ignore"):
            scaled: Array = xp.ldexp(X, -self.exponent)
            square = float(np.square(np.float64(xp.abs(scaled).max())) * X.shape[1])
        if not 4.0 * square < float(np.finfo(X.dtype).max):
            raise ValueError(
                f"length_scale, near 2^{self.exponent}, is too small for data "
                f"with entries up to {float(xp.abs(X).max()):.3g}: their squares overflow {X.dtype}"
            )
        return scaled

    def unscaled_gradient(self, gradient: Array) -> Array:
        """Gradients (..., d) in the samples, from those in samples that were scaled."""
        if self.exponent and gradient.size:
            gradient = namespace(gradient).ldexp(gradient, -self.exponent)
        return gradient if self.scale is None else gradient / like(self.scale, gradient)


def warn_of_approximation(message: str) -> None:
    """Warn with ApproximationWarning at the line that called this package."""
    frame, level = sys._getframe(1), 2
    package = __name__.partition(".")[0]
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, ApproximationWarning, stacklevel=level)


class Plan(ABC):
    """How one kernel is averaged over one group: what will run, how exact it is, what it costs.

    Attributes
    ----------
    method : str
        Name by which the plan can be asked for, ``"sum"`` for the orbit sum.
    exact : bool
        Whether the result is the average itself, up to rounding.
    error : float
        Estimate of the error relative to the largest kernel value; rounding only if exact.
    cost : Cost
        Arithmetic per pair.
    steps : tuple of str
        What is done, in order, in words.
    packs : bool
        Whether ``gram_packed`` works in n (n + 1) / 2 numbers; else it packs a full matrix.
    tol : float
        Error that an approximation aims at; nan for others.
    scratch : int
        Bytes that one thread writes for tables beside the samples and the result.
    estimate : Estimate or None
        Seconds and bytes, of a plan from `sized`.
    """

    packs: bool = False
    tol: float = math.nan
    scratch: int = 0
    estimate: Estimate | None = None
    method: str
    exact: bool
    error: float
    cost: Cost
    steps: tuple[str, ...]

    @abstractmethod
    def gram(self, X: Array, Y: Array | None = None, n_jobs: int | None = None) -> Array:
        """Gram matrix of shape (n, m); `Y=None` means X."""

    @property
    def preparation(self) -> Hashable:
        """What prepared samples depend on beside the group; None where there are none."""
        return None

    def prepare(self, X: Array) -> Array | Prepared:
        """Bring samples into the form that calls take, for more than one of them.

        What comes can stand for X and Y in every method of this plan, and of every other of the
        same group whose `preparation` is equal: those of other hyperparameters. Plans that prepare
        nothing return X.
        """
        return X

    @property
    def chosen(self) -> tuple[int, bool] | None:
        """The rule that samples have chosen for a quadrature, which another can go on with."""
        return None

    def sized(self, n: int, m: int | None, n_features: int) -> Plan:
        """Return the same plan with an estimate of the time and memory of a Gram matrix.

        Parameters
        ----------
        n : int
            Samples.
        m : int or None
            Samples on the other side; None for the symmetric matrix.
        n_features : int
            Numbers per sample.
        """
        plan = copy.copy(self)
        prepares = self.preparation is not None
        plan.estimate = estimate(self.cost, n, m, n_features, prepares, self.scratch)
        return plan

    def gram_packed(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(X, X) in LAPACK's rectangular full packed format, shape (n (n + 1) / 2,)."""
        return pack(self.gram(X, None, n_jobs))

    @abstractmethod
    def diag(self, X: Array, n_jobs: int | None = None) -> Array:
        """K(x_i, x_i), shape (n,)."""

    @abstractmethod
    def matvec(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """K(X, Y) V of shape (n, c), without storing K."""

    @abstractmethod
    def gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(X, X) and its derivatives (n, n, p) for the logarithms of the hyperparameters."""

    @abstractmethod
    def diag_gradient(self, X: Array, n_jobs: int | None = None) -> tuple[Array, Array]:
        """K(x_i, x_i) and its derivatives, shapes (n,) and (n, p)."""

    @abstractmethod
    def gradient_x(self, X: Array, Y: Array, V: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""

    @abstractmethod
    def diag_gradient_x(self, X: Array, n_jobs: int | None = None) -> Array:
        """Gradients (n, d) of K(x_i, x_i) in the rows of X."""

    @property
    def _how(self) -> str:
        """How exact it is, in words."""
        if self.exact:
            return "exact up to rounding"
        return f"approximate, error about {self.error:.1e}"

    def __str__(self) -> str:
        words = f"{' -> '.join(self.steps)}\nmethod={self.method!r}, {self._how}, {self.cost}"
        return words if self.estimate is None else f"{words}\n{self.estimate}"

    # A plan is no constructor call: what a prompt shows of it is what it says of itself.
    def __repr__(self) -> str:
        return f"<Plan: {self}>"

    def _repr_html_(self) -> str:
        steps = "".join(f"<li>{html.escape(step)}</li>" for step in self.steps)
        return (
            f"<b>Plan</b> <code>method={html.escape(self.method)!r}</code>"
            f"<ol>{steps}</ol>{html.escape(self._how)}; {html.escape(str(self.cost))}"
            f"{'' if self.estimate is None else '<br>' + html.escape(str(self.estimate))}"
        )
