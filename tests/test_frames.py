"""Canonical forms by frames: laws of rotations and motions, symmetric clouds, shifts."""

import math

import numpy as np
import pytest
from clouds import MOLECULES, moment_frame
from symkernel import groups
from symkernel.backends import cpu
from symkernel.canonical.frames import FrameForm, PermutedFrameForm
from symkernel.canonical.shifts import ShiftForm

CLASSES = (groups.SO, groups.O, groups.SE, groups.E)
DTYPES = (np.float64, np.float32)
CLOSE = {np.float64: 1e-10, np.float32: 2e-4}


def on_points(cls, p, d):
    return cls(d).along(1, (p, d))


def moved(group, X, dtype, seed=0):
    """Another point of the orbit of every row."""
    elements = group.sample(len(X), random_state=seed)
    return np.stack([g.apply(x) for g, x in zip(elements, X, strict=True)]).astype(dtype)


def check_laws(form, X, dtype, seed=0):
    """c(g x) = c(x), c(c(x)) = c(x), and transporters lie in the group and lead to c(x)."""
    X = X.astype(dtype)
    found = form.canonicalize(X)
    other = form.canonicalize(moved(form.group, X.astype(np.float64), dtype, seed))
    size = np.abs(X).max(initial=1.0)
    clear = ~(found.degenerate | other.degenerate)
    close = CLOSE[dtype] * size
    assert np.abs(found.representative - other.representative)[clear].max(initial=0.0) <= close
    again = form.representatives(found.representative)
    assert np.abs(again - found.representative)[clear].max(initial=0.0) <= close
    rounding = 100 * np.finfo(dtype).eps * size
    assert np.abs(found.transporter.apply(X) - found.representative).max() <= rounding
    for i in range(min(3, len(X))):
        assert found.transporter[i] in form.group
        led = found.transporter[i].apply(X[i].astype(np.float64))
        assert np.abs(led - found.representative[i]).max() <= rounding
    assert found.representative.dtype == dtype
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["moment", "qr"])
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("d", [2, 3, 4, 6])
def test_laws(cls, d, method, dtype):
    rng = np.random.default_rng(d)
    for p in (1, 2, d, 11):
        form = FrameForm(on_points(cls, p, d), method=method)
        # more than one block of tasks for one of them, with a remainder of lanes
        found = check_laws(form, rng.standard_normal((301 if p == 11 else 13, p * d)), dtype)
        assert found.degenerate.mean() < 0.2


@pytest.mark.parametrize("proper", [True, False])
@pytest.mark.parametrize("d", [3, 5])
def test_same_frame_as_numpy(d, proper):
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.5, 2.0, 9)
    clouds = rng.standard_normal((50, 9, d))
    form = FrameForm(on_points(groups.SO if proper else groups.O, 9, d), weights=weights)
    found = form.representatives(clouds.reshape(50, -1)).reshape(clouds.shape)
    for cloud, mine in zip(clouds, found, strict=True):
        assert np.abs(mine - moment_frame(cloud, weights, proper)).max() <= 1e-11


@pytest.mark.parametrize("isa", cpu.info()["available_isas"])
def test_instruction_sets_and_threads_agree(isa):
    X = np.random.default_rng(2).standard_normal((1037, 24))
    form = FrameForm(on_points(groups.E, 8, 3))
    before, wanted = cpu.info()["isa"], form.representatives(X, n_jobs=1)
    try:
        cpu.set_isa(isa)
        assert np.abs(form.representatives(X, n_jobs=1) - wanted).max() <= 1e-11
        assert np.array_equal(form.representatives(X, n_jobs=2), form.representatives(X, n_jobs=1))
    finally:
        cpu.set_isa(before)


@pytest.mark.parametrize("method", ["moment", "qr"])
def test_mirror_images(method):
    X = np.random.default_rng(3).standard_normal((40, 15))
    mirrored = X * np.tile([1.0, 1.0, -1.0], 5)
    for cls, alike in ((groups.SO, False), (groups.SE, False), (groups.O, True), (groups.E, True)):
        form = FrameForm(on_points(cls, 5, 3), method=method)
        apart = np.abs(form.representatives(X) - form.representatives(mirrored)).max(axis=1)
        assert (apart <= 1e-10).all() if alike else (apart > 1e-3).all()
        matrices = form.canonicalize(X).transporter.matrices
        if not alike:
            assert np.allclose(np.linalg.det(matrices), 1.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["moment", "qr"])
