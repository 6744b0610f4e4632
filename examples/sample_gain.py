"""How many samples a finite symmetry is worth: equal-risk gains on spheres and tori.

Kernel ridge regression with a plain kernel and with its average over a group learn the same
invariant functions. For every number n of samples of the invariant model, the gain is the number of
samples with which the plain one reaches the same risk, divided by n. For ever more samples it tends
to the order of the group (Tahmasebi and Jegelka, NeurIPS 2023).

* On the sphere S^2 under the rotations T, O and I of the regular solids (12, 24, 60): a Matern
  kernel with nu = 5/2 and length 1.
* On tori of dimension 3 and 4 under all permutations of the coordinates (6, 24): the von Mises
  kernel exp(kappa sum cos(x_i - y_i)), kappa = 1, in closed form by permanents.

Targets are twenty random combinations of the invariant eigenfunctions, up to degree 12 on S^2 and
squared frequencies of 6 on tori, all of the same size, without noise; alpha is 1e-9 for both
models. Risks are geometric means over repeats, those of a typical run: with 16 samples a few
unlucky draws make most of the arithmetic mean, whose gains stand beside. The last columns are the
ratio of effective dimensions (as in ``theory.sample_gain``) at a ridge that leaves n/2 to the
invariant kernel, and the ratio of numbers of eigenfunctions up to the level where n of them are
invariant: exact finite-size figures, without any fit.

    python examples/sample_gain.py [--output sample_gain.png] [--quick]

About a minute on four cores; needs matplotlib and tqdm (the extra ``demo``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Matern
from symkernel import InvariantKernel, InvariantKernelRidge, theory
from symkernel.groups import Group, PointGroup, Symmetric
from symkernel.kernels import VonMises
from symkernel.spectral import InvariantBasis, Manifold, Sphere, Torus

Array = NDArray[np.float64]

SIZES = (16, 24, 32, 48, 64)
ALPHA = 1e-9
TARGETS = 20


@dataclass(frozen=True)
class Case:
    """A group, where it acts, the kernel, and the highest level of the targets."""

    name: str
    manifold: Manifold
    group: Group
    kernel: Any
    level: int

    def plain_sizes(self, sizes: Sequence[int], most: int) -> list[int]:
        """Sizes a factor of about 1.4 apart that cover the gains to expect."""
        low, high = sizes[0] * self.group.order / 6, sizes[-1] * self.group.order * 1.6
        steps = [round(16 * 2 ** (k / 2)) for k in range(20)]
        return [n for n in steps if low <= n <= min(high, most)]

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Uniform samples and the values of the targets."""
        X = self.manifold.random_points(n, rng)
        basis = InvariantBasis(self.manifold, self.group, max_level=self.level).fit(X)
        functions = basis.transform(X)[:, 1:]  # without the constant
        weights = np.random.default_rng(3).standard_normal((functions.shape[1], TARGETS))
        return X, functions @ (weights / np.linalg.norm(weights, axis=0))


def cases() -> list[Case]:
    """All groups of the study."""
    matern = Matern(1.0, nu=2.5)
    found = [Case(f"{g} on S$^2$", Sphere(3), PointGroup(g), matern, 12) for g in "TOI"]
    for d in (3, 4):
        torus = Torus(d, 2 * np.pi)
        found.append(Case(f"S$_{d}$ on T$^{d}$", torus, Symmetric(d), VonMises(1.0), 6))
    return found


def measure(
    case: Case, sizes: Sequence[int], n_repeats: int, most: int, progress: bool = False
) -> theory.LearningCurve:
    """Learning curves of the two models."""
    models = {
        "plain": InvariantKernelRidge(ALPHA, kernel=case.kernel),
        "invariant": InvariantKernelRidge(ALPHA, kernel=case.kernel, group=case.group),
    }
    return theory.LearningCurve(
        models,
        case.draw,
        {"plain": case.plain_sizes(sizes, most), "invariant": sizes},
        n_repeats=n_repeats,
        n_test=1000,
        progress=progress,
    ).run()


def dimension_gains(case: Case, sizes: Sequence[int], n_samples: int) -> tuple[Array, Array]:
    """Ratios of effective dimensions, and of numbers of functions, at each size."""
    X = case.manifold.random_points(n_samples, 0)
    averaged = InvariantKernel(case.kernel, case.group)
    grams = [np.asarray(kernel(X)) for kernel in (case.kernel, averaged)]
    ridges = np.logspace(-9.0, 3.0, 400)
    plain, invariant = (theory.effective_dimension(K, ridges) for K in grams)
    # The ridge at which half of n functions are fitted.
    places = [int(np.argmin(np.abs(invariant - n / 2))) for n in sizes]
    effective = plain[places] / invariant[places]
    top = 12
    while theory.invariant_dimension(case.manifold, case.group, top) < sizes[-1]:
        top += 12
    counts = theory.dimension_counts(case.manifold, case.group, top)
    full = np.searchsorted(counts.cumulative_invariant, sizes)
    return effective, counts.ratio[full]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("sample_gain.png"))
    parser.add_argument("--quick", action="store_true", help="fewer samples, repeats and groups")
    options = parser.parse_args(arguments)
    sizes, repeats, most = ((16, 32), 2, 600) if options.quick else (SIZES, 10, 4200)
    chosen = [cases()[0], cases()[3]] if options.quick else cases()
    print(
        f"{'group':>14} {'order':>6} {'n':>4} {'gain':>7} {'(mean)':>7} {'effective':>10} "
        f"{'functions':>10}"
    )
    gains: dict[str, tuple[Array, Array, int | float]] = {}
    for case in chosen:
        curve = measure(case, sizes, repeats, most, progress=sys.stderr.isatty())
        gain = curve.gain("plain", "invariant", average="geometric")
        mean = curve.gain("plain", "invariant")
        effective, functions = dimension_gains(case, sizes, 500 if options.quick else 2000)
        gains[case.name] = (gain, effective, case.group.order)
        for row in zip(sizes, gain, mean, effective, functions, strict=True):
            n, a, b, c, d = row
            print(
                f"{case.name:>14} {case.group.order:>6} {n:>4} {a:>7.1f} {b:>7.1f} {c:>10.1f} "
                f"{d:>10.1f}",
                flush=True,
            )
    draw_picture(sizes, gains, options.output)
    print(f"picture: {options.output}")
    return 0


def draw_picture(
    sizes: Sequence[int], gains: dict[str, tuple[Array, Array, int | float]], path: Path
) -> None:
    """Gains against samples, with the order of each group."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
    for colour, (name, (gain, _, order)) in zip(colours, gains.items(), strict=False):
        axes.plot(sizes, gain, "o-", color=colour, label=f"{name}, order {order}")
        axes.axhline(float(order), color=colour, linestyle="--", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("samples of the invariant model")
    axes.set_ylabel("times more for the plain one")
    axes.set_title("Samples at equal risk (dashed: order of the group)", fontsize="medium")
    axes.grid(True, color="0.9")
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
