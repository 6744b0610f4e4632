"""Take samples apart into an orbit and a position on it, and put them together otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.canonical import canonical_form
from symkernel.groups import Group
from symkernel.groups.random_action import RandomAction

__all__ = ["Positions"]

Array = NDArray[Any]


class Positions:
    """Write every sample as x = h c: its canonical form c, and an element h that leads to it.

    Where several elements do, h is one of them drawn uniformly: with g uniform on the group and t
    the transporter of g x, the element t g takes x to c, and t(g s x) g s = t(g x) g s for every s
    that fixes x, so that its law does not change by such s.

    Parameters
    ----------
    group : Group
        Compact group with canonical forms.
    X : ndarray of shape (n, degree)
        Samples.
    rng : numpy Generator
        Source of the elements g.

    Raises
    ------
    ValueError
        If the group has no canonical form, or shifts angles.
    """

    def __init__(self, group: Group, X: Array, rng: np.random.Generator) -> None:
        if not group.is_linear:
            raise ValueError(f"positions are exchanged by linear maps, but {group!r} shifts angles")
        self._action = RandomAction(group, len(X), rng)
        forms = canonical_form(group).canonicalize(self._action.act(X))
        self._forms, self._transporters = forms.representative, forms.transporter

    def samples(self, order: NDArray[np.integer[Any]] | None = None) -> Array:
        """Return h_i c_order[i]: the samples themselves by default, up to rounding."""
        forms = self._forms if order is None else self._forms[order]
        # the inverse of an orthogonal map is its transpose
        moved = self._transporters.pull_back(forms[:, None])[:, 0]
        return self._action.act(moved, inverse=True)
