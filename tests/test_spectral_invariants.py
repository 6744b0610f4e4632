"""Invariant functions: the projector is the group average, and the functions do not change."""

from functools import reduce

import numpy as np
import pytest
from catalog import CLOSURES, LARGE_MATRICES
from scipy.linalg import expm
from symkernel import groups
from symkernel.spectral import SO3, InvariantBasis, Polynomials, Product, Sphere, Torus

octahedral, icosahedral = groups.PointGroup("O"), groups.PointGroup("I")
PAIR = Product(Sphere(3), Sphere(3))
SWAP = groups.Symmetric(2).along(0, (2, 3))
# a cycle with signs whose square is not the identity: no function but constants in places
SIGNED = groups.PermutationGroup([groups.SignedPermutation([1, 2, 3, 0], [1, -1, 1, 1])])

FINITE = {
    "S3 torus": (Torus(3), groups.Symmetric(3), 9),
    "B3 torus": (Torus(3), groups.Hyperoctahedral(3), 9),
    "C5 torus": (Torus(5), groups.Cyclic(5), 4),
    "signed torus": (Torus(4, 2 * np.pi), SIGNED, 4),
    "flips of a line": (Torus(1), groups.SignFlips(1), 16),
    "trivial torus": (Torus(2), groups.Trivial(2), 5),
    "D5 circle": (Sphere(2), groups.PointGroup("D5", degree=2), 11),
    "I": (Sphere(3), icosahedral, 16),
    "D3d": (Sphere(3), groups.PointGroup("D3d"), 9),
    "B3 sphere": (Sphere(3), groups.Hyperoctahedral(3), 8),
    "A4 sphere": (Sphere(4), groups.Alternating(4), 6),
    "signed sphere": (Sphere(4), SIGNED, 6),
    "C5 sphere": (Sphere(5), groups.Cyclic(5), 4),
    "C5 on two planes": (Sphere(4), groups.PointGroup("C5", degree=2).along(1, (2, 2)), 6),
    "O x S2 sphere": (Sphere(6), octahedral.along(1, (2, 3)) * SWAP, 4),
    "D4 polynomials": (Polynomials(4), groups.Dihedral(4), 5),
    "signed polynomials": (Polynomials(4), SIGNED, 5),
    "I polynomials": (Polynomials(3), icosahedral, 10),
    "T on points": (Polynomials(6), groups.PointGroup("T").along(1, (2, 3)) * SWAP, 4),
    "C7 on points": (Polynomials(4), groups.PointGroup("C7", degree=2).along(1, (2, 2)), 5),
    "O left": (SO3(), octahedral.along(0, (3, 3)), 4),
    "I x D3": (SO3(), icosahedral.along(0, (3, 3)) * groups.PointGroup("D3").along(1, (3, 3)), 6),
    "transpose": (SO3(), groups.PermutationGroup([[0, 3, 6, 1, 4, 7, 2, 5, 8]]), 3),
    "O x swap": (PAIR, octahedral.along(1, (2, 3)) * SWAP, 12),
    "torus x circle": (
        Product(Torus(2, 2 * np.pi), Sphere(2)),
        groups.PermutationGroup([groups.SignedPermutation([1, 0, 2, 3], [1, 1, -1, 1])]),
        5,
    ),
}

