"""Read samples as arrays of floats, of the shape that a group or an estimator asks for."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from symkernel.backends.arrays import is_on_device, namespace, to_host
from symkernel.validation.kinds import UNEQUAL, as_array, check_kind, check_labels

Array = NDArray[Any]

# The largest number of every dtype that samples have.
_LARGEST = {np.dtype(t): float(np.finfo(t).max) for t in (np.float64, np.float32)}


class Acting(Protocol):
    """What is asked of a group here."""

    @property
    def degree(self) -> int:
        """Number of features."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample."""

    def check_rows(self, X: Array, name: str = "X") -> None:
        """Raise ValueError where rows of samples are not what the group claims."""


def as_floats(X: Any, name: str = "X", *, finite: bool = False) -> Array:
    """Read an array of real numbers as float32 if it is float32, else float64, in C order.

    Raises
    ------
    TypeError, ValueError
        As `as_array`; for NaN and infinity where numbers must be `finite`.
    """
    array = as_array(X, name)
    if type(array) is np.ndarray and array.dtype in _LARGEST and array.flags.c_contiguous:
        if finite:
            _largest(array, name)
        return array
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


def _largest(X: Array, name: str, samples: bool = False) -> float:
    """Largest magnitude, after a check that it is finite."""
    if X.size == 0:
        return 0.0
    largest = float(namespace(X).abs(X).max())  # NaN wins the maximum, so one pass finds everything
    if math.isnan(largest):
        way = f": sklearn.impute fills what is missing; {UNEQUAL}, not padding" if samples else ""
        raise ValueError(f"{name} contains NaN, it must be finite{way}")
    if math.isinf(largest):
        raise ValueError(f"{name} contains infinity, or numbers too large for {X.dtype}")
    return largest


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
    if group is not None and (array.ndim != 2 or array.shape[1] != group.degree):
        array = flat_samples(array, group, name)
    if array.ndim != 2:
        one = f"; one sample is {name}[None]" if array.ndim == 1 else ""
        raise ValueError(f"{name} must have shape (n_samples, n_features), got {array.shape}{one}")
    if group is not None and array.shape[1] != group.degree:
        raise ValueError(f"{name} has {array.shape[1]} features; {group!r} acts on {group.degree}")
    if array.shape[1] == 0:
        raise ValueError(f"{name} has no features")
    samples = as_floats(array, name)
    largest = _largest(samples, name, True)
    bound = math.sqrt(_LARGEST[samples.dtype] / (16.0 * samples.shape[1]))
    if squares and largest > bound:
        raise ValueError(
            f"{name} has entries up to {largest:.3g}, whose squares overflow {samples.dtype}; "
            f"scale the data below {bound:.3g}"
        )
    if group is not None:
        group.check_rows(samples, name)
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
    own = tuple(group.shape)
    if len(own) > 1 and tuple(array.shape) == own and own[-1] != group.degree:
        raise ValueError(
            f"{name} must have shape (n, {', '.join(map(str, own))}) for {group!r}, got {own}; "
            f"one sample is {name}[None]"
        )
    if array.ndim <= 2:
        return X
    shape = tuple(array.shape[1:])
    if shape != tuple(group.shape):
        text = f"{name} has samples of shape {shape}; {group!r} acts on samples of shape "
        text += str(tuple(group.shape))
        if group.degree in shape and len(group.shape) == 1:
            text += f": {_along(group, shape)} acts on one axis of yours"
        raise ValueError(text)
    if not is_on_device(array):
        _largest(as_floats(array, name), name, True)
    return array.reshape(len(array), group.degree)


def _along(group: Acting, shape: tuple[int, ...]) -> str:
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
    if getattr(group, "by_name", False) and not options.get("reset", True):
        X = in_order(X, getattr(estimator, "feature_names_in_", None))
    acting = group if hasattr(group, "degree") else None
    X = flat_samples(X, acting, "X", sparse)
    if not (y is None or isinstance(y, str)):
        if options.get("y_numeric"):
            check_kind(y, "y")
        else:
            check_labels(y)
    if sparse:
        options["accept_sparse"] = ("csr", "csc")
    options.setdefault("dtype", [np.float64, np.float32])
    checked = validate_data(estimator, X, y, **options)
    rows = checked[0] if isinstance(checked, tuple) else checked
    if acting is not None and not issparse(rows) and rows.shape[1] == acting.degree:
        acting.check_rows(rows)
    return checked


def in_order(X: Any, names: Any) -> Any:
    """Return a data frame with its columns as they were in fit, if they have the same names."""
    columns = getattr(X, "columns", None)
    if names is None or columns is None or list(columns) == list(names):
        return X
    known = all(isinstance(column, str) for column in columns)
    return X[list(names)] if known and sorted(columns) == sorted(names) else X


def _class_of(name: str) -> str:
    """Class of a group with a name: SignFlips for sign_flips."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))
