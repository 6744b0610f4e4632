"""The benchmark of kernels between sets: answers agree, reports are well formed."""

import importlib
import json

import pytest
from symkernel.kernels import SetKernel

bench = importlib.import_module("symkernel.bench.sets")


def test_it_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert bench.main(["--quick", "--threads", "1", "2", "--json", str(path)]) == 0
    assert [r["threads"] for r in json.loads(path.read_text())["sets"]] == [1, 2]
    text = capsys.readouterr().out
    assert all(name in text for name in (bench.OURS, bench.LOOP, bench.FLAT))


def test_a_wrong_answer_is_not_timed(monkeypatch):
    right = SetKernel.gram
    monkeypatch.setattr(SetKernel, "gram", lambda *a, **k: 1.001 * right(*a, **k))
    with pytest.raises(AssertionError, match="differ by"):
        bench.run(quick=True)
