"""The README and the pages of the documentation: their code runs, their links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import doors
import pytest
from symkernel import cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


WITH_CODE = [page for page in PAGES if _blocks(page, "python")]


def _name(page: Path) -> str:
    return page.stem


def test_readme_starts_with_the_two_commands():
    commands = [line for block in _blocks(README, "sh") for line in block.splitlines()]
    assert commands[:2] == [
        "pip install '.[demo]' && symkernel demo",
        "pip install '.[test]' && pytest",
    ]


def test_readme_can_be_read_at_once():
    assert len(README.read_text().splitlines()) <= 150


def test_groups_of_the_readme_are_those_of_their_page():
    rows = set(
        re.findall(r"^\| .*\(.*\|$", (ROOT / "docs/groups.md").read_text(), flags=re.MULTILINE)
    )
    shown = README.read_text().partition("| data | group |")[2].partition("\n\n")[0]
    assert set(shown.splitlines()[2:]) <= rows


def test_commands_of_the_pages_exist(capsys):
    text = "\n".join(page.read_text() for page in PAGES)
    commands = set(re.findall(
        r"symkernel (info|plan|demo|train|md|evaluate|bench(?: compare| page| large)?)\b", text
    ))  # fmt: skip
    assert {"demo", "plan", "bench", "bench large", "bench page"} <= commands
    for command in sorted(commands):
        with pytest.raises(SystemExit) as left:
            cli.main([*command.split(), "--help"])
        assert left.value.code == 0
    capsys.readouterr()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_pictures_and_links_of_a_page_exist(page):
    for target in re.findall(r"\]\((?!http|#)([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_page_is_in_the_table_of_contents():
    text = (ROOT / "docs/index.md").read_text()
    tables = re.findall(r"```\{toctree\}\n(.*?)```", text, flags=re.DOTALL)
    listed = set(re.findall(r"^\w+$", "\n".join(tables), flags=re.MULTILINE))
    assert listed == {page.stem for page in PAGES[1:]} - {"index"}


def test_every_public_name_has_a_page(tmp_path):
    spec = importlib.util.spec_from_file_location("conf", ROOT / "docs/conf.py")
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    conf.write_reference(tmp_path)
    pages = {path.stem: path.read_text() for path in tmp_path.glob("*.rst")}
    for package in ("symkernel", *(f"symkernel.{name}" for name in doors.MODULES)):
        assert f"   {package}\n" in pages["index"]
        for name in importlib.import_module(package).__all__:
            # of its own, of a package, of a package before, or a value
            forms = (f"   {name}\n", f"<symkernel.{name}>`", f"``{name}`` is")
            assert any(form in pages[package] for form in forms), (package, name)


@pytest.mark.parametrize("page", WITH_CODE, ids=_name)
def test_examples_of_a_page_run(page, capsys):
    namespace = {}  # of the page: what follows goes on from what was before
    for block in _blocks(page, "python"):
        if page == README:  # where every block stands alone
            namespace = {}
        exec(compile(block, page.name, "exec"), namespace)
    if page in (README, ROOT / "docs/start.md", ROOT / "docs/index.md"):
        shown = capsys.readouterr().out.splitlines()[0]
        plain, invariant = map(float, re.findall(r"[-\d.]+", shown))
        assert invariant > plain
