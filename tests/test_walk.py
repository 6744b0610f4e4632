"""The walk in CONTRIBUTING.md goes where the code goes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from symkernel import InvariantKernelRidge, groups

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d) \| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)


def _hops():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    hops = [(path, name) for _, path, name in ROW.findall(text)]
    assert 1 < len(hops) <= 8
    return hops


def test_every_hop_stands_where_it_is_said_to():
    for path, name in _hops():
        assert re.search(rf"\b{name}\(", (ROOT / path).read_text()), f"{path}: {name}"


def test_a_prediction_takes_the_hops_in_their_order():
    X = np.random.default_rng(0).normal(size=(12, 5))
    group = groups.PermutationGroup([[1, 0, 2, 3, 4], [0, 1, 3, 4, 2]])
    model = InvariantKernelRidge(0.1, kernel="rbf", group=group).fit(X, X.sum(axis=1))
    assert model.plan().method == "sum"
    calls = []

    def note(frame, event, argument):
        if event == "call":
            calls.append((Path(frame.f_code.co_filename).as_posix(), frame.f_code.co_name))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        model.predict(X[:1])
    finally:
        sys.setprofile(before)
    seen = iter(calls)
    for path, name in _hops():
        if path.endswith(".py"):
            inside = path.removeprefix("python/")
            assert any(file.endswith(inside) and called == name for file, called in seen), path
