"""Say what is known of a function: its values at some samples, derivatives at some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Observations:
    """What is known of a function: values at some samples, derivatives at some.

    The rows of a joint matrix are the values, in the order of their samples, and then for one
    sample after the other its derivatives along each of its m directions.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Samples, in units of the length scale.
    directions : ndarray of shape (k, m, d)
        Of the samples with derivatives, in the same units.
    valued : ndarray of int of shape (v,)
        Samples with values, ascending.
    sloped : ndarray of int of shape (k,)
        Samples with derivatives, ascending.
    """

    X: Array
    directions: Array
    valued: NDArray[np.intp]
    sloped: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.valued) + len(self.sloped) * int(self.directions.shape[1])

    def rows_of_samples(self) -> list[NDArray[np.intp]]:
        """Return for each sample with an observation the rows of the joint matrix that tell of it.

        Examples
        --------
        >>> import numpy as np
        >>> known = Observations(np.zeros((3, 1)), np.ones((2, 1, 1)), np.r_[0, 2], np.r_[0, 1])
        >>> [rows.tolist() for rows in known.rows_of_samples()]
        [[0, 2], [3], [1]]
        """
        m = int(self.directions.shape[1])
        rows: list[list[int]] = [[] for _ in self.X]
        for k, i in enumerate(self.valued):
            rows[i].append(k)
        for k, i in enumerate(self.sloped):
            first = len(self.valued) + m * k
            rows[i].extend(range(first, first + m))
        return [np.array(own, np.intp) for own in rows if own]
