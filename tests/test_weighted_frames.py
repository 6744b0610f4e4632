"""Weighted frames: measures on orbits that depend continuously on the sample."""

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern
from symkernel import InvariantKernel, groups
from symkernel.canonical.frames import FrameForm, PermutedFrameForm
from symkernel.canonical.weighted import weighted_frame
from symkernel.exceptions import NotApplicableError


def _groups():
    found = {}
    for p, d in ((4, 1), (5, 2), (4, 3), (3, 4)):
        exchanges = {
            "S": groups.Symmetric(p).along(0, (p, d)),
            "Y": groups.Young([0, 1] + [0] * (p - 2)).along(0, (p, d)),
        }
        for name, group in exchanges.items():
            found[f"{name}({p}) d={d}"] = group
        for cls in (groups.SO, groups.O, groups.SE, groups.E):
            if d > 1 or cls is not groups.SO:
                turns = cls(d).along(1, (p, d))
                found[f"{cls.__name__}({d}) p={p}"] = turns
                found[f"S x {cls.__name__}({d}) p={p}"] = exchanges["S"] * turns
    return found


GROUPS = _groups()


def inputs(group, seed=0):
    """Samples at which canonical forms of one kind or another jump, and random ones."""
    p, d = group.shape
    rng = np.random.default_rng(seed)
    repeated, zero = rng.standard_normal((2, p, d))
    repeated[1] = repeated[0]
    zero[-1] = 0.0
    rows = np.vstack([np.eye(d), np.zeros((p, d))])[:p]
    line = np.outer(rng.standard_normal(p), rng.standard_normal(d))
    alike = np.tile(rng.standard_normal(d), (p, 1))
    plane = rng.standard_normal((p, d)) * (np.arange(d) < 2)
    clouds = [repeated, zero, rows, line, alike, plane, np.zeros((p, d))]
    return np.stack([*clouds, *rng.standard_normal((4, p, d))]).reshape(-1, p * d)


def averages(frame, X):
    """Weighted averages of a few continuous functions over the candidates."""
    W = np.random.default_rng(5).standard_normal((X.shape[1], 6))
    candidates, weights = frame.frames(X)
    return np.einsum("nqf,nq->nf", np.cos(candidates @ W), weights)


def moved(group, X, seed=1):
    elements = group.sample(len(X), random_state=seed)
    return np.stack([g.apply(x) for g, x in zip(elements, X, strict=True)])


@pytest.mark.parametrize("name", GROUPS)
def test_invariant_and_continuous(name):
    group = GROUPS[name]
    frame, X = weighted_frame(group), inputs(group)
    wanted = averages(frame, X)
    assert np.abs(averages(frame, moved(group, X)) - wanted).max() <= 1e-9
    rng = np.random.default_rng(6)
    for step in (1e-4, 1e-6):
        for _ in range(4):
            change = averages(frame, X + step * rng.standard_normal(X.shape)) - wanted
            assert np.abs(change).max() <= 60.0 * step


@pytest.mark.parametrize("name", GROUPS)
def test_candidates_are_points_of_the_orbit(name):
    group = GROUPS[name]
    X = inputs(group)
    candidates, weights = weighted_frame(group).frames(X)
    assert (weights >= 0).all()
    assert np.allclose(weights.sum(axis=1), 1.0)
    p, d = group.shape
    linear = {f.group.__class__.__name__ for f in group.factors()}
    clouds, found = X.reshape(-1, 1, p, d), candidates.reshape(len(X), -1, p, d)
    if "Translations" in linear:
        clouds = clouds - clouds.mean(axis=2, keepdims=True)
    spectra = [np.sort(np.linalg.norm(c, axis=-1), axis=-1) for c in (clouds, found)]
    used = weights > 0
    assert np.abs((spectra[0] - spectra[1])[used]).max() <= 1e-12
    triples = [np.linalg.det(np.einsum("nqpi,nqpj->nqij", c, c)) for c in (clouds, found)]
    assert np.abs((triples[0] - triples[1])[used]).max() <= 1e-9


