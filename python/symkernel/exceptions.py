"""Define the errors and warnings that a program may want to catch.

Every error is a ``ValueError``: the library raises no other kind of its own. A value that makes no
sense raises a plain ``ValueError`` or ``TypeError`` that names the argument; a GPU that was asked
for and is absent raises ``RuntimeError``.

Examples
--------
>>> from symkernel import InvariantKernel, groups
>>> from symkernel.exceptions import GroupTooLargeError, NotApplicableError
>>> from symkernel.kernels import ArcCosine
>>> try:
...     InvariantKernel(ArcCosine(1), groups.SO(3), method="closed_form").plan()
... except NotApplicableError as reason:
...     print("refused")
refused
>>> try:
...     next(iter(groups.SO(3).elements()))
... except GroupTooLargeError as reason:
...     print(reason.order)
inf
"""

from __future__ import annotations

import math
from decimal import Decimal

__all__ = [
    "ApproximationWarning",
    "GradientError",
    "GridEdgeWarning",
    "GroupTooLargeError",
    "NotApplicableError",
]


class NotApplicableError(ValueError):
    """A method does not apply to this kernel or group; the message gives the reason.

    Examples
    --------
    >>> from symkernel import groups, orbit_distance
    >>> from symkernel.exceptions import NotApplicableError
    >>> try:
    ...     orbit_distance([[1.0, 2.0]], group=groups.Cyclic(2), method="matching")
    ... except NotApplicableError as reason:
    ...     print("refused")
    refused
    """


class GroupTooLargeError(ValueError):
    """A group has more elements than may be enumerated.

    Parameters
    ----------
    group : str
        The group, readable.
    order : int, math.inf or Decimal
        How many elements it has; a Decimal, which is an estimate, where the integer would have tens
        of thousands of digits.
    limit : int, or None
        How many were allowed; None when any number was.
    advice : str, default=""
        A sentence that says what to do instead.

    Examples
    --------
    >>> from symkernel.exceptions import GroupTooLargeError
    >>> print(GroupTooLargeError("Symmetric(12)", 479001600, 10**7, "a closed form will do"))
    Symmetric(12) has 479001600 elements; at most 10000000 can be enumerated: a closed form will do
    """

    def __init__(
        self, group: str, order: int | float | Decimal, limit: int | None, advice: str = ""
    ) -> None:
        super().__init__(group, order, limit, advice)
        self.group = group
        self.order = order
        self.limit = limit
        self.advice = advice

    def __str__(self) -> str:
        text = f"{self.group} has {_format_count(self.order)} elements"
        if self.order == math.inf:
            text += " and cannot be enumerated"
        elif self.limit is not None:
            text += f"; at most {self.limit} can be enumerated"
        return f"{text}: {self.advice}" if self.advice else text


class GradientError(ValueError):
    """Derivatives of a model are missing, wrong or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import lie
    >>> from symkernel.exceptions import GradientError
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> wrong = (lambda X: (X**2).sum(axis=1), lambda X: X)  # the gradient is 2 X
    >>> try:
    ...     lie.discover(wrong, X, lie.affine(2))
    ... except GradientError:
    ...     print("refused")
    refused
    """


class ApproximationWarning(UserWarning):
    """A result is approximate where that was not asked for, or misses its tolerance.

    Averages by quadrature and orbit distances by alternation warn so when ``method="auto"`` came to
    them; asking for the method by name is the way to silence it.

    Examples
    --------
    >>> import warnings
    >>> from symkernel.exceptions import ApproximationWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", ApproximationWarning)  # nothing approximate passes
    """


class GridEdgeWarning(UserWarning):
    """The best hyperparameter lies at the edge of its grid; a better one may lie beyond.

    Examples
    --------
    >>> import warnings
    >>> from symkernel.exceptions import GridEdgeWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", GridEdgeWarning)  # where the grid is wide on purpose
    """


def _format_count(count: int | float | Decimal) -> str:
    """Return a count in full up to 10^24, as a power of ten beyond."""
    if count == math.inf:
        return "infinitely many"
    if count < 10**24:
        return str(count)
    if isinstance(count, Decimal):
        digits = count.as_tuple().digits
        leading = Decimal((0, digits, 1 - len(digits)))
        return f"about {leading:.2f}e{count.adjusted()}"
    # Not str(count): Python refuses integers of more than 4300 digits.
    exponent = math.log10(count)
    return f"about {10 ** (exponent % 1):.2f}e{int(exponent)}"
