"""Laws of the continuous groups, of motions, and of the normal form of any group."""

import copy
import functools
import itertools
import math
import operator
import pickle
import re

import numpy as np
import pytest
from catalog import CLOSURES, MOVING_METHANE, TURNED_TENSORS
from scipy.linalg import expm
from symkernel import groups
from symkernel.exceptions import GroupTooLargeError
from symkernel.groups import (
    SE,
    SO,
    Cyclic,
    Dihedral,
    E,
    Group,
    Hyperoctahedral,
    Image,
    MatrixGroup,
    O,
    OrthogonalMatrix,
    Permutation,
    PermutationGroup,
    PointGroup,
    SignedPermutation,
    SignFlips,
    Symmetric,
    Torus,
    Translations,
    Trivial,
)
from symkernel.groups.factor import Factor
from symkernel.groups.motion import Motion

ATOMS = (9, 3)
PERMS = PermutationGroup([[(0, 1)], [(2, 3, 4)]], degree=9)
ETHANOL = O(3).along(1, ATOMS) * Translations(3).along(1, ATOMS) * PERMS.along(0, ATOMS)

CONTINUOUS = [
    *(SO(n) for n in (2, 3, 5)),
    *(O(n) for n in (2, 3, 4)),
    *(Torus(n) for n in (1, 3)),
    *(Translations(n) for n in (1, 3)),
    *(SE(n) for n in (1, 2, 3)),
    *(E(n) for n in (1, 2, 3)),
    SO(3).along(1, (4, 3)),
    O(2).along(0, (2, 5)),
    O(6).along((2, 0), (2, 2, 3)),
    Torus(2).along(-1, (3, 2)),
    E(3).along(1, (4, 3)),
    SO(2).along(0, (2, 3)).along(1, (2, 6)),
    O(3) * Translations(3),
    MOVING_METHANE,
    TURNED_TENSORS,
    SO(2) * SO(2),
    PointGroup("Ci") * SO(3),
    SO(3).along(1, (4, 3)) * SO(4).along(0, (4, 3)),
    O(3).along(1, (2, 3)) * O(2).along(0, (2, 3)),  # share -1
    Translations(3).along(1, (4, 3)) * Translations(4).along(0, (4, 3)),  # share one direction
    Torus(3) * Hyperoctahedral(3),
    Torus(2).along(1, (3, 2)) * Symmetric(3).along(0, (3, 2)),
    Symmetric(3).along(0, (3, 2)) * SE(2).along(1, (3, 2)),
    (Symmetric(4).along(0, (4, 3)) * E(3).along(1, (4, 3))).along(1, (2, 12)),
    Image((3, 3, 2), "D4") * SO(2).along(2, (3, 3, 2)),
    ETHANOL,
    *CLOSURES.values(),
    SO(2).on([2, 0], 3),
    E(2).along(1, (3, 2)).on(range(6), 8) * SignFlips(1).on([7], 8),
    SO(2).on([0, 1], 3).along(1, (2, 3)) * Translations(3).along(1, (2, 3)),
    O(2).on([0, 1], 5) * SO(2).on([2, 3], 5),
]
each_group = pytest.mark.parametrize("group", CONTINUOUS, ids=repr)

FINITE = [
    Trivial(3),
    Symmetric(4),
    SignFlips(3),
    Dihedral(5),
    Hyperoctahedral(3),
    PERMS,
    PointGroup("D3d"),
    MatrixGroup(PointGroup("C5", degree=2).generators),
    Image((4, 4), "D4"),
    Image((3, 3, 2), "p4"),
    Cyclic(6).along((2, 0), (2, 2, 3)),
    Cyclic(3).along(0, (3, 2)).along(1, (2, 6)),
    Symmetric(3).along(0, (3, 2)) * PointGroup("C5", degree=2).along(1, (3, 2)),
    (Cyclic(2).along(0, (2, 3)) * Cyclic(3).along(1, (2, 3))).along(0, (6, 2)),
    (Cyclic(2).along(0, (2, 3)) * Cyclic(3).along(1, (2, 3))).along((0, 1), (3, 2)),
    Cyclic(4) * Cyclic(4),
    O(1),
    SO(1),
]


def refused(text: str, error: type[Exception] = ValueError):
    return pytest.raises(error, match=re.escape(text))


def samples(group: Group, n: int = 4) -> np.ndarray:
    return np.sin(1.3 * np.arange(1, n * group.degree + 1) ** 1.1).reshape(n, group.degree)


