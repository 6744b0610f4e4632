"""A program as users write it, which strict mypy passes with no cast and no ignored line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import RBF
from symkernel import (
    Canonicalizer,
    InvariantKernel,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    align,
    diagnostics,
    groups,
    lie,
    orbit_distance,
    theory,
)
from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.kernels import Laplacian, Quadrature
from symkernel.spectral import HeatKernel, InvariantBasis, Sphere

Floats = NDArray[np.float64]


def gram_and_gradient(X: Floats) -> tuple[Floats, Floats, str]:
    k = InvariantKernel(RBF(1.0), groups.Cyclic(X.shape[1]))
    K: Floats = k(X)
    with_gradient = k(X, eval_gradient=True)
    gradient: Floats = with_gradient[1]
    plan = k.plan()
    assert plan.exact
    assert np.allclose(with_gradient[0], K)
    return k(X, X), gradient, plan.method


def base_kernels(X: Floats) -> list[Floats]:
    plain: Floats = Laplacian(0.5)(X)
    value, slope = Laplacian(0.5)(X, eval_gradient=True)
    unit: Floats = X / np.linalg.norm(X, axis=1, keepdims=True)
    heat: Floats = HeatKernel(Sphere(X.shape[1]), 0.3, max_level=3)(unit)
    return [plain, value, slope.sum(axis=2), heat]


def models(X: Floats, y: Floats) -> list[Floats]:
    ridge = InvariantKernelRidge(0.1, group="cyclic").fit(X, y)
    chosen = InvariantKernelRidgeCV([0.1], [0.1], group="cyclic").fit(X, y)
    best: float = chosen.alpha_
    assert best > 0
    least: Floats = Canonicalizer("cyclic").fit(X).transform(X)
    return [ridge.predict(X), chosen.predict(X), least]


def distances(X: Floats) -> tuple[Floats, Floats]:
    group = groups.Symmetric(2).along(0, (2, 2)) * groups.O(2).along(1, (2, 2))
    found = align(X, X[::-1], group=group)
    moved: Floats = found.element[0].apply(X[:1])
    assert moved.shape == (1, X.shape[1])
    return orbit_distance(X, group=group), found.distance


def why_not(X: Floats) -> list[str]:
    reasons = []
    for method in ("sum", "fourier", Quadrature(degree=3)):
        try:
            InvariantKernel(RBF(1.0), groups.SO(X.shape[1]), method=method).plan()
        except GroupTooLargeError as reason:
            reasons.append(f"{reason.order} elements")
        except NotApplicableError as reason:
            reasons.append(str(reason))
    return reasons


def found_symmetry(X: Floats) -> int:
    def squares(X: Floats) -> Floats:
        total: Floats = (X**2).sum(axis=1)
        return total

    found = lie.discover((squares, lambda X: 2 * X), X, lie.linear(X.shape[1]), n_bootstrap=0)
    return found.dimension


def numbers(X: Floats) -> tuple[int, float]:
    basis: Floats = InvariantBasis(Sphere(3), groups.Cyclic(3), max_level=2).fit_transform(
        X[:, :3] / np.linalg.norm(X[:, :3], axis=1, keepdims=True)
    )
    count = theory.invariant_dimension(Sphere(3), groups.Cyclic(3), 2)
    assert basis.shape[1] == count
    report = diagnostics.invariance_report(
        lambda X: X[:, 0], X, group=groups.Cyclic(X.shape[1]), n_bootstrap=2, random_state=0
    )
    return count, report.std


def main() -> list[str]:
    X: Floats = np.random.default_rng(0).normal(size=(40, 4))
    K, gradient, method = gram_and_gradient(X)
    assert gradient.shape == (*K.shape, 1)
    assert all(np.isfinite(values).all() for values in [*base_kernels(X), *models(X, X[:, 0])])
    between, paired = distances(X)
    assert between.shape == K.shape and len(paired) == len(X)
    assert found_symmetry(X) == 6
    assert numbers(X)[0] > 0
    return [method, *why_not(X)]


if __name__ == "__main__":
    print(main())
