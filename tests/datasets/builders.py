"""Images and labelled tasks for datasets."""

import io
import json
import random
from dataclasses import replace

from PIL import Image

from loop.datasets import convert
from loop.datasets import folder as dataset_folder
from loop.datasets.snapshots import LabelledImage
from loop.datasets.splits import Side
from loop.datasets.writer import open_draft
from loop.label_studio.classes import ClassIndex
from loop.settings import Settings
from tests.builders import CONFIG, NOON, region
from tests.swap import swap

ADDRESS = "/data/1.jpg"
LABELS = ClassIndex.of(["Car"])
SIDES = {1: Side.TRAIN, 2: Side.TRAIN, 3: Side.HELD_OUT, 4: Side.TRAIN, 9: Side.TRAIN}


def sides(snapshot):
    return {one.task: one.side for one in snapshot.items()}


def photo(seed):
    """A picture that looks like no other."""
    rng = random.Random(seed)
    pixels = bytes(rng.randrange(256) for _ in range(3 * 64))
    content = io.BytesIO()
    Image.frombytes("RGB", (8, 8), pixels).resize((64, 48)).save(content, "JPEG", quality=90)
    return content.getvalue()


def item(task, *regions):
    return LabelledImage(task, f"/data/{task}.jpg", regions or (region(),), annotation_id=10 * task)


ITEMS = [item(1), item(2), item(3), item(9)]


def with_policy(rooms, **changes):
    return swap(rooms, (rooms.datasets.policy, replace(rooms.datasets.policy, **changes)))


def side_of(snapshot, task):
    return next(one.side for one in snapshot.items() if one.task == task)


def replace_home(settings, home):
    return Settings.read({**settings.environment(), "LOOP_HOME": str(home)})


def label_of(snapshot, task):
    path = snapshot.folder / "labels" / task.side / dataset_folder.label_file(task.file)
    return " ".join(line[:2] for line in path.read_text().splitlines())


def prediction(*regions, number=1, version="yolo_detector@1.0.0"):
    return {"id": number, "result": list(regions), "model_version": version, "created_at": NOON.isoformat()}


def exported(task, *annotations, predictions=(), image=None):
    return {
        "id": task,
        "data": {"image": image or f"/data/upload/1/{task}.jpg"},
        "annotations": list(annotations),
        "predictions": list(predictions),
        "project": 1,
    }


def write(folder, tasks):
    (folder / "export.json").write_text(json.dumps(tasks))
    return folder / "export.json"


def to_dataset(folder, tasks, out="out"):
    return convert.to_dataset(write(folder, tasks), CONFIG, folder / "images", folder / out)


def write_dataset(root, find, items=None, sides=None, labels=LABELS, **how):
    with open_draft(root, shared_images=how.pop("shared_images", None)) as draft:
        draft.add(ITEMS if items is None else items, labels, find)
        return draft.finish(sides or SIDES, labels, **how)
