"""Counts without eigenfunctions, Weyl's law, effective dimensions, recommended levels."""

import itertools
import math

import numpy as np
import pytest
from catalog import GROUPS
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups, theory
from symkernel.exceptions import GroupTooLargeError
from symkernel.spectral import SO3, InvariantBasis, Polynomials, Product, Sphere, Torus
from symkernel.theory.classes import cycle_types, spectra
from symkernel.theory.counts import plot_dimension_counts, total_dimension
from symkernel.theory.haar import haar_classes
from symkernel.theory.orbit_counts import multisets, subsets

ANGLES = 2 * np.pi


def from_basis(manifold, group, top):
    return tuple(InvariantBasis(manifold, group, max_level=top).dimensions.tolist())


def counts(manifold, group, top):
    return theory.dimension_counts(manifold, group, top).invariant


LINEAR = [name for name, group in GROUPS.items() if group.is_linear]


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("manifold", [Polynomials, Sphere])
def test_counts_agree_with_the_basis_on_polynomials_and_spheres(name, manifold):
    group = GROUPS[name]
    top = 4 if group.degree <= 9 else 3
    where = manifold(group.degree)
    assert counts(where, group, top) == from_basis(where, group, top)


@pytest.mark.parametrize("name", [name for name, g in GROUPS.items() if g.is_signed_permutation])
def test_counts_agree_with_the_basis_on_tori(name):
    group = GROUPS[name]
    where = Torus(group.degree, ANGLES)
    top = 4 if group.degree <= 12 else 2
    assert counts(where, group, top) == from_basis(where, group, top)


@pytest.mark.parametrize("symbol", ["T", "O", "I", "Td", "Th", "Oh", "Ih", "D5", "C7v", "S6"])
def test_point_groups_to_degree_30(symbol):
    group = groups.PointGroup(symbol)
    assert counts(Sphere(3), group, 30) == from_basis(Sphere(3), group, 30)


@pytest.mark.parametrize("d", [4, 7, 10])
@pytest.mark.parametrize("named", [groups.Symmetric, groups.Hyperoctahedral, groups.SignFlips])
def test_named_groups_in_many_dimensions(named, d):
    group = named(d)
    assert counts(Sphere(d), group, 6) == from_basis(Sphere(d), group, 6)
    assert counts(Torus(d), group, 4) == from_basis(Torus(d), group, 4)


OTHERS = [
    (SO3(), groups.PointGroup("O").along(0, (3, 3)) * groups.PointGroup("D3").along(1, (3, 3)), 4),
    (SO3(), groups.SO(3).along(0, (3, 3)), 3),
    (SO3(), groups.PermutationGroup([np.arange(9).reshape(3, 3).T.reshape(-1)]), 4),  # R -> R^T
    (Sphere(4), groups.SO(2).along(1, (2, 2)), 6),
    (Sphere(6), groups.O(2).along(1, (3, 2)), 4),
    (Polynomials(6), groups.SO(3).along(1, (2, 3)), 6),
    (Polynomials(9), groups.SO(3).along(1, (3, 3)), 3),
    (Polynomials(9), groups.Symmetric(3).along(0, (3, 3)) * groups.O(3).along(1, (3, 3)), 4),
    (Polynomials(8), groups.SO(4).along(1, (2, 4)), 4),
    (Polynomials(8), groups.O(4).along(1, (2, 4)), 4),
    (Polynomials(10), groups.O(5).along(1, (2, 5)), 4),
    (Polynomials(4), groups.SO(4), 4),
    (Product(Sphere(3), Sphere(3)), groups.SO(3).along(1, (2, 3)), 12),
    (
        Product(Sphere(3), Sphere(3), Sphere(3)),
        groups.Cyclic(3).along(0, (3, 3)) * groups.PointGroup("T").along(1, (3, 3)),
        12,
    ),
    (Product(Torus(2, ANGLES), Sphere(3)), groups.PermutationGroup([[1, 0, 2, 3, 4]]), 6),
    # long periods: eigenvalues below the levels
    (Product(Torus(1, 20.0), Sphere(3)), groups.PermutationGroup([[0, 2, 1, 3]]), 3),
    (Torus(3, ANGLES), groups.Torus(1).along(1, (3, 1)), 6),
    (
        Torus(6, ANGLES),
        groups.Torus(2).along(1, (3, 2)) * groups.Cyclic(3).along(0, (3, 2)),
        5,
    ),
    (Torus(4, ANGLES), groups.Torus(1).along(1, (4, 1)) * groups.Symmetric(4).along(0, (4, 1)), 6),
]


