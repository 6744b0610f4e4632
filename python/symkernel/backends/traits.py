"""What is known of a base kernel, as the native core states it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

from numpy.typing import NDArray

from symkernel.backends.arrays import namespace
from symkernel.backends.native import _cpu

Array = NDArray[Any]
Family = Literal["distance", "angle", "product", "manhattan", "circle", "spectrum"]


@dataclass(frozen=True)
class KernelTraits:
    """What is known of a base kernel, for one choice of its parameters.

    Parameters
    ----------
    family : {"distance", "angle", "product", "manhattan", "circle", "spectrum"}
        What it is a function of: |x - y|, the angle between x and y (and their norms), x.y,
        |x - y|_1, differences of angles, or eigenfunctions of a manifold.
    gradients : int
        How many hyperparameters it has; where one is a length scale, it is the last.
    kink : bool
        Whether its slope in |x - y|^2 is unbounded where x meets y, so that inner products, which
        round |x - y|^2, do not give its values or derivatives there.
    mixture : bool
        Whether it is a mixture of positive weights of ``exp(-t |x - y|^2)`` over t (of
        ``exp(-t |x - y|_1)`` in that family).
    per_feature : bool, default=False
        Whether it has derivatives for a length scale per feature.
    native : bool, default=True
        Whether it has a native map; all methods but closed forms need one.
    unit_rows : bool, default=False
        Whether it takes samples as unit vectors.
    polynomial : tuple of (int, float, float), optional
        Degree p, constant c and factor g where it is ``(g x.y + c)^p``.

    Examples
    --------
    >>> traits = native_traits("matern12", (1.0,))
    >>> traits.family, traits.kink, traits.mixture
    ('distance', True, True)
    """

    family: Family
    gradients: int
    kink: bool
    mixture: bool
    per_feature: bool = False
    native: bool = True
    unit_rows: bool = False
    polynomial: tuple[int, float, float] | None = None

    @property
    def manhattan(self) -> bool:
        """Whether it is a kernel of the L1 distance, which only signed permutations leave alone."""
        return self.family == "manhattan"


def kernel_names() -> tuple[str, ...]:
    """Return the names of all kernels that have a native map."""
    return tuple(_cpu.kernel_names())


@lru_cache(maxsize=256)
def native_traits(name: str, parameters: tuple[float, ...]) -> KernelTraits:
    """Return the traits of a native kernel.

    Parameters
    ----------
    name : str
        One of `kernel_names`.
    parameters : tuple of float
        Its native parameters.

    Raises
    ------
    ValueError
        If the kernel is unknown, or has another number of parameters.
    """
    kernel = _cpu.BaseKernel(name, parameters)
    return KernelTraits(
        cast(Family, kernel.family),
        kernel.gradients,
        kernel.kink,
        kernel.mixture,
        kernel.per_feature,
        unit_rows=kernel.unit_rows,
        polynomial=kernel.polynomial,
    )


def with_other_derivatives(
    kernel: Any, per_feature: bool, derive: Callable[[bool], Sequence[Array]]
) -> tuple[Array, Array]:
    """Return the values, and derivatives for all hyperparameters of a native kernel.

    With a length scale per feature, a call gives those for the length scales alone; those for the
    others, which stand before them, come from a second call.

    Parameters
    ----------
    kernel : BaseKernel or ClosedForm
        Native kernel.
    per_feature : bool
        Whether there is a length scale per feature.
    derive : callable
        The native call, of `per_feature`.
    """
    K, derivatives = derive(per_feature)
    if per_feature and kernel.gradients > 1:
        others = derive(False)[1][..., :-1]
        derivatives = namespace(K).concatenate([others, derivatives], axis=-1)
    return K, derivatives
