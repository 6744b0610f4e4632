"""Space groups: laws of exact motions, kernels against sums over operations, bad input."""

import copy
import importlib
import itertools
import pickle
from fractions import Fraction

import numpy as np
import pytest
from catalog import CRYSTALS, periodic_kernel
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, InvariantKernelRidge, align, canonical, groups, theory
from symkernel.exceptions import NotApplicableError
from symkernel.groups import SpaceGroup
from symkernel.groups.lattice_motion import LatticeMotion
from symkernel.kernels import VonMises
from symkernel.spectral import HeatKernel, LatticeTorus

I3 = np.eye(3, dtype=int)
FOURFOLD = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
SCREW = np.diag([-1, 1, -1])
# number: order of a cell, order of the point group
NUMBERS = {
    1: (1, 1),
    2: (2, 2),
    4: (2, 2),
    19: (4, 4),
    62: (8, 8),
    152: (6, 6),
    166: (36, 12),
    194: (24, 24),
    225: (192, 48),
    227: (192, 48),
    230: (96, 48),
}
each_crystal = pytest.mark.parametrize("name", CRYSTALS)


def numbered(number, **words):
    pytest.importorskip("spglib")
    return SpaceGroup(number, **words)


def modulo(X):
    """Distance from the next integer."""
    return np.abs(X - np.rint(X))


# ---- elements and groups -----------------------------------------------------------------------


@each_crystal
def test_laws(name):
    group = CRYSTALS[name]
    elements = list(group.elements())
    assert len(elements) == len(set(elements)) == group.order
    assert elements[0] == group.identity
    known, X = set(elements), np.random.default_rng(0).random((5, group.degree))
    for g, h in itertools.product(elements, repeat=2):
        assert g @ h in known
        assert modulo((g @ h).apply(X) - g.apply(h.apply(X))).max() < 1e-12
        W = g.rotation @ h.rotation
        shift = g.rotation @ h.shift + g.shift
        np.testing.assert_array_equal((g @ h).rotation, W)
        assert modulo((g @ h).shift - shift).max() < 1e-12
    for g in elements:
        assert group.contains(g)
        assert g @ g.inverse() == g.inverse() @ g == group.identity
        assert pickle.loads(pickle.dumps(g)) == g
        moved = g.apply(X.astype(np.float32))
        assert moved.dtype == np.float32
        assert ((moved >= 0) & (moved < 1)).all()
        shifts = np.hstack([X, np.ones((5, 1))]) @ g.as_affine()[:-1].T
        assert modulo(g.apply(X) - shifts).max() < 1e-12
    reached, fresh = {group.identity}, [group.identity]
    while fresh:
        fresh = list({g @ h for g in fresh for h in group.generators} - reached)
        reached.update(fresh)
    assert reached == known
    assert all(g in known for g in group.sample(20, random_state=0))
    again = pickle.loads(pickle.dumps(group))
    assert again == group and hash(again) == hash(group) and again.order == group.order
    assert copy.deepcopy(group) is group
    names = {"SpaceGroup": SpaceGroup, "Symmetric": groups.Symmetric}
    assert eval(repr(group), names) == group


def test_arithmetic_is_exact():
    """Thirds, sevenths and their sums close up, which floats do not."""
    third = LatticeMotion(I3, [1 / 3, 0.33333, 2 / 3])
    assert third @ third @ third == LatticeMotion(I3)
    mixed = third @ LatticeMotion(I3, [1 / 7, 0, 0])
    numerators, denominator = mixed.fractions
    assert Fraction(int(numerators[0]), denominator) == Fraction(10, 21)
    power = LatticeMotion(I3)
    for _ in range(21):
        power = power @ mixed
    assert power == LatticeMotion(I3)
    assert LatticeMotion(I3, [-0.25, 1.75, 0.99999999]) == LatticeMotion(I3, [0.75, 0.75, 0.0])


