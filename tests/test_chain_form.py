"""Least images along stabiliser chains, against brute force and against the laws of orbits."""

import importlib
import itertools
import math
import pickle

import numpy as np
import pytest
from catalog import GROUPS
from symkernel import groups
from symkernel.canonical.chain import ChainForm
from symkernel.groups import (
    Alternating,
    Cyclic,
    Dihedral,
    Hyperoctahedral,
    PermutationGroup,
    SignedPermutation,
    SignFlips,
    Symmetric,
)

known = importlib.import_module("symkernel.bench.permutation_groups")

SMALL = {name: G for name, G in GROUPS.items() if G.is_finite and G.is_signed_permutation} | {
    "one feature": Cyclic(1),
    "minus one": SignFlips(1),
    "alternating 6": Alternating(6),
    "PSL(2, 7)": PermutationGroup(known.psl2(7)),
    "fixed features": PermutationGroup([[0, 2, 1, 3, 5, 6, 4]]),
    "two orbits": PermutationGroup([[1, 0, 3, 4, 2]]),
    "pairs of five points": PermutationGroup(
        [
            [
                list(itertools.combinations(range(5), 2)).index(tuple(sorted((g[a], g[b]))))
                for a, b in itertools.combinations(range(5), 2)
            ]
            for g in known.symmetric(5)
        ]
    ),
    "signed": PermutationGroup([SignedPermutation([1, 2, 3, 0], [1, 1, 1, -1]), [0, 1, 3, 2]]),
    "signs together": PermutationGroup([SignedPermutation([0, 1, 2], [-1, -1, -1])]),
}
LARGE = {
    "rubik": PermutationGroup(known.rubik()),
    "m24": PermutationGroup(known.m24()),
    "S_50": PermutationGroup(known.symmetric(50)),
    "A_20": PermutationGroup([g.indices for g in Alternating(20).generators]),
    "B_8": PermutationGroup(Hyperoctahedral(8).generators),
    "PSL(2, 31)": PermutationGroup(known.psl2(31)),
    "p4m": groups.Image((12, 12), "p4m"),
}


# One of the 759 blocks of the Steiner system that Mathieu's group keeps.
OCTAD = (0, 1, 2, 3, 4, 7, 10, 12)


def least_by_brute_force(G, X):
    """The least image of every row, and how many elements lead to it."""
    least, counts = [], []
    for x in X:
        images = np.array([g.apply(x) + 0.0 for g in G.elements()])
        rows, repeats = np.unique(images, axis=0, return_counts=True)
        least.append(rows[0])
        counts.append(int(repeats[0]))
    return np.array(least), counts


