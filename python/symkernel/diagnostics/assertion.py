"""Assert invariance in test suites."""

from __future__ import annotations

from typing import Any

import numpy as np

from symkernel.diagnostics._wrapping import Frame
from symkernel.diagnostics.orbit_grid import orbit_grid
from symkernel.diagnostics.orbit_values import BATCH, OrbitValues, Output, as_samples
from symkernel.groups import Group
from symkernel.groups.registry import bind, names_of
from symkernel.validation import RandomState

__all__ = ["assert_invariant"]


def assert_invariant(
    model: Any,
    X: Any,
    *,
    group: Group | str,
    atol: float = 1e-8,
    rtol: float = 0.0,
    output: Output = None,
    n_random: int = 32,
    random_state: RandomState = 0,
    batch_size: int = BATCH,
) -> None:
    """Fail unless a model predicts the same at images of samples: for test suites.

    Parameters
    ----------
    model : object with predict, or callable
        As for ``invariance_report``.
    X : array-like of shape (n, n_features) or (n, *group.shape)
        Samples.
    group : Group or str
        Group without translations, or the name of one.
    atol, rtol : float, default=1e-8 and 0.0
        A difference may be ``atol + rtol * |prediction|``.
    output : None, "same", "vector" or callable, default=None
        How predictions turn with the samples; see ``invariance_report``.
    n_random : int, default=32
        Random elements tried; a finite group of at most that many is tried whole.
    random_state : int, numpy Generator, numpy RandomState or None, default=0
        Source of the elements; fixed, so that a test gives one answer.
    batch_size : int, default=8192
        Rows per call of the model.

    Raises
    ------
    AssertionError
        If a prediction changes by more; the message names the sample, the element and by how much.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import diagnostics, groups
    >>> X = np.random.default_rng(0).standard_normal((5, 4))
    >>> diagnostics.assert_invariant(lambda X: X.sum(axis=1), X, group=groups.Symmetric(4))
    """
    group = bind(group, int(np.prod(np.shape(X)[1:])), names_of(X))
    whole = group.is_finite and group.order <= n_random
    grid = orbit_grid(group, n_random=None if whole else n_random, random_state=random_state)
    samples, shape = as_samples(X, grid)
    values = OrbitValues(model, grid, shape, output, batch_size, Frame.of(X))
    plain = values.plain(samples)
    for block, predicted in values.blocks(samples, lambda: None):
        here = plain[block]
        excess = np.abs(predicted - here) - (atol + rtol * np.abs(here))
        if excess.max() > 0:
            place = np.unravel_index(int(excess.argmax()), excess.shape)
            k, i = int(place[0]), int(place[1])
            change = float(np.abs(predicted - here)[place])
            raise AssertionError(
                f"the model is not invariant under {group!r}: the prediction for sample "
                f"{block.start + i} changes by {change:.3g} under element {k} of {grid.name}, "
                f"more than atol={atol:g} and rtol={rtol:g} allow"
            )
