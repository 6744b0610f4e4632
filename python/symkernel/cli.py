"""Run the ``symkernel`` command: what the library plans and shows, and force fields."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from symkernel.molecules.commands import add_commands

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments without the program's name; those of the process when omitted.

    Returns
    -------
    int
        0 on success, 1 when something that was asked for could not be done, 2 from the commands of
        force fields when something that was given cannot be used, 130 after Ctrl-C. Unusable
        arguments leave through ``SystemExit`` with status 2, as argparse does.

    Examples
    --------
    >>> main(["bench", "--list"])  # doctest: +ELLIPSIS
    shifts ...
    0
    """
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (ValueError, OSError, AssertionError, ModuleNotFoundError) as error:
        print(f"symkernel: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("symkernel: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="symkernel", description="Kernel machines that respect symmetry exactly."
    )
    version = importlib.metadata.version("symkernel")
    parser.add_argument("--version", action="version", version=f"symkernel {version}")
    commands = parser.add_subparsers(
        title="commands",
        required=True,
        metavar="{info,plan,demo,bench,train,evaluate,predict,md}",
    )

    info = commands.add_parser("info", help="say what this build and this machine offer")
    info.set_defaults(run=_info)

    plan = commands.add_parser("plan", help="say how a kernel is averaged over a group, and why")
    plan.add_argument("--kernel", required=True, help='base kernel, such as "RBF(1.5)" or rbf')
    plan.add_argument(
        "--group",
        required=True,
        help='group, such as "Symmetric(9).along(0, (9, 3)) * O(3).along(1, (9, 3))", or a name '
        'such as "cyclic"',
    )
    plan.add_argument(
        "--method",
        default="auto",
        help='how to average: a name, "Quadrature(degree=7)" or "Sample(64)" (auto)',
    )
    plan.add_argument("--features", type=int, help="number of features, for a group by name")
    plan.add_argument("--n", type=int, help="samples: say seconds and memory of a Gram matrix")
    plan.add_argument("--m", type=int, help="samples on the other side (the same ones)")
    plan.set_defaults(run=_plan)

    demo = commands.add_parser(
        "demo", help="learn digits in random poses with and without their symmetry"
    )
    demo.add_argument(
        "--n", type=int, nargs="+", metavar="N", help="numbers of training samples (25 50 ... 800)"
    )
    demo.add_argument("--repeats", type=int, default=3, help="draws to average over (3)")
    demo.add_argument("--seed", type=int, default=0, help="seed of the first draw (0)")
    demo.add_argument(
        "--output",
        type=Path,
        default=Path("learning_curve.png"),
        help="picture to write (learning_curve.png)",
    )
    demo.set_defaults(run=_demo)

    bench = commands.add_parser("bench", help="time symkernel beside other programs")
    bench.set_defaults(run=_bench)
    bench.add_argument("--list", action="store_true", help="list the cases and stop")
    bench.add_argument("--case", action="append", default=[], help="a case to run; repeatable")
    bench.add_argument(
        "--threads", type=int, nargs="+", default=[], help="numbers of threads (1 and all cores)"
    )
    bench.add_argument(
        "--dtype", nargs="+", choices=["float64", "float32"], default=["float64"], metavar="DTYPE"
    )
    bench.add_argument(
        "--peer", action="append", default=[], help="a peer to compare with (all); repeatable"
    )
    bench.add_argument("--json", type=Path, help="file for the results")
    bench.add_argument("--quick", action="store_true", help="tiny inputs: test, do not measure")
    actions = bench.add_subparsers(
        title="other runs, and results of earlier ones", metavar="ACTION"
    )
    compare = actions.add_parser("compare", help="compare two files of results")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    compare.add_argument(
        "--at-most",
        type=float,
        metavar="RATIO",
        help="fail when a timing of symkernel grew by more than this factor",
    )
    compare.set_defaults(run=_compare)
    page = actions.add_parser("page", help="write the benchmark tables of the documentation")
    page.add_argument("results", type=Path, help="file of results")
    page.add_argument(
        "--page", type=Path, default=Path("docs/benchmarks.md"), help="file to change"
    )
    page.set_defaults(run=_page)
    large = actions.add_parser("large", help="fit up to ten million samples, beside other programs")
    _bench_module("large.arguments").add_arguments(large)
    large.set_defaults(run=_large)
    add_commands(commands)
    return parser


def _info(options: argparse.Namespace) -> int:
    from symkernel.backends import cpu

    native = cpu.info()
    rows = [
        ("symkernel", importlib.metadata.version("symkernel")),
        ("instruction set", f"{native['isa']} (available: {', '.join(native['available_isas'])})"),
        ("threads", f"{native['max_threads']} ({native['threading_layer']})"),
        ("CUDA", _cuda_state()),
        ("Python", platform.python_version()),
    ]
    for name in ("numpy", "scipy", "scikit-learn"):
        rows.append((name, importlib.metadata.version(name)))
    for label, value in rows:
        print(f"{label:<16} {value}")
    return 0


