"""Orbit distances and alignments against brute force, route by route."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from catalog import GROUPS, samples
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern
from symkernel import InvariantKernel, align, groups, orbit_distance
from symkernel.alignment.chambers import chamber_map
from symkernel.backends import cpu
from symkernel.exceptions import ApproximationWarning, NotApplicableError
from symkernel.groups import SE, SO, E, O, Symmetric, Translations
from symkernel.kernels import Laplacian

FINITE = [name for name, group in GROUPS.items() if group.is_finite]
FINITE_METHODS = ("auto", "chamber", "matching", "enumeration")


def brute(X, Y, group):
    """Minimum over all elements, from differences, in double precision."""
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    moved = np.stack([g.apply(Y) for g in group.elements()])
    return np.linalg.norm(X[:, None, None] - moved.transpose(1, 0, 2)[None], axis=3).min(axis=2)


def applicable(group, methods=FINITE_METHODS):
    for method in methods:
        try:
            orbit_distance(np.zeros((0, group.degree)), group=group, method=method)
        except NotApplicableError:
            continue
        yield method


def check_alignment(found, X, Y, group, tolerance):
    """What an alignment says of itself holds."""
    moved = found.element.apply(Y)
    left = np.linalg.norm(X.astype(np.float64) - moved.astype(np.float64), axis=1)
    np.testing.assert_allclose(found.distance, left, atol=tolerance)
    assert len(found.element) == len(X)
    assert (found.gap >= 0).all()
    for i, element in enumerate(found.element):
        assert group.contains(element)
        np.testing.assert_allclose(element.apply(Y[i].astype(float)), moved[i], atol=tolerance)


# ---- finite groups ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FINITE)
def test_finite_groups_against_all_elements(name, dtype):
    group, tolerance = GROUPS[name], 1e-14 if dtype == np.float64 else 3e-6
    X, Y = samples(group, 13, dtype=dtype), samples(group, 37, seed=1, dtype=dtype)
    truth = brute(X, Y, group)
    for method in applicable(group):
        found = orbit_distance(X, Y, group=group, method=method)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, truth, atol=tolerance)
        squares = orbit_distance(X, Y, group=group, method=method, squared=True)
        np.testing.assert_allclose(squares, truth**2, atol=20 * tolerance)
        own = orbit_distance(X, group=group, method=method)
        np.testing.assert_allclose(own, brute(X, X, group), atol=tolerance)
        np.testing.assert_array_equal(own, own.T)
        aligned = align(X, Y[:13], group=group, method=method)
        assert aligned.exact
        np.testing.assert_allclose(aligned.distance, np.diag(truth[:, :13]), atol=tolerance)
        check_alignment(aligned, X, Y[:13], group, tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FINITE)
def test_one_orbit_is_at_distance_zero(name, dtype):
    group, rng = GROUPS[name], np.random.default_rng(2)
    for scale, offset in ((1.0, 0.0), (1e-6, 1.0), (1.0, 1e3)):
        X = (rng.standard_normal((20, group.degree)) * scale + offset).astype(dtype)
        moved = zip(group.sample(20, 3), X, strict=True)
        Y = np.stack([g.apply(x.astype(float)) for g, x in moved]).astype(dtype)
        size = np.linalg.norm(X, axis=1).max()
        exact = group.is_signed_permutation
        bound = (3e-15 if dtype == np.float64 else 1e-6) * size * (0.1 if exact else 1.0)
        for method in applicable(group):
            assert np.diag(orbit_distance(X, Y, group=group, method=method)).max() <= bound
            assert align(X, Y, group=group, method=method).distance.max() <= bound


@pytest.mark.parametrize("isa", cpu.info()["available_isas"])
@pytest.mark.parametrize("n, m", [(0, 3), (1, 1), (3, 0), (5, 33), (25, 64), (49, 17)])
def test_sizes_instruction_sets_and_threads(isa, n, m):
    rng = np.random.default_rng(n + m)
    before = cpu.info()["isa"]
    cpu.set_isa(isa)
    try:
        for group in (
            groups.Cyclic(7),
            groups.PointGroup("I"),
            groups.PointGroup("T").along(1, (4, 3)),
            groups.Cyclic(24),
            SO(3).along(1, (5, 3)),
            O(2).along(1, (5, 2)),
            Symmetric(7).along(0, (7, 2)),
        ):
            X, Y = rng.standard_normal((n, group.degree)), rng.standard_normal((m, group.degree))
            found = [orbit_distance(X, Y, group=group, n_jobs=jobs) for jobs in (1, 2)]
            assert found[0].shape == (n, m)
            np.testing.assert_array_equal(found[0], found[1])
            pairs = align(X, Y, group=group, pairwise=True)
            np.testing.assert_allclose(pairs.distance, found[0], atol=1e-13)
            assert len(pairs.element) == n * m
            own = orbit_distance(X, group=group)
            np.testing.assert_allclose(own, orbit_distance(X, X, group=group), atol=1e-13)
    finally:
        cpu.set_isa(before)


def test_a_transform_takes_over_for_long_cycles():
    for group in (groups.Cyclic(60).along(1, (2, 60)), groups.Image((6, 10), "translations")):
        X, Y = samples(group, 9), samples(group, 7, seed=1)
        found = align(X[:7], Y, group=group)
        assert "Fourier" in found.steps[1]
        np.testing.assert_allclose(
            orbit_distance(X, Y, group=group), brute(X, Y, group), atol=1e-13
        )
        check_alignment(found, X[:7], Y, group, 1e-13)


def test_matching_beside_a_finite_group_on_coordinates():
    group = Symmetric(5).along(0, (5, 3)) * groups.PointGroup("Td").along(1, (5, 3))
    X, Y = samples(group, 6), samples(group, 5, seed=1)
    found = orbit_distance(X, Y, group=group, method="matching")
    np.testing.assert_allclose(found, brute(X, Y, group), atol=1e-14)
    check_alignment(align(X[:5], Y, group=group, method="matching"), X[:5], Y, group, 1e-14)
    signed = groups.Hyperoctahedral(4).along(0, (4, 2))
    X, Y = samples(signed, 6), samples(signed, 6, seed=1)
    found = align(X, Y, group=signed, method="matching")
    np.testing.assert_allclose(found.distance, np.diag(brute(X, Y, signed)), atol=1e-14)
    check_alignment(found, X, Y, signed, 1e-14)


# ---- rotations ----------------------------------------------------------------------------------


def best_rotation(x, y, reflections, weights=None):
    """Kabsch of two clouds by NumPy."""
    weights = np.ones(len(x)) if weights is None else weights
    u, _, vt = np.linalg.svd((x * weights[:, None]).T @ y)
    signs = np.ones(x.shape[1])
    if not reflections and np.linalg.det(u @ vt) < 0:
        signs[-1] = -1
    difference = x - y @ (u * signs @ vt).T
    return np.sqrt((weights[:, None] * difference**2).sum())


@pytest.mark.parametrize("d", [2, 3, 4, 5])
@pytest.mark.parametrize("make", [SO, O, SE, E])
def test_rotations_against_numpy(make, d):
    rng, group = np.random.default_rng(d), make(d).along(1, (6, d))
    X, Y = rng.standard_normal((11, 6, d)), rng.standard_normal((19, 6, d))
    X[2, :, 0] = 0.0
    Y[3] = 0.0
    if make in (SE, E):
        X, Y = X + 5.0, Y - 3.0
    centre = (lambda x: x - x.mean(axis=0)) if make in (SE, E) else (lambda x: x)
    proper = make in (O, E)
    truth = np.array([[best_rotation(centre(x), centre(y), proper) for y in Y] for x in X])
    np.testing.assert_allclose(orbit_distance(X, Y, group=group), truth, atol=2e-14)
    found = align(X, Y[:11], group=group)
    assert found.exact
    np.testing.assert_allclose(found.distance, np.diag(truth[:, :11]), atol=2e-14)
    check_alignment(found, X.reshape(11, -1), Y[:11].reshape(11, -1), group, 5e-14)


CLOUDS = {
    "generic": lambda rng, p, d: rng.standard_normal((p, d)),
    "collinear": lambda rng, p, d: rng.standard_normal((p, 1)) * rng.standard_normal(d),
    "planar": lambda rng, p, d: rng.standard_normal((p, 2)) @ rng.standard_normal((2, d)),
    "zero": lambda rng, p, d: np.zeros((p, d)),
    "one point": lambda rng, p, d: np.eye(p, 1) * rng.standard_normal(d),
    "thin": lambda rng, p, d: rng.standard_normal((p, d)) * ([1.0] + [1e-9] * (d - 1)),
    "thinner": lambda rng, p, d: rng.standard_normal((p, d)) * ([1.0, 1e-9] + [1e-12] * (d - 2)),
    "far": lambda rng, p, d: rng.standard_normal((p, d)) + 1e3,
    "tiny": lambda rng, p, d: rng.standard_normal((p, d)) * 1e-170,
    "huge": lambda rng, p, d: rng.standard_normal((p, d)) * 1e200,
}


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("kind", CLOUDS)
def test_congruent_clouds_are_at_distance_zero(kind, d):
    rng = np.random.default_rng(d)
    X = np.stack([CLOUDS[kind](rng, 6, d) for _ in range(40)])
    turns = np.stack([g.as_matrix() for g in O(d).sample(40, 1)])
    turns[np.linalg.det(turns) < 0, :, 0] *= -1
    mirror = np.eye(d)
    mirror[-1, -1] = -1.0
    size = np.abs(X).max() * np.sqrt(6 * d) + (np.abs(X).max() == 0)
    for make, extra in ((SO, np.eye(d)), (O, mirror), (SE, np.eye(d)), (E, mirror)):
        group = make(d).along(1, (6, d))
        Y = np.einsum("nab,npb->npa", turns @ extra, X)
        if make in (SE, E):
            Y = Y + np.abs(X).max() * rng.standard_normal((40, 1, d))
        found = align(X, Y, group=group)
        bound = 4e-15 if d < 4 else 2e-14
        assert (found.distance / size).max() < bound
        left = X.reshape(40, -1) - found.element.apply(Y.reshape(40, -1))
        assert np.abs(left / size).max() < bound
        assert (np.diag(orbit_distance(X, Y, group=group)) / size).max() < bound


def test_mirror_images_are_apart_under_rotations_alone():
    rng = np.random.default_rng(0)
    for p, d in ((3, 2), (4, 3), (5, 4)):
        X = rng.standard_normal((10, p, d))
        Y = X * ([1.0] * (d - 1) + [-1.0])
        proper = np.diag(orbit_distance(X, Y, group=SE(d).along(1, (p, d))))
        improper = np.diag(orbit_distance(X, Y, group=E(d).along(1, (p, d))))
        assert proper.min() > 1e-3
        assert improper.max() < 1e-14
    flat = rng.standard_normal((10, 5, 3)) * [1.0, 1.0, 0.0]  # its own mirror image
    moved = flat * [1.0, -1.0, 1.0]
    assert align(flat, moved, group=SO(3).along(1, (5, 3))).distance.max() < 1e-14


def test_weights_are_masses():
    rng, group = np.random.default_rng(1), SE(3).along(1, (6, 3))
    weights = rng.uniform(0.0, 2.0, 6)
    weights[2] = 0.0
    X, Y = rng.standard_normal((2, 8, 6, 3))

    def centre(x):
        return x - np.average(x, axis=0, weights=weights)

    truth = [best_rotation(centre(x), centre(y), False, weights) for x, y in zip(X, Y, strict=True)]
    found = align(X, Y, group=group, weights=weights)
    np.testing.assert_allclose(found.distance, truth, atol=1e-14)
    moved = found.element.apply(Y.reshape(8, -1)).reshape(Y.shape)
    left = np.sqrt((weights[:, None] * (X - moved) ** 2).sum(axis=(1, 2)))
    np.testing.assert_allclose(left, truth, atol=1e-13)
    all_pairs = orbit_distance(X, Y, group=group, weights=weights)
    np.testing.assert_allclose(np.diag(all_pairs), truth, atol=1e-14)
    ones = orbit_distance(X, Y, group=group, weights=np.ones(6))
    np.testing.assert_allclose(ones, orbit_distance(X, Y, group=group), atol=1e-14)
    shifts = Translations(3).along(1, (6, 3))
    plain = np.linalg.norm(centre(X[0]) - centre(Y[0])) * 0 + np.sqrt(
        (weights[:, None] * (centre(X[0]) - centre(Y[0])) ** 2).sum()
    )
    assert orbit_distance(X[:1], Y[:1], group=shifts, weights=weights)[0, 0] == pytest.approx(plain)


# ---- permutations beside rotations --------------------------------------------------------------


@pytest.mark.parametrize("p, d", [(4, 2), (5, 3)])
@pytest.mark.parametrize("make", [SO, O, SE, E])
def test_few_permutations_beside_rotations_are_exact(make, p, d):
    rng = np.random.default_rng(p)
    group = Symmetric(p).along(0, (p, d)) * make(d).along(1, (p, d))
    alone = make(d).along(1, (p, d))
    X, Y = rng.standard_normal((7, p, d)), rng.standard_normal((9, p, d))
    truth = np.min(
        [orbit_distance(X, Y[:, s], group=alone) for s in itertools.permutations(range(p))], axis=0
    )
    np.testing.assert_allclose(orbit_distance(X, Y, group=group), truth, atol=1e-14)
    found = align(X, Y[:7], group=group)
    assert found.exact and found.method == "rotation"
    check_alignment(found, X.reshape(7, -1), Y[:7].reshape(7, -1), group, 1e-13)
    bounds = align(X, Y[:7], group=group, method="alternation")
    assert (bounds.distance >= found.distance - 1e-13).all()
    assert (bounds.lower_bound <= found.distance + 1e-13).all()
    assert np.mean(bounds.distance < found.distance + 1e-9) > 0.5
    check_alignment(bounds, X.reshape(7, -1), Y[:7].reshape(7, -1), group, 1e-13)
    Y = Y[:, ::-1]
    turned = align(Y, X[:1], group=group)  # one sample against all
    np.testing.assert_allclose(turned.distance, truth[0], atol=1e-14)


def test_alternation_certifies_what_it_can():
    p, rng = 15, np.random.default_rng(0)
    group = Symmetric(p).along(0, (p, 3)) * E(3).along(1, (p, 3))
    X = rng.standard_normal((6, p, 3))
    Y = np.stack([g.apply(x) for g, x in zip(group.sample(6, 1), X.reshape(6, -1), strict=True)])
    found = align(X, Y, group=group)
    assert found.exact and found.distance.max() < 1e-13
    with pytest.warns(ApproximationWarning, match="upper bounds, up to .* above lower bounds"):
        distances = orbit_distance(X, group=group)
    np.testing.assert_array_equal(distances, distances.T)
    apart = align(X[:3], X[3:], group=group)
    assert not apart.exact and (apart.gap > 0).any()
    assert "upper bounds" in str(apart)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = orbit_distance(X[:3], X[3:], group=group, method="alternation")
    np.testing.assert_allclose(np.diag(again), apart.distance, atol=1e-13)
    kinds = groups.Young("abc" * 5).along(0, (p, 3)) * SO(3).along(1, (p, 3))
    check_alignment(align(X, Y, group=kinds), X.reshape(6, -1), Y, kinds, 1e-12)


# ---- shifts -------------------------------------------------------------------------------------


def test_shifts_of_angles_have_the_nearest_chords():
    group, rng = groups.Torus(2).along(1, (5, 2)), np.random.default_rng(0)
    X, Y = rng.uniform(-9, 9, (6, 10)), rng.uniform(-9, 9, (8, 10))
    grid = np.linspace(0, 2 * np.pi, 721)
    truth = np.zeros((6, 8))
    for axis in range(2):
        x, y = X[:, axis::2], Y[:, axis::2]
        chords = np.abs(
            np.exp(1j * x)[:, None, None] - np.exp(1j * (y[:, None, :] + grid[:, None]))[None]
        )
        truth += (chords**2).sum(axis=3).min(axis=2)
    found = orbit_distance(X, Y, group=group, squared=True)
    assert (found <= truth + 1e-12).all() and (found > truth - 2e-3).all()
    aligned = align(X, X + np.tile([1.0, 2.0], 5), group=group)
    assert aligned.distance.max() < 1e-14
    assert all(group.contains(g) for g in aligned.element)


def test_translations_are_centred():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 5, 3))
    group = Translations(3).along(1, (5, 3)) * Symmetric(5).along(0, (5, 3))
    Y = X[:, ::-1] + 7.0
    found = align(X, Y, group=group)
    assert found.distance.max() < 1e-14
    check_alignment(found, X.reshape(4, -1), Y.reshape(4, -1), group, 1e-13)
    assert orbit_distance(X.reshape(4, -1), group=Translations(15)).max() == 0.0


# ---- scales and bad input -----------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e250])
def test_scales_beyond_the_range_of_squares(scale):
    rng = np.random.default_rng(0)
    for group in (groups.Cyclic(5), Symmetric(4).along(0, (4, 2)), SE(3).along(1, (5, 3))):
        X, Y = rng.standard_normal((2, 6, group.degree))
        plain = align(X, Y, group=group)
        scaled = align(X * scale, Y * scale, group=group)
        np.testing.assert_allclose(scaled.distance / scale, plain.distance, rtol=1e-12)
        left = (X * scale - scaled.element.apply(Y * scale)) / scale
        np.testing.assert_allclose(np.linalg.norm(left, axis=1), plain.distance, rtol=1e-12)


def test_integers_and_shapes_are_taken():
    group = Symmetric(3).along(0, (3, 2))
    X = np.arange(12).reshape(2, 3, 2)
    assert orbit_distance(X, X[:, ::-1], group=group).dtype == np.float64
    assert np.diag(orbit_distance(X, X[:, ::-1].reshape(2, 6), group=group)).max() == 0.0


def test_errors_name_the_argument():
    group = groups.Cyclic(3)
    X = np.zeros((2, 3))
    for bad, message in (
        (np.array([[1.0, np.nan, 0.0]]), "Y contains NaN"),
        (np.array([[1.0, np.inf, 0.0]]), "Y contains infinity"),
        (np.zeros((2, 4)), r"Y has 4 features; Cyclic\(3\) acts on 3"),
        (np.zeros((2, 3), dtype=complex), "Y must be real"),
    ):
        with pytest.raises(ValueError, match=message):
            orbit_distance(X, bad, group=group)
    with pytest.raises(TypeError, match="group must be a Group, got str"):
        orbit_distance(X, group="cyclic")
    with pytest.raises(ValueError, match="method must be one of"):
        orbit_distance(X, group=group, method="fast")
    with pytest.raises(ValueError, match="X has 2 rows and Y has 3"):
        align(X, np.zeros((3, 3)), group=group)
    with pytest.raises(ValueError, match="n_jobs"):
        orbit_distance(X, group=group, n_jobs=0)
    with pytest.raises(NotApplicableError, match=r"about 1\.33e32 elements"):
        orbit_distance(np.zeros((1, 30)), group=groups.Alternating(30))
    with pytest.raises(NotApplicableError, match="weights are for rotations"):
        orbit_distance(X, group=group, weights=np.ones(3))
    cloud = SO(3).along(1, (4, 3))
    for weights in ([1.0, 2.0], [1.0, 1.0, 1.0, -1.0], [0.0] * 4, [1.0, np.nan, 1.0, 1.0]):
        with pytest.raises(ValueError, match="weights must"):
            orbit_distance(np.zeros((1, 12)), group=cloud, weights=weights)
    few = np.zeros((2_000_000, 3), dtype=np.float32)
    with pytest.raises(MemoryError, match="the matrix of distances of shape 2000000 x 2000000"):
        orbit_distance(few, group=group)
    both = SO(2).along(1, (2, 2, 3)) * SO(3).along(2, (2, 2, 3))
    with pytest.raises(NotApplicableError, match="is not SO"):
        orbit_distance(np.zeros((1, 12)), group=both)
    angles = groups.Torus(1).along(1, (4, 1)) * groups.Cyclic(4).along(0, (4, 1))
    with pytest.raises(NotApplicableError, match="is not one Torus"):
        orbit_distance(np.zeros((1, 4)), group=angles)


# ---- kernels of the orbit distance --------------------------------------------------------------

REFLECTIONS = [
    groups.Trivial(3),
    groups.SignFlips(4),
    Symmetric(5),
    groups.Hyperoctahedral(3),
    groups.Young("aabbb"),
    O(1),
    groups.PointGroup("D5", degree=2),
    groups.PointGroup("D4", degree=2),
    groups.PointGroup("C4v"),
    groups.PointGroup("D3h"),
    groups.PointGroup("Td"),
    groups.PointGroup("Oh"),
    groups.PointGroup("Ih"),
    groups.Dihedral(3),
    groups.PermutationGroup([[1, 0, 2, 3], [0, 2, 1, 3]]),
]
OTHERS = [
    groups.Alternating(4),
    groups.Cyclic(5),
    groups.PointGroup("Ci"),
    groups.PointGroup("T"),
    groups.PointGroup("I"),
    groups.PointGroup("C5", degree=2),
    groups.PointGroup("D3d"),
    Symmetric(3).along(0, (3, 2)),
    groups.PermutationGroup([[1, 0, 3, 2]]),
    groups.Image((3, 3), "p4m"),
    SO(3),
    O(3).along(1, (4, 3)),
]


@pytest.mark.parametrize("group", REFLECTIONS, ids=repr)
def test_kernels_of_the_orbit_distance_of_reflection_groups(group):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, group.degree))
    X[:3] = [[0.0], [1.0], [-1.0]]  # on mirrors
    distance = brute(X, X, group)
    for base, formula in (
        (RBF(0.7), lambda d: np.exp(-(d**2) / (2 * 0.7**2))),
        (Matern(1.3, nu=0.5), lambda d: np.exp(-d / 1.3)),
    ):
        kernel = InvariantKernel(base, group, method="orbit_distance")
        K = kernel(X)
        np.testing.assert_allclose(K, formula(distance), atol=1e-12)
        eigenvalues = np.linalg.eigvalsh(K)
        assert eigenvalues[0] > -1e-13 * eigenvalues[-1]
        np.testing.assert_allclose(kernel.diag(X), 1.0)
        moved = np.stack([g.apply(x) for g, x in zip(group.sample(80, 1), X, strict=True)])
        np.testing.assert_allclose(kernel(moved, X), K, atol=1e-12)
    assert "orbit_distance" in str(kernel.plan())


@pytest.mark.parametrize("group", OTHERS, ids=repr)
def test_other_groups_are_refused(group):
    assert chamber_map(group) is None
    kernel = InvariantKernel(RBF(), group, method="orbit_distance")
    with pytest.raises(NotApplicableError, match="not positive semidefinite"):
        kernel(np.zeros((2, group.degree)))


@pytest.mark.parametrize(
    "group", [groups.Cyclic(5), groups.PointGroup("Ci"), groups.PointGroup("T")], ids=repr
)
def test_what_is_refused_is_indefinite(group):
    X = np.random.default_rng(0).standard_normal((150, group.degree))
    least = 0.0
    for length in (0.5, 1.0, 2.0, 4.0):
        K = np.exp(-orbit_distance(X, group=group, squared=True) / (2 * length**2))
        eigenvalues = np.linalg.eigvalsh(K)
        least = min(least, eigenvalues[0] / eigenvalues[-1])
    assert least < -1e-4


def test_kernels_that_are_no_function_of_the_distance_are_refused():
    for base in (DotProduct(),):
        with pytest.raises(NotApplicableError, match="not a function of the distance"):
            InvariantKernel(base, Symmetric(3), method="orbit_distance")(np.zeros((2, 3)))
    X = np.random.default_rng(0).standard_normal((9, 4))
    kernel = InvariantKernel(Laplacian(0.3), Symmetric(4), method="orbit_distance")
    ordered = np.sort(X, axis=1)
    l1 = np.abs(ordered[:, None] - ordered[None]).sum(axis=2)
    least = np.min(
        [
            np.abs(X[:, None] - X[None][..., list(s)]).sum(axis=2)
            for s in itertools.permutations(range(4))
        ],
        axis=0,
    )
    np.testing.assert_allclose(least, l1, atol=1e-14)
    np.testing.assert_allclose(kernel(X), np.exp(-0.3 * l1), atol=1e-13)


@pytest.mark.parametrize(
    "group", [Symmetric(4), groups.Hyperoctahedral(3), groups.PointGroup("Td")], ids=repr
)
def test_gradients_of_kernels_of_the_orbit_distance(group):
    rng = np.random.default_rng(0)
    X, Y, V = rng.standard_normal((5, group.degree)), rng.standard_normal((7, group.degree)), None
    V = rng.standard_normal((7, 2))
    kernel = InvariantKernel(RBF(1.1), group, method="orbit_distance")
    found = kernel.gradient_x(X, Y, V)
    for i, k in itertools.product(range(5), range(group.degree)):
        step = np.zeros_like(X)
        step[i, k] = 1e-6
        slope = ((kernel(X + step, Y) - kernel(X - step, Y)) @ V)[i] / 2e-6
        np.testing.assert_allclose(found[i, :, k], slope, atol=1e-8)
