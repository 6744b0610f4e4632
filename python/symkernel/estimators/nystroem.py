"""Make features whose inner products are an invariant kernel, from a few centres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.base import ClassNamePrefixFeaturesOutMixin as PrefixedNames
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from symkernel.backends.memory import require_memory
from symkernel.estimators._blocks import is_dask_array
from symkernel.estimators._centers import (
    check_on_disk,
    find_centres,
    is_on_disk,
)
from symkernel.estimators._fit_blocks import choose_from_dask
from symkernel.estimators._kernel import KernelSpec
from symkernel.estimators._predictions import map_method
from symkernel.groups import Group
from symkernel.kernels import Quadrature, Sample
from symkernel.solvers.chunks import chunks_of, rows_per_chunk
from symkernel.validation import as_count, check_data, check_n_jobs, check_samples

__all__ = ["InvariantNystroem"]

Array = NDArray[Any]


class InvariantNystroem(PrefixedNames, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Nystroem features of an invariant kernel, for any linear model.

    With centres z_1, ..., z_M among the samples and K_MM = L L^T, the features of a sample x are
    L^-1 (K(z_1, x), ..., K(z_M, x)), whose inner products are the closest to the kernel that these
    centres allow. They are the same for all samples of an orbit.

    Parameters
    ----------
    kernel : str, kernel object or callable, default="rbf"
        An ``InvariantKernel``, or what is averaged over `group`, as of ``InvariantKernelRidge``.
    n_components : int, default=500
        Number M of centres, at most: there are no more than samples, nor than the rank of their
        kernel matrix where centres are chosen by it.
    centers : {"rpcholesky", "uniform"} or array-like of shape (M, n_features), \
default="rpcholesky"
        How centres are chosen: by randomly pivoted Cholesky, which takes what the centres so far
        explain least, and no duplicates; or uniformly. Or the centres themselves.
    group : Group or str, optional
        Group to average over; not together with an ``InvariantKernel``.
    gamma, degree, coef0, kernel_params, method
        As of ``InvariantKernelRidge``.
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of the centres.
    n_jobs : int, optional
        Number of threads for kernel values; None takes as many as OpenMP is set to, -1 all
        processors.

    Attributes
    ----------
    components_ : ndarray of shape (M, n_features)
        The centres.
    component_indices_ : ndarray of int, shape (M,), or None
        Their rows in the samples of fit; None where they were given.
    triangle_ : ndarray of shape (M, M)
        L.
    jitter_ : float
        What was added to the diagonal of K_MM before it was factored: 0 unless centres drawn
        uniformly, or given, depend on one another.
    residual_share_ : float
        Share of the trace of the kernel matrix that the features leave, of the samples that
        "rpcholesky" looked at; NaN for other centres.
    stopped_ : str
        Why there are no more centres: "columns" where there are as many as asked for, or as
        samples; "rank" where nothing but rounding was left.
    kernel_ : object
        The kernel, bound to the samples.
    group_ : Group or None
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where the samples had names.

    Raises
    ------
    ValueError
        In fit, for words of the kernel that do not fit together, kernel="precomputed", unknown
        words for `centers`, and centres whose kernel matrix is not positive definite.

    Warns
    -----
    ApproximationWarning
        As ``InvariantKernel``.

    Notes
    -----
    fit takes some (M + 1) p kernel values and p M^2 multiply-adds for "rpcholesky", which looks at
    p = max(min(20,000, 2^22 / M), 10 M) samples, drawn uniformly, or all if they are fewer; M^2
    values and M^3 / 6 multiply-adds otherwise. transform takes n M values and n M^2 / 2
    multiply-adds, in chunks, so that next to the result it needs some tens of megabytes. Both read
    a memmap or a zarr array by slices.

    scikit-learn's ``Nystroem`` with an ``InvariantKernel`` gives the same features up to a rotation
    when given the same centres, and holds two matrices of n x M at a time.

    Sources: Williams, Seeger, Using the Nystroem method to speed up kernel machines, NIPS 2000;
    for the centres Chen, Epperly, Tropp, Webber, Randomly pivoted Cholesky, Communications on Pure
    and Applied Mathematics 78 (2025).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import InvariantKernel, InvariantNystroem, groups
    >>> X = np.random.default_rng(0).normal(size=(300, 6))
    >>> k = InvariantKernel(RBF(2.0), groups.Symmetric(6))
    >>> Z = InvariantNystroem(k, n_components=40, random_state=0).fit_transform(X)
    >>> Z.shape
    (300, 40)
    >>> bool(np.abs(Z @ Z.T - k(X)).max() < 1e-3)
    True
    """

    components_: Array
    component_indices_: NDArray[np.int64] | None
    triangle_: NDArray[np.float64]
    jitter_: float
    residual_share_: float
    stopped_: str
    kernel_: Any
    group_: Group | None
    n_features_in_: int

    def __init__(
        self,
        kernel: Any = "rbf",
        n_components: int = 500,
        *,
        centers: Any = "rpcholesky",
        group: Group | str | None = None,
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: Mapping[str, Any] | None = None,
        method: str | Quadrature | Sample = "auto",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.kernel = kernel
        self.n_components = n_components
        self.centers = centers
        self.group = group
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.method = method
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Choose the centres.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples; or an array on disk, (n, n_features); or an array of Dask, of which the centres
            are chosen on one worker among rows from all chunks.
        y : ignored

        Returns
        -------
        self
        """
        check_n_jobs(self.n_jobs)
        count = as_count(self.n_components, "n_components")
        spec = self._spec()
        if is_dask_array(X):
            self._bound, self._centers = choose_from_dask(self, spec, X, count)
        else:
            samples = self._samples(X, reset=True)
            names = getattr(self, "feature_names_in_", None)
            self._bound = spec.bind(samples.shape[1], names)
            self._centers = find_centres(
                self._bound, samples, count, self.centers, self.random_state, self.n_jobs
            )
        self.kernel_, self.group_ = self._bound.kernel, self._bound.group
        self.components_ = self._centers.samples
        self.component_indices_ = self._centers.indices
        self.triangle_ = self._centers.whitening.triangle
        self.jitter_ = self._centers.whitening.jitter
        self.residual_share_ = self._centers.share
        self.stopped_ = self._centers.stopped
        self._n_features_out = len(self._centers)
        return self

    def transform(self, X: Any) -> Any:
        """Return the features.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
            Samples; or an array on disk, (n, n_features); or an array of Dask.

        Returns
        -------
        ndarray of shape (n, M)
            float32 for float32 samples, else float64. For an array of Dask it is one too, and
            nothing is computed yet.

        Raises
        ------
        ValueError
            If X does not fit what fit has seen, or contains NaN or infinity; of an array on disk
            the message names the rows.
        MemoryError
            If the features do not fit in memory.
        """
        check_is_fitted(self)
        if is_dask_array(X):
            dtype = np.float32 if X.dtype == np.float32 else np.float64
            return map_method(self, "transform", X, (len(self._centers),), dtype)
        samples = self._samples(X, reset=False)
        n, M = samples.shape[0], len(self._centers)
        single = samples.dtype == np.float32
        Z = self._room(n, M, np.dtype(np.float32 if single else np.float64))
        rows = rows_per_chunk(M, samples.shape[1])
        for chunk in chunks_of(samples, rows=rows, check=self._checked if is_on_disk(X) else _same):
            part = self._centers.features(chunk.X)
            Z[chunk.first : chunk.first + len(chunk)] = part
        return Z

    @staticmethod
    def _room(n: int, M: int, dtype: np.dtype[Any]) -> Array:
        require_memory(
            (n, M),
            dtype.itemsize,
            "the matrix of features",
            "Transform the samples in parts, or lower n_components",
        )
        return np.empty((n, M), dtype=dtype)

    def _samples(self, X: Any, reset: bool) -> Any:
        """Samples in memory as rows of floats; those on disk as they are."""
        if is_on_disk(X):
            check_on_disk(self, X, reset=reset)
            return X
        return check_data(self, X, group=self._group_given(), reset=reset, order="C")

    def _checked(self, X: Any) -> Array:
        return check_samples(X, "X", self._bound.group)

    def _group_given(self) -> Any:
        return getattr(self.kernel, "group", None) if self.group is None else self.group

    def _spec(self) -> KernelSpec:
        spec = KernelSpec(
            kernel=self.kernel,
            gamma=self.gamma,
            degree=self.degree,
            coef0=self.coef0,
            kernel_params=self.kernel_params,
            group=self.group,
            method=self.method,
        )
        spec.check()
        if spec.precomputed:
            raise ValueError(
                "kernel='precomputed' has no samples to choose centres from: give the kernel "
                "itself, or fit InvariantKernelRidge(kernel='precomputed') on the matrix"
            )
        if spec.of_sets:
            raise TypeError(
                "a SetKernel compares sets of points, and features are made of rows: use "
                "InvariantKernelRidge(SetKernel(...)) on the sets"
            )
        return spec

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _same(X: Any) -> Array:
    """Samples that were checked as a whole."""
    return np.asarray(X)
