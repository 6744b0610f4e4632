"""Choose centres among samples in memory or on disk, and make features of kernel values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import _check_feature_names, _check_n_features

from symkernel.backends.arrays import is_on_device
from symkernel.estimators._kernel import BoundKernel
from symkernel.estimators._large import KernelMatrix
from symkernel.kernels import InvariantKernel
from symkernel.solvers.blas_threads import blas_threads
from symkernel.solvers.choose import searched
from symkernel.solvers.chunks import is_array_like, stored_rows
from symkernel.solvers.rpcholesky import rpcholesky, uniform_pivots
from symkernel.solvers.whitening import Whitening, whiten
from symkernel.validation import as_generator, check_samples

Array = NDArray[Any]

CENTERS = ("rpcholesky", "uniform")

# Rows on disk read at once, or as many as are stored together.
_ROWS_AT_ONCE = 1024


@dataclass
class Centres:
    """Samples that stand for all, and the triangle that makes features of kernel values.

    Attributes
    ----------
    bound : BoundKernel
        What computes kernel values.
    samples : ndarray of shape (M, n_features)
        The centres.
    whitening : Whitening
        Makes features of kernel values with them.
    n_jobs : int or None
        Threads.
    indices : int64, shape (M,), or None
        Their rows in the data; None where they were given.
    share : float
        Trace of the residual over that of the kernel matrix, of the rows that were looked at; NaN
        where centres were not chosen by it.
    stopped : str
        As of ``PivotedFactor``; "columns" for centres drawn or given.
    """

    bound: BoundKernel
    samples: Any
    whitening: Whitening
    n_jobs: int | None
    indices: NDArray[np.int64] | None = None
    share: float = float("nan")
    stopped: str = "columns"
    _kept: Any = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.whitening)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}

    def cross(self, X: Any) -> Array:
        """Return kernel values (c, M) of samples with the centres, in Fortran order."""
        if self._kept is None:
            prepares = isinstance(self.bound.kernel, InvariantKernel)
            self._kept = self.bound.kernel.prepare(self.samples) if prepares else self.samples
        # Symmetric: with centres first, the transpose is in the order that the triangle wants.
        return np.array(self.bound.cross(self._kept, X, self.n_jobs), np.float64, order="C").T

    def features(self, X: Any) -> Array:
        """Return features (c, M) of samples: their inner products are the kernel."""
        return self.whitening.apply(self.cross(X), self.n_jobs)


def find_centres(
    bound: BoundKernel, X: Any, m: int, centers: Any, random_state: Any, n_jobs: int | None
) -> Centres:
    """Find m centres among samples, or fewer where the kernel matrix has no higher rank.

    Parameters
    ----------
    bound : BoundKernel
        What computes kernel values.
    X : array of shape (n, n_features)
        Samples, checked; in memory or on disk.
    m : int
        How many are wanted.
    centers : {"rpcholesky", "uniform"} or array-like of shape (M, n_features)
        How they are chosen, or they themselves.
    random_state : int, Generator, RandomState or None
    n_jobs : int, optional

    Raises
    ------
    ValueError
        If `centers` is no such word, or no kernel matrix of samples with one another.
    """
    if not isinstance(centers, str):
        return given_centres(bound, centers, X.shape[1], n_jobs)
    rng = as_generator(random_state)
    among = rows_to_search(X.shape[0], m, centers, rng)
    return centres_among(bound, rows_of_data(X, among, bound), among, m, centers, rng, n_jobs)


def given_centres(bound: BoundKernel, centers: Any, n_features: int, n_jobs: int | None) -> Centres:
    """Check centres that were given, and factor their kernel matrix."""
    samples = check_samples(centers, "centers", bound.group)
    if samples.shape[1] != n_features:
        raise ValueError(
            f"centers have {samples.shape[1]} features and X has {n_features}; they must agree"
        )
    return Centres(bound, samples, whiten(bound.gram(samples, n_jobs)), n_jobs)


def rows_to_search(n: int, m: int, centers: str, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows, ascending, among which m centres of n samples are found.

    RPCholesky looks at no more than ``max(min(20_000, 2**22 // m), 10 * m)``, drawn uniformly: as
    many as its factor has room for.
    """
    if centers not in CENTERS:
        raise ValueError(
            f"centers must be 'rpcholesky', 'uniform' or an array of samples; got {centers!r}"
        )
    return np.sort(uniform_pivots(n, m if centers == "uniform" else searched(n, m), rng))


def centres_among(
    bound: BoundKernel,
    some: Array,
    among: NDArray[np.int64],
    m: int,
    centers: str,
    rng: np.random.Generator,
    n_jobs: int | None,
) -> Centres:
    """Find centres among the samples at the rows of ``rows_to_search``."""
    if centers == "uniform":
        return Centres(bound, some, whiten(bound.gram(some, n_jobs)), n_jobs, among)
    columns = KernelMatrix(bound, some, n_jobs).columns_of
    with blas_threads(n_jobs):
        found = rpcholesky(columns, m, random_state=rng, n_jobs=n_jobs)
    share = found.residual_trace / found.trace if found.trace > 0.0 else 0.0
    return Centres(
        bound,
        some[found.pivots],
        Whitening(found.triangle),
        n_jobs,
        among[found.pivots],
        share,
        found.stopped,
    )


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
