"""How much memory may still be taken: by the machine's account, and by that of the container the app may run in."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

OWN_GROUPS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that processes started from here may still take without pushing others out."""
    return max(0, min([psutil.virtual_memory().available, *_left_in_groups()]))


def resident(pid: int) -> int:
    """Bytes that a process holds in memory; 0 when there is none of that number."""
    try:
        found: int = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0
    return found


def _left_in_groups() -> Iterator[int]:
    """What is left of every limit set for one of the control groups that this process is in (Linux; a container's limit is one of them).

    Of the files that the kernel caches for a group, those not used lately are given up when memory is short; so they do not count as taken.
    """
    for folder, limit, usage, inactive in _groups():
        with suppress(OSError, ValueError):  # no such group is to be seen from in here, or its limit is "max"
            most, taken = int((folder / limit).read_text()), int((folder / usage).read_text())
            kept = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            yield most - taken + int(kept.get(inactive, 0))


def _groups() -> Iterator[tuple[Path, str, str, str]]:
    """The groups from this process's own up to the topmost, each with the names of its numbers: those of version 2, or of version 1."""
    with suppress(OSError):  # not Linux
        for line in OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                top, names = GROUPS, ("memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                top, names = GROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            else:
                continue
            own = top / path.lstrip("/")
            for folder in (own, *own.parents):
                if folder.is_relative_to(top):
                    yield folder, *names
