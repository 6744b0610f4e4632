"""What a step of an optimiser need not find again: elements of a group, and free memory."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups
from symkernel.backends import memory
from symkernel.plans.by_group import ByGroup


def test_values_are_found_once_a_group_and_die_with_it():
    calls = []
    order = ByGroup(lambda group: calls.append(group.order) or group.order)
    group, equal = groups.Cyclic(5), groups.Cyclic(5)
    assert [order(group), order(group), order(equal)] == [5, 5, 5]
    assert calls == [5, 5]  # of equal groups each has its own
    gone = weakref.ref(equal)
    del equal
    gc.collect()
    assert gone() is None
    assert len(order._found) == 1


def test_samples_are_transformed_once_for_all_length_scales():
    k = InvariantKernel(RBF(1.0), groups.Cyclic(64))
    X = np.random.default_rng(0).normal(size=(6, 64))
    kept = k.prepare(X)
    packings = []
    for theta in (0.1, 0.4, 0.9):
        other = k.clone_with_theta(np.array([theta]))
        np.testing.assert_allclose(other(kept), other(X), rtol=1e-13)
        assert other.plan().method == "fourier"
        packings.append(kept.ready(other.plan(), k.group).packings)
    assert packings[0] > 0 and len(set(packings)) == 1


def test_free_memory_is_read_again_for_large_arrays_only(monkeypatch):
    reads = []
    monkeypatch.setattr(memory, "_said", None)
    monkeypatch.setattr(memory, "_shared", lambda root: reads.append(root) or (10**9,))
    for _ in range(5):
        memory.require_memory((1000,), 8, "a vector", "Use fewer.")
    assert len(reads) == 1
    memory.require_memory((10**8,), 8, "a vector", "Use fewer.")
    assert len(reads) == 2
    with pytest.raises(MemoryError, match=r"a vector of shape 200000000 needs 1\.6 GB; 1\.0"):
        memory.require_memory((2 * 10**8,), 8, "a vector", "Use fewer.")
    monkeypatch.setattr(memory.time, "monotonic", lambda: memory._said[0] + 2.0)
    memory.available_bytes()
    assert len(reads) == 4
