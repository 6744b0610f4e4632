"""Numbers of invariant functions: characters, Molien and Hilbert series, published tables."""

import itertools
import math
from functools import cache

import numpy as np
import pytest
from catalog import GROUPS
from symkernel import groups
from symkernel.spectral import SO3, InvariantBasis, Polynomials, Product, Sphere, Torus


def dimensions(manifold, group, **bound):
    return InvariantBasis(manifold, group, **bound).dimensions.tolist()


def series(factors, top):
    """Coefficients to degree `top` of prod 1 / (1 - t^f)."""
    out = [1] + [0] * top
    for factor in factors:
        for k in range(factor, top + 1):
            out[k] += out[k - factor]
    return out


def molien(matrices, top):
    """Mean over the group of h_l(eigenvalues): l h_l = sum_k p_k h_{l-k}, p_k = tr g^k."""
    total = np.zeros(top + 1)
    for matrix in matrices:
        powers = [np.trace(np.linalg.matrix_power(matrix, k)) for k in range(top + 1)]
        complete = [1.0]
        for degree in range(1, top + 1):
            complete.append(
                sum(powers[k] * complete[degree - k] for k in range(1, degree + 1)) / degree
            )
        total += complete
    return (total / len(matrices)).round(6)


@pytest.mark.parametrize("symbol", ["T", "O", "I", "Td", "Th", "Oh", "Ih", "D5", "C7v", "S6"])
def test_point_groups_on_the_sphere_agree_with_characters_to_degree_30(symbol):
    group = groups.PointGroup(symbol)
    degrees = np.arange(31)
    total = np.zeros(31)
    for g in group.elements():
        matrix = g.as_matrix()
        proper = np.linalg.det(matrix) > 0
        cosine = np.clip((np.trace(matrix if proper else -matrix) - 1) / 2, -1, 1)
        angle = math.acos(cosine)
        character = 1 + 2 * sum(
            np.where(degrees >= m, math.cos(m * angle), 0.0) for m in range(1, 31)
        )
        total += character * (1 if proper else (-1.0) ** degrees)
    expected = (total / group.order).round(6)
    assert dimensions(Sphere(3), group, max_level=30) == expected.tolist()


def test_published_counts_on_the_sphere():
    assert dimensions(Sphere(3), groups.PointGroup("O"), max_level=12) == [
        *(1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 2)
    ]
    icosahedral = dimensions(Sphere(3), groups.PointGroup("I"), max_level=20)
    assert [l for l, n in enumerate(icosahedral) if n] == [0, 6, 10, 12, 15, 16, 18, 20]  # noqa: E741


@pytest.mark.parametrize("d", range(3, 11))
def test_permutations_on_spheres_agree_with_the_hilbert_series(d):
    top = 10 if d < 9 else 8
    full = series(range(1, d + 1), top)
    expected = [n - (full[k - 2] if k > 1 else 0) for k, n in enumerate(full)]
    assert dimensions(Sphere(d), groups.Symmetric(d), max_level=top) == expected


@pytest.mark.parametrize("d", [3, 4, 6])
def test_signed_permutations_on_spheres_agree_with_the_hilbert_series(d):
    expected = series(range(4, 2 * d + 1, 2), 8)
    assert dimensions(Sphere(d), groups.Hyperoctahedral(d), max_level=8) == expected


def test_sign_flips_on_the_torus():
    counts = dimensions(Torus(10), groups.SignFlips(10), max_level=5)
    assert np.cumsum(counts).tolist() == [1, 11, 56, 176, 396, 738]
    levels = Torus(10).levels(5)
    assert np.cumsum([level.multiplicity for level in levels]).tolist() == [
        *(1, 21, 201, 1161, 4541, 12965)
    ]


