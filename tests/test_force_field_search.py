"""Errors of halves of structures, their derivatives, and the search that follows them."""

from __future__ import annotations

import itertools

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
    system_of,
)
from symkernel.molecules._geometry import Geometry
from symkernel.molecules._search import Halves, Hyperparameters, Known, _halves, _measure, search

KINDS = ["energies", "forces", "both", "mixed"]
NOISE = np.array([1e-4, 1e-2])
HALVES = [(np.array([0, 3, 1, 6]), np.array([2, 4, 5])), (np.array([5, 4, 2]), np.array([1, 0, 3]))]


def explicit(own, R, pairs, components, noise):
    """The mean of log errors of forces and 0.3 log errors of energies, by dense fits."""
    found = 0.0
    for fitted, left in HALVES:
        system = system_of(own.take(fitted), pairs)
        A = dense(components, pairs, system, R[fitted]) + np.diag(system.ridge(noise))
        y = system.targets(own.energies[fitted], own.forces[fitted])
        count = len(system.valued)
        x, c = bordered(A, y[:, None], count)
        # All energies and forces of the others, of which the known ones count.
        every = Known(Geometry(R[left]), np.zeros(len(left)), np.zeros((len(left), *R[0].shape)))
        other = system_of(every, pairs)
        rows = (dense(components, pairs, other, R[left], system, R[fitted]) @ x)[:, 0]
        energies = rows[: len(left)] + c[0] - own.energies[left]
        slopes = [other.turned(i, rows[other.rows_of(i)[1:]]) for i in range(len(left))]
        forces = -np.array(slopes) - own.forces[left]
        for residuals, share in ((forces, 1.0), (energies, 0.3)):
            seen = residuals[~np.isnan(residuals)]
            if len(seen) > 0:
                found += share * np.log((seen**2).mean()) / len(HALVES)
    return found


@pytest.mark.parametrize("name", ["water", "ammonia"])
@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_those_of_explicit_fits(kind, name):
    (own, R), (_, pairs) = known(name, 7, kind), group_of(name)
    components = components_of(name)
    got = Halves(own, HALVES, pairs, 1).error(components, NOISE)[0]
    np.testing.assert_allclose(got, explicit(own, R, pairs, components, NOISE), rtol=1e-9)


@pytest.mark.parametrize("name", ["water", "ammonia"])
@pytest.mark.parametrize("weights", ["pairs", "local", "free"])
@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_the_error(kind, weights, name):
    (own, _), (_, pairs) = known(name, 7, kind), group_of(name)
    halves = Halves(own, HALVES, pairs, 1)
    metrics, at = parametrisation(weights, name)

    def error(x):
        return halves.error(metrics.components(x[:-2]), np.exp(x[-2:]))

    x = np.append(at, np.log(NOISE))
    _, *slopes, of_noise = error(x)
    got = np.append(metrics.back(at, *slopes), of_noise)
    h = 1e-4
    want = np.empty_like(got)
    for k, e in enumerate(h * np.eye(len(x))):  # of fourth order
        near, far = (error(x + s * e)[0] - error(x - s * e)[0] for s in (1, 2))
        want[k] = (8 * near - far) / (12 * h)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7 * np.abs(want).max())
    if kind == "forces":
        assert of_noise[0] == 0.0


def test_halves_take_turns():
    own, _ = known("water", 9, "mixed")
    (first, second), (third, fourth) = _halves(own, 6, np.random.default_rng(0))
    assert sorted([*first, *second]) == sorted(np.flatnonzero(own.sloped))  # forces come first
    np.testing.assert_array_equal(first, fourth)
    np.testing.assert_array_equal(second, third)


def test_energies_are_not_judged_by_fits_without_any():
    own, _ = known("water", 7, "forces")
    own.energies[2] = 5.0  # in one half, and the other has none
    found = Halves(own, HALVES[:1], group_of("water")[1], 1).error(components_of("water"), NOISE)
    own.energies[2] = np.nan
    want = Halves(own, HALVES[:1], group_of("water")[1], 1).error(components_of("water"), NOISE)
    assert found[0] == want[0]


