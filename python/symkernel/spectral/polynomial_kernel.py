"""Compute the polynomial kernel as a sum over invariant polynomials."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import Group
from symkernel.kernels import Polynomial
from symkernel.spectral.basis import kept_basis
from symkernel.spectral.kernels import _evaluate
from symkernel.spectral.plan import SpectralPlan, SpectrumPart
from symkernel.spectral.polynomials import Polynomials
from symkernel.spectral.symmetric_polynomials import (
    kernel_weights,
    monomial_symmetric,
    partitions,
)

__all__ = ["PolynomialKernel"]

Array = NDArray[np.float64]


class PolynomialKernel(Polynomial):
    """Polynomial kernel ``(gamma x.y + coef0)^degree``, averaged by way of invariant polynomials.

    ``InvariantKernel(PolynomialKernel(...), group)`` is exact for every linear group, of any order.
    For all permutations of the features it is diagonal in monomial symmetric functions, and its
    cost depends on the number of features as little as that of the plain kernel.

    Parameters
    ----------
    degree, gamma, coef0, gamma_bounds, coef0_bounds
        As for ``symkernel.kernels.Polynomial``.

    Raises
    ------
    ValueError
        On call, for a degree that is not a non-negative integer, gamma <= 0 or coef0 < 0.

    Notes
    -----
    For D invariant polynomials up to the degree: their values at n samples, and n m D
    multiply-adds. Source: Diaz et al., arXiv 2502.01886; see ``SymmetricPolynomials``.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import InvariantKernel, groups
    >>> from symkernel.spectral import PolynomialKernel
    >>> k = InvariantKernel(PolynomialKernel(4), groups.Symmetric(100))
    >>> print(k.plan())
    12 monomial symmetric functions to degree 4 -> product of features
    method='spectral', exact up to rounding, 12 multiply-adds + 0 kernel maps per pair
    >>> X = np.random.default_rng(0).normal(size=(3, 100))
    >>> bool(np.allclose(k(X, X[:, ::-1]), k(X)))
    True
    """

    def spectral_plan(self, group: Group) -> SpectralPlan:
        """Tell how the average over a group is computed; what ``InvariantKernel`` asks for.

        Parameters
        ----------
        group : Group
            Linear, on the features.

        Returns
        -------
        SpectralPlan
            An exact one.
        """
        self._spec(group)  # checks parameters
        degree = int(self.degree)
        manifold = Polynomials(group.degree)
        if group.role.sorts and len(group.role.blocks) == 1:
            part = self._by_partitions(group.degree, degree)
            what = f"{part.width} monomial symmetric functions to degree {degree}"
        else:
            basis = kept_basis(self, manifold, group, degree)
            subspaces = [subspace for subspace in basis._solve() if subspace.dimension]
            degrees = [int(s.level) for s in subspaces for _ in range(s.dimension)]
            part = self._part(partial(_evaluate, manifold, subspaces), degrees)
            what = f"{part.width} polynomials to degree {degree} that {group!r} leaves as they are"
        return SpectralPlan([part], 0.0, (what, "product of features"), manifold.check_points)

    def _by_partitions(self, n: int, degree: int) -> SpectrumPart:
        roots = np.sqrt(kernel_weights(n, degree))
        used = np.flatnonzero(roots)
        degrees = [sum(p) for p in partitions(degree)]
        return self._part(
            partial(_symmetric, degree, used, roots[used]), [degrees[k] for k in used]
        )

    # (gamma z + coef0)^p = sum_j C(p, j) gamma^j coef0^(p - j) z^j
    def _part(self, values: partial[Array], degrees: list[int]) -> SpectrumPart:
        p, j = int(self.degree), np.array(degrees)
        binomials = np.array([float(math.comb(p, k)) for k in degrees])
        with np.errstate(under="ignore"):
            weights = binomials * np.float64(self.gamma) ** j * np.float64(self.coef0) ** (p - j)
        slopes = np.stack([(p - j) * weights, j * weights])  # for log coef0 and log gamma
        return SpectrumPart(values, len(degrees), weights, slopes)


def _symmetric(
    degree: int, used: NDArray[np.intp], roots: Array, X: Array, n_jobs: int | None
) -> Array:
    return np.asarray(monomial_symmetric(X, degree)[:, used] * roots)
