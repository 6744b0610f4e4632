"""A few rows take shorter loops and more columns at once: the values are those of many rows."""

from __future__ import annotations

import numpy as np
import pytest
from catalog import samples
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel import InvariantKernel, groups
from symkernel.backends import cpu
from symkernel.kernels import Laplacian, Polynomial

ISAS = cpu.info()["available_isas"]
MANY, M = 37, 61  # multiples of no tile
FEW = (*range(1, 14), 24, 25)

SWAPS = groups.PermutationGroup([[1, 0, 2, 3], [0, 1, 3, 2]])
CASES = {
    "trivial": (RBF(3.0), groups.Trivial(9), "auto"),
    "permutations": (Matern(2.0, nu=1.5), groups.Cyclic(5), "sum"),
    "an L1 kernel": (Laplacian(0.3), groups.Dihedral(5), "sum"),
    "signed permutations": (RBF(2.0), groups.Hyperoctahedral(3), "sum"),
    "matrices": (RBF(2.0), groups.PointGroup("D3"), "sum"),
    "points": (Polynomial(3), groups.PointGroup("Oh").along(1, (4, 3)), "sum"),
    "matrices on points": (RBF(3.0), groups.PointGroup("I").along(1, (4, 3)), "sum"),
    "shifts": (RBF(4.0), groups.Cyclic(32), "fourier"),
    "SO(3)": (RBF(3.0), groups.SO(3).along(1, (4, 3)), "closed_form"),
    "O(3)": (RBF(0.2), groups.O(3).along(1, (4, 3)), "closed_form"),
    "a mixture": (Matern(3.0, nu=2.5), groups.SO(3).along(1, (4, 3)), "closed_form"),
    "E(3) and swaps": (
        RBF(3.0),
        groups.E(3).along(1, (4, 3)) * SWAPS.along(0, (4, 3)),
        "closed_form",
    ),
    "sharp": (RBF(1e-4), groups.E(3).along(1, (4, 3)) * SWAPS.along(0, (4, 3)), "closed_form"),
    "planar": (RBF(3.0), groups.O(2).along(1, (4, 2)), "closed_form"),
    "Oh": (RBF(3.0), groups.PointGroup("Oh").along(1, (4, 3)), "closed_form"),
    "permanents": (RBF(3.0), groups.Symmetric(4).along(0, (4, 2)), "closed_form"),
}


@pytest.fixture(params=ISAS)
def isa(request):
    before = cpu.info()["isa"]
    cpu.set_isa(request.param)
    yield request.param
    cpu.set_isa(before)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_a_few_rows_are_rows_of_many(isa, name, dtype):
    base, group, method = CASES[name]
    kernel = InvariantKernel(base, group, method=method)
    X, Y = samples(group, MANY, 1, dtype=dtype), samples(group, M, 2, dtype=dtype)
    Y[5] = X[0]  # near pairs are worked out from differences
    V = np.random.default_rng(3).standard_normal((M, 2)).astype(dtype)
    y = kernel.prepare(Y)
    K, product = kernel(X, Y), kernel.matvec(X, y, V, n_jobs=1)
    digits = 1e-12 if dtype == np.float64 else 2e-5
    scale = np.abs(K).max()
    np.testing.assert_allclose(product, K @ V, atol=10 * digits * scale * np.abs(V).sum())
    slopes = None if name == "sharp" else kernel.gradient_x(X, y, V, n_jobs=1)
    for n in FEW:
        np.testing.assert_allclose(kernel(X[:n], Y), K[:n], rtol=digits, atol=digits * scale)
        few = kernel.matvec(X[:n], y, V, n_jobs=1)
        np.testing.assert_allclose(few, product[:n], rtol=0, atol=digits * scale * M)
        if slopes is not None:
            few = kernel.gradient_x(X[:n], y, V, n_jobs=1)
            np.testing.assert_allclose(few, slopes[:n], rtol=0, atol=digits * M * abs(slopes).max())


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("m", [1, 15, 16, 17, 200])
def test_columns_taken_together_end_where_samples_end(isa, m, threads):
    _, group, method = CASES["E(3) and swaps"]
    for kernel in (
        InvariantKernel(RBF(3.0), group, method=method),
        InvariantKernel(RBF(3.0), groups.SO(3).along(1, (4, 3)), method=method),
    ):
        x, Y = samples(group, 1, 4), samples(group, m, 5)
        V = np.random.default_rng(6).standard_normal(m)
        want = np.array([kernel(Y[i : i + 1], x)[0, 0] for i in range(m)]) @ V
        got = kernel.matvec(x, Y, V, n_jobs=threads)
        np.testing.assert_allclose(got, [want], rtol=0, atol=1e-12 * np.abs(V).sum())


def test_rows_of_a_permuted_sum_are_the_same_to_the_last_digit(isa):
    kernel = InvariantKernel(RBF(3.0), groups.Cyclic(5), method="sum")
    X, Y = samples(groups.Cyclic(5), 12, 1), samples(groups.Cyclic(5), 33, 2)
    K = kernel(X, Y)
    for n in range(1, 12):
        np.testing.assert_array_equal(kernel(X[:n], Y), K[:n])
