"""Turn maps of angles into orthogonal matrices on their cosines and sines."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from symkernel.groups import Group, MatrixGroup, PermutationGroup, SignedPermutation, Trivial
from symkernel.groups._arrays import exact_element
from symkernel.groups.elements import Element
from symkernel.groups.factor import Factor
from symkernel.groups.lattice_motion import LatticeMotion

__all__ = ["points_of_circles"]

Modes = tuple[tuple[int, ...], ...]

# Cosine and sine of quarter turns, exactly.
_QUARTERS = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))


def points_of_circles(group: Group, modes: Modes | None = None) -> Group:
    """Return what a finite group of maps of angles does to their points (cos, sin).

    Parameters
    ----------
    group : Group
        Signed permutations of angles, motions of fractional coordinates, and their products.
    modes : tuple of tuples of int, optional
        Frequencies whose angles are meant, at points of as many coordinates.

    Returns
    -------
    Group
        Linear, on 2 features for every angle: cosine and sine of each in turn. Of signed
        permutations, and so are motions whose shifts are quarters; of matrices otherwise.

    Raises
    ------
    ValueError
        If the group does not map the modes, or without modes the coordinates, to each other.
    """
    if modes is None and not group._on_lattice:
        return _signed(group)
    nontrivial = group.structure.nontrivial
    if not nontrivial:
        circles = group.degree if modes is None else group.degree // len(modes[0]) * len(modes)
        return Trivial(2 * circles)
    parts = [_factor(group, factor, modes) for factor in nontrivial]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole * part
    return whole


def _signed(group: Group) -> Group:
    """The action of signed permutations of angles on their points."""
    shape = (group.degree, 2)
    if group.is_permutation:
        return group.along(0, shape)
    elements = []
    for g in group.generators:
        assert isinstance(g, SignedPermutation)
        indices = (2 * np.asarray(g.indices)[:, None] + np.arange(2)).ravel()
        signs = np.ones(shape, dtype=np.int8)
        if g.signs is not None:
            signs[:, 1] = g.signs  # the angle -x has the sine of x with the other sign
        elements.append(SignedPermutation(indices, signs.ravel()))
    return PermutationGroup(elements, degree=2 * group.degree)


def _factor(whole: Group, factor: Factor, modes: Modes | None) -> Group:
    """One factor, on the angles of all modes at all points."""
    group, axes, shape = factor.group, factor.axes, factor.shape
    if modes is None:
        if group.is_permutation:
            return group.along(axes, (*shape, 2))
        units: Modes = tuple(map(tuple, np.eye(group.degree, dtype=int).tolist()))
        return _on_circles(group, units).along((*axes, len(shape)), (*shape, 2))
    d, last = len(modes[0]), len(shape) - 1
    # Coordinates are the last axis of the samples, or a part of it.
    if last not in axes and shape[last] % d == 0:
        return _beside(group, axes, (*shape[:last], shape[last] // d * len(modes), 2))
    if axes == (last,) and shape[last] == d:
        moved = _on_circles(group, modes)
        return moved.along((last, last + 1), (*shape[:last], len(modes), 2))
    raise ValueError(
        f"modes={modes!r} are of the coordinates along the last axis of a sample, {d} at a time, "
        f"which {group!r} of {whole!r} does not move alone"
    )


def _beside(group: Group, axes: tuple[int, ...], shape: tuple[int, ...]) -> Group:
    """Permutations of points, whose angles go with them, and whose signs are those of sines."""
    if group.is_permutation:
        return group.along(axes, shape)
    return _signed(group).along((*axes, len(shape) - 1), shape)


def _on_circles(group: Group, modes: Modes) -> Group:
    """Motions of d coordinates, on the points of the angles of modes."""
    elements = [_matrix(group, g, modes) for g in group.generators]
    signed = [g for g in elements if isinstance(g, SignedPermutation)]
    if len(signed) == len(elements):
        return PermutationGroup(signed, degree=2 * len(modes))
    return MatrixGroup(elements, limit=max(20_000, int(group.order)))


def _matrix(group: Group, element: Element, modes: Modes) -> Element:
    """The matrix M with c(g.x) = M c(x), c(x) the cosines and sines of the angles k.x."""
    motion = LatticeMotion.of(element)
    assert motion is not None  # signed permutations are motions too
    numerators, denominator = motion.fractions
    place = {k: row for row, k in enumerate(modes)}
    matrix = np.zeros((len(modes), 2, len(modes), 2))
    for row, k in enumerate(modes):
        image = (np.array(k) @ motion.rotation).tolist()
        sign = 1.0 if tuple(image) in place else -1.0
        source = place.get(tuple(image), place.get(tuple(-entry for entry in image)))
        if source is None:
            raise ValueError(
                f"{group!r} takes the frequency {list(k)} to {image}, which the von Mises kernel "
                f"does not compare, so that it is not invariant: give it modes=group.star(), here "
                f"{_star(group)}; heat and Sobolev kernels of spectral.LatticeTorus are invariant "
                "in the metric of the lattice"
            )
        cosine, sine = _turn(Fraction(int(np.dot(k, numerators)), denominator))
        # cos(s a + p) and sin(s a + p) of the angle a of the source, s = +-1
        matrix[row, :, source, :] = [[cosine, -sign * sine], [sine, sign * cosine]]
    return exact_element(matrix.reshape(2 * len(modes), -1))


def _star(group: Group) -> object:
    star = getattr(group, "star", None)
    return "those of the SpaceGroup" if star is None else star()


def _turn(turns: Fraction) -> tuple[float, float]:
    """Cosine and sine of a number of turns; quarters are exact."""
    rest = turns % 1
    if (4 * rest).denominator == 1:
        return _QUARTERS[int(4 * rest)]
    angle = 2.0 * math.pi * float(rest)
    return math.cos(angle), math.sin(angle)
