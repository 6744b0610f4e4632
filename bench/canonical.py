"""Cases: canonical forms of large batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from symkernel import groups
from symkernel.backends.canonical import ImageTable, least_images
from symkernel.canonical.frames import FrameForm
from symkernel.canonical.rotation import RotationForm
from symkernel.canonical.sorting import SortForm

from . import plain
from .peers import Array

Form = Callable[[Array], Array]


@dataclass(frozen=True)
class BatchPeer:
    """A peer, and the number of samples it is timed on: times are compared per sample."""

    form: Form
    rows: int


@dataclass(frozen=True)
class CanonicalCase:
    """Representatives of n samples.

    Attributes
    ----------
    name, title : str
        Name for the command line and title for tables.
    n, quick_n : int
        Number of samples; the second in quick mode.
    sample : callable
        Draws (n, d) samples from a generator.
    ours : callable
        Representatives, from samples and the number of threads.
    rivals : dict
        Peers by name.
    tolerance : float
        Largest difference from NumPy's answer; 0 where answers are equal bit for bit.
    """

    name: str
    title: str
    n: int
    quick_n: int
    sample: Callable[[np.random.Generator, int], Array]
    ours: Callable[[Array, int], Array]
    rivals: Mapping[str, BatchPeer]
    tolerance: float = 0.0

    def data(self, quick: bool = False) -> Array:
        """Return the samples; quick mode takes fewer."""
        return self.sample(np.random.default_rng(0), self.quick_n if quick else self.n)


def _normal(rng: np.random.Generator, n: int) -> Array:
    return rng.standard_normal((n, 64))


def _few_values(rng: np.random.Generator, n: int) -> Array:
    return rng.integers(0, 3, size=(n, 64)).astype(np.float64)


def _sorted(X: Array, n_jobs: int) -> Array:
    return SortForm(groups.Symmetric(64)).representatives(X, n_jobs)


def _rotated(X: Array, n_jobs: int) -> Array:
    return RotationForm(groups.Cyclic(64)).representatives(X, n_jobs)


# A list that is no group, as large as one may be: its trie has a child for every feature.
_LIST = np.random.default_rng(1).permuted(np.tile(np.arange(64, dtype=np.int32), (1000, 1)), axis=1)
_TABLE = ImageTable(_LIST, 64)


def _least(X: Array, n_jobs: int) -> Array:
    return least_images(_TABLE, X, details=False, n_jobs=n_jobs).images


def _clouds(rng: np.random.Generator, n: int) -> Array:
    return rng.standard_normal((n, 30))


def _framed(X: Array, n_jobs: int) -> Array:
    return FrameForm(groups.SO(3).along(1, (10, 3))).representatives(X, n_jobs)


_ROTATIONS = {
    "numpy": BatchPeer(plain.numpy_least_rotations, rows=20_000),
    "plain C++": BatchPeer(plain.plain_least_rotations, rows=20_000),
}

CANONICAL_CASES = (
    CanonicalCase(
        name="sort",
        title="S_64: sorted rows",
        n=200_000,
        quick_n=50,
        sample=_normal,
        ours=_sorted,
        rivals={"numpy": BatchPeer(plain.numpy_sort, rows=200_000)},
    ),
    CanonicalCase(
        name="rotation",
        title="C_64: least rotations, random numbers",
        n=20_000,
        quick_n=50,
        sample=_normal,
        ours=_rotated,
        rivals=_ROTATIONS,
    ),
    CanonicalCase(
        name="rotation-tied",
        title="C_64: least rotations, three values",
        n=20_000,
        quick_n=50,
        sample=_few_values,
        ours=_rotated,
        rivals=_ROTATIONS,
    ),
    CanonicalCase(
        name="least-image",
        title="1000 permutations of 64 numbers: least images",
        n=20_000,
        quick_n=20,
        sample=_normal,
        ours=_least,
        rivals={
            "numpy": BatchPeer(lambda X: plain.numpy_least_images(X, _LIST), rows=500),
            "plain C++": BatchPeer(lambda X: plain.plain_least_images(X, _LIST), rows=5000),
        },
    ),
    CanonicalCase(
        name="frames",
        title="SO(3): moment frames of 10 points",
        n=200_000,
        quick_n=50,
        sample=_clouds,
        ours=_framed,
        rivals={"numpy": BatchPeer(plain.numpy_frames, rows=200_000)},
        # Eigenvectors carry rounding over the gap of their eigenvalues.
        tolerance=1e-8,
    ),
)
CANONICAL_PEERS = ("numpy", "plain C++")
