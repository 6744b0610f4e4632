"""Name algebras of affine fields: so(3), se(2), translations, scalings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import subspace_angles
from scipy.sparse.csgraph import connected_components

from symkernel.lie import algebra as algebras
from symkernel.lie.algebra import Algebra
from symkernel.lie.closure import Closure, closure_of

__all__ = ["Piece", "angle_between", "pieces_of"]

Array = NDArray[Any]

# Compact and split simple algebras by dimension and signature of the Killing form.
_ABSTRACT = {
    (3, (0, 3)): "so(3)",
    (3, (2, 1)): "sl(2, R)",
    (6, (0, 6)): "so(4)",
    (6, (3, 3)): "so(1, 3)",
    (6, (4, 2)): "so(2, 2)",
    (8, (0, 8)): "su(3)",
    (8, (5, 3)): "sl(3, R)",
    (8, (4, 4)): "su(2, 1)",
    (10, (0, 10)): "so(5)",
    (10, (6, 4)): "sp(4, R)",
    (10, (4, 6)): "so(1, 4)",
    (15, (0, 15)): "so(6)",
    (15, (9, 6)): "sl(4, R)",
}


@dataclass(frozen=True)
class Piece:
    """A part of an algebra that has a name.

    Attributes
    ----------
    name : str
        Such as "so(3)".
    kind : str
        "so", "se", "translations", or another word.
    columns : tuple of int
        Features it acts on.
    detail : str
        What more there is to say, such as the point it turns about.
    standard : bool
        Whether it is the usual copy: orthogonal matrices about the origin.
    frame : tuple or None
        Axis and shape along which it acts alike on points.
    """

    name: str
    kind: str
    columns: tuple[int, ...]
    detail: str = ""
    standard: bool = False
    frame: tuple[int, tuple[int, ...]] | None = None

    def __str__(self) -> str:
        if self.kind == "free":
            return self.name
        where = f"{self.name}, acting on {_columns(self.columns)}"
        if self.frame is not None:
            axis, shape = self.frame
            where = f"{self.name}.along({axis}, {shape})"
        return where + (f", {self.detail}" if self.detail else "")


def angle_between(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the largest principal angle between spans of rows; pi / 2 if dimensions differ."""
    a, b = one.reshape(len(one), -1), other.reshape(len(other), -1)
    if len(a) != len(b):
        return float(np.pi / 2)
    return float(subspace_angles(a.T, b.T).max()) if len(a) else 0.0


def pieces_of(algebra: Algebra, tol: float) -> list[Piece]:
    """Split an algebra into parts with names.

    Parameters
    ----------
    algebra : Algebra
        Without a frame.
    tol : float
        Accuracy of the generators: angles up to it count as zero.

    Returns
    -------
    list of Piece
        The parts; one part of kind "other" if it has no name.
    """
    if not algebra.dim:
        return []
    free, rest = _free_directions(algebra, tol)
    found = []
    if free.shape[1]:
        size = np.abs(free).max(axis=1)
        columns = tuple(int(j) for j in np.flatnonzero(size > tol))
        aligned = len(columns) == free.shape[1]
        where = _columns(columns) if aligned else f"{free.shape[1]} directions"
        name = f"all fields along {where} (the function does not depend on them)"
        found.append(Piece(name, "free", columns))
    if not rest.dim:
        return found
    columns = _active(rest, tol)
    whole = _known(rest, columns, tol)
    if whole is None:
        whole = _on_points(rest, tol)
    if whole is not None:
        return [*found, whole]
    blocks = _blocks(rest, columns, tol)
    parts = [_known(part, at, tol) for part, at in blocks]
    if len(blocks) > 1 and all(parts):
        return [*found, *(part for part in parts if part is not None)]
    return [*found, _abstract(rest, columns, tol)]


