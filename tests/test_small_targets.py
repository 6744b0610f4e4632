"""Targets of few bits are fitted as the same numbers in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from symkernel import InvariantKernelRidge, InvariantKernelRidgeCV

X = np.random.default_rng(0).normal(size=(20, 4))
Y = np.arange(20) % 3 == 0  # no mean of 0 or 1


@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int16, np.float16])
@pytest.mark.parametrize(
    "model",
    [
        InvariantKernelRidge(0.1, group="cyclic"),
        InvariantKernelRidgeCV([0.1, 1.0], [0.1, 0.2], group="cyclic"),
    ],
    ids=["ridge", "ridge_cv"],
)
def test_targets_of_few_bits(model, dtype):
    plain = model.fit(X, Y.astype(float)).predict(X)
    np.testing.assert_allclose(model.fit(X, Y.astype(dtype)).predict(X), plain, rtol=1e-13)