@pytest.mark.parametrize(
    ("cloud", "orders"),
    [
        ("points at the origin", (-1, -1, -1, -1)),
        ("line", (-1, -1, -1, -1)),
        ("carbon dioxide", (-1, -1, -1, -1)),
        ("water", (1, 2, 1, 2)),
        ("hexagon", (1, 2, 1, 2)),
        ("cube", (1, 1, 1, 1)),
        ("methane", (1, 1, 1, 1)),
        ("icosahedron", (1, 1, 1, 1)),
    ],
)
def test_symmetric_clouds_of_labelled_points(cloud, orders, method, dtype):
    points = MOLECULES[cloud][0]
    X = np.tile(points.ravel(), (60, 1))
    for cls, order in zip(CLASSES, orders, strict=True):
        form = FrameForm(on_points(cls, len(points), 3), method=method)
        found = check_laws(form, X, dtype)
        assert not found.degenerate.any()
        assert set(found.stabilizer_order) == {order}


def test_one_vector():
    X = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 2.0, -2.0]])
    for cls in (groups.SO, groups.O):
        found = FrameForm(cls(3)).canonicalize(X)
        assert np.allclose(found.representative, [[5, 0, 0], [0, 0, 0], [3, 0, 0]], atol=1e-14)
        assert np.isinf(found.gap).all()
        assert set(found.stabilizer_order) == {-1}
    assert FrameForm(groups.SO(2)).canonicalize(X[:, :2]).stabilizer_order.tolist() == [1, -1, 1]
    assert FrameForm(groups.O(2)).canonicalize(X[:, :2]).stabilizer_order.tolist() == [2, -1, 2]


def test_one_dimension():
    X = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [-1.0, 2.0, -0.5]])
    found = FrameForm(groups.O(1).along(1, (3, 1))).canonicalize(X)
    assert np.array_equal(found.representative[0], found.representative[2])
    assert found.stabilizer_order.tolist() == [1, 2, 1]
    centred = FrameForm(groups.SE(1).along(1, (3, 1))).canonicalize(X)
    assert np.allclose(centred.representative, X - X.mean(axis=1, keepdims=True))


def test_first_axis_and_weights():
    rng = np.random.default_rng(4)
    weights = rng.uniform(1.0, 12.0, 6)
    X = rng.standard_normal((30, 3, 6)) + 5.0
    group = groups.E(3).along(0, (3, 6))
    found = check_laws(FrameForm(group, weights=weights), X.reshape(30, -1), np.float64)
    points = found.representative.reshape(30, 3, 6)
    assert np.abs(points @ weights).max() <= 1e-12 * weights.sum()
    assert np.abs(np.einsum("naj,nbj,j->nab", points, points, weights)[:, 0, 1]).max() <= 1e-10


@pytest.mark.parametrize("scale", [1e-150, 1e150, 1e300, 5e-310])
def test_extreme_sizes(scale):
    X = np.random.default_rng(5).standard_normal((20, 12))
    form = FrameForm(on_points(groups.SE, 4, 3))
    wanted, found = form.canonicalize(X), form.canonicalize(X * scale)
    assert np.allclose(found.representative / scale, wanted.representative, atol=1e-8)
    assert np.isfinite(found.gap).all()


def test_far_from_the_origin():
    X = np.random.default_rng(6).standard_normal((20, 12))
    form = FrameForm(on_points(groups.E, 4, 3))
    found = form.representatives(X + np.tile([1e6, -2e6, 3e6], 4))
    assert np.abs(found - form.representatives(X)).max() <= 1e-6
    same = form.canonicalize(np.full((1, 12), 0.1) + np.tile([1e8, 0.3, 1.7], 4))
    assert same.stabilizer_order[0] == -1


