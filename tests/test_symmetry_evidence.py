"""Evidence for a symmetry: verdicts where the truth is known, and the numbers behind them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, diagnostics, groups

C4, C2 = groups.Cyclic(4), groups.PermutationGroup([[2, 3, 0, 1]])
X = np.random.default_rng(0).standard_normal((60, 4))
SYMMETRIC = np.cos(X).sum(axis=1)


@pytest.fixture(scope="module")
def found():
    half = np.cos(X[:, 0]) * np.cos(X[:, 2]) + 0.5 * np.cos(X[:, 1]) * np.cos(X[:, 3]) ** 2
    half = half + 0.5 * np.cos(X[:, 3]) * np.cos(X[:, 1]) ** 2
    targets = {
        "group": SYMMETRIC,
        "subgroup": half,
        "none": np.sin(X[:, 0] + 0.5 * X[:, 1]),
    }
    return {
        name: diagnostics.symmetry_evidence(X, y, chain=[None, C2, C4], n_softness=7)
        for name, y in targets.items()
    }


def test_verdicts_name_the_symmetry(found):
    assert found["group"].verdict.startswith("symmetric under Cyclic(4): strong evidence")
    assert found["subgroup"].verdict.startswith("symmetric under PermutationGroup")
    none = found["none"]
    assert none.log_bayes_factor("plain", "Cyclic(4)") > 3.0
    assert none.best_softness > 0.3 > found["group"].best_softness
    assert found["group"].models["Cyclic(4)"].loo < found["group"].models["plain"].loo


def test_numbers_are_those_of_gaussian_processes(found):
    result = found["group"]
    model = result.models["Cyclic(4)"]
    y = (SYMMETRIC - SYMMETRIC.mean()) / SYMMETRIC.std()
    again = GaussianProcessRegressor(model.kernel, optimizer=None).fit(X, y)
    assert np.isclose(again.log_marginal_likelihood_value_, model.log_likelihood, atol=1e-6)
    errors = []
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        one = GaussianProcessRegressor(model.kernel, optimizer=None).fit(X[rest], y[rest])
        errors.append(y[i] - one.predict(X[i : i + 1])[0])
    loo = SYMMETRIC.std() * np.sqrt(np.mean(np.square(errors)))
    assert np.isclose(loo, model.loo, rtol=1e-4)
    ends = result.log_likelihoods[[0, -1]]
    known = [result.models[name].log_likelihood for name in ("Cyclic(4)", "plain")]
    assert np.allclose(ends, known, atol=0.5)


def test_interval_and_mean_are_those_of_the_profile(found):
    for result in found.values():
        grid = np.linspace(0, 1, 1_000_001)
        likelihood = np.exp(
            np.interp(grid, result.softness, result.log_likelihoods) - result.log_likelihoods.max()
        )
        mean = np.log(likelihood.mean()) + result.log_likelihoods.max()
        assert np.isclose(result.log_evidence["soft"], mean, atol=1e-2)
        share = np.cumsum(likelihood) / likelihood.sum()
        truth = grid[np.searchsorted(share, [0.025, 0.975])]
        assert np.allclose(result.interval, truth, atol=1e-4)
        low, high = result.kappa_interval
        assert 0 <= low < high and np.isclose(low, result.interval[0] / (1 - result.interval[0]))


def test_text_and_picture(found):
    result = found["group"]
    assert "leave-one-out" in str(result) and "softness" in str(result)
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot as plt

    figure = result.plot()
    assert len(figure.axes[0].patches) == len(result.models)
    plt.close(figure)


def test_length_scales_and_shapes():
    turning = groups.SO(2).along(1, (2, 2))
    y = np.linalg.norm(X[:30].reshape(-1, 2, 2), axis=2).sum(axis=1)
    result = diagnostics.symmetry_evidence(
        X[:30].reshape(-1, 2, 2), y, base=RBF(2.0), chain=[turning], n_softness=3
    )
    assert list(result.models) == ["plain", repr(turning), "soft"]
    kernel = result.models[repr(turning)].kernel.k1.k2
    assert isinstance(kernel, InvariantKernel) and kernel.group == turning


def test_what_is_refused():
    y = SYMMETRIC
    for chain, targets, words in (
        ([None], y, "no group"),
        (C4, y, "must be a sequence"),
        ([None, "cyclic"], y, "must be a Group"),
        ([groups.Cyclic(3), C4], y, "same features"),
        ([None, C4], y[:5], "shape"),
        ([None, C4], np.ones(60), "constant"),
        ([None, C4], np.where(np.arange(60) == 3, np.nan, y), "NaN"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            diagnostics.symmetry_evidence(X, targets, chain=chain)
    with pytest.raises(ValueError, match="n_softness"):
        diagnostics.symmetry_evidence(X, y, chain=[C4], n_softness=2)
    with pytest.raises(ValueError, match="ChainKernel"):
        diagnostics.symmetry_evidence(X, y, chain=[groups.SO(4)])
