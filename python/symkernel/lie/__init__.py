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
from symkernel.lie.dictionary import Dictionary, Fourier, Monomials, fourier, monomials
from symkernel.lie.enforce import EnforcedRegressor, invariant_ridge
from symkernel.lie.fields import DictionaryFields, Fields, polynomial_fields
from symkernel.lie.operator import (
    LieOperator,
    coefficient_operator,
    dictionary_operator,
    finite_rows,
)
from symkernel.lie.promote import SymmetryPromotingRegressor

__all__ = [
    "Algebra",
    "Dictionary",
    "DictionaryFields",
    "EnforcedRegressor",
    "Fields",
    "Fourier",
    "LieOperator",
    "Monomials",
    "SymmetryPromotingRegressor",
    "affine",
    "coefficient_operator",
    "dictionary_operator",
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
