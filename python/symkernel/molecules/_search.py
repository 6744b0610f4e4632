"""Choose metrics and noise of a force field by errors of structures left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from symkernel.backends.joint import Components, contract
from symkernel.backends.packed import diagonal
from symkernel.molecules._geometry import Geometry
from symkernel.molecules._metrics import (
    KERNEL,
    FreeWeights,
    LocalWeights,
    PairWeights,
    Weights,
    centers_of,
    pairs_of,
    squares_of,
)
from symkernel.molecules._system import RAISES, Factor, Function, System, images_of

Array = NDArray[Any]
# Told after every step: what is done, how many steps of how many, and what came out.
Progress = Callable[[str, int, int, str], None]

# Noise to begin with, over the mean variances of values and of slopes, and its limits.
_NOISE, _LEAST, _MOST = 1e-9, 1e-12, 1e-1
# Rows of one factor in the search, structures of two, and the share of energies beside forces.
_ROWS, _STRUCTURES, _ENERGY_SHARE = 3300, 1000, 0.3
# Mean squared errors, over mean squares of what is predicted, that are as good as none.
_EXACT = 1e-16
# Mean squared distance of two structures, in units of the length scale, to begin with.
_SPREAD = 0.1
# Least spread of distances, over themselves, that this is taken from: one structure has none.
_NARROW = 0.01
# Steps of one round: each has its own halves.
_ROUNDS = {"local": (12, 12), "free": (10, 10, 10, 10)}


@dataclass(frozen=True)
class Hyperparameters:
    """What a search finds.

    Attributes
    ----------
    components : Components
        Metrics and amplitudes.
    noise : ndarray of shape (2,)
        Variances of noise of energies and of forces.
    """

    components: Components
    noise: Array

    def arrays(self) -> dict[str, Array]:
        """Return everything as arrays, for a file."""
        own = self.components
        return {"metrics": own.metrics, "amplitudes": own.amplitudes, "noise": self.noise}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Hyperparameters:
        """Return the hyperparameters of such arrays; others among them are left alone."""
        components = Components(KERNEL, arrays["metrics"], arrays["amplitudes"])
        return cls(components, arrays["noise"])


@dataclass(frozen=True)
class Known:
    """What is known of structures.

    Attributes
    ----------
    geometry : Geometry
    energies : ndarray of shape (n,)
        NaN where they are unknown.
    forces : ndarray of shape (n, n_atoms, 3)
        NaN where they are unknown.
    """

    geometry: Geometry
    energies: Array
    forces: Array

    @property
    def valued(self) -> NDArray[np.bool_]:
        """Which structures have energies."""
        return ~np.isnan(self.energies)

    @property
    def sloped(self) -> NDArray[np.bool_]:
        """Which structures have forces."""
        return ~np.isnan(self.forces[:, 0, 0])

    def take(self, chosen: Array) -> Known:
        """Return some of the structures."""
        return Known(self.geometry.take(chosen), self.energies[chosen], self.forces[chosen])


class Halves:
    """Error of each half of some structures by a fit to the other, with its derivatives.

    Parameters
    ----------
    known : Known
        The structures.
    halves : sequence of (ndarray, ndarray)
        Which are fitted, and which are predicted.
    pairs : ndarray of int of shape (G, p)
        The group.
    n_jobs : int or None
        Threads.

    Notes
    -----
    The error is log of the mean squared error of forces, and 0.3 times that of energies, where
    energies are fitted. Errors below 1e-8 of what is predicted count as that. With
    r its derivatives for predictions, and u = A^-1 K r, a change dK of the kernel changes it by
    r^T dK a - u^T dA a with a the coefficients of the fit: one contraction of two fields, and no
    derivative of a matrix is formed. One more solve than the error alone takes.
    """

    def __init__(
        self,
        known: Known,
        halves: list[tuple[Array, Array]],
        pairs: Array,
        n_jobs: int | None,
    ) -> None:
        self._pairs, self._n_jobs = pairs, n_jobs
        kinds = known.energies[known.valued], known.forces[known.sloped]
        self._exact = [_EXACT * float((own**2).mean()) if own.size else 0.0 for own in kinds]
        self._parts = []
        for fitted, left in halves:
            inner, outer = known.take(fitted), known.take(left)
            system = System(inner.geometry, pairs, inner.valued, inner.sloped, n_jobs)
            self._parts.append((system, system.targets(inner.energies, inner.forces), outer))

    def error(self, components: Components, noise: Array) -> tuple[float, Array, Array, Array]:
        """Return the error, and its derivatives for metrics, amplitudes and log noise."""
        error = 0.0
        of_metrics = np.zeros_like(components.metrics)
        of_amplitudes = np.zeros_like(components.amplitudes)
        of_noise = np.zeros(2)
        for part in self._parts:
            found = self._of_part(components, noise, *part)
            error += found[0] / len(self._parts)
            of_metrics += found[1] / len(self._parts)
            of_amplitudes += found[2] / len(self._parts)
            of_noise += found[3] / len(self._parts)
        return error, of_metrics, of_amplitudes, of_noise

    def _of_part(
        self, components: Components, noise: Array, system: System, y: Array, outer: Known
    ) -> tuple[float, Array, Array, Array]:
        count = len(system.valued)
        ridge = system.ridge(noise)
        factor = Factor(system.packed(components), ridge, count)
        solved, constants = factor.solve(y[:, None])
        coefficients = solved[:, 0]
        fitted = system.function(components, coefficients)
        values, slopes = fitted(outer.geometry.features)
        # Without energies in the fit those of others are known up to a constant: none counts.
        energies = outer.energies if count else np.full_like(outer.energies, np.nan)
        error, of_values, of_forces = _measure(
            values + constants[0] - energies,
            -outer.geometry.to_positions(slopes) - outer.forces,
            self._exact,
        )
        # Derivatives for the predictions, as coefficients of values and slopes of the left out.
        a, b = of_values, -outer.geometry.to_features(of_forces)
        own = outer.geometry.features, a, b
        back = Function(components, self._pairs, *own, n_jobs=self._n_jobs)
        right = system.observe(*back(system.geometry.features))
        u = factor.solve(right[:, None], a.sum())[0][:, 0]
        less, least = system.fields(-u)
        features = np.concatenate([outer.geometry.features, system.geometry.features])
        images = images_of(features, self._pairs)
        moved = images_of(np.concatenate([b, least]), self._pairs)
        _, metrics, amplitudes = contract(
            components.over(len(self._pairs)),
            images,
            np.concatenate([a, less]),
            moved,
            system.geometry.features,
            *system.fields(coefficients),
            n_jobs=self._n_jobs,
        )
        shares = -ridge * u * coefficients
        of_noise = np.array([shares[:count].sum(), shares[count:].sum()])
        return error, metrics, amplitudes / len(self._pairs), of_noise


def _measure(values: Array, forces: Array, exact: list[float]) -> tuple[float, Array, Array]:
    """Return the logarithmic error of residuals, and its derivatives; NaN is no residual."""
    error = 0.0
    found = []
    for residuals, share, least in ((values, _ENERGY_SHARE, exact[0]), (forces, 1.0, exact[1])):
        seen = ~np.isnan(residuals)
        own = np.where(seen, residuals, 0.0)
        square = float((own**2).sum() + least * seen.sum())
        if square == 0.0:
            found.append(own)
            continue
        error += share * float(np.log(square / seen.sum()))
        found.append(own * (2.0 * share / square))
    return error, found[0], found[1]


def search(
    known: Known,
    numbers: Array,
    permutations: Array,
    *,
    n_search: int | None = None,
    local: bool = True,
    noise: float | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> Hyperparameters:
    """Search metrics, amplitudes and noise.

    Parameters
    ----------
    known : Known
        Structures, energies and forces.
    numbers : ndarray of int of shape (n_atoms,)
        Atomic numbers.
    permutations : ndarray of int of shape (G, n_atoms)
        All elements of the group.
    n_search : int or None
        How many structures a round looks at; None: as many as make 3300 rows of each half.
    local : bool
        Whether every atom has a kernel of its own.
    noise : float or None
        Variance of the noise over the mean prior variance of what is observed, of the kernel that
        the search begins with; None: found. Raised where the matrix is singular with less.
    random_state : int
        Draws the halves.
    n_jobs : int or None
        Threads.
    progress : callable or None
        Told of every step.
    """
    pairs = pairs_of(permutations)
    rng = np.random.default_rng(random_state)
    rows = 3 * len(numbers) - 5 if known.sloped.any() else 1
    size = min(max(20, 2 * (_ROWS // rows)), _STRUCTURES) if n_search is None else n_search
    features = known.geometry.features
    least = _NARROW**2 * (features.mean(axis=0) ** 2).sum()
    scale = _SPREAD / max(float(features.var(axis=0).sum()), float(least))
    centers = centers_of(numbers) if local else np.arange(0)
    rounds = _ROUNDS["local"] + (_ROUNDS["free"] if len(centers) else ())
    report = _Report(progress, sum(rounds))
    first: PairWeights | LocalWeights = PairWeights(pairs)
    if len(centers):
        distances = (1.0 / known.geometry.features).mean(axis=0)
        first = LocalWeights(pairs, squares_of(permutations, distances, centers))
    start = first.start(scale)
    components = first.components(start)
    variances = _mean_variances(known, pairs, components)
    limits = np.log(variances * _LEAST), np.log(variances * _MOST)
    if noise is not None:
        limits = np.log(variances * noise), np.log(variances * noise)
    noises = variances * (_NOISE if noise is None else noise)
    if len(features) < 2:  # nothing can be left out
        return Hyperparameters(components, noises)

    def descend(weights: Weights, at: Array, noise: Array, steps: int) -> tuple[Array, Array]:
        halves = Halves(known, _halves(known, size, rng), pairs, n_jobs)
        worst, factored = 0.0, False

        def error(x: Array) -> tuple[float, Array]:
            nonlocal worst, factored
            own = weights.components(x[:-2])
            try:
                found, *slopes, of_noise = halves.error(own, np.exp(x[-2:]))
            except ArithmeticError:  # a step too far, which the line search takes back
                return worst + 10.0, np.zeros_like(x)
            worst, factored = max(worst, found), True
            return found, np.append(weights.back(x[:-2], *slopes), of_noise)

        begin = np.append(at, np.log(noise))
        for _ in range(RAISES + 1):
            least, most = np.minimum(limits[0], begin[-2:]), np.maximum(limits[1], begin[-2:])
            found = minimize(
                error,
                begin,
                jac=True,
                method="L-BFGS-B",
                bounds=[*weights.bounds(at), *zip(least, most, strict=True)],
                callback=report.step,
                options={"maxiter": steps, "maxfun": 2 * steps, "maxls": 8},
            )
            if factored:
                break
            begin[-2:] += np.log(10.0)  # singular from the first step on
        report.end(steps)
        return found.x[:-2], np.exp(found.x[-2:])

    at = start
    for steps in _ROUNDS["local"]:
        at, noises = descend(first, at, noises, steps)
    components = first.components(at)
    if len(centers):
        index = np.full(len(numbers), -1)
        index[centers] = np.arange(len(centers))
        free = FreeWeights(pairs, index[permutations[:, centers]])
        at = free.start(components)
        for steps in _ROUNDS["free"]:
            at, noises = descend(free, at, noises, steps)
        components = free.components(at)
    return Hyperparameters(components, noises)


def _mean_variances(known: Known, pairs: Array, components: Components) -> Array:
    """Mean prior variances of values and of slopes, (2,)."""
    part = known.take(np.arange(min(len(known.energies), 20)))
    everywhere = np.ones(len(part.energies), bool)
    system = System(part.geometry, pairs, everywhere, everywhere)
    array = system.packed(components)
    variances = np.concatenate(diagonal(array, len(system)))
    count = len(everywhere)
    return np.array([variances[:count].mean(), variances[count:].mean()])


def _halves(known: Known, size: int, rng: np.random.Generator) -> list[tuple[Array, Array]]:
    """Draw structures, in two halves that fit and predict each other."""
    n = len(known.energies)
    drawn = rng.permutation(n)
    if known.sloped.any():  # those with forces first
        drawn = drawn[np.argsort(~known.sloped[drawn], kind="stable")]
    drawn = rng.permutation(drawn[:size])
    half = len(drawn) // 2
    return [(drawn[:half], drawn[half:]), (drawn[half:], drawn[:half])]


class _Report:
    """Count steps of several rounds."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total = progress, total
        self._done = self._ended = 0

    def step(self, intermediate_result: Any) -> None:
        """Tell of a step of the optimiser."""
        self._done += 1
        if self._progress is not None:
            note = f"error {np.exp(0.5 * intermediate_result.fun / (1 + _ENERGY_SHARE)):.3g}"
            self._progress("search", self._done, self._total, note)

    def end(self, steps: int) -> None:
        """Tell that a round is over, perhaps before its last step."""
        self._ended += steps
        self._done = self._ended
