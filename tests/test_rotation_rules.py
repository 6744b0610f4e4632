"""Rotation rules: exact to the degree they state, not beyond, positive, closed under inversion."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.special import eval_legendre
from symkernel.plans.rotation_rules import GRIDS, rotation_grid, rotation_rule


def unit_vectors(rng, count):
    v = rng.standard_normal((count, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def wigner_residual(matrices, weights, degree):
    """Largest mean of P_l(u . R v) over generic u and v, 2l + 1 of each, l the degree.

    The functions P_l(. v) span the harmonics of degree l, so this is all of sum w D^l(R), in
    another basis; it is 0 for a rule exact to degree l >= 1.
    """
    rng = np.random.default_rng(degree)
    u, v = (unit_vectors(rng, 2 * degree + 1) for _ in range(2))
    inner = np.einsum("ai,gij,bj->gab", u, matrices, v, optimize=True)
    return np.abs(np.einsum("g,gab->ab", weights, eval_legendre(degree, inner))).max()


def invariance_residual(matrices, weights, power, turn):
    """Change of the mean of (tr A R)^power, |A| about 1, when the nodes are turned, either side.

    A functional on polynomials of that degree that no element changes is Haar measure.
    """
    n = matrices.shape[1]
    rng = np.random.default_rng(power)
    worst = 0.0
    for _ in range(6):
        A = rng.standard_normal((n, n))
        A /= np.abs(np.linalg.svd(A, compute_uv=False)).sum()
        means = [
            weights @ np.einsum("ij,gij->g", A, M) ** power
            for M in (matrices, turn @ matrices, matrices @ turn)
        ]
        worst = max(worst, abs(means[1] - means[0]), abs(means[2] - means[0]))
    return worst


def random_turn(n, reflect=False):
    q = np.linalg.qr(np.random.default_rng(7).standard_normal((n, n)))[0]
    if (np.linalg.det(q) < 0) != reflect:
        q[:, 0] *= -1
    return q


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("degree", range(1, 15))
def test_so3_kills_every_wigner_matrix_up_to_its_degree(degree, two_sided):
    rule = rotation_rule(3, degree, two_sided=two_sided)
    assert rule.degree >= degree
    M, w = rule.matrices, rule.weights
    for lower in range(1, rule.degree + 1):
        assert wigner_residual(M, w, lower) < 1e-12
    beyond = max(wigner_residual(M, w, rule.degree + k) for k in (1, 2))
    assert beyond > 1e-3


def test_number_of_nodes():
    assert [len(rotation_rule(3, L)) for L in range(1, 11)] == [
        4, 12, 24, 60, 60, 196, 256, 405, 500, 726,
    ]  # fmt: skip
    assert [len(rotation_rule(3, L, True)) for L in range(1, 10)] == [
        2, 24, 24, 120, 120, 392, 392, 810, 810,
    ]  # fmt: skip
    assert [rotation_rule(3, L, two_sided=True).n_pairs for L in (5, 6, 7, 8, 10)] == [
        60, 2744, 4096, 13122, 23958,
    ]  # fmt: skip
    assert [len(rotation_rule(2, L)) for L in range(5)] == [1, 2, 3, 4, 5]
    assert [len(rotation_rule(2, L, True)) for L in range(5)] == [2, 4, 6, 8, 10]


CASES = [
    (n, reflect, degree, two_sided)
    for n, degrees in ((1, (0, 3)), (2, (0, 1, 4, 7)), (3, (0, 1, 2, 4, 6, 7, 9)), (4, (1, 2, 3)))
    for degree in degrees
    for reflect in (False, True)
    for two_sided in (False, True)
]


@pytest.mark.parametrize(("n", "reflect", "degree", "two_sided"), CASES)
def test_rules_are_haar_measure_on_polynomials(n, reflect, degree, two_sided):
    rule = rotation_rule(n, degree, reflect, two_sided)
    M, w = rule.matrices, rule.weights
    assert M.shape == (len(rule), n, n) and w.shape == (len(rule),)
    assert (w > 0).all() and abs(w.sum() - 1) < 1e-14
    np.testing.assert_allclose(
        M @ M.swapaxes(1, 2), np.broadcast_to(np.eye(n), M.shape), atol=1e-14
    )
    assert reflect or (np.linalg.det(M) > 0).all()
    for p in range(1, min(rule.degree, degree + 2) + 1):
        assert invariance_residual(M, w, p, random_turn(n)) < 1e-13
        if reflect:
            assert invariance_residual(M, w, p, random_turn(n, True)) < 1e-13
    if n > 1:
        beyond = (rule.degree + k for k in (1, 2))
        assert max(invariance_residual(M, w, p, random_turn(n)) for p in beyond) > 1e-7


@pytest.mark.parametrize(("n", "reflect", "degree", "two_sided"), CASES)
def test_one_sided_rules_are_closed_under_inversion(n, reflect, degree, two_sided):
    rule = rotation_rule(n, degree, reflect, two_sided)
    M, w = rule.matrices, rule.weights
    if rule.is_group:
        products = (M[:, None] @ M[None]).reshape(-1, n * n)
        distance = np.abs(products[:, None] - M.reshape(-1, n * n)[None]).max(axis=2).min(axis=1)
        assert distance.max() < 1e-13
    if two_sided or len(M) > 900:
        return
    distance = np.abs(M[:, None] - M.swapaxes(1, 2)[None]).max(axis=(2, 3))
    nearest = distance.argmin(axis=1)
    assert distance.min(axis=1).max() < 1e-13
    if len(np.unique(nearest)) == len(M):  # unless a node is listed twice
        np.testing.assert_array_equal(w, w[nearest])


@pytest.mark.parametrize(("n", "degree"), [(2, 4), (3, 5), (3, 6), (3, 7), (4, 1)])
def test_pairs_are_all_ratios_of_nodes(n, degree):
    rule = rotation_rule(n, degree, two_sided=True)
    M, w = rule.matrices, rule.weights
    P, v = rule.pairs()
    assert len(P) == rule.n_pairs and abs(v.sum() - 1) < 1e-13
    A = np.random.default_rng(0).standard_normal((n, n))
    f = np.exp(np.einsum("ij,gij->g", A, P))
    direct = 0.0
    for i in range(len(M)):
        direct += w[i] * (w @ np.exp(np.einsum("ij,gij->g", A, M[i].T @ M)))
    assert abs(v @ f / direct - 1) < 1e-13


@pytest.mark.parametrize("name", list(GRIDS))
def test_named_grids(name):
    M, w = rotation_grid(name)
    size = {"0": 1, "i": 2, "2": 18, "2i": 36, "3": 75, "3i": 150}[name]
    assert M.shape == (size, 3, 3) and (w > 0).all() and abs(w.sum() - 1) < 1e-14
    degree = 2 * GRIDS[name][0] - 2
    for lower in range(1, degree + 1):
        assert wigner_residual(M, w, lower) < 1e-12
    odd = np.einsum("g,gij->ij", w, M)
    assert np.abs(odd).max() < 1e-15 or name == "0"
    assert wigner_residual(M, w, degree + 1) > 1e-3 or name.endswith("i")
    assert (np.linalg.det(M) < 0).sum() == (size // 2 if name.endswith("i") else 0)


def euler(axes, steps, gauss):
    """Product rule over three axes, the middle angle's cosine at Gauss nodes."""

    def about(axis, angle):
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        R = np.tile(np.eye(3), (len(angle), 1, 1))
        R[:, i, i] = R[:, j, j] = np.cos(angle)
        R[:, i, j], R[:, j, i] = -np.sin(angle), np.sin(angle)
        return R

    x, w = leggauss(gauss)
    turn = 2 * np.pi * np.arange(steps) / steps
    first, last = about(axes[0], turn), about(axes[2], turn)
    middle = about(axes[1], np.arccos(x))
    M = np.einsum("aij,bjk,ckl->abcil", first, middle, last).reshape(-1, 3, 3)
    return M, np.tile(np.repeat(w / 2, steps), steps) / steps**2


