"""All that this room needs, built once by the wiring; asks for the vectors of new boxes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from loop.errors import UpstreamError
from loop.job_queue.queue import JobQueue
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

    def ask_vectors(self, project_id: int) -> None:
        """Ask for a job that makes missing vectors, if any are made; the sweep asks again where the job is lost."""
        if self.embedders.is_off:
            return
        with suppress(UpstreamError):
            self.queue.ask_index(project_id)
