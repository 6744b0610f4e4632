"""Invariant kernels, and the base kernels that scikit-learn lacks."""

from symkernel.kernels.base import ArcCosine, Laplacian, Polynomial, VonMises
from symkernel.kernels.invariant import InvariantKernel
from symkernel.kernels.methods import Quadrature, Sample
from symkernel.kernels.names import KERNEL_NAMES, base_kernel_from_name
from symkernel.kernels.power_exponential import PowerExponential

__all__ = [
    "KERNEL_NAMES",
    "ArcCosine",
    "InvariantKernel",
    "Laplacian",
    "Polynomial",
    "PowerExponential",
    "Quadrature",
    "Sample",
    "VonMises",
    "base_kernel_from_name",
]
