"""Continuous symmetry by the Lie derivative: find it, enforce it, promote it."""

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
from symkernel.lie.closure import Closure, closure_of
from symkernel.lie.dictionary import Dictionary, Monomials, monomials
from symkernel.lie.discover import discover
from symkernel.lie.discovery import Discovery
from symkernel.lie.dynamics import discover_dynamics
from symkernel.lie.enforce import EnforcedRegressor, invariant_ridge
from symkernel.lie.equations import discover_equation
from symkernel.lie.fields import DictionaryFields, Fields, polynomial_fields
from symkernel.lie.fourier import Fourier, fourier
from symkernel.lie.models import DictionaryFunction, Differentiable, GradientError
from symkernel.lie.operator import (
    LieOperator,
    coefficient_operator,
    dictionary_operator,
    finite_rows,
)
from symkernel.lie.promote import SymmetryPromotingRegressor
from symkernel.lie.tangent_fields import discover_tangent

__all__ = [
    "Algebra",
    "Closure",
    "Dictionary",
    "DictionaryFields",
    "DictionaryFunction",
    "Differentiable",
    "Discovery",
    "EnforcedRegressor",
    "Fields",
    "Fourier",
    "GradientError",
    "LieOperator",
    "Monomials",
    "SymmetryPromotingRegressor",
    "affine",
    "closure_of",
    "coefficient_operator",
    "dictionary_operator",
    "discover",
    "discover_dynamics",
    "discover_equation",
    "discover_tangent",
    "finite_rows",
    "fourier",
    "invariant_ridge",
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
