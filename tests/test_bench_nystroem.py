"""The benchmark of Nystroem features: answers agree, reports are well formed."""

import importlib
import json

import pytest
from symkernel.solvers.nystroem import NystroemSums

bench = importlib.import_module("symkernel.bench.nystroem")


def test_it_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert bench.main(["--quick", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["nystroem"]
    errors = [one["error"] for one in results["fits"]["programs"].values()]
    assert max(errors) < 1.1 * min(errors)
    assert [one["n"] for one in results["memory"]] == [2000, 20_000]
    text = capsys.readouterr().out
    assert all(
        name in text
        for name in (bench.OURS, bench.CHOSEN, bench.AVERAGED, bench.LOOP, bench.BLOCKS)
    )


def test_a_wrong_answer_is_not_timed(monkeypatch):
    right = NystroemSums.add
    monkeypatch.setattr(NystroemSums, "add", lambda s, B, y, *rest: right(s, B, 1.01 * y, *rest))
    with pytest.raises(AssertionError, match="differ by"):
        bench.run(quick=True)
