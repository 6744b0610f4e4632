"""Validate samples, targets and numbers: the checks that every public callable passes, once.

Whatever holds real numbers is taken: lists, arrays of any layout and of any real or boolean dtype,
data frames, objects that are numbers, arrays on a GPU. What would lose its meaning on the way is
refused: sparse and masked arrays, records, dates, text, complex numbers, sets of unequal size.
Every message says which argument, what was expected, what came, and the way out.
"""

from symkernel.backends.threads import check_n_jobs
from symkernel.validation.kinds import as_array, check_kind, check_labels, kind_of
from symkernel.validation.parameters import (
    RandomState,
    as_axes,
    as_count,
    as_generator,
    as_number,
    as_numbers,
    as_shape,
    check_flag,
)
from symkernel.validation.samples import (
    as_floats,
    as_movable,
    as_rows,
    check_data,
    check_pair,
    check_samples,
    flat_samples,
    in_order,
)

__all__ = [
    "RandomState",
    "as_array",
    "as_axes",
    "as_count",
    "as_floats",
    "as_generator",
    "as_movable",
    "as_number",
    "as_numbers",
    "as_rows",
    "as_shape",
    "check_data",
    "check_flag",
    "check_kind",
    "check_labels",
    "check_n_jobs",
    "check_pair",
    "check_samples",
    "flat_samples",
    "in_order",
    "kind_of",
]
