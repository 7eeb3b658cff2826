"""The images of reviewed tasks on this machine: fetched once, prepared once; datasets hold hard links to them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from loop.memory_budget import Use, budget
from loop.storage.files import write_whole
from loop.vision.images import Images
from loop.walk import Walk

if TYPE_CHECKING:
    from loop.vision.image_files import ImageFile, PreparedImage

LETTERS = 32  # of a key
PREPARATION = "2"  # changes with the way files are prepared: older files are prepared again


class ImageCache:
    """The cache in a folder. A file's name has the hash of its content, which reveals damage."""

    def __init__(
        self, folder: Path, images: Images, most_pixels: int = 100_000_000, most_bytes: int = 50_000_000
    ) -> None:
        self._folder, self._images = folder, images
        self._most_pixels, self._most_bytes = most_pixels, most_bytes

    def find(self, project_id: int, task_id: int, address: str, *, with_hash: bool = True) -> ImageFile:
        """Return the file of a task's image at *address*; *with_hash*: with its perceptual hash. Raises ImageError."""
        from loop.vision.image_files import ANY_SIZE, identify_file, prepare

        key = image_key(project_id, task_id, address)
        folder = self._folder / key[:3]
        for path in folder.glob(f"{key}-*"):
            try:
                file = identify_file(path)
            except FileNotFoundError:  # another process has replaced or removed it
                continue
            _, digest, *form = path.stem.split("-")
            if not file.sha256.startswith(digest):
                path.unlink(missing_ok=True)  # damaged since
            elif form == [PREPARATION] and not with_hash:
                return file
            else:
                with budget().take(Use.FILE, path.stat().st_size):
                    stored = self._store(prepare(path.read_bytes(), address, ANY_SIZE), key)
                if stored.path != path:
                    path.unlink(missing_ok=True)
                return stored
        with budget().take(Use.FILE, self._most_bytes) as loan:
            content = self._images.fetch(address, task_id)
            loan.shrink(len(content))
            return self._store(prepare(content, address, self._most_pixels), key)

    def is_unchanged(self, path: str, stamp: str) -> bool:
        """Whether a file of this cache has not changed since its *stamp* (see `stamp_file`); it is not read."""
        return path.startswith(f"{self._folder}/") and stamp != "" and stamp_file(path) == stamp

    def remove_unneeded(self, needed: Collection[bytes], before: datetime, walk: Walk) -> int:
        """
        Remove the files written *before* a time whose key is not *needed*; return how many.

        A file that a dataset links to stays: it would free nothing. Files that killed writers left are removed too.
        """
        removed = 0
        folders = walk.over(folder.name for folder in self._folder.glob("*"))
        for path in (path for name in folders for path in (self._folder / name).glob("*")):
            with suppress(FileNotFoundError):  # replaced meanwhile
                facts = path.stat()
                is_old = facts.st_nlink == 1 and facts.st_mtime < before.timestamp()
                if is_old and _read_key(path) not in needed:
                    path.unlink()
                    removed += 1
        return removed

    def _store(self, prepared: PreparedImage, key: str) -> ImageFile:
        from loop.vision.image_files import ImageFile

        sha256 = prepared.sha256
        target = self._folder / key[:3] / f"{key}-{sha256[:16]}-{PREPARATION}{prepared.suffix}"
        if not target.exists():
            write_whole(prepared.content, target)
        return ImageFile(target, sha256, prepared.suffix, prepared.image_hash)


def stamp_file(path: str) -> str:
    """Return a text that differs whenever a file was written since, or prepared in another way; empty if missing."""
    try:
        facts = os.stat(path)  # noqa: PTH116 (a Path would take as long as the rest)
    except OSError:
        return ""
    return f"{PREPARATION}:{facts.st_ino}:{facts.st_size}:{facts.st_mtime_ns}"


def image_key(project_id: int, task_id: int, address: str) -> str:
    """Return the key of a task's image at an address, in hexadecimal; the names of its files begin with it."""
    return hashlib.sha256(f"{project_id}:{task_id}:{address}".encode()).hexdigest()[:LETTERS]


def _read_key(path: Path) -> bytes | None:
    """Return the key in the name of a file; None for a file that a killed writer left."""
    try:
        return bytes.fromhex(path.name[:LETTERS])
    except ValueError:
        return None
