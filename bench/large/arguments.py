"""Options of the benchmark of many samples, for ``symkernel bench large`` and the package."""

from __future__ import annotations

import argparse
from pathlib import Path

PARTS = ("octahedral", "digits", "iterations", "molecules")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser; nothing heavy is imported."""
    parser.add_argument("--part", nargs="+", choices=PARTS, default=[], help="parts to run (all)")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[], metavar="N",
        help="numbers of octahedral samples (10,000 ... 10,000,000)",
    )  # fmt: skip
    parser.add_argument("--centers", type=int, default=200, help="of fits on centres (200)")
    parser.add_argument("--threads", type=int, default=1, help="number of threads (1)")
    parser.add_argument(
        "--program", nargs="+", default=[], metavar="NAME", help="programs to run (all installed)"
    )
    parser.add_argument("--json", type=Path, help="file for the results")
    parser.add_argument("--picture", type=Path, help="file for the picture; needs matplotlib")
    parser.add_argument("--quick", action="store_true", help="tiny inputs: test, do not measure")
    given = parser.add_argument_group("a data set that you have")
    given.add_argument("--table", choices=("higgs", "susy", "taxi", "qm9"), help="which it is")
    given.add_argument("--file", type=Path, help="the file")
    given.add_argument("--sha256", help="the checksum that the file must have")
    given.add_argument("--rows", type=int, default=100_000, help="how many rows to learn from")
