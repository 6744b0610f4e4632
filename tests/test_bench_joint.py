"""The benchmark of values and forces together: answers agree, reports are well formed."""

import importlib
import json

import pytest
from symkernel.backends import joint as native

bench = importlib.import_module("symkernel.bench.joint")


def test_it_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert bench.main(["--quick", "--threads", "1", "2", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["joint"]
    assert [(r["threads"], r["what"]) for r in results] == [
        (threads, what) for threads in (1, 2) for what in ("block", "sum")
    ]
    text = capsys.readouterr().out
    assert all(name in text for name in (bench.OURS, bench.FORMULA))


def test_a_wrong_answer_is_not_timed(monkeypatch):
    right = native.mixed

    def wrong(kernel, *arguments, **words):
        right(kernel.over(2), *arguments, **words)

    monkeypatch.setattr(native, "mixed", wrong)
    with pytest.raises(AssertionError, match="differ by"):
        bench.run(quick=True)
