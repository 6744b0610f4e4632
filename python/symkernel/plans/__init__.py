"""Ways to average a kernel over a group, and the planner that chooses among them."""

from symkernel.plans.base import (
    ApproximationWarning,
    BaseSpec,
    Cost,
    NotApplicableError,
    Plan,
)
from symkernel.plans.entries import METHODS
from symkernel.plans.planner import make_plan

__all__ = [
    "METHODS",
    "ApproximationWarning",
    "BaseSpec",
    "Cost",
    "NotApplicableError",
    "Plan",
    "make_plan",
]
