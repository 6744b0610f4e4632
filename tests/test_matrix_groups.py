"""Groups of matrices known by their permutations of an orbit, and by their closure."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import pickle
import re
import time

import numpy as np
import pytest
from catalog import CLOSURES, E8, LARGE_MATRICES, diagram, reflections
from scipy.linalg import block_diag, expm, polar
from scipy.stats import chi2
from sklearn.gaussian_process.kernels import RBF
from symkernel import diagnostics, groups, theory
from symkernel.backends.element_tables import table_matrices
from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.groups import MatrixGroup, OrthogonalMatrix, PointGroup, matrix_group
from symkernel.groups._lattice import lattice_basis, reduced, relations
from symkernel.kernels import InvariantKernel, Polynomial
from symkernel.spectral import InvariantBasis, Polynomials, SpectralRegressor, Sphere, Stereographic
from symkernel.theory.reflections import fundamental_degrees

F4 = reflections([[0, 1, -1, 0], [0, 0, 1, -1], [0, 0, 0, 1], [1, -1, -1, -1]])
B7 = reflections(np.eye(7) - np.eye(7, k=1))
ROOTS = diagram(8, E8)
W_E8 = LARGE_MATRICES["E8"]


def turn(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def orthogonal(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def turned(matrices, seed=0):
    """The same matrices in another basis."""
    Q = orthogonal(len(matrices[0]), seed)
    return [Q @ m @ Q.T for m in matrices]


def all_products(matrices):
    """All elements by multiplying, one by one: slow and plain."""
    found = [np.eye(len(matrices[0]))]
    for g in found:
        for m in matrices:
            product = g @ m
            if min(np.abs(h - product).max() for h in found) > 1e-6:
                found.append(product)
    return np.array(found)


def projective_line(q):
    """Generators of SL(2, q), q = 3 modulo 4, on the q + 1 lines with the signs of squares."""
    square = {pow(x, 2, q) for x in range(1, q)}
    lines = [(1, x) for x in range(q)] + [(0, 1)]

    def monomial(a, b, c, d):
        matrix = np.zeros((q + 1, q + 1))
        for j, (x, y) in enumerate(lines):
            u, v = (a * x + b * y) % q, (c * x + d * y) % q
            scale = u or v
            line = (1, v * pow(u, -1, q) % q) if u else (0, 1)
            matrix[lines.index(line), j] = 1.0 if scale in square else -1.0
        return matrix

    return [monomial(1, 1, 0, 1), monomial(0, -1, 1, 0)]


@pytest.fixture
def on_orbits(monkeypatch):
    """Groups are known by their orbits, however small."""
    monkeypatch.setattr(matrix_group, "_LISTED_NUMBERS", 0)


# -- orders --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("generators", "order"),
    [
        (reflections(ROOTS), 696_729_600),
        (turned(reflections(ROOTS)), 696_729_600),
        ([np.linalg.multi_dot(reflections(ROOTS)), reflections(ROOTS)[0]], 696_729_600),
        ([a @ b for a, b in itertools.pairwise(reflections(ROOTS))], 348_364_800),
        (reflections(diagram(7, [*E8[:4], (4, 5, 3), (2, 6, 3)])), 2_903_040),
        (reflections(diagram(6, [*E8[:4], (2, 5, 3)])), 51_840),
        (F4, 1152),
        (turned(F4), 1152),
        (B7, 645_120),
        (turned(B7), 645_120),
        (reflections(diagram(4, [(0, 1, 3), (1, 2, 3), (2, 3, 5)])), 14_400),
        (projective_line(43), 43 * (43**2 - 1)),
        (turned(projective_line(43)), 43 * (43**2 - 1)),
        ([block_diag(turn(math.tau / 97), turn(math.tau / 89), turn(math.tau / 83))], 97 * 89 * 83),
        ([block_diag(m, np.eye(3)) for m in reflections(ROOTS)], 696_729_600),
        (
            [
                *(block_diag(m, np.eye(2)) for m in turned(B7)),
                block_diag(np.eye(7), turn(math.tau / 11)),
            ],
            11 * 645_120,
        ),
    ],
)
def test_orders(generators, order):
    group = MatrixGroup(generators)
    assert group.order == order
    assert type(group.order) is int
    assert group.is_finite
    assert group.dim == 0


@pytest.mark.parametrize("generators", [reflections(ROOTS), F4, B7], ids=["E8", "F4", "B7"])
def test_orders_take_less_than_a_second(generators):
    def seconds():
        start = time.perf_counter()
        MatrixGroup(generators).order  # noqa: B018
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 1.0


def qubits(n):
    """Generators of the real Clifford group: Hadamard gates, exchanges and controlled signs."""

    def gate(matrix, k):
        return functools.reduce(np.kron, [matrix if i == k else np.eye(2) for i in range(n)])

    def controlled(k):
        bits = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return np.diag((-1.0) ** (bits[:, k] * bits[:, k + 1]))

    hadamard = np.array([[1, 1], [1, -1]]) / math.sqrt(2.0)
    return [
        *(gate(hadamard, k) for k in range(n)),
        *(gate(np.eye(2)[::-1], k) for k in range(n)),
        *(controlled(k) for k in range(n - 1)),
    ]


def test_generators_in_general_position():
    # 2^(1 + 2n) O+(2n, 2): Nebe, Rains and Sloane, Self-Dual Codes and Invariant Theory, 2006
    for generators in (qubits(3), turned(qubits(3))):
        assert MatrixGroup(generators).order == 2**7 * 40_320
    cycle = [np.roll(np.eye(60), 1, axis=0), np.eye(60)[[1, 0, *range(2, 60)]]]
    assert MatrixGroup(turned(cycle)).order == math.factorial(60)
    copies = [np.kron(np.eye(3), r) for r in reflections(ROOTS)]
    assert MatrixGroup(turned(copies)).order == 696_729_600
    # two random words of W(E8) generate all rotations in it, or a subgroup whose order divides
    rng = np.random.default_rng(0)
    orders = []
    for seed in range(4):
        words = [
            np.linalg.multi_dot([reflections(ROOTS)[k] for k in rng.integers(8, size=30)])
            for _ in range(2)
        ]
        orders.append(MatrixGroup(turned(words, seed)).order)
    assert all(696_729_600 % order == 0 for order in orders)
    assert max(orders) >= 348_364_800


@pytest.mark.parametrize("noise", [1e-15, 1e-12, 1e-9])
def test_generators_with_rounding(noise):
    rng = np.random.default_rng(0)
    exact = turned(reflections(ROOTS))
    group = MatrixGroup([m + noise * rng.uniform(-1, 1, m.shape) for m in exact])
    assert group.order == 696_729_600
    word = np.linalg.multi_dot([exact[k] for k in rng.integers(8, size=40)])
    assert group.contains(OrthogonalMatrix(word))


def test_small_and_degenerate_generators(on_orbits):
    for value in (1.0, -1.0):
        with pytest.warns(UserWarning) if value > 0 else contextlib.nullcontext():
            line = MatrixGroup([[[value]]])
        assert line.order == (1 if value > 0 else 2)
    assert MatrixGroup([-np.eye(3)]).order == 2
    assert MatrixGroup([turn(math.tau / 6)] * 3 + [np.eye(2)]).order == 6
    assert MatrixGroup([orthogonal(5) @ np.diag([1, 1, -1, 1, 1]) @ orthogonal(5).T]).order == 2
    with pytest.warns(UserWarning, match=r"generators\[0\] is the identity matrix"):
        assert MatrixGroup([np.eye(4)]).sample(3, 0) == [groups.Permutation(range(4))] * 3
    with pytest.raises(ValueError, match="must be orthogonal"):
        MatrixGroup([turn(1.0) * 1.001])


# -- against lists -------------------------------------------------------------------------------

SMALL = {
    "D7": PointGroup("D7", degree=2),
    "C12": PointGroup("C12", degree=2),
    "Oh": PointGroup("Oh"),
    "Ih": PointGroup("Ih"),
    "C3v": PointGroup("C3v"),  # fixes the axis
    "Ci": PointGroup("Ci"),
    "T twice": PointGroup("T").along(1, (2, 3)),
}


@pytest.mark.parametrize("name", SMALL)
def test_orbits_give_the_listed_group(on_orbits, name):
    listed = SMALL[name]
    basis = orthogonal(listed.degree, 3)
    given = [basis @ g.as_matrix() @ basis.T for g in listed.generators]
    group = MatrixGroup(given)
    elements = np.array([g.as_matrix() for g in group.elements()])
    expected = all_products(given)
    assert group.order == len(elements) == len(expected)
    nearest = np.abs(elements[:, None] - expected[None]).max(axis=(2, 3))
    assert nearest.min(axis=1).max() < 1e-12
    assert nearest.min(axis=0).max() < 1e-12
    assert np.abs(elements[0] - np.eye(group.degree)).max() < 1e-14
    np.testing.assert_array_equal(table_matrices(group.table(200)), elements)
    assert all(group.contains(OrthogonalMatrix(m)) for m in expected)
    assert not group.contains(OrthogonalMatrix(orthogonal(group.degree, 7)))
    rng = np.random.default_rng(0)
    fixed = np.linalg.svd(expected[1] - np.eye(group.degree))[2][-1]
    for x in (*rng.standard_normal((2, group.degree)), fixed, np.zeros(group.degree), given[0][0]):
        keeping = np.abs(expected @ x - x).max(axis=1) < 1e-9
        kept = group.stabilizer(x)
        assert kept.order == keeping.sum()
        assert all(np.abs(g.apply(x) - x).max() < 1e-9 for g in kept.elements())
        assert group.orbit_size(x) == group.order // kept.order
    again = pickle.loads(pickle.dumps(group))
    assert again == group
    assert hash(again) == hash(group)


def test_samples_are_uniform(on_orbits):
    group = MatrixGroup(turned([g.as_matrix() for g in PointGroup("Td").generators], 2))
    elements = np.array([g.as_matrix() for g in group.elements()])
    drawn = np.array([g.as_matrix() for g in group.sample(4800, random_state=1)])
    nearest = np.abs(drawn[:, None] - elements[None]).max(axis=(2, 3)).argmin(axis=1)
    counts = np.bincount(nearest, minlength=24)
    assert ((counts - 200.0) ** 2 / 200.0).sum() < chi2(23).ppf(0.999)
    assert group.sample(3, random_state=5) == group.sample(3, random_state=5)
    assert group.sample(0) == []


# -- W(E8) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LARGE_MATRICES)
def test_laws_of_large_groups(name):
    group = LARGE_MATRICES[name]
    drawn = [group.identity, *group.generators, *group.sample(5, random_state=1)]
    for g, h in itertools.product(drawn, repeat=2):
        assert group.contains(g @ h)
        assert group.contains(g.inverse() @ h)
    rng = np.random.default_rng(0)
    word = [group.generators[k] for k in rng.integers(len(group.generators), size=200)]
    assert group.contains(functools.reduce(lambda g, h: g @ h, word))
    assert not group.contains(OrthogonalMatrix(orthogonal(group.degree)))
    near = group.generators[0].as_matrix() @ expm(
        1e-4 * np.diag(np.ones(7), 1) - 1e-4 * np.eye(8, k=-1)
    )
    assert not group.contains(OrthogonalMatrix(near))
    for g in drawn:
        matrix = g.as_matrix()
        assert np.abs(matrix @ matrix.T - np.eye(group.degree)).max() < 1e-14
    first = list(itertools.islice(group.elements(), 5))
    assert np.abs(first[0].as_matrix() - np.eye(group.degree)).max() < 1e-14
    assert len(set(first)) == 5
    again = pickle.loads(pickle.dumps(group))
    assert again == group
    assert hash(again) == hash(group)
    assert group == MatrixGroup(group.generators[::-1])
    assert group != MatrixGroup([a @ b for a, b in itertools.pairwise(group.generators)])


def test_stabilizers_in_e8():
    root = W_E8.stabilizer(ROOTS[0])
    assert root.order == 696_729_600 // 240 == 2_903_040
    assert all(np.abs(g.apply(ROOTS[0]) - ROOTS[0]).max() < 1e-12 for g in root.sample(5, 0))
    assert W_E8.orbit_size(ROOTS[3]) == 240
    # of the 240 roots, 126 are orthogonal to one, and all of these are alike
    assert abs(ROOTS[0] @ ROOTS[5]) < 1e-12
    assert root.stabilizer(ROOTS[5]).order == 2_903_040 // 126
    assert W_E8.stabilizer(np.zeros(8)).order == W_E8.order
    generic = np.random.default_rng(0).standard_normal(8)
    assert W_E8.stabilizer(generic).order == 1
    assert W_E8.orbit_size(1e-200 * generic) == W_E8.order
    # what fixes all fundamental weights but one is generated by one reflection
    weights = np.linalg.inv(ROOTS)
    assert W_E8.stabilizer(weights[:, 1:].sum(axis=1)).order == 2


def test_moments_of_random_elements():
    traces = np.array([np.trace(g.as_matrix()) for g in W_E8.sample(20_000, random_state=0)])
    # irreducible: no invariant vectors, one invariant form, and of degree 4 its symmetric products
    for power, mean in ((1, 0), (2, 1), (4, 3)):
        values = traces**power
        assert abs(values.mean() - mean) < 5 * values.std() / math.sqrt(len(values))


# -- what large groups are for -------------------------------------------------------------------


def test_plans_tell_the_order():
    with pytest.raises(GroupTooLargeError, match=r"has 696729600 elements.*method=.sample."):
        InvariantKernel(RBF(), W_E8).plan()
    with pytest.raises(GroupTooLargeError, match="has 696729600 elements; at most 1000000"):
        W_E8.table(10**6)
    X = np.random.default_rng(0).standard_normal((4, 8))
    exact = InvariantKernel(Polynomial(3), W_E8)
    (g,) = W_E8.sample(1, random_state=3)
    np.testing.assert_allclose(exact(g.apply(X), X), exact(X), rtol=1e-12)
    # degrees 0 and 2 alone have invariants up to 3: (gamma x.y + coef0)^3 keeps its powers 0 and 2
    squares = (X**2).sum(axis=1)
    base = exact.base
    expected = base.coef0**3 + 3 * base.coef0 * base.gamma**2 * np.outer(squares, squares) / 8
    np.testing.assert_allclose(exact(X), expected, rtol=1e-12)
    drawn = InvariantKernel(RBF(2.0), W_E8, method="sample")
    assert "(order 696,729,600)" in str(drawn.plan())


def test_small_lists_serve_every_plan():
    group = MatrixGroup(F4)
    X = np.random.default_rng(0).standard_normal((4, 4))
    summed = InvariantKernel(RBF(), group, method="sum")(X)
    expected = np.mean([RBF()(X, g.apply(X)) for g in group.elements()], axis=0)
    np.testing.assert_allclose(summed, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("generators", "degrees"),
    [
        (reflections(ROOTS), (2, 8, 12, 14, 18, 20, 24, 30)),
        (turned(reflections(ROOTS)), (2, 8, 12, 14, 18, 20, 24, 30)),
        (F4, (2, 6, 8, 12)),
        (turned(B7), (2, 4, 6, 8, 10, 12, 14)),
        (reflections(diagram(4, [(0, 1, 3), (1, 2, 3), (2, 3, 5)])), (2, 12, 20, 30)),
        (reflections(diagram(3, [(0, 1, 3), (1, 2, 5)])), (2, 6, 10)),
        ([block_diag(m, 1.0) for m in reflections(diagram(2, [(0, 1, 7)]))], (1, 2, 7)),
        (
            [block_diag(m, 1.0, 1.0) for m in F4] + [np.diag([1, 1, 1, 1, 1, -1.0])],
            (1, 2, 2, 6, 8, 12),
        ),
        ([turn(math.tau / 5), np.diag([1.0, -1.0])], (2, 5)),
        ([turn(math.tau / 6), np.diag([1.0, -1.0])], None),  # one of two classes of mirrors
        ([turn(math.tau / 5)], None),
    ],
)
def test_fundamental_degrees(generators, degrees):
    group = MatrixGroup(generators)
    found = fundamental_degrees(group)
    assert found == degrees
    if found is not None and group.order < 2000:
        top = 8
        series = np.zeros(top + 1)
        for g in group.elements():  # Molien
            poles = np.linalg.eigvals(g.as_matrix())
            term = np.eye(1, top + 1, dtype=complex)[0]
            for pole in poles:
                for k in range(1, top + 1):
                    term[k] += pole * term[k - 1]
            series += term.real / group.order
        expected = np.eye(1, top + 1)[0]
        for degree in found:
            for k in range(degree, top + 1):
                expected[k] += expected[k - degree]
        np.testing.assert_allclose(series, expected, atol=1e-9)


def test_invariants_of_e8():
    counts = theory.dimension_counts(Sphere(8), W_E8, 14)
    assert counts.invariant == (1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1)
    assert counts.order == 696_729_600
    assert theory.molien_series(W_E8, 8) == (1, 0, 1, 0, 1, 0, 1, 0, 2)
    assert theory.invariant_dimension(Sphere(8), W_E8, 8) == 2
    series = theory.molien_series(MatrixGroup(B7), 10)
    assert series == theory.molien_series(groups.Hyperoctahedral(7), 10)
    rotations = MatrixGroup([a @ b for a, b in itertools.pairwise(reflections(ROOTS))])
    with pytest.raises(GroupTooLargeError, match="InvariantBasis"):
        theory.molien_series(rotations, 4)


@pytest.mark.full
def test_invariants_of_e8_by_generators():
    basis = InvariantBasis(Sphere(8), W_E8, max_level=8)
    assert basis.dimensions.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 1]


# -- closures ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("generators", "group"),
    [
        ([turn(1.0)], groups.SO(2)),
        ([turn(0.5 * math.pi), turn(math.sqrt(2.0))], groups.SO(2)),
        ([turn(1.0), np.diag([1.0, -1.0])], groups.O(2)),
        ([block_diag(turn(1.0), 1.0), block_diag(1.0, turn(1.0))], groups.SO(3)),
        ([orthogonal(3, 1), orthogonal(3, 2), -np.eye(3)], groups.O(3)),
        ([np.kron(np.eye(3), turn(1.0))], groups.SO(2).along(1, (3, 2))),
        ([np.kron(orthogonal(3, s), np.eye(2)) for s in (1, 2, 4)], None),
        (
            [
                np.kron(turn(1.0), np.eye(3)),
                np.kron(np.eye(2), PointGroup("T").generators[0].as_matrix()),
                np.kron(np.eye(2), PointGroup("T").generators[1].as_matrix()),
            ],
            groups.SO(2).along(0, (2, 3)) * PointGroup("T").along(1, (2, 3)),
        ),
    ],
)
def test_closures_are_the_named_groups(generators, group):
    found = MatrixGroup(generators, closure=True)
    assert not found.is_finite
    assert found.order == math.inf
    if group is None:  # -1 is among them or not
        signs = {round(np.linalg.det(g)) for g in generators}
        group = (groups.O(3) if -1 in signs else groups.SO(3)).along(0, (3, 2))
    assert found.dim == group.dim
    assert all(found.contains(g) for g in group.sample(10, random_state=0))
    assert all(group.contains(g) for g in found.sample(10, random_state=0))
    assert found == group


@pytest.mark.parametrize(
    ("generators", "dim", "components"),
    [
        ([block_diag(turn(1.0), turn(1.0 + math.tau / 7))], 1, 7),
        ([block_diag(turn(1.0), turn(3.0))], 1, 1),
        ([block_diag(turn(1.0), turn(0.5 + math.pi / 3))], 1, 3),
        ([block_diag(turn(1.0), turn(math.sqrt(2.0)))], 2, 1),
        ([block_diag(turn(1.0), turn(math.sqrt(2.0)), turn(1.0 + math.sqrt(2.0)))], 2, 1),
        ([block_diag(turn(1.0), turn(math.tau / 5))], 1, 5),
        ([block_diag(turn(1.0), -1.0)], 1, 2),
        ([np.block([[np.zeros((2, 2)), turn(1.0)], [np.eye(2), np.zeros((2, 2))]])], 1, 2),
    ],
)
def test_components_of_closures(generators, dim, components):
    group = MatrixGroup(generators, closure=True)
    assert group.dim == dim
    assert len(group._known._components) == components
    # powers of one generator are dense: they are in the group, and meet all components alike
    powers = [np.linalg.matrix_power(generators[0], k) for k in range(1, 30)]
    assert all(group.contains(OrthogonalMatrix(p)) for p in powers)
    assert not group.contains(OrthogonalMatrix(orthogonal(group.degree)))
    n = 20_000
    means = [np.linalg.matrix_power(generators[0], k) for k in range(n)]
    for power in (1, 2):
        dense = np.mean([np.trace(m) ** power for m in means])
        drawn = np.array([np.trace(g.as_matrix()) ** power for g in group.sample(4000, 0)])
        assert abs(dense - drawn.mean()) < 5 * drawn.std() / math.sqrt(len(drawn)) + 1e-2


@pytest.mark.parametrize("n", [2, 3])
def test_closures_of_unitary_matrices(n):
    rng = np.random.default_rng(n)

    def unitary():
        return np.linalg.qr(rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n)))[0]

    def real(U):
        return np.block([[U.real, -U.imag], [U.imag, U.real]])

    a, b = unitary(), unitary()
    a0, b0 = (U / np.linalg.det(U) ** (1 / n) for U in (a, b))
    fifth = np.exp(2j * np.pi / 5)
    whole, special, more = (
        MatrixGroup([real(U), real(V)], closure=True)
        for U, V in ((a, b), (a0, b0), (fifth * a0, b0))
    )
    assert (whole.dim, special.dim, more.dim) == (n * n, n * n - 1, n * n - 1)
    other = unitary()
    assert whole.contains(OrthogonalMatrix(real(other)))
    assert not special.contains(OrthogonalMatrix(real(other)))
    inside = OrthogonalMatrix(real(other / np.linalg.det(other) ** (1 / n)))
    assert special.contains(inside)
    turned_on = OrthogonalMatrix(real(fifth * np.eye(n)))
    assert more.contains(turned_on)
    assert not special.contains(turned_on)
    # the mean square of 2 Re tr: 4 where traces are real, else 2
    squares = np.array([np.trace(g.as_matrix()) for g in special.sample(4000, 0)]) ** 2
    assert abs(squares.mean() - (4 if n == 2 else 2)) < 5 * squares.std() / math.sqrt(4000)


@pytest.mark.parametrize("name", CLOSURES)
def test_closures_are_refused_without_being_asked_for(name):
    group = CLOSURES[name]
    with pytest.raises(ValueError, match="closure=True gives the compact group"):
        MatrixGroup(group.generators, limit=300)
    assert ", closure=True)" in repr(group)
    for method, text in (("sum", "infinitely many elements"), ("closed_form", "no closed form")):
        with pytest.raises(ValueError, match=text):
            InvariantKernel(RBF(), group, method=method).plan()
    with pytest.raises(GroupTooLargeError, match=re.escape("symkernel.spectral finds invariant")):
        group.table(100)


def test_volumes_of_closures_are_refused():
    with pytest.raises(ValueError, match=r"the volume of the orbits of MatrixGroup.* not known"):
        theory.quotient(Sphere(2), CLOSURES["O(2)"])
    with pytest.raises(GroupTooLargeError, match="InvariantBasis"):
        theory.invariant_dimension(Sphere(2), CLOSURES["O(2)"], 4)


def test_large_groups_in_products_and_lifts():
    points = W_E8.along(1, (3, 8)) * groups.Symmetric(3).along(0, (3, 8))
    assert points.order == 6 * 696_729_600
    assert all(points.contains(g) for g in points.sample(3, random_state=0))
    lifted = Stereographic.lift(W_E8)
    assert (lifted.degree, lifted.order) == (9, 696_729_600)
    X = np.random.default_rng(0).standard_normal((5, 8))
    assert len(diagnostics.orbit_grid(W_E8, random_state=0)) == 64
    diagnostics.assert_invariant(lambda X: (X**2).sum(axis=1), X, group=W_E8, random_state=0)
    with pytest.raises(AssertionError):
        diagnostics.assert_invariant(lambda X: X[:, 0], X, group=W_E8, random_state=0)


def test_a_closure_of_finitely_many_elements_is_that_group():
    group = MatrixGroup([turn(math.tau / 12)], closure=True)
    assert group.is_finite
    assert group.order == 12


def test_too_many_components():
    group = MatrixGroup([block_diag(turn(1.0), turn(math.tau / 997))], closure=True)
    assert group.dim == 1
    with pytest.raises(ValueError, match="more than 256 components"):
        group.sample(1, 0)
    # the generators alone: functions of the first plane's radius, of the second's up to degree 996
    dimensions = InvariantBasis(Polynomials(4), group, max_level=6).dimensions
    assert dimensions.tolist() == [1, 0, 2, 0, 3, 0, 4]


def test_haar_moments_of_a_closure():
    group = MatrixGroup(
        [
            orthogonal(3, 1) * round(np.linalg.det(orthogonal(3, 1))),
            orthogonal(3, 2) * round(np.linalg.det(orthogonal(3, 2))),
        ],
        closure=True,
    )
    assert group == groups.SO(3)
    traces = np.array([np.trace(g.as_matrix()) for g in group.sample(20_000, random_state=0)])
    for power, mean in ((1, 0.0), (2, 1.0), (3, 1.0), (4, 3.0)):  # of SU(2)'s spin 1
        values = traces**power
        assert abs(values.mean() - mean) < 5 * values.std() / math.sqrt(len(values))


def test_spectral_regression_under_a_closure_is_that_of_the_circle():
    rng = np.random.default_rng(0)
    X = Sphere(4).random_points(80, 1)
    y = (X[:, 0] * X[:, 2] + X[:, 1] * X[:, 3]) ** 2 + 0.01 * rng.standard_normal(80)
    named = groups.SO(2).along(1, (2, 2))
    ours, theirs = (
        SpectralRegressor(Sphere(4), group, max_level=4).fit(X, y).predict(X)
        for group in (CLOSURES["SO(2) on two points"], named)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-10)
    moved = np.kron(np.eye(2), turn(0.3))
    model = SpectralRegressor(Sphere(4), CLOSURES["SO(2) on two points"], max_level=4).fit(X, y)
    np.testing.assert_allclose(model.predict(X @ moved.T), ours, atol=1e-10)


# -- lattices ------------------------------------------------------------------------------------


def test_reduced_bases_span_the_lattice():
    rng = np.random.default_rng(0)
    for n in (1, 2, 4, 6):
        rows = rng.integers(-50, 50, (n, n)).astype(float)
        found = reduced(rows)
        change = found @ np.linalg.inv(rows)
        np.testing.assert_allclose(change, np.rint(change), atol=1e-9)
        assert abs(abs(np.linalg.det(change)) - 1.0) < 1e-6
        assert np.linalg.norm(found, axis=1).min() <= np.linalg.norm(rows, axis=1).min() + 1e-9


@pytest.mark.parametrize(
    ("turns", "rank"),
    [
        ([0.25], 1),
        ([1.0 / 9973], 1),
        ([1.0 / math.tau], 0),
        ([1.0 / math.tau, 2.0 / math.tau], 1),
        ([1.0 / math.tau, math.sqrt(2.0) / math.tau], 0),
        ([math.sqrt(2.0), math.sqrt(3.0), 5 * math.sqrt(2.0) - 3 * math.sqrt(3.0) + 0.5], 1),
        ([0.5, 1 / 3, math.sqrt(2.0)], 2),
        ([0.0, 0.0], 2),
    ],
)
def test_relations(turns, rank):
    turns = np.array(turns)
    found = relations(turns)
    assert np.linalg.matrix_rank(found) == rank if len(found) else rank == 0
    values = found @ turns
    np.testing.assert_allclose(values, np.rint(values), atol=1e-8)


def test_bases_of_lattices():
    found = lattice_basis(np.array([[4.0], [6.0], [-10.0], [0.0]]))
    assert abs(found @ [4.0, 6.0, -10.0, 0.0]).tolist() == [2.0]
    rng = np.random.default_rng(0)
    basis = rng.standard_normal((2, 2))
    vectors = rng.integers(-4, 5, (6, 2)) @ basis
    found = lattice_basis(vectors) @ vectors
    coordinates = vectors @ np.linalg.inv(found)
    np.testing.assert_allclose(coordinates, np.rint(coordinates), atol=1e-9)


def test_matrices_that_were_rounded_have_a_way_in():
    generators = [g.as_matrix() for g in groups.PointGroup("I").generators]
    turned = generators[0] @ generators[1] @ generators[0]  # no entry of which is exact
    for given in (turned.astype(np.float32), turned.round(6)):
        with pytest.raises(ValueError, match=r"A\^T A - I. is .*e-0[678].*polar") as error:
            groups.MatrixGroup([given])
        tol = float(re.search(r"and tol=(\S+) accepts", str(error.value))[1])
        groups.MatrixGroup([given], tol=tol)
    projected = [polar(np.float64(g.astype(np.float32)))[0] for g in generators]
    assert groups.MatrixGroup(projected).order == 60
    with pytest.raises(ValueError, match=r"polar\(np.float64\(A\)\)\[0\]$"):
        groups.MatrixGroup([turned.round(2)])  # no tol is so large
    with pytest.raises(ValueError, match=r"is accepted$"):
        groups.MatrixGroup([2 * turned])


def test_a_closure_without_a_formula_is_named_once_and_the_way_out_first():
    c, s = np.cos(1.0), np.sin(1.0)
    first, second = np.eye(4), np.eye(4)
    first[:2, :2] = second[1:3, 1:3] = [[c, -s], [s, c]]
    G = groups.MatrixGroup([first, second], closure=True)
    for method, start in (("auto", "method='sample' averages"), ("quadrature", "quadrature needs")):
        with pytest.raises(NotApplicableError, match=f"^{start}") as error:
            InvariantKernel(RBF(), G, method).plan()
        words = str(error.value)
        assert len(words) < 500 and "0.54" not in words and words.count("MatrixGroup") <= 1


def test_large_groups_name_canonical_forms_where_they_have_one():
    sampled = "method='sample' averages over random elements, to a stated error"
    for method in ("auto", "sum"):
        with pytest.raises(GroupTooLargeError, match=f"{sampled}; method='canonical' compares one"):
            InvariantKernel(RBF(), groups.Graph(12), method).plan()
    with pytest.raises(GroupTooLargeError, match=f"{sampled}$"):
        InvariantKernel(RBF(), W_E8).plan()
    X = np.random.default_rng(0).normal(size=(2, 8))
    K = InvariantKernel(Polynomial(4), W_E8)(X)  # as README says
    moved = np.stack([g.apply(x) for g, x in zip(W_E8.sample(2, 0), X, strict=True)])
    np.testing.assert_allclose(InvariantKernel(Polynomial(4), W_E8)(moved, X), K, rtol=1e-9)
