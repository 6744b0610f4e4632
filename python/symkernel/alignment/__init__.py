"""Orbit distances and the elements that attain them, which ``symkernel`` itself exports."""