def some(group: Group) -> list:
    return [group.identity, *group.generators, *group.sample(3, random_state=1)]


def close(g, h, tolerance: float = 1e-12) -> bool:
    return np.abs(g.as_affine() - h.as_affine()).max() <= tolerance


def motion(affine: np.ndarray) -> Motion:
    return Motion(affine[:-1, :-1], affine[:-1, -1])


# -- elements --------------------------------------------------------------------------------


def elements(d: int = 3) -> list:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return [
        Permutation(np.roll(np.arange(d), 1)),
        SignedPermutation(np.arange(d), [-1, *[1] * (d - 1)]),
        OrthogonalMatrix(turn),
        Motion(None, rng.standard_normal(d)),
        Motion(turn.T, rng.standard_normal(d)),
    ]


def test_elements_of_all_types_compose() -> None:
    x = np.random.default_rng(1).standard_normal((2, 3))
    for g, h in itertools.product(elements(), repeat=2):
        np.testing.assert_allclose((g @ h).apply(x), g.apply(h.apply(x)), atol=1e-14)
        np.testing.assert_allclose((g @ h).as_affine(), g.as_affine() @ h.as_affine(), atol=1e-14)
        assert close((g @ h).inverse(), h.inverse() @ g.inverse(), 1e-14)
        assert isinstance(g @ h, Motion) == (isinstance(g, Motion) or isinstance(h, Motion))
    for g in elements():
        np.testing.assert_allclose(g.inverse().apply(g.apply(x)), x, atol=1e-14)
        affine = np.concatenate([x, np.ones((2, 1))], axis=1) @ g.as_affine().T
        np.testing.assert_allclose(affine[:, :-1], g.apply(x), atol=1e-14)


def test_motions_compare_hash_and_pickle() -> None:
    g = Motion([[0.0, -1.0], [1.0, 0.0]], [1.0, 2.0])
    assert g @ g.inverse() == Motion(None, [0.0, 0.0]) == Motion(np.eye(2), [-0.0, 0.0])
    assert hash(g @ g.inverse()) == hash(Motion(None, [0.0, 0.0]))
    assert g != g @ g
    assert g != Motion(g.matrix, [1.0, 2.5])
    assert g != Motion(None, [1.0, 2.0])
    assert g != OrthogonalMatrix(g.matrix)
    again = pickle.loads(pickle.dumps(g))
    assert again == g
    assert hash(again) == hash(g)
    assert eval(repr(g), {"Motion": Motion}) == g
    assert repr(Motion(None, np.ones(99))) == "Motion(None, <99>)"
    for array in (again.matrix, again.shift):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert g.apply(np.ones((2, 2), np.float32)).dtype == np.float32
    np.testing.assert_array_equal(Motion(None, [0.5, 1.0]).apply([1, 2]), [1.5, 3.0])


def test_motions_have_matrices_only_when_they_fix_the_origin() -> None:
    with refused("Motion(None, [1.0, 2.0]) moves the origin", ValueError):
        Motion(None, [1.0, 2.0]).as_matrix()
    np.testing.assert_array_equal(Motion(None, [0.0, 0.0]).as_matrix(), np.eye(2))
    turn = [[0.0, -1.0], [1.0, 0.0]]
    np.testing.assert_array_equal(Motion(turn, [0.0, 0.0]).as_matrix(), turn)


def test_motions_that_are_refused() -> None:
    with refused("matrix must be orthogonal"):
        Motion(2 * np.eye(2), [0.0, 0.0])
    with refused("shift must have shape (2,) like the rows of matrix, got shape (3,)"):
        Motion(np.eye(2), [0.0, 0.0, 0.0])
    with refused("shift contains NaN, it must be finite"):
        Motion(None, [np.nan, 0.0])
    with refused("shift must be a non-empty vector, got shape (1, 2)"):
        Motion(None, [[0.0, 0.0]])
    with refused("shift must be real"):
        Motion(None, [1j])
    with refused("X has 3 features"):
        Motion(None, [1.0, 2.0]).apply(np.ones(3))
    with refused("cannot compose elements of degree 2 and 3"):
        Motion(None, [1.0, 2.0]) @ Permutation([0, 1, 2])
    with refused("generators[0] must be linear, got Motion(None, [1.0, 2.0])", TypeError):
        MatrixGroup([Motion(None, [1.0, 2.0])])
    with refused("generators[0] must be a permutation, got Motion", TypeError):
        PermutationGroup([Motion(None, [1.0, 2.0])])


