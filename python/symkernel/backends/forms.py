"""Evaluate closed forms on the CPU: averages over groups, without their elements."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from symkernel.backends.cpu import Call, Samples
from symkernel.backends.memory import available_bytes, require_memory
from symkernel.backends.native import _cpu
from symkernel.backends.prepared import rows_of
from symkernel.backends.threads import resolve_jobs

Array = NDArray[Any]

# Diagonal entries are taken from Gram matrices of this many samples.
_DIAGONAL_BLOCK = 32
# Permanents of more points are sums without a table, which one matrix at a time needs where they
# are too inaccurate; up to as many every matrix of a vector has one.
_TABLES_IN_VECTORS = 14
_VECTOR = 64  # bytes, at most
_LARGE = 1 << 24  # bytes of scratch of a thread, from which on its memory is worth a question


@dataclass(frozen=True, eq=False)
class FormTable:
    """What a closed form acts on: points in blocks, and permutations of them to be summed over.

    Parameters
    ----------
    form : str
        Native name: "rotations_3", "permanents", ...
    rows : ndarray of shape (s, points)
        Row permutations of the points, counted within each block; the identity alone if none.
    blocks : tuple of (int, int)
        Points and dimension of every block.
    layout : ndarray of shape (d,)
        Features in the order of the blocks, point by point.
    """

    form: str
    rows: Array
    blocks: tuple[tuple[int, int], ...]
    layout: Array


@dataclass(frozen=True, eq=False)
class Rates:
    """``sum_m values[c, m] F(t_m) + slopes[c, m] t_m F'(t_m)`` for every output plane c.

    Parameters
    ----------
    rates : ndarray of shape (m,)
        Rates t, positive.
    values, slopes : ndarray of shape (planes, m)
        Plane 0 is the kernel, the others its derivatives for logarithms of hyperparameters.
    base : {"rbf", "laplacian"}
        F(t) is the average of ``exp(-t |x - y|_2^2)`` or of ``exp(-t |x - y|_1)``.
    """

    rates: Array
    values: Array
    slopes: Array
    base: str = "rbf"


@dataclass(frozen=True, eq=False)
class Powers:
    """``sum_k values[c, k] m_k`` for every output plane c, with moments ``m_k = E (x.gy)^k``.

    Parameters
    ----------
    values : ndarray of shape (planes, degree + 1)
        Plane 0 is the kernel, the others its derivatives for logarithms of hyperparameters.
    """

    values: Array


_actions: weakref.WeakKeyDictionary[FormTable, _cpu.OrbitAction] = weakref.WeakKeyDictionary()


def _action(table: FormTable) -> _cpu.OrbitAction:
    action = _actions.get(table)
    if action is None:
        action = build_form_action(_cpu, table)
        _actions[table] = action
    return action


def build_form_action(native: Any, table: FormTable) -> Any:
    """Make points and their permutations an object of a native module, `_cpu` or `_cuda`."""
    entries = np.concatenate([np.eye(r).ravel() for _, r in table.blocks])[None]
    rows = np.ascontiguousarray(table.rows, dtype=np.int32)
    layout = [int(i) for i in table.layout]
    return native.OrbitAction.points(rows, entries, layout, list(table.blocks))


def build_form(native: Any, table: FormTable, mixture: Rates | Powers) -> Any:
    """Return A closed form as an object of a native module, `_cpu` or `_cuda`."""
    if isinstance(mixture, Powers):
        values = np.ascontiguousarray(mixture.values, dtype=np.float64)
        return native.ClosedForm.of_powers(table.form, values)
    return native.ClosedForm(
        table.form,
        [float(t) for t in mixture.rates],
        np.ascontiguousarray(mixture.values, dtype=np.float64),
        np.ascontiguousarray(mixture.slopes, dtype=np.float64),
        mixture.base,
    )


_forms: weakref.WeakKeyDictionary[Rates | Powers, dict[tuple[str, bool], _cpu.ClosedForm]] = (
    weakref.WeakKeyDictionary()
)


def _form(table: FormTable, mixture: Rates | Powers, derivatives: bool = False) -> _cpu.ClosedForm:
    """Return a closed form as a native object, kept for the life of its rates."""
    made = _forms.get(mixture)
    if made is None:
        made = _forms[mixture] = {}
    form = made.get((table.form, derivatives))
    if form is None:
        form = build_form(_cpu, table, mixture if derivatives else value_only(mixture))
        made[table.form, derivatives] = form
    return form


def value_only(mixture: Rates | Powers) -> Rates | Powers:
    """Return the kernel without its derivatives."""
    if isinstance(mixture, Powers):
        return Powers(mixture.values[:1])
    return replace(mixture, values=mixture.values[:1], slopes=mixture.slopes[:1])


def scratch_bytes(table: FormTable, derivatives: bool = False) -> int:
    """Return the bytes that one thread may write for tables of permanents; 0 where few."""
    if table.form not in ("permanents", "signed_permanents"):
        return 0
    most = max((points for points, _ in table.blocks), default=0)
    if derivatives:
        size = _VECTOR << (most + 1)
    else:
        size = (8 if most > _TABLES_IN_VECTORS else _VECTOR) << most
    return size if size >= _LARGE else 0


def _threads(table: FormTable, n_jobs: int | None, derivatives: bool = False) -> int:
    """Return the threads that were asked for, at most as many as there is scratch for."""
    threads, size = resolve_jobs(n_jobs), scratch_bytes(table, derivatives)
    if size == 0:
        return threads
    require_memory(
        (size,),
        1,
        "The table of permanents",
        'Average over a random subset instead: method="sample".',
    )
    available = available_bytes()
    if available is None:
        return threads
    return max(1, min(threads or _cpu.max_threads(), available // size))


def gram(
    table: FormTable,
    mixture: Rates | Powers,
    X: Samples,
    Y: Samples | None,
    n_jobs: int | None = None,
) -> Array:
    """Return the Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
    form = _form(table, mixture)
    call = Call(form, _action(table), _threads(table, n_jobs))
    return _cpu.gram(call.kernel, call.action, call(X), call(Y), call.threads)


