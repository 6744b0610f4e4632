"""Tell what a space of generators is as a Lie algebra: closed, solvable, simple, compact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.lie.algebra import Algebra
from symkernel.lie.fields import Fields

__all__ = ["Closure", "closure_of"]

Array = NDArray[Any]

# Ranks and signs are read at this share of the largest number, or at the accuracy of the
# generators if that is worse.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Closure:
    """Facts about the span of some generators.

    Attributes
    ----------
    dimension : int
        Number of generators.
    closes : bool
        Whether brackets of generators stay in the span.
    defect : float
        Largest distance of the bracket of two generators from the span, relative to the largest
        bracket; 0 for abelian algebras.
    structure : ndarray of shape (k, k, k)
        [xi_i, xi_j] = sum_m structure[i, j, m] xi_m, up to the defect.
    killing_form : ndarray of shape (k, k)
        tr(ad xi_i ad xi_j).
    signature : tuple of int
        Numbers of positive, negative and zero eigenvalues of the Killing form.
    derived : tuple of int
        Dimensions of the derived series, from the algebra down until it stays.
    radical : int
        Dimension of the largest solvable ideal.
    levi : int
        Dimension of the semisimple part, ``dimension - radical``.
    centre : int
        Dimension of what commutes with everything.
    """

    dimension: int
    closes: bool
    defect: float
    structure: NDArray[np.float64] = field(repr=False)
    killing_form: NDArray[np.float64] = field(repr=False)
    signature: tuple[int, int, int]
    derived: tuple[int, ...]
    radical: int
    levi: int
    centre: int

    @property
    def abelian(self) -> bool:
        """Whether all brackets vanish."""
        return self.centre == self.dimension

    @property
    def solvable(self) -> bool:
        """Whether the derived series ends at zero."""
        return self.levi == 0

    @property
    def semisimple(self) -> bool:
        """Whether the Killing form is nondegenerate."""
        return self.dimension > 0 and self.radical == 0

    @property
    def compact(self) -> bool:
        """Whether it is semisimple with a negative definite Killing form."""
        return self.semisimple and self.signature[1] == self.dimension

    def __str__(self) -> str:
        if not self.dimension:
            return "no generators"
        if not self.closes:
            return f"does not close under brackets (they leave the span by {self.defect:.2g})"
        if self.abelian:
            return "closes under brackets: abelian"
        if self.semisimple:
            kind = "semisimple, compact" if self.compact else "semisimple, not compact"
        elif self.solvable:
            kind = "solvable"
        else:
            kind = f"Levi part of dimension {self.levi}, radical of dimension {self.radical}"
        p, m, z = self.signature
        return f"closes under brackets: {kind}; Killing form ({p} +, {m} -, {z} zero)"


def closure_of(algebra: Algebra, tol: float = _TOLERANCE) -> Closure:
    """Compute brackets, Killing form, derived series and Levi decomposition.

    Parameters
    ----------
    algebra : Algebra
        k generators.
    tol : float, default=1e-6
        Share of the largest number below which brackets, eigenvalues and singular values count as
        zero; the accuracy of the generators.

    Returns
    -------
    Closure

    Notes
    -----
    The radical is the complement of [g, g] for the Killing form (Cartan's criterion; Humphreys,
    Introduction to Lie Algebras and Representation Theory, section 5).

    Examples
    --------
    >>> from symkernel import lie
    >>> from symkernel.lie.closure import closure_of
    >>> print(closure_of(lie.special_euclidean(3)))  # doctest: +ELLIPSIS
    closes under brackets: Levi part of dimension 3, radical of dimension 3; Killing form (0 +, ...
    """
    structure, defect = _structure(algebra, tol)
    return facts(structure, defect, tol)


def facts(structure: NDArray[np.float64], defect: float, tol: float) -> Closure:
    """Return the facts that structure constants (k, k, k) tell."""
    k = len(structure)
    if not k:
        return Closure(0, True, 0.0, structure, np.zeros((0, 0)), (0, 0, 0), (0,), 0, 0, 0)
    killing = np.einsum("iab,jba->ij", structure, structure)
    values = np.linalg.eigvalsh(killing)
    zero = tol * max(1.0, float(np.abs(values).max(initial=0.0)))
    signature = (int((values > zero).sum()), int((values < -zero).sum()))
    derived = [np.eye(k)]
    while len(derived[-1]):
        inner = np.einsum("ia,jb,abm->ijm", derived[-1], derived[-1], structure)
        smaller = _span(inner.reshape(-1, k), tol)
        if len(smaller) == len(derived[-1]):
            break
        derived.append(smaller)
    first = derived[min(1, len(derived) - 1)]
    radical = k - len(_span((first @ killing).reshape(-1, k), tol))
    centre = k - len(_span(structure.transpose(1, 2, 0).reshape(-1, k), tol))
    return Closure(
        dimension=k,
        closes=defect <= tol,
        defect=defect,
        structure=structure,
        killing_form=killing,
        signature=(*signature, k - sum(signature)),
        derived=tuple(len(d) for d in derived),
        radical=radical,
        levi=k - radical,
        centre=centre,
    )


def _structure(algebra: Algebra, tol: float) -> tuple[NDArray[np.float64], float]:
    while algebra.frame is not None:  # the same algebra, in smaller matrices
        algebra = algebra.frame[0]
    k = algebra.dim
    if not k:
        return np.zeros((0, 0, 0)), 0.0
    full = algebra.affine_matrices()
    flat = algebra.generators.reshape(k, algebra.n_features * (algebra.n_features + 1))
    products = np.einsum("iab,jbc->ijac", full, full)
    # The bracket of vector fields is minus that of their matrices, which no fact depends on.
    brackets = (products - products.transpose(1, 0, 2, 3))[:, :, : algebra.n_features]
    return _expand(brackets.reshape(k, k, flat.shape[1]), flat, tol)


def sampled_closure(fields: Fields, X: NDArray[np.float64], tol: float) -> Closure:
    """Tell the facts about any vector fields, from their brackets at points."""
    k = fields.dim
    values = fields.values(X)
    slopes = fields.jacobians(X)
    moved = np.einsum("njab,nib->nija", slopes, values)
    brackets = (moved - moved.transpose(0, 2, 1, 3)).transpose(1, 2, 0, 3).reshape(k, k, -1)
    flat = values.transpose(1, 0, 2).reshape(k, -1)
    weight = np.linalg.norm(flat) or 1.0
    return facts(*_expand(brackets / weight, flat / weight, tol), tol)


def _expand(
    brackets: NDArray[np.float64], flat: NDArray[np.float64], tol: float
) -> tuple[NDArray[np.float64], float]:
    """Coefficients of brackets (k, k, D) in a basis (k, D), and what is left, relatively."""
    k = len(flat)
    largest = float(np.linalg.norm(brackets, axis=2).max(initial=0.0))
    if largest <= tol:
        return np.zeros((k, k, k)), 0.0
    structure = brackets @ np.linalg.pinv(flat)
    outside = np.linalg.norm(brackets - structure @ flat, axis=2)
    return structure, float(outside.max()) / largest


def _span(rows: NDArray[np.float64], tol: float) -> NDArray[np.float64]:
    """Orthonormal basis of the row space."""
    if not rows.size:
        return np.zeros((0, rows.shape[1]))
    _, s, basis = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(basis[s > tol * max(1.0, s[0])])
