"""Fit vectors, tensors and other targets that turn with their samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.gaussian_process.kernels import Kernel
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from symkernel.backends.arrays import is_on_device
from symkernel.backends.packed import LARGEST_FACTORED
from symkernel.estimators._equivariant import System, systems
from symkernel.estimators._kernel import KernelSpec
from symkernel.estimators._machine import check_weights
from symkernel.estimators._regression import check_normalize_y
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Representation
from symkernel.groups.registry import bind
from symkernel.groups.representations import read_output
from symkernel.kernels.equivariant import EquivariantKernel
from symkernel.solvers.centring import weighted_mean
from symkernel.solvers.leave_blocks_out import leave_blocks_out_residuals
from symkernel.solvers.ridge import solve_ridge
from symkernel.solvers.ridge_factor import RidgeFactor, factor_ridge
from symkernel.solvers.ridge_packed import solve_ridge_packed
from symkernel.validation import as_number, check_data, check_n_jobs

Array = NDArray[Any]

# Numbers of a matrix of covariances held at once in predict.
_HELD = 2**22


class EquivariantKernelRidge(
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""Kernel ridge regression of targets that turn with the samples, f(g x) = rho(g) f(x).

    Parameters
    ----------
    alpha : float, default=1.0
        Regularisation strength, not negative.
    group : Group, str or None
        Group that acts on the features, or the name of one; see ``InvariantKernelRidge``. Finite
        with at most 20,000 elements, or SO(2), O(2), SO(3) or O(3) along an axis of points, with
        permutations of them or not; beside translations, which leave predictions as they are.
        None means that nothing turns: then there may be any number of targets, of which each is
        fitted by ``sklearn.kernel_ridge.KernelRidge``.
    output : Representation or str, default="vector"
        How targets turn: "vector", "pseudovector", "tensor", "traceless", "same", "permutation",
        "trivial", "pseudoscalar", or a ``groups.Representation``, such as a direct sum. Without a
        group it has no effect.
    kernel : str or kernel object, default="rbf"
        As in ``InvariantKernelRidge`` with a group. Infinite groups take "rbf", "matern" and
        RationalQuadratic.
    gamma : float or None, default=None
        Of the rbf, laplacian and polynomial kernels; None means 1 / n_features.
    degree : float, default=3
        Of the polynomial kernel.
    coef0 : float, default=1
        Of the polynomial kernel.
    kernel_params : dict or None, default=None
        Parameters of "matern" and "arc_cosine".
    normalize_y : bool, default=False
        Whether to subtract the mean of the targets, weighted as the samples are, before the fit and
        to add it to predictions: of that mean what the group leaves as it is, such as the trace of
        a tensor. Of vectors under rotations that is nothing.
    n_jobs : int or None, default=None
        Threads for kernel values; None means the default of OpenMP, -1 all processors.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n_samples, p) or (n_samples,)
        Weights c of the training samples, f(x) = sum_i K(x, x_i) c_i + intercept.
    intercept_ : ndarray of shape (p,), or float
        What was subtracted; 0 if `normalize_y` is False.
    X_fit_ : ndarray of shape (n_samples, n_features)
        Training samples.
    group_ : Group
        The group, bound to the number of features; the trivial one if None was given.
    output_ : Representation
        How the p targets turn.
    kernel_ : EquivariantKernel
        The kernel used.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features, if X was a data frame with string columns.

    See Also
    --------
    InvariantKernelRidge : For targets that stay as they are.

    Notes
    -----
    ``K(x, y) = E_g k(x, g y) rho(g)`` is a p x p block for each pair of samples; fit factors their
    matrix, of n p rows, packed in half the memory: (n p)^3 / 3 multiply-adds. Parts of a direct sum
    are systems of their own, copies of a part share theirs. Plain kernel ridge regression on all
    n |G| moved samples with targets rho(g) y and ``alpha |G|`` gives the same numbers.

    Forces that are gradients of an energy are better learnt as such, by
    ``InvariantKernelRidge.fit(X, energies, gradient=-forces)``, which conserves energy;
    output="same" is for forces that are not, and for velocities.

    All is computed on the host in float64; arrays on a GPU, sparse matrices, precomputed Gram
    matrices and callable kernels are refused.
    Source: M. Reisert and H. Burkhardt, Learning equivariant functions with matrix valued kernels,
    J. Mach. Learn. Res. 8, 2007.

    Examples
    --------
    Dipoles of three charges, which turn with them:

    >>> import numpy as np
    >>> from symkernel import EquivariantKernelRidge, groups
    >>> X = np.random.default_rng(0).standard_normal((40, 3, 3))
    >>> dipoles = np.einsum("p,npa->na", [1.0, -0.4, -0.6], X)
    >>> G = groups.SE(3).along(1, (3, 3))
    >>> model = EquivariantKernelRidge(1e-6, group=G, output="vector", gamma=0.05)
    >>> model = model.fit(X, dipoles)
    >>> R = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> x = X[:3] + 0.1
    >>> bool(np.allclose(model.predict(x @ R.T), model.predict(x) @ R.T, rtol=0, atol=1e-8))
    True
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        group: Group | str | None = None,
        output: Representation | str = "vector",
        kernel: str | Kernel = "rbf",
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: Mapping[str, Any] | None = None,
        normalize_y: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.group = group
        self.output = output
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.normalize_y = normalize_y
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the dual coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Training samples.
        y : array-like of shape (n_samples, p)
            Targets, p as many as the representation has; (n_samples,) will do for one.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the squared errors of a sample.

        Returns
        -------
        EquivariantKernelRidge
            The fitted estimator itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter, the shape of X or y, or a value in it is not what is expected; the
            message names the argument, what was expected and what came.
        NotApplicableError, GroupTooLargeError
            If the group has no such kernel; says what is needed.
        MemoryError
            If the matrix does not fit in memory; says how much is needed.

        Warns
        -----
        scipy.linalg.LinAlgWarning
            If the system is singular to working precision; least squares are used instead.
        """
        alpha = as_number(self.alpha, "alpha", 0.0)
        centred = check_normalize_y(self.normalize_y)
        check_n_jobs(self.n_jobs)
        named = "trivial" if self.group is None else self.group
        spec = KernelSpec(
            self.kernel, self.gamma, self.degree, self.coef0, self.kernel_params, named, "auto"
        )
        spec.check()
        _refuse_device(X)
        X, y = check_data(self, X, y, group=named, multi_output=True, y_numeric=True)
        X, y = X.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
        weights = check_weights(sample_weight, X)
        group = bind(named, X.shape[1], getattr(self, "feature_names_in_", None))
        Y = y.reshape(len(y), -1)
        output = self._output(group, Y.shape[1])
        base = spec._base(X.shape[1])
        self.kernel_ = EquivariantKernel(base, group, output)
        self.group_, self.output_, self.X_fit_, self._named = group, output, X, named
        mean = weighted_mean(Y, weights) @ output.mean(group) if centred else np.zeros(Y.shape[1])
        coefficients = np.empty_like(Y)
        self._systems = systems(self.kernel_)
        self._fitted = alpha, weights, self.n_jobs
        for system in self._systems:
            columns = system.targets(Y - mean)
            system.write(coefficients, self._solve(system, columns))
        self.dual_coef_ = coefficients.reshape(y.shape)
        self.intercept_ = float(mean[0]) if y.ndim == 1 else mean
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        r"""Predict targets, and how far from them the truth may be.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Samples.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        mean : ndarray of shape (n_samples, p) or (n_samples,)
            Predictions.
        std : ndarray of the same shape
            Standard deviations of each component, of the Gaussian process whose mean was predicted,
            without the noise; only if `return_std`. In the units of the kernel: multiply by a scale
            of the targets.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit.
        ValueError
            If the samples do not have the shape of those in fit, or contain NaN or infinity.

        Notes
        -----
        A prediction costs what a row of the kernel does. The first call that asks for standard
        deviations factors the system again, at the cost of fit; the factor is kept then, but not in
        pickles and copies. Deviations are the roots of the diagonal of
        ``K(x, x) - k^T (K + alpha I)^{-1} k``: a representation turns that matrix, and so mixes
        deviations of components.
        """
        check_is_fitted(self)
        _refuse_device(X)
        rows = check_data(self, X, reset=False, group=self._named).astype(np.float64, copy=False)
        p = self.kernel_.size
        C = self.dual_coef_.reshape(-1, p)
        shape = (len(rows), *self.dual_coef_.shape[1:])
        found = np.empty((len(rows), p))
        for system in self._systems:
            q = system.kernel.size
            columns = system.targets(C).reshape(-1, q, len(system.places))
            values = system.kernel.matvec(rows, self.X_fit_, columns, n_jobs=self.n_jobs)
            system.write(found, values.reshape(-1, len(system.places)))
        mean = found.reshape(shape) + self.intercept_
        if not return_std:
            return mean
        std = np.empty((len(rows), p))
        for system in self._systems:
            deviations = self._deviations(system, rows).reshape(-1, 1)
            system.write(std, np.repeat(deviations, len(system.places), axis=1))
        return mean, std.reshape(shape)

    def leave_one_out(self) -> Array:
        r"""Predict every training sample by the fit to all the others, without refitting.

        Returns
        -------
        ndarray of shape (n_samples, p) or (n_samples,)
            Predictions; all targets of a sample are left out together. The constant that
            `normalize_y` subtracts counts as known.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit.
        ValueError
            If a sample has the weight 0.
        scipy.linalg.LinAlgError
            If the system is singular, as with equal samples and alpha=0.

        Notes
        -----
        :math:`y_i - [(A^{-1})_{ii}]^{-1} c_i` with blocks of p rows of the inverse of
        :math:`A = K + \alpha I`, at three times the cost of fit.
        """
        check_is_fitted(self)
        p = self.kernel_.size
        C = self.dual_coef_.reshape(-1, p)
        found = np.empty(C.shape)
        alpha, weights, _ = self._fitted
        for system in self._systems:
            q = system.kernel.size
            blocks = list(np.arange(len(C) * q).reshape(-1, q))
            repeated = None if weights is None else np.repeat(weights, q)
            own = system.targets(C)
            left = leave_blocks_out_residuals(self._factor(system), own, blocks, repeated)
            # A c = y: what a fit leaves of a target is alpha c / w
            fitted = own * alpha / (1.0 if repeated is None else repeated[:, None])
            system.write(found, fitted - left)
        inside = np.asarray(self.predict(self.X_fit_)).reshape(C.shape)
        return (inside + found).reshape(self.dual_coef_.shape)

    def _output(self, group: Group, targets: int) -> Representation:
        """How targets turn, after a check of their number."""
        if self.group is None:
            return targets * Representation("trivial")
        output = read_output(self.output)
        size = output.size(group)
        if size != targets:
            raise ValueError(
                f"y must have shape (n_samples, {size}): output={self.output!r} has {size} "
                f"components under {group!r}; got {targets} for each sample. A direct sum takes "
                'more, such as 2 * Representation("vector")'
            )
        return output

    def _solve(self, system: System, columns: Array) -> Array:
        """Coefficients (n q, c) of a system."""
        alpha, weights, n_jobs = self._fitted
        if weights is not None:
            weights = np.repeat(weights, system.kernel.size)
        found = None
        if len(columns) <= LARGEST_FACTORED:
            packed = system.kernel.gram_packed(self.X_fit_, n_jobs=n_jobs)
            found = solve_ridge_packed(packed, columns, alpha, weights)
        if found is None:
            full = system.kernel.gram(self.X_fit_, n_jobs=n_jobs)
            found = solve_ridge(full, columns, np.array([alpha]), weights)
        return found

    def _factor(self, system: System) -> RidgeFactor:
        """The factored system, made at the first call."""
        if system.factor is None:
            alpha, weights, n_jobs = self._fitted
            q = system.kernel.size
            system.factor = factor_ridge(
                lambda: system.kernel.gram_packed(self.X_fit_, n_jobs=n_jobs),
                lambda: system.kernel.gram(self.X_fit_, n_jobs=n_jobs),
                len(self.X_fit_) * q,
                np.array([alpha]),
                None if weights is None else np.repeat(weights, q),
            )
        return system.factor

    def _deviations(self, system: System, rows: Array) -> Array:
        """Standard deviations (n, q) of a part."""
        factor, q = self._factor(system), system.kernel.size
        prior = np.einsum("naa->na", system.kernel.diag(rows, n_jobs=self.n_jobs))
        step = max(1, _HELD // max(1, len(self.X_fit_) * q * q))
        explained = [
            factor.explained(
                system.kernel.gram(rows[i : i + step], self.X_fit_, n_jobs=self.n_jobs)
            )
            for i in range(0, len(rows), step)
        ]
        variance = prior - np.concatenate(explained).reshape(prior.shape)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        # what turns with a group cannot follow the targets of scikit-learn's checks
        tags.regressor_tags.poor_score = self.group is not None
        return tags


def _refuse_device(X: Any) -> None:
    if is_on_device(X):
        raise NotApplicableError(
            "EquivariantKernelRidge computes on the host: give X as an array of NumPy"
        )
