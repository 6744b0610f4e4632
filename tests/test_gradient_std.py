"""Standard deviations of predicted gradients: those of the Gaussian process."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from gradients import DY, RIDGE, T, X, Y, energy, frames
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernelRidge, groups
from symkernel.descriptors import InversePairDistances
from symkernel.exceptions import NotApplicableError
from test_learning_from_gradients import covariances


def deviations(kept, noise, where):
    """Of the derivatives at some samples, of the process that sees `kept` rows of X."""
    cross = covariances(where, X)[len(where) :, kept]
    K = covariances(X, X)[np.ix_(kept, kept)] + np.diag(noise)
    prior = np.diagonal(covariances(where, where))[len(where) :]
    explained = np.einsum("ij,ji->i", cross, np.linalg.solve(K, cross.T))
    return np.sqrt(prior - explained).reshape(where.shape)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("part", [False, True])
def test_equal_to_the_process(weighted, part):
    n, d = X.shape
    y, dy, w = Y.copy(), DY.copy(), np.linspace(0.5, 2.0, n)
    if part:
        y[2:4], dy[5] = np.nan, np.nan
    kept = np.flatnonzero(~np.isnan(np.concatenate([y, dy.ravel()])))
    noise = np.concatenate([np.full(n, 0.1), np.full(n * d, 0.02)])
    if weighted:
        noise /= np.concatenate([w, np.repeat(w, d)])
    model = InvariantKernelRidge(0.1, gradient_alpha=0.02, n_jobs=2, **RIDGE)
    model.fit(X, y, w if weighted else None, gradient=dy)
    np.testing.assert_allclose(model.gradient_std(T), deviations(kept, noise[kept], T), atol=1e-9)


def test_through_a_descriptor():
    """Directions are rows of the Jacobian; far from all samples the prior is left."""
    R = frames(4)
    y, dy = energy(R)
    descriptor = InversePairDistances(5)
    model = InvariantKernelRidge(1e-3, kernel=RBF(2.0), descriptor=descriptor)
    model.fit(R, y, gradient=dy)
    test = frames(2, seed=7)
    found = model.gradient_std(test)
    assert found.shape == test.shape
    plain = InvariantKernelRidge(1e-3, kernel=RBF(2.0), descriptor=descriptor)
    plain.fit(R.reshape(4, 15), y, gradient=dy.reshape(4, 15))
    np.testing.assert_allclose(plain.gradient_std(test.reshape(2, 15)), found.reshape(2, 15))
    far = frames(1, seed=3) * 0.05
    J = descriptor.jacobian(far.reshape(1, 15))[0]
    want = np.linalg.norm(J, axis=0).reshape(far.shape) / 2.0
    np.testing.assert_allclose(model.gradient_std(far), want, rtol=1e-9)
    assert (
        found < 0.2 * np.linalg.norm(descriptor.jacobian(test.reshape(2, 15)), axis=1).max()
    ).all()


def test_columns_and_shapes():
    group = groups.Symmetric(2).on(["a", "b"])
    frame = pd.DataFrame(X[:, :3], columns=list("abc"))
    model = InvariantKernelRidge(1e-2, kernel=RBF(1.5), group=group)
    model.fit(frame, Y, gradient=pd.DataFrame(DY[:, :3], columns=list("abc")))
    want = model.gradient_std(frame)
    np.testing.assert_array_equal(model.gradient_std(frame[["c", "b", "a"]]), want[:, [2, 1, 0]])
    cloud = groups.Symmetric(2).along(0, (2, 2))
    model = InvariantKernelRidge(1e-2, kernel=RBF(1.5), group=cloud)
    A = X.reshape(9, 2, 2)
    assert model.fit(A, Y, gradient=DY.reshape(A.shape)).gradient_std(A[:3]).shape == (3, 2, 2)


def test_refusals():
    with pytest.raises(NotFittedError):
        InvariantKernelRidge(**RIDGE).gradient_std(X)
    with pytest.raises(NotApplicableError, match="fitted with gradient="):
        InvariantKernelRidge(**RIDGE).fit(X, Y).gradient_std(X)