# -- laws of groups --------------------------------------------------------------------------


@each_group
def test_samples_are_elements_and_closed(group: Group) -> None:
    drawn = some(group)
    assert all(group.contains(g) and g in group for g in drawn)
    for g, h in itertools.product(drawn, repeat=2):
        assert group.contains(g @ h)
        assert group.contains(group.inverse(g) @ h)
    assert group.sample(2, random_state=3) == group.sample(2, random_state=3)
    assert group.sample(0) == []
    far = group.sample(3, random_state=3, scale=1e6)
    assert all(group.contains(g) for g in far)


@each_group
def test_identity_inverse_associativity(group: Group) -> None:
    for g, h, k in itertools.product(some(group), repeat=3):
        assert close((g @ h) @ k, g @ (h @ k))
    for g in some(group):
        assert close(g @ group.identity, g)
        assert close(group.identity @ g, g)
        assert close(g @ group.inverse(g), group.identity)


@each_group
def test_composition_acts_first_right_then_left(group: Group) -> None:
    X = samples(group)
    for g, h in itertools.product(some(group), repeat=2):
        after = group.apply(g, group.apply(h, X))
        np.testing.assert_allclose(group.apply(group.compose(g, h), X), after, atol=1e-13)
    for g in some(group):
        shaped = group.apply(g, X.reshape(-1, *group.shape))
        np.testing.assert_allclose(shaped.reshape(X.shape), g.apply(X), atol=1e-14)


@each_group
def test_elements_keep_distances(group: Group) -> None:
    X = samples(group)
    for g in some(group):
        np.testing.assert_allclose(
            np.linalg.norm(np.diff(g.apply(X), axis=0)), np.linalg.norm(np.diff(X, axis=0))
        )


@each_group
def test_size(group: Group) -> None:
    assert group.order == math.inf
    assert not group.is_finite
    assert group.dim == len(group.lie_algebra) > 0
    assert type(group.dim) is int
    assert not group.is_signed_permutation
    assert not group.is_permutation
    assert isinstance(group.identity, Motion) == (not group.is_linear)
    assert all(not isinstance(g, Motion) for g in group.sample(2, 0)) == group.is_linear


@each_group
def test_lie_algebra_is_orthonormal_and_closed(group: Group) -> None:
    d = group.degree
    basis = np.stack([xi.as_affine()[:-1].reshape(-1) for xi in group.lie_algebra])
    np.testing.assert_allclose(basis @ basis.T, np.eye(group.dim), atol=1e-14)
    for xi, eta in itertools.product(group.lie_algebra[:6], repeat=2):
        a, b = xi.as_affine(), eta.as_affine()
        bracket = (a @ b - b @ a)[:-1].reshape(-1)
        np.testing.assert_allclose(basis.T @ (basis @ bracket), bracket, atol=1e-14)
    for xi in group.lie_algebra:
        assert xi.matrix.shape == (d, d)
        assert xi.shift.shape == (d,)
        np.testing.assert_array_equal(xi.matrix, -xi.matrix.T)


@each_group
def test_lie_algebra_exponentiates_into_the_group(group: Group) -> None:
    rng = np.random.default_rng(0)
    mixed = sum(rng.normal() * xi.as_affine() for xi in group.lie_algebra)
    for velocity in (mixed, *(2.0 * xi.as_affine() for xi in group.lie_algebra[:8])):
        assert group.contains(motion(expm(velocity)))
    # the field is the derivative of the motion
    X = samples(group)
    for xi in group.lie_algebra[:4]:
        moved = motion(expm(1e-6 * xi.as_affine())).apply(X)
        np.testing.assert_allclose((moved - X) / 1e-6, xi.apply(X), atol=1e-5)
        assert xi.apply(X.astype(np.float32)).dtype == np.float32


@each_group
def test_other_elements_are_not_contained(group: Group) -> None:
    rng = np.random.default_rng(0)
    d = group.degree
    if d == 1:
        return
    turn = OrthogonalMatrix(np.linalg.qr(rng.standard_normal((d, d)))[0])
    if group.dim < d * (d - 1) // 2:
        assert turn not in group
    whole = len(group._shift_basis) == d
    assert (Motion(None, rng.standard_normal(d)) in group) == whole
    assert Motion(np.diag([-1.0, *[1.0] * (d - 1)]), np.arange(d)) not in group or whole
    assert Permutation(range(d + 1)) not in group