def test_no_samples():
    found = FrameForm(on_points(groups.SO, 4, 3)).canonicalize(np.zeros((0, 12)))
    assert found.representative.shape == (0, 12)
    assert len(found) == len(found.transporter) == 0


def test_nearly_equal_eigenvalues_are_told():
    # an ellipsoid with two axes that differ by eps, and one more point that gives them directions
    frame = np.vstack([np.diag([2.0, 1.0, 1.0]), [[0.3, 0.2, 0.1]]])
    gaps = []
    for eps in (1e-1, 1e-2, 1e-3):
        cloud = frame.copy()
        cloud[1, 1] += eps
        cloud[3] *= eps
        X = moved(on_points(groups.SO, 4, 3), np.tile(cloud.ravel(), (5, 1)), np.float64)
        gaps.append(FrameForm(on_points(groups.SO, 4, 3)).canonicalize(X).gap.max())
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2] > 0


def test_gap_bounds_the_distance_to_a_jump():
    """Moves by less than a third of the gap change no choice: the form moves as little."""
    rng = np.random.default_rng(8)
    for cls, d in ((groups.SO, 3), (groups.O, 3), (groups.O, 2), (groups.E, 4)):
        group = on_points(cls, 6, d)
        form = FrameForm(group)
        X = rng.standard_normal((400, 6 * d))
        found = form.canonicalize(X)
        step = rng.standard_normal(X.shape)
        step *= (found.gap * np.linalg.norm(X, axis=1) / np.linalg.norm(step, axis=1))[:, None]
        at = [form.representatives(X + t / 3 * step) for t in np.linspace(0.0, 1.0, 81)]
        jumps = np.abs(np.diff(at, axis=0)).max(axis=2)
        assert (jumps <= 0.25 * np.abs(X).max(axis=1)).mean() > 0.995


def test_tolerance():
    X = np.random.default_rng(9).standard_normal((50, 12))
    group = on_points(groups.SO, 4, 3)
    assert not FrameForm(group, tolerance=0.0).canonicalize(X).degenerate.any()
    assert FrameForm(group, tolerance=1.0).canonicalize(X).degenerate.all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MOLECULES)
def test_molecules(name, dtype):
    points, kinds, rotations, all_maps = MOLECULES[name]
    p = len(points)
    exchanges = groups.Young(kinds).along(0, (p, 3))
    X = np.tile(points.ravel(), (60, 1))
    for cls, order in zip(CLASSES, (rotations, all_maps, None, None), strict=True):
        form = PermutedFrameForm(exchanges * on_points(cls, p, 3))
        found = check_laws(form, X, dtype)
        assert not found.degenerate.any()
        if order is not None:
            assert set(found.stabilizer_order) == {order}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_permuted_laws(cls, d, dtype):
    rng = np.random.default_rng(d)
    for kinds in ("A", "AA", "AAAAA", "ABABB"):
        p = len(kinds)
        group = groups.Young(kinds).along(0, (p, d)) * on_points(cls, p, d)
        if d == 1 and cls in (groups.SO, groups.SE):
            continue  # nothing turns
        form = PermutedFrameForm(group)
        found = check_laws(form, rng.standard_normal((40, p * d)), dtype)
        assert found.degenerate.mean() < 0.2


def test_nearly_symmetric_molecules():
    """Coordinates with eight digits, as in files: clouds of one orbit keep one form."""
    rng = np.random.default_rng(10)
    for name in ("cube", "methane", "hexagon"):
        points, kinds, _, _ = MOLECULES[name]
        p = len(points)
        group = groups.Young(kinds).along(0, (p, 3)) * on_points(groups.O, p, 3)
        rough = points + 1e-7 * rng.standard_normal(points.shape)
        X = moved(group, np.tile(rough.ravel(), (80, 1)), np.float64)
        found = PermutedFrameForm(group).representatives(X)
        assert np.abs(found - found[0]).max() <= 1e-10


def test_orbits_of_molecules_stay_distinct():
    chiral = MOLECULES["helix"][0]
    group = groups.Symmetric(4).along(0, (4, 3)) * on_points(groups.SE, 4, 3)
    X = np.stack([chiral, chiral * [1, 1, -1], chiral * [1, 1, 1.1]]).reshape(3, -1)
    found = PermutedFrameForm(group).representatives(X)
    for i in range(3):
        for j in range(i):
            assert np.abs(found[i] - found[j]).max() > 1e-2


