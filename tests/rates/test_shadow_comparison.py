"""Which tasks a shadow is compared on, and with which champion."""

from dataclasses import replace

import pytest

from loop.rates.compare_shadow import compare_shadows
from loop.rates.rates import Rates
from loop.reviews.judging import judge_tasks
from loop.serving.store import KNOWN
from tests.builders import region, review, served

OLD, NEW, NEWER = (f"yolo_detector@1.{number}.0" for number in range(3))
IMAGE = "/data/upload/1/a.jpg"


@pytest.fixture
def log(rooms):
    def append(task, version, *, is_shadow=False, minutes=-10, stream="queue"):
        entry = served(region(f"{version}-{task}"), task=task, version=version, minutes=minutes, stream=stream)
        rooms.serving.predictions.append([replace(entry, is_shadow=is_shadow)])

    return append


def reviewed(rooms, task, *regions, **fields):
    rooms.reviews.store.record(review(*regions, annotation=task, task=task, **fields), {"image": IMAGE})
    judge_tasks(rooms.reviews, 1, [task])


def test_each_shadow_has_the_rates_of_its_champion_on_its_own_tasks(rooms, log):
    for task, shadow in ((1, NEW), (2, NEWER)):
        log(task, OLD)
        log(task, shadow, is_shadow=True)
    reviewed(rooms, 1, region(f"{OLD}-1"))
    reviewed(rooms, 2, parent_prediction=9)

    assert compare_shadows(rooms.rates, 1) == {
        f"{OLD} (served, on 1 tasks)": Rates(confirmed=1),
        f"{NEW} (shadow, on 1 tasks)": Rates(confirmed=1),
        f"{OLD} (served beside {NEWER}, on 1 tasks)": Rates(false_positive=1),
        f"{NEWER} (shadow of {OLD}, on 1 tasks)": Rates(false_positive=1),
    }


@pytest.mark.parametrize("has_boxes", [True, False])
def test_a_task_that_had_a_known_answer_compares_nothing(rooms, log, has_boxes):
    log(1, OLD, stream=KNOWN)
    log(1, NEW, is_shadow=True, stream=KNOWN)
    reviewed(rooms, 1, *[region("drawn")] * has_boxes, is_ground_truth=True, parent_prediction=9)

    assert compare_shadows(rooms.rates, 1) == {}


def test_a_task_that_was_reviewed_after_its_shadow_began_to_serve_compares_nothing(rooms, log):
    log(1, OLD)
    log(1, NEW, is_shadow=True)
    log(1, NEW, minutes=-5)
    reviewed(rooms, 1, region(f"{NEW}-1"))

    assert list(rooms.rates.store.count_by_version(1)) == [NEW]
    assert compare_shadows(rooms.rates, 1) == {}
