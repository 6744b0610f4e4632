"""Symmetric polynomials by partitions, against sums over permutations and monomials."""

import itertools
import math
import pickle

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from symkernel import groups
from symkernel.spectral import InvariantBasis, Polynomials, SymmetricPolynomials
from symkernel.spectral.symmetric_polynomials import (
    _steps,
    kernel_weights,
    monomial_counts,
    monomial_symmetric,
    partitions,
)

RNG = np.random.default_rng(0)


def by_hand(x, partition):
    """Sum of the different monomials."""
    if len(partition) > len(x):
        return 0.0
    padded = (*partition, *([0] * (len(x) - len(partition))))
    exponents = set(itertools.permutations(padded))
    return math.fsum(np.prod(np.power(x, e)) for e in exponents)


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_monomial_symmetric_functions(n):
    X = RNG.standard_normal((4, n))
    expected = [[by_hand(x, p) for p in partitions(5)] for x in X]
    np.testing.assert_allclose(monomial_symmetric(X, 5), expected, rtol=1e-12, atol=1e-13)
    ones = monomial_symmetric(np.ones((1, n)), 5)[0]
    np.testing.assert_array_equal(ones, monomial_counts(n, 5))


def test_numbers_of_partitions_and_of_products():
    found = [len(partitions(j)) for j in range(9)]
    assert found == [1, 2, 4, 7, 12, 19, 30, 45, 67]
    assert np.diff([0, *found])[:7].tolist() == [1, 1, 2, 3, 5, 7, 11]
    assert [len(_steps(j).power) for j in (0, 1, 4, 7, 10)] == [0, 1, 14, 75, 284]


@pytest.mark.parametrize(("n", "degree"), [(1, 4), (2, 5), (4, 4), (6, 5), (5, 7)])
def test_average_over_all_permutations_is_diagonal(n, degree):
    X, Y = RNG.standard_normal((3, n)), RNG.standard_normal((2, n))
    products = np.array([X @ Y[:, p].T for p in map(list, itertools.permutations(range(n)))])
    m, weights = [monomial_symmetric(Z, degree) for Z in (X, Y)], kernel_weights(n, degree)
    of = np.array([sum(p) for p in partitions(degree)])
    for j in range(degree + 1):
        own = (of == j) * weights
        expected = np.mean(products**j, axis=0)
        scale = np.mean(np.abs(products) ** j)
        np.testing.assert_allclose((m[0] * own) @ m[1].T, expected, rtol=0, atol=1e-12 * scale)


def test_agrees_with_orbits_of_monomials():
    X = RNG.standard_normal((5, 20))
    basis = InvariantBasis(Polynomials(20), groups.Symmetric(20), max_level=5).fit(X)
    features = basis.transform(X)
    ours = monomial_symmetric(X, 5) * np.sqrt(kernel_weights(20, 5))
    assert basis.dimensions.tolist() == [1, 1, 2, 3, 5, 7]
    np.testing.assert_allclose(ours @ ours.T, features @ features.T, rtol=1e-11)


@pytest.mark.parametrize("normalization", ["mean", "sum"])
def test_invariant_under_permutations(normalization):
    X = RNG.standard_normal((6, 50))
    model = SymmetricPolynomials(6, normalization=normalization).fit(X)
    values = model.transform(X)
    group = groups.Symmetric(50)
    for g in [*group.generators, *group.sample(3, 1)]:
        np.testing.assert_allclose(
            model.transform(group.apply(g, X)), values, rtol=0, atol=1e-12 * np.abs(values).max()
        )


def test_means_are_unbiased_at_every_size():
    # all subsets of a set: their means of m_p are that of the whole
    x = RNG.standard_normal(7)
    model = SymmetricPolynomials(4).fit(x[None])
    whole = model.transform(x[None])[0]
    for n in (4, 5, 6):
        subsets = np.array(list(itertools.combinations(x, n)))
        np.testing.assert_allclose(model.transform(subsets).mean(axis=0), whole, atol=1e-13)


