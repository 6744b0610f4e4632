"""Build the documentation: ``pip install '.[docs]' && sphinx-build -W docs site``.

Pages are Markdown. The reference is made here, in ``docs/api/``: one page for every name in the
``__all__`` of a public package; and in ``docs/gallery/`` one for every example, which is not run.
Neither folder is under version control.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from importlib.metadata import version as installed_version
from pathlib import Path
from types import ModuleType
from typing import Any

import symkernel

project = "symkernel"
author = "The symkernel developers"
project_copyright = author
release = version = installed_version("symkernel")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
]
exclude_patterns = ["_templates"]
templates_path = ["_templates"]
html_theme = "furo"  # light and dark, as the reader's system says
html_title = f"symkernel {release}"
html_show_sourcelink = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # docstrings say what is expected, in words
autosummary_generate = True
numpydoc_show_class_members = False  # the pages of classes list their methods themselves
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

HERE = Path(__file__).parent
# Packages whose names are for the library itself, or for the command line.
INTERNAL = {"backends", "bench", "cli", "expressions", "validation"}
INTRODUCTION = [
    "Reference",
    "=========",
    "",
    "Every public name, with its parameters, shapes, errors, cost and an example that the tests",
    "run. What has no page here belongs to the library itself and may change.",
    "",
    ".. toctree::",
    "   :maxdepth: 1",
    "",
]


def public_packages() -> list[ModuleType]:
    """Return symkernel and its public packages and modules: those with names to export."""
    found = [symkernel]
    for info in sorted(pkgutil.iter_modules(symkernel.__path__), key=lambda info: info.name):
        if not info.name.startswith("_") and info.name not in INTERNAL:
            module = importlib.import_module(f"symkernel.{info.name}")
            if getattr(module, "__all__", ()):
                found.append(module)
    return found


def write_reference(folder: Path) -> None:
    """Write one page for every public package, which lists its names and makes their pages."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.rst"):
        old.unlink()
    packages = public_packages()
    pages: dict[int, str] = {}  # of things, by identity: one has a page of its own at one place
    for package in packages:
        things = {name: getattr(package, name) for name in package.__all__}
        called = [name for name, thing in things.items() if callable(thing)]
        elsewhere = [name for name in called if id(things[name]) in pages]
        called = [name for name in called if name not in elsewhere]
        pages |= {id(things[name]): f"{package.__name__}.{name}" for name in called}
        modules = [name for name, thing in things.items() if inspect.ismodule(thing)]
        values = [name for name in things if name not in called and name not in modules]
        title = package.__name__
        lines = [title, "=" * len(title), "", (package.__doc__ or "").splitlines()[0], ""]
        if modules:
            links = ", ".join(f":doc:`symkernel.{name} <symkernel.{name}>`" for name in modules)
            lines += [f"Packages: {links}.", ""]
        if values:
            shown = "; ".join(f"``{name}`` is ``{things[name]!r}``" for name in values)
            lines += [f"{shown}.", ""]
        if elsewhere:
            links = ", ".join(f":doc:`{name} <{pages[id(things[name])]}>`" for name in elsewhere)
            lines += [f"Also here: {links}.", ""]
        lines += [f".. currentmodule:: {title}", "", ".. autosummary::", "   :toctree:", ""]
        lines += [f"   {name}" for name in called]
        (folder / f"{title}.rst").write_text("\n".join(lines) + "\n")
    names = [f"   {package.__name__}" for package in packages]
    (folder / "index.rst").write_text("\n".join([*INTRODUCTION, *names]) + "\n")


def skip_what_is_not_ours(
    app: Any, what: str, name: str, thing: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out members of scikit-learn, ASE or Python, which have pages of their own."""
    function = thing.fget if isinstance(thing, property) else getattr(thing, "func", thing)
    module = getattr(inspect.unwrap(function), "__module__", None) or ""
    if what == "class" and callable(function) and not module.startswith("symkernel"):
        return True
    return None


def write_gallery(folder: Path, examples: Path) -> None:
    """Write a page for every example: its first line as title, and all of it as code, not run."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.rst"):
        old.unlink()
    for path in sorted(examples.glob("*.py")):
        title = (ast.get_docstring(ast.parse(path.read_text())) or path.stem).splitlines()[0]
        title = title.rstrip(".")
        relative = f"../../{examples.name}/{path.name}"
        lines = [title, "=" * len(title), "", f"``{examples.name}/{path.name}``", ""]
        lines += [f".. literalinclude:: {relative}", "   :language: python", ""]
        (folder / f"{path.stem}.rst").write_text("\n".join(lines))


# Parts of a line that mean what they say: inline code, mathematics, links.
CODE = re.compile(r"(``.*?``|:\w+:`.*?`|`[^`]*`_?)")


def escape_bars(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Let |x - g y| and *group.shape mean what they mean in a terminal."""
    mathematics = -1  # indentation of a directive whose content is taken as it is
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= mathematics:
            mathematics = -1
        if re.match(r"\s*\.\. (math|code-block|plot)::", line):
            mathematics = indent
        if mathematics >= 0 or line.lstrip().startswith((">>>", "...")):
            continue
        pieces = CODE.split(line)
        pieces[::2] = [
            re.sub(r"(?<!\\)(\||\*(?=group|self|shape))", r"\\\1", p) for p in pieces[::2]
        ]
        lines[i] = "".join(pieces)


def setup(app: Any) -> None:
    """Make the reference and the gallery before Sphinx looks for pages."""
    write_reference(HERE / "api")
    write_gallery(HERE / "gallery", HERE.parent / "examples")
    app.connect("autodoc-process-docstring", escape_bars, priority=100)  # before numpydoc
    app.connect("autodoc-skip-member", skip_what_is_not_ours)
