"""Embed the whole images of reviewed tasks, each once, for finding near-duplicates."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from loop.datasets.near_duplicates import ImageVectors
from loop.datasets.room import DatasetsRoom
from loop.errors import ImageError, UpstreamError
from loop.regions import Box, Pixels
from loop.storage.queries import chunked
from loop.vision.embedding import Embedder, Space, Vectors
from loop.vision.image_files import read_shrunk

log = logging.getLogger(__name__)

WHOLE = Box(0, 0, 1, 1)
IMAGES = 16  # in memory at a time
PIXELS = 640  # of the longer side of an image given to an embedder
PREPARATION = "whole-1"  # changes with every change of the image given to an embedder


def embed_images(
    datasets: DatasetsRoom,
    project_id: int,
    space: Space,
    addresses: Mapping[int, str],
    files: Mapping[int, Path],
    check: Callable[[], None],
) -> ImageVectors:
    """
    Return the vectors of the images of a project's tasks, after making missing vectors from their *files*.

    *addresses* names the address of each task's image. *check* is called often and raises to stop. A failure of the
    embedder is logged, and the images after it have no vector.
    """
    name = f"{PREPARATION}:{space.fingerprint}"
    known = datasets.vectors.read_addresses(project_id, name)
    missing = [task_id for task_id in files if known.get(task_id) != addresses[task_id]]
    try:
        _make_missing(
            datasets, project_id, space, {task_id: (addresses[task_id], files[task_id]) for task_id in missing}, check
        )
    except UpstreamError as error:
        log.warning("project %d: images without a vector are compared by their hashes: %s", project_id, error)
    return datasets.vectors.read(project_id, name, addresses, datasets.policy.twin_cosine)


def _make_missing(
    datasets: DatasetsRoom,
    project_id: int,
    space: Space,
    images: Mapping[int, tuple[str, Path]],
    check: Callable[[], None],
) -> None:
    """Make and store vectors in batches, so that a killed run continues. Raises UpstreamError."""
    embedder = _load(datasets, space) if images else None
    for task_ids in chunked(images, IMAGES):
        check()
        pixels = {}
        for task_id in task_ids:
            try:
                pixels[task_id] = read_shrunk(images[task_id][1], PIXELS)
            except ImageError as error:
                log.warning("project %d: task %d has no vector: %s", project_id, task_id, error)
        if embedder and pixels:
            vectors = _embed(embedder, list(pixels.values()))
            addresses = {task_id: images[task_id][0] for task_id in pixels}
            datasets.vectors.replace(project_id, f"{PREPARATION}:{space.fingerprint}", addresses, vectors)


def _load(datasets: DatasetsRoom, space: Space) -> Embedder:
    try:
        return datasets.vision.embedders.load(space, None)
    except Exception as error:  # reading foreign weights raises anything
        raise UpstreamError(f"LOOP_EMBEDDER cannot be loaded: {error}") from error


def _embed(embedder: Embedder, pixels: Sequence[Pixels]) -> Vectors:
    try:
        return np.concatenate(embedder.embed(pixels, [[WHOLE]] * len(pixels)))
    except Exception as error:  # torch raises anything, also where memory runs out
        raise UpstreamError(f"LOOP_EMBEDDER failed: {error}") from error
