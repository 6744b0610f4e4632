"""scikit-learn estimators on invariant kernels."""

from symkernel.estimators.canonicalizer import Canonicalizer
from symkernel.estimators.classifier import InvariantKernelClassifier
from symkernel.estimators.group_scaler import GroupScaler
from symkernel.estimators.lengths import suggest_length_scale
from symkernel.estimators.max_filter import MaxFilter
from symkernel.estimators.ridge import InvariantKernelRidge
from symkernel.estimators.ridge_cv import GridEdgeWarning, InvariantKernelRidgeCV

__all__ = [
    "Canonicalizer",
    "GridEdgeWarning",
    "GroupScaler",
    "InvariantKernelClassifier",
    "InvariantKernelRidge",
    "InvariantKernelRidgeCV",
    "MaxFilter",
    "suggest_length_scale",
]
