"""Small JPEGs of images, for pages that carry their pictures inside."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from loop.vision.image_files import shrunk

WIDTH = 400  # pixels


def thumbnail(path: Path) -> tuple[bytes, int, int]:
    """A JPEG of at most WIDTH pixels a side, upright, with its width and height."""
    image = Image.fromarray(shrunk(path, WIDTH)[:, :, ::-1])
    content = io.BytesIO()
    image.save(content, "JPEG", quality=75)
    return content.getvalue(), image.width, image.height
