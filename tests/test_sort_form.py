"""Sorted canonical forms: against all elements, at every length, along axes, along a curve."""

import itertools
import math

import numpy as np
import pytest
from canonical_laws import DTYPES, brute_force, check_exact, on_every_isa, same_bits, samples
from symkernel.canonical.hilbert import HilbertOrder
from symkernel.canonical.sorting import SortForm
from symkernel.groups import (
    Alternating,
    Cyclic,
    Hyperoctahedral,
    SignFlips,
    Symmetric,
    Trivial,
    Young,
)

LEAST = [  # the representative is the least of all images
    *(Symmetric(n) for n in (1, 2, 3, 5)),
    *(Alternating(n) for n in (1, 2, 3, 4, 5)),
    Young("abcab"),
    Young("aab"),
    Trivial(3),
    Symmetric(3).along(0, (3, 2)),
    Symmetric(4).along((0, 1), (2, 2, 2)),
    Alternating(4).along(0, (4, 2)),
    Alternating(2).along(0, (2, 2)),
    Young("abca").along(0, (4, 2)),
]
OTHERS = [
    *(Hyperoctahedral(n) for n in (1, 2, 3)),
    *(SignFlips(n) for n in (1, 4)),
    Hyperoctahedral(3).along(0, (3, 2)),
    Hyperoctahedral(2).along(1, (3, 2)),
    SignFlips(3).along(1, (2, 3)),
    Symmetric(3).along(1, (2, 3)),
    Symmetric(4).along((1, 2), (3, 2, 2)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", LEAST, ids=repr)
def test_least_of_all_images(group, dtype):
    X = samples(group.degree, dtype)
    least, orders = brute_force(group, X)

    def check():
        found = SortForm(group).canonicalize(X)
        if group != Young("abcab") and "abca" not in repr(group):
            same_bits(found.representative, least)
        assert list(found.stabilizer_order) == orders

    on_every_isa(check)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", OTHERS, ids=repr)
def test_stabilizers_by_brute_force(group, dtype):
    X = samples(group.degree, dtype)
    _, orders = brute_force(group, X)
    assert list(SortForm(group).canonicalize(X).stabilizer_order) == orders


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", [*LEAST, *OTHERS], ids=repr)
def test_laws(group, dtype):
    check_exact(SortForm(group), samples(group.degree, dtype))


@pytest.mark.parametrize("n", [6, 8, 9, 11, 16, 21, 31, 40, 41, 63, 64, 65, 100, 511, 700, 2100])
def test_every_length(n):
    def check():
        for dtype in DTYPES:
            X = samples(n, dtype, n=19)
            C = np.sort(X, axis=1) + dtype(0)
            same_bits(SortForm(Symmetric(n)).representatives(X), C)
            found = SortForm(Symmetric(n)).canonicalize(X)
            same_bits(found.representative, C)
            stable = np.argsort(X, axis=1, kind="stable")
            np.testing.assert_array_equal(found.transporter.indices, stable)
            signed = SortForm(Hyperoctahedral(n))
            same_bits(signed.representatives(X), np.sort(np.abs(X), axis=1))
            check_transported(signed, X)
            check_transported(SortForm(Alternating(n)), X)
            check_transported(SortForm(Young([i % 3 for i in range(n)])), X)

    on_every_isa(check)


def check_transported(form, X):
    found = form.canonicalize(X)
    same_bits(found.representative, form.representatives(X))
    np.testing.assert_array_equal(found.transporter.apply(X), found.representative)
    for i in range(0, len(X), 4):
        assert form.group.contains(found.transporter[i])
    (g,) = form.group.sample(1, random_state=1)
    same_bits(form.representatives(g.apply(X)), found.representative)


def test_orders_beyond_machine_words():
    X = np.zeros((2, 30))
    X[1, 0] = 1.0
    orders = SortForm(Symmetric(30)).canonicalize(X).stabilizer_order
    assert list(orders) == [math.factorial(30), math.factorial(29)]
    orders = SortForm(Hyperoctahedral(30)).canonicalize(X).stabilizer_order
    assert list(orders) == [math.factorial(30) << 30, math.factorial(29) << 29]
    orders = SortForm(Alternating(30)).canonicalize(X).stabilizer_order
    assert list(orders) == [math.factorial(30) // 2, math.factorial(29) // 2]
    orders = SortForm(SignFlips(70)).canonicalize(np.zeros((1, 70))).stabilizer_order
    assert list(orders) == [1 << 70]
    orders = SortForm(Young([0] * 25 + [1] * 5)).canonicalize(X).stabilizer_order
    assert orders[0] == math.factorial(25) * math.factorial(5)
    cloud = SortForm(Symmetric(25).along(0, (25, 2)))
    assert cloud.canonicalize(np.ones((1, 50))).stabilizer_order[0] == math.factorial(25)


def test_gaps():
    continuous = SortForm(Symmetric(4)).canonicalize(np.ones((1, 4)))
    assert np.isinf(continuous.gap).all() and not continuous.degenerate.any()
    assert np.isinf(SortForm(SignFlips(2)).canonicalize(np.zeros((1, 2))).gap).all()
    G = Symmetric(2).along(0, (2, 2))
    X = np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 2.0, 1.0, 3.0], [1.0, 2.0, 1.0, 2.0]])
    found = SortForm(G).canonicalize(X)
    # distance from (1, 0), (0, 0) to points of equal first coordinate
    assert found.gap[0] == pytest.approx(math.sqrt(0.5))
    assert list(found.gap[1:]) == [0.0, 1.0]
    assert list(found.degenerate) == [False, True, False]
    even = SortForm(Alternating(3)).canonicalize(np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 2.0]]))
    assert list(even.degenerate) == [True, False]