def test_large_entries_have_exact_inverses():
    rng = np.random.default_rng(0)
    for _ in range(50):
        W = I3.copy()
        for _ in range(12):
            i, j = rng.choice(3, 2, replace=False)
            W[i] += rng.integers(-3, 4) * W[j]
        if np.abs(W).max() < 1e6:
            g = LatticeMotion(W, [0.25, 0.5, 0.125])
            assert g @ g.inverse() == g.inverse() @ g == LatticeMotion(I3)


def test_coordinates_lie_in_the_cell_whatever_they_were():
    g = LatticeMotion(-I3, [0.5, 0, 0])
    x = np.array([0.5, -1e-18, 1e-18])
    assert ((g.apply(x) >= 0) & (g.apply(x) < 1)).all()
    assert ((g.apply([[7, -3, 2]]) >= 0) & (g.apply([[7, -3, 2]]) < 1)).all()


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers(number):
    group = numbered(number)
    order, point = NUMBERS[number]
    assert group.order == order
    lattice = group.symmetrize(np.eye(3) + 0.1 * np.arange(9).reshape(3, 3))
    acting = group.point_group(lattice)
    assert acting.order == point
    assert len(np.unique(group.rotations, axis=0)) == point
    assert SpaceGroup(group.rotations, group.translations) == group
    assert repr(group) == f"SpaceGroup({number})"
    x = np.array([0.137, 0.253, 0.391])
    assert group.orbit_size(x) == order
    images = np.stack([g.apply(x) for g in group.elements()])
    assert len(np.unique(images.round(9), axis=0)) == order
    # Cartesian lengths of differences are kept
    a, b = np.random.default_rng(0).random((2, 3))
    for W in group.rotations:
        turned = np.linalg.norm((W @ (a - b)) @ lattice)
        assert turned == pytest.approx(np.linalg.norm((a - b) @ lattice), rel=1e-12)


def test_settings():
    first, second = numbered(227), numbered(227, hall_number=526)
    assert first.order == second.order and first != second
    assert first.stabilizer([0, 0, 0]).order == 24  # on an atom, and on a centre of inversion
    assert second.stabilizer([0, 0, 0]).order == 12
    assert second.stabilizer([1 / 8] * 3).order == 24
    assert eval(repr(second), {"SpaceGroup": SpaceGroup}) == second
    assert numbered(225).orbit_size([0, 0, 0]) == 4
    assert numbered(225).orbit_size([0.25, 0.25, 0.25]) == 8
    assert numbered(225).orbit_size([-7.75, 0.25, 3.25]) == 8


def test_several_atoms():
    single = CRYSTALS["P4_1"]
    group = groups.Symmetric(3).along(0, (3, 3)) * single.along(1, (3, 3))
    assert group.order == 24
    assert group == single.along(1, (3, 3)) * groups.Symmetric(3).along(0, (3, 3))
    assert len(set(group.elements())) == 24
    cell = np.random.default_rng(1).random((3, 3))
    g = single.generators[0]
    lifted = single.along(1, (3, 3)).generators[0]
    np.testing.assert_allclose(lifted.apply(cell.ravel()).reshape(3, 3), g.apply(cell))
    assert group.contains(lifted) and not group.contains(LatticeMotion(np.eye(9), [0.5] + [0] * 8))
    assert group.stabilizer(np.zeros(9)).order == 6
    assert [f.group for f in group.structure.factors] == [groups.Symmetric(3), single]
    assert (single * single).order == 4
    doubled = single * SpaceGroup([I3, I3], [[0, 0, 0], [0, 0, 0.5]])
    assert doubled.order == 8


@each_crystal
def test_random_images_are_images(name):
    group = CRYSTALS[name]
    X = np.random.default_rng(0).random((200, group.degree))
    moved = groups.move_randomly(group, X, 0)
    images = np.stack([g.apply(X) for g in group.elements()])
    near = modulo(images - moved).max(axis=2) < 1e-9
    assert (near.sum(axis=0) == 1).all()
    assert (near.sum(axis=1) > 0).all()


# ---- kernels -----------------------------------------------------------------------------------


