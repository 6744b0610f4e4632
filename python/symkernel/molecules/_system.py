"""Assemble and solve the joint system of energies and forces of one molecule."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import get_lapack_funcs

from symkernel.backends import joint
from symkernel.backends.joint import Components
from symkernel.backends.packed import diagonal
from symkernel.molecules._geometry import Geometry

Array = NDArray[Any]

# Numbers of moved directions held at once, beside the matrix.
_HELD = 2**22
# How often noise is raised tenfold for a matrix that is singular to working precision.
RAISES = 6


class System:
    """Which energies and forces of which structures are known.

    The rows of its matrix are the energies, in the order of their structures, then for one
    structure after the other the m derivatives along its directions.

    Parameters
    ----------
    geometry : Geometry
        Of n structures.
    pairs : ndarray of int of shape (G, p)
        What the group does to the features.
    valued, sloped : ndarray of bool of shape (n,)
        Where energies, and where forces are known.
    n_jobs : int or None
        Threads.
    """

    def __init__(
        self,
        geometry: Geometry,
        pairs: Array,
        valued: NDArray[np.bool_],
        sloped: NDArray[np.bool_],
        n_jobs: int | None = None,
    ) -> None:
        self.geometry, self.pairs, self.n_jobs = geometry, pairs, n_jobs
        self.valued, self.sloped = np.flatnonzero(valued), np.flatnonzero(sloped)
        self._basis, self._directions = geometry.take(self.sloped).directions
        self.m = int(self._directions.shape[1])

    def __len__(self) -> int:
        return len(self.valued) + len(self.sloped) * self.m

    @cached_property
    def images(self) -> Array:
        """Features of all structures under all elements, (n, G, p)."""
        return images_of(self.geometry.features, self.pairs)

    def targets(self, energies: Array, forces: Array) -> Array:
        """Return what is known of energies (n,) and forces (n, n_atoms, 3), one number a row."""
        slopes = -forces[self.sloped].reshape(len(self.sloped), forces[0].size, 1)
        return np.concatenate([energies[self.valued], (self._basis @ slopes).ravel()])

    def ridge(self, noise: Array) -> Array:
        """Return the variances of the noise of all rows, from those of energies and of forces."""
        found = np.full(len(self), noise[1])
        found[: len(self.valued)] = noise[0]
        return found

    def rows_of(self, structure: int) -> Array:
        """Return which rows belong to a structure: that of its energy, and of its derivatives."""
        count = len(self.valued)
        of_value = np.flatnonzero(self.valued == structure)
        of_slopes = [count + k * self.m + np.arange(self.m) for k in self._place(structure)]
        return np.concatenate([of_value, *of_slopes])

    def _place(self, structure: int) -> Array:
        return np.flatnonzero(self.sloped == structure)

    def turned(self, structure: int, along: Array) -> Array:
        """Return derivatives (..., m) along the directions of a structure as (..., n_atoms, 3)."""
        basis = self._basis[self._place(structure)[0]]
        found: Array = (along @ basis).reshape(*along.shape[:-1], -1, 3)
        return found

    def observe(self, values: Array, slopes: Array) -> Array:
        """Return the rows of a function with these values (n,) and derivatives (n, p)."""
        along = self._directions @ slopes[self.sloped][:, :, None]
        return np.concatenate([values[self.valued], along.ravel()])

    def fields(self, coefficients: Array) -> tuple[Array, Array]:
        """Return coefficients of the values (n,) and of the derivatives (n, p) of structures."""
        count = len(self.valued)
        a = np.zeros(len(self.geometry))
        b = np.zeros_like(self.geometry.features)
        a[self.valued] = coefficients[:count]
        along = coefficients[count:].reshape(len(self.sloped), 1, self.m)
        b[self.sloped] = (along @ self._directions)[:, 0]
        return a, b

    def packed(self, components: Components) -> Array:
        """Return the matrix of covariances in LAPACK's rectangular full packed format."""
        total, count = len(self), len(self.valued)
        array = np.empty(total * (total + 1) // 2)
        components = components.over(len(self.pairs))
        features, images = self.geometry.features, self.images
        values, points = features[self.valued], features[self.sloped]
        target = joint.Packed(array, total, 0, 0)
        jobs = self.n_jobs
        joint.values(components, images[self.valued], values, target, first=0, n_jobs=jobs)
        for start, stop in self._runs(self._directions[0].size if len(self.sloped) else 1):
            at = self.sloped[start:stop]
            moved = self._moved(start, stop)
            target = joint.Packed(array, total, count + start * self.m, 0)
            joint.slopes(components, images[at], moved, values, target, n_jobs=jobs)
            target = joint.Packed(array, total, count + start * self.m, count)
            own = points[:stop], self._directions[:stop]
            joint.mixed(components, images[at], moved, *own, target, first=start, n_jobs=jobs)
        return array

    def rows(self, components: Components, indices: Array, other: System | None = None) -> Array:
        """Return some rows of the matrix, (len(indices), N); or their covariances with others."""
        other = self if other is None else other
        components = components.over(len(self.pairs))
        count = len(self.valued)
        features, known = other.geometry.features, other.valued
        values, points = features[known], features[other.sloped]
        found = np.empty((len(indices), len(other)))
        here = np.flatnonzero(indices < count)
        there = np.flatnonzero(indices >= count)
        jobs = self.n_jobs
        own, B = self.images, other._directions
        split = len(known)
        if len(here):
            images = own[self.valued[indices[here]]]
            part = np.empty((len(here), len(other)))
            joint.values(components, images, values, joint.Dense(part), n_jobs=jobs)
            joint.cross_slopes(
                components, images, points, B, joint.Dense(part, 0, split), n_jobs=jobs
            )
            found[here] = part
        width = self.pairs.size
        for start in range(0, len(there), max(1, _HELD // width)):
            chosen = there[start : start + max(1, _HELD // width)]
            which, k = np.divmod(indices[chosen] - count, self.m)
            images = own[self.sloped[which]]
            A = self._directions[which, k][:, self.pairs][:, :, None]  # (q, G, 1, p)
            part = np.empty((len(chosen), len(other)))
            joint.slopes(components, images, A, values, joint.Dense(part), n_jobs=jobs)
            joint.mixed(components, images, A, points, B, joint.Dense(part, 0, split), n_jobs=jobs)
            found[chosen] = part
        return found

    def diagonal(self, components: Components) -> Array:
        """Return the variances of all rows."""
        components = components.over(len(self.pairs))
        found = np.empty(len(self))
        count = len(self.valued)
        features, images = self.geometry.features, self.images
        entry = np.empty((1, 1))
        block = np.empty((self.m, self.m))
        for row, i in enumerate(self.valued):
            joint.values(components, images[i : i + 1], features[i : i + 1], joint.Dense(entry))
            found[row] = entry[0, 0]
        for k, i in enumerate(self.sloped):
            here, B = images[i : i + 1], self._directions[k : k + 1]
            point = features[i : i + 1]
            joint.mixed(components, here, self._moved(k, k + 1), point, B, joint.Dense(block))
            found[count + k * self.m : count + (k + 1) * self.m] = np.diagonal(block)
        return found

    def product(self, components: Components, vector: Array) -> Array:
        """Return the matrix times a vector (N,), without the matrix."""
        values, slopes = self.function(components, vector)(self.geometry.features)
        return self.observe(values, slopes)

    def function(self, components: Components, coefficients: Array) -> Function:
        """Return the function of these coefficients."""
        own = self.geometry.features, *self.fields(coefficients)
        return Function(components, self.pairs, *own, n_jobs=self.n_jobs)

    def _moved(self, start: int, stop: int) -> Array:
        """Directions of some structures under all elements, (k, G, m, p)."""
        part = self._directions[start:stop]
        return np.ascontiguousarray(part[:, :, self.pairs].transpose(0, 2, 1, 3))

    def _runs(self, width: int) -> list[tuple[int, int]]:
        step = max(1, _HELD // (width * len(self.pairs)))
        n = len(self.sloped)
        return [(start, min(start + step, n)) for start in range(0, n, step)]


class Function:
    """The sum over structures y of ``[a + b . grad_y] K(x, y)``.

    Parameters
    ----------
    components : Components
        The kernel before it is averaged.
    pairs : ndarray of int of shape (G, p)
        The group.
    Y : ndarray of shape (m, p)
        Features of the structures.
    a, b : ndarray of shape (m,), (m, p)
        Coefficients.
    """

    def __init__(
        self,
        components: Components,
        pairs: Array,
        Y: Array,
        a: Array,
        b: Array,
        n_jobs: int | None = None,
    ) -> None:
        self._fields = joint.Fields(components.over(len(pairs)), Y, a, b)
        self._pairs, self._n_jobs = pairs, n_jobs
        self._back = np.argsort(pairs, axis=1)
        self._elements = np.arange(len(pairs))[:, None]

    def __call__(self, features: Array, gradient: bool = True) -> tuple[Array, Array]:
        """Return values (n,) and derivatives (n, p); of no use without `gradient`."""
        images = images_of(features, self._pairs)
        values, slopes = self._fields.apply(images, gradient, self._n_jobs)
        if slopes is None:
            return values, features
        return values, slopes[:, self._elements, self._back].sum(axis=1)


def images_of(rows: Array, pairs: Array) -> Array:
    """Return rows (n, p) under all elements, (n, G, p)."""
    return np.ascontiguousarray(rows[:, pairs])


class Factor:
    """Cholesky factor of the matrix with noise on its diagonal, bordered by a constant.

    Parameters
    ----------
    packed : ndarray of shape (N (N + 1) / 2,)
        The matrix, to be overwritten.
    noise : ndarray of shape (N,)
        Variances of the noise.
    valued : int
        How many rows, the first, are of energies, that a constant is added to.

    Raises
    ------
    ArithmeticError
        If the matrix is not positive definite to working precision.

    Notes
    -----
    The constant has no prior: c = 1^T A^-1 y / 1^T A^-1 1. N^3 / 3 multiply-adds.
    """

    def __init__(self, packed: Array, noise: Array, valued: int) -> None:
        n = len(noise)
        first, second = diagonal(packed, n)
        first += noise[: len(first)]
        second += noise[len(first) :]
        pftrf, self._pftrs = get_lapack_funcs(("pftrf", "pftrs"), (packed,))
        self._factor, info = pftrf(n, packed, transr="N", uplo="L", overwrite_a=True)
        if info != 0:
            raise ArithmeticError(f"pivot {info} of {n} is not positive")
        self._size = n
        ones = np.zeros(n)
        ones[:valued] = 1.0
        self._ones = ones if valued else None
        if valued:
            self._border = self._solve(ones[:, None])[:, 0]
            self.precision = float(ones @ self._border)

    def solve(self, right: Array, sums: Array | float = 0.0) -> tuple[Array, Array]:
        """Return x (N, t) with A x + 1 c = right (N, t) and 1^T x = sums (t,), and c (t,)."""
        found = self._solve(right)
        if self._ones is None:
            return found, np.zeros(right.shape[1])
        constants = (self._ones @ found - sums) / self.precision
        found -= self._border[:, None] * constants
        return found, constants

    def _solve(self, right: Array) -> Array:
        right = np.array(right, dtype=np.float64, order="F")
        found: Array = self._pftrs(self._size, self._factor, right, uplo="L", overwrite_b=True)[0]
        return found


def factored(
    system: System,
    components: Components,
    noise: Array,
    progress: Callable[[str, int, int, str], None] | None = None,
) -> tuple[Factor, Array]:
    """Factor the matrix of a system, with more noise where it is singular without.

    Parameters
    ----------
    system : System
        N rows.
    components : Components
        The kernel.
    noise : ndarray of shape (2,)
        Variances of the noise of energies and of forces.
    progress : callable or None
        Told before the matrix, and before its factor.

    Returns
    -------
    factor : Factor
    noise : ndarray of shape (2,)
        Raised tenfold until there is a factor, from rounding of the matrix on.

    Raises
    ------
    ArithmeticError
        If there is none with a million times the noise.
    """
    count, words = len(system.valued), f"{len(system)} rows"
    tell = progress or (lambda stage, done, total, message: None)
    for _ in range(RAISES + 1):
        tell("matrix", 0, 2, words)
        packed = system.packed(components)
        tell("factor", 1, 2, words)
        variances = np.concatenate(diagonal(packed, len(system)))
        try:
            return Factor(packed, system.ridge(noise), count), noise
        except ArithmeticError:
            del packed
        kinds = variances[:count], variances[count:]
        rounding = [own.mean() if len(own) else 0.0 for own in kinds]
        noise = 10.0 * np.maximum(noise, np.finfo(np.float64).eps * np.array(rounding))
    raise ArithmeticError(
        f"the matrix of {len(system)} energies and forces is singular to working precision, with a "
        f"noise of {noise[0]:.1e} and {noise[1]:.1e}, raised {RAISES} times, as well: structures "
        "repeat each other; leave repeats out, or choose a larger noise"
    )
