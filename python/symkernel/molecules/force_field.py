"""Learn the energy of a molecule from energies and forces, and predict both."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from symkernel.molecules._model import Potential, fit_potential
from symkernel.molecules._search import Hyperparameters
from symkernel.molecules.arguments import positions_of, training_frames
from symkernel.molecules.compared import Compared
from symkernel.molecules.progress import Stages
from symkernel.molecules.storage import read_arrays, write_arrays
from symkernel.molecules.symmetry import found_permutations
from symkernel.molecules.units import Units
from symkernel.validation import as_count, as_number, check_flag

if TYPE_CHECKING:
    from symkernel.molecules.calculator import ForceFieldCalculator

__all__ = ["ForceField"]

Array = NDArray[Any]

_SOLVERS = ("auto", "cholesky", "pcg")


class ForceField(Compared, BaseEstimator):  # type: ignore[misc]
    r"""Energies and forces of one molecule, learned from those of some hundred structures.

    A Gaussian process on distances between atoms, averaged over permutations of like atoms:
    energies do not change as the molecule moves, turns or is mirrored, or as alike atoms swap, and
    forces are exactly minus the gradient of the energy. Untouched parameters are those to use.

    Parameters
    ----------
    permutations : {"feasible", "all", "none"} or array-like (k, n_atoms), default="feasible"
        Permutations of like atoms to average over: those found from the bonds that motion brings
        about, all automorphisms of the bonds, none, or those that given ones generate.
    local : bool, default=True
        Whether every atom has a kernel of its own, with weights of its own for all distances. One
        kernel for all is faster; of 200 structures of ethanol its errors are 1.4 times as large.
    noise : float or None, default=None
        Variance of the noise over the mean prior variance of what is observed, of the kernel that
        the search begins with; None: found.
    hyperparameters : ForceField or None, default=None
        A fitted model of the same molecule whose kernel and noise are taken; None: searched.
    n_search : int or None, default=None
        Structures that a step of the search looks at; None: as many as make 6,600 energies and
        forces, 1,000 at most.
    solver : {"auto", "cholesky", "pcg"}, default="auto"
        How coefficients are found: "auto" by Cholesky where memory allows, otherwise by conjugate
        gradients.
    random_state : int, default=0
        Seed of the search's draw of structures.
    n_jobs : int or None, default=None
        Threads; None means the default, -1 all processors.
    verbose : bool, default=True
        Whether to show progress on standard error.

    Attributes
    ----------
    numbers_ : ndarray of int of shape (n_atoms,)
    permutations_ : ndarray of int of shape (G, n_atoms)
        All permutations that are averaged over.
    units_ : Units
        Of the last fit, in which predictions are told.
    n_structures_ : int
    reference_ : ndarray of shape (n_atoms, 3)
        The training structure of the lowest energy, Angstrom.
    potential_ : Potential
        What was fitted, in eV and Angstrom.
    summary_ : dict
        Hyperparameters and errors found while fitting.

    See Also
    --------
    read_structures : Frames from files.
    symkernel.InvariantKernelRidge : Values and gradients of any function, any group.

    Notes
    -----
    With x the inverse distances of the pairs q of atoms, the covariance of energies is

    .. math:: K(x, y) = \operatorname{mean}_g \sum_c a_c\,
        \phi\Bigl(\sum_q W_{cq} ((g x)_q - y_q)^2\Bigr),

    phi of Matern's kernel with nu = 7/2, one c for each atom, and W and a equal on orbits of
    permutations. Weights, amplitudes and both variances of noise come from a search: in every one
    of six rounds structures are drawn anew, in two halves that predict each other, and the
    logarithm of the squared error of forces, and 0.3 times that of energies, goes down by L-BFGS;
    weights first fade with the distance from the atom by a common range, then each is free.
    Energies get a constant without a prior.

    N structures of n_atoms have N (3 n_atoms - 5) rows. Cholesky takes half their square in
    memory and a sixth of their cube in multiply-adds, a prediction 8 C p for each element of the
    group and structure of the fit, with C kernels and p pairs. The kernel sees all pairs at once:
    what it learns of one molecule says nothing of another, and with their number of pairs the
    structures that large molecules need grow.

    Sources: E. Solak et al., NIPS 2002 (processes with derivatives); S. Chmiela et al., Nature
    Communications 9, 2018 (forces and permutations). The weights and their search are ours.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel.molecules import ForceField
    >>> rng = np.random.default_rng(0)
    >>> R = np.array([[0, 0, 0], [0, 0, 0.96], [0, 0.93, -0.24]])
    >>> R = R + 0.03 * rng.normal(size=(30, 3, 3))
    >>> d = R[:, 1:] - R[:, :1]  # two springs
    >>> r = np.linalg.norm(d, axis=2, keepdims=True)
    >>> E, G = 20 * ((r - 0.96) ** 2).sum(axis=(1, 2)), 40 * (r - 0.96) * d / r
    >>> F = np.concatenate([G.sum(axis=1, keepdims=True), -G], axis=1)
    >>> ff = ForceField(verbose=False)
    >>> ff = ff.fit(z=["O", "H", "H"], positions=R[:20], energies=E[:20], forces=F[:20])
    >>> energies, forces = ff.predict(R[20:])
    >>> bool(np.abs(energies - E[20:]).max() < 0.01), forces.shape
    (True, (10, 3, 3))
    """

    def __init__(
        self,
        *,
        permutations: str | ArrayLike = "feasible",
        local: bool = True,
        noise: float | None = None,
        hyperparameters: ForceField | None = None,
        n_search: int | None = None,
        solver: str = "auto",
        random_state: int = 0,
        n_jobs: int | None = None,
        verbose: bool = True,
    ) -> None:
        self.permutations = permutations
        self.local = local
        self.noise = noise
        self.hyperparameters = hyperparameters
        self.n_search = n_search
        self.solver = solver
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    # ---- fit ------------------------------------------------------------------------------------

    def fit(
        self,
        frames: Any = None,
        *,
        z: Any = None,
        positions: Any = None,
        energies: Any = None,
        forces: Any = None,
        units: Any = None,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Fit to structures with energies, forces or both.

        Parameters
        ----------
        frames : Frames, or what ``read_structures`` reads, optional
            Training structures, in eV and Angstrom.
        z : array-like of shape (n_atoms,), optional
            Atomic numbers or symbols, where arrays are given instead of frames.
        positions : array-like of shape (n, n_atoms, 3), optional
        energies : array-like of shape (n,), optional
            NaN where unknown. Of forces alone, energies are known up to a constant.
        forces : array-like of shape (n, n_atoms, 3), optional
            NaN where unknown; a structure whose forces are known in part counts for its energy.
        units : pair of str, default=("eV", "Angstrom")
            Of the arrays; with frames, those in which ``predict`` answers.
        checkpoint : path, optional
            File in which the state of a long fit is kept, and from which it is resumed.

        Returns
        -------
        ForceField

        Raises
        ------
        TypeError, ValueError
            If an argument is not what is expected, nothing is known of any structure, there is one
            atom only, or bonds differ between structures.
        GroupTooLargeError
            If there are more than 20,000 permutations.

        Warns
        -----
        UserWarning
            If forces seem to have the wrong sign or another scale than energies, structures repeat
            each other, are left out, or lack some of their forces.
        """
        start = time.perf_counter()
        check_flag(self.verbose, "verbose")
        check_flag(self.local, "local")
        if self.noise is not None:
            as_number(self.noise, "noise", 0.0, strict=True)
        if self.n_search is not None:
            as_count(self.n_search, "n_search", 2)
        if self.solver not in _SOLVERS:
            raise ValueError(f"solver must be one of {_SOLVERS}, got {self.solver!r}")
        own = Units.of(units)
        data = training_frames(frames, z, positions, energies, forces, own)
        permutations, words = found_permutations(self.permutations, data)
        given = self._given(permutations)
        with Stages(show=bool(self.verbose)) as tell:
            self.potential_ = fit_potential(
                data.numbers,
                data.positions,
                data.energies,
                data.forces,
                permutations,
                hyperparameters=given,
                n_search=self.n_search,
                local=self.local,
                noise=self.noise,
                solver=self.solver,
                random_state=self.random_state,
                n_jobs=self.n_jobs,
                checkpoint=checkpoint,
                progress=tell,
            )
        self.units_ = own
        known = data.has_energy
        lowest = int(np.nanargmin(data.energies)) if known.any() else 0
        self.reference_ = data.positions[lowest].copy()
        self.summary_ = {
            **self.potential_.summary,
            "molecule": words,
            "n_energies": int(known.sum()),
            "n_forces": int(data.has_forces.sum()),
            "seconds": time.perf_counter() - start,
        }
        return self

    def _given(self, permutations: Array) -> Hyperparameters | None:
        """Hyperparameters of another model, if it is of this molecule."""
        other = self.hyperparameters
        if other is None:
            return None
        if not isinstance(other, ForceField):
            raise TypeError(f"hyperparameters must be a fitted ForceField, got {other!r}")
        check_is_fitted(other, "potential_")
        if not np.array_equal(other.permutations_, permutations):
            raise ValueError("hyperparameters must be of a molecule with the same permutations")
        return other.potential_.hyperparameters

    # ---- predict --------------------------------------------------------------------------------

    @property
    def permutations_(self) -> Array:
        """Permutations of atoms, (G, n_atoms)."""
        return np.asarray(self.potential_.permutations)

    @property
    def n_structures_(self) -> int:
        """Training structures."""
        return self.potential_.n_structures

    def predict(self, R: Any, return_std: bool = False, units: Any = None) -> tuple[Array, ...]:
        """Predict energies and forces.

        Parameters
        ----------
        R : array-like of shape (n, n_atoms, 3) or (n_atoms, 3), Frames, or atoms of ASE
            Positions, as arrays in the unit of length; atoms in the order of the training data.
        return_std : bool, default=False
            Whether to return standard deviations of both as well.
        units : pair of str, optional
            Of arrays of positions, and of the answer; by default those of fit.

        Returns
        -------
        energies : ndarray of shape (n,), or a number for one structure (n_atoms, 3)
        forces : ndarray of the shape of the positions
        energies_std, forces_std : ndarrays of the same shapes
            Only if `return_std`: of the posterior of 200 of the structures, or of all where they
            are fewer, times a factor for each kind by which errors of structures that were left out
            have unit variance.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit.
        ValueError
            If atoms are others than in fit, or positions not finite.
        """
        check_is_fitted(self, "potential_")
        own = self.units_ if units is None else Units.of(units)
        positions, single = positions_of(R, self.numbers_, own)
        E, F = self._evaluate(positions)
        found = [own.energies_from_ev(E), own.forces_from_ev(F)]
        if return_std:
            sE, sF = self._deviations(positions)
            found += [own.energies_from_ev(sE), own.forces_from_ev(sF)]
        return tuple(value[0] if single else value for value in found)

    def calculator(self, *, std: bool = False, far: float | None = None) -> ForceFieldCalculator:
        """Return a calculator for ASE, in eV and Angstrom whatever the units of fit.

        Parameters
        ----------
        std : bool, default=False
            Whether ``results`` always hold ``energy_std``, at the price of a standard deviation.
        far : float, optional
            Distance from the data beyond which it warns, in units of that between typical
            neighbours in the training data; 3 by default.

        Raises
        ------
        ImportError
            If ASE is not installed.
        """
        from symkernel.molecules.calculator import ForceFieldCalculator

        check_is_fitted(self, "potential_")
        options: dict[str, Any] = {} if far is None else {"far": float(far)}
        return ForceFieldCalculator(self.potential_, std=std, **options)

    # ---- files ----------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the model to an npz file of arrays and JSON, without pickle.

        Parameters
        ----------
        path : str or Path
            The file, which is replaced.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before fit.
        OSError
            If the file cannot be written.
        """
        check_is_fitted(self, "potential_")
        own = self.get_params(deep=False)
        own["hyperparameters"] = None  # the file has those of this model
        parameters = {name: _plain(value) for name, value in own.items()}
        about = {
            "symkernel": version("symkernel"),
            "parameters": parameters,
            "units": [self.units_.energy, self.units_.length],
            "reference": self.reference_.tolist(),
            "summary": _plain(self.summary_),
        }
        write_arrays(path, about, self.potential_.state())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the model that ``save`` wrote; its predictions are equal to the last digit.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        ForceField

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If it is something else, or of a newer version.
        """
        about, state = read_arrays(path)
        try:
            made = cls(**about["parameters"])
            made.potential_ = Potential.from_state(state, made.n_jobs)
            made.units_ = Units.of(about["units"])
            made.reference_ = np.array(about["reference"])
            made.summary_ = about["summary"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged: {error!r}; save the model again") from error
        return made


def _plain(value: Any) -> Any:
    """Numbers, text, lists and dicts, as JSON holds them."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
