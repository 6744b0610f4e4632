"""Count what a pair of samples costs, and estimate time and memory of a Gram matrix from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import TypeAlias

import numpy as np

from symkernel.backends import cpu
from symkernel.backends.element_tables import SignedPermutationTable

__all__ = ["Cost", "Estimate", "estimate", "in_bytes", "in_seconds"]

NativeKernel: TypeAlias = tuple[str, tuple[float, ...]]

# A rate is the second best of some short measurements: the best may be a burst of the clock, and
# the others are what is left beside other programs.
_MEASURED_FOR, _MEASURED_TIMES = 0.001, 7
# Real loops reach these shares of the rates on registers (of multiply-adds, of exponentials), and
# take this many seconds to write a value.
_SHARE, _SHARE_OF_MAPS, _WRITE = 0.5, 0.7, 2e-9
_DOUBLE = 8
# Samples on each side, features and elements of the sum in which a kernel's function is timed: an
# exponential takes 30 us in it.
_TIMED_SAMPLES, _TIMED_FEATURES, _TIMED_ELEMENTS = 32, 4, 64


@dataclass(frozen=True)
class Cost:
    """Arithmetic per pair of samples.

    Parameters
    ----------
    multiply_adds : float
        Multiply-adds that produce the inner products.
    maps : float
        Evaluations of the base kernel's scalar function (an exponential for RBF).
    kernel : tuple of (str, tuple of float), optional
        Native kernel whose function it is, which is timed for estimates in seconds; None for an
        exponential.
    """

    multiply_adds: float
    maps: float
    kernel: NativeKernel | None = None

    # A scalar map takes about as long as this many multiply-adds (measured: 67 G multiply-adds and
    # 3.1 G exponentials per second and core with AVX-512, 15 and 1.1 with AVX2).
    MAP_WEIGHT = 20.0

    @property
    def total(self) -> float:
        """Cost in multiply-adds."""
        return self.multiply_adds + self.MAP_WEIGHT * self.maps

    def __str__(self) -> str:
        return f"{self.multiply_adds:,.0f} multiply-adds + {self.maps:,.0f} kernel maps per pair"


@dataclass(frozen=True)
class Estimate:
    """What a Gram matrix in double precision takes on the CPU.

    Attributes
    ----------
    n, m : int
        Samples on either side; m is None for the symmetric matrix K(X, X).
    seconds : float
        Estimate of the time; nan where the cost is set by the data.
    threads : int
        Threads it is for.
    gram : int
        Bytes of the Gram matrix.
    packed : int
        Bytes of the symmetric matrix in packed form, which solvers take; 0 where m is given.
    samples : int
        Bytes of the samples.
    prepared : int
        Bytes of the samples as the plan prepares them; 0 where it keeps none.
    scratch : int
        Bytes of the tables that all threads together write.
    """

    n: int
    m: int | None
    seconds: float
    threads: int
    gram: int
    packed: int
    samples: int
    prepared: int
    scratch: int

    def __str__(self) -> str:
        shape = f"{self.n:,} x {self.n if self.m is None else self.m:,}"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        time = "a time set by the data"
        if not math.isnan(self.seconds):
            took = in_seconds(self.seconds)
            time = f"about {took} on {threads}, estimated from this machine's rates"
        parts = [f"Gram matrix {in_bytes(self.gram)}"]
        if self.packed:
            parts.append(f"or {in_bytes(self.packed)} packed")
        parts.append(f"samples {in_bytes(self.samples)}")
        if self.prepared:
            parts.append(f"prepared {in_bytes(self.prepared)}")
        if self.scratch:
            parts.append(f"scratch {in_bytes(self.scratch)}")
        return f"{shape}: {time}; {', '.join(parts)}"


def estimate(
    cost: Cost, n: int, m: int | None, n_features: int, prepares: bool = False, scratch: int = 0
) -> Estimate:
    """Estimate what the Gram matrix of n samples, or of n and m, takes.

    Parameters
    ----------
    cost : Cost
        Arithmetic per pair.
    n : int
        Samples.
    m : int or None
        Samples on the other side; None for K(X, X), at half the pairs.
    n_features : int
        Numbers per sample.
    prepares : bool, default=False
        Whether a plan keeps samples in another form beside those given.
    scratch : int, default=0
        Bytes of tables per thread.

    Returns
    -------
    Estimate
        Bytes are those of the arrays; the time is the cost per pair over measured rates.

    Notes
    -----
    The rates are measured once a process, in about 15 ms, and the function of a kernel once, in
    about 1 ms. What is done once a sample, or once a
    call, is not counted: it shows for few samples.

    Examples
    --------
    >>> half, whole = (estimate(Cost(64.0, 1.0), 1000, m, 64) for m in (None, 1000))
    >>> 0.0 < half.seconds < whole.seconds, whole.gram
    (True, 8000000)
    """
    pairs = n * (n + 1) / 2 if m is None else float(n * m)
    rows = n + (m or 0)
    native = cpu.info()
    threads = int(native["max_threads"])
    multiply_adds, exponentials = _rates(native["isa"], threads)
    per_map = 1.0 / _SHARE_OF_MAPS if cost.kernel is None else _map_time(cost.kernel, native["isa"])
    per_pair = cost.multiply_adds / (_SHARE * multiply_adds) + _WRITE
    return Estimate(
        n,
        m,
        pairs * (per_pair + cost.maps * per_map / exponentials),
        threads,
        gram=n * (n if m is None else m) * _DOUBLE,
        packed=n * (n + 1) // 2 * _DOUBLE if m is None else 0,
        samples=rows * n_features * _DOUBLE,
        prepared=rows * n_features * _DOUBLE if prepares else 0,
        scratch=scratch * threads,
    )


@lru_cache(maxsize=16)
def _rates(isa: str, threads: int) -> tuple[float, float]:
    """Multiply-adds and exponentials per second, measured once for each way to run."""
    times = range(_MEASURED_TIMES)
    return (
        sorted(cpu.multiply_add_rate(n_jobs=threads, seconds=_MEASURED_FOR) for _ in times)[-2],
        sorted(cpu.exp_rate(n_jobs=threads, seconds=_MEASURED_FOR) for _ in times)[-2],
    )


@lru_cache(maxsize=256)
def _map_time(kernel: NativeKernel, isa: str) -> float:
    """Time of one value of a kernel's function in the loop of a sum, in exponentials.

    On one thread, less what its inner product and the writing of sums are counted for.
    """
    n, d, order = _TIMED_SAMPLES, _TIMED_FEATURES, _TIMED_ELEMENTS
    rng = np.random.default_rng(0)
    X, Y = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.standard_normal((2, n, d)))
    indices = rng.permuted(np.tile(np.arange(d, dtype=np.int32), (order, 1)), axis=1)
    signs = rng.choice(np.array([-1, 1], np.int8), (order, d))
    table = SignedPermutationTable(indices, signs)
    took = []
    for _ in range(_MEASURED_TIMES):
        start = perf_counter()
        cpu.gram(kernel, table, X, Y, 1)
        took.append(perf_counter() - start)
    multiply_adds, exponentials = _rates(isa, 1)
    per_map = sorted(took)[1] / (n * n * order) - d / (_SHARE * multiply_adds) - _WRITE / order
    return max(0.0, per_map * exponentials)


def in_seconds(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.2g} us"
    if seconds < 1.0:
        return f"{seconds * 1e3:.2g} ms"
    if seconds < 100.0:
        return f"{seconds:.2g} s"
    return f"{seconds / 60.0:.2g} min" if seconds < 5400.0 else f"{seconds / 3600.0:.2g} h"


def in_bytes(size: int) -> str:
    """Return a size in the unit that suits it."""
    if size < 10**6:
        return f"{size / 1e3:.3g} kB"
    return f"{size / 1e6:.3g} MB" if size < 10**9 else f"{size / 1e9:.3g} GB"
