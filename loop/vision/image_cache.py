"""The images of reviewed tasks: fetched once, prepared once; datasets hold hard links to them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from loop.storage.files import write_whole
from loop.vision.image_files import ANYTHING, ImageFile, Prepared, name_by_content, prepare
from loop.vision.images import Images

READY = "2"  # how files are prepared; files of older versions of this program are prepared anew


class ImageCache:
    """The cache in a folder. A file's name has the hash of its content, so that damage shows."""

    def __init__(self, folder: Path, images: Images, most_pixels: int = 100_000_000) -> None:
        self._folder, self._images, self._most_pixels = folder, images, most_pixels

    def find(self, project_id: int, task_id: int, address: str, *, look: bool = True) -> ImageFile:
        """Return the file of a task's image, at *address*, and its look unless that is known. Raises ImageError."""
        key = hashlib.sha256(f"{project_id}:{task_id}:{address}".encode()).hexdigest()
        folder = self._folder / key[:3]
        for path in folder.glob(f"{key[:32]}-*"):
            file = name_by_content(path)
            _, digest, *form = path.stem.split("-")
            if not file.sha256.startswith(digest):
                path.unlink()  # damaged since
            elif form == [READY] and not look:
                return file
            else:
                prepared = prepare(path.read_bytes(), address, ANYTHING)
                ready = self._keep(prepared, key)
                if ready.path != path:
                    path.unlink(missing_ok=True)
                return ready
        content = self._images.fetch(address, task_id)
        return self._keep(prepare(content, address, self._most_pixels), key)

    def _keep(self, prepared: Prepared, key: str) -> ImageFile:
        sha256 = prepared.sha256
        target = self._folder / key[:3] / f"{key[:32]}-{sha256[:16]}-{READY}{prepared.suffix}"
        if not target.exists():
            write_whole(prepared.content, target)
        return ImageFile(target, sha256, prepared.suffix, prepared.look)
