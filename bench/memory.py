"""Peak memory of a program, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

_STATUS = Path("/proc/self/status")
_POLL = 0.002  # seconds between looks at the memory


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


@dataclass(frozen=True)
class Watched:
    """What a program took: seconds, those of processors, and its peak of anonymous memory."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def anonymous_bytes() -> int:
    """Anonymous memory of this process now (Linux): files that are mapped do not count."""
    return 1024 * _kilobytes("RssAnon:")


def watched(program: Callable[[], Any]) -> tuple[Watched, Any]:
    """Run a program; tell what it took over what there was, and return its result."""
    before, peak, done = anonymous_bytes(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(_POLL):
            peak[0] = max(peak[0], anonymous_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    wall, cpu = perf_counter(), process_time()
    try:
        result = program()
        wall, cpu = perf_counter() - wall, process_time() - cpu
    finally:
        done.set()
        watcher.join()
    return Watched(wall, cpu, max(peak[0] - before, 0)), result


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