def gram_packed(
    table: FormTable, mixture: Rates | Powers, X: Samples, n_jobs: int | None = None
) -> Array:
    """Return K(X, X) in packed form, shape (n (n + 1) / 2,); see ``symkernel.backends.packed``."""
    form = _form(table, mixture)
    call = Call(form, _action(table), _threads(table, n_jobs))
    return _cpu.gram_packed(call.kernel, call.action, call(X), call.threads)


def gram_gradient(
    table: FormTable,
    mixture: Rates | Powers,
    X: Samples,
    Y: Samples | None = None,
    n_jobs: int | None = None,
    per_feature: bool = False,
) -> tuple[Array, Array]:
    """Return the Gram matrix (n, m) and its derivatives (n, m, planes - 1), or per feature."""
    form = _form(table, mixture, not per_feature)
    call = Call(form, _action(table), _threads(table, n_jobs, True))
    return _cpu.gram_gradient(call.kernel, call.action, call(X), call(Y), per_feature, call.threads)


def matvec(
    table: FormTable,
    mixture: Rates | Powers,
    X: Samples,
    Y: Samples | None,
    V: Array,
    n_jobs: int | None = None,
) -> Array:
    """Return K(X, Y) V of shape (n, c), without storing K; `Y=None` means X."""
    form = _form(table, mixture)
    call = Call(form, _action(table), _threads(table, n_jobs))
    return _cpu.matvec(call.kernel, call.action, call(X), call(Y), V, call.threads)


def diagonal(
    table: FormTable,
    mixture: Rates | Powers,
    X: Samples,
    gradient: bool = False,
    per_feature: bool = False,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Return K(x_i, x_i) of shape (n,), and its derivatives (n, p) when asked (else (n, 0)).

    From small Gram matrices along the diagonal.
    """
    X = cast(Array, rows_of(X))
    planes = 0 if not gradient else X.shape[1] if per_feature else len(mixture.values) - 1
    values = np.empty(len(X), dtype=X.dtype)
    derivatives = np.empty((len(X), planes), dtype=X.dtype)
    for i in range(0, len(X), _DIAGONAL_BLOCK):
        part = slice(i, i + _DIAGONAL_BLOCK)
        if gradient:
            K, dK = gram_gradient(table, mixture, X[part], None, n_jobs, per_feature)
            derivatives[part] = np.einsum("iip->ip", dK)
        else:
            K = gram(table, mixture, X[part], None, n_jobs)
        values[part] = np.diag(K)
    return values, derivatives


def gradient_x(
    table: FormTable,
    mixture: Rates | Powers,
    X: Samples,
    Y: Samples,
    V: Array,
    n_jobs: int | None = None,
) -> Array:
    """Return the gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
    form = _form(table, mixture)
    call = Call(form, _action(table), _threads(table, n_jobs, True))
    return _cpu.gradient_x(call.kernel, call.action, call(X), call(Y), V, call.threads)


def diagonal_gradient_x(
    table: FormTable, mixture: Rates | Powers, X: Samples, n_jobs: int | None = None
) -> Array:
    """Return the gradients (n, d) of K(x_i, x_i) in the rows of X."""
    form = _form(table, mixture)
    call = Call(form, _action(table), _threads(table, n_jobs, True))
    return _cpu.diagonal_gradient_x(call.kernel, call.action, call(X), call.threads)
