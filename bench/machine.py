"""Facts about the machine, without names of hosts, users or folders."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from symkernel.backends import cpu

PACKAGES = (
    "symkernel",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "gpytorch",
    "invariantkernels",
    "thewalrus",
    "himalaya",
    "pykeops",
)


def facts() -> dict[str, Any]:
    """Return processor, instruction set, versions, date and commit."""
    native = cpu.info()
    return {
        "cpu": cpu_model(),
        "cores": available_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "isa": native["isa"],
        "threading_layer": native["threading_layer"],
        "blas": _blas(),
        "python": platform.python_version(),
        "versions": {name: v for name in PACKAGES if (v := version(name)) is not None},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _commit(),
    }


def available_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    """Name of the processor as the system gives it."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """Installed version of a package, None when it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def peaks(dtype: Any, n_threads: int, seconds: float) -> dict[str, float]:
    """Multiply-adds and exponentials per second of the machine, best of three probes each."""
    return {
        "multiply_adds": max(cpu.multiply_add_rate(dtype, n_threads, seconds) for _ in range(3)),
        "exps": max(cpu.exp_rate(dtype, n_threads, seconds) for _ in range(3)),
    }


def _blas() -> str | None:
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    return " ".join(str(blas[key]) for key in ("name", "version") if key in blas) or None


def _commit() -> str | None:
    """Commit of the source these benchmarks were started from; None outside a checkout."""
    here = Path(__file__).resolve().parent
    if not (here.parent / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()
