"""Broken symmetry: grids, reports, repairs."""

from __future__ import annotations

import numpy as np
import pytest
from catalog import CRYSTALS, EVERY
from scipy.special import eval_legendre
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.svm import SVR
from symkernel import InvariantKernel, InvariantKernelRidge, diagnostics, groups
from symkernel.diagnostics import orbit_values
from symkernel.diagnostics.irrep_power import irrep_powers

O3 = groups.O(3)
CLOUD = groups.O(3).along(1, (4, 3))


def samples(n=30, d=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def legendre(degree):
    """sqrt(2l+1) P_l of the cosine to the z axis: variance 1 over rotations."""
    return lambda X: (
        np.sqrt(2 * degree + 1) * eval_legendre(degree, X[:, 2] / np.linalg.norm(X, axis=1))
    )


def radius(X):
    return np.exp(-np.linalg.norm(X.reshape(len(X), -1), axis=1))


# ---- grids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "degree"),
    [
        *(("0", 1, 0), ("i", 2, 0), ("2", 18, 2), ("2i", 36, 2), ("3", 75, 4), ("3i", 150, 4)),
        *(("T", 12, 2), ("O", 24, 3), ("I", 60, 5)),
    ],
)
def test_named_grids_average_wigner_functions_to_their_degree_and_not_beyond(name, size, degree):
    grid = diagnostics.orbit_grid(O3, name)
    assert len(grid) == size
    assert grid.degree == degree
    assert grid.weights.min() > 0
    assert abs(grid.weights.sum() - 1) < 1e-14
    assert repr(name) in repr(grid) or f"group {name}" in repr(grid)
    u, v = samples(8, seed=1), samples(8, seed=2)
    u, v = (w / np.linalg.norm(w, axis=1, keepdims=True) for w in (u, v))
    images = np.stack([grid.act(k, v) for k in range(size)])
    cosine = np.einsum("ai,gbi->gab", u, images)
    means = [
        np.abs(np.tensordot(grid.weights, eval_legendre(k, cosine), axes=1)).max()
        for k in range(1, degree + 5)
    ]
    assert max(means[:degree], default=0.0) < 1e-12
    assert max(means[degree:]) > 1e-3


def test_xyz_angles_would_be_caught():
    # A product of angles about three different axes is no quadrature: it keeps degree 1.
    grid = diagnostics.orbit_grid(groups.SO(3), "3")
    step = 2 * np.pi / 5 * np.arange(5)
    nodes, weights = np.polynomial.legendre.leggauss(3)

    def about(axis, angle):
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        R = np.eye(3)
        R[[i, j, i, j], [i, j, j, i]] = np.cos(angle), np.cos(angle), -np.sin(angle), np.sin(angle)
        return R

    def mean(order):
        total = np.zeros((3, 3))
        for a in step:
            for c, w in zip(nodes, weights, strict=True):
                for b in step:
                    R = about(order[0], a) @ about(order[1], np.arccos(c)) @ about(order[2], b)
                    total += w / 50 * R
        return np.abs(total).max()

    ours = sum(w * grid.matrix(k, 3) for k, w in enumerate(grid.weights))
    assert np.abs(ours).max() < 1e-14
    assert mean([2, 1, 2]) < 1e-14
    assert mean([0, 1, 2]) > 0.1


@pytest.mark.parametrize("name", EVERY)
def test_grids_of_finite_groups_are_their_elements(name):
    group = EVERY[name]
    if not group.is_finite:
        pytest.skip("a continuous group has no list of elements")
    grid = diagnostics.orbit_grid(group)
    assert len(grid) == group.order
    X = samples(3, group.degree)
    images = np.stack([grid.act(k, X) for k in range(len(grid))])
    expected = np.stack([g.apply(X) for g in group.elements()])
    as_set = [np.array(sorted(map(tuple, np.round(a[:, 0], 9) + 0.0))) for a in (images, expected)]
    np.testing.assert_allclose(as_set[0], as_set[1], atol=1e-8)
    back = np.stack([grid.act(k, images[k], inverse=True) for k in range(len(grid))])
    if name in CRYSTALS:  # coordinates count modulo 1
        back = back - np.rint(back - X)
    np.testing.assert_allclose(back, np.broadcast_to(X, back.shape), atol=1e-12)


