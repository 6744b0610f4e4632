"""Validate samples, targets and numbers: the checks that every public callable passes, once.

Whatever holds real numbers is taken: lists, arrays of any layout and of any real or boolean dtype,
data frames, objects that are numbers, arrays on a GPU. What would lose its meaning on the way is
refused: sparse and masked arrays, records, dates, text, complex numbers, sets of unequal size.
Every message says which argument, what was expected, what came, and the way out.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from symkernel.backends.arrays import is_on_device, namespace, to_device, to_host

__all__ = [
    "as_array",
    "as_floats",
    "as_movable",
    "as_number",
    "as_numbers",
    "as_rows",
    "as_targets",
    "check_data",
    "check_flag",
    "check_kind",
    "check_labels",
    "check_n_jobs",
    "check_pair",
    "check_samples",
    "flat_samples",
    "kind_of",
]

Array = NDArray[Any]

_UNEQUAL = (
    "sets of unequal size need a kernel between sets, computed beforehand and given as "
    "kernel='precomputed'"
)


class Acting(Protocol):
    """What is asked of a group here."""

    @property
    def degree(self) -> int:
        """Number of features."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample."""


# -- kinds of things ------------------------------------------------------------------------------


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
    return f"{name} must hold samples of one shape, got the shapes {some}: {_UNEQUAL}"


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


# -- arrays of floats -----------------------------------------------------------------------------


def as_floats(X: Any, name: str = "X", *, finite: bool = False) -> Array:
    """Read an array of real numbers as float32 if it is float32, else float64, in C order.

    Raises
    ------
    TypeError, ValueError
        As `as_array`; for NaN and infinity where numbers must be `finite`.
    """
    array = as_array(X, name)
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    with np.errstate(over="ignore"):  # what is too large becomes infinity, which is found below
        floats: Array = namespace(array).asarray(array, dtype=dtype, order="C")
    if finite:
        _largest(floats, name)
    return floats


def as_movable(X: Any, name: str = "X") -> Array:
    """Read what group elements move: as `as_floats`, but integers stay exact, as int64.

    Booleans and short or unsigned integers would not hold what signs make of them. Integers
    beyond int64 become float64. The layout of the array is kept.
    """
    array = as_array(X, name)
    if array.dtype.kind in "biu" and array.dtype != np.uint64:
        return array.astype(np.int64, copy=False)
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def as_rows(
    X: Any, name: str = "X", n_features: int | None = None, *, of: Any = None, flatten: bool = True
) -> NDArray[np.float64]:
    """Read finite samples as rows of float64 on the host, (n, d).

    Parameters
    ----------
    X : array-like of shape (n, ...)
    name : str, default="X"
    n_features : int, optional
        Number d that they must have.
    of : object, optional
        What asks for this number, for the message.
    flatten : bool, default=True
        Whether samples may have several axes, which become one.

    Raises
    ------
    TypeError, ValueError
        As `as_floats`, and for another shape.
    """
    points = np.asarray(to_host(as_floats(X, name)), np.float64)
    shape = f"(n, {'n_features' if n_features is None else n_features})"
    for_whom = "" if of is None else f" for {of!r}"
    if points.ndim < 2 or (points.ndim > 2 and not flatten):
        raise ValueError(f"{name} must have shape {shape}{for_whom}, got shape {points.shape}")
    points = points.reshape(len(points), math.prod(points.shape[1:]))
    if n_features is not None and points.shape[1] != n_features:
        raise ValueError(f"{name} must have shape {shape}{for_whom}, got shape {points.shape}")
    _largest(points, name)
    return points


def as_targets(y: Any, n: int, name: str = "y") -> Array:
    """Read finite targets of n samples, float32 or float64, of shape (n,) or (n, t).

    Raises
    ------
    TypeError, ValueError
        As `as_floats`, and for another number of targets.
    """
    targets: Array = to_host(as_floats(y, name, finite=True))
    if targets.ndim not in (1, 2) or len(targets) != n:
        raise ValueError(
            f"{name} must have shape ({n},) or ({n}, n_targets), as X has {n} samples; got shape "
            f"{targets.shape}"
        )
    return targets


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


