"""Groups of graphs: nodes in any order."""

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF
from symkernel import Canonicalizer, InvariantKernel, InvariantKernelRidge, groups, orbit_distance
from symkernel.groups import Graph
from symkernel.kernels import Polynomial

RING = np.roll(np.eye(5), 1, axis=0) + np.roll(np.eye(5), -1, axis=0)


@pytest.mark.parametrize("labels", [None, "aabab"])
@pytest.mark.parametrize("features", [0, 2])
def test_nodes_move_rows_columns_and_features(labels, features):
    G = Graph(5, labels, features)
    H = groups.Symmetric(5) if labels is None else groups.Young(labels)
    X = np.random.default_rng(0).standard_normal(G.shape)
    moved = {g.apply(X.ravel()).tobytes() for g in G.elements()}
    want = set()
    for h in H.elements():
        p = h.indices
        want.add(np.hstack([X[:, :5][p][:, p], X[:, 5:][p]]).tobytes())
    assert moved == want and len(moved) == G.order == H.order
    assert all(G.contains(g) for g in G.sample(10, 0))
    assert groups.SignedPermutation(np.roll(np.arange(G.degree), 1)) not in G
    assert eval(repr(G)) == G


def test_the_same_maps_by_other_names():
    assert Graph(4) == groups.Symmetric(4).along_each((0, 1), (4, 4))
    assert Graph(4, "aabb") == groups.Young("aabb").along_each((0, 1), (4, 4))
    assert Graph(4) != Graph(4, "aaab")
    assert Graph(1).order == 1 and Graph(1, features=2).shape == (1, 3)
    assert Graph(3).along((0, 1), (3, 3, 2)) == groups.Symmetric(3).along_each((0, 1), (3, 3, 2))


def test_nothing_is_listed():
    G = Graph(200)
    assert G.log_order == pytest.approx(groups.Symmetric(200).log_order)
    (g,) = G.sample(1, 0)
    assert G.contains(g)


def brute_stabilizer(G, x):
    return sum(np.array_equal(g.apply(x), x) for g in G.elements())


def test_stabilisers_are_automorphisms():
    rng = np.random.default_rng(0)
    cases = [
        (Graph(5), RING),
        (Graph(5, "aabba"), RING),
        (Graph(5, features=1), np.hstack([RING, [[0], [1], [0], [0], [1]]])),
        (groups.Symmetric(4).along_each((0, 1), (4, 4)), np.ones((4, 4))),
    ]
    cases += [(Graph(4), rng.integers(0, 2, (4, 4))) for _ in range(10)]  # directed, with loops
    cases += [(Graph(4, "aaab", 1), rng.integers(0, 2, (4, 5))) for _ in range(10)]
    for G, x in cases:
        x = np.asarray(x, float).ravel()
        kept = G.stabilizer(x)
        assert kept.order == brute_stabilizer(G, x)
        assert all(G.contains(g) and np.array_equal(g.apply(x), x) for g in kept.elements())
        assert G.orbit_size(x) == len({tuple(g.apply(x)) for g in G.elements()})
    directed = np.roll(np.eye(6), 1, axis=0)
    assert Graph(6).stabilizer(directed).order == 6
    assert Graph(6).stabilizer(directed + directed.T).order == 12
    assert Graph(60).stabilizer(np.zeros((60, 60))).order == groups.Symmetric(60).order


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0,), ValueError, "n must be at least 1"),
        ((2.5,), TypeError, "n must be an integer"),
        ((3, "ab"), ValueError, "labels must name 3 nodes"),
        ((3, 7), TypeError, "labels must be a sequence"),
        ((3, None, -1), ValueError, "features must be at least 0"),
        ((3, None, 0, "no"), TypeError, "directed must be True or False"),
    ],
)
def test_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        Graph(*arguments)


# -- claimed symmetry ---------------------------------------------------------------------------

CLAIM = Graph(3, directed=False)
BAD = np.array([[0.0, 1, 2, 1, 0, 3, 2, 4, 0]] * 2)
BAD[0, 7] = 3.0  # the first one is symmetric


@pytest.mark.parametrize(
    "call",
    [
        lambda X: InvariantKernel(RBF(), CLAIM)(X),
        lambda X: InvariantKernel(RBF(), CLAIM)(X[:1], X),
        lambda X: InvariantKernel(RBF(), CLAIM).gram(X),
        lambda X: InvariantKernelRidge(kernel=RBF(), group=CLAIM).fit(X, [0.0, 1.0]),
        lambda X: (
            InvariantKernelRidge(kernel=RBF(), group=CLAIM).fit(X[[0, 0]], [0.0, 1.0]).predict(X)
        ),
        lambda X: Canonicalizer(CLAIM).fit(X),
        lambda X: Canonicalizer(CLAIM).fit(X[:1]).transform(X),
        lambda X: orbit_distance(X, X, group=CLAIM),
        lambda X: InvariantKernel(RBF(), CLAIM.along((0, 1), (3, 3, 1)))(X),
        lambda X: InvariantKernel(RBF(), CLAIM * groups.Trivial(9))(X),
    ],
)
def test_asymmetric_matrices_are_refused_where_symmetry_is_claimed(call):
    message = r"[XY]\[[01]\] is no symmetric adjacency matrix: entry \(1, 2\) is 3.0 and \(2, 1\)"
    call(BAD[[0, 0]])
    with pytest.raises(ValueError, match=message):
        call(BAD)


def test_rounding_is_no_asymmetry():
    for dtype in (np.float64, np.float32):
        X = BAD[:1].astype(dtype)
        X[0, 1] *= 1 + 2 * np.finfo(dtype).eps
        CLAIM.check_rows(X)
        CLAIM.check_rows(X[:0])
    Graph(3, features=1, directed=False).check_rows(np.zeros((2, 12)) + np.arange(12) % 4 // 3)
    Graph(3).check_rows(BAD)


# -- kernels ----------------------------------------------------------------------------------


def test_a_kernel_of_graphs_does_not_see_the_order_of_nodes():
    rng = np.random.default_rng(0)
    G = Graph(5, features=1)
    X = rng.standard_normal((6, *G.shape))
    k = InvariantKernel(RBF(2.0), G)
    (g,) = G.sample(1, 1)
    np.testing.assert_allclose(k(g.apply(X.reshape(6, -1)), X), k(X), rtol=1e-12)
    k = InvariantKernel(Polynomial(1), Graph(30))
    Y = rng.standard_normal((4, 30, 30))
    p = rng.permutation(30)
    np.testing.assert_allclose(k(Y[:, p][:, :, p], Y), k(Y), rtol=1e-10)
