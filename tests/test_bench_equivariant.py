"""The benchmark of vectors under rotations: answers agree, reports are well formed."""

import importlib
import json

import pytest

equivariant = importlib.import_module("symkernel.bench.equivariant")


def test_every_case_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert equivariant.main(["--quick", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["equivariant"]
    assert list(results) == list(equivariant.CASES)
    assert all(set(times) == {"vectors", "invariant", "rule"} for times in results.values())
    text = capsys.readouterr().out
    assert all(name in text for name in equivariant.CASES)


def test_a_wrong_answer_is_not_timed(monkeypatch):
    rule = equivariant.by_rule
    monkeypatch.setattr(equivariant, "by_rule", lambda *given: 1.001 * rule(*given))
    with pytest.raises(AssertionError, match="differ from the rule"):
        equivariant.measure("SO(3), 4 points", 8, equivariant.QUICK)
