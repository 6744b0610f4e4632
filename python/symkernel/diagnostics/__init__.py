"""Broken symmetry: measure it, test it, repair it, for any model."""

from symkernel.diagnostics.assertion import assert_invariant
from symkernel.diagnostics.augmented import Augmented
from symkernel.diagnostics.convergence import Convergence, convergence
from symkernel.diagnostics.forces import net_force, net_torque
from symkernel.diagnostics.invariance_test import InvarianceTest, invariance_test
from symkernel.diagnostics.orbit_grid import OrbitGrid, orbit_grid
from symkernel.diagnostics.repairs import Repair, Repairs, compare_repairs, invariant_version
from symkernel.diagnostics.report import InvarianceReport, invariance_report
from symkernel.diagnostics.subgroup_scan import SubgroupScan, subgroup_scan
from symkernel.diagnostics.symmetrized import Symmetrized

__all__ = [
    "Augmented",
    "Convergence",
    "InvarianceReport",
    "InvarianceTest",
    "OrbitGrid",
    "Repair",
    "Repairs",
    "SubgroupScan",
    "Symmetrized",
    "assert_invariant",
    "compare_repairs",
    "convergence",
    "invariance_report",
    "invariance_test",
    "invariant_version",
    "net_force",
    "net_torque",
    "orbit_grid",
    "subgroup_scan",
]
