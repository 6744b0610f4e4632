"""Execute plans on the CPU: arrays and tables of elements in, native calls, arrays out."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.element_tables import (
    ActionTable,
    MatrixTable,
    PointTable,
    SignedPermutationTable,
)
from symkernel.backends.fourier_tables import BlockTable, ShiftTable
from symkernel.backends.native import _cpu
from symkernel.backends.prepared import Prepared
from symkernel.backends.threads import resolve_jobs
from symkernel.backends.traits import with_other_derivatives

Array = NDArray[Any]
Table = ActionTable | PointTable | BlockTable | ShiftTable
Samples = Array | Prepared
# Name and parameters; with weights of the elements of the table, in their order, in the place of
# 1/|G| for each, alike for an element and its inverse.
Kernel = tuple[str, Sequence[float]] | tuple[str, Sequence[float], Array]

# A table is made once per group and copied into native form once, however many kernels use it.
_actions: weakref.WeakKeyDictionary[Table, _cpu.OrbitAction] = weakref.WeakKeyDictionary()


def native_action(table: Table) -> _cpu.OrbitAction:
    """Return the elements of a group as a native object, cached for the life of the table."""
    action = _actions.get(table)
    if action is None:
        action = build_action(_cpu, table)
        _actions[table] = action
    return action


def build_action(native: Any, table: Table) -> Any:
    """Return the elements of a group as an object of a native module, `_cpu` or `_cuda`."""
    if isinstance(table, SignedPermutationTable):
        signs = None if table.signs is None else np.ascontiguousarray(table.signs, dtype=np.int8)
        indices = np.ascontiguousarray(table.indices, dtype=np.int32)
        return native.OrbitAction.signed_permutations(indices, signs)
    if isinstance(table, MatrixTable):
        return native.OrbitAction.matrices(np.ascontiguousarray(table.matrices, dtype=np.float64))
    if isinstance(table, PointTable):
        rows = np.ascontiguousarray(table.rows, dtype=np.int32)
        matrices = np.ascontiguousarray(table.matrices, dtype=np.float64)
        points, r = rows.shape[1], matrices.shape[1]
        layout = np.arange(points * r) if table.layout is None else table.layout
        entries = matrices.reshape(len(matrices), r * r)
        return native.OrbitAction.points(rows, entries, [int(i) for i in layout], [(points, r)])
    if isinstance(table, BlockTable):
        points = sum(m for m, _ in table.blocks)
        degree = sum(m * r for m, r in table.blocks)
        rows = np.concatenate([np.arange(m, dtype=np.int32) for m, _ in table.blocks])
        matrices = np.ascontiguousarray(table.matrices, dtype=np.float64)
        basis = np.ascontiguousarray(table.basis, dtype=np.float64)
        return native.OrbitAction.points(
            rows.reshape(1, points), matrices, list(range(degree)), list(table.blocks), basis
        )
    if isinstance(table, ShiftTable):
        maps = np.ascontiguousarray(table.maps, dtype=np.int32)
        features = [int(i) for i in table.layout.ravel()]
        return native.OrbitAction.shifts(list(table.grid), maps, features)
    raise TypeError(f"unknown table of group elements: {type(table).__name__}")


class Call:
    """One native call: its kernel and action, its threads, and samples as it takes them.

    Parameters
    ----------
    kernel : BaseKernel or ClosedForm
        Native kernel.
    action : OrbitAction
        Native elements.
    threads : int
        Threads, as `resolve_jobs` counts them.
    """

    def __init__(self, kernel: Any, action: _cpu.OrbitAction, threads: int) -> None:
        self.kernel = kernel
        self.action = action
        self.threads = threads

    def __call__(self, X: Any) -> Any:
        """Return an array or None as it is, and prepared samples in native form, made once."""
        if not isinstance(X, Prepared):
            return X
        key = (self.kernel.kind, self.action, _cpu.isa())
        return X.native(key, lambda: _cpu.prepare(self.kernel, self.action, X.rows, self.threads))


def gram(
    kernel: Kernel,
    table: Table,
    X: Samples,
    Y: Samples | None,
    n_jobs: int | None = None,
) -> Array:
    """Return the group-averaged Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
    call = Call(_kernel(kernel), native_action(table), resolve_jobs(n_jobs))
    return _cpu.gram(call.kernel, call.action, call(X), call(Y), call.threads)


