"""The GPU decides as the CPU does: methods, tables, nodes and refinement, over the catalog.

Needs a GPU and CuPy, or the module built with SYMKERNEL_CUDA=EMULATE (see test_gpu.py).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from catalog import CASES, CASES_BY_METHOD, samples
from covering import covered
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel import InvariantKernel, groups
from symkernel.backends import cpu, cuda, forms
from symkernel.backends.forms import FormTable, value_only
from test_gpu import REASON, close

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(REASON), reason=REASON or "-")]


# Closed forms of groups that are not in the catalog.
CONTINUOUS = {
    "SO(2)": groups.SO(2).along(1, (5, 2)),
    "O(2)": groups.O(2).along(1, (4, 2)),
    "SO(3)": groups.SO(3).along(1, (4, 3)),
    "O(3)": groups.O(3).along(1, (4, 3)),
    "O(3) and permutations": groups.O(3).along(1, (3, 3)) * groups.Symmetric(3).along(0, (3, 3)),
    "sphere": groups.O(5),
}


@pytest.fixture
def cp():
    return pytest.importorskip("cupy")


@pytest.fixture
def asked(monkeypatch):
    """What executors are asked for: kernels by name and parameters, or forms at their nodes."""
    calls = []

    def record(module, read):
        run = module.gram

        def gram(*args):
            calls.append(read(*args[:2]))
            return run(*args)

        monkeypatch.setattr(module, "gram", gram)

    record(cpu, lambda kernel, table: (kernel, table))
    record(forms, lambda table, rates: ((table, value_only(rates)), table))
    record(cuda, lambda kernel, table: (kernel, table))
    return calls


def numbers(a):
    """Everything in a description of a kernel that is not a table, as lists."""
    if isinstance(a, FormTable):
        return id(a)
    if dataclasses.is_dataclass(a):
        return [numbers(getattr(a, f.name)) for f in dataclasses.fields(a)]
    if isinstance(a, list | tuple):
        return [numbers(b) for b in a]
    return a.tolist() if isinstance(a, np.ndarray) else a


@covered("case, method", CASES_BY_METHOD)
def test_same_plan_same_table_same_nodes(cp, asked, case, method):
    k = InvariantKernel(case.kernel, case.group, method=method)
    X = samples(case.group, 5, seed=1)
    # products of features on columns ask nothing
    by_features = case.kernel_name in ("dot_product", "polynomial")
    for scale in (1.0, 40.0):
        del asked[:]
        k(scale * X)
        on_cpu = list(asked)
        del asked[:]
        k(cp.asarray(scale * X))
        assert len(asked) == len(on_cpu)
        assert on_cpu or (by_features and case.group.structure.by_columns)
        for (kernel, table), (want_kernel, want_table) in zip(asked, on_cpu, strict=True):
            assert table is want_table
            assert numbers(kernel) == numbers(want_kernel)


# (the others grow with the radius)
OF_DISTANCE = [
    c for c in CASES if c.kernel_name in ("rbf", "matern12", "matern32", "matern52", "laplacian")
]


# Exponents beyond 1024, where forms are taken from differences, and beyond 1e12, where inner
# products have no digit left; affine forms of up to 1e7, of which near pairs are refined.
RADII = (60.0, 2000.0, 3e6)


@covered("case, radius", [(c, r) for c in OF_DISTANCE for r in RADII])
def test_same_values_and_slopes_far_out(cp, case, radius):
    check_far_out(cp, case.kernel, case.group, radius)


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("kernel", [RBF(1.7), Matern(1.3, nu=1.5)], ids=["rbf", "matern32"])
def test_continuous_groups_far_out(cp, name, radius, kernel):
    planar_mixture = name in ("SO(2)", "O(2)") and isinstance(kernel, Matern)
    check_far_out(cp, kernel, CONTINUOUS[name], radius, not planar_mixture)


# Mixtures over rates lose digits of their slopes in the plane, on either executor.
def check_far_out(cp, kernel, group, radius, slopes_too=True):
    k = InvariantKernel(kernel, group)
    X = radius * samples(group, 7, seed=1)
    X = np.concatenate([X, X + 0.3 * np.random.default_rng(2).standard_normal(X.shape)])
    want_K, want = k(X, eval_gradient=True)
    K, slopes = k(cp.asarray(X), eval_gradient=True)
    # a rounding of the data moves distances by eps radius
    tolerance = 1e-12 + 4e-16 * radius
    assert close(cp.asnumpy(K), want_K, tolerance, 1.0)
    if slopes_too:
        assert close(cp.asnumpy(slopes), want, 100 * tolerance, 1.0)


# New groups: tables are kept with theirs.
UPLOADING = {
    "elements": (lambda: groups.PointGroup("Oh").along(1, (4, 3)), "sum"),
    "shifts": (lambda: groups.Cyclic(64), "fourier"),
    "averages": (lambda: groups.SO(3).along(1, (4, 3)), "closed_form"),
    "permanents": (lambda: groups.Symmetric(6), "closed_form"),
    "octahedral": (lambda: groups.PointGroup("Oh").along(1, (4, 3)), "closed_form"),
}


@pytest.mark.parametrize("name", UPLOADING)
def test_tables_are_brought_to_a_device_once(cp, name):
    make, method = UPLOADING[name]
    group = make()
    X = cp.asarray(samples(group, 6, seed=1))
    V = cp.asarray(np.ones((6, 2)))
    k = InvariantKernel(RBF(1.0), group, method=method)

    others = list(cuda._actions.values())

    def uploads():
        own = [a for a in cuda._actions.values() if not any(a is other for other in others)]
        return sum(int(action.uploads) for action in own)

    def everything(k):
        k(X)
        k(X[:3], X)
        k(X, eval_gradient=True)
        k.matvec(X, X, V)
        k.diag(X)

    everything(k)
    first = uploads()
    assert first > 0
    everything(k)
    for length_scale in (0.5, 2.0):
        everything(k.clone_with_theta(np.log([length_scale])))
    everything(InvariantKernel(RBF(3.0), group, method=method))
    assert uploads() == first
