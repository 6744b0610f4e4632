"""Case: the time of plan() for every named group, and the memory that plans keep."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import RBF, DotProduct, Kernel, Matern, RationalQuadratic
from symkernel import InvariantKernel, groups
from symkernel.exceptions import GroupTooLargeError
from symkernel.kernels import Polynomial

from .memory import peak_bytes, resident_bytes

KERNELS: tuple[Kernel, ...] = (
    RBF(1.5),
    Matern(1.5, nu=2.5),
    RationalQuadratic(1.5, alpha=1.0),
    RationalQuadratic(1.5, alpha=1e5),
    Polynomial(3, gamma=0.1),
    DotProduct(0.7),
)
NAMED = (
    groups.Trivial, groups.Symmetric, groups.Alternating, groups.Cyclic, groups.Dihedral,
    groups.SignFlips, groups.Hyperoctahedral,
)  # fmt: skip
# Groups up to this order are summed over, to check that a plan is right on a pair.
_SUMMED = 5_040
# Largest error of a value that is checked, relative to k(x, x) of the plain kernel.
_TOLERANCE = 1e-11


@dataclass(frozen=True)
class PlanningCase:
    """Plans of all named groups on 2 to 14 numbers and on as many points of R^3.

    Attributes
    ----------
    name, title : str
        Name for the command line and title for tables.
    sizes, quick_sizes : tuple of int
        Numbers of points.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    quick_sizes: tuple[int, ...]

    def problems(self, quick: bool) -> Iterator[tuple[Kernel, groups.Group]]:
        """Every kernel over every group."""
        for n in self.quick_sizes if quick else self.sizes:
            for named in NAMED:
                for group in (named(n), named(n).along(0, (n, 3))):
                    for kernel in KERNELS:
                        yield kernel, group


PLANNING_CASES = (
    PlanningCase("planning", "plan() of every named group", tuple(range(2, 15)), (2, 5)),
)


def in_a_fresh_process(case: PlanningCase, quick: bool) -> dict[str, Any]:
    """Seconds of every plan, in the order of the problems, and bytes by which memory grew."""
    finished = subprocess.run(
        [sys.executable, "-m", __name__, case.name, str(int(quick))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if finished.returncode != 0:
        raise RuntimeError(f"{case.name} failed:\n{finished.stderr}")
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def check(case: PlanningCase, quick: bool) -> int:
    """Compare one value of every plan over a small group with the mean over its elements.

    Returns
    -------
    int
        How many were compared.

    Raises
    ------
    AssertionError
        If one differs.
    """
    compared = 0
    rng = np.random.default_rng(0)
    for kernel, group in case.problems(quick):
        if group.log_order > np.log(_SUMMED):
            continue
        x, y = rng.standard_normal((2, 1, group.degree))
        orbit = np.concatenate([g.apply(y) for g in group.elements()])
        want = float(kernel(x, orbit).mean())
        scale = max(float(kernel(z, z)[0, 0]) for z in (x, y))
        got = InvariantKernel(kernel, group).gram(x, y).item()
        if not abs(got - want) <= _TOLERANCE * scale:
            raise AssertionError(
                f"{kernel!r} over {group!r} is {got}, its mean over elements {want}"
            )
        compared += 1
    return compared


def run(case: PlanningCase, quick: bool) -> dict[str, Any]:
    """One result: the slowest plans, and the growth of memory."""
    compared = check(case, quick)
    measured = in_a_fresh_process(case, quick)
    named = [f"{kernel!r} over {group!r}" for kernel, group in case.problems(quick)]
    order = np.argsort(measured["seconds"])[::-1][:8].tolist()
    return {
        "case": case.name,
        "title": case.title,
        "plans": len(named),
        "refused": measured["refused"],
        "compared": compared,
        "median": float(np.median(measured["seconds"])),
        "slowest": [[named[k], measured["seconds"][k]] for k in order],
        "grown_bytes": measured["grown_bytes"],
    }


def _main() -> None:
    name, quick = sys.argv[1:]
    case = next(c for c in PLANNING_CASES if c.name == name)
    seconds, refused = [], 0
    # A first plan loads what is imported lazily.
    InvariantKernel(RBF(), groups.Cyclic(3)).plan()
    gc.collect()
    before = resident_bytes()
    for kernel, group in case.problems(bool(int(quick))):
        k = InvariantKernel(kernel, group)
        start = perf_counter()
        try:
            k.plan()
        except GroupTooLargeError:
            refused += 1
        seconds.append(perf_counter() - start)
    grown = max(peak_bytes() - before, 0)
    print(json.dumps({"seconds": seconds, "refused": refused, "grown_bytes": grown}))


if __name__ == "__main__":
    _main()
