"""Solve ridge systems, with exact leave-one-out errors, from a Gram matrix or from features."""
