"""Functions on the torus of a lattice: levels, invariants by phases, systematic absences."""

import itertools

import numpy as np
import pytest
from catalog import CRYSTALS
from scipy.linalg import block_diag
from symkernel import InvariantKernel, groups, theory
from symkernel.groups import SpaceGroup
from symkernel.spectral import (
    HeatKernel,
    InvariantBasis,
    LatticeTorus,
    Product,
    SobolevKernel,
    SpectralRegressor,
    Torus,
)
from symkernel.spectral.periodic import motions_of
from symkernel.spectral.phased_modes import phased_orbits, phased_sums

LATTICES = {
    "cubic": np.eye(3),
    "hexagonal": np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 1.6]]),
    "triclinic": np.array([[1.0, 0.2, 0.1], [0.3, 1.2, 0.0], [-0.4, 0.1, 0.9]]),
    "long": np.diag([1.0, 7.0]),
    "line": np.array([[2.5]]),
    "skew": np.array([[1.0, 0.0], [3.3, 0.7]]),
}
NUMBERS = (4, 14, 19, 43, 62, 76, 152, 166, 194, 198, 225, 227, 230)
SOME = np.array([[1.0, 0.2, 0.1], [0.1, 1.2, 0.0], [0.2, 0.1, 1.5]])


def numbered(number):
    pytest.importorskip("spglib")
    return SpaceGroup(number)


def box(reach, d):
    return np.array(list(itertools.product(range(-reach, reach + 1), repeat=d)))


@pytest.mark.parametrize("name", LATTICES)
def test_levels_are_all_modes_by_length(name):
    lattice = LATTICES[name]
    torus, d = LatticeTorus(lattice), len(lattice)
    k = box(24 if d < 3 else 8, d)
    lengths = (2 * np.pi) ** 2 * np.sum((k @ np.linalg.inv(lattice).T) ** 2, axis=1)
    top = 12.0 * np.pi**2
    levels = torus.levels(top)
    within = np.sort(lengths[lengths <= top * (1 + 1e-9)])
    found = np.repeat([v.eigenvalue for v in levels], [v.multiplicity for v in levels])
    np.testing.assert_allclose(found, within, rtol=1e-9, atol=1e-12)
    assert levels[0].multiplicity == 1 and (np.diff([v.level for v in levels]) > 0).all()
    for known in levels[:6]:
        modes = torus.modes(known.level)
        assert len(np.unique(modes, axis=0)) == known.multiplicity
        assert torus._level(known.level) == known
    assert torus == LatticeTorus(lattice.tolist()) != LatticeTorus(2 * lattice)
    assert eval(repr(torus), {"LatticeTorus": LatticeTorus}) == torus


def test_eigenfunctions_are_orthonormal():
    torus = LatticeTorus(LATTICES["hexagonal"])
    X = np.array(list(itertools.product(np.arange(9) / 9, repeat=3)))
    levels = torus.levels(150.0)
    values = np.concatenate([torus.eigenfunctions(X, v.level) for v in levels], axis=1)
    np.testing.assert_allclose(values.T @ values / len(X), np.eye(values.shape[1]), atol=1e-12)
    level = levels[1].level
    np.testing.assert_allclose(
        torus.eigenfunctions(X + np.array([3, -2, 1]), level),
        torus.eigenfunctions(X, level),
        atol=1e-11,
    )


def test_the_unit_lattice_is_the_torus():
    cubic, plain = LatticeTorus(np.eye(3)), Torus(3, 1.0)
    group = CRYSTALS["P4_1"]
    top = 9
    a = InvariantBasis(cubic, group, max_level=4 * np.pi**2 * top * (1 + 1e-9))
    b = InvariantBasis(plain, group, max_level=top)
    np.testing.assert_array_equal(a.dimensions, b.dimensions)
    for one, other in zip(a._solve(), b._solve(), strict=True):
        assert one.eigenvalue == pytest.approx(other.eigenvalue, rel=1e-12)
        X = np.random.default_rng(0).random((7, 3))
        np.testing.assert_allclose(
            one.evaluate(X) @ one.evaluate(X).T, other.evaluate(X) @ other.evaluate(X).T, atol=1e-11
        )


