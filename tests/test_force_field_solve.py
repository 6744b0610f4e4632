"""Coefficients, structures left out, and how sure a potential is, against dense formulas."""

from __future__ import annotations

import numpy as np
import pytest
from force_field_core import bordered, components_of, dense, group_of, known, system_of
from sklearn.exceptions import ConvergenceWarning
from symkernel.molecules._geometry import Geometry
from symkernel.molecules._posterior import Posterior
from symkernel.molecules._search import Hyperparameters, Known
from symkernel.molecules._solve import _Operator, solve

KINDS = ["energies", "forces", "both", "mixed"]
NOISE = np.array([1e-4, 1e-2])


def problem(name="water", n=8, kind="both", noise=NOISE, seed=0):
    """Known structures, their positions, group and system, and hyperparameters."""
    (own, R), (_, pairs) = known(name, n, kind, seed), group_of(name)
    return own, R, pairs, system_of(own, pairs), Hyperparameters(components_of(name), noise)


def fitted(own, R, pairs, hyperparameters):
    """Coefficients and constant by a dense solve, and the matrix."""
    system = system_of(own, pairs)
    A = dense(hyperparameters.components, pairs, system, R)
    A = A + np.diag(system.ridge(hyperparameters.noise))
    y = system.targets(own.energies, own.forces)
    x, c = bordered(A, y[:, None], len(system.valued))
    return x[:, 0], c[0], A


# ---- coefficients -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["hydrogen", "water", "carbon dioxide"])
def test_coefficients_by_cholesky(name, kind):
    own, R, pairs, system, hyperparameters = problem(name, kind=kind)
    got = solve(system, own, hyperparameters, np.arange(0), solver="cholesky")
    x, c, _ = fitted(own, R, pairs, hyperparameters)
    np.testing.assert_allclose(got.coefficients, x, rtol=1e-7, atol=1e-9 * np.abs(x).max())
    np.testing.assert_allclose(got.constant, c, rtol=1e-7, atol=1e-9)
    assert got.solver == "cholesky" and got.left_out == {} and got.errors(system) == {}
    np.testing.assert_array_equal(got.noise, NOISE)


@pytest.mark.parametrize("kind", KINDS)
def test_structures_left_out_are_those_of_refits(kind):
    own, R, pairs, system, hyperparameters = problem("ammonia", 9, kind)
    got = solve(system, own, hyperparameters, np.arange(9), solver="cholesky")
    assert len(got.left_out) >= 4
    energies, forces = [], []
    for i, residuals in got.left_out.items():
        rest = np.delete(np.arange(9), i)
        part = own.take(rest)
        x, c, _ = fitted(part, R[rest], pairs, hyperparameters)
        one = own.take(np.array([i]))
        left = system_of(one, pairs)
        K = dense(hyperparameters.components, pairs, left, R[[i]], system_of(part, pairs), R[rest])
        want = left.targets(one.energies, one.forces) - K @ x
        want[: len(left.valued)] -= c
        np.testing.assert_allclose(residuals, want, rtol=1e-6, atol=1e-8)
        energies.extend(np.abs(want[: len(left.valued)]))
        if len(left.sloped):
            forces.append(np.abs(left.turned(0, want[len(left.valued) :])))
    told = got.errors(system)
    assert set(told) == {
        *(["left_out_energy_error"] if energies else []),
        *(["left_out_force_error"] if forces else []),
    }
    if energies:
        assert told["left_out_energy_error"] == pytest.approx(np.mean(energies), rel=1e-6)
    if forces:
        assert told["left_out_force_error"] == pytest.approx(np.mean(forces), rel=1e-6)


def test_the_only_energy_is_not_left_out():
    own, _, pairs, _, hyperparameters = problem("water", 12, "forces")
    own.energies[3] = 1.0
    system = system_of(own, pairs)
    found = solve(system, own, hyperparameters, np.array([1, 3, 5]), solver="cholesky")
    assert list(found.left_out) == [1, 5]
    assert all(np.isfinite(residuals).all() for residuals in found.left_out.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 8, 40])