def test_permuted_threads():
    points = MOLECULES["cube"][0]
    group = groups.Symmetric(8).along(0, (8, 3)) * on_points(groups.O, 8, 3)
    X = moved(group, np.tile(points.ravel(), (70, 1)), np.float64)
    form = PermutedFrameForm(group)
    one, two = form.canonicalize(X, n_jobs=1), form.canonicalize(X, n_jobs=2)
    assert np.array_equal(one.representative, two.representative)
    assert np.array_equal(one.gap, two.gap)


@pytest.mark.parametrize("dtype", DTYPES)
def test_torus(dtype):
    rng = np.random.default_rng(11)
    group = groups.Torus(2).along(1, (5, 2))
    form = ShiftForm(group, weights=rng.uniform(0.5, 2.0, 5))
    X = rng.uniform(-10.0, 10.0, (50, 10)).astype(dtype)
    found = form.canonicalize(X)
    assert (found.representative > -math.pi).all()
    assert (found.representative < math.pi + 2e-4).all()
    Y = moved(group, X.astype(np.float64), dtype) + 2 * np.pi * rng.integers(-2, 3, X.shape)
    other = form.representatives(Y.astype(dtype))
    close = 1e-12 if dtype == np.float64 else 1e-4
    assert np.abs(np.exp(1j * found.representative) - np.exp(1j * other)).max() <= close
    led = found.transporter.apply(X)
    assert np.abs(np.exp(1j * led) - np.exp(1j * found.representative)).max() <= close
    assert found.transporter[0] in group
    assert set(found.stabilizer_order) == {1}


def test_torus_degenerate():
    form = ShiftForm(groups.Torus(1).along(1, (4, 1)))
    X = np.array([[0.3, 0.3 + np.pi / 2, 0.3 + np.pi, 0.3 - np.pi / 2], [0.1, 0.2, 0.3, 0.4]])
    found = form.canonicalize(X)
    assert found.degenerate.tolist() == [True, False]
    other = form.representatives(X + 1.1)
    assert np.abs(np.exp(1j * found.representative) - np.exp(1j * other)).max() <= 1e-12
    assert np.isinf(ShiftForm(groups.Torus(3)).canonicalize(np.zeros((1, 3))).gap).all()


def test_translations():
    rng = np.random.default_rng(12)
    weights = rng.uniform(0.5, 2.0, 5)
    form = ShiftForm(groups.Translations(3).along(1, (5, 3)), weights=weights)
    X = rng.standard_normal((20, 15)) + 100.0
    found = check_laws(form, X, np.float64)
    assert np.isinf(found.gap).all()
    masses = np.einsum("npj,p->nj", found.representative.reshape(20, 5, 3), weights)
    assert np.abs(masses).max() <= 1e-12


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FrameForm(groups.Symmetric(4)), "more or less"),
        (lambda: FrameForm(groups.Cyclic(4)), "has no frames"),
        (lambda: FrameForm(groups.Translations(3)), "ShiftForm"),
        (lambda: FrameForm(groups.SO(3), method="pca"), "method must be"),
        (lambda: FrameForm(groups.SO(3), weights=[1.0, 2.0]), "one per point"),
        (lambda: FrameForm(groups.SO(3), weights=[-1.0]), "positive"),
        (lambda: FrameForm(groups.SO(3), tolerance=-1.0), "tolerance"),
        (lambda: PermutedFrameForm(groups.Symmetric(4).along(0, (4, 3))), "does not turn"),
        (
            lambda: PermutedFrameForm(
                groups.Symmetric(2).along(0, (2, 3)) * on_points(groups.SO, 2, 3), weights=[1, 2]
            ),
            "alike",
        ),
        (lambda: ShiftForm(groups.SO(3)), "factors of"),
        (lambda: ShiftForm(groups.Torus(2), tolerance=float("nan")), "tolerance"),
    ],
)
def test_errors(make, words):
    with pytest.raises(ValueError, match=words):
        make()