def test_grids_refuse_what_they_cannot_do():
    for grid, group, message in (
        ("9", O3, "unknown grid '9'"),
        ("2i", groups.SO(3), "has reflections"),
        ("2", groups.SO(2), "names rotations of space"),
        (3, groups.Cyclic(4), "is taken whole"),
        ("2", groups.Torus(1), "names rotations of space"),
    ):
        with pytest.raises(ValueError, match=message):
            diagnostics.orbit_grid(group, grid)
    with pytest.raises(ValueError, match="has translations"):
        diagnostics.orbit_grid(groups.SE(3))
    with pytest.raises(ValueError, match="either grid or n_random"):
        diagnostics.orbit_grid(O3, "2", n_random=3)
    with pytest.raises(TypeError, match="group must be a Group"):
        diagnostics.orbit_grid("symmetric")
    large = diagnostics.orbit_grid(groups.Symmetric(20), random_state=0)
    assert large.is_random
    assert len(large) == 64


# ---- the report ----------------------------------------------------------------------------------


def test_planted_degrees_come_back_in_size():
    def model(X):
        return radius(X) + 0.3 * legendre(1)(X) + 0.05 * legendre(4)(X)

    report = diagnostics.invariance_report(model, samples(), group=groups.SO(3), grid=8)
    sizes = {name: np.sqrt(power) for name, power in report.by_irrep.items()}
    assert abs(sizes["l=1"] - 0.3) < 1e-10
    assert abs(sizes["l=4"] - 0.05) < 1e-10
    assert max(report.by_irrep["l=2"], report.by_irrep["l=3"]) < 1e-16
    assert not report.too_small
    assert abs(report.std - np.hypot(0.3, 0.05)) < 1e-12
    np.testing.assert_allclose(report.mean, radius(samples()), atol=1e-13)
    small = diagnostics.invariance_report(model, samples(), group=groups.SO(3), grid=4)
    assert small.too_small
    assert "too small" in str(small)
    parity = diagnostics.invariance_report(model, samples(), group=O3, grid=8)
    assert abs(np.sqrt(parity.by_irrep["l=1 odd"]) - 0.3) < 1e-10
    assert abs(np.sqrt(parity.by_irrep["l=4 even"]) - 0.05) < 1e-10


def test_planted_angular_frequencies_come_back_in_size():
    def model(X):
        angle = np.arctan2(X[:, 1], X[:, 0])
        return radius(X) + 0.2 * np.sqrt(2) * np.cos(3 * angle + 0.4)

    for group in (groups.SO(2), groups.O(2)):
        report = diagnostics.invariance_report(model, samples(20, 2), group=group, grid=6)
        assert abs(np.sqrt(report.by_irrep["m=3"]) - 0.2) < 1e-12
        assert not report.too_small


@pytest.mark.parametrize("name", EVERY)
def test_variance_is_split_without_rest_over_every_finite_group(name):
    group = EVERY[name]
    if not group.is_finite:
        pytest.skip("the catalog's continuous groups have grids of their own")
    rng = np.random.default_rng(0)
    A = rng.standard_normal((group.degree, 2))
    X = samples(7, group.degree)
    report = diagnostics.invariance_report(lambda X: np.tanh(X @ A), X, group=group)
    images = np.stack([np.tanh(g.apply(X) @ A) for g in group.elements()])
    np.testing.assert_allclose(report.spread**2, images.var(axis=0).mean(axis=1), atol=1e-13)
    np.testing.assert_allclose(report.mean, images.mean(axis=0), atol=1e-13)
    largest = np.linalg.norm(images - images.mean(axis=0), axis=2).max(axis=0)
    np.testing.assert_allclose(report.largest, largest, atol=1e-12)
    if report.by_irrep:
        assert abs(sum(report.by_irrep.values()) - report.std**2) < 1e-12
        assert report.unresolved < 1e-9


