"""Replace samples by what a descriptor makes of them, and bring gradients back to the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import is_on_device
from symkernel.estimators._kernel import KernelSpec
from symkernel.exceptions import NotApplicableError
from symkernel.validation import as_floats, check_data, flat_samples

Array = NDArray[Any]


def check_descriptor(descriptor: Any, spec: KernelSpec, device: str) -> None:
    """Check that a descriptor is one, and that the kernel takes features.

    Raises
    ------
    TypeError
        If it has no ``value`` and ``jacobian``.
    ValueError
        If the kernel takes no features, or the device is a GPU.
    """
    if descriptor is None:
        return
    for name in ("value", "jacobian"):
        if not callable(getattr(descriptor, name, None)):
            raise TypeError(
                "descriptor must have methods value(X), features (n, p), and jacobian(X), "
                f"(n, p, d); {descriptor!r} has no {name}"
            )
    if spec.precomputed or spec.of_sets:
        raise ValueError(
            f"descriptor={descriptor!r} makes features, which kernel={spec.kernel!r} does not take"
        )
    if device == "cuda":
        raise ValueError('descriptors are computed on the host; device="cuda" is not for them')


def check_inputs(estimator: Any, X: Any, y: Any = "no_validation", **options: Any) -> Any:
    """Check samples (n, d), or (n, ...), that a descriptor will take, and perhaps their targets."""
    if is_on_device(X):
        raise NotApplicableError("X lives on a GPU; descriptors are computed on the host")
    X = flat_samples(X, None)
    if not hasattr(X, "columns"):
        X = X if hasattr(X, "ndim") else np.asarray(X)
        X = X.reshape(len(X), -1) if X.ndim > 2 else X
    return check_data(estimator, X, y, **options)


def features(descriptor: Any, X: Array) -> Array:
    """Features (n, p) of checked samples.

    Raises
    ------
    ValueError
        If the descriptor returns another shape, or what is not finite.
    """
    found = as_floats(descriptor.value(X), "descriptor.value(X)", finite=True)
    if found.ndim != 2 or len(found) != len(X) or found.shape[1] == 0:
        raise ValueError(
            f"descriptor.value(X) must have shape ({len(X)}, n_features_of_descriptor), got "
            f"{found.shape}"
        )
    return found


def jacobian(descriptor: Any, X: Array, n_features: int) -> Array:
    """Derivatives (n, p, d) of the features of checked samples.

    Raises
    ------
    ValueError
        If the descriptor returns another shape, or what is not finite.
    """
    found = as_floats(descriptor.jacobian(X), "descriptor.jacobian(X)", finite=True)
    expected = (len(X), n_features, X.shape[1])
    if found.shape != expected:
        raise ValueError(f"descriptor.jacobian(X) must have shape {expected}, got {found.shape}")
    return found


def back(descriptor: Any, X: Array, gradient: Array) -> Array:
    """Gradients (n, ..., d) for samples, from those (n, ..., p) for their features."""
    J = jacobian(descriptor, X, gradient.shape[-1])
    flat = gradient.reshape(len(X), -1, gradient.shape[-1])
    chained: Array = (flat @ J).reshape(*gradient.shape[:-1], X.shape[1])
    return chained
