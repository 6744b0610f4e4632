"""Young subgroups, and their average as a product of permanents."""

from __future__ import annotations

import pickle

import numpy as np
import oracles
import pytest
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel import InvariantKernel, groups

LABELS = ("O", "H", "C", "H", "C", "H")


def test_elements():
    G = groups.Young(LABELS)
    elements = list(G.elements())
    assert G.order == 12 == len(set(elements))
    assert elements[0] == G.identity
    assert all(g in G for g in elements)
    assert G.generators and all(g in G for g in G.generators)
    assert groups.PermutationGroup(list(G.generators)) == G
    assert groups.Permutation([1, 0, 2, 3, 4, 5]) not in G
    assert groups.SignFlips(6).generators[0] not in G
    assert [g for g in G.sample(20, random_state=0) if g not in G] == []
    assert len(set(G.sample(400, random_state=0))) == 12
    table = G.table(12)
    assert [tuple(row) for row in table.indices] == [tuple(g.indices) for g in elements]


def test_is_a_group_like_the_others():
    G = groups.Young(LABELS)
    assert repr(G) == "Young(('O', 'H', 'C', 'H', 'C', 'H'))"
    assert eval(repr(G), {"Young": groups.Young}) == G
    assert pickle.loads(pickle.dumps(G)) == G
    assert groups.Young([8, 1, 6, 1, 6, 1]) == G
    assert groups.Young(np.array([8, 1, 6, 1, 6, 1])) == G
    assert groups.Young("aaa") == groups.Symmetric(3)
    assert groups.Young("abc") == groups.Trivial(3)
    assert G.blocks == ((0,), (1, 3, 5), (2, 4))
    assert G.is_permutation
    assert groups.Young(range(40)).order == 1
    assert groups.Young([0] * 40).order == groups.Symmetric(40).order
    (factor,) = G.along(0, (6, 3)).factors()
    assert (factor.group, factor.axes) == (G, (0,))
    assert next(groups.Young([0] * 40 + [1] * 40).elements()) == groups.Trivial(80).identity


def test_refusals():
    with pytest.raises(ValueError, match="at least one feature"):
        groups.Young([])
    with pytest.raises(TypeError, match="must be a sequence"):
        groups.Young(3)
    with pytest.raises(TypeError, match="must be hashable"):
        groups.Young([[1], [2]])


@pytest.mark.parametrize(
    "group",
    [
        groups.Young(LABELS),
        groups.Young(LABELS).along(0, (6, 3)),
        groups.Young(LABELS).along(1, (2, 6)),
        groups.Young("abab"),
    ],
    ids=repr,
)
def test_permanents_agree_with_brute_force(group):
    X = np.random.default_rng(0).standard_normal((5, group.degree))
    for base in (RBF(1.1), Matern(1.4, nu=1.5)):
        k = InvariantKernel(base, group, method="closed_form")
        want = oracles.orbit_mean(base, group, X)
        np.testing.assert_allclose(k(X), want, rtol=1e-11)
        for normalize in (False, True):
            k = InvariantKernel(base, group, method="closed_form", normalize=normalize)
            _, gradient = k(X, eval_gradient=True)
            moved = [k.clone_with_theta(k.theta + s * 1e-5)(X) for s in (-1, 1)]
            want = (moved[1] - moved[0]) / 2e-5
            np.testing.assert_allclose(gradient[:, :, 0], want, rtol=1e-6, atol=1e-9)


def test_a_large_group_is_no_sum():
    group = groups.Young([0] * 12 + [1] * 8).along(0, (20, 2))
    k = InvariantKernel(RBF(1.0), group)
    assert k.plan().method == "closed_form"
    X = np.random.default_rng(0).standard_normal((3, 40))
    (g,) = group.sample(1, random_state=0)
    np.testing.assert_allclose(k(g.apply(X), X), k(X), rtol=1e-12)


def test_with_motions_it_is_summed_over():
    group = groups.Young("aab").along(0, (3, 3)) * groups.E(3).along(1, (3, 3))
    k = InvariantKernel(RBF(1.0), group)
    assert "sum over 2 permutations" in str(k.plan())
