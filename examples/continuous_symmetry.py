"""A continuous symmetry changes the rate of learning, a finite one the constant.

Two points x, y of space with |x|^2 + |y|^2 = 1 make the sphere S^5. Rotations SO(3) move both; the
space of orbits is a disc with coordinates q = (|x|^2 - |y|^2, 2 x . y), of dimension 2. Targets are
twenty functions |w . q - b| with a kink, without noise. Kernel ridge regression with a Matern
kernel (nu = 3/2, length 1, alpha = 1e-8) is compared with its averages over the 24 rotations of the
cube, a subgroup, and over all of SO(3). A target with s derivatives is learned with the mean
squared error n^(-2s/d) from n samples without noise, and a kink has s = 3/2: for d = 5 the slope
is -0.6, with the finite group the same from 24 times fewer samples, for d = 2 it is -1.5. The
exact numbers of invariant functions grow likewise, as lambda^(d/2) by Weyl's law.

Measured: the curve of the finite group is the plain one from some twenty times fewer samples, and
has the slope -0.7; SO(3) has -1.6, so that what it saves beside the finite group grows with n. The
plain curve has not settled with 2048 samples, and falls like that of the finite group at 2048/24.

    python examples/continuous_symmetry.py [--output continuous_symmetry.png] [--quick]

About a minute on four cores; needs matplotlib and tqdm (the extra ``demo``).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Matern
from symkernel import InvariantKernelRidge, theory
from symkernel.groups import SO, Group, PointGroup
from symkernel.spectral import Sphere
from symkernel.theory.counts import DimensionCounts

Array = NDArray[np.float64]

SHAPE = (2, 3)
SPHERE = Sphere(6)
SIZES = {
    "plain": (32, 64, 128, 256, 512, 1024, 2048),
    "24 rotations": (32, 64, 128, 256, 512, 1024),
    "SO(3)": (16, 32, 64, 128, 256, 512),
}
QUICK = dict.fromkeys(SIZES, (32, 64, 128))
TARGETS = 20


def symmetries() -> dict[str, Group | None]:
    """No symmetry, a finite one, and the continuous one."""
    return {
        "plain": None,
        "24 rotations": PointGroup("O").along(1, SHAPE),
        "SO(3)": SO(3).along(1, SHAPE),
    }


def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Uniform samples and the values of the targets."""
    X = SPHERE.random_points(n, rng)
    x, y = X[:, :3], X[:, 3:]
    q = np.stack([(x**2).sum(1) - (y**2).sum(1), 2.0 * (x * y).sum(1)], axis=1)
    fixed = np.random.default_rng(1)
    angle = fixed.uniform(0.0, 2.0 * math.pi, TARGETS)
    place = fixed.uniform(-0.5, 0.5, TARGETS)
    return X, np.abs(q @ np.stack([np.cos(angle), np.sin(angle)]) - place)


def measure(
    sizes: Mapping[str, Sequence[int]] = SIZES, n_repeats: int = 5, progress: bool = False
) -> theory.LearningCurve:
    """Learning curves of the three models."""
    kernel = Matern(1.0, nu=1.5)
    models = {
        name: InvariantKernelRidge(1e-8, kernel=kernel, group=group)
        for name, group in symmetries().items()
    }
    return theory.LearningCurve(
        models, draw, sizes, n_repeats=n_repeats, n_test=1000, progress=progress
    ).run()


def slope(curve: theory.LearningCurve, name: str) -> float:
    """Exponent of n in the risk, fitted to the second half of the sizes."""
    sizes, risks = np.array(curve.sizes[name]), curve.mean(name)
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(risks[half:]), 1)[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("continuous_symmetry.png"))
    parser.add_argument("--quick", action="store_true", help="fewer samples and repeats")
    options = parser.parse_args(arguments)
    sizes, repeats, top = (QUICK, 2, 12) if options.quick else (SIZES, 10, 40)
    counts = {n: theory.dimension_counts(SPHERE, g, top) for n, g in symmetries().items()}
    print(f"functions up to degree {top}, and Weyl's estimate")
    for name, group in symmetries().items():
        size = theory.quotient(SPHERE, group)
        print(
            f"{name:>14}: {counts[name].cumulative_invariant[-1]:>9} "
            f"{size.weyl(counts[name].eigenvalues[-1]):>12.1f}   space of orbits: dimension "
            f"{size.dim}, volume {size.volume:.3g}"
        )
    curve = measure(sizes, repeats, progress=sys.stderr.isatty())
    print(f"\nmean squared error, mean of {repeats}\n{curve}\n")
    for name, group in symmetries().items():
        expected = -3.0 / theory.quotient(SPHERE, group).dim
        print(f"{name:>14}: slope {slope(curve, name):.2f}, theory {expected:.2f}")
    for slow, fast in (("plain", "24 rotations"), ("24 rotations", "SO(3)")):
        print(f"samples of {slow} for the risk of {fast}: ", end="")
        pairs = zip(sizes[fast], curve.gain(slow, fast), strict=True)
        print(", ".join(f"{g:.1f} x {n}" for n, g in pairs if not np.isnan(g)))
    draw_picture(counts, curve, options.output)
    print(f"picture: {options.output}")
    return 0


def draw_picture(
    counts: Mapping[str, DimensionCounts], curve: theory.LearningCurve, path: Path
) -> None:
    """Numbers of functions on the left, risk on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    curve.draw(right, ylabel="mean squared error")
    colours = [line.get_color() for line in right.get_lines()]
    for colour, (name, found) in zip(colours, counts.items(), strict=True):
        even = slice(2, None, 2)  # of even degree: pairs have no odd invariants
        left.plot(
            found.eigenvalues[even], found.cumulative_invariant[even], color=colour, label=name
        )
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_xlabel("eigenvalue of the Laplacian")
    left.set_ylabel("invariant functions up to it")
    left.set_title("What is left to learn")
    left.grid(True, color="0.9")
    for side in ("top", "right"):
        left.spines[side].set_visible(False)
    right.set_title("Two points in space, |x|² + |y|² = 1")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
