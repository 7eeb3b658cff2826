"""Images and labelled tasks for datasets."""

import io
import random

from PIL import Image

from loop.datasets.snapshots import LabelledImage
from loop.datasets.splits import Side
from loop.label_studio.classes import ClassIndex
from tests.builders import region

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
