"""Refuse an array that cannot fit before anything is allocated."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")

# What the machine and the control groups said, and when: a dozen files take longer to read than a
# small Gram matrix to compute, so that they are read again after this many seconds, or for an
# array that takes more than this share of what they said.
_GOOD_FOR, _SMALL_SHARE = 1.0, 1 / 16
_said: tuple[float, tuple[int, ...]] | None = None


def available_bytes(root: Path = _ROOT) -> int | None:
    """Tell how many bytes can be had without swapping; None where the system does not say.

    The least of what the machine has, what is left of the limits of the control groups the
    process is in (versions 1 and 2), and of its own limit of address space (RLIMIT_AS). The first
    two may be one second old.

    Parameters
    ----------
    root : Path, default=Path("/")
        Folder that holds ``proc`` and ``sys``.

    Returns
    -------
    int or None
        Bytes, not negative.
    """
    shared = _shared_recently() if root == _ROOT else _shared(root)
    said = [*shared, *_of_address_space(root)]
    return max(min(said), 0) if said else None


def _shared(root: Path) -> tuple[int, ...]:
    """What is left of the memory that the process shares with others."""
    return (*_of_machine(root), *_of_control_groups(root))


def _shared_recently() -> tuple[int, ...]:
    global _said
    said, now = _said, time.monotonic()
    if said is None or now - said[0] > _GOOD_FOR:
        said = _said = now, _shared(_ROOT)
    return said[1]


def _look_again() -> None:
    """Have the next question answered by the system."""
    global _said
    _said = None


def _of_machine(root: Path) -> Iterator[int]:
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
            return
    try:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return


def _of_control_groups(root: Path) -> Iterator[int]:
    """What is left of the limit of every control group that holds the process.

    A container sees its own group as the root of the hierarchy, under a path that may be the
    host's: folders that are not there are passed over, up to the root.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
            cache = "inactive_file "
        elif "memory" in controllers.split(","):
            top = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            cache = "total_inactive_file "
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            folder = top.joinpath(*parts[:depth])
            limit, used = (_text(folder / name).strip() for name in names)
            if not (limit.isdigit() and used.isdigit()):  # no limit is "max"
                continue
            # files the system has read are dropped before memory runs short
            dropped = sum(
                int(entry.removeprefix(cache))
                for entry in _text(folder / "memory.stat").splitlines()
                if entry.startswith(cache)
            )
            yield int(limit) - max(int(used) - dropped, 0)


def _of_address_space(root: Path) -> Iterator[int]:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    pages = _text(root / "proc/self/statm").split()
    yield limit - (int(pages[0]) * resource.getpagesize() if pages else 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def require_memory(
    shape: tuple[int, ...], itemsize: int, what: str, advice: str, available: int | None = None
) -> None:
    """Raise MemoryError if an array of this shape exceeds the available memory.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array about to be allocated.
    itemsize : int
        Bytes per entry.
    what : str
        Name of the array, for the message.
    advice : str
        What to do instead, for the message.
    available : int, optional
        Bytes there are; by default what the system says.

    Raises
    ------
    MemoryError
        If the array needs more bytes than are available; the message says how many GB.
    """
    needed = math.prod(shape) * itemsize
    if available is None:
        available = available_bytes()
        if available is not None and needed > available * _SMALL_SHARE:
            _look_again()
            available = available_bytes()
    if available is not None and needed > available:
        dims = " x ".join(str(s) for s in shape)
        raise MemoryError(
            f"{what} of shape {dims} needs {needed / 1e9:.1f} GB; "
            f"{available / 1e9:.1f} GB are available. {advice}"
        )
