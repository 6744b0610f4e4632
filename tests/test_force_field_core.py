"""The joint system of a molecule against dense matrices, which plain formulas make."""

from __future__ import annotations

import numpy as np
import pytest
from force_field_core import (
    MOLECULES,
    bordered,
    components_of,
    dense,
    group_of,
    known,
    parametrisation,
    structures,
    system_of,
)
from symkernel.backends.packed import pack, unpack
from symkernel.descriptors import InversePairDistances
from symkernel.molecules._geometry import Geometry
from symkernel.molecules._metrics import centers_of
from symkernel.molecules._system import Factor, System, factored

RNG = np.random.default_rng(3)
KINDS = ["energies", "forces", "both", "mixed"]


def close(got, want, tolerance=1e-12):
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * max(1e-300, np.abs(want).max()))


# ---- geometry -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MOLECULES)
@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_products_are_those_of_the_dense_jacobian(name, spread):
    R = structures(name, 4, spread=spread)
    descriptor = InversePairDistances(R.shape[1])
    geometry, J = Geometry(R), descriptor.jacobian(R)
    close(geometry.features, descriptor.value(R))
    moves, slopes = RNG.normal(size=R.shape), RNG.normal(size=geometry.features.shape)
    close(geometry.to_features(moves), np.einsum("npd,nd->np", J, moves.reshape(4, -1)))
    want = np.einsum("npd,np->nd", J, slopes).reshape(R.shape)
    close(geometry.to_positions(slopes), want)
    part = geometry.take(np.array([2, 0]))
    close(part.to_features(moves[[2, 0]]), geometry.to_features(moves)[[2, 0]])
    assert len(part) == 2 and part.n_atoms == R.shape[1]


@pytest.mark.parametrize(
    "name, spread, m",
    [
        ("hydrogen", 0.0, 1),
        ("hydrogen", 0.05, 1),
        ("water", 0.0, 3),
        ("carbon dioxide", 0.0, 2),  # on a line: bending changes no distance
        ("carbon dioxide", 0.05, 3),
        ("ammonia", 0.0, 6),
        ("benzene", 0.0, 21),  # flat: 2 n_atoms - 3
        ("benzene", 0.05, 30),
        ("ethanol", 0.05, 21),
    ],
)
def test_directions_span_all_that_distances_see(name, spread, m):
    R = structures(name, 5, spread=spread)
    basis, directions = Geometry(R).directions
    J = InversePairDistances(R.shape[1]).jacobian(R)
    assert basis.shape == (5, m, R[0].size)
    close(basis @ basis.transpose(0, 2, 1), np.broadcast_to(np.eye(m), (5, m, m)))
    close(directions, basis @ J.transpose(0, 2, 1))
    close(J @ basis.transpose(0, 2, 1) @ basis, J)  # nothing of J is lost
    Q, shift = np.linalg.qr(RNG.normal(size=(3, 3)))[0], RNG.normal(size=3)
    for motion in (np.ones((len(R[0]), 1)) * shift, R[0] @ (Q - Q.T)):
        if spread > 0.0:  # where the rows have full rank, motions as a whole are unseen
            assert np.abs(basis[0] @ motion.ravel()).max() < 1e-12


def test_bent_and_straight_structures_together():
    bent, straight = structures("carbon dioxide", 2), structures("carbon dioxide", 2, spread=0.0)
    R = np.concatenate([bent, straight])
    basis, directions = Geometry(R).directions
    assert basis.shape[1] == 3
    J = InversePairDistances(3).jacobian(R)
    close(directions, basis @ J.transpose(0, 2, 1))
    close(J @ basis.transpose(0, 2, 1) @ basis, J)


