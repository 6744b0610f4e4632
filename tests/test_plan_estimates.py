"""Seconds and bytes that a plan states for given numbers of samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalog import CASES, samples
from sklearn.gaussian_process.kernels import RBF, DotProduct
from symkernel import InvariantKernel, cli, groups
from symkernel.backends import cpu
from symkernel.backends.forms import scratch_bytes
from symkernel.backends.prepared import Prepared
from symkernel.kernels import ArcCosine, PowerExponential
from symkernel.spectral import HeatKernel, Sphere


@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_bytes_are_those_of_the_arrays(case):
    k = InvariantKernel(case.kernel, case.group)
    n, m = 7, 5
    X, Y = samples(case.group, n), samples(case.group, m, seed=1)
    own, other = k.plan(n=n).estimate, k.plan(n=n, m=m).estimate
    assert (own.gram, other.gram) == (k(X).nbytes, k(X, Y).nbytes)
    assert (own.packed, other.packed) == (k.plan().gram_packed(X).nbytes, 0)
    assert (own.samples, other.samples) == (X.nbytes, X.nbytes + Y.nbytes)
    ready = [k.plan().prepare(Z) for Z in (X, Y)]
    kept = [Z.rows.nbytes if isinstance(Z, Prepared) else 0 for Z in ready]
    assert (own.prepared, other.prepared) == (kept[0], sum(kept))


@pytest.mark.parametrize("case", CASES[1::3], ids=str)
def test_the_time_grows_with_the_pairs(case):
    k = InvariantKernel(case.kernel, case.group)
    own, double, other = (
        k.plan(n=n, m=m).estimate for n, m in ((999, None), (1999, None), (999, 1000))
    )
    assert 0.0 < own.seconds < 60.0
    assert double.seconds / own.seconds == pytest.approx(1999 * 2000 / (999 * 1000))
    assert other.seconds == pytest.approx(2 * own.seconds)


def test_dearer_maps_and_more_elements_take_longer():
    def seconds(base, group):
        return InvariantKernel(base, group, "sum").plan(n=100).estimate.seconds

    few = groups.Dihedral(9)
    for dear in (ArcCosine(2), PowerExponential(1.0, 0.7), PowerExponential(1e-9, 1.9)):
        assert seconds(dear, few) > 1.5 * seconds(RBF(), few)
    assert seconds(DotProduct(), few) < seconds(RBF(1e9), few)
    # what writing a value takes does not grow
    growth = seconds(RBF(), groups.Dihedral(9)) / seconds(RBF(), groups.Cyclic(9))
    assert 1.0 < growth < 2.0


def test_tables_of_permanents_are_counted_for_every_thread():
    plan = InvariantKernel(RBF(), groups.Symmetric(24)).plan(n=10)
    size = scratch_bytes(plan._table)
    assert plan.estimate.scratch == size * cpu.info()["max_threads"] > 0


def test_what_a_plan_with_an_estimate_shows():
    k = InvariantKernel(RBF(), groups.Cyclic(5))
    plain, sized = k.plan(), k.plan(n=2000)
    assert plain.estimate is None and k.plan() is plain
    assert str(sized).startswith(str(plain))
    assert "2,000 x 2,000: about" in str(sized) and "estimated from" in str(sized)
    assert "Gram matrix 32 MB, or 16 MB packed, samples 80 kB, prepared 80 kB" in repr(sized)
    assert "2,000 x 2,000: about" in sized._repr_html_()
    assert "2,000 x 30: about" in str(k.plan(n=2000, m=30))
    assert "packed" not in str(k.plan(n=2000, m=30))
    assert InvariantKernel(RBF(), "cyclic").plan(5, n=3).estimate.samples == 3 * 5 * 8
    np.testing.assert_array_equal(sized.gram(np.eye(5)), plain.gram(np.eye(5)))


def test_where_the_data_set_the_cost_the_time_is_not_stated():
    plan = InvariantKernel(ArcCosine(2), groups.SO(3).along(1, (4, 3)), "quadrature").plan(n=50)
    assert math.isnan(plan.estimate.seconds) and plan.estimate.gram == 20_000
    assert "50 x 50: a time set by the data; Gram matrix 20 kB" in str(plan)
    assert "error measured by its gram(X)" in str(plan)


def test_kernels_given_by_their_spectrum_have_estimates():
    heat = HeatKernel(Sphere(3), 0.1, max_level=9)
    plan = InvariantKernel(heat, groups.PointGroup("I")).plan(n=100)
    assert plan.estimate.gram == 80_000 and "levels beyond add about" in str(plan)
    assert "levels beyond add about" in plan._repr_html_()


@pytest.mark.parametrize(
    ("numbers", "word"),
    [({"n": 0}, "n"), ({"n": 2.0}, "n"), ({"m": 3}, "n"), ({"n": 3, "m": -1}, "m")],
)
def test_numbers_of_samples_are_checked(numbers, word):
    with pytest.raises(ValueError, match=rf"^{word} must be an integer of at least 1, got"):
        InvariantKernel(RBF(), groups.Cyclic(5)).plan(**numbers)


def test_the_command_says_seconds_and_memory(capsys):
    asked = ["plan", "--kernel", "RBF(2.0)", "--group", "Cyclic(20)"]
    assert cli.main([*asked, "--n", "2000"]) == 0
    assert "2,000 x 2,000: about" in capsys.readouterr().out
    assert cli.main([*asked, "--n", "2000", "--m", "10"]) == 0
    assert "2,000 x 10: about" in capsys.readouterr().out
    assert cli.main([*asked, "--n", "0"]) == 1
    assert "n must be an integer of at least 1, got 0" in capsys.readouterr().err