@pytest.mark.parametrize(("manifold", "group", "top"), OTHERS, ids=str)
def test_other_manifolds_and_infinite_groups(manifold, group, top):
    assert counts(manifold, group, top) == from_basis(manifold, group, top)


def test_published_counts():
    assert theory.molien_series(groups.Symmetric(50), 6) == (1, 1, 2, 3, 5, 7, 11)
    assert theory.invariant_dimension(Torus(10), groups.SignFlips(10), 5) == 738
    assert total_dimension(Torus(10), 5) == 12965
    icosahedral = counts(Sphere(3), groups.PointGroup("I"), 20)
    assert [k for k, n in enumerate(icosahedral) if n] == [0, 6, 10, 12, 15, 16, 18, 20]
    assert counts(Sphere(3), groups.Symmetric(3), 9) == (1, 1, 1, 2, 2, 2, 3, 3, 3, 4)


def test_no_group_leaves_everything():
    found = theory.dimension_counts(Sphere(3), None, 4)
    assert found.invariant == found.total == (1, 3, 5, 7, 9)
    assert found.order == 1
    np.testing.assert_array_equal(found.ratio, 1.0)


@pytest.mark.parametrize(
    "group",
    [
        groups.Symmetric(5),
        groups.Hyperoctahedral(3),
        groups.Hyperoctahedral(2).along(0, (2, 3)),
        groups.Cyclic(4).along(0, (4, 3)) * groups.Hyperoctahedral(3).along(1, (4, 3)),
    ],
    ids=str,
)
def test_cycle_types_are_those_of_the_elements(group):
    types = cycle_types(group)
    assert types.order == group.order
    expected = np.zeros(7)
    for g in group.elements():
        matrix = g.as_matrix()
        expected += [np.trace(np.linalg.matrix_power(matrix, k)) ** 2 for k in range(7)]
    found = spectra(group, 6)
    np.testing.assert_allclose(
        found.weights @ found.power_sums**2, expected / group.order, rtol=1e-12
    )


@pytest.mark.parametrize("group", [groups.SO(2), groups.O(2), groups.SO(3), groups.O(3)], ids=str)
@pytest.mark.parametrize("power", range(7))
def test_haar_classes_give_moments_of_the_trace(group, power):
    weights, matrices = haar_classes(group, 6)
    found = weights @ np.trace(matrices, axis1=1, axis2=2) ** power
    # Densities of the angle: 1 / 2 pi in the plane, (1 - cos t) / 2 pi in space.
    t = (np.arange(64) + 0.5) * 2 * np.pi / 64
    if group.degree == 2:
        turned, mirrored = np.mean((2 * np.cos(t)) ** power), 0.0**power
    else:
        turned = np.mean((1 - np.cos(t)) * (1 + 2 * np.cos(t)) ** power)
        mirrored = (-1) ** power * turned
    whole = isinstance(group, groups.O)
    assert found == pytest.approx((turned + mirrored) / 2 if whole else turned, abs=1e-12)


@pytest.mark.parametrize("n", range(1, 7))
def test_haar_classes_are_normalised_and_irreducible(n):
    for group in (groups.SO(n), groups.O(n)):
        weights, matrices = haar_classes(group, 4)
        traces = np.trace(matrices, axis1=1, axis2=2)
        assert weights.sum() == pytest.approx(1)
        if n == 1:
            expected = 1.0
        elif n == 2 and isinstance(group, groups.SO):
            expected = 2.0  # two complex representations
        else:
            expected = 1.0
        assert weights @ traces**2 == pytest.approx(expected)


@pytest.mark.parametrize("n", range(5))
def test_multisets_and_subsets(n):
    levels = [0, 0, 1, 2, 2, 2, 3]
    one = [levels.count(k) for k in range(9)]
    several = itertools.combinations_with_replacement(range(len(levels)), n)
    totals = [sum(levels[i] for i in each) for each in several]
    assert multisets(one, n) == [totals.count(k) for k in range(9)]
    totals = [sum(levels[i] for i in each) for each in itertools.combinations(range(7), n)]
    assert subsets(one, n) == [totals.count(k) for k in range(9)]


