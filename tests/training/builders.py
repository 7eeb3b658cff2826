"""Small projects to train on for real, at hand without a Label Studio."""

from contextlib import closing

from loop.regions import Region
from loop.settings import Settings
from loop.vision.image_cache import ImageCache
from loop.wiring import build
from scripts.demo.scenes import WARM_START
from tests.builders import CONFIG, review
from tests.training.fakes import DrawnImages, truth

ALL_PASS = {  # a gate that one held-out image is enough for
    "LOOP_GATE_IMAGES": "0",
    "LOOP_GATE_BOXES": "0",
    "LOOP_GATE_CONFIDENCE": "0.5",
    "LOOP_GATE_CLASS_DROP": "1",
    "LOOP_GATE_LATENCY_RATIO": "1000",
}


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
    with closing(build(settings, migrate=True)) as rooms:
        rooms.studio.projects.save(project, "Rectangles", CONFIG)
        review_tasks(rooms, range(1, count + 1), project=project)


def review_tasks(rooms, tasks, *, project=1):
    cache = ImageCache(rooms.vision.cache._folder, DrawnImages())
    for task in tasks:
        box, label = truth(task)
        image = f"/data/upload/{project}/{task}.jpg"
        cache.find(project, task, image)
        submitted = review(Region(f"r{task}", box, label), annotation=task, task=task, project=project)
        rooms.reviews.store.record(submitted, {"image": image})
