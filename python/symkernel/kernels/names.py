"""Make kernels by name, with the parameters of ``sklearn.kernel_ridge.KernelRidge``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sklearn.gaussian_process.kernels import RBF, DotProduct, Kernel, Matern

from symkernel.kernels.base import ArcCosine, Laplacian, Polynomial
from symkernel.validation import as_number

KERNEL_NAMES = ("rbf", "laplacian", "polynomial", "poly", "linear", "matern", "arc_cosine")


def base_kernel_from_name(
    name: str,
    *,
    gamma: float | None = None,
    degree: float = 3,
    coef0: float = 1,
    kernel_params: Mapping[str, Any] | None = None,
    n_features: int,
) -> Kernel:
    """Base kernel object for a kernel name, meaning what scikit-learn means by it.

    Parameters
    ----------
    name : str
        One of ``KERNEL_NAMES``. "rbf" is ``exp(-gamma |x-y|^2)``, "laplacian"
        ``exp(-gamma |x-y|_1)``, "polynomial" ``(gamma x.y + coef0)^degree``, "linear" ``x.y``;
        "matern" and "arc_cosine" take their parameters from `kernel_params`.
    gamma : float, optional
        Defaults to ``1 / n_features``.
    degree : int, default=3
        For "polynomial".
    coef0 : float, default=1
        For "polynomial".
    kernel_params : mapping, optional
        For "matern" (``length_scale``, ``nu``) and "arc_cosine" (``order``).
    n_features : int
        Number of features, for the default of gamma.

    Returns
    -------
    sklearn.gaussian_process.kernels.Kernel
        Base kernel object.

    Raises
    ------
    ValueError
        If the name is unknown (the message lists the known ones) or a parameter is out of range.

    Examples
    --------
    >>> from symkernel.kernels.names import base_kernel_from_name
    >>> base_kernel_from_name("rbf", gamma=0.5, n_features=4)
    RBF(length_scale=1)
    """
    params = dict(kernel_params or {})
    gamma = 1.0 / n_features if gamma is None else gamma
    if name in ("rbf", "laplacian", "polynomial", "poly"):
        as_number(gamma, "gamma", 0.0, strict=True)
    if name == "rbf":
        kernel = RBF(length_scale=math.sqrt(0.5 / gamma))
    elif name == "laplacian":
        kernel = Laplacian(gamma=gamma)
    elif name in ("polynomial", "poly"):
        if as_number(degree, "degree", 0.0) != int(degree):
            raise ValueError(f"degree must be an integer, got {degree!r}")
        kernel = Polynomial(degree=int(degree), gamma=gamma, coef0=coef0)
    elif name == "linear":
        kernel = DotProduct(sigma_0=0.0, sigma_0_bounds="fixed")
    elif name == "matern":
        return Matern(**params)
    elif name == "arc_cosine":
        return ArcCosine(**params)
    else:
        known = ", ".join(repr(k) for k in KERNEL_NAMES)
        raise ValueError(f"kernel={name!r} has no invariant form; known names: {known}")
    if params:
        raise ValueError(f"kernel={name!r} takes no kernel_params, got {sorted(params)}")
    return kernel