def _free_directions(algebra: Algebra, tol: float) -> tuple[NDArray[np.float64], Algebra]:
    """Directions (n, u) all affine fields along which are in the span, and what else is in it."""
    n = algebra.n_features
    flat = algebra.generators
    # v^T M v = sum_j |P (v e_j^T)|^2, P the projection on the span, is n + 1 if all v e_j are in.
    M = np.einsum("kaj,kbj->ab", flat, flat)
    values, vectors = np.linalg.eigh(M)
    free = vectors[:, values >= (n + 1) * np.cos(tol) ** 2]
    size = algebra.dim - free.shape[1] * (n + 1)
    if not free.shape[1] or size < 0:
        return np.zeros((n, 0)), algebra
    outside = flat - np.einsum("au,bu,kbj->kaj", free, free, flat)
    _, _, right = np.linalg.svd(outside.reshape(algebra.dim, -1), full_matrices=False)
    return free, Algebra(right[:size].reshape(size, n, n + 1))


def _active(algebra: Algebra, tol: float) -> tuple[int, ...]:
    """Features that move or make others move."""
    size = np.abs(algebra.generators)
    moves = size.max(axis=(0, 2)) > tol
    felt = size[:, :, :-1].max(axis=(0, 1)) > tol
    return tuple(int(j) for j in np.flatnonzero(moves | felt))


def _restricted(algebra: Algebra, columns: Sequence[int]) -> NDArray[np.float64]:
    at = np.asarray(columns, np.int64)
    return algebra.generators[:, at][:, :, [*at, algebra.n_features]]


def _known(algebra: Algebra, columns: tuple[int, ...], tol: float) -> Piece | None:
    """Compare with the usual algebras on the columns, then with the algebras of other forms."""
    m = len(columns)
    if m == 0:
        return None
    given = _restricted(algebra, columns)
    for name, kind, other in _usual(m):
        if other.dim == algebra.dim and angle_between(given, other.generators) <= tol:
            return Piece(name, kind, columns, "", kind in ("so", "se", "translations"))
    return _of_a_form(given, columns, tol)


def _usual(m: int) -> list[tuple[str, str, Algebra]]:
    one = np.eye(m)[None]
    found = [
        (f"so({m})", "so", algebras.special_orthogonal(m)),
        (f"translations({m})", "translations", algebras.translations(m)),
        (f"se({m})", "se", algebras.special_euclidean(m)),
        ("one common scaling", "scaling", Algebra(one)),
        (f"similarities({m})", "similarities", algebras.special_euclidean(m) + Algebra(one)),
        (f"so({m}) + scaling", "other", algebras.special_orthogonal(m) + Algebra(one)),
        (f"scalings({m})", "scalings", algebras.scalings(m)),
        (f"gl({m})", "gl", algebras.linear(m)),
        (f"affine({m})", "affine", algebras.affine(m)),
    ]
    if m >= 2:
        found.append((f"so(1, {m - 1})", "lorentz", algebras.lorentz(m)))
        traceless = algebras.linear(m).generators - np.eye(m, m + 1) * (
            np.trace(algebras.linear(m).linear_parts, axis1=1, axis2=2)[:, None, None] / m
        )
        found.append((f"sl({m})", "sl", Algebra(traceless)))
    if m % 2 == 0:
        found.append((f"sp({m}, R)", "symplectic", algebras.symplectic(m)))
    return found


