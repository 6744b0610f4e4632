"""Build larger actions of a group: along axes of an array, on columns of a table, products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from symkernel.groups._built import Built
from symkernel.groups.action import Action
from symkernel.validation import as_axes, as_shape

if TYPE_CHECKING:
    from symkernel.groups.along import Along
    from symkernel.groups.base import Group
    from symkernel.groups.columns import Columns
    from symkernel.groups.unbound import OnColumns

__all__ = ["Building"]


class Building(Action):
    """The part of a group that makes others of it."""

    @property
    def _whole(self) -> Group:
        return cast("Group", self)

    def along(self, axis: int | Sequence[int], shape: Sequence[int]) -> Along:
        """Return the same group acting along one or more axes of an array, alike everywhere else.

        Parameters
        ----------
        axis : int or tuple of int
            The axes it acts on; negative ones count from the end. The product of their lengths
            is the degree of this group, their entries in C order (in the order given) its
            features.
        shape : tuple of int
            Shape of one sample. The features of the result are its entries in C order.

        Raises
        ------
        ValueError
            If an axis is out of range or repeated, or the lengths do not fit.

        Examples
        --------
        >>> from symkernel.groups import Symmetric
        >>> G = Symmetric(9).along(0, (9, 3))       # reorder nine points of R^3
        >>> G.degree, G.order
        (27, 362880)
        """
        return Built.Along(self._whole, axis, shape)

    def along_each(self, axes: Sequence[int], shape: Sequence[int]) -> Group:
        """Return the same group with one element acting on each of several axes of an array.

        Where ``along`` lets elements move the entries of all axes together as one set of features,
        here every axis is moved alike: rows and columns of an adjacency matrix by one permutation,
        both axes of a tensor by one rotation, A -> R A R^T.

        Parameters
        ----------
        axes : tuple of int
            The axes it acts on, of the length ``degree`` each; negative ones count from the end.
        shape : tuple of int
            Shape of one sample. The features of the result are its entries in C order.

        Returns
        -------
        Group
            Elements that act alike, as g and -g do on two axes, are one there.

        Raises
        ------
        ValueError
            If an axis is out of range, repeated or of another length, or the group shifts.

        Examples
        --------
        >>> import numpy as np
        >>> from symkernel.groups import SO, Symmetric
        >>> G = Symmetric(4).along_each((0, 1), (4, 4))  # relabel the nodes of a graph
        >>> G.order, G.degree
        (24, 16)
        >>> T = SO(3).along_each((1, 2), (5, 3, 3))  # turn five tensors together
        >>> A = np.arange(45.0).reshape(5, 3, 3)
        >>> bool(np.allclose(np.trace(T.sample(1, 0)[0].apply(A.ravel()).reshape(A.shape)[2]), 66))
        True
        """
        sizes = as_shape(shape)
        chosen = as_axes(axes, len(sizes))
        for axis in chosen:
            if sizes[axis] != self._whole.degree:
                raise ValueError(
                    f"{self._whole!r} acts on {self._whole.degree} features; axis {axis} of shape "
                    f"{sizes} has {sizes[axis]}"
                )
        group = self._whole if len(chosen) == 1 else Built.AlongEach(self._whole, len(chosen))
        return group if group.shape == sizes else group.along(chosen, sizes)

    def on(
        self, columns: Sequence[int] | Sequence[str], n_features: int | None = None
    ) -> Columns | OnColumns:
        """Return the same group acting on some columns of a table; the others stay as they are.

        Parameters
        ----------
        columns : sequence of int or of str
            One for each feature of this group, in their order: positions, of which negative ones
            count from the end, or names of columns of a data frame.
        n_features : int, optional
            Number of columns of the table. Where it is not given, or columns have names, estimators
            find it in ``fit``, kernels and distances in the samples or the data frame they are
            given. scikit-learn's own estimators hand kernels arrays without names: positions there.

        Returns
        -------
        Group
            Or, where fit has to bind it, what estimators and kernels take as one. ``*`` joins
            groups on different columns.

        Raises
        ------
        TypeError, ValueError
            If columns are neither positions nor names, out of range, another number than this
            group acts on, or not all different.

        Examples
        --------
        >>> from symkernel.groups import SO, Cyclic, Symmetric
        >>> SO(2).on([0, 1], 3)                       # turns about the z axis
        SO(2).on([0, 1], 3)
        >>> G = Symmetric(3).on([0, 2, 4], 8) * Cyclic(2).on([-1, 1], 8)
        >>> G.order
        12
        >>> Symmetric(2).on(["left", "right"])        # bound in fit
        Symmetric(2).on(['left', 'right'])
        """
        return Built.OnColumns.of(self._whole, columns, n_features)

    def __mul__(self, other: object) -> Group:
        if not isinstance(other, Building):
            return NotImplemented
        joined = self._times(other._whole)
        if joined is not None:
            return joined
        return Built.Product(self._whole, other._whole)

    # The product with another group, where it has a form of its own.
    def _times(self, other: Group) -> Group | None:
        return None
