"""Searches for invariant functions: counted before they start, by structure where there is one."""

import numpy as np
import pytest
from symkernel import groups
from symkernel.spectral import (
    SO3,
    HeatKernel,
    InvariantBasis,
    Polynomials,
    Product,
    SpectralRegressor,
    Sphere,
    Torus,
    polynomials,
    search,
)
from symkernel.spectral.partition_subspace import PartitionSubspace

MANIFOLDS = [Sphere(2), Sphere(3), Sphere(6), SO3(), Polynomials(3), Polynomials(7), Torus(3)]


@pytest.mark.parametrize("manifold", MANIFOLDS, ids=str)
def test_counts_are_those_of_the_levels(manifold):
    for top in (0, 1, 2.5, 7):
        levels = manifold.levels(top)
        assert manifold.count(top) == sum(level.multiplicity for level in levels)
        for level in levels:
            assert manifold._level(level.level) == level
    with pytest.raises(ValueError, match="level must be one of those of"):
        manifold.eigenfunctions(manifold.random_points(1, 0), 1.5)


@pytest.mark.parametrize("far", [60, 10**6, 1e300])
def test_a_search_that_goes_too_far_is_refused_with_a_count(far, monkeypatch):
    def never(*args):
        raise AssertionError("the search has started")

    monkeypatch.setattr(search, "found_subspace", never)
    X = Sphere(6).random_points(20, 0)
    for make in (SpectralRegressor, InvariantBasis):
        model = make(Sphere(6), groups.Cyclic(6), max_level=far)
        with pytest.raises(ValueError, match="is too far to find the functions") as caught:
            model.fit(X, X[:, 0])
        assert f"there are {Sphere(6).count(far):,} functions up to level {far}" in str(
            caught.value
        )
        assert f"max_level={far!r}" in str(caught.value)
        assert "Level 15 is the highest that is searched" in str(caught.value)


@pytest.mark.parametrize(
    ("manifold", "group"),
    [
        (Sphere(3), groups.PointGroup("O")),
        (Sphere(3), groups.SO(3)),
        (Sphere(5), groups.Trivial(5)),
        (SO3(), groups.PointGroup("T").along(0, (3, 3))),
        (SO3(), groups.PointGroup("T").along(0, (3, 3)) * groups.PointGroup("T").along(1, (3, 3))),
        (Polynomials(8), groups.Cyclic(8)),
        (Polynomials(4), groups.SO(2).along(1, (2, 2))),
        (Torus(6), groups.Symmetric(6)),
        (Product(Sphere(3), Sphere(3)), groups.SO(3).along(1, (2, 3))),
    ],
    ids=str,
)
def test_every_search_is_bounded(manifold, group):
    with pytest.raises(ValueError, match=r"is too far to find the functions .* there are [0-9,]+ "):
        search.levels_within_reach(manifold, group, 10**5)
    with pytest.raises(ValueError, match=r"n_components=10+ is too far"):
        list(search.within_reach(manifold, group, f"n_components={10**9}"))


def test_lists_of_levels_are_bounded():
    with pytest.raises(ValueError, match=r"takes in more than 100,000 levels of Sphere\(3\)"):
        Sphere(3).levels(10**7)


def test_both_bounds_hold():
    basis = InvariantBasis(Sphere(3), groups.PointGroup("I"), max_level=12, n_components=3)
    assert basis.dimensions.tolist() == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0]
    basis.set_params(max_level=7)
    assert basis.dimensions.tolist() == [1, 0, 0, 0, 0, 0, 1, 0]


def octahedral_counts(top):
    """Count the harmonics that all 48 maps leave: 1 / ((1 - t^4)(1 - t^6))."""
    series = np.zeros(top + 1, int)
    series[0] = 1
    for part in (4, 6):
        for total in range(part, top + 1):
            series[total] += series[total - part]
    return series


def test_high_degrees_of_point_groups():
    basis = InvariantBasis(Sphere(3), groups.PointGroup("Oh"), max_level=88)
    np.testing.assert_array_equal(basis.dimensions, octahedral_counts(88))
    X = Sphere(3).random_points(5, 0)
    for level in (2, 5, 31, 88):
        part = Sphere(3).invariants(groups.PointGroup("Oh"), level)
        for g in groups.PointGroup("Oh").generators:
            np.testing.assert_allclose(part.evaluate(g.apply(X)), part.evaluate(X), atol=1e-11)


STRUCTURED = [
    groups.Symmetric(5),
    groups.Alternating(5),
    groups.Young([0, 0, 1, 1, 1]),
    groups.Young("abcab"),
    groups.Hyperoctahedral(5),
    groups.SignFlips(5),
]


