"""Memory that can be had: the machine's, the control groups' and the process's own limits."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from symkernel.backends import memory

GB = 10**9


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A system with 64 GB, no limit of address space, and a process of one million pages."""
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda which: unlimited)
    write(
        tmp_path,
        {
            "proc/meminfo": f"MemTotal: 1 kB\nMemAvailable: {64 * GB // 1024} kB\n",
            "proc/self/statm": "1000000 5 5 5 0 5 0\n",
        },
    )
    return tmp_path


def near(value):
    return pytest.approx(value, abs=2048)


def test_the_machine_alone(machine):
    assert memory.available_bytes(machine) == near(64 * GB)


VERSION_2 = {
    "proc/self/cgroup": "0::/users/me\n",
    "sys/fs/cgroup/users/me/memory.max": f"{8 * GB}\n",
    "sys/fs/cgroup/users/me/memory.current": f"{5 * GB}\n",
    "sys/fs/cgroup/users/me/memory.stat": f"anon 1\ninactive_file {2 * GB}\nactive_file 7\n",
}
VERSION_1 = {
    "proc/self/cgroup": "12:cpu,cpuacct:/x\n9:memory:/job\n0::/\n",
    "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{4 * GB}\n",
    "sys/fs/cgroup/memory/job/memory.usage_in_bytes": f"{3 * GB}\n",
    "sys/fs/cgroup/memory/job/memory.stat": f"inactive_file 3\ntotal_inactive_file {GB}\n",
}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (VERSION_2, 5 * GB),
        (VERSION_1, 2 * GB),
        # a group above may leave less
        (
            VERSION_2
            | {
                "sys/fs/cgroup/users/memory.max": f"{9 * GB}",
                "sys/fs/cgroup/users/memory.current": f"{8 * GB}",
            },
            GB,
        ),
        (VERSION_2 | {"sys/fs/cgroup/users/me/memory.max": "max\n"}, 64 * GB),
        # in a container the path is the host's, and its own group the root
        (
            {
                "proc/self/cgroup": "0::/../docker/123\n",
                "sys/fs/cgroup/memory.max": f"{3 * GB}",
                "sys/fs/cgroup/memory.current": f"{GB}",
            },
            2 * GB,
        ),
        (VERSION_2 | {"sys/fs/cgroup/users/me/memory.current": f"{11 * GB}"}, 0),
    ],
)
def test_control_groups(machine, files, expected):
    write(machine, files)
    assert memory.available_bytes(machine) == near(expected)


def test_address_space(machine, monkeypatch):
    used = 10**6 * resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda which: (used + GB, used + GB))
    assert memory.available_bytes(machine) == GB


def test_a_real_limit_of_address_space_is_seen():
    before = memory.available_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    try:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + GB, hard))
        assert memory.available_bytes() <= GB < before
        with pytest.raises(MemoryError, match="a table of shape 5000 x 100000 needs 4"):
            memory.require_memory((5000, 100000), 8, "a table", "Use fewer.")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
