"""Answer for the compact group in which matrices generate a dense subgroup."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import schur

from symkernel.backends.element_tables import ActionTable
from symkernel.groups._checks import SAME_TOLERANCE
from symkernel.groups._lattice import lattice_basis, relations
from symkernel.groups.base import Group
from symkernel.groups.elements import Element, OrthogonalMatrix
from symkernel.groups.lie import LieGenerator, turning

__all__ = ["CompactClosure", "closed_algebra"]

Array = NDArray[np.float64]

# Random words whose powers are closed, and their greatest length.
_WORDS, _LONGEST = 24, 8
# Singular values of unit matrices below this are rounding errors.
_RANK = 1e-6
# Most components that are told apart.
_COMPONENTS = 256
# Factors of a random element, and the standard deviation of their logarithms. A factor keeps the
# share of zero weights of each character: none of those of a torus, else a third at most, as
# raising and lowering by simple roots embeds the zero weights in two other spaces.
_FACTORS, _SPREAD = 40, 1000.0


def closed_algebra(matrices: Array) -> Array:
    """Return an orthonormal basis (k, d, d) of the Lie algebra of the closure of <matrices>.

    Powers of one element are dense in a torus, up to finitely many: that of the turns of its
    planes which obey all integer relations of its angles. The tori of all words generate the
    connected part, since what is left is finite (Burnside, Schur: a finitely generated group of
    matrices whose elements have finite order). Words are the generators and random products; the
    span is closed under brackets and under the generators.
    """
    d = matrices.shape[1]
    rng = np.random.default_rng(0)
    words = list(matrices)
    for _ in range(_WORDS):
        word = np.eye(d)
        for k in rng.integers(len(matrices), size=rng.integers(2, _LONGEST + 1)):
            word = word @ matrices[k]
        words.append(word)
    basis = _span(np.concatenate([_torus(word) for word in words]))
    size = -1
    while size < len(basis):
        size = len(basis)
        # brackets of random elements leave the span unless all do
        left, right = np.einsum("sna,aij->snij", rng.standard_normal((2, 2 * size, size)), basis)
        brackets = (left @ right - right @ left) / max(size, 1)
        moved = np.einsum("mij,ajk,mlk->mail", matrices, basis, matrices, optimize=True)
        basis = _span(np.concatenate([basis, brackets, moved.reshape(-1, d, d)]))
    return basis


def _span(matrices: Array) -> Array:
    """Orthonormal basis of the span of antisymmetric matrices of about unit length, or shorter."""
    d = matrices.shape[1]
    above = np.triu_indices(d, 1)
    if not len(matrices):
        return matrices
    _, s, rows = np.linalg.svd(matrices[:, above[0], above[1]], full_matrices=False)
    kept = rows[s > _RANK] * math.sqrt(0.5)
    basis = np.zeros((len(kept), d, d))
    basis[:, above[0], above[1]] = kept
    return basis - basis.swapaxes(1, 2)


def _torus(word: Array) -> Array:
    """Basis of the velocities along which powers of an orthogonal matrix are dense."""
    blocks, planes = schur(word, output="real")
    places = [i for i in range(len(word) - 1) if abs(blocks[i + 1, i]) > SAME_TOLERANCE]
    if not places:
        return np.zeros((0, *word.shape))
    angles = np.array([math.atan2(blocks[i + 1, i], blocks[i, i]) for i in places])
    turns = np.stack(
        [
            np.outer(planes[:, i + 1], planes[:, i]) - np.outer(planes[:, i], planes[:, i + 1])
            for i in places
        ]
    )
    bound = relations(angles / (2.0 * math.pi))
    free = np.eye(len(places))
    if len(bound):
        _, s, rows = np.linalg.svd(bound)
        free = rows[int((s > 1e-9 * s[0]).sum()) :]
    return np.asarray(np.einsum("fa,aij->fij", free, turns)) * math.sqrt(0.5)


class CompactClosure(Group):
    """The closure of the group that matrices generate, when it is infinite.

    Parameters
    ----------
    generators : sequence of Element
    algebra : float64, shape (k, d, d)
        Orthonormal basis of its Lie algebra, k > 0.
    """

    def __init__(self, generators: Sequence[Element], algebra: Array) -> None:
        self._generators = tuple(generators)
        self._algebra = algebra

    @property
    def degree(self) -> int:
        """Number of features d it acts on."""
        return int(self._algebra.shape[1])

    @property
    def generators(self) -> tuple[Element, ...]:
        """The generators given."""
        return self._generators

    @property
    def dim(self) -> int:
        """Dimension of the group."""
        return len(self._algebra)

    @property
    def order(self) -> float:
        """``math.inf``."""
        return math.inf

    @property
    def is_signed_permutation(self) -> bool:
        """Whether every element is a SignedPermutation: no."""
        return False

    def elements(self) -> Iterator[Element]:
        """Raise GroupTooLargeError."""
        raise self._infinite()

    def _table(self) -> ActionTable:
        raise self._infinite()

    def _rotations(self) -> tuple[LieGenerator, ...]:
        return tuple(turning(matrix.copy()) for matrix in self._algebra)

    # One matrix of every component, the identity first.
    @cached_property
    def _components(self) -> Array:
        found = [np.eye(self.degree)]
        done = 0
        while done < len(found):
            for g in self._generators:
                word = g.as_matrix() @ found[done]
                if not any(self._is_connected(each.T @ word) for each in found):
                    found.append(word)
                if len(found) > _COMPONENTS:
                    raise ValueError(
                        f"the group has more than {_COMPONENTS} components, which are not told "
                        "apart: its invariant functions are known from the generators alone, to "
                        "symkernel.spectral"
                    )
            done += 1
        return np.stack(found)

    def _is_connected(self, matrix: Array) -> bool:
        """Tell whether a matrix is the exponential of an element of the Lie algebra.

        If it is, it lies in every maximal torus of what commutes with it. Of one of these the
        weights on R^d and the phases of the matrix give linear equations, modulo 2 pi.
        """
        if np.abs(matrix - np.eye(self.degree)).max() <= SAME_TOLERANCE:
            return True
        own = self._commuting(self._algebra, matrix)
        rng = np.random.default_rng(0)
        if not len(own):
            return False
        torus = self._commuting(own, np.einsum("a,aij->ij", rng.standard_normal(len(own)), own))
        general = np.einsum("a,aij->ij", rng.standard_normal(len(torus)), torus)
        vectors = np.linalg.eigh(1j * general)[1]
        weights = np.einsum("ij,aik,kj->ja", vectors.conj(), torus, vectors).imag
        phases = np.einsum("ij,ik,kj->j", vectors.conj(), matrix, vectors)
        rebuilt = (vectors * phases) @ vectors.conj().T
        # where weights are equal the matrix has to be a multiple of the identity
        if np.abs(rebuilt - matrix).max() > SAME_TOLERANCE:
            return False
        return _solvable(weights, np.angle(phases))

    @staticmethod
    def _commuting(basis: Array, matrix: Array) -> Array:
        brackets = (basis @ matrix - matrix @ basis).reshape(len(basis), -1)
        values, vectors = np.linalg.eigh(brackets @ brackets.T)
        still = vectors[:, values <= _RANK**2].T
        return np.asarray(np.einsum("fa,aij->fij", still, basis))

    def _contains(self, element: Element) -> bool:
        matrix = element.as_matrix()
        return any(self._is_connected(each.T @ matrix) for each in self._components)

    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        out = self._components[rng.integers(len(self._components), size=size)]
        one, other = np.einsum("na,aij->nij", rng.standard_normal((2, self.dim)), self._algebra)
        abelian = np.abs(one @ other - other @ one).max() <= _RANK
        for _ in range(1 if abelian else _FACTORS):
            steps = _SPREAD * rng.standard_normal((size, self.dim))
            values, vectors = np.linalg.eigh(1j * np.einsum("na,aij->nij", steps, self._algebra))
            turns = (vectors * np.exp(-1j * values)[:, None, :]) @ vectors.conj().swapaxes(1, 2)
            out = out @ turns.real
        for _ in range(2):
            out = out @ (1.5 * np.eye(self.degree) - 0.5 * (out.swapaxes(1, 2) @ out))
        return [OrthogonalMatrix._trusted(matrix) for matrix in out]

    def _arguments(self) -> tuple[Any, ...]:
        return (self._generators,)


def _solvable(weights: Array, phases: Array) -> bool:
    """Tell whether weights @ x = phases has a solution modulo 2 pi; weights (k, r) have rank r."""
    combinations = lattice_basis(weights)
    x = np.linalg.solve(combinations @ weights, combinations @ phases)
    misfit = np.angle(np.exp(1j * (weights @ x - phases)))
    return bool(np.abs(misfit).max() <= 10.0 * SAME_TOLERANCE)
