"""Groups on some columns of a table: bound by position or by name, averaged by parts."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, RationalQuadratic, WhiteKernel
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from symkernel import (
    Canonicalizer,
    GroupScaler,
    InvariantKernel,
    InvariantKernelClassifier,
    InvariantKernelRidge,
    InvariantKernelRidgeCV,
    MaxFilter,
    align,
    diagnostics,
    groups,
    lie,
    orbit_distance,
    spectral,
    suggest_length_scale,
    theory,
)
from symkernel.canonical import canonical_form
from symkernel.cli import main
from symkernel.exceptions import NotApplicableError
from symkernel.expressions import evaluate
from symkernel.kernels import ArcCosine, Laplacian, Polynomial, PowerExponential
from symkernel.plans.rotation_rules import rotation_rule

pandas = pytest.importorskip("pandas")

ALIKE = [f"a{i}" for i in range(1, 7)]
LIKE_COLUMNS = groups.Symmetric(6).on(ALIKE)


def table(n=60, seed=0):
    """Six concentrations in no order, a temperature and a pressure, and what comes of them."""
    rng = np.random.default_rng(seed)
    frame = pandas.DataFrame(rng.normal(size=(n, 6)), columns=ALIKE)
    frame.insert(2, "temperature", rng.normal(size=n))
    frame["pressure"] = rng.normal(size=n)
    y = np.sin(frame[ALIKE].to_numpy()).sum(axis=1) * (1.0 + 0.5 * frame["temperature"].to_numpy())
    return frame, y


def permuted(frame, seed=1):
    """The values of the like columns of every row in another order."""
    rng = np.random.default_rng(seed)
    values = rng.permuted(frame[ALIKE].to_numpy(), axis=1)
    return frame.assign(**{name: values[:, i] for i, name in enumerate(ALIKE)})


# ---- a table of like columns beside others ------------------------------------------------------

MODELS = {
    "ridge": InvariantKernelRidge(alpha=1e-3, kernel="rbf", gamma=0.1, group=LIKE_COLUMNS),
    "matern": InvariantKernelRidge(kernel=Matern(3.0, nu=2.5), group=LIKE_COLUMNS),
    "kernel": InvariantKernelRidge(kernel=InvariantKernel(RBF(2.0), LIKE_COLUMNS)),
    "cv": InvariantKernelRidgeCV(alphas=[1e-3, 1e-1], gammas=[0.05, 0.2], group=LIKE_COLUMNS),
}


@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")
@pytest.mark.parametrize("name", MODELS)
def test_one_estimator_for_like_columns_and_others(name):
    frame, y = table()
    model = clone(MODELS[name]).fit(frame, y)
    test, _ = table(20, 1)
    predicted = model.predict(test)
    assert np.abs(model.predict(permuted(test)) - predicted).max() < 1e-12 * np.abs(predicted).max()
    for column in ("temperature", "pressure"):
        changed = model.predict(test.assign(**{column: test[column] + 1.0}))
        assert np.abs(changed - predicted).max() > 1e-3
    assert repr(model.group_) == "Symmetric(6).on([0, 1, 3, 4, 5, 6], 8)"
    # the same as positions, and as a brute-force average
    places = groups.Symmetric(6).on([0, 1, 3, 4, 5, 6])
    again = clone(MODELS[name])
    if name == "kernel":
        again = again.set_params(kernel__group=places)
    else:
        again = again.set_params(group=places)
    np.testing.assert_allclose(again.fit(frame.to_numpy(), y).predict(test.to_numpy()), predicted)


def test_the_average_of_the_table_is_that_of_720_permutations():
    frame, y = table(30)
    model = InvariantKernelRidge(kernel=RBF(1.5), group=LIKE_COLUMNS).fit(frame, y)
    X = frame.to_numpy()
    G = groups.Symmetric(6)
    K = np.zeros((30, 30))
    for g in G.elements():
        Z = X.copy()
        Z[:, [0, 1, 3, 4, 5, 6]] = g.apply(X[:, [0, 1, 3, 4, 5, 6]])
        K += RBF(1.5)(X, Z) / 720
    np.testing.assert_allclose(model.kernel_(X), K, atol=1e-14)


def test_frames_in_another_order_are_matched_by_name():
    frame, y = table()
    test, _ = table(20, 1)
    model = InvariantKernelRidge(gamma=0.1, kernel="rbf", group=LIKE_COLUMNS).fit(frame, y)
    other = InvariantKernelRidge(gamma=0.1, kernel="rbf", group=LIKE_COLUMNS)
    other.fit(frame[frame.columns[::-1]], y)
    predicted = model.predict(test)
    np.testing.assert_allclose(model.predict(test[test.columns[::-1]]), predicted, rtol=1e-14)
    np.testing.assert_allclose(other.predict(test), predicted, rtol=1e-10)
    assert repr(other.group_) == "Symmetric(6).on([7, 6, 4, 3, 2, 1], 8)"
    with pytest.raises(ValueError, match="feature names"):
        model.predict(test.rename(columns={"a1": "b1"}))
    with pytest.raises(ValueError, match="feature"):
        model.predict(test.drop(columns="pressure"))
    by_place = InvariantKernelRidge(group=groups.Symmetric(2).on([0, 1])).fit(frame, y)
    with pytest.raises(ValueError, match="same order"):  # scikit-learn's own rule
        by_place.predict(test[test.columns[::-1]])


def test_everything_that_takes_a_group_takes_columns():
    frame, y = table()
    labels = (y > 0).astype(int)
    mixed = permuted(frame)
    classifier = InvariantKernelClassifier(gamma=0.1, kernel="rbf", group=LIKE_COLUMNS)
    classifier.fit(frame, labels)
    np.testing.assert_allclose(classifier.predict_proba(mixed), classifier.predict_proba(frame))
    forms = Canonicalizer(LIKE_COLUMNS).fit(frame)
    np.testing.assert_array_equal(forms.transform(mixed), forms.transform(frame))
    np.testing.assert_array_equal(forms.transform(frame)[:, [2, 7]], frame.to_numpy()[:, [2, 7]])
    scaler = GroupScaler(LIKE_COLUMNS).fit(frame)
    assert len(np.unique(scaler.scale_[[0, 1, 3, 4, 5, 6]])) == 1 and len(set(scaler.scale_)) == 3
    features = MaxFilter(group=LIKE_COLUMNS, n_templates=5, random_state=0).fit(frame)
    np.testing.assert_allclose(features.transform(mixed), features.transform(frame), atol=1e-12)
    assert suggest_length_scale(mixed, LIKE_COLUMNS) == pytest.approx(
        suggest_length_scale(frame, LIKE_COLUMNS)
    )
    fixed = diagnostics.Symmetrized(Ridge(), LIKE_COLUMNS).fit(frame, y)
    np.testing.assert_allclose(fixed.predict(mixed), fixed.predict(frame), atol=1e-12)
    sure = diagnostics.SymmetrizedClassifier(LogisticRegression(), LIKE_COLUMNS)
    sure.fit(frame, labels)
    np.testing.assert_allclose(sure.predict_proba(mixed), sure.predict_proba(frame), atol=1e-12)
    diagnostics.Augmented(Ridge(), LIKE_COLUMNS, random_state=0).fit(frame, y)
    report = diagnostics.invariance_report(
        lambda X: X[ALIKE].sum(axis=1), frame, group=LIKE_COLUMNS
    )
    assert report.std < 1e-12
    diagnostics.assert_invariant(lambda X: X["temperature"], frame, group=LIKE_COLUMNS)
    tested = diagnostics.invariance_test(frame, group=LIKE_COLUMNS, n_resamples=19, random_state=0)
    assert 0 < tested.pvalue <= 1
    basis = spectral.InvariantBasis("polynomials", LIKE_COLUMNS, max_level=2).fit(frame)
    np.testing.assert_allclose(basis.transform(mixed), basis.transform(frame), atol=1e-10)


def test_models_that_are_diagnosed_are_given_frames_where_frames_came_in():
    """Names of columns reach models that choose columns by them, and no warning is left out."""
    frame, y = table(12)
    labels = (y > 0).astype(int)
    by_name = make_column_transformer(
        (StandardScaler(), ["a1", "pressure"]), remainder="passthrough"
    )
    model = make_pipeline(by_name, Ridge()).fit(frame, y)
    report = diagnostics.invariance_report(model, frame, group=LIKE_COLUMNS, random_state=0)
    X = frame.to_numpy()
    plain = diagnostics.invariance_report(
        lambda rows: model.predict(pandas.DataFrame(rows, columns=frame.columns)),
        X,
        group=PLACES,
        random_state=0,
    )
    assert report.std == plain.std > 0
    for fitted in (
        diagnostics.Symmetrized(make_pipeline(clone(by_name), Ridge()), LIKE_COLUMNS),
        diagnostics.Symmetrized(model, LIKE_COLUMNS),
        diagnostics.Augmented(make_pipeline(clone(by_name), Ridge()), LIKE_COLUMNS),
    ):
        if fitted.estimator is not model:
            fitted = clone(fitted).set_params(random_state=0).fit(frame, y)
        assert fitted.predict(frame).shape == (12,)
        assert pickle.loads(pickle.dumps(fitted)).predict(frame[:3]).shape == (3,)
    chosen = make_pipeline(clone(by_name), LogisticRegression())
    sure = diagnostics.SymmetrizedClassifier(chosen, LIKE_COLUMNS, random_state=0)
    assert sure.fit(frame, labels).predict(frame).shape == (12,)
    drawn = diagnostics.Augmented(chosen, LIKE_COLUMNS, random_state=0).fit(frame, labels)
    assert drawn.predict_proba(frame).shape == (12, 2)
    assert drawn.decision_function(frame).shape == (12,)
    control = diagnostics.Symmetrized(
        model, LIKE_COLUMNS, control=lambda Z: Z["pressure"], n_random=8, random_state=0
    )
    assert control.predict(frame).shape == (12,)
    with pytest.raises(AssertionError, match="not invariant"):
        diagnostics.assert_invariant(lambda Z: Z["a1"], frame, group=LIKE_COLUMNS)
    repairs = diagnostics.compare_repairs(
        make_pipeline(clone(by_name), Ridge()), frame, y, frame, y, group=LIKE_COLUMNS
    )
    assert repairs["symmetrized"].std < repairs["plain"].std
    swapped = frame.set_axis(range(8), axis=1)  # columns that are numbers
    diagnostics.assert_invariant(lambda Z: Z[2], swapped, group=PLACES)


def test_a_gaussian_process_takes_positions():
    frame, y = table(25)
    X = frame.to_numpy()
    places = groups.Symmetric(6).on([0, 1, 3, 4, 5, 6])
    base = RBF(np.full(8, 2.0))
    kernel = InvariantKernel(base, places) + WhiteKernel(1e-2)
    model = GaussianProcessRegressor(kernel).fit(X, y)
    scales = model.kernel_.k1.base.length_scale
    assert len(set(np.round(scales, 12))) == 3  # one for the like columns, two for the others
    mixed = permuted(frame).to_numpy()
    np.testing.assert_allclose(model.predict(mixed), model.predict(X), atol=1e-9)
    for given in (X, frame):  # which scikit-learn hands on without its names
        with pytest.raises(ValueError, match=r"array without names, give positions.*\.on\(\["):
            GaussianProcessRegressor(InvariantKernel(RBF(), LIKE_COLUMNS)).fit(given, y)


# ---- kernels and distances of a data frame itself ----------------------------------------------

PLACES = groups.Symmetric(6).on([0, 1, 3, 4, 5, 6], 8)


@pytest.mark.parametrize("base", [RBF(2.0), RBF([2, 2, 1, 2, 2, 2, 2, 3.0]), Polynomial(2)])
def test_kernels_find_names_in_the_frame_they_are_called_with(base):
    frame, y = table(9)
    turned = frame[frame.columns[::-1]]
    named, placed = InvariantKernel(base, LIKE_COLUMNS), InvariantKernel(base, PLACES)
    K, slope = placed(frame.to_numpy(), eval_gradient=True)
    np.testing.assert_allclose(named(frame), K)
    np.testing.assert_allclose(named(frame, turned), K, rtol=1e-12)  # columns of Y find those of X
    if np.ndim(getattr(base, "length_scale", 1.0)) == 0:  # scales per feature are by position
        np.testing.assert_allclose(named(turned), K, rtol=1e-12)
    np.testing.assert_allclose(named(frame, eval_gradient=True)[1], slope)
    np.testing.assert_allclose(named.theta, placed.theta)  # as the last call had bound it
    np.testing.assert_allclose(named.diag(frame), placed.diag(frame.to_numpy()))
    kept = named.prepare(frame)
    for X, Y in ((kept, None), (frame, kept), (kept, frame), (kept, kept), (kept, turned)):
        np.testing.assert_allclose(named(X, Y), K, rtol=1e-12)
    np.testing.assert_allclose(named.matvec(frame, turned, y), K @ y)
    with pytest.raises(ValueError, match="in another order"):
        named(turned, kept)
    with pytest.raises(ValueError, match="other columns"):
        named(frame, frame.rename(columns={"pressure": "p"}))
    with pytest.raises(ValueError, match="array without names"):
        named(frame.to_numpy())


def test_plans_of_named_columns():
    frame, y = table(9)
    named = InvariantKernel(RBF(2.0), LIKE_COLUMNS)
    for asked in (named.plan, lambda: named.plan(8), lambda: named.plan(n=10)):
        with pytest.raises(ValueError, match=r"no data frame to find them in.* kernel_ is bound"):
            asked()
    named(frame)
    assert (
        named.plan().method == named.plan(8).method == InvariantKernel(RBF(), PLACES).plan().method
    )
    assert named.plan(n=10).estimate.gram == 800
    assert pickle.loads(pickle.dumps(named))(frame).shape == (9, 9)
    fitted = InvariantKernelRidge(kernel=named).fit(frame, y)
    assert fitted.kernel_.plan().method == named.plan().method


def test_distances_bind_columns():
    frame, _ = table(6)
    X = frame.to_numpy()
    expected = orbit_distance(X, group=PLACES)
    turned = frame[frame.columns[::-1]]
    unbound = groups.Symmetric(6).on([0, 1, 3, 4, 5, 6])
    np.testing.assert_array_equal(orbit_distance(X, group=unbound), expected)
    np.testing.assert_array_equal(orbit_distance(frame, group=LIKE_COLUMNS), expected)
    np.testing.assert_allclose(
        orbit_distance(frame, turned, group=LIKE_COLUMNS), expected, atol=1e-14
    )
    assert align(frame, permuted(frame), group=LIKE_COLUMNS).distance.max() < 1e-12
    with pytest.raises(ValueError, match=r'no names: .*set_output\(transform="pandas"\)'):
        orbit_distance(X, group=LIKE_COLUMNS)


def test_what_a_group_on_unknown_columns_can_tell():
    unbound = groups.Symmetric(3).on([0, 1, 2]) * groups.SO(2).on([3, -1])
    assert unbound.order == np.inf and LIKE_COLUMNS.order == 720
    assert copy.copy(unbound) is unbound and not hasattr(unbound, "degree")
    for name in ("sample", "elements", "along", "degree"):
        with pytest.raises(
            AttributeError, match="not bound to a table yet: give n_features as the"
        ):
            getattr(unbound, name)
        with pytest.raises(
            AttributeError, match="not bound to a table yet: give positions and n_f"
        ):
            getattr(LIKE_COLUMNS, name)
    with pytest.raises(AttributeError, match=r"no attribute 'size'$"):
        unbound.size  # noqa: B018
    for door in (canonical_form, diagnostics.orbit_grid, lie.Algebra.from_group):
        with pytest.raises(TypeError, match="not bound to a table yet: give n_features"):
            door(unbound)


def test_copies_and_words():
    G = LIKE_COLUMNS * groups.Cyclic(2).on(["p", "q"])
    assert (
        repr(G)
        == "Symmetric(6).on(['a1', 'a2', 'a3', 'a4', 'a5', 'a6']) * Cyclic(2).on(['p', 'q'])"
    )
    assert pickle.loads(pickle.dumps(G)) == G and copy.deepcopy(G) is G
    assert hash(pickle.loads(pickle.dumps(G))) == hash(G) and G != LIKE_COLUMNS
    model = InvariantKernelRidge().set_params(group=G)
    assert clone(model).group is G and clone(model).get_params()["group"] == G
    bound = groups.SO(2).on([-1, 0], 3)
    assert repr(bound) == "SO(2).on([2, 0], 3)"
    assert pickle.loads(pickle.dumps(bound)) == bound
    product = bound * groups.SignFlips(1).on([1], 3)
    assert product == evaluate(repr(product)) and product.dim == 1
    assert groups.Symmetric(2).on([1, 0], 2).on([3, 5], 7) == groups.Symmetric(2).on([3, 5], 7)
    assert groups.Symmetric(2).on([0, 1], 3) == groups.Young("aab")
    assert groups.Symmetric(2).on([0, 1]) * groups.Cyclic(2).on([2, 3], 4) == (
        groups.Symmetric(2).on([0, 1], 4) * groups.Cyclic(2).on([2, 3], 4)
    )
    frame, y = table(20)
    fitted = InvariantKernelRidge(gamma=0.1, kernel="rbf", group=LIKE_COLUMNS).fit(frame, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(frame), fitted.predict(frame))


S2, C2 = groups.Symmetric(2), groups.Cyclic(2)
BAD = {
    "overlap": (lambda: S2.on([0, 1], 3) * C2.on([1, 2], 3), "both act on column 1"),
    "overlap by name": (lambda: S2.on(["a", "b"]) * C2.on(["b", "c"]), "'b' comes twice"),
    "twice": (lambda: S2.on([1, 1], 3), "1 comes twice"),
    "twice from the end": (lambda: S2.on([0, -3], 3), "0 and -3 are both column 0 of 3"),
    "beyond": (lambda: S2.on([0, 3], 3), "column 3 is out of range for 3 features"),
    "before": (lambda: S2.on([0, -4], 3), "column -4 is out of range"),
    "too few": (lambda: groups.Symmetric(3).on([0, 1]), r"acts on 3 features, and columns has 2"),
    "none": (lambda: S2.on([]), "at least one column"),
    "sizes": (lambda: S2.on([0, 1], 3) * C2.on([2, 3], 4), "same features"),
    "unbound sizes": (lambda: S2.on(["a", "b"], 3) * C2.on([2, 3], 4), "same features"),
    "whole": (lambda: S2.on([0, 1]) * groups.Symmetric(3), r"with \.on\(columns\)"),
    "before whole": (lambda: groups.Symmetric(3) * S2.on([0, 1]), r"with \.on\(columns\)"),
    "angles": (
        lambda: groups.Torus(1).on([0], 3) * groups.SO(2).on([1, 2], 3),
        "one kind of features",
    ),
    "unknown": (
        lambda: InvariantKernelRidge(group=S2.on(["a1", "b"])).fit(*table(5)),
        "X has no column 'b', which .* acts on; its columns are 'a1', 'a2', 'temperature'",
    ),
    "no names": (
        lambda: InvariantKernelRidge(group=S2.on(["a", "b"])).fit(np.zeros((3, 2)), np.ones(3)),
        "names its columns, and X has no names",
    ),
    "width": (
        lambda: InvariantKernelRidge(group=S2.on(["a1", "a2"], 7)).fit(*table(5)),
        "X has 8 features; .* acts on 7",
    ),
    "narrow": (
        lambda: InvariantKernel(RBF(), S2.on([0, 4]))(np.zeros((2, 3))),
        "column 4 is out of range for 3 features",
    ),
    "name twice": (
        lambda: S2.on(["a", "b"]).bind(3, ["a", "b", "a"]),
        "2 columns of the name 'a'",
    ),
    "plan": (lambda: InvariantKernel(RBF(), S2.on([0, 1])).plan(), "bound to samples"),
    "scales": (
        lambda: InvariantKernel(RBF([1.0, 2.0, 3.0]), S2.on([0, 1]))(np.zeros((2, 3))),
        "constant on the features that",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    make, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("columns", ["ab", 3, [0.5, 1], [True, False], None, [("a", "b"), "c"]])
def test_columns_are_positions_or_names(columns):
    with pytest.raises(TypeError, match="columns must be"):
        S2.on(columns)


# ---- averages by parts -------------------------------------------------------------------------

# Infinite groups, and their elements at equal weights: exact to the degree of the rule.
INFINITE = {
    "about z": groups.SO(2).on([0, 1], 3),
    "plane and order": groups.O(2).on([4, 1], 5) * groups.Symmetric(2).on([0, 3], 5),
    "space and ring": groups.SO(3).on([0, 2, 4], 7) * groups.Cyclic(3).on([1, 3, 5], 7),
    "two turns": groups.SO(2).on([0, 1], 5) * groups.SO(3).on([2, 3, 4], 5),
    "pairs about z": groups.SO(2).on([0, 1], 3).along(1, (2, 3)),
}
SMOOTH = {
    "rbf": RBF(1.7),
    "per feature": RBF(),
    "matern52": Matern(1.9, nu=2.5),
    "matern": Matern(2.3, nu=1.8),
    "rational_quadratic": RationalQuadratic(2.0, alpha=1.3),
    "dot_product": DotProduct(0.7),
    "polynomial": Polynomial(3, gamma=0.4, coef0=1.1),
    "homogeneous": Polynomial(4, gamma=0.4, coef0=0.0, coef0_bounds="fixed"),
    "constant": Polynomial(0),
}


def kernel_for(name, group):
    """A kernel; with length scales that the group allows where there is one for each feature."""
    if name != "per feature":
        return SMOOTH[name]
    return RBF(1.0 + 0.3 * group.mixed_features)


def parts_of(group, degree=40):
    """Matrices and weights whose mean is that over the group, by blocks of the columns."""
    (factor,) = group.factors()
    d = factor.group.degree
    matrices, weights = np.eye(d)[None], np.ones(1)
    for part, columns in factor.group.role.parts:
        at = np.array(columns)
        if part.is_finite:
            own = np.stack([g.as_matrix() for g in part.elements()])
            shares = np.full(len(own), 1.0 / len(own))
        else:
            rule = rotation_rule(part.degree, degree, part.role.reflections)
            own, shares = rule.matrices, rule.weights
        turns = np.tile(np.eye(d), (len(own), 1, 1))
        turns[:, at[:, None], at] = own
        matrices = (matrices[:, None] @ turns[None]).reshape(-1, d, d)
        weights = np.multiply.outer(weights, shares).ravel()
    return matrices, weights


def brute_force(kernel, group, X, Y):
    """Mean over rules for every part, one element at a time."""
    matrices, weights = parts_of(group, 16)
    if len(matrices) > 40_000:
        matrices, weights = parts_of(group, 10)
    points = Y.reshape(len(Y), -1, matrices.shape[1])
    total = np.zeros((len(X), len(Y)))
    for matrix, weight in zip(matrices, weights, strict=True):
        total += weight * kernel(X, (points @ matrix.T).reshape(Y.shape))
    return total


def near(group, n, seed):
    """Samples near the origin, where rules of low degree have converged; one is 0, one repeats."""
    X = 0.3 * np.random.default_rng(seed).standard_normal((n, group.degree))
    X[1], X[2] = 0.0, X[0]
    return X


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("group", INFINITE)
def test_closed_forms_of_infinite_groups_by_parts(group, name):
    group = INFINITE[group]
    X, Y = near(group, 4, 0), near(group, 3, 1)
    kernel = kernel_for(name, group)
    k = InvariantKernel(kernel, group)
    assert k.plan().method == "closed_form" and k.plan().exact
    K = k(X, Y)
    np.testing.assert_allclose(K, brute_force(kernel, group, X, Y), atol=2e-8, rtol=0)
    moved = np.stack([g.apply(y) for g, y in zip(group.sample(3, 0), Y, strict=True)])
    np.testing.assert_allclose(k(X, moved), K, atol=1e-13 * max(1.0, np.abs(K).max()))
    np.testing.assert_allclose(k.diag(X), np.diag(k(X)), rtol=1e-13)
    V = np.random.default_rng(2).standard_normal((3, 2))
    np.testing.assert_allclose(k.matvec(X, Y, V), K @ V, atol=1e-13)
    single = k(X.astype(np.float32), Y.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, K, rtol=1e-5, atol=1e-6)
    assert k(X[:0], Y).shape == (0, 3) and k(X[:1]).shape == (1, 1)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("group", ["plane and order", "two turns", "pairs about z"])
def test_derivatives_by_parts(group, name):
    group = INFINITE[group]
    X, Y = near(group, 4, 0) + 0.1, near(group, 3, 1)
    k = InvariantKernel(kernel_for(name, group), group)
    K, gradient = k(X, eval_gradient=True)
    np.testing.assert_allclose(K, k(X), rtol=1e-13)
    step = 1e-5
    for i in range(len(k.theta)):
        shift = step * np.eye(len(k.theta))[i]
        up, down = k.clone_with_theta(k.theta + shift), k.clone_with_theta(k.theta - shift)
        slope = (up(X) - down(X)) / (2 * step)
        np.testing.assert_allclose(gradient[:, :, i], slope, atol=2e-8)
    w = np.array([0.3, -1.0, 0.7])
    found = k.gradient_x(X, Y, w)
    steps = step * np.eye(group.degree)
    for i in range(group.degree):
        slope = (k(X + steps[i], Y) - k(X - steps[i], Y)) @ w / (2 * step)
        np.testing.assert_allclose(found[:, i], slope, atol=1e-8)
    own = k.normalize
    try:
        k.normalize = True  # the diagonal's derivatives as well
        found = k.gradient_x(X, Y, w)
        slope = (k(X + steps[0], Y) - k(X - steps[0], Y)) @ w / (2 * step)
        np.testing.assert_allclose(found[:, 0], slope, atol=1e-8)
    finally:
        k.normalize = own


def test_out_of_reach_of_a_sum():
    """10! permutations, rotations of space and plain columns: the product of three averages."""
    G = groups.Symmetric(10).on(range(10), 15) * groups.SO(3).on([10, 11, 12], 15)
    X = np.random.default_rng(0).normal(size=(5, 15))
    K = InvariantKernel(RBF(1.3), G)(X)
    parts = [
        InvariantKernel(RBF(1.3), groups.Symmetric(10))(X[:, :10]),
        InvariantKernel(RBF(1.3), groups.SO(3))(X[:, 10:13]),
        RBF(1.3)(X[:, 13:]),
    ]
    np.testing.assert_allclose(K, np.prod(parts, axis=0), rtol=1e-12)


def test_translations_of_some_columns_are_centred_away():
    G = groups.E(3).along(1, (3, 3)).on(range(9), 10)
    X = np.random.default_rng(0).normal(size=(6, 10))
    moved = np.stack([g.apply(x) for g, x in zip(G.sample(6, 0, scale=5.0), X, strict=True)])
    k = InvariantKernel(Matern(2.0, nu=2.5), G)
    np.testing.assert_allclose(k(moved, X), k(X), atol=1e-12)
    cloud = InvariantKernel(RBF(1.5), groups.E(3).along(1, (3, 3)))(X[:, :9])
    np.testing.assert_allclose(
        InvariantKernel(RBF(1.5), G)(X), cloud * RBF(1.5)(X[:, 9:]), rtol=1e-12
    )
    np.testing.assert_allclose(orbit_distance(moved, X, group=G).diagonal(), 0.0, atol=1e-7)
    S = groups.Translations(2).on([0, 2], 4) * groups.SignFlips(1).on([1], 4)
    x = X[:, :4]
    expected = 0.5 * (
        PowerExponential(1.2)(x[:, [1, 3]])
        + PowerExponential(1.2)(x[:, [1, 3]], x[:, [1, 3]] * [-1, 1])
    )
    np.testing.assert_allclose(InvariantKernel(PowerExponential(1.2), S)(x), expected, rtol=1e-12)


def test_columns_far_from_zero_keep_their_digits():
    """A temperature of 300 says nothing about how near two vectors are."""
    G = groups.SO(2).on([0, 1], 4) * groups.Cyclic(2).on([2, 3], 4)
    X = np.random.default_rng(0).normal(size=(5, 4))
    offset = np.array([0.0, 0.0, 3e4, 3e4])
    far = X + offset
    near = X[:1] + 1e-4 * np.arange(1, 6)[:, None]
    for kernel in (Matern(1.0, nu=1.5), RationalQuadratic(1.0, alpha=0.7)):
        k = InvariantKernel(kernel, G)
        assert k.plan().method == "closed_form"
        np.testing.assert_allclose(k(far, near + offset), k(X, near), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:quadrature of degree")
@pytest.mark.parametrize("base", [ArcCosine(1), PowerExponential(2.0, exponent=1.9)])
@pytest.mark.parametrize("group", ["about z", "plane and order", "space and ring", "pairs about z"])
def test_what_is_no_product_is_padded(group, base):
    group = INFINITE[group]
    X = np.random.default_rng(3).normal(size=(4, group.degree))
    k = InvariantKernel(base, group, method="quadrature")
    K = k(X)
    matrices, weights = parts_of(group, 20)
    points = X.reshape(len(X), -1, matrices.shape[1])
    reference = sum(
        w * base(X, (points @ A.T).reshape(X.shape)) for w, A in zip(weights, matrices, strict=True)
    )
    np.testing.assert_allclose(K, reference, atol=max(1e-3, 3 * k.plan().error) * np.abs(K).max())
    with pytest.raises(NotApplicableError, match="rotations of some columns"):
        InvariantKernel(base, INFINITE["two turns"], method="quadrature").plan()
    sampled = InvariantKernel(base, group, method="sample")(X)
    assert np.linalg.eigvalsh(sampled).min() > -1e-10


def test_plain_columns_are_told_in_the_plan(capsys):
    G = "SO(2).on([0, 1], 6) * Cyclic(3).on([2, 3, 4], 6)"
    assert main(["plan", "--kernel", "RBF(1.5)", "--group", G]) == 0
    told = capsys.readouterr().out
    assert "product over 3 blocks of columns" in told and "1 plain column" in told
    assert (
        main(["plan", "--kernel", "rbf", "--group", "Symmetric(2).on([0, 1])", "--features", "4"])
        == 0
    )
    assert "permuted panels" in capsys.readouterr().out
    assert main(["plan", "--kernel", "rbf", "--group", "Symmetric(2).on([0, 1])"]) != 0


def test_alignment_by_parts():
    G = INFINITE["space and ring"]
    X = np.random.default_rng(0).normal(size=(5, 7))
    Y = np.random.default_rng(1).normal(size=(5, 7))
    found = align(X, Y, group=G)
    images = found.element.apply(Y)
    np.testing.assert_allclose(np.linalg.norm(X - images, axis=1), found.distance, rtol=1e-10)
    assert found.method == "columns" and found.exact
    assert all(found.element[i] in G for i in range(5))
    # the vector of space keeps its length alone, the ring has three elements
    radial = np.abs(
        np.linalg.norm(X[:, [0, 2, 4]], axis=1) - np.linalg.norm(Y[:, [0, 2, 4]], axis=1)
    )
    ring = np.min(
        [
            ((X - Y[:, [0, 5, 2, 1, 4, 3, 6]]) ** 2)[:, [1, 3, 5]].sum(axis=1),
            ((X - Y[:, [0, 3, 2, 5, 4, 1, 6]]) ** 2)[:, [1, 3, 5]].sum(axis=1),
            ((X - Y) ** 2)[:, [1, 3, 5]].sum(axis=1),
        ],
        axis=0,
    )
    np.testing.assert_allclose(found.distance**2, radial**2 + ring + (X - Y)[:, 6] ** 2, rtol=1e-9)
    assert np.allclose(orbit_distance(X, Y, group=G).diagonal(), found.distance)


def test_reports_split_turns_of_some_columns():
    G = groups.SO(2).on([0, 1], 3)
    X = np.random.default_rng(0).normal(size=(30, 3))
    report = diagnostics.invariance_report(lambda X: X[:, 0] + X[:, 2] ** 2, X, group=G)
    assert list(report.by_irrep) == ["m=1", "m=2"] and report.by_irrep["m=2"] < 1e-12
    both = groups.SO(2).on([0, 1], 5) * groups.SignFlips(1).on([4], 5)
    X = np.random.default_rng(0).normal(size=(30, 5))
    report = diagnostics.invariance_report(lambda X: X[:, 0] * X[:, 4], X, group=both)
    powers = {name: power for name, power in report.by_irrep.items() if power > 1e-12}
    assert list(powers) == ["m=1 x SignFlips irrep 1 (1 functions)"]
    assert len(diagnostics.orbit_grid(both, 4)) == 2 * len(diagnostics.orbit_grid(groups.SO(2), 4))


def test_counts_of_invariants_and_what_is_not_counted():
    G = groups.Symmetric(3).on([0, 2, 4], 6)
    # power sums of degrees 1, 2, 3 of three features, and three features of degree 1
    series = np.array([1])
    for degree in (1, 2, 3, 1, 1, 1):
        powers = np.zeros(5, int)
        powers[::degree] = 1
        series = np.convolve(series, powers)[:5]
    assert theory.molien_series(G, 4) == tuple(series)
    about_z, sphere = groups.SO(2).on([0, 1], 3), spectral.Sphere(3)
    basis = spectral.InvariantBasis(sphere, about_z, max_level=3)
    assert basis.dimensions.tolist() == [1, 1, 1, 1]  # zonal functions
    with pytest.raises(ValueError, match="volume of the orbits"):
        theory.quotient(sphere, about_z)
    torus, shifts = spectral.Torus(3, 2 * np.pi), groups.Torus(1).on([2], 3)
    counted = theory.invariant_dimension(torus, shifts, max_level=4)
    assert counted == spectral.InvariantBasis(torus, shifts, max_level=4).dimensions.sum()
    with pytest.raises(ValueError, match="volume of the orbits"):
        theory.quotient(torus, shifts)


# ---- symmetries that are found -----------------------------------------------------------------


def test_found_symmetries_of_some_columns_are_groups():
    X = np.random.default_rng(0).normal(size=(400, 4))

    def about_z(X):
        return (X[:, :2] ** 2).sum(axis=1) + X[:, 2] ** 3 + np.sin(X[:, 2] * X[:, 3])

    def slope(X):
        inner = np.cos(X[:, 2] * X[:, 3])
        return np.column_stack(
            [2 * X[:, 0], 2 * X[:, 1], 3 * X[:, 2] ** 2 + X[:, 3] * inner, X[:, 2] * inner]
        )

    found = lie.discover((about_z, slope), X, lie.affine(4), n_bootstrap=0)
    assert found.group() == groups.SO(2).on([0, 1], 4)

    def two(X):
        return (X[:, :2] ** 2).sum(axis=1) * np.cos((X[:, 2:] ** 2).sum(axis=1))

    def two_slope(X):
        r, s = (X[:, :2] ** 2).sum(axis=1), (X[:, 2:] ** 2).sum(axis=1)
        return np.column_stack(
            [2 * X[:, :2] * np.cos(s)[:, None], -2 * X[:, 2:] * (r * np.sin(s))[:, None]]
        )

    found = lie.discover((two, two_slope), X, lie.affine(4), n_bootstrap=0)
    assert found.group() == groups.SO(2).on([0, 1], 4) * groups.SO(2).on([2, 3], 4)
    k = InvariantKernel(RBF(2.0), found.group())
    assert k.plan().method == "closed_form"


def test_a_single_block_of_everything_is_the_group_itself():
    X = np.random.default_rng(0).normal(size=(6, 4))
    for group in (groups.Symmetric(4), groups.Cyclic(4), groups.SO(4), groups.Hyperoctahedral(4)):
        whole = group.on(range(4), 4)
        assert whole == group
        for kernel in (RBF(1.2), Laplacian(0.4), Polynomial(2)):
            if isinstance(kernel, Laplacian) and not group.is_signed_permutation:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                K = InvariantKernel(kernel, whole)(X)
            np.testing.assert_allclose(K, InvariantKernel(kernel, group)(X), rtol=1e-12)


def test_fractional_coordinates_are_no_columns():
    G = groups.SpaceGroup.from_generators([np.eye(3)], [[0.5, 0.0, 0.0]])
    with pytest.raises(ValueError, match=r"modulo 1: it acts on all features"):
        G.on([0, 1, 2], 4)
