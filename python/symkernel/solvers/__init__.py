"""Ridge systems and exact leave-one-out errors, from a Gram matrix or from features in blocks."""
