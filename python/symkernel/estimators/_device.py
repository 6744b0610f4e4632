"""Check and place samples that live on a GPU, for the estimators."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import is_on_device, like, namespace, to_device, to_host
from symkernel.backends.execute import require_room
from symkernel.estimators._kernel import BoundKernel, KernelSpec
from symkernel.groups import Trivial
from symkernel.kernels.moving import check_device
from symkernel.solvers.on_device import leave_one_out_on_device, solve_ridge_on_device
from symkernel.validation import as_array, check_samples

Array = NDArray[Any]


def placed(X: Any, device: str) -> Any:
    """Bring X to the device that computes: where it lives for "auto", else moved if need be."""
    check_device(device)
    if device == "auto" or (device == "cuda") == is_on_device(X):
        return X
    return to_device(X) if device == "cuda" else to_host(X)


def beside(values: Any, X: Any) -> Any:
    """Bring values to where X lives."""
    return like(values, X) if is_on_device(X) else to_host(values)


def check_training(estimator: Any, X: Any, y: Any, y_numeric: bool) -> tuple[Any, Array]:
    """Check samples on a GPU and their targets, which go to the host; sets `n_features_in_`.

    Raises
    ------
    ValueError
        For shapes that do not match, NaN or infinity.
    """
    X = check_samples(X)
    targets = to_host(as_array(y, "y") if y_numeric else to_device(y) if is_on_device(y) else y)
    targets = np.asarray(targets)
    if targets.ndim not in (1, 2) or len(targets) != len(X):
        raise ValueError(f"y must have {len(X)} rows, as X has; got shape {targets.shape}")
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise ValueError("Input y contains NaN or infinity")
    if len(X) == 0:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required")
    estimator.n_features_in_ = X.shape[1]
    if y_numeric and targets.dtype.kind != "f":
        targets = targets.astype(np.float64)
    return X, targets


def check_prediction(estimator: Any, X: Any) -> Any:
    """Check samples on a GPU to predict for: the features are those seen in fit."""
    X = check_samples(X)
    if X.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input."
        )
    return X


def averaged(spec: KernelSpec, n_features: int) -> KernelSpec:
    """Return words for a kernel that a GPU can compute: a plain one is averaged over one element.

    Raises
    ------
    ValueError
        If the kernel has no native form.
    """
    if spec.invariant:
        return spec
    with_group = replace(spec, group=Trivial(n_features))
    try:
        with_group.check()
    except ValueError as error:
        raise ValueError(f"kernel={spec.kernel!r} computes on the CPU only") from error
    return with_group


def gram(bound: BoundKernel, X: Any, copies: int) -> Any:
    """Return the Gram matrix on the GPU of X, after a check that `copies` of its size fit there."""
    n = X.shape[0]
    require_room(
        X,
        (copies, n, n),
        X.itemsize,
        f"the Gram matrix of {n} samples with the workspace of its factorisation, on the GPU,",
        "device='cpu' with solver='pcg' or 'nystroem' fits without it; float32 samples halve it.",
    )
    return bound.kernel.gram(X)


def solve(bound: BoundKernel, X: Any, y: Array, alpha: Any, sample_weight: Any) -> Any:
    """Solve for the dual coefficients on the GPU of X."""
    xp = namespace(X)
    weights = None if sample_weight is None else xp.asarray(sample_weight)
    return solve_ridge_on_device(gram(bound, X, 2), xp.asarray(y), alpha, weights)


def leave_one_out(bound: BoundKernel, X: Any, y: Array, alphas: Array, weights: Any) -> Array:
    """Return leave-one-out residuals on the host, by an eigendecomposition on the GPU of X."""
    xp = namespace(X)
    weights = None if weights is None else xp.asarray(weights)
    return leave_one_out_on_device(gram(bound, X, 4), xp.asarray(y), alphas, weights)
