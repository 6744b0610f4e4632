"""Tell how sure a fit with gradients is of the gradients that it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from symkernel.estimators import _described as described
from symkernel.estimators._gradients import FittedJointly, GradientRegressor
from symkernel.estimators._regression import KernelRegressor
from symkernel.exceptions import NotApplicableError

Array = NDArray[Any]

# Numbers of covariances held at once.
_BLOCK_ENTRIES = 2**24


class GradientStd(GradientRegressor):
    """Mixin of regressors that know the standard deviations of gradients."""

    def gradient_std(self, X: Any) -> Array:
        r"""Return standard deviations of the gradients that ``predict`` returns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples, ...) as in fit
            Samples.

        Returns
        -------
        ndarray of the shape of X
            Of the derivative along each feature, of the Gaussian process whose mean ``predict``
            returns, without noise. In the units of the kernel, as those of values.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit.
        NotApplicableError
            If the model was fitted without gradients.

        Notes
        -----
        With the joint matrix K, directions e of derivatives and their covariances k with all N
        observations, :math:`e^T \nabla\nabla' K e - k^T S (S K S + \alpha I)^{-1} S k`. The factor
        is the one of ``predict(X, return_std=True)``; a derivative costs N^2 / 2 multiply-adds.

        Examples
        --------
        >>> import numpy as np
        >>> from symkernel import InvariantKernelRidge
        >>> X = np.random.default_rng(1).normal(size=(6, 2))
        >>> model = InvariantKernelRidge(1e-8, group="symmetric", gamma=0.05)
        >>> model = model.fit(X, np.sin(X).sum(axis=1), gradient=np.cos(X))
        >>> near, far = model.gradient_std([X[0], [30.0, -40.0]]).max(axis=1)
        >>> bool(near < 1e-3 < 0.1 < far)
        True
        """
        check_is_fitted(self)
        fitted = self._fitted
        if not isinstance(fitted, FittedJointly):
            raise NotApplicableError(
                "gradient_std needs a model that was fitted with gradient=; this one learnt from "
                "values alone"
            )
        rows = self._check_samples(fitted.spec, X)
        n, p = rows.shape
        if self._descriptor is None:
            directions = np.broadcast_to(np.eye(p), (n, p, p))
        else:
            inputs = described.check_inputs(self, X, reset=False)
            J = described.jacobian(self._descriptor, inputs, p)
            directions = J.astype(np.float64).transpose(0, 2, 1)
        system = fitted.system
        d, count = directions.shape[1], len(system.observed)
        factor, _ = self._explaining(n * d)
        found = np.empty((n, d))
        step = max(1, _BLOCK_ENTRIES // max(1, d * count))
        for i in range(0, n, step):
            at = slice(i, i + step)
            prior, cross = system.joint.along(
                rows[at], directions[at], system.observed, self.n_jobs
            )
            explained = factor.explained(cross.reshape(-1, count))[:, 0]
            found[at] = np.sqrt(np.maximum(prior - explained.reshape(prior.shape), 0.0))
        return np.asarray(KernelRegressor._back(self, X, found))
