"""Hold sets of points of unequal size as one array and offsets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symkernel.validation import as_array, as_floats, kind_of

Array = NDArray[Any]


class Ragged:
    """Sets of points of unequal size: samples of a kernel between sets.

    All points lie in one array, set after set. It has a length, takes slices, integers and boolean
    masks as a one-dimensional array does, and so goes through ``train_test_split``,
    ``GridSearchCV`` and the like unchanged; ``np.asarray`` makes an array of objects of it, one
    ``Ragged`` of one set each.

    Parameters
    ----------
    points : array-like of shape (n_points, n_features)
        Points of all sets, those of the first set first. float32 stays, all else becomes float64.
    offsets : array-like of int of shape (n_sets + 1,), required
        Set i holds the points ``offsets[i]`` to ``offsets[i + 1]``, which may be none.
    labels : array-like of shape (n_points,), optional
        Kinds of points, integers or text, such as atomic numbers: only points of one kind are
        compared.

    Attributes
    ----------
    points, offsets, labels : ndarray
        As above; labels may be None.

    Raises
    ------
    TypeError, ValueError
        For points that are no finite numbers, offsets that do not rise from 0 to their number, and
        labels of another length.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import Ragged
    >>> sets = Ragged.from_sets([np.zeros((2, 3)), np.ones((5, 3)), np.empty((0, 3))])
    >>> len(sets), sets.sizes.tolist(), sets[1].shape, sets[[2, 0]].sizes.tolist()
    (3, [2, 5, 0], (5, 3), [0, 2])
    """

    def __init__(
        self,
        points: ArrayLike,
        offsets: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> None:
        if offsets is None or _is_list_of_sets(points):
            raise TypeError(
                "Ragged takes the points of all sets in one array (n_points, n_features), and "
                "offsets; Ragged.from_sets(sets, labels) joins a list of sets"
            )
        self.points = as_floats(points, "points", finite=True)
        if self.points.ndim != 2:
            raise ValueError(
                f"points must have shape (n_points, n_features), got {self.points.shape}"
            )
        self.offsets = _checked_offsets(offsets, len(self.points))
        self.labels = None if labels is None else _checked_labels(labels, len(self.points))

    @classmethod
    def from_sets(cls, sets: Sequence[Any], labels: Sequence[Any] | None = None) -> Ragged:
        """Join a list of sets.

        Parameters
        ----------
        sets : sequence of array-likes of shape (n_i, n_features)
            A set of no points needs that shape too, (0, n_features).
        labels : sequence of array-likes of shape (n_i,), optional
            Kinds of the points of every set.

        Returns
        -------
        Ragged

        Raises
        ------
        TypeError, ValueError
            For sets of another shape, which are named by their position, and as ``Ragged``.

        Examples
        --------
        >>> from symkernel import Ragged
        >>> Ragged.from_sets([[[0.0], [1.0]], [[2.0]]], labels=[["H", "O"], ["H"]]).labels.tolist()
        ['H', 'O', 'H']
        """
        arrays = [as_array(part, f"X[{i}]") for i, part in enumerate(sets)]
        if not arrays:
            raise ValueError("X holds no sets, so it has no number of features: at least one is")
        width = arrays[0].shape[1] if arrays[0].ndim == 2 else None
        for i, part in enumerate(arrays):
            if part.ndim != 2 or part.shape[1] != width:
                expected = "n_features" if width is None else width
                raise ValueError(
                    f"X[{i}] must have shape (n_points, {expected}), as every set, got {part.shape}"
                )
        sizes = [len(part) for part in arrays]
        joined = None
        if labels is not None:
            kinds = [np.asarray(part) for part in labels]
            for i, part in enumerate(kinds):
                if i >= len(sizes) or part.shape != (sizes[i],):
                    expected = str((sizes[i],)) if i < len(sizes) else "no counterpart"
                    raise ValueError(
                        f"labels[{i}] must have shape {expected}, one for each point of X[{i}], "
                        f"got {part.shape}"
                    )
            if len(kinds) != len(sizes):
                raise ValueError(f"labels must hold {len(sizes)} sets, as X, got {len(kinds)}")
            joined = np.concatenate([part for part in kinds if part.size] or [np.empty(0, int)])
        return cls(np.concatenate(arrays), np.concatenate([[0], np.cumsum(sizes)]), joined)

    @classmethod
    def from_padded(cls, X: ArrayLike, mask: ArrayLike, labels: ArrayLike | None = None) -> Ragged:
        """Take the points that a mask says are there.

        Parameters
        ----------
        X : array-like of shape (n_sets, n_places, n_features)
            Points; what the mask leaves out may be anything.
        mask : array-like of bool of shape (n_sets, n_places)
            Places that hold a point.
        labels : array-like of shape (n_sets, n_places), optional
            Kinds of the points.

        Returns
        -------
        Ragged

        Raises
        ------
        TypeError, ValueError
            For arrays that do not fit together, a mask that is not boolean, and as ``Ragged``.

        Examples
        --------
        >>> import numpy as np
        >>> from symkernel import Ragged
        >>> X = np.arange(8.0).reshape(2, 2, 2)
        >>> Ragged.from_padded(X, [[True, False], [True, True]]).sizes.tolist()
        [1, 2]
        """
        padded, there = as_array(X, "X"), np.asarray(mask)
        if padded.ndim != 3:
            raise ValueError(
                f"X must have shape (n_sets, n_places, n_features), got {padded.shape}"
            )
        if there.dtype != bool or there.shape != padded.shape[:2]:
            raise ValueError(
                f"mask must be boolean, of shape {padded.shape[:2]}, got {there.dtype} of shape "
                f"{there.shape}"
            )
        kinds = None
        if labels is not None:
            kinds = np.asarray(labels)
            if kinds.shape != there.shape:
                raise ValueError(f"labels must have shape {there.shape}, got {kinds.shape}")
            kinds = kinds[there]
        return cls(padded[there], np.concatenate([[0], np.cumsum(there.sum(axis=1))]), kinds)

    @property
    def n_features(self) -> int:
        """Number of features of a point."""
        return int(self.points.shape[1])

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of points of every set, shape (n_sets,)."""
        return np.diff(self.offsets)

    @property
    def shape(self) -> tuple[int]:
        """Shape as a one-dimensional array of sets, (n_sets,)."""
        return (len(self),)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Numbers that the points are."""
        return self.points.dtype

    @property
    def ndim(self) -> int:
        """Number of axes of that shape: 1."""
        return 1

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[Array]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, key: int | np.integer[Any]) -> Array: ...

    @overload
    def __getitem__(self, key: Any) -> Ragged: ...

    def __getitem__(self, key: Any) -> Array | Ragged:
        """Return the points of one set, or some of the sets."""
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]  # as scikit-learn takes rows of arrays
        if isinstance(key, int | np.integer):
            i = range(len(self))[key]
            points: Array = self.points[self.offsets[i] : self.offsets[i + 1]]
            return points
        chosen = np.arange(len(self))[key]
        if chosen.ndim != 1:
            raise IndexError(f"sets have one axis, got an index of shape {np.shape(key)}")
        return self._some(chosen)

    def _some(self, chosen: Array) -> Ragged:
        sizes = self.sizes[chosen]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        first = np.repeat(self.offsets[chosen] - offsets[:-1], sizes)
        rows = first + np.arange(offsets[-1])
        some = object.__new__(Ragged)  # they were checked before
        some.points, some.offsets = self.points[rows], offsets
        some.labels = None if self.labels is None else self.labels[rows]
        return some

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return an array of objects, each a ``Ragged`` of one set."""
        if dtype is not None and np.dtype(dtype) != object:
            raise TypeError(
                f"sets of points are no numbers, of which an array of {np.dtype(dtype)} is made: "
                "use a kernel between sets, or its Gram matrix as kernel='precomputed'"
            )
        objects = np.empty(len(self), dtype=object)
        for i in range(len(self)):
            objects[i] = self[i : i + 1]
        return objects

    def __repr__(self) -> str:
        kinds = "" if self.labels is None else f", {len(np.unique(self.labels))} kinds"
        return (
            f"<Ragged: {len(self)} sets, {len(self.points)} points of {self.n_features} "
            f"features{kinds}>"
        )


