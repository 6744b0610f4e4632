"""Measure, test and repair broken symmetry, of any model."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from symkernel.diagnostics.assertion import assert_invariant
from symkernel.diagnostics.atoms_model import calculator_model
from symkernel.diagnostics.augmented import Augmented
from symkernel.diagnostics.convergence import convergence
from symkernel.diagnostics.evidence import symmetry_evidence
from symkernel.diagnostics.forces import net_force, net_torque
from symkernel.diagnostics.invariance_test import invariance_test
from symkernel.diagnostics.measure import invariance_report
from symkernel.diagnostics.orbit_grid import orbit_grid
from symkernel.diagnostics.repairs import compare_repairs, invariant_version
from symkernel.diagnostics.subgroup_scan import subgroup_scan
from symkernel.diagnostics.symmetrized import Symmetrized
from symkernel.diagnostics.symmetrized_classifier import SymmetrizedClassifier

if TYPE_CHECKING:
    from symkernel.diagnostics.atoms import SymmetrizedCalculator
    from symkernel.diagnostics.dynamics import dynamics_report

__all__ = [
    "Augmented",
    "Symmetrized",
    "SymmetrizedCalculator",
    "SymmetrizedClassifier",
    "assert_invariant",
    "calculator_model",
    "compare_repairs",
    "convergence",
    "dynamics_report",
    "invariance_report",
    "invariance_test",
    "invariant_version",
    "net_force",
    "net_torque",
    "orbit_grid",
    "subgroup_scan",
    "symmetry_evidence",
]

# These need ASE, which is optional and takes a second to import.
_WITH_ASE = {
    "SymmetrizedCalculator": "atoms",
    "dynamics_report": "dynamics",
}


def __getattr__(name: str) -> Any:
    if name in _WITH_ASE:
        return getattr(import_module(f"symkernel.diagnostics.{_WITH_ASE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
