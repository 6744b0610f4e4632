"""Estimate how many eigenfunctions there are in the end, on a manifold and on its quotient."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symkernel.groups import Group
from symkernel.groups.factor import Factor
from symkernel.spectral import SO3, LatticeTorus, Manifold, Product, Sphere, Torus
from symkernel.spectral.manifold import as_level
from symkernel.theory.counts import as_manifold
from symkernel.theory.orbit_volumes import inverse_volumes, n_copies, n_images, shift_images
from symkernel.validation import RandomState, as_generator

__all__ = ["Quotient", "quotient", "volume", "weyl_estimate"]

Array = NDArray[np.float64]

# Entries of bases of shifts below this are zero.
_RANK = 1e-9
# Relative error of a closed form.
_ROUNDING = 1e-15
_SAMPLES = 20_000


@dataclass(frozen=True)
class Quotient:
    """Size of the space of orbits M/G.

    Attributes
    ----------
    dim : int
        Dimension of M less that of an orbit in general position.
    volume : float
        Volume for the metric in which the distance of two orbits is that of their nearest points.
    error : float
        Standard error of the volume: 0 for finite groups, rounding where all orbits that are drawn
        tell the same volume; else it is a mean over random points.
    """

    dim: int
    volume: float
    error: float = 0.0

    def weyl(self, eigenvalue: float) -> float:
        """Return omega_d / (2 pi)^d vol eigenvalue^(d/2), omega_d the volume of the unit ball."""
        ball = math.pi ** (self.dim / 2) / math.gamma(self.dim / 2 + 1)
        scale = ball / (2.0 * math.pi) ** self.dim * self.volume
        return float(scale * eigenvalue ** (self.dim / 2))


def volume(manifold: Manifold) -> float:
    """Return the Riemannian volume of a manifold, in the metric of its eigenvalues.

    Parameters
    ----------
    manifold : Manifold
        A compact one: not ``Polynomials``.

    Returns
    -------
    float
        period^d for a torus, that of the cell for a lattice, 2 pi^(d/2) / Gamma(d/2) for the sphere
        of R^d, 8 pi^2 for SO(3), the product for products.

    Raises
    ------
    TypeError, ValueError
        If the manifold is none, or not compact.

    Examples
    --------
    >>> from symkernel import theory
    >>> from symkernel.spectral import Sphere
    >>> round(theory.volume(Sphere(3)), 6)
    12.566371
    """
    as_manifold(manifold)
    if isinstance(manifold, Torus):
        return float(manifold.period**manifold.dim)
    if isinstance(manifold, LatticeTorus):
        return float(abs(np.linalg.det(manifold.lattice)))
    if isinstance(manifold, Sphere):
        return _sphere(manifold.dim)
    if isinstance(manifold, SO3):
        return 8.0 * math.pi**2  # half of a 3-sphere of radius 2, whose eigenvalues are l (l + 1)
    if isinstance(manifold, Product):
        return math.prod(volume(factor) for factor in manifold.factors)
    raise ValueError(f"manifold must be compact to have a volume, got {manifold!r}")


def quotient(
    manifold: Manifold,
    group: Group | None,
    *,
    n_samples: int = _SAMPLES,
    random_state: RandomState = 0,
) -> Quotient:
    """Return dimension and volume of the space of orbits.

    Parameters
    ----------
    manifold : Manifold
        A compact one.
    group : Group or None
        It must act on the manifold; None for the trivial one. Infinite groups are products of
        finite groups with one SO(n) or O(n) that turns points, or with shifts of a torus. Maps
        that the factors share, and those that take no orbit to another, are counted once.
    n_samples : int, default=20,000
        Random points for the volume of infinite groups.
    random_state : int, numpy Generator, numpy RandomState or None, default=0

    Returns
    -------
    Quotient

    Raises
    ------
    TypeError, ValueError
        If the group does not act, or the volume of its orbits is not known.

    Notes
    -----
    For a finite group of order N the volume is vol(M) / N. Else it is the mean over points x of
    vol(M) / vol(Gx), as M is made of the orbits. For rotations vol(Gx) = vol(G) / vol(H) times the
    product of the speeds at which x moves under turns of unit speed in the planes of its principal
    axes, where H is the part of G that fixes x; for p points in general position H is SO(n - p), or
    O(n - p). Points are drawn so that the mean has a variance also where 1 / vol(Gx) has none, at
    collinear points. The dimension of an orbit is that of G less that of H.

    Examples
    --------
    >>> from symkernel import groups, theory
    >>> from symkernel.spectral import Sphere
    >>> theory.quotient(Sphere(3), groups.PointGroup("O")).dim
    2
    >>> theory.quotient(Sphere(6), groups.SO(3).along(1, (2, 3))).dim
    2
    """
    total = volume(manifold)
    if group is None:
        return Quotient(manifold.dim, total)
    manifold.check(group)
    if group.is_finite:
        return Quotient(manifold.dim, total / group.order)
    continuous = group.structure.continuous
    turning = [f for f in continuous if f.group.role.rotates]
    others = group.structure.finite
    shifts = len(group._shift_basis) > 0
    known = len(turning) + shifts == 1 and (isinstance(manifold, Torus) or not shifts)
    roles = [f.group.role for f in continuous]
    if any(role.parts or role.power for role in roles) or not known or isinstance(manifold, SO3):
        raise ValueError(
            f"group must have at most one SO(n) or O(n) beside finite groups, or shifts: the "
            f"volume of the orbits of {group!r} on {manifold!r} is not known"
        )
    rng = as_generator(random_state)
    x = manifold.random_points(1, rng)[0]
    if turning:
        (head,) = turning
        values, dim = inverse_volumes(
            head.group.degree, _points_of_spheres(manifold, head), n_samples, rng
        )
        whole = _group_volume(head) * n_images(head, others, x)
    else:
        assert isinstance(manifold, Torus)
        basis = group._shift_basis
        values, dim = np.ones(1), len(basis)  # orbits of shifts are alike
        whole = _shift_volume(manifold, group) * shift_images(basis, others, x, manifold.period)
    shares = total / whole * values
    mean = float(shares.mean())
    error = max(float(shares.std() / math.sqrt(len(shares))), _ROUNDING * mean)
    return Quotient(manifold.dim - dim, mean, error)


def weyl_estimate(
    manifold: Manifold,
    group: Group | None,
    eigenvalue: float,
    *,
    n_samples: int = _SAMPLES,
    random_state: RandomState = 0,
) -> float:
    """Estimate by Weyl's law the number of invariant functions up to an eigenvalue.

    omega_d / (2 pi)^d vol(M/G) eigenvalue^(d/2) with d = dim(M/G); what it leaves out grows as
    eigenvalue^((d - 1)/2), so it says little until there are many functions. The exact number is
    ``invariant_dimension``.

    Parameters
    ----------
    manifold : Manifold
    group : Group or None
    eigenvalue : float
        Of minus the Laplacian, at least 0: ``levels(...)[k].eigenvalue``.
    n_samples, random_state
        As for ``quotient``.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        As ``quotient``, or if the eigenvalue is negative.

    References
    ----------
    B. Tahmasebi and S. Jegelka, "The exact sample complexity gain from invariances for kernel
    regression", NeurIPS 2023.

    Examples
    --------
    >>> from symkernel import groups, theory
    >>> from symkernel.spectral import Sphere
    >>> G = groups.PointGroup("O")
    >>> theory.weyl_estimate(Sphere(3), G, 30 * 31), theory.invariant_dimension(Sphere(3), G, 30)
    (38.75, 41)
    """
    value = as_level(eigenvalue, "eigenvalue")
    size = quotient(manifold, group, n_samples=n_samples, random_state=random_state)
    return size.weyl(value)


def _sphere(dim: int) -> float:
    return float(2.0 * math.pi ** ((dim + 1) / 2) / math.gamma((dim + 1) / 2))


def _points_of_spheres(manifold: Manifold, head: Factor) -> list[int]:
    """Numbers of turned points on each sphere of the manifold."""
    spheres = manifold.factors if isinstance(manifold, Product) else (manifold,)
    if not all(isinstance(sphere, Sphere) for sphere in spheres):
        raise ValueError(
            f"manifold must be a sphere or a product of spheres to be turned, got {manifold!r}"
        )
    return [sphere.n_features // head.group.degree for sphere in spheres]


def _group_volume(factor: Factor) -> float:
    """vol(G) / vol(H) for rotations of unit speed in one plane having norm 1.

    vol(SO(n)) = vol(S^1) ... vol(S^(n-1)), and the quotient by SO(n - p) leaves the last p.
    """
    n, p = factor.group.degree, n_copies(factor)
    found = math.prod(_sphere(k) for k in range(max(n - p, 1), n))
    # O(n) by the trivial group has two components; by O(n - p) one, which is that of SO.
    return found * (2.0 if factor.group.role.reflections and p >= n else 1.0)


def _shift_volume(manifold: Manifold, group: Group) -> float:
    """Volume of the shifts of a torus, orthonormal basis: closed orbits of one period.

    A basis of indicators of disjoint sets of coordinates, as those of shifts along an axis are:
    to come back, each has to go one period in every coordinate it moves.
    """
    assert isinstance(manifold, Torus)
    basis = np.abs(group._shift_basis)
    moved = basis > _RANK
    if (moved.sum(axis=0) > 1).any() or not np.allclose(
        basis, moved / np.sqrt(moved.sum(axis=1, keepdims=True))
    ):
        raise ValueError(f"group must shift sets of coordinates together, got {group!r}")
    return float(math.prod(manifold.period * math.sqrt(k) for k in moved.sum(axis=1)))