def gram_packed(kernel: Kernel, table: Table, X: Samples, n_jobs: int | None = None) -> Array:
    """Return K(X, X) in packed form, shape (n (n + 1) / 2,); see ``symkernel.backends.packed``."""
    call = Call(_kernel(kernel), native_action(table), resolve_jobs(n_jobs))
    return _cpu.gram_packed(call.kernel, call.action, call(X), call.threads)


def gram_gradient(
    kernel: Kernel,
    table: Table,
    X: Samples,
    per_feature: bool,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Return the Gram matrix (n, n) and its derivatives (n, n, p) in log hyperparameters."""
    call = Call(_kernel(kernel), native_action(table), resolve_jobs(n_jobs))
    return with_other_derivatives(
        call.kernel,
        per_feature,
        lambda each: _cpu.gram_gradient(
            call.kernel, call.action, call(X), None, each, call.threads
        ),
    )


def matvec(
    kernel: Kernel,
    table: Table,
    X: Samples,
    Y: Samples | None,
    V: Array,
    n_jobs: int | None = None,
) -> Array:
    """Return K(X, Y) V, (n, c), for V of shape (m, c), without storing K; `Y=None` means X."""
    call = Call(_kernel(kernel), native_action(table), resolve_jobs(n_jobs))
    return _cpu.matvec(call.kernel, call.action, call(X), call(Y), V, call.threads)


def gradient_x(
    kernel: Kernel,
    table: Table,
    X: Samples,
    Y: Samples,
    V: Array,
    n_jobs: int | None = None,
) -> Array:
    """Return the gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
    call = Call(_kernel(kernel), native_action(table), resolve_jobs(n_jobs))
    return _cpu.gradient_x(call.kernel, call.action, call(X), call(Y), V, call.threads)


def diagonal_gradient_x(
    kernel: Kernel, table: Table, X: Samples, n_jobs: int | None = None
) -> Array:
    """Return the gradients (n, d) of K(x_i, x_i) in the rows of X."""
    call = Call(_kernel(kernel), native_action(table), resolve_jobs(n_jobs))
    return _cpu.diagonal_gradient_x(call.kernel, call.action, call(X), call.threads)


def diagonal(
    kernel: Kernel,
    table: Table,
    X: Samples,
    gradient: bool = False,
    per_feature: bool = False,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Return K(x_i, x_i) of shape (n,), and its derivatives (n, p) when asked (else (n, 0))."""
    call = Call(_kernel(kernel), native_action(table), resolve_jobs(n_jobs))
    return with_other_derivatives(
        call.kernel,
        per_feature and gradient,
        lambda each: _cpu.diagonal(call.kernel, call.action, call(X), gradient, each, call.threads),
    )


def shift_cost(grid: Sequence[int], channels: int) -> float:
    """Return the multiply-adds per pair of samples that the transform of a grid is worth.

    Raises
    ------
    ValueError
        If an axis has a prime factor that the transform does not support.
    """
    return _shift_cost(tuple(grid), channels)


# The native core makes the whole transform to count its work.
@lru_cache(maxsize=256)
def _shift_cost(grid: tuple[int, ...], channels: int) -> float:
    return float(_cpu.shift_cost(list(grid), channels))


def _kernel(kernel: Kernel) -> _cpu.BaseKernel:
    name, parameters, *weights = kernel
    return _cpu.BaseKernel(name, [float(p) for p in parameters], *weights)


def info() -> dict[str, Any]:
    """Return the instruction set in use, the available ones, threads and the threading layer."""
    return {
        "isa": _cpu.isa(),
        "available_isas": _cpu.available_isas(),
        "max_threads": _cpu.max_threads(),
        "threading_layer": _cpu.threading_layer(),
        "version": _cpu.__version__,
    }


def set_isa(name: str) -> None:
    """Use another instruction set from now on ("baseline", "avx2", "avx512").

    Raises
    ------
    ValueError
        If this machine cannot run it; the message lists the ones it can.
    """
    _cpu.set_isa(name)


def multiply_add_rate(
    dtype: Any = np.float64, n_jobs: int | None = None, seconds: float = 0.05
) -> float:
    """Return the multiply-adds per second that this machine reaches on registers (measured now)."""
    return _cpu.multiply_add_rate(np.dtype(dtype) == np.float32, resolve_jobs(n_jobs), seconds)


def exp_rate(dtype: Any = np.float64, n_jobs: int | None = None, seconds: float = 0.05) -> float:
    """Return the exponentials per second that the native exp reaches from the first-level cache."""
    return _cpu.exp_rate(np.dtype(dtype) == np.float32, resolve_jobs(n_jobs), seconds)
