"""Parts that canonical forms are made of, against brute force, and one large group."""

from __future__ import annotations

import numpy as np
import pytest
from catalog import samples
from symkernel import groups
from symkernel.canonical import canonical_form
from symkernel.canonical.base import norms
from symkernel.canonical.least import LeastForm
from symkernel.canonical.transporters import ListedTransporters
from symkernel.exceptions import GroupTooLargeError
from test_canonical_laws import EVERY, moved

LEFT, RIGHT = (
    groups.Symmetric(3).along(0, (3, 2)),
    groups.PointGroup("C5", degree=2).along(1, (3, 2)),
)


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (groups.Cyclic(3).along(0, (3, 4)), groups.Dihedral(4).along(1, (3, 4))),
        (groups.Symmetric(3).along(0, (3, 2)), groups.SignFlips(2).along(1, (3, 2))),
        (LEFT, RIGHT),
        (RIGHT, LEFT),
        (groups.Cyclic(6), groups.Cyclic(6)),  # which share every element
        (groups.Hyperoctahedral(3), groups.MatrixGroup([-np.eye(3)])),  # which share one
    ],
    ids=str,
)
def test_least_over_one_factor(inner, outer):
    group = inner * outer
    form = LeastForm(group, canonical_form(inner), outer, 100)
    X = samples(group, 12, seed=15)
    X[6:] = np.random.default_rng(16).integers(-1, 2, X[6:].shape)
    found = form.canonicalize(X)
    again = form.canonicalize(moved(group, X))
    error = np.abs(again.representative - found.representative).max(axis=1)
    assert error[~found.degenerate].max() <= (0 if form.exact else 1e-12)
    for x, g, c, order in zip(
        X, found.transporter, found.representative, found.stabilizer_order, strict=True
    ):
        np.testing.assert_allclose(g.apply(x), c, atol=1e-14)
        assert group.contains(g)
        images = np.stack([h.apply(x) for h in group.elements()])
        assert order == (np.abs(images - x) < 1e-9).all(axis=1).sum()


def test_least_refuses_a_long_list():
    rows = groups.Symmetric(3).along(0, (3, 9))
    columns = groups.Symmetric(9).along(1, (3, 9))
    with pytest.raises(GroupTooLargeError, match="lists one of its factors"):
        LeastForm(rows * columns, canonical_form(rows), columns, 1000)


def test_factors_that_move_different_features():
    first = np.eye(5)
    first[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]
    second = np.eye(5)
    c, s = np.cos(2 * np.pi / 3), np.sin(2 * np.pi / 3)
    second[3:, 3:] = [[c, -s], [s, c]]
    group = groups.MatrixGroup([first]) * groups.MatrixGroup([second])
    form = canonical_form(group)
    assert len(form.steps) == 2
    X = samples(group, 20, seed=17)
    found, again = form.canonicalize(X), form.canonicalize(moved(group, X))
    error = np.abs(again.representative - found.representative).max(axis=1)
    assert error[~found.degenerate].max() < 1e-12
    assert found.stabilizer_order[3] == 12  # of zero


