"""Laws of canonical forms, over every group of the catalog and groups beyond any list."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from catalog import GROUPS, MOVING_METHANE, samples
from oracles import least_images
from symkernel import groups
from symkernel.canonical import canonical_form

CLOUD = (5, 3)
CONTINUOUS = {
    "SO(2)": groups.SO(2).along(1, (4, 2)),
    "O(2)": groups.O(2).along(1, (4, 2)),
    "SO(3)": groups.SO(3).along(1, CLOUD),
    "O(3)": groups.O(3).along(1, CLOUD),
    "SO(4)": groups.SO(4).along(1, (6, 4)),
    "SE(3)": groups.SE(3).along(1, CLOUD),
    "E(3)": groups.E(3).along(1, CLOUD),
    "SO(3) on one vector": groups.SO(3),
    "SO(2) about an axis": groups.SO(2).on([0, 1], 3),
    "cloud and columns": groups.SE(3).along(1, CLOUD).on(range(1, 16), 19)
    * groups.Symmetric(2).on([0, 17], 19),
    "turns about z, shifts": groups.SO(2).on([0, 1], 3).along(1, CLOUD)
    * groups.Translations(3).along(1, CLOUD),
    "O(4) on one vector": groups.O(4),
    "translations of points": groups.Translations(3).along(1, CLOUD),
    "translations x S5": groups.Translations(3).along(1, CLOUD)
    * groups.Symmetric(5).along(0, CLOUD),
    "translations x Oh": groups.Translations(3).along(1, CLOUD)
    * groups.PointGroup("Oh").along(1, CLOUD),
    "S5 x O(3)": groups.Symmetric(5).along(0, CLOUD) * groups.O(3).along(1, CLOUD),
    "S5 x SE(3)": groups.Symmetric(5).along(0, CLOUD) * groups.SE(3).along(1, CLOUD),
    "young x E(3)": groups.Young("aabbb").along(0, CLOUD) * groups.E(3).along(1, CLOUD),
    "moving methane": MOVING_METHANE,
    "C5 x SO(3)": groups.Cyclic(5).along(0, CLOUD) * groups.SO(3).along(1, CLOUD),
}
LARGE = {
    "S30": groups.Symmetric(30),
    "rows of S12": groups.Symmetric(12).along(0, (12, 3)),
    "B20": groups.Hyperoctahedral(20),
    "A16": groups.Alternating(16),
    "sign flips of 40": groups.SignFlips(40),
    "young of 24": groups.Young("aaaabbbbbbbbcccccccccccc"),
    "rows and columns": groups.Symmetric(4).along(0, (4, 5)) * groups.Symmetric(5).along(1, (4, 5)),
    "S9 x C3": groups.Symmetric(9).along(0, (9, 3)) * groups.Cyclic(3).along(1, (9, 3)),
    "S8 x Oh": groups.Symmetric(8).along(0, (8, 3)) * groups.PointGroup("Oh").along(1, (8, 3)),
    "S8 x I": groups.Symmetric(8).along(0, (8, 3)) * groups.PointGroup("I").along(1, (8, 3)),
    "M12": groups.PermutationGroup(
        [
            [(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)],
            [(2, 6, 10, 7), (3, 9, 4, 5)],
            [(0, 11), (1, 10), (2, 5), (3, 7), (4, 8), (6, 9)],
        ]
    ),
    "signed generators": groups.PermutationGroup(
        [
            groups.SignedPermutation([1, 2, 3, 4, 5, 6, 7, 0], [1, 1, 1, 1, 1, 1, 1, -1]),
            groups.SignedPermutation([1, 0, 2, 3, 4, 5, 6, 7]),
        ]
    ),
    "disjoint blocks": groups.PermutationGroup([[(0, 1, 2, 3, 4, 5)], [(0, 1)]], degree=12)
    * groups.PermutationGroup([[(6, 7, 8, 9, 10, 11)]], degree=12),
    "rings in any order": groups.Wreath(groups.Cyclic(4), groups.Symmetric(5)),
    "signed blocks on a ring": groups.Wreath(groups.Hyperoctahedral(3), groups.Cyclic(6)),
    "blocks under a group": groups.Wreath(
        groups.PermutationGroup([[1, 0, 3, 2], [2, 3, 0, 1]]), groups.Alternating(4)
    ),
    "D4 of a large image": groups.Image((12, 12), "D4"),
    "p4m of an image": groups.Image((8, 8), "p4m"),
}
EVERY = GROUPS | CONTINUOUS | LARGE
FINITE = {name: G for name, G in (GROUPS | LARGE).items() if G.is_finite}
PERMUTATIONS = {name: G for name, G in FINITE.items() if G.is_signed_permutation}
SMALL = {name: G for name, G in GROUPS.items() if G.is_finite} | {
    "blocks": groups.Wreath(groups.Cyclic(3), groups.Symmetric(2)),
    "signed blocks": groups.Wreath(groups.SignFlips(2), groups.Cyclic(3)),
}

each = pytest.mark.parametrize("name", EVERY)


def moved(group, X, seed=1):
    """Every sample by an element of its own."""
    elements = group.sample(len(X), random_state=seed)
    return np.stack([g.apply(x) for g, x in zip(elements, X, strict=True)])


def distance(group, X, Y):
    """Largest difference of entries; angles have the period 2 pi."""
    D = X - Y
    if group._on_angles:
        D = (D + np.pi) % (2 * np.pi) - np.pi
    return np.abs(D).max(axis=1, initial=0.0)


def regular(form, X):
    """Forms of the samples, and which of them are not degenerate."""
    found = form.canonicalize(X)
    return found, ~found.degenerate


@each
def test_the_same_all_over_an_orbit(name):
    group, X = EVERY[name], samples(EVERY[name], 40, seed=3)
    form = canonical_form(group)
    found, kept = regular(form, X)
    again = form.canonicalize(moved(group, X))
    if form.exact:
        np.testing.assert_array_equal(again.representative, found.representative)
        assert (again.stabilizer_order == found.stabilizer_order).all()
        np.testing.assert_allclose(again.gap, found.gap, rtol=1e-12)
    else:
        assert kept.sum() > 30
        assert distance(group, again.representative, found.representative)[kept].max() < 1e-10
    assert form.exact or not group.is_signed_permutation


@each
def test_representatives_stay(name):
    group, X = EVERY[name], samples(EVERY[name], 20, seed=4)
    form = canonical_form(group)
    found, kept = regular(form, X)
    again = form.representatives(found.representative)
    error = distance(group, again, found.representative)[kept]
    assert error.max() <= (0 if form.exact else 1e-10)


@each
def test_transporters_lie_in_the_group_and_carry(name):
    group, X = EVERY[name], samples(EVERY[name], 6, seed=5)
    form = canonical_form(group)
    found = form.canonicalize(X)
    np.testing.assert_array_equal(form.representatives(X), found.representative)
    assert len(found) == len(found.transporter) == 6
    carried = np.stack([g.apply(x) for g, x in zip(found.transporter, X, strict=True)])
    tolerance = 0 if group.is_signed_permutation else 1e-12
    for image in (carried, found.transporter.apply(X)):
        assert distance(group, image, found.representative).max() <= tolerance
    for g in found.transporter:
        assert group.contains(g)


@each
def test_gaps_and_flags(name):
    group = EVERY[name]
    found = canonical_form(group, tol=1e-6).canonicalize(samples(group, 20, seed=6))
    assert (found.gap >= 0).all() and not np.isnan(found.gap).any()
    assert (found.degenerate == (found.gap <= 1e-6)).all()


@pytest.mark.parametrize("name", SMALL)
def test_stabilisers_and_orbits(name):
    """|stabiliser| |orbit| = |group|, against the list of all images."""
    group, X = SMALL[name], samples(SMALL[name], 8, seed=7)
    X[4:] = np.random.default_rng(8).integers(-1, 2, X[4:].shape)
    found = canonical_form(group).canonicalize(X)
    for x, order in zip(X, found.stabilizer_order, strict=True):
        assert isinstance(order, int)
        images = np.stack([g.apply(x) for g in group.elements()])
        assert order == (np.abs(images - x) < 1e-9).all(axis=1).sum()
        orbit = np.unique(np.round(images, 6) + 0.0, axis=0)
        assert order * len(orbit) == group.order


@pytest.mark.parametrize("name", SMALL)
def test_orbits_stay_apart(name):
    """Representatives agree just where one sample is an image of the other."""
    group = SMALL[name]
    X = np.random.default_rng(9).integers(0, 2, (60, group.degree)).astype(float)
    C = canonical_form(group).representatives(X)
    same = np.abs(C[:, None] - C[None]).max(axis=2) < 1e-9
    images = np.stack([[g.apply(x) for x in X] for g in group.elements()])
    orbit = (np.abs(images[:, :, None] - X[None, None]).max(axis=3) < 1e-9).any(axis=0)
    np.testing.assert_array_equal(same, orbit)


@pytest.mark.parametrize(("group", "count"), [(groups.Cyclic(6), 130), (groups.Dihedral(6), 92)])
@pytest.mark.parametrize("method", ["auto", "enumerate", "chain"])
def test_necklaces_and_bracelets(group, count, method):
    beads = np.array(list(itertools.product(range(3), repeat=6)), dtype=float)
    form = canonical_form(group, method)
    found = form.canonicalize(beads)
    assert len(np.unique(found.representative, axis=0)) == count
    # Burnside's lemma, read backwards: orbits as the mean of 1 / |orbit|
    assert sum(found.stabilizer_order) == count * group.order


@pytest.mark.parametrize("name", PERMUTATIONS)
def test_methods_agree_on_what_is_one_orbit(name):
    group = PERMUTATIONS[name]
    X = np.random.default_rng(10).integers(-1, 2, (30, group.degree)).astype(float)
    X[15:] = moved(group, X[:15])
    auto, chain = (canonical_form(group, method).canonicalize(X) for method in ("auto", "chain"))
    np.testing.assert_array_equal(chain.representative[:15], chain.representative[15:])
    assert (auto.stabilizer_order == chain.stabilizer_order).all()
    for form in (auto, chain):
        equal = (form.representative[:, None] == form.representative[None]).all(axis=2)
        other = (chain.representative[:, None] == chain.representative[None]).all(axis=2)
        np.testing.assert_array_equal(equal, other)
    if group.order <= 1000:
        np.testing.assert_array_equal(chain.representative, least_images(group, X))


def test_rows_then_columns_would_not_do():
    """The trap: sorting rows, then columns, depends on the order in which they came."""
    group = LARGE["rows and columns"]
    X = np.random.default_rng(11).integers(0, 3, (200, 4, 5)).astype(float)
    Y = moved(group, X.reshape(200, 20)).reshape(X.shape)

    def sorted_twice(Z):
        Z = np.stack([z[np.lexsort(z.T[::-1])] for z in Z])
        return np.stack([z[:, np.lexsort(z[::-1])] for z in Z])

    assert (sorted_twice(X) != sorted_twice(Y)).any()
    form = canonical_form(group)
    np.testing.assert_array_equal(
        form.representatives(X.reshape(200, 20)), form.representatives(Y.reshape(200, 20))
    )


BAD_ROWS = {
    "ties": lambda d: np.arange(d) // 2,
    "all equal": lambda d: np.full(d, 2.5),
    "zero": np.zeros,
    "one entry": lambda d: np.eye(d)[d // 2],
    "huge": lambda d: 1e150 * np.arange(d),
    "tiny": lambda d: 1e-300 * np.arange(1, d + 1),
    "subnormal": lambda d: 5e-324 * (np.arange(d) % 3),
    "negative zero": lambda d: -0.0 * np.ones(d),
}


@pytest.mark.parametrize("bad", BAD_ROWS)
@each
def test_bad_samples(name, bad):
    """Forms are defined everywhere: finite and in the orbit; exact ones invariant, without -0.0."""
    group = EVERY[name]
    X = np.tile(BAD_ROWS[bad](group.degree), (3, 1)).astype(float)
    form = canonical_form(group)
    found = form.canonicalize(X)
    assert np.isfinite(found.representative).all()
    size = max(np.abs(X).max(), 5e-324)
    if bad == "huge" and name.startswith("torus"):
        return  # angles of 1e150 have no direction
    carried = found.transporter.apply(X)
    assert distance(group, carried, found.representative).max() <= 1e-12 * size + 1e-321
    if form.exact:
        assert not np.signbit(found.representative[found.representative == 0]).any()
        again = form.representatives(moved(group, X))
        np.testing.assert_array_equal(again, found.representative)


@pytest.mark.parametrize("name", [n for n, G in EVERY.items() if G.shape == CLOUD])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_points_on_a_line_or_plane(name, rank):
    """Flat clouds: forms exist, carry, and repeat themselves up to rounding or are flagged."""
    group = EVERY[name]
    X = np.random.default_rng(12).standard_normal((10, *CLOUD))
    X[:, :, rank:] = 0.0
    X = X @ groups.SO(3).sample(1, random_state=2)[0].as_matrix()
    X = X.reshape(10, -1)
    form = canonical_form(group)
    found, kept = regular(form, X)
    assert distance(group, found.transporter.apply(X), found.representative).max() < 1e-12
    error = distance(group, form.representatives(moved(group, X)), found.representative)
    assert error[kept].max(initial=0.0) < 1e-10


@each
def test_no_samples_one_sample_and_single_precision(name):
    group = EVERY[name]
    form = canonical_form(group)
    X = samples(group, 9, seed=13, dtype=np.float32)
    assert form.canonicalize(X[:0]).representative.shape == (0, group.degree)
    found = form.canonicalize(X)
    assert found.representative.dtype == np.float32
    assert found.transporter.apply(X).dtype == np.float32
    np.testing.assert_array_equal(form.representatives(X[:1]), found.representative[:1])
    double = form.canonicalize(X.astype(float))
    kept = ~(found.degenerate | double.degenerate) & (double.gap > 1e-3)
    error = distance(group, found.representative, double.representative)[kept]
    assert error.max(initial=0.0) <= (0 if form.exact else 1e-4)


@each
def test_threads_do_not_change_anything(name):
    group, X = EVERY[name], samples(EVERY[name], 33, seed=14)
    form = canonical_form(group)
    one, two = form.canonicalize(X, 1), form.canonicalize(X, 2)
    np.testing.assert_array_equal(one.representative, two.representative)
    assert (one.stabilizer_order == two.stabilizer_order).all()


@each
def test_steps_are_words(name):
    steps = canonical_form(EVERY[name]).steps
    assert steps and all(isinstance(step, str) and step for step in steps)


def test_stabiliser_of_a_large_group_is_exact():
    x = np.repeat(np.arange(3.0), 10)[None]
    found = canonical_form(groups.Symmetric(30)).canonicalize(x)
    assert found.stabilizer_order[0] == math.factorial(10) ** 3  # beyond 2^64


@pytest.mark.parametrize(
    ("arguments", "words", "error", "message"),
    [
        (("cyclic",), {}, TypeError, "group must be a Group, got str"),
        ((groups.Cyclic(3), "fast"), {}, ValueError, "method='fast' is unknown; known methods"),
        ((groups.Cyclic(3),), {"order": "random"}, ValueError, "order='random' is unknown"),
        ((groups.Cyclic(3),), {"tol": -1}, ValueError, "tol must be a number in"),
        ((groups.Cyclic(3),), {"weights": [1, 2, 3]}, ValueError, "weights are those of points"),
        ((groups.Symmetric(20), "enumerate"), {}, ValueError, "2432902008176640000 elements"),
        ((groups.SO(3), "enumerate"), {}, ValueError, "SO\\(3\\)"),
        ((groups.SO(3), "chain"), {}, ValueError, "finite groups of \\(signed\\) permutations"),
        ((groups.PointGroup("I"), "chain"), {}, ValueError, "finite groups of \\(signed\\)"),
    ],
)
def test_errors(arguments, words, error, message):
    with pytest.raises(error, match=message):
        canonical_form(*arguments, **words)
