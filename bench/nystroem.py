"""Ridge regression on Nystroem features beside scikit-learn's: python -m symkernel.bench.nystroem.

Samples are 8 points under O_h, as many as asked for. Answers are compared before anything is timed:
predictions with the same centres, residual traces of the same number of pivots. Peaks of anonymous
memory are those of processes of their own, over what imports and samples on disk take.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from scipy.linalg.blas import dsyrk
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from symkernel import InvariantKernel, groups
from symkernel.estimators._centers import find_centres
from symkernel.estimators._kernel import BoundKernel
from symkernel.solvers.chunks import chunks_of, rows_per_chunk
from symkernel.solvers.nystroem import NystroemSums
from symkernel.solvers.nystroem_pass import nystroem_sums
from symkernel.solvers.rpcholesky import PivotedFactor, SampleColumns, rpcholesky

from . import machine
from .grams import octahedral
from .large.samples import POINTS, blocks, read, samples, write
from .loops import LoopKernel
from .memory import watched
from .peers import Array
from .timing import threads

OURS = "symkernel, one pass"
CHOSEN = "symkernel, RPCholesky centres"
AVERAGED = "scikit-learn, our kernel"
LOOP = "scikit-learn, numpy loop over g"
ONE = "one pivot at a time"
BLOCKS = "symkernel, blocks"

LENGTH_SCALE, ALPHA = 4.0, 1e-2
# Of the predictions, relative to their spread: with alpha 1e-2 they keep five digits at least of
# scikit-learn's square root of the kernel matrix.
TOLERANCE = 1e-5
# Residual traces of random pivots differ from seed to seed by less.
TRACE_TOLERANCE = 0.05

GROUP = groups.PointGroup("Oh").along(1, (POINTS, 3))
KERNEL = InvariantKernel(RBF(LENGTH_SCALE), GROUP)


def ours(X: Any, y: Array, M: int, n_jobs: int, centers: Any = "uniform") -> Callable[..., Array]:
    """Fit in one pass; the prediction of the fit."""
    kernel = BoundKernel(KERNEL, GROUP)
    chosen = find_centres(kernel, X, M, centers, 0, n_jobs)

    def cross(A: Array) -> Array:
        return np.asarray(KERNEL.gram(chosen.samples, A, n_jobs=n_jobs)).T

    chunks = chunks_of(X, y, rows=rows_per_chunk(M, X.shape[1]))
    sums = nystroem_sums(chunks, cross, chosen.whitening, 1, n_jobs=n_jobs)
    w, _ = sums.system(centred=False).coefficients(ALPHA)
    dual = chosen.whitening.coefficients(w)
    return lambda A: np.asarray(KERNEL.matvec(A, chosen.samples, dual, n_jobs=n_jobs)[:, 0])


def theirs(kernel: Any, X: Array, y: Array, M: int) -> Callable[..., Array]:
    """Fit scikit-learn's features and ridge regression; the prediction of the fit."""
    features = Nystroem(kernel, n_components=M, random_state=0).fit(X)
    model = Ridge(ALPHA, fit_intercept=False).fit(features.transform(X), y)
    predict = lambda A: np.asarray(model.predict(features.transform(A)))  # noqa: E731
    predict.centers = features.components_  # type: ignore[attr-defined]
    return predict


def _programs(X: Array, y: Array, M: int, n_jobs: int) -> dict[str, Callable[[], Any]]:
    return {
        OURS: lambda: ours(X, y, M, n_jobs),
        CHOSEN: lambda: ours(X, y, M, n_jobs, "rpcholesky"),
        AVERAGED: lambda: theirs(KERNEL, X, y, M),
        LOOP: lambda: theirs(LoopKernel(octahedral(POINTS), LENGTH_SCALE), X, y, M),
    }


def check_fits(n: int, M: int) -> None:
    """Compare the predictions of all programs with the same centres.

    Raises
    ------
    AssertionError
        If they differ.
    """
    (X, y), (new, _) = samples(n), samples(200, 1)
    wanted = theirs(KERNEL, X, y, M)
    found = {
        LOOP: theirs(LoopKernel(octahedral(POINTS), LENGTH_SCALE), X, y, M)(new),
        OURS: ours(X, y, M, 1, wanted.centers)(new),  # type: ignore[attr-defined]
    }
    spread = wanted(new).std()
    for name, predictions in found.items():
        difference = np.abs(predictions - wanted(new)).max() / spread
        if not difference <= TOLERANCE:
            raise AssertionError(f"{name} and {AVERAGED} differ by {difference:.1e} of the spread")


