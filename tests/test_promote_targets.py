"""Promoted symmetry of several targets: oracles, equivariant maps, and dynamics from data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator
from symkernel import lie
from symkernel.lie.logdet import RidgeData, fit_logdet, fit_logdets
from symkernel.lie.nuclear import PenalizedLeastSquares, interpolate
from symkernel.lie.penalty import PenaltyOperator
from symkernel.lie.stacked import StackedOperator
from test_lie_dynamics import ODES, Central, hopf, needs_data


def promote(*args, **parameters):
    parameters.setdefault("random_state", 0)
    return lie.SymmetryPromotingRegressor(*args, **parameters)


def span(algebra):
    return algebra.generators.reshape(algebra.dim, -1).T


def lie_derivatives(model, points, output):
    """M_w by central differences of flows: columns are fields, rows are points and targets."""
    t, columns = 1e-5, []
    algebra = model.algebra_
    for q, (A, b) in enumerate(zip(algebra.linear_parts, algebra.shifts, strict=True)):
        xi = points @ A.T + b
        slope = model.predict(points + t * xi) - model.predict(points - t * xi)
        moved = slope.reshape(len(points), -1) / (2 * t)
        if output is not None:
            moved = moved - model.predict(points).reshape(len(points), -1) @ output[q].T
        columns.append(moved.ravel() / np.sqrt(len(points)))
    return np.stack(columns, axis=1)


def sparse_fit(features, targets, threshold=0.1):
    """SINDy: least squares, without weights below the threshold, until none is."""
    weights = np.linalg.lstsq(features, targets)[0]
    for column, target in zip(weights.T, targets.T, strict=True):
        support = np.ones(len(column), bool)
        while (support & (np.abs(column) < threshold)).any():
            support &= np.abs(column) >= threshold
            column[:] = 0.0
            column[support] = np.linalg.lstsq(features[:, support], target)[0]
    return weights


# ---- the matrices of several targets -------------------------------------------------------------


@pytest.mark.parametrize("output", [None, "vector", "given"])
@pytest.mark.parametrize("penalty", ["nuclear", "log-det"])
def test_derivatives_agree_with_flows(penalty, output):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    Y = np.stack([X[:, 0] ** 2, X[:, 0] - X[:, 1], np.ones(60)][: 2 if output == "vector" else 3])
    Y = Y.T + 0.1 * rng.standard_normal((60, len(Y)))
    action = {None: None, "vector": lie.affine(2).linear_parts}.get(
        output, rng.standard_normal((6, 3, 3))
    )
    given = action if output == "given" else output
    model = promote(
        lie.monomials(2), "affine", output=given, penalty=penalty, gamma=1e-2, measure="data"
    ).fit(X, Y)
    assert model.coef_.shape == (6, Y.shape[1])
    assert model.predict(X[:3]).shape == (3, Y.shape[1])
    M = lie_derivatives(model, X, action)
    values = np.linalg.svd(M, compute_uv=False)
    slopes = np.tensordot(model.dictionary_.jacobians(X), model.coef_, ([1], [0]))
    field = np.mean(np.sum(model.algebra_.values(X) ** 2, axis=2))
    square = np.mean(np.sum(slopes**2, axis=(1, 2))) * field / 2
    if action is not None:
        square += (
            np.mean(np.sum(model.predict(X) ** 2, axis=1))
            * np.mean(np.sum(action**2, axis=(1, 2)))
            / Y.shape[1]
        )
    np.testing.assert_allclose(model.singular_values_, values / np.sqrt(square), atol=1e-8)
    moved = np.linalg.norm(M @ model.directions_.T, axis=0)
    np.testing.assert_allclose(moved, values, atol=1e-8 * values[0])


@pytest.mark.parametrize("count", [1, 3])
def test_stacked_matrices_are_those_of_each_target(count):
    rng = np.random.default_rng(count)
    single = PenaltyOperator.from_array(rng.standard_normal((5, 3, 4)))
    stacked = StackedOperator(single, count)
    W, V = rng.standard_normal((2, 4, count))
    M = stacked.apply(W)
    np.testing.assert_allclose(M, np.vstack([single.apply(w) for w in W.T]), rtol=1e-13)
    N = stacked.apply(V)
    assert np.vdot(N, M) == pytest.approx(np.vdot(stacked.adjoint(N), W), rel=1e-12)
    np.testing.assert_allclose(stacked.adjoint(M), stacked.gram @ W, atol=1e-12)
    left, right = rng.standard_normal((len(M), 2)), rng.standard_normal((2, 3))
    np.testing.assert_allclose(
        stacked.adjoint_of_product(left, right), stacked.adjoint(left @ right), atol=1e-12
    )
    np.testing.assert_allclose(single.squares(W.T[None].transpose(0, 2, 1))[0], M.T @ M)


@pytest.mark.parametrize("gamma", [0.0, 0.01, 1.0])
def test_stacked_targets_agree_with_the_problem_written_out(gamma):
    rng = np.random.default_rng(3)
    array = rng.standard_normal((4, 3, 6))
    features, targets = rng.standard_normal((5, 6)), rng.standard_normal((5, 2))
    stacked = StackedOperator(PenaltyOperator.from_array(array), 2)
    # The same with the weights of both targets in one vector.
    both = np.zeros((8, 3, 12))
    both[:4, :, :6] = both[4:, :, 6:] = array
    whole = PenaltyOperator.from_array(both)
    wide, long = np.kron(np.eye(2), features), targets.T.ravel()
    if gamma == 0:
        found = interpolate(stacked, features, targets, tol=1e-9)
        truth = interpolate(whole, wide, long, tol=1e-9)
    else:
        found = PenalizedLeastSquares(stacked, features, targets).solve(gamma, tol=1e-10)
        truth = PenalizedLeastSquares(whole, wide, long).solve(gamma, tol=1e-10)
        logdet = fit_logdet(stacked.single, features, targets, gamma, tol=1e-9).coef
        plain = fit_logdet(whole, wide, long, gamma, tol=1e-9).coef
        np.testing.assert_allclose(logdet.T.ravel(), plain, atol=1e-5)
    assert found.converged
    assert found.objective == pytest.approx(truth.objective, rel=1e-7)
    np.testing.assert_allclose(found.coef.T.ravel(), truth.coef, atol=1e-4)


def test_log_det_of_many_problems_is_that_of_each(monkeypatch):
    rng = np.random.default_rng(0)
    operator = PenaltyOperator.of_dictionary(
        lie.monomials(3, 2), lie.affine(2), rng.standard_normal((60, 2))
    )
    parts = []
    for n in (4, 30, 60):  # the first has fewer samples than weights
        X = rng.uniform(-1, 1, (n, 2))
        parts.append(
            (lie.monomials(3, 2).values(X), (X**2).sum(axis=1) + 0.05 * rng.normal(size=n))
        )
    problems = [(i, g) for g in (1.0, 1e-2, 1e-5) for i in range(3)]
    data = [RidgeData.of(*part) for part in parts]
    together = fit_logdets(operator, data, problems, max_iter=60)
    alone = [fit_logdet(operator, *parts[i], g, max_iter=60) for i, g in problems]
    monkeypatch.setattr("symkernel.lie.penalty._KEPT", 0)  # as for operators that are too large
    large = fit_logdets(operator, data, problems, max_iter=60)
    for a, b, c in zip(together, alone, large, strict=True):
        assert a.n_iter == b.n_iter
        np.testing.assert_allclose(a.coef, b.coef, atol=1e-7)
        np.testing.assert_allclose(a.coef, c.coef, atol=1e-6)


# ---- the estimator -------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("penalty", ["nuclear", "log-det"])
def test_scikit_learn_contract_with_threshold(penalty):
    check_estimator(promote(penalty=penalty, n_gammas=4, cv=2, threshold=1e-6))


def test_one_column_is_the_same_as_none():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (50, 2))
    y = (X**2).sum(axis=1) + 0.05 * rng.standard_normal(50)
    for penalty in ("nuclear", "log-det"):
        flat, column = (promote(penalty=penalty).fit(X, t) for t in (y, y[:, None]))
        assert column.predict(X).shape == (50, 1)
        np.testing.assert_array_equal(column.coef_[:, 0], flat.coef_)


def test_a_direction_is_kept_if_all_targets_keep_it():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (150, 3))
    # Both do not change along x2; only the first does not along turns about that axis.
    Y = np.stack([X[:, 0] ** 2 + X[:, 1] ** 2, X[:, 0] ** 2], axis=1)
    Y += 0.02 * rng.standard_normal(Y.shape)
    model = promote(lie.monomials(2), "special_euclidean", penalty="log-det").fit(X, Y)
    assert model.kept_.dim == 1
    np.testing.assert_allclose(np.abs(model.kept_.generators[0, :, 3]), [0, 0, 1], atol=0.05)
    first = promote(lie.monomials(2), "special_euclidean", penalty="log-det").fit(X, Y[:, 0])
    assert first.kept_.dim == 2


def test_equivariant_map_into_another_space():
    """Pairs of points in space to the square and the cross product: a scalar and a vector."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 6))
    algebra = lie.linear(3).along(1, (2, 3))
    Y = np.concatenate([(X[:, :3] ** 2).sum(1)[:, None], np.cross(X[:, :3], X[:, 3:])], axis=1)
    Y += 0.05 * rng.standard_normal(Y.shape)
    output = np.zeros((9, 4, 4))
    output[:, 1:, 1:] = algebra.linear_parts[:, :3, :3]
    model = promote(lie.monomials(2), algebra, output=output, penalty="log-det").fit(X, Y)
    assert model.kept_.dim == 3
    rotations = lie.special_orthogonal(3).along(1, (2, 3))
    assert subspace_angles(span(model.kept_), span(rotations)).max() < 0.02
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    Q *= np.linalg.det(Q)
    moved = model.predict((X.reshape(-1, 2, 3) @ Q.T).reshape(-1, 6))
    expected = model.predict(X)
    expected[:, 1:] = expected[:, 1:] @ Q.T
    np.testing.assert_allclose(moved, expected, atol=0.02 * np.abs(expected).max())


