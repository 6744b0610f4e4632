"""What groups refuse, and what they say."""

import re
import signal
import threading
import time

import numpy as np
import pytest
from symkernel import groups
from symkernel.groups import (
    Cyclic,
    Dihedral,
    Image,
    MatrixGroup,
    OrthogonalMatrix,
    Permutation,
    PermutationGroup,
    PointGroup,
    SignedPermutation,
    SignFlips,
    Symmetric,
)

TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
NAMED = [groups.Trivial, groups.Alternating, groups.Hyperoctahedral, Symmetric, Cyclic, Dihedral]


def refused(text: str, error: type[Exception] = ValueError):
    return pytest.raises(error, match=re.escape(text))


@pytest.mark.parametrize("kind", [*NAMED, SignFlips])
def test_number_of_features(kind) -> None:
    with refused("n must be at least 1, got 0"):
        kind(0)
    for value in (2.5, "4", None, True):
        with refused("n must be an integer", TypeError):
            kind(value)
    assert kind(np.int64(3)) == kind(3)
    assert repr(kind(np.int64(3))) == f"{kind.__name__}(3)"


def test_index_lists() -> None:
    with refused("generators[1] is not a permutation of 0..2: 1 repeats and 2 is missing"):
        PermutationGroup([[1, 2, 0], [0, 1, 1]])
    with refused("generators[0] is not a permutation of 0..2: 3 is out of range"):
        PermutationGroup([[1, 2, 3]])
    with refused("indices is not a permutation of 0..1: -1 is out of range"):
        Permutation([0, -1])
    with refused("must hold integers, got float64", TypeError):
        PermutationGroup([[0.0, 1.0]])
    with refused("indices must be a non-empty list"):
        Permutation([])
    with refused("generators[0] must be a list of indices or of cycles", TypeError):
        PermutationGroup(["ab"])
    with refused("generators[0] must be a list of indices or of cycles", TypeError):
        PermutationGroup([1, 0])
    with refused("generators must be a sequence", TypeError):
        PermutationGroup(3)
    with refused("generators[0] must be a permutation, got OrthogonalMatrix", TypeError):
        PermutationGroup([OrthogonalMatrix(TURN)])


def test_cycles() -> None:
    with refused("generators[0] must have disjoint cycles: 1 repeats"):
        PermutationGroup([[(0, 1), (1, 2)]])
    with refused("generators[0]: index 5 is out of range for degree 4"):
        PermutationGroup([[(0, 5)]], degree=4)
    with refused("generators[0] mixes indices and cycles", TypeError):
        PermutationGroup([[0, (1, 2)]])
    with refused("an index must be at least 0"):
        PermutationGroup([[(0, -1)]])
    with refused("pass degree=n"):
        PermutationGroup([])
    group = PermutationGroup([[(0, 1, 2)], [(3, 4)]])
    assert group.degree == 5
    assert group == PermutationGroup([[1, 2, 0, 3, 4], np.array([0, 1, 2, 4, 3])])


def test_mixed_degrees() -> None:
    with refused("generators[1] acts on 4, expected 3"):
        PermutationGroup([[1, 2, 0], [1, 2, 3, 0]])
    with refused("generators[0] acts on 3, expected 4"):
        PermutationGroup([[1, 2, 0]], degree=4)
    with refused("generators[1] acts on 3, generators[0] on 2"):
        MatrixGroup([TURN, np.eye(3)])
    with refused("cannot compose elements of degree 2 and 3"):
        Permutation([1, 0]) @ Permutation([1, 2, 0])


def test_signs() -> None:
    with refused("signs must have shape (2,), got shape (3,)"):
        SignedPermutation([1, 0], [1, 1, 1])
    with refused("signs must all be +1 or -1"):
        SignedPermutation([1, 0], [1, 0])
    assert SignedPermutation([1, 0], [1.0, 1.0]).signs is None


def test_matrices() -> None:
    for value in (np.nan, np.inf):
        with refused("it must be finite" if np.isnan(value) else "generators[0] contains infinity"):
            MatrixGroup([[[value, 0.0], [0.0, 1.0]]])
    with refused("generators[0] must be a square matrix, got shape (2, 3)"):
        MatrixGroup([np.ones((2, 3))])
    with refused("generators[1] must be orthogonal: max |A^T A - I| is 3"):
        MatrixGroup([np.eye(2), 2 * np.eye(2)])
    with refused("must be real"):
        MatrixGroup([TURN * 1j])
    with refused("at least one matrix"):
        MatrixGroup([])
    with refused("matrix must be orthogonal"):
        OrthogonalMatrix([[1.0, 1e-6], [0.0, 1.0]])
    for tol in (0.0, -1.0, 1.0, np.nan):
        with refused("tol must be positive"):
            MatrixGroup([TURN], tol=tol)


def test_infinite_and_large_matrix_groups() -> None:
    c, s = np.cos(1.0), np.sin(1.0)
    with refused("more than 500 elements, and no orbits of at most 500 points that span the space"):
        MatrixGroup([[[c, -s], [s, c]]], limit=500)
    with refused("closure=True gives the compact group in which they are dense"):
        MatrixGroup([[[c, -s], [s, c]]], limit=500)
    with refused("more than 7 elements, and no orbits of at most 7 points"):
        MatrixGroup(PointGroup("C9", degree=2).generators, limit=7)
    with refused("a finite group with long orbits; raise limit"):
        MatrixGroup(PointGroup("C9", degree=2).generators, limit=7, closure=True)
    assert MatrixGroup(PointGroup("C9", degree=2).generators, limit=9).order == 9
    assert MatrixGroup(PointGroup("D4").generators, limit=7).order == 8  # orbits of four points
    for closure in (1, None, "yes"):
        with refused(f"closure must be True or False, got {closure!r}", TypeError):
            MatrixGroup([TURN], closure=closure)
    with refused("limit must be at least 1"):
        MatrixGroup([TURN], limit=0)