def _largest(X: Array, name: str, samples: bool = False) -> float:
    """Largest magnitude, after a check that it is finite."""
    if X.size == 0:
        return 0.0
    largest = float(namespace(X).abs(X).max())  # NaN wins the maximum, so one pass finds everything
    if math.isnan(largest):
        way = f": sklearn.impute fills what is missing; {_UNEQUAL}, not padding" if samples else ""
        raise ValueError(f"{name} contains NaN, it must be finite{way}")
    if math.isinf(largest):
        raise ValueError(f"{name} contains infinity, or numbers too large for {X.dtype}")
    return largest


# -- samples of a group ---------------------------------------------------------------------------


def check_samples(
    X: Any,
    name: str = "X",
    group: Acting | None = None,
    *,
    squares: bool = True,
    host: str = "",
) -> Array:
    """Read samples as a C-ordered float array of shape (n, n_features).

    Parameters
    ----------
    X : array-like of shape (n, n_features) or (n, *group.shape)
        Samples; an array on a GPU (CuPy, or anything with DLPack) stays there.
    name : str, default="X"
        Name of the argument, for messages.
    group : Group, optional
        Group whose degree and shape the samples must have.
    squares : bool, default=True
        Whether squares of the numbers must stay finite.
    host : str, default=""
        What is computed on the host only; arrays on a GPU are then refused.

    Returns
    -------
    ndarray of shape (n, n_features)
        float32 if X is float32, else float64; a CuPy array if X lives on a GPU.

    Raises
    ------
    TypeError
        As `as_array`, and for an array on a GPU where there is no such computation.
    ValueError
        For the wrong number of dimensions or features, NaN, infinity, complex numbers, or numbers
        whose squares overflow.
    """
    if host and is_on_device(X):
        raise TypeError(f"{name} lives on a GPU; {host} on the host: copy it there")
    array = as_array(X, name)
    if group is not None:
        array = flat_samples(array, group, name)
    if array.ndim != 2:
        raise ValueError(f"{name} must have shape (n_samples, n_features), got {array.shape}")
    if group is not None and array.shape[1] != group.degree:
        raise ValueError(f"{name} has {array.shape[1]} features; {group!r} acts on {group.degree}")
    if array.shape[1] == 0:
        raise ValueError(f"{name} has no features")
    samples = as_floats(array, name)
    largest = _largest(samples, name, True)
    bound = math.sqrt(float(np.finfo(samples.dtype).max) / (16.0 * samples.shape[1]))
    if squares and largest > bound:
        raise ValueError(
            f"{name} has entries up to {largest:.3g}, whose squares overflow {samples.dtype}; "
            f"scale the data below {bound:.3g}"
        )
    return samples


def check_pair(
    X: Any, Y: Any, group: Acting | None = None, *, squares: bool = True, host: str = ""
) -> tuple[Array, Array | None]:
    """Read two sets of samples in one dtype; `Y=None` stays None.

    Raises
    ------
    TypeError, ValueError
        As `check_samples`, and if the numbers of features or the devices differ.
    """
    X = check_samples(X, "X", group, squares=squares, host=host)
    if Y is None:
        return X, None
    Y = check_samples(Y, "Y", group, squares=squares, host=host)
    if X.shape[1] != Y.shape[1]:
        raise ValueError(f"X has {X.shape[1]} features and Y has {Y.shape[1]}; they must agree")
    if is_on_device(X) != is_on_device(Y):
        here, there = ("a GPU", "the host") if is_on_device(X) else ("the host", "a GPU")
        raise ValueError(f"X lives on {here} and Y on {there}; move one to the other")
    if X.dtype != Y.dtype:
        X, Y = X.astype(np.float64), Y.astype(np.float64)
    return X, Y


