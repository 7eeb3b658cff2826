"""Events that could not be recorded in time, as files that wait for the records."""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from filelock import lock_descriptor

log = logging.getLogger(__name__)

DIGITS = 12  # of the number that a file's name begins with
SUFFIX, WRITING, ASIDE = ".event", ".writing", ".aside"
EMPTY_SECONDS = 60.0  # after which a file in which nothing stands is not being written any more


@dataclass(frozen=True, slots=True)
class ArrivedEvent:
    """An event without credentials, as it is stored; *key* identifies its content."""

    key: str
    project_id: int
    action: str
    payload: Mapping[str, Any]
    received_at: datetime


class EventSpool:
    """
    A folder with one file an event, in the order of their arrival; only its owner may read it.

    A file appears whole or not at all, and is on the disk before `add` returns. No name is used twice, so that several
    processes may add, read and remove at the same time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def is_empty(self) -> bool:
        """Whether no event waits."""
        return not self._paths()

    def count(self) -> int:
        """Return how many events wait."""
        return len(self._paths())

    def count_set_aside(self) -> int:
        """Return how many events can never be recorded."""
        return len(self._paths(ASIDE))

    def add(self, event: ArrivedEvent) -> None:
        """Add an event behind all others. Raises OSError, and leaves nothing behind then."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        paths = self._paths()
        number = int(paths[-1].name[:DIGITS]) + 1 if paths else 0
        path = self._folder / f"{number:0{DIGITS}}-{secrets.token_hex(8)}{SUFFIX}"
        scratch = path.with_suffix(WRITING)
        try:
            _write_through(scratch, path, _write_event(event))
        except OSError:
            scratch.unlink(missing_ok=True)
            raise
        _sync_folder(self._folder)

    def finish_abandoned(self) -> None:
        """Let whole events that a killed process had not added yet wait, and remove what it had half written."""
        for path in self._paths(WRITING):
            try:
                _finish_abandoned(path)
            except FileNotFoundError:  # its writer ended meanwhile
                continue
            except OSError as error:  # such as a file of another user: it holds no event up
                log.warning("the event in %s cannot be read: %s", path, error.strerror)

    def waiting(self) -> Iterator[tuple[Path, ArrivedEvent]]:
        """Yield the events that wait now, oldest first, each with the path by which it is removed."""
        for path in self._paths():
            try:
                yield path, _read_event(path.read_text())
            except FileNotFoundError:  # another process was faster
                continue
            except OSError as error:  # such as a file of another user: it holds no other up
                log.warning("the event in %s cannot be read: %s", path, error.strerror)
            except (ValueError, KeyError, TypeError) as error:  # none of ours is like that
                self.set_aside(path, error)

    def remove(self, path: Path) -> None:
        """Remove an event that is recorded."""
        path.unlink(missing_ok=True)

    def set_aside(self, path: Path, error: object) -> None:
        """Let an event that can never be recorded wait no longer; its file stays under another name."""
        log.error("the event in %s cannot be recorded: %s", path.with_suffix(ASIDE), error)
        with suppress(FileNotFoundError):  # another process was faster
            path.rename(path.with_suffix(ASIDE))

    def _paths(self, suffix: str = SUFFIX) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix == suffix)
        except (FileNotFoundError, NotADirectoryError):
            return []


def _write_event(event: ArrivedEvent) -> bytes:
    fields = {
        "key": event.key,
        "project_id": event.project_id,
        "action": event.action,
        "payload": event.payload,
        "received_at": event.received_at.isoformat(),
    }
    return json.dumps(fields).encode()


def _read_event(text: str) -> ArrivedEvent:
    fields = json.loads(text)
    moment = datetime.fromisoformat(fields["received_at"])
    return ArrivedEvent(fields["key"], fields["project_id"], fields["action"], fields["payload"], moment)


def _finish_abandoned(path: Path) -> None:
    with path.open("rb") as file:
        if _is_abandoned(file):
            log.warning("the process that wrote %s was killed", path)
            path.rename(path.with_suffix(SUFFIX)) if _is_whole(file.read()) else path.unlink()


def _is_abandoned(file: IO[bytes]) -> bool:
    """Whether the process that wrote a file was killed: it locks the file before it writes, until it has its name."""
    facts = os.fstat(file.fileno())
    if not facts.st_size and time.time() - facts.st_mtime < EMPTY_SECONDS:
        return False
    return lock_descriptor(file.fileno(), blocking=False)


def _is_whole(content: bytes) -> bool:
    try:
        _read_event(content.decode())
    except (ValueError, KeyError, TypeError):
        return False
    return True


def _write_through(scratch: Path, path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, wait until it is on the disk, and give it its name."""
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        lock_descriptor(descriptor)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        scratch.rename(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
