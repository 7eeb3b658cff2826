"""Cuts the log files of the parts by size, while the parts go on writing."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

LARGEST = 10 * 2**20  # bytes of a log; the one before it, of the same size, stays beside it


def cut_logs(folder: Path, largest: int = LARGEST) -> None:
    """
    Move the content of each log that has grown too large to `NAME.log.1`, in place of the content that was there.

    A log is copied and emptied, not renamed: its writers, of which there may be several, keep it open to append, and go
    on at its new end. A line that is written in the microseconds between the two is lost or cut short.
    """
    for log in folder.glob("*.log"):
        with suppress(OSError):  # it was removed, or the disk is full: the next time it is tried again
            if log.stat().st_size > largest:
                _cut(log)


def _cut(log: Path) -> None:
    half, former = log.with_name(f"{log.name}.half"), log.with_name(f"{log.name}.1")
    try:
        with log.open("r+b") as source, half.open("wb") as target:
            shutil.copyfileobj(source, target)
            source.truncate(0)
        half.replace(former)
    finally:
        half.unlink(missing_ok=True)
