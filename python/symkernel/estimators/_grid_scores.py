"""Fill the table of a search over a grid, and tell where its best entry is at the edge."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from symkernel.estimators._grid import Grid, edge_of_grid
from symkernel.estimators._progress import Progress
from symkernel.exceptions import GridEdgeWarning

Array = NDArray[Any]

# What None stands for.
DEFAULT_ALPHAS = 10.0 ** np.linspace(-10, 2, 31)


def scores_over(grid: Grid, alphas: Array, scores_of: Callable[[Any], Any], verbose: bool) -> Array:
    """Return scores (n_values, n_alphas), from a function of the value; tell them as they come."""
    scores = np.empty((len(grid.values), len(alphas)))
    with Progress(len(grid.values), "leave-one-out", verbose) as progress:
        for row, value in zip(scores, grid.values, strict=True):
            row[:] = scores_of(value)
            at = int(without_nan(row).argmax())
            tried = f"{grid.describe(value)} alpha={alphas[at]:.3g} score={row[at]:.4g}"
            progress.step(tried.strip())
    return scores


def choose_best(model: Any, grid: Grid, alphas: Array, scores: Array) -> None:
    """Set the best pair on an estimator and, if it asks for that, the table of all.

    Raises
    ------
    ValueError
        If no score is finite.
    """
    finite = without_nan(scores)
    i, j = np.unravel_index(int(finite.argmax()), scores.shape)
    if not np.isfinite(finite[i, j]):
        raise ValueError("no alpha has a finite leave-one-out score; add larger alphas")
    model.best_score_ = float(scores[i, j])
    model.alpha_ = float(alphas[j])
    warn_at_edge("alpha", alphas, finite[i])
    if grid.name is not None:
        best = grid.values[int(i)]
        setattr(model, f"{grid.name}_", best)
        warn_at_edge(grid.name, grid.values, finite[:, j])
    if not model.refit:
        model.__dict__.pop("dual_coef_", None)  # of an earlier fit
    if model.store_cv_results:
        model.cv_results_ = table_of(grid, alphas, scores)


def without_nan(scores: Array) -> Array:
    """Return scores with -inf for NaN."""
    return np.where(np.isnan(scores), -np.inf, scores)


def table_of(grid: Grid, alphas: Array, scores: Array) -> dict[str, Any]:
    """Return the results of a search as ``GridSearchCV`` does."""
    flat = scores.ravel()
    columns: dict[str, Any] = {"param_alpha": np.tile(alphas, len(grid.values))}
    if grid.name is not None:
        columns[f"param_{grid.name}"] = np.repeat(np.array(grid.values), len(alphas), axis=0)
    names = [name.removeprefix("param_") for name in columns]
    rows = zip(*columns.values(), strict=True)
    columns["params"] = [dict(zip(names, row, strict=True)) for row in rows]
    columns["mean_test_score"] = flat
    columns["rank_test_score"] = rankdata(-without_nan(flat), method="min").astype(np.int32)
    return columns


def warn_at_edge(name: str, values: Any, scores: Array) -> None:
    """Warn where the best score is at the edge, and still rises there."""
    edge = edge_of_grid(values, scores)
    if edge is not None:
        best = values[int(scores.argmax())]
        beyond = "smaller" if edge == "smallest" else "larger"
        warnings.warn(
            f"The best {name}, {best:.3g}, is the {edge} of its grid; try {beyond} values of "
            f"{name}s as well.",
            GridEdgeWarning,
            stacklevel=4,
        )
