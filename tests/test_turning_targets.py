"""Targets that turn with their samples, given to models that are invariant."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, InvariantKernelRidge, InvariantKernelRidgeCV, groups
from symkernel.estimators._turning_features import fields_of, vectors_of
from symkernel.estimators._turning_targets import turning_share, turns_of
from symkernel.groups import SE, SO, E, O, PointGroup, SignFlips, Symmetric

P = 5
SHAPE = (P, 3)
ALONE = SE(3).along(1, SHAPE)
SWAPPED = Symmetric(P).along(0, SHAPE) * O(3).along(1, SHAPE)
SQUARE = groups.MatrixGroup([[[0, -1], [1, 0]], [[1, 0], [0, -1]]])
TURNING = {
    "SE(3)": ALONE,
    "E(3)": E(3).along(1, SHAPE),
    "S5 x O(3)": SWAPPED,
    "columns are points": SO(3).along(0, (3, P)),
    "octahedral x Young": groups.Young("CCHHH").along(0, SHAPE) * PointGroup("O").along(1, SHAPE),
    "one vector": SO(3),
    "tetrahedral": PointGroup("Td"),
    "about an axis": PointGroup("C3"),
    "plane": SO(2).along(1, (4, 2)),
    "plane with mirrors": O(2),
    "square": SQUARE.along(1, (4, 2)),
    "flips": SignFlips(3),
}
OTHERS = {
    "permutations": groups.Symmetric(3),
    "cyclic": groups.Cyclic(6),
    "two rotations": SO(3).along(0, (3, 3)) * SO(3).along(1, (3, 3)),
    "angles": groups.Torus(2),
    "four dimensions": SO(4),
    "some columns": SO(2).on([0, 1]).bind(3),
    "many elements": groups.MatrixGroup(
        [[[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]] for a in [2 * np.pi / 1201]]
    ),
    "trivial": groups.Trivial(3),
}


def share(group, X, y):
    X, y = np.reshape(X, (len(X), -1)), np.reshape(y, (len(y), -1))
    turns = turns_of(group)
    whole = y.shape[1] == turns.points.size and len(turns.points) > 1
    return turning_share(turns, group.structure.centred(X), y, whole)


def pairs(X):
    return np.linalg.norm(X[:, :, None] - X[:, None], axis=3)


def dipoles(X):
    """Of point charges that fall with the distance from the middle."""
    R = X - X.mean(axis=1, keepdims=True)
    return np.einsum("np,npa->na", np.exp(-np.linalg.norm(R, axis=2)), R)


def forces(X):
    return np.einsum("npq,npqa->npa", np.exp(-(pairs(X) ** 2) / 2), X[:, :, None] - X[:, None])


def field(X):
    return 4 * X**3 + X * ((X**2).sum(1, keepdims=True) - X**2)


def clouds(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, *SHAPE))


# ---- the mathematics ----------------------------------------------------------------------------


def test_moments_are_means_over_groups():
    """Rotations of the cube have the second moments of all rotations, five turns those of SO(2)."""
    turns = 2 * np.pi * np.arange(5) / 5
    c, s = np.cos(turns), np.sin(turns)
    five = np.array([[c, -s], [s, c]]).transpose(2, 0, 1)
    both = np.concatenate([five, five @ np.diag([1.0, -1.0])])
    cube = np.stack([g.as_matrix() for g in PointGroup("O").elements()])
    for group, maps in [
        (SO(2), five),
        (O(2), both),
        (SO(3), cube),
        (O(3), np.concatenate([cube, -cube])),
        (PointGroup("O"), cube),
        (SignFlips(3), np.stack([np.diag(s) for s in np.ndindex(2, 2, 2)]) * 2 - np.eye(3)),
    ]:
        found = turns_of(group)
        want = np.mean([np.outer(h, h) for h in maps], axis=0)
        np.testing.assert_allclose(found.moments, want, atol=1e-14, err_msg=repr(group))
        np.testing.assert_allclose(found.stays, maps.mean(axis=0), atol=1e-14)
        assert found.proper == (np.linalg.det(maps) > 0).all()


@pytest.mark.parametrize("name", TURNING)
def test_vectors_turn(name):
    group = TURNING[name]
    turns = turns_of(group)
    X = group.structure.centred(np.random.default_rng(0).standard_normal((9, group.degree)))
    rest = group.structure.rest
    for g in rest.sample(3, random_state=1):
        moved = np.stack([g.apply(X)])[0]
        (one,) = groups.Representation("vector").matrices(rest, [g])
        (every,) = groups.Representation("same").matrices(rest, [g])
        words = turns.labels, turns.maps, turns.proper
        for before, after in zip(
            vectors_of(X[:, turns.points], *words),
            vectors_of(moved[:, turns.points], *words),
            strict=True,
        ):
            # the principal sum has any sign
            same = np.abs(after - before @ one.T).max(axis=(0, 2)) < 1e-10
            opposite = np.abs(after + before @ one.T).max(axis=(0, 2)) < 1e-10
            assert (same | opposite).all() and same[: len(np.unique(turns.labels))].all()
        before = fields_of(X[:, turns.points], turns.labels, turns.proper)
        after = fields_of(moved[:, turns.points], turns.labels, turns.proper)
        flat = np.zeros((9, before.shape[1], group.degree))
        flat[:, :, turns.points] = before
        np.testing.assert_allclose(after, (flat @ every.T)[:, :, turns.points], atol=1e-10)


@pytest.mark.parametrize("name", OTHERS)
def test_other_groups_are_left_alone(name):
    assert turns_of(OTHERS[name]) is None


def test_the_chance_of_an_alarm_is_bounded():
    """Few samples, targets with heavy tails that know the samples but not how they are turned."""
    rng = np.random.default_rng(0)
    turns = turns_of(SO(3).along(1, (2, 3)))
    for _ in range(1000):
        X = rng.standard_normal((24, 2, 3))
        lengths = np.linalg.norm(X, axis=2)
        y = rng.standard_cauchy((24, 3)) * lengths.prod(axis=1, keepdims=True) ** 3
        assert turning_share(turns, X.reshape(24, 6), y, False) == 0.0


# ---- what turns ---------------------------------------------------------------------------------

R3 = np.random.default_rng(0).uniform(-1, 1, (100, 3))
PLANE = np.random.default_rng(1).standard_normal((100, 2))
CLOUDS = clouds(100)
CASES = {
    "dipoles": (ALONE, CLOUDS, np.einsum("p,npa->na", [1, -0.7, 0.4, -0.5, -0.2], CLOUDS)),
    "dipoles of like points": (SWAPPED, CLOUDS, dipoles(CLOUDS)),
    "angular momenta": (
        SO(3).along(1, (2, 3)),
        CLOUDS[:, :2],
        np.cross(*CLOUDS[:, :2].swapaxes(0, 1)),
    ),
    "forces": (ALONE, CLOUDS, forces(CLOUDS)),
    "forces of like points": (SWAPPED, CLOUDS, forces(CLOUDS)),
    "the same": (SWAPPED, CLOUDS, CLOUDS),
    "a field on the cube": (PointGroup("O"), R3, field(R3)),
    "yz, zx, xy": (PointGroup("Td"), R3, R3[:, [1, 2, 0]] * R3[:, [2, 0, 1]]),
    "velocities of a vortex": (SO(2), PLANE, np.stack([-PLANE[:, 1], PLANE[:, 0]], axis=1)),
    "velocities in a square": (SQUARE, R3[:, :2], R3[:, :2] ** 3),
    "cubes": (
        SignFlips(3),
        np.concatenate([R3, R3[:, ::-1]]),
        np.concatenate([R3, R3[:, ::-1]]) ** 3,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_targets_that_turn_are_told(name):
    group, X, y = CASES[name]
    whole = y.size == X.size and X.ndim == 3
    y = y.reshape(len(y), -1)
    output = "same" if whole else "vector"
    match = f'(?s)y turns with the samples.*% of its variance.*Ridge.*output="{output}"'
    with pytest.warns(UserWarning, match=match) as caught:
        InvariantKernelRidge(0.1, group=group).fit(X, y)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert share(group, X, y) > 0.6
    rng = np.random.default_rng(3)
    assert share(group, X, rng.permutation(y)) == 0.0
    noisy = y + y.std() * rng.standard_normal(y.shape)
    more = share(group, X, noisy)
    assert more == 0.0 or 0.2 < more < 0.8


def test_both_estimators_and_all_kinds_of_input():
    X, y = CLOUDS, dipoles(CLOUDS)
    rows = X.reshape(100, -1)
    match = "y turns with the samples"
    with pytest.warns(UserWarning, match=match) as caught:
        search = InvariantKernelRidgeCV([0.1], [0.1], group=SWAPPED, refit=False).fit(X, y)
    assert caught[0].filename == __file__ and search.alpha_ == 0.1
    with pytest.warns(UserWarning, match=match):
        InvariantKernelRidge(kernel=InvariantKernel(RBF(2.0), SWAPPED)).fit(rows, y)
    with pytest.warns(UserWarning, match=match):
        InvariantKernelRidge(group=SWAPPED, normalize_y=True).fit(
            pd.DataFrame(rows), pd.DataFrame(y)
        )
    with pytest.warns(UserWarning, match=match):
        InvariantKernelRidge(group=SWAPPED).fit(rows.astype(np.float32), y.astype(np.float32))
    weights = np.where(np.arange(100) % 2, 1.0, 0.0)
    wrong = np.where(
        weights[:, None] > 0, y, 1e6 * np.random.default_rng(0).standard_normal(y.shape)
    )
    with pytest.warns(UserWarning, match=match):
        InvariantKernelRidge(group=SWAPPED).fit(rows, wrong, weights)


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e8, 1e100])
def test_units_make_no_difference(scale):
    X, y = CLOUDS[:60], dipoles(CLOUDS[:60])
    want = share(SWAPPED, X, y)
    assert want > 0.6
    assert share(SWAPPED, scale * X, y / scale) == pytest.approx(want, rel=1e-6)
    g = SWAPPED.sample(1, random_state=0)[0]
    (rho,) = groups.Representation("vector").matrices(SWAPPED, [g])
    moved = g.apply(X.reshape(60, -1))
    assert share(SWAPPED, moved, y @ rho.T) == pytest.approx(want, rel=1e-6)


# ---- what does not ------------------------------------------------------------------------------


def energies(X):
    D = pairs(X)
    return np.stack([np.exp(-(D**2)).sum((1, 2)), (D**2).sum((1, 2)), D.max((1, 2))], axis=1)


def water(rng, n, size):
    """Structures that are all oriented alike."""
    rest = np.array([[0, 0, 0.1], [0.76, 0, -0.5], [-0.76, 0, -0.5]])
    return rest + size * rng.standard_normal((n, 3, 3))


@pytest.mark.parametrize(
    ("n", "seeds"),
    [
        (20, 40),
        (60, 30),
        *(pytest.param(n, 200, marks=pytest.mark.full) for n in (20, 60, 200)),
    ],
)
def test_no_false_alarms(n, seeds):
    molecule = SE(3).along(1, (3, 3))
    for seed in range(seeds):
        rng = np.random.default_rng([n, seed])
        X = rng.standard_normal((n, *SHAPE))
        for group in (ALONE, SWAPPED):
            assert share(group, X, rng.standard_normal((n, 3))) == 0.0
            assert share(group, X, 100 + energies(X)) == 0.0
            assert share(group, X, rng.standard_normal((n, *SHAPE))) == 0.0
        W = water(rng, n, 0.02 + 0.3 * rng.uniform())
        bonds = pairs(W)[:, [0, 0, 1], [1, 2, 2]]
        assert share(molecule, W, bonds) < 0.1
        assert share(molecule, W, np.exp(-bonds) * bonds[:, ::-1]) < 0.1
        U = rng.uniform(-1, 1, (n, 3))
        assert share(PointGroup("O"), U, np.sort(np.abs(U), axis=1)) == 0.0
        assert share(PointGroup("C3"), U, U[:, 2:] * [1, 2, 3]) == 0.0
        V = rng.standard_normal((n, 2))
        r = np.linalg.norm(V, axis=1)
        assert share(SO(2), V, np.stack([r, np.sin(3 * r)], axis=1)) == 0.0


def test_targets_that_know_the_axes_of_space_are_no_vectors():
    """y = C v with a matrix C: in part it follows v, but as much of it does not."""
    assert share(SO(2), PLANE, PLANE) > 0.9
    assert share(SO(2), PLANE, PLANE * [1.0, 0.2]) == 0.0
    assert share(PointGroup("O"), R3, R3) > 0.9
    assert share(PointGroup("O"), R3, R3[:, :1] * [1.0, 0.0, 0.0]) == 0.0
    assert share(ALONE, CLOUDS, CLOUDS[:, 1] * [1.0, 0.0, 0.3]) == 0.0


def test_nothing_is_said_where_there_is_nothing_to_say():
    rng = np.random.default_rng(0)
    X = CLOUDS.reshape(100, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = InvariantKernelRidge(1.0, group=SWAPPED)
        model.fit(X, energies(CLOUDS)[:, 0])
        model.fit(X, energies(CLOUDS))
        model.fit(X, energies(CLOUDS)[:, :2])
        model.fit(X, np.ones((100, 3)))
        model.fit(np.zeros_like(X), rng.standard_normal((100, 3)))
        for n in range(1, 12):
            model.fit(X[:n], dipoles(CLOUDS[:n]))
        one = np.zeros((20, 3))
        one[3] = 1.0
        model.fit(X[:20], one)
        model.fit(X[[0] * 20], one)
        InvariantKernelRidge(1.0, group=groups.Symmetric(3)).fit(R3, R3)
        InvariantKernelRidge(1.0).fit(X, dipoles(CLOUDS))  # nothing is invariant


def test_bad_input_is_refused_as_ever():
    X, y = CLOUDS.reshape(100, -1).copy(), dipoles(CLOUDS)
    model = InvariantKernelRidge(group=SWAPPED)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X, np.where(np.arange(3) == 1, np.nan, y))
    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :12], y)
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X, y)