def test_nuclear_norm_interpolates_an_equivariant_map():
    # Seven samples of two times ten coefficients: the symmetry supplies the rest.
    X = np.random.default_rng(0).uniform(-1, 1, (7, 2))
    model = promote(
        lie.monomials(3), "special_orthogonal", output="vector", gamma=0.0, tol=1e-7
    ).fit(X, hopf(X))
    grid = np.random.default_rng(1).uniform(-1, 1, (50, 2))
    np.testing.assert_allclose(model.predict(X), hopf(X), atol=1e-9)
    np.testing.assert_allclose(model.predict(grid), hopf(grid), atol=1e-3)
    assert model.kept_.dim == 1


def test_candidates_have_their_own_outputs():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (80, 2))
    Y = hopf(X) + 0.01 * rng.standard_normal(X.shape)
    candidates = {"still": "special_orthogonal", "turned": "special_orthogonal"}
    outputs = {"still": None, "turned": lie.special_orthogonal(2).linear_parts}
    parameters = {"penalty": "log-det", "gammas": [1.0]}
    model = promote(lie.monomials(3), candidates, output=outputs, **parameters).fit(X, Y)
    assert model.algebra_name_ == "turned" and model.kept_.dim == 1
    with pytest.raises(ValueError, match="every candidate algebra, got none for"):
        promote(None, candidates, output={"still": None}).fit(X, Y)


