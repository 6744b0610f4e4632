"""Classify by kernel ridge regression on +-1 targets, exactly invariant under a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.gaussian_process.kernels import Kernel
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from symkernel.backends.arrays import to_host
from symkernel.estimators._blocks import is_dask_array
from symkernel.estimators._calibration import (
    Calibration,
    fit_slope,
    identical_rows,
    left_out_values,
    probabilities,
)
from symkernel.estimators._fit_blocks import (
    OneAgainstRest,
    bound_blocks,
    classes_of,
    fit_blocks,
    stay_in_blocks,
)
from symkernel.estimators._kernel import KernelSpec
from symkernel.estimators._machine import check_weights
from symkernel.estimators._partial import SortsInParts, one_alpha
from symkernel.estimators._predictions import float_type, machine_to_send, map_method
from symkernel.groups import Group
from symkernel.kernels import Quadrature, Sample
from symkernel.validation import RandomState

Array = NDArray[Any]


class InvariantKernelClassifier(
    SortsInParts,
    ClassifierMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Ridge classifier with a kernel averaged over a group.

    Every class becomes a column of targets, +1 for its samples and -1 for the others (one column
    for two classes), fitted together by kernel ridge regression from one Cholesky factor. The
    predicted class is that of the largest value; it is the same for x and g x. Probabilities come
    from these values by one map for all classes, calibrated on exact leave-one-out values.

    Parameters
    ----------
    alpha : float, default=1.0
        Regularisation strength, not negative.
    group : Group, str or None, default=None
        Group that acts on the features, or the name of one that acts on all of them, or
        ``G.on(columns)``, a group on some of them.
    kernel : str, kernel object or callable, default="rbf"
        As for ``InvariantKernelRidge``.
    gamma : float or None, default=None
        Of the rbf, laplacian, polynomial, chi2 and sigmoid kernels; None means 1 / n_features.
    degree : float, default=3
        Of the polynomial kernel.
    coef0 : float, default=1
        Of the polynomial and sigmoid kernels.
    kernel_params : dict or None, default=None
        Further parameters of a callable kernel, or of "matern" and "arc_cosine".
    method : str, Quadrature or Sample, default="auto"
        How the average is computed, see ``InvariantKernel``.
    solver, n_components, centers, tol, max_iter, precision, memory_limit, checkpoint, verbose
        As for ``InvariantKernelRidge``.
    random_state : int, Generator, RandomState or None, default=None
        Draws the centres.
    n_jobs : int or None, default=None
        Threads for kernel values.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where to compute: "auto" where the samples live, "cuda" on a GPU (needs CuPy). What is
        fitted, and predictions, are arrays of the kind that was given.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    dual_coef_ : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Weights of the training samples; one column for two classes.
    X_fit_ : ndarray or sparse matrix of shape (n_samples, n_features)
        Training samples.
    solver_plan_ : SolverPlan
        How it was solved, in how many seconds, and why.
    n_iter_ : int
        Iterations of "pcg", 1 otherwise.
    group_ : Group or None
        The group, bound to the number of features.
    kernel_ : InvariantKernel, Kernel, str or callable
        The kernel used.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features, if X was a data frame with string columns.

    See Also
    --------
    InvariantKernelRidge : The regressor.

    Notes
    -----
    n^2 |G| / 2 kernel values, n^3 / 3 multiply-adds and 2 n^2 more per class; memory as
    ``InvariantKernelRidge``. Formula: regularised least-squares classification, R. Rifkin, G. Yeo,
    T. Poggio, 2003; scikit-learn's ``RidgeClassifier`` is the linear case.

    Examples
    --------
    Does the largest feature exceed one? The answer does not depend on their order.

    >>> import numpy as np
    >>> from symkernel import InvariantKernelClassifier
    >>> X = np.random.default_rng(0).normal(size=(80, 4))
    >>> y = np.where(X.max(axis=1) > 1, "high", "low")
    >>> model = InvariantKernelClassifier(alpha=0.1, group="symmetric").fit(X, y)
    >>> model.classes_.tolist()
    ['high', 'low']
    >>> bool((model.predict(X[:, ::-1]) == model.predict(X)).all())
    True
    >>> model.predict_proba([[0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]]).round(2)
    array([[0.  , 1.  ],
           [0.99, 0.01]])
    """

    classes_: Array

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        group: Group | str | None = None,
        kernel: str | Kernel | Callable[..., float] = "rbf",
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: Mapping[str, Any] | None = None,
        method: str | Quadrature | Sample = "auto",
        solver: Literal["auto", "cholesky", "pcg", "nystroem"] = "auto",
        n_components: int | None = None,
        centers: Literal["rpcholesky", "uniform"] = "rpcholesky",
        tol: float = 1e-4,
        max_iter: int = 200,
        precision: Literal["auto", "float32", "float64"] = "auto",
        memory_limit: float | None = None,
        checkpoint: str | Path | None = None,
        verbose: int = 0,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
    ) -> None:
        self.alpha = alpha
        self.group = group
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.method = method
        self.solver = solver
        self.n_components = n_components
        self.centers = centers
        self.tol = tol
        self.max_iter = max_iter
        self.precision = precision
        self.memory_limit = memory_limit
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the dual coefficients of every class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Training samples; with ``solver="nystroem"`` also arrays of Dask, or on disk, as
            ``InvariantKernelRidge.fit`` takes them; predictions for arrays of Dask are lazy.
        y : array-like of shape (n_samples,)
            Class labels, at least two different ones.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the squared errors; ``compute_sample_weight("balanced", y)`` of
            ``sklearn.utils.class_weight`` gives every class the same total.

        Returns
        -------
        InvariantKernelClassifier
            The fitted estimator itself.

        Raises
        ------
        TypeError, ValueError
            As ``InvariantKernelRidge.fit``; also if y has one class only, or is not discrete.
        MemoryError
            If the Gram matrix does not fit in memory.
        """
        alpha = one_alpha(self.alpha)
        spec = self._spec()
        if stay_in_blocks(self, spec, X):
            self._fit_blocks(spec, X, y, sample_weight, alpha)
            return self
        X, y = self._check_training(spec, X, y)
        check_classification_targets(y)
        weights = check_weights(sample_weight, X)
        counted = y if weights is None else y[weights > 0]
        if len(np.unique(counted)) < 2:
            raise ValueError(
                "y must hold at least two classes (of positive weight); "
                f"got one class, {counted[0]!r}"
            )
        self.classes_, codes = np.unique(y, return_inverse=True)
        dtype = X.dtype if X.dtype == np.float32 else np.float64
        self._solve(spec, X, self._targets(codes, dtype), alpha, weights)
        self._calibration = Calibration(codes)
        return self

    def _fit_blocks(
        self, spec: KernelSpec, X: Any, y: Any, sample_weight: Any, alpha: Array
    ) -> None:
        """Fit to samples that stay in blocks."""
        given = (self, spec, X, y, sample_weight)
        self.classes_ = classes_of(bound_blocks(*given, np.asarray)[1])
        bound, blocks, _ = bound_blocks(*given, OneAgainstRest(self.classes_))
        tail = () if len(self.classes_) == 2 else (len(self.classes_),)
        _, _, kept = fit_blocks(self, spec, bound, blocks, tail, alpha, centred=False)
        self._calibration = Calibration(_codes(kept if tail else kept[:, 0]))

    def _targets(self, codes: Array, dtype: Any) -> Array:
        """+1 for the class, -1 for the others; one column, that of the second, for two classes."""
        if len(self.classes_) == 2:
            return np.where(codes == 1, 1, -1).astype(dtype)
        return np.where(codes[:, None] == np.arange(len(self.classes_)), 1, -1).astype(dtype)

    def decision_function(self, X: Any) -> Any:
        """Return the values of the fitted functions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes, positive where the second is predicted; otherwise one column per
            class, the largest of which is predicted.
        """
        if is_dask_array(X):
            check_is_fitted(self)
            return self._map("decision_function", X, self.dual_coef_.shape[1:], float_type(self, X))
        return self._decide(X)

    def _map(self, method: str, X: Any, tail: tuple[int, ...], dtype: Any) -> Any:
        """What a method makes of an array of Dask, as one that is computed later."""
        return map_method(machine_to_send(self), method, X, tail, dtype)

    def predict(self, X: Any) -> Any:
        """Predict classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted classes, on the host.
        """
        if is_dask_array(X):
            check_is_fitted(self)
            return self._map("predict", X, (), self.classes_.dtype)
        codes = _codes(to_host(self.decision_function(X)))
        return np.asarray(self.classes_[codes])

    def predict_proba(self, X: Any) -> Any:
        r"""Return the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows that sum to one, on the host; the largest entry is that of the predicted class.

        Raises
        ------
        ValueError
            If no leave-one-out value is finite, which takes a singular system.
        MemoryError
            If the factor of the system does not fit in memory.

        Notes
        -----
        :math:`p_k \propto e^{a f_k(x)}` with the decision values f (0 and f for two classes), and
        one slope :math:`a \ge 0`, of least logarithmic loss on the decision values that each
        training sample gets from the fit without it: exact, from the diagonal of the inverse of
        the ridge matrix. Samples that are identical, to the last bit, are left out together, so
        that weights are repetitions.

        The first call computes the Gram matrix again, factors and inverts it: n^3 multiply-adds.
        The slope is kept then, in pickles too. With ``solver="pcg"`` 128 of the left-out values are
        solved for, exactly; with "nystroem" up to 2,000 are, on centres that stay. Source:
        temperature scaling, Guo et al., ICML 2017, with Platt's targets.
        """
        return self._probabilities(X, "predict_proba")

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of the probabilities of the classes; see ``predict_proba``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Logarithms, on the host; finite where the probabilities underflow.
        """
        return self._probabilities(X, "predict_log_proba")

    def _probabilities(self, X: Any, method: str) -> Any:
        if is_dask_array(X):
            check_is_fitted(self)
            self._slope()  # once, before it is sent
            return self._map(method, X, self.classes_.shape, np.float64)
        log = method == "predict_log_proba"
        values = to_host(self.decision_function(X))
        return probabilities(_columns(values), self._slope(), _codes(values), log)

    def _slope(self) -> float:
        """Slope of the map to probabilities, fitted at the first call."""
        made = self._calibration
        if made.slope is None:
            weights = self._fitted.weights
            weights = np.ones(len(made.codes)) if weights is None else weights.astype(np.float64)
            used = weights > 0
            targets = self._targets(made.codes, np.float64).reshape(len(made.codes), -1)
            used, values = self._left_out(targets, np.flatnonzero(used), weights)
            finite = np.isfinite(values).all(axis=1)
            if not finite.any():
                raise ValueError(
                    f"alpha={self.alpha!r} leaves the system singular, so that no sample can be "
                    "predicted without itself; probabilities need a larger alpha"
                )
            values = _columns(values[:, 0] if values.shape[1] == 1 else values)
            codes, weights = made.codes[used], weights[used]
            made.slope = fit_slope(values[finite], codes[finite], weights[finite])
        return made.slope

    def _left_out(self, targets: Array, used: Array, weights: Array) -> tuple[Array, Array]:
        """Samples, of those that count, and the decision values of the fit without each."""
        large = self._fitted.large
        if large is not None:
            rows, values = large.left_out(self, targets)
            counted = weights[rows] > 0
            return rows[counted], values[counted]
        return used, left_out_values(
            to_host(self.dual_coef_).reshape(targets.shape)[used],
            self._factor().inverse_diagonal()[used, 0],
            float(self._fitted.alpha[0]),
            targets[used],
            weights[used],
            identical_rows(to_host(self.X_fit_))[used],
        )


def _codes(values: Array) -> Array:
    """Column of the class that is predicted, by decision values."""
    return np.asarray(values.argmax(axis=1) if values.ndim == 2 else (values > 0).astype(int))


def _columns(values: Array) -> Array:
    """Decision values with one column for every class, also for two."""
    return values if values.ndim == 2 else np.stack([np.zeros_like(values), values], axis=1)
