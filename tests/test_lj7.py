"""The Lennard-Jones example on real data, smaller than it runs by itself."""

from __future__ import annotations

import numpy as np
import pytest
from test_rmd17 import load_example, needs_data

load_example("rmd17_ethanol")  # the example imports it by name
lj7 = load_example("lj7_clusters")


@pytest.mark.data
@needs_data
def test_permutations_and_motions_help(tmp_path):
    X, y = lj7.load(lj7.default_folder())
    errors = lj7.learning_curves(X, y, (10, 40), 40, (0.6, 1.0))
    assert list(errors) == list(lj7.symmetries())
    for plain, motions, both in zip(*errors.values(), strict=True):
        assert both < 0.8 * min(plain, motions)
    assert "motions and permutations" in lj7.table((10, 40), errors, 1.0)
    lj7.draw((10, 40), errors, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.data
@needs_data
def test_kernel_of_clusters_is_invariant():
    X = lj7.load(lj7.default_folder())[0][:3]
    group = lj7.symmetries()["motions and permutations"]
    kernel = lj7.InvariantKernel(lj7.RBF(0.6), group)
    assert "5,040 permutations" in str(kernel.plan())
    (g,) = group.sample(1, random_state=0)
    np.testing.assert_allclose(kernel(g.apply(X), X), kernel(X), rtol=1e-11)


def test_absent_data_is_said_plainly(tmp_path, capsys):
    assert lj7.main([str(tmp_path)]) == 1
    assert "lj/lj7_mc.npz" in capsys.readouterr().err.replace("\\", "/")