@pytest.mark.parametrize("output", [None, "vector"])
@pytest.mark.parametrize("penalty", ["nuclear", "log-det"])
def test_threshold_leaves_no_small_weights(penalty, output):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (100, 2))
    Y = hopf(X) + 0.01 * rng.standard_normal(X.shape)
    model = promote(
        lie.monomials(3), output=output, penalty=penalty, gamma=1e-4, threshold=0.2
    ).fit(X, Y)
    assert ((model.coef_ == 0) | (np.abs(model.coef_) >= 0.2)).all()
    np.testing.assert_array_equal(model.coef_ != 0, sparse_fit(model.dictionary_.values(X), Y) != 0)
    empty = promote(lie.monomials(3), output=output, penalty=penalty, gamma=1e-4, threshold=1e3)
    with pytest.warns(UserWarning, match="constant: every transformation"):
        assert not empty.fit(X, Y).coef_.any()


@pytest.mark.filterwarnings("ignore:.*samples are too few")
@pytest.mark.parametrize("penalty", ["nuclear", "log-det"])
@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_few_samples_and_scales_of_targets(penalty, scale, n):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n, 2))
    Y = hopf(X) + 0.01 * rng.standard_normal(X.shape)
    small, large = (
        promote(lie.monomials(3), output="vector", penalty=penalty, n_gammas=5).fit(X, t)
        for t in (Y, scale * Y)
    )
    np.testing.assert_allclose(large.coef_ / scale, small.coef_, atol=1e-3)
    assert small.kept_.dim == large.kept_.dim


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"output": "tensor"}, ValueError, "output must be 'vector', matrices or None"),
        ({"output": np.zeros((3, 4, 4))}, ValueError, "output moves 4 targets, but y has 2"),
        ({"output": np.zeros((2, 2, 2))}, ValueError, r"output must have shape \(3, p, p\)"),
        ({"output": np.full((3, 2, 2), np.nan)}, ValueError, "output contains NaN"),
        (
            {"output": "vector", "algebra": lie.polynomial_fields(2, 2)},
            TypeError,
            "output='vector' needs an Algebra of affine fields",
        ),
        ({"threshold": -1.0}, ValueError, "threshold must be finite and not negative"),
        ({"threshold": 0.1, "gamma": 0.0}, ValueError, "threshold needs a positive gamma"),
    ],
)
def test_bad_parameters(parameters, error, message):
    X = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    with pytest.raises(error, match=message):
        promote(**parameters).fit(X, hopf(X))


