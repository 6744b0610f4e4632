"""Choose centres among samples in memory or on disk, and make features of kernel values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import _check_feature_names, _check_n_features

from symkernel.backends.arrays import is_on_device
from symkernel.estimators._kernel import BoundKernel
from symkernel.kernels import InvariantKernel
from symkernel.solvers.blas_threads import blas_threads
from symkernel.solvers.chunks import is_array_like, stored_rows
from symkernel.solvers.rpcholesky import SampleColumns, rpcholesky, uniform_pivots
from symkernel.solvers.whitening import Whitening, whiten
from symkernel.validation import as_generator, check_samples

Array = NDArray[Any]

CENTERS = ("rpcholesky", "uniform")

# Numbers of the factor of RPCholesky: 32 MB.
_FACTOR_ENTRIES = 2**22
# Rows looked at for one centre, whatever that takes.
_ROWS_PER_CENTER = 10
# Rows on disk read at once, or as many as are stored together.
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Centers:
    """Samples that stand for all, and the triangle of their kernel matrix.

    Attributes
    ----------
    samples : ndarray of shape (M, n_features)
        The centres.
    indices : int64, shape (M,), or None
        Their rows in the data; None where they were given.
    whitening : Whitening
        Makes features of kernel values with them.
    share : float
        Trace of the residual over that of the kernel matrix, of the rows that were looked at; NaN
        where centres were not chosen by it.
    stopped : str
        As of ``PivotedFactor``; "columns" for centres drawn or given.
    """

    samples: Array
    indices: NDArray[np.int64] | None
    whitening: Whitening
    share: float = float("nan")
    stopped: str = "columns"

    def __len__(self) -> int:
        return len(self.samples)


def choose_centers(
    kernel: BoundKernel,
    X: Any,
    n_components: int,
    centers: Any,
    random_state: Any,
    n_jobs: int | None,
) -> Centers:
    """Choose at most `n_components` centres.

    Parameters
    ----------
    kernel : BoundKernel
        What computes kernel values.
    X : array of shape (n, n_features)
        Samples, checked; in memory or on disk.
    n_components : int
        How many are wanted.
    centers : {"rpcholesky", "uniform"} or array-like of shape (M, n_features)
        How they are chosen, or they themselves. RPCholesky looks at no more than
        ``max(2**22 // n_components, 10 * n_components)`` rows, drawn uniformly.
    random_state : int, Generator, RandomState or None
    n_jobs : int, optional

    Raises
    ------
    ValueError
        If `centers` is no such word, or no kernel matrix of samples with one another.
    """
    if not isinstance(centers, str):
        return given_centers(kernel, centers, X.shape[1], n_jobs)
    rng = as_generator(random_state)
    looked_at = rows_to_look_at(X.shape[0], n_components, centers, rng)
    pool = rows_of_data(X, looked_at, kernel)
    return centers_among(kernel, pool, looked_at, n_components, centers, rng, n_jobs)


def given_centers(
    kernel: BoundKernel, centers: Any, n_features: int, n_jobs: int | None
) -> Centers:
    """Check centres that were given, and factor their kernel matrix."""
    samples = check_samples(centers, "centers", kernel.group)
    if samples.shape[1] != n_features:
        raise ValueError(
            f"centers have {samples.shape[1]} features and X has {n_features}; they must agree"
        )
    return Centers(samples, None, whiten(kernel.gram(samples, n_jobs)))


def rows_to_look_at(
    n: int, n_components: int, centers: str, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the rows, ascending, among which centres are chosen."""
    if centers not in CENTERS:
        raise ValueError(
            f"centers must be 'rpcholesky', 'uniform' or an array of samples; got {centers!r}"
        )
    if centers == "uniform":
        return np.sort(uniform_pivots(n, n_components, rng))
    most = max(_FACTOR_ENTRIES // n_components, _ROWS_PER_CENTER * n_components)
    return np.arange(n) if n <= most else np.sort(uniform_pivots(n, most, rng))


def centers_among(
    kernel: BoundKernel,
    pool: Array,
    looked_at: NDArray[np.int64],
    n_components: int,
    centers: str,
    rng: np.random.Generator,
    n_jobs: int | None,
) -> Centers:
    """Choose centres among the samples of ``rows_to_look_at``."""
    if centers == "uniform":
        return Centers(pool, looked_at, whiten(kernel.gram(pool, n_jobs)))
    prepared = kernel.kernel.prepare(pool) if isinstance(kernel.kernel, InvariantKernel) else None
    columns = SampleColumns(
        pool, lambda A, B: np.asarray(kernel.cross(A, B, n_jobs)), kernel.diag, prepared
    )
    with blas_threads(n_jobs):
        found = rpcholesky(columns, n_components, random_state=rng, n_jobs=n_jobs)
    share = found.residual_trace / found.trace if found.trace > 0.0 else 0.0
    return Centers(
        pool[found.pivots],
        looked_at[found.pivots],
        Whitening(found.triangle),
        share,
        found.stopped,
    )


def features_of(
    kernel: BoundKernel, centers: Centers, X: Array, n_jobs: int | None
) -> NDArray[np.float64]:
    """Return the features of samples, (c, M), in Fortran order: inner products are the kernel."""
    # Symmetric: with centres first, the transpose is in the order that the triangle wants.
    values = np.asarray(kernel.cross(centers.samples, X, n_jobs)).T
    return centers.whitening.apply(values, n_jobs)


def rows_of_data(X: Any, indices: NDArray[np.int64], kernel: BoundKernel) -> Array:
    """Return the rows at ascending indices, (m, n_features); of data on disk, checked, by slices.

    Raises
    ------
    ValueError
        If those on disk contain NaN or infinity.
    """
    if not is_on_disk(X):
        return np.asarray(X if len(indices) == X.shape[0] else X[indices])
    step = max(stored_rows(X), _ROWS_AT_ONCE)
    parts = []
    for window in np.split(indices, np.searchsorted(indices, np.arange(step, X.shape[0], step))):
        if len(window):
            first = int(window[0])
            parts.append(np.asarray(X[first : int(window[-1]) + 1])[window - first])
    return check_samples(np.concatenate(parts), "X", kernel.group)


def is_on_disk(X: Any) -> bool:
    """Tell data that is read by slices, such as a zarr array, from what is in memory."""
    if isinstance(X, np.ndarray) or not is_array_like(X) or issparse(X) or is_on_device(X):
        return isinstance(X, np.memmap)
    return not any(hasattr(X, name) for name in ("columns", "__array_interface__", "__dlpack__"))


def check_on_disk(estimator: Any, X: Any, *, reset: bool) -> None:
    """Check the shape of data on disk, and learn or compare ``n_features_in_``.

    Raises
    ------
    ValueError
        If it has another number of axes or features, or no rows or features.
    """
    if len(X.shape) != 2:
        raise ValueError(f"X must have shape (n_samples, n_features), got {tuple(X.shape)}")
    if 0 in X.shape:
        what = "sample" if X.shape[0] == 0 else "feature"
        raise ValueError(f"X has shape {tuple(X.shape)}: it must have a {what} at least")
    _check_feature_names(estimator, X, reset=reset)
    _check_n_features(estimator, X, reset=reset)
