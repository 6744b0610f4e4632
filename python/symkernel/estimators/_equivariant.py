"""Divide a system of targets that turn into the parts that its kernel does not mix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import Representation
from symkernel.kernels.equivariant import EquivariantKernel
from symkernel.solvers.ridge_factor import RidgeFactor

Array = NDArray[Any]


@dataclass
class System:
    """One part of a direct sum, which K does not mix with others: targets at `places` (c, q)."""

    kernel: EquivariantKernel
    places: NDArray[np.intp]
    factor: RidgeFactor | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "factor": None}

    def targets(self, Y: Array) -> Array:
        """Targets (n, p) as columns (n q, c), one for each copy of the part."""
        own = Y[:, self.places].transpose(0, 2, 1)
        return np.ascontiguousarray(own.reshape(-1, len(self.places)))

    def write(self, Y: Array, columns: Array) -> None:
        """Write columns (n q, c) where they belong among targets (n, p)."""
        copies, q = self.places.shape
        Y[:, self.places] = columns.reshape(-1, q, copies).transpose(0, 2, 1)


def systems(kernel: EquivariantKernel) -> list[System]:
    """Different parts of a direct sum, each once, with the places of all its copies."""
    places: dict[Any, list[NDArray[np.intp]]] = {}
    start = 0
    for part in kernel.output.parts:
        size = part.size(kernel.group)
        places.setdefault(part, []).append(np.arange(start, start + size))
        start += size
    return [
        System(
            EquivariantKernel(kernel.base, kernel.group, Representation._of([part])), np.array(at)
        )
        for part, at in places.items()
    ]
