"""Load the native CUDA module, if it was built, and tell whether it can be used here."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import Any


@cache
def module() -> Any:
    """Return the native module, or None where it was not built."""
    if importlib.util.find_spec("symkernel._cuda") is None:
        return None
    return importlib.import_module("symkernel._cuda")


def why_unavailable() -> str:
    """Tell why no GPU can be used, in a sentence; empty if one can."""
    native = module()
    if native is None:
        return (
            "symkernel was built without CUDA: no card or no nvcc was found when it was "
            "installed, or SYMKERNEL_CUDA was OFF; with nvcc on PATH, in the folder of the "
            "sources, build it by "
            "pip install . -C cmake.define.SYMKERNEL_CUDA=ON"
        )
    return str(native.why_unavailable())


def require() -> Any:
    """Return the native module.

    Raises
    ------
    RuntimeError
        If no GPU can be used; says why.
    """
    reason = why_unavailable()
    if reason:
        raise RuntimeError(f"no GPU can be used: {reason}")
    return module()
