"""Groups whose orders are known, some of them larger than any machine word."""

import itertools
import math
import time

import numpy as np
import pytest
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
    SignedPermutation,
    SignFlips,
    Symmetric,
)
from symkernel.groups.elements import element_at


def action_on(points: list, *maps) -> list[list[int]]:
    """Index lists of maps of a finite set."""
    place = {point: k for k, point in enumerate(points)}
    return [[place[f(point)] for point in points] for f in maps]


def rubik() -> list[list[int]]:
    """Quarter turns of the six faces, on the 48 stickers that move."""
    # A sticker is a cubie in {-1, 0, 1}^3 and the outward normal of one of its faces.
    stickers = [
        (cubie, normal)
        for cubie in itertools.product((-1, 0, 1), repeat=3)
        for normal in itertools.product((-1, 0, 1), repeat=3)
        if sum(map(abs, normal)) == 1
        and sum(map(abs, cubie)) > 1
        and sum(a * b for a, b in zip(cubie, normal, strict=True)) == 1
    ]
    assert len(stickers) == 48

    def quarter(vector: tuple[int, ...], axis: int) -> tuple[int, ...]:
        turned = list(vector)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turned[a], turned[b] = -vector[b], vector[a]
        return tuple(turned)

    def turn(axis: int, side: int):
        return lambda s: (quarter(s[0], axis), quarter(s[1], axis)) if s[0][axis] == side else s

    return action_on(stickers, *(turn(axis, side) for axis in range(3) for side in (-1, 1)))


def projective_line(p: int, *maps) -> list[list[int]]:
    """Maps of F_p with infinity, written as p."""
    return action_on(list(range(p + 1)), *maps)


def inverse(x: int, p: int) -> int:
    return p if x == 0 else 0 if x == p else pow(x, -1, p)


def psl2(p: int) -> list[list[int]]:
    """x -> x + 1 and x -> -1/x generate PSL(2, p)."""
    return projective_line(
        p,
        lambda x: x if x == p else (x + 1) % p,
        lambda x: inverse(x, p) if x in (0, p) else (-inverse(x, p)) % p,
    )


def mathieu24() -> list[list[int]]:
    """PSL(2, 23) and Conway's map: x^3/9 for squares x, 9 x^3 for others (SPLAG, chapter 10)."""
    squares = {x * x % 23 for x in range(23)}

    def conway(x: int) -> int:
        if x == 23:
            return x
        return pow(x, 3, 23) * (pow(9, -1, 23) if x in squares else 9) % 23

    return [*psl2(23), *projective_line(23, conway)]


def mathieu11() -> list[list[int]]:
    """x -> x + 1 and x -> 4 x^2 - 3 x^7 on F_11 (Dickson)."""
    return action_on(list(range(11)), lambda x: (x + 1) % 11, lambda x: (4 * x**2 - 3 * x**7) % 11)


def linear2(n: int) -> list[list[int]]:
    """GL(n, 2) on non-zero vectors: the cyclic shift of coordinates and one transvection."""
    vectors = [v for v in itertools.product((0, 1), repeat=n) if any(v)]
    return action_on(vectors, lambda v: v[1:] + v[:1], lambda v: ((v[0] + v[1]) % 2, *v[1:]))


def wreath(a: int, b: int) -> list[list[int]]:
    """S_a wr S_b: permutations of a points within each of b blocks, and of the blocks."""
    points = list(itertools.product(range(b), range(a)))
    return action_on(
        points,
        lambda x: (x[0], (x[1] + 1) % a) if x[0] == 0 else x,
        lambda x: (x[0], {0: 1, 1: 0}.get(x[1], x[1])) if x[0] == 0 else x,
        lambda x: ((x[0] + 1) % b, x[1]),
        lambda x: ({0: 1, 1: 0}.get(x[0], x[0]), x[1]),
    )


