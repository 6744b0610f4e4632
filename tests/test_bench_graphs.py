"""The benchmark of classes of graphs: answers are the known ones, reports are well formed."""

import importlib
import json

import pytest

graphs = importlib.import_module("symkernel.bench.graphs")


def test_every_case_runs_and_is_reported(tmp_path, capsys):
    pytest.importorskip("networkx")
    path = tmp_path / "results.json"
    assert graphs.main(["--quick", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["graphs"]
    assert [r["title"] for r in results] == [case.title for case in graphs.CASES]
    assert all(set(r["seconds"]) == {"symkernel", "networkx"} for r in results)
    text = capsys.readouterr().out
    assert all(case.title in text for case in graphs.CASES)


@pytest.mark.parametrize("program", ["our_classes", "networkx_classes"])
def test_a_wrong_answer_is_not_timed(monkeypatch, program):
    pytest.importorskip("networkx")
    monkeypatch.setattr(graphs, program, lambda graphs: 3)
    with pytest.raises(AssertionError, match="finds 3 classes, not 2, of rook"):
        graphs.run(["sixteen"], quick=True)
