"""The examples of theory on reduced sizes: what they print holds."""

import numpy as np
import pytest
from symkernel import theory
from symkernel.groups import Symmetric
from test_rmd17 import load_example

torus_sign_flips = load_example("torus_sign_flips")
sample_gain = load_example("sample_gain")
continuous_symmetry = load_example("continuous_symmetry")
rank_tables = load_example("rank_tables")

MODULES = [torus_sign_flips, sample_gain, continuous_symmetry, rank_tables]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_scripts_run_and_draw(module, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    assert module.main(["--quick", "--output", str(picture)]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert str(picture) in capsys.readouterr().out


def test_empirical_coefficients_are_invariant_and_weak():
    risk, change = torus_sign_flips.measure([1000], 2)
    assert risk.mean("empirical")[0] == pytest.approx(0.75, abs=0.05)
    assert risk.mean("spectral")[0] < 0.04
    assert risk.mean("invariant")[0] < 0.004
    assert risk.mean("invariant")[0] < risk.mean("augmented")[0] < risk.mean("plain")[0]
    for name in ("empirical", "spectral", "invariant"):
        assert change.mean(name)[0] < 1e-12
    for name in ("plain", "augmented"):
        assert change.mean(name)[0] > 1e-2


def test_the_tetrahedral_gain_is_near_the_order():
    case = sample_gain.cases()[0]
    curve = sample_gain.measure(case, [16, 32], 4, 1000)
    gain = curve.gain("plain", "invariant", average="geometric")
    assert (gain > 7).all()
    assert (gain < 24).all()
    effective, functions = sample_gain.dimension_gains(case, [16, 32], 600)
    assert ((effective > 8) & (effective < 12.5)).all()
    assert ((functions > 10) & (functions <= 12)).all()


def test_permutations_on_a_torus_gain_less_than_their_order():
    case = sample_gain.cases()[3]
    assert case.group == Symmetric(3)
    curve = sample_gain.measure(case, [24, 48], 4, 400)
    gain = curve.gain("plain", "invariant", average="geometric")
    assert ((gain > 2.5) & (gain < 6.5)).all()


def test_a_continuous_group_changes_the_rate():
    sizes = {"plain": (64, 128, 256), "24 rotations": (64, 128, 256), "SO(3)": (32, 64, 128, 256)}
    curve = continuous_symmetry.measure(sizes, 3)
    slopes = {name: continuous_symmetry.slope(curve, name) for name in sizes}
    assert slopes["SO(3)"] < -1.1
    assert -0.85 < slopes["24 rotations"] < -0.4
    assert -0.85 < slopes["plain"] < -0.35


def test_ranks_of_invariant_kernels_stop_growing():
    assert rank_tables.graph_counts(10, 5) == [1, 2, 7, 23, 79, 274]
    assert rank_tables.graph_counts(12, 5) == rank_tables.graph_counts(10, 5)
    for n in (2, 3, 5):
        group = rank_tables.graph_group(n)
        assert rank_tables.graph_counts(n, 4) == list(theory.molien_series(group, 4))
        assert rank_tables.graph_counts(n, 3) == rank_tables.basis_counts(group, 3)
    assert [rank_tables.kernel_rank(Symmetric(6), k) for k in range(1, 7)] == [1, 2, 3, 5, 7, 11]
    with pytest.raises(AssertionError, match="differ"):
        rank_tables.agree([1, 2], [1, 3])


def test_targets_are_invariant():
    rng = np.random.default_rng(0)
    for case in sample_gain.cases():
        X, y = case.draw(20, rng)
        assert np.ptp(y, axis=0).min() > 0.1
        for g in case.group.generators:
            K = case.kernel(X)
            np.testing.assert_allclose(case.kernel(g.apply(X)), K, rtol=1e-12)
