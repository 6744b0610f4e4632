"""The tables of large permanents: named in the plan, and threads capped by the memory there is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF
from symkernel import InvariantKernel, groups
from symkernel.backends import forms


@pytest.mark.parametrize(
    ("group", "megabytes"),
    [
        (groups.Symmetric(24), 134),
        (groups.Hyperoctahedral(24), 134),
        (groups.Symmetric(12), None),
        (groups.Cyclic(24), None),
    ],
)
def test_plans_name_them(group, megabytes):
    words = str(InvariantKernel(RBF(1.0), group).plan())
    assert ("tables of up to" in words) == (megabytes is not None)
    if megabytes is not None:
        assert f"tables of up to {megabytes} MB per thread" in words


@pytest.fixture
def asked(monkeypatch):
    """Threads that the native module was asked for, which computes nothing."""
    threads = []

    def note(*arguments):
        threads.append(arguments[-1])
        return np.zeros((1, 1))

    for name in ("gram", "gram_packed", "gram_gradient", "matvec", "gradient_x"):
        monkeypatch.setattr(forms._cpu, name, note)
    return threads


def table(points):
    return forms.FormTable(
        "permanents",
        np.arange(points, dtype=np.int32)[None],
        ((points, 1),),
        np.arange(points),
    )


RATES = forms.Rates(np.ones(1), np.ones((1, 1)), np.zeros((1, 1)))


@pytest.mark.parametrize(
    ("points", "available", "jobs", "expected"),
    [
        (24, 10**12, 4, 4),
        (24, 3 * 2**27, 4, 3),
        (24, 2**27, 4, 1),
        (12, 10**6, 4, 4),  # little: not asked for
    ],
)
def test_threads_are_capped(monkeypatch, asked, points, available, jobs, expected):
    monkeypatch.setattr(forms, "resolve_jobs", lambda n_jobs: n_jobs)
    monkeypatch.setattr(forms, "available_bytes", lambda: available)
    monkeypatch.setattr("symkernel.backends.memory.available_bytes", lambda: available)
    X = np.ones((2, points))
    forms.gram(table(points), RATES, X, None, jobs)
    forms.matvec(table(points), RATES, X, X, X, jobs)
    assert asked == [expected, expected]


def test_derivatives_take_more(monkeypatch, asked):
    monkeypatch.setattr(forms, "resolve_jobs", lambda n_jobs: n_jobs)
    monkeypatch.setattr(forms, "available_bytes", lambda: 2**28)
    X = np.ones((2, 20))
    forms.gram(table(20), RATES, X, None, 4)
    forms.gradient_x(table(20), RATES, X, X, X, 4)
    forms.gram_gradient(table(20), RATES, X, None, 4)
    assert asked == [4, 2, 2]


def test_one_that_does_not_fit_is_refused(monkeypatch, asked):
    monkeypatch.setattr("symkernel.backends.memory.available_bytes", lambda: 10**8)
    with pytest.raises(MemoryError, match="The table of permanents of shape"):
        forms.gram(table(24), RATES, np.ones((2, 24)), None, 1)
    assert asked == []
