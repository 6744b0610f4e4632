"""Hold what ``discover`` found, and name it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.groups import SE, SO, Group, Translations
from symkernel.groups.columns import Columns
from symkernel.lie.algebra import Algebra
from symkernel.lie.closure import Closure, closure_of, sampled_closure
from symkernel.lie.fields import DictionaryFields, Fields
from symkernel.lie.naming import Piece, angle_between, pieces_of
from symkernel.validation import as_array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Discovery"]

Array = NDArray[Any]

# Generators are as accurate as the threshold says, and no better than this.
_BEST, _WORST = 1e-6, 0.3
_MAKERS: dict[str, Callable[[int], Group]] = {"so": SO, "se": SE, "translations": Translations}
# Generators written out by ``str``.
_SHOWN = 12


@dataclass(frozen=True, eq=False)
class Discovery:
    """Outcome of ``discover``, ``discover_tangent`` and ``discover_dynamics``.

    Attributes
    ----------
    searched : Fields
        The q vector fields among which symmetries were looked for.
    singular_values : ndarray of shape (m,)
        Residuals in [0, sqrt 2], ascending, one per direction: the root mean square over samples
        of L F over that of |DF| |xi| and |B F|, in coordinates in which the samples have unit
        covariance. 0: exact symmetry. They depend neither on the basis of the fields nor on units.
    subspace : ndarray of shape (q, k)
        Orthonormal coefficients of the symmetries, for the fields searched.
    algebra : Fields
        The k symmetries as vector fields.
    threshold : float
        Residual up to which a direction counts as a symmetry.
    reason : str
        Where the threshold comes from.
    confidence : float
        Share of bootstrap repetitions that found as many symmetries; nan if there were none.
    dimensions : dict of int to int
        How many repetitions found how many symmetries.
    n_samples : int
        Number of samples.
    vanishing : int
        Number of combinations of fields that vanish on the samples, or are normal to the set that
        they lie on; they are not counted as symmetries.
    undecided : int
        Number of directions beside the symmetries that may be symmetries too: the errors of the
        model hide it. If none was found and some are undecided, nothing is known, and ``name`` is
        "cannot tell".
    warnings : tuple of str
        What makes the outcome doubtful.
    """

    searched: Fields
    singular_values: NDArray[np.float64]
    subspace: NDArray[np.float64]
    algebra: Fields
    threshold: float
    reason: str
    confidence: float
    dimensions: dict[int, int]
    n_samples: int
    vanishing: int
    undecided: int
    warnings: tuple[str, ...]
    points: NDArray[np.float64] = field(repr=False)

    @property
    def dimension(self) -> int:
        """Number of independent symmetries k."""
        return int(self.subspace.shape[1])

    @property
    def generators(self) -> NDArray[np.float64]:
        """Coefficients of the symmetries: (A, b) of shape (k, n, n + 1), or (k, n, m)."""
        if isinstance(self.algebra, Algebra):
            return self.algebra.generators
        assert isinstance(self.algebra, DictionaryFields)
        return self.algebra.coefficients

    @property
    def gap(self) -> float:
        """Smallest rejected over largest accepted residual; inf or nan where one is missing."""
        k, s = self.dimension, self.singular_values
        if k == 0 or k >= len(s):
            return float("nan")
        return float(s[k] / s[k - 1]) if s[k - 1] > 0 else float("inf")

    @property
    def tol(self) -> float:
        """Angle up to which found generators are taken for those of a named algebra."""
        return float(np.clip(1.5 * self.threshold, _BEST, _WORST))

    def angle(self, other: Fields | ArrayLike) -> float:
        """Return the largest principal angle between the symmetries found and others.

        Parameters
        ----------
        other : Fields or array-like of shape (k, n, n + 1)
            Fields with coefficients like ``generators``.

        Returns
        -------
        float
            In radians; pi / 2 if the dimensions differ.
        """
        if isinstance(other, Algebra):
            rows = other.generators
        elif isinstance(other, DictionaryFields):
            rows = other.coefficients
        else:
            rows = np.asarray(as_array(other, "other"), np.float64)
        return angle_between(self.generators, rows)

    def closure(self) -> Closure:
        """Tell whether the symmetries close under brackets, and what algebra they then are."""
        if isinstance(self.algebra, Algebra):
            return closure_of(self.algebra, self.tol)
        return sampled_closure(self.algebra, self.points, self.tol)

    @property
    def name(self) -> str:
        """Common name of the algebra, such as "so(3), acting on columns 0-2"."""
        if not self.dimension:
            return "cannot tell" if self.undecided else "no continuous symmetry"
        if not isinstance(self.algebra, Algebra):
            return f"{self.dimension} nonlinear vector fields"
        small, along = _innermost(self.algebra)
        return " + ".join(map(str, pieces_of(small, self.tol))) + along

    def group(self) -> Group:
        """Return the group that the symmetries generate, for ``InvariantKernel``.

        Returns
        -------
        Group
            SO(n), SE(n) or Translations(n), on all features or on some of them, or along an axis of
            a point cloud; products where several act on different features.

        Raises
        ------
        ValueError
            If there are no symmetries, they do not close, or no group of the library acts like
            them; the message says which.
        """
        if not self.dimension:
            unknown = "no continuous symmetry was found, so that there is no group"
            if self.undecided:
                unknown = (
                    "cannot tell whether there is a continuous symmetry: the errors of the model "
                    "hide it; see singular_values, or give threshold"
                )
            raise ValueError(unknown)
        if not isinstance(self.algebra, Algebra):
            raise ValueError("nonlinear vector fields generate no group that this library has")
        small, _ = _innermost(self.algebra)
        made = _group(small, pieces_of(small, self.tol), self.closure())
        algebra: Algebra | None = self.algebra
        frames = []
        while algebra is not None and algebra.frame is not None:
            inner, axes, shape = algebra.frame
            frames.append((axes, shape))
            algebra = inner
        for axes, shape in reversed(frames):
            made = made.along(axes, shape)
        return made

    def plot(self) -> Figure:
        """Draw the spectrum with its threshold. Needs matplotlib (the extra ``demo``)."""
        from symkernel.lie.pictures import draw_spectrum

        return draw_spectrum(self)

    def __str__(self) -> str:
        s, k = self.singular_values, self.dimension
        space = f"{self.searched!r}, {self.n_samples} samples"
        lines = [f"{k} of {self.searched.dim} in {space}: {self.name}"]
        accepted = f"residuals up to {s[k - 1]:.2g}" if k else "no residual"
        beyond = f", the next {s[k]:.2g}" if k < len(s) else ""
        lines.append(f"  {accepted} below {self.threshold:.2g} ({self.reason}){beyond}")
        if self.dimensions:
            lines.append(
                f"  {self.confidence:.0%} of {sum(self.dimensions.values())} repetitions agree"
            )
        if self.undecided:
            lines.append(
                f"  {self.undecided} undecided: errors may hide symmetries there; a better model, "
                "or knowing its errors (y, refits or noise of discover), can tell"
            )
        if k:
            lines += [f"  {name}" for name in self.algebra.names[:_SHOWN]]
            lines += [f"  ... {k - _SHOWN} more"] if k > _SHOWN else []
            lines.append(f"  {self.closure()}")
        lines += [f"  warning: {text}" for text in self.warnings]
        return "\n".join(lines)


def _innermost(algebra: Algebra) -> tuple[Algebra, str]:
    along = ""
    while algebra.frame is not None:
        algebra, axes, shape = algebra.frame
        axis = axes[0] if len(axes) == 1 else axes
        along = f", along axis {axis} of {shape}" + along
    return algebra, along


def _group(algebra: Algebra, pieces: list[Piece], facts: Closure) -> Group:
    text = " + ".join(map(str, pieces))
    if not facts.closes:
        raise ValueError(f"the symmetries found do not generate a group: the algebra {facts}")
    made = [_made(piece, algebra.n_features, text) for piece in pieces]
    return reduce(mul, made)


def _made(piece: Piece, n: int, text: str) -> Group:
    if piece.kind == "free":
        raise ValueError(
            f"{text}: no group stands for what a function does not depend on; leave out these "
            "columns, and look for symmetries of the others"
        )
    if piece.kind not in ("so", "se", "translations"):
        raise ValueError(
            f"the library has no group with the algebra {text}: kernels are averaged over "
            "rotations and translations, which keep distances"
        )
    if not piece.standard:
        raise ValueError(
            f"{text}: the library's groups turn about the origin and keep the usual distance; "
            "subtract the point, and change coordinates so that the form is the identity, first"
        )
    if piece.frame is not None:
        axis, shape = piece.frame
        return _MAKERS[piece.kind](shape[axis]).along(axis, shape)
    if piece.columns == tuple(range(n)):
        return _MAKERS[piece.kind](n)
    return Columns([(_MAKERS[piece.kind](len(piece.columns)), piece.columns)], n)
