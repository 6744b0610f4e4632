"""Fit scikit-learn estimators on invariant kernels, which ``symkernel`` itself exports."""
