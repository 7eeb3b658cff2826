"""Removes the cached images that no review needs any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from loop.datasets.room import DatasetsRoom
from loop.vision.addresses import identify
from loop.vision.image_cache import image_key


def remove_images(datasets: DatasetsRoom, needed: Iterable[bytes], before: datetime) -> int:
    """Remove the cached images written *before* a time that are not *needed* and that no snapshot holds."""
    return datasets.vision.cache.remove_unneeded(frozenset(needed), before)


def read_needed(datasets: DatasetsRoom, project_id: int) -> Iterator[bytes]:
    """
    Yield the keys of the images of all reviewed tasks of a project.

    Every text of a task counts as the address of its image: another label config may read another field.
    """
    for task_id, data in datasets.reviews.store.read_task_data(project_id):
        for value in data.values():
            if isinstance(value, str):
                yield bytes.fromhex(image_key(project_id, task_id, identify(value.strip())))
