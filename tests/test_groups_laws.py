"""Laws that every group keeps."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from symkernel import groups
from symkernel.backends.element_tables import SignedPermutationTable
from symkernel.groups import (
    Alternating,
    Cyclic,
    Dihedral,
    Group,
    Hyperoctahedral,
    Image,
    MatrixGroup,
    Permutation,
    PermutationGroup,
    PointGroup,
    SignedPermutation,
    SignFlips,
    Symmetric,
    Trivial,
)
from symkernel.groups.elements import element_at, point_element_at

ROTATION = [[np.cos(0.4 * np.pi), -np.sin(0.4 * np.pi)], [np.sin(0.4 * np.pi), np.cos(0.4 * np.pi)]]
MIRROR = [[1.0, 0.0], [0.0, -1.0]]

GROUPS = [
    Trivial(1),
    Trivial(5),
    *(Symmetric(n) for n in (1, 2, 3, 5)),
    *(Alternating(n) for n in (1, 2, 3, 4, 5)),
    *(Cyclic(n) for n in (1, 2, 7)),
    *(Dihedral(n) for n in (1, 2, 3, 4, 5, 8)),
    *(SignFlips(n) for n in (1, 4)),
    *(Hyperoctahedral(n) for n in (1, 2, 3)),
    *(Image((3, 3), kind) for kind in ("C4", "D4", "translations", "p4", "p4m")),
    *(Image((2, 2), kind) for kind in ("C4", "D4", "translations", "p4", "p4m")),
    *(Image((1, 1), kind) for kind in ("D4", "p4m")),
    Image((4, 4), "p4m"),
    Image((2, 3), "translations"),
    Image((3, 3, 2), "D4"),
    Image((2, 2, 3), "p4"),
    PermutationGroup([[1, 2, 0, 4, 3]]),
    PermutationGroup([[(0, 1, 2, 3, 4)], [(0, 1), (2, 3)]]),
    PermutationGroup([], degree=3),
    PermutationGroup([SignedPermutation([1, 0, 2], [1, -1, 1])]),
    PermutationGroup([SignedPermutation([1, 2, 0]), SignedPermutation([0, 1, 2], [-1, -1, 1])]),
    MatrixGroup([ROTATION]),
    MatrixGroup([ROTATION, MIRROR]),
    MatrixGroup([[[0.0, -1.0], [1.0, 0.0]], MIRROR]),
    *(
        PointGroup(symbol)
        for family in (
            ("C1", "C4", "C5", "C2v", "C3v", "C3h", "C4h", "S1", "S2", "S3", "S4", "S6"),
            ("D1", "D3", "D4", "D3h", "D2d", "D5d", "Cs", "Ci", "T", "Td", "Th", "O", "Oh", "I"),
        )
        for symbol in family
    ),
    PointGroup("C6", degree=2),
    PointGroup("D5", degree=2),
    PointGroup("D4", degree=2),
    Symmetric(3).along(0, (3, 2)),
    Cyclic(3).along(-1, (2, 3)),
    Cyclic(3).along(1, (2, 3, 2)),
    Cyclic(6).along((2, 0), (2, 2, 3)),
    SignFlips(2).along(-1, (3, 2)),
    PointGroup("D3").along(-1, (2, 3)),
    PointGroup("C5", degree=2).along(0, (2, 3)),
    Cyclic(3).along(0, (3, 2)).along(1, (2, 6)),
    Symmetric(3).along(0, (3, 2)) * SignFlips(2).along(1, (3, 2)),
    Symmetric(3).along(0, (3, 2)) * PointGroup("C5", degree=2).along(1, (3, 2)),
    SignFlips(3).along(0, (3, 2)) * SignFlips(2).along(1, (3, 2)),  # share -1
    PointGroup("Ci").along(0, (3, 2)) * PointGroup("C6", degree=2).along(1, (3, 2)),  # share -1
    Cyclic(4) * Cyclic(4),
    SignFlips(3) * SignFlips(3),
    MatrixGroup([ROTATION]) * PointGroup("C2", degree=2),
    PointGroup("C4", degree=2) * PointGroup("C10", degree=2),  # share +-1
    Image((3, 3, 2), "C4") * Cyclic(2).along(2, (3, 3, 2)),
    Cyclic(2).along(0, (2, 2, 2))
    * Cyclic(2).along(1, (2, 2, 2))
    * Symmetric(2).along(2, (2, 2, 2)),
]
each_group = pytest.mark.parametrize("group", GROUPS, ids=repr)


def samples(group: Group, n: int = 4) -> np.ndarray:
    return np.sin(1.3 * np.arange(1, n * group.degree + 1) ** 1.1).reshape(n, group.degree)


def some(group: Group) -> list:
    return [group.identity, *group.generators, *group.sample(3, random_state=1)]


def close(g, h, tolerance: float = 1e-12) -> bool:
    return np.abs(g.as_matrix() - h.as_matrix()).max() <= tolerance


@each_group
def test_order_counts_distinct_elements(group: Group) -> None:
    elements = list(group.elements())
    assert type(group.order) is int
    assert len(elements) == group.order
    assert len(set(elements)) == group.order
    assert elements[0] == group.identity
    matrices = np.stack([g.as_matrix() for g in elements])
    assert np.abs(matrices @ matrices.swapaxes(1, 2) - np.eye(group.degree)).max() < 1e-14


@each_group
def test_elements_are_closed(group: Group) -> None:
    elements = list(group.elements())
    known = set(elements)
    for g in elements:
        assert group.contains(g)
        assert g.inverse() in known
        assert all(g @ h in known for h in group.generators)


@each_group
def test_generators_generate(group: Group) -> None:
    found = {group.identity}
    fresh = [group.identity]
    while fresh:
        products = {g @ h for g in fresh for h in group.generators}
        fresh = list(products - found)
        found |= products
    assert len(found) == group.order


@each_group
def test_identity_inverse_associativity(group: Group) -> None:
    for g, h, k in itertools.product(some(group), repeat=3):
        assert close((g @ h) @ k, g @ (h @ k))
    for g in some(group):
        assert close(g @ group.identity, g)
        assert close(group.identity @ g, g)
        assert close(g @ group.inverse(g), group.identity)
        assert close(group.inverse(g) @ g, group.identity)


@each_group
def test_composition_acts_first_right_then_left(group: Group) -> None:
    X = samples(group)
    for g, h in itertools.product(some(group), repeat=2):
        after = group.apply(g, group.apply(h, X))
        np.testing.assert_allclose(group.apply(group.compose(g, h), X), after, atol=1e-13)
        np.testing.assert_allclose(X @ (g @ h).as_matrix().T, after, atol=1e-13)


@each_group
def test_elements_act_as_their_matrices(group: Group) -> None:
    X = samples(group)
    for g in some(group):
        np.testing.assert_allclose(g.apply(X), X @ g.as_matrix().T, atol=1e-14)
        if isinstance(g, SignedPermutation):
            signs = np.ones(group.degree) if g.signs is None else g.signs
            direct = np.stack([signs[i] * X[:, g.indices[i]] for i in range(group.degree)], axis=1)
            np.testing.assert_array_equal(g.apply(X), direct)


@each_group
def test_apply_takes_samples_of_the_shape(group: Group) -> None:
    X = samples(group)
    for g in group.generators:
        flat = group.apply(g, X)
        shaped = group.apply(g, X.reshape(-1, *group.shape))
        assert shaped.shape == (len(X), *group.shape)
        np.testing.assert_array_equal(shaped.reshape(flat.shape), flat)
        one = group.apply(g, X[0].reshape(group.shape)).ravel()
        np.testing.assert_allclose(one, flat[0], rtol=0, atol=1e-15)
        assert group.apply(g, X.astype(np.float32)).dtype == np.float32


@each_group
def test_kinds_of_elements(group: Group) -> None:
    elements = list(group.elements())
    signed = all(isinstance(g, SignedPermutation) for g in elements)
    assert group.is_signed_permutation == signed
    assert group.is_permutation == (signed and all(g.signs is None for g in elements))


@each_group
def test_samples_are_elements_and_reproducible(group: Group) -> None:
    drawn = group.sample(5, random_state=3)
    assert drawn == group.sample(5, random_state=3)
    assert all(group.contains(g) for g in drawn)
    assert group.sample(0) == []
    assert len(group.sample(2, np.random.default_rng(0))) == 2
    assert len(group.sample(2, np.random.RandomState(0))) == 2


@each_group
def test_table_lists_the_elements(group: Group) -> None:
    table = group.table(10**6)
    assert len(table) == group.order
    assert isinstance(table, SignedPermutationTable) == group.is_signed_permutation
    for k, g in enumerate(group.elements()):
        assert close(element_at(table, k), g)
    if isinstance(table, SignedPermutationTable):
        assert table.indices.dtype == np.int32
        assert table.indices.flags.c_contiguous
        assert (table.signs is None) == group.is_permutation
        if table.signs is not None:
            assert table.signs.dtype == np.int8
            assert table.signs.shape == table.indices.shape
    else:
        assert table.matrices.dtype == np.float64
        assert table.matrices.flags.c_contiguous
    assert group.table(10**6) is table


@each_group
def test_point_table_is_the_same_group(group: Group) -> None:
    table = group.point_table(10**6)
    if table is None:
        return
    d, (p, r) = group.degree, (table.rows.shape[1], table.matrices.shape[1])
    assert p * r == d
    assert r < d
    assert table.rows.dtype == np.int32
    assert table.matrices.dtype == np.float64
    np.testing.assert_array_equal(table.rows[0], np.arange(p))
    np.testing.assert_array_equal(table.matrices[0], np.eye(r))
    X = samples(group)
    layout = np.arange(d) if table.layout is None else table.layout
    found: dict = {}
    for s, h in np.ndindex(len(table.rows), len(table.matrices)):
        element = point_element_at(table, s, h)
        assert group.contains(element)
        found[element] = found.get(element, 0) + 1
        points = X[:, layout].reshape(-1, p, r)
        moved = np.einsum("ab,nib->nia", table.matrices[h], points[:, table.rows[s]])
        np.testing.assert_allclose(
            element.apply(X)[:, layout], moved.reshape(-1, d), atol=1e-14, rtol=0
        )
    # every element, each as often as the others
    assert len(found) == group.order
    assert len(set(found.values())) == 1


@each_group
def test_pickles_without_tables(group: Group) -> None:
    fresh = pickle.dumps(pickle.loads(pickle.dumps(group)))
    group.table(10**6)
    assert pickle.dumps(pickle.loads(pickle.dumps(group))) == fresh
    again = pickle.loads(fresh)
    assert again == group
    assert again.order == group.order
    assert repr(again) == repr(group)
    for g in some(group):
        assert pickle.loads(pickle.dumps(g)) == g
    assert copy.deepcopy(group) is group


@each_group
def test_repr_reads_back(group: Group) -> None:
    names = {name: getattr(groups, name) for name in groups.__all__}
    assert eval(repr(group), names) == group


@each_group
def test_elements_reprs_read_back(group: Group) -> None:
    names = {name: getattr(groups, name) for name in groups.__all__}
    for g in some(group):
        if g.degree <= 6:
            assert eval(repr(g), names) == g


@each_group
def test_equality_is_that_of_actions(group: Group) -> None:
    for other in GROUPS:
        if other.degree != group.degree:
            assert group != other
            continue
        same = other.order == group.order and all(group.contains(g) for g in other.elements())
        assert (group == other) == same
        if same:
            assert hash(group) == hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Dihedral(4), PermutationGroup(Dihedral(4).generators)),
        (Symmetric(5), PermutationGroup([[(0, 1)], [(0, 1, 2, 3, 4)]])),
        (Hyperoctahedral(3), PointGroup("Oh")),
        (PointGroup("Oh"), MatrixGroup(PointGroup("Oh").generators)),
        (PointGroup("Ih"), MatrixGroup(PointGroup("Ih").generators)),
        (PointGroup("Cs"), PointGroup("C1h")),
        (PointGroup("S3"), PointGroup("C3h")),
        (PointGroup("D3", degree=2), MatrixGroup(PointGroup("D3", degree=2).generators)),
        (Image((4, 4), "C4") * Image((4, 4), "C4"), Image((4, 4), "C4")),
        (
            Cyclic(3).along(0, (3, 4)) * Cyclic(4).along(1, (3, 4)),
            Image((3, 4), "translations"),
        ),
        (PointGroup("T") * PointGroup("Ci"), PointGroup("Th")),
    ],
    ids=repr,
)
def test_the_same_group_described_twice(one: Group, other: Group) -> None:
    assert one == other
    assert other == one
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    "group",
    [
        Symmetric(4),
        Alternating(4),
        Cyclic(5),
        Dihedral(5),
        SignFlips(3),
        Hyperoctahedral(2),
        Image((3, 3), "D4"),
        PermutationGroup(Alternating(4).generators),
        PermutationGroup(Hyperoctahedral(2).generators),
        PointGroup("D3h"),
        SignFlips(3).along(0, (3, 2)) * SignFlips(2).along(1, (3, 2)),
        Cyclic(4) * Cyclic(4),
    ],
    ids=repr,
)
def test_samples_are_uniform(group: Group) -> None:
    from scipy.stats import chi2

    expected = 200
    drawn = group.sample(expected * group.order, random_state=7)
    counts = np.zeros(group.order)
    ranks = {g: k for k, g in enumerate(group.elements())}
    for g in drawn:
        counts[ranks[g]] += 1
    statistic = ((counts - expected) ** 2).sum() / expected
    assert statistic < chi2.ppf(0.999, group.order - 1)


def test_action_convention() -> None:
    x = np.array([10.0, 20.0, 30.0, 40.0])
    shift = Cyclic(4).generators[0]
    np.testing.assert_array_equal(shift.apply(x), [20.0, 30.0, 40.0, 10.0])
    g, h = Permutation([1, 2, 3, 0]), Permutation([1, 0, 2, 3])
    np.testing.assert_array_equal((g @ h).apply(x), g.apply(h.apply(x)))
    np.testing.assert_array_equal((g @ h).indices, h.indices[g.indices])


@pytest.mark.parametrize("shape", [(5, 5), (4, 4, 3)])
def test_images_move_as_numpy_moves_them(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)

    def orbit(kind: str) -> set[bytes]:
        G = Image(shape, kind)
        images = {G.apply(g, x).tobytes() for g in G.elements()}
        assert len(images) == G.order
        return images

    turns = [np.rot90(x, k) for k in range(4)]
    mirrored = turns + [np.fliplr(turn) for turn in turns]
    shifts = list(itertools.product(range(shape[0]), range(shape[1])))

    def rolled(images: list[np.ndarray]) -> set[bytes]:
        return {np.roll(image, s, axis=(0, 1)).tobytes() for image in images for s in shifts}

    assert orbit("C4") == {image.tobytes() for image in turns}
    assert orbit("D4") == {image.tobytes() for image in mirrored}
    assert orbit("translations") == rolled([x])
    assert orbit("p4") == rolled(turns)
    assert orbit("p4m") == rolled(mirrored)


def test_along_acts_on_axes_of_arrays() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for axis, n in ((0, 2), (1, 3), (2, 4), (-1, 4)):
        g = Cyclic(n).along(axis, x.shape).generators[0]
        np.testing.assert_array_equal(
            g.apply(x.ravel()).reshape(x.shape), np.roll(x, -1, axis=axis)
        )
    # several axes in the order given, C order
    g = Cyclic(8).along((2, 0), x.shape).generators[0]
    moved = np.roll(x.transpose(1, 2, 0).reshape(3, 8), -1, axis=1).reshape(3, 4, 2)
    np.testing.assert_array_equal(g.apply(x.ravel()).reshape(x.shape), moved.transpose(2, 0, 1))
    rotation = PointGroup("C3").generators[0]
    cloud = x.reshape(8, 3)
    lifted = PointGroup("C3").along(1, (8, 3)).generators[0]
    np.testing.assert_allclose(
        lifted.apply(cloud.ravel()).reshape(8, 3), cloud @ rotation.as_matrix().T, atol=1e-15
    )


@pytest.mark.parametrize(
    ("group", "sizes"),
    [
        (PointGroup("Oh").along(1, (9, 3)), (1, 48, 9, 3)),
        (Hyperoctahedral(3).along(-1, (9, 3)), (1, 48, 9, 3)),
        (SignFlips(3).along(0, (3, 5)), (1, 8, 5, 3)),
        (PointGroup("I").along(1, (2, 3)), (1, 60, 2, 3)),
        (Symmetric(4).along(0, (4, 3)) * PointGroup("I").along(1, (4, 3)), (24, 60, 4, 3)),
        (PointGroup("I").along(1, (4, 3)) * Symmetric(4).along(0, (4, 3)), (24, 60, 4, 3)),
        (
            Cyclic(2).along(0, (2, 5, 3)) * PointGroup("O").along(2, (2, 5, 3)),
            (2, 24, 10, 3),
        ),
        (Image((4, 4, 3), "D4") * PointGroup("C3").along(2, (4, 4, 3)), (8, 3, 16, 3)),
        (Symmetric(6).along(0, (6, 2)) * Symmetric(2).along(1, (6, 2)), (720, 2, 6, 2)),
        (Cyclic(3).along(1, (2, 3, 4)) * Cyclic(2).along(0, (2, 3, 4)), (3, 2, 12, 2)),
    ],
    ids=repr,
)
def test_point_tables_split_points_and_coordinates(group: Group, sizes: tuple[int, ...]) -> None:
    table = group.point_table(10**5)
    assert table is not None
    (s, p), (h, r) = table.rows.shape, table.matrices.shape[:2]
    assert (s, h, p, r) == sizes


@pytest.mark.parametrize(
    "group",
    [
        Symmetric(5),
        PointGroup("O"),
        Image((4, 4), "D4"),
        SignFlips(100).along(0, (100, 101)),
        Symmetric(9).along(0, (9, 3)),
        SignFlips(3).along(0, (3, 2)) * SignFlips(2).along(1, (3, 2)),
        Cyclic(4) * Cyclic(4),
    ],
    ids=repr,
)
def test_no_point_table_without_points(group: Group) -> None:
    assert group.point_table(10) is None
