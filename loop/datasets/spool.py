"""The images of a draft in a file until they are written; the next draft takes over those that have not changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loop.datasets.snapshots import hash_content

CHECKSUM = 16  # characters before each line's JSON: damaged lines, and those of other fields, are not taken over


@dataclass(frozen=True, slots=True)
class DraftImage:
    """The part of an image that is kept in memory; the rest waits in the spool, *length* bytes at *offset*."""

    task_id: int
    address: str
    offset: int
    length: int
    group: str | None
    look: int | None
    classes: tuple[int, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class SpooledImage:
    """
    One image to write.

    *mark* changes with everything that its labels are made from. *address* is a short name of its address (see
    `name_address`), and *stamp* is the state of the file at *path*, whose SHA-256 is *image*. *hashed* is the SHA-256
    of *text*, its labels.
    """

    task: int
    mark: str
    address: str
    stamp: str
    annotation: int | None
    group: str | None
    path: str
    suffix: str
    image: str
    text: str
    hashed: str
    classes: Sequence[int]
    boxes: int
    notes: Mapping[str, int]
    undecided: Mapping[str, int]


FIELDS = ",".join(SpooledImage.__slots__).encode()


class Spool:
    """Lines that are appended, and read again by their place."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._end = 0  # its own tell() would flush it each time

    def add(self, image: SpooledImage, look: int | None) -> DraftImage:
        """Append an image."""
        content = json.dumps([getattr(image, name) for name in image.__slots__]).encode()
        return self.add_line(_checksum(content) + content + b"\n", image, look)

    def add_line(self, line: bytes, image: SpooledImage, look: int | None) -> DraftImage:
        """Append an image whose line has been made before."""
        offset = self._end
        self._end += self._file.write(line)
        content = hash_content(image.task, image.image, image.hashed)
        classes = tuple(image.classes)
        return DraftImage(image.task, image.address, offset, len(line), image.group, look, classes, content)

    def flush(self) -> None:
        """Make all lines readable."""
        self._file.flush()

    def read(self, image: DraftImage) -> SpooledImage:
        """Read an image whose line has been flushed."""
        line = os.pread(self._file.fileno(), image.length, image.offset)
        return SpooledImage(*json.loads(line[CHECKSUM:].decode()))


def read_spool(path: Path) -> Iterator[tuple[bytes, SpooledImage]]:
    """Yield the lines of a spool with their images, without those that are damaged; nothing if the file is missing."""
    try:
        with path.open("rb") as file:
            for line in file:
                content = line[CHECKSUM:-1]
                if line[:CHECKSUM] == _checksum(content):
                    yield line, SpooledImage(*json.loads(content.decode()))
    except OSError:
        return


def name_address(image: str) -> str:
    """Return a short name of the address of an image."""
    return hashlib.sha256(image.encode()).hexdigest()[:16]


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(FIELDS + content).hexdigest()[:CHECKSUM].encode()