def mean_over_operations(group, kappa, modes, X, Y):
    total = 0.0
    for g in group.elements():
        differences = (X[:, None] - g.apply(Y)[None]).reshape(len(X), len(Y), -1, len(modes[0]))
        waves = np.cos(2 * np.pi * differences @ np.array(modes).T)
        total = total + np.exp(kappa * (waves - 1).sum(axis=(2, 3)))
    return total / group.order


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("atoms", [1, 2])
def test_kernels_agree_with_sums_over_operations(number, atoms):
    single = numbered(number)
    group = single.along(1, (atoms, 3))
    if atoms > 1:
        group = groups.Symmetric(atoms).along(0, (atoms, 3)) * group
    rng = np.random.default_rng(number)
    X, Y = rng.random((6, 3 * atoms)), rng.random((5, 3 * atoms)) - 3
    Y[0] = 0.0
    want = mean_over_operations(group, 1.3, single.star(), X, Y)
    for method in ("auto", "sum", "fourier"):
        k = InvariantKernel(periodic_kernel(group, 1.3), group, method=method)
        assert k.plan().exact
        np.testing.assert_allclose(k(X, Y), want, rtol=1e-12)
    got = k(X.astype(np.float32), Y.astype(np.float32))
    np.testing.assert_allclose(got, want, rtol=2e-5)
    g = group.generators[-1] if group.generators else group.identity
    np.testing.assert_allclose(k(g.apply(X), Y), want, rtol=1e-12)
    np.testing.assert_allclose(k(X + 2, Y), want, rtol=1e-12)


def test_quarters_are_signed_permutations():
    """Cubic groups go the way of signed permutations, whatever their glides."""
    plan = InvariantKernel(VonMises(period=1.0), numbered(227), method="sum").plan()
    assert "signed permuted panels" in str(plan)
    assert "192 elements" in str(plan)


@each_crystal
def test_canonical_kernels_are_invariant(name):
    """The form is that of the cosines and sines."""
    group = CRYSTALS[name]
    X, Y = np.random.default_rng(0).random((2, 5, group.degree))
    k = InvariantKernel(periodic_kernel(group, 1.1), group, method="canonical")
    for g in group.elements():
        np.testing.assert_allclose(k(g.apply(X), Y), k(X, Y), rtol=1e-9)


@each_crystal
def test_no_samples_and_one(name):
    group = CRYSTALS[name]
    k = InvariantKernel(periodic_kernel(group, 1.1), group)
    X, none = np.random.default_rng(0).random((3, group.degree)), np.zeros((0, group.degree))
    assert k(none).shape == (0, 0)
    assert k(X, none).shape == (3, 0)
    assert k.diag(none).shape == (0,)
    assert k.gradient_x(none, X, np.ones((3, 1))).size == 0
    np.testing.assert_allclose(k(X[:1]), k(X)[:1, :1], rtol=1e-13)


def test_the_period_scales_the_kernel():
    X = np.random.default_rng(0).random((5, 3))
    group = groups.Symmetric(3)
    plain = InvariantKernel(VonMises(1.5), group)
    scaled = InvariantKernel(VonMises(1.5, period=1.0), group)
    np.testing.assert_allclose(scaled(X), plain(2 * np.pi * X), rtol=1e-13)
    units = InvariantKernel(VonMises(1.5, period=1.0, modes=np.eye(3)), group)
    np.testing.assert_allclose(units(X), scaled(X), rtol=1e-13)
    assert "period=1.0" in repr(scaled)


def test_modes_beside_permutations():
    """Signed permutations of points keep the modes at every point."""
    modes = ((1, 0), (0, 1), (1, -1))
    kernel = VonMises(0.8, period=1.0, modes=modes)
    X = np.random.default_rng(0).random((5, 6))
    for group in (
        groups.Symmetric(3).along(0, (3, 2)),
        groups.SignFlips(3).along(0, (3, 2)),
        groups.Symmetric(2).along(1, (3, 2)),
        groups.Trivial(6),
    ):
        want = mean_over_operations(group, 0.8, modes, X, X)
        np.testing.assert_allclose(InvariantKernel(kernel, group)(X), want, rtol=1e-13)
    with pytest.raises(ValueError, match="takes the frequency"):
        InvariantKernel(kernel, groups.SignFlips(2).along(1, (3, 2)))(X)
    with pytest.raises(ValueError, match="along the last axis"):
        InvariantKernel(kernel, groups.Cyclic(6))(X)