def test_conjugate_gradients_find_the_same_function(n, kind):
    own, _, _, system, hyperparameters = problem("water", n, kind, NOISE * 1e-2)
    exact = solve(system, own, hyperparameters, np.arange(0), solver="cholesky")
    found = solve(system, own, hyperparameters, np.arange(0), solver="pcg")
    test, _ = known("water", 30, seed=4)
    errors, functions = [], []
    for one in (exact, found):
        function = system.function(hyperparameters.components, one.coefficients)
        values, slopes = function(test.geometry.features)
        forces = -test.geometry.to_positions(slopes)
        shift = 0.0 if kind == "forces" else one.constant
        functions.append((values + shift, forces))
        errors.append(
            (
                np.sqrt(np.mean((values + shift - test.energies) ** 2)),
                np.sqrt(np.mean((forces - test.forces) ** 2)),
            )
        )
    np.testing.assert_allclose(errors[1], errors[0], rtol=0.01)
    for (one, other), size in zip(
        zip(*functions, strict=True), (test.energies, test.forces), strict=True
    ):
        np.testing.assert_allclose(other, one, atol=2e-3 * size.std())
    assert found.solver == "pcg" and found.told["residual"] <= 5e-5
    assert found.told["iterations"] <= 1000 and found.left_out == {}


@pytest.mark.parametrize("kind", KINDS)
def test_the_matrix_among_coefficients_that_add_up_to_zero(kind):
    _, R, pairs, system, hyperparameters = problem("water", 7, kind)
    operator = _Operator(system, hyperparameters.components)
    N, count = len(system), len(system.valued)
    P = np.eye(N)
    if count:
        P[:count, :count] -= 1.0 / count
    want = P @ dense(hyperparameters.components, pairs, system, R) @ P
    close = {"rtol": 0, "atol": 1e-12 * np.abs(want).max()}
    V = np.random.default_rng(0).normal(size=(N, 3))
    assert len(operator) == N
    np.testing.assert_allclose(operator.centred(V), P @ V, atol=1e-14)
    np.testing.assert_allclose(operator.matvec(V), want @ V, rtol=0, atol=1e-10)
    np.testing.assert_allclose(operator.diag(), np.diagonal(want), **close)
    drawn = np.random.default_rng(0).permutation(N)[:5]
    np.testing.assert_allclose(operator.columns(drawn), want[:, drawn], **close)
    np.testing.assert_allclose(operator.block(drawn), want[np.ix_(drawn, drawn)], **close)


def test_gradients_that_do_not_converge_are_told(monkeypatch):
    own, _, _, system, hyperparameters = problem("water", 30, noise=NOISE * 1e-8)
    monkeypatch.setattr("symkernel.molecules._solve._ITERATIONS", 1)
    monkeypatch.setattr("symkernel.molecules._solve._FEW", 0)
    with pytest.warns(ConvergenceWarning, match="stopped after 1 iterations"):
        found = solve(system, own, hyperparameters, np.arange(0), solver="pcg")
    assert found.told["iterations"] == 1


def test_auto_goes_by_memory(monkeypatch):
    own, _, _, system, hyperparameters = problem()
    for free, solver in ((None, "cholesky"), (10**9, "cholesky"), (10, "pcg")):
        monkeypatch.setattr("symkernel.molecules._solve.available_bytes", lambda free=free: free)
        assert solve(system, own, hyperparameters, np.arange(0)).solver == solver


def test_repeated_structures_raise_the_noise():
    own, R, pairs, _, _ = problem("water", 5)
    again = own.take(np.arange(10) % 5)
    hyperparameters = Hyperparameters(components_of("water"), np.full(2, 1e-18))
    found = solve(system_of(again, pairs), again, hyperparameters, np.arange(0))
    assert (found.noise > 1e-18).all()
    x, c, _ = fitted(own, R, pairs, Hyperparameters(hyperparameters.components, found.noise))
    test = Geometry(known("water", 9, seed=4)[1]).features
    want = system_of(own, pairs).function(hyperparameters.components, x)(test)[0] + c
    got = system_of(again, pairs).function(hyperparameters.components, found.coefficients)(test)[0]
    np.testing.assert_allclose(got + found.constant, want, atol=1e-4 * own.energies.std())


# ---- posterior ----------------------------------------------------------------------------------


def posterior_of(own, R, pairs, hyperparameters, system, S):
    """Covariances of the rows of a system, given what is known, by a dense bordered inverse."""
    x_of = system_of(own, pairs)
    components = hyperparameters.components
    A = dense(components, pairs, x_of, R) + np.diag(x_of.ridge(hyperparameters.noise))
    cross = dense(components, pairs, system, S, x_of, R)
    ones = (np.arange(len(system)) < len(system.valued)).astype(float)
    x, c = bordered(A, cross.T, len(x_of.valued), ones)
    return dense(components, pairs, system, S) - cross @ x - np.outer(ones, c)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["hydrogen", "water", "ammonia"])