INFINITE = {
    "shifts": (Torus(4, 2 * np.pi), groups.Torus(1).along(1, (4, 1)), 4),
    "shifts, other period": (Torus(4, 3.0), groups.Translations(1).along(1, (4, 1)), 4),
    "shifts x C3": (
        Torus(6, 2 * np.pi),
        groups.Torus(2).along(1, (3, 2)) * groups.Cyclic(3).along(0, (3, 2)),
        4,
    ),
    "SO(3) on the sphere": (Sphere(3), groups.SO(3), 6),
    "SO(2) on planes": (Sphere(4), groups.SO(2).along(1, (2, 2)), 6),
    "SO(3) on pairs": (Sphere(6), groups.SO(3).along(1, (2, 3)), 5),
    "O(3) x S3 on clouds": (
        Polynomials(9),
        groups.O(3).along(1, (3, 3)) * groups.Symmetric(3).along(0, (3, 3)),
        4,
    ),
    "SO(2) x C3": (
        Polynomials(6),
        groups.SO(2).along(1, (3, 2)) * groups.Cyclic(3).along(0, (3, 2)),
        4,
    ),
    "closure on planes": (Sphere(4), CLOSURES["SO(2) on two points"], 6),
    "closure O(2)": (Sphere(2), CLOSURES["O(2)"], 6),
    "closure of seven components": (Polynomials(5), CLOSURES["about an axis, seven components"], 4),
    "closure about an axis": (
        Sphere(3),
        groups.MatrixGroup([expm(np.cross(np.eye(3), [1 / 3, 2 / 3, 2 / 3]))], closure=True),
        8,
    ),
    "SO(3) left": (SO3(), groups.SO(3).along(0, (3, 3)), 3),
    "SO(3) on a product": (PAIR, groups.SO(3).along(1, (2, 3)), 12),
    "circle": (
        Product(Torus(1, 2 * np.pi), Torus(1, 2 * np.pi)),
        groups.Torus(1).along(1, (2, 1)),
        9,
    ),
}


def one(cases):
    return pytest.mark.parametrize(("manifold", "group", "top"), cases.values(), ids=cases)


def size(manifold, X, top):
    """What values are compared with: polynomials grow."""
    lengths = np.linalg.norm(X, axis=1).max() if isinstance(manifold, Polynomials) else 1.0
    return 1e-12 * max(1.0, lengths**top)


@one(FINITE)
def test_projector_is_the_group_average(manifold, group, top):
    basis = InvariantBasis(manifold, group, max_level=top)
    X = manifold.random_points(60, 0)
    for known in manifold.levels(top):
        values = manifold.eigenfunctions(X, known.level)
        average = np.mean(
            [manifold.eigenfunctions(g.apply(X), known.level) for g in group.elements()], axis=0
        )
        projector = basis.projector(known.level)
        assert projector.shape == (known.multiplicity, known.multiplicity)
        np.testing.assert_allclose(values @ projector, average, atol=10 * size(manifold, X, top))


@one({**FINITE, **INFINITE, "E8": (Polynomials(8), LARGE_MATRICES["E8"], 4)})
def test_functions_are_orthonormal_invariant_and_complete(manifold, group, top):
    basis = InvariantBasis(manifold, group, max_level=top)
    X = manifold.random_points(40, 1)
    features = basis.fit_transform(X)
    assert features.shape == (40, basis.dimensions.sum())
    column = 0
    for part in basis.subspaces_:
        gram = part.coefficients.T @ part.coefficients
        np.testing.assert_allclose(gram, np.eye(part.dimension), atol=1e-12)
        columns = features[:, column : column + part.dimension]
        expected = manifold.eigenfunctions(X, part.level) @ part.coefficients
        np.testing.assert_allclose(columns, expected, atol=size(manifold, X, top))
        np.testing.assert_allclose(part.evaluate(X), columns, atol=size(manifold, X, top))
        column += part.dimension
    moved = [*group.generators, *group.sample(3, random_state=0)]
    if group.generators:
        rng = np.random.default_rng(0)
        word = rng.integers(len(group.generators), size=8)
        moved.append(reduce(lambda g, h: g @ h, [group.generators[k] for k in word]))
    for g in moved:
        np.testing.assert_allclose(
            basis.transform(g.apply(X)), features, atol=3 * size(manifold, X, top)
        )


