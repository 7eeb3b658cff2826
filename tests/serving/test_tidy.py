"""The boxes of replaced predictions go, unless a review was or can be judged against them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from loop.installation.tidy import PLACES, tidy
from loop.rates.assess import RatesRequest, assess
from loop.reviews.judging import judge_tasks
from loop.serving.tidy import PAGE, drop_replaced
from loop.storage.tables import predictions
from loop.walk import Walk
from tests.builders import LONG_AGO, ls_task, read_rows, region, review, served
from tests.fakes import FreeQueue
from tests.swap import swap

V1, V2, V3 = (f"yolo_detector@1.{number}.0" for number in range(3))
UNTOUCHED = {"total_annotations": 0, "cancelled_annotations": 0, "draft_exists": False}
NOW = datetime.now(UTC)


@pytest.fixture
def rooms(rooms):
    return swap(rooms, (rooms.queue, FreeQueue()))


def promote(rooms, folder, *names):
    for name in names:
        (folder / "w.pt").write_bytes(name.encode())
        rooms.registry.versions.add(1, folder / "w.pt", number=name.rpartition("@")[2])
        rooms.registry.versions.promote(1, name, "better")


def log(rooms, *entries):
    for entry in entries:
        assert rooms.serving.predictions.append([replace(entry, served_at=LONG_AGO)]) == 1


def boxes(rooms):
    """The versions whose predictions have their boxes, by task."""
    known = {}
    for row in read_rows(rooms, predictions):
        known.setdefault(row.task_id, [])
        if row.regions:
            known[row.task_id].append(row.version)
    return known


def test_replaced_predictions_that_nobody_reviewed_lose_their_boxes(rooms, tmp_path):
    promote(rooms, tmp_path, V1, V2, V3)
    rooms.studio.client.tasks = [{**ls_task(1), **UNTOUCHED}]
    log(rooms, *(served(region(version[-3]), version=version) for version in (V1, V2, V3)))

    assert "predictions 1," in tidy(rooms.installation)
    assert "predictions 0," in tidy(rooms.installation)

    assert boxes(rooms) == {1: [V2, V3]}  # the champion, and the version to roll back to
    assert [one.version for one in rooms.serving.predictions.of_task(1, 1)] == [V2, V3]
    assert rooms.serving.predictions.newest(1, [1], version=V1) == {}
    assert rooms.serving.predictions.served_by(1, V1).tasks == 1


def used_bytes(rooms):
    with rooms.engine.connect() as connection:
        pages, free = (connection.scalar(sa.text(f"PRAGMA {name}")) for name in ("page_count", "freelist_count"))
    return (pages - free) * 4096


@pytest.mark.sqlite  # PostgreSQL frees space by its own vacuum
def test_the_space_of_dropped_boxes_is_free_again(rooms, tmp_path):
    promote(rooms, tmp_path, V2, V3)
    many = [region(f"r{number}", score=0.5) for number in range(20)]
    log(rooms, *(served(*many, task=task, version=version) for version in (V1, V3) for task in range(100)))
    before = used_bytes(rooms)

    assert "predictions 100," in tidy(rooms.installation)

    assert before - used_bytes(rooms) > 150_000


NEEDED = {
    "annotated": {"total_annotations": 1},
    "skipped": {"cancelled_annotations": 1},
    "draft": {"draft_exists": True},
    "shown": {"predictions": [{"id": 1, "model_version": V1}]},
}


@pytest.mark.parametrize("fields", NEEDED.values(), ids=NEEDED)
def test_boxes_that_a_review_may_still_be_judged_against_stay(rooms, tmp_path, fields):
    promote(rooms, tmp_path, V2, V3)
    rooms.studio.client.tasks = [{**ls_task(1), **UNTOUCHED, **fields}]
    log(rooms, served(region("a"), version=V1), served(region("b"), version=V3))

    tidy(rooms.installation)

    assert boxes(rooms) == {1: [V1, V3]}


def test_boxes_of_a_reviewed_task_and_of_the_audit_stay_whatever_label_studio_says(rooms, tmp_path):
    promote(rooms, tmp_path, V2, V3)
    rooms.studio.client.tasks = [{**ls_task(task), **UNTOUCHED} for task in (1, 2)]
    log(rooms, *(served(region(version), version=version) for version in (V1, V3)))
    log(rooms, *(served(region(version), task=2, version=version, stream="audit") for version in (V1, V3)))
    rooms.reviews.store.record(review(region(V1)), {"image": "/data/upload/1/a.jpg"})

    tidy(rooms.installation)

    assert boxes(rooms) == {1: [V1, V3], 2: [V1, V3]}


def test_a_prediction_that_was_replaced_lately_stays(rooms, tmp_path):
    promote(rooms, tmp_path, V2, V3)
    log(rooms, served(region("a"), version=V1))
    rooms.serving.predictions.append([replace(served(region("b"), version=V3), served_at=NOW)])

    tidy(rooms.installation)

    assert boxes(rooms) == {1: [V1, V3]}


def test_a_run_whose_time_is_up_lets_the_next_one_pass_the_rows_that_stay(rooms, tmp_path):
    promote(rooms, tmp_path, V2, V3)
    last = PAGE + 1
    rooms.studio.client.tasks = [
        {**ls_task(task), **UNTOUCHED, "total_annotations": int(task < last)} for task in range(1, last + 1)
    ]
    log(
        rooms,
        *(served(region(version), task=task, version=version) for task in range(1, last + 1) for version in (V1, V3)),
    )
    short = Walk(seconds=0)

    assert drop_replaced(rooms.serving, 1, NOW, short) == 0
    assert drop_replaced(rooms.serving, 1, NOW, Walk(short.after, seconds=0)) == 1


def test_a_run_goes_on_behind_the_place_where_the_one_before_stopped_and_then_begins_anew(rooms, tmp_path):
    promote(rooms, tmp_path, V2, V3)
    rooms.studio.client.tasks = [{**ls_task(1), **UNTOUCHED}]
    log(rooms, *(served(region(version), version=version) for version in (V1, V3)))
    rooms.installation.machine.facts.replace(PLACES, {"predictions 1": "1"})

    assert "predictions 0," in tidy(rooms.installation)
    assert "predictions 1," in tidy(rooms.installation)


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from([V1, V2, V3]), st.sampled_from(["queue", "audit"]), st.booleans()),
        max_size=12,
    ),
    st.sets(st.integers(1, 3)),
)
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_predicted_and_reviewed_verdicts_and_rates_are_the_same(rooms, tmp_path, shown, reviewed):
    with rooms.engine.begin() as connection:
        connection.execute(predictions.delete())
    if rooms.registry.versions.champion(1) is None:
        promote(rooms, tmp_path, V2, V3)
    rooms.reviews.store.forget(1)
    rooms.studio.client.tasks = [{**ls_task(task), **UNTOUCHED} for task in (1, 2, 3)]
    for minute, (task, version, stream, is_shadow) in enumerate(shown):
        entry = served(region(f"r{minute}", score=0.6), task=task, version=version, stream=stream)
        moment = LONG_AGO + timedelta(minutes=minute)
        rooms.serving.predictions.append([replace(entry, is_shadow=is_shadow, served_at=moment)])
    for task in sorted(reviewed):
        first = next((f"r{minute}" for minute, one in enumerate(shown) if one[0] == task), "drawn")
        rooms.reviews.store.record(review(region(first), annotation=task, task=task), {"image": "/data/upload/1/a.jpg"})

    def read():
        judge_tasks(rooms.reviews, 1, (1, 2, 3))
        judged = [(one.task_id, one.version, str(one.decision)) for one in rooms.rates.store.read_verdicts(1)]
        newest = rooms.serving.predictions.newest(1, (1, 2, 3))
        return judged, assess(rooms.rates, 1, RatesRequest()), newest

    before = read()
    tidy(rooms.installation)

    assert read() == before