def test_irreps_of_small_groups_have_the_right_sizes():
    for group, sizes in (
        (groups.Symmetric(4), [1, 1, 4, 9, 9]),
        (groups.PointGroup("T"), [1, 2, 9]),  # a conjugate pair counts together
        (groups.PointGroup("I"), [1, 9, 9, 16, 25]),
        (groups.Dihedral(5), [1, 1, 4, 4]),
    ):
        powers = irrep_powers(diagnostics.orbit_grid(group))
        traces = [round(np.trace(p.form) * group.order) for p in powers]
        assert sorted(traces) == sizes
        total = sum(p.form for p in powers) * group.order
        np.testing.assert_allclose(total, np.eye(group.order), atol=1e-12)


def test_report_splits_the_error_and_names_the_worst():
    X = samples(200)
    y = radius(X)

    def model(X):
        return radius(X) + 0.1 + 0.3 * legendre(1)(X)

    report = diagnostics.invariance_report(model, X, group=O3, y=y, X_train=X[:20], random_state=0)
    assert abs(report.averaged_error["rmse"] - 0.1) < 1e-12
    assert report.error["rmse"] > 0.2
    assert abs(report.share_of_error - 0.09 / 0.10) < 1e-9
    assert "it matters" in report.verdict
    low, high = report.std_interval
    assert low - 1e-12 <= report.std <= high + 1e-12
    low, high = report.share_interval
    assert low - 1e-12 <= report.share_of_error <= high + 1e-12
    assert report.spread_by_distance.shape == (4, 2)
    assert (np.diff(report.spread_by_distance[:, 0]) >= 0).all()
    assert -1 <= report.distance_correlation <= 1
    assert report.worst.tolist() == np.argsort(-report.spread, kind="stable")[:5].tolist()
    text = str(report)
    for piece in ("RMSE", "95% interval", "worst samples", "root mean square of the spreads"):
        assert piece in text
    exact = diagnostics.invariance_report(radius, X, group=O3, y=y)
    assert exact.verdict == "invariant up to rounding, as far as degree 4 tells"
    whole = diagnostics.invariance_report(radius, X, group=groups.Cyclic(3))
    assert whole.verdict == "invariant up to rounding"
    one = diagnostics.invariance_report(model, X, group=O3, grid="0")
    assert one.verdict.startswith("not measured")
    slight = diagnostics.invariance_report(
        lambda X: radius(X) + 0.1 + 1e-3 * legendre(1)(X), X, group=O3, y=y
    )
    assert "hardly matters" in slight.verdict


def test_forces_are_turned_back():
    def forces(C):  # of the potential sum |r|^4 / 4, and one that prefers z
        return -C * (C**2).sum(axis=2, keepdims=True)

    def broken(C):
        return forces(C) + np.array([0.0, 0.0, 0.1])

    clouds = samples(10, 12).reshape(10, 4, 3)
    report = diagnostics.invariance_report(forces, clouds, group=CLOUD, output="same")
    assert report.std < 1e-13
    assert report.net_torque < 1e-12
    report = diagnostics.invariance_report(broken, clouds, group=CLOUD, output="same")
    assert abs(report.std - 0.1 / np.sqrt(3)) < 1e-12
    np.testing.assert_allclose(report.mean, forces(clouds), atol=1e-13)
    plain = diagnostics.net_force(broken(clouds))
    assert abs(report.net_force - np.sqrt((plain**2).sum(axis=1).mean())) < 1e-12


def test_vectors_and_callables_are_turned_back():
    def dipole(C):
        return C.sum(axis=1) * np.linalg.norm(C, axis=(1, 2))[:, None]

    clouds = samples(10, 12).reshape(10, 4, 3)
    report = diagnostics.invariance_report(dipole, clouds, group=CLOUD, output="vector")
    assert report.std < 1e-13
    same = diagnostics.invariance_report(
        dipole, clouds, group=CLOUD, output=lambda grid, k, Y: Y @ grid.matrix(k, 3)
    )
    assert same.std == report.std
    assert diagnostics.invariance_report(dipole, clouds, group=CLOUD).std > 0.1


def test_batches_change_nothing():
    X = samples(57, 4)
    A = np.random.default_rng(1).standard_normal(4)
    reports = [
        diagnostics.invariance_report(
            lambda X: np.sin(X @ A), X, group=groups.Symmetric(4), batch_size=b, random_state=0
        )
        for b in (1, 7, 50, 64, 10_000)
    ]
    for report in reports[1:]:
        np.testing.assert_allclose(report.spread, reports[0].spread, rtol=1e-12)
    assert reports[-1].calls == 2
    assert reports[0].calls == 57 + 57 * 24


