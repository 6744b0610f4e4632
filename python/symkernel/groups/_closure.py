"""The one door from groups to the native backend."""

from symkernel.backends.closure import (
    OrderedChain,
    PermutationChain,
    close_matrices,
    ordered_chain,
    permutation_chain,
)

__all__ = [
    "OrderedChain",
    "PermutationChain",
    "close_matrices",
    "ordered_chain",
    "permutation_chain",
]
