"""A length scale suggested by the data, and what serves where samples are too many."""

from __future__ import annotations

import catalog
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from symkernel import (
    InvariantKernel,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    groups,
    orbit_distance,
    suggest_length_scale,
)
from symkernel.backends import memory
from symkernel.exceptions import NotApplicableError

# Nearest shifts of angles have a closed form where nothing else acts.
NO_ROUTE = ("torus x C3", "torus on columns")

X = np.random.default_rng(6).normal(size=(40, 4))


@pytest.mark.parametrize("name", [n for n in catalog.GROUPS if n not in NO_ROUTE])
def test_it_is_the_median_orbit_distance(name):
    group = catalog.GROUPS[name]
    samples = np.random.default_rng(1).normal(size=(15, group.degree))
    pairs = orbit_distance(samples, group=group)[np.triu_indices(15, 1)]
    found = suggest_length_scale(samples, group)
    assert found == pytest.approx(np.median(pairs)) and isinstance(found, float)
    moved = np.stack([g.apply(x) for g, x in zip(group.sample(15, 0), samples, strict=True)])
    assert suggest_length_scale(moved, group) == pytest.approx(found, rel=1e-7)
    if not group._on_angles:  # in the units of the samples
        assert suggest_length_scale(1e-3 * samples, group) == pytest.approx(1e-3 * found)


def test_without_a_group_by_name_and_of_few():
    assert suggest_length_scale(X) == pytest.approx(np.median(pdist(X)))
    assert suggest_length_scale(X, "symmetric") < suggest_length_scale(X, "cyclic")
    drawn = [suggest_length_scale(X, n_samples=20, random_state=seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert suggest_length_scale(np.ones((5, 2))) == 1.0
    repeated = np.repeat([[0.0], [3.0]], [9, 1], axis=0)  # most pairs coincide
    assert suggest_length_scale(repeated) == pytest.approx(3.0)
    clouds = X.reshape(40, 2, 2)
    group = groups.Symmetric(2).along(0, (2, 2))
    assert suggest_length_scale(clouds, group) == suggest_length_scale(X, group)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"group": groups.Cyclic(3)}, ValueError, "Cyclic"),
        ({"group": 7}, TypeError, "group must be a Group, a name or None; got int"),
        ({"n_samples": 1}, ValueError, "n_samples"),
    ],
)
def test_what_is_refused(words, error, message):
    with pytest.raises(error, match=message):
        suggest_length_scale(X, **words)
    with pytest.raises(ValueError, match="minimum of 2"):
        suggest_length_scale(X[:1])


def test_it_is_a_useful_length():
    """It explains most of the variance, which a fifth of it and ten times it do less well."""
    y = X.max(axis=1)
    length = suggest_length_scale(X, "symmetric")

    def score(factor):
        words = {"kernel": RBF(), "group": "symmetric", "length_scales": [factor * length]}
        return InvariantKernelRidgeCV([1e-4], **words).fit(X, y).best_score_

    assert score(1.0) > -0.05 * y.var()
    assert score(0.2) < 10 * score(1.0) and score(10.0) < 2 * score(1.0)


@pytest.mark.parametrize("group", [groups.Graph(12), groups.SO(3).along_each((0, 1), (3, 3))])
def test_a_group_without_distances_has_another_way(group):
    samples = np.random.default_rng(0).normal(size=(6, group.degree))
    samples += np.swapaxes(samples.reshape(-1, *group.shape), 1, 2).reshape(samples.shape)
    with pytest.raises(
        NotApplicableError, match=r"suggest_length_scale\(X\), without the group, is"
    ):
        suggest_length_scale(samples, group)
    assert suggest_length_scale(samples) > 0


def test_fractional_coordinates_have_no_length_scale():
    group = groups.SpaceGroup.from_generators([[[-1, 0], [0, -1]]])
    with pytest.raises(NotApplicableError, match=r"VonMises.*search over kappa"):
        suggest_length_scale(np.random.default_rng(0).random((6, 2)), group)


# ---- more samples than a Gram matrix holds ------------------------------------------------------


@pytest.mark.parametrize("group", ["symmetric", groups.Dihedral(4)])
def test_nystroem_takes_invariant_kernels(group):
    kernel = InvariantKernel(RBF(1.5), group)
    rows = np.random.default_rng(2).normal(size=(300, 4))
    y = rows.max(axis=1)
    features = Nystroem(kernel, n_components=300, random_state=0).fit_transform(rows)
    assert_allclose(features @ features.T, kernel(rows), atol=1e-9)  # all samples: exact
    model = make_pipeline(
        Nystroem(kernel, n_components=60, random_state=0), Ridge(1e-4, fit_intercept=False)
    ).fit(rows, y)
    exact = InvariantKernelRidge(1e-4, kernel=kernel).fit(rows, y)
    tests = np.random.default_rng(3).normal(size=(100, 4))
    assert_allclose(model.predict(tests[:, ::-1]), model.predict(tests), atol=1e-6)
    assert np.abs(model.predict(tests) - exact.predict(tests)).mean() < 0.1 * y.std()


_LEAST = r"too little for 40 samples by any method: the least is .*B, by solver='cholesky'"


@pytest.mark.filterwarnings("ignore:40 samples are searched on centres")
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (InvariantKernelRidge(group="symmetric"), _LEAST),
        (InvariantKernelRidge(), _LEAST),
        (InvariantKernelRidge([0.1, 0.2], group="symmetric"), _LEAST),
        (InvariantKernelRidgeCV(group="symmetric"), r"solver='nystroem' in one pass"),
    ],
    ids=["packed", "plain", "full", "search"],
)
def test_errors_of_size_name_what_serves(model, message, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    y = X[:, :2] if np.ndim(getattr(model, "alpha", 0.0)) else X[:, 0]
    with pytest.raises(MemoryError, match=message):
        model.fit(X, y)