def check_against_the_mean(torus, group, top):
    """The projector is the average over all operations, and the functions do not change."""
    rng = np.random.default_rng(0)
    basis = InvariantBasis(torus, group, max_level=top)
    X = rng.random((9, torus.dim))
    values = basis.fit(X).transform(X)
    for g in group.generators:
        np.testing.assert_allclose(basis.transform(g.apply(X)), values, atol=1e-11)
    for part in basis.subspaces_:
        Z = rng.random((3 * part.multiplicity + 4, torus.dim))
        here = torus.eigenfunctions(Z, part.level)
        mean = np.mean([torus.eigenfunctions(g.apply(Z), part.level) for g in group.elements()], 0)
        want = np.linalg.lstsq(here, mean, rcond=None)[0]
        np.testing.assert_allclose(part.projector, want, atol=1e-9)
        assert part.dimension == round(np.trace(want))
        C = part.coefficients
        np.testing.assert_allclose(C.T @ C, np.eye(part.dimension), atol=1e-12)
        np.testing.assert_allclose(
            torus.eigenfunctions(X, part.level) @ C, part.evaluate(X), atol=1e-12
        )
    counted = theory.dimension_counts(torus, group, top)
    assert counted.invariant == tuple(basis.dimensions.tolist())


@pytest.mark.parametrize("number", NUMBERS)
def test_invariants_are_the_mean_over_operations(number):
    group = numbered(number)
    check_against_the_mean(LatticeTorus(group.symmetrize(SOME)), group, 160.0)


@pytest.mark.parametrize("name", CRYSTALS)
def test_invariants_without_spglib(name):
    group = CRYSTALS[name]
    (single,) = (f.group for f in group.factors() if f.group.role.moves_lattice)
    cell = single.symmetrize(SOME[: single.degree, : single.degree])
    copies = group.degree // single.degree
    check_against_the_mean(LatticeTorus(block_diag(*[cell] * copies)), group, 90.0)


@pytest.mark.parametrize("name", ["P2_1", "P4_1", "P2_1 on atoms"])
def test_on_the_plain_torus(name):
    check_against_the_mean(Torus(CRYSTALS[name].degree, 1.0), CRYSTALS[name], 4)


def test_products_of_tori_agree():
    group = CRYSTALS["P4_1"].along(1, (2, 3))
    both = InvariantBasis(Product(Torus(3, 1.0), Torus(3, 1.0)), group, max_level=125).dimensions
    np.testing.assert_array_equal(
        both, InvariantBasis(Torus(6, 1.0), group, max_level=3).dimensions
    )


def test_linear_groups_and_shifts():
    cubic = LatticeTorus(np.eye(3))
    top = 4 * np.pi**2 * 6.001
    for group in (groups.Symmetric(3), groups.SignFlips(3), groups.Hyperoctahedral(3)):
        lattice = InvariantBasis(cubic, group, max_level=top).dimensions
        np.testing.assert_array_equal(
            lattice, InvariantBasis(Torus(3, 1.0), group, max_level=6).dimensions
        )
        assert theory.dimension_counts(cubic, group, top).invariant == tuple(lattice)
    pair = LatticeTorus(np.eye(2))
    shifted = InvariantBasis(pair, groups.Translations(1).along(1, (2, 1)), max_level=top)
    np.testing.assert_array_equal(shifted.dimensions, [1, 0, 2, 0, 0])
    with pytest.raises(ValueError, match="counts from generators"):
        theory.invariant_dimension(pair, groups.Translations(1).along(1, (2, 1)), top)


# Reflection conditions of International Tables A: what has to hold for F(hkl) not to vanish.
def even(*numbers):
    return all(n % 2 == 0 for n in numbers)


def _pnma(h, k, m):
    return (h or even(k + m)) and (m or even(h))


def _diamond(h, k, m):
    if not even(h + k, h + m):
        return False
    zeros = [(k, m)] * (not h) + [(h, m)] * (not k) + [(h, k)] * (not m)
    return all((a + b) % 4 == 0 and even(a, b) for a, b in zeros)


def _garnet(h, k, m):
    zeros = [(k, m)] * (not h) + [(h, m)] * (not k) + [(h, k)] * (not m)
    pairs = [(h, m)] * (abs(h) == abs(k)) + [(h, k)] * (abs(h) == abs(m))
    pairs += [(k, h)] * (abs(k) == abs(m))
    glides = all((2 * a + b) % 4 == 0 for a, b in pairs)
    return even(h + k + m) and all(even(a, b) for a, b in zeros) and glides


RULES = {
    4: lambda h, k, m: h or m or even(k),  # a screw axis along b
    14: lambda h, k, m: (k or even(m)) and (h or m or even(k)),  # P2_1/c
    62: _pnma,
    76: lambda h, k, m: h or k or m % 4 == 0,  # P4_1
    152: lambda h, k, m: h or k or m % 3 == 0,  # P3_121
    166: lambda h, k, m: (-h + k + m) % 3 == 0,  # centring of hexagonal axes
    194: lambda h, k, m: h != k or even(m),  # hhl, seen below for its images
    225: lambda h, k, m: even(h + k, h + m),
    227: _diamond,
    230: _garnet,
}


