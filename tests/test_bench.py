"""The benchmarks: every case and peer gives the asserted answer, and reports are well formed."""

import copy
import dataclasses
import importlib
import json
import subprocess
import sys
from itertools import permutations
from math import factorial
from pathlib import Path

import numpy as np
import oracles
import pytest
from symkernel import cli
from threadpoolctl import threadpool_info

bench = importlib.import_module("symkernel.bench")
(
    canonical, closed_forms, formulas, grams, group_orders, memory, nuclear, peers,
    permutation_groups, plain, programs, report, runner, timing,
) = (
    importlib.import_module(f"symkernel.bench.{name}")
    for name in (
        "canonical", "closed_forms", "formulas", "grams", "group_orders", "memory", "nuclear",
        "peers", "permutation_groups", "plain", "programs", "report", "runner", "timing",
    )
)  # fmt: skip

GRAMS = [case.name for case in grams.GRAM_CASES]
FORMS = [case.name for case in closed_forms.FORM_CASES]
BATCHES = [case.name for case in canonical.CANONICAL_CASES]
SO3, PERMANENTS = closed_forms.FORM_CASES


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One quick run through the command line, of the cases that need no optional peer."""
    path = tmp_path_factory.mktemp("bench") / "results.json"
    arguments = ["bench", "--quick", "--threads", "1", "2", "--json", str(path)]
    names = [*GRAMS, *FORMS, *BATCHES, "program-ring", "group-order", "matrix-order", "nuclear"]
    arguments += ["--case=" + name for name in names]
    arguments += ["--peer=numpy", "--peer=scikit-learn", "--peer=numpy + scikit-learn"]
    arguments += ["--peer=numpy + scipy", "--peer=rotation grid"]
    assert cli.main(arguments) == 0
    return report.load(path)


def test_list_names_every_case(capsys):
    assert cli.main(["bench", "--list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [case.name for case in runner.CASES]


def test_results_hold_machine_facts_and_no_places(results):
    facts = results["machine"]
    assert facts["cores"] >= 1
    assert {"cpu", "isa", "blas", "system", "python", "date", "commit"} <= facts.keys()
    assert {"symkernel", "numpy", "scipy", "scikit-learn"} <= facts["versions"].keys()
    text = json.dumps(results)
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


def test_gram_results_have_rates_and_a_fraction(results):
    rows = results["grams"]
    assert [(r["case"], r["threads"]) for r in rows] == [(n, t) for n in GRAMS for t in (1, 2)]
    for r in rows:
        assert r["results"].keys() == {"symkernel", "numpy", "scikit-learn"}
        for measured in r["results"].values():
            assert 0 < measured["least"] <= measured["median"] <= measured["most"]
        assert r["multiply_adds_per_second"] > 0
        # No upper bounds: a quick probe on a busy machine says little.
        assert r["fraction_of_machine"] > 0
        assert min(r["exps_per_second"], r["peak_exps_per_second"]) > 0


def test_closed_form_results_count_pairs(results):
    rows = results["closed_forms"]
    assert [(r["case"], r["threads"]) for r in rows] == [(n, t) for n in FORMS for t in (1, 2)]
    for r, case in zip(rows, [SO3, SO3, PERMANENTS, PERMANENTS], strict=True):
        assert r["method"] == "closed_form"
        assert r["results"].keys() == {"symkernel", *case.rivals} - {"thewalrus"}
        assert r["results"]["symkernel"]["pairs"] == case.quick_n**2
        for name, measured in r["results"].items():
            assert 0 < measured["least"] <= measured["median"] <= measured["most"]
            if name != "symkernel":
                rows_timed = min(case.rivals[name].rows, case.quick_n)
                assert measured["pairs"] == rows_timed * case.quick_n
        assert r["fraction_of_machine"] > 0


def test_canonical_results_count_samples(results):
    rows = results["canonical"]
    assert [(r["case"], r["threads"]) for r in rows] == [(n, t) for n in BATCHES for t in (1, 2)]
    for r in rows:
        assert r["results"].keys() == {"symkernel", "numpy"}
        for measured in r["results"].values():
            assert 0 < measured["least"] <= measured["median"] <= measured["most"]
            assert measured["samples"] == r["samples"]
    text = report.format_results(results)
    assert all(case.title in text for case in canonical.CANONICAL_CASES)


@pytest.mark.parametrize("case", canonical.CANONICAL_CASES, ids=BATCHES)
def test_batch_peers_agree(case):
    X = case.data(quick=True)
    ours = case.ours(X, 1)
    for name, rival in case.rivals.items():
        if peers.installed(name):
            np.testing.assert_allclose(rival.form(X), ours, rtol=0.0, atol=case.tolerance)
    assert peers.installed("plain C++") == (plain.compiler() is not None)


def test_group_orders_are_those_of_the_literature(results):
    rows = results["group_orders"]
    known = (permutation_groups.known_orders(True), group_orders.known_matrix_orders(True))
    assert [r["title"] for r in rows] == [name for groups in known for name in groups]
    assert "order of a group" in report.format_results(results)
    rows, order = permutation_groups.known_orders(True)["M24"]
    assert group_orders.our_order(rows) == order
    if peers.installed("sympy"):
        assert group_orders.sympy_order(rows) == order
    wrong = dataclasses.replace(group_orders.ORDER_CASES[0], ours=lambda rows: 7)
    with pytest.raises(AssertionError, match="symkernel finds another order than 4325"):
        runner._run_orders(wrong, [], timing.QUICK, True)
    for matrices, order in group_orders.known_matrix_orders(False).values():
        assert group_orders.our_matrix_order(matrices) == order


def test_program_results_have_memory_and_equal_errors(results):
    (program,) = results["programs"]
    ours, peer = (program["results"][n] for n in ("symkernel", "numpy + scikit-learn"))
    assert ours["error"] == pytest.approx(peer["error"], rel=1e-9)
    assert ours["peak_bytes"] >= 0
    assert ours["difference"] < 1e-10


def test_solve_results_are_accurate(results):
    (solve,) = results["solves"]
    (case,) = nuclear.NUCLEAR_CASES
    assert solve["samples"] == len(case.task(True).targets)
    assert solve["results"]["symkernel"]["error"] <= case.accuracy
    assert case.title in report.format_results(results)


@pytest.mark.filterwarnings("ignore")  # of the peer, on import
def test_conic_solver_finds_the_same_interpolant():
    (case,) = nuclear.NUCLEAR_CASES
    task = case.task(True)
    if not peers.installed(nuclear.SCS):
        pytest.skip(f"{nuclear.SCS} is not installed")
    found = case.run(nuclear.SCS, task)
    np.testing.assert_allclose(task.features @ found, task.targets, atol=1e-4)
    assert case.error(found, case.solution(task)) < case.accuracy


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the peers, on import
@pytest.mark.parametrize("case", grams.GRAM_CASES, ids=GRAMS)
@pytest.mark.parametrize("name", peers.GRAM_PEERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gram_peers_agree_with_the_definition(case, name, dtype):
    if not peers.installed(name):
        pytest.skip(f"{name} is not installed")
    X, Y = (None if Z is None else Z[:7] for Z in case.data(dtype, quick=True))
    Z = X if Y is None else Y
    expected = np.mean(
        [
            np.exp(-case.gamma * ((X[:, None] - peers.move(Z, *g)[None]) ** 2).sum(axis=2))
            for g in case.orbit()
        ],
        axis=0,
    )
    K = peers.gram_peer(name)(X, Y, case.orbit(), case.gamma)
    assert K.dtype == dtype
    np.testing.assert_allclose(K, expected, rtol=1e-12 if dtype == np.float64 else 2e-5)


@pytest.mark.parametrize("case", grams.GRAM_CASES, ids=GRAMS)
def test_orbits_are_the_elements_of_the_group(case):
    x = np.random.default_rng(0).standard_normal(case.group().degree)
    ours = [element.apply(x) for element in case.group().elements()]
    theirs = [peers.move(x[None], *g)[0] for g in case.orbit()]
    assert len(ours) == len(theirs) == case.group().order
    np.testing.assert_allclose(*(np.unique(np.round(o, 12), axis=0) for o in (ours, theirs)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the peers, on import
@pytest.mark.parametrize("case", programs.PROGRAM_CASES, ids=lambda case: case.name)
def test_programs_predict_alike(case):
    task = case.task(True)
    expected = case.run("symkernel", task, 1)
    for name in case.programs[1:]:
        if peers.installed(name):
            np.testing.assert_allclose(
                case.run(name, task, 1), expected, atol=1e-8 * np.abs(expected).max()
            )


def test_rotation_formulas_give_the_reference_value():
    X, Y = (oracles.cloud(4, 3, a).reshape(1, 12) for a in (1.3, 0.7))
    mirrored = (Y.reshape(4, 3) * [1, 1, -1]).reshape(1, 12)
    for other, value in ((Y, 0.006275149332835945), (mirrored, 0.0064089692355477085)):
        for K in (
            formulas.fisher_gram(X, other, 1.0, 40),
            formulas.grid_gram(X, other, 1.0, 1, 40),
        ):
            np.testing.assert_allclose(K, value, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rotation_peers_are_as_accurate_as_asked_and_no_more(dtype):
    """With fewer nodes the hardest of the timed pairs would miss the tolerance."""
    X, Y = SO3.data(dtype)
    hardest = np.argsort(-(Y**2).sum(axis=1))[:60]
    truth = SO3.truth(X[:16].astype(float), Y[hardest].astype(float), SO3.length_scale)
    name = np.dtype(dtype).name
    nodes, degree = formulas.FISHER_NODES[name], formulas.GRID_DEGREE[name]

    def error(K):
        assert K.dtype == dtype
        return np.max(np.abs(K - truth) / truth)

    arguments = X[:16], Y[hardest], SO3.length_scale
    assert error(formulas.fisher_peer(*arguments, 1)) <= runner.GRAM_TOLERANCE[name]
    assert error(formulas.grid_peer(*arguments, 1)) <= runner.GRAM_TOLERANCE[name]
    assert error(formulas.fisher_gram(*arguments, nodes - 2)) > runner.GRAM_TOLERANCE[name]
    assert error(formulas.grid_gram(*arguments, 1, degree - 4)) > runner.GRAM_TOLERANCE[name]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the peers, on import
@pytest.mark.parametrize("name", PERMANENTS.rivals)
@pytest.mark.parametrize("n", [2, 5, 6])
def test_permanent_peers_agree_with_the_definition(name, n):
    if not peers.installed(name):
        pytest.skip(f"{name} is not installed")
    X, Y = np.random.default_rng(0).standard_normal((2, 3, n))
    terms = [
        np.exp(-((X[:, None] - Y[None][:, :, list(p)]) ** 2).sum(axis=2) / (2 * 1.3**2))
        for p in permutations(range(n))
    ]
    K = PERMANENTS.rivals[name].gram(X, Y, 1.3, 1)
    assert len(terms) == factorial(n)
    np.testing.assert_allclose(K, np.mean(terms, axis=0), rtol=1e-13)


def test_a_wrong_answer_is_not_timed(monkeypatch):
    case = grams.GRAM_CASES[0]
    monkeypatch.setattr(peers, "sklearn_gram", lambda *a: 1.001 * peers.numpy_gram(*a))
    with pytest.raises(AssertionError, match=r"scikit-learn differs .* by 1\.0e-03"):
        runner._run_gram(case, "float64", [1], ["scikit-learn"], timing.QUICK, True)


def test_a_wrong_closed_form_is_not_timed(monkeypatch):
    monkeypatch.setitem(formulas.FISHER_NODES, "float64", 4)
    with pytest.raises(AssertionError, match=r"numpy \+ scipy differs .* on so3; at most 1e-12"):
        runner._run_form(SO3, "float64", [1], ["numpy + scipy"], timing.QUICK, True)


def test_peak_memory_sees_what_was_freed_again():
    program = (
        "from symkernel.bench import memory\n"
        "before = memory.resident_bytes()\n"
        "block = bytearray(80 * 2**20)\n"
        "del block\n"
        "print(memory.peak_bytes() - before)"
    )
    arguments = [sys.executable, "-c", program]
    run = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert 79 * 2**20 < int(run.stdout) < 120 * 2**20


def test_interleaving_goes_round_after_round():
    calls = []
    timing.interleave({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")},
                      timing.QUICK)  # fmt: skip
    assert calls == ["a", "b", "a", "b"]


def test_interleaving_sets_the_threads_of_every_call():
    calls = []
    timing.interleave(
        {count: lambda: calls.append(openmp_threads()) for count in (1, 2)},
        timing.QUICK,
        timing.threads,
    )
    assert calls == [{1}, {2}, {1}, {2}]


def openmp_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}


def test_compare_reports_ratios_and_can_fail(results, tmp_path, capsys):
    slower = copy.deepcopy(results)
    slower["machine"]["cores"] += 1
    for r in (*slower["grams"], *slower["closed_forms"]):
        r["results"]["symkernel"]["median"] *= 2
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    report.save(results, before)
    report.save(slower, after)
    assert cli.main(["bench", "compare", str(before), str(after)]) == 0
    text = capsys.readouterr().out
    assert text.count("2.00") == len(results["grams"]) + len(results["closed_forms"])
    assert "Not the same machine: cores" in text
    assert cli.main(["bench", "compare", str(before), str(after), "--at-most", "1.5"]) == 1
    assert "slower by a factor of 2.00" in capsys.readouterr().err


def test_tables_are_written_between_the_markers(results, tmp_path, capsys):
    page, path = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.save(results, path)
    arguments = ["bench", "page", str(path), "--page", str(page)]
    assert cli.main(arguments) == 1  # a quick run measures nothing
    assert "quick" in capsys.readouterr().err
    report.save({**results, "quick": False}, path)
    assert cli.main(arguments) == 0
    text = page.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n|")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "old" not in text
    for case in (*grams.GRAM_CASES, *closed_forms.FORM_CASES):
        assert text.count(case.title) == 1


def test_results_of_earlier_versions_can_be_read(results):
    old = {key: value for key, value in results.items() if key != "closed_forms"}
    assert SO3.title not in report.format_results(old)
    text, ratio = report.compare(old, results)
    assert ratio == 1.0
    assert "so3" not in text
    assert "closed form" not in report.page_section({**old, "quick": False}, "symkernel bench")


def test_files_that_are_no_results_are_refused(tmp_path, capsys):
    path = tmp_path / "other.json"
    for text, message in (("nonsense", "is not JSON"), ('{"schema": 0}', "holds no results")):
        path.write_text(text)
        assert cli.main(["bench", "compare", str(path), str(path)]) == 1
        assert message in capsys.readouterr().err
