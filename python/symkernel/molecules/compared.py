"""Compare a force field with data: errors, pictures, learning curves, what to compute next."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from symkernel.backends.memory import require_memory
from symkernel.molecules.arguments import known_frames, positions_of
from symkernel.molecules.curves import ForceFieldCurve, curve_of
from symkernel.molecules.progress import Stages
from symkernel.molecules.scores import Scores, scores_of
from symkernel.molecules.selection import greedy_choice
from symkernel.molecules.units import Units
from symkernel.validation import as_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from symkernel.molecules._model import Potential

__all__ = ["Compared"]

Array = NDArray[Any]

# Structures evaluated at once, between two steps of a progress bar.
_BLOCK = 100


class Compared:
    """Mixin of ForceField: what it says of structures beyond their energies and forces."""

    verbose: bool
    potential_: Potential
    units_: Units

    @property
    def numbers_(self) -> Array:
        """Atomic numbers, (n_atoms,)."""
        return np.asarray(self.potential_.numbers)

    def score_table(self, frames: Any, units: Any = None) -> Scores:
        """Return the errors on structures whose energies or forces are known.

        Parameters
        ----------
        frames : Frames, or what ``read_structures`` reads
        units : pair of str, optional
            In which errors are told, meV for eV; by default those of fit.

        Returns
        -------
        Scores
            Mean absolute, root mean square and largest errors; ``print`` shows a table.
        """
        check_is_fitted(self, "potential_")
        data = known_frames(frames, self.numbers_)
        own = self.units_ if units is None else Units.of(units)
        return scores_of(data, *self._evaluate(data.positions), own)

    def plot(self, frames: Any, units: Any = None) -> Figure:
        """Draw predictions against known energies and forces, and errors by distance from the data.

        Parameters
        ----------
        frames : Frames, or what ``read_structures`` reads
            Structures with energies, forces or both, of the atoms of the fit.
        units : pair of str, optional
            Of the picture; by default those of fit.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If matplotlib is not installed; the extra ``demo`` brings it.
        ValueError
            If atoms are others, or nothing is known of any structure.
        """
        from symkernel.molecules.pictures import draw_predictions

        check_is_fitted(self, "potential_")
        data = known_frames(frames, self.numbers_)
        own = self.units_ if units is None else Units.of(units)
        E, F = self._evaluate(data.positions)
        apart = [self.potential_.distances(data.positions[block]) for block in _blocks(len(data))]
        return draw_predictions(data, E, F, np.concatenate(apart), own)

    def learning_curve(
        self,
        frames: Any,
        sizes: Sequence[int],
        test: Any = None,
        *,
        n_repeats: int = 1,
        units: Any = None,
    ) -> ForceFieldCurve:
        """Return errors by the number of training structures; this estimator is left as it is.

        Parameters
        ----------
        frames : Frames, or what ``read_structures`` reads
            Training structures are drawn from these.
        sizes : sequence of int
            Numbers of training structures; smaller draws are parts of larger ones.
        test : Frames, optional
            What is predicted; by default the structures that are in no draw of the repeat.
        n_repeats : int, default=1
            Draws.
        units : pair of str, optional
            In which errors are told; eV and Angstrom by default.

        Returns
        -------
        ForceFieldCurve

        Raises
        ------
        ValueError
            If sizes are too large for the structures.
        """
        return curve_of(self, frames, sizes, test, as_count(n_repeats, "n_repeats"), units)

    def select(self, pool: Any, k: int) -> Array:
        """Return rows of the structures from a pool that the model knows least about together.

        Parameters
        ----------
        pool : array-like of shape (n, n_atoms, 3), Frames, or atoms of ASE
            Structures, whose energies need not be known.
        k : int
            How many to choose.

        Returns
        -------
        ndarray of int of shape (k,)
            The most uncertain first. Each is of the largest variance of the energy after those
            before it were measured; fewer than k, with a warning, where nothing is left to learn.

        Raises
        ------
        ValueError
            If there are fewer than k.
        MemoryError
            If the (n, n) covariances do not fit in memory.
        """
        check_is_fitted(self, "potential_")
        positions, _ = positions_of(pool, self.numbers_, self.units_)
        n = len(positions)
        if as_count(k, "k") > n:
            raise ValueError(f"k must be at most {n}, the structures of the pool, got {k}")
        require_memory(
            (n, n), 8, f"the covariances of {n} structures", "Choose from a part of the pool."
        )
        rows, _ = greedy_choice(self.potential_.covariance(positions), k)
        if len(rows) < k:
            warnings.warn(
                f"only {len(rows)} of {k} structures were chosen: the others repeat known ones.",
                stacklevel=2,
            )
        return rows

    def _evaluate(self, positions: Array) -> tuple[Array, Array]:
        """Energies and forces in eV and Angstrom."""
        return self._both("predict", self.potential_.evaluate, positions)

    def _deviations(self, positions: Array) -> tuple[Array, Array]:
        """Standard deviations of energies and forces in eV and Angstrom."""
        return self._both("standard deviations", self.potential_.deviations, positions)

    def _both(self, stage: str, ask: Any, positions: Array) -> tuple[Array, Array]:
        """Answers for energies and forces, block by block under progress."""
        E, F = np.empty(len(positions)), np.empty(positions.shape)
        with Stages(show=bool(self.verbose) and len(positions) > _BLOCK) as tell:
            tell(stage, 0, len(positions))
            for block in _blocks(len(positions)):
                E[block], F[block] = ask(positions[block], True)
                tell(stage, block.stop, len(positions))
        return E, F


def _blocks(n: int) -> list[slice]:
    return [slice(i, min(i + _BLOCK, n)) for i in range(0, n, _BLOCK)]
