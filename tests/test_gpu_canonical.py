"""Canonical forms on the GPU, or on the emulated device, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from symkernel.backends import cuda_canonical
from test_gpu import REASON

cp = pytest.importorskip("cupy") if not REASON else None
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(REASON), reason=REASON or "-")]


def samples(n, d, dtype, values, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.integers(-values, values + 1, (n, d)).astype(dtype)
    return np.where((X == 0) & (rng.random(X.shape) < 0.5), -X, X)  # zeros of both signs


def first_signs(P):
    """Signs of the first numbers of points (..., channels) that are not zero."""
    nonzero = P != 0
    first = np.take_along_axis(P, nonzero.argmax(axis=-1)[..., None], axis=-1)[..., 0]
    return np.where(first < 0, -1, 1)


def same_bits(got, want):
    assert got.dtype == want.dtype
    return np.array_equal(got, want) and not np.signbit(got[got == 0]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize(("points", "channels"), [(1, 1), (7, 1), (9, 3), (130, 2), (256, 1)])
def test_sorted_points(points, channels, flips, dtype):
    for values in (1, 1000):
        X = samples(23, points * channels, dtype, values)
        P = X.reshape(23, points, channels)
        signs = first_signs(P) if flips else np.ones(P.shape[:2], int)
        P = P * signs[..., None].astype(dtype)
        order = np.stack([np.lexsort(p.T[::-1]) for p in P + dtype(0)])
        want = np.take_along_axis(P, order[..., None], axis=1).reshape(X.shape)
        got, indices, got_signs = cuda_canonical.sort_points(
            cp.asarray(X), points, channels, (0, points), flips=flips
        )
        assert same_bits(cp.asnumpy(got), want)
        assert np.array_equal(cp.asnumpy(indices), order)
        if flips:
            assert np.array_equal(cp.asnumpy(got_signs), np.take_along_axis(signs, order, axis=1))
        else:
            assert got_signs is None
        alone = cuda_canonical.sort_points(
            cp.asarray(X), points, channels, (0, points), flips=flips, details=False
        )
        assert same_bits(cp.asnumpy(alone[0]), want)
        assert alone[1] is None and alone[2] is None


def test_blocks_flips_and_even_permutations():
    X = np.array([[3.0, -1.0, 2.0, -5.0, 4.0]])
    blocks, indices, _ = cuda_canonical.sort_points(cp.asarray(X), 5, 1, (0, 2, 5))
    assert cp.asnumpy(blocks).tolist() == [[-1.0, 3.0, -5.0, 2.0, 4.0]]
    assert cp.asnumpy(indices).tolist() == [[1, 0, 3, 2, 4]]
    magnitudes, _, signs = cuda_canonical.sort_points(cp.asarray(X), 5, 1, (0,), flips=True)
    assert np.array_equal(cp.asnumpy(magnitudes), np.abs(X))
    assert cp.asnumpy(signs).tolist() == [[1, -1, 1, -1, 1]]
    for row in ([2.0, 1.0, 3.0], [2.0, 3.0, 1.0], [2.0, 2.0, 1.0]):
        even, indices, _ = cuda_canonical.sort_points(cp.asarray([row]), 3, 1, (0, 3), even=True)
        permutation = np.eye(3)[cp.asnumpy(indices)[0]]
        tied = len(set(row)) < 3
        assert tied or np.isclose(np.linalg.det(permutation), 1)
        odd = not tied and row == [2.0, 1.0, 3.0]
        want = sorted(row) if not odd else [1.0, 3.0, 2.0]
        assert cp.asnumpy(even).tolist() == [want]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reflections", [False, True])
@pytest.mark.parametrize(("points", "channels"), [(1, 2), (6, 1), (12, 2), (65, 1)])
def test_least_rotations(points, channels, reflections, dtype):
    steps = np.arange(points)
    for values in (1, 1000):
        X = samples(11, points * channels, dtype, values)
        P = X.reshape(11, points, channels) + dtype(0)
        got, shifts, mirrors = (
            cp.asnumpy(a)
            for a in cuda_canonical.rotate_points(
                cp.asarray(X), points, channels, reflections=reflections
            )
        )
        for i, ring in enumerate(P):
            starts = [ring[(s + steps) % points] for s in steps]
            if reflections:
                starts += [ring[(s - steps) % points] for s in steps]
            want = min(word.ravel().tolist() for word in starts)
            assert same_bits(got[i], np.array(want, dtype))
            moved = (shifts[i] - steps if mirrors[i] else shifts[i] + steps) % points
            assert np.array_equal(ring[moved].ravel(), got[i])


def test_errors_name_what_is_wrong():
    X = cp.asarray(np.zeros((2, 514)))
    with pytest.raises(ValueError, match="up to 256 points"):
        cuda_canonical.sort_points(X, 514, 1, (0, 514))
    with pytest.raises(ValueError, match="offsets must increase"):
        cuda_canonical.sort_points(X[:, :512].copy(), 256, 2, (0, 300))
    with pytest.raises(ValueError, match=r"points \* channels columns"):
        cuda_canonical.rotate_points(X, 5, 3)
