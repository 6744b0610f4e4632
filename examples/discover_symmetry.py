"""Continuous symmetries found in data: rotations, the Lorentz group, and three dynamical systems.

Nothing is told to the search but a space of vector fields, all affine ones where not said
otherwise. First a radial function of three variables, of which 500 samples with 1 % noise are
known: kernel ridge regression is fitted, so(3) found in it, and the model fitted again with the
group that was found. Then a function of the Minkowski distance, given as a formula. Then
trajectories: the Lorenz system, whose one symmetry is a half turn and must not be taken for a
continuous one, the normal form of a Hopf bifurcation, and the Kepler problem, the forces of which
are fitted in a dictionary of central ones and a constant.

    python examples/discover_symmetry.py [folder]

`folder` holds dynamics/odes.npz; by default the environment variable SYMKERNEL_DATA, else
../shared/data beside the repository. Without it the trajectories are left out.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernelRidge, lie
from symkernel.lie.discovery import Discovery

Array = NDArray[Any]

SAMPLES, NOISE = 500, 0.01
LENGTH_SCALE, ALPHA = 1.0, 1e-3


def default_folder() -> Path:
    """Folder of the data sets: SYMKERNEL_DATA, else ../shared/data beside the repository."""
    given = os.environ.get("SYMKERNEL_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def bump(X: Array) -> Array:
    """A radial function of three variables."""
    return np.asarray(np.exp(-0.5 * (X**2).sum(axis=1)))


def rotations(seed: int) -> tuple[Discovery, dict[str, float]]:
    """Find so(3) in noisy samples; errors of the fits without and with the group found."""
    rng = np.random.default_rng(seed)
    X, test = rng.standard_normal((SAMPLES, 3)), rng.standard_normal((2000, 3))
    y = bump(X) + NOISE * bump(X).std() * rng.standard_normal(SAMPLES)
    plain = InvariantKernelRidge(kernel=RBF(LENGTH_SCALE), alpha=ALPHA).fit(X, y)
    found = lie.discover(plain, X, lie.affine(3), random_state=seed)
    again = InvariantKernelRidge(kernel=RBF(LENGTH_SCALE), group=found.group(), alpha=ALPHA)
    models = {"no symmetry": plain, repr(found.group()): again.fit(X, y)}
    truth = bump(test)
    return found, {
        name: float(np.sqrt(((m.predict(test) - truth) ** 2).mean()) / truth.std())
        for name, m in models.items()
    }


def lorentz(seed: int) -> Discovery:
    """Find so(1, 3) in a function of the Minkowski distance, with its gradient."""
    form = np.diag([-1.0, 1.0, 1.0, 1.0])
    X = np.random.default_rng(seed).standard_normal((SAMPLES, 4))

    def f(X: Array) -> Array:
        return np.asarray(np.sin(np.einsum("ni,ij,nj->n", X, form, X)))

    def gradient(X: Array) -> Array:
        slope = np.cos(np.einsum("ni,ij,nj->n", X, form, X))
        return np.asarray(2 * slope[:, None] * (X @ form))

    return lie.discover((f, gradient), X, lie.affine(4), random_state=seed)


class CentralForces:
    """The functions 1, x, v and x / |x|^p, p = 1 to 4, of states (x, v) in space."""

    powers = (1, 2, 3, 4)

    def values(self, X: Array) -> Array:
        """Values, shape (n, 19)."""
        r = np.linalg.norm(X[:, :3], axis=1, keepdims=True)
        return np.hstack([np.ones_like(r), X, *(X[:, :3] / r**p for p in self.powers)])

    def jacobians(self, X: Array) -> Array:
        """Derivatives, shape (n, 19, 6)."""
        x = X[:, :3]
        r = np.linalg.norm(x, axis=1)[:, None, None]
        slopes = np.zeros((len(X), 7 + 3 * len(self.powers), 6))
        slopes[:, 1:7] = np.eye(6)
        for i, p in enumerate(self.powers):
            rows = slice(7 + 3 * i, 10 + 3 * i)
            away = p * x[:, :, None] * x[:, None] / r ** (p + 2)
            slopes[:, rows, :3] = np.eye(3) / r**p - away
        return slopes


def trajectories(folder: Path, seed: int) -> dict[str, Discovery]:
    """Symmetries of the dynamics that the trajectories follow; derivatives with 1 % noise."""
    data = np.load(folder / "dynamics" / "odes.npz")
    found = {}
    for name, dictionary in (("lorenz", None), ("hopf", None), ("kepler", CentralForces())):
        X, dX = data[f"{name}_X"], data[f"{name}_dX"]
        noisy = dX + NOISE * dX.std() * np.random.default_rng(seed).standard_normal(dX.shape)
        fields = lie.affine(X.shape[-1])
        found[name.capitalize()] = lie.discover_dynamics(
            X, noisy, fields, dictionary, random_state=seed
        )
    return found


def draw(found: Mapping[str, Discovery], errors: Mapping[str, float], path: Path) -> None:
    """Write the spectra, and the errors before and after, as a picture."""
    from matplotlib.figure import Figure
    from symkernel.lie.pictures import draw_spectrum_on

    figure = Figure(figsize=(10.5, 6.2), layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    for axes, (name, outcome) in zip(panels, found.items(), strict=False):
        draw_spectrum_on(axes, outcome)
        axes.set_title(f"{name}\n{outcome.name}", fontsize="medium")
    last = panels[len(found)]
    last.bar(range(len(errors)), [100 * e for e in errors.values()], color=["#999999", "#0072B2"])
    last.set_xticks(range(len(errors)), list(errors))
    last.set_ylabel("error / spread of the target, %")
    last.set_title("radial function, fitted again\nwith the group found", fontsize="medium")
    for unused in panels[len(found) + 1 :]:
        unused.set_axis_off()
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, print what is found and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--seed", type=int, default=0, help="seed of samples and noise (0)")
    parser.add_argument("--output", type=Path, default=Path("symmetry.png"), help="picture")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    radial, errors = rotations(options.seed)
    found = {"radial, 1 % noise": radial, "Minkowski": lorentz(options.seed)}
    try:
        found |= trajectories(options.folder, options.seed)
    except FileNotFoundError as error:
        print(f"without trajectories: {error}", file=sys.stderr)
    for name, outcome in found.items():
        print(f"{name}: {outcome}\n")
    for name, value in errors.items():
        print(f"radial function, {name}: error {value:.2%} of the spread")
    draw(found, errors, options.output)
    print(f"spectra: {options.output}   ({time.perf_counter() - start:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
