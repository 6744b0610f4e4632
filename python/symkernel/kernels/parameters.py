"""Expose the hyperparameters of an invariant kernel: those of its base, tied by the group."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from symkernel.backends.arrays import like
from symkernel.groups import Group
from symkernel.groups.registry import bind, is_by_name, is_unbound
from symkernel.kernels.length_scales import require_tied
from symkernel.kernels.methods import Quadrature, Sample
from symkernel.kernels.remembered import RememberedPlan
from symkernel.kernels.text import written

Array = NDArray[Any]


class BaseParameters(Kernel):  # type: ignore[misc]
    """Kernel whose hyperparameters are those of a base, one for every orbit of features.

    Length scales per feature must be constant on the features that the group mixes. They are one
    hyperparameter: ``theta`` and ``bounds`` have one entry for each set of mixed features, in the
    order of their first members, and whatever theta is set, the group leaves the metric invariant.
    """

    base: Kernel
    group: Group | str
    method: str | Quadrature | Sample
    normalize: bool
    device: str

    _remembered: RememberedPlan | None = None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of this kernel, and with `deep` those of the base as ``base__<name>``."""
        names = ("base", "group", "method", "normalize", "device")
        params = {name: getattr(self, name) for name in names}
        if deep and hasattr(self.base, "get_params"):
            params.update((f"base__{k}", v) for k, v in self.base.get_params().items())
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of a new base after the base itself, whatever their order.

        Parameters
        ----------
        **params
            Names as in ``get_params()``.

        Returns
        -------
        self
            The kernel.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        super().set_params(**{name: v for name, v in params.items() if "__" not in name})
        super().set_params(**{name: v for name, v in params.items() if "__" in name})
        return self

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """Hyperparameters of the base, named ``base__<name>``."""
        found = []
        for h, labels in self._described():
            bounds, count = h.bounds, h.n_elements
            if labels is not None:
                count = int(labels.max()) + 1
                bounds = bounds if h.fixed else np.exp(_common(np.log(bounds), labels, h.name))
            found.append(Hyperparameter(f"base__{h.name}", h.value_type, bounds, count))
        return found

    @property
    def theta(self) -> Array:
        """Logarithms of the free hyperparameters, one for every set of features that are mixed.

        Raises
        ------
        ValueError
            If length scales per feature differ on features that the group mixes.
        """
        parts = []
        for values, labels in self._free(np.asarray(self.base.theta)):
            if labels is not None:
                require_tied(np.exp(values), labels, self.group)
            parts.append(values if labels is None else values[_first(labels)])
        return np.concatenate(parts) if parts else np.zeros(0)

    @theta.setter
    def theta(self, theta: Array) -> None:
        self._set_base_theta(theta)

    def _set_base_theta(self, theta: Array) -> None:
        parts, at = [], 0
        theta = np.asarray(theta)
        for values, labels in self._free(np.asarray(self.base.theta)):
            count = len(values) if labels is None else int(labels.max()) + 1
            own = theta[at : at + count]
            if len(own) < count:
                break
            parts.append(own if labels is None else own[labels])
            at += count
        else:
            if at == len(theta):
                self.base.theta = np.concatenate(parts) if parts else theta
                return
        raise ValueError(f"theta must have {self.n_dims} entries, got {len(theta)}")

    @property
    def bounds(self) -> Array:
        """Logarithms of the bounds of the free hyperparameters, shape (n_dims, 2).

        Those of features that are mixed are what their bounds have in common.

        Raises
        ------
        ValueError
            If they have nothing in common.
        """
        parts = [
            values if labels is None else _common(values, labels, "length_scale")
            for values, labels in self._free(np.asarray(self.base.bounds))
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 2))

    def is_stationary(self) -> bool:
        """Whether the kernel depends on x - y only: an average never does."""
        return False

    @property
    def requires_vector_input(self) -> bool:
        """Whether samples are feature vectors: always."""
        return True

    def __repr__(self) -> str:
        options = "" if self.method == "auto" else f", method={self.method!r}"
        options += f", normalize={self.normalize!r}" if self.normalize is not False else ""
        options += "" if self.device == "auto" else f", device={self.device!r}"
        return f"InvariantKernel({written(self.base)}, {self.group!r}{options})"

    def _bound_group(self, n_features: int | None, names: tuple[str, ...] | None = None) -> Group:
        if is_unbound(self.group):
            if names is None and is_by_name(self.group):
                raise ValueError(
                    f"{self.group!r} names its columns, and the kernel was given no data frame to "
                    "find them in: scikit-learn hands the kernel an array without names, give "
                    "positions, such as .on([0, 1, 2]). InvariantKernelRidge and "
                    "InvariantKernelClassifier read names in fit, and their kernel_ is bound; the "
                    "kernel itself may be called with a data frame"
                )
            if n_features is None:
                raise ValueError(f"group={self.group!r} is not bound and needs n_features")
            return bind(self.group, n_features, names)
        if not isinstance(self.group, Group):
            raise TypeError(f"group must be a Group or a name, got {type(self.group).__name__}")
        return self.group

    def _names_of_last_call(self, n_features: int | None) -> tuple[str, ...] | None:
        """Names of the columns of the table of the last call, if it had as many features."""
        last = self._remembered
        if last is None or last.table is None or n_features not in (None, last.table[0]):
            return None
        return last.table[1] if last.serves_group(self.group) else None

    def _described(self) -> list[tuple[Hyperparameter, Array | None]]:
        """Hyperparameters of the base, and labels of mixed features where there is one for each."""
        return [(h, self._labels(h)) for h in self.base.hyperparameters]

    def _labels(self, h: Hyperparameter) -> Array | None:
        if h.name != "length_scale" or h.n_elements == 1:
            return None
        group = self._bound_group(h.n_elements, self._names_of_last_call(h.n_elements))
        if group.degree != h.n_elements:
            raise ValueError(
                f"length_scale has shape ({h.n_elements},); {group!r} acts on {group.degree} "
                "features"
            )
        return group.mixed_features

    def _free(self, values: Array) -> list[tuple[Array, Array | None]]:
        """Rows of an array over the free hyperparameters of the base, one by one, and labels."""
        parts, at = [], 0
        for h, labels in self._described():
            if not h.fixed:
                parts.append((values[at : at + h.n_elements], labels))
                at += h.n_elements
        return parts

    def _tied_gradient(self, gradient: Array) -> Array:
        """Derivatives (..., n_dims) for theta from those of a plan, (..., planes).

        That for a common length scale is the sum of those for the features that share it.
        """
        parts, at = [], 0
        for h, labels in self._described():
            # a metric with one length scale is planned as that
            width = 1 if labels is not None and labels.max() == 0 else h.n_elements
            if not h.fixed:
                part = gradient[..., at : at + width]
                if labels is not None and int(labels.max()) + 1 < width:
                    part = part @ like(np.eye(int(labels.max()) + 1)[labels], gradient)
                parts.append(part)
            at += width
        if len(parts) == 1:
            return parts[0]
        columns = [part[..., k] for part in parts for k in range(part.shape[-1])]
        tied = gradient[..., : len(columns)].copy()
        for k, column in enumerate(columns):
            tied[..., k] = column
        return tied


def _first(labels: Array) -> Array:
    """Index of the first feature of every set."""
    return np.unique(labels, return_index=True)[1]


def _common(bounds: Array, labels: Array, name: str) -> Array:
    """What the bounds (d, 2) of each set of mixed features have in common."""
    bounds = np.broadcast_to(bounds, (len(labels), 2))
    common = np.empty((int(labels.max()) + 1, 2))
    for k in range(len(common)):
        own = bounds[labels == k]
        common[k] = own[:, 0].max(), own[:, 1].min()
        if not common[k, 0] <= common[k, 1]:
            features = np.flatnonzero(labels == k).tolist()
            raise ValueError(
                f"{name}_bounds have nothing in common on features {features}, which the group "
                "mixes: give them the same bounds"
            )
    return common