def test_sums_do_not_see_zeros():
    X = RNG.standard_normal((3, 4))
    model = SymmetricPolynomials(6, normalization="sum").fit(X)
    longer = np.insert(np.concatenate([X, np.zeros((3, 5))], axis=1), 2, 0.0, axis=1)
    np.testing.assert_allclose(model.transform(longer), model.transform(X), rtol=1e-13)


def test_trained_at_one_size_and_asked_at_others():
    def third_cumulant(X):  # the unbiased estimator from central sums
        n = X.shape[1]
        centred = X - X.mean(axis=1, keepdims=True)
        return n / ((n - 1) * (n - 2)) * (centred**3).sum(axis=1)

    X = RNG.exponential(size=(200, 6))
    model = make_pipeline(SymmetricPolynomials(3), LinearRegression())
    model.fit(X, third_cumulant(X))
    for n in (3, 10, 500):
        Z = RNG.exponential(size=(20, n))
        np.testing.assert_allclose(model.predict(Z), third_cumulant(Z), rtol=1e-8, atol=1e-8)
    sums = make_pipeline(SymmetricPolynomials(2, normalization="sum"), Ridge(1e-10))
    sums.fit(X, X.sum(axis=1) ** 2)
    Z = RNG.exponential(size=(20, 100))
    np.testing.assert_allclose(sums.predict(Z), Z.sum(axis=1) ** 2, rtol=1e-6)


def test_time_is_that_of_the_degree_and_not_of_the_group():
    X = RNG.standard_normal((2, 2000)) / 40
    values = monomial_symmetric(X, 4)
    p = [np.sum(X**k, axis=1) for k in range(5)]
    place = {partition: k for k, partition in enumerate(partitions(4))}
    np.testing.assert_allclose(values[:, place[1, 1]], (p[1] ** 2 - p[2]) / 2, atol=1e-11)
    # Newton: e_3 = (p1^3 - 3 p1 p2 + 2 p3) / 6
    expected = (p[1] ** 3 - 3 * p[1] * p[2] + 2 * p[3]) / 6
    np.testing.assert_allclose(values[:, place[1, 1, 1]], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("normalization", ["mean", "sum"])
def test_scikit_learn_conventions(normalization):
    model = SymmetricPolynomials(1, normalization=normalization)
    reason = "features of sets of any size: other numbers of columns are what it is for"
    names = ["check_n_features_in_after_fitting", "check_transformer_general"]
    results = check_estimator(
        model, expected_failed_checks=dict.fromkeys(names, reason), on_skip=None
    )
    assert {r["check_name"] for r in results if r["status"] == "xfail"} == set(names)
    X = RNG.standard_normal((4, 6))
    model = SymmetricPolynomials().fit(X)
    assert model.partitions_ == partitions(3)
    assert len(model.get_feature_names_out()) == 7
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    single = model.transform(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, model.transform(X), rtol=1e-4, atol=1e-5)


def test_errors():
    X = np.zeros((2, 4))
    with pytest.raises(ValueError, match='normalization must be "mean" or "sum", got \'none\''):
        SymmetricPolynomials(normalization="none").fit(X)
    with pytest.raises(ValueError, match="of degree 5 needs as many features, got 4"):
        SymmetricPolynomials(5).fit(X)
    with pytest.raises(ValueError, match="of degree 3 needs as many features, got 2"):
        SymmetricPolynomials(3).fit(X).transform(X[:, :2])
    with pytest.raises(ValueError, match="degree must be at least 0"):
        SymmetricPolynomials(-1).fit(X)
    with pytest.raises(ValueError, match="X must have shape"):
        monomial_symmetric([1.0, 2.0], 2)
    with pytest.raises(ValueError, match="NaN"):
        SymmetricPolynomials().fit(X).transform(X * np.nan)
