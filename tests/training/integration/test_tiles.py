"""Large images with small objects: trained on in tiles, measured, exported and served by real parts, and reviewed."""

import io
import random
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image, ImageDraw

from loop.datasets.splits import Side
from loop.gate.evaluate import evaluate
from loop.label_studio.tasks import read_tasks
from loop.regions import Box, Region
from loop.registry.detectors import Detectors
from loop.registry.loaded_version import EXPORTED
from loop.reviews.judging import judge_tasks
from loop.reviews.verdict_query import VerdictFilter
from loop.reviews.verdicts import Decision
from loop.serving.predictor import Predictor
from loop.training.retrain import retrain
from loop.vision.image_cache import ImageCache
from loop.vision.images import ImageLimits, Images
from loop.vision.tiling.tiled_detector import TiledDetector
from loop.vision.tiling.tiles import Framing, Tiling
from loop.wiring import build
from tests.builders import CONFIG, ls_task, review
from tests.fakes import FakeQueue
from tests.swap import swap
from tests.training.builders import settings_in, the_training

SIZE, SIDE = (320, 192), 96  # of an image and of a tile, in pixels
COLOURS = {"Car": "red", "Person": "blue"}
SHOWING = CONFIG.replace('toName="image">', 'toName="image" model_score_threshold="0.01">')
TASKS = range(1, 9)


def draw_objects(task_id):
    """Small objects in a grid, none on another."""
    rng = random.Random(task_id)
    for left in range(8, SIZE[0] - 40, 56):
        for top in range(8, SIZE[1] - 40, 48):
            if rng.random() < 0.5:
                x, y = left + rng.randint(0, 20), top + rng.randint(0, 16)
                corners = (x, y, x + rng.randint(14, 24), y + rng.randint(14, 24))
                yield rng.choice(sorted(COLOURS)), corners


def truth(task_id):
    width, height = SIZE
    for number, (label, (left, top, right, bottom)) in enumerate(draw_objects(task_id)):
        yield Region(f"r{number}", Box(left / width, top / height, (right + 1) / width, (bottom + 1) / height), label)


class Drawn(Images):
    """Draws the image of a task when it is fetched."""

    def fetch(self, address, task_id):
        canvas = Image.new("RGB", SIZE, "grey")
        for label, corners in draw_objects(task_id):
            ImageDraw.Draw(canvas).rectangle(corners, fill=COLOURS[label])
        content = io.BytesIO()
        canvas.save(content, "PNG")
        return content.getvalue()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Rooms of a project of which a version was trained in tiles."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        home = tmp_path_factory.mktemp("home")
        settings = settings_in(home, LOOP_IMAGE_SIZE=str(SIDE), LOOP_EPOCHS="6", LOOP_BATCH="8")
        with closing(build(settings, migrate=True)) as built:
            images = Drawn(None, ImageLimits())
            cache = ImageCache(built.vision.cache._folder, images)
            rooms = swap(
                built,
                (built.vision.images, images),
                (built.vision.cache, cache),
                (built.queue, FakeQueue()),
            )
            rooms.studio.projects.save(1, "Small objects", SHOWING)
            rooms.studio.projects.set_policy(1, {"tile": SIDE, "tile_overlap": 0.3})
            for task in TASKS:
                submitted = review(*truth(task), annotation=task, task=task)
                rooms.reviews.store.record(submitted, {"image": f"/data/upload/1/{task}.png"})
            rooms.trainings.store.ask(1, "a test")
            retrain(rooms.trainings, 1)
            yield rooms


def test_the_version_of_a_training_in_tiles_serves_in_them(trained):
    ended = the_training(trained)
    version = trained.registry.versions.champion(1)

    loaded = trained.registry.load(version)

    assert ended.status == "promoted", ended.error
    assert ended.report["snapshot"]["tiles"]["train"] > len(TASKS)
    assert version.framing == Framing(SIDE, Tiling(SIDE, 29))
    assert isinstance(loaded.detector, TiledDetector)
    assert loaded.runtime == EXPORTED


def test_its_figures_are_those_of_whole_images_that_it_looks_at_in_tiles(trained, tmp_path):
    version = trained.registry.versions.champion(1)
    snapshot = trained.datasets.snapshots.read(1, version.facts.snapshot)

    detector = Detectors("cpu", None, "", tmp_path).load(version.weights, version.framing)
    metrics = evaluate(detector, snapshot.data).metrics

    held_out = [item for item in snapshot.items() if item.side is Side.HELD_OUT]
    assert metrics.map50 == version.facts.metrics["map50"]
    assert metrics.images == len(held_out)
    assert metrics.boxes == sum(len(list(truth(item.task))) for item in held_out)


def test_boxes_that_were_served_in_tiles_have_the_right_verdicts(trained):
    (answer,) = Predictor(trained.serving).predict(1, SHOWING, read_tasks([ls_task(100, "/data/upload/1/100.png")]))
    shown = answer.suggestion.shown
    moved = replace(shown[1], box=replace(shown[1].box, x1=shown[1].box.x1 + 0.01))
    drawn = Region("new", Box(0.001, 0.95, 0.02, 0.999), "Car")

    reviewed = review(shown[0], moved, *shown[3:], drawn, annotation=100, task=100)
    later = datetime.now(UTC) + timedelta(minutes=1)
    reviewed = replace(reviewed, created_at=later, updated_at=later)
    trained.reviews.store.record(reviewed, {"image": "/data/upload/1/100.png"})
    judge_tasks(trained.reviews, 1, [100])

    verdicts = [one.decision for one in trained.reviews.verdicts.all(VerdictFilter(project=1)) if one.task == 100]
    assert len(shown) > 5
    assert answer.suggestion.version == "yolo_detector@1.0.0"
    assert sorted(verdicts) == sorted(
        [
            *[Decision.CONFIRMED] * (len(shown) - 2),
            Decision.CORRECTED,
            Decision.FALSE_POSITIVE,
            Decision.MISSED,
        ]
    )
