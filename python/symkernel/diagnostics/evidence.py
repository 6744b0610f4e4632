"""Weigh the evidence for a symmetry of a target: none, a subgroup, the group, or a soft one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, WhiteKernel

from symkernel.groups import Group, Trivial
from symkernel.groups.registry import require_group
from symkernel.kernels import InvariantKernel
from symkernel.kernels.soft import SoftInvariantKernel
from symkernel.validation import as_array, as_count, check_samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FittedSymmetry", "SymmetryEvidence", "symmetry_evidence"]

Array = NDArray[np.float64]

# Logarithms of Bayes factors (Kass & Raftery 1995: 3 and 20 to 1).
_POSITIVE, _STRONG = math.log(3.0), math.log(20.0)
_SCALE, _NOISE = (1e-4, 1e4), (1e-8, 1e1)
# Of the softness, what an interval holds.
_LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class FittedSymmetry:
    """A Gaussian process with one symmetry, its hyperparameters at their best.

    Parameters
    ----------
    log_likelihood : float
        Largest logarithm of the marginal likelihood of the standardized targets; of the soft
        kernel at the best softness of the grid.
    loo : float
        Root mean squared error of leave-one-out predictions, in units of y.
    kernel : Kernel
        Kernel of the standardized targets, noise included.
    """

    log_likelihood: float
    loo: float
    kernel: Kernel


@dataclass(frozen=True, eq=False)
class SymmetryEvidence:
    """What data say of a chain of symmetries.

    Parameters
    ----------
    models : mapping of str to FittedSymmetry
        "plain", each group by its text, and "soft".
    softness, log_likelihoods : ndarray of shape (n_softness,)
        Grid from 0, the largest group, to 1, no group, and the profile of the logarithm of the
        marginal likelihood there.
    interval : (float, float)
        Central 95 % of the softness under a uniform prior on [0, 1], the logarithm of the
        likelihood taken to be linear between values of the grid.
    log_evidence : mapping of str to float
        Of every model, hyperparameters at their best; of "soft" the mean of the likelihood over the
        softness, so that its freedom has its price.
    verdict : str
        One sentence.
    """

    models: Mapping[str, FittedSymmetry]
    softness: Array
    log_likelihoods: Array
    interval: tuple[float, float]
    log_evidence: Mapping[str, float]
    verdict: str

    @property
    def best_softness(self) -> float:
        """Softness of the largest likelihood on the grid."""
        return float(self.softness[np.argmax(self.log_likelihoods)])

    @property
    def kappa_interval(self) -> tuple[float, float]:
        """The interval as concentrations kappa = t / (1 - t); the upper end may be infinite."""
        low, high = (t / (1.0 - t) if t < 1.0 else math.inf for t in self.interval)
        return low, high

    def log_bayes_factor(self, model: str, other: str) -> float:
        """Natural logarithm of how many times more probable one model makes the targets."""
        for name in (model, other):
            if name not in self.log_evidence:
                known = ", ".join(map(repr, self.log_evidence))
                raise ValueError(f"model must be one of {known}, got {name!r}")
        return self.log_evidence[model] - self.log_evidence[other]

    def plot(self) -> Figure:
        """Draw evidence by model, and the likelihood against the softness. Needs matplotlib."""
        from symkernel.diagnostics.pictures import draw_evidence

        return draw_evidence(self)

    def __str__(self) -> str:
        lines = [self.verdict, f"{'model':<32} {'log evidence':>13} {'leave-one-out':>14}"]
        for name, model in self.models.items():
            shown = name if len(name) <= 32 else f"{name[:29]}..."
            lines.append(f"{shown:<32} {self.log_evidence[name]:13.2f} {model.loo:14.4g}")
        low, high = self.interval
        lines.append(f"softness {self.best_softness:.3f}, 95 % in [{low:.3f}, {high:.3f}]")
        return "\n".join(lines)


def symmetry_evidence(
    X: Any,
    y: Any,
    *,
    base: Kernel | None = None,
    chain: Sequence[Group | None],
    n_softness: int = 11,
) -> SymmetryEvidence:
    """Compare Gaussian processes with no symmetry, with each of some groups, and with a soft one.

    Parameters
    ----------
    X : array-like of shape (n, n_features) or (n, *group.shape)
        Samples.
    y : array-like of shape (n,)
        Targets; they are centred and scaled to unit variance.
    base : sklearn.gaussian_process.kernels.Kernel, default=None
        Base kernel; None for ``RBF()`` whose length scale starts at the root of n_features.
    chain : sequence of Group or None
        Symmetries from none to the largest, such as ``[None, H, G]``; None is the plain kernel,
        which is always among the models. The last group is made soft.
    n_softness : int, default=11
        Values of the softness from 0 to 1, at least 3.

    Returns
    -------
    SymmetryEvidence
        Its text is readable, ``plot()`` draws it.

    Raises
    ------
    TypeError, ValueError
        If the chain holds no group, groups act on other numbers of features, fewer than 3 samples
        or values of the softness are given, y has another length, is not finite or is constant.
    NotApplicableError
        If the last group has no soft kernel.

    Notes
    -----
    Scale, length scales and noise of each model are at the maximum of the marginal likelihood
    (scikit-learn's optimiser, from one start, and on the grid of the softness from the optimum of
    its neighbour), so that evidence is a profile: differences of a few units count, of tenths do
    not. Cost: about 30 Gram matrices and factors, O(n^3) each, for each model and softness.
    Leave-one-out errors are exact, ``[K^-1 y]_i / [K^-1]_ii``, with hyperparameters of all samples
    (Rasmussen & Williams 2006, 5.12). Bayes factors of 3 and 20 are called positive and strong
    (Kass & Raftery, JASA 90, 1995).

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import diagnostics, groups
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> y = np.cos(X).sum(axis=1)
    >>> found = diagnostics.symmetry_evidence(X, y, chain=[None, groups.Cyclic(4)], n_softness=5)
    >>> found.log_bayes_factor("Cyclic(4)", "plain") > 20
    True
    >>> print(found.verdict.partition(":")[0])
    symmetric under Cyclic(4)
    """
    named, last = _named(chain)
    rows = np.asarray(check_samples(X, "X", last), np.float64)
    targets, spread = _standardized(y, len(rows))
    count = as_count(n_softness, "n_softness", 3)
    base = RBF(math.sqrt(rows.shape[1]), (1e-2, 1e3)) if base is None else base
    SoftInvariantKernel(base, last).plan()  # says what is wrong before anything is fitted

    models = {}
    for name, group in {"plain": Trivial(rows.shape[1]), **named}.items():
        fitted = _fitted(InvariantKernel(clone(base), group), rows, targets)
        models[name] = _summary(fitted, spread)
    softness = np.linspace(0.0, 1.0, count)
    profile, best = _profile(base, last, softness, rows, targets)
    models["soft"] = _summary(best, spread)
    evidence = {name: model.log_likelihood for name, model in models.items()}
    low, high, evidence["soft"] = _integrated(softness, profile)
    verdict = _verdict(evidence, low, high)
    return SymmetryEvidence(models, softness, profile, (low, high), evidence, verdict)


def _named(chain: Sequence[Group | None]) -> tuple[dict[str, Group], Group]:
    """Groups of a chain by their text, and the last of them."""
    if isinstance(chain, str | Group) or not isinstance(chain, Sequence):
        raise TypeError(f"chain must be a sequence such as [None, H, G], got {chain!r}")
    listed = [G for G in chain if G is not None]
    if not listed:
        raise ValueError("chain must hold a group, such as [None, H, G], got no group")
    for G in listed:
        require_group(G, "chain")
        if G.degree != listed[-1].degree:
            raise ValueError(
                f"groups of a chain must act on the same features: {G!r} acts on {G.degree}, "
                f"{listed[-1]!r} on {listed[-1].degree}"
            )
    return {repr(G): G for G in listed}, listed[-1]


def _standardized(y: Any, n: int) -> tuple[Array, float]:
    """Targets with mean 0 and variance 1, and their standard deviation."""
    targets = np.asarray(as_array(y, "y"), np.float64)
    if targets.shape != (n,) or n < 3:
        raise ValueError(f"y must have shape ({n},) for 3 or more samples, got {targets.shape}")
    if not np.isfinite(targets).all():
        raise ValueError("y contains NaN or infinity")
    spread = float(targets.std())
    if not spread > 1e-12 * float(np.abs(targets).max()):
        raise ValueError("y is constant: every symmetry explains it, there is nothing to compare")
    return (targets - targets.mean()) / spread, spread


def _fitted(
    kernel: Kernel, X: Array, y: Array, theta: Array | None = None
) -> GaussianProcessRegressor:
    """A Gaussian process whose hyperparameters maximise the marginal likelihood."""
    # from little noise the optimiser may run into that where everything is noise
    whole = ConstantKernel(1.0, _SCALE) * kernel + WhiteKernel(0.1, _NOISE)
    if theta is not None:
        whole.theta = theta
    model = GaussianProcessRegressor(whole, alpha=1e-10)
    with warnings.catch_warnings():
        # an optimum at a bound, such as no noise, is an answer here
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def _summary(model: GaussianProcessRegressor, spread: float) -> FittedSymmetry:
    inverse = cho_solve((model.L_, True), np.eye(len(model.L_)))
    errors = model.alpha_.ravel() / np.diag(inverse)
    loo = spread * math.sqrt(float(np.mean(errors**2)))
    return FittedSymmetry(float(model.log_marginal_likelihood_value_), loo, model.kernel_)


def _profile(
    base: Kernel, group: Group, softness: Array, X: Array, y: Array
) -> tuple[Array, GaussianProcessRegressor]:
    """Marginal likelihood at every softness, and the best model."""
    values = np.empty(len(softness))
    best: GaussianProcessRegressor | None = None
    theta: Array | None = None
    for i, t in enumerate(softness):
        model = _fitted(SoftInvariantKernel(clone(base), group, float(t), "fixed"), X, y, theta)
        theta = model.kernel_.theta
        values[i] = model.log_marginal_likelihood_value_
        if best is None or values[i] > best.log_marginal_likelihood_value_:
            best = model
    return values, best


def _integrated(softness: Array, profile: Array) -> tuple[float, float, float]:
    """Ends of the interval of the softness, and the logarithm of the mean likelihood.

    The logarithm of the likelihood is taken to be linear between the values of the grid.
    """
    logs = profile - profile.max()
    rise, steps = np.diff(logs), np.diff(softness)
    # the mean of exp(a + s (b - a)) over s in [0, 1], by the larger end for a rise of either sign
    size = np.abs(rise)
    means = np.where(size > 1e-8, -np.expm1(-size) / np.where(size > 1e-8, size, 1.0), 1.0)
    mass = steps * np.exp(np.maximum(logs[1:], logs[:-1])) * means
    cumulative = np.concatenate([[0.0], np.cumsum(mass)]) / mass.sum()
    tail = (1.0 - _LEVEL) / 2.0
    ends = []
    for wanted in (tail, 1.0 - tail):
        i = min(int(np.searchsorted(cumulative, wanted, side="right")) - 1, len(mass) - 1)
        share = (wanted - cumulative[i]) / (cumulative[i + 1] - cumulative[i])
        slope = float(rise[i])
        if abs(slope) > 1e-8:  # exp(s d) - 1 over exp(d) - 1 is the share below s
            top = max(slope, 0.0)  # kept from overflow
            inner = math.exp(-top) * (1.0 - share) + share * math.exp(slope - top)
            share = (math.log(inner) + top) / slope
        ends.append(float(softness[i] + share * steps[i]))
    return ends[0], ends[1], float(profile.max() + math.log(mass.sum()))


def _verdict(evidence: Mapping[str, float], low: float, high: float) -> str:
    """What the evidence amounts to, in one sentence."""
    order = sorted(evidence, key=lambda name: -evidence[name])
    first, second = order[:2]
    lead = evidence[first] - evidence[second]
    strength = "strong" if lead > _STRONG else "positive" if lead > _POSITIVE else "no clear"
    if first == "soft":
        words = f"broken symmetry, softness in [{low:.2f}, {high:.2f}]"
    elif first == "plain":
        words = "no symmetry"
    else:
        words = f"symmetric under {first}"
    if strength == "no clear":
        words = f"undecided between {first} and {second}"
    return f"{words}: {strength} evidence, log Bayes factor {lead:.1f} over {second}"
