"""Describe samples by features with a known Jacobian, so that models learn from gradients.

A descriptor is any object with ``value(X)``, the features (n, p) of samples (n, d), and
``jacobian(X)``, their derivatives (n, p, d). ``InvariantKernelRidge(descriptor=...)`` takes one:
its group then acts on the features, and the estimator applies the chain rule.
"""

from symkernel.descriptors.pair_distances import InversePairDistances, PairDistances

__all__ = ["InversePairDistances", "PairDistances"]
