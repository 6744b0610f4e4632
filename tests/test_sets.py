"""Kernels between sets of unequal size: against a loop over pairs, and through scikit-learn."""

import itertools
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import SVC
from symkernel import (
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    Ragged,
    groups,
)
from symkernel.kernels import Laplacian, SetKernel, set_blocks

PARTS = {
    "rbf": RBF(1.3),
    "laplacian": Laplacian(0.4),
    "under a group": InvariantKernel(Matern(1.5, nu=2.5), groups.Cyclic(3)),
    "called": RBF(1.0) + RBF(3.0),
}


def slow(part, A, B, reduction="sum", normalize=False):
    """Sums over pairs of points of one kind, one pair of sets at a time."""

    def total(A, i, B, j):
        a, b = A.points[A.offsets[i] : A.offsets[i + 1]], B.points[B.offsets[j] : B.offsets[j + 1]]
        if not len(a) or not len(b):
            return 0.0
        K = np.asarray(part(a, b), np.float64)
        if A.labels is not None:
            left = A.labels[A.offsets[i] : A.offsets[i + 1]]
            right = B.labels[B.offsets[j] : B.offsets[j + 1]]
            K = K * (left[:, None] == right)
        return K.sum() / (len(a) * len(b) if reduction == "mean" else 1)

    K = np.array([[total(A, i, B, j) for j in range(len(B))] for i in range(len(A))])
    if normalize:
        norms = [[total(Z, i, Z, i) for i in range(len(Z))] for Z in (A, B)]
        left, right = ([1 / np.sqrt(v) if v > 0 else 0.0 for v in norm] for norm in norms)
        K = K * np.outer(left, right)
    return K.reshape(len(A), len(B))


def some(sizes, seed=0, labels=None, dtype=np.float64, scale=1.0):
    rng = np.random.default_rng(seed)
    points = (scale * rng.standard_normal((sum(sizes), 3))).astype(dtype)
    kinds = None if labels is None else rng.choice(labels, size=sum(sizes))
    return Ragged(points, np.concatenate([[0], np.cumsum(sizes)]), kinds)


