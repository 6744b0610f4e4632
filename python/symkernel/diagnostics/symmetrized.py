"""Make a model invariant after training, by averaging its predictions over orbits."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    RegressorMixin,
    clone,
    is_classifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from symkernel.diagnostics._wrapping import (
    Frame,
    as_given,
    checked_samples,
    draw_seed,
    kept_state,
    wrapped_tags,
)
from symkernel.diagnostics.orbit_grid import OrbitGrid, orbit_grid
from symkernel.diagnostics.orbit_values import BATCH, OrbitValues, Output, as_samples
from symkernel.groups import Group
from symkernel.groups.registry import bind, names_of
from symkernel.validation import RandomState, as_generator

__all__ = ["Symmetrized"]

Array = NDArray[Any]


class Symmetrized(MetaEstimatorMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""Average the predictions of a model over a group.

    ``f_G(x) = sum_k w_k g_k^-1 f(g_k x)``: invariant for a whole finite group, and for a rotation
    rule up to its degree; for outputs that turn, such as forces, equivariant.

    Parameters
    ----------
    estimator : object with predict, or callable
        A model. A fitted one (or a callable) can be used at once; ``fit`` fits a clone.
    group : Group or str
        Group without translations, or the name of one.
    grid : str, int or OrbitGrid, default=None
        Elements to average over; see ``orbit_grid``.
    n_random : int, default=None
        Average over so many random elements: of the whole group, or, with ``control``, for the
        correction only.
    redraw : bool, default=False
        Draw random elements anew in every call of ``predict``: unbiased on average, as wanted in
        molecular dynamics. Otherwise they are the same in all calls.
    control : object with predict, or callable, default=None
        A cheap model, fitted, close to the estimator. It is averaged over the whole grid, and
        only the difference of the two over ``n_random`` elements: a control variate.
    output : None, "same", "vector" or callable, default=None
        How predictions turn with the samples; see ``invariance_report``.
    batch_size : int, default=8192
        Rows per call of the model.
    random_state : int, numpy Generator, numpy RandomState or None, default=None
        Source of random elements.
    progress : bool, default=False
        Whether to show a progress bar in ``predict``.

    Attributes
    ----------
    estimator_ : object
        The fitted clone, after ``fit``.

    Notes
    -----
    Averaging predictions differs from training an invariant kernel machine, which is the better
    estimator where it can be had. The mean over m random elements of a finite group is within
    ``sqrt(8/(3m) log(2|G|/delta))`` times the norm of f of the whole average with probability
    1 - delta (Tahmasebi & Weber; matrix Bernstein inequality): see ``bound``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.kernel_ridge import KernelRidge
    >>> from symkernel import diagnostics, groups
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 3))
    >>> model = KernelRidge(kernel="rbf", alpha=1e-3).fit(X, (X**2).sum(axis=1))
    >>> fixed = diagnostics.Symmetrized(model, groups.O(3), grid="3i")
    >>> mean, std = fixed.predict(X[:2], return_std=True)
    >>> mean.shape, bool((std > 0).all())
    ((2,), True)
    """

    def __init__(
        self,
        estimator: Any,
        group: Group | str,
        grid: str | int | OrbitGrid | None = None,
        *,
        n_random: int | None = None,
        redraw: bool = False,
        control: Any = None,
        output: Output = None,
        batch_size: int = BATCH,
        random_state: RandomState = None,
        progress: bool = False,
    ) -> None:
        self.estimator = estimator
        self.group = group
        self.grid = grid
        self.n_random = n_random
        self.redraw = redraw
        self.control = control
        self.output = output
        self.batch_size = batch_size
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> Self:
        """Fit a clone of the estimator.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_targets)
        **fit_params
            Passed on to the estimator.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If the estimator is a classifier.
        """
        self._refuse_classifier()
        samples = checked_samples(self, X, reset=True)
        draw_seed(self)
        self._frame = Frame.of(X)
        given = as_given(self._frame, samples)
        self.estimator_ = clone(self.estimator).fit(given, y, **fit_params)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Predict averages over orbits, and their standard deviation over the elements if asked.

        Parameters
        ----------
        X : array-like of shape (n, n_features) or (n, *group.shape)
        return_std : bool, default=False

        Returns
        -------
        mean : ndarray of shape (n, ...)
        std : ndarray of shape (n, ...)
            Of the predictions (with ``control``, of the correction) over the elements; only if
            ``return_std``.

        Raises
        ------
        NotFittedError
            If the estimator has not been fitted.
        ValueError
            If X or the predictions do not fit the group.
        """
        model = self._model()
        if self.redraw and self.n_random is None:
            raise ValueError("redraw=True needs n_random: how many elements are drawn in each call")
        names = names_of(X)
        frame = getattr(self, "_frame", Frame.of(X))  # of fit, or the model was fitted before
        X = checked_samples(self, X, reset=False)
        group = self._group(X, names)
        if self.control is None:
            if self.grid is not None and self.n_random is not None:
                raise ValueError("pass either grid or n_random, not both, unless with control")
            mean, std = self._average(model, X, frame, self._elements(group, self.n_random))
            return (mean, std) if return_std else mean
        if self.n_random is None:
            raise ValueError(
                "control needs n_random: how many elements the correction is averaged over"
            )

        def correction(samples: Array) -> Array:
            difference: Array = np.subtract(
                _predict(model, samples), _predict(self.control, samples)
            )
            return difference

        base, _ = self._average(self.control, X, frame, self._elements(group, None))
        rest, std = self._average(correction, X, frame, self._elements(group, self.n_random))
        mean = base + rest
        return (mean, std) if return_std else mean

    def cost(self, n_features: int | None = None) -> int:
        """Return the number of predictions of the model per sample.

        Parameters
        ----------
        n_features : int, optional
            Needed only for a group given by name.

        Returns
        -------
        int
        """
        if self.n_random is not None:
            return int(self.n_random)
        group = self.group
        if not isinstance(group, Group):
            if n_features is None:
                what = "is a name" if isinstance(group, str) else "is bound to samples"
                raise ValueError(f"group={group!r} {what}: cost(n_features) needs a number")
            group = bind(group, n_features, getattr(self, "feature_names_in_", None))
        return len(self._elements(group, None))

    def bound(self, confidence: float = 0.95) -> float:
        """Bound the relative error of averaging over random elements of a finite group.

        Parameters
        ----------
        confidence : float, default=0.95
            Probability with which the bound holds.

        Returns
        -------
        float
            ``sqrt(8/(3m) log(2|G|/(1-confidence)))`` for m random elements, relative to the norm
            of the model; 0 where the whole group is averaged over.

        Raises
        ------
        ValueError
            For an infinite group, or one given by name.
        """
        if not 0.0 < confidence < 1.0:
            raise ValueError(f"confidence must lie in (0, 1), got {confidence!r}")
        if not isinstance(self.group, Group) or not self.group.is_finite:
            raise ValueError(f"the bound is for a finite Group, not for {self.group!r}")
        if self.n_random is None:
            return 0.0
        log_order = math.log(2.0) + math.log(self.group.order) - math.log(1.0 - confidence)
        return math.sqrt(8.0 / (3.0 * self.n_random) * log_order)

    def _refuse_classifier(self) -> None:
        if isinstance(self.estimator, BaseEstimator) and is_classifier(self.estimator):
            raise TypeError(
                f"{type(self.estimator).__name__} predicts labels, whose average means nothing: "
                "use SymmetrizedClassifier, which averages probabilities"
            )

    def _model(self) -> Any:
        self._refuse_classifier()
        if hasattr(self, "estimator_"):
            return self.estimator_
        if isinstance(self.estimator, BaseEstimator):
            try:
                check_is_fitted(self.estimator)
            except NotFittedError:
                raise NotFittedError(
                    f"{type(self.estimator).__name__} is not fitted: fit it, or call fit here"
                ) from None
        return self.estimator

    def _group(self, X: Any, names: list[str] | None) -> Group:
        known = getattr(self, "feature_names_in_", None) if names is None else names
        return bind(self.group, int(np.prod(np.shape(X)[1:])), known)

    def _elements(self, group: Group, n_random: int | None) -> OrbitGrid:
        if n_random is None:
            if isinstance(self.grid, OrbitGrid):
                return self.grid
            return orbit_grid(group, self.grid, random_state=kept_state(self))
        rng: RandomState = kept_state(self)
        if self.redraw:
            if not hasattr(self, "_rng"):
                self._rng = as_generator(kept_state(self))
            rng = self._rng
        return orbit_grid(group, n_random=n_random, random_state=rng)

    def _average(
        self, model: Any, X: Any, frame: Frame | None, grid: OrbitGrid
    ) -> tuple[Array, Array]:
        samples, shape = as_samples(X, grid)
        values = OrbitValues(model, grid, shape, self.output, self.batch_size, frame)
        return values.averages(samples, self.progress)

    def __sklearn_tags__(self) -> Tags:
        """Tags of scikit-learn; the number of targets is that of the estimator inside."""
        return wrapped_tags(super().__sklearn_tags__(), self.estimator)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a model to predict with."""
        try:
            self._model()
        except NotFittedError:
            return False
        return True


def _predict(model: Any, samples: Array) -> Any:
    return model.predict(samples) if hasattr(model, "predict") else model(samples)