# Weyl's remainder is of the order of the boundary of the quotient: half a power of the eigenvalue.
@pytest.mark.parametrize(
    ("manifold", "group", "top", "dim"),
    [
        (Sphere(3), None, 60, 2),
        (Sphere(3), groups.PointGroup("I"), 120, 2),
        (Sphere(3), groups.SO(3), 9, 0),
        (Sphere(6), groups.SO(3).along(1, (2, 3)), 100, 2),
        (Sphere(6), groups.O(3).along(1, (2, 3)), 100, 2),
        (Sphere(4), groups.SO(2).along(1, (2, 2)), 60, 2),
        (Torus(3), groups.SignFlips(3), 900, 3),
        (Torus(3, ANGLES), groups.Torus(1).along(1, (3, 1)), 300, 2),
        (SO3(), groups.PointGroup("O").along(0, (3, 3)), 30, 3),
        (Product(Sphere(3), Sphere(3)), groups.SO(3).along(1, (2, 3)), 200, 1),
    ],
    ids=str,
)
def test_weyl_estimates(manifold, group, top, dim):
    size = theory.quotient(manifold, group)
    assert size.dim == dim
    eigenvalue = manifold.levels(top)[-1].eigenvalue
    estimate = theory.weyl_estimate(manifold, group, eigenvalue)
    exact = theory.invariant_dimension(manifold, group, top)
    assert estimate == pytest.approx(exact, rel=0.2)
    shares = 5 * size.error / size.volume
    assert abs(estimate - exact) <= shares * exact + 4 * exact ** ((dim - 1) / max(dim, 1))


def test_volumes():
    assert theory.volume(Torus(3, 2.0)) == 8
    assert theory.volume(Sphere(2)) == pytest.approx(2 * math.pi)
    assert theory.volume(Sphere(4)) == pytest.approx(2 * math.pi**2)
    assert theory.volume(Product(Sphere(3), SO3())) == pytest.approx(32 * math.pi**3)
    # the disc of a pair of points up to rotations, a half sphere of radius 1/2
    found = theory.quotient(Sphere(6), groups.SO(3).along(1, (2, 3)))
    assert found.volume == pytest.approx(math.pi / 2, abs=4 * found.error)
    # an interval from pole to pole has no volume beside its length
    circles = theory.quotient(Torus(2, ANGLES), groups.Torus(1).along(1, (2, 1)))
    assert circles.volume == pytest.approx(math.sqrt(2) * math.pi)


def test_effective_dimension():
    rng = np.random.default_rng(0)
    K = rng.standard_normal((9, 5))
    K = K @ K.T
    ridges = np.array([1e-12, 0.1, 3.0])
    expected = [np.trace(K @ np.linalg.inv(K + 9 * r * np.eye(9))) for r in ridges[1:]]
    found = theory.effective_dimension(K, ridges)
    np.testing.assert_allclose(found[1:], expected)
    assert found[0] == pytest.approx(5, abs=1e-3)  # its rank
    X = rng.standard_normal((7, 2))
    assert theory.effective_dimension(RBF(), 0.1, X) == theory.effective_dimension(RBF()(X), 0.1)


def test_sample_gain_is_the_ratio_of_effective_dimensions():
    X = Sphere(3).random_points(300, 0)
    plain = RBF(0.4)
    averaged = InvariantKernel(plain, groups.PointGroup("O"))
    alphas = [1e-3, 1.0]
    found = theory.sample_gain(plain, averaged, X, alphas, sizes=[100, 300])
    assert found.gain.shape == (2, 2)
    assert found.order == 24
    ratio = [
        theory.effective_dimension(plain(X), a / 300)
        / theory.effective_dimension(averaged(X), a / 300)
        for a in alphas
    ]
    np.testing.assert_allclose(found.gain[1], ratio)
    # smaller ridges come nearer to the order, from below
    assert 1 < found.gain[1, 1] < found.gain[1, 0] < 24
    with pytest.raises(TypeError, match="4 gains"):
        float(found)
    assert "24" in str(found)