def test_rotations_keep_their_hand():
    X = np.random.default_rng(2).standard_normal((20, 12))
    candidates, weights = weighted_frame(groups.SO(3).along(1, (4, 3))).frames(X)
    volumes = np.linalg.det(candidates.reshape(20, -1, 4, 3)[:, :, :3])
    wanted = np.linalg.det(X.reshape(20, 4, 3)[:, :3])[:, None]
    assert np.abs((volumes - wanted)[weights > 0]).max() <= 1e-12


def test_numbers_of_candidates():
    X = np.random.default_rng(3).standard_normal((30, 18))
    for d, shape in ((2, (9, 2)), (3, (6, 3))):
        p = shape[0]
        bound = (d - 1) * p * (p - 1) // 2 + 1
        ordered = weighted_frame(groups.Symmetric(p).along(0, shape))
        assert p < ordered.frames(X)[1].shape[1] <= bound
        few, many = (
            weighted_frame(groups.O(d).along(1, shape), cutoff=c).frames(X)[1].shape[1]
            for c in (0.95, 0.0)
        )
        assert few < many <= 2 * p * (p - 1)


def test_frames_do_not_see_order():
    """Candidates of a cloud and of its rows in another order are the same up to order."""
    group = groups.Symmetric(5).along(0, (5, 2))
    X = inputs(group)
    frame = weighted_frame(group)
    a, b = frame.frames(X), frame.frames(moved(group, X))
    for i in range(len(X)):
        rows = [sorted(map(tuple, c[i][w[i] > 1e-12].tolist())) for c, w in (a, b)]
        assert np.allclose(rows[0], rows[1])


@pytest.mark.parametrize("name", GROUPS)
def test_kernel(name):
    group = GROUPS[name]
    k = InvariantKernel(RBF(1.4), group, method="frame")
    X, Y = inputs(group), inputs(group, seed=9)[::2]
    K = k(X)
    assert np.array_equal(K, K.T)
    assert np.linalg.eigvalsh(K).min() >= -1e-12
    assert np.abs(k(X, Y) - k(moved(group, X), moved(group, Y, seed=7))).max() <= 1e-9
    assert np.abs(np.diag(K) - k.diag(X)).max() <= 1e-13
    assert np.abs(k(X, X) - K).max() <= 1e-13
    V = np.random.default_rng(0).standard_normal((len(Y), 2))
    assert np.abs(k.matvec(X, Y, V) - k(X, Y) @ V).max() <= 1e-13


def test_kernel_against_the_definition():
    group = groups.O(2).along(1, (4, 2))
    X = inputs(group)
    candidates, weights = weighted_frame(group).frames(X)
    for base in (RBF(0.9), Matern(1.2, nu=1.5), DotProduct(0.3)):
        found = InvariantKernel(base, group, method="frame")(X)
        for i in range(len(X)):
            for j in range(len(X)):
                wanted = weights[i] @ base(candidates[i], candidates[j]) @ weights[j]
                assert abs(found[i, j] - wanted) <= 1e-12 * max(1.0, abs(wanted))


def test_kernel_is_continuous_where_the_canonical_form_jumps():
    rng = np.random.default_rng(4)
    turns = groups.SO(3).along(1, (5, 3))
    exchanges = groups.Symmetric(5).along(0, (5, 3))
    for group, form in ((turns, FrameForm), (exchanges * turns, PermutedFrameForm)):
        canonical = form(group)
        X = rng.standard_normal((2, 15))
        X = X[0] + np.linspace(0.0, 1.0, 200)[:, None] * (X[1] - X[0])
        while np.abs(X[-1] - X[0]).max() > 1e-9:  # on a path, close in on the largest jump
            jumps = np.abs(np.diff(canonical.representatives(X), axis=0)).max(axis=1)
            at = jumps.argmax()
            X = X[at] + np.linspace(0.0, 1.0, 9)[:, None] * (X[at + 1] - X[at])
        ends = canonical.representatives(X[[0, -1]])
        assert np.abs(ends[1] - ends[0]).max() > 0.1
        k = InvariantKernel(RBF(1.0), group, method="frame")
        values = k(X[[0, -1]], rng.standard_normal((5, 15)))
        assert np.abs(values[1] - values[0]).max() <= 1e-7 * np.abs(values).max()


