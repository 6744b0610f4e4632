"""Least nuclear norm: certificates, optimality conditions, and cases known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from symkernel import lie
from symkernel.lie.logdet import fit_logdet
from symkernel.lie.nuclear import PenalizedLeastSquares, interpolate, singular_value_threshold
from symkernel.lie.operator import LieOperator, dictionary_operator
from symkernel.lie.penalty import PenaltyOperator, cube_factor


def nuclear_norm(matrix):
    return np.linalg.svd(matrix, compute_uv=False).sum()


def random_problem(seed, rows=6, q=4, p=9, n=5):
    rng = np.random.default_rng(seed)
    operator = PenaltyOperator.from_array(rng.standard_normal((rows, q, p)))
    return operator, rng.standard_normal((n, p)), rng.standard_normal(n)


def polynomial_problem(n_features, n, measure, seed=0):
    rng = np.random.default_rng(seed)
    library, algebra = lie.monomials(2, n_features), lie.special_euclidean(n_features)
    if measure == "cube":
        operator = PenaltyOperator.of_polynomials(library, algebra, cube_factor(library))
    else:
        points = rng.uniform(-1, 1, (3 * library.n_terms, n_features))
        operator = PenaltyOperator.of_dictionary(library, algebra, points)
    X = rng.uniform(-1, 1, (n, n_features))
    features = library.values(X)
    return operator, features, np.sin(X @ np.arange(1, n_features + 1))


@pytest.mark.parametrize("seed", range(4))
def test_interpolant_meets_the_optimality_conditions(seed):
    operator, features, targets = random_problem(seed)
    result = interpolate(operator, features, targets, tol=1e-9)
    assert result.converged
    np.testing.assert_allclose(features @ result.coef, targets, atol=1e-11)
    # There is Y with |Y| <= 1, <Y, M> = |M|_* and A^T Y in the row space of the features.
    matrix = operator.apply(result.coef)
    dual = result.warm_start.dual / result.warm_start.threshold
    assert np.linalg.norm(dual, 2) <= 1 + 1e-9
    assert np.vdot(dual, matrix) == pytest.approx(nuclear_norm(matrix), rel=1e-6)
    null = np.linalg.svd(features)[2][len(features) :]
    np.testing.assert_allclose(null @ operator.adjoint(dual), 0, atol=2e-4)
    # No feasible direction is better: the objective is convex, so brute force may look anywhere.
    rng = np.random.default_rng(seed)
    for size in (1e-3, 1e-1, 1.0):
        for direction in rng.standard_normal((20, len(null))):
            other = operator.apply(result.coef + size * (direction @ null))
            assert nuclear_norm(other) >= result.objective - result.gap


@pytest.mark.parametrize("gamma", [1e-3, 0.1, 1.0, 30.0])
def test_penalized_fit_agrees_with_a_general_optimizer(gamma):
    operator, features, targets = random_problem(7, rows=4, q=3, p=5, n=8)

    def objective(w):
        residual = features @ w - targets
        return residual @ residual / 2 + gamma * nuclear_norm(operator.apply(w))

    result = PenalizedLeastSquares(operator, features, targets).solve(gamma, tol=1e-10)
    assert result.converged
    assert result.objective == pytest.approx(objective(result.coef), rel=1e-12)
    start = np.linalg.lstsq(features, targets)[0]
    for x in (start, result.coef):
        found = minimize(objective, x, method="Nelder-Mead", options={"maxiter": 4000})
        assert found.fun >= result.objective - result.gap - 1e-9 * result.objective


def test_large_gamma_keeps_everything_and_says_so_exactly():
    operator, features, targets = polynomial_problem(2, 30, "cube")
    problem = PenalizedLeastSquares(operator, features, targets)
    result = problem.solve(1e3, tol=1e-9)
    np.testing.assert_array_equal(result.split, 0)
    np.testing.assert_allclose(features @ result.coef, targets.mean(), atol=1e-3)


@pytest.mark.parametrize("measure", ["cube", "points"])
@pytest.mark.parametrize(("n_features", "n"), [(2, 4), (3, 8), (11, 60)])
def test_gap_bounds_the_distance_to_a_better_solution(measure, n_features, n):
    # Eleven features have 66 generators: the thresholds there are by subspace iteration.
    operator, features, targets = polynomial_problem(n_features, n, measure)
    loose = interpolate(operator, features, targets, tol=1e-2)
    tight = interpolate(operator, features, targets, tol=1e-6)
    assert loose.converged and tight.converged
    assert loose.objective - tight.objective + tight.gap >= -1e-9
    assert loose.objective - loose.gap <= tight.objective * (1 + 1e-12)
    assert tight.gap <= 1e-6 * tight.objective


def test_warm_starts_change_the_work_and_not_the_answer():
    operator, features, targets = polynomial_problem(3, 40, "points")
    problem = PenalizedLeastSquares(operator, features, targets)
    first = problem.solve(1.0, tol=1e-8)
    cold = problem.solve(0.9, tol=1e-8)
    warm = problem.solve(0.9, tol=1e-8, warm_start=first.warm_start)
    again = problem.solve(1.0, tol=1e-8, warm_start=first.warm_start)
    assert again.n_iter < first.n_iter
    assert warm.objective == pytest.approx(cold.objective, rel=1e-7)


def test_as_many_samples_as_weights_leave_nothing_to_choose():
    operator, features, targets = random_problem(1, p=5, n=5)
    result = interpolate(operator, features, targets)
    np.testing.assert_allclose(result.coef, np.linalg.solve(features, targets), rtol=1e-9)


def test_symmetric_interpolant_ends_at_once():
    # The value of one point is met by a constant, which breaks nothing.
    operator, features, _ = polynomial_problem(2, 1, "cube")
    result = interpolate(operator, features, np.array([3.0]))
    assert result.converged
    assert nuclear_norm(operator.apply(result.coef)) < 1e-8
    np.testing.assert_allclose(result.coef, [3, 0, 0, 0, 0, 0], atol=1e-8)


def test_inconsistent_targets_are_refused():
    operator, features, _ = random_problem(0)
    with pytest.raises(ValueError, match="rank 5"):
        interpolate(operator, np.vstack([features, features]), np.arange(10.0))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (80, 60)])
def test_threshold_is_the_proximal_map(shape):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal(shape)
    level = 0.7
    found, kept = singular_value_threshold(matrix, level)
    values = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(kept, values[values > level] - level)
    best = level * kept.sum() + np.sum((found - matrix) ** 2) / 2
    for other in rng.standard_normal((30, *shape)):
        moved = found + 1e-2 * other
        assert level * nuclear_norm(moved) + np.sum((moved - matrix) ** 2) / 2 > best


@pytest.mark.parametrize("algebra", [lie.special_euclidean, lie.affine, lie.translations])
@pytest.mark.parametrize(("n", "degree"), [(1, 3), (2, 4), (4, 2)])
def test_operator_has_the_singular_values_of_the_samples(algebra, n, degree):
    rng = np.random.default_rng(0)
    library, points = lie.monomials(degree, n), rng.standard_normal((100, n))
    w = rng.standard_normal(library.n_terms)
    truth = np.linalg.svd(LieOperator(library, algebra(n), points).columns(w))[1]
    exact = PenaltyOperator.of_dictionary(library, algebra(n), points)
    tensor = dictionary_operator(library, algebra(n), points).transpose(1, 0, 2)
    for operator in (exact, PenaltyOperator.from_array(tensor)):
        values = np.linalg.svd(operator.apply(w), compute_uv=False)
        np.testing.assert_allclose(values, truth[: len(values)], atol=1e-12 * truth[0])
        np.testing.assert_allclose(truth[len(values) :], 0, atol=1e-12 * truth[0])
        other = rng.standard_normal(operator.shape)
        left, right = np.vdot(other, operator.apply(w)), w @ operator.adjoint(other)
        assert left == pytest.approx(right, rel=1e-11)
        np.testing.assert_allclose(
            operator.gram, operator.weighted_gram(None), atol=1e-11 * operator.gram.max()
        )


def test_cube_factor_is_the_integral():
    library = lie.monomials(3, 2)
    nodes, weights = np.polynomial.legendre.leggauss(5)
    grid = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2)
    values = library.values(grid)
    truth = (values * np.outer(weights, weights).reshape(-1, 1) / 4).T @ values
    factor = cube_factor(library)
    np.testing.assert_allclose(factor.T @ factor, truth, atol=1e-14)


def test_log_det_steps_lower_the_objective():
    operator, features, targets = polynomial_problem(2, 40, "points")

    def objective(result, epsilon):
        residual = features @ result.coef - targets
        values = np.linalg.svd(operator.apply(result.coef), compute_uv=False)
        return residual @ residual / 2 + 0.05 * np.sum(np.log(values**2 + epsilon**2)) / 2

    # shrink=1 with smallest=1 stays at one epsilon.
    results = [
        fit_logdet(operator, features, targets, 0.05, smallest=1.0, tol=1e-12, max_iter=k)
        for k in range(1, 8)
    ]
    values = [objective(r, results[0].epsilon) for r in results]
    assert np.all(np.diff(values) <= 1e-12)
    assert values[-1] < values[0]


def test_log_det_finds_the_planted_rank_exactly():
    rng = np.random.default_rng(0)
    library = lie.monomials(3, 3)
    X = rng.uniform(-1, 1, (80, 3))
    y = (X**2).sum(axis=1) + 0.05 * rng.standard_normal(80)
    operator = PenaltyOperator.of_dictionary(library, lie.special_euclidean(3), X)
    result = fit_logdet(operator, library.values(X), y, 0.05)
    values = np.linalg.svd(operator.apply(result.coef), compute_uv=False)
    assert np.all(values[3:] < 1e-4 * values[0])
    assert np.all(values[:3] > 0.1 * values[0])
