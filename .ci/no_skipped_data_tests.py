"""Fails if a test that needs the data sets was skipped, or none ran; --counts prints the totals."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree

DATA_TESTS = ("test_rmd17", "test_lj7")


def main(arguments: list[str]) -> int:
    """Read a JUnit file and judge."""
    path = arguments[-1]
    cases = list(ElementTree.parse(path).iter("testcase"))
    if arguments[0] == "--counts":
        failed = sum(c.find("failure") is not None or c.find("error") is not None for c in cases)
        skipped = sum(c.find("skipped") is not None for c in cases)
        print(f"{len(cases) - failed - skipped} passed, {failed} failed, {skipped} skipped")
        return 0
    data = [c for c in cases if any(name in c.get("classname", "") for name in DATA_TESTS)]
    skipped_names = [c.get("name") for c in data if c.find("skipped") is not None]
    if not data or skipped_names:
        print(f"tests on data: {len(data)} found, skipped: {skipped_names}", file=sys.stderr)
        return 1
    print(f"{len(data)} tests on data ran")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
