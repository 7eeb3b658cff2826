"""Small projects to train on for real, at hand without a Label Studio."""

from contextlib import closing

import sqlalchemy as sa

from loop.regions import Region
from loop.settings import Settings
from loop.storage.exchange_tables import notices
from loop.training.callbacks import Watch
from loop.training.trainer import TrainingPolicy, train
from loop.vision.image_cache import ImageCache
from loop.wiring import build
from scripts.demo.scenes import WARM_START
from tests.builders import CONFIG, review
from tests.training.fakes import CANDIDATE, DrawnImages, truth

ALL_PASS = {  # a gate that one held-out image is enough for
    "LOOP_EXPORT": "fp32",  # an export in 8 bits takes ten seconds and more
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
            "LOOP_EMBEDDER": "none",  # made-up pictures are all alike to one that knows photos
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


ENDS = ("promoted", "refused")


def the_training(rooms):
    (training,) = rooms.trainings.store.last(1, 2)
    return training


def assert_ended_once(rooms):
    """It ended as if nothing had been: one version, one notice, the row and the champion agree."""
    ended = the_training(rooms)
    assert ended.status in ENDS, ended.error
    (version,) = rooms.registry.versions.list(1)
    champion = rooms.registry.versions.champion(1)
    assert ended.version == version.name
    assert (champion == version) is (ended.status == "promoted")
    assert rooms.reviews.store.new_since(1, rooms.studio.projects.get(1).reviews_seen_at) == 0
    with rooms.engine.connect() as connection:
        kinds = sa.select(notices.c.kind).where(notices.c.kind.startswith("training."))
        assert list(connection.scalars(kinds)) == ["training.finished"]
    assert not list((rooms.trainings.runs / f"training-{ended.id}").rglob("*.pt"))
    return ended


POLICY = TrainingPolicy(epochs=2, batch=4, image_size=64, device="cpu")


def watching(report=lambda _: None, check=lambda: None):
    return Watch(report, check)


def trained(snapshot, run, watch, policy=POLICY, start=WARM_START):
    return train(snapshot / "data.yaml", start, run, policy, watch)


def ready(rooms, training):
    folder = rooms.trainings.runs / f"training-{training.id}"
    folder.mkdir(parents=True)
    (folder / "finished.pt").write_bytes(CANDIDATE)


def read_notices(rooms):
    """The notices of trainings; promotions have their own."""
    with rooms.engine.connect() as connection:
        query = sa.select(notices).where(notices.c.kind.startswith("training."))
        return [(row.kind, row.body) for row in connection.execute(query)]


def last(rooms):
    return rooms.trainings.store.last(1)[0]
