"""The benchmark of single predictions: answers agree, reports are well formed."""

import importlib
import json

import numpy as np
import pytest

latency = importlib.import_module("symkernel.bench.latency")


def test_every_case_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert latency.main(["--quick", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["latency"]
    assert list(results) == list(latency.CASES)
    assert all(len(programs) == 2 for programs in results.values())
    text = capsys.readouterr().out
    assert all(name in text for name in latency.CASES)


def test_a_wrong_answer_is_not_timed(monkeypatch):
    monkeypatch.setattr(latency.np, "exp", np.square)
    with pytest.raises(AssertionError, match="differ by"):
        latency.measure("one row, 20,000 x 64, trivial group", latency.QUICK, True)