def _of_a_form(given: NDArray[np.float64], columns: tuple[int, ...], tol: float) -> Piece | None:
    """Name so(p, q) of a quadratic form, about a point: the form solves A^T Q + Q A = 0."""
    k, m = len(given), len(columns)
    if m < 2 or k != m * (m - 1) // 2:
        return None
    A, b = given[:, :, :-1], given[:, :, -1]
    centre, *_ = np.linalg.lstsq(A.reshape(-1, m), -b.reshape(-1), rcond=tol)
    if np.abs(A @ centre + b).max() > tol * max(1.0, float(np.abs(b).max())):
        return None
    rows, cols = np.triu_indices(m)
    units = np.zeros((len(rows), m, m))
    units[np.arange(len(rows)), rows, cols] = units[np.arange(len(rows)), cols, rows] = 1.0
    sizes = np.sqrt((units**2).sum(axis=(1, 2)))
    units /= sizes[:, None, None]
    left = np.einsum("kba,ubc->ukac", A, units) + np.einsum("uab,kbc->ukac", units, A)
    _, s, vectors = np.linalg.svd(left.reshape(len(rows), -1).T, full_matrices=False)
    if s[-1] > tol * s[0] or (len(s) > 1 and s[-2] <= tol * s[0]):
        return None
    form = np.tensordot(vectors[-1], units, 1)
    values = np.linalg.eigvalsh(form)
    if np.abs(values).min() <= tol * np.abs(values).max():
        return None
    plus, minus = int((values > 0).sum()), int((values < 0).sum())
    details = []
    if np.linalg.norm(centre) > tol:
        details.append(f"about the point {np.array2string(centre, precision=4)}")
    if not min(plus, minus):
        spherical = np.ptp(np.abs(values)) <= tol * np.abs(values).max()
        if not spherical:
            form = form * np.sign(values[0]) / np.abs(values).max()
            details.append(f"of the form {np.array2string(form, precision=4).replace(chr(10), '')}")
        return Piece(f"so({m})", "so", columns, ", ".join(details))
    details.append("of an indefinite form")
    return Piece(f"so({min(plus, minus)}, {max(plus, minus)})", "form", columns, ", ".join(details))


def _on_points(algebra: Algebra, tol: float) -> Piece | None:
    """Compare with motions of p points in r dimensions, the features in either order."""
    d = algebra.n_features
    for r in range(1, d):
        if d % r:
            continue
        for name, kind, other in _usual(r)[:3]:
            if other.dim != algebra.dim:
                continue
            for axis, shape in ((1, (d // r, r)), (0, (r, d // r))):
                moved = other.along(axis, shape)
                if angle_between(algebra.generators, moved.generators) <= tol:
                    every = tuple(range(d))
                    return Piece(name, kind, every, "", True, (axis, shape))
    return None


def _blocks(
    algebra: Algebra, columns: tuple[int, ...], tol: float
) -> list[tuple[Algebra, tuple[int, ...]]]:
    """Split by groups of features that do not mix; [] if the algebra is not their sum."""
    coupled = (np.abs(algebra.linear_parts) > tol).any(axis=0)
    _, labels = connected_components(coupled, directed=False)
    found: list[tuple[Algebra, tuple[int, ...]]] = []
    for label in sorted({int(labels[j]) for j in columns}):
        at = tuple(j for j in columns if labels[j] == label)
        part = np.zeros_like(algebra.generators)
        part[:, list(at)] = algebra.generators[:, list(at)]
        _, s, right = np.linalg.svd(part.reshape(algebra.dim, -1), full_matrices=False)
        kept = s > np.sqrt(0.5)
        if kept.any():
            found.append((Algebra(right[kept].reshape(-1, *part.shape[1:])), at))
    if not found:
        return []
    together = np.concatenate([part.generators for part, _ in found])
    return found if angle_between(together, algebra.generators) <= tol else []


def _abstract(algebra: Algebra, columns: tuple[int, ...], tol: float) -> Piece:
    if np.abs(algebra.linear_parts).max() <= tol:
        return Piece(f"translations along {algebra.dim} directions", "other", columns)
    facts: Closure = closure_of(algebra, max(tol, 1e-6))
    k = algebra.dim
    if k == 1:
        return Piece("one-parameter group", "other", columns, f"generated by {algebra.names[0]}")
    if not facts.closes:
        return Piece(f"{k} fields that do not close", "open", columns)
    name = _ABSTRACT.get((k, facts.signature[:2])) if facts.semisimple else None
    if name is None:
        kind = "abelian" if facts.abelian else "solvable" if facts.solvable else "Lie"
        name = f"{kind} algebra of dimension {k}"
    return Piece(name, "other", columns)


def _columns(columns: tuple[int, ...]) -> str:
    if len(columns) == 1:
        return f"column {columns[0]}"
    if columns == tuple(range(columns[0], columns[-1] + 1)):
        return f"columns {columns[0]}-{columns[-1]}"
    return "columns " + ", ".join(map(str, columns))