def samples(G, colours, n, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.integers(colours, size=(n, G.degree)) - colours // 2
    return X + 0.0 if colours < 1000 else rng.standard_normal((n, G.degree))


def test_the_group_is_what_brute_force_lists():
    assert SMALL["pairs of five points"].order == 120


@pytest.mark.parametrize("G", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("colours", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_representatives_are_least(G, colours, dtype):
    X = samples(G, colours, 12).astype(dtype)
    found = ChainForm(G).canonicalize(X)
    least, counts = least_by_brute_force(G, X)
    assert found.representative.dtype == dtype
    np.testing.assert_array_equal(found.representative, least)
    assert found.stabilizer_order.tolist() == counts
    assert all(type(order) is int for order in found.stabilizer_order)
    np.testing.assert_array_equal(found.transporter.apply(X), least)
    assert all(G.contains(g) for g in found.transporter)
    assert np.isinf(found.gap[[count == G.order for count in counts]]).all()
    assert (found.degenerate == (found.gap <= 64 * np.finfo(dtype).eps)).all()


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("colours", [1, 2, 3, 6, 1000])
def test_forms_are_those_of_the_orbit(name, colours):
    G = LARGE[name]
    form = ChainForm(G)
    X = samples(G, colours, 6)
    first = form.canonicalize(X)
    Y = np.array([g.apply(x) for g, x in zip(G.sample(6, random_state=1), X, strict=True)])
    second = form.canonicalize(Y)
    np.testing.assert_array_equal(first.representative, second.representative)
    assert not np.signbit(first.representative[first.representative == 0]).any()
    assert first.stabilizer_order.tolist() == second.stabilizer_order.tolist()
    np.testing.assert_array_equal(first.transporter.apply(X), first.representative)
    assert all(G.contains(g) for g in first.transporter)
    np.testing.assert_array_equal(form.representatives(first.representative), first.representative)
    for x, order in zip(X, first.stabilizer_order, strict=True):
        assert G.orbit_size(x) * order == G.order
    if colours == 1:
        assert set(first.stabilizer_order) == {G.order}


@pytest.mark.parametrize(
    ("G", "count"), [(Cyclic(6), 130), (Dihedral(6), 92)], ids=["necklaces", "bracelets"]
)
def test_beads(G, count):
    X = np.array(list(itertools.product(range(3), repeat=6)), float)
    found = ChainForm(G).canonicalize(X)
    assert len(np.unique(found.representative, axis=0)) == count
    sizes = [G.order // order for order in found.stabilizer_order]
    assert sum(1 / size for size in sizes) == pytest.approx(count)


def test_orbits_of_the_cube_stay_apart():
    """A solved cube, and those with a corner twisted or two edges exchanged."""
    solved = np.repeat(np.arange(6.0), 8)
    twisted, swapped = solved.copy(), solved.copy()
    twisted[[7, 24, 18]] = solved[[24, 18, 7]]
    swapped[[6, 1]] = solved[[1, 6]]
    swapped[[25, 33]] = solved[[33, 25]]
    found = ChainForm(LARGE["rubik"]).canonicalize(np.array([solved, twisted, swapped]))
    assert len(np.unique(found.representative, axis=0)) == 3
    assert found.stabilizer_order[0] == 1


def test_sets_in_m24():
    """All sets of five points are alike; those of eight are three orbits, octads the smallest."""
    rng = np.random.default_rng(0)
    form = ChainForm(LARGE["m24"])

    def sets(size, n):
        X = np.zeros((n, 24))
        np.put_along_axis(X, rng.permuted(np.tile(np.arange(24), (n, 1)), axis=1)[:, :size], 1, 1)
        return X

    assert len(np.unique(form.representatives(sets(5, 50)), axis=0)) == 1
    octad = np.isin(np.arange(24), OCTAD)[None].astype(float)
    found = form.canonicalize(np.concatenate([octad, sets(8, 100)]))
    assert found.stabilizer_order[0] == 2**4 * math.factorial(8) // 2
    representatives, first = np.unique(found.representative, axis=0, return_index=True)
    sizes = [244_823_040 // order for order in found.stabilizer_order[first]]
    assert len(representatives) == 3
    assert sum(sizes) == math.comb(24, 8)


def test_threads_and_batches_change_nothing():
    form = ChainForm(LARGE["rubik"])
    X = np.concatenate([samples(LARGE["rubik"], colours, 30) for colours in (2, 6, 1000)])
    one, two = form.canonicalize(X, n_jobs=1), form.canonicalize(X, n_jobs=2)
    np.testing.assert_array_equal(one.representative, two.representative)
    np.testing.assert_array_equal(one.transporter.indices, two.transporter.indices)
    assert one.stabilizer_order.tolist() == two.stabilizer_order.tolist()
    for i in (0, 31, 89):
        alone = form.canonicalize(X[i : i + 1])
        np.testing.assert_array_equal(alone.transporter.indices[0], one.transporter.indices[i])


def test_zeros_have_no_sign():
    form = ChainForm(PermutationGroup([[1, 2, 0]]))
    X = np.array([[0.0, -0.0, 0.0], [-0.0, -0.0, -0.0], [-0.0, -1.0, 0.0]])
    found = form.canonicalize(X)
    np.testing.assert_array_equal(found.representative, [[0, 0, 0], [0, 0, 0], [-1, 0, 0]])
    assert not np.signbit(found.representative[found.representative == 0]).any()
    assert found.stabilizer_order.tolist() == [3, 3, 1]


@pytest.mark.parametrize("scale", [1e-310, 1e-30, 1e300])
def test_sizes_of_entries_do_not_matter(scale):
    G = SMALL["signed"]
    X = samples(G, 3, 20)
    np.testing.assert_array_equal(
        ChainForm(G).representatives(X * scale), ChainForm(G).representatives(X) * scale
    )


def test_no_rows():
    found = ChainForm(LARGE["m24"]).canonicalize(np.empty((0, 24), np.float32))
    assert found.representative.shape == (0, 24)
    assert len(found.transporter) == len(found.stabilizer_order) == 0


def test_forms_survive_pickling():
    form = pickle.loads(pickle.dumps(ChainForm(LARGE["m24"])))
    X = samples(LARGE["m24"], 3, 4)
    np.testing.assert_array_equal(
        form.representatives(X), ChainForm(LARGE["m24"]).representatives(X)
    )


def test_a_search_too_long_names_the_row(monkeypatch):
    module = importlib.import_module("symkernel.canonical.chain")
    monkeypatch.setattr(module, "SEARCH_LIMIT", 50)
    X = samples(LARGE["rubik"], 2, 3)
    X[:2] = np.random.default_rng(0).standard_normal((2, 48))
    with pytest.raises(ValueError, match="row 2: "):
        ChainForm(LARGE["rubik"]).canonicalize(X)


@pytest.mark.parametrize(
    ("X", "error", "text"),
    [
        ([[1.0, np.nan, 2.0]], ValueError, "X must be finite"),
        ([[1.0, np.inf, 2.0]], ValueError, "X must be finite"),
        ([[1.0, 2.0]], ValueError, r"X must have shape \(n, 3\), got shape \(1, 2\)"),
        ([1.0, 2.0, 3.0], ValueError, r"X must have shape \(n, 3\)"),
    ],
)
def test_bad_samples_are_refused(X, error, text):
    with pytest.raises(error, match=text):
        ChainForm(Cyclic(3)).canonicalize(np.array(X))


def test_other_groups_are_refused():
    with pytest.raises(ValueError, match="group must be a finite group of permutations"):
        ChainForm(groups.PointGroup("I"))
    with pytest.raises(ValueError, match="group must be a finite group of permutations"):
        ChainForm(groups.SO(3))
    with pytest.raises(TypeError, match="group must be a Group"):
        ChainForm([[1, 0]])


def test_symmetric_groups_sort():
    X = samples(Symmetric(300), 7, 5)
    found = ChainForm(Symmetric(300)).canonicalize(X)
    np.testing.assert_array_equal(found.representative, np.sort(X, axis=1))
    counts = [np.unique(x, return_counts=True)[1] for x in X]
    expected = [math.prod(math.factorial(int(c)) for c in own) for own in counts]
    assert found.stabilizer_order.tolist() == expected


def test_integers_become_floating_point():
    found = ChainForm(Cyclic(3)).canonicalize(np.array([[2, 3, 1]]))
    np.testing.assert_array_equal(found.representative, [[1.0, 2.0, 3.0]])
    assert found.representative.dtype == np.float64