@pytest.fixture(params=[5, 7, 512], ids="blocks of {}".format)
def small_blocks(request, monkeypatch):
    monkeypatch.setattr(set_blocks, "_BLOCK_POINTS", request.param)
    monkeypatch.setattr(set_blocks, "_DIAGONAL_POINTS", request.param)


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("labels", [None, [1, 6, 8], ["H", "O"]], ids=["plain", "numbers", "text"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.usefixtures("small_blocks")
def test_values_equal_a_loop_over_pairs(part, labels, reduction, normalize):
    A = some([3, 0, 1, 12, 5, 1], 0, labels)
    B = some([1, 0, 0, 17, 2], 1, labels)
    k = SetKernel(part, reduction=reduction, normalize=normalize)
    np.testing.assert_allclose(
        k(A, B), slow(part, A, B, reduction, normalize), rtol=1e-12, atol=1e-13
    )
    K = k(A)
    np.testing.assert_allclose(K, slow(part, A, A, reduction, normalize), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_allclose(k.diag(A), np.diagonal(K), rtol=1e-12)
    assert np.linalg.eigvalsh(K).min() > -1e-12 * max(1.0, K.max())
    V = np.random.default_rng(2).standard_normal((len(B), 2))
    np.testing.assert_allclose(k.matvec(A, B, V), k(A, B) @ V, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(k.matvec(A, None, V[[0] * len(A)]), K @ V[[0] * len(A)], atol=1e-12)
    kept = k.prepare(B)
    np.testing.assert_array_equal(k.gram(A, kept), k(A, B))


@pytest.mark.parametrize("labels", [None, [1, 6, 8]])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.usefixtures("small_blocks")
def test_gradients_equal_differences(labels, normalize, reduction):
    A = some([3, 0, 1, 12, 5], 0, labels)
    k = SetKernel(
        InvariantKernel(Matern([1.0, 1.0, 1.0], nu=2.5), groups.Cyclic(3)), reduction, normalize
    )
    K, gradient = k(A, eval_gradient=True)
    np.testing.assert_allclose(K, k(A), rtol=1e-12)
    assert gradient.shape == (5, 5, k.n_dims) == (5, 5, 1)
    h = 1e-5
    up, down = (k.clone_with_theta(k.theta + s * h)(A) for s in (1, -1))
    np.testing.assert_allclose(gradient[..., 0], (up - down) / (2 * h), atol=1e-8)
    if normalize:
        with pytest.raises(ValueError, match="normalize=False"):
            k.gradient_x(A, A, np.ones(5))
        return
    B, w = some([2, 0, 9], 3, labels), np.array([0.3, 1.0, -0.7])
    slopes = k.gradient_x(A, B, w)
    for at, axis in itertools.product(range(0, 21, 4), range(3)):
        values = []
        for s in (1, -1):
            moved = A.points.copy()
            moved[at, axis] += s * h
            values.append(k.matvec(Ragged(moved, A.offsets, A.labels), B, w).sum())
        assert abs(slopes[at, axis] - (values[0] - values[1]) / (2 * h)) < 1e-8


def test_a_plain_kernel_has_gradients_for_both_parameters():
    A = some([3, 4, 2])
    k = SetKernel(ConstantKernel(2.0) * RBF(1.5))
    K, gradient = k(A, eval_gradient=True)
    np.testing.assert_allclose(gradient[..., 0], K, rtol=1e-12)  # log of the constant
    assert [h.name for h in k.hyperparameters] == [
        "part__k1__constant_value",
        "part__k2__length_scale",
    ]
    with pytest.raises(TypeError, match="native kernel of points"):
        k.gradient_x(A, A, np.ones(3))


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e6])
def test_scales(scale):
    A = some([4, 2, 6], scale=scale)
    part = RBF(2.0 * scale)
    np.testing.assert_allclose(SetKernel(part)(A), slow(part, A, A), rtol=1e-10)


def test_single_precision_stays_single():
    A, B = some([40, 3, 0, 11], dtype=np.float32), some([5, 30], 1, dtype=np.float32)
    k = SetKernel(RBF(1.0), normalize=True)
    K = k(A, B)
    assert K.dtype == k.diag(A).dtype == k(A).dtype == np.float32
    assert k.matvec(A, B, np.ones(2)).dtype == np.float32
    np.testing.assert_allclose(K, slow(RBF(1.0), A, B, normalize=True), rtol=1e-5)
    assert k(A, some([5, 30], 1)).dtype == np.float64


def test_kinds_that_never_match_give_zero():
    A, B = some([2, 3], 0, ["H"]), some([4], 1, ["O"])
    for normalize in (False, True):
        np.testing.assert_array_equal(SetKernel(RBF(), normalize=normalize)(A, B), np.zeros((2, 1)))


def test_empty_sets():
    A = Ragged(np.empty((0, 3)), [0, 0, 0])
    for k in (SetKernel(RBF()), SetKernel(RBF(), "mean", normalize=True)):
        np.testing.assert_array_equal(k(A), np.zeros((2, 2)))
        np.testing.assert_array_equal(k.diag(A), np.zeros(2))
        np.testing.assert_array_equal(k(some([3]), A), np.zeros((1, 2)))
    assert k(some([3])[:0], some([2])).shape == (0, 1)


def test_order_of_points_and_the_group_do_not_matter():
    A = some([5, 2, 7], 0, [1, 2])
    rng = np.random.default_rng(0)
    rows = np.concatenate(
        [a + rng.permutation(b - a) for a, b in itertools.pairwise(A.offsets.tolist())]
    )
    turned = np.roll(A.points[rows], 1, axis=1)
    moved = Ragged(turned, A.offsets, A.labels[rows])
    k = SetKernel(InvariantKernel(RBF(0.8), groups.Cyclic(3)))
    np.testing.assert_allclose(k(moved), k(A), rtol=1e-12)
    np.testing.assert_allclose(k(moved, A), k(A), rtol=1e-12)


# ---- the container -------------------------------------------------------------------------------


def test_indexing_is_that_of_an_array_of_sets():
    A = some([3, 0, 4, 1], 0, [1, 2])
    sizes = A.sizes
    for key in (
        slice(1, 3),
        slice(None, None, -1),
        [2, 0, 2],
        np.array([True, False, False, True]),
        np.array([], int),
        [-1],
    ):
        part = A[key]
        wanted = np.arange(4)[key]
        assert part.sizes.tolist() == sizes[wanted].tolist()
        for i, at in enumerate(wanted):
            np.testing.assert_array_equal(part[i], A[int(at)])
        assert part.labels.shape == (len(part.points),)
    np.testing.assert_array_equal(A[-1], A.points[-1:])
    assert [len(points) for points in A] == sizes.tolist()
    with pytest.raises(IndexError):
        A[4]
    with pytest.raises(IndexError):
        A[np.zeros((2, 2), int)]
    objects = np.asarray(A)
    assert objects.dtype == object and objects.shape == (4,) == A.shape
    k = SetKernel(RBF())
    np.testing.assert_array_equal(k(objects), k(A))
    again = pickle.loads(pickle.dumps(A))
    np.testing.assert_array_equal(again.points, A.points)
    assert repr(A) == "<Ragged: 4 sets, 8 points of 3 features, 2 kinds>"


def test_lists_padding_and_equal_sizes_are_the_same_sets():
    A = some([3, 0, 4])
    k = SetKernel(RBF())
    np.testing.assert_array_equal(k(list(A)), k(A))
    padded, mask = np.full((3, 5, 3), np.nan), np.zeros((3, 5), bool)
    for i, points in enumerate(A):
        padded[i, : len(points)], mask[i, : len(points)] = points, True
    np.testing.assert_array_equal(Ragged.from_padded(padded, mask).points, A.points)
    cube = np.random.default_rng(0).standard_normal((4, 5, 3))
    np.testing.assert_array_equal(k(cube), k(list(cube)))


BAD = {
    "text": (lambda: Ragged([["a", "b"]], [0, 1]), TypeError, "points must hold numbers"),
    "NaN": (lambda: Ragged([[np.nan]], [0, 1]), ValueError, "points contains NaN"),
    "a vector": (lambda: Ragged([1.0, 2.0], [0, 2]), ValueError, "points must have shape"),
    "falling": (lambda: Ragged(np.ones((3, 2)), [0, 2, 1, 3]), ValueError, "fall in between"),
    "short": (lambda: Ragged(np.ones((3, 2)), [0, 2]), ValueError, "end with 2"),
    "floats": (lambda: Ragged(np.ones((3, 2)), [0.0, 3.0]), ValueError, "must be integers"),
    "few labels": (lambda: Ragged(np.ones((3, 2)), [0, 3], [1]), ValueError, "one a point"),
    "float labels": (lambda: Ragged(np.ones((1, 2)), [0, 1], [0.5]), TypeError, "integers or text"),
    "widths": (
        lambda: Ragged.from_sets([np.ones((2, 3)), np.ones((2, 4))]),
        ValueError,
        r"X\[1\] must have shape \(n_points, 3\)",
    ),
    "rows": (
        lambda: Ragged.from_sets([np.ones(3)]),
        ValueError,
        r"X\[0\] must have shape \(n_points, n_features\)",
    ),
    "nothing": (lambda: Ragged.from_sets([]), ValueError, "holds no sets"),
    "labels of a set": (
        lambda: Ragged.from_sets([np.ones((2, 3))], [[1]]),
        ValueError,
        r"labels\[0\] must have shape \(2,\)",
    ),
    "labels of few sets": (
        lambda: Ragged.from_sets([np.ones((1, 3))] * 2, [[1]]),
        ValueError,
        "labels must hold 2 sets",
    ),
    "mask": (
        lambda: Ragged.from_padded(np.ones((2, 3, 1)), np.ones((2, 3))),
        ValueError,
        "mask must be boolean",
    ),
    "a matrix": (lambda: SetKernel(RBF())(np.ones((3, 2))), TypeError, "must hold sets of points"),
    "widths of X and Y": (
        lambda: SetKernel(RBF())([np.ones((2, 3))], [np.ones((2, 2))]),
        ValueError,
        "points of 3 features and Y of 2",
    ),
    "labels on one side": (
        lambda: SetKernel(RBF())(some([2], 0, [1]), some([2])),
        ValueError,
        "points of X have labels and those of Y have none",
    ),
    "reduction": (lambda: SetKernel(RBF(), "max")(some([2])), ValueError, "'sum' or 'mean'"),
    "normalize": (lambda: SetKernel(RBF(), normalize=1)(some([2])), TypeError, "normalize"),
    "vectors": (
        lambda: SetKernel(RBF()).matvec(some([2]), some([2, 3]), np.ones(3)),
        ValueError,
        r"V must have shape \(2,\)",
    ),
    "numbers of an array": (lambda: np.asarray(some([2]), float), TypeError, "no numbers"),
    "a group outside": (
        lambda: InvariantKernelRidge(kernel=SetKernel(RBF()), group="cyclic").fit(some([2]), [1.0]),
        ValueError,
        "SetKernel",
    ),
    "a GPU": (
        lambda: InvariantKernelRidge(kernel=SetKernel(RBF()), device="cuda").fit(some([2]), [1.0]),
        ValueError,
        "host only",
    ),
    "a list as points": (
        lambda: Ragged([np.ones((2, 3)), np.ones((1, 3))], [0, 2, 3]),
        TypeError,
        "Ragged.from_sets",
    ),
    "no offsets": (lambda: Ragged(np.ones((2, 3))), TypeError, "Ragged.from_sets"),
    "a name as part": (lambda: SetKernel("rbf")(some([2])), TypeError, "part must be a kernel"),
    "sets of sets": (lambda: SetKernel(SetKernel(RBF()))(some([2])), TypeError, "of vectors"),
    "a group as reduction": (
        lambda: SetKernel(RBF(), groups.Cyclic(3))(some([2])),
        ValueError,
        "a group acts on points within part",
    ),
    "labels of two kinds": (
        lambda: SetKernel(RBF())(some([2], 0, ["H"]), some([2], 0, [1])),
        TypeError,
        "labels of X are text and those of Y integers",
    ),
    "sets for a kernel of vectors": (
        lambda: InvariantKernelRidge(kernel="rbf").fit(some([2, 1]), [1.0, 2.0]),
        TypeError,
        "X holds sets of points, a Ragged: .*SetKernel",
    ),
    "sets for an average": (
        lambda: InvariantKernel(RBF(), groups.Cyclic(3))(some([2, 1])),
        TypeError,
        "X holds sets of points",
    ),
    "short y": (
        lambda: InvariantKernelRidge(kernel=SetKernel(RBF())).fit(some([2, 1]), [1.0]),
        ValueError,
        "inconsistent numbers of samples",
    ),
    "no y": (
        lambda: InvariantKernelRidge(kernel=SetKernel(RBF())).fit(some([2, 1]), None),
        ValueError,
        "requires y",
    ),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_in_words(case):
    call, error, words = case
    with pytest.raises(error, match=words):
        call()


def test_predictions_need_points_of_the_features_seen():
    model = InvariantKernelRidge(kernel=SetKernel(RBF())).fit(some([2, 1]), [1.0, 2.0])
    with pytest.raises(ValueError, match="expecting 3 features"):
        model.predict([np.ones((2, 2))])


def test_vectors_of_unequal_length_are_told_of_this_kernel():
    with pytest.raises(ValueError, match="SetKernel"):
        InvariantKernelRidge().fit([[1.0, 2.0], [1.0]], [1.0, 2.0])


# ---- estimators ----------------------------------------------------------------------------------


def task(n=60, labels=None):
    A = some(np.random.default_rng(5).integers(0, 7, n).tolist(), 6, labels)
    y = np.add.reduceat(
        np.append(np.cos(A.points).sum(axis=1), 0.0), np.minimum(A.offsets[:-1], len(A.points))
    ) * (A.sizes > 0)
    return A, y


@pytest.mark.parametrize("labels", [None, [1, 2]])
def test_ridge_equals_kernel_ridge_on_the_matrix(labels):
    A, y = task(labels=labels)
    X, Z, y_train, y_test = train_test_split(A, y, random_state=0)
    assert isinstance(X, Ragged)
    k = SetKernel(RBF(1.0))
    model = InvariantKernelRidge(alpha=1e-3, kernel=k).fit(X, y_train)
    peer = KernelRidge(alpha=1e-3, kernel="precomputed").fit(k(X), y_train)
    np.testing.assert_allclose(model.predict(Z), peer.predict(k(Z, X)), rtol=1e-9)
    assert model.score(Z, y_test) > 0.9 or labels is not None
    std = model.predict(Z, return_std=True)[1]
    K, c = k(X) + 1e-3 * np.eye(len(X)), k(Z, X)
    wanted = k.diag(Z) - (c * np.linalg.solve(K, c.T).T).sum(axis=1)
    np.testing.assert_allclose(std**2, wanted, atol=1e-9)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(Z), model.predict(Z))
    assert model.n_features_in_ == 3 and clone(model).kernel == k


def test_search_over_alpha_and_length():
    A, y = task()
    model = InvariantKernelRidgeCV(
        alphas=[1e-4], length_scales=[0.1, 1.0, 10.0], kernel=SetKernel(RBF(1.0))
    ).fit(A, y)
    assert model.length_scale_ in (0.1, 1.0, 10.0)
    assert model.kernel_.part.length_scale == model.length_scale_
    assert (
        InvariantKernelRidgeCV(alphas=[1e-4], kernel=SetKernel(RBF(1.0))).fit(A, y).score(A, y)
        > 0.9
    )
    search = GridSearchCV(
        InvariantKernelRidge(kernel=SetKernel(RBF(1.0))),
        {"alpha": [1e-4, 1.0], "kernel__part__length_scale": [1.0, 2.0]},
        cv=3,
    ).fit(A, y)
    assert search.best_params_["alpha"] == 1e-4
    assert search.predict(A).shape == y.shape


def test_classifiers():
    A, _ = task(80)  # what is odd in points needs no constant, which this kernel has none of
    totals = [points.sum() for points in A]
    labels = np.where(np.array(totals) > 0, "high", "low")
    X, Z, l_train, l_test = train_test_split(A, labels, random_state=1)
    k = SetKernel(RBF(3.0))
    model = InvariantKernelClassifier(alpha=1e-2, kernel=k).fit(X, l_train)
    assert model.score(Z, l_test) > 0.7
    found = model.predict_proba(Z)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.classes_[found.argmax(axis=1)], model.predict(Z))
    machine = SVC(kernel=k).fit(X, l_train)
    peer = SVC(kernel="precomputed").fit(k(X), l_train)
    np.testing.assert_array_equal(machine.predict(Z), peer.predict(k(Z, X)))


def test_gaussian_process():
    A, y = task()
    gp = GaussianProcessRegressor(
        ConstantKernel(1.0) * SetKernel(RBF(0.3)) + WhiteKernel(1e-2), normalize_y=True
    ).fit(A[:40], y[:40])
    before = GaussianProcessRegressor(
        ConstantKernel(1.0) * SetKernel(RBF(0.3)) + WhiteKernel(1e-2),
        optimizer=None,
        normalize_y=True,
    ).fit(A[:40], y[:40])
    assert gp.log_marginal_likelihood_value_ > before.log_marginal_likelihood_value_
    mean, std = gp.predict(A[40:], return_std=True)
    assert np.corrcoef(mean, y[40:])[0, 1] > 0.8 and (std > 0).all()


def test_kernels_are_values():
    k = SetKernel(RBF(1.5), "mean", normalize=True)
    assert repr(k) == "SetKernel(RBF(length_scale=1.5), reduction='mean', normalize=True)"
    assert clone(k) == k != SetKernel(RBF(1.5))
    k.theta = np.log([2.0])
    assert k.part.length_scale == pytest.approx(2.0)
    assert k.bounds.shape == (1, 2) and not k.requires_vector_input and not k.is_stationary()
