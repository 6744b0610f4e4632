"""Nobody imports, at once or later, a module that imports them: the layers within packages.

``lint-imports`` keeps the order of the packages; here the modules of each are in an order too.
"""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import symkernel

ROOT = Path(symkernel.__file__).parent
FILES = {
    ".".join(("symkernel", *file.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): file
    for file in sorted(ROOT.rglob("*.py"))
    if file.relative_to(ROOT).parts[0] != "bench"
}
# The package itself imports what users name, and is imported with every module of it.
MODULES = {name: file.read_text() for name, file in FILES.items() if name != "symkernel"}


def imported(source: str, modules) -> set[str]:
    """Modules that a source imports, in functions too; what only annotations need is left out."""
    tree = ast.parse(source)
    annotations = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and getattr(test.test, "id", "") == "TYPE_CHECKING"
        for body in test.body
        for node in ast.walk(body)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in annotations:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0  # names in full, as everywhere here
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in modules else node.module)
    return found & set(modules)


def in_order(modules: dict[str, str]) -> list[str]:
    """Names of modules, each after those that it imports; CycleError names a circle."""
    known = {name: imported(source, modules) for name, source in modules.items()}
    return list(TopologicalSorter(known).static_order())


def test_circles_are_found():
    one = {"a": "from b import f", "b": "def f():\n    import a.c", "a.c": ""}
    assert in_order(one).index("a.c") < in_order(one).index("b") < in_order(one).index("a")
    for back in ("from a import f", "def g():\n    from a import f", "import a"):
        with pytest.raises(CycleError) as error:
            in_order({**one, "a.c": back})
        assert set(error.value.args[1]) == {"a", "b", "a.c"}
    asked = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import f"
    assert set(in_order({**one, "a.c": asked})) == set(one)


def test_no_module_imports_one_that_imports_it():
    assert len(MODULES) > 250
    order = in_order(MODULES)
    assert order.index("symkernel.groups.base") < order.index("symkernel.groups.product")
    assert order.index("symkernel.backends.execute") < order.index("symkernel.estimators.ridge")
