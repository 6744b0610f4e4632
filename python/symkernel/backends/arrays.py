"""Tell where an array lives, on the host or on a GPU, and bring it to the other.

CuPy is imported when a GPU is asked for, never before: it takes seconds to load.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import numpy as np

from symkernel.backends import device

# Kinds of devices in the DLPack protocol whose memory a GPU reads: CUDA, and CUDA managed memory.
_DLPACK_CUDA = (2, 13)


def is_on_device(X: Any) -> bool:
    """Tell whether an array lives on a GPU: CuPy, or anything else that says so.

    Parameters
    ----------
    X : object
        Anything; what is no array is not on a device.
    """
    if isinstance(X, np.ndarray):
        return _is_cupy(X)  # never, but for a stand-in for CuPy that is made of NumPy arrays
    if hasattr(type(X), "__cuda_array_interface__"):
        try:
            return X.__cuda_array_interface__ is not None
        except (AttributeError, RuntimeError, TypeError):
            return False  # how tensors on the host answer
    place = getattr(X, "__dlpack_device__", None)
    if place is None:
        return False
    try:
        return int(place()[0]) in _DLPACK_CUDA
    except (RuntimeError, TypeError, ValueError, BufferError):
        return False


def _is_cupy(X: Any) -> bool:
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(X, cupy.ndarray)


def cupy() -> ModuleType:
    """Import CuPy.

    Raises
    ------
    RuntimeError
        If the native CUDA module cannot be used; says why.
    ImportError
        If CuPy is not installed; says which extra to install.
    """
    device.require()
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        raise ImportError(
            "arrays on a GPU need CuPy, which is not installed: "
            "pip install 'symkernel[cuda13]' (or 'symkernel[cuda12]' for CUDA 12)"
        ) from error


def namespace(X: Any) -> ModuleType:
    """Return NumPy, or CuPy for its arrays: the module whose functions take X."""
    return sys.modules["cupy"] if _is_cupy(X) else np


def to_device(X: Any) -> Any:
    """Return X as a CuPy array: shared if it is on a GPU already, else copied.

    Raises
    ------
    RuntimeError, ImportError
        If there is no GPU, or no CuPy; says why.
    """
    xp = cupy()
    if isinstance(X, xp.ndarray):
        return X
    if is_on_device(X):
        detach = getattr(X, "detach", None)  # tensors that record gradients are not exported
        if detach is not None:
            X = detach()
        if hasattr(X, "__dlpack__"):
            return xp.from_dlpack(X)
        return xp.asarray(X)
    return xp.asarray(np.asarray(X))


def to_host(X: Any) -> Any:
    """Return X as a NumPy array: a copy of one on a GPU, any other as it is."""
    return sys.modules["cupy"].asnumpy(X) if _is_cupy(X) else X


def like(values: Any, X: Any) -> Any:
    """Bring a NumPy array to where X lives, in the dtype of X."""
    return namespace(X).asarray(values, dtype=X.dtype)