@pytest.mark.parametrize("d", [2, 5, 10])
def test_permutations_on_tori_count_multisets_of_frequencies(d):
    @cache
    def multisets(level, parts, largest):
        """Multisets of at most `parts` non-zero frequencies, sizes up to `largest`."""
        if level == 0:
            return 1
        if parts == 0 or largest == 0:
            return 0
        total = multisets(level, parts, largest - 1)
        for count in range(1, min(parts, level // largest**2) + 1):
            # `count` frequencies of this size have count + 1 choices of how many are negative
            rest = level - count * largest**2
            total += (count + 1) * multisets(rest, parts - count, largest - 1)
        return total

    levels = Torus(d).levels(9 if d > 2 else 25)
    expected = [multisets(known.level, d, 5) for known in levels]
    assert dimensions(Torus(d), groups.Symmetric(d), max_level=levels[-1].level) == expected


def test_ranks_of_permutations_of_points_on_a_line():
    assert dimensions(Polynomials(6), groups.Symmetric(6), max_level=6) == [1, 1, 2, 3, 5, 7, 11]


def test_ranks_of_permutations_of_graphs():
    n = 8
    pairs = list(itertools.combinations_with_replacement(range(n), 2))
    place = {pair: k for k, pair in enumerate(pairs)}
    generators = []
    for g in groups.Symmetric(n).generators:
        images = [tuple(sorted((int(g.indices[i]), int(g.indices[j])))) for i, j in pairs]
        generators.append([place[pair] for pair in images])
    group = groups.PermutationGroup(generators)
    assert dimensions(Polynomials(len(pairs)), group, max_level=4) == [1, 2, 7, 23, 79]


SMALL = [
    name
    for name, group in GROUPS.items()
    if group.is_finite and group.degree <= 16 and group.order <= 5000
]


@pytest.mark.parametrize("name", SMALL)
def test_catalog_on_polynomials_and_spheres_agrees_with_molien(name):
    group = GROUPS[name]
    top = 4 if group.degree <= 9 else 3
    expected = molien([g.as_matrix() for g in group.elements()], top)
    assert dimensions(Polynomials(group.degree), group, max_level=top) == expected.tolist()
    expected[2:] -= expected[:-2].copy()
    assert dimensions(Sphere(group.degree), group, max_level=top) == expected.tolist()


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [("O", "C1", [1, 0, 0, 0, 9]), ("O", "D3", [1, 0, 0, 0, 2]), ("C1", "T", [1, 0, 0, 7, 9])],
)
def test_rotations_count_products_of_both_sides(left, right, expected):
    group = groups.PointGroup(left).along(0, (3, 3)) * groups.PointGroup(right).along(1, (3, 3))
    assert dimensions(SO3(), group, max_level=4) == expected


@pytest.mark.parametrize(
    ("manifold", "group", "top", "expected"),
    [
        (Sphere(3), groups.SO(3), 4, [1, 0, 0, 0, 0]),
        # two complex numbers turned by one angle: degree 2k has (k + 1)^2 invariant polynomials
        (Sphere(4), groups.SO(2).along(1, (2, 2)), 6, [1, 0, 3, 0, 5, 0, 7]),
        # polynomials in |x|^2, x . y, |y|^2
        (Polynomials(6), groups.SO(3).along(1, (2, 3)), 6, [1, 0, 3, 0, 6, 0, 10]),
        # and the determinant of three vectors, which reflections change
        (Polynomials(9), groups.SO(3).along(1, (3, 3)), 3, [1, 0, 6, 1]),
        (Polynomials(9), groups.O(3).along(1, (3, 3)), 3, [1, 0, 6, 0]),
        (Product(Sphere(3), Sphere(3)), groups.SO(3).along(1, (2, 3)), 12, [1, 0, 1, 0, 0, 1]),
        # frequencies that sum to zero
        (Torus(3, 2 * np.pi), groups.Torus(1).along(1, (3, 1)), 2, [1, 0, 6]),
    ],
)
def test_infinite_groups(manifold, group, top, expected):
    assert dimensions(manifold, group, max_level=top) == expected
