"""A real detector behind requests and jobs: a task is answered alike, whatever it is predicted with."""

import numpy as np
import pytest

from loop.label_studio.label_config import parse
from loop.label_studio.payloads import read_prediction
from loop.label_studio.tasks import read_tasks
from loop.registry.detectors import Detectors
from loop.reviews.process_events import judge_tasks
from loop.serving.predictor import Predictor
from loop.serving.refresh import refresh
from tests.builders import CONFIG, ls_task, review
from tests.fakes import FakeImages, FakeLabelStudio
from tests.swap import swap
from tests.vision.builders import write_detector

SIZES = [(96, 96), (40, 90), (300, 200), (31, 500), (64, 64), (640, 480), (97, 33)]
TASKS = [ls_task(number) for number in range(1, len(SIZES) + 1)]
SHOWING = CONFIG.replace('toName="image">', 'toName="image" model_score_threshold="0.05">')


class MixedImages(FakeImages):
    """Noise, of another size for each task."""

    def load(self, tasks):
        for task in tasks:
            size = SIZES[(task.id - 1) % len(SIZES)]
            yield np.random.default_rng(task.id).integers(0, 256, (*size, 3), dtype=np.uint8)


def answers(ready, tasks):
    """What `/predict` answers."""
    answered = Predictor(ready.serving).predict(1, SHOWING, read_tasks(tasks))
    return [answer.prediction.as_answer() for answer in answered]


@pytest.fixture
def ready(rooms, tmp_path):
    weights = write_detector(tmp_path / "tiny.pt")
    rooms.studio.projects.save(1, "Cars", SHOWING)
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights).name, "first")
    return swap(
        rooms,
        (rooms.registry.detectors, Detectors("cpu", 96, str(weights), tmp_path)),
        (rooms.vision.images, MixedImages()),
        (rooms.studio.client, FakeLabelStudio([ls_task(number) for number in range(1, len(SIZES) + 1)])),
    )


def test_a_task_is_answered_alike_alone_among_others_and_by_the_job(ready):
    together = answers(ready, TASKS)
    alone = [answers(ready, [task])[0] for task in reversed(TASKS)][::-1]
    refresh(ready.serving, 1)

    stored = {row["task"]: row["result"] for row in ready.studio.client.stored}
    assert sum(len(answer["result"]) for answer in alone) > 20
    assert [answer["result"] for answer in together] == [answer["result"] for answer in alone]
    assert stored == {task["id"]: answer["result"] for task, answer in zip(TASKS, alone, strict=True)}
    assert [len(ready.serving.predictions.of_task(1, task["id"])) for task in TASKS] == [1] * len(TASKS)


def test_boxes_that_are_left_as_they_were_shown_are_confirmed_whatever_was_predicted_since(ready):
    shown = answers(ready, TASKS[:1])[0]
    left = read_prediction({"id": 1, **shown}, parse(SHOWING), task_id=1).regions
    answers(ready, TASKS[::-1])
    ready.reviews.store.record(review(*left, minutes=60 * 24 * 365 * 10), TASKS[0]["data"])

    judge_tasks(ready.reviews, 1, [1])

    rates = ready.rates.store.count_by_version(1)["yolo_detector@1.0.0"]
    assert (rates.confirmed, rates.corrected, rates.false_positive, rates.missed) == (len(left), 0, 0, 0)
