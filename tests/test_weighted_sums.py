"""Native sums with a weight per element, against explicit sums: every route, output and engine."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, RationalQuadratic
from symkernel import groups
from symkernel.backends import cpu
from symkernel.backends.element_tables import MatrixTable, PointTable, SignedPermutationTable
from symkernel.backends.fourier_tables import ShiftTable
from symkernel.groups.grid_shifts import shift_table
from symkernel.kernels import Laplacian
from symkernel.kernels.translate import spec_of
from symkernel.plans.base import BaseSpec
from symkernel.plans.fourier import Irreps
from symkernel.plans.weighted_tables import full_table

TABLES = {
    "identity alone": groups.Trivial(3).table(10),
    "permutations": groups.Symmetric(4).table(100),
    "signs": groups.Hyperoctahedral(3).table(100),
    "matrices": groups.PointGroup("D3d").table(100),
    "many matrices": groups.PointGroup("I").table(100),
    "points": groups.PointGroup("Oh").along(1, (4, 3)).point_table(1000),
    "general points": (
        groups.Symmetric(3).along(0, (3, 2)) * groups.PointGroup("C5", degree=2).along(1, (3, 2))
    ).point_table(100),
    "ring": shift_table(groups.Cyclic(7)),
    "long ring": shift_table(groups.Cyclic(24).along(0, (24, 2))),
    "image": shift_table(groups.Image((4, 4), "p4m")),
    "uneven grid": shift_table(
        groups.Cyclic(3).along(0, (3, 4)) * groups.Dihedral(4).along(1, (3, 4))
    ),
}
KERNELS = {
    "rbf": RBF(1.3),
    "matern12": Matern(1.1, nu=0.5),
    "matern52": Matern(1.1, nu=2.5),
    "rational": RationalQuadratic(1.2, 0.7),
    "dot": DotProduct(0.8),
}


def drawn_kernel(name, d):
    base = KERNELS[name]
    return spec_of(base, groups.Trivial(d)).native, base


def moved(table, Y):
    """Every g y, (G, m, d), by the definitions that the tables state."""
    if isinstance(table, SignedPermutationTable | MatrixTable):
        return table.moved(Y)
    if isinstance(table, PointTable):
        return full_table(table).moved(Y)
    assert isinstance(table, ShiftTable)
    size = len(table.maps[0])
    found = np.empty((len(table.maps) * size, *Y.shape))
    for h, own in enumerate(table.maps):
        for s in range(size):
            steps = np.array(np.unravel_index(np.arange(size), table.grid)).T
            there = (steps + np.array(np.unravel_index(s, table.grid))) % table.grid
            image = own[np.ravel_multi_index(there.T, table.grid)]
            found[h * size + s][:, table.layout] = Y[:, table.layout[:, image]]
    return found


def drawn(table, n, m, dtype=np.float64):
    rng = np.random.default_rng(
        len(table) if not isinstance(table, ShiftTable) else table.maps.size
    )
    d = moved_degree(table)
    X = rng.standard_normal((n, d)).astype(dtype)
    Y = rng.standard_normal((m, d)).astype(dtype)
    Y[0] = X[0]  # coincident
    count = len(moved(table, np.zeros((1, d))))
    return X, Y, rng.uniform(-0.5, 1.5, count)


def moved_degree(table):
    if isinstance(table, ShiftTable):
        return table.layout.size
    if isinstance(table, PointTable):
        return table.rows.shape[1] * table.matrices.shape[1]
    if isinstance(table, SignedPermutationTable):
        return table.indices.shape[1]
    return table.matrices.shape[1]


def explicit(base, table, weights, X, Y):
    orbit = moved(table, Y.astype(np.float64))
    return sum(
        w * oracles.base_kernel(base, X.astype(np.float64), gy)
        for w, gy in zip(weights, orbit, strict=True)
    )


def even(table, weights, d):
    """Weights alike for an element and its inverse."""
    probes = moved(table, np.eye(d)).transpose(0, 2, 1).round(9) + 0.0
    place = {g.tobytes(): k for k, g in enumerate(probes)}
    inverse = [place[np.ascontiguousarray(g.T).tobytes()] for g in probes]
    return (weights + weights[inverse]) / 2


@pytest.fixture(params=cpu.info()["available_isas"])
def isa(request):
    before = cpu.info()["isa"]
    cpu.set_isa(request.param)
    yield request.param
    cpu.set_isa(before)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("route", TABLES)
def test_rectangles_and_products(route, name, dtype, isa):
    table = TABLES[route]
    X, Y, weights = drawn(table, 13, 21, dtype)
    native, base = drawn_kernel(name, X.shape[1])
    kernel = (*native, weights)
    truth = explicit(base, table, weights, X, Y)
    atol = (
        (1e-13 if dtype == np.float64 else 3e-6)
        * np.abs(weights).sum()
        * max(1.0, float(np.abs(X @ Y.T).max()))
    )
    for jobs in (1, 3):
        np.testing.assert_allclose(cpu.gram(kernel, table, X, Y, jobs), truth, rtol=0, atol=atol)
        V = np.random.default_rng(1).standard_normal((21, 2)).astype(dtype)
        product = cpu.matvec(kernel, table, X, Y, V, jobs)
        np.testing.assert_allclose(product, truth @ V, rtol=0, atol=40 * atol)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("route", TABLES)
def test_symmetric_outputs_and_derivatives(route, name, isa):
    table = TABLES[route]
    X, _, weights = drawn(table, 19, 1)
    native, base = drawn_kernel(name, X.shape[1])
    weights = even(table, weights, X.shape[1])
    kernel = (*native, weights)
    truth = explicit(base, table, weights, X, X)
    atol = 1e-12 * max(1.0, np.abs(weights).sum()) * max(1.0, np.abs(truth).max())
    K = cpu.gram(kernel, table, X, None)
    np.testing.assert_allclose(K, truth, rtol=0, atol=atol)
    np.testing.assert_array_equal(K, K.T)
    packed = cpu.gram_packed(kernel, table, X)
    np.testing.assert_array_equal(packed, oracles.packed_triangle(K))
    values, slopes = cpu.gram_gradient(kernel, table, X, False)
    np.testing.assert_allclose(values, truth, rtol=0, atol=atol)
    ones = cpu.gram_gradient((*native, weights * 0 + 1 / len(weights)), table, X, False)
    plain = cpu.gram_gradient(native, table, X, False)
    np.testing.assert_allclose(ones[1], plain[1], rtol=0, atol=1e-14 * np.abs(plain[1]).max())
    h = 1e-6
    name_, parameters = native
    for p in range(slopes.shape[-1]):
        up, down = [list(parameters) for _ in range(2)]
        up[p] *= np.exp(h)
        down[p] *= np.exp(-h)
        difference = (
            cpu.gram((name_, up, weights), table, X, None)
            - cpu.gram((name_, down, weights), table, X, None)
        ) / (2 * h)
        scale = max(1.0, float(np.abs(difference).max())) * max(1.0, np.abs(weights).sum())
        np.testing.assert_allclose(slopes[..., p], difference, rtol=0, atol=1e-8 * scale)
    if not isinstance(table, ShiftTable):
        diagonal, planes = cpu.diagonal(kernel, table, X, True)
        np.testing.assert_allclose(diagonal, np.diag(truth), rtol=0, atol=atol)
        at = np.arange(len(X))
        np.testing.assert_allclose(planes, slopes[at, at], rtol=0, atol=10 * atol)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("route", TABLES)
def test_gradients_in_samples(route, name, isa):
    table = TABLES[route]
    X, Y, weights = drawn(table, 6, 11)
    native, base = drawn_kernel(name, X.shape[1])
    X = X + 0.01  # no coincidence: kernels with a kink have no gradient there
    weights = even(table, weights, X.shape[1])
    V = np.random.default_rng(2).standard_normal((11, 3))
    found = cpu.gradient_x((*native, weights), table, X, Y, V)
    h, scale = 1e-5, max(1.0, np.abs(weights).sum()) * max(1.0, np.abs(V).sum())
    for k in range(X.shape[1]):
        step = h * np.eye(X.shape[1])[k]
        up = explicit(base, table, weights, X + step, Y) @ V
        down = explicit(base, table, weights, X - step, Y) @ V
        np.testing.assert_allclose(found[..., k], (up - down) / (2 * h), rtol=0, atol=1e-8 * scale)
    if isinstance(table, ShiftTable) or name == "matern12":
        return
    paired = cpu.diagonal_gradient_x((*native, weights), table, X)
    for k in range(X.shape[1]):
        step = h * np.eye(X.shape[1])[k]
        up = np.diag(explicit(base, table, weights, X + step, X + step))
        down = np.diag(explicit(base, table, weights, X - step, X - step))
        np.testing.assert_allclose(paired[:, k], (up - down) / (2 * h), rtol=0, atol=1e-8 * scale)


@pytest.mark.parametrize("as_matrices", [False, True])
def test_length_scales_per_feature(as_matrices, isa):
    table = groups.SignFlips(3).table(100)
    if as_matrices:
        table = MatrixTable(table.as_matrices())
    X, _, weights = drawn(table, 9, 1)
    _, planes = cpu.gram_gradient(("rbf", (1.0,), weights), table, X, True)
    squares = (X[:, None, None] - table.moved(X).transpose(1, 0, 2)) ** 2  # (n, m, G, d)
    truth = np.einsum("g,nmg,nmgd->nmd", weights, np.exp(-squares.sum(-1) / 2), squares)
    np.testing.assert_allclose(planes, truth, rtol=0, atol=1e-12)
    _, own = cpu.diagonal(("rbf", (1.0,), weights), table, X, True, True)
    np.testing.assert_allclose(own, truth[np.arange(9), np.arange(9)], rtol=0, atol=1e-12)


def test_signed_permutations_under_the_laplacian_kernel():
    table = groups.SignFlips(4).table(100)
    X, Y, weights = drawn(table, 5, 9)
    native = spec_of(Laplacian(0.9), groups.SignFlips(4)).native
    K = cpu.gram((*native, weights), table, X, Y)
    truth = explicit(Laplacian(0.9), table, weights, X, Y)
    np.testing.assert_allclose(K, truth, rtol=0, atol=1e-12)


def test_irreducible_blocks():
    group = groups.Symmetric(4)
    plan = Irreps(BaseSpec("rbf", (1.0,)), group)
    X, Y, weights = drawn(group.table(100), 7, 10)
    K = cpu.gram(("rbf", (1.0,), weights), plan._table, X, Y)
    truth = explicit(RBF(1.0), group.table(100), weights, X, Y)
    np.testing.assert_allclose(K, truth, rtol=0, atol=1e-12)


def test_weights_of_another_number_are_refused():
    table = groups.Cyclic(3).table(10)
    with pytest.raises(ValueError, match="one weight per element"):
        cpu.gram(("rbf", (1.0,), np.ones(2)), table, np.zeros((1, 3)), None)
