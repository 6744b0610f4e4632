"""Broken symmetry: measure it, test it, repair it, for any model."""

from symkernel.diagnostics.invariance_test import InvarianceTest, invariance_test
from symkernel.diagnostics.subgroup_scan import SubgroupScan, subgroup_scan

__all__ = ["InvarianceTest", "SubgroupScan", "invariance_test", "subgroup_scan"]
