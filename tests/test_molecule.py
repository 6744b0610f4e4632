"""Groups of molecules: permutations of like atoms, and which of them motion brings about."""

from __future__ import annotations

import copy
import os
import pickle
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from catalog import METHANE
from molecules import KNOWN, WATER, alkane
from oracles import automorphisms
from scipy.spatial.distance import pdist
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups
from symkernel.groups.covalent_radii import RADII

FOLDER = Path(os.environ.get("SYMKERNEL_DATA", Path(__file__).parents[2] / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason=f"data folder {FOLDER} is absent; set SYMKERNEL_DATA to the folder holding rmd17/",
)


@pytest.mark.parametrize("name", KNOWN)
def test_known_orders(name):
    (z, R), every, mirrored, turned = KNOWN[name]
    assert groups.molecule(z, R).permutations.order == every
    for rotations, order in (("O", mirrored), ("SO", turned), (None, turned)):
        G = groups.molecule(z, R, rotations=rotations, include="feasible")
        assert G.permutations.order == order
        generated = groups.PermutationGroup(
            [g.indices.tolist() for g in G.permutations.generators], degree=len(z)
        )
        assert generated.order == order


def test_a_hundred_atoms_take_less_than_a_second_and_nothing_is_listed():
    z, R = alkane(33)
    assert len(z) == 101
    start = time.perf_counter()
    G = groups.molecule(z, R)
    order = G.permutations.order
    kept = groups.molecule(z, R, include="feasible").permutations.order
    assert time.perf_counter() - start < 1.0
    assert (order, kept) == (2 * 6**2 * 2**31, 36)
    assert f"{order} of the {order} automorphisms" in G.explain()
    assert len(G.sample(2, random_state=0)) == 2


# ---- against listings, on real data ----------------------------------------------------------


def hand(R, atom, four):
    """Sign of the volume that four directions from an atom span."""
    unit = [
        np.zeros(3) if a == atom else (R[a] - R[atom]) / np.linalg.norm(R[a] - R[atom])
        for a in four
    ]
    volume = np.linalg.det([u - unit[3] for u in unit[:3]])
    small = 0.4 if atom not in four else 0.0  # of three neighbours, decided for all alike
    return 0 if abs(volume) < small else int(np.sign(volume)), volume


def feasible_ones(z, R, bonds, listed, mirrored):
    """The listed permutations that keep hands and sides, straight from the definition."""
    radii = np.array(RADII)[np.asarray(z, int) - 1]
    near = [[] for _ in z]
    for i, j in bonds:
        near[i].append(j)
        near[j].append(i)
    like = [sorted({p[a] for p in listed}) for a in range(len(z))]
    flat = [
        len(near[a]) == 3 and np.mean([abs(hand(R, b, [*near[b], b])[1]) for b in like[a]]) < 0.4
        for a in range(len(z))
    ]
    corners = []
    for a, ends in enumerate(near):
        corners += [(a, four) for four in combinations(ends, 4)]
        if len(ends) == 3 and not flat[a] and z[a] not in (7, 8):
            corners.append((a, (*ends, a)))

    def bent(a):
        u, v = (R[b] - R[a] for b in near[a])
        return np.linalg.norm(np.cross(u, v)) / np.linalg.norm(u) / np.linalg.norm(v) > 0.34

    def level(a):
        return flat[a] or (len(near[a]) == 2 and bent(a))

    def short(i, j):
        kind = {tuple(sorted((p[i], p[j]))) for p in listed}
        lengths = [np.linalg.norm(R[a] - R[b]) / (radii[a] + radii[b]) for a, b in kind]
        return np.mean(lengths) < 0.9

    paths = [
        (a, i, j, b)
        for i, j in bonds
        if level(i) and level(j) and short(i, j)
        for a in near[i]
        for b in near[j]
        if a != j and b != i
    ]

    def cis(a, i, j, b):
        axis = (R[j] - R[i]) / np.linalg.norm(R[j] - R[i])
        u, v = (w - (w @ axis) * axis for w in (R[a] - R[i], R[b] - R[j]))
        cosine = u @ v / np.linalg.norm(u) / np.linalg.norm(v)
        return 0 if abs(cosine) < 0.5 else int(np.sign(cosine))

    def keeps(p, sign):
        return all(
            sign * hand(R, a, four)[0] == hand(R, p[a], [p[b] for b in four])[0]
            for a, four in corners
        ) and all(cis(*path) == cis(*(p[a] for a in path)) for path in paths)

    return [p for p in listed if keeps(p, 1) or (mirrored and keeps(p, -1))]


def listing(z, bonds):
    A = np.zeros((len(z), len(z)), int)
    A[tuple(np.transpose(bonds))] = 1
    return automorphisms(A + A.T, list(z))


def elements_of(group):
    return {tuple(g.indices.tolist()) for g in group.elements()}


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(
    ("name", "bonds", "every", "published"),
    [("ethanol", 8, 12, 6), ("aspirin", 21, 6, 6), ("benzene", 12, 12, 12)],
)
def test_rmd17_agrees_with_a_listing_and_feasible_with_sgdml(name, bonds, every, published):
    data = np.load(FOLDER / "rmd17" / f"{name}.npz")
    z, frames = data["z"], data["R"]
    for R in (frames[::10], frames[0]):
        G = groups.molecule(z, R)
        assert len(G.bonds) == bonds
        assert G.permutations.order == every
        listed = listing(z, G.bonds)
        assert elements_of(G.permutations) == set(listed)
        kept = groups.molecule(z, R, include="feasible")
        assert kept.permutations.order == published
        own = feasible_ones(z, frames[0], G.bonds, listed, True)
        assert elements_of(kept.permutations) == set(own)
    turned = groups.molecule(z, frames[0], include="feasible", rotations="SO")
    own = feasible_ones(z, frames[0], G.bonds, listed, False)
    assert elements_of(turned.permutations) == set(own)


QM7 = (3, 17, 59, 130, 256, 400, 777, 1024, 1300, 1501, 1777, 2020, 2400, 2718, 3141, 3500, 3999,
       4242, 4600, 4999)  # fmt: skip


@pytest.fixture(scope="module")
def qm7():
    data = np.load(FOLDER / "qm7" / "qm7_5000.npz")
    counts = (data["Z"] > 0).sum(axis=1)
    return [(data["Z"][k, : counts[k]], data["R"][k, : counts[k]]) for k in QM7]


@pytest.mark.data
@needs_data
def test_qm7_agrees_with_networkx(qm7):
    networkx = pytest.importorskip("networkx")
    isomorphism = networkx.algorithms.isomorphism
    orders = []
    for z, R in qm7:
        G = groups.molecule(z, R)
        graph = networkx.Graph()
        graph.add_nodes_from((k, {"z": int(number)}) for k, number in enumerate(z))
        graph.add_edges_from(G.bonds.tolist())
        match = isomorphism.categorical_node_match("z", 0)
        found = isomorphism.GraphMatcher(graph, graph, match).isomorphisms_iter()
        orders.append(G.permutations.order)
        assert sum(1 for _ in found) == orders[-1]
    assert len(set(orders)) > 6  # the choice is no easy one


@pytest.mark.data
@needs_data
@pytest.mark.parametrize("rotations", ["O", "SO"])
def test_feasible_permutations_of_qm7_are_those_of_the_definition(qm7, rotations):
    left_out = 0
    for z, R in qm7:
        G = groups.molecule(z, R)
        if G.permutations.order > 300:
            continue
        listed = listing(z, G.bonds)
        kept = groups.molecule(z, R, include="feasible", rotations=rotations)
        assert elements_of(kept.permutations) == set(
            feasible_ones(z, np.asarray(R, float), G.bonds, listed, rotations == "O")
        )
        left_out += kept.permutations.order < G.permutations.order
        assert ("left out" in kept.explain()) == (kept.permutations.order < G.permutations.order)
    assert left_out > 5


@pytest.mark.data
@needs_data
def test_alike_molecules_swap():
    data = np.load(FOLDER / "water" / "dimer_ccsdt_800.npz")
    R = data["R"][0]
    G = groups.molecule(data["z"], R)
    assert len(G.bonds) == 4
    assert elements_of(G.permutations) == set(listing(data["z"], G.bonds))
    assert G.permutations.order == 8
    far = np.concatenate([WATER[1], WATER[1] + 4.0, WATER[1] - 4.0])
    three = groups.molecule(WATER[0] * 3, far)
    assert three.permutations.order == 2**3 * 6
    assert three.permutations.order == len(listing([8, 1, 1] * 3, three.bonds))
    words = three.explain()
    assert "swaps alike molecules (O0 H1 H2) and" in words or "(O3 H4 H5) and (O6 H7 H8)" in words
    other = groups.molecule([*WATER[0], "Ne"], np.concatenate([WATER[1], [[4, 4, 4]]]))
    assert other.permutations.order == 2


# ---- the group on positions and on pairs ------------------------------------------------------


@pytest.mark.parametrize(
    ("rotations", "translations", "dim"),
    [("O", True, 6), ("SO", True, 6), (None, True, 3), ("O", False, 3), (None, False, 0)],
)
def test_it_is_the_product_of_what_it_says(rotations, translations, dim):
    G = groups.molecule(*METHANE, rotations=rotations, translations=translations)
    assert (G.shape, G.degree, G.dim) == ((5, 3), 15, dim)
    assert any(f.group == G.permutations and f.axes == (0,) for f in G.factors())
    mirror = groups.SignedPermutation(np.arange(15), np.tile([1, 1, -1], 5))
    assert (mirror in G) == (rotations == "O")
    assert pickle.loads(pickle.dumps(G)) == G == copy.deepcopy(G)
    assert pickle.loads(pickle.dumps(G)).explain() == G.explain()
    assert G.numbers.tolist() == [6, 1, 1, 1, 1]
    assert G.bonds.tolist() == [[0, 1], [0, 2], [0, 3], [0, 4]]


@pytest.mark.parametrize("name", ["water", "methane", "ethylene", "heptane", "hydrogen"])
def test_on_pairs_does_to_distances_what_the_group_does_to_positions(name):
    z, R = KNOWN[name][0]
    G = groups.molecule(z, R)
    pairs = G.on_pairs()
    R = np.asarray(R) + np.random.default_rng(0).normal(size=(len(z), 3))
    assert pairs.degree == len(z) * (len(z) - 1) // 2
    for p, on_pairs in zip(G.permutations.generators, pairs.generators, strict=False):
        np.testing.assert_allclose(on_pairs.apply(pdist(R)), pdist(R[p.indices]), rtol=1e-12)
    for g in G.sample(3, random_state=1):
        moved = pdist(g.apply(R.reshape(-1)).reshape(-1, 3))
        k = InvariantKernel(RBF(3.0), pairs)
        if pairs.order < 1000:
            np.testing.assert_allclose(
                k([moved], [pdist(R) + 0.1]), k([pdist(R)], [pdist(R) + 0.1])
            )
    generated = groups.PermutationGroup(
        [g.indices.tolist() for g in pairs.generators], degree=pairs.degree
    )
    assert pairs.order == generated.order == (1 if name == "hydrogen" else G.permutations.order)


def test_a_single_atom_has_no_pairs():
    with pytest.raises(ValueError, match="a single atom has no pairs"):
        groups.molecule(["Ar"], [[0.0, 0, 0]]).on_pairs()


def test_the_rule_does_not_depend_on_the_order_of_atoms():
    rng = np.random.default_rng(3)
    for name, ((z, R), _, mirrored, _) in KNOWN.items():
        shuffled = rng.permutation(len(z))
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        z, R = np.array(z)[shuffled], np.asarray(R)[shuffled] @ turn + rng.normal(size=3)
        G = groups.molecule(z, R, include="feasible")
        assert G.permutations.order == mirrored, name
