"""The ethanol example on real data, smaller than as published."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def load_example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


example = load_example("rmd17_ethanol")
cartesian = load_example("ethanol_cartesian")  # imports the one above by name
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


@pytest.mark.data
@needs_data
@pytest.mark.filterwarnings("ignore::symkernel.exceptions.GridEdgeWarning")  # of the plain kernel
def test_raw_coordinates_need_all_of_the_symmetry(splits):
    train, test = splits
    train, test = train.take(np.arange(300)), test.take(np.arange(300))
    results = cartesian.compare(train, test)
    plain, motions, invariant = (r.mae for r in results)
    assert invariant < 0.7 * motions < 0.7 * plain
    assert invariant < 60.0
    assert "invariant / plain" in example.table(*results)


@pytest.mark.data
@needs_data
def test_moved_and_relabelled_molecules_keep_their_kernel(splits):
    train, _ = splits
    group = cartesian.symmetry(example.atom_permutations(train.z, train.R))
    assert group.dim == 6
    kernel = cartesian.InvariantKernel(cartesian.RBF(2.0), group)
    X = cartesian.positions(train.R[:5])
    for g in group.sample(5, random_state=0):
        np.testing.assert_allclose(kernel(g.apply(X), X), kernel(X), rtol=1e-11)


@pytest.mark.parametrize("script", [example, cartesian], ids=["distances", "cartesian"])
def test_absent_data_is_said_plainly(script, tmp_path, capsys):
    assert script.main([str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "rmd17/ethanol.npz" in message.replace("\\", "/") and "SYMKERNEL_DATA" in message
