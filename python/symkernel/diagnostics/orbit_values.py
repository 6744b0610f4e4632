"""Predict with any model on the images of samples, in batches and in bounded memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier

from symkernel.diagnostics._wrapping import Frame, as_given
from symkernel.diagnostics.orbit_grid import OrbitGrid
from symkernel.estimators._progress import Progress
from symkernel.validation import as_count, check_samples

__all__ = ["OrbitValues", "Output", "as_predictor", "as_samples"]

Array = NDArray[Any]
Output = str | Callable[[OrbitGrid, int, Array], Array] | None

# Rows that a model is asked to predict at a time.
BATCH = 8192
# Numbers predicted at the images of one block of samples that are held at a time.
_HELD = 2**22


def as_predictor(model: Any) -> Callable[[Array], Array]:
    """Return the function that a model predicts with: its ``predict``, or the callable itself.

    Of classifiers the probabilities are taken, or the decision function: averages of labels mean
    nothing.

    Raises
    ------
    TypeError
        If the model is neither, or a classifier that predicts labels only.
    """
    function: Callable[[Array], Array]
    if isinstance(model, BaseEstimator) and is_classifier(model):
        for name in ("predict_proba", "decision_function"):
            if hasattr(model, name):
                function = getattr(model, name)
                return function
        raise TypeError(
            f"{type(model).__name__} predicts labels only, over which there is no average: pass a "
            "classifier with predict_proba or decision_function"
        )
    if hasattr(model, "predict"):
        function = model.predict
    elif callable(model):
        function = model
    else:
        raise TypeError(
            f"model must have a predict method or be callable, got {type(model).__name__}"
        )
    return function


def as_samples(X: Any, grid: OrbitGrid) -> tuple[Array, tuple[int, ...]]:
    """Return the samples as (n, d), at least one of them, and the shape of one as it was given."""
    samples = check_samples(X, group=grid.group)
    if not len(samples):
        raise ValueError("X holds no samples")
    return samples, tuple(np.shape(X)[1:])


class OrbitValues:
    """Predictions on images of samples, taken back to the sample.

    Parameters
    ----------
    model : object with predict, or callable
        Takes samples of the shape given, returns one row per sample.
    grid : OrbitGrid
        Elements of the group.
    shape : tuple of int
        Shape of a sample as the model takes it.
    output : None, "same", "vector" or callable
        How predictions turn with the samples: not at all; like the sample itself (forces); each
        vector in their last axis by the rotation of the group (dipoles); or
        ``output(grid, k, Y)`` takes predictions Y at images under element k back.
    batch_size : int
        Rows per call of the model.
    frame : Frame, optional
        The data frame that the model takes samples in.

    Attributes
    ----------
    weights : ndarray of shape (q,)
        Weights of the elements.
    seconds : float
        Time spent in the model.
    calls : int
        Number of calls of the model.
    """

    def __init__(
        self,
        model: Any,
        grid: OrbitGrid,
        shape: tuple[int, ...],
        output: Output = None,
        batch_size: int = BATCH,
        frame: Frame | None = None,
    ) -> None:
        if not (output is None or callable(output) or output in ("same", "vector")):
            raise ValueError(f"output must be None, 'same', 'vector' or a callable, got {output!r}")
        self._predict = as_predictor(model)
        self._grid, self._shape, self._output = grid, shape, output
        self._frame = frame
        self._batch = as_count(batch_size, "batch_size")
        # Until the model has been asked: forces are as long as samples.
        self._trailing: tuple[int, ...] = (grid.group.degree,) if output == "same" else ()
        self.weights = grid.weights
        self.seconds = 0.0
        self.calls = 0

    def plain(self, X: Array) -> Array:
        """Return the predictions at the samples themselves, (n, ...)."""
        parts = [
            self._call(X[start : start + self._batch]) for start in range(0, len(X), self._batch)
        ]
        return np.concatenate(parts)

    def blocks(self, X: Array, step: Callable[[], None]) -> Iterator[tuple[slice, Array]]:
        """Yield the predictions (q, b, ...) at all images of blocks of samples, taken back to them.

        ``step`` is called after each call of the model; ``count(n)`` says how often.
        """
        q = len(self._grid)
        rows = self._rows()
        for start in range(0, len(X), rows):
            part = X[start : start + rows]
            values: Array | None = None
            for first, last in self._groups(len(part)):
                moved = [self._grid.act(k, part) for k in range(first, last)]
                images = moved[0] if len(moved) == 1 else np.concatenate(moved)
                predicted = self._call(images)
                shaped = predicted.reshape(last - first, len(part), *predicted.shape[1:])
                if values is None:
                    values = np.empty((q, *shaped.shape[1:]))
                for k in range(first, last):
                    values[k] = self._back(k, shaped[k - first])
                step()
            assert values is not None
            yield slice(start, start + len(part)), values

    def averages(self, X: Array, progress: bool = False) -> tuple[Array, Array]:
        """Return the weighted means and standard deviations over the images, each (n, ...)."""
        means, deviations = [], []
        with Progress(self.count(len(X)), "averaging", progress) as bar:
            for _, predicted in self.blocks(X, lambda: bar.step("")):
                middle = np.tensordot(self.weights, predicted, axes=1)
                # a second pass over the differences: one pass would cancel
                squares = np.tensordot(self.weights, (predicted - middle) ** 2, axes=1)
                means.append(middle)
                deviations.append(np.sqrt(squares))
        return np.concatenate(means), np.concatenate(deviations)

    def count(self, n: int) -> int:
        """Return the calls of the model that ``blocks`` makes for n samples."""
        rows = self._rows()
        blocks = [min(rows, n - start) for start in range(0, n, rows)]
        return sum(len(list(self._groups(b))) for b in blocks)

    def _rows(self) -> int:
        numbers = len(self._grid) * math.prod(self._trailing)
        return max(1, min(self._batch, _HELD // max(1, numbers)))

    def _groups(self, rows: int) -> Iterator[tuple[int, int]]:
        """Runs of elements whose images go to the model together."""
        together = max(1, self._batch // rows)
        for first in range(0, len(self._grid), together):
            yield first, min(first + together, len(self._grid))

    def _call(self, samples: Array) -> Array:
        start = time.perf_counter()
        returned = self._predict(as_given(self._frame, samples.reshape(len(samples), *self._shape)))
        self.seconds += time.perf_counter() - start
        self.calls += 1
        if isinstance(returned, tuple):
            raise ValueError(
                f"the model returned a tuple of {len(returned)}: pass a callable that returns one "
                "of them, such as lambda X: model.predict(X)[0]"
            )
        predicted = np.asarray(returned)
        if predicted.ndim == 0 or len(predicted) != len(samples):
            raise ValueError(
                f"the model must return one row per sample: {len(samples)} samples gave shape "
                f"{predicted.shape}"
            )
        if predicted.dtype.kind not in "fiu":
            raise ValueError(f"the model must return real numbers, got {predicted.dtype}")
        if not np.isfinite(predicted).all():
            raise ValueError("the model returned NaN or infinity")
        self._trailing = predicted.shape[1:]
        return predicted.astype(np.float64, copy=False)

    def _back(self, k: int, predicted: Array) -> Array:
        """Predictions at the images under element k, taken back by its inverse."""
        if self._output is None:
            return predicted
        if callable(self._output):
            return np.asarray(self._output(self._grid, k, predicted))
        if self._output == "same":
            degree = self._grid.group.degree
            flat = predicted.reshape(len(predicted), -1)
            if flat.shape[1] != degree:
                raise ValueError(
                    f"output='same' needs predictions of {degree} numbers per sample, like the "
                    f"samples; the model returned shape {predicted.shape}"
                )
            turned = self._grid.act(k, flat, inverse=True, linear=True)
            return turned.reshape(predicted.shape)
        if predicted.ndim < 2:
            raise ValueError("output='vector' needs predictions with vectors in their last axis")
        # rows times M is M^-1 acting on each, M being orthogonal
        back: Array = predicted @ self._grid.matrix(k, predicted.shape[-1])
        return back
