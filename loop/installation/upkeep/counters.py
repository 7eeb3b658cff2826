"""The folder in memory in which the web processes count."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

MEMORY = Path("/dev/shm")  # noqa: S108 (a disk that is full kills a process that writes into a mapped file on it)


@contextmanager
def make_folder(home: Path) -> Iterator[Path]:
    """
    Make the folder for the `loop up` of *home*, and remove it after the `with` block.

    Those that a killed `loop up` of *home* left are removed first.
    """
    status = home.stat()
    prefix = f"loop-metrics-{status.st_dev:x}-{status.st_ino:x}-"  # the path may be that of another one in a container
    parent = MEMORY if os.access(MEMORY, os.W_OK) else Path(gettempdir())
    for left in parent.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        yield Path(folder)