@pytest.mark.parametrize(
    ("symbol", "dim"),
    [
        *((s, 3) for s in ("C0", "X3", "c3", "D3v", "S4h", "", "C03", 3, "Cs ", "Dooh", "Kh")),
        *((s, 2) for s in ("T", "C3v", "Cs")),
    ],
)
def test_unknown_point_groups(symbol, dim: int) -> None:
    with refused(f"unknown point group {symbol!r} in dimension {dim}; known: Cn"):
        PointGroup(symbol, degree=dim)


def test_unknown_names() -> None:
    with refused("degree must be 2 or 3, got 4"):
        PointGroup("C2", degree=4)
    with refused("unknown kind 'd4' of image group; known: C4, D4, translations, p4, p4m"):
        Image((4, 4), "d4")
    with refused("unknown group 'so3'; known: trivial, symmetric, alternating, cyclic, dihedral"):
        groups.from_name("so3", 3)
    assert groups.from_name("sign_flips", 4) == SignFlips(4)
    assert groups.from_name("hyperoctahedral", 4).order == 384


def test_shapes_of_images() -> None:
    for kind in ("C4", "D4", "p4", "p4m"):
        with refused(f"need a square image, got shape (3, 4) for kind {kind!r}"):
            Image((3, 4), kind)
    assert Image((3, 4), "translations").order == 12
    with refused("shape must be (height, width)"):
        Image((16,), "D4")
    with refused("shape[1] must be at least 1, got 0"):
        Image((4, 0), "translations")
    with refused("shape must be a tuple", TypeError):
        Image(8, "D4")


def test_along() -> None:
    with refused("Symmetric(4) acts on 4 features; axis 1 of shape (4, 3) has 3"):
        Symmetric(4).along(1, (4, 3))
    with refused("Cyclic(5) acts on 5 features; axes (0, 1) of shape (2, 3) have 2 x 3"):
        Cyclic(5).along((0, 1), (2, 3))
    with refused("axis 2 is out of range for an array with 2 axes"):
        Cyclic(3).along(2, (3, 3))
    with refused("axis must be at least -2, got -3"):
        Cyclic(3).along(-3, (3, 3))
    with refused("names the same axis twice: (0, -2)"):
        Cyclic(9).along((0, -2), (3, 3))
    with refused("axis must name at least one axis"):
        Cyclic(1).along((), (3, 3))
    with refused("axis must be an integer", TypeError):
        Cyclic(3).along("x", (3, 3))
    with refused("shape must have at least one axis"):
        Cyclic(3).along(0, ())


def test_samples_that_do_not_fit() -> None:
    G = Dihedral(8)
    with refused("X has 10 features; Dihedral(8) acts on 8"):
        G.apply(G.generators[0], np.ones((2, 10)))
    with refused("X has 10 features; Permutation([1, 0]) acts on 2"):
        Permutation([1, 0]).apply(np.ones(10))
    I = Image((4, 4), "D4")  # noqa: E741
    with refused("acts on 16, or on samples of shape (4, 4): X has shape (2, 4, 5)"):
        I.apply(I.generators[0], np.ones((2, 4, 5)))
    with refused("the element acts on 3 features; Dihedral(8) acts on 8"):
        G.compose(G.identity, Permutation([0, 1, 2]))
    with refused("expected an element of Dihedral(8), got ndarray", TypeError):
        G.apply(np.eye(8), np.ones(8))
    assert "x" not in G
    assert Permutation([0, 1]) not in G


def test_products_that_do_not_commute() -> None:
    with refused(
        "groups that commute: Permutation([1, 0, 2]) of Symmetric(3) does not commute with "
        "Permutation([1, 2, 0]) of Cyclic(3)"
    ):
        Symmetric(3) * Cyclic(3)
    with refused("does not commute with OrthogonalMatrix"):
        PointGroup("D3", degree=2) * PointGroup("C5", degree=2)
    shape = (3, 2)
    with refused("does not commute"):
        Symmetric(3).along(0, shape) * Symmetric(6).along((0, 1), shape)
    with refused("Symmetric(3) acts on 3, Symmetric(4) on 4"):
        Symmetric(3) * Symmetric(4)
    with pytest.raises(TypeError):
        Symmetric(3) * 2  # type: ignore[operator]


def test_sample_size_and_random_state() -> None:
    with refused("size must be at least 0, got -1"):
        Symmetric(3).sample(-1)
    with refused("size must be an integer", TypeError):
        Symmetric(3).sample(1.5)


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals need the main thread"
)
def test_interrupts_stop_native_closures() -> None:
    def interrupt(seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop(signum, frame) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    # a wreath product of large base: minutes of proof
    a, b = 40, 20
    points = np.arange(a * b).reshape(b, a)
    first, blocks = points.copy(), np.roll(points, 1, axis=0)
    first[0] = np.roll(first[0], 1)
    swap = np.arange(a * b)
    swap[[0, 1]] = [1, 0]
    chained = PermutationGroup([first.ravel(), blocks.ravel(), swap])
    c, s = np.cos(1.0), np.sin(1.0)
    try:
        for work in (
            lambda: chained.order,
            lambda: MatrixGroup([[[c, -s], [s, c]], np.diag([1.0, -1.0])], limit=10**8),
        ):
            start = time.perf_counter()
            interrupt(0.2)
            with pytest.raises(KeyboardInterrupt):
                work()
            assert time.perf_counter() - start < 1.5
    finally:
        interrupt(0.0)
        signal.signal(signal.SIGALRM, before)
