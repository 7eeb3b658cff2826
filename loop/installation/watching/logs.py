"""The end of the log of a part, read from its file on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST_READ = 2**18  # bytes from the end of the file


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One record of a log; a line that is no record of ours is a message alone."""

    at: str
    level: str
    message: str
    trace: str = ""


def read_log_end(home: Path, part: str, most: int = 100, since: str = "") -> Sequence[LogEntry]:
    """
    Return the last records of the log of a part, such as `worker-gpu`, oldest first; none where there is no such log.

    *since* is a moment in ISO format; older records are left out.
    """
    files = {path.stem: path for path in (home / "logs").glob("*.log")}  # so that a name is never a path
    path = files.get(part)
    if path is None:
        return []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LONGEST_READ))
        lines = file.read().decode(errors="replace").splitlines()
    entries = [read_entry(line) for line in lines[1 if size > LONGEST_READ else 0 :]]
    return [entry for entry in entries if not entry.at or entry.at >= since][-most:]


def read_entry(line: str) -> LogEntry:
    """Read a line."""
    try:
        record = json.loads(line)
        at, level, message = (str(record[key]) for key in ("at", "level", "message"))
        return LogEntry(at, level, message, str(record.get("trace", "")))
    except (ValueError, KeyError, TypeError, RecursionError):
        return LogEntry("", "", line[:4000])
