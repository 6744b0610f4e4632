"""Elements of a group as matrices on blocks of features: what the native block route takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class BlockTable:
    """A group that acts by one r x r matrix on each of the m copies in a block of features.

    Parameters
    ----------
    blocks : tuple of (int, int)
        Copies m and dimension r of each block; features are consecutive, copy by copy.
    matrices : ndarray of shape (|G|, sum of r^2)
        For every element its matrix on each block, flattened, end to end.
    """

    blocks: tuple[tuple[int, int], ...]
    matrices: Array

    @property
    def terms(self) -> int | None:
        """Non-zero entries per element if they are 1 and -1 and equally many, else None."""
        if not np.isin(self.matrices, (-1.0, 0.0, 1.0)).all():
            return None
        counts = np.count_nonzero(self.matrices, axis=1)
        return int(counts[0]) if (counts == counts[0]).all() else None
