"""Tell whether a GPU can be used, and why not.

Arrays of CuPy, PyTorch or JAX that live on a GPU are computed there, and results are CuPy arrays;
``device="cuda"`` of an estimator moves NumPy data.

>>> from symkernel import cuda
>>> cuda.is_available() == (cuda.why_unavailable() == "")
True
"""

from __future__ import annotations

from symkernel.backends import device

__all__ = ["is_available", "is_built", "why_unavailable"]


def is_built() -> bool:
    """Tell whether symkernel was built with its CUDA kernels.

    Returns
    -------
    bool
        True also on a machine without a GPU.
    """
    return device.module() is not None


def is_available() -> bool:
    """Tell whether a GPU can be used now: kernels built, driver loaded, a device present.

    Returns
    -------
    bool
        ``why_unavailable()`` gives the reason for False.
    """
    return not device.why_unavailable()


def why_unavailable() -> str:
    """Tell why no GPU can be used.

    Returns
    -------
    str
        A sentence for people; empty if a GPU can be used.
    """
    return device.why_unavailable()
