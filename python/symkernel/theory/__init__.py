"""Tell what a symmetry is worth, before any model is fitted: counts, estimates and curves.

Exact numbers of invariant functions, Weyl's estimates of them, effective dimensions, and how many
samples a symmetry saves.

Examples
--------
>>> from symkernel import groups, theory
>>> from symkernel.spectral import Torus
>>> theory.invariant_dimension(Torus(10), groups.SignFlips(10), max_level=3)
176
"""

from symkernel.theory.counts import dimension_counts, invariant_dimension, molien_series
from symkernel.theory.effective import effective_dimension, sample_gain
from symkernel.theory.learning_curve import LearningCurve, standard_models
from symkernel.theory.recommended import recommended_level
from symkernel.theory.weyl import quotient, volume, weyl_estimate

__all__ = [
    "LearningCurve",
    "dimension_counts",
    "effective_dimension",
    "invariant_dimension",
    "molien_series",
    "quotient",
    "recommended_level",
    "sample_gain",
    "standard_models",
    "volume",
    "weyl_estimate",
]
