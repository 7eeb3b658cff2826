"""Small pictures of the boxes and images of tasks, from the cache of images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from loop.crops.room import CropsRoom
from loop.regions import Box, Region
from loop.vision.previews import cut

FORM = "1"  # changes with the look of the pictures


class BoxSource(StrEnum):
    """The records that have a box: a region keeps its id when a reviewer moves it."""

    PREDICTED = "predicted"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class PictureSource:
    """A part of a task's image; all of it without a *box*."""

    project_id: int
    task_id: int
    image: str
    box: Box | None = None

    @property
    def etag(self) -> str:
        """A text that differs for another picture: the address of the image stands for its content."""
        content = f"{FORM}\n{self.project_id}\n{self.task_id}\n{self.image}\n{self.box}"
        return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:32]


def find_box(
    crops: CropsRoom, project_id: int, task_id: int, region_id: str, first: BoxSource = BoxSource.PREDICTED
) -> PictureSource | None:
    """
    Return the place of a region: of the newest prediction that has it, or of the review that counts.

    *first* are the records that are looked at first. Raises UnknownProject.
    """
    sources = [_find_predicted, _find_reviewed]
    for find in sources if first == BoxSource.PREDICTED else reversed(sources):
        for image, regions in find(crops, project_id, task_id):
            box = next((region.box for region in regions if region.id == region_id), None)
            if image and box:
                return PictureSource(project_id, task_id, image, box)
    return None


def find_image(crops: CropsRoom, project_id: int, task_id: int) -> PictureSource | None:
    """Return the image of a task as its newest prediction has it, else its review; None without either."""
    found = [*_find_predicted(crops, project_id, task_id)[:1], *_find_reviewed(crops, project_id, task_id)]
    image = next((image for image, _ in found if image), None)
    return PictureSource(project_id, task_id, image) if image else None


def draw(crops: CropsRoom, source: PictureSource) -> bytes:
    """Return a JPEG of a source. Raises ImageError, and Overloaded where memory does not come free in time."""
    file = crops.vision.cache.find(source.project_id, source.task_id, source.image, with_hash=False)
    return cut.cut_box(file.path, source.box) if source.box else cut.shrink(file.path)


def _find_predicted(crops: CropsRoom, project_id: int, task_id: int) -> list[tuple[str, tuple[Region, ...]]]:
    predictions = crops.predictions.of_task(project_id, task_id)
    return [(prediction.image, prediction.boxes) for prediction in reversed(predictions)]


def _find_reviewed(crops: CropsRoom, project_id: int, task_id: int) -> list[tuple[str, tuple[Region, ...]]]:
    latest = crops.reviews.store.latest(project_id, [task_id])
    image_key = crops.studio.projects.get(project_id).config().image_key
    return [(counted.image(image_key) or "", counted.review.regions) for counted in latest.values()]
