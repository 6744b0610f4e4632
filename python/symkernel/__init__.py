"""Kernel machines that respect symmetry exactly, at the speed of the hardware.

Say which kernel and which group; the library averages one over the other by the fastest exact
route and hands back an ordinary scikit-learn kernel or estimator.

>>> from sklearn.gaussian_process.kernels import RBF
>>> from symkernel import InvariantKernel, groups
>>> k = InvariantKernel(RBF(1.0), groups.Dihedral(5))
>>> print(k.plan().method)
sum
"""

from importlib.metadata import version

from symkernel import cuda, diagnostics, groups, kernels, lie
from symkernel.estimators import (
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
)
from symkernel.kernels import InvariantKernel

__version__ = version("symkernel")

__all__ = [
    "InvariantKernel",
    "InvariantKernelClassifier",
    "InvariantKernelRidge",
    "InvariantKernelRidgeCV",
    "__version__",
    "cuda",
    "diagnostics",
    "groups",
    "kernels",
    "lie",
]
