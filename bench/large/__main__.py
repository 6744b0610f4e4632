"""Command line: ``python -m symkernel.bench.large``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from .. import report as files
from . import picture, report, runner
from .arguments import add_arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m symkernel.bench.large",
        description="Fit many samples, beside other programs: error against time and memory.",
    )
    add_arguments(parser)
    return measure(parser.parse_args(arguments))


def measure(options: argparse.Namespace) -> int:
    """Run what the options say."""

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    if options.table:
        from .tables import fit_table

        if options.file is None or options.sha256 is None:
            raise ValueError("--table needs --file and --sha256")
        results = fit_table(
            options.table, options.file, options.sha256, options.rows, options.centers,
            options.threads,
        )  # fmt: skip
        print(results["text"])
    else:

        def keep(results: dict[str, Any]) -> None:
            if options.json is not None:
                files.save(results, options.json)

        results = runner.run(
            options.part,
            sizes=options.sizes,
            M=options.centers,
            n_threads=options.threads,
            only=options.program,
            quick=options.quick,
            tell=tell,
            keep=keep,
        )
        print(report.format_results(results))
        if options.picture is not None:
            picture.draw(results, options.picture)
    if options.json is not None:
        files.save(results, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
