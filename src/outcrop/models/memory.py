"""How much memory this process may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil

_MEMBERSHIP = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def usable_memory(membership: Path = _MEMBERSHIP, mount: Path = _MOUNT) -> int:
    """Bytes of memory that this process may use: the machine's, or fewer where a container has a limit.

    A container's processes see the whole machine's memory and are ended when they pass their own limit, which only the
    control groups tell, of both versions (https://docs.kernel.org/admin-guide/cgroup-v2.html).

    Args:
        membership: Where the process's groups are listed.
        mount: Where control groups lie.
    """
    return min([int(psutil.virtual_memory().total), *_limits(membership, mount)])


def free_memory() -> int:
    """Bytes that this process and those it starts may still take."""
    here = psutil.Process()
    own = sum(_resident(process) for process in (here, *here.children(recursive=True)))
    return min(int(psutil.virtual_memory().available), usable_memory() - own)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _limits(membership: Path, mount: Path) -> Iterator[int]:
    """The limits of the groups that the process is in, and of those above them."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            root, name = mount, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = mount / "memory", "memory.limit_in_bytes"
        else:
            continue
        inside = PurePosixPath(group.lstrip("/"))
        for path in (inside, *inside.parents):
            try:
                yield int((root / path / name).read_text(encoding="ascii"))
            except (OSError, ValueError):
                # No such file, as at the root, or the word "max".
                continue
