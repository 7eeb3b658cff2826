"""The cached images that the reviews of a project need."""

from __future__ import annotations

from collections.abc import Iterator

from loop.datasets.room import DatasetsRoom
from loop.vision.addresses import identify
from loop.vision.image_cache import image_key


def read_needed(datasets: DatasetsRoom, project_id: int) -> Iterator[bytes]:
    """
    Yield the keys of the images of all reviewed tasks of a project.

    Every text of a task counts as the address of its image: another label config may read another field.
    """
    for task_id, data in datasets.reviews.store.read_task_data(project_id):
        for value in data.values():
            if isinstance(value, str):
                yield bytes.fromhex(image_key(project_id, task_id, identify(value.strip())))
