"""Least images over a list of elements: against all of them, with ties, for matrices too."""

import numpy as np
import pytest
from canonical_laws import DTYPES, brute_force, check_exact, on_every_isa, same_bits, samples
from symkernel import groups
from symkernel.canonical.enumerated import EnumeratedForm, TableTransporters
from symkernel.exceptions import GroupTooLargeError
from symkernel.groups import (
    Alternating,
    Cyclic,
    Dihedral,
    Hyperoctahedral,
    Image,
    MatrixGroup,
    PermutationGroup,
    PointGroup,
    SignFlips,
    Symmetric,
    Translations,
    Trivial,
)

ROTATION = [[np.cos(0.4 * np.pi), -np.sin(0.4 * np.pi)], [np.sin(0.4 * np.pi), np.cos(0.4 * np.pi)]]
MIRROR = [[1.0, 0.0], [0.0, -1.0]]

EXACT = [
    Trivial(3),
    Symmetric(4),
    Alternating(5),
    Cyclic(7),
    Dihedral(6),
    SignFlips(4),
    Hyperoctahedral(3),
    PermutationGroup([[1, 2, 0, 4, 3]]),
    PermutationGroup([[(0, 1), (2, 3)], [(4, 5, 6)]]),
    Image((3, 3), "p4m"),
    PointGroup("Oh").along(1, (2, 3)),
    Symmetric(3).along(0, (3, 2)) * SignFlips(2).along(1, (3, 2)),
]
MATRICES = [
    MatrixGroup([ROTATION]),
    MatrixGroup([ROTATION, MIRROR]),
    MatrixGroup([ROTATION]).along(1, (3, 2)),
    MatrixGroup([ROTATION, MIRROR]).along(0, (2, 3)),
    PointGroup("I"),
    PointGroup("Ih").along(1, (4, 3)),
    Symmetric(3).along(0, (3, 2)) * MatrixGroup([ROTATION]).along(1, (3, 2)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", EXACT, ids=repr)
def test_least_of_all_images(group, dtype):
    X = samples(group.degree, dtype)
    least, orders = brute_force(group, X)

    def check():
        found = EnumeratedForm(group).canonicalize(X)
        same_bits(found.representative, least)
        assert list(found.stabilizer_order) == orders

    on_every_isa(check)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", EXACT, ids=repr)
def test_laws(group, dtype):
    check_exact(EnumeratedForm(group), samples(group.degree, dtype))


def test_a_thousand_permutations():
    rng = np.random.default_rng(0)
    for order, d in ((1000, 64), (300, 17), (50, 130)):
        table = rng.permuted(np.tile(np.arange(d, dtype=np.int32), (order, 1)), axis=1)
        X = np.concatenate([
            rng.standard_normal((20, d)),
            rng.integers(0, 2, size=(20, d)),
            rng.integers(0, 6, size=(20, d)),
            np.zeros((1, d)),
        ])  # fmt: skip
        least = np.array([min(map(tuple, x[table])) for x in X])
        from symkernel.backends.canonical import ImageTable, least_images

        def check(table=table, X=X, least=least):
            for dtype in DTYPES:
                Z = X.astype(dtype)
                expected = least if dtype == np.float64 else np.array(
                    [min(map(tuple, x[table])) for x in Z], dtype
                )  # fmt: skip
                for details in (True, False):
                    found = least_images(ImageTable(table, X.shape[1]), Z, details=details)
                    np.testing.assert_array_equal(found.images, expected)
                    moved = np.take_along_axis(Z, table[found.elements], axis=1)
                    np.testing.assert_array_equal(moved, expected)

        on_every_isa(check)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("group", MATRICES, ids=repr)
def test_matrices(group, dtype):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((30, group.degree)).astype(dtype)
    form = EnumeratedForm(group)
    assert not form.exact
    found = form.canonicalize(X)
    close = {"rtol": 0, "atol": 1e-10 if dtype == np.float64 else 2e-5}
    sure = ~found.degenerate
    assert sure.sum() > 20
    if group != MATRICES[3]:  # there points are columns, compared one after another
        least = np.array([min(tuple(g.apply(x)) for g in group.elements()) for x in X])
        np.testing.assert_allclose(least[sure], found.representative[sure], **close)
    np.testing.assert_allclose(found.transporter.apply(X), found.representative, **close)
    assert found.transporter.apply(X).dtype == dtype
    assert isinstance(found.transporter, TableTransporters)
    np.testing.assert_allclose(form.representatives(X), found.representative, **close)
    again = form.canonicalize(found.representative)
    np.testing.assert_allclose(again.representative[sure], found.representative[sure], **close)
    for g in group.sample(4, random_state=0):
        moved = form.canonicalize(g.apply(X))
        np.testing.assert_allclose(moved.representative[sure], found.representative[sure], **close)
        assert list(moved.stabilizer_order) == list(found.stabilizer_order)
    for x, t in zip(X, found.transporter, strict=True):
        assert group.contains(t)
        assert np.abs(t.apply(x) - form.canonicalize(x[None]).representative[0]).max() < 1e-4


def test_stabilizers_of_matrices():
    G = PointGroup("I")
    form = EnumeratedForm(G)
    axes = {}
    for g in list(G.elements())[1:]:
        values, vectors = np.linalg.eig(g.as_matrix())
        axis = vectors[:, np.argmin(np.abs(values - 1))].real
        angle = round(np.degrees(np.arccos((np.trace(g.as_matrix()) - 1) / 2)))
        axes[angle] = axis
    for angle, order in ((72, 5), (120, 3), (180, 2)):
        found = form.canonicalize(axes[angle][None])
        assert found.stabilizer_order[0] == order
        (g,) = G.sample(1, random_state=angle)
        moved = form.canonicalize(g.apply(axes[angle][None]))
        assert moved.stabilizer_order[0] == order
        np.testing.assert_allclose(moved.representative, found.representative, atol=1e-12)
    assert form.canonicalize(np.zeros((1, 3))).stabilizer_order[0] == 60


def test_degenerate_samples_of_matrices_are_flagged():
    form = EnumeratedForm(MatrixGroup([ROTATION]).along(1, (2, 2)))
    turned = np.array(ROTATION) @ [-1.0, 0.0]
    # the first point is least after either of two turns; the second one then differs
    bisector = np.array([-np.cos(0.2 * np.pi), -np.sin(0.2 * np.pi)])
    X = np.array([[*bisector, 1.0, 0.5], [-1.0, 0.0, *turned]])
    assert list(form.canonicalize(X).degenerate) == [True, False]
    loose = EnumeratedForm(MatrixGroup([ROTATION]), tolerance=0.9)
    assert loose.canonicalize(np.array([[1.0, 0.3]])).degenerate.all()


def test_inputs_and_refusals():
    form = EnumeratedForm(Cyclic(3))
    assert form.canonicalize([[3, 1, 2]]).representative.tolist() == [[1.0, 2.0, 3.0]]
    for group in (Cyclic(3), SignFlips(2), MatrixGroup([ROTATION])):
        empty = EnumeratedForm(group).canonicalize(np.zeros((0, group.degree), np.float32))
        assert empty.representative.shape == (0, group.degree)
        assert empty.representative.dtype == np.float32
        with pytest.raises(ValueError, match="finite"):
            EnumeratedForm(group).canonicalize(np.full((1, group.degree), np.nan))
    with pytest.raises(ValueError, match=r"shape \(n, 3\)"):
        form.canonicalize(np.zeros(3))
    with pytest.raises(GroupTooLargeError, match="by enumeration"):
        EnumeratedForm(Symmetric(12))
    with pytest.raises(GroupTooLargeError):
        EnumeratedForm(Translations(2))
    with pytest.raises(GroupTooLargeError):
        EnumeratedForm(groups.SO(3))
    with pytest.raises(TypeError, match="must be a Group"):
        EnumeratedForm("C3")
    with pytest.raises(ValueError, match="do not round"):
        EnumeratedForm(Cyclic(3), tolerance=1e-3)
    with pytest.raises(ValueError, match="finite and not negative"):
        EnumeratedForm(MatrixGroup([ROTATION]), tolerance=-1.0)
