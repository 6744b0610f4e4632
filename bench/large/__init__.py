"""Benchmark of many samples, started by ``symkernel bench large`` or this package's name."""
