"""Fit kernel machines that respect symmetry exactly, at the speed of the hardware.

Say which kernel and which group; the library averages one over the other by the fastest exact
route and hands back an ordinary scikit-learn kernel or estimator.

>>> from sklearn.gaussian_process.kernels import RBF
>>> from symkernel import InvariantKernel, groups
>>> k = InvariantKernel(RBF(1.0), groups.Dihedral(5))
>>> print(k.plan().method)
sum
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from symkernel import cuda, exceptions, groups, kernels
from symkernel.alignment.functions import align, orbit_distance
from symkernel.estimators.canonicalizer import Canonicalizer
from symkernel.estimators.classifier import InvariantKernelClassifier
from symkernel.estimators.equivariant import EquivariantKernelRidge
from symkernel.estimators.equivariant_cv import EquivariantKernelRidgeCV
from symkernel.estimators.group_scaler import GroupScaler
from symkernel.estimators.lengths import suggest_length_scale
from symkernel.estimators.max_filter import MaxFilter
from symkernel.estimators.nystroem import InvariantNystroem
from symkernel.estimators.ridge import InvariantKernelRidge
from symkernel.estimators.ridge_cv import InvariantKernelRidgeCV
from symkernel.kernels import InvariantKernel
from symkernel.kernels.chain import ChainKernel
from symkernel.kernels.ragged import Ragged
from symkernel.kernels.soft import SoftInvariantKernel

if TYPE_CHECKING:
    from symkernel import descriptors, diagnostics, lie, molecules, spectral, theory

__version__ = version("symkernel")

__all__ = [
    "Canonicalizer",
    "ChainKernel",
    "EquivariantKernelRidge",
    "EquivariantKernelRidgeCV",
    "GroupScaler",
    "InvariantKernel",
    "InvariantKernelClassifier",
    "InvariantKernelRidge",
    "InvariantKernelRidgeCV",
    "InvariantNystroem",
    "MaxFilter",
    "Ragged",
    "SoftInvariantKernel",
    "__version__",
    "align",
    "cuda",
    "descriptors",
    "diagnostics",
    "exceptions",
    "groups",
    "kernels",
    "lie",
    "molecules",
    "orbit_distance",
    "spectral",
    "suggest_length_scale",
    "theory",
]

# Subpackages that most programs do without are imported when they are first named.
_ON_DEMAND = ("descriptors", "diagnostics", "lie", "molecules", "spectral", "theory")


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        return import_module(f"symkernel.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
