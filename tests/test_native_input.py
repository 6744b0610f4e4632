"""What the native module refuses, where unchecked values would be read out of bounds."""

from __future__ import annotations

import numpy as np
import pytest
from symkernel.backends.cpu import _cpu


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["x", "y", "matrices"])
@pytest.mark.parametrize("paired", [False, True])
def test_matching_needs_finite_numbers(value, where, paired):
    given = {"x": np.ones((2, 5, 3)), "y": np.ones((2, 5, 3)), "matrices": np.eye(3)[None].copy()}
    given[where].flat[1] = value
    with pytest.raises(ValueError, match="x, y and matrices must be finite"):
        _cpu.match_points(given["x"], given["y"], [5], given["matrices"], paired=paired)


@pytest.mark.parametrize("members", [[0, 0, 1], [2, 1, 1], [0, 1, 3], [-1, 0, 1]])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_members_of_frames_are_a_permutation(members, dtype):
    clouds = np.random.default_rng(0).standard_normal((2, 3, 2)).astype(dtype)
    with pytest.raises(ValueError, match="members must be a permutation of the points"):
        _cpu.permuted_frames(
            clouds,
            np.ones(3),
            np.array(members, dtype=np.int32),
            np.zeros(3, dtype=np.int32),
            True,
            False,
            1e-6,
            1e-12,
            1e-9,
            1e-12,
        )
