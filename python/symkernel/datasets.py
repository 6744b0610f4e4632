"""Load data with a known symmetry, for examples, tests and the demonstration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from sklearn.utils import check_random_state

from symkernel.groups import Group

__all__ = ["digits_under"]


def digits_under(
    group: Group, random_state: int | np.random.RandomState | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return scikit-learn's digits, each image moved by a random element of a group.

    The 1797 images are shuffled, and every image is replaced by ``g.x`` with its own uniformly
    drawn ``g``. A model that knows the group loses nothing; a model that does not has to learn
    every pose of every digit from examples.

    Parameters
    ----------
    group : Group
        A group that acts on the 64 pixels, such as ``groups.Image((8, 8), "D4")``.
    random_state : int, RandomState or None, default=None
        Seed of the shuffle and of the elements.

    Returns
    -------
    X : ndarray of shape (1797, 64)
        Images in C order, intensities between 0 and 1.
    y : ndarray of shape (1797,)
        The digits.

    Raises
    ------
    ValueError
        If the group does not act on 64 features.

    Examples
    --------
    >>> from symkernel import groups
    >>> X, y = digits_under(groups.Image((8, 8), "D4"), random_state=0)
    >>> X.shape, y.shape
    ((1797, 64), (1797,))
    """
    X, y = load_digits(return_X_y=True)
    if group.degree != X.shape[1]:
        raise ValueError(
            f"group must act on the {X.shape[1]} pixels of an 8x8 image; "
            f"{group!r} acts on {group.degree} features"
        )
    rng = check_random_state(random_state)
    order = rng.permutation(len(X))
    elements = group.sample(len(X), random_state=rng)
    moved = np.stack([g.apply(x) for g, x in zip(elements, X[order] / 16.0, strict=True)])
    return moved, y[order].astype(np.int64)
