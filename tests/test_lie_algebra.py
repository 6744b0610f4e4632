"""Algebras of vector fields, dictionaries and the Lie derivative operator."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm
from symkernel import groups, lie
from symkernel.lie.fields import DictionaryFields
from symkernel.lie.models import DictionaryFunction
from symkernel.lie.operator import (
    LieOperator,
    coefficient_operator,
    dictionary_operator,
    finite_rows,
)

ALGEBRAS = [
    (lie.translations(3), 3),
    (lie.special_orthogonal(1), 0),
    (lie.special_orthogonal(4), 6),
    (lie.linear(3), 9),
    (lie.affine(2), 6),
    (lie.special_euclidean(3), 6),
    (lie.scalings(3), 3),
    (lie.lorentz(4), 6),
    (lie.symplectic(4), 10),
    (lie.special_euclidean(2).along(1, (4, 2)), 3),
    (lie.affine(2).along(0, (2, 3)), 6),
    (lie.Algebra.from_group(groups.SE(3).along(1, (2, 3))), 6),
]


def points(n=17, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.mark.parametrize(("algebra", "dim"), ALGEBRAS, ids=lambda a: str(a))
def test_bases_are_orthonormal_and_their_flows_are_their_fields(algebra, dim):
    assert algebra.dim == dim == len(algebra.names)
    flat = algebra.generators.reshape(dim, algebra.n_features * (algebra.n_features + 1))
    np.testing.assert_allclose(flat @ flat.T, np.eye(dim), atol=1e-14)
    X = points(5, algebra.n_features)
    one = np.c_[X, np.ones(5)]
    values, slopes = algebra.values(X), algebra.jacobians(X)
    assert values.shape == (5, dim, algebra.n_features)
    t = 1e-6
    for q, generator in enumerate(algebra.affine_matrices()):
        moved = (one @ expm(t * generator).T)[:, :-1]
        np.testing.assert_allclose((moved - X) / t, values[:, q], atol=1e-4)
    for j in range(algebra.n_features):
        step = np.eye(algebra.n_features)[j]
        change = algebra.values(X + step) - values
        np.testing.assert_allclose(change, slopes[..., j], atol=1e-12)


def test_algebras_preserve_what_they_should():
    eta = np.diag([-1.0, 1, 1, 1])
    for A in lie.lorentz(4).linear_parts:
        np.testing.assert_allclose(A.T @ eta + eta @ A, 0, atol=1e-15)
    J = np.kron([[0, 1], [-1, 0]], np.eye(2))
    for A in lie.symplectic(4).linear_parts:
        np.testing.assert_allclose(A.T @ J + J @ A, 0, atol=1e-15)


def test_blocks_act_like_the_groups():
    found = lie.special_euclidean(2).along(1, (4, 2))
    group = lie.Algebra.from_group(groups.SE(2).along(1, (4, 2)))
    rows = [a.generators.reshape(3, -1) for a in (found, group)]
    np.testing.assert_allclose(np.linalg.svd(rows[0] @ rows[1].T)[1], 1, atol=1e-14)


def test_sums_and_combinations():
    both = lie.linear(2) + lie.special_euclidean(2)
    assert both.dim == 6
    half = both.combine([[1.0, 1, 0, 0, 0, 0], [2.0, 2, 0, 0, 0, 0]])
    assert half.dim == 1
    cloud = lie.linear(2).along(1, (3, 2))
    c = np.random.default_rng(0).standard_normal((1, 4))
    direct = np.tensordot(c / np.linalg.norm(c), cloud.generators, 1)
    np.testing.assert_allclose(cloud.combine(c).generators, direct, atol=1e-15)


def test_names():
    assert lie.special_orthogonal(2).names == ("x0 ∂1 - x1 ∂0",)
    assert lie.Algebra([[[0.0, -2], [0.5, 0]]]).names == ("-0.25 x0 ∂1 + x1 ∂0",)
    assert lie.polynomial_fields(1, 2).names == ("∂0", "x0 ∂0", "x0^2 ∂0")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lie.Algebra(np.zeros((2, 3, 5))), "shape"),
        (lambda: lie.Algebra([[[np.nan]]]), "NaN"),
        (lambda: lie.symplectic(3), "even"),
        (lambda: lie.translations(0), "at least 1"),
        (lambda: lie.linear(2).along(1, (4, 3)), "acts on 2 features"),
        (lambda: lie.linear(2) + lie.linear(3), "no sum"),
        (lambda: lie.linear(2).values(np.zeros((4, 3))), r"shape \(n, 2\)"),
        (lambda: lie.linear(2).values([[np.inf, 0]]), "infinity"),
        (lambda: lie.linear(2).combine(np.zeros((1, 3))), "coefficients"),
        (lambda: lie.monomials(2).n_terms, "bind"),
        (lambda: lie.monomials(2, 3).bind(2), "3 features"),
        (lambda: lie.monomials(40, 40), "at most"),
        (lambda: lie.fourier(1, 2, period=0), "period"),
        (lambda: DictionaryFields(lie.monomials(1, 2), np.zeros((1, 2, 2))), "shape"),
        (lambda: DictionaryFunction(lie.monomials(1, 2), [1.0]), "weights"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_types_are_checked():
    with pytest.raises(TypeError, match="group"):
        lie.Algebra.from_group("so(3)")
    with pytest.raises(TypeError, match="values"):
        LieOperator(object(), lie.linear(2), points(3, 2))
    with pytest.raises(TypeError, match="monomials"):
        coefficient_operator(lie.fourier(1, 2), lie.linear(2))


# ---- dictionaries --------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [0, 1, 2, 4])
@pytest.mark.parametrize("d", [1, 3])
def test_monomials_are_products_of_powers(degree, d):
    terms = lie.monomials(degree).bind(d)
    X = points(9, d)
    e = terms.exponents
    assert len(e) == math.comb(d + degree, degree) == len({tuple(row) for row in e})
    oracle = np.prod(X[:, None, :] ** e, axis=2)
    np.testing.assert_allclose(terms.values(X), oracle, rtol=1e-13)
    assert terms.values(X[:0]).shape == (0, len(e))


class Waves:
    def values(self, X):
        return np.stack([np.sin(X @ [1.0, 2]), np.cos(X[:, 0])], axis=1)

    def jacobians(self, X):
        J = np.zeros((len(X), 2, 2))
        J[:, 0] = np.cos(X @ [1.0, 2])[:, None] * [1.0, 2]
        J[:, 1, 0] = -np.sin(X[:, 0])
        return J


@pytest.mark.parametrize(
    "dictionary", [lie.monomials(4, 2), lie.fourier(2, 2, period=[1.0, 3.0]), Waves()]
)
def test_jacobians_are_the_derivatives(dictionary):
    X, h = points(6, 2), 1e-6
    J = dictionary.jacobians(X)
    for j in range(2):
        step = h * np.eye(2)[j]
        change = (dictionary.values(X + step) - dictionary.values(X - step)) / (2 * h)
        np.testing.assert_allclose(J[:, :, j], change, atol=2e-7)


def test_polynomial_fields_have_the_derivatives_they_say():
    fields = lie.polynomial_fields(2, 3).combine(points(4, 20))
    X, h = points(5, 2), 1e-6
    J = fields.jacobians(X)
    assert J.shape == (5, 4, 2, 2)
    for j in range(2):
        step = h * np.eye(2)[j]
        change = (fields.values(X + step) - fields.values(X - step)) / (2 * h)
        np.testing.assert_allclose(J[..., j], change, atol=1e-7)


# ---- operator ------------------------------------------------------------------------------------


def oracle(dictionary, algebra, X, output):
    """L_q F for F with weights one, one at a time, by finite flows."""
    p = 1 if output is None else output.shape[1]
    m, t = dictionary.n_terms, 1e-5
    rows = np.zeros((algebra.dim, len(X), p, p, m))
    for q, generator in enumerate(algebra.affine_matrices()):
        one = np.c_[X, np.ones(len(X))]
        ahead, behind = ((one @ expm(s * t * generator).T)[:, :-1] for s in (1, -1))
        slope = (dictionary.values(ahead) - dictionary.values(behind)) / (2 * t)
        for a in range(p):
            rows[q, :, a, a] += slope
            for b in range(p):
                if output is not None:
                    rows[q, :, a, b] -= output[q, a, b] * dictionary.values(X)
    return rows.reshape(algebra.dim, len(X) * p, p * m) / np.sqrt(len(X))


@pytest.mark.parametrize("with_output", [False, True])
@pytest.mark.parametrize("dictionary", [lie.monomials(3, 2), lie.fourier(1, 2)])
def test_operator_is_the_derivative_along_flows(dictionary, with_output):
    algebra, X = lie.affine(2), points(40, 2)
    output = np.random.default_rng(1).standard_normal((6, 2, 2)) if with_output else None
    L = LieOperator(dictionary, algebra, X, output)
    T = dictionary_operator(dictionary, algebra, X, output)
    np.testing.assert_allclose(T, oracle(dictionary, algebra, X, output), atol=1e-7)
    R = L.reduced()
    np.testing.assert_allclose(
        np.einsum("qim,rin->qrmn", R, R), np.einsum("qim,rin->qrmn", T, T), atol=1e-12
    )
    w = np.random.default_rng(2).standard_normal(L.n_weights)
    np.testing.assert_allclose(L.columns(w), (T @ w).T, atol=1e-13)
    assert np.linalg.matrix_rank(L.constraint()) == np.linalg.matrix_rank(
        T.reshape(-1, L.n_weights)
    )


def test_coefficients_of_polynomials_are_exact():
    terms, algebra, X = lie.monomials(4, 3), lie.affine(3), points(30)
    C = coefficient_operator(terms, algebra)
    direct = dictionary_operator(terms, algebra, X) * np.sqrt(30)
    np.testing.assert_allclose(terms.values(X) @ C, direct, atol=1e-12)


def test_finite_rows_vanish_for_invariant_and_turning_functions():
    G = groups.O(2).sample(3, random_state=0)
    terms, X = lie.monomials(2, 2), points(20, 2)
    rows = finite_rows(terms, G, X)
    assert rows.shape == (60, 6)
    w = np.array([3.0, 0, 0, 1, 0, 1])
    np.testing.assert_allclose(rows @ w, 0, atol=1e-13)
    turning = np.zeros((2, 6))
    turning[0, 1] = turning[1, 2] = 1.0
    rows = finite_rows(terms, G, X, output=[g.as_matrix() for g in G])
    np.testing.assert_allclose(rows @ turning.reshape(-1), 0, atol=1e-13)
    shifted = finite_rows(terms, [np.c_[np.eye(2), [1.0, 0]]], X)
    np.testing.assert_allclose(shifted @ [0, 1.0, 0, 0, 0, 0], 1 / np.sqrt(20), atol=1e-13)


def test_operator_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="output"):
        LieOperator(lie.monomials(1), lie.linear(2), points(3, 2), np.zeros((3, 2, 2)))
    with pytest.raises(ValueError, match="weights"):
        LieOperator(lie.monomials(1), lie.linear(2), points(3, 2)).columns(np.ones(4))
    with pytest.raises(ValueError, match="elements"):
        finite_rows(lie.monomials(1), [np.eye(3)], points(3, 2))
    with pytest.raises(ValueError, match="one matrix per element"):
        finite_rows(lie.monomials(1), [np.eye(2)], points(3, 2), output=[])
