"""Fit on centres to samples that stay in blocks: arrays of Dask, and arrays on disk."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

from symkernel.estimators._blocks import Blocks, as_targets, blocks_on_disk, is_dask_array
from symkernel.estimators._calibration import identical_rows
from symkernel.estimators._centers import (
    Centres,
    check_on_disk,
    given_centres,
    is_on_disk,
)
from symkernel.estimators._doubling import double_centres
from symkernel.estimators._kernel import BoundKernel, KernelSpec
from symkernel.estimators._large import Options
from symkernel.estimators._machine import Fitted, KernelMachine
from symkernel.estimators._nystroem import NystroemFit, rows_left_out, solved_from_sums
from symkernel.estimators._solvers import plan_centres, read_options
from symkernel.exceptions import ApproximationWarning, NotApplicableError
from symkernel.solvers.chunks import rows_per_chunk, stored_rows
from symkernel.solvers.nystroem import NystroemSums
from symkernel.solvers.ridge import one_per_target
from symkernel.validation import check_kind, check_labels

Array = NDArray[Any]

# Numbers of an array that is not stored in chunks that are read at a time, and rows at most.
_ENTRIES, _ROWS = 2**20, 2**16


def stay_in_blocks(machine: Any, spec: KernelSpec, X: Any) -> bool:
    """Tell samples that are fitted block by block from those that are checked as a whole.

    Raises
    ------
    NotApplicableError
        If they are an array of Dask, and what is asked for needs all of them.
    """
    if spec.of_sets or spec.precomputed:
        return False
    descriptor = getattr(machine, "descriptor", None)
    if not is_dask_array(X):
        on_disk = machine.solver == "nystroem" and is_on_disk(X)
        if isinstance(X, np.memmap) and machine.memory_limit is not None:
            return False  # one matrix of sums is less than a tree of them
        return on_disk and descriptor is None and machine.checkpoint is None
    for refused, why in (
        (
            machine.solver in ("cholesky", "pcg"),
            f"solver={machine.solver!r} needs all samples at once: solver='nystroem' fits them "
            "chunk by chunk, and X.compute() is an array in memory",
        ),
        (
            descriptor is not None,
            "its features are made by descriptor=: give X.map_blocks(descriptor.value, ...) and "
            "descriptor=None, or X.compute()",
        ),
        (
            machine.checkpoint is not None,
            "checkpoint= keeps the state of a fit in this process: leave it out, Dask computes "
            "again what a worker loses",
        ),
        (
            machine.device == "cuda",
            "a fit on centres is computed on the host: device='auto', or X.compute()",
        ),
    ):
        if refused:
            raise NotApplicableError(f"X is a Dask array, and {why}")
    if machine.solver == "auto":
        warnings.warn(
            "X is a Dask array, which is fitted on centres, an approximation: solver='nystroem' "
            "asks for it by name, and X.compute() is an array that is fitted as a whole.",
            ApproximationWarning,
            stacklevel=3,
        )
    return True


def bound_blocks(
    machine: Any,
    spec: KernelSpec,
    X: Any,
    y: Any,
    sample_weight: Any,
    targets: Callable[[Array], Array] = as_targets,
) -> tuple[BoundKernel, Blocks, Any]:
    """Return the kernel, the samples in blocks, and y as an array; nothing but shapes is read.

    Raises
    ------
    TypeError, ValueError
        If shapes are not what is expected, or chunks are of unknown sizes.
    """
    n, d = _shape(machine, X)
    bound = spec.bind(d, getattr(machine, "feature_names_in_", None))
    y = _array(machine, X, y, "y", targets is as_targets)
    if sample_weight is not None and not np.ndim(sample_weight):
        sample_weight = np.broadcast_to(float(sample_weight), (n,))
    weight = None if sample_weight is None else _array(machine, X, sample_weight, "sample_weight")
    options = read_options(machine)
    kept, n_jobs = (X, y, weight), machine.n_jobs
    if is_dask_array(X):
        from symkernel.estimators import _dask  # only where an array of Dask has come

        show = options.verbose > 0
        return bound, _dask.blocks_of_dask(*kept, bound.group, targets, n_jobs, show), y
    stored = stored_rows(X) or max(1, min(_ROWS, _ENTRIES // d))
    lengths = [min(stored, n - first) for first in range(0, n, stored)]
    return bound, blocks_on_disk(*kept, lengths, bound.group, targets, n_jobs), y


def _shape(estimator: Any, X: Any) -> tuple[int, int]:
    """Numbers of samples and of features, checked, and learned by the estimator."""
    if len(X.shape) < 2:
        raise ValueError(f"X must have shape (n_samples, n_features), got {tuple(X.shape)}")
    if any(size != size for size in X.shape):  # NaN
        raise ValueError(
            f"X has chunks of unknown sizes, shape {tuple(X.shape)}: X.compute_chunk_sizes() finds "
            "them, in one pass"
        )
    shape = (int(X.shape[0]), int(np.prod(X.shape[1:])))
    check_on_disk(estimator, np.broadcast_to(0.0, shape), reset=True)
    return shape


def _array(machine: Any, X: Any, values: Any, name: str, numbers: bool = True) -> Any:
    """Targets or weights as an array with as many rows as X."""
    if values is None:
        raise ValueError(
            f"requires y to be passed, but the target y is None: {type(machine).__name__}.fit(X, y)"
        )
    lazy = is_dask_array(values)
    if lazy and not is_dask_array(X):
        raise TypeError(
            f"{name} is a Dask array and X is not: {name}.compute() is one in memory, and "
            "dask.array.from_array(X, chunks=...) makes X one of Dask"
        )
    if not (lazy or is_on_disk(values)):
        check_kind(values, name) if numbers else check_labels(values)
        values = np.asarray(values)
        if numbers and values.dtype == object:  # which Dask cannot tell from one another
            values = values.astype(np.float64)
    if len(values.shape) not in (1, 2):
        raise ValueError(f"{name} must have shape (n,) or (n, t), got {tuple(values.shape)}")
    if any(size != size for size in values.shape):  # NaN
        raise ValueError(
            f"{name} has chunks of unknown sizes: {name}.compute_chunk_sizes() finds them, in one "
            "pass"
        )
    if values.shape[0] != X.shape[0]:
        raise ValueError(
            f"{name} has {values.shape[0]} rows and X has {X.shape[0]}; they must agree"
        )
    return values


class _Run:
    """One fit to blocks."""

    def __init__(
        self, options: Options, bound: BoundKernel, blocks: Blocks, n_targets: int, seed: int
    ) -> None:
        self._options, self._bound, self._blocks = options, bound, blocks
        self._t, self._seed = n_targets, seed

    def with_rows(
        self, m: int, held: NDArray[np.intp] | None, rows: NDArray[np.intp] | None
    ) -> tuple[Centres, NystroemSums, Any]:
        """Find m centres, sum over all samples but those held out, and return some of them.

        Two readings: blocks that wait for the centres would all have to be kept.
        """
        blocks, executor = self._blocks, self._blocks.executor
        task = blocks.centres(self._bound, m, self._options.centers, self._seed)
        asked = [task] if rows is None else [task, blocks.rows(rows)]
        kept = executor.keep(*asked)
        here, *some = executor.get(f"{m} centres", *kept)
        limit = self._options.memory_limit
        size = rows_per_chunk(len(here), blocks.shape[1], None if limit is None else int(limit))
        task = blocks.sums(kept[0], len(here), self._t, size, held)
        (sums,) = executor.get(f"{blocks.shape[0]:,} samples", task)
        sums = NystroemSums.from_arrays(sums.arrays())  # what workers send may be read-only
        return replace(here, n_jobs=self._options.n_jobs), sums, some[0] if some else None

    def attempt(self, m: int, held: NDArray[np.intp] | None) -> tuple[Centres, NystroemSums]:
        """Find m centres, and sum over all samples but those held out."""
        return self.with_rows(m, held, None)[:2]

    def at(self, rows: NDArray[np.intp]) -> tuple[Array, Array, Array | None]:
        """Return some samples, their targets and their weights."""
        found: tuple[Array, Array, Array | None]
        (found,) = self._blocks.executor.get(f"{len(rows)} samples", self._blocks.rows(rows))
        return found


def fit_blocks(
    machine: KernelMachine,
    spec: KernelSpec,
    bound: BoundKernel,
    blocks: Blocks,
    tail: tuple[int, ...],
    alpha: Array,
    centred: bool,
) -> tuple[NystroemFit, Array, Array]:
    """Fit on centres, and set what is fitted but for constants.

    Returns
    -------
    tuple
        What is kept of the fit, the constants (t,), and the targets of the samples it has kept.
    """
    options, start = read_options(machine), perf_counter()
    n_targets = int(np.prod(tail))
    one_per_target(alpha, n_targets)
    alphas = np.ravel(alpha).astype(np.float64)
    plan = plan_centres(options, bound, blocks.shape, n_targets)
    seed = options.seed()
    run = _Run(options, bound, blocks, n_targets, seed)
    rows = rows_left_out(plan.n, seed)
    tried: tuple[int, ...] = ()
    if options.n_components is None:
        centres, sums, tried = double_centres(plan, alphas, seed, run)
        kept = run.at(rows)
    else:
        centres, sums, kept = run.with_rows(plan.n_components, None, rows)
    X, y, weight = kept
    large = NystroemFit(
        centres,
        sums,
        alphas,
        raw=True,
        rows=np.arange(len(rows)),
        features=centres.features(X),
        weights=np.ones(len(rows)) if weight is None else weight,
        labels=identical_rows(X),
        tried=tried,
    )
    dual_coef, constants = solved_from_sums(large, centred)
    machine.n_iter_ = 1
    seconds = perf_counter() - start
    machine.solver_plan_ = replace(plan, n_components=len(centres), seconds=seconds)
    machine.dual_coef_ = dual_coef.reshape(-1, *tail)
    machine._fitted = Fitted(spec, bound, alphas, weight, large=large)
    machine.kernel_, machine.group_, machine.X_fit_ = bound.kernel, bound.group, centres.samples
    return large, constants, y


# ---- features ------------------------------------------------------------------------------------


def choose_from_dask(
    estimator: Any, spec: KernelSpec, X: Any, n_components: int
) -> tuple[BoundKernel, Centres]:
    """Choose the centres of ``InvariantNystroem`` on one worker, among rows from all chunks.

    Raises
    ------
    TypeError, ValueError
        As ``find_centres``; the message names chunk and rows.
    """
    from symkernel.estimators import _dask  # only where an array of Dask has come

    d = _shape(estimator, X)[1]
    bound = spec.bind(d, getattr(estimator, "feature_names_in_", None))
    blocks = _dask.blocks_of_dask(X, None, None, bound.group, as_targets, estimator.n_jobs)
    if not isinstance(estimator.centers, str):
        return bound, given_centres(bound, estimator.centers, d, estimator.n_jobs)
    task = blocks.centres(bound, n_components, estimator.centers, estimator.random_state)
    (found,) = blocks.executor.get("centres", task)
    return bound, found


# ---- classes -------------------------------------------------------------------------------------


class OneAgainstRest:
    """Takes labels to targets, +1 for the class and -1 for the others; one column for two."""

    def __init__(self, classes: Array) -> None:
        self.classes = classes

    def __call__(self, y: Array) -> Array:
        """Return targets (c, t)."""
        codes = np.searchsorted(self.classes, y)
        if len(self.classes) == 2:
            return np.where(codes == 1, 1.0, -1.0)[:, None]
        return np.where(codes[:, None] == np.arange(len(self.classes)), 1.0, -1.0)


def classes_of(blocks: Blocks) -> Array:
    """Return the different labels, of which two or more have a positive weight.

    Raises
    ------
    ValueError
        If there are less, or labels are not discrete.
    """
    call = blocks.executor.call
    parts = [call(_labels, b.y, b.weight, b.where) for b in blocks.blocks if b.where.rows]
    (found,) = blocks.executor.get("classes", call(_all_labels, parts))
    classes, counted = found
    if len(counted) < 2:
        raise ValueError(
            "y must hold at least two classes (of positive weight); got "
            + (f"one class, {counted[0]!r}" if len(counted) else "none")
        )
    return np.asarray(classes)


def _labels(n_jobs: int | None, y: Any, weight: Any, where: Any) -> tuple[Array, Array]:
    """Labels of a block, and those of positive weight."""
    y = np.asarray(y.read(None) if hasattr(y, "read") else y)
    try:
        check_labels(y)
        check_classification_targets(y)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from error
    if weight is None:
        return (found := np.unique(y)), found
    weight = np.asarray(weight.read(None) if hasattr(weight, "read") else weight)
    return np.unique(y), np.unique(y[weight > 0])


def _all_labels(n_jobs: int | None, parts: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    classes, counted = zip(*parts, strict=True)
    return np.unique(np.concatenate(classes)), np.unique(np.concatenate(counted))