def test_variances_are_those_of_dense_formulas(name, kind):
    own, R, pairs, _, hyperparameters = problem(name, 5, kind)
    posterior = Posterior(own, pairs, hyperparameters, None)
    test, S = known(name, 3, seed=6, spread=0.1)
    system = system_of(test, pairs)
    want = posterior_of(own, R, pairs, hyperparameters, system, S)
    values, none = posterior.variances(test.geometry, False)
    scale = np.abs(want[:3, :3]).max()
    np.testing.assert_allclose(values, np.diagonal(want)[:3], atol=1e-7 * scale)
    assert none is None
    np.testing.assert_allclose(posterior.covariance(test.geometry), want[:3, :3], atol=1e-7 * scale)
    again, slopes = posterior.variances(test.geometry, True)
    np.testing.assert_allclose(again, values, rtol=1e-9, atol=1e-9 * scale)
    for i in range(3):
        rows = system.rows_of(i)[1:]
        basis = system.turned(i, np.eye(system.m)).reshape(system.m, -1)
        own_part = np.diagonal(basis.T @ want[np.ix_(rows, rows)] @ basis)
        np.testing.assert_allclose(
            slopes[i].ravel(), own_part, atol=1e-7 * np.abs(want[rows][:, rows]).max()
        )


def test_a_constant_has_no_prior():
    """Of one energy nothing but the constant is known: covariances are those of differences."""
    own, _, pairs, _, hyperparameters = problem("water", 1, "energies", np.full(2, 1e-12))
    posterior = Posterior(own, pairs, hyperparameters, None)
    assert posterior.variances(own.geometry, False)[0] < 1e-9
    test, _ = known("water", 4, seed=6)
    both = Known(
        Geometry(np.concatenate([known("water", 1)[1], known("water", 4, seed=6)[1]])),
        np.zeros(5),
        np.full((5, 3, 3), np.nan),
    )
    system = system_of(both, pairs)
    K = system.rows(hyperparameters.components, np.arange(5))
    want = K[1:, 1:] - K[1:, :1] - K[:1, 1:] + K[0, 0]
    np.testing.assert_allclose(posterior.covariance(test.geometry), want, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_residuals_of_others_are_those_of_a_fit(kind):
    own, R, pairs, system, hyperparameters = problem("water", 9, kind)
    kept, others = np.arange(6), np.array([7, 8])
    part = own.take(kept)
    posterior = Posterior(part, pairs, hyperparameters, None)
    x, c, _ = fitted(part, R[kept], pairs, hyperparameters)
    K = dense(hyperparameters.components, pairs, system, R, system_of(part, pairs), R[kept])
    want = system.targets(own.energies, own.forces) - K @ x
    want[: len(system.valued)] -= c
    found = posterior.left_out(system, own, others)
    assert set(found) == {int(i) for i in others if len(system.rows_of(i))}
    for i, residuals in found.items():
        np.testing.assert_allclose(residuals, want[system.rows_of(i)], rtol=1e-6, atol=1e-8)


def test_scales_make_residuals_of_unit_variance():
    own, R, pairs, system, hyperparameters = problem("water", 12)
    posterior = Posterior(own.take(np.arange(6)), pairs, hyperparameters, None)
    others = np.arange(6, 12)
    found = posterior.left_out(system, own, others)
    ratios = ([], [])
    for i in others:
        one = own.take(np.array([i]))
        left = system_of(one, pairs)
        given = posterior_of(own.take(np.arange(6)), R[:6], pairs, hyperparameters, left, R[[i]])
        variances = np.diagonal(given) + left.ridge(hyperparameters.noise)
        squares = found[int(i)] ** 2 / variances
        ratios[0].extend(squares[:1])
        ratios[1].extend(squares[1:])
    want = [np.sqrt(np.mean(part)) for part in ratios]
    np.testing.assert_allclose(posterior.scales(system, found), want, rtol=1e-6)


def test_scales_of_too_little():
    own, _, pairs, system, hyperparameters = problem("water", 12, "mixed")
    posterior = Posterior(own.take(np.arange(6)), pairs, hyperparameters, None)
    np.testing.assert_array_equal(posterior.scales(system, {}), 1.0)
    forces = {i: posterior.left_out(system, own, np.array([i]))[i] for i in (7, 10)}
    assert all(len(residuals) == 3 for residuals in forces.values())
    one, other = posterior.scales(system, forces)
    assert one == other != 1.0  # energies are scaled as forces are
