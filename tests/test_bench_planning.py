"""The case `planning`: every named group, values checked, and a table."""

from __future__ import annotations

import importlib

import pytest
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, cli

planning = importlib.import_module("symkernel.bench.planning")
report = importlib.import_module("symkernel.bench.report")


def test_a_quick_run_prints_the_slowest_plans(capsys, tmp_path):
    path = tmp_path / "results.json"
    assert cli.main(["bench", "--quick", "--case=planning", "--json", str(path)]) == 0
    (row,) = report.load(path)["planning"]
    (case,) = planning.PLANNING_CASES
    problems = list(case.problems(True))
    assert row["plans"] == len(problems) == 2 * 2 * len(planning.NAMED) * len(planning.KERNELS)
    assert row["compared"] == row["plans"] and row["refused"] == 0
    assert 0 < row["median"] <= row["slowest"][0][1] and row["grown_bytes"] >= 0
    text = capsys.readouterr().out
    assert "plan() of every named group, the slowest of" in text and "memory grew by" in text


def test_the_full_grid_has_every_named_group_on_numbers_and_points():
    (case,) = planning.PLANNING_CASES
    shapes = {(type(g).__name__, g.degree) for _, g in case.problems(False)}
    assert {("Symmetric", n) for n in range(2, 15)} <= shapes
    assert {("Along", 3 * n) for n in range(2, 15)} <= shapes
    assert len(list(case.problems(False))) == 13 * 2 * 7 * 6


def test_a_wrong_value_stops_the_case(monkeypatch):
    (case,) = planning.PLANNING_CASES
    monkeypatch.setattr(
        planning, "InvariantKernel", lambda kernel, group: InvariantKernel(RBF(0.5), group)
    )
    with pytest.raises(AssertionError, match="its mean over elements"):
        planning.check(case, True)
