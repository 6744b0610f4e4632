"""Ridge systems and exact leave-one-out errors, from a Gram matrix or from features in blocks."""

from symkernel.solvers.centring import centred_residuals
from symkernel.solvers.feature_ridge import factor_columns, factor_rows
from symkernel.solvers.leave_one_out import leave_one_out_residuals
from symkernel.solvers.ridge import solve_ridge
from symkernel.solvers.ridge_factor import RidgeFactor, factor_ridge
from symkernel.solvers.ridge_packed import solve_ridge_packed

__all__ = [
    "RidgeFactor",
    "centred_residuals",
    "factor_columns",
    "factor_ridge",
    "factor_rows",
    "leave_one_out_residuals",
    "solve_ridge",
    "solve_ridge_packed",
]
