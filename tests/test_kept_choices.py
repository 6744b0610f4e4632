"""What a step of an optimiser need not find again: plans, elements, and free memory."""

from __future__ import annotations

import gc
import pickle
import weakref

import numpy as np
import pytest
from catalog import GROUPS, KERNELS, leaves_invariant
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups
from symkernel.backends import memory
from symkernel.groups.by_group import ByGroup
from symkernel.kernels import ArcCosine, Laplacian, Sample, VonMises
from symkernel.plans import planner
from symkernel.plans.orbit_sum import OrbitSum


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
    order(pickle.loads(pickle.dumps(group)))
    assert calls == [5, 5, 5]


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


def test_a_choice_is_kept_for_other_hyperparameters(monkeypatch):
    group = groups.Dihedral(64)
    assert InvariantKernel(RBF(1.3), group).plan().method == "fourier"
    monkeypatch.setattr(OrbitSum, "__init__", None)  # what a search would call
    assert InvariantKernel(RBF(2.1), group).plan().method == "fourier"
    with pytest.raises(TypeError):
        InvariantKernel(RBF(2.1), groups.Dihedral(64)).plan()


@pytest.mark.parametrize("name", GROUPS)
def test_kept_choices_are_those_of_a_search(name, monkeypatch):
    group = GROUPS[name]
    for kernel, base in KERNELS.items():
        if not leaves_invariant(group, kernel):
            continue
        InvariantKernel(base, group).plan()
        kept = InvariantKernel(clone(base), group).plan()
        with monkeypatch.context() as patch:
            patch.setattr(planner, "_family", lambda base: None)
            sought = InvariantKernel(clone(base), group).plan()
        assert (kept.method, kept.steps, kept.cost) == (sought.method, sought.steps, sought.cost)


def test_where_a_kept_choice_does_not_apply_there_is_a_search():
    group = groups.Symmetric(4).along(0, (4, 2))
    per_axis = RBF([1.0, 2.0] * 4)
    assert InvariantKernel(RBF(1.0), group).plan().method == "closed_form"
    assert InvariantKernel(per_axis, group).plan().exact
    laplacian = groups.Symmetric(4)
    assert InvariantKernel(Laplacian(0.3), laplacian).plan().method == "closed_form"
    assert InvariantKernel(ArcCosine(0), laplacian).plan().method == "sum"


def test_options_reach_the_plan_of_angles():
    ring = groups.Cyclic(6)
    coarse, fine = (InvariantKernel(VonMises(1.0), ring, Sample(n)).plan() for n in (2, 5))
    assert coarse.steps != fine.steps
