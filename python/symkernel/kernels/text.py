"""Write kernels as expressions that make them again."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Kernel


def expression(kernel: Any) -> str:
    """Text of a kernel that tells it apart from every other, and makes it again.

    Numbers stand with all their digits, unlike in scikit-learn's. Arguments without a default come
    by position, numbers by name, and bounds and other words only where they are not the default.

    Parameters
    ----------
    kernel : sklearn.gaussian_process.kernels.Kernel
        Any kernel whose parameters are those of its constructor.

    Returns
    -------
    str
        Such as ``"Matern(length_scale=1.5, nu=2.5)"``.

    Examples
    --------
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel.kernels.text import expression
    >>> expression(RBF([1 / 3, 1.0], length_scale_bounds="fixed"))
    "RBF(length_scale=[0.3333333333333333, 1.0], length_scale_bounds='fixed')"
    """
    values = kernel.get_params(deep=False)
    arguments: list[str] = []
    by_position = True
    for name, parameter in inspect.signature(type(kernel).__init__).parameters.items():
        if name not in values:
            continue
        value = values[name]
        if parameter.default is parameter.empty and by_position:
            arguments.append(written(value))
            continue
        by_position = False
        number = np.ndim(value) > 0 or isinstance(value, int | float | np.number)
        shown = number and not isinstance(value, bool) and not name.endswith("_bounds")
        if shown or not _same(value, parameter.default):
            arguments.append(f"{name}={written(value)}")
    return f"{type(kernel).__name__}({', '.join(arguments)})"


def written(value: Any) -> str:
    """Text of one argument; infinity is ``inf``."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(written, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, Kernel) and type(value).__module__.startswith("sklearn."):
        return expression(value)
    return repr(value)


def _same(value: Any, default: Any) -> bool:
    return np.shape(value) == np.shape(default) and bool(np.all(value == default))
