"""Tell arrays of real numbers from what would lose its meaning as one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from symkernel.backends.arrays import is_on_device, to_device

Array = NDArray[Any]

UNEQUAL = (
    "sets of unequal size need a kernel between sets, symkernel.kernels.SetKernel, or its matrix, "
    "given as kernel='precomputed'"
)


def kind_of(value: object) -> str:
    """Return what a value is, for errors: the name of its type, or that it is a class."""
    if isinstance(value, type):
        return f"the class {value.__name__}, not an object made by calling it"
    return type(value).__name__


def as_array(X: Any, name: str = "X") -> Array:
    """Read an array of real numbers; integers and floats keep their dtype.

    Parameters
    ----------
    X : array-like
        Numbers of any shape; an array on a GPU (CuPy, or anything with DLPack) stays there.
    name : str, default="X"
        Name of the argument, for messages.

    Returns
    -------
    ndarray
        The array itself where it is one; numbers that are Python objects become float64.

    Raises
    ------
    TypeError
        For sparse, masked, structured, lazy (Dask) arrays, dates, text and objects that are no
        numbers.
    ValueError
        For complex numbers, and sequences that do not form an array.
    """
    if type(X) is np.ndarray and X.dtype.kind in "biuf":
        return X
    if issparse(X):
        raise TypeError(f"{name} is sparse, a dense array is required: {name}.toarray() is one")
    if isinstance(X, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost: {name}.filled(value) or "
            "sklearn.impute.SimpleImputer puts numbers where it is masked"
        )
    if hasattr(type(X), "from_sets"):  # a Ragged, of a layer above
        raise TypeError(f"{name} holds sets of points, a Ragged: {UNEQUAL}")
    if _is_lazy(X):
        raise TypeError(
            f"{name} is a Dask array, an array in memory is required: {name}.compute() is one; "
            f"{name}.map_blocks(model.predict, drop_axis=1) predicts chunk by chunk"
        )
    array = to_device(X) if is_on_device(X) else _read(X, name)
    kind = array.dtype.kind
    if kind == "O":
        return _from_objects(array, name, X)
    if kind == "c":
        raise ValueError(
            f"{name} must be real, got complex numbers. Complex data not supported: stack "
            f"{name}.real and {name}.imag"
        )
    if kind in "mM":
        raise TypeError(
            f"{name} must hold numbers, got dates or times ({array.dtype}): divide differences by "
            "a unit, such as np.timedelta64(1, 's')"
        )
    if kind == "V":
        raise TypeError(
            f"{name} must hold numbers, got records with the fields {array.dtype.names}: "
            f"numpy.lib.recfunctions.structured_to_unstructured({name}) makes them columns"
        )
    if kind not in "biuf":
        raise TypeError(
            f"{name} must hold numbers, got text ({array.dtype}): np.asarray({name}, float) reads "
            "digits, sklearn.preprocessing.OrdinalEncoder numbers categories"
        )
    return array


def _is_lazy(X: Any) -> bool:
    graph = getattr(X, "__dask_graph__", None)  # a method of xarray's too, there for None
    return callable(graph) and not isinstance(X, type) and graph() is not None


def _read(X: Any, name: str) -> Array:
    if isinstance(X, list | tuple):
        for part in X:
            if isinstance(part, np.ma.MaskedArray) or issparse(part):
                as_array(part, name)
    try:
        return np.asarray(X)
    except ValueError as error:
        shapes = {np.shape(part) for part in X} if _lists_arrays(X) else set()
        raise ValueError(_ragged(name, shapes) if len(shapes) > 1 else f"{name}: {error}") from None


def _lists_arrays(X: Any) -> bool:
    try:
        return all(np.ndim(part) > 0 for part in X)
    except (TypeError, ValueError):
        return False


def _ragged(name: str, shapes: set[tuple[int, ...]]) -> str:
    some = ", ".join(map(str, sorted(shapes)[:3]))
    return f"{name} must hold samples of one shape, got the shapes {some}: {UNEQUAL}"


def _from_objects(array: Array, name: str, X: Any) -> Array:
    """Numbers that are Python objects as float64."""
    if array.ndim == 0:
        raise TypeError(f"{name} must be an array of numbers, got {kind_of(X)}")
    for value in array.flat:
        if type(value) is float or type(value) is int:
            continue
        if isinstance(value, np.ndarray | list | tuple) and np.ndim(array[0]) > 0:
            shapes = {np.shape(part) for part in array}
            if len(shapes) > 1:
                raise ValueError(_ragged(name, shapes))
        if isinstance(value, complex | np.complexfloating):
            raise ValueError(
                f"{name} must be real, got complex numbers. Complex data not supported"
            )
        if value is None or isinstance(value, str | bytes | np.datetime64 | np.timedelta64):
            raise TypeError(
                f"{name} must hold numbers, got {value!r} among its entries: np.asarray({name}, "
                "float) reads digits, sklearn.impute.SimpleImputer fills what is missing"
            )
    try:
        return np.asarray(array, np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold real numbers: {error}") from None
    except OverflowError:
        raise ValueError(f"{name} has entries too large for float64; scale the data") from None


def check_kind(X: Any, name: str = "X", sparse: bool = False) -> None:
    """Raise as `as_array` does, for what another check reads afterwards (data frames have names).

    `sparse` lets sparse arrays of numbers through.
    """
    if not (sparse and issparse(X)):
        as_array(X, name)


def check_labels(y: Any, name: str = "y") -> None:
    """Raise for what `as_array` refuses, but for text, and for labels that have no order.

    Raises
    ------
    TypeError, ValueError
        As `as_array`; for text and numbers together.
    """
    if is_on_device(y) or issparse(y) or isinstance(y, np.ma.MaskedArray) or _is_lazy(y):
        as_array(y, name)
        return
    array = np.asarray(y, dtype=object) if isinstance(y, list | tuple) else np.asarray(y)
    if array.dtype.kind in "cmMV":
        as_array(array, name)
    if array.dtype.kind != "O":
        return
    kinds = {"text" if isinstance(v, str) else "numbers" for v in array.flat if v is not None}
    if len(kinds) > 1:
        raise TypeError(
            f"{name} must hold labels of one kind, got text and numbers: [str(label) for label in "
            f"{name}] makes them text"
        )
