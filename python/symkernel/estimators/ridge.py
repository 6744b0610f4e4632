"""Fit kernel ridge regression, exactly invariant under a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.gaussian_process.kernels import Kernel

from symkernel.estimators._fit_blocks import stay_in_blocks
from symkernel.estimators._gradient_std import GradientStd
from symkernel.estimators._machine import check_alpha, check_weights
from symkernel.estimators._partial import LearnsInParts
from symkernel.estimators._regression import check_normalize_y
from symkernel.estimators._turning_targets import warn_turning
from symkernel.groups import Group
from symkernel.kernels import Quadrature, Sample
from symkernel.validation import RandomState

Array = NDArray[Any]


class InvariantKernelRidge(
    GradientStd,
    LearnsInParts,
    MultiOutputMixin,  # type: ignore[misc]
    RegressorMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""Kernel ridge regression with a kernel averaged over a group.

    A drop-in for ``sklearn.kernel_ridge.KernelRidge``: with ``group=None`` it gives the same
    numbers. With a group the kernel becomes :math:`K_G(x, y) = E_{g \in G} k(x, g y)` and every
    prediction is exactly invariant, :math:`f(g x) = f(x)`. On n samples this equals plain kernel
    ridge regression on all n |G| transformed samples with :math:`\alpha |G|` [1]_, at the cost of
    an n x n system.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1.0
        Regularisation strength, not negative; an array gives each target its own.
    group : Group, str or None, default=None
        Group that acts on the features, or the name of one that acts on all of them
        ("symmetric", "cyclic", "dihedral", "sign_flips", "hyperoctahedral", "alternating",
        "trivial"), bound to their number in fit, as is a group on some columns, ``G.on(columns)``:
        by position, or by the names of a data frame, whose columns may come in any order.
    kernel : str, kernel object or callable, default="rbf"
        With a group: "rbf", "laplacian", "polynomial" ("poly"), "linear", "matern",
        "arc_cosine", or an object of ``sklearn.gaussian_process.kernels`` or
        ``symkernel.kernels``. Without: all that ``KernelRidge`` accepts besides, that is
        "chi2", "additive_chi2", "sigmoid", "cosine", "precomputed" and callables of two
        samples. An ``InvariantKernel`` brings its own group.
    gamma : float or None, default=None
        Of the rbf, laplacian, polynomial, chi2 and sigmoid kernels; None means 1 / n_features
        (1 for chi2).
    degree : float, default=3
        Of the polynomial kernel.
    coef0 : float, default=1
        Of the polynomial and sigmoid kernels.
    kernel_params : dict or None, default=None
        Further parameters of a callable kernel, or of "matern" and "arc_cosine".
    method : str, Quadrature or Sample, default="auto"
        How the average is computed, see ``InvariantKernel``. Without a group it has no effect.
    normalize_y : bool, default=False
        Whether to subtract the mean of every target, weighted as the samples are, before the fit
        and to add it to predictions: `intercept_`. Off, as in ``KernelRidge``, with or without a
        group; targets whose mean dwarfs their spread, such as total energies, need it.
    gradient_alpha : float or None, default=None
        Regularisation of gradients, one number; None means alpha. The smaller it is beside alpha,
        the more a fit trusts gradients.
    descriptor : object or None, default=None
        What makes features of samples, on which kernel and group then act: ``InversePairDistances``
        or ``PairDistances`` of ``symkernel.descriptors``, or anything with ``value(X)``, (n, p) for
        X (n, n_features), and ``jacobian(X)``, (n, p, n_features). Gradients, given and predicted,
        are those in X.
    solver : {"auto", "cholesky", "pcg", "nystroem"}, default="auto"
        How the system is solved: "cholesky" factors the kernel matrix; "pcg" solves the same system
        for all samples by preconditioned conjugate gradients; "nystroem" fits on few samples as
        centres in one pass over all, an approximation. "auto" means "cholesky" up to 5,000 samples,
        beyond the faster of it and "pcg", and "nystroem" with an ``ApproximationWarning`` where
        neither fits in memory or both take more than ten minutes: ``solver_plan(n)`` tells.
    n_components : int or None, default=None
        Centres of "nystroem"; None doubles their number, from 100, until a tenth of the samples,
        held out, is predicted less than 1 % better, or the centres leave less than alpha / 10 of
        the trace of the kernel matrix. Columns of the preconditioner of "pcg"; None means a tenth
        of the samples, from 100 to 1,000, or as many as leave alpha / 10 a sample.
    centers : {"rpcholesky", "uniform"}, default="rpcholesky"
        How those samples are drawn: by randomly pivoted Cholesky, or each equally likely.
    tol : float, default=1e-4
        Of "pcg": the residual relative to the targets. Fitted values are then off by at most tol
        times the root mean square of the targets.
    max_iter : int, default=200
        Iterations of "pcg" at most.
    precision : {"auto", "float32", "float64"}, default="auto"
        In which "pcg" computes kernel values. "auto" is that of the samples, but float64 where
        alpha is less than 2^-23 times the trace of the kernel matrix, where "float32" is refused.
    memory_limit : float or None, default=None
        Bytes that a fit may take beside the samples, and each task of a fit to an array of Dask, or
        on disk in chunks; None means what there is.
    checkpoint : str, Path or None, default=None
        File in which "pcg" and "nystroem" keep their state, and from which an interrupted fit to
        the same data goes on, with the same digits. It is deleted at the end.
    verbose : int, default=0
        Show a progress bar of "pcg" and "nystroem" if positive.
    random_state : int, Generator, RandomState or None, default=None
        Draws the centres.
    n_jobs : int or None, default=None
        Threads for kernel values; None means the default of the kernel, -1 all processors.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where to compute: "auto" where the samples live, "cuda" on a GPU (needs CuPy). What is
        fitted, and predictions, are arrays of the kind that was given.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Weights of the training samples, or of the centres; of a fit with gradients those of the
        observed values, in the order of their samples, and then of the observed gradients, sample
        by sample.
    intercept_ : float or ndarray of shape (n_targets,)
        The mean that was subtracted; 0 if `normalize_y` is False.
    X_fit_ : ndarray or sparse matrix of shape (n_samples, n_features)
        Training samples, or the training Gram matrix if ``kernel="precomputed"``; features if there
        is a descriptor; the centres with ``solver="nystroem"``.
    solver_plan_ : SolverPlan
        How it was solved, in how many seconds, and why.
    n_iter_ : int
        Iterations of "pcg", 1 otherwise.
    group_ : Group or None
        The group, bound to the number of features; of a fit with gradients and without a group the
        trivial one.
    kernel_ : InvariantKernel, Kernel, str or callable
        The kernel used; an InvariantKernel if there is a group.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of features, if X was a data frame with string columns.

    See Also
    --------
    InvariantKernelRidgeCV : Chooses alpha and gamma by exact leave-one-out.
    InvariantKernelClassifier : The same machine for classes.

    Notes
    -----
    Fit: n^2 |G| / 2 kernel values and n^3 / 3 multiply-adds, memory for n (n + 1) / 2 numbers, one
    triangle of the Gram matrix. It is an n x n matrix where there is no group, with several
    alphas, with approximate methods, beyond 46,340 samples (SciPy's limit), and for a system that
    proves singular, whose Gram matrix is computed again. Predict: m n |G| kernel values without an
    m x n matrix. Fit raises MemoryError, before it allocates, if the Gram matrix does not fit.

    **Many samples.** "pcg": r n kernel values for r columns of the preconditioner, and n^2 / 2
    once, if they fit in memory, or in each iteration; n r^2 multiply-adds, n^2 an iteration.
    Energies of 8,000 structures with alpha 1e-4 took 4 iterations, 4,000 with 1e-8 took 20 to 1.05
    times the exact test error. "nystroem" with M centres: n M kernel values, n M^2 multiply-adds,
    memory for 4 M^2 numbers and a chunk.

    **Arrays of Dask** are fitted by "nystroem" and never gathered: one task finds the centres among
    rows from all chunks, one each sums a run of chunks, and the sums are added in a fixed tree. Any
    number of workers gives the same result, digit for digit where tasks take the same number of
    threads, and so does a worker that is lost. Of R runs up to 1 + log2 R sums of M^2 numbers wait
    to be added. Each chunk is read twice, and twice more for every
    number of centres that is tried. Tasks go to the current ``Client`` (to another inside ``with
    client.as_current()``), or else to Dask's scheduler. Each takes its share of the cores of its
    host, or `n_jobs` if that is less, whatever OMP_NUM_THREADS says. On Slurm the client is that of
    a ``dask_jobqueue.SLURMCluster``, on Kubernetes of a ``dask_kubernetes.operator.KubeCluster``,
    with this package on the workers; one worker of one thread on a host has all its cores for a
    task. Fits are computed on the host also where workers have GPUs (``dask_cuda``); predictions
    for chunks that are arrays of CuPy are computed where these live, each worker's own device.
    Arrays on disk (a memmap, zarr) go chunk by chunk through the same tasks in this process.

    **Gradients** of n samples with m features, of which a descriptor makes p: the joint matrix of
    N = n (1 + m) values and derivatives (m is the rank of the Jacobians, or the number of
    directions across orbits, where that is less: 3 n_atoms - 6 of distances, and of positions under
    SE(3)) takes N (N + 1) / 2 numbers, and n m p for directions; n^2 / 2 (3 |G| m p +
    m^2 (p + |G|)) + N^3 / 6 multiply-adds. A prediction with its
    gradient takes 4 n |G| p. Fit needs a base kernel with second derivatives (RBF, Matern with nu
    1.5, 2.5 or inf, RationalQuadratic) and a group that is finite with at most 20,000 elements, or
    has a closed form with derivatives: sign flips of any number of features or points, and
    rotations of clouds in the plane or in space (SO(2), O(2), SO(3), O(3)) with at most 100,000
    permutations of their points, for which Matern's nu may be 3.5 too; each beside translations or
    not. Rotations take |P| (500 + 800 c + 25 p) multiply-adds a pair of samples, and (4 |P| + m)
    p^2 more for its block, where P is permutations and mirror images, and c the number of Gaussians
    that make the kernel: RBF 1, Matern 35 (nu 3.5), 49 (2.5) or 119 (1.5), RationalQuadratic 12
    (alpha 50) to 89 (0.15). All is computed in float64, also of float32 samples, on the host; the
    factor by as many threads as BLAS takes, the rest by `n_jobs`. Source: E. Solak et al.,
    Derivative observations in Gaussian process models of dynamic systems, NIPS 2002.

    References
    ----------
    .. [1] B. Haasdonk, H. Burkhardt, "Invariant kernel functions for pattern analysis and machine
       learning", Machine Learning 68, 2007; Y. Mroueh, S. Voinea, T. Poggio, "Learning with group
       invariant features", NeurIPS 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import InvariantKernelRidge
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> y = X.max(axis=1)
    >>> model = InvariantKernelRidge(alpha=1e-3, group="symmetric").fit(X, y)
    >>> model.group_
    Symmetric(4)
    >>> bool(np.allclose(model.predict(X[:5, ::-1]), model.predict(X[:5])))
    True
    >>> near, far = [0.0, 0.0, 0.0, 0.1], [0.0, 0.0, 0.0, 9.0]
    >>> model.predict([near, far], return_std=True)[1].round(2)
    array([0.03, 0.5 ])

    Six samples with their gradients are thirty numbers to learn from:

    >>> X = np.random.default_rng(1).normal(size=(6, 4))
    >>> y, dY = np.sin(X).sum(axis=1), np.cos(X)
    >>> model = InvariantKernelRidge(1e-8, group="symmetric", gamma=0.05).fit(X, y, gradient=dY)
    >>> mean, gradient = model.predict(X[:, ::-1], return_gradient=True)
    >>> bool(np.allclose(gradient, dY[:, ::-1], atol=1e-3))
    True
    """

    def __init__(
        self,
        alpha: float | ArrayLike = 1.0,
        *,
        group: Group | str | None = None,
        kernel: str | Kernel | Callable[..., float] = "rbf",
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: Mapping[str, Any] | None = None,
        method: str | Quadrature | Sample = "auto",
        normalize_y: bool = False,
        gradient_alpha: float | None = None,
        descriptor: Any = None,
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
        self.normalize_y = normalize_y
        self.gradient_alpha = gradient_alpha
        self.descriptor = descriptor
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

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, gradient: Any = None
    ) -> Self:
        """Fit the dual coefficients.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *group.shape)
            Training samples; without a group also a sparse matrix, or a Gram matrix if
            ``kernel="precomputed"``. With ``solver="nystroem"`` also an array on disk, or one of
            Dask in chunks of known sizes; `y` and `sample_weight` then may be so too.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets. With `gradient` one for each sample, NaN where it was not observed, or None:
            of gradients alone f is known up to a constant, and `intercept_` is 0.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the squared errors, of a target and of its gradient alike.
        gradient : array-like of the shape of X, optional
            Derivatives of the target for the features of X, minus the forces if it is an energy;
            rows of NaN where they were not observed.

        Returns
        -------
        InvariantKernelRidge
            The fitted estimator itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter, the shape of X or a value in it is not what is expected; the message
            names the argument, what was expected and what came.
        NotApplicableError, GroupTooLargeError
            If gradients cannot be learned from with this kernel or group, or the solver is not for
            these samples, such as "pcg" for an array of Dask; says what is needed.
        MemoryError
            If the Gram matrix does not fit in memory, or `memory_limit` is too small; says how much
            is needed.

        Warns
        -----
        scipy.linalg.LinAlgWarning
            If the system is singular to working precision; least squares are used instead.
        sklearn.exceptions.ConvergenceWarning
            If "pcg" did not reach `tol`; tells the residual and what to change.
        ApproximationWarning
            If "auto" came to "nystroem", as it does for an array of Dask.
        UserWarning
            If the kernel is invariant, targets are not centred, and the mean of one is more than
            100 times its standard deviation; or if targets of r columns, where the group turns r
            coordinates, or of the shape of X turn with the samples: `EquivariantKernelRidge` is for
            those. It is told by correlations with vectors made of at most 256 samples, in less than
            one of 10,000 cases where targets do not turn and samples are in random orientations.
        """
        alpha = check_alpha(self.alpha)
        centred = check_normalize_y(self.normalize_y)
        spec = self._spec()
        self._read_descriptor(spec)
        if gradient is not None:
            self._fit_jointly(spec, X, y, gradient, sample_weight, centred)
            return self
        if stay_in_blocks(self, spec, X):
            self._fit_blocks(spec, X, y, sample_weight, alpha, centred)
            return self
        X, y = self._check_training(spec, X, y, multi_output=True, y_numeric=True)
        weights = check_weights(sample_weight, X)
        warn_turning(spec, X, y, weights, getattr(self, "feature_names_in_", None))
        self._fit(spec, X, y, alpha, weights, centred)
        return self
