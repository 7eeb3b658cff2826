"""Reads the log files of the parts, which each part writes under LOOP_HOME, from their end on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from loop.errors import PayloadError
from loop.installation.watching.logs import read_entry

BLOCK = 2**16  # bytes


@dataclass(frozen=True, slots=True)
class PartLine:
    """One line of the log of a part; a line that is no JSON, such as those of Redis, has only a message."""

    part: str
    at: str
    level: str
    message: str
    trace: str = ""

    @classmethod
    def read(cls, part: str, text: str) -> PartLine:
        """Read a line."""
        return cls(part, **asdict(read_entry(text)))


class PartLogs:
    """The logs of the parts whose names begin with *beginning*, in the folder of the logs."""

    def __init__(self, folder: Path, beginning: str = "") -> None:
        self._folder, self._beginning = folder, beginning
        self._places: dict[Path, int] = {}  # bytes that are read

    def last(self, count: int) -> list[PartLine]:
        """Return the last lines of all logs, oldest first. Raises PayloadError if no log has such a name."""
        logs = self._find()
        if self._beginning and not logs:
            known = ", ".join(sorted(log.stem for log in self._folder.glob("*.log"))) or "none: `loop up` writes them"
            raise PayloadError("PART", f"a part that has a log; they are: {known}", self._beginning)
        lines: list[tuple[str, PartLine]] = []
        for log in logs:
            self._places[log] = log.stat().st_size
            at = ""
            for text in _read_end(log, count):
                line = PartLine.read(log.stem, text)
                at = line.at or at  # a line without a time belongs to the one before
                lines.append((at, line))
        return [line for _, line in sorted(lines, key=lambda pair: pair[0])][-count:]

    def fresh(self) -> Iterator[PartLine]:
        """Yield the whole lines that were written since the last call, log by log."""
        for log in self._find():
            with log.open("rb") as file:
                size, place = file.seek(0, 2), self._places.get(log, 0)
                file.seek(place if place <= size else 0)  # it was cut
                *whole, rest = file.read().split(b"\n")
                self._places[log] = file.tell() - len(rest)
            for text in whole:
                yield PartLine.read(log.stem, text.decode(errors="replace"))

    def _find(self) -> list[Path]:
        return sorted(log for log in self._folder.glob("*.log") if log.stem.startswith(self._beginning))


def _read_end(log: Path, count: int) -> list[str]:
    """Return the last lines of a log; also of the one before, if it was cut a moment ago."""
    lines: deque[str] = deque(maxlen=count)
    for path in (log.with_name(f"{log.name}.1"), log):
        if path.exists():
            lines.extend(_read_last_lines(path, count))
    return list(lines)


def _read_last_lines(path: Path, count: int) -> list[str]:
    with path.open("rb") as file:
        start, content = file.seek(0, 2), b""
        while start and content.count(b"\n") <= count:
            step = min(BLOCK, start)
            start = file.seek(start - step)
            content = file.read(step) + content
    return [line.decode(errors="replace") for line in content.splitlines()[-count:]]
