"""Average over finer and finer grids, and tell how far apart the averages are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symkernel.diagnostics.measure import invariance_report
from symkernel.diagnostics.orbit_grid import OrbitGrid, orbit_grid
from symkernel.diagnostics.orbit_values import BATCH, Output
from symkernel.groups import Group, O

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Convergence", "convergence"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Convergence:
    """Outcome of ``convergence``.

    Attributes
    ----------
    names : tuple of str
        Grids, in the order given.
    sizes : tuple of int
        Elements of each.
    change : ndarray of shape (n_grids,)
        Mean absolute difference of the averages over each grid from those over the reference.
    std : ndarray of shape (n_grids,)
        Root mean square over samples of the standard deviation over each grid.
    reference : str
        The finest grid, whose averages stand for the exact ones.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    change: Array
    std: Array
    reference: str

    def __str__(self) -> str:
        head = f"{'grid':>6} {'elements':>9} {'change':>10} {'std':>10}"
        rows = [
            f"{name:>6} {size:>9} {change:>10.3g} {std:>10.3g}"
            for name, size, change, std in zip(
                self.names, self.sizes, self.change, self.std, strict=True
            )
        ]
        note = f"change: mean absolute difference from averages over {self.reference}"
        return "\n".join([head, *rows, note])

    def plot(self) -> Figure:
        """Draw change and spread against the grid; needs matplotlib (the extra ``demo``)."""
        from symkernel.diagnostics.pictures import draw_convergence

        return draw_convergence(self)


def convergence(
    model: Any,
    X: Any,
    grids: Sequence[str | int] = ("0", "i", "2", "2i", "3", "3i"),
    *,
    group: Group | None = None,
    reference: str | int | OrbitGrid | None = None,
    output: Output = None,
    batch_size: int = BATCH,
    progress: bool = False,
) -> Convergence:
    """Average a model over finer and finer grids of rotations.

    Parameters
    ----------
    model : object with predict, or callable
        As for ``invariance_report``.
    X : array-like of shape (n, p, 3) or (n, n_features)
        Samples.
    grids : sequence of str or int, default=("0", "i", "2", "2i", "3", "3i")
        Names or degrees; see ``orbit_grid``. Names without "i" average over rotations only.
    group : Group, default=None
        SO(n) or O(n) acting on the samples, alone or beside finite groups; by default O(3) along
        the last axis of X.
    reference : str, int or OrbitGrid, default=None
        Grid that stands for the exact average; by default one of twice the degree of the last.
    output : None, "same", "vector" or callable, default=None
        As for ``invariance_report``.
    batch_size : int, default=8192
        Rows per call of the model.
    progress : bool, default=False
        Whether to show progress bars.

    Returns
    -------
    Convergence

    Raises
    ------
    ValueError
        If there are no grids, or one is unknown or none of the group.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import diagnostics
    >>> X = np.random.default_rng(0).standard_normal((20, 2, 3))
    >>> table = diagnostics.convergence(lambda X: np.exp(X[:, 0, 0]), X)
    >>> bool(table.change[0] > 10 * table.change[-1])
    True
    """
    if not len(grids):
        raise ValueError("grids must name at least one grid")
    if group is None:
        shape = np.shape(X)[1:]
        if len(shape) != 2 or shape[1] != 3:
            raise ValueError(
                f"X has samples of shape {shape}: pass group, or samples of shape (p, 3)"
            )
        group = O(3).along(1, shape)
    made = [orbit_grid(group, g) for g in grids]
    if isinstance(reference, OrbitGrid):
        finest = reference
    else:
        last = max(int(g.degree) for g in made)
        finest = orbit_grid(group, max(2 * last, 4) if reference is None else reference)
    options: dict[str, Any] = {
        "group": group,
        "output": output,
        "batch_size": batch_size,
        "n_bootstrap": 1,
        "random_state": 0,
        "progress": progress,
    }
    exact = invariance_report(model, X, grid=finest, **options).mean
    reports = [invariance_report(model, X, grid=g, **options) for g in made]
    return Convergence(
        tuple(map(str, grids)),
        tuple(len(g) for g in made),
        np.array([float(np.abs(r.mean - exact).mean()) for r in reports]),
        np.array([r.std for r in reports]),
        f"{len(finest)} elements ({finest.name})",
    )
