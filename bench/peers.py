"""The same averages by other means.

The NumPy loop is here twice: as everyone writes it, and with every trick that is left in NumPy.

An orbit is a list of ``(indices, signs)``, one signed permutation an element:
``(g.x)[i] = signs[i] * x[indices[i]]``, with signs None for all +1. The cases write them with
plain NumPy, so the answers test the library's groups too.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from . import plain

Array: TypeAlias = npt.NDArray[Any]
Orbit: TypeAlias = Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int8] | None]]

GRAM_PEERS = ("numpy", "numpy-tuned", "scikit-learn", "torch")
PROGRAM_PEERS = ("numpy + scikit-learn", "augmented", "invariantkernels + gpytorch")
_MODULES = {
    "torch": "torch",
    "invariantkernels + gpytorch": "invariantkernels",
    "thewalrus": "thewalrus",
    "sympy": "sympy",
    "cvxpy + SCS": "cvxpy",
}


def installed(peer: str) -> bool:
    """Whether what a peer needs is installed."""
    if peer == "plain C++":
        return plain.compiler() is not None
    module = _MODULES.get(peer)
    return module is None or importlib.util.find_spec(module) is not None


def move(X: Array, indices: Array, signs: Array | None) -> Array:
    """g.x for every row x."""
    moved = X[:, indices]
    return moved if signs is None else moved * signs.astype(X.dtype)


def _factors(X: Array, Y: Array, gamma: float) -> tuple[Array, Array]:
    """Return A (n, d+2) and B (d+2, m) with A @ B = -gamma |x - y|^2.

    The norms ride along in the matrix product, which spares a pass over the Gram matrix for
    every element. Y is transposed, so that an element moves whole rows.
    """
    d = X.shape[1]
    A = np.empty((len(X), d + 2), dtype=X.dtype)
    A[:, :d] = 2 * gamma * X
    A[:, d] = -gamma * np.einsum("ij,ij->i", X, X)
    A[:, d + 1] = 1
    B = np.empty((d + 2, len(Y)), dtype=Y.dtype)
    B[:d] = Y.T
    B[d] = 1
    B[d + 1] = -gamma * np.einsum("ij,ij->i", Y, Y)
    return A, B


def numpy_gram(X: Array, Y: Array | None, orbit: Orbit, gamma: float) -> Array:
    """Loop over the group as it is usually written: BLAS products, norms computed once."""
    Y = X if Y is None else Y
    xx = np.einsum("ij,ij->i", X, X)[:, None]
    yy = np.einsum("ij,ij->i", Y, Y)[None, :]
    K = np.zeros((len(X), len(Y)), dtype=X.dtype)
    for indices, signs in orbit:
        K += np.exp(-gamma * (xx + yy - 2 * X @ move(Y, indices, signs).T))
    return K / len(orbit)


def tuned_gram(X: Array, Y: Array | None, orbit: Orbit, gamma: float) -> Array:
    """Loop over the group with nothing left to save in NumPy.

    The product gives the exponent itself, exp and the sum run in place: two passes over the
    Gram matrix an element, and no temporary array.
    """
    Y = X if Y is None else Y
    d = X.shape[1]
    A, B = _factors(X, Y, gamma)
    moved = B.copy()
    term = np.empty((len(X), len(Y)), dtype=X.dtype)
    K = np.zeros_like(term)
    for indices, signs in orbit:
        np.take(B[:d], indices, axis=0, out=moved[:d], mode="clip")  # clip: no buffered copy
        if signs is not None:
            moved[:d] *= signs[:, None]
        np.matmul(A, moved, out=term)
        np.exp(term, out=term)
        K += term
    K /= len(orbit)
    return K


def sklearn_gram(X: Array, Y: Array | None, orbit: Orbit, gamma: float) -> Array:
    """Sum scikit-learn's rbf_kernel over the group."""
    Y = X if Y is None else Y
    K = np.zeros((len(X), len(Y)), dtype=X.dtype)
    for indices, signs in orbit:
        K += rbf_kernel(X, move(Y, indices, signs), gamma=gamma)
    K /= len(orbit)
    return K


