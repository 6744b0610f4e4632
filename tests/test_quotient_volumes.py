"""Volumes of quotients: maps that factors share, orbits they keep, errors that hold."""

import math

import numpy as np
import pytest
from symkernel import groups, theory
from symkernel.spectral import Product, Sphere, Torus

ANGLES = 2 * np.pi
CIRCLE = groups.Torus(1).along(1, (2, 1))
DIAGONAL = groups.Torus(1).along(1, (4, 1))
FLIP = groups.PermutationGroup([groups.SignedPermutation([1, 0], [-1, -1])])


def together(*parts):
    product = parts[0]
    for part in parts[1:]:
        product = product * part
    return product


# A subgroup of finite order, and how many orbits of the continuous group it takes one to.
SHARED = [
    # -1 lies in both
    (Sphere(4), [groups.O(2).along(1, (2, 2))], groups.SignFlips(2).along(0, (2, 2)), 2),
    (Sphere(4), [groups.SO(2).along(1, (2, 2))], groups.SignFlips(2).along(0, (2, 2)), 2),
    (Sphere(6), [groups.O(3).along(1, (2, 3))], groups.SignFlips(2).along(0, (2, 3)), 2),
    # not in SO(3), but two points leave a direction to turn in; three do not
    (Sphere(6), [groups.SO(3).along(1, (2, 3))], groups.SignFlips(2).along(0, (2, 3)), 2),
    (Sphere(9), [groups.SO(3).along(1, (3, 3))], groups.SignFlips(3).along(0, (3, 3)), 8),
    (Sphere(9), [groups.O(3).along(1, (3, 3))], groups.SignFlips(3).along(0, (3, 3)), 4),
    (Sphere(9), [groups.O(3).along(1, (3, 3))], groups.Symmetric(3).along(0, (3, 3)), 6),
    # along the same axes: a subgroup adds nothing
    (
        Sphere(6),
        [groups.SO(2).along(1, (3, 2))],
        groups.PointGroup("C4", degree=2).along(1, (3, 2)),
        1,
    ),
    # of two coordinates shifted together, minus the swap is a shift
    (Torus(2, ANGLES), [CIRCLE], FLIP, 1),
    (Torus(2, ANGLES), [CIRCLE], groups.Symmetric(2).along(0, (2, 1)), 2),
    (
        Torus(4, ANGLES),
        [groups.Torus(1).along(1, (4, 1))],
        groups.Symmetric(4).along(0, (4, 1)),
        24,
    ),
]


@pytest.mark.parametrize(("manifold", "parts", "finite", "images"), SHARED, ids=str)
def test_what_factors_share_is_divided_out(manifold, parts, finite, images):
    alone = theory.quotient(manifold, together(*parts))
    found = theory.quotient(manifold, together(*parts, finite))
    assert found.dim == alone.dim
    assert found.volume == pytest.approx(alone.volume / images, rel=1e-12)


def test_the_leading_term_of_a_group_that_holds_minus_one_twice():
    group = groups.O(2).along(1, (2, 2)) * groups.SignFlips(2).along(0, (2, 2))
    eigenvalue = Sphere(4).levels(60)[-1].eigenvalue
    assert theory.weyl_estimate(Sphere(4), group, eigenvalue) == pytest.approx(232.5)
    assert theory.invariant_dimension(Sphere(4), group, 60) == 256


# Closed forms: a half disc, a circle and a half of one, an interval.
KNOWN = [
    (Sphere(6), groups.SO(3).along(1, (2, 3)), math.pi / 2),
    (Sphere(6), groups.O(3).along(1, (2, 3)), math.pi / 2),
    (Sphere(10), groups.O(5).along(1, (2, 5)), math.pi / 2),
    (Sphere(4), groups.SO(2).along(1, (2, 2)), math.pi),
    (Sphere(4), groups.O(2).along(1, (2, 2)), math.pi / 2),
    (Product(Sphere(2), Sphere(2)), groups.SO(2).along(1, (2, 2)), math.sqrt(2) * math.pi),
    (Product(Sphere(3), Sphere(3)), groups.SO(3).along(1, (2, 3)), math.pi / math.sqrt(2)),
]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("manifold", "group", "volume"), KNOWN, ids=str)
def test_closed_forms_within_three_errors(manifold, group, volume, seed):
    found = theory.quotient(manifold, group, random_state=seed, n_samples=2_000)
    assert abs(found.volume - volume) <= 3 * found.error


@pytest.mark.parametrize(
    ("manifold", "group"),
    [
        (Sphere(9), groups.SO(3).along(1, (3, 3))),
        (Sphere(12), groups.O(3).along(1, (4, 3))),
        (Sphere(12), groups.SO(4).along(1, (3, 4))),
        (Product(Sphere(3), Sphere(6)), groups.O(3).along(1, (3, 3))),
        (Product(Sphere(8), Sphere(4)), groups.SO(4).along(1, (3, 4))),
    ],
    ids=str,
)
def test_volumes_are_means_over_velocities(manifold, group):
    """Against uniform points, moved by the Lie algebra; twelve seeds within three errors."""
    (head,) = group.factors()
    n, p = head.group.degree, math.prod(head.shape) // head.group.degree
    points = manifold.random_points(40_000, 0)
    velocities = np.stack([xi.apply(points) for xi in group.lie_algebra], axis=1)
    gram = 2.0 * p * velocities @ velocities.swapaxes(1, 2)
    values = np.linalg.eigvalsh(gram)
    positive = values > 1e-9 * values[:, -1:]
    jacobian = np.sqrt(np.where(positive, values, 1.0).prod(axis=1))
    spheres = math.prod(theory.volume(Sphere(k + 1)) for k in range(max(n - p, 1), n))
    sides = 2.0 if isinstance(head.group, groups.O) and p >= n else 1.0
    shares = theory.volume(manifold) / (spheres * sides * jacobian)
    many = theory.quotient(manifold, group, n_samples=100_000)
    assert many.volume == pytest.approx(shares.mean(), rel=0.03)
    assert many.dim == manifold.dim - int(np.median(positive.sum(axis=1)))
    for seed in range(12):
        found = theory.quotient(manifold, group, n_samples=5_000, random_state=100 + seed)
        allowed = 3 * math.hypot(found.error, many.error) + 1e-12 * many.volume
        assert abs(found.volume - many.volume) <= allowed


def test_elements_are_listed_only_where_they_may_keep_an_orbit():
    group = groups.SO(2).along(1, (9, 2)) * groups.Hyperoctahedral(9).along(0, (9, 2))
    alone = theory.quotient(Sphere(18), groups.SO(2).along(1, (9, 2)), n_samples=100)
    found = theory.quotient(Sphere(18), group, n_samples=100)
    assert found.volume * 2**8 * math.factorial(9) == pytest.approx(alone.volume)
    pairs = groups.Torus(10).along(1, (2, 10)) * groups.Symmetric(10).along(1, (2, 10))
    with pytest.raises(ValueError, match="at most 200,000 elements beside its continuous part"):
        theory.quotient(Torus(20, ANGLES), pairs)
