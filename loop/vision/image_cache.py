"""The images of reviewed tasks on this machine: fetched once, prepared once; datasets hold hard links to them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from loop.memory_budget import Use, budget
from loop.storage.files import write_whole
from loop.vision.images import Images

if TYPE_CHECKING:
    from loop.vision.image_files import ImageFile, PreparedImage

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

        key = hashlib.sha256(f"{project_id}:{task_id}:{address}".encode()).hexdigest()
        folder = self._folder / key[:3]
        for path in folder.glob(f"{key[:32]}-*"):
            file = identify_file(path)
            _, digest, *form = path.stem.split("-")
            if not file.sha256.startswith(digest):
                path.unlink()  # damaged since
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

    def _store(self, prepared: PreparedImage, key: str) -> ImageFile:
        from loop.vision.image_files import ImageFile

        sha256 = prepared.sha256
        target = self._folder / key[:3] / f"{key[:32]}-{sha256[:16]}-{PREPARATION}{prepared.suffix}"
        if not target.exists():
            write_whole(prepared.content, target)
        return ImageFile(target, sha256, prepared.suffix, prepared.image_hash)
