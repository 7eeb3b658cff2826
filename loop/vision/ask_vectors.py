"""Ask for the vectors of what is new; recording a box need not know who makes them."""

from __future__ import annotations

from contextlib import suppress

from loop.errors import UpstreamError
from loop.vision.room import VisionRoom


def ask_vectors(vision: VisionRoom, project_id: int) -> None:
    """Ask that what is new gets its vectors; the sweep asks again where the job is lost."""
    if vision.embedders.is_off:
        return
    with suppress(UpstreamError):
        vision.queue.ask_index(project_id)
