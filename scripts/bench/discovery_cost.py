"""
Measure what a discovery costs by the number of tasks, on synthetic vectors: real records, a real Milvus Lite.

`python -m scripts.bench.discovery_cost [TASKS…]` prints the table of `docs/benchmarks.md`. Every task has eight boxes
of 40 categories, 20 of which have references, and some of none; a tenth of the tasks is reviewed. Images are of one
colour, so the times hold neither fetching nor decoding. It starts its own Milvus Lite and stops it.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.discovery.discover import discover
from loop.discovery.gather import gather
from loop.discovery.spread import spread_queue
from loop.job_queue.queue import JobQueue
from loop.label_studio.client import LabelStudio
from loop.label_studio.payloads import Review, Task
from loop.label_studio.room import StudioRoom
from loop.label_studio.tasks import StoredTask
from loop.references.entries import CollectionKind
from loop.references.index import build as build_vectors
from loop.references.plan import find_source
from loop.regions import Box, Pixels, Region
from loop.rooms import Rooms
from loop.serving.store import LoggedPrediction
from loop.settings import Settings
from loop.storage import database
from loop.vision.embedders import Embedders
from loop.vision.embedding import Space, Vectors, normalise
from loop.vision.images import Images
from loop.vision.room import VisionRoom
from loop.wiring import RoomBuilder
from scripts.bench.references import milvus

BOXES, CATEGORIES, KNOWN, DIMENSION = 8, 40, 20, 448
SIZES = (1_000, 10_000)
CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    + "".join(f'<Label value="c{n}"/>' for n in range(KNOWN))
    + "</RectangleLabels></View>"
)
SPACE = Space("made-up", "f" * 64)
out = Console()


class CategoryEmbedders:
    """Gives a box a vector around the centre of its category; the place of the box encodes the category."""

    is_off, dimension = False, DIMENSION

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self._centres = normalise(rng.normal(size=(CATEGORIES, DIMENSION)))

    def space(self, *_: object) -> Space:
        """Return the only space."""
        return SPACE

    def load(self, *_: object) -> CategoryEmbedders:
        """Return itself, as an embedder."""
        return self

    def embed(self, _images: Sequence[Pixels], boxes: Sequence[Sequence[Box]]) -> list[Vectors]:
        """Make the vectors of boxes."""
        return [normalise(np.stack([self._vector(box) for box in some])) for some in boxes]

    def _vector(self, box: Box) -> Vectors:
        kind = round(box.y0 * 100)
        seed = int.from_bytes(hashlib.sha256(repr(box).encode()).digest()[:4])
        own = np.random.default_rng(seed).normal(size=DIMENSION) / np.sqrt(DIMENSION)
        return cast("Vectors", own + (self._centres[kind] if kind < CATEGORIES else 0))


R = TypeVar("R")


class PlainImages:
    """Images of one colour."""

    def map(self, work: Callable[[Task, Pixels], R], tasks: Iterable[Task]) -> Iterator[R]:
        """Yield the result of work on one image for each task."""
        return (work(task, np.zeros((48, 64, 3), np.uint8)) for task in tasks)

    def close(self) -> None:
        """Nothing to do."""


class EmptyServices:
    """Stands for Label Studio and the queue: without open tasks, without waiting jobs."""

    def open_tasks(self, _: int) -> Iterator[StoredTask]:
        """Return no task."""
        return iter(())

    def lengths(self) -> dict[str, int]:
        """Return that no job waits."""
        return {"gpu": 0, "default": 0}

    def close(self) -> None:
        """Nothing to do."""


def main() -> None:
    """Print one row per number of tasks."""
    table = Table("tasks", "vectors", "unknown", "gather, s", "discover, s", "spread, s", "peak MB", "line", box=None)
    for tasks in [int(one) for one in sys.argv[1:]] or SIZES:
        with milvus() as address, tempfile.TemporaryDirectory() as home:
            table.add_row(str(tasks), *measure_discovery(Path(home), address, tasks))
            out.print(table)


class SyntheticRooms(RoomBuilder):
    """Builds the rooms with synthetic images and vectors, and without Label Studio and a queue."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.queue = cast("JobQueue", EmptyServices())

    @cached_property
    def studio(self) -> StudioRoom:
        """The projects, without Label Studio."""
        return replace(super().studio, client=cast("LabelStudio", EmptyServices()))

    @cached_property
    def vision(self) -> VisionRoom:
        """Synthetic images and vectors."""
        images, embedders = cast("Images", PlainImages()), cast("Embedders", CategoryEmbedders())
        return replace(super().vision, images=images, embedders=embedders)


def measure_discovery(home: Path, address: str, tasks: int) -> list[str]:
    """Fill a project, then run a discovery."""
    settings = Settings.read({"LOOP_HOME": str(home), "LOOP_MILVUS_URI": address})
    database.migrate(settings.database)
    rooms = SyntheticRooms(settings).rooms()
    fill(rooms, tasks)
    out.print(build_vectors(rooms.references, 1).line)
    source = find_source(rooms.references, 1)
    assert source is not None
    vectors = sum(len(rooms.references.vectors.keys(1, source.space, kind)) for kind in CollectionKind)
    began = time.monotonic()
    unknown = len(gather(rooms.discovery, 1, source.space).members)
    gathered = time.monotonic()
    line = discover(rooms.discovery, 1)
    discovered = time.monotonic()
    spread_queue(rooms.discovery, 1, source.space)
    times = (gathered - began, discovered - gathered, time.monotonic() - discovered)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rooms.close()
    return [str(vectors), str(unknown), *(f"{one:.0f}" for one in times), f"{peak:.0f}", line.rpartition(",")[0]]


def fill(rooms: Rooms, tasks: int) -> None:
    """Predict every task, and review a tenth of them."""
    rooms.studio.projects.save(1, "Planted", CONFIG)
    rng = np.random.default_rng(1)
    now = datetime.now(UTC)
    for start in range(1, tasks + 1, 500):
        batch = []
        for task in range(start, min(start + 500, tasks + 1)):
            regions = [region(task, n, int(kind)) for n, kind in enumerate(rng.integers(0, CATEGORIES + 8, BOXES))]
            shown, held = regions[:4], [replace(one, score=0.1) for one in regions[4:]]
            image = f"/{task}.jpg"
            batch.append(
                LoggedPrediction(
                    1, task, "made_up@1.0.0", tuple(shown), tuple(held), 0.25, 0.5, "queue", 0.05, now, image
                )
            )
            if task % 10 == 0:
                drawn = tuple(one for one in regions if round(one.box.y0 * 100) < KNOWN)
                relabelled = [replace(one, label=f"c{round(one.box.y0 * 100)}") for one in drawn]
                rooms.reviews.store.record(Review(task, "", 1, task, tuple(relabelled), now, now), {"image": image})
        rooms.serving.predictions.append(batch)


def region(task: int, n: int, kind: int) -> Region:
    """Return a box whose place encodes its category; kinds from CATEGORIES on have none."""
    left = 0.1 * n + 1e-5 * (task % 1000)
    return Region(f"{task}-{n}", Box(left, kind / 100, left + 0.09, kind / 100 + 0.3), "c0", 0.5)


if __name__ == "__main__":
    main()
