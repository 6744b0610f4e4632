"""Necklaces and bracelets: least rotations against all of them, ties of every kind."""

import itertools
import math

import numpy as np
import pytest
from canonical_laws import DTYPES, brute_force, check_exact, on_every_isa, same_bits, samples
from symkernel.canonical.rotation import RotationForm
from symkernel.groups import Cyclic, Dihedral, Symmetric
from symkernel.groups.along import Along

GROUPS = [
    *(Cyclic(n) for n in (1, 2, 3, 5, 8, 12)),
    *(Dihedral(n) for n in (1, 2, 3, 4, 6, 9)),
    Cyclic(4).along(0, (4, 2)),
    Cyclic(6).along(1, (2, 6)),
    Cyclic(4).along((0, 1), (2, 2, 2)),
    Dihedral(4).along(0, (4, 3)),
    Dihedral(5).along(1, (2, 5)),
    Dihedral(2).along(0, (2, 2)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", GROUPS, ids=repr)
def test_laws(group, dtype):
    check_exact(RotationForm(group), samples(group.degree, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", GROUPS, ids=repr)
def test_least_of_all_images(group, dtype):
    X = samples(group.degree, dtype)
    least, orders = brute_force(group, X)
    if isinstance(group, Along) and group.axes == (1,):
        # points stand in columns: least by points, not by features
        points = group.shape[1]
        swap = np.arange(group.degree).reshape(group.shape).T.reshape(-1)
        inner = type(group.group)(points).along(0, group.shape[::-1])
        least = brute_force(inner, X[:, swap])[0][:, np.argsort(swap)]

    def check():
        found = RotationForm(group).canonicalize(X)
        same_bits(found.representative, least)
        assert list(found.stabilizer_order) == orders

    on_every_isa(check)


def test_necklaces_and_bracelets_of_six_beads_in_three_colours():
    X = np.array(list(itertools.product((0.0, 1.0, 2.0), repeat=6)))
    for group, count in ((Cyclic(6), 130), (Dihedral(6), 92)):
        found = RotationForm(group).canonicalize(X)
        kinds, sizes = np.unique(found.representative, axis=0, return_counts=True)
        assert len(kinds) == count
        stabilizers = RotationForm(group).canonicalize(kinds).stabilizer_order
        assert [s * size for s, size in zip(stabilizers, sizes, strict=True)] == [
            group.order
        ] * count


def rings(n, rng):
    """Random, of few values, periodic, nearly constant and nearly periodic rings."""
    yield rng.standard_normal(n)
    for values in (2, 3, 4, 20):
        yield rng.integers(0, values, size=n).astype(float)
    for period in (1, 2, 3, 4, 8, 16, 33):
        if n % period == 0:
            yield np.tile(rng.integers(0, 3, size=period), n // period).astype(float)
    for _ in range(2):
        ring = np.ones(n)
        ring[rng.integers(n, size=2)] = (0.0, 2.0)
        yield ring
    ring = np.tile([0.0, 1.0], n)[:n]
    ring[-1] = 0.0
    yield ring
    half = rng.integers(0, 2, size=n // 2 + 1).astype(float)
    yield np.concatenate([half, half[::-1]])[:n]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 60, 63, 64, 65, 66, 99, 128])
def test_every_length_and_every_kind_of_tie(n):
    rng = np.random.default_rng(n)
    X = np.array([ring for _ in range(3) for ring in rings(n, rng)])
    turns = (np.arange(n) + np.arange(n)[:, None]) % n
    mirrors = (np.arange(n)[:, None] - np.arange(n)) % n
    expected = {}
    for name, table in (("turns", turns), ("both", np.concatenate([turns, mirrors]))):
        images = X[:, table]
        least = np.array([min(map(tuple, one)) for one in images])
        fixed = (images == X[:, None]).all(axis=2).sum(axis=1)
        expected[name] = least, fixed // (2 if name == "both" and n <= 2 else 1)

    def check():
        for group, name in ((Cyclic(n), "turns"), (Dihedral(n), "both")):
            for dtype in DTYPES:
                least, orders = expected[name]
                found = RotationForm(group).canonicalize(X.astype(dtype))
                same_bits(found.representative, np.array([
                    min(map(tuple, x[turns if name == "turns" else np.concatenate([turns, mirrors])]
                    )) for x in X.astype(dtype)
                ], dtype) if dtype == np.float32 else least)  # fmt: skip
                assert list(found.stabilizer_order) == list(orders)
                moved = found.transporter.apply(X.astype(dtype))
                np.testing.assert_array_equal(moved, found.representative)

    on_every_isa(check)


def test_large_batches_are_the_same():
    X = np.random.default_rng(0).standard_normal((40_000, 64))
    for group in (Cyclic(64), Dihedral(64)):
        form = RotationForm(group)
        few = form.representatives(X[:1000])
        same_bits(form.representatives(X)[:1000], few)


def test_gaps():
    form = RotationForm(Cyclic(3))
    X = np.array([[0.0, 1.0, 3.0], [0.0, 0.0, 1.0], [2.0, 2.0, 2.0]])
    found = form.canonicalize(X)
    assert found.gap[0] == pytest.approx(math.sqrt(0.5) / math.sqrt(10))
    assert list(found.gap[1:]) == [0.0, 1.0]
    assert list(found.degenerate) == [False, True, False]
    both = RotationForm(Dihedral(3)).canonicalize(np.array([[0.0, 3.0, 3.1], [0.0, 3.0, 3.0]]))
    # the directions differ by 0.1 only; where they agree, nothing jumps
    assert both.gap[0] == pytest.approx(0.1 * math.sqrt(0.5) / np.linalg.norm([3.0, 3.1]))
    assert both.gap[1] == pytest.approx(3.0 * math.sqrt(0.5) / np.linalg.norm([3.0, 3.0]))
    assert np.isinf(RotationForm(Cyclic(1)).canonicalize(np.ones((1, 1))).gap).all()


def test_inputs_and_refusals():
    form = RotationForm(Cyclic(3))
    assert form.canonicalize([[3, 1, 2]]).representative.tolist() == [[1.0, 2.0, 3.0]]
    assert form.representatives(np.zeros((0, 3), np.float32)).dtype == np.float32
    for value in (np.nan, np.inf):
        for group in (Cyclic(3), Dihedral(70), Cyclic(2).along(0, (2, 3))):
            X = np.zeros((9, group.degree))
            X[8, -1] = value
            with pytest.raises(ValueError, match="finite"):
                RotationForm(group).representatives(X)
    with pytest.raises(ValueError, match=r"shape \(n, 3\)"):
        form.canonicalize(np.zeros(3))
    with pytest.raises(ValueError, match="RotationForm takes one of Cyclic, Dihedral"):
        RotationForm(Symmetric(3))
    with pytest.raises(TypeError, match="must be a Group"):
        RotationForm("C3")