def test_variances_over_random_elements_are_unbiased():
    X, A = samples(4, 5), np.random.default_rng(1).standard_normal(5)
    options = {"group": groups.Symmetric(5), "n_bootstrap": 1}

    def report(**more):
        return diagnostics.invariance_report(lambda X: np.sin(X @ A), X, **options, **more)

    exact = report().spread ** 2
    drawn = np.array([report(n_random=2, random_state=s).spread ** 2 for s in range(600)])
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - exact) < 5 * error).all()
    text = str(report(n_random=3, random_state=0))
    assert "no split by representation over random elements" in text


def test_blocks_are_small_where_predictions_are_long(monkeypatch):
    clouds = samples(40, 12).reshape(40, 4, 3)
    options = {"group": CLOUD, "output": "same", "grid": "2", "random_state": 0}
    whole = diagnostics.invariance_report(np.sin, clouds, **options)
    monkeypatch.setattr(orbit_values, "_HELD", 18 * 12 * 7)
    parts = diagnostics.invariance_report(np.sin, clouds, **options, batch_size=50)
    assert parts.calls == 1 + 5 * 3 + 2  # blocks of 7 samples, 7 elements a call; the last of 5, 10
    np.testing.assert_allclose(parts.spread, whole.spread, rtol=1e-12)