# ---- system -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["hydrogen", "water", "carbon dioxide", "ammonia"])
@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_the_matrix_in_all_forms(name, kind, spread):
    own, R = known(name, 5, kind, spread=spread)
    _, pairs = group_of(name)
    components = components_of(name)
    system = system_of(own, pairs)
    want = dense(components, pairs, system, R)
    N = len(system)
    assert own.valued.sum() + own.sloped.sum() * system.m == N
    close(unpack(system.packed(components), N), want)
    close(system.diagonal(components), np.diagonal(want))
    drawn = RNG.permutation(N)[: N // 2 + 1]
    close(system.rows(components, drawn), want[drawn])
    vector = RNG.normal(size=N)
    close(system.product(components, vector), want @ vector)
    lowest = np.linalg.eigvalsh(want)[0]
    assert lowest > -1e-12 * np.trace(want)


@pytest.mark.parametrize("kind", KINDS)
def test_covariances_with_another_system(kind):
    (own, R), (_, pairs) = known("water", 4, kind), group_of("water")
    other, S = known("water", 3, "mixed", seed=1)
    components = components_of("water")
    one, two = system_of(own, pairs), system_of(other, pairs)
    want = dense(components, pairs, one, R, two, S)
    close(one.rows(components, np.arange(len(one)), two), want)
    order = RNG.permutation(len(one))
    close(one.rows(components, order, two), want[order])


def test_the_matrix_does_not_depend_on_what_is_held_at_once(monkeypatch):
    (own, _), (_, pairs) = known("ammonia", 7), group_of("ammonia")
    components, system = components_of("ammonia"), system_of(own, pairs)
    packed, rows = system.packed(components), system.rows(components, np.arange(20))
    monkeypatch.setattr("symkernel.molecules._system._HELD", 500)
    assert len(system._runs(system.m * 6)) > 1
    np.testing.assert_array_equal(system.packed(components), packed)
    np.testing.assert_array_equal(system.rows(components, np.arange(20)), rows)


@pytest.mark.parametrize("kind", ["pairs", "local", "free"])
def test_functions_against_finite_differences(kind):
    (own, _), (_, pairs) = known("ammonia", 4, "mixed"), group_of("ammonia")
    system = system_of(own, pairs)
    function = system.function(components_of("ammonia", kind), RNG.normal(size=len(system)))
    R, h = structures("ammonia", 2, seed=5), 1e-5
    geometry = Geometry(R)
    values, slopes = function(geometry.features)
    move = RNG.normal(size=R.shape)
    up, down = (function(Geometry(R + s * move).features, gradient=False)[0] for s in (h, -h))
    along = (geometry.to_positions(slopes) * move).sum(axis=(1, 2))
    np.testing.assert_allclose((up - down) / (2 * h), along, rtol=1e-7)
    np.testing.assert_array_equal(function(geometry.features, gradient=False)[0], values)


def test_slope_rows_against_finite_differences_of_values():
    (own, R), (_, pairs) = known("water", 3), group_of("water")
    components, system, h = components_of("water"), system_of(own, pairs), 1e-5
    count, m = len(system.valued), system.m
    K = unpack(system.packed(components), len(system))
    everywhere, nowhere = np.ones(1, bool), np.zeros(1, bool)

    def moved(i, k, s):  # an energy alone, of a structure moved along one of its directions
        way = system.turned(i, np.eye(m)[k])
        return System(Geometry((R[i] + s * way)[None]), pairs, everywhere, nowhere)

    for i, k in np.ndindex(3, m):
        up, down = (moved(i, k, s).rows(components, np.arange(1), system)[0] for s in (h, -h))
        close((up - down) / (2 * h), K[count + i * m + k], 1e-7)


def test_targets_rows_and_fields():
    (own, _), (_, pairs) = known("water", 7, "mixed"), group_of("water")
    system = system_of(own, pairs)
    targets = system.targets(own.energies, own.forces)
    count = len(system.valued)
    np.testing.assert_array_equal(targets[:count], own.energies[own.valued])
    seen = []
    for i in range(7):
        rows = system.rows_of(i)
        seen.extend(rows)
        if own.sloped[i]:  # forces come back: distances see all of them
            close(-system.turned(i, targets[rows[rows >= count]]), own.forces[i], 1e-9)
    assert sorted(seen) == list(range(len(system)))
    noise = system.ridge(np.array([2.0, 3.0]))
    assert (noise[:count] == 2.0).all() and (noise[count:] == 3.0).all()
    # `fields` is the transpose of `observe`.
    c, values, slopes = (RNG.normal(size=s) for s in (len(system), 7, (7, 3)))
    a, b = system.fields(c)
    close(c @ system.observe(values, slopes), a @ values + (b * slopes).sum())


# ---- weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pairs", "local", "free"])
@pytest.mark.parametrize("name", ["water", "carbon dioxide", "ammonia", "ethanol"])
def test_all_elements_leave_the_kernel_as_it_is(name, kind):
    """Each of them, so that the mean over the group needs its images of one sample only."""
    permutations, pairs = group_of(name)
    components = components_of(name, kind)
    R, S = structures(name, 3), structures(name, 2, seed=8)
    own = Geometry(R).features

    def kernel(x, y):
        s = np.einsum("cp,nmp->cnm", components.metrics, (x[:, None] - y[None]) ** 2)
        a = np.sqrt(7 * s)
        return np.tensordot(
            components.amplitudes, (1 + a + 2 / 5 * a**2 + a**3 / 15) * np.exp(-a), 1
        )

    want = kernel(own, Geometry(S).features)
    for g, pair in zip(permutations, pairs, strict=True):
        # The features of moved atoms are moved features, and both may be moved.
        close(Geometry(R[:, g]).features, own[:, pair])
        close(kernel(own[:, pair], Geometry(S[:, g]).features), want, 1e-12)
    system = System(Geometry(S), pairs, np.ones(2, bool), np.ones(2, bool))
    function = system.function(components, RNG.normal(size=len(system)))
    value = function(own)[0]
    for g in permutations:
        close(function(Geometry(R[:, g]).features)[0], value, 1e-12)


@pytest.mark.parametrize("kind", ["pairs", "local", "free"])
def test_derivatives_of_parameters(kind):
    weights, at = parametrisation(kind, "ammonia")
    own = weights.components(at)
    metrics, amplitudes = RNG.normal(size=own.metrics.shape), RNG.normal(size=len(own.amplitudes))

    def form(x):
        part = weights.components(x)
        return (part.metrics * metrics).sum() + part.amplitudes @ amplitudes

    h = 1e-6 * np.eye(len(at))
    differences = [(form(at + e) - form(at - e)) / 2e-6 for e in h]
    close(weights.back(at, metrics, amplitudes), np.array(differences), 1e-7)
    bounds = np.array(weights.bounds(at))
    assert (bounds[:, 0] < at).all() and (at < bounds[:, 1]).all()


def test_free_weights_begin_where_local_ones_end():
    free, _ = parametrisation("free", "ammonia")
    local = components_of("ammonia")
    again = free.components(free.start(local))
    close(again.metrics, local.metrics)
    close(again.amplitudes, local.amplitudes)


def test_centres_of_large_molecules():
    ring = np.repeat([6, 1], 12)
    assert centers_of(ring).tolist() == list(range(24))
    assert centers_of(np.append(ring, 1)).tolist() == list(range(12))  # heavy atoms alone
    assert centers_of(np.full(25, 6)).tolist() == []  # one kernel
    assert centers_of(np.repeat([8, 1], [2, 30])).tolist() == []
    assert centers_of(np.array([1, 1])).tolist() == []


# ---- factor -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n, valued", [(1, 1), (1, 0), (2, 1), (7, 7), (8, 3), (9, 0), (30, 12)])
def test_bordered_solves(n, valued):
    A = RNG.normal(size=(n, n))
    A = A @ A.T
    noise = RNG.uniform(0.5, 1.0, n)
    factor = Factor(pack(A), noise, valued)
    right, sums = RNG.normal(size=(n, 3)), RNG.normal(size=3)
    for given in (0.0, sums):
        x, c = factor.solve(right, given)
        want, constant = bordered(A + np.diag(noise), right, valued, given)
        np.testing.assert_allclose(x, want, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(c, constant, rtol=1e-9, atol=1e-12)


def test_a_factor_of_an_indefinite_matrix_is_refused():
    with pytest.raises(ArithmeticError, match="pivot 2 of 3"):
        Factor(pack(np.diag([1.0, -1.0, 1.0])), np.zeros(3), 2)


@pytest.mark.parametrize("noise", [0.0, 1e-300, 1e-17])
def test_noise_is_raised_where_structures_repeat(noise):
    own, _ = known("water", 6)
    again = own.take(np.arange(12) % 6)
    _, pairs = group_of("water")
    system, components = system_of(again, pairs), components_of("water")
    told = []
    factor, raised = factored(
        system, components, np.full(2, noise), lambda *words: told.append(words[0])
    )
    assert (raised > noise).all() and (raised < 1e-9 * system.diagonal(components).max()).all()
    assert told[:2] == ["matrix", "factor"] and len(told) >= 4
    right = RNG.normal(size=(len(system), 1))
    A = unpack(system.packed(components), len(system)) + np.diag(system.ridge(raised))
    x, c = factor.solve(right)
    left = A @ x - right
    left[: len(system.valued)] += c
    assert np.abs(left).max() < 1e-3 * np.abs(A).max() * np.abs(x).max()


def test_what_no_noise_helps_is_told(monkeypatch):
    own, _ = known("water", 3)
    system = system_of(own, group_of("water")[1])
    monkeypatch.setattr(System, "packed", lambda self, components: pack(-np.eye(len(self))))
    with pytest.raises(ArithmeticError, match=r"12 energies and forces is singular.*larger noise"):
        factored(system, components_of("water"), np.full(2, 1e-9))
