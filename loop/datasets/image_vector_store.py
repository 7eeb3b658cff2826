"""Stores the vectors of whole images of reviewed tasks, made once per address and embedder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa

from loop.storage.tables import whole_vectors
from loop.vision.embedding import Vectors

if TYPE_CHECKING:
    from loop.datasets.near_duplicates import Halves, ImageVectors

HALF = "<f2"  # the stored byte order, on every machine


class ImageVectorStore:
    """The vectors in the records; a task has one vector, of the embedder used last."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def read_addresses(self, project_id: int, embedder: str) -> dict[int, str]:
        """The name of the image address behind each vector of an embedder, by task."""
        query = sa.select(whole_vectors.c.task_id, whole_vectors.c.image).where(*_conditions(project_id, embedder))
        with self._engine.connect() as connection:
            return {row.task_id: row.image for row in connection.execute(query)}

    def replace(self, project_id: int, embedder: str, images: Mapping[int, str], vectors: Vectors) -> None:
        """Store one vector per task; *images* maps tasks to addresses, *vectors* are in the same order."""
        rows = [
            {
                "project_id": project_id,
                "task_id": task_id,
                "embedder": embedder,
                "image": image,
                "vector": vector.astype(HALF).tobytes(),
            }
            for (task_id, image), vector in zip(images.items(), vectors, strict=True)
        ]
        is_stored = (whole_vectors.c.project_id == project_id, whole_vectors.c.task_id.in_(list(images)))
        try:
            with self._engine.begin() as connection:
                connection.execute(whole_vectors.delete().where(*is_stored))
                connection.execute(whole_vectors.insert(), rows)
        except sa.exc.IntegrityError:  # another process stores the same vectors at this moment
            return

    def read(self, project_id: int, embedder: str, images: Mapping[int, str], least: float) -> ImageVectors:
        """All vectors of an embedder, except those of tasks whose address in *images* has changed since."""
        import numpy as np

        from loop.datasets.near_duplicates import ImageVectors

        query = sa.select(whole_vectors.c.task_id, whole_vectors.c.image, whole_vectors.c.vector)
        query = query.where(*_conditions(project_id, embedder)).order_by(whole_vectors.c.task_id)
        rows: dict[int, int] = {}
        content = bytearray()
        with self._engine.connect() as connection:
            for task_id, image, vector in connection.execute(query.execution_options(yield_per=1000)):
                if images.get(task_id, image) == image:
                    rows[task_id] = len(rows)
                    content += vector
        vectors: Halves = np.frombuffer(content, HALF).reshape(len(rows), -1) if rows else np.zeros((0, 1), HALF)
        return ImageVectors(rows, vectors, least)


def _conditions(project_id: int, embedder: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return whole_vectors.c.project_id == project_id, whole_vectors.c.embedder == embedder