def test_a_model():
    group = CRYSTALS["P3_1"]
    rng = np.random.default_rng(0)
    X = rng.random((60, 3))
    y = np.cos(6 * np.pi * X[:, 2])
    model = InvariantKernelRidge(kernel=periodic_kernel(group, 1.0), group=group).fit(X, y)
    moved = group.generators[0].apply(X)
    np.testing.assert_allclose(model.predict(moved), model.predict(X), rtol=1e-10, atol=1e-12)


# ---- refusals ----------------------------------------------------------------------------------

BAD = {
    "not closed": (lambda: SpaceGroup([I3, FOURFOLD]), ValueError, "must close"),
    "no identity": (lambda: SpaceGroup([SCREW], [[0, 0.5, 0]]), ValueError, "must close"),
    "shifts not closed": (
        lambda: SpaceGroup([I3, SCREW], [[0, 0, 0], [0, 0.25, 0]]),
        ValueError,
        "must close",
    ),
    "fractions": (lambda: SpaceGroup([0.5 * I3]), ValueError, "must hold integers"),
    "cartesian": (
        lambda: SpaceGroup([groups.PointGroup("C3").generators[0].as_matrix()]),
        ValueError,
        "must hold integers",
    ),
    "determinant": (lambda: SpaceGroup([2 * I3]), ValueError, "determinant"),
    "singular": (lambda: SpaceGroup([0 * I3]), ValueError, "determinant"),
    "irrational": (lambda: SpaceGroup([I3], [[2**0.5, 0, 0]]), ValueError, "fractions of denom"),
    "NaN": (lambda: SpaceGroup([I3], [[np.nan, 0, 0]]), ValueError, "NaN"),
    "infinity": (lambda: SpaceGroup([np.full((3, 3), np.inf)]), ValueError, "nfin"),
    "one matrix": (lambda: SpaceGroup(I3), ValueError, "square matrices"),
    "not square": (lambda: SpaceGroup(np.ones((2, 2, 3))), ValueError, "square matrices"),
    "none": (lambda: SpaceGroup(np.ones((0, 3, 3))), ValueError, "square matrices"),
    "widths": (lambda: SpaceGroup([I3], [[0, 0]]), ValueError, r"shape \(1, 3\)"),
    "counts": (lambda: SpaceGroup([I3], np.zeros((2, 3))), ValueError, r"shape \(1, 3\)"),
    "number": (lambda: SpaceGroup(231), ValueError, "1 to 230"),
    "zero": (lambda: SpaceGroup(0), ValueError, "at least 1"),
    "name": (lambda: SpaceGroup("Pnma"), TypeError, "1 to 230, or its matrices"),
    "number and shifts": (lambda: SpaceGroup(2, [[0, 0, 0]]), ValueError, "has its own"),
    "setting": (lambda: SpaceGroup([I3], hall_number=1), ValueError, "goes with a number"),
    "tol": (lambda: SpaceGroup([I3], tol=0.1), ValueError, "tol must"),
    "shear": (lambda: SpaceGroup.from_generators([[[1, 1], [0, 1]]]), ValueError, "no finite"),
    "limit": (
        lambda: SpaceGroup.from_generators([np.eye(1)], [[1 / 9]], limit=8),
        ValueError,
        "more than 8",
    ),
    "element": (lambda: LatticeMotion(I3, [0, 0]), ValueError, r"shape \(3,\)"),
    "lattice": (
        lambda: CRYSTALS["P4_1"].point_group(np.diag([1, 2, 3])),
        ValueError,
        "has not the symmetry.*symmetrize",
    ),
    "flat lattice": (
        lambda: CRYSTALS["P4_1"].point_group(np.ones((3, 3))),
        ValueError,
        "independent rows",
    ),
    "star of zero": (lambda: CRYSTALS["P4_1"].star([[0, 0, 0]]), ValueError, "not hold 0"),
    "star": (lambda: CRYSTALS["P4_1"].star([[0.5, 0, 0]]), ValueError, "integers of shape"),
    "times a torus": (lambda: CRYSTALS["P4_1"] * groups.Torus(3), ValueError, "no product"),
    "times rotations": (lambda: groups.SO(3) * CRYSTALS["P4_1"], ValueError, "no product"),
    "times noncommuting": (
        lambda: CRYSTALS["P4_1"] * groups.SignFlips(3),
        ValueError,
        "does not commute",
    ),
    "elements of two kinds": (
        lambda: LatticeMotion(I3) @ groups.OrthogonalMatrix(np.eye(3)),
        ValueError,
        "no product",
    ),
    "table": (lambda: CRYSTALS["P4_1"].table(10), ValueError, "no orthogonal maps"),
    "matrix": (lambda: CRYSTALS["P4_1"].generators[0].as_matrix(), ValueError, "moves the origin"),
    "coordinates": (lambda: CRYSTALS["P4_1"].orbit_size([0, np.nan, 0]), ValueError, "NaN"),
    "canonical form": (
        lambda: canonical.canonical_form(CRYSTALS["P4_1"]),
        ValueError,
        "no canonical form",
    ),
    "alignment": (
        lambda: align(np.ones((1, 3)), np.ones((1, 3)), group=CRYSTALS["P4_1"]),
        NotApplicableError,
        "modulo 1",
    ),
    "RBF": (
        lambda: InvariantKernel(RBF(), CRYSTALS["P4_1"]).plan(),
        ValueError,
        r"period 1.*VonMises\(period=1.0\)",
    ),
    "period": (
        lambda: InvariantKernel(VonMises(), CRYSTALS["P4_1"]).plan(),
        ValueError,
        "give period=1.0",
    ),
    "period of a torus": (
        lambda: InvariantKernel(VonMises(period=1.0), groups.Torus(2)).plan(),
        ValueError,
        "of period 2 pi",
    ),
    "modes on a torus": (
        lambda: InvariantKernel(VonMises(modes=[[1, 1]]), groups.Torus(2)).plan(),
        ValueError,
        "couple the angles",
    ),
    "hexagonal without modes": (
        lambda: InvariantKernel(VonMises(period=1.0), CRYSTALS["p6"]).plan(),
        ValueError,
        r"modes=group.star\(\).*LatticeTorus",
    ),
    "modes": (
        lambda: VonMises(modes=[[1, 0.5]])([[1.0, 2.0]]),
        ValueError,
        "modes must be integers",
    ),
    "modes twice": (lambda: VonMises(modes=[[1], [1]])([[1.0]]), ValueError, "be different"),
    "opposite modes": (lambda: VonMises(modes=[[1], [-1]])([[1.0]]), ValueError, "each pair"),
    "mode 0": (lambda: VonMises(modes=[[0, 0]])([[1.0, 2.0]]), ValueError, "not 0"),
    "width of modes": (
        lambda: VonMises(modes=[[1, 2]])([[1.0, 2.0, 3.0]]),
        ValueError,
        "points of 2 coordinates",
    ),
    "kernel period": (lambda: VonMises(period=0.0)([[1.0]]), ValueError, "period must be positive"),
    "polynomials": (
        lambda: theory.molien_series(CRYSTALS["P4_1"], 2),
        ValueError,
        "must fix the origin",
    ),
    "heat on the plain torus": (
        lambda: InvariantKernel(HeatKernel(LatticeTorus(np.eye(2))), CRYSTALS["p6"]).plan(),
        ValueError,
        "has not the symmetry",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    call, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        call()


def test_without_spglib_the_extra_is_named(monkeypatch):
    def missing(name, *rest):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"symkernel\[crystals\].*rotations, translations"):
        SpaceGroup(225)