@each_group
def test_equality_hash_repr_pickle(group: Group) -> None:
    again = pickle.loads(pickle.dumps(group))
    assert again == group
    assert hash(again) == hash(group)
    assert repr(again) == repr(group)
    size = len(pickle.dumps(group))
    group.lie_algebra, group._probes  # noqa: B018 (what is derived is not pickled)
    assert len(pickle.dumps(group)) == size
    assert copy.deepcopy(group) is copy.copy(group) is group
    if "<" not in repr(group):
        assert eval(repr(group), {name: getattr(groups, name) for name in groups.__all__}) == group
    for other in CONTINUOUS:
        if group == other:
            assert hash(group) == hash(other)
            assert other == group
            assert all(group.contains(g) for g in some(other))


@each_group
def test_enumeration_is_refused(group: Group) -> None:
    for call in (
        group.elements,
        lambda: group.table(10**9),
        lambda: group.point_table(10**9),
    ):
        with refused(f"{group!r} has infinitely many elements", GroupTooLargeError) as caught:
            call()
        assert caught.value.order == math.inf
        assert pickle.loads(pickle.dumps(caught.value)).group == repr(group)
    with refused("cannot be enumerated: try something else"):
        group.table(1, "try something else")


@pytest.mark.parametrize("group", CONTINUOUS + FINITE, ids=repr)
def test_factors_are_the_group(group: Group) -> None:
    factors = group.factors()
    placed = []
    for factor in factors:
        assert factor.group.degree == math.prod(factor.shape[a] for a in factor.axes)
        assert math.prod(factor.shape) == group.degree
        assert len(factor.group.factors()) == 1 or factor.group is getattr(group, "group", None)
        placed.append(factor.group.along(factor.axes, factor.shape))
    product = functools.reduce(operator.mul, placed)
    assert product == group
    X = samples(group)
    for g in product.sample(3, random_state=0):
        assert group.contains(g)
        np.testing.assert_array_equal(product.apply(g, X), group.apply(g, X))


@pytest.mark.parametrize("group", FINITE, ids=repr)
def test_finite_groups_have_no_dimension(group: Group) -> None:
    assert group.dim == 0
    assert group.is_finite
    assert group.is_linear
    assert group.lie_algebra == ()
    assert type(group.order) is int
    assert Motion(None, np.ones(group.degree)) not in group
    g = group.sample(1, random_state=0)[0]
    assert Motion(g.as_matrix(), np.zeros(group.degree)) in group


# -- what the groups are ---------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
def test_dimensions(n: int) -> None:
    assert SO(n).dim == O(n).dim == n * (n - 1) // 2
    assert Torus(n).dim == Translations(n).dim == n
    assert SE(n).dim == E(n).dim == n * (n + 1) // 2
    assert O(n).along(0, (n, 5)).dim == O(n).dim


def test_dimensions_of_products_count_shared_directions_once() -> None:
    assert (SO(2) * SO(2)).dim == 1
    assert (E(3) * Translations(3)).dim == 6
    assert (SO(4).along(0, (4, 3)) * SO(3).along(1, (4, 3))).dim == 6 + 3
    assert (Translations(4).along(0, (4, 3)) * Translations(3).along(1, (4, 3))).dim == 4 + 3 - 1
    assert (Translations(12) * SE(3).along(1, (4, 3))).dim == 12 + 3
    assert ETHANOL.dim == 6


@pytest.mark.parametrize("group", [SO(2), SO(3), SO(4), O(2), O(3)], ids=repr)
def test_haar_moments(group: Group) -> None:
    size = 20_000
    R = np.stack([g.as_matrix() for g in group.sample(size, random_state=11)])
    n = group.degree
    sigma = 5 / math.sqrt(size)
    assert np.abs(R.mean(axis=0)).max() < sigma
    # E R_ij R_kl = delta_ik delta_jl / n; SO(2) alone has more invariants of degree two
    second = np.einsum("sij,skl->ijkl", R, R) / size
    if (n, group) != (2, SO(2)):
        expected = np.einsum("ik,jl->ijkl", np.eye(n), np.eye(n)) / n
        assert np.abs(second - expected).max() < sigma
    traces = np.trace(R, axis1=1, axis2=2)
    square, fourth = {SO(2): (2, 6), O(2): (1, 3), SO(3): (1, 3), O(3): (1, 3)}.get(group, (1, 4))
    assert abs((traces**2).mean() - square) < 5 * np.std(traces**2) / math.sqrt(size)
    assert abs((traces**4).mean() - fourth) < 5 * np.std(traces**4) / math.sqrt(size)
    determinants = np.linalg.det(R)
    if isinstance(group, SO):
        np.testing.assert_allclose(determinants, 1.0)
    else:
        assert abs(determinants.mean()) < sigma
    assert np.abs(R.swapaxes(1, 2) @ R - np.eye(n)).max() < 1e-14


