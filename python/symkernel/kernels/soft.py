"""Average a base kernel over a group with weights that prefer elements near the identity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from symkernel.groups import Group
from symkernel.kernels.text import written
from symkernel.kernels.translate import spec_of
from symkernel.kernels.values import KernelValues
from symkernel.plans.base import Plan
from symkernel.plans.soft_choice import soft_pieces, soft_plan
from symkernel.validation import as_array, as_number

__all__ = ["SoftInvariantKernel"]

Array = NDArray[Any]


class SoftInvariantKernel(KernelValues):
    r"""Kernel between the invariant one and its base: how symmetric, is learned from the data.

    .. math::
        K_t(x, y) = \sum_g w(g)\, k(x, g y), \qquad w(g) \propto e^{\kappa \operatorname{tr} T(g)},
        \qquad \kappa = t / (1 - t)

    with T an orthogonal representation of the group in which elements near the identity have large
    traces. The softness t = 0 is the invariant kernel, t = 1 the base kernel, and every one between
    is positive semidefinite. It is a hyperparameter beside those of the base, and a
    ``GaussianProcessRegressor`` learns it: near 0 the target is symmetric, near 1 it is not.

    Parameters
    ----------
    base : sklearn.gaussian_process.kernels.Kernel
        For finite groups any base kernel of ``InvariantKernel`` with a native form; for rotations
        of clouds, and for permutations and changes of sign too many to list, RBF, Matern and
        RationalQuadratic.
    group : Group or str
        As for ``InvariantKernel``. Translations stay exact.
    softness : float or array-like of shape (n_factors,), default=0.3
        t in [0, 1]: one for all factors of a product, which is one hyperparameter, or one each, in
        the order of ``group.factors()`` without translations and trivial groups; groups on columns
        of their own are a factor each.
    softness_bounds : pair of floats or "fixed", default=(1e-3, 0.999)
        Bounds for hyperparameter optimisation, within [0, 1].
    normalize : bool, default=False
        Divide by ``sqrt(K(x, x) K(y, y))``, which makes the diagonal one.

    Raises
    ------
    TypeError, ValueError
        On call, as ``InvariantKernel``; for a softness outside [0, 1] or of another length.
    NotApplicableError
        On call, where neither a weighted sum nor a closed form is known; the message says what to
        use instead.
    GroupTooLargeError
        On call, for more than a million elements without a closed form.

    Notes
    -----
    ``theta`` holds the softness itself behind the logarithms of the base's hyperparameters, and
    so do ``bounds``; derivatives are those for theta. At softness 0 of a continuous group, and
    at 1, there is none, and it is refused unless the softness is fixed.

    T is the matrix that acts on one point of a cloud; permutations count fixed features, changes of
    sign add signs, ``Cyclic`` and ``Dihedral`` turn the plane (their permutation matrices have
    trace 0 for every shift), images the same and the cosines of their shifts, graphs count fixed
    nodes.

    Finite groups are summed over, one native orbit sum for each value of the trace, at the cost of
    the invariant kernel. SO(2), O(2), SO(3) and O(3) on clouds, also beside permutations of their
    points, and on one vector, as well as ``Symmetric``, ``Young``, ``Hyperoctahedral`` and
    ``SignFlips`` beyond 1,000 elements, are averaged in closed form over samples with
    :math:`\sqrt\kappa E` added, E an orthonormal basis of the space of T:
    :math:`|E - gE|^2 = 2 \operatorname{tr}(1 - T(g))`. So SO(3) has
    :math:`c(M + \kappa 1) / c(\kappa 1)` with the constant c of its invariant kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> from symkernel import SoftInvariantKernel, groups
    >>> x, turned = np.array([[0.0, 1.0, 2.0]]), np.array([[1.0, 2.0, 0.0]])
    >>> for t in (0.0, 0.5, 1.0):
    ...     k = SoftInvariantKernel(RBF(1.0), groups.Cyclic(3), softness=t)
    ...     print(round(k(x, turned).item() / k(x, x).item(), 3))
    1.0
    0.102
    0.05
    """

    method = "auto"
    device = "auto"

    def __init__(
        self,
        base: Kernel,
        group: Group | str,
        softness: Any = 0.3,
        softness_bounds: tuple[float, float] | str = (1e-3, 0.999),
        normalize: bool = False,
    ) -> None:
        self.base = base
        self.group = group
        self.softness = softness
        self.softness_bounds = softness_bounds
        self.normalize = normalize

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of this kernel, and with `deep` those of the base as ``base__<name>``."""
        names = ("base", "group", "softness", "softness_bounds", "normalize")
        params = {name: getattr(self, name) for name in names}
        if deep and hasattr(self.base, "get_params"):
            params.update((f"base__{k}", v) for k, v in self.base.get_params().items())
        return params

    @property
    def hyperparameter_softness(self) -> Hyperparameter:
        """Description of the softness for optimisers, which see it as it is."""
        bounds = self.softness_bounds
        if not isinstance(bounds, str):
            limits = np.asarray(as_array(bounds, "softness_bounds"), np.float64)
            if limits.shape[-1:] != (2,) or not ((limits >= 0.0) & (limits <= 1.0)).all():
                raise ValueError(
                    f"softness_bounds must be a pair within [0, 1] or 'fixed', got {bounds!r}"
                )
        return Hyperparameter("softness", "numeric", bounds, self._softness().size)

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """Hyperparameters of the base, named ``base__<name>``, and the softness."""
        return [*super().hyperparameters, self.hyperparameter_softness]

    @property
    def theta(self) -> Array:
        """Logarithms of the base's free hyperparameters, then the softness itself.

        Raises
        ------
        ValueError
            If length scales per feature differ on features that the group mixes.
        """
        own = np.zeros(0) if self.hyperparameter_softness.fixed else self._softness()
        return np.concatenate([super().theta, own])

    @theta.setter
    def theta(self, theta: Array) -> None:
        theta = np.asarray(theta)
        own = 0 if self.hyperparameter_softness.fixed else self._softness().size
        if len(theta) < own:
            raise ValueError(f"theta must have {self.n_dims} entries, got {len(theta)}")
        self._set_base_theta(theta[: len(theta) - own])
        if own:
            soft = theta[len(theta) - own :]
            self.softness = float(soft[0]) if np.ndim(self.softness) == 0 else soft.copy()

    @property
    def bounds(self) -> Array:
        """Bounds of theta, shape (n_dims, 2): of logarithms, and of the softness as it is."""
        h = self.hyperparameter_softness
        own = np.zeros((0, 2)) if h.fixed else np.broadcast_to(h.bounds, (h.n_elements, 2))
        return np.vstack([super().bounds, own])

    def __repr__(self) -> str:
        soft = written(
            self.softness.tolist() if hasattr(self.softness, "tolist") else self.softness
        )
        options = f", softness={soft}"
        if self.softness_bounds != (1e-3, 0.999):
            options += f", softness_bounds={self.softness_bounds!r}"
        options += f", normalize={self.normalize!r}" if self.normalize is not False else ""
        return f"SoftInvariantKernel({written(self.base)}, {self.group!r}{options})"

    def _softness(self) -> NDArray[np.float64]:
        """Softness as an array, (1,) or one for each factor; checked."""
        if np.ndim(self.softness) == 0:
            values = np.array([as_number(self.softness, "softness")])
        else:
            values = np.asarray(as_array(self.softness, "softness"), np.float64)
        if values.ndim != 1 or not ((values >= 0.0) & (values <= 1.0)).all():
            raise ValueError(
                "softness must lie in [0, 1], 0 for the invariant kernel and 1 for the base, one "
                f"number or one for each factor; got {self.softness!r}"
            )
        return values

    def _own_words(self) -> tuple[Any, ...]:
        free = not self.hyperparameter_softness.fixed
        return (np.ndim(self.softness), *self._softness().tolist(), free)

    def _make_plan(self, group: Group, method: str, options: dict[str, Any]) -> Plan:
        if hasattr(self.base, "spectral_plan"):
            raise TypeError(
                f"base={self.base!r} is given by its spectrum and has no weighted average here: "
                "use a base kernel of samples, such as RBF, or InvariantKernel"
            )
        count = len(soft_pieces(group))
        values = self._softness()
        if np.ndim(self.softness) > 0 and len(values) != count:
            raise ValueError(
                f"softness has {len(values)} entries; {group!r} has {count} factors beside "
                "translations: give one number for all of them, or one each"
            )
        softness = np.broadcast_to(values, (count,))
        with np.errstate(divide="ignore"):
            kappas = np.asarray(softness / (1.0 - softness))
        free = not self.hyperparameter_softness.fixed
        return soft_plan(spec_of(self.base, group), group, kappas, free)

    def _tied_gradient(self, gradient: Array) -> Array:
        widths = [
            1 if labels is not None and labels.max() == 0 else h.n_elements
            for h, labels in self._described()
        ]
        known = sum(widths)
        theta = super()._tied_gradient(gradient[..., :known])
        if self.hyperparameter_softness.fixed:
            return theta
        values = self._softness()
        planes = gradient[..., known:]
        softness = np.broadcast_to(values, planes.shape[-1:])
        if planes.size and np.isnan(planes[(0,) * (planes.ndim - 1)]).any():
            raise ValueError(
                f"softness={self.softness!r}: the derivative for the softness of a continuous "
                "group, or of one in closed form, is not computed at 0, nor at 1: start inside, "
                "such as at 0.01, or give softness_bounds='fixed'"
            )
        # at softness 1 of a finite group the derivative vanishes faster than 1 / (1 - t)^2 grows
        inside = softness < 1.0
        slopes = np.where(inside, 1.0 / np.where(inside, 1.0 - softness, 1.0) ** 2, 0.0)
        own = planes * slopes.astype(planes.dtype)
        if np.ndim(self.softness) == 0:
            own = own.sum(axis=-1, keepdims=True)
        return np.asarray(np.concatenate([theta, own], axis=-1))
