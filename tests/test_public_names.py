"""What is exported: every name at one door, every error in one module."""

from __future__ import annotations

import importlib
import pkgutil

import symkernel
from symkernel import exceptions

SUBPACKAGES = [f"symkernel.{info.name}" for info in pkgutil.iter_modules(symkernel.__path__)]


def _modules():
    for info in pkgutil.walk_packages(symkernel.__path__, "symkernel."):
        if not info.name.startswith(("symkernel._cuda", "symkernel.bench")):
            try:
                yield importlib.import_module(info.name)
            except ModuleNotFoundError as missing:  # what needs ASE, without it
                assert missing.name == "ase"


def _doors():
    for name in ("symkernel", "symkernel.exceptions", *sorted(set(SUBPACKAGES))):
        module = importlib.import_module(name)
        if hasattr(module, "__path__") and not name.endswith(
            (".bench", ".validation", ".backends")
        ):
            for public in getattr(module, "__all__", ()):
                yield name, public, getattr(module, public)


def test_errors_and_warnings_live_in_one_module():
    public = {
        thing
        for module in _modules()
        for name, thing in vars(module).items()
        if isinstance(thing, type)
        and issubclass(thing, Exception)
        and thing.__module__.startswith("symkernel.")
        and not name.startswith("_")
    }
    assert {thing.__name__ for thing in public} == set(exceptions.__all__)
    assert {thing.__module__ for thing in public} == {"symkernel.exceptions"}


def test_every_error_of_a_method_that_does_not_apply_is_a_value_error():
    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), ValueError | UserWarning), name


def test_every_name_has_one_door():
    doors = {}
    for module, name, thing in _doors():
        if callable(thing):
            doors.setdefault(thing, []).append(f"{module}.{name}")
    twice = {tuple(found) for found in doors.values() if len(found) > 1}
    assert twice == {("symkernel.InvariantKernel", "symkernel.kernels.InvariantKernel")}


def test_every_public_thing_is_documented():
    for module, name, thing in _doors():
        assert name == "__version__" or (thing.__doc__ or "").strip(), f"{module}.{name}"
