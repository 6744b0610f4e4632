"""Shared set-up of the test suite."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path

# tests/ holds plain modules (oracles, catalog) that the tests import by name.
sys.path.insert(0, str(Path(__file__).parent))
# One process per core: each computes on one thread, and threads that wait sleep.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# The CUDA module built for tests without a GPU comes with a stand-in for CuPy.
if importlib.util.find_spec("symkernel._cuda") is not None and (
    importlib.import_module("symkernel._cuda").emulated
):
    from device import stand_in

    stand_in.install()


def pytest_addoption(parser):
    parser.addoption("--share", default="0/1", metavar="I/N", help="of tests marked full: which")


def pytest_configure(config):
    """Make whole products where -m asks for them, before test files are imported."""
    import covering

    covering.ask(config.option.markexpr, config.option.share)


def pytest_collection_modifyitems(config, items):
    """Leave out what is marked full, products or single long tests, unless -m names it."""
    if "full" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[i for i in items if i.get_closest_marker("full")])
        items[:] = [i for i in items if not i.get_closest_marker("full")]
