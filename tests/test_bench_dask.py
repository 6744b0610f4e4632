"""The benchmark of fits on a cluster: answers agree, reports are well formed."""

import importlib
import json

import pytest
from symkernel.solvers.nystroem import NystroemSums

for name in ("dask.array", "distributed", "zarr"):
    pytest.importorskip(name)
bench = importlib.import_module("symkernel.bench.dask_chunks")
pytestmark = [pytest.mark.full, pytest.mark.filterwarnings("default")]


def test_it_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert bench.main(["--quick", "--json", str(path)]) == 0
    results = json.loads(path.read_text())["dask"]
    assert results["n"] == 2000 and results["difference"] <= bench.TOLERANCE
    text = capsys.readouterr().out
    assert all(name in text for name in (bench.CLUSTER, bench.HERE, "4 chunks"))


def test_a_wrong_answer_is_not_timed(monkeypatch):
    right = NystroemSums.add  # of this process; workers have their own
    monkeypatch.setattr(NystroemSums, "add", lambda s, B, y, *rest: right(s, B, 1.01 * y, *rest))
    with pytest.raises(AssertionError, match="differ by"):
        bench.run(quick=True)
