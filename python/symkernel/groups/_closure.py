"""The one door from groups to the native backend."""

from symkernel.backends.closure import PermutationChain, close_matrices, permutation_chain

__all__ = ["PermutationChain", "close_matrices", "permutation_chain"]
