"""Refusals name the argument, what was expected, what came, and the way out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_approximation import Nystroem
from symkernel import (
    Canonicalizer,
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    MaxFilter,
    groups,
    orbit_distance,
    spectral,
)
from symkernel.backends import memory
from symkernel.cli import main
from symkernel.diagnostics import Augmented, Symmetrized, SymmetrizedClassifier
from symkernel.expressions import evaluate
from symkernel.kernels import ArcCosine, Laplacian, Polynomial, VonMises
from symkernel.lie import EnforcedRegressor, SymmetryPromotingRegressor
from symkernel.spectral import HeatKernel, SobolevKernel, Sphere

X = np.random.default_rng(0).normal(size=(12, 4))
Y = np.arange(12) % 3
CYCLIC = groups.Cyclic(4)
KERNELS = (InvariantKernelRidge, InvariantKernelRidgeCV, InvariantKernelClassifier)
GROUPED = (*KERNELS, Canonicalizer, MaxFilter, spectral.SpectralRegressor)


def refused(error, *words):
    return pytest.raises(error, match=".*".join(words))


def averaged(kernel, **options):
    return InvariantKernel(kernel, CYCLIC, **options)(X)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: averaged(RBF(1e-300)), ValueError, ["length_scale", "too small", "overflow"]),
        (
            lambda: InvariantKernel(RBF(), groups.Graph(3))(np.eye(3)),
            ValueError,
            [r"X must have shape \(n, 3, 3\) for Graph\(3\)", r"one sample is X\[None\]"],
        ),
        (
            lambda: InvariantKernelRidge(group=groups.Graph(3)).fit(np.eye(3), np.ones(3)),
            ValueError,
            [r"X must have shape \(n, 3, 3\)", r"one sample is X\[None\]"],
        ),
        (lambda: InvariantKernel(RBF(), CYCLIC)(X[0]), ValueError, [r"one sample is X\[None\]$"]),
        (
            lambda: InvariantKernel(RBF(), CYCLIC).plan(m=9),
            ValueError,
            [r"n must be .* got None: plan\(m=9\) lacks"],
        ),
        (lambda: groups.SpaceGroup("Pnma"), TypeError, ["1 to 230, or its matrices, got 'Pnma'"]),
        (lambda: groups.Cyclic(2).on(slice(0, 2)), TypeError, [r"list\(range\(start, stop\)\)"]),
        (
            lambda: groups.Cyclic(2).on(np.array([True, True])),
            TypeError,
            [r"np.flatnonzero\(mask\) has the positions"],
        ),
        (lambda: averaged(RBF("1")), TypeError, ["length_scale must be a number, got '1'"]),
        (lambda: averaged(Polynomial(None)), TypeError, ["degree must be a number, got None"]),
        (lambda: Polynomial(None)(X), TypeError, ["degree must be a number, got None"]),
        (lambda: Polynomial(2.5)(X), ValueError, ["degree must be a non-negative integer"]),
        (lambda: Polynomial(400)(X), ValueError, ["degree=400 is too large", "1e", "scale"]),
        (lambda: averaged(Polynomial(400)), ValueError, ["degree=400 is too large"]),
        (lambda: averaged(RBF(), normalize="no"), TypeError, ["normalize must be True or False"]),
        (lambda: Laplacian("2")(X), TypeError, ["gamma must be a number, got '2'"]),
        (lambda: VonMises(-1.0)(X), ValueError, ["kappa must be positive and finite, got -1.0"]),
        (lambda: ArcCosine(7)(X), ValueError, ["order"]),
        (
            lambda: HeatKernel(Sphere(4), "1")(X / np.linalg.norm(X, axis=1, keepdims=True)),
            TypeError,
            ["time must be a number, got '1'"],
        ),
        (
            lambda: SobolevKernel(Sphere(4), 3.0, np.nan).diag(X),
            ValueError,
            ["length_scale must be positive and finite, got nan"],
        ),
    ],
)
def test_parameters_of_kernels(call, error, words):
    with refused(error, *words):
        call()


@pytest.mark.parametrize("n_jobs", ["2", 2.0, True])
def test_n_jobs(n_jobs):
    kernel = InvariantKernel(RBF(), CYCLIC)
    calls = (
        lambda: kernel.gram(X, n_jobs=n_jobs),
        lambda: kernel.matvec(X, X, Y, n_jobs=n_jobs),
        lambda: kernel.gradient_x(X, X, Y, n_jobs=n_jobs),
        lambda: orbit_distance(X, group=CYCLIC, n_jobs=n_jobs),
        lambda: InvariantKernelRidge(n_jobs=n_jobs).fit(X, Y),
        lambda: Canonicalizer("cyclic", n_jobs=n_jobs).fit(X),
        lambda: MaxFilter(group="cyclic", n_jobs=n_jobs).fit(X),
    )
    for call in calls:
        with refused(TypeError, "n_jobs must be an integer or None, got"):
            call()


@pytest.mark.parametrize("model", GROUPED, ids=lambda m: m.__name__)
def test_samples_that_are_no_numbers(model):
    group = {"group": "cyclic"}
    for bad, words in (
        (csr_array(X), ["X is sparse", "toarray"]),
        (np.ma.masked_array(X, X > 1), ["X is a masked array", "filled"]),
        (X.astype("datetime64[s]"), ["X must hold numbers, got dates"]),
        (X.astype(int).astype(str), ["X must hold numbers, got text"]),
        (X.astype(int).astype(str).astype(object), ["X must hold numbers, got '"]),
        (np.zeros(12, [("a", float)]), ["X must hold numbers, got records", "'a'"]),
        ([[1.0, 2.0], [3.0]] * 6, ["X must hold samples of one shape", "precomputed"]),
        (
            [np.zeros((n, 3)) for n in (2, 3)] * 6,
            ["one shape, got the shapes", "2, 3", "precomputed"],
        ),
    ):
        with refused((TypeError, ValueError), *words):
            model(**group).fit(bad, Y)


class Lazy:
    """What a Dask array looks like from outside."""

    shape, ndim, dtype = X.shape, 2, X.dtype

    def __dask_graph__(self):
        return {}

    def __array__(self, *args, **kwargs):
        raise AssertionError("gathered without a word")


def test_dask_arrays_are_not_gathered_silently():
    models = (*(model(group="cyclic") for model in GROUPED), Symmetrized(None, CYCLIC))
    for model in models:
        with refused(TypeError, "X is a Dask array", r"X\.compute\(\)", "map_blocks"):
            model.fit(Lazy(), Y)
    with refused(TypeError, "X is a Dask array"):
        InvariantKernelRidge().fit(X, Y).predict(Lazy())


@pytest.mark.parametrize(
    "model",
    [
        InvariantKernelRidge(),
        InvariantKernelRidge(group="cyclic"),
        InvariantKernelRidgeCV(group="cyclic"),
        spectral.SpectralRegressor(),
        EnforcedRegressor(),
        SymmetryPromotingRegressor(),
    ],
    ids=lambda m: type(m).__name__,
)
def test_targets_of_regressors(model):
    for bad, words in (
        (np.array(list("abcabcabcabc")), ["y must hold numbers, got text"]),
        (Y.astype(str), ["y must hold numbers, got text"]),
        (np.ma.masked_array(Y, Y == 1), ["y is a masked array"]),
        (Y.astype("timedelta64[s]"), ["y must hold numbers, got dates or times"]),
        (Y * 1j, ["y must be real, got complex"]),
    ):
        with refused((TypeError, ValueError), *words):
            model.fit(X, bad)


@pytest.mark.parametrize(
    "model", [InvariantKernelClassifier(), spectral.SpectralClassifier()], ids=lambda m: str(m)
)
def test_labels_of_classifiers(model):
    with refused(TypeError, "y must hold labels of one kind, got text and numbers"):
        model.fit(X, [1, "a", 2] * 4)
    with refused(TypeError, "y is a masked array"):
        model.fit(X, np.ma.masked_array(Y, Y == 1))
    model.fit(X, np.array(["a", "b", "c"])[Y])


@pytest.mark.parametrize("model", KERNELS, ids=lambda m: m.__name__)
def test_words_about_the_kernel(model):
    with refused(ValueError, "kernel='precomputed'", r"InvariantKernel\(base, group\)\(X\)"):
        model(kernel="precomputed", group="cyclic").fit(X @ X.T, Y)
    clouds = np.zeros((12, 5, 3))
    with refused(ValueError, r"Symmetric\(5\)\.along\(0, \(5, 3\)\)"):
        model(group="symmetric").fit(clouds, Y)
    with refused(ValueError, r"Symmetric\(5\)\.along\(0, \(5, 3\)\)"):
        model(group=groups.Symmetric(5)).fit(clouds, Y)
    clouds[3, 4:] = np.nan  # a set of four points, padded
    with refused(ValueError, "X contains NaN", "sets of unequal size", "precomputed"):
        model(group=groups.Symmetric(5).along(0, (5, 3))).fit(clouds, Y)


def test_one_wording_for_gamma():
    for gamma in (0, -1, np.inf):
        for model in (InvariantKernelRidge, InvariantKernelClassifier):
            with refused(ValueError, f"gamma must be positive and finite, got {gamma}"):
                model(gamma=gamma, group="cyclic").fit(X, Y)
        with refused(ValueError, f"gamma must be positive and finite, got {gamma}"):
            Laplacian(gamma)(X)
    InvariantKernelRidge(gamma=0).fit(X, Y)  # as KernelRidge takes it


@pytest.mark.parametrize("alpha", ["1", True, None])
def test_alpha_is_a_number(alpha):
    for model in (
        InvariantKernelRidge(alpha),
        InvariantKernelClassifier(alpha),
        spectral.SpectralRegressor(alpha=alpha, max_level=1),
        EnforcedRegressor(alpha=alpha),
    ):
        with refused((TypeError, ValueError), "alpha must be a number", f"got {alpha!r}"):
            model.fit(X, Y)


def test_vectors_of_a_product():
    k = InvariantKernel(RBF(), CYCLIC)
    with refused(ValueError, r"V must have shape \(12,\) or \(12, c\), got \(12, 1, 1\)"):
        k.matvec(X, X, np.ones((12, 1, 1)))
    with refused(TypeError, "V must hold numbers, got text"):
        k.matvec(X, X, np.array(list("abcabcabcabc")))


def test_too_many_samples_name_what_serves(monkeypatch):
    kernel = InvariantKernel(RBF(), CYCLIC)
    exact = Nystroem(kernel=kernel, n_components=12, random_state=0).fit_transform(X)
    np.testing.assert_allclose(exact @ exact.T, kernel(X), atol=1e-10)
    monkeypatch.setattr(memory, "available_bytes", lambda: 10)
    for call in (
        lambda: kernel.gram(X),
        lambda: kernel.gram_packed(X),
        lambda: InvariantKernelRidgeCV(group="cyclic", solver="cholesky").fit(X, Y),
        lambda: InvariantKernelRidge(group="cyclic", solver="cholesky").fit(X, Y),
    ):
        with refused(MemoryError, "nystroem"):
            call()


def test_groups_given_as_templates():
    for given in ("symmetric", groups.Symmetric(4)):
        with refused((TypeError, ValueError), "templates", r"MaxFilter\(group="):
            MaxFilter(given).fit(X)


def test_command_line_takes_kernels_by_name(capsys):
    assert main(["plan", "--kernel", "rbf", "--group", "symmetric", "--features", "4"]) == 0
    assert "per pair" in capsys.readouterr().out
    assert main(["plan", "--kernel", "gauss", "--group", "Symmetric(4)"]) != 0
    assert "unknown name 'gauss'" in capsys.readouterr().err


def test_memory_within_an_expression_is_not_depth(monkeypatch):
    def full(n):
        raise MemoryError

    monkeypatch.setitem(evaluate.__globals__["_NAMES"], "Cyclic", full)
    with refused(ValueError, "Cyclic: not enough memory"):
        evaluate("Cyclic(4)")
    for deep in ("(" * 5000 + ")" * 5000, "-" * 50_000 + "1"):
        with refused(ValueError, "nested too deeply"):
            evaluate(deep)


@pytest.mark.parametrize(
    "model", [Augmented, Symmetrized, SymmetrizedClassifier], ids=lambda m: m.__name__
)
def test_estimators_draw_once_in_fit(model):
    assert model(None, CYCLIC).random_state is None


def test_what_is_drawn_in_fit_is_kept():
    model = Symmetrized(InvariantKernelRidge(), groups.SO(4), n_random=3).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    first = model.predict(X)
    assert not np.array_equal(model.fit(X, Y).predict(X), first)
    filters = MaxFilter().fit(X)
    np.testing.assert_array_equal(filters.transform(X), filters.transform(X))
