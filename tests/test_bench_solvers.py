"""The benchmark of solvers: answers agree, reports are well formed."""

import importlib
import json

import pytest
from symkernel import InvariantKernelRidge

bench = importlib.import_module("symkernel.bench.solvers")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_it_runs_and_is_reported(tmp_path, capsys):
    path = tmp_path / "results.json"
    assert bench.main(["--quick", "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert [fit["n"] for fit in found["fits"]] == list(bench.QUICK_SIZES)
    assert all(fit["difference"] <= bench.TOLERANCE for fit in found["fits"])
    text = capsys.readouterr().out
    assert "cholesky" in text and "grows as n^" in text and "iterations to 1.05" in text


def test_a_wrong_answer_is_not_timed(monkeypatch):
    right = InvariantKernelRidge.predict

    def wrong(model, X):
        return right(model, X) * (1.1 if model.solver == "pcg" else 1.0)

    monkeypatch.setattr(InvariantKernelRidge, "predict", wrong)
    with pytest.raises(AssertionError, match="predictions of 200 samples differ"):
        bench.run(quick=True)
