"""Peak memory of a program, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def _kilobytes(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f"{_STATUS} has no {field}")


def peak_bytes() -> int:
    """Largest resident size of this process so far.

    ``ru_maxrss`` starts at the size of the parent process on Linux (it survives exec), so there
    the kernel's own mark for this address space is read.
    """
    if _STATUS.exists():
        return 1024 * _kilobytes("VmHWM")
    import resource  # Unix only

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def resident_bytes() -> int:
    """Resident size of this process now; the peak so far where the system does not say."""
    return 1024 * _kilobytes("VmRSS") if _STATUS.exists() else peak_bytes()


def peak_of(case: str, program: str, n_threads: int, quick: bool) -> int:
    """Bytes by which fit and predict raise the resident size of a fresh process."""
    arguments = [case, program, str(n_threads), str(int(quick))]
    finished = subprocess.run(
        [sys.executable, "-m", __name__, *arguments], capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        raise RuntimeError(f"{program} failed on {case}:\n{finished.stderr}")
    return int(json.loads(finished.stdout)["peak_bytes"])


def _main() -> None:
    from .programs import PROGRAM_CASES
    from .timing import threads

    case_name, program, n_threads, quick = sys.argv[1:]
    case = next(c for c in PROGRAM_CASES if c.name == case_name)
    # A first run on a small task loads every library and starts every thread: what is left is
    # what the arrays of the real task take.
    case.run(program, case.task(True), int(n_threads))
    task = case.task(bool(int(quick)))
    with threads(int(n_threads)):
        before = resident_bytes()
        case.run(program, task, int(n_threads))
    print(json.dumps({"peak_bytes": max(peak_bytes() - before, 0)}))


if __name__ == "__main__":
    _main()
