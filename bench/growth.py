"""Growth with the number of samples: python -m symkernel.bench.growth [--output growth.png].

One-pass Nystroem fits on 200 centres, which grow like n, and one iteration of conjugate gradients
on all samples with computed kernel values, which grows like n^2. Samples are 8 points under O_h.
Times are of the processor on one thread; before anything is timed, a fit is compared with
scikit-learn's and a product with rows of the Gram matrix.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from . import machine
from .large.samples import samples
from .nystroem import KERNEL, check_fits, ours
from .timing import threads

CENTRES = 200
FITS, QUICK_FITS = (10_000, 30_000, 100_000, 300_000, 1_000_000), (500, 1000)
PRODUCTS, QUICK_PRODUCTS = (2000, 5000, 10_000, 20_000, 50_000), (200, 400)
FIT, PRODUCT = "Nystroem fit, 200 centres", "one iteration on all samples"


def _seconds(program: Callable[[], Any]) -> float:
    before = process_time()
    program()
    return process_time() - before


def check_product(n: int) -> None:
    """Compare a product with some rows of the Gram matrix.

    Raises
    ------
    AssertionError
        If they differ.
    """
    X = samples(n)[0]
    v = np.random.default_rng(0).standard_normal((n, 1))
    wanted = KERNEL.gram(X[:5], X, n_jobs=1) @ v
    difference = np.abs(KERNEL.matvec(X, X, v, n_jobs=1)[:5] - wanted).max()
    assert difference < 1e-10 * n, f"the product differs by {difference:.1e}"


def measure(fits: Sequence[int], products: Sequence[int]) -> dict[str, dict[int, float]]:
    """Seconds of fits and of products, by the number of samples."""
    found: dict[str, dict[int, float]] = {FIT: {}, PRODUCT: {}}
    with threads(1):
        check_fits(min(fits), min(CENTRES, min(fits) // 4))
        check_product(min(products))
        for n in fits:
            X, y = samples(n)
            found[FIT][n] = _seconds(partial(ours, X, y, min(CENTRES, n // 4), 1))
        for n in products:
            X = samples(n)[0]
            product = partial(KERNEL.matvec, X, X, np.ones((n, 1)), n_jobs=1)
            found[PRODUCT][n] = _seconds(product)
    return found


def slope(times: dict[int, float]) -> float:
    """Exponent of the growth: least squares on logarithms."""
    return float(np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0])


def draw(path: Path, found: dict[str, dict[int, float]]) -> None:
    """Write a picture of seconds over samples, on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for (name, times), marker in zip(found.items(), "os", strict=True):
        axes.loglog(
            list(times), list(times.values()), marker=marker, label=f"{name}: n^{slope(times):.2f}"
        )
    axes.set(xlabel="samples n", ylabel="seconds of one core")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line per size; write JSON and a picture when asked."""
    parser = argparse.ArgumentParser(prog="python -m symkernel.bench.growth")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--json", type=Path, help="file to write results to")
    parser.add_argument("--output", type=Path, help="picture to write")
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    found = measure(*((QUICK_FITS, QUICK_PRODUCTS) if given.quick else (FITS, PRODUCTS)))
    for name, times in found.items():
        print(f"{name}: grows like n^{slope(times):.2f}")
        for n, seconds in times.items():
            print(f"  {n:>9,}{seconds:10.3f} s")
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine.facts(), "growth": found}, indent=1))
    if given.output is not None:
        draw(given.output, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
