"""Point symmetries of linear differential equations."""

from __future__ import annotations

import numpy as np
import pytest
from symkernel import lie

T, X = np.linspace(0, 1, 41), np.linspace(-1, 1, 49)
GRID = np.meshgrid(T, X, indexing="ij")
WAVE = {(2, 0): 1.0, (0, 2): -1.0}
HEAT = {(1, 0): 1.0, (0, 2): -1.0}
LAPLACE = {(2, 0): 1.0, (0, 2): 1.0}


def waves(n=6):
    t, x = GRID
    rng = np.random.default_rng(0)
    return [
        np.sin(a * (x - t) + b) + c * np.cos(d * (x + t))
        for a, b, c, d in rng.uniform(0.5, 2, (n, 4))
    ]


def heat(n=6):
    t, x = GRID
    rng = np.random.default_rng(0)
    return [
        np.exp(-(a**2) * t) * np.sin(a * x + b)
        + c * np.exp(-((x - d) ** 2) / (4 * t + 4)) / np.sqrt(t + 1)
        for a, b, c, d in rng.uniform(0.5, 2, (n, 4))
    ]


def harmonic(n=6):
    t, x = GRID
    z = x + 1j * t
    rng = np.random.default_rng(0)
    return [
        (np.exp((a + 1j * b) * z) + c / (z - 3 - d)).real
        for a, b, c, d in rng.uniform(0.5, 2, (n, 4))
    ]


def field(**entries):
    """Fields of (t, x, u) as rows of (t, x, u, 1): field(t={"t": 2.0}, x={"x": 1.0})."""
    at = {"t": 0, "x": 1, "u": 2, "1": 3}
    full = np.zeros((3, 4))
    for row, terms in entries.items():
        for column, c in terms.items():
            full[at[row], at[column]] = c
    return full


ALWAYS = [
    field(t={"1": 1}),
    field(x={"1": 1}),
    field(u={"1": 1}),
    field(u={"x": 1}),
    field(u={"u": 1}),
]


@pytest.mark.parametrize(
    ("solutions", "operator", "more"),
    [
        (heat(), HEAT, [field(t={"t": 2}, x={"x": 1})]),
        (waves(), WAVE,
         [field(u={"t": 1}), field(t={"t": 1}, x={"x": 1}), field(t={"x": 1}, x={"t": 1})]),
        (harmonic(), LAPLACE,
         [field(u={"t": 1}), field(t={"t": 1}, x={"x": 1}), field(t={"x": 1}, x={"t": -1})]),
    ],
    ids=["heat", "wave", "Laplace"],
)  # fmt: skip
def test_affine_symmetries_are_those_of_the_textbook(solutions, operator, more):
    expected = lie.Algebra(np.stack(ALWAYS + more))
    found = lie.discover_equation(solutions, (T, X), operator, lie.affine(3))
    assert found.dimension == expected.dim
    assert found.angle(expected) < 1e-5
    assert found.confidence == 1 and found.gap > 100
    assert found.closure().closes
    assert found.singular_values.max() <= np.sqrt(2)


def test_the_boost_of_the_heat_equation_is_a_quadratic_field():
    fields = lie.polynomial_fields(3, 2)
    found = lie.discover_equation(heat(12), (T, X), HEAT, fields)
    names = list(fields.dictionary.names)
    boost = np.zeros((3, len(names)))
    boost[1, names.index("x0")], boost[2, names.index("x1 x2")] = 2, -1
    flat = found.subspace.T
    row = boost.reshape(-1) / np.linalg.norm(boost)
    np.testing.assert_allclose(np.linalg.norm(flat @ row), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"solutions": np.ones((2, 41, 50))}, ValueError, "solutions must have shape"),
        ({"solutions": np.zeros((2, 41, 49))}, ValueError, "zero"),
        ({"solutions": np.full((2, 41, 49), np.nan)}, ValueError, "NaN"),
        ({"coordinates": (T**2, X)}, ValueError, "equally spaced"),
        ({"operator": {(4, 0): 1.0}}, ValueError, "orders from 0 to 3"),
        ({"operator": {}}, ValueError, "not zero"),
        ({"operator": {(2, 0): np.inf}}, ValueError, "finite"),
        ({"operator": LAPLACE}, ValueError, "do not solve"),
        ({"algebra": lie.affine(2)}, ValueError, "3 features"),
        ({"algebra": "affine"}, TypeError, "algebra"),
        ({"solutions": np.ones((1, 9, 49)), "coordinates": (T[:9], X)}, ValueError, "more than 16"),
    ],
)
def test_bad_equations(change, error, message):
    words = {
        "solutions": waves(),
        "coordinates": (T, X),
        "operator": WAVE,
        "algebra": lie.affine(3),
    }
    with pytest.raises(error, match=message):
        lie.discover_equation(**(words | change))