@pytest.mark.parametrize("number", RULES)
def test_systematic_absences(number):
    modes = box(6, 3)
    group = numbered(number)
    if number in (152, 166, 194):  # a set that sixfold axes keep
        modes = modes[np.abs(modes[:, 0] + modes[:, 1]) <= 6]
    orbits = phased_orbits(modes, motions_of(group))
    absent = orbits.labels < 0
    rule = RULES[number]
    if number == 194:  # of h h l, l = 2n, for all three directions
        h, k, m = modes.T
        want = ((h == k) | (k == -2 * h) | (h == -2 * k)) & (m % 2 != 0)
    else:
        want = np.array([not rule(*map(int, mode)) for mode in modes])
    np.testing.assert_array_equal(absent, want)
    # and as the sum over operations has it
    total = np.zeros(len(modes), complex)
    x = np.array([0.1234, 0.2718, 0.4142])
    for g in group.elements():
        total += np.exp(2j * np.pi * modes @ g.apply(x))
    np.testing.assert_array_equal(np.abs(total) < 1e-9, absent)


def test_phases_that_disagree_leave_nothing():
    modes = np.array([[1], [-1], [2], [-2], [0]])
    half = motions_of(SpaceGroup([np.eye(1), np.eye(1)], [[0.0], [0.5]]))
    orbits = phased_orbits(modes, half)
    np.testing.assert_array_equal(orbits.labels < 0, [True, True, False, False, False])
    assert phased_sums(modes[:2], phased_orbits(modes[:2], half)).sums == 0
    assert phased_sums(modes, orbits).sums == 3
    with pytest.raises(ValueError, match="map the modes"):
        phased_orbits(np.array([[1, 0]]), motions_of(CRYSTALS["p6"]))


def test_kernels_and_models():
    group = CRYSTALS["P3_1"]
    torus = LatticeTorus(group.symmetrize(SOME))
    rng = np.random.default_rng(0)
    X = rng.random((80, 3))
    moved = group.generators[0].apply(X)
    for base in (
        HeatKernel(torus, 0.01, max_level=500),
        SobolevKernel(torus, 3.0, max_level=300),
    ):
        k = InvariantKernel(base, group)
        want = np.mean([base(X, g.apply(X)) for g in group.elements()], axis=0)
        np.testing.assert_allclose(k(X), want, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(k(moved, X), k(X), rtol=1e-10, atol=1e-10)
    y = np.cos(6 * np.pi * X[:, 2])
    model = SpectralRegressor(torus, group, max_level=400, alpha=1e-8).fit(X, y)
    np.testing.assert_allclose(model.predict(moved), model.predict(X), atol=1e-9)


def test_weyl_and_volume():
    group = CRYSTALS["P4_1"]
    torus = LatticeTorus(np.diag([1.0, 1.0, 2.0]))
    assert theory.volume(torus) == pytest.approx(2.0)
    assert theory.quotient(torus, group).volume == pytest.approx(0.5)
    exact = theory.invariant_dimension(torus, group, 4000.0)
    assert exact == pytest.approx(theory.weyl_estimate(torus, group, 4000.0), rel=0.15)


def test_conversions():
    torus = LatticeTorus(LATTICES["triclinic"])
    X = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 3))
    np.testing.assert_allclose(torus.to_cartesian(X), X @ LATTICES["triclinic"])
    np.testing.assert_allclose(torus.to_fractional(torus.to_cartesian(X + 3)), X, atol=1e-12)


BAD = {
    "shape": (lambda: LatticeTorus(np.ones((2, 3))), "square matrix"),
    "dependent": (lambda: LatticeTorus([[1, 2], [2, 4]]), "independent rows"),
    "NaN": (lambda: LatticeTorus([[np.nan]]), "NaN"),
    "metric": (lambda: LatticeTorus(np.eye(2)).check(CRYSTALS["p6"]), "symmetrize"),
    "turns": (lambda: LatticeTorus(np.eye(3)).check(groups.SO(3)), "must not turn"),
    "matrices": (
        lambda: LatticeTorus(np.eye(3)).check(groups.PointGroup("I")),
        "must act on fractional coordinates",
    ),
    "width": (lambda: LatticeTorus(np.eye(3)).check(CRYSTALS["p6"]), "3 features"),
    "period": (lambda: Torus(3).check(CRYSTALS["P4_1"]), r"use Torus\(3, 1.0\)"),
    "plain metric": (lambda: Torus(2, 1.0).check(CRYSTALS["p6"]), "LatticeTorus"),
    "too far": (lambda: LatticeTorus(np.eye(3)).levels(1e9), "max_level"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()