@one(INFINITE)
def test_nothing_is_missing_from_infinite_groups(manifold, group, top):
    # Projectors of many elements multiply up to that of the group they generate, a dense one.
    rng = np.random.default_rng(0)
    X = manifold.random_points(40, 0)
    basis = InvariantBasis(manifold, group, max_level=top)
    for part in basis._solve():
        if part.multiplicity > 120:
            continue
        points = manifold.random_points(3 * part.multiplicity + 20, 2)
        values = manifold.eigenfunctions(points, part.level)
        elements = group.sample(6, random_state=int(rng.integers(1000)))
        identity = np.eye(part.multiplicity)
        equations = []
        for g in elements:
            moved = manifold.eigenfunctions(g.apply(points), part.level)
            equations.append(np.linalg.lstsq(values, moved, rcond=None)[0] - identity)
        singular = np.linalg.svd(np.concatenate(equations), compute_uv=False)
        assert int((singular < 1e-8).sum()) == part.dimension
    assert basis.fit(X).gap_ > 1e-3


def test_about_an_axis():
    axis = np.array([1.0, 2.0, 2.0]) / 3
    turn = np.cross(np.eye(3), axis)
    quotient = groups.MatrixGroup([expm(2 * np.pi / 50 * turn)])
    # rotations by 2 pi/50 leave what all rotations about the axis leave, up to degree 49
    basis = InvariantBasis(Sphere(3), quotient, max_level=30)
    assert basis.dimensions.tolist() == [1] * 31
    X = Sphere(3).random_points(20, 0)
    np.testing.assert_allclose(
        basis.fit(X).transform(X @ expm(0.7 * turn).T), basis.transform(X), atol=1e-11
    )
    assert abs(basis.gap_ - abs(np.exp(2j * np.pi / 50) - 1)) < 1e-9


@pytest.mark.parametrize("degree", [40, 60])
def test_high_degrees(degree):
    part = Sphere(3).invariants(icosahedral, degree)
    X = Sphere(3).random_points(50, 0)
    values = part.evaluate(X)
    for g in icosahedral.generators:
        np.testing.assert_allclose(part.evaluate(g.apply(X)), values, atol=1e-11)


def test_polynomial_features_average_the_power_kernel():
    group = groups.PermutationGroup([[1, 2, 0, 3], [0, 1, 3, 2]])
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((6, 4)), rng.standard_normal((5, 4))
    part = Polynomials(4).invariants(group, 5)
    expected = np.mean([(X @ g.apply(Y).T) ** 5 for g in group.elements()], axis=0)
    np.testing.assert_allclose(part.evaluate(X) @ part.evaluate(Y).T, expected, atol=1e-9)


def test_symmetric_group_of_fifty():
    basis = InvariantBasis(Polynomials(50), groups.Symmetric(50), max_level=4)
    assert basis.dimensions.tolist() == [1, 1, 2, 3, 5]
    X = np.random.default_rng(0).uniform(-1, 1, (3, 50))
    features = basis.fit_transform(X)
    power = X**4
    # the orbit sum of x_i^4: 50 modes of norm 1
    np.testing.assert_allclose(features[:, -1], power.sum(axis=1) / np.sqrt(50), rtol=1e-12)


def test_a_huge_permutation_group():
    rng = np.random.default_rng(3)
    shuffle = rng.permutation(30)
    back = np.argsort(shuffle)
    inner, outer = np.arange(30), np.arange(30)
    inner[:10] = np.roll(inner[:10], 1)
    swap = np.arange(30)
    swap[[0, 1]] = [1, 0]
    generators = [shuffle[g[back]] for g in (inner, swap, np.roll(outer, 10))]
    group = groups.PermutationGroup(generators)
    assert group.order == 3 * 3628800**3 > 10**18
    basis = InvariantBasis(Sphere(30), group, max_level=4)
    X = Sphere(30).random_points(10, 0)
    features = basis.fit_transform(X)
    assert basis.dimensions[1] == 1
    for g in group.sample(3, random_state=0):
        np.testing.assert_allclose(basis.transform(g.apply(X)), features, atol=1e-12)
