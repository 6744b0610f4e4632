"""The benchmark of groups of molecules: answers are the known ones, reports are well formed."""

import importlib
import json

import pytest

molecules = importlib.import_module("symkernel.bench.molecules")


def test_every_case_runs_and_is_reported(tmp_path, capsys):
    pytest.importorskip("networkx")
    path = tmp_path / "results.json"
    assert molecules.main(["--quick", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["molecules"]
    assert [r["title"] for r in results] == [case.title for case in molecules.CASES]
    assert {r["title"] for r in results if "networkx" in r["seconds"]} == {"propane", "C60"}
    text = capsys.readouterr().out
    assert all(case.title in text and f"{case.order:,}" in text for case in molecules.CASES)


@pytest.mark.parametrize("program", ["our_order", "networkx_order"])
def test_a_wrong_answer_is_not_timed(monkeypatch, program):
    pytest.importorskip("networkx")
    monkeypatch.setattr(molecules, program, lambda structure: 143)
    with pytest.raises(AssertionError, match="finds 143, not 144, for propane"):
        molecules.run(["propane"], quick=True)
