"""InvariantKernelRidge with gradients: the Gaussian process of both, and scikit-learn's tools."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from catalog import GROUPS, samples
from gradients import (
    DY,
    RIDGE,
    RNG,
    G,
    Squares,
    T,
    X,
    Y,
    assert_same,
    differences,
    energy,
    frames,
    target,
)
from scipy.linalg import LinAlgWarning
from sklearn import config_context
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern
from sklearn.model_selection import GridSearchCV, cross_validate
from symkernel import InvariantKernel, InvariantKernelRidge, InvariantKernelRidgeCV, groups
from symkernel.descriptors import InversePairDistances
from symkernel.exceptions import GroupTooLargeError, NotApplicableError
from symkernel.kernels import SetKernel
from symkernel.lie.kernel_models import as_kernel_model


def covariances(A, B, length=1.5):
    """Joint covariances of an RBF kernel averaged over G, element by element."""
    n, m, d = len(A), len(B), A.shape[1]
    total = np.zeros((n, 1 + d, m, 1 + d))
    for g in (element.as_matrix() for element in G.elements()):
        z = (A[:, None] - B @ g.T) / length**2  # of k: -z is the derivative at a, z g that at b
        k = np.exp(-0.5 * length**2 * (z * z).sum(axis=2))
        total[:, 0, :, 0] += k
        total[:, 0, :, 1:] += k[:, :, None] * (z @ g)
        total[:, 1:, :, 0] -= np.einsum("nm,nmi->nim", k, z)
        inner = np.eye(d) / length**2 - z[..., :, None] * z[..., None, :]
        total[:, 1:, :, 1:] += np.einsum("nm,nmij->nimj", k, inner @ g)
    rows = np.r_[np.arange(n) * (1 + d), np.delete(np.arange(n * (1 + d)), np.s_[:: 1 + d])]
    columns = np.r_[np.arange(m) * (1 + d), np.delete(np.arange(m * (1 + d)), np.s_[:: 1 + d])]
    K = total.reshape(n * (1 + d), m * (1 + d)) / G.order
    return K[np.ix_(rows, columns)]  # values first


def process(noise, targets, kept, where=T):
    """Mean, standard deviation and gradient of the Gaussian process that sees `kept` rows."""
    K = covariances(X, X)[np.ix_(kept, kept)] + np.diag(noise)
    cross = covariances(where, X)[:, kept]
    c = np.linalg.solve(K, targets)
    found, n = cross @ c, len(where)
    variance = covariances(where, where).diagonal()[:n].copy()
    variance -= (cross[:n] * np.linalg.solve(K, cross[:n].T).T).sum(axis=1)
    return found[:n], np.sqrt(variance), found[n:].reshape(where.shape)


# ---- the Gaussian process ----------------------------------------------------------------------


def test_equals_the_gaussian_process_of_values_and_gradients():
    model = InvariantKernelRidge(1e-3, **RIDGE).fit(X, Y, gradient=DY)
    both = np.r_[Y, DY.ravel()]
    assert_same(model, process(np.full(45, 1e-3), both, np.arange(45)))
    assert model.dual_coef_.shape == (45,)
    K = covariances(X, X) + 1e-3 * np.eye(45)
    np.testing.assert_allclose(model.dual_coef_, np.linalg.solve(K, both), atol=1e-7)


@pytest.mark.parametrize("gradient_alpha", [None, 1e-5, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_ridges_and_weights_of_both_kinds(gradient_alpha, weighted):
    w = RNG.uniform(0.5, 2.0, 9) if weighted else np.ones(9)
    model = InvariantKernelRidge(1e-3, gradient_alpha=gradient_alpha, **RIDGE)
    model.fit(X, Y, sample_weight=w if weighted else None, gradient=DY)
    second = gradient_alpha or 1e-3
    noise = np.r_[1e-3 / w, np.repeat(second / w, 4)]
    assert_same(model, process(noise, np.r_[Y, DY.ravel()], np.arange(45)))


def test_what_was_not_observed_is_left_out():
    y, dy = Y.copy(), DY.copy()
    y[[1, 2]], dy[[2, 4, 5]] = np.nan, np.nan
    model = InvariantKernelRidge(1e-3, **RIDGE).fit(X, y, gradient=dy)
    both = np.r_[y, dy.ravel()]
    kept = np.flatnonzero(~np.isnan(both))
    want = process(np.full(len(kept), 1e-3), both[kept], kept)
    assert_same(model, want)
    # sample 2 has neither, and may as well be absent
    rest = np.delete(np.arange(9), 2)
    fewer = InvariantKernelRidge(1e-3, **RIDGE).fit(X[rest], y[rest], gradient=dy[rest])
    assert_same(fewer, want)


def test_gradients_alone():
    model = InvariantKernelRidge(1e-3, normalize_y=True, **RIDGE).fit(X, gradient=DY)
    assert model.intercept_ == 0.0
    kept = np.arange(9, 45)
    want = process(np.full(36, 1e-3), DY.ravel(), kept)
    assert_same(model, want)
    nowhere = np.full(9, np.nan)
    assert_same(InvariantKernelRidge(1e-3, **RIDGE).fit(X, nowhere, gradient=DY), want)


def test_values_alone_are_an_ordinary_fit():
    plain = InvariantKernelRidge(1e-3, **RIDGE).fit(X, Y)
    got = InvariantKernelRidge(1e-3, **RIDGE).fit(X, Y, gradient=np.full_like(DY, np.nan))
    want = plain.predict(T, return_std=True, return_gradient=True)
    assert_same(got, want)
    assert_same(got, process(np.full(9, 1e-3), Y, np.arange(9)))


def test_the_constant_is_the_weighted_mean_of_the_values():
    y, w = Y + 50.0, RNG.uniform(0.5, 2.0, 9)
    y[3] = np.nan
    model = InvariantKernelRidge(1e-3, normalize_y=True, **RIDGE)
    model.fit(X, y, sample_weight=w, gradient=DY)
    seen = np.delete(np.arange(9), 3)
    assert model.intercept_ == pytest.approx(np.average(y[seen], weights=w[seen]), rel=1e-14)
    centred = InvariantKernelRidge(1e-3, **RIDGE)
    centred.fit(X, y - model.intercept_, sample_weight=w, gradient=DY)
    np.testing.assert_allclose(model.predict(T), centred.predict(T) + model.intercept_, rtol=1e-12)
    with pytest.warns(UserWarning, match="dwarfs its standard deviation"):
        InvariantKernelRidge(1e-3, **RIDGE).fit(X, y + 1e4, gradient=DY)


def test_gradients_help():
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(30, 4)), rng.normal(size=(200, 4))
    (y, dy), (want, slope) = target(X), target(T)
    with_gradients = InvariantKernelRidge(1e-8, **RIDGE).fit(X, y, gradient=dy)
    without = InvariantKernelRidge(1e-8, **RIDGE).fit(X, y)
    errors = [np.abs(m.predict(T) - want).mean() for m in (with_gradients, without)]
    assert errors[0] < 0.3 * errors[1]
    slopes = [m.predict(T, return_gradient=True)[1] for m in (with_gradients, without)]
    assert np.abs(slopes[0] - slope).mean() < 0.5 * np.abs(slopes[1] - slope).mean()


# ---- the gradient is one, and moves with the group ---------------------------------------------


@pytest.mark.parametrize("name", ["cyclic", "D3d on points", "S3 x C5", "sign_flips", "graph"])
@pytest.mark.parametrize("base", [RBF(1.7), Matern(1.3, nu=1.5), Matern(1.9, nu=2.5)])
def test_laws(name, base):
    group = GROUPS[name]
    A = samples(group, 7)
    y, dy = RNG.normal(size=7), RNG.normal(size=A.shape)
    model = InvariantKernelRidge(1e-2, kernel=base, group=group).fit(A, y, gradient=dy)
    Z = samples(group, 6, seed=9)[4:]
    value, gradient = model.predict(Z, return_gradient=True)
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(differences(model.predict, Z), gradient, atol=1e-7 * scale)
    for g in group.sample(4, random_state=2):
        moved = model.predict(g.apply(Z), return_gradient=True)
        np.testing.assert_allclose(moved[0], value, atol=1e-11 * np.abs(model.dual_coef_).sum())
        np.testing.assert_allclose(
            moved[1], g.apply(gradient), atol=1e-11 * np.abs(model.dual_coef_).sum()
        )


PLAIN = {
    "group": InvariantKernelRidge(0.1, **RIDGE),
    "no group": InvariantKernelRidge(0.1, gamma=0.3),
    "no group, kernel object": InvariantKernelRidge(0.1, kernel=Matern(1.2, nu=2.5)),
    "rotations": InvariantKernelRidge(0.1, group=groups.O(4)),
    "normalize": InvariantKernelRidge(0.1, kernel=InvariantKernel(RBF(), G, normalize=True)),
    "dot product": InvariantKernelRidge(0.1, kernel=DotProduct(0.5)),
    "constant": InvariantKernelRidge(0.1, normalize_y=True, **RIDGE),
    "search": InvariantKernelRidgeCV([0.1, 1.0], [0.3], group="cyclic"),
}


@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("targets", [1, 3])
def test_models_of_values_have_gradients_too(name, targets):
    model = clone(PLAIN[name])
    y = Y if targets == 1 else RNG.normal(size=(9, 3))
    model.fit(X, y)
    mean, gradient = model.predict(T, return_gradient=True)
    np.testing.assert_array_equal(mean, model.predict(T))
    assert gradient.shape == ((5, 4) if targets == 1 else (5, 3, 4))
    np.testing.assert_allclose(differences(model.predict, T), gradient, atol=1e-9)


def test_shapes_are_those_of_the_samples():
    group = groups.Symmetric(3).along(0, (3, 2))
    A = RNG.normal(size=(6, 3, 2))
    y, dy = np.sin(A).sum(axis=(1, 2)), np.cos(A)
    model = InvariantKernelRidge(1e-2, kernel=RBF(), group=group).fit(A, y, gradient=dy)
    flat = InvariantKernelRidge(1e-2, kernel=RBF(), group=group)
    flat.fit(A.reshape(6, 6), y, gradient=dy.reshape(6, 6))
    np.testing.assert_array_equal(model.dual_coef_, flat.dual_coef_)
    gradient = model.predict(A, return_gradient=True)[1]
    assert gradient.shape == (6, 3, 2)
    np.testing.assert_array_equal(
        flat.predict(A.reshape(6, 6), return_gradient=True)[1], gradient.reshape(6, 6)
    )
    mixed = InvariantKernelRidge(1e-2, kernel=RBF(), group=group)
    mixed.fit(A.reshape(6, 6), y, gradient=dy)  # of the shape that the group has
    np.testing.assert_array_equal(mixed.dual_coef_, model.dual_coef_)
    frame = pd.DataFrame(A.reshape(6, 6), columns=list("abcdef"))
    named = InvariantKernelRidge(1e-2, kernel=RBF(), group=group)
    named.fit(frame, y, gradient=pd.DataFrame(dy.reshape(6, 6)))
    assert named.predict(frame, return_gradient=True)[1].shape == (6, 6)
    plain = InvariantKernelRidge(1e-2, kernel=RBF(), group=group).fit(A, y)
    assert plain.predict(A, return_gradient=True)[1].shape == (6, 3, 2)


def test_columns_in_any_order():
    """Gradients follow the columns of the frame they belong to, in fit and in predict."""
    group = groups.Symmetric(2).on(["a", "b"])
    frame, slopes = (pd.DataFrame(part[:, :3], columns=list("abc")) for part in (X, DY))
    model = InvariantKernelRidge(1e-3, kernel=RBF(1.5), group=group)
    want = model.fit(frame, Y, gradient=slopes).predict(frame, return_gradient=True)
    got = model.predict(frame[["c", "b", "a"]], return_gradient=True)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1][:, [2, 1, 0]])
    again = clone(model).fit(frame, Y, gradient=slopes[["b", "c", "a"]])
    np.testing.assert_array_equal(again.dual_coef_, model.dual_coef_)
    plain = clone(model).fit(frame, Y)
    gradient = plain.predict(frame, return_gradient=True)[1]
    turned = plain.predict(frame[["c", "b", "a"]], return_gradient=True)[1]
    np.testing.assert_array_equal(turned, gradient[:, [2, 1, 0]])


def test_samples_too_far_apart():
    for model in (InvariantKernelRidge(**RIDGE), InvariantKernelRidge(kernel=RBF(1e-90))):
        far = X * 1e80 if model.group is not None else X
        with pytest.raises(ValueError, match="length scales, whose squares overflow"):
            model.fit(far, Y, gradient=DY)
    with pytest.raises(ValueError, match="squares overflow"):
        learnt().predict(T * 1e90)


def test_coefficients_may_be_replaced():
    model = learnt()
    before = model.predict(T)
    model.dual_coef_ = 2.0 * model.dual_coef_
    np.testing.assert_allclose(model.predict(T), 2.0 * before, rtol=1e-12)


def test_no_group_is_the_trivial_one():
    model = InvariantKernelRidge(1e-2, gamma=0.3).fit(X, Y, gradient=DY)
    trivial = InvariantKernelRidge(1e-2, gamma=0.3, group="trivial").fit(X, Y, gradient=DY)
    np.testing.assert_array_equal(model.dual_coef_, trivial.dual_coef_)
    assert model.group_ == groups.Trivial(4) and model.plan().exact


# ---- odd data ----------------------------------------------------------------------------------


def test_one_sample():
    model = InvariantKernelRidge(1e-10, kernel=RBF(2.0)).fit(X[:1], Y[:1], gradient=DY[:1])
    value, gradient = model.predict(X[:1], return_gradient=True)
    np.testing.assert_allclose(value, Y[:1], rtol=1e-8)
    np.testing.assert_allclose(gradient, DY[:1], rtol=1e-8)


@pytest.mark.parametrize("base", [RBF(1.5), Matern(1.5, nu=1.5)])
def test_repeated_samples(base):
    """Twice the same sample is one of weight two; without a ridge least squares take over."""
    twice = np.r_[np.arange(9), 0, 0]
    weights = np.ones(9)
    weights[0] = 3.0
    one = InvariantKernelRidge(1e-3, kernel=base, group=G)
    one.fit(X, Y, sample_weight=weights, gradient=DY)
    more = InvariantKernelRidge(1e-3, kernel=base, group=G)
    more.fit(X[twice], Y[twice], gradient=DY[twice])
    for got, want in zip(
        more.predict(T, return_std=True, return_gradient=True),
        one.predict(T, return_std=True, return_gradient=True),
        strict=True,
    ):
        np.testing.assert_allclose(got, want, atol=1e-8)
    with pytest.warns(LinAlgWarning, match="zero up to rounding|indefinite"):
        singular = InvariantKernelRidge(0.0, kernel=base, group=G)
        singular.fit(X[twice], Y[twice], gradient=DY[twice])
    np.testing.assert_allclose(singular.predict(X), Y, atol=1e-5)


def test_a_sample_that_the_group_fixes():
    """Its gradient is fixed too: what was observed across is noise."""
    fixed = np.ones((1, 4))
    model = InvariantKernelRidge(1e-6, **RIDGE).fit(fixed, [1.0], gradient=[[1.0, 0, 0, 0]])
    gradient = model.predict(fixed, return_gradient=True)[1]
    np.testing.assert_allclose(gradient, 0.25, rtol=1e-4)


def test_float32_is_computed_in_float64():
    single, slopes = X.astype(np.float32), DY.astype(np.float32)
    model = InvariantKernelRidge(1e-9, **RIDGE).fit(single, Y.astype(np.float32), gradient=slopes)
    wide = InvariantKernelRidge(1e-9, **RIDGE)
    wide.fit(single.astype(float), Y.astype(np.float32).astype(float), gradient=slopes)
    np.testing.assert_array_equal(model.dual_coef_, wide.dual_coef_)
    assert {a.dtype for a in model.predict(single, return_gradient=True)} == {np.dtype(float)}


# ---- scikit-learn's tools ----------------------------------------------------------------------


def learnt(**words):
    return InvariantKernelRidge(1e-3, **RIDGE, **words).fit(X, Y, gradient=DY)


@pytest.mark.parametrize("std", [False, True])
def test_pickle_and_copies(std):
    model = InvariantKernelRidge(1e-5, descriptor=InversePairDistances(5), kernel=RBF(2.0))
    R = frames(6)
    model.fit(R, energy(R)[0], gradient=energy(R)[1])
    want = model.predict(R, return_std=std, return_gradient=True)
    model.predict(R, return_std=True)
    assert model._fitted.factor is not None
    text = pickle.dumps(model)
    assert len(text) < 20_000  # without the factor, and directions
    for again in (pickle.loads(text), copy.deepcopy(model)):
        for one, other in zip(
            again.predict(R, return_std=std, return_gradient=True), want, strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-11)
    assert repr(clone(model)) == repr(model) and not hasattr(clone(model), "dual_coef_")


def test_a_fit_without_gradients_forgets_them():
    model = learnt()
    model.fit(X, Y)
    plain = InvariantKernelRidge(1e-3, **RIDGE).fit(X, Y)
    for one, other in zip(
        model.predict(T, return_std=True, return_gradient=True),
        plain.predict(T, return_std=True, return_gradient=True),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    model.set_params(descriptor=Squares(), alpha=5.0)  # takes effect in the next fit
    np.testing.assert_array_equal(model.predict(T), plain.predict(T))


def test_searches_and_cross_validation():
    space = {"alpha": [1e-6, 1e3]}
    search = GridSearchCV(InvariantKernelRidge(**RIDGE), space, cv=3)
    found = search.fit(X, Y, gradient=DY)
    assert found.best_params_ == {"alpha": 1e-6}
    assert found.best_estimator_.dual_coef_.shape == (45,)
    np.testing.assert_allclose(
        found.predict(T), InvariantKernelRidge(1e-6, **RIDGE).fit(X, Y, gradient=DY).predict(T)
    )
    kept = cross_validate(
        InvariantKernelRidge(1e-6, **RIDGE),
        X,
        Y,
        cv=3,
        params={"gradient": DY, "sample_weight": np.ones(9)},
        return_estimator=True,
    )
    assert all(m.dual_coef_.shape == (30,) for m in kept["estimator"])


def test_gradients_are_routed():
    with config_context(enable_metadata_routing=True):
        model = InvariantKernelRidge(1e-6, **RIDGE)
        model.set_fit_request(gradient=True, sample_weight=False)
        search = GridSearchCV(model, {"alpha": [1e-6, 1e3]}, cv=3).fit(X, Y, gradient=DY)
        assert search.best_params_ == {"alpha": 1e-6}
        assert search.best_estimator_.dual_coef_.shape == (45,)
        kept = cross_validate(model, X, Y, cv=3, params={"gradient": DY}, return_estimator=True)
        assert all(m.dual_coef_.shape == (30,) for m in kept["estimator"])
        with pytest.raises(ValueError, match="gradient"):
            cross_validate(InvariantKernelRidge(1e-6, **RIDGE), X, Y, cv=3, params={"gradient": DY})


def test_symmetry_discovery_does_not_mistake_it_for_a_sum_of_kernels():
    assert as_kernel_model(learnt(), 4) is None
    described = InvariantKernelRidge(kernel=RBF(), descriptor=Squares()).fit(X, Y)
    assert as_kernel_model(described, 4) is None
    assert as_kernel_model(InvariantKernelRidge(**RIDGE).fit(X, Y), 4) is not None


# ---- what is refused ---------------------------------------------------------------------------


def test_targets_or_gradients_are_required():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        InvariantKernelRidge(**RIDGE).fit(X)
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        InvariantKernelRidge(descriptor=Squares()).fit(X)
    nowhere = np.full_like(DY, np.nan)
    for y in (None, nowhere[:, 0]):
        with pytest.raises(ValueError, match="NaN everywhere: there is nothing to fit"):
            InvariantKernelRidge(**RIDGE).fit(X, y, gradient=nowhere)
    with pytest.raises(ValueError, match="NaN"):  # without gradients every target is needed
        InvariantKernelRidge(**RIDGE).fit(X, nowhere[:, 0])


def test_bad_gradients():
    model = InvariantKernelRidge(**RIDGE)
    partly = DY.copy()
    partly[3, 1:] = np.nan
    for gradient, reason in [
        (partly, "gradient of sample 3 is NaN in 3 of 4 features"),
        (DY[:, :3], r"gradient must have the shape of X, \(9, 4\).*got shape \(9, 3\)"),
        (DY[:8], "got shape"),
        (DY.ravel(), "got shape"),
        (np.where(DY > 0, np.inf, DY), "gradient contains infinity"),
    ]:
        with pytest.raises(ValueError, match=reason):
            model.fit(X, Y, gradient=gradient)
    with pytest.raises(ValueError, match="gradient must be real"):
        model.fit(X, Y, gradient=DY.astype(complex))
    for y, reason in [
        (np.column_stack([Y, Y]), r"y must have shape \(9,\) where gradients are fitted"),
        (Y[:5], "got shape"),
        (np.where(Y > 0, np.inf, Y), "y contains infinity"),
    ]:
        with pytest.raises(ValueError, match=reason):
            model.fit(X, y, gradient=DY)


def test_ridges_that_do_not_fit():
    for alpha, second, reason in [
        ([1.0, 2.0], None, "alpha must be one number where gradients are fitted, got 2"),
        (1.0, [1.0, 2.0], "gradient_alpha must be one number"),
        (1.0, 0.0, "alpha=1 and gradient_alpha=0 must both be positive, or both 0"),
        (0.0, 1.0, "must both be positive"),
        (1.0, -1.0, "gradient_alpha"),
    ]:
        with pytest.raises(ValueError, match=reason):
            InvariantKernelRidge(alpha, gradient_alpha=second, **RIDGE).fit(X, Y, gradient=DY)
    zero = InvariantKernelRidge(1.0, gradient_alpha=2.0, **RIDGE)
    with pytest.raises(ValueError, match="sample_weight is zero for every sample"):
        zero.fit(X, Y, sample_weight=np.zeros(9), gradient=DY)


REFUSED = {
    "Matern 1/2": ({"kernel": Matern(nu=0.5), "group": G}, "no second derivatives"),
    "laplacian": ({"kernel": "laplacian"}, "no second derivatives"),
    "chi2": ({"kernel": "chi2"}, "gradient observations needs a kernel with derivatives"),
    "precomputed": ({"kernel": "precomputed"}, "need samples that are rows of features"),
    "sets": ({"kernel": SetKernel(RBF())}, "need samples that are rows of features"),
    "rotations": ({"group": groups.SO(4)}, "turns samples continuously"),
    "cuda": ({"group": G, "device": "cuda"}, "computed on the host"),
    "callable": ({"kernel": lambda x, y: 1.0}, "needs a kernel with derivatives"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_kernels_and_groups_that_are_refused(name):
    words, reason = REFUSED[name]
    with pytest.raises(NotApplicableError, match=reason):
        InvariantKernelRidge(**words).fit(X, Y, gradient=DY)


def test_large_groups_are_refused():
    A = RNG.normal(size=(3, 9))
    with pytest.raises(GroupTooLargeError, match="gradient observations"):
        InvariantKernelRidge(group="symmetric").fit(A, A[:, 0], gradient=A)


def test_predictions_without_gradients_say_so():
    for kernel in ("chi2", "sigmoid"):
        model = InvariantKernelRidge(kernel=kernel).fit(np.abs(X), Y)
        with pytest.raises(NotApplicableError, match="return_gradient=True needs a kernel"):
            model.predict(np.abs(T), return_gradient=True)
    sets = InvariantKernelRidge(kernel=SetKernel(RBF())).fit([X[:3], X[3:5], X[5:]], Y[:3])
    with pytest.raises(NotApplicableError, match=r"kernel_\.gradient_x"):
        sets.predict([X[:2]], return_gradient=True)
    with pytest.raises(ValueError, match="NaN"):
        learnt().predict(T * np.nan)
    with pytest.raises(ValueError, match="3 features"):
        learnt().predict(T[:, :3])
