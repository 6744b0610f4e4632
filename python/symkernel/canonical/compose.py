"""Compose canonical forms of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symkernel.canonical.base import CanonicalForm, CanonicalForms, norms
from symkernel.canonical.points import features_of
from symkernel.canonical.transporters import PermutationTransporters, Transporters, composed
from symkernel.groups import Group

__all__ = ["FlaggedForm", "SequenceForm", "TrivialForm", "WreathForm"]

Array = NDArray[Any]


class TrivialForm(CanonicalForm):
    """Samples as they are, for a group of one element.

    Parameters
    ----------
    group : Group
        A group of order 1.
    """

    exact = True

    def __init__(self, group: Group) -> None:
        self.group = group
        self.steps = ("leave every sample as it is",)

    def canonicalize(self, X: Array, n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d)."""
        X = features_of(X, self.group.degree)
        n, d = X.shape
        identity = np.broadcast_to(np.arange(d, dtype=np.int32), (n, d))
        return CanonicalForms(
            X + X.dtype.type(0),  # a copy, in which -0.0 is 0.0
            PermutationTransporters(identity),
            np.full(n, 1, dtype=object),
            np.full(n, np.inf),
            np.zeros(n, bool),
        )


class SequenceForm(CanonicalForm):
    """One canonical form after another, for products whose factors do not disturb each other.

    The forms are those of groups G_1, G_2, ... such that every form but the last commutes with the
    groups after it, c_1(h x) = h c_1(x), and its representatives stay fixed under them as a set:
    factors that move different features, or translations (centring) before what commutes with
    centring. The stabiliser is then the product of those that the forms meet.

    Parameters
    ----------
    group : Group
        The product.
    forms : sequence of CanonicalForm
        At least one, in the order in which they are applied.
    """

    def __init__(self, group: Group, forms: Sequence[CanonicalForm]) -> None:
        self.group = group
        self._forms = tuple(forms)
        self.steps = tuple(step for form in forms for step in form.steps)
        self.exact = all(form.exact for form in forms)

    def canonicalize(self, X: Array, n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d)."""
        X = features_of(X, self.group.degree)
        found: list[CanonicalForms] = []
        for form in self._forms:
            found.append(form.canonicalize(found[-1].representative if found else X, n_jobs))
        stabilizer = found[0].stabilizer_order
        for one in found[1:]:
            infinite = (stabilizer < 0) | (one.stabilizer_order < 0)
            stabilizer = np.where(infinite, -1, stabilizer * one.stabilizer_order)
        return CanonicalForms(
            found[-1].representative,
            composed(*(one.transporter for one in found)),
            stabilizer,
            np.minimum.reduce([one.gap for one in found]),
            np.logical_or.reduce([one.degenerate for one in found]),
        )

    def representatives(self, X: Array, n_jobs: int | None = None) -> Array:
        """Only the representatives, (n, d)."""
        X = features_of(X, self.group.degree)
        for form in self._forms:
            X = form.representatives(X, n_jobs)
        return X


class WreathForm(CanonicalForm):
    """Blocks in their canonical forms, then the canonical form of their arrangement.

    For wreath products: a group H within every block, each block by an element of its own, and a
    group S that permutes the blocks. Blocks in canonical form only differ between orbits of H, so
    that what S can do to them is all that is left.

    Parameters
    ----------
    group : Group
        The wreath product.
    shape : tuple of int
        Number of blocks, and features of each.
    inner : CanonicalForm
        Form of H, for one block.
    outer : CanonicalForm
        Form of S, for samples of that shape.

    Notes
    -----
    An element fixes a sample when its part in S fixes the blocks in canonical form; each block
    then leaves as many choices as its stabiliser in H has elements. The orders multiply.
    """

    def __init__(
        self, group: Group, shape: tuple[int, int], inner: CanonicalForm, outer: CanonicalForm
    ) -> None:
        self.group, self._shape = group, shape
        self._inner, self._outer = inner, outer
        self.steps = (f"take {shape[0]} blocks by themselves", *inner.steps, *outer.steps)
        self.exact = inner.exact and outer.exact

    def canonicalize(self, X: Array, n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d)."""
        X = features_of(X, self.group.degree)
        n, (m, k) = len(X), self._shape
        blocks = self._inner.canonicalize(X.reshape(n * m, k), n_jobs)
        arranged = self._outer.canonicalize(blocks.representative.reshape(n, m * k), n_jobs)
        # gaps are relative to the size of a block: that of the sample is as large or larger
        sizes, whole = norms(X.reshape(n, m, k)), norms(X)[:, None]
        share = np.divide(sizes, whole, out=np.ones((n, m)), where=whole > 0)
        gaps = blocks.gap.reshape(n, m)
        gaps = np.multiply(gaps, share, out=gaps.copy(), where=np.isfinite(gaps))
        within = blocks.stabilizer_order.reshape(n, m).prod(axis=1)
        return CanonicalForms(
            arranged.representative,
            composed(self._within(blocks.transporter, n), arranged.transporter),
            arranged.stabilizer_order * within,
            np.minimum(gaps.min(axis=1), arranged.gap),
            blocks.degenerate.reshape(n, m).any(axis=1) | arranged.degenerate,
        )

    def representatives(self, X: Array, n_jobs: int | None = None) -> Array:
        """Only the representatives, (n, d)."""
        X = features_of(X, self.group.degree)
        n, (m, k) = len(X), self._shape
        blocks = self._inner.representatives(X.reshape(n * m, k), n_jobs)
        return self._outer.representatives(blocks.reshape(n, m * k), n_jobs)

    def _within(self, transporter: Transporters, n: int) -> PermutationTransporters:
        """Elements of all blocks of a sample as one."""
        m, k = self._shape
        assert isinstance(transporter, PermutationTransporters)
        starts = k * np.arange(m, dtype=np.int32)[:, None]
        indices = (transporter.indices.reshape(n, m, k) + starts).reshape(n, m * k)
        signs = transporter.signs
        return PermutationTransporters(indices, None if signs is None else signs.reshape(n, m * k))


class FlaggedForm(CanonicalForm):
    """Another form, whose samples are degenerate up to a gap of one's own.

    Parameters
    ----------
    form : CanonicalForm
        The form.
    tolerance : float
        Samples whose gap is at most this are degenerate.
    """

    def __init__(self, form: CanonicalForm, tolerance: float) -> None:
        self.group, self.steps, self.exact = form.group, form.steps, form.exact
        self._form, self._tolerance = form, tolerance

    def canonicalize(self, X: Array, n_jobs: int | None = None) -> CanonicalForms:
        """Representatives of the rows of X, (n, d)."""
        X = features_of(X, self.group.degree)
        found = self._form.canonicalize(X, n_jobs)
        return replace(found, degenerate=found.gap <= self._tolerance)

    def representatives(self, X: Array, n_jobs: int | None = None) -> Array:
        """Only the representatives, (n, d)."""
        X = features_of(X, self.group.degree)
        return self._form.representatives(X, n_jobs)