def test_report_refuses_what_does_not_fit():
    X = samples(5)
    options = {"group": O3}
    for model, message in (
        (lambda X: X[:2, 0], "one row per sample"),
        (lambda X: X[:, 0] * np.nan, "returned NaN"),
        (lambda X: X[:, 0].astype(str), "must return real numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            diagnostics.invariance_report(model, X, **options)
    with pytest.raises(TypeError, match="predict method or be callable"):
        diagnostics.invariance_report(3, X, **options)
    with pytest.raises(ValueError, match="y must have the shape"):
        diagnostics.invariance_report(radius, X, y=np.zeros(4), **options)
    with pytest.raises(ValueError, match="X holds no samples"):
        diagnostics.invariance_report(radius, X[:0], **options)
    with pytest.raises(ValueError, match="X has 4 features"):
        diagnostics.invariance_report(radius, samples(5, 4), **options)
    with pytest.raises(ValueError, match="output must be"):
        diagnostics.invariance_report(radius, X, output="tensor", **options)
    with pytest.raises(ValueError, match="output='same' needs"):
        diagnostics.invariance_report(radius, X, output="same", **options)
    with pytest.raises(ValueError, match="NaN"):
        diagnostics.invariance_report(radius, X * np.nan, **options)


def test_pictures_are_drawn():
    pytest.importorskip("matplotlib")
    report = diagnostics.invariance_report(legendre(1), samples(), group=O3)
    figure = report.plot()
    assert len(figure.axes) == 2
    table = diagnostics.convergence(legendre(3), samples(), group=O3)
    assert len(table.plot().axes[0].lines) == 2


def test_averages_converge_fast_with_the_grid():
    clouds = samples(20, 12).reshape(20, 4, 3)
    table = diagnostics.convergence(lambda C: np.exp(0.7 * C[:, 0, 0] + 0.2 * C[:, 1, 2]), clouds)
    assert table.sizes == (1, 2, 18, 36, 75, 150)
    assert (np.diff(table.change) < 0).all()
    assert table.change[0] > 30 * table.change[-1]
    assert "elements" in str(table)
    with pytest.raises(ValueError, match="at least one grid"):
        diagnostics.convergence(radius, clouds, [])
    with pytest.raises(ValueError, match="pass group"):
        diagnostics.convergence(radius, samples())


# ---- assertions for test suites ------------------------------------------------------------------


def test_assert_invariant_passes_and_fails():
    X = samples(6, 4)
    diagnostics.assert_invariant(lambda X: X.sum(axis=1), X, group="symmetric")
    with pytest.raises(AssertionError, match="prediction for sample 2 changes by"):
        diagnostics.assert_invariant(
            lambda X: X.sum(axis=1) + (np.abs(X[:, 0] - X[2, 0]) < 1e-12) * 1e-3,
            np.where(np.arange(6)[:, None] == 2, X, 9.0),
            group=groups.Cyclic(4),
        )
    clouds = samples(3, 12).reshape(3, 4, 3)
    diagnostics.assert_invariant(lambda C: -C, clouds, group=CLOUD, output="same")
    with pytest.raises(AssertionError):
        diagnostics.assert_invariant(lambda C: -C, clouds, group=CLOUD)


# ---- repairs -------------------------------------------------------------------------------------


def trained(n=120):
    X = samples(n)
    return KernelRidge(kernel="rbf", alpha=1e-3, gamma=0.3).fit(X, radius(X))


def test_symmetrized_model_is_the_average_and_invariant():
    model, X = trained(), samples(15, seed=5)
    group = groups.PointGroup("Oh")
    fixed = diagnostics.Symmetrized(model, group)
    expected = np.stack([model.predict(g.apply(X)) for g in group.elements()])
    mean, std = fixed.predict(X, return_std=True)
    np.testing.assert_allclose(mean, expected.mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(std, expected.std(axis=0), atol=1e-13)
    diagnostics.assert_invariant(fixed, X, group=group, atol=1e-12)
    assert fixed.cost() == 48
    assert fixed.bound() == 0.0


def test_symmetrized_estimator_fits_a_clone():
    X = samples(60)
    fixed = diagnostics.Symmetrized(KernelRidge(kernel="rbf"), O3, grid="2i")
    with pytest.raises(NotFittedError, match="KernelRidge is not fitted"):
        fixed.predict(X)
    fixed.fit(X, radius(X))
    assert not hasattr(fixed.estimator, "dual_coef_")
    assert fixed.score(X, radius(X)) > 0.5
    again = clone(fixed).fit(X, radius(X))
    np.testing.assert_array_equal(again.predict(X), fixed.predict(X))
    assert fixed.cost() == 36


def test_forces_are_symmetrized_by_turning_them_back():
    def broken(C):
        return -C + np.array([0.0, 0.0, 0.1])

    clouds = samples(5, 12).reshape(5, 4, 3)
    fixed = diagnostics.Symmetrized(broken, CLOUD, grid="2", output="same")
    np.testing.assert_allclose(fixed.predict(clouds), -clouds, atol=1e-14)


def test_random_elements_approach_the_average_within_the_bound():
    model, X = trained(), samples(10, seed=5)
    group = groups.PointGroup("Oh")
    whole = diagnostics.Symmetrized(model, group).predict(X)
    some = diagnostics.Symmetrized(model, group, n_random=400)
    assert np.abs(some.predict(X) - whole).max() < 0.02
    np.testing.assert_array_equal(some.predict(X), some.predict(X))
    expected = np.sqrt(8 / (3 * 400) * np.log(2 * 48 / 0.05))
    assert abs(some.bound() - expected) < 1e-12
    anew = diagnostics.Symmetrized(model, group, n_random=3, redraw=True)
    calls = np.stack([anew.predict(X) for _ in range(300)])
    assert np.abs(calls[0] - calls[1]).max() > 1e-6
    error = calls.std(axis=0) / np.sqrt(300)
    assert (np.abs(calls.mean(axis=0) - whole) < 6 * error + 1e-12).all()


def test_control_variate_averages_only_the_correction():
    X = samples(40, seed=5)

    def cheap(X):
        return radius(X) + 0.3 * X[:, 0]

    def costly(X):
        return cheap(X) + 0.01 * X[:, 1]

    whole = diagnostics.Symmetrized(costly, O3, grid="3i").predict(X)
    drawn = {"n_random": 4, "random_state": 0}
    without = diagnostics.Symmetrized(costly, O3, **drawn).predict(X)
    helped = diagnostics.Symmetrized(costly, O3, grid="3i", control=cheap, **drawn).predict(X)
    assert np.abs(helped - whole).max() < 0.1 * np.abs(without - whole).max()
    with pytest.raises(ValueError, match="redraw=True needs n_random"):
        diagnostics.Symmetrized(costly, O3, redraw=True).predict(X)
    with pytest.raises(ValueError, match="either grid or n_random"):
        diagnostics.Symmetrized(costly, O3, grid="3i", n_random=3).predict(X)
    with pytest.raises(ValueError, match="control needs n_random"):
        diagnostics.Symmetrized(costly, O3, control=cheap).predict(X)


def test_augmented_data_teach_the_symmetry():
    X = samples(40, 2)
    y = np.hypot(*X.T)
    group = groups.SO(2)
    plain = HistGradientBoostingRegressor(min_samples_leaf=3, random_state=0)
    augmented = diagnostics.Augmented(plain, group, n_images=10).fit(X, y)
    test = samples(200, 2, seed=9)
    spread = [
        diagnostics.invariance_report(m, test, group=group, n_bootstrap=1).std
        for m in (clone(plain).fit(X, y), augmented)
    ]
    assert spread[1] < 0.8 * spread[0]
    with pytest.raises(ValueError, match="y must have 40 rows"):
        diagnostics.Augmented(plain, group).fit(X, y[:3])
    with pytest.raises(ValueError, match="output must be"):
        diagnostics.Augmented(plain, group, output="tensor").fit(X, y)


@pytest.mark.parametrize("output", ["same", "vector"])
def test_augmented_targets_turn_with_the_samples(output):
    seen = {}

    class Recorder(Ridge):
        def fit(self, X, y):
            seen["X"], seen["y"] = X, y
            return self

    group = groups.Symmetric(4).along(0, (4, 3)) * groups.O(3).along(1, (4, 3))
    C = samples(6, 12)
    clouds = C.reshape(6, 4, 3)
    y = 2.0 * C if output == "same" else clouds.sum(axis=1)
    diagnostics.Augmented(Recorder(), group, n_images=3, output=output).fit(C, y)
    after = seen["X"].reshape(-1, 4, 3)
    expected = 2.0 * seen["X"] if output == "same" else after.sum(axis=1)
    np.testing.assert_allclose(seen["y"], expected, atol=1e-13)
    assert len(after) == 24


def test_repairs_side_by_side():
    X = samples(260)
    y = radius(X)
    table = diagnostics.compare_repairs(
        KernelRidge(kernel="rbf", alpha=1e-4, gamma=0.3),
        X[:60], y[:60], X[60:], y[60:], group=O3, grid="3i",
    )  # fmt: skip
    rows = {row.name: row for row in table.rows}
    assert list(rows) == ["plain", "augmented", "symmetrized", "invariant"]
    assert rows["invariant"].std < 1e-12
    assert rows["symmetrized"].std < 0.1 * rows["plain"].std
    assert rows["invariant"].rmse < rows["symmetrized"].rmse < rows["plain"].rmse
    assert table["plain"].fit_seconds > 0
    assert "predict s" in str(table)
    with pytest.raises(KeyError, match="rows: plain"):
        table["none"]
    forest = diagnostics.compare_repairs(
        HistGradientBoostingRegressor(max_iter=5), X[:60], y[:60], X[60:], y[60:], group=O3
    )
    assert [row.name for row in forest.rows] == ["plain", "augmented", "symmetrized"]


def test_kernel_machines_have_invariant_versions():
    group = groups.Cyclic(3)
    X = samples(30)
    y = X.prod(axis=1)
    for estimator in (
        KernelRidge(kernel="rbf", alpha=0.1),
        InvariantKernelRidge(alpha=0.1, kernel="rbf"),
        GaussianProcessRegressor(ConstantKernel() * RBF(1.0) + WhiteKernel(0.1), optimizer=None),
        SVR(kernel=RBF(1.0)),
    ):
        model = diagnostics.invariant_version(estimator, group).fit(X, y)
        diagnostics.assert_invariant(model, X, group=group, atol=1e-9)
    kernel = diagnostics.invariant_version(GaussianProcessRegressor(RBF(1.0)), group).kernel
    assert isinstance(kernel, InvariantKernel)
    for estimator in (Ridge(), SVR()):
        with pytest.raises(TypeError, match="no kernel that can be averaged"):
            diagnostics.invariant_version(estimator, group)


def test_net_force_and_torque_refuse_other_shapes():
    with pytest.raises(ValueError, match=r"forces must have shape \(n, p, 3\)"):
        diagnostics.net_force(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="must have one shape"):
        diagnostics.net_torque(np.zeros((4, 3)), np.zeros((5, 3)))
