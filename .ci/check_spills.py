"""Compiles cuda/*.cu and compares registers and spills with cuda/spills.txt.

python .ci/check_spills.py            for sm_90: fails where a kernel spills, takes more registers
                                      than its budget, or is not in the table
python .ci/check_spills.py --messages FOLDER
                                      the same, from what .ci/keep_messages.sh kept of a build
python .ci/check_spills.py --all      for every architecture: fails where one of the others spills
                                      more than the table allows; takes minutes
python .ci/check_spills.py --write    writes the table, with --all for every architecture
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "cuda" / "spills.txt"
FIRST = "sm_90"
OTHERS = ("sm_80", "sm_86", "sm_89", "sm_100", "sm_120")
HEADER = (
    "# Kernels of cuda/*.cu for sm_90: registers of a thread (a budget), bytes spilled.\n"
    "# Written by .ci/check_spills.py --write, compared by CI.\n"
)
OTHERS_HEADER = "# Bytes spilled on other architectures, where any are (check_spills.py --all).\n"

# Of an architecture and a kernel: registers, bytes spilled.
Usage = dict[tuple[str, str], tuple[int, int]]


def compile_one(nvcc: str, source: Path, folder: Path, architectures: Sequence[str]) -> str:
    """Compiles one file and returns what ptxas says of it.

    Parameters
    ----------
    nvcc : str
        The compiler.
    source : Path
        A .cu file.
    folder : Path
        Where the object goes.
    architectures : sequence of str
        As in sm_90.

    Returns
    -------
    str
        The compiler's messages.
    """
    command = [nvcc, "-std=c++17", "--expt-relaxed-constexpr", "-Xptxas", "-v"]
    for name in architectures:
        command += ["-gencode", f"arch={name.replace('sm', 'compute')},code={name}"]
    command += ["-DSYMKERNEL_ISA=device", "-I.", "-Icpp/include", "-Icpp/src"]
    command += ["-c", str(source), "-o", str(folder / (source.stem + ".o"))]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{source.name}: {run.stderr}")
    return run.stderr


def compile_all(nvcc: str, architectures: Sequence[str]) -> list[str]:
    """Compiles every file of cuda/, some at a time.

    Parameters
    ----------
    nvcc : str
        The compiler.
    architectures : sequence of str
        As in sm_90.

    Returns
    -------
    list of str
        The compiler's messages, a text for each file.
    """
    sources = sorted((ROOT / "cuda").glob("*.cu"))
    jobs = int(os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", "2"))
    with (
        tempfile.TemporaryDirectory() as folder,
        concurrent.futures.ThreadPoolExecutor(jobs) as pool,
    ):
        made = pool.map(lambda s: compile_one(nvcc, s, Path(folder), architectures), sources)
        return list(made)


def kernels(messages: str) -> Usage:
    """Registers and spilled bytes of every kernel in what ptxas said.

    Parameters
    ----------
    messages : str
        Output of nvcc -Xptxas -v.

    Returns
    -------
    dict of (str, str) to (int, int)
        By architecture and name of the program.
    """
    demangle = shutil.which("cu++filt") or shutil.which("c++filt")
    if demangle is None:
        sys.exit("neither cu++filt nor c++filt was found")
    text = subprocess.run([demangle], input=messages, capture_output=True, text=True, check=True)
    found: Usage = {}
    architecture, name, spilled = "", "", 0
    for line in text.stdout.splitlines():
        if entry := re.search(r"entry function '.*?run_program<(.*)>\(.* for '(sm_\d+)", line):
            name = re.sub(r"symkernel::(gpu::|device::|)", "", entry.group(1)).strip()
            architecture = entry.group(2)
        elif spill := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spilled = int(spill.group(1)) + int(spill.group(2))
        elif (used := re.search(r"Used (\d+) registers", line)) and name:
            found[architecture, name] = (int(used.group(1)), spilled)
            name = ""
    return found


def read_table() -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """The budgets of the table.

    Returns
    -------
    registers : dict of str to int
        For sm_90, by the name of the program.
    spills : dict of (str, str) to int
        Bytes that may be spilled, by architecture and name of the program.
    """
    registers, spills = {}, {}
    for line in TABLE.read_text().splitlines():
        if not line or line[0] == "#":
            continue
        first, second, name = line.split(None, 2)
        if first.startswith("sm_"):
            spills[first, name] = int(second)
        else:
            registers[name] = int(first)
    return registers, spills


def write_table(found: Usage, spills: dict[tuple[str, str], int]) -> None:
    """Writes the table.

    Parameters
    ----------
    found : dict of (str, str) to (int, int)
        What the kernels use for sm_90.
    spills : dict of (str, str) to int
        Bytes spilled elsewhere.
    """
    rows = [f"{r:4d} {s:5d}  {name}" for (a, name), (r, s) in sorted(found.items()) if a == FIRST]
    others = [f"{a:6s} {s:5d}  {name}" for (a, name), s in sorted(spills.items())]
    TABLE.write_text(HEADER + "\n".join(rows) + "\n" + OTHERS_HEADER + "\n".join(others) + "\n")


def complaints(found: Usage, every: bool) -> list[str]:
    """What exceeds the budgets.

    Parameters
    ----------
    found : dict of (str, str) to (int, int)
        What the kernels use.
    every : bool
        Whether other architectures than sm_90 were compiled for.

    Returns
    -------
    list of str
        One line for each.
    """
    budgets, spills = read_table()
    wrong = []
    for (architecture, name), (registers, spilled) in sorted(found.items()):
        if spilled > spills.get((architecture, name), 0):
            wrong.append(f"{name} on {architecture}: {spilled} bytes spilled")
        if architecture != FIRST:
            continue
        if name not in budgets:
            wrong.append(f"{name}: not in {TABLE.name}")
        elif registers > budgets[name]:
            wrong.append(f"{name}: {registers} registers, budget {budgets[name]}")
    missing = sorted(budgets.keys() - {name for _, name in found})
    wrong += [f"{name}: in {TABLE.name}, but not compiled" for name in missing]
    if every:
        gone = sorted(key for key in spills if found.get(key, (0, 0))[1] == 0)
        wrong += [f"{name} on {a}: in {TABLE.name}, but spills nothing" for a, name in gone]
    return wrong


def main() -> None:
    """Compiles, and compares or writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="write the table")
    parser.add_argument("--all", action="store_true", help="for every architecture, not one")
    parser.add_argument("--nvcc", default=os.environ.get("CUDACXX", "nvcc"))
    parser.add_argument("--messages", type=Path, help="what the compiler said, one file a source")
    options = parser.parse_args()
    if options.messages is not None:
        messages = [path.read_text() for path in sorted(options.messages.iterdir())]
    else:
        messages = compile_all(options.nvcc, (FIRST, *OTHERS) if options.all else (FIRST,))
    found = {key: used for text in messages for key, used in kernels(text).items()}
    if options.write:
        spilled = {key: s for key, (_, s) in found.items() if s > 0 and key[0] != FIRST}
        write_table(found, spilled if options.all else read_table()[1])
        print(f"{len(found)} kernels written")
        return
    wrong = complaints(found, options.all)
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(found)} kernels within their budgets")


if __name__ == "__main__":
    main()