def test_errors_that_are_as_good_as_none_are_bounded():
    """One number that parameters can fit to the last digit."""
    own, _ = known("water", 2)
    assert abs(_measure(np.array([1e-170]), np.zeros((1, 3, 3)), [1.0, 4.0])[0] - np.log(4.0)) < 1
    part = Known(own.geometry, own.energies * [1, np.nan], own.forces * [[[np.nan]], [[1]]])
    numbers, _, permutations = MOLECULES["water"]
    found = search(part, numbers, permutations)
    assert np.isfinite(found.noise).all() and np.isfinite(found.components.metrics).all()


def test_energies_that_are_predicted_exactly_leave_the_error_finite():
    own, _ = known("water", 7)
    flat = Known(own.geometry, np.zeros(7), np.zeros_like(own.forces))
    found = Halves(flat, HALVES, group_of("water")[1], 1).error(components_of("water"), NOISE)
    assert found[0] == 0.0 and not any(np.any(slopes) for slopes in found[1:])


# ---- search -------------------------------------------------------------------------------------


@pytest.mark.parametrize("local", [True, False])
def test_a_search_lowers_the_error_and_repeats_itself(local):
    own, _ = known("water", 40)
    numbers, _, permutations = MOLECULES["water"]
    _, pairs = group_of("water")
    told = []
    options = {"n_search": 20, "local": local, "n_jobs": 1}
    found = search(own, numbers, permutations, **options, progress=lambda *all: told.append(all))
    assert len(found.components.amplitudes) == (3 if local else 1)
    again = search(own, numbers, permutations, **options)
    for name, value in found.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], value)
    halves = Halves(own, [(np.arange(20), np.arange(20, 40))], pairs, 1)
    weights, _ = parametrisation("pairs", "water")
    scale = 0.1 / own.geometry.features.var(axis=0).sum()
    begun = weights.components(weights.start(scale))
    assert halves.error(found.components, found.noise)[0] < halves.error(begun, NOISE)[0] - 1.0
    stage, done, total, message = told[-1]
    assert (stage, total) == ("search", 64 if local else 24) and 0 < done <= total
    assert message.startswith("error ") and float(message.split()[1]) > 0.0
    assert all(one[1] <= other[1] for one, other in itertools.pairwise(told))


def test_noise_that_is_given_is_kept():
    own, _ = known("water", 12)
    numbers, _, permutations = MOLECULES["water"]
    one, two = (
        search(own, numbers, permutations, n_search=8, noise=noise).noise for noise in (1e-6, 1e-4)
    )
    np.testing.assert_allclose(two / one, 100.0)


def test_a_search_raises_noise_with_which_the_matrix_is_singular():
    """Structures that repeat each other, and too little noise to begin with."""
    own, _ = known("water", 12)
    again = own.take(np.arange(24) // 2)
    numbers, _, permutations = MOLECULES["water"]
    told = []
    tell = lambda *words: told.append(words)  # noqa: E731
    found = search(again, numbers, permutations, noise=1e-19, progress=tell)
    begun = search(own.take(np.arange(1)), numbers, permutations, noise=1e-19)
    assert (found.noise > 5.0 * begun.noise).all()
    assert len(told) >= 6  # steps were taken


def test_hyperparameters_go_through_arrays():
    own = Hyperparameters(components_of("ammonia", "free"), NOISE)
    again = Hyperparameters.from_arrays({**own.arrays(), "other": np.ones(1)})
    assert again.components.kernel == own.components.kernel
    for name, value in own.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], value)


@pytest.mark.parametrize("kind", ["energies", "both"])
@pytest.mark.parametrize("same", [False, True])
def test_what_does_not_vary_begins_with_a_finite_length(kind, same):
    """One structure, or many that are the same: their distances have no spread."""
    own, _ = known("water", 1, kind)
    own = own.take(np.zeros(6 if same else 1, int))
    numbers, _, permutations = MOLECULES["water"]
    found = search(own, numbers, permutations)
    lengths = 1.0 / np.sqrt(found.components.metrics)
    assert (lengths > 1e-4).all() and (lengths < 1e3).all()
    assert (found.noise > 0.0).all() and np.isfinite(found.noise).all()