CURVES = [
    (Symmetric(5).along(0, (5, 3)), HilbertOrder()),
    (Symmetric(5).along(0, (5, 3)), HilbertOrder(bits=3, box=(-2.0, 2.0))),
    (Symmetric(6).along(0, (6, 2)), HilbertOrder(bits=2, box=([0.0, -1.0], [1.0, 3.0]))),
    (Symmetric(4).along(1, (2, 4)), HilbertOrder()),
    (Young("aabab").along(0, (5, 2)), HilbertOrder()),
    (Symmetric(7), HilbertOrder()),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("group", "order"), CURVES)
def test_laws_along_a_curve(group, order, dtype):
    X = samples(group.degree, dtype)
    check_exact(SortForm(group, order), X)
    _, orders = brute_force(group, X[:10])
    assert list(SortForm(group, order).canonicalize(X[:10]).stabilizer_order) == orders


@pytest.mark.parametrize(("d", "bits"), [(1, 4), (2, 1), (2, 4), (3, 3), (4, 2), (5, 1)])
def test_cells_that_follow_each_other_are_neighbours(d, bits):
    side = 1 << bits
    cells = np.stack(np.meshgrid(*[np.arange(side)] * d), axis=-1).reshape(-1, d)
    cells = np.random.default_rng(0).permutation(cells)
    order = HilbertOrder(bits=bits, box=(0.0, float(side)))
    form = SortForm(Symmetric(len(cells)).along(0, cells.shape), order)
    walk = form.representatives((cells + 0.5).reshape(1, -1)).reshape(cells.shape)
    assert (np.abs(np.diff(walk, axis=0)).sum(axis=1) == 1).all()
    np.testing.assert_array_equal(walk[0], 0.5)


def test_inputs():
    form = SortForm(Symmetric(3))
    found = form.canonicalize(np.array([[3, 1, 2]]))
    assert found.representative.dtype == np.float64
    assert form.canonicalize(np.zeros((0, 3))).representative.shape == (0, 3)
    assert form.representatives(np.zeros((0, 3), np.float32)).dtype == np.float32
    for value in (np.nan, np.inf, -np.inf):
        for group in (Symmetric(70), Hyperoctahedral(70), Alternating(70)):
            X = np.zeros((9, 70))
            X[8, 69] = value
            with pytest.raises(ValueError, match="finite"):
                SortForm(group).representatives(X)
            with pytest.raises(ValueError, match="finite"):
                SortForm(group).canonicalize(X)
    with pytest.raises(ValueError, match="finite"):
        SortForm(Symmetric(2).along(0, (2, 2)), "hilbert").canonicalize([[0, 0, 0, np.nan]])
    with pytest.raises(ValueError, match=r"shape \(n, 3\)"):
        form.canonicalize(np.zeros((2, 4)))


