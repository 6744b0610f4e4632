"""Make invariant kernels, and the base kernels that scikit-learn lacks."""

from symkernel.kernels.base import ArcCosine, Laplacian, Polynomial, VonMises
from symkernel.kernels.equivariant import EquivariantKernel
from symkernel.kernels.invariant import InvariantKernel
from symkernel.kernels.methods import Quadrature, Sample
from symkernel.kernels.power_exponential import PowerExponential
from symkernel.kernels.sets import SetKernel

__all__ = [
    "ArcCosine",
    "EquivariantKernel",
    "InvariantKernel",
    "Laplacian",
    "Polynomial",
    "PowerExponential",
    "Quadrature",
    "Sample",
    "SetKernel",
    "VonMises",
]
