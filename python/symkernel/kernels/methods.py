"""Name the ways to average: by a word, or by an object that carries options."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any


@dataclass(frozen=True)
class Quadrature:
    """Average over the nodes of a quadrature rule: ``method=Quadrature(degree=7)``.

    Parameters
    ----------
    degree : int, optional
        Degree of exactness, at least 0. None has it chosen from the samples of the first call, and
        kept for later ones, so that a model predicts with the kernel that it was fitted with: until
        a parameter changes, and in pickles, but not in clones.

    Raises
    ------
    ValueError
        If the degree is neither None nor an integer of at least 0.

    Notes
    -----
    The cost per pair grows as the number of nodes, for rotations of space with the cube of the
    degree; ``InvariantKernel(...).plan()`` tells it and the error.

    Examples
    --------
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import InvariantKernel, groups
    >>> from symkernel.kernels import Quadrature
    >>> k = InvariantKernel(RBF(), groups.SO(3).along(1, (4, 3)), method=Quadrature(degree=7))
    >>> "of degree 7" in str(k.plan())
    True
    """

    degree: int | None = None

    def __post_init__(self) -> None:
        if self.degree is not None:
            object.__setattr__(self, "degree", integer("degree", self.degree, 0))


@dataclass(frozen=True)
class Sample:
    """Average over random elements of the group: ``method=Sample(64, random_state=0)``.

    Parameters
    ----------
    n_samples : int, default=32
        Number of random elements, at least 1: the cost per pair grows with its square, the error
        falls with its inverse.
    random_state : int, default=0
        Seed, at least 0; a fixed one, so that all calls average over the same elements.

    Raises
    ------
    ValueError
        If one of them is no integer, or too small.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import InvariantKernel, groups
    >>> from symkernel.kernels import ArcCosine, Sample
    >>> k = InvariantKernel(ArcCosine(), groups.Symmetric(16), method=Sample(8, random_state=1))
    >>> k(np.eye(16)).shape
    (16, 16)
    """

    n_samples: int = 32
    random_state: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_samples", integer("n_samples", self.n_samples, 1))
        object.__setattr__(self, "random_state", integer("random_state", self.random_state, 0))


def name_and_options(method: str | Quadrature | Sample) -> tuple[str, dict[str, Any]]:
    """Name of a method, and the options that a plan takes.

    Raises
    ------
    TypeError
        If it is neither a name nor one of the objects above.
    """
    match method:
        case Quadrature():
            return "quadrature", {"degree": method.degree}
        case Sample():
            options = {"n_samples": method.n_samples, "random_state": method.random_state}
            return "sample", options
        case "sample":
            return name_and_options(Sample())
        case str():
            return method, {}
    raise TypeError(
        "method must be a name, Quadrature(degree) or Sample(n_samples, random_state) of "
        f"symkernel.kernels, got {method!r}"
    )


def integer(name: str, value: Any, least: int) -> int:
    """Read an integer of at least `least`, or raise ValueError with its name."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)
