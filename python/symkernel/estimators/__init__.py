"""scikit-learn estimators on invariant kernels."""

from symkernel.estimators.canonicalizer import Canonicalizer
from symkernel.estimators.classifier import InvariantKernelClassifier
from symkernel.estimators.max_filter import MaxFilter
from symkernel.estimators.ridge import InvariantKernelRidge
from symkernel.estimators.ridge_cv import GridEdgeWarning, InvariantKernelRidgeCV

__all__ = [
    "Canonicalizer",
    "GridEdgeWarning",
    "InvariantKernelClassifier",
    "InvariantKernelRidge",
    "InvariantKernelRidgeCV",
    "MaxFilter",
]
