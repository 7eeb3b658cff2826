"""The images of reviewed tasks: fetched once, checked once; datasets hold hard links to them."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from loop.adapters.image_files import JPEG_END, ImageFile, inspect, name_by_content
from loop.adapters.images import SUFFIXES, Images
from loop.decisions.snapshots import LabelledImage

LARGEST = 1 << 40  # pixels: what is in the cache was within the limits when it was fetched


class ImageCache:
    """The cache in a folder. A file's name has the hash of its content, so that damage shows."""

    def __init__(self, folder: Path, images: Images) -> None:
        self._folder, self._images = folder, images

    def find(self, project_id: int, item: LabelledImage, *, look: bool = True) -> ImageFile:
        """Return the file of a task's image, and its look unless that is known. Raises ImageError."""
        key = hashlib.sha256(f"{project_id}:{item.task_id}:{item.image}".encode()).hexdigest()
        folder = self._folder / key[:3]
        for path in folder.glob(f"{key[:32]}-*"):
            found = name_by_content(path)
            if path.stem.endswith(found.sha256[:16]):
                return inspect(path, item.image, LARGEST) if look else found
            path.unlink()  # damaged since
        return inspect(self._fetched(folder, key, item), item.image, LARGEST)

    def _fetched(self, folder: Path, key: str, item: LabelledImage) -> Path:
        content = self._images.fetch(item.image, item.task_id)
        decoded = self._images.open(content, item.image)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as scratch:
            suffix = SUFFIXES.get(decoded.format or "")
            if suffix:
                is_cut = decoded.format == "JPEG" and not content.endswith(JPEG_END)
                scratch.write(content + JPEG_END if is_cut else content)
            else:  # a format that ultralytics does not read
                decoded.convert("RGB").save(scratch, "PNG")
        sha256 = name_by_content(Path(scratch.name)).sha256
        return Path(scratch.name).rename(folder / f"{key[:32]}-{sha256[:16]}{suffix or '.png'}")
