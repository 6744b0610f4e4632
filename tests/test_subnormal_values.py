"""Values of kernels below the normal range may be 0; numbers of the caller are left alone."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups

TINY = np.finfo(np.float64).tiny


@pytest.mark.parametrize("length_scale", [0.05, 0.07, 0.1, 0.2])
def test_permanents_of_values_that_underflow(length_scale):
    group = groups.Symmetric(4)
    X = np.random.default_rng(0).standard_normal((6, 4))
    K = InvariantKernel(RBF(length_scale), group, "closed_form")(X)
    for i, j in itertools.product(range(6), repeat=2):
        exponents = [
            -np.square((X[i] - X[j][list(p)]) / length_scale).sum() / 2
            for p in itertools.permutations(range(4))
        ]
        want = math.fsum(map(math.exp, exponents)) / 24
        assert K[i, j] == pytest.approx(want, rel=1e-11, abs=TINY)


def test_arithmetic_of_the_caller_keeps_its_small_numbers():
    X = np.random.default_rng(0).standard_normal((50, 4))
    InvariantKernel(RBF(0.05), groups.Symmetric(4))(X)
    small = np.full(8, TINY)
    assert (small * 0.5 > 0.0).all() and (small * 0.5 * 2.0 == TINY).all()