@pytest.mark.parametrize("group", STRUCTURED, ids=str)
@pytest.mark.parametrize("manifold", [Polynomials(5), Sphere(5)], ids=str)
def test_structure_finds_what_listing_finds(manifold, group, monkeypatch):
    listed = groups.PermutationGroup(list(group.generators))
    expected = [manifold.invariants(listed, level) for level in range(8)]
    monkeypatch.setattr(
        Polynomials, "_by_partitions", lambda self, g, degree: polynomials.blocks_of(g, degree)
    )
    X = manifold.random_points(4, 0)
    for level, other in enumerate(expected):
        part = manifold.invariants(group, level)
        assert isinstance(part, PartitionSubspace) != isinstance(group, groups.SignFlips)
        assert part.dimension == other.dimension
        np.testing.assert_allclose(part.projector, other.projector, atol=1e-12)
        values = part.evaluate(X)
        scale = np.abs(values).max(initial=1.0)
        basis = manifold.eigenfunctions(X, level)
        np.testing.assert_allclose(basis @ part.coefficients, values, rtol=0, atol=1e-11 * scale)


def test_structure_needs_no_list_of_monomials():
    pairs = groups.Young([0] * 30 + [1] * 20)
    found = {
        group: InvariantBasis(Polynomials(50), group, max_level=6).dimensions.tolist()
        for group in (groups.Symmetric(50), groups.Alternating(50), groups.Hyperoctahedral(50))
    }
    assert found[groups.Symmetric(50)] == [1, 1, 2, 3, 5, 7, 11]
    assert found[groups.Alternating(50)] == [1, 1, 2, 3, 5, 7, 11]
    assert found[groups.Hyperoctahedral(50)] == [1, 0, 1, 0, 2, 0, 3]
    basis = InvariantBasis(Polynomials(50), pairs, max_level=6)
    assert basis.dimensions.tolist() == [1, 2, 5, 10, 20, 36, 65]
    flips = InvariantBasis(Polynomials(50), groups.SignFlips(50), max_level=6)
    assert flips.dimensions.tolist() == [1, 0, 50, 0, 1275, 0, 22100]
    sphere = InvariantBasis(Sphere(50), groups.Symmetric(50), max_level=6)
    assert sphere.dimensions.tolist() == [1, 1, 1, 2, 3, 4, 6]
    X = Sphere(50).random_points(3, 0)
    moved = X[:, np.random.default_rng(0).permutation(50)]
    for made in (basis, sphere):
        features = made.fit_transform(X)
        assert features.shape == (3, made.dimensions.sum())
    np.testing.assert_allclose(sphere.transform(moved), sphere.transform(X), atol=1e-9)
    kernel_of_group = features @ features.T
    assert np.linalg.eigvalsh(kernel_of_group).min() > 0


@pytest.mark.parametrize("n", [4, 9])
def test_harmonics_of_all_permutations_are_orthonormal(n, monkeypatch):
    monkeypatch.setattr(
        Polynomials, "_by_partitions", lambda self, g, degree: polynomials.blocks_of(g, degree)
    )
    part = Sphere(n).invariants(groups.Symmetric(n), 4)
    X = Sphere(n).random_points(200_000, 0)
    values = part.evaluate(X)
    np.testing.assert_allclose(values.T @ values / len(X), np.eye(part.dimension), atol=0.06)


def test_theory_counts_what_the_group_leaves():
    group = groups.PointGroup("O")
    basis = InvariantBasis(Sphere(3), group, max_level=30)
    rng = np.random.default_rng(0)
    fresh = Sphere(3).random_points(2000, 1)
    decay = np.repeat(
        [(1.0 + level.eigenvalue) ** -1.25 for level in Sphere(3).levels(30)][1:],
        basis.dimensions[1:],
    )
    coef = rng.choice([-1.0, 1.0], decay.size) * decay
    coef /= np.linalg.norm(coef)
    risks = []
    for n in (200, 1600):
        X = Sphere(3).random_points(n, n)
        y = basis.fit_transform(X)[:, 1:] @ coef + 0.1 * rng.standard_normal(n)
        model = SpectralRegressor(Sphere(3), group, n_components="theory", smoothness=1.5)
        model.fit(X, y)
        budget = int(n**0.4)
        used = np.flatnonzero(basis.dimensions.cumsum() <= budget)[-1]
        assert model.max_level_ == used
        assert len(model.coef_) == basis.dimensions[: used + 1].sum()
        risks.append(np.mean((model.predict(fresh) - basis.transform(fresh)[:, 1:] @ coef) ** 2))
    assert risks[0] < 0.3
    assert risks[1] < 0.35 * risks[0]


def test_theory_stops_where_there_are_no_more():
    X = Sphere(3).random_points(500, 0)
    model = SpectralRegressor(Sphere(3), groups.SO(3), n_components="theory", smoothness=1)
    model.fit(X, X[:, 0])
    assert len(model.coef_) == 1


def test_kernels_of_one_level_and_their_sum_agree():
    X = Sphere(6).random_points(4, 0)
    heat = HeatKernel(Sphere(6), 0.2, max_level=10)
    basis = InvariantBasis(Sphere(6), None, max_level=10).fit(X)
    weights = np.repeat(
        np.exp([-0.2 * level.eigenvalue for level in basis.levels_]), basis.dimensions
    )
    features = basis.transform(X)
    np.testing.assert_allclose((features * weights) @ features.T, heat(X), rtol=0, atol=1e-10)
