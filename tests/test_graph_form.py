"""Canonical forms of graphs: one for every isomorphism class."""

import itertools

import numpy as np
import pytest
from canonical_laws import DTYPES, brute_force, check_exact, samples
from symkernel import Canonicalizer, InvariantKernel, groups
from symkernel.canonical import canonical_form
from symkernel.canonical.graphs import GraphForm
from symkernel.groups import Graph
from symkernel.groups.graph_automorphisms import (
    AutomorphismSearch,
    coloured_graph,
    graph_automorphisms,
)
from symkernel.groups.graph_labelling import canonical_colours
from symkernel.kernels import Polynomial

GROUPS = {
    "directed": Graph(4),
    "features": Graph(3, features=2),
    "labels": Graph(5, labels="abaab"),
    "labels and features": Graph(4, labels=[1, 2, 1, 2], features=1),
    "one node": Graph(1, features=2),
    "every label its own": Graph(3, labels="abc"),
    "along_each": groups.Young("aab").along_each((0, 1), (3, 3)),
    "edges of two numbers": Graph(3).along((0, 1), (3, 3, 2)),
    "channels first": groups.Symmetric(3).along_each((2, 1), (2, 3, 3)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", GROUPS)
def test_laws(name, dtype):
    group = GROUPS[name]
    form = canonical_form(group)
    assert isinstance(form, GraphForm) or group.order == 1
    X = samples(group.degree, dtype)
    check_exact(form, X)
    _, orders = brute_force(group, X)
    assert list(form.canonicalize(X).stabilizer_order) == orders


@pytest.mark.parametrize("name", GROUPS)
def test_orbits_stay_apart(name):
    """Rows of few values share a representative if and only if a brute force finds them alike."""
    group = GROUPS[name]
    X = np.random.default_rng(1).integers(0, 2, (150, group.degree)).astype(float)
    least, _ = brute_force(group, X)
    ours = canonical_form(group).representatives(X)
    for labels in (least, ours):
        assert len(np.unique(np.hstack([least, ours]), axis=0)) == len(np.unique(labels, axis=0))


def everything(n):
    """All graphs on n nodes, (2^(n choose 2), n, n)."""
    i, j = np.triu_indices(n, 1)
    bits = np.array(list(itertools.product((0.0, 1.0), repeat=len(i))))
    X = np.zeros((len(bits), n, n))
    X[:, i, j] = X[:, j, i] = bits.reshape(len(bits), len(i))
    return X


def classes(X):
    """Representatives (k, n, n) of graphs (m, n, n), each once, and their automorphisms."""
    n = X.shape[1]
    found = Canonicalizer(Graph(n, directed=False)).fit(X[:1]).canonicalize(X.reshape(len(X), -1))
    rows, first = np.unique(found.representative, axis=0, return_index=True)
    return rows.reshape(-1, n, n), found.stabilizer_order[first]


@pytest.mark.parametrize(("n", "count"), [(1, 1), (2, 2), (3, 4), (4, 11), (5, 34)])
def test_classes_of_all_graphs(n, count):
    found, orders = classes(everything(n))
    assert len(found) == count
    # orbits fill the set of all labelled graphs
    total = sum(groups.Symmetric(n).order // order for order in orders)
    assert total == 2 ** (n * (n - 1) // 2)


def extended(X):
    """Graphs of one node more, with any edges to it."""
    m, n, _ = X.shape
    ends = np.array(list(itertools.product((0.0, 1.0), repeat=n)))
    wide = np.zeros((m, len(ends), n + 1, n + 1))
    wide[:, :, :n, :n] = X[:, None]
    wide[:, :, n, :n] = wide[:, :, :n, n] = ends
    return wide.reshape(-1, n + 1, n + 1)


def test_classes_by_one_node_more():
    """Each class of n + 1 nodes is one of n nodes with a node more; all of them are counted."""
    found = np.zeros((1, 1, 1))
    for n, count in enumerate((2, 4, 11, 34, 156), start=2):
        found, orders = classes(extended(found))
        assert len(found) == count
        total = sum(groups.Symmetric(n).order // order for order in orders)
        assert total == 2 ** (n * (n - 1) // 2)


@pytest.mark.full
def test_classes_of_seven_nodes():
    found = np.zeros((1, 1, 1))
    for _ in range(6):
        found, orders = classes(extended(found))
    assert len(found) == 1044
    assert sum(groups.Symmetric(7).order // order for order in orders) == 2**21


# -- large and regular ones ---------------------------------------------------------------------


def rook():
    """Squares of a 4 x 4 board that share a row or a column."""
    a, b = np.divmod(np.arange(16), 4)
    return ((a[:, None] == a) ^ (b[:, None] == b)).astype(float)


def shrikhande():
    """The other strongly regular graph of these parameters, on Z_4 x Z_4."""
    steps = {(0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3)}
    return np.array([
        [float(((i // 4 - j // 4) % 4, (i - j) % 4) in steps) for j in range(16)]
        for i in range(16)
    ])  # fmt: skip


def paley(q):
    """Numbers modulo q whose difference is a square."""
    squares = {x * x % q for x in range(1, q)}
    return np.array([[float((i - j) % q in squares) for j in range(q)] for i in range(q)])


def named(networkx):
    """Graphs and the orders of their groups, where these are known."""
    array = networkx.to_numpy_array
    union = networkx.disjoint_union_all
    return {
        "path of 200": (array(networkx.path_graph(200)), 2),
        "tree": (array(networkx.random_labeled_tree(100, seed=1)), None),
        "binary tree": (array(networkx.balanced_tree(2, 6)), 2**63),
        "3-regular": (array(networkx.random_regular_graph(3, 100, seed=2)), None),
        "G(40, 1/2)": (array(networkx.gnp_random_graph(40, 0.5, seed=3)), 1),
        "dodecahedron": (array(networkx.dodecahedral_graph()), 120),
        "star": (array(networkx.star_graph(59)), groups.Symmetric(59).order),
        "empty": (np.zeros((50, 50)), groups.Symmetric(50).order),
        "complete": (1 - np.eye(50), groups.Symmetric(50).order),
        "ten of Petersen": (
            array(union([networkx.petersen_graph()] * 10)),
            120**10 * groups.Symmetric(10).order,
        ),
        "alike and rigid": (
            array(union([networkx.random_regular_graph(3, 20, seed=4)] * 5)),
            None,
        ),
        "two kinds": (array(union([networkx.petersen_graph(), networkx.cycle_graph(10)])), 2400),
        "Shrikhande": (shrikhande(), 192),
        "rook": (rook(), 1152),
        "Paley": (paley(29), 29 * 14),
        "cube of 6": (
            array(networkx.convert_node_labels_to_integers(networkx.hypercube_graph(6))),
            46080,
        ),
        "directed ring": (np.roll(np.eye(30), 1, axis=0), 30),
    }


NAMES = tuple(named(pytest.importorskip("networkx")))


@pytest.mark.parametrize("name", NAMES)
def test_relabelled_graphs_have_one_form(name):
    networkx = pytest.importorskip("networkx")
    A, order = named(networkx)[name]
    rng = np.random.default_rng(0)
    G = Graph(len(A))
    every = [A, *(A[p][:, p] for p in (rng.permutation(len(A)) for _ in range(3)))]
    found = Canonicalizer(G).fit(A[None]).canonicalize(np.array(every))
    np.testing.assert_array_equal(found.representative, found.representative[[0] * 4])
    assert len(set(found.stabilizer_order)) == 1
    if order is not None:
        assert found.stabilizer_order[0] == order
    for i in (0, 3):
        moved = found.transporter[i].apply(np.array(every[i]).ravel())
        np.testing.assert_array_equal(moved, found.representative[i])
        assert G.contains(found.transporter[i])


def test_strongly_regular_graphs_are_told_apart():
    # the same degrees, common neighbours and spectrum: refinement sees no difference
    A, B = shrikhande(), rook()
    np.testing.assert_allclose(np.linalg.eigvalsh(A), np.linalg.eigvalsh(B), atol=1e-12)
    first, second = canonical_form(Graph(16)).representatives(np.array([A.ravel(), B.ravel()]))
    assert (first != second).any()


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_regular_graphs_agree_with_networkx(degree):
    networkx = pytest.importorskip("networkx")
    graphs = [networkx.random_regular_graph(degree, 10, seed=k) for k in range(14)]
    X = np.array([networkx.to_numpy_array(g).ravel() for g in graphs])
    C = canonical_form(Graph(10)).representatives(X)
    same = (C[:, None] == C).all(axis=2)
    for i, j in itertools.combinations(range(len(graphs)), 2):
        assert same[i, j] == networkx.is_isomorphic(graphs[i], graphs[j])


def test_labels_and_weights_agree_with_networkx():
    networkx = pytest.importorskip("networkx")
    isomorphism = networkx.algorithms.isomorphism
    rng = np.random.default_rng(0)
    n = 6
    X = rng.choice([0.0, 0.0, 1.0, 2.5], (40, n, n))
    X = np.triu(X, 1)
    X = X + X.swapaxes(1, 2)
    for k in range(20):  # half of them anew, in another order of like nodes
        p = np.concatenate([rng.permutation(3), 3 + rng.permutation(3)])
        X[20 + k] = X[k][p][:, p]
    C = canonical_form(Graph(n, "aaabbb")).representatives(X.reshape(40, -1))
    graphs = []
    for A in X:
        g = networkx.from_numpy_array(A)
        networkx.set_node_attributes(g, dict(enumerate("aaabbb")), "label")
        graphs.append(g)
    like = {
        "node_match": isomorphism.categorical_node_match("label", ""),
        "edge_match": isomorphism.numerical_edge_match("weight", 0.0),
    }
    found = 0
    for i, j in itertools.combinations(range(40), 2):
        same = networkx.is_isomorphic(graphs[i], graphs[j], **like)
        assert (C[i] == C[j]).all() == same
        found += same
    assert found >= 20


def test_weights_tell_nodes_apart():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 12, 12))
    S = X + X.swapaxes(1, 2)  # symmetric, and only signs of products as weights
    for graphs in (X, S, np.sign(S)):
        p = rng.permutation(12)
        form = canonical_form(Graph(12))
        found = form.canonicalize(graphs.reshape(20, -1))
        moved = form.canonicalize(graphs[:, p][:, :, p].reshape(20, -1))
        np.testing.assert_array_equal(found.representative, moved.representative)
    assert (form.canonicalize(X.reshape(20, -1)).gap > 0).all()


def test_few_automorphisms_only_cost_time(monkeypatch):
    """Branches that automorphisms would cut are searched instead: the form is the same."""
    ring = np.roll(np.eye(5, dtype=int), 1, axis=0)
    A = np.kron(np.eye(2, dtype=int), ring + ring.T)
    graph = coloured_graph(A[:, :, None], np.zeros((10, 0), int))
    usual = canonical_colours(AutomorphismSearch(*graph))
    monkeypatch.setattr(
        "symkernel.groups.graph_labelling._fixing", lambda generators, vertex, rng: generators[:0]
    )
    search = AutomorphismSearch(*graph)
    search.orbits = [np.arange(10) for _ in search.orbits]
    other = canonical_colours(search)
    p, q = np.argsort(usual), np.argsort(other)
    np.testing.assert_array_equal(A[p][:, p], A[q][:, q])


def test_a_search_too_long_names_the_row(monkeypatch):
    monkeypatch.setattr("symkernel.canonical.graphs.SEARCH_LIMIT", 5)
    X = np.array([np.diag(np.arange(16.0)).ravel(), rook().ravel()])
    with pytest.raises(ValueError, match=r"X\[1\] has no canonical form here: .*16 vertices"):
        canonical_form(Graph(16)).canonicalize(X)


def test_automorphisms_are_still_those_of_the_search():
    search = AutomorphismSearch(rook().astype(int), np.zeros(16, int))
    generators, order = graph_automorphisms(rook().astype(int))
    assert order == search.order == 1152
    np.testing.assert_array_equal(generators, search.generators)
    assert len(search.orbits) == len(search.base)
    for level, generator in zip(search.levels, search.generators, strict=True):
        fixed = search.base[:level]
        np.testing.assert_array_equal(generator[fixed], fixed)


@pytest.mark.parametrize("seed", range(30))
def test_graphs_as_one_matrix(seed):
    """Symmetries of the coloured matrix are those of what it was made of."""
    rng = np.random.default_rng(seed)
    n, c, m = 4, rng.integers(1, 4), rng.integers(0, 3)
    edges, nodes = rng.integers(0, 2, (n, n, c)), rng.integers(0, 2, (n, m))
    if seed % 3 == 0:
        edges = edges * 2**40  # codes that would not fit beside each other
    matrix, colours = coloured_graph(edges, nodes)
    for p in map(np.array, itertools.permutations(range(n))):
        kept = (edges[p][:, p] == edges).all() and (nodes[p] == nodes).all()
        assert kept == ((matrix[p][:, p] == matrix).all() and (colours[p] == colours).all())
        other = coloured_graph(edges[p][:, p], nodes[p])
        np.testing.assert_array_equal(other[0], matrix[p][:, p])
        np.testing.assert_array_equal(other[1], colours[p])


def test_form_is_for_graphs():
    for group in (groups.Symmetric(4), groups.Cyclic(3).along_each((0, 1), (3, 3))):
        with pytest.raises(ValueError, match="GraphForm takes one of Graph"):
            GraphForm(group)
    with pytest.raises(TypeError, match="group must be a Group"):
        GraphForm("graph")
    form = canonical_form(Graph(3))
    assert form.canonicalize(np.zeros((0, 9))).representative.shape == (0, 9)
    with pytest.raises(ValueError, match="finite"):
        form.canonicalize(np.full((1, 9), np.nan))


def test_beside_other_groups():
    """Edges of three numbers, of which the first two may change places."""
    shape = (3, 3, 3)
    G = groups.Symmetric(3).along_each((0, 1), shape) * groups.Young("aab").along(2, shape)
    form = canonical_form(G)
    X = np.random.default_rng(0).integers(0, 2, (40, 27)).astype(float)
    _, orders = brute_force(G, X)
    assert list(form.canonicalize(X).stabilizer_order) == orders
    for g in G.sample(4, 0):
        np.testing.assert_array_equal(form.representatives(g.apply(X)), form.representatives(X))


def test_kernels_of_canonical_forms():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (6, 30, 30)).astype(float)
    k = InvariantKernel(Polynomial(2), Graph(30), method="canonical")
    p = rng.permutation(30)
    np.testing.assert_array_equal(k(X[:, p][:, :, p], X), k(X))
