"""An order that studies try: tasks come first where a version sees other boxes on the mirrored image."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image, ImageOps

from loop.rates.annotators.agreement import match_boxes
from loop.regions import Box, Region
from loop.registry.loaded_version import LoadedVersion
from loop.rooms import Rooms
from loop.serving.pre_annotate import suggest
from loop.serving.queue_order import Ranking
from scripts.learning.studio import FolderImages


class MirroredImages(FolderImages):
    """The images of tasks, in a folder, mirrored from left to right."""

    def fetch(self, address: str, task_id: int) -> bytes:
        """Return the mirrored image of an address, as PNG."""
        content = io.BytesIO()
        ImageOps.mirror(Image.open(io.BytesIO(super().fetch(address, task_id)))).save(content, "PNG")
        return content.getvalue()


@dataclass(frozen=True)
class FlipRanking(Ranking):
    """
    Scores a task by the agreement of a version with itself on the mirrored image, lowest first.

    The agreement is that of two annotators: the share of their boxes that show the same object with the same label.
    Where neither has a box the score is that of the product. *rooms* returns those that hold this ranking, *folder* has
    the images.
    """

    rooms: Callable[[], Rooms] = field(kw_only=True)
    folder: Path = field(kw_only=True)
    loaded: dict[str, LoadedVersion] = field(default_factory=dict)

    def score(self, project_id: int, task_id: int, version: str, regions: Iterable[Region], threshold: float) -> float:
        """Score a task, see `Ranking`."""
        boxes = list(regions)
        shown = [box for box in boxes if (box.score or 0.0) >= threshold and not box.double_of]
        mirrored = self._see_mirrored(project_id, task_id, version)
        if not shown and not mirrored:
            return super().score(project_id, task_id, version, boxes, threshold)
        return match_boxes(shown, mirrored).share

    def _see_mirrored(self, project_id: int, task_id: int, version: str) -> list[Region]:
        """Return the boxes that a version shows on the mirrored image of a task, mirrored back."""
        rooms = self.rooms()
        if version not in self.loaded:
            self.loaded[version] = rooms.registry.load(rooms.registry.versions.champion(project_id))
        vision = replace(rooms.serving.vision, images=MirroredImages(self.folder))
        tasks = list(rooms.studio.client.named_tasks(project_id, [task_id]).values())
        config = rooms.studio.projects.get(project_id).config()
        (seen,) = suggest(tasks, config, self.loaded[version], replace(rooms.serving, vision=vision))
        return [replace(region, box=_mirror(region.box)) for region in seen.shown]


def _mirror(box: Box) -> Box:
    return Box(1 - box.x1, box.y0, 1 - box.x0, box.y1)
