"""Small projects to train on for real: pictures of one rectangle each, reviewed, at hand without a Label Studio."""

import io
import random
from contextlib import closing

from PIL import Image, ImageDraw

from loop.regions import Box, Region
from loop.settings import Settings
from loop.vision.image_cache import ImageCache
from loop.wiring import build
from scripts.demo.scenes import WARM_START
from tests.builders import CONFIG, review

SIZE = (96, 64)
ALL_PASS = {  # a gate that one held-out image is enough for
    "LOOP_GATE_IMAGES": "0",
    "LOOP_GATE_BOXES": "0",
    "LOOP_GATE_CONFIDENCE": "0.5",
    "LOOP_GATE_CLASS_DROP": "1",
    "LOOP_GATE_LATENCY_RATIO": "1000",
}
COLOURS = {"Car": "red", "Person": "blue"}


class DrawnImages:
    """Draws the image of a task."""

    def fetch(self, source, task_id):
        box, label = truth(task_id)
        canvas = Image.new("RGB", SIZE, "grey")
        corners = (box.x0 * SIZE[0], box.y0 * SIZE[1], box.x1 * SIZE[0], box.y1 * SIZE[1])
        ImageDraw.Draw(canvas).rectangle(corners, fill=COLOURS[label])
        content = io.BytesIO()
        canvas.save(content, "JPEG")
        return content.getvalue()


def truth(task_id):
    """What is on the picture of a task."""
    rng = random.Random(task_id)
    left, top = rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.5)
    return Box(left, top, left + rng.uniform(0.2, 0.4), top + rng.uniform(0.2, 0.4)), rng.choice(sorted(COLOURS))


def settings_in(folder, **more):
    return Settings.read(
        {
            "LOOP_HOME": str(folder),
            "LOOP_BASE_WEIGHTS": str(WARM_START),
            "LOOP_IMAGE_SIZE": "64",
            "LOOP_EPOCHS": "1",
            "LOOP_BATCH": "4",
            "LOOP_DEVICE": "cpu",
            "LOOP_RETRAIN_AFTER": "1000",
            "LOOP_REDIS_URL": "unix:///nowhere.sock",
            **ALL_PASS,
            **more,
        }
    )


def reviewed_project(settings, count=8, *, project=1):
    """Connect a project whose tasks 1 to *count* are reviewed, their images at hand."""
    with closing(build(settings, migrate=True)) as parts:
        parts.projects.save(project, "Rectangles", CONFIG)
        review_tasks(parts, range(1, count + 1), project=project)


def review_tasks(parts, tasks, *, project=1):
    cache = ImageCache(parts.image_cache._folder, DrawnImages())
    for task in tasks:
        box, label = truth(task)
        image = f"/data/upload/{project}/{task}.jpg"
        cache.find(project, task, image)
        found = review(Region(f"r{task}", box, label), annotation=task, task=task, project=project)
        parts.reviews.record(found, {"image": image})
