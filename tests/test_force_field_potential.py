"""Potentials from the search to the coefficients: few data, large molecules, files, checkpoints."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest
from covering import covered
from force_field_core import MOLECULES, bordered, components_of, dense, group_of, known, system_of
from force_fields import Springs
from symkernel.molecules._model import Potential, fit_potential
from symkernel.molecules._search import Hyperparameters

KINDS = ["energies", "forces", "both", "mixed"]


def fit(name="water", n=12, kind="both", seed=0, **options):
    """A potential of n structures."""
    own, R = known(name, n, kind, seed)
    numbers, _, permutations = MOLECULES[name]
    options = {"n_search": 12, "n_jobs": 1, **options}
    return fit_potential(numbers, R, own.energies, own.forces, permutations, **options)


def answers(potential, R):
    """All that a potential says of structures."""
    return [
        *potential.evaluate(R),
        *potential.deviations(R, forces=True),
        potential.covariance(R),
        potential.distances(R),
    ]


def assert_equal(one, other, R):
    for a, b in zip(answers(one, R), answers(other, R), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def test_structures():
    return known("water", 6, seed=7)[1]


@pytest.fixture(scope="module")
def potential():
    return fit()


# ---- what is predicted --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_those_of_a_dense_fit(kind):
    own, R = known("ammonia", 9, kind)
    numbers, _, permutations = MOLECULES["ammonia"]
    _, pairs = group_of("ammonia")
    hyperparameters = Hyperparameters(components_of("ammonia", "free"), np.array([1e-4, 1e-2]))
    shift = 1234.5  # a constant that is fitted
    potential = fit_potential(
        numbers,
        R,
        own.energies + shift,
        own.forces,
        permutations,
        hyperparameters=hyperparameters,
    )
    system = system_of(own, pairs)
    A = dense(hyperparameters.components, pairs, system, R)
    A = A + np.diag(system.ridge(hyperparameters.noise))
    x, c = bordered(A, system.targets(own.energies, own.forces)[:, None], len(system.valued))
    test, S = known("ammonia", 3, seed=5)
    other = system_of(test, pairs)
    rows = (dense(hyperparameters.components, pairs, other, S, system, R) @ x)[:, 0]
    energies, forces = potential.evaluate(S)
    offset = 0.0 if kind == "forces" else shift + c[0]
    np.testing.assert_allclose(energies, rows[:3] + offset, rtol=1e-9, atol=1e-7)
    for i in range(3):
        want = -other.turned(i, rows[other.rows_of(i)[1:]])
        np.testing.assert_allclose(forces[i], want, atol=1e-7 * np.abs(want).max())
    np.testing.assert_array_equal(potential.evaluate(S, forces=False)[0], energies)
    assert potential.evaluate(S, forces=False)[1] is None


@covered(
    "solver, name, n, kind",
    itertools.product(["cholesky", "pcg"], ["hydrogen", "water"], [1, 2, 3, 5], KINDS),
)
def test_few_structures_make_a_model(solver, name, n, kind):
    if kind == "mixed" and n == 1:
        kind = "both"
    own, R = known(name, n, kind)
    if np.isnan(own.energies).all() and np.isnan(own.forces).all():
        pytest.skip("of this structure nothing is known")
    potential = fit(name, n, kind, solver=solver)
    assert potential.n_structures == n
    energies, forces = potential.evaluate(R)
    assert np.isfinite(forces).all()
    seen = own.valued
    size = max(own.energies[seen].std(), 1e-3) if seen.any() else 0.0
    np.testing.assert_allclose(energies[seen], own.energies[seen], atol=0.05 * size)
    if own.sloped.any():
        size = np.abs(own.forces[own.sloped]).max()
        np.testing.assert_allclose(forces[own.sloped], own.forces[own.sloped], atol=0.05 * size)
    far = known(name, 4, seed=3, spread=0.2)[1]
    for found in answers(potential, far):
        assert np.isfinite(found).all()
    assert (potential.deviations(far)[0] > 0.0).all()


@pytest.mark.parametrize("name", ["carbon dioxide", "benzene"])
def test_structures_on_a_line_and_in_a_plane(name):
    _, R = known(name, 1, spread=0.0)
    numbers, rest, permutations = MOLECULES[name]
    stretched = 1.0 + 0.02 * np.arange(4)[:, None, None]
    R = R * stretched
    E, F = Springs(numbers, rest)(R)
    options = {"hyperparameters": Hyperparameters(components_of(name), np.array([1e-8, 1e-6]))}
    found = fit_potential(numbers, R, E, F, permutations, **options)
    energies, forces = found.evaluate(R)
    np.testing.assert_allclose(energies, E, atol=1e-3)
    np.testing.assert_allclose(forces, F, atol=1e-2)
    assert np.isfinite(found.deviations(R, forces=True)[1]).all()


@pytest.mark.parametrize("heavy, count", [(8, 8), (26, 1)])
def test_large_molecules(heavy, count):
    """Of more than 24 atoms only the heavy ones are centres, and of more than 24 of these none."""
    numbers = np.repeat([6, 1], [heavy, 28 - heavy])
    grid = np.stack(np.meshgrid(*[1.5 * np.arange(4)] * 3), axis=-1).reshape(-1, 3)[:28]
    molecule = Springs(numbers, grid)
    frames = molecule.frames(10, spread=0.03)
    permutations = np.arange(28)[None]
    found = fit_potential(
        numbers,
        frames.positions,
        frames.energies,
        frames.forces,
        permutations,
        n_search=4,
        random_state=1,
    )
    assert found.summary["n_components"] == count
    assert found.summary["n_rows"] == 10 * (1 + 3 * 28 - 6)
    forces = found.evaluate(frames.positions)[1]
    assert np.abs(forces - frames.forces).max() < 0.1 * np.abs(frames.forces).max()


def test_what_was_raised_and_found_is_told():
    own, R = known("water", 12)
    numbers, _, permutations = MOLECULES["water"]
    again = np.arange(24) % 12
    hyperparameters = Hyperparameters(components_of("water"), np.full(2, 1e-18))
    found = fit_potential(
        numbers,
        R[again],
        own.energies[again],
        own.forces[again],
        permutations,
        hyperparameters=hyperparameters,
    )
    assert min(found.summary["noise"]) > 1e-18
    np.testing.assert_array_equal(found.hyperparameters.noise, found.summary["noise"])
    test, S = known("water", 6, seed=7)
    energies, _ = found.evaluate(S)
    assert np.abs(energies - test.energies - (energies - test.energies).mean()).max() < 0.1
    assert all(np.isfinite(part).all() for part in found.deviations(S, forces=True))
    assert np.median(found.distances(R)) < 1e-3 < np.median(found.distances(S)) < 1e3


# ---- distances ----------------------------------------------------------------------------------


def test_distances_are_to_the_nearest_under_the_group(potential, test_structures):
    _, R = known("water", 12)
    _, pairs = group_of("water")
    own = potential.hyperparameters.components
    W = own.amplitudes @ own.metrics / own.amplitudes.sum()

    def between(A, B):
        x, y = (1.0 / np.linalg.norm(P[:, [0, 0, 1]] - P[:, [1, 2, 2]], axis=2) for P in (A, B))
        d = x[:, pairs][:, :, None] - y[None, None]
        return (W * d**2).sum(axis=-1).min(axis=1)

    among = between(R, R)
    unit = np.median((among + np.diag(np.full(12, np.inf))).min(axis=1))
    want = np.sqrt(between(test_structures, R).min(axis=1) / unit)
    np.testing.assert_allclose(potential.distances(test_structures), want, rtol=1e-6)


# ---- files, copies, checkpoints -----------------------------------------------------------------


def test_states_and_copies_give_equal_digits(potential, test_structures):
    state = {name: np.asarray(value) for name, value in potential.state().items()}
    assert not any(value.dtype == object for value in state.values())
    answers(potential, test_structures)  # what is derived is not copied
    for again in (
        Potential.from_state(state),
        pickle.loads(pickle.dumps(potential)),
        copy.deepcopy(potential),
    ):
        assert "_posterior" not in vars(again)
        assert_equal(again, potential, test_structures)
        for name, value in again.state().items():
            np.testing.assert_array_equal(value, state[name])


class Interrupted:
    """Raise KeyboardInterrupt after some steps of a stage."""

    def __init__(self, stage, steps):
        self._stage, self._left = stage, steps

    def __call__(self, stage, done, total, message):
        self._left -= stage == self._stage
        if self._left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stage, steps", [("search", 7), ("iterations", 1), ("iterations", 13)])
def test_an_interrupted_fit_goes_on(tmp_path, monkeypatch, test_structures, stage, steps):
    path = tmp_path / "water.state"
    options = {"n": 60, "solver": "pcg", "noise": 1e-6}
    searched = []
    monkeypatch.setattr("symkernel.molecules._solve._FEW", 8)  # a weak preconditioner
    monkeypatch.setattr("symkernel.molecules._solve._RANK", 0.0)
    whole = fit(**options)
    assert whole.summary["iterations"] > 13
    with pytest.raises(KeyboardInterrupt):
        fit(**options, checkpoint=path, progress=Interrupted(stage, steps))
    assert path.exists() == (stage == "iterations")
    assert (tmp_path / "water.state.iterations").exists() == (steps == 13)
    again = fit(**options, checkpoint=path, progress=lambda *words: searched.append(words[0]))
    assert ("search" in searched) == (stage == "search")  # is not done twice
    if steps == 13:
        assert searched.count("iterations") == whole.summary["iterations"] - 10
    assert list(tmp_path.iterdir()) == []
    assert_equal(again, whole, test_structures)


@pytest.mark.parametrize("change", ["energies", "permutations", "noise", "hyperparameters"])
def test_checkpoints_of_other_fits_are_refused(tmp_path, change):
    path = tmp_path / "state"
    own, R = known("water", 12)
    numbers, _, permutations = MOLECULES["water"]
    given = [numbers, R, own.energies, own.forces, permutations]
    options = {"n_search": 8, "checkpoint": path, "solver": "cholesky"}
    with pytest.raises(KeyboardInterrupt):
        fit_potential(*given, **options, progress=Interrupted("factor", 1))
    if change == "energies":
        given[2] = given[2] * 2.0
    elif change == "permutations":
        given[4] = permutations[:1]
    elif change == "noise":
        options["noise"] = 1e-6
    else:
        options["hyperparameters"] = Hyperparameters(components_of("water"), np.full(2, 1e-4))
    with pytest.raises(ValueError, match="delete it to start anew"):
        fit_potential(*given, **options, progress=Interrupted("factor", 1))
