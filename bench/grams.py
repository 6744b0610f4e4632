"""Cases: Gram matrices of the RBF kernel averaged over a group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups
from symkernel.groups import Group

from .peers import Array, Orbit


@dataclass(frozen=True)
class GramCase:
    """One Gram matrix, averaged over one group.

    Attributes
    ----------
    name, title : str
        Name for the command line and title for tables.
    n : int
        Number of samples of X, and of Y.
    symmetric : bool
        K(X, X) rather than K(X, Y).
    group : callable
        Makes the library's group.
    orbit : callable
        Makes the same elements with NumPy alone.
    method : str
        How the library averages; "sum" times the orbit sum where the planner knows better.
    """

    name: str
    title: str
    n: int
    symmetric: bool
    group: Callable[[], Group]
    orbit: Callable[[], Orbit]
    method: str = "auto"

    def data(self, dtype: type = np.float64, quick: bool = False) -> tuple[Array, Array | None]:
        """Return normal samples; quick mode takes 60."""
        n, d = (60 if quick else self.n), self.group().degree
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, d)).astype(dtype)
        return X, None if self.symmetric else rng.standard_normal((n, d)).astype(dtype)

    @property
    def gamma(self) -> float:
        """1/d, as scikit-learn's default."""
        return 1.0 / self.group().degree

    def kernel(self) -> InvariantKernel:
        """Return the kernel as a user writes it; gamma = 1 / (2 l^2)."""
        length_scale = (2 * self.gamma) ** -0.5
        return InvariantKernel(RBF(length_scale=length_scale), self.group(), method=self.method)


def shifts(d: int) -> Orbit:
    """All cyclic shifts of d features."""
    return [(np.roll(np.arange(d), s), None) for s in range(d)]


def octahedral(points: int) -> Orbit:
    """Signed permutations of the three axes, all 48, on points of R^3 stored row by row."""
    orbit = []
    for axes, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        indices = 3 * np.arange(points)[:, None] + np.array(axes)
        orbit.append((indices.ravel(), np.tile(np.array(signs, dtype=np.int8), points)))
    return orbit


def square(side: int) -> Orbit:
    """Rotations and reflections of a square image, all eight."""
    pixels = np.arange(side * side).reshape(side, side)
    turned = [np.rot90(pixels, k) for k in range(4)]
    return [(image.ravel().copy(), None) for t in turned for image in (t, t[:, ::-1])]


def _shift_generator(d: int) -> list[int]:
    return [int(i) for i in np.roll(np.arange(d), 1)]


GRAM_CASES = (
    GramCase(
        name="shifts",
        title="64 shifts of 64 features as an unstructured permutation group, K(X, Y)",
        n=1000,
        symmetric=False,
        group=lambda: groups.PermutationGroup([_shift_generator(64)]),
        orbit=lambda: shifts(64),
        method="sum",
    ),
    GramCase(
        name="cyclic",
        title="the same group recognised, K(X, X)",
        n=1000,
        symmetric=True,
        group=lambda: groups.PermutationGroup([_shift_generator(64)]),
        orbit=lambda: shifts(64),
    ),
    GramCase(
        name="octahedral",
        title="48 signed permutations of the axes, 8 points of R^3, K(X, X)",
        n=2000,
        symmetric=True,
        group=lambda: groups.PointGroup("Oh").along(1, (8, 3)),
        orbit=lambda: octahedral(8),
    ),
    GramCase(
        name="images",
        title="8 rotations and reflections of 8x8 images, K(X, X)",
        n=3000,
        symmetric=True,
        group=lambda: groups.Image((8, 8), "D4"),
        orbit=lambda: square(8),
    ),
)