@pytest.mark.parametrize("name", ["M12", "signed generators", "rows and columns", "permutation"])
def test_no_jump_within_the_gap(name):
    """Neighbours within the gap are carried to the representative by the same element."""
    group = EVERY[name]
    form = canonical_form(group, "chain")
    rng = np.random.default_rng(18)
    X = rng.standard_normal((50, group.degree))
    found = form.canonicalize(X)
    assert (found.gap > 0).all()
    step = rng.standard_normal(X.shape)
    reach = 0.999 * found.gap * np.linalg.norm(X, axis=1) / np.linalg.norm(step, axis=1)
    Y = X + reach[:, None] * step
    np.testing.assert_array_equal(form.representatives(Y), found.transporter.apply(Y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_half_turns_among_angles(dtype):
    """Angles of pi are one number after a shift, not pi or -pi by rounding."""
    group = groups.Torus(1).along(1, (5, 1)) * groups.Symmetric(5).along(0, (5, 1))
    X = np.pi / 2 * np.random.default_rng(22).integers(-1, 3, (60, 5))
    form = canonical_form(group)
    found = form.canonicalize(X.astype(dtype))
    again = form.canonicalize(moved(group, X).astype(dtype))
    kept = ~found.degenerate
    assert kept.sum() > 40
    error = np.abs(again.representative - found.representative)[kept]
    assert error.max() < (1e-13 if dtype is np.float64 else 1e-5)


@pytest.mark.parametrize(
    "group",
    [
        groups.Hyperoctahedral(6),
        groups.PointGroup("I").along(1, (2, 3)),
        groups.Image((2, 3), "translations") * groups.MatrixGroup([-np.eye(6)]),
        groups.SE(3).along(1, (2, 3)),
        groups.Symmetric(2).along(0, (2, 3)) * groups.E(3).along(1, (2, 3)),
        groups.Translations(2).along(1, (3, 2)) * groups.Cyclic(3).along(0, (3, 2)),
    ],
    ids=str,
)
def test_batches_of_elements(group):
    """What batches do at once is what their elements do one by one."""
    X = np.random.default_rng(20).standard_normal((6, 6))
    V = np.random.default_rng(21).standard_normal((6, 2, 6))
    batch = canonical_form(group).canonicalize(X).transporter
    listed = ListedTransporters(list(batch))
    np.testing.assert_allclose(batch.apply(X), listed.apply(X), atol=1e-13)
    np.testing.assert_allclose(batch.pull_back(V), listed.pull_back(V), atol=1e-13)
    rows = np.array([4, 0, 0, 2])
    taken = batch.take(rows)
    joined = taken.joined([batch, taken])
    assert len(joined) == 14
    np.testing.assert_allclose(
        joined.apply(X[np.r_[rows, :6, rows]]), batch.apply(X)[np.r_[rows, :6, rows]], atol=1e-13
    )
    np.testing.assert_allclose(
        listed.take(rows).joined([listed]).apply(X[np.r_[rows, :6]]),
        batch.apply(X)[np.r_[rows, :6]],
        atol=1e-13,
    )


def test_rubiks_cube():
    """43252003274489856000 elements, on 48 stickers."""
    faces = [
        [(0, 2, 7, 5), (1, 4, 6, 3), (8, 32, 24, 16), (9, 33, 25, 17), (10, 34, 26, 18)],
        [(8, 10, 15, 13), (9, 12, 14, 11), (0, 16, 40, 39), (3, 19, 43, 36), (5, 21, 45, 34)],
        [(16, 18, 23, 21), (17, 20, 22, 19), (5, 24, 42, 15), (6, 27, 41, 12), (7, 29, 40, 10)],
        [(24, 26, 31, 29), (25, 28, 30, 27), (2, 37, 42, 18), (4, 35, 44, 20), (7, 32, 47, 23)],
        [(32, 34, 39, 37), (33, 36, 38, 35), (2, 8, 45, 31), (1, 11, 46, 28), (0, 13, 47, 26)],
        [(40, 42, 47, 45), (41, 44, 46, 43), (13, 21, 29, 37), (14, 22, 30, 38), (15, 23, 31, 39)],
    ]
    group = groups.PermutationGroup(faces, degree=48)
    X = np.random.default_rng(19).standard_normal((20, 48))
    X[10] = np.arange(48) // 8  # as it is sold: one colour on each face
    X[11] = 1.0
    assert group.order == 43252003274489856000
    form = canonical_form(group)
    found = form.canonicalize(X)
    np.testing.assert_array_equal(form.representatives(moved(group, X)), found.representative)
    assert found.stabilizer_order[0] == 1
    assert found.stabilizer_order[11] == group.order


@pytest.mark.parametrize(
    "group",
    [
        groups.Symmetric(4).along(0, (4, 1)) * groups.Alternating(1).along(1, (4, 1)),
        groups.Young("ab").along(1, (3, 2)) * groups.Cyclic(3).along(0, (3, 2)),
        groups.PermutationGroup([], degree=2).along(0, (2, 3))
        * groups.Dihedral(3).along(1, (2, 3)),
    ],
    ids=repr,
)
def test_a_trivial_factor_changes_nothing(group):
    X = np.random.default_rng(0).integers(0, 3, (20, group.degree)).astype(float)
    found = canonical_form(group).canonicalize(X)
    moved = group.sample(1, random_state=1)[0].apply(X)
    np.testing.assert_array_equal(
        canonical_form(group).representatives(moved), found.representative
    )
    np.testing.assert_array_equal(found.transporter.apply(X), found.representative)


TRANSPORTED = {
    "permutations": groups.Symmetric(6),
    "a list": groups.PointGroup("I").along(1, (2, 3)),
    "turns": groups.SO(3).along(1, (2, 3)),
    "shifts": groups.Translations(3).along(1, (2, 3)),
    "turns and exchanges": groups.Symmetric(2).along(0, (2, 3)) * groups.E(3).along(1, (2, 3)),
}


@pytest.mark.parametrize("name", TRANSPORTED)
def test_transporters_are_sequences(name):
    group = TRANSPORTED[name]
    X = np.random.default_rng(0).standard_normal((4, 6))
    transporter = canonical_form(group).canonicalize(X).transporter
    assert len(transporter) == 4 and transporter.degree == 6
    assert "4 elements on 6 features" in repr(transporter)
    last = transporter[np.int64(-1)]
    np.testing.assert_allclose(last.apply(X[3]), transporter[3].apply(X[3]), atol=1e-14)
    some = transporter[1:3]
    assert len(some) == 2
    np.testing.assert_allclose(some.apply(X[1:3]), transporter.apply(X)[1:3], atol=1e-14)
    whole = np.ones((4, 6), int)  # integers are not rounded on the way
    np.testing.assert_allclose(transporter.apply(whole), transporter.apply(whole * 1.0))
    with pytest.raises(IndexError, match="there are 4 elements, got index 4"):
        transporter[4]
    for wrong in (X[:3], X[:, :5], X.reshape(4, 2, 3)):
        with pytest.raises(ValueError, match=r"X must have shape \(4, 6\), one flat sample"):
            transporter.apply(wrong)


def test_norms_of_extreme_rows():
    X = np.array([[3.0, 4.0], [0.0, -0.0], [3e200, 4e200], [3e-200, 4e-200], [5e-324, 0.0]])
    np.testing.assert_allclose(norms(X), [5.0, 0.0, 5e200, 5e-200, 5e-324], rtol=1e-14)
    assert norms(np.zeros((0, 3))).shape == (0,) and norms(np.zeros((2, 0))).tolist() == [0, 0]
    assert norms(X[2]) == pytest.approx(5e200)
