"""The memory of this machine, and how many web processes it allows."""

from __future__ import annotations

from pathlib import Path

import psutil

TWO_FROM = 7.5 * 2**30  # bytes: machines of "8 GB" have a little less
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_bytes() -> int:
    """Return the bytes of memory that this machine has, or that its container may use."""
    limits = [int(text) for path in LIMITS if path.exists() and (text := path.read_text().strip()).isdigit()]
    return min([int(psutil.virtual_memory().total), *limits])


def web_processes(memory: int) -> int:
    """Return how many web processes run by default: with two, one that dies costs no request."""
    return 2 if memory >= TWO_FROM else 1