def test_samples_of_shifts() -> None:
    angles = np.stack([g.shift for g in Torus(2).sample(4000, random_state=0)])
    assert angles.min() >= 0.0
    assert angles.max() < 2 * math.pi
    assert np.abs(np.exp(1j * angles).mean(axis=0)).max() < 5 / math.sqrt(4000)
    shifts = np.stack([g.shift for g in Translations(2).sample(4000, random_state=0, scale=3.0)])
    np.testing.assert_allclose(shifts.std(axis=0), 3.0, rtol=0.06)
    assert all(not g.shift.any() for g in E(2).sample(3, random_state=0, scale=0.0))
    lifted = Translations(2).along(1, (4, 2)).sample(1, random_state=0, scale=3.0)[0]
    np.testing.assert_allclose(lifted.shift.reshape(4, 2), np.tile(shifts[:1], (4, 1)))


def test_along_acts_on_axes_of_arrays() -> None:
    x = np.random.default_rng(0).normal(size=(5, 2, 3, 4))
    for axis, n in enumerate(x.shape[1:]):
        letters = "abc"
        out = letters.replace(letters[axis], "z")
        for group in (SO(n), O(n), SE(n), E(n), Torus(n), Translations(n)):
            (g,) = group.sample(1, random_state=2)
            (lifted,) = group.along(axis, x.shape[1:]).sample(1, random_state=2)
            affine = g.as_affine()
            moved = np.einsum(f"z{letters[axis]},n{letters}->n{out}", affine[:-1, :-1], x)
            moved += affine[:-1, -1].reshape([n if k == axis else 1 for k in range(3)])
            np.testing.assert_allclose(lifted.apply(x.reshape(5, -1)), moved.reshape(5, -1))


def test_groups_of_one_feature() -> None:
    assert O(1) == SignFlips(1)
    assert hash(O(1)) == hash(SignFlips(1))
    assert SO(1) == Trivial(1)
    assert SE(1) == Translations(1) != E(1)
    assert (O(1).order, SO(1).order) == (2, 1)
    assert list(O(1).elements()) == list(SignFlips(1).elements())
    assert len(O(1).table(2)) == 2
    assert O(1).along(1, (4, 1)).order == 2
    with refused("O(1) has 2 elements; at most 1 can be enumerated"):
        O(1).table(1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SE(3), SO(3) * Translations(3)),
        (E(3), Translations(3) * O(3)),
        (O(3), PointGroup("Ci") * SO(3)),
        (E(3).along(1, ATOMS) * PERMS.along(0, ATOMS), ETHANOL),
        ((O(3) * Translations(3)).along(1, ATOMS) * PERMS.along(0, ATOMS), ETHANOL),
        (SO(3).along(1, (4, 3)), SO(3).along(2, (2, 2, 3))),
        (O(6), O(6).along((0, 1), (3, 2))),
        (Torus(3) * Torus(3), Torus(3)),
    ],
    ids=repr,
)
def test_the_same_group_described_twice(one: Group, other: Group) -> None:
    assert one == other
    assert other == one
    assert hash(one) == hash(other)


def test_different_groups_differ() -> None:
    atomic = [f(3) for f in (SO, O, Torus, Translations, SE, E, Symmetric)]
    lifted = [g.along(1, (3, 3)) for g in atomic] + [g.along(0, (3, 3)) for g in atomic]
    for one, other in itertools.permutations(atomic, 2):
        assert one != other
    for one, other in itertools.permutations(lifted, 2):
        assert one != other
    assert SO(2) != PointGroup("C4", degree=2)
    assert Symmetric(9).along(0, ATOMS) * E(3).along(1, ATOMS) != ETHANOL


