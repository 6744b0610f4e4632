"""What a symmetry is worth, before any model is fitted: counts, estimates and learning curves.

Exact numbers of invariant functions, Weyl's estimates of them, effective dimensions, and how many
samples a symmetry saves.

Examples
--------
>>> from symkernel import groups, theory
>>> from symkernel.spectral import Torus
>>> theory.invariant_dimension(Torus(10), groups.SignFlips(10), max_level=3)
176
"""

from symkernel.theory.counts import (
    DimensionCounts,
    dimension_counts,
    invariant_dimension,
    molien_series,
    total_dimension,
)
from symkernel.theory.effective import SampleGain, effective_dimension, sample_gain
from symkernel.theory.learning_curve import LearningCurve, mean_squared_error, standard_models
from symkernel.theory.pictures import plot_dimension_counts
from symkernel.theory.recommended import Recommendation, recommended_level
from symkernel.theory.weyl import Quotient, quotient, volume, weyl_estimate

__all__ = [
    "DimensionCounts",
    "LearningCurve",
    "Quotient",
    "Recommendation",
    "SampleGain",
    "dimension_counts",
    "effective_dimension",
    "invariant_dimension",
    "mean_squared_error",
    "molien_series",
    "plot_dimension_counts",
    "quotient",
    "recommended_level",
    "sample_gain",
    "standard_models",
    "total_dimension",
    "volume",
    "weyl_estimate",
]
