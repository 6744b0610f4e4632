"""The example of canonical forms on real data, smaller than it runs by itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from test_rmd17 import load_example, needs_data

load_example("rmd17_ethanol")  # the example imports it by name
example = load_example("canonical_forms")


@pytest.mark.data
@needs_data
def test_knowing_the_group_helps(tmp_path):
    folder = example.default_folder()
    steels = example.steels(folder)
    problems = (
        example.digits(folder, 300, 200),
        dataclasses.replace(steels, splits=steels.splits[:1]),
    )
    errors = [example.errors_by_learner(problem, copies=4) for problem in problems]
    for problem, found in zip(problems, errors, strict=True):
        for plain, canonical, averaged in found.values():
            assert canonical < plain and averaged < plain
        assert problem.measure in example.table(problem, found)
    for plain, canonical, _ in errors[1].values():  # sets: the forms are worth a factor
        assert canonical < 0.5 * plain
    example.draw(problems, errors, tmp_path / "forms.png")
    assert (tmp_path / "forms.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.data
@needs_data
def test_presentations_lie_on_the_orbit():
    problem = example.steels(example.default_folder(), seed=1)
    other = example.steels(example.default_folder(), seed=2)
    assert (problem.X != other.X).any()
    forms = example.Canonicalizer(problem.group).fit(problem.X)
    np.testing.assert_array_equal(forms.transform(problem.X), forms.transform(other.X))


def test_absent_data_is_said_plainly(tmp_path, capsys):
    assert example.main([str(tmp_path)]) == 1
    assert "mnist/mnist_train_20000.npz" in capsys.readouterr().err.replace("\\", "/")
