"""Removing what versions that serve no more have predicted from tasks that nobody has begun."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from loop.label_studio.tasks import StoredTask
from loop.serving.old_predictions import find_removable
from loop.serving.refresh import refresh
from loop.serving.retire import retire
from loop.storage.tables import moves
from tests.builders import ls_task
from tests.fakes import FakeDetectors, FakeLabelStudio
from tests.swap import swap

BASE, V1, V2, V3, FOREIGN = "yolo_detector@0.0.0", *(f"yolo_detector@1.{n}.0" for n in range(3)), "their-model"
UNTOUCHED = {"total_annotations": 0, "cancelled_annotations": 0, "draft_exists": False}


def task(number, *versions, **fields):
    predictions = [{"id": 100 * number + n, "model_version": version} for n, version in enumerate(versions)]
    return {**ls_task(number), **UNTOUCHED, "predictions": predictions, **fields}


def versions_of(label_studio):
    return [[one["model_version"] for one in task["predictions"]] for task in label_studio.tasks]


@pytest.fixture
def ready(rooms, tmp_path):
    """Three versions, of which the third serves; old predictions are removed at once."""
    for number in range(3):
        weights = tmp_path / f"{number}.pt"
        weights.write_bytes(b"weights %d" % number)
        rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights).name, "better")
    policy = replace(rooms.serving.policy, keep_predictions=0.0)
    return swap(
        rooms,
        (rooms.serving.policy, policy),
        (rooms.studio.client, FakeLabelStudio()),
        (rooms.registry.detectors, FakeDetectors()),
    )


def test_what_old_versions_predicted_goes_where_the_champions_is_there(ready):
    ready.studio.client.tasks = [task(1, BASE, V1, V2, V3), task(2, V1, V2)]

    assert retire(ready.serving, 1) == "3 old predictions removed"

    assert versions_of(ready.studio.client) == [[V3], [V1, V2]]


def test_what_is_not_ours_stays(ready):
    ready.studio.client.tasks = [task(1, FOREIGN, "", None, V1, "yolo_detector@1.9.0", V3)]

    retire(ready.serving, 1)

    assert versions_of(ready.studio.client) == [[FOREIGN, "", None, "yolo_detector@1.9.0", V3]]


@pytest.mark.parametrize(
    "begun",
    [
        {"total_annotations": 1},
        {"cancelled_annotations": 1},
        {"draft_exists": True},
        {"annotations": [{"id": 1}]},
        {"drafts": [{"id": 1}]},
    ],
    ids=["annotated", "skipped", "anybody's draft", "an annotation", "a draft"],
)
def test_a_task_that_somebody_has_begun_keeps_all(ready, begun):
    ready.studio.client.tasks = [task(1, V1, V2, V3, **begun)]

    retire(ready.serving, 1)

    assert versions_of(ready.studio.client) == [[V1, V2, V3]]


def test_a_task_that_does_not_say_whether_somebody_has_begun_it_keeps_all(ready):
    ready.studio.client.tasks = [{**ls_task(1), "predictions": task(1, V1, V3)["predictions"]}]

    retire(ready.serving, 1)

    assert versions_of(ready.studio.client) == [[V1, V3]]


def test_a_shadow_that_is_shown_keeps_its_predictions(ready):
    ready.studio.projects.set_shadow(1, V2, 1.0, is_shown=True)
    ready.studio.client.tasks = [task(1, V1, V2, V3)]

    retire(ready.serving, 1)

    assert versions_of(ready.studio.client) == [[V2, V3]]


@pytest.mark.parametrize(("keep", "left"), [(-1, [V1, V2, V3]), (3600, [V2, V3]), (0, [V3])], ids=str)
def test_they_stay_as_long_as_the_setting_says(ready, keep, left):
    with ready.engine.begin() as connection:  # the first version served until yesterday
        then = datetime.now(UTC) - timedelta(days=1)
        connection.execute(sa.update(moves).where(moves.c.version == V2).values(moved_at=then))
    ready.studio.client.tasks = [task(1, V1, V2, V3)]

    retire(swap(ready, (ready.serving.policy, replace(ready.serving.policy, keep_predictions=keep))).serving, 1)

    assert versions_of(ready.studio.client) == [left]


def test_a_run_ends_in_time_and_the_next_goes_on(ready):
    ready.studio.client.tasks = [task(number, V1, V3) for number in range(1, 6)]

    line = retire(ready.serving, 1, seconds=-1)

    assert line == "0 old predictions removed, and there are more"
    assert retire(ready.serving, 1) == "5 old predictions removed"
    assert retire(ready.serving, 1) == "0 old predictions removed"


def test_a_prediction_that_somebody_else_removed_is_no_error(ready):
    class Gone(FakeLabelStudio):
        def delete_prediction(self, prediction_id):
            return False

    studio = Gone([task(1, V1, V3)])

    assert retire(swap(ready, (ready.studio.client, studio)).serving, 1) == "0 old predictions removed"


def test_a_promotion_removes_them_after_the_new_ones_are_stored(ready):
    ready.studio.client.tasks = [task(1, V2), task(2, V2)]

    line = refresh(ready.serving, 1)

    assert "2 old predictions removed" in line
    assert versions_of(ready.studio.client) == [[V3], [V3]]


def test_after_a_rollback_the_version_of_before_predicts_again(ready):
    ready.studio.client.tasks = [task(1, V2)]
    refresh(ready.serving, 1)
    logged = len(ready.serving.predictions.of_task(1, 1))

    ready.registry.versions.roll_back(1, "it was better")
    refresh(ready.serving, 1)

    assert versions_of(ready.studio.client) == [[V2]]
    assert len(ready.serving.predictions.of_task(1, 1)) == logged + 1


VERSIONS = st.sampled_from([BASE, V1, V2, V3, FOREIGN, None])
NUMBERS = st.integers(0, 2)


@given(st.lists(VERSIONS), NUMBERS, NUMBERS, st.booleans(), st.sets(st.sampled_from([BASE, V1, V2])))
def test_only_old_versions_of_untouched_tasks_ever_go(versions, annotated, skipped, has_draft, old):
    counts = {"total_annotations": annotated, "cancelled_annotations": skipped, "draft_exists": has_draft}
    row = task(1, *versions, **counts)

    gone = find_removable(StoredTask(row), V3, old)

    by_id = {prediction["id"]: prediction["model_version"] for prediction in row["predictions"]}
    assert {by_id[number] for number in gone} <= old
    if annotated or skipped or has_draft or V3 not in versions:
        assert gone == []
    else:
        assert sorted(gone) == sorted(number for number, version in by_id.items() if version in old)
