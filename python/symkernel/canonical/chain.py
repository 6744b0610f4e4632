"""Find lexicographic minima over groups of signed permutations, by stabiliser chains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.canonical.base import CanonicalForm, CanonicalForms
from symkernel.canonical.gaps import exchanged_features, tie_gap
from symkernel.canonical.points import features_of
from symkernel.canonical.sorting import ROUNDINGS
from symkernel.canonical.transporters import PermutationTransporters
from symkernel.groups import Group
from symkernel.groups.permutation_group import SEARCH_LIMIT
from symkernel.groups.registry import require_group

__all__ = ["ChainForm"]


class ChainForm(CanonicalForm):
    """The lexicographically least sample of an orbit, found along a stabiliser chain.

    For any finite group of permutations or signed permutations of features, of any order: no
    element is enumerated. The form is exact, ties included; -0.0 counts as 0.0, and
    representatives hold 0.0.

    Parameters
    ----------
    group : Group
        All of its elements are permutations or signed permutations. Other groups than
        ``PermutationGroup`` are taken by their generators.

    Raises
    ------
    TypeError
        If ``group`` is not a Group.
    ValueError
        If it is infinite, or not made of signed permutations.
    MemoryError
        If the chain may not fit in memory; the message says how many GB it needs. Raised before it
        is built.

    Notes
    -----
    Linton's smallest image ("Finding the smallest image of a set", ISSAC 2004) for vectors: level
    by level of the chain along features 0, 1, ..., the cosets with the least entries so far are
    kept, one of each orbit under the elements that fix the sample.

    Without ties a sample costs O(d log d + sum of orbit lengths + levels x d) operations. Constant
    samples and those with few different entries cost a search for their symmetries, milliseconds
    on Rubik's cube with two colours. There is no polynomial bound, as the least adjacency matrix of
    a graph is one such form: ``canonicalize`` raises ValueError, naming the row, after two million
    steps. Samples of an orbit take about as long, for they have the same ties, but not exactly.

    The gap is the distance to the nearest sample in which two entries tie that the group can
    exchange, or less: the form jumps at no other samples, and not at all of those.

    The chain takes O(d^2 x levels) memory at most, and none for symmetric groups and products of
    them on separate features, which are sorted.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.groups import PermutationGroup
    >>> form = ChainForm(PermutationGroup([[(0, 1, 2, 3)], [(0, 2)]]))
    >>> found = form.canonicalize(np.array([[2.0, 1.0, 0.0, 1.0], [0.0, 1.0, 2.0, 1.0]]))
    >>> found.representative
    array([[0., 1., 2., 1.],
           [0., 1., 2., 1.]])
    >>> found.transporter[0], found.stabilizer_order[0]
    (Permutation([2, 1, 0, 3]), 2)
    """

    exact = True

    def __init__(self, group: Group) -> None:
        require_group(group)
        if not group.is_finite or not group.is_signed_permutation:
            raise ValueError(
                "group must be a finite group of permutations or signed permutations, got "
                f"{group!r}"
            )
        self.group = group
        self._acting = group._as_permutations()
        self._acting._ordered  # noqa: B018 (one too large for memory is refused at the door)
        self._exchanged = exchanged_features(self._acting)
        self.steps = ("lexicographic minimum along the stabiliser chain",)

    def canonicalize(self, X: NDArray[Any], n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d), float32 or float64 and finite.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        n_jobs : int, default=None
            Number of threads; None and -1 stand for as many as OpenMP would take.

        Raises
        ------
        ValueError
            If X does not fit or holds NaN or infinity, or a row takes more than two million steps.
        """
        rows = features_of(X, self.group.degree)
        if not np.isfinite(rows).all():
            raise ValueError("X must be finite, it contains NaN or infinity")
        representative, indices, signs, owners, factors = self._acting._ordered.least_images(
            rows, SEARCH_LIMIT, 0 if n_jobs is None else n_jobs
        )
        order = np.full(len(rows), 1, dtype=object)
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        for own in np.split(np.arange(len(owners)), starts[1:]) if len(owners) else ():
            order[owners[own[0]]] = math.prod(factors[own].tolist())
        gap = tie_gap(rows, self._exchanged)
        return CanonicalForms(
            representative,
            PermutationTransporters(indices, signs),
            order,
            gap,
            gap <= ROUNDINGS * np.finfo(rows.dtype).eps,
        )
