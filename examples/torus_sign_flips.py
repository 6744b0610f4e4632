"""Spectral averaging on the torus of dimension 10 under changes of sign.

The experiment of Soleymani, Tahmasebi, Jegelka and Jaillet (ICML 2025): x uniform in [-1, 1)^10,
f(x) = (1/10) sum i x_i^2 without noise, which none of 1024 changes of sign alters. Measured are the
risk (mean squared error) and the invariance discrepancy, the root mean squared change of a
prediction when signs change at random, of

* plain: kernel ridge regression with an RBF kernel of length 1, which has to learn the signs;
* augmented: the same on four versions of every sample;
* invariant: the same with the average of the kernel over the group, in closed form;
* empirical: spectral averaging as published, every coefficient a mean of y_i phi(x_i), over the 176
  invariant functions of the first levels;
* spectral: ridge regression in the same functions, its strength chosen by leave-one-out.

Empirical coefficients are exactly invariant, and weak: each has the variance of y phi(x) / n even
for targets without noise, and 176 of them together cost more than f varies. The same functions by
least squares are some twenty times better, the invariant kernel as much again. Kernels
of longer lengths do better still, plain ones too: f is a quadratic polynomial, which they resemble,
and not periodic, as the functions of the torus are.

    python examples/torus_sign_flips.py [--output torus_sign_flips.png] [--quick]

About a minute on four cores; needs matplotlib and tqdm (the extra ``demo``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import RBF
from symkernel import groups, theory
from symkernel.spectral import SpectralRegressor, Torus

Array = NDArray[np.float64]

D = 10
G = groups.SignFlips(D)
LEVEL = 3  # 176 invariant functions, of 1161
SIZES = (125, 250, 500, 1000)


def target(X: Array) -> Array:
    """Return the target of the experiment."""
    return np.asarray((X**2) @ np.arange(1, D + 1) / D)


def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Samples and their targets."""
    X = Torus(D).random_points(n, rng)
    return X, target(X)


def draw_pairs(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Samples, and then the same with random signs."""
    X, y = draw(n // 2, rng)
    moved = X * rng.choice([-1.0, 1.0], X.shape)
    return np.concatenate([X, moved]), np.concatenate([y, y])


def discrepancy(y: Any, predicted: Any) -> float:
    """Root mean squared difference of predictions for the two halves of ``draw_pairs``."""
    before, after = np.split(np.asarray(predicted), 2)
    # The closed form sees x_i y_i and -x_i y_i alike: its discrepancy is 0, which has no logarithm.
    return max(float(np.sqrt(np.mean((before - after) ** 2))), 1e-17)


def models() -> dict[str, Any]:
    """The five of the comparison."""
    found = theory.standard_models(RBF(1.0), G, alpha=1e-3, n_images=3)
    found["empirical"] = SpectralRegressor(Torus(D), G, max_level=LEVEL, coef="empirical")
    found["spectral"] = SpectralRegressor(Torus(D), G, max_level=LEVEL)
    return found


def measure(
    sizes: Sequence[int] = SIZES, n_repeats: int = 10, progress: bool = False
) -> tuple[theory.LearningCurve, theory.LearningCurve]:
    """Curves of risk and of discrepancy; the latter of fewer repeats."""
    risk = theory.LearningCurve(
        models(), draw, sizes, n_repeats=n_repeats, n_test=2000, progress=progress
    ).run()
    change = theory.LearningCurve(
        models(),
        draw,
        sizes,
        n_repeats=max(1, n_repeats // 5),
        n_test=1000,
        draw_test=draw_pairs,
        metric=discrepancy,
        progress=progress,
    ).run()
    return risk, change


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("torus_sign_flips.png"))
    parser.add_argument("--quick", action="store_true", help="fewer samples and repeats")
    options = parser.parse_args(arguments)
    sizes, repeats = ((125, 250), 2) if options.quick else (SIZES, 10)
    counts = theory.dimension_counts(Torus(D), G, 5)
    print(f"torus of dimension {D}, {G.order} changes of sign\n{counts}\n")
    recommended = theory.recommended_level(sizes[-1], 6.0, Torus(D), G)
    print(
        f"Algorithm 1 at n = {sizes[-1]}, smoothness 6: D = {recommended.budget:.1f}, level "
        f"{recommended.level}, {recommended.invariants} invariant functions\n"
    )
    risk, change = measure(sizes, repeats, progress=sys.stderr.isatty())
    variance = float(np.arange(1, D + 1) @ np.arange(1, D + 1) / D**2 * 4 / 45)
    print(f"risk (variance of the target {variance:.3f}), mean of {repeats}\n{risk}\n")
    print(f"invariance discrepancy (exactly 0 shows as 1e-17)\n{change}")
    draw_picture(risk, change, variance, options.output)
    print(f"picture: {options.output}")
    return 0


def draw_picture(
    risk: theory.LearningCurve, change: theory.LearningCurve, variance: float, path: Path
) -> None:
    """Risk on the left, discrepancy on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    risk.draw(left, ylabel="mean squared error")
    left.axhline(variance, color="0.4", linestyle="--", linewidth=1)
    place = (risk.sizes["plain"][-1], variance * 1.08)
    left.annotate("variance of the target", place, color="0.4", ha="right")
    change.draw(right, ylabel="change under random signs (rms)")
    left.get_legend().remove()
    left.set_title("Risk")
    right.set_title("Invariance discrepancy")
    for axes in (left, right):
        axes.set_xticks(risk.sizes["plain"], [str(n) for n in risk.sizes["plain"]])
        axes.minorticks_off()
    figure.suptitle("T$^{10}$ under 1024 changes of sign")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
