"""Fit vectors, tensors and other targets that turn with their samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.gaussian_process.kernels import Kernel

from symkernel.estimators._equivariant_fit import EquivariantRegressor
from symkernel.estimators._regression import check_normalize_y
from symkernel.groups import Group, Representation
from symkernel.validation import as_number


class EquivariantKernelRidge(
    EquivariantRegressor,
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
    EquivariantKernelRidgeCV : Chooses alpha and gamma by exact leave-one-out.
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
        spec = self._spec()
        self._fit(spec, self._read(spec.group, X, y, sample_weight), alpha, centred)
        return self
