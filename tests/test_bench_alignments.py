"""The benchmark of orbit distances: answers agree, reports are well formed."""

import importlib
import json

import pytest

alignments = importlib.import_module("symkernel.bench.alignments")


def test_every_case_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert alignments.main(["--quick", "--threads", "1", "2", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["alignments"]
    assert len(results) == 2 * len(alignments.CASES)
    text = capsys.readouterr().out
    for case in alignments.CASES:
        assert case.title in text
        assert all(peer in text for peer in case.peers)


def test_a_wrong_answer_is_not_timed(monkeypatch):
    monkeypatch.setattr(alignments, "orbit_distance", lambda X, Y, **_: X @ Y.T)
    with pytest.raises(AssertionError, match="differ by"):
        alignments.run(["assignment"], quick=True)
