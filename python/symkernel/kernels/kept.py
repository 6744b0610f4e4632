"""Keep samples that an invariant kernel is called with more than once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from numpy.typing import NDArray

from symkernel.groups import Group
from symkernel.plans.base import Plan

Array = NDArray[Any]


class KeptSamples:
    """Checked samples, and what the plan of the last call made of them.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
        Samples as ``check_samples`` returns them.
    names : tuple of str, optional
        Names of the columns, where the group asks for them.
    """

    def __init__(self, rows: Array, names: tuple[str, ...] | None = None) -> None:
        self.rows = rows
        self.names = names
        self._ready: tuple[Hashable, Any] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the samples."""
        return self.rows.shape

    def ready(self, plan: Plan, group: Group | str) -> Any:
        """Return the samples as a plan takes them; plans that differ in hyperparameters share."""
        if plan.preparation is None:
            return self.rows
        key = (group, type(plan), plan.preparation)
        if self._ready is None or self._ready[0] != key:
            self._ready = key, plan.prepare(self.rows)
        return self._ready[1]

    def __getstate__(self) -> dict[str, Any]:
        return {"rows": self.rows, "names": self.names, "_ready": None}
