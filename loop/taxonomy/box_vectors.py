"""Makes the vectors of boxes of suggestions, and remembers the last ones."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from loop.errors import ImageError
from loop.label_studio.payloads import Task
from loop.references.entries import crop_key
from loop.references.plan import EmbedderSource
from loop.regions import Box, Pixels
from loop.vision.embedding import Embedder, Vectors
from loop.vision.room import VisionRoom

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 2_000  # vectors in memory: 10 MB of 1280 numbers each

BoxesOfTask = tuple[int, str, Sequence[Box]]  # a task, its image, and boxes on it


class BoxVectors:
    """The embedder in memory, and the vectors that it made last. One thread at a time uses it."""

    def __init__(self, vision: VisionRoom) -> None:
        self._vision = vision
        self._embedder: Embedder | None = None
        self._known: OrderedDict[tuple[str, str], NDArray[np.float32]] = OrderedDict()

    def make(self, source: EmbedderSource, wanted: Sequence[BoxesOfTask], deadline: float) -> dict[int, Vectors]:
        """
        Return the vectors of boxes by task, in their order.

        Tasks whose image cannot be read, or is not begun by the *deadline*, on the monotonic clock, are left out.
        """
        import numpy as np

        missing = {Task(task, image): self._find_missing(source, image, boxes) for task, image, boxes in wanted}
        tasks = [task for task, boxes in missing.items() if boxes]

        def embed(task: Task, image: Pixels) -> Vectors:
            return self._load(source).embed([image], [missing[task]])[0]

        in_time = takewhile(lambda _: time.monotonic() < deadline, tasks)
        made: dict[tuple[str, str], NDArray[np.float32]] = {}
        for task, vectors in zip(tasks, self._vision.images.map(embed, in_time), strict=False):
            if not isinstance(vectors, ImageError):
                made |= {_key(source, task.image, box): row for box, row in zip(missing[task], vectors, strict=True)}
        known = self._known | made
        keys = {task: [_key(source, image, box) for box in boxes] for task, image, boxes in wanted}
        self._remember(made)
        return {
            task: np.stack([known[key] for key in of_task])
            for task, of_task in keys.items()
            if of_task and all(key in known for key in of_task)
        }

    def _remember(self, made: Mapping[tuple[str, str], NDArray[np.float32]]) -> None:
        self._known.update(made)
        while len(self._known) > MOST:
            self._known.popitem(last=False)

    def _find_missing(self, source: EmbedderSource, image: str, boxes: Sequence[Box]) -> list[Box]:
        return [box for box in dict.fromkeys(boxes) if _key(source, image, box) not in self._known]

    def _load(self, source: EmbedderSource) -> Embedder:
        """Return the embedder of a space; the last one stays in memory."""
        if self._embedder is None or self._embedder.space != source.space:
            self._embedder = self._vision.embedders.load(source.space, source.weights, source.image_size)
        return self._embedder


def _key(source: EmbedderSource, image: str, box: Box) -> tuple[str, str]:
    return source.space.fingerprint, crop_key(image, box)