def test_the_test_catches_euler_angles_about_three_different_axes():
    """x-y-z angles with Gauss nodes keep an error in degree 1 however many there are."""
    good = euler((2, 1, 2), 9, 5)
    assert max(wigner_residual(*good, lower) for lower in range(1, 9)) < 1e-12
    for steps, gauss in ((9, 5), (25, 13)):
        # the mean of R is that of sin(beta) in one entry: pi/4
        assert wigner_residual(*euler((0, 1, 2), steps, gauss), 1) > 0.2


def test_refusals():
    with pytest.raises(ValueError, match="n must be an integer of at least 1, got 0"):
        rotation_rule(0, 3)
    with pytest.raises(ValueError, match="degree must be an integer of at least 0, got -1"):
        rotation_rule(3, -1)
    with pytest.raises(ValueError, match=r"degree must be an integer of at least 0, got 2\.5"):
        rotation_rule(3, 2.5)
    with pytest.raises(ValueError, match=r"degree 100 for SO\(3\) has 520,251 nodes"):
        rotation_rule(3, 100)
    with pytest.raises(ValueError, match=r"for SO\(8\) has"):
        rotation_rule(8, 4)
    with pytest.raises(ValueError, match="unknown grid '4'; known grids: '0', 'i'"):
        rotation_grid("4")
