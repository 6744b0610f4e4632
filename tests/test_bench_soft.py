"""The benchmark of weighted averages: answers agree, reports are well formed."""

import importlib
import json

import pytest

soft = importlib.import_module("symkernel.bench.soft")


def test_every_case_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert soft.main(["--quick", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["soft"]
    assert list(results) == list(soft.CASES)
    assert all(set(times) == {"soft", "invariant"} for times in results.values())
    text = capsys.readouterr().out
    assert all(name in text for name in soft.CASES)


def test_a_wrong_answer_is_not_timed(monkeypatch):
    kernel = soft.InvariantKernel
    monkeypatch.setattr(
        soft, "InvariantKernel", lambda base, group: kernel(base, soft.groups.Trivial(7))
    )
    with pytest.raises(AssertionError, match="differs by"):
        soft.measure("C_7", 8, soft.QUICK)
