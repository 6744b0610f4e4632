"""The ethanol example on real data, smaller than as published."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "examples" / "rmd17_ethanol.py"


def load_example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rmd17_ethanol", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


example = load_example()
FOLDER = example.default_folder()
needs_data = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason=f"data folder {FOLDER} is absent; set SYMKERNEL_DATA to the folder holding rmd17/",
)


@pytest.fixture(scope="module")
def splits():
    return example.load(FOLDER)


@pytest.mark.data
@needs_data
def test_the_molecule_has_six_permutations(splits):
    train, _ = splits
    permutations = example.atom_permutations(train.z, train.R)
    group = example.pair_group(permutations)
    assert (group.order, group.degree) == (6, 36)
    X = example.inverse_distances(train.R[:3])
    images = {tuple(g.apply(X[0])) for g in group.elements()}
    for p in permutations:  # the action on pairs is the action on atoms
        assert tuple(example.inverse_distances(train.R[:1, p])[0]) in images


@pytest.mark.data
@needs_data
def test_symmetry_halves_the_error(splits):
    train, test = splits
    group = example.pair_group(example.atom_permutations(train.z, train.R))
    train, test = train.take(np.arange(300)), test.take(np.arange(500))
    grids = {
        "length_scales": (1.0, 3.0, 5.0, 7.0, 10.0, 20.0, 40.0),
        "alphas": 10.0 ** np.arange(-12.0, -3.5),
    }
    plain = example.evaluate("plain", None, train, test, **grids)
    invariant = example.evaluate("invariant", group, train, test, **grids)
    assert invariant.mae < 0.6 * plain.mae
    assert invariant.mae < 60.0
    assert "invariant / plain" in example.table(plain, invariant)


def test_absent_data_is_said_plainly(tmp_path, capsys):
    assert example.main([str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "rmd17/ethanol.npz" in message.replace("\\", "/") and "SYMKERNEL_DATA" in message