def columns_of(X: Array) -> SampleColumns:
    """Columns of the Gram matrix, on one thread."""
    cross = lambda A, B: KERNEL.gram(A, B, n_jobs=1)  # noqa: E731
    return SampleColumns(X, cross, KERNEL.diag, KERNEL.prepare(X))


def one_at_a_time(columns: SampleColumns, M: int, seed: int = 0) -> float:
    """Randomly pivoted Cholesky as it is written down first; the trace of its residual."""
    rng = np.random.default_rng(seed)
    left = columns.diag().astype(np.float64)
    F = np.empty((len(left), M), order="F")
    for k in range(M):
        pivot = int(rng.choice(len(left), p=left / left.sum()))
        column = columns.columns(np.array([pivot]))[:, 0] - F[:, :k] @ F[pivot, :k]
        F[:, k] = column / np.sqrt(column[pivot])
        left = np.maximum(left - F[:, k] ** 2, 0.0)
        left[pivot] = 0.0
    return float(left.sum())


def _timed(program: Callable[[], Any], repeats: int) -> dict[str, float]:
    wall, cpu = [], []
    for _ in range(repeats):
        before = perf_counter(), process_time()
        program()
        wall.append(perf_counter() - before[0])
        cpu.append(process_time() - before[1])
    return {"seconds": median(wall), "cpu_seconds": median(cpu)}


def pivots(n: int, M: int, repeats: int) -> dict[str, Any]:
    """Time blocks of pivots beside one at a time, on one thread.

    Raises
    ------
    AssertionError
        If the traces of their residuals differ by more than random pivots do.
    """
    columns = columns_of(samples(n)[0])
    found: PivotedFactor = rpcholesky(columns, M, random_state=0)
    alone = one_at_a_time(columns, M)
    if not abs(found.residual_trace / alone - 1.0) <= TRACE_TOLERANCE:
        raise AssertionError(f"residual traces are {found.residual_trace:.4g} and {alone:.4g}")
    with threads(1):
        times = {
            BLOCKS: _timed(lambda: rpcholesky(columns, M, random_state=0), repeats),
            ONE: _timed(lambda: one_at_a_time(columns, M), repeats),
        }
    return {"n": n, "pivots": M, "residual_share": found.residual_trace / found.trace, **times}


def parts(n: int, M: int, repeats: int) -> dict[str, Any]:
    """CPU time of one pass, and of its parts by themselves, on one thread.

    Raises
    ------
    AssertionError
        If the sums of the pass are not those of its features.
    """
    X, y = samples(n)
    chosen = find_centres(BoundKernel(KERNEL, GROUP), X, M, "uniform", 0, 1)
    rows = rows_per_chunk(M, X.shape[1])

    def whole() -> NystroemSums:
        cross = lambda A: np.asarray(KERNEL.gram(chosen.samples, A, n_jobs=1)).T  # noqa: E731
        return nystroem_sums(chunks_of(X, y, rows=rows), cross, chosen.whitening, 1, n_jobs=1)

    def apart() -> tuple[Array, dict[str, float]]:
        G, seconds = np.zeros((M, M), order="F"), {"gram": 0.0, "whitening": 0.0, "syrk": 0.0}
        for first in range(0, n, rows):
            times = [process_time()]
            K = KERNEL.gram(chosen.samples, X[first : first + rows], n_jobs=1).T
            times.append(process_time())
            B = chosen.whitening.apply(K, 1)
            times.append(process_time())
            G = dsyrk(1.0, B, beta=1.0, c=G, trans=1, lower=1, overwrite_c=1)
            times.append(process_time())
            for name, took in zip(seconds, np.diff(times), strict=True):
                seconds[name] += float(took)
        return G, seconds

    with threads(1):
        G = np.tril(apart()[0])
        difference = np.abs(np.tril(whole().gram) - G).max() / np.abs(G).max()
        if not difference <= 1e-12:
            raise AssertionError(f"the pass and its parts differ by {difference:.1e}")
        passes, single = [], []
        for _ in range(repeats):  # in turns
            single.append(apart()[1])
            passes.append(_timed(whole, 1)["cpu_seconds"])
    times = {name: median(one[name] for one in single) for name in single[0]}
    return {"n": n, "centers": M, "cpu_seconds": {**times, "one pass": median(passes)}}


