"""Makes the tasks of the conversion's benchmark: as an export with images, and as a project with its records."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from loop.datasets.export_file import read_tasks
from loop.label_studio.label_config import parse
from loop.reviews import review_row
from loop.rooms import Rooms
from loop.settings import Settings
from loop.storage import database
from loop.storage.tables import reviews
from loop.vision.image_cache import ImageCache
from loop.vision.images import ImageLimits, Images
from loop.wiring import build
from scripts.bench.installation import compose

LABELS = ("Car", "Person", "Bus")
CONFIG = """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
<Label value="Car"/><Label value="Person"/><Label value="Bus"/></RectangleLabels></View>"""
BOXES = 5  # per task
NEW = 100  # reviews that came since the last snapshot
PHOTO = (1280, 960)
SCENES = 100  # that the photos are made of; no two photos are equal
NOISE = 4.0  # grey levels: the noise of a camera, which also makes a JPEG as large as a photo


def make_tiny(folder: Path, count: int) -> None:
    """Write *count* tasks with images of 64x48, as an export and as the records of a project, unless they are there."""
    rng = random.Random(0)

    def draw(_: int) -> bytes:
        return _encode(Image.frombytes("RGB", (8, 8), rng.randbytes(192)).resize((64, 48)))

    if not (folder / "home").exists():
        _write_export(folder, count, draw, rng)
        _record(folder)


def make_photos(folder: Path, count: int) -> None:
    """Write *count* tasks with photos of 1280x960 as an export, unless they are there."""
    if (folder / "export.json").exists():
        return
    scenes = [np.asarray(scene.image.resize(PHOTO), np.int16) for scene in compose(min(count, SCENES), seed=6)]
    noise = np.random.default_rng(0)

    def draw(task: int) -> bytes:
        grain = noise.normal(0, NOISE, (PHOTO[1], PHOTO[0], 1)).astype(np.int16)
        return _encode(Image.fromarray((scenes[task % len(scenes)] + grain).clip(0, 255).astype(np.uint8)))

    _write_export(folder, count, draw, random.Random(0))


def build_rooms(folder: Path) -> Rooms:
    """Open the project's installation."""
    return build(read_settings(folder), migrate=True)


def read_settings(folder: Path) -> Settings:
    """Return the settings of the project's installation."""
    return Settings.read({"LOOP_HOME": str(folder / "home"), "LOOP_BACKGROUND_SHARE": "1"})


def review_again(rooms: Rooms, folder: Path) -> None:
    """Record another review of NEW tasks."""
    tasks = list(islice(read_tasks(folder / "export.json"), NEW))
    known = rooms.reviews.store.latest(1, [task.id for task in tasks])
    for task in tasks:
        review, counted = task.annotations[0].read(parse(CONFIG), project_id=1, task_id=task.id), known[task.id]
        later = counted.review.updated_at + timedelta(minutes=1)
        box = replace(counted.review.regions[0].box, x0=counted.review.regions[0].box.x0 * 0.99)
        regions = (replace(review.regions[0], box=box), *review.regions[1:])
        rooms.reviews.store.record(replace(review, updated_at=later, regions=regions), task.data)


def _encode(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=90)
    return content.getvalue()


def _write_export(folder: Path, count: int, draw: Callable[[int], bytes], rng: random.Random) -> None:
    (folder / "upload" / "1").mkdir(parents=True)
    with (folder / "export.json").open("w") as export:
        export.write("[")
        for task in range(1, count + 1):
            (folder / "upload" / "1" / f"{task}.jpg").write_bytes(draw(task))
            export.write(("," if task > 1 else "") + json.dumps(_task(task, rng)))
        export.write("]")


def _task(task: int, rng: random.Random) -> dict[str, object]:
    result = [
        {
            "id": f"{task}-{n}",
            "from_name": "label",
            "to_name": "image",
            "type": "rectanglelabels",
            "original_width": 64,
            "original_height": 48,
            "image_rotation": 0,
            "value": {
                **{side: rng.uniform(0, 50) for side in ("x", "y")},
                **{side: rng.uniform(5, 50) for side in ("width", "height")},
                "rotation": 0,
                "rectanglelabels": [rng.choice(LABELS)],
            },
        }
        for n in range(BOXES)
    ]
    annotation = {
        "id": task,
        "completed_by": 1,
        "result": result,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z",
        "lead_time": 5.0,
        "unique_id": f"{task}",
    }
    return {"id": task, "data": {"image": f"/data/upload/1/{task}.jpg"}, "annotations": [annotation], "project": 1}


def _record(folder: Path) -> None:
    class FromFolder(Images):
        """Reads the images from the folder instead of a Label Studio."""

        def fetch(self, address: str, task_id: int) -> bytes:  # noqa: ARG002
            return (folder / "upload" / "1" / Path(address).name).read_bytes()

    rooms = build_rooms(folder)
    rooms.studio.projects.save(1, "measured", CONFIG)
    cache = ImageCache(folder / "home" / "images", FromFolder(None, ImageLimits()))
    config, rows = parse(CONFIG), []
    for task in read_tasks(folder / "export.json"):
        review = task.annotations[0].read(config, project_id=1, task_id=task.id)
        rows.append({**review_row.write(review, task.data), "told_at": None})
        cache.find(1, task.id, task.data["image"])
    rooms.close()
    engine = database.connect(read_settings(folder).database)
    with engine.begin() as connection:  # as many calls of `record` would take minutes
        connection.execute(reviews.insert(), rows)
    engine.dispose()
