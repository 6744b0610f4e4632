"""Hold samples together with what native code has made of them, to be used again."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.arrays import namespace

Array = NDArray[Any]

# Native samples that one set keeps: of one kernel for its values, of another action for gradients.
_KEPT = 2


class Prepared:
    """Samples that are used in more than one call, as a plan wants them.

    The array must not change as long as this is in use: what was made of it does not follow.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
        C-ordered samples, float32 or float64, in the units and the place that the plan computes in.
    dtype : dtype, optional
        Numbers that results have, where the rows are kept in more digits.

    Notes
    -----
    Native samples are made at first use and serve every hyperparameter of a kernel of that kind.
    They take about three times the memory of the rows.
    """

    def __init__(self, rows: Array, dtype: np.dtype[Any] | None = None) -> None:
        self.rows = rows
        self.dtype: np.dtype[Any] = rows.dtype if dtype is None else dtype
        self._native: dict[Hashable, Any] = {}
        self._radius: float | None = None
        self._derived: tuple[Hashable, Prepared] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the rows."""
        return self.rows.shape

    @property
    def radius(self) -> float:
        """Largest norm of a row, in double precision."""
        if self._radius is None:
            self._radius = 0.0
            if self.rows.size:
                xp, rows = namespace(self.rows), self.rows
                squares = xp.einsum("ij,ij->i", rows, rows, dtype=np.float64)
                self._radius = math.sqrt(float(squares.max()))
        return self._radius

    def native(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made under a key before, or make it."""
        found = self._native.get(key)
        if found is None:
            found = make()
            while len(self._native) >= _KEPT:
                del self._native[next(iter(self._native))]
            self._native[key] = found
        return found

    def derived(self, key: Hashable, make: Callable[[], Array]) -> Prepared:
        """Return the samples in other units, made once as long as the key stays the same."""
        if self._derived is None or self._derived[0] != key:
            self._derived = key, Prepared(make())
        return self._derived[1]

    @property
    def packings(self) -> int:
        """Times that samples were packed or transformed for native code, so far."""
        own = sum(int(native.packings) for native in self._native.values())
        return own + (0 if self._derived is None else self._derived[1].packings)


def rows_of(X: Any) -> Any:
    """Return the array behind samples, prepared or not."""
    return X.rows if isinstance(X, Prepared) else X
