"""A symmetry broken by degrees: the soft kernel against plain, invariant, and the sum of both."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "soft_symmetry.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("soft_symmetry", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_target_is_symmetric_where_nothing_breaks_it(example):
    X = np.random.default_rng(0).standard_normal((5, 8))
    turned = example.G.sample(1, random_state=0)[0].apply(X)
    assert np.allclose(example.target(X, 0.0), example.target(turned, 0.0))
    assert not np.allclose(example.target(X, 0.5), example.target(turned, 0.5), atol=0.01)


@pytest.mark.full
@pytest.mark.parametrize("eps", [0.5, 2.0])
def test_soft_is_best_where_symmetry_is_broken(example, eps):
    runs = [example.errors(eps, seed)[0] for seed in range(3)]
    mean = {name: np.mean([run[name] for run in runs]) for name in runs[0]}
    assert mean["soft"] < 0.95 * min(mean[name] for name in mean if name != "soft")


@pytest.mark.full
def test_soft_costs_little_where_symmetry_holds(example):
    runs = [example.errors(0.0, seed)[0] for seed in range(3)]
    mean = {name: np.mean([run[name] for run in runs]) for name in runs[0]}
    assert mean["soft"] < 1.1 * mean["invariant"] < 0.5 * mean["plain"]