def test_factors_of_a_molecule() -> None:
    found = [(f.group, f.axes, f.shape) for f in ETHANOL.factors()]
    assert found == [
        (O(3), (1,), ATOMS),
        (Translations(3), (1,), ATOMS),
        (PERMS, (0,), ATOMS),
    ]
    assert [f.group for f in E(3).factors()] == [Translations(3), O(3)]
    assert [f.group for f in SE(2).factors()] == [Translations(2), SO(2)]
    nested = (Symmetric(4).along(0, (4, 3)) * O(3).along(1, (4, 3))).along(1, (2, 12))
    assert [(f.axes, f.shape) for f in nested.factors()] == [((1,), (2, 4, 3)), ((2,), (2, 4, 3))]
    assert Cyclic(5).factors() == (Factor(Cyclic(5), (0,), (5,)),)
    (image,) = Image((4, 4, 3), "D4").factors()
    assert (image.group, image.axes, image.shape) == (Image((4, 4), "D4"), (0, 1), (4, 4, 3))


def test_large_finite_factors_are_no_obstacle() -> None:
    group = Symmetric(30).along(0, (30, 3)) * E(3).along(1, (30, 3))
    assert all(group.contains(g) for g in group.sample(3, random_state=0))
    odd = Permutation(np.roll(np.arange(90), 1))
    assert odd not in group


# -- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SO, O, Torus, Translations, SE, E])
def test_number_of_features(kind) -> None:
    with refused("n must be at least 1, got 0"):
        kind(0)
    for value in (2.5, "4", None, True):
        with refused("n must be an integer", TypeError):
            kind(value)
    assert kind(np.int64(3)) == kind(3) == groups.from_name(kind.__name__, 3)
    assert repr(kind(np.int64(3))) == f"{kind.__name__}(3)"
    with refused(f"{kind.__name__}(3) acts on 3 features; axis 0 of shape (9, 3) has 9"):
        kind(3).along(0, ATOMS)
    with refused("axis 2 is out of range"):
        kind(3).along(2, ATOMS)
    with refused("X has 4 features"):
        kind(3).apply(kind(3).identity, np.ones(4))
    for scale in (-1.0, math.nan, math.inf):
        with refused("scale must be finite and not negative"):
            kind(3).sample(1, scale=scale)
    with refused("scale must be a number", TypeError):
        kind(3).sample(1, scale="wide")
    with refused("size must be at least 0"):
        kind(3).sample(-1)


def test_products_that_do_not_commute() -> None:
    with refused("of O(3).along(1, (9, 3)) does not commute with Permutation"):
        O(3).along(1, ATOMS) * Cyclic(27)
    for one, other in ((SO(3), SO(3)), (O(2), SO(2)), (E(3), SE(3)), (PointGroup("C3"), SO(3))):
        with refused("does not commute with"):
            one * other
    with refused("does not commute with"):
        O(3).along(1, ATOMS) * SO(3).along(1, ATOMS)
    with refused("takes shifts of Translations(3).along(1, (9, 3)) to others"):
        Translations(3).along(1, ATOMS) * SO(9).along(0, ATOMS)
    with refused("takes shifts of E(3).along(1, (9, 3)) to others"):
        SignFlips(9).along(0, ATOMS) * E(3).along(1, ATOMS)
    with refused("Translations(3) acts on 3, Translations(4) on 4"):
        Translations(3) * Translations(4)


def test_angles_are_no_coordinates() -> None:
    with refused("Torus(3) acts on angles, which only signed permutations map to angles"):
        SO(3) * Torus(3)
    with refused("Torus(2) acts on angles, Translations(2) on coordinates"):
        Translations(2) * Torus(2)
    with refused("acts on angles, which only"):
        Torus(3) * PointGroup("D3")
    with refused("takes shifts of Torus(2).along(1, (3, 2)) to others"):
        Torus(2).along(1, (3, 2)) * SignFlips(3).along(0, (3, 2))


@pytest.mark.parametrize(
    ("group", "method"),
    [
        *(
            (g, "closed_form")
            for g in (SO(2), O(3), SO(7), Torus(4), Translations(2), E(3), ETHANOL)
        ),
        (SO(3).along(1, ATOMS), "closed_form"),
        (Torus(3).along(1, ATOMS), "closed_form"),
        (O(9).along(0, ATOMS), "quadrature"),
        (SO(3).along(1, ATOMS) * SO(9).along(0, ATOMS), "quadrature"),
        (Symmetric(30).along(0, (30, 3)) * SO(3).along(1, (30, 3)), "quadrature"),
    ],
    ids=repr,
)
def test_refusals_name_the_method_that_serves(group: Group, method: str) -> None:
    with refused(f"cannot be enumerated: method='{method}' averages"):
        group.table(10**7)