def peak_over_imports(program: str, folder: str, M: int, n_jobs: int) -> dict[str, float]:
    """Peak of anonymous memory of a fit to samples on disk, and its seconds, in this process."""
    X, y = read(Path(folder), mapped=True)
    with threads(n_jobs):
        found, _ = watched(lambda: _programs(X, y, M, n_jobs)[program]())
    return {"peak_bytes": found.peak_bytes, "seconds": found.seconds}


def memory(program: str, n: int, M: int, n_jobs: int) -> dict[str, Any]:
    """As ``peak_over_imports``, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), blocks(n), n)
        code = (
            "import json; from symkernel.bench import nystroem; "
            f"print(json.dumps(nystroem.peak_over_imports({program!r}, {folder!r}, {M}, "
            f"{n_jobs})))"
        )
        finished = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
    if finished.returncode != 0:
        raise RuntimeError(f"{program} failed:\n{finished.stderr}")
    return {"program": program, "n": n, "centers": M, **json.loads(finished.stdout)}


def fits(n: int, M: int, n_jobs: int, repeats: int) -> dict[str, Any]:
    """Time fits of all programs, and tell their errors on fresh samples, their noise included."""
    (X, y), (new, truth) = samples(n), samples(5000, 1)
    result: dict[str, Any] = {"n": n, "centers": M, "threads": n_jobs, "programs": {}}
    with threads(n_jobs):
        for name, program in _programs(X, y, M, n_jobs).items():
            predict = program()
            error = float(np.sqrt(np.mean((predict(new) - truth) ** 2)))
            result["programs"][name] = {**_timed(program, repeats), "error": error}
    return result


def run(
    *, quick: bool = False, n_jobs: int = 1, tell: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Check and time.

    Raises
    ------
    AssertionError
        If answers differ.
    """
    scale, repeats = (50, 1) if quick else (1, 3)
    tell("answers")
    check_fits(2000 if quick else 10_000, 50 if quick else 200)
    n, M = 100_000 // scale, 50 if quick else 200
    tell(f"fits, n = {n}")
    results: dict[str, Any] = {"fits": fits(n, M, n_jobs, repeats)}
    tell("pivots")
    results["pivots"] = pivots(20_000 // scale, 100 if quick else 400, repeats)
    tell("parts")
    results["parts"] = parts(n, M, repeats)
    measure = partial(memory, M=M, n_jobs=n_jobs)
    results["memory"] = []
    measured = ((OURS, n), (CHOSEN, n), (AVERAGED, n), (OURS, 10 * n), (CHOSEN, 10 * n))
    for name, size in measured[::4] if quick else measured:
        tell(f"memory of {name}, n = {size}")
        results["memory"].append(measure(name, size))
    return results


def table(results: Mapping[str, Any]) -> str:
    """Results as lines of text."""
    found = results["fits"]
    lines = [f"fit, n = {found['n']}, M = {found['centers']}, {found['threads']} thread(s):"]
    base = found["programs"][OURS]["seconds"]
    for name, one in found["programs"].items():
        lines.append(
            f"  {name:32s} {one['seconds']:8.2f} s  {one['cpu_seconds']:8.2f} CPU s "
            f"{one['seconds'] / base:7.1f} x   error {one['error']:.4f}"
        )
    pivoted = results["pivots"]
    lines.append(f"RPCholesky, n = {pivoted['n']}, {pivoted['pivots']} pivots, one thread:")
    base = pivoted[BLOCKS]["cpu_seconds"]
    for name in (BLOCKS, ONE):
        seconds = pivoted[name]["cpu_seconds"]
        lines.append(f"  {name:32s} {seconds:8.3f} CPU s {seconds / base:7.1f} x")
    seconds = results["parts"]["cpu_seconds"]
    whole = seconds["one pass"]
    total = sum(seconds.values()) - whole
    lines.append("one pass, one thread, CPU s:")
    lines += [f"  {name:32s} {value:8.3f}" for name, value in seconds.items()]
    lines.append(
        f"  to all parts {whole / total:.3f}; to Gram and syrk alone "
        f"{whole / (seconds['gram'] + seconds['syrk']):.3f}"
    )
    lines.append("peak of anonymous memory over imports and samples on disk:")
    for one in results["memory"]:
        lines.append(
            f"  {one['program']:32s} n = {one['n']:8d} {one['peak_bytes'] / 1e6:8.1f} MB "
            f"{one['seconds']:8.2f} s"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    results = run(
        quick=given.quick, n_jobs=given.threads, tell=lambda text: print(text, flush=True)
    )
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "nystroem": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
