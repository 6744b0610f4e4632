"""The benchmark of a GPU, as far as it goes without one.

Answers and peers on the host, and a whole run on a stand-in for CuPy, whose native module is the
CPU's.
"""

import copy
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from device import card as stand_in_card
from device.card import CEILINGS, DTYPES
from symkernel import cli
from symkernel.backends import cpu, device

report = importlib.import_module("symkernel.bench.report")
answers, card, library, main, runner, tables, torch_peers, workloads = (
    importlib.import_module(f"symkernel.bench.gpu.{name}")
    for name in (
        "answers", "card", "library", "__main__", "runner", "tables", "torch_peers", "workloads",
    )
)  # fmt: skip

ROOT = Path(__file__).resolve().parent.parent
WORKLOADS = {workload.name: workload for workload in workloads.WORKLOADS}
GRAMS = [name for name, workload in WORKLOADS.items() if workload.kind == "gram"]


# ---- answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", GRAMS)
def test_the_library_on_the_host_passes_the_assertions_of_the_card(name, dtype):
    """At the very entries that will be looked at."""
    workload = WORKLOADS[name]
    X, Y = workload.data(dtype, workload.n)
    rows, columns = answers.sampled(len(X)), answers.sampled(workload.n)
    left, right = X[rows], (X if Y is None else Y)[columns]
    K = workload.kernel()(left, right)
    assert K.dtype == dtype
    error = answers.require_entries(workload, "symkernel", K, left, right, answers.TOLERANCE[dtype])
    assert error > 0
    K[3, 5] *= 1 + 200 * answers.TOLERANCE[dtype]
    with pytest.raises(AssertionError, match=f"a peer differs from NumPy on {name}"):
        answers.require_entries(workload, "a peer", K, left, right, answers.TOLERANCE[dtype])
    K[3, 5] = np.nan
    with pytest.raises(AssertionError, match="by nan"):
        answers.require_entries(workload, "a peer", K, left, right, answers.TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", GRAMS)
def test_loops_in_pytorch_pass_the_assertions_of_the_card(name, dtype):
    torch = pytest.importorskip("torch")
    workload = WORKLOADS[name]
    X, Y = workload.data(dtype, workload.n)
    rows, columns = answers.sampled(512), answers.sampled(workload.n)
    if workload.orbit is None:  # thousands of rotations: a few entries will do
        rows, columns = rows[::4], columns[::4]
        loop = torch_peers.rotation_loop(9, workload.gamma, dtype, "cpu")
    else:
        loop = torch_peers.orbit_loop(workload.orbit(), workload.gamma, "cpu")
    left, right = X[rows], (X if Y is None else Y)[columns]
    K = loop(torch.from_numpy(left), torch.from_numpy(right)).numpy()
    assert K.dtype == dtype
    answers.require_entries(workload, "PyTorch", K, left, right, answers.PEER_TOLERANCE[dtype])


def test_products_are_asserted():
    workload = WORKLOADS["matvec"]
    X, _ = workload.data("float64", 500)
    v = np.random.default_rng(1).standard_normal(500)
    product = workload.kernel()(X) @ v
    rows = answers.sampled(500)
    assert answers.require_product(workload, product[rows], X, v, rows) < 1e-15
    product[0] += 1e-9
    with pytest.raises(AssertionError, match=r"matvec, float64, is off by .*e-1"):
        answers.require_product(workload, product[rows], X, v, rows)


def test_sampled_indices_reach_both_ends_and_the_borders_of_tiles():
    assert {0, 63, 64, 127, 128, 9999, 9998} <= set(answers.sampled(10_000).tolist())
    for n in (1, 2, 65, 300):
        found = answers.sampled(n)
        assert found[0] == 0
        assert found[-1] == n - 1
        assert np.array_equal(found, np.unique(found))
    assert np.array_equal(answers.sampled(10_000), answers.sampled(10_000))


# ---- a whole run ----------------------------------------------------------------------------


@pytest.fixture
def no_card(monkeypatch):
    return stand_in_card.install(monkeypatch)


@pytest.fixture
def run(no_card, tmp_path):
    """Run the program with arguments; returns the exit status and the results."""

    def call(*arguments):
        status = main.main(["--quick", "--out", str(tmp_path), *arguments])
        return status, report.load(tmp_path / "stand-in-1000-quick.json")

    return call


def test_a_run_measures_every_workload_in_both_precisions(run, capsys):
    status, results = run("--commit", "abc1234")
    captured = capsys.readouterr()
    assert status == 0, captured
    assert results["quick"]
    assert (results["machine"]["gpu"], results["machine"]["commit"]) == ("Stand-In 1000", "abc1234")
    assert results["card"]["cuda_driver"] == "13.1"
    assert results["card"]["after"]["sm_clock_mhz"] == 345.0
    rows = results["gpu"]
    assert [(r["case"], r["dtype"]) for r in rows] == [(n, d) for n in WORKLOADS for d in DTYPES]
    for r in rows:
        programs = {"symkernel"}
        programs |= {"kernels alone"} if r["kind"] == "gram" else set()
        programs |= {"cupy cholesky"} if r["kind"] == "fit" else set()
        programs |= {"torch loop"} if importlib.util.find_spec("torch") else set()
        assert r["results"].keys() == programs
        for measured in r["results"].values():
            assert 0 < measured["least"] <= measured["median"] <= measured["most"]
            assert measured["repeats"] >= 1
        workload = WORKLOADS[r["case"]]
        assert r["pairs"] == r["results"]["symkernel"]["pairs"] == workload.pairs(140)
        assert r["floor_seconds"] == min(r["floors"].values())
        assert (
            r["floor_seconds"] == runner.floors_of(CEILINGS, workload, r["dtype"], 140)[0].seconds
        )
        assert r["fraction_of_floor"] == pytest.approx(
            r["floor_seconds"] / r["results"]["symkernel"]["median"]
        )
        assert 0 <= r["error"] <= answers.FIT_TOLERANCE[r["dtype"]]
    text = json.dumps(results)
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
    # The tables are shown, and are what `symkernel bench` makes of the file.
    assert report.format_results(results) in captured.out
    for workload in WORKLOADS.values():
        assert captured.out.count(f"| {workload.title} ") == 2
    assert "Stand-In 1000, 2 multiprocessors at 1.50 GHz under load" in captured.out
    # 20e12 / (2 * 1.5e9) and 1e12 / (2 * 1.2e9)
    assert "| 20 TFMA/s (6.67e+03 a clock and SM) | 10 TFMA/s" in captured.out
    assert "| 1 Texp/s (417 a clock and SM) " in captured.out


def test_results_are_compared_and_written_into_a_page(run, tmp_path, capsys):
    _, results = run("--case", "octahedral", "--case", "fit")
    slower = copy.deepcopy(results)
    slower["machine"]["gpu"] = "Another 2000"
    for row in slower["gpu"]:
        row["results"]["symkernel"]["median"] *= 2
    before, after, page = (tmp_path / n for n in ("before.json", "after.json", "page.md"))
    report.save(results, before)
    report.save(slower, after)
    capsys.readouterr()
    assert cli.main(["bench", "compare", str(before), str(after), "--at-most", "1.5"]) == 1
    text = capsys.readouterr().out
    assert text.count("2.00") == len(results["gpu"]) == 4
    assert "octahedral on a GPU, float64: symkernel" in text
    assert "Not the same machine: gpu was Stand-In 1000, now Another 2000." in text

    page.write_text(f"a\n{report.BEGIN}\ncpu\n{report.END}\nb\n{tables.BEGIN}\n{tables.END}\nc\n")
    arguments = ["bench", "page", str(before), "--page", str(page)]
    assert cli.main(arguments) == 1
    assert "quick run, which measures nothing" in capsys.readouterr().err
    report.save({**results, "quick": False}, before)
    assert cli.main(arguments) == 0
    text = page.read_text()
    assert text.startswith(f"a\n{report.BEGIN}\ncpu\n{report.END}\nb\n{tables.BEGIN}\n| on the GPU")
    assert text.endswith(f"{tables.END}\nc\n")
    assert text.count(WORKLOADS["octahedral"].title) == text.count(WORKLOADS["fit"].title) == 2
    assert "limited by" not in text
    report.save({**results, "quick": False, "gpu": [{"failed": "so"}]}, before)
    assert cli.main(arguments) == 1
    assert "no workload that was measured" in capsys.readouterr().err


def test_the_documentation_has_a_place_for_both():
    text = (ROOT / "docs/benchmarks.md").read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1
    assert text.count(tables.BEGIN) == text.count(tables.END) == 1
    assert text.index(report.END) < text.index(tables.BEGIN) < text.index(tables.END)


def test_a_wrong_answer_is_told_and_the_others_are_measured(run, no_card, monkeypatch, capsys):
    def nearly(kernel, action, x, y, k, stream):
        k[...] = cpu._cpu.gram(kernel, action, x, y, 1)
        k[-1, 0] = k[0, -1] = 1.001 * k[0, -1]

    monkeypatch.setattr(device.module(), "gram", nearly)
    status, results = run("--case", "images", "--case", "matvec", "--dtype", "float64")
    assert status == 1
    wrong, right = results["gpu"]
    assert re.match(r"AssertionError: symkernel differs from NumPy on images", wrong["failed"])
    assert wrong["results"] == {}
    assert "failed" not in right
    out = capsys.readouterr().out
    assert f"not measured: images, float64: {wrong['failed']}" in out
    assert re.search(r"\| 8 rotations .* \| float64 \| failed", out)


@pytest.mark.parametrize("fault", ["nan", "asymmetric"])
def test_entries_that_were_never_written_are_found(run, monkeypatch, fault):
    def careless(kernel, action, x, y, k, stream):
        K = cpu._cpu.gram(kernel, action, x, y, 1)
        keep = K[70, 90]
        k[...] = K
        k[70, 90] = np.nan if fault == "nan" else keep * (1 + 1e-15)

    monkeypatch.setattr(device.module(), "gram", careless)
    monkeypatch.setattr(answers, "sampled", lambda n, count=64: np.arange(5))
    status, results = run("--case", "images", "--dtype", "float64")
    assert status == 1
    message = "contains NaN" if fault == "nan" else "is not symmetric"
    assert message in results["gpu"][0]["failed"]


def test_a_peer_that_fails_does_not_undo_the_rest(run, monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.setattr(torch_peers, "orbit_loop", lambda *a: lambda X, Y: 1.001 * X @ Y.T)
    status, results = run("--case", "images", "--dtype", "float64")
    assert status == 1
    (row,) = results["gpu"]
    assert row["peer_failed"].startswith("torch loop: AssertionError: PyTorch differs")
    assert row["results"].keys() == {"symkernel", "kernels alone"}
    assert "not measured: images, float64: torch loop" in capsys.readouterr().out


def test_no_workload_is_begun_after_the_deadline(run):
    status, results = run("--budget", "1e-9", "--case", "images")
    assert status == 1
    for row in results["gpu"]:
        assert row["failed"] == "TimeoutError: the time for the benchmark was over"


def test_too_little_memory_is_told_beforehand(run, no_card):
    no_card.cuda.runtime.memGetInfo = lambda: (10**5, 10**9)
    _, results = run("--case", "fit", "--case", "matvec", "--dtype", "float64")
    fit, product = sorted(results["gpu"], key=lambda r: r["case"])
    assert fit["failed"] == ("MemoryError: 0.0 GB of the card's memory are needed, 0.0 GB are free")
    assert "failed" not in product  # stores no matrix


def test_a_slow_product_is_timed_on_fewer_rows(run, monkeypatch, capsys):
    ticks = iter([1e3, *[10.0] * 100])  # a 70th of the rows took 1000 s
    monkeypatch.setattr(card, "cupy_stopwatch", lambda xp: lambda call: (call(), next(ticks))[1])
    status, results = run("--case", "matvec", "--dtype", "float64")
    assert status == 0
    (row,) = results["gpu"]
    part = 140 // library._PART
    assert row["rows"] == int(140 * library._LONGEST / (1e3 * 140 / part)) or row["rows"] == 1
    measured = row["results"]["symkernel"]
    assert measured["pairs"] == row["rows"] * 140
    # Its time stands for that part of all rows only.
    whole = measured["median"] * 140 / row["rows"]
    assert tables.whole(row, "symkernel") == pytest.approx(whole)
    assert row["fraction_of_floor"] == pytest.approx(row["floor_seconds"] / whole)
    assert f"140 ({row['rows']} rows)" in capsys.readouterr().out


def test_check_asserts_answers_only(no_card, monkeypatch, capsys):
    allocators = []
    no_card.cuda.set_allocator = allocators.append
    assert main.main(["--check"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "all answers are right\n"
    assert len(captured.err.splitlines()) == 2 * len(WORKLOADS)
    assert allocators == [None]
    monkeypatch.setattr(answers, "TOLERANCE", {"float64": 0.0, "float32": 1.0})
    assert main.main(["--check", "--case", "so3"]) == 1
    assert capsys.readouterr().out == "1 failed\n"


# ---- without a card ---------------------------------------------------------------------------


def test_without_a_gpu_the_program_ends_with_a_sentence():
    if not device.why_unavailable():
        pytest.skip("there is a GPU")
    arguments = [sys.executable, "-m", "symkernel.bench.gpu"]
    finished = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert finished.stderr == (
        f"symkernel.bench.gpu: no GPU can be used: {device.why_unavailable()}\n"
    )


def test_an_emulated_module_is_not_timed(monkeypatch, capsys):
    fake = types.SimpleNamespace(emulated=True, why_unavailable=lambda: "")
    monkeypatch.setattr(device, "module", lambda: fake)
    assert main.main([]) == 1
    assert "SYMKERNEL_CUDA=EMULATE" in capsys.readouterr().err


def test_without_cupy_the_extra_is_named(monkeypatch, capsys):
    fake = types.SimpleNamespace(emulated=False, why_unavailable=lambda: "")
    monkeypatch.setattr(device, "module", lambda: fake)
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert main.main([]) == 1
    assert "pip install 'symkernel[cuda13]'" in capsys.readouterr().err


def test_list_names_every_workload(capsys):
    assert main.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(WORKLOADS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--case", "nothing"], "invalid choice: 'nothing'"),
        (["--dtype", "float16"], "invalid choice: 'float16'"),
        (["--budget", "0"], "must be positive, got 0"),
        (["--budget", "nan"], "must be positive, got nan"),
        (["--budget", "soon"], "invalid _seconds value: 'soon'"),
        (["results"], "unrecognized arguments: results"),
    ],
)
def test_unusable_arguments_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        main.main(arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
