"""A fit to chunks on a cluster of Dask beside one process: python -m symkernel.bench.dask_chunks.

Samples are 8 points under O_h in an array on disk, in chunks that take one thread about half a
second. Two workers of one thread stand beside two threads of one process; coefficients are compared
before anything is timed. CPU time is that of all processes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from symkernel import InvariantKernelRidge

from . import machine
from .nystroem import ALPHA, KERNEL, POINTS, samples
from .peers import Array
from .timing import threads

CLUSTER, HERE = "2 workers x 1 thread", "1 process x 2 threads"
ALONE = "1 process x 1 thread"  # whose CPU time has no waiting in it
TOLERANCE = 1e-11  # of coefficients, whose system has a condition of some 1e5


def written(folder: Path, chunks: int, rows: int) -> tuple[Any, Array]:
    """Samples in an array on disk, without compression, and their targets."""
    import zarr

    stored = zarr.create_array(
        folder / "samples.zarr",
        shape=(chunks * rows, POINTS * 3),
        chunks=(rows, POINTS * 3),
        dtype="f8",
        compressors=None,
    )
    targets = []
    for chunk in range(chunks):
        X, y = samples(rows, seed=chunk)
        stored[chunk * rows : (chunk + 1) * rows] = X
        targets.append(y)
    return stored, np.concatenate(targets)


def model(M: int, n_jobs: int | None) -> InvariantKernelRidge:
    """The estimator that both fit, with centres that take no time to find."""
    return InvariantKernelRidge(
        ALPHA,
        kernel=KERNEL,
        solver="nystroem",
        n_components=M,
        centers="uniform",
        random_state=0,
        n_jobs=n_jobs,
    )


def compare(chunks: int, rows: int, M: int, repeats: int) -> dict[str, Any]:
    """Time fits in turns.

    Raises
    ------
    AssertionError
        If their coefficients differ.
    """
    import dask.array as da
    from distributed import Client, LocalCluster

    with tempfile.TemporaryDirectory() as folder:
        stored, y = written(Path(folder), chunks, rows)
        lazily = da.from_zarr(stored)
        settings = {"processes": True, "dashboard_address": None, "memory_limit": 0}
        with (
            LocalCluster(n_workers=2, threads_per_worker=1, **settings) as cluster,
            Client(cluster) as client,
        ):
            programs: dict[str, Callable[[], Any]] = {
                CLUSTER: lambda: model(M, None).fit(lazily, y),
                HERE: lambda: model(M, 2).fit(stored, y),
                ALONE: lambda: model(M, 1).fit(stored, y),
            }

            def spent() -> float:
                return process_time() + sum(client.run(process_time).values())

            with threads(2):
                fitted = {name: program().dual_coef_ for name, program in programs.items()}
                difference = np.abs(fitted[CLUSTER] - fitted[HERE]).max()
                difference /= np.abs(fitted[HERE]).max()
                if not difference <= TOLERANCE:
                    raise AssertionError(f"coefficients differ by {difference:.1e}")
                took: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
                for _ in range(repeats):
                    for name, program in programs.items():
                        cpu, wall = spent(), perf_counter()
                        program()
                        wall = perf_counter() - wall
                        took[name].append((wall, spent() - cpu))
    return {
        "n": chunks * rows,
        "chunks": chunks,
        "centers": M,
        "difference": float(difference),
        "programs": {
            name: {
                "seconds": median(one[0] for one in times),
                "cpu_seconds": median(one[1] for one in times),
            }
            for name, times in took.items()
        },
    }


def run(*, quick: bool = False, repeats: int = 3) -> dict[str, Any]:
    """Check and time.

    Raises
    ------
    AssertionError
        If answers differ.
    """
    return compare(4, 500, 20, 1) if quick else compare(16, 32_000, 200, repeats)


def table(results: Mapping[str, Any]) -> str:
    """Results as lines of text."""
    here, alone = results["programs"][HERE], results["programs"][ALONE]
    seconds = alone["cpu_seconds"] / results["chunks"]
    lines = [
        f"fit, n = {results['n']}, {results['chunks']} chunks of {seconds:.2f} CPU s, "
        f"M = {results['centers']}; coefficients differ by {results['difference']:.1e}:"
    ]
    for name, one in results["programs"].items():
        lines.append(
            f"  {name:24s} {one['seconds']:8.2f} s  {one['cpu_seconds']:8.2f} CPU s "
            f"{one['seconds'] / here['seconds']:6.2f} x  "
            f"{one['cpu_seconds'] / alone['cpu_seconds']:6.2f} x CPU"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    results = run(quick=given.quick, repeats=given.repeats)
    print(table(results))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine.facts(), "dask": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
