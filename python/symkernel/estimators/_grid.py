"""Make grids of kernel hyperparameters, given or from the spread of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.gaussian_process.kernels import Kernel

from symkernel.backends.arrays import like
from symkernel.estimators._kernel import KernelSpec
from symkernel.kernels import InvariantKernel, SetKernel
from symkernel.kernels.ragged import Ragged
from symkernel.validation import as_array

Array = NDArray[Any]

# Kernel names that take gamma; for the first two it is an inverse squared or plain length.
_GAMMA_NAMES = ("rbf", "laplacian", "polynomial", "poly", "sigmoid", "chi2")

# Multiples of the typical distance tried as length scales: smooth noiseless targets want scales
# well above it, rough ones a fraction.
_FACTORS = 10.0 ** np.linspace(-0.75, 1.25, 9)


@dataclass(frozen=True)
class Grid:
    """Values of one kernel hyperparameter to try.

    Parameters
    ----------
    name : {"gamma", "length_scale", None}
        The hyperparameter; None if the kernel has none to search.
    values : sequence
        Its values; a single None leaves the kernel as it is.
    """

    name: str | None
    values: Sequence[Any]

    def describe(self, value: Any) -> str:
        """Return ``name=value`` for people; empty where nothing is searched."""
        if self.name is None or value is None:
            return ""
        shown = np.array2string(np.asarray(value), precision=3, threshold=6)
        return f"{self.name}={shown if np.ndim(value) else format(value, '.3g')}"

    def place(self, spec: KernelSpec, value: Any) -> KernelSpec:
        """Set the hyperparameter to one of the values, in a copy of the words."""
        if value is None or self.name is None:
            return spec
        if isinstance(spec.kernel, str) and self.name == "gamma":
            return replace(spec, gamma=value)
        if isinstance(spec.kernel, str):
            return replace(spec, kernel_params={**(spec.kernel_params or {}), self.name: value})
        return replace(spec, kernel=_with_parameter(spec.kernel, self.name, value))


def make_grid(
    spec: KernelSpec, gammas: Any, length_scales: Any, X: Any, sample_weight: Array | None
) -> Grid:
    """Make the grid for the kernel's hyperparameter: gamma, or length_scale where it has that.

    Raises
    ------
    ValueError
        If a grid is given for a hyperparameter that the kernel does not have, is empty, or has
        values that are not positive.
    """
    name = _searched(spec)
    for label, hyperparameter, given in (
        ("gammas", "gamma", gammas),
        ("length_scales", "length_scale", length_scales),
    ):
        if given is not None and hyperparameter != name:
            has = f"it has {name}" if name else "it has no hyperparameter to search"
            raise ValueError(
                f"{label} was given, but kernel={spec.kernel!r} has no parameter "
                f"{hyperparameter}; {has}"
            )
    given = gammas if name == "gamma" else length_scales
    if given is not None:
        return Grid(name, _check_values(given, f"{name}s"))
    return Grid(name, _default_values(spec, name, X, sample_weight))


def _searched(spec: KernelSpec) -> str | None:
    if isinstance(spec.kernel, str):
        if spec.kernel in _GAMMA_NAMES:
            return "gamma"
        return "length_scale" if spec.kernel == "matern" else None
    kernel = _innermost(spec.kernel)[0]
    if isinstance(kernel, Kernel):
        parameters = kernel.get_params(deep=False)
        for name in ("length_scale", "gamma"):
            if name in parameters:
                return name
    return None


def _check_values(given: Any, label: str) -> list[Any]:
    values = list(np.atleast_1d(as_array(given, label)))
    if not values:
        raise ValueError(f"{label} is empty")
    for value in values:
        if not (np.isfinite(value).all() and np.all(np.asarray(value) > 0)):
            raise ValueError(f"{label} must be positive and finite, got {value!r}")
    return [float(v) if np.ndim(v) == 0 else v for v in values]


def _default_values(
    spec: KernelSpec, name: str | None, X: Any, sample_weight: Array | None
) -> list[Any]:
    """Values around the spread of the data where that is meaningful, else the kernel's own."""
    kernel = _innermost(spec.kernel)[0]
    if isinstance(X, Ragged):
        X, sample_weight = X.points, None
    if name == "length_scale":
        own = getattr(kernel, "length_scale", (spec.kernel_params or {}).get("length_scale", 1.0))
        if np.ndim(own):  # one length per feature: no single number can replace it
            return [None]
        return list(_FACTORS * _typical_distance(X, sample_weight))
    if kernel == "rbf":
        scales = _FACTORS[::-1] * _typical_distance(X, sample_weight)
        return list(1.0 / scales**2)
    if kernel == "laplacian" or type(kernel).__name__ == "Laplacian":
        # The L1 distance grows as sqrt(n_features) times the Euclidean one.
        scales = _FACTORS[::-1] * _typical_distance(X, sample_weight) * np.sqrt(X.shape[1])
        return list(1.0 / scales)
    return [None]


def _typical_distance(X: Any, sample_weight: Array | None) -> float:
    """Root mean squared distance of two samples: sqrt(2 sum of variances), from one pass."""
    dense = X.toarray() if issparse(X) else X.astype(np.float64)
    n = dense.shape[0]
    share = np.full(n, 1.0 / n) if sample_weight is None else sample_weight / sample_weight.sum()
    share = like(share.astype(np.float64), dense)
    squared = ((dense - share @ dense) ** 2).sum(axis=1)
    return float(np.sqrt(2 * float(share @ squared))) or 1.0


def _innermost(kernel: Any) -> tuple[Any, str]:
    """Kernel that has the hyperparameters, and what stands before the names of its parameters."""
    if isinstance(kernel, InvariantKernel):
        return kernel.base, "base__"
    if isinstance(kernel, SetKernel):
        inner, prefix = _innermost(kernel.part)
        return inner, f"part__{prefix}"
    return kernel, ""


def _with_parameter(kernel: Kernel, name: str, value: Any) -> Kernel:
    return clone(kernel).set_params(**{f"{_innermost(kernel)[1]}{name}": value})


def edge_of_grid(values: Sequence[Any], scores: Array) -> str | None:
    """Tell which end of the grid has the best score: "smallest", "largest", or None.

    None as well where the score is flat there (a thousandth of its size to the neighbour), for
    then there is nothing to gain beyond; where the grid has one value; and at zero, below which
    there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.estimators._grid import edge_of_grid
    >>> edge_of_grid([0.1, 1.0, 10.0], np.array([-3.0, -2.0, -1.0]))
    'largest'
    """
    if len(values) < 2 or any(np.ndim(v) for v in values):
        return None
    order = np.argsort(values)
    ordered = scores[order]
    at = int(ordered.argmax())
    if at not in (0, len(values) - 1) or values[order[at]] == 0:
        return None
    neighbour = ordered[1 if at == 0 else -2]
    if ordered[at] - neighbour <= 1e-3 * abs(ordered[at]):
        return None
    return "smallest" if at == 0 else "largest"
