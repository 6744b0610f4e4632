"""Prepared samples give what arrays give, for every hyperparameter, and are packed once."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from catalog import CASES, GROUPS, samples
from sklearn.gaussian_process.kernels import RBF, Matern
from symkernel import InvariantKernel, InvariantKernelRidge, groups
from symkernel.backends.prepared import Prepared
from symkernel.kernels import ArcCosine, Polynomial, VonMises
from symkernel.kernels.translate import spec_of
from symkernel.plans.planner import make_plan

# Every group once with each of a few kernels of every kind: distance, inner product, unit rows, L1.
PAIRED = [
    case
    for i, case in enumerate(CASES)
    if case.kernel_name in ("rbf", "polynomial", "arc_cosine1", "laplacian", "matern12")
    and (i % 2 == 0 or case.kernel_name == "rbf")
]


def plan_of(case, kernel=None):
    return make_plan(spec_of(kernel or case.kernel, case.group), case.group, "auto")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", PAIRED, ids=str)
def test_prepared_samples_give_what_arrays_give(case, dtype):
    plan = plan_of(case)
    X, Y = samples(case.group, 7, 1, dtype=dtype), samples(case.group, 21, 2, dtype=dtype)
    V = np.random.default_rng(3).standard_normal((21, 2)).astype(dtype)
    W = V[:7]
    x, y = plan.prepare(X), plan.prepare(Y)
    close = {"rtol": 1e-12 if dtype == np.float64 else 1e-5, "atol": 1e-6 * (dtype == np.float32)}
    for _ in range(2):  # the second call finds everything prepared
        np.testing.assert_allclose(plan.gram(X, y), plan.gram(X, Y), **close)
        np.testing.assert_allclose(plan.gram(x, y), plan.gram(X, Y), **close)
        np.testing.assert_allclose(plan.gram(x), plan.gram(X), **close)
        np.testing.assert_allclose(plan.gram_packed(x), plan.gram_packed(X), **close)
        np.testing.assert_allclose(plan.matvec(X, y, V), plan.matvec(X, Y, V), atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(plan.diag(x), plan.diag(X), **close)
        np.testing.assert_allclose(
            plan.gradient_x(X, y, V), plan.gradient_x(X, Y, V), atol=1e-4, rtol=1e-4
        )
        np.testing.assert_allclose(
            plan.gradient_x(x, x, W), plan.gradient_x(X, X, W), atol=1e-4, rtol=1e-4
        )
        K, dK = plan.gradient(x)
        np.testing.assert_allclose(K, plan.gradient(X)[0], **close)
        np.testing.assert_allclose(dK, plan.gradient(X)[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "group",
    [
        groups.Trivial(6),
        groups.Cyclic(24),
        groups.O(3).along(1, (4, 3)),
        groups.Symmetric(3).along(0, (3, 2)),
        groups.PointGroup("Oh").along(1, (2, 3)),
        groups.Translations(2).along(1, (3, 2)) * groups.Cyclic(3).along(0, (3, 2)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["sum", "auto"])
def test_another_length_scale_packs_nothing(group, method):
    if method == "sum" and not group.is_finite and len(group.factors()) == 1:
        method = "closed_form"
    X = samples(group, 30)
    plans = [make_plan(spec_of(RBF(length), group), group, method) for length in (0.5, 1.5, 4.0)]
    assert len({plan.preparation for plan in plans}) == 1
    prepared = plans[0].prepare(X)
    assert isinstance(prepared, Prepared)
    first = plans[0].gram(prepared)
    packings = prepared.packings
    assert packings == 2  # as the left factor and as the right one
    np.testing.assert_allclose(first, plans[0].gram(X), rtol=1e-13, atol=1e-15)
    for plan in plans[1:]:
        np.testing.assert_allclose(plan.gram(prepared), plan.gram(X), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(
            plan.gradient(prepared)[1], plan.gradient(X)[1], rtol=1e-12, atol=1e-14
        )
    assert prepared.packings == packings


def test_far_from_the_origin_prepared_samples_keep_their_digits():
    group = groups.Cyclic(5)
    plan = make_plan(spec_of(RBF(1.0), group), group, "auto")
    X, Y = samples(group, 6, 1) + 1e6, samples(group, 9, 2) + 1e6
    exact = plan.gram(X - 1e6, Y - 1e6)
    np.testing.assert_allclose(plan.gram(X, plan.prepare(Y)), exact, rtol=0, atol=2e-9)
    np.testing.assert_allclose(
        plan.gram(plan.prepare(X), plan.prepare(Y)), exact, rtol=0, atol=2e-9
    )


def test_scales_per_feature_are_part_of_the_preparation():
    group = groups.SignFlips(3)
    one, other = (
        make_plan(spec_of(RBF(scale), group), group, "sum")
        for scale in ([1.0, 2.0, 3.0], [1.0, 2.0, 3.5])
    )
    assert one.preparation != other.preparation


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name", sorted(GROUPS))
def test_kernels_take_kept_samples(name, normalize):
    group = GROUPS[name]
    base = RBF(1.3) if group.is_finite else VonMises(0.9)
    X, Y = samples(group, 5, 1), samples(group, 9, 2)
    w = np.random.default_rng(3).standard_normal(9)
    k = InvariantKernel(base, group, normalize=normalize)
    training = k.prepare(Y)
    close = {"rtol": 1e-11, "atol": 1e-13}
    np.testing.assert_allclose(k(X, training), k(X, Y), **close)
    np.testing.assert_allclose(k(training), k(Y), **close)
    np.testing.assert_allclose(k.matvec(X, training, w), k.matvec(X, Y, w), **close)
    np.testing.assert_allclose(k.matvec(training, None, w), k.matvec(Y, None, w), **close)
    gradient = k.gradient_x(X, training, w)
    np.testing.assert_allclose(gradient, k.gradient_x(X, Y, w), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(k(training, Y), k(Y, Y), **close)
    other = k.clone_with_theta(k.theta - 0.5)
    np.testing.assert_allclose(other(X, training), other(X, Y), **close)


@pytest.mark.parametrize(
    "group",
    [
        groups.E(3).along(1, (4, 3)) * groups.Symmetric(4).along(0, (4, 3)),
        groups.SO(3).along(1, (4, 3)),
        groups.O(4),
        groups.Symmetric(5),
        groups.SignFlips(4),
    ],
    ids=repr,
)
@pytest.mark.parametrize("base", [RBF(0.7), Matern(1.5, nu=2.5)], ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_closed_forms_keep_samples(group, base, dtype):
    X, Y = samples(group, 3, 1, dtype=dtype), samples(group, 8, 2, dtype=dtype)
    w = np.random.default_rng(3).standard_normal(8).astype(dtype)
    k = InvariantKernel(base, group)
    training = k.prepare(Y)
    close = {"rtol": 1e-10, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-4, "atol": 1e-5}
    for kernel in (k, k.clone_with_theta(k.theta + 1.0)):
        assert kernel(X, training).dtype == dtype
        np.testing.assert_allclose(kernel(X, training), kernel(X, Y), **close)
        np.testing.assert_allclose(kernel.matvec(X, training, w), kernel.matvec(X, Y, w), **close)
        gradient = kernel.gradient_x(X, training, w)
        np.testing.assert_allclose(gradient, kernel.gradient_x(X, Y, w), rtol=1e-4, atol=1e-4)
    K, dK = k(training, eval_gradient=True)
    np.testing.assert_allclose(K, k(Y), **close)
    np.testing.assert_allclose(dK, k(Y, eval_gradient=True)[1], **close)


def test_kept_samples_of_another_width_are_refused():
    k = InvariantKernel(RBF(), groups.Cyclic(3))
    wide = InvariantKernel(RBF(), "cyclic").prepare(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"X has 4 features; Cyclic\(3\) acts on 3"):
        k(np.ones((2, 4)), k.prepare(np.ones((2, 3))))
    with pytest.raises(ValueError, match=r"X has 4 features; Cyclic\(3\) acts on 3"):
        k(wide)
    with pytest.raises(ValueError, match=r"Y has 4 features; Cyclic\(3\) acts on 3"):
        k(np.ones((2, 3)), wide)


def test_estimators_keep_prepared_samples_and_pickles_leave_them_out():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 6)), rng.standard_normal(40)
    model = InvariantKernelRidge(kernel="rbf", gamma=0.1, group="cyclic").fit(X, y)
    before = pickle.dumps(model)
    first = model.predict(X[:1])
    kept = model._fitted.samples
    packings = kept._ready[1].packings
    np.testing.assert_array_equal(model.predict(X[:1]), first)
    assert model._fitted.samples is kept
    assert kept._ready[1].packings == packings
    assert len(pickle.dumps(model)) == len(before)
    np.testing.assert_allclose(pickle.loads(before).predict(X[:1]), first, rtol=1e-13)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 40, 133])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["trivial", "cyclic", "Oh on points", "p4m", "I", "symmetric"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_a_set_with_itself_take_half_the_pairs(name, threads, columns, n, dtype):
    group = GROUPS[name]
    X = samples(group, n, 5, dtype=dtype)
    V = np.random.default_rng(6).standard_normal((n, columns)).astype(dtype)
    for base in (RBF(1.1), ArcCosine(1)):
        k = InvariantKernel(base, group)
        expected = k(X).astype(np.float64) @ V
        atol = 1e-12 if dtype == np.float64 else 3e-4
        got = k.matvec(X, None, V, n_jobs=threads)
        np.testing.assert_allclose(got, expected, rtol=1e-10 if atol < 1e-9 else 1e-4, atol=atol)
        again = k.matvec(k.prepare(X), None, V, n_jobs=threads)
        np.testing.assert_allclose(again, expected, rtol=1e-10 if atol < 1e-9 else 1e-4, atol=atol)
        one = k.matvec(X[:1], X, V, n_jobs=threads)
        np.testing.assert_allclose(
            one, expected[:1], rtol=1e-10 if atol < 1e-9 else 1e-4, atol=atol
        )


def test_moments_of_rotations_predict_with_what_fit_has_kept():
    X = np.random.default_rng(0).standard_normal((12, 6))
    k = InvariantKernel(Polynomial(3), groups.SO(3).along(1, (2, 3)))
    model = InvariantKernelRidge(kernel=k).fit(X, X[:, 0])
    assert model.plan().method == "closed_form"
    np.testing.assert_allclose(model.predict(X[:5]), k(X[:5], X) @ model.dual_coef_, rtol=1e-12)
