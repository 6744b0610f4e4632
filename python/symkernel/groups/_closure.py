"""Call the native backend for the closure of groups."""

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