def torch_gram(X: Array, Y: Array | None, orbit: Orbit, gamma: float) -> Array:
    """Run the tuned loop on tensors: PyTorch threads exp and the sum as well."""
    import torch

    Y = X if Y is None else Y
    d = X.shape[1]
    A, B = map(torch.from_numpy, _factors(X, Y, gamma))
    moved = B.clone()
    term = torch.empty((len(X), len(Y)), dtype=A.dtype)
    K = torch.zeros_like(term)
    with torch.inference_mode():
        for indices, signs in orbit:
            torch.index_select(B[:d], 0, torch.from_numpy(indices), out=moved[:d])
            if signs is not None:
                moved[:d] *= torch.from_numpy(signs)[:, None]
            torch.mm(A, moved, out=term)
            K += term.exp_()
        K /= len(orbit)
    result: Array = K.numpy()
    return result


GramPeer: TypeAlias = Callable[[Array, "Array | None", Orbit, float], Array]


def gram_peer(name: str) -> GramPeer:
    """Return a peer that computes Gram matrices, by name."""
    return {
        "numpy": numpy_gram,
        "numpy-tuned": tuned_gram,
        "scikit-learn": sklearn_gram,
        "torch": torch_gram,
    }[name]


def numpy_ridge(
    X: Array, y: Array, X_test: Array, orbit: Orbit, gamma: float, alpha: float
) -> Array:
    """Gram matrices by the tuned NumPy loop, then scikit-learn's ridge regression on them."""
    model = KernelRidge(kernel="precomputed", alpha=alpha)
    model.fit(tuned_gram(X, None, orbit, gamma), y)
    predictions: Array = model.predict(tuned_gram(X_test, X, orbit, gamma))
    return predictions


def augmented_ridge(
    X: Array, y: Array, X_test: Array, orbit: Orbit, gamma: float, alpha: float
) -> Array:
    """Train a plain ridge regression on every version of every sample.

    Equal to the invariant regression when alpha is multiplied by the order of the group.
    """
    model = KernelRidge(kernel="rbf", gamma=gamma, alpha=alpha * len(orbit))
    model.fit(np.concatenate([move(X, *g) for g in orbit]), np.tile(y, len(orbit)))
    predictions: Array = model.predict(X_test)
    return predictions


@cache
def _gaussian_process() -> Any:
    """Return an exact GPyTorch model with invariantkernels' kernel, as a class."""
    import gpytorch
    import torch
    from invariantkernels import InvariantKernel

    class GaussianProcess(gpytorch.models.ExactGP):  # type: ignore[misc]
        def __init__(self, X: Any, y: Any, orbit: Orbit, gamma: float, alpha: float) -> None:
            likelihood = gpytorch.likelihoods.GaussianLikelihood().double()
            likelihood.noise = alpha
            super().__init__(X, y, likelihood)
            self.mean_module = gpytorch.means.ZeroMean()
            base = gpytorch.kernels.RBFKernel().double()
            base.lengthscale = (2 * gamma) ** -0.5
            indices = torch.from_numpy(np.stack([i for i, _ in orbit]))
            signs = torch.from_numpy(
                np.stack([np.ones(len(i), np.int8) if s is None else s for i, s in orbit])
            ).double()
            plain = all(s is None for _, s in orbit)

            def transformations(x: Any) -> Any:
                """Take x of shape (n, d) to its orbit, of shape (G, n, d)."""
                moved = x[..., indices].movedim(-2, -3)
                return moved if plain else moved * signs[:, None, :]

            self.covar_module = InvariantKernel(base, transformations, is_isotropic=True)

        def forward(self, x: Any) -> Any:
            return gpytorch.distributions.MultivariateNormal(
                self.mean_module(x), self.covar_module(x)
            )

    return GaussianProcess


def gpytorch_ridge(
    X: Array, y: Array, X_test: Array, orbit: Orbit, gamma: float, alpha: float
) -> Array:
    """Posterior mean of an exact Gaussian process: ridge regression with alpha as the noise."""
    import gpytorch
    import torch

    model = _gaussian_process()(torch.from_numpy(X), torch.from_numpy(y), orbit, gamma, alpha)
    model.eval()
    with (
        torch.no_grad(),
        gpytorch.settings.skip_posterior_variances(),
        # Cholesky at every size: above 800 samples the default is conjugate gradients, whose
        # answer would differ.
        gpytorch.settings.max_cholesky_size(10**6),
    ):
        mean: Array = model(torch.from_numpy(X_test)).mean.numpy()
    return mean


RidgePeer: TypeAlias = Callable[[Array, Array, Array, Orbit, float, float], Array]


def ridge_peer(name: str) -> RidgePeer:
    """Return a peer that fits and predicts, by name."""
    return {
        "numpy + scikit-learn": numpy_ridge,
        "augmented": augmented_ridge,
        "invariantkernels + gpytorch": gpytorch_ridge,
    }[name]
