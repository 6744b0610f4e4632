"""Define what a class of groups declares, and what follows for one element at a time."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.backends.element_tables import ActionTable
from symkernel.groups._arrays import as_signed_permutation, outside
from symkernel.groups._checks import SAME_TOLERANCE, as_scale
from symkernel.groups.elements import Element, OrthogonalMatrix, SignedPermutation
from symkernel.groups.lattice_motion import LatticeMotion
from symkernel.groups.motion import Motion
from symkernel.groups.role import Kind, Role
from symkernel.validation import RandomState, as_count, as_generator, as_movable

__all__ = ["Action"]


class Action(ABC):
    """Rigid maps of R^d, as a set: what a class of groups declares, and single elements."""

    # -- what a group has to say -------------------------------------------------------------

    @property
    @abstractmethod
    def degree(self) -> int:
        """Number of features d it acts on."""

    @property
    @abstractmethod
    def order(self) -> int | float:
        """Exact number of elements, an int; ``math.inf`` for infinite groups."""

    @property
    def log_order(self) -> float:
        """Natural logarithm of the order; ``math.inf`` for infinite groups.

        Known without the order itself where that would be millions of digits long.

        Examples
        --------
        >>> from symkernel.groups import Symmetric
        >>> f"{Symmetric(10**7).log_order:.6e}"
        '1.511810e+08'
        """
        return math.log(self.order) if self.is_finite else math.inf

    @property
    @abstractmethod
    def generators(self) -> tuple[Element, ...]:
        """Elements that generate a finite group; none for the trivial one.

        Of an infinite group, elements that generate it together with what the Lie algebra
        generates: one reflection for O(n), none for SO(n) and Translations(n).
        """

    @abstractmethod
    def elements(self) -> Iterator[Element]:
        """Yield all elements, one at a time: the identity first, always in the same order.

        Raises
        ------
        GroupTooLargeError
            If there are infinitely many.
        """

    @abstractmethod
    def _sample(self, size: int, rng: np.random.Generator) -> list[Element]:
        """``size`` independent uniform elements; shifts of R^n have standard deviation 1."""

    @abstractmethod
    def _contains(self, element: Element) -> bool:
        """Whether a linear element lies in the group.

        The element is a SignedPermutation when the group is made of them, and a LatticeMotion when
        it acts on fractional coordinates.
        """

    @abstractmethod
    def _table(self) -> ActionTable:
        """All elements as arrays, in the order of elements()."""

    @abstractmethod
    def _arguments(self) -> tuple[Any, ...]:
        """Return what repr shows and what makes two groups of one class plainly equal."""

    @property
    def role(self) -> Role:
        """What the group does, for formulas that know it; here its elements are all there is."""
        return Role(Kind.LISTED)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample; its entries in C order are the features."""
        return (self.degree,)

    @property
    def dim(self) -> int:
        """Dimension of the group; 0 for finite ones."""
        return 0

    @property
    def is_finite(self) -> bool:
        """Whether there are finitely many elements."""
        return self.dim == 0

    @property
    def is_linear(self) -> bool:
        """Whether every element fixes the origin; not so for translations and shifts of angles."""
        return True

    @property
    def is_signed_permutation(self) -> bool:
        """Whether every element is a SignedPermutation."""
        return True

    @property
    def _on_lattice(self) -> bool:
        """Whether features are fractional coordinates, modulo 1: then finite, but not linear."""
        return False

    @property
    def is_permutation(self) -> bool:
        """Whether every element is a permutation."""
        return self.is_signed_permutation and all(
            isinstance(g, SignedPermutation) and g.signs is None for g in self.generators
        )

    # A group is T L: shifts T by a subspace, which the linear maps L of the group map to itself.
    @property
    def _shift_basis(self) -> NDArray[np.float64]:
        """Orthonormal basis of the shifts, (k, d)."""
        return np.zeros((0, self.degree))

    # -- elements -----------------------------------------------------------------------------

    @property
    def identity(self) -> Element:
        """The element that changes nothing."""
        if self._on_lattice:
            return LatticeMotion._trusted(np.eye(self.degree), np.zeros(self.degree), 1)
        if not self.is_linear:
            return Motion._trusted(None, np.zeros(self.degree))
        if self.is_signed_permutation:
            return SignedPermutation._trusted(np.arange(self.degree))
        return OrthogonalMatrix._trusted(np.eye(self.degree))

    def sample(
        self, size: int, random_state: RandomState = None, scale: float = 1.0
    ) -> list[Element]:
        """Return independent elements, uniformly distributed: by Haar measure on continuous groups.

        Parameters
        ----------
        size : int
            How many.
        random_state : int, numpy Generator, numpy RandomState or None, default=None
            Source of randomness; an int makes the result reproducible.
        scale : float, default=1.0
            Translations are not compact and have no uniform distribution: their shifts are
            Gaussian with this standard deviation. Other groups do not depend on it.

        Examples
        --------
        >>> from symkernel.groups import Symmetric
        >>> len(Symmetric(100).sample(3, random_state=0))
        3
        """
        return self._draw(as_count(size, "size", 0), as_generator(random_state), as_scale(scale))

    # As ``_sample``, as an array (size, d, d) where that saves the objects; or None.
    def _drawn_matrices(self, size: int, rng: np.random.Generator) -> NDArray[np.float64] | None:
        return None

    # As ``_sample``, as an object with ``act``, ``inverses`` and ``matrices`` of its own; or None.
    def _drawn_maps(self, size: int, rng: np.random.Generator) -> Any:
        return None

    # Groups with translations need the scale of their shifts too.
    def _draw(self, size: int, rng: np.random.Generator, scale: float) -> list[Element]:
        return self._sample(size, rng)

    def apply(self, element: Element, X: ArrayLike) -> NDArray[Any]:
        """Act with an element on samples.

        Parameters
        ----------
        element : Element
        X : array-like of shape (..., degree) or (..., *shape)

        Returns
        -------
        ndarray of the shape of X

        Raises
        ------
        ValueError
            If X has another number of features.

        Examples
        --------
        >>> from symkernel.groups import Cyclic
        >>> G = Cyclic(3)
        >>> G.apply(G.generators[0], [[10, 20, 30]])
        array([[20, 30, 10]])
        """
        self._check_element(element)
        array = as_movable(X)
        if array.ndim and array.shape[-1] == self.degree:
            return element.apply(array)
        if len(self.shape) > 1 and array.shape[-len(self.shape) :] == self.shape:
            flat = array.reshape(*array.shape[: -len(self.shape)], self.degree)
            return element.apply(flat).reshape(array.shape)
        found = array.shape[-1] if array.ndim else 0
        text = f"X has {found} features; {self!r} acts on {self.degree}"
        if len(self.shape) > 1:
            text += f", or on samples of shape {self.shape}: X has shape {array.shape}"
        raise ValueError(text)

    def compose(self, g: Element, h: Element) -> Element:
        """Return the element that acts as ``g`` after ``h``; the same as ``g @ h``."""
        self._check_element(g)
        self._check_element(h)
        return g @ h

    def inverse(self, g: Element) -> Element:
        """Return the element that undoes ``g``."""
        self._check_element(g)
        return g.inverse()

    def contains(self, element: Element) -> bool:
        """Tell whether the element, as a map of R^d, lies in the group.

        Matrices are compared to within 1e-6 in every entry, shifts to within 1e-6 of the largest
        entry or of 1. Cheap for every group except products of large or infinite matrix groups
        along the same axis, which raise GroupTooLargeError.
        """
        self._check_element(element)
        if self._on_lattice:
            motion = LatticeMotion.of(element)
            return motion is not None and self._contains(motion)
        linear, shift = element._parts()
        if shift is not None:
            tolerance = SAME_TOLERANCE * max(1.0, float(np.abs(shift).max()))
            if outside(shift[None], self._shift_basis) > tolerance:
                return False
        if not self.is_signed_permutation or isinstance(linear, SignedPermutation):
            return self._contains(linear)
        monomial = as_signed_permutation(linear.as_matrix())
        return monomial is not None and self._contains(monomial)

    def __contains__(self, element: object) -> bool:
        return (
            isinstance(element, Element)
            and element.degree == self.degree
            and self.contains(element)
        )

    def _check_element(self, element: Element) -> None:
        if not isinstance(element, Element):
            raise TypeError(f"expected an element of {self!r}, got {type(element).__name__}")
        if element.degree != self.degree:
            raise ValueError(
                f"the element acts on {element.degree} features; {self!r} acts on {self.degree}"
            )
