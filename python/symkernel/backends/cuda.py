"""Execute plans on a GPU: CuPy arrays and tables of elements in, CuPy arrays out.

The functions are those of ``symkernel.backends.cpu`` and ``symkernel.backends.forms``, and take the
same tables; ``n_jobs`` means nothing here. Work is queued on CuPy's current stream.
"""

from __future__ import annotations

import weakref
from typing import Any

from numpy.typing import NDArray

from symkernel.backends import device
from symkernel.backends.arrays import cupy
from symkernel.backends.cpu import Kernel, Table, build_action
from symkernel.backends.forms import FormTable, Powers, Rates, build_form, build_form_action
from symkernel.backends.fourier_tables import ShiftTable
from symkernel.backends.traits import with_other_derivatives

# Up to this many products per pair of samples and map of a grid, shifts are summed one by one
# (cuda/shifts_driver.hpp).
MAX_DIRECT_PRODUCTS = 256

# Of CuPy, which has no types.
Array = NDArray[Any]

# A device has its own copy of a table, made once, as on the host.
_actions: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def native_action(table: Table | FormTable) -> Any:
    """Return the elements of a group as a native object, cached for the life of the table."""
    action = _actions.get(table)
    if action is None:
        build: Any = build_form_action if isinstance(table, FormTable) else build_action
        action = build(device.require(), table)
        _actions[table] = action
    return action


def native_kernel(kernel: Kernel | tuple[FormTable, Rates | Powers]) -> Any:
    """Make a native base kernel of name and parameters, or a closed form of table and rates."""
    native = device.require()
    if len(kernel) > 2:
        raise ValueError("weighted averages are computed on the CPU only: give NumPy arrays")
    name, parameters = kernel
    if isinstance(parameters, Rates | Powers):
        assert isinstance(name, FormTable)
        return build_form(native, name, parameters)
    return native.BaseKernel(name, [float(p) for p in parameters])


def transforms_shifts(table: ShiftTable) -> bool:
    """Tell whether a GPU computes the inner products with all shifts by Fourier transforms."""
    return bool(table.layout.size * table.maps.shape[1] > MAX_DIRECT_PRODUCTS)


def gram(kernel: Any, table: Any, X: Any, Y: Any, out: Any = None) -> Array:
    """Return the Gram matrix of shape (n, m); `Y=None` means X, at half the cost."""
    xp = cupy()
    n, m = len(X), len(X if Y is None else Y)
    K: Array = xp.empty((n, m), dtype=X.dtype) if out is None else out
    with xp.cuda.Device(_device_of(X)):
        device.require().gram(native_kernel(kernel), native_action(table), X, Y, K, _stream(xp))
    return K


def gram_gradient(
    kernel: Any, table: Any, X: Any, Y: Any = None, per_feature: bool = False
) -> tuple[Array, Array]:
    """Return the Gram matrix (n, m) and its derivatives (n, m, p) in log hyperparameters."""
    xp = cupy()
    native = native_kernel(kernel)
    n, m = len(X), len(X if Y is None else Y)

    def derive(each: bool) -> tuple[Array, Array]:
        p = X.shape[1] if each else native.gradients
        K = xp.empty((n, m), dtype=X.dtype)
        dK = xp.empty((n, m, p), dtype=X.dtype)
        with xp.cuda.Device(_device_of(X)):
            device.require().gram_gradient(
                native, native_action(table), X, Y, each, K, dK, _stream(xp)
            )
        return K, dK

    return with_other_derivatives(native, per_feature, derive)


def matvec(kernel: Any, table: Any, X: Any, Y: Any, V: Any) -> Array:
    """Return K(X, Y) V of shape (n, c) for V of shape (m, c), without storing K."""
    xp = cupy()
    out: Array = xp.empty((len(X), V.shape[1]), dtype=X.dtype)
    with xp.cuda.Device(_device_of(X)):
        device.require().matvec(
            native_kernel(kernel), native_action(table), X, Y, V, out, _stream(xp)
        )
    return out


def diagonal(
    kernel: Any, table: Any, X: Any, gradient: bool = False, per_feature: bool = False
) -> tuple[Array, Array]:
    """Return K(x_i, x_i) of shape (n,), and its derivatives (n, p) when asked (else (n, 0))."""
    xp = cupy()
    native = native_kernel(kernel)

    def derive(each: bool) -> tuple[Array, Array]:
        p = 0 if not gradient else X.shape[1] if each else native.gradients
        K = xp.empty(len(X), dtype=X.dtype)
        dK = xp.empty((len(X), p), dtype=X.dtype)
        with xp.cuda.Device(_device_of(X)):
            device.require().diagonal(
                native, native_action(table), X, gradient, each, K, dK, _stream(xp)
            )
        return K, dK

    return with_other_derivatives(native, per_feature and gradient, derive)


def gradient_x(kernel: Any, table: Any, X: Any, Y: Any, V: Any) -> Array:
    """Return the gradients (n, c, d) of K(X, Y) V in the rows of X, for V of shape (m, c)."""
    xp = cupy()
    out: Array = xp.empty((len(X), V.shape[1], X.shape[1]), dtype=X.dtype)
    with xp.cuda.Device(_device_of(X)):
        device.require().gradient_x(
            native_kernel(kernel), native_action(table), X, Y, V, out, _stream(xp)
        )
    return out


def diagonal_gradient_x(kernel: Any, table: Any, X: Any) -> Array:
    """Return the gradients (n, d) of K(x_i, x_i) in the rows of X."""
    xp = cupy()
    out: Array = xp.empty(X.shape, dtype=X.dtype)
    with xp.cuda.Device(_device_of(X)):
        device.require().diagonal_gradient_x(
            native_kernel(kernel), native_action(table), X, out, _stream(xp)
        )
    return out


def available_bytes() -> int:
    """Return the memory that the current GPU has left, CuPy's unused blocks included."""
    xp = cupy()
    free: int = xp.cuda.runtime.memGetInfo()[0]
    return free + int(xp.get_default_memory_pool().free_bytes())


def _device_of(X: Any) -> int:
    return int(X.device.id)


def _stream(xp: Any) -> int:
    return int(xp.cuda.get_current_stream().ptr)
