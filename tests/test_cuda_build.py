"""What is said of a build without CUDA: why, and the command that builds it."""

from __future__ import annotations

from pathlib import Path

from symkernel import cli, cuda
from symkernel.backends import device

ROOT = Path(__file__).parents[1]


def test_info_says_how_to_build_it(monkeypatch, capsys):
    monkeypatch.setattr(device, "module", lambda: None)
    assert not cuda.is_built()
    assert cli.main(["info"]) == 0
    said = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("CUDA"))
    assert "not built: " in said
    assert "pip install . -C cmake.define.SYMKERNEL_CUDA=ON" in said


def test_info_says_that_it_was_built(monkeypatch, capsys):
    class Native:
        def why_unavailable(self):
            return "no driver"

    monkeypatch.setattr(device, "module", Native)
    assert cli.main(["info"]) == 0
    assert "CUDA             built, but no GPU can be used: no driver" in capsys.readouterr().out


def test_releases_are_for_every_card_from_80_on():
    rules = (ROOT / "cuda" / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 100-real 120)" in rules  # 120: and PTX
