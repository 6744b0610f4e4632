"""Send NumPy arrays to the executor on the CPU, and CuPy arrays to that of their GPU."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from symkernel.backends import cpu, cuda, forms
from symkernel.backends.arrays import is_on_device
from symkernel.backends.cpu import Kernel, Table
from symkernel.backends.forms import FormTable, Powers, Rates, value_only
from symkernel.backends.memory import require_memory
from symkernel.backends.prepared import rows_of

# Of NumPy or of CuPy, which has no types.
Array = NDArray[Any]


def gram(kernel: Kernel, table: Table, X: Any, Y: Any, n_jobs: int | None = None) -> Array:
    """Return the group-averaged Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
    if is_on_device(rows_of(X)):
        return cuda.gram(kernel, table, rows_of(X), rows_of(Y))
    return cpu.gram(kernel, table, X, Y, n_jobs)


def gram_packed(kernel: Kernel, table: Table, X: Any, n_jobs: int | None = None) -> Array:
    """Return K(X, X) in packed form, shape (n (n + 1) / 2,); on the host, where LAPACK takes it."""
    return cpu.gram_packed(kernel, table, X, n_jobs)


def gram_gradient(
    kernel: Kernel, table: Table, X: Any, per_feature: bool, n_jobs: int | None = None
) -> tuple[Array, Array]:
    """Return the Gram matrix (n, n) and its derivatives (n, n, p) in log hyperparameters."""
    if is_on_device(rows_of(X)):
        return cuda.gram_gradient(kernel, table, rows_of(X), None, per_feature)
    return cpu.gram_gradient(kernel, table, X, per_feature, n_jobs)


def matvec(
    kernel: Kernel, table: Table, X: Any, Y: Any, V: Any, n_jobs: int | None = None
) -> Array:
    """Return K(X, Y) V, (n, c), for V of shape (m, c), without storing K; `Y=None` means X."""
    if is_on_device(rows_of(X)):
        return cuda.matvec(kernel, table, rows_of(X), rows_of(X if Y is None else Y), V)
    return cpu.matvec(kernel, table, X, Y, V, n_jobs)


def diagonal(
    kernel: Kernel,
    table: Table,
    X: Any,
    gradient: bool = False,
    per_feature: bool = False,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Return K(x_i, x_i) of shape (n,), and its derivatives (n, p) when asked (else (n, 0))."""
    if is_on_device(rows_of(X)):
        return cuda.diagonal(kernel, table, rows_of(X), gradient, per_feature)
    return cpu.diagonal(kernel, table, X, gradient, per_feature, n_jobs)


def gradient_x(
    kernel: Kernel, table: Table, X: Any, Y: Any, V: Any, n_jobs: int | None = None
) -> Array:
    """Return the gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
    if is_on_device(rows_of(X)):
        return cuda.gradient_x(kernel, table, rows_of(X), rows_of(Y), V)
    return cpu.gradient_x(kernel, table, X, Y, V, n_jobs)


def diagonal_gradient_x(kernel: Kernel, table: Table, X: Any, n_jobs: int | None = None) -> Array:
    """Return the gradients (n, d) of K(x_i, x_i) in the rows of X."""
    if is_on_device(rows_of(X)):
        return cuda.diagonal_gradient_x(kernel, table, rows_of(X))
    return cpu.diagonal_gradient_x(kernel, table, X, n_jobs)


def form_gram(
    table: FormTable, rates: Rates | Powers, X: Any, Y: Any, n_jobs: int | None = None
) -> Array:
    """Return Gram matrix of a closed form, of shape (n, m); `Y=None` means X, at half the cost."""
    if is_on_device(rows_of(X)):
        return cuda.gram((table, value_only(rates)), table, rows_of(X), rows_of(Y))
    return forms.gram(table, rates, X, Y, n_jobs)


def form_packed(
    table: FormTable, rates: Rates | Powers, X: Any, n_jobs: int | None = None
) -> Array:
    """Return K(X, X) of a closed form in packed form; on the host, where LAPACK takes it."""
    return forms.gram_packed(table, rates, X, n_jobs)


def form_gradient(
    table: FormTable,
    rates: Rates | Powers,
    X: Any,
    Y: Any = None,
    n_jobs: int | None = None,
    per_feature: bool = False,
) -> tuple[Array, Array]:
    """Return the Gram matrix (n, m) of a closed form and its derivatives (n, m, p)."""
    if is_on_device(rows_of(X)):
        kernel = table, value_only(rates) if per_feature else rates
        return cuda.gram_gradient(kernel, table, rows_of(X), rows_of(Y), per_feature)
    return forms.gram_gradient(table, rates, X, Y, n_jobs, per_feature)


def form_matvec(
    table: FormTable, rates: Rates | Powers, X: Any, Y: Any, V: Any, n_jobs: int | None = None
) -> Array:
    """Return K(X, Y) V of a closed form, of shape (n, c), without storing K; `Y=None` means X."""
    if is_on_device(rows_of(X)):
        other = rows_of(X if Y is None else Y)
        return cuda.matvec((table, value_only(rates)), table, rows_of(X), other, V)
    return forms.matvec(table, rates, X, Y, V, n_jobs)


def form_diagonal(
    table: FormTable,
    rates: Rates | Powers,
    X: Any,
    gradient: bool = False,
    per_feature: bool = False,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Return K(x_i, x_i) of a closed form, of shape (n,), and its derivatives (n, p) when asked."""
    if is_on_device(rows_of(X)):
        kernel = table, rates if gradient and not per_feature else value_only(rates)
        return cuda.diagonal(kernel, table, rows_of(X), gradient, per_feature)
    return forms.diagonal(table, rates, X, gradient, per_feature, n_jobs)


def form_gradient_x(
    table: FormTable, rates: Rates | Powers, X: Any, Y: Any, V: Any, n_jobs: int | None = None
) -> Array:
    """Return the gradients (n, c, d) of K(X, Y) V in the rows of X, of a closed form."""
    if is_on_device(rows_of(X)):
        return cuda.gradient_x((table, value_only(rates)), table, rows_of(X), rows_of(Y), V)
    return forms.gradient_x(table, rates, X, Y, V, n_jobs)


def form_diagonal_gradient_x(
    table: FormTable, rates: Rates | Powers, X: Any, n_jobs: int | None = None
) -> Array:
    """Return the gradients (n, d) of K(x_i, x_i) in the rows of X, of a closed form."""
    if is_on_device(rows_of(X)):
        return cuda.diagonal_gradient_x((table, value_only(rates)), table, rows_of(X))
    return forms.diagonal_gradient_x(table, rates, X, n_jobs)


def require_room(X: Any, shape: tuple[int, ...], itemsize: int, what: str, advice: str) -> None:
    """Raise MemoryError if an array of this shape does not fit where X lives.

    Parameters
    ----------
    X : ndarray
        Array on the device that will hold the new one.
    shape, itemsize, what, advice
        As in ``require_memory``.

    Raises
    ------
    MemoryError
        Before anything is allocated; the message says how many GB are needed.
    """
    available = cuda.available_bytes() if is_on_device(rows_of(X)) else None
    require_memory(shape, itemsize, what, advice, available)
