"""The planner chooses what plan_choices.json says, for every group of the catalog.

After a change that is meant to change a choice, ``python tests/test_plan_choices.py`` writes the
file anew; its difference shows every choice that changed.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from catalog import GROUPS, KERNELS, TURNED_TENSORS, leaves_invariant
from symkernel import InvariantKernel, groups
from symkernel.exceptions import ApproximationWarning

CHOICES = Path(__file__).with_name("plan_choices.json")
BASES = (
    "rbf",
    "matern12",
    "matern52",
    "rational_quadratic",
    "dot_product",
    "polynomial",
    "laplacian",
    "arc_cosine1",
    "von_mises",
)
# Too large for the laws of the catalog: where the planner has something to choose.
LARGE = {
    "S_9": groups.Symmetric(9),
    "S_9 on points": groups.Symmetric(9).along(0, (9, 3)),
    "B_7": groups.Hyperoctahedral(7),
    "C_64": groups.Cyclic(64),
    "D_64": groups.Dihedral(64),
    "O(3)": groups.O(3).along(1, (5, 3)),
    "E(3) x S_4": groups.E(3).along(1, (4, 3)) * groups.Symmetric(4).along(0, (4, 3)),
    "translations x S_3": groups.Translations(3).along(1, (3, 3))
    * groups.Symmetric(3).along(0, (3, 3)),
    "graph of 20 nodes": groups.Graph(20),
    "turned tensors": TURNED_TENSORS,
    "8 x 8 p4m": groups.Image((8, 8), "p4m"),
}
ALL = {**GROUPS, **LARGE}
NO_AVERAGES = ("canonical", "orbit_distance", "frame")


def choice(base, group, method="auto"):
    """Method and first steps of a plan, or the class of the refusal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ApproximationWarning)
            plan = InvariantKernel(base, group, method).plan()
    except (ValueError, TypeError) as reason:
        return type(reason).__name__
    return " | ".join((plan.method, *plan.steps[:2]))


def of_group(name):
    """Choices for one group: all base kernels, and methods by name for one of them."""
    group = ALL[name]
    bases = [k for k in BASES if name in LARGE or leaves_invariant(group, k)]
    chosen = {k: choice(KERNELS[k], group) for k in bases}
    asked = "rbf" if "rbf" in bases else bases[0]
    methods = ("sum", "closed_form", "fourier", *NO_AVERAGES)
    return chosen | {f"{asked} by {m}": choice(KERNELS[asked], group, m) for m in methods}


@pytest.mark.parametrize("name", ALL)
def test_the_planner_chooses_what_it_chose_before(name):
    assert of_group(name) == json.loads(CHOICES.read_text())[name]


if __name__ == "__main__":
    CHOICES.write_text(json.dumps({name: of_group(name) for name in ALL}, indent=1) + "\n")
