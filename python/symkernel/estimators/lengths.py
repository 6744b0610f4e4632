"""Suggest a length scale from the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from symkernel.alignment.functions import orbit_distance
from symkernel.exceptions import NotApplicableError
from symkernel.groups import Group, Trivial
from symkernel.groups.registry import bind, is_group, names_of
from symkernel.validation import as_count, as_generator, flat_samples, kind_of

__all__ = ["suggest_length_scale"]

Array = NDArray[Any]


def suggest_length_scale(
    X: Any,
    group: Group | str | None = None,
    *,
    n_samples: int = 200,
    random_state: Any = 0,
) -> float:
    """Suggest a first length scale: the median distance between the orbits of samples.

    Parameters
    ----------
    X : array-like of shape (n, n_features) or (n, *group.shape)
        Samples, at least two.
    group : Group, str or None, default=None
        Group that acts on the features, or the name of one that acts on all of them, or
        ``G.on(columns)``; None is the trivial one, whose orbits are the samples.
    n_samples : int, default=200
        At most this many samples are compared, drawn without repetition.
    random_state : int, numpy Generator, numpy RandomState or None, default=0
        Source of the draw.

    Returns
    -------
    float
        A length in the units of X, for the ``length_scale`` of RBF, Matern and RationalQuadratic;
        gamma is 1 / (2 l^2). Where half of the pairs coincide, the median of the others; 1 where
        all do.

    Raises
    ------
    TypeError, ValueError
        If X or the group is not what is expected.
    NotApplicableError
        If ``orbit_distance`` does not serve the group (tensors, large graphs, space groups); the
        message says what to do instead.

    See Also
    --------
    symkernel.InvariantKernelRidgeCV : Tries lengths around the spread of the data and compares.
    symkernel.orbit_distance : The distances.

    Notes
    -----
    A rule of thumb, the "median heuristic", with the distance that symmetry leaves: samples that
    differ by an element of the group are the same sample, however far a translation takes them.
    Smooth targets take several times this length, rough ones a fraction; a grid around it,
    ``suggest_length_scale(X, G) * np.logspace(-0.75, 1.25, 9)``, spans what the default grid of
    ``InvariantKernelRidgeCV`` spans around the root mean squared distance of samples.

    Costs n_samples^2 / 2 orbit distances. Source of the median: Gretton et al., A kernel two-sample
    test, JMLR 13, 2012, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> from symkernel import groups, suggest_length_scale
    >>> X = np.random.default_rng(0).normal(size=(100, 6, 3))
    >>> flat = X.reshape(100, 18)
    >>> G = groups.Symmetric(6).along(0, (6, 3))
    >>> round(suggest_length_scale(flat), 1), round(suggest_length_scale(X, G), 1)
    (5.9, 4.0)
    """
    if isinstance(group, Group):
        X = flat_samples(X, group, "X")
    elif not (group is None or is_group(group)):
        raise TypeError(f"group must be a Group, a name or None; got {kind_of(group)}")
    count = as_count(n_samples, "n_samples", 2)
    samples: Array = check_array(
        X, dtype=[np.float64, np.float32], ensure_min_samples=2, input_name="X"
    )
    d = samples.shape[1]
    group = Trivial(d) if group is None else bind(group, d, names_of(X))
    if len(samples) > count:
        chosen = as_generator(random_state).choice(len(samples), count, replace=False)
        samples = samples[chosen]
    try:
        distances = orbit_distance(np.ascontiguousarray(samples), group=group)
    except NotApplicableError as reason:
        raise NotApplicableError(_way_without(group, reason)) from None
    pairs = distances[np.triu_indices(len(samples), 1)]
    positive = pairs[pairs > 0]
    return float(np.median(pairs)) or (float(np.median(positive)) if len(positive) else 1.0)


def _way_without(group: Group, reason: NotApplicableError) -> str:
    """Say what else finds a length scale, where no distance between orbits is known."""
    way = (
        "kernels of fractional coordinates are VonMises(kappa, period=1.0), without a length "
        "scale: search over kappa"
        if group._on_lattice
        else "suggest_length_scale(X), without the group, is no shorter: search from there down, "
        "with InvariantKernelRidgeCV(length_scales=...) or GridSearchCV"
    )
    return f"no distance between orbits of {group!r} is at hand: {way} ({reason})"