@pytest.mark.parametrize(
    ("generators", "order"),
    [
        (rubik(), 43252003274489856000),
        (mathieu24(), 244823040),
        (mathieu11(), 7920),
        (psl2(7), 168),
        (psl2(13), 1092),
        (psl2(101), 101 * (101**2 - 1) // 2),
        (linear2(3), 168),
        (linear2(4), 20160),
        (linear2(6), 20158709760),
        (wreath(3, 4), 6**4 * 24),
        (wreath(5, 8), 120**8 * math.factorial(8)),
        (wreath(6, 12), math.factorial(6) ** 12 * math.factorial(12)),
        ([g.indices for g in Symmetric(50).generators], math.factorial(50)),
        ([g.indices for g in Symmetric(200).generators], math.factorial(200)),
        ([g.indices for g in Alternating(51).generators], math.factorial(51) // 2),
        ([g.indices for g in Cyclic(1000).generators], 1000),
        ([g.indices for g in Dihedral(300).generators], 600),
        ([g.indices for g in Image((16, 16), "p4m").generators], 2048),
        ([[(2 * k, 2 * k + 1)] for k in range(70)], 2**70),
        ([[(3 * k, 3 * k + 1, 3 * k + 2)] for k in range(20)], 3**20),
        # even products of two symmetric groups, and one half of them in step
        ([[(0, 1, 2)], [(2, 3, 4)], [(5, 6, 7)], [(7, 8, 9)]], 3600),
        ([[(0, 1, 2, 3, 4), (5, 6, 7, 8, 9)], [(0, 1), (5, 6)]], 120),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, int) else "",
)
def test_order_of_permutation_groups(generators: list, order: int) -> None:
    group = PermutationGroup(generators)
    assert group.order == order
    drawn = group.sample(3, random_state=0)
    assert all(group.contains(g) for g in drawn)
    assert group.contains(drawn[0] @ drawn[1].inverse())
    assert next(group.elements()) == group.identity


@pytest.mark.parametrize(
    ("generators", "order"),
    [
        (Hyperoctahedral(3).generators, 48),
        (Hyperoctahedral(20).generators, 2**20 * math.factorial(20)),
        (SignFlips(40).generators, 2**40),
        # D_n: an even number of signs
        (
            [*Symmetric(6).generators, SignedPermutation(range(6), [-1, -1, 1, 1, 1, 1])],
            2**5 * 720,
        ),
        ([SignedPermutation([1, 0], [1, -1])], 4),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, int) else "",
)
def test_order_of_signed_permutation_groups(generators: list, order: int) -> None:
    group = PermutationGroup(generators)
    assert group.order == order
    assert all(group.contains(g) for g in group.sample(5, random_state=0))


def test_membership_is_exact() -> None:
    cube = PermutationGroup(rubik())
    # One corner cannot be turned alone, nor two stickers exchanged.
    swap = np.arange(48)
    swap[[0, 1]] = [1, 0]
    assert not cube.contains(SignedPermutation(swap))
    assert not cube.contains(SignedPermutation(range(48), [-1] + [1] * 47))
    mathieu = PermutationGroup(mathieu24())
    assert not any(mathieu.contains(g) for g in Symmetric(24).sample(50, random_state=0))
    even = PermutationGroup(Alternating(9).generators)
    for g in Symmetric(9).sample(50, random_state=1):
        assert even.contains(g) == Alternating(9).contains(g)
    assert PermutationGroup(linear2(4)) != PermutationGroup(Alternating(15).generators)


def test_chain_elements_are_the_group() -> None:
    group = PermutationGroup(mathieu11())
    table = group.table(10_000)
    assert len(np.unique(table.indices, axis=0)) == 7920
    assert all(
        element_at(table, k) == g for k, g in zip(range(6000), group.elements(), strict=False)
    )
    # sharply 4-transitive
    assert len(np.unique(table.indices[:, :4], axis=0)) == 11 * 10 * 9 * 8


@pytest.mark.parametrize(
    ("symbol", "order"),
    [
        *((f"C{n}", n) for n in (1, 2, 3, 7, 64)),
        *((f"C{n}v", 2 * n) for n in (1, 2, 3, 6)),
        *((f"C{n}h", 2 * n) for n in (1, 2, 3, 6)),
        *((f"S{n}", n) for n in (2, 4, 6, 8, 10)),
        *((f"S{n}", 2 * n) for n in (1, 3, 5)),
        *((f"D{n}", 2 * n) for n in (1, 2, 3, 6)),
        *((f"D{n}h", 4 * n) for n in (1, 2, 3, 6)),
        *((f"D{n}d", 4 * n) for n in (1, 2, 3, 6)),
        *(("Cs", 2), ("Ci", 2), ("T", 12), ("Td", 24), ("Th", 24), ("O", 24), ("Oh", 48)),
        *(("I", 60), ("Ih", 120)),
    ],
)
def test_order_of_point_groups(symbol: str, order: int) -> None:
    group = PointGroup(symbol)
    assert group.order == order
    matrices = np.stack([g.as_matrix() for g in group.elements()])
    assert len(set(group.elements())) == order
    assert np.abs(matrices.swapaxes(1, 2) @ matrices - np.eye(3)).max() < 5e-16
    if order > 1:
        assert MatrixGroup(group.generators) == group
    rotations = int((np.linalg.det(matrices) > 0).sum())
    rotational = symbol in ("T", "O", "I") or (symbol[0] in "CD" and symbol[1:].isdigit())
    assert rotations == (order if rotational else order // 2)


@pytest.mark.parametrize(("symbol", "order"), [("C1", 1), ("C6", 6), ("D1", 2), ("D6", 12)])
def test_order_of_plane_groups(symbol: str, order: int) -> None:
    group = PointGroup(symbol, degree=2)
    assert (group.order, group.degree) == (order, 2)
    assert group.table(100).__len__() == order


def test_icosahedron_vertices_are_permuted() -> None:
    phi = (1 + 5**0.5) / 2
    vertices = {
        tuple(np.round(np.roll((0.0, a, b * phi), k), 9) + 0.0)
        for a in (-1, 1)
        for b in (-1, 1)
        for k in range(3)
    }
    for g in PointGroup("Ih").elements():
        assert {tuple(np.round(g.apply(v), 9) + 0.0) for v in vertices} == vertices


def test_structure_answers_at_once() -> None:
    start = time.perf_counter()
    assert Symmetric(100).order == math.factorial(100)
    assert len(Symmetric(100).sample(10, 0)) == 10
    assert Alternating(100).order * 2 == math.factorial(100)
    assert Hyperoctahedral(60).order == 2**60 * math.factorial(60)
    assert next(Symmetric(100).elements()) == Symmetric(100).identity
    assert SignFlips(500).order == 2**500
    assert Image((256, 256), "p4m").order == 8 * 256**2
    pairs = Symmetric(30).along(0, (30, 3)) * PointGroup("Oh").along(1, (30, 3))
    assert pairs.order == math.factorial(30) * 48
    assert len(pairs.sample(5, 0)) == 5
    assert PointGroup("C1000000").order == 10**6
    assert time.perf_counter() - start < 2.0


@pytest.mark.parametrize(
    "group",
    [Symmetric(9), Hyperoctahedral(7), SignFlips(18), Image((16, 16), "p4m")],
    ids=repr,
)
def test_large_tables_hold_distinct_elements(group) -> None:
    start = time.perf_counter()
    table = group.table(10**6)
    assert time.perf_counter() - start < 5.0
    assert len(table) == group.order
    rows = table.indices.astype(np.int64) * 2 + (0 if table.signs is None else table.signs < 0)
    weights = np.random.default_rng(0).integers(1, 2**40, size=group.degree)
    assert len(np.unique(rows @ weights)) == group.order
    for k in np.random.default_rng(1).integers(group.order, size=20):
        assert group.contains(element_at(table, k))


def test_products_that_share_elements() -> None:
    shape = (3, 2)
    flips = SignFlips(3).along(0, shape) * SignFlips(2).along(1, shape)
    assert flips.order == 8 * 4 // 2  # both hold -1
    shared = PointGroup("Oh").along(0, shape) * PointGroup("C4", degree=2).along(1, shape)
    assert shared.order == 48 * 4 // 2
    assert (
        PointGroup("O").along(0, shape) * PointGroup("C4", degree=2).along(1, shape)
    ).order == 96
    circle = MatrixGroup([PointGroup("C12", degree=2).generators[0]])
    assert (circle * PointGroup("C18", degree=2)).order == 36


def test_matrix_closure_stays_orthogonal() -> None:
    angle = 2 * np.pi / 997
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    group = MatrixGroup([turn])
    assert group.order == 997
    matrices = group.table(1000).matrices
    assert np.abs(matrices @ matrices.swapaxes(1, 2) - np.eye(2)).max() < 1e-15
    # rounding in the generator grows with the length of a word, no faster
    assert group == PointGroup("C997", degree=2)


def test_errors_of_large_groups() -> None:
    with pytest.raises(
        GroupTooLargeError,
        match=r"Symmetric\(16\) has 20922789888000 elements; at most 1000 can be enumerated: use a",
    ):
        Symmetric(16).table(1000, "use a subgroup")
    with pytest.raises(ValueError, match=r"has about 3\.18e6021 elements"):
        SignFlips(20_003).table(10)
    with pytest.raises(GroupTooLargeError) as caught:
        PointGroup("Oh").along(1, (9, 3)).point_table(47)
    assert (caught.value.order, caught.value.limit) == (48, 47)
