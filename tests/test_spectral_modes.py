"""Orbits and sums of modes against slow loops, and null spaces against dense ones."""

import itertools

import numpy as np
import pytest
from scipy import sparse
from symkernel.backends.modes import enumerate_modes, find_modes, mode_orbits, mode_sums
from symkernel.groups import SignedPermutation
from symkernel.plans.letters import letter_maps
from symkernel.spectral.fixed_space import fixed_space


def exponents(words, d, largest, fourier):
    out = np.zeros((len(words), d), int)
    for row, word in zip(out, words, strict=True):
        for letter in word[word >= 0]:
            coordinate, place = divmod(int(letter), 2 * largest if fourier else largest)
            row[coordinate] = place + 1
            if fourier:
                row[coordinate] = place - largest + (place >= largest)
    return out


@pytest.mark.parametrize(("d", "level"), [(1, 0), (1, 4), (3, 5), (4, 0), (6, 2)])
@pytest.mark.parametrize("fourier", [False, True])
def test_enumeration(d, level, fourier):
    largest = max(1, int(level**0.5) if fourier else level)
    words = enumerate_modes(d, level, largest, fourier=fourier)
    found = exponents(words, d, largest, fourier)
    span = range(-largest, largest + 1) if fourier else range(level + 1)
    expected = [
        e
        for e in itertools.product(span, repeat=d)
        if sum(k * k if fourier else k for k in e) == level
    ]
    assert sorted(map(tuple, found.tolist())) == sorted(expected)
    padded = np.where(words < 0, np.iinfo(np.int32).max, words)
    assert (np.diff(padded, axis=1) >= 0).all()
    np.testing.assert_array_equal(find_modes(words, words), np.arange(len(words)))


def test_words_that_are_not_there():
    words = enumerate_modes(3, 2, 2, fourier=False)
    query = np.array([[0, -1]], np.int32)  # x_0 is of degree 1
    assert find_modes(words, query).tolist() == [-1]


@pytest.mark.parametrize("seed", range(6))
def test_orbits_of_monomials_with_signs(seed):
    rng = np.random.default_rng(seed)
    d, degree = 4, 4
    elements = [
        SignedPermutation(rng.permutation(d), rng.choice([-1, 1], d)) for _ in range(1 + seed % 2)
    ]
    words = enumerate_modes(d, degree, degree, fourier=False)
    labels, signs, count = mode_orbits(words, *letter_maps(elements, d, degree))
    rows = list(map(tuple, exponents(words, d, degree, False).tolist()))
    # breadth first over signed monomials
    for start, row in enumerate(rows):
        seen = {(row, 1)}
        queue = [(row, 1)]
        for exponent, sign in queue:
            for g in elements:
                image, new = [0] * d, sign
                for i in range(d):
                    image[g.indices[i]] += exponent[i]
                    if g.signs is not None and g.signs[i] < 0 and exponent[i] % 2:
                        new = -new
                if (tuple(image), new) not in seen:
                    seen.add((tuple(image), new))
                    queue.append((tuple(image), new))
        void = (row, -1) in seen
        assert (labels[start] < 0) == void
        for exponent, sign in seen if not void else ():
            other = rows.index(exponent)
            assert labels[other] == labels[start]
            assert signs[other] * signs[start] == sign
    alive = labels[labels >= 0]
    assert sorted(set(alive.tolist())) == list(range(count))


@pytest.mark.parametrize("fourier", [False, True])
@pytest.mark.parametrize("n", [1, 31, 32, 70])
def test_sums(fourier, n):
    d, level, largest = 3, 6, 3
    words = enumerate_modes(d, level, largest, fourier=fourier)
    rng = np.random.default_rng(0)
    words = words[rng.permutation(len(words))[:20]]  # any order will do
    X = rng.uniform(-2, 2, (n, d))
    weights = rng.standard_normal(len(words))
    real = rng.integers(-1, 4, len(words)).astype(np.int32)
    imaginary = rng.integers(-1, 4, len(words)).astype(np.int32) if fourier else None
    powers = exponents(words, d, largest, fourier)
    expected = np.zeros((n, 4))
    for k, e in enumerate(powers):
        value = np.exp(1.3j * X @ e) if fourier else (X**e).prod(axis=1)
        if real[k] >= 0:
            expected[:, real[k]] += weights[k] * value.real
        if fourier and imaginary[k] >= 0:
            expected[:, imaginary[k]] += weights[k] * value.imag
    for jobs in (1, 3):
        found = mode_sums(X, words, weights, real, imaginary, 4, largest, 1.3, jobs)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"words": np.array([[99]], np.int32)}, "a letter is out of range"),
        ({"real": np.array([7], np.int32)}, "a column is out of range"),
        ({"weights": np.zeros(2)}, "one entry per mode"),
    ],
)
def test_native_door(change, words):
    given = {
        "words": np.zeros((1, 1), np.int32),
        "weights": np.ones(1),
        "real": np.zeros(1, np.int32),
    }
    given |= change
    with pytest.raises(ValueError, match=words):
        mode_sums(np.ones((2, 2)), **given, imaginary=None, columns=1, largest=2)


def test_generators_that_leave_the_modes():
    words = enumerate_modes(2, 1, 1, fourier=False)[:1]
    with pytest.raises(ValueError, match="leads out of the modes"):
        mode_orbits(words, np.array([[1, 0]], np.int32), np.ones((1, 2), np.int8))


def random_equations(size, null, seed):
    """Sparse matrices that send a space of `null` vectors to zero, mixed within one block."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([np.zeros(null), rng.uniform(0.3, 2.0, size - null)])
    matrix = np.diag(values)
    for _ in range(4):  # plane rotations keep it sparse
        pairs = rng.permutation(size)[: size // 2 * 2].reshape(-1, 2)
        turn = np.eye(size)
        for i, j in pairs:
            a = rng.uniform(0, 6)
            turn[[i, i, j, j], [i, j, i, j]] = [np.cos(a), -np.sin(a), np.sin(a), np.cos(a)]
        matrix = turn @ matrix @ turn.T
    return matrix


@pytest.mark.parametrize(("size", "null"), [(60, 0), (60, 7), (90, 40), (40, 40), (120, 1)])
def test_iteration_agrees_with_the_singular_value_decomposition(size, null):
    matrix = random_equations(size, null, size + null)
    expected = fixed_space([matrix], 1e-9)
    found = fixed_space([sparse.csr_matrix(matrix)], 1e-9, dense=8)
    assert found.basis.shape == expected.basis.shape == (size, null)
    np.testing.assert_allclose(
        found.basis @ found.basis.T, expected.basis @ expected.basis.T, atol=1e-10
    )
    assert found.residual < 1e-11


def test_blocks_are_solved_apart():
    parts = [random_equations(10, 2, 0), np.zeros((1, 1)), random_equations(20, 3, 1)]
    shuffled = np.random.default_rng(0).permutation(31)
    matrix = sparse.block_diag(parts).tocsr()[:, shuffled]
    found = fixed_space([matrix], 1e-9)
    assert found.basis.shape == (31, 6)
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(6), atol=1e-13)
    np.testing.assert_allclose(matrix @ found.basis, 0, atol=1e-13)


def test_nothing_to_solve():
    empty = fixed_space([sparse.csr_matrix((3, 3))], 1e-9, within=sparse.csr_matrix((3, 0)))
    assert empty.basis.shape == (0, 0)
