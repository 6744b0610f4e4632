"""Conjugate gradients beside Cholesky, on energies of ethanol: python -m symkernel.bench.solvers.

Predictions are compared before anything is timed. The energies and positions are those of rMD17 in
the folder named by SYMKERNEL_DATA; with --quick, or without the file, random clouds of nine points
take their place. Times are of the process, as other programs may share the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Matern
from symkernel import InvariantKernelRidge, groups
from symkernel.descriptors import InversePairDistances
from symkernel.solvers.matrices import PackedMatrix
from symkernel.solvers.pcg import solve_pcg

from . import machine
from .peers import Array
from .timing import threads

ALPHA, LENGTH_SCALE = 1e-4, 3.0
# Largest difference of predictions that is allowed, in standard deviations of the targets.
TOLERANCE = 1e-3
SIZES, QUICK_SIZES = (2000, 4000, 8000), (200, 400)
# Of one iteration whose kernel values are computed.
GROWTH, QUICK_GROWTH = (2000, 5000, 12_500), (200, 400)
N_TEST = 1000
# Ethanol: C C O H H H H H H.
CHARGES = (6, 6, 8, 1, 1, 1, 1, 1, 1)


def data(quick: bool) -> tuple[str, Array, Array, Any]:
    """Return a name, inverse pair distances, standardized energies, and the group on pairs."""
    file = Path(os.environ.get("SYMKERNEL_DATA", "../shared/data")) / "rmd17" / "ethanol.npz"
    if file.exists() and not quick:
        with np.load(file) as found:
            order = np.random.default_rng(0).permutation(len(found["E"]))
            R, E, z = found["R"][order], found["E"][order], found["z"]
        group = groups.molecule(z, R[0]).on_pairs()
        X = InversePairDistances(9).value(R.reshape(len(R), -1))
        return "ethanol", X, (E - E.mean()) / E.std(), group
    rng = np.random.default_rng(0)
    R = np.arange(27.0).reshape(9, 3) % 7 + 0.3 * rng.standard_normal((1000, 9, 3))
    X = InversePairDistances(9).value(R.reshape(len(R), -1))
    y = X.sum(axis=1)
    return "clouds", X, (y - y.mean()) / y.std(), groups.Trivial(36)


def _model(group: Any, solver: str) -> InvariantKernelRidge:
    kernel = Matern(LENGTH_SCALE, nu=2.5)
    return InvariantKernelRidge(ALPHA, group=group, kernel=kernel, solver=solver, random_state=0)


def _seconds(program: Callable[[], object], repeats: int) -> float:
    """Median of the time that the process takes on its processors."""
    took = []
    for _ in range(repeats):
        start = time.process_time()
        program()
        took.append(time.process_time() - start)
    return median(took)


def compare(n: int, X: Array, y: Array, group: Any, repeats: int) -> dict[str, Any]:
    """Fit n samples by both solvers; assert that they predict the same; time both."""
    test = X[n : n + N_TEST]
    found = {name: _model(group, name).fit(X[:n], y[:n]) for name in ("cholesky", "pcg")}
    values = {name: model.predict(test) for name, model in found.items()}
    apart = float(np.abs(values["pcg"] - values["cholesky"]).max())
    if not apart <= TOLERANCE:
        raise AssertionError(f"predictions of {n} samples differ by {apart:.2g} deviations")
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(repeats):  # in turn: the machine is not the same throughout
        for name, took in seconds.items():
            took.append(_seconds(lambda name=name: _model(group, name).fit(X[:n], y[:n]), 1))
    return {
        "n": n,
        "cholesky": median(seconds["cholesky"]),
        "pcg": median(seconds["pcg"]),
        "iterations": found["pcg"].n_iter_,
        "components": found["pcg"].solver_plan_.n_components,
        "difference": apart,
    }


def iteration(n: int, X: Array, group: Any, repeats: int) -> dict[str, float]:
    """Time one product with the kernel matrix of n samples, computed and stored."""
    kernel = _model(group, "pcg").fit(X[:50], X[:50, 0]).kernel_
    rows = np.concatenate([X] * (n // len(X) + 1))[:n]
    rows = rows + 1e-3 * np.random.default_rng(1).standard_normal(rows.shape)
    kept, v = kernel.prepare(rows), np.ones((n, 1))
    found = {"n": n, "computed": _seconds(lambda: kernel.matvec(kept, None, v), repeats)}
    if n <= SIZES[-1]:
        stored = PackedMatrix(kernel.gram_packed(kept), n)
        if not np.allclose(stored.matvec(v), kernel.matvec(kept, None, v)):
            raise AssertionError("products of the stored and the computed matrix differ")
        found["stored"] = _seconds(lambda: stored.matvec(v), repeats)
    return found


def to_test_error(n: int, X: Array, y: Array, group: Any, alpha: float) -> dict[str, Any]:
    """Count the iterations to 1.05 times the exact test error, with n / 10 components."""
    from symkernel.solvers.rpcholesky import SampleColumns, rpcholesky

    test, truth = X[n : n + N_TEST], y[n : n + N_TEST]
    model = _model(group, "cholesky").set_params(alpha=alpha).fit(X[:n], y[:n])
    exact = float(np.sqrt(np.mean((model.predict(test) - truth) ** 2)))
    kernel = model.kernel_
    kept = kernel.prepare(X[:n])
    factor = rpcholesky(SampleColumns(X[:n], kernel.gram, kernel.diag, kept), n // 10)
    curve: list[tuple[int, float]] = []

    def after(state: Any) -> None:
        found = kernel.matvec(test, kept, state.solution[:, 0])
        error = float(np.sqrt(np.mean((found - truth) ** 2)))
        curve.append((state.iteration, error / exact))

    matrix = PackedMatrix(kernel.gram_packed(kept), n)
    solve_pcg(matrix, y[:n, None], alpha, low_rank=factor, max_iter=40, callback=after)
    reached = next((iteration for iteration, error in curve if error <= 1.05), None)
    if reached is None:
        raise AssertionError("40 iterations did not reach 1.05 of the test error")
    return {"n": n, "alpha": alpha, "exact": exact, "iterations": reached, "curve": curve}


def run(quick: bool = False, n_threads: int = 1) -> dict[str, Any]:
    """Run everything."""
    name, X, y, group = data(quick)
    repeats = 1 if quick else 3
    with threads(n_threads):
        return {
            "machine": machine.facts(),
            "data": name,
            "threads": n_threads,
            "fits": [compare(n, X, y, group, repeats) for n in (QUICK_SIZES if quick else SIZES)],
            "iterations": [
                iteration(n, X, group, repeats) for n in (QUICK_GROWTH if quick else GROWTH)
            ],
            "accuracy": to_test_error(200 if quick else 4000, X, y, group, 1e-8),
        }


def report(results: dict[str, Any]) -> str:
    """Return the results as text."""
    lines = [f"{results['data']}, alpha={ALPHA:g}, {results['threads']} thread(s)"]
    for fit in results["fits"]:
        lines.append(
            f"n={fit['n']:6,}: cholesky {fit['cholesky']:.3g} s, pcg {fit['pcg']:.3g} s "
            f"({fit['cholesky'] / fit['pcg']:.2f} times), {fit['iterations']} iterations, "
            f"{fit['components']} components, predictions within {fit['difference']:.1e}"
        )
    for one in results["iterations"]:
        stored = f", stored {one['stored']:.3g} s" if "stored" in one else ""
        lines.append(f"n={one['n']:6,}: an iteration computes {one['computed']:.3g} s{stored}")
    first, last = results["iterations"][0], results["iterations"][-1]
    slope = np.log(last["computed"] / first["computed"]) / np.log(last["n"] / first["n"])
    lines.append(f"grows as n^{slope:.2f}")
    found = results["accuracy"]
    lines.append(
        f"n={found['n']:,}, alpha={found['alpha']:g}, {found['n'] // 10} components: "
        f"{found['iterations']} iterations to 1.05 of the exact test error"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args(arguments)
    results = run(options.quick, options.threads)
    print(report(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