def _cuda_state() -> str:
    """Say whether the CUDA module was built and can be used, and if not why and what to do."""
    from symkernel import cuda

    reason = cuda.why_unavailable()
    if not reason:
        return "built; a GPU can be used"
    return f"built, but no GPU can be used: {reason}" if cuda.is_built() else f"not built: {reason}"


def _uncalled(value: object) -> str:
    """Say how to make an object of a class that was named alone."""
    return f", which is a class: write {value.__name__}(...)" if isinstance(value, type) else ""


def _plan(options: argparse.Namespace) -> int:
    from sklearn.gaussian_process.kernels import Kernel

    from symkernel.expressions import evaluate
    from symkernel.groups import Group, from_name
    from symkernel.groups.registry import bind, is_by_name, is_unbound
    from symkernel.kernels import InvariantKernel
    from symkernel.kernels.names import KERNEL_NAMES, base_kernel_from_name

    if re.fullmatch(r"[a-z_]+", options.group):
        if options.features is None:
            raise ValueError(f"--group {options.group} is a name: give --features as well")
        group = from_name(options.group, options.features)
    else:
        group = evaluate(options.group)
        if is_by_name(group):
            raise ValueError(f"--group {group!r} names columns of no table: give positions")
        if is_unbound(group) and not isinstance(group, str) and options.features is not None:
            group = bind(group, options.features)
    if is_unbound(group) and not isinstance(group, str):
        raise ValueError(f"--group {group!r} acts on some columns: give --features as well")
    if not isinstance(group, Group):
        raise ValueError(
            f'--group must be a group such as "O(3)", got {options.group!r}{_uncalled(group)}'
        )
    if options.features not in (None, group.degree):
        raise ValueError(f"{group!r} acts on {group.degree} features, not {options.features}")
    if options.kernel in KERNEL_NAMES:
        kernel = base_kernel_from_name(options.kernel, n_features=group.degree)
    else:
        kernel = evaluate(options.kernel)
    if not isinstance(kernel, Kernel):
        raise ValueError(
            f'--kernel must be a kernel such as "RBF(1.5)" or one of the names '
            f"{', '.join(KERNEL_NAMES)}; got {options.kernel!r}{_uncalled(kernel)}"
        )
    method = options.method
    averaged = InvariantKernel(kernel, group, evaluate(method) if "(" in method else method)
    try:
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            print(averaged.plan(n=options.n, m=options.m))
    except TypeError as error:  # a kernel that cannot be averaged
        raise ValueError(str(error)) from None
    for note in notes:
        print(f"symkernel: {note.message}", file=sys.stderr)
    return 0


def _demo(options: argparse.Namespace) -> int:
    _require("matplotlib", "tqdm", extra="demo")
    from tqdm import tqdm

    from symkernel import demo

    sizes = tuple(options.n or demo.DEFAULT_SIZES)
    start = time.perf_counter()
    print("scikit-learn's digits, every image in one of its 8 poses (the group D_4)")
    total = 3 * max(options.repeats, 0) * len(set(sizes))
    with tqdm(total=total, desc="choosing alpha and gamma", unit="model", leave=False) as bar:

        def advance(text: str) -> None:
            bar.set_description(text, refresh=False)
            bar.update()

        curve = demo.measure(
            sizes, n_repeats=options.repeats, random_state=options.seed, advance=advance
        )
    print(demo.format_table(curve))
    print(
        "\nSample gain: how many times more samples the plain model needs for the invariant\n"
        "model's error (> where it never got there). The augmented model is the invariant one\n"
        f"computed the long way, with {curve.order} times the samples."
    )
    demo.draw(curve, options.output)
    print(f"\nlearning curve: {options.output}   ({time.perf_counter() - start:.0f} s)")
    return 0


def _bench(options: argparse.Namespace) -> int:
    runner, report = _bench_module("runner"), _bench_module("report")
    if options.list:
        for case in runner.CASES:
            print(f"{case.name:<16} {case.title}")
        return 0
    results = runner.run(
        options.case,
        n_threads=options.threads,
        dtypes=options.dtype,
        only=options.peer,
        quick=options.quick,
        tell=lambda text: print(text, file=sys.stderr, flush=True),
    )
    print(report.format_results(results))
    if options.json is not None:
        report.save(results, options.json)
    return 0


def _compare(options: argparse.Namespace) -> int:
    report = _bench_module("report")
    text, slowdown = report.compare(report.load(options.before), report.load(options.after))
    print(text)
    if options.at_most is not None and slowdown > options.at_most:
        print(f"\nsymkernel: slower by a factor of {slowdown:.2f}", file=sys.stderr)
        return 1
    return 0


def _page(options: argparse.Namespace) -> int:
    report = _bench_module("report")
    report.write_page(report.load(options.results), options.page, "symkernel bench")
    return 0


def _large(options: argparse.Namespace) -> int:
    measure: Callable[[argparse.Namespace], int] = _bench_module("large.__main__").measure
    return measure(options)


def _bench_module(name: str) -> Any:
    """Import a module of the benchmarks, which are installed from bench/ beside this package."""
    return importlib.import_module(f"symkernel.bench.{name}")


def _require(*modules: str, extra: str) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"{' and '.join(missing)} not installed; pip install 'symkernel[{extra}]'"
        )
