"""Find, enforce and promote continuous symmetry by the Lie derivative."""

from symkernel.lie.algebra import (
    Algebra,
    affine,
    linear,
    lorentz,
    scalings,
    special_euclidean,
    special_orthogonal,
    symplectic,
    translations,
)
from symkernel.lie.dictionary import monomials
from symkernel.lie.discover import discover
from symkernel.lie.dynamics import discover_dynamics
from symkernel.lie.enforce import EnforcedRegressor
from symkernel.lie.equations import discover_equation
from symkernel.lie.fields import polynomial_fields
from symkernel.lie.fourier import fourier
from symkernel.lie.promote import SymmetryPromotingRegressor
from symkernel.lie.tangent_fields import discover_tangent

__all__ = [
    "Algebra",
    "EnforcedRegressor",
    "SymmetryPromotingRegressor",
    "affine",
    "discover",
    "discover_dynamics",
    "discover_equation",
    "discover_tangent",
    "fourier",
    "linear",
    "lorentz",
    "monomials",
    "polynomial_fields",
    "scalings",
    "special_euclidean",
    "special_orthogonal",
    "symplectic",
    "translations",
]
