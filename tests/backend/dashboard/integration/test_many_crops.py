"""The pages of a project with 50,000 tasks."""

import time
from datetime import UTC, datetime
from urllib.parse import urljoin

import pytest

from loop.storage.tables import predictions, reviews
from loop.storage.taxonomy_tables import task_groups
from loop.storage.vector_tables import vectors
from tests.backend.dashboard.builders import PAGE, PROJECT
from tests.backend.dashboard.looking import give_boxes
from tests.builders import NOON

TASKS, BOXES, REVIEWED, MOST_SECONDS = 50_000, 5, 10_000, 3.0
FIRST = 1000  # id of the first of the many tasks


def region_of(task, number):
    place = [0.1 * number, 0.1, 0.1 * number + 0.2, 0.4]
    return {"id": f"m{task}-{number}", "box": place, "label": f"Label {number}", "score": (task * 7 + number) % 97 / 97}


def write_prediction(task, version):
    shown = [region_of(task, number) for number in range(BOXES)]
    fixed = {"image": f"/{task}.jpg", "candidates": [], "threshold": 0.25, "stream": "queue", "propensity": 0.05}
    moment = {"execution": "x", "is_shadow": False, "served_at": NOON}
    row = {"project_id": PROJECT, "task_id": task, "version": version, "regions": shown, "score": task % 997 / 997}
    return {**fixed, **moment, **row}


def write_vectors(task, space):
    for number in range(BOXES):
        region = region_of(task, number)
        key = f"{task:08d}{number}"
        where = {"project_id": PROJECT, "embedder": space.fingerprint, "kind": "detections", "key": key, "crop": key}
        box = {"box": region["box"], "region": region["id"], "label": region["label"], "score": region["score"]}
        yield {
            **where,
            **box,
            "task_id": task,
            "image": f"/{task}.jpg",
            "version": "v",
            "verdict": "",
            "state": "done",
            "tries": 0,
        }


def write_review(task):
    texts = {"unique_id": "", "data": {"image": f"/{task}.jpg"}, "regions": [region_of(task, 0)]}
    flags = dict.fromkeys(("is_skipped", "is_ground_truth", "is_unseen", "is_imported"), False)
    moments = dict.fromkeys(("created_at", "updated_at", "recorded_at"), datetime.now(UTC))
    return {
        "project_id": PROJECT,
        "annotation_id": task,
        "task_id": task,
        "annotator": task % 3,
        **texts,
        **flags,
        **moments,
    }


@pytest.fixture
def many(filled):
    rooms = give_boxes(filled)
    version, space = rooms.registry.version_name(None), rooms.vision.embedders.space("", None)
    tasks = range(FIRST, FIRST + TASKS)
    with rooms.engine.begin() as connection:
        connection.execute(predictions.insert(), [write_prediction(task, version) for task in tasks])
        connection.execute(vectors.insert(), [row for task in tasks for row in write_vectors(task, space)])
        connection.execute(reviews.insert(), [write_review(task) for task in tasks[:REVIEWED]])
        groups = [{"project_id": PROJECT, "task_id": task, "number": task % 200} for task in tasks]
        connection.execute(task_groups.insert(), groups)
    return filled


@pytest.mark.long
def test_a_page_takes_less_than_three_seconds_with_50_000_tasks(many, operator):
    seconds = {}
    for path in (
        "crops/",
        "crops/?order=surest&label=Label+3&page=900",
        "crops/?order=misplaced",
        "queue/",
        "queue/?page=1500&annotator=1",
        *("", "now", "training/", "learning/", "models/", "rates/", "rates/?by=annotator", "clusters/", "taxonomy/"),
        *("accept/?error=0.02", "../../", "../../audit", "../../events", "../../jobs"),
    ):
        answers = []
        for _ in range(3):
            start = time.perf_counter()
            answer = operator.get(urljoin(f"/loop/projects/{PROJECT}/", path), headers=PAGE)
            answers.append(time.perf_counter() - start)
            assert answer.status_code == 200
        seconds[path] = min(answers)

    assert {path: each for path, each in seconds.items() if each > MOST_SECONDS} == {}