def test_refusals():
    with pytest.raises(ValueError, match="SortForm takes one of Symmetric"):
        SortForm(Cyclic(3))
    with pytest.raises(ValueError, match="along axes"):
        SortForm(Symmetric(2).along(0, (2, 3)) * Symmetric(3).along(1, (2, 3)))
    with pytest.raises(TypeError, match="must be a Group"):
        SortForm(3)
    with pytest.raises(ValueError, match="order must be"):
        SortForm(Symmetric(3), "random")
    with pytest.raises(ValueError, match="along a curve"):
        SortForm(Alternating(3), "hilbert")
    with pytest.raises(ValueError, match="bits must be at most 21"):
        SortForm(Symmetric(2).along(0, (2, 3)), HilbertOrder(bits=22))
    with pytest.raises(ValueError, match="at most 64 coordinates"):
        SortForm(Symmetric(2).along(0, (2, 65)), "hilbert")
    for box in ((0.0,), (1.0, 0.0), (0.0, 0.0), (0.0, np.inf)):
        with pytest.raises(ValueError, match="box must be"):
            SortForm(Symmetric(2), HilbertOrder(box=box))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 2, 5, 8, 13, 16, 33, 64, 65, 200, 512, 513])
def test_places_of_numbers_without_ties(d, dtype):
    """Rows that vectors finish, and one with ties among them, against argsort."""
    X = np.random.default_rng(d).standard_normal((41, d)).astype(dtype)
    X[17, d // 2 :] = X[17, 0]
    X[30, 0] = -0.0
    flipped, offsets = np.abs(X), [0, d // 3, d]
    young = Young([0] * offsets[1] + [1] * (d - offsets[1]))

    def check():
        for n in (0, 1, 3, 7, 8, 16, 41):
            found = SortForm(Symmetric(d)).canonicalize(X[:n])
            order = np.argsort(X[:n] + dtype(0), axis=1, kind="stable")
            np.testing.assert_array_equal(found.transporter.indices, order)
            same_bits(found.representative, np.sort(X[:n] + dtype(0), axis=1))
            found = SortForm(Hyperoctahedral(d)).canonicalize(X[:n])
            order = np.argsort(flipped[:n], axis=1, kind="stable")
            signs = np.where(np.take_along_axis(X[:n], order, axis=1) < 0, -1, 1)
            np.testing.assert_array_equal(found.transporter.indices, order)
            np.testing.assert_array_equal(found.transporter.signs, signs)
            same_bits(found.representative, np.sort(flipped[:n], axis=1))
            tied = {17, 30} if d > 1 else {30}
            assert set(np.flatnonzero(found.stabilizer_order > 1)) == {i for i in tied if i < n}
            found = SortForm(SignFlips(d)).canonicalize(X[:n])
            np.testing.assert_array_equal(found.transporter.signs, np.where(X[:n] < 0, -1, 1))
            same_bits(found.representative, flipped[:n])
            found = SortForm(young).canonicalize(X[:n])
            for start, stop in itertools.pairwise(offsets):
                block = X[:n, start:stop] + dtype(0)
                same_bits(found.representative[:, start:stop], np.sort(block, axis=1))
            np.testing.assert_array_equal(found.transporter.apply(X[:n]), found.representative)

    on_every_isa(check)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_places_of_numbers_that_are_not_finite(bad):
    X = np.random.default_rng(0).standard_normal((20, 24))
    X[11, 7] = bad
    for group in (Symmetric(24), Hyperoctahedral(24), SignFlips(24)):
        with pytest.raises(ValueError, match="NaN or infinity"):
            SortForm(group).canonicalize(X)
