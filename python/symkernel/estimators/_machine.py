"""Validate samples, fit dual coefficients and predict, for all estimators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted

from symkernel.backends.arrays import is_on_device, to_device, to_host
from symkernel.backends.memory import require_memory
from symkernel.backends.packed import LARGEST_FACTORED
from symkernel.estimators import _device as on_device
from symkernel.estimators import _sets as of_sets
from symkernel.estimators._kernel import BoundKernel, KernelSpec
from symkernel.estimators._large import LargeFit
from symkernel.estimators._solvers import ChoosesSolver, plan_fit, read_options, solve_large
from symkernel.groups import Group
from symkernel.kernels import InvariantKernel, Quadrature, Sample, SetKernel
from symkernel.kernels.kept import KeptSamples
from symkernel.kernels.set_blocks import KeptSets
from symkernel.plans.base import Plan
from symkernel.solvers.ridge import solve_ridge
from symkernel.solvers.ridge_factor import Explains, RidgeFactor, factor_ridge
from symkernel.solvers.ridge_packed import solve_ridge_packed
from symkernel.validation import as_numbers, check_data, check_kind, check_n_jobs, flat_samples

Array = NDArray[Any]

# Gram matrix, eigenvectors and workspace of the divide-and-conquer eigensolver (LAPACK syevd).
MATRICES_OF_EIGENSOLVER = 4

# Where there are too many samples for a Gram matrix.
_ADVICE = (
    "solver='nystroem' fits in one pass without it, InvariantKernelRidge(solver='pcg') for all "
    "samples; float32 samples halve it."
)


@dataclass
class Fitted:
    """The system that was fitted: a parameter set after fit takes effect in the next fit.

    It is factored anew when a factor is first asked for, and the factor kept from then on; so are
    training samples that the kernel has prepared. Copies and pickles go without both.
    """

    spec: KernelSpec
    bound: BoundKernel
    alpha: Array
    weights: Array | None
    factor: RidgeFactor | None = None
    samples: KeptSamples | KeptSets | None = None
    large: LargeFit | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "factor": None, "samples": None}


class KernelMachine(ChoosesSolver):
    """Mixin of estimators of the form f(x) = sum_i c_i K(x, x_i); the first of their bases."""

    kernel: Any
    group: Any
    degree: float
    coef0: float
    kernel_params: Any
    method: str | Quadrature | Sample
    n_jobs: int | None
    device: str

    group_: Group | None
    kernel_: Any
    dual_coef_: Array
    X_fit_: Any
    n_iter_: int
    n_features_in_: int

    @property
    def _sums_kernel(self) -> bool:
        """Whether f is a sum of c_i K(x, x_i) over the samples that came, and nothing else."""
        return True

    def plan(self) -> Plan:
        """Tell how the fitted kernel is averaged over the group.

        Returns
        -------
        Plan
            Method, exactness and cost per pair; its ``str`` is readable.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit: a group given by name is known only then.
        ValueError
            If no group was given.
        """
        check_is_fitted(self)
        if not isinstance(self.kernel_, InvariantKernel):
            raise ValueError(
                f"kernel {self.kernel_!r} is not averaged over a group, so it has no plan; "
                "give group= or an InvariantKernel"
            )
        return self.kernel_.plan()

    def _spec(self) -> KernelSpec:
        """Words about the kernel, checked."""
        spec = KernelSpec(
            kernel=self.kernel,
            gamma=getattr(self, "gamma", None),
            degree=self.degree,
            coef0=self.coef0,
            kernel_params=self.kernel_params,
            group=self.group,
            method=self.method,
        )
        check_n_jobs(self.n_jobs)
        read_options(self)
        spec.check()
        return spec

    def _check_training(
        self, spec: KernelSpec, X: Any, y: Any, **options: Any
    ) -> tuple[Any, Array]:
        """Validate training samples and targets as scikit-learn does; sets `n_features_in_`.

        Samples of shape (n, *group.shape) become rows.
        """
        if spec.of_sets:
            return of_sets.check_training(self, X, y, **options)
        if is_on_device(X):
            X = flat_samples(X, _shaping(spec), "X")
            X, y = on_device.check_training(self, X, y, options.get("y_numeric", False))
            if len(X) < options.get("ensure_min_samples", 1):
                raise ValueError(f"Found array with {len(X)} sample(s); at least 2 are required")
            return X, y
        X, y = check_data(self, X, y, **self._accepted(spec), **options)
        return X, y

    def _check_samples(self, spec: KernelSpec, X: Any) -> Any:
        """Validate samples to predict for: the features are those seen in fit."""
        if spec.of_sets:
            return of_sets.check_prediction(self, X)
        if is_on_device(X):
            return on_device.check_prediction(self, flat_samples(X, _shaping(spec), "X"))
        return check_data(self, X, reset=False, **self._accepted(spec))

    def _accepted(self, spec: KernelSpec) -> dict[str, Any]:
        """Kinds of samples that are taken, as options of ``check_data``."""
        if spec.invariant:
            return {"group": spec.named_group}
        return {"sparse": self.solver != "nystroem", "dtype": "numeric"}

    def _bind(self, spec: KernelSpec, X: Any) -> BoundKernel:
        if spec.of_sets:
            return spec.bind(X.n_features)
        n_samples, n_features = X.shape
        if is_on_device(X):
            return on_device.averaged(spec, n_features).bind(n_features)
        if spec.precomputed and n_samples != n_features:
            raise ValueError(
                f"kernel='precomputed' needs a square Gram matrix in fit; got shape {X.shape}"
            )
        return spec.bind(n_features, getattr(self, "feature_names_in_", None))

    def _gram(self, bound: BoundKernel, X: Any, copies: int = 1) -> Array:
        """Gram matrix, after a check that `copies` matrices of its size fit in memory."""
        n = X.shape[0]
        single = X.dtype == np.float32
        require_memory(
            (copies, n, n) if copies > 1 else (n, n),
            4 if single else 8,
            f"the Gram matrix of {n} samples" + (" with workspace" if copies > 1 else ""),
            _ADVICE,
        )
        return bound.gram(X, self.n_jobs)

    def _solve(
        self, spec: KernelSpec, X: Any, y: Array, alpha: Any, sample_weight: Array | None
    ) -> None:
        """Fit the dual coefficients and set the fitted attributes.

        Samples are computed on where the estimator's device says; what is kept is kept where they
        came from.
        """
        computed = on_device.placed(X, self.device)
        bound = self._bind(spec, computed)
        targets = y.reshape(len(y), -1)
        options = read_options(self)
        plan, start = plan_fit(options, bound, computed, targets.shape[1], alpha), perf_counter()
        large, centres = None, X
        if is_on_device(computed):
            dual_coef = on_device.solve(bound, computed, targets, alpha, sample_weight)
        elif plan.method == "cholesky":
            dual_coef = self._solve_on_host(bound, computed, targets, alpha, sample_weight)
        else:
            solved = solve_large(plan, options, bound, computed, targets, alpha, sample_weight)
            dual_coef, large = solved.dual_coef, solved.large
            centres = X if solved.centres is computed else on_device.beside(solved.centres, X)
            plan = solved.plan
        self.n_iter_ = 1 if large is None else large.n_iter
        self.solver_plan_ = replace(plan, seconds=perf_counter() - start)
        self.dual_coef_ = on_device.beside(dual_coef.reshape(-1, *y.shape[1:]), X)
        self._fitted = Fitted(spec, bound, np.ravel(alpha), sample_weight, large=large)
        self.kernel_ = bound.kernel
        self.group_ = bound.group
        self.X_fit_ = centres

    def _solve_on_host(
        self, bound: BoundKernel, X: Any, targets: Array, alpha: Any, sample_weight: Array | None
    ) -> Array:
        dual_coef = None
        if bound.packs and np.size(alpha) == 1 and len(targets) <= LARGEST_FACTORED:
            packed = self._gram_packed(bound, X)
            dual_coef = solve_ridge_packed(packed, targets, np.ravel(alpha)[0], sample_weight)
            del packed  # now a factor
        if dual_coef is None:
            dual_coef = solve_ridge(self._gram(bound, X), targets, alpha, sample_weight)
        return dual_coef

    def _gram_packed(self, bound: BoundKernel, X: Any) -> Array:
        """Gram matrix in packed form, after a check that it fits in memory."""
        return bound.gram_packed(X, self.n_jobs)

    def _factor(self) -> RidgeFactor:
        """The factored system, made at the first call."""
        fitted = self._fitted
        if fitted.factor is None:
            bound, X = fitted.bound, on_device.placed(self.X_fit_, self.device)
            packs = bound.packs and not is_on_device(X)
            packed = (lambda: self._gram_packed(bound, X)) if packs else None

            def full() -> Any:
                if is_on_device(X):
                    return on_device.gram(bound, X, MATRICES_OF_EIGENSOLVER)
                return self._gram(bound, X, copies=MATRICES_OF_EIGENSOLVER)

            fitted.factor = factor_ridge(packed, full, X.shape[0], fitted.alpha, fitted.weights)
        return fitted.factor

    def _explaining(self, m: int) -> tuple[Explains, Any]:
        """What tells variances at m samples, and the samples it takes covariances with."""
        large = self._fitted.large
        return (self._factor(), self.X_fit_) if large is None else large.explaining(self, m)

    def _training(self, X: Any) -> Any:
        """Training samples beside X, prepared at the first call where the kernel prepares."""
        fitted = self._fitted
        if fitted.spec.of_sets:
            if fitted.samples is None:
                fitted.samples = fitted.bound.kernel.prepare(self.X_fit_)
            return fitted.samples
        if not isinstance(fitted.bound.kernel, InvariantKernel):
            return on_device.beside(self.X_fit_, X)
        kept = fitted.samples
        if not isinstance(kept, KeptSamples) or is_on_device(kept.rows) != is_on_device(X):
            kept = fitted.bound.kernel.prepare(on_device.beside(self.X_fit_, X))
            fitted.samples = kept
        return kept

    def _decide(self, X: Any) -> Array:
        """Sum over the training samples, of shape (n,) or (n, n_targets), where X lives."""
        check_is_fitted(self)
        bound = self._fitted.bound
        X = self._check_samples(self._fitted.spec, X)
        V = self.dual_coef_.reshape(len(self.dual_coef_), -1)
        computed = on_device.placed(X, self.device)
        V = on_device.beside(V, computed)
        if is_on_device(computed):
            values = bound.kernel.matvec(computed, self._training(computed), V)
        else:
            values = bound.product(computed, self._training(computed), V, self.n_jobs)
        values = values.reshape(X.shape[0], *self.dual_coef_.shape[1:])
        result: Array = values if computed is X else on_device.beside(values, X)
        return result

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        plain = self.group is None and not isinstance(self.kernel, InvariantKernel | SetKernel)
        tags.input_tags.sparse = plain and self.solver != "nystroem"
        tags.input_tags.pairwise = isinstance(self.kernel, str) and self.kernel == "precomputed"
        # An invariant function cannot follow a target that is not: scikit-learn's checks, whose
        # targets have no symmetry, must not expect a good score.
        for kind in (tags.regressor_tags, tags.classifier_tags):
            if kind is not None:
                kind.poor_score = not plain
        return tags


def _shaping(spec: KernelSpec) -> Group | None:
    return spec.named_group if isinstance(spec.named_group, Group) else None


def check_alpha(alpha: Any, name: str = "alpha") -> Array:
    """Check regularisation strengths, as an array of at least one axis.

    Raises
    ------
    TypeError, ValueError
        If they are not numbers, not finite or negative.
    """
    return as_numbers(alpha, name, 0.0)


def check_weights(sample_weight: Any, X: Any) -> Array | None:
    """Check sample weights, as an array of shape (n,), or None.

    Raises
    ------
    ValueError
        If the shape is wrong, a weight is negative or not finite, or all are zero.
    """
    if sample_weight is None:
        return None
    n = X.shape[0]
    if is_on_device(sample_weight):
        sample_weight = to_host(to_device(sample_weight))
    single = getattr(sample_weight, "dtype", None) == np.float32
    if not isinstance(sample_weight, Real):
        check_kind(sample_weight, "sample_weight")
    weights: Array = check_array(
        np.full(n, sample_weight) if isinstance(sample_weight, Real) else sample_weight,
        ensure_2d=False,
        dtype=np.float32 if single else np.float64,
        input_name="sample_weight",
    )
    if weights.shape != (n,):
        raise ValueError(
            f"sample_weight must be a number or have shape ({n},), one weight per sample; "
            f"got shape {weights.shape}"
        )
    if (weights < 0).any():
        raise ValueError(f"sample_weight must not be negative; got {weights.min():g}")
    if not (weights > 0).any():
        raise ValueError("sample_weight is zero for every sample: nothing to fit")
    return weights
