"""Execute plans: the only importers of the native modules."""
