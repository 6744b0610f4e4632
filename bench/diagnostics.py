"""What a report on broken symmetry costs beside the model: python -m symkernel.bench.diagnostics.

A report on 10,000 samples and 75 rotations is timed beside the model's own predictions of these
750,000 images, in the same process and with the same number of rows a call. The spread that it
reports is first compared with that of a NumPy loop over the rotations. Its memory is what a fresh
process gains while it runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from symkernel import groups
from symkernel.diagnostics import invariance_report, orbit_grid
from symkernel.diagnostics.report import InvarianceReport

from . import machine
from .memory import peak_bytes, resident_bytes
from .peers import Array
from .timing import QUICK, Effort, interleave, threads

# Rows that a model predicts at a time, in the report as in the loop beside it.
BATCH = 8192
POINTS = 3
GROUP = groups.SO(3).along(1, (POINTS, 3))
GRID = "3"
# Relative difference of the spreads that is allowed.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class ReportCase:
    """A model of scikit-learn.

    Attributes
    ----------
    name : str
    make : callable
        Makes the model, not fitted.
    """

    name: str
    make: Callable[[], Any]


CASES = (
    ReportCase("kernel ridge", lambda: KernelRidge(kernel="rbf", gamma=0.1, alpha=1e-3)),
    ReportCase("boosted trees", lambda: HistGradientBoostingRegressor(random_state=0)),
    ReportCase("forest", lambda: RandomForestRegressor(100, random_state=0)),
    ReportCase(
        "neural network",
        lambda: MLPRegressor(hidden_layer_sizes=(100, 100), max_iter=1000, random_state=0),
    ),
    ReportCase("linear", lambda: Ridge()),
)


def samples(quick: bool) -> Array:
    """Draw clouds of points, in rows."""
    return np.random.default_rng(0).standard_normal((60 if quick else 10_000, 3 * POINTS))


def fitted(case: ReportCase, X: Array) -> Any:
    """Fit the model of a case to 500 of the samples and an invariant target."""
    train = X[:500]
    return case.make().fit(train, np.linalg.norm(train, axis=1))


def report(model: Any, X: Array) -> InvarianceReport:
    """Return what is timed."""
    return invariance_report(model, X, group=GROUP, grid=GRID, batch_size=BATCH, random_state=0)


def predictions(model: Any, X: Array, images: Array) -> None:
    """Predict the samples and all images, made beforehand, in the same batches."""
    for rows in (X, images):
        for start in range(0, len(rows), BATCH):
            model.predict(rows[start : start + BATCH])


def loop_std(model: Any, X: Array) -> float:
    """Spread by a loop over the rotations, in NumPy."""
    grid = orbit_grid(GROUP, GRID)
    clouds = X.reshape(len(X), POINTS, 3)
    turned = [clouds @ grid.matrix(k, 3).T for k in range(len(grid))]
    values = np.stack([model.predict(C.reshape(X.shape)) for C in turned])
    variances = grid.weights @ (values - grid.weights @ values) ** 2
    return float(np.sqrt(variances.mean()))


def all_images(X: Array) -> Array:
    """Return the images of all samples under all rotations, in rows."""
    grid = orbit_grid(GROUP, GRID)
    return np.concatenate([grid.act(k, X) for k in range(len(grid))])


def run(names: Sequence[str] = (), n_threads: int = 1, quick: bool = False) -> list[dict[str, Any]]:
    """Check and time cases.

    Parameters
    ----------
    names : sequence of str, default=()
        Names of cases; all of them when empty.
    n_threads : int, default=1
    quick : bool, default=False
        Few samples, two repeats.

    Returns
    -------
    list of dict
        One per case: median seconds of the report and of the predictions, the share that the
        report adds, and bytes of memory.

    Raises
    ------
    AssertionError
        If the spread differs from that of the loop.
    """
    known = {case.name: case for case in CASES}
    X = samples(quick)
    images = all_images(X)
    effort = QUICK if quick else Effort(budget=40.0, least=3, most=7)
    results = []
    for name in names or known:
        model = fitted(known[name], X)
        ours, theirs = report(model, X).std, loop_std(model, X)
        if not abs(ours - theirs) <= TOLERANCE * theirs:
            raise AssertionError(f"spreads of {name} differ: {ours!r} and {theirs!r}")
        calls = {
            "report": partial(report, model, X),
            "predictions": partial(predictions, model, X, images),
        }
        with threads(n_threads):
            times = interleave(calls, effort)
        seconds = {program: median(found) for program, found in times.items()}
        # pair by pair: what else the machine does weighs on both alike
        pairs = zip(times["report"], times["predictions"], strict=True)
        overhead = median(ours / theirs for ours, theirs in pairs) - 1.0
        results.append(
            {
                "case": name,
                "samples": len(X),
                "images": len(images),
                "threads": n_threads,
                "seconds": seconds,
                "overhead": overhead,
                "peak_bytes": peak_of(name, quick),
            }
        )
    return results


def peak_of(name: str, quick: bool) -> int:
    """Bytes by which a report raises the resident size of a fresh process."""
    command = [
        sys.executable,
        "-m",
        f"{__package__}.diagnostics",
        "--memory-of",
        name,
        *["--quick"] * quick,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the report of {name} failed:\n{done.stderr}")
    return int(done.stdout)


def _print_peak(name: str, quick: bool) -> None:
    X = samples(quick)
    model = fitted(next(case for case in CASES if case.name == name), X)
    report(model, X[:50])  # loads every library
    model.predict(X[:BATCH])  # the model's own memory for a batch
    before = max(resident_bytes(), peak_bytes())
    report(model, X)
    print(max(peak_bytes() - before, 0))


def table(results: Sequence[dict[str, Any]]) -> str:
    """Results as lines of text."""
    first = results[0]
    lines = [
        f"{first['samples']} samples x {first['images'] // first['samples']} rotations, "
        f"{first['threads']} thread(s)",
        f"{'':16s} {'report':>9s} {'predict':>9s} {'overhead':>9s} {'an image':>9s} {'memory':>8s}",
    ]
    for result in results:
        ours, theirs = result["seconds"]["report"], result["seconds"]["predictions"]
        lines.append(
            f"{result['case']:16s} {ours:7.3f} s {theirs:7.3f} s {result['overhead']:9.1%} "
            f"{(ours - theirs) / result['images'] * 1e6:6.2f} us "
            f"{result['peak_bytes'] / 2**20:4.0f} MiB"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", default=[], choices=[c.name for c in CASES])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.memory_of:
        _print_peak(given.memory_of, given.quick)
        return 0
    results = run(given.case, given.threads, given.quick)
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "reports": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
