"""Load the native module of the CPU, for all of the backends."""

from __future__ import annotations

# The one place that names the package from below: the module is a part of it, beside the layers.
from symkernel import _cpu

__all__ = ["_cpu"]