def flat_samples(X: Any, group: Acting | None, name: str = "X", sparse: bool = False) -> Any:
    """Fold samples (n, *group.shape) into rows; what has two axes stays as it is, checked in kind.

    Raises
    ------
    TypeError, ValueError
        As `as_array`, and for samples of another shape.
    """
    check_kind(X, name, sparse)
    if group is None or issparse(X) or hasattr(X, "columns"):  # scikit-learn reads their names
        return X
    array = X if hasattr(X, "ndim") else np.asarray(X)
    if array.ndim <= 2:
        return X
    shape = tuple(array.shape[1:])
    if shape != tuple(group.shape):
        text = f"{name} has samples of shape {shape}; {group!r} acts on samples of shape "
        text += str(tuple(group.shape))
        if group.degree in shape and len(group.shape) == 1:
            text += f": {along(group, shape)} acts on one axis of yours"
        raise ValueError(text)
    if not is_on_device(array):
        _largest(as_floats(array, name), name, True)
    return array.reshape(len(array), group.degree)


def along(group: Acting, shape: tuple[int, ...]) -> str:
    """Return how to write the group that acts on an axis of samples of a shape, of its length."""
    return f"{group!r}.along({shape.index(group.degree)}, {shape})"


def check_data(
    estimator: Any,
    X: Any,
    y: Any = "no_validation",
    *,
    group: Any = None,
    sparse: bool = False,
    **options: Any,
) -> Any:
    """Check what an estimator is given: in kind as everywhere here, the rest as scikit-learn does.

    Parameters
    ----------
    estimator : estimator
        Learns ``n_features_in_`` and ``feature_names_in_``, or is compared with them.
    X : array-like of shape (n, n_features) or (n, *group.shape)
    y : array-like, optional
        Targets, numbers if ``y_numeric`` is among the options, else labels.
    group : Group, optional
        What is no Group (a name, None) leaves the shape of samples to scikit-learn.
    sparse : bool, default=False
        Whether sparse samples are taken.
    **options : dict
        Of scikit-learn's ``validate_data``; ``dtype`` is float64 or float32 unless given.

    Returns
    -------
    ndarray, or tuple of ndarray
        X in rows, and y where it was given.
    """
    if isinstance(group, str) and getattr(X, "ndim", 2) > 2 and not issparse(X):
        shape = tuple(X.shape[1:])
        raise ValueError(
            f"X has samples of shape {shape}, and group={group!r} acts on rows of features: give "
            f"a group that acts on one axis, such as {_class_of(group)}({shape[0]}).along(0, "
            f"{shape})"
        )
    X = flat_samples(X, group if hasattr(group, "degree") else None, "X", sparse)
    if not (y is None or isinstance(y, str)):
        if options.get("y_numeric"):
            check_kind(y, "y")
        else:
            check_labels(y)
    if sparse:
        options["accept_sparse"] = ("csr", "csc")
    options.setdefault("dtype", [np.float64, np.float32])
    return validate_data(estimator, X, y, **options)


def _class_of(name: str) -> str:
    """Class of a group with a name: SignFlips for sign_flips."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


# -- numbers --------------------------------------------------------------------------------------


def as_number(value: Any, name: str, least: float = -math.inf, *, strict: bool = False) -> float:
    """Read a finite number that is at least `least`, or larger where that is `strict`.

    Raises
    ------
    TypeError
        If it is no number; text and booleans are none.
    ValueError
        If it is not finite or too small.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < least or (strict and number == least):
        if least == 0.0:
            bound = "positive and finite" if strict else "finite and not negative"
        else:
            bound = "finite" + ("" if least == -math.inf else f" and at least {least:g}")
        raise ValueError(f"{name} must be {bound}, got {value!r}")
    return number


def as_numbers(
    values: Any, name: str, least: float = -math.inf, *, strict: bool = False
) -> NDArray[np.float64]:
    """Read a number, or a list of them, as a vector of float64.

    Raises
    ------
    TypeError, ValueError
        As `as_number`, and for more than one axis or no number.
    """
    if np.ndim(values) == 0:
        return np.array([as_number(values, name, least, strict=strict)])
    array = np.asarray(as_array(values, name), np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a number or a 1-D array, got shape {array.shape}")
    for value in array:
        as_number(float(value), name, least, strict=strict)
    return array


def check_flag(value: Any, name: str) -> None:
    """Raise TypeError unless this is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")


def check_n_jobs(n_jobs: Any) -> None:
    """Raise unless n_jobs is None or an integer other than zero."""
    if n_jobs is None:
        return
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0; use None, a positive number or -1")