def test_effective_dimensions_are_sums_over_the_spectrum():
    # Legendre: RBF on the sphere has eigenvalue m_l on degree l; the average keeps invariants.
    group = groups.PointGroup("T")
    t, w = np.polynomial.legendre.leggauss(60)
    values = np.exp(-(1 - t) / 0.6**2)
    ridge = 1e-3
    found = []
    for dims in (range(1, 82, 2), counts(Sphere(3), group, 40)):
        total = 0.0
        for degree, n in enumerate(dims):
            m = (w * values * np.polynomial.legendre.Legendre.basis(degree)(t)).sum() / 2
            total += n * m / (m + ridge)
        found.append(total)
    X = Sphere(3).random_points(2000, 0)
    gain = theory.sample_gain(RBF(0.6), InvariantKernel(RBF(0.6), group), X, 2000 * ridge)
    assert gain.plain[0, 0] == pytest.approx(found[0], rel=0.03)
    assert gain.invariant[0, 0] == pytest.approx(found[1], rel=0.03)


def test_recommended_level():
    found = theory.recommended_level(1000, 6.0, Torus(10), groups.SignFlips(10))
    assert found.budget == pytest.approx(1000 ** (1 / 2.2))
    assert (found.level, found.functions, found.invariants) == (1, 21, 11)
    transitive = theory.recommended_level(1000, 2.0, Sphere(3), groups.SO(3))
    assert transitive.invariant_level == 0
    folded = theory.recommended_level(1000, 2.0, Sphere(6), groups.SO(3).along(1, (2, 3)))
    assert folded.invariant_budget == pytest.approx(1000 ** (1 / 3))
    assert theory.recommended_level(1, 2.0, Sphere(3)).level == 0


def test_plots_have_a_curve_for_every_group():
    named = {name: groups.PointGroup(name) for name in "TOI"}
    figure = plot_dimension_counts(Sphere(3), named, 12)
    left, right = figure.axes
    assert len(left.get_lines()) == 4
    assert len(right.get_lines()) == 6  # with the orders
    one = theory.dimension_counts(Sphere(3), groups.SO(3), 3).plot()
    assert len(one.axes[1].get_lines()) == 1  # no order to draw


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: total_dimension("torus", 3), TypeError, "manifold"),
        (lambda: theory.molien_series("symmetric", 3), TypeError, "group"),
        (lambda: theory.molien_series(groups.Symmetric(3), -1), ValueError, "degree"),
        (lambda: counts(Sphere(3), groups.Symmetric(4), 3), ValueError, "acts on"),
        (lambda: counts(Torus(3), groups.PointGroup("I"), 3), ValueError, "torus"),
        (
            lambda: counts(
                Sphere(30),
                groups.PermutationGroup([[tuple(range(1, 30))], [(0, 1, 2)]]),  # even ones
                2,
            ),
            GroupTooLargeError,
            "InvariantBasis",
        ),
        (lambda: theory.volume(Polynomials(2)), ValueError, "compact"),
        (
            lambda: theory.quotient(SO3(), groups.SO(3).along(0, (3, 3))),
            ValueError,
            "not known",
        ),
        (lambda: theory.weyl_estimate(Sphere(3), None, -1.0), ValueError, "eigenvalue"),
        (lambda: theory.effective_dimension(np.ones((2, 3)), 1.0), ValueError, "square"),
        (lambda: theory.effective_dimension(np.eye(2), 0.0), ValueError, "ridge"),
        (lambda: theory.effective_dimension(RBF(), 1.0), TypeError, "X"),
        (lambda: theory.effective_dimension(np.eye(2), 1.0, np.eye(2)), TypeError, "kernel"),
        (lambda: theory.effective_dimension([[np.nan]], 1.0), ValueError, "finite"),
        (
            lambda: theory.sample_gain(RBF(), RBF(), np.eye(3), 1.0, sizes=[4]),
            ValueError,
            "sizes",
        ),
        (lambda: theory.recommended_level(0, 2.0, Sphere(3)), ValueError, "n must"),
        (lambda: theory.recommended_level(9, -1.0, Sphere(3)), ValueError, "smoothness"),
        (lambda: plot_dimension_counts(Sphere(3), {}, 3), ValueError, "groups"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
