"""Values and forces together beside the formula in NumPy: python -m symkernel.bench.joint.

Sizes are those of a force field of ethanol: 36 distances, 21 directions, six permutations and nine
kernels of distances, Matern 5/2 each. Answers are compared before anything is timed; rates are
shares of the multiply-adds that the machine has.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from symkernel.backends import joint as native

from . import machine
from .peers import Array
from .timing import QUICK, Effort, interleave, threads

OURS, FORMULA = "symkernel", "numpy"
TOLERANCE = 1e-12  # of the largest number
ORDER, FEATURES, DIRECTIONS, COMPONENTS = 6, 36, 21, 9


class Problem(NamedTuple):
    """Samples x with images and moved directions, samples y with theirs, and coefficients."""

    kernel: native.Components
    images: Array
    A: Array
    Y: Array
    B: Array
    a: Array
    b: Array


def problem(n: int, m: int) -> Problem:
    """Draw n samples x and m samples y."""
    rng = np.random.default_rng(0)
    metrics = rng.uniform(0.0, 0.1, (COMPONENTS, FEATURES))
    kernel = native.Components("matern52", metrics, rng.uniform(0.5, 1.0, COMPONENTS))
    shapes = [(n, ORDER, FEATURES), (n, ORDER, DIRECTIONS, FEATURES), (m, FEATURES)]
    shapes += [(m, DIRECTIONS, FEATURES), (m,), (m, FEATURES)]
    return Problem(kernel.over(ORDER), *(rng.standard_normal(shape) for shape in shapes))


def _radial(s: Array) -> tuple[Array, Array, Array]:
    a = np.sqrt(5.0 * s)
    e = np.exp(-a)
    linear = (1.0 + a) * e
    return linear + (5.0 / 3.0) * s * e, (-5.0 / 6.0) * linear, (25.0 / 12.0) * e


def _one(case: Problem, x: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Differences (g, m, p), those times the metrics (g, m, c, p), and phi with its derivatives."""
    d = x[:, None] - case.Y
    weighted = d[:, :, None] * case.kernel.metrics
    parts = _radial(np.einsum("gmcp,gmp->gmc", weighted, d))
    return (d, weighted, *(part * case.kernel.amplitudes for part in parts))


def formula_blocks(case: Problem, out: Array) -> Array:
    """Derivatives with derivatives, a sample x at a time, in products of matrices."""
    m, r = len(case.Y), DIRECTIONS
    Bt = case.B.transpose(0, 2, 1)
    for i, (x, A) in enumerate(zip(case.images, case.A, strict=True)):
        _, weighted, _, first, second = _one(case, x)
        metric = (-2.0 * first) @ case.kernel.metrics
        straight = np.einsum("gmp,grp->mrp", metric, A, optimize=True)
        left = A[:, None] @ weighted.transpose(0, 1, 3, 2) * (-4.0 * second[:, :, None])
        right = weighted.transpose(1, 0, 2, 3).reshape(m, -1, FEATURES) @ Bt
        left = left.transpose(1, 2, 0, 3).reshape(m, r, -1)
        block = straight @ Bt + left @ right
        out[i * r : (i + 1) * r] = block.transpose(1, 0, 2).reshape(r, m * r)
    return out


def formula_sum(case: Problem) -> tuple[Array, Array]:
    """The function and its gradients at all images."""
    values, gradients = np.empty(len(case.images)), np.empty_like(case.images)
    for i, x in enumerate(case.images):
        _, weighted, phi, first, second = _one(case, x)
        inward = np.einsum("gmcp,mp->gmc", weighted, case.b)
        values[i] = (phi * case.a[:, None]).sum() - 2.0 * (first * inward).sum()
        along = 2.0 * (first * case.a[:, None] - 2.0 * second * inward)
        gradients[i] = np.einsum("gmc,gmcp->gp", along, weighted)
        gradients[i] -= 2.0 * np.einsum("gmc,cp,mp->gp", first, case.kernel.metrics, case.b)
    return values, gradients


def our_blocks(case: Problem, out: Array, n_jobs: int) -> Array:
    """The same, natively."""
    target = native.Dense(out)
    native.mixed(case.kernel, case.images, case.A, case.Y, case.B, target, n_jobs=n_jobs)
    return out


def _far(one: Array, other: Array) -> float:
    return float(np.abs(one - other).max() / np.abs(other).max())


def run(n_threads: Sequence[int] = (1,), quick: bool = False) -> list[dict[str, Any]]:
    """Check and time.

    Raises
    ------
    AssertionError
        If answers differ.
    """
    effort = QUICK if quick else Effort()
    case, call = problem(*((2, 9) if quick else (16, 200))), problem(1, 40 if quick else 1000)
    fields = native.Fields(call.kernel, call.Y, call.a, call.b)
    own, others = fields.apply(call.images, True), formula_sum(call)
    shape = len(case.images) * DIRECTIONS, len(case.Y) * DIRECTIONS
    K, other = np.empty(shape), np.empty(shape)
    far = _far(our_blocks(case, K, 1), formula_blocks(case, other))
    far = max(far, *(_far(a, b) for a, b in zip(own, others, strict=True) if a is not None))
    if not far <= TOLERANCE:
        raise AssertionError(f"{OURS} and {FORMULA} differ by {far:.1e}")
    terms = ORDER * COMPONENTS
    work = {
        "block": ORDER * DIRECTIONS * FEATURES
        + 2 * terms * DIRECTIONS * FEATURES
        + DIRECTIONS**2 * (FEATURES + terms),
        "sum": 4 * terms * FEATURES,
    }
    pairs = {"block": len(case.images) * len(case.Y), "sum": len(call.Y)}
    programs: dict[tuple[str, str], Callable[[int], object]] = {
        ("block", OURS): lambda count: our_blocks(case, K, count),
        ("block", FORMULA): lambda _: formula_blocks(case, other),
        ("sum", OURS): lambda count: fields.apply(call.images, True, count),
        ("sum", FORMULA): lambda _: formula_sum(call),
    }
    calls = {(c, *key): partial(f, c) for c in n_threads for key, f in programs.items()}
    times = interleave(calls, effort, lambda key: threads(key[0]))
    results = []
    for count in n_threads:
        peak = machine.peaks(np.float64, count, effort.probe)["multiply_adds"]
        for what, multiply_adds in work.items():
            pair = {
                name: median(times[count, what, name]) / pairs[what] for name in (OURS, FORMULA)
            }
            share = {name: multiply_adds / seconds / peak for name, seconds in pair.items()}
            results.append({"threads": count, "what": what, "pair": pair, "share_of_peak": share})
    return results


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Results as lines of text."""
    text = {
        "block": "derivatives with derivatives, per pair of samples",
        "sum": "a function of 1000 samples and its gradient, per sample",
    }
    lines = []
    for result in results:
        lines.append(f"{text[result['what']]}, {result['threads']} thread(s):")
        ours = result["pair"][OURS]
        for name, seconds in result["pair"].items():
            share = 100 * result["share_of_peak"][name]
            lines.append(
                f"  {name:12s} {seconds * 1e6:10.3f} us  {seconds / ours:6.1f} x  "
                f"{share:5.1f} % of the machine's multiply-adds"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    results = run(given.threads, given.quick)
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "joint": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