def test_vectors_must_have_as_many_targets_as_features():
    X = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    with pytest.raises(ValueError, match="output moves 2 targets, but y has 1"):
        promote(output="vector").fit(X, X[:, 0])


def test_iteration_limit_is_told_for_several_targets():
    X = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        promote(lie.monomials(3), output="vector", gamma=1e-3, max_iter=3).fit(X, hopf(X))


# ---- dynamics ------------------------------------------------------------------------------------


def dynamics(name, n, seed, noise=0.01):
    """States of some system, noisy velocities, and clean ones elsewhere."""
    data = np.load(ODES)
    X, dX = data[f"{name}_X"], data[f"{name}_dX"]
    X, dX = X.reshape(-1, X.shape[-1]), dX.reshape(-1, X.shape[-1])
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(X))
    known, rest = order[:n], order[n:]
    noisy = dX[known] + noise * dX.std() * rng.standard_normal((n, X.shape[1]))
    return X[known], noisy, X[rest], dX[rest]


def errors(model, X, Y, states, speeds):
    """Root mean square errors of a promoting model, SINDy and least squares."""
    features, elsewhere = model.dictionary_.values(X), model.dictionary_.values(states)
    weights = model.coef_, sparse_fit(features, Y), np.linalg.lstsq(features, Y)[0]
    return [np.sqrt(np.mean((elsewhere @ w - speeds) ** 2)) for w in weights]


ROTATIONS = lie.special_orthogonal(3).along(1, (2, 3))


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(
    ("name", "dictionary", "algebra", "planted", "measure"),
    [
        ("hopf", lie.monomials(3), lie.affine(2), lie.special_orthogonal(2), "gaussian"),
        # 1 / r has no mean over normal points, so the states are what is averaged over.
        pytest.param(
            "kepler",
            Central(),
            lie.linear(3).along(1, (2, 3)),
            ROTATIONS,
            "data",
            marks=pytest.mark.full,
        ),
    ],
    ids=["hopf", "kepler"],
)
def test_promoted_sindy_recovers_the_rotations(name, dictionary, algebra, planted, measure):
    recovered = better = 0
    for seed in range(10):
        X, Y, states, speeds = dynamics(name, 300, seed)
        model = promote(
            dictionary,
            algebra,
            output="vector",
            penalty="log-det",
            measure=measure,
            threshold=0.1,
            random_state=seed,
        ).fit(X, Y)
        right = model.kept_.dim == planted.dim
        recovered += right and subspace_angles(span(model.kept_), span(planted)).max() < 0.01
        promoted, sindy, least = errors(model, X, Y, states, speeds)
        better += promoted < min(sindy, least)
    assert recovered >= 9
    assert better >= 9


@pytest.mark.data
@needs_data
def test_lorenz_keeps_none():
    for seed in range(3):
        X, Y, states, speeds = dynamics("lorenz", 300, seed)
        model = promote(
            lie.monomials(2), lie.affine(3), output="vector", penalty="log-det", threshold=0.1
        ).fit(X, Y)
        assert model.kept_.dim == 0
        promoted, _, least = errors(model, X, Y, states, speeds)
        assert promoted < least
