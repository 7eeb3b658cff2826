"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.job_queue import JobQueue
from loop.vision.embedders import Embedders
from loop.vision.image_cache import ImageCache
from loop.vision.images import Images


@dataclass(frozen=True, slots=True)
class VisionRoom:
    """Images and embedders."""

    queue: JobQueue
    images: Images
    cache: ImageCache
    embedders: Embedders
