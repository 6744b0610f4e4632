"""Set up the candidates of a promoting regression: operators, problems and weights to try."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from symkernel.lie.algebra import Algebra
from symkernel.lie.dictionary import Dictionary
from symkernel.lie.fields import Fields
from symkernel.lie.operator import LieOperator, as_output_action, triangle
from symkernel.lie.penalty import PenaltyOperator
from symkernel.lie.stacked import MatrixMap, StackedOperator

Array = NDArray[Any]


@dataclass(frozen=True)
class Candidate:
    """An algebra with its penalty and the weights to try.

    Attributes
    ----------
    name : str
        What the user called it.
    algebra : Fields
        The vector fields, q of them.
    output : ndarray of shape (q, t, t) or None
        How they move t targets; None: not at all.
    operator : PenaltyOperator
        The map from weights to Lie derivatives: of one target, or of all that ``output`` couples.
    n_targets : int
        Number t of targets.
    gammas : ndarray
        Weights of the penalty, descending.
    support : ndarray of bool or None
        Which weights the operator has; None: all.
    """

    name: str
    algebra: Fields
    output: Array | None
    operator: PenaltyOperator
    n_targets: int
    gammas: Array
    support: Array | None = None

    @property
    def matrices(self) -> MatrixMap:
        """The map from the weights of all targets to Lie derivatives."""
        if self.output is not None or self.n_targets == 1:
            return self.operator
        return StackedOperator(self.operator, self.n_targets)

    def problem(self, features: Array, targets: Array) -> tuple[Array, Array]:
        """Return features and targets of the least squares problem in the operator's weights.

        Parameters
        ----------
        features : ndarray of shape (n, m)
            Values of the dictionary.
        targets : ndarray of shape (n, t)

        Returns
        -------
        features, targets : ndarray
            Of shapes (r, p) and (r,), or (r, t) if all targets share the operator; however many
            samples there are, r is at most p + t, or t (m + t).
        """
        m = features.shape[1]
        table = np.hstack([features, targets])
        if len(table) > table.shape[1]:
            # The same sums of squares, of rows whose number does not grow with the samples.
            table = triangle(table)
        features, targets = table[:, :m], table[:, m:]
        if self.output is not None:
            # Weights (t, m) in C order, as LieOperator has them.
            features, targets = np.kron(np.eye(self.n_targets), features), targets.T.ravel()
        elif self.n_targets == 1:
            targets = targets[:, 0]
        return features if self.support is None else features[:, self.support], targets

    def coefficients(self, weights: Array) -> Array:
        """Return the weights as coefficients of shape (m, t)."""
        if self.support is not None:
            full = np.zeros(len(self.support))
            full[self.support] = weights
            weights = full
        if self.output is not None:
            return weights.reshape(self.n_targets, -1).T
        return weights.reshape(-1, self.n_targets)


def bind_outputs(
    output: Any, candidates: Mapping[str, Fields], n_targets: int
) -> dict[str, Array | None]:
    """Return how the fields of each candidate move the targets.

    Raises
    ------
    TypeError
        If output is "vector" and a candidate is not affine.
    ValueError
        If output is for other fields or another number of targets, or an unknown name.
    """
    if output is None:
        return dict.fromkeys(candidates)
    if isinstance(output, Mapping):
        missing = [name for name in candidates if name not in output]
        if missing:
            raise ValueError(
                f"output must have an action for every candidate algebra, got none for {missing}"
            )
    found: dict[str, Array | None] = {}
    for name, algebra in candidates.items():
        given = output[name] if isinstance(output, Mapping) else output
        found[name] = None if given is None else _action(given, algebra, n_targets)
    return found


def _action(output: Any, algebra: Fields, n_targets: int) -> Array:
    if isinstance(output, str):
        if output != "vector":
            raise ValueError(f"output must be 'vector', matrices or None, got {output!r}")
        if not isinstance(algebra, Algebra):
            raise TypeError(
                "output='vector' needs an Algebra of affine fields, which turn vectors alike "
                f"everywhere, got {type(algebra).__name__}"
            )
        action: Array = algebra.linear_parts
    else:
        action = as_output_action(output, algebra.dim)
    if action.shape[1] != n_targets:
        raise ValueError(f"output moves {action.shape[1]} targets, but y has {n_targets} of them")
    return action


def make_candidate(
    name: str,
    algebra: Fields,
    output: Array | None,
    dictionary: Dictionary,
    points: Array,
    n_targets: int,
) -> Candidate:
    """Return a candidate without weights to try; see ``Candidate``."""
    if output is None:
        operator = PenaltyOperator.of_dictionary(dictionary, algebra, points)
    else:
        reduced = LieOperator(dictionary, algebra, points, output).reduced()
        operator = PenaltyOperator.from_array(reduced.transpose(1, 0, 2))
    return Candidate(name, algebra, output, operator, n_targets, np.ones(1))


def with_grid(
    candidate: Candidate, features: Array, targets: Array, penalty: str, n_gammas: int
) -> Candidate:
    """Return the candidate with a logarithmic grid of weights that fits the samples.

    Parameters
    ----------
    candidate : Candidate
    features : ndarray of shape (n, m)
        Values of the dictionary.
    targets : ndarray of shape (n, t)
    penalty : {"nuclear", "log-det"}
    n_gammas : int
        Length of the grid.

    Returns
    -------
    Candidate
    """
    n = len(targets)
    if penalty == "log-det":
        # In units of the variance of the targets: log-det does not know their scale. Constant
        # vectors break symmetries, so that nothing is taken off those.
        centre = targets.mean(axis=0) if candidate.output is None else 0.0
        most, decades = float(np.mean((targets - centre) ** 2, axis=0).sum()), 9.0
    else:
        # From here on every symmetry is kept: a dual point that certifies it.
        values, vectors, free = _invariants(candidate)
        features, right = candidate.problem(features, targets)
        kept = features @ vectors[:, free]
        residual = right - kept @ linalg.lstsq(kept, right)[0] if free.any() else right
        moments = vectors[:, ~free].T @ (features.T @ residual)
        dual = candidate.matrices.apply(vectors[:, ~free] @ (moments.T / values[~free]).T)
        most, decades = float(np.linalg.norm(dual, 2)) / n if dual.size else 0.0, 5.0
    if most <= 1e-14 * float(np.abs(targets).max()):
        return candidate
    return replace(candidate, gammas=most * np.logspace(0, -decades, n_gammas))


def warn_of_few_samples(candidate: Candidate, n: int) -> None:
    """Warn if the invariant functions of the dictionary interpolate any n samples."""
    invariants = int(_invariants(candidate)[2].sum())
    each = candidate.n_targets if candidate.output is not None else 1
    if n * each <= invariants:
        warnings.warn(
            f"{n} samples are too few for {candidate.name}: the {invariants} invariant functions "
            "of the dictionary interpolate any targets, so every candidate symmetry will be kept; "
            f"at least {invariants // each + 1} samples are needed",
            UserWarning,
            stacklevel=3,
        )


def _invariants(candidate: Candidate) -> tuple[Array, Array, Array]:
    """Eigenvalues and vectors of the penalty's Gram matrix, and which are invariant functions."""
    values, vectors = linalg.eigh(candidate.operator.gram)
    free = values <= 1e-10 * max(float(values[-1]), np.finfo(float).tiny)
    return values, vectors, free
