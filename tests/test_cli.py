"""The ``symkernel`` command."""

import importlib.metadata
import re
import sys

import numpy as np
import pytest
from symkernel import cli, cuda, demo, groups
from symkernel.datasets import digits_under


def test_info_names_versions_threads_and_cuda(capsys):
    assert cli.main(["info"]) == 0
    lines = dict(re.split(r"\s{2,}|(?<=set) |(?<=learn) ", line, maxsplit=1)
                 for line in capsys.readouterr().out.splitlines())  # fmt: skip
    assert lines["symkernel"] == importlib.metadata.version("symkernel")
    assert re.fullmatch(r"(\w+) \(available: .*\1.*\)", lines["instruction set"])
    assert re.fullmatch(r"[1-9]\d* \(.+\)", lines["threads"])
    # whether it was built stands before the reason
    assert lines["CUDA"].endswith(cuda.why_unavailable() or "a GPU can be used")
    assert lines["CUDA"].startswith("built" if cuda.is_built() else "not built")
    for package in ("numpy", "scipy", "scikit-learn"):
        assert lines[package] == importlib.metadata.version(package)


def test_version_option(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert importlib.metadata.version("symkernel") in capsys.readouterr().out


def test_no_command_is_an_error(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main([])
    assert left.value.code == 2
    assert "info" in capsys.readouterr().err


def test_demo_prints_a_table_and_saves_a_picture(tmp_path, capsys):
    picture = tmp_path / "curve.png"
    status = cli.main(["demo", "--n", "100", "30", "--repeats", "1", "--output", str(picture)])
    assert status == 0
    rows = [
        [float(cell) for cell in re.findall(r"\d+\.?\d*", line)]
        for line in capsys.readouterr().out.splitlines()
        if re.match(r"\s+\d+ \|", line)
    ]
    assert [row[0] for row in rows] == [30, 100]
    for _, plain, augmented, invariant, *seconds, gain in rows:
        assert invariant < plain
        assert augmented == pytest.approx(invariant, abs=0.3)  # one test image is 0.2 %
        assert min(seconds) > 0
        assert gain >= 1
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_demo_is_reproducible():
    first, second = (demo.measure([40], n_repeats=1, random_state=3) for _ in range(2))
    for model, errors in first.errors.items():
        np.testing.assert_array_equal(errors, second.errors[model])


def test_sample_gain_reads_the_plain_curve_backwards():
    curve = demo.LearningCurve(
        sizes=(10, 100, 1000),
        errors={
            "plain": np.array([[0.4, 0.2, 0.1]]),
            "augmented": np.zeros((1, 3)),
            "invariant": np.array([[0.2, 0.1, 0.05]]),
        },
        seconds={},
        order=8,
    )
    gains, bounds = zip(*demo.sample_gain(curve), strict=True)
    np.testing.assert_allclose(gains, [10, 10, 1])
    assert bounds == (False, False, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--n", "1"], "n must lie between 2 and 1300"),
        (["demo", "--n", "2000"], "n must lie between 2 and 1300"),
        (["demo", "--n", "20", "--repeats", "0"], "repeats must be at least 1"),
        (["bench", "--case", "nothing"], "unknown case 'nothing'; known: shifts"),
        (["bench", "--peer", "nobody"], "unknown peer 'nobody'; known: numpy"),
        (["bench", "--threads", "0"], "threads must be at least 1"),
        (["bench", "compare", "missing.json", "missing.json"], "missing.json"),
    ],
)
def test_errors_are_one_line_and_status_one(arguments, message, capsys):
    assert cli.main(arguments) == 1
    *progress, last = re.split(r"[\r\n]+", capsys.readouterr().err.strip())
    assert last.startswith("symkernel: ")
    assert message in last
    assert not any("Traceback" in line for line in progress)


def test_demo_names_the_extra_that_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(
        cli.importlib.util, "find_spec", lambda name: None if name == "tqdm" else object()
    )
    assert cli.main(["demo"]) == 1
    assert "tqdm not installed; pip install 'symkernel[demo]'" in capsys.readouterr().err


def test_digits_are_moved_by_elements_of_the_group():
    group = groups.Image((8, 8), "D4")
    X, y = digits_under(group, random_state=1)
    again, _ = digits_under(group, random_state=1)
    np.testing.assert_array_equal(X, again)
    assert X.min() == 0
    assert X.max() == 1
    still, labels = digits_under(groups.Trivial(64), random_state=1)
    np.testing.assert_array_equal(y, labels)
    orbits = np.stack([element.apply(still) for element in group.elements()])
    assert (orbits == X).all(axis=2).any(axis=0).all()
    with pytest.raises(ValueError, match="64 pixels"):
        digits_under(groups.Cyclic(9))


# ---- plan --------------------------------------------------------------------------------------

MOLECULE = "O(3).along(1, (9, 3)) * Translations(3).along(1, (9, 3))"


def test_plan_says_that_it_is_approximate_on_one_line(capsys):
    assert cli.main(["plan", "--kernel", "ArcCosine(2)", "--group", "SO(3)"]) == 0
    out, err = capsys.readouterr()
    assert "approximate" in out
    assert re.fullmatch(r"symkernel: no exact average .*an error of 1e-06.*\n", err)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--kernel", "RBF(1.5)", "--group", MOLECULE], "centre along axis 1 -> matrix Fisher"),
        (["--kernel", "RBF(1.5)", "--group", MOLECULE], "method='closed_form', exact"),
        (["--kernel", "Polynomial(degree=2)", "--group", "cyclic", "--features", "5"], "5 elem"),
        (["--kernel", "Matern(2.0, nu=inf)", "--group", "groups.SignFlips(4)"], "sign flips"),
        (["--kernel", "RBF([1.0, 1.0])", "--group", "Symmetric(2)"], "2 elements"),
        (
            ["--kernel", "RBF()", "--group", "Symmetric(3).along(-2, (3, 2))", "--method", "sum"],
            "6 elements",
        ),
        (
            ["--kernel", "RBF(2 * 0.5)", "--group", "PermutationGroup([[1, 0, 2]])"],
            "2 elements",
        ),
        (["--kernel=RBF()", "--group", "Graph(4, labels='aabb', directed=False)"], "4 elements"),
        (
            ["--kernel=DotProduct(1.0)", "--group=O(3).along_each((0, 1), (3, 3))"],
            "invariant polynomials",
        ),
        (
            ["--kernel=RBF()", "--group=SO(3)", "--method=Quadrature(degree=5)"],
            "icosahedral group, 60 nodes",
        ),
        (
            [
                "--kernel=VonMises(2.0, period=1.0)",
                "--group=SpaceGroup([[[1, 0], [0, 1]], [[-1, 0], [0, 1]]], [[0, 0], [0, 0.5]])",
            ],
            "sum over 2 elements -> signed permuted panels",
        ),
        (
            ["--kernel=RBF()", "--group=Cyclic(9)", "--method=Sample(7)"],
            "7 random elements",
        ),
    ],
)
def test_plan_says_how_the_average_is_computed(arguments, wanted, capsys):
    assert cli.main(["plan", *arguments]) == 0
    assert wanted in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kernel", "group", "message"),
    [
        ("RBF(", "O(3)", "cannot read 'RBF('"),
        ("RBF()", "Nothing(3)", "unknown name 'Nothing'; groups: Alternating"),
        ("RBF()", "__import__('os')", "unknown name '__import__'"),
        ("RBF()", "O.__class__", "is not allowed here"),
        ("RBF()", "O(3).along.__globals__", "is not allowed here"),
        ("RBF()", "O(3).elements()", "is not allowed here"),
        ("RBF()", "[g for g in (1, 2)]", "is not allowed here"),
        ("RBF()", "(lambda: 1)()", "is not allowed here"),
        ("RBF()", "O(*(3,))", "not allowed among arguments"),
        ("RBF()", "O(**{})", "not allowed among arguments"),
        ("RBF()", "O(3)(3)", "cannot be called"),
        ("RBF()", "'x' * 1000000000", "joins two groups or two numbers"),
        ("RBF()", "(3).along(1, (2, 3))", "is no group"),
        ("RBF()", "O(3) * O(2)", "same features"),
        ("RBF()", "O(3).along(1, (9, 2))", "axis 1 of shape (9, 2) has 2"),
        ("RBF()", "O(3, 4, 5)", "O: "),
        ("RBF()", "3", "--group must be a group"),
        ("RBF()", "cyclic", "give --features"),
        ("RBF()", "nothing", "give --features"),
        ("3", "O(3)", "--kernel must be a kernel"),
        ("RBF(-1.0)", "Cyclic(3)", "length_scale must be"),
        ("RBF()", "SpaceGroup([[[1]], [[-1]]])", "does not have the period 1"),
        ("RBF()", "SpaceGroup(231)", "1 to 230"),
        ("RBF()", "-" * 20000 + "3", "nested too deeply"),
    ],
)
def test_plan_refuses_in_one_line(kernel, group, message, capsys):
    assert cli.main(["plan", "--kernel", kernel, f"--group={group}"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("symkernel: ")
    assert message in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--group", "Cyclic(3)", "--features", "4"], "acts on 3 features, not 4"),
        (["--group", "O(3)", "--method", "sum"], "infinitely many"),
        (["--group", "O(3)", "--method", "magic"], "method='magic' is unknown"),
        (["--group", "nothing", "--features", "4"], "symmetric"),
    ],
)
def test_plan_gives_the_reason(options, message, capsys):
    assert cli.main(["plan", "--kernel", "RBF()", *options]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kernel", "group", "words"),
    [
        ("RBF", "Cyclic(4)", "got 'RBF', which is a class: write RBF(...)"),
        ("rbf", "Cyclic", "got 'Cyclic', which is a class: write Cyclic(...)"),
        ("rbf", "Cyclic(2).on(['a', 'b'])", "names columns of no table: give positions"),
    ],
)
def test_classes_and_names_of_columns_are_told_the_way(kernel, group, words, capsys):
    assert cli.main(["plan", "--kernel", kernel, "--group", group, "--features", "4"]) == 1
    assert words in capsys.readouterr().err
