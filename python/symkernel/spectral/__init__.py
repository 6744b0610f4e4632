"""Evaluate eigenfunctions of manifolds, and those that a group leaves as they are.

A manifold lists its levels, which are whole eigenspaces of its Laplacian, and an orthonormal basis
of each. ``InvariantBasis`` finds the invariant functions of each level from the generators of a
group, and evaluates them.

Examples
--------
>>> from symkernel import groups
>>> from symkernel.spectral import InvariantBasis, Torus
>>> InvariantBasis(Torus(10), groups.SignFlips(10), max_level=5).dimensions.cumsum()
array([  1,  11,  56, 176, 396, 738])
"""

from symkernel.spectral.basis import InvariantBasis
from symkernel.spectral.classifier import SpectralClassifier
from symkernel.spectral.kernels import HeatKernel, SobolevKernel
from symkernel.spectral.lattice_torus import LatticeTorus
from symkernel.spectral.manifold import Manifold
from symkernel.spectral.polynomial_kernel import PolynomialKernel
from symkernel.spectral.polynomials import Polynomials
from symkernel.spectral.product import Product
from symkernel.spectral.regressor import SpectralRegressor
from symkernel.spectral.rotations import SO3
from symkernel.spectral.sphere import Sphere
from symkernel.spectral.symmetric_polynomials import SymmetricPolynomials
from symkernel.spectral.to_manifold import Stereographic, ToSphere, ToTorus
from symkernel.spectral.torus import Torus

__all__ = [
    "SO3",
    "HeatKernel",
    "InvariantBasis",
    "LatticeTorus",
    "Manifold",
    "PolynomialKernel",
    "Polynomials",
    "Product",
    "SobolevKernel",
    "SpectralClassifier",
    "SpectralRegressor",
    "Sphere",
    "Stereographic",
    "SymmetricPolynomials",
    "ToSphere",
    "ToTorus",
    "Torus",
]