def _is_list_of_sets(points: Any) -> bool:
    return isinstance(points, list | tuple) and any(np.ndim(part) == 2 for part in points)


def as_ragged(X: Any, name: str = "X") -> Ragged:
    """Read sets of points: what a kernel between sets is called with.

    Parameters
    ----------
    X : Ragged, array of them, list of arrays, or ndarray of shape (n, n_points, n_features)
    name : str, default="X"

    Raises
    ------
    TypeError, ValueError
        For anything else, and as ``Ragged.from_sets``.
    """
    if isinstance(X, Ragged):
        return X
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if isinstance(X, list | tuple) and X and all(isinstance(part, Ragged) for part in X):
        return _joined(list(X), name)
    if isinstance(X, list | tuple):
        return Ragged.from_sets(X)
    if isinstance(X, np.ndarray) and X.ndim == 3:
        n, size, width = X.shape
        return Ragged(X.reshape(n * size, width), np.arange(n + 1) * size)
    got = f"an array of shape {X.shape}" if isinstance(X, np.ndarray) else kind_of(X)
    raise TypeError(
        f"{name} must hold sets of points: a Ragged, a list of arrays (n_i, n_features) or an "
        f"array (n, n_points, n_features), got {got}"
    )


def _joined(parts: list[Ragged], name: str) -> Ragged:
    widths = {part.n_features for part in parts}
    if len(widths) > 1:
        raise ValueError(f"{name} holds sets of {sorted(widths)} features; they must agree")
    labelled = [part.labels is not None for part in parts]
    if any(labelled) and not all(labelled):
        raise ValueError(f"{name} holds sets with labels and sets without; they must agree")
    if len(parts) == 1:
        return parts[0]
    sizes = np.concatenate([part.sizes for part in parts])
    labels = np.concatenate([part.labels for part in parts]) if all(labelled) else None
    points = np.concatenate([part.points for part in parts])
    return Ragged(points, np.concatenate([[0], np.cumsum(sizes)]), labels)


def _checked_offsets(offsets: ArrayLike, n_points: int) -> NDArray[np.int64]:
    ends = np.asarray(offsets)
    if ends.ndim != 1 or len(ends) == 0 or ends.dtype.kind not in "iu":
        raise ValueError(
            f"offsets must be integers of shape (n_sets + 1,), got {ends.dtype} of shape "
            f"{ends.shape}"
        )
    ends = ends.astype(np.int64)
    if ends[0] != 0 or ends[-1] != n_points or (np.diff(ends) < 0).any():
        raise ValueError(
            f"offsets must rise from 0 to the number of points, {n_points}; they start with "
            f"{ends[0]}, end with {ends[-1]}"
            + (" and fall in between" if (np.diff(ends) < 0).any() else "")
        )
    return ends


def _checked_labels(labels: ArrayLike, n_points: int) -> Array:
    kinds = np.asarray(labels)
    if kinds.shape != (n_points,):
        raise ValueError(f"labels must have shape ({n_points},), one a point, got {kinds.shape}")
    if kinds.dtype.kind not in "biuUS":
        raise TypeError(f"labels must be integers or text, got {kinds.dtype}")
    return kinds