def test_gradient_in_the_hyperparameters():
    group = groups.Young("AAB").along(0, (3, 2)) * groups.SO(2).along(1, (3, 2))
    X = inputs(group)
    for base, count in ((RBF(1.2), 1), (RBF(np.linspace(1.0, 1.5, 6)), 6)):
        if count == 6:  # a length scale per feature is not what the group leaves alone
            with pytest.raises(ValueError, match="length"):
                InvariantKernel(base, group, method="frame")(X)
            continue
        k = InvariantKernel(base, group, method="frame")
        K, gradient = k(X, eval_gradient=True)
        assert np.abs(K - k(X)).max() <= 1e-13
        step = 1e-5
        up, down = (k.clone_with_theta(k.theta + s)(X) for s in (step, -step))
        assert np.abs(gradient[:, :, 0] - (up - down) / (2 * step)).max() <= 1e-9
    normalised = InvariantKernel(RBF(1.2), group, method="frame", normalize=True)
    assert np.allclose(np.diag(normalised(X)), 1.0)
    up, down = (normalised.clone_with_theta(normalised.theta + s)(X) for s in (step, -step))
    _, gradient = normalised(X, eval_gradient=True)
    assert np.abs(gradient[:, :, 0] - (up - down) / (2 * step)).max() <= 1e-9


def test_many_samples_in_blocks(monkeypatch):
    group = groups.Symmetric(3).along(0, (3, 2)) * groups.E(2).along(1, (3, 2))
    X = np.random.default_rng(1).standard_normal((40, 6))
    k = InvariantKernel(RBF(1.0), group, method="frame")
    whole, slopes = k(X, eval_gradient=True)
    V = np.ones((40, 1))
    product = k.matvec(X, X, V)
    monkeypatch.setattr("symkernel.plans.frame._BLOCK_CANDIDATES", 64)
    assert np.abs(k(X) - whole).max() <= 1e-13
    assert np.abs(k(X, X) - whole).max() <= 1e-13
    assert np.abs(k.matvec(X, X, V) - product).max() <= 1e-12
    again, other = k(X, eval_gradient=True)
    assert np.abs(again - whole).max() <= 1e-13
    assert np.abs(other - slopes).max() <= 1e-13
    assert np.abs(k.diag(X) - np.diag(whole)).max() <= 1e-13


def test_single_precision_and_threads():
    group = groups.Symmetric(4).along(0, (4, 3)) * groups.SO(3).along(1, (4, 3))
    X = np.random.default_rng(8).standard_normal((10, 12))
    k = InvariantKernel(RBF(1.0), group, method="frame")
    single = k(X.astype(np.float32))
    assert single.dtype == np.float32
    assert np.abs(single - k(X)).max() <= 1e-4
    assert np.array_equal(k.gram(X, n_jobs=1), k.gram(X, n_jobs=2))


def test_plan_says_what_it_is():
    plan = InvariantKernel(RBF(1.0), groups.SO(3).along(1, (5, 3)), method="frame").plan()
    assert not plan.exact
    assert np.isnan(plan.error)
    assert "an invariant kernel of its own" in str(plan)
    assert "an invariant kernel of its own" in plan._repr_html_()
    assert plan.cost.maps >= 1


def test_refusals():
    X = np.random.default_rng(0).standard_normal((3, 15))
    k = InvariantKernel(RBF(1.0), groups.SO(3).along(1, (5, 3)), method="frame")
    with pytest.raises(NotApplicableError, match="kinks"):
        k.gradient_x(X, X, np.ones(3))
    with pytest.raises(NotApplicableError, match="no frames here"):
        InvariantKernel(RBF(1.0), groups.Cyclic(15), method="frame")(X)
    with pytest.raises(ValueError, match="cutoff"):
        weighted_frame(groups.SO(3), cutoff=1.0)
    with pytest.raises(ValueError, match="alike"):
        weighted_frame(groups.Symmetric(2).along(0, (2, 3)), weights=[1.0, 2.0])
    frame = weighted_frame(groups.SO(3))
    with pytest.raises(ValueError, match="shape"):
        frame.frames(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="NaN"):
        frame.frames(np.full((1, 3), np.nan))
